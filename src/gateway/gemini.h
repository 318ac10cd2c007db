/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini.h: what Google's models do is told by their names. Names that are newer than this file
 * are taken for the newest kind, on which more costs and more is hidden.
 */
#ifndef PAWL_GATEWAY_GEMINI_H
#define PAWL_GATEWAY_GEMINI_H

#include <stdbool.h>

#include "base/slice.h"

/* Through version 2.5 a prompt that was grounded is one fee, however many queries it led to; later
 * models have one for each query, and nothing says how many there will be. */
bool pawl_gemini_bills_searches_by_prompt(struct pawl_slice model);
/* Whether it may think before it answers when nobody asks it to, or not to. */
bool pawl_gemini_may_think(struct pawl_slice model);

#endif
