/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c: pawl's end of the keeper: fork it, give orders, read events. Orders and events are
 * whole messages on a SOCK_SEQPACKET pair, so neither side frames anything. Orders are few and
 * small against the socket's buffer; should the keeper be gone, sending does nothing and the next
 * read says so.
 *
 * Forking must come before the first thread, the first descriptor and the first changed signal:
 * the keeper is a copy of the process as it is now, and hands on what it got.
 */
#define _GNU_SOURCE
#include "run/keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "run/tree.h"

enum { ORPHANS_PATIENCE_MS = 5000 };

static struct pawl_keeper_signals read_signals(void)
{
    struct pawl_keeper_signals signals;
    sigemptyset(&signals.ignored);
    (void)sigprocmask(SIG_SETMASK, NULL, &signals.mask);
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
            (void)sigaddset(&signals.ignored, number);
        }
    }
    return signals;
}

pawl_err
pawl_keeper_fork(char *const *argv, struct pawl_keeper *ret_keeper, struct pawl_errmsg *msg)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        pawl_errmsg_set(msg, "cannot make a socket pair: %s", strerror(errno));
        return pawl_err_from_errno(errno);
    }
    struct pawl_keeper_signals signals = read_signals();
    /* Should the keeper be killed, its children come to us instead of to init. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigset_t all;
    sigfillset(&all); /* A signal must not find the keeper before it ignores it. */
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t pid = fork();
    int error_number = errno;
    if (pid != 0) {
        (void)sigprocmask(SIG_SETMASK, &signals.mask, NULL);
    }
    if (pid < 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        pawl_errmsg_set(msg, "cannot fork: %s", strerror(error_number));
        return pawl_err_from_errno(error_number);
    }
    if (pid == 0) {
        (void)close(pair[0]);
        pawl_keeper_main(pair[1], argv, &signals);
    }
    (void)close(pair[1]);
    *ret_keeper = (struct pawl_keeper){
        .fd = pair[0],
        .pid = pid,
        .hangup_ignored = sigismember(&signals.ignored, SIGHUP) == 1,
    };
    return PAWL_OK;
}

/* iovec has no const form; nothing is written through it. */
static struct iovec part_of(struct pawl_slice bytes)
{
    union {
        const void *from;
        void *to;
    } data = {.from = bytes.data};
    return (struct iovec){.iov_base = data.to, .iov_len = bytes.bytes};
}

static pawl_err send_order(struct pawl_keeper *keeper,
                           struct pawl_keeper_order order,
                           const struct pawl_keeper_start *start)
{
    struct iovec parts[3] = {{.iov_base = &order, .iov_len = sizeof(order)}};
    if (start != NULL) {
        parts[1] = part_of(start->settings);
        parts[2] = part_of(start->edits);
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = PAWL_ARRAY_LEN(parts)};
    ssize_t sent = 0;
    do {
        sent = sendmsg(keeper->fd, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? pawl_err_from_errno(errno) : PAWL_OK;
}

static bool ends_with_nul(struct pawl_slice texts)
{
    return texts.bytes == 0 || texts.data[texts.bytes - 1] == '\0';
}

pawl_err pawl_keeper_start(struct pawl_keeper *keeper, const struct pawl_keeper_start *start)
{
    if (start->settings.bytes + start->edits.bytes > PAWL_KEEPER_START_MAX) {
        return PAWL_ERR(LIMIT);
    }
    PAWL_ASSERT(ends_with_nul(start->settings) && ends_with_nul(start->edits));
    struct pawl_keeper_order order = {.kind = PAWL_KEEPER_ORDER_START,
                                      .value = (uint32_t)start->settings.bytes};
    return send_order(keeper, order, start);
}

void pawl_keeper_signal(struct pawl_keeper *keeper, int signal_number)
{
    struct pawl_keeper_order order = {.kind = PAWL_KEEPER_ORDER_SIGNAL,
                                      .value = (uint32_t)signal_number};
    (void)pawl_failed(send_order(keeper, order, NULL));
}

void pawl_keeper_clear(struct pawl_keeper *keeper, uint32_t patience_ms)
{
    struct pawl_keeper_order order = {.kind = PAWL_KEEPER_ORDER_CLEAR, .value = patience_ms};
    (void)pawl_failed(send_order(keeper, order, NULL));
}

pawl_err pawl_keeper_read(struct pawl_keeper *keeper, struct pawl_keeper_event *ret_event)
{
    struct pawl_keeper_event event;
    ssize_t bytes = 0;
    do {
        bytes = recv(keeper->fd, &event, sizeof(event), MSG_DONTWAIT);
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return PAWL_ERR(NOT_FOUND);
    }
    if (bytes != (ssize_t)sizeof(event)) {
        return PAWL_ERR(UNREACHABLE);
    }
    *ret_event = event;
    return PAWL_OK;
}

static void reap_keeper(struct pawl_keeper *keeper)
{
    while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void pawl_keeper_end(struct pawl_keeper *keeper)
{
    if (keeper->fd >= 0) {
        (void)close(keeper->fd);
        keeper->fd = -1;
        reap_keeper(keeper);
    }
}

void pawl_keeper_clear_orphans(struct pawl_keeper *keeper)
{
    pawl_keeper_end(keeper);
    struct pawl_clock clock = pawl_clock_os();
    int64_t give_up_us = clock.boot_us(clock.arg) + ORPHANS_PATIENCE_MS * PAWL_US_PER_MS;
    struct pawl_tree tree = {0};
    do {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (pawl_ok(pawl_tree_kill(&tree, getpid())) && tree.count == 0) {
            break;
        }
    } while (clock.boot_us(clock.arg) < give_up_us);
    pawl_tree_free(&tree);
}
