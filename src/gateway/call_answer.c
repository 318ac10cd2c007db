/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_answer.c: what comes from upstream: its head, what it is, and its end. Streams are read in
 * call_stream.c.
 *
 * What an answer of status 2xx is, is decided by its own first bytes and neither by the request nor
 * by its Content-Type (sniff.h): an event stream is read event by event, anything else is collected
 * whole, so that its tool calls can be counted and its cost booked before the client has it. A
 * redirect is refused, since a client that followed it would leave pawl. Answers of any other
 * status pass unchanged and give the hold back.
 *
 * Failure, by how far the call came:
 *   not connected             released; 502
 *   sent, no head             the hold is booked; 502
 *   the head, not the end     a stream: what was seen is booked (the hold, if no event was
 *                             understood), the client's connection breaks as the upstream's did;
 *                             in one piece: the hold; 502
 */
#include "base/assert.h"
#include "gateway/gateway_priv.h"
#include "gateway/headers.h"
#include "gateway/sniff.h"

enum { OWN_HEADERS = 4, ADDRESS_BYTES = 96 };

void pawl_model_call_unreachable(struct pawl_model_call *call, const char *what, const char *why)
{
    (void)pawl_slice_copy_str(pawl_slice_str(why), call->why, sizeof(call->why));
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_UNREACHABLE};
    pawl_words_set(&call->words, "pawl: %s: %s", what, why);
}

/* Whether the provider can be reached is for whoever watches the run. */
static void tell_reach(struct pawl_model_call *call, const char *why)
{
    const struct pawl_gateway_options *options = &call->gateway->options;
    if (options->on_reach != NULL) {
        options->on_reach(options->arg, call->route.upstream, why);
    }
}

/* --- The head ------------------------------------------------------------------------------- */

/* 304 leads nowhere. */
static bool redirects(int status)
{
    return status >= 300 && status <= 399 && status != 304;
}

static void refuse_redirect(struct pawl_model_call *call, struct pawl_slice location)
{
    char address[ADDRESS_BYTES];
    pawl_headers_show_address(location, address, sizeof(address));
    pawl_model_call_let_go(call);
    pawl_model_call_unreachable(call, "the provider redirects elsewhere", address);
    call->words.final = true;
    pawl_words_set(
        &call->words,
        "pawl: the provider redirects to %s, where pawl could not see what is spent; set "
        "the base URL to it",
        address[0] != '\0' ? address : "another address");
    pawl_model_call_release_hold(call, PAWL_END_ERROR);
    pawl_refuse_cut(call);
}

static bool is_event_stream(const struct pawl_http_header *headers, size_t count)
{
    struct pawl_slice type = pawl_http_header_value(headers, count, "content-type");
    struct pawl_slice bare = pawl_slice_trim(pawl_slice_cut(&type, ';'));
    return pawl_slice_equal_nocase(bare, PAWL_SLICE("text/event-stream"));
}

/* Google says in a header at which rate it served. */
static void
note_rate(struct pawl_model_call *call, const struct pawl_http_header *headers, size_t count)
{
    struct pawl_slice tier = pawl_http_header_value(headers, count, "x-gemini-service-tier");
    call->answer.rate = pawl_slice_empty(tier)
                            ? call->request.modifiers
                            : pawl_usage_modifiers_of_tier(call->route.dialect, tier);
}

static void make_meter(struct pawl_model_call *call)
{
    struct pawl_meter_options options = {.dialect = call->route.dialect,
                                         .tools = pawl_phase_reader(call),
                                         .long_cache_asked = call->request.cache_long,
                                         .modifiers_asked = call->answer.rate};
    call->answer.meter_made = pawl_meter_init(&call->answer.meter, options);
    PAWL_ASSERT(call->answer.meter_made); /* routes name only dialects that have one */
}

static enum pawl_answer_kind
kind_of(struct pawl_model_call *call, const struct pawl_http_header *headers, size_t count)
{
    if (call->answer.status < 200 || call->answer.status > 299) {
        return PAWL_ANSWER_ERROR;
    }
    enum pawl_coding coding =
        pawl_coding_of(pawl_http_header_value(headers, count, "content-encoding"));
    if (coding != PAWL_CODING_IDENTITY) {
        call->answer.decoder = pawl_decoder_new(coding);
        if (call->answer.decoder == NULL) {
            return PAWL_ANSWER_OPAQUE;
        }
    }
    make_meter(call);
    return PAWL_ANSWER_UNREAD;
}

