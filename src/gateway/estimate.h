/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate.h: how many tokens a body has at most, before anybody has counted them, and how
 * long answers of a model tend to be.
 *
 * A bound is made of four parts: what the provider has counted already for the same beginning
 * of the same conversation; new text by its tokens in o200k_base times a factor, or by a ratio of
 * tokens to bytes, both learned per model; media by formula (media.h); and a few tokens of wrapping
 * for each message. Nothing here looks at text: elements come in as hashes and lengths, and
 * whoever read the body counts the tokens of those that are new.
 *
 * The state is a cache. It is lost with the process and nothing is wrong then but the first
 * estimates, which are too high. Who wants them better keeps what calls taught (lessons), and
 * teaches it to the next estimator.
 */
#ifndef PAWL_GATEWAY_ESTIMATE_H
#define PAWL_GATEWAY_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

/* Of the rules, for the metadata of each reserve. */
enum { PAWL_ESTIMATOR_VERSION = 3 };

enum {
    PAWL_ESTIMATE_CONVERSATIONS = 64,
    PAWL_ESTIMATE_MODELS = 64,
    PAWL_ESTIMATE_NAME_BYTES = 80,  /* of a model's name that are kept */
    PAWL_ESTIMATE_BASE_MAX = 512,   /* elements beside the messages that are remembered */
    PAWL_ESTIMATE_RATIO_COLD = 512, /* tokens per 1,024 bytes while nothing is known, */
    PAWL_ESTIMATE_DENSE_COLD = 768, /* … and of bytes beyond ASCII */
    PAWL_ESTIMATE_SAMPLES_COLD = 8, /* fewer than this count as nothing */
    PAWL_ESTIMATE_MESSAGE_TOKENS = 8,
    PAWL_ESTIMATE_COUNTED_MAX = 2048,         /* elements whose tokens are remembered */
    PAWL_ESTIMATE_COUNTED_BYTES_MAX = 1 << 18 /* of text that is counted for one body */
};

/* A system block, a tool, a message. */
struct pawl_estimate_element {
    uint64_t hash;
    uint32_t text_bytes;   /* ASCII, as it stands in the body */
    uint32_t dense_bytes;  /* what is beyond ASCII, as UTF-8 */
    uint32_t media_tokens; /* an upper bound */
    uint32_t node;         /* for count_tokens(); 0: its tokens cannot be counted */
};

/* All that a provider counts as input. */
struct pawl_estimate_body {
    const struct pawl_estimate_element *base; /* what is not a message, in any order */
    uint32_t base_count;
    const struct pawl_estimate_element *messages;
    uint32_t message_count;
    /* Tokens of an element's text in o200k_base. NULL: nobody counts, and bytes must do. */
    uint32_t (*count_tokens)(void *arg, uint32_t node);
    void *arg;
};

struct pawl_estimate {
    int64_t tokens;       /* the bound */
    int64_t known_tokens; /* of it, what a provider has counted before */
    int64_t new_bytes;    /* of text that nobody has counted: ASCII, */
    int64_t new_dense;    /* … and beyond it */
    int64_t new_counted;  /* tokens in o200k_base of as much of it as was counted here: all but */
    int64_t rest_bytes;   /* so many bytes of ASCII */
    int64_t rest_dense;   /* … and beyond it */
    int64_t other_tokens; /* wrapping and media */
    int64_t total_bytes;  /* of all text in the body */
    uint64_t chain;       /* names the conversation up to its last message */
};

/* The bytes of JSON text, told apart: most tokenizers were made for English and code, so characters
 * beyond ASCII have several times as many tokens a byte. */
struct pawl_estimate_text {
    uint64_t plain_bytes; /* ASCII, as it stands there */
    uint64_t dense_bytes; /* beyond ASCII; of an escape, the UTF-8 bytes that it stands for */
};
struct pawl_estimate_text pawl_estimate_text_of(struct pawl_slice json);

struct pawl_estimator;

/* NULL when there is no memory. */
PAWL_MUST_CHECK struct pawl_estimator *pawl_estimator_new(void);
void pawl_estimator_free(struct pawl_estimator *estimator);

struct pawl_estimate pawl_estimate_input(struct pawl_estimator *estimator,
                                         struct pawl_slice model,
                                         const struct pawl_estimate_body *body);

/* Whether the model's provider is known to count with o200k_base. */
bool pawl_estimate_is_o200k(struct pawl_slice model);

/* Adds up anew by what was learned since, for a call that waited meanwhile. */
void pawl_estimate_refresh(const struct pawl_estimator *estimator,
                           struct pawl_slice model,
                           struct pawl_estimate *estimate);

