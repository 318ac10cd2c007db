/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply_approval.c: questions to a person and their answers. An answer that gives more moves the
 * run's limits, and lifts its pause, as it does in the ledger. What is about a phase moves nothing
 * of the run's; its amounts stand in the metadata, since the ledger does not know them as such.
 */
#include "history/apply_priv.h"

enum { AMOUNTS_BYTES_MAX = 4096 };

static const char *kind_name(uint8_t kind)
{
    switch (kind) {
    case PAWL_APPROVAL_MODEL:
        return "model";
    case PAWL_APPROVAL_RESUME:
        return "resume";
    case PAWL_APPROVAL_PHASE:
        return "phase";
    default:
        return "raise_cap";
    }
}

/* [{"unit":"TOKENS","amount":5}] in the context's arena. */
static struct pawl_slice amounts_text(const struct pawl_history_context *context,
                                      const struct pawl_amount *lines,
                                      uint32_t count)
{
    struct pawl_buf text;
    struct pawl_json_writer json;
    pawl_buf_init(&text, AMOUNTS_BYTES_MAX);
    pawl_json_writer_init(&json, &text);
    pawl_json_array_begin(&json);
    for (uint32_t i = 0; i < count; i++) {
        pawl_json_object_begin(&json);
        pawl_json_member_str(&json, "unit", pawl_unit_name(lines[i].unit));
        pawl_json_member_i64(&json, "amount", lines[i].value);
        pawl_json_object_end(&json);
    }
    pawl_json_array_end(&json);
    if (text.overflowed) {
        pawl_history_db_fail(context->db, PAWL_ERR(MEMORY), "out of memory");
    }
    struct pawl_slice copy = pawl_arena_copy(context->arena, pawl_buf_slice(&text));
    pawl_buf_free(&text);
    return copy;
}

/* A list of amounts in the metadata, as it stands there. */
static struct pawl_slice meta_amounts(const struct pawl_history_context *context, const char *key)
{
    uint32_t node =
        context->meta.count > 0 ? pawl_json_get(&context->meta, 0, key) : PAWL_JSON_NONE;
    return node == PAWL_JSON_NONE ? PAWL_SLICE("[]") : pawl_json_raw(&context->meta, node);
}

void pawl_history_apply_question(const struct pawl_history_context *context)
{
    const struct pawl_command_approval_open *open = &context->record->command.u.approval_open;
    pawl_history_db_run(context->db,
                        "INSERT OR REPLACE INTO approvals(run_id, id, at_us, state, kind, asked,"
                        " unasked, phase) VALUES(?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7)",
                        "siitsis", context->run, (int64_t)context->record->result.id,
                        context->record->now_us, kind_name(open->kind),
                        open->kind == PAWL_APPROVAL_PHASE
                            ? meta_amounts(context, "asked")
                            : amounts_text(context, open->lines, open->line_count),
                        (int64_t)pawl_history_meta_true(context, "unasked"),
                        pawl_history_meta_text(context, "phase"));
    pawl_history_db_run(context->db, "UPDATE runs SET asked=asked+1 WHERE id=?1", "s",
                        context->run);
}

static void raise_limits(const struct pawl_history_context *context,
                         const struct pawl_amount *lines,
                         uint32_t count)
{
    int64_t more[PAWL_HISTORY_UNITS] = {0};
    for (uint32_t i = 0; i < count; i++) {
        int index = pawl_history_unit_index(lines[i].unit);
        if (index >= 0) {
            more[index] += lines[i].value;
        }
    }
    pawl_history_db_run(context->db,
                        "UPDATE runs SET limit0=limit0+?2, limit1=limit1+?3, limit2=limit2+?4,"
                        " limit3=limit3+?5, limit4=limit4+?6 WHERE id=?1",
                        "siiiii", context->run, more[0], more[1], more[2], more[3], more[4]);
}

/* What was asked for, where the answer says nothing else: it stands in the question's row. */
static uint32_t read_asked(const struct pawl_history_context *context,
                           int64_t id,
                           struct pawl_amount lines[static PAWL_LINES_MAX])
{
    sqlite3_stmt *row =
        pawl_history_db_bind(context->db, "SELECT asked FROM approvals WHERE run_id=?1 AND id=?2",
                             "si", context->run, id);
    uint32_t count = 0;
    struct pawl_json json;
    if (row == NULL || !pawl_history_db_step(context->db, row)) {
        return 0;
    }
    struct pawl_slice text =
        pawl_arena_copy(context->arena, pawl_slice_str((const char *)sqlite3_column_text(row, 0)));
    (void)sqlite3_reset(row);
    if (!pawl_json_parse(context->arena, text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return 0;
    }
    uint32_t node = pawl_json_first(&json, 0);
    for (; node != PAWL_JSON_NONE && count < PAWL_LINES_MAX; node = pawl_json_next(&json, node)) {
        struct pawl_slice unit =
            pawl_json_string(&json, pawl_json_get(&json, node, "unit"), context->arena);
        lines[count].unit = pawl_unit_from_name(unit);
        lines[count].value = pawl_json_count_or(&json, pawl_json_get(&json, node, "amount"), 0);
        count++;
    }
    return count;
}

/* Only an answer about a phase names one. */
static bool is_of_phase(const struct pawl_history_context *context)
{
    return !pawl_slice_empty(pawl_history_meta_text(context, "phase"));
}

static const char *state_of(const struct pawl_history_context *context)
{
    if (context->record->command.u.approval_answer.approved) {
        return "approved";
    }
    return pawl_history_meta_true(context, "withdrawn") ? "withdrawn" : "denied";
}

void pawl_history_apply_answer(const struct pawl_history_context *context)
{
    const struct pawl_command_approval_answer *answer = &context->record->command.u.approval_answer;
    int64_t id = (int64_t)answer->approval;
    struct pawl_amount lines[PAWL_LINES_MAX];
    uint32_t count = answer->line_count;
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = answer->lines[i];
    }
    bool of_phase = is_of_phase(context);
    if (answer->approved && count == 0 && !of_phase) {
        count = read_asked(context, id, lines);
    }
    pawl_history_db_run(context->db,
                        "UPDATE approvals SET answered_us=?3, state=?4, given=?5, answered_by=?6"
                        " WHERE run_id=?1 AND id=?2",
                        "siitss", context->run, id, context->record->now_us, state_of(context),
                        !answer->approved ? PAWL_SLICE_NONE
                        : of_phase        ? meta_amounts(context, "given")
                                          : amounts_text(context, lines, count),
                        pawl_history_meta_text(context, "by"));
    if (!answer->approved) {
        return;
    }
    pawl_history_db_run(context->db, "UPDATE runs SET given=given+1 WHERE id=?1", "s",
                        context->run);
    if (of_phase) {
        return;
    }
    raise_limits(context, lines, count);
    pawl_history_db_run(context->db,
                        "UPDATE runs SET state='active', reason=NULL, unit=0"
                        " WHERE id=?1 AND state='paused'",
                        "s", context->run);
}
