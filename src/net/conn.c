/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.c: the life of one connection: bytes come in, requests go out to the handler one at a
 * time, and the end of every turn settles what is to be written, continued or freed. States
 * and invariants: server_priv.h.
 *
 * While an answer is awaited the connection goes on reading, for two reasons: pipelined
 * requests, which are kept unparsed until their turn, and the end of the stream, which is how a
 * client that went away is noticed. An end of the stream counts as gone, also from a client
 * that only shut its sending side: such clients are rare, and a call that nobody waits for must
 * not be paid. Past PAWL_CONN_PENDING_BYTES of pipelined requests reading stops, and with it
 * that notice, until an answer is written.
 *
 * Lingering: closing a socket with unread bytes makes the kernel reset the connection, and the
 * client may lose the answer that says what was wrong. So after refusing a request that
 * was not read to its end, our side is shut and the rest is read and dropped for a while.
 *
 * Failure: no memory at accept closes the connection; later it is a refusal (503) or a
 * broken connection. Ownership: the server owns connections; see C2.
 */
#define _GNU_SOURCE
#include "base/alloc.h"
#include "base/assert.h"
#include "net/server_priv.h"

#define MOVE(state) (1u << PAWL_CONN_##state)

/* From each state, where a connection may go. */
static const unsigned allowed_moves[PAWL_CONN_STATE_COUNT] = {
    [PAWL_CONN_HANDSHAKE] = MOVE(IDLE) | MOVE(ENDED) | MOVE(LINGERING) | MOVE(CLOSING),
    [PAWL_CONN_IDLE] = MOVE(HEAD) | MOVE(CLOSING),
    [PAWL_CONN_HEAD] = MOVE(BODY) | MOVE(ANSWERING) | MOVE(ENDED) | MOVE(CLOSING),
    [PAWL_CONN_BODY] = MOVE(ANSWERING) | MOVE(ENDED) | MOVE(CLOSING),
    [PAWL_CONN_ANSWERING] = MOVE(ENDED) | MOVE(CLOSING),
    [PAWL_CONN_ENDED] = MOVE(IDLE) | MOVE(LINGERING) | MOVE(CLOSING),
    [PAWL_CONN_LINGERING] = MOVE(CLOSING),
    [PAWL_CONN_CLOSING] = MOVE(CLOSED),
    [PAWL_CONN_CLOSED] = 0,
};

struct pawl_conn *pawl_conn_checked(void *data)
{
    struct pawl_conn *conn = data;
    PAWL_ASSERT(conn != NULL && conn->magic == PAWL_CONN_MAGIC);
    return conn;
}

static bool owner_has_it(const struct pawl_conn *conn)
{
    return conn->exchange.state == PAWL_EXCHANGE_OPEN ||
           conn->exchange.state == PAWL_EXCHANGE_STREAMING;
}

static void check_invariants(const struct pawl_conn *conn)
{
    PAWL_ASSERT(conn->state != PAWL_CONN_ANSWERING || owner_has_it(conn));
    PAWL_ASSERT(conn->state >= PAWL_CONN_ANSWERING || conn->exchange.state == PAWL_EXCHANGE_NONE);
    PAWL_ASSERT(conn->pending_used <= conn->pending.bytes);
    PAWL_ASSERT(conn->state != PAWL_CONN_CLOSED || conn->deadline.list == NULL);
}

void pawl_conn_move(struct pawl_conn *conn, enum pawl_conn_state state)
{
    PAWL_ASSERT((allowed_moves[conn->state] & (1u << state)) != 0);
    conn->state = state;
    check_invariants(conn);
}

void pawl_conn_touch(struct pawl_conn *conn)
{
    struct pawl_http_server *server = conn->server;
    if (!conn->in_work) {
        conn->in_work = true;
        conn->work_next = server->work;
        server->work = conn;
        pawl_turn_request(server->turn);
    }
}

/* --- Beginning ------------------------------------------------------------------------------ */

