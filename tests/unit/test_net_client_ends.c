/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_client_ends.c: ends of calls that the owner chooses: aborting, starting again and
 * closing wherever that may be, and no memory for it.
 */
#define _GNU_SOURCE
#include "test_net_calls.h"

#include <stdio.h>

#include "base/alloc.h"

static void client_aborts_in_mid_body(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    WAIT_UNTIL(&f.world, f.record.body.bytes == 4);
    pawl_http_call_abort(f.record.call);
    WAIT_UNTIL(&f.world, wire->eof);
    assert_int_equal(f.record.done_count, 0);
    calls_close(&f);
}

static void client_may_be_aborted_before_it_has_begun(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    call_get(&f, &f.record);
    pawl_http_call_abort(f.record.call);
    struct record second;
    record_open(&second, &f);
    call_get(&f, &second);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, second.done_count == 1);
    assert_int_equal(f.record.done_count, 0);
    assert_int_equal(wire_count(&f.origin.wires[0], "HTTP/1.1"), 1);
    record_close(&second);
    calls_close(&f);
}

static void client_may_be_aborted_inside_its_callbacks(void **state)
{
    (void)state;
    for (int in_body = 0; in_body < 2; in_body++) {
        struct calls f;
        calls_open(&f);
        f.record.abort_in_head = in_body == 0;
        f.record.abort_in_body = in_body == 1;
        call_get(&f, &f.record);
        struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
        wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld");
        WAIT_UNTIL(&f.world, wire->eof);
        assert_int_equal(f.record.done_count, 0);
        assert_int_equal(f.record.head_count, 1);
        assert_int_equal(f.record.body_calls, in_body == 1 ? 1 : 0);
        /* The handle is fit for another call. */
        f.record.abort_in_head = false;
        f.record.abort_in_body = false;
        f.record.head_count = 0;
        call_get(&f, &f.record);
        wire_send(calls_next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
        WAIT_UNTIL(&f.world, f.record.done_count == 1);
        calls_close(&f);
    }
}

static void client_may_abort_one_call_inside_another(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    struct record victim;
    record_open(&victim, &f);
    call_get(&f, &victim);
    struct wire *waiting = calls_next_request(&f, 0, "\r\n\r\n");
    f.record.abort_other = &victim;
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    WAIT_UNTIL(&f.world, waiting->eof);
    assert_int_equal(victim.done_count, 0);
    record_close(&victim);
    calls_close(&f);
}

static void start_again(struct record *record)
{
    record->then = NULL;
    record->done_count = 0;
    record->head_count = 0;
    call_get(record->calls, record);
}

static void client_may_start_a_call_inside_on_done(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    f.record.then = start_again;
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire_forget(wire);
    wire_send(wire, OK_HELLO);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1);
    assert_buf_is(&f.record.body, "hellohello");
    calls_close(&f);
}

static void close_client(struct record *record)
{
    pawl_http_client_close(record->calls->client);
    record->calls->client = NULL;
}

static void client_may_be_closed_inside_on_done(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    struct record other;
    record_open(&other, &f);
    call_get(&f, &other);
    struct wire *waiting = calls_next_request(&f, 0, "\r\n\r\n");
    f.record.then = close_client;
    call_get(&f, &f.record);
    wire_send(calls_next_request(&f, 1, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, f.record.done_count == 1 && waiting->eof);
    assert_int_equal(other.done_count, 0);
    record_close(&other);
    calls_close(&f);
}

static void client_may_be_closed_inside_on_body(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    f.record.close_in_body = true;
    call_get(&f, &f.record);
    struct wire *wire = calls_next_request(&f, 0, "\r\n\r\n");
    wire_send(wire, OK_HELLO);
    WAIT_UNTIL(&f.world, wire->eof);
    assert_int_equal(f.record.body_calls, 1);
    assert_int_equal(f.record.done_count, 0);
    calls_close(&f);
}

/* Whatever allocation fails, start says so or the call ends once, whole or with an error. */
static void client_survives_every_failed_allocation(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t nth = 1; failed; nth++) {
        struct calls f;
        calls_open(&f);
        struct service service;
        service_open(&service, &f.world, limits_default());
        service.answer_at_once = true;
        char url[64];
        snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", (unsigned)service.port);
        /* The server's own share of the allocations must not be what fails. */
        struct record first;
        record_open(&first, &f);
        call_start(&f, &first, (struct request){.method = "GET", .url = url});
        WAIT_UNTIL(&f.world, first.done_count == 1);
        record_close(&first);
        struct record second;
        record_open(&second, &f);
        pawl_alloc_fail_at(nth, 1);
        struct request request = {.method = "POST", .url = url, .body = "x"};
        bool started = pawl_ok(call_try_start(&f, &f.record, request));
        bool started_too = pawl_ok(call_try_start(&f, &second, request));
        WAIT_UNTIL(&f.world, (!started || f.record.done_count == 1) &&
                                 (!started_too || second.done_count == 1));
        failed = pawl_alloc_failures() > 0;
        pawl_alloc_fail_at(0, 0);
        if (!failed) {
            assert_true(pawl_ok(f.record.err) && pawl_ok(second.err));
            assert_true(nth > 3);
        }
        record_close(&second);
        service_close(&service);
        calls_close(&f);
    }
}

static void client_ends_silently_with_calls_in_every_state(void **state)
{
    (void)state;
    struct calls f;
    calls_open(&f);
    struct record records[4];
    for (size_t i = 0; i < 4; i++) {
        record_open(&records[i], &f);
    }
    call_get(&f, &records[0]);
    wire_send(calls_next_request(&f, 0, "\r\n\r\n"), OK_HELLO);
    WAIT_UNTIL(&f.world, records[0].done_count == 1);
    records[1].pause_count = 1;
    call_get(&f, &records[1]);
    WAIT_UNTIL(&f.world, wire_count(&f.origin.wires[0], "\r\n\r\n") == 2);
    wire_send_large_answer(&f.origin.wires[0], 1 << 20);
    WAIT_UNTIL(&f.world, records[1].body_calls == 1);
    call_get(&f, &records[2]);
    (void)calls_next_request(&f, 1, "\r\n\r\n");
    call_get(&f, &records[3]);
    pawl_http_client_close(f.client);
    f.client = NULL;
    WAIT_UNTIL(&f.world, f.origin.wires[1].eof);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(records[i].done_count, i == 0 ? 1 : 0);
        record_close(&records[i]);
    }
    calls_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_aborts_in_mid_body),
        cmocka_unit_test(client_may_be_aborted_before_it_has_begun),
        cmocka_unit_test(client_may_be_aborted_inside_its_callbacks),
        cmocka_unit_test(client_may_abort_one_call_inside_another),
        cmocka_unit_test(client_may_start_a_call_inside_on_done),
        cmocka_unit_test(client_may_be_closed_inside_on_done),
        cmocka_unit_test(client_may_be_closed_inside_on_body),
        cmocka_unit_test(client_ends_silently_with_calls_in_every_state),
        cmocka_unit_test(client_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
