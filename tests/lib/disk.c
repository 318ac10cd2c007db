/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c: what becomes of each call: it goes through, fails, or is the process's last; and what a
 * test may do to the disk from outside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/lib/disk_priv.h"

enum disk_verdict disk_judge(struct disk *disk, uint32_t epoch, enum disk_call call)
{
    if (disk->dead || epoch != disk->epoch) {
        return DISK_FAILS;
    }
    disk->calls[call]++;
    if (call != DISK_READ) {
        disk->changes++;
        if (disk->changes == disk->die_at) {
            disk->dead = true;
            return DISK_DIES;
        }
    }
    if (disk->fail_nth == 0 || (disk->fail_call != DISK_ANY && disk->fail_call != call)) {
        return DISK_GOES;
    }
    disk->fail_seen++;
    if (disk->fail_seen < disk->fail_nth || disk->fail_seen - disk->fail_nth >= disk->fail_times) {
        return DISK_GOES;
    }
    disk->failures++;
    return DISK_FAILS;
}

static bool has_room(struct disk *disk, const struct store_inode *inode, size_t end)
{
    size_t more = end > inode->current.bytes ? end - inode->current.bytes : 0;
    disk->last_full =
        disk->limit_bytes > 0 && store_total_bytes(&disk->store) + more > disk->limit_bytes;
    disk->failures += disk->last_full ? 1 : 0;
    return !disk->last_full;
}

bool disk_write(struct disk *disk,
                uint32_t epoch,
                struct store_inode *inode,
                size_t offset,
                const void *data,
                size_t bytes)
{
    pthread_mutex_lock(&disk->lock);
    enum disk_verdict verdict = disk_judge(disk, epoch, DISK_WRITE);
    bool room = verdict != DISK_FAILS && has_room(disk, inode, offset + bytes);
    if (room) {
        store_write(inode, offset, data, bytes);
    } else if (!disk->dead && epoch == disk->epoch && !disk->last_full && bytes > 1) {
        store_write(inode, offset, data, bytes / 2);
    }
    pthread_mutex_unlock(&disk->lock);
    return room && verdict == DISK_GOES;
}

bool disk_sync(struct disk *disk, uint32_t epoch, struct store_inode *inode, bool directory)
{
    if (disk->on_sync != NULL) {
        disk->on_sync(disk->on_sync_arg);
    }
    pthread_mutex_lock(&disk->lock);
    enum disk_verdict verdict = disk_judge(disk, epoch, DISK_SYNC);
    if (verdict == DISK_GOES) {
        store_sync(inode);
        if (directory) {
            store_sync_directory(&disk->store);
        }
    } else if (verdict == DISK_FAILS && !disk->dead && epoch == disk->epoch) {
        store_lose(inode);
    }
    pthread_mutex_unlock(&disk->lock);
    return verdict == DISK_GOES;
}

/* --- The disk itself. ------------------------------------------------------------------------- */

struct disk *disk_new(uint64_t seed)
{
    static unsigned made;
    struct disk *disk = calloc(1, sizeof(*disk));
    PAWL_ASSERT(disk != NULL);
    pthread_mutex_init(&disk->lock, NULL);
    pawl_prng_seed(&disk->prng, seed);
    (void)snprintf(disk->name, sizeof(disk->name), "pawl-disk-%u", ++made);
    disk->files = (struct pawl_files){.ops = &disk_files_ops, .arg = disk};
    disk_vfs_init(disk);
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
