/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_words.c: the words of a step into values: texts, durations, choices, and the parts that
 * several commands have, such as a subject or lines. What a step does not name has a plain value:
 * tenant acme, an empty text for the rest. An empty text is written "-".
 */
#include "table_words.h"

#include <string.h>

#include "base/attrs.h"

/* --- Words. ----------------------------------------------------------------------------------- */

/* "x*129" is 129 times x; "-" is nothing; everything else is itself. */
struct pawl_slice table_text(struct table_run *run, struct pawl_slice value)
{
    size_t star = pawl_slice_find_byte(value, '*');
    uint64_t times = 0;
    if (pawl_slice_equal_str(value, "-")) {
        return PAWL_SLICE_NONE;
    }
    if (star == SIZE_MAX ||
        !pawl_slice_to_u64(pawl_slice_sub(value, star + 1, value.bytes), &times)) {
        return value;
    }
    if (run->text_used + times * star > sizeof(run->text)) {
        return value;
    }
    char *start = run->text + run->text_used;
    for (uint64_t i = 0; i < times; i++) {
        memcpy(run->text + run->text_used, value.data, star);
        run->text_used += star;
    }
    return pawl_slice_of(start, times * star);
}

struct pawl_slice table_word_text(struct table_run *run,
                                  const struct table_step *step,
                                  const char *key,
                                  const char *plain)
{
    const struct table_word *word = table_find(step, key);
    return word != NULL ? table_text(run, word->value) : pawl_slice_str(plain);
}

int64_t table_word_duration_ms(struct table_run *run,
                               const struct table_step *step,
                               const char *key,
                               int64_t plain)
{
    const struct table_word *word = table_find(step, key);
    int64_t us = plain * 1000;
    if (word != NULL && !table_duration_us(word->value, &us)) {
        table_fail(run, step, "%s: no duration", key);
    }
    return us / 1000;
}

bool table_has(const struct table_step *step, const char *word)
{
    for (uint32_t i = 1; i < step->word_count; i++) {
        if (!step->words[i].has_value && pawl_slice_equal_str(step->words[i].key, word)) {
            return true;
        }
    }
    return false;
}

uint64_t table_word_number(struct table_run *run,
                           const struct table_step *step,
                           const char *key,
                           uint64_t plain)
{
    const struct table_word *word = table_find(step, key);
    uint64_t number = plain;
    if (word != NULL && !pawl_slice_to_u64(word->value, &number)) {
        table_fail(run, step, "%s: no number", key);
    }
    return number;
}

uint8_t table_pick(struct table_run *run,
                   const struct table_step *step,
                   const char *key,
                   const struct table_choice *choices,
                   size_t count,
                   uint8_t plain)
{
    const struct table_word *word = table_find(step, key);
    uint64_t number = 0;
    if (word == NULL) {
        return plain;
    }
    for (size_t i = 0; i < count; i++) {
        if (pawl_slice_equal_str(word->value, choices[i].name)) {
            return choices[i].value;
        }
    }
    if (!pawl_slice_to_u64(word->value, &number) || number > UINT8_MAX) {
        table_fail(run, step, "%s: unknown value", key);
    }
    return (uint8_t)number; /* a raw number, for what is out of range */
}

/* The one of these names that stands among the step's words, else 255. */
uint8_t
table_choice_of(const struct table_step *step, const struct table_choice *choices, size_t count)
{
    for (uint32_t word = 2; word < step->word_count; word++) {
        for (size_t i = 0; i < count; i++) {
            if (!step->words[word].has_value &&
                pawl_slice_equal_str(step->words[word].key, choices[i].name)) {
                return choices[i].value;
            }
        }
    }
    return UINT8_MAX;
}

static const struct table_choice windows[] = {
    {"lifetime", PAWL_PERIOD_NONE}, {"hour", PAWL_PERIOD_HOUR},   {"day", PAWL_PERIOD_DAY},
    {"week", PAWL_PERIOD_WEEK},     {"month", PAWL_PERIOD_MONTH}, {"quarter", PAWL_PERIOD_QUARTER},
    {"year", PAWL_PERIOD_YEAR},
};

/* --- Parts of commands. ----------------------------------------------------------------------- */

static const char *const level_names[PAWL_LEVEL_COUNT] = {"tenant",   "workspace", "app",
                                                          "workflow", "agent",     "toolset"};

