/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_values.h: options whose values mean something to a server: words, times, amounts, and whom it
 * is about. Mistakes are told here.
 */
#ifndef PAWL_CLI_ASK_VALUES_H
#define PAWL_CLI_ASK_VALUES_H

#include "base/money.h"
#include "cli/ask.h"

/* What the command's table calls it. */
const char *pawl_ask_option_name(const struct pawl_cli_call *call, int option);
/* One of "ACTIVE|CLOSED", in any case; the word lies in `out`, and *ret_word is NULL where the
 * option was not given. Returns PAWL_CLI_GO_ON or a status, as all below. */
int pawl_ask_take_word(const struct pawl_cli_call *call,
                       int option,
                       const char *words,
                       char out[static PAWL_ASK_CELL_BYTES],
                       const char **ret_word);
/* Refuses an empty value of an option that may be repeated. Of what is changed it takes the whole
 * list away; of what is made it is the "$filter" that was not set, and would leave out a
 * restriction. */
int pawl_ask_want_texts(const struct pawl_cli_call *call, int option);
/* "--overage": reject, available, overdraft, as the protocol calls them. */
int pawl_ask_take_overage(const struct pawl_cli_call *call, int option, const char **ret_word);
/* A duration as milliseconds; *ret_ms is -1 where it was not given. */
int pawl_ask_take_ms(const struct pawl_cli_call *call, int option, int64_t *ret_ms);
/* A count from 0 on; -1 where it was not given. */
int pawl_ask_take_count(const struct pawl_cli_call *call, int option, int64_t *ret_count);
/* A time: a duration from now on (or back), a date, or a whole time of ISO 8601, as the latter. */
int pawl_ask_take_time(const struct pawl_cli_call *call,
                       int option,
                       bool back,
                       char out[static PAWL_ASK_CELL_BYTES],
                       const char **ret_time);

/* --- Amounts --------------------------------------------------------------------------------- */

enum { PAWL_ASK_USD = 940, PAWL_ASK_TOKENS, PAWL_ASK_CREDITS, PAWL_ASK_RISK_POINTS, PAWL_ASK_UNIT };

#define PAWL_ASK_AMOUNT_OPTIONS                                                                    \
    {PAWL_ASK_USD, 0, "usd", "USD", "so many dollars: 20, 12.50, $7.50"},                          \
        {PAWL_ASK_TOKENS, 0, "tokens", "N", "so many tokens: 500K, 10M"},                          \
        {PAWL_ASK_CREDITS, 0, "credits", "N", "so many credits"},                                  \
    {                                                                                              \
        PAWL_ASK_RISK_POINTS, 0, "risk-points", "N", "so many risk points"                         \
    }
#define PAWL_ASK_UNIT_OPTION                                                                       \
    {                                                                                              \
        PAWL_ASK_UNIT, 'u', "unit", "UNIT",                                                        \
            "which of its budgets: usd, tokens, credits, risk-points"                              \
    }

/* Exactly one of them, at least 0. */
int pawl_ask_take_amount(const struct pawl_cli_call *call, struct pawl_amount *ret_amount);
/* Another one of the same unit, such as --overdraft; -1 where it was not given. */
int pawl_ask_take_amount_of(const struct pawl_cli_call *call,
                            int option,
                            uint16_t unit,
                            int64_t *ret_amount);
/* --unit; PAWL_UNIT_NONE where it was not given. */
int pawl_ask_take_unit(const struct pawl_cli_call *call, uint16_t *ret_unit);
/* {"unit":…,"amount":…} as a member. */
void pawl_ask_put_amount(struct pawl_ask *ask, const char *key, struct pawl_amount amount);

/* --- Subjects and scopes --------------------------------------------------------------------- */

enum {
    PAWL_ASK_TENANT = 960,
    PAWL_ASK_WORKSPACE,
    PAWL_ASK_APP,
    PAWL_ASK_WORKFLOW,
    PAWL_ASK_AGENT,
    PAWL_ASK_TOOLSET,
    PAWL_ASK_DIMENSION,
    PAWL_ASK_SCOPE,
    PAWL_ASK_LEVELS = 6
};

#define PAWL_ASK_LEVEL_OPTIONS                                                                     \
    {PAWL_ASK_SCOPE, 's', "scope", "SCOPE", "whom it is about: tenant:acme/workspace:web"},        \
        {PAWL_ASK_TENANT, 0, "tenant", "TENANT", "the same, level by level"},                      \
        {PAWL_ASK_WORKSPACE, 0, "workspace", "NAME", "a workspace of the tenant"},                 \
        {PAWL_ASK_APP, 0, "app", "NAME", "an application"},                                        \
        {PAWL_ASK_WORKFLOW, 0, "workflow", "NAME", "a workflow"},                                  \
        {PAWL_ASK_AGENT, 0, "agent", "NAME", "an agent"},                                          \
    {                                                                                              \
        PAWL_ASK_TOOLSET, 0, "toolset", "NAME", "a set of tools"                                   \
    }
#define PAWL_ASK_DIMENSION_OPTION                                                                  \
    {                                                                                              \
        PAWL_ASK_DIMENSION, 0, "dimension", "NAME=VALUE", "of the subject; may be repeated"        \
    }

/* "tenant", "workspace", … by their place in a scope. */
extern const char *const pawl_ask_levels[PAWL_ASK_LEVELS];

/* The values of the six levels; NULL: the level is not there. */
struct pawl_ask_subject {
    const char *levels[PAWL_ASK_LEVELS];
    char text[PAWL_ASK_CELL_BYTES];   /* of those that --scope named */
    char tenant[PAWL_ASK_CELL_BYTES]; /* of the tenant that the server told */
};

/* Of --scope and the levels' own options, at most one of the two for each level. */
int pawl_ask_take_subject(const struct pawl_cli_call *call, struct pawl_ask_subject *ret_subject);
/* An operand that is a scope; one without a level's name is a tenant: "acme" is "tenant:acme". */
int pawl_ask_take_scope(const struct pawl_cli_call *call,
                        const char *text,
                        struct pawl_ask_subject *ret_subject);
/* "tenant:acme/workspace:web". */
const char *pawl_ask_scope_path(const struct pawl_ask_subject *subject,
                                char out[static PAWL_ASK_CELL_BYTES]);
/* Where no tenant is named, the one whose key is shown, which the server is asked for. */
int pawl_ask_fill_tenant(struct pawl_ask *ask,
                         enum pawl_plane plane,
                         struct pawl_ask_subject *subject);
/* As the member "subject", with its dimensions; and as parameters of the query. */
int pawl_ask_put_subject(struct pawl_ask *ask, const struct pawl_ask_subject *subject);
void pawl_ask_query_subject(struct pawl_ask *ask, const struct pawl_ask_subject *subject);

#endif
