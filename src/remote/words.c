/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.c: see words.h. Texts of a server are not trusted on a terminal: control characters become
 * question marks.
 */
#include "remote/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"

enum { ARENA_BYTES = 1 << 20, NODES_MAX = 4096, DEPTH_MAX = 32 };

static const struct {
    uint16_t unit;
    const char *one;
    const char *many;
} units[] = {{PAWL_UNIT_USD_MICROCENTS, "dollar", "dollars"},
             {PAWL_UNIT_TOKENS, "token", "tokens"},
             {PAWL_UNIT_CREDITS, "credit", "credits"},
             {PAWL_UNIT_RISK_POINTS, "risk point", "risk points"},
             {PAWL_UNIT_TOOL_CALLS, "tool call", "tool calls"},
             {PAWL_UNIT_ITERATIONS, "model call", "model calls"}};

static void make_plain(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)) {
            *c = *c == '\n' || *c == '\t' ? ' ' : '?';
        }
    }
}

const char *
pawl_remote_number(struct pawl_slice unit, int64_t amount, char out[static PAWL_REMOTE_WORDS_BYTES])
{
    char text[PAWL_MONEY_TEXT_BYTES];
    bool dollars = pawl_unit_from_name(unit) == PAWL_UNIT_USD_MICROCENTS;
    (void)snprintf(out, PAWL_REMOTE_WORDS_BYTES, "%s",
                   dollars ? pawl_money_format_usd(amount, text)
                           : pawl_money_format_count(amount, text));
    return out;
}

static const char *word_of(struct pawl_slice unit, bool one)
{
    uint16_t number = pawl_unit_from_name(unit);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        if (units[i].unit == number && number != PAWL_UNIT_NONE) {
            return one ? units[i].one : units[i].many;
        }
    }
    return NULL;
}

const char *pawl_remote_unit_word(struct pawl_slice unit, char out[static PAWL_REMOTE_WORDS_BYTES])
{
    const char *word = word_of(unit, false);
    (void)pawl_slice_copy_str(word != NULL ? pawl_slice_str(word) : unit, out,
                              PAWL_REMOTE_WORDS_BYTES);
    make_plain(out);
    return out;
}

const char *
pawl_remote_amount(struct pawl_slice unit, int64_t amount, char out[static PAWL_REMOTE_WORDS_BYTES])
{
    char number[PAWL_REMOTE_WORDS_BYTES];
    const char *word = word_of(unit, amount == 1);
    (void)pawl_remote_number(unit, amount, number);
    if (pawl_unit_from_name(unit) == PAWL_UNIT_USD_MICROCENTS) {
        return pawl_remote_number(unit, amount, out);
    }
    if (word != NULL) {
        (void)snprintf(out, PAWL_REMOTE_WORDS_BYTES, "%.40s %s", number, word);
    } else {
        (void)snprintf(out, PAWL_REMOTE_WORDS_BYTES, "%.40s %.*s", number,
                       (int)pawl_min_i64((int64_t)unit.bytes, 32), unit.data);
        make_plain(out);
    }
    return out;
}

/* --- Refusals -------------------------------------------------------------------------------- */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One line of words, cut at its end. */
struct line {
    char *out;
    size_t used;
};

PAWL_PRINTF(2, 3)
static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = PAWL_REFUSAL_BYTES - line->used;
    int written = vsnprintf(line->out + line->used, room, format, arguments);
    va_end(arguments);
    line->used += written > 0 ? min_size((size_t)written, room - 1) : 0;
}

struct reading {
    struct pawl_json json;
    struct pawl_arena arena;
    uint32_t details;
    struct pawl_slice unit;
};

static struct pawl_slice text_of(struct reading *reading, uint32_t node, const char *key)
{
    return pawl_json_string(&reading->json, pawl_json_get(&reading->json, node, key),
                            &reading->arena);
}

