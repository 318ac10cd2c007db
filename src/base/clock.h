/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h: where time comes from. Everything that needs the time is handed one of these;
 * clock_os.c is the only file that asks the operating system. Times are microseconds
 * since 1970-01-01 UTC in int64.
 */
#ifndef PAWL_BASE_CLOCK_H
#define PAWL_BASE_CLOCK_H

#include <stdint.h>

#define PAWL_US_PER_MS     INT64_C(1000)
#define PAWL_US_PER_SECOND INT64_C(1000000)

struct pawl_clock {
    /* Real time, as the machine believes it. May step. */
    int64_t (*real_us)(void *arg);
    /* Time since boot, suspension included. Never steps, never goes back. */
    int64_t (*boot_us)(void *arg);
    void *arg;
};

/* The machine's own clocks. */
struct pawl_clock pawl_clock_os(void);

/* A clock that stands still until it is moved, for tests and the simulator. */
struct pawl_clock_manual {
    int64_t real_us;
    int64_t boot_us;
};
struct pawl_clock pawl_clock_from_manual(struct pawl_clock_manual *manual);
void pawl_clock_manual_advance(struct pawl_clock_manual *manual, int64_t us);

enum { PAWL_CLOCK_TEXT_BYTES = 32 };
/* "2026-11-22T02:19:08Z"; the time zone is UTC whatever the environment says. */
const char *pawl_clock_format_utc(int64_t us, char out[static PAWL_CLOCK_TEXT_BYTES]);
/* "90s", "30m", "2h", "1h30m", "500ms", "1d": false on anything else, on 0 and on overflow. */
_Bool pawl_duration_parse_ms(const char *text, int64_t *ret_ms);
/* "1h 30m", "42s", "350ms". */
const char *pawl_duration_format_ms(int64_t ms, char out[static PAWL_CLOCK_TEXT_BYTES]);

#endif
