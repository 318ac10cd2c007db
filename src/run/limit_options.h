/* SPDX-License-Identifier: Apache-2.0 */
/* limit_options.h: what happens at the limit, from words: the same in flags and in policies. */
#ifndef PAWL_RUN_LIMIT_OPTIONS_H
#define PAWL_RUN_LIMIT_OPTIONS_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"
#include "gateway/limit.h"
#include "policy/policy.h"

/* "halt", "summary", "ask", "pause"; "degrade", a ladder with a halt at its end. */
PAWL_MUST_CHECK bool pawl_limit_take_mode(struct pawl_limit_options *limit, struct pawl_slice word);
/* "claude-haiku-4-5@75%": a step of the ladder, sorted in by its share. There must be room. */
PAWL_MUST_CHECK bool pawl_limit_take_step(struct pawl_limit_options *limit, struct pawl_slice text);
/* What a summary is kept: "$0.10", or a share from "1%" to "50%". */
PAWL_MUST_CHECK bool pawl_limit_take_summary(struct pawl_limit_options *limit,
                                             struct pawl_slice text);

/* What the policy says, but for a ladder that is there already, and for the summary's share where
 * that was given. INVALID: a text there is none of these; the message names the field. */
PAWL_MUST_CHECK pawl_err pawl_limit_take_policy(struct pawl_limit_options *limit,
                                                bool summary_given,
                                                const struct pawl_policy *policy,
                                                struct pawl_errmsg *msg);

#endif
