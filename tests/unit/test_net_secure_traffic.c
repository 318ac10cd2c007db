/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_secure_traffic.c: requests and answers over TLS: large ones, many in one piece, from
 * slow senders and to slow readers; and that limits and times hold as they do without it.
 */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/attrs.h"

/* A scene with one client that is connected. */
struct talk {
    struct scene scene;
    struct secure secure;
};

static void talk_open(struct talk *talk, struct pawl_http_limits limits)
{
    scene_open(&talk->scene, limits);
    scene_connect(&talk->scene, &talk->secure);
    secure_wait_open(&talk->secure);
}

static void talk_close(struct talk *talk)
{
    secure_close(&talk->secure);
    scene_close(&talk->scene);
}

static struct pawl_http_exchange *next_exchange(struct talk *talk, const char *request)
{
    secure_send(&talk->secure, request);
    WAIT_UNTIL(&talk->scene.world,
               secure_pump(&talk->secure) && talk->scene.service.held_count == 1);
    return service_take(&talk->scene.service);
}

/* --- Requests ------------------------------------------------------------------------------- */

static void server_answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    talk.scene.service.answer_at_once = true;
    enum { REQUESTS = 3000 };
    struct pawl_buf all;
    pawl_buf_init(&all, 1 << 20);
    for (int i = 0; i < REQUESTS; i++) {
        pawl_buf_printf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
    }
    secure_send_bytes(&talk.secure, all.data, all.bytes);
    pawl_buf_free(&all);
    WAIT_UNTIL(&talk.scene.world, secure_has(&talk.secure, "GET /2999 0"));
    const char *at = secure_text(&talk.secure);
    for (int i = 0; i < REQUESTS; i++) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "GET /%d 0", i);
        at = strstr(at, wanted);
        assert_non_null(at);
    }
    assert_int_equal(talk.scene.service.request_count, REQUESTS);
    talk_close(&talk);
}

static void server_takes_large_pipelined_bodies(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    talk.scene.service.answer_at_once = true;
    enum { BODIES = 12, BODY_BYTES = 1500000 };
    char *body = malloc(BODY_BYTES);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    for (int i = 0; i < BODIES; i++) {
        char head[128];
        snprintf(head, sizeof(head), "POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
                 i, BODY_BYTES);
        secure_send(&talk.secure, head);
        secure_send_bytes(&talk.secure, body, BODY_BYTES);
    }
    free(body);
    WAIT_UNTIL(&talk.scene.world, secure_has(&talk.secure, "POST /11 1500000"));
    assert_int_equal(secure_count(&talk.secure, " 1500000"), BODIES);
    talk_close(&talk);
}

/* While an answer is awaited, what is read ahead is bounded, and nothing of it is lost. */
static void server_stops_reading_ahead_and_goes_on(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    struct pawl_http_exchange *exchange = next_exchange(&talk, GET("/first"));
    enum { BODY_BYTES = 8000000 };
    char *body = malloc(BODY_BYTES);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    secure_send(&talk.secure,
                "POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n");
    secure_send_bytes(&talk.secure, body, BODY_BYTES);
    free(body);
    /* The kernel's buffers hold some of it, but not all. */
    size_t sent = 0;
    int quiet = 0;
    while (quiet < 50) {
        uv_run(&talk.scene.world.loop, UV_RUN_NOWAIT);
        quiet = talk.secure.wire.out_sent == sent ? quiet + 1 : 0;
        sent = talk.secure.wire.out_sent;
    }
    assert_false(wire_all_sent(&talk.secure.wire));
    talk.scene.service.answer_at_once = true;
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("first"));
    WAIT_UNTIL(&talk.scene.world, secure_has(&talk.secure, "POST /second 8000000"));
    talk_close(&talk);
}

