/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_stream.c: an answer event by event. For each event, in this order: the meter reads it;
 * what was put in only for the meter is taken out; a tool call in it is counted in the ledger and
 * held back until that is durable; then it goes to the client, and the hold is looked after
 * (call_hold.c).
 *
 * S1  Events reach the client in their order, and no event that opens a tool call does so before
 *     its EVENT is durable.
 * S2  Behind such an event everything waits, and the upstream is not read: what is kept is at
 *     most the rest of one read.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/usage_hide.h"

/* Whether what comes goes on to the client. */
static bool listening(const struct pawl_model_call *call)
{
    return call->exchange != NULL && !call->client_gone && !call->cut;
}

bool pawl_model_call_flowing(const struct pawl_model_call *call)
{
    return call->state == PAWL_MODEL_CALL_STREAMING || call->state == PAWL_MODEL_CALL_DRAINING;
}

/* --- Cutting -------------------------------------------------------------------------------- */

void pawl_model_call_cut(struct pawl_model_call *call)
{
    call->cut = true;
    pawl_model_call_let_go(call);
    pawl_model_call_settle(call, PAWL_END_CUT);
    pawl_refuse_cut(call);
}

/* Ends the client's answer here. Money is not what is short, so the provider's is read to its
 * end, for the true bill. */
static void cut_client(struct pawl_model_call *call)
{
    call->cut = true;
    if (call->state == PAWL_MODEL_CALL_STREAMING) {
        pawl_model_call_drain(call);
    }
    pawl_refuse_cut(call);
}

/* --- Forwarding ----------------------------------------------------------------------------- */

static void forward(struct pawl_model_call *call, struct pawl_slice bytes)
{
    if (!listening(call) || bytes.bytes == 0) {
        return;
    }
    call->answer.line_open = bytes.data[bytes.bytes - 1] != '\n';
    call->answer.any_item = true;
    if (!pawl_http_reply_write(call->exchange, bytes)) {
        call->answer.client_slow = true;
    }
}

/* What goes to the client of an event; `out` is room for a changed one. */
static struct pawl_slice
visible_part(struct pawl_model_call *call, const struct pawl_sse_event *event, struct pawl_buf *out)
{
    if (!call->answer.hide_usage) {
        return event->raw;
    }
    switch (pawl_usage_hide(event, &call->gateway->scratch, out)) {
    case PAWL_USAGE_HIDE_KEEP:
        return event->raw;
    case PAWL_USAGE_HIDE_DROP:
        return PAWL_SLICE_NONE;
    case PAWL_USAGE_HIDE_REWRITE:
        return pawl_buf_slice(out);
    }
    PAWL_UNREACHABLE();
}

/* --- Tool calls (S1, S2) -------------------------------------------------------------------- */

static void on_counted(struct pawl_model_call *call, const struct pawl_result *result);

static void finish_stream(struct pawl_model_call *call);

static void on_counted(struct pawl_model_call *call, const struct pawl_result *result)
{
    struct pawl_answer *answer = &call->answer;
    answer->gated = false;
    if (!pawl_model_call_flowing(call)) {
        return;
    }
    if (result->code == PAWL_RESULT_OK) {
        answer->tool_calls += (uint32_t)result->charged[0].value;
    } else if (listening(call)) {
        pawl_tools_refuse(call, result);
        cut_client(call);
    }
    forward(call, pawl_buf_slice(&answer->gate));
    pawl_buf_reset(&answer->gate);
    /* What waits may wait again behind another tool call, in the same buffer. */
    struct pawl_buf rest = answer->pending;
    pawl_buf_init(&answer->pending, PAWL_ANSWER_BYTES_MAX);
    (void)pawl_model_call_stream(call, pawl_buf_slice(&rest));
    pawl_buf_free(&rest);
    if (!pawl_model_call_flowing(call) || answer->gated) {
        return;
    }
    if (answer->ended) {
        finish_stream(call);
    } else {
        pawl_model_call_resume(call);
    }
}

static void on_whole_counted(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (!pawl_model_call_flowing(call)) {
        return;
    }
    if (result->code != PAWL_RESULT_OK && listening(call)) {
        pawl_tools_refuse(call, result);
        pawl_model_call_cut(call); /* all of it is here already */
        return;
    }
    if (result->code == PAWL_RESULT_OK) {
        call->answer.tool_calls = (uint32_t)result->charged[0].value;
    }
    pawl_model_call_settle(call, call->client_gone ? PAWL_END_CLIENT_GONE : PAWL_END_COMPLETE);
    pawl_model_call_reply(call, pawl_buf_slice(&call->store.decoded));
}

void pawl_model_call_count_tools(struct pawl_model_call *call, uint32_t count)
{
    pawl_tools_seen(call, pawl_buf_slice(&call->store.decoded), count);
    if (pawl_tools_bound(call)) {
        pawl_tools_submit(call, count, on_whole_counted);
        return;
    }
    pawl_model_call_settle(call, PAWL_END_COMPLETE);
    pawl_model_call_reply(call, pawl_buf_slice(&call->store.decoded));
}

/* --- Events --------------------------------------------------------------------------------- */

