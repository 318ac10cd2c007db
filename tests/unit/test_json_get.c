/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_get.c: look-ups, spans and values of a document that was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/money.h"
#include "death.h"

/* One document for each test. */
static struct pawl_arena arena;
static struct pawl_json json;

static int begin(void **state)
{
    (void)state;
    pawl_arena_init(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pawl_arena_free(&arena);
    return 0;
}

static void read_as(enum pawl_json_profile profile, struct pawl_slice text)
{
    if (!pawl_json_parse(&arena, text, profile, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        fail_msg("%s at %llu", pawl_json_error_name(json.error),
                 (unsigned long long)json.error_offset);
    }
}

static void assert_slice(struct pawl_slice got, const char *expected)
{
    if (!pawl_slice_equal_str(got, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.bytes, got.data != NULL ? got.data : "",
                 expected);
    }
}

static void nodes_stand_in_document_order_with_their_spans(void **state)
{
    (void)state;
    read_as(PAWL_JSON_LEDGER, PAWL_SLICE(" { \"a\" : [ 1 , { } ] , \"b\" : \"x\" } "));
    assert_int_equal(json.count, 7);
    static const struct {
        enum pawl_json_type type;
        const char *raw;
        uint16_t depth;
        uint32_t next;
        uint32_t count;
        uint32_t key;
    } expected[] = {
        {PAWL_JSON_OBJECT, "{ \"a\" : [ 1 , { } ] , \"b\" : \"x\" }", 0, PAWL_JSON_NONE, 2,
         PAWL_JSON_NONE},
        {PAWL_JSON_STRING, "\"a\"", 1, PAWL_JSON_NONE, 0, PAWL_JSON_NONE},
        {PAWL_JSON_ARRAY, "[ 1 , { } ]", 1, 6, 2, 1},
        {PAWL_JSON_NUMBER, "1", 2, 4, 0, PAWL_JSON_NONE},
        {PAWL_JSON_OBJECT, "{ }", 2, PAWL_JSON_NONE, 0, PAWL_JSON_NONE},
        {PAWL_JSON_STRING, "\"b\"", 1, PAWL_JSON_NONE, 0, PAWL_JSON_NONE},
        {PAWL_JSON_STRING, "\"x\"", 1, PAWL_JSON_NONE, 0, 5},
    };
    for (uint32_t i = 0; i < json.count; i++) {
        assert_int_equal(pawl_json_type(&json, i), expected[i].type);
        assert_slice(pawl_json_raw(&json, i), expected[i].raw);
        assert_int_equal(json.nodes[i].depth, expected[i].depth);
        assert_int_equal(json.nodes[i].next, expected[i].next);
        assert_int_equal(json.nodes[i].count, expected[i].count);
        assert_int_equal(json.nodes[i].key, expected[i].key);
    }
    assert_int_equal(pawl_json_first(&json, 0), 2);
    assert_int_equal(pawl_json_first(&json, 2), 3);
    assert_int_equal(pawl_json_first(&json, 4), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_first(&json, 3), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_first_element(&json, 0), PAWL_JSON_NONE); /* an object */
    assert_int_equal(pawl_json_first_element(&json, 2), 3);
    assert_int_equal(pawl_json_next(&json, 2), 6);
}

static void one_field_can_be_replaced_and_all_else_stays(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("{\"model\": \"m\",\t\"max_tokens\":  4096 , \"x\":1e2}");
    read_as(PAWL_JSON_FORWARD, text);
    const struct pawl_json_node *node = &json.nodes[pawl_json_get(&json, 0, "max_tokens")];
    struct pawl_buf buf;
    pawl_buf_init(&buf, 1000);
    pawl_buf_append(&buf, text.data, (size_t)node->start);
    pawl_buf_append_i64(&buf, 256);
    pawl_buf_append_slice(&buf, pawl_slice_sub(text, (size_t)node->end, SIZE_MAX));
    assert_string_equal(pawl_buf_cstr(&buf),
                        "{\"model\": \"m\",\t\"max_tokens\":  256 , \"x\":1e2}");
    pawl_buf_free(&buf);
}

static void absent_things_chain(void **state)
{
    (void)state;
    read_as(PAWL_JSON_LEDGER,
            PAWL_SLICE("{\"usage\":{\"in\":{\"cached\":7},\"n\":null},\"s\":\"\"}"));
    assert_int_equal(pawl_json_count_or(&json, pawl_json_path(&json, 0, "usage.in.cached"), -1), 7);
    assert_int_equal(pawl_json_path(&json, 0, "usage.out.cached"), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_path(&json, 0, "s.x"), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_path(&json, 0, ""), 0);
    assert_int_equal(pawl_json_path(&json, PAWL_JSON_NONE, "usage"), PAWL_JSON_NONE);
    uint32_t none = pawl_json_get(&json, pawl_json_get(&json, 0, "no"), "way");
    assert_int_equal(none, PAWL_JSON_NONE);
    assert_int_equal(pawl_json_first(&json, none), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_first_element(&json, none), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_next(&json, none), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_type(&json, none), PAWL_JSON_NULL);
    assert_false(pawl_json_is(&json, none, PAWL_JSON_NULL)); /* absent is not null */
    assert_true(pawl_json_is(&json, pawl_json_path(&json, 0, "usage.n"), PAWL_JSON_NULL));
    assert_slice(pawl_json_raw(&json, none), "");
    assert_slice(pawl_json_string_raw(&json, none), "");
    assert_slice(pawl_json_string(&json, none, &arena), "");
    assert_false(pawl_json_string_is(&json, none, ""));
    assert_true(pawl_json_string_is(&json, pawl_json_get(&json, 0, "s"), ""));
    int64_t value = 0;
    assert_false(pawl_json_i64(&json, none, &value));
    assert_int_equal(pawl_json_count_or(&json, none, -5), -5);
    assert_true(pawl_json_bool_or(&json, none, true));
}

static void keys_compare_after_decoding(void **state)
{
    (void)state;
    read_as(PAWL_JSON_FORWARD,
            PAWL_SLICE("{\"\\u006dodel\":1,\"a\\/b\":2,\"\\ud83d\\ude00\":3,\"\\ud800\":4,"
                       "\"mode\":5,\"models\":6}"));
    assert_int_equal(pawl_json_count_or(&json, pawl_json_get(&json, 0, "model"), 0), 1);
    assert_int_equal(pawl_json_count_or(&json, pawl_json_get(&json, 0, "a/b"), 0), 2);
    assert_int_equal(pawl_json_count_or(&json, pawl_json_get(&json, 0, "\xf0\x9f\x98\x80"), 0), 3);
    assert_int_equal(pawl_json_count_or(&json, pawl_json_get(&json, 0, "\xef\xbf\xbd"), 0), 4);
    assert_int_equal(pawl_json_count_or(&json, pawl_json_get(&json, 0, "mode"), 0), 5);
    assert_int_equal(pawl_json_get(&json, 0, "mod"), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_get(&json, 0, "modelx"), PAWL_JSON_NONE);
}

static void a_forwarded_duplicate_shows_when_it_is_looked_up(void **state)
{
    (void)state;
    read_as(PAWL_JSON_FORWARD,
            PAWL_SLICE("{\"max_tokens\":1,\"model\":\"m\",\"max\\u005ftokens\":2,\"u\":{\"n\":1,"
                       "\"n\":1}}"));
    bool duplicate = false;
    assert_true(pawl_json_get_checked(&json, 0, "model", &duplicate) != PAWL_JSON_NONE);
    assert_false(duplicate);
    assert_int_equal(pawl_json_get_checked(&json, 0, "absent", &duplicate), PAWL_JSON_NONE);
    assert_false(duplicate);
    assert_int_equal(pawl_json_get_checked(&json, 0, "max_tokens", &duplicate), PAWL_JSON_NONE);
    assert_true(duplicate);
    assert_int_equal(pawl_json_get_checked(&json, 0, "max_tokens", NULL), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_get(&json, 0, "max_tokens"), PAWL_JSON_NONE);
    assert_int_equal(pawl_json_path(&json, 0, "u.n"), PAWL_JSON_NONE);
}

static void strings_decode(void **state)
{
    (void)state;
    read_as(PAWL_JSON_FORWARD,
            PAWL_SLICE("[\"plain \xc3\xa9\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\uD83D"
                       "\\uDE00\\u0041\",\"a\\u0000b\",\"\\ud83d\\ud83d\\ude00\\udc00x\\ud83d\","
                       "\"\\ud83d\\u0041\",\"\\ud83d\\ue000\", 5]"));
    static const struct pawl_slice expected[] = {
        {"plain \xc3\xa9", 8},
        {"\"\\/\b\f\n\r\t", 8},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
         "A",
         10},
        {"a\0b", 3},
        {"\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd", 14},
        {"\xef\xbf\xbd"
         "A",
         4},
        {"\xef\xbf\xbd\xee\x80\x80", 6},
        {"", 0},
    };
    uint32_t node = pawl_json_first(&json, 0);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(expected); i++) {
        struct pawl_slice got = pawl_json_string(&json, node, &arena);
        assert_true(pawl_slice_equal(got, expected[i]));
        node = pawl_json_next(&json, node);
    }
    /* What has no escape is not copied. */
    node = pawl_json_first(&json, 0);
    assert_ptr_equal(pawl_json_string(&json, node, &arena).data,
                     pawl_json_string_raw(&json, node).data);
    assert_false(json.nodes[node].escaped);
    assert_true(json.nodes[node + 1].escaped);
    assert_true(pawl_json_string_is(&json, node + 1, "\"\\/\b\f\n\r\t"));
    assert_false(pawl_json_string_is(&json, node + 1, "\"\\/\b\f\n\r"));
    assert_false(pawl_json_string_is(&json, node + 1, "\"\\/\b\f\n\r\t\t"));
}