static struct pawl_http_body_max body_max_of(void *arg, const struct pawl_http_request *request)
{
    const struct pawl_conn *conn = pawl_conn_checked(arg);
    return conn->server->body_max(conn->server->arg, request, conn->tag);
}

struct pawl_conn *pawl_conn_new(const struct pawl_listener *listener)
{
    struct pawl_http_server *server = listener->server;
    struct pawl_conn *conn = pawl_alloc(sizeof(*conn));
    if (conn == NULL) {
        conn = server->spare;
        server->spare = NULL;
    }
    if (conn == NULL) {
        return NULL;
    }
    *conn =
        (struct pawl_conn){.magic = PAWL_CONN_MAGIC,
                           .state = listener->tls != NULL ? PAWL_CONN_HANDSHAKE : PAWL_CONN_IDLE,
                           .server = server,
                           .is_unix = listener->is_unix,
                           .same_user_only = listener->same_user_only,
                           .is_apart = server->apart_count < listener->own_count_max,
                           .tag = listener->tag};
    conn->exchange = (struct pawl_http_exchange){.magic = PAWL_EXCHANGE_MAGIC, .conn = conn};
    pawl_arena_init(&conn->arena, (size_t)server->limits.arena_bytes_max);
    pawl_reader_init(&conn->reader, &server->limits, &conn->arena);
    if (server->body_max != NULL) {
        conn->reader.large = (struct pawl_reader_large){
            .body_max = body_max_of, .arg = conn, .places = &server->large};
    }
    pawl_buf_init(&conn->pending, PAWL_CONN_PENDING_BYTES + 2 * PAWL_SERVER_READ_BYTES + /* I1 */
                                      PAWL_CONN_TLS_HELD_BYTES);
    pawl_buf_init(&conn->output, PAWL_CONN_OUTPUT_BYTES_MAX);
    pawl_buf_init(&conn->sealed, PAWL_CONN_SEALED_BYTES_MAX);
    pawl_buf_init(&conn->inflight, PAWL_CONN_OUTPUT_BYTES_MAX);
    int status = conn->is_unix ? uv_pipe_init(server->loop, &conn->uv.pipe, 0)
                               : uv_tcp_init(server->loop, &conn->uv.tcp);
    PAWL_ASSERT(status == 0); /* without flags neither opens anything */
    conn->uv.handle.data = conn;
    conn->next = server->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    server->conns = conn;
    server->conn_count += 1;
    server->apart_count += conn->is_apart;
    return conn;
}

void pawl_conn_begin(struct pawl_conn *conn,
                     enum pawl_http_refusal refusal,
                     struct pawl_tls_server *tls)
{
    if (!conn->is_unix) {
        /* An error here costs latency, or the notice of a peer whose machine is gone. */
        uv_tcp_nodelay(&conn->uv.tcp, 1);
        uv_tcp_keepalive(&conn->uv.tcp, 1, PAWL_CONN_KEEPALIVE_S);
    }
    conn->refusal = refusal;
    if (tls != NULL && !pawl_tls_conn_open(conn, tls)) {
        pawl_conn_close(conn);
        return;
    }
    enum pawl_conn_wait wait = tls != NULL ? PAWL_WAIT_HANDSHAKE : PAWL_WAIT_IDLE;
    /* Who is refused anyway must not sit here for long. */
    bool refused = refusal != PAWL_HTTP_REFUSAL_NONE;
    pawl_server_wait(conn->server, conn, refused ? PAWL_WAIT_LINGER : wait);
    pawl_intake_start(conn);
}

void pawl_conn_shook_hands(struct pawl_conn *conn)
{
    pawl_conn_move(conn, PAWL_CONN_IDLE);
    if (conn->refusal == PAWL_HTTP_REFUSAL_NONE) {
        pawl_server_wait(conn->server, conn, PAWL_WAIT_IDLE);
    }
}

/* --- Reading -------------------------------------------------------------------------------- */

