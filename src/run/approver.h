/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approver.h: the command that takes a question to a person where nobody sits at the terminal: a
 * notice on the desktop, a message, a page. It runs beside the run, not inside of it, and answers,
 * if it can, with `pawl approve` or `pawl deny` like anybody else (docs/LIMITS.md).
 */
#ifndef PAWL_RUN_APPROVER_H
#define PAWL_RUN_APPROVER_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"

struct uv_loop_s;
struct pawl_approver_call;

/* Zeroed at first. */
struct pawl_approver {
    struct pawl_approver_call *calls; /* that have not ended, the newest first */
};

struct pawl_approver_question {
    struct uv_loop_s *loop;
    const char *command; /* for /bin/sh -c */
    const char *data_dir;
    const char *run_id;
    const char *name; /* of the run; NULL: none */
    const char *cwd;
    const char *kind;       /* "more", "model", "resume", "phase" */
    const char *phase;      /* that it is about; NULL: the run */
    struct pawl_slice text; /* in words, one line */
    /* The command has ended: `told` when with status 0. Not called after pawl_approver_withdraw. */
    void (*ended)(void *arg, bool told, const char *how);
    void *arg;
};

/* Starts the command. Everything is copied but the loop and `arg`. */
PAWL_MUST_CHECK pawl_err pawl_approver_ask(struct pawl_approver *approver,
                                           const struct pawl_approver_question *question,
                                           struct pawl_errmsg *msg);
/* The question with this `arg` is answered (NULL: all are): commands that still run get TERM. */
void pawl_approver_withdraw(struct pawl_approver *approver, const void *arg);
/* The same, and their handles are closed; their memory goes with the loop's next turns. */
void pawl_approver_close(struct pawl_approver *approver);

#endif
