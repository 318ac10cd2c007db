/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.c: what each durable record means for the tables of people's questions. A record holds
 * the command and its result, so nothing is decided here again; what was refused by the ledger
 * changes nothing, since the gateway writes a note of its own for every refusal that somebody saw.
 *
 * The caller skips records at or below the run's watermark, so each is counted once.
 */
#include "base/json.h"
#include "history/apply_priv.h"

/* Several times what the largest metadata can need as JSON, so that an arena that is full means
 * that there is no memory. */
enum { META_BYTES_MAX = 64 * PAWL_METADATA_BYTES_MAX };

int pawl_history_unit_index(uint16_t unit)
{
    switch (unit) {
    case PAWL_UNIT_USD_MICROCENTS:
        return PAWL_HISTORY_MICROCENTS;
    case PAWL_UNIT_TOKENS:
        return PAWL_HISTORY_TOKENS;
    case PAWL_UNIT_TOOL_CALLS:
        return PAWL_HISTORY_TOOL_CALLS;
    case PAWL_UNIT_ITERATIONS:
        return PAWL_HISTORY_ITERATIONS;
    case PAWL_UNIT_WALL_CLOCK_MS:
        return PAWL_HISTORY_WALL_CLOCK_MS;
    default:
        return -1;
    }
}

/* Adds each line to the sum of its unit; units that history does not keep are left out. */
static void
spread(const struct pawl_amount *lines, uint32_t count, int64_t sums[static PAWL_HISTORY_UNITS])
{
    for (uint32_t i = 0; i < count; i++) {
        int index = pawl_history_unit_index(lines[i].unit);
        if (index >= 0) {
            sums[index] += lines[i].value;
        }
    }
}

static uint32_t meta_node(const struct pawl_history_context *context, const char *path)
{
    return context->meta.count > 0 ? pawl_json_path(&context->meta, 0, path) : PAWL_JSON_NONE;
}

struct pawl_slice pawl_history_meta_text(const struct pawl_history_context *context,
                                         const char *path)
{
    uint32_t node = meta_node(context, path);
    return node == PAWL_JSON_NONE ? PAWL_SLICE_NONE
                                  : pawl_json_string(&context->meta, node, context->arena);
}

static int64_t
meta_number(const struct pawl_history_context *context, const char *path, int64_t fallback)
{
    uint32_t node = meta_node(context, path);
    int64_t value = 0;
    return node != PAWL_JSON_NONE && pawl_json_i64(&context->meta, node, &value) ? value : fallback;
}

bool pawl_history_meta_true(const struct pawl_history_context *context, const char *path)
{
    uint32_t node = meta_node(context, path);
    return node != PAWL_JSON_NONE && pawl_json_bool_or(&context->meta, node, false);
}

/* All units but the time, which is the difference of two columns. */
static void add_to_run(const struct pawl_history_context *context, const int64_t *spent)
{
    pawl_history_db_run(context->db,
                        "UPDATE runs SET spent0=spent0+?2, spent1=spent1+?3, spent2=spent2+?4,"
                        " spent3=spent3+?5 WHERE id=?1",
                        "siiii", context->run, spent[0], spent[1], spent[2], spent[3]);
}

static void apply_session_open(const struct pawl_history_context *context)
{
    const struct pawl_command_session_open *open = &context->record->command.u.session_open;
    int64_t limit[PAWL_HISTORY_UNITS] = {-1, -1, -1, -1, -1};
    for (uint32_t i = 0; i < open->cap_count; i++) {
        int index = pawl_history_unit_index(open->caps[i].unit);
        if (index >= 0 && pawl_slice_empty(open->caps[i].phase)) {
            limit[index] = open->caps[i].amount;
        }
    }
    pawl_history_db_run(context->db,
                        "UPDATE runs SET started_us=?2, state='active', limit0=?3, limit1=?4,"
                        " limit2=?5, limit3=?6, limit4=?7, first0=?3, first1=?4, first2=?5,"
                        " first3=?6, first4=?7, phase=?8 WHERE id=?1",
                        "siiiiiis", context->run, context->record->now_us, limit[0], limit[1],
                        limit[2], limit[3], limit[4], open->phase);
}

