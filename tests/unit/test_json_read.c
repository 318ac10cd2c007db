/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_json_read.c: what the reader takes and refuses in each profile, and where it says the
 * fault is. Texts are read from memory of exactly their size, so that the address sanitizer
 * sees any byte read past the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"

enum { ARENA_BYTES_MAX = 1 << 30 };

struct outcome {
    enum pawl_json_error error;
    uint64_t offset;
    uint32_t count;
    size_t used_bytes;
};

static struct outcome
outcome_of(struct pawl_slice text, enum pawl_json_profile profile, struct pawl_json_limits limits)
{
    char *exact = malloc(text.bytes > 0 ? text.bytes : 1);
    assert_non_null(exact);
    if (text.bytes > 0) {
        memcpy(exact, text.data, text.bytes);
    }
    struct pawl_arena arena;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    struct pawl_json json;
    bool parsed = pawl_json_parse(&arena, pawl_slice_of(exact, text.bytes), profile, limits, &json);
    assert_true(parsed == (json.error == PAWL_JSON_FINE));
    assert_true(json.error_offset <= text.bytes);
    assert_true((json.nodes != NULL) == parsed && (json.count > 0) == parsed);
    struct outcome outcome = {.error = json.error,
                              .offset = json.error_offset,
                              .count = json.count,
                              .used_bytes = arena.used_bytes};
    pawl_arena_free(&arena);
    free(exact);
    return outcome;
}

static enum pawl_json_error error_of(const char *text, enum pawl_json_profile profile)
{
    return outcome_of(pawl_slice_str(text), profile, PAWL_JSON_LIMITS_DEFAULT).error;
}

struct read_case {
    struct pawl_slice text;
    enum pawl_json_error ledger;
    enum pawl_json_error forward;
    uint64_t offset; /* of the error, which is the same place in both */
};

#define CASE(literal, ledger, forward, offset)                                                     \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, PAWL_JSON_##ledger, PAWL_JSON_##forward, offset            \
    }

