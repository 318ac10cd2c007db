/* SPDX-License-Identifier: Apache-2.0 */
/* test_price_tier.c: the bounds of the price classes, and what a user's factor does to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/money.h"
#include "gateway/price_tier.h"

static void price_classes_begin_where_the_page_says(void **state)
{
    (void)state;
    static const int64_t dollars_thousandths[] = {0, 300, 1000, 3000, 7000, 15000};
    for (unsigned tier = PAWL_PRICE_TIER_FIRST; tier <= PAWL_PRICE_TIER_LAST; tier++) {
        int64_t from = pawl_price_tier_from(tier);
        assert_int_equal(from, dollars_thousandths[tier - 1] * (PAWL_MICROCENTS_PER_USD / 1000));
        struct pawl_price_row row;
        for (int kind = 0; kind < PAWL_PRICE_KIND_COUNT; kind++) {
            row.microcents[kind] = PAWL_PRICE_ABSENT;
        }
        row.over_tokens = 0;
        row.microcents[PAWL_PRICE_INPUT] = from;
        row.microcents[PAWL_PRICE_OUTPUT] = from;
        struct pawl_price price = {.rows = &row, .row_count = 1, .multiplier_permille = 1000};
        assert_int_equal(pawl_price_blended(&price), from);
        assert_int_equal(pawl_price_tier(&price), tier);
        if (tier > PAWL_PRICE_TIER_FIRST) {
            price.multiplier_permille = 999;
            assert_int_equal(pawl_price_tier(&price), tier - 1);
        }
    }
}

static void the_blend_is_three_of_input_for_one_of_output(void **state)
{
    (void)state;
    struct pawl_price_row row;
    for (int kind = 0; kind < PAWL_PRICE_KIND_COUNT; kind++) {
        row.microcents[kind] = PAWL_PRICE_ABSENT;
    }
    row.over_tokens = 0;
    row.microcents[PAWL_PRICE_INPUT] = 3 * PAWL_MICROCENTS_PER_USD;
    row.microcents[PAWL_PRICE_OUTPUT] = 15 * PAWL_MICROCENTS_PER_USD;
    struct pawl_price price = {.rows = &row, .row_count = 1, .multiplier_permille = 1000};
    assert_int_equal(pawl_price_blended(&price), 6 * PAWL_MICROCENTS_PER_USD);
    price.multiplier_permille = 500;
    assert_int_equal(pawl_price_blended(&price), 3 * PAWL_MICROCENTS_PER_USD);
    row.microcents[PAWL_PRICE_OUTPUT] = PAWL_AMOUNT_MAX;
    row.microcents[PAWL_PRICE_INPUT] = PAWL_AMOUNT_MAX;
    price.multiplier_permille = 100000;
    assert_int_equal(pawl_price_blended(&price), PAWL_AMOUNT_MAX);
    assert_int_equal(pawl_price_tier(&price), PAWL_PRICE_TIER_LAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(price_classes_begin_where_the_page_says),
        cmocka_unit_test(the_blend_is_three_of_input_for_one_of_output),
    };
    return cmocka_run_group_tests_name("price_tier", tests, NULL, NULL);
}
