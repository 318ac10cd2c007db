/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h: one bounded execution of an agent: directory, ledger, gateway, process tree, run
 * card. pawl_run_main is the whole of `pawl run` behind its parsed options.
 */
#ifndef PAWL_RUN_RUN_H
#define PAWL_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/money.h"
#include "gateway/limit.h"
#include "run/accounts.h"
#include "run/agents.h"

enum pawl_run_cap_index {
    PAWL_CAP_USD,
    PAWL_CAP_TOKENS,
    PAWL_CAP_TOOL_CALLS,
    PAWL_CAP_ITERATIONS,
    PAWL_CAP_TIME,
    PAWL_CAP_COUNT
};

/* Where a cap came from, for what is said before the run, the card and meta.json. */
enum pawl_origin {
    PAWL_ORIGIN_DEFAULT,
    PAWL_ORIGIN_FLAG,
    PAWL_ORIGIN_DERIVED,  /* from the cap on tokens */
    PAWL_ORIGIN_POLICY,   /* of a policy that somebody chose */
    PAWL_ORIGIN_RESUMED,  /* what the run before had left, and what was added */
    PAWL_ORIGIN_COMPUTED, /* from the repository and its models, as the policy says (sizing.h) */
    PAWL_ORIGIN_COUNT
};

struct pawl_run_cap {
    bool set;       /* false: this cap does not bind */
    int64_t amount; /* microcents, tokens, calls, iterations, milliseconds */
    enum pawl_origin origin;
};

enum pawl_run_attendance { PAWL_ATTENDANCE_AUTO, PAWL_ATTENDED, PAWL_UNATTENDED };

enum { PAWL_RUN_PHASE_FLAGS_MAX = 16 };

struct pawl_phases_before;

struct pawl_run_options {
    char *const *argv; /* the agent's command, NULL at the end */
    const char *data_dir;
    struct pawl_run_cap caps[PAWL_CAP_COUNT];
    enum pawl_run_cap_index primary; /* the first cap given, else dollars */
    const char
        *phases[PAWL_RUN_PHASE_FLAGS_MAX + 1]; /* "verification=$0.40,10m"; NULL at the end */
    const char *policy;             /* a built-in one's name, or a file; NULL: policy.h chooses */
    bool policy_unchosen;           /* it is the copy of a default that nobody chose */
    const char *escalation;         /* the policy's word in its place; NULL: as the policy says */
    const char *idle_pause;         /* the same of idle.pause_after */
    const char *approver;           /* the same of approver */
    const char *at_window;          /* the same of windows.at_limit */
    const char *auto_resume;        /* the same of on_limit.auto_resume */
    const char *on_limit;           /* the same of on_limit.action */
    enum pawl_billing_mode billing; /* of every account that it goes out on */
    enum pawl_run_attendance attendance;
    bool summary_given;
    struct pawl_limit_options limit; /* `attended` is found out by the run */
    const char *model;  /* --model, for estimates; NULL: looked for in command and environment */
    const char *prices; /* a price file; NULL: prices.json in the data directory, if it is there */
    const char *prices_as; /* what that is a copy of; NULL: it is none */
    bool agent_given;      /* else it is told by the command */
    enum pawl_agent agent;
    const char *resumed_from;             /* the run that this one goes on with; NULL: none */
    int64_t spent_before[PAWL_CAP_COUNT]; /* by that one and those before it */
    const struct pawl_phases_before *phases_before; /* NULL: its phases begin anew */
    const char *baseline; /* what a dearer model is judged by; NULL: as ever */
    const char *name;     /* for `pawl runs` and `pawl show`; NULL: none */
    bool allow_batches;   /* let batches through, unmetered */
    bool quiet;           /* no lines but the card */
    bool no_card;
    bool json_card; /* the card as one JSON object on stderr */
};

/* "default", "flag", "derived", "policy", "computed". */
const char *pawl_origin_name(enum pawl_origin origin);

/* Runs the agent. Returns the exit status (docs/CONTRACTS.md). */
int pawl_run_main(const struct pawl_run_options *options);

#endif
