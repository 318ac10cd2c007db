/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c: slots of a table: taken, pushed, popped (and in table.h taken again and freed). Which
 * slot comes next depends on the history of the table alone, never on addresses, so indexes are the
 * same on every machine.
 *
 * Invariants:
 *   S1  a free slot is zero but for its first four bytes, the link to the next free one
 *   S2  live_count + free slots + slots never used for good (index 0, ends of chunks) = slot_count
 *   S3  slots at and above slot_count are zero
 */
#include "core/table.h"

uint32_t pawl_table_push(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_table *counts = &core->state.tables[table];
    PAWL_ASSERT(counts->slot_count < UINT32_MAX);
    if (counts->slot_count == counts->chunk_count * pawl_chunk_slots(table)) {
        pawl_chunk_grow(core, table);
    }
    uint32_t index = counts->slot_count;
    counts->slot_count++;
    PAWL_ASSERT(index < counts->chunk_count * pawl_chunk_slots(table));
    counts->live_count++;
    return index;
}

void pawl_table_pop(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_table *counts = &core->state.tables[table];
    PAWL_ASSERT(counts->slot_count > 0);
    PAWL_ASSERT(counts->free_head == 0);
    uint32_t bytes = pawl_chunk_slot_bytes(table);
    memset(pawl_table_edit(core, table, bytes, counts->slot_count - 1), 0, bytes);
    counts->slot_count--;
    counts->live_count--;
}

uint32_t pawl_table_take_new(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_table *counts = &core->state.tables[table];
    PAWL_ASSERT(counts->free_head == 0);
    if (counts->slot_count == 0) { /* Index 0 is nobody. */
        (void)pawl_table_push(core, table);
        counts->live_count--;
    }
    uint32_t index = pawl_table_push(core, table);
    PAWL_ASSERT(index > 0);
    return index;
}

uint32_t pawl_table_take_run(struct pawl_core *core, enum pawl_table_id table, uint32_t count)
{
    struct pawl_table *counts = &core->state.tables[table];
    uint32_t per_chunk = pawl_chunk_slots(table);
    PAWL_ASSERT(count > 0);
    PAWL_ASSERT(count <= per_chunk);
    PAWL_ASSERT(counts->free_head == 0);
    uint32_t skip = counts->slot_count == 0 ? 1 : 0;
    uint32_t left = per_chunk - counts->slot_count % per_chunk;
    if (left - skip < count) {
        skip = left;
    }
    for (uint32_t i = 0; i < skip; i++) {
        (void)pawl_table_push(core, table);
    }
    uint32_t first = pawl_table_push(core, table);
    for (uint32_t i = 1; i < count; i++) {
        (void)pawl_table_push(core, table);
    }
    counts->live_count -= skip;
    PAWL_ASSERT(first + count == counts->slot_count);
    return first;
}
