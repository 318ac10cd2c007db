/* SPDX-License-Identifier: Apache-2.0 */
/* show_phases.h: what each phase of a run spent, by its calls, for `pawl show`. */
#ifndef PAWL_CLI_SHOW_PHASES_H
#define PAWL_CLI_SHOW_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/phase.h"
#include "history/history.h"

enum { PAWL_CLI_PHASE_BYTES = 40 };

struct pawl_cli_phase_sum {
    char name[PAWL_CLI_PHASE_BYTES];
    uint64_t calls;
    uint64_t refusals;
    int64_t microcents;
    int64_t tokens;
};

/* Zeroed, it is empty. */
struct pawl_cli_phase_sums {
    struct pawl_cli_phase_sum rows[PAWL_PHASES_MAX];
    int count;
};

void pawl_cli_phases_add(struct pawl_cli_phase_sums *sums, const struct pawl_history_call *call);
/* A line each. */
void pawl_cli_phases_print(const struct pawl_cli_phase_sums *sums, bool json);

#endif
