/* SPDX-License-Identifier: Apache-2.0 */
/* test_slice.c: borrowed bytes are compared, cut and searched without reading past them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static void assert_slice(struct pawl_slice got, const char *expected)
{
    if (!pawl_slice_equal_str(got, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.bytes, got.data != NULL ? got.data : "",
                 expected);
    }
}

static void equality_needs_the_same_bytes_and_length(void **state)
{
    (void)state;
    assert_true(pawl_slice_equal(PAWL_SLICE("abc"), PAWL_SLICE("abc")));
    assert_false(pawl_slice_equal(PAWL_SLICE("abc"), PAWL_SLICE("abd")));
    assert_false(pawl_slice_equal(PAWL_SLICE("abc"), PAWL_SLICE("ab")));
    assert_true(pawl_slice_equal(PAWL_SLICE("a\0b"), pawl_slice_of("a\0b", 3)));
    assert_false(pawl_slice_equal(PAWL_SLICE("a\0b"), PAWL_SLICE("a\0c")));
    assert_true(pawl_slice_equal(PAWL_SLICE_NONE, PAWL_SLICE("")));
    assert_true(pawl_slice_equal_str(PAWL_SLICE_NONE, NULL));
    assert_true(pawl_slice_equal_str(PAWL_SLICE("x"), "x"));
    assert_false(pawl_slice_equal_str(PAWL_SLICE("x"), "xy"));
}

static void nocase_folds_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(
        pawl_slice_equal_nocase(PAWL_SLICE("Content-Length"), PAWL_SLICE("cONTENT-lENGTH")));
    assert_false(pawl_slice_equal_nocase(PAWL_SLICE("ab"), PAWL_SLICE("abc")));
    /* Neighbours of the letters, and a byte beyond ASCII that differs in the same bit. */
    assert_false(pawl_slice_equal_nocase(PAWL_SLICE("@"), PAWL_SLICE("`")));
    assert_false(pawl_slice_equal_nocase(PAWL_SLICE("["), PAWL_SLICE("{")));
    assert_false(pawl_slice_equal_nocase(PAWL_SLICE("\xc4"), PAWL_SLICE("\xe4")));
}

/* By words, of which the last overlaps the one before: a difference counts wherever it is. */
static void nocase_sees_every_byte_at_every_length(void **state)
{
    (void)state;
    char small[40];
    char other[40];
    for (size_t bytes = 1; bytes <= sizeof(small); bytes++) {
        for (int byte = 0; byte < 256; byte++) {
            size_t at = (size_t)byte % bytes;
            bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
            memset(small, 'q', sizeof(small));
            memset(other, 'Q', sizeof(other));
            small[at] = (char)byte;
            other[at] = (char)(byte ^ 0x20);
            assert_int_equal(
                pawl_slice_equal_nocase(pawl_slice_of(small, bytes), pawl_slice_of(other, bytes)),
                letter);
        }
    }
}

static void control_characters_are_found_at_every_place(void **state)
{
    (void)state;
    char text[50];
    for (size_t bytes = 0; bytes <= sizeof(text); bytes++) {
        memset(text, '~', sizeof(text));
        assert_true(pawl_slice_find_control(pawl_slice_of(text, bytes)) == SIZE_MAX);
        for (size_t at = 0; at < bytes; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                size_t found = pawl_slice_find_control(pawl_slice_of(text, bytes));
                assert_true(found == (byte < ' ' || byte == 0x7f ? at : SIZE_MAX));
            }
            text[at] = ' ';
        }
    }
    assert_int_equal(pawl_slice_find_control(PAWL_SLICE("one\ttwo\r")), 3);
    assert_true(pawl_slice_find_control(PAWL_SLICE_NONE) == SIZE_MAX);
}

static void prefixes_and_suffixes_may_be_empty_or_everything(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("rsv_123");
    assert_true(pawl_slice_starts_with(text, PAWL_SLICE("rsv_")));
    assert_true(pawl_slice_starts_with(text, text));
    assert_true(pawl_slice_starts_with(text, PAWL_SLICE_NONE));
    assert_false(pawl_slice_starts_with(text, PAWL_SLICE("rsv_1234")));
    assert_false(pawl_slice_starts_with(text, PAWL_SLICE("run_")));
    assert_true(pawl_slice_ends_with(text, PAWL_SLICE("123")));
    assert_true(pawl_slice_ends_with(text, PAWL_SLICE("")));
    assert_false(pawl_slice_ends_with(text, PAWL_SLICE("124")));
    assert_false(pawl_slice_ends_with(PAWL_SLICE("3"), PAWL_SLICE("123")));
}

static void order_is_by_unsigned_bytes_and_then_length(void **state)
{
    (void)state;
    assert_int_equal(pawl_slice_compare(PAWL_SLICE("a"), PAWL_SLICE("b")), -1);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE("b"), PAWL_SLICE("a")), 1);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE("ab"), PAWL_SLICE("abc")), -1);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE("abc"), PAWL_SLICE("ab")), 1);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE("\xff"), PAWL_SLICE("a")), 1);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE_NONE, PAWL_SLICE("")), 0);
    assert_int_equal(pawl_slice_compare(PAWL_SLICE_NONE, PAWL_SLICE("a")), -1);
}

