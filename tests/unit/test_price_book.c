/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_price_book.c: whole books: the embedded one is what its file says and knows the usual names;
 * a damaged one is refused, and one for which there is no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "gateway/price_priv.h"

/* 2026-11-22T00:00:00Z */
static const int64_t now_us = INT64_C(1795305600) * 1000000;

#define HEAD                                                                                       \
    "{\"format\":1,\"as_of\":\"2026-01-02\",\"source\":\"test\",\"licence\":\"none\","             \
    "\"providers\":["

static bool look(const struct pawl_price_book *book,
                 const char *provider,
                 const char *model,
                 int64_t at_us,
                 struct pawl_price *ret_price)
{
    struct pawl_price_query query = {pawl_slice_str(provider), pawl_slice_str(model), at_us};
    return pawl_price_lookup(book, query, ret_price);
}

/* --- The embedded book. ------------------------------------------------------------------- */

static void assert_text(struct pawl_slice got, const char *expected)
{
    if (!pawl_slice_equal_str(got, expected)) {
        fail_msg("got \"%.*s\", expected \"%s\"", (int)got.bytes, got.data, expected);
    }
}

static struct pawl_price_book *load_embedded(void)
{
    struct pawl_price_book *book = NULL;
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_price_book_load_embedded(&book, &msg))) {
        fail_msg("%s", msg.text);
    }
    return book;
}

static void embedded_book_knows_its_source_and_is_plausible(void **state)
{
    (void)state;
    struct pawl_price_book *book = load_embedded();
    assert_int_equal(pawl_price_book_date(book).bytes, 10);
    assert_true(pawl_slice_starts_with(pawl_price_book_source(book), PAWL_SLICE("npm ")));
    assert_true(pawl_slice_starts_with(pawl_price_book_licence(book), PAWL_SLICE("MIT")));
    assert_true(pawl_price_book_count(book) > 1000);
    for (uint32_t i = 0; i < pawl_price_book_count(book); ++i) {
        struct pawl_price price;
        pawl_price_book_at(book, i, now_us, &price);
        int64_t input = pawl_price_rate(&price, PAWL_PRICE_INPUT, 0);
        /* Nothing costs more than $1,000 a million tokens; cached input is never dearer. */
        assert_true(input >= 0 && input <= INT64_C(1000) * 100000000);
        assert_true(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 0) <= INT64_C(1000) * 100000000);
        assert_true(pawl_price_rate(&price, PAWL_PRICE_CACHE_READ, 0) <= input);
        assert_int_equal(price.multiplier_permille, 1000);
    }
    pawl_price_book_free(book);
}

/* Names as requests and answers spell them; which model they mean does not change with a
 * refresh. */
static void assert_same_price(const struct pawl_price *a, const struct pawl_price *b)
{
    assert_true(pawl_slice_equal(a->provider, b->provider));
    assert_true(pawl_slice_equal(a->model, b->model));
    assert_int_equal(a->context_tokens, b->context_tokens);
    assert_int_equal(a->time_of_day, b->time_of_day);
    assert_int_equal(a->row_count, b->row_count);
    assert_memory_equal(a->rows, b->rows, a->row_count * sizeof(a->rows[0]));
}

