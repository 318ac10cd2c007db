/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_support.c: see the header. Failures of the machinery itself are cmocka failures of the
 * test that uses it.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WATCHDOG_MS = 300000, WIRE_BYTES_MAX = 512 * 1024 * 1024 };

/* --- The world ------------------------------------------------------------------------------ */

static void on_watchdog(uv_timer_t *timer)
{
    struct world *world = timer->data;
    world->timed_out = true;
}

void world_open(struct world *world)
{
    *world = (struct world){0};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(uv_timer_init(&world->loop, &world->watchdog), 0);
    world->watchdog.data = world;
    assert_int_equal(uv_timer_start(&world->watchdog, on_watchdog, WATCHDOG_MS, 0), 0);
}

void world_close(struct world *world)
{
    uv_close((uv_handle_t *)&world->watchdog, NULL);
    /* Close callbacks run in the turn after the close; with nothing left to wait for, a handful of
     * turns that do not block must end it all. */
    for (int i = 0; i < 16 && uv_loop_close(&world->loop) != 0; i++) {
        uv_run(&world->loop, UV_RUN_NOWAIT);
        if (i == 15) {
            uv_print_all_handles(&world->loop, stderr);
            fail_msg("handles were left open");
        }
    }
}

void world_turn(struct world *world)
{
    uv_run(&world->loop, UV_RUN_ONCE);
}

/* --- Wires ---------------------------------------------------------------------------------- */

static void wire_update(struct wire *wire);

static void wire_read(struct wire *wire)
{
    char *room = pawl_buf_reserve(&wire->in, 65536);
    assert_non_null(room);
    ssize_t got = read(wire->fd, room, 65536);
    if (got > 0) {
        pawl_buf_advance(&wire->in, (size_t)got);
    } else if (got == 0) {
        wire->eof = true;
    } else if (errno != EAGAIN && errno != EINTR) {
        wire->eof = true;
        wire->broken = true;
    }
}

static void wire_write(struct wire *wire)
{
    size_t left = wire->out.bytes - wire->out_sent;
    if (wire->slow_bytes > 0 && left > wire->slow_bytes) {
        left = wire->slow_bytes;
    }
    ssize_t sent = send(wire->fd, wire->out.data + wire->out_sent, left, MSG_NOSIGNAL);
    if (sent > 0) {
        wire->out_sent += (size_t)sent;
    } else if (errno != EAGAIN && errno != EINTR) {
        wire->broken = true;
        wire->out_sent = wire->out.bytes;
    }
}

static void on_wire(uv_poll_t *poll, int status, int events)
{
    struct wire *wire = poll->data;
    if (status < 0) {
        wire->broken = true;
        wire->eof = true;
    } else {
        if ((events & UV_READABLE) != 0) {
            wire_read(wire);
        }
        if ((events & UV_WRITABLE) != 0 && !wire_all_sent(wire)) {
            wire_write(wire);
        }
    }
    wire_update(wire);
}

static void wire_update(struct wire *wire)
{
    int events = 0;
    if (!wire->eof && !wire->read_paused) {
        events |= UV_READABLE;
    }
    if (!wire_all_sent(wire)) {
        events |= UV_WRITABLE;
    }
    if (events == 0) {
        uv_poll_stop(&wire->poll);
    } else {
        assert_int_equal(uv_poll_start(&wire->poll, events, on_wire), 0);
    }
}

