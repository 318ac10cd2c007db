/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recent.h: what a live run remembers of its last minutes, for whoever watches it: the last calls,
 * the dearest one, and how fast each unit is being used up. All of it comes from settled calls and
 * from the ledger's sums, and none of it decides anything.
 *
 * The rate is what was spent in the last five minutes, or since the start where that is shorter,
 * over that time, which counts as one minute at least: so one dear call at the very beginning does
 * not look like a catastrophe. What was spent when is kept in steps of ten seconds.
 */
#ifndef PAWL_RUN_RECENT_H
#define PAWL_RUN_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "run/account.h"

enum {
    PAWL_RECENT_CALLS = 8,
    PAWL_RECENT_TEXT_BYTES = 64,
    PAWL_PACE_WINDOW_MS = 5 * 60 * 1000,
    PAWL_PACE_LEAST_MS = 60 * 1000,
    PAWL_PACE_STEP_MS = 10 * 1000,
    PAWL_PACE_STEPS = PAWL_PACE_WINDOW_MS / PAWL_PACE_STEP_MS + 2
};

struct pawl_recent_call {
    uint64_t id; /* the operation's number of its reserve */
    int64_t at_us;
    int64_t microcents;
    int64_t tokens;
    int64_t duration_us;
    uint32_t tool_calls;
    char model[PAWL_RECENT_TEXT_BYTES]; /* cut where it is longer */
    char who[PAWL_RECENT_TEXT_BYTES];   /* the sub-agent that made it; "": the agent itself */
};

/* What had been spent by the end of a step. */
struct pawl_recent_step {
    int64_t step; /* its number since the start */
    int64_t spent[PAWL_CAP_COUNT];
};

struct pawl_recent {
    int64_t started_us;
    uint64_t call_count; /* so far; the newest stand in the ring */
    struct pawl_recent_call calls[PAWL_RECENT_CALLS];
    struct pawl_recent_call dearest; /* id 0: none yet */
    uint32_t step_count;
    struct pawl_recent_step steps[PAWL_PACE_STEPS]; /* the oldest first */
};

struct pawl_pace {
    int64_t window_ms; /* what the rates are taken over */
    struct {
        int64_t per_minute; /* rounded down; of time 0 */
        int64_t left_ms;    /* until the cap at this rate; -1: nothing is being used */
    } units[PAWL_CAP_COUNT];
};

void pawl_recent_init(struct pawl_recent *recent, int64_t started_us);
/* Copies; also as the dearest, if it is. */
void pawl_recent_add(struct pawl_recent *recent, const struct pawl_recent_call *call);
/* The call that was settled as the `index`-th from the end; NULL: there are not so many. */
const struct pawl_recent_call *pawl_recent_call_at(const struct pawl_recent *recent,
                                                   uint32_t index);
/* Notes what has been spent by now: after each call, and whenever somebody looks. */
void pawl_recent_note(struct pawl_recent *recent,
                      int64_t now_us,
                      const struct pawl_account *account);
void pawl_recent_pace(const struct pawl_recent *recent,
                      int64_t now_us,
                      const struct pawl_account *account,
                      struct pawl_pace *ret_pace);

#endif
