/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vendor.c: see vendor.h. The names are what answers of November 2026 had: Anthropic's unified
 * limits (a share as a decimal fraction, the reset as a time) and the two windows of a ChatGPT
 * account (percent, the length in minutes, the reset as a time or in seconds from now).
 *
 * Numbers are decimal texts and stay integers: nothing here is a floating point number.
 */
#include "gateway/vendor.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/money.h"
#include "core/civil.h"
#include "net/http.h"

#define MINUTE_S INT64_C(60)
#define HOUR_S   (60 * MINUTE_S)
#define DAY_S    (24 * HOUR_S)
#define YEAR_S   (366 * DAY_S)

struct row {
    int64_t length_s;         /* where no header tells it */
    int64_t scale;            /* basis points of the number 1 */
    const char *used;         /* the one header without which there is no window */
    const char *length_min;   /* NULL: length_s */
    const char *resets_at;    /* seconds since 1970 */
    const char *resets_after; /* seconds from now; NULL: none */
    const char *status;       /* "rejected": calls are refused; NULL: none */
    const char *claim;        /* what a refusal calls it that names one window; NULL: none does */
};

static const struct row rows[] = {
    {5 * HOUR_S, PAWL_VENDOR_WHOLE_BP, "anthropic-ratelimit-unified-5h-utilization", NULL,
     "anthropic-ratelimit-unified-5h-reset", NULL, "anthropic-ratelimit-unified-5h-status",
     "five_hour"},
    {7 * DAY_S, PAWL_VENDOR_WHOLE_BP, "anthropic-ratelimit-unified-7d-utilization", NULL,
     "anthropic-ratelimit-unified-7d-reset", NULL, "anthropic-ratelimit-unified-7d-status",
     "seven_day"},
    {5 * HOUR_S, PAWL_VENDOR_WHOLE_BP / 100, "x-codex-primary-used-percent",
     "x-codex-primary-window-minutes", "x-codex-primary-reset-at",
     "x-codex-primary-reset-after-seconds", NULL, NULL},
    {7 * DAY_S, PAWL_VENDOR_WHOLE_BP / 100, "x-codex-secondary-used-percent",
     "x-codex-secondary-window-minutes", "x-codex-secondary-reset-at",
     "x-codex-secondary-reset-after-seconds", NULL, NULL},
};
_Static_assert(PAWL_ARRAY_LEN(rows) <= PAWL_VENDOR_WINDOWS_MAX, "every row has a place");

/* What Anthropic says of the account as a whole. */
static const char whole_status[] = "anthropic-ratelimit-unified-status";
static const char whole_reset[] = "anthropic-ratelimit-unified-reset";
static const char whole_claim[] = "anthropic-ratelimit-unified-representative-claim";
static const char beyond_status[] = "anthropic-ratelimit-unified-overage-status";

/* --- Numbers --------------------------------------------------------------------------------- */

/* "0.634" of 10,000 is 6,340; digits below a basis point round it up. false: no plain decimal. */
static bool parse_share(struct pawl_slice text, int64_t scale, int64_t *ret_bp)
{
    struct pawl_slice fraction = pawl_slice_trim(text);
    struct pawl_slice whole = pawl_slice_cut(&fraction, '.');
    uint64_t number = 0;
    if (!pawl_slice_to_u64(whole, &number)) {
        return false;
    }
    int64_t bp = number < PAWL_VENDOR_BP_MAX ? (int64_t)number * scale : PAWL_VENDOR_BP_MAX;
    int64_t place = scale;
    bool rest = false;
    for (size_t i = 0; i < fraction.bytes; i++) {
        if (fraction.data[i] < '0' || fraction.data[i] > '9') {
            return false;
        }
        int64_t digit = fraction.data[i] - '0';
        rest = rest || (digit * place) % 10 != 0;
        bp += digit * place / 10;
        rest = rest || (place % 10 != 0 && digit != 0);
        place /= 10;
    }
    *ret_bp = pawl_min_i64(bp + (rest ? 1 : 0), PAWL_VENDOR_BP_MAX);
    return true;
}

/* A whole number, 0 where the header is not there or is none. */
static int64_t
number_of(const struct pawl_http_header *headers, size_t count, const char *name, int64_t most)
{
    uint64_t number = 0;
    if (name == NULL) {
        return 0;
    }
    struct pawl_slice text = pawl_slice_trim(pawl_http_header_value(headers, count, name));
    struct pawl_slice whole = pawl_slice_cut(&text, '.');
    return pawl_slice_to_u64(whole, &number) && number <= (uint64_t)most ? (int64_t)number : 0;
}

/* The number in `digits` characters of a text; more than `most`: it is none. */
static int64_t digits_at(struct pawl_slice text, size_t at, size_t digits, int64_t most)
{
    uint64_t number = 0;
    struct pawl_slice part = pawl_slice_sub(text, at, digits);
    bool good = part.bytes == digits && pawl_slice_to_u64(part, &number);
    return good && number <= (uint64_t)most ? (int64_t)number : most + 1;
}

