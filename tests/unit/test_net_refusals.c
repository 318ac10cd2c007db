/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_refusals.c: what the owner of a server can make of its refusals: other headers, another
 * body, and what he is told for it. Each way to be refused is walked once, since each reaches the
 * owner from another place.
 */
#define _GNU_SOURCE
#include "test_net_support.h"

#include <stdio.h>
#include <string.h>

static struct {
    size_t count;
    int status;
    char name[32];
    uint64_t limit;
    uint32_t listener;
    bool has_request;
    char trace[32]; /* of the request, where it is known */
    size_t body_bytes;
} told;

/* As a protocol does that promises an id with every answer. */
static void
dress(void *arg, const struct pawl_http_refused *refused, struct pawl_http_refusal_answer *answer)
{
    (void)arg;
    told.count += 1;
    told.status = refused->status;
    told.limit = refused->limit;
    told.listener = refused->listener;
    snprintf(told.name, sizeof(told.name), "%s", refused->name);
    told.has_request = refused->request != NULL;
    told.trace[0] = '\0';
    if (refused->request != NULL) {
        const struct pawl_http_header *trace = pawl_http_find_header(
            refused->request->headers, refused->request->header_count, "X-Trace");
        if (trace != NULL) {
            assert_true(pawl_slice_copy_str(trace->value, told.trace, sizeof(told.trace)));
        }
        told.body_bytes = refused->request->body.bytes;
    }
    struct pawl_http_header *headers = pawl_arena_alloc(answer->arena, 3 * sizeof(*headers));
    if (headers == NULL) {
        return;
    }
    headers[0] = answer->headers[0];
    headers[1] = (struct pawl_http_header){PAWL_SLICE("X-Request-Id"), PAWL_SLICE("req_1")};
    headers[2] = (struct pawl_http_header){PAWL_SLICE("Connection"), PAWL_SLICE("keep-alive")};
    answer->headers = headers;
    answer->header_count = 3;
    answer->body = pawl_arena_printf(answer->arena, "{\"error\":\"%s\",\"request_id\":\"req_1\"}",
                                     refused->name);
}

static void open_dressed(struct fixture *f, struct pawl_http_limits limits)
{
    memset(&told, 0, sizeof(told));
    world_open(&f->world);
    service_open_with(&f->service, &f->world,
                      &(struct service_options){.limits = limits, .refusal = dress});
    wire_connect(&f->wire, &f->world, f->service.port);
}

/* Waits for the end of the connection and looks at the one answer. */
static void expect(struct fixture *f, const char *status, const char *name)
{
    WAIT_UNTIL(&f->world, f->wire.eof);
    char start[32];
    char body[96];
    snprintf(start, sizeof(start), "HTTP/1.1 %s ", status);
    int bytes =
        snprintf(body, sizeof(body), "\r\n\r\n{\"error\":\"%s\",\"request_id\":\"req_1\"}", name);
    char length[48];
    snprintf(length, sizeof(length), "\r\nContent-Length: %d\r\n", bytes - 4);
    assert_int_equal(strncmp(wire_text(&f->wire), start, strlen(start)), 0);
    assert_true(wire_has(&f->wire, "X-Request-Id: req_1\r\n"));
    assert_true(wire_has(&f->wire, "Content-Type: application/json\r\n"));
    assert_int_equal(wire_count(&f->wire, "Connection: close\r\n"), 1);
    assert_false(wire_has(&f->wire, "keep-alive"));
    assert_true(wire_has(&f->wire, length));
    assert_true(wire_has(&f->wire, body));
    assert_int_equal(told.count, 1);
    assert_string_equal(told.name, name);
    assert_int_equal(f->service.request_count, 0);
}

static void owner_dresses_what_is_not_http(void **state)
{
    (void)state;
    struct fixture f;
    open_dressed(&f, limits_default());
    wire_send(&f.wire, "hello\r\n\r\n");
    expect(&f, "400", "request_line");
    assert_false(told.has_request);
    assert_int_equal(told.limit, 0);
    fixture_close(&f);
}

