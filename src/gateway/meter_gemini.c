/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_gemini.c: Google's generateContent, streamed and not, and embedContent.
 *
 * A stream is a sequence of whole answers, each with a piece of the text and with `usageMetadata`
 * as it stands by then; the last report wins (M1). promptTokenCount includes what came from the
 * cache, candidatesTokenCount excludes thoughts, and what tools of the provider brought into the
 * prompt is counted beside both. JSON of protocol buffers leaves out whatever is 0, so a count
 * that is not there says nothing while the total is there.
 *
 * A stream has no last event: the connection ends. So it is never `terminal` here, and its report
 * is final when every candidate has said why it stopped.
 */
#include "base/assert.h"
#include "base/attrs.h"
#include "base/hash.h"
#include "base/money.h"
#include "gateway/gemini.h"
#include "gateway/meter_priv.h"

enum slot {
    SLOT_PROMPT,
    SLOT_CACHED,
    SLOT_CANDIDATES,
    SLOT_THOUGHTS,
    SLOT_TOOL_PROMPT,
    SLOT_TOTAL,
    SLOT_AUDIO, /* parts of the prompt */
    SLOT_IMAGE,
    SLOT_VIDEO,
    SLOT_CACHED_AUDIO, /* parts of what was cached */
    SLOT_CACHED_IMAGE,
    SLOT_CACHED_VIDEO,
    SLOT_OUTPUT_AUDIO, /* parts of the candidates */
    SLOT_OUTPUT_IMAGE,
    SLOT_COUNT
};
_Static_assert((int)SLOT_COUNT <= 16, "a report has that many slots");

enum { CHOICE_COUNT_MAX = 32 };

static const struct meter_field usage_fields[] = {
    {"promptTokenCount", SLOT_PROMPT},         {"cachedContentTokenCount", SLOT_CACHED},
    {"candidatesTokenCount", SLOT_CANDIDATES}, {"responseTokenCount", SLOT_CANDIDATES},
    {"thoughtsTokenCount", SLOT_THOUGHTS},     {"toolUsePromptTokenCount", SLOT_TOOL_PROMPT},
    {"totalTokenCount", SLOT_TOTAL},
};

/* Lists of {"modality":…,"tokenCount":…}, and where the counts of each modality go. What is not
 * sound, picture or video is text. */
static const struct {
    const char *key;
    uint8_t audio;
    uint8_t image;
    uint8_t video;
} details[] = {
    {"promptTokensDetails", SLOT_AUDIO, SLOT_IMAGE, SLOT_VIDEO},
    {"promptTokenDetails", SLOT_AUDIO, SLOT_IMAGE, SLOT_VIDEO},
    {"cacheTokensDetails", SLOT_CACHED_AUDIO, SLOT_CACHED_IMAGE, SLOT_CACHED_VIDEO},
    {"candidatesTokensDetails", SLOT_OUTPUT_AUDIO, SLOT_OUTPUT_IMAGE, SLOT_OUTPUT_IMAGE},
};

static bool has(uint32_t reported, enum slot slot)
{
    return (reported & (1u << (unsigned)slot)) != 0;
}

/* The elements of a list; NONE for anything else. */
static uint32_t first_of(const struct pawl_json *json, uint32_t list)
{
    return pawl_json_is(json, list, PAWL_JSON_ARRAY) ? pawl_json_first(json, list) : PAWL_JSON_NONE;
}

/* --- Usage. ------------------------------------------------------------------------------- */

static void add_detail(struct meter_report *report, unsigned slot, int64_t count)
{
    int64_t sum = report->value[slot] + count;
    report->value[slot] = pawl_min_i64(sum, PAWL_USAGE_COUNT_MAX);
    report->reported |= 1u << slot;
}

static void
read_details(const struct pawl_json *json, uint32_t node, size_t which, struct meter_report *report)
{
    uint32_t list = pawl_meter_get(json, node, details[which].key, &report->odd);
    for (uint32_t i = first_of(json, list); i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
        int64_t count = 0;
        uint32_t modality = pawl_json_get(json, i, "modality");
        if (!pawl_meter_read_count(json, pawl_json_get(json, i, "tokenCount"), &count,
                                   &report->odd)) {
            continue;
        }
        if (pawl_json_string_is(json, modality, "AUDIO")) {
            add_detail(report, details[which].audio, count);
        } else if (pawl_json_string_is(json, modality, "IMAGE")) {
            add_detail(report, details[which].image, count);
        } else if (pawl_json_string_is(json, modality, "VIDEO")) {
            add_detail(report, details[which].video, count);
        }
    }
}

