/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_gemini.c: Google's generateContent, streamed and not, and embedContent.
 *
 * A stream is a sequence of whole answers, each with a piece of the text and with `usageMetadata`
 * as it stands by then, which meter_gemini_usage.c reads.
 *
 * A stream has no last event: the connection ends. So it is never `terminal` here, and its report
 * is final when every candidate has said why it stopped.
 */
#include "base/attrs.h"
#include "base/hash.h"
#include "base/money.h"
#include "gateway/gemini.h"
#include "gateway/meter_priv.h"

enum { CHOICE_COUNT_MAX = 32 };

/* --- Searches. ---------------------------------------------------------------------------- */

/* Counts a query that was not seen before: a stream repeats what it has said, candidates ask for
 * the same, and Google bills each different query once and an empty one never. */
static void see_query(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_meter_state *state = &meter->state;
    struct pawl_slice query = pawl_json_string_raw(json, node);
    if (pawl_slice_empty(pawl_slice_trim(query))) {
        return;
    }
    struct pawl_hash_key key = {0, 0};
    uint64_t hash = pawl_hash_sip(key, query) | 1;
    size_t place = 0;
    while (place < PAWL_METER_QUERIES && state->queries[place] != 0) {
        if (state->queries[place] == hash) {
            return;
        }
        place++;
    }
    if (place < PAWL_METER_QUERIES) {
        state->queries[place] = hash; /* what does not fit counts each time */
    }
    state->web_searches++;
}

static void see_queries(struct pawl_meter *meter, const struct pawl_json *json, uint32_t grounding)
{
    static const char *const keys[] = {"webSearchQueries", "imageSearchQueries"};
    for (size_t k = 0; k < PAWL_ARRAY_LEN(keys); ++k) {
        uint32_t list = pawl_json_get(json, grounding, keys[k]);
        for (uint32_t i = pawl_json_first_element(json, list); i != PAWL_JSON_NONE;
             i = pawl_json_next(json, i)) {
            see_query(meter, json, i);
        }
    }
}

/* Whether something of Google's was found; what the user's own files gave has no fee. */
static bool found_something(const struct pawl_json *json, uint32_t grounding)
{
    static const char *const kinds[] = {"web", "image", "maps"};
    uint32_t chunks = pawl_json_get(json, grounding, "groundingChunks");
    for (uint32_t i = pawl_json_first_element(json, chunks); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        for (size_t k = 0; k < PAWL_ARRAY_LEN(kinds); ++k) {
            if (pawl_json_is(json, pawl_json_get(json, i, kinds[k]), PAWL_JSON_OBJECT)) {
                return true;
            }
        }
    }
    uint32_t entry = pawl_json_get(json, grounding, "searchEntryPoint");
    uint32_t widget = pawl_json_get(json, grounding, "googleMapsWidgetContextToken");
    return pawl_json_is(json, entry, PAWL_JSON_OBJECT) ||
           pawl_json_is(json, widget, PAWL_JSON_STRING);
}

static void see_grounding(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    uint32_t grounding = pawl_json_get(json, node, "groundingMetadata");
    see_queries(meter, json, grounding);
    int64_t searches = meter->state.web_searches;
    searches = searches == 0 && found_something(json, grounding) ? 1 : searches;
    struct pawl_slice model = pawl_slice_str(meter->result.parts[0].model);
    if (pawl_gemini_bills_searches_by_prompt(model)) {
        searches = pawl_min_i64(searches, 1);
    }
    if (searches > usage->count[PAWL_USAGE_WEB_SEARCHES]) {
        pawl_usage_set(usage, PAWL_USAGE_WEB_SEARCHES, searches);
    }
}

/* --- Candidates. -------------------------------------------------------------------------- */

static int64_t member_bytes(const struct pawl_json *json, uint32_t node, const char *key)
{
    return pawl_meter_text_bytes(json, pawl_json_get(json, node, key));
}

/* A call comes whole, or opens with its name and goes on in pieces that have none. */
static void see_call(struct pawl_meter *meter, const struct pawl_json *json, uint32_t call)
{
    static const char *const pieces[] = {"args", "partialArgs"};
    struct pawl_meter_state *state = &meter->state;
    if (!pawl_json_is(json, call, PAWL_JSON_OBJECT)) {
        return;
    }
    int64_t name_bytes = pawl_meter_see_text(meter, json, pawl_json_get(json, call, "name"));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(pieces); ++i) {
        uint32_t piece = pawl_json_get(json, call, pieces[i]);
        (void)pawl_meter_see_raw(meter, json, piece);
    }
    bool goes_on = name_bytes == 0 && state->call_count > 0;
    meter->result.tool_calls += goes_on ? 0 : 1;
    state->call_count =
        pawl_json_bool_or(json, pawl_json_get(json, call, "willContinue"), false) ? 1 : 0;
}

static void see_part(struct pawl_meter *meter, const struct pawl_json *json, uint32_t part)
{
    static const char *const server_tools[] = {"executableCode", "toolCall"};
    struct pawl_meter_result *result = &meter->result;
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, part, "text"));
    result->hidden_bytes += member_bytes(json, part, "thoughtSignature");
    result->hidden_bytes +=
        pawl_meter_text_bytes(json, pawl_json_path(json, part, "inlineData.data"));
    struct pawl_slice type =
        pawl_json_string_raw(json, pawl_json_path(json, part, "inlineData.mimeType"));
    meter->state.drew = meter->state.drew || pawl_slice_starts_with(type, PAWL_SLICE("image")) ||
                        pawl_slice_starts_with(type, PAWL_SLICE("video"));
    (void)pawl_meter_see_text(meter, json, pawl_json_path(json, part, "executableCode.code"));
    (void)pawl_meter_see_text(meter, json,
                              pawl_json_path(json, part, "codeExecutionResult.output"));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(server_tools); ++i) {
        bool there =
            pawl_json_is(json, pawl_json_get(json, part, server_tools[i]), PAWL_JSON_OBJECT);
        result->server_tool_calls += there ? 1 : 0;
    }
    see_call(meter, json, pawl_json_get(json, part, "functionCall"));
}

