/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.c: the bounds of instances. Everything is a function of the window, the zone's table
 * and the recorded time; there is no job that resets anything. An instance begins where it is
 * first needed after the one before it ended, so a quiet month costs nothing and skips no number.
 */
#include "core/window.h"

#include "core/civil.h"

enum { US_PER_S = 1000000 };

const struct pawl_window pawl_window_lifetime = {.kind = PAWL_WINDOW_LIFETIME};

bool pawl_window_equal(const struct pawl_window *a, const struct pawl_window *b)
{
    PAWL_ASSERT(a != NULL);
    PAWL_ASSERT(b != NULL);
    return a->kind == b->kind && a->period == b->period && a->week_start == b->week_start &&
           a->tz == b->tz && a->length_us == b->length_us;
}

static bool calendar_ok(const struct pawl_window *window)
{
    PAWL_ASSERT(window->kind == PAWL_WINDOW_CALENDAR);
    if (window->period < PAWL_PERIOD_HOUR || window->period > PAWL_PERIOD_YEAR) {
        return false;
    }
    if (window->week_start > 6 || (window->week_start != 0 && window->period != PAWL_PERIOD_WEEK)) {
        return false;
    }
    return window->length_us == 0;
}

/* Fields that a kind does not use must be 0, so that equal windows are equal bytes. */
uint16_t pawl_window_check(const struct pawl_core *core, const struct pawl_window *window)
{
    PAWL_ASSERT(window != NULL);
    bool plain = window->period == PAWL_PERIOD_NONE && window->week_start == 0 && window->tz == 0;
    bool ok = false;
    if (window->kind == PAWL_WINDOW_LIFETIME) {
        ok = plain && window->length_us == 0;
    } else if (window->kind == PAWL_WINDOW_CALENDAR) {
        ok = calendar_ok(window);
    } else if (window->kind == PAWL_WINDOW_FIXED) {
        ok = plain && window->length_us > 0 && window->length_us <= PAWL_WINDOW_LENGTH_US_MAX;
    }
    if (!ok) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    return pawl_zone_defined(core, window->tz) ? PAWL_RESULT_OK : PAWL_RESULT_NOT_FOUND;
}

static struct pawl_window_bounds
calendar_bounds(const struct pawl_core *core, const struct pawl_window *window, int64_t now_us)
{
    enum pawl_period period = (enum pawl_period)window->period;
    int64_t now_s = now_us / US_PER_S;
    int64_t local_s = now_s + pawl_zone_offset(core, window->tz, now_s);
    int64_t start = pawl_civil_period_start(period, window->week_start, local_s);
    int64_t next = pawl_civil_period_next(period, start);
    int64_t end_s = pawl_zone_instant(core, window->tz, next);
    PAWL_ASSERT(pawl_zone_defined(core, window->tz));
    PAWL_ASSERT(start < next);
    /* After the clock was set back over a boundary it shows the period before for a while; the
     * boundary has passed all the same. */
    while (end_s <= now_s) {
        start = next;
        next = pawl_civil_period_next(period, start);
        end_s = pawl_zone_instant(core, window->tz, next);
    }
    int64_t start_s = pawl_zone_instant(core, window->tz, start);
    PAWL_ASSERT(start_s <= now_s);
    return (struct pawl_window_bounds){.start_us = start_s * US_PER_S, .end_us = end_s * US_PER_S};
}

struct pawl_window_bounds
pawl_window_bounds(const struct pawl_core *core, const struct pawl_window *window, int64_t now_us)
{
    PAWL_ASSERT(now_us >= 0);
    PAWL_ASSERT(now_us / 1000 < INT64_C(1) << 44);
    switch ((enum pawl_window_kind)window->kind) {
    case PAWL_WINDOW_LIFETIME:
        return (struct pawl_window_bounds){.start_us = 0, .end_us = INT64_MAX};
    case PAWL_WINDOW_CALENDAR:
        return calendar_bounds(core, window, now_us);
    case PAWL_WINDOW_FIXED:
        return (struct pawl_window_bounds){.start_us = now_us,
                                           .end_us = now_us + window->length_us};
    case PAWL_WINDOW_ROLLING:
        break;
    }
    PAWL_UNREACHABLE();
}
