/* SPDX-License-Identifier: Apache-2.0 */
/* limit_words.h: what people call a limit, the same in refusals, lists and lines. */
#ifndef PAWL_ENGINE_LIMIT_WORDS_H
#define PAWL_ENGINE_LIMIT_WORDS_H

#include "engine/lend.h"

enum { PAWL_LIMIT_WORDS_BYTES = 320 };

/* Why a change is refused that was asked for from inside of a run. */
#define PAWL_LIMIT_INSIDE_RUN                                                                      \
    "limits are changed by a person, and this came from inside of a run, where an agent could do " \
    "it. Say it again in another terminal"

/* "hour", "day", "month"; "5h" of a fixed window. */
const char *pawl_limit_period(const struct pawl_limit *limit,
                              char out[static PAWL_LIMIT_WORDS_BYTES]);
/* "on this machine", "in the repository /x", "in /x". */
const char *pawl_limit_where(const struct pawl_limit *limit,
                             char out[static PAWL_LIMIT_WORDS_BYTES]);
/* "00:00", or "2026-12-01 00:00" where that is not within a day, or "23:59:30" within ten minutes,
 * in the local time zone; and "3h 12m" until then. Up, both. */
const char *
pawl_limit_clock(int64_t at_us, int64_t now_us, char out[static PAWL_LIMIT_WORDS_BYTES]);
const char *
pawl_limit_until(int64_t at_us, int64_t now_us, char out[static PAWL_LIMIT_WORDS_BYTES]);
/* "machine", "repo", "dir", as JSON and the ledger have it; and back: COUNT for none of them. */
const char *pawl_limit_place_name(enum pawl_limit_place place);
enum pawl_limit_place pawl_limit_place_of(struct pawl_slice name);
/* "hour" … "year"; "" for NONE; and back: NONE for none of them. */
const char *pawl_limit_period_name(uint8_t period);
uint8_t pawl_limit_period_of(struct pawl_slice name);

#endif
