/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c: the life of an engine, and the calls of engine.h that are not a batch's, a
 * checkpoint's or a look-up's. engine_priv.h says which file has what.
 *
 * Everything runs on the opener's thread but two kinds of jobs, which workers run: calls of the
 * journal, and files beside it. A worker owns what its job touches until the job is taken back, so
 * there is no lock around the engine.
 */
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "engine/engine_priv.h"

static struct pawl_engine *engine_of(struct pawl_authority *authority)
{
    struct pawl_engine *engine = (struct pawl_engine *)authority;
    PAWL_ASSERT(authority != NULL && engine->magic == ENGINE_MAGIC);
    return engine;
}

static void authority_submit(struct pawl_authority *authority,
                             const struct pawl_command *command,
                             struct pawl_op *op)
{
    pawl_engine_submit(engine_of(authority), command, op);
}

static uint16_t authority_quote(struct pawl_authority *authority,
                                const struct pawl_subject *subject,
                                struct pawl_slice phase,
                                const uint16_t *units,
                                uint32_t unit_count,
                                struct pawl_quote *ret_quotes,
                                struct pawl_denial *ret_denial)
{
    struct pawl_engine *engine = engine_of(authority);
    return pawl_core_quote(engine->ledger.core, pawl_engine_now_us(engine), subject, phase, units,
                           unit_count, ret_quotes, ret_denial);
}

static int64_t authority_now_us(struct pawl_authority *authority)
{
    return pawl_engine_now_us(engine_of(authority));
}

static const struct pawl_authority_ops authority_ops = {
    .submit = authority_submit, .quote = authority_quote, .now_us = authority_now_us};

/* --- Life. ------------------------------------------------------------------------------------ */

static void release(struct pawl_engine *engine)
{
    if (engine->journal != NULL) {
        engine->journal->ops->close(engine->journal);
    }
    pawl_snapshot_free(engine);
    pawl_ledger_free(&engine->ledger);
    pawl_fold_free(&engine->fold);
    pawl_buf_free(&engine->slots[0].blob);
    pawl_buf_free(&engine->slots[1].blob);
    pawl_buf_free(&engine->lookup);
    pawl_free(engine->scratch);
    engine->magic = 0;
    pawl_free(engine);
}

static struct pawl_engine *make(const struct pawl_engine_options *options)
{
    struct pawl_engine *engine = pawl_alloc_zeroed(1, sizeof(*engine));
    if (engine == NULL) {
        return NULL;
    }
    engine->authority.ops = &authority_ops;
    engine->magic = ENGINE_MAGIC;
    engine->options = *options;
    engine->files = options->files != NULL ? options->files : pawl_files_os();
    engine->witness_due_us = INT64_MAX;
    pawl_fold_init(&engine->fold);
    pawl_buf_init(&engine->slots[0].blob, BATCH_BYTES_MAX);
    pawl_buf_init(&engine->slots[1].blob, BATCH_BYTES_MAX);
    pawl_buf_init(&engine->lookup, BATCH_BYTES_MAX);
    engine->scratch = pawl_alloc(sizeof(*engine->scratch));
    if (engine->scratch == NULL || !pawl_ledger_init(&engine->ledger)) {
        release(engine);
        return NULL;
    }
    return engine;
}