static const struct read_case cases[] = {
    /* Whole texts. */
    CASE("", TRUNCATED, TRUNCATED, 0),
    CASE(" \t\r\n", TRUNCATED, TRUNCATED, 4),
    CASE("null", FINE, FINE, 0),
    CASE(" true ", FINE, FINE, 0),
    CASE("[]", FINE, FINE, 0),
    CASE("{}", FINE, FINE, 0),
    CASE("\n{ \"a\" : [ 1 , -2 , { } ] }\r\n", FINE, FINE, 0),
    CASE("1 2", TRAILING, TRAILING, 2),
    CASE("{} x", TRAILING, TRAILING, 3),
    CASE("[]]", TRAILING, TRAILING, 2),
    CASE("{}\0", TRAILING, TRAILING, 2),
    CASE("\xef\xbb\xbf{}", SYNTAX, SYNTAX, 0), /* byte order mark */
    CASE("\x0c[]", SYNTAX, SYNTAX, 0),         /* form feed is no white space here */
    CASE("\xc2\xa0[]", SYNTAX, SYNTAX, 0),     /* nor is a no-break space */
    /* Structure. */
    CASE("[1,]", SYNTAX, SYNTAX, 3),
    CASE("[,1]", SYNTAX, SYNTAX, 1),
    CASE("[1 2]", SYNTAX, SYNTAX, 3),
    CASE("[1}", SYNTAX, SYNTAX, 2),
    CASE("{\"a\":1]", SYNTAX, SYNTAX, 6),
    CASE("{\"a\":1,}", SYNTAX, SYNTAX, 7),
    CASE("{,}", SYNTAX, SYNTAX, 1),
    CASE("{\"a\"}", SYNTAX, SYNTAX, 4),
    CASE("{\"a\",1}", SYNTAX, SYNTAX, 4),
    CASE("{\"a\":}", SYNTAX, SYNTAX, 5),
    CASE("{a:1}", SYNTAX, SYNTAX, 1),
    CASE("{1:1}", SYNTAX, SYNTAX, 1),
    CASE("{'a':1}", SYNTAX, SYNTAX, 1),
    CASE("['a']", SYNTAX, SYNTAX, 1),
    CASE("[1]/*c*/", TRAILING, TRAILING, 3),
    CASE("[/*c*/1]", SYNTAX, SYNTAX, 1),
    CASE("]", SYNTAX, SYNTAX, 0),
    CASE("[", TRUNCATED, TRUNCATED, 1),
    CASE("[1", TRUNCATED, TRUNCATED, 2),
    CASE("[1,", TRUNCATED, TRUNCATED, 3),
    CASE("{\"a\"", TRUNCATED, TRUNCATED, 4),
    CASE("{\"a\":", TRUNCATED, TRUNCATED, 5),
    /* Words. */
    CASE("tru", TRUNCATED, TRUNCATED, 3),
    CASE("trub", SYNTAX, SYNTAX, 3),
    CASE("True", SYNTAX, SYNTAX, 0),
    CASE("nulll", TRAILING, TRAILING, 4),
    CASE("NaN", SYNTAX, SYNTAX, 0),
    CASE("Infinity", SYNTAX, SYNTAX, 0),
    CASE("-Infinity", SYNTAX, SYNTAX, 1),
    CASE("undefined", SYNTAX, SYNTAX, 0),
    /* Numbers. */
    CASE("0", FINE, FINE, 0),
    CASE("-1", FINE, FINE, 0),
    CASE("9007199254740991", FINE, FINE, 0),
    CASE("-9007199254740991", FINE, FINE, 0),
    CASE("9007199254740992", RANGE, FINE, 0),
    CASE("-9007199254740992", RANGE, FINE, 0),
    CASE("[9007199254740993]", RANGE, FINE, 1),
    CASE("9223372036854775807", RANGE, FINE, 0),
    CASE("18446744073709551616", RANGE, FINE, 0),
    CASE("184467440737095516160000000000000000000000", RANGE, FINE, 0),
    CASE("-0", NOT_INTEGER, FINE, 0),
    CASE("1.0", NOT_INTEGER, FINE, 0),
    CASE("[1,0.5]", NOT_INTEGER, FINE, 3),
    CASE("1e3", NOT_INTEGER, FINE, 0),
    CASE("1E+3", NOT_INTEGER, FINE, 0),
    CASE("-1.25e-7", NOT_INTEGER, FINE, 0),
    CASE("1e400", NOT_INTEGER, FINE, 0),
    CASE("01", SYNTAX, SYNTAX, 1),
    CASE("-01", SYNTAX, SYNTAX, 2),
    CASE("00", SYNTAX, SYNTAX, 1),
    CASE("[1.]", SYNTAX, SYNTAX, 3),
    CASE("1.", TRUNCATED, TRUNCATED, 2),
    CASE(".5", SYNTAX, SYNTAX, 0),
    CASE("+1", SYNTAX, SYNTAX, 0),
    CASE("-", TRUNCATED, TRUNCATED, 1),
    CASE("[-]", SYNTAX, SYNTAX, 2),
    CASE("- 1", SYNTAX, SYNTAX, 1),
    CASE("1e", TRUNCATED, TRUNCATED, 2),
    CASE("[1e+]", SYNTAX, SYNTAX, 4),
    CASE("0x10", TRAILING, TRAILING, 1),
    CASE("1_000", TRAILING, TRAILING, 1),
    CASE("1.5.2", NOT_INTEGER, TRAILING, 3),
    /* Strings: escapes. */
    CASE("\"\"", FINE, FINE, 0),
    CASE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00E9\"", FINE, FINE, 0),
    CASE("\"\\x41\"", ESCAPE, ESCAPE, 1),
    CASE("\"\\'\"", ESCAPE, ESCAPE, 1),
    CASE("\"\\U0041\"", ESCAPE, ESCAPE, 1),
    CASE("\"\\u12g4\"", ESCAPE, ESCAPE, 1),
    CASE("\"a\\u 123\"", ESCAPE, ESCAPE, 2),
    CASE("\"\\u00\"", ESCAPE, ESCAPE, 1),
    CASE("\"\\", TRUNCATED, TRUNCATED, 2),
    CASE("\"\\u12", TRUNCATED, TRUNCATED, 5),
    CASE("\"\\\"", TRUNCATED, TRUNCATED, 3),
    CASE("\"abc", TRUNCATED, TRUNCATED, 4),
    CASE("\"\\ud83d\\ude00\"", FINE, FINE, 0),
    CASE("\"\\ud83d\"", SURROGATE, FINE, 1),
    CASE("\"ab\\ude00\"", SURROGATE, FINE, 3),
    CASE("\"\\ud83d\\ud83d\"", SURROGATE, FINE, 1),
    CASE("\"\\ud83dx\"", SURROGATE, FINE, 1),
    CASE("\"\\ud83d\\n\"", SURROGATE, FINE, 1),
    CASE("\"\\ud83d\\u0041\"", SURROGATE, FINE, 1),
    CASE("\"\\ud83d\\ue000\"", SURROGATE, FINE, 1),
    CASE("\"\\ud83d\\u12", TRUNCATED, TRUNCATED, 11),
    CASE("\"\\ude00\\ud83d\"", SURROGATE, FINE, 1),
    CASE("\"\\u0000\"", NUL, FINE, 1),
    CASE("{\"a\\u0000\":1}", NUL, FINE, 3),
    /* Strings: raw bytes. */
    CASE("\"\x7f\"", FINE, FINE, 0),
    CASE("\"\t\"", CONTROL, CONTROL, 1),
    CASE("\"a\nb\"", CONTROL, CONTROL, 2),
    CASE("\"\x1f\"", CONTROL, CONTROL, 1),
    CASE("\"a\0b\"", CONTROL, CONTROL, 2),
    CASE("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", FINE, FINE, 0),
    CASE("\"\xf4\x8f\xbf\xbf\"", FINE, FINE, 0),
    CASE("\"\xf4\x90\x80\x80\"", UTF8, UTF8, 1), /* past U+10FFFF */
    CASE("\"\xf5\x80\x80\x80\"", UTF8, UTF8, 1),
    CASE("\"\xed\xa0\x80\"", UTF8, UTF8, 1), /* a surrogate, encoded */
    CASE("\"\xed\xbf\xbf\"", UTF8, UTF8, 1),
    CASE("\"\xc0\x80\"", UTF8, UTF8, 1), /* overlong forms */
    CASE("\"\xc1\xbf\"", UTF8, UTF8, 1),
    CASE("\"\xe0\x9f\xbf\"", UTF8, UTF8, 1),
    CASE("\"\xf0\x8f\xbf\xbf\"", UTF8, UTF8, 1),
    CASE("\"ab\x80\"", UTF8, UTF8, 3),
    CASE("\"\xff\"", UTF8, UTF8, 1),
    CASE("\"\xc3\"", UTF8, UTF8, 1),
    CASE("\"\xe2\x82", UTF8, UTF8, 1),
    CASE("{\"\xff\":1}", UTF8, UTF8, 2),
    /* Duplicate keys: FORWARD refuses them when they are looked up. */
    CASE("{\"a\":1,\"a\":2}", DUPLICATE, FINE, 7),
    CASE("{\"a\":1,\"\\u0061\":2}", DUPLICATE, FINE, 7),
    CASE("{\"\\n\":1,\"b\":0,\"\\u000a\":2}", DUPLICATE, FINE, 14),
    CASE("{\"\":1,\"\":2}", DUPLICATE, FINE, 6),
    CASE("{\"\xc3\xa9\":1,\"\\u00E9\":2}", DUPLICATE, FINE, 8),
    CASE("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", DUPLICATE, FINE, 10),
    CASE("[{\"a\":{\"b\":1,\"b\":1}}]", DUPLICATE, FINE, 13),
    CASE("{\"a\":{\"a\":1},\"b\":{\"a\":1}}", FINE, FINE, 0),
    CASE("{\"a\":1,\"A\":2,\"aa\":3,\"\":4}", FINE, FINE, 0),
    /* Keys as long, with the same ends; and of two objects the outer one's. */
    CASE("{\"axb\":1,\"ayb\":2}", FINE, FINE, 0),
    CASE("{\"axb\":1,\"ayb\":2,\"axb\":3}", DUPLICATE, FINE, 17),
    CASE("{\"a\":{\"b\":1,\"b\":1},\"a\":1}", DUPLICATE, FINE, 19),
};

