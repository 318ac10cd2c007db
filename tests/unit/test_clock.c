/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_clock.c: UTC text against gmtime_r over the whole range, durations both ways, the
 * manual clock. The machine's clocks are only asked whether they run forwards.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/clock.h"
#include "base/prng.h"
#include "death.h"
#include "seed.h"

static void assert_as_gmtime(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm;
    assert_non_null(gmtime_r(&when, &tm));
    int64_t year = (int64_t)tm.tm_year + 1900;
    char expected[100];
    snprintf(expected, sizeof(expected), "%s%04lld-%02d-%02dT%02d:%02d:%02dZ", year < 0 ? "-" : "",
             (long long)(year < 0 ? -year : year), tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    char out[PAWL_CLOCK_TEXT_BYTES];
    assert_string_equal(pawl_clock_format_utc(seconds * PAWL_US_PER_SECOND, out), expected);
}

static void utc_text_is_right_where_calendars_go_wrong(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {INT64_C(1795313948000000), "2026-11-22T02:19:08Z"},
        {INT64_C(1795313948999999), "2026-11-22T02:19:08Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00Z"},
        {INT64_C(951868800000000), "2000-03-01T00:00:00Z"},
        {INT64_C(4107542399000000), "2100-02-28T23:59:59Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00Z"},
        {INT64_C(253402300799000000), "9999-12-31T23:59:59Z"},
        {INT64_C(253402300800000000), "10000-01-01T00:00:00Z"},
        {INT64_C(-62167219200000000), "0000-01-01T00:00:00Z"},
        {INT64_C(-62167219200000001), "-0001-12-31T23:59:59Z"},
    };
    char out[PAWL_CLOCK_TEXT_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        assert_string_equal(pawl_clock_format_utc(cases[i].us, out), cases[i].text);
    }
}

static void utc_text_agrees_with_gmtime(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_clock"));
    int64_t limit = INT64_MAX / PAWL_US_PER_SECOND;
    assert_as_gmtime(limit);
    assert_as_gmtime(-limit);
    for (int i = 0; i < 20000; i++) {
        assert_as_gmtime(pawl_prng_between(&prng, -limit, limit));
        assert_as_gmtime(pawl_prng_between(&prng, 0, INT64_C(4102444800)));
    }
    /* Every day of 1890 .. 2110: 1900 and 2100 have no leap day, 2000 has. */
    for (int64_t day = -29220; day < 51134; day++) {
        assert_as_gmtime(day * 86400);
    }
    char out[PAWL_CLOCK_TEXT_BYTES];
    assert_true(strlen(pawl_clock_format_utc(INT64_MIN, out)) < PAWL_CLOCK_TEXT_BYTES);
    assert_string_equal(out, "-290308-12-21T19:59:05Z");
}

static void durations_parse_in_descending_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* 0: refused */
    } cases[] = {
        {"90s", 90000},
        {"30m", 1800000},
        {"2h", 7200000},
        {"1h30m", 5400000},
        {"500ms", 500},
        {"1d", 86400000},
        {"1d2h3m4s5ms", 93784005},
        {"1m5ms", 60005},
        {"0h5m", 300000},
        {"007s", 7000},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775s807ms", INT64_MAX},
        {"9223372036854775808ms", 0},
        {"9223372036854775s808ms", 0},
        {"106751991168d", 0},
        {"99999999999999999999s", 0},
        {"", 0},
        {"0s", 0},
        {"90", 0},
        {"s", 0},
        {"1h30", 0},
        {"30m1h", 0},
        {"1h1h", 0},
        {"1.5h", 0},
        {"-1s", 0},
        {"+1s", 0},
        {" 1s", 0},
        {"1s ", 0},
        {"1 s", 0},
        {"1S", 0},
        {"1w", 0},
        {"1us", 0},
        {"1mss", 0},
        {"1msm", 0},
        {"1sm", 0},
        {"1hm", 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        int64_t ms = 0;
        bool parsed = pawl_duration_parse_ms(cases[i].text, &ms);
        if (parsed != (cases[i].ms > 0) || ms != cases[i].ms) {
            fail_msg("\"%s\" gave %lld", cases[i].text, (long long)ms);
        }
    }
}

