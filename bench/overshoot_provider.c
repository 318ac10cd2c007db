/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overshoot_provider.c: a provider on loopback that keeps its own books: what it bills is the
 * truth. It honours ceilings, but for the replies that are to ignore them, writes a reply at its
 * pace or all at once, and notices that somebody has left when its socket says so. Some replies lie
 * about their usage (half as much, one and a half times as much, none at all): what is reported is
 * billed, and the truth where nothing is.
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

#include "overshoot.h"

enum {
    CONNECTIONS_MAX = 2 * STREAMS_MAX,
    REQUEST_BYTES_MAX = 1 << 20,
    TOKENS_PER_EVENT = 4,
    BYTES_PER_TOKEN = 4,
    EVENT_BYTES_MAX = 1024,
    WORD_BYTES_MAX = 8,
    WORDS = 1000,
    QUEUE_BYTES_STOP = 1 << 20, /* no more is written ahead of a slow reader */
    US_PER_SECOND = 1000000,
    MTOK = 1000000
};

enum lie { LIE_NONE, LIE_MORE, LIE_LESS, LIE_SILENT, LIE_COUNT };

struct reply {
    bool open;
    bool streamed;
    bool ended; /* at a ceiling below what was asked for */
    enum dialect dialect;
    enum lie lie;
    int64_t input;
    int64_t planned;
    int64_t sent;
    int64_t words;
    int64_t begun_us;
};

struct connection {
    int fd; /* -1: free */
    size_t received;
    char *request;
    size_t queued;
    size_t queue_max;
    char *queue; /* not written yet */
    bool wants_write;
    struct reply reply;
};

struct provider {
    const struct scene *scene;
    struct pawl_prng prng;
    int epoll;
    int listener;
    int64_t billed;
    uint32_t calls;
    uint32_t ended;
    int64_t open_us;
    struct connection connections[CONNECTIONS_MAX];
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "overshoot: provider: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- Money ---------------------------------------------------------------------------------- */

static int64_t cost(int64_t tokens, int64_t price)
{
    return (tokens * price + MTOK - 1) / MTOK;
}

static int64_t reported_output(const struct reply *reply)
{
    int64_t factor = reply->lie == LIE_MORE ? 150 : reply->lie == LIE_LESS ? 50 : 100;
    return reply->sent * factor / 100;
}

/* A reply that came to its end is billed as reported; one that was left, for what it was. */
static void bill(struct provider *provider, struct connection *connection, int64_t now_us)
{
    struct reply *reply = &connection->reply;
    int64_t output = reply->sent;
    if (reply->sent == reply->planned) {
        output = reported_output(reply);
    } else if (provider->scene->bill_full) {
        output = reply->planned;
    }
    provider->billed += cost(reply->input, provider->scene->price_input) +
                        cost(output, provider->scene->price_output);
    provider->open_us += now_us - reply->begun_us;
    provider->calls++;
    provider->ended += reply->ended && reply->sent == reply->planned ? 1 : 0;
    reply->open = false;
}

/* --- Writing -------------------------------------------------------------------------------- */

static void enqueue(struct connection *connection, const char *bytes, size_t count)
{
    if (connection->queued + count > connection->queue_max) {
        connection->queue_max = 2 * (connection->queued + count);
        connection->queue = realloc(connection->queue, connection->queue_max);
        if (connection->queue == NULL) {
            die("memory");
        }
    }
    memcpy(connection->queue + connection->queued, bytes, count);
    connection->queued += count;
}

/* One chunk of a chunked body. */
static void enqueue_chunk(struct connection *connection, const char *event)
{
    char head[32];
    size_t bytes = strlen(event);
    int head_bytes = snprintf(head, sizeof(head), "%zx\r\n", bytes);
    enqueue(connection, head, (size_t)head_bytes);
    enqueue(connection, event, bytes);
    enqueue(connection, "\r\n", 2);
}

static void watch(struct provider *provider, struct connection *connection, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0u),
                                .data = {.ptr = connection}};
    if (connection->wants_write != write &&
        epoll_ctl(provider->epoll, EPOLL_CTL_MOD, connection->fd, &event) != 0) {
        die("epoll");
    }
    connection->wants_write = write;
}

static void
close_connection(struct provider *provider, struct connection *connection, int64_t now_us)
{
    if (connection->reply.open) {
        bill(provider, connection, now_us);
    }
    (void)close(connection->fd);
    connection->fd = -1;
}

static void flush(struct provider *provider, struct connection *connection, int64_t now_us)
{
    size_t done = 0;
    while (done < connection->queued) {
        ssize_t sent =
            send(connection->fd, connection->queue + done, connection->queued - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            close_connection(provider, connection, now_us);
            return;
        }
        done += (size_t)sent;
    }
    connection->queued -= done;
    memmove(connection->queue, connection->queue + done, connection->queued);
    watch(provider, connection, connection->queued > 0);
}

/* --- Replies -------------------------------------------------------------------------------- */