void table_levels(struct table_run *run,
                  const struct table_step *step,
                  struct pawl_slice ret_levels[static PAWL_LEVEL_COUNT])
{
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        ret_levels[level] =
            table_word_text(run, step, level_names[level], level == 0 ? "acme" : NULL);
    }
}

/* "dim:engineer=alice" */
uint32_t table_dimensions(struct table_run *run,
                          const struct table_step *step,
                          struct pawl_dimension *ret_dimensions,
                          uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < step->word_count && count < room; i++) {
        const struct table_word *word = &step->words[i];
        if (word->has_value && pawl_slice_starts_with(word->key, PAWL_SLICE("dim:"))) {
            ret_dimensions[count].name =
                table_text(run, pawl_slice_sub(word->key, 4, word->key.bytes));
            ret_dimensions[count].value = table_text(run, word->value);
            count++;
        }
    }
    return count;
}

bool table_subject(struct table_run *run,
                   const struct table_step *step,
                   struct pawl_subject *ret_subject)
{
    *ret_subject = (struct pawl_subject){.dimension_count = 0};
    table_levels(run, step, ret_subject->levels);
    ret_subject->dimension_count =
        table_dimensions(run, step, ret_subject->dimensions, PAWL_DIMENSIONS_MAX);
    ret_subject->session = table_word_text(run, step, "session", NULL);
    return true;
}

bool table_lines(struct table_run *run,
                 const struct table_step *step,
                 struct pawl_amount *ret_lines,
                 uint32_t *ret_count)
{
    *ret_count = 0;
    for (uint32_t i = 1; i < step->word_count; i++) {
        const struct table_word *word = &step->words[i];
        uint16_t unit = 0;
        if (!word->has_value || !table_unit(word->key, &unit)) {
            continue;
        }
        if (*ret_count < PAWL_LINES_MAX) {
            if (!table_amount(unit, word->value, &ret_lines[*ret_count].value)) {
                table_fail(run, step, "%.*s: no amount", (int)word->key.bytes, word->key.data);
                return false;
            }
            ret_lines[*ret_count].unit = unit;
        }
        ++*ret_count; /* one too many is for the ledger to refuse */
    }
    return true;
}

/* The one amount of a step; the unit only says how it is written. */
int64_t table_amount_of(struct table_run *run, const struct table_step *step)
{
    struct pawl_amount lines[PAWL_LINES_MAX] = {{.unit = 0}};
    uint32_t count = 0;
    if (!table_lines(run, step, lines, &count) || count != 1) {
        table_fail(run, step, "one amount is needed");
    }
    return lines[0].value;
}

uint64_t table_named_id(struct table_run *run, const struct table_step *step)
{
    uint64_t number = 0;
    if (step->word_count > 1 && pawl_slice_to_u64(step->words[1].key, &number)) {
        return number; /* an id that nobody gave out */
    }
    const struct table_name *name = table_name_of(run, step);
    return name != NULL ? name->id : 0;
}

struct pawl_slice table_word_at(const struct table_step *step, uint32_t i)
{
    return i < step->word_count && !step->words[i].has_value ? step->words[i].key : PAWL_SLICE_NONE;
}

struct pawl_window table_window(struct table_run *run, const struct table_step *step)
{
    struct pawl_window window = {.kind = PAWL_WINDOW_LIFETIME};
    const struct table_word *word = table_find(step, "window");
    int64_t length_us = 0;
    uint64_t number = 0;
    if (word != NULL && table_duration_us(word->value, &length_us)) {
        window.kind = PAWL_WINDOW_FIXED;
        window.length_us = length_us;
    } else if (word != NULL && pawl_slice_equal_str(word->value, "rolling")) {
        window.kind = PAWL_WINDOW_ROLLING;
        window.length_us = 3600000000;
    } else {
        window.period = table_pick(run, step, "window", windows, PAWL_ARRAY_LEN(windows), 0);
        window.kind = window.period != 0 ? PAWL_WINDOW_CALENDAR : PAWL_WINDOW_LIFETIME;
    }
    word = table_find(step, "tz");
    if (word != NULL && pawl_slice_to_u64(word->value, &number)) {
        window.tz = (uint16_t)number;
    }
    word = table_find(step, "week_start");
    if (word != NULL && pawl_slice_to_u64(word->value, &number)) {
        window.week_start = (uint8_t)number;
    }
    return window;
}
