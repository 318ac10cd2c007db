/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_token.c: the smallest pieces of a JSON text. Strings are nearly all of a body's bytes
 * (prompts, base64 images), so their plain stretches are passed sixteen bytes at a time, and eight
 * at a time near the end or where the compiler knows no such registers; what is not plain (a quote,
 * a backslash, a control character, a byte of UTF-8) goes one by one. Nothing is copied or decoded
 * here; a token is checked and stepped over.
 *
 * What LEDGER and BODY refuse beyond the grammar is refused here as well: lone surrogates, NUL, and
 * under LEDGER numbers that are not plain integers of the exact range.
 */
#include "base/json_priv.h"

#include "base/money.h"
#include "base/percent.h"
#include "base/utf8.h"

bool pawl_json_scan_fail(struct pawl_json_scan *scan,
                         enum pawl_json_error error,
                         const unsigned char *at)
{
    scan->error = error;
    scan->at = at;
    return false;
}

/* Fails at `at`, which is either the end of the text or a byte that does not belong there. */
static bool fail_at(struct pawl_json_scan *scan, const unsigned char *at)
{
    return pawl_json_scan_fail(scan, at == scan->end ? PAWL_JSON_TRUNCATED : PAWL_JSON_SYNTAX, at);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Steps over words of plain bytes, and to the first other one where a word has any. */
static const unsigned char *skip_words(const unsigned char *at, const unsigned char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof(word));
        uint64_t hits = pawl_json_not_plain(word);
        if (hits != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + __builtin_ctzll(hits) / 8;
#else
            return at;
#endif
        }
    }
    return at;
}

#if defined(__SSE2__)

/* The same by blocks of sixteen, and what is left by words. */
static const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end)
{
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const void *)at);
        int mask = _mm_movemask_epi8(pawl_json_not_plain_block(block));
        if (mask != 0) {
            return at + __builtin_ctz((unsigned)mask);
        }
    }
    return skip_words(at, end);
}

#else

static const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end)
{
    return skip_words(at, end);
}

#endif

static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    at = skip_blocks(at, end);
    while (at < end && is_plain(*at)) {
        at++;
    }
    return at;
}

size_t pawl_json_plain_bytes(struct pawl_slice text)
{
    if (text.bytes == 0) {
        return 0;
    }
    const unsigned char *start = (const unsigned char *)text.data;
    return (size_t)(skip_plain(start, start + text.bytes) - start);
}

static struct pawl_slice rest_of(const unsigned char *at, const unsigned char *end)
{
    return pawl_slice_of((const char *)at, (size_t)(end - at));
}

/* The four digits of a \u escape whose backslash is at `at`. */
static bool scan_unit(struct pawl_json_scan *scan, const unsigned char *at, uint32_t *ret_unit)
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
    return true;
}

/* A \u escape outside FORWARD: not NUL, and a surrogate only as half of a pair. */
static bool scan_unicode_strict(struct pawl_json_scan *scan, uint32_t unit)
{
    const unsigned char *start = scan->at;
    if (unit == 0) {
        return pawl_json_scan_fail(scan, PAWL_JSON_NUL, start);
    }
    scan->at = start + 6;
    if (unit < 0xd800 || unit > 0xdfff) {
        return true;
    }
    uint32_t second = 0;
    bool followed =
        unit < 0xdc00 && scan->end - scan->at >= 2 && scan->at[0] == '\\' && scan->at[1] == 'u';
    if (followed && !scan_unit(scan, scan->at, &second)) {
        return false;
    }
    if (second < 0xdc00 || second > 0xdfff) {
        return pawl_json_scan_fail(scan, PAWL_JSON_SURROGATE, start);
    }
    scan->at += 6;
    return true;
}