static void
add_amount(struct reading *reading, struct line *line, const char *key, const char *word)
{
    char text[PAWL_REMOTE_WORDS_BYTES];
    int64_t value = 0;
    uint32_t node = pawl_json_get(&reading->json, reading->details, key);
    if (pawl_json_i64(&reading->json, node, &value)) {
        const char *amount = pawl_remote_amount(reading->unit, value, text);
        add(line, "%s%s%s%s", line->used > 0 ? ", " : "", amount, word[0] != '\0' ? " " : "", word);
    }
}

/* "tenant:acme counts tokens, not dollars". */
static void add_mismatch(struct reading *reading, struct line *line)
{
    char text[PAWL_REMOTE_WORDS_BYTES];
    const struct pawl_json *json = &reading->json;
    uint32_t expected = pawl_json_get(json, reading->details, "expected_units");
    uint32_t node = pawl_json_first_element(json, expected);
    struct pawl_slice scope = text_of(reading, reading->details, "scope");
    for (const char *before = " counts "; node != PAWL_JSON_NONE; before = " and ") {
        struct pawl_slice unit = pawl_json_string(json, node, &reading->arena);
        if (line->used == 0) {
            /* Of a reservation there is none. */
            scope = scope.bytes > 0 ? scope : PAWL_SLICE("it");
            add(line, "%.*s", (int)scope.bytes, scope.data);
        }
        add(line, "%s%s", before, pawl_remote_unit_word(unit, text));
        node = pawl_json_next(json, node);
    }
    struct pawl_slice asked = text_of(reading, reading->details, "requested_unit");
    if (line->used > 0 && asked.bytes > 0) {
        add(line, ", not %s", pawl_remote_unit_word(asked, text));
    }
}

/* "tenant:acme: $1.00 in all, $0.80 spent, $0.15 held, $0.10 asked for, $0.05 would fit". */
static void add_numbers(struct reading *reading, int64_t now_ms, struct line *line)
{
    char span[PAWL_CLOCK_TEXT_BYTES];
    const struct pawl_json *json = &reading->json;
    uint32_t details = reading->details;
    int64_t resets_ms = pawl_json_count_or(json, pawl_json_get(json, details, "resets_at_ms"), 0);
    struct pawl_slice scope = text_of(reading, details, "scope");
    reading->unit = text_of(reading, details, "unit");
    if (reading->unit.bytes > 0) {
        add_amount(reading, line, "limit", "in all");
        add_amount(reading, line, "spent", "spent");
        add_amount(reading, line, "held", "held");
        add_amount(reading, line, "debt", "of debt");
        add_amount(reading, line, "asked", "asked for");
        add_amount(reading, line, "fits", "would fit");
    }
    if (line->used > 0 && resets_ms > now_ms) {
        add(line, ", resets in %s", pawl_duration_format_ms(resets_ms - now_ms, span));
    }
    if (line->used > 0 && scope.bytes > 0 && scope.bytes < PAWL_REFUSAL_BYTES / 2) {
        size_t shift = scope.bytes + 2;
        size_t kept = min_size(line->used, PAWL_REFUSAL_BYTES - 1 - shift);
        memmove(line->out + shift, line->out, kept);
        memcpy(line->out, scope.data, scope.bytes);
        memcpy(line->out + scope.bytes, ": ", 2);
        line->out[shift + kept] = '\0';
    }
}

