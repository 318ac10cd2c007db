/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tokenizer.c: o200k_base against somebody else's (tests/fixtures/tokens, which
 * tests/sdk/tokens/golden.mjs prints), and what holds for any text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "gateway/tokenizer.h"
#include "gateway/tokenizer_priv.h"
#include "seed.h"

enum { LINE_BYTES_MAX = 1 << 16, RANKS_MAX = 1 << 15, TEXT_BYTES_MAX = 1 << 15, DRAWS = 2000 };

static char line[LINE_BYTES_MAX];
static char text[LINE_BYTES_MAX];
static uint32_t ranks[RANKS_MAX];

static size_t decode_hex(const char *hex, char *out)
{
    size_t bytes = 0;
    unsigned value = 0;
    for (; sscanf(hex, "%2x", &value) == 1; hex += 2) {
        out[bytes++] = (char)value;
    }
    return bytes;
}

static void check_line(const char *tokens, struct pawl_slice of)
{
    size_t count = pawl_tokenizer_encode(of, ranks, RANKS_MAX);
    size_t index = 0;
    char *end = NULL;
    for (;; tokens = end, index++) {
        unsigned long wanted = strtoul(tokens, &end, 10);
        if (end == tokens) {
            break;
        }
        assert_true(index < count);
        assert_int_equal(ranks[index], wanted);
    }
    assert_int_equal(index, count);
    assert_int_equal(pawl_tokenizer_count(of), count);
}

static void every_token_is_that_of_another_implementation(void **state)
{
    (void)state;
    FILE *file = fopen(PAWL_FIXTURES "/tokens/o200k_base.txt", "rb");
    size_t lines = 0;
    assert_non_null(file);
    for (; fgets(line, sizeof(line), file) != NULL; lines++) {
        char *space = strchr(line, ' ');
        assert_non_null(space);
        *space = '\0';
        size_t bytes = decode_hex(line, text);
        check_line(space + 1, (struct pawl_slice){text, bytes});
    }
    assert_int_equal(fclose(file), 0);
    assert_true(lines >= 20);
}

static void the_empty_text_has_no_token(void **state)
{
    (void)state;
    assert_int_equal(pawl_tokenizer_count(PAWL_SLICE_NONE), 0);
}

static void every_byte_is_a_token_and_so_is_what_is_no_utf8(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte;
        assert_int_equal(pawl_tokenizer_count((struct pawl_slice){&one, 1}), 1);
    }
    /* A cut character, an overlong one, a surrogate. */
    assert_in_range(pawl_tokenizer_count(PAWL_SLICE("\xe4\xbd")), 1, 2);
    assert_in_range(pawl_tokenizer_count(PAWL_SLICE("\xc0\xaf")), 1, 2);
    assert_in_range(pawl_tokenizer_count(PAWL_SLICE("\xed\xa0\x80")), 1, 3);
}

/* The tokens' bytes, one behind the other. */
static size_t join(size_t count, char *out)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t place = pawl_token_places[ranks[i]];
        size_t of_token = place & ((1u << TOKEN_LENGTH_BITS) - 1);
        memcpy(out + bytes, (const char *)pawl_token_bytes + (place >> TOKEN_LENGTH_BITS),
               of_token);
        bytes += of_token;
    }
    return bytes;
}

static void tokens_joined_are_the_text(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",  "A", " ",  "\n", "\r", "1",    "'s",   "/",
                                        "中", "é", "\t", "=",  "ǅ",  "\xff", "\xe4", "🇩"};
    static char joined[LINE_BYTES_MAX];
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_tokenizer"));
    for (int draw = 0; draw < DRAWS; draw++) {
        size_t bytes = 0;
        for (uint64_t left = pawl_prng_below(&prng, 60); left > 0; left--) {
            const char *part = parts[pawl_prng_below(&prng, sizeof(parts) / sizeof(parts[0]))];
            uint64_t times = pawl_prng_below(&prng, 8) == 0 ? pawl_prng_below(&prng, 100) : 1;
            for (; times > 0; times--) {
                memcpy(text + bytes, part, strlen(part));
                bytes += strlen(part);
            }
        }
        struct pawl_slice of = {text, bytes};
        size_t count = pawl_tokenizer_encode(of, ranks, RANKS_MAX);
        assert_int_equal(join(count, joined), bytes);
        assert_memory_equal(joined, text, bytes);
        assert_true(pawl_tokenizer_count(of) >= count);
    }
}

/* Whoever counts a piece in parts must not be told fewer tokens than it has. */
static void a_piece_without_a_break_is_cut_and_not_counted_too_low(void **state)
{
    (void)state;
    static const struct {
        char letter;
        size_t bytes_per_token; /* of a long run, by the other implementation */
    } runs[] = {{'a', 8}, {'=', 64}, {' ', 128}, {'\n', 16}};
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        memset(text, runs[i].letter, TEXT_BYTES_MAX);
        size_t cuts = TEXT_BYTES_MAX / PAWL_TOKENIZER_PIECE_BYTES_MAX;
        size_t least = TEXT_BYTES_MAX / runs[i].bytes_per_token;
        size_t count = pawl_tokenizer_count((struct pawl_slice){text, TEXT_BYTES_MAX});
        assert_in_range(count, least, least + least / 8 + cuts * PAWL_TOKENIZER_CUT_TOKENS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_is_that_of_another_implementation),
        cmocka_unit_test(the_empty_text_has_no_token),
        cmocka_unit_test(every_byte_is_a_token_and_so_is_what_is_no_utf8),
        cmocka_unit_test(tokens_joined_are_the_text),
        cmocka_unit_test(a_piece_without_a_break_is_cut_and_not_counted_too_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
