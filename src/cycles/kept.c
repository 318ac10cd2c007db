/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c: answers that are rendered now and leave when what they tell of is durable. They lie in
 * the call's arena meanwhile: the server has one buffer for bodies, and others are answered before.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "cycles/cycles_priv.h"

struct kept {
    int status; /* 0: an error */
    enum pawl_error error;
    struct pawl_slice text; /* the body, or the message */
};

static void keep(struct pawl_call *call, int status, enum pawl_error error, struct pawl_slice text)
{
    struct kept *kept = pawl_arena_alloc(call->arena, sizeof(*kept));
    call->state = NULL;
    if (kept != NULL) {
        *kept = (struct kept){status, error, pawl_arena_copy(call->arena, text)};
        call->state = kept->text.bytes > 0 ? kept : NULL;
    }
}

void pawl_call_keep(struct pawl_call *call, int status)
{
    struct pawl_buf *out = &call->cycles->out;
    PAWL_ASSERT(call->cycles->writer.depth == 0);
    keep(call, status, PAWL_ERROR_INTERNAL_ERROR,
         out->overflowed ? PAWL_SLICE_NONE : pawl_buf_slice(out));
}

void pawl_call_send_kept(struct pawl_call *call)
{
    const struct kept *kept = call->state;
    if (kept == NULL) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "the answer takes too much memory");
    } else if (kept->status == 0) {
        pawl_call_refuse(call, kept->error, "%.*s", (int)kept->text.bytes, kept->text.data);
    } else {
        pawl_call_reply_bytes(call, kept->status, PAWL_SLICE("application/json"), kept->text);
    }
}

void pawl_call_reply_read(struct pawl_call *call, int status)
{
    pawl_call_keep(call, status);
    pawl_call_barrier(call, pawl_call_send_kept);
}

void pawl_call_refuse_read(struct pawl_call *call, enum pawl_error error, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    keep(call, 0, error, pawl_slice_str(message));
    pawl_call_barrier(call, pawl_call_send_kept);
}
