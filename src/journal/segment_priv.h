/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_priv.h: what the three files of a segment share: segment.c (opening, the log),
 * segment_rows.c (batches and names of checkpoints) and segment_make.c (new files).
 */
#ifndef PAWL_JOURNAL_SEGMENT_PRIV_H
#define PAWL_JOURNAL_SEGMENT_PRIV_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "journal/files.h"
#include "journal/segment.h"

enum {
    SEGMENT_APPLICATION_ID = 0x5061776c,
    SEGMENT_USER_VERSION = 2,
    /* One of before batches were packed: what is added to it is not, either. */
    SEGMENT_USER_VERSION_PLAIN = 1,
    SEGMENT_PAGE_BYTES = 16384
};

struct pawl_segment {
    sqlite3 *db;
    sqlite3_stmt *insert; /* of a batch; NULL in one that is only read */
    struct pawl_segment_place place;
    int64_t bytes;      /* about, once the log is in the file */
    uint32_t log_pages; /* as the last commit left it */
    bool writes;
    bool packs;           /* its version knows packed batches */
    struct pawl_buf room; /* of pack.h */
    char path[PAWL_PATH_BYTES_MAX];
};

/* SQLite's code as ours, with words: "cannot <doing> <path>: …". */
pawl_err pawl_segment_failed(struct pawl_segment *segment,
                             int code,
                             const char *doing,
                             struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_segment_run(struct pawl_segment *segment,
                                          const char *sql,
                                          const char *doing,
                                          struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err pawl_segment_prepare(struct pawl_segment *segment,
                                              const char *sql,
                                              sqlite3_stmt **ret_statement,
                                              struct pawl_errmsg *msg);
/* What a row says cannot be: CORRUPT, with words. */
pawl_err pawl_segment_corrupt(const struct pawl_segment *segment, struct pawl_errmsg *msg);
/* false: the column holds no hash. */
bool pawl_segment_column_hash(sqlite3_stmt *statement,
                              int column,
                              struct pawl_journal_hash *ret_hash);
/* Adds the rows; the transaction is the caller's. */
PAWL_MUST_CHECK pawl_err
pawl_segment_put_checkpoints(struct pawl_segment *segment,
                             const struct pawl_segment_checkpoints *checkpoints,
                             struct pawl_errmsg *msg);

#endif
