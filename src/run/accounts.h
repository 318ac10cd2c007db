/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.h: the accounts that runs go out on, kept in the data directory and shared by all runs
 * that use it: what their windows have left, what they are called, how they are billed. A file an
 * account, accounts/<id>.json, changed under one lock and replaced whole, so that runs at the same
 * time see each other's use at once and no reader sees half a file.
 *
 * It mirrors a counter of somebody else's (docs/decisions/0012-windows-are-a-mirror.md): what a
 * power failure takes of it the next answer brings back, so nothing waits for the disk but what a
 * person said and what is counted by hand-set windows.
 */
#ifndef PAWL_RUN_ACCOUNTS_H
#define PAWL_RUN_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "gateway/subscription.h"
#include "run/datadir.h"

enum {
    PAWL_ACCOUNT_ID_BYTES = 17, /* 16 hex digits, a NUL */
    PAWL_ACCOUNT_SOURCE_BYTES = 64
};

/* How an account is billed: as its credential's form and its provider tell, or as a person says. */
enum pawl_billing_mode {
    PAWL_BILLING_MODE_AUTO,
    PAWL_BILLING_MODE_API,
    PAWL_BILLING_MODE_PLAN,
    PAWL_BILLING_MODE_COUNT
};

enum { PAWL_ACCOUNT_RUNS_MAX = 64 };

/* What a run has booked on the account, for whoever settles it when it was killed (account_late.c).
 * Kept with what it was booked on, in one file, so that both are there or neither is. */
struct pawl_account_run {
    char id[PAWL_RUN_ID_BYTES];
    struct pawl_quota_amount booked; /* by calls of which its ledger says that they were on it */
};

struct pawl_account_record {
    char id[PAWL_ACCOUNT_ID_BYTES];
    char name[PAWL_ACCOUNT_NAME_BYTES];     /* "": none was given */
    char source[PAWL_ACCOUNT_SOURCE_BYTES]; /* the variable that it was added by; "": none */
    char same_as[PAWL_ACCOUNT_ID_BYTES];    /* it is kept under another id; "": no */
    enum pawl_upstream upstream;
    enum pawl_billing detected;
    enum pawl_billing_mode mode;
    struct pawl_quota quota;
    uint32_t run_count;
    struct pawl_account_run runs[PAWL_ACCOUNT_RUNS_MAX]; /* the oldest first */
};

/* The key of the ids; made where there is none yet. */
PAWL_MUST_CHECK pawl_err pawl_accounts_key(const struct pawl_datadir *dir,
                                           struct pawl_hash_key *ret_key,
                                           struct pawl_errmsg *msg);
/* NOT_FOUND: nothing is known of it; CORRUPT: the file is none of ours. Follows `same_as`. */
PAWL_MUST_CHECK pawl_err pawl_accounts_read(const struct pawl_datadir *dir,
                                            const char *id,
                                            struct pawl_account_record *ret_record,
                                            struct pawl_errmsg *msg);
/* Reads it (a blank one where nothing is known), lets `fn` change it, and writes it, while nobody
 * else does. `fn` says whether there is anything to write. LOCKED: another is stopped while it has
 * the lock. EXISTS, INVALID …: what fn returned. */
typedef pawl_err pawl_account_change_fn(void *arg,
                                        struct pawl_account_record *record,
                                        bool *ret_write,
                                        struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_accounts_change(const struct pawl_datadir *dir,
                                              const char *id,
                                              pawl_account_change_fn *fn,
                                              void *arg,
                                              struct pawl_account_record *ret_record,
                                              struct pawl_errmsg *msg);
/* Two ids turn out to be one account: what a person set for `from` is kept with `to` from here on,
 * and `from` leads there. Does nothing where `from` is not known or leads there already. */
PAWL_MUST_CHECK pawl_err pawl_accounts_join(const struct pawl_datadir *dir,
                                            const char *from,
                                            const char *to,
                                            struct pawl_errmsg *msg);
/* Forgets it. NOT_FOUND. */
PAWL_MUST_CHECK pawl_err pawl_accounts_remove(const struct pawl_datadir *dir,
                                              const char *id,
                                              struct pawl_errmsg *msg);
/* Each account, by name and id; files that are none are passed over. false stops. */
typedef bool pawl_account_fn(void *arg, const struct pawl_account_record *record);
PAWL_MUST_CHECK pawl_err pawl_accounts_each(const struct pawl_datadir *dir,
                                            pawl_account_fn *fn,
                                            void *arg,
                                            struct pawl_errmsg *msg);
/* Whether there may be a record of any. */
bool pawl_accounts_any(const struct pawl_datadir *dir);
/* By its name, its id, or the beginning of its id. NOT_FOUND; INVALID: several begin so. */
PAWL_MUST_CHECK pawl_err pawl_accounts_find(const struct pawl_datadir *dir,
                                            const char *text,
                                            struct pawl_account_record *ret_record,
                                            struct pawl_errmsg *msg);
/* Tells one state of a file from the next; all 0: there is none. */
struct pawl_account_stamp {
    uint64_t inode;
    struct timespec changed;
};
struct pawl_account_stamp pawl_accounts_stamp(const struct pawl_datadir *dir, const char *id);

/* --- account_late.c
 * ---------------------------------------------------------------------------------- */

/* Adds to what the run has booked, as it is written down. Runs that have ended are dropped where a
 * new one comes. */
void pawl_account_note_run(const struct pawl_datadir *dir,
                           struct pawl_account_record *record,
                           const char *run_id,
                           struct pawl_quota_amount booked);
/* Books what the ledger of a run that was killed says of calls, and the run did not. The history
 * has all of it. May be repeated: it is booked once. */
struct pawl_history;
PAWL_MUST_CHECK pawl_err pawl_accounts_settle(const struct pawl_datadir *dir,
                                              struct pawl_history *history,
                                              const char *run_id,
                                              int64_t now_us,
                                              struct pawl_errmsg *msg);

/* What it is taken for: as a person said, else as it was seen. */
enum pawl_billing pawl_account_billing(const struct pawl_account_record *record);
/* Whether a name may be given: letters, digits and . _ -, and it is no id. */
bool pawl_account_name_ok(const char *name);

/* --- account_record.c ------------------------------------------------------------------------ */

void pawl_account_record_write(const struct pawl_account_record *record, struct pawl_buf *out);
/* false: it is none of ours. `id` is the caller's. */
PAWL_MUST_CHECK bool pawl_account_record_read(struct pawl_slice text,
                                              struct pawl_account_record *ret_record);
/* "anthropic", "openai", "gemini"; and back: COUNT for none of them. */
const char *pawl_upstream_name(enum pawl_upstream upstream);
enum pawl_upstream pawl_upstream_of_name(const char *name);
/* "auto", "api", "plan"; and back: COUNT for none of them. */
const char *pawl_billing_mode_name(enum pawl_billing_mode mode);
enum pawl_billing_mode pawl_billing_mode_of(const char *name);
const char *pawl_billing_name(enum pawl_billing billing);
void pawl_account_id_text(uint64_t id, char out[static PAWL_ACCOUNT_ID_BYTES]);

#endif
