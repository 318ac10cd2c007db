/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c: the server itself: the end of the turn, deadlines, drain and close.
 *
 * At the end of each turn in which something happened, what was read is understood and handed out
 * (intake.c), and the connections that were touched are settled: output is written, the next
 * pipelined request begins, closed connections are freed. What is touched meanwhile waits for the
 * next run of the turn, so one busy connection cannot hold up the others.
 *
 * Closing: everything closes at once, but a connection's memory stays until its exchange was
 * answered, and the server's until its last connection and handle are gone; then it frees itself.
 *
 * Memory: one spare connection is made at birth, so that a machine out of memory can still
 * take connections in and see them go, instead of standing still.
 */
#define _GNU_SOURCE
#include <stddef.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/server_priv.h"

static struct pawl_http_server *server_checked(void *data)
{
    struct pawl_http_server *server = data;
    PAWL_ASSERT(server != NULL && server->magic == PAWL_SERVER_MAGIC);
    return server;
}

/* --- The end ------------------------------------------------------------------------------- */

void pawl_server_free_when_done(struct pawl_http_server *server)
{
    if (!server->closing || server->handle_count > 0 || server->conn_count > 0) {
        return;
    }
    PAWL_ASSERT(server->listeners == NULL && server->conns == NULL && server->work == NULL);
    PAWL_ASSERT(server->large.count == 0);
    pawl_turn_close(server->turn);
    pawl_peer_close(&server->peer);
    pawl_free(server->spare);
    server->magic = 0;
    pawl_free(server);
}

static void drain_when_done(struct pawl_http_server *server)
{
    void (*done)(void *arg) = server->drain_done;
    if (server->draining && done != NULL && server->conn_count == 0) {
        server->drain_done = NULL;
        done(server->drain_arg);
    }
}

/* --- The turn and the timer ----------------------------------------------------------------- */

static void on_turn(void *arg)
{
    struct pawl_http_server *server = server_checked(arg);
    pawl_intake_run(server);
    struct pawl_conn *work = server->work;
    server->work = NULL;
    while (work != NULL) {
        struct pawl_conn *conn = work;
        work = conn->work_next;
        conn->in_work = false;
        conn->work_next = NULL;
        pawl_conn_settle(conn);
    }
    drain_when_done(server);
    pawl_server_free_when_done(server);
}

static void start_timer(struct pawl_http_server *server);
static void on_timer(uv_timer_t *timer);

/* libuv runs timers before it reads. Where the loop stood still (a slow disk, a machine that was
 * moved), what came meanwhile would be refused as if it had not, and a client takes a 408 for a
 * reason to drop what was spent. So a timer that is late lets the loop read once. */
static bool let_read_first(struct pawl_http_server *server, uint64_t now_ms)
{
    bool late = server->timer_at_ms < now_ms && now_ms - server->timer_at_ms > PAWL_SERVER_LATE_MS;
    server->timer_waited = late && !server->timer_waited;
    if (server->timer_waited) {
        server->timer_at_ms = now_ms + 1;
        uv_timer_start(&server->timer, on_timer, 1, 0);
    }
    return server->timer_waited;
}

static void on_timer(uv_timer_t *timer)
{
    struct pawl_http_server *server = server_checked(timer->data);
    uint64_t now_ms = uv_now(server->loop);
    if (let_read_first(server, now_ms)) {
        return;
    }
    server->timer_at_ms = UINT64_MAX;
    for (unsigned wait = 0; wait < PAWL_WAIT_COUNT; wait++) {
        struct pawl_deadline *due;
        while ((due = pawl_deadline_take_due(&server->waits[wait], now_ms)) != NULL) {
            char *start = (char *)due - offsetof(struct pawl_conn, deadline);
            struct pawl_conn *conn = (struct pawl_conn *)(void *)start;
            PAWL_ASSERT(conn->magic == PAWL_CONN_MAGIC);
            pawl_conn_expired(conn, (enum pawl_conn_wait)wait);
        }
    }
    start_timer(server);
}

/* Sets the timer to the first deadline there is. It may also fire too early, for a wait that has
 * ended since; it must never fire too late. */
static void start_timer(struct pawl_http_server *server)
{
    uint64_t first_ms = UINT64_MAX;
    for (unsigned wait = 0; wait < PAWL_WAIT_COUNT; wait++) {
        uint64_t at_ms = 0;
        if (pawl_deadline_next(&server->waits[wait], &at_ms) && at_ms < first_ms) {
            first_ms = at_ms;
        }
    }
    if (first_ms < server->timer_at_ms && !server->closing) {
        uint64_t now_ms = uv_now(server->loop);
        server->timer_at_ms = first_ms;
        uv_timer_start(&server->timer, on_timer, first_ms > now_ms ? first_ms - now_ms : 0, 0);
    }
}

