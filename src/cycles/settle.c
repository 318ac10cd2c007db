/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c: commit, release and extend: what happens to a reservation by its id.
 *
 * Whose an open one is, the ledger knows. Of one that is gone it knows only its keys, so that a
 * repeat is answered; everything else about it is asked of the archive (gone.c). The tenant is in
 * the payload's hash, so another tenant's key never meets a repeat.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "cycles/body.h"
#include "cycles/canon.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/operation.h"
#include "cycles/subject.h"
#include "engine/engine.h"

enum { EXTEND_MS_MAX = 86400000 };

/* --- After the ledger ----------------------------------------------------------------------- */

static bool is_open(const struct pawl_call *call, uint64_t reservation)
{
    struct pawl_reservation_view view;
    return pawl_core_reservation(pawl_engine_core(pawl_call_engine(call)), reservation, &view);
}

static void refuse_unit(struct pawl_call *call, const struct pawl_command *command)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_reservation_view view = {0};
    char held[PAWL_UNIT_TEXT_BYTES];
    char given[PAWL_UNIT_TEXT_BYTES];
    if (!pawl_core_reservation(core, command->u.settle.reservation, &view)) {
        pawl_call_refuse_result(call, &call->op.result);
        return;
    }
    const char *expected = pawl_unit_text(view.lines[0].unit, held);
    const char *requested = pawl_unit_text(command->u.settle.lines[0].unit, given);
    struct pawl_slice details =
        pawl_arena_printf(call->arena, "{\"requested_unit\":\"%s\",\"expected_units\":[\"%s\"]}",
                          requested, expected);
    pawl_call_refuse_with(call, PAWL_ERROR_UNIT_MISMATCH, details,
                          "actual is in %s, the reservation in %s", requested, expected);
}

/* A lease that has ended is not prolonged, but what it held may be settled in its grace. */
static void refuse_late(struct pawl_call *call, const struct pawl_command *command)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_reservation_view view;
    char until[PAWL_CLOCK_TEXT_BYTES];
    if (command->type == PAWL_COMMAND_EXTEND &&
        pawl_core_reservation(core, command->u.extend.reservation, &view)) {
        int64_t end_ms = view.expires_us / PAWL_US_PER_MS + view.grace_ms;
        if (call->op.result.now_us / PAWL_US_PER_MS <= end_ms) {
            pawl_call_refuse(call, PAWL_ERROR_RESERVATION_EXPIRED,
                             "the lease has ended; it can still be settled until %s",
                             pawl_clock_format_utc(end_ms * PAWL_US_PER_MS, until));
            return;
        }
    }
    pawl_call_refuse_result(call, &call->op.result);
}

static void on_settled(struct pawl_call *call)
{
    const struct pawl_operation *operation = call->state;
    const struct pawl_command *command = &operation->command;
    uint64_t reservation = pawl_command_reservation(command);
    switch (call->op.result.code) {
    case PAWL_RESULT_OK:
        pawl_operation_answer(call);
        return;
    case PAWL_RESULT_GONE:
        pawl_gone_refuse(call, reservation, false);
        return;
    case PAWL_RESULT_IDEMPOTENCY_MISMATCH:
        if (is_open(call, reservation)) {
            pawl_call_refuse_result(call, &call->op.result);
        } else {
            pawl_gone_refuse(call, reservation, true);
        }
        return;
    case PAWL_RESULT_RESERVATION_EXPIRED:
        refuse_late(call, command);
        return;
    case PAWL_RESULT_UNIT_MISMATCH:
        refuse_unit(call, command);
        return;
    default:
        pawl_call_refuse_result(call, &call->op.result);
        return;
    }
}

/* Whose it is, and the rest that all three share. */
static void submit(struct pawl_call *call,
                   const struct pawl_shape *shape,
                   const struct pawl_value *values,
                   const struct pawl_value *key)
{
    struct pawl_operation *operation = call->state;
    struct pawl_command *command = &operation->command;
    uint64_t reservation = pawl_command_reservation(command);
    if (!pawl_operation_owns(call, reservation)) {
        return;
    }
    command->idempotency_key = key->text;
    pawl_canon_hash(call, shape, values, command->payload_hash);
    if (pawl_document_end(call, &command->metadata)) {
        pawl_operation_submit(call, on_settled);
    }
}

/* --- Commit --------------------------------------------------------------------------------- */

enum {
    COMMIT_KEY,
    COMMIT_ACTUAL,
    COMMIT_METRICS,
    COMMIT_METADATA,
    COMMIT_FIELD_COUNT,
    COMMIT_ACTUAL_AT = COMMIT_FIELD_COUNT,
    COMMIT_METRICS_AT = COMMIT_ACTUAL_AT + PAWL_AMOUNT_FIELD_COUNT,
    COMMIT_VALUE_COUNT = COMMIT_METRICS_AT + PAWL_METRICS_FIELD_COUNT
};

