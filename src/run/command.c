/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c: the search that execvp(3) makes, without the execution. A typing error then costs no
 * run directory and no line in the history.
 */
#define _GNU_SOURCE
#include "run/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"

enum { PATH_BYTES = 4096 };

static int check_file(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0) {
        return errno == ENOTDIR ? ENOENT : errno;
    }
    if (S_ISDIR(found.st_mode)) {
        return EISDIR;
    }
    return S_ISREG(found.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

int pawl_command_check(const char *name)
{
    if (strchr(name, '/') != NULL) {
        return check_file(name);
    }
    const char *path = getenv("PATH");
    struct pawl_slice rest = pawl_slice_str(path != NULL ? path : "/bin:/usr/bin");
    int error_number = ENOENT;
    for (bool more = name[0] != '\0'; more;) {
        more = pawl_slice_find_byte(rest, ':') != SIZE_MAX;
        struct pawl_slice dir = pawl_slice_cut(&rest, ':');
        char file[PATH_BYTES];
        int bytes = snprintf(file, sizeof(file), "%.*s/%s", dir.bytes > 0 ? (int)dir.bytes : 1,
                             dir.bytes > 0 ? dir.data : ".", name);
        int found = bytes > 0 && bytes < PATH_BYTES ? check_file(file) : ENOENT;
        if (found == 0) {
            return 0;
        }
        error_number = found == EACCES ? found : error_number; /* Directories are passed over. */
    }
    return error_number;
}
