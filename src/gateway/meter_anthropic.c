/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_anthropic.c: Anthropic's Messages API.
 *
 * A stream reports usage twice and more: `message_start` has the input side and a first output
 * count, each `message_delta` has counts so far, of which the last non-null one of each field
 * holds (M1). Buckets are disjoint already: input_tokens excludes what was read from or written
 * to the cache. `iterations` lists requests inside the request; those of type "message" are in
 * the totals, others (compaction, an advisor) are not and become parts of their own. A
 * "fallback_message" stands for the last message of an answer that another model gave: it is one of
 * the others only where the totals have no room for it.
 *
 * Proxies in front of other clouds are known to repeat the input fields as 0 in `message_delta`; a
 * zero for input that was reported before is taken for a field left empty, not for a correction.
 */
#include "base/assert.h"
#include "gateway/meter_priv.h"

enum slot {
    SLOT_INPUT,
    SLOT_CACHE_CREATION,
    SLOT_CACHE_READ,
    SLOT_WRITE_5M,
    SLOT_WRITE_1H,
    SLOT_OUTPUT, /* from here on a 0 is what it says */
    SLOT_THINKING,
    SLOT_WEB_SEARCHES,
    SLOT_COUNT
};

static const struct meter_field usage_fields[] = {
    {"input_tokens", SLOT_INPUT},
    {"cache_creation_input_tokens", SLOT_CACHE_CREATION},
    {"cache_read_input_tokens", SLOT_CACHE_READ},
    {"output_tokens", SLOT_OUTPUT},
};
static const struct meter_field creation_fields[] = {
    {"ephemeral_5m_input_tokens", SLOT_WRITE_5M},
    {"ephemeral_1h_input_tokens", SLOT_WRITE_1H},
};
static const struct meter_field output_fields[] = {
    {"thinking_tokens", SLOT_THINKING},
};
static const struct meter_field tool_fields[] = {
    {"web_search_requests", SLOT_WEB_SEARCHES},
};

static bool has(uint32_t reported, enum slot slot)
{
    return (reported & (1u << (unsigned)slot)) != 0;
}

/* --- Usage. ------------------------------------------------------------------------------- */

static struct meter_report read_report(const struct pawl_json *json, uint32_t node)
{
    struct meter_report report = {0};
    pawl_meter_read_fields(json, node, usage_fields, PAWL_ARRAY_LEN(usage_fields), &report);
    pawl_meter_read_fields(json, pawl_meter_get(json, node, "cache_creation", &report.odd),
                           creation_fields, PAWL_ARRAY_LEN(creation_fields), &report);
    pawl_meter_read_fields(json, pawl_meter_get(json, node, "output_tokens_details", &report.odd),
                           output_fields, PAWL_ARRAY_LEN(output_fields), &report);
    pawl_meter_read_fields(json, pawl_meter_get(json, node, "server_tool_use", &report.odd),
                           tool_fields, PAWL_ARRAY_LEN(tool_fields), &report);
    return report;
}

/* Cache writes by lifetime. What the breakdown does not cover is long-lived if the request asked
 * for that anywhere. A breakdown larger than the total is kept as it is. */
static void set_cache_writes(struct pawl_usage *usage,
                             const int64_t *value,
                             uint32_t reported,
                             bool long_cache_asked)
{
    int64_t total = value[SLOT_CACHE_CREATION];
    int64_t known = value[SLOT_WRITE_5M] + value[SLOT_WRITE_1H];
    bool broken_down = has(reported, SLOT_WRITE_5M) || has(reported, SLOT_WRITE_1H);
    bool differs = broken_down && has(reported, SLOT_CACHE_CREATION) && known != total;
    usage->odd |= differs ? PAWL_USAGE_ODD_PARTS : 0u;
    int64_t rest = total > known ? total - known : 0;
    pawl_usage_set(usage, PAWL_USAGE_CACHE_WRITE,
                   value[SLOT_WRITE_5M] + (long_cache_asked ? 0 : rest));
    pawl_usage_set(usage, PAWL_USAGE_CACHE_WRITE_LONG,
                   value[SLOT_WRITE_1H] + (long_cache_asked ? rest : 0));
}

