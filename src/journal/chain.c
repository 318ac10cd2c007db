/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.c: the link from one batch to the next (J3): hash = SHA-256(previous, blob). The operation
 * numbers are not hashed beside the blob, because they are inside it.
 */
#include "journal/journal.h"
#include "journal/sha256.h"

struct pawl_journal_hash pawl_journal_chain(struct pawl_journal_hash previous,
                                            struct pawl_slice blob)
{
    struct pawl_sha256 sha;
    pawl_sha256_begin(&sha);
    pawl_sha256_add(&sha, previous.bytes, sizeof(previous.bytes));
    pawl_sha256_add(&sha, blob.data, blob.bytes);
    return pawl_sha256_end(&sha);
}
