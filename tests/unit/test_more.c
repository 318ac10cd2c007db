/* SPDX-License-Identifier: Apache-2.0 */
/* test_more.c: how much more of a cap would help, and the options that give it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/more.h"

enum { CENT = 1000000, MINUTE_MS = 60000 };

static void half_of_the_cap_in_what_people_say(void **state)
{
    (void)state;
    static const struct {
        struct pawl_more more;
        int64_t amount;
    } rows[] = {
        {{.unit = PAWL_UNIT_USD_MICROCENTS, .limit = 150 * CENT}, 75 * CENT},
        {{.unit = PAWL_UNIT_USD_MICROCENTS, .limit = 5 * CENT + 1}, 3 * CENT},
        {{.unit = PAWL_UNIT_ITERATIONS, .limit = 5}, 3},
        {{.unit = PAWL_UNIT_ITERATIONS, .limit = 0}, 1},
        {{.unit = PAWL_UNIT_WALL_CLOCK_MS, .limit = 60 * MINUTE_MS}, 30 * MINUTE_MS},
        {{.unit = PAWL_UNIT_WALL_CLOCK_MS, .limit = 1000}, MINUTE_MS},
        /* Several calls like the one that did not fit. */
        {{.unit = PAWL_UNIT_ITERATIONS, .limit = 2, .needed = 1}, 4},
        {{.unit = PAWL_UNIT_TOKENS, .limit = 1000, .needed = 900}, 3600},
        /* With what was overspent, something is left. */
        {{.unit = PAWL_UNIT_USD_MICROCENTS, .limit = 10 * CENT, .spent = 40 * CENT}, 35 * CENT},
        {{.unit = PAWL_UNIT_TOKENS, .limit = PAWL_AMOUNT_MAX - 2}, 2},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        assert_int_equal(pawl_more_amount(rows[i].more), rows[i].amount);
    }
}

static void what_was_named_stands_as_long_as_it_is_enough(void **state)
{
    (void)state;
    struct pawl_more more = {
        .unit = PAWL_UNIT_ITERATIONS, .limit = 100, .spent = 100, .needed = 1, .told = 4};
    assert_int_equal(pawl_more_amount(more), 4);
    more.spent = 103;
    assert_int_equal(pawl_more_amount(more), 4);
    more.spent = 104;
    assert_int_equal(pawl_more_amount(more), 54);
}

static void options_and_ceilings_take_their_own_text(void **state)
{
    (void)state;
    static const struct {
        uint16_t unit;
        int64_t amount;
        const char *option;
        const char *ceiling;
    } rows[] = {
        {PAWL_UNIT_USD_MICROCENTS, 75 * CENT, "--add-usd 0.75", "usd=0.75"},
        {PAWL_UNIT_USD_MICROCENTS, INT64_C(123450) * CENT, "--add-usd 1234.50", "usd=1234.50"},
        {PAWL_UNIT_TOKENS, 2500000, "--add-tokens 2500000", "tokens=2500000"},
        {PAWL_UNIT_TOOL_CALLS, 4, "--add-tool-calls 4", "tool_calls=4"},
        {PAWL_UNIT_ITERATIONS, 1, "--add-iterations 1", "iterations=1"},
        {PAWL_UNIT_WALL_CLOCK_MS, 500, "--add-time 1s", "time=1s"},
        {PAWL_UNIT_WALL_CLOCK_MS, 45001, "--add-time 46s", "time=46s"},
        {PAWL_UNIT_WALL_CLOCK_MS, 30 * MINUTE_MS, "--add-time 30m", "time=30m"},
        {PAWL_UNIT_WALL_CLOCK_MS, 90000, "--add-time 90s", "time=90s"},
        {PAWL_UNIT_CREDITS, 1, "", ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char text[PAWL_MORE_BYTES];
        assert_string_equal(pawl_more_option(rows[i].unit, rows[i].amount, text), rows[i].option);
        assert_string_equal(pawl_more_ceiling(rows[i].unit, rows[i].amount, text), rows[i].ceiling);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_the_cap_in_what_people_say),
        cmocka_unit_test(what_was_named_stands_as_long_as_it_is_enough),
        cmocka_unit_test(options_and_ceilings_take_their_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
