/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.c: linear hashing with buckets of one cache line.
 *
 * With n buckets, base_mask + 1 of them made the round before (a power of two), a hash belongs to
 * bucket hash & (2 * base_mask + 1) if that is below n, else to bucket hash & base_mask. When
 * there are more than four entries for each bucket, the bucket n - (base_mask + 1) is split into
 * itself and the new bucket n. Buckets are the slots of a dense table in that order; overflow
 * buckets of all indexes come from one table of their own.
 *
 * Memory: an insertion takes at most one overflow bucket for its entry. A split takes none on
 * balance: it frees each overflow bucket before it places that bucket's entries again, and k
 * buckets' worth of entries in two chains never needs more than k buckets beyond the two first.
 *
 * Invariants:
 *   X1  in a chain every bucket but the last is full, and the last is empty only if it is the first
 *   X2  the entries of all chains are entry_count, each in the bucket that its hash belongs to
 */
#include "core/index.h"

enum { ENTRIES_PER_BUCKET = 4 };

static struct pawl_bucket_slot *
bucket_edit(struct pawl_core *core, enum pawl_table_id table, uint32_t number)
{
    return pawl_table_edit(core, table, sizeof(struct pawl_bucket_slot), number);
}

/* --- Chains. ---------------------------------------------------------------------------------- */

/* Puts an entry at the end of the chain that begins with bucket `number`. */
static void chain_append(
    struct pawl_core *core, enum pawl_table_id table, uint32_t number, uint32_t hash, uint32_t slot)
{
    struct pawl_bucket_slot *bucket = bucket_edit(core, table, number);
    while (bucket->overflow != 0) {
        PAWL_ASSERT(bucket->count == PAWL_BUCKET_ENTRIES);
        bucket = bucket_edit(core, PAWL_TABLE_OVERFLOW, bucket->overflow);
    }
    if (bucket->count == PAWL_BUCKET_ENTRIES) {
        bucket->overflow = pawl_table_take(core, PAWL_TABLE_OVERFLOW);
        bucket = bucket_edit(core, PAWL_TABLE_OVERFLOW, bucket->overflow);
    }
    PAWL_ASSERT(bucket->count < PAWL_BUCKET_ENTRIES);
    bucket->entries[bucket->count] = (struct pawl_index_entry){.hash = hash, .slot = slot};
    bucket->count++;
}

/* Places the entries of a bucket that was taken off its chain. */
static void chain_distribute(struct pawl_core *core,
                             enum pawl_index_id index,
                             const struct pawl_bucket_slot *taken)
{
    PAWL_ASSERT(taken->count <= PAWL_BUCKET_ENTRIES);
    for (uint32_t i = 0; i < taken->count; i++) {
        uint32_t number = pawl_index_bucket_of(&core->state.indexes[index], taken->entries[i].hash);
        chain_append(core, pawl_index_table(index), number, taken->entries[i].hash,
                     taken->entries[i].slot);
    }
}

/* Adds bucket n and moves to it what belongs there. */
static void index_split(struct pawl_core *core, enum pawl_index_id id)
{
    struct pawl_index *index = &core->state.indexes[id];
    enum pawl_table_id table = pawl_index_table(id);
    uint32_t old_number = index->bucket_count - (index->base_mask + 1);
    uint32_t new_number = pawl_table_push(core, table);
    PAWL_ASSERT(new_number == index->bucket_count);
    PAWL_ASSERT(old_number <= index->base_mask);

    struct pawl_bucket_slot *old = bucket_edit(core, table, old_number);
    struct pawl_bucket_slot taken = *old;
    *old = (struct pawl_bucket_slot){.count = 0};
    index->bucket_count++;
    chain_distribute(core, id, &taken);
    while (taken.overflow != 0) {
        uint32_t number = taken.overflow;
        taken = *pawl_index_bucket(core, PAWL_TABLE_OVERFLOW, number);
        pawl_table_free(core, PAWL_TABLE_OVERFLOW, number);
        chain_distribute(core, id, &taken);
    }
    if (index->bucket_count == 2 * (index->base_mask + 1)) {
        index->base_mask = index->base_mask * 2 + 1;
    }
}

/* --- Changes. --------------------------------------------------------------------------------- */

void pawl_index_insert(struct pawl_core *core, enum pawl_index_id id, uint32_t hash, uint32_t slot)
{
    struct pawl_index *index = &core->state.indexes[id];
    PAWL_ASSERT(slot != 0);
    PAWL_ASSERT(index->base_mask <= index->bucket_count);
    if (index->bucket_count == 0) {
        uint32_t first = pawl_table_push(core, pawl_index_table(id));
        PAWL_ASSERT(first == 0);
        index->bucket_count = 1;
    }
    chain_append(core, pawl_index_table(id), pawl_index_bucket_of(index, hash), hash, slot);
    index->entry_count++;
    if (index->entry_count / ENTRIES_PER_BUCKET >= index->bucket_count) {
        index_split(core, id);
    }
}

void pawl_index_remove(struct pawl_core *core, enum pawl_index_id id, uint32_t hash, uint32_t slot)
{
    struct pawl_index *index = &core->state.indexes[id];
    PAWL_ASSERT(index->entry_count > 0);
    struct pawl_index_entry *hole = NULL;
    struct pawl_bucket_slot *before = NULL;
    struct pawl_bucket_slot *bucket =
        bucket_edit(core, pawl_index_table(id), pawl_index_bucket_of(index, hash));
    for (;;) {
        uint32_t matches = pawl_index_matches(bucket, hash);
        for (; matches != 0 && hole == NULL; matches &= matches - 1) {
            uint32_t i = (uint32_t)__builtin_ctz(matches);
            hole = bucket->entries[i].slot == slot ? &bucket->entries[i] : NULL;
        }
        if (bucket->overflow == 0) {
            break;
        }
        before = bucket;
        bucket = bucket_edit(core, PAWL_TABLE_OVERFLOW, bucket->overflow);
    }
    PAWL_ASSERT(hole != NULL);
    bucket->count--; /* The last entry of the chain fills the hole. */
    *hole = bucket->entries[bucket->count];
    bucket->entries[bucket->count] = (struct pawl_index_entry){.hash = 0};
    if (bucket->count == 0 && before != NULL) {
        pawl_table_free(core, PAWL_TABLE_OVERFLOW, before->overflow);
        before->overflow = 0;
    }
    index->entry_count--;
}

/* --- Audit. ----------------------------------------------------------------------------------- */

void pawl_index_audit(const struct pawl_core *core, enum pawl_index_id id)
{
    const struct pawl_index *index = &core->state.indexes[id];
    uint64_t entries = 0;
    PAWL_ASSERT(index->bucket_count == core->state.tables[pawl_index_table(id)].slot_count);
    for (uint32_t number = 0; number < index->bucket_count; number++) {
        const struct pawl_bucket_slot *bucket =
            pawl_index_bucket(core, pawl_index_table(id), number);
        for (;;) {
            for (uint32_t i = 0; i < bucket->count; i++) {
                PAWL_ASSERT(pawl_index_bucket_of(index, bucket->entries[i].hash) == number);
                PAWL_ASSERT(bucket->entries[i].slot != 0);
            }
            entries += bucket->count;
            if (bucket->overflow == 0) {
                break;
            }
            PAWL_ASSERT(bucket->count == PAWL_BUCKET_ENTRIES);
            bucket = pawl_index_bucket(core, PAWL_TABLE_OVERFLOW, bucket->overflow);
            PAWL_ASSERT(bucket->count > 0);
        }
    }
    PAWL_ASSERT(entries == index->entry_count);
}
