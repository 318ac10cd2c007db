/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_ahead.c: loaded before libc (LD_PRELOAD), it sets real time and boot time ahead by as many
 * seconds as the file $CLOCK_AHEAD says at the moment, in eight bytes. CLOCK_MONOTONIC, by which
 * loops wait, stays as it is: that is how it is to a process when the machine slept.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead_s(void)
{
    static const volatile int64_t *mapped;
    const char *path = getenv("CLOCK_AHEAD");
    if (mapped == NULL && path != NULL) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        void *memory = mmap(NULL, sizeof(*mapped), PROT_READ, MAP_SHARED, fd, 0);
        mapped = memory != MAP_FAILED ? memory : NULL;
        (void)close(fd);
    }
    return mapped;
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
    long failed = syscall(SYS_clock_gettime, id, ret_now);
    const volatile int64_t *ahead = ahead_s();
    if (ahead != NULL && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME)) {
        ret_now->tv_sec += *ahead;
    }
    return (int)failed;
}
