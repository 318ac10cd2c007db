/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_client_breaks.c: calls whose upstream refuses, breaks off, says nonsense or nothing, and
 * what is sent once more.
 */
#define _GNU_SOURCE
#include "net/client_priv.h"
#include "test_net_calls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void client_reports_a_refused_connection(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    uint16_t port = 0;
    int nobody = bind_loopback(&port);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)port);
    call_start(&f, &f.record, (struct request){.method = "POST", .url = url, .body = "x"});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_UNREACHABLE, PAWL_HTTP_PHASE_CONNECT);
    close(nobody);
    calls_close(&f);
}

/* A listener whose queue is full answers no connection attempt. */
static void client_gives_up_connecting_in_time(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    uint16_t port = 0;
    int listener = listen_loopback(0, &port);
    int fillers[4];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
        (void)connect(fillers[i], (const struct sockaddr *)&address, sizeof(address));
    }
    /* The kernel takes them up when it has time; one in the queue is what fills it. */
    struct pollfd queue = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&queue, 1, 60000), 1);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)port);
    call_start(
        &f, &f.record,
        (struct request){.method = "POST", .url = url, .body = "x", .connect_timeout_ms = 30});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_CONNECT);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fillers); i++) {
        close(fillers[i]);
    }
    close(listener);
    calls_close(&f);
}

static void client_reports_an_upstream_that_leaves_without_an_answer(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_post(&f, &f.record);
    (void)calls_next_request(&f, 0, "hello");
    origin_drop(&f.origin, 0, false);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_IO, PAWL_HTTP_PHASE_SENT);
    assert_int_equal(f.origin.wire_count, 1);
    calls_close(&f);
}

static void client_reports_an_answer_that_is_cut_off(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    };
    for (size_t i = 0; i < 2 * PAWL_ARRAY_LEN(heads); i++) {
        struct calls f;
        calls_open(&f);
        call_post(&f, &f.record);
        wire_send(calls_next_request(&f, 0, "hello"), heads[i / 2]);
        WAIT_UNTIL(&f.world, f.record.body.bytes == 4);
        origin_drop(&f.origin, 0, i % 2 == 1);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_call_failed(&f.record, PAWL_ERR_IO, PAWL_HTTP_PHASE_HEAD);
        assert_buf_is(&f.record.body, "half");
        calls_close(&f);
    }
}

static void client_reports_what_is_not_http(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 abc Bad\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        struct calls f;
        calls_open(&f);
        call_post(&f, &f.record);
        wire_send(calls_next_request(&f, 0, "hello"), answers[i]);
        WAIT_UNTIL(&f.world, f.record.done_count == 1 ||
                                 (wire_all_sent(&f.origin.wires[0]) && f.origin.wires[0].eof));
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_call_failed(&f.record, PAWL_ERR_PROTOCOL, PAWL_HTTP_PHASE_SENT);
        assert_int_equal(f.record.head_count, 0);
        calls_close(&f);
    }
}

static void client_limits_the_head_of_an_answer(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_post(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "hello");
    wire_send(wire, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10000; i++) {
        wire_send(wire, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    }
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_PROTOCOL, PAWL_HTTP_PHASE_SENT);
    calls_close(&f);
}

/* True: also one whose answer had begun. */
static bool silence_timed_out(uint32_t idle_ms)
{
    struct calls f;
    calls_open(&f);
    struct request request = {
        .method = "POST", .path = "/", .body = "hello", .idle_timeout_ms = idle_ms};
    call_start(&f, &f.record, request);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_SENT);
    struct record later;
    record_open(&later, &f);
    call_start(&f, &later, request);
    WAIT_UNTIL(&f.world, later.done_count == 1 || calls_has_request(&f, 1, "hello"));
    if (later.done_count == 0) {
        wire_send(&f.origin.wires[1], "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        WAIT_UNTIL(&f.world, later.done_count == 1);
    }
    bool begun = later.head_count == 1;
    assert_call_failed(&later, PAWL_ERR_TIMEOUT,
                       begun ? PAWL_HTTP_PHASE_HEAD : PAWL_HTTP_PHASE_SENT);
    record_close(&later);
    calls_close(&f);
    return begun;
}

static void client_times_out_when_nothing_comes(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 20, silence_timed_out(ms));
}

