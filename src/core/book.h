/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book.h: how a budget stands, and the one way to change its amounts. A command first plans its
 * bookings on stands, which are copies with an ended window already rolled, and is answered;
 * only then are the bookings carried out, which cannot fail any more.
 *
 * A budget is over its limit (`over_limit`) from the booking that took it there until an operation
 * that raises what remains, or a new instance of its window, leaves it in order:
 *     allocated - spent - reserved >= 0 and debt <= overdraft limit,  or  remaining >= 0.
 */
#ifndef PAWL_CORE_BOOK_H
#define PAWL_CORE_BOOK_H

#include "core/table.h"

/* A budget in one instance of its window. */
struct pawl_stand {
    uint32_t budget;
    uint32_t ordinal;
    int64_t allocated;
    int64_t spent;
    int64_t reserved;
    int64_t debt;
    bool current; /* the instance has not ended */
    bool over_limit;
    uint8_t state; /* enum pawl_budget_state */
    uint16_t unit;
};

/* Makes of the stand in an instance that has ended the one in the instance that the next booking
 * opens. */
void pawl_stand_roll(const struct pawl_core *core, struct pawl_stand *stand);
/* Makes of the stand in the present instance the one in an instance that ended before. */
void pawl_stand_past(const struct pawl_core *core, struct pawl_stand *stand);

/* In the instance that lies in the budget's slot. */
static inline struct pawl_stand
pawl_stand_present(const struct pawl_core *core, uint32_t budget, int64_t now_us)
{
    const struct pawl_budget_slot *slot = pawl_budget_at(core, budget);
    PAWL_ASSERT(slot->state != 0);
    return (struct pawl_stand){
        .budget = budget,
        .ordinal = slot->ordinal,
        .allocated = slot->allocated,
        .spent = slot->spent,
        .reserved = slot->reserved,
        .debt = slot->debt,
        .current = now_us < slot->window_end_us,
        .over_limit = slot->over_limit != 0,
        .state = slot->state,
        .unit = slot->unit,
    };
}

/* In the instance that holds now_us: the present one, or the one that the next booking opens. */
static inline struct pawl_stand
pawl_stand_now(const struct pawl_core *core, uint32_t budget, int64_t now_us)
{
    struct pawl_stand stand = pawl_stand_present(core, budget, now_us);
    if (!stand.current) {
        pawl_stand_roll(core, &stand);
    }
    return stand;
}

/* In the instance of a hold. */
static inline struct pawl_stand
pawl_stand_of(const struct pawl_core *core, struct pawl_hold hold, int64_t now_us)
{
    struct pawl_stand stand = pawl_stand_present(core, hold.budget, now_us);
    PAWL_ASSERT(hold.ordinal <= stand.ordinal);
    if (hold.ordinal != stand.ordinal) {
        stand.ordinal = hold.ordinal;
        pawl_stand_past(core, &stand);
    }
    return stand;
}

static inline int64_t pawl_stand_remaining(const struct pawl_stand *stand)
{
    PAWL_ASSERT(stand->debt >= 0);
    return stand->allocated - stand->spent - stand->reserved - stand->debt;
}

/* Whether the amounts stay in range when used (spent, reserved and debt together) grows so much.
 * In an instance that has ended, used may be beyond the range already: debt is the budget's and
 * grows through other instances too. Then nothing more fits. */
static inline bool pawl_stand_can_grow(const struct pawl_stand *stand, int64_t growth)
{
    int64_t used = stand->spent + stand->reserved + stand->debt;
    PAWL_ASSERT(growth <= PAWL_AMOUNT_MAX);
    PAWL_ASSERT(used >= 0);
    PAWL_ASSERT(stand->spent + stand->reserved <= PAWL_AMOUNT_MAX);
    return growth <= 0 || growth <= PAWL_AMOUNT_MAX - used;
}
/* allocated, spent, reserved, debt and the overdraft limit are such that nothing is over. */
bool pawl_stand_in_order(const struct pawl_core *core, const struct pawl_stand *stand);

/* A change of one budget in one instance. */
struct pawl_booking {
    uint32_t budget;
    uint32_t ordinal;
    uint16_t unit;
    uint8_t line;
    bool over;     /* it takes the budget over its limit */
    int32_t holds; /* holds that come to point at the instance, or go */
    int64_t reserved;
    int64_t spent;
    int64_t debt;
};

/* Carries it out. Where ret_standing is not NULL, it says how the budget stands then. */
void pawl_book(struct pawl_core *core,
               const struct pawl_booking *booking,
               struct pawl_standing *ret_standing);
/* Adds the booking's delta to the result. */
static inline void pawl_book_show(const struct pawl_booking *booking, struct pawl_result *result)
{
    PAWL_ASSERT(result->delta_count < PAWL_HOLDS_MAX);
    struct pawl_delta *delta = &result->deltas[result->delta_count];
    delta->budget = pawl_id_make(0, booking->budget);
    delta->ordinal = booking->ordinal;
    delta->unit = booking->unit;
    delta->reserved = booking->reserved;
    delta->spent = booking->spent;
    delta->debt = booking->debt;
    delta->allocated = 0;
    result->over_limit = result->over_limit || booking->over;
    result->delta_count++;
}
/* Carries it out and shows it; and how the budget stands then. */
static inline void pawl_book_shown(struct pawl_core *core,
                                   const struct pawl_booking *booking,
                                   struct pawl_result *result)
{
    pawl_book(core, booking, NULL);
    pawl_book_show(booking, result);
}
static inline void pawl_book_settled(struct pawl_core *core,
                                     const struct pawl_booking *booking,
                                     struct pawl_result *result)
{
    PAWL_ASSERT(result->standing_count == result->delta_count);
    pawl_book(core, booking, &result->standings[result->delta_count]);
    pawl_book_show(booking, result);
    result->standing_count++;
}
/* After a change of allocated, debt or limits: lifts `over_limit` where it no longer holds. */
void pawl_book_settle_limit(struct pawl_core *core, uint32_t budget);
/* Opens the instance that holds now, if the one before has ended. */
void pawl_book_roll(struct pawl_core *core, uint32_t budget);

/* The bounds of the stand's instance; {0, INT64_MAX} for a fixed window that is not open yet. */
void pawl_stand_bounds(const struct pawl_core *core,
                       const struct pawl_stand *stand,
                       int64_t now_us,
                       int64_t *ret_start_us,
                       int64_t *ret_end_us);
/* A budget's window, as it was created. */
struct pawl_window pawl_budget_window(const struct pawl_budget_slot *slot);
/* The slot of an ended instance, or 0; and its hash in the index. */
uint32_t pawl_window_find(const struct pawl_core *core, struct pawl_hold instance);
uint32_t pawl_window_hash(const struct pawl_core *core, struct pawl_hold instance);

#endif