static const struct pawl_field commit_fields[] = {
    [COMMIT_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                    .min = 1, .max = 256},
    [COMMIT_ACTUAL] = {PAWL_FIELD("actual"), .type = PAWL_FIELD_RECORD, .required = true,
                       .inner = &pawl_amount_shape, .slot = COMMIT_ACTUAL_AT},
    [COMMIT_METRICS] = {PAWL_FIELD("metrics"), .type = PAWL_FIELD_RECORD, .free = true,
                        .inner = &pawl_metrics_shape, .slot = COMMIT_METRICS_AT},
    [COMMIT_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .free = true}};
const struct pawl_shape pawl_commit_shape = PAWL_SHAPE(commit_fields);

void pawl_cycles_commit_reservation(struct pawl_call *call)
{
    struct pawl_value values[COMMIT_VALUE_COUNT];
    uint64_t reservation = 0;
    if (!pawl_body_read(call, &pawl_commit_shape, values) ||
        !pawl_key_take(call, &values[COMMIT_KEY]) || !pawl_operation_id(call, &reservation)) {
        return;
    }
    struct pawl_operation *operation =
        pawl_operation_new(call, PAWL_COMMAND_COMMIT, 200, pawl_render_commit);
    if (operation == NULL) {
        return;
    }
    struct pawl_command_settle *settle = &operation->command.u.settle;
    settle->reservation = reservation;
    settle->line_count = 1;
    settle->lines[0] = pawl_amount_take(values + COMMIT_ACTUAL_AT);
    struct pawl_json_writer *writer = pawl_document_begin(call);
    pawl_document_add_if_fits(call, writer, "metrics", &values[COMMIT_METRICS]);
    pawl_document_add_if_fits(call, writer, "metadata", &values[COMMIT_METADATA]);
    submit(call, &pawl_commit_shape, values, &values[COMMIT_KEY]);
}

/* --- Release -------------------------------------------------------------------------------- */

enum { RELEASE_KEY, RELEASE_REASON, RELEASE_FIELD_COUNT };

static const struct pawl_field release_fields[] = {
    [RELEASE_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                     .min = 1, .max = 256},
    [RELEASE_REASON] = {PAWL_FIELD("reason"), .type = PAWL_FIELD_STRING, .max = 256}};
const struct pawl_shape pawl_release_shape = PAWL_SHAPE(release_fields);

void pawl_cycles_release_reservation(struct pawl_call *call)
{
    struct pawl_value values[RELEASE_FIELD_COUNT];
    uint64_t reservation = 0;
    if (!pawl_body_read(call, &pawl_release_shape, values) ||
        !pawl_key_take(call, &values[RELEASE_KEY]) || !pawl_operation_id(call, &reservation)) {
        return;
    }
    struct pawl_operation *operation =
        pawl_operation_new(call, PAWL_COMMAND_RELEASE, 200, pawl_render_release);
    if (operation == NULL) {
        return;
    }
    operation->command.u.release.reservation = reservation;
    struct pawl_json_writer *writer = pawl_document_begin(call);
    pawl_document_add(call, writer, "reason", &values[RELEASE_REASON]);
    submit(call, &pawl_release_shape, values, &values[RELEASE_KEY]);
}

/* --- Extend --------------------------------------------------------------------------------- */

enum { EXTEND_KEY, EXTEND_BY, EXTEND_METADATA, EXTEND_FIELD_COUNT };

static const struct pawl_field extend_fields[] = {
    [EXTEND_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                    .min = 1, .max = 256},
    [EXTEND_BY] = {PAWL_FIELD("extend_by_ms"), .type = PAWL_FIELD_INTEGER, .required = true,
                   .min = 1, .max = EXTEND_MS_MAX},
    [EXTEND_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .free = true}};
const struct pawl_shape pawl_extend_shape = PAWL_SHAPE(extend_fields);

void pawl_cycles_extend_reservation(struct pawl_call *call)
{
    struct pawl_value values[EXTEND_FIELD_COUNT];
    uint64_t reservation = 0;
    if (!pawl_body_read(call, &pawl_extend_shape, values) ||
        !pawl_key_take(call, &values[EXTEND_KEY]) || !pawl_operation_id(call, &reservation)) {
        return;
    }
    struct pawl_operation *operation =
        pawl_operation_new(call, PAWL_COMMAND_EXTEND, 200, pawl_render_extend);
    if (operation == NULL) {
        return;
    }
    operation->command.u.extend.reservation = reservation;
    operation->command.u.extend.ttl_ms = values[EXTEND_BY].number;
    struct pawl_json_writer *writer = pawl_document_begin(call);
    pawl_document_add_if_fits(call, writer, "metadata", &values[EXTEND_METADATA]);
    submit(call, &pawl_extend_shape, values, &values[EXTEND_KEY]);
}
