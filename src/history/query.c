/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c: people's questions. Each is one statement, a function that reads its rows, and the loop
 * that all of them share. Rows are handed out one by one, their texts borrowed from SQLite for the
 * call.
 */
#include "base/assert.h"
#include "history/db.h"

_Static_assert(PAWL_HISTORY_UNITS == 5, "the statements below name five columns for each amount");

/* Whom the rows of one question go to: exactly one of the functions is set. */
struct receiver {
    pawl_history_run_fn *run;
    pawl_history_id_fn *id;
    pawl_history_call_fn *call;
    pawl_history_model_fn *model;
    pawl_history_approval_fn *approval;
    pawl_history_mark_fn *mark;
    void *arg;
};

/* Reads the row and hands it out; false: the receiver wants no more. */
typedef bool hand_out_fn(sqlite3_stmt *row, const struct receiver *receiver);

static struct pawl_slice column_text(sqlite3_stmt *row, int index)
{
    const unsigned char *text = sqlite3_column_text(row, index);
    return pawl_slice_of((const char *)text,
                         text == NULL ? 0 : (size_t)sqlite3_column_bytes(row, index));
}

/* Reads columns from `*index` on and moves it. */
static int64_t next_int(sqlite3_stmt *row, int *index)
{
    return sqlite3_column_int64(row, (*index)++);
}

static struct pawl_slice next_text(sqlite3_stmt *row, int *index)
{
    return column_text(row, (*index)++);
}

static void
next_units(sqlite3_stmt *row, int *index, int64_t ret_amounts[static PAWL_HISTORY_UNITS])
{
    for (int i = 0; i < PAWL_HISTORY_UNITS; i++) {
        ret_amounts[i] = next_int(row, index);
    }
}

/* `row` NULL: the statement could not be made, and the connection knows why. A failure is told
 * once; the next question begins afresh. */
static pawl_err hand_out_rows(struct pawl_history_db *db,
                              sqlite3_stmt *row,
                              hand_out_fn *hand_out,
                              const struct receiver *receiver,
                              struct pawl_errmsg *msg)
{
    PAWL_ASSERT(row != NULL || pawl_failed(db->err));
    while (row != NULL && pawl_history_db_step(db, row)) {
        if (!hand_out(row, receiver)) {
            (void)sqlite3_reset(row);
            break;
        }
    }
    pawl_err err = db->err;
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%s", db->msg.text);
        db->err = PAWL_OK;
    }
    return err;
}

static struct pawl_history_run read_run(sqlite3_stmt *row)
{
    int i = 0;
    struct pawl_history_run run = {.id = next_text(row, &i)};
    run.name = next_text(row, &i);
    run.command = next_text(row, &i);
    run.argv = next_text(row, &i);
    run.cwd = next_text(row, &i);
    run.started_us = next_int(row, &i);
    run.ended_us = next_int(row, &i);
    run.state = next_text(row, &i);
    run.reason = next_text(row, &i);
    run.unit = (uint16_t)next_int(row, &i);
    run.hard_stop = next_int(row, &i) != 0;
    run.status = (int)next_int(row, &i);
    run.agent_status = (int)next_int(row, &i);
    run.agent_signal = (int)next_int(row, &i);
    next_units(row, &i, run.limit);
    next_units(row, &i, run.spent);
    run.unconfirmed_microcents = next_int(row, &i);
    run.overshoot_microcents = next_int(row, &i);
    run.calls = (uint64_t)next_int(row, &i);
    run.refusals = (uint64_t)next_int(row, &i);
    run.approvals_asked = (uint64_t)next_int(row, &i);
    run.approvals_given = (uint64_t)next_int(row, &i);
    run.batches = (uint64_t)next_int(row, &i);
    run.resumed_from = next_text(row, &i);
    run.before = next_text(row, &i);
    run.policy = next_text(row, &i);
    run.repo = next_text(row, &i);
    run.model = next_text(row, &i);
    run.baseline = next_text(row, &i);
    run.baseline_last = next_text(row, &i);
    run.phase = next_text(row, &i);
    run.origins = next_text(row, &i);
    run.attended = next_int(row, &i) != 0;
    run.keep_ms = next_int(row, &i);
    next_units(row, &i, run.first);
    run.end_note = next_text(row, &i);
    run.watermark = (uint64_t)next_int(row, &i);
    return run;
}

static bool hand_out_run(sqlite3_stmt *row, const struct receiver *receiver)
{
    struct pawl_history_run run = read_run(row);
    return receiver->run(receiver->arg, &run);
}

