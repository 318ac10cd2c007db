/* SPDX-License-Identifier: Apache-2.0 */
/*
 * due.c: see due.h. What is overdue is waited for once: a timer that was set again at each turn
 * would never come in a loop whose turns are shorter than its time.
 */
#define _GNU_SOURCE
#include "net/due.h"

#include <stdbool.h>

#include "base/assert.h"
#include "base/clock.h"

static void on_timer(uv_timer_t *timer)
{
    struct pawl_due *due = (struct pawl_due *)timer;
    due->at_us = INT64_MAX;
    due->fn(due->arg);
}

void pawl_due_init(struct pawl_due *due, struct uv_loop_s *loop, pawl_due_fn *fn, void *arg)
{
    *due =
        (struct pawl_due){.least_ms = PAWL_DUE_LEAST_MS, .at_us = INT64_MAX, .fn = fn, .arg = arg};
    int status = uv_timer_init(loop, &due->timer);
    PAWL_ASSERT(status == 0); /* it only fills in the handle */
}

/* Whether the timer that is set comes as soon as what is due does. */
static bool is_set(const struct pawl_due *due, int64_t due_us, int64_t now_us)
{
    if (due_us > now_us) {
        return due->at_us == due_us;
    }
    return due->at_us != INT64_MAX && uv_timer_get_due_in(&due->timer) <= due->least_ms;
}

void pawl_due_set(struct pawl_due *due, int64_t due_us, int64_t now_us)
{
    if (is_set(due, due_us, now_us)) {
        return;
    }
    due->at_us = due_us;
    if (due_us == INT64_MAX) {
        (void)uv_timer_stop(&due->timer);
        return;
    }
    int64_t wait_us = due_us - now_us;
    uint64_t wait_ms = wait_us > 0 ? (uint64_t)(wait_us / PAWL_US_PER_MS) + 1 : due->least_ms;
    uv_update_time(due->timer.loop); /* the turn before may have been long */
    (void)uv_timer_start(&due->timer, on_timer, wait_ms, 0);
}
