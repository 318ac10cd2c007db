/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c: what the journal is asked to do, one job at a time: commit a batch, name a
 * checkpoint, tidy up, let the oldest segment go. Jobs run on the worker, or on the spot: with
 * PAWL_COMMIT_INLINE all of them, else a commit while nothing flows through the host's loop. Either
 * way no two calls of the journal overlap, and a batch under way is nobody's but the job's.
 *
 * Two slots: one batch is written while the other collects.
 *
 * Failure: the first failed job stops the engine for good (J2). Nothing is retried.
 */
#include "base/assert.h"
#include "engine/engine_priv.h"

/* A batch of so many at least is given to the thread before the turn ends: whoever asks that much
 * in one turn has more to do in it, and the sync runs beside that. Under load it is half of all
 * that ask at once: one half is being synced while the other is being served, where a smaller one
 * would be done at once and leave all the others to wait for the next sync. That number fades by a
 * sixteenth a batch when fewer ask. */
enum { EARLY_RECORDS = 16, EARLY_FADE = 16 };

/* --- Jobs, on the worker. --------------------------------------------------------------------- */

static pawl_err commit_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    struct pawl_journal_batch *batch = &engine->batch;
    const struct pawl_clock *clock = &engine->options.clock;
    bool timed = engine->options.durable_batch != NULL;
    int64_t start_us = timed ? clock->boot_us(clock->arg) : 0;
    batch->hash = pawl_journal_chain(batch->previous, batch->blob);
    pawl_err err = engine->journal->ops->append(engine->journal, batch, msg);
    engine->commit_us = timed ? clock->boot_us(clock->arg) - start_us : 0;
    return err;
}

static pawl_err name_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    return engine->journal->ops->add_checkpoint(engine->journal, &engine->snapshot.row, msg);
}

static pawl_err tidy_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    return engine->journal->ops->idle(engine->journal, msg);
}

static pawl_err retire_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    return engine->journal->ops->retire(engine->journal, &engine->options.retention,
                                        engine->retire_now_us, &engine->retired, msg);
}

/* Looks for the oldest record that is needed, once a segment could go but for that, and says
 * whether it is a later one than was known. Going through the reservations takes a while where
 * there are a million; so as long as the one that was the oldest is held, it is still. */
static bool needs_less(struct pawl_engine *engine)
{
    struct pawl_journal_retention *retention = &engine->options.retention;
    struct pawl_reservation_view view;
    uint64_t known = retention->needed_op;
    PAWL_ASSERT(engine->options.keep_answers && known > 0);
    if (!pawl_core_reservation(engine->ledger.core, known, &view)) {
        retention->needed_op = pawl_core_needed_op(engine->ledger.core);
    }
    PAWL_ASSERT(retention->needed_op >= known);
    return retention->needed_op > known;
}

void pawl_engine_look_at_retention(struct pawl_engine *engine)
{
    engine->retire_due = !engine->options.retention.keep_all;
}

/* --- Starting them. --------------------------------------------------------------------------- */

bool pawl_engine_commits_on_thread(const struct pawl_engine *engine)
{
    const struct pawl_engine_options *options = &engine->options;
    return engine->journal_worker.threaded &&
           (options->flowing == NULL || options->flowing(options->flowing_arg));
}

static uint64_t records_of(const struct engine_slot *slot)
{
    PAWL_ASSERT(slot->first_op != 0 && slot->last_op >= slot->first_op);
    return slot->last_op - slot->first_op + 1;
}

/* What two batches in a row have is what all who ask at once have under way; the most of it lately,
 * since a few that come late make a small batch between large ones. Before the last batch gives way
 * to this one. */
static void note_batch(struct pawl_engine *engine, const struct engine_slot *slot)
{
    const struct pawl_journal_batch *last = &engine->batch;
    uint64_t before = last->first_op != 0 ? last->last_op - last->first_op + 1 : 0;
    uint64_t both = before + records_of(slot);
    uint64_t faded = engine->both_records - engine->both_records / EARLY_FADE;
    engine->both_records = both > faded ? both : faded;
}

static void start_commit(struct pawl_engine *engine, bool threaded)
{
    struct engine_slot *slot = &engine->slots[engine->collecting];
    PAWL_ASSERT(slot->first_op == engine->durable_op + 1);
    PAWL_ASSERT(slot->last_op == pawl_core_op(engine->ledger.core));
    pawl_snapshot_at_batch_end(engine);
    pawl_record_batch_end(&slot->blob);
    note_batch(engine, slot);
    engine->batch = (struct pawl_journal_batch){.first_op = slot->first_op,
                                                .last_op = slot->last_op,
                                                .blob = pawl_buf_slice(&slot->blob),
                                                .previous = engine->durable_hash};
    engine->collecting ^= 1;
    PAWL_ASSERT(engine->slots[engine->collecting].first_op == 0);
    pawl_fold_forget(&engine->fold);
    engine->job = JOB_COMMIT;
    if (threaded) {
        pawl_worker_run(&engine->journal_worker, commit_job, engine);
    } else {
        pawl_worker_run_here(&engine->journal_worker, commit_job, engine);
    }
}

static bool is_wanted(const struct pawl_engine *engine)
{
    const struct engine_slot *slot = &engine->slots[engine->collecting];
    return slot->first_op != 0 && engine->wanted_op >= slot->first_op;
}