static void each_profile_takes_and_refuses_what_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        for (int profile = PAWL_JSON_LEDGER; profile <= PAWL_JSON_BODY; profile++) {
            /* BODY differs from FORWARD in keys that come twice alone. */
            bool as_ledger = profile == PAWL_JSON_LEDGER ||
                             (profile == PAWL_JSON_BODY && cases[i].ledger == PAWL_JSON_DUPLICATE);
            enum pawl_json_error expected = as_ledger ? cases[i].ledger : cases[i].forward;
            struct outcome got = outcome_of(cases[i].text, (enum pawl_json_profile)profile,
                                            PAWL_JSON_LIMITS_DEFAULT);
            uint64_t offset = expected == PAWL_JSON_FINE ? 0 : cases[i].offset;
            /* One text breaks two rules; LEDGER meets the other one first. */
            bool earlier = expected == PAWL_JSON_NOT_INTEGER && got.offset < offset;
            if (got.error != expected || (got.offset != offset && !earlier)) {
                fail_msg("profile %d, %.*s: %s at %llu, expected %s at %llu", profile,
                         (int)cases[i].text.bytes, cases[i].text.data,
                         pawl_json_error_name(got.error), (unsigned long long)got.offset,
                         pawl_json_error_name(expected), (unsigned long long)offset);
            }
        }
    }
}