/* Where the numbers follow, a few words in place of a message that has them in microcents. */
static const char *phrase_of(struct reading *reading, char out[static PAWL_REFUSAL_BYTES])
{
    static const struct {
        const char *kind;
        const char *words;
    } rows[] = {{"spent", "too little is left"},
                {"held", "too little is left as long as others hold so much"},
                {"frozen", "the budget is frozen"},
                {"closed", "the budget is closed"},
                {"over_limit", "the budget is over its limit until it is funded"},
                {"debt", "the budget has debts"},
                {"overdraft", "it would owe more than the overdraft limit"}};
    const struct pawl_json *json = &reading->json;
    uint32_t kind = pawl_json_get(json, reading->details, "limit_kind");
    int64_t hold = 0;
    if (pawl_json_string_is(json, kind, "hold") &&
        pawl_json_i64(json, pawl_json_get(json, reading->details, "fits"), &hold)) {
        char amount[PAWL_REMOTE_WORDS_BYTES];
        (void)snprintf(out, PAWL_REFUSAL_BYTES, "the hold is %s and its overage policy is REJECT",
                       pawl_remote_amount(reading->unit, hold, amount));
        return out;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        if (pawl_json_string_is(json, kind, rows[i].kind)) {
            return rows[i].words;
        }
    }
    return NULL;
}

/* The field that is wrong, and its range of "an integer from 1 to 100". */
static void read_field(struct reading *reading, struct pawl_refusal *refusal)
{
    struct pawl_slice must_be = text_of(reading, reading->details, "must_be");
    (void)pawl_slice_copy_str(text_of(reading, reading->details, "field"), refusal->field,
                              sizeof(refusal->field));
    (void)pawl_slice_copy_str(must_be, refusal->must_be, sizeof(refusal->must_be));
    make_plain(refusal->field);
    make_plain(refusal->must_be);
    struct pawl_slice most = pawl_slice_cut_last(&must_be, ' ');
    (void)pawl_slice_cut_last(&must_be, ' '); /* "to" */
    struct pawl_slice least = pawl_slice_cut_last(&must_be, ' ');
    uint64_t numbers[2];
    if (pawl_slice_equal_str(must_be, "an integer from") && pawl_slice_to_u64(least, &numbers[0]) &&
        pawl_slice_to_u64(most, &numbers[1]) && numbers[1] <= (uint64_t)PAWL_AMOUNT_MAX) {
        refusal->least = (int64_t)numbers[0];
        refusal->most = (int64_t)numbers[1];
    }
}

bool pawl_refusal_read(struct pawl_slice body, int64_t now_ms, struct pawl_refusal *ret_refusal)
{
    struct reading reading = {.details = PAWL_JSON_NONE};
    struct pawl_json_limits limits = {.depth_max = DEPTH_MAX, .nodes_max = NODES_MAX};
    pawl_arena_init(&reading.arena, ARENA_BYTES);
    *ret_refusal = (struct pawl_refusal){.code = ""};
    bool good =
        pawl_json_parse(&reading.arena, body, PAWL_JSON_FORWARD, limits, &reading.json) &&
        pawl_json_is(&reading.json, pawl_json_get(&reading.json, 0, "error"), PAWL_JSON_STRING);
    if (good) {
        struct line line = {.out = ret_refusal->numbers};
        reading.details = pawl_json_get(&reading.json, 0, "details");
        (void)pawl_slice_copy_str(text_of(&reading, 0, "error"), ret_refusal->code,
                                  sizeof(ret_refusal->code));
        (void)pawl_slice_copy_str(text_of(&reading, 0, "message"), ret_refusal->words,
                                  sizeof(ret_refusal->words));
        (void)pawl_slice_copy_str(text_of(&reading, 0, "request_id"), ret_refusal->request_id,
                                  sizeof(ret_refusal->request_id));
        add_mismatch(&reading, &line);
        if (line.used == 0) {
            add_numbers(&reading, now_ms, &line);
            char room[PAWL_REFUSAL_BYTES];
            const char *phrase = line.used > 0 ? phrase_of(&reading, room) : NULL;
            if (phrase != NULL) {
                (void)pawl_slice_copy_str(pawl_slice_str(phrase), ret_refusal->words,
                                          sizeof(ret_refusal->words));
            }
        }
        read_field(&reading, ret_refusal);
        make_plain(ret_refusal->code);
        make_plain(ret_refusal->words);
        make_plain(ret_refusal->numbers);
        make_plain(ret_refusal->request_id);
    }
    pawl_arena_free(&reading.arena);
    return good;
}
