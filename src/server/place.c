/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.c: see place.h. FORMAT is replaced whole, so a reader finds all of it or none; the
 * lock goes with the process, whatever becomes of it.
 */
#define _GNU_SOURCE
#include "server/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "base/log.h"
#include "base/slice.h"

static const char format_prefix[] = "pawl-server ";
/* In the place of the version, while a backup is being written. */
static const char format_begun[] = "backup begun";

static pawl_err from_errno(const char *path, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "%.400s: %s", path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

pawl_err pawl_place_path(const struct pawl_place *place,
                         const char *name,
                         char out[static PAWL_PLACE_PATH_BYTES],
                         struct pawl_errmsg *msg)
{
    int bytes = snprintf(out, PAWL_PLACE_PATH_BYTES, "%s/%s", place->dir, name);
    if (bytes < 0 || bytes >= PAWL_PLACE_PATH_BYTES) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", place->dir);
        return PAWL_ERR(LIMIT);
    }
    return PAWL_OK;
}

static pawl_err set_dir(struct pawl_place *place, const char *dir, struct pawl_errmsg *msg)
{
    char here[PAWL_PLACE_PATH_BYTES] = "";
    if (dir[0] != '/' && getcwd(here, sizeof(here)) == NULL) {
        return from_errno("the working directory", msg);
    }
    int bytes =
        snprintf(place->dir, sizeof(place->dir), "%s%s%s", here, here[0] != '\0' ? "/" : "", dir);
    if (bytes < 0 || (size_t)bytes >= sizeof(place->dir)) {
        pawl_errmsg_set(msg, "the path is too long: %.200s...", dir);
        return PAWL_ERR(LIMIT);
    }
    for (size_t end = (size_t)bytes; end > 1 && place->dir[end - 1] == '/'; end--) {
        place->dir[end - 1] = '\0';
    }
    return PAWL_OK;
}

/* --- FORMAT ---------------------------------------------------------------------------------- */

/* Its first line; empty where there is none. */
static struct pawl_slice read_format(const char *dir, char *text, size_t bytes)
{
    char path[PAWL_PLACE_PATH_BYTES];
    int length = snprintf(path, sizeof(path), "%s/FORMAT", dir);
    int fd = length > 0 && (size_t)length < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = fd >= 0 ? read(fd, text, bytes) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    struct pawl_slice rest = pawl_slice_of(text, got > 0 ? (size_t)got : 0);
    return pawl_slice_cut(&rest, '\n');
}

bool pawl_place_is_servers(const char *dir)
{
    char text[64];
    return pawl_slice_starts_with(read_format(dir, text, sizeof(text)),
                                  pawl_slice_str(format_prefix));
}

static pawl_err judge_format(const char *dir, struct pawl_slice first, struct pawl_errmsg *msg)
{
    uint64_t version = 0;
    struct pawl_slice prefix = pawl_slice_str(format_prefix);
    if (pawl_slice_starts_with(first, PAWL_SLICE("pawl "))) {
        pawl_errmsg_set(msg,
                        "%.300s is where runs are kept; a server wants a directory of its own, "
                        "such as %.100s/server",
                        dir, dir);
        return PAWL_ERR(CORRUPT);
    }
    if (pawl_slice_starts_with(first, prefix) &&
        pawl_slice_equal_str(pawl_slice_sub(first, prefix.bytes, first.bytes), format_begun)) {
        pawl_errmsg_set(msg,
                        "%.400s has half a backup: it was broken off, or goes on; remove what was "
                        "broken off, and make another one",
                        dir);
        return PAWL_ERR(CORRUPT);
    }
    if (!pawl_slice_starts_with(first, prefix) ||
        !pawl_slice_to_u64(pawl_slice_sub(first, prefix.bytes, first.bytes), &version)) {
        pawl_errmsg_set(msg, "%.400s/FORMAT is not a server's; use another data directory", dir);
        return PAWL_ERR(CORRUPT);
    }
    if (version > PAWL_PLACE_FORMAT) {
        pawl_errmsg_set(msg,
                        "%.300s/FORMAT says %u: a newer pawl keeps its ledger there; this one "
                        "knows %d",
                        dir, (unsigned)version, PAWL_PLACE_FORMAT);
        return PAWL_ERR(VERSION);
    }
    return PAWL_OK;
}

/* A directory without FORMAT is ours to take only where nothing is in it: it could be anybody's. */
static pawl_err check_is_empty(const char *dir, struct pawl_errmsg *msg)
{
    DIR *entries = opendir(dir);
    char other[NAME_MAX + 1] = "";
    if (entries == NULL) {
        return from_errno(dir, msg);
    }
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *name = entry->d_name;
        bool ours = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
                    strcmp(name, PAWL_PLACE_LOCK) == 0 || strcmp(name, "FORMAT.new") == 0 ||
                    strcmp(name, "FORMAT") == 0 || strcmp(name, "lost+found") == 0;
        if (!ours) {
            (void)snprintf(other, sizeof(other), "%s", name);
        }
    }
    (void)closedir(entries);
    if (other[0] != '\0') {
        pawl_errmsg_set(msg,
                        "%.300s is not empty ('%.100s' is in it) and no server's; use another "
                        "data directory",
                        dir, other);
        return PAWL_ERR(EXISTS);
    }
    return PAWL_OK;
}