static void apply_reserve(const struct pawl_history_context *context)
{
    const struct pawl_command_reserve *reserve = &context->record->command.u.reserve;
    int64_t hold[PAWL_HISTORY_UNITS] = {0};
    spread(reserve->lines, reserve->line_count, hold);
    pawl_history_db_run(context->db,
                        "INSERT OR REPLACE INTO calls(run_id, id, at_us, state, dialect,"
                        " model_asked, hold0, hold1, hold2, hold3, reserve_meta, phase)"
                        " VALUES(?1, ?2, ?3, 'held', ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                        " ifnull(?11, (SELECT phase FROM runs WHERE id=?1)))",
                        "siissiiiiss", context->run, (int64_t)context->record->op,
                        context->record->now_us, pawl_history_meta_text(context, "dialect"),
                        pawl_history_meta_text(context, "model"), hold[0], hold[1], hold[2],
                        hold[3], context->record->command.metadata, reserve->phase);
    pawl_history_db_run(context->db, "UPDATE runs SET calls=calls+1 WHERE id=?1", "s",
                        context->run);
}

static void apply_grow(const struct pawl_history_context *context)
{
    const struct pawl_command_grow *grow = &context->record->command.u.grow;
    int64_t more[PAWL_HISTORY_UNITS] = {0};
    spread(grow->lines, grow->line_count, more);
    pawl_history_db_run(context->db,
                        "UPDATE calls SET hold0=hold0+?3, hold1=hold1+?4, hold2=hold2+?5,"
                        " hold3=hold3+?6 WHERE run_id=?1 AND id=?2",
                        "siiiii", context->run, (int64_t)grow->reservation, more[0], more[1],
                        more[2], more[3]);
}

/* The buckets of a usage (docs/METERING.md) that a column adds up. They never overlap, so the four
 * sums of input, caches and output are the tokens that were booked; reasoning is a part of output.
 */
enum { BUCKETS_MAX = 4 };
static const char *const input_buckets[BUCKETS_MAX] = {"usage.input", "usage.input_audio",
                                                       "usage.input_image", "usage.input_video"};
static const char *const cache_read_buckets[BUCKETS_MAX] = {
    "usage.cache_read", "usage.cache_audio_read", "usage.cache_image_read"};
static const char *const cache_write_buckets[BUCKETS_MAX] = {"usage.cache_write",
                                                             "usage.cache_write_long"};
static const char *const output_buckets[BUCKETS_MAX] = {"usage.output", "usage.output_audio",
                                                        "usage.output_image"};

static int64_t sum_of(const struct pawl_history_context *context,
                      const char *const buckets[static BUCKETS_MAX])
{
    int64_t sum = 0;
    for (size_t i = 0; i < BUCKETS_MAX && buckets[i] != NULL; i++) {
        sum += meta_number(context, buckets[i], 0);
    }
    return sum;
}

/* What a settlement booked and what its metadata says, onto the call's row. */
static void write_settlement(const struct pawl_history_context *context,
                             int64_t call,
                             const char *state,
                             const int64_t *spent)
{
    pawl_history_db_run(
        context->db,
        "UPDATE calls SET state=?3, settled_us=?4, model=?5, end=?6, status=?7, input=?8,"
        " cache_read=?9, cache_write=?10, output=?11, reasoning=?12, tool_calls=?13,"
        " duration_us=?14, estimated=?15, settle_meta=?16, spent0=?17, spent1=?18, spent2=?19,"
        " spent3=?20 WHERE run_id=?1 AND id=?2",
        "sitissiiiiiiiiisiiii", context->run, call, state, context->record->now_us,
        pawl_history_meta_text(context, "model"), pawl_history_meta_text(context, "end"),
        meta_number(context, "status", 0), sum_of(context, input_buckets),
        sum_of(context, cache_read_buckets), sum_of(context, cache_write_buckets),
        sum_of(context, output_buckets), meta_number(context, "usage.reasoning", 0),
        meta_number(context, "tool_calls", 0), meta_number(context, "duration_us", 0),
        (int64_t)pawl_history_meta_true(context, "estimated"), context->record->command.metadata,
        spent[0], spent[1], spent[2], spent[3]);
}

/* Books what a settlement charged in place of what the row had before (nothing, or the hold after
 * an unconfirmed one). Units that it does not name, such as tool calls, have events of their own.
 */
static void book(const struct pawl_history_context *context, int64_t call, const char *state)
{
    const struct pawl_result *result = &context->record->result;
    int64_t now[PAWL_HISTORY_UNITS] = {0};
    int64_t change[PAWL_HISTORY_UNITS] = {0};
    sqlite3_stmt *row = pawl_history_db_bind(
        context->db, "SELECT spent0, spent1, spent2, spent3 FROM calls WHERE run_id=?1 AND id=?2",
        "si", context->run, call);
    if (row != NULL && pawl_history_db_step(context->db, row)) {
        for (int i = 0; i < PAWL_HISTORY_WALL_CLOCK_MS; i++) {
            now[i] = sqlite3_column_int64(row, i);
        }
        (void)sqlite3_reset(row);
    }
    for (uint32_t i = 0; i < result->line_count; i++) {
        int index = pawl_history_unit_index(result->charged[i].unit);
        if (index >= 0) {
            change[index] = result->charged[i].value - now[index];
            now[index] = result->charged[i].value;
        }
    }
    write_settlement(context, call, state, now);
    add_to_run(context, change);
}

