/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.c: when the witness is written (J11). It is made from what is durable, and due three
 * quarters of a second after the first commit that it does not know; at once after a checkpoint was
 * named; and exactly at an orderly end. It has a worker of its own, so that it need not wait for a
 * checkpoint's sync.
 *
 * Failure: a disk that fails stops the engine, as in a commit. Missing memory does not: the next
 * witness comes as late as any.
 */
#include "base/assert.h"
#include "engine/engine_priv.h"

/* The second of J11, less what the writing may take. */
#define WITNESS_LAG_US (INT64_C(750) * PAWL_US_PER_MS)

static bool lags(const struct pawl_engine *engine)
{
    PAWL_ASSERT(engine->witness.op <= engine->durable_op); /* J11 */
    return engine->witness.op < engine->durable_op;
}

void pawl_engine_witness_note_durable(struct pawl_engine *engine)
{
    if (engine->witness_due_us == INT64_MAX) {
        engine->witness_due_us = pawl_slew_now_us(&engine->slew) + WITNESS_LAG_US;
    }
}

void pawl_engine_witness_hurry(struct pawl_engine *engine)
{
    if (lags(engine)) {
        engine->witness_due_us = pawl_slew_now_us(&engine->slew);
    }
}

int64_t pawl_engine_witness_next_due_us(const struct pawl_engine *engine)
{
    return engine->witness_writing || !lags(engine) ? INT64_MAX : engine->witness_due_us;
}

static pawl_err witness_job(void *arg, struct pawl_errmsg *msg)
{
    struct pawl_engine *engine = arg;
    return pawl_witness_write(engine->files, engine->dir, &engine->witness_next, msg);
}

bool pawl_engine_witness_start_job(struct pawl_engine *engine)
{
    int64_t due_us = pawl_engine_witness_next_due_us(engine);
    if (engine->poisoned || due_us == INT64_MAX || pawl_slew_now_us(&engine->slew) < due_us) {
        return false;
    }
    engine->witness_next =
        (struct pawl_witness){.op = engine->durable_op, .hash = engine->durable_hash};
    engine->witness_due_us = INT64_MAX;
    engine->witness_writing = true;
    pawl_worker_run(&engine->witness_worker, witness_job, engine);
    return true;
}

bool pawl_engine_witness_finish_job(struct pawl_engine *engine)
{
    if (!engine->witness_writing ||
        pawl_worker_state(&engine->witness_worker) != PAWL_WORKER_DONE) {
        return false;
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_worker_take(&engine->witness_worker, &msg);
    engine->witness_writing = false;
    if (pawl_failed(err) && err.code != PAWL_ERR_MEMORY) {
        pawl_engine_fail(engine, err, &msg);
        return false;
    }
    if (pawl_ok(err)) {
        engine->witness = engine->witness_next;
    }
    if (lags(engine)) {
        pawl_engine_witness_note_durable(engine);
    }
    return true;
}

pawl_err pawl_engine_witness_write_last(struct pawl_engine *engine, struct pawl_errmsg *msg)
{
    if (!lags(engine)) {
        return PAWL_OK;
    }
    struct pawl_witness witness = {.op = engine->durable_op, .hash = engine->durable_hash};
    return pawl_witness_write(engine->files, engine->dir, &witness, msg);
}
