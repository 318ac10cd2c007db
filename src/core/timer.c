/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c: a heap with four children to a node. An entry is sixteen bytes, so the four children
 * that one step compares share a cache line; the heap begins at slot 3 of its table to make that
 * so. The key is the deadline and then a sequence number that every `add` draws, which makes the
 * order of equal deadlines part of the state. The way back, from a timer's owner to its
 * place in the heap, is a dense table of positions, so that moving an entry touches eight bytes
 * and not the owner's slot.
 *
 * Invariants:
 *   T1  no entry's key is below its parent's
 *   T2  entry and node point at each other
 *   T3  the table holds three unused slots and then exactly the entries
 */
#include "core/timer.h"

#include "core/table.h"

enum { HEAP_FIRST = 3, CHILDREN = 4, KIND_SHIFT = 30, SEQUENCE_HIGH_BITS = 20 };

static uint32_t heap_count(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_TIMER].free_head == 0);
    uint32_t slots = core->state.tables[PAWL_TABLE_TIMER].slot_count;
    return slots < HEAP_FIRST ? 0 : slots - HEAP_FIRST;
}

static const struct pawl_timer_entry_slot *entry_at(const struct pawl_core *core, uint32_t position)
{
    return pawl_timer_entry_at(core, HEAP_FIRST + position);
}

static bool entry_before(const struct pawl_timer_entry_slot *a,
                         const struct pawl_timer_entry_slot *b)
{
    PAWL_ASSERT(a != b);
    if (a->key_high != b->key_high) {
        return a->key_high < b->key_high;
    }
    return a->key_low < b->key_low;
}

static void entry_put(struct pawl_core *core, uint32_t position, struct pawl_timer_entry_slot entry)
{
    PAWL_ASSERT(entry.node != 0);
    PAWL_ASSERT(position < heap_count(core));
    *pawl_timer_entry_edit(core, HEAP_FIRST + position) = entry;
    pawl_timer_node_edit(core, entry.node)->position = position;
}

/* Puts the entry at the place or above it. */
static void sift_up(struct pawl_core *core, uint32_t position, struct pawl_timer_entry_slot entry)
{
    PAWL_ASSERT(position < heap_count(core));
    while (position > 0) {
        uint32_t parent = (position - 1) / CHILDREN;
        PAWL_ASSERT(parent < position);
        const struct pawl_timer_entry_slot *above = entry_at(core, parent);
        if (!entry_before(&entry, above)) {
            break;
        }
        entry_put(core, position, *above);
        position = parent;
    }
    entry_put(core, position, entry);
}

/* Puts the entry at the place or below it. */
static void sift_down(struct pawl_core *core, uint32_t position, struct pawl_timer_entry_slot entry)
{
    uint32_t count = heap_count(core);
    PAWL_ASSERT(position < count);
    for (;;) {
        uint32_t child = position * CHILDREN + 1;
        if (child >= count) {
            break;
        }
        uint32_t last = count - child < CHILDREN ? count : child + CHILDREN;
        uint32_t least = child;
        for (uint32_t i = child + 1; i < last; i++) {
            if (entry_before(entry_at(core, i), entry_at(core, least))) {
                least = i;
            }
        }
        if (!entry_before(entry_at(core, least), &entry)) {
            break;
        }
        entry_put(core, position, *entry_at(core, least));
        position = least;
    }
    entry_put(core, position, entry);
}