static void apply_settle(const struct pawl_history_context *context, const char *state)
{
    int64_t call = (int64_t)context->record->command.u.settle.reservation;
    int64_t overshoot = meta_number(context, "overshoot", 0);
    if (context->record->command.type == PAWL_COMMAND_CORRECT) {
        pawl_history_db_run(context->db,
                            "UPDATE runs SET unconfirmed=unconfirmed-ifnull((SELECT spent0 FROM"
                            " calls WHERE run_id=?1 AND id=?2), 0) WHERE id=?1",
                            "si", context->run, call);
    }
    book(context, call, state);
    if (overshoot != 0) {
        pawl_history_db_run(context->db, "UPDATE runs SET overshoot=overshoot+?2 WHERE id=?1", "si",
                            context->run, overshoot);
    }
}

static void apply_expired(const struct pawl_history_context *context,
                          const struct pawl_expired *expired)
{
    int64_t id = (int64_t)expired->id;
    switch (expired->kind) {
    case PAWL_EXPIRED_RELEASED:
        pawl_history_db_run(context->db,
                            "UPDATE calls SET state='released', settled_us=?3, end='expired'"
                            " WHERE run_id=?1 AND id=?2",
                            "sii", context->run, id, context->record->now_us);
        break;
    case PAWL_EXPIRED_SETTLED:
        pawl_history_db_run(context->db,
                            "UPDATE runs SET (spent0, spent1, spent2, spent3, unconfirmed)="
                            "(SELECT runs.spent0+hold0, runs.spent1+hold1, runs.spent2+hold2,"
                            " runs.spent3+hold3, runs.unconfirmed+hold0"
                            " FROM calls WHERE run_id=?1 AND calls.id=?2)"
                            " WHERE id=?1 AND EXISTS"
                            " (SELECT 1 FROM calls WHERE run_id=?1 AND calls.id=?2)",
                            "si", context->run, id);
        pawl_history_db_run(context->db,
                            "UPDATE calls SET state='unconfirmed', settled_us=?3,"
                            " spent0=spent0+hold0, spent1=spent1+hold1, spent2=spent2+hold2,"
                            " spent3=spent3+hold3, estimated=1, end='unknown'"
                            " WHERE run_id=?1 AND id=?2",
                            "sii", context->run, id, context->record->now_us);
        break;
    case PAWL_EXPIRED_SESSION:
        pawl_history_db_run(context->db,
                            "UPDATE runs SET state='ended', reason='capped', unit=?2, hard_stop=1,"
                            " ended_us=?3, spent4=(?3-started_us)/1000 WHERE id=?1",
                            "sii", context->run, (int64_t)PAWL_UNIT_WALL_CLOCK_MS,
                            context->record->now_us);
        break;
    case PAWL_EXPIRED_APPROVAL:
        pawl_history_db_run(context->db,
                            "UPDATE approvals SET state='expired', answered_us=?3"
                            " WHERE run_id=?1 AND id=?2",
                            "sii", context->run, (int64_t)expired->id, context->record->now_us);
        break;
    default: /* corrections that ran out leave the rows as they are */
        break;
    }
}

static const char *session_state_name(uint8_t state)
{
    switch (state) {
    case PAWL_SESSION_PAUSED:
        return "paused";
    case PAWL_SESSION_ENDED:
        return "ended";
    default:
        return "active";
    }
}

static const char *session_reason_name(uint8_t reason)
{
    switch (reason) {
    case PAWL_REASON_CAP:
        return "cap";
    case PAWL_REASON_IDLE:
        return "idle";
    case PAWL_REASON_APPROVAL:
        return "approval";
    case PAWL_REASON_BREAKER:
        return "breaker";
    case PAWL_REASON_COMPLETED:
        return "completed";
    case PAWL_REASON_CAPPED:
        return "capped";
    case PAWL_REASON_KILLED:
        return "killed";
    case PAWL_REASON_FAILED:
        return "failed";
    default:
        return NULL;
    }
}

