/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_usage.c: what usage costs: golden tables, and the properties that hold for any usage:
 * the lines add up to the total, more is never cheaper, a cached token is never dearer than a
 * fresh one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/money.h"
#include "base/prng.h"
#include "gateway/usage.h"
#include "seed.h"

static const char prices[] =
    "{\"format\":1,\"as_of\":\"2026-01-02\",\"source\":\"test\",\"licence\":\"none\","
    "\"providers\":["
    "{\"id\":\"anthropic\",\"models\":["
    "{\"id\":\"claude-sonnet\",\"rows\":[{\"input\":300000000,\"cache_read\":30000000,"
    "\"cache_write\":375000000,\"cache_write_long\":600000000,\"output\":1500000000,"
    "\"per_1000_web_searches\":1000000000}]},"
    "{\"id\":\"claude-opus-4-6\",\"rows\":[{\"input\":500000000,\"output\":2500000000}]},"
    "{\"id\":\"claude-opus-4-8\",\"rows\":[{\"input\":500000000,\"output\":2500000000}]},"
    "{\"id\":\"claude-opus-5-5\",\"rows\":[{\"input\":400000000,\"output\":2000000000}]}]},"
    "{\"id\":\"openai\",\"models\":["
    "{\"id\":\"gpt-6-sol\",\"rows\":[{\"input\":200000000,\"cache_read\":20000000,"
    "\"cache_write\":250000000,\"output\":1000000000},{\"over\":272000,\"input\":400000000,"
    "\"cache_read\":40000000,\"cache_write\":500000000,\"output\":1500000000}]},"
    "{\"id\":\"gpt-5.5\",\"rows\":[{\"input\":500000000,\"output\":3000000000}]},"
    "{\"id\":\"gpt-audio\",\"rows\":[{\"input\":250000000,\"cache_read\":125000000,"
    "\"output\":1000000000,\"input_audio\":4000000000,\"cache_audio_read\":250000000,"
    "\"output_audio\":8000000000}]},"
    "{\"id\":\"odd\",\"rows\":[{\"input\":1,\"output\":3}]}]},"
    "{\"id\":\"google\",\"models\":[{\"id\":\"gemini\",\"rows\":[{\"input\":100000000,"
    "\"cache_read\":10000000,\"output\":250000000}]}]},"
    "{\"id\":\"perplexity\",\"models\":[{\"id\":\"sonar\",\"rows\":[{\"input\":100000000,"
    "\"output\":100000000,\"reasoning\":300000000,\"per_1000_requests\":1200000000}]}]}]}";

static struct pawl_price_book *book;

static int setup(void **state)
{
    (void)state;
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_price_book_load(pawl_slice_str(prices), &book, &msg);
    if (pawl_failed(err)) {
        print_error("%s\n", msg.text);
    }
    return pawl_ok(err) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pawl_price_book_free(book);
    return 0;
}

static struct pawl_price price_of(const char *provider, const char *model)
{
    struct pawl_price price;
    struct pawl_price_query query = {pawl_slice_str(provider), pawl_slice_str(model), 0};
    assert_true(pawl_price_lookup(book, query, &price));
    return price;
}

/* --- Golden costs. ------------------------------------------------------------------------ */

enum { I = PAWL_USAGE_INPUT, R = PAWL_USAGE_CACHE_READ, W = PAWL_USAGE_CACHE_WRITE };
enum { L = PAWL_USAGE_CACHE_WRITE_LONG, O = PAWL_USAGE_OUTPUT, T = PAWL_USAGE_REASONING };
enum { S = PAWL_USAGE_WEB_SEARCHES, A = PAWL_USAGE_INPUT_AUDIO, B = PAWL_USAGE_OUTPUT_AUDIO };