static void a_string_that_does_not_fit_the_arena_is_empty_and_flagged(void **state)
{
    (void)state;
    read_as(PAWL_JSON_FORWARD, PAWL_SLICE("\"\\n123456789012345678901234567890\""));
    struct pawl_arena small;
    pawl_arena_init(&small, 16);
    assert_int_equal(pawl_json_string(&json, 0, &small).bytes, 0);
    assert_true(small.overflowed);
    pawl_arena_free(&small);
}

static void integers_are_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_i64;
        int64_t value;
        int64_t count; /* with fallback -1 */
    } cases[] = {
        {"0", true, 0, 0},
        {"12", true, 12, 12},
        {"-12", true, -12, -1},
        {"9007199254740991", true, PAWL_AMOUNT_MAX, PAWL_AMOUNT_MAX},
        {"9007199254740992", true, PAWL_AMOUNT_MAX + 1, -1},
        {"9223372036854775807", true, INT64_MAX, -1},
        {"9223372036854775808", false, 0, -1},
        {"-9223372036854775808", true, INT64_MIN, -1},
        {"-9223372036854775809", false, 0, -1},
        {"18446744073709551616", false, 0, -1},
        {"-0", false, 0, -1},
        {"12.0", false, 0, 12},
        {"12.000", false, 0, 12},
        {"12.5", false, 0, -1},
        {"12.01", false, 0, -1},
        {"1.0e1", false, 0, -1},
        {"1e1", false, 0, -1},
        {"0.0", false, 0, 0},
        {"\"12\"", false, 0, -1},
        {"true", false, 0, -1},
        {"[12]", false, 0, -1},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        read_as(PAWL_JSON_FORWARD, pawl_slice_str(cases[i].text));
        int64_t value = 77;
        assert_true(pawl_json_i64(&json, 0, &value) == cases[i].is_i64);
        assert_true(value == (cases[i].is_i64 ? cases[i].value : 77));
        assert_true(pawl_json_count_or(&json, 0, -1) == cases[i].count);
    }
}