pawl_err pawl_history_runs(struct pawl_history *history,
                           const struct pawl_history_filter *filter,
                           pawl_history_run_fn *fn,
                           void *arg,
                           struct pawl_errmsg *msg)
{
    /* ?3 says that the prefix was given without "run_", which has four letters. */
#define RUNS_WANTED                                                                                \
    "SELECT id, name, command, argv, cwd, started_us, ended_us, state, reason, unit, hard_stop,"   \
    " status, agent_status, agent_signal, limit0, limit1, limit2, limit3, limit4,"                 \
    " spent0, spent1, spent2, spent3, spent4, unconfirmed, overshoot, calls, refusals,"            \
    " asked, given, batches, resumed_from, before, policy, repo, model, baseline,"                 \
    " baseline_last, phase, origins, attended,"                                                    \
    " keep_ms, first0, first1, first2, first3, first4, end_note, watermark FROM runs"              \
    " WHERE started_us>=?1 AND (?2 IS NULL OR substr(id, 1+4*?3, length(?2))=?2)"                  \
    " AND (?4 IS NULL OR name=?4) AND (?6 IS NULL OR resumed_from=?6)"
    static const char newest_first[] = RUNS_WANTED " ORDER BY started_us DESC, id DESC LIMIT ?5";
    static const char dearest_first[] =
        RUNS_WANTED " ORDER BY spent0 DESC, started_us DESC, id DESC LIMIT ?5";
#undef RUNS_WANTED
    const char *sql = filter->dearest_first ? dearest_first : newest_first;
    struct pawl_history_db *db = pawl_history_connection(history);
    struct pawl_slice prefix = filter->id_prefix;
    bool bare = !pawl_slice_starts_with(prefix, PAWL_SLICE("run_"));
    int64_t limit = filter->limit == 0 ? INT64_C(-1) : (int64_t)filter->limit;
    sqlite3_stmt *row =
        pawl_history_db_bind(db, sql, "isisis", filter->since_us, prefix, (int64_t)bare,
                             filter->name, limit, filter->resumed_from);
    struct receiver receiver = {.run = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_run, &receiver, msg);
}

static bool hand_out_id(sqlite3_stmt *row, const struct receiver *receiver)
{
    return receiver->id(receiver->arg, column_text(row, 0), (uint64_t)sqlite3_column_int64(row, 1));
}

pawl_err pawl_history_ids(struct pawl_history *history,
                          pawl_history_id_fn *fn,
                          void *arg,
                          struct pawl_errmsg *msg)
{
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, "SELECT id, watermark FROM runs", "");
    struct receiver receiver = {.id = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_id, &receiver, msg);
}

pawl_err pawl_history_due(struct pawl_history *history,
                          int64_t now_us,
                          uint32_t limit,
                          pawl_history_id_fn *fn,
                          void *arg,
                          struct pawl_errmsg *msg)
{
    /* In the words of the index runs_by_keep. */
    static const char sql[] = "SELECT id, watermark FROM runs WHERE keep_ms>0 AND ended_us>0"
                              " AND ended_us+keep_ms*1000<=?1 ORDER BY ended_us+keep_ms*1000"
                              " LIMIT ?2";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "ii", now_us, (int64_t)limit);
    struct receiver receiver = {.id = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_id, &receiver, msg);
}

static bool note_op(void *arg, struct pawl_slice run_id, uint64_t watermark)
{
    (void)run_id;
    uint64_t *op = arg;
    *op = watermark;
    return true;
}

pawl_err pawl_history_known_op(struct pawl_history *history,
                               struct pawl_slice run_id,
                               uint64_t *ret_op,
                               struct pawl_errmsg *msg)
{
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row =
        pawl_history_db_bind(db, "SELECT id, watermark FROM runs WHERE id=?1", "s", run_id);
    uint64_t op = 0;
    struct receiver receiver = {.id = note_op, .arg = &op};
    pawl_err err = hand_out_rows(db, row, hand_out_id, &receiver, msg);
    if (pawl_ok(err)) {
        *ret_op = op;
    }
    return err;
}

static struct pawl_history_call read_call(sqlite3_stmt *row)
{
    int i = 0;
    struct pawl_history_call call = {.id = (uint64_t)next_int(row, &i)};
    call.at_us = next_int(row, &i);
    call.settled_us = next_int(row, &i);
    call.state = next_text(row, &i);
    call.dialect = next_text(row, &i);
    call.model_asked = next_text(row, &i);
    call.model = next_text(row, &i);
    call.end = next_text(row, &i);
    call.reason = next_text(row, &i);
    call.status = (int)next_int(row, &i);
    next_units(row, &i, call.hold);
    next_units(row, &i, call.spent);
    call.input = next_int(row, &i);
    call.cache_read = next_int(row, &i);
    call.cache_write = next_int(row, &i);
    call.output = next_int(row, &i);
    call.reasoning = next_int(row, &i);
    call.tool_calls = next_int(row, &i);
    call.duration_us = next_int(row, &i);
    call.estimated = next_int(row, &i) != 0;
    call.reserve_meta = next_text(row, &i);
    call.settle_meta = next_text(row, &i);
    call.phase = next_text(row, &i);
    return call;
}

static bool hand_out_call(sqlite3_stmt *row, const struct receiver *receiver)
{
    struct pawl_history_call call = read_call(row);
    return receiver->call(receiver->arg, &call);
}

