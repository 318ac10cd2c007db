/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_openai_chat.c: OpenAI's Chat Completions, as OpenAI and the many that imitate it speak it.
 *
 * Usage stands in the body, or in one last chunk without choices if the request asked for it;
 * some send it with every chunk, inside a choice, or under a name of their own. The last report
 * wins (M1); meter_openai_usage.c reads it.
 */
#include "gateway/meter_priv.h"

enum { CHOICE_COUNT_MAX = 32, CALL_COUNT_MAX = 16 };

/* Models that search before each answer and do not report it. */
static void add_search(struct pawl_meter *meter)
{
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    struct pawl_slice model = pawl_slice_str(meter->result.parts[0].model);
    bool preview = pawl_slice_find(model, PAWL_SLICE("search-preview")) != SIZE_MAX;
    usage->modifiers |= preview ? PAWL_MODIFIER_SEARCH_PREVIEW : 0u;
    if (preview || pawl_slice_find(model, PAWL_SLICE("search-api")) != SIZE_MAX) {
        pawl_usage_at_least(usage, PAWL_USAGE_WEB_SEARCHES, 1);
    }
}

/* --- Tool calls. -------------------------------------------------------------------------- */

/* FNV-1a: tells the ids of one answer apart. 0 stands for "no id". */
static uint32_t hash_id(struct pawl_slice id)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.bytes; ++i) {
        hash = (hash ^ (unsigned char)id.data[i]) * 16777619u;
    }
    return pawl_slice_empty(id) ? 0 : (hash == 0 ? 1 : hash);
}

/* Whether this piece of a call goes on with one that was counted. The place is (choice, index);
 * some providers leave the index at 0 for every call, so another id at the same place is
 * another call. */
static bool call_is_known(struct pawl_meter_state *state, uint32_t place, uint32_t id)
{
    for (uint32_t i = state->call_count; i > 0; --i) {
        if (state->calls[i - 1] == place &&
            (id == 0 || state->call_ids[i - 1] == 0 || state->call_ids[i - 1] == id)) {
            state->call_ids[i - 1] = id == 0 ? state->call_ids[i - 1] : id;
            return true;
        }
    }
    return false;
}

static void see_call(struct pawl_meter *meter,
                     const struct pawl_json *json,
                     uint32_t call,
                     uint32_t choice,
                     uint32_t position)
{
    struct pawl_meter_state *state = &meter->state;
    int64_t index = pawl_json_count_or(json, pawl_json_get(json, call, "index"), position);
    uint32_t place = choice << 16 | ((uint32_t)index & 0xFFFF);
    struct pawl_slice id = pawl_json_string_raw(json, pawl_json_get(json, call, "id"));
    uint32_t function = pawl_json_get(json, call, "function");
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, function, "name"));
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, function, "arguments"));
    (void)pawl_meter_see_text(meter, json, pawl_json_path(json, call, "custom.input"));
    if (call_is_known(state, place, hash_id(id))) {
        return;
    }
    bool room = state->call_count < CALL_COUNT_MAX;
    if (room) {
        state->calls[state->call_count] = place;
        state->call_ids[state->call_count] = hash_id(id);
        ++state->call_count;
    }
    /* Once the table is full only the opening piece of a call, which has its id, is counted. */
    meter->result.tool_calls += room || !pawl_slice_empty(id) ? 1 : 0;
}

/* The function_call of older models: one a choice, at a place of its own. */
static void see_function_call(struct pawl_meter *meter,
                              const struct pawl_json *json,
                              uint32_t call,
                              uint32_t choice)
{
    if (!pawl_json_is(json, call, PAWL_JSON_OBJECT)) {
        return;
    }
    struct pawl_meter_state *state = &meter->state;
    uint32_t place = choice << 16 | 0xFFFF;
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, call, "name"));
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, call, "arguments"));
    if (!call_is_known(state, place, 0) && state->call_count < CALL_COUNT_MAX) {
        state->calls[state->call_count] = place;
        state->call_ids[state->call_count] = 0;
        ++state->call_count;
        ++meter->result.tool_calls;
    }
}

/* --- Choices. ----------------------------------------------------------------------------- */

/* A delta of a stream or the message of a body: the same members. */
static void see_message(struct pawl_meter *meter,
                        const struct pawl_json *json,
                        uint32_t message,
                        uint32_t choice)
{
    static const char *const texts[] = {"content", "refusal", "reasoning_content", "reasoning"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); ++i) {
        (void)pawl_meter_see_text(meter, json, pawl_json_get(json, message, texts[i]));
    }
    (void)pawl_meter_see_text(meter, json, pawl_json_path(json, message, "audio.transcript"));
    uint32_t parts = pawl_json_get(json, message, "content");
    for (uint32_t i = pawl_json_first_element(json, parts); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        (void)pawl_meter_see_text(meter, json, pawl_json_get(json, i, "text"));
    }
    uint32_t calls = pawl_json_get(json, message, "tool_calls");
    uint32_t position = 0;
    for (uint32_t i = pawl_json_first_element(json, calls); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_call(meter, json, i, choice, position++);
    }
    see_function_call(meter, json, pawl_json_get(json, message, "function_call"), choice);
}

