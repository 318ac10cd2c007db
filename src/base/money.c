/* SPDX-License-Identifier: Apache-2.0 */
/*
 * money.c: checked sums, and products through 128 bits. The core links this file, also where
 * there is no compiler runtime (wasm32), so 128-bit products and quotients are made here from
 * 64-bit ones: writing them with __int128 would call __multi3 and __udivti3 out of somebody
 * else's library.
 *
 * M1  Every function either gives the exact result (rounded as its name says) or false.
 * M2  A failure leaves ret_* untouched.
 *
 * Arguments have been through the ledger's limits already; a negative price or a divisor
 * of 0 is a bug and asserts.
 */
#include "base/money.h"

#include "base/assert.h"

/* An unsigned 128-bit number. */
struct wide {
    uint64_t high;
    uint64_t low;
};

static const char *const unit_names[PAWL_UNIT_BUILTIN_COUNT] = {
    [PAWL_UNIT_USD_MICROCENTS] = "USD_MICROCENTS",
    [PAWL_UNIT_TOKENS] = "TOKENS",
    [PAWL_UNIT_CREDITS] = "CREDITS",
    [PAWL_UNIT_RISK_POINTS] = "RISK_POINTS",
    [PAWL_UNIT_TOOL_CALLS] = "TOOL_CALLS",
    [PAWL_UNIT_ITERATIONS] = "ITERATIONS",
    [PAWL_UNIT_WALL_CLOCK_MS] = "WALL_CLOCK_MS",
};

const char *pawl_unit_name(uint16_t unit)
{
    return unit < PAWL_UNIT_BUILTIN_COUNT ? unit_names[unit] : NULL;
}

uint16_t pawl_unit_from_name(struct pawl_slice name)
{
    for (int unit = PAWL_UNIT_NONE + 1; unit < PAWL_UNIT_BUILTIN_COUNT; unit++) {
        if (pawl_slice_equal_str(name, unit_names[unit])) {
            return (uint16_t)unit;
        }
    }
    return PAWL_UNIT_NONE;
}

bool pawl_money_add(int64_t a, int64_t b, int64_t *ret_sum)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *ret_sum = sum;
    return true;
}

bool pawl_money_sub(int64_t a, int64_t b, int64_t *ret_difference)
{
    int64_t difference = 0;
    if (__builtin_sub_overflow(a, b, &difference)) {
        return false;
    }
    *ret_difference = difference;
    return true;
}

/* The full product, by 32-bit halves. */
static struct wide multiply(uint64_t a, uint64_t b)
{
    uint64_t a_high = a >> 32;
    uint64_t a_low = a & UINT32_MAX;
    uint64_t b_high = b >> 32;
    uint64_t b_low = b & UINT32_MAX;
    uint64_t low = a_low * b_low;
    uint64_t cross = a_high * b_low + (low >> 32); /* at most (2^32-1)^2 + 2^32-1: fits */
    uint64_t middle = a_low * b_high + (cross & UINT32_MAX);
    return (struct wide){
        .high = a_high * b_high + (cross >> 32) + (middle >> 32),
        .low = (middle << 32) | (low & UINT32_MAX),
    };
}

/* One 32-bit digit of the quotient (Knuth, volume 2, 4.3.1, algorithm D): `rest` and the next
 * digit of the dividend, divided by a divisor whose top bit is set. rest < divisor. */
static uint64_t divide_digit(uint64_t rest, uint64_t next, uint64_t divisor, uint64_t *ret_rest)
{
    uint64_t top = divisor >> 32;
    uint64_t bottom = divisor & UINT32_MAX;
    uint64_t digit = rest / top;
    uint64_t trial = rest % top;
    /* The guess from the top digit alone is at most two too high. */
    while (digit > UINT32_MAX || digit * bottom > ((trial << 32) | next)) {
        digit--;
        trial += top;
        if (trial > UINT32_MAX) {
            break;
        }
    }
    /* Modulo 2^64 on purpose: the true value is below the divisor. */
    *ret_rest = ((rest << 32) | next) - digit * divisor;
    return digit;
}

