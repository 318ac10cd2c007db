/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.h: o200k_base, the encoding of OpenAI's models since GPT-4o, to count what a text has
 * in tokens before it is sent. Other models' tokenizers are secret or large; their counts follow
 * this one by a factor that is learned (estimate_model.c).
 *
 * It is exact, with one exception: a piece without a break that is longer than
 * PAWL_TOKENIZER_PIECE_BYTES_MAX (a line of 10,000 equals signs) is encoded in parts of that
 * length, since merging is more than linear in the length of a piece. Each cut can make a few
 * tokens more or fewer; PAWL_TOKENIZER_CUT_TOKENS for each are added, and only to counts.
 *
 * Everything is constant data of the program. It is mapped when it is touched: nothing is read or
 * built at the start, and what never tokenizes never pays.
 */
#ifndef PAWL_GATEWAY_TOKENIZER_H
#define PAWL_GATEWAY_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { PAWL_TOKENIZER_PIECE_BYTES_MAX = 2048, PAWL_TOKENIZER_CUT_TOKENS = 2 };

/* Tokens that the text has. Special tokens are text here. Bytes that are no UTF-8 are characters of
 * their own. */
size_t pawl_tokenizer_count(struct pawl_slice text);
/* The same, and the ranks of the first `ret_ranks_max` of them. */
size_t pawl_tokenizer_encode(struct pawl_slice text, uint32_t *ret_ranks, size_t ret_ranks_max);

#endif
