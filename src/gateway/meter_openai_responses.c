/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_openai_responses.c: OpenAI's Responses.
 *
 * An answer is a list of items: messages, reasoning, calls of the client's tools, calls of tools
 * that the provider ran. A stream tells each item when it begins (output_item.added), bit by bit
 * (events that end in ".delta"), and whole when it is done; the last event has all of the
 * response again, with usage, which nothing before it has.
 *
 * Whatever is told more than once counts once: of an item that is done only what its deltas had
 * not, of the response in the last event only what its items had not. So a proxy that leaves one
 * of the three out is metered all the same.
 *
 * Searches are billed by the piece and stand in no usage; they are counted by their items. Opening
 * a page that was found, and looking for something in it, costs no fee.
 */
#include "base/attrs.h"
#include "base/money.h"
#include "gateway/meter_priv.h"

enum { OPEN_ITEMS_MAX = 16 };

/* What an item is, by its type. What is not here is text or nothing. */
enum item_kind {
    ITEM_TEXT,
    ITEM_REASONING,
    ITEM_CLIENT_CALL,
    ITEM_SERVER_CALL,
    ITEM_WEB_SEARCH,
    ITEM_FILE_SEARCH,
    ITEM_PICTURE,
    ITEM_CODE, /* in a container of the provider's */
    ITEM_SHELL /* there, or at the client */
};

static const struct {
    const char *type;
    enum item_kind kind;
} item_kinds[] = {
    {"reasoning", ITEM_REASONING},           {"function_call", ITEM_CLIENT_CALL},
    {"custom_tool_call", ITEM_CLIENT_CALL},  {"computer_call", ITEM_CLIENT_CALL},
    {"local_shell_call", ITEM_CLIENT_CALL},  {"shell_call", ITEM_SHELL},
    {"apply_patch_call", ITEM_CLIENT_CALL},  {"web_search_call", ITEM_WEB_SEARCH},
    {"file_search_call", ITEM_FILE_SEARCH},  {"code_interpreter_call", ITEM_CODE},
    {"image_generation_call", ITEM_PICTURE}, {"mcp_call", ITEM_SERVER_CALL},
    {"program", ITEM_SERVER_CALL},
};

/* What a list of items holds. */
struct tally {
    uint32_t client_calls;
    uint32_t server_calls;
    uint32_t web_searches;
    uint32_t file_searches;
    uint32_t code_calls;
    uint32_t pictures;
    int64_t visible_bytes;
    int64_t hidden_bytes;
    bool thought;
};

/* --- Items. ------------------------------------------------------------------------------- */

static enum item_kind kind_of(const struct pawl_json *json, uint32_t item)
{
    uint32_t type = pawl_json_get(json, item, "type");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(item_kinds); ++i) {
        if (pawl_json_string_is(json, type, item_kinds[i].type)) {
            return item_kinds[i].kind;
        }
    }
    /* The client's own search for tools; the provider's costs tokens only. */
    bool search = pawl_json_string_is(json, type, "tool_search_call");
    bool client = pawl_json_string_is(json, pawl_json_get(json, item, "execution"), "client");
    return search ? (client ? ITEM_CLIENT_CALL : ITEM_SERVER_CALL) : ITEM_TEXT;
}

/* A search that goes on with what was found: no fee. */
static bool is_free_action(const struct pawl_json *json, uint32_t item)
{
    uint32_t type = pawl_json_path(json, item, "action.type");
    return pawl_json_string_is(json, type, "open_page") ||
           pawl_json_string_is(json, type, "find_in_page");
}

/* Where it does not say, both: a tool call that the client runs, and one that was billed. */
static void add_shell(const struct pawl_json *json, uint32_t item, struct tally *tally)
{
    struct pawl_slice place =
        pawl_json_string_raw(json, pawl_json_path(json, item, "environment.type"));
    bool container = pawl_slice_starts_with(place, PAWL_SLICE("container"));
    tally->client_calls += container ? 0 : 1;
    tally->server_calls += container ? 1 : 0;
    tally->code_calls += pawl_slice_equal_str(place, "local") ? 0 : 1;
}

