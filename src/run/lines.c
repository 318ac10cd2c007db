/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c: see lines.h. */
#include "run/lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* The end of a range is no exact figure: thousands will do. */
static int64_t rough(int64_t tokens)
{
    return tokens >= 10000 ? tokens - tokens % 1000 : tokens;
}

void pawl_lines_conversion(const struct pawl_price *price,
                           enum pawl_run_cap_index index,
                           const struct pawl_run_cap *cap,
                           struct pawl_buf *out)
{
    struct pawl_caps_range range;
    char low[PAWL_CAP_TEXT_BYTES];
    char high[PAWL_CAP_TEXT_BYTES];
    if (index == PAWL_CAP_USD && pawl_caps_tokens_for(price, cap->amount, &range)) {
        pawl_buf_printf(out, " (%s%s to %s tokens)",
                        cap->origin == PAWL_ORIGIN_DERIVED ? "from the tokens; " : "",
                        pawl_cap_format(PAWL_CAP_TOKENS, rough(range.low), low),
                        pawl_cap_format(PAWL_CAP_TOKENS, rough(range.high), high));
    } else if (index == PAWL_CAP_TOKENS && pawl_caps_cost_of(price, cap->amount, &range)) {
        pawl_buf_printf(out, " (%s to %s)", pawl_money_format_usd_short(range.low, low),
                        pawl_money_format_usd_short(range.high, high));
    }
}

void pawl_lines_threshold(const struct pawl_account *account, struct pawl_buf *out)
{
    enum pawl_run_cap_index index = pawl_account_nearest(account);
    int percent = (int)(pawl_account_permille(account, index) / 10);
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    pawl_buf_printf(out, "pawl: %d %% used: %s of %s", percent,
                    pawl_cap_format(index, account->units[index].spent, spent),
                    pawl_cap_phrase(index, account->units[index].limit, limit));
    if (index != PAWL_CAP_USD) {
        pawl_buf_printf(out, "; %s spent so far",
                        pawl_cap_format(PAWL_CAP_USD, account->units[PAWL_CAP_USD].spent, spent));
    }
    pawl_buf_append_byte(out, '\n');
}

void pawl_lines_latched(const struct pawl_gateway_latch *latch, bool attended, struct pawl_buf *out)
{
    const char *words = latch->message;
    if (strncmp(words, "pawl: ", 6) == 0) {
        words += 6; /* They were written for the agent. */
    }
    pawl_buf_printf(out, "pawl: stopped: %s\n", words);
    if (!attended) {
        pawl_buf_printf(out, "pawl: the agent has %d seconds to end by itself\n",
                        PAWL_LINES_GRACE_S);
    }
}

void pawl_lines_time_up(int64_t limit_ms, struct pawl_buf *out)
{
    char text[PAWL_CLOCK_TEXT_BYTES];
    pawl_buf_printf(out, "pawl: stopped: the time of %s is up; the agent is ended now\n",
                    pawl_duration_format_about(limit_ms, text));
}

void pawl_lines_stopped(struct pawl_buf *out)
{
    pawl_buf_append_str(out, "pawl: stopped with pawl stop; the agent is ended now\n");
}

void pawl_lines_ending(struct pawl_buf *out)
{
    pawl_buf_append_str(out, "pawl: the agent is still there; it is ended now\n");
}

void pawl_lines_draining(uint64_t calls, struct pawl_buf *out)
{
    pawl_buf_printf(out,
                    "pawl: %" PRIu64 " call%s still under way; read on for at most %d s, to be "
                    "booked as billed\n",
                    calls, calls == 1 ? " is" : "s are", PAWL_LINES_DRAIN_S);
}
