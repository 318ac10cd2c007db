/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.c: POST /v1/reservations, also as a dry run, and POST /v1/decide: the same question to
 * the ledger, with a hold, without one, and without one under a key of its own.
 *
 * The terms (overage, lease, extensions, throttle) are settled here and go into the command, so
 * that the journal tells what applied. A live denial is an error; a decision that says no is a 200.
 */
#include "base/assert.h"
#include "cycles/body.h"
#include "cycles/canon.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/operation.h"
#include "cycles/subject.h"

enum { TTL_MS_MIN = 1000, TTL_MS_MAX = 86400000, GRACE_MS_MAX = 60000, GRACE_MS_DEFAULT = 5000 };

enum {
    RESERVE_KEY,
    RESERVE_SUBJECT,
    RESERVE_ACTION,
    RESERVE_ESTIMATE,
    RESERVE_TTL,
    RESERVE_GRACE,
    RESERVE_OVERAGE,
    RESERVE_DRY_RUN,
    RESERVE_METADATA,
    RESERVE_OBSERVE_MODE,
    RESERVE_FIELD_COUNT,
    RESERVE_SUBJECT_AT = RESERVE_FIELD_COUNT,
    RESERVE_ACTION_AT = RESERVE_SUBJECT_AT + PAWL_SUBJECT_FIELD_COUNT,
    RESERVE_ESTIMATE_AT = RESERVE_ACTION_AT + PAWL_ACTION_FIELD_COUNT,
    RESERVE_VALUE_COUNT = RESERVE_ESTIMATE_AT + PAWL_AMOUNT_FIELD_COUNT
};

static const struct pawl_field reserve_fields[] = {
    [RESERVE_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                     .min = 1, .max = 256},
    [RESERVE_SUBJECT] = {PAWL_FIELD("subject"), .type = PAWL_FIELD_RECORD, .required = true,
                         .inner = &pawl_subject_shape, .slot = RESERVE_SUBJECT_AT},
    [RESERVE_ACTION] = {PAWL_FIELD("action"), .type = PAWL_FIELD_RECORD, .required = true,
                        .inner = &pawl_action_shape, .slot = RESERVE_ACTION_AT},
    [RESERVE_ESTIMATE] = {PAWL_FIELD("estimate"), .type = PAWL_FIELD_RECORD, .required = true,
                          .inner = &pawl_amount_shape, .slot = RESERVE_ESTIMATE_AT},
    [RESERVE_TTL] = {PAWL_FIELD("ttl_ms"), .type = PAWL_FIELD_INTEGER, .min = TTL_MS_MIN,
                     .max = TTL_MS_MAX},
    [RESERVE_GRACE] = {PAWL_FIELD("grace_period_ms"), .type = PAWL_FIELD_INTEGER,
                       .max = GRACE_MS_MAX},
    [RESERVE_OVERAGE] = {PAWL_FIELD("overage_policy"), .type = PAWL_FIELD_WORD,
                         .words = pawl_overage_words},
    [RESERVE_DRY_RUN] = {PAWL_FIELD("dry_run"), .type = PAWL_FIELD_BOOL},
    [RESERVE_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT},
    [RESERVE_OBSERVE_MODE] = {PAWL_FIELD("observe_mode"), .type = PAWL_FIELD_IGNORED}};
const struct pawl_shape pawl_reserve_shape = PAWL_SHAPE(reserve_fields);

/* The same places, of which decide has fewer. */
static const struct pawl_field decide_fields[] = {
    [RESERVE_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                     .min = 1, .max = 256},
    [RESERVE_SUBJECT] = {PAWL_FIELD("subject"), .type = PAWL_FIELD_RECORD, .required = true,
                         .inner = &pawl_subject_shape, .slot = RESERVE_SUBJECT_AT},
    [RESERVE_ACTION] = {PAWL_FIELD("action"), .type = PAWL_FIELD_RECORD, .required = true,
                        .inner = &pawl_action_shape, .slot = RESERVE_ACTION_AT},
    [RESERVE_ESTIMATE] = {PAWL_FIELD("estimate"), .type = PAWL_FIELD_RECORD, .required = true,
                          .inner = &pawl_amount_shape, .slot = RESERVE_ESTIMATE_AT},
    [RESERVE_TTL] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT}};
const struct pawl_shape pawl_decide_shape = PAWL_SHAPE(decide_fields);
enum { DECIDE_METADATA = RESERVE_TTL };

/* --- The command ---------------------------------------------------------------------------- */

static void set_terms(struct pawl_call *call,
                      const struct pawl_value *values,
                      struct pawl_command_reserve *reserve,
                      struct pawl_terms *ret_terms)
{
    const struct pawl_value *overage = &values[RESERVE_OVERAGE];
    const struct pawl_value *ttl = &values[RESERVE_TTL];
    bool own_ttl = ttl->present && ttl->number > 0;
    pawl_registry_terms(pawl_call_registry(call), reserve->subject.levels,
                        overage->present ? 0 : reserve->lines[0].unit, call->now_us, ret_terms);
    int64_t wanted_ms = own_ttl ? ttl->number : ret_terms->ttl_default_ms;
    reserve->ttl_ms = pawl_min_i64(wanted_ms, ret_terms->ttl_max_ms);
    reserve->grace_ms =
        values[RESERVE_GRACE].present ? values[RESERVE_GRACE].number : GRACE_MS_DEFAULT;
    reserve->overage = overage->present ? (uint8_t)(overage->number + 1) : ret_terms->overage;
    reserve->on_expiry = PAWL_ON_EXPIRY_RELEASE;
    reserve->extensions_max = ret_terms->extensions_max;
    reserve->throttle = ret_terms->throttle;
    reserve->throttle_per_minute = ret_terms->throttle_per_minute;
}

