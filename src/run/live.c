/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.c: one request on the run's socket, blocking, with a limit in time. The answer is small and
 * the connection is closed behind it, so it is read to the end of file.
 */
#define _GNU_SOURCE
#include "run/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/status.h"

static const char request[] = "GET " PAWL_STATUS_PATH " HTTP/1.1\r\n"
                              "Host: pawl\r\nConnection: close\r\n\r\n";

static int64_t boot_ms(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg) / PAWL_US_PER_MS;
}

static int connect_to(const char *address)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!pawl_slice_copy_str(pawl_slice_str(address), name.sun_path, sizeof(name.sun_path))) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static pawl_err read_answer(int fd, int64_t deadline_ms, struct pawl_buf *answer)
{
    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - boot_ms();
        if (left_ms <= 0 || poll(&polled, 1, (int)left_ms) == 0) {
            return PAWL_ERR(TIMEOUT);
        }
        char *room = pawl_buf_reserve(answer, 4096);
        if (room == NULL) {
            return PAWL_ERR(LIMIT);
        }
        ssize_t bytes = recv(fd, room, 4096, 0);
        if (bytes == 0) {
            return PAWL_OK;
        }
        if (bytes > 0) {
            pawl_buf_advance(answer, (size_t)bytes);
        } else if (errno != EINTR && errno != EAGAIN) {
            return PAWL_ERR(UNREACHABLE);
        }
    }
}

static pawl_err ask(const char *address, int64_t deadline_ms, struct pawl_buf *answer)
{
    int fd = connect_to(address);
    if (fd < 0) {
        return PAWL_ERR(UNREACHABLE);
    }
    pawl_err err = PAWL_ERR(UNREACHABLE);
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
        err = read_answer(fd, deadline_ms, answer);
    }
    (void)close(fd);
    return err;
}

pawl_err pawl_live_ask(const struct pawl_datadir *dir,
                       const char *id,
                       uint32_t timeout_ms,
                       struct pawl_buf *out,
                       struct pawl_errmsg *msg)
{
    char name[64];
    char path[PAWL_PATH_BYTES];
    char address[PAWL_STATUS_ADDRESS_BYTES];
    int dir_fd = -1;
    (void)snprintf(name, sizeof(name), "runs/%s", id);
    pawl_err err = pawl_datadir_path(dir, name, path, msg);
    if (pawl_ok(err)) {
        err = pawl_status_address(path, &dir_fd, address, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    err = ask(address, boot_ms() + timeout_ms, &answer);
    (void)close(dir_fd);
    struct pawl_slice text = pawl_buf_slice(&answer);
    size_t head = pawl_slice_find(text, PAWL_SLICE("\r\n\r\n"));
    if (pawl_ok(err) &&
        (head == SIZE_MAX || !pawl_slice_starts_with(text, PAWL_SLICE("HTTP/1.1 200 ")))) {
        err = PAWL_ERR(PROTOCOL);
    }
    if (pawl_ok(err)) {
        pawl_buf_append_slice(out, pawl_slice_sub(text, head + 4, text.bytes));
    } else {
        pawl_errmsg_set(msg, "%s does not answer: %s", id, pawl_err_name(err));
    }
    pawl_buf_free(&answer);
    return err;
}
