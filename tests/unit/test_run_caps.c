/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_caps.c: defaults, derived dollars, conversions, and the guess at the model, with a
 * price book of two models that makes the arithmetic plain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/caps.h"
#include "run/model.h"
#include "run_caps.h"

#define USD PAWL_MICROCENTS_PER_USD

/* "plain": $3 in, $15 out. "tiered": $1 in, $5 out, $3 to write the cache; above 1,000 tokens
 * $2 in, $40 out. "free": nothing. "both" is sold by a reseller too, a tenth dearer,
 * and "resold" only there. */
static const char book_text[] =
    "{\"format\":1,\"as_of\":\"2026-01-01\",\"source\":\"test\",\"licence\":\"none\","
    "\"units\":\"x\",\"providers\":[{\"id\":\"anthropic\",\"name\":\"A\",\"hosts\":[],"
    "\"aliases\":[],\"fallback\":[],\"models\":["
    "{\"id\":\"plain\",\"rows\":[{\"input\":300000000,\"output\":1500000000}]},"
    "{\"id\":\"tiered\",\"rows\":[{\"input\":100000000,\"cache_write\":300000000,"
    "\"output\":500000000},{\"over\":1000,\"input\":200000000,\"output\":4000000000}]},"
    "{\"id\":\"both\",\"rows\":[{\"input\":300000000,\"output\":1500000000}]},"
    "{\"id\":\"free\",\"rows\":[{\"input\":0,\"output\":0}]}"
    "]},{\"id\":\"reseller\",\"name\":\"R\",\"hosts\":[\"resold.example\"],\"aliases\":[],"
    "\"fallback\":[],\"models\":["
    "{\"id\":\"both\",\"rows\":[{\"input\":330000000,\"output\":1650000000}]},"
    "{\"id\":\"resold\",\"rows\":[{\"input\":700000000,\"output\":700000000}]}"
    "]}]}";

static struct pawl_price_book *book;

static int load_book(void **state)
{
    (void)state;
    struct pawl_errmsg msg;
    pawl_err err = pawl_price_book_load(pawl_slice_str(book_text), &book, &msg);
    if (pawl_failed(err)) {
        fprintf(stderr, "%s\n", msg.text);
    }
    return pawl_ok(err) ? 0 : -1;
}

static int free_book(void **state)
{
    (void)state;
    pawl_price_book_free(book);
    return 0;
}

static struct pawl_price price_of(const char *model)
{
    struct pawl_price price;
    struct pawl_price_query query = {.model = pawl_slice_str(model), .at_us = 1};
    assert_true(pawl_price_lookup(book, query, &price));
    return price;
}

/* --- Resolving ----------------------------------------------------------------------------- */

static void caps_without_any_given_are_the_defaults(void **state)
{
    (void)state;
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
    struct pawl_price price = price_of("plain");
    resolve_caps(caps, &price);
    static const int64_t amounts[] = {USD * 3 / 2, 5000000, 300, 100, 3600000};
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        assert_true(caps[i].set);
        assert_int_equal(caps[i].amount, amounts[i]);
        assert_int_equal(caps[i].origin, PAWL_ORIGIN_DEFAULT);
    }
}

static void caps_given_stand_and_the_others_keep_their_defaults(void **state)
{
    (void)state;
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
    caps[PAWL_CAP_USD] = (struct pawl_run_cap){true, 7 * USD, PAWL_ORIGIN_FLAG};
    caps[PAWL_CAP_TIME] = (struct pawl_run_cap){true, 90000, PAWL_ORIGIN_FLAG};
    resolve_caps(caps, NULL);
    assert_int_equal(caps[PAWL_CAP_USD].amount, 7 * USD);
    assert_int_equal(caps[PAWL_CAP_USD].origin, PAWL_ORIGIN_FLAG);
    assert_int_equal(caps[PAWL_CAP_TIME].amount, 90000);
    assert_int_equal(caps[PAWL_CAP_TOKENS].amount, 5000000);
    assert_int_equal(caps[PAWL_CAP_TOKENS].origin, PAWL_ORIGIN_DEFAULT);
}

static void caps_derive_dollars_from_tokens_at_the_dearest_rate(void **state)
{
    (void)state;
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
    caps[PAWL_CAP_TOKENS] = (struct pawl_run_cap){true, 60000, PAWL_ORIGIN_FLAG};
    struct pawl_price price = price_of("tiered");
    resolve_caps(caps, &price);
    assert_int_equal(caps[PAWL_CAP_USD].amount, 60000 * INT64_C(4000000000) / 1000000);
    assert_int_equal(caps[PAWL_CAP_USD].origin, PAWL_ORIGIN_DERIVED);
}

/* A prompt that is larger than the whole cap cannot be sent, so its rates do not count: what is
 * dearest then is the long-lived cache, at twice its price. */
