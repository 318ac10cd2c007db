/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_memory.h: a ledger with memory, for the tests of src/core. It gets chunks of any content,
 * as an engine gives them.
 */
#ifndef PAWL_TESTS_UNIT_CORE_MEMORY_H
#define PAWL_TESTS_UNIT_CORE_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "core/core.h"

static void memory_give(struct pawl_core *core, uint32_t chunks)
{
    for (; chunks > 0; chunks--) {
        void *chunk = aligned_alloc(64, PAWL_CHUNK_BYTES);
        PAWL_ASSERT(chunk != NULL);
        memset(chunk, 0xa5, PAWL_CHUNK_BYTES);
        pawl_core_give_chunk(core, chunk);
    }
}

static struct pawl_core *memory_core(void)
{
    void *memory = aligned_alloc(64, pawl_core_size());
    PAWL_ASSERT(memory != NULL);
    memset(memory, 0x5a, pawl_core_size());
    return pawl_core_init(memory, pawl_core_size());
}

static void memory_free(struct pawl_core *core)
{
    for (void *chunk = pawl_core_take_chunk(core); chunk != NULL;
         chunk = pawl_core_take_chunk(core)) {
        free(chunk);
    }
    free(core);
}

/* A ledger with maxima of `most` and nothing in it. */
PAWL_UNUSED static struct pawl_core *memory_configured(uint32_t most)
{
    struct pawl_core *core = memory_core();
    struct pawl_command command = {
        .type = PAWL_COMMAND_CONFIG,
        .u.config = {.rules_version = PAWL_RULES_VERSION,
                     .strings_max = most,
                     .scopes_max = most,
                     .budgets_max = most,
                     .reservations_max = most,
                     .idempotency_max = most,
                     .sessions_max = most,
                     .approvals_max = most,
                     .documents_max = most,
                     .idempotency_ttl_us = 1000000,
                     .idempotency_settle_ttl_us = 3000000,
                     .correction_ttl_us = 2000000,
                     .hash_key = {11, 12}},
    };
    struct pawl_result result;
    pawl_core_apply(core, 1, &command, &result);
    PAWL_ASSERT(result.code == PAWL_RESULT_OK);
    return core;
}

#endif
