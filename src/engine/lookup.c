/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c: read back from the journal: the original answer of an idempotent repeat, and
 * everything since some operation, as records or as batches, for who lags.
 *
 * The journal takes one call at a time, so a look-up waits for the commit that is under way; what
 * is asked for and still collecting is committed first. That is rare: a repeat in the same turn as
 * its original.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "engine/engine_priv.h"

/* Nobody else uses the journal when this returns. */
static pawl_err quiet(struct pawl_engine *engine, uint64_t op, struct pawl_errmsg *msg)
{
    if (op <= pawl_core_op(engine->ledger.core)) {
        pawl_engine_make_durable(engine, op);
    }
    pawl_worker_wait(&engine->journal_worker);
    if (engine->poisoned) {
        pawl_errmsg_set(msg, "the engine failed before");
        return PAWL_ERR(POISONED);
    }
    return PAWL_OK;
}

static bool copy_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct pawl_buf *copy = arg;
    pawl_buf_append_slice(copy, batch->blob);
    return false;
}

pawl_err pawl_engine_original(struct pawl_engine *engine,
                              uint64_t op,
                              struct pawl_codec_scratch *scratch,
                              struct pawl_record *ret_record,
                              struct pawl_errmsg *msg)
{
    PAWL_ASSERT(scratch != NULL);
    pawl_err err = quiet(engine, op, msg);
    if (pawl_ok(err) && (op == 0 || op > engine->durable_op)) {
        pawl_errmsg_set(msg, "there is no operation %" PRIu64, op);
        err = PAWL_ERR(NOT_FOUND);
    }
    if (pawl_failed(err)) {
        return err;
    }
    pawl_buf_reset(&engine->lookup);
    err = engine->journal->ops->read(engine->journal, op, copy_batch, &engine->lookup, msg);
    if (pawl_ok(err) && engine->lookup.overflowed) {
        pawl_errmsg_set(msg, "no memory to read operation %" PRIu64, op);
        err = PAWL_ERR(MEMORY);
    }
    if (pawl_ok(err) &&
        !pawl_record_batch_find(pawl_buf_slice(&engine->lookup), op, scratch, ret_record)) {
        pawl_errmsg_set(msg, "operation %" PRIu64 " cannot be read back", op);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

struct records {
    struct pawl_engine *engine;
    uint64_t from_op;
    pawl_engine_record_fn *fn;
    void *arg;
    bool damaged;
};

static bool tell_records(void *arg, const struct pawl_journal_batch *batch)
{
    struct records *records = arg;
    struct pawl_record_cursor cursor;
    struct pawl_record record;
    bool sound = pawl_record_batch_open(batch->blob, &cursor);
    while (sound && pawl_record_batch_next(&cursor, records->engine->scratch, &record)) {
        if (record.op >= records->from_op && !records->fn(records->arg, &record)) {
            return false;
        }
    }
    records->damaged = !sound || cursor.left > 0;
    return !records->damaged;
}

pawl_err pawl_engine_records(struct pawl_engine *engine,
                             uint64_t from_op,
                             pawl_engine_record_fn *fn,
                             void *arg,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(fn != NULL);
    pawl_err err = quiet(engine, 0, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct records records = {.engine = engine, .from_op = from_op, .fn = fn, .arg = arg};
    err = engine->journal->ops->read(engine->journal, from_op, tell_records, &records, msg);
    if (pawl_ok(err) && records.damaged) {
        pawl_errmsg_set(msg, "a record from operation %" PRIu64 " on cannot be read", from_op);
        err = PAWL_ERR(CORRUPT);
    }
    return err;
}

pawl_err pawl_engine_batches(struct pawl_engine *engine,
                             uint64_t from_op,
                             pawl_journal_batch_fn *fn,
                             void *arg,
                             struct pawl_errmsg *msg)
{
    PAWL_ASSERT(fn != NULL && from_op > 0);
    pawl_err err = quiet(engine, 0, msg);
    if (pawl_failed(err) || from_op > engine->durable_op) {
        return err;
    }
    return engine->journal->ops->read(engine->journal, from_op, fn, arg, msg);
}
