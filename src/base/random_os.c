/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random_os.c: the kernel's random bytes. There is no fallback: an id or a path secret that
 * can be guessed is worse than a process that ends, so a kernel without random bytes stops
 * us with its reason.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/prng.h"

void pawl_random_bytes(void *out, size_t bytes)
{
    unsigned char *at = out;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        if (got > 0) {
            at += got;
            bytes -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            const char *reason = got == 0 ? "none were there" : strerror(errno);
            (void)fprintf(stderr, "pawl: error: the kernel gives no random bytes: %s\n", reason);
            abort();
        }
    }
}