static pawl_err start_workers(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    const struct pawl_engine_options *options = &engine->options;
    bool commits = options->commit_mode == PAWL_COMMIT_THREAD && !options->single_threaded;
    pawl_err err = pawl_worker_open(&engine->journal_worker, "journal", commits, options->wake,
                                    options->wake_arg, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = pawl_worker_open(&engine->side_worker, "checkpoint", !options->single_threaded,
                           options->wake, options->wake_arg, msg);
    if (pawl_failed(err)) {
        pawl_worker_close(&engine->journal_worker);
        return err;
    }
    err = pawl_worker_open(&engine->witness_worker, "witness", !options->single_threaded,
                           options->wake, options->wake_arg, msg);
    if (pawl_failed(err)) {
        pawl_worker_close(&engine->journal_worker);
        pawl_worker_close(&engine->side_worker);
    }
    return err;
}

pawl_err pawl_engine_open(const struct pawl_engine_options *options,
                          struct pawl_engine **ret_engine,
                          struct pawl_errmsg *msg)
{
    PAWL_ASSERT(options->journal != NULL && options->dir != NULL && options->fatal != NULL);
    struct pawl_engine *engine = make(options);
    if (engine == NULL) {
        options->journal->ops->close(options->journal);
        pawl_errmsg_set(msg, "no memory to open the ledger in %s", options->dir);
        return PAWL_ERR(MEMORY);
    }
    engine->journal = options->journal;
    pawl_err err = PAWL_OK;
    if (!pawl_slice_copy_str(pawl_slice_str(options->dir), engine->dir, sizeof(engine->dir))) {
        pawl_errmsg_set(msg, "the name of the journal's directory is too long");
        err = PAWL_ERR(INVALID);
    }
    if (pawl_ok(err)) {
        err = pawl_engine_load(engine, msg);
    }
    if (pawl_ok(err)) {
        err = start_workers(engine, msg);
    }
    if (pawl_failed(err)) {
        release(engine);
        return err;
    }
    *ret_engine = engine;
    return PAWL_OK;
}

/* The last words: what was collected, and an exact witness (J11). */
static void end(struct pawl_engine *engine)
{
    pawl_engine_flush(engine);
    pawl_worker_wait(&engine->side_worker);
    pawl_worker_wait(&engine->witness_worker);
    (void)pawl_snapshot_finish_job(engine);
    struct pawl_errmsg msg = {""};
    pawl_err err = engine->poisoned ? PAWL_OK : pawl_engine_witness_write_last(engine, &msg);
    if (pawl_failed(err)) {
        pawl_engine_fail(engine, err, &msg);
    }
}

void pawl_engine_close(struct pawl_engine *engine)
{
    PAWL_ASSERT(engine->magic == ENGINE_MAGIC && !engine->advancing);
    end(engine);
    pawl_worker_close(&engine->journal_worker);
    pawl_worker_close(&engine->side_worker);
    pawl_worker_close(&engine->witness_worker);
    release(engine);
}

/* --- Time. ------------------------------------------------------------------------------------ */

/* A record of the engine's own. */
static void note(struct pawl_engine *engine, uint16_t kind, struct pawl_slice metadata)
{
    const struct pawl_command command = {.type = PAWL_COMMAND_NOTE,
                                         .metadata = metadata,
                                         .u.note = {.tenant = PAWL_SLICE("pawl"), .kind = kind}};
    pawl_engine_apply_own(engine, &command);
}

/* A step of the machine's clock is worth a line in the log and a record: it explains later why the
 * ledger's times and everybody else's differ. */
static void note_step(struct pawl_engine *engine, int64_t step_us)
{
    char text[96];
    int length = snprintf(text, sizeof(text), "{\"step_us\":%" PRId64 "}", step_us);
    pawl_log(PAWL_LOG_WARN,
             "the machine's clock stepped by %" PRId64 " s; the ledger's follows slowly",
             step_us / PAWL_US_PER_SECOND);
    note(engine, PAWL_ENGINE_NOTE_CLOCK_STEP, pawl_slice_of(text, (size_t)length));
}

/* When nothing has been recorded for too long. */
static int64_t alive_due_us(const struct pawl_engine *engine)
{
    int64_t every_us = engine->options.alive_every_us;
    return every_us > 0 ? pawl_core_now_us(engine->ledger.core) + every_us : INT64_MAX;
}

int64_t pawl_engine_now_us(struct pawl_engine *engine)
{
    return pawl_slew_now_us(&engine->slew);
}

void pawl_engine_tick(struct pawl_engine *engine)
{
    if (engine->poisoned) {
        return;
    }
    int64_t now_us = pawl_engine_now_us(engine);
    int64_t step_us = 0;
    if (pawl_slew_stepped(&engine->slew, &step_us)) {
        note_step(engine, step_us);
    }
    if (!engine->poisoned && pawl_core_next_due_us(engine->ledger.core) <= now_us) {
        struct pawl_command expire = {.type = PAWL_COMMAND_EXPIRE,
                                      .u.expire = {.until_us = now_us, .max = PAWL_EXPIRE_MAX}};
        pawl_engine_apply_own(engine, &expire);
    }
    if (!engine->poisoned && alive_due_us(engine) <= now_us) {
        note(engine, PAWL_ENGINE_NOTE_ALIVE, PAWL_SLICE_NONE);
    }
}

/* Whether a turn that ended after so many rounds left something that the next one can do at once.
 * A thread that has done its job says so with a wake; a job done on the spot does not. */
static bool turn_is_due(const struct pawl_engine *engine)
{
    bool collected = engine->job == JOB_NONE && pawl_engine_commit_is_due(engine);
    bool committed = engine->job != JOB_NONE && !engine->journal_worker.threaded;
    bool written = (engine->side_job != SIDE_NONE && !engine->side_worker.threaded) ||
                   (engine->witness_writing && !engine->witness_worker.threaded);
    bool answer =
        engine->waiting_first != NULL && engine->waiting_first->needs_op <= engine->durable_op;
    return !engine->poisoned && (collected || committed || written || answer);
}

int64_t pawl_engine_next_due_us(const struct pawl_engine *engine)
{
    int64_t due_us = pawl_core_next_due_us(engine->ledger.core);
    int64_t files_us = pawl_snapshot_next_due_us(engine);
    due_us = files_us < due_us ? files_us : due_us;
    int64_t alive_us = alive_due_us(engine);
    due_us = alive_us < due_us ? alive_us : due_us;
    bool lazy = engine->job == JOB_NONE && engine->slots[engine->collecting].first_op != 0;
    due_us = lazy && engine->lazy_due_us < due_us ? engine->lazy_due_us : due_us;
    int64_t now_us = engine->slew.now_us;
    return turn_is_due(engine) && now_us < due_us ? now_us : due_us;
}

/* --- Reads. ----------------------------------------------------------------------------------- */

struct pawl_authority *pawl_engine_authority(struct pawl_engine *engine)
{
    return &engine->authority;
}

const struct pawl_core *pawl_engine_core(const struct pawl_engine *engine)
{
    return engine->ledger.core;
}

uint64_t pawl_engine_first_op(struct pawl_engine *engine)
{
    pawl_worker_wait(&engine->journal_worker);
    return engine->journal->ops->head(engine->journal).first_op;
}

void pawl_engine_stats(const struct pawl_engine *engine, struct pawl_engine_stats *ret_stats)
{
    *ret_stats = (struct pawl_engine_stats){.op = pawl_core_op(engine->ledger.core),
                                            .durable_op = engine->durable_op,
                                            .checkpoint_op = engine->snapshot.named_op,
                                            .lapsed_holds = engine->lapsed_holds,
                                            .waiting = engine->waiting_count};
}

int64_t pawl_engine_commit_us(const struct pawl_engine *engine)
{
    PAWL_ASSERT(engine->job == JOB_NONE); /* the thread writes it */
    return engine->commit_us;
}

uint64_t pawl_engine_durable_op(const struct pawl_engine *engine)
{
    return engine->durable_op;
}

bool pawl_engine_poisoned(const struct pawl_engine *engine)
{
    return engine->poisoned;
}
