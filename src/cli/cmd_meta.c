/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_meta.c: commands about pawl itself: help, version, completion, man.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "core/core.h"

#ifndef PAWL_VERSION
#define PAWL_VERSION "unknown"
#endif

static int run_help(const struct pawl_cli_call *call)
{
    if (call->operand_count == 0) {
        pawl_cli_print_help(stdout);
        return PAWL_EXIT_OK;
    }
    const struct pawl_cli_command *command = pawl_cli_find_command(call->operands[0]);
    if (command == NULL) {
        const char *nearest = pawl_cli_guess_command(call->operands[0]);
        return nearest != NULL
                   ? pawl_cli_usage_error(call, "there is no command '%s'; did you mean '%s'?",
                                          call->operands[0], nearest)
                   : pawl_cli_usage_error(call, "there is no command '%s'", call->operands[0]);
    }
    if (call->operand_count > 1) {
        const struct pawl_cli_command *verb = pawl_cli_find_verb(command, call->operands[1]);
        if (verb == NULL) {
            return pawl_cli_usage_error(call, "there is no command '%s %s'", command->name,
                                        call->operands[1]);
        }
        command = verb;
    }
    pawl_cli_print_command_help(stdout, command);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_help = {
    .name = "help",
    .operands = "[COMMAND [VERB]]",
    .summary = "this list, or one command's help",
    .text = "Without COMMAND: the list of commands.",
    .examples = "  pawl help run\n"
                "  pawl help policy check",
    .operands_max = 2,
    .run = run_help,
};

static int run_version(const struct pawl_cli_call *call)
{
    (void)call;
    printf("pawl " PAWL_VERSION " (rules %u)\n", PAWL_RULES_VERSION);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_version = {
    .name = "version",
    .operands = "",
    .summary = "the version",
    .text =
        "Prints the version, and that of the rules by which the ledger answers: a newer pawl may\n"
        "go on with the directory of one with older rules, an older one refuses that of a\n"
        "newer one.",
    .run = run_version,
};

static int run_completion(const struct pawl_cli_call *call)
{
    if (!pawl_cli_print_completion(stdout, call->operands[0])) {
        return pawl_cli_usage_error(
            call, "there are completions for bash, zsh and fish, not for '%s'", call->operands[0]);
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_completion = {
    .name = "completion",
    .operands = "SHELL",
    .summary = "completions for bash, zsh or fish",
    .text =
        "Prints a script that teaches SHELL to complete pawl's commands, options and their "
        "values:\n"
        "runs, models, policies, limits and phases as they are when Tab is pressed; and behind\n"
        "`pawl run --` the agent's own command.",
    .examples = "  source <(pawl completion bash)\n"
                "  pawl completion zsh > \"${fpath[1]}/_pawl\"\n"
                "  pawl completion fish > ~/.config/fish/completions/pawl.fish",
    .operands_min = 1,
    .operands_max = 1,
    .run = run_completion,
};

static int run_man(const struct pawl_cli_call *call)
{
    (void)call;
    pawl_cli_print_man(stdout);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_man = {
    .name = "man",
    .operands = "",
    .summary = "the manual page, in roff",
    .text = "Prints pawl(1).",
    .examples = "  pawl man | man -l -",
    .run = run_man,
};