static const struct {
    const char *provider;
    const char *model;
    uint32_t modifiers;
    uint32_t multiplier_permille;
    int64_t count[PAWL_USAGE_FIELD_COUNT];
    size_t line_count;
    const char *cost;
} costs[] = {
    {"anthropic", "claude-sonnet", 0, 1000, {0}, 0, "$0.00"},
    {"anthropic", "claude-sonnet", 0, 1000, {[I] = 25, [O] = 15}, 2, "$0.0003"},
    /* One of each bucket: 3 + 0.3 + 3.75 + 6 + 15 a million. */
    {"anthropic",
     "claude-sonnet",
     0,
     1000,
     {[I] = 1000000, [R] = 1000000, [W] = 1000000, [L] = 1000000, [O] = 1000000},
     5,
     "$28.05"},
    /* The case of the tracker: 212,000 written and 20,000 read are not input as well. */
    {"anthropic",
     "claude-sonnet",
     0,
     1000,
     {[I] = 100, [R] = 20000, [W] = 212000, [O] = 1000},
     4,
     "$0.8163"},
    /* Thinking is output, once. */
    {"anthropic", "claude-sonnet", 0, 1000, {[O] = 1000, [T] = 900}, 1, "$0.015"},
    /* Searches are a fee: neither region nor speed change it. */
    {"anthropic", "claude-sonnet", 0, 1000, {[S] = 3}, 1, "$0.03"},
    {"anthropic",
     "claude-sonnet",
     PAWL_MODIFIER_US_ONLY,
     1000,
     {[I] = 1000000, [S] = 3},
     2,
     "$3.33"},
    {"anthropic", "claude-opus-4-6", PAWL_MODIFIER_FAST, 1000, {[I] = 1000000}, 1, "$30.00"},
    {"anthropic", "claude-opus-4-8", PAWL_MODIFIER_FAST, 1000, {[I] = 1000000}, 1, "$10.00"},
    {"anthropic",
     "claude-opus-5-5",
     PAWL_MODIFIER_FAST | PAWL_MODIFIER_US_ONLY,
     1000,
     {[O] = 1000000},
     1,
     "$44.00"},
    /* Batch and flex: half at OpenAI, and at Google but for what was cached; fees are whole, a
     * dearer speed beside it takes it away, and nobody else's price is known. */
    {"openai", "gpt-6-sol", PAWL_MODIFIER_DISCOUNT, 1000, {[I] = 1000, [O] = 100}, 2, "$0.0015"},
    {"openai", "gpt-audio", PAWL_MODIFIER_DISCOUNT, 1000, {[S] = 2}, 1, "$0.05"},
    {"openai",
     "gpt-6-sol",
     PAWL_MODIFIER_DISCOUNT | PAWL_MODIFIER_PRIORITY,
     1000,
     {[I] = 1000, [O] = 100},
     2,
     "$0.006"},
    {"google",
     "gemini",
     PAWL_MODIFIER_DISCOUNT,
     1000,
     {[I] = 1000000, [R] = 1000000, [O] = 1000000},
     3,
     "$1.85"},
    {"perplexity", "sonar", PAWL_MODIFIER_DISCOUNT, 1000, {[I] = 1000, [O] = 1000}, 3, "$0.014"},
    {"anthropic", "claude-sonnet", PAWL_MODIFIER_DISCOUNT, 1000, {[I] = 1000000}, 1, "$3.00"},
    /* Size: the whole request at the higher rate, cached tokens counting for the size. */
    {"openai", "gpt-6-sol", 0, 1000, {[I] = 272000, [O] = 1000}, 2, "$0.554"},
    {"openai", "gpt-6-sol", 0, 1000, {[I] = 272001, [O] = 1000}, 2, "$1.103004"},
    {"openai", "gpt-6-sol", 0, 1000, {[I] = 1, [R] = 272000, [O] = 1000}, 3, "$0.123804"},
    {"openai", "gpt-6-sol", PAWL_MODIFIER_PRIORITY, 1000, {[I] = 1000, [O] = 100}, 2, "$0.006"},
    {"openai", "gpt-5.5", PAWL_MODIFIER_PRIORITY, 1000, {[I] = 1000000}, 1, "$12.50"},
    {"openai", "gpt-6-sol", PAWL_MODIFIER_ULTRAFAST, 1000, {[I] = 100000}, 1, "$1.20"},
    {"openai", "gpt-6-sol", PAWL_MODIFIER_REGIONAL, 1000, {[I] = 100000}, 1, "$0.22"},
    /* Two speeds: the dearer one. */
    {"openai",
     "gpt-6-sol",
     PAWL_MODIFIER_ULTRAFAST | PAWL_MODIFIER_PRIORITY,
     1000,
     {[I] = 100000},
     1,
     "$1.20"},
    {"openai",
     "gpt-audio",
     0,
     1000,
     {[I] = 1000, [A] = 1000, [O] = 1000, [B] = 1000},
     4,
     "$0.1325"},
    {"openai", "gpt-audio", PAWL_MODIFIER_SEARCH_PREVIEW, 1000, {[S] = 2}, 1, "$0.05"},
    /* A price of its own for thinking, and a fee for the call. */
    {"perplexity", "sonar", 0, 1000, {[I] = 1000, [O] = 1000, [T] = 400}, 4, "$0.0148"},
    /* Each line is rounded up once, to 10^-8 dollars. */
    {"openai", "odd", 0, 1000, {[I] = 1, [O] = 1}, 2, "$0.00000002"},
    {"openai", "odd", 0, 1000, {[I] = 1000000, [O] = 333334}, 2, "$0.00000003"},
    /* The user's factor, in the same rounding; fees too. */
    {"anthropic", "claude-sonnet", 0, 1100, {[I] = 1000000, [S] = 1}, 2, "$3.311"},
    {"openai", "odd", 0, 1, {[I] = 1000000}, 1, "$0.00000001"},
    {"openai", "odd", 0, 1500, {[I] = 2000000}, 1, "$0.00000003"},
};

