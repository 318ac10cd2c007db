/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: how the authority leaves its caller behind: in a session of its own, without a
 * terminal and with nothing of the caller's open. The caller waits for the word that it listens, so
 * it can connect without trying; whoever finds the lock taken learns that there is another.
 */
#ifndef PAWL_LENDING_DAEMON_H
#define PAWL_LENDING_DAEMON_H

#include "base/attrs.h"
#include "base/err.h"
#include "lending/authority.h"

/* Runs to its end, and says on the way through `ready_fd` that it is ready, or failed. */
typedef pawl_err
pawl_daemon_fn(const struct pawl_authority_options *options, int ready_fd, struct pawl_errmsg *msg);
/* Runs it in a process of its own, and comes back with the word. What that process has to say later
 * goes to the authority's log. LOCKED: there is one already. */
PAWL_MUST_CHECK pawl_err pawl_daemon_start(const struct pawl_authority_options *options,
                                           pawl_daemon_fn *fn,
                                           struct pawl_errmsg *msg);
/* The word; it is said once. OK: ready. -1 in *ready_fd: nobody waits, or it was said. */
void pawl_daemon_tell(int *ready_fd, pawl_err err, const char *why);

#endif
