/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c: a line of log is one line, whatever is in it, and only at its level. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static int file;

static int open_file(void **state)
{
    (void)state;
    file = memfd_create("log", MFD_CLOEXEC);
    return file < 0;
}

static int close_file(void **state)
{
    (void)state;
    pawl_log_set(-1, PAWL_LOG_ERROR);
    return close(file);
}

/* What was logged so far, as text. */
static const char *logged(void)
{
    static char text[8192];
    ssize_t got = pread(file, text, sizeof(text) - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static void only_the_levels_asked_for_are_written(void **state)
{
    (void)state;
    pawl_log_set(file, PAWL_LOG_INFO);
    assert_true(pawl_log_enabled(PAWL_LOG_INFO));
    assert_false(pawl_log_enabled(PAWL_LOG_DEBUG));
    pawl_log(PAWL_LOG_ERROR, "e%d", 1);
    pawl_log(PAWL_LOG_WARN, "w%d", 2);
    pawl_log(PAWL_LOG_INFO, "i%d", 3);
    pawl_log(PAWL_LOG_DEBUG, "d%d", 4);
    assert_string_equal(logged(), "pawl: error: e1\npawl: warning: w2\npawl: i3\n");
}

static void nowhere_is_a_place_too(void **state)
{
    (void)state;
    pawl_log_set(-1, PAWL_LOG_DEBUG);
    assert_false(pawl_log_enabled(PAWL_LOG_ERROR));
    pawl_log(PAWL_LOG_ERROR, "x");
    assert_string_equal(logged(), "");
}

static void control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    pawl_log_set(file, PAWL_LOG_WARN);
    pawl_log(PAWL_LOG_WARN, "%s", "a\npawl: b\x1b[2J\x7f\t\xc3\xa9");
    assert_string_equal(logged(), "pawl: warning: a?pawl: b?[2J??\xc3\xa9\n");
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    (void)state;
    pawl_log_set(file, PAWL_LOG_WARN);
    pawl_log(PAWL_LOG_WARN, "%05000d", 7);
    const char *text = logged();
    size_t bytes = strlen(text);
    assert_in_range(bytes, 100, 1024);
    assert_string_equal(text + bytes - 5, "0...\n");
}

static void errno_survives(void **state)
{
    (void)state;
    pawl_log_set(file, PAWL_LOG_WARN);
    errno = EXDEV;
    pawl_log(PAWL_LOG_WARN, "x");
    assert_int_equal(errno, EXDEV);
    pawl_log_set(1000000, PAWL_LOG_WARN); /* no such descriptor: dropped */
    pawl_log(PAWL_LOG_WARN, "y");
    assert_int_equal(errno, EXDEV);
    assert_string_equal(logged(), "pawl: warning: x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_levels_asked_for_are_written, open_file,
                                        close_file),
        cmocka_unit_test_setup_teardown(nowhere_is_a_place_too, open_file, close_file),
        cmocka_unit_test_setup_teardown(control_characters_cannot_forge_a_line, open_file,
                                        close_file),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_says_so, open_file, close_file),
        cmocka_unit_test_setup_teardown(errno_survives, open_file, close_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
