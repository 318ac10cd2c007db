/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_forward.c: the request upstream, and how long its answer is waited for. What comes is read
 * in call_answer.c.
 *
 * A client that has gone does not end the call: the answer is read on for its bill, for a while.
 * The lease of the hold is prolonged as long as the answer takes.
 */
#include "base/assert.h"
#include "gateway/gateway_priv.h"
#include "gateway/headers.h"

enum { UPSTREAM_IDLE_MS = 30 * 60 * 1000 }; /* not a byte for so long: it is dead */

/* --- The request ---------------------------------------------------------------------------- */

/* Vendors that know no other name for the ceiling. */
static bool only_old_name(struct pawl_slice provider)
{
    static const char *const names[] = {"mistral", "deepseek", "together", "cohere", "perplexity"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); i++) {
        if (pawl_slice_equal_str(provider, names[i])) {
            return true;
        }
    }
    return false;
}

static void write_body(struct pawl_model_call *call)
{
    bool hard = call->gateway->options.hard_cap;
    struct pawl_request_limits limits = {
        .ceiling = hard ? call->admission.ceiling : -1,
        .uses = hard ? call->admission.uses : -1,
        .old_name = only_old_name(call->provider),
        .summary = call->summary,
        .model = pawl_slice_empty(call->degraded_from) ? PAWL_SLICE_NONE : call->request.model,
    };
    call->answer.hide_usage = call->request.stream && !call->request.usage_asked;
    pawl_request_write(&call->request, &limits, &call->store.forwarded);
}

static pawl_err start_upstream(struct pawl_model_call *call, struct pawl_errmsg *msg)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(call->exchange);
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_headers_options keep = {.drop_accept_encoding = true,
                                        .drop_content_encoding = true,
                                        .drop_attribution = true,
                                        .extra = 1};
    size_t header_count = 0;
    struct pawl_http_header *headers = pawl_headers_forward(
        request->headers, request->header_count, &keep, &call->store.arena, &header_count);
    write_body(call);
    pawl_route_append_url(&call->route, gateway->bases[call->route.upstream], request->query,
                          &call->store.url);
    if (headers == NULL || call->store.url.overflowed || call->store.forwarded.overflowed) {
        pawl_errmsg_set(msg, "no memory for the request");
        return PAWL_ERR(MEMORY);
    }
    struct pawl_http_call_options options = {
        .method = PAWL_SLICE("POST"),
        .url = pawl_buf_slice(&call->store.url),
        .headers = headers,
        .header_count = header_count,
        .body = pawl_buf_slice(&call->store.forwarded),
        .has_body = true,
        .idle_timeout_ms =
            gateway->options.idle_ms != 0 ? gateway->options.idle_ms : UPSTREAM_IDLE_MS,
        .events = pawl_model_call_answer_events(call),
    };
    return pawl_http_call_start(gateway->options.client, &options, &call->upstream, msg);
}

void pawl_model_call_forward(struct pawl_model_call *call)
{
    pawl_model_call_move(call, PAWL_MODEL_CALL_FORWARDING);
    if (call->client_gone) {
        pawl_model_call_release_hold(call, PAWL_END_CLIENT_GONE);
        return;
    }
    if (call->gateway->stopped) {
        call->words = call->gateway->latch;
        call->words.latches = false;
        pawl_model_call_release_hold(call, PAWL_END_CUT);
        pawl_refuse_cut(call);
        return;
    }
    struct pawl_errmsg msg = {.text = ""};
    if (pawl_failed(start_upstream(call, &msg))) {
        pawl_model_call_unreachable(call, "the request could not be sent", msg.text);
        pawl_model_call_release_hold(call, PAWL_END_ERROR);
        pawl_refuse_cut(call);
        return;
    }
    call->gateway->counters.calls++;
    call->sent_us = pawl_alarm_now_us();
    pawl_model_call_set_timer(call, PAWL_LEASE_MS / 2);
}

/* --- Holding on ----------------------------------------------------------------------------- */

void pawl_model_call_resume(struct pawl_model_call *call)
{
    if (call->upstream != NULL && !call->answer.client_slow && !call->answer.gated) {
        pawl_http_call_resume(call->upstream);
    }
}

void pawl_model_call_time_drain(struct pawl_model_call *call)
{
    const struct pawl_gateway *gateway = call->gateway;
    uint32_t drain_ms = gateway->options.drain_ms != 0 ? gateway->options.drain_ms : PAWL_DRAIN_MS;
    if (gateway->settle_drain_ms != 0) {
        drain_ms = gateway->settle_drain_ms;
    }
    if (call->had_all && drain_ms > PAWL_LINGER_MS) {
        drain_ms = PAWL_LINGER_MS;
    }
    pawl_model_call_set_timer(call, drain_ms);
}

bool pawl_model_call_has_all(const struct pawl_model_call *call)
{
    return call->answer.kind == PAWL_ANSWER_STREAM && !call->answer.gated &&
           pawl_meter_result(&call->answer.meter)->terminal;
}

void pawl_model_call_drain(struct pawl_model_call *call)
{
    pawl_model_call_move(call, PAWL_MODEL_CALL_DRAINING);
    pawl_model_call_time_drain(call);
    call->answer.client_slow = false;
    pawl_model_call_resume(call);
}

void pawl_model_call_drained(struct pawl_model_call *call)
{
    pawl_model_call_let_go(call);
    if (call->answer.kind == PAWL_ANSWER_ERROR) {
        pawl_model_call_release_hold(call, PAWL_END_ERROR);
    } else if (call->had_all) {
        pawl_model_call_stream_ended(call, true);
        return;
    } else {
        pawl_model_call_settle(call, call->cut ? PAWL_END_CUT : PAWL_END_CLIENT_GONE);
    }
    if (!call->cut) {
        pawl_model_call_abort_exchange(call);
    }
}

static void on_prolonged(struct pawl_model_call *call, const struct pawl_result *result)
{
    (void)call;
    (void)result; /* a lease that ends is booked at its hold, and corrected when the call ends */
}

void pawl_model_call_prolong(struct pawl_model_call *call)
{
    if (pawl_model_call_has_all(call)) {
        pawl_model_call_let_go(call); /* everything came but the end of the connection */
        pawl_model_call_stream_ended(call, true);
        return;
    }
    if (!call->lease_op.open) {
        struct pawl_command command = {
            .type = PAWL_COMMAND_EXTEND,
            .u.extend = {.reservation = call->hold, .ttl_ms = PAWL_LEASE_MS / 2},
        };
        pawl_model_call_submit(call, &call->lease_op, &command, on_prolonged);
    }
    pawl_model_call_set_timer(call, PAWL_LEASE_MS / 2);
}
