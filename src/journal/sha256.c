/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.c: see sha256.h. OpenSSL's functions of the hash itself, not its EVP interface: that one
 * loads configuration and providers and looks algorithms up by name, which takes 3 ms at the start
 * of every command, and allocates for each use. These need nothing set up, use the processor's
 * own instructions all the same, and cannot fail for a message within the standard's length. They
 * are deprecated in favour of EVP, for the sake of algorithms that can be exchanged; ours cannot,
 * since it is part of the journal's format.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "journal/sha256.h"

#include "base/assert.h"

void pawl_sha256_begin(struct pawl_sha256 *sha)
{
    int done = SHA256_Init(&sha->context);
    PAWL_ASSERT(done == 1);
}

void pawl_sha256_add(struct pawl_sha256 *sha, const void *data, size_t bytes)
{
    PAWL_ASSERT(data != NULL || bytes == 0);
    int done = bytes == 0 || SHA256_Update(&sha->context, data, bytes);
    PAWL_ASSERT(done == 1);
}

struct pawl_journal_hash pawl_sha256_end(struct pawl_sha256 *sha)
{
    struct pawl_journal_hash hash;
    _Static_assert(sizeof(hash.bytes) == SHA256_DIGEST_LENGTH, "one size of hash");
    int done = SHA256_Final(hash.bytes, &sha->context);
    PAWL_ASSERT(done == 1);
    return hash;
}
