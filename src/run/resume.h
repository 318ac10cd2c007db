/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.h: going on with a run that was stopped (docs/LIMITS.md, "Going on"). An ended session is
 * final in the ledger, so what goes on is a run of its own, linked to the one before: its caps are
 * what that one had left and what is added, so that the caps of a chain are never more than the
 * sum of what was given.
 */
#ifndef PAWL_RUN_RESUME_H
#define PAWL_RUN_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/err.h"
#include "history/history.h"
#include "run/agents.h"
#include "run/datadir.h"
#include "run/phases.h"
#include "run/run.h"

struct pawl_resume_request {
    const struct pawl_datadir *dir;
    struct pawl_history *history; /* for reading; the run is settled */
    const char *id;
    int64_t added[PAWL_CAP_COUNT];
    const char *const *phases; /* --phase flags, NULL at the end: what is added to a phase */
    bool own_policy;    /* --policy: the run's own counts no more, and its phases begin anew */
    char *const *extra; /* words behind "--", NULL at the end; may be empty */
};

struct pawl_resume {
    struct pawl_arena arena; /* owns all texts */
    char **argv;             /* NULL at the end */
    enum pawl_agent agent;   /* NONE: the same command again, since none of its own is known */
    bool agent_given;        /* by --agent, then */
    enum pawl_billing_mode billing;
    bool allow_batches;
    const char *prices;      /* a price file; NULL: none was named */
    const char *prices_as;   /* it is gone, and that is its copy; NULL: it is there */
    const char *policy_name; /* NULL: not known */
    bool policy_chosen;      /* by flag, environment or file; else it was the default */
    const char *cwd;
    const char *name;         /* NULL: none */
    const char *model;        /* NULL: not known */
    const char *summary_path; /* of its last words; NULL: there are none */
    enum pawl_run_cap_index primary;
    struct pawl_run_cap caps[PAWL_CAP_COUNT];
    int64_t spent[PAWL_CAP_COUNT]; /* by the run and those before it */
    const char *policy;            /* the file with what it was under; NULL: none was kept */
    const char *baseline;          /* what a dearer model was judged by; NULL: it was never known */
    struct pawl_phases_before phases;
};

/* Fills everything; it is to be freed in any case. INVALID: it cannot go on, and the message says
 * why and what to do. */
PAWL_MUST_CHECK pawl_err pawl_resume_make(const struct pawl_resume_request *request,
                                          struct pawl_resume *ret_resume,
                                          struct pawl_errmsg *msg);
void pawl_resume_free(struct pawl_resume *resume);

/* Notes in the old run's directory who goes on with it: one run only. EXISTS: another one does. */
PAWL_MUST_CHECK pawl_err pawl_resume_claim(const struct pawl_datadir *dir,
                                           const char *from,
                                           const char *id,
                                           struct pawl_errmsg *msg);

/* --- resume_command.c ----------------------------------------------------------------------- */

/* The command that makes the agent go on: its own way of resuming where one is known, with the
 * session's id, or "" where that is not; `said` is told to it, unless `extra` has others. For any
 * other agent `argv` itself, or `extra` in its place. Texts live in the arena. NULL: no memory. */
char **pawl_resume_command(struct pawl_arena *arena,
                           struct pawl_agent_command command,
                           char *const *argv,
                           struct pawl_slice session,
                           struct pawl_slice said,
                           char *const *extra);

#endif
