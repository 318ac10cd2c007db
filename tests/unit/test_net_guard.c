/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_guard.c: the header guard line by line, and the framing of chunked bodies byte by
 * byte. Every refusal of the guard's own has a line here that gets exactly it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
#include "net/guard.h"

/* Passes a whole head through; stops at the first refusal. */
static enum pawl_http_refusal pass_head(struct pawl_guard *guard, struct pawl_slice head)
{
    pawl_guard_init(guard, 8);
    while (head.bytes > 0 && !guard->ended) {
        size_t lf = pawl_slice_find_byte(head, '\n');
        assert_true(lf != SIZE_MAX);
        enum pawl_http_refusal refusal = pawl_guard_line(guard, pawl_slice_sub(head, 0, lf + 1));
        if (refusal != PAWL_HTTP_REFUSAL_NONE) {
            return refusal;
        }
        head = pawl_slice_sub(head, lf + 1, head.bytes);
    }
    return PAWL_HTTP_REFUSAL_NONE;
}

struct head_case {
    struct pawl_slice head;
    enum pawl_http_refusal refusal;
};

#define CASE(text, name)                                                                           \
    {                                                                                              \
        .head = {(text), sizeof(text) - 1}, .refusal = PAWL_HTTP_REFUSAL_##name                    \
    }
#define AFTER_HOST(text, name) CASE("POST / HTTP/1.1\r\nHost: a\r\n" text "\r\n\r\n", name)

