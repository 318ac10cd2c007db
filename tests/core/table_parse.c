/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_parse.c: lines into words, words into numbers. It shares no code with the core, so that a
 * date or an amount that both get wrong would have to be got wrong twice.
 */
#include <inttypes.h>
#include <string.h>

#include "base/attrs.h"
#include "base/money.h"

#include "table.h"

/* --- Steps. ----------------------------------------------------------------------------------- */

static struct table_word word_parse(struct pawl_slice text)
{
    struct table_word word = {.key = text};
    size_t equals = pawl_slice_find_byte(text, '=');
    if (equals != SIZE_MAX) {
        word.key = pawl_slice_sub(text, 0, equals);
        word.value = pawl_slice_sub(text, equals + 1, text.bytes);
        word.has_value = true;
    }
    return word;
}

bool table_step_parse(struct pawl_slice line, int number, struct table_step *ret_step)
{
    memset(ret_step, 0, sizeof(*ret_step));
    ret_step->line = number;
    ret_step->text = pawl_slice_trim(line);
    struct pawl_slice rest = line;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice text = pawl_slice_trim(pawl_slice_cut(&rest, ' '));
        if (pawl_slice_empty(text)) {
            continue;
        }
        if (text.data[0] == '#') {
            break; /* a comment */
        }
        if (pawl_slice_equal_str(text, "->")) {
            ret_step->expects = true;
        } else if (ret_step->expects && ret_step->expect_count < TABLE_WORDS_MAX) {
            ret_step->expected[ret_step->expect_count] = word_parse(text);
            ret_step->expect_count++;
        } else if (!ret_step->expects && ret_step->word_count < TABLE_WORDS_MAX) {
            ret_step->words[ret_step->word_count] = word_parse(text);
            ret_step->word_count++;
        }
    }
    return ret_step->word_count > 0;
}

const struct table_word *table_find(const struct table_step *step, const char *key)
{
    for (uint32_t i = 1; i < step->word_count; i++) {
        if (step->words[i].has_value && pawl_slice_equal_str(step->words[i].key, key)) {
            return &step->words[i];
        }
    }
    return NULL;
}

/* --- Units and amounts. ----------------------------------------------------------------------- */

static const char *const unit_names[PAWL_UNIT_BUILTIN_COUNT] = {
    [PAWL_UNIT_USD_MICROCENTS] = "usd",  [PAWL_UNIT_TOKENS] = "tokens",
    [PAWL_UNIT_CREDITS] = "credits",     [PAWL_UNIT_RISK_POINTS] = "risk",
    [PAWL_UNIT_TOOL_CALLS] = "calls",    [PAWL_UNIT_ITERATIONS] = "iter",
    [PAWL_UNIT_WALL_CLOCK_MS] = "clock",
};

bool table_unit(struct pawl_slice text, uint16_t *ret_unit)
{
    for (uint32_t unit = 1; unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
        if (pawl_slice_equal_str(text, unit_names[unit])) {
            *ret_unit = (uint16_t)unit;
            return true;
        }
    }
    uint64_t number = 0;
    if (pawl_slice_starts_with(text, PAWL_SLICE("unit")) &&
        pawl_slice_to_u64(pawl_slice_sub(text, 4, text.bytes), &number) &&
        number <= PAWL_UNIT_MAX) {
        *ret_unit = (uint16_t)number;
        return true;
    }
    return false;
}

const char *table_unit_name(uint16_t unit, char out[static 16])
{
    if (unit > 0 && unit < PAWL_UNIT_BUILTIN_COUNT) {
        return unit_names[unit];
    }
    (void)snprintf(out, 16, "unit%u", unit);
    return out;
}