static enum pawl_sse_status
next_event(struct pawl_answer *answer, struct pawl_slice *bytes, struct pawl_sse_event *ret_event)
{
    return answer->items ? pawl_items_next(&answer->list, bytes, ret_event)
                         : pawl_sse_next(&answer->sse, bytes, ret_event);
}

static enum pawl_sse_status last_event(struct pawl_answer *answer, struct pawl_sse_event *ret_event)
{
    return answer->items ? pawl_items_finish(&answer->list, ret_event)
                         : pawl_sse_finish(&answer->sse, ret_event);
}

/* Holds the event back until its tool calls are counted. */
static void gate(struct pawl_model_call *call, struct pawl_slice bytes, uint32_t tool_calls)
{
    PAWL_ASSERT(!call->answer.gated && !call->event_op.open);
    call->answer.gated = true;
    pawl_buf_reset(&call->answer.gate);
    pawl_buf_append_slice(&call->answer.gate, bytes);
    pawl_tools_submit(call, tool_calls, on_counted);
}

static void note_time(struct pawl_answer *answer)
{
    answer->last_event_us = pawl_alarm_now_us();
    if (answer->first_event_us == 0) {
        answer->first_event_us = answer->last_event_us;
    }
}

static void on_event(struct pawl_model_call *call, const struct pawl_sse_event *event)
{
    struct pawl_answer *answer = &call->answer;
    const struct pawl_meter_result *metered = pawl_meter_result(&answer->meter);
    uint32_t before = metered->tool_calls;
    bool finished = metered->finished || metered->terminal;
    if (event->has_data) {
        note_time(answer);
        pawl_meter_on_event(&answer->meter, event->name, event->data);
        pawl_summary_on_event(call, event->data);
        pawl_partial_on_event(call, event->data);
    }
    struct pawl_buf changed;
    pawl_buf_init(&changed, PAWL_SSE_EVENT_BYTES_MAX);
    struct pawl_slice bytes = visible_part(call, event, &changed);
    uint32_t tool_calls = metered->tool_calls - before;
    if (tool_calls > 0) {
        pawl_tools_seen(call, event->data, tool_calls);
    }
    if (!finished && (metered->finished || metered->terminal)) {
        pawl_phase_answered(call);
    }
    if (call->refused_phase != PAWL_PHASE_BASE && listening(call)) {
        pawl_phase_words(call, call->refused_phase);
        cut_client(call);
    }
    if (tool_calls > 0 && listening(call) && pawl_tools_bound(call)) {
        gate(call, bytes, tool_calls);
    } else {
        forward(call, bytes);
    }
    pawl_buf_free(&changed);
    if (metered->terminal && call->state == PAWL_MODEL_CALL_STREAMING) {
        pawl_model_call_set_timer(call, PAWL_LINGER_MS);
    }
    pawl_model_call_look_after_hold(call);
}

bool pawl_model_call_stream(struct pawl_model_call *call, struct pawl_slice bytes)
{
    struct pawl_answer *answer = &call->answer;
    if (answer->gated) {
        pawl_buf_append_slice(&answer->pending, bytes);
        return false;
    }
    struct pawl_sse_event event;
    enum pawl_sse_status status = PAWL_SSE_MORE;
    while ((status = next_event(answer, &bytes, &event)) == PAWL_SSE_EVENT) {
        on_event(call, &event);
        if (!pawl_model_call_flowing(call)) {
            return true;
        }
        if (answer->gated) {
            pawl_buf_append_slice(&answer->pending, bytes);
            return false;
        }
    }
    if (status == PAWL_SSE_TOO_BIG) {
        call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_UNREACHABLE};
        pawl_words_set(&call->words, "pawl: the provider sent an event that is too large");
        pawl_model_call_cut(call);
        return true;
    }
    return !answer->client_slow;
}

static enum pawl_call_end end_of(const struct pawl_model_call *call)
{
    if (call->cut) {
        return PAWL_END_CUT;
    }
    if (call->client_gone && !call->had_all) {
        return PAWL_END_CLIENT_GONE;
    }
    if (!call->answer.ended_well && !call->had_all) {
        return PAWL_END_UPSTREAM_GONE;
    }
    return pawl_meter_result(&call->answer.meter)->error ? PAWL_END_ERROR : PAWL_END_COMPLETE;
}

static void finish_stream(struct pawl_model_call *call)
{
    struct pawl_sse_event event;
    struct pawl_answer *answer = &call->answer;
    if (last_event(answer, &event) == PAWL_SSE_EVENT) {
        on_event(call, &event);
        if (!pawl_model_call_flowing(call) || answer->gated) {
            return; /* the rest follows when the tool call is counted */
        }
    }
    struct pawl_http_exchange *exchange = call->exchange;
    pawl_model_call_settle(call, end_of(call));
    if (call->cut) {
        return; /* its last words follow when they are durable */
    }
    if (exchange != NULL && call->exchange != NULL && answer->ended_well) {
        call->exchange = NULL;
        pawl_http_exchange_set_owner(exchange, NULL);
        pawl_http_reply_end(exchange);
    } else {
        pawl_model_call_abort_exchange(call);
    }
}

void pawl_model_call_stream_ended(struct pawl_model_call *call, bool well)
{
    call->answer.ended = true;
    call->answer.ended_well = well;
    if (!call->answer.gated) {
        finish_stream(call);
    }
}
