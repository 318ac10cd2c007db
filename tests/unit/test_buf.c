/* SPDX-License-Identifier: Apache-2.0 */
/* test_buf.c: growing buffers never pass their maximum and never hold a text with a hole. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "death.h"

static void appends_come_out_in_order(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1000);
    pawl_buf_append(&buf, "ab", 2);
    pawl_buf_append_slice(&buf, PAWL_SLICE("cd"));
    pawl_buf_append_slice(&buf, PAWL_SLICE_NONE);
    pawl_buf_append_str(&buf, "ef");
    pawl_buf_append_str(&buf, NULL);
    pawl_buf_append_byte(&buf, '|');
    pawl_buf_append_i64(&buf, INT64_MIN);
    pawl_buf_append_byte(&buf, '|');
    pawl_buf_append_i64(&buf, INT64_MAX);
    pawl_buf_append_byte(&buf, '|');
    pawl_buf_append_u64(&buf, UINT64_MAX);
    pawl_buf_append_byte(&buf, '|');
    pawl_buf_append_i64(&buf, 0);
    pawl_buf_printf(&buf, "|%s %d", "x", -5);
    assert_string_equal(pawl_buf_cstr(&buf), "abcdef|-9223372036854775808|9223372036854775807|"
                                             "18446744073709551615|0|x -5");
    assert_int_equal(pawl_buf_slice(&buf).bytes, strlen(buf.data));
    assert_false(buf.overflowed);
    pawl_buf_free(&buf);
    assert_null(buf.data);
}

static void empty_buffer_reads_as_empty_text(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1);
    assert_string_equal(pawl_buf_cstr(&buf), "");
    assert_int_equal(pawl_buf_slice(&buf).bytes, 0);
    pawl_buf_free(&buf);
}

static void exactly_the_maximum_fits_and_one_more_sets_the_flag(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 10);
    pawl_buf_append_str(&buf, "0123456789");
    assert_false(buf.overflowed);
    assert_string_equal(pawl_buf_cstr(&buf), "0123456789");
    pawl_buf_append_byte(&buf, 'x');
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 10);
    assert_null(pawl_buf_cstr(&buf));
    assert_true(buf.capacity <= 10);
    pawl_buf_free(&buf);
}

static void after_an_overflow_nothing_more_goes_in_until_reset(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 4);
    pawl_buf_append_str(&buf, "ab");
    pawl_buf_append_str(&buf, "cde");
    assert_true(buf.overflowed);
    pawl_buf_append_str(&buf, "c");
    pawl_buf_printf(&buf, "%d", 1);
    pawl_buf_put_u8(&buf, 1);
    pawl_buf_append_i64(&buf, -1);
    assert_null(pawl_buf_reserve(&buf, 1));
    assert_int_equal(buf.bytes, 2);
    pawl_buf_reset(&buf);
    pawl_buf_append_str(&buf, "c");
    assert_string_equal(pawl_buf_cstr(&buf), "c");
    pawl_buf_free(&buf);
}

static void a_number_or_a_format_that_does_not_fit_leaves_no_part(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 4);
    pawl_buf_append_i64(&buf, -1234);
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 0);
    pawl_buf_reset(&buf);
    pawl_buf_printf(&buf, "%s", "12345");
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 0);
    pawl_buf_reset(&buf);
    pawl_buf_append_i64(&buf, -123);
    assert_string_equal(pawl_buf_cstr(&buf), "-123");
    pawl_buf_reset(&buf);
    pawl_buf_printf(&buf, "%s", "1234");
    assert_string_equal(pawl_buf_cstr(&buf), "1234");
    pawl_buf_free(&buf);
}

static void numbers_of_every_length_have_all_their_digits(void **state)
{
    (void)state;
    char expected[32];
    struct pawl_buf buf;
    pawl_buf_init(&buf, 32);
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++) {
        const uint64_t values[] = {power - 1, power, power + 1, power * 9};
        for (size_t i = 0; i < PAWL_ARRAY_LEN(values); i++) {
            pawl_buf_reset(&buf);
            pawl_buf_append_u64(&buf, values[i]);
            (void)snprintf(expected, sizeof(expected), "%" PRIu64, values[i]);
            assert_string_equal(pawl_buf_cstr(&buf), expected);
            pawl_buf_reset(&buf);
            pawl_buf_append_i64(&buf, (int64_t)values[i]);
            (void)snprintf(expected, sizeof(expected), "%" PRId64, (int64_t)values[i]);
            assert_string_equal(pawl_buf_cstr(&buf), expected);
        }
        power *= 10;
    }
    pawl_buf_free(&buf);
}

static void printf_grows_for_long_text(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 100000);
    pawl_buf_append_str(&buf, "<");
    pawl_buf_printf(&buf, "%2000d>", 7);
    assert_int_equal(buf.bytes, 2002);
    assert_int_equal(buf.data[2000], '7');
    assert_int_equal(buf.data[2001], '>');
    pawl_buf_free(&buf);
}

static void growth_is_geometric(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1 << 20);
    pawl_alloc_fail_at(UINT64_MAX, 1); /* counts, fails none */
    for (int i = 0; i < 1 << 20; i++) {
        pawl_buf_append_byte(&buf, 'x');
    }
    uint64_t calls = pawl_alloc_calls();
    pawl_alloc_fail_at(0, 0);
    assert_false(buf.overflowed);
    assert_int_equal(buf.bytes, 1 << 20);
    assert_true(calls <= 16);
    pawl_buf_free(&buf);
}