/* A stream that was asked for and is called one begins with its head, which may come long before
 * its first event. */
static bool begins_with_head(const struct pawl_model_call *call)
{
    const struct pawl_answer *answer = &call->answer;
    bool stream = answer->kind == PAWL_ANSWER_UNREAD && answer->labelled_stream &&
                  call->request.stream && answer->status == 200;
    return stream || answer->kind == PAWL_ANSWER_OPAQUE;
}

static void on_head(void *arg, int status, const struct pawl_http_header *headers, size_t count)
{
    struct pawl_model_call *call = arg;
    struct pawl_answer *answer = &call->answer;
    call->head_us = pawl_alarm_now_us();
    answer->status = status;
    tell_reach(call, NULL);
    if (redirects(status)) {
        refuse_redirect(call, pawl_http_header_value(headers, count, "location"));
        return;
    }
    note_rate(call, headers, count);
    answer->kind = kind_of(call, headers, count);
    answer->labelled_stream = is_event_stream(headers, count);
    struct pawl_headers_options keep = {.drop_content_encoding = answer->decoder != NULL,
                                        .drop_addresses = true,
                                        .extra = OWN_HEADERS};
    answer->headers =
        pawl_headers_forward(headers, count, &keep, &call->store.arena, &answer->header_count);
    if (call->state == PAWL_MODEL_CALL_FORWARDING) {
        pawl_model_call_move(call, PAWL_MODEL_CALL_STREAMING);
    }
    if (begins_with_head(call) && call->exchange != NULL) {
        pawl_model_call_begin_answer(call);
    }
    pawl_quota_gate_told(call, headers, count);
}

/* pawl's own headers behind the provider's: the run, and what is left of its dollars now. */
static size_t add_own_headers(struct pawl_model_call *call)
{
    struct pawl_answer *answer = &call->answer;
    size_t count = answer->header_count;
    if (answer->headers == NULL) {
        return 0;
    }
    answer->headers[count++] = (struct pawl_http_header){
        PAWL_SLICE("x-pawl-run"), pawl_slice_str(call->gateway->options.run_id)};
    struct pawl_admission_left left = pawl_gateway_left_of(call->gateway, PAWL_UNIT_USD_MICROCENTS);
    if (left.bound) {
        answer->headers[count++] = (struct pawl_http_header){
            PAWL_SLICE("x-pawl-remaining-usd-microcents"),
            pawl_arena_printf(&call->store.arena, "%lld", (long long)left.free)};
    }
    pawl_phase_add_headers(call, answer->headers, &count);
    return count;
}

void pawl_model_call_begin_answer(struct pawl_model_call *call)
{
    struct pawl_answer *answer = &call->answer;
    PAWL_ASSERT(!answer->begun && call->exchange != NULL);
    answer->begun = true;
    size_t count = add_own_headers(call);
    pawl_http_reply_begin(call->exchange, answer->status, answer->headers, count, -1);
}

void pawl_model_call_reply(struct pawl_model_call *call, struct pawl_slice body)
{
    struct pawl_http_exchange *exchange = call->exchange;
    if (exchange == NULL) {
        return;
    }
    call->exchange = NULL;
    pawl_http_exchange_set_owner(exchange, NULL);
    if (call->answer.begun) {
        (void)pawl_http_reply_write(exchange, body);
        pawl_http_reply_end(exchange);
        return;
    }
    size_t count = add_own_headers(call);
    pawl_http_reply(exchange, call->answer.status, call->answer.headers, count, body);
}

/* --- The body ------------------------------------------------------------------------------- */

/* What came in cannot be used: give up on the upstream. */
static void give_up(struct pawl_model_call *call, const char *why)
{
    pawl_model_call_let_go(call);
    pawl_model_call_unreachable(call, "the provider's answer cannot be used", why);
    pawl_model_call_settle(call, PAWL_END_UNKNOWN);
    pawl_refuse_cut(call);
}

static bool on_opaque(struct pawl_model_call *call, struct pawl_slice bytes)
{
    if (call->client_gone || call->exchange == NULL) {
        return true;
    }
    call->answer.client_slow = !pawl_http_reply_write(call->exchange, bytes);
    return !call->answer.client_slow;
}

