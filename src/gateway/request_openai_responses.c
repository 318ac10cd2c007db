/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_openai_responses.c: what POST /v1/responses can make expensive.
 *
 * The ceiling is max_output_tokens, with reasoning inside it. The input is a text or a list of
 * items; Codex puts its tools into the first of them. What the provider keeps for a client (a
 * previous response, a conversation, an item by its id) is input that the body does not have:
 * `previous_response` and `input_elsewhere` say so, and call_receive.c bounds it.
 *
 * Tools that the provider runs share one bound, max_tool_calls: searches, code, pictures and calls
 * of MCP servers. Code runs in a container, which is billed by its size and time; one that is only
 * named by its id has a size that the body doesn't say. Prompt templates have no bound, since they
 * bring tools that nobody here sees.
 */
#include "base/attrs.h"
#include "base/money.h"
#include "gateway/request_priv.h"
#include "gateway/usage.h"

enum {
    TOKENS_MAX = 100000000,
    CALLS_MAX = 1000000,
    COMPACT_OUTPUT_MAX = 128000, /* the longest answer of any model of OpenAI's */
    CONTAINER_GB_DEFAULT = 1,
    CONTAINER_GB_MOST = 64,
    FILE_RESULTS_DEFAULT = 20,
    FILE_CHUNK_TOKENS = 4096 /* the largest that a store may be made of */
};

enum tool_kind {
    TOOL_CLIENT,      /* run by the client, or only looked up in what the body has */
    TOOL_WEB_SEARCH,  /* bounded, with a fee */
    TOOL_FILE_SEARCH, /* the same */
    TOOL_CODE,        /* bounded, in a container */
    TOOL_PICTURES,    /* bounded, by another model */
    TOOL_MCP,         /* bounded, and each use may fill the context */
    TOOL_UNBOUNDED
};

/* By the beginning of a tool's "type"; the first row that fits counts. What is not here is not
 * known, so not bounded. */
static const struct {
    const char *prefix;
    enum tool_kind kind;
    const char *why; /* UNBOUNDED: for the refusal */
} tool_kinds[] = {
    {"function", TOOL_CLIENT, NULL},
    {"custom", TOOL_CLIENT, NULL},
    {"namespace", TOOL_CLIENT, NULL},
    {"local_shell", TOOL_CLIENT, NULL},
    {"apply_patch", TOOL_CLIENT, NULL},
    {"computer", TOOL_CLIENT, NULL},
    {"tool_search", TOOL_CLIENT, NULL},
    {"web_search", TOOL_WEB_SEARCH, NULL},
    {"file_search", TOOL_FILE_SEARCH, NULL},
    {"code_interpreter", TOOL_CODE, NULL},
    {"image_generation", TOOL_PICTURES, NULL},
    {"mcp", TOOL_MCP, NULL},
    {"programmatic_tool_calling", TOOL_UNBOUNDED,
     "programmatic_tool_calling, whose programs call tools without a bound"},
};

static void set_unbounded(struct pawl_request_reader *reader, const char *what)
{
    if (reader->request->unbounded == NULL) {
        reader->request->unbounded = what;
    }
}

/* --- Output --------------------------------------------------------------------------------- */

static void read_output(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true; /* the last event of this dialect's streams always has it */
    request->ceiling_name = "max_output_tokens";
    request->max_completion_tokens_value = -1;
    request->max_tokens_value =
        pawl_request_count(reader, request->ceiling_name, &request->max_tokens, TOKENS_MAX);
    request->output_given = request->max_tokens_value >= 0;
    request->output_asked = request->output_given ? request->max_tokens_value
                                                  : pawl_request_output_default(request->model);
    /* Reasoning is billed whole and shown in part at best. */
    uint32_t reasoning = pawl_request_member(reader, "reasoning");
    uint32_t effort = pawl_request_get(reader, reasoning, "effort");
    bool asked = pawl_json_is(&reader->json, reasoning, PAWL_JSON_OBJECT) ||
                 pawl_usage_model_reasons(request->model);
    request->hidden = asked && !pawl_json_string_is(&reader->json, effort, "none");
}

