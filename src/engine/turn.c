/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.c: what moves the engine: the calls of engine.h that take finished jobs back, answer, and
 * start the next ones. Everything below it does one thing when it is asked to.
 *
 * With the thread the next commit starts before the answers of the last one go out, so the disk
 * does not wait for the callbacks; on the spot it is the other way round, since the commit would
 * hold the answers up.
 *
 * Callbacks may ask for more, and may call in here again: `advancing` makes that do nothing, since
 * the call that is on the stack goes on anyway.
 */
#include "base/assert.h"
#include "engine/engine_priv.h"

/* Rounds of one turn: with commits inline each may be a commit. What is left then is told by
 * next_due. */
enum { ROUNDS_MAX = 16 };

/* Takes finished jobs, answers, starts jobs. false: nothing moved. */
static bool advance(struct pawl_engine *engine)
{
    bool threaded = pawl_engine_commits_on_thread(engine);
    bool moved = pawl_engine_finish_job(engine);
    moved = pawl_snapshot_finish_job(engine) || moved;
    if (threaded) {
        moved = pawl_engine_start_job(engine) || moved;
    }
    moved = pawl_engine_answer_ready(engine) || moved;
    if (!threaded) {
        moved = pawl_engine_start_job(engine) || moved;
    }
    moved = pawl_snapshot_start_job(engine) || moved;
    return moved && !engine->poisoned;
}

void pawl_engine_turn(struct pawl_engine *engine)
{
    if (engine->advancing || engine->poisoned) {
        return;
    }
    engine->advancing = true;
    int round = 0;
    while (round < ROUNDS_MAX && advance(engine)) {
        round++;
    }
    engine->advancing = false;
    if (round == ROUNDS_MAX && engine->options.wake != NULL) {
        engine->options.wake(engine->options.wake_arg);
    }
}

void pawl_engine_collect(struct pawl_engine *engine)
{
    pawl_engine_turn(engine);
}

void pawl_engine_flush(struct pawl_engine *engine)
{
    if (engine->advancing) {
        return;
    }
    engine->advancing = true;
    while (!engine->poisoned &&
           (engine->job != JOB_NONE || engine->slots[engine->collecting].first_op != 0 ||
            engine->waiting_first != NULL)) {
        engine->wanted_op = pawl_core_op(engine->ledger.core);
        if (!advance(engine) && !engine->poisoned) {
            pawl_worker_wait(&engine->journal_worker);
        }
    }
    engine->advancing = false;
}

/* --- A checkpoint on request. ----------------------------------------------------------------- */

/* Who asked for it may think better of it. */
struct patience {
    bool (*cut)(void *arg); /* NULL: never */
    void *arg;
    bool is_cut;
};

static void run_to_end(struct pawl_engine *engine, struct patience *patience)
{
    while (!engine->poisoned && engine->snapshot.state != SNAPSHOT_NONE && !patience->is_cut) {
        if (!advance(engine)) {
            pawl_worker_wait(&engine->side_worker);
            pawl_worker_wait(&engine->journal_worker);
        }
        patience->is_cut = patience->cut != NULL && patience->cut(patience->arg);
    }
}

/* What was asked for before is durable then, and in a checkpoint that the journal names. */
static pawl_err
checkpoint(struct pawl_engine *engine, struct patience *patience, struct pawl_errmsg *msg)
{
    uint64_t op = pawl_core_op(engine->ledger.core);
    pawl_engine_make_durable(engine, op);
    run_to_end(engine, patience);
    /* Answers that went out meanwhile may have led to new operations. */
    op = pawl_core_op(engine->ledger.core);
    pawl_engine_make_durable(engine, op);
    if (!engine->poisoned && engine->snapshot.state == SNAPSHOT_NONE &&
        engine->snapshot.named_op < op) {
        if (!pawl_snapshot_begin(engine)) {
            pawl_errmsg_set(msg, "no memory for a checkpoint");
            return PAWL_ERR(MEMORY);
        }
        engine->snapshot.hash = engine->durable_hash;
        run_to_end(engine, patience);
    }
    struct pawl_journal_checkpoint newest;
    if (!engine->poisoned && engine->journal->ops->checkpoint(engine->journal, 0, &newest) &&
        newest.op >= op) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "the checkpoint at operation %llu was not written",
                    (unsigned long long)op);
    if (engine->poisoned) {
        return PAWL_ERR(POISONED);
    }
    return patience->is_cut ? PAWL_ERR(TIMEOUT) : PAWL_ERR(MEMORY);
}

static pawl_err
run_checkpoint(struct pawl_engine *engine, struct patience *patience, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(!engine->advancing);
    engine->advancing = true;
    pawl_err err = checkpoint(engine, patience, msg);
    engine->advancing = false;
    return err;
}

pawl_err pawl_engine_checkpoint(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    struct patience patience = {.cut = NULL};
    return run_checkpoint(engine, &patience, msg);
}

pawl_err pawl_engine_checkpoint_last(struct pawl_engine *engine,
                                     bool (*cut)(void *arg),
                                     void *arg,
                                     struct pawl_errmsg *msg)
{
    struct patience patience = {.cut = cut, .arg = arg};
    engine->snapshot.last = true;
    return run_checkpoint(engine, &patience, msg);
}
