/* SPDX-License-Identifier: Apache-2.0 */
/* account_words.c: see account_words.h. */
#include "run/account_words.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "engine/limit_words.h"

enum { SHARE_BYTES = 16, ID_SHOWN = 8 };

/* "63.4%", rounded up, so that what is used up is never shown as less. */
static const char *share(int64_t bp, char out[static SHARE_BYTES])
{
    int64_t permille = (bp + 9) / 10;
    (void)snprintf(out, SHARE_BYTES, "%d.%d%%", (int)(permille / 10), (int)(permille % 10));
    return out;
}

const char *pawl_account_title(const struct pawl_account_record *record,
                               char out[static PAWL_ACCOUNT_NAME_BYTES])
{
    bool named = record->name[0] != '\0';
    (void)snprintf(out, PAWL_ACCOUNT_NAME_BYTES, "%.*s",
                   named ? PAWL_ACCOUNT_NAME_BYTES - 1 : ID_SHOWN,
                   named ? record->name : record->id);
    return out;
}

/* With " used" behind the share in a sentence, and nothing there in a table. */
static const char *used_of(const struct pawl_quota *quota,
                           const struct pawl_quota_window *window,
                           const char *verb,
                           char out[static PAWL_WINDOW_TEXT_BYTES])
{
    char used[SHARE_BYTES];
    bool guesses = !pawl_quota_has_rate(window) && window->told_us > 0 &&
                   (quota->booked.tokens > window->contained.tokens);
    (void)snprintf(out, PAWL_WINDOW_TEXT_BYTES, "%s%s%s%s",
                   share(pawl_quota_used_bp(quota, window), used), guesses ? " or more" : "", verb,
                   window->refused ? ", calls are refused" : "");
    return out;
}

const char *pawl_window_used(const struct pawl_quota *quota,
                             const struct pawl_quota_window *window,
                             char out[static PAWL_WINDOW_TEXT_BYTES])
{
    return used_of(quota, window, "", out);
}

const char *pawl_window_resets(const struct pawl_quota_window *window,
                               int64_t now_us,
                               char out[static PAWL_WINDOW_TEXT_BYTES])
{
    char clock[PAWL_LIMIT_WORDS_BYTES];
    char until[PAWL_LIMIT_WORDS_BYTES];
    int64_t at_us = window->resets_at_s * PAWL_US_PER_SECOND;
    if (at_us <= now_us) {
        (void)snprintf(out, PAWL_WINDOW_TEXT_BYTES, "%s",
                       window->told_bp == 0 ? "begins with its next use" : "not told");
        return out;
    }
    (void)snprintf(out, PAWL_WINDOW_TEXT_BYTES, "%s%.40s (in %.40s)",
                   window->resets_guessed ? "about " : "", pawl_limit_clock(at_us, now_us, clock),
                   pawl_limit_until(at_us, now_us, until));
    return out;
}

static int64_t left_bp(const struct pawl_quota *quota, const struct pawl_quota_window *window)
{
    int64_t used = pawl_quota_used_bp(quota, window);
    return used < PAWL_VENDOR_WHOLE_BP ? PAWL_VENDOR_WHOLE_BP - used : 0;
}

const char *pawl_window_left(const struct pawl_quota *quota,
                             const struct pawl_quota_window *window,
                             char out[static PAWL_WINDOW_TEXT_BYTES])
{
    char dollars[PAWL_MONEY_TEXT_BYTES] = "";
    char tokens[PAWL_MONEY_TEXT_BYTES] = "";
    struct pawl_quota_amount left = pawl_quota_worth(window, left_bp(quota, window));
    out[0] = '\0';
    if (left.microcents >= 0) {
        (void)pawl_money_format_usd_short(left.microcents, dollars);
    }
    if (left.tokens >= 0) {
        (void)pawl_money_format_count(left.tokens, tokens);
    }
    if (left.microcents >= 0 || left.tokens >= 0) {
        (void)snprintf(out, PAWL_WINDOW_TEXT_BYTES, "%s%s%s%s", dollars,
                       dollars[0] != '\0' && tokens[0] != '\0' ? ", " : "", tokens,
                       tokens[0] != '\0' ? " tokens" : "");
    }
    return out;
}

/* --- Before a run ---------------------------------------------------------------------------- */

