/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h: the tiny process between pawl and the agent, so that nothing is left running. It
 * is forked first, while pawl is one thread and has opened nothing. It is the agent's parent
 * and the subreaper of everything below; a socket connects it with pawl.
 *
 *        pawl ──socket──► keeper ──fork, exec──► agent ──► tools, daemons, …
 *          │                 ▲                                      │
 *          └── dies: EOF ────┘◄──────────── orphans ────────────────┘
 *
 * Pawl tells it to start the agent, to pass a signal on, to end whatever is left. It tells pawl
 * what became of the agent. When pawl is gone, however that came, it kills every descendant and
 * ends. It ignores all signals that can be ignored and has a process group of its own, so only
 * SIGKILL to itself ends it early; then pawl, a subreaper too, inherits the tree and ends it
 * (pawl_keeper_clear_orphans).
 *
 * The agent gets the signal dispositions, the mask and the descriptors that pawl itself was started
 * with, and stays in pawl's process group: the terminal's foreground is untouched. Where there is a
 * terminal, pawl is stopped and continued together with the agent, so that the shell which knows
 * only pawl sees the job stop. The keeper does that, since it alone sees the agent's changes in
 * their order.
 */
#ifndef PAWL_RUN_KEEPER_H
#define PAWL_RUN_KEEPER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"

enum pawl_keeper_event_kind {
    PAWL_KEEPER_STARTED = 1, /* the agent's first instruction has run */
    PAWL_KEEPER_NOT_STARTED, /* exec failed; error_number says why */
    PAWL_KEEPER_EXITED,      /* wait_status, as of waitpid */
    PAWL_KEEPER_CLEARED      /* nothing is left below, but `left` processes that would not end */
};

struct pawl_keeper_event {
    uint32_t kind; /* enum pawl_keeper_event_kind */
    int32_t error_number;
    int32_t wait_status;
    uint32_t left;
};

/* Bytes of all settings and edits together. */
enum { PAWL_KEEPER_START_MAX = 65536 };

/* What the agent gets beyond what pawl itself was started with. Each text ends with a NUL. */
struct pawl_keeper_start {
    struct pawl_slice settings; /* "NAME=value"; "NAME" alone is taken out of its environment */
    /* Of its command: "+N text" comes before argument N, "=N text" in the place of argument N, as
     * they are counted in what pawl was given. The program itself (argument 0) stays. */
    struct pawl_slice edits;
};

struct pawl_keeper {
    int fd; /* readable when there is an event; -1: closed */
    pid_t pid;
    bool hangup_ignored; /* pawl was started with SIGHUP ignored (nohup) */
};

/* Forks the keeper. `argv` is the agent's command and must stay valid in this process image. */
PAWL_MUST_CHECK pawl_err pawl_keeper_fork(char *const *argv,
                                          struct pawl_keeper *ret_keeper,
                                          struct pawl_errmsg *msg);
/* Starts the agent. STARTED or NOT_STARTED follows. LIMIT: the settings are too long. */
PAWL_MUST_CHECK pawl_err pawl_keeper_start(struct pawl_keeper *keeper,
                                           const struct pawl_keeper_start *start);
/* To the agent, unless it has ended. */
void pawl_keeper_signal(struct pawl_keeper *keeper, int signal_number);
/* Ends every process below: TERM first and KILL after `patience_ms`; 0: KILL at once. CLEARED
 * follows. A second call may shorten the patience. */
void pawl_keeper_clear(struct pawl_keeper *keeper, uint32_t patience_ms);
/* The next event. NOT_FOUND: none now; UNREACHABLE: the keeper has died. */
PAWL_MUST_CHECK pawl_err pawl_keeper_read(struct pawl_keeper *keeper,
                                          struct pawl_keeper_event *ret_event);
/* Lets the keeper end (it kills what is left) and waits for it. */
void pawl_keeper_end(struct pawl_keeper *keeper);
/* After UNREACHABLE: kills what the dead keeper has left to this process. */
void pawl_keeper_clear_orphans(struct pawl_keeper *keeper);

/* --- Inside the layer: the keeper's own side (keeper_child.c). ----------------------------- */

enum pawl_keeper_order_kind {
    PAWL_KEEPER_ORDER_START = 1,
    PAWL_KEEPER_ORDER_SIGNAL,
    PAWL_KEEPER_ORDER_CLEAR
};

struct pawl_keeper_order {
    uint32_t kind;
    uint32_t value; /* bytes of settings; signal number; patience in milliseconds */
};

/* What pawl was started with, for the agent. */
struct pawl_keeper_signals {
    sigset_t mask;
    sigset_t ignored;
};

/* A command with its edits (pawl_keeper_start), in memory of its own that nobody frees, since exec
 * follows. NULL: no memory. */
char **pawl_keeper_edit(char *const *argv, struct pawl_slice edits);

PAWL_NORETURN void
pawl_keeper_main(int fd, char *const *argv, const struct pawl_keeper_signals *signals);

#endif
