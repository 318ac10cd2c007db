/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_vfs.c: the disk as SQLite sees it. It does what SQLite's own VFS does on Unix where that
 * matters for a crash: the first sync of a log or rollback journal that may have been made also
 * syncs the directory, and a removal does when it is asked to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/lib/disk_priv.h"

struct vfs_file {
    sqlite3_file base; /* first */
    struct disk *disk;
    struct store_inode *inode;
    uint32_t epoch;
    bool sync_directory;
    char *remove_path; /* owned: SQLITE_OPEN_DELETEONCLOSE */
};

static struct vfs_file *file_of(sqlite3_file *base)
{
    return (struct vfs_file *)base;
}

static int vfs_close(sqlite3_file *base)
{
    struct vfs_file *file = file_of(base);
    pthread_mutex_lock(&file->disk->lock);
    if (file->remove_path != NULL && file->epoch == file->disk->epoch) {
        store_remove(&file->disk->store, file->remove_path);
    }
    free(file->remove_path);
    store_close(file->inode);
    pthread_mutex_unlock(&file->disk->lock);
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(base);
    size_t at = (size_t)offset;
    size_t bytes = (size_t)amount;
    pthread_mutex_lock(&file->disk->lock);
    bool go = disk_judge(file->disk, file->epoch, DISK_READ) == DISK_GOES;
    const struct store_bytes *content = &file->inode->current;
    size_t there = at < content->bytes ? content->bytes - at : 0;
    there = there < bytes ? there : bytes;
    if (go) {
        memset(out, 0, bytes);
        if (there > 0) {
            memcpy(out, content->data + at, there);
        }
    }
    pthread_mutex_unlock(&file->disk->lock);
    if (!go) {
        return SQLITE_IOERR_READ;
    }
    return there == bytes ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *data, int amount, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(base);
    if (disk_write(file->disk, file->epoch, file->inode, (size_t)offset, data, (size_t)amount)) {
        return SQLITE_OK;
    }
    return file->disk->last_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct vfs_file *file = file_of(base);
    pthread_mutex_lock(&file->disk->lock);
    enum disk_verdict verdict = disk_judge(file->disk, file->epoch, DISK_TRUNCATE);
    if (verdict != DISK_FAILS) {
        store_truncate(file->inode, (size_t)bytes);
    }
    pthread_mutex_unlock(&file->disk->lock);
    return verdict == DISK_GOES ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = file_of(base);
    (void)flags;
    bool synced = disk_sync(file->disk, file->epoch, file->inode, file->sync_directory);
    file->sync_directory = file->sync_directory && !synced;
    return synced ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int vfs_file_size(sqlite3_file *base, sqlite3_int64 *ret_bytes)
{
    struct vfs_file *file = file_of(base);
    pthread_mutex_lock(&file->disk->lock);
    *ret_bytes = (sqlite3_int64)file->inode->current.bytes;
    pthread_mutex_unlock(&file->disk->lock);
    return SQLITE_OK;
}

static int vfs_lock(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int vfs_check_reserved(sqlite3_file *base, int *ret_reserved)
{
    (void)base;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int vfs_sector_bytes(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

/* As the Unix VFS: a write changes no byte beside it. */
static int vfs_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_file_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_lock,
    .xCheckReservedLock = vfs_check_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_bytes,
    .xDeviceCharacteristics = vfs_characteristics,
};

static int
vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
    struct disk *disk = vfs->pAppData;
    struct vfs_file *file = file_of(base);
    memset(file, 0, sizeof(*file));
    char temporary[64];
    pthread_mutex_lock(&disk->lock);
    if (path == NULL) {
        (void)snprintf(temporary, sizeof(temporary), "/temporary-%llu",
                       (unsigned long long)disk->changes);
        path = temporary;
    }
    enum disk_verdict verdict = disk_judge(disk, disk->epoch, DISK_OPEN);
    if (verdict != DISK_FAILS) {
        file->inode = store_open(&disk->store, path);
        if (file->inode == NULL && (flags & SQLITE_OPEN_CREATE) != 0) {
            file->inode = store_create(&disk->store, path);
        }
    }
    if (verdict != DISK_GOES && file->inode != NULL) {
        store_close(file->inode);
        file->inode = NULL;
    }
    if (file->inode != NULL) {
        int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
        file->base.pMethods = &file_methods;
        file->disk = disk;
        file->epoch = disk->epoch;
        file->sync_directory = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & logs) != 0;
        file->remove_path = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0 ? strdup(path) : NULL;
    }
    bool opened = file->inode != NULL;
    pthread_mutex_unlock(&disk->lock);
    if (opened && ret_flags != NULL) {
        *ret_flags = flags;
    }
    return opened ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    struct disk *disk = vfs->pAppData;
    pthread_mutex_lock(&disk->lock);
    enum disk_verdict verdict = disk_judge(disk, disk->epoch, DISK_REMOVE);
    bool there = store_find(&disk->store, path) != NULL;
    if (verdict != DISK_FAILS && there) {
        store_remove(&disk->store, path);
        if (sync_directory != 0 && verdict == DISK_GOES) {
            store_sync_directory(&disk->store);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    if (verdict != DISK_GOES) {
        return SQLITE_IOERR_DELETE;
    }
    return there ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_result)
{
    struct disk *disk = vfs->pAppData;
    pthread_mutex_lock(&disk->lock);
    const struct store_inode *inode = store_find(&disk->store, path);
    /* As on Unix, an empty file does not exist for SQLite's question about journals. */
    *ret_result = inode != NULL && (flags != SQLITE_ACCESS_EXISTS || inode->current.bytes > 0);
    pthread_mutex_unlock(&disk->lock);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int bytes, char *out)
{
    (void)vfs;
    int length = snprintf(out, (size_t)bytes, "%s", path);
    return length >= 0 && length < bytes ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *vfs, int bytes, char *out)
{
    struct disk *disk = vfs->pAppData;
    pthread_mutex_lock(&disk->lock);
    for (int i = 0; i < bytes; i++) {
        out[i] = (char)pawl_prng_next(&disk->prng);
    }
    pthread_mutex_unlock(&disk->lock);
    return bytes;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    *ret_days = 2461000.5;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int bytes, char *out)
{
    const struct disk *disk = vfs->pAppData;
    (void)bytes;
    (void)out;
    return disk->last_full ? ENOSPC : EIO;
}

void disk_vfs_init(struct disk *disk)
{
    disk->vfs = (sqlite3_vfs){.iVersion = 1,
                              .szOsFile = (int)sizeof(struct vfs_file),
                              .mxPathname = 512,
                              .zName = disk->name,
                              .pAppData = disk,
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_last_error};
}
