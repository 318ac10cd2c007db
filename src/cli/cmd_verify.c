/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_verify.c: `pawl verify [RUN]`: proves that a run's journal is whole: every hash of the chain,
 * the witness beside it, and a replay in which each result must come out again.
 *
 * Without RUN it goes through all runs, the ledger of limits across runs, and a server's. Of what
 * is at work, a run, an authority or a server, it reads a copy that the owner makes between two
 * commits: all that was acknowledged so far is in it.
 * Damage in one does not keep it from the others.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/percent.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "cli/server_copy.h"
#include "cli/server_dir.h"
#include "engine/engine.h"
#include "journal/copy.h"
#include "journal/witness.h"
#include "lending/authority.h"
#include "lending/contact.h"
#include "lending/wire.h"
#include "run/control.h"
#include "run/datadir.h"
#include "run/live.h"
#include "run/rundir.h"
#include "server/place.h"

enum { COPY_MS = 60 * 1000, LIVE_MS = 10 * 1000, PROGRESS_US = 200 * 1000 };
enum { OPTION_EXPECT = 1, OPTION_JSON, OPTION_DATA_DIR };

static const struct pawl_cli_option options[] = {
    {OPTION_EXPECT, 0, "expect", "OP:HASH", "the journal must have this hash at that operation"},
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept, or a server's ledger"},
};

struct verification {
    const struct pawl_cli_call *call;
    struct pawl_datadir dir;
    struct pawl_verify_options options;
    bool json;
    bool progress;    /* on a terminal */
    int64_t shown_us; /* when it was last told how far this is */
    int status;
    bool live; /* it is the copy of a run that goes on */
    uint32_t verified;
    uint32_t alive;
};

