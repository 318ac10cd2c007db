/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c: the table of reservations. Four lines and four holds fit the slot, which is what nearly
 * all have; the others take blocks. A public id is the number of the operation that made the
 * reservation, found through an index; so ids are never used twice and tell their order.
 *
 *        RESERVE            COMMIT, RELEASE, EXPIRE (release)
 *   ──────────────▶ HELD ──────────────────────────────────────▶ freed
 *                    │ EXPIRE (settle at hold)
 *                    ▼
 *               UNCONFIRMED ──CORRECT, or EXPIRE after the time for corrections──▶ freed
 *
 * Invariants:
 *   R1  a reservation that is not freed has a timer, and the timer points back
 *   R2  blocks are there exactly if there are more than four lines or holds
 */
#include "core/hold.h"

#include "core/index.h"
#include "core/table.h"
#include "core/timer.h"

/* Four operations in a row fall into one bucket, and the next four into the next: what was reserved
 * one after the other is found in the same few cache lines. Nobody can choose ids, which are the
 * numbers of operations, so nothing needs to be hidden here. */
uint32_t pawl_held_hash(uint64_t id)
{
    uint32_t low = (uint32_t)id;
    return low >> 2 | low << 30;
}

void pawl_held_prefetch(const struct pawl_core *core, uint64_t id)
{
    uint32_t at = pawl_index_guess(core, PAWL_INDEX_RESERVATION, pawl_held_hash(id));
    if (at != 0) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        __builtin_prefetch(slot, 1);
        __builtin_prefetch(slot->values, 1); /* its second line */
    }
}

uint32_t pawl_held_find(const struct pawl_core *core, uint64_t id)
{
    struct pawl_index_cursor cursor =
        pawl_index_find(core, PAWL_INDEX_RESERVATION, pawl_held_hash(id));
    for (uint32_t at = pawl_index_next(core, &cursor); at != 0;
         at = pawl_index_next(core, &cursor)) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        PAWL_ASSERT(slot->state != 0);
        if (slot->id == id) {
            return at;
        }
    }
    return 0;
}

int64_t pawl_held_due_ms(const struct pawl_reservation_slot *slot)
{
    PAWL_ASSERT(slot->state != 0);
    PAWL_ASSERT(slot->expires_us % 1000 == 0);
    return slot->expires_us / 1000 + slot->grace_ms + 1;
}

uint32_t pawl_held_tenant(const struct pawl_core *core, const struct pawl_reservation_slot *slot)
{
    PAWL_ASSERT(slot->state != 0);
    PAWL_ASSERT(slot->hold_count >= 1); /* without one there is no reservation */
    return pawl_budget_at(core, slot->holds[0].budget)->tenant;
}

void pawl_held_load(const struct pawl_core *core, uint32_t slot, struct pawl_held *ret_held)
{
    const struct pawl_reservation_slot *from = pawl_reservation_at(core, slot);
    PAWL_ASSERT(from->state != 0);
    PAWL_ASSERT(from->line_count <= PAWL_LINES_MAX);
    PAWL_ASSERT(from->hold_count <= PAWL_HOLDS_MAX);
    ret_held->slot = slot;
    ret_held->line_count = from->line_count;
    ret_held->hold_count = from->hold_count;
    memcpy(ret_held->units, from->units, sizeof(from->units));
    memcpy(ret_held->values, from->values, sizeof(from->values));
    memcpy(ret_held->holds, from->holds, sizeof(from->holds));
    memcpy(ret_held->hold_line, from->hold_line, sizeof(from->hold_line));
    uint32_t loaded = PAWL_HOLDS_INLINE;
    for (uint32_t at = from->more; at != 0;) {
        const struct pawl_holds_slot *block = pawl_holds_at(core, at);
        PAWL_ASSERT(block->live == 1);
        if (at == from->more) {
            memcpy(&ret_held->units[PAWL_LINES_INLINE], block->units, sizeof(block->units));
            memcpy(&ret_held->values[PAWL_LINES_INLINE], block->values, sizeof(block->values));
        }
        for (uint32_t i = 0; i < PAWL_HOLDS_BLOCK && loaded < from->hold_count; i++) {
            ret_held->holds[loaded] = block->holds[i];
            ret_held->hold_line[loaded] = block->hold_line[i];
            loaded++;
        }
        at = block->next;
    }
    PAWL_ASSERT(loaded >= from->hold_count);
}

