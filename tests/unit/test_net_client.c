/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_client.c: the client when all goes well: what goes out, byte for byte, what comes in,
 * connections that are used again, and an owner who cannot keep up.
 */
#define _GNU_SOURCE
#include "test_net_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- What goes out -------------------------------------------------------------------------- */

struct outgoing {
    struct request request;
    const char *before_host; /* the request line */
    const char *after_host;
};

/* PAWL_SLICE is no constant expression, and these tables are static. */
#define HEADER(name, value)                                                                        \
    {                                                                                              \
        {(name), sizeof(name) - 1},                                                                \
        {                                                                                          \
            (value), sizeof(value) - 1                                                             \
        }                                                                                          \
    }

static const struct pawl_http_header some_headers[] = {
    HEADER("X-CaSe", "one  two"),
    HEADER("x-empty", ""),
    HEADER("authorization", "Bearer sk-1"),
    HEADER("X-CaSe", "again; x=\"y:z\""),
    HEADER("Host", "elsewhere"),
    HEADER("Content-Length", "999"),
    HEADER("Connection", "close"),
    HEADER("Expect", "100-continue"),
    HEADER("content-type", "application/json"),
    HEADER("accept", "text/event-stream"),
    HEADER("Accept-Encoding", "identity"),
    HEADER("User-Agent", "Test/1"),
};

static void client_sends_exactly_what_it_is_given(void **state)
{
    (void)state;
    static const struct outgoing cases[] = {
        {{.method = "GET", .path = "/"}, "GET / HTTP/1.1\r\n", "\r\n"},
        {{.method = "GET", .path = "/a/../b?c=%20&d"}, "GET /a/../b?c=%20&d HTTP/1.1\r\n", "\r\n"},
        {{.method = "HEAD", .path = "/h"}, "HEAD /h HTTP/1.1\r\n", "\r\n"},
        {{.method = "DELETE", .path = "/d"}, "DELETE /d HTTP/1.1\r\n", "\r\n"},
        {{.method = "POST", .path = "/p"}, "POST /p HTTP/1.1\r\n", "\r\n"},
        {{.method = "POST", .path = "/p", .body = ""},
         "POST /p HTTP/1.1\r\n",
         "Content-Length: 0\r\n\r\n"},
        {{.method = "POST", .path = "/p", .body = "hello"},
         "POST /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "PATCH", .path = "/p", .body = "hello"},
         "PATCH /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "GET", .path = "/p", .body = "hello"},
         "GET /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "POST",
          .path = "/p",
          .body = "hello",
          .headers = some_headers,
          .header_count = PAWL_ARRAY_LEN(some_headers)},
         "POST /p HTTP/1.1\r\n",
         "X-CaSe: one  two\r\nx-empty:\r\nauthorization: Bearer sk-1\r\n"
         "X-CaSe: again; x=\"y:z\"\r\ncontent-type: application/json\r\n"
         "accept: text/event-stream\r\nAccept-Encoding: identity\r\nUser-Agent: Test/1\r\n"
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "GET", .path = "/last"}, "GET /last HTTP/1.1\r\n", "\r\n"},
    };
    struct calls f;
    calls_open(&f);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        struct record record;
        record_open(&record, &f);
        call_start(&f, &record, cases[i].request);
        /* All on one connection, so that nothing of one call is left over for the next. */
        char wanted[1024];
        int length = snprintf(wanted, sizeof(wanted), "%sHost: 127.0.0.1:%u\r\n%s",
                              cases[i].before_host, (unsigned)f.origin.port, cases[i].after_host);
        WAIT_UNTIL(&f.world,
                   f.origin.wire_count == 1 && f.origin.wires[0].in.bytes >= (size_t)length);
        assert_string_equal(wire_text(&f.origin.wires[0]), wanted);
        wire_forget(&f.origin.wires[0]);
        bool is_head = strcmp(cases[i].request.method, "HEAD") == 0;
        wire_send(&f.origin.wires[0],
                  is_head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : OK_HELLO);
        WAIT_UNTIL(&f.world, record.done_count == 1);
        assert_true(pawl_ok(record.err));
        assert_int_equal(record.phase, PAWL_HTTP_PHASE_DONE);
        assert_buf_is(&record.body, is_head ? "" : "hello");
        record_close(&record);
    }
    assert_int_equal(f.origin.wire_count, 1);
    calls_close(&f);
}

