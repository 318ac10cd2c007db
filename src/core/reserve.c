/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reserve.c: taking a hold, asking without taking it, growing it, prolonging its lease.
 *
 * A lease ends at a whole millisecond; `now` is rounded down to one before it is compared. With
 * e the end and g the grace: growing and prolonging are taken while now <= e, settlements while
 * now <= e + g, and the lease is due for EXPIRE from e + g + 1 ms on. So a settlement that would
 * have been taken is never lost to an EXPIRE of the same millisecond.
 *
 * An end is at most seven days ahead of now, whatever is asked for; a prolongation is cut there.
 */
#include "core/document.h"
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"

_Static_assert((int)PAWL_EXTENSIONS_MAX <= UINT16_MAX, "extensions are counted in 16 bits");

uint16_t pawl_reserve_missing(const struct pawl_core *core, uint64_t id)
{
    PAWL_SLOW_ASSERT(pawl_held_find(core, id) == 0);
    PAWL_ASSERT(core->state.op > 0);
    /* The present operation's number was drawn already and cannot be a reservation that the
     * command names. */
    return id == 0 || id >= core->state.op ? PAWL_RESULT_NOT_FOUND : PAWL_RESULT_GONE;
}

uint16_t pawl_reserve_find_open(const struct pawl_core *core,
                                uint64_t id,
                                bool with_grace,
                                uint32_t tenant_gates,
                                struct pawl_plan *plan)
{
    plan->slot = pawl_held_find(core, id);
    if (plan->slot == 0) {
        return pawl_reserve_missing(core, id);
    }
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, plan->slot);
    PAWL_ASSERT(slot->id == id);
    pawl_timer_prefetch(core, slot->timer);
    /* The tenant is known by a budget; all of them are asked for at once. */
    for (uint32_t i = 0; i < slot->hold_count && i < PAWL_HOLDS_INLINE; i++) {
        const struct pawl_budget_slot *budget = pawl_budget_at(core, slot->holds[i].budget);
        __builtin_prefetch(budget, 1);
        __builtin_prefetch(&budget->overdraft_limit);
    }
    uint16_t code = pawl_admit_tenant(core, pawl_held_tenant(core, slot), tenant_gates);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    int64_t end_ms = slot->expires_us / PAWL_TIMER_US_PER_MS + (with_grace ? slot->grace_ms : 0);
    PAWL_ASSERT(end_ms < pawl_held_due_ms(slot));
    if (slot->state != PAWL_RESERVATION_HELD ||
        core->state.now_us / PAWL_TIMER_US_PER_MS > end_ms) {
        return PAWL_RESULT_RESERVATION_EXPIRED;
    }
    return PAWL_RESULT_OK;
}

/* --- RESERVE and DECIDE. ---------------------------------------------------------------------- */

uint16_t pawl_reserve_plan_decide(const struct pawl_core *core,
                                  const struct pawl_command_reserve *reserve,
                                  struct pawl_plan *plan)
{
    int64_t now_us = core->state.now_us;
    struct pawl_admission *admission = &plan->admission;
    PAWL_ASSERT(reserve->line_count >= 1);
    uint32_t throttle = pawl_document_of_id(core, reserve->throttle);
    if (reserve->throttle != 0 && throttle == 0) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    uint16_t code = pawl_admit_gather(core, now_us, &plan->path, reserve->phase, reserve->lines,
                                      reserve->line_count, PAWL_GATES_ALL, admission);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    PAWL_ASSERT(admission->row_count > 0);
    admission->throttle = throttle;
    admission->throttle_per_minute = reserve->throttle_per_minute;
    code = pawl_admit_check(core, now_us, admission, reserve->lines, PAWL_GATES_ALL, &plan->denial);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    if (core->state.tables[PAWL_TABLE_RESERVATION].live_count ==
        core->state.limits.reservations_max) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        if (!pawl_stand_can_grow(&row->stand, reserve->lines[row->line].value)) {
            return PAWL_RESULT_AMOUNT_OVERFLOW;
        }
    }
    return PAWL_RESULT_OK;
}

/* A booking that takes `amount` on the row. */
static struct pawl_booking hold_booking(const struct pawl_admission_row *row, int64_t amount)
{
    PAWL_ASSERT(row->line < PAWL_LINES_MAX);
    PAWL_ASSERT(pawl_amount_valid(amount));
    return (struct pawl_booking){
        .budget = row->stand.budget,
        .ordinal = row->stand.ordinal,
        .unit = row->stand.unit,
        .line = (uint8_t)row->line,
        .reserved = amount,
    };
}

