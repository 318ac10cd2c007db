/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_fund.c: funding. The answer is rendered from the record: how the budget stood afterwards,
 * and by how much it moved, from which follows how it stood before. So a repeat of the key, days
 * later, gets the numbers of the first time.
 */
#include "base/assert.h"
#include "cycles/admin_budget.h"
#include "cycles/canon.h"
#include "cycles/operation.h"
#include "cycles/render.h"
#include "journal/record.h"

/* As the protocol lists them; fund_kinds has the ledger's numbers. */
static const char *const operations[] = {"CREDIT",      "DEBIT",      "RESET",
                                         "RESET_SPENT", "REPAY_DEBT", NULL};
static const uint8_t fund_kinds[] = {PAWL_FUND_CREDIT, PAWL_FUND_DEBIT, PAWL_FUND_RESET,
                                     PAWL_FUND_RESET_SPENT, PAWL_FUND_REPAY_DEBT};

static const char *kind_name(uint8_t kind)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fund_kinds); i++) {
        if (fund_kinds[i] == kind) {
            return operations[i];
        }
    }
    PAWL_UNREACHABLE();
}

static void
write_funded(struct pawl_json_writer *writer, uint8_t kind, const struct pawl_result *result)
{
    PAWL_ASSERT(result->delta_count == 1 && result->standing_count == 1);
    const struct pawl_delta *delta = &result->deltas[0];
    const struct pawl_standing *after = &result->standings[0];
    const struct pawl_standing before = {.allocated = after->allocated - delta->allocated,
                                         .reserved = after->reserved - delta->reserved,
                                         .spent = after->spent - delta->spent,
                                         .debt = after->debt - delta->debt};
    uint16_t unit = delta->unit;
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "operation", kind_name(kind));
    pawl_render_amount(writer, "previous_allocated", (struct pawl_amount){unit, before.allocated});
    pawl_render_amount(writer, "new_allocated", (struct pawl_amount){unit, after->allocated});
    pawl_render_amount(writer, "previous_remaining",
                       (struct pawl_amount){unit, pawl_standing_remaining(&before)});
    pawl_render_amount(writer, "new_remaining",
                       (struct pawl_amount){unit, pawl_standing_remaining(after)});
    pawl_render_amount(writer, "previous_debt", (struct pawl_amount){unit, before.debt});
    pawl_render_amount(writer, "new_debt", (struct pawl_amount){unit, after->debt});
    pawl_render_amount(writer, "previous_spent", (struct pawl_amount){unit, before.spent});
    pawl_render_amount(writer, "new_spent", (struct pawl_amount){unit, after->spent});
    pawl_admin_write_time(writer, "timestamp", result->now_us);
    pawl_json_object_end(writer);
}

static void on_funded(struct pawl_call *call)
{
    const struct pawl_result *result = &call->op.result;
    const uint8_t *kind = call->state;
    if (result->code != PAWL_RESULT_OK) {
        pawl_admin_refuse_result(call);
        return;
    }
    if (!result->replayed) {
        write_funded(pawl_call_json(call), *kind, result);
        pawl_call_reply(call, 200);
        return;
    }
    const struct pawl_record *record = NULL;
    if (!pawl_operation_read(call, result->original_op, &record)) {
        return;
    }
    PAWL_ASSERT(record->command.type == PAWL_COMMAND_BUDGET_FUND);
    write_funded(pawl_call_json(call), record->command.u.budget_fund.kind, &record->result);
    pawl_call_reply(call, 200);
}

