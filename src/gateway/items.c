/* SPDX-License-Identifier: Apache-2.0 */
/*
 * items.c: see items.h. One state machine over the bytes: inside a string only its end matters,
 * outside of one only brackets do. The list's own end is handed out like an item without data, so
 * that it does not wait for the connection to end.
 */
#include "gateway/items.h"

#include "base/assert.h"

void pawl_items_init(struct pawl_items *items, size_t event_bytes_max)
{
    size_t max = event_bytes_max == 0 ? PAWL_SSE_EVENT_BYTES_MAX : event_bytes_max;
    *items = (struct pawl_items){.item_start = SIZE_MAX};
    pawl_buf_init(&items->pending, max);
}

void pawl_items_free(struct pawl_items *items)
{
    pawl_buf_free(&items->pending);
}

static void see_in_string(struct pawl_items *items, char byte)
{
    if (items->after_backslash) {
        items->after_backslash = false;
    } else if (byte == '\\') {
        items->after_backslash = true;
    } else if (byte == '"') {
        items->in_string = false;
    }
}

/* An item begins with the first byte in the list that is neither blank nor comma. */
static bool begins_item(const struct pawl_items *items, char byte)
{
    return items->depth == 1 && items->item_start == SIZE_MAX && byte > ' ' && byte != ',' &&
           byte != ']';
}

/* One byte, which is in pending already. true: something is complete with it. */
static bool see(struct pawl_items *items, char byte)
{
    if (items->in_string) {
        see_in_string(items, byte);
        return false;
    }
    if (begins_item(items, byte)) {
        items->item_start = items->pending.bytes - 1;
    }
    if (byte == '"') {
        items->in_string = true;
    } else if (byte == '[' || byte == '{') {
        items->depth += items->depth < UINT32_MAX ? 1 : 0;
    } else if ((byte == ']' || byte == '}') && items->depth > 0) {
        items->depth--;
        return items->depth == 0 || (items->depth == 1 && items->item_start != SIZE_MAX);
    }
    return false;
}

static enum pawl_sse_status
hand_out(struct pawl_items *items, bool complete, struct pawl_sse_event *ret_event)
{
    struct pawl_slice raw = pawl_buf_slice(&items->pending);
    bool item = items->item_start != SIZE_MAX;
    items->handed_out = true;
    *ret_event = (struct pawl_sse_event){
        .raw = raw,
        .data = item ? pawl_slice_sub(raw, items->item_start, raw.bytes) : PAWL_SLICE_NONE,
        .has_data = item,
        .data_in_raw = item,
        .complete = complete,
    };
    return PAWL_SSE_EVENT;
}

static void begin_next(struct pawl_items *items)
{
    if (items->handed_out) {
        pawl_buf_reset(&items->pending);
        items->item_start = SIZE_MAX;
        items->handed_out = false;
    }
}

enum pawl_sse_status pawl_items_next(struct pawl_items *items,
                                     struct pawl_slice *input,
                                     struct pawl_sse_event *ret_event)
{
    begin_next(items);
    while (!items->failed && !pawl_slice_empty(*input)) {
        char byte = input->data[0];
        pawl_buf_append_byte(&items->pending, byte);
        *input = pawl_slice_of(input->data + 1, input->bytes - 1);
        if (items->pending.overflowed) {
            items->failed = true;
        } else if (see(items, byte)) {
            return hand_out(items, true, ret_event);
        }
    }
    return items->failed ? PAWL_SSE_TOO_BIG : PAWL_SSE_MORE;
}

enum pawl_sse_status pawl_items_finish(struct pawl_items *items, struct pawl_sse_event *ret_event)
{
    begin_next(items);
    if (items->failed) {
        return PAWL_SSE_TOO_BIG;
    }
    return items->pending.bytes == 0 ? PAWL_SSE_MORE : hand_out(items, false, ret_event);
}