/* dividend / divisor for quotients below 2^64, that is dividend.high < divisor. */
static uint64_t divide(struct wide dividend, uint64_t divisor, uint64_t *ret_remainder)
{
    PAWL_ASSERT(dividend.high < divisor);
    if (dividend.high == 0) {
        *ret_remainder = dividend.low % divisor;
        return dividend.low / divisor;
    }
    /* dividend.high > 0 makes the divisor at least 2; the shift is 0 .. 62. */
    unsigned shift = (unsigned)__builtin_clzll(divisor);
    uint64_t scaled = divisor << shift;
    uint64_t high = dividend.high << shift;
    if (shift > 0) {
        high |= dividend.low >> (64 - shift);
    }
    uint64_t low = dividend.low << shift;
    uint64_t rest = 0;
    uint64_t first = divide_digit(high, low >> 32, scaled, &rest);
    uint64_t second = divide_digit(rest, low & UINT32_MAX, scaled, &rest);
    *ret_remainder = rest >> shift;
    return (first << 32) | second;
}

/* floor(a * b / d) and the remainder. false when the quotient does not fit an int64. */
static bool mul_div(int64_t a, int64_t b, int64_t d, int64_t *ret_value, bool *ret_inexact)
{
    PAWL_ASSERT(a >= 0 && b >= 0);
    PAWL_ASSERT(d > 0);
    struct wide product = multiply((uint64_t)a, (uint64_t)b);
    if (product.high >= (uint64_t)d) {
        return false;
    }
    uint64_t remainder = 0;
    uint64_t quotient = divide(product, (uint64_t)d, &remainder);
    if (quotient > INT64_MAX) {
        return false;
    }
    *ret_value = (int64_t)quotient;
    *ret_inexact = remainder > 0;
    return true;
}

bool pawl_money_mul_div_floor(int64_t a, int64_t b, int64_t d, int64_t *ret_value)
{
    bool inexact = false;
    return mul_div(a, b, d, ret_value, &inexact);
}

bool pawl_money_mul_div_ceil(int64_t a, int64_t b, int64_t d, int64_t *ret_value)
{
    int64_t value = 0;
    bool inexact = false;
    if (!mul_div(a, b, d, &value, &inexact) || (inexact && value == INT64_MAX)) {
        return false;
    }
    *ret_value = value + inexact;
    return true;
}

bool pawl_money_cost_ceil(int64_t tokens,
                          int64_t price_microcents_per_mtok,
                          int64_t *ret_microcents)
{
    return pawl_money_mul_div_ceil(tokens, price_microcents_per_mtok, PAWL_TOKENS_PER_PRICE,
                                   ret_microcents);
}

int64_t pawl_money_tokens_floor(int64_t microcents, int64_t price_microcents_per_mtok)
{
    PAWL_ASSERT(microcents >= 0 && price_microcents_per_mtok >= 0);
    int64_t tokens = INT64_MAX;
    if (price_microcents_per_mtok > 0 &&
        !pawl_money_mul_div_floor(microcents, PAWL_TOKENS_PER_PRICE, price_microcents_per_mtok,
                                  &tokens)) {
        tokens = INT64_MAX;
    }
    return tokens;
}

static int wide_compare(struct wide a, struct wide b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    return (a.low > b.low) - (a.low < b.low);
}

int pawl_money_ratio_compare(int64_t a, int64_t b, int64_t c, int64_t d)
{
    PAWL_ASSERT(b > 0 && d > 0);
    if ((a < 0) != (c < 0)) {
        return a < 0 ? -1 : 1;
    }
    struct wide left = multiply(pawl_money_magnitude(a), (uint64_t)d);
    struct wide right = multiply(pawl_money_magnitude(c), (uint64_t)b);
    return a < 0 ? wide_compare(right, left) : wide_compare(left, right);
}
