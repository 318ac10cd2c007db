/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c: reading a body, the parts that all dialects share.
 *
 * The body is checked for structure and UTF-8 only (the FORWARD profile): strings stay as they
 * are, numbers stay text. A key that pawl reads and that stands there twice is refused, since
 * nobody knows which of the two the provider takes.
 */
#include "gateway/request.h"

#include "base/assert.h"
#include "base/money.h"
#include "gateway/request_priv.h"
#include "gateway/usage.h"

enum { CONTAINER_MINUTES_LEAST = 5, MINUTE_US = 60 * 1000000 };

/* Models whose answers end before the default ceiling; asking them for more is an error at the
 * provider. The first prefix that fits counts. */
static const struct {
    const char *prefix;
    int64_t output_max;
} output_limits[] = {
    {"gpt-4o-2024-05-13", 4096},
    {"gpt-4o", 16384},
    {"chatgpt-4o", 16384},
    {"gpt-4-turbo", 4096},
    {"gpt-4-1106", 4096},
    {"gpt-4-0125", 4096},
    {"gpt-4-vision", 4096},
    {"gpt-4.", 32768},
    {"gpt-4", 4096},
    {"gpt-3.5", 4096},
    {"gpt-5-chat", 16384},
    {"gpt-5.1-chat", 16384},
    {"gpt-5.2-chat", 16384},
    {"gpt-5.3-chat", 16384},
    {"gpt-audio", 16384},
    {"computer-use-preview", 1024},
    {"deepseek-chat", 8192},
    {"claude-3-5", 8192},
    {"claude-3.5", 8192},
    {"claude-3-opus", 4096},
    {"claude-3-sonnet", 4096},
    {"claude-3-haiku", 4096},
    {"claude-2", 4096},
    {"claude-instant", 4096},
    {"claude-opus-4-0", 32000},
    {"claude-opus-4-1", 32000},
    {"claude-opus-4-2025", 32000},
    {"gemini-1.", 8192},
    {"gemini-2.0", 8192},
    {"gemini-pro-latest", PAWL_REQUEST_OUTPUT_DEFAULT}, /* the newest */
    {"gemini-pro", 2048},
    {"gemini-flash-1", 8192},
    {"gemma-", 8192},
    {"gemini-2.5-flash-preview-tts", 16384},
    {"gemini-2.5-pro-preview-tts", 16384},
};

int64_t pawl_request_output_default(struct pawl_slice model)
{
    model = pawl_usage_bare_model(model);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(output_limits); i++) {
        if (pawl_slice_starts_with(model, pawl_slice_str(output_limits[i].prefix))) {
            int64_t max = output_limits[i].output_max;
            return max < PAWL_REQUEST_OUTPUT_DEFAULT ? max : PAWL_REQUEST_OUTPUT_DEFAULT;
        }
    }
    return PAWL_REQUEST_OUTPUT_DEFAULT;
}

int64_t pawl_request_tool_tokens(const struct pawl_model_request *request)
{
    int64_t tokens = 0;
    for (uint32_t i = 0; request->tools_read_once && i < request->tool_count; i++) {
        tokens += request->tools[i].uses_asked * request->tools[i].use_tokens;
    }
    return tokens;
}

/* By the minute and at least five at Anthropic; in blocks of twenty at OpenAI (containers.h). */
int64_t pawl_request_container_minutes(const struct pawl_model_request *request,
                                       int64_t duration_us)
{
    bool anthropic = request->dialect == PAWL_DIALECT_ANTHROPIC;
    int64_t least = anthropic ? CONTAINER_MINUTES_LEAST : PAWL_CONTAINERS_BLOCK_MINUTES;
    int64_t each = anthropic ? 1 : PAWL_CONTAINERS_BLOCK_MINUTES;
    int64_t minutes = duration_us / MINUTE_US + 1;
    minutes = (minutes + each - 1) / each * each;
    int64_t gigabytes = request->container_gb + request->container_gb_named;
    return pawl_min_i64(pawl_max_i64(minutes, least) * gigabytes, PAWL_USAGE_COUNT_MAX);
}

/* --- Dialects ------------------------------------------------------------------------------- */

enum { APART_MAX = 8 };

