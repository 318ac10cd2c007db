/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.h: the subscriptions that runs went out on, kept in the data directory from one run to
 * the next: how much of each window their provider said was used, when it resets, and how many
 * tokens a share of it was seen to be. A file an account, accounts/<id>.json, replaced whole; of
 * two runs that write at once the later stays, and the next answer brings both up to date.
 *
 * It is a note of what providers said, not a ledger: losing it loses nothing but foresight.
 */
#ifndef PAWL_RUN_ACCOUNTS_H
#define PAWL_RUN_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "gateway/subscription.h"
#include "run/datadir.h"

enum { PAWL_ACCOUNT_ID_BYTES = 17 }; /* 16 hex digits, a NUL */

struct pawl_account_window {
    struct pawl_vendor_window seen;
    int64_t learned_tokens; /* that were booked while … */
    int64_t learned_bp;     /* … so much of the window went */
};

struct pawl_account_record {
    char id[PAWL_ACCOUNT_ID_BYTES];
    enum pawl_upstream upstream;
    enum pawl_billing billing;
    int64_t seen_us;
    uint32_t window_count;
    struct pawl_account_window windows[PAWL_VENDOR_WINDOWS_MAX];
};

/* The key of the ids. NOT_FOUND: none was made yet. */
PAWL_MUST_CHECK pawl_err pawl_accounts_read_key(const struct pawl_datadir *dir,
                                                struct pawl_hash_key *ret_key,
                                                struct pawl_errmsg *msg);
/* Keeps a key that was made by chance. EXISTS: another run was faster, and its key stays. */
PAWL_MUST_CHECK pawl_err pawl_accounts_keep_key(const struct pawl_datadir *dir,
                                                const struct pawl_hash_key *key,
                                                struct pawl_errmsg *msg);
/* NOT_FOUND: nothing is known of it; CORRUPT: the file is none of ours. */
PAWL_MUST_CHECK pawl_err pawl_accounts_read(const struct pawl_datadir *dir,
                                            const char *id,
                                            struct pawl_account_record *ret_record,
                                            struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_accounts_write(const struct pawl_datadir *dir,
                                             const struct pawl_account_record *record,
                                             struct pawl_errmsg *msg);
/* Each account, in no order; files that are none are passed over. false stops. */
typedef bool pawl_account_fn(void *arg, const struct pawl_account_record *record);
PAWL_MUST_CHECK pawl_err pawl_accounts_each(const struct pawl_datadir *dir,
                                            pawl_account_fn *fn,
                                            void *arg,
                                            struct pawl_errmsg *msg);

/* Takes what a provider has just said, with the tokens booked on the account since it last said
 * something, into the record. */
void pawl_account_learn(struct pawl_account_record *record,
                        const struct pawl_subscription *subscription,
                        int64_t tokens_since);
/* What a window has left at `now_us`, in tokens, by what was learned; -1: not known. A window whose
 * reset is past has all of it. */
int64_t pawl_account_tokens_left(const struct pawl_account_window *window, int64_t now_us);
/* "anthropic", "openai", "gemini". */
const char *pawl_upstream_name(enum pawl_upstream upstream);
void pawl_account_id_text(uint64_t id, char out[static PAWL_ACCOUNT_ID_BYTES]);

#endif
