/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool_reader.c: see tool_reader.h. One function a dialect; each takes events and whole answers
 * alike, since they have the same members.
 */
#include "gateway/tool_reader.h"

#include "base/attrs.h"
#include "base/hash.h"

void pawl_tool_reader_free(struct pawl_tool_reader *reader)
{
    for (size_t i = 0; i < PAWL_TOOL_OPEN_MAX; i++) {
        if (reader->tools[i].open) {
            pawl_buf_free(&reader->tools[i].arguments);
            reader->tools[i].open = false;
        }
    }
}

/* --- Open calls ----------------------------------------------------------------------------- */

static void tell_open(const struct pawl_tool_reader *reader, struct pawl_slice name)
{
    if (reader->on_open != NULL) {
        reader->on_open(reader->arg, name);
    }
}

static void tell_whole(const struct pawl_tool_reader *reader,
                       struct pawl_slice name,
                       struct pawl_slice arguments)
{
    if (reader->on_whole != NULL) {
        reader->on_whole(reader->arg, name, arguments);
    }
}

/* Both at once. */
static void
tell(const struct pawl_tool_reader *reader, struct pawl_slice name, struct pawl_slice arguments)
{
    tell_open(reader, name);
    tell_whole(reader, name, arguments);
}

static struct pawl_open_tool *find(struct pawl_tool_reader *reader, uint32_t place)
{
    for (size_t i = 0; i < PAWL_TOOL_OPEN_MAX; i++) {
        if (reader->tools[i].open && reader->tools[i].place == place) {
            return &reader->tools[i];
        }
    }
    return NULL;
}

static void close_tool(struct pawl_tool_reader *reader, struct pawl_open_tool *tool)
{
    if (tool != NULL) {
        tell_whole(reader, pawl_slice_str(tool->name), pawl_buf_slice(&tool->arguments));
        pawl_buf_free(&tool->arguments);
        tool->open = false;
    }
}

/* Those whose place is within the range, in the order in which they opened. */
static void close_range(struct pawl_tool_reader *reader, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < PAWL_TOOL_OPEN_MAX; i++) {
        struct pawl_open_tool *tool = &reader->tools[i];
        if (tool->open && tool->place >= from && tool->place <= to) {
            close_tool(reader, tool);
        }
    }
}

static struct pawl_open_tool *
open_tool(struct pawl_tool_reader *reader, uint32_t place, struct pawl_slice name)
{
    close_tool(reader, find(reader, place));
    tell_open(reader, name);
    for (size_t i = 0; i < PAWL_TOOL_OPEN_MAX; i++) {
        struct pawl_open_tool *tool = &reader->tools[i];
        if (!tool->open) {
            *tool = (struct pawl_open_tool){.open = true, .place = place};
            (void)pawl_slice_copy_str(name, tool->name, sizeof(tool->name));
            pawl_buf_init(&tool->arguments, PAWL_TOOL_ARGUMENTS_BYTES_MAX);
            return tool;
        }
    }
    tell_whole(reader, name, PAWL_SLICE_NONE);
    return NULL;
}

/* As much of the text as there is room for. */
static void add(struct pawl_open_tool *tool, struct pawl_slice text)
{
    if (tool != NULL) {
        size_t room = PAWL_TOOL_ARGUMENTS_BYTES_MAX - tool->arguments.bytes;
        pawl_buf_append_slice(&tool->arguments, pawl_slice_sub(text, 0, room));
    }
}

static struct pawl_slice cut_to_maximum(struct pawl_slice text)
{
    return pawl_slice_sub(text, 0, PAWL_TOOL_ARGUMENTS_BYTES_MAX);
}

static uint32_t place_of(const struct pawl_json *json, uint32_t node, const char *key)
{
    return (uint32_t)pawl_json_count_or(json, pawl_json_get(json, node, key), 0);
}

/* --- Anthropic ------------------------------------------------------------------------------ */

static void see_block(struct pawl_tool_reader *reader,
                      const struct pawl_json *json,
                      uint32_t block,
                      struct pawl_arena *arena)
{
    if (pawl_json_string_is(json, pawl_json_get(json, block, "type"), "tool_use")) {
        struct pawl_slice input = pawl_json_raw(json, pawl_json_get(json, block, "input"));
        tell(reader, pawl_json_string(json, pawl_json_get(json, block, "name"), arena),
             cut_to_maximum(input));
    }
}

