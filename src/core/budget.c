/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget.c: creating, funding and setting budgets. A budget is one limit on (scope, phase, unit,
 * window); one scope may have several windows of a unit at once. Budgets are never removed, a
 * closed one stays to be read and to let its holds settle.
 *
 * Funding is the protocol's table:
 *     CREDIT n         allocated += n
 *     DEBIT n          allocated -= n, refused below what is spent, held and owed
 *     RESET n          allocated := n
 *     RESET_SPENT n m  allocated := n, spent of the present instance := m
 *     REPAY_DEBT n     debt -= min(n, debt), allocated += the rest of n
 * None of them touches what is reserved. A frozen or closed budget takes none.
 *
 * Each shows what it changed as one delta, and how the budget stands then.
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
    if (code == PAWL_RESULT_OK) {
        code = pawl_admit_tenant(core,
                                 pawl_scope_tenant(core, create->scope.levels[PAWL_LEVEL_TENANT]),
                                 PAWL_GATE_TENANT_CLOSED);
    }
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
    slot->tenant = pawl_scope_root(core, scope);
    slot->phase = phase;
    slot->overage = create->overage;
    slot->created_us = core->state.now_us;
    slot->updated_us = core->state.now_us;
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

/* Shows the one budget that a command was about: what changed, and how it stands now. */
static void show(struct pawl_core *core,
                 uint32_t budget,
                 const struct pawl_delta *change,
                 struct pawl_result *result)
{
    struct pawl_stand stand = pawl_stand_now(core, budget, core->state.now_us);
    PAWL_ASSERT(result->delta_count == 0);
    PAWL_ASSERT(result->standing_count == 0);
    result->deltas[0] = *change;
    result->deltas[0].budget = pawl_id_make(0, budget);
    result->deltas[0].ordinal = stand.ordinal;
    result->deltas[0].unit = stand.unit;
    result->standings[0] = (struct pawl_standing){
        .allocated = stand.allocated,
        .reserved = stand.reserved,
        .spent = stand.spent,
        .debt = stand.debt,
        .overdraft_limit = pawl_budget_at(core, budget)->overdraft_limit,
        .over_limit = stand.over_limit,
    };
    result->delta_count = 1;
    result->standing_count = 1;
}

void pawl_budget_apply_create(struct pawl_core *core,
                              const struct pawl_command_budget_create *create,
                              struct pawl_result *result)
{
    uint32_t scope = pawl_scope_intern(core, &create->scope);
    PAWL_ASSERT(pawl_scope_find(core, &create->scope) == scope);
    uint32_t budget = pawl_budget_add(core, scope, create);
    PAWL_ASSERT(pawl_budget_of_id(core, budget) == budget);
    struct pawl_delta change = {.allocated = create->allocated};
    show(core, budget, &change, result);
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
    uint16_t code =
        pawl_admit_tenant(core, pawl_budget_at(core, plan->slot)->tenant, PAWL_GATE_TENANT_CLOSED);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
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
        return PAWL_RESULT_OK;
    case PAWL_FUND_REPAY_DEBT:
        return fund->amount - stand.debt <= PAWL_AMOUNT_MAX - stand.allocated
                   ? PAWL_RESULT_OK
                   : PAWL_RESULT_AMOUNT_OVERFLOW;
    case PAWL_FUND_RESET_SPENT:
        return pawl_stand_can_grow(&stand, fund->spent - stand.spent) ? PAWL_RESULT_OK
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
    slot->updated_us = core->state.now_us;
    PAWL_ASSERT(slot->state == PAWL_BUDGET_ACTIVE);
    pawl_book_settle_limit(core, budget);
}

