/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_net.c: see fake_net.h. The contracts of the real functions are asserted: an exchange is
 * answered once, a call is heard of no more after abort or done.
 */
#include "tests/lib/fake_net.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "gateway/alarm.h"

enum { BODY_BYTES_MAX = 1 << 24 };

struct pawl_http_call fake_calls[FAKE_CALLS_MAX];
size_t fake_call_count;
bool fake_start_fails;
int64_t fake_now_us;

/* --- Exchanges ------------------------------------------------------------------------------ */

void fake_exchange_init(struct pawl_http_exchange *exchange, const char *path, const char *body)
{
    *exchange = (struct pawl_http_exchange){
        .request = {.method = PAWL_SLICE("POST"),
                    .target = pawl_slice_str(path),
                    .path = pawl_slice_str(path),
                    .body = pawl_slice_str(body)},
        .headers = {{PAWL_SLICE("content-type"), PAWL_SLICE("application/json")}},
    };
    exchange->request.headers = exchange->headers;
    exchange->request.header_count = 1;
    pawl_buf_init(&exchange->body, BODY_BYTES_MAX);
}

void fake_exchange_free(struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(exchange->answered);
    pawl_buf_free(&exchange->body);
}

void fake_exchange_leave(struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(!exchange->is_gone && !exchange->answered);
    exchange->is_gone = true;
    exchange->gone(exchange);
}

bool fake_exchange_says(const struct pawl_http_exchange *exchange, const char *text)
{
    return pawl_slice_find(pawl_buf_slice(&exchange->body), pawl_slice_str(text)) != SIZE_MAX;
}

const struct pawl_http_request *
pawl_http_exchange_request(const struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(!exchange->answered);
    return &exchange->request;
}

void pawl_http_exchange_set_owner(struct pawl_http_exchange *exchange, void *owner)
{
    exchange->owner = owner;
}

void *pawl_http_exchange_owner(const struct pawl_http_exchange *exchange)
{
    return exchange->owner;
}

void pawl_http_exchange_on_gone(struct pawl_http_exchange *exchange,
                                void (*gone)(struct pawl_http_exchange *exchange))
{
    exchange->gone = gone;
}

void pawl_http_exchange_on_drained(struct pawl_http_exchange *exchange,
                                   void (*drained)(struct pawl_http_exchange *exchange))
{
    exchange->drained = drained;
}

void pawl_http_reply(struct pawl_http_exchange *exchange,
                     int status,
                     const struct pawl_http_header *headers,
                     size_t header_count,
                     struct pawl_slice body)
{
    (void)headers;
    (void)header_count;
    PAWL_ASSERT(!exchange->answered && !exchange->begun);
    exchange->status = status;
    pawl_buf_append_slice(&exchange->body, body);
    exchange->answered = true;
}

void pawl_http_reply_begin(struct pawl_http_exchange *exchange,
                           int status,
                           const struct pawl_http_header *headers,
                           size_t header_count,
                           int64_t content_length)
{
    (void)headers;
    (void)header_count;
    (void)content_length;
    PAWL_ASSERT(!exchange->answered && !exchange->begun);
    exchange->status = status;
    exchange->begun = true;
}

bool pawl_http_reply_write(struct pawl_http_exchange *exchange, struct pawl_slice bytes)
{
    PAWL_ASSERT(exchange->begun && !exchange->answered);
    pawl_buf_append_slice(&exchange->body, bytes);
    return !exchange->full;
}

void pawl_http_reply_end(struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(exchange->begun && !exchange->answered);
    exchange->answered = true;
}

void pawl_http_reply_abort(struct pawl_http_exchange *exchange)
{
    PAWL_ASSERT(!exchange->answered);
    exchange->aborted = true;
    exchange->answered = true;
}

/* --- Calls ---------------------------------------------------------------------------------- */

pawl_err pawl_http_call_start(struct pawl_http_client *client,
                              const struct pawl_http_call_options *options,
                              struct pawl_http_call **ret_call,
                              struct pawl_errmsg *msg)
{
    (void)client;
    if (fake_start_fails) {
        fake_start_fails = false;
        pawl_errmsg_set(msg, "no such address");
        return PAWL_ERR(INVALID);
    }
    PAWL_ASSERT(fake_call_count < FAKE_CALLS_MAX);
    struct pawl_http_call *call = &fake_calls[fake_call_count++];
    *call = (struct pawl_http_call){.events = options->events, .open = true};
    pawl_buf_init(&call->url, BODY_BYTES_MAX);
    pawl_buf_init(&call->body, BODY_BYTES_MAX);
    pawl_buf_append_slice(&call->url, options->url);
    pawl_buf_append_slice(&call->body, options->body);
    *ret_call = call;
    return PAWL_OK;
}