uint16_t pawl_reserve_plan(const struct pawl_core *core,
                           const struct pawl_command_reserve *reserve,
                           struct pawl_plan *plan)
{
    uint16_t code = pawl_reserve_plan_decide(core, reserve, plan);
    if (code != PAWL_RESULT_OK || reserve->dry_run) {
        return code;
    }
    struct pawl_held *held = &plan->held;
    held->line_count = reserve->line_count;
    for (uint32_t i = 0; i < reserve->line_count; i++) {
        held->units[i] = reserve->lines[i].unit;
        held->values[i] = reserve->lines[i].value;
    }
    held->hold_count = plan->admission.row_count;
    PAWL_ASSERT(held->hold_count >= 1);
    plan->booking_count = plan->admission.row_count;
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        held->holds[i] =
            (struct pawl_hold){.budget = row->stand.budget, .ordinal = row->stand.ordinal};
        held->hold_line[i] = (uint8_t)row->line;
        plan->bookings[i] = hold_booking(row, reserve->lines[row->line].value);
        plan->bookings[i].holds = 1;
    }
    plan->session = plan->admission.session;
    plan->expires_us =
        (core->state.now_us / PAWL_TIMER_US_PER_MS + reserve->ttl_ms) * PAWL_TIMER_US_PER_MS;
    PAWL_ASSERT(plan->expires_us > core->state.now_us - PAWL_TIMER_US_PER_MS);
    return PAWL_RESULT_OK;
}

void pawl_plan_book(struct pawl_core *core,
                    const struct pawl_plan *plan,
                    struct pawl_result *result)
{
    PAWL_ASSERT(plan->booking_count <= PAWL_HOLDS_MAX);
    for (uint32_t i = 0; i < plan->booking_count; i++) {
        pawl_book_shown(core, &plan->bookings[i], result);
    }
    PAWL_ASSERT(result->delta_count == plan->booking_count);
}

void pawl_plan_settle(struct pawl_core *core,
                      const struct pawl_plan *plan,
                      struct pawl_result *result)
{
    PAWL_ASSERT(plan->booking_count <= PAWL_HOLDS_MAX);
    for (uint32_t i = 0; i < plan->booking_count; i++) {
        pawl_book_settled(core, &plan->bookings[i], result);
    }
    PAWL_ASSERT(result->delta_count == plan->booking_count);
    PAWL_ASSERT(result->standing_count == plan->booking_count);
}

void pawl_reserve_apply(struct pawl_core *core,
                        const struct pawl_command_reserve *reserve,
                        const struct pawl_plan *plan,
                        struct pawl_result *result)
{
    if (reserve->dry_run) {
        return;
    }
    pawl_plan_book(core, plan, result);
    if (plan->admission.throttle != 0) {
        pawl_document_take(core, plan->admission.throttle);
    }
    uint32_t at = pawl_held_store(core, core->state.op, &plan->held);
    struct pawl_reservation_slot *slot = pawl_reservation_edit(core, at);
    PAWL_ASSERT(slot->id == core->state.op);
    PAWL_ASSERT(slot->state == PAWL_RESERVATION_HELD);
    slot->created_us = core->state.now_us;
    slot->expires_us = plan->expires_us;
    slot->grace_ms = (uint32_t)reserve->grace_ms;
    slot->session = plan->session;
    slot->overage = reserve->overage;
    slot->on_expiry = reserve->on_expiry;
    slot->priority = reserve->priority;
    slot->extensions_max = reserve->extensions_max;
    slot->timer = pawl_timer_add(core, pawl_held_due_ms(slot), PAWL_TIMER_RESERVATION, at);
    if (plan->session != 0) {
        struct pawl_session_slot *session = pawl_session_edit(core, plan->session);
        PAWL_ASSERT(session->state == PAWL_SESSION_ACTIVE);
        session->open_holds++;
    }
    result->id = core->state.op;
    result->expires_us = plan->expires_us;
}

/* --- GROW. ------------------------------------------------------------------------------------ */

/* The grown lines in the order of the reservation's: unit 0 where nothing is asked. */
static uint16_t grow_lines(const struct pawl_command_grow *grow, struct pawl_plan *plan)
{
    const struct pawl_held *held = &plan->held;
    memset(plan->lines, 0, sizeof(plan->lines));
    PAWL_ASSERT(held->line_count >= 1);
    for (uint32_t i = 0; i < grow->line_count; i++) {
        uint32_t line = 0;
        while (line < held->line_count && held->units[line] != grow->lines[i].unit) {
            line++;
        }
        if (line == held->line_count) {
            return PAWL_RESULT_UNIT_MISMATCH;
        }
        PAWL_ASSERT(plan->lines[line].unit == PAWL_UNIT_NONE);
        plan->lines[line] = grow->lines[i];
    }
    return PAWL_RESULT_OK;
}

