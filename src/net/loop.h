/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h: two small things that every user of the libuv loop needs.
 *
 * A *turn* is one round of the loop: timers, then the wait, then everything that was ready.
 * struct pawl_turn runs a function once at the end of the turn in which it was asked for: after
 * all ready I/O was handled, or, when it was asked for by a timer or a close callback, before
 * the loop waits. It never lets the loop wait with a request open. A group commit, the
 * server's writes and the client's starts all hang on it.
 */
#ifndef PAWL_NET_LOOP_H
#define PAWL_NET_LOOP_H

#include "base/err.h"

struct uv_loop_s;
struct pawl_turn;

/* From a negative status of libuv's. */
pawl_err pawl_err_from_uv(int status);

typedef void pawl_turn_fn(void *arg);

PAWL_MUST_CHECK pawl_err pawl_turn_new(struct uv_loop_s *loop,
                                       pawl_turn_fn *fn,
                                       void *arg,
                                       struct pawl_turn **ret_turn);
/* Asks for one run of the function at the end of this turn. Asking again before it ran changes
 * nothing; asking from inside the function asks for one more run, before the loop waits. */
void pawl_turn_request(struct pawl_turn *turn);
/* The function will not run any more, and the memory goes once the loop has run its close
 * callbacks. Allowed inside the function. NULL is allowed. */
void pawl_turn_close(struct pawl_turn *turn);

/* Neither libuv nor libcurl keeps SIGPIPE away from a process that writes to a connection
 * which its peer has closed. Whoever makes a server or a client calls this; a disposition
 * other than the default stays. A child that is to run another program gets the default back
 * from uv_spawn; who forks by hand sets it before exec. */
void pawl_loop_ignore_sigpipe(void);

#endif