/* The constants that the build made of data/prices.json, against that file. */
static void embedded_book_is_what_the_file_says(void **state)
{
    (void)state;
    static char text[1 << 20];
    FILE *file = fopen(PRICES_PATH, "rb");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof(text), file);
    assert_true(bytes > 0 && bytes < sizeof(text));
    assert_int_equal(fclose(file), 0);
    struct pawl_errmsg msg;
    struct pawl_price_book *read = NULL;
    struct pawl_price_book *book = load_embedded();
    assert_true(pawl_ok(pawl_price_book_load(pawl_slice_of(text, bytes), &read, &msg)));
    assert_true(pawl_slice_equal(pawl_price_book_date(book), pawl_price_book_date(read)));
    assert_true(pawl_slice_equal(pawl_price_book_source(book), pawl_price_book_source(read)));
    assert_true(pawl_slice_equal(pawl_price_book_licence(book), pawl_price_book_licence(read)));
    assert_int_equal(pawl_price_book_count(book), pawl_price_book_count(read));
    assert_int_equal(book->rule_count, read->rule_count);
    for (uint32_t i = 0; i < book->rule_count; i++) {
        assert_true(pawl_slice_equal(book->rules[i].text, read->rules[i].text));
        assert_int_equal(book->rules[i].op, read->rules[i].op);
        assert_int_equal(book->rules[i].negated, read->rules[i].negated);
        assert_int_equal(book->rules[i].more, read->rules[i].more);
    }
    assert_int_equal(book->name_count, read->name_count);
    for (uint32_t i = 0; i < book->name_count; i++) {
        assert_true(pawl_slice_equal(book->names[i], read->names[i]));
    }
    assert_int_equal(book->provider_count, read->provider_count);
    for (uint32_t i = 0; i < book->provider_count; i++) {
        assert_true(pawl_slice_equal(book->providers[i].id, read->providers[i].id));
        assert_memory_equal(&book->providers[i].models, &read->providers[i].models,
                            5 * sizeof(struct price_span));
        assert_true(pawl_slice_equal(book->providers[i].tools_date, read->providers[i].tools_date));
        assert_true(
            pawl_slice_equal(book->providers[i].tools_source, read->providers[i].tools_source));
    }
    const int64_t times_us[] = {0, INT64_C(1767225600000000), INT64_MAX}; /* 2026-01-01 */
    for (uint32_t i = 0; i < pawl_price_book_count(book); i++) {
        assert_memory_equal(&book->models[i].rules, &read->models[i].rules,
                            sizeof(struct price_span));
        for (size_t j = 0; j < PAWL_ARRAY_LEN(times_us); j++) {
            struct pawl_price a;
            struct pawl_price b;
            pawl_price_book_at(book, i, times_us[j], &a);
            pawl_price_book_at(read, i, times_us[j], &b);
            assert_same_price(&a, &b);
        }
    }
    pawl_price_book_free(read);
    pawl_price_book_free(book);
}

static void embedded_book_knows_the_usual_names(void **state)
{
    (void)state;
    static const struct {
        const char *provider;
        const char *model;
        const char *found;
        const char *id;
    } usual[] = {
        {"anthropic", "claude-sonnet-4-5-20250929", "anthropic", "claude-sonnet-4-5"},
        {"anthropic", "claude-opus-5-5", "anthropic", "claude-opus-5-5"},
        {"anthropic", "claude-haiku-5-5", "anthropic", "claude-haiku-5-5"},
        {"anthropic", "anthropic/claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5"},
        {"openai", "gpt-4o-2024-08-06", "openai", "gpt-4o"},
        {"openai", "gpt-4o-2024-05-13", "openai", "gpt-4o-2024-05-13"},
        {"openai", "gpt-5.2-2025-12-11", "openai", "gpt-5.2"},
        {"openai", "gpt-6.1-sol", "openai", "gpt-6.1-sol"},
        {"openai", "o3-mini", "openai", "o3-mini"},
        {"openai", "claude-sonnet-4-5-20250929", "anthropic", "claude-sonnet-4-5"},
        {"openrouter", "anthropic/claude-sonnet-4.5", "openrouter", "anthropic/claude-sonnet-4.5"},
        {"google", "models/gemini-2.5-pro", "google", "gemini-2.5-pro"},
        {"azure", "gpt-4o", "openai", "gpt-4o"},
        /* Names that lead to the newest model, and must not find an old one's price. */
        {"google", "gemini-pro-latest", "google", "gemini-pro-latest"},
        {"google", "models/gemini-flash-latest", "google", "gemini-flash-latest"},
        {"openai", "ft:gpt-4.1-mini-2025-04-14:acme::a1", "openai", "ft:gpt-4.1-mini"},
        {"openai", "ft:gpt-4.1-2025-04-14:acme:x:a1", "openai", "ft:gpt-4.1"},
        {"openai", "gpt-image-2.5-flare-2026-09-08", "openai", "gpt-image-2.5"},
    };
    struct pawl_price_book *book = load_embedded();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(usual); ++i) {
        struct pawl_price price;
        if (!look(book, usual[i].provider, usual[i].model, now_us, &price)) {
            fail_msg("%s is unknown", usual[i].model);
        }
        assert_text(price.provider, usual[i].found);
        assert_text(price.model, usual[i].id);
    }
    struct pawl_price price;
    assert_false(look(book, "openai", "gpt-17-nonesuch", now_us, &price));
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("api.anthropic.com")), "anthropic");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("api.openai.com")), "openai");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("127.0.0.1")), "");
    pawl_price_book_free(book);
}

