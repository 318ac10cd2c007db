/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c: answers. Everything is appended to the connection's output buffer; output.c
 * sends it at the end of the turn, or at once when there is much of it.
 *
 * How an answer's end is marked (its framing) is decided when its head is written, and kept by
 * this file alone: a promised length is neither passed nor silently missed, because the
 * next answer on the connection would begin in the wrong place. Where it cannot be kept the
 * connection ends instead.
 *
 * On an exchange whose client is gone every function keeps its state and writes nothing.
 */
#define _GNU_SOURCE
#include <string.h>

#include "base/assert.h"
#include "base/decimal.h"
#include "net/peer.h"
#include "net/server_priv.h"

static void check(const struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(exchange != NULL && exchange->magic == PAWL_EXCHANGE_MAGIC);
    PAWL_ASSERT(exchange->conn->magic == PAWL_CONN_MAGIC);
}

/* --- Handing out ---------------------------------------------------------------------------- */

/* What the answer depends on is known once the head was read; before it, the cautious guess. */
static void reset_exchange(struct pawl_conn *conn, enum pawl_exchange_state state)
{
    conn->exchange =
        (struct pawl_http_exchange){.magic = PAWL_EXCHANGE_MAGIC, .conn = conn, .state = state};
    conn->exchange.is_head =
        conn->reader.head_known && pawl_slice_equal_str(conn->reader.request.method, "HEAD");
    conn->exchange.version_1_0 = conn->reader.guard.version_1_0;
}

void pawl_exchange_open(struct pawl_conn *conn)
{
    PAWL_ASSERT(conn->reader.state == PAWL_READER_COMPLETE);
    reset_exchange(conn, PAWL_EXCHANGE_OPEN);
    conn->exchange.keep_alive = conn->reader.keep_alive;
}

const struct pawl_http_request *
pawl_http_exchange_request(const struct pawl_http_exchange *exchange)
{
    check(exchange);
    return &exchange->conn->reader.request;
}

struct pawl_arena *pawl_http_exchange_arena(struct pawl_http_exchange *exchange)
{
    check(exchange);
    return &exchange->conn->arena;
}

void pawl_http_exchange_set_owner(struct pawl_http_exchange *exchange, void *owner)
{
    check(exchange);
    exchange->owner = owner;
}

void *pawl_http_exchange_owner(const struct pawl_http_exchange *exchange)
{
    check(exchange);
    return exchange->owner;
}

void pawl_http_exchange_on_gone(struct pawl_http_exchange *exchange,
                                void (*gone)(struct pawl_http_exchange *exchange))
{
    check(exchange);
    exchange->gone = gone;
}

void pawl_http_exchange_on_drained(struct pawl_http_exchange *exchange,
                                   void (*drained)(struct pawl_http_exchange *exchange))
{
    check(exchange);
    exchange->drained = drained;
}

bool pawl_http_exchange_is_gone(const struct pawl_http_exchange *exchange)
{
    check(exchange);
    return exchange->is_gone;
}

uint32_t pawl_http_exchange_listener(const struct pawl_http_exchange *exchange)
{
    check(exchange);
    return exchange->conn->tag;
}

pid_t pawl_http_exchange_peer_pid(const struct pawl_http_exchange *exchange)
{
    check(exchange);
    return exchange->is_gone ? 0 : pawl_conn_peer_pid(exchange->conn);
}

bool pawl_http_exchange_is_from_run(const struct pawl_http_exchange *exchange)
{
    pid_t pid = pawl_http_exchange_peer_pid(exchange);
    return pid > 0 && pawl_peer_descends_from_named(pid, PAWL_KEEPER_NAME);
}

const char *pawl_http_exchange_peer(const struct pawl_http_exchange *exchange,
                                    char out[static PAWL_HTTP_PEER_BYTES])
{
    check(exchange);
    out[0] = '\0';
    return exchange->is_gone ? out : pawl_conn_peer_text(exchange->conn, out);
}

/* --- The head ------------------------------------------------------------------------------- */

/* A header that would end its own line begins another one, which nobody meant. */
static bool splits_lines(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0') {
            return true;
        }
    }
    return false;
}

static bool is_sent(const struct pawl_http_header *header)
{
    bool ours = header->name.bytes == 0 || pawl_http_is_hop_by_hop(header->name) ||
                pawl_slice_equal_nocase(header->name, PAWL_SLICE("Content-Length"));
    return !ours && !splits_lines(header->name) && !splits_lines(header->value);
}

/* A head is written into room that was made for all of it: nothing in it grows on the way. */
struct head {
    char *at;
};

enum { HEAD_FIXED_BYTES = 256 }; /* status line, framing and Connection, and more than these */

static void put(struct head *head, struct pawl_slice text)
{
    if (text.bytes > 0) {
        memcpy(head->at, text.data, text.bytes);
        head->at += text.bytes;
    }
}

