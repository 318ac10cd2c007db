/* SPDX-License-Identifier: Apache-2.0 */
/* file_os.c: see file_os.h. Pipes and devices are read to their end as well, up to the limit. */
#define _GNU_SOURCE
#include "base/file_os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
