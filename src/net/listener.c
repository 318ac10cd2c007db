/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c: opening ports and Unix sockets, and accepting.
 *
 * Connections above the limit are still taken in, a few of them, to be told 503. Beyond that, or
 * without memory, the connection is *held*: it is not accepted, libuv therefore stops asking
 * for more, and the next connection that goes makes room for it. So a full server leaves
 * clients in the kernel's queue, where they wait in order.
 *
 * A Unix socket gets its mode before it gets its name, so there is no moment at which others
 * could connect. A file that nobody listens behind is left over from a process that died,
 * and is replaced; the caller's lock keeps two servers from doing that at the same time.
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
#include "net/server_priv.h"

static struct pawl_listener *listener_checked(void *data)
{
    struct pawl_listener *listener = data;
    PAWL_ASSERT(listener != NULL && listener->magic == PAWL_LISTENER_MAGIC);
    PAWL_ASSERT(listener->server->magic == PAWL_SERVER_MAGIC);
    return listener;
}

/* --- Accepting ------------------------------------------------------------------------------ */

static void accept_one(struct pawl_listener *listener)
{
    struct pawl_http_server *server = listener->server;
    size_t most = (size_t)server->limits.connection_count_max + PAWL_SERVER_OVERFLOW_COUNT;
    struct pawl_conn *conn =
        server->conn_count < most ? pawl_conn_new(server, listener->is_unix) : NULL;
    listener->held = conn == NULL;
    if (conn == NULL) {
        return;
    }
    if (uv_accept(&listener->uv.stream, &conn->uv.stream) < 0) {
        pawl_conn_close(conn);
        return;
    }
    pawl_conn_begin(conn);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct pawl_listener *listener = listener_checked(stream->data);
    if (status == 0) {
        accept_one(listener);
    }
}

void pawl_listeners_go_on(struct pawl_http_server *server)
{
    struct pawl_listener *listener = server->closing || server->draining ? NULL : server->listeners;
    for (; listener != NULL; listener = listener->next) {
        if (listener->held) {
            accept_one(listener);
            return;
        }
    }
}

/* --- Closing -------------------------------------------------------------------------------- */