/* --- Tools ---------------------------------------------------------------------------------- */

/* All tools of the provider together, since that is what the body's bound is about. */
static struct pawl_request_tool *shared_tool(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    if (request->tool_count == 0) {
        struct pawl_request_tool tool = {.name = "max_tool_calls", .inside = request->inside};
        int64_t asked = pawl_request_count(reader, tool.name, &tool.max_uses, CALLS_MAX);
        tool.uses_asked = asked > 0 ? asked : 0;
        request->tools[request->tool_count++] = tool;
    }
    return &request->tools[0];
}

static void add_web_search(struct pawl_request_reader *reader, struct pawl_slice type)
{
    struct pawl_request_tool *tool = shared_tool(reader);
    tool->fee = PAWL_REQUEST_FEE_WEB_SEARCH;
    if (pawl_slice_starts_with(type, PAWL_SLICE("web_search_preview")) &&
        !pawl_usage_model_reasons(reader->request->model)) {
        reader->request->modifiers |= PAWL_MODIFIER_SEARCH_PREVIEW;
    }
}

static void add_pictures(struct pawl_request_reader *reader, uint32_t node)
{
    if (!pawl_request_read_pictures(reader, node)) {
        set_unbounded(reader, "pictures by a model of which nobody has published how many tokens "
                              "they have; those of gpt-image-1, 1.5, 2 and 2.5 are let through");
        return;
    }
    shared_tool(reader)->pictures = true;
}

/* Nobody knows how much a server has to say. No more than there is room for is read, though; its
 * list of tools too, which is read where none of them may be called. */
static void add_mcp(struct pawl_request_reader *reader)
{
    (void)shared_tool(reader);
    reader->request->tools_fill = true;
}

static void add_file_search(struct pawl_request_reader *reader, uint32_t node)
{
    struct pawl_request_tool *tool = shared_tool(reader);
    if (tool->fee == PAWL_REQUEST_FEE_NONE) {
        tool->fee = PAWL_REQUEST_FEE_FILE_SEARCH; /* a search of the web is dearer */
    }
    uint32_t results = pawl_request_get(reader, node, "max_num_results");
    int64_t count = pawl_json_count_or(&reader->json, results, FILE_RESULTS_DEFAULT);
    int64_t tokens = count < CALLS_MAX ? count * FILE_CHUNK_TOKENS : TOKENS_MAX;
    tokens = pawl_max_i64(tokens, PAWL_REQUEST_USE_TOKENS);
    tool->use_tokens = pawl_max_i64(tokens, tool->use_tokens);
}

static struct pawl_slice text_of(struct pawl_request_reader *reader, uint32_t node)
{
    return pawl_json_string(&reader->json, node, reader->arena);
}

/* "cntr_1" or {"type":"container_reference","container_id":"cntr_1"}. Its size is known where this
 * run has made it, which is looked up when the body was read (call_receive.c). */
static void add_named_container(struct pawl_request_reader *reader, uint32_t node)
{
    bool direct = pawl_json_is(&reader->json, node, PAWL_JSON_STRING);
    uint32_t id = direct ? node : pawl_request_get(reader, node, "container_id");
    (void)shared_tool(reader);
    if (!pawl_container_names_add(&reader->request->containers_named, text_of(reader, id))) {
        set_unbounded(reader, "a container that it does not name, or too many of them");
    }
}

/* {"type":"auto","memory_limit":"4g","file_ids":[…]}, which a shell calls container_auto; or an
 * id. */