/* A second call, with the same idle time and begun later, times out; the paused one does not. */
static bool pause_outlived_others(uint32_t idle_ms)
{
    struct calls f;
    calls_open(&f);
    struct request request = {
        .method = "POST", .path = "/", .body = "hello", .idle_timeout_ms = idle_ms};
    f.record.pause_count = 1;
    call_start(&f, &f.record, request);
    WAIT_UNTIL(&f.world, f.record.done_count == 1 || calls_has_request(&f, 0, "hello"));
    struct wire *wire = &f.origin.wires[0];
    if (f.record.done_count == 0) {
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        WAIT_UNTIL(&f.world, f.record.done_count == 1 || f.record.body_calls == 1);
    }
    if (f.record.done_count == 1) {
        calls_close(&f);
        return false;
    }
    for (int i = 0; i < 3; i++) {
        struct record other;
        record_open(&other, &f);
        call_start(&f, &other, request);
        WAIT_UNTIL(&f.world, other.done_count == 1);
        assert_call_failed(&other, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_SENT);
        record_close(&other);
    }
    assert_int_equal(f.record.done_count, 0);
    pawl_http_call_resume(f.record.call);
    wire_send(wire, "world");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    bool in_time = f.record.err.code != PAWL_ERR_TIMEOUT; /* it runs again from the resume on */
    if (in_time) {
        assert_true(pawl_ok(f.record.err));
        assert_buf_is(&f.record.body, "helloworld");
    }
    calls_close(&f);
    return in_time;
}

static void client_does_not_time_out_its_own_pause(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 20, pause_outlived_others(ms));
}

/* In place of the fixture's client, one that takes so long a time for "at once". */
static void use_resend_ms(struct calls *f, uint32_t resend_ms)
{
    pawl_http_client_close(f->client);
    struct pawl_http_client_options options = {.loop = &f->world.loop, .resend_ms = resend_ms};
    assert_true(pawl_ok(pawl_http_client_new(&options, &f->client)));
}

/* So many connections that were used and now lie idle, from wire 0 on. */
static void leave_idle_connections(struct calls *f, size_t count)
{
    struct record records[4];
    assert_true(count <= PAWL_ARRAY_LEN(records));
    for (size_t i = 0; i < count; i++) {
        record_open(&records[i], f);
        call_post(f, &records[i]);
    }
    for (size_t i = 0; i < count; i++) {
        wire_send(calls_next_request(f, i, "hello"), OK_HELLO);
    }
    for (size_t i = 0; i < count; i++) {
        WAIT_UNTIL(&f->world, records[i].done_count == 1);
        wire_forget(&f->origin.wires[i]);
        record_close(&records[i]);
    }
}

/* The one of the idle connections that the request came on. */
static size_t wire_of_request(struct calls *f, size_t count)
{
    size_t found = SIZE_MAX;
    while (found == SIZE_MAX) {
        for (size_t i = 0; i < count; i++) {
            found = f->origin.wires[i].in.bytes > 0 ? i : found;
        }
        uv_run(&f->world.loop, UV_RUN_NOWAIT);
    }
    (void)calls_next_request(f, found, "hello");
    return found;
}

/* A server closed the idle connection while the request was on its way: nobody took it up, and it
 * is sent once more; not on another idle connection, which may be as dead. */
static void client_sends_once_more_what_a_used_connection_swallowed(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct calls f;
        calls_open(&f);
        use_resend_ms(&f, 3600 * 1000);
        leave_idle_connections(&f, 2);
        call_post(&f, &f.record);
        origin_drop(&f.origin, wire_of_request(&f, 2), reset == 1);
        struct wire *fresh = calls_next_request(&f, 2, "hello");
        wire_send(fresh, OK_HELLO);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_true(pawl_ok(f.record.err));
        assert_buf_is(&f.record.body, "hello");
        assert_int_equal(f.origin.wire_count, 3);
        calls_close(&f);
    }
}

/* The second connection was a new one: what broke it is no idle time, and the request may have been
 * taken up. Nor is the next call any poorer for it. */
static void client_never_sends_a_post_three_times(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    use_resend_ms(&f, 3600 * 1000);
    leave_idle_connections(&f, 1);
    call_post(&f, &f.record);
    (void)calls_next_request(&f, 0, "hello");
    origin_drop(&f.origin, 0, false);
    (void)calls_next_request(&f, 1, "hello");
    origin_drop(&f.origin, 1, false);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_call_failed(&f.record, PAWL_ERR_IO, PAWL_HTTP_PHASE_SENT);
    assert_int_equal(f.origin.wire_count, 2);
    struct record next;
    record_open(&next, &f);
    call_post(&f, &next);
    wire_send(calls_next_request(&f, 2, "hello"), OK_HELLO);
    WAIT_UNTIL(&f.world, next.done_count == 1);
    assert_true(pawl_ok(next.err));
    record_close(&next);
    calls_close(&f);
}

