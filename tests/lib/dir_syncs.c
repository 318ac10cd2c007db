/* SPDX-License-Identifier: Apache-2.0 */
/* dir_syncs.c: see dir_syncs.h. A name is durable once the directory it stands in is synced. */
#define _GNU_SOURCE
#include "tests/lib/dir_syncs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

enum { NAMES_MAX = 64 };

struct name {
    char path[PATH_MAX]; /* for the message */
    struct stat above;
    bool durable;
};

static struct name names[NAMES_MAX];
static size_t name_count;
static bool failing;

static void note(const char *path)
{
    char above[PATH_MAX];
    PAWL_ASSERT(name_count < NAMES_MAX && strlen(path) < PATH_MAX && path[0] == '/');
    struct name *name = &names[name_count++];
    *name = (struct name){.durable = false};
    (void)snprintf(name->path, sizeof(name->path), "%s", path);
    (void)snprintf(above, sizeof(above), "%s", path);
    *strrchr(above + 1, '/') = '\0';
    int failed = stat(above, &name->above);
    PAWL_ASSERT(failed == 0);
}

int mkdir(const char *path, mode_t mode)
{
    long failed = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (failed == 0) {
        note(path);
    }
    return (int)failed;
}

int rename(const char *from, const char *to)
{
    struct stat seen;
    long failed = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (failed == 0 && stat(to, &seen) == 0 && S_ISDIR(seen.st_mode)) {
        note(to);
    }
    return (int)failed;
}

int fsync(int fd)
{
    struct stat seen;
    bool directory = fstat(fd, &seen) == 0 && S_ISDIR(seen.st_mode);
    if (directory && failing) {
        errno = EIO;
        return -1;
    }
    for (size_t i = 0; directory && i < name_count; i++) {
        struct name *name = &names[i];
        name->durable = name->durable ||
                        (name->above.st_ino == seen.st_ino && name->above.st_dev == seen.st_dev);
    }
    return (int)syscall(SYS_fsync, fd);
}

void dir_syncs_forget(void)
{
    name_count = 0;
}

void dir_syncs_fail(bool fail)
{
    failing = fail;
}

size_t dir_syncs_made(void)
{
    size_t made = name_count;
    for (size_t i = 0; i < made; i++) {
        if (!names[i].durable) {
            fail_msg("a power failure could take %s", names[i].path);
        }
    }
    name_count = 0;
    return made;
}
