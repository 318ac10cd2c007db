/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_civil.c: dates against a calendar that is walked day by day, and boundaries in random
 * zones against a clock that is walked minute by minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "core/civil.h"
#include "core/window.h"
#include "core_memory.h"
#include "seed.h"

#define DAY_S INT64_C(86400)

static uint64_t seed;

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t month_days(int64_t year, uint32_t month)
{
    static const uint32_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

static void expect_date(int64_t days, struct pawl_civil_date date)
{
    struct pawl_civil_date got = pawl_civil_date(days);
    assert_int_equal(got.year, date.year);
    assert_int_equal(got.month, date.month);
    assert_int_equal(got.day, date.day);
    assert_int_equal(pawl_civil_days(date), days);
}

static void dates_follow_the_calendar_day_by_day(void **state)
{
    (void)state;
    struct pawl_civil_date date = {.year = 1970, .month = 1, .day = 1};
    uint32_t weekday = 3; /* a Thursday */
    for (int64_t days = 0; date.year < 2530; days++) {
        expect_date(days, date);
        assert_int_equal(pawl_civil_weekday(days), weekday);
        weekday = (weekday + 1) % 7;
        date.day++;
        if (date.day > month_days(date.year, date.month)) {
            date.day = 1;
            date.month = date.month % 12 + 1;
            date.year += date.month == 1 ? 1 : 0;
        }
    }
}

static void dates_before_the_epoch_follow_it_too(void **state)
{
    (void)state;
    struct pawl_civil_date date = {.year = 1969, .month = 12, .day = 31};
    for (int64_t days = -1; date.year > 1600; days--) {
        expect_date(days, date);
        date.day--;
        if (date.day == 0) {
            date.month = date.month == 1 ? 12 : date.month - 1;
            date.year -= date.month == 12 ? 1 : 0;
            date.day = month_days(date.year, date.month);
        }
    }
}

/* Whether a period begins at this moment of the wall clock. */
static bool begins(enum pawl_period period, uint32_t week_start, int64_t local_s)
{
    struct pawl_civil_date date = pawl_civil_date(local_s / DAY_S);
    bool midnight = local_s % DAY_S == 0;
    switch (period) {
    case PAWL_PERIOD_HOUR:
        return local_s % 3600 == 0;
    case PAWL_PERIOD_DAY:
        return midnight;
    case PAWL_PERIOD_WEEK:
        return midnight && pawl_civil_weekday(local_s / DAY_S) == week_start;
    case PAWL_PERIOD_MONTH:
        return midnight && date.day == 1;
    case PAWL_PERIOD_QUARTER:
        return midnight && date.day == 1 && date.month % 3 == 1;
    case PAWL_PERIOD_YEAR:
        return midnight && date.day == 1 && date.month == 1;
    case PAWL_PERIOD_NONE:
        break;
    }
    return false;
}

static void periods_begin_where_the_calendar_says(void **state)
{
    (void)state;
    for (enum pawl_period period = PAWL_PERIOD_HOUR; period <= PAWL_PERIOD_YEAR; period++) {
        for (uint32_t week_start = 0; week_start < 7; week_start++) {
            int64_t hours = period <= PAWL_PERIOD_WEEK ? 24 * 30 : 24 * 800;
            int64_t start = -1;
            for (int64_t hour = 0; hour < hours; hour++) {
                int64_t local_s = INT64_C(1767225600) + hour * 3600; /* from 2026-01-01 on */
                if (begins(period, week_start, local_s)) {
                    assert_true(start < 0 || pawl_civil_period_next(period, start) == local_s);
                    start = local_s;
                }
                if (start >= 0) {
                    assert_int_equal(pawl_civil_period_start(period, week_start, local_s + 3599),
                                     start);
                }
            }
        }
    }
}

/* --- Zones. ----------------------------------------------------------------------------------- */

struct zone {
    int32_t initial;
    uint32_t count;
    struct pawl_tz_transition transitions[16];
};

static int64_t zone_local(const struct zone *zone, int64_t utc_s)
{
    int32_t offset = zone->initial;
    for (uint32_t i = 0; i < zone->count && zone->transitions[i].at_s <= utc_s; i++) {
        offset = zone->transitions[i].offset_s;
    }
    return utc_s + offset;
}

/* Transitions every few hours or days, by whole quarters of an hour, up to half a day. */
static struct zone zone_draw(struct pawl_prng *prng)
{
    struct zone zone = {.count = (uint32_t)pawl_prng_below(prng, 13)};
    int64_t at_s = 10 * DAY_S;
    zone.initial = (int32_t)pawl_prng_between(prng, -48, 48) * 900;
    for (uint32_t i = 0; i < zone.count; i++) {
        at_s += pawl_prng_between(prng, 1, 200) * 900;
        zone.transitions[i] = (struct pawl_tz_transition){
            .at_s = at_s, .offset_s = (int32_t)pawl_prng_between(prng, -48, 48) * 900};
    }
    return zone;
}

static void zone_define(struct pawl_core *core, uint16_t tz, const struct zone *zone)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_TZ_DEFINE,
        .u.tz_define = {.tz = tz,
                        .name = PAWL_SLICE("Some/Where"),
                        .initial_offset_s = zone->initial,
                        .transition_count = zone->count,
                        .transitions = zone->transitions},
    };
    struct pawl_result result;
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    pawl_core_apply(core, pawl_core_now_us(core), &command, &result);
    assert_int_equal(result.code, PAWL_RESULT_OK);
}

