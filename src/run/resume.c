/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.c: see resume.h. Whether a run can go on at all, and with what: its caps are what it had
 * left and what is added, everything else is as it was told (resume_read.c has what is known).
 */
#define _GNU_SOURCE
#include "run/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/money.h"
#include "gateway/more.h"
#include "run/caps.h"
#include "run/go_on.h"
#include "run/live.h"
#include "run/resume_priv.h"
#include "run/rundir.h"

enum { ARENA_BYTES_MAX = 8 << 20, ASK_MS = 2000, ADD_BYTES_MAX = 512 };

#define CLAIM_FILE "resumed"

/* --- Whether it can go on ------------------------------------------------------------------- */

static bool is_live(struct pawl_resume_work *work)
{
    struct pawl_buf answer;
    struct pawl_errmsg ignored;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_live_ask(work->request->dir, work->request->id, ASK_MS, &answer, &ignored);
    pawl_buf_free(&answer);
    return pawl_ok(err);
}

static pawl_err check(struct pawl_resume_work *work)
{
    const char *id = work->request->id;
    if (is_live(work)) {
        struct pawl_buf command;
        struct pawl_go_on go_on = work->go_on;
        if (go_on.more == 0) {
            go_on = (struct pawl_go_on){.unit = PAWL_UNIT_USD_MICROCENTS,
                                        .more = PAWL_MICROCENTS_PER_USD}; /* for example */
        }
        pawl_buf_init(&command, ADD_BYTES_MAX);
        pawl_go_on_put_command(&go_on, id, NULL, true, &command);
        pawl_errmsg_set(work->msg, "%s is still running. To give it more: %s", id,
                        pawl_buf_cstr(&command));
        pawl_buf_free(&command);
        return PAWL_ERR(INVALID);
    }
    if (work->completed) {
        pawl_errmsg_set(work->msg, "%s was completed: there is nothing to go on with", id);
        return PAWL_ERR(INVALID);
    }
    if (!pawl_slice_empty(work->successor)) {
        pawl_errmsg_set(work->msg, "%s went on in %.*s already: pawl run --resume %.*s", id,
                        (int)work->successor.bytes, work->successor.data,
                        (int)work->successor.bytes, work->successor.data);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

/* What it had left, and what is added; with what each cap lacks of which nothing would be left. */
static pawl_err make_caps(struct pawl_resume_work *work)
{
    const struct pawl_resume_request *request = work->request;
    const struct pawl_go_on *stop = &work->go_on;
    struct pawl_buf lacking;
    pawl_buf_init(&lacking, ADD_BYTES_MAX);
    enum pawl_run_cap_index first = PAWL_CAP_COUNT;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        int64_t amount = work->limit[i] - work->spent[i] + request->added[i];
        bool stopped = stop->more > 0 && stop->unit == pawl_cap_unit(index) &&
                       stop->phase[0] == '\0' && request->added[i] == 0;
        if (work->limit[i] < 0) {
            continue; /* It had no such cap. */
        }
        if (stopped || amount <= 0) {
            struct pawl_go_on need = {
                .unit = pawl_cap_unit(index),
                .more = pawl_more_amount((struct pawl_more){.unit = pawl_cap_unit(index),
                                                            .limit = work->limit[i],
                                                            .spent = work->spent[i],
                                                            .told = stopped ? stop->more : 0})};
            pawl_go_on_put_options(&need, &lacking);
            first = first == PAWL_CAP_COUNT ? index : first;
        } else if (amount > PAWL_AMOUNT_MAX) {
            pawl_buf_free(&lacking);
            pawl_errmsg_set(work->msg, "so much cannot be added to %s", pawl_cap_noun(index));
            return PAWL_ERR(INVALID);
        }
        work->resume->caps[i] =
            (struct pawl_run_cap){.set = true, .amount = amount, .origin = PAWL_ORIGIN_RESUMED};
    }
    if (first != PAWL_CAP_COUNT) {
        char spent[PAWL_CAP_TEXT_BYTES];
        char limit[PAWL_CAP_TEXT_BYTES];
        pawl_errmsg_set(work->msg,
                        "%s is at its cap: %s of %s used. Add to it: pawl run --resume %s%s",
                        request->id, pawl_cap_format(first, work->spent[first], spent),
                        pawl_cap_phrase(first, work->limit[first], limit), request->id,
                        pawl_buf_cstr(&lacking));
    }
    pawl_buf_free(&lacking);
    return first == PAWL_CAP_COUNT ? PAWL_OK : PAWL_ERR(INVALID);
}

/* The phase that stopped it has to be given something. */
static pawl_err check_phase(struct pawl_resume_work *work)
{
    const struct pawl_go_on *stop = &work->go_on;
    struct pawl_errmsg ignored;
    struct pawl_run_phases added;
    if (stop->phase[0] == '\0' || stop->more == 0) {
        return PAWL_OK;
    }
    pawl_phases_init(&added);
    for (size_t i = 0; work->request->phases[i] != NULL; i++) {
        if (pawl_failed(pawl_phases_parse(&added, work->request->phases[i], &ignored))) {
            break; /* It was looked at already. */
        }
    }
    int given = pawl_phases_find(&added, pawl_slice_str(stop->phase));
    if (given != PAWL_PHASE_NONE && added.phases[given].caps[pawl_cap_of_unit(stop->unit)].set) {
        return PAWL_OK;
    }
    struct pawl_buf options;
    pawl_buf_init(&options, ADD_BYTES_MAX);
    pawl_go_on_put_options(stop, &options);
    pawl_errmsg_set(work->msg,
                    "%s was stopped at the ceiling of %s. Add to it: pawl run --resume %s%s",
                    work->request->id, stop->phase, work->request->id, pawl_buf_cstr(&options));
    pawl_buf_free(&options);
    return PAWL_ERR(INVALID);
}

/* --- All of it ------------------------------------------------------------------------------ */

static pawl_err make_command(struct pawl_resume_work *work)
{
    struct pawl_resume *resume = work->resume;
    char **argv = pawl_resume_read_argv(work);
    if (argv == NULL || argv[0] == NULL) {
        pawl_errmsg_set(work->msg, "the command of %s is not known", work->request->id);
        return PAWL_ERR(INVALID);
    }
    struct pawl_agent_command command = pawl_agent_of(argv);
    const char *given = pawl_resume_meta_text(work, "agent");
    if (given != NULL && pawl_agent_by_name(given, &resume->agent)) {
        /* Known by what the user said, its arguments are those of a script around it. */
        command.agent = PAWL_AGENT_NONE;
        resume->agent_given = true;
    } else {
        resume->agent = command.agent;
    }
    bool whole = pawl_json_bool_or(&work->meta, pawl_json_get(&work->meta, 0, "argv_whole"), false);
    if (command.agent == PAWL_AGENT_NONE && !whole && work->request->extra[0] == NULL) {
        pawl_errmsg_set(work->msg,
                        "the command of %s was not written down whole: it is too long, or has what "
                        "looks like a secret in it. Give it again: pawl run --resume %s ... -- "
                        "COMMAND",
                        work->request->id, work->request->id);
        return PAWL_ERR(INVALID);
    }
    if (!work->called && whole && work->request->extra[0] == NULL) {
        command.agent = PAWL_AGENT_NONE; /* Its last conversation would be that of another run. */
    }
    struct pawl_slice said = pawl_resume_words(work);
    resume->argv = pawl_resume_command(&resume->arena, command, argv, work->session, said,
                                       work->request->extra);
    return resume->argv != NULL ? PAWL_OK : PAWL_ERR(MEMORY);
}

/* The file that was named, as it is now; where it is gone, as it was. */
static void take_prices(struct pawl_resume_work *work)
{
    struct pawl_resume *resume = work->resume;
    char path[PAWL_PATH_BYTES];
    const char *named = pawl_resume_meta_text(work, "prices");
    bool kept =
        pawl_ok(pawl_resume_path(work, PAWL_RUN_PRICES_FILE, path)) && access(path, R_OK) == 0;
    if (named != NULL && access(named, R_OK) == 0) {
        resume->prices = named;
    } else if (kept) {
        resume->prices = pawl_resume_keep(work, pawl_slice_str(path));
        resume->prices_as = named != NULL ? named : resume->prices;
    }
}

static void take_rest(struct pawl_resume_work *work)
{
    struct pawl_resume *resume = work->resume;
    take_prices(work);
    const char *billing = pawl_resume_meta_text(work, "billing");
    enum pawl_billing_mode mode =
        billing != NULL ? pawl_billing_mode_of(billing) : PAWL_BILLING_MODE_AUTO;
    resume->billing = mode != PAWL_BILLING_MODE_COUNT ? mode : PAWL_BILLING_MODE_AUTO;
    resume->allow_batches =
        pawl_json_bool_or(&work->meta, pawl_json_get(&work->meta, 0, "allow_batches"), false);
    resume->policy_name = pawl_resume_meta_text(work, "policy");
    resume->policy_chosen =
        pawl_json_bool_or(&work->meta, pawl_json_get(&work->meta, 0, "policy_chosen"), true);
    resume->name = pawl_resume_meta_text(work, "name");
    resume->model = pawl_resume_meta_text(work, "model");
    resume->cwd = pawl_resume_meta_text(work, "cwd");
    const char *primary = pawl_resume_meta_text(work, "primary");
    enum pawl_run_cap_index index =
        primary != NULL ? pawl_cap_of_unit(pawl_unit_from_name(pawl_slice_str(primary)))
                        : PAWL_CAP_COUNT;
    resume->primary = index != PAWL_CAP_COUNT ? index : PAWL_CAP_USD;
    char path[PAWL_PATH_BYTES];
    if (!work->request->own_policy && pawl_ok(pawl_resume_path(work, PAWL_RUN_POLICY_FILE, path)) &&
        access(path, R_OK) == 0) {
        resume->policy = pawl_resume_keep(work, pawl_slice_str(path));
    }
}

pawl_err pawl_resume_make(const struct pawl_resume_request *request,
                          struct pawl_resume *ret_resume,
                          struct pawl_errmsg *msg)
{
    *ret_resume = (struct pawl_resume){.argv = NULL};
    pawl_arena_init(&ret_resume->arena, ARENA_BYTES_MAX);
    struct pawl_resume_work work = {.request = request, .resume = ret_resume, .msg = msg};
    pawl_err err = pawl_resume_read_history(&work);
    if (pawl_ok(err)) {
        err = check(&work);
    }
    if (pawl_ok(err)) {
        err = make_caps(&work);
    }
    if (pawl_ok(err)) {
        err = check_phase(&work);
    }
    if (pawl_ok(err)) {
        err = pawl_resume_read_meta(&work);
    }
    if (pawl_ok(err)) {
        err = make_command(&work);
    }
    if (pawl_ok(err)) {
        take_rest(&work);
    }
    if (err.code == PAWL_ERR_MEMORY || (pawl_ok(err) && ret_resume->arena.overflowed)) {
        pawl_errmsg_set(msg, "no memory");
        err = PAWL_ERR(MEMORY);
    }
    return err;
}

void pawl_resume_free(struct pawl_resume *resume)
{
    pawl_arena_free(&resume->arena);
}

/* --- One successor -------------------------------------------------------------------------- */

/* A claim of a run that came to nothing counts no more: its directory is gone. */
static bool is_stale(const struct pawl_datadir *dir, int fd, struct pawl_errmsg *msg)
{
    char id[PAWL_RUN_ID_BYTES] = "";
    char relative[PAWL_RUN_ID_BYTES + 8];
    char path[PAWL_PATH_BYTES];
    ssize_t bytes = pread(fd, id, sizeof(id) - 1, 0);
    id[bytes > 0 ? bytes : 0] = '\0';
    (void)snprintf(relative, sizeof(relative), "runs/%s", id);
    bool there = id[0] != '\0' && pawl_ok(pawl_datadir_path(dir, relative, path, msg)) &&
                 access(path, F_OK) == 0;
    if (there) {
        pawl_errmsg_set(msg, "it went on in %s already: pawl run --resume %s", id, id);
    }
    return !there;
}

pawl_err pawl_resume_claim(const struct pawl_datadir *dir,
                           const char *from,
                           const char *id,
                           struct pawl_errmsg *msg)
{
    char relative[PAWL_RUN_ID_BYTES + 32];
    char path[PAWL_PATH_BYTES];
    (void)snprintf(relative, sizeof(relative), "runs/%s/" CLAIM_FILE, from);
    pawl_err err = pawl_datadir_path(dir, relative, path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool locked = fd >= 0 && fcntl(fd, F_SETLKW, &lock) == 0;
    if (locked && !is_stale(dir, fd, msg)) {
        err = PAWL_ERR(EXISTS);
    } else if (!locked || ftruncate(fd, 0) != 0 ||
               pwrite(fd, id, strlen(id), 0) != (ssize_t)strlen(id)) {
        pawl_errmsg_set(msg, "cannot write %.400s: %s", path, strerror(errno));
        err = pawl_err_from_errno(errno);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}
