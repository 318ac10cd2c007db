/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_prng.c: the same seed draws the same numbers for ever (seeds are kept in bug reports
 * and seed lists), ranges are exact, and the kernel's bytes are not constant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/prng.h"
#include "death.h"

static void the_generator_is_xoshiro256_starstar(void **state)
{
    (void)state;
    /* By hand from the definition, state 1 2 3 4: rotl(s1 * 5, 7) * 9 = 1280 * 9, and so on. */
    static const uint64_t expected[] = {UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240),
                                        UINT64_C(1215971899390074240)};
    struct pawl_prng prng = {.s = {1, 2, 3, 4}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(expected); i++) {
        assert_true(pawl_prng_next(&prng) == expected[i]);
    }
}

static void a_seed_is_expanded_by_splitmix64(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 1234567);
    assert_true(prng.s[0] == UINT64_C(6457827717110365317));
    assert_true(prng.s[1] == UINT64_C(3203168211198807973));
    assert_true(prng.s[2] == UINT64_C(9817491932198370423));
    assert_true(prng.s[3] == UINT64_C(4593380528125082431));
}

static void the_same_seed_draws_the_same_and_another_does_not(void **state)
{
    (void)state;
    struct pawl_prng a;
    struct pawl_prng b;
    struct pawl_prng c;
    pawl_prng_seed(&a, 0);
    pawl_prng_seed(&b, 0);
    pawl_prng_seed(&c, 1);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = pawl_prng_next(&a);
        assert_true(drawn == pawl_prng_next(&b));
        same += drawn == pawl_prng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void below_reaches_every_value_and_no_other(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 5);
    unsigned hits[6] = {0};
    for (int i = 0; i < 60000; i++) {
        uint64_t drawn = pawl_prng_below(&prng, 6);
        assert_true(drawn < 6);
        hits[drawn]++;
    }
    for (int i = 0; i < 6; i++) {
        assert_in_range(hits[i], 9000, 11000);
    }
    assert_true(pawl_prng_below(&prng, 1) == 0);
    /* Half of all numbers lie below the bias here; without rejection the low third would be
     * drawn twice as often. */
    uint64_t bound = UINT64_MAX / 3 * 2;
    unsigned low = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t drawn = pawl_prng_below(&prng, bound);
        assert_true(drawn < bound);
        low += drawn < bound / 2;
    }
    assert_in_range(low, 14000, 16000);
}

static void between_includes_both_ends_of_any_range(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 6);
    bool seen[3] = {false};
    for (int i = 0; i < 1000; i++) {
        int64_t drawn = pawl_prng_between(&prng, -1, 1);
        assert_true(drawn >= -1 && drawn <= 1);
        seen[drawn + 1] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_true(pawl_prng_between(&prng, INT64_MIN, INT64_MIN) == INT64_MIN);
    unsigned negative = 0;
    for (int i = 0; i < 1000; i++) {
        negative += pawl_prng_between(&prng, INT64_MIN, INT64_MAX) < 0;
    }
    assert_in_range(negative, 400, 600);
}

static void one_in_n_is_one_in_n(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 7);
    unsigned hits = 0;
    for (int i = 0; i < 100000; i++) {
        hits += pawl_prng_one_in(&prng, 10);
    }
    assert_in_range(hits, 9500, 10500);
    assert_true(pawl_prng_one_in(&prng, 1));
}

static void draw_from_nothing(void)
{
    struct pawl_prng prng = {.s = {1, 2, 3, 4}};
    (void)pawl_prng_below(&prng, 0);
}

static void draw_from_an_upside_down_range(void)
{
    struct pawl_prng prng = {.s = {1, 2, 3, 4}};
    (void)pawl_prng_between(&prng, 1, 0);
}

static void empty_ranges_abort(void **state)
{
    (void)state;
    assert_true(death_of(draw_from_nothing).aborted);
    assert_true(death_of(draw_from_an_upside_down_range).aborted);
}

static void the_kernel_fills_the_whole_buffer(void **state)
{
    (void)state;
    static unsigned char a[100000];
    static unsigned char b[100000];
    pawl_random_bytes(a, sizeof(a));
    pawl_random_bytes(b, sizeof(b));
    /* 32 bytes that agree, or that stayed zero, happen once in 2^256 draws. */
    for (size_t at = 0; at + 32 <= sizeof(a); at += 32) {
        static const unsigned char zero[32];
        assert_memory_not_equal(a + at, zero, 32);
        assert_memory_not_equal(a + at, b + at, 32);
    }
    unsigned char guard[3] = {1, 2, 3};
    pawl_random_bytes(guard + 1, 0);
    assert_int_equal(guard[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256_starstar),
        cmocka_unit_test(a_seed_is_expanded_by_splitmix64),
        cmocka_unit_test(the_same_seed_draws_the_same_and_another_does_not),
        cmocka_unit_test(below_reaches_every_value_and_no_other),
        cmocka_unit_test(between_includes_both_ends_of_any_range),
        cmocka_unit_test(one_in_n_is_one_in_n),
        cmocka_unit_test(empty_ranges_abort),
        cmocka_unit_test(the_kernel_fills_the_whole_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
