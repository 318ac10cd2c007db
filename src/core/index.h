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

void pawl_index_insert(struct pawl_core *core,
                       enum pawl_index_id index,
                       uint32_t hash,
                       uint32_t slot);
/* The entry must be there. */
void pawl_index_remove(struct pawl_core *core,
                       enum pawl_index_id index,
                       uint32_t hash,
                       uint32_t slot);

/* Walks the slots under a hash; the index must not change in between. */
struct pawl_index_cursor {
    const struct pawl_bucket_slot *bucket; /* NULL: nothing more */
    uint32_t position;
    uint32_t hash;
};
struct pawl_index_cursor
pawl_index_find(const struct pawl_core *core, enum pawl_index_id index, uint32_t hash);
/* The next slot with that hash, or 0. */
uint32_t pawl_index_next(const struct pawl_core *core, struct pawl_index_cursor *cursor);

/* Tells the processor that the bucket of this hash is wanted soon. */
void pawl_index_prefetch(const struct pawl_core *core, enum pawl_index_id index, uint32_t hash);
/* Asserts the structure and that `entry_count` agrees. */
void pawl_index_audit(const struct pawl_core *core, enum pawl_index_id index);

#endif