/* Bytes of the text that a list's members have, or are. */
static int64_t list_bytes(const struct pawl_json *json, uint32_t list)
{
    int64_t bytes = 0;
    for (uint32_t i = pawl_json_first_element(json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        bytes += pawl_meter_text_bytes(json, i) +
                 pawl_meter_text_bytes(json, pawl_json_get(json, i, "text")) +
                 pawl_meter_text_bytes(json, pawl_json_get(json, i, "refusal")) +
                 pawl_meter_text_bytes(json, pawl_json_get(json, i, "transcript"));
    }
    return bytes;
}

static int64_t item_bytes(const struct pawl_json *json, uint32_t item)
{
    static const char *const texts[] = {"name", "arguments", "input", "code"};
    static const char *const lists[] = {"content", "summary"};
    int64_t bytes = pawl_meter_text_bytes(json, pawl_json_path(json, item, "operation.diff")) +
                    list_bytes(json, pawl_json_path(json, item, "action.commands")) +
                    list_bytes(json, pawl_json_path(json, item, "action.command"));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); ++i) {
        bytes += pawl_meter_text_bytes(json, pawl_json_get(json, item, texts[i]));
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lists); ++i) {
        bytes += list_bytes(json, pawl_json_get(json, item, lists[i]));
    }
    return bytes;
}

static void see_container(struct pawl_meter *meter, const struct pawl_json *json, uint32_t item)
{
    static const char *const places[] = {"container_id", "environment.container_id"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(places); ++i) {
        struct pawl_slice id = pawl_json_string_raw(json, pawl_json_path(json, item, places[i]));
        (void)pawl_container_names_add(&meter->result.containers, id);
    }
}

static void add_item(const struct pawl_json *json, uint32_t item, struct tally *tally)
{
    switch (kind_of(json, item)) {
    case ITEM_TEXT:
        break;
    case ITEM_REASONING:
        tally->thought = true;
        break;
    case ITEM_CLIENT_CALL:
        tally->client_calls++;
        break;
    case ITEM_SERVER_CALL:
        tally->server_calls++;
        break;
    case ITEM_WEB_SEARCH:
        tally->server_calls++;
        tally->web_searches += is_free_action(json, item) ? 0 : 1;
        break;
    case ITEM_FILE_SEARCH:
        tally->server_calls++;
        tally->file_searches++;
        break;
    case ITEM_PICTURE:
        tally->server_calls++;
        tally->pictures++;
        break;
    case ITEM_CODE:
        tally->server_calls++;
        tally->code_calls++;
        break;
    case ITEM_SHELL:
        add_shell(json, item, tally);
        break;
    }
    tally->visible_bytes += item_bytes(json, item);
    tally->hidden_bytes +=
        pawl_meter_text_bytes(json, pawl_json_get(json, item, "encrypted_content"));
}

/* --- What was seen so far. ---------------------------------------------------------------- */

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void set_searches(struct pawl_meter *meter)
{
    pawl_meter_set_openai_searches(meter, meter->state.web_searches, meter->state.file_searches);
}

static void count(struct pawl_meter *meter, const struct tally *more)
{
    struct pawl_meter_result *result = &meter->result;
    result->tool_calls += more->client_calls;
    result->server_tool_calls += more->server_calls;
    result->code_calls += more->code_calls;
    result->pictures += more->pictures;
    result->visible_bytes += more->visible_bytes;
    result->hidden_bytes += more->hidden_bytes;
    result->thought = result->thought || more->thought;
    meter->state.web_searches += more->web_searches;
    meter->state.file_searches += more->file_searches;
    set_searches(meter);
}

