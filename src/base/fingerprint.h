/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fingerprint.h: a number of 64 bits for a text, at the speed at which memory is read: what tells
 * the parts of a prompt of megabytes from those of the one before it.
 *
 * Who knows the key can make two texts that have one number. So where texts come from outside, the
 * key is drawn anew by each process (pawl_random_bytes), the numbers stay inside, and what they
 * lead to must not tell them. Whatever cannot promise that takes SipHash (hash.h).
 */
#ifndef PAWL_BASE_FINGERPRINT_H
#define PAWL_BASE_FINGERPRINT_H

#include <stdint.h>

#include "base/slice.h"

enum { PAWL_FINGERPRINT_KEY_WORDS = 4 };

struct pawl_fingerprint_key {
    uint64_t words[PAWL_FINGERPRINT_KEY_WORDS];
};

/* The same on every machine. `seed` goes in too: what came before, or what the text is. */
uint64_t
pawl_fingerprint(const struct pawl_fingerprint_key *key, uint64_t seed, struct pawl_slice text);

#endif
