/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_price.c: names find their price, prices follow time and size, and the user's file adds to
 * the book, or is told precisely what is wrong with it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/price_priv.h"

/* 2026-11-22T00:00:00Z, and a day's length. */
static const int64_t now_us = INT64_C(1795305600) * 1000000;
static const int64_t day_us = INT64_C(86400) * 1000000;

#define HEAD                                                                                       \
    "{\"format\":1,\"as_of\":\"2026-01-02\",\"source\":\"test\",\"licence\":\"none\","             \
    "\"providers\":["

/* A book of our own, so that a refresh of the real one changes no test. */
static const char small_book[] = HEAD
    "{\"id\":\"alpha\",\"hosts\":[\"api.alpha.test\",\".alpha.cloud\"],\"aliases\":[\"alpha_ai\"],"
    "\"fallback\":[\"beta\"],\"models\":["
    "{\"id\":\"a-plain\",\"context\":200000,\"rows\":[{\"input\":100,\"output\":500}]},"
    "{\"id\":\"a-rules\",\"match\":[\"=a-one\",\"^a-two\",\"$-three\",\"*four\","
    "[\"^a-five\",\"!$-tts\"],\"=a-six-########\"],\"rows\":[{\"input\":1,\"output\":2}]},"
    "{\"id\":\"a-tiers\",\"rows\":[{\"input\":10,\"cache_read\":1,\"output\":30},"
    "{\"over\":1000,\"input\":20,\"cache_read\":2,\"output\":40},"
    "{\"over\":5000,\"input\":25,\"cache_read\":2,\"output\":50}]},"
    "{\"id\":\"a-dated\",\"rows\":[{\"input\":9,\"output\":9},{\"over\":100,\"input\":19,"
    "\"output\":19},{\"from\":\"2026-03-01\",\"input\":8,\"output\":8},"
    "{\"from\":\"2026-06-01\",\"time_of_day\":true,\"input\":7,\"output\":7}]},"
    "{\"id\":\"shared\",\"rows\":[{\"input\":5,\"output\":5}]}]},"
    "{\"id\":\"beta\",\"tools\":{\"as_of\":\"2026-02-03\",\"source\":\"its page\",\"fees\":{"
    "\"per_1000_web_searches\":70,\"per_1000_container_minutes\":80}},\"models\":[{\"id\":\"b-"
    "only\",\"rows\":[{\"input\":3,\"output\":3}]},"
    "{\"id\":\"b-prefix\",\"match\":[\"^b-pre\"],\"rows\":[{\"input\":4,\"output\":4}]},"
    "{\"id\":\"shared\",\"rows\":[{\"input\":6,\"output\":6}]}]},"
    "{\"id\":\"aws\",\"models\":[{\"id\":\"regional.anthropic.c\",\"match\":[\"*anthropic.c\"],"
    "\"rows\":[{\"input\":11,\"output\":11}]}]}]}";

static struct pawl_price_book *load(const char *text)
{
    struct pawl_price_book *book = NULL;
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_price_book_load(pawl_slice_str(text), &book, &msg))) {
        fail_msg("%s", msg.text);
    }
    return book;
}

static bool look(const struct pawl_price_book *book,
                 const char *provider,
                 const char *model,
                 int64_t at_us,
                 struct pawl_price *ret_price)
{
    struct pawl_price_query query = {pawl_slice_str(provider), pawl_slice_str(model), at_us};
    return pawl_price_lookup(book, query, ret_price);
}

static void assert_text(struct pawl_slice got, const char *expected)
{
    if (!pawl_slice_equal_str(got, expected)) {
        fail_msg("got \"%.*s\", expected \"%s\"", (int)got.bytes, got.data, expected);
    }
}

/* --- Names. ------------------------------------------------------------------------------- */

