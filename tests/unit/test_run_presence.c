/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_presence.c: the last sign of a person, on a terminal whose access time is set here in
 * place of typing, and without one.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/presence.h"

#define SECOND_US INT64_C(1000000)
#define NOW_US    (INT64_C(1795000000) * SECOND_US)

static int terminal_main = -1;
static int terminal_fd = -1;

static int open_terminal(void **state)
{
    (void)state;
    terminal_main = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal_main < 0 || grantpt(terminal_main) != 0 || unlockpt(terminal_main) != 0) {
        return -1;
    }
    terminal_fd = open(ptsname(terminal_main), O_RDWR | O_NOCTTY | O_CLOEXEC);
    return terminal_fd >= 0 ? 0 : -1;
}

static int close_terminal(void **state)
{
    (void)state;
    (void)close(terminal_fd);
    (void)close(terminal_main);
    return 0;
}

static void type_at(int64_t us)
{
    struct timespec times[2] = {
        {.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000},
        {.tv_nsec = UTIME_OMIT},
    };
    assert_int_equal(futimens(terminal_fd, times), 0);
}

static void typing_is_a_sign(void **state)
{
    (void)state;
    struct pawl_terminal terminal = {.fd = terminal_fd};
    struct pawl_presence presence;
    type_at(NOW_US - 5 * SECOND_US);
    pawl_presence_begin(&presence, &terminal, NOW_US);
    assert_true(presence.follows);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + 60 * SECOND_US), NOW_US);
    type_at(NOW_US + 40 * SECOND_US);
    /* The kernel keeps the first time of eight seconds; what comes behind it moves nothing. */
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + 60 * SECOND_US),
                     NOW_US + 48 * SECOND_US);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + 47 * SECOND_US),
                     NOW_US + 47 * SECOND_US);
}

static void what_lies_ahead_counts_as_now(void **state)
{
    (void)state;
    struct pawl_terminal terminal = {.fd = terminal_fd};
    struct pawl_presence presence;
    type_at(NOW_US + 100 * SECOND_US);
    pawl_presence_begin(&presence, &terminal, NOW_US);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + SECOND_US), NOW_US + SECOND_US);
}

static void without_a_terminal_only_signs_count(void **state)
{
    (void)state;
    struct pawl_terminal none = {.fd = -1};
    struct pawl_presence presence;
    pawl_presence_begin(&presence, &none, NOW_US);
    assert_false(presence.follows);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + 9 * SECOND_US), NOW_US);
    pawl_presence_sign(&presence, NOW_US + 5 * SECOND_US);
    pawl_presence_sign(&presence, NOW_US + 3 * SECOND_US);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + 9 * SECOND_US),
                     NOW_US + 5 * SECOND_US);
}

/* The first may be the words of the command itself, which nobody needs to be there for. */
static void a_prompt_is_a_sign_but_for_the_first(void **state)
{
    (void)state;
    struct pawl_terminal terminal = {.fd = -1};
    struct pawl_presence presence;
    pawl_presence_begin(&presence, &terminal, NOW_US);
    pawl_presence_prompt(&presence, NOW_US + 2 * SECOND_US);
    assert_int_equal(presence.sign_count, 0);
    pawl_presence_prompt(&presence, NOW_US + 5 * SECOND_US);
    assert_int_equal(presence.sign_count, 1);
    assert_true(pawl_presence_last_us(&presence, NOW_US + 9 * SECOND_US) == NOW_US + 5 * SECOND_US);
}

static void a_file_is_no_terminal(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct pawl_terminal terminal = {.fd = fd};
    struct pawl_presence presence;
    pawl_presence_begin(&presence, &terminal, NOW_US);
    assert_false(presence.follows);
    assert_int_equal(pawl_presence_last_us(&presence, NOW_US + SECOND_US), NOW_US);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing_is_a_sign),
        cmocka_unit_test(what_lies_ahead_counts_as_now),
        cmocka_unit_test(without_a_terminal_only_signs_count),
        cmocka_unit_test(a_prompt_is_a_sign_but_for_the_first),
        cmocka_unit_test(a_file_is_no_terminal),
    };
    return cmocka_run_group_tests_name("run_presence", tests, open_terminal, close_terminal);
}
