/* SPDX-License-Identifier: Apache-2.0 */
/* test_percent.c: percent signs put in and taken out, and single hexadecimal digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/percent.h"

static void expect_undone(const char *text, const char *expected)
{
    char copy[64];
    size_t bytes = strlen(text);
    memcpy(copy, text, bytes + 1);
    size_t left = pawl_percent_undo(copy, bytes);
    assert_int_equal(left, strlen(expected));
    assert_memory_equal(copy, expected, left);
}

static void what_is_not_plain_is_encoded_and_comes_back(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 256);
    pawl_percent_append(&buf, "/a b/\xc3\xa4.%41_-");
    assert_string_equal(pawl_buf_cstr(&buf), "%2Fa%20b%2F%C3%A4.%2541_-");
    expect_undone(pawl_buf_cstr(&buf), "/a b/\xc3\xa4.%41_-");
    pawl_buf_free(&buf);
}

static void a_sign_without_two_digits_stays(void **state)
{
    (void)state;
    expect_undone("%", "%");
    expect_undone("%4", "%4");
    expect_undone("100%", "100%");
    expect_undone("%4g%g4%41", "%4g%g4A");
    expect_undone("%c3%A4", "\xc3\xa4");
    expect_undone("%%41", "%A");
    expect_undone("", "");
}

static void a_digit_is_one_of_sixteen(void **state)
{
    (void)state;
    int sum = 0;
    int count = 0;
    for (int byte = 0; byte < 256; byte++) {
        int digit = pawl_hex_digit((char)byte);
        count += digit >= 0;
        sum += digit >= 0 ? digit : 0;
    }
    assert_int_equal(count, 22);
    assert_int_equal(sum, 120 + 75);
    assert_int_equal(pawl_hex_digit('9'), 9);
    assert_int_equal(pawl_hex_digit('a'), 10);
    assert_int_equal(pawl_hex_digit('F'), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_plain_is_encoded_and_comes_back),
        cmocka_unit_test(a_sign_without_two_digits_stays),
        cmocka_unit_test(a_digit_is_one_of_sixteen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
