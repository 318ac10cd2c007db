/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_assert.c: a failed assertion ends the process and says where, in every build type.
 * NDEBUG is what release builds of other projects set; here it must make no difference.
 */
#define NDEBUG 1
#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "death.h"

static int one = 1;

static void fail_plainly(void)
{
    PAWL_ASSERT(one == 2);
}

static void hook(void)
{
    static const char text[] = "last operation 42\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)written;
}

static void fail_with_hook(void)
{
    pawl_assert_set_hook(hook);
    PAWL_ASSERT(one == 2);
}

static void failing_hook(void)
{
    PAWL_ASSERT(one == 3);
}

static void fail_in_the_hook(void)
{
    pawl_assert_set_hook(failing_hook);
    PAWL_ASSERT(one == 2);
}

static void reach_the_unreachable(void)
{
    PAWL_UNREACHABLE();
}

static void hold(void)
{
    PAWL_ASSERT(one == 1);
    PAWL_SLOW_ASSERT(one == 1);
}

static void fail_slowly(void)
{
    PAWL_SLOW_ASSERT(one == 2);
}

static void a_failed_assertion_aborts_with_its_place_and_text(void **state)
{
    (void)state;
    struct death death = death_of(fail_plainly);
    assert_true(death.aborted);
    assert_non_null(strstr(death.text, "pawl: bug: "));
    assert_non_null(strstr(death.text, "test_assert.c:"));
    assert_non_null(strstr(death.text, "fail_plainly"));
    assert_non_null(strstr(death.text, "one == 2"));
}

static void the_hook_adds_its_context_before_the_abort(void **state)
{
    (void)state;
    struct death death = death_of(fail_with_hook);
    assert_true(death.aborted);
    assert_non_null(strstr(death.text, "one == 2"));
    assert_non_null(strstr(death.text, "last operation 42\n"));
}

static void an_assertion_inside_the_hook_does_not_loop(void **state)
{
    (void)state;
    struct death death = death_of(fail_in_the_hook);
    assert_true(death.aborted);
    assert_non_null(strstr(death.text, "one == 3"));
}

static void the_unreachable_aborts(void **state)
{
    (void)state;
    struct death death = death_of(reach_the_unreachable);
    assert_true(death.aborted);
    assert_non_null(strstr(death.text, "unreachable"));
}

static void what_holds_passes(void **state)
{
    (void)state;
    struct death death = death_of(hold);
    assert_false(death.aborted);
    assert_string_equal(death.text, "");
}

static void slow_assertions_are_checked_only_where_they_are_on(void **state)
{
    (void)state;
#ifdef PAWL_SLOW_ASSERTS
    assert_true(death_of(fail_slowly).aborted);
#else
    assert_false(death_of(fail_slowly).aborted);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_assertion_aborts_with_its_place_and_text),
        cmocka_unit_test(the_hook_adds_its_context_before_the_abort),
        cmocka_unit_test(an_assertion_inside_the_hook_does_not_loop),
        cmocka_unit_test(the_unreachable_aborts),
        cmocka_unit_test(what_holds_passes),
        cmocka_unit_test(slow_assertions_are_checked_only_where_they_are_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