static void an_instant_is_the_first_at_which_the_clock_shows_the_time(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(10);
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed);
    for (uint32_t round = 0; round < 60; round++) {
        struct zone zone = zone_draw(&prng);
        zone_define(core, 1, &zone);
        int64_t shown = INT64_MIN; /* the latest time that the clock has shown so far */
        for (int64_t utc_s = 5 * DAY_S; utc_s < 45 * DAY_S; utc_s += 900) {
            int64_t local_s = zone_local(&zone, utc_s);
            assert_int_equal(utc_s + pawl_zone_offset(core, 1, utc_s), local_s);
            if (local_s <= shown) {
                continue;
            }
            /* Everything above what was shown before and up to now is first reached now. */
            assert_int_equal(pawl_zone_instant(core, 1, local_s), utc_s);
            if (shown != INT64_MIN && local_s - shown > 900) {
                assert_int_equal(pawl_zone_instant(core, 1, shown + 900), utc_s);
            }
            shown = local_s;
        }
    }
    memory_free(core);
}

static void instances_follow_each_other_without_gap_or_overlap(void **state)
{
    (void)state;
    struct pawl_core *core = memory_configured(10);
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed + 1);
    for (uint32_t round = 0; round < 40; round++) {
        struct zone zone = zone_draw(&prng);
        zone_define(core, 1, &zone);
        struct pawl_window window = {
            .kind = PAWL_WINDOW_CALENDAR,
            .period = round % 2 == 0 ? PAWL_PERIOD_HOUR : PAWL_PERIOD_DAY,
            .tz = 1,
        };
        struct pawl_window_bounds bounds = {.end_us = 0};
        for (int64_t utc_s = 5 * DAY_S; utc_s < 40 * DAY_S; utc_s += 900) {
            int64_t now_us = utc_s * 1000000;
            struct pawl_window_bounds now = pawl_window_bounds(core, &window, now_us);
            assert_true(now.start_us <= now_us && now_us < now.end_us);
            if (bounds.end_us != 0 && now_us < bounds.end_us) {
                assert_int_equal(now.start_us, bounds.start_us);
                assert_int_equal(now.end_us, bounds.end_us);
            } else if (bounds.end_us != 0) {
                assert_int_equal(now.start_us, bounds.end_us);
            }
            bounds = now;
        }
    }
    memory_free(core);
}

int main(void)
{
    seed = seed_for("test_core_civil");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_follow_the_calendar_day_by_day),
        cmocka_unit_test(dates_before_the_epoch_follow_it_too),
        cmocka_unit_test(periods_begin_where_the_calendar_says),
        cmocka_unit_test(an_instant_is_the_first_at_which_the_clock_shows_the_time),
        cmocka_unit_test(instances_follow_each_other_without_gap_or_overlap),
    };
    return cmocka_run_group_tests_name("core_civil", tests, NULL, NULL);
}