static void caps_derive_dollars_from_the_rates_that_the_tokens_can_reach(void **state)
{
    (void)state;
    static const struct {
        int64_t tokens;
        int64_t rate;
    } rows[] = {{1000, 600000000}, {1001, 4000000000}};
    struct pawl_price price = price_of("tiered");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
        caps[PAWL_CAP_TOKENS] = (struct pawl_run_cap){true, rows[i].tokens, PAWL_ORIGIN_FLAG};
        resolve_caps(caps, &price);
        assert_int_equal(caps[PAWL_CAP_USD].amount, rows[i].tokens * rows[i].rate / 1000000);
    }
}

static void caps_derive_nothing_where_dollars_are_given_or_no_price_is_known(void **state)
{
    (void)state;
    struct pawl_price plain = price_of("plain");
    struct pawl_price free_price = price_of("free");
    struct pawl_run_cap given = {true, 60000, PAWL_ORIGIN_FLAG};
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {
        [PAWL_CAP_TOKENS] = given, [PAWL_CAP_USD] = {true, USD, PAWL_ORIGIN_FLAG}};
    resolve_caps(caps, &plain);
    assert_int_equal(caps[PAWL_CAP_USD].amount, USD);
    const struct pawl_price *without[] = {NULL, &free_price};
    for (int i = 0; i < 2; i++) {
        struct pawl_run_cap tokens_only[PAWL_CAP_COUNT] = {[PAWL_CAP_TOKENS] = given};
        resolve_caps(tokens_only, without[i]);
        assert_int_equal(tokens_only[PAWL_CAP_USD].amount, USD * 3 / 2);
        assert_int_equal(tokens_only[PAWL_CAP_USD].origin, PAWL_ORIGIN_DEFAULT);
    }
}

static void caps_derived_dollars_stay_in_range(void **state)
{
    (void)state;
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
    caps[PAWL_CAP_TOKENS] = (struct pawl_run_cap){true, PAWL_AMOUNT_MAX, PAWL_ORIGIN_FLAG};
    struct pawl_price price = price_of("plain");
    resolve_caps(caps, &price);
    assert_int_equal(caps[PAWL_CAP_USD].amount, PAWL_AMOUNT_MAX);
}

static void caps_become_those_of_the_session(void **state)
{
    (void)state;
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {0};
    resolve_caps(caps, NULL);
    struct pawl_session_cap session[PAWL_SESSION_CAPS_MAX];
    assert_int_equal(pawl_caps_for_session(caps, session), PAWL_CAP_COUNT);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        assert_int_equal(session[i].unit, pawl_cap_unit((enum pawl_run_cap_index)i));
        assert_int_equal(session[i].amount, caps[i].amount);
        assert_int_equal(session[i].phase.bytes, 0);
        assert_int_equal(pawl_cap_of_unit(session[i].unit), i);
    }
    assert_int_equal(pawl_cap_of_unit(PAWL_UNIT_CREDITS), PAWL_CAP_COUNT);
}

/* --- Converting ---------------------------------------------------------------------------- */

static void caps_convert_both_ways_as_ranges(void **state)
{
    (void)state;
    struct pawl_price price = price_of("plain");
    struct pawl_caps_range range;
    assert_true(pawl_caps_tokens_for(&price, USD * 3 / 2, &range));
    assert_int_equal(range.low, 100000);
    assert_int_equal(range.high, 500000);
    assert_true(pawl_caps_cost_of(&price, 1000000, &range));
    assert_int_equal(range.low, 3 * USD);
    assert_int_equal(range.high, 15 * USD);
}

static void caps_of_a_free_or_unknown_model_convert_to_no_tokens(void **state)
{
    (void)state;
    struct pawl_price price = price_of("free");
    struct pawl_caps_range range;
    assert_false(pawl_caps_tokens_for(&price, USD, &range));
    assert_false(pawl_caps_tokens_for(NULL, USD, &range));
    assert_false(pawl_caps_cost_of(NULL, 1, &range));
}

static void caps_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        enum pawl_run_cap_index index;
        int64_t amount;
        const char *text;
        const char *phrase;
    } rows[] = {
        {PAWL_CAP_USD, USD * 3 / 2, "$1.50", "$1.50"},
        {PAWL_CAP_TOKENS, 5000000, "5M", "5M tokens"},
        {PAWL_CAP_TOKENS, 2500000, "2.5M", "2.5M tokens"},
        {PAWL_CAP_TOKENS, 60000, "60K", "60K tokens"},
        {PAWL_CAP_TOKENS, 300000, "300K", "300K tokens"},
        {PAWL_CAP_TOKENS, 1234567, "1,234,567", "1,234,567 tokens"},
        {PAWL_CAP_TOKENS, 999, "999", "999 tokens"},
        {PAWL_CAP_TOKENS, 0, "0", "0 tokens"},
        {PAWL_CAP_TOOL_CALLS, 1, "1", "1 tool call"},
        {PAWL_CAP_TOOL_CALLS, 300, "300", "300 tool calls"},
        {PAWL_CAP_ITERATIONS, 1000, "1,000", "1,000 model calls"},
        {PAWL_CAP_TIME, 5400000, "1h 30m", "1h 30m"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char text[PAWL_CAP_TEXT_BYTES];
        assert_string_equal(pawl_cap_format(rows[i].index, rows[i].amount, text), rows[i].text);
        assert_string_equal(pawl_cap_phrase(rows[i].index, rows[i].amount, text), rows[i].phrase);
    }
}