static void add_container(struct pawl_request_reader *reader, uint32_t node)
{
    static const struct {
        const char *limit;
        int64_t gigabytes;
    } sizes[] = {{"1g", 1}, {"4g", 4}, {"16g", 16}};
    const struct pawl_json *json = &reader->json;
    struct pawl_model_request *request = reader->request;
    uint32_t type = pawl_request_get(reader, node, "type");
    if (!pawl_json_string_is(json, type, "auto") &&
        !pawl_json_string_is(json, type, "container_auto")) {
        add_named_container(reader, node);
        return;
    }
    uint32_t limit = pawl_request_get(reader, node, "memory_limit");
    bool given = limit != PAWL_JSON_NONE && !pawl_json_is(json, limit, PAWL_JSON_NULL);
    int64_t gigabytes = given ? CONTAINER_GB_MOST : CONTAINER_GB_DEFAULT;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(sizes); i++) {
        gigabytes =
            pawl_json_string_is(json, limit, sizes[i].limit) ? sizes[i].gigabytes : gigabytes;
    }
    (void)shared_tool(reader);
    request->container_gb += gigabytes;
    request->container_files =
        request->container_files ||
        pawl_request_nonempty(json, pawl_request_get(reader, node, "file_ids"));
}

/* A shell in a container of the provider's, and a search for tools that the provider makes. */
static void read_place(struct pawl_request_reader *reader, uint32_t node, struct pawl_slice type)
{
    const struct pawl_json *json = &reader->json;
    if (pawl_slice_equal_str(type, "shell")) {
        uint32_t place = pawl_request_get(reader, node, "environment");
        if (!pawl_json_string_is(json, pawl_request_get(reader, place, "type"), "local")) {
            add_container(reader, place);
        }
    } else if (pawl_slice_equal_str(type, "tool_search")) {
        if (!pawl_json_string_is(json, pawl_request_get(reader, node, "execution"), "client")) {
            (void)shared_tool(reader);
        }
    }
}

static void read_tool(struct pawl_request_reader *reader, uint32_t node)
{
    uint32_t type_node = pawl_request_get(reader, node, "type");
    struct pawl_slice type = pawl_json_string(&reader->json, type_node, reader->arena);
    size_t row = 0;
    while (row < PAWL_ARRAY_LEN(tool_kinds) &&
           !pawl_slice_starts_with(type, pawl_slice_str(tool_kinds[row].prefix))) {
        row++;
    }
    read_place(reader, node, type);
    if (row == PAWL_ARRAY_LEN(tool_kinds)) {
        if (!pawl_slice_equal_str(type, "shell")) {
            set_unbounded(reader, "a tool that runs at the provider and that this version of pawl "
                                  "does not know");
        }
        return;
    }
    switch (tool_kinds[row].kind) {
    case TOOL_CLIENT:
        break;
    case TOOL_WEB_SEARCH:
        add_web_search(reader, type);
        break;
    case TOOL_FILE_SEARCH:
        add_file_search(reader, node);
        break;
    case TOOL_CODE:
        add_container(reader, pawl_request_get(reader, node, "container"));
        break;
    case TOOL_PICTURES:
        add_pictures(reader, node);
        break;
    case TOOL_MCP:
        add_mcp(reader);
        break;
    case TOOL_UNBOUNDED:
        set_unbounded(reader, tool_kinds[row].why);
        break;
    }
}

static void read_tools(struct pawl_request_reader *reader, uint32_t list)
{
    uint32_t tool = pawl_json_first_element(&reader->json, list);
    for (; tool != PAWL_JSON_NONE; tool = pawl_json_next(&reader->json, tool)) {
        if (pawl_json_is(&reader->json, tool, PAWL_JSON_OBJECT)) {
            read_tool(reader, tool);
        }
    }
}

/* --- Input ---------------------------------------------------------------------------------- */

/* A container that code has run in goes on, if it still runs. */
static void read_container_before(struct pawl_request_reader *reader, uint32_t item)
{
    uint32_t id = pawl_request_get(reader, item, "container_id");
    if (id == PAWL_JSON_NONE) {
        id =
            pawl_request_get(reader, pawl_request_get(reader, item, "environment"), "container_id");
    }
    (void)pawl_container_names_add(&reader->request->containers_before, text_of(reader, id));
}

