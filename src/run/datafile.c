/* SPDX-License-Identifier: Apache-2.0 */
/* datafile.c: see datafile.h. */
#define _GNU_SOURCE
#include "run/datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 100, LOCK_TRY_NS = 2000000 };

pawl_err pawl_datafile_failed(const char *what, const char *path, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "cannot %s %.400s: %s", what, path, strerror(error_number));
    return pawl_err_from_errno(error_number);
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
