/* SPDX-License-Identifier: Apache-2.0 */
/*
 * submit.c: from a command to a result and its record.
 *
 * Before a command is applied everything that could still fail is done: it fits the journal's
 * encoding, the core has its memory, the batch has room for the record. What cannot be made
 * ready is answered without being applied, so there is never a change without its record.
 */
#include "base/assert.h"
#include "engine/engine_priv.h"

/* The core's memory. A checkpoint gives way to a command. */
static bool supply(struct pawl_engine *engine, uint16_t type)
{
    struct pawl_core *core = engine->ledger.core;
    /* One EXPIRE changes as much as many others, all of which a snapshot may have to copy. */
    uint32_t count = type == PAWL_COMMAND_EXPIRE && pawl_core_snapshot_active(core) ? 16 : 1;
    if (pawl_ledger_supply(&engine->ledger, count)) {
        return true;
    }
    if (!pawl_core_snapshot_active(core)) {
        return false;
    }
    pawl_core_snapshot_abort(core); /* snapshot.c will notice */
    return pawl_ledger_supply(&engine->ledger, 1);
}

/* Everything that apply and the record need. false: no memory. */
static bool make_ready(struct pawl_engine *engine, uint16_t type)
{
    if (engine->slots[engine->collecting].blob.bytes >= BATCH_BYTES) {
        pawl_engine_make_durable(engine, pawl_core_op(engine->ledger.core));
    }
    if (engine->poisoned || !supply(engine, type)) {
        return false;
    }
    struct engine_slot *slot = &engine->slots[engine->collecting];
    if (slot->blob.bytes == 0) {
        pawl_record_batch_begin(&slot->blob);
    }
    bool room =
        !slot->blob.overflowed && pawl_buf_reserve(&slot->blob, PAWL_RECORD_BYTES_MAX) != NULL;
    if (!room && slot->first_op == 0) {
        pawl_buf_reset(&slot->blob);
    }
    return room;
}

/* Applies and records; make_ready was true. */
static void apply(struct pawl_engine *engine,
                  const struct pawl_command *command,
                  int64_t now_us,
                  struct pawl_result *ret_result)
{
    struct engine_slot *slot = &engine->slots[engine->collecting];
    size_t offset = slot->blob.bytes;
    pawl_core_apply(engine->ledger.core, now_us, command, ret_result);
    PAWL_ASSERT(ret_result->op == pawl_core_op(engine->ledger.core));
    PAWL_ASSERT(slot->first_op == 0 || ret_result->op == slot->last_op + 1); /* J5 */
    pawl_record_batch_put(&slot->blob, command, ret_result, 0);
    PAWL_ASSERT(!slot->blob.overflowed);
    if (slot->first_op == 0) {
        slot->first_op = ret_result->op;
        engine->lazy_due_us = now_us + PAWL_LAZY_US;
    }
    slot->last_op = ret_result->op;
    ret_result->expired = NULL;
    pawl_fold_remember(&engine->fold, command, ret_result, offset,
                       pawl_core_next_due_us(engine->ledger.core));
}

/* Answered without the ledger: it never saw the command. */
static void refuse(struct pawl_engine *engine, uint16_t code, int64_t now_us, struct pawl_op *op)
{
    PAWL_ASSERT(code != PAWL_RESULT_OK);
    op->result = (struct pawl_result){.code = code, .now_us = now_us};
    pawl_engine_enqueue(engine, op, pawl_core_op(engine->ledger.core));
}

void pawl_engine_submit(struct pawl_engine *engine,
                        const struct pawl_command *command,
                        struct pawl_op *op)
{
    if (engine->poisoned) {
        return;
    }
    int64_t now_us = pawl_slew_now_us(&engine->slew);
    if (!pawl_codec_command_fits(command)) {
        refuse(engine, PAWL_RESULT_INVALID_REQUEST, now_us, op);
        return;
    }
    if (pawl_fold_matches(&engine->fold, command, now_us)) {
        pawl_record_batch_repeat(&engine->slots[engine->collecting].blob, engine->fold.offset);
        op->result = engine->fold.result;
        pawl_engine_enqueue(engine, op, engine->fold.result.op);
        return;
    }
    if (!make_ready(engine, command->type)) {
        if (!engine->poisoned) {
            refuse(engine, PAWL_RESULT_LIMIT_REACHED, now_us, op);
        }
        return;
    }
    apply(engine, command, now_us, &op->result);
    pawl_engine_enqueue(engine, op, op->result.op);
    pawl_engine_commit_early(engine);
}

void pawl_engine_apply_own(struct pawl_engine *engine, const struct pawl_command *command)
{
    struct pawl_result result;
    PAWL_ASSERT(pawl_codec_command_fits(command));
    if (make_ready(engine, command->type)) {
        apply(engine, command, pawl_slew_now_us(&engine->slew), &result);
        engine->own_code = result.code;
        engine->wanted_op = result.op;
    }
}

void pawl_engine_barrier(struct pawl_engine *engine, struct pawl_op *op)
{
    if (!engine->poisoned) {
        pawl_engine_enqueue(engine, op, pawl_core_op(engine->ledger.core));
    }
}