/* --- Learning ------------------------------------------------------------------------------- */

/* What a conversation is remembered by; the caller keeps it from the estimate to the settlement. */
struct pawl_estimate_mark {
    uint64_t chain;
    uint32_t message_count;
    uint32_t base_count;
    uint64_t *base; /* hashes; owned */
};

/* Empty (and never remembered) when there is no memory. */
struct pawl_estimate_mark pawl_estimate_mark_of(const struct pawl_estimate *estimate,
                                                const struct pawl_estimate_body *body);
void pawl_estimate_mark_free(struct pawl_estimate_mark *mark);

/* A call that was settled with the provider's own figures. */
struct pawl_estimate_sample {
    const struct pawl_estimate *estimate;
    struct pawl_estimate_mark *mark; /* its base is taken */
    int64_t input_tokens;            /* all of them, cached ones included */
    int64_t output_tokens;
    int64_t output_ceiling;   /* what the request allowed, over all choices; 0: nothing was said */
    bool at_ceiling;          /* the provider says that it ended there */
    int64_t reasoning_tokens; /* of the output, hidden from the stream */
    bool shows_all;           /* though nothing had told of them, see pawl_meter_shows_all */
    int64_t visible_bytes;    /* of text that came in the answer, */
    int64_t visible_counted;  /* … and its tokens in o200k_base; 0: nobody counted all of it */
    int64_t stream_us;        /* from its first event to its last; 0: not a stream */
    /* Of tools of the provider whose uses nothing bounds: */
    bool tools_assumed; /* it had some, */
    bool uses_assumed;  /* … one of them without a bound on how often it runs */
    int64_t uses;
    int64_t tool_permille; /* what they brought in, in thousandths of what was assumed */
    int64_t rate_permille; /* its cost, in thousandths of what was to be expected for the same
                               * usage: the rate that answered was another; 0: not known */
};
void pawl_estimator_learn(struct pawl_estimator *estimator,
                          struct pawl_slice model,
                          const struct pawl_estimate_sample *sample);

/* --- For a process that comes later --------------------------------------------------------- */

/* What a settled call taught, as numbers that may be kept: counts of a size and a length, and
 * nothing of what was said. All are 0 or more. That ceilings are obeyed each process sees for
 * itself: what hangs on it is money that nothing else would stop. */
#define PAWL_LESSON_VALUES(VALUE)                                                                  \
    VALUE(KNOWN_TOKENS, "known_tokens")                                                            \
    VALUE(NEW_BYTES, "new_bytes")                                                                  \
    VALUE(NEW_DENSE, "new_dense")                                                                  \
    VALUE(NEW_COUNTED, "new_counted")                                                              \
    VALUE(REST_BYTES, "rest_bytes")                                                                \
    VALUE(REST_DENSE, "rest_dense")                                                                \
    VALUE(OTHER_TOKENS, "other_tokens")                                                            \
    VALUE(TOTAL_BYTES, "total_bytes")                                                              \
    VALUE(INPUT_TOKENS, "input_tokens")                                                            \
    VALUE(OUTPUT_TOKENS, "output_tokens")                                                          \
    VALUE(OUTPUT_CEILING, "output_ceiling")                                                        \
    VALUE(REASONING_TOKENS, "reasoning_tokens")                                                    \
    VALUE(SHOWS_ALL, "shows_all")                                                                  \
    VALUE(VISIBLE_BYTES, "visible_bytes")                                                          \
    VALUE(VISIBLE_COUNTED, "visible_counted")                                                      \
    VALUE(STREAM_US, "stream_us")                                                                  \
    VALUE(TOOLS_ASSUMED, "tools_assumed")                                                          \
    VALUE(USES_ASSUMED, "uses_assumed")                                                            \
    VALUE(USES, "uses")                                                                            \
    VALUE(TOOL_PERMILLE, "tool_permille")                                                          \
    VALUE(RATE_PERMILLE, "rate_permille")

enum pawl_lesson_value {
#define PAWL_LESSON_ENUM(value, name) PAWL_LESSON_##value,
    PAWL_LESSON_VALUES(PAWL_LESSON_ENUM)
#undef PAWL_LESSON_ENUM
        PAWL_LESSON_COUNT
};

struct pawl_estimate_lesson {
    int64_t values[PAWL_LESSON_COUNT];
};

/* What the values are called where they are kept. */
extern const char *const pawl_lesson_names[PAWL_LESSON_COUNT];

