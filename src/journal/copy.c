/* SPDX-License-Identifier: Apache-2.0 */
/* copy.c: see copy.h. */
#define _GNU_SOURCE
#include "journal/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"

enum { CHUNK_BYTES = 1 << 20, NAME_BYTES_MAX = 256 };

static const char prefix[] = "copy-";
static const char lock_name[] = "journal.lock";

static pawl_err from_errno(const char *what, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "the journal cannot be copied: %.200s: %s", what, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

static int open_dir(int at_fd, const char *path)
{
    return openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Of a copy's name: what is removed behind a link would be somebody else's. */
static int open_copy(int dir_fd, const char *name)
{
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* --- Removing ------------------------------------------------------------------------------ */

/* Files only: there are no directories in it. */
static void remove_all(int dir_fd, const char *name)
{
    int fd = open_copy(dir_fd, name);
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    if (files == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)closedir(files);
    (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
}

void pawl_copy_remove(const char *dir, const char *name)
{
    int dir_fd = open_dir(AT_FDCWD, dir);
    if (dir_fd >= 0) {
        remove_all(dir_fd, name);
        (void)close(dir_fd);
    }
}

int pawl_copy_hold(int copy_fd)
{
    int fd = openat(copy_fd, lock_name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)flock(fd, LOCK_EX | LOCK_NB); /* if another one reads it, it is held as well */
    }
    return fd;
}

static bool is_read(int dir_fd, const char *name)
{
    char path[NAME_BYTES_MAX + sizeof(lock_name)];
    (void)snprintf(path, sizeof(path), "%s/%s", name, lock_name);
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return locked;
}

void pawl_copy_remove_left(const char *dir)
{
    int dir_fd = open_dir(AT_FDCWD, dir);
    DIR *entries = dir_fd >= 0 ? fdopendir(dir_fd) : NULL;
    if (entries == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 &&
            !is_read(dir_fd, entry->d_name)) {
            remove_all(dir_fd, entry->d_name);
        }
    }
    (void)closedir(entries);
}

/* --- Making -------------------------------------------------------------------------------- */

/* The name of the segment that is written to: the last one. */
static void find_last_segment(DIR *files, char out[static NAME_BYTES_MAX])
{
    out[0] = '\0';
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        struct pawl_slice name = pawl_slice_str(entry->d_name);
        if (pawl_slice_starts_with(name, PAWL_SLICE("journal-")) &&
            pawl_slice_ends_with(name, PAWL_SLICE(".db")) && strcmp(entry->d_name, out) > 0) {
            (void)pawl_slice_copy_str(name, out, NAME_BYTES_MAX);
        }
    }
    rewinddir(files);
}

/* A file of that name with what `from` has. */
static bool copy_content(int from, int to_dir, const char *name)
{
    int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t bytes = to >= 0 ? 1 : -1;
    for (off_t at = 0; bytes > 0;) {
        bytes = sendfile(to, from, &at, CHUNK_BYTES);
    }
    int error_number = errno;
    if (to >= 0) {
        (void)close(to);
    }
    errno = error_number;
    return bytes == 0;
}

static bool copy_file(int from_dir, int to_dir, const char *name)
{
    int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
    bool copied = from >= 0 && copy_content(from, to_dir, name);
    int error_number = errno;
    if (from >= 0) {
        (void)close(from);
    }
    errno = error_number;
    return copied;
}

static bool is_file(int fd, const struct stat *wanted)
{
    struct stat found;
    return fd >= 0 && fstat(fd, &found) == 0 && found.st_dev == wanted->st_dev &&
           found.st_ino == wanted->st_ino;
}

/* Of the segment that is written, if it was copied. SQLite's locks on it are fcntl(2)'s, which end
 * for a process when it closes any descriptor of the file; without them whoever opens the file, if
 * only to look, takes its log for one that a crash left, and removes it. So the descriptor stays
 * open until the segment is closed. A process has one journal that others may ask a copy of. */
static int kept_fd = -1;

void pawl_copy_let_go(const char *path)
{
    struct stat closed;
    if (kept_fd >= 0 && stat(path, &closed) == 0 && is_file(kept_fd, &closed)) {
        (void)close(kept_fd);
        kept_fd = -1;
    }
}

static bool copy_written(int from_dir, int to_dir, const char *name)
{
    struct stat wanted;
    if (fstatat(from_dir, name, &wanted, 0) != 0) {
        return false;
    }
    if (!is_file(kept_fd, &wanted)) {
        if (kept_fd >= 0) {
            (void)close(kept_fd);
        }
        kept_fd = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
    }
    return kept_fd >= 0 && copy_content(kept_fd, to_dir, name);
}

/* `last`: the segment that is written to. */
static bool take_file(int from_dir, int to_dir, const char *file, const char *last)
{
    struct pawl_slice name = pawl_slice_str(file);
    bool is_checkpoint = pawl_slice_starts_with(name, PAWL_SLICE("checkpoint-"));
    if (file[0] == '.' || pawl_slice_ends_with(name, PAWL_SLICE(".tmp"))) {
        return true;
    }
    if (strcmp(file, last) == 0) {
        return copy_written(from_dir, to_dir, file);
    }
    bool is_whole = is_checkpoint || pawl_slice_ends_with(name, PAWL_SLICE(".db"));
    bool taken = (is_whole && linkat(from_dir, file, to_dir, file, 0) == 0) ||
                 copy_file(from_dir, to_dir, file);
    /* The engine's thread removes, beside us, checkpoints that the journal has forgotten. */
    return taken || (is_checkpoint && errno == ENOENT);
}

static pawl_err copy_files(DIR *files, int to_fd, struct pawl_errmsg *msg)
{
    char last[NAME_BYTES_MAX];
    find_last_segment(files, last);
    for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files)) {
        if (!take_file(dirfd(files), to_fd, entry->d_name, last)) {
            return from_errno(entry->d_name, msg);
        }
    }
    return PAWL_OK;
}

/* Into the directory of that name, which is new and empty. */
static pawl_err copy_into(int dir_fd, const char *name, struct pawl_errmsg *msg)
{
    int to_fd = open_copy(dir_fd, name);
    if (to_fd < 0) {
        return from_errno(name, msg);
    }
    int from_fd = open_dir(dir_fd, "journal");
    DIR *files = from_fd >= 0 ? fdopendir(from_fd) : NULL;
    pawl_err err = files != NULL ? copy_files(files, to_fd, msg) : from_errno("journal", msg);
    if (files != NULL) {
        (void)closedir(files);
    } else if (from_fd >= 0) {
        (void)close(from_fd);
    }
    (void)close(to_fd);
    return err;
}

pawl_err
pawl_copy_make(const char *dir, char ret_name[static PAWL_COPY_NAME_BYTES], struct pawl_errmsg *msg)
{
    static unsigned count;
    char name[PAWL_COPY_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s%ld-%u", prefix, (long)getpid(), ++count);
    int dir_fd = open_dir(AT_FDCWD, dir);
    if (dir_fd < 0) {
        return from_errno(dir, msg);
    }
    remove_all(dir_fd, name); /* of another process with that number */
    pawl_err err =
        mkdirat(dir_fd, name, 0700) == 0 ? copy_into(dir_fd, name, msg) : from_errno(name, msg);
    if (pawl_failed(err)) {
        remove_all(dir_fd, name);
    } else {
        memcpy(ret_name, name, sizeof(name));
    }
    (void)close(dir_fd);
    return err;
}
