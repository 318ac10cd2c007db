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

/* Commands that memory is asked for at once: to work out the worst of one costs as much as a tenth
 * of it. */
enum { SUPPLY_AHEAD = 16 };

/* While a snapshot runs each command may copy what it changes, and one EXPIRE changes as much as
 * many others. A snapshot gives way to a command. */
static bool supply_beside_snapshot(struct pawl_engine *engine, uint16_t type)
{
    if (pawl_ledger_supply(&engine->ledger, type == PAWL_COMMAND_EXPIRE ? 16 : 1)) {
        return true;
    }
    pawl_core_snapshot_abort(engine->ledger.core); /* snapshot.c will notice */
    return pawl_ledger_supply(&engine->ledger, 1);
}

/* The core's memory. What was asked for ahead does not count beside a snapshot, which takes from
 * the same chunks, nor behind CONFIG, which may raise the maxima that bounded it. */
static bool supply(struct pawl_engine *engine, uint16_t type)
{
    bool snapshot = pawl_core_snapshot_active(engine->ledger.core);
    if (!snapshot && type != PAWL_COMMAND_CONFIG && engine->supplied > 0) {
        engine->supplied--;
        return true;
    }
    engine->supplied = 0;
    if (snapshot) {
        return supply_beside_snapshot(engine, type);
    }
    if (type != PAWL_COMMAND_CONFIG && pawl_ledger_supply(&engine->ledger, SUPPLY_AHEAD)) {
        engine->supplied = SUPPLY_AHEAD - 1;
        return true;
    }
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

/* Holds that ended by themselves: nobody settled them in time. */
static uint32_t lapsed_holds(const struct pawl_result *result)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < result->expired_count; i++) {
        uint8_t kind = result->expired[i].kind;
        count += kind == PAWL_EXPIRED_RELEASED || kind == PAWL_EXPIRED_SETTLED ? 1 : 0;
    }
    return count;
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
    engine->lapsed_holds += lapsed_holds(ret_result);
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