static void put_number(struct head *head, uint64_t value)
{
    size_t bytes = pawl_decimal_bytes(value);
    pawl_decimal_put(value, bytes, head->at);
    head->at += bytes;
}

/* The head of an answer as its owner wants it. */
struct answer {
    int status;
    struct pawl_slice lines; /* headers as they are sent */
    const struct pawl_http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1: not known */
};

static size_t head_bytes_max(const struct answer *answer, struct pawl_slice reason)
{
    size_t bytes = HEAD_FIXED_BYTES + reason.bytes + answer->lines.bytes;
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct pawl_http_header *header = &answer->headers[i];
        bytes += header->name.bytes + header->value.bytes + sizeof(": \r\n") - 1;
    }
    return bytes;
}

static void put_status(struct head *head, int status, struct pawl_slice reason)
{
    if (status == 200) { /* as nearly always */
        put(head, PAWL_SLICE("HTTP/1.1 200 OK\r\n"));
        return;
    }
    put(head, PAWL_SLICE("HTTP/1.1 "));
    put_number(head, (uint64_t)status);
    put(head, PAWL_SLICE(" "));
    put(head, reason);
    put(head, PAWL_SLICE("\r\n"));
}

static void put_headers(struct head *head, const struct answer *answer)
{
    put(head, answer->lines);
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct pawl_http_header *header = &answer->headers[i];
        if (is_sent(header)) {
            put(head, header->name);
            put(head, PAWL_SLICE(": "));
            put(head, header->value);
            put(head, PAWL_SLICE("\r\n"));
        }
    }
}

/* Decides the framing, and whether the connection goes on. */
static void
put_framing(struct head *head, struct pawl_http_exchange *exchange, const struct answer *answer)
{
    bool never_has_body = answer->status == 204 || answer->status == 304;
    int64_t content_length = answer->content_length;
    if (never_has_body) {
        exchange->framing = PAWL_FRAMING_NO_BODY;
    } else if (content_length >= 0) {
        exchange->framing = PAWL_FRAMING_LENGTH;
        exchange->left_bytes = (uint64_t)content_length;
        put(head, PAWL_SLICE("Content-Length: "));
        put_number(head, (uint64_t)content_length);
        put(head, PAWL_SLICE("\r\n"));
    } else if (exchange->version_1_0) {
        exchange->framing = PAWL_FRAMING_UNTIL_CLOSE;
        exchange->keep_alive = false;
    } else {
        exchange->framing = PAWL_FRAMING_CHUNKED;
        put(head, PAWL_SLICE("Transfer-Encoding: chunked\r\n"));
    }
    if (exchange->is_head) {
        exchange->framing = PAWL_FRAMING_NO_BODY;
    }
}

/* `body_bytes` is what will be appended behind it at once. */
static void
append_head(struct pawl_http_exchange *exchange, const struct answer *answer, size_t body_bytes)
{
    PAWL_ASSERT(answer->status >= 200 && answer->status <= 999);
    struct pawl_buf *out = &exchange->conn->output;
    if (exchange->conn->server->draining) {
        exchange->keep_alive = false;
    }
    struct pawl_slice reason = pawl_slice_str(pawl_http_reason(answer->status));
    size_t most = head_bytes_max(answer, reason);
    char *room = pawl_buf_reserve(out, most + body_bytes);
    if (room == NULL) {
        /* No memory: the flag breaks the connection off, and nothing of the answer is sent. */
        out->overflowed = true;
        exchange->framing = PAWL_FRAMING_NO_BODY;
        return;
    }
    struct head head = {.at = room};
    put_status(&head, answer->status, reason);
    put_headers(&head, answer);
    put_framing(&head, exchange, answer);
    if (!exchange->keep_alive) {
        put(&head, PAWL_SLICE("Connection: close\r\n"));
    } else if (exchange->version_1_0) {
        put(&head, PAWL_SLICE("Connection: keep-alive\r\n"));
    }
    put(&head, PAWL_SLICE("\r\n"));
    size_t bytes = (size_t)(head.at - room);
    PAWL_ASSERT(bytes <= most);
    pawl_buf_advance(out, bytes);
}

/* --- Answers -------------------------------------------------------------------------------- */

/* The owner has answered: nothing of the exchange is its own any more. */
static void end(struct pawl_http_exchange *exchange)
{
    struct pawl_conn *conn = exchange->conn;
    exchange->state = PAWL_EXCHANGE_ENDED;
    if (conn->state < PAWL_CONN_CLOSING) {
        pawl_conn_move(conn, PAWL_CONN_ENDED);
    }
    pawl_conn_touch(conn);
}

static void
reply(struct pawl_http_exchange *exchange, const struct answer *answer, struct pawl_slice body)
{
    check(exchange);
    PAWL_ASSERT(exchange->state == PAWL_EXCHANGE_OPEN);
    if (!exchange->is_gone) {
        append_head(exchange, answer, body.bytes);
        if (exchange->framing == PAWL_FRAMING_LENGTH) {
            pawl_buf_append_slice(&exchange->conn->output, body);
        }
    }
    end(exchange);
}

