/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_visible.c: the text of a stream, counted in pieces. However it comes and whenever somebody
 * asks, the count is that of the whole text, but for a few tokens where it had to be cut.
 */
#include "gateway/visible.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "gateway/tokenizer.h"
#include "seed.h"

static const char prose[] =
    "The test fails, so I look at the code again:\n\n    if (left < need) { return false; }\n\n"
    "That is wrong where `left` is 0, as \"grow\" leaves it. Größe, 東京, naïve; 12345 of 67,890. ";

static void pieces_of_any_size_count_as_the_whole(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("build/werror/bin/test_visible"));
    size_t whole = pawl_tokenizer_count(pawl_slice_str(prose));
    for (int round = 0; round < 200; round++) {
        struct pawl_visible visible;
        pawl_visible_init(&visible);
        for (size_t at = 0; at < sizeof(prose) - 1;) {
            size_t bytes = 1 + pawl_prng_below(&prng, 24);
            struct pawl_slice piece = pawl_slice_sub(pawl_slice_str(prose), at, bytes);
            pawl_visible_add(&visible, piece);
            at += piece.bytes;
            if (pawl_prng_one_in(&prng, 3)) {
                (void)pawl_visible_count(&visible);
            }
        }
        assert_int_equal(visible.bytes, sizeof(prose) - 1);
        assert_int_equal(pawl_visible_count(&visible), whole);
        assert_int_equal(pawl_visible_count(&visible), whole);
        pawl_visible_free(&visible);
    }
}

/* Nobody asks, and it is far more than is kept. */
static void a_long_text_is_counted_as_it_comes(void **state)
{
    (void)state;
    struct pawl_visible visible;
    pawl_visible_init(&visible);
    size_t each = pawl_tokenizer_count(pawl_slice_str(prose));
    size_t times = 4 * PAWL_VISIBLE_BYTES_MAX / (sizeof(prose) - 1);
    for (size_t i = 0; i < times; i++) {
        pawl_visible_add(&visible, pawl_slice_str(prose));
        assert_true(visible.text.bytes <= PAWL_VISIBLE_BYTES_MAX);
    }
    int64_t count = pawl_visible_count(&visible);
    int64_t about = (int64_t)(times * each);
    assert_in_range(count, about - about / 50, about + about / 50);
    pawl_visible_free(&visible);
}

static void a_piece_larger_than_all_that_is_kept_is_counted(void **state)
{
    (void)state;
    size_t bytes = 3 * PAWL_VISIBLE_BYTES_MAX;
    char *text = malloc(bytes);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = " word"[i % 5];
    }
    struct pawl_visible visible;
    pawl_visible_init(&visible);
    pawl_visible_add(&visible, PAWL_SLICE("before"));
    pawl_visible_add(&visible, (struct pawl_slice){text, bytes});
    pawl_visible_add(&visible, PAWL_SLICE(" behind"));
    assert_in_range(pawl_visible_count(&visible), bytes / 5 + 2, bytes / 5 + 4);
    pawl_visible_free(&visible);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_count_as_the_whole),
        cmocka_unit_test(a_long_text_is_counted_as_it_comes),
        cmocka_unit_test(a_piece_larger_than_all_that_is_kept_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
