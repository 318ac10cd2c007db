/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c: answers that are rendered now and leave when what they tell of is durable. They lie in
 * the call's arena meanwhile: the server has one buffer for bodies, and others are answered before.
 */
#include "base/assert.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

struct kept {
    int status; /* 0: an error */
    enum pawl_error error;
    struct pawl_slice text; /* the body, or the message */
    struct pawl_slice details;
};

static void keep(struct pawl_call *call, struct kept what)
{
    struct kept *kept = pawl_arena_alloc(call->arena, sizeof(*kept));
    call->state = NULL;
    if (kept != NULL) {
        *kept = what;
        kept->text = pawl_arena_copy(call->arena, what.text);
        kept->details = pawl_arena_copy(call->arena, what.details);
        call->state = kept->text.bytes > 0 ? kept : NULL;
    }
}

void pawl_call_keep(struct pawl_call *call, int status)
{
    struct pawl_buf *out = &call->cycles->out;
    PAWL_ASSERT(call->cycles->writer.depth == 0);
    keep(call, (struct kept){.status = status, .text = pawl_buf_slice(out)});
    call->state = out->overflowed ? NULL : call->state;
}

void pawl_call_send_kept(struct pawl_call *call)
{
    const struct kept *kept = call->state;
    if (kept == NULL) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "the answer takes too much memory");
    } else if (kept->status == 0) {
        pawl_call_refuse_with(call, kept->error, kept->details, "%.*s", (int)kept->text.bytes,
                              kept->text.data);
    } else {
        pawl_call_reply_bytes(call, kept->status, PAWL_SLICE("application/json"), kept->text);
    }
}

void pawl_call_reply_read(struct pawl_call *call, int status)
{
    pawl_call_keep(call, status);
    pawl_call_barrier(call, pawl_call_send_kept);
}

bool pawl_ledger_is_durable(const struct pawl_cycles *cycles)
{
    const struct pawl_engine *engine = cycles->options.engine;
    return pawl_core_op(pawl_engine_core(engine)) == pawl_engine_durable_op(engine);
}

bool pawl_call_must_wait(const struct pawl_call *call)
{
    return !call->waited && !pawl_ledger_is_durable(call->cycles);
}

void pawl_call_keep_error(struct pawl_call *call,
                          enum pawl_error error,
                          const char *message,
                          struct pawl_slice details)
{
    keep(call, (struct kept){.error = error, .text = pawl_slice_str(message), .details = details});
    pawl_call_barrier(call, pawl_call_send_kept);
}