static void see_anthropic(struct pawl_tool_reader *reader,
                          const struct pawl_json *json,
                          struct pawl_arena *arena)
{
    uint32_t type = pawl_json_get(json, 0, "type");
    uint32_t block = pawl_json_get(json, 0, "content_block");
    uint32_t piece = pawl_json_path(json, 0, "delta.partial_json");
    if (pawl_json_string_is(json, type, "content_block_start")) {
        if (pawl_json_string_is(json, pawl_json_get(json, block, "type"), "tool_use")) {
            struct pawl_slice name =
                pawl_json_string(json, pawl_json_get(json, block, "name"), arena);
            struct pawl_open_tool *tool = open_tool(reader, place_of(json, 0, "index"), name);
            uint32_t input = pawl_json_get(json, block, "input");
            if (pawl_json_first(json, input) != PAWL_JSON_NONE) {
                add(tool, pawl_json_raw(json, input));
            }
        }
    } else if (piece != PAWL_JSON_NONE) {
        add(find(reader, place_of(json, 0, "index")), pawl_json_string(json, piece, arena));
    } else if (pawl_json_string_is(json, type, "content_block_stop")) {
        close_tool(reader, find(reader, place_of(json, 0, "index")));
    } else if (pawl_json_string_is(json, type, "message_delta") ||
               pawl_json_string_is(json, type, "message_stop")) {
        close_range(reader, 0, UINT32_MAX);
    }
    uint32_t content = pawl_json_get(json, 0, "content");
    for (uint32_t i = pawl_json_first_element(json, content); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        see_block(reader, json, i, arena);
    }
}

/* --- Chat Completions ----------------------------------------------------------------------- */

enum { FUNCTION_CALL = 0xFFFF }; /* the place of the one call that older models make */

static void see_chat_call(struct pawl_tool_reader *reader,
                          const struct pawl_json *json,
                          uint32_t call,
                          uint32_t place,
                          struct pawl_arena *arena)
{
    uint32_t custom = pawl_json_get(json, call, "custom");
    uint32_t function = pawl_json_get(json, call, "function");
    function = function == PAWL_JSON_NONE ? custom : function;
    function = (place & FUNCTION_CALL) == FUNCTION_CALL ? call : function;
    struct pawl_slice name = pawl_json_string(json, pawl_json_get(json, function, "name"), arena);
    struct pawl_slice id = pawl_json_string_raw(json, pawl_json_get(json, call, "id"));
    uint32_t hash =
        pawl_slice_empty(id) ? 0 : (uint32_t)pawl_hash_sip((struct pawl_hash_key){0, 0}, id) | 1;
    struct pawl_open_tool *tool = find(reader, place);
    if (tool == NULL || (hash != 0 && tool->id != 0 && hash != tool->id)) {
        tool = open_tool(reader, place, name); /* another call at the place of an earlier one */
    }
    if (tool != NULL) {
        tool->id = hash != 0 ? hash : tool->id;
    }
    const char *key = function == custom ? "input" : "arguments";
    add(tool, pawl_json_string(json, pawl_json_get(json, function, key), arena));
}

static void see_chat_message(struct pawl_tool_reader *reader,
                             const struct pawl_json *json,
                             uint32_t message,
                             uint32_t choice,
                             struct pawl_arena *arena)
{
    uint32_t calls = pawl_json_get(json, message, "tool_calls");
    uint32_t position = 0;
    for (uint32_t i = pawl_json_first_element(json, calls); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        int64_t index = pawl_json_count_or(json, pawl_json_get(json, i, "index"), position++);
        see_chat_call(reader, json, i, choice << 16 | ((uint32_t)index & 0x7FFF), arena);
    }
    uint32_t call = pawl_json_get(json, message, "function_call");
    if (pawl_json_is(json, call, PAWL_JSON_OBJECT)) {
        see_chat_call(reader, json, call, choice << 16 | FUNCTION_CALL, arena);
    }
}

static void
see_chat(struct pawl_tool_reader *reader, const struct pawl_json *json, struct pawl_arena *arena)
{
    uint32_t choices = pawl_json_get(json, 0, "choices");
    for (uint32_t i = pawl_json_first_element(json, choices); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        uint32_t choice = place_of(json, i, "index") & 0x7FFF;
        see_chat_message(reader, json, pawl_json_get(json, i, "delta"), choice, arena);
        see_chat_message(reader, json, pawl_json_get(json, i, "message"), choice, arena);
        if (pawl_json_is(json, pawl_json_get(json, i, "finish_reason"), PAWL_JSON_STRING)) {
            close_range(reader, choice << 16, choice << 16 | 0xFFFF);
        }
    }
}

/* --- Responses ------------------------------------------------------------------------------ */

/* The kinds of calls that the client runs, and where their arguments stand. */
static const struct {
    const char *type;
    const char *name; /* NULL: it has one */
    const char *arguments;
} item_types[] = {
    {"function_call", NULL, "arguments"},
    {"custom_tool_call", NULL, "input"},
    {"local_shell_call", "local_shell", "action"},
    {"shell_call", "shell", "action"},
    {"apply_patch_call", "apply_patch", "operation"},
    {"computer_call", "computer", "action"},
};

static bool tell_item(struct pawl_tool_reader *reader,
                      const struct pawl_json *json,
                      uint32_t item,
                      struct pawl_arena *arena)
{
    uint32_t type = pawl_json_get(json, item, "type");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(item_types); i++) {
        if (!pawl_json_string_is(json, type, item_types[i].type)) {
            continue;
        }
        uint32_t arguments = pawl_json_get(json, item, item_types[i].arguments);
        struct pawl_slice name = pawl_slice_str(item_types[i].name);
        if (item_types[i].name == NULL) {
            name = pawl_json_string(json, pawl_json_get(json, item, "name"), arena);
        }
        bool text = pawl_json_is(json, arguments, PAWL_JSON_STRING);
        tell(reader, name,
             cut_to_maximum(text ? pawl_json_string(json, arguments, arena)
                                 : pawl_json_raw(json, arguments)));
        return true;
    }
    return false;
}

