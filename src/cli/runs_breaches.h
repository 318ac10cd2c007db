/* SPDX-License-Identifier: Apache-2.0 */
/* runs_breaches.h: `pawl runs --breaches`, a view of the history that cmd_runs.c hands over to. */
#ifndef PAWL_CLI_RUNS_BREACHES_H
#define PAWL_CLI_RUNS_BREACHES_H

#include <stdbool.h>

#include "cli/cli.h"
#include "gateway/price.h"
#include "history/history.h"

enum pawl_breaches_by {
    PAWL_BREACHES_EACH, /* a line a breach, with the weeks below */
    PAWL_BREACHES_BY_POLICY,
    PAWL_BREACHES_BY_REPO,
    PAWL_BREACHES_BY_WEEK,
    PAWL_BREACHES_BY_CAUSE,
    PAWL_BREACHES_BY_COUNT
};
/* "policy", "repo", "week", "cause"; BY_COUNT: it is none of them. */
enum pawl_breaches_by pawl_breaches_by_of(const char *word);

struct pawl_breaches_query {
    const struct pawl_history_filter *filter;
    const struct pawl_price_book *prices;
    enum pawl_breaches_by by;
    bool json;
};
PAWL_MUST_CHECK pawl_err pawl_breaches_print(struct pawl_history *history,
                                             const struct pawl_breaches_query *query,
                                             struct pawl_errmsg *msg);

#endif
