/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.c: creating, funding and setting budgets. A budget is one limit on (scope, phase, unit,
 * window); one scope may have several windows of a unit at once. Budgets are never removed, a
 * closed one stays to be read and to let its holds settle.
 *
 * Funding is the protocol's table:
 *     CREDIT n       allocated += n
 *     DEBIT n        allocated -= n, refused below what is spent, held and owed
 *     RESET n        allocated := n
 *     RESET_SPENT n  spent of the present instance := n
 *     REPAY_DEBT n   debt -= min(n, debt)
 * None of them touches what is reserved. A frozen or closed budget takes none.
 */
#include "core/book.h"
#include "core/ops.h"
#include "core/table.h"
#include "core/window.h"

uint32_t pawl_budget_of_id(const struct pawl_core *core, uint64_t id)
{
    if (id == 0 || id >= core->state.tables[PAWL_TABLE_BUDGET].slot_count) {
        return 0;
    }
    PAWL_ASSERT(pawl_budget_at(core, (uint32_t)id)->state != 0);
    return (uint32_t)id;
}

uint32_t pawl_budget_lookup(const struct pawl_core *core,
                            uint32_t scope,
                            uint32_t phase,
                            uint16_t unit,
                            const struct pawl_window *window)
{
    PAWL_ASSERT(scope != 0);
    PAWL_ASSERT(window != NULL);
    uint32_t at = pawl_scope_at(core, scope)->first_budget;
    while (at != 0) {
        const struct pawl_budget_slot *slot = pawl_budget_at(core, at);
        PAWL_ASSERT(slot->scope == scope);
        struct pawl_window its_window = pawl_budget_window(slot);
        if (slot->unit == unit && slot->phase == phase && pawl_window_equal(&its_window, window)) {
            return at;
        }
        at = slot->next;
    }
    return 0;
}

/* --- Creating. -------------------------------------------------------------------------------- */

uint16_t pawl_budget_plan_create(const struct pawl_core *core,
                                 const struct pawl_command_budget_create *create,
                                 struct pawl_plan *plan)
{
    uint16_t code = pawl_window_check(core, &create->window);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    PAWL_ASSERT(create->mode == PAWL_BUDGET_ENFORCE);
    struct pawl_additions additions = {.string_count = 0};
    uint32_t scope = pawl_additions_scope(core, &additions, &create->scope);
    pawl_additions_string(core, &additions, create->phase);
    uint32_t phase = pawl_string_find(core, create->phase);
    bool phase_known = phase != 0 || pawl_slice_empty(create->phase);
    plan->slot = 0;
    if (scope != 0 && phase_known &&
        pawl_budget_lookup(core, scope, phase, create->unit, &create->window) != 0) {
        return PAWL_RESULT_ALREADY_EXISTS;
    }
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_BUDGET].live_count <= core->state.limits.budgets_max);
    if (core->state.tables[PAWL_TABLE_BUDGET].live_count == core->state.limits.budgets_max) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    return pawl_additions_fit(core, &additions);
}

uint32_t pawl_budget_add(struct pawl_core *core,
                         uint32_t scope,
                         const struct pawl_command_budget_create *create)
{
    PAWL_ASSERT(pawl_amount_valid(create->allocated));
    PAWL_ASSERT(pawl_amount_valid(create->overdraft_limit));
    uint32_t phase = pawl_string_intern(core, create->phase);
    PAWL_ASSERT(pawl_budget_lookup(core, scope, phase, create->unit, &create->window) == 0);
    uint32_t budget = pawl_table_take(core, PAWL_TABLE_BUDGET);
    struct pawl_budget_slot *slot = pawl_budget_edit(core, budget);
    PAWL_ASSERT(slot->state == 0);
    slot->allocated = create->allocated;
    slot->overdraft_limit = create->overdraft_limit;
    slot->scope = scope;
    slot->phase = phase;
    slot->unit = create->unit;
    slot->mode = create->mode;
    slot->state = PAWL_BUDGET_ACTIVE;
    slot->window_kind = create->window.kind;
    slot->window_period = create->window.period;
    slot->window_week_start = create->window.week_start;
    slot->window_tz = create->window.tz;
    slot->window_length_us = create->window.length_us;
    if (create->window.kind == PAWL_WINDOW_LIFETIME) {
        slot->ordinal = 1; /* The others open their first instance when it is needed. */
        slot->window_end_us = INT64_MAX;
    }
    struct pawl_scope_slot *place = pawl_scope_edit(core, scope);
    if (place->last_budget == 0) {
        place->first_budget = budget;
    } else {
        pawl_budget_edit(core, place->last_budget)->next = budget;
    }
    place->last_budget = budget;
    return budget;
}

