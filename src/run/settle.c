/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c: see settle.h. What is appended to a dead run's journal is a function of that journal
 * alone: the engine runs on a clock that stands at the last operation, so the session ends then,
 * whenever somebody looks. For the open holds the clock is moved to the end of their leases, which
 * nobody is left to prolong: they expire, and are booked in full as unconfirmed.
 */
#define _GNU_SOURCE
#include "run/settle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/engine.h"
#include "gateway/gateway.h"
#include "history/history.h"
#include "journal/copy.h"
#include "run/account.h"
#include "run/accounts.h"
#include "run/agents.h"
#include "run/control.h"
#include "run/lending.h"
#include "run/live.h"
#include "run/phases.h"
#include "run/rundir.h"

enum { ASK_MS = 1000, EXPIRE_ROUNDS_MAX = 100000 };

enum { NOTE_BYTES_MAX = 2 * PAWL_METADATA_BYTES_MAX };

static pawl_err open_journal(const struct pawl_rundir *run,
                             struct pawl_journal **ret_journal,
                             struct pawl_errmsg *msg)
{
    struct pawl_journal_sqlite_options options = {
        .dir = run->journal,
        .allow_any_filesystem = pawl_datadir_allows_any_filesystem(),
    };
    return pawl_journal_sqlite_open(&options, ret_journal, msg);
}

/* --- The history --------------------------------------------------------------------------- */

struct feeding {
    struct pawl_history *history;
    uint64_t watermark;
    struct pawl_codec_scratch *scratch;
    bool damaged;
    bool foreign; /* recorded by a newer version; msg says what to do */
    struct pawl_errmsg *msg;
};

static bool feed_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct feeding *feeding = arg;
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    if (!pawl_record_batch_open(batch->blob, &cursor)) {
        feeding->damaged = true;
        return false;
    }
    if (!pawl_record_batch_known(&cursor, feeding->msg)) {
        feeding->foreign = true;
        return false;
    }
    while (pawl_record_batch_next(&cursor, feeding->scratch, &record)) {
        if (record.op > feeding->watermark) {
            pawl_history_feed(feeding->history, &record);
        }
    }
    feeding->damaged = cursor.left > 0;
    return !feeding->damaged;
}

