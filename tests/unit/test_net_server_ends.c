/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_server_ends.c: what a server does for clients that read slowly or go away, and without
 * memory.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* --- Back-pressure -------------------------------------------------------------------------- */

static void server_tells_a_producer_to_pause_and_to_go_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/"));
    wire_pause(&f.wire, true);
    static char piece[32768];
    memset(piece, 'y', sizeof(piece));
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    size_t sent = 0;
    bool more = true;
    /* The kernel's buffers are finite, so a client that does not read stops us in the end. */
    while (more) {
        more = pawl_http_reply_write(exchange, pawl_slice_of(piece, sizeof(piece)));
        sent += sizeof(piece);
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
        assert_true(sent < (64u << 20));
    }
    assert_int_equal(f.service.drained_count, 0);
    uv_run(&f.world.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.service.drained_count, 0);
    /* What is passed nevertheless is taken. */
    assert_false(pawl_http_reply_write(exchange, PAWL_SLICE("more")));
    sent += 4;
    wire_pause(&f.wire, false);
    WAIT_UNTIL(&f.world, f.service.drained_count == 1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("last")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n0\r\n\r\n"));
    assert_int_equal(f.service.drained_count, 1);
    assert_int_equal(wire_count(&f.wire, "8000\r\nyyy"), sent / sizeof(piece));
    assert_true(wire_has(&f.wire, "4\r\nmore\r\n4\r\nlast\r\n0\r\n\r\n"));
    fixture_close(&f);
}

static void server_sends_a_large_answer_whole(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct pawl_http_exchange *exchange = fixture_next_exchange(&f, GET("/") GET("/after"));
    enum { BODY_BYTES = 20 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES);
    assert_non_null(body);
    memset(body, 'z', BODY_BYTES);
    pawl_http_reply(exchange, 200, NULL, 0, pawl_slice_of(body, BODY_BYTES));
    free(body);
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("after"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "\r\n\r\nafter"));
    assert_true(f.wire.in.bytes > BODY_BYTES && f.wire.in.bytes < BODY_BYTES + 200);
    fixture_close(&f);
}

/* --- Clients that go away ------------------------------------------------------------------- */

static void server_notices_a_client_that_leaves_before_the_answer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire leaver;
    wire_connect(&leaver, &f.world, f.service.port);
    wire_send(&leaver, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&f.service);
    assert_false(pawl_http_exchange_is_gone(exchange));
    wire_close(&leaver);
    WAIT_UNTIL(&f.world, f.service.gone_count == 1);
    uv_run(&f.world.loop, UV_RUN_NOWAIT);
    /* The request is still there, and the owner answers whenever it likes. */
    assert_true(pawl_slice_equal_str(pawl_http_exchange_request(exchange)->path, "/"));
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("nobody hears"));
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    assert_int_equal(f.service.gone_count, 1);
    fixture_close(&f);
}

static void server_notices_a_client_that_leaves_in_mid_stream(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire leaver;
    wire_connect(&leaver, &f.world, f.service.port);
    wire_send(&leaver, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&f.service);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("one")));
    WAIT_UNTIL(&f.world, wire_has(&leaver, "one"));
    wire_reset(&leaver);
    WAIT_UNTIL(&f.world, f.service.gone_count == 1);
    /* Writing on is allowed, is never told to pause, and reaches nobody. */
    static char piece[100000];
    for (int i = 0; i < 20; i++) {
        assert_true(pawl_http_reply_write(exchange, pawl_slice_of(piece, sizeof(piece))));
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    assert_int_equal(f.service.gone_count, 1);
    assert_int_equal(f.service.drained_count, 0);
    fixture_close(&f);
}

static void server_notices_a_client_that_leaves_while_paused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire leaver;
    wire_connect(&leaver, &f.world, f.service.port);
    wire_send(&leaver, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&f.service);
    wire_pause(&leaver, true);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    service_fill(&f.service, exchange);
    wire_close(&leaver);
    WAIT_UNTIL(&f.world, f.service.gone_count == 1);
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    assert_int_equal(f.service.drained_count, 0);
    fixture_close(&f);
}

