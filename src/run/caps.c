/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps.c: one row a cap. Conversions between dollars and tokens are ranges: a token of input costs
 * what the price book says, a token of output several times that, and nobody knows the mix
 * beforehand.
 */
#include "run/caps.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"

struct row {
    uint16_t unit;
    const char *noun;
    const char *one;
};

static const struct row rows[PAWL_CAP_COUNT] = {
    [PAWL_CAP_USD] = {PAWL_UNIT_USD_MICROCENTS, "dollars", "dollar"},
    [PAWL_CAP_TOKENS] = {PAWL_UNIT_TOKENS, "tokens", "token"},
    [PAWL_CAP_TOOL_CALLS] = {PAWL_UNIT_TOOL_CALLS, "tool calls", "tool call"},
    [PAWL_CAP_ITERATIONS] = {PAWL_UNIT_ITERATIONS, "model calls", "model call"},
    [PAWL_CAP_TIME] = {PAWL_UNIT_WALL_CLOCK_MS, "time", "time"},
};

static const struct row *row_of(enum pawl_run_cap_index index)
{
    PAWL_ASSERT(index < PAWL_CAP_COUNT);
    return &rows[index];
}

uint16_t pawl_cap_unit(enum pawl_run_cap_index index)
{
    return row_of(index)->unit;
}

const char *pawl_cap_noun(enum pawl_run_cap_index index)
{
    return row_of(index)->noun;
}

enum pawl_run_cap_index pawl_cap_of_unit(uint16_t unit)
{
    int index = 0;
    while (index < PAWL_CAP_COUNT && rows[index].unit != unit) {
        index++;
    }
    return (enum pawl_run_cap_index)index;
}

const char *pawl_origin_name(enum pawl_origin origin)
{
    static const char *const names[PAWL_ORIGIN_COUNT] = {
        [PAWL_ORIGIN_DEFAULT] = "default",   [PAWL_ORIGIN_FLAG] = "flag",
        [PAWL_ORIGIN_DERIVED] = "derived",   [PAWL_ORIGIN_POLICY] = "policy",
        [PAWL_ORIGIN_COMPUTED] = "computed", [PAWL_ORIGIN_RESUMED] = "resumed",
    };
    PAWL_ASSERT(origin < PAWL_ORIGIN_COUNT);
    return names[origin];
}

/* --- Prices -------------------------------------------------------------------------------- */

/* With the user's multiplier, rounded up. */
static int64_t rate(const struct pawl_price *price, enum pawl_price_kind kind, int64_t input)
{
    int64_t plain = pawl_price_rate(price, kind, input);
    int64_t scaled = PAWL_AMOUNT_MAX;
    if (!pawl_money_mul_div_ceil(plain, price->multiplier_permille, 1000, &scaled)) {
        return PAWL_AMOUNT_MAX;
    }
    return scaled;
}

/* What one of so many tokens can cost at most: any kind of text, in any prompt that they make. */
static int64_t dearest_rate(const struct pawl_price *price, int64_t tokens)
{
    static const enum pawl_price_kind kinds[] = {
        PAWL_PRICE_INPUT,  PAWL_PRICE_CACHE_WRITE, PAWL_PRICE_CACHE_WRITE_LONG,
        PAWL_PRICE_OUTPUT, PAWL_PRICE_REASONING,
    };
    int64_t most = 0;
    for (uint32_t i = 0; i < price->row_count; i++) {
        int64_t over_tokens = price->rows[i].over_tokens;
        for (size_t k = 0; over_tokens < tokens && k < PAWL_ARRAY_LEN(kinds); k++) {
            int64_t one = rate(price, kinds[k], over_tokens + 1);
            most = one > most ? one : most;
        }
    }
    return most;
}

static int64_t cost(int64_t tokens, int64_t microcents_per_mtok)
{
    int64_t microcents = PAWL_AMOUNT_MAX;
    if (!pawl_money_cost_ceil(tokens, microcents_per_mtok, &microcents) ||
        microcents > PAWL_AMOUNT_MAX) {
        return PAWL_AMOUNT_MAX;
    }
    return microcents;
}

static void sort(struct pawl_caps_range *range)
{
    if (range->low > range->high) {
        int64_t swap = range->low;
        range->low = range->high;
        range->high = swap;
    }
}

bool pawl_caps_tokens_for(const struct pawl_price *price,
                          int64_t microcents,
                          struct pawl_caps_range *ret_tokens)
{
    if (price == NULL || rate(price, PAWL_PRICE_INPUT, 0) <= 0 ||
        rate(price, PAWL_PRICE_OUTPUT, 0) <= 0) {
        return false;
    }
    struct pawl_caps_range range = {
        .low = pawl_money_tokens_floor(microcents, rate(price, PAWL_PRICE_OUTPUT, 0)),
        .high = pawl_money_tokens_floor(microcents, rate(price, PAWL_PRICE_INPUT, 0)),
    };
    sort(&range);
    *ret_tokens = range;
    return true;
}

