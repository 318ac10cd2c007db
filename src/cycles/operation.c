/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operation.c: from a durable result to an answer.
 *
 * A repeat is answered by what the journal has of the first one: its command and result go through
 * the same renderer. Reading it back may wait for a commit under way; that is rare enough.
 */
#include "cycles/operation.h"

#include "base/assert.h"
#include "base/buf.h"
#include "cycles/cycles_priv.h"
#include "cycles/document.h"
#include "cycles/subject.h"
#include "engine/engine.h"

enum { DETAILS_BYTES_MAX = 4096 };

struct pawl_operation *
pawl_operation_new(struct pawl_call *call, uint16_t type, int status, pawl_render_fn *render)
{
    struct pawl_operation *operation = pawl_call_alloc(call, sizeof(*operation));
    if (operation == NULL) {
        return NULL;
    }
    operation->command.type = type;
    operation->status = status;
    operation->render = render;
    call->state = operation;
    return operation;
}

void pawl_operation_submit(struct pawl_call *call, pawl_call_fn *then)
{
    const struct pawl_operation *operation = call->state;
    if (pawl_call_has_memory(call)) {
        call->asked = &operation->command;
        pawl_call_submit(call, &operation->command, then);
    }
}

bool pawl_operation_read(struct pawl_call *call, uint64_t op, const struct pawl_record **ret_record)
{
    struct pawl_cycles *cycles = call->cycles;
    struct pawl_errmsg msg = {""};
    pawl_err err =
        pawl_engine_original(cycles->options.engine, op, cycles->scratch, &cycles->record, &msg);
    if (pawl_failed(err)) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR,
                         "operation %llu cannot be read back from the journal: %s",
                         (unsigned long long)op, msg.text);
        return false;
    }
    *ret_record = &cycles->record;
    return true;
}

void pawl_operation_answer(struct pawl_call *call)
{
    const struct pawl_operation *operation = call->state;
    struct pawl_done done = {.engine = pawl_call_engine(call),
                             .command = &operation->command,
                             .result = &call->op.result,
                             .caps = operation->caps,
                             .now_us = call->op.result.now_us};
    if (call->op.result.replayed) {
        const struct pawl_record *record = NULL;
        struct pawl_json document;
        if (!pawl_operation_read(call, call->op.result.original_op, &record)) {
            return;
        }
        PAWL_ASSERT(record->command.type == operation->command.type);
        pawl_document_read(call->arena, record->command.metadata, &document);
        done.command = &record->command;
        done.result = &record->result;
        done.caps = pawl_document_member(&document, "caps");
    }
    operation->render(pawl_call_json(call), &done);
    pawl_call_reply(call, operation->status);
}

/* --- Refusals ------------------------------------------------------------------------------- */

static void refuse_missing(struct pawl_call *call, const struct pawl_subject *subject)
{
    char path[PAWL_SCOPE_PATH_BYTES];
    size_t bytes = pawl_levels_path(subject->levels, path);
    pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND, "Budget not found for provided scope: %.*s",
                     (int)bytes, path);
}

/* {"scope":…,"requested_unit":…,"expected_units":[…]} */
static void refuse_unit(struct pawl_call *call, const struct pawl_subject *subject, uint16_t unit)
{
    static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_CREDITS,
                                     PAWL_UNIT_RISK_POINTS};
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_quote quotes[PAWL_ARRAY_LEN(units)] = {0};
    struct pawl_budget_view view;
    struct pawl_json_writer writer;
    struct pawl_buf out;
    char path[PAWL_SCOPE_PATH_BYTES] = "";
    char name[PAWL_UNIT_TEXT_BYTES];
    (void)pawl_core_quote(core, pawl_core_now_us(core), subject, PAWL_SLICE_NONE, units,
                          PAWL_ARRAY_LEN(units), quotes, NULL);
    pawl_buf_init(&out, DETAILS_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "requested_unit", pawl_unit_text(unit, name));
    pawl_json_key(&writer, "expected_units");
    pawl_json_array_begin(&writer);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        if (quotes[i].bound) {
            pawl_json_put_str(&writer, pawl_unit_name(units[i]));
            if (path[0] == '\0' &&
                pawl_core_budget(core, quotes[i].budget, pawl_core_now_us(core), &view)) {
                (void)pawl_core_scope_path(core, view.scope, path, sizeof(path));
            }
        }
    }
    pawl_json_array_end(&writer);
    if (path[0] != '\0') {
        pawl_json_member_str(&writer, "scope", path);
    }
    pawl_json_object_end(&writer);
    struct pawl_slice details =
        out.overflowed ? PAWL_SLICE_NONE : pawl_arena_copy(call->arena, pawl_buf_slice(&out));
    pawl_buf_free(&out);
    pawl_call_refuse_with(call, PAWL_ERROR_UNIT_MISMATCH, details, "no budget on the way counts %s",
                          pawl_unit_text(unit, name));
}

void pawl_operation_refuse(struct pawl_call *call,
                           const struct pawl_subject *subject,
                           uint16_t unit)
{
    switch (call->op.result.code) {
    case PAWL_RESULT_NOT_FOUND:
        refuse_missing(call, subject);
        return;
    case PAWL_RESULT_UNIT_MISMATCH:
        refuse_unit(call, subject, unit);
        return;
    default:
        pawl_call_refuse_result(call, &call->op.result);
        return;
    }
}

/* --- Reservations by id --------------------------------------------------------------------- */

bool pawl_operation_id(struct pawl_call *call, uint64_t *ret_reservation)
{
    if (pawl_engine_id_parse(pawl_call_engine(call), call->params[0], ret_reservation)) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND, "there is no such reservation");
    return false;
}

bool pawl_operation_owns(struct pawl_call *call, uint64_t reservation)
{
    const struct pawl_core *core = pawl_engine_core(pawl_call_engine(call));
    struct pawl_reservation_view view;
    if (call->principal.kind == PAWL_PRINCIPAL_ADMIN ||
        !pawl_core_reservation(core, reservation, &view)) {
        return true;
    }
    if (!pawl_slice_equal(view.tenant, call->principal.tenant)) {
        pawl_call_refuse(call, PAWL_ERROR_FORBIDDEN, "the reservation is another tenant's");
        return false;
    }
    const struct pawl_record *record = NULL;
    if (pawl_slice_empty(call->principal.scope_filter)) {
        return true;
    }
    return pawl_operation_read(call, reservation, &record) &&
           pawl_subject_covered(call, record->command.u.reserve.subject.levels);
}