/* The text of the next tokens: four bytes each, or words of which a thousand have so many. */
static void put_text(const struct scene *scene, struct reply *reply, int64_t tokens, char *out)
{
    static const char letters[] = "the test fails, so look again at line ";
    static const char *const words[] = {" the",   " test", " fails", " so",  " we",   " look",
                                        " again", " at",   " this",  " one", " line", " now"};
    size_t bytes = 0;
    if (scene->words == 0) {
        for (; bytes < (size_t)tokens * BYTES_PER_TOKEN; bytes++) {
            out[bytes] = letters[((size_t)reply->sent * BYTES_PER_TOKEN + bytes) % 38];
        }
    } else {
        for (; reply->words * scene->words < (reply->sent + tokens) * WORDS; reply->words++) {
            const char *word = words[reply->words % 12];
            memcpy(out + bytes, word, strlen(word));
            bytes += strlen(word);
        }
    }
    out[bytes] = '\0';
    reply->sent += tokens;
}

static struct figures figures_of(const struct reply *reply)
{
    return (struct figures){.input = reply->input,
                            .output = reported_output(reply),
                            .silent = reply->lie == LIE_SILENT};
}

static void put_event(const struct scene *scene, struct connection *connection, int64_t tokens)
{
    char text[TOKENS_PER_EVENT * WORD_BYTES_MAX * 4];
    char event[EVENT_BYTES_MAX];
    put_text(scene, &connection->reply, tokens, text);
    (void)dialect_delta(connection->reply.dialect, text, event, sizeof(event));
    enqueue_chunk(connection, event);
}

static void end_stream(struct connection *connection)
{
    char event[EVENT_BYTES_MAX];
    struct figures figures = figures_of(&connection->reply);
    (void)dialect_close(connection->reply.dialect, &figures, event, sizeof(event));
    enqueue_chunk(connection, event);
    enqueue(connection, "0\r\n\r\n", 5);
}

static void whole_answer(const struct scene *scene, struct connection *connection)
{
    struct reply *reply = &connection->reply;
    char head[EVENT_BYTES_MAX];
    char end[EVENT_BYTES_MAX];
    const char *before = dialect_whole_head(reply->dialect);
    char *text = malloc((size_t)reply->planned * WORD_BYTES_MAX * 4 + WORD_BYTES_MAX);
    if (text == NULL) {
        die("memory");
    }
    put_text(scene, reply, reply->planned, text);
    struct figures figures = figures_of(reply);
    (void)dialect_whole_end(reply->dialect, &figures, end, sizeof(end));
    int head_bytes = snprintf(head, sizeof(head),
                              "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                              "content-length: %zu\r\n\r\n",
                              strlen(before) + strlen(text) + strlen(end));
    enqueue(connection, head, (size_t)head_bytes);
    enqueue(connection, before, strlen(before));
    enqueue(connection, text, strlen(text));
    enqueue(connection, end, strlen(end));
    free(text);
}

/* Writes as much as is due by now. */
static void go_on(struct provider *provider, struct connection *connection, int64_t now_us)
{
    struct reply *reply = &connection->reply;
    int64_t pace = provider->scene->pace;
    int64_t due = pace == 0 ? reply->planned : (now_us - reply->begun_us) * pace / US_PER_SECOND;
    if (!reply->streamed) {
        if (due >= reply->planned) {
            whole_answer(provider->scene, connection);
            bill(provider, connection, now_us);
            flush(provider, connection, now_us);
        }
        return;
    }
    while (reply->sent < reply->planned && reply->sent < due &&
           connection->queued < QUEUE_BYTES_STOP) {
        int64_t left = reply->planned - reply->sent;
        int64_t tokens = left < TOKENS_PER_EVENT ? left : TOKENS_PER_EVENT;
        put_event(provider->scene, connection, tokens);
    }
    if (reply->sent == reply->planned) {
        end_stream(connection);
        bill(provider, connection, now_us);
    }
    flush(provider, connection, now_us);
}

int64_t provider_tick(struct provider *provider, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &provider->connections[i];
        struct reply *reply = &connection->reply;
        if (connection->fd < 0 || !reply->open) {
            continue;
        }
        go_on(provider, connection, now_us);
        if (connection->fd >= 0 && reply->open && provider->scene->pace > 0) {
            int64_t tokens = reply->streamed ? reply->sent + TOKENS_PER_EVENT : reply->planned;
            int64_t at_us = reply->begun_us + tokens * US_PER_SECOND / provider->scene->pace;
            next_us = at_us < next_us ? at_us : next_us;
        }
    }
    return next_us;
}

/* --- Requests ------------------------------------------------------------------------------- */

static int64_t number_behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* One token in four bytes, and up to a tenth more or less: a tokenizer that nobody knows. Or by its
 * words and marks, as replies are counted. */
static int64_t count_input(struct provider *provider, const char *body)
{
    int64_t bytes = (int64_t)strlen(body) - 150;
    int64_t tokens = bytes / 4 * pawl_prng_between(&provider->prng, 900, 1100) / 1000;
    if (provider->scene->words > 0) {
        tokens = 0;
        for (const char *at = body; *at != '\0'; at++) {
            tokens += *at == ' ' || (at[1] == ' ' && (*at == ',' || *at == '.')) ? 1 : 0;
        }
        tokens = tokens * provider->scene->words / WORDS;
    }
    return tokens > 1 ? tokens : 1;
}