static void every_error_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < PAWL_JSON_ERROR_COUNT; i++) {
        const char *name = pawl_json_error_name((enum pawl_json_error)i);
        assert_string_not_equal(name, "unknown");
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(name, pawl_json_error_name((enum pawl_json_error)other));
        }
    }
    assert_string_equal(pawl_json_error_name(PAWL_JSON_ERROR_COUNT), "unknown");
}

static void every_cut_of_a_text_is_truncated(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("{\"k\\u00e9y\":[true,false,null,-12,{\"a\":\"b\\n\"}],"
                                        "\"\":[[],{}]}");
    for (size_t bytes = 0; bytes < text.bytes; bytes++) {
        struct outcome got =
            outcome_of(pawl_slice_sub(text, 0, bytes), PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT);
        assert_int_equal(got.error, PAWL_JSON_TRUNCATED);
        assert_int_equal(got.offset, bytes);
    }
    struct outcome whole = outcome_of(text, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT);
    assert_int_equal(whole.error, PAWL_JSON_FINE);
}

static void a_bad_byte_is_found_at_every_place_in_a_word(void **state)
{
    (void)state;
    static const struct {
        char byte;
        enum pawl_json_error error;
    } bad[] = {
        {'\x00', PAWL_JSON_CONTROL}, {'\x1f', PAWL_JSON_CONTROL}, {'\n', PAWL_JSON_CONTROL},
        {'\x80', PAWL_JSON_UTF8},    {'\xff', PAWL_JSON_UTF8},    {'\\', PAWL_JSON_ESCAPE},
    };
    /* Neighbours of the special bytes, which arithmetic on words could mix up with them. */
    static const char fillers[] = {'a', ' ', '!', '#', '[', ']', '\x7f'};
    char text[48];
    for (size_t filler = 0; filler < sizeof(fillers); filler++) {
        for (size_t kind = 0; kind < PAWL_ARRAY_LEN(bad); kind++) {
            for (size_t at = 1; at < sizeof(text) - 1; at++) {
                memset(text, fillers[filler], sizeof(text));
                text[0] = '"';
                text[sizeof(text) - 1] = '"';
                text[at] = bad[kind].byte;
                if (at + 1 < sizeof(text) - 1 && bad[kind].byte == '\\') {
                    text[at + 1] = 'x';
                }
                struct outcome got = outcome_of(pawl_slice_of(text, sizeof(text)),
                                                PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT);
                if (bad[kind].byte == '\\' && at + 1 == sizeof(text) - 1) {
                    assert_int_equal(got.error, PAWL_JSON_TRUNCATED); /* it took the quote */
                } else {
                    assert_int_equal(got.error, bad[kind].error);
                    assert_int_equal(got.offset, at);
                }
            }
        }
    }
}

