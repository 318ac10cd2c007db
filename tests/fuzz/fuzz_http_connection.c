/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http_connection.c: bytes that come to a whole server, by a socket and in pieces, against a
 * reader that gets them in one piece and knows of no sockets.
 *
 * Properties of every input:
 *   - the server hands out the requests that the reader finds, as many and in that order, up to
 *     the first that ends the connection;
 *   - what the client reads is an answer to each, in order and each whole, then at most one
 * refusal,
 *     and a refusal if and only if the reader refuses;
 *   - when the client is gone the connection is, too.
 * The first byte chooses how the pieces are cut, the second how the owner answers: at once, in a
 * later turn, or as a stream.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/assert.h"
#include "base/buf.h"
#include "net/reader.h"
#include "net/server.h"
#include "tests/lib/fuzz.h"

enum {
    HEAD_BYTES_MAX = 4096,
    HEADERS_MAX = 50,
    BODY_BYTES_MAX = 256,
    LARGE_BYTES_MAX = 8192, /* of every second length of a path */
    LARGE_COUNT_MAX = 1000, /* more than there are connections at once */
    INPUT_BYTES_MAX = 16384,
    REQUESTS_MAX = 1024,
    QUIET_TURNS = 4,
    END_TURNS_MAX = 10000
};

enum how { HOW_AT_ONCE, HOW_LATER, HOW_AS_STREAM, HOW_COUNT };

#define BODY "an answer"

static struct {
    bool open;
    uv_loop_t loop;
    struct pawl_http_limits limits;
    struct pawl_http_server *server;
    char folder[64];
    struct sockaddr_un address;
    /* Of one input: */
    enum how how;
    struct pawl_http_exchange *held;
    size_t count;
    bool is_head[REQUESTS_MAX];
    uint64_t targets; /* a sum over them, in order */
} subject;

static uint64_t add_target(uint64_t sum, struct pawl_slice target)
{
    for (size_t i = 0; i < target.bytes; i++) {
        sum = sum * 131 + (unsigned char)target.data[i];
    }
    return sum * 131 + 1;
}

/* --- The server ----------------------------------------------------------------------------- */

static void answer(struct pawl_http_exchange *exchange)
{
    if (subject.how != HOW_AS_STREAM) {
        pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE(BODY));
        return;
    }
    pawl_http_reply_begin(exchange, 200, NULL, 0, sizeof(BODY) - 1);
    (void)pawl_http_reply_write(exchange, PAWL_SLICE("an "));
    (void)pawl_http_reply_write(exchange, PAWL_SLICE("answer"));
    pawl_http_reply_end(exchange);
}

static void on_request(void *arg, struct pawl_http_exchange *exchange)
{
    (void)arg;
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    PAWL_ASSERT(subject.count < REQUESTS_MAX && subject.held == NULL);
    subject.is_head[subject.count++] = pawl_slice_equal_str(request->method, "HEAD");
    subject.targets = add_target(subject.targets, request->target);
    if (subject.how == HOW_LATER) {
        subject.held = exchange;
    } else {
        answer(exchange);
    }
}

static void end(void)
{
    pawl_http_server_close(subject.server);
    uv_run(&subject.loop, UV_RUN_DEFAULT);
    int open = uv_loop_close(&subject.loop);
    PAWL_ASSERT(open == 0);
    rmdir(subject.folder);
}

static struct pawl_http_body_max body_max_of(void *arg, const struct pawl_http_request *request)
{
    (void)arg;
    return (struct pawl_http_body_max){.bytes = request->path.bytes % 2 == 0 ? LARGE_BYTES_MAX : 0};
}

static struct pawl_http_body_max
body_max(void *arg, const struct pawl_http_request *request, uint32_t listener)
{
    (void)listener;
    return body_max_of(arg, request);
}

/* One server for all inputs: a connection is what each of them needs for itself. */
static void begin(void)
{
    subject.open = true;
    subject.limits = PAWL_HTTP_LIMITS_DEFAULT;
    subject.limits.head_bytes_max = HEAD_BYTES_MAX;
    subject.limits.header_count_max = HEADERS_MAX;
    subject.limits.body_bytes_max = BODY_BYTES_MAX;
    subject.limits.large_count_max = LARGE_COUNT_MAX;
    subject.limits.head_timeout_ms = 0;
    subject.limits.body_timeout_ms = 0;
    subject.limits.idle_timeout_ms = 0;
    snprintf(subject.folder, sizeof(subject.folder), "/tmp/pawl_fuzz_XXXXXX");
    bool good = mkdtemp(subject.folder) != NULL && uv_loop_init(&subject.loop) == 0;
    subject.address.sun_family = AF_UNIX;
    snprintf(subject.address.sun_path, sizeof(subject.address.sun_path), "%s/s", subject.folder);
    const struct pawl_http_server_options options = {.loop = &subject.loop,
                                                     .limits = subject.limits,
                                                     .handler = on_request,
                                                     .body_max = body_max};
    good = good && pawl_ok(pawl_http_server_new(&options, &subject.server)) &&
           pawl_ok(pawl_http_server_listen_unix(subject.server, subject.address.sun_path, NULL)) &&
           atexit(end) == 0;
    PAWL_ASSERT(good);
}

/* --- What must come of an input ------------------------------------------------------------- */

struct expected {
    size_t count;
    uint64_t targets;
    bool refused;
    bool ends; /* the last request ends the connection */
};