static struct pawl_usage to_usage(const int64_t *value, uint32_t reported, bool long_cache_asked)
{
    struct pawl_usage usage = {0};
    if (has(reported, SLOT_INPUT)) {
        pawl_usage_set(&usage, PAWL_USAGE_INPUT, value[SLOT_INPUT]);
    }
    if (has(reported, SLOT_CACHE_READ)) {
        pawl_usage_set(&usage, PAWL_USAGE_CACHE_READ, value[SLOT_CACHE_READ]);
    }
    if (has(reported, SLOT_CACHE_CREATION) || has(reported, SLOT_WRITE_5M) ||
        has(reported, SLOT_WRITE_1H)) {
        set_cache_writes(&usage, value, reported, long_cache_asked);
    }
    if (has(reported, SLOT_WEB_SEARCHES)) {
        pawl_usage_set(&usage, PAWL_USAGE_WEB_SEARCHES, value[SLOT_WEB_SEARCHES]);
    }
    int64_t output = value[SLOT_OUTPUT];
    int64_t thinking = value[SLOT_THINKING];
    if (thinking > output) {
        usage.odd |= PAWL_USAGE_ODD_PARTS;
        output += thinking;
    }
    if (has(reported, SLOT_OUTPUT) || has(reported, SLOT_THINKING)) {
        pawl_usage_set(&usage, PAWL_USAGE_OUTPUT, output);
    }
    if (has(reported, SLOT_THINKING)) {
        pawl_usage_set(&usage, PAWL_USAGE_REASONING, thinking);
    }
    return usage;
}

static void set_modifier(struct pawl_usage *usage,
                         uint32_t bit,
                         const struct pawl_json *json,
                         uint32_t node,
                         const char *word)
{
    if (pawl_json_is(json, node, PAWL_JSON_STRING)) {
        usage->modifiers &= ~bit;
        usage->modifiers |= pawl_json_string_is(json, node, word) ? bit : 0u;
    }
}

/* Whether the totals are so large that what this request used is in them. */
static bool totals_cover(const struct pawl_usage *totals, const struct pawl_usage *usage)
{
    return pawl_usage_input_tokens(totals) >= pawl_usage_input_tokens(usage) &&
           pawl_usage_output_tokens(totals) >= pawl_usage_output_tokens(usage);
}

/* Requests inside the request that the totals leave out. */
static void read_iterations(struct pawl_meter *meter, const struct pawl_json *json, uint32_t list)
{
    struct pawl_meter_result *result = &meter->result;
    if (!pawl_json_is(json, list, PAWL_JSON_ARRAY)) {
        return;
    }
    result->part_count = 1;
    for (uint32_t i = pawl_json_first(json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        uint32_t type = pawl_json_get(json, i, "type");
        if (!pawl_json_is(json, type, PAWL_JSON_STRING) ||
            pawl_json_string_is(json, type, "message")) {
            continue;
        }
        struct meter_report report = read_report(json, i);
        struct pawl_usage usage = to_usage(report.value, report.reported, meter->long_cache_asked);
        if (pawl_json_string_is(json, type, "fallback_message") &&
            totals_cover(&result->parts[0].usage, &usage)) {
            continue;
        }
        usage.odd |= report.odd;
        usage.modifiers = result->parts[0].usage.modifiers;
        struct pawl_slice model = pawl_json_string_raw(json, pawl_json_get(json, i, "model"));
        if (pawl_slice_empty(model)) {
            model = pawl_slice_str(result->parts[0].model);
        }
        pawl_usage_add(pawl_meter_part_for(result, model), &usage);
    }
}

/* Takes a report over into what is known so far (M1). */
static void merge_report(struct pawl_meter_state *state, struct meter_report *report)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; ++slot) {
        if (!has(report->reported, (enum slot)slot)) {
            continue;
        }
        bool taken_back = slot < SLOT_OUTPUT && report->value[slot] == 0 && state->last[slot] > 0;
        if (taken_back) {
            report->odd |= PAWL_USAGE_ODD_TAKEN_BACK;
        } else {
            state->last[slot] = report->value[slot];
        }
    }
    state->reported |= report->reported;
}

