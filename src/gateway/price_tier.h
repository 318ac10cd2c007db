/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price_tier.h: price classes, so that "a dearer model" has a meaning that doesn't change with
 * every new name. A model's class follows from its blended price: a million tokens, three of input
 * for one of output, which is about what agents use. The bounds ($0.30, $1, $3, $7, $15) are our
 * choice, set in gaps of the book of November 2026 so that the vendors' own steps (small, middle,
 * large) are steps here, and two models of about the same price are in one class.
 */
#ifndef PAWL_GATEWAY_PRICE_TIER_H
#define PAWL_GATEWAY_PRICE_TIER_H

#include "gateway/price.h"

/* 0 is no class at all. */
enum { PAWL_PRICE_TIER_FIRST = 1, PAWL_PRICE_TIER_LAST = 6 };

/* The price of a million tokens, three of input for one of output, for a small prompt, with the
 * user's multiplier; microcents, at most PAWL_AMOUNT_MAX. */
int64_t pawl_price_blended(const struct pawl_price *price);
/* FIRST .. LAST. */
unsigned pawl_price_tier(const struct pawl_price *price);
/* Where a class begins, blended; 0 for the first. */
int64_t pawl_price_tier_from(unsigned tier);

#endif