static const struct {
    const char *provider;
    const char *model;
    const char *found; /* "provider/model", or "" */
    enum pawl_price_match match;
} names[] = {
    {"alpha", "a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    {"alpha", " A-Plain ", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    {"ALPHA_AI", "a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    /* Each operator, a group, digits. */
    {"alpha", "a-one", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "a-one-more", "", 0},
    {"alpha", "a-two-more", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "x-three", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "xfoury", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "a-five-x", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "a-five-tts", "", 0},
    {"alpha", "a-six-20260101", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "a-six-2026010x", "", 0},
    {"alpha", "a-rules", "alpha/a-rules", PAWL_PRICE_MATCH_ELSEWHERE},
    /* Vendors in front, paths, '@'. */
    {"beta", "alpha/a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    {"", "alpha_ai/a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    {"alpha", "models/a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_RULE},
    {"", "gateway/alpha/models/a-two-b", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    {"alpha", "a-six@20260101", "alpha/a-rules", PAWL_PRICE_MATCH_RULE},
    /* Snapshots. */
    {"alpha", "a-plain-2026-05-05", "alpha/a-plain", PAWL_PRICE_MATCH_UNDATED},
    {"alpha", "a-plain-20260505", "alpha/a-plain", PAWL_PRICE_MATCH_UNDATED},
    {"alpha", "a-plain-latest", "alpha/a-plain", PAWL_PRICE_MATCH_UNDATED},
    {"alpha", "models/a-plain@20260505", "alpha/a-plain", PAWL_PRICE_MATCH_UNDATED},
    {"alpha", "a-plain-2026-5-5", "", 0},
    {"alpha", "-20260505", "", 0},
    /* A provider that resells, and Bedrock's spelling. */
    {"alpha", "b-only", "beta/b-only", PAWL_PRICE_MATCH_RULE},
    {"alpha", "b-prefix-x", "beta/b-prefix", PAWL_PRICE_MATCH_RULE},
    {"beta", "us.anthropic.c", "aws/regional.anthropic.c", PAWL_PRICE_MATCH_RULE},
    {"", "arn:aws:bedrock:eu:1:profile/eu.anthropic.c", "aws/regional.anthropic.c",
     PAWL_PRICE_MATCH_RULE},
    /* Elsewhere: the whole name only, and the dearest of several. */
    {"", "a-plain", "alpha/a-plain", PAWL_PRICE_MATCH_ELSEWHERE},
    {"beta", "a-one", "alpha/a-rules", PAWL_PRICE_MATCH_ELSEWHERE},
    {"aws", "shared", "beta/shared", PAWL_PRICE_MATCH_ELSEWHERE},
    {"alpha", "shared", "alpha/shared", PAWL_PRICE_MATCH_RULE},
    {"nobody", "b-pre", "", 0},
    /* Nothing. */
    {"alpha", "", "", 0},
    {"alpha", "   ", "", 0},
    {"alpha", "/", "", 0},
    {"alpha", "unheard-of", "", 0},
};

static void names_find_their_price(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); ++i) {
        struct pawl_price price;
        char found[128] = "";
        bool known = look(book, names[i].provider, names[i].model, now_us, &price);
        if (known) {
            (void)snprintf(found, sizeof(found), "%.*s/%.*s", (int)price.provider.bytes,
                           price.provider.data, (int)price.model.bytes, price.model.data);
        }
        if (strcmp(found, names[i].found) != 0 || (known && price.match != names[i].match)) {
            fail_msg("%s at %s: found \"%s\", match %d", names[i].model, names[i].provider, found,
                     known ? (int)price.match : -1);
        }
    }
    pawl_price_book_free(book);
}

static void name_that_is_too_long_is_unknown(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    char name[4096];
    memset(name, 'a', sizeof(name));
    struct pawl_price price;
    struct pawl_price_query query = {PAWL_SLICE("alpha"), pawl_slice_of(name, sizeof(name)),
                                     now_us};
    assert_false(pawl_price_lookup(book, query, &price));
    uint32_t indexes[4];
    assert_int_equal(pawl_price_book_suggest(book, query.model, indexes, 4), 0);
    pawl_price_book_free(book);
}

static void hosts_name_their_provider(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("API.alpha.test")), "alpha");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("eu.alpha.cloud")), "alpha");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE(".alpha.cloud")), "");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("alpha.cloud")), "");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("api.alpha.test.evil")), "");
    assert_text(pawl_price_provider_of_host(book, PAWL_SLICE("")), "");
    pawl_price_book_free(book);
}

