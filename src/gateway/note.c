/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.c: the metadata that goes with commands (docs/CONTRACTS.md, "Metadata"). The ledger keeps
 * it and never reads it; history, `pawl show` and people do.
 *
 * Texts that come from outside are cut, so that a note always fits in PAWL_METADATA_BYTES_MAX;
 * a note that would not fit all the same is left out whole, which the buffer's flag shows.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/json.h"
#include "gateway/gateway_priv.h"

enum { MODEL_BYTES_MAX = 128, PROVIDER_BYTES_MAX = 64, LINES_MAX = 24, ACCOUNT_BYTES = 17 };

static const char *const end_names[] = {
    [PAWL_END_COMPLETE] = "complete",
    [PAWL_END_CLIENT_GONE] = "client_gone",
    [PAWL_END_UPSTREAM_GONE] = "upstream_gone",
    [PAWL_END_CUT] = "cut",
    [PAWL_END_ERROR] = "error",
    [PAWL_END_UNKNOWN] = "unknown",
};
_Static_assert(PAWL_ARRAY_LEN(end_names) == PAWL_END_COUNT, "every end has a name");

static const char *const dialect_names[] = {
    [PAWL_DIALECT_ANTHROPIC] = "anthropic",     [PAWL_DIALECT_OPENAI_CHAT] = "openai",
    [PAWL_DIALECT_OPENAI_RESPONSES] = "openai", [PAWL_DIALECT_OPENAI_COMPACT] = "openai",
    [PAWL_DIALECT_OPENAI_LEGACY] = "openai",    [PAWL_DIALECT_OPENAI_EMBED] = "openai",
    [PAWL_DIALECT_GEMINI] = "gemini",           [PAWL_DIALECT_GEMINI_EMBED] = "gemini",
};
_Static_assert(PAWL_ARRAY_LEN(dialect_names) == PAWL_DIALECT_COUNT, "every dialect has a name");

static const char *const endpoint_names[] = {
    [PAWL_DIALECT_ANTHROPIC] = "messages",
    [PAWL_DIALECT_OPENAI_CHAT] = "chat/completions",
    [PAWL_DIALECT_OPENAI_RESPONSES] = "responses",
    [PAWL_DIALECT_OPENAI_COMPACT] = "responses/compact",
    [PAWL_DIALECT_OPENAI_LEGACY] = "completions",
    [PAWL_DIALECT_OPENAI_EMBED] = "embeddings",
    [PAWL_DIALECT_GEMINI] = "generateContent",
    [PAWL_DIALECT_GEMINI_EMBED] = "embedContent",
};
_Static_assert(PAWL_ARRAY_LEN(endpoint_names) == PAWL_DIALECT_COUNT, "and an endpoint");

static void finish(struct pawl_buf *out)
{
    if (out->overflowed) {
        pawl_buf_reset(out);
    }
}

static void member_cut(struct pawl_json_writer *writer, const char *key, struct pawl_slice text)
{
    pawl_json_member_string(writer, key, pawl_slice_sub(text, 0, MODEL_BYTES_MAX));
}

/* "vendor/model" and the date of the book. */
static void member_price(struct pawl_json_writer *writer, const struct pawl_price *price)
{
    char text[MODEL_BYTES_MAX + PROVIDER_BYTES_MAX + 2];
    struct pawl_slice model = pawl_slice_sub(price->model, 0, MODEL_BYTES_MAX);
    struct pawl_slice provider = pawl_slice_sub(price->provider, 0, PROVIDER_BYTES_MAX);
    (void)snprintf(text, sizeof(text), "%.*s/%.*s", (int)provider.bytes, provider.data,
                   (int)model.bytes, model.data);
    pawl_json_member_str(writer, "price", text);
    pawl_json_member_string(writer, "book", price->date);
}