/* What was cached, by modality. Where nobody says it, it is taken to be text first, on which the
 * cache saves least. */
struct cached {
    int64_t text;
    int64_t audio;
    int64_t image;
    int64_t video;
    int64_t beyond; /* more than there was prompt */
};

static int64_t take(int64_t *left, int64_t room)
{
    int64_t taken = pawl_max_i64(pawl_min_i64(*left, room), 0);
    *left -= taken;
    return taken;
}

static struct cached split_cached(const int64_t *value, int64_t text)
{
    int64_t left = value[SLOT_CACHED];
    struct cached cached = {.text = 0};
    cached.audio = take(&left, pawl_min_i64(value[SLOT_CACHED_AUDIO], value[SLOT_AUDIO]));
    cached.image = take(&left, pawl_min_i64(value[SLOT_CACHED_IMAGE], value[SLOT_IMAGE]));
    cached.video = take(&left, pawl_min_i64(value[SLOT_CACHED_VIDEO], value[SLOT_VIDEO]));
    cached.text = take(&left, text);
    cached.audio += take(&left, value[SLOT_AUDIO] - cached.audio);
    cached.image += take(&left, value[SLOT_IMAGE] - cached.image);
    cached.video += take(&left, value[SLOT_VIDEO] - cached.video);
    cached.beyond = left;
    return cached;
}

static void split_prompt(struct pawl_usage *usage, const int64_t *value, int64_t prompt)
{
    int64_t text = prompt - value[SLOT_AUDIO] - value[SLOT_IMAGE] - value[SLOT_VIDEO];
    if (text < 0) {
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        text = 0;
    }
    struct cached cached = split_cached(value, text);
    if (cached.beyond > 0) {
        /* Then the prompt excludes what was cached, and both are billed. */
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        cached = (struct cached){.beyond = value[SLOT_CACHED]};
    }
    pawl_usage_set(usage, PAWL_USAGE_INPUT, text - cached.text + value[SLOT_TOOL_PROMPT]);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_READ, cached.text + cached.video + cached.beyond);
    pawl_usage_set(usage, PAWL_USAGE_INPUT_AUDIO, value[SLOT_AUDIO] - cached.audio);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_AUDIO_READ, cached.audio);
    pawl_usage_set(usage, PAWL_USAGE_INPUT_IMAGE, value[SLOT_IMAGE] - cached.image);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_IMAGE_READ, cached.image);
    pawl_usage_set(usage, PAWL_USAGE_INPUT_VIDEO, value[SLOT_VIDEO] - cached.video);
}

/* Pictures cost many times what text does: where one came, and nobody says how many tokens it had,
 * all of them are its. */
static void split_candidates(struct pawl_usage *usage,
                             const int64_t *value,
                             int64_t candidates,
                             bool untold_picture)
{
    int64_t image = untold_picture ? pawl_max_i64(candidates - value[SLOT_OUTPUT_AUDIO], 0)
                                   : value[SLOT_OUTPUT_IMAGE];
    int64_t text = candidates - value[SLOT_OUTPUT_AUDIO] - image;
    if (text < 0) {
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        text = candidates;
    }
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT, text + value[SLOT_THOUGHTS]);
    pawl_usage_set(usage, PAWL_USAGE_REASONING, value[SLOT_THOUGHTS]);
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT_AUDIO, value[SLOT_OUTPUT_AUDIO]);
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT_IMAGE, image);
}

static bool output_reported(uint32_t reported)
{
    return has(reported, SLOT_CANDIDATES) || has(reported, SLOT_THOUGHTS) ||
           has(reported, SLOT_TOTAL);
}

