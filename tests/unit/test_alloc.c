/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c: the hook fails the allocations it was told to fail, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"

/* Ten allocations; bit i is set when the i-th failed. */
static unsigned failed_of_ten(void)
{
    unsigned failed = 0;
    for (unsigned i = 0; i < 10; i++) {
        void *memory = pawl_alloc(1);
        failed |= (memory == NULL ? 1U : 0U) << i;
        pawl_free(memory);
    }
    return failed;
}

static void the_nth_allocation_fails_as_many_times_as_asked(void **state)
{
    (void)state;
    pawl_alloc_fail_at(3, 1);
    assert_int_equal(failed_of_ten(), 1U << 2);
    assert_int_equal(pawl_alloc_failures(), 1);
    assert_int_equal(pawl_alloc_calls(), 10);
    pawl_alloc_fail_at(1, 2);
    assert_int_equal(failed_of_ten(), 3);
    pawl_alloc_fail_at(9, UINT64_MAX);
    assert_int_equal(failed_of_ten(), 3U << 8);
    pawl_alloc_fail_at(11, 1);
    assert_int_equal(failed_of_ten(), 0);
    assert_int_equal(pawl_alloc_failures(), 0);
    pawl_alloc_fail_at(0, 0);
    assert_int_equal(failed_of_ten(), 0);
    assert_int_equal(pawl_alloc_calls(), 0);
}

static void all_kinds_of_allocation_count(void **state)
{
    (void)state;
    pawl_alloc_fail_at(4, 3);
    void *first = pawl_alloc(1);
    void *second = pawl_alloc_zeroed(2, 3);
    second = pawl_realloc(second, 100);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(pawl_alloc(1));
    assert_null(pawl_alloc_zeroed(1, 1));
    assert_null(pawl_realloc(second, 200));
    second = pawl_realloc(second, 200); /* the failure left it alone */
    assert_non_null(second);
    pawl_alloc_fail_at(0, 0);
    pawl_free(first);
    pawl_free(second);
    pawl_free(NULL);
}

static void zeroed_memory_is_zero_and_sizes_do_not_overflow(void **state)
{
    (void)state;
    unsigned char *memory = pawl_alloc_zeroed(100, 10);
    assert_non_null(memory);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(memory[i], 0);
    }
    pawl_free(memory);
    assert_null(pawl_alloc_zeroed(SIZE_MAX / 2, 3));
}

static void nothing_asked_is_still_a_pointer(void **state)
{
    (void)state;
    void *memory[] = {pawl_alloc(0), pawl_alloc_zeroed(0, 8), pawl_realloc(NULL, 0)};
    for (int i = 0; i < 3; i++) {
        assert_non_null(memory[i]);
        pawl_free(memory[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails_as_many_times_as_asked),
        cmocka_unit_test(all_kinds_of_allocation_count),
        cmocka_unit_test(zeroed_memory_is_zero_and_sizes_do_not_overflow),
        cmocka_unit_test(nothing_asked_is_still_a_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
