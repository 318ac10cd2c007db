/* SPDX-License-Identifier: Apache-2.0 */
/*
 * previous.c: a ring of hashes. Two ids of one hash would have to meet among a thousand; the
 * worst that it leads to is an estimate that is off, as any may be.
 */
#include "gateway/previous.h"

#include "base/hash.h"

static uint64_t hash_of(struct pawl_slice id)
{
    uint64_t hash = pawl_hash_sip((struct pawl_hash_key){0, 0}, id);
    return hash != 0 ? hash : 1;
}

void pawl_previous_remember(struct pawl_previous *previous, struct pawl_slice id, int64_t tokens)
{
    if (pawl_slice_empty(id)) {
        return;
    }
    previous->ids[previous->next] = hash_of(id);
    previous->tokens[previous->next] = tokens;
    previous->next = (previous->next + 1) % PAWL_PREVIOUS_COUNT_MAX;
}

int64_t pawl_previous_tokens(const struct pawl_previous *previous, struct pawl_slice id)
{
    uint64_t hash = hash_of(id);
    for (uint32_t i = 0; i < PAWL_PREVIOUS_COUNT_MAX; i++) {
        if (previous->ids[i] == hash) {
            return previous->tokens[i];
        }
    }
    return -1;
}
