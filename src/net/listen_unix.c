/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen_unix.c: opens Unix sockets.
 *
 * A socket gets its mode before it gets its name, so there is no moment at which others could
 * connect. A file that nobody listens behind is left over from a process that died, and is
 * replaced; the caller's lock keeps two servers from doing that at the same time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/holder.h"
#include "net/server_priv.h"

enum { MODE_PRIVATE = 0600, MODE_BITS = 0777 };

/* Makes way for a socket at that path. 0, or an errno. */
static int remove_stale(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    if (!S_ISSOCK(found.st_mode)) {
        return EEXIST;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return errno;
    }
    int refused =
        connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    close(probe);
    if (refused != ECONNREFUSED) {
        return EADDRINUSE;
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT ? 0 : errno;
}

/* A bound socket whose file has that mode from its first moment on. -1 with errno. */
static int bind_with_mode(const struct sockaddr_un *address, mode_t mode)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* The file inherits the mode of the socket, less the umask; then it gets what was asked for. */
    if (fchmod(fd, mode) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        chmod(address->sun_path, mode) != 0) {
        int error_number = errno;
        close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

/* 0, or an errno. */
static int open_unix(struct pawl_listener *listener, const struct sockaddr_un *address, mode_t mode)
{
    int error_number = remove_stale(address);
    if (error_number != 0) {
        return error_number;
    }
    int fd = bind_with_mode(address, mode);
    if (fd < 0) {
        return errno;
    }
    int status = uv_pipe_open(&listener->uv.pipe, fd);
    if (status < 0) {
        close(fd);
        unlink(address->sun_path);
        return -status;
    }
    struct stat made;
    if (lstat(address->sun_path, &made) == 0) {
        listener->path_device = (uint64_t)made.st_dev;
        listener->path_inode = (uint64_t)made.st_ino;
    }
    return -pawl_listener_start(listener);
}

/* Whether the file is one of the server's own sockets, whatever path leads there. */
static bool is_own(const struct pawl_http_server *server, const struct sockaddr_un *address)
{
    struct stat found;
    const struct pawl_listener *at =
        lstat(address->sun_path, &found) == 0 ? server->listeners : NULL;
    while (at != NULL && (!at->is_unix || at->path_device != (uint64_t)found.st_dev ||
                          at->path_inode != (uint64_t)found.st_ino)) {
        at = at->next;
    }
    return at != NULL;
}

/* Who listens there, for the message. */
static pid_t holder(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return 0;
    }
    bool connected = connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0;
    pid_t pid = connected ? pawl_peer_unix_pid(probe) : 0;
    close(probe);
    return pid;
}

static pawl_err tell(const struct pawl_http_server *server,
                     const struct sockaddr_un *address,
                     int error_number,
                     struct pawl_errmsg *msg)
{
    const char *path = address->sun_path;
    if (error_number == EEXIST) {
        pawl_errmsg_set(msg, "cannot listen on %s: a file that is no socket is there", path);
    } else if (error_number != EADDRINUSE) {
        pawl_errmsg_set(msg, "cannot listen on %s: %s", path, strerror(error_number));
    } else if (is_own(server, address)) {
        pawl_errmsg_set(msg, "cannot listen on %s: " PAWL_LISTENER_IS_OWN, path);
    } else {
        char who[PAWL_HOLDER_BYTES];
        pawl_holder_text(holder(address), who);
        pawl_errmsg_set(msg, "cannot listen on %s: %s listens there", path,
                        who[0] != '\0' ? who : "somebody");
    }
    return error_number == EADDRINUSE ? PAWL_ERR(EXISTS) : pawl_err_from_errno(error_number);
}

pawl_err pawl_listen_unix(struct pawl_http_server *server,
                          const struct pawl_http_listen *listen,
                          const char *path,
                          struct pawl_errmsg *msg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(path) + 1;
    if (bytes == 1 || bytes > sizeof(address.sun_path)) {
        pawl_errmsg_set(msg, "%s: a socket's path has 1 to %zu bytes", path,
                        sizeof(address.sun_path) - 1);
        return PAWL_ERR(INVALID);
    }
    memcpy(address.sun_path, path, bytes);
    char *path_copy = pawl_alloc(bytes);
    struct pawl_listener *listener =
        path_copy != NULL ? pawl_listener_new(server, listen, true) : NULL;
    if (listener == NULL) {
        pawl_free(path_copy);
        pawl_errmsg_set(msg, "no memory for a listener");
        return PAWL_ERR(MEMORY);
    }
    memcpy(path_copy, path, bytes);
    listener->path = path_copy;
    mode_t mode = listen->unix_mode != 0 ? (mode_t)(listen->unix_mode & MODE_BITS) : MODE_PRIVATE;
    int error_number = open_unix(listener, &address, mode);
    if (error_number != 0) {
        pawl_err err = tell(server, &address, error_number, msg);
        pawl_listener_close(listener);
        return err;
    }
    pawl_listener_adopt(listener);
    return PAWL_OK;
}