/* Takes the bytes in, decoded; *bytes is then what is new. false: it gave up. */
static bool collect(struct pawl_model_call *call, struct pawl_slice *bytes)
{
    struct pawl_answer *answer = &call->answer;
    struct pawl_buf *decoded = &call->store.decoded;
    if (answer->decoder != NULL) {
        if (answer->kind == PAWL_ANSWER_STREAM) {
            pawl_buf_reset(decoded);
        }
        if (pawl_decoder_feed(answer->decoder, *bytes, decoded) != PAWL_DECODE_OK) {
            give_up(call, "it is coded badly or too large");
            return false;
        }
        *bytes = pawl_buf_slice(decoded);
    } else if (answer->kind != PAWL_ANSWER_STREAM) {
        pawl_buf_append_slice(decoded, *bytes);
        if (decoded->overflowed) {
            give_up(call, "it is too large");
            return false;
        }
    }
    return true;
}

/* Google's streams come as a list where the client does not ask for events. */
static bool lists_its_events(const struct pawl_model_call *call)
{
    struct pawl_slice bytes = pawl_slice_trim(pawl_buf_slice(&call->store.decoded));
    return call->route.dialect == PAWL_DIALECT_GEMINI && call->request.stream &&
           pawl_slice_starts_with(bytes, PAWL_SLICE("["));
}

/* What it is, as far as its bytes say by now; what its head says where they say nothing else. */
static enum pawl_answer_kind kind_by_bytes(const struct pawl_model_call *call)
{
    switch (pawl_sniff(pawl_buf_slice(&call->store.decoded))) {
    case PAWL_SNIFFED_NOTHING:
        return PAWL_ANSWER_UNREAD;
    case PAWL_SNIFFED_JSON:
        return lists_its_events(call) ? PAWL_ANSWER_STREAM : PAWL_ANSWER_WHOLE;
    case PAWL_SNIFFED_EVENTS:
        return PAWL_ANSWER_STREAM;
    case PAWL_SNIFFED_OTHER:
        break;
    }
    return call->answer.labelled_stream ? PAWL_ANSWER_STREAM : PAWL_ANSWER_WHOLE;
}

/* Everything so far as the beginning of a stream. */
static bool begin_stream(struct pawl_model_call *call)
{
    call->answer.kind = PAWL_ANSWER_STREAM;
    call->answer.items = lists_its_events(call);
    if (call->gateway->options.hard_cap) {
        pawl_meter_show(&call->answer.meter, &call->answer.visible);
    }
    if (!call->answer.begun && call->exchange != NULL) {
        pawl_model_call_begin_answer(call);
    }
    return pawl_model_call_stream(call, pawl_buf_slice(&call->store.decoded));
}

static bool on_body(void *arg, struct pawl_slice bytes)
{
    struct pawl_model_call *call = arg;
    struct pawl_answer *answer = &call->answer;
    if (answer->kind == PAWL_ANSWER_OPAQUE) {
        return on_opaque(call, bytes);
    }
    if (answer->kind == PAWL_ANSWER_ERROR) {
        pawl_buf_append_slice(&call->store.decoded, bytes);
        if (call->store.decoded.overflowed) {
            give_up(call, "it is too large");
        }
        return true;
    }
    if (!collect(call, &bytes)) {
        return true;
    }
    if (answer->kind != PAWL_ANSWER_UNREAD) {
        return answer->kind != PAWL_ANSWER_STREAM || pawl_model_call_stream(call, bytes);
    }
    answer->kind = kind_by_bytes(call);
    return answer->kind != PAWL_ANSWER_STREAM || begin_stream(call);
}

/* --- The end -------------------------------------------------------------------------------- */

/* What an error reports as used was used. */
static void finish_error(struct pawl_model_call *call)
{
    make_meter(call);
    pawl_meter_on_body(&call->answer.meter, pawl_buf_slice(&call->store.decoded));
    if (pawl_meter_result(&call->answer.meter)->knows == PAWL_METER_KNOWS_NOTHING) {
        pawl_model_call_release_hold(call, PAWL_END_ERROR);
    } else {
        pawl_model_call_settle(call, PAWL_END_ERROR);
    }
    pawl_model_call_reply(call, pawl_buf_slice(&call->store.decoded));
}