static void find_gives_the_first_hit_or_size_max(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("aaab aab");
    assert_int_equal(pawl_slice_find(text, PAWL_SLICE("aab")), 1);
    assert_int_equal(pawl_slice_find(text, PAWL_SLICE("aab ")), 1);
    assert_int_equal(pawl_slice_find(text, PAWL_SLICE(" aab")), 4);
    assert_int_equal(pawl_slice_find(text, text), 0);
    assert_int_equal(pawl_slice_find(text, PAWL_SLICE_NONE), 0);
    assert_int_equal(pawl_slice_find(text, PAWL_SLICE("aabb")), SIZE_MAX);
    assert_int_equal(pawl_slice_find(PAWL_SLICE("aa"), PAWL_SLICE("aaa")), SIZE_MAX);
    assert_int_equal(pawl_slice_find(PAWL_SLICE_NONE, PAWL_SLICE("a")), SIZE_MAX);
    /* A first byte at the very end must not be followed past it. */
    assert_int_equal(pawl_slice_find(PAWL_SLICE("xxa"), PAWL_SLICE("ab")), SIZE_MAX);
    assert_int_equal(pawl_slice_find_byte(text, ' '), 4);
    assert_int_equal(pawl_slice_find_byte(text, '\0'), SIZE_MAX);
    assert_int_equal(pawl_slice_find_byte(PAWL_SLICE("a\xff"), '\xff'), 1);
    assert_int_equal(pawl_slice_find_byte(PAWL_SLICE_NONE, 'a'), SIZE_MAX);
}

static void sub_is_clamped_to_what_is_there(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("hello");
    assert_slice(pawl_slice_sub(text, 1, 3), "ell");
    assert_slice(pawl_slice_sub(text, 3, SIZE_MAX), "lo");
    assert_slice(pawl_slice_sub(text, 5, 1), "");
    assert_slice(pawl_slice_sub(text, SIZE_MAX, SIZE_MAX), "");
    assert_slice(pawl_slice_sub(PAWL_SLICE_NONE, 1, 1), "");
}

static void trim_takes_blanks_from_both_ends_only(void **state)
{
    (void)state;
    assert_slice(pawl_slice_trim(PAWL_SLICE(" \t a b\t ")), "a b");
    assert_slice(pawl_slice_trim(PAWL_SLICE(" \t ")), "");
    assert_slice(pawl_slice_trim(PAWL_SLICE("\na\r")), "\na\r");
    assert_slice(pawl_slice_trim(PAWL_SLICE_NONE), "");
}

static void cut_walks_a_list(void **state)
{
    (void)state;
    struct pawl_slice rest = PAWL_SLICE("a,,bc,");
    assert_slice(pawl_slice_cut(&rest, ','), "a");
    assert_slice(pawl_slice_cut(&rest, ','), "");
    assert_slice(pawl_slice_cut(&rest, ','), "bc");
    assert_slice(rest, "");
    rest = PAWL_SLICE("whole");
    assert_slice(pawl_slice_cut(&rest, ','), "whole");
    assert_true(pawl_slice_empty(rest));
    assert_slice(pawl_slice_cut(&rest, ','), "");
}

static void cut_last_walks_a_path_up(void **state)
{
    (void)state;
    struct pawl_slice rest = PAWL_SLICE("/a/bc/");
    assert_slice(pawl_slice_cut_last(&rest, '/'), "");
    assert_slice(pawl_slice_cut_last(&rest, '/'), "bc");
    assert_slice(pawl_slice_cut_last(&rest, '/'), "a");
    assert_slice(rest, "");
    rest = PAWL_SLICE("whole");
    assert_slice(pawl_slice_cut_last(&rest, '/'), "whole");
    assert_true(pawl_slice_empty(rest));
    assert_slice(pawl_slice_cut_last(&rest, '/'), "");
}

static void copy_str_terminates_and_tells_when_it_cut(void **state)
{
    (void)state;
    char out[4] = "zzz";
    assert_true(pawl_slice_copy_str(PAWL_SLICE("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(pawl_slice_copy_str(PAWL_SLICE("abcd"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_true(pawl_slice_copy_str(PAWL_SLICE_NONE, out, sizeof(out)));
    assert_string_equal(out, "");
    assert_false(pawl_slice_copy_str(PAWL_SLICE_NONE, out, 0));
}

static void to_u64_takes_digits_only_and_refuses_overflow(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1a",
                                        "0x1",
                                        "18446744073709551616",
                                        "99999999999999999999999",
                                        "1.0"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(pawl_slice_to_u64(pawl_slice_str(wrong[i]), &value));
        assert_int_equal(value, 7);
    }
    assert_true(pawl_slice_to_u64(PAWL_SLICE("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(pawl_slice_to_u64(PAWL_SLICE("0007"), &value));
    assert_int_equal(value, 7);
    assert_true(pawl_slice_to_u64(PAWL_SLICE("0"), &value));
    assert_int_equal(value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_needs_the_same_bytes_and_length),
        cmocka_unit_test(nocase_folds_ascii_letters_only),
        cmocka_unit_test(nocase_sees_every_byte_at_every_length),
        cmocka_unit_test(control_characters_are_found_at_every_place),
        cmocka_unit_test(prefixes_and_suffixes_may_be_empty_or_everything),
        cmocka_unit_test(order_is_by_unsigned_bytes_and_then_length),
        cmocka_unit_test(find_gives_the_first_hit_or_size_max),
        cmocka_unit_test(sub_is_clamped_to_what_is_there),
        cmocka_unit_test(trim_takes_blanks_from_both_ends_only),
        cmocka_unit_test(cut_walks_a_list),
        cmocka_unit_test(cut_last_walks_a_path_up),
        cmocka_unit_test(copy_str_terminates_and_tells_when_it_cut),
        cmocka_unit_test(to_u64_takes_digits_only_and_refuses_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
