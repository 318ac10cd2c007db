/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.c: see file_os.h. Pipes and devices are read to their end as well, up to the limit. */
#define _GNU_SOURCE
#include "base/file_os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 4096 };

pawl_err pawl_file_read(const char *path, struct pawl_buf *out, struct pawl_errmsg *msg)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        pawl_err err = pawl_err_from_errno(errno);
        pawl_errmsg_set(msg, "%s", strerror(errno));
        return err;
    }
    char piece[PIECE_BYTES];
    size_t bytes = 0;
    while (!out->overflowed && (bytes = fread(piece, 1, sizeof(piece), file)) > 0) {
        pawl_buf_append(out, piece, bytes);
    }
    pawl_err err = PAWL_OK;
    if (ferror(file) != 0) {
        pawl_errmsg_set(msg, "%s", strerror(errno));
        err = PAWL_ERR(IO);
    } else if (out->overflowed) {
        pawl_errmsg_set(msg, "larger than %zu KiB", out->max_bytes / 1024);
        err = PAWL_ERR(LIMIT);
    }
    (void)fclose(file);
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
