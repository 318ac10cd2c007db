/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account_guess.h: which account an agent will use, as far as that can be told before its first
 * call: by the credentials in its environment, in the order in which it looks at them itself, and
 * by what its own log-in says of itself. Credentials are hashed and looked at for their form; none
 * is kept or shown.
 */
#ifndef PAWL_RUN_ACCOUNT_GUESS_H
#define PAWL_RUN_ACCOUNT_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "run/accounts.h"
#include "run/agents.h"
#include "run/environ.h"

struct pawl_account_guess {
    enum pawl_upstream upstream;
    const char *source; /* "CLAUDE_CODE_OAUTH_TOKEN", "the log-in of Claude Code"; NULL: nothing
                           speaks for it but that it was used last */
    bool known;         /* there is a record of it */
    bool assumed;       /* that record is of the account that was used last */
    enum pawl_billing billing;
    bool billing_set;                  /* by a person */
    struct pawl_account_record record; /* without `known` only the id counts */
};

struct pawl_account_question {
    const struct pawl_datadir *dir;
    struct pawl_hash_key key;
    pawl_environ_get_fn *get;
    enum pawl_agent agent;
    enum pawl_billing_mode mode; /* --billing */
};

/* One a provider at most; returns how many. For an agent that is known it is one or none. */
uint32_t pawl_account_guess(const struct pawl_account_question *question,
                            struct pawl_account_guess ret_guesses[static PAWL_UPSTREAM_COUNT]);
/* The account of the credential in a variable. NOT_FOUND: it is not set; INVALID: its name says
 * nothing of its provider, and `upstream` is COUNT. */
PAWL_MUST_CHECK pawl_err pawl_account_of_variable(const struct pawl_account_question *question,
                                                  const char *variable,
                                                  enum pawl_upstream upstream,
                                                  struct pawl_account_guess *ret_guess,
                                                  struct pawl_errmsg *msg);
/* Appends "work: anthropic plan, by CLAUDE_CODE_OAUTH_TOKEN (dollars are what …)"; of keys without
 * a name that are paid by the token, only that they are. */
void pawl_account_guess_words(const struct pawl_account_guess *guesses,
                              uint32_t count,
                              struct pawl_buf *out);

#endif
