/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse.c: every kind of no, and the latch.
 *
 * A refusal is written down before it is told: a NOTE with its numbers and, when it latches, the
 * pause of the session in front of it. What is not written down are the answers that only
 * repeat a latch, since a client that comes again a thousand times would fill the journal with
 * them; and that a provider is out of reach, which a model call's settlement says. They are
 * counted.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "gateway/gateway_priv.h"
#include "gateway/halt.h"
#include "gateway/last_words.h"
#include "net/http.h"

enum { BODY_BYTES_MAX = 16 * 1024, OWN_HEADERS_MAX = 6 };

static const struct {
    const char *name; /* docs/GATEWAY.md, metadata, the x-pawl header */
    const char *code; /* in the error's body */
    int status;
    bool final; /* SDKs are told not to try again */
    bool noted;
} refusals[] = {
    [PAWL_REFUSAL_SPENT] = {"spent", "budget_exceeded", 402, true, true},
    [PAWL_REFUSAL_HELD] = {"held", "budget_held", 402, true, true},
    [PAWL_REFUSAL_TOO_BIG] = {"too_big", "call_too_big", 402, true, true},
    [PAWL_REFUSAL_TOOL_CALLS] = {"tool_calls", "tool_calls_exceeded", 402, true, true},
    [PAWL_REFUSAL_ITERATIONS] = {"iterations", "iterations_exceeded", 402, true, true},
    [PAWL_REFUSAL_LIMIT] = {"limit", "limit_reached", 402, true, true},
    [PAWL_REFUSAL_DEADLINE] = {"deadline", "deadline_passed", 402, true, true},
    [PAWL_REFUSAL_LATCHED] = {"latched", "run_stopped", 402, true, false},
    [PAWL_REFUSAL_NO_PRICE] = {"no_price", "no_price", 402, true, true},
    [PAWL_REFUSAL_UNMETERED] = {"unmetered", "unmetered", 402, true, true},
    [PAWL_REFUSAL_MODEL] = {"model", "dearer_model", 402, true, true},
    [PAWL_REFUSAL_IDLE] = {"idle", "nobody_there", 402, true, true},
    [PAWL_REFUSAL_FORBIDDEN] = {"forbidden", "forbidden_by_policy", 402, true, true},
    [PAWL_REFUSAL_WINDOW] = {"window", "window_exhausted", 402, true, true},
    [PAWL_REFUSAL_BODY] = {"body", "invalid_body", 400, true, true},
    [PAWL_REFUSAL_UPGRADE] = {"upgrade", "no_upgrade", 426, false, true},
    [PAWL_REFUSAL_STOPPED] = {"stopped", "run_stopped", 402, true, false},
    [PAWL_REFUSAL_UNREACHABLE] = {"unreachable", "provider_unreachable", 502, false, false},
    [PAWL_REFUSAL_RUNAWAY] = {"runaway", "ceiling_ignored", 402, true, true},
    [PAWL_REFUSAL_PHASE] = {"phase", "phase_exceeded", 402, true, true},
    [PAWL_REFUSAL_LEDGER] = {"ledger", "ledger_refused", 402, true, true},
    [PAWL_REFUSAL_DENIED] = {"denied", "request_denied", 402, true, true},
};
_Static_assert(PAWL_ARRAY_LEN(refusals) == PAWL_REFUSAL_COUNT, "every refusal has a row");

const char *pawl_refusal_name(enum pawl_refusal refusal)
{
    PAWL_ASSERT(refusal < PAWL_REFUSAL_COUNT);
    return refusals[refusal].name;
}

/* --- The answer ----------------------------------------------------------------------------- */

/* A body, its headers, and the memory of both. */
struct reply {
    struct pawl_halt halt;
    struct pawl_buf details;
    struct pawl_buf body;
    char mark[160];
    char id[64];
    struct pawl_http_header headers[OWN_HEADERS_MAX];
    size_t header_count;
};

static void add_header(struct reply *reply, const char *name, const char *value)
{
    PAWL_ASSERT(reply->header_count < OWN_HEADERS_MAX);
    reply->headers[reply->header_count++] =
        (struct pawl_http_header){pawl_slice_str(name), pawl_slice_str(value)};
}

static void reply_init(struct reply *reply,
                       const struct pawl_gateway *gateway,
                       enum pawl_dialect dialect,
                       const struct pawl_refusal_words *words)
{
    *reply = (struct reply){.header_count = 0};
    pawl_buf_init(&reply->details, BODY_BYTES_MAX);
    pawl_buf_init(&reply->body, BODY_BYTES_MAX);
    pawl_note_details(gateway, words, &reply->details);
    reply->halt = (struct pawl_halt){
        .dialect = dialect,
        .status = refusals[words->refusal].status,
        .message = pawl_slice_str(words->message),
        .code = refusals[words->refusal].code,
        .details = pawl_buf_slice(&reply->details),
    };
    const char *run = gateway->options.run_id;
    (void)snprintf(reply->mark, sizeof(reply->mark), "refused; reason=%s; run=%s",
                   refusals[words->refusal].name, run);
    (void)snprintf(reply->id, sizeof(reply->id), "req_pawl_%llu",
                   (unsigned long long)gateway->counters.refusals);
    add_header(reply, "x-pawl", reply->mark);
    add_header(reply, "x-pawl-run", run);
    add_header(reply, dialect == PAWL_DIALECT_ANTHROPIC ? "request-id" : "x-request-id", reply->id);
    if (refusals[words->refusal].final || words->final) {
        add_header(reply, PAWL_HALT_RETRY_HEADER_NAME, PAWL_HALT_RETRY_HEADER_VALUE);
    }
}

