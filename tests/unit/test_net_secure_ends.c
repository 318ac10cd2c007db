/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_secure_ends.c: how connections with TLS end: with a goodbye where an answer came to its
 * end, without one where it did not, and by clients that leave in every way there is.
 */
#define _GNU_SOURCE
#include "test_net_secure.h"

#include <string.h>
#include <sys/socket.h>

static void connect_to(struct scene *scene, struct secure *secure)
{
    scene_connect(scene, secure);
    secure_wait_open(secure);
}

static void wait_end(struct secure *secure)
{
    WAIT_UNTIL(secure->wire.world, secure_pump(secure) && secure->wire.eof);
    secure_pump(secure);
}

static void wait_gone(struct scene *scene)
{
    WAIT_UNTIL(&scene->world, pawl_http_server_connection_count(scene->service.server) == 0);
}

/* --- Orderly ends --------------------------------------------------------------------------- */

static void server_says_goodbye_after_the_last_answer(void **state)
{
    (void)state;
    static const char *const lasts[] = {
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        /* More is on its way, which it drops. */
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/more"),
        "GET / HTTP/1.0\r\nHost: h\r\n\r\n",
        "nonsense\r\n\r\n",
    };
    struct scene scene;
    scene_open(&scene, limits_default());
    scene.service.answer_at_once = true;
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        struct secure secure;
        connect_to(&scene, &secure);
        secure_send(&secure, lasts[i]);
        wait_end(&secure);
        assert_true(secure.goodbye);
        assert_false(secure.wire.broken);
        assert_int_equal(secure_count(&secure, "HTTP/1.1 "), 1);
        secure_close(&secure);
    }
    assert_int_equal(scene.service.request_count, 3);
    scene_close(&scene);
}

static void server_says_goodbye_to_idle_connections(void **state)
{
    (void)state;
    struct pawl_http_limits limits = limits_default();
    limits.idle_timeout_ms = 10;
    struct scene scene;
    scene_open(&scene, limits);
    struct secure secure;
    connect_to(&scene, &secure);
    wait_end(&secure);
    assert_true(secure.goodbye);
    secure_close(&secure);
    scene_close(&scene);
}

static void server_breaks_an_answer_off_so_that_it_shows(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    struct secure secure;
    connect_to(&scene, &secure);
    secure_send(&secure, "GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    WAIT_UNTIL(&scene.world, secure_pump(&secure) && scene.service.held_count == 1);
    struct pawl_http_exchange *exchange = service_take(&scene.service);
    pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
    assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("half")));
    WAIT_UNTIL(&scene.world, secure_has(&secure, "half"));
    pawl_http_reply_abort(exchange);
    wait_end(&secure);
    assert_false(secure.goodbye);
    secure_close(&secure);
    scene_close(&scene);
}

static void on_drain(void *arg)
{
    *(bool *)arg = true;
}

static void drain_lets_answers_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    struct secure idle;
    struct secure busy;
    struct wire half;
    connect_to(&scene, &idle);
    connect_to(&scene, &busy);
    secure_send(&busy, GET("/"));
    WAIT_UNTIL(&scene.world, secure_pump(&busy) && scene.service.held_count == 1);
    wire_connect(&half, &scene.world, scene.service.port);
    WAIT_UNTIL(&scene.world, pawl_http_server_connection_count(scene.service.server) == 3);
    bool drained = false;
    pawl_http_server_drain(scene.service.server, on_drain, &drained);
    wait_end(&idle);
    assert_true(idle.goodbye);
    WAIT_UNTIL(&scene.world, half.eof);
    assert_false(drained);
    pawl_http_reply(service_take(&scene.service), 200, NULL, 0, PAWL_SLICE("last"));
    wait_end(&busy);
    assert_true(busy.goodbye);
    assert_true(secure_has(&busy, "last"));
    WAIT_UNTIL(&scene.world, drained);
    secure_close(&idle);
    secure_close(&busy);
    wire_close(&half);
    scene_close(&scene);
}

/* --- Clients that go away ------------------------------------------------------------------- */

enum leaving { LEAVE_BY_GOODBYE, LEAVE_BY_END, LEAVE_BY_RESET, LEAVE_BY_GARBAGE, LEAVE_COUNT };

