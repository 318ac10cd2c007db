/* SPDX-License-Identifier: Apache-2.0 */
/* runs_top.h: `pawl runs --top N`, a view of the history that cmd_runs.c hands over to. */
#ifndef PAWL_CLI_RUNS_TOP_H
#define PAWL_CLI_RUNS_TOP_H

#include <stdbool.h>

#include "base/attrs.h"
#include "history/history.h"

/* The runs of the filter, which says that the dearest come first, each with its share of all that
 * was spent in that time. */
PAWL_MUST_CHECK pawl_err pawl_runs_top_print(struct pawl_history *history,
                                             const struct pawl_history_filter *filter,
                                             bool json,
                                             struct pawl_errmsg *msg);

#endif
