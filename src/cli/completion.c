/* SPDX-License-Identifier: Apache-2.0 */
/*
 * completion.c: completions for bash, zsh and fish, written from the tables. Run ids are asked
 * from pawl itself, so they are always the ones of the data directory in use.
 */
#include <string.h>

#include "base/attrs.h"
#include "cli/cli.h"

static void bash_words(FILE *out, const struct pawl_cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, " --%s", options[i].name);
    }
}

static void print_bash(FILE *out)
{
    fputs("_pawl() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words i\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words='",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        fprintf(out, "%s%s", i > 0 ? " " : "", pawl_cli_commands[i]->name);
    }
    fputs("'\n"
          "    else\n"
          "        for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "            if [ \"${COMP_WORDS[1]}\" = run ] && [ \"${COMP_WORDS[i]}\" = -- ]; then\n"
          "                COMPREPLY=($(compgen -o default -- \"$word\")); return\n"
          "            fi\n"
          "        done\n"
          "        case ${COMP_WORDS[1]} in\n",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        const struct pawl_cli_command *command = pawl_cli_commands[i];
        fprintf(out, "        %s) words='", command->name);
        bash_words(out, command->options, command->option_count);
        bash_words(out, pawl_cli_common_options, pawl_cli_common_option_count);
        fputs("'", out);
        if (strstr(command->operands, "RUN") != NULL) {
            fputs("; words+=\" last $(pawl runs --ids 2>/dev/null)\"", out);
        }
        fputs(" ;;\n", out);
    }
    fputs("        esac\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "}\n"
          "complete -o default -F _pawl pawl\n",
          out);
}

/* Single quotes inside a single-quoted word. */
static void quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputc(*text, out);
        }
    }
}

static void zsh_option(FILE *out, const struct pawl_cli_option *option)
{
    fprintf(out, " \\\n            '--%s%s[", option->name, option->argument != NULL ? "=" : "");
    for (const char *c = option->help; *c != '\0'; c++) {
        if (*c == '[' || *c == ']' || *c == ':') {
            fputc('\\', out);
        }
        if (*c == '\'') {
            fputs("'\\''", out);
        } else {
            fputc(*c, out);
        }
    }
    fputs("]", out);
    if (option->argument != NULL) {
        fprintf(out, ":%s:", option->argument);
    }
    fputs("'", out);
}

static void print_zsh(FILE *out)
{
    fputs("#compdef pawl\n_pawl() {\n    local -a commands\n    commands=(\n", out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        fprintf(out, "        '%s:", pawl_cli_commands[i]->name);
        quoted(out, pawl_cli_commands[i]->summary);
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
          "    case $words[2] in\n",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        const struct pawl_cli_command *command = pawl_cli_commands[i];
        fprintf(out, "        %s) shift words; (( CURRENT-- )); _arguments", command->name);
        for (size_t k = 0; k < command->option_count; k++) {
            zsh_option(out, &command->options[k]);
        }
        for (size_t k = 0; k < pawl_cli_common_option_count; k++) {
            zsh_option(out, &pawl_cli_common_options[k]);
        }
        if (strstr(command->operands, "RUN") != NULL) {
            fputs(" \\\n            '1:run:(last ${(f)\"$(pawl runs --ids 2>/dev/null)\"})'", out);
        } else if (command->stops_at_operand) {
            fputs(" \\\n            '*::command:_normal'", out);
        }
        fputs(" ;;\n", out);
    }
    fputs("    esac\n}\n_pawl \"$@\"\n", out);
}

static void fish_option(FILE *out, const char *command, const struct pawl_cli_option *option)
{
    fprintf(out, "complete -c pawl -n '__fish_seen_subcommand_from %s' -l %s", command,
            option->name);
    if (option->letter != 0) {
        fprintf(out, " -s %c", option->letter);
    }
    fprintf(out, "%s -d '", option->argument != NULL ? " -r" : "");
    quoted(out, option->help);
    fputs("'\n", out);
}

static void print_fish(FILE *out)
{
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        const struct pawl_cli_command *command = pawl_cli_commands[i];
        fprintf(out, "complete -c pawl -n __fish_use_subcommand -f -a %s -d '", command->name);
        quoted(out, command->summary);
        fputs("'\n", out);
        for (size_t k = 0; k < command->option_count; k++) {
            fish_option(out, command->name, &command->options[k]);
        }
        for (size_t k = 0; k < pawl_cli_common_option_count; k++) {
            fish_option(out, command->name, &pawl_cli_common_options[k]);
        }
        if (strstr(command->operands, "RUN") != NULL) {
            fprintf(out,
                    "complete -c pawl -n '__fish_seen_subcommand_from %s' -f "
                    "-a '(echo last; pawl runs --ids 2>/dev/null)'\n",
                    command->name);
        }
    }
}

bool pawl_cli_print_completion(FILE *out, const char *shell)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *out);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(shells); i++) {
        if (strcmp(shell, shells[i].shell) == 0) {
            shells[i].print(out);
            return true;
        }
    }
    return false;
}
