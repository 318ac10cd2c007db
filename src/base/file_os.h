/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.h: a small file, read whole or replaced whole; and a directory, made for good. */
#ifndef PAWL_BASE_FILE_OS_H
#define PAWL_BASE_FILE_OS_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum { PAWL_FILE_WRITER_MS = 10 * 1000 };

/* Appends the file's content; the buffer's maximum is the limit on its size (LIMIT). Pipes are read
 * to their end; a named one that nobody opens to write to it is waited for PAWL_FILE_WRITER_MS
 * (TIMEOUT). The message says why and leaves out which file: the caller knows what it is to the
 * user. */
PAWL_MUST_CHECK pawl_err pawl_file_read(const char *path,
                                        struct pawl_buf *out,
                                        struct pawl_errmsg *msg);
/* The text in the place of the file, readable by its owner alone: whoever reads meanwhile, or after
 * a failure, finds all of it or what was there before. It is written to PATH.new first, so one does
 * that at a time. `durable`: it outlives a power failure from then on. */
PAWL_MUST_CHECK pawl_err pawl_file_replace(const char *path,
                                           struct pawl_slice text,
                                           bool durable,
                                           struct pawl_errmsg *msg);
/* A directory of that name for its owner alone, there for good, unless there is one: then it has
 * been made so. A sync of what is written into it does not keep its own name, and a power failure
 * could take it whole. `ret_made`: whether it was this call; may be NULL. */
PAWL_MUST_CHECK pawl_err pawl_directory_make(const char *path,
                                             bool *ret_made,
                                             struct pawl_errmsg *msg);
/* Makes durable which names stand in the directory. The message says which, and why not. */
PAWL_MUST_CHECK pawl_err pawl_directory_sync(const char *path, struct pawl_errmsg *msg);
/* The same of the directory that the path's last name stands in. */
PAWL_MUST_CHECK pawl_err pawl_parent_sync(const char *path, struct pawl_errmsg *msg);

#endif
