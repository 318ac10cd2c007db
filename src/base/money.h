/* SPDX-License-Identifier: Apache-2.0 */
/*
 * money.h: amounts and prices in checked integer arithmetic. No floating point.
 *
 * USD are counted in microcents: 1 USD = 100,000,000 (10^-8 USD each), the unit
 * of the Cycles protocol. An amount that enters the ledger lies in
 * 0 .. 2^53-1, so that every JSON client reads it exactly and the sum of two
 * never overflows int64; balances lie in the same range with a sign.
 *
 * Prices are microcents per million tokens. A cost is rounded up once per line
 * item: ceil(tokens * price / 10^6), the product taken through 128 bits.
 */
#ifndef PAWL_BASE_MONEY_H
#define PAWL_BASE_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

#define PAWL_AMOUNT_MAX         INT64_C(9007199254740991) /* 2^53 - 1 */
#define PAWL_MICROCENTS_PER_USD INT64_C(100000000)
#define PAWL_TOKENS_PER_PRICE   INT64_C(1000000)

__extension__ typedef __int128 pawl_i128;
__extension__ typedef unsigned __int128 pawl_u128;

/* Units are small integers that the journal stores: never renumber. Units above
 * PAWL_UNIT_CUSTOM_FIRST are defined at run time. */
enum pawl_unit {
    PAWL_UNIT_NONE = 0,
    PAWL_UNIT_USD_MICROCENTS = 1,
    PAWL_UNIT_TOKENS = 2,
    PAWL_UNIT_CREDITS = 3,
    PAWL_UNIT_RISK_POINTS = 4,
    PAWL_UNIT_TOOL_CALLS = 5,
    PAWL_UNIT_ITERATIONS = 6,
    PAWL_UNIT_WALL_CLOCK_MS = 7,
    PAWL_UNIT_BUILTIN_COUNT = 8,
    PAWL_UNIT_CUSTOM_FIRST = 64,
    PAWL_UNIT_MAX = 65535
};

struct pawl_amount {
    uint16_t unit; /* enum pawl_unit or a custom unit */
    int64_t value; /* 0 .. PAWL_AMOUNT_MAX unless a function says signed */
};

/* The protocol's name ("USD_MICROCENTS"); NULL for what is not built in, since names of custom
 * units are the ledger's to know. The text is static. */
const char *pawl_unit_name(uint16_t unit);
/* PAWL_UNIT_NONE for an unknown name; names are case-sensitive. */
uint16_t pawl_unit_from_name(struct pawl_slice name);

static inline int64_t pawl_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t pawl_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline bool pawl_amount_valid(int64_t value)
{
    return value >= 0 && value <= PAWL_AMOUNT_MAX;
}

/* |value|, which for INT64_MIN fits no int64_t. */
static inline uint64_t pawl_money_magnitude(int64_t value)
{
    return value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
}

/* Here and below: either *ret_… is the exact result, rounded as the name says, or the function
 * returns false and leaves it untouched. Arguments out of the range given are bugs and assert. */

/* false when the true sum or difference does not fit an int64. */
PAWL_MUST_CHECK bool pawl_money_add(int64_t a, int64_t b, int64_t *ret_sum);
PAWL_MUST_CHECK bool pawl_money_sub(int64_t a, int64_t b, int64_t *ret_difference);
/* a * b / d with the product in 128 bits. a, b >= 0, d > 0. false when it does not fit. */
PAWL_MUST_CHECK bool pawl_money_mul_div_ceil(int64_t a, int64_t b, int64_t d, int64_t *ret_value);
PAWL_MUST_CHECK bool pawl_money_mul_div_floor(int64_t a, int64_t b, int64_t d, int64_t *ret_value);
/* The cost of one line item, rounded up. tokens, price >= 0. */
PAWL_MUST_CHECK bool
pawl_money_cost_ceil(int64_t tokens, int64_t price_microcents_per_mtok, int64_t *ret_microcents);
/* How many tokens an amount buys, rounded down; INT64_MAX at price 0. microcents, price >= 0. */
int64_t pawl_money_tokens_floor(int64_t microcents, int64_t price_microcents_per_mtok);
/* Compares a/b with c/d (b, d > 0) exactly: < 0, 0, > 0. */
int pawl_money_ratio_compare(int64_t a, int64_t b, int64_t c, int64_t d);

/* "1.50", "$1.50", "0.00000001", "$2": decimal text to microcents, 0 .. PAWL_AMOUNT_MAX. More
 * than eight decimals, a sign, an exponent, grouping, white space, a point without a digit on
 * both sides: false. */
PAWL_MUST_CHECK bool pawl_money_parse_usd(struct pawl_slice text, int64_t *ret_microcents);
/* "60K", "10M", "5000", "2.5M", "1G": a count with a decimal suffix (K = 1000, M, G; either
 * case), 0 .. PAWL_AMOUNT_MAX. false if it is not a whole number in the end. */
PAWL_MUST_CHECK bool pawl_money_parse_count(struct pawl_slice text, int64_t *ret_count);

/* Room for any int64 in each of these forms. They write into `out` and return it. */
enum { PAWL_MONEY_TEXT_BYTES = 40 };
/* "$1.50", "$0.004215", "-$3.00": at least two decimals, as many more as the amount has. */
const char *pawl_money_format_usd(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES]);
/* The same with at most four decimals, rounded half up away from zero, for tables: "$0.0042". */
const char *pawl_money_format_usd_short(int64_t microcents, char out[static PAWL_MONEY_TEXT_BYTES]);
/* "5,000,000". */
const char *pawl_money_format_count(int64_t count, char out[static PAWL_MONEY_TEXT_BYTES]);

#endif
