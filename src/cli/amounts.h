/* SPDX-License-Identifier: Apache-2.0 */
/* amounts.h: amounts of caps on the command line: --max-usd 1.50, --add-time 30m. */
#ifndef PAWL_CLI_AMOUNTS_H
#define PAWL_CLI_AMOUNTS_H

#include "base/json.h"
#include "cli/cli.h"
#include "run/run.h"

/* Reads one; a mistake is told. Returns PAWL_CLI_GO_ON or an exit status. */
int pawl_cli_take_amount(const struct pawl_cli_call *call,
                         const struct pawl_cli_given *given,
                         enum pawl_run_cap_index index,
                         int64_t *ret_amount);

/* Options that give more of each cap, for the commands that have them: their ids follow each other
 * from `first` on, in the caps' order. */
#define PAWL_CLI_ADD_OPTIONS(first)                                                                \
    {(first) + 0, 0, "add-usd", "USD", "so many dollars more: 1.00, $0.75"},                       \
        {(first) + 1, 0, "add-tokens", "N", "so many tokens more: 60K, 10M"},                      \
        {(first) + 2, 0, "add-tool-calls", "N", "so many tool calls more"},                        \
        {(first) + 3, 0, "add-iterations", "N", "so many model calls more"},                       \
    {                                                                                              \
        (first) + 4, 0, "add-time", "TIME", "so much time more: 90s, 30m, 1h30m"                   \
    }

/* "by": who it is, for the record. */
void pawl_cli_write_by(struct pawl_json_writer *writer);
/* "add": the amounts above 0, as runs take them. */
void pawl_cli_write_added(struct pawl_json_writer *writer, const int64_t added[PAWL_CAP_COUNT]);
/* The amounts that were given, 0 for the others. Returns PAWL_CLI_GO_ON or an exit status. */
int pawl_cli_take_added(const struct pawl_cli_call *call,
                        int first,
                        int64_t ret_added[PAWL_CAP_COUNT]);

#endif
