/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_os.c: the effects of files.h on a real file system, and the list of file systems
 * that the journal does not trust.
 *
 * publish is the one place where order matters: the content is synced before the rename, and
 * the directory after it. Then a crash leaves the old file or the new one, whole. A failed sync is
 * told and not repeated (J2).
 *
 * Ownership: a pawl_file owns its descriptor. Locks are flock(2), which end with the process,
 * however that ends.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file_os.h"
#include "journal/files.h"

enum { REFRESH_BYTES = 65536 };

struct pawl_file {
    int fd;
    bool unpublished; /* made by create: removed when it is closed */
    char path[];
};

/* errno as an error of ours, with words. */
static pawl_err failed(const char *what, const char *path, struct pawl_errmsg *msg)
{
    int error = errno;
    pawl_errmsg_set(msg, "cannot %s %s: %s", what, path, strerror(error));
    return pawl_err_from_errno(error);
}

/* Opens; O_CLOEXEC, because an agent must not inherit the journal's lock. */
static pawl_err open_file(const char *path,
                          int flags,
                          const char *what,
                          struct pawl_file **ret_file,
                          struct pawl_errmsg *msg)
{
    size_t bytes = strlen(path) + 1;
    PAWL_ASSERT(bytes > 1 && bytes <= PAWL_PATH_BYTES_MAX);
    struct pawl_file *file = pawl_alloc(sizeof(*file) + bytes);
    if (file == NULL) {
        pawl_errmsg_set(msg, "no memory to %s %s", what, path);
        return PAWL_ERR(MEMORY);
    }
    file->unpublished = (flags & O_TRUNC) != 0;
    memcpy(file->path, path, bytes);
    do {
        file->fd = open(path, flags | O_CLOEXEC, 0600);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0) {
        pawl_err err = failed(what, path, msg);
        pawl_free(file);
        return err;
    }
    *ret_file = file;
    return PAWL_OK;
}

static pawl_err
os_create(void *arg, const char *path, struct pawl_file **ret_file, struct pawl_errmsg *msg)
{
    (void)arg;
    return open_file(path, O_WRONLY | O_CREAT | O_TRUNC, "create", ret_file, msg);
}

static pawl_err
os_append(struct pawl_file *file, const void *data, size_t bytes, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(file->unpublished && data != NULL);
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(file->fd, at, bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written == 0 ? EIO : errno;
            return failed("write", file->path, msg);
        }
        at += written;
        bytes -= (size_t)written;
    }
    return PAWL_OK;
}

static void os_close(struct pawl_file *file)
{
    if (file->unpublished) {
        (void)unlink(file->path);
    }
    PAWL_ASSERT(file->fd >= 0);
    /* Nothing hangs on this close: what matters was synced before, or is thrown away. */
    (void)close(file->fd);
    pawl_free(file);
}

static pawl_err os_publish(struct pawl_file *file, const char *path, struct pawl_errmsg *msg)
{
    PAWL_ASSERT(file->unpublished && strcmp(file->path, path) != 0);
    pawl_err err;
    if (fsync(file->fd) != 0) {
        err = failed("sync", file->path, msg);
    } else if (rename(file->path, path) != 0) {
        err = failed("rename", file->path, msg);
    } else {
        file->unpublished = false;
        err = pawl_parent_sync(path, msg);
    }
    os_close(file);
    return err;
}

static pawl_err os_open(void *arg,
                        const char *path,
                        struct pawl_file **ret_file,
                        uint64_t *ret_bytes,
                        struct pawl_errmsg *msg)
{
    (void)arg;
    struct pawl_file *file = NULL;
    pawl_err err = open_file(path, O_RDONLY, "open", &file, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct stat status;
    if (fstat(file->fd, &status) != 0) {
        err = failed("read", path, msg);
        os_close(file);
        return err;
    }
    *ret_file = file;
    *ret_bytes = (uint64_t)status.st_size;
    return PAWL_OK;
}

static pawl_err
os_read(struct pawl_file *file, uint64_t offset, void *out, size_t bytes, struct pawl_errmsg *msg)
{
    char *at = out;
    while (bytes > 0) {
        ssize_t got = pread(file->fd, at, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed("read", file->path, msg);
        }
        if (got == 0) {
            pawl_errmsg_set(msg, "%s is shorter than it should be", file->path);
            return PAWL_ERR(CORRUPT);
        }
        at += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return PAWL_OK;
}

static pawl_err write_over(struct pawl_file *file, struct pawl_errmsg *msg)
{
    char room[REFRESH_BYTES];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(file->fd, room, sizeof(room), at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? PAWL_OK : failed("read", file->path, msg);
        }
        for (ssize_t done = 0; done < got;) {
            ssize_t written = pwrite(file->fd, room + done, (size_t)(got - done), at + done);
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                errno = written == 0 ? EIO : errno;
                return failed("write", file->path, msg);
            }
            done += written;
        }
        at += got;
    }
}

