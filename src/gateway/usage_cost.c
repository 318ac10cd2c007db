/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage_cost.c: buckets times rates.
 *
 * One line a bucket, each rounded up once, the total is their sum and nothing else (U3). All
 * multipliers go into the one product, so that nothing is rounded in between. A discount is given
 * where the vendor documents it for all of its models and the answer says that it applies; holds
 * never count on one. Others (cheaper hours, other vendors' flex) are not given: a budget may then
 * be charged more than the bill, never less.
 *
 * Products stay within 128 bits: a count is below 2^34, a rate below 2^49
 * (PRICE_MICROCENTS_MAX, doubled and more by fallbacks), the factor below 2^41.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/price_priv.h"
#include "gateway/usage.h"

/* Factors are kept in billionths: the user's and two of the vendor's, per mille each. */
#define FACTOR_ONE INT64_C(1000000000)

enum { DISCOUNT_PERMILLE = 500 };

/* What the vendors charge for faster or regional service, per mille of the token rates. The
 * first entry that fits counts; a model that is not listed gets the dearest known. Seen in
 * November 2026:
 *   Anthropic fast mode     6x Opus 4.6 and 4.7, 2x since Opus 4.8  its page "Fast mode"
 *   Anthropic US only       1.1x on Opus 4.6 and later models       "Data residency"
 *   OpenAI fast (priority)  2x, 2.5x for GPT-5.5, less for GPT-4.x  "Fast mode"
 *   Google priority         1.75x to 2x                             "Optimization"
 *   OpenAI ultrafast        6x (3x for some, for a while)           "Ultrafast mode"
 *   OpenAI regional hosts   1.1x on GPT-5.4 and later models        the models' own pages
 */
static const struct premium {
    const char *provider;     /* "" for any */
    const char *model_prefix; /* of the book's name */
    uint32_t modifier;
    int64_t permille;
} premiums[] = {
    {"anthropic", "claude-opus-4-8", PAWL_MODIFIER_FAST, 2000},
    {"anthropic", "claude-opus-5", PAWL_MODIFIER_FAST, 2000},
    {"", "", PAWL_MODIFIER_FAST, 6000},
    {"", "", PAWL_MODIFIER_US_ONLY, 1100},
    {"openai", "gpt-5.5", PAWL_MODIFIER_PRIORITY, 2500},
    {"openai", "gpt-4", PAWL_MODIFIER_PRIORITY, 2000},
    {"openai", "gpt-5", PAWL_MODIFIER_PRIORITY, 2000},
    {"openai", "gpt-6", PAWL_MODIFIER_PRIORITY, 2000},
    {"openai", "o", PAWL_MODIFIER_PRIORITY, 2000},
    {"google", "", PAWL_MODIFIER_PRIORITY, 2000},
    {"", "", PAWL_MODIFIER_PRIORITY, 2500},
    {"", "", PAWL_MODIFIER_ULTRAFAST, 6000},
    {"", "", PAWL_MODIFIER_REGIONAL, 1100},
};

/* $25 for a thousand searches of the models that search before every answer (OpenAI pricing,
 * "Built-in tools", 2026-11); some of them share the price list of a model that does not. */
#define SEARCH_PREVIEW_MICROCENTS (INT64_C(25) * PAWL_MICROCENTS_PER_USD)

/* Where a bucket is priced. REASONING has its own line only if it has its own price. */
static const struct {
    enum pawl_usage_field field;
    enum pawl_price_kind kind;
} lines[] = {
    {PAWL_USAGE_INPUT, PAWL_PRICE_INPUT},
    {PAWL_USAGE_CACHE_READ, PAWL_PRICE_CACHE_READ},
    {PAWL_USAGE_CACHE_WRITE, PAWL_PRICE_CACHE_WRITE},
    {PAWL_USAGE_CACHE_WRITE_LONG, PAWL_PRICE_CACHE_WRITE_LONG},
    {PAWL_USAGE_INPUT_AUDIO, PAWL_PRICE_INPUT_AUDIO},
    {PAWL_USAGE_CACHE_AUDIO_READ, PAWL_PRICE_CACHE_AUDIO_READ},
    {PAWL_USAGE_INPUT_IMAGE, PAWL_PRICE_INPUT_IMAGE},
    {PAWL_USAGE_CACHE_IMAGE_READ, PAWL_PRICE_CACHE_IMAGE_READ},
    {PAWL_USAGE_INPUT_VIDEO, PAWL_PRICE_INPUT_VIDEO},
    {PAWL_USAGE_OUTPUT, PAWL_PRICE_OUTPUT},
    {PAWL_USAGE_REASONING, PAWL_PRICE_REASONING},
    {PAWL_USAGE_OUTPUT_AUDIO, PAWL_PRICE_OUTPUT_AUDIO},
    {PAWL_USAGE_OUTPUT_IMAGE, PAWL_PRICE_OUTPUT_IMAGE},
    {PAWL_USAGE_WEB_SEARCHES, PAWL_PRICE_WEB_SEARCHES},
    {PAWL_USAGE_FILE_SEARCHES, PAWL_PRICE_FILE_SEARCHES},
    {PAWL_USAGE_CONTAINER_MINUTES, PAWL_PRICE_CONTAINER_MINUTES},
};
_Static_assert(PAWL_ARRAY_LEN(lines) == PAWL_USAGE_FIELD_COUNT, "every bucket has a line");
_Static_assert(PAWL_ARRAY_LEN(lines) + 1 <= PAWL_COST_LINE_COUNT_MAX, "and requests have one");

static int64_t premium_of(const struct pawl_price *price, uint32_t modifier)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(premiums); ++i) {
        const struct premium *premium = &premiums[i];
        bool here = premium->provider[0] == '\0' ||
                    pawl_slice_equal_str(price->provider, premium->provider);
        if (here && premium->modifier == modifier &&
            pawl_slice_starts_with(price->model, pawl_slice_str(premium->model_prefix))) {
            return premium->permille;
        }
    }
    return 1000;
}

