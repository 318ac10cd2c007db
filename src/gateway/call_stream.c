/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_stream.c: an answer event by event. For each event, in this order: the meter reads it;
 * what was put in only for the meter is taken out; a tool call in it is counted in the ledger and
 * held back until that is durable; then it goes to the client, and the hold is looked after.
 *
 * S1  Events reach the client in their order, and no event that opens a tool call does so before
 *     its EVENT is durable.
 * S2  Behind such an event everything waits, and the upstream is not read: what is kept is at
 *     most the rest of one read.
 * S3  When a hold cannot grow, the stream is cut while what may be in flight is still covered.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/usage_hide.h"

enum {
    LINGER_MS = 2000, /* between a stream's last event and its end */
    KIBI = 1024,
    RUNAWAY_RATIO_COLD = 64, /* tokens per 1,024 bytes that every text has, see runs_away */
    RUNAWAY_RATIO_MIN = 32,
    RUNAWAY_RATIO_MAX = 128,
    RUNAWAY_SLACK_TOKENS = 256,
    RATIO_SAMPLES_MIN = PAWL_ESTIMATE_SAMPLES_COLD
};

/* Whether what comes goes on to the client. */
static bool listening(const struct pawl_model_call *call)
{
    return call->exchange != NULL && !call->client_gone && !call->cut;
}

static bool flowing(const struct pawl_model_call *call)
{
    return call->state == PAWL_MODEL_CALL_STREAMING || call->state == PAWL_MODEL_CALL_DRAINING;
}

/* --- Cutting -------------------------------------------------------------------------------- */

/* Ends the answer here, upstream too. The words are set. */
static void cut(struct pawl_model_call *call)
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

/* --- The hold (S3) -------------------------------------------------------------------------- */

static void on_grown(struct pawl_model_call *call, const struct pawl_result *result);

static int64_t seen_tokens(const struct pawl_model_call *call)
{
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    return pawl_estimate_visible_tokens(&call->query.learned, bytes);
}

static void ask_for_more(struct pawl_model_call *call, int64_t tokens)
{
    struct pawl_command command = {.type = PAWL_COMMAND_GROW,
                                   .u.grow = {.reservation = call->hold}};
    call->grow_asked = pawl_min_i64(tokens, call->admission.ceiling - call->output_held);
    pawl_admission_growth(&call->query, call->output_held, call->grow_asked, call->grow_lines,
                          &call->grow_line_count);
    command.u.grow.line_count = call->grow_line_count;
    for (uint32_t i = 0; i < call->grow_line_count; i++) {
        command.u.grow.lines[i] = call->grow_lines[i];
    }
    pawl_model_call_submit(call, &call->grow_op, &command, on_grown);
}

/* The refusal latches when, with this call booked, not even a useful call like it would fit. */
static void cut_for_funds(struct pawl_model_call *call)
{
    struct pawl_denial denial;
    struct pawl_admission next;
    call->cut = true;
    pawl_model_call_let_go(call);
    pawl_model_call_settle(call, PAWL_END_CUT);
    (void)pawl_gateway_left(call->gateway, call->query.left, &denial);
    pawl_admission_decide(&call->query, &next);
    enum pawl_admission_unit unit =
        next.verdict == PAWL_ADMISSION_ADMIT ? PAWL_ADMISSION_USD : next.unit;
    call->words = (struct pawl_refusal_words){
        .refusal = PAWL_REFUSAL_SPENT,
        .unit = pawl_admission_units[unit],
        .left = call->query.left[unit],
        .latches = next.verdict == PAWL_ADMISSION_SPENT,
    };
    pawl_words_admission(&call->words, call->gateway, NULL);
    pawl_refuse_cut(call);
}

static void look_after_hold(struct pawl_model_call *call)
{
    if (call->admission.mode != PAWL_ADMISSION_EXTEND || call->grow_op.open) {
        return;
    }
    bool whole = call->output_held >= call->admission.ceiling;
    int64_t seen = seen_tokens(call);
    if (whole || seen < call->grow_at) {
        return;
    }
    if (call->grow_asked >= 0) {
        ask_for_more(call, call->output_held);
    } else if (seen + call->admission.margin > call->output_held) {
        cut_for_funds(call);
    }
}

