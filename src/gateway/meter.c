/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter.c: what all meters have in common: the table of dialects, the reading of counts that
 * may be odd, and the bill.
 *
 * Reports come from other people's servers, through other people's proxies. Every rule here for
 * a strange value leans to the side on which a budget is charged too much rather than too
 * little (usage.h, U4).
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/money.h"
#include "gateway/meter_priv.h"
#include "gateway/tool_reader.h"
#include "gateway/visible.h"

/* One event at a time lies in the scratch arena; what does not fit is unreadable. */
enum { USAGE_BYTES_MAX = 2048 };
enum { SCRATCH_BYTES_MAX = 64 * 1024 * 1024, DEPTH_MAX = 64, NODE_COUNT_MAX = 1000000 };

static const struct pawl_meter_ops *const dialects[PAWL_DIALECT_COUNT] = {
    [PAWL_DIALECT_ANTHROPIC] = &pawl_meter_anthropic_ops,
    [PAWL_DIALECT_OPENAI_CHAT] = &pawl_meter_openai_chat_ops,
    [PAWL_DIALECT_OPENAI_RESPONSES] = &pawl_meter_openai_responses_ops,
    [PAWL_DIALECT_GEMINI] = &pawl_meter_gemini_ops,
    [PAWL_DIALECT_GEMINI_EMBED] = &pawl_meter_gemini_embed_ops,
    [PAWL_DIALECT_OPENAI_COMPACT] = &pawl_meter_openai_responses_ops,
    [PAWL_DIALECT_OPENAI_LEGACY] = &pawl_meter_openai_chat_ops,
    [PAWL_DIALECT_OPENAI_EMBED] = &pawl_meter_openai_embed_ops,
};

bool pawl_meter_init(struct pawl_meter *meter, struct pawl_meter_options options)
{
    PAWL_ASSERT(options.dialect < PAWL_DIALECT_COUNT);
    if (dialects[options.dialect] == NULL) {
        return false;
    }
    *meter = (struct pawl_meter){
        .ops = dialects[options.dialect],
        .long_cache_asked = options.long_cache_asked,
        .dialect = options.dialect,
        .tools = options.tools,
        .result.part_count = 1,
    };
    if (meter->ops->rate_unsaid) {
        meter->result.parts[0].usage.modifiers = pawl_usage_dearest(options.modifiers_asked);
    }
    pawl_arena_init(&meter->scratch, SCRATCH_BYTES_MAX);
    return true;
}

void pawl_meter_free(struct pawl_meter *meter)
{
    pawl_arena_free(&meter->scratch);
}

void pawl_meter_show(struct pawl_meter *meter, struct pawl_visible *visible)
{
    meter->visible = visible;
}

/* Parses into the scratch arena. Only an object says anything that a meter knows. */
static bool parse(struct pawl_meter *meter, struct pawl_slice text, struct pawl_json *json)
{
    const struct pawl_json_limits limits = {DEPTH_MAX, NODE_COUNT_MAX};
    pawl_arena_reset(&meter->scratch);
    return pawl_json_parse(&meter->scratch, text, PAWL_JSON_FORWARD, limits, json) &&
           pawl_json_is(json, 0, PAWL_JSON_OBJECT);
}

/* The member "usage" of a body, in an object of its own; empty where there is none. What else is in
 * such a body are numbers and names, so that the first mention is the member. */
static struct pawl_slice usage_alone(struct pawl_slice body, char out[static USAGE_BYTES_MAX])
{
    size_t start = pawl_slice_find(body, PAWL_SLICE("\"usage\""));
    struct pawl_slice rest = pawl_slice_sub(body, start, USAGE_BYTES_MAX - 3);
    size_t depth = 0;
    for (size_t i = 0; start != SIZE_MAX && i < rest.bytes; ++i) {
        depth += rest.data[i] == '{' ? 1 : 0;
        if (rest.data[i] != '}' || depth == 0 || --depth > 0) {
            continue;
        }
        (void)snprintf(out, USAGE_BYTES_MAX, "{%.*s}", (int)(i + 1), rest.data);
        return pawl_slice_str(out);
    }
    return PAWL_SLICE_NONE;
}

static void see_tools(struct pawl_meter *meter, const struct pawl_json *json)
{
    if (meter->tools != NULL) {
        pawl_tool_reader_see(meter->tools, meter->dialect, json, &meter->scratch);
    }
}

