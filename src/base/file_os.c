/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.c: see file_os.h. Pipes and devices are read to their end as well, up to the limit. */
#define _GNU_SOURCE
#include "base/file_os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 4096 };

static ssize_t read_piece(int fd, char piece[static PIECE_BYTES])
{
    ssize_t bytes = read(fd, piece, PIECE_BYTES);
    while (bytes < 0 && errno == EINTR) {
        bytes = read(fd, piece, PIECE_BYTES);
    }
    return bytes;
}

/* A named pipe may never have anybody who writes to it. Who has it open and is silent, as one that
 * asks a person is, is waited for. */
static pawl_err await_writer(int fd, struct pawl_buf *out, struct pawl_errmsg *msg)
{
    char piece[PIECE_BYTES];
    struct stat seen;
    struct pollfd pipe = {.fd = fd, .events = POLLIN};
    if (fstat(fd, &seen) != 0 || !S_ISFIFO(seen.st_mode) ||
        poll(&pipe, 1, PAWL_FILE_WRITER_MS) != 0) {
        return PAWL_OK;
    }
    ssize_t bytes = read_piece(fd, piece);
    if (bytes == 0) {
        pawl_errmsg_set(msg, "nobody has opened this named pipe to write to it for %d s",
                        PAWL_FILE_WRITER_MS / 1000);
        return PAWL_ERR(TIMEOUT);
    }
    if (bytes > 0) { /* it has come at last */
        pawl_buf_append(out, piece, (size_t)bytes);
    }
    return PAWL_OK;
}

static pawl_err read_to_end(int fd, struct pawl_buf *out, struct pawl_errmsg *msg)
{
    char piece[PIECE_BYTES];
    ssize_t bytes = 0;
    (void)fcntl(fd, F_SETFL, 0); /* it may wait from here on */
    while (!out->overflowed && (bytes = read_piece(fd, piece)) > 0) {
        pawl_buf_append(out, piece, (size_t)bytes);
    }
    if (out->overflowed) {
        pawl_errmsg_set(msg, "larger than %zu KiB", out->max_bytes / 1024);
        return PAWL_ERR(LIMIT);
    }
    if (bytes < 0) {
        pawl_errmsg_set(msg, "%s", strerror(errno));
        return PAWL_ERR(IO);
    }
    return PAWL_OK;
}

pawl_err pawl_file_read(const char *path, struct pawl_buf *out, struct pawl_errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        pawl_err err = pawl_err_from_errno(errno);
        pawl_errmsg_set(msg, "%s", strerror(errno));
        return err;
    }
    pawl_err err = await_writer(fd, out, msg);
    if (pawl_ok(err)) {
        err = read_to_end(fd, out, msg);
    }
    (void)close(fd);
    return err;
}

static bool write_all(int fd, struct pawl_slice text)
{
    while (text.bytes > 0) {
        ssize_t bytes = write(fd, text.data, text.bytes);
        if (bytes < 0 && errno != EINTR) {
            return false;
        }
        text = pawl_slice_sub(text, bytes > 0 ? (size_t)bytes : 0, text.bytes);
    }
    return true;
}

/* A file system may tell only at the end that there was no room. */
static bool write_beside(const char *fresh, struct pawl_slice text, bool durable)
{
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write_all(fd, text) && (!durable || fsync(fd) == 0);
    int error_number = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        return false;
    }
    errno = error_number;
    return written;
}

pawl_err
pawl_file_replace(const char *path, struct pawl_slice text, bool durable, struct pawl_errmsg *msg)
{
    char fresh[PATH_MAX];
    int bytes = snprintf(fresh, sizeof(fresh), "%s.new", path);
    bool fits = bytes > 0 && (size_t)bytes < sizeof(fresh);
    errno = ENAMETOOLONG;
    if (fits && write_beside(fresh, text, durable) && rename(fresh, path) == 0) {
        return durable ? pawl_parent_sync(path, msg) : PAWL_OK;
    }
    int error_number = errno;
    if (fits) {
        (void)unlink(fresh);
    }
    pawl_errmsg_set(msg, "cannot write %.400s: %s", path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

pawl_err pawl_directory_sync(const char *path, struct pawl_errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error_number = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (error_number == 0) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "cannot sync the directory %.400s: %s", path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

pawl_err pawl_parent_sync(const char *path, struct pawl_errmsg *msg)
{
    char dir[PATH_MAX];
    struct pawl_slice above = pawl_slice_str(path);
    bool named = pawl_slice_find_byte(above, '/') != SIZE_MAX;
    (void)pawl_slice_cut_last(&above, '/');
    if (!named) {
        above = PAWL_SLICE(".");
    } else if (above.bytes == 0) {
        above = PAWL_SLICE("/");
    }
    if (!pawl_slice_copy_str(above, dir, sizeof(dir))) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", path);
        return PAWL_ERR(LIMIT);
    }
    return pawl_directory_sync(dir, msg);
}

pawl_err pawl_directory_make(const char *path, bool *ret_made, struct pawl_errmsg *msg)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        int error_number = errno;
        pawl_errmsg_set(msg, "cannot make the directory %.300s: %s", path, strerror(error_number));
        return pawl_err_from_errno(error_number);
    }
    pawl_err err = made ? pawl_parent_sync(path, msg) : PAWL_OK;
    if (pawl_failed(err)) {
        (void)rmdir(path); /* whoever finds it would take it that its name is durable */
        return err;
    }
    if (ret_made != NULL) {
        *ret_made = made;
    }
    return PAWL_OK;
}