static void leave(struct secure *secure, enum leaving how)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    switch (how) {
    case LEAVE_BY_GOODBYE:
        (void)SSL_shutdown(secure->ssl);
        secure_pump(secure);
        return;
    case LEAVE_BY_END:
        assert_int_equal(shutdown(secure->wire.fd, SHUT_WR), 0);
        return;
    case LEAVE_BY_RESET:
        assert_int_equal(
            setsockopt(secure->wire.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        return;
    case LEAVE_BY_GARBAGE:
        wire_send_bytes(&secure->wire, "\x17\x03\x03\x00\x20 what no key of its would have made",
                        38);
        return;
    case LEAVE_COUNT:
        break;
    }
    fail();
}

static void server_notices_a_client_that_leaves_before_the_answer(void **state)
{
    (void)state;
    for (int how = 0; how < LEAVE_COUNT; how++) {
        struct scene scene;
        scene_open(&scene, limits_default());
        struct secure secure;
        connect_to(&scene, &secure);
        secure_send(&secure, GET("/"));
        WAIT_UNTIL(&scene.world, secure_pump(&secure) && scene.service.held_count == 1);
        struct pawl_http_exchange *exchange = service_take(&scene.service);
        leave(&secure, (enum leaving)how);
        if (how == LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        WAIT_UNTIL(&scene.world, scene.service.gone_count == 1);
        pawl_http_reply(exchange, 200, NULL, 0, PAWL_SLICE("nobody hears"));
        wait_gone(&scene);
        assert_int_equal(scene.service.gone_count, 1);
        if (how != LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        scene_close(&scene);
    }
}

/* With a large answer half written, so that something waits in every buffer. */
static void server_notices_a_client_that_leaves_in_mid_stream(void **state)
{
    (void)state;
    for (int how = 0; how < LEAVE_COUNT; how++) {
        struct scene scene;
        scene_open(&scene, limits_default());
        struct secure secure;
        connect_to(&scene, &secure);
        secure_send(&secure, GET("/"));
        WAIT_UNTIL(&scene.world, secure_pump(&secure) && scene.service.held_count == 1);
        struct pawl_http_exchange *exchange = service_take(&scene.service);
        wire_pause(&secure.wire, true);
        pawl_http_reply_begin(exchange, 200, NULL, 0, -1);
        service_fill(&scene.service, exchange);
        leave(&secure, (enum leaving)how);
        if (how == LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        WAIT_UNTIL(&scene.world, scene.service.gone_count == 1);
        assert_true(pawl_http_reply_write(exchange, PAWL_SLICE("more")));
        pawl_http_reply_end(exchange);
        wait_gone(&scene);
        if (how != LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        scene_close(&scene);
    }
}

static void server_forgets_a_client_that_leaves_in_mid_request(void **state)
{
    (void)state;
    for (int how = 0; how < LEAVE_COUNT; how++) {
        struct scene scene;
        scene_open(&scene, limits_default());
        struct secure secure;
        connect_to(&scene, &secure);
        secure_send(&secure, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhel");
        WAIT_UNTIL(&scene.world, wire_all_sent(&secure.wire));
        leave(&secure, (enum leaving)how);
        if (how == LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        wait_gone(&scene);
        assert_int_equal(scene.service.request_count, 0);
        if (how != LEAVE_BY_RESET) {
            secure_close(&secure);
        }
        scene_close(&scene);
    }
}

/* The request and the goodbye in one piece. */
static void server_serves_what_came_before_the_end(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, limits_default());
    struct secure secure;
    connect_to(&scene, &secure);
    secure_send(&secure, GET("/parting"));
    leave(&secure, LEAVE_BY_GOODBYE);
    WAIT_UNTIL(&scene.world, scene.service.request_count == 1);
    WAIT_UNTIL(&scene.world, scene.service.gone_count == 1);
    pawl_http_reply(service_take(&scene.service), 200, NULL, 0, PAWL_SLICE("nobody hears"));
    wait_gone(&scene);
    secure_close(&secure);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_says_goodbye_after_the_last_answer),
        cmocka_unit_test(server_says_goodbye_to_idle_connections),
        cmocka_unit_test(server_breaks_an_answer_off_so_that_it_shows),
        cmocka_unit_test(drain_lets_answers_end),
        cmocka_unit_test(server_notices_a_client_that_leaves_before_the_answer),
        cmocka_unit_test(server_notices_a_client_that_leaves_in_mid_stream),
        cmocka_unit_test(server_forgets_a_client_that_leaves_in_mid_request),
        cmocka_unit_test(server_serves_what_came_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
