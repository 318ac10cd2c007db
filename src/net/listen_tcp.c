/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen_tcp.c: opens ports. A host may be a name with several addresses ("localhost" mostly has
 * two), and each gets a listener; all of them open, or none. Sockets for IPv6 take IPv6 alone, so
 * that both families of "*" have one each and a peer's address is what it is.
 *
 * An address of a family that the machine does not have is left out where there is another: that
 * a host file knows ::1 does not mean that the kernel does.
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "net/address.h"
#include "net/holder.h"
#include "net/server_priv.h"

enum {
    PORT_TRIES = 16 /* for one port that is free on every address */
};

/* Port 0 where the system does not tell. */
static struct pawl_address bound_address(const struct pawl_listener *listener)
{
    struct sockaddr_storage bound = {0};
    int bytes = sizeof(bound);
    if (uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&bound, &bytes) < 0) {
        return (struct pawl_address){.port = 0};
    }
    return pawl_address_of(&bound);
}

/* Both kinds have their port behind the family. */
static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    _Static_assert(offsetof(struct sockaddr_in, sin_port) ==
                       offsetof(struct sockaddr_in6, sin6_port),
                   "one place for the port");
    uint16_t there = htons(port);
    memcpy((char *)address + offsetof(struct sockaddr_in, sin_port), &there, sizeof(there));
}

/* 0 with the port that was taken, or libuv's error. */
static int
open_one(struct pawl_listener *listener, const struct sockaddr_storage *address, uint16_t *ret_port)
{
    unsigned flags = address->ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    int status = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)address, flags);
    if (status == 0) {
        /* libuv reports here what went wrong in bind, too. */
        status = pawl_listener_start(listener);
    }
    if (status != 0) {
        return status;
    }
    *ret_port = bound_address(listener).port;
    return *ret_port > 0 ? 0 : UV_EIO;
}

static bool stood_before(const struct addrinfo *first, const struct addrinfo *at)
{
    for (const struct addrinfo *other = first; other != at; other = other->ai_next) {
        if (other->ai_addrlen == at->ai_addrlen &&
            memcmp(other->ai_addr, at->ai_addr, at->ai_addrlen) == 0) {
            return true;
        }
    }
    return false;
}

static bool lacks_family(int status)
{
    return status == UV_EAFNOSUPPORT || status == UV_EADDRNOTAVAIL;
}

static void close_all(struct pawl_listener *made)
{
    while (made != NULL) {
        struct pawl_listener *next = made->next;
        pawl_listener_close(made);
        made = next;
    }
}

static void adopt_all(struct pawl_listener *made)
{
    while (made != NULL) {
        struct pawl_listener *next = made->next;
        made->next = NULL;
        pawl_listener_adopt(made);
        made = next;
    }
}

/* A listener for each address, all on the port that the first one got. 0, or libuv's error. */
static int open_each(struct pawl_http_server *server,
                     const struct pawl_http_listen *listen,
                     const struct addrinfo *first,
                     uint16_t *port)
{
    struct pawl_listener *made = NULL;
    int lacking = UV_EADDRNOTAVAIL;
    for (const struct addrinfo *at = first; at != NULL; at = at->ai_next) {
        if (stood_before(first, at)) {
            continue;
        }
        struct sockaddr_storage address = {0};
        PAWL_ASSERT(at->ai_addrlen <= sizeof(address));
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        set_port(&address, *port);
        struct pawl_listener *listener = pawl_listener_new(server, listen, false);
        int status = listener != NULL ? open_one(listener, &address, port) : UV_ENOMEM;
        if (status == 0) {
            listener->next = made;
            made = listener;
            continue;
        }
        if (listener != NULL) {
            pawl_listener_close(listener);
        }
        if (!lacks_family(status)) {
            close_all(made);
            return status;
        }
        lacking = status;
    }
    if (made == NULL) {
        return lacking;
    }
    adopt_all(made);
    return 0;
}

static bool is_own(const struct pawl_http_server *server, const struct pawl_address *wanted)
{
    bool own = false;
    for (const struct pawl_listener *at = server->listeners; at != NULL; at = at->next) {
        struct pawl_address has =
            at->is_unix ? (struct pawl_address){.port = 0} : bound_address(at);
        own = own || pawl_address_meets(&has, wanted);
    }
    return own;
}

/* Who is in the way of one of the addresses: this server, somebody, or nobody that is known. */
struct holder {
    bool is_own;
    char text[PAWL_HOLDER_BYTES];
};

static void find_holder(const struct pawl_http_server *server,
                        const struct addrinfo *at,
                        uint16_t port,
                        struct holder *ret_holder)
{
    *ret_holder = (struct holder){.is_own = false};
    for (; at != NULL && !ret_holder->is_own && ret_holder->text[0] == '\0'; at = at->ai_next) {
        struct sockaddr_storage address = {0};
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        struct pawl_address wanted = pawl_address_of(&address);
        wanted.port = port;
        ret_holder->is_own = is_own(server, &wanted);
        if (!ret_holder->is_own) {
            pawl_holder_of_address(&wanted, ret_holder->text);
        }
    }
}

static pawl_err tell(const char *host,
                     uint16_t port,
                     int status,
                     const struct holder *holder,
                     struct pawl_errmsg *msg)
{
    const char *shown = host != NULL ? host : "*";
    bool bracketed = strchr(shown, ':') != NULL;
    pawl_errmsg_set(msg, "cannot listen on %s%s%s:%u: %s%s%s%s", bracketed ? "[" : "", shown,
                    bracketed ? "]" : "", (unsigned)port,
                    holder->is_own ? PAWL_LISTENER_IS_OWN : uv_strerror(status),
                    holder->text[0] != '\0' ? " by " : "", holder->text,
                    status == UV_EACCES && port > 0 && port < IPPORT_RESERVED
                        ? " (ports below 1024 want root or CAP_NET_BIND_SERVICE)"
                        : "");
    return pawl_err_from_uv(status);
}

pawl_err pawl_listen_tcp(struct pawl_http_server *server,
                         const struct pawl_http_listen *listen,
                         const char *host,
                         uint16_t port,
                         uint16_t *ret_port,
                         struct pawl_errmsg *msg)
{
    /* Without AI_ADDRCONFIG: it forgets ::1 on a machine that has no other IPv6 address. */
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(host, "0", &hints, &found);
    if (failed != 0) {
        pawl_errmsg_set(msg, "cannot listen on %s: %s", host, gai_strerror(failed));
        return failed == EAI_MEMORY ? PAWL_ERR(MEMORY) : PAWL_ERR(NOT_FOUND);
    }
    uint16_t taken = port;
    int status = open_each(server, listen, found, &taken);
    for (int i = 1; i < PORT_TRIES && port == 0 && status == UV_EADDRINUSE; i++) {
        taken = 0;
        status = open_each(server, listen, found, &taken);
    }
    struct holder holder = {.is_own = false};
    if (status == UV_EADDRINUSE) {
        find_holder(server, found, port, &holder);
    }
    freeaddrinfo(found);
    if (status != 0) {
        return tell(host, port, status, &holder, msg);
    }
    if (ret_port != NULL) {
        *ret_port = taken;
    }
    return PAWL_OK;
}
