/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_due.c: how the timer is set. Nothing is waited for: the loop's clock is the one of the
 * last time that it was looked at, and the host's is said.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/due.h"

#define MS    INT64_C(1000)
#define HOUR  (INT64_C(3600) * 1000 * MS)
#define START (INT64_C(1000) * HOUR)
#define SOON  PAWL_DUE_LEAST_MS
#define WAITS ((uint64_t)1801) /* for 1.8 s, and no less */

struct host {
    uv_loop_t loop;
    struct pawl_due due;
    unsigned calls;
    int64_t next_us; /* said again by the function; 0: nothing is said */
};

static void on_due(void *arg)
{
    struct host *host = arg;
    host->calls += 1;
    assert_int_equal(host->due.at_us, INT64_MAX);
    if (host->next_us != 0) {
        pawl_due_set(&host->due, host->next_us, START);
    }
}

static int begin(void **state)
{
    static struct host host;
    host = (struct host){0};
    assert_int_equal(uv_loop_init(&host.loop), 0);
    pawl_due_init(&host.due, &host.loop, on_due, &host);
    *state = &host;
    return 0;
}

static int end(void **state)
{
    struct host *host = *state;
    uv_close((uv_handle_t *)&host->due.timer, NULL);
    (void)uv_run(&host->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&host->loop), 0);
    return 0;
}

static bool is_set(const struct host *host)
{
    return uv_is_active((const uv_handle_t *)&host->due.timer) != 0;
}

static uint64_t wait_ms(const struct host *host)
{
    assert_true(is_set(host));
    return uv_timer_get_due_in(&host->due.timer);
}

static void due_waits_until_then_and_no_less(void **state)
{
    struct host *host = *state;
    pawl_due_set(&host->due, INT64_MAX, START);
    assert_false(is_set(host));
    pawl_due_set(&host->due, START + 1800 * MS, START);
    assert_int_equal(wait_ms(host), WAITS);
    pawl_due_set(&host->due, START + 1, START);
    assert_int_equal(wait_ms(host), 1);
    pawl_due_set(&host->due, START + 1800 * MS, START); /* something else is next */
    assert_int_equal(wait_ms(host), WAITS);
    pawl_due_set(&host->due, INT64_MAX, START);
    assert_false(is_set(host));
}

static void due_is_set_once_for_one_instant(void **state)
{
    struct host *host = *state;
    pawl_due_set(&host->due, START + 1800 * MS, START);
    pawl_due_set(&host->due, START + 1800 * MS, START + 700 * MS);
    assert_int_equal(wait_ms(host), WAITS); /* by the loop's clock, in which no time has passed */
}

/* A lease of an hour that ends in a sleep: the timer has all of the hour still. */
static void due_in_a_sleep_waits_no_longer(void **state)
{
    struct host *host = *state;
    pawl_due_set(&host->due, START + HOUR, START);
    assert_in_range(wait_ms(host), HOUR / MS, HOUR / MS + 1);
    pawl_due_set(&host->due, START + HOUR, START + 2 * HOUR);
    assert_int_equal(wait_ms(host), SOON);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0); /* ends when no timer is left */
    assert_int_equal(host->calls, 1);
}

/* Of turns that follow upon each other without a pause none puts it off. */
static void due_is_not_put_off_by_turns(void **state)
{
    struct host *host = *state;
    pawl_due_set(&host->due, START, START);
    uint64_t at_ms = uv_now(&host->loop) + wait_ms(host);
    while (host->calls == 0) {
        assert_true(is_set(host));
        pawl_due_set(&host->due, START, START + MS);
        pawl_due_set(&host->due, START - MS, START + MS); /* another one, no less overdue */
        assert_true(wait_ms(host) == 0 || uv_now(&host->loop) + wait_ms(host) == at_ms);
        (void)uv_run(&host->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(host->calls, 1);
}

/* What a call cannot end is looked at again, but a loop that has nothing else to do waits. */
static void due_that_stays_makes_no_busy_loop(void **state)
{
    struct host *host = *state;
    host->next_us = START - HOUR;
    pawl_due_set(&host->due, host->next_us, START);
    uint64_t began_ms = uv_now(&host->loop);
    while (host->calls < 20) {
        (void)uv_run(&host->loop, UV_RUN_ONCE);
        assert_true(wait_ms(host) <= SOON && uv_backend_timeout(&host->loop) <= (int)SOON);
    }
    assert_true(uv_now(&host->loop) - began_ms >= 20 * SOON);
}

static void due_at_once_where_the_owner_may_have_it_so(void **state)
{
    struct host *host = *state;
    host->due.least_ms = 0;
    pawl_due_set(&host->due, START + HOUR, START);
    pawl_due_set(&host->due, START, START + 1);
    assert_int_equal(wait_ms(host), 0);
    pawl_due_set(&host->due, START + 1, START);
    assert_int_equal(wait_ms(host), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(due_waits_until_then_and_no_less, begin, end),
        cmocka_unit_test_setup_teardown(due_is_set_once_for_one_instant, begin, end),
        cmocka_unit_test_setup_teardown(due_in_a_sleep_waits_no_longer, begin, end),
        cmocka_unit_test_setup_teardown(due_is_not_put_off_by_turns, begin, end),
        cmocka_unit_test_setup_teardown(due_that_stays_makes_no_busy_loop, begin, end),
        cmocka_unit_test_setup_teardown(due_at_once_where_the_owner_may_have_it_so, begin, end),
    };
    return cmocka_run_group_tests_name("net_due", tests, NULL, NULL);
}