static void server_takes_a_request_byte_by_byte(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    talk.scene.service.answer_at_once = true;
    struct secure slow;
    secure_connect(&slow, &talk.scene.world, talk.scene.service.port, talk.scene.client);
    slow.wire.slow_bytes = 1;
    secure_wait_open(&slow);
    secure_send(&slow, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    WAIT_UNTIL(&talk.scene.world, secure_has(&slow, "POST /slow 5"));
    secure_close(&slow);
    talk_close(&talk);
}

static void server_survives_key_updates(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    talk.scene.service.answer_at_once = true;
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(SSL_key_update(talk.secure.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(talk.secure.ssl), 1);
        secure_pump(&talk.secure);
    }
    secure_send(&talk.secure, GET("/after"));
    WAIT_UNTIL(&talk.scene.world, secure_has(&talk.secure, "GET /after 0"));
    talk_close(&talk);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void server_sends_a_large_answer_whole(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    struct pawl_http_exchange *exchange = next_exchange(&talk, GET("/") GET("/after"));
    enum { BODY_BYTES = 20 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES);
    assert_non_null(body);
    for (size_t i = 0; i < BODY_BYTES; i++) {
        body[i] = (char)('a' + i % 23);
    }
    pawl_http_reply(exchange, 200, NULL, 0, pawl_slice_of(body, BODY_BYTES));
    WAIT_UNTIL(&talk.scene.world, secure_pump(&talk.secure) && talk.scene.service.held_count == 1);
    pawl_http_reply(service_take(&talk.scene.service), 200, NULL, 0, PAWL_SLICE("after"));
    WAIT_UNTIL(&talk.scene.world, secure_pump(&talk.secure) &&
                                      talk.secure.plain.bytes > BODY_BYTES &&
                                      secure_has(&talk.secure, "\r\n\r\nafter"));
    size_t start = pawl_slice_find(pawl_buf_slice(&talk.secure.plain), PAWL_SLICE("\r\n\r\n")) + 4;
    assert_memory_equal(talk.secure.plain.data + start, body, BODY_BYTES);
    free(body);
    talk_close(&talk);
}

static void server_tells_a_producer_to_pause_and_to_go_on(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    struct pawl_http_exchange *exchange = next_exchange(&talk, GET("/"));
    wire_pause(&talk.secure.wire, true);
    static char piece[32768];
    memset(piece, 'y', sizeof(piece));
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    size_t sent = 0;
    bool more = true;
    while (more) {
        more = pawl_http_reply_write(exchange, pawl_slice_of(piece, sizeof(piece)));
        sent += sizeof(piece);
        uv_run(&talk.scene.world.loop, UV_RUN_NOWAIT);
        assert_true(sent < (64u << 20));
    }
    assert_int_equal(talk.scene.service.drained_count, 0);
    wire_pause(&talk.secure.wire, false);
    WAIT_UNTIL(&talk.scene.world,
               secure_pump(&talk.secure) && talk.scene.service.drained_count == 1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("last")));
    pawl_http_reply_end(exchange);
    WAIT_UNTIL(&talk.scene.world, secure_has(&talk.secure, "4\r\nlast\r\n0\r\n\r\n"));
    assert_int_equal(secure_count(&talk.secure, "8000\r\nyyy"), sent / sizeof(piece));
    talk_close(&talk);
}

static void server_gives_up_on_a_client_that_takes_nothing(void **state)
{
    (void)state;
    struct talk talk;
    struct pawl_http_limits limits = limits_default();
    limits.write_timeout_ms = 20;
    talk_open(&talk, limits);
    struct pawl_http_exchange *exchange = next_exchange(&talk, GET("/"));
    wire_pause(&talk.secure.wire, true);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    service_fill(&talk.scene.service, exchange);
    WAIT_UNTIL(&talk.scene.world, talk.scene.service.gone_count == 1);
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&talk.scene.world,
               pawl_http_server_connection_count(talk.scene.service.server) == 0);
    talk_close(&talk);
}

/* --- Limits and times ----------------------------------------------------------------------- */

static void expect_refusal(struct talk *talk, const char *status, const char *name)
{
    WAIT_UNTIL(&talk->scene.world, secure_pump(&talk->secure) && talk->secure.goodbye);
    assert_true(secure_has(&talk->secure, status));
    assert_true(secure_has(&talk->secure, name));
    assert_int_equal(talk->scene.service.request_count, 0);
}