void pawl_budget_apply_create(struct pawl_core *core,
                              const struct pawl_command_budget_create *create,
                              struct pawl_result *result)
{
    uint32_t scope = pawl_scope_intern(core, &create->scope);
    PAWL_ASSERT(pawl_scope_find(core, &create->scope) == scope);
    uint32_t budget = pawl_budget_add(core, scope, create);
    PAWL_ASSERT(pawl_budget_of_id(core, budget) == budget);
    result->id = pawl_id_make(0, budget);
}

/* --- Funding. --------------------------------------------------------------------------------- */

/* Codes of a budget that does not take changes. */
static uint16_t not_active_code(uint8_t state)
{
    PAWL_ASSERT(state == PAWL_BUDGET_FROZEN || state == PAWL_BUDGET_CLOSED);
    return state == PAWL_BUDGET_FROZEN ? PAWL_RESULT_BUDGET_FROZEN : PAWL_RESULT_BUDGET_CLOSED;
}

static uint16_t fund_refuse(const struct pawl_core *core,
                            const struct pawl_stand *stand,
                            const struct pawl_command_budget_fund *fund,
                            uint16_t code,
                            struct pawl_plan *plan)
{
    PAWL_ASSERT(code != PAWL_RESULT_OK);
    struct pawl_admission_row row = {.stand = *stand};
    plan->admission.session = 0;
    pawl_admit_denial(core, core->state.now_us, &plan->admission, &row, fund->amount,
                      &plan->denial);
    if (fund->kind == PAWL_FUND_DEBIT && stand->state == PAWL_BUDGET_ACTIVE) {
        int64_t remaining = pawl_stand_remaining(stand);
        plan->denial.fits = remaining > 0 ? remaining : 0;
    }
    return code;
}

