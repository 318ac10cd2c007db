/* SPDX-License-Identifier: Apache-2.0 */
/* test_arena.c: memory of one request: aligned, zero, bounded, and gone at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/prng.h"
#include "seed.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

static bool all_zero(const unsigned char *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (memory[i] != 0) {
            return false;
        }
    }
    return true;
}

static void allocations_are_aligned_zero_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static unsigned char *memory[COUNT];
    static size_t bytes[COUNT];
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_arena"));
    struct pawl_arena arena;
    pawl_arena_init(&arena, (size_t)1 << 26);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            bytes[i] = (size_t)pawl_prng_below(&prng, pawl_prng_one_in(&prng, 20) ? 50000 : 100);
            memory[i] = pawl_arena_alloc(&arena, bytes[i]);
            assert_non_null(memory[i]);
            assert_int_equal((uintptr_t)memory[i] % 16, 0);
            assert_true(all_zero(memory[i], bytes[i]));
            memset(memory[i], (int)(i % 255) + 1, bytes[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t at = 0; at < bytes[i]; at++) {
                assert_int_equal(memory[i][at], i % 255 + 1);
            }
        }
        pawl_arena_reset(&arena);
    }
    pawl_arena_free(&arena);
}

static void the_maximum_is_exact_and_the_flag_sticks(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 64);
    assert_non_null(pawl_arena_alloc(&arena, 33)); /* takes 48 */
    assert_non_null(pawl_arena_alloc(&arena, 16));
    assert_int_equal(arena.used_bytes, 64);
    assert_null(pawl_arena_alloc(&arena, 1));
    assert_true(arena.overflowed);
    pawl_arena_reset(&arena);
    assert_false(arena.overflowed);
    assert_null(pawl_arena_alloc(&arena, 65));
    assert_null(pawl_arena_alloc(&arena, 1)); /* would fit, but the reply has a hole by now */
    pawl_arena_reset(&arena);
    assert_null(pawl_arena_alloc(&arena, SIZE_MAX));
    pawl_arena_reset(&arena);
    assert_non_null(pawl_arena_alloc(&arena, 64));
    pawl_arena_free(&arena);
    pawl_arena_init(&arena, 0);
    assert_null(pawl_arena_alloc(&arena, 1));
    pawl_arena_free(&arena);
}

static void reset_keeps_one_block_for_the_next_request(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 100; i++) {
        assert_non_null(pawl_arena_alloc(&arena, 1000));
    }
    pawl_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    pawl_alloc_fail_at(1, UINT64_MAX);
    assert_non_null(pawl_arena_alloc(&arena, 1000));
    assert_int_equal(pawl_alloc_calls(), 0);
    pawl_alloc_fail_at(0, 0);
    pawl_arena_free(&arena);
}

static void a_large_allocation_does_not_waste_the_current_block(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 20);
    char *first = pawl_arena_alloc(&arena, 16);
    assert_non_null(pawl_arena_alloc(&arena, 100000));
    char *second = pawl_arena_alloc(&arena, 16);
    assert_ptr_equal(second, first + 16);
    pawl_arena_free(&arena);
}

static void copies_and_formats_end_in_a_nul(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 4096);
    struct pawl_slice copy = pawl_arena_copy(&arena, PAWL_SLICE("a\0b"));
    assert_int_equal(copy.bytes, 3);
    assert_memory_equal(copy.data, "a\0b", 4);
    copy = pawl_arena_copy(&arena, PAWL_SLICE_NONE);
    assert_int_equal(copy.bytes, 0);
    assert_string_equal(copy.data, "");
    struct pawl_slice text = pawl_arena_printf(&arena, "%s-%d", "run", 7);
    assert_int_equal(text.bytes, 5);
    assert_string_equal(text.data, "run-7");
    assert_false(arena.overflowed);
    text = pawl_arena_printf(&arena, "%5000d", 1);
    assert_int_equal(text.bytes, 0);
    assert_true(arena.overflowed);
    copy = pawl_arena_copy(&arena, PAWL_SLICE("x"));
    assert_int_equal(copy.bytes, 0);
    pawl_arena_free(&arena);
}

static void growing_by_doubling_moves_no_more_memory_than_it_needs(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 20);
    size_t bytes = 16;
    uint32_t *numbers = pawl_arena_alloc(&arena, bytes);
    uint32_t count = 0;
    while (bytes < 1 << 19) {
        for (; count < bytes / sizeof(*numbers); count++) {
            assert_int_equal(numbers[count], 0);
            numbers[count] = count;
        }
        numbers = pawl_arena_resize(&arena, numbers, bytes, bytes * 2);
        assert_non_null(numbers);
        bytes *= 2;
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(numbers[i], i);
    }
    assert_int_equal(arena.used_bytes, bytes); /* no earlier self is left behind */
    numbers = pawl_arena_resize(&arena, numbers, bytes, 64);
    assert_int_equal(arena.used_bytes, 64);
    assert_int_equal(numbers[15], 15);
    pawl_arena_free(&arena);
}

