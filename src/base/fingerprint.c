/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.c: sixteen bytes a step are multiplied into a product of 128 bits, both halves of
 * which go on. Three lanes run beside each other, since a multiplication takes as long as four
 * others may begin. What was multiplied goes on as well: a factor that happens to be nought would
 * otherwise wipe out the other one.
 *
 * The end is told by the length, so that a text and the same with noughts behind it differ.
 */
#include "base/fingerprint.h"

#include <string.h>

#include "base/little.h"
#include "base/money.h"

enum { STEP_BYTES = 16, LANES = PAWL_FINGERPRINT_KEY_WORDS - 1 };

static uint64_t fold(uint64_t a, uint64_t b)
{
    pawl_u128 product = (pawl_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ a ^ b;
}

static uint64_t step(uint64_t lane, uint64_t word, const char *at)
{
    return fold(pawl_load_little_64(at) ^ word, pawl_load_little_64(at + 8) ^ lane);
}

/* The last bytes, fewer than a step. */
static uint64_t last_step(uint64_t lane, uint64_t word, struct pawl_slice rest)
{
    char padded[STEP_BYTES] = {0};
    if (rest.bytes > 0) {
        memcpy(padded, rest.data, rest.bytes);
    }
    return step(lane, word, padded);
}

uint64_t
pawl_fingerprint(const struct pawl_fingerprint_key *key, uint64_t seed, struct pawl_slice text)
{
    const uint64_t *words = key->words;
    uint64_t lanes[LANES] = {seed ^ words[0], seed ^ words[1], seed ^ words[2]};
    size_t at = 0;
    for (; text.bytes - at >= (size_t)LANES * STEP_BYTES; at += (size_t)LANES * STEP_BYTES) {
        for (size_t i = 0; i < LANES; i++) {
            lanes[i] = step(lanes[i], words[i], text.data + at + i * STEP_BYTES);
        }
    }
    for (size_t i = 0; text.bytes - at >= STEP_BYTES; at += STEP_BYTES, i++) {
        lanes[i] = step(lanes[i], words[i], text.data + at);
    }
    struct pawl_slice rest = pawl_slice_sub(text, at, text.bytes);
    lanes[LANES - 1] = last_step(lanes[LANES - 1], words[LANES], rest);
    uint64_t hash = fold(lanes[0] ^ text.bytes, lanes[1] ^ words[LANES]);
    return fold(hash ^ words[0], lanes[2] ^ words[1]);
}
