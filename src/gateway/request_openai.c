/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_openai.c: what POST /v1/chat/completions can make expensive.
 *
 * The ceiling counts for each of `n` choices, and reasoning lies inside it. Streams report usage
 * only when asked, so it is asked for on the client's behalf and hidden again (call_stream.c).
 */
#include "base/attrs.h"
#include "gateway/request_priv.h"
#include "gateway/usage.h"

enum { TOKENS_MAX = 100000000 };

/* Members whose mere presence makes the cost unbounded. */
static const struct {
    const char *key;
    const char *what;
} unbounded_members[] = {
    {"prediction", "a predicted output, whose rejected part is billed beyond any ceiling"},
    {"models", "several models in one request"},
    {"fallbacks", "several models in one request"},
    {"plugins", "plugins that run at the provider without a bound on their cost"},
};

static void set_unbounded(struct pawl_request_reader *reader, const char *what)
{
    if (reader->request->unbounded == NULL) {
        reader->request->unbounded = what;
    }
}

static void read_output(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    int64_t old_value = pawl_request_count(reader, "max_tokens", &request->max_tokens, TOKENS_MAX);
    int64_t new_value = pawl_request_count(reader, "max_completion_tokens",
                                           &request->max_completion_tokens, TOKENS_MAX);
    request->max_tokens_value = old_value;
    request->max_completion_tokens_value = new_value;
    int64_t asked = old_value > new_value ? old_value : new_value;
    request->output_given = asked >= 0;
    request->output_asked =
        request->output_given ? asked : pawl_request_output_default(request->model);
    struct pawl_request_span span;
    int64_t choices = pawl_request_count(reader, "n", &span, PAWL_REQUEST_CHOICES_MAX);
    request->choices = choices > 1 ? choices : 1;
    uint32_t effort = pawl_request_member(reader, "reasoning_effort");
    bool reasons = pawl_json_is(&reader->json, effort, PAWL_JSON_STRING) ||
                   pawl_usage_model_reasons(request->model);
    request->hidden = reasons && !pawl_json_string_is(&reader->json, effort, "none");
    uint32_t modalities = pawl_request_member(reader, "modalities");
    uint32_t modality = pawl_json_first(&reader->json, modalities);
    for (; modality != PAWL_JSON_NONE; modality = pawl_json_next(&reader->json, modality)) {
        request->audio_output =
            request->audio_output || pawl_json_string_is(&reader->json, modality, "audio");
    }
}

void pawl_request_read_stream_options(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    uint32_t options = pawl_request_member(reader, "stream_options");
    uint32_t include = pawl_request_get(reader, options, "include_usage");
    request->stream_options = pawl_request_span_of(&reader->json, options);
    request->stream_options_object = pawl_json_is(&reader->json, options, PAWL_JSON_OBJECT);
    request->stream_options_empty = !pawl_request_nonempty(&reader->json, options);
    request->include_usage = pawl_request_span_of(&reader->json, include);
    request->usage_asked = pawl_json_bool_or(&reader->json, include, false);
}

static void read_tools(struct pawl_request_reader *reader)
{
    uint32_t tools = pawl_request_member(reader, "tools");
    uint32_t tool = pawl_json_first(&reader->json, tools);
    for (; tool != PAWL_JSON_NONE; tool = pawl_json_next(&reader->json, tool)) {
        uint32_t type = pawl_request_get(reader, tool, "type");
        if (type != PAWL_JSON_NONE && !pawl_json_string_is(&reader->json, type, "function") &&
            !pawl_json_string_is(&reader->json, type, "custom")) {
            set_unbounded(reader,
                          "a tool that runs at the provider and that this version of pawl does "
                          "not know");
        }
        pawl_request_add_base(reader, tool, 0);
    }
}

/* The search models look something up for every answer, once, asked or not. */
static void read_search(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    bool asked = pawl_json_is(&reader->json, pawl_request_member(reader, "web_search_options"),
                              PAWL_JSON_OBJECT);
    if (asked || pawl_slice_find(request->model, PAWL_SLICE("-search-preview")) != SIZE_MAX) {
        request->tools[request->tool_count++] =
            (struct pawl_request_tool){.uses_asked = 1, .fee = PAWL_REQUEST_FEE_WEB_SEARCH};
    }
}

/* Prompts are cached without being asked; where writing costs more, it is counted. */
void pawl_request_read_openai_cache(struct pawl_request_reader *reader)
{
    struct pawl_model_request *request = reader->request;
    uint32_t retention = pawl_request_member(reader, "prompt_cache_retention");
    uint32_t options = pawl_request_member(reader, "prompt_cache_options");
    uint32_t ttl = pawl_request_get(reader, options, "ttl");
    request->cache_short = true;
    request->cache_long = request->cache_long ||
                          pawl_json_is(&reader->json, retention, PAWL_JSON_STRING) ||
                          (pawl_json_is(&reader->json, ttl, PAWL_JSON_STRING) &&
                           !pawl_json_string_is(&reader->json, ttl, "30m"));
}

void pawl_request_read_openai(struct pawl_request_reader *reader)
{
    read_output(reader);
    pawl_request_read_stream_options(reader);
    read_tools(reader);
    read_search(reader);
    pawl_request_read_openai_cache(reader);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(unbounded_members); i++) {
        uint32_t node = pawl_request_member(reader, unbounded_members[i].key);
        if (pawl_request_nonempty(&reader->json, node)) {
            set_unbounded(reader, unbounded_members[i].what);
        }
    }
}
