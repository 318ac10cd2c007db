/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c: one number for the whole state, for comparing a replay with what it replays. It
 * is a hash of the very bytes that a checkpoint has: they hold no address and no unnamed
 * padding, and freed slots are zero, so equal histories give equal bytes and nothing else does.
 */
#include "base/hash.h"

#include "core/table.h"

uint64_t pawl_core_digest(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    PAWL_ASSERT(!core->memory.restoring);
    PAWL_ASSERT(core->state.bytes == sizeof(core->state));
    struct pawl_hash_sip sip;
    pawl_hash_sip_init(&sip, (struct pawl_hash_key){0, 0});
    pawl_hash_sip_add(&sip, &core->state, sizeof(core->state));
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        for (uint32_t ordinal = 0; ordinal < core->state.tables[table].chunk_count; ordinal++) {
            const struct pawl_chunk_ref *ref = pawl_chunk_ref(core, table, ordinal);
            pawl_hash_sip_add(&sip, ref->live, PAWL_CHUNK_BYTES);
        }
    }
    return pawl_hash_sip_end(&sip);
}
