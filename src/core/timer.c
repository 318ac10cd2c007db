/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.c: lists of timers that are due in the same millisecond, in a heap of such lists.
 *
 * A run is a doubly linked list of timers with one deadline, in the order in which they were set;
 * the heap has one entry a run, by deadline and then by a sequence number that every run draws. A
 * busy ledger sets hundreds of timers for each millisecond and cancels nearly all of them before:
 * both is a link in a list, whatever else is open, and the heap is touched once for a run and not
 * once for a timer.
 *
 * The root remembers for each of 256 hashes of a deadline the run that was made last. Only such
 * an open run is added to. Where another deadline takes its place it stays as it is, and the next
 * timer of its millisecond makes a new run with a later number. So within a deadline, all of an
 * older run was set before any of a younger one, which makes the order of equal deadlines that of
 * setting them, without a table of deadlines to keep.
 *
 * The heap has four children to a node. An entry is sixteen bytes, so the four that one step
 * compares share a cache line; the heap begins at slot 3 of its table to make that so.
 *
 * Invariants:
 *   T1  no entry's key is below its parent's
 *   T2  entry and run point at each other and have the same deadline
 *   T3  the table holds three unused slots and then exactly the entries
 *   T4  a run has at least one node, its list leads both ways, and every node is in its run's list
 *   T5  an open run is where the hash of its deadline says
 */
#include "core/timer.h"

#include "base/hash.h"

#include "core/table.h"

enum { HEAP_FIRST = 3, CHILDREN = 4, KIND_SHIFT = 30, SEQUENCE_HIGH_BITS = 20 };
_Static_assert((PAWL_TIMER_OPEN_RUNS & (PAWL_TIMER_OPEN_RUNS - 1)) == 0, "a hash is cut by a mask");

/* --- The heap of runs. ------------------------------------------------------------------------ */

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
    PAWL_ASSERT(entry.run != 0);
    PAWL_ASSERT(position < heap_count(core));
    *pawl_timer_entry_edit(core, HEAP_FIRST + position) = entry;
    pawl_timer_run_edit(core, entry.run)->position = position;
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

static void heap_remove(struct pawl_core *core, uint32_t position)
{
    uint32_t last = heap_count(core) - 1;
    PAWL_ASSERT(position <= last);
    struct pawl_timer_entry_slot moved = *entry_at(core, last);
    pawl_table_pop(core, PAWL_TABLE_TIMER);
    if (position == last) {
        return;
    }
    if (position > 0 && entry_before(&moved, entry_at(core, (position - 1) / CHILDREN))) {
        sift_up(core, position, moved);
    } else {
        sift_down(core, position, moved);
    }
    PAWL_ASSERT(heap_count(core) == last);
}

/* --- Runs. ------------------------------------------------------------------------------------ */

/* Where an open run of this deadline would be. Mixed, so that two kinds of leases that are due in
 * neighbouring milliseconds do not push each other out for long. */
static uint32_t open_place(int64_t due_ms)
{
    PAWL_ASSERT(due_ms >= 0);
    PAWL_ASSERT(due_ms <= PAWL_TIMER_DUE_MS_MAX);
    return (uint32_t)pawl_hash_mix((uint64_t)due_ms) & (PAWL_TIMER_OPEN_RUNS - 1);
}

static uint32_t run_make(struct pawl_core *core, int64_t due_ms)
{
    while (core->state.tables[PAWL_TABLE_TIMER].slot_count < HEAP_FIRST) {
        (void)pawl_table_push(core, PAWL_TABLE_TIMER);
    }
    uint64_t sequence = core->state.timer_sequence;
    PAWL_ASSERT(sequence < UINT64_C(1) << (SEQUENCE_HIGH_BITS + 32));
    core->state.timer_sequence++;
    uint32_t run = pawl_table_take(core, PAWL_TABLE_TIMER_RUN);
    PAWL_ASSERT(run != 0);
    pawl_timer_run_edit(core, run)->due_ms = due_ms;
    struct pawl_timer_entry_slot entry = {
        .key_high = (uint64_t)due_ms << SEQUENCE_HIGH_BITS | sequence >> 32,
        .key_low = (uint32_t)sequence,
        .run = run,
    };
    uint32_t position = pawl_table_push(core, PAWL_TABLE_TIMER) - HEAP_FIRST;
    sift_up(core, position, entry);
    return run;
}

static void run_free(struct pawl_core *core, uint32_t run)
{
    const struct pawl_timer_run_slot *slot = pawl_timer_run_at(core, run);
    uint32_t *open = &core->state.timer_open_runs[open_place(slot->due_ms)];
    PAWL_ASSERT(slot->head == 0);
    PAWL_ASSERT(entry_at(core, slot->position)->run == run);
    *open = *open == run ? 0 : *open;
    heap_remove(core, slot->position);
    pawl_table_free(core, PAWL_TABLE_TIMER_RUN, run);
}

/* --- Timers. ---------------------------------------------------------------------------------- */

