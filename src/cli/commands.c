/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c: the list of commands, in the order in which the help shows them.
 */
#include "cli/commands.h"

#include <string.h>

/* A line each, so that additions do not meet. */
/* clang-format off */
const struct pawl_cli_command *const pawl_cli_commands[] = {
    &pawl_cli_command_run,
    &pawl_cli_command_runs,
    &pawl_cli_command_show,
    &pawl_cli_command_status,
    &pawl_cli_command_top,
    &pawl_cli_command_statusline,
    &pawl_cli_command_approve,
    &pawl_cli_command_deny,
    &pawl_cli_command_phase,
    &pawl_cli_command_stop,
    &pawl_cli_command_limit,
    &pawl_cli_command_prices,
    &pawl_cli_command_accounts,
    &pawl_cli_command_agents,
    &pawl_cli_command_policy,
    &pawl_cli_command_tenant,
    &pawl_cli_command_key,
    &pawl_cli_command_budget,
    &pawl_cli_command_rule,
    &pawl_cli_command_reservation,
    &pawl_cli_command_decide,
    &pawl_cli_command_debit,
    &pawl_cli_command_serve,
    &pawl_cli_command_backup,
    &pawl_cli_command_verify,
    &pawl_cli_command_authority,
    &pawl_cli_command_hook,
    &pawl_cli_command_complete,
    &pawl_cli_command_completion,
    &pawl_cli_command_man,
    &pawl_cli_command_version,
    &pawl_cli_command_help,
};
/* clang-format on */
const size_t pawl_cli_command_count = PAWL_ARRAY_LEN(pawl_cli_commands);

const struct pawl_cli_command *pawl_cli_find_command(const char *name)
{
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (strcmp(pawl_cli_commands[i]->name, name) == 0) {
            return pawl_cli_commands[i];
        }
    }
    return NULL;
}

const char *pawl_cli_last_word(const struct pawl_cli_command *command)
{
    const char *space = strrchr(command->name, ' ');
    return space != NULL ? space + 1 : command->name;
}

const struct pawl_cli_command *pawl_cli_find_verb(const struct pawl_cli_command *noun,
                                                  const char *verb)
{
    for (size_t i = 0; noun->verbs != NULL && noun->verbs[i] != NULL; i++) {
        if (strcmp(pawl_cli_last_word(noun->verbs[i]), verb) == 0) {
            return noun->verbs[i];
        }
    }
    return NULL;
}

void pawl_cli_each_command(FILE *out, pawl_cli_visit_fn *visit)
{
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        const struct pawl_cli_command *command = pawl_cli_commands[i];
        if (command->hidden) {
            continue;
        }
        visit(out, command);
        for (size_t k = 0; command->verbs != NULL && command->verbs[k] != NULL; k++) {
            visit(out, command->verbs[k]);
        }
    }
}
