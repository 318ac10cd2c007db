/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_client.c: the client against upstreams that say exactly what the test wants said: what
 * goes out, what comes in, and what is reported when something breaks.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"

/* One call as its owner sees it. */
struct record {
    struct pawl_http_call *call;
    int status;
    size_t head_count;
    struct pawl_buf headers; /* "Name: value|" each */
    struct pawl_buf body;
    size_t body_calls;
    size_t done_count;
    pawl_err err;
    enum pawl_http_phase phase;
    char why[256];
    size_t pause_count; /* so many of the next on_body calls say "no more" */
    bool resume_inside;
    bool abort_in_head;
    bool abort_in_body;
    struct record *abort_other; /* in on_body */
    struct fixture *fixture;
    void (*then)(struct record *record); /* in on_done */
};

struct fixture {
    struct world world;
    struct origin origin;
    struct pawl_http_client *client;
    struct record record;
};

static void on_head(void *arg, int status, const struct pawl_http_header *headers, size_t count)
{
    struct record *record = arg;
    record->status = status;
    record->head_count += 1;
    for (size_t i = 0; i < count; i++) {
        pawl_buf_append_slice(&record->headers, headers[i].name);
        pawl_buf_append_str(&record->headers, ": ");
        pawl_buf_append_slice(&record->headers, headers[i].value);
        pawl_buf_append_str(&record->headers, "|");
    }
    if (record->abort_in_head) {
        pawl_http_call_abort(record->call);
    }
}

static bool on_body(void *arg, struct pawl_slice bytes)
{
    struct record *record = arg;
    record->body_calls += 1;
    pawl_buf_append_slice(&record->body, bytes);
    if (record->abort_other != NULL) {
        pawl_http_call_abort(record->abort_other->call);
        record->abort_other = NULL;
    }
    if (record->abort_in_body) {
        pawl_http_call_abort(record->call);
        return false;
    }
    if (record->resume_inside) {
        pawl_http_call_resume(record->call);
        return false;
    }
    if (record->pause_count > 0) {
        record->pause_count -= 1;
        return false;
    }
    return true;
}

static void on_done(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why)
{
    struct record *record = arg;
    record->done_count += 1;
    record->err = err;
    record->phase = phase;
    snprintf(record->why, sizeof(record->why), "%s", why);
    record->call = NULL;
    if (record->then != NULL) {
        record->then(record);
    }
}

static void record_open(struct record *record, struct fixture *fixture)
{
    *record = (struct record){.fixture = fixture};
    pawl_buf_init(&record->headers, 1 << 20);
    pawl_buf_init(&record->body, 64 << 20);
}

static void record_close(struct record *record)
{
    pawl_buf_free(&record->headers);
    pawl_buf_free(&record->body);
}

static void open_fixture_with(struct fixture *f, bool use_proxy_environment)
{
    world_open(&f->world);
    origin_open(&f->origin, &f->world);
    struct pawl_http_client_options options = {.loop = &f->world.loop,
                                               .use_proxy_environment = use_proxy_environment};
    assert_true(pawl_ok(pawl_http_client_new(&options, &f->client)));
    record_open(&f->record, f);
}

static void open_fixture(struct fixture *f)
{
    open_fixture_with(f, false);
}

static void close_fixture(struct fixture *f)
{
    if (f->client != NULL) {
        pawl_http_client_close(f->client);
    }
    record_close(&f->record);
    origin_close(&f->origin);
    world_close(&f->world);
}

struct request {
    const char *method;
    const char *path;
    const struct pawl_http_header *headers;
    size_t header_count;
    const char *body; /* NULL: none */
    uint32_t idle_timeout_ms;
    uint32_t connect_timeout_ms;
    const char *url; /* instead of the origin's */
};

