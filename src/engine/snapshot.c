/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c: checkpoints, beside the commits and never in their way.
 *
 *   NONE --due, at the end of a batch: the core's root is copied--> BEGUN
 *   BEGUN --that batch is durable: its hash is known--> the file is opened --> STREAMING
 *   STREAMING --slices of chunks, while commands go on--> all handed out, file durable --> DURABLE
 *   DURABLE --the journal names it (commit.c)--> NONE, and the oldest file goes, before the next
 *   one is begun
 *
 * J10 is this order. Checkpoints are written by the side worker; the core is only touched here, on
 * the engine's thread. The witness (witness.c) has its turn wherever they have theirs.
 *
 * Failure: a disk that fails stops the engine, as in a commit. Missing memory does not: the
 * checkpoint is given up and tried again later, since it only saves time. Nor does missing room,
 * where it is the last one and nothing comes behind it that would want room.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "engine/engine_priv.h"

/* How soon a host without a wake-up should look again while a checkpoint is being written. */
#define SNAPSHOT_PAUSE_US (INT64_C(10) * PAWL_US_PER_MS)
#define CHECKPOINT_OPS    UINT64_C(200000)

/* --- Jobs, on the workers. -------------------------------------------------------------------- */

static pawl_err begin_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    struct engine_snapshot *snapshot = &engine->snapshot;
    struct pawl_checkpoint_start start = {.op = snapshot->op,
                                          .rules_version = PAWL_RULES_VERSION,
                                          .chunk_bytes = PAWL_CHUNK_BYTES,
                                          .hash = snapshot->hash,
                                          .root =
                                              pawl_slice_of(snapshot->root, snapshot->root_bytes)};
    return pawl_checkpoint_begin(engine->files, engine->dir, &start, &snapshot->writer, msg);
}

static pawl_err slice_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    struct engine_snapshot *snapshot = &engine->snapshot;
    pawl_err err = PAWL_OK;
    for (uint32_t i = 0; i < snapshot->chunk_count && pawl_ok(err); i++) {
        err = pawl_checkpoint_chunk(snapshot->writer, snapshot->numbers[i],
                                    snapshot->chunks + (size_t)i * PAWL_CHUNK_BYTES, msg);
    }
    return err;
}

static pawl_err publish_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    struct pawl_checkpoint_writer *writer = engine->snapshot.writer;
    engine->snapshot.writer = NULL;
    return pawl_checkpoint_finish(writer, &engine->snapshot.row, msg);
}

static pawl_err remove_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    char path[PAWL_PATH_BYTES_MAX];
    pawl_err err = pawl_files_path(engine->dir, engine->snapshot.obsolete, path, msg);
    return pawl_ok(err) ? engine->files->ops->remove(engine->files->arg, path, msg) : err;
}

static void run(struct pawl_engine *engine, enum side_job job, pawl_worker_fn *fn)
{
    PAWL_ASSERT(engine->side_job == SIDE_NONE);
    engine->side_job = job;
    pawl_worker_run(&engine->side_worker, fn, engine);
}

/* --- The beginning. --------------------------------------------------------------------------- */

static bool make_buffers(struct engine_snapshot *snapshot)
{
    if (snapshot->root == NULL) {
        snapshot->root = pawl_alloc(pawl_core_size());
        snapshot->root_capacity = pawl_core_size();
    }
    if (snapshot->chunks == NULL) {
        snapshot->chunks = pawl_alloc((size_t)SNAPSHOT_SLICE_CHUNKS * PAWL_CHUNK_BYTES);
    }
    return snapshot->root != NULL && snapshot->chunks != NULL;
}

bool pawl_snapshot_begin(struct pawl_engine *engine)
{
    struct engine_snapshot *snapshot = &engine->snapshot;
    PAWL_ASSERT(snapshot->state == SNAPSHOT_NONE && snapshot->writer == NULL);
    if (!make_buffers(snapshot)) {
        return false;
    }
    pawl_core_snapshot_begin(engine->ledger.core);
    snapshot->root_bytes =
        pawl_core_snapshot_root(engine->ledger.core, snapshot->root, snapshot->root_capacity);
    PAWL_ASSERT(snapshot->root_bytes > 0 && snapshot->root_bytes <= snapshot->root_capacity);
    snapshot->state = SNAPSHOT_BEGUN;
    snapshot->op = pawl_core_op(engine->ledger.core);
    snapshot->chunk_count = 0;
    snapshot->handed_out = false;
    return true;
}

