/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_probes.c: requests that two programs may read differently, over a real socket. Each
 * probe must be refused and its connection closed, and no handler may see anything of it, nor of
 * what is smuggled behind it; as the first request of a connection and behind another one in the
 * same piece, in the clear (by TCP and by a Unix socket) and over TLS.
 */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attrs.h"

/* What a smuggler hides behind a request. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

struct probe {
    const char *name;
    struct pawl_slice bytes;
    const char *answer; /* the start of the only answer */
};

#define PROBE(title, text, status)                                                                 \
    {                                                                                              \
        .name = (title), .bytes = {(text), sizeof(text) - 1}, .answer = "HTTP/1.1 " status         \
    }
#define POST_HEAD "POST /x HTTP/1.1\r\nHost: h\r\n"

static const struct probe probes[] = {
    PROBE("bare-CR header split",
          POST_HEAD "X: a\rContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello" SMUGGLED,
          "400"),
    PROBE("bare CR that ends the head", "GET / HTTP/1.1\r\nHost: h\r\n\r" SMUGGLED, "400"),
    PROBE("folded Content-Length", POST_HEAD "Content-Length:\r\n 5\r\n\r\nhello" SMUGGLED, "400"),
    PROBE("fold before the first header", "POST /x HTTP/1.1\r\n Host: h\r\n\r\n" SMUGGLED, "400"),
    PROBE("obs-fold after header", POST_HEAD "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", "400"),
    PROBE("two different Content-Length",
          POST_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" SMUGGLED,
          "400"),
    PROBE("two equal Content-Length",
          POST_HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
          "400"),
    PROBE("Content-Length + chunked",
          POST_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
          "400"),
    PROBE("chunked + Content-Length",
          POST_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" SMUGGLED,
          "400"),
    PROBE("Transfer-Encoding: xchunked + CL",
          POST_HEAD "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello",
          "501"),
    PROBE("Transfer-Encoding twice",
          POST_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
          "400"),
    PROBE("Transfer-Encoding: chunked, identity",
          POST_HEAD "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
          "501"),
    PROBE("Content-Length: +5", POST_HEAD "Content-Length: +5\r\n\r\nhello", "400"),
    PROBE("Content-Length: 5, 5", POST_HEAD "Content-Length: 5, 5\r\n\r\nhello", "400"),
    PROBE("space before colon", POST_HEAD "Content-Length : 5\r\n\r\nhello" SMUGGLED, "400"),
    PROBE("bare LF line ends", "POST /x HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello", "400"),
    PROBE("one bare LF", POST_HEAD "X: a\nContent-Length: 5\r\n\r\nhello", "400"),
    PROBE("no Host", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "400"),
    PROBE("two Hosts", POST_HEAD "Host: i\r\nContent-Length: 5\r\n\r\nhello", "400"),
    PROBE("NUL in value", POST_HEAD "X: a\0b\r\nContent-Length: 5\r\n\r\nhello", "400"),
    PROBE("chunk size 0x..",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
          "400"),
    PROBE("chunk size overflow",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
          "400"),
    PROBE("chunk size beyond every limit",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
          "413"),
    PROBE("chunk ext with LF",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n" SMUGGLED,
          "400"),
    PROBE("chunk data too long",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
          "400"),
    PROBE(
        "trailer", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n" SMUGGLED, "400"),
    PROBE("bare CR in the trailer",
          POST_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\rX" SMUGGLED,
          "400"),
    PROBE("chunked in HTTP/1.0",
          "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
          "400"),
    PROBE("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    PROBE("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" SMUGGLED, "501"),
    PROBE("TLS hello on a plain port", "\x16\x03\x01\x02\x00\x01\x00\n", "400"),
    PROBE("two spaces in the request line", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400"),
};

/* A good request that the probe hides behind. */
static const char before[] = "POST /before HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

/* `answers` is all that came: that to the good request, if there was one, and one refusal. */
static void check_refused(const struct probe *probe,
                          const struct service *service,
                          const struct pawl_buf *answers,
                          bool behind)
{
    struct pawl_slice rest = pawl_buf_slice(answers);
    if (behind) {
        size_t end = pawl_slice_find(rest, PAWL_SLICE("POST /before 5"));
        assert_true(end != SIZE_MAX);
        rest = pawl_slice_sub(rest, end + sizeof("POST /before 5") - 1, rest.bytes);
    }
    size_t head = pawl_slice_find(rest, PAWL_SLICE("\r\n\r\n{\"error\":\""));
    bool refused =
        head != SIZE_MAX && pawl_slice_starts_with(rest, pawl_slice_str(probe->answer)) &&
        pawl_slice_find(rest, PAWL_SLICE("Connection: close\r\n")) < head &&
        pawl_slice_find(pawl_slice_sub(rest, head + 4, rest.bytes), PAWL_SLICE("}HTTP/1.1")) ==
            SIZE_MAX;
    if (!refused || service->request_count != (behind ? 1 : 0)) {
        fail_msg("%s: got %zu requests and \"%.*s\"", probe->name, service->request_count,
                 (int)rest.bytes, rest.data);
    }
}

/* `path` NULL: by TCP. */
static void try_plain(struct world *world, struct service *service, const char *path, bool behind)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(probes); i++) {
        struct wire wire;
        service->request_count = 0;
        if (path != NULL) {
            wire_connect_unix(&wire, world, path);
        } else {
            wire_connect(&wire, world, service->port);
        }
        if (behind) {
            wire_send(&wire, before);
        }
        wire_send_bytes(&wire, probes[i].bytes.data, probes[i].bytes.bytes);
        WAIT_UNTIL(world, wire.eof);
        assert_false(wire.broken);
        check_refused(&probes[i], service, &wire.in, behind);
        wire_close(&wire);
    }
}

static void try_secure(struct world *world, struct service *service, SSL_CTX *client, bool behind)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(probes); i++) {
        struct secure secure;
        service->request_count = 0;
        secure_connect(&secure, world, service->port, client);
        secure_wait_open(&secure);
        char both[512];
        size_t bytes = behind ? sizeof(before) - 1 : 0;
        assert_true(bytes + probes[i].bytes.bytes <= sizeof(both));
        memcpy(both, before, bytes);
        memcpy(both + bytes, probes[i].bytes.data, probes[i].bytes.bytes);
        secure_send_bytes(&secure, both, bytes + probes[i].bytes.bytes);
        WAIT_UNTIL(world, secure_pump(&secure) && secure.wire.eof);
        secure_pump(&secure);
        assert_true(secure.goodbye);
        assert_false(secure.wire.broken);
        check_refused(&probes[i], service, &secure.plain, behind);
        secure_close(&secure);
    }
}

