/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary.c: the one more call at the limit. It is a call of the agent's own, whose body gets three
 * changes (request_summary.c): a question behind the conversation, no tools, a small answer. What
 * is answered goes to the agent as any answer does, and its text is kept besides.
 *
 *   FREE ──▶ TAKEN ──▶ OVER
 *    ▲          │ nothing was used: the provider was overloaded, say
 *    └──────────┘
 *
 * While it is TAKEN the gateway is latched, so that of calls that come together one gets it and the
 * others are refused. The session is paused and the latch told only when it is settled: a paused
 * session would not take its hold, and the run's grace would run out while the model writes.
 */
#include <string.h>

#include "base/assert.h"
#include "gateway/gateway_priv.h"

enum {
    OUTPUT_TOKENS = 2048, /* of a visible answer */
    HIDDEN_TOKENS = 2048, /* beside it, where the model thinks first */
    THINKING_BUDGET = 1024,
    PARTIAL_SCRATCH_BYTES = 64 << 20
};

bool pawl_summary_available(const struct pawl_gateway *gateway)
{
    return gateway->options.limit.on_limit == PAWL_ON_LIMIT_SUMMARY &&
           gateway->summary == PAWL_SUMMARY_FREE;
}

bool pawl_gateway_summarizing(const struct pawl_gateway *gateway)
{
    return gateway->summary == PAWL_SUMMARY_TAKEN;
}

void pawl_summary_shape(struct pawl_model_call *call)
{
    struct pawl_model_request *request = &call->request;
    if (request->thinking_span.end != 0) {
        request->thinking_budget = pawl_min_i64(request->thinking_budget, THINKING_BUDGET);
    }
    int64_t hidden = pawl_max_i64(request->thinking_budget, request->hidden ? HIDDEN_TOKENS : 0);
    request->output_asked = pawl_min_i64(request->output_asked, OUTPUT_TOKENS + hidden);
    request->tool_count = 0; /* Those that the provider runs are not used either. */
    request->container_gb = 0;
    request->container_gb_named = 0;
    if (request->tools_fill) {
        call->kept_tokens = -1; /* the list of a server's tools is read all the same */
        request->tools_fill = false;
    }
    pawl_buf_reset(&call->gateway->summary_text);
}

/* --- What is said --------------------------------------------------------------------------- */

/* Where the text goes: at most PAWL_SUMMARY_TEXT_MAX of it. */
struct keeper {
    struct pawl_buf *out;
    struct pawl_arena *scratch;
    bool cut;
};

static void keep_text(struct keeper *keeper, const struct pawl_json *json, uint32_t node)
{
    struct pawl_slice text = pawl_json_string(json, node, keeper->scratch);
    size_t room = PAWL_SUMMARY_TEXT_MAX - keeper->out->bytes;
    keeper->cut = keeper->cut || text.bytes > room;
    pawl_buf_append_slice(keeper->out, pawl_slice_sub(text, 0, room));
}

/* The member `key` of each element that is of the type, or of any where `type` is NULL. */
static void
keep_texts_of(struct keeper *keeper, const struct pawl_json *json, uint32_t list, const char *type)
{
    uint32_t node = pawl_json_first_element(json, list);
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        bool wanted = type == NULL
                          ? !pawl_json_bool_or(json, pawl_json_get(json, node, "thought"), false)
                          : pawl_json_string_is(json, pawl_json_get(json, node, "type"), type);
        if (wanted) {
            keep_text(keeper, json, pawl_json_get(json, node, "text"));
        }
    }
}

static uint32_t first_of(const struct pawl_json *json, const char *list)
{
    return pawl_json_first(json, pawl_json_get(json, 0, list));
}

/* --- By dialect; what has no row says nothing that is a conversation. --- */

typedef void keep_fn(struct keeper *keeper, const struct pawl_json *json);

static void anthropic_event(struct keeper *keeper, const struct pawl_json *json)
{
    if (pawl_json_string_is(json, pawl_json_get(json, 0, "type"), "content_block_delta")) {
        keep_text(keeper, json, pawl_json_path(json, 0, "delta.text"));
    }
}

static void anthropic_body(struct keeper *keeper, const struct pawl_json *json)
{
    keep_texts_of(keeper, json, pawl_json_get(json, 0, "content"), "text");
}

static void chat_event(struct keeper *keeper, const struct pawl_json *json)
{
    keep_text(keeper, json, pawl_json_path(json, first_of(json, "choices"), "delta.content"));
}

static void chat_body(struct keeper *keeper, const struct pawl_json *json)
{
    keep_text(keeper, json, pawl_json_path(json, first_of(json, "choices"), "message.content"));
}

static void responses_event(struct keeper *keeper, const struct pawl_json *json)
{
    if (pawl_json_string_is(json, pawl_json_get(json, 0, "type"), "response.output_text.delta")) {
        keep_text(keeper, json, pawl_json_get(json, 0, "delta"));
    }
}

static void responses_body(struct keeper *keeper, const struct pawl_json *json)
{
    uint32_t node = first_of(json, "output");
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        keep_texts_of(keeper, json, pawl_json_get(json, node, "content"), "output_text");
    }
}

static void gemini(struct keeper *keeper, const struct pawl_json *json)
{
    uint32_t candidate = first_of(json, "candidates");
    keep_texts_of(keeper, json, pawl_json_path(json, candidate, "content.parts"), NULL);
}

