/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_files.c: the disk as the journal's other files see it, with the same faults as SQLite's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/lib/disk_priv.h"

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
    enum disk_verdict verdict = disk_judge(disk, disk->epoch, DISK_OPEN);
    pawl_err err = PAWL_OK;
    if (verdict != DISK_GOES) {
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
    if (disk_write(file->disk, file->epoch, file->inode, end, data, bytes)) {
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
    bool done = disk_sync(disk, file->epoch, file->inode, false);
    if (done) {
        pthread_mutex_lock(&disk->lock);
        enum disk_verdict verdict = disk_judge(disk, file->epoch, DISK_RENAME);
        if (verdict != DISK_FAILS) {
            store_rename(&disk->store, file->path, path);
        }
        done = verdict == DISK_GOES && disk_judge(disk, file->epoch, DISK_SYNC) == DISK_GOES;
        if (done) {
            store_sync_directory(&disk->store);
        }
        file->unpublished = verdict == DISK_FAILS;
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
    if (disk_judge(disk, disk->epoch, DISK_READ) != DISK_GOES) {
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
    if (disk_judge(disk, file->epoch, DISK_READ) != DISK_GOES) {
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
    enum disk_verdict verdict =
        inode != NULL ? disk_judge(disk, disk->epoch, DISK_WRITE) : DISK_GOES;
    if (inode != NULL && verdict != DISK_FAILS) {
        struct store_bytes same = {.data = NULL};
        store_bytes_copy(&inode->current, &same);
        store_write(inode, 0, same.data, same.bytes);
        free(same.data);
        enum disk_verdict synced =
            verdict == DISK_GOES ? disk_judge(disk, disk->epoch, DISK_SYNC) : verdict;
        if (synced == DISK_GOES) {
            store_sync(inode);
        } else if (synced == DISK_FAILS) {
            store_lose(inode);
        }
        verdict = synced;
    }
    pawl_err err = verdict == DISK_GOES ? PAWL_OK : refused(disk, path, msg);
    pthread_mutex_unlock(&disk->lock);
    return err;
}

static pawl_err files_remove(void *arg, const char *path, struct pawl_errmsg *msg)
{
    struct disk *disk = arg;
    pthread_mutex_lock(&disk->lock);
    enum disk_verdict verdict = disk_judge(disk, disk->epoch, DISK_REMOVE);
    if (verdict != DISK_FAILS && store_find(&disk->store, path) != NULL) {
        store_remove(&disk->store, path);
        verdict = verdict == DISK_GOES ? disk_judge(disk, disk->epoch, DISK_SYNC) : verdict;
        if (verdict == DISK_GOES) {
            store_sync_directory(&disk->store);
        }
    }
    pawl_err err = verdict == DISK_GOES ? PAWL_OK : refused(disk, path, msg);
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

const struct pawl_files_ops disk_files_ops = {.create = files_create,
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
