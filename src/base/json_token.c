/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_token.c: the smallest pieces of a JSON text. Nothing is copied or decoded here; a token is
 * checked and stepped over. Plain stretches of strings are passed in blocks (json_plain.h); what is
 * not plain (a quote, a backslash, a control character, a byte of UTF-8) goes one by one.
 *
 * What LEDGER refuses beyond the grammar is refused here as well: lone surrogates, NUL, and numbers
 * that are not plain integers of the exact range.
 */
#include "base/json_plain.h"
#include "base/json_priv.h"
#include "base/money.h"
#include "base/percent.h"
#include "base/utf8.h"

const unsigned char *pawl_json_scan_fail(struct pawl_json_scan *scan,
                                         enum pawl_json_error error,
                                         const unsigned char *at)
{
    scan->error = error;
    scan->error_at = at;
    return NULL;
}

const unsigned char *pawl_json_scan_fail_at(struct pawl_json_scan *scan, const unsigned char *at)
{
    return pawl_json_scan_fail(scan, at == scan->end ? PAWL_JSON_TRUNCATED : PAWL_JSON_SYNTAX, at);
}

size_t pawl_json_plain_bytes(struct pawl_slice text)
{
    if (text.bytes == 0) {
        return 0;
    }
    const unsigned char *start = (const unsigned char *)text.data;
    return (size_t)(pawl_json_skip_plain(start, start + text.bytes) - start);
}

static struct pawl_slice rest_of(const unsigned char *at, const unsigned char *end)
{
    return pawl_slice_of((const char *)at, (size_t)(end - at));
}

/* The four digits of a \u escape whose backslash is at `at`. Gives what is behind them. */
static const unsigned char *
scan_unit(struct pawl_json_scan *scan, const unsigned char *at, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        if (scan->end - at <= i) {
            return pawl_json_scan_fail(scan, PAWL_JSON_TRUNCATED, scan->end);
        }
        int digit = pawl_hex_digit((char)at[i]);
        if (digit < 0) {
            return pawl_json_scan_fail(scan, PAWL_JSON_ESCAPE, at);
        }
        unit = unit * 16 + (uint32_t)digit;
    }
    *ret_unit = unit;
    return at + 6;
}

/* A \u escape. Under LEDGER it is not NUL, and a surrogate only as half of a pair. */
static const unsigned char *scan_unicode(struct pawl_json_scan *scan, const unsigned char *start)
{
    uint32_t unit = 0;
    uint32_t second = 0;
    const unsigned char *at = scan_unit(scan, start, &unit);
    if (at == NULL || scan->profile != PAWL_JSON_LEDGER) {
        return at;
    }
    if (unit == 0) {
        return pawl_json_scan_fail(scan, PAWL_JSON_NUL, start);
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return at;
    }
    if (unit < 0xdc00 && scan->end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
        at = scan_unit(scan, at, &second);
        if (at == NULL) {
            return NULL;
        }
    }
    if (second < 0xdc00 || second > 0xdfff) {
        return pawl_json_scan_fail(scan, PAWL_JSON_SURROGATE, start);
    }
    return at;
}

/* `at` is on a backslash. */
static const unsigned char *scan_escape(struct pawl_json_scan *scan, const unsigned char *at)
{
    if (scan->end - at < 2) {
        return pawl_json_scan_fail(scan, PAWL_JSON_TRUNCATED, scan->end);
    }
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return scan_unicode(scan, at);
    default:
        return pawl_json_scan_fail(scan, PAWL_JSON_ESCAPE, at);
    }
}

/* `at` is on a byte beyond ASCII: steps over all characters up to the next byte of ASCII. Where
 * there is one there are usually more. */
static const unsigned char *scan_characters(struct pawl_json_scan *scan, const unsigned char *at)
{
    while (at < scan->end && *at >= 0x80) {
        size_t length = pawl_utf8_length(rest_of(at, scan->end));
        if (length == 0) {
            return pawl_json_scan_fail(scan, PAWL_JSON_UTF8, at);
        }
        at += length;
    }
    return at;
}

const unsigned char *
pawl_json_scan_string(struct pawl_json_scan *scan, const unsigned char *at, bool *ret_escaped)
{
    bool escaped = false;
    while (at != NULL) {
        at = pawl_json_skip_plain(at, scan->end);
        if (at == scan->end) {
            return pawl_json_scan_fail(scan, PAWL_JSON_TRUNCATED, at);
        }
        if (*at == '"') {
            *ret_escaped = escaped;
            return at + 1;
        }
        if (*at == '\\') {
            escaped = true;
            at = scan_escape(scan, at);
        } else if (*at >= 0x80) {
            at = scan_characters(scan, at);
        } else {
            return pawl_json_scan_fail(scan, PAWL_JSON_CONTROL, at);
        }
    }
    return NULL;
}

static const unsigned char *skip_digits(const unsigned char *at, const unsigned char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* What LEDGER refuses of a number from `start` to `end` that begins with an integer up to
 * `whole_end`. */
static const unsigned char *check_ledger(struct pawl_json_scan *scan,
                                         const unsigned char *start,
                                         const unsigned char *whole_end,
                                         const unsigned char *end)
{
    bool negative = *start == '-';
    const unsigned char *digits = start + negative;
    uint64_t value = 0;
    if (end != whole_end || (negative && *digits == '0')) {
        return pawl_json_scan_fail(scan, PAWL_JSON_NOT_INTEGER, start);
    }
    if (!pawl_slice_to_u64(rest_of(digits, whole_end), &value) ||
        value > (uint64_t)PAWL_AMOUNT_MAX) {
        return pawl_json_scan_fail(scan, PAWL_JSON_RANGE, start);
    }
    return end;
}

const unsigned char *pawl_json_scan_number(struct pawl_json_scan *scan, const unsigned char *start)
{
    const unsigned char *end = scan->end;
    const unsigned char *digits = start + (*start == '-');
    const unsigned char *at = skip_digits(digits, end);
    if (at == digits) {
        return pawl_json_scan_fail_at(scan, at);
    }
    if (*digits == '0' && at - digits > 1) {
        return pawl_json_scan_fail(scan, PAWL_JSON_SYNTAX, digits + 1);
    }
    const unsigned char *whole_end = at;
    if (at < end && *at == '.') {
        const unsigned char *fraction = at + 1;
        at = skip_digits(fraction, end);
        if (at == fraction) {
            return pawl_json_scan_fail_at(scan, at);
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const unsigned char *exponent = at;
        at = skip_digits(exponent, end);
        if (at == exponent) {
            return pawl_json_scan_fail_at(scan, at);
        }
    }
    return scan->profile == PAWL_JSON_LEDGER ? check_ledger(scan, start, whole_end, at) : at;
}

const unsigned char *
pawl_json_scan_word(struct pawl_json_scan *scan, const unsigned char *at, struct pawl_slice word)
{
    for (size_t i = 0; i < word.bytes; i++, at++) {
        if (at == scan->end || *at != (unsigned char)word.data[i]) {
            return pawl_json_scan_fail_at(scan, at);
        }
    }
    return at;
}
