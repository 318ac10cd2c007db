/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rundir.c: made under a hidden name, locked, filled, and then renamed: a reader that lists runs
 * never meets one whose owner has not locked it yet and takes it for dead.
 *
 * No file here is synced one by one. The journal's first commit flushes the file system's own
 * transaction, after which pawl_rundir_sync has little left to do; it comes before the first answer
 * to the agent.
 */
#define _GNU_SOURCE
#include "run/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "run/datafile.h"

static const char word_open[] = "open\n";
#define WORD_ENDED "ended"

enum { LOCK_BYTES_MAX = 32 };

/* Sets id and paths for the directory `name` under runs/. */
static pawl_err set_paths(const struct pawl_datadir *dir,
                          const char *id,
                          const char *name,
                          struct pawl_rundir *run,
                          struct pawl_errmsg *msg)
{
    char relative[64];
    *run = (struct pawl_rundir){.lock_fd = -1};
    memcpy(run->id, id, PAWL_RUN_ID_BYTES);
    (void)snprintf(relative, sizeof(relative), "runs/%s", name);
    pawl_err err = pawl_datadir_path(dir, relative, run->path, msg);
    if (pawl_ok(err)) {
        (void)snprintf(relative, sizeof(relative), "runs/%s/journal", name);
        err = pawl_datadir_path(dir, relative, run->journal, msg);
    }
    return err;
}

/* The path of a file of the run. Names are short, and the journal's path fitted. */
static void
file_path(const struct pawl_rundir *run, const char *name, char out[static PAWL_PATH_BYTES])
{
    PAWL_ASSERT(strlen(name) <= strlen(PAWL_SUMMARY_FILE));
    int bytes = snprintf(out, PAWL_PATH_BYTES, "%s/%s", run->path, name);
    out[bytes < PAWL_PATH_BYTES ? bytes : 0] = '\0';
}