/* What was held is what the settlement is compared with; and what is held is not promised. */
static void add_to_hold(struct pawl_model_call *call)
{
    int64_t promised[PAWL_ADMISSION_UNIT_COUNT];
    for (size_t i = 0; i < PAWL_ADMISSION_UNIT_COUNT; i++) {
        promised[i] = call->promised[i];
        for (uint32_t k = 0; k < call->grow_line_count; k++) {
            bool same = call->grow_lines[k].unit == pawl_admission_units[i];
            promised[i] -= same ? call->grow_lines[k].value : 0;
        }
    }
    pawl_gateway_promise(call, promised);
    for (uint32_t i = 0; i < call->grow_line_count; i++) {
        for (uint32_t k = 0; k < call->admission.line_count; k++) {
            if (call->admission.lines[k].unit == call->grow_lines[i].unit) {
                call->admission.lines[k].value += call->grow_lines[i].value;
            }
        }
    }
}

static void on_grown(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (!flowing(call)) {
        return;
    }
    if (result->code == PAWL_RESULT_OK) {
        call->output_held += call->grow_asked;
        call->grow_at = call->output_held / 2;
        add_to_hold(call);
    } else if (call->grow_asked > call->admission.margin) {
        /* A smaller piece may fit. */
        ask_for_more(call, call->admission.margin);
        return;
    } else {
        call->grow_asked = -1; /* nothing more is to be had */
        call->grow_at = 0;
    }
    look_after_hold(call);
}

/* A provider that does not keep to the ceiling is stopped when no text could have so few tokens.
 * Prose and code have one in 3 to 6 bytes; only long runs of one character have fewer than one in
 * 16, and an answer does not consist of them. Where the model's answers are known, one that has
 * less than half the tokens a byte of the sparsest of them counts as impossible; but one in 8 bytes
 * is always possible, since what came before may all have been Chinese. For a wrong cut an answer
 * would have to be that odd, and to come to the very end of its ceiling, which few answers do. */
static bool runs_away(const struct pawl_model_call *call)
{
    const struct pawl_estimate_output *learned = &call->query.learned;
    if (!call->gateway->options.hard_cap) {
        return false;
    }
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    int64_t ratio =
        learned->samples >= RATIO_SAMPLES_MIN ? learned->ratio_low / 2 : RUNAWAY_RATIO_COLD;
    ratio = ratio > RUNAWAY_RATIO_MIN ? pawl_min_i64(ratio, RUNAWAY_RATIO_MAX) : RUNAWAY_RATIO_MIN;
    int64_t allowed = pawl_max_i64(call->admission.ceiling, call->output_held) *
                      call->request.choices * call->request.passes;
    return bytes / KIBI * ratio > allowed + RUNAWAY_SLACK_TOKENS;
}

static void cut_runaway(struct pawl_model_call *call)
{
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_RUNAWAY};
    pawl_words_set(&call->words,
                   "pawl: the provider went far beyond the ceiling of %lld output tokens that this "
                   "call was allowed",
                   (long long)call->admission.ceiling);
    cut(call);
}

/* --- Forwarding ----------------------------------------------------------------------------- */

