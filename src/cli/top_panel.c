/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_panel.c: one run in `pawl top`: its caps as bars with amounts, rates and the time left, its
 * dearest call and the last ones. Below the list it has few lines; alone on the screen, all.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/open.h"
#include "cli/statusline.h"
#include "cli/top_priv.h"
#include "run/caps.h"

static void amount_text(enum pawl_run_cap_index cap, int64_t amount, char *out)
{
    if (cap == PAWL_CAP_USD) {
        pawl_top_dollars(amount, out);
    } else if (cap == PAWL_CAP_TIME) {
        (void)pawl_statusline_time(amount, out);
    } else if (amount >= 1000000 && (amount >= 10000000 || amount / 100000 % 10 == 0)) {
        (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "%" PRId64 "M", amount / 1000000);
    } else if (amount >= 1000000 && amount / 100000 % 10 != 0) {
        (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "%" PRId64 ".%" PRId64 "M", amount / 1000000,
                       amount / 100000 % 10);
    } else if (amount >= 10000) {
        (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "%" PRId64 "K", amount / 1000);
    } else {
        (void)snprintf(out, PAWL_TOP_TEXT_BYTES, "%" PRId64, amount);
    }
}

static void
put_cap(struct pawl_grid *grid, int row, const struct pawl_glance *run, enum pawl_run_cap_index cap)
{
    enum { NOUN = 11, GAUGE_LEAST = 8, GAUGE_MOST = 40, AMOUNT = 18, RATE = 12, LEFT = 12 };
    char spent[PAWL_TOP_TEXT_BYTES];
    char limit[PAWL_TOP_TEXT_BYTES];
    char text[3 * PAWL_TOP_TEXT_BYTES];
    int rest = grid->width - NOUN - PAWL_TOP_PERCENT_COLUMNS - AMOUNT - RATE - LEFT - 4;
    int gauge = rest < GAUGE_LEAST ? GAUGE_LEAST : rest > GAUGE_MOST ? GAUGE_MOST : rest;
    struct pawl_field field = {.row = row, .width = NOUN};
    pawl_grid_text(grid, field, pawl_cap_noun(cap));
    field.column = NOUN + 1;
    field.width = gauge;
    pawl_top_put_gauge(grid, field, run, cap);
    amount_text(cap, run->caps[cap].spent, spent);
    amount_text(cap, run->caps[cap].limit, limit);
    if (cap == PAWL_CAP_USD && run->caps[cap].limit < PAWL_MICROCENTS_PER_USD) {
        (void)pawl_money_format_usd_short(run->caps[cap].spent, spent);
        (void)pawl_money_format_usd_short(run->caps[cap].limit, limit);
    }
    (void)snprintf(text, sizeof(text), "%s of %s", spent, limit);
    field.column += gauge + PAWL_TOP_PERCENT_COLUMNS + 1;
    field.width = AMOUNT;
    field.right = true;
    pawl_grid_text(grid, field, text);
    field.column += AMOUNT + 1;
    field.width = RATE;
    field.style = PAWL_STYLE_DIM;
    if (run->caps[cap].per_minute > 0) {
        amount_text(cap, run->caps[cap].per_minute, spent);
        (void)snprintf(text, sizeof(text), "%s/min", spent);
        pawl_grid_text(grid, field, text);
    }
    field.column += RATE + 1;
    field.width = LEFT;
    if (run->caps[cap].left_ms >= 0 && !pawl_top_stands_still(run)) {
        (void)snprintf(text, sizeof(text), "%s left",
                       pawl_statusline_time(run->caps[cap].left_ms, spent));
        pawl_grid_text(grid, field, text);
    }
}

static void put_call(struct pawl_grid *grid,
                     int row,
                     const struct pawl_glance *run,
                     const struct pawl_recent_call *call,
                     const char *what)
{
    char age[PAWL_STATUSLINE_LEFT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char tokens[PAWL_TOP_TEXT_BYTES];
    char text[3 * PAWL_TOP_TEXT_BYTES];
    int64_t age_ms = pawl_max_i64(run->now_ms - call->at_us / PAWL_US_PER_MS, 0);
    amount_text(PAWL_CAP_TOKENS, call->tokens, tokens);
    struct pawl_field field = {.row = row, .width = 11};
    pawl_grid_text(grid, field, what);
    (void)snprintf(text, sizeof(text), "%8s ago %9s %6s tokens  %s%s%s",
                   pawl_statusline_time(age_ms, age),
                   pawl_money_format_usd_short(call->microcents, money), tokens, call->model,
                   call->who[0] != '\0' ? "  " : "", call->who);
    field.column = 12;
    field.width = grid->width - 12;
    pawl_grid_text(grid, field, text);
}

/* Returns the line behind it. */
static int put_head(struct pawl_grid *grid, int row, const struct pawl_glance *run, bool whole)
{
    char state[PAWL_TOP_TEXT_BYTES];
    char text[PAWL_PATH_BYTES];
    struct pawl_field field = {.row = row, .width = grid->width, .style = PAWL_STYLE_BOLD};
    pawl_top_state(run, PAWL_TOP_STATE_WHOLE, state);
    (void)snprintf(text, sizeof(text), "%s  %s  %.200s", run->id, state, pawl_glance_title(run));
    pawl_grid_text(grid, field, text);
    if (!whole) {
        return row + 1;
    }
    field.style = PAWL_STYLE_DIM;
    field.row = ++row;
    pawl_grid_text(grid, field, run->command);
    field.row = ++row;
    (void)snprintf(text, sizeof(text), "in %.3000s", run->cwd);
    pawl_grid_text(grid, field, text);
    field.row = ++row;
    (void)snprintf(text, sizeof(text),
                   "policy %s, %s, %" PRId64 " call%s, %" PRId64 " under way, %" PRId64
                   " refused%s%s",
                   run->policy, run->attended ? "attended" : "unattended", run->calls,
                   run->calls == 1 ? "" : "s", run->in_flight, run->refusals,
                   run->phase[0] != '\0' ? ", phase " : "", run->phase);
    pawl_grid_text(grid, field, text);
    if (run->message[0] != '\0') {
        field.style = PAWL_STYLE_BAD;
        field.row = ++row;
        pawl_grid_text(grid, field, run->message);
    }
    return row + 2;
}

void pawl_top_put_panel(
    struct pawl_grid *grid, int row, int end, const struct pawl_glance *run, bool whole)
{
    row = put_head(grid, row, run, whole);
    for (int i = 0; i < PAWL_CAP_COUNT && row < end; i++, row++) {
        put_cap(grid, row, run, (enum pawl_run_cap_index)i);
    }
    row += whole ? 1 : 0;
    if (run->dearest.id != 0 && row < end) {
        put_call(grid, row++, run, &run->dearest, "dearest");
    }
    for (uint32_t i = 0; i < run->last_count && row < end; i++, row++) {
        put_call(grid, row, run, &run->last[i], i == 0 ? "last" : "");
    }
}
