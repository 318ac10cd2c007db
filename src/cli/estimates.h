/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimates.h: how good the bounds for the input of a run's calls were, from its history: what was
 * estimated over what the provider counted, in thousandths, for each model that was asked for.
 */
#ifndef PAWL_CLI_ESTIMATES_H
#define PAWL_CLI_ESTIMATES_H

#include <stdint.h>

#include "gateway/estimate.h"
#include "gateway/histogram.h"
#include "history/history.h"

struct pawl_cli_estimates {
    uint32_t count;
    struct {
        char model[PAWL_ESTIMATE_NAME_BYTES];
        struct pawl_histogram permille;
    } models[PAWL_ESTIMATE_MODELS]; /* more are left out */
};

/* A call that the provider's own figures settled; any other teaches nothing. */
void pawl_cli_estimates_add(struct pawl_cli_estimates *estimates,
                            const struct pawl_history_call *call);
/* Of the model at `index`, which is below count. */
struct pawl_estimate_error pawl_cli_estimates_at(const struct pawl_cli_estimates *estimates,
                                                 uint32_t index);

#endif