void pawl_snapshot_at_batch_end(struct pawl_engine *engine)
{
    uint64_t every = engine->options.checkpoint_every_ops;
    every = every == 0 ? CHECKPOINT_OPS : every;
    uint64_t op = pawl_core_op(engine->ledger.core);
    if (engine->snapshot.state == SNAPSHOT_NONE && op - engine->snapshot.tried_op >= every &&
        !pawl_snapshot_begin(engine)) {
        engine->snapshot.tried_op = op;
    }
}

void pawl_snapshot_note_durable(struct pawl_engine *engine)
{
    if (engine->snapshot.state == SNAPSHOT_BEGUN && engine->durable_op == engine->snapshot.op) {
        engine->snapshot.hash = engine->durable_hash;
    }
    pawl_engine_witness_note_durable(engine);
}

/* Without memory the checkpoint is given up; it comes again after as many operations. */
static void give_up(struct pawl_engine *engine, const char *why)
{
    struct engine_snapshot *snapshot = &engine->snapshot;
    pawl_log(PAWL_LOG_WARN, "no checkpoint this time: %s", why);
    if (pawl_core_snapshot_active(engine->ledger.core)) {
        pawl_core_snapshot_abort(engine->ledger.core);
    }
    if (snapshot->writer != NULL) {
        pawl_checkpoint_abandon(snapshot->writer);
        snapshot->writer = NULL;
    }
    snapshot->tried_op = snapshot->op;
    snapshot->state = SNAPSHOT_NONE;
}

/* Whether the core dropped it for want of memory. What was handed out whole is not touched by that.
 */
static bool dropped(const struct pawl_engine *engine)
{
    const struct engine_snapshot *snapshot = &engine->snapshot;
    return (snapshot->state == SNAPSHOT_BEGUN || snapshot->state == SNAPSHOT_STREAMING) &&
           !snapshot->handed_out && !pawl_core_snapshot_active(engine->ledger.core);
}

/* --- Giving jobs. ----------------------------------------------------------------------------- */

/* As many chunks as a slice takes. */
static void fill_slice(struct pawl_engine *engine)
{
    struct engine_snapshot *snapshot = &engine->snapshot;
    snapshot->chunk_count = 0;
    while (!snapshot->handed_out && snapshot->chunk_count < SNAPSHOT_SLICE_CHUNKS) {
        char *room = snapshot->chunks + (size_t)snapshot->chunk_count * PAWL_CHUNK_BYTES;
        uint32_t number = 0;
        if (pawl_core_snapshot_next(engine->ledger.core, &number, room)) {
            snapshot->numbers[snapshot->chunk_count++] = number;
        } else {
            snapshot->handed_out = true;
        }
    }
}

static bool start_file_job(struct pawl_engine *engine)
{
    struct engine_snapshot *snapshot = &engine->snapshot;
    if (engine->side_job != SIDE_NONE || engine->poisoned) {
        return false;
    }
    if (dropped(engine)) {
        give_up(engine, "no memory");
        return true;
    }
    /* First, since the next one may be under way already, and leaves another name here. Before the
     * journal names that, `obsolete` is still named. */
    if (snapshot->obsolete[0] != '\0' && snapshot->state != SNAPSHOT_DURABLE) {
        run(engine, SIDE_REMOVE, remove_job);
        return true;
    }
    if (snapshot->state == SNAPSHOT_BEGUN && engine->durable_op >= snapshot->op) {
        run(engine, SIDE_BEGIN, begin_job);
        return true;
    }
    if (snapshot->state == SNAPSHOT_STREAMING) {
        fill_slice(engine);
        bool slice = snapshot->chunk_count > 0;
        run(engine, slice ? SIDE_SLICE : SIDE_FINISH, slice ? slice_job : publish_job);
        return true;
    }
    return false;
}

