/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outage.c: see outage.h. An answer of any kind ends an outage, an error too: then the provider is
 * there, and what it says is the agent's to show.
 */
#include "run/outage.h"

#include "base/assert.h"
#include "base/slice.h"

bool pawl_outage_note(struct pawl_outages *outages,
                      enum pawl_upstream upstream,
                      const char *why,
                      int64_t now_us)
{
    PAWL_ASSERT((unsigned)upstream < PAWL_UPSTREAM_COUNT);
    struct pawl_outage *outage = &outages->upstreams[upstream];
    bool was_out = outage->calls > 0;
    if (why == NULL) {
        *outage = (struct pawl_outage){0};
        return was_out;
    }
    if (!was_out) {
        outage->since_us = now_us;
    }
    outage->calls++;
    (void)pawl_slice_copy_str(pawl_slice_str(why), outage->why, sizeof(outage->why));
    return !was_out;
}

const struct pawl_outage *pawl_outage_longest(const struct pawl_outages *outages)
{
    const struct pawl_outage *longest = NULL;
    for (size_t i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        const struct pawl_outage *outage = &outages->upstreams[i];
        if (outage->calls > 0 && (longest == NULL || outage->since_us < longest->since_us)) {
            longest = outage;
        }
    }
    return longest;
}

void pawl_outage_line(const char *why, struct pawl_buf *out)
{
    if (why == NULL) {
        pawl_buf_append_str(out, "pawl: the provider answers again\n");
        return;
    }
    pawl_buf_printf(out,
                    "pawl: no answer from the provider: %s. The agent is told, and may ask again; "
                    "if it goes on, see to the network, or to the base URL that was set\n",
                    why);
}
