/* SPDX-License-Identifier: Apache-2.0 */
/*
 * datadir.c: finding and making the data directory. Everything that is made is readable by its
 * owner alone.
 *
 * FORMAT is written to a file of its own and renamed into place: two processes that do it at once
 * write the same bytes, and a reader finds all of them or none. It is not synced; a file that a
 * power cut left empty counts as not there.
 */
#define _GNU_SOURCE
#include "run/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file_os.h"
#include "base/slice.h"

static pawl_err too_long(const char *path, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "the path is too long: %.200s...", path);
    return PAWL_ERR(LIMIT);
}

/* Joins up to three parts; absolute, and without a slash at the end. */
static pawl_err
set_path(struct pawl_datadir *dir, const char *first, const char *second, struct pawl_errmsg *msg)
{
    char here[PAWL_PATH_BYTES] = "";
    if (first[0] != '/' && getcwd(here, sizeof(here)) == NULL) {
        pawl_errmsg_set(msg, "cannot tell the working directory: %s", strerror(errno));
        return pawl_err_from_errno(errno);
    }
    const char *slash = here[0] != '\0' ? "/" : "";
    int bytes = snprintf(dir->path, sizeof(dir->path), "%s%s%s%s", here, slash, first, second);
    if (bytes < 0 || (size_t)bytes >= sizeof(dir->path)) {
        return too_long(first, msg);
    }
    for (size_t end = (size_t)bytes; end > 1 && dir->path[end - 1] == '/'; end--) {
        dir->path[end - 1] = '\0';
    }
    return PAWL_OK;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

pawl_err
pawl_datadir_resolve(const char *flag, struct pawl_datadir *ret_dir, struct pawl_errmsg *msg)
{
    if (flag != NULL && flag[0] == '\0') {
        pawl_errmsg_set(msg, "the data directory's name is empty");
        return PAWL_ERR(INVALID);
    }
    const char *own = flag != NULL ? flag : variable("PAWL_DATA_DIR");
    if (own != NULL) {
        return set_path(ret_dir, own, "", msg);
    }
    const char *state_home = variable("XDG_STATE_HOME");
    if (state_home != NULL && state_home[0] == '/') { /* Relative ones do not count there. */
        return set_path(ret_dir, state_home, "/pawl", msg);
    }
    const char *home = variable("HOME");
    if (home == NULL) {
        const struct passwd *user = getpwuid(geteuid());
        home = user != NULL ? user->pw_dir : NULL;
    }
    if (home == NULL || home[0] != '/') {
        pawl_errmsg_set(msg, "there is no home directory; say where runs are to be kept, with "
                             "--data-dir or PAWL_DATA_DIR");
        return PAWL_ERR(NOT_FOUND);
    }
    return set_path(ret_dir, home, "/.local/state/pawl", msg);
}

pawl_err pawl_datadir_path(const struct pawl_datadir *dir,
                           const char *name,
                           char out[static PAWL_PATH_BYTES],
                           struct pawl_errmsg *msg)
{
    int bytes = snprintf(out, PAWL_PATH_BYTES, "%s/%s", dir->path, name);
    return bytes < 0 || bytes >= PAWL_PATH_BYTES ? too_long(dir->path, msg) : PAWL_OK;
}

bool pawl_datadir_allows_any_filesystem(void)
{
    const char *value = getenv("PAWL_ALLOW_ANY_FS");
    return value != NULL && strcmp(value, "1") == 0;
}

/* --- FORMAT -------------------------------------------------------------------------------- */

static pawl_err judge_format(const char *path, struct pawl_slice text, struct pawl_errmsg *msg)
{
    struct pawl_slice first = pawl_slice_cut(&text, '\n');
    uint64_t version = 0;
    if (pawl_slice_starts_with(first, PAWL_SLICE("pawl-server "))) {
        pawl_errmsg_set(msg,
                        "%.400s says that a server keeps its ledger there; runs want a "
                        "directory of their own",
                        path);
        return PAWL_ERR(CORRUPT);
    }
    if (!pawl_slice_starts_with(first, PAWL_SLICE("pawl ")) ||
        !pawl_slice_to_u64(pawl_slice_sub(first, 5, first.bytes), &version)) {
        pawl_errmsg_set(msg, "%.400s is not pawl's; use another data directory", path);
        return PAWL_ERR(CORRUPT);
    }
    if (version > PAWL_DATADIR_FORMAT) {
        pawl_errmsg_set(msg, "%.300s says %u: a newer pawl keeps its runs there; this one knows %d",
                        path, (unsigned)version, PAWL_DATADIR_FORMAT);
        return PAWL_ERR(VERSION);
    }
    return PAWL_OK;
}

pawl_err pawl_datadir_check(const struct pawl_datadir *dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "FORMAT", path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error_number = errno;
        bool others = error_number == EACCES || error_number == EPERM;
        pawl_errmsg_set(msg, "%.400s: %s%s", path, strerror(error_number),
                        others ? "; name another place with --data-dir or PAWL_DATA_DIR" : "");
        return pawl_err_from_errno(error_number);
    }
    char text[64];
    ssize_t bytes = read(fd, text, sizeof(text));
    (void)close(fd);
    if (bytes == 0) {
        pawl_errmsg_set(msg, "%.400s is empty", path);
        return PAWL_ERR(NOT_FOUND);
    }
    return bytes < 0 ? PAWL_ERR(IO) : judge_format(path, pawl_slice_of(text, (size_t)bytes), msg);
}

