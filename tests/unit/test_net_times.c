/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_times.c: the server's limits in time. They are set to a few milliseconds and waited for
 * as events; nothing depends on how long they really take, and what has to be done before they are
 * over is tried again with more time where the machine is too busy for it.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void server_ends_a_head_that_takes_too_long(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = 20;
    fixture_open(&f, limits);
    wire_send(&f.wire, "GET / HTTP/1.1\r\nHost:");
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_true(wire_has(&f.wire, "\"error\":\"head_timeout\""));
    assert_true(wire_has(&f.wire, "\"limit\":20}"));
    fixture_close(&f);
}

static void server_ends_a_body_that_stops_coming(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_timeout_ms = 20;
    fixture_open(&f, limits);
    wire_send(&f.wire, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_true(wire_has(&f.wire, "\"error\":\"body_timeout\""));
    fixture_close(&f);
}

/* The process stood still (a disk, a debugger, a machine that was moved) while the rest came. */
static bool rest_was_in_time(const char *begin, const char *rest, uint32_t timeout_ms)
{
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = timeout_ms;
    limits.body_timeout_ms = timeout_ms;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    wire_send(&f.wire, begin);
    WAIT_UNTIL(&f.world, pawl_http_server_request_count(f.service.server) == 1);
    ssize_t bytes = (ssize_t)strlen(rest);
    assert_int_equal(send(f.wire.fd, rest, (size_t)bytes, MSG_NOSIGNAL), bytes);
    uint64_t end_ns = uv_hrtime() + UINT64_C(2000000) * timeout_ms;
    while (uv_hrtime() < end_ns) {
    }
    WAIT_UNTIL(&f.world, f.wire.eof || wire_has(&f.wire, "HTTP/1.1"));
    bool served = wire_has(&f.wire, "HTTP/1.1 200 OK\r\n");
    fixture_close(&f);
    return served;
}

static void what_came_while_the_loop_stood_still_is_in_time(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 50, rest_was_in_time("GET / HTTP/1.1\r\nHost:", " h\r\n\r\n", ms));
    TRY_WITH_TIME(
        ms, 50,
        rest_was_in_time("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha", "lf", ms));
}

/* What comes byte by byte has no more time than what stops: neither a head nor a body may hold a
 * connection for as long as its sender likes. */
static bool drip_was_ended(const char *begin, const char *end, uint32_t timeout_ms)
{
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = timeout_ms;
    limits.body_timeout_ms = timeout_ms;
    fixture_open(&f, limits);
    wire_send(&f.wire, begin);
    WAIT_UNTIL(&f.world, wire_all_sent(&f.wire));
    uint32_t bytes = 0;
    uint64_t last_ms = 0;
    while (!f.wire.eof && bytes < 100 * timeout_ms) {
        if (uv_now(&f.world.loop) != last_ms) {
            last_ms = uv_now(&f.world.loop);
            wire_send(&f.wire, "a");
            bytes += 1;
        }
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    assert_true(f.wire.eof);
    assert_true(wire_has(&f.wire, end));
    assert_int_equal(f.service.request_count, 0);
    fixture_close(&f);
    return bytes > 1;
}

static void server_ends_heads_and_bodies_that_drip(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 40, drip_was_ended("GET / HTTP/1.1\r\nX: ", "head_timeout", ms));
    TRY_WITH_TIME(ms, 40,
                  drip_was_ended("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n",
                                 "body_timeout", ms));
}

static void on_tick(uv_timer_t *timer)
{
    *(int *)timer->data += 1;
}

static bool body_in_steps_was_taken(uint32_t timeout_ms)
{
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_timeout_ms = timeout_ms;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    enum { STEPS = 4 };
    static char step[PAWL_HTTP_BODY_STEP_BYTES];
    uint32_t tick_ms = timeout_ms * 2 / 5;
    int ticks = 0;
    uv_timer_t timer;
    assert_int_equal(uv_timer_init(&f.world.loop, &timer), 0);
    timer.data = &ticks;
    char head[128];
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
             STEPS * PAWL_HTTP_BODY_STEP_BYTES);
    wire_send(&f.wire, head);
    assert_int_equal(uv_timer_start(&timer, on_tick, tick_ms, tick_ms), 0);
    for (int i = 1; i <= STEPS; i++) {
        WAIT_UNTIL(&f.world, ticks >= i);
        wire_send_bytes(&f.wire, step, sizeof(step));
    }
    WAIT_UNTIL(&f.world, f.wire.eof || wire_has(&f.wire, "POST / 65536"));
    bool taken = wire_has(&f.wire, "POST / 65536");
    uv_close((uv_handle_t *)&timer, NULL);
    fixture_close(&f);
    return taken;
}

