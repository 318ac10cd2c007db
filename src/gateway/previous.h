/* SPDX-License-Identifier: Apache-2.0 */
/*
 * previous.h: how large the answers of this run are that a later call may go on from. A request
 * with `previous_response_id` brings its new items only, and is billed for all that came before:
 * what the answer that it names had as input, and what it was. Both were counted when it was
 * settled.
 *
 * A cache of fixed size; what is not in it, from before the run or long ago, is bounded by the
 * model's context window instead.
 */
#ifndef PAWL_GATEWAY_PREVIOUS_H
#define PAWL_GATEWAY_PREVIOUS_H

#include <stdint.h>

#include "base/slice.h"

enum { PAWL_PREVIOUS_COUNT_MAX = 1024 };

struct pawl_previous {
    uint64_t ids[PAWL_PREVIOUS_COUNT_MAX]; /* hashes; 0: free */
    int64_t tokens[PAWL_PREVIOUS_COUNT_MAX];
    uint32_t next; /* the oldest, which goes first */
};

/* An answer whose id is empty is not remembered. */
void pawl_previous_remember(struct pawl_previous *previous, struct pawl_slice id, int64_t tokens);
/* -1: not known. */
int64_t pawl_previous_tokens(const struct pawl_previous *previous, struct pawl_slice id);

#endif
