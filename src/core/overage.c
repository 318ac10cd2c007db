/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overage.c: what a budget is charged when the actual amount is above what was held. COMMIT,
 * EVENT (a settlement of nothing held) and CORRECT share it.
 *
 * With d = actual - covered, and R the remaining of each budget that the line binds:
 *   d <= 0                 charged = actual
 *   REJECT                 a commit is refused; an event needs R >= d everywhere
 *   ALLOW_IF_AVAILABLE     c = min(d, least max(R, 0)); charged = covered + c on every budget;
 *                          a budget whose own R < d is over its limit
 *   ALLOW_WITH_OVERDRAFT   budgets without an overdraft limit cap c as above. On the others the
 *                          part of c that R does not pay becomes debt; where that takes debt above
 *                          the limit the whole operation is refused
 *   BOOK_FULL              charged = actual; a budget that falls below zero is over its limit
 */
#include "core/ops.h"
#include "core/table.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t not_below_zero(int64_t value)
{
    return value > 0 ? value : 0;
}

static int64_t overdraft_of(const struct pawl_core *core, const struct pawl_admission_row *row)
{
    PAWL_ASSERT(row->stand.budget != 0);
    return pawl_budget_at(core, row->stand.budget)->overdraft_limit;
}

/* Whether the budget pays only from what remains, under this policy. */
static bool
capped(const struct pawl_core *core, enum pawl_overage policy, const struct pawl_admission_row *row)
{
    PAWL_ASSERT(row->stand.state != 0);
    return policy == PAWL_OVERAGE_ALLOW_IF_AVAILABLE ||
           (policy == PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT && overdraft_of(core, row) == 0);
}

/* What the budget would pay of an overage at most: what remains, and what it may owe. */
static int64_t payable(const struct pawl_core *core, const struct pawl_admission_row *row)
{
    int64_t more = overdraft_of(core, row) - row->stand.debt;
    return not_below_zero(pawl_stand_remaining(&row->stand)) + not_below_zero(more);
}

/* How much of the overage is charged: all of it, or what the capped budgets have left. */
static int64_t overage_charged(const struct pawl_core *core,
                               enum pawl_overage policy,
                               uint32_t line,
                               int64_t overage,
                               const struct pawl_admission *admission)
{
    int64_t charged = overage;
    PAWL_ASSERT(overage >= 0);
    PAWL_ASSERT(line < PAWL_LINES_MAX);
    if (overage == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        if (row->line == line && capped(core, policy, row)) {
            charged = least(charged, not_below_zero(pawl_stand_remaining(&row->stand)));
        }
    }
    PAWL_ASSERT(charged >= 0);
    PAWL_ASSERT(charged <= overage);
    return charged;
}

/* The budget of this row refuses; `fits` is what all of the line's together would have taken. */
static uint16_t refuse(const struct pawl_core *core,
                       const struct pawl_admission_row *row,
                       int64_t asked,
                       int64_t fits,
                       uint16_t code,
                       struct pawl_plan *plan)
{
    PAWL_ASSERT(code != PAWL_RESULT_OK);
    PAWL_ASSERT(row->stand.unit == plan->lines[row->line].unit);
    pawl_admit_denial(core, core->state.now_us, &plan->admission, row, asked, &plan->denial);
    PAWL_ASSERT(fits >= 0 && fits < asked);
    plan->denial.fits = fits;
    return code;
}

/* Whether the amounts stay in range. Debt counts in the present instance too, whichever it comes
 * from. */
static bool in_range(const struct pawl_core *core,
                     const struct pawl_admission_row *row,
                     int64_t charged,
                     int64_t debt)
{
    struct pawl_stand present = pawl_stand_now(core, row->stand.budget, core->state.now_us);
    PAWL_ASSERT(debt >= 0);
    PAWL_ASSERT(debt <= charged);
    return pawl_stand_can_grow(&row->stand, charged) && pawl_stand_can_grow(&present, debt);
}

/* The largest overage that no budget of the line refuses as more than it may owe. */
static int64_t
fits_overdraft(const struct pawl_core *core, uint32_t line, const struct pawl_admission *admission)
{
    int64_t fits = PAWL_AMOUNT_MAX;
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        if (row->line == line && !capped(core, PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT, row)) {
            fits = least(fits, payable(core, row));
        }
    }
    return fits;
}