void pawl_http_reply(struct pawl_http_exchange *exchange,
                     int status,
                     const struct pawl_http_header *headers,
                     size_t header_count,
                     struct pawl_slice body)
{
    const struct answer answer = {.status = status,
                                  .headers = headers,
                                  .header_count = header_count,
                                  .content_length = (int64_t)body.bytes};
    reply(exchange, &answer, body);
}

void pawl_http_reply_lines(struct pawl_http_exchange *exchange,
                           int status,
                           struct pawl_slice lines,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           struct pawl_slice body)
{
    PAWL_ASSERT(lines.bytes > 0 && lines.data[lines.bytes - 1] == '\n');
    const struct answer answer = {.status = status,
                                  .lines = lines,
                                  .headers = headers,
                                  .header_count = header_count,
                                  .content_length = (int64_t)body.bytes};
    reply(exchange, &answer, body);
}

void pawl_http_reply_begin(struct pawl_http_exchange *exchange,
                           int status,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           int64_t content_length)
{
    check(exchange);
    PAWL_ASSERT(exchange->state == PAWL_EXCHANGE_OPEN);
    PAWL_ASSERT(content_length >= -1);
    exchange->state = PAWL_EXCHANGE_STREAMING;
    if (!exchange->is_gone) {
        const struct answer answer = {.status = status,
                                      .headers = headers,
                                      .header_count = header_count,
                                      .content_length = content_length};
        append_head(exchange, &answer, 0);
        pawl_conn_touch(exchange->conn);
    }
}

static void append_body(struct pawl_http_exchange *exchange, struct pawl_slice bytes)
{
    struct pawl_buf *out = &exchange->conn->output;
    switch (exchange->framing) {
    case PAWL_FRAMING_NO_BODY:
        return;
    case PAWL_FRAMING_LENGTH:
        bytes.bytes =
            bytes.bytes < exchange->left_bytes ? bytes.bytes : (size_t)exchange->left_bytes;
        exchange->left_bytes -= bytes.bytes;
        pawl_buf_append_slice(out, bytes);
        return;
    case PAWL_FRAMING_CHUNKED:
        pawl_buf_printf(out, "%zx\r\n", bytes.bytes);
        pawl_buf_append_slice(out, bytes);
        pawl_buf_append(out, "\r\n", 2);
        return;
    case PAWL_FRAMING_UNTIL_CLOSE:
        pawl_buf_append_slice(out, bytes);
        return;
    }
    PAWL_UNREACHABLE();
}

bool pawl_http_reply_write(struct pawl_http_exchange *exchange, struct pawl_slice bytes)
{
    check(exchange);
    PAWL_ASSERT(exchange->state == PAWL_EXCHANGE_STREAMING);
    struct pawl_conn *conn = exchange->conn;
    if (exchange->is_gone) {
        return true;
    }
    if (bytes.bytes > 0) {
        append_body(exchange, bytes);
    }
    if (conn->output.bytes >= PAWL_CONN_OUTPUT_EARLY_BYTES) {
        pawl_conn_flush(conn);
    }
    pawl_conn_touch(conn);
    if (conn->broken) {
        return true;
    }
    if (pawl_conn_queued_bytes(conn) > conn->server->limits.write_queue_bytes_high) {
        exchange->paused = true;
    }
    return !exchange->paused;
}

void pawl_http_reply_end(struct pawl_http_exchange *exchange)
{
    check(exchange);
    PAWL_ASSERT(exchange->state == PAWL_EXCHANGE_STREAMING);
    if (exchange->framing == PAWL_FRAMING_LENGTH && exchange->left_bytes > 0) {
        pawl_http_reply_abort(exchange);
        return;
    }
    if (!exchange->is_gone && exchange->framing == PAWL_FRAMING_CHUNKED) {
        pawl_buf_append_str(&exchange->conn->output, "0\r\n\r\n");
    }
    end(exchange);
}

void pawl_http_reply_abort(struct pawl_http_exchange *exchange)
{
    check(exchange);
    PAWL_ASSERT(exchange->state == PAWL_EXCHANGE_OPEN ||
                exchange->state == PAWL_EXCHANGE_STREAMING);
    exchange->keep_alive = false;
    exchange->conn->reset =
        exchange->framing == PAWL_FRAMING_UNTIL_CLOSE && exchange->state == PAWL_EXCHANGE_STREAMING;
    end(exchange);
}

void pawl_exchange_answer_refusal(struct pawl_conn *conn,
                                  int status,
                                  const struct pawl_http_header *headers,
                                  size_t header_count,
                                  struct pawl_slice body)
{
    pawl_deadline_stop(&conn->deadline);
    reset_exchange(conn, PAWL_EXCHANGE_OPEN);
    pawl_http_reply(&conn->exchange, status, headers, header_count, body);
}
