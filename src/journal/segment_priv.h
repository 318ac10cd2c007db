/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_priv.h: what segment.c (opening, batches, the log) and segment_make.c (new files) share.
 */
#ifndef PAWL_JOURNAL_SEGMENT_PRIV_H
#define PAWL_JOURNAL_SEGMENT_PRIV_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/files.h"
#include "journal/segment.h"

enum { SEGMENT_APPLICATION_ID = 0x5061776c, SEGMENT_USER_VERSION = 1, SEGMENT_PAGE_BYTES = 16384 };

struct pawl_segment {
    sqlite3 *db;
    sqlite3_stmt *insert;
    struct pawl_segment_place place;
    int64_t bytes;
    uint32_t log_pages;
    bool writes;
    char path[PAWL_PATH_BYTES_MAX];
};

pawl_err
segment_failed(struct pawl_segment *segment, int code, const char *doing, struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err segment_run(struct pawl_segment *segment,
                                     const char *sql,
                                     const char *doing,
                                     struct pawl_errmsg *msg);
PAWL_MUST_CHECK pawl_err segment_prepare(struct pawl_segment *segment,
                                         const char *sql,
                                         sqlite3_stmt **ret_statement,
                                         struct pawl_errmsg *msg);
/* Adds the rows; the transaction is the caller's. */
PAWL_MUST_CHECK pawl_err segment_put_checkpoints(struct pawl_segment *segment,
                                                 const struct pawl_segment_checkpoints *checkpoints,
                                                 struct pawl_errmsg *msg);

#endif
