/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.c: asks the kernel who owns a socket. First through NETLINK_SOCK_DIAG: one datagram
 * there and one back, answered before send(2) returns, a few microseconds whatever
 * the number of sockets. Where that is not to be had (some containers), /proc/net/tcp and tcp6 are
 * read through, which is slower and says the same.
 *
 * A socket whose process closed it still exists for a while and is then reported as owned by
 * uid 0 without an inode. That must not pass for root, so no inode means nobody.
 */
#define _GNU_SOURCE
#include "net/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/slice.h"

/* An address in the one form that both families share: sixteen bytes, IPv4 mapped. */
struct endpoint {
    unsigned char address[16];
    uint16_t port; /* host order */
};

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct endpoint *endpoint)
{
    return memcmp(endpoint->address, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool endpoint_from(const struct sockaddr_storage *storage, struct endpoint *ret_endpoint)
{
    struct endpoint endpoint = {0};
    if (storage->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, storage, sizeof(in));
        memcpy(endpoint.address, mapped_prefix, sizeof(mapped_prefix));
        memcpy(endpoint.address + 12, &in.sin_addr, 4);
        endpoint.port = ntohs(in.sin_port);
    } else if (storage->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, storage, sizeof(in6));
        memcpy(endpoint.address, &in6.sin6_addr, 16);
        endpoint.port = ntohs(in6.sin6_port);
    } else {
        return false;
    }
    *ret_endpoint = endpoint;
    return true;
}

void pawl_peer_open(struct pawl_peer *peer)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    *peer = (struct pawl_peer){.netlink_fd = fd};
}

void pawl_peer_close(struct pawl_peer *peer)
{
    if (peer->netlink_fd >= 0) {
        close(peer->netlink_fd);
        peer->netlink_fd = -1;
    }
}

bool pawl_peer_is_local(const struct sockaddr_storage *remote, const struct sockaddr_storage *local)
{
    struct endpoint far;
    struct endpoint near;
    if (!endpoint_from(remote, &far) || !endpoint_from(local, &near)) {
        return false;
    }
    if (memcmp(far.address, near.address, sizeof(far.address)) == 0) {
        return true;
    }
    static const unsigned char loopback6[16] = {[15] = 1};
    return (is_mapped(&far) && far.address[12] == 127) ||
           memcmp(far.address, loopback6, sizeof(loopback6)) == 0;
}

static bool
diag_send(struct pawl_peer *peer, const struct endpoint *far, const struct endpoint *near)
{
    bool v4 = is_mapped(far) && is_mapped(near);
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = ++peer->sequence},
        .request = {.sdiag_family = v4 ? AF_INET : AF_INET6,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = UINT32_MAX,
                    .id = {.idiag_sport = htons(far->port),
                           .idiag_dport = htons(near->port),
                           .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    size_t skip = v4 ? 12 : 0;
    memcpy(message.request.id.idiag_src, far->address + skip, 16 - skip);
    memcpy(message.request.id.idiag_dst, near->address + skip, 16 - skip);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(peer->netlink_fd, &message, sizeof(message), 0,
                          (const struct sockaddr *)&kernel, sizeof(kernel));
    return sent == (ssize_t)sizeof(message);
}

/* Reads answers until the one to the last question. */
static enum pawl_peer_answer diag_receive(struct pawl_peer *peer, uid_t *ret_uid)
{
    for (;;) {
        union {
            struct nlmsghdr header;
            char bytes[1024];
        } answer;
        ssize_t got = recv(peer->netlink_fd, &answer, sizeof(answer), 0);
        if (got < (ssize_t)sizeof(answer.header)) {
            return PAWL_PEER_UNTOLD;
        }
        if (answer.header.nlmsg_seq != peer->sequence) {
            continue;
        }
        if (answer.header.nlmsg_type == NLMSG_ERROR) {
            struct nlmsgerr error = {0};
            if ((size_t)got >= NLMSG_LENGTH(sizeof(error))) {
                memcpy(&error, answer.bytes + NLMSG_HDRLEN, sizeof(error));
            }
            return error.error == -ENOENT ? PAWL_PEER_NOBODY : PAWL_PEER_UNTOLD;
        }
        struct inet_diag_msg found;
        if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            (size_t)got < NLMSG_LENGTH(sizeof(found))) {
            return PAWL_PEER_UNTOLD;
        }
        memcpy(&found, answer.bytes + NLMSG_HDRLEN, sizeof(found));
        if (found.idiag_inode == 0) {
            return PAWL_PEER_NOBODY;
        }
        *ret_uid = found.idiag_uid;
        return PAWL_PEER_KNOWN;
    }
}

/* Hexadecimal digits only, at most eight of them. */
static bool parse_hex(struct pawl_slice text, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        static const char digits[] = "0123456789ABCDEF";
        const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);
        if (digit == NULL) {
            return false;
        }
        value = value * 16 + (uint32_t)(digit - digits);
    }
    *ret_value = value;
    return text.bytes > 0 && text.bytes <= 8;
}