static void put_fit(const struct pawl_quota *quota,
                    const struct pawl_quota_window *window,
                    struct pawl_quota_amount may_use,
                    struct pawl_buf *out)
{
    char want[SHARE_BYTES];
    char have[SHARE_BYTES];
    char text[PAWL_WINDOW_TEXT_BYTES];
    int64_t wanted = pawl_quota_share(window, may_use);
    int64_t left = left_bp(quota, window);
    if (wanted < 0) {
        pawl_buf_append_str(out, ": what share of it this run may use is not learned yet");
        return;
    }
    (void)pawl_window_left(quota, window, text);
    pawl_buf_printf(out, ": this run may use about %s of it, and %s%s%s%s %s left: %s",
                    share(wanted, want), share(left - left % 10, have),
                    text[0] != '\0' ? " (about " : "", text, text[0] != '\0' ? ")" : "", "are",
                    wanted <= left ? "it fits" : "it does NOT fit");
}

void pawl_account_fit_line(const struct pawl_account_record *record,
                           struct pawl_quota_amount may_use,
                           int64_t now_us,
                           struct pawl_buf *out)
{
    char title[PAWL_ACCOUNT_NAME_BYTES];
    struct pawl_quota quota = record->quota;
    (void)pawl_quota_roll(&quota, now_us);
    pawl_buf_printf(out, "pawl: account %s: ", pawl_account_title(record, title));
    for (uint32_t i = 0; i < quota.window_count; i++) {
        char used[PAWL_WINDOW_TEXT_BYTES];
        char resets[PAWL_WINDOW_TEXT_BYTES];
        const struct pawl_quota_window *window = &quota.windows[i];
        bool begun = window->resets_at_s > 0;
        pawl_buf_printf(out, "%s%s window %s, %s%s", i > 0 ? "; " : "", window->name,
                        used_of(&quota, window, " used", used), begun ? "resets " : "",
                        pawl_window_resets(window, now_us, resets));
        put_fit(&quota, window, may_use, out);
    }
    if (quota.window_count == 0) {
        pawl_buf_append_str(out, "no windows are known: its provider has told of none "
                                 "('pawl accounts set' sets them by hand)");
    }
    pawl_buf_append_byte(out, '\n');
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void write_window(struct pawl_json_writer *writer,
                         const struct pawl_quota *quota,
                         const struct pawl_quota_window *window)
{
    struct pawl_quota_amount left = pawl_quota_worth(window, left_bp(quota, window));
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "window", window->name);
    pawl_json_member_i64(writer, "length_s", window->length_s);
    pawl_json_member_i64(writer, "used_bp", pawl_quota_used_bp(quota, window));
    if (window->told_us > 0) {
        pawl_json_member_i64(writer, "told_bp", window->told_bp);
        pawl_json_member_i64(writer, "told_ms", window->told_us / PAWL_US_PER_MS);
    }
    if (window->resets_at_s > 0) {
        pawl_json_member_i64(writer, "resets_at_ms", window->resets_at_s * 1000);
        pawl_json_member_bool(writer, "resets_guessed", window->resets_guessed);
    }
    pawl_json_member_bool(writer, "refused", window->refused);
    pawl_json_member_bool(writer, "metered", pawl_quota_has_rate(window));
    if (left.microcents >= 0) {
        pawl_json_member_i64(writer, "microcents_left", left.microcents);
    }
    if (left.tokens >= 0) {
        pawl_json_member_i64(writer, "tokens_left", left.tokens);
    }
    if (window->unit != 0) {
        pawl_json_key(writer, "set");
        pawl_json_object_begin(writer);
        pawl_json_member_str(writer, "unit", pawl_unit_name(window->unit));
        pawl_json_member_i64(writer, "amount", window->limit);
        pawl_json_object_end(writer);
    }
    pawl_json_object_end(writer);
}

void pawl_account_write(const struct pawl_account_record *record,
                        int64_t now_us,
                        struct pawl_json_writer *writer)
{
    struct pawl_quota quota = record->quota;
    (void)pawl_quota_roll(&quota, now_us);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "account", record->id);
    if (record->name[0] != '\0') {
        pawl_json_member_str(writer, "name", record->name);
    }
    pawl_json_member_str(writer, "upstream", pawl_upstream_name(record->upstream));
    pawl_json_member_str(writer, "billing", pawl_billing_name(pawl_account_billing(record)));
    pawl_json_member_bool(writer, "billing_set", record->mode != PAWL_BILLING_MODE_AUTO);
    if (record->source[0] != '\0') {
        pawl_json_member_str(writer, "variable", record->source);
    }
    if (quota.seen_us > 0) {
        pawl_json_member_i64(writer, "seen_ms", quota.seen_us / PAWL_US_PER_MS);
    }
    pawl_json_key(writer, "windows");
    pawl_json_array_begin(writer);
    for (uint32_t i = 0; i < quota.window_count; i++) {
        write_window(writer, &quota, &quota.windows[i]);
    }
    pawl_json_array_end(writer);
    pawl_json_object_end(writer);
}