static void finish_whole(struct pawl_model_call *call)
{
    struct pawl_answer *answer = &call->answer;
    if (answer->decoder != NULL && !pawl_decoder_complete(answer->decoder)) {
        give_up(call, "it ends in the middle");
        return;
    }
    pawl_meter_on_body(&answer->meter, pawl_buf_slice(&call->store.decoded));
    pawl_summary_on_body(call, pawl_buf_slice(&call->store.decoded));
    uint32_t tool_calls = pawl_meter_result(&answer->meter)->tool_calls;
    pawl_phase_answered(call);
    if (call->client_gone) {
        pawl_model_call_settle(call, PAWL_END_CLIENT_GONE);
    } else if (call->refused_phase != PAWL_PHASE_BASE) {
        pawl_phase_words(call, call->refused_phase);
        pawl_model_call_cut(call); /* all of it is here already */
    } else if (tool_calls > 0) {
        pawl_model_call_count_tools(call, tool_calls);
    } else {
        pawl_model_call_settle(call, PAWL_END_COMPLETE);
        pawl_model_call_reply(call, pawl_buf_slice(&call->store.decoded));
    }
}

static void finish_opaque(struct pawl_model_call *call, bool well)
{
    struct pawl_http_exchange *exchange = call->exchange;
    if (exchange != NULL && well) {
        call->exchange = NULL;
        pawl_http_exchange_set_owner(exchange, NULL);
        pawl_http_reply_end(exchange);
    } else {
        pawl_model_call_abort_exchange(call);
    }
    pawl_model_call_settle(call, PAWL_END_UNKNOWN);
}

/* All of an answer may have come before the line broke: then it has said what it cost. */
static void read_what_came(struct pawl_model_call *call)
{
    struct pawl_answer *answer = &call->answer;
    bool whole = answer->decoder == NULL || pawl_decoder_complete(answer->decoder);
    if (answer->kind == PAWL_ANSWER_WHOLE && whole) {
        pawl_meter_on_body(&answer->meter, pawl_buf_slice(&call->store.decoded));
    }
}

/* The call failed before its answer was there. */
static void fail(struct pawl_model_call *call, enum pawl_http_phase phase, const char *why)
{
    bool begun = call->answer.kind != PAWL_ANSWER_NONE;
    if (!begun) {
        tell_reach(call, why);
    }
    pawl_model_call_unreachable(
        call, begun ? "the provider's answer broke off" : "the provider did not answer", why);
    if (phase == PAWL_HTTP_PHASE_CONNECT || call->answer.kind == PAWL_ANSWER_ERROR) {
        pawl_model_call_release_hold(call, PAWL_END_ERROR);
    } else {
        read_what_came(call);
        pawl_model_call_settle(call, PAWL_END_UNKNOWN);
    }
    pawl_refuse_cut(call);
}

/* Not a byte that says what it is. Where the client has the head of a stream already it gets the
 * end of one. */
static enum pawl_answer_kind kind_at_end(struct pawl_model_call *call)
{
    if (call->answer.kind != PAWL_ANSWER_UNREAD) {
        return call->answer.kind;
    }
    if (call->answer.begun) {
        (void)begin_stream(call);
        return PAWL_ANSWER_STREAM;
    }
    call->answer.kind = PAWL_ANSWER_WHOLE;
    return PAWL_ANSWER_WHOLE;
}

static void on_done(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why)
{
    struct pawl_model_call *call = arg;
    call->upstream = NULL;
    bool well = pawl_ok(err);
    switch (kind_at_end(call)) {
    case PAWL_ANSWER_NONE:
        fail(call, phase, well ? "an answer without a head" : why);
        break;
    case PAWL_ANSWER_ERROR:
        if (well) {
            finish_error(call);
        } else {
            fail(call, phase, why);
        }
        break;
    case PAWL_ANSWER_WHOLE:
        if (well) {
            finish_whole(call);
        } else {
            fail(call, phase, why);
        }
        break;
    case PAWL_ANSWER_STREAM:
        if (!well) {
            (void)pawl_slice_copy_str(pawl_slice_str(why), call->why, sizeof(call->why));
        }
        pawl_model_call_stream_ended(call, well);
        break;
    case PAWL_ANSWER_OPAQUE:
        finish_opaque(call, well);
        break;
    case PAWL_ANSWER_UNREAD:
        PAWL_UNREACHABLE();
    }
}

struct pawl_http_call_events pawl_model_call_answer_events(struct pawl_model_call *call)
{
    return (struct pawl_http_call_events){
        .on_head = on_head, .on_body = on_body, .on_done = on_done, .arg = call};
}