static void apply_session_set(const struct pawl_history_context *context)
{
    const struct pawl_command_session_set *set = &context->record->command.u.session_set;
    bool ended = set->state == PAWL_SESSION_ENDED;
    bool hard_stop = set->reason == PAWL_REASON_CAP || set->reason == PAWL_REASON_CAPPED;
    pawl_history_db_run(context->db,
                        "UPDATE runs SET state=?2, reason=?3,"
                        " unit=CASE WHEN ?4=0 THEN unit ELSE ?4 END,"
                        " hard_stop=max(hard_stop, ?5) WHERE id=?1",
                        "sttii", context->run, session_state_name(set->state),
                        session_reason_name(set->reason), (int64_t)set->unit, (int64_t)hard_stop);
    if (ended) {
        pawl_history_db_run(
            context->db,
            "UPDATE runs SET ended_us=?2, spent4=(?2-started_us)/1000 WHERE id=?1 AND ended_us=0",
            "si", context->run, context->record->now_us);
    }
}

/* The calls that follow belong to it. */
static void apply_session_phase(const struct pawl_history_context *context)
{
    pawl_history_db_run(context->db, "UPDATE runs SET phase=?2 WHERE id=?1", "ss", context->run,
                        context->record->command.u.session_phase.phase);
}

static void apply_note(const struct pawl_history_context *context)
{
    struct pawl_slice metadata = context->record->command.metadata;
    uint32_t argv = meta_node(context, "argv");
    uint32_t before = meta_node(context, "before");
    uint32_t caps = meta_node(context, "caps");
    switch (context->record->command.u.note.kind) {
    case PAWL_NOTE_REFUSAL:
        pawl_history_db_run(context->db,
                            "INSERT OR REPLACE INTO calls(run_id, id, at_us, settled_us, state,"
                            " dialect, model_asked, reason, reserve_meta)"
                            " VALUES(?1, ?2, ?3, ?3, 'refused', ?4, ?5, ?6, ?7)",
                            "siissss", context->run, (int64_t)context->record->op,
                            context->record->now_us, pawl_history_meta_text(context, "dialect"),
                            pawl_history_meta_text(context, "model"),
                            pawl_history_meta_text(context, "reason"), metadata);
        pawl_history_db_run(context->db, "UPDATE runs SET refusals=refusals+?2 WHERE id=?1", "si",
                            context->run, (int64_t)context->record->repeats + 1);
        break;
    case PAWL_NOTE_BATCH:
        pawl_history_db_run(context->db, "UPDATE runs SET batches=batches+?2 WHERE id=?1", "si",
                            context->run, (int64_t)context->record->repeats + 1);
        break;
    case PAWL_NOTE_RUN_START:
        pawl_history_db_run(
            context->db,
            "UPDATE runs SET name=?2, command=?3, argv=?4, cwd=?5, resumed_from=?6, before=?7,"
            " policy=?8, repo=?9, attended=?10, model=?11, keep_ms=?12, origins=?13 WHERE id=?1",
            "sssssssssisis", context->run, pawl_history_meta_text(context, "name"),
            pawl_history_meta_text(context, "command"),
            argv == PAWL_JSON_NONE ? PAWL_SLICE_NONE : pawl_json_raw(&context->meta, argv),
            pawl_history_meta_text(context, "cwd"), pawl_history_meta_text(context, "resumed_from"),
            before == PAWL_JSON_NONE ? PAWL_SLICE_NONE : pawl_json_raw(&context->meta, before),
            pawl_history_meta_text(context, "policy"), pawl_history_meta_text(context, "repo"),
            (int64_t)pawl_history_meta_true(context, "attended"),
            pawl_history_meta_text(context, "model"), meta_number(context, "keep_ms", 0),
            caps == PAWL_JSON_NONE ? PAWL_SLICE_NONE : pawl_json_raw(&context->meta, caps));
        break;
    case PAWL_NOTE_RUN_END:
        pawl_history_db_run(context->db,
                            "UPDATE runs SET status=?2, agent_status=?3, agent_signal=?4,"
                            " end_note=?5, hard_stop=max(hard_stop, ?6) WHERE id=?1",
                            "siiisi", context->run, meta_number(context, "status", -1),
                            meta_number(context, "agent_status", -1),
                            meta_number(context, "agent_signal", 0), metadata,
                            (int64_t)pawl_history_meta_true(context, "hard_stop"));
        break;
    case PAWL_NOTE_BASELINE:
        pawl_history_db_run(context->db,
                            "UPDATE runs SET baseline_last=?2, baseline=CASE WHEN ?3 THEN"
                            " coalesce(baseline, ?2) ELSE ?2 END WHERE id=?1",
                            "ssi", context->run, pawl_history_meta_text(context, "model"),
                            (int64_t)pawl_history_meta_true(context, "approved"));
        break;
    case PAWL_NOTE_SUMMARY:
    case PAWL_NOTE_DEGRADE:
    case PAWL_NOTE_PARTIAL:
        pawl_history_db_run(context->db,
                            "INSERT OR REPLACE INTO marks(run_id, id, at_us, kind, note)"
                            " VALUES(?1, ?2, ?3, ?4, ?5)",
                            "siiis", context->run, (int64_t)context->record->op,
                            context->record->now_us, (int64_t)context->record->command.u.note.kind,
                            metadata);
        break;
    default: /* thresholds have no column */
        break;
    }
}

