/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c: one line of text, one write(2). A line is built in a fixed buffer, so a log call
 * never allocates, and goes out whole, so lines of two threads or processes on one file do
 * not mix. A line that does not fit ends in "...". Control characters become '?': names that
 * come from outside end up in log lines, and must not be able to start a new line or move a
 * terminal's cursor.
 *
 * Where to and how much is process state, set at start before there are threads. A write
 * that fails is dropped: there is nowhere left to say so.
 */
#define _GNU_SOURCE
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static int log_fd = STDERR_FILENO;
static enum pawl_log_level log_level = PAWL_LOG_WARN;
static pawl_log_writer_fn *log_writer;
static void *log_writer_arg;

static const char *const prefixes[] = {
    [PAWL_LOG_ERROR] = "pawl: error: ",
    [PAWL_LOG_WARN] = "pawl: warning: ",
    [PAWL_LOG_INFO] = "pawl: ",
    [PAWL_LOG_DEBUG] = "pawl: debug: ",
};

void pawl_log_set(int fd, enum pawl_log_level level)
{
    log_fd = fd;
    log_level = level;
}

void pawl_log_set_writer(pawl_log_writer_fn *writer, void *arg, enum pawl_log_level level)
{
    log_writer = writer;
    log_writer_arg = arg;
    log_level = level;
}

bool pawl_log_enabled(enum pawl_log_level level)
{
    return (log_fd >= 0 || log_writer != NULL) && level <= log_level;
}

static void clean(char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f) {
            text[i] = '?';
        }
    }
}

void pawl_log(enum pawl_log_level level, const char *format, ...)
{
    if (!pawl_log_enabled(level)) {
        return;
    }
    int saved_errno = errno;
    char line[LINE_BYTES];
    size_t prefix = strlen(prefixes[level]);
    memcpy(line, prefixes[level], prefix);
    va_list arguments;
    va_start(arguments, format);
    errno = saved_errno; /* for %m */
    int length = vsnprintf(line + prefix, sizeof(line) - prefix, format, arguments);
    va_end(arguments);
    if (length >= 0) {
        static const char cut[] = "...";
        size_t bytes = prefix + (size_t)length;
        if (bytes > sizeof(line) - 2) {
            bytes = sizeof(line) - 2;
            memcpy(line + bytes - (sizeof(cut) - 1), cut, sizeof(cut) - 1);
        }
        clean(line, bytes);
        if (log_writer != NULL) {
            line[bytes] = '\0';
            log_writer(log_writer_arg, level, line + prefix);
        } else {
            line[bytes] = '\n';
            ssize_t written = write(log_fd, line, bytes + 1);
            (void)written;
        }
    }
    errno = saved_errno;
}
