/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c: the simulated disk's two faces, a SQLite VFS and the journal's files, with faults and
 * deaths on the way. What is kept is disk_store.c's.
 *
 * The VFS does what SQLite's own does on Unix where that matters for a crash: the first sync
 * of a log or rollback journal that may have been made also syncs the directory, and a removal
 * does when it is asked to.
 *
 * One lock around everything, because the engine commits on a thread of its own.
 */
#define _GNU_SOURCE
#include "tests/lib/disk.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/lib/disk_store.h"

struct disk {
    pthread_mutex_t lock;
    struct store store;
    struct pawl_prng prng;
    uint32_t epoch; /* handles of an earlier one are dead */
    bool dead;
    uint64_t die_at; /* on the scale of `changes`; 0: never */
    uint64_t changes;
    uint64_t calls[DISK_CALL_COUNT];
    enum disk_call fail_call;
    uint64_t fail_nth; /* 0: disarmed */
    uint64_t fail_times;
    uint64_t fail_seen;
    uint64_t failures;
    uint64_t limit_bytes;
    bool last_full;
    void (*on_sync)(void *arg);
    void *on_sync_arg;
    sqlite3_vfs vfs;
    struct pawl_files files;
    char name[48];
};

enum verdict { GO, FAIL, DIE };

/* Whether a call goes through. DIE: it still reaches the disk's cache, and then the process is
 * gone. */
static enum verdict judge(struct disk *disk, uint32_t epoch, enum disk_call call)
{
    if (disk->dead || epoch != disk->epoch) {
        return FAIL;
    }
    disk->calls[call]++;
    if (call != DISK_READ) {
        disk->changes++;
        if (disk->changes == disk->die_at) {
            disk->dead = true;
            return DIE;
        }
    }
    if (disk->fail_nth == 0 || (disk->fail_call != DISK_ANY && disk->fail_call != call)) {
        return GO;
    }
    disk->fail_seen++;
    if (disk->fail_seen < disk->fail_nth || disk->fail_seen - disk->fail_nth >= disk->fail_times) {
        return GO;
    }
    disk->failures++;
    return FAIL;
}

static bool has_room(struct disk *disk, const struct store_inode *inode, size_t end)
{
    size_t more = end > inode->current.bytes ? end - inode->current.bytes : 0;
    disk->last_full =
        disk->limit_bytes > 0 && store_total_bytes(&disk->store) + more > disk->limit_bytes;
    disk->failures += disk->last_full ? 1 : 0;
    return !disk->last_full;
}

/* One write; false: it failed. Part of a failing write may have happened. */
static bool write_inode(struct disk *disk,
                        uint32_t epoch,
                        struct store_inode *inode,
                        size_t offset,
                        const void *data,
                        size_t bytes)
{
    pthread_mutex_lock(&disk->lock);
    enum verdict verdict = judge(disk, epoch, DISK_WRITE);
    bool room = verdict != FAIL && has_room(disk, inode, offset + bytes);
    if (room) {
        store_write(inode, offset, data, bytes);
    } else if (!disk->dead && epoch == disk->epoch && !disk->last_full && bytes > 1) {
        store_write(inode, offset, data, bytes / 2);
    }
    pthread_mutex_unlock(&disk->lock);
    return room && verdict == GO;
}

static bool sync_inode(struct disk *disk, uint32_t epoch, struct store_inode *inode, bool directory)
{
    if (disk->on_sync != NULL) {
        disk->on_sync(disk->on_sync_arg);
    }
    pthread_mutex_lock(&disk->lock);
    enum verdict verdict = judge(disk, epoch, DISK_SYNC);
    if (verdict == GO) {
        store_sync(inode);
        if (directory) {
            store_sync_directory(&disk->store);
        }
    } else if (verdict == FAIL && !disk->dead && epoch == disk->epoch) {
        store_lose(inode);
    }
    pthread_mutex_unlock(&disk->lock);
    return verdict == GO;
}

