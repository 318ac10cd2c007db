/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c: those who wait for an operation to be durable, and the failure after which nobody is
 * answered any more.
 *
 * The queue is one list in the order of asking. needs_op never falls along it, because the
 * last applied operation only grows; so answering from its front is answering in order (J7).
 *
 * wanted_op is the last operation that somebody waits for who is not lazy; a batch that begins
 * behind it can wait (J16).
 */
#include "base/assert.h"
#include "engine/engine_priv.h"

void pawl_engine_enqueue(struct pawl_engine *engine, struct pawl_op *op, uint64_t needs_op)
{
    PAWL_ASSERT(op->done != NULL && op != engine->waiting_last); /* it waits already */
    PAWL_ASSERT(engine->waiting_last == NULL || engine->waiting_last->needs_op <= needs_op);
    op->needs_op = needs_op;
    op->next = NULL;
    if (!op->lazy && needs_op > engine->wanted_op) {
        engine->wanted_op = needs_op;
    }
    if (engine->waiting_last != NULL) {
        engine->waiting_last->next = op;
    } else {
        engine->waiting_first = op;
    }
    engine->waiting_last = op;
    engine->waiting_count++;
}

bool pawl_engine_answer_ready(struct pawl_engine *engine)
{
    /* What is asked for while we answer is answered the next time. */
    const struct pawl_op *last = engine->waiting_last;
    bool any = false;
    while (!engine->poisoned && engine->waiting_first != NULL &&
           engine->waiting_first->needs_op <= engine->durable_op) {
        struct pawl_op *op = engine->waiting_first;
        bool stop = op == last;
        engine->waiting_first = op->next;
        if (engine->waiting_first == NULL) {
            engine->waiting_last = NULL;
        }
        op->next = NULL;
        PAWL_ASSERT(engine->waiting_count > 0);
        engine->waiting_count--;
        PAWL_ASSERT(engine->waiting_first == NULL ||
                    engine->waiting_first->needs_op >= op->needs_op); /* J7 */
        op->done(op);
        any = true;
        if (stop) {
            break;
        }
    }
    return any;
}

void pawl_engine_fail(struct pawl_engine *engine, pawl_err err, const struct pawl_errmsg *msg)
{
    PAWL_ASSERT(pawl_failed(err));
    if (engine->poisoned) {
        return;
    }
    engine->poisoned = true;
    engine->options.fatal(engine->options.fatal_arg, err, msg);
}