/* Writes to the history what it lacks of the run's journal, which ends at *ret_last_op. */
static pawl_err feed(const struct pawl_datadir *dir,
                     const struct pawl_rundir *run,
                     uint64_t *ret_last_op,
                     struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_journal *journal = NULL;
    struct feeding feeding = {.scratch = pawl_alloc(sizeof(*feeding.scratch)), .msg = msg};
    pawl_err err = feeding.scratch == NULL ? PAWL_ERR(MEMORY)
                                           : pawl_datadir_path(dir, "history.db", path, msg);
    if (pawl_ok(err)) {
        err = open_journal(run, &journal, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_open(path, run->id, &feeding.history, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_ready(feeding.history, msg);
    }
    if (pawl_ok(err)) {
        feeding.watermark = pawl_history_watermark(feeding.history);
        err = journal->ops->read(journal, feeding.watermark + 1, feed_batch, &feeding, msg);
    }
    if (feeding.history != NULL) {
        struct pawl_errmsg closing;
        pawl_err closed = pawl_history_close(feeding.history, &closing);
        if (pawl_ok(err) && pawl_failed(closed)) {
            pawl_errmsg_set(msg, "%s", closing.text);
            err = closed;
        }
    }
    if (pawl_ok(err) && feeding.damaged) {
        pawl_errmsg_set(msg, "a batch of the journal cannot be read");
        err = PAWL_ERR(CORRUPT);
    }
    err = pawl_ok(err) && feeding.foreign ? PAWL_ERR(VERSION) : err;
    if (journal != NULL) {
        *ret_last_op = journal->ops->head(journal).last_op;
        journal->ops->close(journal);
    }
    pawl_free(feeding.scratch);
    return err;
}

/* What it did not come to book on the windows of its accounts. */
static pawl_err book_on_accounts(const struct pawl_datadir *dir,
                                 const struct pawl_rundir *run,
                                 struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    struct pawl_history *history = NULL;
    struct pawl_errmsg ignored;
    const struct pawl_clock clock = pawl_clock_os();
    pawl_err err = pawl_datadir_path(dir, "history.db", path, msg);
    if (pawl_ok(err)) {
        err = pawl_history_open(path, NULL, &history, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_accounts_settle(dir, history, run->id, clock.real_us(clock.arg), msg);
        (void)pawl_failed(pawl_history_close(history, &ignored)); /* It was only read. */
    }
    return err;
}

/* --- The journal --------------------------------------------------------------------------- */

struct failure {
    pawl_err err;
    struct pawl_errmsg *msg;
};

/* This run stays as it is, for the next who looks; the others are settled. */
static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    struct failure *failure = arg;
    failure->err = err;
    pawl_errmsg_set(failure->msg, "its journal cannot be written: %s", msg->text);
}

static void on_done(struct pawl_op *op)
{
    (void)op; /* Looked at after the flush, or of no interest. */
}

static void put_end(struct pawl_json_writer *writer)
{
    pawl_json_object_begin(writer);
    pawl_json_member_i64(writer, "agent_signal", 0);
    pawl_json_member_str(writer, "why", "killed");
    pawl_json_member_bool(writer, "hard_stop", false);
}

/* What each phase has spent goes with it, for a run that goes on with this one. */
static void write_end_note(struct pawl_engine *engine, const char *id, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    put_end(&writer);
    pawl_phases_put_books(pawl_engine_core(engine), id, pawl_engine_now_us(engine), &writer);
    pawl_json_object_end(&writer);
    if (out->overflowed || out->bytes > PAWL_METADATA_BYTES_MAX) {
        pawl_buf_reset(out);
        pawl_json_writer_init(&writer, out);
        put_end(&writer);
        pawl_json_object_end(&writer);
    }
}

/* Ends the session, unless it has ended, and says why. */
static void end_session(struct pawl_engine *engine, const char *id)
{
    struct pawl_session_view session;
    struct pawl_slice tenant = PAWL_SLICE(PAWL_RUN_TENANT);
    struct pawl_slice name = pawl_slice_str(id);
    if (!pawl_core_session(pawl_engine_core(engine), tenant, name, &session) ||
        session.state == PAWL_SESSION_ENDED) {
        return;
    }
    struct pawl_command end = {
        .type = PAWL_COMMAND_SESSION_SET,
        .u.session_set = {.tenant = tenant,
                          .name = name,
                          .state = PAWL_SESSION_ENDED,
                          .reason = PAWL_REASON_KILLED},
    };
    struct pawl_buf text;
    pawl_buf_init(&text, NOTE_BYTES_MAX);
    write_end_note(engine, id, &text);
    struct pawl_command note = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = pawl_buf_slice(&text),
        .u.note = {.tenant = tenant, .session = name, .kind = PAWL_NOTE_RUN_END},
    };
    struct pawl_op ended = {.done = on_done};
    struct pawl_op noted = {.done = on_done};
    pawl_engine_submit(engine, &end, &ended);
    pawl_engine_submit(engine, &note, &noted);
    pawl_engine_flush(engine);
    pawl_buf_free(&text);
}

static bool any_hold(const struct pawl_core *core)
{
    uint32_t cursor = 0;
    uint64_t id = 0;
    struct pawl_reservation_view view;
    while (pawl_core_reservation_next(core, &cursor, &id)) {
        if (pawl_core_reservation(core, id, &view) && view.state == PAWL_RESERVATION_HELD) {
            return true;
        }
    }
    return false;
}

/* Moves the time of this journal on until every lease is over. */
static pawl_err
expire_holds(struct pawl_engine *engine, struct pawl_clock_manual *clock, struct pawl_errmsg *msg)
{
    for (int round = 0; !pawl_engine_poisoned(engine) && any_hold(pawl_engine_core(engine));
         round++) {
        int64_t due_us = pawl_core_next_due_us(pawl_engine_core(engine));
        int64_t now_us = pawl_engine_now_us(engine);
        if (due_us == INT64_MAX || round == EXPIRE_ROUNDS_MAX) {
            pawl_errmsg_set(msg, "holds are open that never expire");
            return PAWL_ERR(CORRUPT);
        }
        if (due_us > now_us) {
            pawl_clock_manual_advance(clock, due_us - now_us);
        }
        pawl_engine_tick(engine);
        pawl_engine_flush(engine);
    }
    return PAWL_OK;
}

static bool feed_lent(void *arg, const struct pawl_record *record)
{
    struct pawl_lent *lent = arg;
    pawl_lent_feed(lent, record);
    return !lent->failed;
}

/* What the run borrowed and did not give back, goes back: what it spent of it is certain now. */
static pawl_err give_back(const struct pawl_datadir *dir,
                          const struct pawl_rundir *run,
                          struct pawl_engine *engine,
                          struct pawl_errmsg *msg)
{
    struct pawl_lent lent = {.count = 0};
    pawl_err err = pawl_engine_records(engine, 1, feed_lent, &lent, msg);
    if (pawl_ok(err) && lent.failed) {
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_ok(err)) {
        pawl_lent_share(&lent, pawl_engine_core(engine), PAWL_SLICE(PAWL_RUN_TENANT));
        err = pawl_lending_settle(dir, run->id, &lent, msg);
    }
    pawl_lent_free(&lent);
    return err;
}

/* NOT_FOUND: nothing was ever written down. */
static pawl_err
close_books(const struct pawl_datadir *dir, const struct pawl_rundir *run, struct pawl_errmsg *msg)
{
    struct pawl_clock_manual clock = {0};
    struct failure failure = {.err = PAWL_OK, .msg = msg};
    struct pawl_engine_options options = {
        .dir = run->journal,
        .clock = pawl_clock_from_manual(&clock),
        .accept_clock = true, /* It stands at the journal's own time. */
        .commit_mode = PAWL_COMMIT_INLINE,
        .fatal = on_fatal,
        .fatal_arg = &failure,
        .retention = {.keep_all = true},
    };
    struct pawl_engine *engine = NULL;
    pawl_err err = open_journal(run, &options.journal, msg);
    if (pawl_ok(err) && options.journal->ops->head(options.journal).last_op == 0) {
        options.journal->ops->close(options.journal);
        err = PAWL_ERR(NOT_FOUND); /* Not even the session: its commit is the first. */
    } else if (pawl_ok(err)) {
        err = pawl_engine_open(&options, &engine, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    end_session(engine, run->id);
    err = expire_holds(engine, &clock, msg);
    if (pawl_engine_poisoned(engine)) {
        err = failure.err;
    }
    if (pawl_ok(err)) {
        err = give_back(dir, run, engine, msg);
    }
    pawl_engine_close(engine);
    return err;
}

/* --- One run ------------------------------------------------------------------------------- */

/* `known_op`: how far the history knows the run; 0: not at all. */
static pawl_err settle_locked(const struct pawl_datadir *dir,
                              struct pawl_rundir *run,
                              uint64_t known_op,
                              enum pawl_settle_outcome *ret_outcome,
                              struct pawl_errmsg *msg)
{
    bool ended = pawl_rundir_is_ended(run);
    bool behind = !ended || known_op == 0 || known_op < pawl_rundir_ended_op(run);
    if (!ended) {
        pawl_agent_clean(run->path, run->id, true);
        pawl_copy_remove_left(run->path);
    }
    uint64_t last_op = 0;
    *ret_outcome = ended ? PAWL_SETTLE_WAS_ENDED : PAWL_SETTLE_SETTLED;
    pawl_err err = PAWL_OK;
    if (!ended) {
        err = close_books(dir, run, msg);
        if (err.code == PAWL_ERR_NOT_FOUND && pawl_rundir_has_witness(run)) {
            pawl_errmsg_set(msg, "its journal is gone");
            return PAWL_ERR(CORRUPT);
        }
        if (err.code == PAWL_ERR_NOT_FOUND) {
            /* It died before it had an agent, and so before it promised anything. */
            pawl_rundir_remove(run);
            return PAWL_OK;
        }
    }
    if (pawl_ok(err) && behind) {
        err = feed(dir, run, &last_op, msg);
    }
    if (pawl_ok(err) && !ended) {
        err = book_on_accounts(dir, run, msg);
    }
    if (pawl_ok(err) && !ended) {
        pawl_rundir_unlink(run, PAWL_CONTROL_SOCKET);
        err = pawl_rundir_set_ended(run, last_op, msg);
    }
    return err;
}

/* Whatever it answers, it is alive. */
static pawl_err
ask_owner(void *arg, const struct pawl_datadir *dir, const char *id, struct pawl_errmsg *msg)
{
    (void)arg;
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err asked = pawl_live_ask(dir, id, ASK_MS, &answer, msg);
    pawl_buf_free(&answer);
    return asked.code == PAWL_ERR_UNREACHABLE ? asked : PAWL_OK;
}

static pawl_err settle(const struct pawl_datadir *dir,
                       const char *id,
                       uint64_t known_op,
                       enum pawl_settle_outcome *ret_outcome,
                       struct pawl_errmsg *msg)
{
    struct pawl_rundir run;
    enum pawl_settle_outcome outcome = PAWL_SETTLE_ALIVE;
    if (pawl_rundir_says_ended(dir, id, known_op)) {
        *ret_outcome = PAWL_SETTLE_WAS_ENDED;
        return PAWL_OK;
    }
    bool answered = false;
    pawl_err err = pawl_live_lock(dir, id, ask_owner, NULL, &run, &answered, msg);
    if (err.code == PAWL_ERR_LOCKED) {
        *ret_outcome = PAWL_SETTLE_ALIVE;
        return PAWL_OK;
    }
    if (pawl_failed(err)) {
        return err;
    }
    err = settle_locked(dir, &run, known_op, &outcome, msg);
    pawl_rundir_close(&run);
    if (pawl_ok(err)) {
        *ret_outcome = outcome;
    }
    return err;
}

pawl_err pawl_settle_run(const struct pawl_datadir *dir,
                         struct pawl_history *history,
                         const char *id,
                         enum pawl_settle_outcome *ret_outcome,
                         struct pawl_errmsg *msg)
{
    uint64_t known_op = 0;
    pawl_err err = pawl_history_known_op(history, pawl_slice_str(id), &known_op, msg);
    return pawl_ok(err) ? settle(dir, id, known_op, ret_outcome, msg) : err;
}

/* --- All of them --------------------------------------------------------------------------- */

enum { KNOWN_BYTES_MAX = 64 << 20 };

/* A run in the history. An ended run that is not among them, or of which the history has less than
 * the journal, is fed again: so what was deleted, or was lost with the power because it was not
 * synced yet, comes back from the journals. */
struct known_run {
    char id[PAWL_RUN_ID_BYTES];
    uint64_t watermark;
};

struct settling {
    const struct pawl_datadir *dir;
    struct pawl_buf known; /* of struct known_run, sorted by id */
    pawl_settle_trouble_fn *trouble;
    void *arg;
};

static bool note_known(void *arg, struct pawl_slice run_id, uint64_t watermark)
{
    struct settling *settling = arg;
    struct known_run row = {.watermark = watermark};
    if (pawl_slice_copy_str(run_id, row.id, sizeof(row.id))) {
        pawl_buf_append(&settling->known, &row, sizeof(row));
    }
    return true;
}

static int compare_known(const void *a, const void *b)
{
    const struct known_run *left = a;
    const struct known_run *right = b;
    return strcmp(left->id, right->id);
}

/* 0: it does not know the run. */
static uint64_t known_op_of(const struct settling *settling, const char *id)
{
    size_t count = settling->known.bytes / sizeof(struct known_run);
    struct known_run key = {.watermark = 0};
    memcpy(key.id, id, sizeof(key.id));
    const struct known_run *found =
        count == 0 ? NULL : bsearch(&key, settling->known.data, count, sizeof(key), compare_known);
    return found != NULL ? found->watermark : 0;
}

static bool settle_step(void *arg, const char *id)
{
    struct settling *settling = arg;
    enum pawl_settle_outcome outcome;
    struct pawl_errmsg msg = {""};
    pawl_err err = settle(settling->dir, id, known_op_of(settling, id), &outcome, &msg);
    /* A directory may have gone since it was listed. */
    if (pawl_failed(err) && err.code != PAWL_ERR_NOT_FOUND && settling->trouble != NULL) {
        settling->trouble(settling->arg, id, &msg);
    }
    return true;
}

pawl_err pawl_settle_all(const struct pawl_datadir *dir,
                         struct pawl_history *history,
                         pawl_settle_trouble_fn *trouble,
                         void *arg,
                         struct pawl_errmsg *msg)
{
    struct settling settling = {.dir = dir, .trouble = trouble, .arg = arg};
    pawl_buf_init(&settling.known, KNOWN_BYTES_MAX);
    pawl_err err = pawl_history_ids(history, note_known, &settling, msg);
    if (settling.known.bytes > 0) {
        qsort(settling.known.data, settling.known.bytes / sizeof(struct known_run),
              sizeof(struct known_run), compare_known);
    }
    if (pawl_ok(err)) {
        err = pawl_datadir_runs(dir, settle_step, &settling, msg);
    }
    pawl_buf_free(&settling.known);
    return err;
}
