/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.h: how another thread makes the loop run a function. Not uv_async_t: in it the loop waits,
 * spinning, for a sender that was interrupted in the middle of sending; and that is what happens
 * where both have one processor, since the loop wakes up and interrupts the sender. A lone turn of
 * it is a thousand pauses, and a loop that has precedence over the sender never ends it (seen as
 * seconds in which a server under chrt -f answered nothing). Here nobody waits for anybody.
 */
#ifndef PAWL_NET_WAKE_H
#define PAWL_NET_WAKE_H

#include <stdatomic.h>
#include <uv.h>

#include "base/attrs.h"
#include "base/err.h"

typedef void pawl_wake_fn(void *arg);

struct pawl_wake {
    uv_poll_t poll; /* the owner may set its `data`, and closes it as any handle */
    int fd;
    atomic_bool sent; /* and not run yet */
    pawl_wake_fn *fn;
    void *arg;
};

/* `fn` runs on the loop's thread, once at least after each send, and once for many. The handle
 * keeps the loop alive until it is closed. */
PAWL_MUST_CHECK pawl_err pawl_wake_init(struct pawl_wake *wake,
                                        struct uv_loop_s *loop,
                                        pawl_wake_fn *fn,
                                        void *arg);
/* On any thread, until pawl_wake_free; what was written before it is seen by the function. */
void pawl_wake_send(struct pawl_wake *wake);
/* When the handle has closed and no thread sends any more. Nothing where init failed, or of one
 * that is zeroed with fd -1. */
void pawl_wake_free(struct pawl_wake *wake);

#endif