static void reserve_is_for_readers_and_full_is_no_error(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 8);
    char *room = pawl_buf_reserve(&buf, 8);
    assert_non_null(room);
    memcpy(room, "abcdefgh", 8);
    pawl_buf_advance(&buf, 6);
    assert_null(pawl_buf_reserve(&buf, 3));
    assert_false(buf.overflowed);
    pawl_buf_consume(&buf, 2);
    room = pawl_buf_reserve(&buf, 3);
    assert_non_null(room);
    memcpy(room, "xyz", 3);
    pawl_buf_advance(&buf, 3);
    assert_string_equal(pawl_buf_cstr(&buf), "cdefxyz");
    pawl_buf_consume(&buf, 0);
    pawl_buf_consume(&buf, 7);
    assert_string_equal(pawl_buf_cstr(&buf), "");
    pawl_buf_free(&buf);
}

static void advance_past_the_reservation(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1000);
    pawl_buf_append_byte(&buf, 'x');
    pawl_buf_advance(&buf, 1000);
}

static void consume_more_than_there_is(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1000);
    pawl_buf_append_byte(&buf, 'x');
    pawl_buf_consume(&buf, 2);
}

static void buffer_without_a_maximum(void)
{
    struct pawl_buf buf;
    pawl_buf_init(&buf, 0);
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_true(death_of(advance_past_the_reservation).aborted);
    assert_true(death_of(consume_more_than_there_is).aborted);
    assert_true(death_of(buffer_without_a_maximum).aborted);
}

static void fixed_width_fields_are_little_endian(void **state)
{
    (void)state;
    static const unsigned char expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                             0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0xfe,
                                             0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct pawl_buf buf;
    pawl_buf_init(&buf, sizeof(expected));
    pawl_buf_put_u8(&buf, 0x01);
    pawl_buf_put_u16(&buf, 0x0203);
    pawl_buf_put_u32(&buf, UINT32_C(0x04050607));
    pawl_buf_put_u64(&buf, UINT64_C(0x08090a0b0c0d0e0f));
    pawl_buf_put_i64(&buf, -2);
    assert_int_equal(buf.bytes, sizeof(expected));
    assert_memory_equal(buf.data, expected, sizeof(expected));
    pawl_buf_put_u16(&buf, 1);
    assert_true(buf.overflowed);
    pawl_buf_free(&buf);
}

static void a_failed_allocation_sets_the_flag_and_keeps_the_content(void **state)
{
    (void)state;
    struct pawl_buf buf;
    pawl_buf_init(&buf, 100000);
    pawl_alloc_fail_at(1, 1);
    pawl_buf_append_str(&buf, "x");
    assert_int_equal(pawl_alloc_failures(), 1);
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 0);
    pawl_buf_reset(&buf);
    pawl_buf_append_str(&buf, "kept");
    pawl_alloc_fail_at(1, 1);
    pawl_buf_printf(&buf, "%5000d", 1);
    assert_int_equal(pawl_alloc_failures(), 1);
    pawl_alloc_fail_at(0, 0);
    assert_true(buf.overflowed);
    assert_int_equal(buf.bytes, 4);
    assert_memory_equal(buf.data, "kept", 4);
    pawl_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_come_out_in_order),
        cmocka_unit_test(empty_buffer_reads_as_empty_text),
        cmocka_unit_test(exactly_the_maximum_fits_and_one_more_sets_the_flag),
        cmocka_unit_test(after_an_overflow_nothing_more_goes_in_until_reset),
        cmocka_unit_test(a_number_or_a_format_that_does_not_fit_leaves_no_part),
        cmocka_unit_test(numbers_of_every_length_have_all_their_digits),
        cmocka_unit_test(printf_grows_for_long_text),
        cmocka_unit_test(growth_is_geometric),
        cmocka_unit_test(reserve_is_for_readers_and_full_is_no_error),
        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(fixed_width_fields_are_little_endian),
        cmocka_unit_test(a_failed_allocation_sets_the_flag_and_keeps_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
