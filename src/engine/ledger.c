/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c: see ledger.h. Slabs double from one chunk to 4 MiB, so that a run with three budgets
 * stays small and a server with millions asks seldom. Chunks are handed out one at a time and only
 * when wanted: the kernel commits pages of a slab as they are touched.
 *
 * Alignment is done by hand, because pawl_alloc promises only malloc's.
 */
#include "engine/ledger.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { ALIGN_BYTES = 64, SLAB_CHUNKS_MAX = 64 };

struct pawl_ledger_slab {
    struct pawl_ledger_slab *next;
    uint32_t chunk_count;
};

static char *aligned(void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    uintptr_t up = (ALIGN_BYTES - address % ALIGN_BYTES) % ALIGN_BYTES;
    PAWL_ASSERT(memory != NULL && up < ALIGN_BYTES && (address + up) % ALIGN_BYTES == 0);
    return (char *)memory + up;
}

bool pawl_ledger_init(struct pawl_ledger *ledger)
{
    *ledger = (struct pawl_ledger){.root = pawl_alloc(pawl_core_size() + ALIGN_BYTES)};
    if (ledger->root == NULL) {
        return false;
    }
    ledger->core = pawl_core_init(aligned(ledger->root), pawl_core_size());
    PAWL_ASSERT(ledger->core != NULL);
    return true;
}

void pawl_ledger_free(struct pawl_ledger *ledger)
{
    for (struct pawl_ledger_slab *slab = ledger->slabs; slab != NULL;) {
        struct pawl_ledger_slab *next = slab->next;
        pawl_free(slab);
        slab = next;
    }
    pawl_free(ledger->root);
    *ledger = (struct pawl_ledger){.core = NULL};
}

static bool add_slab(struct pawl_ledger *ledger)
{
    PAWL_ASSERT(ledger->chunks_left == 0); /* what is left would be lost */
    uint32_t count = ledger->slabs == NULL ? 1 : ledger->slabs->chunk_count * 2;
    count = count < SLAB_CHUNKS_MAX ? count : SLAB_CHUNKS_MAX;
    struct pawl_ledger_slab *slab =
        pawl_alloc(sizeof(*slab) + ALIGN_BYTES + (size_t)count * PAWL_CHUNK_BYTES);
    if (slab == NULL) {
        return false;
    }
    *slab = (struct pawl_ledger_slab){.next = ledger->slabs, .chunk_count = count};
    ledger->slabs = slab;
    ledger->next_chunk = aligned(slab + 1);
    ledger->chunks_left = count;
    return true;
}

bool pawl_ledger_give(struct pawl_ledger *ledger, uint32_t chunk_count)
{
    for (uint32_t i = 0; i < chunk_count; i++) {
        if (ledger->chunks_left == 0 && !add_slab(ledger)) {
            return false;
        }
        pawl_core_give_chunk(ledger->core, ledger->next_chunk);
        ledger->next_chunk += PAWL_CHUNK_BYTES;
        ledger->chunks_left--;
    }
    return true;
}

bool pawl_ledger_supply(struct pawl_ledger *ledger, uint32_t command_count)
{
    return pawl_ledger_give(ledger, pawl_core_chunks_wanted(ledger->core, command_count));
}
