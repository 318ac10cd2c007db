/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot_world.c: one run of the overshoot benchmark. A gateway of its own in a process of its
 * own (tests/http/gateway_host.c), the provider and all clients in this one, on one epoll. Each
 * client makes one call after the other until somebody is told that the money is spent; some hang
 * up in the middle of an answer. Then everybody finishes what is under way, and the books of the
 * provider and of pawl are read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "overshoot.h"

enum {
    ANSWER_HEAD_MAX = 4096,
    ANSWER_TAIL_MAX = 2048,
    REQUEST_BYTES_MAX = 1 << 20,
    HEAD_BYTES_MAX = 512,
    PATH_BYTES_MAX = 128,
    LINE_BYTES_MAX = 1 << 16,
    EVENTS_MAX = 256,
    RETRY_US = 20000,
    RUN_US_MAX = 600 * 1000000
};

struct client {
    int fd; /* -1: between two calls */
    int64_t retry_us;
    size_t received;
    size_t leaves_at; /* hangs up after so many bytes; 0: stays */
    size_t head_bytes;
    size_t tail_bytes;
    char head[ANSWER_HEAD_MAX + 1];
    char tail[ANSWER_TAIL_MAX + 1];
};

enum phase { SPENDING, FINISHING, SETTLING, READING, DONE };

struct world {
    const struct scene *scene;
    struct outcome *outcome;
    struct pawl_clock clock;
    struct pawl_prng prng;
    struct provider *provider;
    int epoll;
    pid_t host;
    int to_host;
    int from_host;
    int port;
    enum phase phase;
    bool asked_usable;
    uint32_t models; /* that had a call each */
    size_t line_bytes;
    char line[LINE_BYTES_MAX];
    char folder[64];
    char *request;
    struct client clients[STREAMS_MAX];
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "overshoot: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(const struct world *world)
{
    return world->clock.boot_us(world->clock.arg);
}

static void watch(struct world *world, int fd, void *pointer)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = pointer}};
    if (epoll_ctl(world->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll");
    }
}

/* --- The host ------------------------------------------------------------------------------- */

static void tell(struct world *world, const char *line)
{
    if (write(world->to_host, line, strlen(line)) != (ssize_t)strlen(line)) {
        die("the gateway's process");
    }
}

static void write_prices(const struct world *world, const char *path)
{
    const struct scene *scene = world->scene;
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        die(path);
    }
    (void)fprintf(
        file,
        "{\"models\":[{\"match\":\"overshoot-*\",\"input_usd_per_mtok\":\"%lld.%08lld\","
        "\"output_usd_per_mtok\":\"%lld.%08lld\"}]}\n",
        (long long)scene->price_input / 100000000, (long long)scene->price_input % 100000000,
        (long long)scene->price_output / 100000000, (long long)scene->price_output % 100000000);
    (void)fclose(file);
}

