/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_openai_usage.c: what OpenAI reports as used, and those that imitate it. Chat Completions
 * and Responses report the same figures under two sets of names.
 *
 * The input includes cached and audio tokens and the output includes reasoning, except where they
 * do not: what `total_tokens` has beyond the two is output that somebody left out.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/meter_priv.h"

enum slot {
    SLOT_PROMPT,
    SLOT_COMPLETION,
    SLOT_TOTAL,
    SLOT_CACHED,
    SLOT_CACHE_HIT, /* DeepSeek's and Moonshot's place for the same */
    SLOT_CACHE_WRITE,
    SLOT_CACHE_WRITE_LONG,
    SLOT_INPUT_AUDIO,
    SLOT_INPUT_IMAGE,
    SLOT_REASONING,
    SLOT_OUTPUT_AUDIO,
    SLOT_SEARCHES,
    SLOT_FILE_SEARCHES,
    SLOT_COUNT
};

_Static_assert((int)SLOT_COUNT <= (int)PAWL_METER_SLOTS, "every field has a place");

/* The same figures as the two APIs call them. */
struct pawl_meter_openai_names {
    struct meter_field usage[6];
    size_t usage_count;
    const char *input_details;
    const char *output_details;
    const char *tools; /* "": its searches are counted by their items */
};

const struct pawl_meter_openai_names pawl_meter_openai_chat_names = {
    .usage = {{"prompt_tokens", SLOT_PROMPT},
              {"completion_tokens", SLOT_COMPLETION},
              {"total_tokens", SLOT_TOTAL},
              {"prompt_cache_hit_tokens", SLOT_CACHE_HIT},
              {"cached_tokens", SLOT_CACHE_HIT},
              {"num_sources_used", SLOT_SEARCHES}},
    .usage_count = 6,
    .input_details = "prompt_tokens_details",
    .output_details = "completion_tokens_details",
    .tools = "server_tool_use",
};
const struct pawl_meter_openai_names pawl_meter_openai_responses_names = {
    .usage = {{"input_tokens", SLOT_PROMPT},
              {"output_tokens", SLOT_COMPLETION},
              {"total_tokens", SLOT_TOTAL}},
    .usage_count = 3,
    .input_details = "input_tokens_details",
    .output_details = "output_tokens_details",
    .tools = "",
};

static const struct meter_field input_fields[] = {
    {"cached_tokens", SLOT_CACHED},
    {"cache_write_tokens", SLOT_CACHE_WRITE},
    {"audio_tokens", SLOT_INPUT_AUDIO},
    {"image_tokens", SLOT_INPUT_IMAGE},
};
static const struct meter_field write_fields[] = {
    {"ttl_12h_tokens", SLOT_CACHE_WRITE_LONG},
};
/* As OpenRouter tells them, whoever made them. */
static const struct meter_field tool_fields[] = {
    {"web_search_requests", SLOT_SEARCHES},
};
static const struct meter_field output_fields[] = {
    {"reasoning_tokens", SLOT_REASONING},
    {"audio_tokens", SLOT_OUTPUT_AUDIO},
};

static bool has(uint32_t reported, enum slot slot)
{
    return (reported & (1u << (unsigned)slot)) != 0;
}

/* --- Buckets. ----------------------------------------------------------------------------- */

/* Splits the prompt into buckets. Nobody says which of the cached tokens were audio; they are
 * taken to be text first, where the cache saves least. */
static void split_prompt(struct pawl_usage *usage,
                         const int64_t *value,
                         uint32_t reported,
                         int64_t prompt,
                         bool long_cache_asked)
{
    int64_t write_long = value[SLOT_CACHE_WRITE_LONG];
    int64_t write = pawl_max_i64(value[SLOT_CACHE_WRITE] - write_long, 0);
    if (long_cache_asked && !has(reported, SLOT_CACHE_WRITE_LONG)) {
        write_long = write;
        write = 0;
    }
    int64_t cached = pawl_max_i64(value[SLOT_CACHED], value[SLOT_CACHE_HIT]);
    int64_t audio = value[SLOT_INPUT_AUDIO];
    int64_t image = value[SLOT_INPUT_IMAGE];
    int64_t text = prompt - audio - image - write - write_long;
    if (text < 0) {
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        text = 0;
    }
    int64_t cached_text = pawl_min_i64(cached, text);
    int64_t cached_audio = pawl_min_i64(cached - cached_text, audio);
    int64_t cached_image = pawl_min_i64(cached - cached_text - cached_audio, image);
    if (cached_text + cached_audio + cached_image < cached) {
        /* More cached than there was prompt: then the prompt excludes it, and both are billed. */
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        text += cached;
        cached_text = cached;
        cached_audio = 0;
        cached_image = 0;
    }
    pawl_usage_set(usage, PAWL_USAGE_INPUT, text - cached_text);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_READ, cached_text);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_WRITE, write);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_WRITE_LONG, write_long);
    pawl_usage_set(usage, PAWL_USAGE_INPUT_AUDIO, audio - cached_audio);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_AUDIO_READ, cached_audio);
    pawl_usage_set(usage, PAWL_USAGE_INPUT_IMAGE, image - cached_image);
    pawl_usage_set(usage, PAWL_USAGE_CACHE_IMAGE_READ, cached_image);
}