static void a_quote_ends_the_string_at_every_place_in_a_word(void **state)
{
    (void)state;
    char text[48];
    for (size_t at = 1; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        text[0] = '"';
        text[at] = '"';
        struct outcome got = outcome_of(pawl_slice_of(text, sizeof(text)), PAWL_JSON_FORWARD,
                                        PAWL_JSON_LIMITS_DEFAULT);
        bool last = at == sizeof(text) - 1;
        assert_int_equal(got.error, last ? PAWL_JSON_FINE : PAWL_JSON_TRAILING);
        assert_int_equal(got.offset, last ? 0 : at + 1);
    }
}

/* Every byte, at every place of a text of every length: in a block, in a word, in what is left. */
static void plain_bytes_end_at_the_first_that_stands_for_more(void **state)
{
    (void)state;
    char text[40];
    for (unsigned byte = 0; byte < 256; byte++) {
        bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        for (size_t bytes = 1; bytes <= sizeof(text); bytes++) {
            for (size_t at = 0; at < bytes; at++) {
                memset(text, 'a', bytes);
                text[at] = (char)byte;
                size_t got = pawl_json_plain_bytes(pawl_slice_of(text, bytes));
                assert_int_equal(got, plain ? bytes : at);
            }
        }
    }
    assert_int_equal(pawl_json_plain_bytes(PAWL_SLICE_NONE), 0);
}

static struct outcome nested(size_t levels, uint32_t depth_max)
{
    char *text = malloc(2 * levels);
    assert_non_null(text);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    struct outcome got = outcome_of(pawl_slice_of(text, 2 * levels), PAWL_JSON_FORWARD,
                                    (struct pawl_json_limits){depth_max, 1000000});
    free(text);
    return got;
}

static void depth_is_limited_exactly(void **state)
{
    (void)state;
    assert_int_equal(nested(1, 1).error, PAWL_JSON_FINE);
    assert_int_equal(nested(2, 1).error, PAWL_JSON_DEPTH);
    assert_int_equal(nested(64, 64).error, PAWL_JSON_FINE);
    assert_int_equal(nested(65, 64).error, PAWL_JSON_DEPTH);
    assert_int_equal(nested(65, 64).offset, 64);
    assert_int_equal(nested(PAWL_JSON_DEPTH_MAX, PAWL_JSON_DEPTH_MAX).error, PAWL_JSON_FINE);
    assert_int_equal(nested(PAWL_JSON_DEPTH_MAX + 1, PAWL_JSON_DEPTH_MAX).error, PAWL_JSON_DEPTH);
    assert_int_equal(nested(100000, PAWL_JSON_DEPTH_MAX).error, PAWL_JSON_DEPTH);
}

