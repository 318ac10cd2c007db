/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_process.c: which process is at the other end of a Unix socket, and what it descends from.
 * The parents are read from /proc/PID/stat, one after the other. A process that ends in between
 * makes its children those of a subreaper further up, so a look that fails half-way begins again.
 *
 * A connection can outlive the process that opened it, in the hands of one that inherited it. Then
 * nobody can say any more where it came from, and it counts as coming from inside.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"
#include "net/peer.h"

enum { STAT_BYTES = 512, GENERATIONS_MAX = 4096, LOOKS_MAX = 8 };

pid_t pawl_peer_unix_pid(int fd)
{
    struct ucred credentials;
    socklen_t bytes = sizeof(credentials);
    bool told = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) == 0 &&
                bytes == sizeof(credentials);
    return told ? credentials.pid : 0;
}

/* "PID (name) S parent …". The name may hold anything; behind its last bracket all is plain. */
static bool read_parent(pid_t pid, pid_t *ret_parent, struct pawl_slice name)
{
    char path[32];
    char text[STAT_BYTES];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    const char *begin = bytes > 0 ? memchr(text, '(', (size_t)bytes) : NULL;
    const char *end = begin != NULL ? memrchr(text, ')', (size_t)bytes) : NULL;
    if (end == NULL) {
        return false;
    }
    bool named = !pawl_slice_empty(name) &&
                 pawl_slice_equal(pawl_slice_of(begin + 1, (size_t)(end - begin - 1)), name);
    struct pawl_slice rest =
        pawl_slice_sub(pawl_slice_of(text, (size_t)bytes), (size_t)(end - text) + 2, STAT_BYTES);
    uint64_t parent = 0;
    (void)pawl_slice_cut(&rest, ' ');
    if (!pawl_slice_to_u64(pawl_slice_cut(&rest, ' '), &parent)) {
        return false;
    }
    *ret_parent = named ? -1 : (pid_t)parent;
    return true;
}

static bool has_ended(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Up to `root`, or to a process of that name. */
static bool descends(pid_t pid, pid_t root, struct pawl_slice name)
{
    pid_t at = pid;
    int looks = 0;
    for (int i = 0; i < GENERATIONS_MAX && at > 0 && at != root; i++) {
        pid_t parent = 0;
        if (read_parent(at, &parent, name)) {
            at = parent;
        } else if (at == pid || ++looks == LOOKS_MAX) {
            return has_ended(pid); /* Else it cannot be seen from here. */
        } else {
            at = pid;
        }
    }
    return at == -1 || (root > 0 && at == root);
}

bool pawl_peer_descends_from(pid_t pid, pid_t root)
{
    return descends(pid, root, PAWL_SLICE_NONE);
}

bool pawl_peer_descends_from_named(pid_t pid, const char *name)
{
    return descends(pid, 0, pawl_slice_str(name));
}