static pawl_err try_start(struct fixture *f, struct record *record, struct request request)
{
    char url[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)f->origin.port, request.path);
    struct pawl_http_call_options options = {
        .method = pawl_slice_str(request.method),
        .url = pawl_slice_str(request.url != NULL ? request.url : url),
        .headers = request.headers,
        .header_count = request.header_count,
        .body = pawl_slice_str(request.body),
        .has_body = request.body != NULL,
        .idle_timeout_ms = request.idle_timeout_ms,
        .connect_timeout_ms = request.connect_timeout_ms,
        .events = {.on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = record}};
    struct pawl_errmsg msg = {0};
    return pawl_http_call_start(f->client, &options, &record->call, &msg);
}

static void start(struct fixture *f, struct record *record, struct request request)
{
    assert_true(pawl_ok(try_start(f, record, request)));
    assert_int_equal(record->done_count + record->head_count, 0);
}

static void get(struct fixture *f, struct record *record)
{
    start(f, record, (struct request){.method = "GET", .path = "/"});
}

static void post(struct fixture *f, struct record *record)
{
    start(f, record, (struct request){.method = "POST", .path = "/", .body = "hello"});
}

/* The origin's nth connection, once it has read a whole request. */
static struct wire *next_request(struct fixture *f, size_t index, const char *end)
{
    WAIT_UNTIL(&f->world, f->origin.wire_count > index && wire_has(&f->origin.wires[index], end));
    return &f->origin.wires[index];
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void assert_text(struct pawl_buf *buf, const char *text)
{
    assert_string_equal(pawl_buf_cstr(buf), text);
}

static void
assert_failed(const struct record *record, enum pawl_err_code code, enum pawl_http_phase phase)
{
    if (record->done_count != 1 || record->err.code != code || record->phase != phase ||
        record->why[0] == '\0') {
        fail_msg("done %zu times, err %s, phase %d, \"%s\"", record->done_count,
                 pawl_err_name(record->err), (int)record->phase, record->why);
    }
}

/* --- What goes out -------------------------------------------------------------------------- */

struct outgoing {
    struct request request;
    const char *before_host; /* the request line */
    const char *after_host;
};

/* PAWL_SLICE is no constant expression, and these tables are static. */
#define HEADER(name, value)                                                                        \
    {                                                                                              \
        {(name), sizeof(name) - 1},                                                                \
        {                                                                                          \
            (value), sizeof(value) - 1                                                             \
        }                                                                                          \
    }

static const struct pawl_http_header some_headers[] = {
    HEADER("X-CaSe", "one  two"),
    HEADER("x-empty", ""),
    HEADER("authorization", "Bearer sk-1"),
    HEADER("X-CaSe", "again; x=\"y:z\""),
    HEADER("Host", "elsewhere"),
    HEADER("Content-Length", "999"),
    HEADER("Connection", "close"),
    HEADER("Expect", "100-continue"),
    HEADER("content-type", "application/json"),
    HEADER("accept", "text/event-stream"),
    HEADER("Accept-Encoding", "identity"),
    HEADER("User-Agent", "Test/1"),
};

static void client_sends_exactly_what_it_is_given(void **state)
{
    (void)state;
    static const struct outgoing cases[] = {
        {{.method = "GET", .path = "/"}, "GET / HTTP/1.1\r\n", "\r\n"},
        {{.method = "GET", .path = "/a/../b?c=%20&d"}, "GET /a/../b?c=%20&d HTTP/1.1\r\n", "\r\n"},
        {{.method = "HEAD", .path = "/h"}, "HEAD /h HTTP/1.1\r\n", "\r\n"},
        {{.method = "DELETE", .path = "/d"}, "DELETE /d HTTP/1.1\r\n", "\r\n"},
        {{.method = "POST", .path = "/p"}, "POST /p HTTP/1.1\r\n", "\r\n"},
        {{.method = "POST", .path = "/p", .body = ""},
         "POST /p HTTP/1.1\r\n",
         "Content-Length: 0\r\n\r\n"},
        {{.method = "POST", .path = "/p", .body = "hello"},
         "POST /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "PATCH", .path = "/p", .body = "hello"},
         "PATCH /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "GET", .path = "/p", .body = "hello"},
         "GET /p HTTP/1.1\r\n",
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "POST",
          .path = "/p",
          .body = "hello",
          .headers = some_headers,
          .header_count = PAWL_ARRAY_LEN(some_headers)},
         "POST /p HTTP/1.1\r\n",
         "X-CaSe: one  two\r\nx-empty:\r\nauthorization: Bearer sk-1\r\n"
         "X-CaSe: again; x=\"y:z\"\r\ncontent-type: application/json\r\n"
         "accept: text/event-stream\r\nAccept-Encoding: identity\r\nUser-Agent: Test/1\r\n"
         "Content-Length: 5\r\n\r\nhello"},
        {{.method = "GET", .path = "/last"}, "GET /last HTTP/1.1\r\n", "\r\n"},
    };
    struct fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(cases); i++) {
        struct record record;
        record_open(&record, &f);
        start(&f, &record, cases[i].request);
        /* All on one connection, so that nothing of one call is left over for the next. */
        char wanted[1024];
        int length = snprintf(wanted, sizeof(wanted), "%sHost: 127.0.0.1:%u\r\n%s",
                              cases[i].before_host, (unsigned)f.origin.port, cases[i].after_host);
        WAIT_UNTIL(&f.world,
                   f.origin.wire_count == 1 && f.origin.wires[0].in.bytes >= (size_t)length);
        assert_string_equal(wire_text(&f.origin.wires[0]), wanted);
        wire_forget(&f.origin.wires[0]);
        bool is_head = strcmp(cases[i].request.method, "HEAD") == 0;
        wire_send(&f.origin.wires[0],
                  is_head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : OK_HELLO);
        WAIT_UNTIL(&f.world, record.done_count == 1);
        assert_true(pawl_ok(record.err));
        assert_int_equal(record.phase, PAWL_HTTP_PHASE_DONE);
        assert_text(&record.body, is_head ? "" : "hello");
        record_close(&record);
    }
    assert_int_equal(f.origin.wire_count, 1);
    close_fixture(&f);
}

