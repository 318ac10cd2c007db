/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lender_priv.h: what the parts of the lender share: limits.c knows the limits, limit_change.c
 * changes them, lender.c lends on them.
 */
#ifndef PAWL_LENDING_LENDER_PRIV_H
#define PAWL_LENDING_LENDER_PRIV_H

#include "lending/lender.h"

/* How long a refusal for want of what others hold is remembered, for them to give it back. */
#define PAWL_LENDER_WANTED_US (INT64_C(15) * 1000000)

struct pawl_lender_limit {
    struct pawl_limit limit; /* what does not change; the rest is read when it is asked for */
    int64_t wanted_until_us;
};

struct pawl_lender {
    struct pawl_engine *engine;
    const char *marker; /* borrowed; NULL: none */
    int64_t touched_us; /* what its time was set to */
    void (*on_lack)(void *arg);
    void *arg;
    uint32_t next_number;
    uint32_t limit_count;
    struct pawl_lender_limit limits[PAWL_LIMITS_MAX];
    uint32_t open_jobs; /* operations under way */
};

/* --- limits.c --- */

/* The amounts and the present window. */
void pawl_lender_read(const struct pawl_lender *lender, struct pawl_limit *limit);
bool pawl_lender_binds(const struct pawl_limit *limit, const struct pawl_lend_place *place);
/* The dimension of a limit's scope; texts go to the two buffers. */
enum { PAWL_LIMIT_VALUE_BYTES = PAWL_VALUE_BYTES_MAX + 1 };
struct pawl_dimension pawl_lender_dimension(const struct pawl_limit *limit,
                                            char name[static PAWL_NAME_BYTES_MAX],
                                            char value[static PAWL_LIMIT_VALUE_BYTES]);
/* Runs that look at the marker's time see that limits have changed. */
void pawl_lender_touch_marker(struct pawl_lender *lender);
/* Makes it, or removes it. */
PAWL_MUST_CHECK pawl_err pawl_lender_set_marker(const struct pawl_lender *lender,
                                                bool there,
                                                struct pawl_errmsg *msg);
/* Defines the limit's time zone in the ledger, if it has one, and sets its number. */
PAWL_MUST_CHECK pawl_err pawl_lender_use_zone(struct pawl_lender *lender,
                                              struct pawl_limit *limit,
                                              struct pawl_errmsg *msg);

#endif
