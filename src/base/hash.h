/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h: SipHash for tables keyed by what clients send, and a 64-bit mixer for our own
 * numbers. CRC-32C is in crc32c.h; SHA-256 is the journal's, through OpenSSL. SipHash follows
 * Aumasson and Bernstein's paper and is tested against libsodium's.
 */
#ifndef PAWL_BASE_HASH_H
#define PAWL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct pawl_hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* The same bytes give the same number on every machine, for all functions here. A key that
 * clients must not be able to guess comes from pawl_random_bytes. */
uint64_t pawl_hash_sip(struct pawl_hash_key key, struct pawl_slice data);
/* The same number and a second one, for whole words: a fingerprint of 128 bits. */
void pawl_hash_sip_pair(struct pawl_hash_key key,
                        const uint64_t *words,
                        size_t word_count,
                        uint64_t ret_pair[static 2]);

/* The same of SipHash-1-3, which takes half as long: for texts as long as a request. */
void pawl_hash_sip_pair_long(struct pawl_hash_key key,
                             const uint64_t *words,
                             size_t word_count,
                             uint64_t ret_pair[static 2]);

/* Incremental form, for several parts without copying them together. */
struct pawl_hash_sip {
    uint64_t v0, v1, v2, v3;
    uint64_t tail;
    uint64_t total_bytes;
};
void pawl_hash_sip_init(struct pawl_hash_sip *state, struct pawl_hash_key key);
/* NULL is allowed for 0 bytes. */
void pawl_hash_sip_add(struct pawl_hash_sip *state, const void *data, size_t bytes);
/* After it the state is used up. */
uint64_t pawl_hash_sip_end(struct pawl_hash_sip *state);

/* A bijection of 64-bit numbers that spreads neighbours apart (splitmix64's finaliser). */
static inline uint64_t pawl_hash_mix(uint64_t value)
{
    value ^= value >> 30;
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    value ^= value >> 27;
    value *= UINT64_C(0x94d049bb133111eb);
    value ^= value >> 31;
    return value;
}

#endif
