/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help.c: the tables as text: the list of commands, one command's help, the man page.
 */
#include <string.h>

#include "cli/cli.h"

enum { HELP_COLUMN = 26 };

/* "-q, --quiet", "    --max-usd USD" or "    --repo[=PATH]", and how wide it is. */
static int option_text(const struct pawl_cli_option *option, char *out, size_t bytes)
{
    char letter[8] = "    ";
    if (option->letter != 0) {
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    }
    const char *argument = option->argument != NULL ? option->argument : "";
    if (argument[0] == '[') {
        return snprintf(out, bytes, "%s--%s[=%s", letter, option->name, argument + 1);
    }
    return snprintf(out, bytes, "%s--%s%s%s", letter, option->name, argument[0] != '\0' ? " " : "",
                    argument);
}

static void print_option(FILE *out, const struct pawl_cli_option *option)
{
    char text[80];
    if (option->help == NULL) {
        return;
    }
    int width = option_text(option, text, sizeof(text));
    if (width > HELP_COLUMN - 2) {
        fprintf(out, "  %s\n  %*s%s\n", text, HELP_COLUMN, "", option->help);
    } else {
        fprintf(out, "  %-*s%s\n", HELP_COLUMN, text, option->help);
    }
}

void pawl_cli_print_help(FILE *out)
{
    fputs("pawl, the hard stop for AI agent spend.\n\n"
          "Usage: pawl COMMAND [options]\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        if (!pawl_cli_commands[i]->hidden) {
            fprintf(out, "  %-12s%s\n", pawl_cli_commands[i]->name, pawl_cli_commands[i]->summary);
        }
    }
    fputs("\n"
          "Start here:\n"
          "  pawl run --max-usd 1.50 -- claude -p \"fix the failing test\"\n"
          "  pawl runs\n"
          "  pawl show last\n\n"
          "'pawl COMMAND --help' tells more.\n",
          out);
}

static void print_usage(FILE *out, const char *before, const struct pawl_cli_command *command)
{
    fprintf(out, "%spawl %s [options]%s%s\n", before, command->name,
            command->operands[0] != '\0' ? " " : "", command->operands);
}

void pawl_cli_print_command_help(FILE *out, const struct pawl_cli_command *command)
{
    const char *before = "Usage: ";
    if (command->run != NULL) {
        print_usage(out, before, command);
        before = "       ";
    }
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        print_usage(out, before, command->verbs[i]);
        before = "       ";
    }
    fprintf(out, "\n%s\n", command->text);
    for (size_t i = 0; command->verbs != NULL && command->verbs[i] != NULL; i++) {
        fprintf(out, "%s  %-12s%s\n", i == 0 ? "\n" : "", pawl_cli_last_word(command->verbs[i]),
                command->verbs[i]->summary);
    }
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(out, &command->options[i]);
    }
    for (size_t i = 0; i < pawl_cli_common_option_count; i++) {
        print_option(out, &pawl_cli_common_options[i]);
    }
    if (command->examples != NULL) {
        fprintf(out, "\nExamples:\n%s\n", command->examples);
    }
}

/* Text into roff: a backslash and a leading dot or quote are escaped, a hyphen is a minus. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_start && (*c == '.' || *c == '\'')) {
            fputs("\\&", out);
        }
        if (*c == '\\') {
            fputs("\\e", out);
        } else if (*c == '-') {
            fputs("\\-", out);
        } else {
            fputc(*c, out);
        }
        line_start = *c == '\n';
    }
}

static void man_option(FILE *out, const struct pawl_cli_option *option)
{
    char text[80];
    if (option->help == NULL) {
        return;
    }
    option_text(option, text, sizeof(text));
    fputs(".TP\n.B ", out);
    roff(out, text + strspn(text, " "));
    fputc('\n', out);
    roff(out, option->help);
    fputs(".\n", out);
}

static void man_command(FILE *out, const struct pawl_cli_command *command)
{
    fprintf(out, ".SS pawl %s ", command->name);
    roff(out, command->operands);
    fputc('\n', out);
    roff(out, command->text);
    fputc('\n', out);
    for (size_t i = 0; i < command->option_count; i++) {
        man_option(out, &command->options[i]);
    }
    if (command->examples != NULL) {
        fputs(".PP\nExamples:\n.PP\n.nf\n", out);
        roff(out, command->examples);
        fputs("\n.fi\n", out);
    }
}

void pawl_cli_print_man(FILE *out)
{
    fputs(".TH PAWL 1\n.SH NAME\npawl \\- the hard stop for AI agent spend\n"
          ".SH SYNOPSIS\n.B pawl\n.I command\n[options]\n"
          ".SH DESCRIPTION\n"
          "pawl decides before each model call of an agent whether it may still spend, and books "
          "afterwards what it really cost.\n"
          ".SH COMMANDS\n",
          out);
    pawl_cli_each_command(out, man_command);
    fputs(".SH EXIT STATUS\n"
          "0 done; 1 refused, not found or failed; 2 usage; 3 unreachable; 4 damaged data.\n"
          "\\fBpawl run\\fR returns the agent's status, or 124 after a latched refusal or an end "
          "at a "
          "cap, 125 when pawl itself failed, 126 and 127 as shells do, 128+n for signal n.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B PAWL_DATA_DIR\nThe data directory; else $XDG_STATE_HOME/pawl, "
          "else ~/.local/state/pawl.\n"
          ".TP\n.B PAWL_SERVER\nThe server that tenants, keys, budgets and reservations are about: "
          "http://, https:// or unix:PATH; else $CYCLES_BASE_URL, else the one on this machine.\n"
          ".TP\n.B PAWL_KEY\nA tenant's key for it; else $CYCLES_API_KEY.\n"
          ".TP\n.B PAWL_ADMIN_KEY\nThe administrator's.\n",
          out);
}
