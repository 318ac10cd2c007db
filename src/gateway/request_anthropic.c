/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_anthropic.c: what POST /v1/messages can make expensive.
 *
 * Thinking lies inside max_tokens, and the ceiling must stay above its budget. Context
 * compaction runs the model twice. Tools that the provider runs are bounded by max_uses, or an
 * amount of uses is assumed (code), or they cannot be bounded at all; tools that the client runs
 * cost their description only, and the provider adds a few hundred tokens of its own when there are
 * any. Tools may also be defined in mid-conversation, where nothing is put into them, so there only
 * the client's are bounded.
 *
 * A thread is a conversation that the provider keeps: what it holds is input too (previous.h).
 */
#include "base/attrs.h"
#include "base/money.h"
#include "gateway/request_priv.h"

enum {
    TOKENS_MAX = 100000000,
    TOOL_USE_TOKENS = 600,
    VENDOR_TOOL_TOKENS = 1000,
    VENDOR_TOOLSET_TOKENS = 8000, /* many tools under one name */
    CODE_ROUNDS = 10,             /* until the vendor pauses a turn */
    CODE_TOKENS = 2000,           /* that one run prints; users report less */
    DATE_DIGITS = 8,
    CODE_IS_FREE_FROM = 20260209, /* beside a search or a fetch of that version, or a later one */
    FETCH_TOKENS = 125000 /* a long paper, the largest page that the vendor's manual names */
};

enum tool_kind { TOOL_CLIENT, TOOL_SEARCH, TOOL_FETCH, TOOL_CODE, TOOL_UNBOUNDED };

/* By the beginning of a tool's "type". What is not here is not known, so not bounded. */
static const struct {
    const char *prefix;
    enum tool_kind kind;
} tool_kinds[] = {
    {"custom", TOOL_CLIENT},       {"bash_", TOOL_CLIENT},
    {"text_editor_", TOOL_CLIENT}, {"computer_", TOOL_CLIENT},
    {"memory_", TOOL_CLIENT},      {"tool_search_tool_", TOOL_CLIENT},
    {"browser_", TOOL_CLIENT},     {"web_search_", TOOL_SEARCH},
    {"web_fetch_", TOOL_FETCH},    {"code_execution_", TOOL_CODE},
};

/* Nothing bounds how much a server has to say, and how often it is asked. */
#define MCP_TOOLS                                                                                  \
    "tools of an MCP server that the provider calls, and whose answers nothing bounds; let the "   \
    "agent itself connect to the server"

static enum tool_kind kind_of(struct pawl_slice type)
{
    if (pawl_slice_empty(type)) {
        return TOOL_CLIENT;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tool_kinds); i++) {
        if (pawl_slice_starts_with(type, pawl_slice_str(tool_kinds[i].prefix))) {
            return tool_kinds[i].kind;
        }
    }
    return TOOL_UNBOUNDED;
}

static void set_unbounded(struct pawl_request_reader *reader, const char *what)
{
    if (reader->request->unbounded == NULL) {
        reader->request->unbounded = what;
    }
}

/* What is there and says something: neither null nor empty. */
static bool is_given(const struct pawl_json *json, uint32_t node)
{
    return pawl_request_nonempty(json, node) ||
           !pawl_slice_empty(pawl_json_string_raw(json, node)) ||
           pawl_json_is(json, node, PAWL_JSON_TRUE);
}

/* What one page may bring in. */
static int64_t fetch_tokens(struct pawl_request_reader *reader, uint32_t tool)
{
    uint32_t most = pawl_request_get(reader, tool, "max_content_tokens");
    int64_t tokens = pawl_json_count_or(&reader->json, most, FETCH_TOKENS);
    return pawl_max_i64(tokens, PAWL_REQUEST_USE_TOKENS); /* it is only about as many */
}

static void add_server_tool(struct pawl_request_reader *reader, uint32_t tool, bool fee)
{
    struct pawl_model_request *request = reader->request;
    if (request->tool_count == PAWL_REQUEST_TOOLS_MAX) {
        set_unbounded(reader, "more server tools than are counted");
        return;
    }
    uint32_t uses = pawl_request_get(reader, tool, "max_uses");
    int64_t asked = pawl_json_count_or(&reader->json, uses, 0);
    request->tools[request->tool_count++] = (struct pawl_request_tool){
        .name = "max_uses",
        .max_uses = pawl_request_span_of(&reader->json, uses),
        .inside = pawl_request_span_of(&reader->json, tool).start + 1,
        .uses_asked = asked,
        .use_tokens = fee ? 0 : fetch_tokens(reader, tool),
        .fee = fee ? PAWL_REQUEST_FEE_WEB_SEARCH : PAWL_REQUEST_FEE_NONE,
    };
}