void pawl_http_call_resume(struct pawl_http_call *call)
{
    PAWL_ASSERT(call->open);
    call->paused = false;
    call->resumes++;
}

void pawl_http_call_abort(struct pawl_http_call *call)
{
    PAWL_ASSERT(call->open);
    call->open = false;
    call->aborted = true;
}

void fake_call_head(struct pawl_http_call *call, int status, const char *content_type)
{
    PAWL_ASSERT(call->open);
    struct pawl_http_header header = {PAWL_SLICE("Content-Type"), pawl_slice_str(content_type)};
    call->events.on_head(call->events.arg, status, &header, 1);
}

bool fake_call_body(struct pawl_http_call *call, const char *text)
{
    PAWL_ASSERT(call->open && !call->paused);
    bool more = call->events.on_body(call->events.arg, pawl_slice_str(text));
    call->paused = call->open && !more;
    return more;
}

void fake_call_done(struct pawl_http_call *call)
{
    PAWL_ASSERT(call->open);
    call->open = false;
    call->events.on_done(call->events.arg, PAWL_OK, PAWL_HTTP_PHASE_DONE, "");
}

void fake_call_fail(struct pawl_http_call *call, enum pawl_http_phase phase)
{
    PAWL_ASSERT(call->open);
    call->open = false;
    call->events.on_done(call->events.arg, PAWL_ERR(IO), phase, "the test broke it");
}

/* --- Alarms --------------------------------------------------------------------------------- */

struct pawl_alarm {
    bool used;
    bool set;
    int64_t due_us;
    void (*ring)(void *arg);
    void (*closed)(void *arg);
    void *arg;
};

static struct pawl_alarm alarms[FAKE_ALARMS_MAX];

struct pawl_alarm *pawl_alarm_new(struct uv_loop_s *loop, void (*ring)(void *arg), void *arg)
{
    (void)loop;
    for (size_t i = 0; i < FAKE_ALARMS_MAX; i++) {
        if (!alarms[i].used) {
            alarms[i] = (struct pawl_alarm){.used = true, .ring = ring, .arg = arg};
            return &alarms[i];
        }
    }
    return NULL;
}

void pawl_alarm_start(struct pawl_alarm *alarm, uint64_t ms)
{
    PAWL_ASSERT(alarm->used && alarm->closed == NULL);
    alarm->set = true;
    alarm->due_us = fake_now_us + (int64_t)ms * 1000;
}

void pawl_alarm_stop(struct pawl_alarm *alarm)
{
    PAWL_ASSERT(alarm->used && alarm->closed == NULL);
    alarm->set = false;
}

void pawl_alarm_close(struct pawl_alarm *alarm, void (*closed)(void *arg))
{
    PAWL_ASSERT(alarm->used && alarm->closed == NULL);
    alarm->set = false;
    alarm->closed = closed;
}

int64_t pawl_alarm_now_us(void)
{
    return fake_now_us;
}

size_t fake_alarms_ring(int64_t within_ms)
{
    size_t count = 0;
    fake_now_us += within_ms * 1000;
    for (size_t i = 0; i < FAKE_ALARMS_MAX; i++) {
        if (alarms[i].used && alarms[i].set && alarms[i].due_us <= fake_now_us) {
            alarms[i].set = false;
            alarms[i].ring(alarms[i].arg);
            count++;
        }
    }
    return count;
}

void fake_alarms_close(void)
{
    for (size_t i = 0; i < FAKE_ALARMS_MAX; i++) {
        if (alarms[i].used && alarms[i].closed != NULL) {
            alarms[i].used = false;
            alarms[i].closed(alarms[i].arg);
        }
    }
}

void fake_net_reset(void)
{
    for (size_t i = 0; i < FAKE_ALARMS_MAX; i++) {
        PAWL_ASSERT(!alarms[i].used);
    }
    for (size_t i = 0; i < fake_call_count; i++) {
        pawl_buf_free(&fake_calls[i].url);
        pawl_buf_free(&fake_calls[i].body);
    }
    fake_call_count = 0;
    fake_now_us = 1000000;
}