/* false: refused. */
static bool write_document(struct pawl_call *call,
                           const struct pawl_value *values,
                           const struct pawl_value *metadata,
                           const struct pawl_terms *terms,
                           struct pawl_slice caps,
                           struct pawl_slice *ret_document)
{
    struct pawl_json_writer *writer = pawl_document_begin(call);
    if (terms->policy.bytes > 0) {
        pawl_json_member_string(writer, "policy", terms->policy);
    }
    pawl_render_raw(writer, "caps", caps);
    pawl_document_add_record(call, writer, "subject", &pawl_subject_shape,
                             values + RESERVE_SUBJECT_AT);
    pawl_document_add_record(call, writer, "action", &pawl_action_shape,
                             values + RESERVE_ACTION_AT);
    pawl_document_add(call, writer, "metadata", metadata);
    return pawl_document_end(call, ret_document);
}

static void ask(struct pawl_call *call,
                const struct pawl_shape *shape,
                const struct pawl_value *values,
                const struct pawl_value *metadata,
                pawl_call_fn *then)
{
    struct pawl_operation *operation = call->state;
    struct pawl_command *command = &operation->command;
    struct pawl_command_reserve *reserve = &command->u.reserve;
    struct pawl_terms terms;
    if (!pawl_key_take(call, &values[RESERVE_KEY]) ||
        !pawl_subject_take(call, values + RESERVE_SUBJECT_AT, &reserve->subject)) {
        return;
    }
    reserve->line_count = 1;
    reserve->lines[0] = pawl_amount_take(values + RESERVE_ESTIMATE_AT);
    set_terms(call, values, reserve, &terms);
    if (terms.caps.bytes > 2) { /* "{}" caps nothing */
        operation->caps = pawl_arena_copy(call->arena, terms.caps);
    }
    command->idempotency_key = values[RESERVE_KEY].text;
    pawl_canon_hash(call, shape, values, command->payload_hash);
    if (write_document(call, values, metadata, &terms, operation->caps, &command->metadata)) {
        pawl_operation_submit(call, then);
    }
}

/* --- Answers -------------------------------------------------------------------------------- */

static void on_decided(struct pawl_call *call)
{
    const struct pawl_operation *operation = call->state;
    const struct pawl_command_reserve *reserve = &operation->command.u.reserve;
    if (pawl_result_decides(call->op.result.code)) {
        pawl_operation_answer(call);
    } else {
        pawl_operation_refuse(call, &reserve->subject, reserve->lines[0].unit);
    }
}

static void on_reserved(struct pawl_call *call)
{
    const struct pawl_operation *operation = call->state;
    const struct pawl_command_reserve *reserve = &operation->command.u.reserve;
    if (call->op.result.code == PAWL_RESULT_OK) {
        pawl_operation_answer(call);
    } else {
        pawl_operation_refuse(call, &reserve->subject, reserve->lines[0].unit);
    }
}

void pawl_cycles_create_reservation(struct pawl_call *call)
{
    struct pawl_value values[RESERVE_VALUE_COUNT];
    if (!pawl_body_read(call, &pawl_reserve_shape, values)) {
        return;
    }
    struct pawl_operation *operation =
        pawl_operation_new(call, PAWL_COMMAND_RESERVE, 200, pawl_render_reserve);
    if (operation == NULL) {
        return;
    }
    /* What is left out says the same as the default, and so has the same hash. */
    struct pawl_value *dry_run = &values[RESERVE_DRY_RUN];
    struct pawl_value *grace = &values[RESERVE_GRACE];
    dry_run->present = true;
    grace->number = grace->present ? grace->number : GRACE_MS_DEFAULT;
    grace->present = true;
    operation->command.u.reserve.dry_run = dry_run->truth;
    ask(call, &pawl_reserve_shape, values, &values[RESERVE_METADATA],
        dry_run->truth ? on_decided : on_reserved);
}

void pawl_cycles_decide(struct pawl_call *call)
{
    struct pawl_value values[RESERVE_VALUE_COUNT];
    for (uint32_t i = 0; i < RESERVE_FIELD_COUNT; i++) {
        values[i] = (struct pawl_value){.node = PAWL_JSON_NONE};
    }
    if (!pawl_body_read(call, &pawl_decide_shape, values) ||
        pawl_operation_new(call, PAWL_COMMAND_DECIDE, 200, pawl_render_decide) == NULL) {
        return;
    }
    ask(call, &pawl_decide_shape, values, &values[DECIDE_METADATA], on_decided);
}
