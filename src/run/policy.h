/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h: which policy a run is under. In this order: the flag, $PAWL_POLICY, the user's file
 * (~/.config/pawl/policy.yaml), the built-in `individual`. A word names a built-in policy; what has
 * a slash in it or ends in .yaml or .yml is a file.
 */
#ifndef PAWL_RUN_POLICY_H
#define PAWL_RUN_POLICY_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "gateway/escalation.h"
#include "gateway/limit.h"
#include "policy/policy.h"
#include "run/datadir.h"
#include "run/environ.h"
#include "run/run.h"
#include "run/sizing.h"

struct pawl_run_policy {
    struct pawl_policy policy;
    char path[PAWL_PATH_BYTES]; /* the file; "": a built-in one */
    bool chosen;                /* by flag, environment or file; else it is the default */
};

/* Opens it; to be closed, whatever comes back. INVALID: there is no such policy, or it has errors:
 * the message has the first one. */
PAWL_MUST_CHECK pawl_err pawl_run_policy_open(const char *flag,
                                              pawl_environ_get_fn *get,
                                              struct pawl_run_policy *policy,
                                              struct pawl_errmsg *msg);
void pawl_run_policy_close(struct pawl_run_policy *policy);

/* Reads a file and tells all that is wrong with it, what `check` says included. The policy must be
 * initialised. NOT_FOUND, PERMISSION, …: it cannot be read; INVALID: it has errors. */
PAWL_MUST_CHECK pawl_err pawl_run_policy_load(struct pawl_policy *policy,
                                              const char *path,
                                              struct pawl_policy_reporter *reporter,
                                              struct pawl_errmsg *msg);

/* The user's own file, whether it is there or not. false: there is no home directory. */
PAWL_MUST_CHECK bool pawl_run_policy_user_file(pawl_environ_get_fn *get,
                                               char out[static PAWL_PATH_BYTES]);

/* "team": what the policy calls itself. */
const char *pawl_run_policy_name(const struct pawl_run_policy *policy);
/* How long a run is kept after its end; 0: for good. */
int64_t pawl_run_policy_keep_ms(const struct pawl_run_policy *policy);
/* How many of the last week's dearest runs are to be looked at; 0: none. */
uint32_t pawl_run_policy_weekly_top(const struct pawl_run_policy *policy);
/* Whether somebody can be reached: by the flag, by the policy, or by whether somebody sits at the
 * terminal. */
bool pawl_run_policy_attended(const struct pawl_run_policy *policy,
                              enum pawl_run_attendance flag,
                              bool terminal);
/* The command that takes questions to a person; NULL: there is none. */
const char *pawl_run_policy_approver(const struct pawl_run_policy *policy);

/* Computes the dollars where the policy says `auto` and nobody gave any; else the cap and the
 * sizing stay as they are. */
void pawl_run_policy_size(const struct pawl_run_policy *policy,
                          const struct pawl_sizing_place *place,
                          struct pawl_run_cap *usd,
                          struct pawl_sizing *sizing);
enum pawl_escalation_mode pawl_run_policy_escalation(const struct pawl_run_policy *policy);
enum pawl_at_window pawl_run_policy_at_window(const struct pawl_run_policy *policy);
/* After how long without a person the next call waits; 0: never. */
int64_t pawl_run_policy_idle_ms(const struct pawl_run_policy *policy);
/* The field of a cap. */
enum pawl_policy_field_id pawl_run_policy_cap_field(enum pawl_run_cap_index index);
/* The policy's caps where none was set yet; what it has computed is set by then. */
void pawl_run_policy_caps(const struct pawl_run_policy *policy,
                          struct pawl_run_cap caps[static PAWL_CAP_COUNT]);

#endif