static pawl_err os_refresh(void *arg, const char *path, struct pawl_errmsg *msg)
{
    (void)arg;
    struct pawl_file *file = NULL;
    pawl_err err = open_file(path, O_RDWR, "open", &file, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        return PAWL_OK;
    }
    if (pawl_failed(err)) {
        return err;
    }
    err = write_over(file, msg);
    if (pawl_ok(err) && fsync(file->fd) != 0) {
        err = failed("sync", path, msg);
    }
    os_close(file);
    return err;
}

static pawl_err os_remove(void *arg, const char *path, struct pawl_errmsg *msg)
{
    (void)arg;
    if (unlink(path) != 0) {
        return errno == ENOENT ? PAWL_OK : failed("remove", path, msg);
    }
    return pawl_parent_sync(path, msg);
}

static pawl_err
os_list(void *arg, const char *dir, pawl_files_name_fn *fn, void *fn_arg, struct pawl_errmsg *msg)
{
    (void)arg;
    DIR *handle = opendir(dir);
    if (handle == NULL) {
        return failed("read the directory", dir, msg);
    }
    pawl_err err = PAWL_OK;
    bool more = true;
    while (more) {
        errno = 0;
        const struct dirent *entry = readdir(handle);
        if (entry == NULL) {
            err = errno == 0 ? PAWL_OK : failed("read the directory", dir, msg);
            break;
        }
        more = fn(fn_arg, entry->d_name);
    }
    (void)closedir(handle);
    return err;
}

static pawl_err os_lock(
    void *arg, const char *path, bool make, struct pawl_file **ret_file, struct pawl_errmsg *msg)
{
    (void)arg;
    struct pawl_file *file = NULL;
    int flags = make ? O_RDWR | O_CREAT : O_RDONLY;
    pawl_err err = open_file(path, flags, "open", &file, msg);
    if (pawl_failed(err)) {
        return err;
    }
    PAWL_ASSERT(file != NULL);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            pawl_errmsg_set(msg, "%s is held: another process has this journal open", path);
            err = PAWL_ERR(LOCKED);
        } else {
            err = failed("lock", path, msg);
        }
        os_close(file);
        return err;
    }
    *ret_file = file;
    return PAWL_OK;
}

/* Numbers of the kernel's interface (linux/magic.h and the file systems' own headers); they
 * are spelled out because not every header is on every system. */
static const struct {
    uint32_t type;
    const char *name;
} unsupported[] = {
    {0x01021994, "tmpfs"}, {0x858458f6, "ramfs"},  {0x00006969, "NFS"}, {0x0000517b, "SMB"},
    {0xff534d42, "CIFS"},  {0xfe534d42, "SMB"},    {0x5346414f, "AFS"}, {0x6b414653, "AFS"},
    {0x00c36400, "Ceph"},  {0x73757245, "Coda"},   {0x0000564c, "NCP"}, {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},  {0x19830326, "BeeGFS"}, {0x01021997, "9P"},
};

const char *pawl_files_unsupported(uint32_t type)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(unsupported); i++) {
        if (unsupported[i].type == type) {
            return unsupported[i].name;
        }
    }
    return NULL;
}

static pawl_err os_check(void *arg, const char *dir, struct pawl_errmsg *msg)
{
    (void)arg;
    struct statfs status;
    if (statfs(dir, &status) != 0) {
        return failed("examine", dir, msg);
    }
    const char *name = pawl_files_unsupported((uint32_t)status.f_type);
    if (name != NULL) {
        pawl_errmsg_set(msg,
                        "%s is on %s, which does not keep what it says is on disk; choose "
                        "another data directory",
                        dir, name);
        return PAWL_ERR(UNSUPPORTED);
    }
    return PAWL_OK;
}

static const struct pawl_files_ops os_ops = {.create = os_create,
                                             .append = os_append,
                                             .publish = os_publish,
                                             .open = os_open,
                                             .read = os_read,
                                             .close = os_close,
                                             .refresh = os_refresh,
                                             .remove = os_remove,
                                             .list = os_list,
                                             .lock = os_lock,
                                             .check = os_check};
static const struct pawl_files os_files = {.ops = &os_ops, .arg = NULL};

const struct pawl_files *pawl_files_os(void)
{
    return &os_files;
}