/* All items of a response: raises what falls short of them. */
static void see_output(struct pawl_meter *meter, const struct pawl_json *json, uint32_t output)
{
    struct tally all = {0};
    for (uint32_t i = pawl_json_first_element(json, output); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        add_item(json, i, &all);
        see_container(meter, json, i);
    }
    struct pawl_meter_result *result = &meter->result;
    struct pawl_meter_state *state = &meter->state;
    result->tool_calls = larger(result->tool_calls, all.client_calls);
    result->server_tool_calls = larger(result->server_tool_calls, all.server_calls);
    result->code_calls = larger(result->code_calls, all.code_calls);
    result->pictures = larger(result->pictures, all.pictures);
    result->visible_bytes = pawl_max_i64(result->visible_bytes, all.visible_bytes);
    result->hidden_bytes = pawl_max_i64(result->hidden_bytes, all.hidden_bytes);
    result->thought = result->thought || all.thought;
    state->web_searches = larger(state->web_searches, all.web_searches);
    state->file_searches = larger(state->file_searches, all.file_searches);
    set_searches(meter);
}

/* Where an open item stands in the table, or its end. */
static uint32_t find_open(const struct pawl_meter_state *state, uint32_t place)
{
    uint32_t at = 0;
    while (at < state->call_count && state->calls[at] != place) {
        ++at;
    }
    return at;
}

static uint32_t place_of(const struct pawl_json *json)
{
    return (uint32_t)pawl_json_count_or(json, pawl_json_get(json, 0, "output_index"), 0);
}

static void see_added(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    struct tally one = {0};
    add_item(json, pawl_json_get(json, 0, "item"), &one);
    see_container(meter, json, pawl_json_get(json, 0, "item"));
    uint32_t at = find_open(state, place_of(json));
    if (at < OPEN_ITEMS_MAX) {
        state->calls[at] = place_of(json);
        state->call_ids[at] = (uint32_t)one.visible_bytes;
        state->call_count = larger(state->call_count, at + 1);
    }
    count(meter, &one);
}

static void see_delta(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    int64_t bytes = pawl_meter_see_text(meter, json, pawl_json_get(json, 0, "delta"));
    uint32_t at = find_open(state, place_of(json));
    if (at < state->call_count) {
        state->call_ids[at] += (uint32_t)bytes;
    }
}

static void see_done(struct pawl_meter *meter, const struct pawl_json *json)
{
    struct pawl_meter_state *state = &meter->state;
    uint32_t item = pawl_json_get(json, 0, "item");
    struct tally one = {0};
    add_item(json, item, &one);
    see_container(meter, json, item);
    uint32_t at = find_open(state, place_of(json));
    if (at == state->call_count) {
        count(meter, &one); /* nobody said that it began */
        return;
    }
    /* What its beginning counted for a search, before anybody knew of which kind. */
    bool free = kind_of(json, item) == ITEM_WEB_SEARCH && one.web_searches == 0;
    state->web_searches -= free && state->web_searches > 0 ? 1 : 0;
    struct tally rest = {
        .visible_bytes = pawl_max_i64(one.visible_bytes - (int64_t)state->call_ids[at], 0),
        .hidden_bytes = one.hidden_bytes,
    };
    state->call_count--;
    state->calls[at] = state->calls[state->call_count];
    state->call_ids[at] = state->call_ids[state->call_count];
    count(meter, &rest);
}

/* --- The response. ------------------------------------------------------------------------ */

/* What another model used to make pictures: its figures stand beside those of the model that asked
 * it, and cover the whole answer. */
