/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h: where a run stands, read from the ledger: what is allowed, spent and held in each
 * unit, wall clock included.
 */
#ifndef PAWL_RUN_ACCOUNT_H
#define PAWL_RUN_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "run/run.h"

/* The tenant of every `pawl run` (docs/CONTRACTS.md). */
#define PAWL_RUN_TENANT "local"

struct pawl_account {
    struct {
        int64_t limit;
        int64_t spent;
        int64_t held;
    } units[PAWL_CAP_COUNT];
};

/* The session's budgets as of `now_us`; all zero for a session that is not there. */
void pawl_account_read(const struct pawl_core *core,
                       const char *run_id,
                       int64_t now_us,
                       struct pawl_account *ret_account);

/* What share of its cap a unit has used, in tenths of a percent, rounded down; 0 without a cap. */
int64_t pawl_account_permille(const struct pawl_account *account, enum pawl_run_cap_index index);
/* The unit that has used the largest share. */
enum pawl_run_cap_index pawl_account_nearest(const struct pawl_account *account);

/* Which of 50, 75, 90 % has been passed by the nearest unit and not been told yet: the percentage,
 * or 0. *told holds the last one that was, 0 at first. */
int pawl_account_threshold(const struct pawl_account *account, int *told);

#endif