static void reply_free(struct reply *reply)
{
    pawl_buf_free(&reply->details);
    pawl_buf_free(&reply->body);
}

static bool is_codex(struct pawl_http_exchange *exchange)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    struct pawl_slice origin =
        pawl_http_header_value(request->headers, request->header_count, "originator");
    return pawl_slice_starts_with(origin, PAWL_SLICE("codex"));
}

static void send_whole(struct pawl_http_exchange *exchange,
                       const struct pawl_gateway *gateway,
                       enum pawl_dialect dialect,
                       const struct pawl_refusal_words *words)
{
    struct reply reply;
    const char *content_type = "";
    reply_init(&reply, gateway, dialect, words);
    reply.halt.codex = is_codex(exchange);
    pawl_halt_body(&reply.halt, &reply.body, &content_type);
    add_header(&reply, "content-type", content_type);
    pawl_http_reply(exchange, pawl_halt_status(&reply.halt), reply.headers, reply.header_count,
                    pawl_buf_slice(&reply.body));
    reply_free(&reply);
}

void pawl_refuse_exchange(struct pawl_http_exchange *exchange,
                          struct pawl_gateway *gateway,
                          enum pawl_dialect dialect,
                          const struct pawl_refusal_words *words)
{
    if (refusals[words->refusal].noted) {
        pawl_model_call_refuse(gateway, exchange, dialect, words);
        return;
    }
    gateway->counters.refusals++;
    send_whole(exchange, gateway, dialect, words);
}

/* An event of an answer that has begun. */
static void write_event(struct pawl_model_call *call, enum pawl_halt_form form)
{
    struct reply reply;
    reply_init(&reply, call->gateway, call->route.dialect, &call->words);
    if (call->answer.meter_made) {
        const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
        reply.halt.response_id = pawl_slice_str(seen->id);
        reply.halt.model = pawl_slice_str(seen->parts[0].model);
        reply.halt.sequence = seen->next_sequence;
    }
    reply.halt.codex = is_codex(call->exchange);
    reply.halt.form = form;
    pawl_halt_event(&reply.halt, call->answer.line_open, &reply.body);
    (void)pawl_http_reply_write(call->exchange, pawl_buf_slice(&reply.body));
    call->answer.line_open = false;
    call->answer.any_item = true;
    reply_free(&reply);
}

/* The message where people look, before the refusal itself; where no answer has begun it begins
 * one. */
static void show(struct pawl_model_call *call)
{
    if (!call->answer.begun) {
        struct reply reply;
        reply_init(&reply, call->gateway, call->route.dialect, &call->words);
        add_header(&reply, "content-type", "text/event-stream");
        pawl_http_reply_begin(call->exchange, 200, reply.headers, reply.header_count, -1);
        call->answer.begun = true;
        reply_free(&reply);
    }
    write_event(call, PAWL_HALT_SHOWN);
}

/* The answer to a model call: its last event where it has begun, else all of it. */
static void answer(struct pawl_model_call *call)
{
    struct pawl_http_exchange *exchange = call->exchange;
    if (call->asked.done != NULL) {
        pawl_tools_answer(call);
        return;
    }
    if (exchange == NULL) {
        return;
    }
    pawl_http_exchange_set_owner(exchange, NULL);
    if (call->answer.begun) {
        write_event(call, pawl_last_words_form(call));
        call->exchange = NULL;
        pawl_http_reply_end(exchange);
    } else {
        call->exchange = NULL;
        send_whole(exchange, call->gateway, call->route.dialect, &call->words);
    }
}

/* --- Writing it down ------------------------------------------------------------------------ */

static struct pawl_gateway_latch latch_of(const struct pawl_refusal_words *words)
{
    return (struct pawl_gateway_latch){
        .refusal = words->refusal,
        .unit = words->unit,
        .asked = words->asked,
        .more = words->phase != NULL ? pawl_phase_amount_to_ask(words)
                                     : pawl_words_amount_to_ask(words),
        .resets_at_us = words->left.resets_at_us,
        .name = words->limit_name,
        .phase = words->phase,
        .message = words->message,
    };
}

void pawl_refuse_tell_latched(const struct pawl_gateway *gateway,
                              const struct pawl_refusal_words *words)
{
    if (words->latches && gateway->options.on_latched != NULL) {
        struct pawl_gateway_latch latch = latch_of(words);
        gateway->options.on_latched(gateway->options.arg, &latch);
    }
}

bool pawl_gateway_stuck(const struct pawl_gateway *gateway, struct pawl_gateway_latch *ret_latch)
{
    if (gateway->stuck) {
        *ret_latch = latch_of(&gateway->stuck_at);
    }
    return gateway->stuck;
}

