/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spends.h: what a hold, a debit and a decision have in common: whom it is about, what is done, how
 * much it may cost; and how a server's decision is told.
 */
#ifndef PAWL_CLI_SPENDS_H
#define PAWL_CLI_SPENDS_H

#include "cli/ask.h"
#include "cli/ask_values.h"

enum {
    PAWL_SPEND_ACTION = 980,
    PAWL_SPEND_NAME,
    PAWL_SPEND_TAG,
    PAWL_SPEND_OVERAGE,
    PAWL_SPEND_TOKENS_IN,
    PAWL_SPEND_TOKENS_OUT,
    PAWL_SPEND_LATENCY,
    PAWL_SPEND_MODEL
};

#define PAWL_SPEND_ACTION_OPTIONS                                                                  \
    {PAWL_SPEND_ACTION, 0, "action", "KIND",                                                       \
     "what is done: llm.completion, tool.call (default manual)"},                                  \
        {PAWL_SPEND_NAME, 0, "name", "NAME", "which one, such as a model's name (default pawl)"},  \
    {                                                                                              \
        PAWL_SPEND_TAG, 0, "tag", "WORD", "beside the action; may be repeated"                     \
    }
#define PAWL_SPEND_OVERAGE_OPTION                                                                  \
    {                                                                                              \
        PAWL_SPEND_OVERAGE, 0, "overage", "OVERAGE",                                               \
            "above what is left: reject, available, overdraft (else as set there)"                 \
    }
#define PAWL_SPEND_METRIC_OPTIONS                                                                  \
    {PAWL_SPEND_TOKENS_IN, 0, "tokens-in", "N", "kept beside it: tokens of input"},                \
        {PAWL_SPEND_TOKENS_OUT, 0, "tokens-out", "N", "tokens of output"},                         \
        {PAWL_SPEND_LATENCY, 0, "latency", "TIME", "how long it took"},                            \
    {                                                                                              \
        PAWL_SPEND_MODEL, 0, "model", "NAME", "which model answered"                               \
    }

/* Begins a request to `path`: the key, the subject, the action, and the amount under `amount_key`.
 * Returns PAWL_CLI_GO_ON or a status. */
int pawl_spend_begin(struct pawl_ask *ask,
                     const char *path,
                     const char *amount_key,
                     struct pawl_ask_subject *ret_subject,
                     struct pawl_amount *ret_amount);
/* "metrics", of the options above; nothing where none was given. */
int pawl_spend_put_metrics(struct pawl_ask *ask);
/* ALLOW, its caps, or DENY with the reason, of a decision that holds nothing. For people, a DENY
 * has the numbers of the budgets in `unit` below it, where the key may read them. Returns the
 * status: REFUSED of a DENY. */
int pawl_spend_print_decision(struct pawl_ask *ask, uint16_t unit);
/* "max_tokens 4096", where the answer has caps. */
void pawl_spend_print_caps(struct pawl_ask *ask);
/* A line a budget that the answer tells of: what is left there. */
void pawl_spend_print_balances(struct pawl_ask *ask);

#endif
