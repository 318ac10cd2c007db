/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_limits.c: the server's limits in number, its end (drain and close, also from inside
 * callbacks), and who may connect.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Numbers -------------------------------------------------------------------------------- */

static void server_names_the_limit_of_the_head(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_bytes_max = 100;
    fixture_open(&f, limits);
    for (int i = 0; i < 20; i++) {
        wire_send(&f.wire, "GET /0123456789");
    }
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 431 Request Header Fields Too Large\r\n"));
    assert_true(wire_has(&f.wire, "\"error\":\"head_too_large\""));
    assert_true(wire_has(&f.wire, "\"limit\":100}"));
    fixture_close(&f);
}

/* The client is still sending its body when it is refused; it must get the answer all the same and
 * not a reset. */
static void server_lets_a_refused_sender_read_the_refusal(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_bytes_max = 1000;
    fixture_open(&f, limits);
    wire_send(&f.wire, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
    static char body[4000000];
    wire_send_bytes(&f.wire, body, sizeof(body));
    WAIT_UNTIL(&f.world, wire_all_sent(&f.wire));
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_false(f.wire.broken);
    assert_true(wire_has(&f.wire, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_int_equal(wire_count(&f.wire, "HTTP/1.1 "), 1);
    fixture_close(&f);
}

static void server_tells_connections_above_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 2;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    struct wire second;
    struct wire third;
    wire_connect(&second, &f.world, f.service.port);
    wire_connect(&third, &f.world, f.service.port);
    wire_send(&third, GET("/"));
    WAIT_UNTIL(&f.world, third.eof);
    assert_true(wire_has(&third, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(wire_has(&third, "\"error\":\"too_many_connections\""));
    assert_true(wire_has(&third, "\"limit\":2}"));
    wire_send(&second, GET("/second"));
    WAIT_UNTIL(&f.world, wire_has(&second, "GET /second 0"));
    wire_close(&third);
    wire_close(&second);
    fixture_close(&f);
}

/* An address with places of its own has them when all others are taken. */
static void server_keeps_an_address_open_beside_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 1;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    const struct pawl_http_listen listen = {.address = "127.0.0.1:0", .own_count_max = 1};
    uint16_t port = 0;
    assert_true(pawl_ok(pawl_http_server_listen(f.service.server, &listen, &port, NULL)));
    enum { EXTRA_COUNT = 80 };
    static struct wire extra[EXTRA_COUNT];
    for (int i = 0; i < EXTRA_COUNT; i++) {
        wire_connect(&extra[i], &f.world, f.service.port);
    }
    struct wire apart;
    struct wire waiting;
    wire_connect(&apart, &f.world, port);
    wire_send(&apart, GET("/apart"));
    WAIT_UNTIL(&f.world, wire_has(&apart, "GET /apart 0"));
    wire_connect(&waiting, &f.world, port);
    wire_send(&waiting, GET("/waiting"));
    for (int i = 0; i < 10; i++) {
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(waiting.in.bytes, 0);
    wire_close(&apart);
    WAIT_UNTIL(&f.world, wire_has(&waiting, "GET /waiting 0"));
    /* And places of all, when there are. */
    for (int i = 0; i < EXTRA_COUNT; i++) {
        wire_close(&extra[i]);
    }
    wire_close(&f.wire);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    wire_connect(&f.wire, &f.world, port);
    wire_send(&f.wire, GET("/common"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "GET /common 0"));
    wire_close(&waiting);
    fixture_close(&f);
}

/* Far above the limit connections are not even accepted, until there is room again. */
static void server_holds_connections_back_and_takes_them_later(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 1;
    fixture_open(&f, limits);
    f.service.answer_at_once = true;
    enum { EXTRA_COUNT = 80 };
    static struct wire extra[EXTRA_COUNT];
    for (int i = 0; i < EXTRA_COUNT; i++) {
        wire_connect(&extra[i], &f.world, f.service.port);
    }
    for (int i = 0; i < 10; i++) {
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    size_t taken = pawl_http_server_connection_count(f.service.server);
    assert_true(taken > 1 && taken < EXTRA_COUNT);
    /* Each one that leaves makes room; the last ones get an answer too. */
    for (int i = 0; i < EXTRA_COUNT - 1; i++) {
        wire_close(&extra[i]);
    }
    wire_close(&f.wire);
    wire_send(&extra[EXTRA_COUNT - 1], GET("/patient"));
    WAIT_UNTIL(&f.world, extra[EXTRA_COUNT - 1].in.bytes > 0);
    wire_close(&extra[EXTRA_COUNT - 1]);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 0);
    wire_connect(&f.wire, &f.world, f.service.port);
    wire_send(&f.wire, GET("/after"));
    WAIT_UNTIL(&f.world, wire_has(&f.wire, "GET /after 0"));
    fixture_close(&f);
}

static int answered_of(const struct wire *wires, int count)
{
    int answered = 0;
    for (int i = 0; i < count; i++) {
        answered += wires[i].in.bytes > 0;
    }
    return answered;
}

enum {
    INSIDE_COUNT = 64, /* so many are told above the limit, … */
    INSIDE_MS = 2000,  /* … each for so long */
    CROWD_COUNT = 100
};

/* False: the machine was so slow that those who are told made room by themselves. */
static bool one_came_beside_a_crowd(struct fixture *f, uint16_t crowd_port, uint16_t port)
{
    static struct wire crowd[CROWD_COUNT];
    struct wire one;
    uv_update_time(&f->world.loop);
    uint64_t began_ms = uv_now(&f->world.loop);
    for (int i = 0; i < CROWD_COUNT; i++) {
        wire_connect(&crowd[i], &f->world, crowd_port);
    }
    WAIT_UNTIL(&f->world, pawl_http_server_connection_count(f->service.server) == INSIDE_COUNT + 1);
    wire_connect(&one, &f->world, port);
    for (int i = INSIDE_COUNT; i < CROWD_COUNT; i++) {
        wire_send(&crowd[i], GET("/crowd"));
    }
    wire_send(&one, GET("/one"));
    for (int i = 0; i < 10; i++) {
        uv_run(&f->world.loop, UV_RUN_NOWAIT);
    }
    bool early = one.in.bytes > 0 || answered_of(crowd, CROWD_COUNT) > 0;
    /* Room for one, twice: without turns both are of the crowd. */
    for (int i = 0; i < 2; i++) {
        wire_close(&crowd[i]);
        for (int turn = 0; turn < 10; turn++) {
            uv_run(&f->world.loop, UV_RUN_NOWAIT);
        }
    }
    WAIT_UNTIL(&f->world, one.in.bytes > 0);
    int before = answered_of(crowd + INSIDE_COUNT, CROWD_COUNT - INSIDE_COUNT);
    bool in_time = uv_now(&f->world.loop) - began_ms < INSIDE_MS;
    wire_close(&one);
    for (int i = 2; i < CROWD_COUNT; i++) {
        wire_close(&crowd[i]);
    }
    WAIT_UNTIL(&f->world, pawl_http_server_connection_count(f->service.server) == 1);
    if (in_time) {
        assert_false(early);
        assert_in_range(before, 0, 1);
    }
    return in_time;
}

/* A crowd before one address holds up nobody who comes by another, whichever was opened first. */
static void server_takes_from_its_listeners_in_turns(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 1;
    fixture_open(&f, limits);
    uint16_t ports[2] = {f.service.port, 0};
    assert_true(
        pawl_ok(pawl_http_server_listen_tcp(f.service.server, "127.0.0.1", 0, &ports[1], NULL)));
    for (int at = 0; at < 2; at++) {
        for (int tries = 0; !one_came_beside_a_crowd(&f, ports[at], ports[1 - at]); tries++) {
            assert_in_range(tries, 0, 20);
        }
    }
    fixture_close(&f);
}

/* --- The end -------------------------------------------------------------------------------- */

static void on_drained_server(void *arg)
{
    struct service *service = arg;
    service->drain_done = true;
}

static void drain_lets_answers_end_and_takes_nothing_new(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire busy;
    wire_connect(&busy, &f.world, f.service.port);
    wire_send(&busy, GET("/busy"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    pawl_http_server_drain(f.service.server, on_drained_server, &f.service);
    assert_false(f.service.drain_done);
    WAIT_UNTIL(&f.world, f.wire.eof);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(f.service.port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    assert_int_not_equal(connect(late, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(late);
    assert_false(f.service.drain_done);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("last words"));
    WAIT_UNTIL(&f.world, f.service.drain_done);
    WAIT_UNTIL(&f.world, busy.eof);
    assert_true(wire_has(&busy, "Connection: close\r\n\r\nlast words"));
    wire_close(&busy);
    fixture_close(&f);
}

struct drainer {
    uv_check_t check;
    struct service *service;
};

static void on_check(uv_check_t *check)
{
    const struct drainer *drainer = check->data;
    pawl_http_server_drain(drainer->service->server, on_drained_server, drainer->service);
    uv_close((uv_handle_t *)check, NULL);
}

/* What was read when the drain began, and not understood yet: a request is answered, and who has
 * begun none is not waited for. */
static void drain_counts_what_was_read_already(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire other;
    wire_connect(&other, &f.world, f.service.port);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 2);
    static const char request[] = GET("/read");
    assert_int_equal(send(f.wire.fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    assert_int_equal(send(other.fd, "\r\n", 2, 0), 2);
    /* Check handles run behind the reading, the youngest first. */
    struct drainer drainer = {.service = &f.service};
    drainer.check.data = &drainer;
    uv_check_init(&f.world.loop, &drainer.check);
    uv_check_start(&drainer.check, on_check);
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    WAIT_UNTIL(&f.world, other.eof);
    assert_false(f.service.drain_done);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("first read"));
    WAIT_UNTIL(&f.world, f.service.drain_done && f.wire.eof);
    assert_true(wire_has(&f.wire, "\r\n\r\nfirst read"));
    wire_close(&other);
    fixture_close(&f);
}

static void drain_of_an_idle_server_tells_in_a_later_turn(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    world_open(&world);
    service_open(&service, &world, limits_default());
    pawl_http_server_drain(service.server, on_drained_server, &service);
    assert_false(service.drain_done);
    WAIT_UNTIL(&world, service.drain_done);
    service_close(&service);
    world_close(&world);
}

static void close_on_drained(void *arg)
{
    struct service *service = arg;
    service->drain_done = true;
    pawl_http_server_close(service->server);
}

static void server_may_be_closed_when_it_has_drained(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    world_open(&world);
    service_open(&service, &world, limits_default());
    pawl_http_server_drain(service.server, close_on_drained, &service);
    WAIT_UNTIL(&world, service.drain_done);
    world_close(&world);
}

static void close_in_handler(struct service *service, struct pawl_http_exchange *exchange)
{
    pawl_http_server_close(service->server);
    assert_int_equal(service->gone_count, 1);
    assert_true(pawl_http_exchange_is_gone(exchange));
    service->held[service->held_count++] = exchange;
}

static void server_may_be_closed_inside_a_handler(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.on_request = close_in_handler;
    wire_send(&f.wire, GET("/1") GET("/2"));
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_int_equal(f.service.request_count, 1);
    /* The server lives until the last answer. */
    for (int i = 0; i < 5; i++) {
        uv_run(&f.world.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(pawl_http_server_connection_count(f.service.server), 1);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("nobody"));
    wire_close(&f.wire);
    world_close(&f.world);
}

static void answer_and_close(struct service *service, struct pawl_http_exchange *exchange)
{
    pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE_NONE);
    pawl_http_server_close(service->server);
    assert_int_equal(service->gone_count, 0);
}

static void server_may_be_closed_right_after_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    f.service.on_request = answer_and_close;
    wire_send(&f.wire, GET("/1"));
    WAIT_UNTIL(&f.world, f.wire.eof);
    wire_close(&f.wire);
    world_close(&f.world);
}

static void close_tells_every_owner(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, limits_default());
    struct wire streaming;
    wire_connect(&streaming, &f.world, f.service.port);
    wire_send(&f.wire, GET("/1"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    wire_send(&streaming, GET("/2"));
    WAIT_UNTIL(&f.world, f.service.held_count == 2);
    struct pawl_http_exchange *first = service_take(&f.service);
    struct pawl_http_exchange *second = service_take(&f.service);
    pawl_http_reply_begin(second, 200, NULL, 0, -1);
    pawl_http_server_close(f.service.server);
    assert_int_equal(f.service.gone_count, 2);
    pawl_http_reply_end(second);
    WAIT_UNTIL(&f.world, f.wire.eof && streaming.eof);
    pawl_http_reply_abort(first);
    wire_close(&streaming);
    wire_close(&f.wire);
    world_close(&f.world);
}

/* --- Who may connect ------------------------------------------------------------------------ */

/* A request from a child process under that uid; what it read is its exit status: the hundreds
 * digit of the answer. */
static int status_class_seen_by(uid_t uid, uint16_t port, struct world *world)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char answer[512] = {0};
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
        if (setuid(uid) != 0) {
            _exit(1);
        }
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
            write(fd, GET("/"), sizeof(GET("/")) - 1) < 0 ||
            read(fd, answer, sizeof(answer) - 1) < 10) {
            _exit(1);
        }
        _exit(answer[9]);
    }
    close(ends[1]);
    /* The pipe's end is the child's: it tells the loop when there is a status to collect. */
    struct wire life;
    wire_adopt(&life, world, ends[0]);
    WAIT_UNTIL(world, life.eof);
    wire_close(&life);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) - '0';
}

static void server_refuses_other_users_where_it_can_tell(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    world_open(&world);
    service_open_for_user(&service, &world);
    service.answer_at_once = true;
    assert_int_equal(status_class_seen_by(geteuid(), service.port, &world), 2);
    assert_int_equal(service.request_count, 1);
    if (geteuid() == 0) {
        assert_int_equal(status_class_seen_by(65534, service.port, &world), 4);
        assert_int_equal(service.request_count, 1);
    } else {
        print_message("not root: no other user to connect as\n");
    }
    service_close(&service);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_names_the_limit_of_the_head),
        cmocka_unit_test(server_lets_a_refused_sender_read_the_refusal),
        cmocka_unit_test(server_tells_connections_above_the_limit),
        cmocka_unit_test(server_keeps_an_address_open_beside_the_limit),
        cmocka_unit_test(server_holds_connections_back_and_takes_them_later),
        cmocka_unit_test(server_takes_from_its_listeners_in_turns),
        cmocka_unit_test(drain_lets_answers_end_and_takes_nothing_new),
        cmocka_unit_test(drain_counts_what_was_read_already),
        cmocka_unit_test(drain_of_an_idle_server_tells_in_a_later_turn),
        cmocka_unit_test(server_may_be_closed_when_it_has_drained),
        cmocka_unit_test(server_may_be_closed_inside_a_handler),
        cmocka_unit_test(server_may_be_closed_right_after_an_answer),
        cmocka_unit_test(close_tells_every_owner),
        cmocka_unit_test(server_refuses_other_users_where_it_can_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