/* Nothing in a body says how often code is run. Each run reads the context again. */
static void add_code(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    if (request->tool_count == PAWL_REQUEST_TOOLS_MAX) {
        set_unbounded(reader, "more server tools than are counted");
        return;
    }
    request->container_gb = 1;
    request->tools[request->tool_count++] = (struct pawl_request_tool){
        .uses_asked = CODE_ROUNDS, .use_tokens = CODE_TOKENS, .assumed = true, .counted = true};
}

static struct pawl_slice type_of(struct pawl_request_reader *reader, uint32_t node)
{
    uint32_t type = pawl_request_get(reader, node, "type");
    return pawl_json_string(&reader->json, type, reader->arena);
}

/* Of a description that the vendor has for a tool of its own. */
static uint32_t vendor_tokens(struct pawl_slice type)
{
    if (pawl_slice_empty(type) || pawl_slice_equal_str(type, "custom")) {
        return 0;
    }
    bool set = pawl_slice_find(type, PAWL_SLICE("_toolset_")) != SIZE_MAX;
    return set ? VENDOR_TOOLSET_TOKENS : VENDOR_TOOL_TOKENS;
}

/* "web_search_20260209" and later ones run code themselves, so code beside them has no fee. */
static bool makes_code_free(struct pawl_slice type)
{
    uint64_t date = 0;
    size_t from = type.bytes > DATE_DIGITS ? type.bytes - DATE_DIGITS : 0;
    enum tool_kind kind = kind_of(type);
    return (kind == TOOL_SEARCH || kind == TOOL_FETCH) &&
           pawl_slice_to_u64(pawl_slice_sub(type, from, type.bytes), &date) &&
           date >= CODE_IS_FREE_FROM;
}

static const char *why_unbounded(struct pawl_slice type)
{
    if (pawl_slice_starts_with(type, PAWL_SLICE("mcp_toolset"))) {
        return MCP_TOOLS;
    }
    if (pawl_slice_starts_with(type, PAWL_SLICE("advisor_"))) {
        return "an advisor, which is another model and billed at its prices";
    }
    return "a tool that runs at the provider and that this version of pawl does not know";
}

static void read_tool(struct pawl_request_reader *reader, uint32_t tool, bool first)
{
    struct pawl_slice type = type_of(reader, tool);
    uint32_t tokens = first ? TOOL_USE_TOKENS : 0;
    switch (kind_of(type)) {
    case TOOL_CLIENT:
        tokens += vendor_tokens(type);
        break;
    case TOOL_SEARCH:
        tokens += VENDOR_TOOL_TOKENS;
        add_server_tool(reader, tool, true);
        break;
    case TOOL_FETCH:
        tokens += VENDOR_TOOL_TOKENS;
        add_server_tool(reader, tool, false);
        break;
    case TOOL_CODE:
        tokens += VENDOR_TOOL_TOKENS;
        add_code(reader);
        break;
    case TOOL_UNBOUNDED:
        set_unbounded(reader, why_unbounded(type));
        break;
    }
    pawl_request_add_base(reader, tool, tokens);
}

static void read_tools(struct pawl_request_reader *reader)
{
    uint32_t tools = pawl_request_member(reader, "tools");
    if (!pawl_json_is(&reader->json, tools, PAWL_JSON_ARRAY)) {
        return;
    }
    bool first = true;
    bool code_is_free = false;
    uint32_t tool = pawl_json_first(&reader->json, tools);
    for (; tool != PAWL_JSON_NONE; tool = pawl_json_next(&reader->json, tool)) {
        read_tool(reader, tool, first);
        first = false;
        code_is_free = code_is_free || makes_code_free(type_of(reader, tool));
    }
    if (code_is_free) {
        reader->request->container_gb = 0;
    }
}

/* --- Tools in mid-conversation -------------------------------------------------------------- */

/* {"type":"tool_addition","tool":{"type":"tool_definition","definition":{…}}}; other additions
 * only name what `tools` has. */
static void read_addition(struct pawl_request_reader *reader, uint32_t block)
{
    const struct pawl_json *json = &reader->json;
    if (!pawl_json_string_is(json, pawl_request_get(reader, block, "type"), "tool_addition")) {
        return;
    }
    uint32_t tool = pawl_request_get(reader, block, "tool");
    if (pawl_json_string_is(json, pawl_request_get(reader, tool, "type"), "tool_definition") &&
        kind_of(type_of(reader, pawl_request_get(reader, tool, "definition"))) != TOOL_CLIENT) {
        set_unbounded(reader, "a tool of the provider's that is defined in mid-conversation");
    }
}