uint16_t pawl_budget_plan_fund(const struct pawl_core *core,
                               const struct pawl_command_budget_fund *fund,
                               struct pawl_plan *plan)
{
    plan->slot = pawl_budget_of_id(core, fund->budget);
    if (plan->slot == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    struct pawl_stand stand = pawl_stand_now(core, plan->slot, core->state.now_us);
    PAWL_ASSERT(stand.current);
    PAWL_ASSERT(pawl_amount_valid(fund->amount));
    if (stand.state != PAWL_BUDGET_ACTIVE) {
        return fund_refuse(core, &stand, fund, not_active_code(stand.state), plan);
    }
    switch ((enum pawl_fund_kind)fund->kind) {
    case PAWL_FUND_CREDIT:
        return fund->amount <= PAWL_AMOUNT_MAX - stand.allocated ? PAWL_RESULT_OK
                                                                 : PAWL_RESULT_AMOUNT_OVERFLOW;
    case PAWL_FUND_DEBIT:
        if (fund->amount > pawl_stand_remaining(&stand)) {
            return fund_refuse(core, &stand, fund, PAWL_RESULT_BUDGET_EXCEEDED, plan);
        }
        return PAWL_RESULT_OK;
    case PAWL_FUND_RESET:
    case PAWL_FUND_REPAY_DEBT:
        return PAWL_RESULT_OK;
    case PAWL_FUND_RESET_SPENT:
        return pawl_stand_can_grow(&stand, fund->amount - stand.spent)
                   ? PAWL_RESULT_OK
                   : PAWL_RESULT_AMOUNT_OVERFLOW;
    }
    PAWL_UNREACHABLE();
}

void pawl_budget_credit(struct pawl_core *core, uint32_t budget, int64_t amount)
{
    struct pawl_budget_slot *slot = pawl_budget_edit(core, budget);
    PAWL_ASSERT(amount >= 0);
    PAWL_ASSERT(amount <= PAWL_AMOUNT_MAX - slot->allocated);
    slot->allocated += amount;
    PAWL_ASSERT(slot->state == PAWL_BUDGET_ACTIVE);
    pawl_book_settle_limit(core, budget);
}

/* What changes spent or debt is a booking and is listed as a delta; allocated is not. Spent is
 * set in the instance that holds now; debt belongs to the budget and opens no window. */
static void book_spent(struct pawl_core *core,
                       const struct pawl_stand *stand,
                       int64_t change,
                       struct pawl_result *result)
{
    PAWL_ASSERT(stand->spent + change >= 0);
    struct pawl_booking booking = {
        .budget = stand->budget,
        .ordinal = stand->ordinal,
        .unit = stand->unit,
        .spent = change,
    };
    pawl_book_shown(core, &booking, result);
    pawl_book_settle_limit(core, stand->budget);
    PAWL_ASSERT(pawl_budget_at(core, stand->budget)->spent == stand->spent + change);
}

static void book_repaid(struct pawl_core *core,
                        const struct pawl_stand *stand,
                        int64_t amount,
                        struct pawl_result *result)
{
    PAWL_ASSERT(amount >= 0);
    PAWL_ASSERT(stand->debt >= 0);
    struct pawl_booking booking = {
        .budget = stand->budget,
        .ordinal = pawl_budget_at(core, stand->budget)->ordinal,
        .unit = stand->unit,
        .debt = amount < stand->debt ? -amount : -stand->debt,
    };
    pawl_book_shown(core, &booking, result);
    pawl_book_settle_limit(core, stand->budget);
}

void pawl_budget_apply_fund(struct pawl_core *core,
                            const struct pawl_command_budget_fund *fund,
                            const struct pawl_plan *plan,
                            struct pawl_result *result)
{
    uint32_t budget = plan->slot;
    struct pawl_stand stand = pawl_stand_now(core, budget, core->state.now_us);
    PAWL_ASSERT(stand.state == PAWL_BUDGET_ACTIVE);
    result->id = fund->budget;
    switch ((enum pawl_fund_kind)fund->kind) {
    case PAWL_FUND_CREDIT:
        pawl_budget_credit(core, budget, fund->amount);
        return;
    case PAWL_FUND_DEBIT:
        pawl_budget_edit(core, budget)->allocated -= fund->amount;
        PAWL_ASSERT(pawl_budget_at(core, budget)->allocated >= 0);
        return;
    case PAWL_FUND_RESET:
        pawl_budget_edit(core, budget)->allocated = fund->amount;
        pawl_book_settle_limit(core, budget);
        return;
    case PAWL_FUND_RESET_SPENT:
        book_spent(core, &stand, fund->amount - stand.spent, result);
        return;
    case PAWL_FUND_REPAY_DEBT:
        book_repaid(core, &stand, fund->amount, result);
        return;
    }
    PAWL_UNREACHABLE();
}

/* --- Setting. --------------------------------------------------------------------------------- */

uint16_t pawl_budget_plan_set(const struct pawl_core *core,
                              const struct pawl_command_budget_set *set,
                              struct pawl_plan *plan)
{
    plan->slot = pawl_budget_of_id(core, set->budget);
    if (plan->slot == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    const struct pawl_budget_slot *slot = pawl_budget_at(core, plan->slot);
    PAWL_ASSERT(slot->state != 0);
    PAWL_ASSERT(set->state <= PAWL_BUDGET_CLOSED);
    if (slot->state == PAWL_BUDGET_CLOSED) {
        return PAWL_RESULT_BUDGET_CLOSED;
    }
    return set->state == slot->state ? PAWL_RESULT_STATE_CONFLICT : PAWL_RESULT_OK;
}

void pawl_budget_apply_set(struct pawl_core *core,
                           const struct pawl_command_budget_set *set,
                           const struct pawl_plan *plan,
                           struct pawl_result *result)
{
    struct pawl_budget_slot *slot = pawl_budget_edit(core, plan->slot);
    PAWL_ASSERT(slot->state != PAWL_BUDGET_CLOSED);
    PAWL_ASSERT(set->state != slot->state);
    result->id = set->budget;
    if (set->state != 0) {
        slot->state = set->state;
    }
    if (set->set_overdraft_limit) {
        PAWL_ASSERT(pawl_amount_valid(set->overdraft_limit));
        slot->overdraft_limit = set->overdraft_limit;
        struct pawl_stand stand = pawl_stand_now(core, plan->slot, core->state.now_us);
        if (slot->debt > slot->overdraft_limit && !pawl_stand_in_order(core, &stand)) {
            slot->over_limit = 1;
        }
        pawl_book_settle_limit(core, plan->slot);
    }
}
