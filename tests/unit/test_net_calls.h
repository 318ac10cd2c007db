/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_net_calls.h: a client, an origin that says what the test says, and records of what a
 * call's owner was told. The callbacks do what the record asks for: pause, resume, abort, close.
 */
#ifndef PAWL_TESTS_UNIT_TEST_NET_CALLS_H
#define PAWL_TESTS_UNIT_TEST_NET_CALLS_H

#include "test_net_support.h"

#include "base/buf.h"
#include "net/client.h"

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

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
    bool close_in_body;
    struct record *abort_other; /* in on_body */
    struct calls *calls;
    void (*then)(struct record *record); /* in on_done */
};

struct calls {
    struct world world;
    struct origin origin;
    struct pawl_http_client *client;
    struct record record;
};

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

void record_open(struct record *record, struct calls *calls);
void record_close(struct record *record);
void calls_open(struct calls *calls);
void calls_open_with(struct calls *calls, bool use_proxy_environment);
void calls_close(struct calls *calls);

pawl_err call_try_start(struct calls *calls, struct record *record, struct request request);
void call_start(struct calls *calls, struct record *record, struct request request);
void call_get(struct calls *calls, struct record *record);
void call_post(struct calls *calls, struct record *record);
/* The origin's connection of that number has come, and what it has read holds the text `end`. */
bool calls_has_request(struct calls *calls, size_t index, const char *end);
/* That connection, once it is so. */
struct wire *calls_next_request(struct calls *calls, size_t index, const char *end);

/* 200 with so many bytes of body: more than the kernel takes from a sender who is not read. */
void wire_send_large_answer(struct wire *wire, size_t bytes);

void assert_buf_is(struct pawl_buf *buf, const char *text);
void assert_call_failed(const struct record *record,
                        enum pawl_err_code code,
                        enum pawl_http_phase phase);

#endif
