/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.c: see sha256.h. The journal needs one hash function and needs it in the first
 * milliseconds of every command; the library that has it takes four of them to be loaded and set
 * up. The standard is a page, so it is written down here, as the standard has it; the tests hold
 * it against the standard's examples and against OpenSSL.
 */
#include "journal/sha256.h"

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "journal/sha256_priv.h"

enum { LENGTH_BYTES = 8 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const uint32_t pawl_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* --- The inner loop ------------------------------------------------------------------------ */

static uint32_t rotate_right(uint32_t value, unsigned bits)
{
    return (value >> bits) | (value << (32 - bits));
}

static uint32_t load_big(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_big(unsigned char *at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        at[i - 1] = (unsigned char)value;
        value >>= 8;
    }
}

/* The message schedule: 16 words of the block, and 48 that follow from them. */
static void schedule(uint32_t words[64], const unsigned char *block)
{
    for (size_t t = 0; t < 16; t++) {
        words[t] = load_big(block + 4 * t);
    }
    for (size_t t = 16; t < 64; t++) {
        uint32_t w15 = words[t - 15];
        uint32_t w2 = words[t - 2];
        uint32_t sigma0 = rotate_right(w15, 7) ^ rotate_right(w15, 18) ^ (w15 >> 3);
        uint32_t sigma1 = rotate_right(w2, 17) ^ rotate_right(w2, 19) ^ (w2 >> 10);
        words[t] = sigma1 + words[t - 7] + sigma0 + words[t - 16];
    }
}

static void take_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t words[64];
    schedule(words, block);
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    uint32_t e = state[4];
    uint32_t f = state[5];
    uint32_t g = state[6];
    uint32_t h = state[7];
    for (size_t t = 0; t < 64; t++) {
        uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t choice = (e & f) ^ (~e & g);
        uint32_t t1 = h + sum1 + choice + pawl_sha256_constants[t] + words[t];
        uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + sum0 + majority;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void pawl_sha256_blocks_plain(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        take_block(state, blocks + i * PAWL_SHA256_BLOCK_BYTES);
    }
}

/* Asking the processor is slow where it is a virtual one, so it is asked once. Threads that ask at
 * the same time get the same answer. */
static void take_blocks(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    enum { UNKNOWN, PLAIN, FAST };
    static atomic_int known = UNKNOWN;
    int way = atomic_load_explicit(&known, memory_order_relaxed);
    if (way == UNKNOWN) {
        way = pawl_sha256_has_fast() ? FAST : PLAIN;
        atomic_store_explicit(&known, way, memory_order_relaxed);
    }
    if (way == FAST) {
        pawl_sha256_blocks_fast(state, blocks, count);
    } else {
        pawl_sha256_blocks_plain(state, blocks, count);
    }
}

/* --- A message in parts -------------------------------------------------------------------- */

void pawl_sha256_begin(struct pawl_sha256 *sha)
{
    /* Of the square roots of the first eight primes. */
    *sha = (struct pawl_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void pawl_sha256_add(struct pawl_sha256 *sha, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    size_t waiting = sha->bytes % PAWL_SHA256_BLOCK_BYTES;
    if (bytes == 0) {
        return;
    }
    sha->bytes += bytes;
    if (waiting > 0) {
        size_t room = PAWL_SHA256_BLOCK_BYTES - waiting;
        size_t taken = bytes < room ? bytes : room;
        memcpy(sha->block + waiting, at, taken);
        at += taken;
        bytes -= taken;
        if (taken < room) {
            return;
        }
        take_blocks(sha->state, sha->block, 1);
    }
    size_t blocks = bytes / PAWL_SHA256_BLOCK_BYTES;
    if (blocks > 0) {
        take_blocks(sha->state, at, blocks);
    }
    memcpy(sha->block, at + blocks * PAWL_SHA256_BLOCK_BYTES, bytes % PAWL_SHA256_BLOCK_BYTES);
}

struct pawl_journal_hash pawl_sha256_end(struct pawl_sha256 *sha)
{
    static const unsigned char padding[PAWL_SHA256_BLOCK_BYTES] = {0x80};
    struct pawl_journal_hash hash;
    _Static_assert(sizeof(hash.bytes) == sizeof(sha->state), "eight words");
    unsigned char length[LENGTH_BYTES];
    store_big(length, sha->bytes * 8, sizeof(length));
    /* A one bit and zeros, up to the length at the end of a block. */
    size_t waiting = sha->bytes % PAWL_SHA256_BLOCK_BYTES;
    size_t end = PAWL_SHA256_BLOCK_BYTES - LENGTH_BYTES;
    size_t pad = waiting < end ? end - waiting : PAWL_SHA256_BLOCK_BYTES + end - waiting;
    pawl_sha256_add(sha, padding, pad);
    pawl_sha256_add(sha, length, sizeof(length));
    PAWL_ASSERT(sha->bytes % PAWL_SHA256_BLOCK_BYTES == 0);
    for (size_t i = 0; i < 8; i++) {
        store_big(hash.bytes + 4 * i, sha->state[i], 4);
    }
    return hash;
}
