/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_money.c: the arithmetic of money. Products and quotients are compared with the
 * compiler's own __int128 on the edges of every range and on random numbers of every length;
 * texts go there and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/money.h"
#include "base/prng.h"
#include "death.h"
#include "seed.h"

static const int64_t edges[] = {0,
                                1,
                                2,
                                3,
                                9,
                                10,
                                999999,
                                1000000,
                                1000001,
                                INT64_C(0x7fffffff),
                                INT64_C(0x80000000),
                                INT64_C(0xfffffffe),
                                INT64_C(0xffffffff),
                                INT64_C(0x100000000),
                                INT64_C(0x100000001),
                                INT64_C(0x1ffffffff),
                                INT64_C(0x7fffffff00000000),
                                INT64_C(0x7fffffff00000001),
                                INT64_C(0x7ffffffeffffffff),
                                INT64_C(0x4000000000000000),
                                INT64_C(0x40000000ffffffff),
                                PAWL_AMOUNT_MAX - 1,
                                PAWL_AMOUNT_MAX,
                                PAWL_AMOUNT_MAX + 1,
                                INT64_MAX - 1,
                                INT64_MAX};

/* A number of 0 .. 63 significant bits, each length as likely. */
static int64_t draw(struct pawl_prng *prng)
{
    uint64_t bits = pawl_prng_below(prng, 64);
    return bits == 0 ? 0 : (int64_t)(pawl_prng_next(prng) >> (64 - bits));
}

static void check_mul_div(int64_t a, int64_t b, int64_t d)
{
    pawl_i128 product = (pawl_i128)a * b; /* below 2^126 */
    pawl_i128 floor = product / d;
    pawl_i128 ceil = floor + (product % d != 0);
    int64_t got = -7;
    bool fits = pawl_money_mul_div_floor(a, b, d, &got);
    bool right = fits == (floor <= INT64_MAX) && got == (fits ? (int64_t)floor : -7);
    got = -7;
    fits = pawl_money_mul_div_ceil(a, b, d, &got);
    right = right && fits == (ceil <= INT64_MAX) && got == (fits ? (int64_t)ceil : -7);
    if (!right) {
        fail_msg("%lld * %lld / %lld", (long long)a, (long long)b, (long long)d);
    }
}

static void mul_div_is_exact_on_the_edges(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(edges); i++) {
        for (size_t j = 0; j < PAWL_ARRAY_LEN(edges); j++) {
            for (size_t k = 0; k < PAWL_ARRAY_LEN(edges); k++) {
                if (edges[k] > 0) {
                    check_mul_div(edges[i], edges[j], edges[k]);
                }
            }
        }
    }
}

static void mul_div_is_exact_on_random_numbers(void **state)
{
    struct pawl_prng *prng = *state;
    for (int i = 0; i < 400000; i++) {
        int64_t a = draw(prng);
        int64_t b = draw(prng);
        int64_t d = draw(prng);
        check_mul_div(a, b, d > 0 ? d : 1);
        /* A divisor just above the product's upper half: the largest quotients that fit. */
        int64_t high = (int64_t)(((pawl_i128)a * b) >> 63);
        check_mul_div(a, b, high < INT64_MAX ? high + 1 : high);
    }
}

static int sign(pawl_i128 value)
{
    return (value > 0) - (value < 0);
}

static void ratios_compare_exactly(void **state)
{
    struct pawl_prng *prng = *state;
    assert_int_equal(pawl_money_ratio_compare(1, 3, 2, 6), 0);
    assert_int_equal(pawl_money_ratio_compare(INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX), 0);
    assert_int_equal(
        pawl_money_ratio_compare(INT64_MAX - 1, INT64_MAX, INT64_MAX - 2, INT64_MAX - 1), 1);
    assert_int_equal(pawl_money_ratio_compare(INT64_MIN, 1, INT64_MAX, 1), -1);
    assert_int_equal(pawl_money_ratio_compare(0, 5, -1, INT64_MAX), 1);
    for (int i = 0; i < 200000; i++) {
        int64_t a = pawl_prng_one_in(prng, 2) ? draw(prng) : -draw(prng) - 1;
        int64_t c = pawl_prng_one_in(prng, 2) ? draw(prng) : -draw(prng) - 1;
        int64_t b = draw(prng) | 1;
        int64_t d = draw(prng) | 1;
        int expected = sign((pawl_i128)a * d - (pawl_i128)c * b);
        assert_int_equal(sign(pawl_money_ratio_compare(a, b, c, d)), expected);
        assert_int_equal(sign(pawl_money_ratio_compare(c, d, a, b)), -expected);
    }
}

static void sums_are_checked(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_false(pawl_money_add(INT64_MAX, 1, &value));
    assert_false(pawl_money_add(INT64_MIN, -1, &value));
    assert_false(pawl_money_sub(INT64_MIN, 1, &value));
    assert_false(pawl_money_sub(0, INT64_MIN, &value));
    assert_int_equal(value, 7);
    assert_true(pawl_money_add(INT64_MAX, INT64_MIN, &value));
    assert_int_equal(value, -1);
    assert_true(pawl_money_sub(-1, INT64_MAX, &value));
    assert_true(value == INT64_MIN);
    assert_true(pawl_money_add(PAWL_AMOUNT_MAX, PAWL_AMOUNT_MAX, &value));
    assert_true(pawl_amount_valid(0) && pawl_amount_valid(PAWL_AMOUNT_MAX));
    assert_false(pawl_amount_valid(-1) || pawl_amount_valid(PAWL_AMOUNT_MAX + 1));
}