bool pawl_engine_commit_is_due(const struct pawl_engine *engine)
{
    bool collected = engine->slots[engine->collecting].first_op != 0;
    return is_wanted(engine) || (collected && engine->slew.now_us >= engine->lazy_due_us);
}

/* The same by the time that it is now, which is only read where it decides. */
static bool commit_is_due(struct pawl_engine *engine)
{
    if (engine->slots[engine->collecting].first_op != 0 && !is_wanted(engine)) {
        (void)pawl_slew_now_us(&engine->slew);
    }
    return pawl_engine_commit_is_due(engine);
}

bool pawl_engine_start_job(struct pawl_engine *engine)
{
    if (engine->job != JOB_NONE || engine->poisoned) {
        return false;
    }
    if (engine->snapshot.state == SNAPSHOT_DURABLE) {
        engine->job = JOB_NAME;
        pawl_snapshot_note_obsolete(engine);
        pawl_worker_run(&engine->journal_worker, name_job, engine);
    } else if (commit_is_due(engine)) {
        start_commit(engine, pawl_engine_commits_on_thread(engine));
    } else if (engine->commits_since_tidy >= TIDY_COMMITS) {
        engine->commits_since_tidy = 0;
        engine->job = JOB_TIDY;
        pawl_worker_run(&engine->journal_worker, tidy_job, engine);
    } else if (engine->retire_due) {
        engine->retire_due = false;
        engine->retire_now_us = pawl_slew_now_us(&engine->slew);
        engine->job = JOB_RETIRE;
        pawl_worker_run(&engine->journal_worker, retire_job, engine);
    } else {
        return false;
    }
    return true;
}

/* --- Taking them back. ------------------------------------------------------------------------ */

static void tell_durable(struct pawl_engine *engine)
{
    if (engine->options.durable_batch != NULL) {
        engine->options.durable_batch(engine->options.durable_batch_arg, &engine->batch);
    }
    if (engine->options.durable == NULL) {
        return;
    }
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    bool sound = pawl_record_batch_open(engine->batch.blob, &cursor);
    PAWL_ASSERT(sound);
    while (pawl_record_batch_next(&cursor, engine->scratch, &record)) {
        engine->options.durable(engine->options.durable_arg, &record);
    }
    PAWL_ASSERT(cursor.left == 0);
}

static void commit_done(struct pawl_engine *engine)
{
    struct engine_slot *slot = &engine->slots[engine->collecting ^ 1];
    PAWL_ASSERT(slot->first_op == engine->batch.first_op && slot->last_op == engine->batch.last_op);
    PAWL_ASSERT(engine->durable_op + 1 == slot->first_op); /* J5 */
    engine->durable_op = engine->batch.last_op;
    engine->durable_hash = engine->batch.hash;
    engine->commits_since_tidy++;
    engine->commits_since_retention++;
    pawl_snapshot_note_durable(engine);
    tell_durable(engine);
    slot->first_op = 0;
    slot->last_op = 0;
    pawl_buf_reset(&slot->blob);
}

bool pawl_engine_finish_job(struct pawl_engine *engine)
{
    if (engine->job == JOB_NONE || pawl_worker_state(&engine->journal_worker) != PAWL_WORKER_DONE) {
        return false;
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_worker_take(&engine->journal_worker, &msg);
    enum engine_job job = engine->job;
    engine->job = JOB_NONE;
    if (pawl_failed(err)) {
        pawl_engine_fail(engine, err, &msg);
        return false;
    }
    switch (job) {
    case JOB_COMMIT:
        commit_done(engine);
        break;
    case JOB_NAME:
        pawl_snapshot_named(engine);
        pawl_engine_look_at_retention(engine); /* It may have been waited for. */
        break;
    case JOB_TIDY:
        if (engine->commits_since_retention >= RETENTION_COMMITS) {
            engine->commits_since_retention = 0;
            pawl_engine_look_at_retention(engine);
        }
        break;
    case JOB_RETIRE:
        engine->retire_due = engine->retired == PAWL_JOURNAL_REMOVED || /* Perhaps the next one. */
                             (engine->retired == PAWL_JOURNAL_NEEDED && needs_less(engine));
        break;
    case JOB_NONE:
        break;
    }
    return true;
}

void pawl_engine_commit_early(struct pawl_engine *engine)
{
    const struct engine_slot *slot = &engine->slots[engine->collecting];
    if (!engine->journal_worker.threaded || engine->poisoned || !is_wanted(engine) ||
        records_of(slot) < EARLY_RECORDS || records_of(slot) < engine->both_records / 2) {
        return;
    }
    (void)pawl_engine_finish_job(engine); /* The last one, if it is done: it is answered later. */
    if (engine->job == JOB_NONE && !engine->poisoned) {
        start_commit(engine, true);
    }
}

void pawl_engine_make_durable(struct pawl_engine *engine, uint64_t op)
{
    PAWL_ASSERT(op <= pawl_core_op(engine->ledger.core));
    engine->wanted_op = op > engine->wanted_op ? op : engine->wanted_op;
    while (!engine->poisoned && engine->durable_op < op) {
        (void)pawl_engine_start_job(engine);
        pawl_worker_wait(&engine->journal_worker);
        (void)pawl_engine_finish_job(engine);
    }
}
