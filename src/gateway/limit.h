/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h: what happens when a run reaches its limit (docs/LIMITS.md). The words "the limit is
 * reached" mean everywhere: a call was judged, and the answer would latch.
 */
#ifndef PAWL_GATEWAY_LIMIT_H
#define PAWL_GATEWAY_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "base/slice.h"

enum pawl_on_limit {
    PAWL_ON_LIMIT_HALT,
    PAWL_ON_LIMIT_SUMMARY, /* one more call, which says what was done and what is left */
    PAWL_ON_LIMIT_ASK,     /* the call waits for a person's answer */
    PAWL_ON_LIMIT_PAUSE    /* it waits until the window that ran out begins anew */
};

/* From this share of the budget on calls go to this model. */
enum { PAWL_DEGRADE_MODEL_BYTES = 128 };
struct pawl_degrade_step {
    char model[PAWL_DEGRADE_MODEL_BYTES];
    uint32_t percent;
};

enum {
    PAWL_DEGRADE_STEPS_MAX = 8,
    PAWL_SUMMARY_PERMILLE_DEFAULT = 50,
    PAWL_SUMMARY_TEXT_MAX = 64 << 10
};

struct pawl_limit_options {
    enum pawl_on_limit on_limit;
    /* SUMMARY: what is kept for it, as a share of each cap; the dollars also as an amount. */
    uint32_t summary_permille;
    int64_t summary_microcents; /* 0: the share counts */
    bool auto_resume;           /* PAUSE: goes on by itself when the window begins anew */
    bool attended;              /* somebody is there who may give more while the run lives */
    /* What the runs before this one had spent that it goes on with: the ladder's shares are of all
     * of it. */
    int64_t before_microcents;
    int64_t before_tokens;
    uint32_t step_count;
    struct pawl_degrade_step steps[PAWL_DEGRADE_STEPS_MAX]; /* by percent */
};

/* What happens when the provider refuses calls until a window of the subscription begins anew. */
enum pawl_at_window {
    PAWL_AT_WINDOW_PASS, /* its refusals go to the client */
    PAWL_AT_WINDOW_STOP, /* the next call is refused, and the run latches */
    PAWL_AT_WINDOW_WAIT  /* calls are held until then, as long as their clients wait; no latch */
};

/* Calls are held until a window begins anew. */
struct pawl_limit_wait {
    int64_t resets_at_us;
    char what[160]; /* is used up: "the limit usd-per-day is spent: $20.00 of $20.00 used" */
};

enum pawl_limit_wait_event {
    PAWL_LIMIT_WAIT_BEGINS,  /* or is for another window now */
    PAWL_LIMIT_WAIT_GOES_ON, /* the first of them went out */
    PAWL_LIMIT_WAIT_ENDS     /* they were refused, or their clients have gone */
};

/* What a person is asked. */
enum pawl_question_kind {
    PAWL_QUESTION_MORE,   /* for more of what ran out */
    PAWL_QUESTION_MODEL,  /* whether the run may move to a dearer class of model (gate.c) */
    PAWL_QUESTION_RESUME, /* whether it may go on, though nobody was seen for a while */
    PAWL_QUESTION_PHASE   /* for more for a phase; apart from the others, one for each phase */
};

/* A call that waits for an answer. */
struct pawl_limit_question {
    enum pawl_question_kind kind;
    int phase;              /* PHASE: which */
    struct pawl_slice from; /* MODEL: the model that set the baseline, and … */
    struct pawl_slice to;   /* … the one that is asked for */
    int64_t cost_from;      /* of this call with each, in microcents; 0: not known */
    int64_t cost_to;
    struct pawl_amount asked; /* what would help, in the unit that ran out; MODEL: the dollars that
                                 the same work lacks, 0: none */
    int64_t limit;
    int64_t spent;
    int64_t resets_at_us; /* 0: never by itself */
};

enum pawl_limit_answer {
    PAWL_LIMIT_NOBODY, /* nobody can answer: refuse */
    PAWL_LIMIT_HOLD,   /* the answer comes: an unlatch, a denial, or that nobody could be told */
    PAWL_LIMIT_TELL    /* the question stands and cannot be told: the client's refusal is to */
};

/* A step of the ladder that was taken, or, with `fits` false, one that the provider does not have.
 */
struct pawl_limit_step {
    const struct pawl_degrade_step *step;
    struct pawl_slice from;     /* the model that was asked for */
    struct pawl_slice provider; /* of the upstream */
    bool fits;
};

/* The last words of a run: a summary, or what an answer had said when it was cut. */
struct pawl_limit_summary {
    uint64_t call;          /* its hold's operation; 0: there is none */
    struct pawl_slice text; /* may be empty: the model had nothing to say */
    bool cut;               /* it was longer than what is kept */
};

#endif