bool pawl_caps_cost_of(const struct pawl_price *price,
                       int64_t tokens,
                       struct pawl_caps_range *ret_microcents)
{
    if (price == NULL) {
        return false;
    }
    struct pawl_caps_range range = {
        .low = cost(tokens, rate(price, PAWL_PRICE_INPUT, 0)),
        .high = cost(tokens, rate(price, PAWL_PRICE_OUTPUT, 0)),
    };
    sort(&range);
    *ret_microcents = range;
    return true;
}

void pawl_caps_derive(struct pawl_run_cap caps[static PAWL_CAP_COUNT],
                      const struct pawl_price *price)
{
    struct pawl_run_cap *usd = &caps[PAWL_CAP_USD];
    const struct pawl_run_cap *tokens = &caps[PAWL_CAP_TOKENS];
    if (!tokens->set || usd->set || price == NULL) {
        return;
    }
    int64_t dearest = dearest_rate(price, tokens->amount);
    if (dearest > 0) {
        *usd = (struct pawl_run_cap){
            .set = true, .amount = cost(tokens->amount, dearest), .origin = PAWL_ORIGIN_DERIVED};
    }
}

uint32_t pawl_caps_for_session(const struct pawl_run_cap caps[static PAWL_CAP_COUNT],
                               struct pawl_session_cap out[static PAWL_SESSION_CAPS_MAX])
{
    _Static_assert((int)PAWL_CAP_COUNT <= (int)PAWL_SESSION_CAPS_MAX, "all caps fit a session");
    uint32_t count = 0;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        if (caps[i].set) {
            out[count++] =
                (struct pawl_session_cap){.unit = rows[i].unit, .amount = caps[i].amount};
        }
    }
    return count;
}

/* --- Texts --------------------------------------------------------------------------------- */

/* "60K", "2.5M", "1,234,567": shortened only when no digit is lost. */
static void format_tokens(int64_t count, char out[static PAWL_CAP_TEXT_BYTES])
{
    if (count >= 100000 && count % 100000 == 0) {
        long long millions = (long long)(count / 1000000);
        int tenth = (int)(count / 100000 % 10);
        if (millions == 0) {
            (void)snprintf(out, PAWL_CAP_TEXT_BYTES, "%d00K", tenth);
        } else if (tenth == 0) {
            (void)snprintf(out, PAWL_CAP_TEXT_BYTES, "%lldM", millions);
        } else {
            (void)snprintf(out, PAWL_CAP_TEXT_BYTES, "%lld.%dM", millions, tenth);
        }
    } else if (count >= 1000 && count < 1000000 && count % 1000 == 0) {
        (void)snprintf(out, PAWL_CAP_TEXT_BYTES, "%lldK", (long long)(count / 1000));
    } else {
        (void)pawl_money_format_count(count, out);
    }
}

_Static_assert((int)PAWL_CAP_TEXT_BYTES >= (int)PAWL_MONEY_TEXT_BYTES &&
                   (int)PAWL_CAP_TEXT_BYTES >= (int)PAWL_CLOCK_TEXT_BYTES,
               "every amount's text fits");

const char *
pawl_cap_format(enum pawl_run_cap_index index, int64_t amount, char out[static PAWL_CAP_TEXT_BYTES])
{
    switch (index) {
    case PAWL_CAP_USD:
        return pawl_money_format_usd(amount, out);
    case PAWL_CAP_TIME:
        return pawl_duration_format_about(amount, out);
    case PAWL_CAP_TOKENS:
        format_tokens(amount, out);
        return out;
    case PAWL_CAP_TOOL_CALLS:
    case PAWL_CAP_ITERATIONS:
        return pawl_money_format_count(amount, out);
    case PAWL_CAP_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

const char *
pawl_cap_short(enum pawl_run_cap_index index, int64_t amount, char out[static PAWL_CAP_TEXT_BYTES])
{
    return index == PAWL_CAP_USD ? pawl_money_format_usd_short(amount, out)
                                 : pawl_cap_format(index, amount, out);
}

const char *
pawl_cap_phrase(enum pawl_run_cap_index index, int64_t amount, char out[static PAWL_CAP_TEXT_BYTES])
{
    (void)pawl_cap_format(index, amount, out);
    if (index != PAWL_CAP_USD && index != PAWL_CAP_TIME) {
        size_t bytes = strlen(out);
        (void)snprintf(out + bytes, PAWL_CAP_TEXT_BYTES - bytes, " %s",
                       amount == 1 ? rows[index].one : rows[index].noun);
    }
    return out;
}