void pawl_meter_on_body(struct pawl_meter *meter, struct pawl_slice body)
{
    struct pawl_json json;
    char usage[USAGE_BYTES_MAX];
    if (parse(meter, body, &json) ||
        (meter->ops->usage_alone && parse(meter, usage_alone(body, usage), &json))) {
        meter->result.started = true;
        meter->ops->on_body(meter, &json);
        see_tools(meter, &json);
    } else {
        meter->result.parts[0].usage.odd |= PAWL_USAGE_ODD_UNREADABLE;
    }
}

void pawl_meter_on_event(struct pawl_meter *meter, struct pawl_slice name, struct pawl_slice data)
{
    struct pawl_json json;
    if (meter->ops->on_text(meter, name, data)) {
        return;
    }
    if (parse(meter, data, &json)) {
        meter->result.started = true;
        meter->ops->on_event(meter, name, &json);
        see_tools(meter, &json);
    } else {
        meter->result.parts[0].usage.odd |= PAWL_USAGE_ODD_UNREADABLE;
    }
}

/* --- Counts. ------------------------------------------------------------------------------ */

/* A number in any of JSON's spellings: sign, digits, fraction, exponent. */
struct number {
    struct pawl_slice digits; /* with at most one '.' among them */
    int64_t exponent;
    bool negative;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(struct pawl_slice text, size_t points_max)
{
    size_t points = 0;
    size_t digits = 0;
    for (size_t i = 0; i < text.bytes; ++i) {
        points += text.data[i] == '.' ? 1 : 0;
        digits += is_digit(text.data[i]) ? 1 : 0;
    }
    return digits > 0 && points <= points_max && points + digits == text.bytes;
}

static bool parse_exponent(struct pawl_slice text, int64_t *ret_exponent)
{
    struct pawl_slice digits = text;
    bool signed_text = text.bytes > 0 && (text.data[0] == '-' || text.data[0] == '+');
    if (signed_text) {
        digits = pawl_slice_sub(text, 1, text.bytes);
    }
    uint64_t value = 0;
    if (!all_digits(digits, 0)) {
        return false;
    }
    /* Beyond this, any number is 0 or out of range. */
    if (!pawl_slice_to_u64(digits, &value) || value > 1000) {
        value = 1000;
    }
    *ret_exponent = signed_text && text.data[0] == '-' ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool parse_number(struct pawl_slice text, struct number *ret_number)
{
    struct number number = {.digits = text};
    if (text.bytes > 0 && text.data[0] == '-') {
        number.negative = true;
        number.digits = pawl_slice_sub(text, 1, text.bytes);
    }
    for (size_t i = 0; i < number.digits.bytes; ++i) {
        if (number.digits.data[i] == 'e' || number.digits.data[i] == 'E') {
            struct pawl_slice tail = pawl_slice_sub(number.digits, i + 1, number.digits.bytes);
            number.digits = pawl_slice_sub(number.digits, 0, i);
            if (!parse_exponent(tail, &number.exponent)) {
                return false;
            }
        }
    }
    if (!all_digits(number.digits, 1)) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* The value rounded up, held at one above the maximum, and whether anything was cut off. */
static int64_t round_up(const struct number *number, bool *ret_cut)
{
    size_t point = pawl_slice_find_byte(number->digits, '.');
    int64_t whole_digits =
        (int64_t)(point == SIZE_MAX ? number->digits.bytes : point) + number->exponent;
    int64_t value = 0;
    int64_t position = 0;
    for (size_t i = 0; i < number->digits.bytes; ++i) {
        char c = number->digits.data[i];
        if (c == '.') {
            continue;
        }
        if (position++ < whole_digits) {
            value = value > PAWL_USAGE_COUNT_MAX ? value : value * 10 + (c - '0');
        } else if (c != '0') {
            *ret_cut = true;
        }
    }
    for (; position < whole_digits && value > 0 && value <= PAWL_USAGE_COUNT_MAX; ++position) {
        value *= 10;
    }
    return value + (*ret_cut ? 1 : 0);
}

bool pawl_meter_read_count(const struct pawl_json *json,
                           uint32_t node,
                           int64_t *ret_count,
                           uint32_t *odd)
{
    if (node == PAWL_JSON_NONE || pawl_json_is(json, node, PAWL_JSON_NULL)) {
        return false;
    }
    bool is_number = pawl_json_is(json, node, PAWL_JSON_NUMBER);
    struct pawl_slice text =
        is_number ? pawl_json_raw(json, node) : pawl_json_string_raw(json, node);
    *odd |= is_number ? 0u : PAWL_USAGE_ODD_TYPE;
    struct number number;
    if (!parse_number(text, &number)) {
        return false;
    }
    bool cut = false;
    int64_t count = round_up(&number, &cut);
    *odd |= cut ? PAWL_USAGE_ODD_FRACTION : 0u;
    if (number.negative && count > 0) {
        *odd |= PAWL_USAGE_ODD_NEGATIVE;
        return false;
    }
    if (count > PAWL_USAGE_COUNT_MAX) {
        *odd |= PAWL_USAGE_ODD_HUGE;
        count = PAWL_USAGE_COUNT_MAX;
    }
    *ret_count = count;
    return true;
}

void pawl_meter_read_fields(const struct pawl_json *json,
                            uint32_t node,
                            const struct meter_field *fields,
                            size_t field_count,
                            struct meter_report *report)
{
    if (!pawl_json_is(json, node, PAWL_JSON_OBJECT)) {
        return;
    }
    uint32_t here = 0;
    for (uint32_t i = pawl_json_first(json, node); i != PAWL_JSON_NONE;
         i = pawl_json_next(json, i)) {
        for (size_t f = 0; f < field_count; ++f) {
            int64_t count = 0;
            if (!pawl_json_string_is(json, json->nodes[i].key, fields[f].key) ||
                !pawl_meter_read_count(json, i, &count, &report->odd)) {
                continue;
            }
            uint32_t bit = 1u << fields[f].slot;
            bool again = (here & bit) != 0;
            report->odd |= again ? PAWL_USAGE_ODD_DUPLICATE : 0u;
            if (!again || count > report->value[fields[f].slot]) {
                report->value[fields[f].slot] = count;
            }
            here |= bit;
        }
    }
    report->reported |= here;
}

uint32_t pawl_meter_get(const struct pawl_json *json, uint32_t node, const char *key, uint32_t *odd)
{
    uint32_t found = PAWL_JSON_NONE;
    for (uint32_t i = pawl_json_is(json, node, PAWL_JSON_OBJECT) ? pawl_json_first(json, node)
                                                                 : PAWL_JSON_NONE;
         i != PAWL_JSON_NONE; i = pawl_json_next(json, i)) {
        if (pawl_json_string_is(json, json->nodes[i].key, key)) {
            *odd |= found != PAWL_JSON_NONE ? PAWL_USAGE_ODD_DUPLICATE : 0u;
            found = i;
        }
    }
    return found;
}

void pawl_meter_set_knowledge(struct pawl_meter *meter, bool input_known, bool output_known)
{
    struct pawl_meter_result *result = &meter->result;
    struct pawl_usage *usage = &result->parts[0].usage;
    struct pawl_usage all = {.odd = 0}; /* a compaction may be all there is to an answer */
    for (size_t i = 0; i < result->part_count; ++i) {
        pawl_usage_add(&all, &result->parts[i].usage);
    }
    bool no_input = input_known && pawl_usage_input_tokens(&all) == 0;
    bool no_output = output_known && pawl_usage_output_tokens(&all) == 0 &&
                     result->visible_bytes + result->hidden_bytes > 0;
    usage->odd |= no_input || no_output ? PAWL_USAGE_ODD_EMPTY : 0u;
    result->knows = PAWL_METER_KNOWS_NOTHING;
    if (input_known && !no_input) {
        result->knows = output_known && !no_output ? PAWL_METER_KNOWS_ALL : PAWL_METER_KNOWS_INPUT;
    }
}

bool pawl_meter_shows_all(const struct pawl_meter *meter)
{
    const struct pawl_meter_result *result = &meter->result;
    bool tells =
        meter->dialect == PAWL_DIALECT_ANTHROPIC || meter->dialect == PAWL_DIALECT_OPENAI_RESPONSES;
    return tells && result->visible_bytes > 0 && !result->thought && result->hidden_bytes == 0 &&
           result->server_tool_calls == 0 && result->part_count == 1;
}

bool pawl_meter_told_all(const struct pawl_meter *meter)
{
    return meter->dialect == PAWL_DIALECT_GEMINI && meter->state.told;
}

/* --- Text. -------------------------------------------------------------------------------- */

void pawl_meter_copy_text(const struct pawl_json *json, uint32_t node, char *out, size_t out_bytes)
{
    struct pawl_slice text = pawl_json_string_raw(json, node);
    if (!pawl_slice_empty(text)) {
        (void)pawl_slice_copy_str(text, out, out_bytes);
    }
}

/* Bytes in UTF-8 of an escape like "u20AC"; half a surrogate pair counts for half of its four. */
static int64_t escape_bytes(struct pawl_slice digits)
{
    unsigned value = 0;
    for (size_t i = 0; i < digits.bytes; ++i) {
        char c = digits.data[i];
        unsigned digit = is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        value = value * 16 + digit;
    }
    if (value >= 0xD800 && value <= 0xDFFF) {
        return 2;
    }
    return value < 0x80 ? 1 : (value < 0x800 ? 2 : 3);
}

int64_t pawl_meter_text_bytes(const struct pawl_json *json, uint32_t node)
{
    struct pawl_slice text = pawl_json_string_raw(json, node);
    if (pawl_slice_empty(text) || !json->nodes[node].escaped) {
        return (int64_t)text.bytes;
    }
    int64_t bytes = 0;
    for (size_t i = 0; i < text.bytes; ++i) {
        if (text.data[i] != '\\') {
            ++bytes;
        } else if (i + 1 < text.bytes && text.data[i + 1] == 'u') {
            bytes += escape_bytes(pawl_slice_sub(text, i + 2, 4));
            i += 5;
        } else {
            ++bytes;
            ++i;
        }
    }
    return bytes;
}

int64_t pawl_meter_see_text(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    int64_t bytes = pawl_meter_text_bytes(json, node);
    meter->result.visible_bytes += bytes;
    if (meter->visible != NULL && bytes > 0) {
        pawl_visible_add(meter->visible, pawl_json_string(json, node, &meter->scratch));
    }
    return bytes;
}

int64_t pawl_meter_see_raw(struct pawl_meter *meter, const struct pawl_json *json, uint32_t node)
{
    struct pawl_slice raw = pawl_json_raw(json, node);
    meter->result.visible_bytes += (int64_t)raw.bytes;
    if (meter->visible != NULL) {
        pawl_visible_add(meter->visible, raw);
    }
    return (int64_t)raw.bytes;
}

struct pawl_usage *pawl_meter_part_for(struct pawl_meter_result *result, struct pawl_slice model)
{
    for (size_t i = 1; i < result->part_count; ++i) {
        if (pawl_slice_equal_str(model, result->parts[i].model)) {
            return &result->parts[i].usage;
        }
    }
    if (result->part_count == PAWL_METER_PART_COUNT_MAX) {
        result->parts[0].usage.odd |= PAWL_USAGE_ODD_CROWDED;
        return &result->parts[PAWL_METER_PART_COUNT_MAX - 1].usage;
    }
    struct pawl_meter_part *part = &result->parts[result->part_count++];
    *part = (struct pawl_meter_part){0};
    (void)pawl_slice_copy_str(model, part->model, sizeof(part->model));
    return &part->usage;
}

/* --- The bill. ---------------------------------------------------------------------------- */

static bool find_price(const struct pawl_meter_bill_query *query,
                       const char *model,
                       struct pawl_price *ret_price)
{
    struct pawl_price_query lookup = {query->provider, pawl_slice_str(model), query->at_us};
    if (pawl_price_lookup(query->book, lookup, ret_price)) {
        return true;
    }
    if (pawl_slice_find(pawl_slice_str(model), PAWL_SLICE("-image-")) != SIZE_MAX) {
        lookup.model = PAWL_SLICE(PAWL_USAGE_PICTURES_MODEL);
        if (pawl_price_lookup(query->book, lookup, ret_price)) {
            return true;
        }
    }
    lookup.model = query->requested_model;
    return pawl_price_lookup(query->book, lookup, ret_price);
}

bool pawl_meter_bill(const struct pawl_meter_result *result,
                     const struct pawl_meter_bill_query *query,
                     struct pawl_meter_bill *ret_bill)
{
    struct pawl_meter_bill bill = {.part_count = result->part_count};
    for (size_t i = 0; i < result->part_count; ++i) {
        if (!find_price(query, result->parts[i].model, &bill.prices[i])) {
            return false;
        }
        struct pawl_usage usage = result->parts[i].usage;
        usage.modifiers |= query->modifiers;
        pawl_usage_cost(&bill.prices[i], &usage, &bill.costs[i]);
        bill.tokens += pawl_usage_tokens(&usage);
        int64_t left = PAWL_AMOUNT_MAX - bill.microcents;
        int64_t cost = bill.costs[i].total_microcents;
        bill.microcents += cost < left ? cost : left;
    }
    *ret_bill = bill;
    return true;
}