/* The whole response: what no event of its own has told. */
static void see_output(struct pawl_tool_reader *reader,
                       const struct pawl_json *json,
                       uint32_t output,
                       struct pawl_arena *arena)
{
    uint32_t seen = 0;
    for (uint32_t i = pawl_json_first_element(json, output); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        struct pawl_tool_reader silent = {.told = 0};
        if (tell_item(&silent, json, i, arena) && seen++ >= reader->told) {
            (void)tell_item(reader, json, i, arena);
        }
    }
    reader->told = seen > reader->told ? seen : reader->told;
}

static void see_responses(struct pawl_tool_reader *reader,
                          const struct pawl_json *json,
                          struct pawl_arena *arena)
{
    uint32_t type = pawl_json_get(json, 0, "type");
    if (pawl_json_string_is(json, type, "response.output_item.done")) {
        reader->told += tell_item(reader, json, pawl_json_get(json, 0, "item"), arena) ? 1 : 0;
    }
    see_output(reader, json, pawl_json_path(json, 0, "response.output"), arena);
    see_output(reader, json, pawl_json_get(json, 0, "output"), arena);
}

/* --- Gemini --------------------------------------------------------------------------------- */

/* Arguments that come in pieces, each for a path: the texts, as one object that is never closed. */
static void add_partial(struct pawl_open_tool *tool, const struct pawl_json *json, uint32_t call)
{
    uint32_t pieces = pawl_json_get(json, call, "partialArgs");
    for (uint32_t i = pawl_json_first_element(json, pieces); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        struct pawl_slice path = pawl_json_string_raw(json, pawl_json_get(json, i, "jsonPath"));
        struct pawl_slice text = pawl_json_string_raw(json, pawl_json_get(json, i, "stringValue"));
        if (tool != NULL && tool->arguments.bytes == 0) {
            (void)pawl_slice_cut(&path, '.');
            add(tool, PAWL_SLICE("{\""));
            add(tool, path);
            add(tool, PAWL_SLICE("\":\""));
        }
        add(tool, text);
    }
}

static void see_gemini_call(struct pawl_tool_reader *reader,
                            const struct pawl_json *json,
                            uint32_t call,
                            uint32_t place,
                            struct pawl_arena *arena)
{
    if (!pawl_json_is(json, call, PAWL_JSON_OBJECT)) {
        return;
    }
    struct pawl_slice name = pawl_json_string(json, pawl_json_get(json, call, "name"), arena);
    bool goes_on = pawl_json_bool_or(json, pawl_json_get(json, call, "willContinue"), false);
    struct pawl_open_tool *tool = find(reader, place);
    if (!pawl_slice_empty(name) && !goes_on) {
        tell(reader, name, cut_to_maximum(pawl_json_raw(json, pawl_json_get(json, call, "args"))));
        return;
    }
    if (!pawl_slice_empty(name)) {
        tool = open_tool(reader, place, name);
    }
    add_partial(tool, json, call);
    if (!goes_on) {
        close_tool(reader, tool);
    }
}

static void
see_gemini(struct pawl_tool_reader *reader, const struct pawl_json *json, struct pawl_arena *arena)
{
    uint32_t candidates = pawl_json_get(json, 0, "candidates");
    for (uint32_t i = pawl_json_first_element(json, candidates); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        uint32_t place = place_of(json, i, "index");
        uint32_t parts = pawl_json_path(json, i, "content.parts");
        for (uint32_t k = pawl_json_first_element(json, parts); k != PAWL_JSON_NONE;
             k = pawl_json_next(json, k)) {
            see_gemini_call(reader, json, pawl_json_get(json, k, "functionCall"), place, arena);
        }
        if (pawl_json_is(json, pawl_json_get(json, i, "finishReason"), PAWL_JSON_STRING)) {
            close_range(reader, place, place);
        }
    }
}

/* --- All ------------------------------------------------------------------------------------ */

void pawl_tool_reader_see(struct pawl_tool_reader *reader,
                          enum pawl_dialect dialect,
                          const struct pawl_json *json,
                          struct pawl_arena *arena)
{
    switch (dialect) {
    case PAWL_DIALECT_ANTHROPIC:
        see_anthropic(reader, json, arena);
        break;
    case PAWL_DIALECT_OPENAI_CHAT:
        see_chat(reader, json, arena);
        break;
    case PAWL_DIALECT_OPENAI_RESPONSES:
        see_responses(reader, json, arena);
        break;
    case PAWL_DIALECT_GEMINI:
        see_gemini(reader, json, arena);
        break;
    case PAWL_DIALECT_OPENAI_COMPACT: /* these call no tools */
    case PAWL_DIALECT_OPENAI_LEGACY:
    case PAWL_DIALECT_OPENAI_EMBED:
    case PAWL_DIALECT_GEMINI_EMBED:
    case PAWL_DIALECT_COUNT:
        break;
    }
}