void pawl_note_reserve(const struct pawl_model_call *call, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "dialect", dialect_names[call->route.dialect]);
    pawl_json_member_str(&writer, "endpoint", endpoint_names[call->route.dialect]);
    member_cut(&writer, "model", call->request.model);
    pawl_json_member_bool(&writer, "stream", call->request.stream);
    if (!pawl_slice_empty(call->agent)) {
        member_cut(&writer, "agent", call->agent);
    }
    pawl_attribution_write(&call->who, &writer);
    if (call->gateway->options.phases.count > 0) {
        pawl_json_member_string(&writer, "phase", pawl_phase_name(call->gateway, call->phase));
    }
    bool extend = call->admission.mode == PAWL_ADMISSION_EXTEND;
    pawl_json_member_str(&writer, "mode", extend ? "extend" : "ceiling");
    pawl_json_member_i64(&writer, "output_asked", call->request.output_asked);
    pawl_json_member_i64(&writer, "output_sent", call->admission.ceiling);
    pawl_json_member_i64(&writer, "input_estimate", call->query.input_tokens);
    pawl_json_member_i64(&writer, "input_known", call->estimate.known_tokens);
    pawl_json_member_i64(&writer, "input_counted", call->estimate.new_counted);
    pawl_json_member_i64(&writer, "estimator", PAWL_ESTIMATOR_VERSION);
    if (call->priced) {
        member_price(&writer, &call->price);
    }
    if (call->on_record) {
        char account[ACCOUNT_BYTES];
        (void)snprintf(account, sizeof(account), "%016" PRIx64, call->subscription->id);
        pawl_json_member_str(&writer, "account", account);
    }
    pawl_json_object_end(&writer);
    finish(out);
}

static void member_usage(struct pawl_json_writer *writer, const struct pawl_usage *usage)
{
    pawl_json_key(writer, "usage");
    pawl_json_object_begin(writer);
    for (int i = 0; i < PAWL_USAGE_FIELD_COUNT; i++) {
        enum pawl_usage_field field = (enum pawl_usage_field)i;
        bool usual = field == PAWL_USAGE_INPUT || field == PAWL_USAGE_OUTPUT;
        if (usual || usage->count[i] > 0) {
            pawl_json_member_i64(writer, pawl_usage_field_name(field), usage->count[i]);
        }
    }
    pawl_json_object_end(writer);
}

static void member_lines(struct pawl_json_writer *writer, const struct pawl_meter_bill *bill)
{
    size_t count = 0;
    pawl_json_key(writer, "lines");
    pawl_json_array_begin(writer);
    for (size_t part = 0; part < bill->part_count; part++) {
        const struct pawl_cost *cost = &bill->costs[part];
        for (size_t i = 0; i < cost->line_count && count < LINES_MAX; i++, count++) {
            const struct pawl_cost_line *line = &cost->lines[i];
            pawl_json_object_begin(writer);
            pawl_json_member_str(writer, "kind", pawl_price_kind_name(line->kind));
            pawl_json_member_i64(writer, "count", line->quantity);
            pawl_json_member_i64(writer, "price", line->rate_microcents);
            pawl_json_member_i64(writer, "cost", line->microcents);
            pawl_json_object_end(writer);
        }
    }
    pawl_json_array_end(writer);
}

static void member_times(struct pawl_json_writer *writer, const struct pawl_model_call *call)
{
    if (call->head_us > call->sent_us && call->sent_us > 0) {
        pawl_json_member_i64(writer, "ttfb_us", call->head_us - call->sent_us);
    }
    pawl_json_member_i64(writer, "duration_us", pawl_alarm_now_us() - call->started_us);
}

void pawl_note_settle(const struct pawl_model_call *call,
                      const struct pawl_meter_result *result,
                      const struct pawl_meter_bill *bill,
                      bool estimated,
                      struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    struct pawl_slice model = pawl_slice_str(result->parts[0].model);
    member_cut(&writer, "model", pawl_slice_empty(model) ? call->request.model : model);
    if (bill->part_count > 0) {
        member_price(&writer, &bill->prices[0]);
    }
    struct pawl_usage usage = result->parts[0].usage;
    for (size_t i = 1; i < result->part_count; i++) {
        pawl_usage_add(&usage, &result->parts[i].usage);
    }
    member_usage(&writer, &usage);
    member_lines(&writer, bill);
    if (call->answer.status != 0) {
        pawl_json_member_i64(&writer, "status", call->answer.status);
    }
    pawl_json_member_str(&writer, "end", end_names[call->end]);
    if (result->finish[0] != '\0') {
        pawl_json_member_str(&writer, "finish", result->finish);
    }
    if (result->error_type[0] != '\0') {
        pawl_json_member_str(&writer, "error", result->error_type);
    }
    if (call->why[0] != '\0') {
        pawl_json_member_str(&writer, "why", call->why);
    }
    pawl_json_member_i64(&writer, "tool_calls", result->tool_calls);
    pawl_json_member_bool(&writer, "estimated", estimated);
    pawl_json_member_bool(&writer, "odd", usage.odd != 0);
    member_times(&writer, call);
    pawl_json_member_i64(&writer, "overshoot", call->overshoot);
    pawl_json_object_end(&writer);
    finish(out);
}

