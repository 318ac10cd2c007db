/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_socket.c: libcurl's sockets as libuv poll handles.
 *
 * libcurl changes its mind several times a request about what to wait for, and each change in
 * libuv's poll costs two system calls. So wishes are only noted while it runs; when it returns,
 * what is watched is changed if something wanted is missing. A socket that is watched for more
 * than is wanted stays so until an unwanted event shows up. In the usual course of a connection
 * that is used again and again nothing changes at all.
 *
 * The socket of an established connection keeps its poll handle until libcurl closes it (K4).
 * All other descriptors lose theirs when libcurl says that it need not be watched, because
 * libcurl tells us of the close only for established connections. What it closes unasked
 * (attempts that lost a race or ran out of time, its resolver's pipe) may come back under
 * the same number before it says so; the new one then takes the old one's place, and what
 * it was wanted for, as libcurl believes it still is.
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

/* The socket is no call's any more. */
static void part(struct pawl_client_socket *sock)
{
    if (sock->call != NULL) {
        sock->call->sock = NULL;
        sock->call = NULL;
    }
}

static void pair(struct pawl_client_socket *sock, struct pawl_http_call *call)
{
    if (sock->call != call) {
        part(sock);
        if (call->sock != NULL) {
            part(call->sock);
        }
        sock->call = call;
        call->sock = sock;
    }
}

static void drop(struct pawl_client_socket *sock)
{
    struct pawl_http_client *client = sock->client;
    PAWL_ASSERT(client->sockets[sock->fd] == sock);
    client->sockets[sock->fd] = NULL;
    part(sock);
    struct pawl_client_socket **link = &client->unsettled;
    while (sock->unsettled && *link != sock) {
        link = &(*link)->unsettled_next;
    }
    if (sock->unsettled) {
        *link = sock->unsettled_next;
    }
    uv_close((uv_handle_t *)&sock->poll, on_closed);
}

static void want(struct pawl_client_socket *sock, int events)
{
    struct pawl_http_client *client = sock->client;
    sock->wanted = events;
    if (!sock->unsettled) {
        sock->unsettled = true;
        sock->unsettled_next = client->unsettled;
        client->unsettled = sock;
    }
}

curl_socket_t
pawl_client_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct pawl_http_client *client = pawl_client_checked(arg);
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->protocol);
    struct pawl_client_socket *stale = fd >= 0 ? find(client, fd) : NULL;
    int wanted = 0;
    if (stale != NULL) {
        wanted = stale->wanted;
        drop(stale);
    }
    struct pawl_client_socket *sock = fd >= 0 ? add(client, fd) : NULL;
    if (fd >= 0 && sock == NULL) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    if (wanted != 0) {
        want(sock, wanted);
    }
    return fd;
}

void pawl_client_socket_established(struct pawl_http_call *call)
{
    if (call->sock != NULL && (call->sock->wanted & UV_READABLE) != 0) {
        call->sock->established = true;
    }
}

void pawl_client_socket_leave(struct pawl_http_call *call)
{
    if (call->sock != NULL) {
        part(call->sock);
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

static void on_poll(uv_poll_t *poll, int status, int events);

/* Watches exactly what is wanted. */
static void watch(struct pawl_client_socket *sock)
{
    sock->watched = sock->wanted;
    if (sock->wanted == 0) {
        uv_poll_stop(&sock->poll);
    } else {
        /* The handle is not closing and its descriptor is its own, so this cannot fail. */
        int status = uv_poll_start(&sock->poll, sock->wanted, on_poll);
        PAWL_ASSERT(status == 0);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct pawl_client_socket *sock = socket_checked(poll->data);
    struct pawl_http_client *client = sock->client;
    int action = 0;
    if (status < 0) {
        /* A reset. There may be bytes in front of it, so libcurl is told to look, and
         * finds the error by itself. libuv has stopped the handle. */
        action = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
        sock->watched = 0;
        want(sock, sock->wanted);
    }
    if ((events & ~sock->wanted) != 0) {
        watch(sock);
        events &= sock->wanted;
    }
    action |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    action |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    if (action != 0) {
        pawl_client_socket_action(client, sock->fd, action);
    }
}

void pawl_client_settle_sockets(struct pawl_http_client *client)
{
    while (client->unsettled != NULL) {
        struct pawl_client_socket *sock = client->unsettled;
        client->unsettled = sock->unsettled_next;
        sock->unsettled = false;
        sock->unsettled_next = NULL;
        if ((sock->wanted & ~sock->watched) != 0) {
            watch(sock);
        }
    }
}

/* Attempts that it closed unasked, and of which no number came back. */
void pawl_client_drop_sockets(struct pawl_http_client *client)
{
    PAWL_ASSERT(client->multi == NULL);
    for (size_t fd = 0; fd < client->socket_slot_count; fd++) {
        if (client->sockets[fd] != NULL) {
            drop(client->sockets[fd]);
        }
    }
}

int pawl_client_watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    (void)unused;
    struct pawl_http_client *client = pawl_client_checked(arg);
    struct pawl_client_socket *sock = find(client, fd);
    if (what == CURL_POLL_REMOVE) {
        if (sock != NULL && sock->established) {
            sock->wanted = 0;
            part(sock);
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
    void *call = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK && call != NULL) {
        pair(sock, pawl_call_checked(call));
    }
    want(sock, ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                   ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0));
    return 0;
}
