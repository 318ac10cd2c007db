/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_gemini.c: what a body of :generateContent can make expensive.
 *
 * Such a body is JSON for protocol buffers: every name with more than one word has two spellings
 * (maxOutputTokens, max_output_tokens), a null is a field that is not there, a whole number may
 * stand in quotes, and a list of one may come without its brackets. Both spellings at once are
 * refused like any other key that is there twice.
 *
 * maxOutputTokens is the ceiling of thoughts and answer together, for each candidate. Thoughts are
 * billed whole and shown as a summary at best.
 *
 * For the tools that run at the provider the body has no knob, and no document of Google's says how
 * much a search may look for or how long a page may be. What is known bounds some of it (a search
 * by a model that pays one fee a prompt; addresses that the text has; tries of code); of the rest
 * an amount is assumed, held, and corrected by what settled calls had. The context is read once,
 * however often tools are used (docs/GATEWAY.md, "Server tools").
 */
#include "base/attrs.h"
#include "gateway/gemini.h"
#include "gateway/request_priv.h"
#include "gateway/usage.h"

enum {
    TOKENS_MAX = 100000000,
    VENDOR_TOOL_TOKENS = 1000,
    QUERY_TOKENS = 5000,  /* that one query brings in; users report 18,000 of a call */
    PAGES_MAX = 20,       /* of one request, as Google documents it */
    PAGES_FOUND = 5,      /* that a search finds, and that are read then */
    PAGE_TOKENS = 125000, /* a long paper, as everywhere */
    CODE_RUNS = 6,        /* Google documents five tries after the first */
    CODE_RUN_TOKENS = 10000,
    FILE_RESULTS_DEFAULT = 20,
    FILE_RESULTS_MAX = 10000,
    FILE_RESULT_TOKENS = 4096
};

enum tool_kind { TOOL_CLIENT, TOOL_COMPUTER, TOOL_SEARCH, TOOL_PAGES, TOOL_CODE, TOOL_FILES };

/* What a tool may hold besides what is not bounded. */
static const struct {
    const char *camel;
    const char *snake;
    enum tool_kind kind;
} tools_known[] = {
    {"functionDeclarations", "function_declarations", TOOL_CLIENT},
    {"computerUse", "computer_use", TOOL_COMPUTER},
    {"googleSearch", "google_search", TOOL_SEARCH},
    {"googleSearchRetrieval", "google_search_retrieval", TOOL_SEARCH},
    {"googleMaps", "google_maps", TOOL_SEARCH},
    {"urlContext", "url_context", TOOL_PAGES},
    {"codeExecution", "code_execution", TOOL_CODE},
    {"fileSearch", "file_search", TOOL_FILES},
};

/* Members of generationConfig that let another model answer. */
static const char *const routings[][2] = {
    {"modelSelectionConfig", "model_selection_config"},
    {"routingConfig", "routing_config"},
};

/* Members that stand for input which the provider keeps, and whose size the body does not say. */
static const char *const kept[][2] = {
    {"cachedContent", "cached_content"},
    {"continuationToken", "continuation_token"},
};

static void set_unbounded(struct pawl_request_reader *reader, const char *what)
{
    if (reader->request->unbounded == NULL) {
        reader->request->unbounded = what;
    }
}

/* A member that is there, in either spelling; a null is none. */
static uint32_t
member(struct pawl_request_reader *reader, uint32_t node, const char *camel, const char *snake)
{
    uint32_t found = pawl_request_get_either(reader, node, camel, snake);
    return pawl_json_is(&reader->json, found, PAWL_JSON_NULL) ? PAWL_JSON_NONE : found;
}

/* A whole number, in quotes or not; -1 if it is none, or not there. */
static int64_t number(struct pawl_request_reader *reader, uint32_t node)
{
    uint64_t quoted = 0;
    if (pawl_json_is(&reader->json, node, PAWL_JSON_STRING) &&
        pawl_slice_to_u64(pawl_json_string_raw(&reader->json, node), &quoted) &&
        quoted <= TOKENS_MAX) {
        return (int64_t)quoted;
    }
    return pawl_json_count_or(&reader->json, node, -1);
}