static struct pawl_cost cost_of(const struct pawl_price *price, const struct pawl_usage *usage)
{
    struct pawl_cost cost;
    pawl_usage_cost(price, usage, &cost);
    int64_t sum = 0;
    for (size_t i = 0; i < cost.line_count; ++i) {
        assert_true(cost.lines[i].microcents > 0);
        sum += cost.lines[i].microcents;
    }
    assert_int_equal(sum, cost.total_microcents);
    assert_true(pawl_amount_valid(cost.total_microcents));
    return cost;
}

static void usage_costs_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(costs); ++i) {
        struct pawl_price price = price_of(costs[i].provider, costs[i].model);
        price.multiplier_permille = costs[i].multiplier_permille;
        struct pawl_usage usage = {.modifiers = costs[i].modifiers};
        memcpy(usage.count, costs[i].count, sizeof(usage.count));
        struct pawl_cost cost = cost_of(&price, &usage);
        char text[PAWL_MONEY_TEXT_BYTES];
        pawl_money_format_usd(cost.total_microcents, text);
        if (strcmp(text, costs[i].cost) != 0 || cost.line_count != costs[i].line_count) {
            fail_msg("row %zu: %s in %zu lines", i, text, cost.line_count);
        }
        assert_false(cost.capped);
    }
}

static void cost_beyond_any_amount_is_the_largest_amount(void **state)
{
    (void)state;
    struct pawl_price price = price_of("anthropic", "claude-opus-4-6");
    price.multiplier_permille = 100000;
    struct pawl_usage usage = {.modifiers = PAWL_MODIFIER_FAST | PAWL_MODIFIER_US_ONLY};
    for (size_t i = 0; i < PAWL_USAGE_FIELD_COUNT; ++i) {
        usage.count[i] = INT64_MAX / 64;
    }
    struct pawl_cost cost = cost_of(&price, &usage);
    assert_true(cost.capped);
    assert_int_equal(cost.total_microcents, PAWL_AMOUNT_MAX);
}

static void tokens_are_counted_without_reasoning_and_pieces(void **state)
{
    (void)state;
    struct pawl_usage usage = {0};
    for (size_t i = 0; i < PAWL_USAGE_FIELD_COUNT; ++i) {
        usage.count[i] = (int64_t)1 << (4 * i);
    }
    /* Input is fields 0 to 8, output 9 to 11, reasoning 12, pieces 13 and 14. */
    assert_int_equal(pawl_usage_input_tokens(&usage), INT64_C(0x111111111));
    assert_int_equal(pawl_usage_output_tokens(&usage), INT64_C(0x111000000000));
    assert_int_equal(pawl_usage_tokens(&usage), INT64_C(0x111111111111));
}

