/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outage.h: providers that do not answer. An agent that is refused by the network tries again by
 * itself, often without a word for minutes; whoever looks at the run should see why nothing moves.
 */
#ifndef PAWL_RUN_OUTAGE_H
#define PAWL_RUN_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/upstream.h"

enum { PAWL_OUTAGE_WHY_BYTES = 256 };

struct pawl_outage {
    uint64_t calls; /* that got no answer since the last one that did; 0: it answers */
    int64_t since_us;
    char why[PAWL_OUTAGE_WHY_BYTES]; /* the last of them did not */
};

struct pawl_outages {
    struct pawl_outage upstreams[PAWL_UPSTREAM_COUNT];
};

/* A call's answer has begun (`why` NULL), or there is none, and why. true: it changed, which is
 * worth a line. */
bool pawl_outage_note(struct pawl_outages *outages,
                      enum pawl_upstream upstream,
                      const char *why,
                      int64_t now_us);
/* The one that lasts longest; NULL: all answer. */
const struct pawl_outage *pawl_outage_longest(const struct pawl_outages *outages);
/* The line: that it began, or is over (`why` NULL). */
void pawl_outage_line(const char *why, struct pawl_buf *out);

#endif
