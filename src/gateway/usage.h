/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.h: what a call used, in buckets that never overlap, and what that costs.
 *
 * Providers report the same thing in different ways: Anthropic's input excludes cached tokens,
 * OpenAI's includes them, some leave reasoning out of the output. The meters turn all of it
 * into these buckets, so that a token is priced exactly once (docs/METERING.md says which field
 * goes where).
 *
 *   U1  The counts of all token fields except REASONING add up to the tokens that are billed.
 *   U2  REASONING is a part of OUTPUT and is never added to it.
 *   U3  A cost's lines add up to its total, each rounded up once.
 *   U4  Whatever is odd about a report is read so that the cost is not too low, and noted in `odd`.
 */
#ifndef PAWL_GATEWAY_USAGE_H
#define PAWL_GATEWAY_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "gateway/dialect.h"
#include "gateway/price.h"

enum pawl_usage_field {
    PAWL_USAGE_INPUT,            /* fresh text, and whatever nobody tells apart */
    PAWL_USAGE_CACHE_READ,       /* text from the prompt cache */
    PAWL_USAGE_CACHE_WRITE,      /* short-lived: 5 minutes, 30 minutes */
    PAWL_USAGE_CACHE_WRITE_LONG, /* long-lived: 1 hour, 12 hours */
    PAWL_USAGE_INPUT_AUDIO,
    PAWL_USAGE_CACHE_AUDIO_READ,
    PAWL_USAGE_INPUT_IMAGE,
    PAWL_USAGE_CACHE_IMAGE_READ,
    PAWL_USAGE_INPUT_VIDEO,
    PAWL_USAGE_OUTPUT, /* text, reasoning included */
    PAWL_USAGE_OUTPUT_AUDIO,
    PAWL_USAGE_OUTPUT_IMAGE,
    PAWL_USAGE_REASONING,    /* the part of OUTPUT that was thinking (U2) */
    PAWL_USAGE_WEB_SEARCHES, /* pieces from here on */
    PAWL_USAGE_FILE_SEARCHES,
    PAWL_USAGE_CONTAINER_MINUTES,
    PAWL_USAGE_FIELD_COUNT
};

/* The largest count that is believed. More is odd and counts as this much. */
#define PAWL_USAGE_COUNT_MAX INT64_C(10000000000)

/* What OpenAI's tool makes pictures with where nobody says it, and the dearest of its models. */
#define PAWL_USAGE_PICTURES_MODEL "gpt-image-1"

/* Bits of pawl_usage.odd. */
enum pawl_usage_odd {
    PAWL_USAGE_ODD_NEGATIVE = 1u << 0,   /* left out, as if not reported */
    PAWL_USAGE_ODD_HUGE = 1u << 1,       /* taken as PAWL_USAGE_COUNT_MAX */
    PAWL_USAGE_ODD_TYPE = 1u << 2,       /* a number in a text is read, anything else left out */
    PAWL_USAGE_ODD_FRACTION = 1u << 3,   /* rounded up */
    PAWL_USAGE_ODD_DUPLICATE = 1u << 4,  /* a field twice in one object: the larger */
    PAWL_USAGE_ODD_PARTS = 1u << 5,      /* parts larger than their whole: both are kept */
    PAWL_USAGE_ODD_TOTAL = 1u << 6,      /* the total exceeds its parts: the rest is output */
    PAWL_USAGE_ODD_TAKEN_BACK = 1u << 7, /* a later 0 for input that was reported: ignored */
    PAWL_USAGE_ODD_UNREADABLE = 1u << 8, /* an event or a body that is not JSON */
    PAWL_USAGE_ODD_CROWDED = 1u << 9,    /* more models in one answer than are told apart */
    PAWL_USAGE_ODD_EMPTY = 1u << 10      /* 0 for what must have been more: not believed */
};
enum { PAWL_USAGE_ODD_BIT_COUNT = 11 };
/* Written in an odd way, and still the provider's own figures: they may be learned from. */
#define PAWL_USAGE_ODD_BELIEVABLE                                                                  \
    (PAWL_USAGE_ODD_TYPE | PAWL_USAGE_ODD_FRACTION | PAWL_USAGE_ODD_TOTAL |                        \
     PAWL_USAGE_ODD_TAKEN_BACK | PAWL_USAGE_ODD_UNREADABLE)