/* --- Size and time. ----------------------------------------------------------------------- */

static void rate_follows_the_size_of_the_whole_request(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    struct pawl_price price;
    assert_true(look(book, "alpha", "a-tiers", now_us, &price));
    const struct {
        int64_t input_tokens, input, cache_read, output;
    } sizes[] = {{0, 10, 1, 30},    {1000, 10, 1, 30}, /* "over" means over */
                 {1001, 20, 2, 40}, {5000, 20, 2, 40},
                 {5001, 25, 2, 50}, {INT64_C(1) << 40, 25, 2, 50}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(sizes); ++i) {
        int64_t tokens = sizes[i].input_tokens;
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_INPUT, tokens), sizes[i].input);
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_READ, tokens),
                         sizes[i].cache_read);
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, tokens), sizes[i].output);
    }
    pawl_price_book_free(book);
}

static void price_is_the_one_of_its_time(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    const int64_t march_us = INT64_C(1772323200) * 1000000; /* 2026-03-01T00:00:00Z */
    const int64_t june_us = march_us + 92 * day_us;
    const struct {
        int64_t at_us, small, large;
    } times[] = {{INT64_MIN, 9, 19},  {0, 9, 19},      {march_us - 1, 9, 19}, {march_us, 8, 8},
                 {june_us - 1, 8, 8}, {june_us, 7, 7}, {INT64_MAX, 7, 7}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(times); ++i) {
        struct pawl_price price;
        assert_true(look(book, "alpha", "a-dated", times[i].at_us, &price));
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_INPUT, 100), times[i].small);
        assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_INPUT, 101), times[i].large);
        assert_true(price.time_of_day);
    }
    pawl_price_book_free(book);
}

/* A list of prices by itself, to see what stands in for what is missing. */
static struct pawl_price price_of(struct pawl_price_row *row, const char *provider)
{
    return (struct pawl_price){.rows = row,
                               .row_count = 1,
                               .provider = pawl_slice_str(provider),
                               .multiplier_permille = 1000};
}

static void missing_prices_fall_back_and_never_lower(void **state)
{
    (void)state;
    struct pawl_price_row row = {0};
    for (enum pawl_price_kind kind = 0; kind < PAWL_PRICE_KIND_COUNT; ++kind) {
        row.microcents[kind] = PAWL_PRICE_ABSENT;
    }
    row.microcents[PAWL_PRICE_INPUT] = 1001;
    row.microcents[PAWL_PRICE_OUTPUT] = 5000;
    struct pawl_price price = price_of(&row, "anthropic");
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_READ, 0), 1001);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_WRITE, 0), 1252); /* 1251.25 */
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_WRITE_LONG, 0), 2504);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_INPUT_AUDIO, 0), 1001);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_AUDIO_READ, 0), 1001);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_REASONING, 0), 5000);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT_IMAGE, 0), 5000);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_REQUESTS, 0), 0);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 0), INT64_C(2500000000));
    row.microcents[PAWL_PRICE_CACHE_READ] = 100;
    row.microcents[PAWL_PRICE_CACHE_WRITE] = 1300;
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_WRITE_LONG, 0), 2600);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_IMAGE_READ, 0), 100);
    row.microcents[PAWL_PRICE_INPUT_IMAGE] = 8000;
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_IMAGE_READ, 0), 8000);
    row.microcents[PAWL_PRICE_OUTPUT_VIDEO] = 9000; /* films are counted with pictures */
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT_IMAGE, 0), 9000);
    row.microcents[PAWL_PRICE_OUTPUT_IMAGE] = 7000;
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT_IMAGE, 0), 9000);
    row.microcents[PAWL_PRICE_OUTPUT_VIDEO] = PAWL_PRICE_ABSENT;
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT_IMAGE, 0), 7000);
    row.microcents[PAWL_PRICE_OUTPUT] = PAWL_PRICE_ABSENT;
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 0), 1001);
    struct pawl_price other = price_of(&row, "somebody");
    assert_int_equal(pawl_price_rate(&other, PAWL_PRICE_WEB_SEARCHES, 0), INT64_C(2500000000));
}

