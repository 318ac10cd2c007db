/* SPDX-License-Identifier: Apache-2.0 */
/* policy_priv.h: what the files of this layer share. */
#ifndef PAWL_POLICY_POLICY_PRIV_H
#define PAWL_POLICY_POLICY_PRIV_H

#include "policy/policy.h"

/* --- value.c --- */

/* Fills number and word from the text. INVALID: it is not what the field takes. */
PAWL_MUST_CHECK pawl_err pawl_policy_parse_value(struct pawl_policy_value *value,
                                                 struct pawl_errmsg *msg);

/* --- check.c --- */

/* One problem; `format` makes the message. */
void pawl_policy_tell(struct pawl_policy_reporter *reporter,
                      struct pawl_policy_problem problem,
                      const char *format,
                      ...) PAWL_PRINTF(3, 4);

#endif
