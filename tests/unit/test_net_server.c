/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_server.c: the server over real sockets: requests whole and in pieces, answers whole and
 * streamed, in order.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <stdlib.h>
#include <string.h>

/* --- Requests ------------------------------------------------------------------------------- */

static void server_answers_on_a_connection_that_goes_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    for (int i = 0; i < 3; i++) {
        wire_send(&f.wire, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        WAIT_UNTIL(&f.world, wire_has(&f.wire, "POST /a 2"));
        assert_string_equal(wire_text(&f.wire),
                            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPOST /a 2");
        wire_forget(&f.wire);
    }
    assert_int_equal(pawl_http_server_connection_count(f.service.server), 1);
    fixture_close(&f);
}

static void server_takes_a_request_byte_by_byte(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    const char *text = "POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for (const char *byte = text; *byte != '\0'; byte++) {
        assert_false(wire_has(&f.wire, "HTTP"));
        wire_send_bytes(&f.wire, byte, 1);
        WAIT_UNTIL(&f.world, wire_all_sent(&f.wire));
        /* The server has read it by the time that the loop has nothing else to do. */
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "POST /slow 5"));
    fixture_close(&f);
}

static void server_answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    wire_send(&f.wire,
              GET("/1") "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" GET("/3"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "GET /3 0"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nGET /1 0"
                                            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPOST /2 3"
                                            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nGET /3 0");
    fixture_close(&f);
}

static void server_hands_out_the_next_request_after_the_answer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    wire_send(&f.wire, GET("/1") GET("/2"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    /* A later connection is served meanwhile, so the second request waits by rule. */
    struct wire other;
    wire_connect(&other, &f.world, f.service.port);
    wire_send(&other, GET("/other"));
    WAIT_UNTIL(&f.world, f.service.held_count == 2);
    struct pawl_http_exchange *first = service_take(&f.service);
    struct pawl_http_exchange *third = service_take(&f.service);
    assert_true(pawl_slice_equal_str(pawl_http_exchange_request(third)->path, "/other"));
    pawl_http_reply_begin(first, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(first, PAWL_SLICE("one")));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "one"));
    assert_int_equal(f.service.request_count, 2);
    pawl_http_reply_end(first);
    pawl_http_reply(third, 200, NULL, 0, PAWL_SLICE("three"));
    WAIT_UNTIL(&f.world, f.service.request_count == 3);
    struct pawl_http_exchange *second = service_take(&f.service);
    assert_true(pawl_slice_equal_str(pawl_http_exchange_request(second)->path, "/2"));
    pawl_http_reply(second, 204, NULL, 0, PAWL_SLICE_NONE);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "204 No Content\r\n\r\n"));
    WAIT_UNTIL(&f.world, wire_has(&other, "three"));
    wire_close(&other);
    fixture_close(&f);
}

static void server_takes_ten_thousand_pipelined_requests(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    /* More than one read's worth, and more than is held before reading stops. */
    for (int i = 0; i < 10000; i++) {
        wire_send(&f.wire, GET("/many"));
    }
    wire_send(&f.wire, GET("/last"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "GET /last 0"));
    assert_int_equal(wire_count(&f.wire, "GET /many 0"), 10000);
    fixture_close(&f);
}

static void server_takes_a_large_body(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    enum { BODY_BYTES = 10 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES);
    assert_non_null(body);
    memset(body, 'x', BODY_BYTES);
    wire_send(&f.wire, "PUT /big HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n");
    wire_send_bytes(&f.wire, body, BODY_BYTES);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "PUT /big 10485760"));
    wire_send(&f.wire, "PUT /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < BODY_BYTES; at += BODY_BYTES / 16) {
        wire_send(&f.wire, "a0000\r\n");
        wire_send_bytes(&f.wire, body + at, BODY_BYTES / 16);
        wire_send(&f.wire, "\r\n");
    }
    wire_send(&f.wire, "0\r\n\r\n");
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "PUT /chunks 10485760"));
    free(body);
    fixture_close(&f);
}

static void server_asks_for_a_body_that_waits_to_be_asked_for(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    wire_send(&f.wire,
              "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 100 Continue\r\n\r\n");
    wire_send(&f.wire, "hi");
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "POST /e 2"));
    wire_forget(&f.wire);
    /* Who did not wait is not asked. */
    wire_send(&f.wire,
              "POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "POST /f 2"));
    assert_false(wire_has(&f.wire, "100 Continue"));
    fixture_close(&f);
}