static void conclude(struct pawl_model_call *call)
{
    answer(call);
    if (call->words_said == 0) {
        pawl_refuse_tell_latched(call->gateway, &call->words);
    }
    if (call->state == PAWL_MODEL_CALL_REFUSING) {
        pawl_model_call_done(call);
    } else {
        pawl_model_call_try_finish(call);
    }
}

static void await_words(struct pawl_model_call *call)
{
    call->words_due = true;
    pawl_model_call_set_timer(call, pawl_last_words_ms(call));
}

static void tell(struct pawl_model_call *call)
{
    if (pawl_last_words_shown(call)) {
        show(call);
    }
    if (pawl_last_words_alone(call)) {
        await_words(call);
    } else {
        conclude(call);
    }
}

static void on_noted(struct pawl_model_call *call, const struct pawl_result *result)
{
    (void)result; /* a note has no conditions, and what it says is true in any case */
    tell(call);
}

void pawl_refuse_words_due(struct pawl_model_call *call)
{
    call->words_due = false;
    if (call->client_gone) {
        pawl_model_call_abort_exchange(call);
    } else if (call->words_said + 1 < PAWL_LAST_WORDS_TIMES) {
        write_event(call, PAWL_HALT_BARE);
        if (call->words_said++ == 0) {
            pawl_refuse_tell_latched(call->gateway, &call->words);
        }
        await_words(call);
        return;
    }
    if (call->state == PAWL_MODEL_CALL_DRAINING) {
        pawl_model_call_time_drain(call);
    }
    conclude(call);
}

static void on_paused(struct pawl_model_call *call, const struct pawl_result *result)
{
    (void)call;
    (void)result; /* paused or ended already: as good */
}

/* What the ledger is told: a cap has a unit; what a person or a provider stopped has none. */
static uint8_t reason_of(const struct pawl_model_call *call, uint16_t unit)
{
    if (unit != PAWL_UNIT_NONE) {
        return PAWL_REASON_CAP;
    }
    return call->words.refusal == PAWL_REFUSAL_IDLE ? PAWL_REASON_IDLE : PAWL_REASON_BREAKER;
}

void pawl_refuse_pause(struct pawl_model_call *call,
                       uint16_t unit,
                       void (*done)(struct pawl_model_call *, const struct pawl_result *))
{
    const struct pawl_gateway *gateway = call->gateway;
    struct pawl_command command = {
        .type = PAWL_COMMAND_SESSION_SET,
        .u.session_set =
            {
                .tenant = gateway->subject.levels[PAWL_LEVEL_TENANT],
                .name = gateway->subject.session,
                .state = PAWL_SESSION_PAUSED,
                .reason = reason_of(call, unit),
                .unit = unit,
            },
    };
    pawl_model_call_submit(call, &call->pause_op, &command, done);
}

static void submit_note(struct pawl_model_call *call)
{
    const struct pawl_gateway *gateway = call->gateway;
    struct pawl_buf *note = &call->store.note;
    pawl_buf_reset(note);
    pawl_note_refusal(call, &call->words, note);
    struct pawl_command command = {
        .type = PAWL_COMMAND_NOTE,
        .metadata = pawl_buf_slice(note),
        .u.note =
            {
                .tenant = gateway->subject.levels[PAWL_LEVEL_TENANT],
                .session = gateway->subject.session,
                .kind = PAWL_NOTE_REFUSAL,
            },
    };
    pawl_model_call_submit(call, &call->note_op, &command, on_noted);
}

/* true: the answer follows when the note is durable. */
static bool write_down(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    gateway->counters.refusals++;
    if (gateway->latched) {
        call->words.latches = false; /* once is enough */
    }
    if (!refusals[call->words.refusal].noted) {
        gateway->counters.repeats += call->words.refusal != PAWL_REFUSAL_UNREACHABLE ? 1 : 0;
        return false;
    }
    gateway->counters.refused_tools += call->asked.done != NULL ? 1 : 0;
    if (call->words.latches) {
        gateway->latched = true;
        gateway->latch = call->words;
        if (!pawl_summary_available(gateway)) {
            pawl_refuse_pause(call, call->words.unit,
                              on_paused); /* else the one more call does, when it is over */
        }
        pawl_limit_latched(gateway, &call->words);
        pawl_partial_keep(call);
    }
    submit_note(call);
    if (call->words.latches) {
        pawl_gateway_pump(gateway);
        pawl_limit_release(gateway);
    }
    return true;
}

void pawl_refuse_call(struct pawl_model_call *call)
{
    PAWL_ASSERT(call->hold == 0);
    pawl_model_call_move(call, PAWL_MODEL_CALL_REFUSING);
    if (!write_down(call)) {
        tell(call);
    }
}

void pawl_refuse_cut(struct pawl_model_call *call)
{
    PAWL_ASSERT(call->state == PAWL_MODEL_CALL_SETTLING ||
                (call->cut && call->state == PAWL_MODEL_CALL_DRAINING));
    if (!write_down(call)) {
        tell(call);
    }
}
