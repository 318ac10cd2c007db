/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_check.c: the result of a step against what the table says. Flags are exact: a result that
 * is replayed, over a limit, or that leaves more due must be announced as such, and
 * an EXPIRE must list every row, in order. Numbers are compared where the table gives them.
 */
#include <inttypes.h>

#include "base/attrs.h"

#include "table.h"
#include "table_compare.h"

static void check_denial(const struct table_check *check,
                         const struct table_word *word,
                         const struct pawl_denial *denial)
{
    struct table_check in_unit = *check;
    in_unit.unit = denial->unit;
    char text[16];
    if (table_key_is(word, "budget")) {
        table_compare_object(check, word, denial->budget);
    } else if (table_key_is(word, "session")) {
        table_compare_object(check, word, denial->session);
    } else if (table_key_is(word, "unit")) {
        table_compare_str(check, word,
                          denial->unit != 0 ? table_unit_name(denial->unit, text) : NULL);
    } else if (table_key_is(word, "reason")) {
        table_compare_str(check, word, table_reason_name(denial->reason));
    } else if (table_key_is(word, "resets")) {
        table_compare_time(check, word, denial->resets_at_us);
    } else if (table_key_is(word, "window")) {
        table_compare_count(check, word, denial->window_kind);
    } else if (table_key_is(word, "limit")) {
        table_compare_amount(&in_unit, word, denial->limit);
    } else if (table_key_is(word, "spent")) {
        table_compare_amount(&in_unit, word, denial->spent);
    } else if (table_key_is(word, "held")) {
        table_compare_amount(&in_unit, word, denial->held);
    } else if (table_key_is(word, "debt")) {
        table_compare_amount(&in_unit, word, denial->debt);
    } else if (table_key_is(word, "asked")) {
        table_compare_amount(&in_unit, word, denial->asked);
    } else if (table_key_is(word, "fits")) {
        table_compare_amount(&in_unit, word, denial->fits);
    } else {
        table_differs(check, word, "a key that denials do not have");
    }
}

static void check_delta(const struct table_check *check,
                        const struct table_word *word,
                        const struct pawl_delta *delta)
{
    struct table_check in_unit = *check;
    in_unit.unit = delta->unit;
    if (table_key_is(word, "reserved")) {
        table_compare_amount(&in_unit, word, delta->reserved);
    } else if (table_key_is(word, "spent")) {
        table_compare_amount(&in_unit, word, delta->spent);
    } else if (table_key_is(word, "debt")) {
        table_compare_amount(&in_unit, word, delta->debt);
    } else if (table_key_is(word, "allocated")) {
        table_compare_amount(&in_unit, word, delta->allocated);
    } else if (table_key_is(word, "ordinal")) {
        table_compare_count(check, word, delta->ordinal);
    } else {
        table_differs(check, word, "a key that deltas do not have");
    }
}

static void check_standing(const struct table_check *check,
                           const struct table_word *word,
                           const struct pawl_standing *standing,
                           uint16_t unit)
{
    struct table_check in_unit = *check;
    in_unit.unit = unit;
    const struct table_fact facts[] = {
        {.key = "allocated", .kind = TABLE_FACT_AMOUNT, .number = standing->allocated},
        {.key = "reserved", .kind = TABLE_FACT_AMOUNT, .number = standing->reserved},
        {.key = "spent", .kind = TABLE_FACT_AMOUNT, .number = standing->spent},
        {.key = "debt", .kind = TABLE_FACT_AMOUNT, .number = standing->debt},
        {.key = "overdraft", .kind = TABLE_FACT_AMOUNT, .number = standing->overdraft_limit},
        {.key = "over_limit",
         .kind = TABLE_FACT_TEXT,
         .text = pawl_slice_str(standing->over_limit ? "yes" : "no")},
    };
    table_compare_fact(&in_unit, word, facts, PAWL_ARRAY_LEN(facts));
}

/* The delta of the budget that the word names. */
static const struct pawl_delta *delta_of(const struct table_check *check,
                                         const struct table_word *word,
                                         const struct pawl_result *result)
{
    static const struct pawl_delta none = {.budget = 0};
    const struct table_name *name = table_name_find(check->run, word->key);
    for (uint32_t i = 0; name != NULL && i < result->delta_count; i++) {
        if (result->deltas[i].budget == name->id) {
            return &result->deltas[i];
        }
    }
    table_differs(check, word, "no delta");
    return &none;
}

/* The standing that goes with a delta. */
static const struct pawl_standing *standing_of(const struct table_check *check,
                                               const struct table_word *word,
                                               const struct pawl_result *result,
                                               const struct pawl_delta *delta)
{
    static const struct pawl_standing none = {.allocated = 0};
    if (result->standing_count != result->delta_count || delta < result->deltas ||
        delta >= result->deltas + result->delta_count) {
        table_differs(check, word, "no standing");
        return &none;
    }
    return &result->standings[delta - result->deltas];
}

static void check_plain(const struct table_check *check,
                        const struct table_word *word,
                        const struct pawl_result *result)
{
    if (table_key_is(word, "id")) {
        table_compare_object(check, word, result->id);
    } else if (table_key_is(word, "expires")) {
        table_compare_time(check, word, result->expires_us);
    } else if (table_key_is(word, "deltas")) {
        table_compare_count(check, word, result->delta_count);
    } else if (table_key_is(word, "standings")) {
        table_compare_count(check, word, result->standing_count);
    } else if (table_key_is(word, "next")) {
        table_compare_count(check, word, result->id);
    } else if (table_key_is(word, "lines")) {
        table_compare_count(check, word, result->line_count);
    } else if (table_key_is(word, "of")) {
        const struct table_name *name = table_name_find(check->run, word->value);
        if (name == NULL || name->op != result->original_op) {
            table_differs(check, word, "another operation");
        }
    } else {
        table_differs(check, word, "a key that results do not have");
    }
}

