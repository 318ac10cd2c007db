/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_vfs.c: SQLite's own VFS, but for one call. Connections that share a file (the history's
 * are those of several processes, the archive's two of one) share an index of its log, a file that
 * each maps into its memory. SQLite makes that file grow by writing one byte to every page of
 * 4 KiB; where the file system's blocks are smaller, the rest are holes, and when the disk is full
 * the first write into a hole is a SIGBUS: the end of the process, in the middle of a run. So each
 * piece is asked to be there before it is used, and a disk that has no room for it is an error as
 * any other.
 *
 * Kernels before 5.14 cannot be asked; there it is as before.
 *
 * Failure: as SQLITE_FULL of the call that wanted the index. Ownership: of nothing; what is
 * registered stays for the life of the process.
 */
#define _GNU_SOURCE
#include "journal/sqlite_vfs.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/assert.h"

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
    const sqlite3_io_methods *base_methods;
    sqlite3_io_methods methods; /* the same with the one call in front */
    bool registered;
} shim;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int
map_index(sqlite3_file *file, int page, int page_bytes, int extend, void volatile **ret_memory)
{
    int code = shim.base_methods->xShmMap(file, page, page_bytes, extend, ret_memory);
    if (code != SQLITE_OK || *ret_memory == NULL) {
        return code;
    }
    /* Volatile is for SQLite's reads; the kernel only needs the address. */
    union {
        void volatile *from;
        void *to;
    } memory = {.from = *ret_memory};
    if (madvise(memory.to, (size_t)page_bytes, MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
        *ret_memory = NULL;
        return SQLITE_FULL;
    }
    return SQLITE_OK;
}

/* The unix VFS gives every file of one kind the same methods, which never change. */
static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    int code = shim.base->xOpen(shim.base, name, file, flags, ret_flags);
    if (code != SQLITE_OK || file->pMethods == NULL || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap == NULL) {
        return code;
    }
    pthread_mutex_lock(&lock);
    if (shim.base_methods == NULL) {
        shim.base_methods = file->pMethods;
        shim.methods = *file->pMethods;
        shim.methods.xShmMap = map_index;
    }
    if (file->pMethods == shim.base_methods) {
        file->pMethods = &shim.methods;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

const char *pawl_sqlite_vfs(void)
{
    pthread_mutex_lock(&lock);
    if (!shim.registered) {
        shim.base = sqlite3_vfs_find(NULL);
        PAWL_ASSERT(shim.base != NULL);
        shim.vfs = *shim.base;
        shim.vfs.zName = "pawl";
        shim.vfs.pNext = NULL;
        shim.vfs.xOpen = open_file;
        shim.registered = sqlite3_vfs_register(&shim.vfs, 0) == SQLITE_OK;
    }
    bool registered = shim.registered;
    pthread_mutex_unlock(&lock);
    return registered ? shim.vfs.zName : NULL;
}