static void on_later(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Whoever closes later, or after the first line of an answer, had the request in hand. */
static void client_does_not_repeat_what_may_have_been_taken_up(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct calls f;
        calls_open(&f);
        use_resend_ms(&f, answered == 1 ? 3600 * 1000 : 1);
        leave_idle_connections(&f, 1);
        call_post(&f, &f.record);
        struct wire *wire = calls_next_request(&f, 0, "hello");
        if (answered == 1) {
            wire_send(wire, "HTTP/1.1 200 OK\r\n");
            WAIT_UNTIL(&f.world, wire_all_sent(wire));
        } else {
            bool later = false;
            uv_timer_t timer = {.data = &later};
            uv_timer_init(&f.world.loop, &timer);
            uv_timer_start(&timer, on_later, 20, 0);
            WAIT_UNTIL(&f.world, later);
            uv_close((uv_handle_t *)&timer, NULL);
            WAIT_UNTIL(&f.world, !uv_is_active((uv_handle_t *)&timer));
        }
        origin_drop(&f.origin, 0, false);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_call_failed(&f.record, answered == 1 ? PAWL_ERR_PROTOCOL : PAWL_ERR_IO,
                           PAWL_HTTP_PHASE_SENT);
        for (size_t i = 1; i < f.origin.wire_count; i++) {
            assert_int_equal(f.origin.wires[i].in.bytes, 0);
        }
        calls_close(&f);
    }
}

/* A GET may be repeated whenever its connection breaks. */
static void client_repeats_what_is_safe_to_repeat(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    use_resend_ms(&f, 1);
    leave_idle_connections(&f, 1);
    call_get(&f, &f.record);
    (void)calls_next_request(&f, 0, "HTTP/1.1\r\n");
    origin_drop(&f.origin, 0, false);
    wire_send(calls_next_request(&f, 1, "HTTP/1.1\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    calls_close(&f);
}

/* A connection that was closed while nobody used it is not an error of the next call. */
static void client_notices_that_an_idle_connection_closed(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_post(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "hello"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    origin_drop(&f.origin, 0, false);
    struct record second;
    record_open(&second, &f);
    call_post(&f, &second);
    wire_send(calls_next_request(&f, 1, "hello"), OK_HELLO);
    WAIT_UNTIL(&f.world, second.done_count == 1);
    assert_true(pawl_ok(second.err));
    record_close(&second);
    calls_close(&f);
}

/* An upstream may answer before it has read the body, and close. */
static void client_takes_an_early_answer(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    enum { BODY_BYTES = 16 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    call_start(&f, &f.record, (struct request){.method = "POST", .path = "/", .body = body});
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire_pause(wire, true);
    wire_send(wire, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.status, 413);
    assert_buf_is(&f.record.body, "no");
    free(body);
    calls_close(&f);
}

/* libcurl does not tell of each attempt that it gives up; the client's end is not held up by it. */
static void client_ends_with_a_socket_that_libcurl_forgot(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    struct curl_sockaddr address = {
        .family = AF_INET, .socktype = SOCK_STREAM, .protocol = IPPROTO_TCP};
    curl_socket_t fd = pawl_client_open_socket(f.client, CURLSOCKTYPE_IPCXN, &address);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    calls_close(&f); /* all handles have to be gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_reports_a_refused_connection),
        cmocka_unit_test(client_gives_up_connecting_in_time),
        cmocka_unit_test(client_reports_an_upstream_that_leaves_without_an_answer),
        cmocka_unit_test(client_reports_an_answer_that_is_cut_off),
        cmocka_unit_test(client_reports_what_is_not_http),
        cmocka_unit_test(client_limits_the_head_of_an_answer),
        cmocka_unit_test(client_times_out_when_nothing_comes),
        cmocka_unit_test(client_does_not_time_out_its_own_pause),
        cmocka_unit_test(client_sends_once_more_what_a_used_connection_swallowed),
        cmocka_unit_test(client_never_sends_a_post_three_times),
        cmocka_unit_test(client_does_not_repeat_what_may_have_been_taken_up),
        cmocka_unit_test(client_repeats_what_is_safe_to_repeat),
        cmocka_unit_test(client_notices_that_an_idle_connection_closed),
        cmocka_unit_test(client_takes_an_early_answer),
        cmocka_unit_test(client_ends_with_a_socket_that_libcurl_forgot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
