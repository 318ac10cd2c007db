/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_priv.h: the estimator's memory, which its files share.
 *
 *   estimate.c         bodies: which of their elements a provider has counted before
 *   estimate_model.c   models: the table of them, and how many tokens their text has
 *   estimate_answer.c  models: how long, how fast and how obedient their answers are
 *   estimate_text.c    models: how many tokens the text of their answers may have
 *   estimate_lesson.c  what a call taught, kept for another process
 */
#ifndef PAWL_GATEWAY_ESTIMATE_PRIV_H
#define PAWL_GATEWAY_ESTIMATE_PRIV_H

#include "gateway/estimate.h"
#include "gateway/histogram.h"

enum {
    ESTIMATE_SURPRISES_MAX = 64,
    ESTIMATE_OVERRUNS_MAX = 64,
    ESTIMATE_RATES_MAX = 64,
    ESTIMATE_TOOL_CALLS_MAX = 64,
    ESTIMATE_TOKENS_PLAUSIBLE = 100000000 /* no call has more */
};

/* Tokens that the provider counted and that nothing in the body explains. */
struct estimate_surprise {
    int64_t tokens; /* 0: as many as the bound had, or fewer */
    int64_t new_bytes;
};

struct estimate_surprises {
    struct estimate_surprise list[ESTIMATE_SURPRISES_MAX]; /* the newest, as a ring */
    uint64_t count;                                        /* all that there were */
};

/* An answer that was longer than it was allowed to be; 0 tokens: it was not. */
struct estimate_overrun {
    int64_t ceiling;
    int64_t tokens;
};

/* What a call's tools did of whose uses nothing was known beforehand. */
struct estimate_tools {
    bool counted;
    uint32_t uses;
    uint32_t permille; /* of the tokens that they were taken to bring in */
};

struct estimate_model {
    uint64_t name_hash;                  /* 0: free */
    uint64_t used;                       /* for replacing the one that was used longest ago */
    char name[PAWL_ESTIMATE_NAME_BYTES]; /* for people; cut where it is longer */
    bool o200k;                          /* its provider is known to count with o200k_base */
    struct pawl_histogram factor;        /* FINE: tokens per 1,024 of o200k_base */
    struct pawl_histogram input_ratio;   /* LINEAR, of ASCII text */
    struct pawl_histogram dense_ratio;   /* LINEAR, of text beyond ASCII */
    struct pawl_histogram output_tokens; /* LOG */
    struct pawl_histogram output_ratio;  /* LINEAR */
    struct pawl_histogram output_factor; /* FINE: as `factor`, of the text of answers */
    struct pawl_histogram pace;          /* LOG, tokens per second */
    struct pawl_histogram error;         /* FINE, permille */
    /* Of bounds that were made afresh, and of those with a known part: what providers add of their
     * own is known with the rest of a conversation. */
    struct estimate_surprises surprises[2];
    uint64_t long_texts; /* of ASCII, that taught the ratio */
    uint64_t own_texts;  /* that were counted for this estimator, and not for an earlier one */
    bool hidden;
    bool secret;
    bool obeys;
    struct estimate_overrun overruns[ESTIMATE_OVERRUNS_MAX]; /* of the newest calls, as a ring */
    uint64_t overrun_count;                                  /* of calls whose ceiling is known */
    uint32_t rates[ESTIMATE_RATES_MAX]; /* permille of the newest calls, as a ring; 0: none yet */
    uint64_t rate_count;
    struct estimate_tools tools[ESTIMATE_TOOL_CALLS_MAX]; /* of the newest calls, as a ring */
    uint64_t tools_count;
};

struct estimate_conversation {
    uint64_t chain;
    uint32_t message_count; /* 0: free */
    uint32_t base_count;
    uint64_t *base;
    int64_t tokens;
    uint64_t used;
};

/* An element whose tokens were counted lately: another conversation may begin in the same way. */
struct estimate_counted {
    uint64_t hash; /* 0: none */
    uint32_t tokens;
};

struct pawl_estimator {
    uint64_t clock;                                             /* counts uses */
    struct estimate_counted counted[PAWL_ESTIMATE_COUNTED_MAX]; /* by hash, each in its place */
    struct estimate_model models[PAWL_ESTIMATE_MODELS];
    struct estimate_conversation conversations[PAWL_ESTIMATE_CONVERSATIONS];
};

/* --- estimate.c ----------------------------------------------------------------------------- */

/* Takes the sample's mark. false: its input teaches nothing. */
bool pawl_estimate_learn(struct pawl_estimator *estimator,
                         struct estimate_model *model,
                         const struct pawl_estimate_sample *sample);

/* --- estimate_model.c ----------------------------------------------------------------------- */

/* Of a model's name; never 0. */
uint64_t pawl_estimate_name_hash(struct pawl_slice model);
/* NULL: nothing is known. */
const struct estimate_model *pawl_estimate_find_model(const struct pawl_estimator *estimator,
                                                      struct pawl_slice model);
/* The model's place; that of the one used longest ago where it has none yet. */
struct estimate_model *pawl_estimate_use_model(struct pawl_estimator *estimator,
                                               struct pawl_slice model);
/* Sets the bound from the estimate's parts; with no model, by what holds for all. */
void pawl_estimate_sum_up(struct pawl_estimate *estimate,
                          const struct estimate_model *model,
                          bool o200k);
/* Whether what the provider counted agrees with o200k_base; also where nothing was. */
bool pawl_estimate_agrees(const struct estimate_model *model);
/* How far the 99th percentile is from the median, in thousandths of that. */
int64_t pawl_estimate_spread_of(const struct pawl_histogram *seen, enum pawl_histogram_scale scale);
/* From what the provider counted for the estimate. */
void pawl_estimate_learn_text(struct estimate_model *model,
                              const struct pawl_estimate *estimate,
                              int64_t actual);

/* --- estimate_text.c ------------------------------------------------------------------------ */

/* What holds of a model while nothing was learned of it. */
struct pawl_estimate_output pawl_estimate_no_answers(struct pawl_slice model);
/* What settled calls told of how the model's provider counts text. */
void pawl_estimate_add_text(const struct estimate_model *model,
                            struct pawl_estimate_output *output);
/* From an answer that shows all that was counted. */
void pawl_estimate_learn_output_text(struct estimate_model *model,
                                     const struct pawl_estimate_sample *sample);

/* --- estimate_answer.c ---------------------------------------------------------------------- */

void pawl_estimate_learn_answer(struct estimate_model *model,
                                const struct pawl_estimate_sample *sample);

#endif
