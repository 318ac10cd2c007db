/* SPDX-License-Identifier: Apache-2.0 */
/* guess.c: the command or verb that was probably meant. */
#include "cli/cli.h"

const char *pawl_cli_guess_command(const char *name)
{
    struct pawl_nearest nearest = {.word = name};
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            pawl_nearest_offer(&nearest, pawl_cli_commands[i]->name);
        }
    }
    return nearest.found;
}

const char *pawl_cli_guess_verb(const struct pawl_cli_command *noun, const char *name)
{
    struct pawl_nearest nearest = {.word = name};
    for (size_t i = 0; noun->verbs != NULL && noun->verbs[i] != NULL; i++) {
        pawl_nearest_offer(&nearest, pawl_cli_last_word(noun->verbs[i]));
    }
    return nearest.found;
}
