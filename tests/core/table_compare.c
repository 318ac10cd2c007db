/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_compare.c: one value that came of a step against the word that a table writes for it.
 */
#include "table_compare.h"

#include <inttypes.h>

#include "base/attrs.h"

bool table_key_is(const struct table_word *word, const char *key)
{
    return pawl_slice_equal_str(word->key, key);
}

void table_differs(const struct table_check *check, const struct table_word *word, const char *got)
{
    table_fail(check->run, check->step, "%.*s: expected %.*s, got %s", (int)word->key.bytes,
               word->key.data, (int)word->value.bytes, word->value.data, got);
}

void table_compare_amount(const struct table_check *check,
                          const struct table_word *word,
                          int64_t got)
{
    char text[32];
    int64_t expected = 0;
    table_amount_print(check->unit, got, text);
    if (!table_amount(check->unit, word->value, &expected) || expected != got) {
        table_differs(check, word, text);
    }
}

void table_compare_count(const struct table_check *check,
                         const struct table_word *word,
                         uint64_t got)
{
    char text[32];
    uint64_t expected = 0;
    (void)snprintf(text, sizeof(text), "%" PRIu64, got);
    if (!pawl_slice_to_u64(word->value, &expected) || expected != got) {
        table_differs(check, word, text);
    }
}

void table_compare_time(const struct table_check *check, const struct table_word *word, int64_t got)
{
    char text[40];
    int64_t expected = 0;
    int64_t from_now = 0;
    table_time_print(got, text);
    if (table_duration_us(word->value, &from_now)) { /* "60s" is so long after now */
        expected = check->run->now_us + from_now;
    } else if (!table_time_us(word->value, &expected)) {
        table_differs(check, word, text);
        return;
    }
    if (expected != got) {
        table_differs(check, word, text);
    }
}

void table_compare_text(const struct table_check *check,
                        const struct table_word *word,
                        struct pawl_slice got)
{
    bool empty = pawl_slice_equal_str(word->value, "-") && pawl_slice_empty(got);
    if (!empty && !pawl_slice_equal(word->value, got)) {
        char text[512];
        (void)pawl_slice_copy_str(got, text, sizeof(text));
        table_differs(check, word, text);
    }
}

void table_compare_str(const struct table_check *check,
                       const struct table_word *word,
                       const char *got)
{
    table_compare_text(check, word, pawl_slice_str(got));
}

/* The value names an object; "-" is none. */
void table_compare_object(const struct table_check *check,
                          const struct table_word *word,
                          uint64_t got)
{
    uint64_t expected = 0;
    if (!pawl_slice_equal_str(word->value, "-")) {
        const struct table_name *name = table_name_find(check->run, word->value);
        if (name == NULL) {
            table_differs(check, word, "a name that is not known");
            return;
        }
        expected = name->id;
    }
    if (expected != got) {
        char text[32];
        (void)snprintf(text, sizeof(text), "id %" PRIu64, got);
        table_differs(check, word, text);
    }
}

const char *table_reason_name(uint8_t reason)
{
    static const char *const names[] = {
        [PAWL_REASON_NONE] = "none",       [PAWL_REASON_CAP] = "cap",
        [PAWL_REASON_IDLE] = "idle",       [PAWL_REASON_APPROVAL] = "approval",
        [PAWL_REASON_BREAKER] = "breaker", [PAWL_REASON_COMPLETED] = "completed",
        [PAWL_REASON_CAPPED] = "capped",   [PAWL_REASON_KILLED] = "killed",
        [PAWL_REASON_FAILED] = "failed",
    };
    return reason < PAWL_ARRAY_LEN(names) && names[reason] != NULL ? names[reason] : "?";
}

void table_compare_lines(const struct table_check *check,
                         const struct table_word *word,
                         const struct pawl_amount *lines,
                         uint32_t line_count)
{
    struct table_check in_unit = *check;
    if (!table_unit(word->key, &in_unit.unit)) {
        table_differs(check, word, "no unit");
        return;
    }
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].unit == in_unit.unit) {
            table_compare_amount(&in_unit, word, lines[i].value);
            return;
        }
    }
    table_differs(check, word, "no such line");
}

bool table_code_is(struct pawl_slice expected, uint16_t code)
{
    char lower[64];
    const char *name = pawl_result_name(code);
    size_t bytes = 0;
    for (; name[bytes] != '\0' && bytes < sizeof(lower); bytes++) {
        char byte = name[bytes];
        lower[bytes] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    return pawl_slice_equal(expected, pawl_slice_of(lower, bytes));
}

/* --- Many values. ----------------------------------------------------------------------------- */

void table_compare_fact(const struct table_check *check,
                        const struct table_word *word,
                        const struct table_fact *facts,
                        size_t fact_count)
{
    for (size_t i = 0; i < fact_count; i++) {
        if (!table_key_is(word, facts[i].key)) {
            continue;
        }
        switch (facts[i].kind) {
        case TABLE_FACT_AMOUNT:
            table_compare_amount(check, word, facts[i].number);
            return;
        case TABLE_FACT_COUNT:
            table_compare_count(check, word, (uint64_t)facts[i].number);
            return;
        case TABLE_FACT_TIME:
            table_compare_time(check, word, facts[i].number);
            return;
        case TABLE_FACT_TEXT:
            table_compare_text(check, word, facts[i].text);
            return;
        }
    }
    table_differs(check, word, "a key that this does not have");
}