/* Speeds exclude each other; should a report name two, the dearer counts. Place multiplies. */
static int64_t speed_permille(const struct pawl_price *price, uint32_t modifiers)
{
    static const uint32_t speeds[] = {PAWL_MODIFIER_FAST, PAWL_MODIFIER_PRIORITY,
                                      PAWL_MODIFIER_ULTRAFAST};
    int64_t permille = 1000;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(speeds); ++i) {
        int64_t premium = (modifiers & speeds[i]) != 0 ? premium_of(price, speeds[i]) : permille;
        permille = premium > permille ? premium : permille;
    }
    return permille;
}

static int64_t place_permille(const struct pawl_price *price, uint32_t modifiers)
{
    static const uint32_t places[] = {PAWL_MODIFIER_US_ONLY, PAWL_MODIFIER_REGIONAL};
    int64_t permille = 1000;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(places); ++i) {
        int64_t premium = (modifiers & places[i]) != 0 ? premium_of(price, places[i]) : permille;
        permille = premium > permille ? premium : permille;
    }
    return permille;
}

int64_t pawl_usage_premium_permille(const struct pawl_price *price, uint32_t modifiers)
{
    int64_t product = speed_permille(price, modifiers) * place_permille(price, modifiers);
    return (product + 999) / 1000;
}

/* ceil(quantity * rate * factor / (per * FACTOR_ONE)), at most the largest amount. */
static int64_t line_cost_ceil(const struct pawl_cost_line *line, int64_t factor)
{
    pawl_u128 product =
        (pawl_u128)line->quantity * (pawl_u128)line->rate_microcents * (pawl_u128)factor;
    pawl_u128 divisor = (pawl_u128)pawl_price_per(line->kind) * (pawl_u128)FACTOR_ONE;
    pawl_u128 cost = (product + divisor - 1) / divisor;
    return cost > (pawl_u128)PAWL_AMOUNT_MAX ? PAWL_AMOUNT_MAX : (int64_t)cost;
}

/* What is left of the token rates where an answer says that it was served when there was room, or
 * in a batch: half at OpenAI ("Flex processing"), cached input included, and at Google
 * ("Optimization"), which does not say it of cached tokens. */
static int64_t
discount_permille(const struct pawl_price *price, uint32_t modifiers, enum pawl_price_kind kind)
{
    bool cached = kind == PAWL_PRICE_CACHE_READ || kind == PAWL_PRICE_CACHE_WRITE ||
                  kind == PAWL_PRICE_CACHE_WRITE_LONG || kind == PAWL_PRICE_CACHE_AUDIO_READ ||
                  kind == PAWL_PRICE_CACHE_IMAGE_READ;
    bool given = pawl_slice_equal_str(price->provider, "openai") ||
                 (pawl_slice_equal_str(price->provider, "google") && !cached);
    bool asked = (modifiers & (uint32_t)PAWL_MODIFIER_DISCOUNT) != 0;
    return asked && given && speed_permille(price, modifiers) == 1000 ? DISCOUNT_PERMILLE : 1000;
}

/* Everything about a call that its lines have in common. */
struct terms {
    const struct pawl_price *price;
    int64_t input_tokens;
    int64_t token_factor; /* billionths */
    int64_t piece_factor; /* fees are not subject to the vendor's premiums */
    uint32_t modifiers;
    bool search_preview;
};

/* Rounded up, so that a factor with many digits is not lowered by the discount's. */
static int64_t line_factor(const struct terms *terms, enum pawl_price_kind kind)
{
    if ((int)kind >= PAWL_PRICE_TOKEN_KIND_COUNT) {
        return terms->piece_factor;
    }
    int64_t discount = discount_permille(terms->price, terms->modifiers, kind);
    return (terms->token_factor * discount + 999) / 1000;
}