static bool grow_overflows(const struct pawl_plan *plan)
{
    PAWL_ASSERT(plan->held.line_count <= PAWL_LINES_MAX);
    for (uint32_t i = 0; i < plan->held.line_count; i++) {
        PAWL_ASSERT(pawl_amount_valid(plan->held.values[i]));
        if (plan->lines[i].value > PAWL_AMOUNT_MAX - plan->held.values[i]) {
            return true;
        }
    }
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        if (!pawl_stand_can_grow(&row->stand, plan->lines[row->line].value)) {
            return true;
        }
    }
    return false;
}

uint16_t pawl_reserve_plan_grow(const struct pawl_core *core,
                                const struct pawl_command_grow *grow,
                                struct pawl_plan *plan)
{
    uint16_t code = pawl_reserve_find_open(core, grow->reservation, false, PAWL_GATES_TENANT, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    pawl_held_load(core, plan->slot, &plan->held);
    code = grow_lines(grow, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    int64_t now_us = core->state.now_us;
    pawl_admit_gather_held(core, now_us, &plan->held, plan->lines, &plan->admission);
    PAWL_ASSERT(plan->admission.row_count <= plan->held.hold_count);
    code = pawl_admit_check(core, now_us, &plan->admission, plan->lines, PAWL_GATES_ALL,
                            &plan->denial);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    if (grow_overflows(plan)) {
        return PAWL_RESULT_AMOUNT_OVERFLOW;
    }
    plan->booking_count = plan->admission.row_count;
    for (uint32_t i = 0; i < plan->admission.row_count; i++) {
        const struct pawl_admission_row *row = &plan->admission.rows[i];
        plan->bookings[i] = hold_booking(row, plan->lines[row->line].value);
    }
    return PAWL_RESULT_OK;
}

void pawl_reserve_apply_grow(struct pawl_core *core,
                             const struct pawl_plan *plan,
                             struct pawl_result *result)
{
    pawl_plan_book(core, plan, result);
    for (uint32_t i = 0; i < plan->held.line_count; i++) {
        if (plan->lines[i].value > 0) {
            int64_t grown = plan->held.values[i] + plan->lines[i].value;
            PAWL_ASSERT(plan->lines[i].unit == plan->held.units[i]);
            pawl_held_set_value(core, plan->slot, i, grown);
        }
    }
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, plan->slot);
    PAWL_ASSERT(slot->state == PAWL_RESERVATION_HELD);
    result->id = slot->id;
    result->expires_us = slot->expires_us;
}

/* --- EXTEND. ---------------------------------------------------------------------------------- */

uint16_t pawl_reserve_plan_extend(const struct pawl_core *core,
                                  const struct pawl_command_extend *extend,
                                  struct pawl_plan *plan)
{
    uint16_t code =
        pawl_reserve_find_open(core, extend->reservation, false, PAWL_GATE_TENANT_CLOSED, plan);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, plan->slot);
    if (slot->extensions >= slot->extensions_max) {
        return PAWL_RESULT_MAX_EXTENSIONS_EXCEEDED;
    }
    int64_t end_ms = slot->expires_us / PAWL_TIMER_US_PER_MS + extend->ttl_ms;
    int64_t last_ms = core->state.now_us / PAWL_TIMER_US_PER_MS + PAWL_LEASE_MS_MAX;
    PAWL_ASSERT(extend->ttl_ms > 0);
    PAWL_ASSERT(slot->expires_us / PAWL_TIMER_US_PER_MS <= last_ms);
    plan->expires_us = (end_ms < last_ms ? end_ms : last_ms) * PAWL_TIMER_US_PER_MS;
    return PAWL_RESULT_OK;
}

void pawl_reserve_apply_extend(struct pawl_core *core,
                               const struct pawl_plan *plan,
                               struct pawl_result *result)
{
    struct pawl_reservation_slot *slot = pawl_reservation_edit(core, plan->slot);
    PAWL_ASSERT(plan->expires_us >= slot->expires_us);
    slot->expires_us = plan->expires_us;
    slot->extensions++;
    PAWL_ASSERT(slot->extensions <= slot->extensions_max);
    pawl_timer_cancel(core, slot->timer);
    slot->timer = pawl_timer_add(core, pawl_held_due_ms(slot), PAWL_TIMER_RESERVATION, plan->slot);
    PAWL_ASSERT(slot->timer != 0);
    result->id = slot->id;
    result->expires_us = slot->expires_us;
}