static void an_older_allocation_is_copied_when_it_grows(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 4096);
    char *first = pawl_arena_alloc(&arena, 5);
    memcpy(first, "first", 5);
    char *second = pawl_arena_alloc(&arena, 6);
    memcpy(second, "second", 6);
    assert_ptr_equal(pawl_arena_resize(&arena, first, 5, 9), first);
    assert_memory_equal(first, "first\0\0\0\0", 9);
    char *grown = pawl_arena_resize(&arena, first, 9, 40);
    assert_ptr_not_equal(grown, first);
    assert_memory_equal(grown, "first\0\0\0\0", 9);
    assert_memory_equal(second, "second", 6);
    assert_ptr_equal(pawl_arena_resize(&arena, second, 6, 2), second);
    assert_null(pawl_arena_resize(&arena, grown, 40, 5000));
    assert_true(arena.overflowed);
    assert_memory_equal(grown, "first", 5);
    pawl_arena_free(&arena);
}

static void every_failed_allocation_is_seen(void **state)
{
    (void)state;
    uint64_t swept = 0;
    for (uint64_t nth = 1;; nth++) {
        struct pawl_arena arena;
        pawl_arena_init(&arena, 1 << 20);
        pawl_alloc_fail_at(nth, 1);
        bool failed = false;
        for (int i = 0; i < 50; i++) {
            failed = pawl_arena_alloc(&arena, 3000) == NULL || failed;
        }
        void *array = pawl_arena_alloc(&arena, 10000);
        failed = array == NULL || pawl_arena_resize(&arena, array, 10000, 90000) == NULL || failed;
        uint64_t failures = pawl_alloc_failures();
        pawl_alloc_fail_at(0, 0);
        assert_true(failed == arena.overflowed);
        pawl_arena_free(&arena);
        if (failures == 0) {
            assert_false(failed);
            break;
        }
        assert_true(failed);
        swept++;
    }
    assert_true(swept >= 5);
}

static void what_was_reserved_is_there(void **state)
{
    (void)state;
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 20);
    assert_non_null(pawl_arena_alloc(&arena, 4000));
    for (size_t bytes = 1; bytes <= 1 << 18; bytes *= 2) {
        assert_true(pawl_arena_reserve(&arena, bytes));
        pawl_alloc_fail_at(1, UINT64_MAX);
        size_t end = arena.used_bytes + bytes;
        while (arena.used_bytes + 16 <= end) {
            assert_non_null(pawl_arena_alloc(&arena, arena.used_bytes + 48 <= end ? 33 : 16));
        }
        pawl_alloc_fail_at(0, 0);
    }
    assert_false(pawl_arena_reserve(&arena, 1 << 20));
    assert_true(arena.overflowed);
    assert_false(pawl_arena_reserve(&arena, 1));
    pawl_arena_reset(&arena);
    assert_true(pawl_arena_reserve(&arena, 1 << 20));
    assert_false(pawl_arena_reserve(&arena, SIZE_MAX));
    pawl_arena_free(&arena);
}

static void freed_space_is_poisoned_under_asan(void **state)
{
    (void)state;
#ifdef HAS_ASAN
    struct pawl_arena arena;
    pawl_arena_init(&arena, 4096);
    char *memory = pawl_arena_alloc(&arena, 24);
    assert_false(__asan_address_is_poisoned(memory));
    assert_false(__asan_address_is_poisoned(memory + 23));
    assert_true(__asan_address_is_poisoned(memory + 24));
    assert_true(__asan_address_is_poisoned(memory + 32));
    memory = pawl_arena_resize(&arena, memory, 24, 8);
    assert_true(__asan_address_is_poisoned(memory + 8));
    memory = pawl_arena_resize(&arena, memory, 8, 16);
    assert_false(__asan_address_is_poisoned(memory + 15));
    pawl_arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(memory));
    pawl_arena_free(&arena);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_zero_and_apart),
        cmocka_unit_test(the_maximum_is_exact_and_the_flag_sticks),
        cmocka_unit_test(reset_keeps_one_block_for_the_next_request),
        cmocka_unit_test(a_large_allocation_does_not_waste_the_current_block),
        cmocka_unit_test(copies_and_formats_end_in_a_nul),
        cmocka_unit_test(growing_by_doubling_moves_no_more_memory_than_it_needs),
        cmocka_unit_test(an_older_allocation_is_copied_when_it_grows),
        cmocka_unit_test(every_failed_allocation_is_seen),
        cmocka_unit_test(what_was_reserved_is_there),
        cmocka_unit_test(freed_space_is_poisoned_under_asan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
