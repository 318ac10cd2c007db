/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_os.c: the machine's clocks, and the only file that asks for them. CLOCK_BOOTTIME
 * rather than CLOCK_MONOTONIC, because a lease runs on while a laptop sleeps.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    /* It can fail only for an id that the kernel does not know. */
    PAWL_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * PAWL_US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t real_us(void *arg)
{
    (void)arg;
    return read_us(CLOCK_REALTIME);
}

static int64_t boot_us(void *arg)
{
    (void)arg;
    return read_us(CLOCK_BOOTTIME);
}

struct pawl_clock pawl_clock_os(void)
{
    return (struct pawl_clock){.real_us = real_us, .boot_us = boot_us, .arg = NULL};
}
