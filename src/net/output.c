/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c: a connection's bytes on their way out. Two buffers: one collects, the other is with
 * libuv. Almost always the socket takes everything at once and the second stays
 * unused; when it does not, the two change places, so nothing is copied to wait. With TLS the
 * records in `sealed` stand in the place of the output, and are made a piece at a time.
 *
 * Failure: an error of the socket, no memory, or an owner who writes past the maximum
 * makes the connection `broken`; it is closed at the end of the turn (C3).
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/assert.h"
#include "net/server_priv.h"

void pawl_output_keep_small(struct pawl_buf *buf)
{
    if (buf->capacity > PAWL_CONN_OUTPUT_KEEP_BYTES) {
        pawl_buf_free(buf);
    } else {
        pawl_buf_reset(buf);
    }
}

/* The kernel's buffer is large, and says that it has room long after the peer took something. */
size_t pawl_conn_untaken_bytes(const struct pawl_conn *conn)
{
    uv_os_fd_t fd = -1;
    int in_kernel = 0;
    size_t queued = uv_stream_get_write_queue_size(&conn->uv.stream);
    if (uv_fileno(&conn->uv.handle, &fd) != 0 || ioctl(fd, SIOCOUTQ, &in_kernel) != 0 ||
        in_kernel < 0) {
        return queued;
    }
    return queued + (size_t)in_kernel;
}

static void break_off(struct pawl_conn *conn)
{
    conn->broken = true;
    pawl_conn_touch(conn);
}

static void on_written(uv_write_t *request, int status)
{
    struct pawl_conn *conn = pawl_conn_checked(request->data);
    PAWL_ASSERT(conn->writing);
    conn->writing = false;
    pawl_output_keep_small(&conn->inflight);
    if (conn->state >= PAWL_CONN_CLOSING) {
        return;
    }
    if (conn->deadline.list == &conn->server->waits[PAWL_WAIT_WRITE]) {
        pawl_deadline_stop(&conn->deadline);
    }
    if (status < 0) {
        conn->broken = true;
    }
    pawl_conn_touch(conn);
}

/* Hands what is left of `out`, the output or its records, to libuv, from `start` on. */
static void queue_rest(struct pawl_conn *conn, struct pawl_buf *out, size_t start)
{
    struct pawl_buf rest = *out;
    *out = conn->inflight;
    out->max_bytes = rest.max_bytes;
    conn->inflight = rest;
    PAWL_ASSERT(out->bytes == 0);
    conn->write_request.data = conn;
    uv_buf_t piece = {.base = rest.data + start, .len = rest.bytes - start};
    if (uv_write(&conn->write_request, &conn->uv.stream, &piece, 1, on_written) < 0) {
        pawl_buf_reset(&conn->inflight);
        break_off(conn);
        return;
    }
    conn->writing = true;
    if (conn->state == PAWL_CONN_ANSWERING || conn->state == PAWL_CONN_ENDED) {
        conn->write_left_bytes = pawl_conn_untaken_bytes(conn);
        pawl_server_wait(conn->server, conn, PAWL_WAIT_WRITE);
    }
}

/* One system call. True when it took all of `out`. */
static bool write_now(struct pawl_conn *conn, struct pawl_buf *out)
{
    uv_buf_t all = {.base = out->data, .len = out->bytes};
    int written = uv_try_write(&conn->uv.stream, &all, 1);
    if (written < 0 && written != UV_EAGAIN) {
        break_off(conn);
        return false;
    }
    size_t taken = written > 0 ? (size_t)written : 0;
    if (taken < out->bytes) {
        queue_rest(conn, out, taken);
        return false;
    }
    pawl_output_keep_small(out);
    return true;
}

static void flush_sealed(struct pawl_conn *conn)
{
    bool all_taken = true;
    while (all_taken && !conn->writing) {
        if (!pawl_tls_seal(conn) || conn->sealed.overflowed) {
            break_off(conn);
            return;
        }
        if (conn->sealed.bytes == 0) {
            return;
        }
        all_taken = write_now(conn, &conn->sealed);
    }
}

void pawl_conn_flush(struct pawl_conn *conn)
{
    if (conn->output.overflowed) {
        break_off(conn);
        return;
    }
    if (conn->writing || conn->broken) {
        return;
    }
    if (conn->tls != NULL) {
        flush_sealed(conn);
    } else if (conn->output.bytes > 0) {
        (void)write_now(conn, &conn->output);
    }
}

size_t pawl_conn_queued_bytes(const struct pawl_conn *conn)
{
    size_t inflight = conn->writing ? uv_stream_get_write_queue_size(&conn->uv.stream) : 0;
    return conn->output.bytes - conn->output_sealed + conn->sealed.bytes + inflight;
}
