/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer_priv.h: the vocabulary as constants, which tools/token_table.c writes when pawl is
 * built, and what the files of the tokenizer share.
 *
 *   tokenizer_split.c  a text into pieces, by the pattern of o200k_base
 *   tokenizer.c        a piece into tokens
 *
 * A token is found by its bytes: an open table of 2^18 slots, in each 14 bits of the hash above 18
 * bits of the rank. So a look-up that fails, as most do while a piece is merged, touches one line
 * of memory.
 */
#ifndef PAWL_GATEWAY_TOKENIZER_PRIV_H
#define PAWL_GATEWAY_TOKENIZER_PRIV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum {
    TOKEN_SLOT_BITS = 18,
    TOKEN_SLOT_COUNT = 1 << TOKEN_SLOT_BITS,
    TOKEN_RANK_BITS = 18,
    TOKEN_BYTES_MAX = 128,
    TOKEN_LENGTH_BITS = 8, /* in pawl_token_places, below the offset */
    TOKEN_BLOCK_BITS = 7,  /* code points of one block of classes */
    TOKEN_BLOCK_CODE_POINTS = 1 << TOKEN_BLOCK_BITS,
    TOKEN_CODE_POINT_COUNT = 0x110000
};
#define TOKEN_RANK_NONE  UINT32_MAX
#define TOKEN_SLOT_EMPTY UINT32_MAX

/* What the pattern tells apart. The order is that of tools/refresh_tokens.mjs. */
enum token_class {
    TOKEN_OTHER,
    TOKEN_UPPER,  /* Lu, Lt */
    TOKEN_LOWER,  /* Ll */
    TOKEN_LETTER, /* Lm, Lo */
    TOKEN_MARK,   /* M */
    TOKEN_NUMBER, /* N */
    TOKEN_SPACE
};

extern const uint32_t pawl_token_slots[TOKEN_SLOT_COUNT];
extern const uint32_t pawl_token_places[];      /* by rank: offset and length of its bytes */
extern const uint64_t pawl_token_bytes[];       /* of all tokens, one behind the other */
extern const uint16_t pawl_token_class_index[]; /* by code point without its lowest bits */
extern const uint8_t pawl_token_classes[];      /* enum token_class */

static inline uint64_t token_hash_on(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* 1 .. TOKEN_BYTES_MAX bytes. */
static inline uint64_t token_hash(const char *bytes, size_t count)
{
    uint64_t hash = count;
    uint64_t word = 0;
    uint32_t halves[2];
    for (; count > 8; count -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = token_hash_on(hash, word);
    }
    if (count >= 4) {
        memcpy(&halves[0], bytes, 4);
        memcpy(&halves[1], bytes + count - 4, 4);
        word = (uint64_t)halves[0] << 32 | halves[1];
    } else {
        word = (uint64_t)(uint8_t)bytes[0] << 16 | (uint64_t)(uint8_t)bytes[count / 2] << 8 |
               (uint8_t)bytes[count - 1];
    }
    return token_hash_on(token_hash_on(hash, word), 0);
}

static inline uint32_t token_slot_of(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - TOKEN_SLOT_BITS));
}

/* The upper bits of a slot's word. */
static inline uint32_t token_mark_of(uint64_t hash)
{
    return (uint32_t)hash << TOKEN_RANK_BITS;
}

/* --- tokenizer_split.c ---------------------------------------------------------------------- */

/* Where the piece ends that begins at `at`, which is inside the text. */
size_t pawl_token_piece_end(struct pawl_slice text, size_t at);

#endif
