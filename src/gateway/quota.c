/* SPDX-License-Identifier: Apache-2.0 */
/* quota.c: see quota.h. Shares are rounded up, and what is left of one is rounded down. */
#include "gateway/quota.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"

enum {
    LEARNED_BP_MAX = 2000, /* above it the past counts half */
    SAME_RESET_S_MAX = 300 /* "in so many seconds" is told with a jitter, and clocks differ */
};

static int64_t plus(int64_t a, int64_t b)
{
    return a < PAWL_AMOUNT_MAX - b ? a + b : PAWL_AMOUNT_MAX;
}

void pawl_quota_add(struct pawl_quota_amount *sum, struct pawl_quota_amount more)
{
    PAWL_ASSERT(more.microcents >= 0 && more.tokens >= 0);
    sum->microcents = plus(sum->microcents, pawl_min_i64(more.microcents, PAWL_AMOUNT_MAX));
    sum->tokens = plus(sum->tokens, pawl_min_i64(more.tokens, PAWL_AMOUNT_MAX));
}

static struct pawl_quota_amount difference(struct pawl_quota_amount more,
                                           struct pawl_quota_amount less)
{
    return (struct pawl_quota_amount){
        .microcents = pawl_max_i64(more.microcents - less.microcents, 0),
        .tokens = pawl_max_i64(more.tokens - less.tokens, 0),
    };
}

/* --- Rates ----------------------------------------------------------------------------------- */

bool pawl_quota_has_rate(const struct pawl_quota_window *window)
{
    return window->learned_bp > 0 || window->unit != 0;
}

/* What so many basis points are: as they were seen to be, else as they were set. */
static struct pawl_quota_amount rate_of(const struct pawl_quota_window *window, int64_t *ret_bp)
{
    *ret_bp = window->learned_bp;
    if (window->learned_bp > 0) {
        return window->learned;
    }
    *ret_bp = PAWL_VENDOR_WHOLE_BP;
    return (struct pawl_quota_amount){
        .microcents = window->unit == PAWL_UNIT_USD_MICROCENTS ? window->limit : 0,
        .tokens = window->unit == PAWL_UNIT_TOKENS ? window->limit : 0,
    };
}

/* Dollars weigh models and cached tokens as their providers do; tokens stand in where no price is
 * known. */
int64_t pawl_quota_share(const struct pawl_quota_window *window, struct pawl_quota_amount amount)
{
    int64_t bp = 0;
    int64_t share = 0;
    if (!pawl_quota_has_rate(window)) {
        return -1;
    }
    struct pawl_quota_amount rate = rate_of(window, &bp);
    bool dollars = rate.microcents > 0 && (amount.microcents > 0 || rate.tokens == 0);
    int64_t whole = dollars ? rate.microcents : rate.tokens;
    int64_t part = dollars ? amount.microcents : amount.tokens;
    if (whole <= 0) {
        return -1;
    }
    return pawl_money_mul_div_ceil(part, bp, whole, &share)
               ? pawl_min_i64(share, PAWL_VENDOR_BP_MAX)
               : PAWL_VENDOR_BP_MAX;
}

static int64_t worth(int64_t rate, int64_t rate_bp, int64_t bp)
{
    int64_t amount = -1;
    return rate > 0 && pawl_money_mul_div_floor(rate, bp, rate_bp, &amount) ? amount : -1;
}

struct pawl_quota_amount pawl_quota_worth(const struct pawl_quota_window *window, int64_t bp)
{
    int64_t rate_bp = 0;
    struct pawl_quota_amount rate = rate_of(window, &rate_bp);
    return (struct pawl_quota_amount){
        .microcents = worth(rate.microcents, rate_bp, bp),
        .tokens = worth(rate.tokens, rate_bp, bp),
    };
}

int64_t pawl_quota_used_bp(const struct pawl_quota *quota, const struct pawl_quota_window *window)
{
    struct pawl_quota_amount since = difference(quota->booked, window->contained);
    int64_t share = pawl_quota_share(window, since);
    return pawl_min_i64(window->told_bp + pawl_max_i64(share, 0), PAWL_VENDOR_BP_MAX); /* Q3 */
}

/* --- Time ------------------------------------------------------------------------------------ */

/* The next one is closed until it is used. What was told of this one is told of no other; that the
 * provider tells at all stays. */
static void begin_anew(const struct pawl_quota *quota, struct pawl_quota_window *window)
{
    window->told_us = pawl_min_i64(window->told_us, window->resets_at_s * PAWL_US_PER_SECOND);
    window->ended_at_s = window->resets_at_s;
    window->resets_at_s = 0;
    window->resets_guessed = false;
    window->told_bp = 0;
    window->refused = false;
    window->contained = quota->booked;
    window->unsure = false;
}

/* What was guessed by a clock that has been put back since is guessed once more: no window lasts
 * longer than it is long. Clocks of runs may be some seconds apart. */