static pawl_err write_format(const struct pawl_datadir *dir, struct pawl_errmsg *msg)
{
    char path[PAWL_PATH_BYTES];
    char fresh[PAWL_PATH_BYTES];
    char name[64];
    (void)snprintf(name, sizeof(name), ".FORMAT.%d", (int)getpid());
    pawl_err err = pawl_datadir_path(dir, "FORMAT", path, msg);
    if (pawl_ok(err)) {
        err = pawl_datadir_path(dir, name, fresh, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    char text[32];
    int bytes = snprintf(text, sizeof(text), "pawl %d\n", PAWL_DATADIR_FORMAT);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    errno = ENOSPC; /* What a write that is cut short does not say. */
    bool written = fd >= 0 && write(fd, text, (size_t)bytes) == bytes;
    int error_number = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (written && rename(fresh, path) == 0) {
        return PAWL_OK;
    }
    error_number = written ? errno : error_number;
    (void)unlink(fresh);
    pawl_errmsg_set(msg, "cannot write %.400s: %s", path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

/* --- Making it ----------------------------------------------------------------------------- */

/* mkdir -p */
static pawl_err make_directories(const char *path, struct pawl_errmsg *msg)
{
    char part[PAWL_PATH_BYTES];
    size_t bytes = strlen(path);
    PAWL_ASSERT(bytes < sizeof(part));
    for (size_t i = 1; i <= bytes; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        struct pawl_errmsg why = {""};
        pawl_err err = pawl_directory_make(part, NULL, &why);
        if (pawl_failed(err)) {
            pawl_errmsg_set(msg, "%.440s; name another place with --data-dir or PAWL_DATA_DIR",
                            why.text);
            return err;
        }
    }
    return PAWL_OK;
}

/* Both must be known to be writable before anything is begun: what to do is not in the message of
 * the file that fails first. */
static pawl_err check_writable(const char *path, struct pawl_errmsg *msg)
{
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0) {
        return PAWL_OK;
    }
    int error_number = errno;
    pawl_errmsg_set(msg,
                    "runs cannot be kept in %.300s: %s; name another place with --data-dir or "
                    "PAWL_DATA_DIR",
                    path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

pawl_err pawl_datadir_create(const struct pawl_datadir *dir, struct pawl_errmsg *msg)
{
    char runs[PAWL_PATH_BYTES];
    pawl_err err = pawl_datadir_path(dir, "runs", runs, msg);
    if (pawl_failed(err)) {
        return err;
    }
    err = pawl_datadir_check(dir, msg);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        err = make_directories(runs, msg);
        if (pawl_ok(err)) {
            err = write_format(dir, msg);
        }
    }
    if (pawl_ok(err)) {
        err = check_writable(dir->path, msg);
    }
    return pawl_ok(err) ? check_writable(runs, msg) : err;
}
