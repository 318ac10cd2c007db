/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_store.h: what is on the simulated disk: files with their unsynced changes, and the
 * directory with its own. disk_store.c knows what survives; disk.c knows who calls and whether it
 * works.
 */
#ifndef PAWL_TESTS_LIB_DISK_STORE_H
#define PAWL_TESTS_LIB_DISK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prng.h"

struct store_bytes {
    unsigned char *data; /* owned */
    size_t bytes;
    size_t capacity;
};

/* A write (data != NULL) or a truncation to `offset` bytes. */
struct store_change {
    size_t offset;
    size_t bytes;
    unsigned char *data; /* owned */
};

struct store_inode {
    uint32_t references; /* names, durable names, pending names and handles */
    bool locked;
    struct store_bytes current;
    struct store_bytes durable;
    struct store_change *changes; /* since the last sync, in order */
    size_t change_count;
    size_t change_capacity;
};

struct store_name {
    char *path; /* owned */
    struct store_inode *inode;
};

struct store_names {
    struct store_name *rows;
    size_t count;
    size_t capacity;
};

/* A name set to a file, or (inode NULL) taken away; `from` besides for a rename. */
struct store_step {
    char *path;
    char *from;
    struct store_inode *inode;
};

struct store {
    struct store_names current;
    struct store_names durable;
    struct store_step *steps; /* changes of the directory since its last sync, in order */
    size_t step_count;
    size_t step_capacity;
};

void store_bytes_copy(const struct store_bytes *from, struct store_bytes *to);

struct store_inode *store_find(const struct store *store, const char *path);
/* Takes a reference. */
struct store_inode *store_open(struct store *store, const char *path);
struct store_inode *store_create(struct store *store, const char *path);
void store_close(struct store_inode *inode);

void store_write(struct store_inode *inode, size_t offset, const void *data, size_t bytes);
void store_truncate(struct store_inode *inode, size_t bytes);
void store_sync(struct store_inode *inode);
/* What a failed sync does: the changes will never reach the disk. */
void store_lose(struct store_inode *inode);

void store_remove(struct store *store, const char *path);
void store_rename(struct store *store, const char *from, const char *to);
void store_sync_directory(struct store *store);

/* The power fails: what is durable, and by chance parts of what is not. */
void store_crash(struct store *store, struct pawl_prng *prng);
uint64_t store_total_bytes(const struct store *store);
void store_copy(const struct store *store, struct store *ret_copy);
void store_free(struct store *store);

#endif