static keep_fn *const events[PAWL_DIALECT_COUNT] = {
    [PAWL_DIALECT_ANTHROPIC] = anthropic_event,
    [PAWL_DIALECT_OPENAI_CHAT] = chat_event,
    [PAWL_DIALECT_OPENAI_RESPONSES] = responses_event,
    [PAWL_DIALECT_GEMINI] = gemini,
};

static keep_fn *const bodies[PAWL_DIALECT_COUNT] = {
    [PAWL_DIALECT_ANTHROPIC] = anthropic_body,
    [PAWL_DIALECT_OPENAI_CHAT] = chat_body,
    [PAWL_DIALECT_OPENAI_RESPONSES] = responses_body,
    [PAWL_DIALECT_GEMINI] = gemini,
};

static void read_text(struct keeper *keeper, struct pawl_slice text, keep_fn *keep)
{
    struct pawl_json json;
    pawl_arena_reset(keeper->scratch);
    if (keep != NULL &&
        pawl_json_parse(keeper->scratch, text, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                        &json) &&
        pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
        keep(keeper, &json);
    }
    pawl_arena_reset(keeper->scratch);
}

static void read_summary(struct pawl_model_call *call, struct pawl_slice text, keep_fn *keep)
{
    struct pawl_gateway *gateway = call->gateway;
    if (call->summary) {
        struct keeper keeper = {.out = &gateway->summary_text, .scratch = &gateway->scratch};
        read_text(&keeper, text, keep);
        gateway->summary_cut = gateway->summary_cut || keeper.cut;
    }
}

void pawl_summary_on_event(struct pawl_model_call *call, struct pawl_slice data)
{
    read_summary(call, data, events[call->route.dialect]);
}

void pawl_summary_on_body(struct pawl_model_call *call, struct pawl_slice body)
{
    read_summary(call, body, bodies[call->route.dialect]);
}

/* --- An answer that is cut at the limit ------------------------------------------------------ */

/* An event in what is kept: how long it is, then its data. */
void pawl_partial_on_event(struct pawl_model_call *call, struct pawl_slice data)
{
    struct pawl_buf *seen = &call->answer.seen;
    uint32_t bytes = (uint32_t)data.bytes;
    if (call->gateway->options.on_partial != NULL &&
        data.bytes <= PAWL_PARTIAL_BYTES_MAX - sizeof(bytes) &&
        seen->bytes <= PAWL_PARTIAL_BYTES_MAX - sizeof(bytes) - data.bytes) {
        pawl_buf_append(seen, &bytes, sizeof(bytes));
        pawl_buf_append_slice(seen, data);
    }
}

static void read_seen(struct pawl_model_call *call, struct keeper *keeper)
{
    struct pawl_slice rest = pawl_buf_slice(&call->answer.seen);
    uint32_t bytes = 0;
    while (rest.bytes > sizeof(bytes)) {
        memcpy(&bytes, rest.data, sizeof(bytes));
        read_text(keeper, pawl_slice_sub(rest, sizeof(bytes), bytes), events[call->route.dialect]);
        rest = pawl_slice_sub(rest, sizeof(bytes) + bytes, rest.bytes);
    }
    if (call->answer.kind == PAWL_ANSWER_WHOLE) {
        read_text(keeper, pawl_buf_slice(&call->store.decoded), bodies[call->route.dialect]);
    }
}

void pawl_partial_keep(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_arena scratch; /* The gateway's may hold an event that is being forwarded. */
    struct pawl_buf text;
    if (gateway->options.on_partial == NULL || call->answer.kind == PAWL_ANSWER_NONE) {
        return;
    }
    pawl_arena_init(&scratch, PARTIAL_SCRATCH_BYTES);
    pawl_buf_init(&text, PAWL_SUMMARY_TEXT_MAX);
    struct keeper keeper = {.out = &text, .scratch = &scratch};
    read_seen(call, &keeper);
    struct pawl_limit_summary partial = {
        .call = call->hold, .text = pawl_slice_trim(pawl_buf_slice(&text)), .cut = keeper.cut};
    if (partial.text.bytes > 0) {
        gateway->options.on_partial(gateway->options.arg, &partial);
    }
    pawl_buf_free(&text);
    pawl_arena_free(&scratch);
}

/* --- Its end -------------------------------------------------------------------------------- */

static void on_paused(struct pawl_model_call *call, const struct pawl_result *result)
{
    (void)result; /* paused or ended already: as good */
    pawl_refuse_tell_latched(call->gateway, &call->gateway->summed_up);
    pawl_model_call_try_finish(call);
}

void pawl_summary_unused(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    PAWL_ASSERT(call->summary && gateway->summary == PAWL_SUMMARY_TAKEN);
    call->summary = false;
    gateway->summary = PAWL_SUMMARY_FREE;
    pawl_limit_keep_again(gateway);
    if (gateway->latched) {
        pawl_refuse_tell_latched(gateway, &gateway->summed_up);
    }
}

void pawl_summary_over(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    PAWL_ASSERT(call->summary && gateway->summary == PAWL_SUMMARY_TAKEN);
    call->summary = false;
    gateway->summary = PAWL_SUMMARY_OVER;
    if (gateway->options.on_summary != NULL) {
        struct pawl_limit_summary summary = {
            .call = call->hold,
            .text = pawl_slice_trim(pawl_buf_slice(&gateway->summary_text)),
            .cut = gateway->summary_cut,
        };
        gateway->options.on_summary(gateway->options.arg, &summary);
    }
    if (gateway->latched) { /* Else somebody has given more meanwhile. */
        pawl_refuse_pause(call, gateway->summed_up.unit, on_paused);
    }
}