static void client_sends_a_large_body(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct service service;
    service_open(&service, &f.world, limits_default());
    service.answer_at_once = true;
    enum { BODY_BYTES = 8 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/big", (unsigned)service.port);
    start(&f, &f.record, (struct request){.method = "PUT", .url = url, .body = body});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_text(&f.record.body, "PUT /big 8388608");
    free(body);
    service_close(&service);
    close_fixture(&f);
}

static void client_refuses_what_cannot_be_sent(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    static const struct pawl_http_header bad[] = {
        HEADER("X", "a\r\nY: b"), HEADER("X", "a\nb"), HEADER("X", "a\0b"),
        HEADER("X Y", "a"),       HEADER("X:", "a"),   HEADER("", "a"),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bad); i++) {
        struct request request = {
            .method = "GET", .path = "/", .headers = &bad[i], .header_count = 1};
        assert_int_equal(try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    }
    static const char *const urls[] = {
        "",         "/path",     "file:///etc/passwd", "ftp://a/",    "http://",     "127.0.0.1/",
        "http:///", "http://?q", "http://a b/",        "http://u@/x", "http://:80/", "HTTP:/a/",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(urls); i++) {
        struct request request = {.method = "GET", .url = urls[i]};
        assert_int_equal(try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    }
    /* What only libcurl finds out is told at the end. */
    struct record late;
    record_open(&late, &f);
    start(&f, &late, (struct request){.method = "GET", .url = "http://[::1/"});
    WAIT_UNTIL(&f.world, late.done_count == 1);
    assert_failed(&late, PAWL_ERR_INVALID, PAWL_HTTP_PHASE_CONNECT);
    record_close(&late);
    struct request request = {.method = "GET /", .path = "/"};
    assert_int_equal(try_start(&f, &f.record, request).code, PAWL_ERR_INVALID);
    /* And the handle that was tried is as good as new. */
    get(&f, &f.record);
    wire_send(next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_text(&f.record.body, "hello");
    close_fixture(&f);
}

static void client_goes_around_proxies_for_loopback_only(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture_with(&f, true);
    char proxy[64];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", (unsigned)f.origin.port);
    setenv("http_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    get(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    assert_true(wire_has(wire, "GET / HTTP/1.1\r\n"));
    wire_send(wire, OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    record_close(&f.record);
    record_open(&f.record, &f);
    start(&f, &f.record, (struct request){.method = "GET", .url = "http://upstream.invalid/x"});
    wire = next_request(&f, 1, "\r\n\r\n");
    assert_true(wire_has(wire, "GET http://upstream.invalid/x HTTP/1.1\r\n"));
    wire_send(wire, OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    unsetenv("http_proxy");
    close_fixture(&f);
}

/* --- What comes in -------------------------------------------------------------------------- */

static void client_gives_the_head_as_it_came(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    get(&f, &f.record);
    wire_send(next_request(&f, 0, "\r\n\r\n"),
              "HTTP/1.1 429 Slow Down\r\nReTry-After:  7 \r\nx-Empty:\r\nSet-Cookie: a=1\r\n"
              "Set-Cookie: b=2\r\nX-Folded: one\r\n\t two\r\n three\r\nContent-Encoding: gzip\r\n"
              "Content-Length: 4\r\n\r\n\x1f\x8b--");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.status, 429);
    assert_int_equal(f.record.head_count, 1);
    assert_text(&f.record.headers, "ReTry-After: 7|x-Empty: |Set-Cookie: a=1|Set-Cookie: b=2|"
                                   "X-Folded: one two three|Content-Encoding: gzip|"
                                   "Content-Length: 4|");
    assert_text(&f.record.body, "\x1f\x8b--");
    close_fixture(&f);
}

static void client_swallows_interim_answers_and_trailers(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    post(&f, &f.record);
    wire_send(next_request(&f, 0, "hello"),
              "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
              "Link: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Final: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3;ext\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.head_count, 1);
    assert_text(&f.record.headers, "X-Final: 1|Transfer-Encoding: chunked|");
    assert_text(&f.record.body, "abcde");
    close_fixture(&f);
}

static void client_does_not_follow_redirects(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    get(&f, &f.record);
    wire_send(next_request(&f, 0, "\r\n\r\n"),
              "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.status, 302);
    assert_int_equal(f.record.phase, PAWL_HTTP_PHASE_DONE);
    assert_int_equal(wire_count(&f.origin.wires[0], "HTTP/1.1"), 1);
    close_fixture(&f);
}

static void client_takes_an_answer_byte_by_byte(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    get(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    wire->slow_bytes = 1;
    wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_text(&f.record.body, "data: 1\n\n");
    close_fixture(&f);
}

static void client_uses_a_connection_again(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 20; i++) {
        struct record record;
        record_open(&record, &f);
        post(&f, &record);
        struct wire *wire = next_request(&f, 0, "hello");
        wire_forget(wire);
        wire_send(wire, OK_HELLO);
        WAIT_UNTIL(&f.world, record.done_count == 1);
        assert_text(&record.body, "hello");
        record_close(&record);
    }
    assert_int_equal(f.origin.wire_count, 1);
    close_fixture(&f);
}

static void client_makes_many_calls_at_once(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct service service;
    service_open(&service, &f.world, limits_default());
    service.answer_at_once = true;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/many", (unsigned)service.port);
    enum { CALL_COUNT = 300 };
    static struct record records[CALL_COUNT];
    for (int round = 0; round < 2; round++) {
        size_t done = 0;
        for (int i = 0; i < CALL_COUNT; i++) {
            record_open(&records[i], &f);
            start(&f, &records[i], (struct request){.method = "POST", .url = url, .body = "x"});
        }
        for (int i = 0; i < CALL_COUNT; i++) {
            WAIT_UNTIL(&f.world, records[i].done_count == 1);
            assert_text(&records[i].body, "POST /many 1");
            done += records[i].done_count;
            record_close(&records[i]);
        }
        assert_int_equal(done, CALL_COUNT);
    }
    service_close(&service);
    close_fixture(&f);
}

/* --- Back-pressure -------------------------------------------------------------------------- */

/* Sends so much that only a reader who is stopped can fail to take it. */
static void send_large_answer(struct wire *wire, size_t bytes)
{
    char head[100];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", bytes);
    wire_send(wire, head);
    char *body = malloc(bytes);
    assert_non_null(body);
    memset(body, 'c', bytes);
    wire_send_bytes(wire, body, bytes);
    free(body);
}

/* Turns until the wire cannot send any more, for the reader has stopped. */
static void wait_until_stuck(struct fixture *f, struct wire *wire)
{
    size_t sent = 0;
    int still = 0;
    while (still < 50) {
        uv_run(&f->world.loop, UV_RUN_NOWAIT);
        still = wire->out_sent == sent ? still + 1 : 0;
        sent = wire->out_sent;
    }
}

static void client_stops_delivering_until_it_is_resumed(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    enum { BODY_BYTES = 32 * 1024 * 1024 };
    f.record.pause_count = 1;
    get(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    send_large_answer(wire, BODY_BYTES);
    WAIT_UNTIL(&f.world, f.record.body_calls == 1);
    wait_until_stuck(&f, wire);
    assert_false(wire_all_sent(wire));
    assert_int_equal(f.record.body_calls, 1);
    size_t stuck_at = wire->out_sent;
    f.record.pause_count = 1;
    pawl_http_call_resume(f.record.call);
    WAIT_UNTIL(&f.world, f.record.body_calls == 2);
    wait_until_stuck(&f, wire);
    assert_int_equal(f.record.body_calls, 2);
    assert_true(wire->out_sent < stuck_at + (4 << 20));
    pawl_http_call_resume(f.record.call);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.body.bytes, BODY_BYTES);
    assert_true(pawl_ok(f.record.err));
    close_fixture(&f);
}

static void client_may_be_resumed_inside_on_body(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    f.record.resume_inside = true;
    get(&f, &f.record);
    send_large_answer(next_request(&f, 0, "\r\n\r\n"), 1 << 20);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_int_equal(f.record.body.bytes, 1 << 20);
    close_fixture(&f);
}

/* --- What breaks ---------------------------------------------------------------------------- */

static void client_reports_a_refused_connection(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint16_t port = 0;
    close(listen_loopback(1, &port));
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)port);
    start(&f, &f.record, (struct request){.method = "POST", .url = url, .body = "x"});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_failed(&f.record, PAWL_ERR_UNREACHABLE, PAWL_HTTP_PHASE_CONNECT);
    close_fixture(&f);
}

/* A listener whose queue is full answers no connection attempt. */
static void client_gives_up_connecting_in_time(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint16_t port = 0;
    int listener = listen_loopback(0, &port);
    int fillers[4];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
        (void)connect(fillers[i], (const struct sockaddr *)&address, sizeof(address));
    }
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)port);
    start(&f, &f.record,
          (struct request){.method = "POST", .url = url, .body = "x", .connect_timeout_ms = 30});
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_failed(&f.record, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_CONNECT);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(fillers); i++) {
        close(fillers[i]);
    }
    close(listener);
    close_fixture(&f);
}

static void client_reports_an_upstream_that_leaves_without_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    post(&f, &f.record);
    (void)next_request(&f, 0, "hello");
    origin_drop(&f.origin, 0, false);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_failed(&f.record, PAWL_ERR_IO, PAWL_HTTP_PHASE_SENT);
    assert_int_equal(f.origin.wire_count, 1);
    close_fixture(&f);
}

