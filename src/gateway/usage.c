/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.c: the buckets themselves: names, sums, and what a request asks for.
 */
#include "gateway/usage.h"

#include "base/assert.h"
#include "base/attrs.h"

static const char *const field_names[PAWL_USAGE_FIELD_COUNT] = {
    [PAWL_USAGE_INPUT] = "input",
    [PAWL_USAGE_CACHE_READ] = "cache_read",
    [PAWL_USAGE_CACHE_WRITE] = "cache_write",
    [PAWL_USAGE_CACHE_WRITE_LONG] = "cache_write_long",
    [PAWL_USAGE_INPUT_AUDIO] = "input_audio",
    [PAWL_USAGE_CACHE_AUDIO_READ] = "cache_audio_read",
    [PAWL_USAGE_INPUT_IMAGE] = "input_image",
    [PAWL_USAGE_CACHE_IMAGE_READ] = "cache_image_read",
    [PAWL_USAGE_INPUT_VIDEO] = "input_video",
    [PAWL_USAGE_OUTPUT] = "output",
    [PAWL_USAGE_OUTPUT_AUDIO] = "output_audio",
    [PAWL_USAGE_OUTPUT_IMAGE] = "output_image",
    [PAWL_USAGE_REASONING] = "reasoning",
    [PAWL_USAGE_WEB_SEARCHES] = "web_searches",
    [PAWL_USAGE_FILE_SEARCHES] = "file_searches",
    [PAWL_USAGE_CONTAINER_MINUTES] = "container_minutes",
};

static const char *const odd_names[PAWL_USAGE_ODD_BIT_COUNT] = {
    "negative", "huge",       "type",       "fraction", "duplicate", "parts",
    "total",    "taken_back", "unreadable", "crowded",  "empty",
};

const char *pawl_usage_field_name(enum pawl_usage_field field)
{
    PAWL_ASSERT(field < PAWL_USAGE_FIELD_COUNT);
    return field_names[field];
}

const char *pawl_usage_odd_name(unsigned bit)
{
    PAWL_ASSERT(bit < PAWL_USAGE_ODD_BIT_COUNT);
    return odd_names[bit];
}

void pawl_usage_set(struct pawl_usage *usage, enum pawl_usage_field field, int64_t count)
{
    PAWL_ASSERT(count >= 0);
    usage->count[field] = count;
    usage->seen |= 1u << (unsigned)field;
}

void pawl_usage_at_least(struct pawl_usage *usage, enum pawl_usage_field field, int64_t count)
{
    if (usage->count[field] < count) {
        usage->count[field] = count;
    }
}

/* Counts are at most PAWL_USAGE_COUNT_MAX each, so sums of a few are far from the edge; still a
 * sum that grew by adding stays within what one count may be. */
static int64_t sum_capped(int64_t a, int64_t b)
{
    int64_t sum = a + b;
    return sum < PAWL_USAGE_COUNT_MAX ? sum : PAWL_USAGE_COUNT_MAX;
}

void pawl_usage_add(struct pawl_usage *usage, const struct pawl_usage *more)
{
    for (size_t i = 0; i < PAWL_USAGE_FIELD_COUNT; ++i) {
        usage->count[i] = sum_capped(usage->count[i], more->count[i]);
    }
    usage->seen |= more->seen;
    usage->odd |= more->odd;
    usage->modifiers |= more->modifiers;
}

static int64_t
sum_fields(const struct pawl_usage *usage, enum pawl_usage_field first, enum pawl_usage_field last)
{
    int64_t sum = 0;
    for (enum pawl_usage_field field = first; field <= last; ++field) {
        sum += usage->count[field];
    }
    return sum;
}

int64_t pawl_usage_input_tokens(const struct pawl_usage *usage)
{
    return sum_fields(usage, PAWL_USAGE_INPUT, PAWL_USAGE_INPUT_VIDEO);
}

int64_t pawl_usage_output_tokens(const struct pawl_usage *usage)
{
    return sum_fields(usage, PAWL_USAGE_OUTPUT, PAWL_USAGE_OUTPUT_IMAGE);
}

