/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wake.c: an eventfd in the loop's poll, and a flag that spares a sender the system call while the
 * function is due anyway.
 *
 * The loop empties the descriptor before it takes the flag down: a sender in between finds the flag
 * up, and the function that runs next sees what he did. The other way round his event would be read
 * with the one before, the flag would stay up, and nobody would be woken again.
 *
 * Both exchanges are read-modify-writes, so the function also sees what was written before a send
 * that found the flag up.
 */
#define _GNU_SOURCE
#include "net/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/loop.h"

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct pawl_wake *wake = (struct pawl_wake *)poll;
    uint64_t count = 0;
    (void)status;
    (void)events;
    ssize_t got = read(wake->fd, &count, sizeof(count));
    PAWL_ASSERT(got == (ssize_t)sizeof(count) || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    (void)atomic_exchange(&wake->sent, false);
    wake->fn(wake->arg);
}

pawl_err pawl_wake_init(struct pawl_wake *wake, struct uv_loop_s *loop, pawl_wake_fn *fn, void *arg)
{
    *wake = (struct pawl_wake){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .fn = fn, .arg = arg};
    if (wake->fd < 0) {
        return pawl_err_from_errno(errno);
    }
    int status = uv_poll_init(loop, &wake->poll, wake->fd);
    if (status < 0) {
        pawl_wake_free(wake);
        return pawl_err_from_uv(status);
    }
    status = uv_poll_start(&wake->poll, UV_READABLE, on_poll);
    PAWL_ASSERT(status == 0); /* it only takes note of it */
    return PAWL_OK;
}

void pawl_wake_send(struct pawl_wake *wake)
{
    const uint64_t one = 1;
    if (atomic_exchange(&wake->sent, true)) {
        return;
    }
    ssize_t put = write(wake->fd, &one, sizeof(one));
    while (put < 0 && errno == EINTR) {
        put = write(wake->fd, &one, sizeof(one));
    }
    PAWL_ASSERT(put == (ssize_t)sizeof(one));
}

void pawl_wake_free(struct pawl_wake *wake)
{
    if (wake->fd >= 0) {
        (void)close(wake->fd);
        wake->fd = -1;
    }
}
