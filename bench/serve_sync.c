/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_sync.c: what one append of 4 KiB with fsync takes on the disk of a folder: the floor under
 * every durable answer, and what a single client's reserve is compared with.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "serve_load.h"

enum { PAGE = 4096, SAMPLES = 1000, WARM_UP = 50 };

void load_sync_probe(const char *folder)
{
    static struct histogram histogram;
    char path[1024];
    char page[PAGE];
    (void)snprintf(path, sizeof(path), "%s/serve_sync.%ld", folder, (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        load_die(path);
    }
    (void)unlink(path);
    memset(page, 'x', sizeof(page));
    for (uint32_t i = 0; i < WARM_UP + SAMPLES; i++) {
        uint64_t from_ns = load_now_ns();
        if (write(fd, page, sizeof(page)) != PAGE || fsync(fd) != 0) {
            load_die(path);
        }
        if (i >= WARM_UP) {
            load_histogram_add(&histogram, load_now_ns() - from_ns);
        }
    }
    (void)close(fd);
    (void)printf("{\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 "}\n",
                 load_histogram_at(&histogram, 5000) / 1000,
                 load_histogram_at(&histogram, 9900) / 1000);
}