/* Appends blocks for what is beyond the slot. */
static void blocks_store(struct pawl_core *core, uint32_t slot, const struct pawl_held *held)
{
    uint32_t previous = 0;
    uint32_t stored = PAWL_HOLDS_INLINE;
    while (stored < held->hold_count || (previous == 0 && held->line_count > PAWL_LINES_INLINE)) {
        uint32_t at = pawl_table_take(core, PAWL_TABLE_HOLDS);
        struct pawl_holds_slot *block = pawl_holds_edit(core, at);
        PAWL_ASSERT(block->live == 0);
        block->live = 1;
        if (previous == 0) {
            pawl_reservation_edit(core, slot)->more = at;
        } else {
            pawl_holds_edit(core, previous)->next = at;
        }
        for (uint32_t i = PAWL_LINES_INLINE; i < held->line_count && previous == 0; i++) {
            block->units[i - PAWL_LINES_INLINE] = held->units[i];
            block->values[i - PAWL_LINES_INLINE] = held->values[i];
        }
        for (uint32_t i = 0; i < PAWL_HOLDS_BLOCK && stored < held->hold_count; i++) {
            block->holds[i] = held->holds[stored];
            block->hold_line[i] = held->hold_line[stored];
            stored++;
        }
        previous = at;
    }
}

uint32_t pawl_held_store(struct pawl_core *core, uint64_t id, const struct pawl_held *held)
{
    PAWL_ASSERT(held->line_count >= 1);
    PAWL_ASSERT(held->line_count <= PAWL_LINES_MAX);
    PAWL_ASSERT(held->hold_count <= PAWL_HOLDS_MAX);
    PAWL_SLOW_ASSERT(pawl_held_find(core, id) == 0);
    uint32_t slot = pawl_table_take(core, PAWL_TABLE_RESERVATION);
    struct pawl_reservation_slot *to = pawl_reservation_edit(core, slot);
    to->id = id;
    to->state = PAWL_RESERVATION_HELD;
    to->line_count = (uint8_t)held->line_count;
    to->hold_count = (uint8_t)held->hold_count;
    for (uint32_t i = 0; i < held->line_count && i < PAWL_LINES_INLINE; i++) {
        to->units[i] = held->units[i];
        to->values[i] = held->values[i];
    }
    for (uint32_t i = 0; i < held->hold_count && i < PAWL_HOLDS_INLINE; i++) {
        to->holds[i] = held->holds[i];
        to->hold_line[i] = held->hold_line[i];
    }
    if (held->hold_count > PAWL_HOLDS_INLINE || held->line_count > PAWL_LINES_INLINE) {
        blocks_store(core, slot, held);
    }
    pawl_index_insert(core, PAWL_INDEX_RESERVATION, pawl_held_hash(id), slot);
    return slot;
}

void pawl_held_set_value(struct pawl_core *core, uint32_t slot, uint32_t line, int64_t value)
{
    struct pawl_reservation_slot *reservation = pawl_reservation_edit(core, slot);
    PAWL_ASSERT(line < reservation->line_count);
    PAWL_ASSERT(pawl_amount_valid(value));
    if (line < PAWL_LINES_INLINE) {
        reservation->values[line] = value;
    } else {
        pawl_holds_edit(core, reservation->more)->values[line - PAWL_LINES_INLINE] = value;
    }
}

void pawl_held_free(struct pawl_core *core, uint32_t slot)
{
    const struct pawl_reservation_slot *reservation = pawl_reservation_at(core, slot);
    PAWL_ASSERT(reservation->state != 0);
    PAWL_ASSERT(reservation->timer != 0);
    pawl_timer_cancel(core, reservation->timer);
    pawl_index_remove(core, PAWL_INDEX_RESERVATION, pawl_held_hash(reservation->id), slot);
    for (uint32_t at = reservation->more; at != 0;) {
        uint32_t next = pawl_holds_at(core, at)->next;
        pawl_table_free(core, PAWL_TABLE_HOLDS, at);
        at = next;
    }
    pawl_table_free(core, PAWL_TABLE_RESERVATION, slot);
}
