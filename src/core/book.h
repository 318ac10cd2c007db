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

#include "core/state.h"

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

/* In the instance that holds now_us: the present one, or the one that the next booking opens. */
struct pawl_stand pawl_stand_now(const struct pawl_core *core, uint32_t budget, int64_t now_us);
/* In the instance of a hold. */
struct pawl_stand
pawl_stand_of(const struct pawl_core *core, struct pawl_hold hold, int64_t now_us);

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

/* Carries it out and adds its delta to the result, when there is one. */
void pawl_book(struct pawl_core *core,
               const struct pawl_booking *booking,
               struct pawl_result *result);
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
