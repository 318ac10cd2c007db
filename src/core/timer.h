/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h: deadlines of leases, sessions and approvals in whole milliseconds. The earliest is
 * found at once; equal ones come in the order in which they were set. Cancelling unlinks and
 * nothing is ever scanned, so expiring costs what is due and no more.
 */
#ifndef PAWL_CORE_TIMER_H
#define PAWL_CORE_TIMER_H

#include "core/state.h"

enum { PAWL_TIMER_DUE_BITS = 44, PAWL_TIMER_US_PER_MS = 1000 };
/* The last deadline that can be kept: the year 2527. */
#define PAWL_TIMER_DUE_MS_MAX ((INT64_C(1) << PAWL_TIMER_DUE_BITS) - 1)

enum pawl_timer_kind {
    PAWL_TIMER_RESERVATION = 1,
    PAWL_TIMER_SESSION = 2,
    PAWL_TIMER_APPROVAL = 3
};

struct pawl_timer {
    int64_t due_ms;
    enum pawl_timer_kind kind;
    uint32_t slot; /* whose it is: below 2^30 */
    uint32_t node; /* to cancel it */
};

/* Returns the node. */
uint32_t
pawl_timer_add(struct pawl_core *core, int64_t due_ms, enum pawl_timer_kind kind, uint32_t slot);
void pawl_timer_cancel(struct pawl_core *core, uint32_t node);
/* The earliest, which stays; false when there is none. */
PAWL_MUST_CHECK bool pawl_timer_first(const struct pawl_core *core, struct pawl_timer *ret_timer);
/* Tells the processor that this timer will be cancelled soon: first its node, and when that should
 * be there, its neighbours. */
void pawl_timer_prefetch(const struct pawl_core *core, uint32_t node);
void pawl_timer_prefetch_neighbours(const struct pawl_core *core, uint32_t node);
/* Whose timer a node is; for audits. */
struct pawl_timer pawl_timer_at(const struct pawl_core *core, uint32_t node);
/* Asserts the heap's order, and that entries, runs and nodes agree. */
void pawl_timer_audit(const struct pawl_core *core);

#endif