static void apply_event(const struct pawl_history_context *context)
{
    const struct pawl_result *result = &context->record->result;
    int64_t charged[PAWL_HISTORY_UNITS] = {0};
    spread(result->charged, result->line_count, charged);
    add_to_run(context, charged);
    pawl_history_db_run(context->db, "UPDATE calls SET spent2=spent2+?3 WHERE run_id=?1 AND id=?2",
                        "sii", context->run, meta_number(context, "call", 0),
                        charged[PAWL_HISTORY_TOOL_CALLS]);
}

static void apply_release(const struct pawl_history_context *context)
{
    int64_t call = (int64_t)context->record->command.u.release.reservation;
    pawl_history_db_run(context->db,
                        "UPDATE calls SET state='released', settled_us=?3, end=?4, status=?5,"
                        " settle_meta=?6 WHERE run_id=?1 AND id=?2",
                        "siisis", context->run, call, context->record->now_us,
                        pawl_history_meta_text(context, "end"), meta_number(context, "status", 0),
                        context->record->command.metadata);
}

static void dispatch(const struct pawl_history_context *context)
{
    switch ((enum pawl_command_type)context->record->command.type) {
    case PAWL_COMMAND_SESSION_OPEN:
        apply_session_open(context);
        break;
    case PAWL_COMMAND_SESSION_SET:
        apply_session_set(context);
        break;
    case PAWL_COMMAND_RESERVE:
        if (!context->record->command.u.reserve.dry_run) {
            apply_reserve(context);
        }
        break;
    case PAWL_COMMAND_GROW:
        apply_grow(context);
        break;
    case PAWL_COMMAND_COMMIT:
        apply_settle(context, "settled");
        break;
    case PAWL_COMMAND_CORRECT:
        apply_settle(context, "corrected");
        break;
    case PAWL_COMMAND_RELEASE:
        apply_release(context);
        break;
    case PAWL_COMMAND_EVENT:
        apply_event(context);
        break;
    case PAWL_COMMAND_NOTE:
        apply_note(context);
        break;
    case PAWL_COMMAND_EXPIRE:
        for (uint32_t i = 0; i < context->record->result.expired_count; i++) {
            apply_expired(context, &context->record->result.expired[i]);
        }
        break;
    case PAWL_COMMAND_APPROVAL_OPEN:
        pawl_history_apply_question(context);
        break;
    case PAWL_COMMAND_APPROVAL_ANSWER:
        pawl_history_apply_answer(context);
        break;
    case PAWL_COMMAND_SESSION_PHASE:
        apply_session_phase(context);
        break;
    case PAWL_COMMAND_CONFIG:
    case PAWL_COMMAND_TZ_DEFINE:
    case PAWL_COMMAND_BUDGET_CREATE:
    case PAWL_COMMAND_BUDGET_FUND:
    case PAWL_COMMAND_BUDGET_SET:
    case PAWL_COMMAND_EXTEND:
    case PAWL_COMMAND_DECIDE:
    case PAWL_COMMAND_DOCUMENT_PUT:
    case PAWL_COMMAND_TENANT_DRAIN:
    case PAWL_COMMAND_TYPE_END:
        break;
    }
}

void pawl_history_apply(struct pawl_history_db *db,
                        struct pawl_slice run_id,
                        const struct pawl_record *record)
{
    const struct pawl_result *result = &record->result;
    if (result->code != PAWL_RESULT_OK || result->replayed) {
        return;
    }
    struct pawl_arena arena;
    pawl_arena_init(&arena, META_BYTES_MAX);
    struct pawl_history_context context = {
        .db = db, .run = run_id, .record = record, .arena = &arena, .meta = {.count = 0}};
    if (!pawl_slice_empty(record->command.metadata) &&
        !pawl_json_parse(&arena, record->command.metadata, PAWL_JSON_LEDGER,
                         PAWL_JSON_LIMITS_DEFAULT, &context.meta)) {
        context.meta.count = 0; /* foreign metadata: kept as text, not read */
    }
    dispatch(&context);
    if (arena.overflowed) {
        pawl_history_db_fail(db, PAWL_ERR(MEMORY), "out of memory");
    }
    pawl_arena_free(&arena);
}
