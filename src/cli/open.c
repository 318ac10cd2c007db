/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open.c: the price book and the history, opened as every command opens them.
 *
 * Whoever reads the history settles abandoned runs first, so that what it shows is what was
 * acknowledged; a run that can't be settled is named and the rest is shown all the same. Where
 * nothing can be written nothing is settled, which is said.
 */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "run/glance.h"
#include "run/prices.h"
#include "run/settle.h"

enum { LOOK_MS = 1000, NEAR_RUNS_MAX = 500, NEAR_BYTES_MAX = 64 };

int pawl_cli_open_prices(const struct pawl_cli_call *call,
                         const char *prices,
                         const char *data_dir,
                         char ret_path[static PAWL_PATH_BYTES],
                         struct pawl_price_book **ret_book)
{
    struct pawl_errmsg msg = {""};
    struct pawl_datadir dir;
    pawl_err err = pawl_datadir_resolve(data_dir, &dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_prices_open(&dir, prices, ret_path, ret_book, &msg);
    }
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

int pawl_cli_open_history(const struct pawl_cli_call *call,
                          const char *data_dir,
                          struct pawl_datadir *ret_dir,
                          struct pawl_history **ret_history)
{
    *ret_history = NULL;
    struct pawl_errmsg msg = {""};
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_resolve(data_dir, ret_dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_check(ret_dir, &msg);
        if (err.code == PAWL_ERR_NOT_FOUND) {
            return PAWL_EXIT_OK;
        }
    }
    if (pawl_ok(err)) {
        err = pawl_datadir_path(ret_dir, "history.db", path, &msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_open(path, NULL, ret_history, &msg);
    }
    if (pawl_failed(err)) {
        int status = err.code == PAWL_ERR_CORRUPT ? PAWL_EXIT_CORRUPT : PAWL_EXIT_REFUSED;
        return pawl_cli_error(call, status, "%s", msg.text);
    }
    if (pawl_history_is_read_only(*ret_history)) {
        fprintf(stderr,
                "pawl %s: %s cannot be written: shown as it was left, and runs that were killed "
                "are not settled\n",
                call->command->name, ret_dir->path);
    }
    return PAWL_EXIT_OK;
}

static void tell_trouble(void *arg, const char *id, const struct pawl_errmsg *msg)
{
    const struct pawl_cli_call *call = arg;
    fprintf(stderr, "pawl %s: %s: %s\n", call->command->name, id, msg->text);
}

pawl_err pawl_cli_settle_all(const struct pawl_cli_call *call,
                             const struct pawl_datadir *dir,
                             struct pawl_history *history,
                             struct pawl_errmsg *msg)
{
    struct pawl_cli_call copy = *call; /* the callback's argument is not const */
    return pawl_history_is_read_only(history)
               ? PAWL_OK
               : pawl_settle_all(dir, history, tell_trouble, &copy, msg);
}

void pawl_cli_settle_before(const struct pawl_cli_call *call, const char *data_dir)
{
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    struct pawl_errmsg msg = {""};
    struct pawl_errmsg ignored;
    if (pawl_cli_open_history(call, data_dir, &dir, &history) != PAWL_EXIT_OK || history == NULL) {
        return;
    }
    if (pawl_failed(pawl_cli_settle_all(call, &dir, history, &msg))) {
        fprintf(stderr, "pawl %s: %s\n", call->command->name, msg.text);
    }
    (void)pawl_failed(pawl_history_close(history, &ignored)); /* It was only read. */
}

bool pawl_cli_settle_run(const struct pawl_cli_call *call,
                         const struct pawl_datadir *dir,
                         struct pawl_history *history,
                         const char *id)
{
    struct pawl_cli_call copy = *call;
    struct pawl_errmsg msg = {""};
    enum pawl_settle_outcome outcome;
    if (!pawl_history_is_read_only(history) &&
        pawl_failed(pawl_settle_run(dir, history, id, &outcome, &msg))) {
        tell_trouble(&copy, id, &msg);
        return false;
    }
    return true;
}

/* --- Which run is meant ---------------------------------------------------------------------- */

static bool take_id(void *arg, const struct pawl_history_run *run)
{
    char *id = arg;
    (void)pawl_slice_copy_str(run->id, id, PAWL_RUN_ID_BYTES);
    return false;
}

struct near {
    struct pawl_nearest nearest;
    char found[NEAR_BYTES_MAX];
};

static void offer(struct near *near, struct pawl_slice word)
{
    char text[NEAR_BYTES_MAX];
    if (word.bytes > 0 && word.bytes < sizeof(text)) {
        (void)pawl_slice_copy_str(word, text, sizeof(text));
        pawl_nearest_offer(&near->nearest, text);
        if (near->nearest.found == text) {
            memcpy(near->found, text, sizeof(text));
            near->nearest.found = near->found;
        }
    }
}

static bool offer_run(void *arg, const struct pawl_history_run *run)
{
    offer(arg, run->name);
    offer(arg, run->id);
    return true;
}

/* The run that was probably meant, and where all of them are. */
static void tell_missing(struct pawl_history *history, const char *text, struct pawl_errmsg *msg)
{
    struct near near = {.nearest = {.word = text}};
    struct pawl_errmsg ignored = {""};
    struct pawl_history_filter filter = {.limit = NEAR_RUNS_MAX};
    bool looked = pawl_ok(pawl_history_runs(history, &filter, offer_run, &near, &ignored));
    bool meant = looked && near.nearest.found != NULL;
    pawl_errmsg_set(msg, "there is no run '%.64s'%s%.64s%s; 'pawl runs' lists them", text,
                    meant ? ", did you mean '" : "", meant ? near.found : "", meant ? "'?" : "");
}

/* What became of a run that its policy kept for a time only. */
static bool tell_gone(struct pawl_history *history, const char *text, struct pawl_errmsg *msg)
{
    struct pawl_history_gone gone = {.id = ""};
    struct pawl_errmsg ignored = {""};
    char ended[PAWL_CLI_TEXT_BYTES];
    char kept[PAWL_CLOCK_TEXT_BYTES];
    if (pawl_failed(pawl_history_find_gone(history, pawl_slice_str(text), &gone, &ignored)) ||
        gone.id[0] == '\0') {
        return false;
    }
    pawl_errmsg_set(msg,
                    "%s ended %s and was removed after %s, as its policy says "
                    "(history.keep)",
                    gone.id, pawl_cli_local_time(gone.ended_us, ended),
                    pawl_duration_format_ms(gone.keep_ms, kept));
    return true;
}

pawl_err pawl_cli_find_run(const struct pawl_datadir *dir,
                           struct pawl_history *history,
                           const char *text,
                           char ret_id[static PAWL_RUN_ID_BYTES],
                           struct pawl_errmsg *msg)
{
    pawl_err err = pawl_datadir_find(dir, text, ret_id, msg);
    if (err.code != PAWL_ERR_NOT_FOUND || text[0] == '\0') {
        return err;
    }
    char id[PAWL_RUN_ID_BYTES] = "";
    struct pawl_errmsg history_msg = {""};
    struct pawl_history_filter filter = {.limit = 1, .name = pawl_slice_str(text)};
    if (pawl_failed(pawl_history_runs(history, &filter, take_id, id, &history_msg)) ||
        id[0] == '\0') {
        if (!tell_gone(history, text, msg) && strcmp(text, "last") != 0) {
            tell_missing(history, text, msg);
        }
        return err;
    }
    memcpy(ret_id, id, PAWL_RUN_ID_BYTES);
    return PAWL_OK;
}

struct named {
    const struct pawl_datadir *dir;
    const char *name;
    char id[PAWL_RUN_ID_BYTES]; /* "": not found */
};

static bool take_named(void *arg, const char *id)
{
    struct named *named = arg;
    struct pawl_errmsg msg = {""};
    static struct pawl_glance glance;
    if (pawl_ok(pawl_glance_ask(named->dir, id, LOOK_MS, NULL, &glance, &msg)) &&
        strcmp(glance.name, named->name) == 0) {
        memcpy(named->id, glance.id, sizeof(named->id));
    }
    return named->id[0] == '\0';
}

/* Of several runs of one name the newest counts; who speaks to a live one means a live one. */
static bool
find_live(const struct pawl_datadir *dir, const char *text, char ret_id[static PAWL_RUN_ID_BYTES])
{
    struct named named = {.dir = dir, .name = text, .id = ""};
    struct pawl_errmsg msg = {""};
    if (strcmp(text, "last") == 0 || text[0] == '\0' ||
        pawl_failed(pawl_glance_candidates(dir, take_named, &named, &msg)) || named.id[0] == '\0') {
        return false;
    }
    memcpy(ret_id, named.id, sizeof(named.id));
    return true;
}

int pawl_cli_open_run(const struct pawl_cli_call *call,
                      const char *data_dir,
                      const char *text,
                      struct pawl_datadir *ret_dir,
                      char ret_id[static PAWL_RUN_ID_BYTES])
{
    struct pawl_history *history = NULL;
    int status = pawl_cli_open_history(call, data_dir, ret_dir, &history);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    if (history == NULL) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "no run was ever made in %s", ret_dir->path);
    }
    struct pawl_errmsg msg = {""};
    struct pawl_errmsg closing = {""};
    pawl_err err = find_live(ret_dir, text, ret_id)
                       ? PAWL_OK
                       : pawl_cli_find_run(ret_dir, history, text, ret_id, &msg);
    (void)pawl_failed(pawl_history_close(history, &closing)); /* It was only read. */
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

int pawl_cli_no_answer(const struct pawl_cli_call *call,
                       const char *id,
                       pawl_err err,
                       const struct pawl_errmsg *msg)
{
    if (err.code == PAWL_ERR_UNREACHABLE || err.code == PAWL_ERR_NOT_FOUND) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s is not running: see 'pawl show %s'", id,
                              id);
    }
    int status = err.code == PAWL_ERR_INVALID ? PAWL_EXIT_REFUSED : PAWL_EXIT_UNREACHABLE;
    return pawl_cli_error(call, status, "%s", msg->text);
}