static void see_pictures(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    static const struct meter_field all[] = {{"input_tokens", 0}, {"output_tokens", 1}};
    static const struct meter_field input[] = {{"image_tokens", 2}};
    static const struct meter_field output[] = {{"text_tokens", 3}};
    struct meter_report report = {0};
    pawl_meter_read_fields(json, node, all, PAWL_ARRAY_LEN(all), &report);
    pawl_meter_read_fields(json, pawl_json_get(json, node, "input_tokens_details"), input,
                           PAWL_ARRAY_LEN(input), &report);
    pawl_meter_read_fields(json, pawl_json_get(json, node, "output_tokens_details"), output,
                           PAWL_ARRAY_LEN(output), &report);
    if (report.value[0] == 0 && report.value[1] == 0) {
        return;
    }
    const char *model = meter->state.picture_model;
    meter->result.pictures_told = true;
    struct pawl_usage *usage = pawl_meter_part_for(
        &meter->result, pawl_slice_str(model[0] != '\0' ? model : PAWL_USAGE_PICTURES_MODEL));
    int64_t image = report.value[2];
    int64_t text = pawl_min_i64(report.value[3], report.value[1]);
    usage->odd |= report.odd | (image > report.value[0] ? (uint32_t)PAWL_USAGE_ODD_PARTS : 0u);
    pawl_usage_set(usage, PAWL_USAGE_INPUT, pawl_max_i64(report.value[0] - image, 0));
    pawl_usage_set(usage, PAWL_USAGE_INPUT_IMAGE, image);
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT, text);
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT_IMAGE, report.value[1] - text);
}

/* Some servers say what their tools used; it is believed where the items show less. */
static void
see_tool_usage(struct pawl_meter *meter, const struct pawl_json *json, uint32_t response)
{
    struct pawl_meter_state *state = &meter->state;
    uint32_t tools = pawl_json_get(json, response, "tools");
    for (uint32_t i = pawl_json_first_element(json, tools); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        if (pawl_json_string_is(json, pawl_json_get(json, i, "type"), "image_generation")) {
            pawl_meter_copy_text(json, pawl_json_get(json, i, "model"), state->picture_model,
                                 sizeof(state->picture_model));
        }
    }
    uint32_t usage = pawl_json_get(json, response, "tool_usage");
    uint32_t searches = pawl_json_path(json, usage, "web_search.num_requests");
    int64_t count = pawl_min_i64(pawl_json_count_or(json, searches, 0), UINT32_MAX);
    state->web_searches = larger(state->web_searches, (uint32_t)count);
    set_searches(meter);
    see_pictures(meter, json, pawl_json_get(json, usage, "image_gen"));
}

/* The preview of the search tool costs more with models that do not reason. */
static uint32_t search_modifiers(const struct pawl_json *json, uint32_t response, const char *model)
{
    uint32_t tools = pawl_json_get(json, response, "tools");
    for (uint32_t i = pawl_json_first_element(json, tools); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        struct pawl_slice type = pawl_json_string_raw(json, pawl_json_get(json, i, "type"));
        if (pawl_slice_starts_with(type, PAWL_SLICE("web_search_preview")) &&
            !pawl_usage_model_reasons(pawl_slice_str(model))) {
            return PAWL_MODIFIER_SEARCH_PREVIEW;
        }
    }
    return 0;
}

static void read_error(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    static const char *const names[] = {"type", "code"};
    struct pawl_meter_result *result = &meter->result;
    uint32_t error = pawl_json_get(json, node, "error");
    if (error == PAWL_JSON_NONE || pawl_json_is(json, error, PAWL_JSON_NULL)) {
        return;
    }
    result->error = true;
    pawl_meter_copy_text(json, error, result->error_type, sizeof(result->error_type));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); ++i) {
        pawl_meter_copy_text(json, pawl_json_get(json, error, names[i]), result->error_type,
                             sizeof(result->error_type));
    }
}

