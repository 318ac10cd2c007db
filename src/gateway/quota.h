/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h: the windows of one account, as a value: what its provider told of each, and what pawl
 * has metered on the account since. It reads no clock and touches no file; whoever shares an
 * account between runs applies news to what they share (docs/ACCOUNTS.md, "Between two answers").
 *
 *   used = what was told + what was booked since, at the rate that was learned
 *
 *   Q1  `booked` only grows: everything that was ever booked on the account. What a told share has
 *       in it already is a value of it, `contained`, so nothing counts twice, and what somebody
 *       else books meanwhile is not lost.
 *   Q2  What the provider told last counts, up and down. Last is by what it speaks of: the head of
 *       a stream is as old as its request, that of an answer in one piece is as new as its end.
 *   Q3  While no rate was learned, nothing is added to what was told.
 *   Q4  A window whose reset is past has begun anew, whatever was told of the one before.
 *   Q5  The clock may be put forward and back: nothing that was told or guessed by another clock
 *       outlasts the next answer, or the length of its window.
 */
#ifndef PAWL_GATEWAY_QUOTA_H
#define PAWL_GATEWAY_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "gateway/vendor.h"

struct pawl_quota_amount {
    int64_t microcents; /* at list prices */
    int64_t tokens;
};
/* Neither is below 0; a sum stays within what can be counted. */
void pawl_quota_add(struct pawl_quota_amount *sum, struct pawl_quota_amount more);

struct pawl_quota_window {
    char name[PAWL_VENDOR_NAME_BYTES];
    int64_t length_s;
    int64_t resets_at_s; /* 0: not known, or it begins with the next use */
    bool resets_guessed; /* not told: its first use and its length */
    int64_t ended_at_s;  /* the one before it; 0: not known */
    /* As it was told; told_us 0: never. */
    int64_t told_us; /* what it speaks of (Q2) */
    int64_t told_bp;
    bool has_status; /* the provider says whether it takes calls of this window … */
    bool refused;    /* … and that it refuses them */
    struct pawl_quota_amount contained;
    /* What was booked while so much of the window went. */
    struct pawl_quota_amount learned;
    int64_t learned_bp;
    bool unsure; /* since the last answer something was booked that nobody confirmed: nothing is
                  * learned from the next one */
    /* Set by hand: the whole window, where nobody tells of it. */
    uint16_t unit; /* USD_MICROCENTS or TOKENS; 0: not set */
    int64_t limit;
};

struct pawl_quota {
    struct pawl_quota_amount booked;
    int64_t seen_us; /* when a provider told something last; 0: never */
    uint32_t window_count;
    struct pawl_quota_window windows[PAWL_VENDOR_WINDOWS_MAX];
};

/* What happened on the account. */
struct pawl_quota_news {
    int64_t now_us;
    struct pawl_quota_amount booked; /* by a call that ended */
    bool on_record;                  /* the ledger says of that call which account it was on */
    uint32_t told_count;             /* by the head of an answer */
    const struct pawl_vendor_window *told;
    int64_t told_us; /* what it speaks of */
    /* It was all booked that the head knows of: what `booked` above adds, too. Else the head knows
     * what was booked when its call went out. */
    bool told_all;
    struct pawl_quota_amount booked_before;
};

/* Windows whose reset is past begin anew. true: one did. */
bool pawl_quota_roll(struct pawl_quota *quota, int64_t now_us);
void pawl_quota_apply(struct pawl_quota *quota, const struct pawl_quota_news *news);
/* Books what was used at an earlier time, and that nobody confirmed: in the windows that were open
 * then and have not been told of since. */
void pawl_quota_book_late(struct pawl_quota *quota,
                          struct pawl_quota_amount amount,
                          int64_t at_us,
                          int64_t now_us);
/* Sets a window by hand, or (`unit` 0) takes that back; one that was never told goes then. false:
 * there is no room for another. */
PAWL_MUST_CHECK bool
pawl_quota_set(struct pawl_quota *quota, int64_t length_s, uint16_t unit, int64_t limit);
struct pawl_quota_window *pawl_quota_find(struct pawl_quota *quota, const char *name);

/* The share that is used, by what was told and booked; of a rolled quota. */
int64_t pawl_quota_used_bp(const struct pawl_quota *quota, const struct pawl_quota_window *window);
/* Whether what is booked moves it: a rate was learned, or set by hand. */
bool pawl_quota_has_rate(const struct pawl_quota_window *window);
/* What `bp` of the window are, in dollars and in tokens, rounded down; -1: not known. */
struct pawl_quota_amount pawl_quota_worth(const struct pawl_quota_window *window, int64_t bp);
/* The share of the window that an amount is, rounded up; -1: not known. */
int64_t pawl_quota_share(const struct pawl_quota_window *window, struct pawl_quota_amount amount);

/* Whether calls may go out. */
enum pawl_quota_verdict {
    PAWL_QUOTA_OPEN,
    /* By pawl's own count it is used up, and its provider has not said so: a guess, so one call at
     * a time goes out, whose answer brings the truth. */
    PAWL_QUOTA_DOUBTFUL,
    PAWL_QUOTA_OUT /* the provider refuses, or all of it is used; until the reset */
};
/* Of a rolled quota; the window that begins anew last where there are several. */
enum pawl_quota_verdict pawl_quota_judge(const struct pawl_quota *quota,
                                         const struct pawl_quota_window **ret_window);

#endif