/* --- Output --------------------------------------------------------------------------------- */

static void read_ceiling(struct pawl_request_reader *reader, uint32_t config)
{
    struct pawl_model_request *request = reader->request;
    uint32_t node = pawl_request_get_either(reader, config, "maxOutputTokens", "max_output_tokens");
    request->max_tokens = pawl_request_span_of(&reader->json, node);
    request->max_tokens_value = number(reader, node);
    bool null = pawl_json_is(&reader->json, node, PAWL_JSON_NULL);
    if (node != PAWL_JSON_NONE && !null &&
        (request->max_tokens_value < 0 || request->max_tokens_value > TOKENS_MAX)) {
        pawl_request_problem(reader, "maxOutputTokens", "is not a whole number in its range");
    }
    /* 0 is the same as nothing where a field cannot say that it is not there. */
    request->output_given = request->max_tokens_value > 0;
    request->output_asked = request->output_given ? request->max_tokens_value
                                                  : pawl_request_output_default(request->model);
}

static void read_thinking(struct pawl_request_reader *reader, uint32_t config)
{
    struct pawl_model_request *request = reader->request;
    uint32_t thinking = member(reader, config, "thinkingConfig", "thinking_config");
    uint32_t node = member(reader, thinking, "thinkingBudget", "thinking_budget");
    uint32_t level = member(reader, thinking, "thinkingLevel", "thinking_level");
    int64_t budget = number(reader, node);
    bool none = node != PAWL_JSON_NONE && budget == 0 && level == PAWL_JSON_NONE;
    request->hidden = thinking != PAWL_JSON_NONE ? !none : pawl_gemini_may_think(request->model);
    request->thinking_budget = budget > 0 ? budget : 0; /* -1: as much as it likes */
    if (budget > 0) {
        request->thinking_span = pawl_request_span_of(&reader->json, node);
    }
}

static void read_modalities(struct pawl_request_reader *reader, uint32_t config)
{
    const struct pawl_json *json = &reader->json;
    uint32_t list = member(reader, config, "responseModalities", "response_modalities");
    bool one = pawl_json_is(json, list, PAWL_JSON_STRING);
    uint32_t node = one ? list : pawl_json_first(json, list);
    while (node != PAWL_JSON_NONE) {
        struct pawl_slice word = pawl_json_string(json, node, reader->arena);
        if (pawl_slice_equal_nocase(word, PAWL_SLICE("AUDIO"))) {
            reader->request->audio_output = true;
        } else if (!pawl_slice_equal_nocase(word, PAWL_SLICE("TEXT")) &&
                   !pawl_slice_equal_nocase(word, PAWL_SLICE("IMAGE"))) {
            set_unbounded(reader, "an answer that is neither text nor a picture nor sound");
        }
        node = one ? PAWL_JSON_NONE : pawl_json_next(json, node);
    }
}

static void read_config(struct pawl_request_reader *reader, uint32_t config)
{
    struct pawl_model_request *request = reader->request;
    request->config = pawl_request_span_of(&reader->json, config);
    request->config_object = pawl_json_is(&reader->json, config, PAWL_JSON_OBJECT);
    request->config_empty = !pawl_request_nonempty(&reader->json, config);
    if (config != PAWL_JSON_NONE && !request->config_object &&
        !pawl_json_is(&reader->json, config, PAWL_JSON_NULL)) {
        pawl_request_problem(reader, "generationConfig", "is not an object");
    }
    read_ceiling(reader, config);
    read_thinking(reader, config);
    read_modalities(reader, config);
    uint32_t node = member(reader, config, "candidateCount", "candidate_count");
    int64_t choices = number(reader, node);
    if (node != PAWL_JSON_NONE && (choices < 0 || choices > PAWL_REQUEST_CHOICES_MAX)) {
        pawl_request_problem(reader, "candidateCount", "is not a whole number in its range");
    }
    request->choices = choices > 1 ? choices : 1;
}

/* --- Tools ---------------------------------------------------------------------------------- */

