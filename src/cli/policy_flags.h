/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_flags.h: the flags of `pawl run` that stand above its policy, in one list, so that `pawl
 * policy show` takes all that `pawl run` takes, and says what each of them changes.
 */
#ifndef PAWL_CLI_POLICY_FLAGS_H
#define PAWL_CLI_POLICY_FLAGS_H

#include "cli/cli.h"
#include "policy/policy.h"
#include "run/run.h"

enum {
    PAWL_CLI_FLAG_MAX_USD = 101, /* the caps, in their order */
    PAWL_CLI_FLAG_MAX_TIME = PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_COUNT - 1,
    PAWL_CLI_FLAG_POLICY,
    PAWL_CLI_FLAG_PHASE,
    PAWL_CLI_FLAG_ON_LIMIT,
    PAWL_CLI_FLAG_DEGRADE,
    PAWL_CLI_FLAG_SUMMARY_USD,
    PAWL_CLI_FLAG_AUTO_RESUME,
    PAWL_CLI_FLAG_ESCALATION,
    PAWL_CLI_FLAG_IDLE_PAUSE,
    PAWL_CLI_FLAG_APPROVER,
    PAWL_CLI_FLAG_AT_WINDOW,
    PAWL_CLI_FLAG_ATTENDED,
    PAWL_CLI_FLAG_UNATTENDED
};

/* clang-format off */
#define PAWL_CLI_POLICY_FLAGS                                                                      \
    {PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_USD, 0, "max-usd", "USD",                                    \
     "stop at so many dollars: 1.50, $0.75 (default 1.50)"},                                       \
    {PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_TOKENS, 0, "max-tokens", "N",                                \
     "stop at so many tokens: 60K, 10M (default 5M)"},                                             \
    {PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_TOOL_CALLS, 0, "max-tool-calls", "N",                        \
     "stop at so many tool calls (default 300)"},                                                  \
    {PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_ITERATIONS, 0, "max-iterations", "N",                        \
     "stop at so many model calls (default 100)"},                                                 \
    {PAWL_CLI_FLAG_MAX_USD + PAWL_CAP_TIME, 0, "max-time", "TIME",                                 \
     "stop after so long: 90s, 30m, 1h30m (default 1h)"},                                          \
    {PAWL_CLI_FLAG_POLICY, 'p', "policy", "POLICY",                                                \
     "a built-in policy or a file, see pawl policy (default individual)"},                         \
    {PAWL_CLI_FLAG_PHASE, 0, "phase", "NAME=MOST",                                                 \
     "what a phase may use: verification=$0.40,10m"},                                              \
    {PAWL_CLI_FLAG_ON_LIMIT, 0, "on-limit", "MODE",                                                \
     "at a cap: halt (default), summary, ask, pause or degrade"},                                  \
    {PAWL_CLI_FLAG_DEGRADE, 0, "degrade", "MODEL@N%",                                              \
     "from N % of the budget on use MODEL; may be given several times"},                           \
    {PAWL_CLI_FLAG_SUMMARY_USD, 0, "summary-usd", "USD",                                           \
     "kept for the summary: dollars, or a share such as 5% (default 5%)"},                         \
    {PAWL_CLI_FLAG_AUTO_RESUME, 0, "auto-resume", "[no]",                                          \
     "with pause: go on by itself when the window begins anew"},                                   \
    {PAWL_CLI_FLAG_ESCALATION, 0, "escalation", "RULE",                                            \
     "a dearer class of model: ask, forbid or allow (default ask)"},                               \
    {PAWL_CLI_FLAG_IDLE_PAUSE, 0, "idle-pause", "TIME",                                            \
     "wait for a yes when nobody was seen for so long, or off (default 10m)"},                     \
    {PAWL_CLI_FLAG_APPROVER, 0, "approver", "CMD",                                                 \
     "takes each question to a person: 'notify-send \"$PAWL_QUESTION\"', or off"},                 \
    {PAWL_CLI_FLAG_AT_WINDOW, 0, "at-window", "END",                                               \
     "a subscription's window is used up: stop, wait or pass (default stop)"},                     \
    {PAWL_CLI_FLAG_ATTENDED, 0, "attended", NULL,                                                  \
     "somebody is there: at a cap refuse, kill nothing"},                                          \
    {PAWL_CLI_FLAG_UNATTENDED, 0, "unattended", NULL,                                              \
     "nobody is there: at a cap end the agent"}
/* clang-format on */

/* Puts what was given onto the policy; a mistake is told. Returns PAWL_CLI_GO_ON or an exit
 * status. */
int pawl_cli_take_policy_flags(const struct pawl_cli_call *call, struct pawl_policy *policy);

#endif
