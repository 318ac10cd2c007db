/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_reader.c: one request from bytes, without sockets: what a handler gets to see, the
 * limits, and that the cuts between reads change nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "net/reader.h"
#include "seed.h"

static uint64_t seed;

struct fixture {
    struct pawl_http_limits limits;
    struct pawl_arena arena;
    struct pawl_reader reader;
};

static void open_fixture(struct fixture *fixture)
{
    *fixture = (struct fixture){.limits = PAWL_HTTP_LIMITS_DEFAULT};
    pawl_arena_init(&fixture->arena, 1 << 20);
    pawl_reader_init(&fixture->reader, &fixture->limits, &fixture->arena);
}

static void close_fixture(struct fixture *fixture)
{
    pawl_reader_free(&fixture->reader);
    pawl_arena_free(&fixture->arena);
}

/* Feeds until the request is whole or refused or the bytes are used up. */
static size_t feed(struct pawl_reader *reader, struct pawl_slice bytes)
{
    size_t used = 0;
    while (used < bytes.bytes && reader->state != PAWL_READER_COMPLETE &&
           reader->state != PAWL_READER_REFUSED) {
        used += pawl_reader_feed(reader, pawl_slice_sub(bytes, used, bytes.bytes));
    }
    return used;
}

static void assert_slice(struct pawl_slice slice, const char *text)
{
    if (!pawl_slice_equal_str(slice, text)) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)slice.bytes, slice.data, text);
    }
}

static void reader_gives_every_part_of_a_request(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct pawl_slice text = PAWL_SLICE("POST /v1/messages?beta=true&x=? HTTP/1.1\r\n"
                                        "Host: localhost:80\r\n"
                                        "X-Empty:\r\n"
                                        "x-CaSe:  two words \t\r\n"
                                        "Content-Length: 5\r\n"
                                        "\r\n"
                                        "helloGET /next");
    assert_int_equal(feed(&f.reader, text), text.bytes - strlen("GET /next"));
    assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
    const struct pawl_http_request *request = &f.reader.request;
    assert_slice(request->method, "POST");
    assert_slice(request->target, "/v1/messages?beta=true&x=?");
    assert_slice(request->path, "/v1/messages");
    assert_slice(request->query, "beta=true&x=?");
    assert_slice(request->body, "hello");
    assert_int_equal(request->header_count, 4);
    assert_slice(request->headers[0].name, "Host");
    assert_slice(request->headers[0].value, "localhost:80");
    assert_slice(request->headers[1].name, "X-Empty");
    assert_slice(request->headers[1].value, "");
    assert_slice(request->headers[2].name, "x-CaSe");
    assert_slice(request->headers[2].value, "two words");
    assert_false(request->upgrade);
    assert_true(f.reader.keep_alive);
    close_fixture(&f);
}

static void reader_splits_the_target(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path;
        const char *query;
    } cases[] = {
        {"/", "/", ""},
        {"/a/../b%20c", "/a/../b%20c", ""},
        {"/?", "/", ""},
        {"/a?b?c", "/a", "b?c"},
        {"http://host:8/a/b?c", "/a/b", "c"},
        {"https://host", "/", ""},
        {"http://host?q", "/", "q"},
        {"//host/a", "//host/a", ""},
        {"*", "*", ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_fixture(&f);
        char head[128];
        int length =
            snprintf(head, sizeof(head), "OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
        feed(&f.reader, pawl_slice_of(head, (size_t)length));
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        assert_slice(f.reader.request.path, cases[i].path);
        assert_slice(f.reader.request.query, cases[i].query);
        close_fixture(&f);
    }
}

static void reader_knows_which_connections_go_on(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        struct fixture f;
        open_fixture(&f);
        feed(&f.reader, pawl_slice_str(cases[i].head));
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        assert_int_equal(f.reader.keep_alive, cases[i].keep_alive);
        close_fixture(&f);
    }
}

