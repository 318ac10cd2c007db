/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prng.c: xoshiro256** (Blackman and Vigna), its state filled by splitmix64 so that seeds
 * which differ in one bit start far apart. Integers only, the same numbers on every machine:
 * a seed in a bug report is the whole test. Never for secrets; those come from random_os.c.
 */
#include "base/prng.h"

#include "base/assert.h"
#include "base/hash.h"

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

void pawl_prng_seed(struct pawl_prng *prng, uint64_t seed)
{
    for (uint64_t i = 0; i < PAWL_ARRAY_LEN(prng->s); i++) {
        /* splitmix64: a Weyl sequence through the mixer. Four outputs in a row are never all
         * zero, the one state that xoshiro must not be in. */
        prng->s[i] = pawl_hash_mix(seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
    }
}

uint64_t pawl_prng_next(struct pawl_prng *prng)
{
    uint64_t *s = prng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t pawl_prng_below(struct pawl_prng *prng, uint64_t bound)
{
    PAWL_ASSERT(bound > 0);
    /* 2^64 mod bound: numbers under it would make the low results likelier by one. */
    uint64_t biased = (UINT64_C(0) - bound) % bound;
    uint64_t drawn = pawl_prng_next(prng);
    while (drawn < biased) {
        drawn = pawl_prng_next(prng);
    }
    return drawn % bound;
}

int64_t pawl_prng_between(struct pawl_prng *prng, int64_t low, int64_t high)
{
    PAWL_ASSERT(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint64_t offset = span == UINT64_MAX ? pawl_prng_next(prng) : pawl_prng_below(prng, span + 1);
    return (int64_t)((uint64_t)low + offset);
}

bool pawl_prng_one_in(struct pawl_prng *prng, uint64_t n)
{
    return pawl_prng_below(prng, n) == 0;
}
