/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h: where time comes from. Everything that needs the time is handed one of these;
 * clock_os.c is the only file that asks the operating system. Times are microseconds
 * since 1970-01-01 UTC in int64; leap seconds do not exist, as in POSIX.
 */
#ifndef PAWL_BASE_CLOCK_H
#define PAWL_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"

#define PAWL_US_PER_MS     INT64_C(1000)
#define PAWL_US_PER_SECOND INT64_C(1000000)

/* A value, to be copied; what `arg` points to must outlive the copies. */
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
/* Borrows the struct, whose fields may be set directly to step one clock without the other. */
struct pawl_clock pawl_clock_from_manual(struct pawl_clock_manual *manual);
/* Both clocks; us >= 0. */
void pawl_clock_manual_advance(struct pawl_clock_manual *manual, int64_t us);

enum { PAWL_CLOCK_TEXT_BYTES = 32 };
/* "2026-11-22T02:19:08Z"; the time zone is UTC whatever the environment says. Fractions are cut
 * (towards the past). Years outside 0000 .. 9999 take the digits and the sign they need. Returns
 * `out`, as the other formatter does. */
const char *pawl_clock_format_utc(int64_t us, char out[static PAWL_CLOCK_TEXT_BYTES]);
/* "90s", "30m", "2h", "1h30m", "500ms", "1d": numbers with units, each unit once, the larger
 * first, nothing in between. false on anything else, on 0 in all and on overflow of int64. */
PAWL_MUST_CHECK bool pawl_duration_parse_ms(const char *text, int64_t *ret_ms);
/* "1h 30m", "42s", "350ms": the largest unit and the next smaller one unless it is 0; what is
 * below that is cut. */
const char *pawl_duration_format_ms(int64_t ms, char out[static PAWL_CLOCK_TEXT_BYTES]);
/* The same for what was measured, as people say it: "0s", "350ms", "1.9s", "25s", "2m 5s". */
const char *pawl_duration_format_about(int64_t ms, char out[static PAWL_CLOCK_TEXT_BYTES]);

#endif