uint32_t
pawl_timer_add(struct pawl_core *core, int64_t due_ms, enum pawl_timer_kind kind, uint32_t slot)
{
    uint32_t *open = &core->state.timer_open_runs[open_place(due_ms)];
    PAWL_ASSERT(slot < UINT32_C(1) << KIND_SHIFT);
    if (*open == 0 || pawl_timer_run_at(core, *open)->due_ms != due_ms) {
        *open = run_make(core, due_ms);
    }
    uint32_t node = pawl_table_take(core, PAWL_TABLE_TIMER_NODE);
    PAWL_ASSERT(node != 0);
    struct pawl_timer_run_slot *run = pawl_timer_run_edit(core, *open);
    *pawl_timer_node_edit(core, node) = (struct pawl_timer_node_slot){
        .previous = run->tail, .run = *open, .owner = (uint32_t)kind << KIND_SHIFT | slot};
    if (run->tail != 0) {
        pawl_timer_node_edit(core, run->tail)->next = node;
    } else {
        run->head = node;
    }
    run->tail = node;
    return node;
}

void pawl_timer_cancel(struct pawl_core *core, uint32_t node)
{
    const struct pawl_timer_node_slot *slot = pawl_timer_node_at(core, node);
    uint32_t run = slot->run;
    PAWL_ASSERT(slot->owner != 0);
    PAWL_ASSERT(run != 0);
    if (slot->previous != 0) {
        pawl_timer_node_edit(core, slot->previous)->next = slot->next;
    } else {
        PAWL_ASSERT(pawl_timer_run_at(core, run)->head == node);
        pawl_timer_run_edit(core, run)->head = slot->next;
    }
    if (slot->next != 0) {
        pawl_timer_node_edit(core, slot->next)->previous = slot->previous;
    } else {
        PAWL_ASSERT(pawl_timer_run_at(core, run)->tail == node);
        pawl_timer_run_edit(core, run)->tail = slot->previous;
    }
    bool last = slot->previous == 0 && slot->next == 0;
    pawl_table_free(core, PAWL_TABLE_TIMER_NODE, node);
    if (last) {
        run_free(core, run);
    }
}

void pawl_timer_prefetch(const struct pawl_core *core, uint32_t node)
{
    __builtin_prefetch(pawl_timer_node_at(core, node), 1);
}

void pawl_timer_prefetch_neighbours(const struct pawl_core *core, uint32_t node)
{
    const struct pawl_timer_node_slot *slot = pawl_timer_node_at(core, node);
    PAWL_ASSERT(slot->owner != 0);
    if (slot->previous != 0) {
        __builtin_prefetch(pawl_timer_node_at(core, slot->previous), 1);
    }
    if (slot->next != 0) {
        __builtin_prefetch(pawl_timer_node_at(core, slot->next), 1);
    }
}

struct pawl_timer pawl_timer_at(const struct pawl_core *core, uint32_t node)
{
    const struct pawl_timer_node_slot *slot = pawl_timer_node_at(core, node);
    PAWL_ASSERT(slot->owner >> KIND_SHIFT != 0);
    PAWL_ASSERT(slot->run != 0);
    return (struct pawl_timer){
        .due_ms = pawl_timer_run_at(core, slot->run)->due_ms,
        .kind = (enum pawl_timer_kind)(slot->owner >> KIND_SHIFT),
        .slot = slot->owner & ((UINT32_C(1) << KIND_SHIFT) - 1),
        .node = node,
    };
}

bool pawl_timer_first(const struct pawl_core *core, struct pawl_timer *ret_timer)
{
    if (heap_count(core) == 0) {
        return false;
    }
    const struct pawl_timer_run_slot *run = pawl_timer_run_at(core, entry_at(core, 0)->run);
    *ret_timer = pawl_timer_at(core, run->head);
    PAWL_ASSERT(ret_timer->slot != 0);
    PAWL_ASSERT(ret_timer->due_ms == run->due_ms);
    return true;
}

/* --- Audit. ----------------------------------------------------------------------------------- */

/* The nodes of a run; how many they are. */
static uint32_t audit_run(const struct pawl_core *core, uint32_t run)
{
    const struct pawl_timer_run_slot *slot = pawl_timer_run_at(core, run);
    uint32_t count = 0;
    uint32_t previous = 0;
    for (uint32_t at = slot->head; at != 0; count++) {
        const struct pawl_timer_node_slot *node = pawl_timer_node_at(core, at);
        PAWL_ASSERT(node->run == run);
        PAWL_ASSERT(node->previous == previous);
        previous = at;
        at = node->next;
    }
    PAWL_ASSERT(count > 0);
    PAWL_ASSERT(slot->tail == previous);
    return count;
}

void pawl_timer_audit(const struct pawl_core *core)
{
    uint32_t count = heap_count(core);
    uint32_t nodes = 0;
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_TIMER_RUN].live_count == count);
    for (uint32_t position = 0; position < count; position++) {
        const struct pawl_timer_entry_slot *entry = entry_at(core, position);
        const struct pawl_timer_run_slot *run = pawl_timer_run_at(core, entry->run);
        PAWL_ASSERT(run->position == position);
        PAWL_ASSERT((uint64_t)run->due_ms == entry->key_high >> SEQUENCE_HIGH_BITS);
        if (position > 0) {
            PAWL_ASSERT(entry_before(entry_at(core, (position - 1) / CHILDREN), entry));
        }
        nodes += audit_run(core, entry->run);
    }
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_TIMER_NODE].live_count == nodes);
    for (uint32_t place = 0; place < PAWL_TIMER_OPEN_RUNS; place++) {
        uint32_t run = core->state.timer_open_runs[place];
        PAWL_ASSERT(run == 0 || pawl_timer_run_at(core, run)->head != 0);
        PAWL_ASSERT(run == 0 || open_place(pawl_timer_run_at(core, run)->due_ms) == place);
    }
}
