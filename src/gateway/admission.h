/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.h: may this call go ahead, with which ceiling, and what must be held for it? A pure
 * function, so that every rule of docs/GATEWAY.md is a row in a test.
 *
 *   A1  What an admitted call can cost at most, if the provider keeps to the ceiling and the input
 *       bound holds, is what the hold has, in every unit. In `extend` mode the same is true of
 *       the first `output_held` tokens.
 *   A2  An admitted call fits what is free in every unit: in `extend` mode not only its hold, but
 *       the hold and what it was promised beyond it, so that no growth fails for want of funds
 *       that another call of this process took.
 *   A3  A call that would fit if every hold came back unused is never called spent.
 */
#ifndef PAWL_GATEWAY_ADMISSION_H
#define PAWL_GATEWAY_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "gateway/estimate.h"
#include "gateway/price.h"
#include "gateway/request.h"
#include "gateway/usage.h"

enum {
    PAWL_ADMISSION_OUTPUT_USEFUL = 256,  /* the least that is worth a call, */
    PAWL_ADMISSION_OUTPUT_LEAST = 16,    /* … of a model whose answers are known to be short */
    PAWL_ADMISSION_INPUT_USUAL = 4096,   /* no input below this is unusually large */
    PAWL_ADMISSION_OUTPUT_SHARE = 8192,  /* sharing never cuts an answer below this, */
    PAWL_ADMISSION_OUTPUT_LIKELY = 4096, /* … or this, while others wait and nothing is learned */
    PAWL_ADMISSION_EXTEND_SAMPLES = 32,  /* fewer settled streams: no extend mode */
    PAWL_ADMISSION_MARGIN_TOKENS = 256   /* held for what is in flight, at least */
};

/* The units that a model call is held in, in the order in which they are named in refusals. */
enum pawl_admission_unit {
    PAWL_ADMISSION_USD,
    PAWL_ADMISSION_TOKENS,
    PAWL_ADMISSION_ITERATIONS,
    PAWL_ADMISSION_UNIT_COUNT
};
extern const uint16_t pawl_admission_units[PAWL_ADMISSION_UNIT_COUNT];

/* One unit of the quote. */
struct pawl_admission_left {
    bool bound;   /* false: no budget of this unit */
    int64_t free; /* not spent, not held, not promised; may be negative */
    int64_t room; /* not spent: what is free once every hold came back unused */
    int64_t limit;
    int64_t spent;
    int64_t held;         /* and promised */
    int64_t kept;         /* for the summary at the limit: not in `free` and `room` */
    int64_t resets_at_us; /* when the window begins anew; 0: never */
    int64_t promised;     /* of it, to open calls in `extend` mode beyond their holds */
};

struct pawl_admission_query {
    const struct pawl_model_request *request;
    const struct pawl_price *price;          /* NULL: none known, and dollars don't bind */
    const struct pawl_price *pictures_price; /* of the model that makes pictures; NULL: none are */
    int64_t input_tokens;                    /* the bound */
    int64_t input_usual;                     /* the largest input settled so far; 0: none */
    struct pawl_estimate_output learned;
    uint32_t modifiers; /* beside the request's own */
    uint32_t under_way; /* calls of this process that will give back what they don't use, */
    uint32_t waiting;   /* … and others that stand in line */
    bool at_most;       /* its tokens are counted at their most: there is no doubt to pay for */
    bool last_chance;   /* it has waited as long as its client does */
    bool never_extend;  /* … and whether that is done wherever it is possible */
    bool always_extend;
    struct pawl_admission_left left[PAWL_ADMISSION_UNIT_COUNT];
};

enum pawl_admission_verdict {
    PAWL_ADMISSION_ADMIT,
    PAWL_ADMISSION_HELD,
    PAWL_ADMISSION_TOO_BIG,
    PAWL_ADMISSION_SPENT
};

enum pawl_admission_mode { PAWL_ADMISSION_CEILING, PAWL_ADMISSION_EXTEND };

struct pawl_admission {
    enum pawl_admission_verdict verdict;
    /* ADMIT */
    enum pawl_admission_mode mode;
    int64_t ceiling;     /* output tokens of one choice, for the forwarded body */
    int64_t output_held; /* what the hold covers: in ceiling mode all of them, and more from a
                          * model that was seen to exceed its ceilings */
    int64_t margin;      /* EXTEND: tokens that may be in flight when a stream is cut */
    int64_t uses;        /* of each server tool */
    uint32_t line_count;
    struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
    /* EXTEND: what the ceiling may cost beyond the lines. It is kept free for this call. */
    int64_t promised[PAWL_ADMISSION_UNIT_COUNT];
    /* Otherwise: the first unit that does not suffice, what the smallest useful form of this call
     * needs of it, and the call that would fit. */
    enum pawl_admission_unit unit;
    int64_t needed;
    int64_t fits_input_tokens;  /* with a useful answer */
    int64_t fits_output_tokens; /* with this input */
    bool fits_without_tools;    /* that the provider runs: they alone are what is too much */
};

void pawl_admission_decide(const struct pawl_admission_query *query,
                           struct pawl_admission *ret_admission);

/* The dearest usage that the call can lead to with that output, over all choices: what a hold is
 * made of, and what an answer without figures is booked at. */
void pawl_admission_usage(const struct pawl_admission_query *query,
                          int64_t output_tokens,
                          int64_t uses,
                          struct pawl_usage *ret_usage);

/* What tools of the provider are held to bring into a context that is read once. */
int64_t pawl_admission_tool_tokens(const struct pawl_admission_query *query);

/* How many pictures may be made when each tool of the provider is used so often. */
int64_t pawl_admission_pictures(const struct pawl_admission_query *query, int64_t uses);

/* What a call of that size needs at most, in each unit. */
void pawl_admission_need(const struct pawl_admission_query *query,
                         int64_t input_tokens,
                         int64_t output_tokens,
                         int64_t ret_need[PAWL_ADMISSION_UNIT_COUNT]);

/* What is expected to cost so much, at the rate that this model's calls turned out to have: another
 * model may answer than the one that was asked for, or the account may have a dearer tier. */
int64_t pawl_admission_at_learned_rate(const struct pawl_admission_query *query,
                                       int64_t microcents);

/* How long an answer may become that the request allows so many tokens. */
int64_t pawl_admission_output_bound(const struct pawl_admission_query *query, int64_t output);

/* What `output_tokens` more cost, in the lines of the hold, for growing it. */
void pawl_admission_growth(const struct pawl_admission_query *query,
                           int64_t held_tokens,
                           int64_t output_tokens,
                           struct pawl_amount ret_lines[PAWL_ADMISSION_UNIT_COUNT],
                           uint32_t *ret_line_count);

#endif
