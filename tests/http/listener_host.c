/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener_host.c: a server of src/net on its own, for bench/net.py and the black-box tests of
 * listeners. It answers every request with the same JSON text and tells where it listens:
 *
 *     listener_host [--tls CERTIFICATE KEY] [--body BYTES] ADDRESS...
 *     {"port":41234}
 *
 * "/echo" gets the length of its body back, "/listener" the number of its listener, in order of the
 * command line. SIGHUP reads the certificate again and prints {"reload":"ok"} or why not; SIGTERM
 * ends it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "net/server.h"
#include "net/tls.h"

enum { BODY_BYTES = 526, BODY_BYTES_MAX = 1 << 20 };

static struct {
    uv_loop_t loop;
    uv_signal_t hangup;
    uv_signal_t end;
    struct pawl_http_server *server;
    struct pawl_tls_server *tls;
    char body[BODY_BYTES_MAX];
    size_t body_bytes;
} host;

static void say(const char *what, const char *value)
{
    printf("{\"%s\":\"%s\"}\n", what, value);
    (void)fflush(stdout);
}

static void on_request(void *arg, struct pawl_http_exchange *exchange)
{
    (void)arg;
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    const struct pawl_http_header type = {PAWL_SLICE("Content-Type"),
                                          PAWL_SLICE("application/json")};
    struct pawl_slice body = pawl_slice_of(host.body, host.body_bytes);
    if (pawl_slice_equal_str(request->path, "/echo")) {
        body = pawl_arena_printf(pawl_http_exchange_arena(exchange), "%zu", request->body.bytes);
    } else if (pawl_slice_equal_str(request->path, "/listener")) {
        body = pawl_arena_printf(pawl_http_exchange_arena(exchange), "%u",
                                 (unsigned)pawl_http_exchange_listener(exchange));
    }
    pawl_http_reply(exchange, 200, &type, 1, body);
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    struct pawl_errmsg msg = {0};
    bool good = host.tls != NULL && pawl_ok(pawl_tls_server_reload(host.tls, &msg));
    say("reload", good ? "ok" : msg.text);
}

static void on_end(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    pawl_http_server_close(host.server);
    uv_close((uv_handle_t *)&host.hangup, NULL);
    uv_close((uv_handle_t *)&host.end, NULL);
}

static void need(bool good, const char *what, const struct pawl_errmsg *msg)
{
    if (!good) {
        (void)fprintf(stderr, "listener_host: %s: %s\n", what, msg->text);
        exit(1);
    }
}

static void fill_body(void)
{
    static const char start[] = "{\"decision\":\"ALLOW\",\"note\":\"";
    memset(host.body, 'x', host.body_bytes);
    memcpy(host.body, start, sizeof(start) - 1);
    memcpy(host.body + host.body_bytes - 2, "\"}", 2);
}

static void listen_on(const char *address, uint32_t tag)
{
    struct pawl_errmsg msg = {0};
    uint16_t port = 0;
    const struct pawl_http_listen listen = {.address = address, .tag = tag, .tls = host.tls};
    need(pawl_ok(pawl_http_server_listen(host.server, &listen, &port, &msg)), "listen", &msg);
    printf("{\"port\":%u}\n", (unsigned)port);
    (void)fflush(stdout);
}

int main(int count, char **words)
{
    struct pawl_errmsg msg = {0};
    int at = 1;
    host.body_bytes = BODY_BYTES;
    while (at < count && strncmp(words[at], "--", 2) == 0) {
        if (strcmp(words[at], "--tls") == 0 && at + 2 < count) {
            const struct pawl_tls_server_options tls = {.certificate_file = words[at + 1],
                                                        .key_file = words[at + 2]};
            need(pawl_ok(pawl_tls_server_new(&tls, &host.tls, &msg)), "TLS", &msg);
            at += 3;
        } else if (strcmp(words[at], "--body") == 0 && at + 1 < count) {
            host.body_bytes = (size_t)strtoul(words[at + 1], NULL, 10);
            need(host.body_bytes >= 64 && host.body_bytes <= BODY_BYTES_MAX, "--body", &msg);
            at += 2;
        } else {
            need(false, words[at], &msg);
        }
    }
    fill_body();
    need(at < count && uv_loop_init(&host.loop) == 0, "an address is missing", &msg);
    const struct pawl_http_server_options options = {
        .loop = &host.loop, .limits = PAWL_HTTP_LIMITS_DEFAULT, .handler = on_request};
    need(pawl_ok(pawl_http_server_new(&options, &host.server)), "server", &msg);
    /* Before a port is told: who has read it may send a signal at once. */
    uv_signal_init(&host.loop, &host.hangup);
    uv_signal_init(&host.loop, &host.end);
    uv_signal_start(&host.hangup, on_hangup, SIGHUP);
    uv_signal_start(&host.end, on_end, SIGTERM);
    for (uint32_t tag = 0; at < count; at++, tag++) {
        listen_on(words[at], tag);
    }
    uv_run(&host.loop, UV_RUN_DEFAULT);
    int open = uv_loop_close(&host.loop);
    PAWL_ASSERT(open == 0);
    pawl_tls_server_free(host.tls);
    return 0;
}