bool pawl_snapshot_start_job(struct pawl_engine *engine)
{
    bool witness = pawl_engine_witness_start_job(engine);
    return start_file_job(engine) || witness;
}

/* --- Taking them back. ------------------------------------------------------------------------ */

static void side_failed(struct pawl_engine *engine,
                        enum side_job job,
                        pawl_err err,
                        const struct pawl_errmsg *msg)
{
    bool no_room = err.code == PAWL_ERR_FULL || err.code == PAWL_ERR_LIMIT;
    if (err.code != PAWL_ERR_MEMORY && !(no_room && engine->snapshot.last)) {
        pawl_engine_fail(engine, err, msg);
    } else if (job != SIDE_REMOVE) {
        give_up(engine, msg->text);
    }
}

static void side_done(struct pawl_engine *engine, enum side_job job)
{
    switch (job) {
    case SIDE_BEGIN:
        PAWL_ASSERT(engine->snapshot.state == SNAPSHOT_BEGUN && engine->snapshot.writer != NULL);
        engine->snapshot.state = SNAPSHOT_STREAMING;
        return;
    case SIDE_FINISH:
        PAWL_ASSERT(engine->snapshot.state == SNAPSHOT_STREAMING && engine->snapshot.handed_out);
        engine->snapshot.state = SNAPSHOT_DURABLE;
        return;
    case SIDE_REMOVE:
        engine->snapshot.obsolete[0] = '\0';
        return;
    case SIDE_SLICE:
    case SIDE_NONE:
        return;
    }
}

static bool finish_file_job(struct pawl_engine *engine)
{
    if (engine->side_job == SIDE_NONE ||
        pawl_worker_state(&engine->side_worker) != PAWL_WORKER_DONE) {
        return false;
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_worker_take(&engine->side_worker, &msg);
    enum side_job job = engine->side_job;
    engine->side_job = SIDE_NONE;
    if (pawl_failed(err)) {
        side_failed(engine, job, err, &msg);
        return false;
    }
    side_done(engine, job);
    return true;
}

bool pawl_snapshot_finish_job(struct pawl_engine *engine)
{
    bool witness = pawl_engine_witness_finish_job(engine);
    return finish_file_job(engine) || witness;
}

void pawl_snapshot_note_obsolete(struct pawl_engine *engine)
{
    PAWL_ASSERT(engine->snapshot.state == SNAPSHOT_DURABLE);
    PAWL_ASSERT(engine->snapshot.row.op == engine->snapshot.op);
    PAWL_ASSERT(engine->snapshot.obsolete[0] == '\0');
    struct pawl_journal_checkpoint oldest;
    if (engine->journal->ops->checkpoint(engine->journal, 1, &oldest)) {
        _Static_assert(sizeof(engine->snapshot.obsolete) == sizeof(oldest.file), "names fit");
        memcpy(engine->snapshot.obsolete, oldest.file, sizeof(oldest.file));
    }
}

void pawl_snapshot_named(struct pawl_engine *engine)
{
    PAWL_ASSERT(engine->snapshot.state == SNAPSHOT_DURABLE);
    engine->snapshot.state = SNAPSHOT_NONE;
    engine->snapshot.named_op = engine->snapshot.op;
    engine->snapshot.tried_op = engine->snapshot.op;
    pawl_engine_witness_hurry(engine);
}

/* --- For the rest of the engine. -------------------------------------------------------------- */

int64_t pawl_snapshot_next_due_us(const struct pawl_engine *engine)
{
    int64_t witness_us = pawl_engine_witness_next_due_us(engine);
    if (engine->snapshot.state != SNAPSHOT_NONE || engine->side_job != SIDE_NONE ||
        engine->witness_writing) {
        int64_t soon_us = engine->slew.now_us + SNAPSHOT_PAUSE_US;
        return soon_us < witness_us ? soon_us : witness_us;
    }
    return witness_us;
}

void pawl_snapshot_free(struct pawl_engine *engine)
{
    if (engine->snapshot.writer != NULL) {
        pawl_checkpoint_abandon(engine->snapshot.writer);
    }
    pawl_free(engine->snapshot.root);
    pawl_free(engine->snapshot.chunks);
}
