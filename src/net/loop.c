/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c: libuv's errors as ours, and the end-of-turn hook, from three handles. libuv goes
 * through timers, idle, prepare, the wait, check, close callbacks, and begins again.
 *
 *   check    runs the function for what I/O callbacks asked for;
 *   prepare  runs it for what timers, close callbacks and other check handles asked for;
 *   idle     is active exactly while a request is open, because an active idle handle
 *            is what keeps the loop from waiting.
 *
 * Prepare and check do not keep the loop alive, the idle handle does: a request is never
 * forgotten because nothing else is left to do. Ownership: the turn frees itself when its
 * three handles have closed.
 */
#define _GNU_SOURCE
#include "net/loop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { TURN_MAGIC = 0x7475726e, TURN_HANDLE_COUNT = 3 };

struct pawl_turn {
    uint32_t magic;
    uint32_t open_count;
    bool wanted;
    bool closing;
    pawl_turn_fn *fn;
    void *arg;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
};

pawl_err pawl_err_from_uv(int status)
{
    if (status >= 0) {
        return PAWL_OK;
    }
    switch (status) {
    case UV_ECONNREFUSED:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EAI_NONAME:
    case UV_EAI_AGAIN:
        return PAWL_ERR(UNREACHABLE);
    case UV_ETIMEDOUT:
        return PAWL_ERR(TIMEOUT);
    case UV_EADDRINUSE:
        return PAWL_ERR(EXISTS);
    case UV_EADDRNOTAVAIL:
        return PAWL_ERR(NOT_FOUND);
    case UV_ENOMEM:
        return PAWL_ERR(MEMORY);
    case UV_EOF:
    case UV_UNKNOWN:
        return PAWL_ERR(IO);
    default:
        /* On Unix libuv's codes are negated errno values. */
        return pawl_err_from_errno(-status);
    }
}

void pawl_loop_ignore_sigpipe(void)
{
    struct sigaction action;
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action = (struct sigaction){.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &action, NULL);
    }
}

static struct pawl_turn *turn_checked(void *data)
{
    struct pawl_turn *turn = data;
    PAWL_ASSERT(turn != NULL && turn->magic == TURN_MAGIC);
    return turn;
}

static void turn_run(struct pawl_turn *turn)
{
    if (!turn->wanted || turn->closing) {
        return;
    }
    turn->wanted = false;
    uv_idle_stop(&turn->idle);
    turn->fn(turn->arg);
}

static void on_prepare(uv_prepare_t *handle)
{
    turn_run(turn_checked(handle->data));
}

static void on_check(uv_check_t *handle)
{
    turn_run(turn_checked(handle->data));
}

/* The handle's being active is its whole work. */
static void on_idle(uv_idle_t *handle)
{
    PAWL_ASSERT(turn_checked(handle->data)->wanted);
}

pawl_err
pawl_turn_new(struct uv_loop_s *loop, pawl_turn_fn *fn, void *arg, struct pawl_turn **ret_turn)
{
    PAWL_ASSERT(loop != NULL && fn != NULL);
    struct pawl_turn *turn = pawl_alloc_zeroed(1, sizeof(*turn));
    if (turn == NULL) {
        return PAWL_ERR(MEMORY);
    }
    turn->magic = TURN_MAGIC;
    turn->open_count = TURN_HANDLE_COUNT;
    turn->fn = fn;
    turn->arg = arg;
    /* Of these calls none can fail: they only fill in the handle and link it. */
    uv_prepare_init(loop, &turn->prepare);
    uv_check_init(loop, &turn->check);
    uv_idle_init(loop, &turn->idle);
    turn->prepare.data = turn;
    turn->check.data = turn;
    turn->idle.data = turn;
    uv_prepare_start(&turn->prepare, on_prepare);
    uv_check_start(&turn->check, on_check);
    uv_unref((uv_handle_t *)&turn->prepare);
    uv_unref((uv_handle_t *)&turn->check);
    *ret_turn = turn;
    return PAWL_OK;
}

void pawl_turn_request(struct pawl_turn *turn)
{
    PAWL_ASSERT(turn != NULL && turn->magic == TURN_MAGIC && !turn->closing);
    if (!turn->wanted) {
        turn->wanted = true;
        uv_idle_start(&turn->idle, on_idle);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_turn *turn = turn_checked(handle->data);
    turn->open_count -= 1;
    if (turn->open_count == 0) {
        turn->magic = 0;
        pawl_free(turn);
    }
}

void pawl_turn_close(struct pawl_turn *turn)
{
    if (turn == NULL) {
        return;
    }
    PAWL_ASSERT(turn->magic == TURN_MAGIC && !turn->closing);
    turn->closing = true;
    uv_close((uv_handle_t *)&turn->prepare, on_closed);
    uv_close((uv_handle_t *)&turn->check, on_closed);
    uv_close((uv_handle_t *)&turn->idle, on_closed);
}
