/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window.h: which stretch of time an instance of a window covers, and the time zones that say
 * where a calendar's periods begin.
 *
 * A boundary is a moment on the wall clock. The instant that counts is the first at which the
 * wall clock shows that moment or a later one: where the clock jumps over it, the first instant
 * after the gap; where it shows it twice, the first of the two. So boundaries never go back, and
 * every instant lies in exactly one instance.
 */
#ifndef PAWL_CORE_WINDOW_H
#define PAWL_CORE_WINDOW_H

#include "core/state.h"

/* Longest fixed window: ten years. */
#define PAWL_WINDOW_LENGTH_US_MAX (INT64_C(3660) * 86400 * 1000000)

extern const struct pawl_window pawl_window_lifetime;

struct pawl_window_bounds {
    int64_t start_us;
    int64_t end_us; /* INT64_MAX: never */
};

/* The instance that holds now_us; for a fixed window the one that opens now. The window must be
 * valid and its zone defined. */
struct pawl_window_bounds
pawl_window_bounds(const struct pawl_core *core, const struct pawl_window *window, int64_t now_us);
/* Kind, period, length and week are in range and the zone is defined: OK, INVALID_REQUEST or
 * NOT_FOUND. */
uint16_t pawl_window_check(const struct pawl_core *core, const struct pawl_window *window);
bool pawl_window_equal(const struct pawl_window *a, const struct pawl_window *b);

/* --- Zones (zone.c) --------------------------------------------------------------------------- */

bool pawl_zone_defined(const struct pawl_core *core, uint16_t tz);
/* Seconds that the wall clock is ahead of UTC at an instant. Zone 0 is UTC. */
int32_t pawl_zone_offset(const struct pawl_core *core, uint16_t tz, int64_t utc_s);
/* The first instant at which the wall clock shows local_s or later. */
int64_t pawl_zone_instant(const struct pawl_core *core, uint16_t tz, int64_t local_s);

uint16_t pawl_zone_plan(const struct pawl_core *core, const struct pawl_command_tz_define *define);
void pawl_zone_apply(struct pawl_core *core, const struct pawl_command_tz_define *define);

#endif