static void durations_are_written_in_two_units(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0ms"},
        {350, "350ms"},
        {42000, "42s"},
        {1500, "1s 500ms"},
        {90000, "1m 30s"},
        {5400000, "1h 30m"},
        {3605000, "1h"},
        {3600000, "1h"},
        {59999, "59s 999ms"},
        {90061001, "1d 1h"},
        {-5400000, "-1h 30m"},
        {INT64_MAX, "106751991167d 7h"},
        {INT64_MIN, "-106751991167d 7h"},
    };
    char out[PAWL_CLOCK_TEXT_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        assert_string_equal(pawl_duration_format_ms(cases[i].ms, out), cases[i].text);
    }
}

static void measured_durations_are_told_as_people_say_them(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},           {7, "7ms"},          {999, "999ms"},       {1000, "1s"},
        {1099, "1s"},        {1944, "1.9s"},      {9999, "9.9s"},       {10001, "10s"},
        {25134, "25s"},      {59999, "59s"},      {60000, "1m"},        {125500, "2m 5s"},
        {5400000, "1h 30m"}, {90061001, "1d 1h"}, {-1500, "-1s 500ms"},
    };
    char out[PAWL_CLOCK_TEXT_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        assert_string_equal(pawl_duration_format_about(cases[i].ms, out), cases[i].text);
    }
}

static void the_manual_clock_stands_until_it_is_moved(void **state)
{
    (void)state;
    struct pawl_clock_manual manual = {.real_us = 1000, .boot_us = 5};
    struct pawl_clock clock = pawl_clock_from_manual(&manual);
    assert_int_equal(clock.real_us(clock.arg), 1000);
    assert_int_equal(clock.boot_us(clock.arg), 5);
    pawl_clock_manual_advance(&manual, 10);
    assert_int_equal(clock.real_us(clock.arg), 1010);
    assert_int_equal(clock.boot_us(clock.arg), 15);
    manual.real_us -= 500; /* a step of the real time alone */
    assert_int_equal(clock.real_us(clock.arg), 510);
    assert_int_equal(clock.boot_us(clock.arg), 15);
}

static void turn_back_the_manual_clock(void)
{
    struct pawl_clock_manual manual = {.real_us = 1000, .boot_us = 5};
    pawl_clock_manual_advance(&manual, -1);
}

static void the_manual_clock_does_not_run_backwards(void **state)
{
    (void)state;
    assert_true(death_of(turn_back_the_manual_clock).aborted);
}

static void the_machines_clocks_are_in_microseconds(void **state)
{
    (void)state;
    struct pawl_clock clock = pawl_clock_os();
    struct timespec before;
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &before), 0);
    int64_t first = clock.boot_us(clock.arg);
    int64_t second = clock.boot_us(clock.arg);
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &after), 0);
    assert_true(first >= (int64_t)before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(second >= first);
    assert_true(second <= (int64_t)after.tv_sec * 1000000 + after.tv_nsec / 1000);
    /* After 2020 and before 2200: the unit is right. */
    int64_t real = clock.real_us(clock.arg);
    assert_true(real > INT64_C(1577836800000000) && real < INT64_C(7258118400000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_text_is_right_where_calendars_go_wrong),
        cmocka_unit_test(utc_text_agrees_with_gmtime),
        cmocka_unit_test(durations_parse_in_descending_units),
        cmocka_unit_test(durations_are_written_in_two_units),
        cmocka_unit_test(measured_durations_are_told_as_people_say_them),
        cmocka_unit_test(the_manual_clock_stands_until_it_is_moved),
        cmocka_unit_test(the_manual_clock_does_not_run_backwards),
        cmocka_unit_test(the_machines_clocks_are_in_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