/* "2026-11-28T17:45:00Z", with or without a fraction. */
static bool parse_instant(struct pawl_slice text, int64_t *ret_s)
{
    enum { YEAR_MAX = 9998 };
    struct pawl_civil_date date = {
        .year = digits_at(text, 0, 4, YEAR_MAX),
        .month = (uint32_t)digits_at(text, 5, 2, 12),
        .day = (uint32_t)digits_at(text, 8, 2, 31),
    };
    int64_t hour = digits_at(text, 11, 2, 23);
    int64_t minute = digits_at(text, 14, 2, 59);
    int64_t second = digits_at(text, 17, 2, 60);
    if (text.bytes < 20 || !pawl_slice_ends_with(text, PAWL_SLICE("Z")) || text.data[10] != 'T' ||
        date.year < 1970 || date.year > YEAR_MAX || date.month < 1 || date.month > 12 ||
        date.day < 1 || date.day > 31 || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *ret_s = pawl_civil_days(date) * DAY_S + hour * HOUR_S + minute * MINUTE_S + second;
    return true;
}

/* A time: seconds since 1970, or as text. */
static int64_t instant_of(const struct pawl_http_header *headers, size_t count, const char *name)
{
    int64_t at_s = 0;
    struct pawl_slice text = pawl_slice_trim(pawl_http_header_value(headers, count, name));
    return parse_instant(text, &at_s) ? at_s
                                      : number_of(headers, count, name, INT32_MAX * INT64_C(4));
}

/* --- Windows --------------------------------------------------------------------------------- */

void pawl_vendor_window_name(int64_t length_s, char out[static PAWL_VENDOR_NAME_BYTES])
{
    char unit = 'm';
    int64_t value = length_s / MINUTE_S;
    if (length_s % DAY_S == 0) {
        unit = 'd';
        value = length_s / DAY_S;
    } else if (length_s % HOUR_S == 0) {
        unit = 'h';
        value = length_s / HOUR_S;
    }
    (void)snprintf(out, PAWL_VENDOR_NAME_BYTES, "%d%c", (int)pawl_min_i64(value, 99999), unit);
}

static bool
says(const struct pawl_http_header *headers, size_t count, const char *name, const char *word)
{
    return pawl_slice_equal_str(pawl_slice_trim(pawl_http_header_value(headers, count, name)),
                                word);
}

/* A refusal may name the window that it is about, and say nothing else of it. */
static bool is_claimed(const struct row *row, const struct pawl_http_header *headers, size_t count)
{
    return row->claim != NULL && says(headers, count, whole_status, "rejected") &&
           says(headers, count, whole_claim, row->claim);
}

/* Whether the provider refuses calls of this window: it says so, and does not say that it serves
 * them beyond its end, at a price. */
static bool is_refused(const struct row *row, const struct pawl_http_header *headers, size_t count)
{
    bool rejected = row->status != NULL && says(headers, count, row->status, "rejected");
    bool beyond = says(headers, count, beyond_status, "allowed") &&
                  !says(headers, count, whole_status, "rejected");
    return is_claimed(row, headers, count) || (rejected && !beyond);
}

static int64_t reset_of(const struct row *row,
                        const struct pawl_http_header *headers,
                        size_t count,
                        int64_t now_s,
                        bool refused)
{
    int64_t resets_at_s = instant_of(headers, count, row->resets_at);
    int64_t after = number_of(headers, count, row->resets_after, YEAR_S);
    if (resets_at_s == 0 && after > 0) {
        resets_at_s = now_s + after;
    }
    if (resets_at_s == 0 && is_claimed(row, headers, count)) {
        resets_at_s = instant_of(headers, count, whole_reset);
    }
    after = refused ? number_of(headers, count, "retry-after", YEAR_S) : 0;
    return resets_at_s == 0 && after > 0 ? now_s + after : resets_at_s;
}

static bool read_window(const struct row *row,
                        const struct pawl_http_header *headers,
                        size_t count,
                        int64_t now_s,
                        struct pawl_vendor_window *ret_window)
{
    struct pawl_vendor_window window = {.length_s = row->length_s};
    struct pawl_slice used = pawl_http_header_value(headers, count, row->used);
    window.refused = is_refused(row, headers, count);
    window.has_share = parse_share(used, row->scale, &window.used_bp);
    if (!window.has_share && !window.refused) {
        return false;
    }
    window.used_bp = window.has_share ? window.used_bp : PAWL_VENDOR_WHOLE_BP;
    int64_t minutes = number_of(headers, count, row->length_min, YEAR_S / MINUTE_S);
    if (minutes > 0) {
        window.length_s = minutes * MINUTE_S;
    }
    window.resets_at_s = reset_of(row, headers, count, now_s, window.refused);
    if (row->length_min != NULL && minutes == 0 && window.resets_at_s == 0 && window.used_bp == 0) {
        return false; /* Nothing but zeros: an account without this window. */
    }
    window.has_status =
        row->status != NULL &&
        (window.refused || !pawl_slice_empty(pawl_http_header_value(headers, count, row->status)));
    pawl_vendor_window_name(window.length_s, window.name);
    *ret_window = window;
    return true;
}

uint32_t pawl_vendor_windows(const struct pawl_http_header *headers,
                             size_t count,
                             int64_t now_s,
                             struct pawl_vendor_window out[static PAWL_VENDOR_WINDOWS_MAX])
{
    uint32_t found = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        if (read_window(&rows[i], headers, count, now_s, &out[found])) {
            found++;
        }
    }
    return found;
}

