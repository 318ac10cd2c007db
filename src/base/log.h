/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h: lines for people on stderr or in a file. One level for the process, set once at
 * start. Headers, bodies and credentials are never passed here.
 */
#ifndef PAWL_BASE_LOG_H
#define PAWL_BASE_LOG_H

#include <stdbool.h>

#include "base/attrs.h"

enum pawl_log_level { PAWL_LOG_ERROR, PAWL_LOG_WARN, PAWL_LOG_INFO, PAWL_LOG_DEBUG };

/* Where lines go: a file descriptor that the caller keeps open, or -1 for nowhere (the start
 * value is stderr at WARN). */
void pawl_log_set(int fd, enum pawl_log_level level);
bool pawl_log_enabled(enum pawl_log_level level);
void pawl_log(enum pawl_log_level level, const char *format, ...) PAWL_PRINTF(2, 3);

#endif
