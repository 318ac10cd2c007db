/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c: a connection's bytes on their way out. Two buffers: one collects, the other is with
 * libuv. Almost always the socket takes everything at once and the second stays
 * unused; when it does not, the two change places, so nothing is copied to wait.
 *
 * Failure: an error of the socket, no memory, or an owner who writes past the maximum
 * makes the connection `broken`; it is closed at the end of the turn (C3).
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "net/server_priv.h"

static void keep_small(struct pawl_buf *buf)
{
    if (buf->capacity > PAWL_CONN_OUTPUT_KEEP_BYTES) {
        pawl_buf_free(buf);
    } else {
        pawl_buf_reset(buf);
    }
}

static void break_off(struct pawl_conn *conn)
{
    conn->broken = true;
    pawl_conn_touch(conn);
}

static void on_written(uv_write_t *request, int status)
{
    struct pawl_conn *conn = request->data;
    PAWL_ASSERT(conn != NULL && conn->magic == PAWL_CONN_MAGIC && conn->writing);
    conn->writing = false;
    keep_small(&conn->inflight);
    if (conn->state >= PAWL_CONN_CLOSING) {
        return;
    }
    pawl_deadline_stop(&conn->deadline);
    if (status < 0) {
        conn->broken = true;
    }
    pawl_conn_touch(conn);
}

/* Hands what is left of the output to libuv, from `start` on. */
static void queue_rest(struct pawl_conn *conn, size_t start)
{
    struct pawl_buf rest = conn->output;
    conn->output = conn->inflight;
    conn->inflight = rest;
    PAWL_ASSERT(conn->output.bytes == 0);
    conn->write_request.data = conn;
    uv_buf_t piece = {.base = rest.data + start, .len = rest.bytes - start};
    if (uv_write(&conn->write_request, &conn->uv.stream, &piece, 1, on_written) < 0) {
        pawl_buf_reset(&conn->inflight);
        break_off(conn);
        return;
    }
    conn->writing = true;
    if (conn->state == PAWL_CONN_ANSWERING || conn->state == PAWL_CONN_ENDED) {
        conn->write_left_bytes = uv_stream_get_write_queue_size(&conn->uv.stream);
        pawl_server_wait(conn->server, conn, PAWL_WAIT_WRITE);
    }
}

void pawl_conn_flush(struct pawl_conn *conn)
{
    if (conn->output.overflowed) {
        break_off(conn);
        return;
    }
    if (conn->writing || conn->broken || conn->output.bytes == 0) {
        return;
    }
    uv_buf_t all = {.base = conn->output.data, .len = conn->output.bytes};
    int written = uv_try_write(&conn->uv.stream, &all, 1);
    if (written < 0 && written != UV_EAGAIN) {
        break_off(conn);
        return;
    }
    size_t taken = written > 0 ? (size_t)written : 0;
    if (taken == conn->output.bytes) {
        keep_small(&conn->output);
    } else {
        queue_rest(conn, taken);
    }
}

size_t pawl_conn_queued_bytes(const struct pawl_conn *conn)
{
    size_t inflight = conn->writing ? uv_stream_get_write_queue_size(&conn->uv.stream) : 0;
    return conn->output.bytes + inflight;
}