static pawl_err
write_format(const struct pawl_place *place, const char *says, struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    char text[64];
    int bytes = snprintf(text, sizeof(text), "%s%s\n", format_prefix, says);
    PAWL_ASSERT(bytes > 0 && (size_t)bytes < sizeof(text));
    pawl_err err = pawl_place_path(place, "FORMAT", path, msg);
    return pawl_ok(err) ? pawl_file_replace(path, pawl_slice_of(text, (size_t)bytes), true, msg)
                        : err;
}

pawl_err pawl_place_mark(const struct pawl_place *place, bool whole, struct pawl_errmsg *msg)
{
    char version[16];
    (void)snprintf(version, sizeof(version), "%d", PAWL_PLACE_FORMAT);
    return write_format(place, whole ? version : format_begun, msg);
}

pawl_err pawl_place_judge(const char *dir, struct pawl_errmsg *msg)
{
    char text[64];
    return judge_format(dir, read_format(dir, text, sizeof(text)), msg);
}

static pawl_err check_format(struct pawl_place *place, struct pawl_errmsg *msg)
{
    char text[64];
    struct pawl_slice first = read_format(place->dir, text, sizeof(text));
    place->fresh = pawl_slice_empty(first);
    if (!place->fresh) {
        return judge_format(place->dir, first, msg);
    }
    pawl_err err = check_is_empty(place->dir, msg);
    return pawl_ok(err) ? pawl_place_mark(place, true, msg) : err;
}

/* What root would write into another user's ledger, that user's server could not read any more. */
static pawl_err check_owner(const char *dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    struct stat found;
    int bytes = snprintf(path, sizeof(path), "%s/FORMAT", dir);
    if (bytes < 0 || (size_t)bytes >= sizeof(path)) {
        return PAWL_OK; /* too long, which is told elsewhere */
    }
    bool there = stat(path, &found) == 0 || (errno == EACCES && stat(dir, &found) == 0);
    if (!there || found.st_uid == geteuid()) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "%.300s is user %u's, and this is user %u: start the server as that user, or "
                    "give the directory and all that is in it to this one (chown -R)",
                    dir, (unsigned)found.st_uid, (unsigned)geteuid());
    return PAWL_ERR(PERMISSION);
}

pawl_err pawl_place_look(const char *dir, struct pawl_errmsg *msg)
{
    char text[64];
    struct stat found;
    pawl_err err = check_owner(dir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_slice first = read_format(dir, text, sizeof(text));
    if (!pawl_slice_empty(first)) {
        return judge_format(dir, first, msg);
    }
    if (stat(dir, &found) != 0) {
        return errno == ENOENT ? PAWL_OK : from_errno(dir, msg);
    }
    return check_is_empty(dir, msg);
}

/* An archive is made of a journal: where there is one and no journal, that is gone (half of a
 * restore, a mount that failed), and who began anew would be told of no loss. */
pawl_err pawl_place_may_begin(const struct pawl_place *place, struct pawl_errmsg *msg)
{
    if (faccessat(place->dir_fd, PAWL_PLACE_ARCHIVE, F_OK, 0) != 0) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "%.300s has an archive of reservations and no journal: the ledger is gone (an "
                    "empty directory would begin another)",
                    place->dir);
    return PAWL_ERR(CORRUPT);
}

/* Of the directories above the nearest that is there counts: the others would be made in it. */
pawl_err pawl_place_may_write(const char *dir, struct pawl_errmsg *msg)
{
    struct pawl_place place;
    char *path = place.dir;
    pawl_err err = set_dir(&place, dir, msg);
    if (pawl_failed(err)) {
        return err;
    }
    while (access(path, F_OK) != 0 && errno == ENOENT && strcmp(path, "/") != 0) {
        char *slash = strrchr(path, '/');
        PAWL_ASSERT(slash != NULL);
        slash[slash == path ? 1 : 0] = '\0';
    }
    return access(path, W_OK | X_OK) == 0 ? PAWL_OK : from_errno(path, msg);
}

/* --- The lock -------------------------------------------------------------------------------- */

static pawl_err tell_holder(const struct pawl_place *place, struct pawl_errmsg *msg)
{
    char text[32] = "";
    ssize_t bytes = pread(place->lock_fd, text, sizeof(text) - 1, 0);
    struct pawl_slice rest = pawl_slice_of(text, bytes > 0 ? (size_t)bytes : 0);
    struct pawl_slice pid = pawl_slice_cut(&rest, '\n');
    uint64_t number = 0;
    bool known = pawl_slice_to_u64(pid, &number);
    pawl_errmsg_set(msg, "a server has %.300s already%s%.*s", place->dir, known ? ": process " : "",
                    known ? (int)pid.bytes : 0, pid.data);
    return PAWL_ERR(LOCKED);
}