/* "OP:64 hex digits", as this command prints it. */
static bool parse_expect(const char *text, struct pawl_verify_options *options_out)
{
    struct pawl_slice rest = pawl_slice_str(text);
    struct pawl_slice op = pawl_slice_cut(&rest, ':');
    if (!pawl_slice_to_u64(op, &options_out->expect_op) || options_out->expect_op == 0 ||
        rest.bytes != 2 * (size_t)PAWL_JOURNAL_HASH_BYTES) {
        return false;
    }
    for (size_t i = 0; i < PAWL_JOURNAL_HASH_BYTES; i++) {
        int high = pawl_hex_digit(rest.data[2 * i]);
        int low = pawl_hex_digit(rest.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        options_out->expect_hash.bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* No more often than somebody can read: a busy server has thousands of commits a second. */
static void show_progress(void *arg, uint64_t op, uint64_t last_op)
{
    struct verification *v = arg;
    struct pawl_clock clock = pawl_clock_os();
    int64_t now_us = v->progress ? clock.boot_us(clock.arg) : 0;
    if (v->progress && now_us >= v->shown_us + PROGRESS_US) {
        v->shown_us = now_us;
        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " operations\033[K", op, last_op);
    }
}

static void tell_json(const struct verification *v,
                      const char *id,
                      const struct pawl_verify_report *report,
                      const char *problem)
{
    char hash[PAWL_JOURNAL_HASH_TEXT_BYTES];
    struct pawl_buf line;
    pawl_buf_init(&line, 1 << 14);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "run", id);
    pawl_json_member_bool(&json, "ok", problem == NULL);
    if (problem != NULL) {
        pawl_json_member_str(&json, "error", problem);
    } else {
        pawl_json_member_i64(&json, "first_op", (int64_t)report->first_op);
        pawl_json_member_i64(&json, "last_op", (int64_t)report->last_op);
        pawl_json_member_i64(&json, "batches", (int64_t)report->batches);
        pawl_json_member_str(&json, "hash", pawl_journal_hash_format(&report->hash, hash));
        pawl_json_member_i64(&json, "replayed_from_op", (int64_t)report->replayed_from_op);
        pawl_json_member_bool(&json, "results_compared", report->results_compared);
    }
    if (v->live) {
        pawl_json_member_bool(&json, "live", true);
    }
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void
tell_text(const struct verification *v, const char *id, const struct pawl_verify_report *report)
{
    char hash[PAWL_JOURNAL_HASH_TEXT_BYTES];
    char gone[64] = "";
    if (!report->results_compared) {
        snprintf(gone, sizeof(gone), " (%s were not compared)",
                 report->replayed_from_op > report->last_op ? "results before its last checkpoint"
                                                            : "results from other rules");
    } else if (report->replayed_from_op > 1) {
        snprintf(gone, sizeof(gone), " (results were compared from operation %" PRIu64 " on)",
                 report->replayed_from_op);
    }
    printf("%s  ok: operations %" PRIu64 " to %" PRIu64 " in %" PRIu64 " commits%s%s\n    %" PRIu64
           ":%s\n",
           id, report->first_op, report->last_op, report->batches,
           !v->live                    ? ""
           : strcmp(id, "server") == 0 ? ", as of now; the server goes on"
                                       : ", as of now; the run goes on",
           gone, report->last_op, pawl_journal_hash_format(&report->hash, hash));
}

static void tell(struct verification *v,
                 const char *id,
                 const struct pawl_verify_report *report,
                 pawl_err err,
                 const struct pawl_errmsg *msg)
{
    bool sound = pawl_ok(err);
    if (v->progress) {
        fputs("\r\033[K", stderr);
    }
    v->verified += sound;
    if (v->json) {
        tell_json(v, id, report, sound ? NULL : msg->text);
    } else if (sound) {
        tell_text(v, id, report);
    }
    if (!sound) {
        v->status = pawl_cli_error(v->call, PAWL_EXIT_CORRUPT, "%s: %s", id, msg->text);
    }
}

/* A copy beside the journal, which is removed then. */
static void verify_copy(struct verification *v, const char *id, const char *dir, const char *name)
{
    char copy[PAWL_PATH_BYTES];
    struct pawl_errmsg msg = {""};
    struct pawl_verify_report report = {0};
    int bytes = snprintf(copy, sizeof(copy), "%s/%s", dir, name);
    pawl_err err = PAWL_ERR(LIMIT);
    if (bytes > 0 && (size_t)bytes < sizeof(copy)) {
        v->options.dir = copy;
        err = pawl_engine_verify(&v->options, &report, &msg);
        pawl_copy_remove(dir, name);
    }
    tell(v, id, &report, err, &msg);
}

/* --- Runs ------------------------------------------------------------------------------------ */

/* A live run makes a copy of its journal, between two commits. UNREACHABLE: it is about to begin,
 * or to end. */
static pawl_err
verify_live(void *arg, const struct pawl_datadir *in, const char *id, struct pawl_errmsg *msg)
{
    struct verification *v = arg;
    char relative[PAWL_RUN_ID_BYTES + 8];
    char dir[PAWL_PATH_BYTES];
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err =
        pawl_live_post(in, id, PAWL_CONTROL_COPY, PAWL_SLICE("{}"), LIVE_MS, &answer, msg);
    if (pawl_ok(err) && !pawl_wire_read_copy(pawl_buf_slice(&answer), name, sizeof(name))) {
        pawl_errmsg_set(msg, "the run's answer has no copy in it");
        err = PAWL_ERR(PROTOCOL);
    }
    pawl_buf_free(&answer);
    (void)snprintf(relative, sizeof(relative), "runs/%s", id);
    if (pawl_ok(err)) {
        err = pawl_datadir_path(in, relative, dir, msg);
    }
    if (pawl_ok(err)) {
        v->alive++;
        v->live = true;
        verify_copy(v, id, dir, name);
        v->live = false;
    }
    return err;
}

/* Its lock, or LOCKED once its copy was looked at. */
static pawl_err lock_or_verify_live(struct verification *v,
                                    const char *id,
                                    struct pawl_rundir *ret_run,
                                    struct pawl_errmsg *msg)
{
    bool answered = false;
    pawl_err err = pawl_live_lock(&v->dir, id, verify_live, v, ret_run, &answered, msg);
    if (err.code == PAWL_ERR_LOCKED && !answered) {
        pawl_errmsg_set(msg,
                        "its lock is held and nobody answers: it begins, ends, is stopped, or is "
                        "verified elsewhere");
        err = PAWL_ERR(UNREACHABLE);
    }
    return err;
}

static bool verify_run(void *arg, const char *id)
{
    struct verification *v = arg;
    struct pawl_errmsg msg = {""};
    struct pawl_rundir run;
    pawl_err err = lock_or_verify_live(v, id, &run, &msg);
    if (err.code == PAWL_ERR_LOCKED) {
        return true;
    }
    if (err.code == PAWL_ERR_UNREACHABLE || err.code == PAWL_ERR_TIMEOUT) {
        v->status = pawl_cli_error(v->call, PAWL_EXIT_UNREACHABLE, "%s: %s", id, msg.text);
        return true;
    }
    struct pawl_verify_report report = {0};
    if (pawl_ok(err)) {
        v->options.dir = run.journal;
        err = pawl_engine_verify(&v->options, &report, &msg);
        if (err.code == PAWL_ERR_NOT_FOUND && !pawl_rundir_is_ended(&run) &&
            !pawl_rundir_has_witness(&run)) {
            err = PAWL_OK; /* Killed before its first commit: operations 0 to 0. */
        }
        pawl_rundir_close(&run);
    }
    tell(v, id, &report, err, &msg);
    return true;
}

/* While the authority works it makes a copy of its journal, between two commits. false: and cannot.
 */
static bool ask_for_copy(const struct verification *v, char *ret_name, struct pawl_errmsg *msg)
{
    struct pawl_contact contact = {.data_dir = v->dir.path, .timeout_ms = COPY_MS};
    struct pawl_contact_answer answer = {.status = 0};
    pawl_buf_init(&answer.body, PAWL_WIRE_BYTES_MAX);
    pawl_err err = pawl_contact_send(&contact, "POST", PAWL_SLICE(PAWL_WIRE_COPY), PAWL_SLICE_NONE,
                                     &answer, msg);
    bool copied = pawl_ok(err) && answer.status == 200 &&
                  pawl_wire_read_copy(pawl_buf_slice(&answer.body), ret_name, PAWL_COPY_NAME_BYTES);
    if (pawl_ok(err) && !copied) {
        pawl_wire_read_message(pawl_buf_slice(&answer.body), msg);
    }
    pawl_buf_free(&answer.body);
    return copied;
}

static void verify_authority_copy(struct verification *v)
{
    char dir[PAWL_PATH_BYTES];
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_errmsg msg = {""};
    if (!ask_for_copy(v, name, &msg)) {
        v->status = pawl_cli_error(v->call, PAWL_EXIT_UNREACHABLE, "authority: %s", msg.text);
        return;
    }
    if (pawl_ok(pawl_datadir_path(&v->dir, PAWL_AUTHORITY_DIR, dir, &msg))) {
        verify_copy(v, "authority", dir, name);
    }
}

/* The ledger of the limits, which nobody has open while the lock is ours. */
static void verify_authority(struct verification *v)
{
    char lock[PAWL_PATH_BYTES];
    char journal[PAWL_PATH_BYTES];
    struct pawl_errmsg msg = {""};
    struct pawl_verify_report report = {0};
    pawl_err err = pawl_datadir_path(&v->dir, "authority/lock", lock, &msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_path(&v->dir, "authority/journal", journal, &msg);
    }
    int fd = pawl_ok(err) ? open(lock, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return; /* There never were limits. */
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        v->options.dir = journal;
        err = pawl_engine_verify(&v->options, &report, &msg);
        tell(v, "authority", &report, err, &msg);
        (void)close(fd);
    } else {
        (void)close(fd);
        verify_authority_copy(v);
    }
}

/* --- A server -------------------------------------------------------------------------------- */

static void verify_server(struct verification *v, const char *dir)
{
    struct pawl_errmsg msg = {""};
    struct pawl_server_copy copy;
    struct pawl_verify_report report = {0};
    pawl_err err = pawl_server_copy_open(dir, &copy, &msg);
    if (pawl_failed(err)) {
        int status = err.code == PAWL_ERR_UNREACHABLE ? PAWL_EXIT_UNREACHABLE : PAWL_EXIT_REFUSED;
        v->status = pawl_cli_error(v->call, status, "server: %s", msg.text);
        return;
    }
    v->live = copy.live;
    v->alive += copy.live;
    v->options.dir = copy.journal;
    err = pawl_engine_verify(&v->options, &report, &msg);
    pawl_server_copy_close(&copy);
    tell(v, "server", &report, err, &msg);
    v->live = false;
}

/* A directory that is a server's alone: there are no runs in it. */
static int verify_server_alone(struct verification *v)
{
    if (v->call->operand_count == 1 && strcmp(v->call->operands[0], "server") != 0) {
        return pawl_cli_usage_error(v->call, "%s is a server's: there are no runs in it",
                                    v->dir.path);
    }
    verify_server(v, v->dir.path);
    return v->status;
}

/* The one that `pawl serve` means, too; under --data-dir the one beside those runs. `named`: by
 * whoever typed, so that it has to be there. */
static void verify_server_beside(struct verification *v, bool named)
{
    char dir[PAWL_PATH_BYTES];
    struct pawl_errmsg msg = {""};
    bool said = pawl_cli_has(v->call, OPTION_DATA_DIR);
    pawl_err err = said ? pawl_datadir_path(&v->dir, "server", dir, &msg)
                        : pawl_cli_server_dir(NULL, dir, &msg);
    if (pawl_failed(err)) {
        v->status = pawl_cli_error(v->call, PAWL_EXIT_REFUSED, "server: %s", msg.text);
    } else if (named || pawl_place_is_servers(dir)) {
        verify_server(v, dir);
    }
}

static int run_verify(const struct pawl_cli_call *call)
{
    struct verification v = {.call = call,
                             .json = pawl_cli_has(call, OPTION_JSON),
                             .progress = isatty(STDERR_FILENO) == 1,
                             .shown_us = pawl_clock_os().boot_us(pawl_clock_os().arg),
                             .status = PAWL_EXIT_OK};
    v.options.progress = show_progress;
    v.options.arg = &v;
    const char *expect = pawl_cli_value(call, OPTION_EXPECT);
    if (expect != NULL && !parse_expect(expect, &v.options)) {
        return pawl_cli_usage_error(call, "--expect takes OP:HASH as this command prints it");
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &v.dir, &msg);
    if (pawl_ok(err) && pawl_place_is_servers(v.dir.path)) {
        return verify_server_alone(&v);
    }
    if (expect != NULL && call->operand_count == 0) {
        return pawl_cli_usage_error(call,
                                    "--expect needs a RUN, or 'server': it is of one journal");
    }
    if (pawl_ok(err) && call->operand_count == 1 && strcmp(call->operands[0], "server") == 0) {
        verify_server_beside(&v, true); /* There need not be runs. */
        return v.status;
    }
    if (pawl_ok(err)) {
        err = pawl_datadir_check(&v.dir, &msg);
    }
    if (err.code == PAWL_ERR_NOT_FOUND && call->operand_count == 0) {
        verify_server_beside(&v, false);
        if (v.verified > 0 || v.status != PAWL_EXIT_OK) {
            return v.status;
        }
    }
    if (err.code == PAWL_ERR_NOT_FOUND) {
        const char *nor = call->operand_count == 0 ? ", and no server keeps its ledger there" : "";
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "no run was ever made in %s%s", v.dir.path,
                              nor);
    }
    char id[PAWL_RUN_ID_BYTES];
    if (pawl_ok(err) && call->operand_count == 1 && strcmp(call->operands[0], "authority") == 0) {
        verify_authority(&v);
    } else if (pawl_ok(err) && call->operand_count == 1) {
        err = pawl_datadir_find(&v.dir, call->operands[0], id, &msg);
        if (err.code == PAWL_ERR_NOT_FOUND) { /* A name stands in the history alone. */
            int status = pawl_cli_open_run(call, pawl_cli_value(call, OPTION_DATA_DIR),
                                           call->operands[0], &v.dir, id);
            if (status != PAWL_EXIT_OK) {
                return status;
            }
            err = PAWL_OK;
        }
        if (pawl_ok(err)) {
            verify_run(&v, id);
        }
    } else if (pawl_ok(err)) {
        err = pawl_datadir_runs(&v.dir, verify_run, &v, &msg);
        verify_authority(&v);
        verify_server_beside(&v, false);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (!v.json && call->operand_count == 0) {
        printf("%" PRIu32 " verified, %" PRIu32 " running%s\n", v.verified, v.alive,
               v.alive > 0 ? ", up to now" : "");
    }
    return v.status;
}

const struct pawl_cli_command pawl_cli_command_verify = {
    .name = "verify",
    .operands = "[RUN]",
    .summary = "prove that nothing recorded was altered or lost",
    .text =
        "Reads the journal of RUN (or of every run; 'authority' is the ledger of limits across\n"
        "runs, 'server' that of 'pawl serve', in $PAWL_SERVE_DATA_DIR or beside the runs), up to\n"
        "now where it is at work, checks its chain of hashes and the witness beside it, and\n"
        "replays every operation: each must give the result that was recorded. The last line,\n"
        "OP:HASH, can be kept elsewhere and given to --expect later.",
    .examples = "  pawl verify\n"
                "  pawl verify last --expect 42:9f86d081...\n"
                "  pawl verify --data-dir /var/lib/pawl",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = 1,
    .run = run_verify,
};