/* --- The VFS. --------------------------------------------------------------------------------- */

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
    bool go = judge(file->disk, file->epoch, DISK_READ) == GO;
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
    if (write_inode(file->disk, file->epoch, file->inode, (size_t)offset, data, (size_t)amount)) {
        return SQLITE_OK;
    }
    return file->disk->last_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct vfs_file *file = file_of(base);
    pthread_mutex_lock(&file->disk->lock);
    enum verdict verdict = judge(file->disk, file->epoch, DISK_TRUNCATE);
    if (verdict != FAIL) {
        store_truncate(file->inode, (size_t)bytes);
    }
    pthread_mutex_unlock(&file->disk->lock);
    return verdict == GO ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = file_of(base);
    (void)flags;
    bool synced = sync_inode(file->disk, file->epoch, file->inode, file->sync_directory);
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
    enum verdict verdict = judge(disk, disk->epoch, DISK_OPEN);
    if (verdict != FAIL) {
        file->inode = store_open(&disk->store, path);
        if (file->inode == NULL && (flags & SQLITE_OPEN_CREATE) != 0) {
            file->inode = store_create(&disk->store, path);
        }
    }
    if (verdict != GO && file->inode != NULL) {
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
    enum verdict verdict = judge(disk, disk->epoch, DISK_REMOVE);
    bool there = store_find(&disk->store, path) != NULL;
    if (verdict != FAIL && there) {
        store_remove(&disk->store, path);
        if (sync_directory != 0 && verdict == GO) {
            store_sync_directory(&disk->store);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    if (verdict != GO) {
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

/* --- The other files. ------------------------------------------------------------------------- */

struct pawl_file {
    struct disk *disk;
    struct store_inode *inode;
    uint32_t epoch;
    bool unpublished;
    bool holds_lock;
    char *path; /* owned */
};

static pawl_err refused(const struct disk *disk, const char *path, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "the simulated disk fails for %s", path);
    return disk->last_full ? PAWL_ERR(FULL) : PAWL_ERR(IO);
}

static struct pawl_file *file_new(struct disk *disk, struct store_inode *inode, const char *path)
{
    struct pawl_file *file = calloc(1, sizeof(*file));
    PAWL_ASSERT(file != NULL);
    *file = (struct pawl_file){
        .disk = disk, .inode = inode, .epoch = disk->epoch, .path = strdup(path)};
    PAWL_ASSERT(file->path != NULL);
    return file;
}

static void file_free(struct pawl_file *file)
{
    store_close(file->inode);
    free(file->path);
    free(file);
}

static pawl_err
files_create(void *arg, const char *path, struct pawl_file **ret_file, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    enum verdict verdict = judge(disk, disk->epoch, DISK_OPEN);
    pawl_err err = PAWL_OK;
    if (verdict != GO) {
        err = refused(disk, path, msg);
    } else {
        struct store_inode *inode = store_open(&disk->store, path);
        if (inode != NULL) {
            store_truncate(inode, 0);
        } else {
            inode = store_create(&disk->store, path);
        }
        *ret_file = file_new(disk, inode, path);
        (*ret_file)->unpublished = true;
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err
files_append(struct pawl_file *file, const void *data, size_t bytes, struct pawl_errmsg *msg)
{
    size_t end = file->inode->current.bytes;
    if (write_inode(file->disk, file->epoch, file->inode, end, data, bytes)) {
        return PAWL_OK;
    }
    return refused(file->disk, file->path, msg);
}

static void files_close(struct pawl_file *file)
{
    struct disk *disk = file->disk;
    pthread_mutex_lock(&disk->lock);
    if (file->epoch == disk->epoch && !disk->dead) {
        if (file->unpublished) {
            store_remove(&disk->store, file->path);
        }
        if (file->holds_lock) {
            file->inode->locked = false;
        }
    }
    file_free(file);
    pthread_mutex_unlock(&disk->lock);
}

static pawl_err files_publish(struct pawl_file *file, const char *path, struct pawl_errmsg *msg)
{
    struct disk *disk = file->disk;
    bool done = sync_inode(disk, file->epoch, file->inode, false);
    if (done) {
        pthread_mutex_lock(&disk->lock);
        enum verdict verdict = judge(disk, file->epoch, DISK_RENAME);
        if (verdict != FAIL) {
            store_rename(&disk->store, file->path, path);
        }
        done = verdict == GO && judge(disk, file->epoch, DISK_SYNC) == GO;
        if (done) {
            store_sync_directory(&disk->store);
        }
        file->unpublished = verdict == FAIL;
        pthread_mutex_unlock(&disk->lock);
    }
    pawl_err err = done ? PAWL_OK : refused(disk, path, msg);
    files_close(file);
    return err;
}

static pawl_err files_open(void *arg,
                           const char *path,
                           struct pawl_file **ret_file,
                           uint64_t *ret_bytes,
                           struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    pawl_err err = PAWL_OK;
    if (judge(disk, disk->epoch, DISK_READ) != GO) {
        err = refused(disk, path, msg);
    } else {
        struct store_inode *inode = store_open(&disk->store, path);
        if (inode != NULL) {
            *ret_file = file_new(disk, inode, path);
            *ret_bytes = inode->current.bytes;
        } else {
            err = PAWL_ERR(NOT_FOUND);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_read(
    struct pawl_file *file, uint64_t offset, void *out, size_t bytes, struct pawl_errmsg *msg)
{
    struct disk *disk = file->disk;
    pthread_mutex_lock(&disk->lock);
    pawl_err err = PAWL_OK;
    const struct store_bytes *content = &file->inode->current;
    if (judge(disk, file->epoch, DISK_READ) != GO) {
        err = refused(disk, file->path, msg);
    } else if (offset > content->bytes || content->bytes - offset < bytes) {
        pawl_errmsg_set(msg, "%s is shorter than it should be", file->path);
        err = PAWL_ERR(CORRUPT);
    } else if (bytes > 0) {
        memcpy(out, content->data + offset, bytes);
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_refresh(void *arg, const char *path, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    struct store_inode *inode = store_find(&disk->store, path);
    enum verdict verdict = inode != NULL ? judge(disk, disk->epoch, DISK_WRITE) : GO;
    if (inode != NULL && verdict != FAIL) {
        struct store_bytes same = {.data = NULL};
        store_bytes_copy(&inode->current, &same);
        store_write(inode, 0, same.data, same.bytes);
        free(same.data);
        enum verdict synced = verdict == GO ? judge(disk, disk->epoch, DISK_SYNC) : verdict;
        if (synced == GO) {
            store_sync(inode);
        } else if (synced == FAIL) {
            store_lose(inode);
        }
        verdict = synced;
    }
    pawl_err err = verdict == GO ? PAWL_OK : refused(disk, path, msg);
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_remove(void *arg, const char *path, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    enum verdict verdict = judge(disk, disk->epoch, DISK_REMOVE);
    if (verdict != FAIL && store_find(&disk->store, path) != NULL) {
        store_remove(&disk->store, path);
    }
    pawl_err err = verdict == GO ? PAWL_OK : refused(disk, path, msg);
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_list(
    void *arg, const char *dir, pawl_files_name_fn *fn, void *fn_arg, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    size_t bytes = strlen(dir);
    (void)msg;
    pthread_mutex_lock(&disk->lock);
    bool more = true;
    for (size_t i = 0; i < disk->store.current.count && more; i++) {
        const char *path = disk->store.current.rows[i].path;
        if (strncmp(path, dir, bytes) == 0 && path[bytes] == '/') {
            more = fn(fn_arg, path + bytes + 1);
        }
    }
    pthread_mutex_unlock(&disk->lock);
    return PAWL_OK;
}

static pawl_err files_lock(
    void *arg, const char *path, bool make, struct pawl_file **ret_file, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    pawl_err err = PAWL_OK;
    struct store_inode *inode = store_open(&disk->store, path);
    if (inode == NULL && make) {
        inode = store_create(&disk->store, path);
    }
    if (inode == NULL) {
        err = PAWL_ERR(NOT_FOUND);
    } else if (inode->locked) {
        store_close(inode);
        pawl_errmsg_set(msg, "%s is held", path);
        err = PAWL_ERR(LOCKED);
    } else {
        inode->locked = true;
        *ret_file = file_new(disk, inode, path);
        (*ret_file)->holds_lock = true;
    }
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_check(void *arg, const char *dir, struct pawl_errmsg *msg)
{
    (void)arg;
    (void)dir;
    (void)msg;
    return PAWL_OK;
}

static const struct pawl_files_ops files_ops = {.create = files_create,
                                                .append = files_append,
                                                .publish = files_publish,
                                                .open = files_open,
                                                .read = files_read,
                                                .close = files_close,
                                                .refresh = files_refresh,
                                                .remove = files_remove,
                                                .list = files_list,
                                                .lock = files_lock,
                                                .check = files_check};

/* --- The disk itself. ------------------------------------------------------------------------- */

struct disk *disk_new(uint64_t seed)
{
    static unsigned made;
    struct disk *disk = calloc(1, sizeof(*disk));
    PAWL_ASSERT(disk != NULL);
    pthread_mutex_init(&disk->lock, NULL);
    pawl_prng_seed(&disk->prng, seed);
    (void)snprintf(disk->name, sizeof(disk->name), "pawl-disk-%u", ++made);
    disk->files = (struct pawl_files){.ops = &files_ops, .arg = disk};
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
    int code = sqlite3_vfs_register(&disk->vfs, 0);
    PAWL_ASSERT(code == SQLITE_OK);
    return disk;
}

void disk_free(struct disk *disk)
{
    sqlite3_vfs_unregister(&disk->vfs);
    store_free(&disk->store);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

struct disk *disk_copy(const struct disk *disk, uint64_t seed)
{
    struct disk *copy = disk_new(seed);
    store_copy(&disk->store, &copy->store);
    return copy;
}

const char *disk_vfs(const struct disk *disk)
{
    return disk->name;
}

const struct pawl_files *disk_files(const struct disk *disk)
{
    return &disk->files;
}

void disk_fail(struct disk *disk, enum disk_call call, uint64_t nth, uint64_t times)
{
    disk->fail_call = call;
    disk->fail_nth = nth;
    disk->fail_times = times;
    disk->fail_seen = 0;
    disk->failures = 0;
}

uint64_t disk_failures(const struct disk *disk)
{
    return disk->failures;
}

void disk_limit(struct disk *disk, uint64_t bytes)
{
    disk->limit_bytes = bytes;
}

uint64_t disk_bytes(const struct disk *disk)
{
    return store_total_bytes(&disk->store);
}

void disk_die_at(struct disk *disk, uint64_t nth)
{
    disk->die_at = nth == 0 ? 0 : disk->changes + nth;
}

bool disk_dead(const struct disk *disk)
{
    return disk->dead;
}

uint64_t disk_changes(const struct disk *disk)
{
    return disk->changes;
}

uint64_t disk_calls(const struct disk *disk, enum disk_call call)
{
    PAWL_ASSERT(call < DISK_CALL_COUNT);
    return disk->calls[call];
}

void disk_crash(struct disk *disk, bool power)
{
    pthread_mutex_lock(&disk->lock);
    disk->epoch++;
    disk->dead = false;
    disk->die_at = 0;
    disk->limit_bytes = 0;
    disk->last_full = false;
    disk->fail_nth = 0;
    if (power) {
        store_crash(&disk->store, &disk->prng);
    }
    for (size_t i = 0; i < disk->store.current.count; i++) {
        disk->store.current.rows[i].inode->locked = false;
    }
    pthread_mutex_unlock(&disk->lock);
}

void disk_on_sync(struct disk *disk, void (*fn)(void *arg), void *arg)
{
    disk->on_sync = fn;
    disk->on_sync_arg = arg;
}

static struct store_inode *must_find(const struct disk *disk, const char *path)
{
    struct store_inode *inode = store_find(&disk->store, path);
    PAWL_ASSERT(inode != NULL);
    return inode;
}

bool disk_exists(const struct disk *disk, const char *path)
{
    return store_find(&disk->store, path) != NULL;
}

size_t disk_file_bytes(const struct disk *disk, const char *path)
{
    return must_find(disk, path)->current.bytes;
}

void disk_flip_bit(struct disk *disk, const char *path, size_t byte, unsigned bit)
{
    struct store_inode *inode = must_find(disk, path);
    PAWL_ASSERT(byte < inode->current.bytes && bit < 8);
    unsigned char flipped = (unsigned char)(inode->current.data[byte] ^ (1U << bit));
    store_write(inode, byte, &flipped, 1);
    store_sync(inode);
}

void disk_cut(struct disk *disk, const char *path, size_t bytes)
{
    struct store_inode *inode = must_find(disk, path);
    store_truncate(inode, bytes);
    store_sync(inode);
}

void disk_remove(struct disk *disk, const char *path)
{
    store_remove(&disk->store, path);
    store_sync_directory(&disk->store);
}

void disk_rename(struct disk *disk, const char *from, const char *to)
{
    store_rename(&disk->store, from, to);
    store_sync_directory(&disk->store);
}

void disk_each(const struct disk *disk, void (*fn)(void *arg, const char *path), void *arg)
{
    for (size_t i = 0; i < disk->store.current.count; i++) {
        fn(arg, disk->store.current.rows[i].path);
    }
}
