/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.h: SHA-256 for the chain and for checkpoint files, from OpenSSL. The algorithm is
 * fetched once for the process; any thread may use it.
 */
#ifndef PAWL_JOURNAL_SHA256_H
#define PAWL_JOURNAL_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "journal/journal.h"

struct pawl_sha256 {
    void *context; /* owned */
};

/* false: no memory. After true, `end` or `free` must follow. */
PAWL_MUST_CHECK bool pawl_sha256_begin(struct pawl_sha256 *sha);
void pawl_sha256_add(struct pawl_sha256 *sha, const void *data, size_t bytes);
/* The hash; frees. */
struct pawl_journal_hash pawl_sha256_end(struct pawl_sha256 *sha);
void pawl_sha256_free(struct pawl_sha256 *sha);

#endif