static void begin_reply(struct provider *provider, struct connection *connection, int64_t now_us)
{
    const char *body = strstr(connection->request, "\r\n\r\n") + 4;
    struct reply *reply = &connection->reply;
    enum dialect dialect = dialect_of_request(connection->request);
    if (dialect == DIALECT_COUNT) {
        die("a request that nobody knows");
    }
    int64_t ceiling = number_behind(body, dialect_ceiling_key(dialect));
    int64_t wanted = draw_reply(provider->scene, &provider->prng);
    bool lies = pawl_prng_below(&provider->prng, CHANCES) < provider->scene->lies;
    bool ignores = provider->scene->ignored > 0 &&
                   pawl_prng_below(&provider->prng, CHANCES) < provider->scene->ignored;
    *reply = (struct reply){
        .open = true,
        .dialect = dialect,
        .streamed = dialect_wants_stream(dialect, connection->request),
        .lie = lies ? (enum lie)pawl_prng_between(&provider->prng, 1, LIE_COUNT - 1) : LIE_NONE,
        .input = count_input(provider, body),
        .planned = ceiling > 0 && wanted > ceiling && !ignores ? ceiling : wanted,
        .ended = wanted > ceiling && ceiling < provider->scene->asked && !ignores,
        .begun_us = now_us,
    };
    if (reply->streamed) {
        static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                   "transfer-encoding: chunked\r\n\r\n";
        char event[EVENT_BYTES_MAX];
        struct figures figures = figures_of(reply);
        enqueue(connection, head, sizeof(head) - 1);
        (void)dialect_open(dialect, &figures, event, sizeof(event));
        enqueue_chunk(connection, event);
    }
    go_on(provider, connection, now_us);
}

static void on_readable(struct provider *provider, struct connection *connection, int64_t now_us)
{
    ssize_t count = recv(connection->fd, connection->request + connection->received,
                         REQUEST_BYTES_MAX - connection->received - 1, 0);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        close_connection(provider, connection, now_us);
        return;
    }
    connection->received += (size_t)count;
    connection->request[connection->received] = '\0';
    const char *end = strstr(connection->request, "\r\n\r\n");
    const char *length = strcasestr(connection->request, "\r\ncontent-length:");
    if (end == NULL || length == NULL) {
        return;
    }
    size_t wanted = (size_t)(end + 4 - connection->request) + strtoul(length + 17, NULL, 10);
    if (connection->received >= wanted && !connection->reply.open) {
        begin_reply(provider, connection, now_us);
        connection->received = 0;
    }
}

static void on_connection(struct provider *provider)
{
    int fd = accept4(provider->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *connection = provider->connections;
    while (connection->fd >= 0) {
        connection++;
        if (connection == provider->connections + CONNECTIONS_MAX) {
            die("too many connections");
        }
    }
    int yes = 1;
    connection->fd = fd;
    connection->received = 0;
    connection->queued = 0;
    connection->wants_write = false;
    connection->reply.open = false;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
        epoll_ctl(provider->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("accept");
    }
}

bool provider_event(struct provider *provider, void *pointer, uint32_t events, int64_t now_us)
{
    struct connection *connection = pointer;
    if (pointer == provider) {
        on_connection(provider);
        return true;
    }
    if (connection < provider->connections ||
        connection >= provider->connections + CONNECTIONS_MAX) {
        return false;
    }
    if (connection->fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0) {
        on_readable(provider, connection, now_us);
    }
    if (connection->fd >= 0 && (events & EPOLLOUT) != 0) {
        flush(provider, connection, now_us);
    }
    return true;
}

/* --- Life ----------------------------------------------------------------------------------- */

struct provider *provider_new(const struct scene *scene, int epoll)
{
    struct provider *provider = calloc(1, sizeof(*provider));
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (provider == NULL) {
        die("memory");
    }
    provider->scene = scene;
    provider->epoll = epoll;
    provider->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    pawl_prng_seed(&provider->prng, scene->seed);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = provider}};
    if (provider->listener < 0 ||
        bind(provider->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(provider->listener, STREAMS_MAX) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, provider->listener, &event) != 0) {
        die("listen");
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        provider->connections[i].fd = -1;
        provider->connections[i].request = malloc(REQUEST_BYTES_MAX);
        if (provider->connections[i].request == NULL) {
            die("memory");
        }
    }
    return provider;
}

int provider_port(const struct provider *provider)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof(address);
    if (getsockname(provider->listener, (struct sockaddr *)&address, &bytes) != 0) {
        die("port");
    }
    return ntohs(address.sin_port);
}

void provider_account(const struct provider *provider, struct outcome *outcome)
{
    outcome->billed = provider->billed;
    outcome->calls = provider->calls;
    outcome->ended = provider->ended;
    outcome->open_us = provider->open_us;
}

void provider_free(struct provider *provider)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &provider->connections[i];
        if (connection->fd >= 0) {
            (void)close(connection->fd);
        }
        free(connection->request);
        free(connection->queue);
    }
    (void)close(provider->listener);
    free(provider);
}
