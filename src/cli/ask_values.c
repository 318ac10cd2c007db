/* SPDX-License-Identifier: Apache-2.0 */
/* ask_values.c: see ask_values.h; subjects and scopes are in ask_subject.c. */
#define _GNU_SOURCE
#include "cli/ask_values.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

const char *pawl_ask_option_name(const struct pawl_cli_call *call, int option)
{
    for (size_t i = 0; i < call->command->option_count; i++) {
        if (call->command->options[i].id == option) {
            return call->command->options[i].name;
        }
    }
    return "";
}

/* "a, b or c" of "a|b|c", in small letters, as they are typed. */
static const char *
choices(struct pawl_slice words, bool upper, char out[static PAWL_ASK_CELL_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    while (!pawl_slice_empty(words) && used < PAWL_ASK_CELL_BYTES) {
        struct pawl_slice word = pawl_slice_cut(&words, '|');
        const char *comma = used == 0 ? "" : pawl_slice_empty(words) ? " or " : ", ";
        used += (size_t)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, "%s%.*s", comma,
                                 (int)word.bytes, word.data);
    }
    for (char *c = out; upper && *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return out;
}

/* The protocol's words have underscores where people may type a dash. */
static bool same_word(struct pawl_slice word, const char *text)
{
    if (strlen(text) != word.bytes) {
        return false;
    }
    for (size_t i = 0; i < word.bytes; i++) {
        int typed = text[i] == '-' ? '_' : tolower((unsigned char)text[i]);
        if (typed != tolower((unsigned char)word.data[i])) {
            return false;
        }
    }
    return true;
}

int pawl_ask_take_word(const struct pawl_cli_call *call,
                       int option,
                       const char *words,
                       char out[static PAWL_ASK_CELL_BYTES],
                       const char **ret_word)
{
    const char *text = pawl_cli_value(call, option);
    struct pawl_slice rest = pawl_slice_str(words);
    *ret_word = NULL;
    if (text == NULL) {
        return PAWL_CLI_GO_ON;
    }
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice word = pawl_slice_cut(&rest, '|');
        if (same_word(word, text)) {
            (void)pawl_slice_copy_str(word, out, PAWL_ASK_CELL_BYTES);
            *ret_word = out;
            return PAWL_CLI_GO_ON;
        }
    }
    return pawl_cli_usage_error(call, "--%s takes %s, not '%s'", pawl_ask_option_name(call, option),
                                choices(pawl_slice_str(words), true, out), text);
}

int pawl_ask_want_texts(const struct pawl_cli_call *call, int option)
{
    for (size_t i = 0; i < call->given_count; i++) {
        const struct pawl_cli_given *given = &call->given[i];
        if (given->option->id == option && given->value[0] == '\0') {
            return pawl_cli_usage_error(call, "--%s is empty: leave it out where nothing is meant",
                                        given->option->name);
        }
    }
    return PAWL_CLI_GO_ON;
}

int pawl_ask_take_overage(const struct pawl_cli_call *call, int option, const char **ret_word)
{
    static const struct {
        const char *shown;
        const char *word;
    } rows[] = {{"reject", "REJECT"},
                {"available", "ALLOW_IF_AVAILABLE"},
                {"overdraft", "ALLOW_WITH_OVERDRAFT"}};
    const char *text = pawl_cli_value(call, option);
    *ret_word = NULL;
    for (size_t i = 0; text != NULL && i < PAWL_ARRAY_LEN(rows); i++) {
        if (strcasecmp(text, rows[i].shown) == 0 || strcasecmp(text, rows[i].word) == 0) {
            *ret_word = rows[i].word;
        }
    }
    return text == NULL || *ret_word != NULL
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call,
                                      "--%s takes reject (a commit above the hold is refused), "
                                      "available (it is charged as far as there is something) or "
                                      "overdraft (the rest becomes debt), not '%s'",
                                      pawl_ask_option_name(call, option), text);
}

int pawl_ask_take_ms(const struct pawl_cli_call *call, int option, int64_t *ret_ms)
{
    const char *text = pawl_cli_value(call, option);
    *ret_ms = -1;
    return text == NULL || pawl_duration_parse_ms(text, ret_ms)
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "--%s takes a time such as 90s, 30m or 2h, not '%s'",
                                      pawl_ask_option_name(call, option), text);
}

int pawl_ask_take_count(const struct pawl_cli_call *call, int option, int64_t *ret_count)
{
    const char *text = pawl_cli_value(call, option);
    *ret_count = -1;
    return text == NULL || pawl_money_parse_count(pawl_slice_str(text), ret_count)
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "--%s takes a whole number, not '%s'",
                                      pawl_ask_option_name(call, option), text);
}

/* "2026-12-31" is the midnight with which that day begins, here. */
static bool date_us(const char *text, int64_t *ret_us)
{
    struct tm parts = {.tm_isdst = -1};
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    if (rest == NULL || *rest != '\0') {
        return false;
    }
    parts.tm_isdst = -1;
    *ret_us = (int64_t)mktime(&parts) * PAWL_US_PER_SECOND;
    return true;
}

static bool is_whole_time(const char *text)
{
    struct tm parts;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest != NULL && *rest == '.') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    return rest != NULL && (strcmp(rest, "Z") == 0 ||
                            ((*rest == '+' || *rest == '-') && strlen(rest) == strlen("+00:00")));
}