void pawl_note_release(const struct pawl_model_call *call, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    if (call->answer.status != 0) {
        pawl_json_member_i64(&writer, "status", call->answer.status);
    }
    pawl_json_member_str(&writer, "end", end_names[call->end]);
    if (call->why[0] != '\0') {
        pawl_json_member_str(&writer, "why", call->why);
    }
    member_times(&writer, call);
    pawl_json_object_end(&writer);
    finish(out);
}

void pawl_note_event(const struct pawl_model_call *call, uint32_t count, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    if (call->asked.done != NULL) {
        member_cut(&writer, "tool", call->asked.tool);
    } else {
        pawl_json_member_i64(&writer, "call", (int64_t)call->hold);
    }
    pawl_json_member_i64(&writer, "tool_calls", count);
    pawl_json_object_end(&writer);
    finish(out);
}

static void members_of_words(struct pawl_json_writer *writer,
                             const struct pawl_refusal_words *words)
{
    const char *unit = pawl_unit_name(words->unit);
    if (unit == NULL) {
        return;
    }
    pawl_json_member_str(writer, "unit", unit);
    pawl_json_member_i64(writer, "limit", words->left.limit);
    pawl_json_member_i64(writer, "spent", words->left.spent);
    pawl_json_member_i64(writer, "held", words->left.held);
    pawl_json_member_i64(writer, "asked", words->asked);
    pawl_json_member_i64(writer, "fits", words->fits);
    if (words->window != NULL) {
        pawl_json_member_str(writer, "name", words->limit_name);
        pawl_json_member_str(writer, "window", words->window);
        pawl_json_member_i64(writer, "resets_at_ms", words->left.resets_at_us / PAWL_US_PER_MS);
    }
}

void pawl_note_refusal(const struct pawl_model_call *call,
                       const struct pawl_refusal_words *words,
                       struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "reason", pawl_refusal_name(words->refusal));
    pawl_json_member_bool(&writer, "latched", words->latches);
    if (call->asked.done != NULL) {
        member_cut(&writer, "tool", call->asked.tool);
    } else {
        pawl_json_member_str(&writer, "dialect", dialect_names[call->route.dialect]);
    }
    if (!pawl_slice_empty(call->request.model)) {
        member_cut(&writer, "model", call->request.model);
    }
    pawl_attribution_write(&call->who, &writer);
    if (words->phase != NULL) {
        pawl_json_member_str(&writer, "phase", words->phase);
    }
    pawl_json_member_str(&writer, "message", words->message);
    members_of_words(&writer, words);
    if (call->hold != 0) {
        pawl_json_member_i64(&writer, "call", (int64_t)call->hold);
    }
    pawl_json_object_end(&writer);
    finish(out);
}

void pawl_note_batch(const struct pawl_route *route, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "dialect", dialect_names[route->dialect]);
    member_cut(&writer, "path", route->rest);
    pawl_json_object_end(&writer);
    finish(out);
}

void pawl_note_details(const struct pawl_gateway *gateway,
                       const struct pawl_refusal_words *words,
                       struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "limit_kind", pawl_refusal_name(words->refusal));
    if (pawl_unit_name(words->unit) != NULL) {
        pawl_json_member_str(&writer, "scope", gateway->scope);
        members_of_words(&writer, words);
        if (words->window == NULL) {
            pawl_json_member_str(&writer, "window", "lifetime");
            pawl_json_member_i64(&writer, "resets_at_ms", 0);
        }
    }
    pawl_json_member_str(&writer, "run", gateway->options.run_id);
    pawl_json_object_end(&writer);
    finish(out);
}