/* --- The model ----------------------------------------------------------------------------- */

static const char *model_variable;
static const char *base_url;

static const char *get(const char *name)
{
    if (strcmp(name, "ANTHROPIC_BASE_URL") == 0) {
        return base_url;
    }
    return strcmp(name, "ANTHROPIC_MODEL") == 0 ? model_variable : NULL;
}

static struct pawl_model_guess guess(const char *option, const char *variable, const char *command)
{
    static char words[256];
    char *argv[16] = {0};
    size_t count = 0;
    (void)snprintf(words, sizeof(words), "%s", command);
    for (char *word = words; *word != '\0';) {
        argv[count++] = word;
        size_t bytes = strcspn(word, " ");
        bool more = word[bytes] == ' ';
        word[bytes] = '\0';
        word += bytes + more;
    }
    model_variable = variable;
    struct pawl_model_guess result;
    pawl_model_guess(book, option, argv, get, 1, &result);
    return result;
}

static void model_is_found_in_option_command_and_environment_in_this_order(void **state)
{
    (void)state;
    assert_string_equal(guess("free", "plain", "a --model tiered").name, "free");
    assert_string_equal(guess(NULL, "plain", "a --model tiered").name, "tiered");
    assert_string_equal(guess(NULL, "plain", "a --model=tiered x").name, "tiered");
    assert_string_equal(guess(NULL, "plain", "a -m tiered").name, "tiered");
    assert_string_equal(guess(NULL, "plain", "a b").name, "plain");
    assert_null(guess(NULL, NULL, "a b").name);
    assert_null(guess(NULL, "", "a --model").name);
}

static void model_alias_is_shown_though_it_has_no_price(void **state)
{
    (void)state;
    struct pawl_model_guess result = guess(NULL, NULL, "claude --model sonnet");
    assert_string_equal(result.name, "sonnet");
    assert_false(result.priced);
    assert_true(guess(NULL, NULL, "claude --model plain").priced);
}

static void model_letter_counts_only_for_a_known_model(void **state)
{
    (void)state;
    assert_null(guess(NULL, NULL, "python -m pytest").name);
    assert_string_equal(guess(NULL, "plain", "python -m pytest").name, "plain");
    assert_string_equal(guess(NULL, NULL, "codex -m plain exec").name, "plain");
}

static int64_t input_rate(const char *model)
{
    struct pawl_model_guess result = guess(model, NULL, "a");
    assert_true(result.priced);
    return pawl_price_rate(&result.price, PAWL_PRICE_INPUT, 1);
}

static void model_has_the_price_of_who_is_asked(void **state)
{
    (void)state;
    assert_int_equal(input_rate("both"), 300000000);
    assert_int_equal(input_rate("resold"), 700000000); /* nobody else has it */
    base_url = "http://127.0.0.1:1";                   /* whoever that is */
    assert_int_equal(input_rate("both"), 300000000);
    base_url = "https://resold.example/v1";
    assert_int_equal(input_rate("both"), 330000000);
    base_url = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caps_without_any_given_are_the_defaults),
        cmocka_unit_test(caps_given_stand_and_the_others_keep_their_defaults),
        cmocka_unit_test(caps_derive_dollars_from_tokens_at_the_dearest_rate),
        cmocka_unit_test(caps_derive_dollars_from_the_rates_that_the_tokens_can_reach),
        cmocka_unit_test(caps_derive_nothing_where_dollars_are_given_or_no_price_is_known),
        cmocka_unit_test(caps_derived_dollars_stay_in_range),
        cmocka_unit_test(caps_become_those_of_the_session),
        cmocka_unit_test(caps_convert_both_ways_as_ranges),
        cmocka_unit_test(caps_of_a_free_or_unknown_model_convert_to_no_tokens),
        cmocka_unit_test(caps_read_as_people_write_them),
        cmocka_unit_test(model_is_found_in_option_command_and_environment_in_this_order),
        cmocka_unit_test(model_alias_is_shown_though_it_has_no_price),
        cmocka_unit_test(model_letter_counts_only_for_a_known_model),
        cmocka_unit_test(model_has_the_price_of_who_is_asked),
    };
    return cmocka_run_group_tests_name("run_caps", tests, load_book, free_book);
}