/* Removes the socket's file, if it is still the one that was made. */
static void unlink_socket(const struct pawl_listener *listener)
{
    struct stat found;
    if (listener->path != NULL && lstat(listener->path, &found) == 0 &&
        (uint64_t)found.st_dev == listener->path_device &&
        (uint64_t)found.st_ino == listener->path_inode) {
        unlink(listener->path);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_listener *listener = listener_checked(handle->data);
    struct pawl_http_server *server = listener->server;
    server->handle_count -= 1;
    listener->magic = 0;
    pawl_free(listener->path);
    pawl_free(listener);
    pawl_server_free_when_done(server);
}

static void close_listener(struct pawl_listener *listener)
{
    unlink_socket(listener);
    uv_close(&listener->uv.handle, on_closed);
}

void pawl_listeners_close(struct pawl_http_server *server)
{
    struct pawl_listener *listener = server->listeners;
    server->listeners = NULL;
    while (listener != NULL) {
        struct pawl_listener *next = listener->next;
        close_listener(listener);
        listener = next;
    }
}

/* --- Opening -------------------------------------------------------------------------------- */

static struct pawl_listener *listener_new(struct pawl_http_server *server, bool is_unix)
{
    struct pawl_listener *listener = pawl_alloc_zeroed(1, sizeof(*listener));
    if (listener == NULL) {
        return NULL;
    }
    listener->magic = PAWL_LISTENER_MAGIC;
    listener->server = server;
    listener->is_unix = is_unix;
    int status = is_unix ? uv_pipe_init(server->loop, &listener->uv.pipe, 0)
                         : uv_tcp_init(server->loop, &listener->uv.tcp);
    PAWL_ASSERT(status == 0); /* without flags neither opens anything */
    listener->uv.handle.data = listener;
    server->handle_count += 1;
    return listener;
}

/* From here on the server closes it. */
static void adopt(struct pawl_listener *listener)
{
    listener->next = listener->server->listeners;
    listener->server->listeners = listener;
}

static uint16_t bound_port(struct pawl_listener *listener)
{
    struct sockaddr_storage bound = {0};
    int bytes = sizeof(bound);
    if (uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&bound, &bytes) < 0) {
        return 0;
    }
    struct sockaddr_in in = {0};
    struct sockaddr_in6 in6 = {0};
    memcpy(&in, &bound, sizeof(in));
    memcpy(&in6, &bound, sizeof(in6));
    return ntohs(bound.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
}

pawl_err pawl_http_server_listen_tcp(struct pawl_http_server *server,
                                     const char *host,
                                     uint16_t port,
                                     uint16_t *ret_port,
                                     struct pawl_errmsg *msg)
{
    PAWL_ASSERT(server->magic == PAWL_SERVER_MAGIC && !server->closing && !server->draining);
    struct sockaddr_storage address = {0};
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (uv_ip4_addr(host, port, &in) == 0) {
        memcpy(&address, &in, sizeof(in));
    } else if (uv_ip6_addr(host, port, &in6) == 0) {
        memcpy(&address, &in6, sizeof(in6));
    } else {
        pawl_errmsg_set(msg, "%s is not an IP address", host);
        return PAWL_ERR(INVALID);
    }
    struct pawl_listener *listener = listener_new(server, false);
    if (listener == NULL) {
        pawl_errmsg_set(msg, "no memory for a listener");
        return PAWL_ERR(MEMORY);
    }
    int status = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)&address, 0);
    if (status == 0) {
        /* libuv reports here what went wrong in bind, too. */
        status = uv_listen(&listener->uv.stream, PAWL_SERVER_BACKLOG, on_connection);
    }
    uint16_t taken = status == 0 ? bound_port(listener) : 0;
    if (status < 0 || taken == 0) {
        pawl_errmsg_set(msg, "cannot listen on %s port %u: %s", host, (unsigned)port,
                        status < 0 ? uv_strerror(status) : "no port");
        close_listener(listener);
        return status < 0 ? pawl_err_from_uv(status) : PAWL_ERR(IO);
    }
    adopt(listener);
    if (ret_port != NULL) {
        *ret_port = taken;
    }
    return PAWL_OK;
}

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

/* A bound socket that only this user can connect to. -1 with errno. */
static int bind_private(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    /* On Linux the file inherits the mode of the socket; elsewhere chmod closes the gap. */
    if (fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        chmod(address->sun_path, 0600) != 0) {
        int error_number = errno;
        close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

/* 0, or an errno. */
static int open_unix(struct pawl_listener *listener, const struct sockaddr_un *address)
{
    int error_number = remove_stale(address);
    if (error_number != 0) {
        return error_number;
    }
    int fd = bind_private(address);
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
    return -uv_listen(&listener->uv.stream, PAWL_SERVER_BACKLOG, on_connection);
}

pawl_err pawl_http_server_listen_unix(struct pawl_http_server *server,
                                      const char *path,
                                      struct pawl_errmsg *msg)
{
    PAWL_ASSERT(server->magic == PAWL_SERVER_MAGIC && !server->closing && !server->draining);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(path) + 1;
    if (bytes == 1 || bytes > sizeof(address.sun_path)) {
        pawl_errmsg_set(msg, "%s: a socket's path has 1 to %zu bytes", path,
                        sizeof(address.sun_path) - 1);
        return PAWL_ERR(INVALID);
    }
    memcpy(address.sun_path, path, bytes);
    char *path_copy = pawl_alloc(bytes);
    struct pawl_listener *listener = path_copy != NULL ? listener_new(server, true) : NULL;
    if (listener == NULL) {
        pawl_free(path_copy);
        pawl_errmsg_set(msg, "no memory for a listener");
        return PAWL_ERR(MEMORY);
    }
    memcpy(path_copy, path, bytes);
    listener->path = path_copy;
    int error_number = open_unix(listener, &address);
    if (error_number != 0) {
        pawl_errmsg_set(msg, "cannot listen on %s: %s", path, strerror(error_number));
        close_listener(listener);
        return error_number == EADDRINUSE ? PAWL_ERR(EXISTS) : pawl_err_from_errno(error_number);
    }
    adopt(listener);
    return PAWL_OK;
}
