/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.c: see file_os.h. Pipes and devices are read to their end as well, up to the limit. */
#define _GNU_SOURCE
#include "base/file_os.h"

#include <errno.h>
#include <fcntl.h>
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