enum {
    FUND_OPERATION,
    FUND_AMOUNT,
    FUND_SPENT,
    FUND_REASON,
    FUND_KEY,
    FUND_METADATA,
    FUND_FIELDS,
    AMOUNT_SLOT = FUND_FIELDS,
    SPENT_SLOT = AMOUNT_SLOT + PAWL_AMOUNT_FIELD_COUNT,
    FUND_VALUES = SPENT_SLOT + PAWL_AMOUNT_FIELD_COUNT
};
static const struct pawl_field fund_fields[] = {
    [FUND_OPERATION] = {PAWL_FIELD("operation"), .type = PAWL_FIELD_WORD, .required = true,
                        .words = operations},
    [FUND_AMOUNT] = {PAWL_FIELD("amount"), .type = PAWL_FIELD_RECORD, .required = true,
                     .inner = &pawl_amount_shape, .slot = AMOUNT_SLOT},
    [FUND_SPENT] = {PAWL_FIELD("spent"), .type = PAWL_FIELD_RECORD, .inner = &pawl_amount_shape,
                    .slot = SPENT_SLOT},
    [FUND_REASON] = {PAWL_FIELD("reason"), .type = PAWL_FIELD_STRING, .max = 512},
    [FUND_KEY] = {PAWL_FIELD("idempotency_key"), .type = PAWL_FIELD_STRING, .min = 1, .max = 256},
    [FUND_METADATA] = {PAWL_FIELD("metadata"), .type = PAWL_FIELD_OBJECT, .max = 15000}};
const struct pawl_shape pawl_budget_fund_shape = PAWL_SHAPE(fund_fields);

/* The administrator says whose budget it is, as a second look. false: refused. */
static bool check_tenant(struct pawl_call *call, const struct pawl_budget_named *named)
{
    if (call->principal.kind != PAWL_PRINCIPAL_ADMIN) {
        return true;
    }
    if (!named->tenant_id.present) {
        pawl_body_refuse(call, "tenant_id",
                         "it is missing; the administrator says whose budget it is");
        return false;
    }
    if (!pawl_slice_equal(named->tenant_id.text, named->place.levels[PAWL_LEVEL_TENANT])) {
        pawl_body_refuse(call, "tenant_id", "the scope is another tenant's");
        return false;
    }
    return true;
}

static bool check_units(struct pawl_call *call, const struct pawl_value *values, uint16_t unit)
{
    static const uint32_t slots[] = {AMOUNT_SLOT, SPENT_SLOT};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(slots); i++) {
        const struct pawl_value *given = &values[slots[i] + PAWL_AMOUNT_UNIT];
        if (given->present && pawl_admin_word(given) != unit) {
            pawl_call_refuse(call, PAWL_ERROR_UNIT_MISMATCH,
                             "the amount is in %s and the budget in %s",
                             pawl_unit_words[given->number], pawl_unit_words[unit - 1]);
            return false;
        }
    }
    return true;
}

void pawl_cycles_fund_budget(struct pawl_call *call)
{
    struct pawl_value values[FUND_VALUES];
    struct pawl_command command = {.type = PAWL_COMMAND_BUDGET_FUND};
    if (!pawl_admin_may_change(call) || !pawl_body_read(call, &pawl_budget_fund_shape, values)) {
        return;
    }
    /* A key in the header alone is not passed over: who repeats under it would fund twice. */
    if (values[FUND_KEY].present ? !pawl_key_take(call, &values[FUND_KEY])
                                 : !pawl_body_key_agrees(call, PAWL_SLICE_NONE)) {
        return;
    }
    const struct pawl_budget_named *named = pawl_budget_named(call);
    uint8_t *kind = named != NULL ? pawl_call_alloc(call, sizeof(*kind)) : NULL;
    if (kind == NULL || !check_tenant(call, named) || !check_units(call, values, named->unit)) {
        return;
    }
    if (values[FUND_KEY].present) {
        command.idempotency_key = values[FUND_KEY].text;
        pawl_canon_hash(call, &pawl_budget_fund_shape, values, command.payload_hash);
    }
    if (!pawl_admin_note(call, &values[FUND_REASON], &values[FUND_METADATA], &command.metadata) ||
        !pawl_admin_may_answer(call)) {
        return;
    }
    *kind = fund_kinds[values[FUND_OPERATION].number];
    bool sets_spent = *kind == PAWL_FUND_RESET_SPENT;
    command.u.budget_fund = (struct pawl_command_budget_fund){
        .budget = named->budget,
        .kind = *kind,
        .amount = values[AMOUNT_SLOT + PAWL_AMOUNT_AMOUNT].number,
        .spent = sets_spent ? values[SPENT_SLOT + PAWL_AMOUNT_AMOUNT].number : 0};
    call->state = kind;
    pawl_call_submit(call, &command, on_funded);
}
