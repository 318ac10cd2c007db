/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_large.c: bodies that are longer than most may be: of whom they are taken, and that
 * nobody takes all the places for them (net/places.h).
 */
#define _GNU_SOURCE
#include "net/places.h"
#include "test_net_support.h"

/* The query says whose it is. */
static struct pawl_http_body_max
twenty_of_large(void *arg, const struct pawl_http_request *request, uint32_t tag)
{
    (void)arg;
    assert_int_equal(tag, 0);
    return (struct pawl_http_body_max){.bytes =
                                           pawl_slice_equal_str(request->path, "/large") ? 20 : 0,
                                       .whose = request->query.bytes};
}

#define POST_TWENTY(path)                                                                          \
    "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n01234567890123456789"

/* The owner says whose body may be longer; of those there are so many at once. */
static void server_takes_a_large_body_of_whom_its_owner_says(void **state)
{
    (void)state;
    struct fixture f;
    struct wire second;
    struct service_options options = {.limits = limits_default(), .body_max = twenty_of_large};
    options.limits.body_bytes_max = 10;
    options.limits.large_count_max = 1;
    world_open(&f.world);
    service_open_with(&f.service, &f.world, &options);
    wire_connect(&f.wire, &f.world, f.service.port);
    wire_connect(&second, &f.world, f.service.port);
    wire_send(&f.wire, POST_TWENTY("/large"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    wire_send(&second, POST_TWENTY("/large"));
    WAIT_UNTIL(&f.world, second.eof);
    assert_true(wire_has(&second, "HTTP/1.1 503 "));
    assert_true(wire_has(&second, "\"too_many_large_bodies\""));
    assert_true(wire_has(&second, "\"limit\":1}"));
    wire_close(&second);
    /* An answer makes room for the next, on this connection and on others. */
    for (int i = 0; i < 2; i++) {
        pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("done"));
        WAIT_UNTIL(&f.world, wire_count(&f.wire, "done") == (size_t)i + 1);
        if (i == 0) {
            wire_send(&f.wire, POST_TWENTY("/large"));
            WAIT_UNTIL(&f.world, f.service.held_count == 1);
        }
    }
    wire_connect(&second, &f.world, f.service.port);
    wire_send(&second, POST_TWENTY("/large"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    wire_send(&f.wire, POST_TWENTY("/other"));
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 413 "));
    /* One that goes away while it is being answered makes room as well. */
    wire_close(&second);
    WAIT_UNTIL(&f.world, pawl_http_exchange_is_gone(f.service.held[0]));
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("done"));
    wire_connect(&second, &f.world, f.service.port);
    wire_send(&second, POST_TWENTY("/large"));
    WAIT_UNTIL(&f.world, f.service.held_count == 1);
    pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("done"));
    WAIT_UNTIL(&f.world, wire_has(&second, "done"));
    wire_close(&second);
    fixture_close(&f);
}

/* Who has as many places as are free leaves those to others. */
static void server_keeps_places_of_large_bodies_for_others(void **state)
{
    (void)state;
    struct fixture f;
    struct wire wires[3];
    struct service_options options = {.limits = limits_default(), .body_max = twenty_of_large};
    options.limits.body_bytes_max = 10;
    options.limits.large_count_max = 4;
    world_open(&f.world);
    service_open_with(&f.service, &f.world, &options);
    wire_connect(&f.wire, &f.world, f.service.port);
    for (size_t i = 0; i < 2; i++) {
        wire_connect(&wires[i], &f.world, f.service.port);
        wire_send(&wires[i], POST_TWENTY("/large"));
        WAIT_UNTIL(&f.world, f.service.held_count == i + 1);
    }
    wire_send(&f.wire, POST_TWENTY("/large"));
    WAIT_UNTIL(&f.world, f.wire.eof);
    assert_true(wire_has(&f.wire, "HTTP/1.1 503 "));
    assert_true(wire_has(&f.wire, "\"too_many_large_bodies_of_one\""));
    assert_true(wire_has(&f.wire, "\"limit\":2}"));
    wire_connect(&wires[2], &f.world, f.service.port);
    wire_send(&wires[2], POST_TWENTY("/large?another"));
    WAIT_UNTIL(&f.world, f.service.held_count == 3);
    for (size_t i = 0; i < 3; i++) {
        pawl_http_reply(service_take(&f.service), 200, NULL, 0, PAWL_SLICE("done"));
        WAIT_UNTIL(&f.world, wire_has(&wires[i], "done"));
        wire_close(&wires[i]);
    }
    fixture_close(&f);
}

static void places_are_for_whoever_has_fewer_than_are_free(void **state)
{
    (void)state;
    struct pawl_body_places places = {0};
    struct pawl_body_place taken[16] = {{0}};
    uint32_t count = 0;
    static const uint32_t shares[] = {8, 4, 2, 1, 1};
    for (uint64_t whose = 0; whose < 5; whose++) {
        uint32_t before = count;
        enum pawl_http_refusal refusal = PAWL_HTTP_REFUSAL_NONE;
        while (refusal == PAWL_HTTP_REFUSAL_NONE && count < 16) {
            taken[count].whose = whose;
            refusal = pawl_body_place_take(&taken[count], &places, 16);
            count += refusal == PAWL_HTTP_REFUSAL_NONE;
        }
        assert_true(count == 16 || refusal == PAWL_HTTP_REFUSAL_LARGE_COUNT_OF_ONE);
        assert_int_equal(count - before, shares[whose]);
        assert_int_equal(pawl_body_places_of(&places, whose), shares[whose]);
    }
    struct pawl_body_place one = {.whose = 5};
    assert_int_equal(pawl_body_place_take(&one, &places, 16), PAWL_HTTP_REFUSAL_LARGE_COUNT);
    pawl_body_place_leave(&one);
    pawl_body_place_leave(&taken[15]); /* the first of the list, its last, one between */
    pawl_body_place_leave(&taken[0]);
    pawl_body_place_leave(&taken[7]);
    assert_int_equal(pawl_body_places_of(&places, 0), 6);
    assert_int_equal(pawl_body_place_take(&one, &places, 16), PAWL_HTTP_REFUSAL_NONE);
    pawl_body_place_leave(&one);
    for (uint32_t i = 0; i < 16; i++) {
        pawl_body_place_leave(&taken[i]);
    }
    assert_int_equal(places.count, 0);
    assert_null(places.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_takes_a_large_body_of_whom_its_owner_says),
        cmocka_unit_test(places_are_for_whoever_has_fewer_than_are_free),
        cmocka_unit_test(server_keeps_places_of_large_bodies_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
