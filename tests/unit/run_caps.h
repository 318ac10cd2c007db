/* SPDX-License-Identifier: Apache-2.0 */
/* run_caps.h: the caps of a run without a policy of its own, for the tests that need some. */
#ifndef PAWL_TESTS_UNIT_RUN_CAPS_H
#define PAWL_TESTS_UNIT_RUN_CAPS_H

#include "run/caps.h"
#include "run/policy.h"

static inline const char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

/* What was given, what follows from it, and the default policy's values. */
static inline void resolve_caps(struct pawl_run_cap caps[static PAWL_CAP_COUNT],
                                const struct pawl_price *price)
{
    struct pawl_run_policy policy;
    struct pawl_errmsg msg;
    pawl_caps_derive(caps, price);
    assert_true(pawl_ok(pawl_run_policy_open(NULL, no_environment, &policy, &msg)));
    pawl_run_policy_caps(&policy, caps);
    pawl_run_policy_close(&policy);
}

#endif
