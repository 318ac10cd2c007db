/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c: one value from its text. Amounts are read as texts from end to end, never through a
 * floating point number, so that 1.10 is 1.10.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "policy/policy_priv.h"

enum { NUMBER_BYTES_MAX = 64 };

/* The index of a word in "a|b", or -1. */
static int64_t index_of(const char *choices, struct pawl_slice word)
{
    struct pawl_slice rest = pawl_slice_str(choices);
    for (int64_t i = 0; !pawl_slice_empty(rest); i++) {
        struct pawl_slice choice = pawl_slice_cut(&rest, '|');
        if (pawl_slice_equal(choice, word) && !pawl_slice_equal_str(choice, "%")) {
            return i;
        }
    }
    return -1;
}

static bool parse_number(enum pawl_policy_type type, struct pawl_slice text, int64_t *ret_number)
{
    char copy[NUMBER_BYTES_MAX];
    switch (type) {
    case PAWL_POLICY_TEXT:
        *ret_number = (int64_t)text.bytes;
        return true;
    case PAWL_POLICY_MONEY:
        return pawl_money_parse_usd(text, ret_number);
    case PAWL_POLICY_COUNT:
        return pawl_money_parse_count(text, ret_number);
    case PAWL_POLICY_DURATION:
        return pawl_slice_copy_str(text, copy, sizeof(copy)) &&
               pawl_duration_parse_ms(copy, ret_number);
    case PAWL_POLICY_CHOICE:
        return false;
    }
    PAWL_UNREACHABLE();
}

bool pawl_policy_parse_share(struct pawl_slice text, int64_t *ret_permille)
{
    uint64_t whole = 0;
    uint64_t tenth = 0;
    if (!pawl_slice_ends_with(text, PAWL_SLICE("%"))) {
        return false;
    }
    struct pawl_slice rest = pawl_slice_sub(text, 0, text.bytes - 1);
    bool decimal = pawl_slice_find_byte(rest, '.') != SIZE_MAX;
    struct pawl_slice front = pawl_slice_cut(&rest, '.');
    if (!pawl_slice_to_u64(front, &whole) || whole > 100 ||
        (decimal && (rest.bytes != 1 || !pawl_slice_to_u64(rest, &tenth)))) {
        return false;
    }
    int64_t permille = (int64_t)(whole * 10 + tenth);
    if (permille == 0 || permille > 1000) {
        return false;
    }
    *ret_permille = permille;
    return true;
}

static bool takes_share(const struct pawl_policy_field *field)
{
    return pawl_slice_find_byte(pawl_slice_str(field->choices), '%') != SIZE_MAX;
}

static bool printable(struct pawl_slice text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < ' ' || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

const char *pawl_policy_phase_mode_wrong(struct pawl_slice word,
                                         char out[static PAWL_POLICY_FORM_BYTES])
{
    static const struct {
        const char *word;
        const char *why;
    } others[] = {
        {"summary", "a summary is the last call of a run, and the run goes on (on_limit.action: "
                    "summary is for its own cap)"},
        {"degrade", "the ladder of models goes by the run's own budget (on_limit.degrade)"},
        {"pause", "a phase's ceiling never begins anew"},
    };
    const char *why = NULL;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(others); i++) {
        why = pawl_slice_equal_str(word, others[i].word) ? others[i].why : why;
    }
    struct pawl_slice shown = pawl_slice_sub(word, 0, NUMBER_BYTES_MAX);
    (void)snprintf(out, PAWL_POLICY_FORM_BYTES, "takes refuse, halt or ask, not '%.*s'%s%s",
                   printable(shown) ? (int)shown.bytes : 0, shown.data, why != NULL ? ": " : "",
                   why != NULL ? why : "");
    return out;
}

pawl_err pawl_policy_parse_value(struct pawl_policy_value *value, struct pawl_errmsg *msg)
{
    const struct pawl_policy_field *field = &pawl_policy_fields[value->field];
    int64_t word = index_of(field->choices, value->text);
    value->word = word >= 0;
    value->number = word;
    value->share = takes_share(field) && pawl_policy_parse_share(value->text, &value->number);
    if (value->word || value->share) {
        return PAWL_OK;
    }
    char form[PAWL_POLICY_FORM_BYTES];
    int64_t number = 0;
    if (value->field == PAWL_POLICY_PHASES_ON_LIMIT) {
        pawl_errmsg_set(msg, "%s", pawl_policy_phase_mode_wrong(value->text, form));
        return PAWL_ERR(INVALID);
    }
    (void)pawl_policy_form(value->field, form);
    if (!parse_number(field->type, value->text, &number) || number < field->least ||
        number > field->most || !printable(value->text)) {
        struct pawl_slice shown = pawl_slice_sub(value->text, 0, NUMBER_BYTES_MAX);
        pawl_errmsg_set(msg, "takes %s, not '%.*s'", form, printable(shown) ? (int)shown.bytes : 0,
                        shown.data);
        return PAWL_ERR(INVALID);
    }
    value->number = number;
    return PAWL_OK;
}

/* "a, b or c" of "a|b|c". */
static int append_words(const char *choices, char *out, size_t bytes)
{
    struct pawl_slice rest = pawl_slice_str(choices);
    size_t used = 0;
    out[0] = '\0';
    while (!pawl_slice_empty(rest) && used < bytes) {
        struct pawl_slice word = pawl_slice_cut(&rest, '|');
        if (pawl_slice_equal_str(word, "%")) {
            word = PAWL_SLICE("a share of the run's cap, such as 40%");
        }
        const char *before = used == 0 ? "" : pawl_slice_empty(rest) ? " or " : ", ";
        used += (size_t)snprintf(out + used, bytes - used, "%s%.*s", before, (int)word.bytes,
                                 word.data);
    }
    return (int)used;
}

const char *pawl_policy_form(enum pawl_policy_field_id field_id,
                             char out[static PAWL_POLICY_FORM_BYTES])
{
    static const char *const forms[] = {
        [PAWL_POLICY_TEXT] = "",
        [PAWL_POLICY_MONEY] = "dollars above 0, such as 1.50",
        [PAWL_POLICY_COUNT] = "a whole number above 0, such as 60K or 10M",
        [PAWL_POLICY_DURATION] = "a time such as 90s, 30m or 2h",
        [PAWL_POLICY_CHOICE] = "",
    };
    const struct pawl_policy_field *field = &pawl_policy_fields[field_id];
    PAWL_ASSERT((size_t)field->type < PAWL_ARRAY_LEN(forms));
    if (field->type == PAWL_POLICY_TEXT) {
        (void)snprintf(out, PAWL_POLICY_FORM_BYTES, "a text of up to %lld characters in one line",
                       (long long)field->most);
        return out;
    }
    int used = snprintf(out, PAWL_POLICY_FORM_BYTES, "%s%s", forms[field->type],
                        field->choices[0] != '\0' && forms[field->type][0] != '\0' ? ", or " : "");
    (void)append_words(field->choices, out + used, PAWL_POLICY_FORM_BYTES - (size_t)used);
    return out;
}
