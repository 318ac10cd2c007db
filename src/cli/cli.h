/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h: commands and their options as tables. From one table come the parser, `--help`, the
 * shell completions and the man page, so they cannot tell different stories.
 */
#ifndef PAWL_CLI_CLI_H
#define PAWL_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/nearest.h"

/* Exit statuses (docs/CONTRACTS.md). */
enum {
    PAWL_EXIT_OK = 0,
    PAWL_EXIT_REFUSED = 1,
    PAWL_EXIT_USAGE = 2,
    PAWL_EXIT_UNREACHABLE = 3,
    PAWL_EXIT_CORRUPT = 4
};

/* In place of an exit status: the command line is fine so far. */
enum { PAWL_CLI_GO_ON = -1 };

enum { PAWL_CLI_OPTIONS_MAX = 64 };

struct pawl_cli_option {
    int id;               /* the command's own number, > 0 */
    char letter;          /* 0: none */
    const char *name;     /* "max-usd" */
    const char *argument; /* "USD"; NULL: the option takes none; "[PATH]": may have one, with '=' */
    const char *help;     /* one sentence without a full stop; NULL: it is shown nowhere */
};

struct pawl_cli_given {
    const struct pawl_cli_option *option;
    const char *value; /* NULL when the option takes none */
};

struct pawl_cli_call {
    const struct pawl_cli_command *command;
    struct pawl_cli_given given[PAWL_CLI_OPTIONS_MAX]; /* in the order of the command line */
    size_t given_count;
    char **operands; /* NULL at the end */
    size_t operand_count;
};

/* A noun ("policy") has verbs ("policy check"), which are commands of their own under their full
 * name. What is done without a verb is the noun's own `run`; where there is none, a verb must be
 * given. */
struct pawl_cli_command {
    const char *name;     /* "runs", "policy", "policy check" */
    const char *operands; /* "[RUN]", "-- COMMAND [ARG…]", or "" */
    const char *summary;  /* one line, for the list */
    const char *text;     /* paragraphs for --help and the man page */
    const char *examples; /* lines, or NULL */
    const struct pawl_cli_option *options;
    size_t option_count;
    size_t operands_min;
    size_t operands_max;
    bool stops_at_operand; /* what follows the first operand belongs to it */
    bool hidden;           /* for programs, such as hooks: in no list and no completion */
    const struct pawl_cli_command *const *verbs; /* NULL at the end; NULL: no noun */
    int (*run)(const struct pawl_cli_call *call);
};

/* All commands, in the order of the help text. */
extern const struct pawl_cli_command *const pawl_cli_commands[];
extern const size_t pawl_cli_command_count;
const struct pawl_cli_command *pawl_cli_find_command(const char *name);
/* The verb of a noun; NULL: it has none of that name. */
const struct pawl_cli_command *pawl_cli_find_verb(const struct pawl_cli_command *noun,
                                                  const char *verb);
/* The last word of a command's name: "check" of "policy check". */
const char *pawl_cli_last_word(const struct pawl_cli_command *command);
/* Calls `visit` for each command that is shown, each noun followed by its verbs. */
typedef void pawl_cli_visit_fn(FILE *out, const struct pawl_cli_command *command);
void pawl_cli_each_command(FILE *out, pawl_cli_visit_fn *visit);

/* Options that every command has. */
enum { PAWL_CLI_HELP = 1001 };
extern const struct pawl_cli_option pawl_cli_common_options[];
extern const size_t pawl_cli_common_option_count;

/* Parses and runs one command, or a noun's verb; argv[0] is the last word of its name. */
int pawl_cli_run(const struct pawl_cli_command *command, int argc, char **argv);
/* The value of an option's last occurrence, or NULL; and whether it was given at all. */
const char *pawl_cli_value(const struct pawl_cli_call *call, int id);
bool pawl_cli_has(const struct pawl_cli_call *call, int id);
/* Of an option that says yes, and takes "[no]": what it says, "yes" where it says nothing more.
 * NULL: it was not given. */
const char *pawl_cli_switch(const struct pawl_cli_call *call, int id);
/* "pawl runs: …" and the way to --help, on stderr; returns PAWL_EXIT_USAGE. */
int pawl_cli_usage_error(const struct pawl_cli_call *call, const char *format, ...)
    PAWL_PRINTF(2, 3);
/* "pawl runs: …" on stderr; returns `status`. */
int pawl_cli_error(const struct pawl_cli_call *call, int status, const char *format, ...)
    PAWL_PRINTF(3, 4);

/* The nearest command's name, or NULL. */
const char *pawl_cli_guess_command(const char *name);
/* The same among a noun's verbs. */
const char *pawl_cli_guess_verb(const struct pawl_cli_command *noun, const char *name);

void pawl_cli_print_help(FILE *out);
void pawl_cli_print_command_help(FILE *out, const struct pawl_cli_command *command);
/* "bash", "zsh", "fish"; false for another shell. */
bool pawl_cli_print_completion(FILE *out, const char *shell);
/* pawl(1) in roff. */
void pawl_cli_print_man(FILE *out);

/* --- Output ---------------------------------------------------------------------------------- */

/* Half a list would be taken for the whole, and nothing needs to be closed that the end of the
 * process does not close: says that there is no memory, and exits with PAWL_EXIT_REFUSED. */
PAWL_NORETURN void pawl_cli_no_memory(void);

/* Whether the terminal, by its locale's variables, takes UTF-8. */
bool pawl_cli_speaks_utf8(void);

/* A line of JSON. Prints and frees it. */
void pawl_cli_print_line(struct pawl_buf *line);

/* Text that came from outside (a command line, a model's name), in one line: control characters,
 * which a terminal might obey, become '?'. Cut at out_bytes - 1. */
const char *pawl_cli_plain(struct pawl_slice text, char *out, size_t out_bytes);

enum { PAWL_CLI_COLUMNS_MAX = 12 };
struct pawl_cli_column {
    const char *title;
    bool right;       /* numbers */
    size_t width_max; /* of a terminal's columns, cut with an ellipsis; 0: as wide as needed */
};
/* Rows are collected, then printed with columns as wide as they need to be. A table always comes
 * about and is always printed whole: see pawl_cli_no_memory. */
struct pawl_cli_table;
struct pawl_cli_table *pawl_cli_table_new(const struct pawl_cli_column *columns, size_t count);
/* The same; `lackable` are the columns, by their titles, that a terminal too narrow for all of them
 * goes without, the first one first; NULL behind the last. Borrowed until the table is printed. */
struct pawl_cli_table *pawl_cli_table_new_fitting(const struct pawl_cli_column *columns,
                                                  size_t count,
                                                  const char *const *lackable);
/* Appends the next cell, row by row; copies. */
void pawl_cli_table_cell(struct pawl_cli_table *table, const char *text);
/* Prints, nothing at all for a table without rows, and frees. A column in which no row has anything
 * is left out; on a terminal, columns that may be lacked are left out and columns that may be cut
 * are cut, as far as its width demands. */
void pawl_cli_table_print(struct pawl_cli_table *table, FILE *out);

#endif
