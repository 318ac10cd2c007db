/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batches.h: batches of drawn records for tests of the journal, which does not care what the
 * commands mean; and appending them to a journal in order.
 */
#ifndef PAWL_TESTS_LIB_BATCHES_H
#define PAWL_TESTS_LIB_BATCHES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/prng.h"
#include "journal/journal.h"
#include "journal/record.h"

struct batches {
    struct pawl_prng prng;
    struct pawl_arena arena;
    struct pawl_buf blob;
    struct pawl_codec_scratch *scratch;
};

void batches_init(struct batches *batches, uint64_t seed);
void batches_free(struct batches *batches);
/* A finished batch in batches->blob: `count` small records from first_op on. */
void batches_make(struct batches *batches, uint64_t first_op, uint32_t count);
/* The next batch of this journal, with `count` records. */
pawl_err batches_append(struct batches *batches,
                        struct pawl_journal *journal,
                        uint32_t count,
                        struct pawl_errmsg *msg);

#endif