static void usages_add_up_with_their_flags(void **state)
{
    (void)state;
    struct pawl_usage sum = {0};
    struct pawl_usage more = {.odd = PAWL_USAGE_ODD_HUGE, .modifiers = PAWL_MODIFIER_FAST};
    pawl_usage_set(&sum, PAWL_USAGE_INPUT, 7);
    pawl_usage_set(&more, PAWL_USAGE_INPUT, 5);
    pawl_usage_set(&more, PAWL_USAGE_OUTPUT, PAWL_USAGE_COUNT_MAX);
    pawl_usage_add(&sum, &more);
    pawl_usage_add(&sum, &more);
    assert_int_equal(sum.count[PAWL_USAGE_INPUT], 17);
    assert_int_equal(sum.count[PAWL_USAGE_OUTPUT], PAWL_USAGE_COUNT_MAX);
    assert_int_equal(sum.odd, PAWL_USAGE_ODD_HUGE);
    assert_int_equal(sum.modifiers, PAWL_MODIFIER_FAST);
    assert_true(pawl_usage_seen(&sum, PAWL_USAGE_OUTPUT));
    assert_false(pawl_usage_seen(&sum, PAWL_USAGE_CACHE_READ));
    pawl_usage_at_least(&sum, PAWL_USAGE_INPUT, 16);
    assert_int_equal(sum.count[PAWL_USAGE_INPUT], 17);
    pawl_usage_at_least(&sum, PAWL_USAGE_INPUT, 18);
    assert_int_equal(sum.count[PAWL_USAGE_INPUT], 18);
}

/* --- What a request asks for. ------------------------------------------------------------- */

static void request_tells_its_modifiers(void **state)
{
    (void)state;
    static const struct {
        enum pawl_dialect dialect;
        const char *body;
        uint32_t modifiers;
    } requests[] = {
        {PAWL_DIALECT_ANTHROPIC, "{}", 0},
        {PAWL_DIALECT_ANTHROPIC, "{\"speed\":\"fast\",\"inference_geo\":\"us\"}",
         PAWL_MODIFIER_FAST | PAWL_MODIFIER_US_ONLY},
        {PAWL_DIALECT_ANTHROPIC, "{\"speed\":\"standard\",\"inference_geo\":\"global\"}", 0},
        {PAWL_DIALECT_ANTHROPIC, "{\"service_tier\":\"priority\"}", 0},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":\"priority\"}", PAWL_MODIFIER_PRIORITY},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":\"fast\"}", PAWL_MODIFIER_PRIORITY},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":\"ultrafast\"}", PAWL_MODIFIER_ULTRAFAST},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":\"flex\"}", PAWL_MODIFIER_DISCOUNT},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":\"auto\",\"speed\":\"fast\"}", 0},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"service_tier\":7}", 0},
    };
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(requests); ++i) {
        struct pawl_json json;
        assert_true(pawl_json_parse(&arena, pawl_slice_str(requests[i].body), PAWL_JSON_FORWARD,
                                    PAWL_JSON_LIMITS_DEFAULT, &json));
        uint32_t modifiers = pawl_usage_modifiers_of_request(requests[i].dialect, &json, 0);
        if (modifiers != requests[i].modifiers) {
            fail_msg("%s: %u", requests[i].body, modifiers);
        }
    }
    pawl_arena_free(&arena);
}

/* --- Properties over drawn usage. --------------------------------------------------------- */

static struct pawl_usage draw_usage(struct pawl_prng *prng)
{
    struct pawl_usage usage = {.modifiers = (uint32_t)pawl_prng_below(prng, 128)};
    for (size_t i = 0; i < PAWL_USAGE_FIELD_COUNT; ++i) {
        int64_t max = pawl_prng_one_in(prng, 10) ? PAWL_USAGE_COUNT_MAX : 300000;
        usage.count[i] = pawl_prng_one_in(prng, 3) ? 0 : pawl_prng_between(prng, 0, max);
    }
    return usage;
}