static void answer_and_go(struct pawl_http_exchange *exchange)
{
    struct service *service = pawl_http_exchange_owner(exchange);
    service->gone_count += 1;
    service->held_count = 0;
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE_NONE);
}

static void server_allows_the_answer_inside_gone(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire leaver;
    wire_connect(&leaver, &f.world, f.service.port);
    wire_send(&leaver, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    pawl_http_exchange_on_gone(f.service.held[0], answer_and_go);
    wire_close(&leaver);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    assert_int_equal(f.service.gone_count, 1);
    fixture_close(&f);
}

static void server_forgets_a_client_that_leaves_in_mid_request(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    static const char *const beginnings[] = {
        "", "GET /", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhal",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(beginnings); i++) {
        struct wire leaver;
        wire_connect(&leaver, &f.world, f.service.port);
        wire_send(&leaver, beginnings[i]);
        WAIT_UNTIL(&f.world, wire_all_sent(&leaver) &&
                                 pawl_http_server_connection_count(f.service.server) == 2);
        wire_close(&leaver);
        WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    }
    assert_int_equal(f.service.request_count, 0);
    fixture_close(&f);
}

/* A client that shuts its sending side behind the request still gets an answer that was given at
 * once; see server.h for one that has to wait. */
static void server_answers_at_once_before_it_sees_the_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    wire_send(&f.wire, GET("/only"));
    WAIT_UNTIL(&f.world, wire_all_sent(&f.wire));
    assert_int_equal(shutdown(f.wire.fd, 1), 0);
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "GET /only 0"));
    fixture_close(&f);
}

/* What came whole before its sender left is served, also when the server learns of both at once:
 * the sender may have meant it. */
static void server_serves_what_came_before_the_end(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    for (size_t i = 1; i <= 3; i++) {
        struct wire leaver;
        wire_connect(&leaver, &f.world, f.service.port);
        WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 2);
        static const char request[] = GET("/parting");
        assert_int_equal(send(leaver.fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
        wire_close(&leaver);
        WAIT_UNTIL(&f.world, f.service.request_count == i);
        WAIT_UNTIL(&f.world, f.service.gone_count == i);
        pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("nobody hears"));
        WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    }
    fixture_close(&f);
}

/* Whatever allocation fails, the client gets a whole answer or an end, and the server lives. */
static void server_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.answer_at_once = true;
    wire_send(&f.wire, GET("/before"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "GET /before 0"));
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct wire wire;
        wire_connect(&wire, &f.world, f.service.port);
        wire_send(&wire, "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: "
                         "600\r\n\r\n");
        static char body[600];
        wire_send_bytes(&wire, body, sizeof(body));
        /* The wire's own buffer must not be what fails. */
        assert_non_null(pawl_buf_reserve(&wire.in, 100000));
        pawl_alloc_fail_at(nth, 1);
        WAIT_UNTIL(&f.world, wire.eof);
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        assert_true(wire.in.bytes == 0 || wire_has(&wire, "POST /x 600") ||
                    wire_has(&wire, "no_memory") || wire_has(&wire, "HTTP/1.1 200 OK"));
        if (!failed) {
            assert_true(wire_has(&wire, "POST /x 600"));
            assert_true(nth > 4);
        }
        wire_close(&wire);
        WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_tells_a_producer_to_pause_and_to_go_on),
        cmocka_unit_test(server_sends_a_large_answer_whole),
        cmocka_unit_test(server_notices_a_client_that_leaves_before_the_answer),
        cmocka_unit_test(server_notices_a_client_that_leaves_in_mid_stream),
        cmocka_unit_test(server_notices_a_client_that_leaves_while_paused),
        cmocka_unit_test(server_allows_the_answer_inside_gone),
        cmocka_unit_test(server_forgets_a_client_that_leaves_in_mid_request),
        cmocka_unit_test(server_answers_at_once_before_it_sees_the_end),
        cmocka_unit_test(server_serves_what_came_before_the_end),
        cmocka_unit_test(server_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
