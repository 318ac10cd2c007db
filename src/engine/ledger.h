/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h: a core and the memory it lives in. The core takes chunks and never gives one back,
 * so they come in slabs which are freed all at once.
 */
#ifndef PAWL_ENGINE_LEDGER_H
#define PAWL_ENGINE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "core/core.h"

struct pawl_ledger_slab;

struct pawl_ledger {
    struct pawl_core *core;
    void *root;                     /* owned: where the core lies, before its alignment */
    struct pawl_ledger_slab *slabs; /* owned: every chunk that the core has */
    char *next_chunk;               /* in the newest slab, not yet given */
    uint32_t chunks_left;
};

/* An empty core. false: no memory. */
PAWL_MUST_CHECK bool pawl_ledger_init(struct pawl_ledger *ledger);
void pawl_ledger_free(struct pawl_ledger *ledger);
/* Gives the core what so many commands can need at worst. false: no memory; what was given
 * stays given. */
PAWL_MUST_CHECK bool pawl_ledger_supply(struct pawl_ledger *ledger, uint32_t command_count);
/* Gives exactly so many chunks. */
PAWL_MUST_CHECK bool pawl_ledger_give(struct pawl_ledger *ledger, uint32_t chunk_count);

#endif
