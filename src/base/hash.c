/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c: SipHash-2-4, and 1-3 for what is long. It reads bytes in a fixed order, so that it gives
 * the same on every machine: digests are compared across machines. Nothing here keeps state or
 * needs to be set up.
 */
#include "base/hash.h"

#include "base/attrs.h"
#include "base/little.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

/* --- SipHash. ------------------------------------------------------------------------------ */

static inline void sip_round(struct pawl_hash_sip *state)
{
    state->v0 += state->v1;
    state->v1 = rotate_left(state->v1, 13) ^ state->v0;
    state->v0 = rotate_left(state->v0, 32);
    state->v2 += state->v3;
    state->v3 = rotate_left(state->v3, 16) ^ state->v2;
    state->v0 += state->v3;
    state->v3 = rotate_left(state->v3, 21) ^ state->v0;
    state->v2 += state->v1;
    state->v1 = rotate_left(state->v1, 17) ^ state->v2;
    state->v2 = rotate_left(state->v2, 32);
}

static inline void sip_word(struct pawl_hash_sip *state, uint64_t word)
{
    state->v3 ^= word;
    sip_round(state);
    sip_round(state);
    state->v0 ^= word;
}

/* As SipHash-1-3 has it. */
static inline void sip_word_once(struct pawl_hash_sip *state, uint64_t word)
{
    state->v3 ^= word;
    sip_round(state);
    state->v0 ^= word;
}

static inline struct pawl_hash_sip sip_start(struct pawl_hash_key key)
{
    /* The paper's constants: "somepseudorandomlygeneratedbytes". */
    return (struct pawl_hash_sip){
        .v0 = key.k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = key.k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key.k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key.k1 ^ UINT64_C(0x7465646279746573),
    };
}

void pawl_hash_sip_init(struct pawl_hash_sip *state, struct pawl_hash_key key)
{
    *state = sip_start(key);
}

/* The tail holds the total_bytes % 8 bytes that do not make a word yet, low bytes first. */
void pawl_hash_sip_add(struct pawl_hash_sip *state, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    size_t left = bytes;
    unsigned in_tail = (unsigned)(state->total_bytes % 8);
    state->total_bytes += bytes;
    while (in_tail > 0 && left > 0) {
        state->tail |= (uint64_t)*at << (8 * in_tail);
        at++;
        left--;
        in_tail = (in_tail + 1) % 8;
        if (in_tail == 0) {
            sip_word(state, state->tail);
            state->tail = 0;
        }
    }
    for (; left >= 8; left -= 8) {
        sip_word(state, pawl_load_little_64(at));
        at += 8;
    }
    for (; left > 0; left--) {
        state->tail |= (uint64_t)*at << (8 * in_tail);
        at++;
        in_tail++;
    }
}

uint64_t pawl_hash_sip_end(struct pawl_hash_sip *state)
{
    sip_word(state, (state->total_bytes << 56) | state->tail);
    state->v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(state);
    }
    return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

/* The mixed state is 256 bits wide, and the two numbers take it apart in different ways. */
void pawl_hash_sip_pair(struct pawl_hash_key key,
                        const uint64_t *words,
                        size_t word_count,
                        uint64_t ret_pair[static 2])
{
    struct pawl_hash_sip state = sip_start(key); /* in registers */
    for (size_t i = 0; i < word_count; i++) {
        sip_word(&state, pawl_load_little_64(&words[i]));
    }
    sip_word(&state, (uint64_t)word_count << 59); /* bytes, modulo 256 */
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&state);
    }
    ret_pair[0] = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
    ret_pair[1] = state.v0 ^ state.v2;
}

void pawl_hash_sip_pair_long(struct pawl_hash_key key,
                             const uint64_t *words,
                             size_t word_count,
                             uint64_t ret_pair[static 2])
{
    struct pawl_hash_sip state = sip_start(key);
    for (size_t i = 0; i < word_count; i++) {
        sip_word_once(&state, pawl_load_little_64(&words[i]));
    }
    sip_word_once(&state, (uint64_t)word_count << 59);
    state.v2 ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(&state);
    }
    ret_pair[0] = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
    ret_pair[1] = state.v0 ^ state.v2;
}

uint64_t pawl_hash_sip(struct pawl_hash_key key, struct pawl_slice data)
{
    struct pawl_hash_sip state;
    pawl_hash_sip_init(&state, key);
    pawl_hash_sip_add(&state, data.data, data.bytes);
    return pawl_hash_sip_end(&state);
}
