/* SPDX-License-Identifier: Apache-2.0 */
/* test_net_calls.c: see the header. */
#define _GNU_SOURCE
#include "test_net_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (record->close_in_body) {
        pawl_http_client_close(record->calls->client);
        record->calls->client = NULL;
        return true;
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

void record_open(struct record *record, struct calls *calls)
{
    *record = (struct record){.calls = calls};
    pawl_buf_init(&record->headers, 1 << 20);
    pawl_buf_init(&record->body, 64 << 20);
}

void record_close(struct record *record)
{
    pawl_buf_free(&record->headers);
    pawl_buf_free(&record->body);
}

void calls_open_with(struct calls *calls, bool use_proxy_environment)
{
    world_open(&calls->world);
    origin_open(&calls->origin, &calls->world);
    struct pawl_http_client_options options = {.loop = &calls->world.loop,
                                               .use_proxy_environment = use_proxy_environment};
    assert_true(pawl_ok(pawl_http_client_new(&options, &calls->client)));
    record_open(&calls->record, calls);
}

void calls_open(struct calls *calls)
{
    calls_open_with(calls, false);
}

void calls_close(struct calls *calls)
{
    if (calls->client != NULL) {
        pawl_http_client_close(calls->client);
    }
    record_close(&calls->record);
    origin_close(&calls->origin);
    world_close(&calls->world);
}

pawl_err call_try_start(struct calls *calls, struct record *record, struct request request)
{
    char url[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)calls->origin.port, request.path);
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
    return pawl_http_call_start(calls->client, &options, &record->call, &msg);
}

void call_start(struct calls *calls, struct record *record, struct request request)
{
    assert_true(pawl_ok(call_try_start(calls, record, request)));
    assert_int_equal(record->done_count + record->head_count, 0);
}

void call_get(struct calls *calls, struct record *record)
{
    call_start(calls, record, (struct request){.method = "GET", .path = "/"});
}

void call_post(struct calls *calls, struct record *record)
{
    call_start(calls, record, (struct request){.method = "POST", .path = "/", .body = "hello"});
}

bool calls_has_request(struct calls *calls, size_t index, const char *end)
{
    return calls->origin.wire_count > index && wire_has(&calls->origin.wires[index], end);
}

struct wire *calls_next_request(struct calls *calls, size_t index, const char *end)
{
    WAIT_UNTIL(&calls->world, calls_has_request(calls, index, end));
    return &calls->origin.wires[index];
}

void assert_buf_is(struct pawl_buf *buf, const char *text)
{
    assert_string_equal(pawl_buf_cstr(buf), text);
}

void assert_call_failed(const struct record *record,
                        enum pawl_err_code code,
                        enum pawl_http_phase phase)
{
    if (record->done_count != 1 || record->err.code != code || record->phase != phase ||
        record->why[0] == '\0') {
        fail_msg("done %zu times, err %s, phase %d, \"%s\"", record->done_count,
                 pawl_err_name(record->err), (int)record->phase, record->why);
    }
}

void wire_send_large_answer(struct wire *wire, size_t bytes)
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
