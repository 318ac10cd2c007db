/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.c: see index.h. It doubles in one go: that is a few milliseconds at a million keys, in the
 * call that makes one, and no request pays for it.
 */
#include "registry/index.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { PAIRS_FIRST = 64 };

void pawl_registry_index_free(struct registry_index *index)
{
    pawl_free(index->pairs);
    *index = (struct registry_index){.pairs = NULL};
}

static void put_at(struct registry_index *index, struct registry_pair pair)
{
    uint32_t at = (uint32_t)pair.hash & index->mask;
    while (index->pairs[at].place != 0) {
        at = (at + 1) & index->mask;
    }
    index->pairs[at] = pair;
}

static void grow(struct registry_index *index)
{
    struct registry_index larger = {.count = index->count};
    uint32_t pair_count = index->pairs == NULL ? PAIRS_FIRST : (index->mask + 1) * 2;
    PAWL_ASSERT(pair_count > index->mask);
    larger.mask = pair_count - 1;
    larger.pairs = pawl_alloc_zeroed(pair_count, sizeof(larger.pairs[0]));
    PAWL_ASSERT(larger.pairs != NULL); /* a process without memory for this has none to go on */
    for (uint32_t i = 0; index->pairs != NULL && i <= index->mask; i++) {
        if (index->pairs[i].place != 0) {
            put_at(&larger, index->pairs[i]);
        }
    }
    pawl_registry_index_free(index);
    *index = larger;
}

void pawl_registry_index_put(struct registry_index *index, uint64_t hash, uint32_t place)
{
    PAWL_ASSERT(place < UINT32_MAX - 1);
    if (index->pairs == NULL || index->count >= (index->mask + 1) / 2) {
        grow(index);
    }
    put_at(index, (struct registry_pair){hash, place + 1});
    index->count++;
}

uint32_t pawl_registry_index_next(const struct registry_index *index,
                                  uint64_t hash,
                                  struct registry_probe *probe)
{
    if (index->pairs == NULL) {
        return UINT32_MAX;
    }
    if (probe->looked == 0) {
        probe->at = (uint32_t)hash & index->mask;
    }
    for (; probe->looked <= index->mask; probe->looked++) {
        const struct registry_pair *pair = &index->pairs[probe->at];
        if (pair->place == 0) {
            return UINT32_MAX;
        }
        probe->at = (probe->at + 1) & index->mask;
        if (pair->hash == hash) {
            probe->looked++;
            return pair->place - 1;
        }
    }
    return UINT32_MAX;
}
