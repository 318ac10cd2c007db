/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json_outline.c: the parts of a text that is not kept: where they are and how deep, and that
 * the rules are the reader's. Any text is compared with the reader by tests/fuzz/fuzz_json.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"

enum { ARENA_BYTES_MAX = 1 << 26 };

static struct pawl_json_outline outline;
static struct pawl_arena arena;

static int setup(void **state)
{
    (void)state;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pawl_arena_free(&arena);
    return 0;
}

static bool look(struct pawl_slice text)
{
    return pawl_json_outline(&arena, text, PAWL_JSON_BODY, &outline);
}

static void expect_part(uint32_t at, const char *key, const char *value, size_t depth)
{
    assert_true(at < outline.count);
    const struct pawl_json_part *part = &outline.parts[at];
    assert_true(pawl_slice_equal_str(part->key, key));
    assert_true(pawl_slice_equal_str(part->value, value));
    assert_int_equal(part->depth, depth);
}

static void members_are_found_with_their_depths(void **state)
{
    (void)state;
    assert_true(look(PAWL_SLICE("\n{ \"a\" : 1e9 , \"b\\u0000\":\"}\", \"c\":[ ],"
                                "\"d\": {\"x\":[{},[[1,true]],null]} , \"a\":\"\\\"\"}\t")));
    assert_int_equal(outline.count, 5);
    expect_part(0, "\"a\"", "1e9", 0);
    expect_part(1, "\"b\\u0000\"", "\"}\"", 0);
    expect_part(2, "\"c\"", "[ ]", 1);
    expect_part(3, "\"d\"", "{\"x\":[{},[[1,true]],null]}", 4);
    expect_part(4, "\"a\"", "\"\\\"\"", 0);
    assert_true(look(PAWL_SLICE("{ }")));
    assert_int_equal(outline.count, 0);
}

static void faults_are_found_where_the_reader_finds_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1]}",
        "{\"a\":{\"b\" 1}}",
        "{\"a\":{1:1}}",
        "{\"a\":{,}}",
        "{\"a\":[,1]}",
        "{\"a\":01}",
        "{\"a\":[tru]}",
        "{\"a\":[\"\\x\"]}",
        "{\"a\":[\"\xff\"]}",
        "{\"a\":[\"\t\"]}",
        "{\"a\":[\"",
        "{} {}",
        "{\"a\":1}]",
        "\xef\xbb\xbf{}",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        struct pawl_json json;
        struct pawl_slice text = pawl_slice_str(texts[i]);
        assert_false(
            pawl_json_parse(&arena, text, PAWL_JSON_BODY, PAWL_JSON_LIMITS_DEFAULT, &json));
        assert_false(look(text));
        if (outline.error != json.error || outline.error_offset != json.error_offset) {
            fail_msg("%s: %s at %llu, not %s at %llu", texts[i],
                     pawl_json_error_name(outline.error), (unsigned long long)outline.error_offset,
                     pawl_json_error_name(json.error), (unsigned long long)json.error_offset);
        }
    }
    assert_false(look(PAWL_SLICE("[1]"))); /* which the reader takes */
    assert_int_equal(outline.error, PAWL_JSON_SYNTAX);
    assert_false(look(PAWL_SLICE_NONE));
    assert_int_equal(outline.error, PAWL_JSON_TRUNCATED);
}

/* {"a":[{"b":[{"b": … 1 … }]}]}: `depth` containers in a. */
static struct pawl_slice nested(size_t depth)
{
    static const char *const begins[] = {"[", "{\"b\":"};
    char *text = malloc(depth * 7 + 16);
    assert_non_null(text);
    size_t bytes = 5;
    memcpy(text, "{\"a\":", bytes);
    for (size_t i = 0; i < depth; i++) {
        size_t more = strlen(begins[i % 2]);
        memcpy(text + bytes, begins[i % 2], more);
        bytes += more;
    }
    text[bytes++] = '1';
    for (size_t i = depth; i > 0; i--) {
        text[bytes++] = (i - 1) % 2 == 0 ? ']' : '}';
    }
    text[bytes++] = '}';
    return pawl_slice_of(text, bytes);
}

static void depth_costs_a_bit_for_each_level(void **state)
{
    (void)state;
    for (size_t depth = 1; depth <= 1000000; depth = depth * 3 + 1) {
        struct pawl_slice text = nested(depth);
        pawl_arena_free(&arena);
        assert_true(look(text));
        assert_int_equal(outline.count, 1);
        assert_int_equal(outline.parts[0].depth, depth);
        assert_true(arena.used_bytes <= depth + 64);
        char *end = (char *)(uintptr_t)text.data + text.bytes;
        end[-2] = end[-2] == ']' ? '}' : ']'; /* the outermost of a's */
        assert_false(look(text));
        assert_int_equal(outline.error, PAWL_JSON_SYNTAX);
        assert_int_equal(outline.error_offset, text.bytes - 2);
        free((void *)(uintptr_t)text.data);
    }
}

static void there_are_so_many_parts(void **state)
{
    (void)state;
    for (int members = PAWL_JSON_PARTS_MAX; members <= PAWL_JSON_PARTS_MAX + 1; members++) {
        char text[1024] = "{";
        for (int i = 0; i < members; i++) {
            (void)snprintf(text + strlen(text), 32, "%s\"%d\":[%d]", i > 0 ? "," : "", i, i);
        }
        text[strlen(text)] = '}';
        assert_int_equal(look(pawl_slice_str(text)), members == PAWL_JSON_PARTS_MAX);
        assert_int_equal(outline.error, members == PAWL_JSON_PARTS_MAX ? PAWL_JSON_FINE
                                                                       : PAWL_JSON_TOO_MANY_NODES);
    }
}

static void every_failed_allocation_is_reported_as_such(void **state)
{
    (void)state;
    struct pawl_slice text = nested(1000000);
    uint64_t swept = 0;
    for (uint64_t nth = 1;; nth++) {
        pawl_arena_free(&arena);
        pawl_alloc_fail_at(nth, 1);
        bool fine = look(text);
        uint64_t failures = pawl_alloc_failures();
        pawl_alloc_fail_at(0, 0);
        assert_int_equal(outline.error, fine ? PAWL_JSON_FINE : PAWL_JSON_NO_MEMORY);
        assert_true(fine == (failures == 0));
        if (fine) {
            break;
        }
        swept++;
    }
    assert_true(swept >= 2);
    free((void *)(uintptr_t)text.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_are_found_with_their_depths),
        TEST(faults_are_found_where_the_reader_finds_them),
        TEST(depth_costs_a_bit_for_each_level),
        TEST(there_are_so_many_parts),
        TEST(every_failed_allocation_is_reported_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
