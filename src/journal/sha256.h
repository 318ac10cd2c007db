/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.h: SHA-256 (FIPS 180-4) for the chain and for checkpoint files. Nothing is allocated and
 * nothing can fail; any thread may use it.
 */
#ifndef PAWL_JOURNAL_SHA256_H
#define PAWL_JOURNAL_SHA256_H

#include <stddef.h>

#include <openssl/sha.h>

#include "journal/journal.h"

struct pawl_sha256 {
    SHA256_CTX context;
};

void pawl_sha256_begin(struct pawl_sha256 *sha);
/* NULL is allowed for 0 bytes. */
void pawl_sha256_add(struct pawl_sha256 *sha, const void *data, size_t bytes);
/* After it the state is used up. */
struct pawl_journal_hash pawl_sha256_end(struct pawl_sha256 *sha);

#endif
