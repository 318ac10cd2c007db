/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h: what holds across runs, for the commands that show or change it: limits of one's own,
 * and the windows of subscriptions.
 */
#ifndef PAWL_CLI_LIMITS_H
#define PAWL_CLI_LIMITS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"
#include "cli/cli.h"
#include "engine/limit_words.h"
#include "run/caps.h"
#include "run/datadir.h"

/* Whether there may be any; asks nobody. */
bool pawl_cli_has_limits(const struct pawl_datadir *dir);
/* Asks the authority, which is started for it if need be, and prints `before` and the table, or an
 * object a line. Returns PAWL_EXIT_OK or another status. */
int pawl_cli_print_limits(const struct pawl_cli_call *call,
                          const struct pawl_datadir *dir,
                          const char *before,
                          bool json);
/* Asks it for a change: the limit as it stands then, and the amount before, or -1. The status is as
 * above. */
int pawl_cli_change_limit(const struct pawl_cli_call *call,
                          const struct pawl_datadir *dir,
                          const char *method,
                          struct pawl_slice target,
                          struct pawl_slice body,
                          struct pawl_limit *ret_limit,
                          int64_t *ret_before);
/* Each limit's name with a word about it, "$20.00 per day"; nothing where they cannot be had within
 * a second, since a person waits at a prompt. */
typedef void pawl_cli_limit_fn(void *arg, const char *name, const char *about);
void pawl_cli_each_limit(const struct pawl_datadir *dir, pawl_cli_limit_fn *fn, void *arg);
/* The windows that providers told of, if any: `before` and the table. */
PAWL_MUST_CHECK pawl_err pawl_cli_print_windows(const struct pawl_datadir *dir,
                                                const char *before,
                                                struct pawl_errmsg *msg);

/* --- Words --------------------------------------------------------------------------------- */

/* An amount, at least 0; when a window resets; and all of a limit, as a line of JSON. */
const char *
pawl_cli_limit_amount(uint16_t unit, int64_t value, char out[static PAWL_CAP_TEXT_BYTES]);
const char *pawl_cli_limit_resets(const struct pawl_limit *limit,
                                  char out[static PAWL_LIMIT_WORDS_BYTES]);
void pawl_cli_print_limit_json(const struct pawl_limit *limit);

#endif