int pawl_ask_take_time(const struct pawl_cli_call *call,
                       int option,
                       bool back,
                       char out[static PAWL_ASK_CELL_BYTES],
                       const char **ret_time)
{
    char utc[PAWL_CLOCK_TEXT_BYTES];
    const char *text = pawl_cli_value(call, option);
    int64_t ms = 0;
    int64_t us = 0;
    *ret_time = NULL;
    if (text == NULL) {
        return PAWL_CLI_GO_ON;
    }
    struct pawl_clock clock = pawl_clock_os();
    bool is_length = pawl_duration_parse_ms(text, &ms) && ms <= PAWL_AMOUNT_MAX / PAWL_US_PER_MS;
    bool is_date = !is_length && date_us(text, &us);
    if (is_length) {
        us = clock.real_us(clock.arg) + (back ? -ms : ms) * PAWL_US_PER_MS;
    } else if (!is_date && !is_whole_time(text)) {
        return pawl_cli_usage_error(call,
                                    "--%s takes a length such as 12h or 90d, a date such as "
                                    "2027-01-31, or a time as 2027-01-31T12:00:00Z, not '%s'",
                                    pawl_ask_option_name(call, option), text);
    }
    const char *told = is_length || is_date ? pawl_clock_format_utc(us, utc) : text;
    (void)pawl_slice_copy_str(pawl_slice_str(told), out, PAWL_ASK_CELL_BYTES);
    *ret_time = out;
    return PAWL_CLI_GO_ON;
}

/* --- Amounts --------------------------------------------------------------------------------- */

static int take_text(const struct pawl_cli_call *call,
                     const char *option,
                     uint16_t unit,
                     const char *text,
                     int64_t *ret_amount)
{
    struct pawl_slice slice = pawl_slice_str(text);
    bool dollars = unit == PAWL_UNIT_USD_MICROCENTS;
    bool good = dollars ? pawl_money_parse_usd(slice, ret_amount)
                        : pawl_money_parse_count(slice, ret_amount);
    return good ? PAWL_CLI_GO_ON
                : pawl_cli_usage_error(call, "--%s takes %s, not '%s'", option,
                                       dollars
                                           ? "dollars, such as 20 or 12.50, 90,071,992.54 at most"
                                           : "a whole number, such as 500 or 10M, "
                                             "9,007,199,254,740,991 at most",
                                       text);
}

int pawl_ask_take_amount(const struct pawl_cli_call *call, struct pawl_amount *ret_amount)
{
    static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_CREDITS,
                                     PAWL_UNIT_RISK_POINTS};
    *ret_amount = (struct pawl_amount){.unit = PAWL_UNIT_NONE};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        int option = PAWL_ASK_USD + (int)i;
        const char *text = pawl_cli_value(call, option);
        if (text == NULL) {
            continue;
        }
        if (ret_amount->unit != PAWL_UNIT_NONE) {
            return pawl_cli_usage_error(call, "one amount, in one unit");
        }
        ret_amount->unit = units[i];
        int status =
            take_text(call, pawl_ask_option_name(call, option), units[i], text, &ret_amount->value);
        if (status != PAWL_CLI_GO_ON) {
            return status;
        }
    }
    return ret_amount->unit != PAWL_UNIT_NONE
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "say how much: --usd, --tokens, --credits or "
                                            "--risk-points");
}

int pawl_ask_take_amount_of(const struct pawl_cli_call *call,
                            int option,
                            uint16_t unit,
                            int64_t *ret_amount)
{
    const char *text = pawl_cli_value(call, option);
    *ret_amount = -1;
    return text == NULL
               ? PAWL_CLI_GO_ON
               : take_text(call, pawl_ask_option_name(call, option), unit, text, ret_amount);
}

int pawl_ask_take_unit(const struct pawl_cli_call *call, uint16_t *ret_unit)
{
    static const struct {
        const char *word;
        uint16_t unit;
    } rows[] = {{"usd", PAWL_UNIT_USD_MICROCENTS},
                {"dollars", PAWL_UNIT_USD_MICROCENTS},
                {"usd_microcents", PAWL_UNIT_USD_MICROCENTS},
                {"tokens", PAWL_UNIT_TOKENS},
                {"credits", PAWL_UNIT_CREDITS},
                {"risk_points", PAWL_UNIT_RISK_POINTS}};
    const char *text = pawl_cli_value(call, PAWL_ASK_UNIT);
    *ret_unit = PAWL_UNIT_NONE;
    for (size_t i = 0; text != NULL && i < PAWL_ARRAY_LEN(rows); i++) {
        if (same_word(pawl_slice_str(rows[i].word), text)) {
            *ret_unit = rows[i].unit;
        }
    }
    return text == NULL || *ret_unit != PAWL_UNIT_NONE
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(
                     call, "--unit takes usd, tokens, credits or risk-points, not '%s'", text);
}

void pawl_ask_put_amount(struct pawl_ask *ask, const char *key, struct pawl_amount amount)
{
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, key);
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "unit", pawl_unit_name(amount.unit));
    pawl_json_member_i64(json, "amount", amount.value);
    pawl_json_object_end(json);
}