static void start_host(struct world *world)
{
    enum { ARGUMENT_BYTES = 128 };
    char prices[ARGUMENT_BYTES];
    char cap[ARGUMENT_BYTES];
    char upstreams[3][ARGUMENT_BYTES];
    char mode[ARGUMENT_BYTES];
    int in[2];
    int out[2];
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/pawl-overshoot-XXXXXX");
    if (mkdtemp(world->folder) == NULL || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        die("start");
    }
    (void)snprintf(prices, sizeof(prices), "prices=%s/prices.json", world->folder);
    write_prices(world, prices + 7);
    (void)snprintf(cap, sizeof(cap), "usd=%lld", (long long)world->scene->cap_microcents);
    int port = provider_port(world->provider);
    (void)snprintf(upstreams[0], ARGUMENT_BYTES, "openai=http://127.0.0.1:%d/v1", port);
    (void)snprintf(upstreams[1], ARGUMENT_BYTES, "anthropic=http://127.0.0.1:%d", port);
    (void)snprintf(upstreams[2], ARGUMENT_BYTES, "gemini=http://127.0.0.1:%d", port);
    (void)snprintf(mode, sizeof(mode), "mode=%s", world->scene->mode);
    world->host = fork();
    if (world->host == 0) {
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        const char *last = strcmp(world->scene->mode, "auto") == 0 ? NULL : mode;
        execl(world->scene->host_path, world->scene->host_path, world->folder, cap, upstreams[0],
              upstreams[1], upstreams[2], prices, last, (char *)NULL);
        die(world->scene->host_path);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    world->to_host = in[1];
    world->from_host = out[0];
    watch(world, world->from_host, &world->host);
}

static int64_t number_behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static int64_t spent_of(const char *state)
{
    const char *unit = strstr(state, "\"USD_MICROCENTS\"");
    return unit != NULL ? number_behind(unit, "\"spent\":") : -1;
}

static void on_state(struct world *world, const char *line)
{
    if (world->phase == READING) {
        world->outcome->booked = spent_of(line);
        world->outcome->overshoot = number_behind(line, "\"overshoot\":");
        world->phase = DONE;
    } else {
        world->outcome->usable = spent_of(line);
    }
}

static void on_host_line(struct world *world, const char *line)
{
    if (strstr(line, "\"port\"") != NULL) {
        world->port = (int)number_behind(line, "\"port\":");
    } else if (strstr(line, "\"in_flight\"") != NULL) {
        on_state(world, line);
    } else if (strstr(line, "\"idle\"") != NULL) {
        world->phase = READING;
        tell(world, "state\n");
    }
}

static void on_host(struct world *world)
{
    ssize_t count = read(world->from_host, world->line + world->line_bytes,
                         sizeof(world->line) - world->line_bytes - 1);
    if (count <= 0) {
        die("the gateway's process has ended");
    }
    world->line_bytes += (size_t)count;
    char *end = NULL;
    while ((end = memchr(world->line, '\n', world->line_bytes)) != NULL) {
        *end = '\0';
        on_host_line(world, world->line);
        size_t used = (size_t)(end - world->line) + 1;
        world->line_bytes -= used;
        memmove(world->line, end + 1, world->line_bytes);
    }
}

/* --- Clients -------------------------------------------------------------------------------- */

/* The n-th of the dialects that are spoken. */
static enum dialect draw_dialect(struct world *world)
{
    enum dialect spoken[DIALECT_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < DIALECT_COUNT; i++) {
        if (world->scene->dialects[i]) {
            spoken[count++] = (enum dialect)i;
        }
    }
    return spoken[count > 1 ? pawl_prng_below(&world->prng, count) : 0];
}

static struct question draw_question(struct world *world)
{
    const struct scene *scene = world->scene;
    struct question question = {.dialect = draw_dialect(world), .asked = scene->asked, .model = 1};
    question.streamed = pawl_prng_below(&world->prng, CHANCES) >= scene->unstreamed;
    if (scene->cold > 0 && pawl_prng_below(&world->prng, CHANCES) < scene->cold) {
        question.model = ++world->models + 1;
    }
    return question;
}

static size_t write_request(struct world *world)
{
    static const char *const words[] = {"the ", "test ", "fails ", "again, ", "so ", "look ",
                                        "at ",  "line ", "forty ", "two. ",   "if ", "return "};
    const struct scene *scene = world->scene;
    struct question question = draw_question(world);
    char path[PATH_BYTES_MAX];
    (void)dialect_path(&question, path, sizeof(path));
    char *body = world->request + HEAD_BYTES_MAX;
    size_t bytes = (size_t)dialect_body_head(&question, body, HEAD_BYTES_MAX);
    size_t until = bytes + (size_t)scene->input_tokens * 2 +
                   pawl_prng_below(&world->prng, (uint64_t)scene->input_tokens * 4 + 1);
    while (bytes < until && bytes < REQUEST_BYTES_MAX - 1024) {
        const char *word = words[pawl_prng_below(&world->prng, 12)];
        memcpy(body + bytes, word, strlen(word));
        bytes += strlen(word);
    }
    const char *end = dialect_body_end(question.dialect);
    memcpy(body + bytes, end, strlen(end));
    bytes += strlen(end);
    int head = snprintf(world->request, HEAD_BYTES_MAX,
                        "POST /test-secret-of-the-gateway-host/%s "
                        "HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
                        "x-stainless-timeout: %lld\r\ncontent-type: application/json\r\n"
                        "content-length: %zu\r\n\r\n",
                        path, (long long)scene->patience_s, bytes);
    memmove(world->request + head, body, bytes);
    return (size_t)head + bytes;
}

static void start_call(struct world *world, struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)world->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool leaves = pawl_prng_below(&world->prng, CHANCES) < world->scene->hang_up;
    size_t bytes = write_request(world);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->received = 0;
    client->head_bytes = 0;
    client->tail_bytes = 0;
    client->leaves_at = leaves ? 1 + pawl_prng_below(&world->prng, 60000) : 0;
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("connect");
    }
    for (size_t sent = 0; sent < bytes;) {
        ssize_t count = send(client->fd, world->request + sent, bytes - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            die("send");
        }
        sent += (size_t)count;
    }
    watch(world, client->fd, client);
}

/* Somebody was told that the money is spent: what is booked now could be used. */
static void on_spent(struct world *world)
{
    if (!world->asked_usable) {
        world->asked_usable = true;
        tell(world, "state\n");
    }
    world->phase = world->phase == SPENDING ? FINISHING : world->phase;
}