static void costs_round_up_once_and_tokens_round_down(void **state)
{
    (void)state;
    int64_t cost = 0;
    assert_true(pawl_money_cost_ceil(0, INT64_MAX, &cost));
    assert_int_equal(cost, 0);
    assert_true(pawl_money_cost_ceil(1, 1, &cost)); /* a millionth of a microcent */
    assert_int_equal(cost, 1);
    /* $3 a million tokens: 1000 tokens are 0.3 cents. */
    assert_true(pawl_money_cost_ceil(1000, 3 * PAWL_MICROCENTS_PER_USD, &cost));
    assert_int_equal(cost, 300000);
    assert_true(pawl_money_cost_ceil(1000001, 1, &cost));
    assert_int_equal(cost, 2);
    assert_false(pawl_money_cost_ceil(INT64_MAX, INT64_MAX, &cost));
    assert_int_equal(cost, 2);

    assert_int_equal(pawl_money_tokens_floor(300000, 3 * PAWL_MICROCENTS_PER_USD), 1000);
    assert_int_equal(pawl_money_tokens_floor(299999, 3 * PAWL_MICROCENTS_PER_USD), 999);
    assert_int_equal(pawl_money_tokens_floor(0, 1), 0);
    assert_true(pawl_money_tokens_floor(0, 0) == INT64_MAX);
    assert_true(pawl_money_tokens_floor(INT64_MAX, 1) == INT64_MAX);
}

static void what_tokens_floor_grants_costs_no_more_than_the_amount(void **state)
{
    struct pawl_prng *prng = *state;
    for (int i = 0; i < 100000; i++) {
        int64_t amount = draw(prng) & PAWL_AMOUNT_MAX;
        int64_t price = (draw(prng) >> 16) + 1;
        int64_t tokens = pawl_money_tokens_floor(amount, price);
        int64_t cost = 0;
        if (tokens < INT64_MAX) {
            assert_true(pawl_money_cost_ceil(tokens, price, &cost));
            assert_true(cost <= amount);
            assert_true(!pawl_money_cost_ceil(tokens + 1, price, &cost) || cost > amount);
        }
    }
}

static void divide_by_zero(void)
{
    int64_t value = 0;
    (void)!pawl_money_mul_div_floor(1, 1, 0, &value);
}

static void multiply_negative(void)
{
    int64_t value = 0;
    (void)!pawl_money_cost_ceil(-1, 1, &value);
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_true(death_of(divide_by_zero).aborted);
    assert_true(death_of(multiply_negative).aborted);
}

static void units_have_the_protocols_names(void **state)
{
    (void)state;
    for (uint16_t unit = 1; unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
        const char *name = pawl_unit_name(unit);
        assert_non_null(name);
        assert_int_equal(pawl_unit_from_name(pawl_slice_str(name)), unit);
    }
    assert_string_equal(pawl_unit_name(PAWL_UNIT_USD_MICROCENTS), "USD_MICROCENTS");
    assert_null(pawl_unit_name(PAWL_UNIT_NONE));
    assert_null(pawl_unit_name(PAWL_UNIT_CUSTOM_FIRST));
    assert_int_equal(pawl_unit_from_name(PAWL_SLICE("usd_microcents")), 0);
    assert_int_equal(pawl_unit_from_name(PAWL_SLICE_NONE), 0);
}

struct number_case {
    const char *text;
    int64_t value; /* -1: refused */
};

static void check_numbers(const struct number_case *cases,
                          size_t count,
                          bool (*parse)(struct pawl_slice, int64_t *))
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -1;
        bool parsed = parse(pawl_slice_str(cases[i].text), &value);
        if (parsed != (cases[i].value >= 0) || value != cases[i].value) {
            fail_msg("\"%s\" gave %lld", cases[i].text, (long long)value);
        }
    }
}

static void dollars_parse_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"1.50", 150000000},
        {"$1.50", 150000000},
        {"$2", 200000000},
        {"0", 0},
        {"0.00000001", 1},
        {"$0.75", 75000000},
        {"007", 700000000},
        {"90071992.54740991", PAWL_AMOUNT_MAX},
        {"90071992.54740992", -1},
        {"90071993", -1},
        {"99999999999999999999999999", -1},
        {"1.000000000", -1}, /* nine decimals */
        {"", -1},
        {"$", -1},
        {".", -1},
        {".5", -1},
        {"5.", -1},
        {"$.5", -1},
        {"-1", -1},
        {"+1", -1},
        {"1e3", -1},
        {"1,000", -1},
        {"$$1", -1},
        {" 1", -1},
        {"1 ", -1},
        {"1.5.0", -1},
        {"1.5$", -1},
        {"0x10", -1},
        {"inf", -1},
        {"1K", -1},
    };
    check_numbers(cases, PAWL_ARRAY_LEN(cases), pawl_money_parse_usd);
}

