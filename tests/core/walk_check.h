/* SPDX-License-Identifier: Apache-2.0 */
/* walk_check.h: a walk over budgets against the plain way of finding them. */
#ifndef PAWL_TESTS_CORE_WALK_CHECK_H
#define PAWL_TESTS_CORE_WALK_CHECK_H

#include "core/core.h"

/* Prints what differs; returns the number of differences. The filter has levels only. */
int walk_check(const struct pawl_core *core,
               const struct pawl_scope_name *filter,
               uint32_t steps_max);

#endif