static void hand_out(struct pawl_conn *conn)
{
    pawl_deadline_stop(&conn->deadline);
    pawl_exchange_open(conn);
    pawl_conn_move(conn, PAWL_CONN_ANSWERING);
    conn->server->handler(conn->server->arg, &conn->exchange);
}

/* The head is complete: a body is awaited, and may have to be asked for. */
static void enter_body(struct pawl_conn *conn, bool more_is_here)
{
    pawl_conn_move(conn, PAWL_CONN_BODY);
    conn->body_step_bytes = 0;
    if (conn->reader.guard.expects_continue && !more_is_here) {
        pawl_buf_append_str(&conn->output, "HTTP/1.1 100 Continue\r\n\r\n");
        pawl_conn_touch(conn);
    }
}

/* A body may take long, if it keeps coming. True when it has earned a new wait. */
static bool go_on_with_body(struct pawl_conn *conn, size_t bytes)
{
    conn->body_step_bytes += bytes;
    if (conn->body_step_bytes < (pawl_reader_is_large(&conn->reader) ? PAWL_HTTP_LARGE_STEP_BYTES
                                                                     : PAWL_HTTP_BODY_STEP_BYTES)) {
        return false;
    }
    conn->body_step_bytes = 0;
    return true;
}

static bool request_is_whole(const struct pawl_conn *conn)
{
    return conn->state <= PAWL_CONN_BODY && conn->reader.state == PAWL_READER_COMPLETE;
}

/* Feeds the reader until a request is whole. Returns the bytes taken; what is left belongs to later
 * requests. Most requests come whole, and wait for nothing on the way. */
static size_t consume(struct pawl_conn *conn, const char *data, size_t bytes)
{
    size_t used = 0;
    bool waits_anew = false;
    while (used < bytes && conn->state <= PAWL_CONN_BODY && !request_is_whole(conn)) {
        size_t fed = pawl_reader_feed(&conn->reader, pawl_slice_of(data + used, bytes - used));
        used += fed;
        enum pawl_reader_state read = conn->reader.state;
        if (conn->state == PAWL_CONN_IDLE &&
            (read != PAWL_READER_HEAD || pawl_reader_head_begun(&conn->reader))) {
            pawl_conn_move(conn, PAWL_CONN_HEAD);
            waits_anew = true;
        }
        bool head_done = read == PAWL_READER_BODY || read == PAWL_READER_COMPLETE;
        if (read == PAWL_READER_REFUSED) {
            pawl_conn_refuse(conn, conn->reader.refusal);
        } else if (head_done && conn->refusal != PAWL_HTTP_REFUSAL_NONE) {
            pawl_conn_refuse(conn, conn->refusal);
        } else if (read == PAWL_READER_COMPLETE) {
            return used;
        } else if (read == PAWL_READER_BODY && conn->state == PAWL_CONN_HEAD) {
            enter_body(conn, used < bytes);
            waits_anew = true;
        } else if (read == PAWL_READER_BODY) {
            waits_anew = go_on_with_body(conn, fed) || waits_anew;
        }
    }
    if (waits_anew && conn->state <= PAWL_CONN_BODY) {
        pawl_server_wait(conn->server, conn,
                         conn->state == PAWL_CONN_BODY ? PAWL_WAIT_BODY : PAWL_WAIT_HEAD);
    }
    return used;
}

/* Bytes for later requests. */
static void keep(struct pawl_conn *conn, const char *data, size_t bytes)
{
    if (conn->linger || bytes == 0) {
        return;
    }
    if (conn->pending_used > 0) {
        pawl_buf_consume(&conn->pending, conn->pending_used);
        conn->pending_used = 0;
    }
    pawl_buf_append(&conn->pending, data, bytes);
    if (conn->pending.overflowed) {
        conn->broken = true;
        pawl_conn_touch(conn);
        return;
    }
    if (conn->pending.bytes >= PAWL_CONN_PENDING_BYTES && conn->reading) {
        conn->reading = false;
        uv_read_stop(&conn->uv.stream);
    }
}

