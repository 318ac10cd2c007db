/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_priv.h: the simulated disk inside: disk.c decides what becomes of a call, disk_vfs.c and
 * disk_files.c are its two faces, and what is kept is disk_store.c's.
 *
 * One lock around everything, because the engine commits on a thread of its own.
 */
#ifndef PAWL_TESTS_LIB_DISK_PRIV_H
#define PAWL_TESTS_LIB_DISK_PRIV_H

#include <pthread.h>
#include <sqlite3.h>

#include "tests/lib/disk.h"
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
    bool last_full; /* what failed last failed for want of room */
    void (*on_sync)(void *arg);
    void *on_sync_arg;
    sqlite3_vfs vfs;
    struct pawl_files files;
    char name[48];
};

/* What becomes of a call. DISK_DIES: it still reaches the disk's cache, and then the process is
 * gone. */
enum disk_verdict { DISK_GOES, DISK_FAILS, DISK_DIES };

/* Counts the call and decides. The caller holds the lock. */
enum disk_verdict disk_judge(struct disk *disk, uint32_t epoch, enum disk_call call);
/* One write; false: it failed. Part of a failing write may have happened. Takes the lock. */
bool disk_write(struct disk *disk,
                uint32_t epoch,
                struct store_inode *inode,
                size_t offset,
                const void *data,
                size_t bytes);
/* One sync, of the directory as well if asked; false: it failed, and what it should have synced is
 * lost. Takes the lock. */
bool disk_sync(struct disk *disk, uint32_t epoch, struct store_inode *inode, bool directory);

/* Fills disk->vfs; registering it is the caller's. */
void disk_vfs_init(struct disk *disk);
extern const struct pawl_files_ops disk_files_ops;

#endif
