/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_world.c: ledgers for tables, and running what a table did in other ways that must come to
 * the same. Memory is given as an engine would, but never more than is wanted for one command, so
 * that a wrong worst case stops the test.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "core/codec.h"

#include "table.h"

/* --- One ledger. ------------------------------------------------------------------------------ */

static void *chunk_new(void)
{
    void *chunk = aligned_alloc(64, PAWL_CHUNK_BYTES);
    PAWL_ASSERT(chunk != NULL);
    memset(chunk, 0xa5, PAWL_CHUNK_BYTES); /* any content is allowed */
    return chunk;
}

static void give_chunks(struct pawl_core *core, uint32_t commands)
{
    for (uint32_t wanted = pawl_core_chunks_wanted(core, commands); wanted > 0; wanted--) {
        pawl_core_give_chunk(core, chunk_new());
    }
}

void table_world_init(struct table_world *world)
{
    world->memory = aligned_alloc(64, pawl_core_size());
    PAWL_ASSERT(world->memory != NULL);
    world->core = pawl_core_init(world->memory, pawl_core_size());
}

void table_world_free(struct table_world *world)
{
    for (void *chunk = pawl_core_take_chunk(world->core); chunk != NULL;
         chunk = pawl_core_take_chunk(world->core)) {
        free(chunk);
    }
    free(world->memory);
    world->memory = NULL;
}

void table_world_apply(struct table_world *world,
                       int64_t now_us,
                       const struct pawl_command *command,
                       struct pawl_result *ret_result)
{
    give_chunks(world->core, 1);
    memset(ret_result, 0x5a, sizeof(*ret_result)); /* apply writes it whole */
    pawl_core_apply(world->core, now_us, command, ret_result);
    pawl_core_audit(world->core);
}

/* --- What was done. --------------------------------------------------------------------------- */

enum { ENCODED_BYTES_MAX = 1 << 18 };

static struct pawl_slice owned(const struct pawl_buf *buf)
{
    struct pawl_slice bytes = pawl_buf_slice(buf);
    char *copy = malloc(bytes.bytes + 1);
    PAWL_ASSERT(copy != NULL && !buf->overflowed);
    memcpy(copy, bytes.data, bytes.bytes);
    return pawl_slice_of(copy, bytes.bytes);
}

void table_log_add(struct table_log *log,
                   int line,
                   int64_t now_us,
                   const struct pawl_command *command,
                   const struct pawl_result *result)
{
    if (log->count == log->room) {
        log->room = log->room == 0 ? 256 : log->room * 2;
        log->records = realloc(log->records, log->room * sizeof(log->records[0]));
        PAWL_ASSERT(log->records != NULL);
    }
    struct pawl_buf buf;
    pawl_buf_init(&buf, ENCODED_BYTES_MAX);
    struct table_record *record = &log->records[log->count];
    *record = (struct table_record){.now_us = now_us, .line = line, .code = result->code};
    /* What does not fit has no encoding; it is run again as a trivial refusal. */
    if (pawl_codec_command_fits(command)) {
        pawl_codec_encode_command(&buf, command);
        record->command = owned(&buf);
        pawl_buf_reset(&buf);
        pawl_codec_encode_result(&buf, result);
        record->result = owned(&buf);
    }
    pawl_buf_free(&buf);
    log->count++;
}

static void slice_free(struct pawl_slice slice)
{
    free((void *)(uintptr_t)slice.data);
}

void table_log_free(struct table_log *log)
{
    for (uint32_t i = 0; i < log->count; i++) {
        slice_free(log->records[i].command);
        slice_free(log->records[i].result);
    }
    free(log->records);
    *log = (struct table_log){.count = 0};
}

/* --- Doing it again. -------------------------------------------------------------------------- */

struct again {
    const struct table_log *log;
    const char *file;
    struct pawl_codec_scratch *scratch;
    int failures;
};

/* A command that is refused and changes nothing; with the same key, since a key alone lets the
 * ledger forget what is over. */
static struct pawl_command trivial(const struct pawl_command *instead_of)
{
    struct pawl_command command = {.type = PAWL_COMMAND_RELEASE};
    if (instead_of != NULL) {
        command.idempotency_key = instead_of->idempotency_key;
    }
    return command;
}

static void result_compare(struct again *again,
                           const struct table_record *record,
                           const struct pawl_result *got)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, ENCODED_BYTES_MAX);
    pawl_codec_encode_result(&buf, got);
    if (!pawl_slice_equal(pawl_buf_slice(&buf), record->result)) {
        printf("%s:%d: replayed, the result is another one (%s)\n", again->file, record->line,
               pawl_result_name(got->code));
        again->failures++;
    }
    pawl_buf_free(&buf);
}

/* Runs record number i in a world. `trivialise`: what was refused becomes a trivial refusal. */
static void run_record(struct again *again, struct table_world *world, uint32_t i, bool trivialise)
{
    const struct table_record *record = &again->log->records[i];
    struct pawl_command command = trivial(NULL);
    bool known = !pawl_slice_empty(record->command);
    if (known) {
        struct pawl_slice bytes = record->command;
        bool decoded = pawl_codec_decode_command(&bytes, again->scratch, &command);
        if (!decoded || !pawl_slice_empty(bytes)) {
            printf("%s:%d: the command does not decode\n", again->file, record->line);
            again->failures++;
            return;
        }
    }
    /* A decision is remembered under its key whichever way it went, and what is no request lets the
     * ledger forget no key. */
    bool alike =
        record->code != PAWL_RESULT_INVALID_REQUEST && !(known && pawl_command_decides(&command));
    if (trivialise && record->code != PAWL_RESULT_OK && alike) {
        command = trivial(&command);
        known = false;
    }
    struct pawl_result result;
    table_world_apply(world, record->now_us, &command, &result);
    if (known) {
        result_compare(again, record, &result);
    }
}

