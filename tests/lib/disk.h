/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h: a disk in memory, behind SQLite (as a VFS) and behind the journal's other files, that
 * behaves as badly as a real one may.
 *
 * What was not synced may be lost when the power fails: each write since the last sync is
 * kept, dropped, or torn by sectors of 512 bytes, each on its own; of the changes to the directory
 * since its last sync a beginning is kept. A failed sync loses what it should have synced for good,
 * although later syncs succeed and reads still show it. All choices come from one seed.
 *
 * A crash ends every handle that was open: their calls fail from then on, so the dead process's
 * memory can be freed by its own code without touching the disk.
 */
#ifndef PAWL_TESTS_LIB_DISK_H
#define PAWL_TESTS_LIB_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/files.h"

struct disk;

enum disk_call {
    DISK_WRITE,
    DISK_TRUNCATE,
    DISK_SYNC,
    DISK_OPEN, /* creating included */
    DISK_READ,
    DISK_REMOVE,
    DISK_RENAME,
    DISK_CALL_COUNT,
    DISK_ANY = DISK_CALL_COUNT /* any of them */
};

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *disk);
/* The VFS's name for pawl_journal_sqlite_options.vfs, and the files. Good until disk_free. */
const char *disk_vfs(const struct disk *disk);
const struct pawl_files *disk_files(const struct disk *disk);

/* The nth call of a kind from now fails (1: the next one), and the `times` - 1 after it; 0 disarms.
 */
void disk_fail(struct disk *disk, enum disk_call call, uint64_t nth, uint64_t times);
/* How many calls failed so since it was armed, those for want of room included. */
uint64_t disk_failures(const struct disk *disk);
/* Writes beyond so many bytes in all files together fail as on a full disk; 0: no limit. */
void disk_limit(struct disk *disk, uint64_t bytes);
uint64_t disk_bytes(const struct disk *disk);
/* The process dies in its nth call that changes something: that call and all later ones fail. */
void disk_die_at(struct disk *disk, uint64_t nth);
bool disk_dead(const struct disk *disk);
/* So many calls that change something were made since disk_new. */
uint64_t disk_changes(const struct disk *disk);
uint64_t disk_calls(const struct disk *disk, enum disk_call call);

/* The process ends here. `power`: and the machine with it, so that what was not synced is up to
 * chance. Afterwards the disk takes new handles, without faults. */
void disk_crash(struct disk *disk, bool power);

/* Runs before each sync takes effect, on the thread that syncs, outside of the disk's lock. */
void disk_on_sync(struct disk *disk, void (*fn)(void *arg), void *arg);

/* For tests that damage files by hand. */
bool disk_exists(const struct disk *disk, const char *path);
size_t disk_file_bytes(const struct disk *disk, const char *path);
void disk_flip_bit(struct disk *disk, const char *path, size_t byte, unsigned bit);
void disk_cut(struct disk *disk, const char *path, size_t bytes);
void disk_remove(struct disk *disk, const char *path);
void disk_rename(struct disk *disk, const char *from, const char *to);
/* A second disk with the same durable and current content. */
struct disk *disk_copy(const struct disk *disk, uint64_t seed);
void disk_each(const struct disk *disk, void (*fn)(void *arg, const char *path), void *arg);

#endif
