/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h: the parts of the table runner. A table is a text file whose name is the rule that it
 * shows. One line is one step: a command, a read or a move of the clock, and what must come of it.
 *
 *     session R1 usd=1.50 iter=3
 *     reserve A1 session=R1 usd=0.30 iter=1 ttl=60s   -> ok
 *     commit A1 usd=0.40 iter=1                       -> ok charged usd=0.40 iter=1
 *     reserve A2 session=R1 usd=9.00 ttl=60s          -> budget_exceeded denial fits=1.10
 *     tick 61s
 *     show R1                                         -> state=active holds=0
 *
 * Without "->" a step must be ok. The grammar is described in tests/core/README.md.
 *
 * parse: text to steps and values; words, command: steps to commands; world: ledgers that run them;
 * compare, check, read: what came of them, and what is there; runner: files, counting, main.
 */
#ifndef PAWL_TESTS_CORE_TABLE_H
#define PAWL_TESTS_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"
#include "core/core.h"

enum {
    TABLE_WORDS_MAX = 64,
    TABLE_NAMES_MAX = 512,
    TABLE_TEXT_BYTES = 1 << 16, /* names that a table writes in short, such as x*129 */
    TABLE_ZONES_MAX = 16
};

/* --- Parsing (table_parse.c) ------------------------------------------------------------------ */

struct table_word {
    struct pawl_slice key;   /* before "=", or the whole word */
    struct pawl_slice value; /* behind it */
    bool has_value;
};

struct table_step {
    int line;
    struct pawl_slice text; /* of the whole line */
    uint32_t word_count;
    struct table_word words[TABLE_WORDS_MAX];
    bool expects; /* there is a "->" */
    uint32_t expect_count;
    struct table_word expected[TABLE_WORDS_MAX];
};

/* Cuts a line into a step; false for an empty line or a comment. */
bool table_step_parse(struct pawl_slice line, int number, struct table_step *ret_step);
/* The value of a key among the words, or NULL. */
const struct table_word *table_find(const struct table_step *step, const char *key);

/* Values. Each says false for text that is none. */
bool table_unit(struct pawl_slice text, uint16_t *ret_unit);
const char *table_unit_name(uint16_t unit, char out[static 16]);
/* "1.50" for usd, "60s" for clock, integers for the rest; "max" is 2^53-1, "max-3", "over". */
bool table_amount(uint16_t unit, struct pawl_slice text, int64_t *ret_value);
void table_amount_print(uint16_t unit, int64_t value, char out[static 32]);
/* "5us", "1ms", "61s", "5m", "2h", "7d", with a sign. */
bool table_duration_us(struct pawl_slice text, int64_t *ret_us);
/* "2026-03-08T06:59:59.999Z"; "never" is INT64_MAX, "0" is 0. */
bool table_time_us(struct pawl_slice text, int64_t *ret_us);
void table_time_print(int64_t time_us, char out[static 40]);

/* --- Worlds (table_world.c) ------------------------------------------------------------------- */

/* One ledger with the memory that it was given, always just what it wanted for one command. */
struct table_world {
    struct pawl_core *core;
    void *memory;
};

void table_world_init(struct table_world *world);
void table_world_free(struct table_world *world);
void table_world_apply(struct table_world *world,
                       int64_t now_us,
                       const struct pawl_command *command,
                       struct pawl_result *ret_result);

/* A command that was run, for running it again. Its texts are owned. */
struct table_record {
    int64_t now_us;
    int line;
    struct pawl_slice command; /* encoded */
    struct pawl_slice result;  /* encoded */
    uint16_t code;
};

struct table_log {
    uint32_t count;
    uint32_t room;
    struct table_record *records;
};

void table_log_add(struct table_log *log,
                   int line,
                   int64_t now_us,
                   const struct pawl_command *command,
                   const struct pawl_result *result);
void table_log_free(struct table_log *log);

/* Runs everything again: from the encoded commands; with refused commands replaced by trivial
 * ones; with a snapshot in the middle that is restored. Every digest must be the one of `world`.
 * Prints what differs; returns the number of differences. */
int table_log_verify(const struct table_log *log,
                     const struct table_world *world,
                     const char *file);

/* --- Running (the other files) ------------------------------------------------- */

enum table_object {
    TABLE_BUDGET = 1,
    TABLE_RESERVATION = 2,
    TABLE_SESSION = 3,
    TABLE_APPROVAL = 4,
    TABLE_EVENT = 5,
    TABLE_DOCUMENT = 6,
    TABLE_DECISION = 7 /* of a key, to be named by it */
};

struct table_name {
    struct pawl_slice name;
    enum table_object object;
    uint64_t id;
    uint64_t op;
    struct pawl_slice tenant; /* of a session */
    uint16_t unit;            /* of a budget */
};

struct table_run {
    const char *file;
    struct table_world world;
    struct table_log log;
    int64_t now_us;
    bool configured;
    uint32_t name_count;
    struct table_name names[TABLE_NAMES_MAX];
    size_t text_used;
    char text[TABLE_TEXT_BYTES];
    struct pawl_tz_transition transitions[PAWL_TZ_TRANSITIONS_MAX];
    int failures;
};

/* Says what is wrong with the step and counts it. */
void table_fail(struct table_run *run, const struct table_step *step, const char *format, ...)
    PAWL_PRINTF(3, 4);
struct table_name *table_name_find(struct table_run *run, struct pawl_slice name);
/* The object that the step's second word names, or NULL after table_fail. */
struct table_name *table_name_of(struct table_run *run, const struct table_step *step);

/* Builds the command of a step; false if the verb is none, or after table_fail. */
bool table_command(struct table_run *run,
                   const struct table_step *step,
                   struct pawl_command *ret_command);
bool table_subject(struct table_run *run,
                   const struct table_step *step,
                   struct pawl_subject *ret_subject);
bool table_lines(struct table_run *run,
                 const struct table_step *step,
                 struct pawl_amount *ret_lines,
                 uint32_t *ret_count);
/* Applies CONFIG with the values that no table has to name. */
void table_configure(struct table_run *run, const struct table_step *step);
void table_apply(struct table_run *run,
                 const struct table_step *step,
                 const struct pawl_command *command,
                 struct pawl_result *ret_result);

/* Compares a result with the step's expectations. */
void table_check_result(struct table_run *run,
                        const struct table_step *step,
                        const struct pawl_result *result);
/* Reads: show, quote, stats, due. false if the verb is none of them. */
bool table_check_read(struct table_run *run, const struct table_step *step);

#endif