static void mend_guess(struct pawl_quota_window *window, int64_t now_us)
{
    int64_t latest_s = now_us / PAWL_US_PER_SECOND + window->length_s;
    if (window->resets_guessed && window->resets_at_s > latest_s + SAME_RESET_S_MAX) {
        window->resets_at_s = latest_s;
    }
}

bool pawl_quota_roll(struct pawl_quota *quota, int64_t now_us)
{
    bool any = false;
    for (uint32_t i = 0; i < quota->window_count; i++) {
        struct pawl_quota_window *window = &quota->windows[i];
        mend_guess(window, now_us);
        if (window->resets_at_s > 0 && window->resets_at_s <= now_us / PAWL_US_PER_SECOND) {
            begin_anew(quota, window); /* Q4 */
            any = true;
        }
    }
    return any;
}

/* With the first use of it a window begins, where nobody says anything else. */
static void open_windows(struct pawl_quota *quota, int64_t now_us)
{
    for (uint32_t i = 0; i < quota->window_count; i++) {
        struct pawl_quota_window *window = &quota->windows[i];
        if (window->resets_at_s == 0 && window->told_bp == 0 && !window->refused) {
            window->resets_at_s = now_us / PAWL_US_PER_SECOND + window->length_s;
            window->resets_guessed = true;
        }
    }
}

/* --- What a provider tells ------------------------------------------------------------------- */

struct pawl_quota_window *pawl_quota_find(struct pawl_quota *quota, const char *name)
{
    for (uint32_t i = 0; i < quota->window_count; i++) {
        if (strcmp(quota->windows[i].name, name) == 0) {
            return &quota->windows[i];
        }
    }
    return NULL;
}

static struct pawl_quota_window *
find_or_make(struct pawl_quota *quota, const char *name, int64_t length_s)
{
    struct pawl_quota_window *found = pawl_quota_find(quota, name);
    if (found == NULL && quota->window_count < PAWL_VENDOR_WINDOWS_MAX) {
        found = &quota->windows[quota->window_count++];
        *found = (struct pawl_quota_window){.length_s = length_s, .contained = quota->booked};
        (void)pawl_slice_copy_str(pawl_slice_str(name), found->name, sizeof(found->name));
    }
    return found;
}

/* A reset that pawl had to guess says nothing about which window is meant; one that is not told is
 * that of the window before, which is not over. */
static bool same_window(const struct pawl_quota_window *window,
                        const struct pawl_vendor_window *told)
{
    int64_t apart = told->resets_at_s - window->resets_at_s;
    int64_t most = pawl_min_i64(SAME_RESET_S_MAX, window->length_s / 4);
    bool near = told->resets_at_s == 0 || (apart <= most && apart >= -most);
    return window->told_us > 0 && near && !window->resets_guessed;
}

/* What was booked between two answers against the share that went in between. Use from elsewhere
 * makes the share larger than what was booked explains: then what is left is told too small. */
static void
learn(struct pawl_quota_window *window, struct pawl_quota_amount contained, int64_t told_bp)
{
    struct pawl_quota_amount gone = difference(contained, window->contained);
    int64_t bp = told_bp - window->told_bp;
    if (bp < 0 || (gone.microcents == 0 && gone.tokens == 0)) {
        return;
    }
    pawl_quota_add(&window->learned, gone);
    window->learned_bp += bp;
    if (window->learned_bp > LEARNED_BP_MAX) {
        window->learned.microcents /= 2;
        window->learned.tokens /= 2;
        window->learned_bp /= 2;
    }
}

static void take_share(struct pawl_quota *quota,
                       struct pawl_quota_window *window,
                       const struct pawl_vendor_window *told,
                       const struct pawl_quota_news *news)
{
    struct pawl_quota_amount contained = quota->booked;
    if (!news->told_all) { /* The account may have been forgotten since, and counts from 0. */
        contained.microcents = pawl_min_i64(contained.microcents, news->booked_before.microcents);
        contained.tokens = pawl_min_i64(contained.tokens, news->booked_before.tokens);
    }
    bool same = same_window(window, told);
    if (same && told->has_share && !window->unsure) {
        learn(window, contained, told->used_bp);
    }
    if (!same || told->has_share) {
        window->told_bp = told->used_bp;
        window->contained = contained;
        window->unsure = false;
    }
    if (!same || told->resets_at_s > 0) {
        window->resets_at_s = told->resets_at_s;
        window->resets_guessed = false;
    }
}

static void tell(struct pawl_quota *quota,
                 const struct pawl_vendor_window *told,
                 const struct pawl_quota_news *news)
{
    bool over = told->resets_at_s > 0 && told->resets_at_s <= news->now_us / PAWL_US_PER_SECOND;
    struct pawl_quota_window *window = pawl_quota_find(quota, told->name);
    /* What was told "after now" was told before the clock was put back. */
    bool newer_is_known = window != NULL && window->told_us > news->told_us &&
                          window->told_us <= news->now_us && !told->refused;
    if (window != NULL && (over || newer_is_known)) {
        return; /* Q2, Q4 */
    }
    window = find_or_make(quota, told->name, told->length_s);
    if (window == NULL) {
        return;
    }
    take_share(quota, window, told, news);
    window->length_s = told->length_s;
    window->has_status = told->has_status;
    window->refused = told->refused;
    window->told_us = news->told_us;
}