static void digest_compare(struct again *again, const char *what, uint64_t expected, uint64_t got)
{
    if (expected != got) {
        printf("%s:1: %s: the digest is another one\n", again->file, what);
        again->failures++;
    }
}

static void verify_replay(struct again *again, const char *what, bool trivialise, uint64_t digest)
{
    struct table_world world;
    table_world_init(&world);
    for (uint32_t i = 0; i < again->log->count; i++) {
        run_record(again, &world, i, trivialise);
    }
    digest_compare(again, what, digest, pawl_core_digest(world.core));
    table_world_free(&world);
}

/* --- A snapshot in the middle. ---------------------------------------------------------------- */

struct checkpoint {
    struct pawl_slice root;
    uint32_t count;
    void *chunks[4096];
};

static bool checkpoint_next(struct again *again, struct table_world *world, struct checkpoint *to)
{
    void *chunk = chunk_new();
    uint32_t number = 0;
    if (!pawl_core_snapshot_next(world->core, &number, chunk)) {
        free(chunk);
        return false;
    }
    if (number != to->count || to->count == 4096) {
        printf("%s:1: the snapshot's chunk has number %u\n", again->file, number);
        again->failures++;
        free(chunk);
        return true;
    }
    to->chunks[to->count] = chunk;
    to->count++;
    return true;
}

/* Runs the rest while the snapshot hands out one chunk between two commands. */
static void checkpoint_take(struct again *again,
                            struct table_world *world,
                            uint32_t from,
                            struct checkpoint *ret_checkpoint)
{
    pawl_core_snapshot_begin(world->core);
    size_t bytes = pawl_core_snapshot_root(world->core, NULL, 0);
    char *root = malloc(bytes);
    PAWL_ASSERT(root != NULL);
    PAWL_ASSERT(pawl_core_snapshot_root(world->core, root, bytes) == bytes);
    ret_checkpoint->root = pawl_slice_of(root, bytes);
    ret_checkpoint->count = 0;
    for (uint32_t i = from; i < again->log->count; i++) {
        run_record(again, world, i, false);
        if (pawl_core_snapshot_active(world->core)) {
            (void)checkpoint_next(again, world, ret_checkpoint);
        }
    }
    while (pawl_core_snapshot_active(world->core) &&
           checkpoint_next(again, world, ret_checkpoint)) {
    }
}

static bool checkpoint_restore(struct table_world *world, const struct checkpoint *checkpoint)
{
    if (!pawl_core_restore_root(world->core, checkpoint->root)) {
        return false;
    }
    give_chunks(world->core, 0);
    for (uint32_t i = 0; i < checkpoint->count; i++) {
        struct pawl_slice chunk = pawl_slice_of(checkpoint->chunks[i], PAWL_CHUNK_BYTES);
        if (!pawl_core_restore_chunk(world->core, i, chunk)) {
            return false;
        }
    }
    return pawl_core_restore_end(world->core);
}

static void verify_snapshot(struct again *again, uint64_t digest)
{
    uint32_t middle = again->log->count / 2;
    struct table_world world;
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    PAWL_ASSERT(checkpoint != NULL);
    table_world_init(&world);
    for (uint32_t i = 0; i < middle; i++) {
        run_record(again, &world, i, false);
    }
    uint64_t middle_digest = pawl_core_digest(world.core);
    checkpoint_take(again, &world, middle, checkpoint);
    digest_compare(again, "after a snapshot", digest, pawl_core_digest(world.core));

    struct table_world restored;
    table_world_init(&restored);
    if (!checkpoint_restore(&restored, checkpoint)) {
        printf("%s:1: the snapshot does not restore\n", again->file);
        again->failures++;
    } else {
        digest_compare(again, "restored", middle_digest, pawl_core_digest(restored.core));
        pawl_core_audit(restored.core);
        for (uint32_t i = middle; i < again->log->count; i++) {
            run_record(again, &restored, i, false);
        }
        digest_compare(again, "restored and run on", digest, pawl_core_digest(restored.core));
    }
    table_world_free(&restored);

    pawl_core_snapshot_begin(world.core);
    pawl_core_snapshot_abort(world.core);
    digest_compare(again, "after an aborted snapshot", digest, pawl_core_digest(world.core));
    table_world_free(&world);
    slice_free(checkpoint->root);
    for (uint32_t i = 0; i < checkpoint->count; i++) {
        free(checkpoint->chunks[i]);
    }
    free(checkpoint);
}

int table_log_verify(const struct table_log *log, const struct table_world *world, const char *file)
{
    struct again again = {.log = log, .file = file};
    again.scratch = malloc(sizeof(*again.scratch));
    PAWL_ASSERT(again.scratch != NULL);
    uint64_t digest = pawl_core_digest(world->core);
    verify_replay(&again, "replayed", false, digest);
    verify_replay(&again, "without what was refused", true, digest);
    verify_snapshot(&again, digest);
    free(again.scratch);
    return again.failures;
}