static struct pawl_price draw_price(struct pawl_prng *prng)
{
    struct pawl_price price;
    uint32_t count = pawl_price_book_count(book);
    pawl_price_book_at(book, (uint32_t)pawl_prng_below(prng, count), 0, &price);
    price.multiplier_permille = (uint32_t)pawl_prng_between(prng, 1, 100000);
    return price;
}

static void cost_never_falls_when_usage_grows(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_usage"));
    for (int round = 0; round < 5000; ++round) {
        struct pawl_price price = draw_price(&prng);
        struct pawl_usage usage = draw_usage(&prng);
        int64_t before = cost_of(&price, &usage).total_microcents;
        size_t field = (size_t)pawl_prng_below(&prng, PAWL_USAGE_FIELD_COUNT);
        if (field == PAWL_USAGE_REASONING) {
            continue; /* a part of the output, which may be cheaper or dearer */
        }
        usage.count[field] += pawl_prng_between(&prng, 1, 1000000);
        assert_true(cost_of(&price, &usage).total_microcents >= before);
    }
}

static void cached_token_is_never_dearer_than_a_fresh_one(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_usage"));
    for (int round = 0; round < 5000; ++round) {
        struct pawl_price price = draw_price(&prng);
        struct pawl_usage fresh = draw_usage(&prng);
        struct pawl_usage cached = fresh;
        int64_t moved = pawl_prng_between(&prng, 0, fresh.count[PAWL_USAGE_INPUT]);
        cached.count[PAWL_USAGE_INPUT] -= moved;
        cached.count[PAWL_USAGE_CACHE_READ] += moved;
        /* One more line may be rounded up, by one. */
        assert_true(cost_of(&price, &cached).total_microcents <=
                    cost_of(&price, &fresh).total_microcents + 1);
    }
}

/* But for a discount that an answer tells, which halves it at most; a hold has none. */
static void modifiers_never_make_a_call_cheaper(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_usage"));
    for (int round = 0; round < 2000; ++round) {
        struct pawl_price price = draw_price(&prng);
        struct pawl_usage usage = draw_usage(&prng);
        struct pawl_usage plain = usage;
        plain.modifiers = 0;
        int64_t cost = cost_of(&price, &usage).total_microcents;
        assert_true(cost >= cost_of(&price, &plain).total_microcents / 2);
        usage.modifiers = pawl_usage_dearest(usage.modifiers);
        assert_true(cost_of(&price, &usage).total_microcents >= cost);
        assert_true(cost_of(&price, &usage).total_microcents >=
                    cost_of(&price, &plain).total_microcents);
        assert_true(pawl_usage_premium_permille(&price, usage.modifiers) >= 1000);
    }
}

static void names_of_fields_and_oddities_are_all_there(void **state)
{
    (void)state;
    for (enum pawl_usage_field field = 0; field < PAWL_USAGE_FIELD_COUNT; ++field) {
        assert_non_null(pawl_usage_field_name(field));
    }
    for (unsigned bit = 0; bit < PAWL_USAGE_ODD_BIT_COUNT; ++bit) {
        assert_non_null(pawl_usage_odd_name(bit));
    }
    assert_string_equal(pawl_usage_odd_name(10), "empty");
    assert_string_equal(pawl_usage_field_name(PAWL_USAGE_CACHE_WRITE_LONG), "cache_write_long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_costs_what_the_table_says),
        cmocka_unit_test(cost_beyond_any_amount_is_the_largest_amount),
        cmocka_unit_test(tokens_are_counted_without_reasoning_and_pieces),
        cmocka_unit_test(usages_add_up_with_their_flags),
        cmocka_unit_test(request_tells_its_modifiers),
        cmocka_unit_test(cost_never_falls_when_usage_grows),
        cmocka_unit_test(cached_token_is_never_dearer_than_a_fresh_one),
        cmocka_unit_test(modifiers_never_make_a_call_cheaper),
        cmocka_unit_test(names_of_fields_and_oddities_are_all_there),
    };
    return cmocka_run_group_tests_name("usage", tests, setup, teardown);
}
