/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_net.h: the functions of net/server.h and net/client.h that a handler calls, and the
 * gateway's alarms, without a loop, a socket or a clock behind them. A test plays client,
 * provider and time itself, one step after the other.
 *
 * A program that links this file does not take the real ones out of their libraries.
 */
#ifndef PAWL_TESTS_LIB_FAKE_NET_H
#define PAWL_TESTS_LIB_FAKE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/client.h"
#include "net/server.h"

enum { FAKE_CALLS_MAX = 256, FAKE_ALARMS_MAX = 256 };

/* What the gateway sees as an exchange. */
struct pawl_http_exchange {
    struct pawl_http_request request;
    struct pawl_http_header headers[4];
    void *owner;
    void (*gone)(struct pawl_http_exchange *exchange);
    void (*drained)(struct pawl_http_exchange *exchange);
    bool is_gone;
    bool full; /* the next write says "pause" */
    bool begun;
    bool answered;
    bool aborted;
    int status;
    struct pawl_buf body;
};

void fake_exchange_init(struct pawl_http_exchange *exchange, const char *path, const char *body);
void fake_exchange_free(struct pawl_http_exchange *exchange);
/* The client disconnects. */
void fake_exchange_leave(struct pawl_http_exchange *exchange);
bool fake_exchange_says(const struct pawl_http_exchange *exchange, const char *text);

/* A call that was started upstream. */
struct pawl_http_call {
    struct pawl_http_call_events events;
    struct pawl_buf url;
    struct pawl_buf body;
    bool open;
    bool aborted;
    bool paused;
    uint32_t resumes;
};

/* The calls started so far, in order. */
extern struct pawl_http_call fake_calls[FAKE_CALLS_MAX];
extern size_t fake_call_count;
/* The next start fails as an address that cannot be reached would. */
extern bool fake_start_fails;

void fake_call_head(struct pawl_http_call *call, int status, const char *content_type);
/* true: the owner takes more. */
bool fake_call_body(struct pawl_http_call *call, const char *text);
void fake_call_done(struct pawl_http_call *call);
void fake_call_fail(struct pawl_http_call *call, enum pawl_http_phase phase);

/* Monotonic time, and the alarms that were set by it. */
extern int64_t fake_now_us;
/* Rings every alarm that is due within the time from now; returns how many rang. */
size_t fake_alarms_ring(int64_t within_ms);
/* Runs the closed callbacks of alarms that were closed. */
void fake_alarms_close(void);

/* Forgets calls and time. No alarm may be left. */
void fake_net_reset(void);

#endif
