/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: `pawl COMMAND …`. It finds the command and hands over; whoever mistyped it is told the
 * nearest one there is. Under an agent's name in a run's directory it is that agent's wrapper.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/streams.h"
#include "journal/sqlite_memory.h"
#include "run/wrap.h"

static int unknown_command(const char *name)
{
    const char *nearest = pawl_cli_guess_command(name);
    if (nearest != NULL) {
        fprintf(stderr, "pawl: there is no command '%s'; did you mean '%s'?\n", name, nearest);
    } else {
        fprintf(stderr, "pawl: there is no command '%s'\n", name);
    }
    fputs("See 'pawl help'.\n", stderr);
    return PAWL_EXIT_USAGE;
}

/* An option where the command should be. */
static int misplaced_option(const char *name)
{
    struct pawl_nearest nearest = {.word = name};
    pawl_nearest_offer(&nearest, "--help");
    pawl_nearest_offer(&nearest, "--version");
    if (nearest.found != NULL) {
        fprintf(stderr, "pawl: there is no option %s; did you mean %s?\n", name, nearest.found);
    } else {
        fprintf(stderr,
                "pawl: %s stands where the command should be. Options come after it: "
                "pawl COMMAND [options]\n",
                name);
    }
    fputs("See 'pawl help'.\n", stderr);
    return PAWL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    int wrapped = PAWL_EXIT_OK;
    pawl_cli_streams_begin();
    if (pawl_wrap_enter(argv, &wrapped)) {
        return wrapped;
    }
    if (argc < 2) {
        pawl_cli_print_help(stderr);
        return PAWL_EXIT_USAGE;
    }
    pawl_sqlite_count_no_memory();
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    const struct pawl_cli_command *command = pawl_cli_find_command(name);
    if (command == NULL) {
        return name[0] == '-' ? misplaced_option(name) : unknown_command(name);
    }
    return pawl_cli_streams_end(pawl_cli_run(command, argc - 1, argv + 1));
}