static const struct {
    void (*read)(struct pawl_request_reader *reader);
    const char *messages; /* the member that lists them */
    /* Other members that say nothing to the model, or that read() adds piece by piece. */
    const char *apart[APART_MAX];
    bool may_be_text;   /* the list may be a single text */
    bool may_be_object; /* … or a single element without its brackets */
    bool model_in_path; /* and whether it is a stream too */
} dialects[PAWL_DIALECT_COUNT] = {
    [PAWL_DIALECT_ANTHROPIC] = {.read = pawl_request_read_anthropic,
                                .messages = "messages",
                                .apart = {"system", "tools", "metadata"}},
    [PAWL_DIALECT_OPENAI_CHAT] = {.read = pawl_request_read_openai,
                                  .messages = "messages",
                                  .apart = {"tools", "metadata", "stream_options"}},
    [PAWL_DIALECT_OPENAI_RESPONSES] = {.read = pawl_request_read_openai_responses,
                                       .messages = "input",
                                       .may_be_text = true,
                                       .apart = {"tools", "instructions", "metadata",
                                                 "stream_options", "client_metadata", "include"}},
    [PAWL_DIALECT_OPENAI_COMPACT] = {.read = pawl_request_read_openai_compact,
                                     .messages = "input",
                                     .may_be_text = true,
                                     .apart = {"instructions"}},
    [PAWL_DIALECT_OPENAI_LEGACY] = {.read = pawl_request_read_openai_legacy,
                                    .messages = "messages",
                                    .apart = {"prompt", "stream_options"}},
    [PAWL_DIALECT_OPENAI_EMBED] = {.read = pawl_request_read_openai_embed,
                                   .messages = "messages",
                                   .apart = {"input"}},
    [PAWL_DIALECT_GEMINI] = {.read = pawl_request_read_gemini,
                             .messages = "contents",
                             .apart = {"systemInstruction", "system_instruction", "tools",
                                       "safetySettings", "safety_settings", "labels"},
                             .may_be_object = true,
                             .model_in_path = true},
    [PAWL_DIALECT_GEMINI_EMBED] = {.read = pawl_request_read_gemini_embed,
                                   .messages = "content",
                                   .apart = {"requests"},
                                   .may_be_object = true,
                                   .model_in_path = true},
};

/* --- Members -------------------------------------------------------------------------------- */

void pawl_request_problem(struct pawl_request_reader *reader, const char *key, const char *problem)
{
    if (reader->problem == NULL) {
        reader->problem = problem;
        reader->problem_key = key;
    }
}

uint32_t pawl_request_get(struct pawl_request_reader *reader, uint32_t node, const char *key)
{
    bool duplicate = false;
    uint32_t member = pawl_json_get_checked(&reader->json, node, key, &duplicate);
    if (duplicate) {
        pawl_request_problem(reader, key, "is there twice");
    }
    return member;
}

uint32_t pawl_request_get_either(struct pawl_request_reader *reader,
                                 uint32_t node,
                                 const char *camel,
                                 const char *snake)
{
    uint32_t first = pawl_request_get(reader, node, camel);
    uint32_t second = pawl_request_get(reader, node, snake);
    if (first != PAWL_JSON_NONE && second != PAWL_JSON_NONE) {
        pawl_request_problem(reader, camel, "is there twice, in both of its spellings");
    }
    return first != PAWL_JSON_NONE ? first : second;
}

uint32_t pawl_request_member(struct pawl_request_reader *reader, const char *key)
{
    return pawl_request_get(reader, 0, key);
}

struct pawl_request_span pawl_request_span_of(const struct pawl_json *json, uint32_t node)
{
    if (node == PAWL_JSON_NONE) {
        return (struct pawl_request_span){0, 0};
    }
    struct pawl_slice raw = pawl_json_raw(json, node);
    size_t start = (size_t)(raw.data - json->text.data);
    return (struct pawl_request_span){start, start + raw.bytes};
}

int64_t pawl_request_count(struct pawl_request_reader *reader,
                           const char *key,
                           struct pawl_request_span *ret_span,
                           int64_t max)
{
    uint32_t node = pawl_request_member(reader, key);
    *ret_span = pawl_request_span_of(&reader->json, node);
    if (node == PAWL_JSON_NONE || pawl_json_is(&reader->json, node, PAWL_JSON_NULL)) {
        return -1;
    }
    int64_t value = pawl_json_count_or(&reader->json, node, -1);
    if (value < 0 || value > max) {
        pawl_request_problem(reader, key, "is not a whole number in its range");
        return -1;
    }
    return value;
}