static void client_sends_a_large_body(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    struct service service;
    service_open(&service, &f.world, limits_default());
    service.answer_at_once = true;
    enum { BODY_BYTES = 8 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/big", (unsigned)service.port);
    call_start(&f, &f.record, (struct request){.method = "PUT", .url = url, .body = body});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_buf_is(&f.record.body, "PUT /big 8388608");
    free(body);
    service_close(&service);
    calls_close(&f);
}

static void client_refuses_what_cannot_be_sent(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    static const struct pawl_http_header bad[] = {
        HEADER("X", "a\r\nY: b"), HEADER("X", "a\nb"), HEADER("X", "a\0b"),
        HEADER("X Y", "a"),       HEADER("X:", "a"),   HEADER("", "a"),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bad); i++) {
        struct request request = {
            .method = "GET", .path = "/", .headers = &bad[i], .header_count = 1};
        assert_int_equal(call_try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    }
    static const char *const urls[] = {
        "",         "/path",     "file:///etc/passwd", "ftp://a/",    "http://",     "127.0.0.1/",
        "http:///", "http://?q", "http://a b/",        "http://u@/x", "http://:80/", "HTTP:/a/",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(urls); i++) {
        struct request request = {.method = "GET", .url = urls[i]};
        assert_int_equal(call_try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    }
    /* What only libcurl finds out is told at the end. */
    struct record late;
    record_open(&late, &f);
    call_start(&f, &late, (struct request){.method = "GET", .url = "http://[::1/"});
    WAIT_UNTIL(&f.world, late.done_count == 1);
    assert_call_failed(&late, PAWL_ERR_INVALID, PAWL_HTTP_PHASE_CONNECT);
    record_close(&late);
    struct request request = {.method = "GET /", .path = "/"};
    assert_int_equal(call_try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    /* And the handle that was tried is as good as new. */
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_buf_is(&f.record.body, "hello");
    calls_close(&f);
}

static void client_goes_around_proxies_for_loopback_only(void **state)
{
    (void)state;
    struct calls f;
    calls_open_with(&f, true);
    char proxy[64];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", (unsigned)f.origin.port);
    setenv("http_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    assert_true(wire_has(wire, "GET / HTTP/1.1\r\n"));
    wire_send(wire, OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    record_close(&f.record);
    record_open(&f.record, &f);
    call_start(&f, &f.record,
               (struct request){.method = "GET", .url = "http://upstream.invalid/x"});
    wire = calls_next_request(&f, 1, "\r\n\r\n");
    assert_true(wire_has(wire, "GET http://upstream.invalid/x HTTP/1.1\r\n"));
    wire_send(wire, OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    unsetenv("http_proxy");
    calls_close(&f);
}

/* --- What comes in -------------------------------------------------------------------------- */

static void client_gives_the_head_as_it_came(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"),
              "HTTP/1.1 429 Slow Down\r\nReTry-After:  7 \r\nx-Empty:\r\nSet-Cookie: a=1\r\n"
              "Set-Cookie: b=2\r\nX-Folded: one\r\n\t two\r\n three\r\nContent-Encoding: gzip\r\n"
              "Content-Length: 4\r\n\r\n\x1f\x8b--");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.status, 429);
    assert_int_equal(f.record.head_count, 1);
    assert_buf_is(&f.record.headers, "ReTry-After: 7|x-Empty: |Set-Cookie: a=1|Set-Cookie: b=2|"
                                     "X-Folded: one two three|Content-Encoding: gzip|"
                                     "Content-Length: 4|");
    assert_buf_is(&f.record.body, "\x1f\x8b--");
    calls_close(&f);
}

static void client_swallows_interim_answers_and_trailers(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_post(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "hello"),
              "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
              "Link: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Final: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3;ext\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.head_count, 1);
    assert_buf_is(&f.record.headers, "X-Final: 1|Transfer-Encoding: chunked|");
    assert_buf_is(&f.record.body, "abcde");
    calls_close(&f);
}

static void client_does_not_follow_redirects(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"),
              "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.status, 302);
    assert_int_equal(f.record.phase, PAWL_HTTP_PHASE_DONE);
    assert_int_equal(wire_count(&f.origin.wires[0], "HTTP/1.1"), 1);
    calls_close(&f);
}

static void client_takes_an_answer_byte_by_byte(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire->slow_bytes = 1;
    wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_buf_is(&f.record.body, "data: 1\n\n");
    calls_close(&f);
}

static void client_uses_a_connection_again(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    for (int i = 0; i < 20; i++) {
        struct record record;
        record_open(&record, &f);
        call_post(&f, &record);
        struct wire *wire = calls_next_request(&f, 0, "hello");
        wire_forget(wire);
        wire_send(wire, OK_HELLO);
        WAIT_UNTIL(&f.world, record.done_count == 1);
        assert_buf_is(&record.body, "hello");
        record_close(&record);
    }
    assert_int_equal(f.origin.wire_count, 1);
    calls_close(&f);
}

static void client_makes_many_calls_at_once(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    struct service service;
    service_open(&service, &f.world, limits_default());
    service.answer_at_once = true;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/many", (unsigned)service.port);
    enum { CALL_COUNT = 300 };
    static struct record records[CALL_COUNT];
    for (int round = 0; round < 2; round++) {
        size_t done = 0;
        for (int i = 0; i < CALL_COUNT; i++) {
            record_open(&records[i], &f);
            call_start(&f, &records[i],
                       (struct request){.method = "POST", .url = url, .body = "x"});
        }
        for (int i = 0; i < CALL_COUNT; i++) {
            WAIT_UNTIL(&f.world, records[i].done_count == 1);
            assert_buf_is(&records[i].body, "POST /many 1");
            done += records[i].done_count;
            record_close(&records[i]);
        }
        assert_int_equal(done, CALL_COUNT);
    }
    service_close(&service);
    calls_close(&f);
}

/* --- Back-pressure -------------------------------------------------------------------------- */

/* Turns until the wire cannot send any more, for the reader has stopped. */
static void wait_until_stuck(struct calls *f, struct wire *wire)
{
    size_t sent = 0;
    int still = 0;
    while (still < 50) {
        uv_run(&f->world.loop, UV_RUN_NOWAIT);
        still = wire->out_sent == sent ? still + 1 : 0;
        sent = wire->out_sent;
    }
}

static void client_stops_delivering_until_it_is_resumed(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    enum { BODY_BYTES = 32 * 1024 * 1024 };
    f.record.pause_count = 1;
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire_send_large_answer(wire, BODY_BYTES);
    WAIT_UNTIL(&f.world, f.record.body_calls == 1);
    wait_until_stuck(&f, wire);
    assert_false(wire_all_sent(wire));
    assert_int_equal(f.record.body_calls, 1);
    size_t stuck_at = wire->out_sent;
    f.record.pause_count = 1;
    pawl_http_call_resume(f.record.call);
    WAIT_UNTIL(&f.world, f.record.body_calls == 2);
    wait_until_stuck(&f, wire);
    assert_int_equal(f.record.body_calls, 2);
    assert_true(wire->out_sent < stuck_at + (4 << 20));
    pawl_http_call_resume(f.record.call);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.body.bytes, BODY_BYTES);
    assert_true(pawl_ok(f.record.err));
    calls_close(&f);
}

static void client_may_be_resumed_inside_on_body(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    f.record.resume_inside = true;
    call_get(&f, &f.record);
    wire_send_large_answer(calls_next_request(&f, 0, "\r\n\r\n"), 1 << 20);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.body.bytes, 1 << 20);
    calls_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_sends_exactly_what_it_is_given),
        cmocka_unit_test(client_sends_a_large_body),
        cmocka_unit_test(client_refuses_what_cannot_be_sent),
        cmocka_unit_test(client_goes_around_proxies_for_loopback_only),
        cmocka_unit_test(client_gives_the_head_as_it_came),
        cmocka_unit_test(client_swallows_interim_answers_and_trailers),
        cmocka_unit_test(client_does_not_follow_redirects),
        cmocka_unit_test(client_takes_an_answer_byte_by_byte),
        cmocka_unit_test(client_uses_a_connection_again),
        cmocka_unit_test(client_makes_many_calls_at_once),
        cmocka_unit_test(client_stops_delivering_until_it_is_resumed),
        cmocka_unit_test(client_may_be_resumed_inside_on_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