/* A model's own fee, its vendor's for all models, and the dearest that is known. */
static void fees_are_the_models_or_the_vendors(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    struct pawl_price price;
    assert_true(look(book, "beta", "b-only", 0, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 0), 70);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CONTAINER_MINUTES, 0), 80);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_FILE_SEARCHES, 0), 250000000);
    assert_text(price.tools_date, "2026-02-03");
    assert_text(price.tools_source, "its page");
    assert_true(look(book, "alpha", "a-plain", 0, &price));
    assert_null(price.tools);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CONTAINER_MINUTES, 0), 150000000);
    static const char mine[] = "{\"models\":[{\"match\":\"b-mine\",\"input_usd_per_mtok\":\"1\","
                               "\"output_usd_per_mtok\":\"1\","
                               "\"per_1000_web_searches_usd\":\"3\"}]}";
    struct pawl_errmsg msg = {""};
    assert_true(
        pawl_ok(pawl_price_book_add_overrides(book, "mine.json", pawl_slice_str(mine), &msg)));
    assert_true(look(book, "beta", "b-mine", 0, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 0), 300000000);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CONTAINER_MINUTES, 0), 80);
    pawl_price_book_free(book);
}

/* --- The user's file. --------------------------------------------------------------------- */

static void override_wins_over_the_book(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    struct pawl_errmsg msg = {""};
    const char *const text =
        "{\"multiplier\":\"1.10\",\"models\":[\n"
        "  {\"match\":\"a-plain\",\"input_usd_per_mtok\":\"3.00\",\"output_usd_per_mtok\":\"15\","
        "\"cache_read_usd_per_mtok\":\"0.30\",\"context_tokens\":1000},\n"
        "  {\"match\":\"My-*\",\"provider\":\"beta\",\"input_usd_per_mtok\":\"1\","
        "\"output_usd_per_mtok\":\"2\",\"per_1000_web_searches_usd\":\"5\"},\n"
        "  {\"match\":\"*-tiers\",\"multiplier\":\"0.5\"},\n"
        "  {\"match\":\"*per-call*\",\"per_1000_requests_usd\":\"20\"}]}";
    assert_true(pawl_ok(pawl_price_book_add_overrides(book, "p.json", pawl_slice_str(text), &msg)));
    struct pawl_price price;
    assert_true(look(book, "alpha", "vendor/A-Plain", now_us, &price));
    assert_int_equal(price.match, PAWL_PRICE_MATCH_OVERRIDE);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_INPUT, 0), 300000000);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_OUTPUT, 0), 1500000000);
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_CACHE_READ, 0), 30000000);
    assert_int_equal(price.multiplier_permille, 1000); /* the user states final prices */
    assert_int_equal(price.context_tokens, 1000);
    assert_text(price.provider, "alpha");
    assert_text(price.date, "override");
    assert_text(price.source, "p.json");
    /* Only at its provider. */
    assert_true(look(book, "beta", "my-model", now_us, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_WEB_SEARCHES, 0), 500000000);
    assert_false(look(book, "alpha", "my-model", now_us, &price));
    /* A factor on the book's price in place of the general one. */
    assert_true(look(book, "alpha", "a-tiers", now_us, &price));
    assert_int_equal(price.multiplier_permille, 500);
    assert_int_equal(price.row_count, 3);
    assert_true(look(book, "alpha", "a-one", now_us, &price));
    assert_int_equal(price.multiplier_permille, 1100);
    assert_true(look(book, "", "a-per-call-model", now_us, &price));
    assert_int_equal(pawl_price_rate(&price, PAWL_PRICE_REQUESTS, 0), INT64_C(2000000000));
    /* Those with prices are listed first. */
    assert_int_equal(pawl_price_book_count(book), 9 + 3);
    pawl_price_book_at(book, 0, now_us, &price);
    assert_text(price.model, "a-plain");
    assert_int_equal(price.match, PAWL_PRICE_MATCH_OVERRIDE);
    pawl_price_book_at(book, 2, now_us, &price);
    assert_text(price.model, "per-call");
    pawl_price_book_free(book);
}

