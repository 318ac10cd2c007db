/* SPDX-License-Identifier: Apache-2.0 */
/*
 * older.c: see older.h. All is read first, then the journal is made anew in the same place, since
 * every hash of the chain changes with the first byte.
 */
#include "tests/lib/older.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"
#include "journal/bytes.h"
#include "journal/checkpoint.h"
#include "journal/record.h"

enum { AT_RULES = 8, BATCHES_MAX = 4096, CHECKPOINTS_MAX = 2, CHUNKS_MAX = 64, FILES_MAX = 16 };

struct batch {
    uint64_t first_op;
    uint64_t last_op;
    struct pawl_buf blob;
};

struct state {
    uint64_t op;
    struct pawl_buf root;
    struct pawl_buf chunks; /* one behind the other */
    uint32_t numbers[CHUNKS_MAX];
    uint32_t chunk_count;
};

struct rewrite {
    struct kit *kit;
    struct older how;
    struct batch *batches;
    uint32_t batch_count;
    struct state states[CHECKPOINTS_MAX]; /* the newest first */
    uint32_t state_count;
};

static void must(const struct rewrite *rewrite, pawl_err err)
{
    if (pawl_failed(err)) {
        (void)fprintf(stderr, "older: %s: %s\n", pawl_err_name(err), rewrite->kit->msg.text);
        abort();
    }
}

static struct pawl_journal *open_journal(const struct rewrite *rewrite, bool create)
{
    struct pawl_journal *journal = NULL;
    struct pawl_journal_sqlite_options options = {.dir = KIT_DIR,
                                                  .create = create,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(rewrite->kit->disk),
                                                  .files = disk_files(rewrite->kit->disk),
                                                  .segment_bytes_max = rewrite->kit->segment_bytes};
    must(rewrite, pawl_journal_sqlite_open(&options, &journal, &rewrite->kit->msg));
    return journal;
}

/* --- Read. ------------------------------------------------------------------------------------ */

static uint32_t rules_at(const struct rewrite *rewrite, uint64_t op)
{
    bool older = rewrite->how.until_op == 0 || op <= rewrite->how.until_op;
    return older ? OLDER_RULES : PAWL_RULES_VERSION;
}

/* The batch again, with that one result changed. CONFIG has the rules that it was said under. */
static void
write_again(struct rewrite *rewrite, const struct pawl_journal_batch *batch, struct pawl_buf *out)
{
    struct pawl_slice blob = batch->blob;
    uint32_t rules_version = rules_at(rewrite, batch->last_op);
    static struct pawl_codec_scratch scratch;
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    PAWL_ASSERT(pawl_record_batch_open(blob, &cursor));
    pawl_record_batch_begin(out);
    while (pawl_record_batch_next(&cursor, &scratch, &record)) {
        if (record.command.type == PAWL_COMMAND_CONFIG) {
            record.command.u.config.rules_version = rules_version;
        }
        if (record.op == rewrite->how.other_op) {
            PAWL_ASSERT(record.result.code != PAWL_RESULT_STATE_CONFLICT);
            record.result.code = PAWL_RESULT_STATE_CONFLICT;
        }
        pawl_record_batch_add(out, &record);
    }
    bytes_store(out->data + AT_RULES, rules_version, 4);
    pawl_record_batch_end(out);
}

static bool take_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct rewrite *rewrite = arg;
    PAWL_ASSERT(rewrite->batch_count < BATCHES_MAX);
    struct batch *kept = &rewrite->batches[rewrite->batch_count++];
    kept->first_op = batch->first_op;
    kept->last_op = batch->last_op;
    pawl_buf_init(&kept->blob, 1 << 24);
    write_again(rewrite, batch, &kept->blob);
    return true;
}

static bool take_root(void *arg, struct pawl_slice root)
{
    struct state *state = arg;
    pawl_buf_append_slice(&state->root, root);
    return true;
}

static bool take_chunk(void *arg, uint32_t number, struct pawl_slice chunk)
{
    struct state *state = arg;
    PAWL_ASSERT(state->chunk_count < CHUNKS_MAX);
    state->numbers[state->chunk_count++] = number;
    pawl_buf_append_slice(&state->chunks, chunk);
    return true;
}

