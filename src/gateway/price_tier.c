/* SPDX-License-Identifier: Apache-2.0 */
/* price_tier.c: see price_tier.h. The bounds are in docs/PRICES.md too, and a test compares them.
 */
#include "gateway/price_tier.h"

#include "base/assert.h"
#include "base/attrs.h"
#include "base/money.h"

/* Microcents a million tokens. */
static const int64_t begins[] = {
    0,
    PAWL_MICROCENTS_PER_USD * 3 / 10,
    PAWL_MICROCENTS_PER_USD * 1,
    PAWL_MICROCENTS_PER_USD * 3,
    PAWL_MICROCENTS_PER_USD * 7,
    PAWL_MICROCENTS_PER_USD * 15,
};
_Static_assert(PAWL_ARRAY_LEN(begins) == PAWL_PRICE_TIER_LAST, "every class has a beginning");

int64_t pawl_price_blended(const struct pawl_price *price)
{
    int64_t input = pawl_price_rate(price, PAWL_PRICE_INPUT, 0);
    int64_t output = pawl_price_rate(price, PAWL_PRICE_OUTPUT, 0);
    int64_t sum = 0;
    if (!pawl_money_mul_div_ceil(input, 3, 4, &input) ||
        !pawl_money_mul_div_ceil(output, 1, 4, &output) || !pawl_money_add(input, output, &sum) ||
        !pawl_money_mul_div_ceil(sum, price->multiplier_permille, 1000, &sum)) {
        return PAWL_AMOUNT_MAX;
    }
    return pawl_min_i64(sum, PAWL_AMOUNT_MAX);
}

unsigned pawl_price_tier(const struct pawl_price *price)
{
    int64_t blended = pawl_price_blended(price);
    unsigned tier = PAWL_PRICE_TIER_LAST;
    while (begins[tier - PAWL_PRICE_TIER_FIRST] > blended) {
        tier--;
    }
    return tier;
}

int64_t pawl_price_tier_from(unsigned tier)
{
    PAWL_ASSERT(tier >= PAWL_PRICE_TIER_FIRST && tier <= PAWL_PRICE_TIER_LAST);
    return begins[tier - PAWL_PRICE_TIER_FIRST];
}