static void client_reports_an_answer_that_is_cut_off(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    };
    for (size_t i = 0; i < 2 * PAWL_ARRAY_LEN(heads); i++) {
        struct fixture f;
        open_fixture(&f);
        post(&f, &f.record);
        wire_send(next_request(&f, 0, "hello"), heads[i / 2]);
        WAIT_UNTIL(&f.world, f.record.body.bytes == 4);
        origin_drop(&f.origin, 0, i % 2 == 1);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_failed(&f.record, PAWL_ERR_IO, PAWL_HTTP_PHASE_HEAD);
        assert_text(&f.record.body, "half");
        close_fixture(&f);
    }
}

static void client_reports_what_is_not_http(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 abc Bad\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(answers); i++) {
        struct fixture f;
        open_fixture(&f);
        post(&f, &f.record);
        wire_send(next_request(&f, 0, "hello"), answers[i]);
        WAIT_UNTIL(&f.world, f.record.done_count == 1 ||
                                 (wire_all_sent(&f.origin.wires[0]) && f.origin.wires[0].eof));
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        assert_failed(&f.record, PAWL_ERR_PROTOCOL, PAWL_HTTP_PHASE_SENT);
        assert_int_equal(f.record.head_count, 0);
        close_fixture(&f);
    }
}

static void client_limits_the_head_of_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    post(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "hello");
    wire_send(wire, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10000; i++) {
        wire_send(wire, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    }
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_failed(&f.record, PAWL_ERR_PROTOCOL, PAWL_HTTP_PHASE_SENT);
    close_fixture(&f);
}

