/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_words.h: the values of a step's words, as table_command.c builds commands from them. What
 * cannot be read is told with table_fail, and some value is given.
 */
#ifndef PAWL_TESTS_CORE_TABLE_WORDS_H
#define PAWL_TESTS_CORE_TABLE_WORDS_H

#include "table.h"

/* Verbs about documents and tenants (table_document.c). */
void table_verb_document(struct table_run *run,
                         const struct table_step *step,
                         struct pawl_command *command);
void table_verb_tenant(struct table_run *run,
                       const struct table_step *step,
                       struct pawl_command *command);
void table_verb_drain(struct table_run *run,
                      const struct table_step *step,
                      struct pawl_command *command);

/* "x*129" is 129 times x; "-" is nothing; everything else is itself. */
struct pawl_slice table_text(struct table_run *run, struct pawl_slice value);
/* The text, duration or number behind a key; `plain` when the step does not name it. */
struct pawl_slice table_word_text(struct table_run *run,
                                  const struct table_step *step,
                                  const char *key,
                                  const char *plain);
int64_t table_word_duration_ms(struct table_run *run,
                               const struct table_step *step,
                               const char *key,
                               int64_t plain);
uint64_t table_word_number(struct table_run *run,
                           const struct table_step *step,
                           const char *key,
                           uint64_t plain);
/* Whether the word stands in the step without a value. */
bool table_has(const struct table_step *step, const char *word);
/* The i-th word when it has no value, else the empty text. */
struct pawl_slice table_word_at(const struct table_step *step, uint32_t i);

struct table_choice {
    const char *name;
    uint8_t value;
};

/* The value behind a key: one of the names, or a raw number, for what is out of range. */
uint8_t table_pick(struct table_run *run,
                   const struct table_step *step,
                   const char *key,
                   const struct table_choice *choices,
                   size_t count,
                   uint8_t plain);
/* The one of these names that stands among the step's words, else 255. */
uint8_t
table_choice_of(const struct table_step *step, const struct table_choice *choices, size_t count);

void table_levels(struct table_run *run,
                  const struct table_step *step,
                  struct pawl_slice ret_levels[static PAWL_LEVEL_COUNT]);
/* "dim:engineer=alice"; how many there were, at most `room`. */
uint32_t table_dimensions(struct table_run *run,
                          const struct table_step *step,
                          struct pawl_dimension *ret_dimensions,
                          uint32_t room);
struct pawl_window table_window(struct table_run *run, const struct table_step *step);
/* The one amount of a step; the unit only says how it is written. */
int64_t table_amount_of(struct table_run *run, const struct table_step *step);
/* The id of the object that the second word names, or a number as it stands there. */
uint64_t table_named_id(struct table_run *run, const struct table_step *step);

#endif