/* "At least through" a day: what comes behind it is not known to be as cheap. */
static void embedded_book_ends_what_its_vendor_ends(void **state)
{
    (void)state;
    struct pawl_price_book *book = load_embedded();
    struct pawl_price price;
    assert_true(look(book, "openai", "gpt-5.6-sol", now_us - 1, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 0), INT64_C(2000000000));
    assert_true(look(book, "openai", "gpt-5.6-sol", now_us, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 0), INT64_C(3000000000));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 300000), INT64_C(4500000000));
    pawl_price_book_free(book);
}

/* A long prompt costs as much through a reseller as at its vendor. */
static void embedded_book_has_long_prompts_at_a_reseller_too(void **state)
{
    (void)state;
    static const char *const models[] = {"google/gemini-2.5-pro", "google/gemini-3.1-pro-preview",
                                         "x-ai/grok-4.3", "openai/gpt-5.4"};
    struct pawl_price_book *book = load_embedded();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(models); ++i) {
        struct pawl_price price;
        assert_true(look(book, "openrouter", models[i], now_us, &price));
        assert_text(price.provider, "openrouter");
        assert_true(pawl_price_rate(&price, PAWL_PRICE_INPUT, 300000) >
                    pawl_price_rate(&price, PAWL_PRICE_INPUT, 1000));
    }
    pawl_price_book_free(book);
}

/* Google bills a prompt that was grounded through Gemini 2.5, and each query since. */
static void embedded_book_has_the_fees_of_googles_searches(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int64_t microcents; /* a thousand */
    } rows[] = {
        {"gemini-2.0-flash", INT64_C(3500000000)},
        {"gemini-2.5-pro", INT64_C(3500000000)},
        {"gemini-3.1-pro-preview", INT64_C(1400000000)},
        {"models/gemini-3.8-flash", INT64_C(1400000000)},
    };
    struct pawl_price_book *book = load_embedded();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        struct pawl_price price;
        assert_true(look(book, "google", rows[i].model, now_us, &price));
        /* The same in each of its rows. */
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 0), rows[i].microcents);
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 1000000),
                         rows[i].microcents);
    }
    pawl_price_book_free(book);
}

/* Long-lived cache writes are twice the input at Anthropic, in every row of every Claude model. */
static void embedded_book_prices_long_cache_writes_of_claude(void **state)
{
    (void)state;
    struct pawl_price_book *book = load_embedded();
    size_t checked = 0;
    for (uint32_t i = 0; i < pawl_price_book_count(book); ++i) {
        struct pawl_price price;
        pawl_price_book_at(book, i, now_us, &price);
        for (uint32_t row = 0; row < price.row_count; ++row) {
            const int64_t *rates = price.rows[row].microcents;
            if (pawl_slice_equal_str(price.provider, "anthropic") &&
                rates[PAWL_PRICE_CACHE_WRITE] != PAWL_PRICE_ABSENT) {
                assert_int_equal(rates[PAWL_PRICE_CACHE_WRITE_LONG], 2 * rates[PAWL_PRICE_INPUT]);
                ++checked;
            }
        }
    }
    assert_true(checked > 10);
    pawl_price_book_free(book);
}

/* --- Damage. ------------------------------------------------------------------------------ */

#define MODEL_ROWS(rows) HEAD "{\"id\":\"p\",\"models\":[{\"id\":\"m\",\"rows\":[" rows "]}]}]}"

