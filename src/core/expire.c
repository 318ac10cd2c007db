/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expire.c: EXPIRE, the command by which time does something to the ledger: leases end, sessions
 * run out, questions go unanswered, and the time for corrections passes. It takes what is due in
 * the order of deadlines, at most `max` at once, and says whether there is more, so that live
 * commands get their turn in between. Rows of the answer lie in the core until the next command.
 *
 * What is done to budgets is not listed as deltas, since two thousand leases have more than fit:
 * each row names the reservation, and its own record says what it held.
 */
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"

uint16_t pawl_expire_plan(const struct pawl_core *core, const struct pawl_command_expire *expire)
{
    PAWL_ASSERT(expire->max >= 1);
    PAWL_ASSERT(expire->max <= PAWL_EXPIRE_MAX);
    /* Nothing ends before its time. */
    return expire->until_us <= core->state.now_us ? PAWL_RESULT_OK : PAWL_RESULT_INVALID_REQUEST;
}

/* Gives every hold back, or books it in full. */
static void book_holds(struct pawl_core *core, uint32_t at, bool settle)
{
    struct pawl_held held;
    pawl_held_load(core, at, &held);
    PAWL_ASSERT(held.hold_count >= 1);
    for (uint32_t i = 0; i < held.hold_count; i++) {
        int64_t value = held.values[held.hold_line[i]];
        struct pawl_booking booking = {
            .budget = held.holds[i].budget,
            .ordinal = held.holds[i].ordinal,
            .unit = held.units[held.hold_line[i]],
            .holds = settle ? 0 : -1,
            .reserved = -value,
            .spent = settle ? value : 0,
        };
        PAWL_ASSERT(pawl_amount_valid(value));
        pawl_book(core, &booking, NULL);
    }
}

/* An unconfirmed booking keeps pointing at its instance until it can be corrected no more. */
static void unconfirmed_end(struct pawl_core *core, uint32_t at)
{
    struct pawl_held held;
    pawl_held_load(core, at, &held);
    PAWL_ASSERT(held.hold_count >= 1);
    for (uint32_t i = 0; i < held.hold_count; i++) {
        struct pawl_booking booking = {
            .budget = held.holds[i].budget,
            .ordinal = held.holds[i].ordinal,
            .unit = held.units[held.hold_line[i]],
            .holds = -1,
        };
        pawl_book(core, &booking, NULL);
    }
    pawl_held_free(core, at);
}

/* The session has one hold less. */
static void hold_ends(struct pawl_core *core, const struct pawl_reservation_slot *slot)
{
    PAWL_ASSERT(slot->state == PAWL_RESERVATION_HELD);
    if (slot->session != 0) {
        struct pawl_session_slot *session = pawl_session_edit(core, slot->session);
        PAWL_ASSERT(session->open_holds > 0);
        session->open_holds--;
    }
}

void pawl_expire_give_back(struct pawl_core *core, uint32_t slot)
{
    hold_ends(core, pawl_reservation_at(core, slot));
    book_holds(core, slot, false);
    pawl_held_free(core, slot);
}

static uint8_t reservation_end(struct pawl_core *core, const struct pawl_timer *timer)
{
    struct pawl_reservation_slot *slot = pawl_reservation_edit(core, timer->slot);
    PAWL_ASSERT(slot->timer == timer->node);
    if (slot->state == PAWL_RESERVATION_UNCONFIRMED) {
        unconfirmed_end(core, timer->slot);
        return PAWL_EXPIRED_UNCONFIRMED;
    }
    if (slot->on_expiry == PAWL_ON_EXPIRY_RELEASE) {
        pawl_expire_give_back(core, timer->slot);
        return PAWL_EXPIRED_RELEASED;
    }
    hold_ends(core, slot);
    book_holds(core, timer->slot, true);
    slot->state = PAWL_RESERVATION_UNCONFIRMED;
    int64_t until_ms =
        (core->state.now_us + core->state.limits.correction_ttl_us) / PAWL_TIMER_US_PER_MS;
    pawl_timer_cancel(core, slot->timer);
    slot->timer = pawl_timer_add(core, until_ms, PAWL_TIMER_RESERVATION, timer->slot);
    return PAWL_EXPIRED_SETTLED;
}

/* Ends what the timer is about; returns what to say of it. */
static struct pawl_expired timer_fire(struct pawl_core *core, const struct pawl_timer *timer)
{
    struct pawl_expired row = {.id = pawl_id_make(0, timer->slot)};
    PAWL_ASSERT(timer->slot != 0);
    switch (timer->kind) {
    case PAWL_TIMER_RESERVATION:
        row.id = pawl_reservation_at(core, timer->slot)->id;
        row.kind = reservation_end(core, timer);
        return row;
    case PAWL_TIMER_SESSION:
        PAWL_ASSERT(pawl_session_at(core, timer->slot)->timer == timer->node);
        pawl_session_move(core, timer->slot, PAWL_SESSION_ENDED, PAWL_REASON_CAPPED,
                          PAWL_UNIT_WALL_CLOCK_MS);
        row.kind = PAWL_EXPIRED_SESSION;
        return row;
    case PAWL_TIMER_APPROVAL:
        row.id = pawl_id_make(pawl_approval_at(core, timer->slot)->generation, timer->slot);
        pawl_approval_expire(core, timer->slot);
        row.kind = PAWL_EXPIRED_APPROVAL;
        return row;
    }
    PAWL_UNREACHABLE();
}

void pawl_expire_apply(struct pawl_core *core,
                       const struct pawl_command_expire *expire,
                       struct pawl_result *result)
{
    struct pawl_timer timer;
    uint32_t count = 0;
    bool due =
        pawl_timer_first(core, &timer) && timer.due_ms * PAWL_TIMER_US_PER_MS <= expire->until_us;
    while (due && count < expire->max) {
        PAWL_ASSERT(timer.due_ms * PAWL_TIMER_US_PER_MS <= core->state.now_us);
        core->expired[count] = timer_fire(core, &timer);
        PAWL_ASSERT(core->expired[count].id != 0);
        count++;
        due = pawl_timer_first(core, &timer) &&
              timer.due_ms * PAWL_TIMER_US_PER_MS <= expire->until_us;
    }
    PAWL_ASSERT(count <= PAWL_EXPIRE_MAX);
    result->more_due = due;
    result->expired_count = count;
    result->expired = core->expired;
}
