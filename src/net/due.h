/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.h: the timer of what is due next by a clock that runs on while the machine sleeps. The loop's
 * stands still then, so what became due in a sleep would wait for as long as it still had when that
 * began. The host says at each turn what is due and what time it is; where nobody else makes turns,
 * a timer of the host's does now and then.
 *
 * It may be that the function can do nothing about what is overdue until a thread has ended: it is
 * called `least_ms` later, so a loop that has nothing else to do waits. Who is told by turns of his
 * own, and not by every round of the loop, may have it at once.
 */
#ifndef PAWL_NET_DUE_H
#define PAWL_NET_DUE_H

#include <stdint.h>
#include <uv.h>

enum { PAWL_DUE_LEAST_MS = 1 };

typedef void pawl_due_fn(void *arg);

struct pawl_due {
    uv_timer_t timer;  /* the owner may set its `data`, and closes it as any handle */
    uint64_t least_ms; /* PAWL_DUE_LEAST_MS, unless the owner says 0 after init */
    int64_t at_us;     /* what the timer is set to; INT64_MAX: it is not set */
    pawl_due_fn *fn;
    void *arg;
};

void pawl_due_init(struct pawl_due *due, struct uv_loop_s *loop, pawl_due_fn *fn, void *arg);
/* Both by the host's clock; INT64_MAX: nothing is due. `fn` runs once, from the loop. */
void pawl_due_set(struct pawl_due *due, int64_t due_us, int64_t now_us);

#endif