/* Tools that come as an item, and items that are named only. */
static void read_items(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    uint32_t item = pawl_json_first_element(&reader->json, pawl_request_member(reader, "input"));
    for (; item != PAWL_JSON_NONE; item = pawl_json_next(json, item)) {
        uint32_t type = pawl_request_get(reader, item, "type");
        if (pawl_json_string_is(json, type, "additional_tools") ||
            pawl_json_string_is(json, type, "tool_search_output")) {
            read_tools(reader, pawl_request_get(reader, item, "tools"));
        } else if (pawl_json_string_is(json, type, "item_reference")) {
            reader->request->input_elsewhere = true;
        } else if (pawl_json_string_is(json, type, "compaction_trigger")) {
            reader->request->passes = 2;
        } else if (pawl_json_string_is(json, type, "code_interpreter_call") ||
                   pawl_json_string_is(json, type, "shell_call")) {
            read_container_before(reader, item);
        }
    }
}

/* A bound of 0 is one: none of them runs. */
static void drop_tools_without_calls(struct pawl_request_reader *reader)
{
    uint32_t calls = pawl_request_member(reader, "max_tool_calls");
    if (pawl_json_count_or(&reader->json, calls, 1) == 0) {
        reader->request->tool_count = 0;
        reader->request->container_gb = 0;
        reader->request->containers_named.count = 0;
        reader->request->pictures = (struct pawl_request_pictures){.masks = 0};
        reader->request->input_elsewhere =
            reader->request->input_elsewhere || reader->request->tools_fill;
    }
}

static bool is_given(struct pawl_request_reader *reader, const char *key)
{
    uint32_t node = pawl_request_member(reader, key);
    return node != PAWL_JSON_NONE && !pawl_json_is(&reader->json, node, PAWL_JSON_NULL);
}

static void read_previous(struct pawl_request_reader *reader)
{
    uint32_t previous = pawl_request_member(reader, "previous_response_id");
    reader->request->previous_response =
        pawl_arena_copy(reader->arena, pawl_json_string(&reader->json, previous, reader->arena));
}

static void read_what_is_kept(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    read_previous(reader);
    request->input_elsewhere = request->input_elsewhere || is_given(reader, "conversation");
    request->pictures.kept =
        request->input_elsewhere || !pawl_slice_empty(request->previous_response);
    if (is_given(reader, "prompt")) {
        set_unbounded(reader, "a prompt template, whose text and tools are not in it");
    }
    uint32_t background = pawl_request_member(reader, "background");
    if (pawl_json_bool_or(&reader->json, background, false)) {
        set_unbounded(reader, "an answer in the background, which is fetched past the meter");
    }
}

static void add_tools_as_input(struct pawl_request_reader *reader, uint32_t list)
{
    uint32_t tool = pawl_json_first_element(&reader->json, list);
    for (; tool != PAWL_JSON_NONE; tool = pawl_json_next(&reader->json, tool)) {
        pawl_request_add_base(reader, tool, 0);
    }
}

static void add_instructions(struct pawl_request_reader *reader)
{
    uint32_t instructions = pawl_request_member(reader, "instructions");
    if (pawl_json_is(&reader->json, instructions, PAWL_JSON_STRING)) {
        pawl_request_add_base(reader, instructions, 0);
    }
}

void pawl_request_read_openai_responses(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    read_output(reader);
    uint32_t tools = pawl_request_member(reader, "tools");
    read_tools(reader, tools);
    add_tools_as_input(reader, tools);
    read_items(reader);
    drop_tools_without_calls(reader);
    read_what_is_kept(reader);
    add_instructions(reader);
    if (pawl_request_nonempty(&reader->json, pawl_request_member(reader, "context_management"))) {
        request->passes = 2;
    }
    pawl_request_read_openai_cache(reader);
}

/* A conversation made shorter, by the model: it reads all of it, and nothing in the body says how
 * much it may write. */
void pawl_request_read_openai_compact(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true;
    request->max_tokens_value = -1;
    request->max_completion_tokens_value = -1;
    request->output_given = true;
    request->output_fixed = true;
    int64_t limit = pawl_request_output_default(request->model);
    request->output_asked = limit < PAWL_REQUEST_OUTPUT_DEFAULT ? limit : COMPACT_OUTPUT_MAX;
    request->hidden = true;
    read_items(reader);
    read_previous(reader);
    add_instructions(reader);
    pawl_request_read_openai_cache(reader);
}