/* Spent is set in the instance that holds now, which the booking opens if it must. */
static void reset_spent(struct pawl_core *core,
                        const struct pawl_stand *stand,
                        const struct pawl_command_budget_fund *fund)
{
    struct pawl_booking booking = {
        .budget = stand->budget,
        .ordinal = stand->ordinal,
        .unit = stand->unit,
        .spent = fund->spent - stand->spent,
    };
    PAWL_ASSERT(fund->spent >= 0);
    /* The new amount first: by the old one the budget may be in order in between. */
    pawl_budget_edit(core, stand->budget)->allocated = fund->amount;
    pawl_book(core, &booking, NULL);
    pawl_book_settle_limit(core, stand->budget);
    PAWL_ASSERT(pawl_budget_at(core, stand->budget)->spent == fund->spent);
}

/* Debt belongs to the budget and opens no window. */
static void repay_debt(struct pawl_core *core, const struct pawl_stand *stand, int64_t amount)
{
    int64_t paid = amount < stand->debt ? amount : stand->debt;
    struct pawl_budget_slot *slot = pawl_budget_edit(core, stand->budget);
    PAWL_ASSERT(paid >= 0);
    PAWL_ASSERT(amount - paid <= PAWL_AMOUNT_MAX - slot->allocated);
    slot->debt -= paid;
    slot->allocated += amount - paid;
    PAWL_ASSERT(slot->debt >= 0);
    pawl_book_settle_limit(core, stand->budget);
}

static void fund_budget(struct pawl_core *core,
                        const struct pawl_stand *stand,
                        const struct pawl_command_budget_fund *fund)
{
    uint32_t budget = stand->budget;
    switch ((enum pawl_fund_kind)fund->kind) {
    case PAWL_FUND_CREDIT:
        pawl_budget_credit(core, budget, fund->amount);
        return;
    case PAWL_FUND_DEBIT:
        pawl_budget_edit(core, budget)->allocated -= fund->amount;
        PAWL_ASSERT(pawl_budget_at(core, budget)->allocated >= 0);
        pawl_book_settle_limit(core, budget);
        return;
    case PAWL_FUND_RESET:
        pawl_budget_edit(core, budget)->allocated = fund->amount;
        pawl_book_settle_limit(core, budget);
        return;
    case PAWL_FUND_RESET_SPENT:
        reset_spent(core, stand, fund);
        return;
    case PAWL_FUND_REPAY_DEBT:
        repay_debt(core, stand, fund->amount);
        return;
    }
    PAWL_UNREACHABLE();
}

void pawl_budget_apply_fund(struct pawl_core *core,
                            const struct pawl_command_budget_fund *fund,
                            const struct pawl_plan *plan,
                            struct pawl_result *result)
{
    uint32_t budget = plan->slot;
    struct pawl_stand stand = pawl_stand_now(core, budget, core->state.now_us);
    PAWL_ASSERT(stand.state == PAWL_BUDGET_ACTIVE);
    fund_budget(core, &stand, fund);
    struct pawl_budget_slot *slot = pawl_budget_edit(core, budget);
    slot->updated_us = core->state.now_us;
    struct pawl_delta change = {.allocated = slot->allocated - stand.allocated,
                                .debt = slot->debt - stand.debt};
    if (fund->kind == PAWL_FUND_RESET_SPENT) {
        PAWL_ASSERT(slot->ordinal == stand.ordinal);
        change.spent = slot->spent - stand.spent;
    }
    show(core, budget, &change, result);
    result->id = fund->budget;
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
    uint16_t code = pawl_admit_tenant(core, slot->tenant, PAWL_GATE_TENANT_CLOSED);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
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
    slot->state = set->state != 0 ? set->state : slot->state;
    slot->overage = set->overage != 0 ? set->overage : slot->overage;
    slot->updated_us = core->state.now_us;
    if (set->set_overdraft_limit) {
        PAWL_ASSERT(pawl_amount_valid(set->overdraft_limit));
        slot->overdraft_limit = set->overdraft_limit;
        struct pawl_stand stand = pawl_stand_now(core, plan->slot, core->state.now_us);
        if (slot->debt > slot->overdraft_limit && !pawl_stand_in_order(core, &stand)) {
            slot->over_limit = 1;
        }
        pawl_book_settle_limit(core, plan->slot);
    }
    struct pawl_delta change = {.allocated = 0};
    show(core, plan->slot, &change, result);
}
