/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h: what the journal does to files beside SQLite: checkpoints, the witness, the lock,
 * the directory. A table of effects, so that the simulator can put a disk behind it that
 * forgets what was not synced, the same disk that it puts behind SQLite.
 *
 * A file is made under a temporary name and appears under its own only when it is durable:
 * create, append, publish. There is no other way to write one.
 */
#ifndef PAWL_JOURNAL_FILES_H
#define PAWL_JOURNAL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/err.h"
#include "base/slice.h"

enum { PAWL_PATH_BYTES_MAX = 4096 };

struct pawl_file;

/* false stops the listing, which is no error. */
typedef bool pawl_files_name_fn(void *arg, const char *name);

struct pawl_files_ops {
    /* An empty file, whatever was there. */
    pawl_err (*create)(void *arg,
                       const char *path,
                       struct pawl_file **ret_file,
                       struct pawl_errmsg *msg);
    pawl_err (*append)(struct pawl_file *file,
                       const void *data,
                       size_t bytes,
                       struct pawl_errmsg *msg);
    /* Syncs the content, renames the file to `path`, syncs the directory. Closes the file, also
     * on failure. */
    pawl_err (*publish)(struct pawl_file *file, const char *path, struct pawl_errmsg *msg);
    pawl_err (*open)(void *arg,
                     const char *path,
                     struct pawl_file **ret_file,
                     uint64_t *ret_bytes,
                     struct pawl_errmsg *msg);
    /* Exactly so many bytes; fewer are an error. */
    pawl_err (*read)(
        struct pawl_file *file, uint64_t offset, void *out, size_t bytes, struct pawl_errmsg *msg);
    /* Closes without publishing; gives a lock back. */
    void (*close)(struct pawl_file *file);
    /* Writes what reading shows over itself, and syncs it: after a sync that failed in an earlier
     * life the kernel may show what is not on the disk and never will be. A file that is not
     * there is no error. */
    pawl_err (*refresh)(void *arg, const char *path, struct pawl_errmsg *msg);
    /* Durable when it returns. A file that is not there is no error. */
    pawl_err (*remove)(void *arg, const char *path, struct pawl_errmsg *msg);
    /* Every name in the directory, in no order. */
    pawl_err (*list)(
        void *arg, const char *dir, pawl_files_name_fn *fn, void *fn_arg, struct pawl_errmsg *msg);
    /* Takes the lock until close, or until the process ends. LOCKED: somebody else has it.
     * `make` false: NOT_FOUND when there is no such file. */
    pawl_err (*lock)(void *arg,
                     const char *path,
                     bool make,
                     struct pawl_file **ret_file,
                     struct pawl_errmsg *msg);
    /* UNSUPPORTED when the directory's file system does not keep what it says. */
    pawl_err (*check)(void *arg, const char *dir, struct pawl_errmsg *msg);
};

struct pawl_files {
    const struct pawl_files_ops *ops;
    void *arg;
};

/* The machine's. */
const struct pawl_files *pawl_files_os(void);

/* "dir/name". INVALID when that is too long. */
PAWL_MUST_CHECK pawl_err pawl_files_path(const char *dir,
                                         const char *name,
                                         char out[static PAWL_PATH_BYTES_MAX],
                                         struct pawl_errmsg *msg);

/* A whole file: made under the name `temporary`, durable under `path` when this returns. */
PAWL_MUST_CHECK pawl_err pawl_files_write(const struct pawl_files *files,
                                          const char *temporary,
                                          const char *path,
                                          struct pawl_slice content,
                                          struct pawl_errmsg *msg);

/* Whether a statfs(2) type is a network or memory file system; its name, or NULL. */
const char *pawl_files_unsupported(uint32_t type);

#endif
