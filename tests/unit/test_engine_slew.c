/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_slew.c: the ledger's clock never goes back, never jumps, and is drawn to real time
 * slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/core.h"
#include "engine/slew.h"
#include "seed.h"

#define SECOND PAWL_US_PER_SECOND
#define HOUR   (INT64_C(3600) * SECOND)
#define START  (INT64_C(1790000000) * SECOND)

static struct pawl_slew
started(struct pawl_clock_manual *manual, int64_t journal_us, bool accept, uint16_t expected)
{
    struct pawl_slew slew = {.now_us = 0};
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_slew_start(&slew, pawl_clock_from_manual(manual), journal_us, accept, &msg);
    assert_int_equal(err.code, expected);
    assert_true(expected == PAWL_ERR_NONE || strstr(msg.text, "--accept-clock") != NULL);
    return slew;
}

static void it_starts_at_the_later_of_journal_and_real_time(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, 0, false, PAWL_ERR_NONE);
    assert_int_equal(pawl_slew_now_us(&slew), START);
    slew = started(&manual, START - HOUR, false, PAWL_ERR_NONE);
    assert_int_equal(pawl_slew_now_us(&slew), START);
    slew = started(&manual, START + 2 * SECOND, false, PAWL_ERR_NONE);
    assert_int_equal(pawl_slew_now_us(&slew), START + 2 * SECOND);
}

static void it_refuses_a_clock_that_is_far_from_the_journal(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    (void)started(&manual, START - 24 * HOUR, false, PAWL_ERR_NONE);
    (void)started(&manual, START - 24 * HOUR - 1, false, PAWL_ERR_CLOCK);
    (void)started(&manual, START + 300 * SECOND, false, PAWL_ERR_NONE);
    (void)started(&manual, START + 300 * SECOND + 1, false, PAWL_ERR_CLOCK);
    struct pawl_slew slew = started(&manual, START - 900 * HOUR, true, PAWL_ERR_NONE);
    assert_int_equal(pawl_slew_now_us(&slew), START);
    slew = started(&manual, START + 900 * HOUR, true, PAWL_ERR_NONE);
    assert_int_equal(pawl_slew_now_us(&slew), START + 900 * HOUR);
}

static void it_refuses_a_time_that_the_ledger_cannot_count(void **state)
{
    (void)state;
    static const int64_t year_us = 366 * 24 * HOUR;
    struct pawl_clock_manual manual = {.real_us = PAWL_NOW_US_MAX - year_us};
    struct pawl_slew slew;
    struct pawl_errmsg msg = {""};
    struct pawl_clock clock = pawl_clock_from_manual(&manual);
    assert_true(pawl_ok(pawl_slew_start(&slew, clock, 0, false, &msg)));
    manual.real_us++;
    pawl_err err = pawl_slew_start(&slew, clock, 0, true, &msg);
    assert_int_equal(err.code, PAWL_ERR_CLOCK);
    manual.real_us = START;
    err = pawl_slew_start(&slew, clock, PAWL_NOW_US_MAX, true, &msg);
    assert_int_equal(err.code, PAWL_ERR_CLOCK);
}

static void it_is_drawn_by_half_a_millisecond_a_second(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, 0, false, PAWL_ERR_NONE);
    /* Somebody sets the clock an hour ahead, then two back. */
    manual.real_us += HOUR;
    pawl_clock_manual_advance(&manual, 100 * SECOND);
    assert_int_equal(pawl_slew_now_us(&slew), START + 100 * SECOND + 50000);
    manual.real_us -= 2 * HOUR;
    pawl_clock_manual_advance(&manual, 100 * SECOND);
    assert_int_equal(pawl_slew_now_us(&slew), START + 200 * SECOND);
}

/* However often it is read: a thousand readings a second draw as much as one. */
static void reading_often_does_not_change_the_rate(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, 0, false, PAWL_ERR_NONE);
    manual.real_us += HOUR;
    for (int i = 0; i < 10 * 1000 * 100; i++) {
        pawl_clock_manual_advance(&manual, 10);
        (void)pawl_slew_now_us(&slew);
    }
    assert_int_equal(pawl_slew_now_us(&slew), START + 10 * SECOND + 5000);
}

static void it_reaches_real_time_and_stays_there(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, START + SECOND, false, PAWL_ERR_NONE);
    for (int i = 0; i < 2001; i++) {
        pawl_clock_manual_advance(&manual, SECOND);
        (void)pawl_slew_now_us(&slew);
    }
    assert_int_equal(pawl_slew_now_us(&slew), manual.real_us);
    /* A year in agreement is no credit for a jump. */
    for (int i = 0; i < 1000; i++) {
        pawl_clock_manual_advance(&manual, HOUR);
        assert_int_equal(pawl_slew_now_us(&slew), manual.real_us);
    }
    int64_t before_us = pawl_slew_now_us(&slew);
    manual.real_us += 30 * SECOND;
    pawl_clock_manual_advance(&manual, 1000);
    assert_in_range(pawl_slew_now_us(&slew), before_us + 1000, before_us + 1002);
}

static void whatever_the_clocks_do_it_never_goes_back(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_engine_slew"));
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, 0, false, PAWL_ERR_NONE);
    int64_t last_us = pawl_slew_now_us(&slew);
    for (int i = 0; i < 20000; i++) {
        int64_t elapsed_us = pawl_prng_between(&prng, 0, 1000);
        pawl_clock_manual_advance(&manual, elapsed_us);
        if (pawl_prng_one_in(&prng, 50)) {
            manual.real_us += pawl_prng_between(&prng, -HOUR, HOUR);
        }
        int64_t now_us = pawl_slew_now_us(&slew);
        assert_true(now_us >= last_us);
        assert_true(now_us - last_us <= elapsed_us + 2);
        last_us = now_us;
    }
}

static void steps_of_more_than_a_minute_are_told_once(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = START, .boot_us = 5};
    struct pawl_slew slew = started(&manual, 0, false, PAWL_ERR_NONE);
    int64_t step_us = 0;
    pawl_clock_manual_advance(&manual, SECOND);
    manual.real_us += 60 * SECOND;
    (void)pawl_slew_now_us(&slew);
    assert_false(pawl_slew_stepped(&slew, &step_us));
    pawl_clock_manual_advance(&manual, SECOND);
    manual.real_us -= 61 * SECOND;
    (void)pawl_slew_now_us(&slew);
    assert_true(pawl_slew_stepped(&slew, &step_us));
    assert_int_equal(step_us, -61 * SECOND);
    assert_false(pawl_slew_stepped(&slew, &step_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_at_the_later_of_journal_and_real_time),
        cmocka_unit_test(it_refuses_a_clock_that_is_far_from_the_journal),
        cmocka_unit_test(it_refuses_a_time_that_the_ledger_cannot_count),
        cmocka_unit_test(it_is_drawn_by_half_a_millisecond_a_second),
        cmocka_unit_test(reading_often_does_not_change_the_rate),
        cmocka_unit_test(it_reaches_real_time_and_stays_there),
        cmocka_unit_test(whatever_the_clocks_do_it_never_goes_back),
        cmocka_unit_test(steps_of_more_than_a_minute_are_told_once),
    };
    return cmocka_run_group_tests_name("engine_slew", tests, NULL, NULL);
}
