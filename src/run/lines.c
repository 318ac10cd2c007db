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

static void append_cap(const struct pawl_lines_start *start,
                       enum pawl_run_cap_index index,
                       struct pawl_buf *out)
{
    char text[PAWL_CAP_TEXT_BYTES];
    const struct pawl_run_cap *cap = &start->caps[index];
    pawl_buf_append_str(out, pawl_cap_phrase(index, cap->amount, text));
    pawl_buf_append_str(out, index == PAWL_CAP_TIME ? " of time" : "");
    pawl_lines_conversion(start->model->priced ? &start->model->price : NULL, index, cap, out);
    if (cap->origin == PAWL_ORIGIN_COMPUTED && start->sizing != NULL) {
        pawl_buf_printf(out, " (%s)", start->sizing);
    }
}

/* "; verification up to $0.60, 10m of time (then it asks)": the phases that have a ceiling. */
static void append_phases(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    for (int i = 0; start->phases != NULL && i < start->phases->count; i++) {
        const struct pawl_phase_plan *phase = &start->phases->phases[i];
        const char *before = " up to ";
        for (int k = 0; k < PAWL_CAP_COUNT; k++) {
            char text[PAWL_CAP_TEXT_BYTES];
            enum pawl_run_cap_index index = (enum pawl_run_cap_index)k;
            if (!phase->caps[k].set) {
                continue;
            }
            if (before[1] == 'u') {
                pawl_buf_printf(out, "; %s", phase->name);
            }
            pawl_buf_printf(out, "%s%s%s", before,
                            pawl_cap_phrase(index, phase->caps[k].amount, text),
                            index == PAWL_CAP_TIME ? " of time" : "");
            if (phase->before[k] > 0) {
                pawl_buf_printf(out, " (%s used before)",
                                pawl_cap_format(index, phase->before[k], text));
            }
            before = ", ";
        }
        if (before[0] == ',' && phase->mode == PAWL_PHASE_HALT) {
            pawl_buf_append_str(out, " (then halt)");
        } else if (before[0] == ',' && phase->mode == PAWL_PHASE_ASK && start->attended) {
            pawl_buf_append_str(out, " (then it asks)");
        }
    }
}

/* Where nobody can be asked a question is a no. */
static const char *escalation_words(const struct pawl_lines_start *start)
{
    if (start->escalation == PAWL_ESCALATION_ALLOW) {
        return "dearer models allowed";
    }
    return start->escalation == PAWL_ESCALATION_ASK && start->attended
               ? "dearer models only on a yes"
               : "no escalation";
}

void pawl_lines_start(const struct pawl_lines_start *start, struct pawl_buf *out)
{
    pawl_buf_append_str(out, "pawl: ");
    if (start->model->name != NULL) {
        pawl_buf_printf(out, "%.100s%s", start->model->name,
                        start->model->priced ? "" : " (no price is known: its calls are refused)");
    } else {
        pawl_buf_append_str(out, "model not known yet");
    }
    pawl_account_guess_words(start->accounts, start->account_count, out);
    if (start->policy != NULL) {
        pawl_buf_printf(out, "; policy %s", start->policy);
    }
    pawl_buf_append_str(out, "; may spend ");
    append_cap(start, start->primary, out);
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        if (index != start->primary) {
            pawl_buf_append_str(out, ", ");
            append_cap(start, index, out);
        }
    }
    if (start->limits != NULL && start->limits->count > 0) {
        pawl_buf_append_str(out, "; within ");
        pawl_lending_list(start->limits, out);
    }
    append_phases(start, out);
    pawl_lines_mode(start->limit, start->attended, out);
    if (start->interactive) {
        pawl_buf_append_str(out,
                            "its calls are refused and nothing is killed, but it is ended when "
                            "its time is up");
    } else {
        pawl_buf_printf(
            out, "its calls are refused and it is ended after %ds, or at once when its time is up",
            PAWL_LINES_GRACE_S);
    }
    pawl_buf_printf(out, "; %s; %s\n", escalation_words(start),
                    start->interactive ? "attended (--unattended to leave it alone)"
                    : start->attended  ? "attended by its approver"
                                       : "may run unattended");
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
