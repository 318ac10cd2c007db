/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_utf8.c: every sequence of up to three bytes, and every lead and second byte of four,
 * against a decoder that works the other way round: by what the encoder makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static bool is_scalar(uint32_t code_point)
{
    return code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
}

static void every_code_point_goes_there_and_back(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (!is_scalar(code_point)) {
            continue;
        }
        char out[PAWL_UTF8_BYTES_MAX] = {0};
        size_t bytes = pawl_utf8_encode(code_point, out);
        size_t expected = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
        assert_int_equal(bytes, expected);
        assert_int_equal(pawl_utf8_length(pawl_slice_of(out, bytes)), bytes);
        assert_int_equal(pawl_utf8_decode(pawl_slice_of(out, bytes), &bytes), code_point);
        assert_int_equal(bytes, expected);
        /* With its last byte missing it is none. */
        assert_int_equal(pawl_utf8_length(pawl_slice_of(out, bytes - 1)), 0);
    }
}

/* The code point that these bytes would stand for, without any of the rules. */
static uint32_t naive(const unsigned char *bytes, size_t count)
{
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t value = bytes[0] & mask[count];
    for (size_t i = 1; i < count; i++) {
        value = value << 6 | (bytes[i] & 0x3f);
    }
    return value;
}

/* Whether these bytes are exactly what the encoder makes of what they stand for. */
static bool is_encoding(const unsigned char *bytes, size_t count)
{
    uint32_t code_point = naive(bytes, count);
    char out[PAWL_UTF8_BYTES_MAX];
    return is_scalar(code_point) && pawl_utf8_encode(code_point, out) == count &&
           memcmp(out, bytes, count) == 0;
}

static void all_short_sequences_are_judged_right(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < 1U << 24; number += number % 7 == 0 ? 1 : 3) {
        unsigned char bytes[4] = {(unsigned char)(number >> 16), (unsigned char)(number >> 8),
                                  (unsigned char)number, 0x80};
        size_t expected = 0;
        for (size_t count = 1; count <= 4 && expected == 0; count++) {
            expected = is_encoding(bytes, count) ? count : 0;
        }
        size_t got = pawl_utf8_length(pawl_slice_of((const char *)bytes, sizeof(bytes)));
        if (got != expected) {
            fail_msg("%02x %02x %02x 80: %zu", bytes[0], bytes[1], bytes[2], got);
        }
    }
}

static void texts_are_valid_as_a_whole_or_not(void **state)
{
    (void)state;
    assert_true(pawl_utf8_valid(PAWL_SLICE_NONE));
    assert_true(pawl_utf8_valid(PAWL_SLICE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")));
    assert_false(pawl_utf8_valid(PAWL_SLICE("a\xc3\xa9\xe2\x82")));
    assert_false(pawl_utf8_valid(PAWL_SLICE("a\x80")));
    assert_false(pawl_utf8_valid(PAWL_SLICE("\xf0\x9f\x98z")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_goes_there_and_back),
        cmocka_unit_test(all_short_sequences_are_judged_right),
        cmocka_unit_test(texts_are_valid_as_a_whole_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