static void server_refuses_every_probe(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    world_open(&world);
    service_open(&service, &world, limits_default());
    service.answer_at_once = true;
    try_plain(&world, &service, NULL, false);
    try_plain(&world, &service, NULL, true);
    /* And it still serves. */
    struct wire wire;
    service.request_count = 0;
    wire_connect(&wire, &world, service.port);
    wire_send(&wire, POST_HEAD "Content-Length: 5\r\n\r\nhello");
    WAIT_UNTIL(&world, wire_has(&wire, "POST /x 5"));
    assert_true(wire_has(&wire, "HTTP/1.1 200 OK\r\n"));
    assert_int_equal(service.request_count, 1);
    wire_close(&wire);
    service_close(&service);
    world_close(&world);
}

static void server_refuses_every_probe_over_a_unix_socket(void **state)
{
    (void)state;
    struct world world;
    struct service service;
    struct pawl_errmsg msg;
    char folder[] = "/tmp/pawl_probes_XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/s", folder);
    world_open(&world);
    service_open(&service, &world, limits_default());
    service.answer_at_once = true;
    assert_true(pawl_ok(pawl_http_server_listen_unix(service.server, path, &msg)));
    try_plain(&world, &service, path, false);
    try_plain(&world, &service, path, true);
    service_close(&service);
    world_close(&world);
    assert_int_equal(rmdir(folder), 0); /* the socket went with its server */
}

static void server_refuses_every_probe_over_tls(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    try_secure(&scene.world, &scene.service, scene.client, false);
    try_secure(&scene.world, &scene.service, scene.client, true);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_refuses_every_probe),
        cmocka_unit_test(server_refuses_every_probe_over_a_unix_socket),
        cmocka_unit_test(server_refuses_every_probe_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