static void booleans_are_booleans_only(void **state)
{
    (void)state;
    read_as(PAWL_JSON_LEDGER, PAWL_SLICE("[true,false,1,\"true\",null]"));
    static const bool with_true[] = {true, false, true, true, true};
    static const bool with_false[] = {true, false, false, false, false};
    uint32_t node = pawl_json_first(&json, 0);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(with_true); i++) {
        assert_int_equal(pawl_json_bool_or(&json, node, true), with_true[i]);
        assert_int_equal(pawl_json_bool_or(&json, node, false), with_false[i]);
        node = pawl_json_next(&json, node);
    }
}

static void look_outside_the_document(void)
{
    (void)pawl_json_raw(&json, json.count);
}

static void an_index_outside_the_document_aborts(void **state)
{
    (void)state;
    read_as(PAWL_JSON_LEDGER, PAWL_SLICE("[]"));
    assert_true(death_of(look_outside_the_document).aborted);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_stand_in_document_order_with_their_spans),
        TEST(one_field_can_be_replaced_and_all_else_stays),
        TEST(absent_things_chain),
        TEST(keys_compare_after_decoding),
        TEST(a_forwarded_duplicate_shows_when_it_is_looked_up),
        TEST(strings_decode),
        TEST(a_string_that_does_not_fit_the_arena_is_empty_and_flagged),
        TEST(integers_are_exact_or_refused),
        TEST(booleans_are_booleans_only),
        TEST(an_index_outside_the_document_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