static int64_t line_rate(const struct terms *terms, enum pawl_price_kind kind)
{
    int64_t rate = pawl_price_rate(terms->price, kind, terms->input_tokens);
    bool raised = kind == PAWL_PRICE_WEB_SEARCHES && terms->search_preview &&
                  rate < SEARCH_PREVIEW_MICROCENTS;
    return raised ? SEARCH_PREVIEW_MICROCENTS : rate;
}

static void add_line(const struct terms *terms,
                     enum pawl_price_kind kind,
                     int64_t quantity,
                     struct pawl_cost *cost)
{
    if (quantity == 0) {
        return; /* as most of them, before anything is looked up */
    }
    struct pawl_cost_line line = {
        .kind = kind,
        .quantity = quantity < PAWL_USAGE_COUNT_MAX ? quantity : PAWL_USAGE_COUNT_MAX,
        .rate_microcents = line_rate(terms, kind),
    };
    if (line.rate_microcents == 0) {
        return;
    }
    int64_t left = PAWL_AMOUNT_MAX - cost->total_microcents;
    line.microcents = line_cost_ceil(&line, line_factor(terms, kind));
    if (line.microcents >= left) {
        cost->capped = true;
        line.microcents = left;
    }
    if (line.microcents == 0) {
        return;
    }
    cost->total_microcents += line.microcents;
    cost->lines[cost->line_count++] = line;
}

/* The count that a line prices. Thinking is priced as output unless it has a price of its own. */
static int64_t
line_quantity(const struct pawl_usage *usage, enum pawl_usage_field field, bool reasoning_apart)
{
    int64_t count = usage->count[field];
    int64_t reasoning = usage->count[PAWL_USAGE_REASONING];
    if (field == PAWL_USAGE_REASONING) {
        return reasoning_apart ? reasoning : 0;
    }
    if (field == PAWL_USAGE_OUTPUT && reasoning_apart) {
        return count > reasoning ? count - reasoning : 0;
    }
    return count;
}

void pawl_usage_cost(const struct pawl_price *price,
                     const struct pawl_usage *usage,
                     struct pawl_cost *ret_cost)
{
    int64_t user = (int64_t)price->multiplier_permille;
    const struct terms terms = {
        .price = price,
        .input_tokens = pawl_usage_input_tokens(usage),
        .token_factor = user * speed_permille(price, usage->modifiers) *
                        place_permille(price, usage->modifiers),
        .piece_factor = user * (FACTOR_ONE / PRICE_MULTIPLIER_ONE),
        .modifiers = usage->modifiers,
        .search_preview = (usage->modifiers & PAWL_MODIFIER_SEARCH_PREVIEW) != 0,
    };
    bool reasoning_apart =
        line_rate(&terms, PAWL_PRICE_REASONING) != line_rate(&terms, PAWL_PRICE_OUTPUT);
    struct pawl_cost cost = {.token_factor_millionths =
                                 (line_factor(&terms, PAWL_PRICE_INPUT) + 999) / 1000};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); ++i) {
        int64_t quantity = line_quantity(usage, lines[i].field, reasoning_apart);
        PAWL_ASSERT(quantity >= 0);
        add_line(&terms, lines[i].kind, quantity, &cost);
    }
    add_line(&terms, PAWL_PRICE_REQUESTS, 1, &cost);
    *ret_cost = cost;
}

/* --- Tiers, for people ---------------------------------------------------------------------- */

static const struct {
    const char *provider;
    const char *name;
    uint32_t modifier;
} tiers[] = {
    {"anthropic", "fast", PAWL_MODIFIER_FAST},
    {"anthropic", "us_only", PAWL_MODIFIER_US_ONLY},
    {"openai", "priority", PAWL_MODIFIER_PRIORITY},
    {"openai", "ultrafast", PAWL_MODIFIER_ULTRAFAST},
    {"openai", "flex", PAWL_MODIFIER_DISCOUNT},
    {"openai", "regional", PAWL_MODIFIER_REGIONAL},
    {"google", "priority", PAWL_MODIFIER_PRIORITY},
    {"google", "flex", PAWL_MODIFIER_DISCOUNT},
};

size_t pawl_usage_tiers(const struct pawl_price *price,
                        struct pawl_usage_tier ret_tiers[PAWL_USAGE_TIERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tiers); i++) {
        if (pawl_slice_equal_str(price->provider, tiers[i].provider)) {
            PAWL_ASSERT(count < PAWL_USAGE_TIERS_MAX);
            int64_t premium = pawl_usage_premium_permille(price, tiers[i].modifier);
            int64_t discount = discount_permille(price, tiers[i].modifier, PAWL_PRICE_INPUT);
            ret_tiers[count++] = (struct pawl_usage_tier){tiers[i].name, premium * discount / 1000};
        }
    }
    return count;
}