static void rebuild_usage(struct pawl_meter *meter, uint32_t odd)
{
    const struct pawl_meter_state *state = &meter->state;
    const int64_t *value = state->last;
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    struct pawl_usage built = {.odd = usage->odd | odd, .modifiers = usage->modifiers};
    int64_t prompt = value[SLOT_PROMPT];
    int64_t candidates = value[SLOT_CANDIDATES];
    int64_t rest =
        value[SLOT_TOTAL] - prompt - candidates - value[SLOT_THOUGHTS] - value[SLOT_TOOL_PROMPT];
    if (rest > 0 && !has(state->reported, SLOT_PROMPT) && has(state->reported, SLOT_CANDIDATES)) {
        prompt = rest;
    } else if (rest > 0) {
        built.odd |= has(state->reported, SLOT_CANDIDATES) ? PAWL_USAGE_ODD_TOTAL : 0u;
        candidates += rest;
    }
    if (has(state->reported, SLOT_PROMPT) || has(state->reported, SLOT_TOTAL)) {
        split_prompt(&built, value, prompt);
    }
    if (output_reported(state->reported)) {
        split_candidates(&built, value, candidates,
                         state->drew && !has(state->reported, SLOT_OUTPUT_IMAGE));
    }
    if (pawl_usage_seen(usage, PAWL_USAGE_WEB_SEARCHES)) {
        pawl_usage_set(&built, PAWL_USAGE_WEB_SEARCHES, usage->count[PAWL_USAGE_WEB_SEARCHES]);
    }
    *usage = built;
    meter->result.tool_tokens = value[SLOT_TOOL_PROMPT];
}

/* The rate, where the answer says it. */
static void read_tier(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    static const char *const keys[] = {"serviceTier", "trafficType"};
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    uint32_t told = 0;
    bool any = false;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(keys); ++i) {
        uint32_t tier = pawl_json_get(json, node, keys[i]);
        if (pawl_json_is(json, tier, PAWL_JSON_STRING)) {
            any = true;
            told |=
                pawl_usage_modifiers_of_tier(PAWL_DIALECT_GEMINI, pawl_json_string_raw(json, tier));
        }
    }
    usage->modifiers = any ? told : usage->modifiers;
}

/* Returns whether there was a report. */
static bool read_usage(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    struct meter_report report = {.odd = 0};
    uint32_t node = pawl_meter_get(json, 0, "usageMetadata", &report.odd);
    if (!pawl_json_is(json, node, PAWL_JSON_OBJECT) || json->nodes[node].count == 0) {
        return false;
    }
    pawl_meter_read_fields(json, node, usage_fields, PAWL_ARRAY_LEN(usage_fields), &report);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(details); ++i) {
        read_details(json, node, i, &report);
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; ++slot) {
        bool taken_back = (slot == SLOT_PROMPT || slot == SLOT_CACHED) && report.value[slot] == 0 &&
                          state->last[slot] > 0;
        if (has(report.reported, (enum slot)slot) && taken_back) {
            report.odd |= PAWL_USAGE_ODD_TAKEN_BACK;
        } else if (has(report.reported, (enum slot)slot)) {
            state->last[slot] = report.value[slot];
        }
    }
    state->reported |= report.reported;
    rebuild_usage(meter, report.odd);
    read_tier(meter, json, node);
    return true;
}

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
        for (uint32_t i = first_of(json, list); i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
            see_query(meter, json, i);
        }
    }
}

/* Whether something of Google's was found; what the user's own files gave has no fee. */
static bool found_something(const struct pawl_json *json, uint32_t grounding)
{
    static const char *const kinds[] = {"web", "image", "maps"};
    uint32_t chunks = pawl_json_get(json, grounding, "groundingChunks");
    for (uint32_t i = first_of(json, chunks); i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
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
    for (uint32_t i = first_of(json, parts); i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
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
    const struct pawl_meter_state *state = &meter->state;
    bool prompt = has(state->reported, SLOT_PROMPT) || has(state->reported, SLOT_TOTAL);
    pawl_meter_set_knowledge(meter, prompt,
                             output_reported(state->reported) && state->final_report);
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
    for (uint32_t i = first_of(json, candidates); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_candidate(meter, json, i);
        see_grounding(meter, json, i);
    }
    meter->result.finished = blocked || (state->choices != 0 && state->stopped == state->choices);
    bool reported = read_usage(meter, json);
    bool over = meter->result.finished || meter->result.error || meter->result.terminal;
    state->final_report = over && (reported || state->final_report);
    bool brought = meter->result.visible_bytes + meter->result.hidden_bytes > bytes_before;
    if (reported || brought) {
        state->told = reported && state->last[SLOT_CANDIDATES] > 0;
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
    (void)read_usage(meter, json);
    pawl_meter_set_knowledge(meter, has(meter->state.reported, SLOT_PROMPT), true);
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