static void split_completion(struct pawl_usage *usage, const int64_t *value, int64_t completion)
{
    int64_t reasoning = value[SLOT_REASONING];
    int64_t audio = value[SLOT_OUTPUT_AUDIO];
    int64_t output = completion;
    if (reasoning > output) {
        /* Counted apart by this provider, and left out of the total as well. */
        usage->odd |= PAWL_USAGE_ODD_PARTS;
        output += reasoning;
    }
    if (audio > output) {
        usage->odd |= PAWL_USAGE_ODD_PARTS;
    } else {
        output -= audio;
    }
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT, output);
    pawl_usage_set(usage, PAWL_USAGE_OUTPUT_AUDIO, audio);
    pawl_usage_set(usage, PAWL_USAGE_REASONING, reasoning);
}

/* Prompt and completion, with the help of the total where one is missing or both fall short. */
static void read_totals(const struct pawl_meter_state *state,
                        int64_t *ret_prompt,
                        int64_t *ret_completion,
                        uint32_t *odd)
{
    int64_t prompt = state->last[SLOT_PROMPT];
    int64_t completion = state->last[SLOT_COMPLETION];
    int64_t rest = state->last[SLOT_TOTAL] - prompt - completion;
    if (rest > 0 && !has(state->reported, SLOT_PROMPT) && has(state->reported, SLOT_COMPLETION)) {
        prompt = rest;
    } else if (rest > 0) {
        *odd |= has(state->reported, SLOT_COMPLETION) ? PAWL_USAGE_ODD_TOTAL : 0u;
        completion += rest;
    }
    *ret_prompt = prompt;
    *ret_completion = completion;
}

static void rebuild_usage(struct pawl_meter *meter, uint32_t odd)
{
    const struct pawl_meter_state *state = &meter->state;
    struct pawl_usage *usage = &meter->result.parts[0].usage;
    struct pawl_usage built = {.odd = usage->odd | odd, .modifiers = usage->modifiers};
    int64_t prompt = 0;
    int64_t completion = 0;
    read_totals(state, &prompt, &completion, &built.odd);
    if (has(state->reported, SLOT_PROMPT) || has(state->reported, SLOT_TOTAL)) {
        split_prompt(&built, state->last, state->reported, prompt, meter->long_cache_asked);
    }
    if (has(state->reported, SLOT_COMPLETION) || has(state->reported, SLOT_TOTAL)) {
        split_completion(&built, state->last, completion);
    }
    if (has(state->reported, SLOT_SEARCHES)) {
        pawl_usage_set(&built, PAWL_USAGE_WEB_SEARCHES, state->last[SLOT_SEARCHES]);
    }
    if (has(state->reported, SLOT_FILE_SEARCHES)) {
        pawl_usage_set(&built, PAWL_USAGE_FILE_SEARCHES, state->last[SLOT_FILE_SEARCHES]);
    }
    *usage = built;
}

/* --- Reports. ----------------------------------------------------------------------------- */

static struct meter_report read_report(const struct pawl_json *json,
                                       uint32_t node,
                                       const struct pawl_meter_openai_names *names)
{
    struct meter_report report = {0};
    pawl_meter_read_fields(json, node, names->usage, names->usage_count, &report);
    uint32_t input = pawl_meter_get(json, node, names->input_details, &report.odd);
    pawl_meter_read_fields(json, input, input_fields, PAWL_ARRAY_LEN(input_fields), &report);
    pawl_meter_read_fields(json,
                           pawl_meter_get(json, input, "cache_write_tokens_details", &report.odd),
                           write_fields, PAWL_ARRAY_LEN(write_fields), &report);
    pawl_meter_read_fields(json, pawl_meter_get(json, node, names->tools, &report.odd), tool_fields,
                           PAWL_ARRAY_LEN(tool_fields), &report);
    pawl_meter_read_fields(json, pawl_meter_get(json, node, names->output_details, &report.odd),
                           output_fields, PAWL_ARRAY_LEN(output_fields), &report);
    return report;
}

bool pawl_meter_read_openai_usage(struct pawl_meter *meter,
                                  const struct pawl_json *json,
                                  const struct pawl_meter_openai_names *names,
                                  uint32_t node)
{
    if (!pawl_json_is(json, node, PAWL_JSON_OBJECT) || json->nodes[node].count == 0) {
        return false;
    }
    struct pawl_meter_state *state = &meter->state;
    struct meter_report report = read_report(json, node, names);
    for (unsigned slot = 0; slot < SLOT_COUNT; ++slot) {
        if (has(report.reported, (enum slot)slot)) {
            state->last[slot] = report.value[slot];
        }
    }
    state->reported |= report.reported;
    rebuild_usage(meter, report.odd);
    return true;
}

void pawl_meter_set_openai_searches(struct pawl_meter *meter, int64_t web, int64_t file)
{
    struct pawl_meter_state *state = &meter->state;
    state->last[SLOT_SEARCHES] = web;
    state->last[SLOT_FILE_SEARCHES] = file;
    state->reported |= web > 0 ? 1u << (unsigned)SLOT_SEARCHES : 0u;
    state->reported |= file > 0 ? 1u << (unsigned)SLOT_FILE_SEARCHES : 0u;
    rebuild_usage(meter, 0);
}

void pawl_meter_know_openai_usage(struct pawl_meter *meter, bool final)
{
    uint32_t reported = meter->state.reported;
    bool total = has(reported, SLOT_TOTAL);
    bool input = has(reported, SLOT_PROMPT) || total;
    bool output = has(reported, SLOT_COMPLETION) || total;
    pawl_meter_set_knowledge(meter, input, output && final);
}
