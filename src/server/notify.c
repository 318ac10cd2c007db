/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c: see notify.h. One datagram a word; no library is needed for that. */
#define _GNU_SOURCE
#include "server/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/clock.h"
#include "base/slice.h"

enum { TEXT_BYTES = 512, EXTEND_US = 30 * 1000000 };

static void tell(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = path != NULL ? strlen(path) : 0;
    if (bytes < 2 || bytes >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(address.sun_path, path, bytes);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* the abstract namespace */
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&address, length);
    (void)sent; /* Whoever does not listen is not told. */
    (void)close(fd);
}

void pawl_notify_ready(const char *status)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\nSTATUS=%.300s\n", (int)getpid(),
                   status);
    tell(text);
}

void pawl_notify_reloading(void)
{
    char text[TEXT_BYTES];
    /* CLOCK_MONOTONIC, which is not the clock of leases: it stands still while a machine sleeps. */
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
                   uv_hrtime() / 1000);
    tell(text);
}

void pawl_notify_stopping(const char *status)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%.300s\n", status);
    tell(text);
}

void pawl_notify_working(const char *status)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "STATUS=%.300s\nEXTEND_TIMEOUT_USEC=%d\n", status,
                   EXTEND_US);
    tell(text);
}

void pawl_notify_alive(void)
{
    tell("WATCHDOG=1\n");
}

uint64_t pawl_notify_watchdog_ms(void)
{
    uint64_t us = 0;
    uint64_t pid = 0;
    const char *whose = getenv("WATCHDOG_PID");
    if (!pawl_slice_to_u64(pawl_slice_str(getenv("WATCHDOG_USEC")), &us)) {
        return 0;
    }
    if (whose != NULL &&
        (!pawl_slice_to_u64(pawl_slice_str(whose), &pid) || pid != (uint64_t)getpid())) {
        return 0;
    }
    return us / 2 / (uint64_t)PAWL_US_PER_MS;
}