int64_t pawl_usage_tokens(const struct pawl_usage *usage)
{
    return pawl_usage_input_tokens(usage) + pawl_usage_output_tokens(usage);
}

/* As requests and answers call them; what is not here is the standard rate: "auto", "default",
 * "standard", and what was paid for beforehand ("scale", Anthropic's "priority", Vertex AI's
 * "PROVISIONED_THROUGHPUT"). */
static const struct {
    const char *name;
    uint32_t modifiers;
    bool gemini; /* else OpenAI, and whoever speaks its API */
} tiers[] = {
    {"batch", PAWL_MODIFIER_DISCOUNT, false},
    {"flex", PAWL_MODIFIER_DISCOUNT, false},
    {"priority", PAWL_MODIFIER_PRIORITY, false},
    {"fast", PAWL_MODIFIER_PRIORITY, false},
    {"ultrafast", PAWL_MODIFIER_ULTRAFAST, false},
    {"batch", PAWL_MODIFIER_DISCOUNT, true},
    {"flex", PAWL_MODIFIER_DISCOUNT, true},
    {"SERVICE_TIER_FLEX", PAWL_MODIFIER_DISCOUNT, true},
    {"ON_DEMAND_FLEX", PAWL_MODIFIER_DISCOUNT, true},
    {"priority", PAWL_MODIFIER_PRIORITY, true},
    {"SERVICE_TIER_PRIORITY", PAWL_MODIFIER_PRIORITY, true},
    {"ON_DEMAND_PRIORITY", PAWL_MODIFIER_PRIORITY, true},
};

uint32_t pawl_usage_modifiers_of_tier(enum pawl_dialect dialect, struct pawl_slice tier)
{
    bool gemini = dialect == PAWL_DIALECT_GEMINI || dialect == PAWL_DIALECT_GEMINI_EMBED;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tiers) && dialect != PAWL_DIALECT_ANTHROPIC; i++) {
        if (tiers[i].gemini == gemini &&
            pawl_slice_equal_nocase(tier, pawl_slice_str(tiers[i].name))) {
            return tiers[i].modifiers;
        }
    }
    return 0;
}

uint32_t pawl_usage_modifiers_of_request(enum pawl_dialect dialect,
                                         const struct pawl_json *json,
                                         uint32_t root)
{
    uint32_t tier = pawl_json_get(json, root, "service_tier");
    uint32_t modifiers = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(tiers); i++) {
        if (pawl_json_string_is(json, tier, tiers[i].name)) {
            modifiers = pawl_usage_modifiers_of_tier(dialect, pawl_slice_str(tiers[i].name));
        }
    }
    if (dialect == PAWL_DIALECT_ANTHROPIC) {
        if (pawl_json_string_is(json, pawl_json_get(json, root, "speed"), "fast")) {
            modifiers |= PAWL_MODIFIER_FAST;
        }
        if (pawl_json_string_is(json, pawl_json_get(json, root, "inference_geo"), "us")) {
            modifiers |= PAWL_MODIFIER_US_ONLY;
        }
    }
    return modifiers;
}

struct pawl_slice pawl_usage_bare_model(struct pawl_slice model)
{
    size_t slash = pawl_slice_find_byte(model, '/');
    struct pawl_slice bare =
        slash != SIZE_MAX ? pawl_slice_sub(model, slash + 1, model.bytes) : model;
    bool tuned = pawl_slice_starts_with(bare, PAWL_SLICE("ft:"));
    return tuned ? pawl_slice_sub(bare, 3, bare.bytes) : bare;
}

bool pawl_usage_model_reasons(struct pawl_slice model)
{
    static const char *const prefixes[] = {"gpt-5", "gpt-6", "o1", "o3", "o4", "codex"};
    model = pawl_usage_bare_model(model);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(prefixes); i++) {
        if (pawl_slice_starts_with(model, pawl_slice_str(prefixes[i]))) {
            return pawl_slice_find(model, PAWL_SLICE("-chat")) == SIZE_MAX;
        }
    }
    return false;
}