static void server_refuses_what_is_too_large_or_too_slow(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *status;
        const char *name;
    } rows[] = {
        {"GET / HTTP/1.1\r\nX: ", "HTTP/1.1 408 ", "\"head_timeout\""},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhe", "HTTP/1.1 408 ",
         "\"body_timeout\""},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413 ",
         "\"body_too_large\""},
        {"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "HTTP/1.1 431 ", "\"too_many_headers\""},
        {"GET "
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "HTTP/1.1 431 ", "\"head_too_large\""},
    };
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = 20;
    limits.body_timeout_ms = 20;
    limits.body_bytes_max = 100;
    limits.header_count_max = 2;
    limits.head_bytes_max = 80;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct talk talk;
        talk_open(&talk, limits);
        secure_send(&talk.secure, rows[i].request);
        expect_refusal(&talk, rows[i].status, rows[i].name);
        talk_close(&talk);
    }
}

static void server_lets_a_refused_sender_read_the_refusal(void **state)
{
    (void)state;
    struct pawl_http_limits limits = limits_default();
    limits.body_bytes_max = 1000000;
    struct talk talk;
    talk_open(&talk, limits);
    enum { BODY_BYTES = 4000000 };
    char *body = calloc(1, BODY_BYTES);
    assert_non_null(body);
    secure_send(&talk.secure, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
    secure_send_bytes(&talk.secure, body, BODY_BYTES);
    free(body);
    expect_refusal(&talk, "HTTP/1.1 413 ", "\"limit\":1000000");
    assert_false(talk.secure.wire.broken);
    talk_close(&talk);
}

static void server_tells_connections_above_the_limit(void **state)
{
    (void)state;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 1;
    struct talk talk;
    talk_open(&talk, limits);
    struct secure second;
    secure_connect(&second, &talk.scene.world, talk.scene.service.port, talk.scene.client);
    secure_wait_open(&second);
    secure_send(&second, GET("/"));
    WAIT_UNTIL(&talk.scene.world, secure_pump(&second) && second.goodbye);
    assert_true(secure_has(&second, "HTTP/1.1 503 "));
    assert_true(secure_has(&second, "too_many_connections"));
    assert_int_equal(talk.scene.service.request_count, 0);
    secure_close(&second);
    talk_close(&talk);
}

/* --- Memory --------------------------------------------------------------------------------- */

/* Whatever allocation of ours fails, the client gets a whole answer or an end. */
static void server_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, limits_default());
    talk.scene.service.answer_at_once = true;
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct secure secure;
        secure_connect(&secure, &talk.scene.world, talk.scene.service.port, talk.scene.client);
        secure_wait_open(&secure);
        secure_send(&secure, "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                             "Content-Length: 5\r\n\r\nhello");
        /* The client's own buffers must not be what fails. */
        assert_non_null(pawl_buf_reserve(&secure.plain, 100000));
        assert_non_null(pawl_buf_reserve(&secure.wire.in, 200000));
        assert_non_null(pawl_buf_reserve(&secure.wire.out, 100000));
        pawl_alloc_fail_at(nth, 1);
        WAIT_UNTIL(&talk.scene.world, secure_pump(&secure) && secure.wire.eof);
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        if (!failed) {
            assert_true(secure_has(&secure, "POST /x 5"));
            assert_true(nth > 3);
        }
        secure_close(&secure);
        WAIT_UNTIL(&talk.scene.world,
                   pawl_http_server_connection_count(talk.scene.service.server) == 1);
    }
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_answers_pipelined_requests_in_order),
        cmocka_unit_test(server_takes_large_pipelined_bodies),
        cmocka_unit_test(server_stops_reading_ahead_and_goes_on),
        cmocka_unit_test(server_takes_a_request_byte_by_byte),
        cmocka_unit_test(server_survives_key_updates),
        cmocka_unit_test(server_sends_a_large_answer_whole),
        cmocka_unit_test(server_tells_a_producer_to_pause_and_to_go_on),
        cmocka_unit_test(server_gives_up_on_a_client_that_takes_nothing),
        cmocka_unit_test(server_refuses_what_is_too_large_or_too_slow),
        cmocka_unit_test(server_lets_a_refused_sender_read_the_refusal),
        cmocka_unit_test(server_tells_connections_above_the_limit),
        cmocka_unit_test(server_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
