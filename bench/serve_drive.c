/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_drive.c: connections that are kept open, each with one request under way, and the loop
 * that answers every answer with the next request.
 *
 * The generator must not be what is measured, so it spends little: epoll is edge-triggered, and
 * an answer that came whole costs one recv, one send and one look at the clock. It is read into a
 * buffer that all share; only one that came in parts is kept with its connection. The time of an
 * answer is the time at which the next request is begun, so writing that request counts as
 * waiting: a quarter of a microsecond, against the server.
 *
 * Nothing is silent: every status is counted, the first body that is not 2xx is kept, and a
 * connection that ends is counted and opened again, a thousand times.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve_load.h"

enum { EVENTS_MAX = 512, DISCONNECTS_MAX = 1000, WAIT_MS = 50, END_MS = 5000 };

struct connection {
    int fd;
    uint32_t step;
    bool busy; /* an answer is to come */
    uint64_t sent_ns;
    char *part; /* an answer that is not whole; NULL until the first such */
    size_t part_bytes;
};

struct loop {
    const struct drive *drive;
    struct figures *figures;
    struct connection *connections;
    int poll;
    uint32_t busy; /* connections */
    bool measuring;
    bool ending; /* no further requests */
    char out[LOAD_REQUEST_BYTES_MAX];
    char in[LOAD_ANSWER_BYTES_MAX + 1];
};

static uint32_t index_of(const struct loop *loop, const struct connection *connection)
{
    return (uint32_t)(connection - loop->connections);
}

static void connection_open(struct loop *loop, struct connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(loop->drive->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        load_die("connect");
    }
    int yes = 1;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    /* The cheapest there is, whatever the machine's default: nothing is congested here. */
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data = {.ptr = connection}};
    if (epoll_ctl(loop->poll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        load_die("epoll_ctl");
    }
}

static void connection_reopen(struct loop *loop, struct connection *connection)
{
    if (++loop->figures->disconnects > DISCONNECTS_MAX) {
        errno = ECONNRESET;
        load_die("the server ends one connection after the other");
    }
    (void)close(connection->fd);
    connection->part_bytes = 0;
    connection_open(loop, connection);
}

/* The next request, begun at `now_ns`; none at the end. */
static void send_next(struct loop *loop, struct connection *connection, uint64_t now_ns)
{
    const struct drive *drive = loop->drive;
    size_t bytes = 0;
    if (!loop->ending) {
        bytes = drive->next(drive->arg, index_of(loop, connection), connection->step, loop->out);
    }
    bool busy = bytes > 0;
    loop->busy += (uint32_t)busy - (uint32_t)connection->busy;
    connection->busy = busy;
    if (!busy) {
        return;
    }
    connection->sent_ns = now_ns;
    ssize_t sent = send(connection->fd, loop->out, bytes, MSG_NOSIGNAL);
    while (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        connection_reopen(loop, connection);
        sent = send(connection->fd, loop->out, bytes, MSG_NOSIGNAL);
    }
    if (sent != (ssize_t)bytes) {
        load_die("send"); /* a few kilobytes always fit an empty socket */
    }
    if (loop->measuring) {
        loop->figures->bytes_sent += bytes;
    }
}

static void note(struct loop *loop,
                 const struct connection *connection,
                 const struct answer *answer,
                 const char *body,
                 uint64_t now_ns)
{
    struct figures *figures = loop->figures;
    figures->statuses_all[answer->status]++;
    if (answer->status / 100 != 2 && figures->refusal[0] == '\0') {
        (void)snprintf(figures->refusal, sizeof(figures->refusal), "%s", body);
    }
    if (loop->measuring) {
        figures->statuses[answer->status]++;
        figures->requests++;
        figures->bytes_received += answer->bytes;
        load_histogram_add(&figures->steps[connection->step], now_ns - connection->sent_ns);
    }
}

/* `text` has the whole answer and a byte to spare behind it. */
static void
on_answer(struct loop *loop, struct connection *connection, const struct answer *answer, char *text)
{
    const struct drive *drive = loop->drive;
    uint64_t now_ns = load_now_ns();
    text[answer->bytes] = '\0';
    const char *body = text + answer->head_bytes;
    note(loop, connection, answer, body, now_ns);
    uint32_t step =
        drive->done(drive->arg, index_of(loop, connection), connection->step, answer, body);
    if (loop->measuring && step == 0 && answer->status / 100 == 2) {
        loop->figures->lifecycles++;
    }
    connection->step = step;
    connection->part_bytes = 0;
    if (answer->closes) {
        connection_reopen(loop, connection);
    }
    send_next(loop, connection, now_ns);
}

