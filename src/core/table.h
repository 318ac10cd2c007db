/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h: slot tables in chunks. A table hands out slots of one size, reuses freed ones (the
 * last freed first) and never moves or shrinks. Its chunks come from the host's supply, which
 * chunks_wanted keeps large enough; running dry is a bug.
 *
 * Every write goes through an `edit` accessor: while a snapshot runs it puts the chunk's old
 * bytes aside before the first change. A pointer from `at` or `edit` stays good until the end of
 * the command, since chunks never move; what `at` returns must not be written through.
 */
#ifndef PAWL_CORE_TABLE_H
#define PAWL_CORE_TABLE_H

#include <string.h>

#include "core/state.h"

/* --- Chunks (chunk.c) ------------------------------------------------------------------------- */

/* Bytes of a slot, and how many slots one chunk has. */
static inline uint32_t pawl_chunk_slot_bytes(enum pawl_table_id table)
{
    static const uint16_t bytes[PAWL_TABLE_COUNT] = {
        [PAWL_TABLE_STRING] = sizeof(struct pawl_string_slot),
        [PAWL_TABLE_SCOPE] = sizeof(struct pawl_scope_slot),
        [PAWL_TABLE_BUDGET] = sizeof(struct pawl_budget_slot),
        [PAWL_TABLE_WINDOW] = sizeof(struct pawl_window_slot),
        [PAWL_TABLE_RESERVATION] = sizeof(struct pawl_reservation_slot),
        [PAWL_TABLE_HOLDS] = sizeof(struct pawl_holds_slot),
        [PAWL_TABLE_IDEM] = sizeof(struct pawl_idem_slot),
        [PAWL_TABLE_SESSION] = sizeof(struct pawl_session_slot),
        [PAWL_TABLE_APPROVAL] = sizeof(struct pawl_approval_slot),
        [PAWL_TABLE_ZONE] = sizeof(struct pawl_zone_slot),
        [PAWL_TABLE_TIMER] = sizeof(struct pawl_timer_entry_slot),
        [PAWL_TABLE_TIMER_RUN] = sizeof(struct pawl_timer_run_slot),
        [PAWL_TABLE_TIMER_NODE] = sizeof(struct pawl_timer_node_slot),
        [PAWL_TABLE_DOCUMENT] = sizeof(struct pawl_document_slot),
        [PAWL_TABLE_BODY] = sizeof(struct pawl_body_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_STRING] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_SCOPE] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_WINDOW] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_RESERVATION] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_IDEM] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_BUCKET + PAWL_INDEX_DOCUMENT] = sizeof(struct pawl_bucket_slot),
        [PAWL_TABLE_OVERFLOW] = sizeof(struct pawl_bucket_slot),
    };
    PAWL_ASSERT(table < PAWL_TABLE_COUNT);
    return bytes[table];
}

static inline uint32_t pawl_chunk_slots(enum pawl_table_id table)
{
    return PAWL_CHUNK_BYTES / pawl_chunk_slot_bytes(table);
}

/* Adds a chunk of zeros to the table. */
void pawl_chunk_grow(struct pawl_core *core, enum pawl_table_id table);
/* Installs the next chunk of the table from bytes of a checkpoint. */
void pawl_chunk_install(struct pawl_core *core, enum pawl_table_id table, const void *bytes);
/* Before the first change of a chunk during a snapshot. */
void pawl_chunk_put_aside(struct pawl_core *core, enum pawl_table_id table, uint32_t ordinal);
/* Back into the supply. */
void pawl_chunk_free(struct pawl_core *core, void *chunk);
/* Chunks and directory pages that a table needs on top of its own to hold `slots` more. */
uint32_t
pawl_chunk_shortage(const struct pawl_core *core, enum pawl_table_id table, uint64_t slots);

static inline struct pawl_chunk_ref *
pawl_chunk_ref(const struct pawl_core *core, enum pawl_table_id table, uint32_t ordinal)
{
    return &core->memory.pages[table][ordinal / PAWL_PAGE_REFS][ordinal % PAWL_PAGE_REFS];
}

/* --- Slots (table.c) -------------------------------------------------------------------------- */

/* `count` new slots in a row within one chunk. */
uint32_t pawl_table_take_run(struct pawl_core *core, enum pawl_table_id table, uint32_t count);
/* For dense tables: one slot more or less at the end. */
uint32_t pawl_table_push(struct pawl_core *core, enum pawl_table_id table);
void pawl_table_pop(struct pawl_core *core, enum pawl_table_id table);
/* A new slot, where none is free. */
uint32_t pawl_table_take_new(struct pawl_core *core, enum pawl_table_id table);