static void nodes_are_limited_exactly(void **state)
{
    (void)state;
    struct pawl_slice text = PAWL_SLICE("{\"a\":[1,2],\"b\":null}"); /* 1 + 2 keys + 4 values */
    for (uint32_t limit = 1; limit < 10; limit++) {
        struct outcome got =
            outcome_of(text, PAWL_JSON_LEDGER, (struct pawl_json_limits){8, limit});
        assert_int_equal(got.error, limit < 7 ? PAWL_JSON_TOO_MANY_NODES : PAWL_JSON_FINE);
        assert_int_equal(got.count, limit < 7 ? 0 : 7);
    }
}

/* A limit that is met at a token hides what is wrong with the token, and nothing before it. */
static void of_two_errors_the_first_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct pawl_json_limits limits;
        enum pawl_json_error error;
        uint64_t offset;
    } rows[] = {
        {"[1,x]", {8, 2}, PAWL_JSON_SYNTAX, 3},
        {"[1,01]", {8, 2}, PAWL_JSON_TOO_MANY_NODES, 3},
        {"[1,\"\x01\"]", {8, 2}, PAWL_JSON_TOO_MANY_NODES, 3},
        {"{\"a\":1,\"\x01\":1}", {8, 3}, PAWL_JSON_TOO_MANY_NODES, 7},
        {"[[]]", {1, 1}, PAWL_JSON_DEPTH, 1},
        {"{\"a\":1,\"a\":1,}", {8, 100}, PAWL_JSON_SYNTAX, 13},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct outcome got =
            outcome_of(pawl_slice_str(rows[i].text), PAWL_JSON_LEDGER, rows[i].limits);
        assert_int_equal(got.error, rows[i].error);
        assert_int_equal(got.offset, rows[i].offset);
    }
}

static void memory_follows_the_nodes_and_not_the_text(void **state)
{
    (void)state;
    enum { TEXT_BYTES = 10000000, ELEMENTS = 100000 };
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    memset(text, 'A', TEXT_BYTES);
    text[0] = '"';
    text[TEXT_BYTES - 1] = '"';
    struct outcome got =
        outcome_of(pawl_slice_of(text, TEXT_BYTES), PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT);
    assert_int_equal(got.error, PAWL_JSON_FINE);
    assert_int_equal(got.used_bytes, sizeof(struct pawl_json_node));
    for (size_t i = 0; i < ELEMENTS; i++) {
        text[2 * i] = i == 0 ? '[' : ',';
        text[2 * i + 1] = '1';
    }
    text[2 * ELEMENTS] = ']';
    got = outcome_of(pawl_slice_of(text, 2 * ELEMENTS + 1), PAWL_JSON_FORWARD,
                     PAWL_JSON_LIMITS_DEFAULT);
    assert_int_equal(got.count, ELEMENTS + 1);
    assert_int_equal(got.used_bytes, got.count * sizeof(struct pawl_json_node));
    free(text);
}

/* An object of `count` members "k000000", …; one key is spelt again with an escape at the end. */
static char *wide_object(size_t count, size_t repeated, size_t *ret_bytes)
{
    enum { MEMBER_BYTES = 12 };
    char *text = malloc(count * MEMBER_BYTES + 100);
    assert_non_null(text);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += (size_t)snprintf(text + bytes, MEMBER_BYTES + 1, "%c\"k%06zu\":1",
                                  i == 0 ? '{' : ',', i);
    }
    if (repeated < count) {
        bytes += (size_t)snprintf(text + bytes, 100, ",\"\\u006b%06zu\":1", repeated);
    }
    text[bytes++] = '}';
    *ret_bytes = bytes;
    return text;
}

static void a_duplicate_is_found_in_objects_of_any_size(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 7, 8, 9, 10, 100, 1000, 200000};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(counts); i++) {
        size_t count = counts[i];
        size_t bytes = 0;
        char *text = wide_object(count, SIZE_MAX, &bytes);
        struct outcome got =
            outcome_of(pawl_slice_of(text, bytes), PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT);
        assert_int_equal(got.error, PAWL_JSON_FINE);
        free(text);
        const size_t repeated[] = {0, count / 2, count - 1};
        for (size_t which = 0; which < 3; which++) {
            text = wide_object(count, repeated[which], &bytes);
            got =
                outcome_of(pawl_slice_of(text, bytes), PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT);
            assert_int_equal(got.error, PAWL_JSON_DUPLICATE);
            assert_int_equal(got.offset, bytes - sizeof("\"\\u006b000000\":1}") + 1);
            free(text);
        }
    }
}

