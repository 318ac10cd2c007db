/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_write.c: what is written is JSON whatever it is given, or the writer aborts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json.h"
#include "death.h"

static struct pawl_buf buf;
static struct pawl_json_writer writer;

static int begin(void **state)
{
    (void)state;
    pawl_buf_init(&buf, 1 << 20);
    pawl_json_writer_init(&writer, &buf);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pawl_buf_free(&buf);
    return 0;
}

static void commas_and_colons_come_by_themselves(void **state)
{
    (void)state;
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "a", "x");
    pawl_json_member_string(&writer, "b", PAWL_SLICE("y"));
    pawl_json_member_i64(&writer, "c", INT64_MIN);
    pawl_json_member_bool(&writer, "d", true);
    pawl_json_key(&writer, "e");
    pawl_json_array_begin(&writer);
    pawl_json_put_null(&writer);
    pawl_json_put_bool(&writer, false);
    pawl_json_object_begin(&writer);
    pawl_json_object_end(&writer);
    pawl_json_array_begin(&writer);
    pawl_json_array_end(&writer);
    pawl_json_put_raw(&writer, PAWL_SLICE("1.5e3"));
    pawl_json_array_end(&writer);
    pawl_json_key_slice(&writer, PAWL_SLICE("f\n"));
    pawl_json_put_str(&writer, NULL);
    pawl_json_object_end(&writer);
    assert_string_equal(pawl_buf_cstr(&buf),
                        "{\"a\":\"x\",\"b\":\"y\",\"c\":-9223372036854775808,\"d\":true,"
                        "\"e\":[null,false,{},[],1.5e3],\"f\\n\":\"\"}");
}

static void strings_are_escaped_where_json_needs_it(void **state)
{
    (void)state;
    pawl_json_put_string(&writer, PAWL_SLICE("\"\\/\b\f\n\r\t\x01\x1f\x7f\0 \xc3\xa9"));
    assert_string_equal(pawl_buf_cstr(&buf),
                        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000 \xc3\xa9\"");
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    pawl_json_array_begin(&writer);
    pawl_json_put_string(&writer, PAWL_SLICE("a\xff"
                                             "b"));
    pawl_json_put_string(&writer, PAWL_SLICE("\xe2\x82"));
    pawl_json_put_string(&writer, PAWL_SLICE("\xed\xa0\x80"));
    pawl_json_array_end(&writer);
    assert_string_equal(pawl_buf_cstr(&buf), "[\"a\xef\xbf\xbd"
                                             "b\",\"\xef\xbf\xbd\xef\xbf\xbd\","
                                             "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]");
}

static void any_bytes_read_back_as_written(void **state)
{
    (void)state;
    char text[256];
    size_t bytes = 0;
    for (int byte = 1; byte < 0x80; byte++) {
        text[bytes++] = (char)byte;
    }
    pawl_json_put_string(&writer, pawl_slice_of(text, bytes));
    struct pawl_arena arena;
    pawl_arena_init(&arena, 100000);
    struct pawl_json json;
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&buf), PAWL_JSON_LEDGER,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    struct pawl_slice back = pawl_json_string(&json, 0, &arena);
    assert_true(pawl_slice_equal(back, pawl_slice_of(text, bytes)));
    pawl_arena_free(&arena);
}