struct pawl_estimate_lesson pawl_estimate_lesson_of(const struct pawl_estimate_sample *sample);
/* As if the model's call had been settled here, but for the figures of how good the bounds were,
 * which are about this estimator's own. */
void pawl_estimator_teach(struct pawl_estimator *estimator,
                          struct pawl_slice model,
                          const struct pawl_estimate_lesson *lesson);

/* --- Answers -------------------------------------------------------------------------------- */

/* Which of the numbers of tokens that a text may have. */
enum pawl_estimate_side {
    PAWL_ESTIMATE_LEAST,  /* no text of this model had fewer */
    PAWL_ESTIMATE_LIKELY, /* half of them had fewer; of an unknown tokenizer, what most have */
    PAWL_ESTIMATE_MOST,   /* one in a hundred had more */
    PAWL_ESTIMATE_SIDE_COUNT
};

/* What is known about a model's answers. */
struct pawl_estimate_output {
    uint32_t answers;   /* settled lately with the provider's own figures */
    uint32_t samples;   /* of answers with visible text only */
    bool hidden;        /* reasoning was seen that the stream did not show */
    bool secret;        /* … and of which nothing told */
    int64_t tokens_p25; /* of a whole answer */
    int64_t tokens_p95;
    int64_t tokens_p99;
    int64_t ratio_high; /* tokens per 1,024 visible bytes: the 99th percentile, */
    int64_t ratio_low;  /* … and the lowest ever seen lately; cold: see estimate.c */
    /* Tokens of a text per 1,024 that it has in o200k_base, or, where those say less about this
     * model's text than its bytes do, per 1,024 of them. */
    int64_t text[PAWL_ESTIMATE_SIDE_COUNT];
    bool by_bytes;
    int64_t sparse_ratio;      /* MOST: at least so many per 1,024 bytes */
    bool text_known;           /* more than what holds of any model */
    bool obeys;                /* an answer ended at its ceiling lately, and none beyond it since */
    int64_t tokens_per_second; /* the fastest pace; INT64_MAX while too few are known */
    int64_t pace_bound; /* … from above, from the first on; INT64_MAX while none is known */
    /* Of the newest calls that had more tokens than they were allowed; all 0: none had. */
    int64_t overrun_few;      /* the most that one had too many, where it was a handful; */
    int64_t overrun_permille; /* up to twice its ceiling: the largest part of it that one had; */
    int64_t overrun_tokens;   /* beyond, where ceilings mean nothing: the longest such answer */
    int64_t rate_permille; /* the most that one of the newest calls cost over what was expected */
    /* Of the newest calls with tools of the provider that nothing bounds: */
    uint32_t use_calls;    /* how many there were, */
    int64_t uses_most;     /* the most uses that one had, */
    int64_t tool_permille; /* … and brought in, in thousandths of what was assumed; a quarter on
                            * top */
};
struct pawl_estimate_output pawl_estimate_answers(const struct pawl_estimator *estimator,
                                                  struct pawl_slice model);

/* An upper bound for that many visible bytes. */
int64_t pawl_estimate_visible_tokens(const struct pawl_estimate_output *output,
                                     int64_t visible_bytes);

/* Tokens of an answer's text, of which the bytes and the tokens in o200k_base are known. */
int64_t pawl_estimate_text_tokens(const struct pawl_estimate_output *output,
                                  enum pawl_estimate_side side,
                                  int64_t bytes,
                                  int64_t counted);
/* How many times as many tokens as the least a text of this model may have, in thousandths: as
 * unsure is it whether a stream is beyond its ceiling. */
int64_t pawl_estimate_doubt_permille(const struct pawl_estimate_output *output);
/* Where no factor is known yet: the one by which the provider counted this call's own input. */
void pawl_estimate_learn_factor_of(struct pawl_estimate_output *output,
                                   const struct pawl_estimate *estimate,
                                   int64_t input_tokens);

/* Tokens that an answer can have produced in that time, seen or not, from above. */
int64_t pawl_estimate_tokens_within(const struct pawl_estimate_output *output, int64_t elapsed_us);

/* How good the bound is: estimate over actual input, in thousandths, of a model's newest calls; at
 * most 4,096. */
struct pawl_estimate_error {
    char model[PAWL_ESTIMATE_NAME_BYTES];
    uint32_t samples;
    int64_t permille_p50;
    int64_t permille_p99;
};
/* Fills in one for each model that has samples, and returns how many there are. */
uint32_t pawl_estimate_errors(const struct pawl_estimator *estimator,
                              struct pawl_estimate_error ret_errors[PAWL_ESTIMATE_MODELS]);

#endif