/* An integer with at most `decimals` digits behind the point, times 10^decimals. */
static bool decimal_parse(struct pawl_slice text, unsigned decimals, int64_t *ret_value)
{
    bool negative = text.bytes > 0 && text.data[0] == '-';
    struct pawl_slice fraction = negative ? pawl_slice_sub(text, 1, text.bytes) : text;
    struct pawl_slice whole = pawl_slice_cut(&fraction, '.');
    uint64_t value = 0;
    if (!pawl_slice_to_u64(whole, &value) || fraction.bytes > decimals) {
        return false;
    }
    for (unsigned i = 0; i < decimals; i++) {
        unsigned digit = 0;
        if (i < fraction.bytes) {
            if (fraction.data[i] < '0' || fraction.data[i] > '9') {
                return false;
            }
            digit = (unsigned)(fraction.data[i] - '0');
        }
        value = value * 10 + digit;
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return value <= INT64_MAX;
}

bool table_amount(uint16_t unit, struct pawl_slice text, int64_t *ret_value)
{
    if (pawl_slice_equal_str(text, "over")) {
        *ret_value = PAWL_AMOUNT_MAX + 1;
        return true;
    }
    if (pawl_slice_starts_with(text, PAWL_SLICE("max"))) {
        int64_t less = 0;
        struct pawl_slice rest = pawl_slice_sub(text, 3, text.bytes);
        if (!pawl_slice_empty(rest) && !decimal_parse(rest, 0, &less)) {
            return false;
        }
        *ret_value = PAWL_AMOUNT_MAX + less; /* "max-3" */
        return true;
    }
    if (unit == PAWL_UNIT_WALL_CLOCK_MS) {
        int64_t us = 0;
        bool ok = table_duration_us(text, &us);
        *ret_value = us / 1000;
        return ok;
    }
    return decimal_parse(text, unit == PAWL_UNIT_USD_MICROCENTS ? 8 : 0, ret_value);
}

void table_amount_print(uint16_t unit, int64_t value, char out[static 32])
{
    if (unit == PAWL_UNIT_USD_MICROCENTS) {
        char text[PAWL_MONEY_TEXT_BYTES];
        (void)snprintf(out, 32, "%.31s", pawl_money_format_usd(value, text));
    } else {
        (void)snprintf(out, 32, "%" PRId64 "%s", value,
                       unit == PAWL_UNIT_WALL_CLOCK_MS ? "ms" : "");
    }
}

/* --- Times. ----------------------------------------------------------------------------------- */

bool table_duration_us(struct pawl_slice text, int64_t *ret_us)
{
    static const struct {
        const char *suffix;
        int64_t us;
    } suffixes[] = {
        {"us", 1},       {"ms", 1000},      {"s", 1000000},
        {"m", 60000000}, {"h", 3600000000}, {"d", 86400000000},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(suffixes); i++) {
        struct pawl_slice suffix = pawl_slice_str(suffixes[i].suffix);
        int64_t count = 0;
        if (pawl_slice_ends_with(text, suffix) &&
            decimal_parse(pawl_slice_sub(text, 0, text.bytes - suffix.bytes), 0, &count)) {
            *ret_us = count * suffixes[i].us;
            return true;
        }
    }
    return false;
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static const unsigned month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Days since 1970-01-01, counted one year and one month after the other. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t days = day - 1;
    for (int64_t y = 1970; y < year; y++) {
        days += leap(y) ? 366 : 365;
    }
    for (int64_t m = 1; m < month; m++) {
        days += month_days[m - 1] + (m == 2 && leap(year) ? 1 : 0);
    }
    return days;
}

bool table_time_us(struct pawl_slice text, int64_t *ret_us)
{
    static const char form[] = "0000-00-00T00:00:00";
    if (pawl_slice_equal_str(text, "never")) {
        *ret_us = INT64_MAX;
        return true;
    }
    if (pawl_slice_equal_str(text, "0")) {
        *ret_us = 0;
        return true;
    }
    int64_t fields[6] = {0};
    size_t field = 0;
    if (text.bytes < sizeof(form) || text.data[text.bytes - 1] != 'Z') {
        return false;
    }
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        char byte = text.data[i];
        if (form[i] != '0') {
            field++;
        } else if (byte >= '0' && byte <= '9') {
            fields[field] = fields[field] * 10 + (byte - '0');
        }
        if (form[i] == '0' ? byte < '0' || byte > '9' : byte != form[i]) {
            return false;
        }
    }
    int64_t fraction_us = 0;
    if (text.bytes > sizeof(form)) {
        struct pawl_slice fraction = pawl_slice_sub(text, sizeof(form), text.bytes);
        fraction.bytes--; /* the Z */
        char padded[16];
        (void)snprintf(padded, sizeof(padded), "0.%.*s", (int)fraction.bytes, fraction.data);
        if (!decimal_parse(pawl_slice_str(padded), 6, &fraction_us)) {
            return false;
        }
    }
    int64_t days = days_of(fields[0], fields[1], fields[2]);
    int64_t seconds = ((days * 24 + fields[3]) * 60 + fields[4]) * 60 + fields[5];
    *ret_us = seconds * 1000000 + fraction_us;
    return true;
}

void table_time_print(int64_t time_us, char out[static 40])
{
    if (time_us == INT64_MAX || time_us <= 0) {
        (void)snprintf(out, 40, "%s", time_us == INT64_MAX ? "never" : "0");
        return;
    }
    int64_t seconds = time_us / 1000000;
    int64_t days = seconds / 86400;
    int64_t year = 1970;
    while (days >= days_of(year + 1, 1, 1)) {
        year++;
    }
    int64_t month = 1;
    while (month < 12 && days >= days_of(year, month + 1, 1)) {
        month++;
    }
    (void)snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int)year % 10000,
                   (int)month % 100, (int)(days - days_of(year, month, 1)) % 100 + 1,
                   (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60), (int)(seconds % 60),
                   (int)(time_us % 1000000));
}