static pawl_err fill(struct pawl_rundir *run, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    if (mkdir(run->path, 0700) != 0) {
        return pawl_datafile_failed("make the directory", run->path, msg);
    }
    file_path(run, "lock", path);
    run->lock_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (run->lock_fd < 0) {
        return pawl_datafile_failed("make", path, msg);
    }
    if (flock(run->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return pawl_datafile_failed("lock", path, msg);
    }
    if (write(run->lock_fd, word_open, sizeof(word_open) - 1) != sizeof(word_open) - 1) {
        return pawl_datafile_failed("write", path, msg);
    }
    return mkdir(run->journal, 0700) != 0
               ? pawl_datafile_failed("make the directory", run->journal, msg)
               : PAWL_OK;
}

pawl_err pawl_rundir_create(const struct pawl_datadir *dir,
                            int64_t now_us,
                            struct pawl_rundir *ret_run,
                            struct pawl_errmsg *msg)
{
    char id[PAWL_RUN_ID_BYTES];
    pawl_run_id_make(now_us, id);
    char hidden[PAWL_RUN_ID_BYTES + 8];
    (void)snprintf(hidden, sizeof(hidden), ".new-%s", id);
    struct pawl_rundir fresh;
    struct pawl_rundir named;
    pawl_err err = set_paths(dir, id, hidden, &fresh, msg);
    if (pawl_ok(err)) {
        err = set_paths(dir, id, id, &named, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    err = fill(&fresh, msg);
    if (pawl_ok(err) && rename(fresh.path, named.path) != 0) {
        err = pawl_datafile_failed("rename", fresh.path, msg);
    }
    if (pawl_failed(err)) {
        pawl_rundir_remove(&fresh);
        return err;
    }
    named.lock_fd = fresh.lock_fd;
    *ret_run = named;
    return PAWL_OK;
}

pawl_err pawl_rundir_lock(const struct pawl_datadir *dir,
                          const char *id,
                          struct pawl_rundir *ret_run,
                          struct pawl_errmsg *msg)
{
    PAWL_ASSERT(pawl_run_id_valid(id));
    struct pawl_rundir run;
    pawl_err err = set_paths(dir, id, id, &run, msg);
    if (pawl_failed(err)) {
        return err;
    }
    char path[PAWL_PATH_BYTES];
    file_path(&run, "lock", path);
    run.lock_fd = open(path, O_RDWR | O_CLOEXEC);
    if (run.lock_fd < 0 && (errno == EROFS || errno == EACCES)) {
        run.lock_fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (run.lock_fd < 0) {
        return pawl_datafile_failed("open", path, msg);
    }
    if (flock(run.lock_fd, LOCK_EX | LOCK_NB) != 0) {
        bool held = errno == EWOULDBLOCK;
        err = pawl_datafile_failed("lock", path, msg);
        pawl_rundir_close(&run);
        return held ? PAWL_ERR(LOCKED) : err;
    }
    *ret_run = run;
    return PAWL_OK;
}

bool pawl_rundir_has_witness(const struct pawl_rundir *run)
{
    char path[PAWL_PATH_BYTES + sizeof("/witness")];
    (void)snprintf(path, sizeof(path), "%s/witness", run->journal);
    return access(path, F_OK) == 0;
}

/* "ended", a blank, and the last operation; before the operation was told, "ended" alone. */
static struct pawl_slice read_word(const struct pawl_rundir *run, char *room, size_t bytes_max)
{
    ssize_t bytes = pread(run->lock_fd, room, bytes_max, 0);
    struct pawl_slice text = pawl_slice_of(room, bytes > 0 ? (size_t)bytes : 0);
    return pawl_slice_cut(&text, '\n');
}

bool pawl_rundir_is_ended(const struct pawl_rundir *run)
{
    char room[LOCK_BYTES_MAX];
    return pawl_slice_starts_with(read_word(run, room, sizeof(room)), PAWL_SLICE(WORD_ENDED));
}

uint64_t pawl_rundir_ended_op(const struct pawl_rundir *run)
{
    char room[LOCK_BYTES_MAX];
    struct pawl_slice number = read_word(run, room, sizeof(room));
    struct pawl_slice word = pawl_slice_cut(&number, ' ');
    uint64_t op = 0;
    bool told = pawl_slice_equal(word, PAWL_SLICE(WORD_ENDED)) && pawl_slice_to_u64(number, &op);
    return told ? op : 0;
}

bool pawl_rundir_says_ended(const struct pawl_datadir *dir, const char *id, uint64_t known_op)
{
    char name[64];
    char path[PAWL_PATH_BYTES];
    (void)snprintf(name, sizeof(name), "runs/%s/lock", id);
    if (pawl_failed(pawl_datadir_path(dir, name, path, NULL))) {
        return false;
    }
    const struct pawl_rundir run = {.lock_fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (run.lock_fd < 0) {
        return false;
    }
    bool ended =
        known_op > 0 && pawl_rundir_is_ended(&run) && pawl_rundir_ended_op(&run) <= known_op;
    (void)close(run.lock_fd);
    return ended;
}

pawl_err
pawl_rundir_set_ended(const struct pawl_rundir *run, uint64_t last_op, struct pawl_errmsg *msg)
{
    /* Longer than "open", so nothing of that is left behind it. */
    char text[LOCK_BYTES_MAX];
    int bytes = snprintf(text, sizeof(text), WORD_ENDED " %" PRIu64 "\n", last_op);
    PAWL_ASSERT(bytes > (int)sizeof(word_open) && bytes < (int)sizeof(text));
    errno = ENOSPC; /* What a write that is cut short does not say. */
    ssize_t written = pwrite(run->lock_fd, text, (size_t)bytes, 0);
    return written == bytes ? PAWL_OK : pawl_datafile_failed("write the lock of", run->path, msg);
}

pawl_err pawl_rundir_write(const struct pawl_rundir *run,
                           const char *name,
                           struct pawl_slice text,
                           struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    file_path(run, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pawl_datafile_failed("make", path, msg);
    }
    pawl_err err = PAWL_OK;
    for (size_t written = 0; pawl_ok(err) && written < text.bytes;) {
        ssize_t bytes = write(fd, text.data + written, text.bytes - written);
        if (bytes > 0) {
            written += (size_t)bytes;
        } else if (bytes == 0 || errno != EINTR) {
            err = pawl_datafile_failed("write", path, msg);
        }
    }
    (void)close(fd);
    return err;
}

void pawl_rundir_unlink(const struct pawl_rundir *run, const char *name)
{
    char path[PAWL_PATH_BYTES];
    file_path(run, name, path);
    (void)unlink(path);
}

pawl_err pawl_rundir_sync(const struct pawl_rundir *run, struct pawl_errmsg *msg)
{
    pawl_err err = pawl_directory_sync(run->path, msg);
    /* Up to the root of the data directory: runs/ and what holds it may be new as well. */
    char parent[PAWL_PATH_BYTES];
    memcpy(parent, run->path, sizeof(parent));
    for (int level = 0; pawl_ok(err) && level < 3; level++) {
        char *slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent) {
            break;
        }
        *slash = '\0';
        err = pawl_directory_sync(parent, msg);
    }
    return err;
}

void pawl_rundir_close(struct pawl_rundir *run)
{
    if (run->lock_fd >= 0) {
        (void)close(run->lock_fd);
        run->lock_fd = -1;
    }
}

static void remove_files(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse. */
    }
    (void)closedir(dir);
}

void pawl_rundir_remove(struct pawl_rundir *run)
{
    remove_files(run->journal);
    (void)rmdir(run->journal);
    remove_files(run->path);
    (void)rmdir(run->path);
    pawl_rundir_close(run);
}