/* Short texts are copied by words, and one odd byte anywhere in them must be seen. */
static void an_odd_byte_is_seen_wherever_it_stands(void **state)
{
    (void)state;
    static const struct {
        char byte;
        const char *written;
    } odd[] = {{'"', "\\\""},       {'\\', "\\\\"},           {'\n', "\\n"},
               {'\x1f', "\\u001f"}, {'\x80', "\xef\xbf\xbd"}, {'\0', "\\u0000"}};
    char text[40];
    for (size_t bytes = 1; bytes <= sizeof(text); bytes++) {
        for (size_t at = 0; at < bytes; at++) {
            for (size_t i = 0; i < PAWL_ARRAY_LEN(odd); i++) {
                char expected[128];
                memset(text, 'x', bytes);
                text[at] = odd[i].byte;
                (void)snprintf(expected, sizeof(expected), "[1,\"%.*s%s%.*s\"]", (int)at,
                               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", odd[i].written,
                               (int)(bytes - at - 1), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
                pawl_buf_reset(&buf);
                pawl_json_writer_init(&writer, &buf);
                pawl_json_array_begin(&writer);
                pawl_json_put_i64(&writer, 1);
                pawl_json_put_string(&writer, pawl_slice_of(text, bytes));
                pawl_json_array_end(&writer);
                assert_string_equal(pawl_buf_cstr(&buf), expected);
            }
        }
    }
}

static void literals_are_members_as_any(void **state)
{
    (void)state;
    pawl_json_object_begin(&writer);
    PAWL_JSON_MEMBER(&writer, "a", "x");
    PAWL_JSON_KEY(&writer, "b");
    pawl_json_array_begin(&writer);
    pawl_json_put_i64(&writer, 1);
    pawl_json_put_i64(&writer, 2);
    pawl_json_array_end(&writer);
    PAWL_JSON_MEMBER(&writer, "c", "");
    pawl_json_member_i64(&writer, "d", 3);
    PAWL_JSON_KEY(&writer, "e");
    pawl_json_object_begin(&writer);
    PAWL_JSON_MEMBER(&writer, "f", "y");
    pawl_json_object_end(&writer);
    PAWL_JSON_KEY(&writer, "g");
    pawl_json_put_null(&writer);
    pawl_json_object_end(&writer);
    assert_string_equal(pawl_buf_cstr(&buf), "{\"a\":\"x\",\"b\":[1,2],\"c\":\"\",\"d\":3,"
                                             "\"e\":{\"f\":\"y\"},\"g\":null}");
}

static void nesting_goes_as_deep_as_the_readers_default_and_more(void **state)
{
    (void)state;
    for (int i = 0; i < 127; i++) {
        pawl_json_array_begin(&writer);
    }
    for (int i = 0; i < 127; i++) {
        pawl_json_array_end(&writer);
    }
    struct pawl_arena arena;
    pawl_arena_init(&arena, 100000);
    struct pawl_json json;
    assert_true(pawl_json_parse(&arena, pawl_buf_slice(&buf), PAWL_JSON_LEDGER,
                                (struct pawl_json_limits){127, 1000}, &json));
    assert_int_equal(json.count, 127);
    pawl_arena_free(&arena);
}

/* Whatever the room, what is in the buffer is the beginning of what was meant. */
static void any_room_holds_a_beginning(void **state)
{
    (void)state;
    static const char whole[] = "{\"key\":\"v\",\"k\":[-17,\"\\\"\",true,{}],\"last\":\"word\"}";
    for (size_t room = 1; room <= sizeof(whole); room++) {
        struct pawl_buf small;
        pawl_buf_init(&small, room);
        pawl_json_writer_init(&writer, &small);
        pawl_json_object_begin(&writer);
        PAWL_JSON_MEMBER(&writer, "key", "v");
        pawl_json_key(&writer, "k");
        pawl_json_array_begin(&writer);
        pawl_json_put_i64(&writer, -17);
        pawl_json_put_str(&writer, "\"");
        pawl_json_put_bool(&writer, true);
        pawl_json_object_begin(&writer);
        pawl_json_object_end(&writer);
        pawl_json_array_end(&writer);
        PAWL_JSON_KEY(&writer, "last");
        pawl_json_put_str(&writer, "word");
        pawl_json_object_end(&writer);
        assert_int_equal(small.overflowed, room < sizeof(whole) - 1);
        assert_memory_equal(small.data != NULL ? small.data : "", whole, small.bytes);
        pawl_buf_free(&small);
    }
}

static void a_full_buffer_is_the_buffers_flag(void **state)
{
    (void)state;
    struct pawl_buf small;
    pawl_buf_init(&small, 8);
    pawl_json_writer_init(&writer, &small);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "key", "a long value");
    pawl_json_member_i64(&writer, "next", 1);
    pawl_json_object_end(&writer);
    assert_true(small.overflowed);
    pawl_buf_free(&small);
}

static void value_without_a_key(void)
{
    pawl_json_object_begin(&writer);
    pawl_json_put_null(&writer);
}

static void key_in_an_array(void)
{
    pawl_json_array_begin(&writer);
    pawl_json_key(&writer, "a");
}

static void key_at_the_top(void)
{
    pawl_json_key(&writer, "a");
}

static void two_keys_in_a_row(void)
{
    pawl_json_object_begin(&writer);
    pawl_json_key(&writer, "a");
    pawl_json_key(&writer, "b");
}

static void two_literal_keys_in_a_row(void)
{
    pawl_json_object_begin(&writer);
    PAWL_JSON_KEY(&writer, "a");
    PAWL_JSON_KEY(&writer, "b");
}

static void literal_member_in_an_array(void)
{
    pawl_json_array_begin(&writer);
    PAWL_JSON_MEMBER(&writer, "a", "x");
}

static void wrong_end(void)
{
    pawl_json_object_begin(&writer);
    pawl_json_array_end(&writer);
}

static void end_without_a_begin(void)
{
    pawl_json_array_end(&writer);
}

static void end_behind_a_key(void)
{
    pawl_json_object_begin(&writer);
    pawl_json_key(&writer, "a");
    pawl_json_object_end(&writer);
}

static void two_documents(void)
{
    pawl_json_put_i64(&writer, 1);
    pawl_json_put_i64(&writer, 2);
}

static void nothing_as_raw(void)
{
    pawl_json_put_raw(&writer, PAWL_SLICE_NONE);
}

static void too_deep(void)
{
    for (int i = 0; i < 128; i++) {
        pawl_json_array_begin(&writer);
    }
}

static void a_wrong_order_of_calls_aborts(void **state)
{
    (void)state;
    static void (*const wrong[])(void) = {value_without_a_key,
                                          key_in_an_array,
                                          key_at_the_top,
                                          two_keys_in_a_row,
                                          wrong_end,
                                          two_literal_keys_in_a_row,
                                          literal_member_in_an_array,
                                          end_without_a_begin,
                                          end_behind_a_key,
                                          two_documents,
                                          nothing_as_raw,
                                          too_deep};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(wrong); i++) {
        struct death death = death_of(wrong[i]);
        if (!death.aborted) {
            fail_msg("case %zu did not abort", i);
        }
        assert_non_null(strstr(death.text, "json"));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commas_and_colons_come_by_themselves),
        TEST(strings_are_escaped_where_json_needs_it),
        TEST(what_is_not_utf8_is_replaced),
        TEST(any_bytes_read_back_as_written),
        TEST(an_odd_byte_is_seen_wherever_it_stands),
        TEST(literals_are_members_as_any),
        TEST(nesting_goes_as_deep_as_the_readers_default_and_more),
        TEST(any_room_holds_a_beginning),
        TEST(a_full_buffer_is_the_buffers_flag),
        TEST(a_wrong_order_of_calls_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