/* Returns whether the choice held a usage report. */
static bool see_choice(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_meter_state *state = &meter->state;
    int64_t index = pawl_json_count_or(json, pawl_json_get(json, node, "index"), 0);
    uint32_t choice = (uint32_t)index % CHOICE_COUNT_MAX;
    state->choices |= 1u << choice;
    see_message(meter, json, pawl_json_get(json, node, "delta"), choice);
    see_message(meter, json, pawl_json_get(json, node, "message"), choice);
    /* Of the API before it, which knows no messages. */
    (void)pawl_meter_see_text(meter, json, pawl_json_get(json, node, "text"));
    uint32_t finish = pawl_json_get(json, node, "finish_reason");
    if (pawl_json_is(json, finish, PAWL_JSON_STRING)) {
        pawl_meter_copy_text(json, finish, meter->result.finish, sizeof(meter->result.finish));
        state->stopped |= 1u << choice;
    }
    return pawl_meter_read_openai_usage(meter, json, &pawl_meter_openai_chat_names,
                                        pawl_json_get(json, node, "usage"));
}

/* --- The meter. --------------------------------------------------------------------------- */

static void read_error(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_result *result = &meter->result;
    uint32_t error = pawl_json_get(json, 0, "error");
    if (error == PAWL_JSON_NONE || pawl_json_is(json, error, PAWL_JSON_NULL)) {
        return;
    }
    result->error = true;
    pawl_meter_copy_text(json, error, result->error_type, sizeof(result->error_type));
    pawl_meter_copy_text(json, pawl_json_get(json, error, "type"), result->error_type,
                         sizeof(result->error_type));
}

static void update_knowledge(struct pawl_meter *meter)
{
    pawl_meter_know_openai_usage(meter, meter->state.final_report || meter->result.terminal);
}

/* A chunk of a stream or a whole body. */
static void see_object(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    struct pawl_meter_part *part = &meter->result.parts[0];
    pawl_meter_copy_text(json, pawl_json_get(json, 0, "model"), part->model, sizeof(part->model));
    read_error(meter, json);
    uint32_t tier = pawl_json_get(json, 0, "service_tier");
    if (pawl_json_is(json, tier, PAWL_JSON_STRING)) {
        part->usage.modifiers = pawl_usage_modifiers_of_tier(PAWL_DIALECT_OPENAI_CHAT,
                                                             pawl_json_string_raw(json, tier));
    }
    bool reported = false;
    uint32_t choices = pawl_json_get(json, 0, "choices");
    for (uint32_t i = pawl_json_first_element(json, choices); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        reported = see_choice(meter, json, i) || reported;
    }
    meter->result.finished = state->choices != 0 && state->stopped == state->choices;
    reported = pawl_meter_read_openai_usage(meter, json, &pawl_meter_openai_chat_names,
                                            pawl_json_path(json, 0, "x_groq.usage")) ||
               reported;
    reported = pawl_meter_read_openai_usage(meter, json, &pawl_meter_openai_chat_names,
                                            pawl_meter_get(json, 0, "usage", &part->usage.odd)) ||
               reported;
    state->final_report =
        state->final_report || (reported && (meter->result.finished || meter->result.error));
    add_search(meter);
    update_knowledge(meter);
}

static void
chat_event(struct pawl_meter *meter, struct pawl_slice name, const struct pawl_json *json)
{
    meter->result.error = meter->result.error || pawl_slice_equal_str(name, "error");
    see_object(meter, json);
}

static void chat_body(struct pawl_meter *meter, const struct pawl_json *json)
{
    meter->result.terminal = true;
    see_object(meter, json);
}

/* The stream's last event is no JSON. */
static bool chat_text(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data)
{
    (void)name;
    if (!pawl_slice_equal_str(pawl_slice_trim(data), "[DONE]")) {
        return false;
    }
    meter->result.terminal = true;
    update_knowledge(meter);
    return true;
}

const struct pawl_meter_ops pawl_meter_openai_chat_ops = {
    .on_body = chat_body,
    .on_event = chat_event,
    .on_text = chat_text,
};

/* Embeddings report what chat reports, without output. */
const struct pawl_meter_ops pawl_meter_openai_embed_ops = {
    .on_body = chat_body,
    .on_event = chat_event,
    .on_text = chat_text,
    .usage_alone = true,
};