/* Bits of pawl_usage.modifiers: what makes the vendor's rates higher for this call. */
enum pawl_usage_modifier {
    PAWL_MODIFIER_FAST = 1u << 0,      /* Anthropic: speed "fast" */
    PAWL_MODIFIER_PRIORITY = 1u << 1,  /* OpenAI: service tier "priority", also called "fast" */
    PAWL_MODIFIER_ULTRAFAST = 1u << 2, /* OpenAI: service tier "ultrafast" */
    PAWL_MODIFIER_US_ONLY = 1u << 3,   /* Anthropic: inference_geo "us" */
    PAWL_MODIFIER_REGIONAL = 1u << 4,  /* OpenAI: a regional host; the caller knows the upstream */
    PAWL_MODIFIER_DISCOUNT = 1u << 5,  /* batch or flex: of an answer only; holds never have it */
    PAWL_MODIFIER_SEARCH_PREVIEW = 1u << 6 /* OpenAI: web search at the preview tool's fee */
};

struct pawl_usage {
    int64_t count[PAWL_USAGE_FIELD_COUNT];
    uint32_t seen; /* bit 1 << field: the provider reported it (or what it was derived from) */
    uint32_t odd;
    uint32_t modifiers;
};

static inline bool pawl_usage_seen(const struct pawl_usage *usage, enum pawl_usage_field field)
{
    return (usage->seen & (1u << (unsigned)field)) != 0;
}

/* "input", "cache_read", …; "reasoning" and the pieces included. */
const char *pawl_usage_field_name(enum pawl_usage_field field);
/* "negative", "huge", … for the bit 1 << `bit`. */
const char *pawl_usage_odd_name(unsigned bit);

void pawl_usage_set(struct pawl_usage *usage, enum pawl_usage_field field, int64_t count);
/* Raises a count that is below `count`, for what must have been used at least. */
void pawl_usage_at_least(struct pawl_usage *usage, enum pawl_usage_field field, int64_t count);
/* Adds every bucket of `more`, and its flags. */
void pawl_usage_add(struct pawl_usage *usage, const struct pawl_usage *more);

int64_t pawl_usage_input_tokens(const struct pawl_usage *usage);
int64_t pawl_usage_output_tokens(const struct pawl_usage *usage);
/* Both: what a token budget is charged. */
int64_t pawl_usage_tokens(const struct pawl_usage *usage);

/* The modifiers that a request asks for, so that an estimate can know them; the answer says which
 * it got. Estimates leave a discount out (pawl_usage_dearest). `root` is the request's object. */
uint32_t pawl_usage_modifiers_of_request(enum pawl_dialect dialect,
                                         const struct pawl_json *json,
                                         uint32_t root);
/* Without those that make a call cheaper: what may be held, or booked while nobody knows better. */
static inline uint32_t pawl_usage_dearest(uint32_t modifiers)
{
    return modifiers & ~(uint32_t)PAWL_MODIFIER_DISCOUNT;
}
/* The same from the name of a service tier. */
uint32_t pawl_usage_modifiers_of_tier(enum pawl_dialect dialect, struct pawl_slice tier);
/* "gpt-4o-mini-…" of "openai/ft:gpt-4o-mini-…": without what resellers put in front of a name, and
 * tuning. */
struct pawl_slice pawl_usage_bare_model(struct pawl_slice model);
/* Whether a model of OpenAI's thinks before it answers, unless it is told not to. */
bool pawl_usage_model_reasons(struct pawl_slice model);

/* --- Cost (usage_cost.c). ----------------------------------------------------------------- */

struct pawl_cost_line {
    enum pawl_price_kind kind;
    int64_t quantity;
    int64_t rate_microcents; /* per million tokens or per thousand pieces, before the factor */
    int64_t microcents;
};

enum { PAWL_COST_LINE_COUNT_MAX = PAWL_PRICE_KIND_COUNT };

struct pawl_cost {
    struct pawl_cost_line lines[PAWL_COST_LINE_COUNT_MAX]; /* only what is not zero */
    size_t line_count;
    int64_t total_microcents;
    int64_t token_factor_millionths; /* all multipliers on token rates, for display */
    bool capped; /* the true cost exceeds what an amount can hold; the total is the largest one */
};

/* Never fails. The rate follows the size of the input as the book says; multipliers are the
 * user's own, and the vendor's for the modifiers. */
void pawl_usage_cost(const struct pawl_price *price,
                     const struct pawl_usage *usage,
                     struct pawl_cost *ret_cost);
/* The tiers that a vendor sells beside the standard one, as `pawl prices` calls them. */
enum { PAWL_USAGE_TIERS_MAX = 8 };
struct pawl_usage_tier {
    const char *name;
    int64_t permille; /* of the rates for fresh tokens */
};
size_t pawl_usage_tiers(const struct pawl_price *price,
                        struct pawl_usage_tier ret_tiers[PAWL_USAGE_TIERS_MAX]);

/* What `usage.modifiers` multiply the token rates with, per mille: 1000 without any. */
int64_t pawl_usage_premium_permille(const struct pawl_price *price, uint32_t modifiers);

#endif
