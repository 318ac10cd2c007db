/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_sse.c: any bytes as a stream of events. The first byte draws the size of the pieces.
 *
 * Checked: the events and the bytes are the same whole and in pieces (S1, S2 of sse.h); the
 * meters of all dialects survive whatever the events hold, keep every count in its range, and
 * what they report can be priced; what hiding leaves of an event is still one event.
 */
#include "base/assert.h"
#include "gateway/meter.h"
#include "gateway/sse.h"
#include "gateway/usage_hide.h"
#include "tests/lib/fuzz.h"

enum { EVENT_BYTES_MAX = 4096, SEEN_BYTES_MAX = 1 << 26, SCRATCH_BYTES_MAX = 1 << 26 };

struct seen {
    struct pawl_buf raw;
    struct pawl_buf events;
    bool too_big;
};

static void check_meter(const struct pawl_meter_result *result)
{
    PAWL_ASSERT(result->part_count >= 1 && result->part_count <= PAWL_METER_PART_COUNT_MAX);
    PAWL_ASSERT(result->visible_bytes >= 0 && result->hidden_bytes >= 0);
    static const struct pawl_price_row row = {.microcents = {[PAWL_PRICE_INPUT] = 300000000}};
    const struct pawl_price price = {.rows = &row, .row_count = 1, .multiplier_permille = 1100};
    for (size_t i = 0; i < result->part_count; ++i) {
        const struct pawl_usage *usage = &result->parts[i].usage;
        for (size_t field = 0; field < PAWL_USAGE_FIELD_COUNT; ++field) {
            PAWL_ASSERT(usage->count[field] >= 0);
            PAWL_ASSERT(usage->count[field] <= 4 * PAWL_USAGE_COUNT_MAX);
        }
        struct pawl_cost cost;
        pawl_usage_cost(&price, usage, &cost);
        PAWL_ASSERT(cost.total_microcents >= 0);
    }
}

static void check_hiding(const struct pawl_sse_event *event, struct pawl_arena *scratch)
{
    struct pawl_buf out;
    pawl_buf_init(&out, 2 * EVENT_BYTES_MAX);
    if (pawl_usage_hide(event, scratch, &out) == PAWL_USAGE_HIDE_REWRITE && event->complete) {
        struct pawl_sse sse;
        struct pawl_sse_event again;
        struct pawl_slice rest = pawl_buf_slice(&out);
        pawl_sse_init(&sse, EVENT_BYTES_MAX);
        PAWL_ASSERT(out.bytes < event->raw.bytes);
        PAWL_ASSERT(pawl_sse_next(&sse, &rest, &again) == PAWL_SSE_EVENT);
        PAWL_ASSERT(pawl_slice_empty(rest));
        pawl_sse_free(&sse);
    }
    pawl_buf_free(&out);
}

static void note(struct seen *seen, const struct pawl_sse_event *event)
{
    pawl_buf_append_slice(&seen->raw, event->raw);
    if (event->has_data) {
        pawl_buf_append_slice(&seen->events, event->name);
        pawl_buf_append_byte(&seen->events, '\0');
        pawl_buf_append_slice(&seen->events, event->data);
        pawl_buf_append_byte(&seen->events, '\0');
    }
}

static void read_stream(struct pawl_slice stream, size_t piece_bytes, struct seen *seen)
{
    struct pawl_sse sse;
    struct pawl_sse_event event;
    enum pawl_sse_status status = PAWL_SSE_MORE;
    pawl_sse_init(&sse, EVENT_BYTES_MAX);
    for (size_t at = 0; at < stream.bytes; at += piece_bytes) {
        struct pawl_slice piece = pawl_slice_sub(stream, at, piece_bytes);
        while ((status = pawl_sse_next(&sse, &piece, &event)) == PAWL_SSE_EVENT) {
            note(seen, &event);
        }
    }
    seen->too_big = status == PAWL_SSE_TOO_BIG;
    if (pawl_sse_finish(&sse, &event) == PAWL_SSE_EVENT) {
        note(seen, &event);
    }
    pawl_sse_free(&sse);
}

static void meter_stream(struct pawl_slice stream, enum pawl_dialect dialect)
{
    const struct pawl_meter_options options = {.dialect = dialect, .long_cache_asked = true};
    struct pawl_meter meter;
    struct pawl_arena scratch;
    struct pawl_sse sse;
    struct pawl_sse_event event;
    struct pawl_slice rest = stream;
    PAWL_ASSERT(pawl_meter_init(&meter, options));
    pawl_arena_init(&scratch, SCRATCH_BYTES_MAX);
    pawl_sse_init(&sse, EVENT_BYTES_MAX);
    while (pawl_sse_next(&sse, &rest, &event) == PAWL_SSE_EVENT) {
        if (event.has_data) {
            pawl_meter_on_event(&meter, event.name, event.data);
            check_meter(pawl_meter_result(&meter));
            check_hiding(&event, &scratch);
        }
    }
    pawl_meter_on_body(&meter, stream);
    check_meter(pawl_meter_result(&meter));
    pawl_sse_free(&sse);
    pawl_arena_free(&scratch);
    pawl_meter_free(&meter);
}

static void init(struct seen *seen)
{
    pawl_buf_init(&seen->raw, SEEN_BYTES_MAX);
    pawl_buf_init(&seen->events, SEEN_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    struct pawl_slice stream = {(const char *)data + 1, bytes - 1};
    struct seen whole = {.too_big = false};
    struct seen pieces = {.too_big = false};
    init(&whole);
    init(&pieces);
    read_stream(stream, bytes, &whole);
    read_stream(stream, (size_t)data[0] % 32 + 1, &pieces);
    PAWL_ASSERT(whole.too_big == pieces.too_big);
    PAWL_ASSERT(pawl_slice_equal(pawl_buf_slice(&whole.events), pawl_buf_slice(&pieces.events)));
    PAWL_ASSERT(whole.too_big || pawl_slice_equal(pawl_buf_slice(&whole.raw), stream));
    PAWL_ASSERT(pieces.too_big || pawl_slice_equal(pawl_buf_slice(&pieces.raw), stream));
    pawl_buf_free(&whole.raw);
    pawl_buf_free(&whole.events);
    pawl_buf_free(&pieces.raw);
    pawl_buf_free(&pieces.events);
    meter_stream(stream, PAWL_DIALECT_ANTHROPIC);
    meter_stream(stream, PAWL_DIALECT_OPENAI_CHAT);
    meter_stream(stream, PAWL_DIALECT_OPENAI_RESPONSES);
    meter_stream(stream, PAWL_DIALECT_OPENAI_EMBED);
    meter_stream(stream, PAWL_DIALECT_GEMINI);
    return 0;
}
