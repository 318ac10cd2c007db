/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book.c: stands and bookings. The present instance lies in the budget's slot. When it has ended
 * and a booking needs the next one, it moves to the table of ended instances if holds still
 * point at it, and is forgotten if none does. Such an instance is found through an index by
 * budget and ordinal and goes when its last hold does; so their number is bounded by the open
 * holds and by nothing else, however short the window and long the lease.
 *
 * Invariants, for every instance (audited):
 *   B1  spent >= 0, reserved >= 0, debt >= 0, spent + reserved <= 2^53-1; in the present instance
 *       spent + reserved + debt <= 2^53-1
 *   B2  reserved is the sum of the open holds that point at it, refs is the number of all holds
 *   B3  an ended instance has refs > 0
 */
#include "core/book.h"

#include "base/hash.h"

#include "core/index.h"
#include "core/table.h"
#include "core/window.h"

/* --- Stands. ---------------------------------------------------------------------------------- */

static bool instance_ended(const struct pawl_budget_slot *slot, int64_t now_us)
{
    return now_us >= slot->window_end_us;
}

bool pawl_stand_in_order(const struct pawl_core *core, const struct pawl_stand *stand)
{
    int64_t overdraft_limit = pawl_budget_at(core, stand->budget)->overdraft_limit;
    int64_t free_of_debt = stand->allocated - stand->spent - stand->reserved;
    PAWL_ASSERT(stand->debt >= 0);
    if (stand->debt <= overdraft_limit) {
        return free_of_debt >= 0;
    }
    /* A debt that no overdraft allows any more has a gate of its own. */
    return overdraft_limit == 0 && free_of_debt - stand->debt >= 0;
}

void pawl_stand_roll(const struct pawl_core *core, struct pawl_stand *stand)
{
    PAWL_ASSERT(!stand->current);
    PAWL_ASSERT(stand->ordinal < UINT32_MAX);
    stand->ordinal++;
    stand->spent = 0;
    stand->reserved = 0;
    stand->current = true;
    stand->over_limit = stand->over_limit && !pawl_stand_in_order(core, stand);
}

uint32_t pawl_window_hash(const struct pawl_core *core, struct pawl_hold instance)
{
    uint64_t both = (uint64_t)instance.budget << 32 | instance.ordinal;
    PAWL_ASSERT(instance.budget != 0);
    return (uint32_t)pawl_hash_mix(both ^ core->state.limits.hash_key[0]);
}

uint32_t pawl_window_find(const struct pawl_core *core, struct pawl_hold instance)
{
    uint32_t hash = pawl_window_hash(core, instance);
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_WINDOW, hash);
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        const struct pawl_window_slot *slot = pawl_window_at(core, at);
        PAWL_ASSERT(slot->refs > 0);
        if (slot->budget == instance.budget && slot->ordinal == instance.ordinal) {
            return at;
        }
    }
    return 0;
}

void pawl_stand_past(const struct pawl_core *core, struct pawl_stand *stand)
{
    struct pawl_hold instance = {.budget = stand->budget, .ordinal = stand->ordinal};
    uint32_t window = pawl_window_find(core, instance);
    PAWL_ASSERT(window != 0);
    stand->spent = pawl_window_at(core, window)->spent;
    stand->reserved = pawl_window_at(core, window)->reserved;
    stand->current = false;
}

struct pawl_window pawl_budget_window(const struct pawl_budget_slot *slot)
{
    PAWL_ASSERT(slot->state != 0);
    PAWL_ASSERT(slot->window_kind <= PAWL_WINDOW_FIXED);
    return (struct pawl_window){
        .kind = slot->window_kind,
        .period = slot->window_period,
        .week_start = slot->window_week_start,
        .tz = slot->window_tz,
        .length_us = slot->window_length_us,
    };
}

void pawl_stand_bounds(const struct pawl_core *core,
                       const struct pawl_stand *stand,
                       int64_t now_us,
                       int64_t *ret_start_us,
                       int64_t *ret_end_us)
{
    const struct pawl_budget_slot *slot = pawl_budget_at(core, stand->budget);
    PAWL_ASSERT(stand->ordinal == slot->ordinal || stand->ordinal == slot->ordinal + 1);
    *ret_start_us = slot->window_start_us;
    *ret_end_us = slot->window_end_us;
    if (stand->ordinal != slot->ordinal) {
        struct pawl_window window = pawl_budget_window(slot);
        *ret_start_us = 0;
        *ret_end_us = INT64_MAX;
        if (window.kind != PAWL_WINDOW_FIXED) {
            struct pawl_window_bounds bounds = pawl_window_bounds(core, &window, now_us);
            *ret_start_us = bounds.start_us;
            *ret_end_us = bounds.end_us;
        }
    }
    PAWL_ASSERT(*ret_start_us < *ret_end_us);
}

/* --- Changes. --------------------------------------------------------------------------------- */

