/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.c: the search that execvp(3) makes, without the execution. A typing error then costs no
 * run directory and no line in the history; and a wrapper finds the program that it stands before.
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

bool pawl_command_is_wrappers(struct pawl_slice dir)
{
    char id[PAWL_RUN_ID_BYTES];
    return pawl_slice_equal_str(pawl_slice_cut_last(&dir, '/'), "bin") &&
           pawl_slice_copy_str(pawl_slice_cut_last(&dir, '/'), id, sizeof(id)) &&
           pawl_run_id_valid(id);
}

int pawl_command_find(const char *name, const char *path, char ret_program[static PAWL_PATH_BYTES])
{
    if (strchr(name, '/') != NULL) {
        int failed = check_file(name);
        return failed == 0 &&
                       !pawl_slice_copy_str(pawl_slice_str(name), ret_program, PAWL_PATH_BYTES)
                   ? ENAMETOOLONG
                   : failed;
    }
    struct pawl_slice rest = pawl_slice_str(path != NULL ? path : PAWL_COMMAND_PATH);
    int error_number = ENOENT;
    for (bool more = name[0] != '\0'; more;) {
        more = pawl_slice_find_byte(rest, ':') != SIZE_MAX;
        struct pawl_slice dir = pawl_slice_cut(&rest, ':');
        char file[PAWL_PATH_BYTES];
        int bytes = snprintf(file, sizeof(file), "%.*s/%s", dir.bytes > 0 ? (int)dir.bytes : 1,
                             dir.bytes > 0 ? dir.data : ".", name);
        bool fits = bytes > 0 && bytes < PAWL_PATH_BYTES && !pawl_command_is_wrappers(dir);
        int found = fits ? check_file(file) : ENOENT;
        if (found == 0) {
            memcpy(ret_program, file, (size_t)bytes + 1);
            return 0;
        }
        error_number = found == EACCES ? found : error_number; /* Directories are passed over. */
    }
    return error_number;
}

int pawl_command_check(const char *name)
{
    char program[PAWL_PATH_BYTES];
    return pawl_command_find(name, getenv("PATH"), program);
}
