/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cond_os.c: see cond.h. Conditions cannot go by boot time, so they go by CLOCK_MONOTONIC, which
 * stands still while a machine sleeps: a wait is longer by that at most, and its end is looked at
 * in boot time.
 */
#define _GNU_SOURCE
#include "base/cond.h"

#include <stddef.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"

void pawl_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    PAWL_ASSERT(failed == 0);
    failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    PAWL_ASSERT(failed == 0);
    failed = pthread_cond_init(cond, &attributes);
    PAWL_ASSERT(failed == 0);
    (void)pthread_condattr_destroy(&attributes);
}

bool pawl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us)
{
    struct pawl_clock clock = pawl_clock_os();
    int64_t left_us = until_us - clock.boot_us(clock.arg);
    if (left_us <= 0) {
        return false;
    }
    struct timespec end;
    int failed = clock_gettime(CLOCK_MONOTONIC, &end);
    PAWL_ASSERT(failed == 0);
    int64_t end_us = end.tv_nsec / 1000 + left_us;
    end.tv_sec += end_us / PAWL_US_PER_SECOND;
    end.tv_nsec = end_us % PAWL_US_PER_SECOND * 1000;
    (void)pthread_cond_timedwait(cond, mutex, &end);
    return true;
}
