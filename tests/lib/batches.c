/* SPDX-License-Identifier: Apache-2.0 */
/* batches.c: see batches.h. */
#include "tests/lib/batches.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/lib/generate.h"

enum { ARENA_BYTES = 1 << 22, BLOB_BYTES_MAX = 1 << 22 };

void batches_init(struct batches *batches, uint64_t seed)
{
    *batches = (struct batches){.scratch = calloc(1, sizeof(*batches->scratch))};
    PAWL_ASSERT(batches->scratch != NULL);
    pawl_prng_seed(&batches->prng, seed);
    pawl_arena_init(&batches->arena, ARENA_BYTES);
    pawl_buf_init(&batches->blob, BLOB_BYTES_MAX);
}

void batches_free(struct batches *batches)
{
    pawl_arena_free(&batches->arena);
    pawl_buf_free(&batches->blob);
    free(batches->scratch);
}

void batches_make(struct batches *batches, uint64_t first_op, uint32_t count)
{
    pawl_buf_reset(&batches->blob);
    pawl_record_batch_begin(&batches->blob);
    /* What is drawn is noise: with some batches it is stored as it is, without it is packed. */
    bool drawn = pawl_prng_one_in(&batches->prng, 2);
    for (uint32_t i = 0; i < count; i++) {
        pawl_arena_reset(&batches->arena);
        struct pawl_record record = {.op = first_op + i, .now_us = (int64_t)(first_op + i) * 10};
        /* Small ones, so that a test's journal has many batches on few pages. */
        record.command = (struct pawl_command){.type = PAWL_COMMAND_RELEASE,
                                               .u.release.reservation = first_op + i};
        record.result = (struct pawl_result){
            .code = PAWL_RESULT_NOT_FOUND, .op = record.op, .now_us = record.now_us};
        if (drawn && pawl_prng_one_in(&batches->prng, 4)) {
            generate_command(&batches->prng, &batches->arena, &record.command);
        }
        pawl_record_batch_add(&batches->blob, &record);
    }
    pawl_record_batch_end(&batches->blob);
}

pawl_err batches_append(struct batches *batches,
                        struct pawl_journal *journal,
                        uint32_t count,
                        struct pawl_errmsg *msg)
{
    struct pawl_journal_head head = journal->ops->head(journal);
    batches_make(batches, head.last_op + 1, count);
    struct pawl_journal_batch batch = {.first_op = head.last_op + 1,
                                       .last_op = head.last_op + count,
                                       .blob = pawl_buf_slice(&batches->blob),
                                       .previous = head.hash};
    batch.hash = pawl_journal_chain(batch.previous, batch.blob);
    return journal->ops->append(journal, &batch, msg);
}