/* A body that keeps coming may take longer than the time of a step of it. */
static void server_gives_time_to_a_body_that_keeps_coming(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 500, body_in_steps_was_taken(ms));
}

static struct pawl_http_body_max
much_of_all(void *arg, const struct pawl_http_request *request, uint32_t tag)
{
    (void)arg;
    (void)request;
    (void)tag;
    return (struct pawl_http_body_max){.bytes = 1 << 20};
}

/* In steps of so many bytes; else its time ran out. */
static bool large_body_was_taken(size_t step_bytes, uint32_t timeout_ms)
{
    static char step[PAWL_HTTP_LARGE_STEP_BYTES];
    struct fixture f;
    struct service_options options = {.limits = limits_default(), .body_max = much_of_all};
    uint32_t tick_ms = timeout_ms * 2 / 5;
    options.limits.body_bytes_max = 1000;
    options.limits.body_timeout_ms = timeout_ms;
    world_open(&f.world);
    service_open_with(&f.service, &f.world, &options);
    f.service.answer_at_once = true;
    int ticks = 0;
    uv_timer_t timer;
    assert_int_equal(uv_timer_init(&f.world.loop, &timer), 0);
    timer.data = &ticks;
    char head[128];
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n",
             2 * PAWL_HTTP_LARGE_STEP_BYTES);
    wire_connect(&f.wire, &f.world, f.service.port);
    wire_send(&f.wire, head);
    assert_int_equal(uv_timer_start(&timer, on_tick, tick_ms, tick_ms), 0);
    for (int i = 1; i <= 4 && !f.wire.eof && !wire_has(&f.wire, "POST / "); i++) {
        WAIT_UNTIL(&f.world, ticks >= i);
        wire_send_bytes(&f.wire, step, step_bytes);
    }
    WAIT_UNTIL(&f.world, f.wire.eof || wire_has(&f.wire, "POST / "));
    bool taken = wire_has(&f.wire, "POST / 524288");
    assert_true(taken || wire_has(&f.wire, "\"body_timeout\""));
    uv_close((uv_handle_t *)&timer, NULL);
    fixture_close(&f);
    return taken;
}

/* Of those there are few at once, so that nobody may sit on one for hours. */
static void server_wants_a_large_body_faster(void **state)
{
    (void)state;
    assert_false(large_body_was_taken(PAWL_HTTP_BODY_STEP_BYTES, 500));
    TRY_WITH_TIME(ms, 500, large_body_was_taken(PAWL_HTTP_LARGE_STEP_BYTES, ms));
}

/* True: it had been used before. */
static bool idle_connection_was_closed(uint32_t timeout_ms)
{
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.idle_timeout_ms = timeout_ms;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_int_equal(f.wire.in.bytes, 0);
    /* The same after an answer; empty lines do not count as the beginning of a request. */
    struct wire used;
    wire_connect(&used, &f.world, f.service.port);
    wire_send(&used, GET("/") "\r\n");
    WAIT_UNTIL(&f.world, used.eof);
    size_t answers = wire_count(&used, "HTTP/1.1");
    assert_in_range(answers, 0, 1);
    wire_close(&used);
    fixture_close(&f);
    return answers == 1;
}

static void server_closes_idle_connections_without_a_word(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 20, idle_connection_was_closed(ms));
}

static void server_gives_up_on_a_client_that_takes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.write_timeout_ms = 20;
    fixture_open(&f, limits);
    wire_pause(&f.wire, true);
    wire_send(&f.wire, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&f.service);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    service_fill(&f.service, exchange);
    WAIT_UNTIL(&f.world, f.service.gone_count == 1);
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 0);
    fixture_close(&f);
}

enum { SIP_MS = 5 };

/* A client that reads so many bytes in SIP_MS; what it was kept from by a busy machine it makes up
 * for, as its server's time went on meanwhile. */
struct sipper {
    uv_timer_t timer;
    int fd;
    uint64_t sip_bytes;
    uint64_t began_ms;
    uint64_t asked_bytes;
    size_t taken_bytes;
};

static void on_sip(uv_timer_t *timer)
{
    static char sip[65536];
    struct sipper *sipper = timer->data;
    uint64_t due_bytes = (uv_now(timer->loop) - sipper->began_ms) / SIP_MS * sipper->sip_bytes;
    while (sipper->asked_bytes < due_bytes) {
        uint64_t left = due_bytes - sipper->asked_bytes;
        size_t most = left < sizeof(sip) ? (size_t)left : sizeof(sip);
        ssize_t bytes = recv(sipper->fd, sip, most, MSG_DONTWAIT);
        sipper->taken_bytes += bytes > 0 ? (size_t)bytes : 0;
        sipper->asked_bytes += most;
    }
}