/* Keeps the ended instance for the holds that point at it. */
static void instance_keep(struct pawl_core *core, uint32_t budget)
{
    const struct pawl_budget_slot *slot = pawl_budget_at(core, budget);
    PAWL_ASSERT(slot->refs > 0);
    uint32_t window = pawl_table_take(core, PAWL_TABLE_WINDOW);
    *pawl_window_edit(core, window) = (struct pawl_window_slot){
        .budget = budget,
        .ordinal = slot->ordinal,
        .refs = slot->refs,
        .start_us = slot->window_start_us,
        .end_us = slot->window_end_us,
        .spent = slot->spent,
        .reserved = slot->reserved,
    };
    struct pawl_hold instance = {.budget = budget, .ordinal = slot->ordinal};
    PAWL_ASSERT(pawl_window_find(core, instance) == 0);
    pawl_index_insert(core, PAWL_INDEX_WINDOW, pawl_window_hash(core, instance), window);
}

void pawl_book_roll(struct pawl_core *core, uint32_t budget)
{
    int64_t now_us = core->state.now_us;
    if (!instance_ended(pawl_budget_at(core, budget), now_us)) {
        return;
    }
    struct pawl_stand stand = pawl_stand_now(core, budget, now_us);
    struct pawl_budget_slot *slot = pawl_budget_edit(core, budget);
    if (slot->refs > 0) {
        instance_keep(core, budget);
    } else {
        PAWL_ASSERT(slot->reserved == 0);
    }
    struct pawl_window window = pawl_budget_window(slot);
    struct pawl_window_bounds bounds = pawl_window_bounds(core, &window, now_us);
    PAWL_ASSERT(bounds.start_us <= now_us);
    PAWL_ASSERT(now_us < bounds.end_us);
    slot->ordinal = stand.ordinal;
    slot->spent = 0;
    slot->reserved = 0;
    slot->refs = 0;
    slot->over_limit = stand.over_limit;
    slot->window_start_us = bounds.start_us;
    slot->window_end_us = bounds.end_us;
}

static void book_past(struct pawl_core *core,
                      const struct pawl_booking *booking,
                      struct pawl_standing *ret_standing)
{
    struct pawl_hold instance = {.budget = booking->budget, .ordinal = booking->ordinal};
    uint32_t window = pawl_window_find(core, instance);
    PAWL_ASSERT(window != 0);
    struct pawl_window_slot *slot = pawl_window_edit(core, window);
    slot->reserved += booking->reserved;
    slot->spent += booking->spent;
    slot->refs = (uint32_t)((int64_t)slot->refs + booking->holds);
    PAWL_ASSERT(slot->reserved >= 0);
    PAWL_ASSERT(slot->spent >= 0);
    if (ret_standing != NULL) {
        ret_standing->reserved = slot->reserved;
        ret_standing->spent = slot->spent;
    }
    if (slot->refs == 0) {
        PAWL_ASSERT(slot->reserved == 0);
        pawl_index_remove(core, PAWL_INDEX_WINDOW, pawl_window_hash(core, instance), window);
        pawl_table_free(core, PAWL_TABLE_WINDOW, window);
    }
}

static void book_present(struct pawl_core *core,
                         const struct pawl_booking *booking,
                         struct pawl_budget_slot *slot)
{
    slot->reserved += booking->reserved;
    slot->spent += booking->spent;
    slot->refs = (uint32_t)((int64_t)slot->refs + booking->holds);
    PAWL_ASSERT(slot->reserved >= 0);
    PAWL_ASSERT(slot->spent >= 0);
    PAWL_ASSERT(slot->refs > 0 || slot->reserved == 0);
    /* The present instance may have ended; then nobody is over its limit. */
    if (booking->over && !instance_ended(slot, core->state.now_us)) {
        slot->over_limit = 1;
    } else if (slot->over_limit != 0 && booking->reserved + booking->spent + booking->debt < 0) {
        pawl_book_settle_limit(core, booking->budget);
    }
}

void pawl_book(struct pawl_core *core,
               const struct pawl_booking *booking,
               struct pawl_standing *ret_standing)
{
    struct pawl_budget_slot *slot = pawl_budget_edit(core, booking->budget);
    if (booking->ordinal == slot->ordinal + 1) {
        pawl_book_roll(core, booking->budget);
    }
    PAWL_ASSERT(booking->ordinal <= slot->ordinal);
    slot->debt += booking->debt;
    PAWL_ASSERT(slot->debt >= 0);
    bool past = booking->ordinal != slot->ordinal;
    if (past) {
        book_past(core, booking, ret_standing);
    } else {
        book_present(core, booking, slot);
    }
    if (ret_standing != NULL) {
        ret_standing->allocated = slot->allocated;
        ret_standing->reserved = past ? ret_standing->reserved : slot->reserved;
        ret_standing->spent = past ? ret_standing->spent : slot->spent;
        ret_standing->debt = slot->debt;
        ret_standing->overdraft_limit = slot->overdraft_limit;
        ret_standing->over_limit = slot->over_limit != 0;
    }
}

void pawl_book_settle_limit(struct pawl_core *core, uint32_t budget)
{
    if (pawl_budget_at(core, budget)->over_limit == 0) {
        return;
    }
    struct pawl_stand stand = pawl_stand_now(core, budget, core->state.now_us);
    PAWL_ASSERT(stand.budget == budget);
    if (pawl_stand_in_order(core, &stand)) {
        pawl_budget_edit(core, budget)->over_limit = 0;
    }
}