static void counts_parse_with_decimal_suffixes(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"60K", 60000},
        {"10M", 10000000},
        {"5000", 5000},
        {"2.5M", 2500000},
        {"2.5m", 2500000},
        {"1G", 1000000000},
        {"1.5k", 1500},
        {"0", 0},
        {"1.0", 1},
        {"1.2340K", 1234},
        {"1.0000000M", 1000000},
        {"9007199254740991", PAWL_AMOUNT_MAX},
        {"9007199254740992", -1},
        {"9007199254.740991M", PAWL_AMOUNT_MAX},
        {"9007199254741M", -1},
        {"1.5", -1},
        {"1.2345K", -1},
        {"", -1},
        {"K", -1},
        {".5K", -1},
        {"5.K", -1},
        {"1KK", -1},
        {"1T", -1},
        {"-1K", -1},
        {"1 K", -1},
        {"$5", -1},
        {"1e3", -1},
        {"1.x0", -1},
    };
    check_numbers(cases, PAWL_ARRAY_LEN(cases), pawl_money_parse_count);
}

static void dollars_are_written_in_full(void **state)
{
    (void)state;
    char out[PAWL_MONEY_TEXT_BYTES];
    assert_string_equal(pawl_money_format_usd(150000000, out), "$1.50");
    assert_string_equal(pawl_money_format_usd(421500, out), "$0.004215");
    assert_string_equal(pawl_money_format_usd(-300000000, out), "-$3.00");
    assert_string_equal(pawl_money_format_usd(0, out), "$0.00");
    assert_string_equal(pawl_money_format_usd(1, out), "$0.00000001");
    assert_string_equal(pawl_money_format_usd(-1, out), "-$0.00000001");
    assert_string_equal(pawl_money_format_usd(10000000, out), "$0.10");
    assert_string_equal(pawl_money_format_usd(100100000, out), "$1.001");
    assert_string_equal(pawl_money_format_usd(PAWL_AMOUNT_MAX, out), "$90071992.54740991");
    assert_string_equal(pawl_money_format_usd(INT64_MIN, out), "-$92233720368.54775808");
}

static void dollars_are_rounded_for_tables(void **state)
{
    (void)state;
    char out[PAWL_MONEY_TEXT_BYTES];
    assert_string_equal(pawl_money_format_usd_short(421500, out), "$0.0042");
    assert_string_equal(pawl_money_format_usd_short(425000, out), "$0.0043");
    assert_string_equal(pawl_money_format_usd_short(424999, out), "$0.0042");
    assert_string_equal(pawl_money_format_usd_short(-425000, out), "-$0.0043");
    assert_string_equal(pawl_money_format_usd_short(150000000, out), "$1.50");
    assert_string_equal(pawl_money_format_usd_short(99995000, out), "$1.00");
    assert_string_equal(pawl_money_format_usd_short(4999, out), "$0.00");
    assert_string_equal(pawl_money_format_usd_short(-4999, out), "$0.00");
    assert_string_equal(pawl_money_format_usd_short(INT64_MIN, out), "-$92233720368.5478");
}

static void counts_are_grouped(void **state)
{
    (void)state;
    char out[PAWL_MONEY_TEXT_BYTES];
    assert_string_equal(pawl_money_format_count(0, out), "0");
    assert_string_equal(pawl_money_format_count(999, out), "999");
    assert_string_equal(pawl_money_format_count(1000, out), "1,000");
    assert_string_equal(pawl_money_format_count(-5000000, out), "-5,000,000");
    assert_string_equal(pawl_money_format_count(INT64_MIN, out), "-9,223,372,036,854,775,808");
}

static void what_is_written_reads_back(void **state)
{
    struct pawl_prng *prng = *state;
    for (int i = 0; i < 100000; i++) {
        int64_t amount = draw(prng) & PAWL_AMOUNT_MAX;
        char out[PAWL_MONEY_TEXT_BYTES];
        int64_t back = -1;
        assert_true(
            pawl_money_parse_usd(pawl_slice_str(pawl_money_format_usd(amount, out)), &back));
        assert_true(back == amount);
    }
}

int main(void)
{
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_money"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mul_div_is_exact_on_the_edges),
        cmocka_unit_test_prestate(mul_div_is_exact_on_random_numbers, &prng),
        cmocka_unit_test_prestate(ratios_compare_exactly, &prng),
        cmocka_unit_test(sums_are_checked),
        cmocka_unit_test(costs_round_up_once_and_tokens_round_down),
        cmocka_unit_test_prestate(what_tokens_floor_grants_costs_no_more_than_the_amount, &prng),
        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(units_have_the_protocols_names),
        cmocka_unit_test(dollars_parse_exactly_or_not_at_all),
        cmocka_unit_test(counts_parse_with_decimal_suffixes),
        cmocka_unit_test(dollars_are_written_in_full),
        cmocka_unit_test(dollars_are_rounded_for_tables),
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test_prestate(what_is_written_reads_back, &prng),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
