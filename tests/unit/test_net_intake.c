/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_intake.c: what happens between the reading of a piece and its being understood
 * (src/net/intake.c). What happens there is a signal: libuv tells of signals behind all that was
 * read in the same turn, and the server's own turn comes after both.
 */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"

/* In the middle of the next turn that reads something, `act` is called. */
struct middle {
    uv_signal_t signal;
    void (*act)(struct middle *middle);
    struct service *service;
    struct pawl_http_exchange *exchange;
    bool happened;
    bool drained;
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct middle *middle = handle->data;
    (void)number;
    middle->happened = true;
    middle->act(middle);
}

static void
middle_open(struct middle *middle, struct service *service, void (*act)(struct middle *middle))
{
    *middle = (struct middle){.service = service, .act = act};
    uv_signal_init(&service->world->loop, &middle->signal);
    middle->signal.data = middle;
    assert_int_equal(uv_signal_start(&middle->signal, on_signal, SIGUSR1), 0);
}

static void middle_close(struct middle *middle)
{
    uv_close((uv_handle_t *)&middle->signal, NULL);
}

/* What the client has to say goes to the kernel, where the next turn finds it. */
static void send_now(struct wire *wire)
{
    size_t left = wire->out.bytes - wire->out_sent;
    ssize_t sent = send(wire->fd, wire->out.data + wire->out_sent, left, MSG_NOSIGNAL);
    assert_int_equal(sent, left);
    wire->out_sent = wire->out.bytes;
}

static void strike(struct wire *wire)
{
    send_now(wire);
    assert_int_equal(raise(SIGUSR1), 0);
}

static void on_drained(void *arg)
{
    struct middle *middle = arg;
    middle->drained = true;
}

static void drain(struct middle *middle)
{
    pawl_http_server_drain(middle->service->server, on_drained, middle);
}

static void close_server(struct middle *middle)
{
    pawl_http_server_close(middle->service->server);
    middle->service->server = NULL;
}

static void wait_connections(struct service *service, size_t count)
{
    WAIT_UNTIL(service->world, pawl_http_server_connection_count(service->server) == count);
}

/* --- The server's end ----------------------------------------------------------------------- */

static void drain_does_not_wait_for_a_handshake(void **state)
{
    (void)state;
    struct scene scene;
    struct pawl_http_limits limits = limits_default();
    limits.handshake_timeout_ms = 3600 * 1000;
    scene_open(&scene, limits);
    struct wire wire;
    wire_connect(&wire, &scene.world, scene.service.port);
    wait_connections(&scene.service, 1);
    struct middle middle;
    middle_open(&middle, &scene.service, drain);
    wire_send_bytes(&wire, "\x16\x03\x01", 3); /* how a ClientHello begins */
    strike(&wire);
    WAIT_UNTIL(&scene.world, middle.drained && wire.eof);
    middle_close(&middle);
    wire_close(&wire);
    scene_close(&scene);
}

static void close_drops_what_was_read(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    struct wire wires[3];
    world_open(&world);
    service_open(&service, &world, limits_default());
    for (size_t i = 0; i < 3; i++) {
        wire_connect(&wires[i], &world, service.port);
    }
    wait_connections(&service, 3);
    struct middle middle;
    middle_open(&middle, &service, close_server);
    for (size_t i = 0; i < 3; i++) {
        wire_send(&wires[i], GET("/"));
        send_now(&wires[i]);
    }
    assert_int_equal(raise(SIGUSR1), 0);
    WAIT_UNTIL(&world, wires[0].eof && wires[1].eof && wires[2].eof);
    assert_true(middle.happened);
    assert_int_equal(service.request_count, 0);
    middle_close(&middle);
    for (size_t i = 0; i < 3; i++) {
        wire_close(&wires[i]);
    }
    world_close(&world);
}

/* --- A connection that breaks --------------------------------------------------------------- */

static uint64_t failing; /* which allocation */

static void write_without_memory(struct middle *middle)
{
    static char piece[100000]; /* leaves early: PAWL_CONN_OUTPUT_EARLY_BYTES */
    pawl_alloc_fail_at(failing, 1);
    (void)pawl_http_reply_write(middle->exchange, pawl_slice_of(piece, sizeof(piece)));
}

/* The write cannot make its records, and what the client sent was read already. */
static void what_came_before_tls_broke_is_dropped(void **state)
{
    (void)state;
    bool failed = true;
    for (failing = 1; failed; failing++) {
        struct scene scene;
        struct secure secure;
        scene_open(&scene, limits_default());
        scene_connect(&scene, &secure);
        secure_wait_open(&secure);
        secure_send(&secure, GET("/"));
        WAIT_UNTIL(&scene.world, secure_pump(&secure) && scene.service.held_count == 1);
        struct middle middle;
        middle_open(&middle, &scene.service, write_without_memory);
        middle.exchange = service_take(&scene.service);
        pawl_http_reply_begin(middle.exchange, 200, NULL, 0, -1);
        WAIT_UNTIL(&scene.world, secure_pump(&secure) && secure_has(&secure, "chunked"));
        secure_send(&secure, GET("/next"));
        secure_pump(&secure);
        /* The wire's own buffers must not be what fails. */
        assert_non_null(pawl_buf_reserve(&secure.wire.in, 400000));
        strike(&secure.wire);
        WAIT_UNTIL(&scene.world, middle.happened);
        world_turn(&scene.world);
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        assert_int_equal(pawl_http_exchange_is_gone(middle.exchange), failed);
        pawl_http_reply_abort(middle.exchange);
        WAIT_UNTIL(&scene.world, secure.wire.eof || secure.wire.broken);
        middle_close(&middle);
        secure_close(&secure);
        scene_close(&scene);
    }
    assert_true(failing > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_does_not_wait_for_a_handshake),
        cmocka_unit_test(close_drops_what_was_read),
        cmocka_unit_test(what_came_before_tls_broke_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
