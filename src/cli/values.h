/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values.h: what may stand where a command's table has a placeholder: RUN, MODEL, MODE. One table
 * says for each placeholder which words there are, or where they are to be had, so that an option
 * is completed by what its help calls it, and a new one by having a row.
 */
#ifndef PAWL_CLI_VALUES_H
#define PAWL_CLI_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "cli/cli.h"

/* What the shell does beside the words that are offered. */
enum pawl_cli_completes {
    PAWL_CLI_COMPLETES_WORDS, /* nothing */
    PAWL_CLI_COMPLETES_FILES,
    PAWL_CLI_COMPLETES_DIRECTORIES
};

/* A word under the cursor, and where its candidates go. */
struct pawl_cli_offers {
    const char *data_dir; /* of --data-dir; NULL: none was given */
    const char *lead;     /* "--on-limit=": stands in front of each candidate */
    size_t lead_bytes;
    const char *word; /* what is typed of it, behind the lead */
    void (*take)(void *arg, const char *candidate, const char *about);
    void *arg;
    bool open; /* set where a candidate is not the whole of the word: no blank goes behind it */
};

/* A row of the tables: values.c has those of runs, values_server.c those of a server. */
struct pawl_cli_value_row {
    const char *command; /* where it means something narrower; NULL: anywhere. Those stand first */
    const char *placeholder;
    const char *words; /* "halt|summary", or NULL */
    void (*offer)(struct pawl_cli_offers *offers);
    enum pawl_cli_completes completes;
};
extern const struct pawl_cli_value_row pawl_cli_server_values[];
extern const size_t pawl_cli_server_value_count;

/* Hands over a candidate if it begins with what is typed. `about` is one line, or "". */
void pawl_cli_offer(const struct pawl_cli_offers *offers, const char *candidate, const char *about);
/* Whether a placeholder has a row; and what may stand there. */
bool pawl_cli_values_known(const struct pawl_cli_command *command, struct pawl_slice placeholder);
enum pawl_cli_completes pawl_cli_values_offer(const struct pawl_cli_command *command,
                                              struct pawl_slice placeholder,
                                              struct pawl_cli_offers *offers);
/* The placeholder of an operand by its place: "RUN" of "[RUN] [PHASE]"; the last one of "FILE..."
 * repeats. Empty: there is none. */
struct pawl_slice pawl_cli_operand_at(const struct pawl_cli_command *command, size_t place);
/* The placeholder of an option that takes a value, without the brackets of an optional one. */
struct pawl_slice pawl_cli_option_value(const struct pawl_cli_option *option);

#endif
