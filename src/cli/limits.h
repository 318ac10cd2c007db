/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h: what holds across runs, as tables for the commands that show it: limits of one's own,
 * and the windows of subscriptions.
 */
#ifndef PAWL_CLI_LIMITS_H
#define PAWL_CLI_LIMITS_H

#include <stdbool.h>

#include "base/err.h"
#include "cli/cli.h"
#include "run/datadir.h"

/* Whether there may be any; asks nobody. */
bool pawl_cli_has_limits(const struct pawl_datadir *dir);
/* Asks the authority, which is started for it if need be, and prints `before` and the table.
 * Returns PAWL_EXIT_OK or another status. */
int pawl_cli_print_limits(const struct pawl_cli_call *call,
                          const struct pawl_datadir *dir,
                          const char *before);
/* Each limit's name with a word about it, "$20.00 per day"; nothing where they cannot be had. */
typedef void pawl_cli_limit_fn(void *arg, const char *name, const char *about);
void pawl_cli_each_limit(const struct pawl_datadir *dir, pawl_cli_limit_fn *fn, void *arg);
/* The windows that providers told of, if any: `before` and the table. */
PAWL_MUST_CHECK pawl_err pawl_cli_print_windows(const struct pawl_datadir *dir,
                                                const char *before,
                                                struct pawl_errmsg *msg);

#endif
