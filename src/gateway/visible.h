/* SPDX-License-Identifier: Apache-2.0 */
/*
 * visible.h: the text of an answer as it streams, and how many tokens of o200k_base it has.
 *
 * Keeping it costs a copy; counting costs several times as much, and most answers end far from
 * what is held for them. So nothing is counted before somebody asks, or before so much has
 * collected that it would have to be kept. Text comes in pieces that end anywhere: a word at the
 * end is counted for now, and again with what follows it.
 */
#ifndef PAWL_GATEWAY_VISIBLE_H
#define PAWL_GATEWAY_VISIBLE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { PAWL_VISIBLE_BYTES_MAX = 64 << 10 }; /* of text that is kept */

struct pawl_visible {
    struct pawl_buf text; /* that is not counted for good */
    int64_t bytes;        /* of all that came */
    int64_t tokens;       /* of what was counted for good */
};

void pawl_visible_init(struct pawl_visible *visible);
void pawl_visible_free(struct pawl_visible *visible);
/* Copies. */
void pawl_visible_add(struct pawl_visible *visible, struct pawl_slice text);
/* Tokens of all that came. */
int64_t pawl_visible_count(struct pawl_visible *visible);

#endif
