/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: `pawl COMMAND …`. It finds the command and hands over; a misspelt one gets the
 * nearest there is.
 */
#include <string.h>

#include "cli/cli.h"

/* Edits (insert, delete, replace) between two short words; long ones count as far apart. */
static size_t word_distance(const char *a, const char *b)
{
    enum { WORD_MAX = 24 };
    size_t row[WORD_MAX + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t k = 0; k <= b_length; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_length; k++) {
            size_t best = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            best = row[k] + 1 < best ? row[k] + 1 : best;
            row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
        }
    }
    return row[b_length];
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t nearest_distance = 3;
    for (size_t i = 0; i < pawl_cli_command_count; i++) {
        size_t distance = word_distance(name, pawl_cli_commands[i]->name);
        if (distance < nearest_distance) {
            nearest = pawl_cli_commands[i]->name;
            nearest_distance = distance;
        }
    }
    fprintf(stderr, "pawl: there is no command '%s'%s%s%s. See 'pawl help'.\n", name,
            nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "'" : "");
    return PAWL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        pawl_cli_print_help(stderr);
        return PAWL_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct pawl_cli_command *command = pawl_cli_find_command(name);
    if (command == NULL) {
        return unknown_command(name);
    }
    int status = pawl_cli_run(command, argc - 1, argv + 1);
    if (fflush(stdout) != 0 && status == PAWL_EXIT_OK) {
        fputs("pawl: the output could not be written\n", stderr);
        return PAWL_EXIT_REFUSED;
    }
    return status;
}