bool pawl_request_nonempty(const struct pawl_json *json, uint32_t node)
{
    return node != PAWL_JSON_NONE && json->nodes[node].count > 0;
}

void pawl_request_add_base(struct pawl_request_reader *reader, uint32_t node, uint32_t tokens)
{
    PAWL_ASSERT(reader->request->elements.base_count < reader->base_max);
    struct pawl_estimate_element element = pawl_request_element(reader, node);
    element.media_tokens += tokens;
    reader->base[reader->request->elements.base_count++] = element;
}

void pawl_request_add_tokens(struct pawl_request_reader *reader, uint32_t node, uint32_t tokens)
{
    pawl_request_add_base(reader, node, 0);
    struct pawl_estimate_element *element = &reader->base[reader->request->elements.base_count - 1];
    element->text_bytes = 0;
    element->dense_bytes = 0;
    element->media_tokens = tokens;
}

/* --- What the provider counts ---------------------------------------------------------------- */

static bool counted_elsewhere(const struct pawl_request_reader *reader, uint32_t node)
{
    enum pawl_dialect dialect = reader->request->dialect;
    uint32_t key = reader->json.nodes[node].key;
    bool elsewhere = pawl_json_string_is(&reader->json, key, dialects[dialect].messages);
    for (size_t i = 0; i < APART_MAX && dialects[dialect].apart[i] != NULL; i++) {
        elsewhere =
            elsewhere || pawl_json_string_is(&reader->json, key, dialects[dialect].apart[i]);
    }
    return elsewhere;
}

/* Schemas, tool choices and the like: whatever has a structure. */
static void add_other_members(struct pawl_request_reader *reader)
{
    uint32_t node = pawl_json_first(&reader->json, 0);
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&reader->json, node)) {
        if (pawl_request_nonempty(&reader->json, node) && !counted_elsewhere(reader, node)) {
            pawl_request_add_base(reader, node, 0);
        }
    }
}

static void add_messages(struct pawl_request_reader *reader)
{
    enum pawl_dialect dialect = reader->request->dialect;
    const char *name = dialects[dialect].messages;
    uint32_t messages = pawl_request_member(reader, name);
    bool one = (dialects[dialect].may_be_text &&
                pawl_json_is(&reader->json, messages, PAWL_JSON_STRING)) ||
               (dialects[dialect].may_be_object &&
                pawl_json_is(&reader->json, messages, PAWL_JSON_OBJECT));
    if (!one && !pawl_json_is(&reader->json, messages, PAWL_JSON_ARRAY)) {
        bool none =
            dialects[dialect].may_be_text && pawl_json_is(&reader->json, messages, PAWL_JSON_NULL);
        if (messages != PAWL_JSON_NONE && !none) {
            pawl_request_problem(reader, name, "is not a list");
        }
        return;
    }
    uint32_t count = one ? 1 : reader->json.nodes[messages].count;
    struct pawl_estimate_element *list =
        pawl_arena_alloc(reader->arena, (count + 1) * sizeof(*list));
    if (list == NULL) {
        return; /* the arena's flag is looked at in the end */
    }
    uint32_t index = 0;
    uint32_t node = one ? messages : pawl_json_first(&reader->json, messages);
    for (; index < count; node = pawl_json_next(&reader->json, node)) {
        list[index++] = pawl_request_element(reader, node);
    }
    reader->request->elements.messages = list;
    reader->request->elements.message_count = count;
}

/* Room for every member, and for every piece of those that are added piece by piece. */
static bool make_room(struct pawl_request_reader *reader)
{
    const char *const *apart = dialects[reader->request->dialect].apart;
    reader->base_max = reader->json.nodes[0].count + 1;
    for (size_t i = 0; i < APART_MAX && apart[i] != NULL; i++) {
        uint32_t node = pawl_json_get(&reader->json, 0, apart[i]);
        reader->base_max += node != PAWL_JSON_NONE ? reader->json.nodes[node].count + 1 : 0;
    }
    reader->base = pawl_arena_alloc(reader->arena, reader->base_max * sizeof(*reader->base));
    reader->request->elements.base = reader->base;
    return reader->base != NULL;
}

