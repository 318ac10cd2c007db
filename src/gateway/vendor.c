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

#include "base/attrs.h"
#include "base/money.h"
#include "gateway/headers.h"

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
};

static const struct row rows[] = {
    {5 * HOUR_S, PAWL_VENDOR_WHOLE_BP, "anthropic-ratelimit-unified-5h-utilization", NULL,
     "anthropic-ratelimit-unified-5h-reset", NULL, "anthropic-ratelimit-unified-5h-status"},
    {7 * DAY_S, PAWL_VENDOR_WHOLE_BP, "anthropic-ratelimit-unified-7d-utilization", NULL,
     "anthropic-ratelimit-unified-7d-reset", NULL, "anthropic-ratelimit-unified-7d-status"},
    {5 * HOUR_S, PAWL_VENDOR_WHOLE_BP / 100, "x-codex-primary-used-percent",
     "x-codex-primary-window-minutes", "x-codex-primary-reset-at",
     "x-codex-primary-reset-after-seconds", NULL},
    {7 * DAY_S, PAWL_VENDOR_WHOLE_BP / 100, "x-codex-secondary-used-percent",
     "x-codex-secondary-window-minutes", "x-codex-secondary-reset-at",
     "x-codex-secondary-reset-after-seconds", NULL},
};
_Static_assert(PAWL_ARRAY_LEN(rows) <= PAWL_VENDOR_WINDOWS_MAX, "every row has a place");

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
    struct pawl_slice text = pawl_slice_trim(pawl_headers_value(headers, count, name));
    struct pawl_slice whole = pawl_slice_cut(&text, '.');
    return pawl_slice_to_u64(whole, &number) && number <= (uint64_t)most ? (int64_t)number : 0;
}

/* --- Windows --------------------------------------------------------------------------------- */

/* "5h", "7d", "90m": by the largest unit that it is a whole number of. */
static void set_name(struct pawl_vendor_window *window)
{
    int64_t length = window->length_s;
    char unit = 'm';
    int64_t value = length / MINUTE_S;
    if (length % DAY_S == 0) {
        unit = 'd';
        value = length / DAY_S;
    } else if (length % HOUR_S == 0) {
        unit = 'h';
        value = length / HOUR_S;
    }
    (void)snprintf(window->name, sizeof(window->name), "%d%c", (int)pawl_min_i64(value, 99999),
                   unit);
}

static bool read_window(const struct row *row,
                        const struct pawl_http_header *headers,
                        size_t count,
                        int64_t now_s,
                        struct pawl_vendor_window *ret_window)
{
    struct pawl_vendor_window window = {.length_s = row->length_s};
    struct pawl_slice used = pawl_headers_value(headers, count, row->used);
    if (!parse_share(used, row->scale, &window.used_bp)) {
        return false;
    }
    int64_t minutes = number_of(headers, count, row->length_min, YEAR_S / MINUTE_S);
    if (minutes > 0) {
        window.length_s = minutes * MINUTE_S;
    }
    window.resets_at_s = number_of(headers, count, row->resets_at, INT32_MAX * INT64_C(4));
    int64_t after = number_of(headers, count, row->resets_after, YEAR_S);
    if (window.resets_at_s == 0 && after > 0) {
        window.resets_at_s = now_s + after;
    }
    if (row->length_min != NULL && minutes == 0 && window.resets_at_s == 0 && window.used_bp == 0) {
        return false; /* Nothing but zeros: an account without this window. */
    }
    struct pawl_slice status =
        row->status != NULL ? pawl_headers_value(headers, count, row->status) : PAWL_SLICE_NONE;
    window.has_status = !pawl_slice_empty(status);
    window.refused = pawl_slice_equal_str(status, "rejected");
    set_name(&window);
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
    struct pawl_slice value = pawl_headers_value(headers, count, "authorization");
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

enum pawl_billing pawl_vendor_billing(enum pawl_upstream upstream,
                                      const struct pawl_http_header *headers,
                                      size_t count)
{
    struct pawl_slice token = bearer_of(headers, count);
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

struct pawl_slice pawl_vendor_credential(const struct pawl_http_header *headers, size_t count)
{
    static const char *const names[] = {"x-api-key", "x-goog-api-key", "api-key"};
    struct pawl_slice token = bearer_of(headers, count);
    struct pawl_slice account = pawl_headers_value(headers, count, "chatgpt-account-id");
    if (is_web_token(token) && !pawl_slice_empty(account)) {
        return account; /* Such tokens are renewed every few days, and the account stays. */
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names) && pawl_slice_empty(token); i++) {
        token = pawl_headers_value(headers, count, names[i]);
    }
    return token;
}