static pawl_err take_lock(struct pawl_place *place, struct pawl_errmsg *msg)
{
    place->lock_fd = openat(place->dir_fd, PAWL_PLACE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (place->lock_fd < 0) {
        return from_errno(place->dir, msg);
    }
    if (flock(place->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? tell_holder(place, msg) : from_errno(place->dir, msg);
    }
    /* For whoever comes second; it does without where the disk is full. */
    (void)(ftruncate(place->lock_fd, 0) == 0 && dprintf(place->lock_fd, "%d\n", (int)getpid()) > 0);
    return PAWL_OK;
}

pawl_err pawl_place_make_dir(const struct pawl_place *place,
                             const char *name,
                             char ret_path[static PAWL_PLACE_PATH_BYTES],
                             struct pawl_errmsg *msg)
{
    pawl_err err = pawl_place_path(place, name, ret_path, msg);
    return pawl_ok(err) ? pawl_directory_make(ret_path, NULL, msg) : err;
}

/* With the directories above it. */
static pawl_err make_dirs(struct pawl_place *place, struct pawl_errmsg *msg)
{
    char path[PAWL_PLACE_PATH_BYTES];
    size_t bytes = strlen(place->dir);
    memcpy(path, place->dir, sizeof(path));
    for (size_t at = 1; at <= bytes; at++) {
        if (place->dir[at] != '/' && at < bytes) {
            continue;
        }
        path[at] = '\0';
        bool made = false;
        pawl_err err = pawl_directory_make(path, &made, msg);
        if (made && place->made_at == 0) {
            place->made_at = (uint32_t)at;
        }
        if (pawl_failed(err)) {
            return err;
        }
        path[at] = place->dir[at];
    }
    return PAWL_OK;
}

/* Whether what this start made was all there is, and is no more. */
static bool unmake_files(const struct pawl_place *place)
{
    struct pawl_errmsg msg;
    if (unlinkat(place->dir_fd, PAWL_PLACE_JOURNAL, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        return false; /* it has a journal */
    }
    if (pawl_failed(check_is_empty(place->dir, &msg))) {
        return false;
    }
    (void)unlinkat(place->dir_fd, "FORMAT.new", 0);
    (void)unlinkat(place->dir_fd, "FORMAT", 0);
    (void)unlinkat(place->dir_fd, PAWL_PLACE_LOCK, 0); /* we have it, so nobody else is here */
    return true;
}

void pawl_place_discard(struct pawl_place *place)
{
    char path[PAWL_PLACE_PATH_BYTES];
    bool ours = place->fresh && place->dir_fd >= 0 && place->lock_fd >= 0;
    if ((ours && !unmake_files(place)) || place->made_at == 0) {
        return;
    }
    memcpy(path, place->dir, sizeof(path));
    size_t bytes = strlen(path);
    while (bytes >= place->made_at) {
        if (rmdir(path) != 0 && errno != ENOENT) {
            return; /* not empty, for example */
        }
        char *slash = strrchr(path, '/');
        PAWL_ASSERT(slash != NULL);
        *slash = '\0';
        bytes = (size_t)(slash - path);
    }
}

/* Whoever can write there can put other files in the place of these. */
static void warn_of_mode(const struct pawl_place *place)
{
    struct stat found;
    if (fstat(place->dir_fd, &found) == 0 && (found.st_mode & S_IWOTH) != 0 &&
        (found.st_mode & S_ISVTX) == 0) {
        pawl_log(PAWL_LOG_WARN, "%s can be written by everybody on this machine: chmod 700",
                 place->dir);
    }
}

pawl_err pawl_place_open(const char *dir, struct pawl_place *ret_place, struct pawl_errmsg *msg)
{
    *ret_place = (struct pawl_place){.dir_fd = -1, .lock_fd = -1};
    pawl_err err = set_dir(ret_place, dir, msg);
    if (pawl_ok(err)) {
        err = make_dirs(ret_place, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_place_look(ret_place->dir, msg); /* before a file is made in it */
    }
    if (pawl_ok(err)) {
        ret_place->dir_fd = open(ret_place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = ret_place->dir_fd >= 0 ? PAWL_OK : from_errno(ret_place->dir, msg);
    }
    if (pawl_ok(err)) {
        err = take_lock(ret_place, msg);
    }
    if (pawl_ok(err)) {
        err = check_format(ret_place, msg);
    }
    if (pawl_failed(err)) {
        pawl_place_discard(ret_place);
        pawl_place_close(ret_place);
        return err;
    }
    warn_of_mode(ret_place);
    return PAWL_OK;
}

void pawl_place_close(struct pawl_place *place)
{
    if (place->dir_fd >= 0) {
        (void)close(place->dir_fd);
    }
    if (place->lock_fd >= 0) {
        (void)close(place->lock_fd);
    }
    place->dir_fd = -1;
    place->lock_fd = -1;
}
