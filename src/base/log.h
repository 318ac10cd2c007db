/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h: lines for people on stderr or in a file. One level for the process, set once at
 * start. Headers, bodies and credentials are never passed here.
 *
 * A line reads "pawl: warning: text" (errors and debug lines likewise, info lines without a
 * word), is at most 1024 bytes long, and leaves in one write. Control characters in it become
 * '?', so that no name from outside can forge a line or drive a terminal.
 */
#ifndef PAWL_BASE_LOG_H
#define PAWL_BASE_LOG_H

#include <stdbool.h>

#include "base/attrs.h"

enum pawl_log_level { PAWL_LOG_ERROR, PAWL_LOG_WARN, PAWL_LOG_INFO, PAWL_LOG_DEBUG };

/* Where lines go: a file descriptor that the caller keeps open, or -1 for nowhere (the start
 * value is stderr at WARN). Call it before there are threads. */
void pawl_log_set(int fd, enum pawl_log_level level);
/* In place of the file descriptor: whoever writes lines in another form, on any thread. The text
 * has no prefix and no end of line, and its control characters are gone; it is borrowed for the
 * call. NULL: lines go to the file descriptor. As with the above, before there are threads. */
typedef void pawl_log_writer_fn(void *arg, enum pawl_log_level level, const char *text);
void pawl_log_set_writer(pawl_log_writer_fn *writer, void *arg, enum pawl_log_level level);
/* For what costs something to put together. */
bool pawl_log_enabled(enum pawl_log_level level);
/* Any thread. Without a newline at the end. errno is left as it was. */
void pawl_log(enum pawl_log_level level, const char *format, ...) PAWL_PRINTF(2, 3);

#endif