void wire_adopt(struct wire *wire, struct world *world, int fd)
{
    *wire = (struct wire){.world = world, .fd = fd, .poll_open = true};
    pawl_buf_init(&wire->in, WIRE_BYTES_MAX);
    pawl_buf_init(&wire->out, WIRE_BYTES_MAX);
    assert_true(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
    assert_int_equal(uv_poll_init(&world->loop, &wire->poll, fd), 0);
    wire->poll.data = wire;
    wire_update(wire);
}

void wire_connect(struct wire *wire, struct world *world, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    /* The kernel completes a connection to a listening socket by itself. */
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wire_adopt(wire, world, fd);
}

void wire_connect_unix(struct wire *wire, struct world *world, const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    wire_adopt(wire, world, fd);
}

void wire_send_bytes(struct wire *wire, const char *data, size_t bytes)
{
    pawl_buf_append(&wire->out, data, bytes);
    assert_false(wire->out.overflowed);
    wire_update(wire);
}

void wire_send(struct wire *wire, const char *text)
{
    wire_send_bytes(wire, text, strlen(text));
}

void wire_pause(struct wire *wire, bool paused)
{
    wire->read_paused = paused;
    wire_update(wire);
}

bool wire_all_sent(const struct wire *wire)
{
    return wire->out_sent == wire->out.bytes;
}

size_t wire_count(struct wire *wire, const char *text)
{
    size_t count = 0;
    struct pawl_slice rest = pawl_buf_slice(&wire->in);
    struct pawl_slice wanted = pawl_slice_str(text);
    for (;;) {
        size_t at = rest.bytes > 0 ? pawl_slice_find(rest, wanted) : SIZE_MAX;
        if (at == SIZE_MAX) {
            return count;
        }
        count += 1;
        rest = pawl_slice_sub(rest, at + wanted.bytes, rest.bytes);
    }
}

bool wire_has(struct wire *wire, const char *text)
{
    return wire_count(wire, text) > 0;
}

const char *wire_text(struct wire *wire)
{
    return pawl_buf_cstr(&wire->in);
}

void wire_forget(struct wire *wire)
{
    pawl_buf_reset(&wire->in);
}

static void on_wire_closed(uv_handle_t *handle)
{
    struct wire *wire = handle->data;
    wire->poll_open = false;
}

void wire_close(struct wire *wire)
{
    uv_close((uv_handle_t *)&wire->poll, on_wire_closed);
    close(wire->fd);
    WAIT_UNTIL(wire->world, !wire->poll_open);
    pawl_buf_free(&wire->in);
    pawl_buf_free(&wire->out);
}

void wire_reset(struct wire *wire)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    wire_close(wire);
}