/* "A1:released" */
static void check_row(const struct table_check *check,
                      const struct table_word *word,
                      const struct pawl_result *result,
                      uint32_t row)
{
    static const char *const kinds[] = {
        [PAWL_EXPIRED_RELEASED] = "released",       [PAWL_EXPIRED_SETTLED] = "settled",
        [PAWL_EXPIRED_SESSION] = "ended",           [PAWL_EXPIRED_APPROVAL] = "unanswered",
        [PAWL_EXPIRED_UNCONFIRMED] = "unconfirmed", [PAWL_EXPIRED_DRAINED] = "drained",
    };
    struct pawl_slice kind = word->key;
    struct pawl_slice object = pawl_slice_cut(&kind, ':');
    const struct table_name *name = table_name_find(check->run, object);
    if (row >= result->expired_count) {
        table_fail(check->run, check->step, "only %u rows expired", result->expired_count);
        return;
    }
    const struct pawl_expired *expired = &result->expired[row];
    if (name == NULL || name->id != expired->id ||
        !pawl_slice_equal_str(kind, kinds[expired->kind])) {
        table_fail(check->run, check->step, "row %u: expected %.*s, got id %" PRIu64 " %s", row,
                   (int)word->key.bytes, word->key.data, expired->id, kinds[expired->kind]);
    }
}

struct flags {
    bool replayed, over_limit, more;
};

static bool flag_of(const struct table_word *word, struct flags *flags)
{
    flags->replayed = flags->replayed || table_key_is(word, "replayed");
    flags->over_limit = flags->over_limit || table_key_is(word, "over_limit");
    flags->more = flags->more || table_key_is(word, "more");
    return table_key_is(word, "replayed") || table_key_is(word, "over_limit") ||
           table_key_is(word, "more");
}

static void check_flags(const struct table_check *check,
                        const struct flags *flags,
                        const struct pawl_result *result)
{
    static const char *const said[] = {"not ", ""};
    if (flags->replayed != result->replayed) {
        table_fail(check->run, check->step, "%sreplayed", said[result->replayed]);
    }
    if (flags->over_limit != result->over_limit) {
        table_fail(check->run, check->step, "%sover_limit", said[result->over_limit]);
    }
    if (flags->more != result->more_due) {
        table_fail(check->run, check->step, "%smore due", said[result->more_due]);
    }
}

enum section {
    SECTION_PLAIN,
    SECTION_CHARGED,
    SECTION_RELEASED,
    SECTION_DENIAL,
    SECTION_DELTA,
    SECTION_STANDING
};

/* A word without "=" begins a section, is a flag, or a row of an EXPIRE. */
static enum section check_bare(const struct table_check *check,
                               const struct table_word *word,
                               const struct pawl_result *result,
                               uint32_t *rows,
                               struct flags *flags,
                               enum section section)
{
    if (table_key_is(word, "charged")) {
        return SECTION_CHARGED;
    }
    if (table_key_is(word, "released")) {
        return SECTION_RELEASED;
    }
    if (table_key_is(word, "denial")) {
        return SECTION_DENIAL;
    }
    if (table_key_is(word, "delta")) {
        return SECTION_DELTA;
    }
    if (table_key_is(word, "standing")) {
        return SECTION_STANDING;
    }
    if (!flag_of(word, flags)) {
        check_row(check, word, result, *rows);
        ++*rows;
    }
    return section;
}

void table_check_result(struct table_run *run,
                        const struct table_step *step,
                        const struct pawl_result *result)
{
    struct table_check check = {.run = run, .step = step};
    struct flags flags = {.replayed = false};
    enum section section = SECTION_PLAIN;
    const struct pawl_delta *delta = NULL;
    uint32_t rows = 0;
    struct pawl_slice expected = step->expect_count > 0 ? step->expected[0].key : PAWL_SLICE("ok");
    if (!table_code_is(expected, result->code)) {
        table_fail(run, step, "expected %.*s, got %s", (int)expected.bytes, expected.data,
                   pawl_result_name(result->code));
        return;
    }
    for (uint32_t i = 1; i < step->expect_count; i++) {
        const struct table_word *word = &step->expected[i];
        bool of_budget = section == SECTION_DELTA || section == SECTION_STANDING;
        if (of_budget && !word->has_value && !table_key_is(word, "standing")) {
            delta = delta_of(&check, word, result); /* "delta B1 reserved=… B2 reserved=…" */
        } else if (!word->has_value) {
            section = check_bare(&check, word, result, &rows, &flags, section);
        } else if (section == SECTION_CHARGED) {
            table_compare_lines(&check, word, result->charged, result->line_count);
        } else if (section == SECTION_RELEASED) {
            table_compare_lines(&check, word, result->released, result->line_count);
        } else if (section == SECTION_DENIAL) {
            check_denial(&check, word, &result->denial);
        } else if (section == SECTION_DELTA && delta != NULL) {
            check_delta(&check, word, delta);
        } else if (section == SECTION_STANDING && delta != NULL) {
            check_standing(&check, word, standing_of(&check, word, result, delta), delta->unit);
        } else {
            check_plain(&check, word, result);
        }
    }
    check_flags(&check, &flags, result);
    if (rows != result->expired_count) {
        table_fail(run, step, "%u rows expired, %u are listed", result->expired_count, rows);
    }
}
