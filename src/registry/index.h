/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h: from a hash to places in a list, for what is added and never taken away: documents are
 * for good. Linear probing over pairs of hash and place; several places may share a hash, and who
 * asks compares. Kept at most half full, so that a miss, too, looks at about two pairs.
 */
#ifndef PAWL_REGISTRY_INDEX_H
#define PAWL_REGISTRY_INDEX_H

#include <stdint.h>

struct registry_pair {
    uint64_t hash;
    uint32_t place; /* + 1; 0: free */
};

struct registry_index {
    struct registry_pair *pairs; /* owned; a power of two of them, or NULL */
    uint32_t mask;
    uint32_t count;
};

void pawl_registry_index_free(struct registry_index *index);
void pawl_registry_index_put(struct registry_index *index, uint64_t hash, uint32_t place);

struct registry_probe {
    uint32_t at;
    uint32_t looked; /* 0: begins */
};
/* The next place under the hash, or UINT32_MAX. Start with a probe of all zero. */
uint32_t pawl_registry_index_next(const struct registry_index *index,
                                  uint64_t hash,
                                  struct registry_probe *probe);

#endif