/* Keeps the bytes that just came with the connection, unless they lie there already. */
static void keep_part(struct loop *loop, struct connection *connection, size_t bytes)
{
    if (connection->part == NULL) {
        connection->part = malloc(LOAD_ANSWER_BYTES_MAX + 1);
        if (connection->part == NULL) {
            load_die("memory");
        }
    }
    if (connection->part_bytes == 0) {
        memcpy(connection->part, loop->in, bytes);
    }
    connection->part_bytes = bytes;
}

static void on_end(struct loop *loop, struct connection *connection)
{
    connection_reopen(loop, connection);
    if (connection->busy) {
        connection->step = 0;
        send_next(loop, connection, load_now_ns());
    }
}

/* Reads until the answer is whole or nothing is left: the edge comes once. */
static void on_readable(struct loop *loop, struct connection *connection)
{
    for (;;) {
        size_t have = connection->part_bytes;
        char *text = have > 0 ? connection->part : loop->in;
        ssize_t got = recv(connection->fd, text + have, LOAD_ANSWER_BYTES_MAX - have, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            on_end(loop, connection);
            return;
        }
        have += (size_t)got;
        struct answer answer;
        if (load_answer_read(text, have, &answer) && have >= answer.bytes) {
            if (!connection->busy || have > answer.bytes) {
                errno = EPROTO;
                load_die("more than one answer to a request");
            }
            on_answer(loop, connection, &answer, text);
            return;
        }
        if (have == LOAD_ANSWER_BYTES_MAX) {
            errno = EMSGSIZE;
            load_die("an answer");
        }
        keep_part(loop, connection, have);
    }
}

struct mark {
    uint64_t at_ns;
    uint64_t own_ns;
    struct cpu_time server;
};

static void mark_now(const struct loop *loop, struct mark *ret_mark)
{
    ret_mark->at_ns = load_now_ns();
    ret_mark->own_ns = load_own_cpu_ns();
    load_cpu_of(loop->drive->server_pid, &ret_mark->server);
}

static void note_cpu(const struct loop *loop, const struct mark *from)
{
    struct figures *figures = loop->figures;
    struct mark to;
    mark_now(loop, &to);
    figures->took_ns = to.at_ns - from->at_ns;
    figures->own_cpu_ns = to.own_ns - from->own_ns;
    load_cpu_since(&to.server, &from->server);
    figures->server = to.server;
}

static void turn(struct loop *loop)
{
    struct epoll_event events[EVENTS_MAX];
    int ready = epoll_wait(loop->poll, events, EVENTS_MAX, WAIT_MS);
    for (int i = 0; i < ready; i++) {
        on_readable(loop, events[i].data.ptr);
    }
}

/* Until all answers are there: what is left half done would be the next measurement's load. */
static void wait_for_the_last(struct loop *loop)
{
    uint64_t until_ns = load_now_ns() + (uint64_t)END_MS * 1000000;
    loop->ending = true;
    while (loop->busy > 0) {
        turn(loop);
        if (load_now_ns() > until_ns) {
            errno = ETIMEDOUT;
            load_die("the last answers");
        }
    }
}

static void run(struct loop *loop)
{
    const struct drive *drive = loop->drive;
    uint64_t warm_until_ns = load_now_ns() + drive->warm_up_ns;
    struct mark from = {0};
    while (loop->busy > 0) {
        turn(loop);
        uint64_t now_ns = load_now_ns();
        if (!loop->measuring && now_ns >= warm_until_ns) {
            loop->measuring = true;
            mark_now(loop, &from);
        }
        if (loop->measuring && drive->measure_ns > 0 && now_ns >= from.at_ns + drive->measure_ns) {
            break;
        }
    }
    note_cpu(loop, &from);
    loop->measuring = false;
    wait_for_the_last(loop);
}

void load_drive(const struct drive *drive, struct figures *ret_figures)
{
    static struct loop loop; /* large, and there is one at a time */
    loop = (struct loop){.drive = drive, .figures = ret_figures};
    loop.connections = calloc(drive->connections, sizeof(struct connection));
    loop.poll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.connections == NULL || loop.poll < 0) {
        load_die("start");
    }
    for (uint32_t i = 0; i < drive->connections; i++) {
        connection_open(&loop, &loop.connections[i]);
    }
    for (uint32_t i = 0; i < drive->connections; i++) {
        send_next(&loop, &loop.connections[i], load_now_ns());
    }
    run(&loop);
    for (uint32_t i = 0; i < drive->connections; i++) {
        (void)close(loop.connections[i].fd);
        free(loop.connections[i].part);
    }
    (void)close(loop.poll);
    free(loop.connections);
}
