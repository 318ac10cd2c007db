/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_fingerprint.c: numbers that stay what they are on every machine, and that texts which are
 * nearly the same do not share.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/fingerprint.h"
#include "base/prng.h"
#include "seed.h"

enum { LENGTH_MAX = 200, BITS = 64, ROUNDS = 2000 };

/* The digits of the square roots of 2, 3, 5 and 7. */
static const struct pawl_fingerprint_key key = {
    {UINT64_C(0x6a09e667f3bcc909), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
     UINT64_C(0xa54ff53a5f1d36f1)}};

static void fill(struct pawl_prng *prng, char *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (char)pawl_prng_next(prng);
    }
}

static uint64_t of(const char *data, size_t bytes)
{
    return pawl_fingerprint(&key, 0, pawl_slice_of(data, bytes));
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void assert_all_differ(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(values[0]), compare);
    for (size_t i = 1; i < count; i++) {
        assert_true(values[i] != values[i - 1]);
    }
}

/* Written down once: other bytes on another machine would be another number. */
static void it_is_the_same_everywhere(void **state)
{
    (void)state;
    char text[64];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('A' + i);
    }
    assert_true(pawl_fingerprint(&key, 0, PAWL_SLICE_NONE) ==
                pawl_fingerprint(&key, 0, PAWL_SLICE("")));
    assert_true(of(text, 0) == UINT64_C(0xcd5cde83acda7cbe));
    assert_true(of(text, 1) == UINT64_C(0x6cc0c62700e70cf3));
    assert_true(of(text, 64) == UINT64_C(0xc4458b1083e2c83d));
    uint64_t seeded = pawl_fingerprint(&key, 7, pawl_slice_of(text, 64));
    assert_true(seeded == UINT64_C(0x0952fc43c487e4e1));
}

static void every_length_of_noughts_has_its_own(void **state)
{
    (void)state;
    char noughts[LENGTH_MAX] = {0};
    uint64_t values[LENGTH_MAX + 1];
    for (size_t bytes = 0; bytes <= LENGTH_MAX; bytes++) {
        values[bytes] = of(noughts, bytes);
    }
    assert_all_differ(values, PAWL_ARRAY_LEN(values));
}

/* Each bit, wherever it stands, changes about half of the bits that come out. */
static void one_bit_changes_half_of_them(void **state)
{
    struct pawl_prng *prng = *state;
    char data[LENGTH_MAX];
    for (size_t bytes = 1; bytes <= LENGTH_MAX; bytes++) {
        unsigned changed = 0;
        fill(prng, data, bytes);
        uint64_t before = of(data, bytes);
        for (size_t bit = 0; bit < bytes * 8; bit++) {
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
            uint64_t after = of(data, bytes);
            data[bit / 8] = (char)(data[bit / 8] ^ 1 << bit % 8);
            assert_true(before != after);
            changed += (unsigned)__builtin_popcountll(before ^ after);
        }
        unsigned per_mille = changed * 1000 / (unsigned)(bytes * 8 * BITS);
        assert_in_range(per_mille, bytes < 8 ? 400 : 450, bytes < 8 ? 600 : 550);
    }
}

/* Two parts that change places, or a byte that moves from one to the other. */
static void places_count(void **state)
{
    struct pawl_prng *prng = *state;
    char data[LENGTH_MAX];
    char moved[LENGTH_MAX];
    for (int round = 0; round < ROUNDS; round++) {
        size_t a = (size_t)pawl_prng_below(prng, LENGTH_MAX);
        size_t b = (size_t)pawl_prng_below(prng, LENGTH_MAX);
        fill(prng, data, sizeof(data));
        memcpy(moved, data, sizeof(moved));
        moved[a] = data[b];
        moved[b] = data[a];
        assert_true((of(data, sizeof(data)) == of(moved, sizeof(moved))) == (data[a] == data[b]));
    }
}

static void seeds_and_small_numbers_share_nothing(void **state)
{
    (void)state;
    uint64_t values[ROUNDS];
    for (uint64_t i = 0; i < ROUNDS / 2; i++) {
        values[i] = of((const char *)&i, sizeof(i));
        values[ROUNDS / 2 + i] =
            pawl_fingerprint(&key, i + 1, PAWL_SLICE("the same text, every time"));
    }
    assert_all_differ(values, PAWL_ARRAY_LEN(values));
}

int main(void)
{
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_fingerprint"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_same_everywhere),
        cmocka_unit_test(every_length_of_noughts_has_its_own),
        cmocka_unit_test_prestate(one_bit_changes_half_of_them, &prng),
        cmocka_unit_test_prestate(places_count, &prng),
        cmocka_unit_test(seeds_and_small_numbers_share_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