static void add_tool(struct pawl_request_reader *reader, struct pawl_request_tool tool)
{
    struct pawl_model_request *request = reader->request;
    if (request->tool_count == PAWL_REQUEST_TOOLS_MAX) {
        set_unbounded(reader, "more server tools than are counted");
        return;
    }
    request->tools_read_once = true;
    request->tools[request->tool_count++] = tool;
}

/* What is billed is each query, or the prompt as a whole; what is found is read either way. */
static struct pawl_request_tool search_tool(const struct pawl_model_request *request)
{
    struct pawl_request_tool tool = {.fee = PAWL_REQUEST_FEE_WEB_SEARCH};
    if (pawl_gemini_bills_searches_by_prompt(request->model)) {
        tool.uses_asked = 1;
        tool.use_tokens = (int64_t)PAWL_REQUEST_QUERIES_DEFAULT * QUERY_TOKENS;
    } else {
        tool.uses_asked = PAWL_REQUEST_QUERIES_DEFAULT;
        tool.use_tokens = QUERY_TOKENS;
        tool.assumed = true;
        tool.counted = true;
    }
    return tool;
}

/* Only pages are read whose addresses stand in the text, or that a search has found. */
static int64_t count_addresses(struct pawl_slice body)
{
    int64_t count = 0;
    size_t at = 0;
    while (count < PAGES_MAX && (at = pawl_slice_find(body, PAWL_SLICE("http"))) != SIZE_MAX) {
        body = pawl_slice_sub(body, at + 4, body.bytes);
        count++;
    }
    return count;
}

static struct pawl_request_tool files_tool(struct pawl_request_reader *reader, uint32_t node)
{
    uint32_t top = member(reader, node, "topK", "top_k");
    int64_t results = number(reader, top);
    results = results > 0 ? results : FILE_RESULTS_DEFAULT;
    results = results < FILE_RESULTS_MAX ? results : FILE_RESULTS_MAX;
    return (struct pawl_request_tool){.uses_asked = results, .use_tokens = FILE_RESULT_TOKENS};
}

static void add_tool_of_kind(struct pawl_request_reader *reader, enum tool_kind kind, uint32_t node)
{
    int64_t pages = 0;
    switch (kind) {
    case TOOL_CLIENT:
    case TOOL_COMPUTER:
        break;
    case TOOL_SEARCH:
        add_tool(reader, search_tool(reader->request));
        break;
    case TOOL_PAGES:
        pages = count_addresses(reader->request->body);
        add_tool(reader, (struct pawl_request_tool){.uses_asked = pages > 0 ? pages : 1,
                                                    .use_tokens = PAGE_TOKENS,
                                                    .assumed = true});
        break;
    case TOOL_CODE:
        add_tool(reader, (struct pawl_request_tool){.uses_asked = CODE_RUNS,
                                                    .use_tokens = CODE_RUN_TOKENS,
                                                    .assumed = true});
        break;
    case TOOL_FILES:
        add_tool(reader, files_tool(reader, node));
        break;
    }
}

static bool
is_either(const struct pawl_json *json, uint32_t key, const char *camel, const char *snake)
{
    return pawl_json_string_is(json, key, camel) || pawl_json_string_is(json, key, snake);
}

/* One member of a tool; returns the tokens that the provider adds for it. */
static uint32_t read_tool_member(struct pawl_request_reader *reader, uint32_t node)
{
    const struct pawl_json *json = &reader->json;
    uint32_t key = json->nodes[node].key;
    if (pawl_json_is(json, node, PAWL_JSON_NULL)) {
        return 0;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tools_known); i++) {
        if (!is_either(json, key, tools_known[i].camel, tools_known[i].snake)) {
            continue;
        }
        add_tool_of_kind(reader, tools_known[i].kind, node);
        return tools_known[i].kind == TOOL_CLIENT ? 0 : VENDOR_TOOL_TOKENS;
    }
    set_unbounded(reader, "a tool that runs at the provider and that this version of pawl does not "
                          "know");
    return 0;
}