static void forward(struct pawl_model_call *call, struct pawl_slice bytes)
{
    if (!listening(call) || bytes.bytes == 0) {
        return;
    }
    call->answer.line_open = bytes.data[bytes.bytes - 1] != '\n';
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
    switch (pawl_usage_hide(event, &call->store.scratch, out)) {
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

static void submit_event(struct pawl_model_call *call,
                         uint32_t count,
                         void (*done)(struct pawl_model_call *, const struct pawl_result *))
{
    struct pawl_buf *note = &call->store.note;
    pawl_buf_reset(note);
    pawl_note_event(call, count, note);
    struct pawl_command command = {
        .type = PAWL_COMMAND_EVENT,
        .metadata = pawl_buf_slice(note),
        .u.event =
            {
                .subject = call->gateway->subject,
                .line_count = 1,
                .lines = {{PAWL_UNIT_TOOL_CALLS, count}},
                .overage = PAWL_OVERAGE_REJECT,
            },
    };
    pawl_model_call_submit(call, &call->event_op, &command, done);
}

static bool tool_calls_bound(const struct pawl_model_call *call)
{
    return pawl_gateway_left_of(call->gateway, PAWL_UNIT_TOOL_CALLS).bound;
}

static void words_for_tools(struct pawl_model_call *call, const struct pawl_result *result)
{
    struct pawl_refusal_words *words = &call->words;
    if (result->code != PAWL_RESULT_CAP_EXCEEDED) {
        /* Not for want of tool calls: the run was stopped meanwhile. */
        *words = call->gateway->latch;
        words->refusal = PAWL_REFUSAL_LATCHED;
        words->latches = false;
        if (!call->gateway->latched) {
            pawl_words_set(words, "pawl: run %s: %s", call->gateway->options.run_id,
                           pawl_result_meaning(result->code));
        }
        return;
    }
    const struct pawl_denial *denial = &result->denial;
    *words = (struct pawl_refusal_words){
        .refusal = PAWL_REFUSAL_TOOL_CALLS,
        .unit = PAWL_UNIT_TOOL_CALLS,
        .left = {.bound = true,
                 .free = denial->fits,
                 .limit = denial->limit,
                 .spent = denial->spent,
                 .held = denial->held},
        .asked = denial->asked,
        .fits = denial->fits,
        .latches = true,
    };
    pawl_words_admission(words, call->gateway, NULL);
}

static void finish_stream(struct pawl_model_call *call);

static void on_counted(struct pawl_model_call *call, const struct pawl_result *result)
{
    struct pawl_answer *answer = &call->answer;
    answer->gated = false;
    if (!flowing(call)) {
        return;
    }
    if (result->code == PAWL_RESULT_OK) {
        answer->tool_calls += (uint32_t)result->charged[0].value;
    } else if (listening(call)) {
        words_for_tools(call, result);
        cut_client(call);
    }
    forward(call, pawl_buf_slice(&answer->gate));
    pawl_buf_reset(&answer->gate);
    /* What waits may wait again behind another tool call, in the same buffer. */
    struct pawl_buf rest = answer->pending;
    pawl_buf_init(&answer->pending, PAWL_ANSWER_BYTES_MAX);
    (void)pawl_model_call_stream(call, pawl_buf_slice(&rest));
    pawl_buf_free(&rest);
    if (!flowing(call) || answer->gated) {
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
    if (!flowing(call)) {
        return;
    }
    if (result->code != PAWL_RESULT_OK && listening(call)) {
        words_for_tools(call, result);
        cut(call); /* all of it is here already */
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
    if (tool_calls_bound(call)) {
        submit_event(call, count, on_whole_counted);
        return;
    }
    pawl_model_call_settle(call, PAWL_END_COMPLETE);
    pawl_model_call_reply(call, pawl_buf_slice(&call->store.decoded));
}

/* --- Events --------------------------------------------------------------------------------- */

/* Holds the event back until its tool calls are counted. */
static void gate(struct pawl_model_call *call, struct pawl_slice bytes, uint32_t tool_calls)
{
    PAWL_ASSERT(!call->answer.gated && !call->event_op.open);
    call->answer.gated = true;
    pawl_buf_reset(&call->answer.gate);
    pawl_buf_append_slice(&call->answer.gate, bytes);
    submit_event(call, tool_calls, on_counted);
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
    if (event->has_data) {
        note_time(answer);
        pawl_meter_on_event(&answer->meter, event->name, event->data);
    }
    struct pawl_buf changed;
    pawl_buf_init(&changed, PAWL_SSE_EVENT_BYTES_MAX);
    struct pawl_slice bytes = visible_part(call, event, &changed);
    uint32_t tool_calls = metered->tool_calls - before;
    if (tool_calls > 0 && listening(call) && tool_calls_bound(call)) {
        gate(call, bytes, tool_calls);
    } else {
        forward(call, bytes);
    }
    pawl_buf_free(&changed);
    if (metered->terminal && call->state == PAWL_MODEL_CALL_STREAMING) {
        pawl_model_call_set_timer(call, LINGER_MS);
    }
    if (runs_away(call)) {
        cut_runaway(call);
    } else {
        look_after_hold(call);
    }
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
    while ((status = pawl_sse_next(&answer->sse, &bytes, &event)) == PAWL_SSE_EVENT) {
        on_event(call, &event);
        if (!flowing(call)) {
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
        cut(call);
        return true;
    }
    return !answer->client_slow;
}

static enum pawl_call_end end_of(const struct pawl_model_call *call)
{
    if (call->cut) {
        return PAWL_END_CUT;
    }
    if (call->client_gone) {
        return PAWL_END_CLIENT_GONE;
    }
    if (!call->answer.ended_well) {
        return PAWL_END_UPSTREAM_GONE;
    }
    return pawl_meter_result(&call->answer.meter)->error ? PAWL_END_ERROR : PAWL_END_COMPLETE;
}

static void finish_stream(struct pawl_model_call *call)
{
    struct pawl_sse_event event;
    struct pawl_answer *answer = &call->answer;
    if (pawl_sse_finish(&answer->sse, &event) == PAWL_SSE_EVENT) {
        on_event(call, &event);
        if (!flowing(call) || answer->gated) {
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
