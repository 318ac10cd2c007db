/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_support.h: a world for tests of src/net: one loop, and raw sockets driven by it.
 *
 * A test never sleeps. It says what must become true and turns the loop until it is;
 * a watchdog of five minutes turns a hang into a failure. The raw sockets (struct wire) send
 * exactly the bytes they are given and keep what comes back, so a test sees the wire and
 * not some client's idea of it.
 */
#ifndef PAWL_TESTS_UNIT_TEST_NET_SUPPORT_H
#define PAWL_TESTS_UNIT_TEST_NET_SUPPORT_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "net/server.h"

struct world {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool timed_out;
};

void world_open(struct world *world);
/* Fails the test when a handle was left open: a leak of the code under test. */
void world_close(struct world *world);
void world_turn(struct world *world);

/* Turns the loop until the condition holds. */
#define WAIT_UNTIL(world, condition)                                                               \
    do {                                                                                           \
        while (!(condition)) {                                                                     \
            world_turn(world);                                                                     \
            if ((world)->timed_out) {                                                              \
                fail_msg("never came true: %s", #condition);                                       \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* For a test of a limit in time that has something to do before it is over: what a busy machine was
 * too slow for is tried again with twice the time. `attempt` is true when it was in time. */
#define TRY_WITH_TIME(ms, first_ms, attempt)                                                       \
    do {                                                                                           \
        uint32_t ms = (first_ms);                                                                  \
        while (!(attempt)) {                                                                       \
            ms *= 2;                                                                               \
            if (ms > 20000) {                                                                      \
                fail_msg("never in time: %s", #attempt);                                           \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* A raw connection. */
struct wire {
    struct world *world;
    int fd;
    uv_poll_t poll;
    bool poll_open;
    bool read_paused;
    bool eof;
    bool broken; /* reset, or a write failed */
    struct pawl_buf in;
    struct pawl_buf out;
    size_t out_sent;
    size_t slow_bytes; /* > 0: no write is larger than this */
};

void wire_connect(struct wire *wire, struct world *world, uint16_t port);
void wire_connect_unix(struct wire *wire, struct world *world, const char *path);
/* Takes over a connected socket, which it makes non-blocking. */
void wire_adopt(struct wire *wire, struct world *world, int fd);
void wire_send(struct wire *wire, const char *text);
void wire_send_bytes(struct wire *wire, const char *data, size_t bytes);
/* Stops and resumes reading, as a client does whose own consumer is slow. */
void wire_pause(struct wire *wire, bool paused);
bool wire_all_sent(const struct wire *wire);
bool wire_has(struct wire *wire, const char *text);
/* How often the text stands in what came. */
size_t wire_count(struct wire *wire, const char *text);
/* Everything that came, as a C string (a NUL in it would cut it). */
const char *wire_text(struct wire *wire);
void wire_forget(struct wire *wire);
void wire_close(struct wire *wire);
/* With a reset instead of an orderly end. */
void wire_reset(struct wire *wire);

/* A server whose handler keeps the exchange for the test, or answers at once. */
struct service {
    struct world *world;
    struct pawl_http_server *server;
    uint16_t port;
    bool answer_at_once;                /* 200, body "METHOD TARGET BODYBYTES" */
    struct pawl_http_exchange *held[8]; /* unanswered, in order of arrival */
    size_t held_count;
    size_t request_count;
    size_t gone_count;
    size_t drained_count;
    bool drain_done;
    void (*on_request)(struct service *service, struct pawl_http_exchange *exchange);
};

struct service_options {
    struct pawl_http_limits limits;
    bool same_user_only;
    pawl_http_refusal_fn *refusal;
    pawl_http_body_max_fn *body_max;
    struct pawl_tls_server *tls;
};

void service_open_with(struct service *service,
                       struct world *world,
                       const struct service_options *how);
void service_open(struct service *service, struct world *world, struct pawl_http_limits limits);
void service_open_for_user(struct service *service, struct world *world);
/* Every held exchange must have been answered. */
void service_close(struct service *service);
/* Takes the oldest held exchange. */
struct pawl_http_exchange *service_take(struct service *service);
/* Writes until it is told to pause, for a client that does not read; or until that client is given
 * up, which a short write timeout may do first on a busy machine. */
void service_fill(struct service *service, struct pawl_http_exchange *exchange);

struct pawl_http_limits limits_default(void);

/* A world, its service, and one raw client of it. */
struct fixture {
    struct world world;
    struct service service;
    struct wire wire;
};

void fixture_open(struct fixture *fixture, struct pawl_http_limits limits);
void fixture_close(struct fixture *fixture);
/* Sends a request from the client and takes the exchange that the service then holds. What had come
 * before is forgotten. */
struct pawl_http_exchange *fixture_next_exchange(struct fixture *fixture, const char *request);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* A listening socket whose connections are raw wires: an upstream that says what the test says. */
struct origin {
    struct world *world;
    int fd;
    uint16_t port;
    uv_poll_t poll;
    bool poll_open;
    struct wire wires[64];
    size_t wire_count; /* accepted so far; wires are not reused */
};

void origin_open(struct origin *origin, struct world *world);
/* Closes one of its connections, orderly or with a reset. */
void origin_drop(struct origin *origin, size_t index, bool reset);
void origin_close(struct origin *origin);

/* A port where nobody listens, and nobody else can. */
int bind_loopback(uint16_t *ret_port);
int listen_loopback(int backlog, uint16_t *ret_port);

#endif
