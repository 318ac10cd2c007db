/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk.c: where the chunks of the tables lie. Each table has a directory: up to 256 pages, a
 * page being a chunk itself that is full of references. Two loads find any slot, growing moves
 * nothing, and the root stays small whatever the maxima are.
 *
 * The supply is a list of chunks that the host gave and nothing uses yet. Tables, directory
 * pages and the copies of a snapshot take from it; only those copies ever go back. When it runs
 * dry a snapshot is dropped, which gives its copies back: what the tables were promised is there
 * again, and a checkpoint only saves time.
 *
 * Invariants:
 *   C1  a table's references 0 .. ref_count-1 have a live chunk, the others none
 *   C2  ref_count equals the table's chunk_count outside a restore
 *   C3  only chunks that the running snapshot has not handed out yet have a copy aside
 */
#include <string.h>

#include "core/table.h"

/* --- The supply. ------------------------------------------------------------------------------ */

void pawl_chunk_free(struct pawl_core *core, void *chunk)
{
    PAWL_ASSERT(chunk != NULL);
    PAWL_ASSERT(core->memory.free_count < UINT32_MAX);
    memcpy(chunk, &core->memory.free_chunks, sizeof(core->memory.free_chunks));
    core->memory.free_chunks = chunk;
    core->memory.free_count++;
}

static void *chunk_take(struct pawl_core *core)
{
    struct pawl_memory *memory = &core->memory;
    if (memory->free_count == 0 && memory->snapshot.active) {
        pawl_core_snapshot_abort(core);
    }
    PAWL_ASSERT(memory->free_count > 0);
    void *chunk = memory->free_chunks;
    PAWL_ASSERT(chunk != NULL);
    memcpy(&memory->free_chunks, chunk, sizeof(memory->free_chunks));
    memory->free_count--;
    return chunk;
}

void pawl_core_give_chunk(struct pawl_core *core, void *chunk)
{
    PAWL_ASSERT(chunk != NULL);
    PAWL_ASSERT((uintptr_t)chunk % 64 == 0);
    pawl_chunk_free(core, chunk);
}

/* --- The directory. --------------------------------------------------------------------------- */

static struct pawl_chunk_ref *ref_add(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_memory *memory = &core->memory;
    uint32_t ordinal = memory->ref_count[table];
    uint32_t page = ordinal / PAWL_PAGE_REFS;
    PAWL_ASSERT(page < PAWL_PAGES_MAX);
    PAWL_ASSERT(page <= memory->page_count[table]);
    if (page == memory->page_count[table]) {
        memory->pages[table][page] = memset(chunk_take(core), 0, PAWL_CHUNK_BYTES);
        memory->page_count[table]++;
    }
    memory->ref_count[table]++;
    struct pawl_chunk_ref *ref = pawl_chunk_ref(core, table, ordinal);
    PAWL_ASSERT(ref->live == NULL);
    PAWL_ASSERT(ref->aside == NULL);
    return ref;
}

void pawl_chunk_grow(struct pawl_core *core, enum pawl_table_id table)
{
    PAWL_ASSERT(!core->memory.restoring);
    PAWL_ASSERT(core->memory.ref_count[table] == core->state.tables[table].chunk_count);
    struct pawl_chunk_ref *ref = ref_add(core, table);
    ref->live = memset(chunk_take(core), 0, PAWL_CHUNK_BYTES);
    core->state.tables[table].chunk_count++;
}

void pawl_chunk_install(struct pawl_core *core, enum pawl_table_id table, const void *bytes)
{
    PAWL_ASSERT(core->memory.restoring);
    PAWL_ASSERT(core->memory.ref_count[table] < core->state.tables[table].chunk_count);
    struct pawl_chunk_ref *ref = ref_add(core, table);
    ref->live = memcpy(chunk_take(core), bytes, PAWL_CHUNK_BYTES);
}

/* Chunks that the running snapshot has handed out, and those that it does not know of, need no
 * copy. */
static bool snapshot_needs(const struct pawl_core *core, enum pawl_table_id table, uint32_t ordinal)
{
    const struct pawl_snapshot *snapshot = &core->memory.snapshot;
    PAWL_ASSERT(snapshot->active);
    if (ordinal >= snapshot->state.tables[table].chunk_count) {
        return false;
    }
    return table > snapshot->table || (table == snapshot->table && ordinal >= snapshot->ordinal);
}

void pawl_chunk_put_aside(struct pawl_core *core, enum pawl_table_id table, uint32_t ordinal)
{
    PAWL_ASSERT(core->memory.snapshot.active);
    PAWL_ASSERT(ordinal < core->memory.ref_count[table]);
    struct pawl_chunk_ref *ref = pawl_chunk_ref(core, table, ordinal);
    if (ref->aside != NULL || !snapshot_needs(core, table, ordinal)) {
        return;
    }
    if (core->memory.free_count == 0) {
        pawl_core_snapshot_abort(core);
    } else {
        ref->aside = memcpy(chunk_take(core), ref->live, PAWL_CHUNK_BYTES);
        core->memory.aside_count++;
    }
}

uint32_t pawl_chunk_shortage(const struct pawl_core *core, enum pawl_table_id table, uint64_t slots)
{
    const struct pawl_table *counts = &core->state.tables[table];
    uint64_t per_chunk = pawl_chunk_slots(table);
    uint64_t there = core->memory.ref_count[table];
    if (counts->slot_count + slots <= there * per_chunk) {
        return 0; /* mostly, and without a division */
    }
    uint64_t needed = (counts->slot_count + slots + per_chunk - 1) / per_chunk;
    uint64_t pages = (needed + PAWL_PAGE_REFS - 1) / PAWL_PAGE_REFS;
    PAWL_ASSERT(pages <= PAWL_PAGES_MAX);
    PAWL_ASSERT(pages >= core->memory.page_count[table]);
    return (uint32_t)(needed - there + pages - core->memory.page_count[table]);
}

/* --- Handing everything back. ----------------------------------------------------------------- */

static void *table_chunk_back(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_memory *memory = &core->memory;
    PAWL_ASSERT(memory->free_count == 0);
    if (memory->ref_count[table] > 0) {
        struct pawl_chunk_ref *ref = pawl_chunk_ref(core, table, memory->ref_count[table] - 1);
        void *chunk = ref->aside;
        if (chunk != NULL) {
            ref->aside = NULL;
            return chunk;
        }
        chunk = ref->live;
        PAWL_ASSERT(chunk != NULL);
        *ref = (struct pawl_chunk_ref){.live = NULL};
        memory->ref_count[table]--;
        return chunk;
    }
    if (memory->page_count[table] > 0) {
        memory->page_count[table]--;
        return memory->pages[table][memory->page_count[table]];
    }
    return NULL;
}

void *pawl_core_take_chunk(struct pawl_core *core)
{
    PAWL_ASSERT(core != NULL);
    if (core->memory.free_count > 0) {
        return chunk_take(core);
    }
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        void *chunk = table_chunk_back(core, table);
        if (chunk != NULL) {
            PAWL_ASSERT((uintptr_t)chunk % 64 == 0);
            return chunk;
        }
    }
    return NULL;
}
