/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.h: a file that a person wrote, read whole; and a directory, made durable. */
#ifndef PAWL_BASE_FILE_OS_H
#define PAWL_BASE_FILE_OS_H

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"

/* Appends the file's content; the buffer's maximum is the limit on its size (LIMIT). The message
 * says why and leaves out which file: the caller knows what it is to the user. */
PAWL_MUST_CHECK pawl_err pawl_file_read(const char *path,
                                        struct pawl_buf *out,
                                        struct pawl_errmsg *msg);
/* Makes durable which names stand in the directory. The message says which, and why not. */
PAWL_MUST_CHECK pawl_err pawl_directory_sync(const char *path, struct pawl_errmsg *msg);

#endif