static void read_tool(struct pawl_request_reader *reader, uint32_t tool)
{
    const struct pawl_json *json = &reader->json;
    uint32_t tokens = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tools_known); i++) {
        (void)pawl_request_get_either(reader, tool, tools_known[i].camel, tools_known[i].snake);
    }
    uint32_t node =
        pawl_json_is(json, tool, PAWL_JSON_OBJECT) ? pawl_json_first(json, tool) : PAWL_JSON_NONE;
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        tokens += read_tool_member(reader, node);
    }
    pawl_request_add_base(reader, tool, tokens);
}

/* Where there is a search, pages that it has found may be read as well. */
static void add_pages_found(struct pawl_model_request *request)
{
    bool search = false;
    for (uint32_t i = 0; i < request->tool_count; i++) {
        search = search || request->tools[i].fee == PAWL_REQUEST_FEE_WEB_SEARCH;
    }
    for (uint32_t i = 0; search && i < request->tool_count; i++) {
        struct pawl_request_tool *tool = &request->tools[i];
        if (tool->use_tokens == PAGE_TOKENS && tool->uses_asked < PAGES_FOUND) {
            tool->uses_asked = PAGES_FOUND;
        }
    }
}

static void read_tools(struct pawl_request_reader *reader)
{
    const struct pawl_json *json = &reader->json;
    uint32_t tools = pawl_request_member(reader, "tools");
    if (pawl_json_is(json, tools, PAWL_JSON_OBJECT)) {
        read_tool(reader, tools);
    }
    bool list = pawl_json_is(json, tools, PAWL_JSON_ARRAY);
    uint32_t tool = list ? pawl_json_first(json, tools) : PAWL_JSON_NONE;
    for (; tool != PAWL_JSON_NONE; tool = pawl_json_next(json, tool)) {
        read_tool(reader, tool);
    }
    add_pages_found(reader->request);
}

/* --- The body ------------------------------------------------------------------------------- */

static void read_routing(struct pawl_request_reader *reader, uint32_t config)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(routings); i++) {
        if (pawl_request_nonempty(&reader->json,
                                  member(reader, config, routings[i][0], routings[i][1]))) {
            set_unbounded(reader, "several models in one request");
        }
    }
}

static void read_kept(struct pawl_request_reader *reader)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(kept); i++) {
        uint32_t node = member(reader, 0, kept[i][0], kept[i][1]);
        if (node != PAWL_JSON_NONE && !pawl_json_string_is(&reader->json, node, "")) {
            reader->request->input_elsewhere = true;
        }
    }
}

static void read_service_tier(struct pawl_request_reader *reader)
{
    uint32_t node = member(reader, 0, "serviceTier", "service_tier");
    struct pawl_slice tier = pawl_json_string(&reader->json, node, reader->arena);
    reader->request->modifiers = pawl_usage_modifiers_of_tier(PAWL_DIALECT_GEMINI, tier);
}

void pawl_request_read_gemini(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true; /* this dialect's streams always have it */
    request->max_completion_tokens_value = -1;
    uint32_t config = pawl_request_get_either(reader, 0, "generationConfig", "generation_config");
    read_config(reader, config);
    read_tools(reader);
    read_routing(reader, config);
    read_kept(reader);
    read_service_tier(reader);
    uint32_t system = member(reader, 0, "systemInstruction", "system_instruction");
    if (system != PAWL_JSON_NONE) {
        pawl_request_add_base(reader, system, 0);
    }
}

/* Embedding writes nothing: what goes in is all that is billed. */
void pawl_request_read_gemini_embed(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    request->usage_asked = true;
    request->max_completion_tokens_value = -1;
    request->output_given = true;
    request->output_asked = 0;
    uint32_t requests = pawl_request_member(reader, "requests");
    if (pawl_json_is(&reader->json, requests, PAWL_JSON_OBJECT)) {
        pawl_request_add_base(reader, requests, 0);
        return;
    }
    uint32_t node = pawl_json_first(&reader->json, requests);
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&reader->json, node)) {
        pawl_request_add_base(reader, node, 0);
    }
}
