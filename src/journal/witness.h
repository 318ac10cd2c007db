/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness.h: the line outside the journal that says how far it certainly goes (J11, J12). It
 * finds what the chain cannot: a journal that ends too early, because an older copy was put back or
 * its end was cut off, is consistent in itself.
 */
#ifndef PAWL_JOURNAL_WITNESS_H
#define PAWL_JOURNAL_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "journal/files.h"
#include "journal/journal.h"

struct pawl_witness {
    uint64_t op; /* 0: there is none */
    struct pawl_journal_hash hash;
};

/* Replaces it durably. */
PAWL_MUST_CHECK pawl_err pawl_witness_write(const struct pawl_files *files,
                                            const char *dir,
                                            const struct pawl_witness *witness,
                                            struct pawl_errmsg *msg);
/* A directory without one gives op 0. CORRUPT when it cannot be read as one. */
PAWL_MUST_CHECK pawl_err pawl_witness_read(const struct pawl_files *files,
                                           const char *dir,
                                           struct pawl_witness *ret_witness,
                                           struct pawl_errmsg *msg);
/* J12: reads it and compares it with the journal. *ret_witness is set in any case: as it was read,
 * or with op 0. */
PAWL_MUST_CHECK pawl_err pawl_witness_check(const struct pawl_files *files,
                                            const char *dir,
                                            struct pawl_journal *journal,
                                            struct pawl_witness *ret_witness,
                                            struct pawl_errmsg *msg);
/* Whether the batch that ends with `op` has this hash; op is at least 1, and above the head it has
 * none. NOT_FOUND: older than what is here. */
PAWL_MUST_CHECK pawl_err pawl_witness_compare(struct pawl_journal *journal,
                                              const struct pawl_witness *witness,
                                              bool *ret_same,
                                              struct pawl_errmsg *msg);

/* 64 hexadecimal digits and a NUL. */
enum { PAWL_JOURNAL_HASH_TEXT_BYTES = 2 * PAWL_JOURNAL_HASH_BYTES + 1 };
const char *pawl_journal_hash_format(const struct pawl_journal_hash *hash,
                                     char out[static PAWL_JOURNAL_HASH_TEXT_BYTES]);
PAWL_MUST_CHECK bool pawl_journal_hash_parse(struct pawl_slice text,
                                             struct pawl_journal_hash *ret_hash);

#endif
