/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows.c: see windows.h. What cannot be read or written is left: no call waits for it, and the
 * run then knows of its own use alone. What it booked meanwhile is written with what comes next.
 */
#include "run/windows.h"

#include <string.h>

#include "base/money.h"
#include "base/prng.h"

void pawl_windows_open(struct pawl_windows *windows,
                       const struct pawl_datadir *dir,
                       const char *run_id,
                       enum pawl_billing_mode mode)
{
    struct pawl_errmsg msg;
    *windows = (struct pawl_windows){.dir = dir, .run_id = run_id, .mode = mode};
    windows->key_kept = pawl_ok(pawl_accounts_key(dir, &windows->key, &msg));
    if (!windows->key_kept) {
        pawl_random_bytes(&windows->key, sizeof(windows->key));
    }
}

/* The account's place among those used; made where there is room. A credential under which the
 * account was added leads to it from now on. */
static int place_of(struct pawl_windows *windows, const struct pawl_subscription *subscription)
{
    for (uint32_t i = 0; i < windows->count; i++) {
        if (windows->used[i].id == subscription->id) {
            return (int)i;
        }
    }
    if (windows->count == PAWL_SUBSCRIPTIONS_MAX || !windows->key_kept) {
        return -1;
    }
    if (subscription->credential_id != subscription->id) {
        char from[PAWL_ACCOUNT_ID_BYTES];
        char to[PAWL_ACCOUNT_ID_BYTES];
        struct pawl_errmsg msg;
        pawl_account_id_text(subscription->credential_id, from);
        pawl_account_id_text(subscription->id, to);
        pawl_err err = pawl_accounts_join(windows->dir, from, to, &msg);
        (void)err.code; /* It is another account then, as far as anybody can tell. */
    }
    windows->used[windows->count].id = subscription->id;
    return (int)windows->count++;
}

static void adopt(const struct pawl_windows *windows,
                  const struct pawl_account_record *record,
                  struct pawl_subscription *subscription)
{
    struct pawl_account_record own = *record;
    own.mode = windows->mode != PAWL_BILLING_MODE_AUTO ? windows->mode : record->mode;
    own.detected = subscription->detected;
    subscription->quota = record->quota;
    memcpy(subscription->name, record->name, sizeof(subscription->name));
    subscription->billing_set = own.mode != PAWL_BILLING_MODE_AUTO;
    subscription->billing = pawl_account_billing(&own);
}

/* As far as this run knows; --billing holds all the same. */
static void keep_to_itself(const struct pawl_windows *windows,
                           struct pawl_subscription *subscription,
                           const struct pawl_quota_news *news)
{
    pawl_quota_apply(&subscription->quota, news);
    if (windows->mode != PAWL_BILLING_MODE_AUTO) {
        subscription->billing_set = true;
        subscription->billing =
            windows->mode == PAWL_BILLING_MODE_PLAN ? PAWL_BILLING_PLAN : PAWL_BILLING_API;
    }
}

/* --- Writing --------------------------------------------------------------------------------- */

struct change {
    const struct pawl_windows *windows;
    const struct pawl_subscription *subscription;
    const struct pawl_quota_news *news;
    struct pawl_quota_amount unkept;
    struct pawl_quota_amount on_record; /* part of that, and of the news */
};

static pawl_err
on_change(void *arg, struct pawl_account_record *record, bool *ret_write, struct pawl_errmsg *msg)
{
    const struct change *change = arg;
    struct pawl_quota_news earlier = {.now_us = change->news->now_us, .booked = change->unkept};
    (void)msg;
    record->upstream = change->subscription->upstream;
    record->detected = change->subscription->detected;
    pawl_quota_apply(&record->quota, &earlier);
    pawl_quota_apply(&record->quota, change->news);
    if (change->on_record.microcents > 0 || change->on_record.tokens > 0) {
        pawl_account_note_run(change->windows->dir, record, change->windows->run_id,
                              change->on_record);
    }
    *ret_write = true;
    return PAWL_OK;
}

static void add(struct pawl_quota_amount *sum, struct pawl_quota_amount more)
{
    sum->microcents += pawl_min_i64(more.microcents, PAWL_AMOUNT_MAX);
    sum->tokens += pawl_min_i64(more.tokens, PAWL_AMOUNT_MAX);
    sum->microcents = pawl_min_i64(sum->microcents, PAWL_AMOUNT_MAX);
    sum->tokens = pawl_min_i64(sum->tokens, PAWL_AMOUNT_MAX);
}

/* Writes down what happened, and what could not be written before. */
static void keep(struct pawl_windows *windows,
                 int place,
                 struct pawl_subscription *subscription,
                 const struct pawl_quota_news *news)
{
    char id[PAWL_ACCOUNT_ID_BYTES];
    struct pawl_errmsg msg;
    struct pawl_account_record record;
    struct pawl_quota_amount *unkept = &windows->used[place].unkept;
    struct pawl_quota_amount *on_record = &windows->used[place].unkept_on_record;
    struct change change = {
        .windows = windows, .subscription = subscription, .news = news, .unkept = *unkept};
    change.on_record = *on_record;
    if (news->on_record) {
        add(&change.on_record, news->booked);
    }
    pawl_account_id_text(subscription->id, id);
    if (pawl_failed(pawl_accounts_change(windows->dir, id, on_change, &change, &record, &msg))) {
        add(unkept, news->booked);
        *on_record = change.on_record;
        keep_to_itself(windows, subscription, news);
        return;
    }
    *unkept = *on_record = (struct pawl_quota_amount){.tokens = 0};
    windows->used[place].stamp = pawl_accounts_stamp(windows->dir, id);
    adopt(windows, &record, subscription);
}

/* --- Reading --------------------------------------------------------------------------------- */

static bool same_stamp(struct pawl_account_stamp a, struct pawl_account_stamp b)
{
    return a.inode == b.inode && a.changed.tv_sec == b.changed.tv_sec &&
           a.changed.tv_nsec == b.changed.tv_nsec;
}

static void look(struct pawl_windows *windows,
                 int place,
                 struct pawl_subscription *subscription,
                 const struct pawl_quota_news *nothing)
{
    char id[PAWL_ACCOUNT_ID_BYTES];
    struct pawl_errmsg msg;
    struct pawl_account_record record;
    pawl_account_id_text(subscription->id, id);
    struct pawl_account_stamp stamp = pawl_accounts_stamp(windows->dir, id);
    bool known = stamp.inode != 0 && !same_stamp(stamp, windows->used[place].stamp) &&
                 pawl_ok(pawl_accounts_read(windows->dir, id, &record, &msg));
    if (known) {
        windows->used[place].stamp = stamp;
        adopt(windows, &record, subscription);
    }
    keep_to_itself(windows, subscription, nothing);
}

/* --- The gateway's --------------------------------------------------------------------------- */

void pawl_windows_sync(struct pawl_windows *windows,
                       struct pawl_subscription *subscription,
                       const struct pawl_quota_news *news)
{
    int place = place_of(windows, subscription);
    bool nothing =
        news->told_count == 0 && news->booked.microcents == 0 && news->booked.tokens == 0;
    if (place < 0) {
        keep_to_itself(windows, subscription, news);
        return;
    }
    const struct pawl_quota_amount *unkept = &windows->used[place].unkept;
    if (nothing && unkept->microcents == 0 && unkept->tokens == 0) {
        look(windows, place, subscription, news);
    } else {
        keep(windows, place, subscription, news);
    }
}
