/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_wake.c: whatever a thread did before it sent is seen by the loop, and nobody waits. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "net/wake.h"

enum { SENDERS = 3, SENDS = 20000 };

struct woken {
    uv_loop_t loop;
    struct pawl_wake wake;
    unsigned runs;
    atomic_uint done; /* of all senders together */
    unsigned wanted;
};

static void on_wake(void *arg)
{
    struct woken *woken = arg;
    woken->runs += 1;
    if (atomic_load_explicit(&woken->done, memory_order_relaxed) == woken->wanted) {
        uv_close((uv_handle_t *)&woken->wake.poll, NULL);
    }
}

static void begin(struct woken *woken, unsigned wanted)
{
    *woken = (struct woken){.wanted = wanted};
    assert_int_equal(uv_loop_init(&woken->loop), 0);
    assert_true(pawl_ok(pawl_wake_init(&woken->wake, &woken->loop, on_wake, woken)));
}

/* Comes back when the function has seen all, since only then the handle is closed. */
static void run(struct woken *woken)
{
    assert_int_equal(uv_run(&woken->loop, UV_RUN_DEFAULT), 0);
}

static void end(struct woken *woken)
{
    assert_int_equal(uv_loop_close(&woken->loop), 0);
    pawl_wake_free(&woken->wake);
}

static void *sender(void *arg)
{
    struct woken *woken = arg;
    for (unsigned i = 0; i < SENDS; i++) {
        (void)atomic_fetch_add_explicit(&woken->done, 1, memory_order_relaxed);
        pawl_wake_send(&woken->wake);
    }
    return NULL;
}

static void no_send_is_lost_among_many(void **state)
{
    (void)state;
    struct woken woken;
    pthread_t threads[SENDERS];
    begin(&woken, SENDERS * SENDS);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sender, &woken), 0);
    }
    run(&woken);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_in_range(woken.runs, 1, SENDERS * SENDS);
    end(&woken);
}

static void sends_before_the_loop_runs_are_one(void **state)
{
    (void)state;
    struct woken woken;
    begin(&woken, 0);
    for (int i = 0; i < 100; i++) {
        pawl_wake_send(&woken.wake);
    }
    assert_int_equal(woken.runs, 0);
    run(&woken);
    assert_int_equal(woken.runs, 1);
    end(&woken);
}

static void a_send_after_the_handle_closed_does_nothing(void **state)
{
    (void)state;
    struct woken woken;
    begin(&woken, 0);
    pawl_wake_send(&woken.wake);
    run(&woken);
    pawl_wake_send(&woken.wake);
    pawl_wake_send(&woken.wake);
    assert_int_equal(uv_run(&woken.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(woken.runs, 1);
    end(&woken);
    pawl_wake_free(&woken.wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_send_is_lost_among_many),
        cmocka_unit_test(sends_before_the_loop_runs_are_one),
        cmocka_unit_test(a_send_after_the_handle_closed_does_nothing),
    };
    return cmocka_run_group_tests_name("net_wake", tests, NULL, NULL);
}