static void sip_begin(struct sipper *sipper, struct fixture *f, size_t bytes)
{
    *sipper =
        (struct sipper){.fd = f->wire.fd, .sip_bytes = bytes, .began_ms = uv_now(&f->world.loop)};
    sipper->timer.data = sipper;
    assert_int_equal(uv_timer_init(&f->world.loop, &sipper->timer), 0);
    assert_int_equal(uv_timer_start(&sipper->timer, on_sip, SIP_MS, SIP_MS), 0);
}

/* One byte now and then is not enough. */
static void server_gives_up_on_a_client_that_sips(void **state)
{
    (void)state;
    struct fixture f;
    struct sipper sipper;
    struct pawl_http_limits limits = limits_default();
    limits.write_timeout_ms = 100;
    fixture_open(&f, limits);
    wire_pause(&f.wire, true);
    wire_send(&f.wire, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&f.service);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    service_fill(&f.service, exchange);
    sip_begin(&sipper, &f, 256); /* 5 KB in each 100 ms */
    WAIT_UNTIL(&f.world, f.service.gone_count == 1);
    uv_close((uv_handle_t *)&sipper.timer, NULL);
    pawl_http_reply_abort(exchange);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 0);
    fixture_close(&f);
}

static bool slow_client_got_all(uint32_t timeout_ms)
{
    enum { ANSWER_BYTES = 12000000 };
    struct fixture f;
    struct sipper sipper;
    struct pawl_http_limits limits = limits_default();
    limits.write_timeout_ms = timeout_ms;
    fixture_open(&f, limits);
    wire_pause(&f.wire, true);
    wire_send(&f.wire, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    char *answer = calloc(1, ANSWER_BYTES);
    assert_non_null(answer);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, pawl_slice_of(answer, ANSWER_BYTES));
    free(answer);
    sip_begin(&sipper, &f, 3000000 / timeout_ms);
    WAIT_UNTIL(&f.world, sipper.taken_bytes > ANSWER_BYTES ||
                             pawl_http_server_connection_count(f.service.server) == 0);
    bool all = sipper.taken_bytes > ANSWER_BYTES;
    uv_close((uv_handle_t *)&sipper.timer, NULL);
    fixture_close(&f);
    return all;
}

/* One that is slow and goes on taking gets all of it, though the kernel does not say for a while
 * that it has room for more. */
static void server_goes_on_with_a_client_that_is_slow(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 100, slow_client_got_all(ms));
}

static bool owner_was_waited_for(uint32_t idle_ms)
{
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = idle_ms / 6;
    limits.body_timeout_ms = idle_ms / 6;
    limits.idle_timeout_ms = idle_ms;
    limits.write_timeout_ms = idle_ms / 6;
    fixture_open(&f, limits);
    wire_send(&f.wire, GET("/"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1 || f.wire.eof);
    if (f.wire.eof) {
        fixture_close(&f);
        return false;
    }
    /* Another connection's idle time, which began later, is over first. */
    struct wire idle;
    wire_connect(&idle, &f.world, f.service.port);
    WAIT_UNTIL(&f.world, idle.eof);
    assert_int_equal(f.service.gone_count, 0);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("late"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "late"));
    wire_close(&idle);
    fixture_close(&f);
    return true;
}

/* An answer may take as long as it likes: none of the times above runs while one is awaited. */
static void server_waits_for_its_owner_without_limit(void **state)
{
    (void)state;
    TRY_WITH_TIME(ms, 30, owner_was_waited_for(ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_ends_a_head_that_takes_too_long),
        cmocka_unit_test(server_ends_a_body_that_stops_coming),
        cmocka_unit_test(what_came_while_the_loop_stood_still_is_in_time),
        cmocka_unit_test(server_ends_heads_and_bodies_that_drip),
        cmocka_unit_test(server_gives_time_to_a_body_that_keeps_coming),
        cmocka_unit_test(server_wants_a_large_body_faster),
        cmocka_unit_test(server_closes_idle_connections_without_a_word),
        cmocka_unit_test(server_gives_up_on_a_client_that_takes_nothing),
        cmocka_unit_test(server_gives_up_on_a_client_that_sips),
        cmocka_unit_test(server_goes_on_with_a_client_that_is_slow),
        cmocka_unit_test(server_waits_for_its_owner_without_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