static void damaged_book_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "{\"format\":2,\"as_of\":\"x\",\"source\":\"y\",\"licence\":\"z\",\"providers\":[]}",
        HEAD "]}",
        HEAD "{\"id\":\"p\",\"models\":[]}]}",
        HEAD "{\"id\":\"p\",\"models\":[{\"id\":\"m\"}]}]}",
        HEAD "{\"id\":\"p\",\"models\":[{\"rows\":[{\"input\":1}]}]}]}",
        HEAD "{\"id\":\"p\",\"models\":{\"id\":\"m\",\"rows\":[{\"input\":1}]}}]}",
        HEAD "{\"id\":\"p\",\"models\":[{\"id\":\"m\",\"match\":[\"x\"],\"rows\":[{}]}]}]}",
        HEAD "{\"id\":\"p\",\"models\":[{\"id\":\"m\",\"match\":[\"?x\"],\"rows\":[{}]}]}]}",
        HEAD "{\"id\":\"p\",\"tools\":{},\"models\":[{\"id\":\"m\",\"rows\":[{\"input\":1}]}]}]}",
        HEAD "{\"id\":\"p\",\"tools\":{\"as_of\":\"2026-02-30x\",\"source\":\"s\",\"fees\":{}},"
             "\"models\":[{\"id\":\"m\",\"rows\":[{\"input\":1}]}]}]}",
        HEAD "{\"id\":\"p\",\"tools\":{\"as_of\":\"2026-02-03\",\"source\":\"s\",\"fees\":{"
             "\"over\":1}},\"models\":[{\"id\":\"m\",\"rows\":[{\"input\":1}]}]}]}",
        MODEL_ROWS(""),
        MODEL_ROWS("{\"input\":-1}"),
        MODEL_ROWS("{\"input\":\"1\"}"),
        MODEL_ROWS("{\"input\":100000000000001}"),
        MODEL_ROWS("{\"inputs\":1}"),
        MODEL_ROWS("{\"over\":5,\"input\":1}"),
        MODEL_ROWS("{\"from\":\"2026-01-01\",\"input\":1}"),
        MODEL_ROWS("{\"input\":1},{\"input\":2}"),
        MODEL_ROWS("{\"input\":1},{\"over\":5,\"input\":2},{\"over\":5,\"input\":3}"),
        MODEL_ROWS("{\"input\":1},{\"from\":\"2026-01-01\",\"over\":5,\"input\":2}"),
        MODEL_ROWS("{\"input\":1},{\"from\":\"2026-13-01\",\"input\":2}"),
        MODEL_ROWS("{\"input\":1},{\"from\":\"2026-1-01\",\"input\":2}"),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); ++i) {
        struct pawl_price_book *book = NULL;
        struct pawl_errmsg msg = {""};
        pawl_err err = pawl_price_book_load(pawl_slice_str(texts[i]), &book, &msg);
        if (err.code != PAWL_ERR_CORRUPT) {
            fail_msg("accepted: %s", texts[i]);
        }
        assert_true(strstr(msg.text, "damaged at byte") != NULL);
        assert_null(book);
    }
}

static void loading_without_memory_fails_cleanly(void **state)
{
    (void)state;
    uint64_t failures = 1;
    for (uint64_t nth = 1; failures > 0; ++nth) {
        struct pawl_price_book *book = NULL;
        struct pawl_errmsg msg = {""};
        pawl_alloc_fail_at(nth, 1);
        pawl_err err = pawl_price_book_load(PAWL_SLICE(MODEL_ROWS("{\"input\":1}")), &book, &msg);
        failures = pawl_alloc_failures();
        pawl_alloc_fail_at(0, 0);
        assert_int_equal(pawl_ok(err), failures == 0);
        assert_int_equal(book != NULL, failures == 0);
        pawl_price_book_free(book);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embedded_book_knows_its_source_and_is_plausible),
        cmocka_unit_test(embedded_book_is_what_the_file_says),
        cmocka_unit_test(embedded_book_knows_the_usual_names),
        cmocka_unit_test(embedded_book_ends_what_its_vendor_ends),
        cmocka_unit_test(embedded_book_has_long_prompts_at_a_reseller_too),
        cmocka_unit_test(embedded_book_has_the_fees_of_googles_searches),
        cmocka_unit_test(embedded_book_prices_long_cache_writes_of_claude),
        cmocka_unit_test(damaged_book_is_refused),
        cmocka_unit_test(loading_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests_name("price_book", tests, NULL, NULL);
}
