/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c: what is the same on every disk: paths, and a small file that is written at once.
 */
#include "journal/files.h"

#include <stdio.h>

#include "base/assert.h"

pawl_err pawl_files_path(const char *dir,
                         const char *name,
                         char out[static PAWL_PATH_BYTES_MAX],
                         struct pawl_errmsg *msg)
{
    int length = snprintf(out, PAWL_PATH_BYTES_MAX, "%s/%s", dir, name);
    if (length < 0 || length >= PAWL_PATH_BYTES_MAX) {
        pawl_errmsg_set(msg, "the path of %s is too long", name);
        return PAWL_ERR(INVALID);
    }
    return PAWL_OK;
}

pawl_err pawl_files_write(const struct pawl_files *files,
                          const char *temporary,
                          const char *path,
                          struct pawl_slice content,
                          struct pawl_errmsg *msg)
{
    PAWL_ASSERT(content.bytes > 0);
    struct pawl_file *file = NULL;
    pawl_err err = files->ops->create(files->arg, temporary, &file, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = files->ops->append(file, content.data, content.bytes, msg);
    if (pawl_failed(err)) {
        files->ops->close(file);
        return err;
    }
    return files->ops->publish(file, path, msg);
}
