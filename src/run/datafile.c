/* SPDX-License-Identifier: Apache-2.0 */
/* datafile.c: see datafile.h. */
#define _GNU_SOURCE
#include "run/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "run/datadir.h"

enum { LOCK_TRIES = 100, LOCK_TRY_NS = 2000000 };

pawl_err pawl_datafile_failed(const char *what, const char *path, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "cannot %s %.400s: %s", what, path, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

static bool write_all(int fd, struct pawl_slice text)
{
    while (text.bytes > 0) {
        ssize_t written = write(fd, text.data, text.bytes);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        text = pawl_slice_sub(text, written > 0 ? (size_t)written : 0, text.bytes);
    }
    return true;
}

pawl_err
pawl_datafile_put(const char *path, struct pawl_slice text, bool sync, struct pawl_errmsg *msg)
{
    char fresh[PAWL_PATH_BYTES + 8];
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pawl_datafile_failed("make", path, msg);
    }
    pawl_err err = PAWL_OK;
    if (!write_all(fd, text)) {
        err = pawl_datafile_failed("write", path, msg);
    } else if (sync && fdatasync(fd) != 0) {
        err = pawl_datafile_failed("sync", path, msg);
    } else if (rename(fresh, path) != 0) {
        err = pawl_datafile_failed("make", path, msg);
    }
    (void)close(fd);
    return err;
}

/* The system has no flock that gives up by itself. */
static pawl_err wait_for_lock(int fd, const char *path, struct pawl_errmsg *msg)
{
    static const struct timespec pause = {.tv_nsec = LOCK_TRY_NS};
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return pawl_datafile_failed("lock", path, msg);
        }
        if (tries == LOCK_TRIES) {
            pawl_errmsg_set(msg, "another pawl keeps %.400s locked; is it stopped?", path);
            return PAWL_ERR(LOCKED);
        }
        (void)nanosleep(&pause, NULL);
    }
    return PAWL_OK;
}

pawl_err pawl_datafile_lock(const char *path, int *ret_fd, struct pawl_errmsg *msg)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pawl_datafile_failed("open", path, msg);
    }
    pawl_err err = wait_for_lock(fd, path, msg);
    if (pawl_failed(err)) {
        (void)close(fd);
        return err;
    }
    *ret_fd = fd;
    return PAWL_OK;
}
