/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prng.h: xoshiro256** seeded through splitmix64, for simulation and tests, where one seed
 * must draw everything; and the system's random bytes for secrets and ids.
 */
#ifndef PAWL_BASE_PRNG_H
#define PAWL_BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

struct pawl_prng {
    uint64_t s[4];
};

/* Any seed, 0 included. The same seed draws the same numbers on every machine and for ever. */
void pawl_prng_seed(struct pawl_prng *prng, uint64_t seed);
/* 64 random bits. */
uint64_t pawl_prng_next(struct pawl_prng *prng);
/* Uniform in 0 .. bound-1; bound > 0. */
uint64_t pawl_prng_below(struct pawl_prng *prng, uint64_t bound);
/* Uniform in low .. high, both included; low <= high. */
int64_t pawl_prng_between(struct pawl_prng *prng, int64_t low, int64_t high);
/* True once in `n` times on average; n > 0. */
bool pawl_prng_one_in(struct pawl_prng *prng, uint64_t n);

/* Bytes nobody can guess, from the kernel. Aborts if the kernel has none to give. */
void pawl_random_bytes(void *out, size_t bytes);

#endif
