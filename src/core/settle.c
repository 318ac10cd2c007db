/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.c: COMMIT, RELEASE and CORRECT, which end a reservation. Each hold is settled in the
 * window instance in which it was taken. Neither the state of a budget nor that of a session
 * hinders a settlement: what was used is owed, whatever was frozen, paused or closed
 * meanwhile. Only a closed tenant owes nothing any more.
 *
 * CORRECT is for a reservation that expired and was booked at its hold: it puts the actual
 * amount in place of the hold, more or less, once. It books the truth, as BOOK_FULL does.
 *
 * Invariant (core.h, L3): the reservation is freed by the same operation that books it.
 */
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"

/* The amounts in the order of the reservation's lines. Exactly its units must be named. */
static uint16_t settle_lines(const struct pawl_command_settle *settle, struct pawl_plan *plan)
{
    const struct pawl_held *held = &plan->held;
    PAWL_ASSERT(held->line_count >= 1);
    PAWL_ASSERT(held->line_count <= PAWL_LINES_MAX);
    if (settle->line_count != held->line_count) {
        return PAWL_RESULT_UNIT_MISMATCH;
    }
    for (uint32_t i = 0; i < held->line_count; i++) {
        uint32_t given = 0;
        while (given < settle->line_count && settle->lines[given].unit != held->units[i]) {
            given++;
        }
        if (given == settle->line_count) {
            return PAWL_RESULT_UNIT_MISMATCH;
        }
        plan->lines[i] = settle->lines[given];
        PAWL_ASSERT(pawl_amount_valid(plan->lines[i].value));
    }
    return PAWL_RESULT_OK;
}

/* All holds as rows, each in its own instance. */
static void gather(const struct pawl_core *core, struct pawl_plan *plan)
{
    pawl_admit_gather_held(core, core->state.now_us, &plan->held, plan->lines, &plan->admission);
    PAWL_ASSERT(plan->admission.row_count == plan->held.hold_count);
    plan->booking_count = 0;
}

/* What a line is charged and what of its hold goes back. */
static void answer_line(struct pawl_plan *plan, uint32_t line, int64_t charged)
{
    uint16_t unit = plan->held.units[line];
    int64_t back = plan->held.values[line] - charged;
    PAWL_ASSERT(pawl_amount_valid(charged));
    PAWL_ASSERT(unit != PAWL_UNIT_NONE);
    plan->charged[line] = (struct pawl_amount){.unit = unit, .value = charged};
    plan->released[line] = (struct pawl_amount){.unit = unit, .value = back > 0 ? back : 0};
}

uint16_t pawl_settle_plan_commit(const struct pawl_core *core,
                                 const struct pawl_command_settle *settle,
                                 struct pawl_plan *plan)
{
    uint16_t code =
        pawl_reserve_find_open(core, settle->reservation, true, PAWL_GATE_TENANT_CLOSED, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    pawl_held_load(core, plan->slot, &plan->held);
    code = settle_lines(settle, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    gather(core, plan);
    enum pawl_overage policy = (enum pawl_overage)pawl_reservation_at(core, plan->slot)->overage;
    PAWL_ASSERT(policy >= PAWL_OVERAGE_REJECT);
    PAWL_ASSERT(policy <= PAWL_OVERAGE_BOOK_FULL);
    return pawl_overage_plan(core, policy, plan);
}

uint16_t pawl_settle_plan_release(const struct pawl_core *core,
                                  const struct pawl_command_release *release,
                                  struct pawl_plan *plan)
{
    uint16_t code =
        pawl_reserve_find_open(core, release->reservation, true, PAWL_GATE_TENANT_CLOSED, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    pawl_held_load(core, plan->slot, &plan->held);
    const struct pawl_held *held = &plan->held;
    PAWL_ASSERT(held->hold_count >= 1);
    plan->booking_count = held->hold_count;
    for (uint32_t i = 0; i < held->hold_count; i++) {
        uint32_t line = held->hold_line[i];
        PAWL_ASSERT(line < held->line_count);
        plan->bookings[i] = (struct pawl_booking){
            .budget = held->holds[i].budget,
            .ordinal = held->holds[i].ordinal,
            .unit = held->units[line],
            .line = (uint8_t)line,
            .holds = -1,
            .reserved = -held->values[line],
        };
    }
    for (uint32_t line = 0; line < held->line_count; line++) {
        answer_line(plan, line, 0);
    }
    return PAWL_RESULT_OK;
}

uint16_t pawl_settle_plan_correct(const struct pawl_core *core,
                                  const struct pawl_command_settle *settle,
                                  struct pawl_plan *plan)
{
    plan->slot = pawl_held_find(core, settle->reservation);
    if (plan->slot == 0) {
        return pawl_reserve_missing(core, settle->reservation);
    }
    uint16_t code =
        pawl_admit_tenant(core, pawl_held_tenant(core, pawl_reservation_at(core, plan->slot)),
                          PAWL_GATE_TENANT_CLOSED);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    pawl_held_load(core, plan->slot, &plan->held);
    code = settle_lines(settle, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    if (pawl_reservation_at(core, plan->slot)->state != PAWL_RESERVATION_UNCONFIRMED) {
        return PAWL_RESULT_STATE_CONFLICT;
    }
    gather(core, plan);
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        int64_t change = plan->lines[row->line].value - plan->held.values[row->line];
        if (change < -row->stand.spent) {
            change = -row->stand.spent; /* RESET_SPENT has taken it out of the books before. */
        }
        if (!pawl_stand_can_grow(&row->stand, change)) {
            return PAWL_RESULT_AMOUNT_OVERFLOW;
        }
        int64_t remaining = pawl_stand_remaining(&row->stand);
        plan->bookings[i] = (struct pawl_booking){
            .budget = row->stand.budget,
            .ordinal = row->stand.ordinal,
            .unit = row->stand.unit,
            .line = (uint8_t)row->line,
            .over = change > 0 && change > remaining,
            .holds = -1,
            .spent = change,
        };
        plan->booking_count++;
    }
    for (uint32_t line = 0; line < plan->held.line_count; line++) {
        answer_line(plan, line, plan->lines[line].value);
    }
    return PAWL_RESULT_OK;
}

void pawl_settle_apply(struct pawl_core *core,
                       const struct pawl_plan *plan,
                       struct pawl_result *result)
{
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, plan->slot);
    PAWL_ASSERT(slot->state != 0);
    pawl_timer_prefetch_neighbours(core, slot->timer);
    PAWL_ASSERT(plan->booking_count == plan->held.hold_count);
    for (uint32_t i = 0; i < plan->booking_count; i++) {
        PAWL_ASSERT(plan->bookings[i].holds == -1);
    }
    pawl_plan_settle(core, plan, result);
    result->id = slot->id;
    result->line_count = plan->held.line_count;
    for (uint32_t line = 0; line < plan->held.line_count; line++) {
        result->charged[line] = plan->charged[line];
        result->released[line] = plan->released[line];
    }
    if (slot->state == PAWL_RESERVATION_HELD && slot->session != 0) {
        struct pawl_session_slot *session = pawl_session_edit(core, slot->session);
        PAWL_ASSERT(session->open_holds > 0);
        session->open_holds--;
    }
    pawl_held_free(core, plan->slot);
}
