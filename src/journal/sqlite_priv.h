/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_priv.h: the journal over segments, as its files see it: sqlite.c (the table of effects),
 * sqlite_open.c (from a directory to a head, and the next segment) and retention.c (the oldest
 * segments go).
 */
#ifndef PAWL_JOURNAL_SQLITE_PRIV_H
#define PAWL_JOURNAL_SQLITE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"
#include "journal/segment.h"
#include "journal/segment_files.h"

struct sqlite_journal {
    struct pawl_journal base; /* first: the table's functions cast back */
    uint32_t magic;
    bool read_only;
    bool poisoned;
    struct pawl_file *lock; /* NULL: reading where nobody ever locked */
    int64_t segment_bytes_max;
    struct pawl_segment *active;
    struct pawl_segment_place *places; /* of every segment here, ascending */
    uint32_t place_count;
    struct pawl_journal_head head;
    struct pawl_segment_checkpoints checkpoints;
    int64_t oldest_end_us; /* time of the oldest segment's last record; 0: not looked up yet */
    struct pawl_segment_files segments;
    char vfs[64]; /* empty: the default one */
};

/* The segment of that number; CORRUPT when the file says that it is another. */
PAWL_MUST_CHECK pawl_err pawl_journal_open_segment(const struct sqlite_journal *journal,
                                                   uint32_t number,
                                                   enum pawl_segment_access access,
                                                   struct pawl_segment **ret_segment,
                                                   struct pawl_errmsg *msg);
/* Fills active, places, head and checkpoints from what lies in the directory. NOT_FOUND: there is
 * no journal. */
PAWL_MUST_CHECK pawl_err pawl_journal_open_existing(struct sqlite_journal *journal,
                                                    struct pawl_errmsg *msg);
/* The same for a journal that did not exist: its first segment. EXISTS: there is one. */
PAWL_MUST_CHECK pawl_err pawl_journal_create_new(struct sqlite_journal *journal,
                                                 struct pawl_errmsg *msg);
/* Makes the segment of that number, which follows the head, the active one. */
PAWL_MUST_CHECK pawl_err pawl_journal_begin_segment(struct sqlite_journal *journal,
                                                    uint32_t number,
                                                    struct pawl_errmsg *msg);
/* The table's `retire`, but for the poison. */
PAWL_MUST_CHECK pawl_err pawl_journal_retire(struct sqlite_journal *journal,
                                             const struct pawl_journal_retention *retention,
                                             int64_t now_us,
                                             enum pawl_journal_retired *ret_retired,
                                             struct pawl_errmsg *msg);
/* CORRUPT: a segment at `place` does not follow one that ends with this operation and hash. */
PAWL_MUST_CHECK pawl_err pawl_journal_check_continues(const struct sqlite_journal *journal,
                                                      const struct pawl_segment_place *place,
                                                      uint64_t last_op,
                                                      const struct pawl_journal_hash *hash,
                                                      struct pawl_errmsg *msg);

#endif
