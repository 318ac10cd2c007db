/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_load.c: sends one request over and over on N keep-alive connections and counts the
 * answers. The same program loads pawl and nginx, so that what it costs itself cancels out.
 *
 *   gateway_load PORT CONNECTIONS SECONDS REQUEST-FILE [WARM-UP-SECONDS]
 *
 * The file holds the request byte for byte. Each connection waits for its answer before it sends
 * again. Answers must carry Content-Length and be of status 200; anything else ends the program.
 * Prints one JSON object: requests per second and percentiles of the time from the first byte
 * sent to the last byte received, in microseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    CONNECTIONS_MAX = 4096,
    ANSWER_BYTES_MAX = 65536,
    REQUEST_BYTES_MAX = 1 << 20,
    SAMPLES_MAX = 8 << 20,
    EVENTS_MAX = 256
};

struct connection {
    int fd;
    size_t received; /* of the answer under way */
    int64_t sent_us;
    char answer[ANSWER_BYTES_MAX];
};

struct load {
    struct pawl_clock clock;
    struct connection *connections;
    char *request;
    size_t request_bytes;
    uint32_t *samples; /* microseconds */
    size_t sample_count;
    int64_t measure_from_us;
    int64_t until_us;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "gateway_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(const struct load *load)
{
    return load->clock.boot_us(load->clock.arg);
}

static void send_request(struct load *load, struct connection *connection)
{
    connection->received = 0;
    connection->sent_us = now_us(load);
    ssize_t sent = send(connection->fd, load->request, load->request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)load->request_bytes) {
        die("send"); /* a few kilobytes always fit an empty socket */
    }
}

static void note_sample(struct load *load, const struct connection *connection)
{
    int64_t at_us = now_us(load);
    if (at_us >= load->measure_from_us && load->sample_count < SAMPLES_MAX) {
        load->samples[load->sample_count++] = (uint32_t)(at_us - connection->sent_us);
    }
}

/* Bytes that the answer has in all, or 0 while its head is not complete. */
static size_t answer_bytes(const struct connection *connection)
{
    const char *text = connection->answer;
    const char *end = memmem(text, connection->received, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    if (memcmp(text, "HTTP/1.1 200", 12) != 0) {
        (void)fprintf(stderr, "gateway_load: an answer of another kind:\n%.*s\n",
                      (int)connection->received, text);
        exit(1);
    }
    size_t head_bytes = (size_t)(end - text) + 4;
    for (const char *at = text; at < end; at++) {
        if (strncasecmp(at, "\ncontent-length:", 16) == 0) {
            return head_bytes + strtoul(at + 16, NULL, 10);
        }
    }
    errno = EPROTO;
    die("an answer without a length");
}

static void on_readable(struct load *load, struct connection *connection)
{
    size_t room = sizeof(connection->answer) - connection->received;
    ssize_t count = recv(connection->fd, connection->answer + connection->received, room, 0);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        die("the connection ended");
    }
    connection->received += (size_t)count;
    size_t wanted = answer_bytes(connection);
    if (wanted > 0 && connection->received >= wanted) {
        note_sample(load, connection);
        send_request(load, connection);
    }
}

static void open_connection(struct load *load, struct connection *connection, int poll, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("connect");
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        die("epoll");
    }
    send_request(load, connection);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static uint32_t percentile(const struct load *load, unsigned permille)
{
    if (load->sample_count == 0) {
        return 0;
    }
    return load->samples[(load->sample_count - 1) * permille / 1000];
}

static void print_result(struct load *load)
{
    int64_t measured_us = load->until_us - load->measure_from_us;
    qsort(load->samples, load->sample_count, sizeof(uint32_t), compare);
    (void)printf("{\"requests\":%zu,\"per_second\":%lld,\"p50_us\":%u,\"p99_us\":%u}\n",
                 load->sample_count,
                 (long long)((int64_t)load->sample_count * 1000000 / measured_us),
                 percentile(load, 500), percentile(load, 990));
}

static void read_request(struct load *load, const char *path)
{
    FILE *file = fopen(path, "rb");
    load->request = malloc(REQUEST_BYTES_MAX);
    if (file == NULL || load->request == NULL) {
        die(path);
    }
    load->request_bytes = fread(load->request, 1, REQUEST_BYTES_MAX, file);
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        (void)fprintf(stderr, "usage: gateway_load PORT CONNECTIONS SECONDS FILE [WARM-UP]\n");
        return 2;
    }
    static struct load load;
    long count = strtol(argv[2], NULL, 10);
    long seconds = strtol(argv[3], NULL, 10);
    long warm_up = argc > 5 ? strtol(argv[5], NULL, 10) : 1;
    if (count < 1 || count > CONNECTIONS_MAX || seconds < 1) {
        return 2;
    }
    load.clock = pawl_clock_os();
    load.connections = calloc((size_t)count, sizeof(struct connection));
    load.samples = malloc(SAMPLES_MAX * sizeof(uint32_t));
    int poll = epoll_create1(0);
    if (load.connections == NULL || load.samples == NULL || poll < 0) {
        die("start");
    }
    read_request(&load, argv[4]);
    load.measure_from_us = now_us(&load) + warm_up * 1000000;
    load.until_us = load.measure_from_us + seconds * 1000000;
    for (long i = 0; i < count; i++) {
        open_connection(&load, &load.connections[i], poll, (int)strtol(argv[1], NULL, 10));
    }
    while (now_us(&load) < load.until_us) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(poll, events, EVENTS_MAX, 100);
        for (int i = 0; i < ready; i++) {
            on_readable(&load, events[i].data.ptr);
        }
    }
    print_result(&load);
    return 0;
}