static const struct {
    const char *text;
    const char *message;
} mistakes[] = {
    {"", "p.json:1:1: truncated"},
    {"[]", "p.json:1:1: expected an object with \"models\""},
    {"{\n \"model\":[]}", "p.json:2:2: unknown field"},
    {"{\"models\":{}}", "p.json:1:11: models: expected a list"},
    {"{\"models\":[1]}", "p.json:1:12: models: expected an object"},
    {"{\"models\":[{}]}", "p.json:1:12: match: is missing"},
    {"{\"models\":[{\"match\":\"m\"}]}",
     "p.json:1:12: expected input_usd_per_mtok and output_usd_per_mtok, or a multiplier"},
    {"{\"models\":[{\"match\":\"m\",\"input_usd_per_mtok\":\"1\"}]}",
     "p.json:1:12: expected input_usd_per_mtok and output_usd_per_mtok, or a multiplier"},
    {"{\"models\":[\n{\"match\":\"m\",\n  \"input_usd_per_mtok\":3}]}",
     "p.json:3:24: input_usd_per_mtok: expected dollars as a decimal text, such as \"3.00\""},
    {"{\"models\":[{\"match\":\"m\",\"output_usd_per_mtok\":\"-1\"}]}",
     "p.json:1:47: output_usd_per_mtok: expected dollars as a decimal text, such as \"3.00\""},
    {"{\"models\":[{\"match\":\"m\",\"input_usd_per_mtok\":\"1000001\"}]}",
     "p.json:1:46: input_usd_per_mtok: at most \"1000000\" dollars"},
    {"{\"models\":[{\"match\":\"m\",\"price\":\"1\"}]}", "p.json:1:25: unknown field"},
    {"{\"models\":[{\"match\":\"\"}]}",
     "p.json:1:21: match: expected a text that is not empty and has no backslash"},
    {"{\"models\":[{\"match\":\"a*b\",\"multiplier\":\"1\"}]}",
     "p.json:1:21: match: expected a name with at most one \"*\" at each end"},
    {"{\"models\":[{\"match\":\"*\",\"multiplier\":\"1\"}]}",
     "p.json:1:21: match: expected a name with at most one \"*\" at each end"},
    {"{\"models\":[{\"match\":\"**\",\"multiplier\":\"1\"}]}",
     "p.json:1:21: match: expected a name with at most one \"*\" at each end"},
    {"{\"models\":[{\"match\":\"m\",\"context_tokens\":0,\"multiplier\":\"1\"}]}",
     "p.json:1:42: context_tokens: expected a whole number above 0"},
    {"{\"models\":[{\"match\":\"m\",\"multiplier\":\"2\",\"input_usd_per_mtok\":\"1\"}]}",
     "p.json:1:12: multiplier: cannot stand beside prices: state the final ones"},
    {"{\"multiplier\":\"0\"}",
     "p.json:1:15: multiplier: expected a factor from \"0.001\" to \"100\" with at most three "
     "decimals"},
    {"{\"multiplier\":\"100.001\"}",
     "p.json:1:15: multiplier: expected a factor from \"0.001\" to \"100\" with at most three "
     "decimals"},
    {"{\"multiplier\":\"1.0005\"}",
     "p.json:1:15: multiplier: expected a factor from \"0.001\" to \"100\" with at most three "
     "decimals"},
    {"{\"multiplier\":\"1\",\"multiplier\":\"1\"}", "p.json:1:19: duplicate_key"},
};

