/* SPDX-License-Identifier: Apache-2.0 */
/* limit_words.c: see limit_words.h. */
#define _GNU_SOURCE
#include "engine/limit_words.h"

#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"

static const char *const period_names[] = {
    [PAWL_PERIOD_NONE] = "",     [PAWL_PERIOD_HOUR] = "hour",   [PAWL_PERIOD_DAY] = "day",
    [PAWL_PERIOD_WEEK] = "week", [PAWL_PERIOD_MONTH] = "month", [PAWL_PERIOD_QUARTER] = "quarter",
    [PAWL_PERIOD_YEAR] = "year",
};

static const char *const place_names[] = {
    [PAWL_LIMIT_MACHINE] = "machine",
    [PAWL_LIMIT_REPO] = "repo",
    [PAWL_LIMIT_DIR] = "dir",
};
_Static_assert(PAWL_ARRAY_LEN(place_names) == PAWL_LIMIT_PLACE_COUNT, "every place has a name");

const char *pawl_limit_period(const struct pawl_limit *limit,
                              char out[static PAWL_LIMIT_WORDS_BYTES])
{
    char length[PAWL_CLOCK_TEXT_BYTES];
    if (limit->window.kind == PAWL_WINDOW_CALENDAR) {
        return pawl_limit_period_name(limit->window.period);
    }
    (void)pawl_duration_format_ms(limit->window.length_us / PAWL_US_PER_MS, length);
    (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "%s", length);
    return out;
}

const char *pawl_limit_where(const struct pawl_limit *limit,
                             char out[static PAWL_LIMIT_WORDS_BYTES])
{
    switch (limit->place) {
    case PAWL_LIMIT_MACHINE:
        return "on this machine";
    case PAWL_LIMIT_REPO:
        (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "in the repository %s", limit->path);
        return out;
    case PAWL_LIMIT_DIR:
        (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "in %s", limit->path);
        return out;
    case PAWL_LIMIT_PLACE_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

const char *pawl_limit_clock(int64_t at_us, int64_t now_us, char out[static PAWL_LIMIT_WORDS_BYTES])
{
    /* Whole minutes, up, and seconds for what is soon: nobody comes back too early. */
    bool soon = at_us - now_us < INT64_C(600) * PAWL_US_PER_SECOND;
    int64_t step_us = (soon ? 1 : 60) * PAWL_US_PER_SECOND;
    int64_t steps = at_us / step_us + (at_us % step_us > 0 ? 1 : 0);
    time_t seconds = (time_t)(steps * step_us / PAWL_US_PER_SECOND);
    bool near = at_us - now_us <= INT64_C(86400) * PAWL_US_PER_SECOND;
    struct tm local;
    if (localtime_r(&seconds, &local) == NULL || strftime(out, PAWL_LIMIT_WORDS_BYTES,
                                                          soon   ? "%H:%M:%S"
                                                          : near ? "%H:%M"
                                                                 : "%Y-%m-%d %H:%M",
                                                          &local) == 0) {
        out[0] = '\0';
    }
    return out;
}

const char *pawl_limit_until(int64_t at_us, int64_t now_us, char out[static PAWL_LIMIT_WORDS_BYTES])
{
    char text[PAWL_CLOCK_TEXT_BYTES];
    int64_t minute_ms = INT64_C(60) * 1000;
    int64_t left_ms = at_us > now_us ? (at_us - now_us) / PAWL_US_PER_MS : 0;
    int64_t step_ms = left_ms > minute_ms ? minute_ms : 1000; /* up, as above */
    left_ms = (left_ms + step_ms - 1) / step_ms * step_ms;
    (void)snprintf(out, PAWL_LIMIT_WORDS_BYTES, "%s",
                   pawl_duration_format_ms(left_ms > 1000 ? left_ms : 1000, text));
    return out;
}

const char *pawl_limit_place_name(enum pawl_limit_place place)
{
    PAWL_ASSERT(place < PAWL_LIMIT_PLACE_COUNT);
    return place_names[place];
}

enum pawl_limit_place pawl_limit_place_of(struct pawl_slice name)
{
    int place = 0;
    while (place < PAWL_LIMIT_PLACE_COUNT && !pawl_slice_equal_str(name, place_names[place])) {
        place++;
    }
    return (enum pawl_limit_place)place;
}

const char *pawl_limit_period_name(uint8_t period)
{
    PAWL_ASSERT(period < PAWL_ARRAY_LEN(period_names));
    return period_names[period];
}

uint8_t pawl_limit_period_of(struct pawl_slice name)
{
    for (size_t period = PAWL_PERIOD_HOUR; period < PAWL_ARRAY_LEN(period_names); period++) {
        if (pawl_slice_equal_str(name, period_names[period])) {
            return (uint8_t)period;
        }
    }
    return PAWL_PERIOD_NONE;
}
