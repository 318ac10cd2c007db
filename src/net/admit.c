/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.c: who may come in. It is asked once, when a connection was accepted; who is refused is
 * told so in answer to the first request, since before it nobody reads.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/server_priv.h"

pid_t pawl_conn_peer_pid(const struct pawl_conn *conn)
{
    uv_os_fd_t fd = -1;
    bool open = conn->is_unix && uv_fileno(&conn->uv.handle, &fd) == 0;
    return open ? pawl_peer_unix_pid(fd) : 0;
}

const char *pawl_conn_peer_text(const struct pawl_conn *conn, char out[static PAWL_HTTP_PEER_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_storage remote = {0};
    int bytes = sizeof(remote);
    out[0] = '\0';
    if (conn->is_unix) {
        pid_t pid = pawl_conn_peer_pid(conn);
        if (pid > 0) {
            (void)snprintf(out, PAWL_HTTP_PEER_BYTES, "pid %d", (int)pid);
        }
        return out;
    }
    if (uv_tcp_getpeername(&conn->uv.tcp, (struct sockaddr *)&remote, &bytes) != 0 ||
        uv_ip_name((const struct sockaddr *)&remote, host, sizeof(host)) != 0) {
        return out;
    }
    /* The port stands at the same place in both. */
    const struct sockaddr_in *address = (const struct sockaddr_in *)&remote;
    bool is_v6 = remote.ss_family == AF_INET6;
    (void)snprintf(out, PAWL_HTTP_PEER_BYTES, "%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
                   (unsigned)ntohs(address->sin_port));
    return out;
}

static bool other_user(struct pawl_conn *conn)
{
    uid_t uid = 0;
    enum pawl_peer_answer answer = PAWL_PEER_UNTOLD;
    if (conn->is_unix) {
        uv_os_fd_t fd = -1;
        if (uv_fileno(&conn->uv.handle, &fd) == 0) {
            answer = pawl_peer_unix_uid(fd, &uid);
        }
    } else {
        struct sockaddr_storage remote = {0};
        struct sockaddr_storage local = {0};
        int remote_bytes = sizeof(remote);
        int local_bytes = sizeof(local);
        if (uv_tcp_getpeername(&conn->uv.tcp, (struct sockaddr *)&remote, &remote_bytes) == 0 &&
            uv_tcp_getsockname(&conn->uv.tcp, (struct sockaddr *)&local, &local_bytes) == 0 &&
            pawl_peer_is_local(&remote, &local)) {
            answer = pawl_peer_tcp_uid(&conn->server->peer, &remote, &local, &uid);
        }
    }
    /* What a socket's file guards, root could read anyway. */
    bool ours = uid == geteuid() || (conn->is_unix && uid == 0);
    return answer == PAWL_PEER_NOBODY || (answer == PAWL_PEER_KNOWN && !ours);
}

enum pawl_http_refusal pawl_conn_admit(struct pawl_conn *conn)
{
    const struct pawl_http_server *server = conn->server;
    PAWL_ASSERT(server->conn_count > 0);
    if (!conn->is_apart &&
        server->conn_count - server->apart_count > server->limits.connection_count_max) {
        return PAWL_HTTP_REFUSAL_CONNECTIONS;
    }
    bool checked = server->same_user_only || conn->same_user_only;
    return checked && other_user(conn) ? PAWL_HTTP_REFUSAL_PEER : PAWL_HTTP_REFUSAL_NONE;
}