static inline const void *pawl_table_at(const struct pawl_core *core,
                                        enum pawl_table_id table,
                                        uint32_t slot_bytes,
                                        uint32_t index)
{
    PAWL_ASSERT(index < core->state.tables[table].slot_count);
    uint32_t slots = PAWL_CHUNK_BYTES / slot_bytes;
    return pawl_chunk_ref(core, table, index / slots)->live + (size_t)(index % slots) * slot_bytes;
}

static inline void *pawl_table_edit(struct pawl_core *core,
                                    enum pawl_table_id table,
                                    uint32_t slot_bytes,
                                    uint32_t index)
{
    PAWL_ASSERT(index < core->state.tables[table].slot_count);
    uint32_t slots = PAWL_CHUNK_BYTES / slot_bytes;
    uint32_t ordinal = index / slots;
    if (core->memory.snapshot.active) {
        pawl_chunk_put_aside(core, table, ordinal);
    }
    return pawl_chunk_ref(core, table, ordinal)->live + (size_t)(index % slots) * slot_bytes;
}

/* A zeroed slot: a freed one, else a new one. Never index 0 of a table of objects. Here and not in
 * table.c, so that a table that is known makes sizes constants. */
static inline uint32_t pawl_table_take(struct pawl_core *core, enum pawl_table_id table)
{
    struct pawl_table *counts = &core->state.tables[table];
    uint32_t index = counts->free_head;
    if (index == 0) {
        return pawl_table_take_new(core, table);
    }
    unsigned char *slot = pawl_table_edit(core, table, pawl_chunk_slot_bytes(table), index);
    memcpy(&counts->free_head, slot, sizeof(counts->free_head));
    memset(slot, 0, sizeof(counts->free_head));
    counts->live_count++;
    PAWL_ASSERT(counts->free_head < counts->slot_count);
    return index;
}

/* Zeroes the slot and keeps it for the next `take`. */
static inline void pawl_table_free(struct pawl_core *core, enum pawl_table_id table, uint32_t index)
{
    struct pawl_table *counts = &core->state.tables[table];
    PAWL_ASSERT(index > 0);
    PAWL_ASSERT(counts->live_count > 0);
    uint32_t bytes = pawl_chunk_slot_bytes(table);
    unsigned char *slot = pawl_table_edit(core, table, bytes, index);
    memset(slot, 0, bytes);
    memcpy(slot, &counts->free_head, sizeof(counts->free_head));
    counts->free_head = index;
    counts->live_count--;
}

/* Typed accessors, pawl_NAME_at and pawl_NAME_edit: no function can return a type of choice. */
#define PAWL_TABLE_ACCESSORS(name, table)                                                          \
    static inline const struct pawl_##name##_slot *pawl_##name##_at(const struct pawl_core *core,  \
                                                                    uint32_t index)                \
    {                                                                                              \
        return pawl_table_at(core, (table), sizeof(struct pawl_##name##_slot), index);             \
    }                                                                                              \
    static inline struct pawl_##name##_slot *pawl_##name##_edit(struct pawl_core *core,            \
                                                                uint32_t index)                    \
    {                                                                                              \
        return pawl_table_edit(core, (table), sizeof(struct pawl_##name##_slot), index);           \
    }

PAWL_TABLE_ACCESSORS(string, PAWL_TABLE_STRING)
PAWL_TABLE_ACCESSORS(scope, PAWL_TABLE_SCOPE)
PAWL_TABLE_ACCESSORS(budget, PAWL_TABLE_BUDGET)
PAWL_TABLE_ACCESSORS(window, PAWL_TABLE_WINDOW)
PAWL_TABLE_ACCESSORS(reservation, PAWL_TABLE_RESERVATION)
PAWL_TABLE_ACCESSORS(holds, PAWL_TABLE_HOLDS)
PAWL_TABLE_ACCESSORS(idem, PAWL_TABLE_IDEM)
PAWL_TABLE_ACCESSORS(session, PAWL_TABLE_SESSION)
PAWL_TABLE_ACCESSORS(approval, PAWL_TABLE_APPROVAL)
PAWL_TABLE_ACCESSORS(document, PAWL_TABLE_DOCUMENT)
PAWL_TABLE_ACCESSORS(body, PAWL_TABLE_BODY)
PAWL_TABLE_ACCESSORS(zone, PAWL_TABLE_ZONE)
PAWL_TABLE_ACCESSORS(timer_entry, PAWL_TABLE_TIMER)
PAWL_TABLE_ACCESSORS(timer_run, PAWL_TABLE_TIMER_RUN)
PAWL_TABLE_ACCESSORS(timer_node, PAWL_TABLE_TIMER_NODE)

/* Public ids of objects: generation and index. 0 is nobody. */
static inline uint64_t pawl_id_make(uint32_t generation, uint32_t index)
{
    PAWL_ASSERT(index != 0);
    return (uint64_t)generation << 32 | index;
}

#endif
