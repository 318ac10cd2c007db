/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h: the rows of the command table, each defined in the file of its own name. */
#ifndef PAWL_CLI_COMMANDS_H
#define PAWL_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct pawl_cli_command pawl_cli_command_run;
extern const struct pawl_cli_command pawl_cli_command_runs;
extern const struct pawl_cli_command pawl_cli_command_show;
extern const struct pawl_cli_command pawl_cli_command_status;
extern const struct pawl_cli_command pawl_cli_command_statusline;
extern const struct pawl_cli_command pawl_cli_command_approve;
extern const struct pawl_cli_command pawl_cli_command_deny;
extern const struct pawl_cli_command pawl_cli_command_top;
extern const struct pawl_cli_command pawl_cli_command_phase;
extern const struct pawl_cli_command pawl_cli_command_stop;
extern const struct pawl_cli_command pawl_cli_command_limit;
extern const struct pawl_cli_command pawl_cli_command_agents;
extern const struct pawl_cli_command pawl_cli_command_hook;
extern const struct pawl_cli_command pawl_cli_command_prices;
extern const struct pawl_cli_command pawl_cli_command_accounts;
extern const struct pawl_cli_command pawl_cli_command_policy;
extern const struct pawl_cli_command pawl_cli_command_tenant;
extern const struct pawl_cli_command pawl_cli_command_key;
extern const struct pawl_cli_command pawl_cli_command_budget;
extern const struct pawl_cli_command pawl_cli_command_rule;
extern const struct pawl_cli_command pawl_cli_command_reservation;
extern const struct pawl_cli_command pawl_cli_command_decide;
extern const struct pawl_cli_command pawl_cli_command_debit;
extern const struct pawl_cli_command pawl_cli_command_serve;
extern const struct pawl_cli_command pawl_cli_command_backup;
extern const struct pawl_cli_command pawl_cli_command_verify;
extern const struct pawl_cli_command pawl_cli_command_authority;
extern const struct pawl_cli_command pawl_cli_command_complete;
extern const struct pawl_cli_command pawl_cli_command_completion;
extern const struct pawl_cli_command pawl_cli_command_man;
extern const struct pawl_cli_command pawl_cli_command_version;
extern const struct pawl_cli_command pawl_cli_command_help;

#endif