void pawl_server_wait(struct pawl_http_server *server,
                      struct pawl_conn *conn,
                      enum pawl_conn_wait wait)
{
    struct pawl_deadline_list *list = &server->waits[wait];
    pawl_deadline_start(list, &conn->deadline, uv_now(server->loop));
    if (list->timeout_ms > 0 && uv_now(server->loop) + list->timeout_ms < server->timer_at_ms) {
        start_timer(server);
    }
}

void pawl_server_remove(struct pawl_http_server *server, struct pawl_conn *conn)
{
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        PAWL_ASSERT(server->conns == conn);
        server->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    PAWL_ASSERT(server->conn_count > 0);
    server->conn_count -= 1;
    server->apart_count -= conn->is_apart;
    if (server->spare == NULL) {
        server->spare = conn;
    } else {
        pawl_free(conn);
    }
    pawl_listeners_go_on(server);
}

/* --- Birth ---------------------------------------------------------------------------------- */

pawl_err pawl_http_server_new(const struct pawl_http_server_options *options,
                              struct pawl_http_server **ret_server)
{
    PAWL_ASSERT(options->loop != NULL && options->handler != NULL);
    pawl_loop_ignore_sigpipe();
    struct pawl_http_server *server = pawl_alloc_zeroed(1, sizeof(*server));
    if (server == NULL) {
        return PAWL_ERR(MEMORY);
    }
    server->spare = pawl_alloc(sizeof(*server->spare));
    if (server->spare == NULL) {
        pawl_free(server);
        return PAWL_ERR(MEMORY);
    }
    pawl_err err = pawl_turn_new(options->loop, on_turn, server, &server->turn);
    if (pawl_failed(err)) {
        pawl_free(server->spare);
        pawl_free(server);
        return err;
    }
    server->magic = PAWL_SERVER_MAGIC;
    server->loop = options->loop;
    server->limits = options->limits;
    server->same_user_only = options->same_user_only;
    server->handler = options->handler;
    server->refusal = options->refusal;
    server->body_max = options->body_max;
    server->arg = options->arg;
    server->timer_at_ms = UINT64_MAX;
    server->waits[PAWL_WAIT_HANDSHAKE].timeout_ms = options->limits.handshake_timeout_ms;
    server->waits[PAWL_WAIT_IDLE].timeout_ms = options->limits.idle_timeout_ms;
    server->waits[PAWL_WAIT_HEAD].timeout_ms = options->limits.head_timeout_ms;
    server->waits[PAWL_WAIT_BODY].timeout_ms = options->limits.body_timeout_ms;
    server->waits[PAWL_WAIT_WRITE].timeout_ms = options->limits.write_timeout_ms;
    server->waits[PAWL_WAIT_LINGER].timeout_ms = PAWL_CONN_LINGER_MS;
    uv_timer_init(options->loop, &server->timer);
    uv_unref((uv_handle_t *)&server->timer);
    server->timer.data = server;
    server->handle_count = 1;
    pawl_peer_open(&server->peer);
    *ret_server = server;
    return PAWL_OK;
}

/* --- Drain and close ------------------------------------------------------------------------ */

void pawl_http_server_drain(struct pawl_http_server *server, void (*done)(void *arg), void *arg)
{
    PAWL_ASSERT(server_checked(server) == server && !server->draining && !server->closing);
    server->draining = true;
    server->drain_done = done;
    server->drain_arg = arg;
    pawl_listeners_close(server);
    for (struct pawl_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        if (conn->state <= PAWL_CONN_IDLE && !conn->in_intake) {
            pawl_conn_close(conn);
        }
    }
    /* `done` comes from the turn, also when there is nothing to wait for. */
    pawl_turn_request(server->turn);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pawl_http_server *server = server_checked(handle->data);
    server->handle_count -= 1;
    pawl_server_free_when_done(server);
}

void pawl_http_server_close(struct pawl_http_server *server)
{
    PAWL_ASSERT(server_checked(server) == server && !server->closing);
    server->closing = true;
    server->drain_done = NULL;
    pawl_listeners_close(server);
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
    /* Closing frees nothing and unlinks nothing, so the list holds still, whatever the owners do
     * in their `gone`. */
    for (struct pawl_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        pawl_conn_close(conn);
    }
}

size_t pawl_http_server_connection_count(const struct pawl_http_server *server)
{
    return server->conn_count;
}

size_t pawl_http_server_request_count(const struct pawl_http_server *server)
{
    size_t count = 0;
    PAWL_ASSERT(server->magic == PAWL_SERVER_MAGIC);
    for (const struct pawl_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        count += conn->state >= PAWL_CONN_HEAD && conn->state <= PAWL_CONN_ENDED ? 1 : 0;
    }
    return count;
}
