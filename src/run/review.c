/* SPDX-License-Identifier: Apache-2.0 */
/*
 * review.c: see review.h. Two commands may come at once, so the file is read and written under its
 * lock. Where it cannot be written, nothing is said: it would be said every time.
 */
#define _GNU_SOURCE
#include "run/review.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

const char *pawl_review_week(int64_t us, char out[static PAWL_REVIEW_WEEK_BYTES])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(out, PAWL_REVIEW_WEEK_BYTES, "%G-W%V", &parts) == 0) {
        out[0] = '\0';
    }
    return out;
}

/* Writes the week where another one stands. true: one did. */
static bool turn_page(int fd, const char *week)
{
    char before[PAWL_REVIEW_WEEK_BYTES] = "";
    ssize_t had = flock(fd, LOCK_EX) == 0 ? pread(fd, before, sizeof(before) - 1, 0) : -1;
    size_t bytes = strlen(week);
    if (had < 0 || strcmp(before, week) == 0) {
        return false;
    }
    return pwrite(fd, week, bytes, 0) == (ssize_t)bytes && ftruncate(fd, (off_t)bytes) == 0 &&
           had > 0;
}

bool pawl_review_is_due(const struct pawl_datadir *dir, int64_t now_us)
{
    char path[PAWL_PATH_BYTES];
    char week[PAWL_REVIEW_WEEK_BYTES];
    struct pawl_errmsg msg;
    if (pawl_failed(pawl_datadir_check(dir, &msg)) ||
        pawl_failed(pawl_datadir_path(dir, "review-week", path, &msg)) ||
        pawl_review_week(now_us, week)[0] == '\0') {
        return false;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool due = turn_page(fd, week);
    (void)close(fd);
    return due;
}
