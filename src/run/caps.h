/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caps.h: what binds a run. A cap that was given stands; one that was not has the policy's value
 * (policy.h), since redundant caps cost nothing. One exception: where tokens were given and dollars
 * were not, dollars follow from the tokens at the model's dearest rate, so that they only bind when
 * a dearer model is used.
 */
#ifndef PAWL_RUN_CAPS_H
#define PAWL_RUN_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "core/command.h"
#include "gateway/price.h"
#include "run/run.h"

uint16_t pawl_cap_unit(enum pawl_run_cap_index index);
/* PAWL_CAP_COUNT for a unit without a cap. */
enum pawl_run_cap_index pawl_cap_of_unit(uint16_t unit);
/* "dollars", "tokens", "tool calls", "model calls", "time". */
const char *pawl_cap_noun(enum pawl_run_cap_index index);

/* Dollars from tokens, where only those are set. `price` NULL: the model, or its price, is not
 * known, and nothing is derived. */
void pawl_caps_derive(struct pawl_run_cap caps[static PAWL_CAP_COUNT],
                      const struct pawl_price *price);

/* What an amount of money buys in tokens, or tokens cost in money: the two ends, all output and all
 * input, the lower first. false: no price. */
struct pawl_caps_range {
    int64_t low;
    int64_t high;
};
PAWL_MUST_CHECK bool pawl_caps_tokens_for(const struct pawl_price *price,
                                          int64_t microcents,
                                          struct pawl_caps_range *ret_tokens);
PAWL_MUST_CHECK bool pawl_caps_cost_of(const struct pawl_price *price,
                                       int64_t tokens,
                                       struct pawl_caps_range *ret_microcents);

enum { PAWL_CAP_TEXT_BYTES = 64 };
/* "$1.50", "5M", "300", "1h 30m": as people read it. Tokens are shortened where nothing is lost. */
const char *pawl_cap_format(enum pawl_run_cap_index index,
                            int64_t amount,
                            char out[static PAWL_CAP_TEXT_BYTES]);
/* The same for tables and what changes while one looks: dollars have at most four decimals. What is
 * booked is told whole. */
const char *
pawl_cap_short(enum pawl_run_cap_index index, int64_t amount, char out[static PAWL_CAP_TEXT_BYTES]);
/* "$1.50", "60K tokens", "1 tool call", "3 model calls", "1h": with its noun. */
const char *pawl_cap_phrase(enum pawl_run_cap_index index,
                            int64_t amount,
                            char out[static PAWL_CAP_TEXT_BYTES]);

/* The session's caps for SESSION_OPEN; returns how many. */
uint32_t pawl_caps_for_session(const struct pawl_run_cap caps[static PAWL_CAP_COUNT],
                               struct pawl_session_cap out[static PAWL_SESSION_CAPS_MAX]);

#endif