/* Files are put into the container before anything runs there. */
static void read_upload(struct pawl_request_reader *reader, uint32_t block)
{
    if (pawl_json_string_is(&reader->json, pawl_request_get(reader, block, "type"),
                            "container_upload")) {
        reader->request->container_files = true;
    }
}

/* Blocks of a message, and what a block says that stands for compacted ones. */
static void read_additions(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    uint32_t message = pawl_json_first(json, pawl_request_member(reader, "messages"));
    for (; message != PAWL_JSON_NONE; message = pawl_json_next(json, message)) {
        uint32_t content = pawl_request_get(reader, message, "content");
        uint32_t block = pawl_json_first(json, content);
        for (; block != PAWL_JSON_NONE; block = pawl_json_next(json, block)) {
            read_addition(reader, block);
            read_upload(reader, block);
            uint32_t change =
                pawl_json_first(json, pawl_request_get(reader, block, "tool_changes"));
            for (; change != PAWL_JSON_NONE; change = pawl_json_next(json, change)) {
                read_addition(reader, change);
            }
        }
    }
}

/* --- The rest of the body ------------------------------------------------------------------- */

static void read_system(struct pawl_request_reader *reader)
{
    uint32_t system = pawl_request_member(reader, "system");
    if (pawl_json_is(&reader->json, system, PAWL_JSON_STRING)) {
        pawl_request_add_base(reader, system, 0);
    } else if (pawl_json_is(&reader->json, system, PAWL_JSON_ARRAY)) {
        uint32_t block = pawl_json_first(&reader->json, system);
        for (; block != PAWL_JSON_NONE; block = pawl_json_next(&reader->json, block)) {
            pawl_request_add_base(reader, block, 0);
        }
    }
}

static void read_thinking(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    uint32_t thinking = pawl_request_member(reader, "thinking");
    uint32_t type = pawl_request_get(reader, thinking, "type");
    if (!pawl_json_is(&reader->json, thinking, PAWL_JSON_OBJECT) ||
        pawl_json_string_is(&reader->json, type, "disabled")) {
        return;
    }
    /* Thinking is billed whole and shown in part at best. */
    request->hidden = true;
    uint32_t budget = pawl_request_get(reader, thinking, "budget_tokens");
    request->thinking_budget = pawl_json_count_or(&reader->json, budget, 0);
    if (request->thinking_budget > 0) {
        request->thinking_span = pawl_request_span_of(&reader->json, budget);
    }
}

static void read_context_management(struct pawl_request_reader *reader)
{
    uint32_t management = pawl_request_member(reader, "context_management");
    uint32_t edits = pawl_request_get(reader, management, "edits");
    uint32_t edit = pawl_json_first(&reader->json, edits);
    for (; edit != PAWL_JSON_NONE; edit = pawl_json_next(&reader->json, edit)) {
        if (pawl_slice_starts_with(type_of(reader, edit), PAWL_SLICE("compact"))) {
            reader->request->passes = 2;
        }
    }
}

/* {"type":"continue","previous_message_id":…} */
static void read_thread(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    uint32_t thread = pawl_request_member(reader, "thread");
    if (!is_given(json, thread) ||
        pawl_json_string_is(json, pawl_request_get(reader, thread, "type"), "create")) {
        return;
    }
    uint32_t previous = pawl_request_get(reader, thread, "previous_message_id");
    struct pawl_slice id = pawl_json_string(json, previous, reader->arena);
    reader->request->previous_response = pawl_arena_copy(reader->arena, id);
    reader->request->input_elsewhere = pawl_slice_empty(id);
}

static void read_user(struct pawl_request_reader *reader)
{
    uint32_t metadata = pawl_request_member(reader, "metadata");
    uint32_t user = pawl_request_get(reader, metadata, "user_id");
    reader->request->user = pawl_json_string(&reader->json, user, reader->arena);
}

void pawl_request_read_anthropic(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true; /* this dialect's streams always have it */
    request->ceiling_name = "max_tokens";
    request->max_completion_tokens_value = -1;
    request->max_tokens_value =
        pawl_request_count(reader, "max_tokens", &request->max_tokens, TOKENS_MAX);
    request->output_given = request->max_tokens_value >= 0;
    request->output_asked = request->output_given ? request->max_tokens_value
                                                  : pawl_request_output_default(request->model);
    read_thinking(reader);
    read_context_management(reader);
    read_system(reader);
    read_tools(reader);
    read_additions(reader);
    read_thread(reader);
    read_user(reader);
    if (is_given(&reader->json, pawl_request_member(reader, "mcp_servers"))) {
        set_unbounded(reader, MCP_TOOLS);
    }
    if (is_given(&reader->json, pawl_request_member(reader, "fallbacks"))) {
        set_unbounded(reader, "several models in one request");
    }
}
