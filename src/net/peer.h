/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h: which user is at the other end of a local connection. A loopback port is open to
 * every user of the machine, and TCP carries no credentials; the kernel knows all the same
 * who owns the other socket. Of a Unix socket's end the process is known as well.
 */
#ifndef PAWL_NET_PEER_H
#define PAWL_NET_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum pawl_peer_answer {
    PAWL_PEER_KNOWN,
    PAWL_PEER_NOBODY, /* no live socket there: the peer closed already */
    PAWL_PEER_UNTOLD  /* this system does not tell */
};

struct pawl_peer {
    int netlink_fd; /* -1: none to be had */
    uint32_t sequence;
};

/* Never fails: without the kernel's socket diagnostics the tables under /proc are read. */
void pawl_peer_open(struct pawl_peer *peer);
void pawl_peer_close(struct pawl_peer *peer);

/* Both ends are on this machine: a loopback address, or our own one twice. */
bool pawl_peer_is_local(const struct sockaddr_storage *remote,
                        const struct sockaddr_storage *local);
/* The owner of the socket at `remote` whose other end is `local`. */
enum pawl_peer_answer pawl_peer_tcp_uid(struct pawl_peer *peer,
                                        const struct sockaddr_storage *remote,
                                        const struct sockaddr_storage *local,
                                        uid_t *ret_uid);
/* The fallback of the above by itself. */
enum pawl_peer_answer pawl_peer_tcp_uid_from_proc(const struct sockaddr_storage *remote,
                                                  const struct sockaddr_storage *local,
                                                  uid_t *ret_uid);
enum pawl_peer_answer pawl_peer_unix_uid(int fd, uid_t *ret_uid);

/* What the process above each agent is called (run/keeper.h): whoever descends from one of that
 * name is inside of a run. */
#define PAWL_KEEPER_NAME "pawl-keeper"

/* The process that connected the Unix socket; 0: of another PID namespace, or not told. */
pid_t pawl_peer_unix_pid(int fd);
/* Whether the process is `root` or descends from it. Of one that cannot be seen (another user's,
 * say): no; of one that has ended and can no longer be asked: yes. */
bool pawl_peer_descends_from(pid_t pid, pid_t root);
/* … or is, or descends from, a process of that name (PR_SET_NAME: at most 15 bytes). */
bool pawl_peer_descends_from_named(pid_t pid, const char *name);

#endif