static void client_times_out_when_nothing_comes(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct request request = {
        .method = "POST", .path = "/", .body = "hello", .idle_timeout_ms = 20};
    start(&f, &f.record, request);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_failed(&f.record, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_SENT);
    struct record later;
    record_open(&later, &f);
    start(&f, &later, request);
    wire_send(next_request(&f, 1, "hello"), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    WAIT_UNTIL(&f.world, later.done_count == 1);
    assert_failed(&later, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_HEAD);
    record_close(&later);
    close_fixture(&f);
}

/* A second call, with the same idle time and begun later, times out; the paused one does not. */
static void client_does_not_time_out_its_own_pause(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct request request = {
        .method = "POST", .path = "/", .body = "hello", .idle_timeout_ms = 20};
    f.record.pause_count = 1;
    start(&f, &f.record, request);
    struct wire *wire = next_request(&f, 0, "hello");
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    WAIT_UNTIL(&f.world, f.record.body_calls == 1);
    for (int i = 0; i < 3; i++) {
        struct record other;
        record_open(&other, &f);
        start(&f, &other, request);
        WAIT_UNTIL(&f.world, other.done_count == 1);
        assert_failed(&other, PAWL_ERR_TIMEOUT, PAWL_HTTP_PHASE_SENT);
        record_close(&other);
    }
    assert_int_equal(f.record.done_count, 0);
    pawl_http_call_resume(f.record.call);
    wire_send(wire, "world");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_text(&f.record.body, "helloworld");
    close_fixture(&f);
}

/* A connection that was used before and dies under the next request: whether the upstream saw it nobody
 * knows, so a POST fails and a GET is repeated. */
static void client_never_sends_a_post_twice(void **state)
{
    (void)state;
    for (int is_post = 0; is_post < 2; is_post++) {
        struct fixture f;
        open_fixture(&f);
        post(&f, &f.record);
        struct wire *wire = next_request(&f, 0, "hello");
        wire_send(wire, OK_HELLO);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        wire_forget(wire);
        struct record second;
        record_open(&second, &f);
        if (is_post == 1) {
            post(&f, &second);
        } else {
            get(&f, &second);
        }
        (void)next_request(&f, 0, "HTTP/1.1\r\n");
        origin_drop(&f.origin, 0, false);
        if (is_post == 1) {
            WAIT_UNTIL(&f.world, second.done_count == 1);
            assert_failed(&second, PAWL_ERR_IO, PAWL_HTTP_PHASE_SENT);
            for (size_t i = 1; i < f.origin.wire_count; i++) {
                assert_int_equal(f.origin.wires[i].in.bytes, 0);
            }
        } else {
            wire_send(next_request(&f, 1, "HTTP/1.1\r\n"), OK_HELLO);
            WAIT_UNTIL(&f.world, second.done_count == 1);
            assert_true(pawl_ok(second.err));
        }
        record_close(&second);
        close_fixture(&f);
    }
}

/* A connection that was closed while nobody used it is not an error of the next call. */
static void client_notices_that_an_idle_connection_closed(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    post(&f, &f.record);
    wire_send(next_request(&f, 0, "hello"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    origin_drop(&f.origin, 0, false);
    struct record second;
    record_open(&second, &f);
    post(&f, &second);
    wire_send(next_request(&f, 1, "hello"), OK_HELLO);
    WAIT_UNTIL(&f.world, second.done_count == 1);
    assert_true(pawl_ok(second.err));
    record_close(&second);
    close_fixture(&f);
}

/* An upstream may answer before it has read the body, and close. */
static void client_takes_an_early_answer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    enum { BODY_BYTES = 16 * 1024 * 1024 };
    char *body = malloc(BODY_BYTES + 1);
    assert_non_null(body);
    memset(body, 'b', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    start(&f, &f.record, (struct request){.method = "POST", .path = "/", .body = body});
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    wire_pause(wire, true);
    wire_send(wire, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_true(pawl_ok(f.record.err));
    assert_int_equal(f.record.status, 413);
    assert_text(&f.record.body, "no");
    free(body);
    close_fixture(&f);
}

/* --- Ends that the owner chooses ------------------------------------------------------------ */

static void client_aborts_in_mid_body(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    get(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    WAIT_UNTIL(&f.world, f.record.body.bytes == 4);
    pawl_http_call_abort(f.record.call);
    WAIT_UNTIL(&f.world, wire->eof);
    assert_int_equal(f.record.done_count, 0);
    close_fixture(&f);
}

static void client_may_be_aborted_before_it_has_begun(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    get(&f, &f.record);
    pawl_http_call_abort(f.record.call);
    struct record second;
    record_open(&second, &f);
    get(&f, &second);
    wire_send(next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, second.done_count == 1);
    assert_int_equal(f.record.done_count, 0);
    assert_int_equal(wire_count(&f.origin.wires[0], "HTTP/1.1"), 1);
    record_close(&second);
    close_fixture(&f);
}

static void client_may_be_aborted_inside_its_callbacks(void **state)
{
    (void)state;
    for (int in_body = 0; in_body < 2; in_body++) {
        struct fixture f;
        open_fixture(&f);
        f.record.abort_in_head = in_body == 0;
        f.record.abort_in_body = in_body == 1;
        get(&f, &f.record);
        struct wire *wire = next_request(&f, 0, "\r\n\r\n");
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld");
        WAIT_UNTIL(&f.world, wire->eof);
        assert_int_equal(f.record.done_count, 0);
        assert_int_equal(f.record.head_count, 1);
        assert_int_equal(f.record.body_calls, in_body == 1 ? 1 : 0);
        /* The handle is fit for another call. */
        f.record.abort_in_head = false;
        f.record.abort_in_body = false;
        f.record.head_count = 0;
        get(&f, &f.record);
        wire_send(next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        close_fixture(&f);
    }
}

static void client_may_abort_one_call_inside_another(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct record victim;
    record_open(&victim, &f);
    get(&f, &victim);
    struct wire *waiting = next_request(&f, 0, "\r\n\r\n");
    f.record.abort_other = &victim;
    get(&f, &f.record);
    wire_send(next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    WAIT_UNTIL(&f.world, waiting->eof);
    assert_int_equal(victim.done_count, 0);
    record_close(&victim);
    close_fixture(&f);
}

static void start_again(struct record *record)
{
    record->then = NULL;
    record->done_count = 0;
    record->head_count = 0;
    get(record->fixture, record);
}

static void client_may_start_a_call_inside_on_done(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    f.record.then = start_again;
    get(&f, &f.record);
    struct wire *wire = next_request(&f, 0, "\r\n\r\n");
    wire_forget(wire);
    wire_send(wire, OK_HELLO);
    wire_send(next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_text(&f.record.body, "hellohello");
    close_fixture(&f);
}

static void close_client(struct record *record)
{
    pawl_http_client_close(record->fixture->client);
    record->fixture->client = NULL;
}

static void client_may_be_closed_inside_on_done(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct record other;
    record_open(&other, &f);
    get(&f, &other);
    struct wire *waiting = next_request(&f, 0, "\r\n\r\n");
    f.record.then = close_client;
    get(&f, &f.record);
    wire_send(next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1 && waiting->eof);
    assert_int_equal(other.done_count, 0);
    record_close(&other);
    close_fixture(&f);
}

static void client_ends_silently_with_calls_in_every_state(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct record records[4];
    for (size_t i = 0; i < 4; i++) {
        record_open(&records[i], &f);
    }
    get(&f, &records[0]);
    wire_send(next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, records[0].done_count == 1);
    records[1].pause_count = 1;
    get(&f, &records[1]);
    WAIT_UNTIL(&f.world, wire_count(&f.origin.wires[0], "\r\n\r\n") == 2);
    send_large_answer(&f.origin.wires[0], 1 << 20);
    WAIT_UNTIL(&f.world, records[1].body_calls == 1);
    get(&f, &records[2]);
    (void)next_request(&f, 1, "\r\n\r\n");
    get(&f, &records[3]);
    pawl_http_client_close(f.client);
    f.client = NULL;
    WAIT_UNTIL(&f.world, f.origin.wires[1].eof);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(records[i].done_count, i == 0 ? 1 : 0);
        record_close(&records[i]);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_sends_exactly_what_it_is_given),
        cmocka_unit_test(client_sends_a_large_body),
        cmocka_unit_test(client_refuses_what_cannot_be_sent),
        cmocka_unit_test(client_goes_around_proxies_for_loopback_only),
        cmocka_unit_test(client_gives_the_head_as_it_came),
        cmocka_unit_test(client_swallows_interim_answers_and_trailers),
        cmocka_unit_test(client_does_not_follow_redirects),
        cmocka_unit_test(client_takes_an_answer_byte_by_byte),
        cmocka_unit_test(client_uses_a_connection_again),
        cmocka_unit_test(client_makes_many_calls_at_once),
        cmocka_unit_test(client_stops_delivering_until_it_is_resumed),
        cmocka_unit_test(client_may_be_resumed_inside_on_body),
        cmocka_unit_test(client_reports_a_refused_connection),
        cmocka_unit_test(client_gives_up_connecting_in_time),
        cmocka_unit_test(client_reports_an_upstream_that_leaves_without_an_answer),
        cmocka_unit_test(client_reports_an_answer_that_is_cut_off),
        cmocka_unit_test(client_reports_what_is_not_http),
        cmocka_unit_test(client_limits_the_head_of_an_answer),
        cmocka_unit_test(client_times_out_when_nothing_comes),
        cmocka_unit_test(client_does_not_time_out_its_own_pause),
        cmocka_unit_test(client_never_sends_a_post_twice),
        cmocka_unit_test(client_notices_that_an_idle_connection_closed),
        cmocka_unit_test(client_takes_an_early_answer),
        cmocka_unit_test(client_aborts_in_mid_body),
        cmocka_unit_test(client_may_be_aborted_before_it_has_begun),
        cmocka_unit_test(client_may_be_aborted_inside_its_callbacks),
        cmocka_unit_test(client_may_abort_one_call_inside_another),
        cmocka_unit_test(client_may_start_a_call_inside_on_done),
        cmocka_unit_test(client_may_be_closed_inside_on_done),
        cmocka_unit_test(client_ends_silently_with_calls_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