/* `at` is on a backslash. */
static bool scan_escape(struct pawl_json_scan *scan)
{
    if (scan->end - scan->at < 2) {
        return pawl_json_scan_fail(scan, PAWL_JSON_TRUNCATED, scan->end);
    }
    switch (scan->at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        scan->at += 2;
        return true;
    case 'u': {
        uint32_t unit = 0;
        if (!scan_unit(scan, scan->at, &unit)) {
            return false;
        }
        if (scan->profile != PAWL_JSON_FORWARD) {
            return scan_unicode_strict(scan, unit);
        }
        scan->at += 6;
        return true;
    }
    default:
        return pawl_json_scan_fail(scan, PAWL_JSON_ESCAPE, scan->at);
    }
}

/* `at` is on a byte beyond ASCII: steps over all characters up to the next byte of ASCII. Where
 * there is one there are usually more. */
static bool scan_characters(struct pawl_json_scan *scan)
{
    while (scan->at < scan->end && *scan->at >= 0x80) {
        size_t length = pawl_utf8_length(rest_of(scan->at, scan->end));
        if (length == 0) {
            return pawl_json_scan_fail(scan, PAWL_JSON_UTF8, scan->at);
        }
        scan->at += length;
    }
    return true;
}

bool pawl_json_scan_string(struct pawl_json_scan *scan, bool *ret_escaped)
{
    bool escaped = false;
    scan->at++;
    for (;;) {
        scan->at = skip_plain(scan->at, scan->end);
        if (scan->at == scan->end) {
            return pawl_json_scan_fail(scan, PAWL_JSON_TRUNCATED, scan->end);
        }
        unsigned char byte = *scan->at;
        if (byte == '"') {
            scan->at++;
            *ret_escaped = escaped;
            return true;
        }
        if (byte == '\\') {
            escaped = true;
            if (!scan_escape(scan)) {
                return false;
            }
        } else if (byte < 0x20) {
            return pawl_json_scan_fail(scan, PAWL_JSON_CONTROL, scan->at);
        } else {
            if (!scan_characters(scan)) {
                return false;
            }
        }
    }
}

static const unsigned char *skip_digits(const unsigned char *at, const unsigned char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* Digits of an integer without leading zeros, at most PAWL_AMOUNT_MAX. */
static bool in_range(const unsigned char *at, const unsigned char *end)
{
    uint64_t value = 0;
    return pawl_slice_to_u64(rest_of(at, end), &value) && value <= (uint64_t)PAWL_AMOUNT_MAX;
}

bool pawl_json_scan_number(struct pawl_json_scan *scan)
{
    const unsigned char *start = scan->at;
    const unsigned char *end = scan->end;
    const unsigned char *digits = start + (*start == '-');
    const unsigned char *at = skip_digits(digits, end);
    if (at == digits) {
        return fail_at(scan, at);
    }
    if (*digits == '0' && at - digits > 1) {
        return pawl_json_scan_fail(scan, PAWL_JSON_SYNTAX, digits + 1);
    }
    const unsigned char *whole_end = at;
    if (at < end && *at == '.') {
        const unsigned char *fraction = at + 1;
        at = skip_digits(fraction, end);
        if (at == fraction) {
            return fail_at(scan, at);
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const unsigned char *exponent = at;
        at = skip_digits(exponent, end);
        if (at == exponent) {
            return fail_at(scan, at);
        }
    }
    if (scan->profile == PAWL_JSON_LEDGER) {
        bool minus_zero = digits > start && *digits == '0';
        if (at != whole_end || minus_zero) {
            return pawl_json_scan_fail(scan, PAWL_JSON_NOT_INTEGER, start);
        }
        if (!in_range(digits, whole_end)) {
            return pawl_json_scan_fail(scan, PAWL_JSON_RANGE, start);
        }
    }
    scan->at = at;
    return true;
}

bool pawl_json_scan_word(struct pawl_json_scan *scan, struct pawl_slice word)
{
    for (size_t i = 0; i < word.bytes; i++) {
        if (scan->at == scan->end || *scan->at != (unsigned char)word.data[i]) {
            return fail_at(scan, scan->at);
        }
        scan->at++;
    }
    return true;
}
