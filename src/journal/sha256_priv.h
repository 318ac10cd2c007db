/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256_priv.h: the inner loop of SHA-256, once in plain C and once for processors that have
 * instructions for it. Both do the same to the state; sha256.c chooses, and the tests compare.
 */
#ifndef PAWL_JOURNAL_SHA256_PRIV_H
#define PAWL_JOURNAL_SHA256_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t pawl_sha256_constants[64];

/* Takes `count` blocks of 64 bytes into the state. */
void pawl_sha256_blocks_plain(uint32_t state[8], const unsigned char *blocks, size_t count);

/* Only where the processor has the instructions. */
bool pawl_sha256_has_fast(void);
void pawl_sha256_blocks_fast(uint32_t state[8], const unsigned char *blocks, size_t count);

#endif