void pawl_quota_apply(struct pawl_quota *quota, const struct pawl_quota_news *news)
{
    (void)pawl_quota_roll(quota, news->now_us);
    if (news->booked.microcents > 0 || news->booked.tokens > 0) {
        pawl_quota_add(&quota->booked, news->booked);
        open_windows(quota, news->now_us);
    }
    for (uint32_t i = 0; i < news->told_count; i++) {
        tell(quota, &news->told[i], news);
    }
    if (news->told_count > 0) {
        quota->seen_us = news->now_us;
        (void)pawl_quota_roll(quota, news->now_us); /* It may tell of one that is over. */
    }
}

/* Whether it has to be added to the window. One that is closed was opened by it, if it would not be
 * over by now. */
static bool is_due(struct pawl_quota_window *window, int64_t at_us, int64_t now_us)
{
    int64_t end_s = at_us / PAWL_US_PER_SECOND + window->length_s;
    if (window->told_us >= at_us || window->ended_at_s > at_us / PAWL_US_PER_SECOND) {
        return false; /* Its provider knew, or it was in the one before. */
    }
    bool over = end_s <= now_us / PAWL_US_PER_SECOND;
    if (window->resets_at_s > 0) {
        /* One that was only guessed to have begun later may have begun with it. */
        return window->resets_at_s <= end_s || (window->resets_guessed && !over);
    }
    if (over) {
        return false;
    }
    if (window->told_bp == 0 && !window->refused) {
        window->resets_at_s = end_s;
        window->resets_guessed = true;
    }
    return true;
}

void pawl_quota_book_late(struct pawl_quota *quota,
                          struct pawl_quota_amount amount,
                          int64_t at_us,
                          int64_t now_us)
{
    (void)pawl_quota_roll(quota, now_us);
    pawl_quota_add(&quota->booked, amount);
    for (uint32_t i = 0; i < quota->window_count; i++) {
        struct pawl_quota_window *window = &quota->windows[i];
        if (is_due(window, at_us, now_us)) {
            window->unsure = true;
        } else {
            pawl_quota_add(&window->contained, amount); /* Q1 */
        }
    }
}

/* --- By hand --------------------------------------------------------------------------------- */

bool pawl_quota_set(struct pawl_quota *quota, int64_t length_s, uint16_t unit, int64_t limit)
{
    char name[PAWL_VENDOR_NAME_BYTES];
    pawl_vendor_window_name(length_s, name);
    struct pawl_quota_window *window =
        unit != 0 ? find_or_make(quota, name, length_s) : pawl_quota_find(quota, name);
    if (window == NULL) {
        return unit == 0;
    }
    window->unit = unit;
    window->limit = limit;
    if (unit == 0 && window->told_us == 0) {
        struct pawl_quota_window *last = &quota->windows[quota->window_count - 1];
        memmove(window, window + 1, (size_t)(last - window) * sizeof(*window));
        quota->window_count--;
    }
    return true;
}

/* --- Judging --------------------------------------------------------------------------------- */

static enum pawl_quota_verdict judge(const struct pawl_quota *quota,
                                     const struct pawl_quota_window *window)
{
    bool by_hand = window->told_us == 0 && window->unit != 0;
    bool told_full =
        window->told_us > 0 && !window->has_status && window->told_bp >= PAWL_VENDOR_WHOLE_BP;
    bool full = pawl_quota_used_bp(quota, window) >= PAWL_VENDOR_WHOLE_BP;
    if (window->resets_at_s == 0) {
        return PAWL_QUOTA_OPEN; /* It has not begun; or nobody could say until when to wait. */
    }
    if (window->refused || told_full || (by_hand && full)) {
        return PAWL_QUOTA_OUT;
    }
    /* One that its provider serves beyond its end is not doubted. */
    bool told_beyond = window->told_bp >= PAWL_VENDOR_WHOLE_BP;
    return full && !told_beyond ? PAWL_QUOTA_DOUBTFUL : PAWL_QUOTA_OPEN;
}

enum pawl_quota_verdict pawl_quota_judge(const struct pawl_quota *quota,
                                         const struct pawl_quota_window **ret_window)
{
    enum pawl_quota_verdict worst = PAWL_QUOTA_OPEN;
    *ret_window = NULL;
    for (uint32_t i = 0; i < quota->window_count; i++) {
        const struct pawl_quota_window *window = &quota->windows[i];
        enum pawl_quota_verdict verdict = judge(quota, window);
        bool later = *ret_window == NULL || window->resets_at_s > (*ret_window)->resets_at_s;
        if (verdict > worst || (verdict == worst && verdict != PAWL_QUOTA_OPEN && later)) {
            worst = verdict;
            *ret_window = window;
        }
    }
    return worst;
}