int bind_loopback(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof(address);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int listen_loopback(int backlog, uint16_t *ret_port)
{
    int fd = bind_loopback(ret_port);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void on_origin(uv_poll_t *poll, int status, int events)
{
    struct origin *origin = poll->data;
    assert_int_equal(status, 0);
    assert_true((events & UV_READABLE) != 0);
    int fd = accept4(origin->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        assert_true(origin->wire_count < 64);
        wire_adopt(&origin->wires[origin->wire_count], origin->world, fd);
        origin->wire_count += 1;
    }
}

void origin_open(struct origin *origin, struct world *world)
{
    *origin = (struct origin){.world = world, .poll_open = true};
    origin->fd = listen_loopback(64, &origin->port);
    assert_int_equal(uv_poll_init(&world->loop, &origin->poll, origin->fd), 0);
    origin->poll.data = origin;
    assert_int_equal(uv_poll_start(&origin->poll, UV_READABLE, on_origin), 0);
}

void origin_drop(struct origin *origin, size_t index, bool reset)
{
    struct wire *wire = &origin->wires[index];
    if (wire->poll_open) {
        if (reset) {
            wire_reset(wire);
        } else {
            wire_close(wire);
        }
    }
}

static void on_origin_closed(uv_handle_t *handle)
{
    struct origin *origin = handle->data;
    origin->poll_open = false;
}

void origin_close(struct origin *origin)
{
    for (size_t i = 0; i < origin->wire_count; i++) {
        origin_drop(origin, i, false);
    }
    uv_close((uv_handle_t *)&origin->poll, on_origin_closed);
    close(origin->fd);
    WAIT_UNTIL(origin->world, !origin->poll_open);
}

/* --- A server ------------------------------------------------------------------------------- */

static void on_gone(struct pawl_http_exchange *exchange)
{
    struct service *service = pawl_http_exchange_owner(exchange);
    service->gone_count += 1;
    assert_true(pawl_http_exchange_is_gone(exchange));
}

static void on_drained(struct pawl_http_exchange *exchange)
{
    struct service *service = pawl_http_exchange_owner(exchange);
    service->drained_count += 1;
}

static void answer(struct pawl_http_exchange *exchange)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    struct pawl_slice text =
        pawl_arena_printf(pawl_http_exchange_arena(exchange), "%.*s %.*s %zu",
                          (int)request->method.bytes, request->method.data,
                          (int)request->target.bytes, request->target.data, request->body.bytes);
    pawl_http_reply(exchange, 200, NULL, 0, text);
}

static void on_request(void *arg, struct pawl_http_exchange *exchange)
{
    struct service *service = arg;
    service->request_count += 1;
    pawl_http_exchange_set_owner(exchange, service);
    pawl_http_exchange_on_gone(exchange, on_gone);
    pawl_http_exchange_on_drained(exchange, on_drained);
    if (service->on_request != NULL) {
        service->on_request(service, exchange);
    } else if (service->answer_at_once) {
        answer(exchange);
    } else {
        assert_true(service->held_count < 8);
        service->held[service->held_count++] = exchange;
    }
}

struct pawl_http_limits limits_default(void)
{
    return PAWL_HTTP_LIMITS_DEFAULT;
}

void service_open_with(struct service *service,
                       struct world *world,
                       const struct service_options *how)
{
    *service = (struct service){.world = world};
    struct pawl_http_server_options options = {.loop = &world->loop,
                                               .limits = how->limits,
                                               .same_user_only = how->same_user_only,
                                               .handler = on_request,
                                               .refusal = how->refusal,
                                               .body_max = how->body_max,
                                               .arg = service};
    assert_true(pawl_ok(pawl_http_server_new(&options, &service->server)));
    const struct pawl_http_listen listen = {.address = "127.0.0.1:0", .tls = how->tls};
    struct pawl_errmsg msg = {0};
    assert_true(pawl_ok(pawl_http_server_listen(service->server, &listen, &service->port, &msg)));
    assert_true(service->port > 0);
}

void service_open(struct service *service, struct world *world, struct pawl_http_limits limits)
{
    service_open_with(service, world, &(struct service_options){.limits = limits});
}

void service_open_for_user(struct service *service, struct world *world)
{
    service_open_with(
        service, world,
        &(struct service_options){.limits = limits_default(), .same_user_only = true});
}

void service_close(struct service *service)
{
    assert_int_equal(service->held_count, 0);
    pawl_http_server_close(service->server);
}

struct pawl_http_exchange *service_take(struct service *service)
{
    assert_true(service->held_count > 0);
    struct pawl_http_exchange *exchange = service->held[0];
    service->held_count -= 1;
    memmove(&service->held[0], &service->held[1], service->held_count * sizeof(service->held[0]));
    return exchange;
}

void service_fill(struct service *service, struct pawl_http_exchange *exchange)
{
    static char piece[100000];
    while (pawl_http_reply_write(exchange, pawl_slice_of(piece, sizeof(piece))) &&
           !pawl_http_exchange_is_gone(exchange)) {
        uv_run(&service->world->loop, UV_RUN_NOWAIT);
    }
}

void fixture_open(struct fixture *fixture, struct pawl_http_limits limits)
{
    world_open(&fixture->world);
    service_open(&fixture->service, &fixture->world, limits);
    wire_connect(&fixture->wire, &fixture->world, fixture->service.port);
}

void fixture_close(struct fixture *fixture)
{
    wire_close(&fixture->wire);
    service_close(&fixture->service);
    world_close(&fixture->world);
}

struct pawl_http_exchange *fixture_next_exchange(struct fixture *fixture, const char *request)
{
    wire_forget(&fixture->wire);
    wire_send(&fixture->wire, request);
    WAIT_UNTIL(&fixture->world, fixture->service.held_count == 1);
    return service_take(&fixture->service);
}