static void see_response(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_meter_result *result = &meter->result;
    struct pawl_meter_part *part = &result->parts[0];
    pawl_meter_copy_text(json, pawl_json_get(json, node, "id"), result->id, sizeof(result->id));
    pawl_meter_copy_text(json, pawl_json_get(json, node, "model"), part->model,
                         sizeof(part->model));
    uint32_t tier = pawl_json_get(json, node, "service_tier");
    if (pawl_json_is(json, tier, PAWL_JSON_STRING)) {
        part->usage.modifiers = (part->usage.modifiers & (uint32_t)PAWL_MODIFIER_SEARCH_PREVIEW) |
                                pawl_usage_modifiers_of_tier(PAWL_DIALECT_OPENAI_RESPONSES,
                                                             pawl_json_string_raw(json, tier));
    }
    part->usage.modifiers |= search_modifiers(json, node, part->model);
    read_error(meter, json, node);
    see_output(meter, json, pawl_json_get(json, node, "output"));
    see_tool_usage(meter, json, node);
    (void)pawl_meter_read_openai_usage(meter, json, &pawl_meter_openai_responses_names,
                                       pawl_meter_get(json, node, "usage", &part->usage.odd));
}

/* The end of a response, however it ended. */
static void see_end(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_meter_result *result = &meter->result;
    result->terminal = true;
    result->finished = true;
    pawl_meter_copy_text(json, pawl_json_get(json, node, "status"), result->finish,
                         sizeof(result->finish));
    pawl_meter_copy_text(json, pawl_json_path(json, node, "incomplete_details.reason"),
                         result->finish, sizeof(result->finish));
}

/* --- The meter. --------------------------------------------------------------------------- */

static bool ends_response(struct pawl_slice type)
{
    return pawl_slice_equal_str(type, "response.completed") ||
           pawl_slice_equal_str(type, "response.incomplete") ||
           pawl_slice_equal_str(type, "response.failed") ||
           pawl_slice_equal_str(type, "response.cancelled");
}

static void
responses_event(struct pawl_meter *meter, struct pawl_slice name, const struct pawl_json *json)
{
    struct pawl_meter_result *result = &meter->result;
    struct pawl_slice type = pawl_json_string_raw(json, pawl_json_get(json, 0, "type"));
    type = pawl_slice_empty(type) ? name : type;
    int64_t number = pawl_json_count_or(json, pawl_json_get(json, 0, "sequence_number"), -1);
    result->next_sequence = pawl_max_i64(result->next_sequence, number + 1);
    uint32_t response = pawl_json_get(json, 0, "response");
    if (pawl_json_is(json, response, PAWL_JSON_OBJECT)) {
        see_response(meter, json, response);
    }
    if (pawl_slice_equal_str(type, "response.output_item.added")) {
        see_added(meter, json);
    } else if (pawl_slice_equal_str(type, "response.output_item.done")) {
        see_done(meter, json);
    } else if (pawl_slice_equal_str(type, "response.audio.delta")) {
        /* Sound in base64 is no text. */
    } else if (pawl_slice_ends_with(type, PAWL_SLICE(".delta"))) {
        see_delta(meter, json);
    } else if (pawl_slice_equal_str(type, "error")) {
        result->error = true;
        pawl_meter_copy_text(json, pawl_json_get(json, 0, "code"), result->error_type,
                             sizeof(result->error_type));
    }
    read_error(meter, json, 0);
    (void)pawl_meter_read_openai_usage(meter, json, &pawl_meter_openai_responses_names,
                                       pawl_json_get(json, 0, "usage"));
    if (ends_response(type)) {
        see_end(meter, json, response);
    }
    pawl_meter_know_openai_usage(meter, result->terminal || result->error);
}

static void responses_body(struct pawl_meter *meter, const struct pawl_json *json)
{
    see_response(meter, json, 0);
    see_end(meter, json, 0);
    pawl_meter_know_openai_usage(meter, true);
}

/* Some that imitate it end their streams as Chat Completions does. */
static bool responses_text(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data)
{
    (void)name;
    (void)meter;
    return pawl_slice_equal_str(pawl_slice_trim(data), "[DONE]");
}

const struct pawl_meter_ops pawl_meter_openai_responses_ops = {
    .on_body = responses_body,
    .on_event = responses_event,
    .on_text = responses_text,
};
