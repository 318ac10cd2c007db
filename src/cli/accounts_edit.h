/* SPDX-License-Identifier: Apache-2.0 */
/* accounts_edit.h: the verbs of `pawl accounts`, which change what is known of one. */
#ifndef PAWL_CLI_ACCOUNTS_EDIT_H
#define PAWL_CLI_ACCOUNTS_EDIT_H

#include "cli/cli.h"
#include "run/accounts.h"

extern const struct pawl_cli_command pawl_cli_command_accounts_add;
extern const struct pawl_cli_command pawl_cli_command_accounts_set;
extern const struct pawl_cli_command pawl_cli_command_accounts_forget;

/* A line of JSON (cmd_accounts.c). */
void pawl_cli_print_account(const struct pawl_account_record *record, int64_t now_us);

#endif