static void mistakes_in_overrides_are_named_and_change_nothing(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(mistakes); ++i) {
        struct pawl_errmsg msg = {""};
        pawl_err err =
            pawl_price_book_add_overrides(book, "p.json", pawl_slice_str(mistakes[i].text), &msg);
        assert_int_equal(err.code, PAWL_ERR_INVALID);
        if (strcmp(msg.text, mistakes[i].message) != 0) {
            fail_msg("%s:\n got      %s\n expected %s", mistakes[i].text, msg.text,
                     mistakes[i].message);
        }
    }
    struct pawl_price price;
    assert_true(look(book, "alpha", "a-plain", now_us, &price));
    assert_int_equal(price.match, PAWL_PRICE_MATCH_RULE);
    pawl_price_book_free(book);
}

static void overrides_come_from_a_file(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    struct pawl_errmsg msg = {""};
    struct pawl_buf text;
    pawl_buf_init(&text, PAWL_PRICE_FILE_BYTES_MAX);
    assert_int_equal(
        pawl_price_book_load_overrides(book, "/nonexistent/prices.json", &text, &msg).code,
        PAWL_ERR_NOT_FOUND);
    assert_true(strstr(msg.text, "/nonexistent/prices.json") != NULL);
    char path[] = "/tmp/pawl-test-price-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fputs("{\"multiplier\":\"2\",\"models\":[]}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_true(pawl_ok(pawl_price_book_load_overrides(book, path, &text, &msg)));
    assert_string_equal(pawl_buf_cstr(&text), "{\"multiplier\":\"2\",\"models\":[]}");
    pawl_buf_free(&text);
    assert_int_equal(remove(path), 0);
    struct pawl_price price;
    assert_true(look(book, "alpha", "a-plain", now_us, &price));
    assert_int_equal(price.multiplier_permille, 2000);
    pawl_price_book_free(book);
}

/* --- Listing. ----------------------------------------------------------------------------- */

static void search_finds_parts_of_names(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    uint32_t count = pawl_price_book_count(book);
    assert_int_equal(count, 9);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("Alpha/A-T"), 0), 2);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("shared"), 0), 4);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("shared"), 5), 7);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("shared"), 8), count);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("a/shared"), 0), 4);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE(""), 3), 3);
    assert_int_equal(pawl_price_book_search(book, PAWL_SLICE("nothing"), 0), count);
    pawl_price_book_free(book);
}

static void misspelt_names_get_suggestions(void **state)
{
    (void)state;
    struct pawl_price_book *book = load(small_book);
    uint32_t indexes[3];
    assert_int_equal(pawl_price_book_suggest(book, PAWL_SLICE("a-plane"), indexes, 3), 1);
    assert_int_equal(indexes[0], 0);
    /* The same name at two providers is one suggestion. */
    assert_int_equal(pawl_price_book_suggest(book, PAWL_SLICE("shard"), indexes, 3), 1);
    /* The nearest first. */
    assert_true(pawl_price_book_suggest(book, PAWL_SLICE("a-tier"), indexes, 3) >= 1);
    assert_int_equal(indexes[0], 2);
    assert_int_equal(pawl_price_book_suggest(book, PAWL_SLICE("zzzzzzzz"), indexes, 3), 0);
    assert_int_equal(pawl_price_book_suggest(book, PAWL_SLICE("a-plane"), indexes, 0), 0);
    pawl_price_book_free(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_their_price),
        cmocka_unit_test(name_that_is_too_long_is_unknown),
        cmocka_unit_test(hosts_name_their_provider),
        cmocka_unit_test(rate_follows_the_size_of_the_whole_request),
        cmocka_unit_test(price_is_the_one_of_its_time),
        cmocka_unit_test(missing_prices_fall_back_and_never_lower),
        cmocka_unit_test(fees_are_the_models_or_the_vendors),
        cmocka_unit_test(override_wins_over_the_book),
        cmocka_unit_test(mistakes_in_overrides_are_named_and_change_nothing),
        cmocka_unit_test(overrides_come_from_a_file),
        cmocka_unit_test(search_finds_parts_of_names),
        cmocka_unit_test(misspelt_names_get_suggestions),
    };
    return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