uint32_t
pawl_timer_add(struct pawl_core *core, int64_t due_ms, enum pawl_timer_kind kind, uint32_t slot)
{
    PAWL_ASSERT(due_ms >= 0);
    PAWL_ASSERT(due_ms <= PAWL_TIMER_DUE_MS_MAX);
    PAWL_ASSERT(slot < UINT32_C(1) << KIND_SHIFT);
    while (core->state.tables[PAWL_TABLE_TIMER].slot_count < HEAP_FIRST) {
        (void)pawl_table_push(core, PAWL_TABLE_TIMER);
    }
    uint64_t sequence = core->state.timer_sequence;
    PAWL_ASSERT(sequence < UINT64_C(1) << (SEQUENCE_HIGH_BITS + 32));
    core->state.timer_sequence++;
    uint32_t node = pawl_table_take(core, PAWL_TABLE_TIMER_NODE);
    PAWL_ASSERT(node != 0);
    pawl_timer_node_edit(core, node)->owner = (uint32_t)kind << KIND_SHIFT | slot;
    struct pawl_timer_entry_slot entry = {
        .key_high = (uint64_t)due_ms << SEQUENCE_HIGH_BITS | sequence >> 32,
        .key_low = (uint32_t)sequence,
        .node = node,
    };
    uint32_t position = pawl_table_push(core, PAWL_TABLE_TIMER) - HEAP_FIRST;
    sift_up(core, position, entry);
    return node;
}

void pawl_timer_cancel(struct pawl_core *core, uint32_t node)
{
    uint32_t position = pawl_timer_node_at(core, node)->position;
    PAWL_ASSERT(position < heap_count(core));
    PAWL_ASSERT(entry_at(core, position)->node == node);
    uint32_t last = heap_count(core) - 1;
    PAWL_ASSERT(position <= last);
    struct pawl_timer_entry_slot moved = *entry_at(core, last);
    pawl_table_pop(core, PAWL_TABLE_TIMER);
    pawl_table_free(core, PAWL_TABLE_TIMER_NODE, node);
    if (position == last) {
        return;
    }
    if (position > 0 && entry_before(&moved, entry_at(core, (position - 1) / CHILDREN))) {
        sift_up(core, position, moved);
    } else {
        sift_down(core, position, moved);
    }
}

void pawl_timer_prefetch(const struct pawl_core *core, uint32_t node)
{
    uint32_t position = pawl_timer_node_at(core, node)->position;
    uint32_t child = position * CHILDREN + 1;
    PAWL_ASSERT(position < heap_count(core));
    __builtin_prefetch(entry_at(core, position));
    if (position > 0) {
        __builtin_prefetch(entry_at(core, (position - 1) / CHILDREN));
    }
    if (child < heap_count(core)) {
        __builtin_prefetch(entry_at(core, child));
    }
}

struct pawl_timer pawl_timer_at(const struct pawl_core *core, uint32_t node)
{
    const struct pawl_timer_node_slot *place = pawl_timer_node_at(core, node);
    PAWL_ASSERT(place->position < heap_count(core));
    const struct pawl_timer_entry_slot *entry = entry_at(core, place->position);
    PAWL_ASSERT(entry->node == node);
    PAWL_ASSERT(place->owner >> KIND_SHIFT != 0);
    return (struct pawl_timer){
        .due_ms = (int64_t)(entry->key_high >> SEQUENCE_HIGH_BITS),
        .kind = (enum pawl_timer_kind)(place->owner >> KIND_SHIFT),
        .slot = place->owner & ((UINT32_C(1) << KIND_SHIFT) - 1),
        .node = node,
    };
}

bool pawl_timer_first(const struct pawl_core *core, struct pawl_timer *ret_timer)
{
    if (heap_count(core) == 0) {
        return false;
    }
    *ret_timer = pawl_timer_at(core, entry_at(core, 0)->node);
    PAWL_ASSERT(ret_timer->slot != 0);
    PAWL_ASSERT(ret_timer->due_ms >= 0);
    return true;
}

void pawl_timer_audit(const struct pawl_core *core)
{
    uint32_t count = heap_count(core);
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_TIMER_NODE].live_count == count);
    for (uint32_t position = 0; position < count; position++) {
        const struct pawl_timer_entry_slot *entry = entry_at(core, position);
        PAWL_ASSERT(pawl_timer_node_at(core, entry->node)->position == position);
        if (position > 0) {
            PAWL_ASSERT(entry_before(entry_at(core, (position - 1) / CHILDREN), entry));
        }
    }
}
