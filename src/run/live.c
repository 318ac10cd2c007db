/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.c: see live.h. One request a connection; the answer is small and the connection is closed
 * behind it, so it is read to the end of file.
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
#include "base/json.h"
#include "run/control.h"

enum { ARENA_BYTES_MAX = 256 << 10, LOCK_TRIES = 100, LOCK_TRY_MS = 50 };

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

/* A request is a few hundred bytes, which a socket takes at once. */
static pawl_err exchange(const char *address,
                         struct pawl_slice request,
                         int64_t deadline_ms,
                         struct pawl_buf *answer)
{
    int fd = connect_to(address);
    if (fd < 0) {
        return PAWL_ERR(UNREACHABLE);
    }
    pawl_err err = PAWL_ERR(UNREACHABLE);
    if (send(fd, request.data, request.bytes, MSG_NOSIGNAL) == (ssize_t)request.bytes) {
        err = read_answer(fd, deadline_ms, answer);
    }
    (void)close(fd);
    return err;
}

/* The words of an error body, or that there are none. */
static pawl_err read_refusal(struct pawl_slice body, struct pawl_errmsg *msg)
{
    struct pawl_arena arena;
    struct pawl_json json;
    struct pawl_slice words = PAWL_SLICE_NONE;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    if (pawl_json_parse(&arena, body, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        words = pawl_json_string(&json, pawl_json_get(&json, 0, "message"), &arena);
    }
    pawl_errmsg_set(msg, "%.*s", (int)words.bytes, words.data != NULL ? words.data : "");
    pawl_err err = pawl_slice_empty(words) ? PAWL_ERR(PROTOCOL) : PAWL_ERR(INVALID);
    pawl_arena_free(&arena);
    return err;
}

/* The body behind a head that says 200; else what the run said instead. */
static pawl_err
read_reply(struct pawl_slice text, struct pawl_slice *ret_body, struct pawl_errmsg *msg)
{
    size_t head = pawl_slice_find(text, PAWL_SLICE("\r\n\r\n"));
    if (head == SIZE_MAX || !pawl_slice_starts_with(text, PAWL_SLICE("HTTP/1.1 "))) {
        return PAWL_ERR(PROTOCOL);
    }
    *ret_body = pawl_slice_sub(text, head + 4, text.bytes);
    return pawl_slice_starts_with(text, PAWL_SLICE("HTTP/1.1 200 ")) ? PAWL_OK
                                                                     : read_refusal(*ret_body, msg);
}

static pawl_err call(const struct pawl_datadir *dir,
                     const char *id,
                     const struct pawl_buf *request,
                     uint32_t timeout_ms,
                     struct pawl_buf *out,
                     struct pawl_errmsg *msg)
{
    char name[64];
    char path[PAWL_PATH_BYTES];
    char address[PAWL_CONTROL_ADDRESS_BYTES];
    int dir_fd = -1;
    (void)snprintf(name, sizeof(name), "runs/%s", id);
    pawl_err err = pawl_datadir_path(dir, name, path, msg);
    if (pawl_ok(err)) {
        err = pawl_control_address(path, &dir_fd, address, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_buf answer;
    struct pawl_slice body = PAWL_SLICE_NONE;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    err = request->overflowed
              ? PAWL_ERR(LIMIT)
              : exchange(address, pawl_buf_slice(request), boot_ms() + timeout_ms, &answer);
    (void)close(dir_fd);
    if (pawl_ok(err)) {
        err = read_reply(pawl_buf_slice(&answer), &body, msg);
    }
    if (pawl_ok(err)) {
        pawl_buf_append_slice(out, body);
    } else if (err.code != PAWL_ERR_INVALID) {
        pawl_errmsg_set(msg, "%s does not answer: %s", id, pawl_err_name(err));
    }
    pawl_buf_free(&answer);
    return err;
}

pawl_err pawl_live_ask(const struct pawl_datadir *dir,
                       const char *id,
                       uint32_t timeout_ms,
                       struct pawl_buf *out,
                       struct pawl_errmsg *msg)
{
    struct pawl_buf request;
    pawl_buf_init(&request, PAWL_LIVE_ANSWER_MAX);
    pawl_buf_append_str(&request, "GET " PAWL_CONTROL_PATH " HTTP/1.1\r\n"
                                  "Host: pawl\r\nConnection: close\r\n\r\n");
    pawl_err err = call(dir, id, &request, timeout_ms, out, msg);
    pawl_buf_free(&request);
    return err;
}

pawl_err pawl_live_post(const struct pawl_datadir *dir,
                        const char *id,
                        const char *what,
                        struct pawl_slice json,
                        uint32_t timeout_ms,
                        struct pawl_buf *out,
                        struct pawl_errmsg *msg)
{
    struct pawl_buf request;
    pawl_buf_init(&request, PAWL_LIVE_ANSWER_MAX);
    pawl_buf_printf(&request,
                    "POST " PAWL_CONTROL_PATH "%s HTTP/1.1\r\n"
                    "Host: pawl\r\nConnection: close\r\n"
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                    what, json.bytes);
    pawl_buf_append_slice(&request, json);
    pawl_err err = call(dir, id, &request, timeout_ms, out, msg);
    pawl_buf_free(&request);
    return err;
}

pawl_err pawl_live_lock(const struct pawl_datadir *dir,
                        const char *id,
                        pawl_live_owner_fn *ask,
                        void *arg,
                        struct pawl_rundir *ret_run,
                        bool *ret_answered,
                        struct pawl_errmsg *msg)
{
    *ret_answered = false;
    pawl_err err = pawl_rundir_lock(dir, id, ret_run, msg);
    for (int try = 0; err.code == PAWL_ERR_LOCKED && try < LOCK_TRIES; try++) {
        pawl_err asked = ask(arg, dir, id, msg);
        if (asked.code != PAWL_ERR_UNREACHABLE) {
            *ret_answered = true;
            return pawl_ok(asked) ? err : asked;
        }
        (void)poll(NULL, 0, LOCK_TRY_MS);
        err = pawl_rundir_lock(dir, id, ret_run, msg);
    }
    return err;
}