static void set_finish(struct pawl_meter *meter, const struct pawl_json *json, uint32_t reason)
{
    pawl_meter_copy_text(json, reason, meter->result.finish, sizeof(meter->result.finish));
}

static void see_candidate(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_meter_state *state = &meter->state;
    int64_t index = pawl_json_count_or(json, pawl_json_get(json, node, "index"), 0);
    uint32_t choice = 1u << (uint32_t)(index % CHOICE_COUNT_MAX);
    state->choices |= choice;
    uint32_t parts = pawl_json_path(json, node, "content.parts");
    for (uint32_t i = pawl_json_first_element(json, parts); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_part(meter, json, i);
    }
    uint32_t reason = pawl_json_get(json, node, "finishReason");
    if (pawl_json_is(json, reason, PAWL_JSON_STRING)) {
        set_finish(meter, json, reason);
        state->stopped |= choice;
    }
}

/* --- The meter. --------------------------------------------------------------------------- */

/* "gemini-2.5-flash" of "models/gemini-2.5-flash". */
static void read_model(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_slice name = pawl_json_string_raw(json, pawl_json_get(json, 0, "modelVersion"));
    size_t slash = 0;
    while ((slash = pawl_slice_find_byte(name, '/')) != SIZE_MAX) {
        name = pawl_slice_sub(name, slash + 1, name.bytes);
    }
    if (!pawl_slice_empty(name)) {
        struct pawl_meter_part *part = &meter->result.parts[0];
        (void)pawl_slice_copy_str(name, part->model, sizeof(part->model));
    }
}

static void read_error(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_result *result = &meter->result;
    uint32_t error = pawl_json_get(json, 0, "error");
    if (pawl_json_is(json, error, PAWL_JSON_OBJECT)) {
        result->error = true;
        pawl_meter_copy_text(json, pawl_json_get(json, error, "status"), result->error_type,
                             sizeof(result->error_type));
    }
}

/* A prompt that was not answered at all. */
static bool read_feedback(struct pawl_meter *meter, const struct pawl_json *json)
{
    uint32_t reason = pawl_json_path(json, 0, "promptFeedback.blockReason");
    set_finish(meter, json, reason);
    return pawl_json_is(json, reason, PAWL_JSON_STRING);
}

static void update_knowledge(struct pawl_meter *meter)
{
    struct pawl_meter_gemini_told told = pawl_meter_gemini_told(meter);
    pawl_meter_set_knowledge(meter, told.prompt || told.total,
                             told.output && meter->state.final_report);
}

/* One answer of a stream, or the only one. */
static void see_object(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    read_model(meter, json);
    read_error(meter, json);
    bool blocked = read_feedback(meter, json);
    int64_t bytes_before = meter->result.visible_bytes + meter->result.hidden_bytes;
    uint32_t candidates = pawl_json_get(json, 0, "candidates");
    for (uint32_t i = pawl_json_first_element(json, candidates); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_candidate(meter, json, i);
        see_grounding(meter, json, i);
    }
    meter->result.finished = blocked || (state->choices != 0 && state->stopped == state->choices);
    bool reported = pawl_meter_read_gemini_usage(meter, json);
    bool over = meter->result.finished || meter->result.error || meter->result.terminal;
    state->final_report = over && (reported || state->final_report);
    bool brought = meter->result.visible_bytes + meter->result.hidden_bytes > bytes_before;
    if (reported || brought) {
        state->told = reported && pawl_meter_gemini_told(meter).candidates;
    }
    update_knowledge(meter);
}

static void
gemini_event(struct pawl_meter *meter, struct pawl_slice name, const struct pawl_json *json)
{
    meter->result.error = meter->result.error || pawl_slice_equal_str(name, "error");
    see_object(meter, json);
}

static void gemini_body(struct pawl_meter *meter, const struct pawl_json *json)
{
    meter->result.terminal = true;
    see_object(meter, json);
}

static bool gemini_text(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data)
{
    (void)meter;
    (void)name;
    (void)data;
    return false;
}

const struct pawl_meter_ops pawl_meter_gemini_ops = {
    .on_body = gemini_body,
    .on_event = gemini_event,
    .on_text = gemini_text,
    .rate_unsaid = true,
};

/* --- Embeddings. -------------------------------------------------------------------------- */

/* Nothing comes out that is billed. Older models report no usage. */
static void embed_body(struct pawl_meter *meter, const struct pawl_json *json)
{
    meter->result.terminal = true;
    meter->result.finished = true;
    read_error(meter, json);
    (void)pawl_meter_read_gemini_usage(meter, json);
    pawl_meter_set_knowledge(meter, pawl_meter_gemini_told(meter).prompt, true);
}

static void
embed_event(struct pawl_meter *meter, struct pawl_slice name, const struct pawl_json *json)
{
    (void)name;
    embed_body(meter, json);
}

const struct pawl_meter_ops pawl_meter_gemini_embed_ops = {
    .on_body = embed_body,
    .on_event = embed_event,
    .on_text = gemini_text,
    .rate_unsaid = true,
};