static void owner_dresses_a_head_that_is_too_large(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_bytes_max = 64;
    open_dressed(&f, limits);
    wire_send(&f.wire, "GET / HTTP/1.1\r\nX-Trace: t1\r\n"
                       "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n");
    expect(&f, "431", "head_too_large");
    assert_false(told.has_request);
    assert_int_equal(told.limit, 64);
    fixture_close(&f);
}

static void owner_dresses_a_body_that_is_too_large_and_sees_the_head(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_bytes_max = 10;
    open_dressed(&f, limits);
    wire_send(&f.wire, "POST /x HTTP/1.1\r\nHost: h\r\nX-Trace: t2\r\n"
                       "Content-Length: 11\r\n\r\nhello world");
    expect(&f, "413", "body_too_large");
    assert_true(told.has_request);
    assert_string_equal(told.trace, "t2");
    assert_int_equal(told.body_bytes, 0);
    assert_int_equal(told.limit, 10);
    fixture_close(&f);
}

static void owner_dresses_times_that_ran_out(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.head_timeout_ms = 5;
    open_dressed(&f, limits);
    wire_send(&f.wire, "GET / HTTP/1.1\r\n");
    expect(&f, "408", "head_timeout");
    assert_false(told.has_request);
    fixture_close(&f);
    limits = limits_default();
    limits.body_timeout_ms = 5;
    open_dressed(&f, limits);
    wire_send(&f.wire, "POST / HTTP/1.1\r\nHost: h\r\nX-Trace: t3\r\nContent-Length: 9\r\n\r\nhel");
    expect(&f, "408", "body_timeout");
    assert_string_equal(told.trace, "t3");
    fixture_close(&f);
}

static void owner_dresses_one_connection_too_many(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.connection_count_max = 1;
    open_dressed(&f, limits);
    WAIT_UNTIL(&f.world, pawl_http_server_connection_count(f.service.server) == 1);
    struct wire second;
    wire_connect(&second, &f.world, f.service.port);
    wire_send(&second, "GET / HTTP/1.1\r\nHost: h\r\nX-Trace: t4\r\n\r\n");
    WAIT_UNTIL(&f.world, second.eof);
    assert_true(wire_has(&second, "HTTP/1.1 503 "));
    assert_true(wire_has(&second, "X-Request-Id: req_1\r\n"));
    assert_string_equal(told.name, "too_many_connections");
    assert_string_equal(told.trace, "t4");
    assert_int_equal(told.limit, 1);
    wire_close(&second);
    fixture_close(&f);
}

static void refusal_of_a_head_request_has_no_body(void **state)
{
    (void)state;
    struct fixture f;
    struct pawl_http_limits limits = limits_default();
    limits.body_bytes_max = 10;
    open_dressed(&f, limits);
    wire_send(&f.wire, "HEAD /x HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world");
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 413 "));
    assert_false(wire_has(&f.wire, "req_1\"}"));
    fixture_close(&f);
}

static void dress_out_of_form(void *arg,
                              const struct pawl_http_refused *refused,
                              struct pawl_http_refusal_answer *answer)
{
    (void)arg;
    (void)refused;
    answer->status = 404;
    answer->header_count = 0;
    answer->body = PAWL_SLICE("");
}

static void owner_may_change_all_of_it(void **state)
{
    (void)state;
    struct fixture f;
    world_open(&f.world);
    service_open_with(
        &f.service, &f.world,
        &(struct service_options){.limits = limits_default(), .refusal = dress_out_of_form});
    wire_connect(&f.wire, &f.world, f.service.port);
    wire_send(&f.wire, "what\r\n");
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_string_equal(wire_text(&f.wire), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
                                            "Connection: close\r\n\r\n");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_dresses_what_is_not_http),
        cmocka_unit_test(owner_dresses_a_head_that_is_too_large),
        cmocka_unit_test(owner_dresses_a_body_that_is_too_large_and_sees_the_head),
        cmocka_unit_test(owner_dresses_times_that_ran_out),
        cmocka_unit_test(owner_dresses_one_connection_too_many),
        cmocka_unit_test(refusal_of_a_head_request_has_no_body),
        cmocka_unit_test(owner_may_change_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