static void read_usage(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    if (!pawl_json_is(json, node, PAWL_JSON_OBJECT)) {
        return;
    }
    struct pawl_meter_state *state = &meter->state;
    struct meter_report report = read_report(json, node);
    merge_report(state, &report);
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    uint32_t odd = usage->odd | report.odd;
    uint32_t modifiers = usage->modifiers;
    *usage = to_usage(state->last, state->reported, meter->long_cache_asked);
    usage->odd |= odd;
    usage->modifiers = modifiers;
    if (!has(state->reported, SLOT_WEB_SEARCHES) && state->web_searches > 0) {
        pawl_usage_set(usage, PAWL_USAGE_WEB_SEARCHES, state->web_searches);
    }
    set_modifier(usage, PAWL_MODIFIER_FAST, json, pawl_json_get(json, node, "speed"), "fast");
    set_modifier(usage, PAWL_MODIFIER_US_ONLY, json, pawl_json_get(json, node, "inference_geo"),
                 "us");
    set_modifier(usage, PAWL_MODIFIER_DISCOUNT, json, pawl_json_get(json, node, "service_tier"),
                 "batch");
    read_iterations(meter, json, pawl_meter_get(json, node, "iterations", &usage->odd));
}

/* --- Content. ----------------------------------------------------------------------------- */

static int64_t member_bytes(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_meter_text_bytes(json, pawl_json_get(json, node, key));
}

static void see_texts(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    /* "content" is that of a compaction. */
    static const char *const texts[] = {"text", "thinking", "content", "partial_json"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); ++i) {
        (void)pawl_meter_see_text(meter, json, pawl_json_get(json, node, texts[i]));
    }
}

/* "web_search", "web_fetch", "code_execution", "bash_code_execution", …: searches are a fee, and
 * count from here on until the usage tells how many were billed. */
static void see_server_tool(struct pawl_meter *meter, struct pawl_slice name)
{
    struct pawl_meter_result *result = &meter->result;
    bool code = pawl_slice_find(name, PAWL_SLICE("code_execution")) != SIZE_MAX;
    bool search = pawl_slice_equal_str(name, "web_search");
    result->server_tool_calls += 1;
    result->code_calls += code ? 1 : 0;
    meter->state.web_searches += search ? 1 : 0;
    if (search && !has(meter->state.reported, SLOT_WEB_SEARCHES)) {
        pawl_usage_set(&result->parts[0].usage, PAWL_USAGE_WEB_SEARCHES, meter->state.web_searches);
    }
}

/* A block as it opens in a stream (mostly empty) or stands in a body (whole). */
static void see_block(struct pawl_meter *meter, const struct pawl_json *json, uint32_t block)
{
    struct pawl_meter_result *result = &meter->result;
    uint32_t type = pawl_json_get(json, block, "type");
    if (pawl_json_string_is(json, type, "tool_use")) {
        ++result->tool_calls;
    } else if (pawl_json_string_is(json, type, "server_tool_use")) {
        see_server_tool(meter, pawl_json_string_raw(json, pawl_json_get(json, block, "name")));
    } else if (pawl_json_string_is(json, type, "mcp_tool_use")) {
        ++result->server_tool_calls;
    } else if (pawl_json_string_is(json, type, "thinking") ||
               pawl_json_string_is(json, type, "redacted_thinking")) {
        result->thought = true;
    }
    see_texts(meter, json, block);
    result->hidden_bytes += member_bytes(json, block, "signature");
    result->hidden_bytes += member_bytes(json, block, "data");
    /* In a stream the input opens as {} and comes in pieces. */
    uint32_t input = pawl_json_get(json, block, "input");
    if (pawl_json_is(json, input, PAWL_JSON_OBJECT) && json->nodes[input].count > 0) {
        (void)pawl_meter_see_raw(meter, json, input);
    }
}

static void on_block_start(struct pawl_meter *meter, const struct pawl_json *json)
{
    see_block(meter, json, pawl_json_get(json, 0, "content_block"));
}

static void on_block_delta(struct pawl_meter *meter, const struct pawl_json *json)
{
    uint32_t delta = pawl_json_get(json, 0, "delta");
    see_texts(meter, json, delta);
    meter->result.hidden_bytes += member_bytes(json, delta, "signature");
}

static void set_finish(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    if (pawl_json_is(json, node, PAWL_JSON_STRING)) {
        pawl_meter_copy_text(json, node, meter->result.finish, sizeof(meter->result.finish));
        meter->result.finished = true;
    }
}