static const struct head_case heads[] = {
    CASE("GET / HTTP/1.1\r\nHost: a\r\n\r\n", NONE),
    CASE("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", NONE),
    CASE("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("GET / HTTP/1.1\nHost: a\r\n\r\n", BARE_LF),
    CASE("\n", BARE_LF),
    CASE("GET / HTTP/1.1\r\nHost: a\r\n\n", BARE_LF),
    CASE("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", BARE_CR),
    CASE("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", BARE_CR),
    AFTER_HOST("X: a\r\r", BARE_CR),
    AFTER_HOST("X: a\0b", CONTROL),
    AFTER_HOST("X: a\x01", CONTROL),
    AFTER_HOST("X: a\x7f", CONTROL),
    AFTER_HOST("X: \xc3\xa4\tb", NONE),
    CASE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("GET /\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("GET / http/1.1\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", REQUEST_LINE),
    CASE("GET / HTTP/1.2\r\nHost: a\r\n\r\n", VERSION),
    CASE("PRI * HTTP/2.0\r\n\r\n", VERSION),
    CASE("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", METHOD),
    CASE("GET * HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    CASE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", NONE),
    CASE("GET a HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    CASE("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    CASE("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    CASE("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", TARGET),
    CASE("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", NONE),
    AFTER_HOST(" X: folded", FOLDED),
    AFTER_HOST("\tX: folded", FOLDED),
    CASE("GET / HTTP/1.1\r\n Host: a\r\n\r\n", FOLDED),
    AFTER_HOST("X : a", HEADER_NAME),
    AFTER_HOST(": a", HEADER_NAME),
    AFTER_HOST("no colon", HEADER_NAME),
    AFTER_HOST("X(: a", HEADER_NAME),
    CASE("GET / HTTP/1.1\r\n\r\n", HOST_MISSING),
    CASE("GET / HTTP/1.0\r\n\r\n", NONE),
    AFTER_HOST("hOST: a", HOST_REPEATED),
    CASE("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HOST_INVALID),
    CASE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HOST_INVALID),
    CASE("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HOST_INVALID),
    CASE("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", NONE),
    CASE("GET / HTTP/1.1\r\nHost:\r\n\r\n", NONE),
    AFTER_HOST("Content-Length: 5", NONE),
    AFTER_HOST("Content-Length: +5", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: -5", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: 5, 5", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: 0x5", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: 5 5", CONTENT_LENGTH),
    AFTER_HOST("Content-Length:", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: 99999999999999999999", CONTENT_LENGTH),
    AFTER_HOST("Content-Length: 5\r\nContent-Length: 5", FRAMING),
    AFTER_HOST("Content-Length: 5\r\nTransfer-Encoding: chunked", FRAMING),
    AFTER_HOST("Transfer-Encoding: chunked\r\nContent-Length: 5", FRAMING),
    AFTER_HOST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", FRAMING),
    AFTER_HOST("transfer-encoding: CHUNKED", NONE),
    AFTER_HOST("Transfer-Encoding: xchunked", TRANSFER_CODING),
    AFTER_HOST("Transfer-Encoding: gzip, chunked", TRANSFER_CODING),
    AFTER_HOST("Transfer-Encoding: identity", TRANSFER_CODING),
    CASE("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", TRANSFER_VERSION),
    AFTER_HOST("Expect: 100-Continue", NONE),
    AFTER_HOST("Expect: something", EXPECTATION),
    AFTER_HOST("A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:", NONE),
    AFTER_HOST("A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:", HEADER_COUNT),
};

static void guard_gives_each_bad_head_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(heads); i++) {
        struct pawl_guard guard;
        enum pawl_http_refusal refusal = pass_head(&guard, heads[i].head);
        if (refusal != heads[i].refusal) {
            fail_msg("case %zu (%s): got %s, wanted %s", i, heads[i].head.data,
                     pawl_http_refusal_row(refusal)->name,
                     pawl_http_refusal_row(heads[i].refusal)->name);
        }
        assert_int_equal(guard.ended, refusal == PAWL_HTTP_REFUSAL_NONE);
    }
}

static void guard_reads_framing_and_expectation(void **state)
{
    (void)state;
    struct pawl_guard guard;
    assert_int_equal(pass_head(&guard, PAWL_SLICE("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
                                                  "18446744073709551615\r\nExpect: "
                                                  "100-continue\r\n\r\n")),
                     PAWL_HTTP_REFUSAL_NONE);
    assert_true(guard.content_length == UINT64_MAX && guard.expects_continue && !guard.chunked);
    assert_int_equal(pass_head(&guard, PAWL_SLICE("POST / HTTP/1.0\r\nHost: a\r\nExpect: "
                                                  "100-continue\r\n\r\n")),
                     PAWL_HTTP_REFUSAL_NONE);
    assert_true(guard.version_1_0 && !guard.expects_continue);
}

/* The classes are a table written out by hand; this is what it must say. */
static void guard_character_classes_follow_the_grammar(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool letter_or_digit = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                               (byte >= 'a' && byte <= 'z');
        bool in_name = letter_or_digit || (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
        bool in_value = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        bool in_target = byte > 0x20 && byte < 0x7f && byte != '#';
        bool in_host = letter_or_digit || (byte != 0 && strchr(".-_~:[]%!$&'()*+;=", byte) != NULL);
        struct pawl_guard guard;
        char head[64];
        if (byte == '\n') {
            continue;
        }
        int length =
            snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nX-%c: b\r\n\r\n", 'x');
        head[27] = (char)byte;
        /* A colon ends the name early, which leaves a good header. */
        assert_int_equal(pass_head(&guard, pawl_slice_of(head, (size_t)length)) == 0,
                         in_name || byte == ':');
        length = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nX: %c\r\n\r\n", 'x');
        head[28] = (char)byte;
        assert_int_equal(pass_head(&guard, pawl_slice_of(head, (size_t)length)) == 0, in_value);
        length = snprintf(head, sizeof(head), "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", 'x');
        head[5] = (char)byte;
        assert_int_equal(pass_head(&guard, pawl_slice_of(head, (size_t)length)) == 0, in_target);
        length = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a%cb\r\n\r\n", 'x');
        head[23] = (char)byte;
        assert_int_equal(pass_head(&guard, pawl_slice_of(head, (size_t)length)) == 0, in_host);
    }
}

/* --- Chunks --------------------------------------------------------------------------------- */

/* All at once and byte by byte must end alike. */
/* Lines are looked at eight bytes at a time, so every byte stands at every place of two such
 * groups, with a neighbour that is as small or as large as may be. */
static void guard_finds_a_control_character_wherever_it_stands(void **state)
{
    (void)state;
    static const char neighbours[] = {' ', '\xff', '\t', '~'};
    for (size_t n = 0; n < PAWL_ARRAY_LEN(neighbours); n++) {
        for (size_t place = 0; place < 19; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char line[24];
                memcpy(line, "X: ", 3);
                memset(line + 3, neighbours[n], 19);
                line[3 + place] = (char)byte;
                memcpy(line + 22, "\r\n", 2);
                struct pawl_guard guard;
                pawl_guard_init(&guard, 8);
                guard.request_line_seen = true;
                bool bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
                enum pawl_http_refusal wanted = !bad           ? PAWL_HTTP_REFUSAL_NONE
                                                : byte == '\r' ? PAWL_HTTP_REFUSAL_BARE_CR
                                                               : PAWL_HTTP_REFUSAL_CONTROL;
                assert_int_equal(pawl_guard_line(&guard, pawl_slice_of(line, sizeof(line))),
                                 wanted);
            }
        }
    }
}

static enum pawl_http_refusal pass_chunks(struct pawl_slice body, uint64_t max, size_t *ret_used)
{
    struct pawl_guard_chunks whole;
    size_t used_whole = 0;
    pawl_guard_chunks_init(&whole, max);
    enum pawl_http_refusal refusal = pawl_guard_chunks_feed(&whole, body, &used_whole);

    struct pawl_guard_chunks single;
    size_t used_single = 0;
    pawl_guard_chunks_init(&single, max);
    enum pawl_http_refusal refusal_single = PAWL_HTTP_REFUSAL_NONE;
    for (size_t i = 0; i < body.bytes && single.state != PAWL_GUARD_CHUNK_DONE; i++) {
        size_t used = 0;
        refusal_single = pawl_guard_chunks_feed(&single, pawl_slice_sub(body, i, 1), &used);
        if (refusal_single != PAWL_HTTP_REFUSAL_NONE) {
            break;
        }
        used_single += used;
    }
    assert_int_equal(refusal, refusal_single);
    if (refusal == PAWL_HTTP_REFUSAL_NONE) {
        assert_int_equal(used_whole, used_single);
        assert_int_equal(whole.state, single.state);
        assert_int_equal(whole.data_bytes, single.data_bytes);
    }
    *ret_used = whole.state == PAWL_GUARD_CHUNK_DONE ? used_whole : 0;
    return refusal;
}

static void guard_finds_the_end_of_a_chunked_body(void **state)
{
    (void)state;
    size_t used = 0;
    assert_int_equal(pass_chunks(PAWL_SLICE("5\r\nhello\r\n0\r\n\r\nGET /"), 100, &used),
                     PAWL_HTTP_REFUSAL_NONE);
    assert_int_equal(used, 15);
    assert_int_equal(
        pass_chunks(PAWL_SLICE("00000A;name=\"v\"\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n"), 100,
                    &used),
        PAWL_HTTP_REFUSAL_NONE);
    assert_true(used > 0);
    assert_int_equal(pass_chunks(PAWL_SLICE("5\r\nhel"), 100, &used), PAWL_HTTP_REFUSAL_NONE);
    assert_int_equal(used, 0);
}

static void guard_refuses_every_other_chunk_framing(void **state)
{
    (void)state;
    static const struct head_case cases[] = {
        CASE("\r\n", CHUNK),
        CASE("+5\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("0x5\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5 \r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE(" 5\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5\r\nhello0\r\n\r\n", CHUNK),
        CASE("5\r\nhello\n0\r\n\r\n", CHUNK),
        CASE("5\r\nhello\r0\r\n\r\n", CHUNK),
        CASE("5;ext\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5;e\rxt\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5;\x01\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("5\rhello\r\n0\r\n\r\n", CHUNK),
        CASE("00000000000000005\r\nhello\r\n0\r\n\r\n", CHUNK),
        CASE("fffffffffffffffff\r\n", CHUNK),
        CASE("ffffffffffffffff\r\n", BODY_BYTES),
        CASE("65\r\n", BODY_BYTES),
        CASE("64\r\n", NONE),
        CASE("0\r\nX: trailer\r\n\r\n", TRAILER),
        CASE("0\r\n\n", TRAILER),
        CASE("0\r\n\rX", CHUNK),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        size_t used = 0;
        enum pawl_http_refusal refusal = pass_chunks(cases[i].head, 100, &used);
        if (refusal != cases[i].refusal) {
            fail_msg("case %zu: got %s, wanted %s", i, pawl_http_refusal_row(refusal)->name,
                     pawl_http_refusal_row(cases[i].refusal)->name);
        }
    }
}

static void guard_ends_chunks_that_are_mostly_framing(void **state)
{
    (void)state;
    struct pawl_guard_chunks chunks;
    pawl_guard_chunks_init(&chunks, 1 << 20);
    /* One byte a chunk is wasteful and allowed. */
    for (int i = 0; i < 100000; i++) {
        size_t used = 0;
        assert_int_equal(pawl_guard_chunks_feed(&chunks, PAWL_SLICE("1\r\nx\r\n"), &used),
                         PAWL_HTTP_REFUSAL_NONE);
    }
    /* One byte a chunk behind a long extension is an attack. */
    pawl_guard_chunks_init(&chunks, 1 << 20);
    enum pawl_http_refusal refusal = PAWL_HTTP_REFUSAL_NONE;
    for (int i = 0; i < 100000 && refusal == PAWL_HTTP_REFUSAL_NONE; i++) {
        size_t used = 0;
        refusal = pawl_guard_chunks_feed(
            &chunks, PAWL_SLICE("1;0123456789012345678901234567890123456789\r\nx\r\n"), &used);
    }
    assert_int_equal(refusal, PAWL_HTTP_REFUSAL_CHUNK_OVERHEAD);
}

static void guard_limits_the_length_of_a_chunk_line(void **state)
{
    (void)state;
    struct pawl_guard_chunks chunks;
    pawl_guard_chunks_init(&chunks, 1 << 20);
    size_t used = 0;
    enum pawl_http_refusal refusal = pawl_guard_chunks_feed(&chunks, PAWL_SLICE("1;"), &used);
    size_t sent = 2;
    while (refusal == PAWL_HTTP_REFUSAL_NONE && sent < 10000) {
        refusal = pawl_guard_chunks_feed(&chunks, PAWL_SLICE("e"), &used);
        sent += 1;
    }
    assert_int_equal(refusal, PAWL_HTTP_REFUSAL_CHUNK);
    assert_true(sent <= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_gives_each_bad_head_its_name),
        cmocka_unit_test(guard_reads_framing_and_expectation),
        cmocka_unit_test(guard_character_classes_follow_the_grammar),
        cmocka_unit_test(guard_finds_a_control_character_wherever_it_stands),
        cmocka_unit_test(guard_finds_the_end_of_a_chunked_body),
        cmocka_unit_test(guard_refuses_every_other_chunk_framing),
        cmocka_unit_test(guard_ends_chunks_that_are_mostly_framing),
        cmocka_unit_test(guard_limits_the_length_of_a_chunk_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
