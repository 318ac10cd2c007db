/* SPDX-License-Identifier: Apache-2.0 */
/*
 * money_text.c: amounts as people write and read them. Decimal text goes straight to
 * integers and back: no strtod, no printf of a fraction, no locale. What is not exact is
 * refused rather than rounded on the way in; only the short form for tables rounds on the
 * way out.
 */
#include "base/money.h"

#include "base/assert.h"

enum { USD_DECIMALS = 8, USD_SHORT_DECIMALS = 4, USD_DECIMALS_MIN = 2 };

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* value * 10 + digit within 0 .. PAWL_AMOUNT_MAX. */
static bool push_digit(int64_t *value, int64_t digit)
{
    if (*value > (PAWL_AMOUNT_MAX - digit) / 10) {
        return false;
    }
    *value = *value * 10 + digit;
    return true;
}

/* "digits" or "digits.digits" times 10^decimals, exactly. Further decimals must be zero if
 * `zeros_allowed`, else must not be there. */
static bool
parse_decimal(struct pawl_slice text, unsigned decimals, bool zeros_allowed, int64_t *ret_value)
{
    struct pawl_slice fraction = text;
    struct pawl_slice whole = pawl_slice_cut(&fraction, '.');
    bool has_point = whole.bytes < text.bytes;
    if (whole.bytes == 0 || (has_point && fraction.bytes == 0)) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i < whole.bytes; i++) {
        if (!is_digit(whole.data[i]) || !push_digit(&value, whole.data[i] - '0')) {
            return false;
        }
    }
    for (size_t i = 0; i < fraction.bytes || i < decimals; i++) {
        char byte = i < fraction.bytes ? fraction.data[i] : '0';
        if (!is_digit(byte)) {
            return false;
        }
        if (i >= decimals) {
            if (byte != '0' || !zeros_allowed) {
                return false;
            }
        } else if (!push_digit(&value, byte - '0')) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

bool pawl_money_parse_usd(struct pawl_slice text, int64_t *ret_microcents)
{
    struct pawl_slice digits = text;
    if (digits.bytes > 0 && digits.data[0] == '$') {
        digits = pawl_slice_sub(digits, 1, SIZE_MAX);
    }
    return parse_decimal(digits, USD_DECIMALS, false, ret_microcents);
}

bool pawl_money_parse_count(struct pawl_slice text, int64_t *ret_count)
{
    unsigned decimals = 0;
    struct pawl_slice digits = text;
    if (text.bytes > 0) {
        switch (text.data[text.bytes - 1]) {
        case 'k':
        case 'K':
            decimals = 3;
            break;
        case 'm':
        case 'M':
            decimals = 6;
            break;
        case 'g':
        case 'G':
            decimals = 9;
            break;
        default:
            break;
        }
    }
    if (decimals > 0) {
        digits.bytes--;
    }
    return parse_decimal(digits, decimals, true, ret_count);
}

/* Text is written backwards, from the end of a scratch buffer; `finish` moves it. */
struct backwards {
    char text[PAWL_MONEY_TEXT_BYTES];
    size_t start;
};

static void prepend(struct backwards *writer, char byte)
{
    PAWL_ASSERT(writer->start > 0);
    writer->text[--writer->start] = byte;
}

static const char *finish(const struct backwards *writer, char *out)
{
    size_t bytes = sizeof(writer->text) - writer->start;
    memcpy(out, writer->text + writer->start, bytes);
    return out;
}

static struct backwards begin(void)
{
    struct backwards writer = {.start = PAWL_MONEY_TEXT_BYTES};
    prepend(&writer, '\0');
    return writer;
}

/* `value` counts units of 10^-decimals dollars. */
static const char *format_dollars(uint64_t value, unsigned decimals, bool negative, char *out)
{
    struct backwards writer = begin();
    bool started = false;
    for (unsigned left = decimals; left > 0; left--) {
        char digit = (char)('0' + value % 10);
        value /= 10;
        started = started || digit != '0' || left <= USD_DECIMALS_MIN;
        if (started) {
            prepend(&writer, digit);
        }
    }
    prepend(&writer, '.');
    do {
        prepend(&writer, (char)('0' + value % 10));
        value /= 10;
    } while (value > 0);
    prepend(&writer, '$');
    if (negative) {
        prepend(&writer, '-');
    }
    return finish(&writer, out);
}

const char *pawl_money_format_usd(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES])
{
    return format_dollars(pawl_money_magnitude(microcents), USD_DECIMALS, microcents < 0, out);
}

const char *pawl_money_format_usd_short(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES])
{
    uint64_t value = pawl_money_magnitude(microcents);
    uint64_t rounded = value / 10000 + (value % 10000 >= 5000);
    /* What rounds to nothing has no sign: "-$0.00" would look like a debt. */
    return format_dollars(rounded, USD_SHORT_DECIMALS, microcents < 0 && rounded > 0, out);
}

const char *pawl_money_format_count(int64_t count, char out[static PAWL_MONEY_TEXT_BYTES])
{
    struct backwards writer = begin();
    uint64_t value = pawl_money_magnitude(count);
    unsigned digits = 0;
    do {
        if (digits > 0 && digits % 3 == 0) {
            prepend(&writer, ',');
        }
        prepend(&writer, (char)('0' + value % 10));
        value /= 10;
        digits++;
    } while (value > 0);
    if (count < 0) {
        prepend(&writer, '-');
    }
    return finish(&writer, out);
}