/* The booking of one row: `used` of what is covered, and `charged` of the overage. */
static uint16_t plan_row(const struct pawl_core *core,
                         enum pawl_overage policy,
                         const struct pawl_admission_row *row,
                         int64_t used,
                         int64_t overage,
                         int64_t charged,
                         struct pawl_plan *plan)
{
    PAWL_ASSERT(plan->booking_count < PAWL_HOLDS_MAX);
    struct pawl_booking *booking = &plan->bookings[plan->booking_count];
    *booking = (struct pawl_booking){
        .budget = row->stand.budget,
        .ordinal = row->stand.ordinal,
        .unit = row->stand.unit,
        .line = (uint8_t)row->line,
        .holds = plan->slot != 0 ? -1 : 0, /* An event has none. */
        .reserved = -plan->held.values[row->line],
        .spent = used,
    };
    plan->booking_count++;
    if (overage == 0) {
        return PAWL_RESULT_OK;
    }
    int64_t remaining = pawl_stand_remaining(&row->stand);
    int64_t shortfall = charged - least(charged, not_below_zero(remaining));
    PAWL_ASSERT(shortfall >= 0);
    PAWL_ASSERT(shortfall <= charged);
    bool owes = policy == PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT && !capped(core, policy, row);
    int64_t debt = owes ? shortfall : 0;
    if (owes && debt > 0 && debt > overdraft_of(core, row) - row->stand.debt) {
        return refuse(core, row, overage, fits_overdraft(core, row->line, &plan->admission),
                      PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED, plan);
    }
    if (!in_range(core, row, charged, debt)) {
        return PAWL_RESULT_AMOUNT_OVERFLOW;
    }
    booking->over = capped(core, policy, row) ? remaining < overage : !owes && shortfall > 0;
    booking->spent += charged - debt;
    booking->debt = debt;
    return PAWL_RESULT_OK;
}

/* REJECT takes all or nothing. A commit has its hold for what is covered; nothing goes beyond. */
static uint16_t check_reject(const struct pawl_core *core,
                             uint32_t line,
                             int64_t covered,
                             int64_t overage,
                             struct pawl_plan *plan)
{
    const struct pawl_admission_row *refusing = NULL;
    bool of_event = plan->slot == 0;
    int64_t fits = of_event ? overage : covered;
    PAWL_ASSERT(overage > 0);
    PAWL_ASSERT(line < plan->held.line_count);
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        int64_t remaining = not_below_zero(pawl_stand_remaining(&row->stand));
        if (row->line != line || (of_event && overage <= remaining)) {
            continue;
        }
        refusing = refusing != NULL ? refusing : row;
        fits = of_event ? least(fits, remaining) : fits;
    }
    return refusing == NULL ? PAWL_RESULT_OK
                            : refuse(core, refusing, covered + overage, fits,
                                     pawl_admit_funds_code(refusing->stand.unit), plan);
}

/* Decides about one line and appends the bookings of its rows. */
static uint16_t plan_line(const struct pawl_core *core,
                          enum pawl_overage policy,
                          uint32_t line,
                          struct pawl_plan *plan,
                          int64_t *ret_charged)
{
    int64_t covered = plan->held.values[line];
    int64_t actual = plan->lines[line].value;
    PAWL_ASSERT(pawl_amount_valid(covered));
    PAWL_ASSERT(pawl_amount_valid(actual));
    int64_t overage = not_below_zero(actual - covered);
    if (policy == PAWL_OVERAGE_REJECT && overage > 0) {
        uint16_t code = check_reject(core, line, covered, overage, plan);
        if (code != PAWL_RESULT_OK) {
            return code;
        }
    }
    int64_t charged = overage_charged(core, policy, line, overage, &plan->admission);
    int64_t used = least(covered, actual);
    PAWL_ASSERT(used >= 0);
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        if (row->line == line) {
            uint16_t code = plan_row(core, policy, row, used, overage, charged, plan);
            if (code != PAWL_RESULT_OK) {
                return code;
            }
        }
    }
    *ret_charged = used + charged;
    return PAWL_RESULT_OK;
}

uint16_t
pawl_overage_plan(const struct pawl_core *core, enum pawl_overage policy, struct pawl_plan *plan)
{
    uint16_t code = PAWL_RESULT_OK;
    struct pawl_denial denial = {.budget = 0};
    plan->booking_count = 0;
    PAWL_ASSERT(plan->held.line_count >= 1);
    PAWL_ASSERT(plan->held.line_count <= PAWL_LINES_MAX);
    for (uint32_t line = 0; line < plan->held.line_count; line++) {
        int64_t charged = 0;
        plan->denial = (struct pawl_denial){.budget = 0};
        uint16_t line_code = plan_line(core, policy, line, plan, &charged);
        if (line_code == PAWL_RESULT_OK) {
            int64_t back = not_below_zero(plan->held.values[line] - charged);
            uint16_t unit = plan->lines[line].unit;
            PAWL_ASSERT(unit == plan->held.units[line]);
            plan->charged[line] = (struct pawl_amount){.unit = unit, .value = charged};
            plan->released[line] = (struct pawl_amount){.unit = unit, .value = back};
        } else if (code == PAWL_RESULT_OK ||
                   pawl_result_precedence(line_code) < pawl_result_precedence(code)) {
            code = line_code;
            denial = plan->denial;
        }
    }
    plan->denial = denial;
    return code;
}