static void server_does_not_ask_for_a_body_that_is_too_large(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_bytes_max = 10;
    fixture_open(&f, limits);
    wire_send(&f.wire,
              "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_true(wire_has(&f.wire,
                         "{\"error\":\"body_too_large\",\"message\":\"The request body is too "
                         "large.\",\"limit\":10}"));
    assert_false(wire_has(&f.wire, "100 Continue"));
    fixture_close(&f);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void server_writes_the_headers_it_is_given(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    const struct pawl_http_header headers[] = {
        {PAWL_SLICE("X-CaSe"), PAWL_SLICE("a")},
        {PAWL_SLICE("x-empty"), PAWL_SLICE_NONE},
        {PAWL_SLICE("Content-Length"), PAWL_SLICE("999")},
        {PAWL_SLICE("Connection"), PAWL_SLICE("close")},
        {PAWL_SLICE("Transfer-Encoding"), PAWL_SLICE("chunked")},
        {PAWL_SLICE("X-Split"), PAWL_SLICE("a\r\nX-Smuggled: b")},
        {PAWL_SLICE("X-Split\n"), PAWL_SLICE("a")},
        {PAWL_SLICE("X-Last"), PAWL_SLICE("z")},
    };
    pawl_http_reply(exchange, 402, headers, PAWL_ARRAY_LEN(headers), PAWL_SLICE("no"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\nno"));
    assert_string_equal(wire_text(&f.wire),
                        "HTTP/1.1 402 Payment Required\r\nX-CaSe: a\r\n"
                        "x-empty: \r\nX-Last: z\r\nContent-Length: 2\r\n\r\nno");
    fixture_close(&f);
}

static void server_writes_lines_before_headers(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    const struct pawl_http_header header = {PAWL_SLICE("X-Last"), PAWL_SLICE("z")};
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply_lines(exchange, 200, PAWL_SLICE("X-A: a\r\nX-B: b\r\n"), &header, 1,
                          PAWL_SLICE("yes"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\nyes"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 200 OK\r\nX-A: a\r\nX-B: b\r\nX-Last: z\r\n"
                                            "Content-Length: 3\r\n\r\nyes");
    fixture_close(&f);
}

static void server_gives_no_body_where_none_may_be(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange =
        fixture_next_exchange(&f, "HEAD /api/hello HTTP/1.1\r\nHost: h\r\n\r\n");
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("hello"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    exchange = fixture_next_exchange(&f, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("hello")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire),
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply(exchange, 204, NULL, 0, PAWL_SLICE("hello"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 204 No Content\r\n\r\n");
    exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply_begin(exchange, 304, NULL, 0, -1);
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 304 Not Modified\r\n\r\n");
    fixture_close(&f);
}

static void server_streams_in_chunks(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\n"));
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("data: 1\n\n")));
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE_NONE));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "9\r\ndata: 1\n\n\r\n"));
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("data: 22\n\n")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "0\r\n\r\n"));
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                            "9\r\ndata: 1\n\n\r\na\r\ndata: 22\n\n\r\n0\r\n\r\n");
    fixture_close(&f);
}

static void server_streams_a_known_length_and_keeps_to_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply_begin(exchange, 200, NULL, 0, 5);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("abc")));
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("defg")));
    pawl_http_reply_end(exchange);
    exchange = fixture_next_exchange(&f, GET("/"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "abcde"));
    assert_false(wire_has(&f.wire, "f"));
    /* Less than was promised: the connection must not go on. */
    pawl_http_reply_begin(exchange, 200, NULL, 0, 5);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("abc")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, f.wire.eof);
    fixture_close(&f);
}

static void server_serves_http_1_0(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange =
        fixture_next_exchange(&f, "GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n");
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("a"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\na"));
    assert_true(wire_has(&f.wire, "Connection: keep-alive\r\n"));
    exchange =
        fixture_next_exchange(&f, "GET / HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n");
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("until the end")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_false(f.wire.broken);
    assert_string_equal(wire_text(&f.wire),
                        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
    fixture_close(&f);
}

static void server_closes_when_the_client_asks_for_it(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(
        &f, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/late"));
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("bye"));
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_false(f.wire.broken);
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                                            "Connection: close\r\n\r\nbye");
    assert_int_equal(f.service.request_count, 1);
    fixture_close(&f);
}

static void server_breaks_an_answer_off_so_that_it_shows(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("half")));
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "half"));
    assert_false(wire_has(&f.wire, "0\r\n\r\n"));
    /* Without any framing only a reset can show it. */
    struct wire old;
    wire_connect(&old, &f.world, f.service.port);
    wire_send(&old, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    exchange = service_take(&f.service);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("half")));
    WAIT_UNTIL(&f.world, wire_has(&old, "half"));
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&f.world, old.eof);
    assert_true(old.broken);
    wire_close(&old);
    fixture_close(&f);
}

/* The head and the first bytes leave together: the wire sees them in one read. */
static void server_sends_head_and_first_bytes_together(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    wire_pause(&f.wire, true);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("first")));
    assert_int_equal(f.wire.in.bytes, 0);
    uv_run(&f.world.loop, UV_RUN_NOWAIT);
    wire_pause(&f.wire, false);
    WAIT_UNTIL(&f.world, f.wire.in.bytes > 0);
    assert_true(wire_has(&f.wire, "\r\n\r\n5\r\nfirst\r\n"));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "0\r\n\r\n"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_answers_on_a_connection_that_goes_on),
        cmocka_unit_test(server_takes_a_request_byte_by_byte),
        cmocka_unit_test(server_answers_pipelined_requests_in_order),
        cmocka_unit_test(server_hands_out_the_next_request_after_the_answer),
        cmocka_unit_test(server_takes_ten_thousand_pipelined_requests),
        cmocka_unit_test(server_takes_a_large_body),
        cmocka_unit_test(server_asks_for_a_body_that_waits_to_be_asked_for),
        cmocka_unit_test(server_does_not_ask_for_a_body_that_is_too_large),
        cmocka_unit_test(server_writes_the_headers_it_is_given),
        cmocka_unit_test(server_writes_lines_before_headers),
        cmocka_unit_test(server_gives_no_body_where_none_may_be),
        cmocka_unit_test(server_streams_in_chunks),
        cmocka_unit_test(server_streams_a_known_length_and_keeps_to_it),
        cmocka_unit_test(server_serves_http_1_0),
        cmocka_unit_test(server_closes_when_the_client_asks_for_it),
        cmocka_unit_test(server_breaks_an_answer_off_so_that_it_shows),
        cmocka_unit_test(server_sends_head_and_first_bytes_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