void pawl_conn_take_bytes(struct pawl_conn *conn, const char *data, size_t bytes)
{
    switch (conn->state) {
    case PAWL_CONN_IDLE:
    case PAWL_CONN_HEAD:
    case PAWL_CONN_BODY: {
        size_t used = consume(conn, data, bytes);
        keep(conn, data + used, bytes - used);
        return;
    }
    case PAWL_CONN_ANSWERING:
    case PAWL_CONN_ENDED:
        keep(conn, data, bytes);
        return;
    case PAWL_CONN_LINGERING:
        conn->linger_bytes += bytes;
        if (conn->linger_bytes > PAWL_CONN_LINGER_BYTES) {
            pawl_conn_close(conn);
        }
        return;
    case PAWL_CONN_HANDSHAKE:
    case PAWL_CONN_CLOSING:
    case PAWL_CONN_CLOSED:
    case PAWL_CONN_STATE_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

void pawl_conn_hand_out_whole(struct pawl_conn *conn)
{
    if (request_is_whole(conn)) {
        hand_out(conn);
    }
}

void pawl_conn_peer_ended(struct pawl_conn *conn)
{
    conn->reading = false;
    pawl_conn_hand_out_whole(conn);
    if (conn->state == PAWL_CONN_ENDED) {
        /* The client has what it wanted, or will have it when the rest is written. */
        conn->peer_eof = true;
        uv_read_stop(&conn->uv.stream);
        pawl_conn_touch(conn);
        return;
    }
    pawl_conn_close(conn);
}

/* --- The end of a turn ---------------------------------------------------------------------- */

static void conn_free(struct pawl_conn *conn)
{
    PAWL_ASSERT(conn->state == PAWL_CONN_CLOSED && !conn->in_work && !conn->writing);
    pawl_reader_free(&conn->reader);
    pawl_arena_free(&conn->arena);
    pawl_buf_free(&conn->pending);
    pawl_buf_free(&conn->output);
    pawl_buf_free(&conn->sealed);
    pawl_tls_conn_free(conn);
    pawl_buf_free(&conn->inflight);
    conn->magic = 0;
    conn->exchange.magic = 0;
    pawl_server_remove(conn->server, conn);
}

/* The shutdown's end changes nothing: the deadline and the peer decide. */
static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)status;
    (void)pawl_conn_checked(request->data);
}

void pawl_conn_linger(struct pawl_conn *conn)
{
    pawl_conn_move(conn, PAWL_CONN_LINGERING);
    pawl_server_wait(conn->server, conn, PAWL_WAIT_LINGER);
    if (conn->tls != NULL) {
        pawl_tls_goodbye(conn);
        pawl_conn_flush(conn);
    }
    conn->shutdown_request.data = conn;
    if (uv_shutdown(&conn->shutdown_request, &conn->uv.stream, on_shutdown) < 0) {
        pawl_conn_close(conn);
        return;
    }
    pawl_intake_start(conn);
}

/* Goes on with what came while the last request was answered. */
static void next_request(struct pawl_conn *conn)
{
    pawl_arena_reset(&conn->arena);
    pawl_reader_reset(&conn->reader);
    pawl_conn_move(conn, PAWL_CONN_IDLE);
    pawl_server_wait(conn->server, conn, PAWL_WAIT_IDLE);
    if (conn->pending_used < conn->pending.bytes) {
        conn->pending_used += consume(conn, conn->pending.data + conn->pending_used,
                                      conn->pending.bytes - conn->pending_used);
    }
    if (conn->pending_used == conn->pending.bytes || conn->linger) {
        pawl_buf_reset(&conn->pending);
        conn->pending_used = 0;
    }
    if (conn->pending.bytes - conn->pending_used < PAWL_CONN_PENDING_BYTES) {
        pawl_intake_start(conn);
    }
    pawl_conn_hand_out_whole(conn);
}