/* "0100007F:1F90": each word of four bytes as a number in this machine's order. */
static bool parse_proc_endpoint(struct pawl_slice text, struct endpoint *ret_endpoint)
{
    struct endpoint endpoint = {0};
    uint32_t port = 0;
    struct pawl_slice address = pawl_slice_cut(&text, ':');
    if ((address.bytes != 8 && address.bytes != 32) || !parse_hex(text, &port)) {
        return false;
    }
    unsigned char *out = endpoint.address;
    if (address.bytes == 8) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        out += sizeof(mapped_prefix);
    }
    for (size_t i = 0; i < address.bytes; i += 8) {
        uint32_t word = 0;
        if (!parse_hex(pawl_slice_sub(address, i, 8), &word)) {
            return false;
        }
        memcpy(out + i / 2, &word, 4);
    }
    endpoint.port = (uint16_t)port;
    *ret_endpoint = endpoint;
    return true;
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* One line of the table: is it the socket that is looked for, and does somebody own it? */
static bool is_owned_socket(struct pawl_slice line,
                            const struct endpoint *far,
                            const struct endpoint *near,
                            uid_t *ret_uid)
{
    /* Number, local, remote, state, queues, timer, retransmits, uid, timeout, inode. */
    struct pawl_slice fields[10];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fields); i++) {
        line = pawl_slice_trim(line);
        fields[i] = pawl_slice_cut(&line, ' ');
    }
    struct endpoint own;
    struct endpoint other;
    uint64_t uid = 0;
    uint64_t inode = 0;
    bool found = parse_proc_endpoint(fields[1], &own) && parse_proc_endpoint(fields[2], &other) &&
                 same_endpoint(&own, far) && same_endpoint(&other, near) &&
                 pawl_slice_to_u64(fields[7], &uid) && pawl_slice_to_u64(fields[9], &inode);
    if (found && inode != 0) {
        *ret_uid = (uid_t)uid;
    }
    return found && inode != 0;
}

static enum pawl_peer_answer scan_proc_table(const char *path,
                                             const struct endpoint *far,
                                             const struct endpoint *near,
                                             uid_t *ret_uid)
{
    FILE *table = fopen(path, "re");
    if (table == NULL) {
        return PAWL_PEER_UNTOLD;
    }
    enum pawl_peer_answer answer = PAWL_PEER_NOBODY;
    char line[512];
    while (answer == PAWL_PEER_NOBODY && fgets(line, sizeof(line), table) != NULL) {
        if (is_owned_socket(pawl_slice_str(line), far, near, ret_uid)) {
            answer = PAWL_PEER_KNOWN;
        }
    }
    fclose(table);
    return answer;
}

enum pawl_peer_answer pawl_peer_tcp_uid_from_proc(const struct sockaddr_storage *remote,
                                                  const struct sockaddr_storage *local,
                                                  uid_t *ret_uid)
{
    struct endpoint far;
    struct endpoint near;
    if (!endpoint_from(remote, &far) || !endpoint_from(local, &near)) {
        return PAWL_PEER_UNTOLD;
    }
    enum pawl_peer_answer v4 = scan_proc_table("/proc/net/tcp", &far, &near, ret_uid);
    if (v4 == PAWL_PEER_KNOWN) {
        return v4;
    }
    enum pawl_peer_answer v6 = scan_proc_table("/proc/net/tcp6", &far, &near, ret_uid);
    if (v6 == PAWL_PEER_KNOWN) {
        return v6;
    }
    return v4 == PAWL_PEER_NOBODY || v6 == PAWL_PEER_NOBODY ? PAWL_PEER_NOBODY : PAWL_PEER_UNTOLD;
}

enum pawl_peer_answer pawl_peer_tcp_uid(struct pawl_peer *peer,
                                        const struct sockaddr_storage *remote,
                                        const struct sockaddr_storage *local,
                                        uid_t *ret_uid)
{
    struct endpoint far;
    struct endpoint near;
    if (!endpoint_from(remote, &far) || !endpoint_from(local, &near)) {
        return PAWL_PEER_UNTOLD;
    }
    if (peer->netlink_fd >= 0 && diag_send(peer, &far, &near)) {
        enum pawl_peer_answer answer = diag_receive(peer, ret_uid);
        if (answer != PAWL_PEER_UNTOLD) {
            return answer;
        }
    }
    return pawl_peer_tcp_uid_from_proc(remote, local, ret_uid);
}

enum pawl_peer_answer pawl_peer_unix_uid(int fd, uid_t *ret_uid)
{
    struct ucred credentials;
    socklen_t bytes = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0 ||
        bytes != sizeof(credentials)) {
        return PAWL_PEER_UNTOLD;
    }
    *ret_uid = credentials.uid;
    return PAWL_PEER_KNOWN;
}