static void the_first_repetition_is_the_one_reported(void **state)
{
    (void)state;
    struct outcome got = outcome_of(
        PAWL_SLICE("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,"
                   "\"z\":1,\"b\":1,\"a\":1,\"b\":1,\"a\":1}"),
        PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT);
    assert_int_equal(got.error, PAWL_JSON_DUPLICATE);
    assert_int_equal(got.offset, 61);
}

static void every_failed_allocation_is_reported_as_such(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *text = wide_object(5000, SIZE_MAX, &bytes);
    uint64_t swept = 0;
    for (uint64_t nth = 1;; nth++) {
        struct pawl_arena arena;
        pawl_arena_init(&arena, ARENA_BYTES_MAX);
        struct pawl_json json;
        pawl_alloc_fail_at(nth, 1);
        bool parsed = pawl_json_parse(&arena, pawl_slice_of(text, bytes), PAWL_JSON_LEDGER,
                                      PAWL_JSON_LIMITS_DEFAULT, &json);
        uint64_t failures = pawl_alloc_failures();
        pawl_alloc_fail_at(0, 0);
        assert_true(parsed == (failures == 0));
        assert_int_equal(json.error, parsed ? PAWL_JSON_FINE : PAWL_JSON_NO_MEMORY);
        pawl_arena_free(&arena);
        if (parsed) {
            break;
        }
        swept++;
    }
    assert_true(swept >= 3);
    free(text);
}

static void an_arena_that_is_too_small_is_no_memory(void **state)
{
    (void)state;
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 100);
    assert_false(pawl_json_parse(&arena, PAWL_SLICE("[1,2,3]"), PAWL_JSON_LEDGER,
                                 PAWL_JSON_LIMITS_DEFAULT, &json));
    assert_int_equal(json.error, PAWL_JSON_NO_MEMORY);
    assert_true(arena.overflowed);
    pawl_arena_free(&arena);
}

static void no_text_is_truncated(void **state)
{
    (void)state;
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, 10000);
    assert_false(pawl_json_parse(&arena, PAWL_SLICE_NONE, PAWL_JSON_FORWARD,
                                 PAWL_JSON_LIMITS_DEFAULT, &json));
    assert_int_equal(json.error, PAWL_JSON_TRUNCATED);
    pawl_arena_free(&arena);
    assert_int_equal(error_of("[0]", PAWL_JSON_LEDGER), PAWL_JSON_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_profile_takes_and_refuses_what_it_should),
        cmocka_unit_test(every_error_has_a_name_of_its_own),
        cmocka_unit_test(every_cut_of_a_text_is_truncated),
        cmocka_unit_test(a_bad_byte_is_found_at_every_place_in_a_word),
        cmocka_unit_test(a_quote_ends_the_string_at_every_place_in_a_word),
        cmocka_unit_test(plain_bytes_end_at_the_first_that_stands_for_more),
        cmocka_unit_test(depth_is_limited_exactly),
        cmocka_unit_test(nodes_are_limited_exactly),
        cmocka_unit_test(of_two_errors_the_first_is_said),
        cmocka_unit_test(memory_follows_the_nodes_and_not_the_text),
        cmocka_unit_test(a_duplicate_is_found_in_objects_of_any_size),
        cmocka_unit_test(the_first_repetition_is_the_one_reported),
        cmocka_unit_test(every_failed_allocation_is_reported_as_such),
        cmocka_unit_test(an_arena_that_is_too_small_is_no_memory),
        cmocka_unit_test(no_text_is_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