static void reader_marks_websockets_but_not_offers_of_http2(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct pawl_slice websocket = PAWL_SLICE("GET /v1/responses HTTP/1.1\r\nHost: a\r\n"
                                             "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_int_equal(feed(&f.reader, websocket), websocket.bytes);
    assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
    assert_true(f.reader.request.upgrade);
    assert_true(f.reader.keep_alive);
    pawl_arena_reset(&f.arena);
    pawl_reader_reset(&f.reader);
    /* With a body, too, what follows is read as HTTP. */
    struct pawl_slice offer = PAWL_SLICE("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, "
                                         "HTTP2-Settings\r\nHTTP2-Settings: AAA\r\nUpgrade: h2c\r\n"
                                         "Content-Length: 2\r\n\r\nokGET");
    assert_int_equal(feed(&f.reader, offer), offer.bytes - 3);
    assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
    assert_false(f.reader.request.upgrade);
    assert_slice(f.reader.request.body, "ok");
    close_fixture(&f);
}

static void reader_decodes_chunks(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct pawl_slice text =
        PAWL_SLICE("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "4;ext=1\r\nWiki\r\n5\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\n\r\nrest");
    assert_int_equal(feed(&f.reader, text), text.bytes - 4);
    assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
    assert_slice(f.reader.request.body, "Wikipedia in\r\n\r\nchunks.");
    close_fixture(&f);
}

static enum pawl_http_refusal refusal_of(struct pawl_http_limits limits, const char *text)
{
    struct fixture f;
    open_fixture(&f);
    close_fixture(&f);
    f.limits = limits;
    pawl_reader_init(&f.reader, &f.limits, &f.arena);
    feed(&f.reader, pawl_slice_str(text));
    enum pawl_http_refusal refusal = f.reader.refusal;
    assert_int_equal(f.reader.state == PAWL_READER_REFUSED, refusal != PAWL_HTTP_REFUSAL_NONE);
    close_fixture(&f);
    return refusal;
}

static void reader_keeps_the_limits(void **state)
{
    (void)state;
    struct pawl_http_limits limits = PAWL_HTTP_LIMITS_DEFAULT;
    limits.head_bytes_max = 64;
    limits.header_count_max = 3;
    limits.body_bytes_max = 5;
    assert_int_equal(refusal_of(limits, "GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 1\r\n\r\n"),
                     PAWL_HTTP_REFUSAL_NONE);
    assert_int_equal(refusal_of(limits, "GET / HTTP/1.1\r\nHost: a\r\nB:\r\nC:\r\nD:\r\n\r\n"),
                     PAWL_HTTP_REFUSAL_HEADER_COUNT);
    assert_int_equal(
        refusal_of(limits, "GET /0123456789012345678901234567890123456789012345678901"),
        PAWL_HTTP_REFUSAL_NONE);
    assert_int_equal(
        refusal_of(limits, "GET /012345678901234567890123456789012345678901234567890123456789"),
        PAWL_HTTP_REFUSAL_HEAD_BYTES);
    assert_int_equal(
        refusal_of(limits, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"),
        PAWL_HTTP_REFUSAL_NONE);
    assert_int_equal(refusal_of(limits, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"),
                     PAWL_HTTP_REFUSAL_BODY_BYTES);
    limits.head_bytes_max = 1000;
    assert_int_equal(refusal_of(limits, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                                        "\r\n\r\n3\r\n123\r\n3\r\n"),
                     PAWL_HTTP_REFUSAL_BODY_BYTES);
    assert_int_equal(refusal_of(limits, "FROB / HTTP/1.1\r\nHost: a\r\n\r\n"),
                     PAWL_HTTP_REFUSAL_METHOD);
    assert_int_equal(refusal_of(limits, "GET / HTTP/1.1\r\nHost: a\r\nExpect: later\r\n\r\n"),
                     PAWL_HTTP_REFUSAL_EXPECTATION);
}

/* --- Bodies that are longer than most may be ------------------------------------------------- */

static uint64_t allowed_bytes;
static uint32_t asked_count;

static struct pawl_http_body_max body_max_of(void *arg, const struct pawl_http_request *request)
{
    assert_null(arg);
    assert_true(pawl_slice_equal_str(request->path, "/large"));
    asked_count++;
    return (struct pawl_http_body_max){.bytes = allowed_bytes, .whose = 7};
}

static void feed_large(struct fixture *f, size_t bytes, bool chunked)
{
    char text[256];
    char body[64];
    memset(body, 'x', sizeof(body));
    (void)snprintf(text, sizeof(text),
                   chunked ? "PUT /large HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "4\r\nxxxx\r\n%zx\r\n%.*s\r\n0\r\n\r\n"
                           : "PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%.*s",
                   bytes - (chunked ? 4 : 0), (int)bytes - (chunked ? 4 : 0), body);
    feed(&f->reader, pawl_slice_str(text));
}

static void reader_takes_more_of_whom_it_is_allowed(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_body_places places = {0};
    for (int chunked = 0; chunked < 2; chunked++) {
        open_fixture(&f);
        close_fixture(&f);
        f.limits.body_bytes_max = 10;
        f.limits.large_count_max = 3;
        pawl_reader_init(&f.reader, &f.limits, &f.arena);
        f.reader.large = (struct pawl_reader_large){.body_max = body_max_of, .places = &places};
        allowed_bytes = 20;
        asked_count = 0;
        feed_large(&f, 10, chunked != 0); /* is not large, whether or not it said so */
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        assert_int_equal(asked_count, chunked);
        assert_int_equal(places.count, 0);
        for (int repeat = 0; repeat < 2; repeat++) {
            pawl_reader_reset(&f.reader);
            feed_large(&f, 20, chunked != 0);
            assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
            assert_int_equal(f.reader.request.body.bytes, 20);
            assert_int_equal(places.count, 1);
        }
        pawl_reader_reset(&f.reader);
        assert_int_equal(places.count, 0);
        feed_large(&f, 21, chunked != 0);
        assert_int_equal(f.reader.refusal, PAWL_HTTP_REFUSAL_BODY_BYTES);
        pawl_reader_reset(&f.reader);
        allowed_bytes = 3; /* less than all may have */
        feed_large(&f, 10, chunked != 0);
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        pawl_reader_reset(&f.reader);
        feed_large(&f, 11, chunked != 0);
        assert_int_equal(f.reader.refusal, PAWL_HTTP_REFUSAL_BODY_BYTES);
        pawl_reader_reset(&f.reader);
        allowed_bytes = 20;
        struct pawl_body_place others[3] = {{.whose = 7}, {.whose = 7}, {.whose = 8}};
        for (size_t i = 0; i < 3; i++) {
            if (i > 0) {
                feed_large(&f, 11, chunked != 0);
                assert_int_equal(f.reader.refusal, i == 1 ? PAWL_HTTP_REFUSAL_NONE
                                                          : PAWL_HTTP_REFUSAL_LARGE_COUNT_OF_ONE);
                pawl_reader_reset(&f.reader);
            }
            assert_int_equal(pawl_body_place_take(&others[i], &places, 3), PAWL_HTTP_REFUSAL_NONE);
        }
        feed_large(&f, 11, chunked != 0);
        assert_int_equal(f.reader.refusal, PAWL_HTTP_REFUSAL_LARGE_COUNT);
        pawl_reader_reset(&f.reader);
        feed_large(&f, 10, chunked != 0);
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        for (size_t i = 0; i < 3; i++) {
            pawl_body_place_leave(&others[i]);
        }
        pawl_reader_reset(&f.reader);
        feed_large(&f, 15, chunked != 0);
        assert_int_equal(places.count, 1);
        close_fixture(&f);
        assert_int_equal(places.count, 0);
    }
}

/* An empty line between two requests is old clients' habit and begins nothing. */
static void reader_drops_empty_lines_before_a_request(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    feed(&f.reader, PAWL_SLICE("\r\n"));
    assert_false(pawl_reader_head_begun(&f.reader));
    feed(&f.reader, PAWL_SLICE("\r\nG"));
    assert_true(pawl_reader_head_begun(&f.reader));
    feed(&f.reader, PAWL_SLICE("ET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
    assert_slice(f.reader.request.method, "GET");
    close_fixture(&f);
}

static void reader_reads_many_requests_one_after_another(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 1000; i++) {
        struct pawl_slice text =
            i % 2 == 0 ? PAWL_SLICE("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
                       : PAWL_SLICE("GET /b HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n");
        assert_int_equal(feed(&f.reader, text), text.bytes);
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        assert_slice(f.reader.request.path, i % 2 == 0 ? "/a" : "/b");
        assert_int_equal(f.reader.request.body.bytes, i % 2 == 0 ? 3 : 0);
        pawl_arena_reset(&f.arena);
        pawl_reader_reset(&f.reader);
    }
    close_fixture(&f);
}

static const char *const sample =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: example\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "\r\n\r\n1a;q=\"x\"\r\nabcdefghijklmnopqrstuvwxyz\r\n3\r\n123\r\n0\r\n\r\n";

static void reader_does_not_mind_where_the_bytes_are_cut(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed);
    size_t total = strlen(sample);
    for (int round = 0; round < 200; round++) {
        struct fixture f;
        open_fixture(&f);
        size_t at = 0;
        while (at < total) {
            /* Round 0 goes byte by byte. */
            size_t piece = round == 0 ? 1 : 1 + (size_t)pawl_prng_below(&prng, 40);
            piece = piece < total - at ? piece : total - at;
            /* A copy of its own, so that a read beyond the piece is seen by the sanitizer. */
            char *copy = malloc(piece);
            assert_non_null(copy);
            memcpy(copy, sample + at, piece);
            assert_int_equal(feed(&f.reader, pawl_slice_of(copy, piece)), piece);
            free(copy);
            at += piece;
        }
        assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
        assert_slice(f.reader.request.path, "/v1/chat/completions");
        assert_slice(f.reader.request.query, "x=1");
        assert_slice(f.reader.request.body, "abcdefghijklmnopqrstuvwxyz123");
        assert_int_equal(f.reader.request.header_count, 5);
        assert_slice(f.reader.request.headers[4].value, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        close_fixture(&f);
    }
}

/* Whatever allocation fails, the request is refused for memory or comes out whole. */
static void reader_survives_every_failed_allocation(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct fixture f;
        open_fixture(&f);
        pawl_alloc_fail_at(nth, 1);
        feed(&f.reader, pawl_slice_str(sample));
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        if (failed) {
            assert_int_equal(f.reader.state, PAWL_READER_REFUSED);
            assert_int_equal(f.reader.refusal, PAWL_HTTP_REFUSAL_MEMORY);
        } else {
            assert_int_equal(f.reader.state, PAWL_READER_COMPLETE);
            assert_true(nth > 3);
        }
        close_fixture(&f);
    }
}

static void http_helpers_compare_without_case(void **state)
{
    (void)state;
    const struct pawl_http_header headers[] = {
        {PAWL_SLICE("Connection"), PAWL_SLICE("close, X-Mine ,")},
        {PAWL_SLICE("x-other"), PAWL_SLICE("1")},
        {PAWL_SLICE("X-Other"), PAWL_SLICE("2")},
    };
    assert_ptr_equal(pawl_http_find_header(headers, 3, "X-OTHER"), &headers[1]);
    assert_null(pawl_http_find_header(headers, 3, "X-Othe"));
    assert_true(pawl_http_connection_names(headers, 3, PAWL_SLICE("x-mine")));
    assert_false(pawl_http_connection_names(headers, 3, PAWL_SLICE("")));
    assert_false(pawl_http_connection_names(headers, 3, PAWL_SLICE("x-other")));
    static const char *const hop[] = {
        "Connection", "keep-alive",         "TE",      "Proxy-Authorization", "Proxy-Connection",
        "trailer",    "Proxy-Authenticate", "UPGRADE", "Transfer-Encoding"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hop); i++) {
        assert_true(pawl_http_is_hop_by_hop(pawl_slice_str(hop[i])));
    }
    static const char *const end[] = {"Content-Length", "Host", "Authorization", "Te2", "",
                                      "Accept"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(end); i++) {
        assert_false(pawl_http_is_hop_by_hop(pawl_slice_str(end[i])));
    }
    assert_string_equal(pawl_http_reason(402), "Payment Required");
    assert_string_equal(pawl_http_reason(299), "Unknown");
}

int main(void)
{
    seed = seed_for("test_net_reader");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_gives_every_part_of_a_request),
        cmocka_unit_test(reader_splits_the_target),
        cmocka_unit_test(reader_knows_which_connections_go_on),
        cmocka_unit_test(reader_marks_websockets_but_not_offers_of_http2),
        cmocka_unit_test(reader_decodes_chunks),
        cmocka_unit_test(reader_keeps_the_limits),
        cmocka_unit_test(reader_takes_more_of_whom_it_is_allowed),
        cmocka_unit_test(reader_drops_empty_lines_before_a_request),
        cmocka_unit_test(reader_reads_many_requests_one_after_another),
        cmocka_unit_test(reader_does_not_mind_where_the_bytes_are_cut),
        cmocka_unit_test(reader_survives_every_failed_allocation),
        cmocka_unit_test(http_helpers_compare_without_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
