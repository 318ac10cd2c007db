/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authority.h: the process that holds a user's limits: lock, ledger, socket, and the end when
 * nobody needs it any more (docs/AUTHORITY.md).
 */
#ifndef PAWL_LENDING_AUTHORITY_H
#define PAWL_LENDING_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"

#define PAWL_AUTHORITY_DIR    "authority"
#define PAWL_AUTHORITY_SOCKET "authority.sock"
#define PAWL_AUTHORITY_MARK   "limits"
#define PAWL_AUTHORITY_LOCK   "lock" /* holds the number of the process that has it */

enum { PAWL_AUTHORITY_IDLE_MS = 60 * 1000, PAWL_AUTHORITY_PATH_BYTES = 4096 };

struct pawl_authority_options {
    const char *data_dir; /* absolute; is there */
    bool daemon;          /* leave the terminal and the caller behind */
    bool allow_any_filesystem;
    int64_t idle_ms; /* it ends so long after the last request */
};

/* Runs it to its end. LOCKED: there is one already. As a daemon, the process that called comes back
 * when the other one answers, or has failed. */
PAWL_MUST_CHECK pawl_err pawl_authority_main(const struct pawl_authority_options *options,
                                             struct pawl_errmsg *msg);

#endif
