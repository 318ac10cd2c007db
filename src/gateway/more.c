/* SPDX-License-Identifier: Apache-2.0 */
/* more.c: see more.h. */
#include "gateway/more.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/attrs.h"

enum {
    NEEDS = 4, /* calls like the one that did not fit */
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    VALUE_BYTES = 48
};

static const struct {
    uint16_t unit;
    const char *option;
    const char *ceiling;
    int64_t step;
} rows[] = {
    {PAWL_UNIT_USD_MICROCENTS, "--add-usd", "usd", PAWL_MICROCENTS_PER_USD / 100},
    {PAWL_UNIT_TOKENS, "--add-tokens", "tokens", 1},
    {PAWL_UNIT_TOOL_CALLS, "--add-tool-calls", "tool_calls", 1},
    {PAWL_UNIT_ITERATIONS, "--add-iterations", "iterations", 1},
    {PAWL_UNIT_WALL_CLOCK_MS, "--add-time", "time", MINUTE_MS},
};

static size_t row_of(uint16_t unit)
{
    size_t row = 0;
    while (row < PAWL_ARRAY_LEN(rows) && rows[row].unit != unit) {
        row++;
    }
    return row;
}

static int64_t up_to_step(int64_t amount, int64_t step)
{
    int64_t over = amount % step;
    return over == 0 ? amount : amount - over + step;
}

int64_t pawl_more_amount(struct pawl_more more)
{
    int64_t over = pawl_max_i64(more.spent - more.limit, 0);
    if (more.told > over) {
        return more.told;
    }
    size_t row = row_of(more.unit);
    int64_t step = row < PAWL_ARRAY_LEN(rows) ? rows[row].step : 1;
    int64_t calls = pawl_min_i64(more.needed, PAWL_AMOUNT_MAX / NEEDS) * NEEDS;
    int64_t half = more.limit / 2 + more.limit % 2;
    int64_t amount = pawl_max_i64(pawl_max_i64(half, calls), 1) + over;
    int64_t most = pawl_max_i64(PAWL_AMOUNT_MAX - more.limit, 0);
    return pawl_min_i64(up_to_step(amount, step), most);
}

/* As every option and every ceiling takes it. */
static const char *put_value(uint16_t unit, int64_t amount, char out[static VALUE_BYTES])
{
    char money[PAWL_MONEY_TEXT_BYTES];
    if (unit == PAWL_UNIT_USD_MICROCENTS) {
        const char *dollars = pawl_money_format_usd(amount, money);
        (void)snprintf(out, VALUE_BYTES, "%s", dollars[0] == '$' ? dollars + 1 : dollars);
    } else if (unit == PAWL_UNIT_WALL_CLOCK_MS) {
        int64_t seconds = up_to_step(amount, SECOND_MS) / SECOND_MS;
        bool minutes = seconds > 0 && seconds % 60 == 0;
        (void)snprintf(out, VALUE_BYTES, "%" PRId64 "%c", minutes ? seconds / 60 : seconds,
                       minutes ? 'm' : 's');
    } else {
        (void)snprintf(out, VALUE_BYTES, "%" PRId64, amount);
    }
    return out;
}

/* Nothing for a unit that has no such name. */
static const char *
put(size_t row, const char *name, char between, int64_t amount, char out[static PAWL_MORE_BYTES])
{
    char value[VALUE_BYTES];
    out[0] = '\0';
    if (name != NULL) {
        (void)snprintf(out, PAWL_MORE_BYTES, "%s%c%s", name, between,
                       put_value(rows[row].unit, amount, value));
    }
    return out;
}

const char *pawl_more_option(uint16_t unit, int64_t amount, char out[static PAWL_MORE_BYTES])
{
    size_t row = row_of(unit);
    return put(row, row < PAWL_ARRAY_LEN(rows) ? rows[row].option : NULL, ' ', amount, out);
}

const char *pawl_more_ceiling(uint16_t unit, int64_t amount, char out[static PAWL_MORE_BYTES])
{
    size_t row = row_of(unit);
    return put(row, row < PAWL_ARRAY_LEN(rows) ? rows[row].ceiling : NULL, '=', amount, out);
}