pawl_err pawl_history_calls(struct pawl_history *history,
                            struct pawl_slice run_id,
                            pawl_history_call_fn *fn,
                            void *arg,
                            struct pawl_errmsg *msg)
{
    static const char sql[] =
        "SELECT id, at_us, settled_us, state, dialect, model_asked, model, end, reason, status,"
        " hold0, hold1, hold2, hold3, hold4, spent0, spent1, spent2, spent3, spent4,"
        " input, cache_read, cache_write, output, reasoning, tool_calls, duration_us, estimated,"
        " reserve_meta, settle_meta, phase FROM calls WHERE run_id=?1 ORDER BY id";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "s", run_id);
    struct receiver receiver = {.call = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_call, &receiver, msg);
}

static bool hand_out_approval(sqlite3_stmt *row, const struct receiver *receiver)
{
    int i = 0;
    struct pawl_history_approval approval = {.id = (uint64_t)next_int(row, &i)};
    approval.at_us = next_int(row, &i);
    approval.answered_us = next_int(row, &i);
    approval.state = next_text(row, &i);
    approval.kind = next_text(row, &i);
    approval.asked = next_text(row, &i);
    approval.given = next_text(row, &i);
    approval.by = next_text(row, &i);
    approval.unasked = next_int(row, &i) != 0;
    approval.phase = next_text(row, &i);
    return receiver->approval(receiver->arg, &approval);
}

pawl_err pawl_history_approvals(struct pawl_history *history,
                                struct pawl_slice run_id,
                                pawl_history_approval_fn *fn,
                                void *arg,
                                struct pawl_errmsg *msg)
{
    static const char sql[] =
        "SELECT id, at_us, answered_us, state, kind, asked, given, answered_by, unasked, phase"
        " FROM approvals WHERE run_id=?1 ORDER BY at_us, id";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "s", run_id);
    struct receiver receiver = {.approval = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_approval, &receiver, msg);
}

static bool hand_out_mark(sqlite3_stmt *row, const struct receiver *receiver)
{
    int i = 0;
    struct pawl_history_mark mark = {.id = (uint64_t)next_int(row, &i)};
    mark.at_us = next_int(row, &i);
    mark.kind = (uint16_t)next_int(row, &i);
    mark.note = next_text(row, &i);
    return receiver->mark(receiver->arg, &mark);
}

pawl_err pawl_history_marks(struct pawl_history *history,
                            struct pawl_slice run_id,
                            pawl_history_mark_fn *fn,
                            void *arg,
                            struct pawl_errmsg *msg)
{
    static const char sql[] = "SELECT id, at_us, kind, note FROM marks WHERE run_id=?1 ORDER BY id";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "s", run_id);
    struct receiver receiver = {.mark = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_mark, &receiver, msg);
}

static bool hand_out_model(sqlite3_stmt *row, const struct receiver *receiver)
{
    int i = 0;
    struct pawl_history_model model = {.model = next_text(row, &i)};
    model.calls = (uint64_t)next_int(row, &i);
    model.microcents = next_int(row, &i);
    model.input = next_int(row, &i);
    model.cache_read = next_int(row, &i);
    model.cache_write = next_int(row, &i);
    model.output = next_int(row, &i);
    return receiver->model(receiver->arg, &model);
}

pawl_err pawl_history_models(struct pawl_history *history,
                             struct pawl_slice run_id,
                             pawl_history_model_fn *fn,
                             void *arg,
                             struct pawl_errmsg *msg)
{
    static const char sql[] =
        "SELECT ifnull(model, model_asked), count(*), sum(spent0), sum(input), sum(cache_read),"
        " sum(cache_write), sum(output) FROM calls WHERE run_id=?1 AND state<>'refused'"
        " GROUP BY 1 ORDER BY 3 DESC, 1";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "s", run_id);
    struct receiver receiver = {.model = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_model, &receiver, msg);
}

pawl_err pawl_history_mix(struct pawl_history *history,
                          struct pawl_slice repo,
                          int64_t since_us,
                          pawl_history_model_fn *fn,
                          void *arg,
                          struct pawl_errmsg *msg)
{
    static const char sql[] =
        "SELECT ifnull(calls.model, model_asked), count(*), sum(calls.spent0), sum(input),"
        " sum(cache_read), sum(cache_write), sum(output)"
        " FROM runs JOIN calls ON run_id=runs.id"
        " WHERE started_us>=?1 AND calls.state<>'refused'"
        " AND repo=?2"
        " GROUP BY 1 ORDER BY 3 DESC, 1";
    struct pawl_history_db *db = pawl_history_connection(history);
    sqlite3_stmt *row = pawl_history_db_bind(db, sql, "is", since_us, repo);
    struct receiver receiver = {.model = fn, .arg = arg};
    return hand_out_rows(db, row, hand_out_model, &receiver, msg);
}
