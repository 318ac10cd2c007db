/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_files.h: the files of the segments as they lie in the directory: their names, which there
 * are, and what has to be done to them before SQLite may see them or after it is done with them.
 * Nothing here opens a database.
 */
#ifndef PAWL_JOURNAL_SEGMENT_FILES_H
#define PAWL_JOURNAL_SEGMENT_FILES_H

#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "journal/files.h"

enum { PAWL_SEGMENTS_MAX = 999999 };

struct pawl_segment_files {
    const struct pawl_files *files; /* borrowed */
    char dir[PAWL_PATH_BYTES_MAX];
};

/* "<dir>/journal-000042.db" and a suffix: "", "-wal" or "-journal". */
PAWL_MUST_CHECK pawl_err pawl_segment_files_path(const struct pawl_segment_files *segments,
                                                 uint32_t number,
                                                 const char *suffix,
                                                 char ret_path[static PAWL_PATH_BYTES_MAX],
                                                 struct pawl_errmsg *msg);

struct pawl_segment_numbers {
    uint32_t *rows; /* owned: ascending, distinct; for pawl_free */
    uint32_t count;
};

/* Every number that has a file, whether a segment was begun in it or not. */
PAWL_MUST_CHECK pawl_err pawl_segment_files_list(const struct pawl_segment_files *segments,
                                                 struct pawl_segment_numbers *ret_numbers,
                                                 struct pawl_errmsg *msg);
/* Of the file with the suffix as it lies there. NOT_FOUND. */
PAWL_MUST_CHECK pawl_err pawl_segment_files_bytes(const struct pawl_segment_files *segments,
                                                  uint32_t number,
                                                  const char *suffix,
                                                  uint64_t *ret_bytes,
                                                  struct pawl_errmsg *msg);
/* Removes the file of a number, with what SQLite put beside it. Durable when it returns. What is
 * not there is no error. */
PAWL_MUST_CHECK pawl_err pawl_segment_files_remove(const struct pawl_segment_files *segments,
                                                   uint32_t number,
                                                   struct pawl_errmsg *msg);
/* CORRUPT: the file is empty and its log is not. */
PAWL_MUST_CHECK pawl_err pawl_segment_files_check_not_emptied(
    const struct pawl_segment_files *segments, uint32_t number, struct pawl_errmsg *msg);
/* Writes the log that a crash left once more over itself, and syncs it. */
PAWL_MUST_CHECK pawl_err pawl_segment_files_write_log_again(
    const struct pawl_segment_files *segments, uint32_t number, struct pawl_errmsg *msg);

#endif
