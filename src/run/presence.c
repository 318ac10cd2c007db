/* SPDX-License-Identifier: Apache-2.0 */
/*
 * presence.c: see presence.h. A descriptor that was opened as /dev/tty shows the times of that
 * node, which nobody types on; the kernel says which device is behind it.
 */
#define _GNU_SOURCE
#include "run/presence.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/money.h"

enum { PTS_MAJOR_FIRST = 136, PTS_MAJOR_LAST = 143, MINORS = 256, CONSOLE_MAJOR = 4 };

/* "/dev/pts/7" or "/dev/tty2" of a device's number; false: it is something else. */
static bool path_of(unsigned int device, char *out, size_t bytes)
{
    unsigned int major_number = major((dev_t)device);
    unsigned int minor_number = minor((dev_t)device);
    if (major_number >= PTS_MAJOR_FIRST && major_number <= PTS_MAJOR_LAST) {
        (void)snprintf(out, bytes, "/dev/pts/%u",
                       (major_number - PTS_MAJOR_FIRST) * MINORS + minor_number);
        return true;
    }
    if (major_number == CONSOLE_MAJOR && minor_number > 0 && minor_number < 64) {
        (void)snprintf(out, bytes, "/dev/tty%u", minor_number);
        return true;
    }
    return false;
}

/* The last moment at which somebody may have typed. Lest the time tell how passwords are typed, the
 * kernel moves it only once in each eight seconds of its clock. */
static int64_t access_us(const struct stat *status)
{
    return (((int64_t)status->st_atim.tv_sec | 7) + 1) * 1000000;
}

void pawl_presence_begin(struct pawl_presence *presence,
                         const struct pawl_terminal *terminal,
                         int64_t now_us)
{
    *presence = (struct pawl_presence){.terminal_fd = terminal->fd, .seen_us = now_us};
    struct stat status;
    unsigned int device = 0;
    if (terminal->fd < 0 || fstat(terminal->fd, &status) != 0 ||
        ioctl(terminal->fd, TIOCGDEV, &device) != 0) {
        return;
    }
    bool own = (dev_t)device == status.st_rdev;
    presence->follows =
        own || (path_of(device, presence->device, sizeof(presence->device)) &&
                stat(presence->device, &status) == 0 && status.st_rdev == (dev_t)device);
}

void pawl_presence_sign(struct pawl_presence *presence, int64_t now_us)
{
    presence->sign_count++;
    presence->seen_us = pawl_max_i64(presence->seen_us, now_us);
}

void pawl_presence_prompt(struct pawl_presence *presence, int64_t now_us)
{
    if (presence->prompt_count++ > 0) {
        pawl_presence_sign(presence, now_us);
    }
}

static bool look_at_device(const struct pawl_presence *presence, struct stat *ret_status)
{
    return presence->follows &&
           (presence->device[0] != '\0' ? stat(presence->device, ret_status) == 0
                                        : fstat(presence->terminal_fd, ret_status) == 0);
}

bool pawl_presence_typed_since(const struct pawl_presence *presence, int64_t since_us)
{
    struct stat status;
    return !look_at_device(presence, &status) || access_us(&status) > since_us;
}

int64_t pawl_presence_last_us(const struct pawl_presence *presence, int64_t now_us)
{
    struct stat status;
    int64_t last = presence->seen_us;
    if (look_at_device(presence, &status)) {
        last = pawl_max_i64(last, access_us(&status));
    }
    return pawl_min_i64(last, now_us);
}
