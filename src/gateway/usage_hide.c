/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage_hide.c: see usage_hide.h. Only three things are touched: the chunk that holds usage and
 * no choices, the member `usage` where it is null, and one comma beside it. Every other byte
 * stays, since it is not for us to know what else a provider puts into its chunks.
 *
 * Usage that comes with choices is left alone: OpenAI never sends that, so it is not there
 * because we asked. So is an empty `choices` without usage, which Azure sends first with its
 * filter results.
 */
#include "gateway/usage_hide.h"

#include "base/json.h"

enum { DEPTH_MAX = 64, NODE_COUNT_MAX = 1000000 };

/* Appends the event without the bytes of its member `node` and one comma. */
static void splice_out(const struct pawl_sse_event *event,
                       const struct pawl_json *json,
                       uint32_t node,
                       struct pawl_buf *out)
{
    struct pawl_slice text = json->text;
    size_t start = (size_t)json->nodes[json->nodes[node].key].start;
    size_t end = (size_t)json->nodes[node].end;
    size_t before = start;
    while (before > 0 && strchr(" \t\r\n", text.data[before - 1]) != NULL) {
        --before;
    }
    size_t after = end;
    while (after < text.bytes && strchr(" \t\r\n", text.data[after]) != NULL) {
        ++after;
    }
    if (before > 0 && text.data[before - 1] == ',') {
        start = before - 1;
    } else if (after < text.bytes && text.data[after] == ',') {
        end = after + 1;
    }
    /* The data lies inside the event's bytes. */
    size_t offset = (size_t)(text.data - event->raw.data);
    pawl_buf_append(out, event->raw.data, offset + start);
    pawl_buf_append(out, event->raw.data + offset + end, event->raw.bytes - offset - end);
}

enum pawl_usage_hiding pawl_usage_hide(const struct pawl_sse_event *event,
                                       struct pawl_arena *scratch,
                                       struct pawl_buf *out)
{
    const struct pawl_json_limits limits = {DEPTH_MAX, NODE_COUNT_MAX};
    struct pawl_json json;
    pawl_arena_reset(scratch);
    if (!event->has_data || pawl_slice_find(event->data, PAWL_SLICE("\"usage\"")) == SIZE_MAX ||
        !pawl_json_parse(scratch, event->data, PAWL_JSON_FORWARD, limits, &json)) {
        return PAWL_USAGE_HIDE_KEEP;
    }
    uint32_t usage = pawl_json_get(&json, 0, "usage");
    uint32_t choices = pawl_json_get(&json, 0, "choices");
    if (pawl_json_is(&json, usage, PAWL_JSON_OBJECT) &&
        pawl_json_is(&json, choices, PAWL_JSON_ARRAY) && json.nodes[choices].count == 0) {
        return PAWL_USAGE_HIDE_DROP;
    }
    if (!pawl_json_is(&json, usage, PAWL_JSON_NULL) || !event->data_in_raw) {
        return PAWL_USAGE_HIDE_KEEP;
    }
    size_t had_bytes = out->bytes;
    splice_out(event, &json, usage, out);
    if (out->overflowed) {
        out->bytes = had_bytes;
        return PAWL_USAGE_HIDE_KEEP;
    }
    return PAWL_USAGE_HIDE_REWRITE;
}
