/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_compare.h: one value that came of a step against the word that a table writes for it, for
 * table_check.c (results) and table_read.c (reads). What differs is told with table_fail.
 */
#ifndef PAWL_TESTS_CORE_TABLE_COMPARE_H
#define PAWL_TESTS_CORE_TABLE_COMPARE_H

#include "table.h"

struct table_check {
    struct table_run *run;
    const struct table_step *step;
    uint16_t unit; /* in which amounts are written */
};

bool table_key_is(const struct table_word *word, const char *key);
/* Fails the step: expected what the word says, got this. */
void table_differs(const struct table_check *check, const struct table_word *word, const char *got);

void table_compare_amount(const struct table_check *check,
                          const struct table_word *word,
                          int64_t got);
void table_compare_count(const struct table_check *check,
                         const struct table_word *word,
                         uint64_t got);
/* A time, or "60s" for so long after now. */
void table_compare_time(const struct table_check *check,
                        const struct table_word *word,
                        int64_t got);
/* "-" is the empty text. */
void table_compare_text(const struct table_check *check,
                        const struct table_word *word,
                        struct pawl_slice got);
void table_compare_str(const struct table_check *check,
                       const struct table_word *word,
                       const char *got);
/* The word names an object; "-" is none. */
void table_compare_object(const struct table_check *check,
                          const struct table_word *word,
                          uint64_t got);
/* The word's key is a unit, its value the amount of the line in that unit. */
void table_compare_lines(const struct table_check *check,
                         const struct table_word *word,
                         const struct pawl_amount *lines,
                         uint32_t line_count);

/* One of the things that a read shows. */
struct table_fact {
    const char *key;
    enum { TABLE_FACT_AMOUNT, TABLE_FACT_COUNT, TABLE_FACT_TIME, TABLE_FACT_TEXT } kind;
    int64_t number;
    struct pawl_slice text;
};

/* The word against the fact of its key; that there is none differs, too. */
void table_compare_fact(const struct table_check *check,
                        const struct table_word *word,
                        const struct table_fact *facts,
                        size_t fact_count);

/* What a document says; and state, walk, remembered: false if the verb is none of them
 * (table_document.c). */
void table_show_document(struct table_check *check, const struct table_name *name);
bool table_check_many(struct table_check *check);

const char *table_reason_name(uint8_t reason);
/* Whether a table's word, in lower case, is the name of the code. */
bool table_code_is(struct pawl_slice expected, uint16_t code);

#endif
