/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows.h: a run and the accounts that it goes out on: what happens on them is written down for
 * the runs beside it, and what those did is read (accounts.h).
 */
#ifndef PAWL_RUN_WINDOWS_H
#define PAWL_RUN_WINDOWS_H

#include <stdbool.h>

#include "run/accounts.h"

struct pawl_windows {
    const struct pawl_datadir *dir; /* borrowed */
    const char *run_id;             /* borrowed */
    struct pawl_hash_key key;
    bool key_kept;               /* it is on disk; else nothing is written down */
    enum pawl_billing_mode mode; /* --billing: holds for every account of this run */
    uint32_t count;              /* accounts that this run has used so far */
    struct {
        uint64_t id;
        struct pawl_account_stamp stamp;           /* of what was read last */
        struct pawl_quota_amount unkept;           /* booked, and not written down yet; … */
        struct pawl_quota_amount unkept_on_record; /* … that part of it */
    } used[PAWL_SUBSCRIPTIONS_MAX];
};

/* Reads the key, or makes one. */
void pawl_windows_open(struct pawl_windows *windows,
                       const struct pawl_datadir *dir,
                       const char *run_id,
                       enum pawl_billing_mode mode);
/* For the gateway: its on_account. */
void pawl_windows_sync(struct pawl_windows *windows,
                       struct pawl_subscription *subscription,
                       const struct pawl_quota_news *news);

#endif
