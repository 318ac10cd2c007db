/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h: hash indexes that grow one bucket at a time (linear hashing), so that no command
 * pays for a doubling. A bucket is one cache line of up to seven (hash, slot) pairs and a link
 * to an overflow bucket. The hashes lie in the bucket, so a look-up that finds nothing reads one
 * line, and splitting a bucket reads no slot at all.
 *
 * The index compares hashes only; whoever looks up compares the slots that come back. Two
 * entries with the same hash and slot are a bug.
 */
#ifndef PAWL_CORE_INDEX_H
#define PAWL_CORE_INDEX_H

#include "core/state.h"
#include "core/table.h"

void pawl_index_insert(struct pawl_core *core, enum pawl_index_id id, uint32_t hash, uint32_t slot);
/* The entry must be there. */
void pawl_index_remove(struct pawl_core *core, enum pawl_index_id id, uint32_t hash, uint32_t slot);

/* Walks the slots under a hash; the index must not change in between. */
struct pawl_index_cursor {
    const struct pawl_bucket_slot *bucket; /* NULL: nothing more */
    uint32_t matches;                      /* a bit for each entry of it that is still to come */
    uint32_t hash;
};

static inline enum pawl_table_id pawl_index_table(enum pawl_index_id index)
{
    PAWL_ASSERT(index < PAWL_INDEX_COUNT);
    return PAWL_TABLE_BUCKET + (enum pawl_table_id)index;
}

/* The number of the bucket to which a hash belongs; there is at least one. */
static inline uint32_t pawl_index_bucket_of(const struct pawl_index *index, uint32_t hash)
{
    PAWL_ASSERT((index->base_mask & (index->base_mask + 1)) == 0);
    PAWL_ASSERT(index->bucket_count > index->base_mask);
    uint32_t wide = hash & (index->base_mask * 2 + 1);
    return wide < index->bucket_count ? wide : hash & index->base_mask;
}

static inline const struct pawl_bucket_slot *
pawl_index_bucket(const struct pawl_core *core, enum pawl_table_id table, uint32_t number)
{
    return pawl_table_at(core, table, sizeof(struct pawl_bucket_slot), number);
}

/* Which entries have the hash. Without a branch for each: where a match lies is anybody's guess,
 * and so the processor's. */
static inline uint32_t pawl_index_matches(const struct pawl_bucket_slot *bucket, uint32_t hash)
{
    PAWL_ASSERT(bucket != NULL);
    uint32_t matches = 0;
    PAWL_ASSERT(bucket->count <= PAWL_BUCKET_ENTRIES);
    for (uint32_t i = 0; i < PAWL_BUCKET_ENTRIES; i++) {
        matches |= (uint32_t)(bucket->entries[i].hash == hash) << i;
    }
    return matches & ((1U << bucket->count) - 1);
}

static inline const struct pawl_bucket_slot *
pawl_index_first(const struct pawl_core *core, enum pawl_index_id id, uint32_t hash)
{
    const struct pawl_index *index = &core->state.indexes[id];
    if (index->bucket_count == 0) {
        return NULL;
    }
    return pawl_index_bucket(core, pawl_index_table(id), pawl_index_bucket_of(index, hash));
}

static inline struct pawl_index_cursor
pawl_index_find(const struct pawl_core *core, enum pawl_index_id id, uint32_t hash)
{
    struct pawl_index_cursor cursor = {.bucket = pawl_index_first(core, id, hash), .hash = hash};
    if (cursor.bucket != NULL) {
        cursor.matches = pawl_index_matches(cursor.bucket, hash);
    }
    return cursor;
}

/* The next slot with that hash, or 0. */
static inline uint32_t pawl_index_next(const struct pawl_core *core,
                                       struct pawl_index_cursor *cursor)
{
    PAWL_ASSERT(cursor->matches == 0 || cursor->bucket != NULL);
    while (cursor->matches == 0) {
        if (cursor->bucket == NULL || cursor->bucket->overflow == 0) {
            return 0;
        }
        cursor->bucket = pawl_index_bucket(core, PAWL_TABLE_OVERFLOW, cursor->bucket->overflow);
        cursor->matches = pawl_index_matches(cursor->bucket, cursor->hash);
    }
    uint32_t entry = (uint32_t)__builtin_ctz(cursor->matches);
    PAWL_ASSERT(cursor->bucket->entries[entry].slot != 0);
    cursor->matches &= cursor->matches - 1;
    return cursor->bucket->entries[entry].slot;
}

/* The first slot under a hash, which need not be the one that is looked for; 0: there is none. */
static inline uint32_t
pawl_index_guess(const struct pawl_core *core, enum pawl_index_id id, uint32_t hash)
{
    struct pawl_index_cursor cursor = pawl_index_find(core, id, hash);
    return pawl_index_next(core, &cursor);
}

/* Tells the processor that the bucket of this hash is wanted soon. */
static inline void
pawl_index_prefetch(const struct pawl_core *core, enum pawl_index_id id, uint32_t hash)
{
    __builtin_prefetch(pawl_index_first(core, id, hash));
}

/* Asserts the structure and that `entry_count` agrees. */
void pawl_index_audit(const struct pawl_core *core, enum pawl_index_id id);

#endif
