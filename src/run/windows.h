/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows.h: a run and the windows of its subscriptions: what is known of them before it starts,
 * and what it learns while it goes (accounts.h keeps it).
 */
#ifndef PAWL_RUN_WINDOWS_H
#define PAWL_RUN_WINDOWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "run/accounts.h"
#include "run/agents.h"
#include "run/environ.h"

struct pawl_windows {
    const struct pawl_datadir *dir; /* borrowed */
    struct pawl_hash_key key;
    bool key_kept;  /* it is on disk; else it was made by chance for this run */
    bool key_lost;  /* it cannot be: another run's is there, and nothing is written */
    uint32_t count; /* accounts that this run has used so far */
    struct {
        struct pawl_account_record record;
        int64_t tokens; /* that were booked when it last learned */
    } used[PAWL_SUBSCRIPTIONS_MAX];
};

/* Reads the key, or makes one. Writes nothing: most runs pay by the call and have no windows. */
void pawl_windows_open(struct pawl_windows *windows, const struct pawl_datadir *dir);
/* For the gateway: takes what a provider said, and writes it down where it is news. */
void pawl_windows_learn(struct pawl_windows *windows, const struct pawl_subscription *subscription);

/* Finds the account that an agent will use: by a credential in the environment, or else the one
 * that calls to its provider went out on last. false: none is known. */
PAWL_MUST_CHECK bool pawl_windows_guess(const struct pawl_windows *windows,
                                        pawl_environ_get_fn *get,
                                        enum pawl_agent agent,
                                        struct pawl_account_record *ret_record);
/* Appends "anthropic subscription 3f2a…: 5h window 63.4% used, …" with a new line; and whether the
 * run, which may use `run_tokens`, fits into what is left. */
void pawl_windows_line(const struct pawl_account_record *record,
                       int64_t run_tokens,
                       int64_t now_us,
                       struct pawl_buf *out);

enum { PAWL_WINDOW_TEXT_BYTES = 96 };
/* "63.4% used, resets in 1h 12m", "unused since it reset". */
const char *pawl_window_text(const struct pawl_account_window *window,
                             int64_t now_us,
                             char out[static PAWL_WINDOW_TEXT_BYTES]);

#endif
