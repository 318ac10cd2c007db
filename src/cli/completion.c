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

/* One row of the case: a command's options, and its verbs or run ids. */
static void bash_command(FILE *out, const struct pawl_cli_command *command)
{
    fprintf(out, "        '%s') words='", command->name);
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        fprintf(out, " %s", pawl_cli_last_word(command->verbs[i]));
    }
    bash_words(out, command->options, command->option_count);
    bash_words(out, pawl_cli_common_options, pawl_cli_common_option_count);
    fputs("'", out);
    if (strstr(command->operands, "RUN") != NULL) {
        fputs("; words+=\" last $(pawl runs --ids 2>/dev/null)\"", out);
    }
    fputs(" ;;\n", out);
}

static void bash_noun(FILE *out, const struct pawl_cli_command *command)
{
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        fprintf(out, "|'%s'", command->verbs[i]->name);
    }
}

static void print_bash(FILE *out)
{
    fputs("_pawl() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words i\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words='",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            fprintf(out, "%s%s", i > 0 ? " " : "", pawl_cli_commands[i]->name);
        }
    }
    fputs("'\n"
          "    else\n"
          "        for ((i = 2; i < COMP_CWORD; i++)); do\n"
          "            if [ \"$command\" = run ] && [ \"${COMP_WORDS[i]}\" = -- ]; then\n"
          "                COMPREPLY=($(compgen -o default -- \"$word\")); return\n"
          "            fi\n"
          "        done\n"
          "        if [ \"$COMP_CWORD\" -gt 2 ]; then\n"
          "            case \"$command ${COMP_WORDS[2]}\" in\n"
          "            ''",
          out);
    pawl_cli_each_command(out, bash_noun);
    fputs(") command+=\" ${COMP_WORDS[2]}\" ;;\n"
          "            esac\n"
          "        fi\n"
          "        case $command in\n",
          out);
    pawl_cli_each_command(out, bash_command);
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
    fprintf(out, " \\\n            '--%s%s[", option->name,
            option->argument == NULL     ? ""
            : option->argument[0] == '[' ? "=-"
                                         : "=");
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
        bool optional = option->argument[0] == '[';
        int bytes = (int)strcspn(option->argument + optional, "]");
        fprintf(out, "%s:%.*s:", optional ? ":" : "", bytes, option->argument + optional);
    }
    fputs("'", out);
}

static void zsh_arguments(FILE *out, const struct pawl_cli_command *command)
{
    fputs("shift words; (( CURRENT-- )); _arguments", out);
    for (size_t i = 0; i < command->option_count; i++) {
        zsh_option(out, &command->options[i]);
    }
    for (size_t i = 0; i < pawl_cli_common_option_count; i++) {
        zsh_option(out, &pawl_cli_common_options[i]);
    }
    if (strstr(command->operands, "RUN") != NULL) {
        fputs(" \\\n            '1:run:(last ${(f)\"$(pawl runs --ids 2>/dev/null)\"})'", out);
    } else if (command->stops_at_operand) {
        fputs(" \\\n            '*::command:_normal'", out);
    }
    fputs(" ;;\n", out);
}

/* "'check:what it does'", a row of an array. */
static void zsh_described(FILE *out, const struct pawl_cli_command *command)
{
    fprintf(out, "        '%s:", pawl_cli_last_word(command));
    quoted(out, command->summary);
    fputs("'\n", out);
}

static void zsh_command(FILE *out, const struct pawl_cli_command *command)
{
    fprintf(out, "    %s) ", command->name);
    if (command->verbs != NULL) {
        fputs("local -a verbs\n    verbs=(\n", out);
        for (size_t i = 0; command->verbs[i] != NULL; i++) {
            zsh_described(out, command->verbs[i]);
        }
        fputs("    )\n"
              "    if (( CURRENT == 3 )); then _describe verb verbs; fi\n"
              "    case $words[3] in\n",
              out);
        for (size_t i = 0; command->verbs[i] != NULL; i++) {
            fprintf(out, "    %s) shift words; (( CURRENT-- )); ",
                    pawl_cli_last_word(command->verbs[i]));
            zsh_arguments(out, command->verbs[i]);
        }
        fputs("    *) ", out);
        zsh_arguments(out, command);
        fputs("    esac ;;\n", out);
        return;
    }
    zsh_arguments(out, command);
}

static void print_zsh(FILE *out)
{
    fputs("#compdef pawl\n_pawl() {\n    local -a commands\n    commands=(\n", out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            zsh_described(out, pawl_cli_commands[i]);
        }
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
          "    case $words[2] in\n",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            zsh_command(out, pawl_cli_commands[i]);
        }
    }
    fputs("    esac\n}\n_pawl \"$@\"\n", out);
}

/* Where a command's words may stand: fish's condition for `complete -n`. */
static void fish_condition(FILE *out, const struct pawl_cli_command *command)
{
    const char *verb = strchr(command->name, ' ');
    fprintf(out, "'__fish_seen_subcommand_from %.*s",
            (int)(verb != NULL ? verb - command->name : (long)strlen(command->name)),
            command->name);
    if (verb != NULL) {
        fprintf(out, "; and __fish_seen_subcommand_from %s", verb + 1);
    }
    fputc('\'', out);
}

static void
fish_option(FILE *out, const struct pawl_cli_command *command, const struct pawl_cli_option *option)
{
    fputs("complete -c pawl -n ", out);
    fish_condition(out, command);
    fprintf(out, " -l %s", option->name);
    if (option->letter != 0) {
        fprintf(out, " -s %c", option->letter);
    }
    fprintf(out, "%s -d '", option->argument != NULL && option->argument[0] != '[' ? " -r" : "");
    quoted(out, option->help);
    fputs("'\n", out);
}

static void fish_word(FILE *out, const char *word, const char *summary)
{
    fprintf(out, " -f -a %s -d '", word);
    quoted(out, summary);
    fputs("'\n", out);
}

static void fish_command(FILE *out, const struct pawl_cli_command *command)
{
    if (strchr(command->name, ' ') == NULL) {
        fputs("complete -c pawl -n __fish_use_subcommand", out);
        fish_word(out, command->name, command->summary);
    }
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        fputs("complete -c pawl -n ", out);
        fish_condition(out, command);
        fish_word(out, pawl_cli_last_word(command->verbs[i]), command->verbs[i]->summary);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        fish_option(out, command, &command->options[i]);
    }
    if (strstr(command->operands, "RUN") != NULL) {
        fputs("complete -c pawl -n ", out);
        fish_condition(out, command);
        fputs(" -f -a '(echo last; pawl runs --ids 2>/dev/null)'\n", out);
    }
}

static void print_fish(FILE *out)
{
    pawl_cli_each_command(out, fish_command);
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
