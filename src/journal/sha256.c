/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.c: see sha256.h. Looking the algorithm up by name for each use takes a lock and several
 * microseconds in OpenSSL 3, more than the hash of a small batch; so it is fetched once.
 *
 * Failure: only memory for the context can fail from outside, and is told. That OpenSSL cannot
 * do SHA-256 at all, or fails in the middle of it, leaves nothing to go on with: an assertion.
 */
#include "journal/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "base/assert.h"

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *algorithm;

static void fetch(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool pawl_sha256_begin(struct pawl_sha256 *sha)
{
    int failed = pthread_once(&fetched, fetch);
    PAWL_ASSERT(failed == 0 && algorithm != NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL) {
        return false;
    }
    if (EVP_DigestInit_ex2(context, algorithm, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return false;
    }
    sha->context = context;
    return true;
}

void pawl_sha256_add(struct pawl_sha256 *sha, const void *data, size_t bytes)
{
    int done = EVP_DigestUpdate(sha->context, data, bytes);
    PAWL_ASSERT(done == 1);
}

struct pawl_journal_hash pawl_sha256_end(struct pawl_sha256 *sha)
{
    struct pawl_journal_hash hash;
    unsigned bytes = 0;
    int done = EVP_DigestFinal_ex(sha->context, hash.bytes, &bytes);
    PAWL_ASSERT(done == 1 && bytes == sizeof(hash.bytes));
    pawl_sha256_free(sha);
    return hash;
}

void pawl_sha256_free(struct pawl_sha256 *sha)
{
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
}
