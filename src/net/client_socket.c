/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_socket.c: libcurl's sockets as libuv poll handles.
 *
 * The socket of an established connection keeps its poll handle until libcurl closes it (K4):
 * between two calls it is only stopped. All other descriptors lose theirs when libcurl says that
 * it need not be watched, because libcurl tells us of the close only for established
 * connections. What it closes unasked (attempts that lost a race or ran out of time, its
 * resolver's pipe) may come back under the same number before it says so; the new one then
 * takes the old one's place, and what it was watched for, as libcurl believes it still is.
 *
 * Failure: a socket that cannot be watched is an error for libcurl, which ends its call.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/client_priv.h"

enum { SOCKET_SLOTS_FIRST = 64, SOCKET_SLOTS_MAX = 1 << 20 };

static struct pawl_client_socket *socket_checked(void *data)
{
    struct pawl_client_socket *sock = data;
    PAWL_ASSERT(sock != NULL && sock->magic == PAWL_SOCKET_MAGIC);
    return sock;
}

static struct pawl_client_socket *find(const struct pawl_http_client *client, curl_socket_t fd)
{
    return fd >= 0 && (size_t)fd < client->socket_slot_count ? client->sockets[fd] : NULL;
}

/* false without memory. */
static bool make_slot(struct pawl_http_client *client, curl_socket_t fd)
{
    size_t count = client->socket_slot_count > 0 ? client->socket_slot_count : SOCKET_SLOTS_FIRST;
    while (count <= (size_t)fd) {
        count *= 2;
    }
    if (count == client->socket_slot_count) {
        return true;
    }
    if (count > SOCKET_SLOTS_MAX) {
        return false;
    }
    struct pawl_client_socket **sockets =
        pawl_realloc(client->sockets, count * sizeof(client->sockets[0]));
    if (sockets == NULL) {
        return false;
    }
    for (size_t i = client->socket_slot_count; i < count; i++) {
        sockets[i] = NULL;
    }
    client->sockets = sockets;
    client->socket_slot_count = count;
    return true;
}

static struct pawl_client_socket *add(struct pawl_http_client *client, curl_socket_t fd)
{
    if (fd < 0 || !make_slot(client, fd)) {
        return NULL;
    }
    PAWL_ASSERT(client->sockets[fd] == NULL);
    struct pawl_client_socket *sock = pawl_alloc_zeroed(1, sizeof(*sock));
    if (sock == NULL || uv_poll_init_socket(client->loop, &sock->poll, fd) < 0) {
        pawl_free(sock);
        return NULL;
    }
    sock->magic = PAWL_SOCKET_MAGIC;
    sock->fd = fd;
    sock->client = client;
    sock->poll.data = sock;
    client->sockets[fd] = sock;
    client->handle_count += 1;
    return sock;
}

static void on_closed(uv_handle_t *handle)
{
    struct pawl_client_socket *sock = socket_checked(handle->data);
    struct pawl_http_client *client = sock->client;
    sock->magic = 0;
    pawl_free(sock);
    pawl_client_handle_closed(client);
}

static void drop(struct pawl_client_socket *sock)
{
    PAWL_ASSERT(sock->client->sockets[sock->fd] == sock);
    sock->client->sockets[sock->fd] = NULL;
    uv_close((uv_handle_t *)&sock->poll, on_closed);
}

static void on_poll(uv_poll_t *poll, int status, int events);

curl_socket_t
pawl_client_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct pawl_http_client *client = pawl_client_checked(arg);
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    struct pawl_client_socket *stale = fd >= 0 ? find(client, fd) : NULL;
    int events = 0;
    if (stale != NULL) {
        events = stale->events;
        drop(stale);
    }
    struct pawl_client_socket *sock = fd >= 0 ? add(client, fd) : NULL;
    if (fd >= 0 && sock == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    if (events != 0) {
        sock->events = events;
        uv_poll_start(&sock->poll, events, on_poll);
    }
    return fd;
}

void pawl_client_socket_established(struct pawl_http_client *client, curl_socket_t fd)
{
    struct pawl_client_socket *sock = find(client, fd);
    if (sock != NULL) {
        sock->established = true;
    }
}

int pawl_client_close_socket(void *arg, curl_socket_t fd)
{
    struct pawl_http_client *client = pawl_client_checked(arg);
    struct pawl_client_socket *sock = find(client, fd);
    if (sock != NULL) {
        /* Before the close, so that nobody is watched under a number that was given away. */
        drop(sock);
    }
    return close(fd);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct pawl_client_socket *sock = socket_checked(poll->data);
    struct pawl_http_client *client = sock->client;
    curl_socket_t fd = sock->fd;
    int action = 0;
    if (status < 0) {
        /* A reset. There may be bytes in front of it, so libcurl is told to look, and
         * finds the error by itself. libuv has stopped the handle. */
        action = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
    }
    action |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    action |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    pawl_client_socket_action(client, fd, action);
    bool still_there = !client->closing && find(client, fd) == sock;
    if (status < 0 && still_there && sock->events != 0) {
        uv_poll_start(&sock->poll, sock->events, on_poll);
    }
}

int pawl_client_watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    (void)easy;
    (void)unused;
    struct pawl_http_client *client = pawl_client_checked(arg);
    struct pawl_client_socket *sock = find(client, fd);
    if (what == CURL_POLL_REMOVE) {
        if (sock != NULL && sock->established) {
            sock->events = 0;
            uv_poll_stop(&sock->poll);
        } else if (sock != NULL) {
            drop(sock);
        }
        return 0;
    }
    if (sock == NULL) {
        sock = add(client, fd);
    }
    if (sock == NULL) {
        return -1;
    }
    sock->events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                   ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    return uv_poll_start(&sock->poll, sock->events, on_poll) < 0 ? -1 : 0;
}
