/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_gemini_usage.c: Google's `usageMetadata`, and how its counts become usage.
 *
 * promptTokenCount includes what came from the cache, candidatesTokenCount excludes thoughts, and
 * what tools of the provider brought into the prompt is counted beside both. JSON of protocol
 * buffers leaves out whatever is 0, so a count that is not there says nothing while the total is
 * there. The last report wins (M1).
 */
#include "base/attrs.h"
#include "base/money.h"
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

/* --- One report. -------------------------------------------------------------------------- */

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
    for (uint32_t i = pawl_json_first_element(json, list); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
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

struct pawl_meter_gemini_told pawl_meter_gemini_told(const struct pawl_meter *meter)
{
    uint32_t reported = meter->state.reported;
    return (struct pawl_meter_gemini_told){
        .prompt = has(reported, SLOT_PROMPT),
        .total = has(reported, SLOT_TOTAL),
        .candidates = meter->state.last[SLOT_CANDIDATES] > 0,
        .output = has(reported, SLOT_CANDIDATES) || has(reported, SLOT_THOUGHTS) ||
                  has(reported, SLOT_TOTAL),
    };
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
    struct pawl_meter_gemini_told told = pawl_meter_gemini_told(meter);
    if (told.prompt || told.total) {
        split_prompt(&built, value, prompt);
    }
    if (told.output) {
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

bool pawl_meter_read_gemini_usage(struct pawl_meter *meter, const struct pawl_json *json)
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
