/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_late.c: what a run that was killed did not come to book on its accounts' windows: calls
 * that were in the air, and one that had ended in its last moment. Its ledger has them all, the
 * first at what was held, and says of each which account it was on.
 *
 * A booking on an account and a commit in a journal cannot be made together, and either may be the
 * one that a kill let through. So a run writes beside what it books how much that is so far, in
 * the same file, which is replaced whole; and who settles it books what its ledger has more than
 * that, and writes so in turn. Whoever dies at whatever moment, and whoever does it again, the sum
 * is booked once: it is a difference, and the second time that is nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "history/history.h"
#include "run/accounts.h"
#include "run/rundir.h"

enum { ARENA_BYTES_MAX = 1 << 20 };

/* --- What runs have booked ------------------------------------------------------------------- */

static void drop(struct pawl_account_record *record, uint32_t index)
{
    record->run_count--;
    memmove(&record->runs[index], &record->runs[index + 1],
            (record->run_count - index) * sizeof(record->runs[0]));
}

/* It has ended, or was removed since. */
static bool is_over(const struct pawl_datadir *dir, const char *run_id)
{
    char relative[PAWL_RUN_ID_BYTES + 8];
    char path[PAWL_PATH_BYTES];
    (void)snprintf(relative, sizeof(relative), "runs/%s", run_id);
    bool gone = pawl_ok(pawl_datadir_path(dir, relative, path, NULL)) && access(path, F_OK) != 0 &&
                errno == ENOENT;
    return gone || pawl_rundir_says_ended(dir, run_id, UINT64_MAX);
}

/* Nobody settles a run that is over. Of more than there is room for the oldest goes. */
static void make_room(const struct pawl_datadir *dir, struct pawl_account_record *record)
{
    for (uint32_t i = record->run_count; i > 0; i--) {
        if (is_over(dir, record->runs[i - 1].id)) {
            drop(record, i - 1);
        }
    }
    if (record->run_count == PAWL_ACCOUNT_RUNS_MAX) {
        drop(record, 0);
    }
}

static struct pawl_account_run *find(struct pawl_account_record *record, const char *run_id)
{
    for (uint32_t i = 0; i < record->run_count; i++) {
        if (strcmp(record->runs[i].id, run_id) == 0) {
            return &record->runs[i];
        }
    }
    return NULL;
}

void pawl_account_note_run(const struct pawl_datadir *dir,
                           struct pawl_account_record *record,
                           const char *run_id,
                           struct pawl_quota_amount booked)
{
    struct pawl_account_run *run = find(record, run_id);
    if (run == NULL) {
        make_room(dir, record);
        run = &record->runs[record->run_count++];
        *run = (struct pawl_account_run){.booked = {.tokens = 0}};
        (void)pawl_slice_copy_str(pawl_slice_str(run_id), run->id, sizeof(run->id));
    }
    pawl_quota_add(&run->booked, booked);
}

/* --- What a ledger says ---------------------------------------------------------------------- */

struct ledger_account {
    char id[PAWL_ACCOUNT_ID_BYTES]; /* under which it is kept */
    struct pawl_quota_amount spent;
    int64_t last_us; /* when its last call was made */
};

struct ledger {
    const struct pawl_datadir *dir;
    struct pawl_arena arena;
    uint32_t count;
    struct ledger_account accounts[PAWL_SUBSCRIPTIONS_MAX];
};

/* NULL: nothing is known of such an account, so it has no windows; or there are too many. */
static struct ledger_account *account_of(struct ledger *ledger, struct pawl_slice id)
{
    char text[PAWL_ACCOUNT_ID_BYTES];
    struct pawl_account_record record;
    struct pawl_errmsg ignored;
    if (!pawl_slice_copy_str(id, text, sizeof(text)) ||
        pawl_failed(pawl_accounts_read(ledger->dir, text, &record, &ignored))) {
        return NULL;
    }
    for (uint32_t i = 0; i < ledger->count; i++) {
        if (strcmp(ledger->accounts[i].id, record.id) == 0) {
            return &ledger->accounts[i];
        }
    }
    if (ledger->count == PAWL_SUBSCRIPTIONS_MAX) {
        return NULL;
    }
    struct ledger_account *fresh = &ledger->accounts[ledger->count++];
    *fresh = (struct ledger_account){.last_us = 0};
    memcpy(fresh->id, record.id, sizeof(fresh->id));
    return fresh;
}

static bool take_call(void *arg, const struct pawl_history_call *call)
{
    struct ledger *ledger = arg;
    struct pawl_json json;
    pawl_arena_reset(&ledger->arena);
    if (pawl_slice_empty(call->reserve_meta) ||
        !pawl_json_parse(&ledger->arena, call->reserve_meta, PAWL_JSON_LEDGER,
                         PAWL_JSON_LIMITS_DEFAULT, &json)) {
        return true;
    }
    struct pawl_slice id = pawl_json_string_raw(&json, pawl_json_get(&json, 0, "account"));
    struct ledger_account *account = pawl_slice_empty(id) ? NULL : account_of(ledger, id);
    if (account != NULL) {
        struct pawl_quota_amount spent = {
            .microcents = pawl_max_i64(call->spent[PAWL_HISTORY_MICROCENTS], 0),
            .tokens = pawl_max_i64(call->spent[PAWL_HISTORY_TOKENS], 0),
        };
        pawl_quota_add(&account->spent, spent);
        account->last_us = pawl_max_i64(account->last_us, call->at_us);
    }
    return true;
}

/* --- Booking the difference ------------------------------------------------------------------ */

struct late {
    const struct pawl_datadir *dir;
    const char *run_id;
    const struct ledger_account *account;
    int64_t now_us;
};

static pawl_err
on_change(void *arg, struct pawl_account_record *record, bool *ret_write, struct pawl_errmsg *msg)
{
    const struct late *late = arg;
    const struct pawl_account_run *run = find(record, late->run_id);
    struct pawl_quota_amount booked = {.tokens = 0};
    (void)msg;
    if (run != NULL) {
        booked = run->booked;
    }
    struct pawl_quota_amount more = {
        .microcents = pawl_max_i64(late->account->spent.microcents - booked.microcents, 0),
        .tokens = pawl_max_i64(late->account->spent.tokens - booked.tokens, 0),
    };
    *ret_write = more.microcents > 0 || more.tokens > 0;
    if (*ret_write) {
        pawl_quota_book_late(&record->quota, more, late->account->last_us, late->now_us);
        pawl_account_note_run(late->dir, record, late->run_id, more);
    }
    return PAWL_OK;
}

pawl_err pawl_accounts_settle(const struct pawl_datadir *dir,
                              struct pawl_history *history,
                              const char *run_id,
                              int64_t now_us,
                              struct pawl_errmsg *msg)
{
    struct ledger ledger = {.dir = dir};
    pawl_arena_init(&ledger.arena, ARENA_BYTES_MAX);
    pawl_err err = pawl_history_calls(history, pawl_slice_str(run_id), take_call, &ledger, msg);
    for (uint32_t i = 0; pawl_ok(err) && i < ledger.count; i++) {
        struct pawl_account_record record;
        struct late late = {
            .dir = dir, .run_id = run_id, .account = &ledger.accounts[i], .now_us = now_us};
        err = pawl_accounts_change(dir, ledger.accounts[i].id, on_change, &late, &record, msg);
    }
    pawl_arena_free(&ledger.arena);
    return err;
}