static void on_message_start(struct pawl_meter *meter, const struct pawl_json *json)
{
    uint32_t message = pawl_json_get(json, 0, "message");
    struct pawl_meter_part *part = &meter->result.parts[0];
    pawl_meter_copy_text(json, pawl_json_get(json, message, "model"), part->model,
                         sizeof(part->model));
    pawl_meter_copy_text(json, pawl_json_get(json, message, "id"), meter->result.id,
                         sizeof(meter->result.id));
    read_usage(meter, json, pawl_meter_get(json, message, "usage", &part->usage.odd));
}

/* A report behind which no more of the answer comes. */
static void read_final_usage(struct pawl_meter *meter, const struct pawl_json *json)
{
    uint32_t usage = pawl_meter_get(json, 0, "usage", &meter->result.parts[0].usage.odd);
    uint32_t output = pawl_json_get(json, usage, "output_tokens");
    read_usage(meter, json, usage);
    if (output != PAWL_JSON_NONE && !pawl_json_is(json, output, PAWL_JSON_NULL)) {
        meter->state.final_report = true;
    }
}

static void on_message_delta(struct pawl_meter *meter, const struct pawl_json *json)
{
    set_finish(meter, json, pawl_json_path(json, 0, "delta.stop_reason"));
    read_final_usage(meter, json);
}

static void on_message_stop(struct pawl_meter *meter, const struct pawl_json *json)
{
    (void)json;
    meter->result.terminal = true;
}

static void on_error(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_result *result = &meter->result;
    result->error = true;
    pawl_meter_copy_text(json, pawl_json_path(json, 0, "error.type"), result->error_type,
                         sizeof(result->error_type));
    read_final_usage(meter, json);
}

/* --- The meter. --------------------------------------------------------------------------- */

static const struct {
    const char *type;
    void (*handle)(struct pawl_meter *meter, const struct pawl_json *json);
} events[] = {
    {"content_block_delta", on_block_delta}, {"content_block_start", on_block_start},
    {"message_start", on_message_start},     {"message_delta", on_message_delta},
    {"message_stop", on_message_stop},       {"error", on_error},
};

static void update_knowledge(struct pawl_meter *meter)
{
    const struct pawl_meter_result *result = &meter->result;
    pawl_meter_set_knowledge(meter, has(meter->state.reported, SLOT_INPUT),
                             meter->state.final_report &&
                                 (result->finished || result->terminal || result->error));
}

static void
anthropic_event(struct pawl_meter *meter, struct pawl_slice name, const struct pawl_json *json)
{
    struct pawl_slice type = pawl_json_string_raw(json, pawl_json_get(json, 0, "type"));
    if (pawl_slice_empty(type)) {
        type = name;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(events); ++i) {
        if (pawl_slice_equal_str(type, events[i].type)) {
            events[i].handle(meter, json);
        }
    }
    update_knowledge(meter);
}

static void anthropic_body(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_part *part = &meter->result.parts[0];
    meter->result.terminal = true;
    if (pawl_json_string_is(json, pawl_json_get(json, 0, "type"), "error")) {
        on_error(meter, json);
    }
    pawl_meter_copy_text(json, pawl_json_get(json, 0, "model"), part->model, sizeof(part->model));
    pawl_meter_copy_text(json, pawl_json_get(json, 0, "id"), meter->result.id,
                         sizeof(meter->result.id));
    uint32_t content = pawl_json_get(json, 0, "content");
    for (uint32_t i = pawl_json_first_element(json, content); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_block(meter, json, i);
    }
    set_finish(meter, json, pawl_json_get(json, 0, "stop_reason"));
    read_usage(meter, json, pawl_meter_get(json, 0, "usage", &part->usage.odd));
    meter->state.final_report = has(meter->state.reported, SLOT_OUTPUT);
    update_knowledge(meter);
}

static bool anthropic_text(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data)
{
    (void)meter;
    (void)name;
    (void)data;
    return false;
}

const struct pawl_meter_ops pawl_meter_anthropic_ops = {
    .on_body = anthropic_body,
    .on_event = anthropic_event,
    .on_text = anthropic_text,
};