static void end_call(struct world *world, struct client *client)
{
    (void)close(client->fd);
    client->fd = -1;
    client->retry_us = 0;
    client->head[client->head_bytes] = '\0';
    client->tail[client->tail_bytes] = '\0';
    const char *reason = strcasestr(client->head, "\nx-pawl: refused; reason=");
    if (reason != NULL) {
        reason += 25;
        bool waits = strncmp(reason, "held", 4) == 0 || strncmp(reason, "too_big", 7) == 0;
        world->outcome->held += waits ? 1 : 0;
        client->retry_us = now_us(world) + RETRY_US;
        if (!waits) {
            on_spent(world);
        }
    } else if (strstr(client->tail, "pawl: ") != NULL) {
        world->outcome->cut++;
    }
}

static void keep(char *place, size_t *bytes, size_t max, const char *data, size_t count)
{
    size_t room = max - *bytes;
    size_t kept = count < room ? count : room;
    memcpy(place + *bytes, data, kept);
    *bytes += kept;
}

static void keep_tail(struct client *client, const char *data, size_t count)
{
    if (count > ANSWER_TAIL_MAX / 2) {
        data += count - ANSWER_TAIL_MAX / 2;
        count = ANSWER_TAIL_MAX / 2;
    }
    if (client->tail_bytes + count > ANSWER_TAIL_MAX) {
        size_t cut = client->tail_bytes + count - ANSWER_TAIL_MAX;
        client->tail_bytes -= cut;
        memmove(client->tail, client->tail + cut, client->tail_bytes);
    }
    keep(client->tail, &client->tail_bytes, ANSWER_TAIL_MAX, data, count);
}

static void on_client(struct world *world, struct client *client)
{
    char data[65536];
    ssize_t count = recv(client->fd, data, sizeof(data), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        end_call(world, client);
        return;
    }
    client->received += (size_t)count;
    keep(client->head, &client->head_bytes, ANSWER_HEAD_MAX, data, (size_t)count);
    keep_tail(client, data, (size_t)count);
    if (client->leaves_at > 0 && client->received >= client->leaves_at) {
        client->tail_bytes = 0;
        end_call(world, client);
    }
}

/* --- The loop ------------------------------------------------------------------------------- */

/* Starts what may be started; returns how many calls are open. */
static uint32_t look_after_clients(struct world *world, int64_t at_us)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < world->scene->streams; i++) {
        struct client *client = &world->clients[i];
        if (client->fd < 0 && world->phase == SPENDING && client->retry_us <= at_us) {
            start_call(world, client);
        }
        open += client->fd >= 0 ? 1 : 0;
    }
    return open;
}

static void turn(struct world *world)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t due_us = provider_tick(world->provider, now_us(world));
    int64_t wait_ms = (due_us - now_us(world)) / 1000;
    int timeout_ms = wait_ms < 0 ? 0 : wait_ms < 10 ? (int)wait_ms : 10;
    int count = epoll_wait(world->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        void *pointer = events[i].data.ptr;
        if (pointer == &world->host) {
            on_host(world);
        } else if (!provider_event(world->provider, pointer, events[i].events, now_us(world))) {
            struct client *client = pointer;
            if (client->fd >= 0) {
                on_client(world, client);
            }
        }
    }
}

static void finish(struct world *world)
{
    char command[128];
    int status = 0;
    provider_account(world->provider, world->outcome);
    tell(world, "quit\n");
    (void)waitpid(world->host, &status, 0);
    (void)close(world->to_host);
    (void)close(world->from_host);
    provider_free(world->provider);
    (void)close(world->epoll);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", world->folder);
    if (system(command) != 0 || status != 0) {
        die("the end");
    }
    free(world->request);
    free(world);
}

void run_scene(const struct scene *scene, struct outcome *ret_outcome)
{
    struct world *world = calloc(1, sizeof(*world));
    *ret_outcome = (struct outcome){.usable = -1};
    if (world == NULL || (world->request = malloc(REQUEST_BYTES_MAX)) == NULL) {
        die("memory");
    }
    world->scene = scene;
    world->outcome = ret_outcome;
    world->clock = pawl_clock_os();
    world->epoll = epoll_create1(EPOLL_CLOEXEC);
    world->provider = provider_new(scene, world->epoll);
    pawl_prng_seed(&world->prng, scene->seed + 1);
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        world->clients[i].fd = -1;
    }
    start_host(world);
    while (world->port == 0) {
        turn(world);
    }
    int64_t began_us = now_us(world);
    while (world->phase != DONE) {
        uint32_t open = look_after_clients(world, now_us(world));
        if (world->phase == FINISHING && open == 0) {
            world->phase = SETTLING;
            ret_outcome->took_us = now_us(world) - began_us;
            tell(world, "settle 30000\n");
        }
        if (now_us(world) - began_us > RUN_US_MAX) {
            die("a run that does not end");
        }
        turn(world);
    }
    finish(world);
}
