/* SPDX-License-Identifier: Apache-2.0 */
/* windows.c: see windows.h. What cannot be read or written is left: no run waits for it. */
#include "run/windows.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "base/prng.h"

/* --- Learning -------------------------------------------------------------------------------- */

void pawl_windows_open(struct pawl_windows *windows, const struct pawl_datadir *dir)
{
    struct pawl_errmsg msg;
    *windows = (struct pawl_windows){.dir = dir};
    windows->key_kept = pawl_ok(pawl_accounts_read_key(dir, &windows->key, &msg));
    if (!windows->key_kept) {
        pawl_random_bytes(&windows->key, sizeof(windows->key));
    }
}

static bool keep_key(struct pawl_windows *windows)
{
    struct pawl_errmsg msg;
    if (!windows->key_kept && !windows->key_lost) {
        windows->key_kept = pawl_ok(pawl_accounts_keep_key(windows->dir, &windows->key, &msg));
        windows->key_lost = !windows->key_kept;
    }
    return windows->key_kept;
}

/* The account's place among those used; made where there is room. */
static int find(struct pawl_windows *windows, const char *id)
{
    for (uint32_t i = 0; i < windows->count; i++) {
        if (strcmp(windows->used[i].record.id, id) == 0) {
            return (int)i;
        }
    }
    if (windows->count == PAWL_SUBSCRIPTIONS_MAX) {
        return -1;
    }
    struct pawl_errmsg msg;
    struct pawl_account_record *record = &windows->used[windows->count].record;
    if (pawl_failed(pawl_accounts_read(windows->dir, id, record, &msg))) {
        *record = (struct pawl_account_record){.window_count = 0};
        memcpy(record->id, id, PAWL_ACCOUNT_ID_BYTES);
    }
    return (int)windows->count++;
}

static bool is_news(const struct pawl_account_record *record,
                    const struct pawl_subscription *subscription)
{
    if (record->window_count != subscription->window_count) {
        return true;
    }
    for (uint32_t i = 0; i < record->window_count; i++) {
        const struct pawl_vendor_window *old = &record->windows[i].seen;
        const struct pawl_vendor_window *now = &subscription->windows[i];
        if (old->used_bp != now->used_bp || old->resets_at_s != now->resets_at_s ||
            old->refused != now->refused) {
            return true;
        }
    }
    return false;
}

void pawl_windows_learn(struct pawl_windows *windows, const struct pawl_subscription *subscription)
{
    char id[PAWL_ACCOUNT_ID_BYTES];
    pawl_account_id_text(subscription->id, id);
    int index = keep_key(windows) ? find(windows, id) : -1;
    if (index < 0 || !is_news(&windows->used[index].record, subscription)) {
        return;
    }
    struct pawl_errmsg msg;
    int64_t since = subscription->tokens - windows->used[index].tokens;
    pawl_account_learn(&windows->used[index].record, subscription, since);
    windows->used[index].tokens = subscription->tokens;
    pawl_err err = pawl_accounts_write(windows->dir, &windows->used[index].record, &msg);
    (void)err.code; /* The next answer brings it again. */
}

/* --- Before a run ---------------------------------------------------------------------------- */

static const struct {
    const char *variable;
    enum pawl_upstream upstream;
} credentials[] = {
    {"ANTHROPIC_API_KEY", PAWL_UPSTREAM_ANTHROPIC},
    {"ANTHROPIC_AUTH_TOKEN", PAWL_UPSTREAM_ANTHROPIC},
    {"CLAUDE_CODE_OAUTH_TOKEN", PAWL_UPSTREAM_ANTHROPIC},
    {"OPENAI_API_KEY", PAWL_UPSTREAM_OPENAI},
    {"CODEX_API_KEY", PAWL_UPSTREAM_OPENAI},
    {"GEMINI_API_KEY", PAWL_UPSTREAM_GEMINI},
    {"GOOGLE_API_KEY", PAWL_UPSTREAM_GEMINI},
};

static enum pawl_upstream upstream_of(enum pawl_agent agent)
{
    switch (agent) {
    case PAWL_AGENT_CLAUDE:
        return PAWL_UPSTREAM_ANTHROPIC;
    case PAWL_AGENT_CODEX:
        return PAWL_UPSTREAM_OPENAI;
    case PAWL_AGENT_GEMINI:
        return PAWL_UPSTREAM_GEMINI;
    case PAWL_AGENT_NONE:
    case PAWL_AGENT_COUNT:
        break;
    }
    return PAWL_UPSTREAM_COUNT; /* Nobody knows: a credential must tell. */
}

