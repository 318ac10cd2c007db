/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cond.c: a bounded wait is over when its time is, whatever becomes of real time meanwhile.
 * Here the process believes that it is an hour later than the kernel does: to a wait by real time
 * that is a clock which is set back by an hour as soon as it has begun.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/cond.h"

enum { AHEAD_S = 3600, WAIT_US = 20000, PATIENCE_S = 60 };

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
    long failed = syscall(SYS_clock_gettime, id, ret_now);
    ret_now->tv_sec += failed == 0 && id == CLOCK_REALTIME ? AHEAD_S : 0;
    return (int)failed;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int64_t boot_us(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg);
}

static void a_clock_that_is_set_back_makes_no_wait_longer(void **state)
{
    pthread_cond_t cond;
    (void)state;
    struct pawl_clock clock = pawl_clock_os();
    assert_true(clock.real_us(clock.arg) / PAWL_US_PER_SECOND > time(NULL) + AHEAD_S / 2);
    pawl_cond_init(&cond);
    (void)alarm(PATIENCE_S); /* where it is not over */
    pthread_mutex_lock(&mutex);
    int64_t until_us = boot_us() + WAIT_US;
    while (pawl_cond_wait_until(&cond, &mutex, until_us)) {
    }
    assert_true(boot_us() >= until_us);
    assert_false(pawl_cond_wait_until(&cond, &mutex, until_us)); /* at once */
    pthread_mutex_unlock(&mutex);
    (void)alarm(0);
    pthread_cond_destroy(&cond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_back_makes_no_wait_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