/* What pawl_usage_modifiers_of_request() looks at. */
static const char *const rate_members[] = {"service_tier", "speed", "inference_geo"};

/* "models/NAME" of a body beside a path that says NAME. */
static void compare_models(struct pawl_request_reader *reader, struct pawl_slice model)
{
    struct pawl_slice wanted = reader->source->model;
    bool same = pawl_slice_ends_with(model, wanted) &&
                (model.bytes == wanted.bytes || model.data[model.bytes - wanted.bytes - 1] == '/');
    if (!pawl_slice_empty(model) && !same) {
        pawl_request_problem(reader, "model", "is not the one that the path names");
    }
}

static void read_model(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    uint32_t node = pawl_request_member(reader, "model");
    struct pawl_slice model = pawl_json_string(&reader->json, node, reader->arena);
    if (dialects[request->dialect].model_in_path) {
        compare_models(reader, model);
        model = reader->source->model;
        request->stream = reader->source->stream;
    } else {
        uint32_t stream = pawl_request_member(reader, "stream");
        request->stream = pawl_json_bool_or(&reader->json, stream, false);
    }
    request->model = pawl_arena_copy(reader->arena, model);
    if (pawl_slice_empty(request->model)) {
        pawl_request_problem(reader, "model", "is missing");
    }
}

static void read_common(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->inside = pawl_request_span_of(&reader->json, 0).start + 1;
    request->empty = reader->json.nodes[0].count == 0;
    read_model(reader);
    request->choices = 1;
    request->passes = 1;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rate_members); i++) {
        (void)pawl_request_member(reader, rate_members[i]);
    }
    request->modifiers = pawl_usage_modifiers_of_request(request->dialect, &reader->json, 0);
    pawl_request_find_cache_marks(reader);
}

static void say_why_not_json(const struct pawl_json *json, struct pawl_errmsg *msg)
{
    unsigned long long offset = (unsigned long long)json->error_offset;
    if (pawl_slice_empty(pawl_slice_trim(json->text))) {
        pawl_errmsg_set(msg, "the body is empty");
        return;
    }
    if (json->error == PAWL_JSON_DEPTH) {
        pawl_errmsg_set(msg, "the body is nested deeper than %u levels at byte %llu",
                        (unsigned)PAWL_JSON_LIMITS_DEFAULT.depth_max, offset);
        return;
    }
    pawl_errmsg_set(msg, "the body is not JSON: %s at byte %llu", pawl_json_error_name(json->error),
                    offset);
}

pawl_err pawl_request_read(const struct pawl_request_source *source,
                           struct pawl_slice body,
                           struct pawl_arena *arena,
                           struct pawl_model_request *ret_request,
                           struct pawl_errmsg *msg)
{
    enum pawl_dialect dialect = source->dialect;
    PAWL_ASSERT(dialects[dialect].read != NULL);
    struct pawl_model_request request = {.dialect = dialect, .body = body};
    struct pawl_request_reader reader = {.source = source, .arena = arena, .request = &request};
    if (!pawl_json_parse(arena, body, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &reader.json)) {
        if (reader.json.error == PAWL_JSON_NO_MEMORY) {
            return PAWL_ERR(MEMORY);
        }
        say_why_not_json(&reader.json, msg);
        return PAWL_ERR(INVALID);
    }
    if (!pawl_json_is(&reader.json, 0, PAWL_JSON_OBJECT)) {
        pawl_errmsg_set(msg, "the body is not a JSON object");
        return PAWL_ERR(INVALID);
    }
    if (!make_room(&reader)) {
        return PAWL_ERR(MEMORY);
    }
    read_common(&reader);
    dialects[dialect].read(&reader);
    pawl_request_find_turns(&reader);
    add_other_members(&reader);
    add_messages(&reader);
    pawl_request_let_count(&reader);
    if (reader.problem != NULL) {
        pawl_errmsg_set(msg, "the body's \"%s\" %s", reader.problem_key, reader.problem);
        return PAWL_ERR(INVALID);
    }
    if (arena->overflowed) {
        return PAWL_ERR(MEMORY);
    }
    *ret_request = request;
    return PAWL_OK;
}