static struct expected expect(const char *data, size_t bytes)
{
    struct expected expected = {0};
    struct pawl_arena arena;
    struct pawl_reader reader;
    pawl_arena_init(&arena, 1 << 20);
    struct pawl_body_places places = {0};
    pawl_reader_init(&reader, &subject.limits, &arena);
    reader.large = (struct pawl_reader_large){.body_max = body_max_of, .places = &places};
    while (bytes > 0 && !expected.refused && !expected.ends) {
        size_t used = pawl_reader_feed(&reader, pawl_slice_of(data, bytes));
        data += used;
        bytes -= used;
        expected.refused = reader.state == PAWL_READER_REFUSED;
        if (reader.state == PAWL_READER_COMPLETE) {
            expected.count += 1;
            expected.targets = add_target(expected.targets, reader.request.target);
            expected.ends = !reader.keep_alive;
            pawl_arena_reset(&arena);
            pawl_reader_reset(&reader);
        }
    }
    pawl_reader_free(&reader);
    pawl_arena_free(&arena);
    PAWL_ASSERT(places.count == 0);
    return expected;
}

/* Cuts one head off the front; false when there is none of that start. */
static bool take_head(struct pawl_slice *rest, const char *start)
{
    size_t head = rest->bytes > 0 ? pawl_slice_find(*rest, PAWL_SLICE("\r\n\r\n")) : SIZE_MAX;
    if (head == SIZE_MAX || !pawl_slice_starts_with(*rest, pawl_slice_str(start))) {
        return false;
    }
    *rest = pawl_slice_sub(*rest, head + 4, rest->bytes);
    return true;
}

static void check_answers(struct pawl_slice rest, const struct expected *expected)
{
    for (size_t i = 0; i < expected->count; i++) {
        (void)take_head(&rest, "HTTP/1.1 100 Continue\r\n");
        bool answered = take_head(&rest, "HTTP/1.1 200 OK\r\n");
        PAWL_ASSERT(answered);
        if (!subject.is_head[i]) {
            PAWL_ASSERT(pawl_slice_starts_with(rest, PAWL_SLICE(BODY)));
            rest = pawl_slice_sub(rest, sizeof(BODY) - 1, rest.bytes);
        }
    }
    /* Of a request that was not whole. */
    (void)take_head(&rest, "HTTP/1.1 100 Continue\r\n");
    bool refused = take_head(&rest, "HTTP/1.1 4") || take_head(&rest, "HTTP/1.1 5");
    PAWL_ASSERT(refused == expected->refused);
    bool told = pawl_slice_starts_with(rest, PAWL_SLICE("{\"error\":\""));
    PAWL_ASSERT(refused ? told || rest.bytes == 0 : rest.bytes == 0);
}

/* --- The client ----------------------------------------------------------------------------- */

static void read_answers(int fd, struct pawl_buf *answers)
{
    for (;;) {
        char *room = pawl_buf_reserve(answers, 4096);
        PAWL_ASSERT(room != NULL);
        ssize_t got = read(fd, room, 4096);
        if (got <= 0) {
            return;
        }
        pawl_buf_advance(answers, (size_t)got);
    }
}

/* Turns until nothing happens any more: all is on this machine, so what is to come is there. */
static void settle(int fd, struct pawl_buf *answers)
{
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        size_t bytes = answers->bytes;
        size_t count = subject.count;
        uv_run(&subject.loop, UV_RUN_NOWAIT);
        if (subject.held != NULL) {
            struct pawl_http_exchange *exchange = subject.held;
            subject.held = NULL;
            answer(exchange);
            quiet = -1;
        }
        read_answers(fd, answers);
        if (answers->bytes != bytes || subject.count != count) {
            quiet = -1;
        }
    }
}

static void talk(const char *data, size_t bytes, size_t piece, struct pawl_buf *answers)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (const struct sockaddr *)&subject.address,
                                        sizeof(subject.address)) == 0;
    PAWL_ASSERT(connected);
    int flags = fcntl(fd, F_SETFL, O_NONBLOCK);
    PAWL_ASSERT(flags == 0);
    for (size_t used = 0; used < bytes;) {
        size_t here = piece < bytes - used ? piece : bytes - used;
        ssize_t sent = send(fd, data + used, here, MSG_NOSIGNAL);
        if (sent <= 0) {
            break; /* The server has ended it. */
        }
        used += (size_t)sent;
        uv_run(&subject.loop, UV_RUN_NOWAIT);
    }
    settle(fd, answers);
    close(fd);
    for (int i = 0; pawl_http_server_connection_count(subject.server) > 0; i++) {
        PAWL_ASSERT(i < END_TURNS_MAX);
        uv_run(&subject.loop, UV_RUN_NOWAIT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    if (bytes < 2 || bytes > INPUT_BYTES_MAX) {
        return 0;
    }
    if (!subject.open) {
        begin();
    }
    size_t piece = input[0] == UINT8_MAX ? INPUT_BYTES_MAX : (size_t)(input[0] % 64) * 4 + 1;
    subject.how = (enum how)(input[1] % HOW_COUNT);
    subject.count = 0;
    subject.targets = 0;
    const char *data = (const char *)input + 2;
    bytes -= 2;
    struct expected expected = expect(data, bytes);
    struct pawl_buf answers;
    pawl_buf_init(&answers, 1 << 20);
    talk(data, bytes, piece, &answers);
    PAWL_ASSERT(subject.count == expected.count && subject.targets == expected.targets);
    check_answers(pawl_buf_slice(&answers), &expected);
    pawl_buf_free(&answers);
    return 0;
}