static void read_all(struct rewrite *rewrite)
{
    struct kit *kit = rewrite->kit;
    struct pawl_journal *journal = open_journal(rewrite, false);
    must(rewrite, journal->ops->read(journal, 1, take_batch, rewrite, &kit->msg));
    struct pawl_journal_checkpoint row;
    for (uint32_t i = 0; journal->ops->checkpoint(journal, i, &row); i++) {
        PAWL_ASSERT(rewrite->state_count < CHECKPOINTS_MAX);
        struct state *state = &rewrite->states[rewrite->state_count++];
        struct pawl_checkpoint_sink sink = {.root = take_root,
                                            .chunk = take_chunk,
                                            .arg = state,
                                            .rules_version = PAWL_RULES_VERSION,
                                            .chunk_bytes = PAWL_CHUNK_BYTES};
        state->op = row.op;
        pawl_buf_init(&state->root, 1 << 24);
        pawl_buf_init(&state->chunks, 1 << 24);
        must(rewrite, pawl_checkpoint_load(disk_files(kit->disk), KIT_DIR, &row, &sink, &kit->msg));
        bytes_store(state->root.data + offsetof(struct pawl_state, limits.rules_version),
                    rewrite->how.other_state ? PAWL_RULES_VERSION : rules_at(rewrite, row.op), 4);
        bytes_store(state->root.data + offsetof(struct pawl_state, layout),
                    (uint64_t)PAWL_STATE_LAYOUT - (rewrite->how.other_layout ? 1 : 0), 4);
    }
    journal->ops->close(journal);
}

/* --- Written. --------------------------------------------------------------------------------- */

struct paths {
    char names[FILES_MAX][PAWL_PATH_BYTES_MAX];
    uint32_t count;
};

static void note_path(void *arg, const char *path)
{
    struct paths *paths = arg;
    PAWL_ASSERT(paths->count < FILES_MAX && strlen(path) < PAWL_PATH_BYTES_MAX);
    (void)snprintf(paths->names[paths->count++], PAWL_PATH_BYTES_MAX, "%s", path);
}

static void remove_files(struct disk *disk)
{
    static struct paths paths;
    paths.count = 0;
    disk_each(disk, note_path, &paths);
    for (uint32_t i = 0; i < paths.count; i++) {
        disk_remove(disk, paths.names[i]);
    }
}

static void write_checkpoint(struct rewrite *rewrite,
                             struct pawl_journal *journal,
                             const struct state *state,
                             struct pawl_journal_hash hash)
{
    struct kit *kit = rewrite->kit;
    struct pawl_checkpoint_writer *writer = NULL;
    struct pawl_journal_checkpoint row;
    struct pawl_checkpoint_start start = {.op = state->op,
                                          .rules_version = rules_at(rewrite, state->op),
                                          .chunk_bytes = PAWL_CHUNK_BYTES,
                                          .hash = hash,
                                          .root = pawl_buf_slice(&state->root)};
    must(rewrite,
         pawl_checkpoint_begin(disk_files(kit->disk), KIT_DIR, &start, &writer, &kit->msg));
    for (uint32_t i = 0; i < state->chunk_count; i++) {
        const char *chunk = state->chunks.data + (size_t)i * PAWL_CHUNK_BYTES;
        must(rewrite, pawl_checkpoint_chunk(writer, state->numbers[i], chunk, &kit->msg));
    }
    must(rewrite, pawl_checkpoint_finish(writer, &row, &kit->msg));
    must(rewrite, journal->ops->add_checkpoint(journal, &row, &kit->msg));
}

static void write_all(struct rewrite *rewrite)
{
    struct pawl_journal *journal = open_journal(rewrite, true);
    for (uint32_t i = 0; i < rewrite->batch_count; i++) {
        const struct batch *kept = &rewrite->batches[i];
        struct pawl_journal_batch batch = {.first_op = kept->first_op,
                                           .last_op = kept->last_op,
                                           .blob = pawl_buf_slice(&kept->blob),
                                           .previous = journal->ops->head(journal).hash};
        batch.hash = pawl_journal_chain(batch.previous, batch.blob);
        must(rewrite, journal->ops->append(journal, &batch, &rewrite->kit->msg));
        for (uint32_t j = 0; j < rewrite->state_count; j++) {
            if (rewrite->states[j].op == batch.last_op) {
                write_checkpoint(rewrite, journal, &rewrite->states[j], batch.hash);
            }
        }
    }
    journal->ops->close(journal);
}

void older_rewrite(struct kit *kit, struct older how)
{
    PAWL_ASSERT(kit->engine == NULL);
    struct rewrite rewrite = {
        .kit = kit, .how = how, .batches = pawl_alloc(BATCHES_MAX * sizeof(*rewrite.batches))};
    PAWL_ASSERT(rewrite.batches != NULL);
    read_all(&rewrite);
    remove_files(kit->disk);
    write_all(&rewrite);
    for (uint32_t i = 0; i < rewrite.batch_count; i++) {
        pawl_buf_free(&rewrite.batches[i].blob);
    }
    for (uint32_t i = 0; i < rewrite.state_count; i++) {
        pawl_buf_free(&rewrite.states[i].root);
        pawl_buf_free(&rewrite.states[i].chunks);
    }
    pawl_free(rewrite.batches);
}