struct latest {
    enum pawl_upstream upstream;
    struct pawl_account_record record;
};

static bool keep_latest(void *arg, const struct pawl_account_record *record)
{
    struct latest *latest = arg;
    if (record->upstream == latest->upstream && record->seen_us > latest->record.seen_us) {
        latest->record = *record;
    }
    return true;
}

bool pawl_windows_guess(const struct pawl_windows *windows,
                        pawl_environ_get_fn *get,
                        enum pawl_agent agent,
                        struct pawl_account_record *ret_record)
{
    struct pawl_errmsg msg;
    enum pawl_upstream upstream = upstream_of(agent);
    bool has_credential = false;
    if (!windows->key_kept) {
        return false; /* Nothing was ever learned. */
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(credentials); i++) {
        const char *value = get(credentials[i].variable);
        bool fits = upstream == PAWL_UPSTREAM_COUNT || upstream == credentials[i].upstream;
        if (value == NULL || value[0] == '\0' || !fits) {
            continue;
        }
        char id[PAWL_ACCOUNT_ID_BYTES];
        has_credential = true;
        pawl_account_id_text(
            pawl_subscription_id(windows->key, credentials[i].upstream, pawl_slice_str(value)), id);
        if (pawl_ok(pawl_accounts_read(windows->dir, id, ret_record, &msg))) {
            return true;
        }
    }
    struct latest latest = {.upstream = upstream};
    if (has_credential || upstream == PAWL_UPSTREAM_COUNT ||
        pawl_failed(pawl_accounts_each(windows->dir, keep_latest, &latest, &msg))) {
        return false;
    }
    *ret_record = latest.record;
    return latest.record.seen_us > 0;
}

/* --- Words ----------------------------------------------------------------------------------- */

const char *pawl_window_text(const struct pawl_account_window *window,
                             int64_t now_us,
                             char out[static PAWL_WINDOW_TEXT_BYTES])
{
    char wait[PAWL_CLOCK_TEXT_BYTES];
    int64_t wait_ms = window->seen.resets_at_s * 1000 - now_us / PAWL_US_PER_MS;
    if (window->seen.resets_at_s > 0 && wait_ms <= 0) {
        (void)snprintf(out, PAWL_WINDOW_TEXT_BYTES, "has begun anew");
        return out;
    }
    int used = snprintf(out, PAWL_WINDOW_TEXT_BYTES, "%d.%d%% used%s",
                        (int)(window->seen.used_bp / 100), (int)(window->seen.used_bp % 100 / 10),
                        window->seen.refused ? " (calls are refused)" : "");
    if (window->seen.resets_at_s > 0) {
        (void)snprintf(out + used, PAWL_WINDOW_TEXT_BYTES - (size_t)used, ", resets in %s",
                       pawl_duration_format_ms(wait_ms, wait));
    }
    return out;
}

void pawl_windows_line(const struct pawl_account_record *record,
                       int64_t run_tokens,
                       int64_t now_us,
                       struct pawl_buf *out)
{
    int64_t least = -1;
    const char *tightest = "";
    pawl_buf_printf(out, "pawl: %s subscription %.8s: ", pawl_upstream_name(record->upstream),
                    record->id);
    for (uint32_t i = 0; i < record->window_count; i++) {
        char text[PAWL_WINDOW_TEXT_BYTES];
        const struct pawl_account_window *window = &record->windows[i];
        pawl_buf_printf(out, "%s%s window %s", i > 0 ? "; " : "", window->seen.name,
                        pawl_window_text(window, now_us, text));
        int64_t tokens = pawl_account_tokens_left(window, now_us);
        if (tokens >= 0 && (least < 0 || tokens < least)) {
            least = tokens;
            tightest = window->seen.name;
        }
    }
    char left[PAWL_MONEY_TEXT_BYTES];
    char wanted[PAWL_MONEY_TEXT_BYTES];
    if (least >= 0) {
        pawl_buf_printf(out, "; about %s tokens are left in the %s window, ",
                        pawl_money_format_count(least, left), tightest);
        pawl_buf_printf(out, "%s the %s that this run may use",
                        least < run_tokens ? "LESS than" : "enough for",
                        pawl_money_format_count(run_tokens, wanted));
    }
    pawl_buf_append_byte(out, '\n');
}