/* Everything of the answer is with the kernel. */
static void answered(struct pawl_conn *conn)
{
    struct pawl_http_exchange *exchange = &conn->exchange;
    bool goes_on = exchange->keep_alive && !conn->peer_eof && !conn->reset &&
                   !conn->server->draining && !conn->server->closing;
    exchange->state = PAWL_EXCHANGE_NONE;
    pawl_deadline_stop(&conn->deadline);
    if (goes_on) {
        next_request(conn);
    } else if ((conn->linger || conn->pending.bytes > 0) && !conn->peer_eof && !conn->reset) {
        conn->linger = true;
        pawl_conn_linger(conn);
    } else {
        pawl_conn_close(conn);
    }
}

void pawl_conn_settle(struct pawl_conn *conn)
{
    struct pawl_http_exchange *exchange = &conn->exchange;
    if (conn->state == PAWL_CONN_CLOSED && !owner_has_it(conn)) {
        conn_free(conn);
        return;
    }
    if (conn->state >= PAWL_CONN_CLOSING) {
        return;
    }
    pawl_conn_flush(conn);
    if (conn->broken) {
        pawl_conn_close(conn);
        return;
    }
    size_t queued = pawl_conn_queued_bytes(conn);
    if (exchange->paused && queued <= conn->server->limits.write_queue_bytes_high / 2) {
        exchange->paused = false;
        if (exchange->state == PAWL_EXCHANGE_STREAMING && exchange->drained != NULL) {
            exchange->drained(exchange);
        }
    }
    if (conn->state == PAWL_CONN_ENDED && !conn->writing && queued == 0) {
        answered(conn);
    }
}

/* --- The end -------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct pawl_conn *conn = pawl_conn_checked(handle->data);
    pawl_conn_move(conn, PAWL_CONN_CLOSED);
    pawl_conn_touch(conn);
}

void pawl_conn_close(struct pawl_conn *conn)
{
    struct pawl_http_exchange *exchange = &conn->exchange;
    if (conn->state >= PAWL_CONN_CLOSING) {
        return;
    }
    pawl_conn_move(conn, PAWL_CONN_CLOSING);
    pawl_deadline_stop(&conn->deadline);
    conn->reading = false;
    /* An answer that was cut off must not look as if it had ended. */
    if (conn->tls != NULL && !conn->reset && !conn->broken && !conn->writing &&
        pawl_conn_queued_bytes(conn) == 0) {
        pawl_tls_goodbye(conn);
        pawl_conn_flush(conn);
    }
    bool is_reset =
        conn->reset && !conn->is_unix && uv_tcp_close_reset(&conn->uv.tcp, on_closed) == 0;
    if (!is_reset) {
        uv_close(&conn->uv.handle, on_closed);
    }
    if (owner_has_it(conn)) {
        exchange->is_gone = true;
        if (exchange->gone != NULL) {
            exchange->gone(exchange);
        }
    }
}

void pawl_conn_expired(struct pawl_conn *conn, enum pawl_conn_wait wait)
{
    switch (wait) {
    case PAWL_WAIT_HEAD:
        pawl_conn_refuse(conn, PAWL_HTTP_REFUSAL_HEAD_TIMEOUT);
        return;
    case PAWL_WAIT_BODY:
        pawl_conn_refuse(conn, PAWL_HTTP_REFUSAL_BODY_TIMEOUT);
        return;
    case PAWL_WAIT_WRITE: {
        size_t left = pawl_conn_untaken_bytes(conn);
        if (left + PAWL_HTTP_WRITE_STEP_BYTES <= conn->write_left_bytes) {
            conn->write_left_bytes = left;
            pawl_server_wait(conn->server, conn, PAWL_WAIT_WRITE);
            return;
        }
        pawl_conn_close(conn);
        return;
    }
    case PAWL_WAIT_HANDSHAKE:
    case PAWL_WAIT_IDLE:
    case PAWL_WAIT_LINGER:
        pawl_conn_close(conn);
        return;
    case PAWL_WAIT_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}
