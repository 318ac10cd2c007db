/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c: POST /v1/events: a debit of what was spent without a hold, or whose hold had expired.
 * Clients send it with the key of the commit that came too late, so keys of debits are their own.
 */
#include "base/assert.h"
#include "cycles/body.h"
#include "cycles/canon.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/operation.h"
#include "cycles/subject.h"

enum {
    EVENT_KEY,
    EVENT_SUBJECT,
    EVENT_ACTION,
    EVENT_ACTUAL,
    EVENT_OVERAGE,
    EVENT_METRICS,
    EVENT_CLIENT_TIME,
    EVENT_METADATA,
    EVENT_FIELD_COUNT,
    EVENT_SUBJECT_AT = EVENT_FIELD_COUNT,
    EVENT_ACTION_AT = EVENT_SUBJECT_AT + PAWL_SUBJECT_FIELD_COUNT,
    EVENT_ACTUAL_AT = EVENT_ACTION_AT + PAWL_ACTION_FIELD_COUNT,
    EVENT_METRICS_AT = EVENT_ACTUAL_AT + PAWL_AMOUNT_FIELD_COUNT,
    EVENT_VALUE_COUNT = EVENT_METRICS_AT + PAWL_METRICS_FIELD_COUNT
};

static const struct pawl_field event_fields[] = {
    [EVENT_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .required = true,
                   .min = 1, .max = 256},
    [EVENT_SUBJECT] = {PAWL_FIELD("subject"), .type = PAWL_FIELD_RECORD, .required = true,
                       .inner = &pawl_subject_shape, .slot = EVENT_SUBJECT_AT},
    [EVENT_ACTION] = {PAWL_FIELD("action"), .type = PAWL_FIELD_RECORD, .required = true,
                      .inner = &pawl_action_shape, .slot = EVENT_ACTION_AT},
    [EVENT_ACTUAL] = {PAWL_FIELD("actual"), .type = PAWL_FIELD_RECORD, .required = true,
                      .inner = &pawl_amount_shape, .slot = EVENT_ACTUAL_AT},
    [EVENT_OVERAGE] = {PAWL_FIELD("overage_policy"), .type = PAWL_FIELD_WORD,
                       .words = pawl_overage_words},
    [EVENT_METRICS] = {PAWL_FIELD("metrics"), .type = PAWL_FIELD_RECORD, .free = true,
                       .inner = &pawl_metrics_shape, .slot = EVENT_METRICS_AT},
    [EVENT_CLIENT_TIME] = {PAWL_FIELD("client_time_ms"), .type = PAWL_FIELD_INTEGER,
                           .max = PAWL_AMOUNT_MAX},
    [EVENT_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .free = true}};
const struct pawl_shape pawl_event_shape = PAWL_SHAPE(event_fields);

static void on_booked(struct pawl_call *call)
{
    const struct pawl_operation *operation = call->state;
    const struct pawl_command_event *event = &operation->command.u.event;
    if (call->op.result.code == PAWL_RESULT_OK) {
        pawl_operation_answer(call);
    } else {
        pawl_operation_refuse(call, &event->subject, event->lines[0].unit);
    }
}

/* false: refused. */
static bool write_document(struct pawl_call *call,
                           const struct pawl_value *values,
                           struct pawl_slice policy,
                           struct pawl_slice *ret_document)
{
    struct pawl_json_writer *writer = pawl_document_begin(call);
    if (policy.bytes > 0) {
        pawl_json_member_string(writer, "policy", policy);
    }
    pawl_document_add_record(call, writer, "subject", &pawl_subject_shape,
                             values + EVENT_SUBJECT_AT);
    pawl_document_add_record(call, writer, "action", &pawl_action_shape, values + EVENT_ACTION_AT);
    pawl_document_add(call, writer, "client_time_ms", &values[EVENT_CLIENT_TIME]);
    pawl_document_add_if_fits(call, writer, "metrics", &values[EVENT_METRICS]);
    pawl_document_add_if_fits(call, writer, "metadata", &values[EVENT_METADATA]);
    return pawl_document_end(call, ret_document);
}

void pawl_cycles_create_event(struct pawl_call *call)
{
    struct pawl_value values[EVENT_VALUE_COUNT];
    if (!pawl_body_read(call, &pawl_event_shape, values) ||
        !pawl_key_take(call, &values[EVENT_KEY])) {
        return;
    }
    struct pawl_operation *operation =
        pawl_operation_new(call, PAWL_COMMAND_EVENT, 201, pawl_render_event);
    if (operation == NULL) {
        return;
    }
    struct pawl_command *command = &operation->command;
    struct pawl_command_event *event = &command->u.event;
    const struct pawl_value *overage = &values[EVENT_OVERAGE];
    struct pawl_terms terms;
    if (!pawl_subject_take(call, values + EVENT_SUBJECT_AT, &event->subject)) {
        return;
    }
    event->line_count = 1;
    event->lines[0] = pawl_amount_take(values + EVENT_ACTUAL_AT);
    pawl_registry_terms(pawl_call_registry(call), event->subject.levels,
                        overage->present ? 0 : event->lines[0].unit, call->now_us, &terms);
    event->overage = overage->present ? (uint8_t)(overage->number + 1) : terms.overage;
    command->idempotency_key = values[EVENT_KEY].text;
    pawl_canon_hash(call, &pawl_event_shape, values, command->payload_hash);
    if (write_document(call, values, terms.policy, &command->metadata)) {
        pawl_operation_submit(call, on_booked);
    }
}