/* --- Credentials ----------------------------------------------------------------------------- */

static struct pawl_slice bearer_of(const struct pawl_http_header *headers, size_t count)
{
    struct pawl_slice value = pawl_http_header_value(headers, count, "authorization");
    struct pawl_slice scheme = pawl_slice_cut(&value, ' ');
    return pawl_slice_equal_nocase(scheme, PAWL_SLICE("bearer")) ? pawl_slice_trim(value)
                                                                 : PAWL_SLICE_NONE;
}

/* Three parts of base64 text, as OAuth servers give them out. */
static bool is_web_token(struct pawl_slice token)
{
    size_t dot = pawl_slice_find_byte(token, '.');
    return pawl_slice_starts_with(token, PAWL_SLICE("eyJ")) && dot != SIZE_MAX &&
           pawl_slice_find_byte(pawl_slice_sub(token, dot + 1, token.bytes), '.') != SIZE_MAX;
}

enum pawl_billing pawl_vendor_billing_of_token(enum pawl_upstream upstream, struct pawl_slice token)
{
    bool plan = false;
    switch (upstream) {
    case PAWL_UPSTREAM_ANTHROPIC:
        plan = pawl_slice_starts_with(token, PAWL_SLICE("sk-ant-oat"));
        break;
    case PAWL_UPSTREAM_OPENAI:
    case PAWL_UPSTREAM_CHATGPT:
        plan = is_web_token(token);
        break;
    case PAWL_UPSTREAM_GEMINI:
        plan = pawl_slice_starts_with(token, PAWL_SLICE("ya29."));
        break;
    case PAWL_UPSTREAM_COUNT:
        break;
    }
    return plan ? PAWL_BILLING_PLAN : PAWL_BILLING_API;
}

enum pawl_billing pawl_vendor_billing(enum pawl_upstream upstream,
                                      const struct pawl_http_header *headers,
                                      size_t count)
{
    return pawl_vendor_billing_of_token(upstream, bearer_of(headers, count));
}

struct pawl_slice pawl_vendor_credential(const struct pawl_http_header *headers, size_t count)
{
    static const char *const names[] = {"x-api-key", "x-goog-api-key", "api-key"};
    struct pawl_slice token = bearer_of(headers, count);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names) && pawl_slice_empty(token); i++) {
        token = pawl_http_header_value(headers, count, names[i]);
    }
    return token;
}

/* Older clients write "user_…_account_<id>_session_…", newer ones JSON. */
static struct pawl_slice account_in(struct pawl_slice user)
{
    static const struct {
        const char *before;
        const char *after;
    } forms[] = {{"\"account_uuid\":\"", "\""}, {"_account_", "_session_"}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(forms); i++) {
        size_t at = pawl_slice_find(user, pawl_slice_str(forms[i].before));
        if (at == SIZE_MAX) {
            continue;
        }
        struct pawl_slice rest = pawl_slice_sub(user, at + strlen(forms[i].before), user.bytes);
        size_t end = pawl_slice_find(rest, pawl_slice_str(forms[i].after));
        return end != SIZE_MAX ? pawl_slice_sub(rest, 0, end) : PAWL_SLICE_NONE;
    }
    return PAWL_SLICE_NONE;
}

struct pawl_slice pawl_vendor_account(enum pawl_upstream upstream,
                                      const struct pawl_http_header *headers,
                                      size_t count,
                                      struct pawl_slice user)
{
    switch (upstream) {
    case PAWL_UPSTREAM_ANTHROPIC:
        return account_in(user);
    case PAWL_UPSTREAM_OPENAI:
    case PAWL_UPSTREAM_CHATGPT:
        return pawl_slice_trim(pawl_http_header_value(headers, count, "chatgpt-account-id"));
    case PAWL_UPSTREAM_GEMINI:
    case PAWL_UPSTREAM_COUNT:
        break;
    }
    return PAWL_SLICE_NONE;
}

/* --- Addresses ------------------------------------------------------------------------------- */

const char *pawl_vendor_base(enum pawl_upstream upstream)
{
    static const char *const bases[] = {
        [PAWL_UPSTREAM_ANTHROPIC] = "https://api.anthropic.com",
        [PAWL_UPSTREAM_OPENAI] = "https://api.openai.com/v1",
        [PAWL_UPSTREAM_GEMINI] = "https://generativelanguage.googleapis.com",
        [PAWL_UPSTREAM_CHATGPT] = "https://chatgpt.com/backend-api/codex",
    };
    _Static_assert(PAWL_ARRAY_LEN(bases) == PAWL_UPSTREAM_COUNT, "every upstream has a base");
    PAWL_ASSERT(upstream < PAWL_UPSTREAM_COUNT);
    return bases[upstream];
}
