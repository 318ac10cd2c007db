/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c: listeners, and accepting. How one is opened: listen_tcp.c, listen_unix.c.
 *
 * Connections above the limit are still taken in, a few of them, to be told 503. Beyond that, or
 * without memory, the connection is *held*: it is not accepted, libuv therefore stops asking
 * for more, and the next connection that goes makes room for it. So a full server leaves
 * clients in the kernel's queue, where they wait in order. Of several listeners that hold one, the
 * first that did has its turn: a crowd before one address does not keep others from another. One
 * that has places of its own is never kept out by it.
 *
 * An address is one string, as users write it: "HOST:PORT", or a path. A missing host is refused
 * instead of being taken for every address, which is not what one wants to get by leaving out.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
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

static bool has_room(const struct pawl_listener *listener)
{
    const struct pawl_http_server *server = listener->server;
    size_t most = (size_t)server->limits.connection_count_max + PAWL_SERVER_OVERFLOW_COUNT;
    return server->apart_count < listener->own_count_max ||
           server->conn_count - server->apart_count < most;
}

static void accept_one(struct pawl_listener *listener)
{
    struct pawl_http_server *server = listener->server;
    struct pawl_conn *conn = has_room(listener) ? pawl_conn_new(listener) : NULL;
    if (conn == NULL) {
        listener->held_turn = listener->held_turn != 0 ? listener->held_turn : ++server->held_turns;
        return;
    }
    listener->held_turn = 0;
    if (uv_accept(&listener->uv.stream, &conn->uv.stream) < 0) {
        pawl_conn_close(conn);
        return;
    }
    pawl_conn_begin(conn, pawl_conn_admit(conn), listener->tls);
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
    struct pawl_listener *at = server->closing || server->draining ? NULL : server->listeners;
    struct pawl_listener *first = NULL;
    for (; at != NULL; at = at->next) {
        if (at->held_turn != 0 && has_room(at) &&
            (first == NULL || at->held_turn < first->held_turn)) {
            first = at;
        }
    }
    if (first != NULL) {
        accept_one(first);
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

void pawl_listener_close(struct pawl_listener *listener)
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
        pawl_listener_close(listener);
        listener = next;
    }
}

/* --- Opening -------------------------------------------------------------------------------- */

struct pawl_listener *pawl_listener_new(struct pawl_http_server *server,
                                        const struct pawl_http_listen *listen,
                                        bool is_unix)
{
    struct pawl_listener *listener = pawl_alloc_zeroed(1, sizeof(*listener));
    if (listener == NULL) {
        return NULL;
    }
    listener->magic = PAWL_LISTENER_MAGIC;
    listener->server = server;
    listener->is_unix = is_unix;
    listener->same_user_only = listen->same_user_only;
    listener->tag = listen->tag;
    listener->own_count_max = listen->own_count_max;
    listener->tls = listen->tls;
    int status = is_unix ? uv_pipe_init(server->loop, &listener->uv.pipe, 0)
                         : uv_tcp_init(server->loop, &listener->uv.tcp);
    PAWL_ASSERT(status == 0); /* without flags neither opens anything */
    listener->uv.handle.data = listener;
    server->handle_count += 1;
    return listener;
}

int pawl_listener_start(struct pawl_listener *listener)
{
    return uv_listen(&listener->uv.stream, PAWL_SERVER_BACKLOG, on_connection);
}

void pawl_listener_adopt(struct pawl_listener *listener)
{
    PAWL_ASSERT(listener_checked(listener)->next == NULL);
    listener->next = listener->server->listeners;
    listener->server->listeners = listener;
}

/* --- Addresses ------------------------------------------------------------------------------ */

enum { HOST_BYTES = 256 }; /* a name of the DNS has at most 253 */

static pawl_err unreadable(const char *address, const char *why, struct pawl_errmsg *msg)
{
    pawl_errmsg_set(msg, "%s: %s", address, why);
    return PAWL_ERR(INVALID);
}

/* Host and port of the address; an empty host is "*". */
static pawl_err parse_tcp(const char *address,
                          char host[static HOST_BYTES],
                          uint16_t *ret_port,
                          struct pawl_errmsg *msg)
{
    struct pawl_slice text = pawl_slice_str(address);
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return unreadable(address, "where to listen is HOST:PORT, or the path of a socket", msg);
    }
    struct pawl_slice name = pawl_slice_sub(text, 0, (size_t)(colon - address));
    uint64_t port = 0;
    if (!pawl_slice_to_u64(pawl_slice_str(colon + 1), &port) || port > UINT16_MAX) {
        return unreadable(address, "the port behind the last colon is 0 to 65535", msg);
    }
    bool bracketed = name.bytes >= 2 && name.data[0] == '[' && name.data[name.bytes - 1] == ']';
    if (bracketed) {
        name = pawl_slice_sub(name, 1, name.bytes - 2);
    }
    bool has_colon = name.bytes > 0 && pawl_slice_find_byte(name, ':') != SIZE_MAX;
    if (has_colon != bracketed) {
        return unreadable(address, "an IPv6 address, and nothing else, stands in [brackets]", msg);
    }
    if (name.bytes == 0) {
        return unreadable(address, "a host is missing; 127.0.0.1 is this machine, * is all", msg);
    }
    if (pawl_slice_equal_str(name, "*")) {
        name.bytes = 0;
    }
    if (!pawl_slice_copy_str(name, host, HOST_BYTES)) {
        return unreadable(address, "the host is too long", msg);
    }
    *ret_port = (uint16_t)port;
    return PAWL_OK;
}

static void check_open(const struct pawl_http_server *server)
{
    PAWL_ASSERT(server->magic == PAWL_SERVER_MAGIC && !server->closing && !server->draining);
}

pawl_err pawl_http_server_listen(struct pawl_http_server *server,
                                 const struct pawl_http_listen *listen,
                                 uint16_t *ret_port,
                                 struct pawl_errmsg *msg)
{
    check_open(server);
    PAWL_ASSERT(listen->address != NULL);
    static const char prefix[] = "unix:";
    bool prefixed = strncmp(listen->address, prefix, sizeof(prefix) - 1) == 0;
    if (prefixed || listen->address[0] == '/') {
        const char *path = prefixed ? listen->address + sizeof(prefix) - 1 : listen->address;
        pawl_err err = pawl_listen_unix(server, listen, path, msg);
        if (pawl_ok(err) && ret_port != NULL) {
            *ret_port = 0;
        }
        return err;
    }
    char host[HOST_BYTES];
    uint16_t port = 0;
    pawl_err err = parse_tcp(listen->address, host, &port, msg);
    return pawl_ok(err)
               ? pawl_listen_tcp(server, listen, host[0] != '\0' ? host : NULL, port, ret_port, msg)
               : err;
}

pawl_err pawl_http_server_listen_tcp(struct pawl_http_server *server,
                                     const char *host,
                                     uint16_t port,
                                     uint16_t *ret_port,
                                     struct pawl_errmsg *msg)
{
    check_open(server);
    PAWL_ASSERT(host != NULL);
    return pawl_listen_tcp(server, &(struct pawl_http_listen){0}, host, port, ret_port, msg);
}

pawl_err pawl_http_server_listen_unix(struct pawl_http_server *server,
                                      const char *path,
                                      struct pawl_errmsg *msg)
{
    check_open(server);
    return pawl_listen_unix(server, &(struct pawl_http_listen){0}, path, msg);
}
