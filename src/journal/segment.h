/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h: one SQLite file of the journal. What spans segments (the chain over their border,
 * rolling over, the lock) is sqlite.c's; what is inside one file is here. All of SQLite is behind
 * this header, segment_priv.h and sqlite_err.h.
 */
#ifndef PAWL_JOURNAL_SEGMENT_H
#define PAWL_JOURNAL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "journal/files.h"
#include "journal/journal.h"

enum { PAWL_SEGMENT_CHECKPOINTS = 2 };

/* The row of the table `segment`: where it begins (J13). */
struct pawl_segment_place {
    uint32_t number;
    uint64_t first_op;
    struct pawl_journal_hash previous;
};

struct pawl_segment_checkpoints {
    uint32_t count;
    struct pawl_journal_checkpoint rows[PAWL_SEGMENT_CHECKPOINTS]; /* the newest first */
};

struct pawl_segment;

enum pawl_segment_access {
    PAWL_SEGMENT_WRITE, /* the newest one, by the journal's owner */
    PAWL_SEGMENT_READ   /* changes no byte of it */
};

/* A new file, its tables and its row, durable when this returns. */
PAWL_MUST_CHECK pawl_err pawl_segment_create(const struct pawl_files *files,
                                             const char *vfs,
                                             const char *path,
                                             const struct pawl_segment_place *place,
                                             const struct pawl_segment_checkpoints *checkpoints,
                                             struct pawl_segment **ret_segment,
                                             struct pawl_errmsg *msg);
/* NOT_FOUND: the file was never begun (no row), or is not there. */
PAWL_MUST_CHECK pawl_err pawl_segment_open(const char *vfs,
                                           const char *path,
                                           enum pawl_segment_access access,
                                           struct pawl_segment **ret_segment,
                                           struct pawl_errmsg *msg);
/* `poisoned`: leaves everything as it lies, because closing a database writes (J2). */
void pawl_segment_close(struct pawl_segment *segment, bool poisoned);

const struct pawl_segment_place *pawl_segment_place(const struct pawl_segment *segment);
/* The end of this segment: of its last batch, or where it begins when it has none. */
PAWL_MUST_CHECK pawl_err pawl_segment_last(struct pawl_segment *segment,
                                           uint64_t *ret_last_op,
                                           struct pawl_journal_hash *ret_hash,
                                           struct pawl_errmsg *msg);
/* About how large the file will be once its log is in it. */
int64_t pawl_segment_bytes(const struct pawl_segment *segment);

PAWL_MUST_CHECK pawl_err pawl_segment_insert(struct pawl_segment *segment,
                                             const struct pawl_journal_batch *batch,
                                             struct pawl_errmsg *msg);
/* Every batch of this segment that holds an operation >= from_op, verified. *ret_end says whether
 * fn stopped it and where the last batch that was read ends. */
struct pawl_segment_end {
    bool stopped;
    uint64_t last_op;
    struct pawl_journal_hash hash;
};
PAWL_MUST_CHECK pawl_err pawl_segment_read(struct pawl_segment *segment,
                                           uint64_t from_op,
                                           pawl_journal_batch_fn *fn,
                                           void *arg,
                                           struct pawl_segment_end *ret_end,
                                           struct pawl_errmsg *msg);

PAWL_MUST_CHECK pawl_err pawl_segment_checkpoints(struct pawl_segment *segment,
                                                  struct pawl_segment_checkpoints *ret_checkpoints,
                                                  struct pawl_errmsg *msg);
/* Replaces the table's rows by these. */
PAWL_MUST_CHECK pawl_err
pawl_segment_set_checkpoints(struct pawl_segment *segment,
                             const struct pawl_segment_checkpoints *checkpoints,
                             struct pawl_errmsg *msg);

/* Pages in the write-ahead log. */
uint32_t pawl_segment_log_pages(const struct pawl_segment *segment);
/* Copies the log into the file; `empty` leaves a log of no bytes. */
PAWL_MUST_CHECK pawl_err pawl_segment_copy_log(struct pawl_segment *segment,
                                               bool empty,
                                               struct pawl_errmsg *msg);

#endif
