/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gateway_request.c: any bytes as the body of a model call. The first byte draws dialect
 * and limits; the rest is the body, and the path and the content codings too.
 *
 * Checked: a body that was read can be written with lower limits, is read again, and then keeps
 * to them; a second writing changes nothing; everything that the estimator is told lies within
 * the body; the items of a list put together are the list; no bytes make a route out of what is
 * not one, or a decoder write beyond its maximum.
 */
#include "base/assert.h"
#include "gateway/coding.h"
#include "gateway/estimate.h"
#include "gateway/items.h"
#include "gateway/request.h"
#include "gateway/route.h"
#include "gateway/usage.h"
#include "tests/lib/fuzz.h"

enum { ARENA_BYTES_MAX = 1 << 26, OUT_BYTES_MAX = 1 << 22, DECODED_BYTES_MAX = 1 << 16 };

static struct pawl_model_request read_again(const struct pawl_request_source *source,
                                            struct pawl_slice body,
                                            struct pawl_arena *arena)
{
    struct pawl_errmsg msg;
    struct pawl_model_request request;
    PAWL_ASSERT(pawl_ok(pawl_request_read(source, body, arena, &request, &msg)));
    return request;
}

static void check_elements(const struct pawl_model_request *request)
{
    uint64_t text = 0;
    for (uint32_t i = 0; i < request->elements.message_count; i++) {
        text += request->elements.messages[i].text_bytes;
    }
    PAWL_ASSERT(text <= request->body.bytes);
    struct pawl_estimator *estimator = pawl_estimator_new();
    PAWL_ASSERT(estimator != NULL);
    struct pawl_estimate estimate =
        pawl_estimate_input(estimator, request->model, &request->elements);
    PAWL_ASSERT(estimate.tokens > 0 && estimate.total_bytes >= (int64_t)text);
    pawl_estimator_free(estimator);
}

/* More pictures never use less, and any number stays in range. */
static void check_pictures(const struct pawl_model_request *request)
{
    int64_t before = 0;
    for (int64_t count = 0; count <= INT32_MAX; count = 2 * count + 1) {
        struct pawl_usage usage;
        pawl_request_picture_usage(request, count, &usage);
        int64_t tokens = pawl_usage_tokens(&usage);
        PAWL_ASSERT(tokens >= before && tokens <= 3 * PAWL_USAGE_COUNT_MAX);
        before = tokens;
    }
}

static void check_limits(const struct pawl_model_request *request,
                         const struct pawl_request_limits *limits)
{
    PAWL_ASSERT(request->output_given && request->output_asked <= limits->ceiling);
    PAWL_ASSERT(!request->stream || request->usage_asked);
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const struct pawl_request_tool *tool = &request->tools[i];
        PAWL_ASSERT(tool->inside == 0 ||
                    (tool->uses_asked > 0 && tool->uses_asked <= limits->uses));
    }
}

static void check_body(const struct pawl_request_source *source,
                       struct pawl_slice body,
                       struct pawl_request_limits limits)
{
    struct pawl_errmsg msg;
    struct pawl_arena arena;
    struct pawl_model_request request;
    pawl_arena_init(&arena, ARENA_BYTES_MAX);
    if (pawl_ok(pawl_request_read(source, body, &arena, &request, &msg))) {
        struct pawl_buf once;
        struct pawl_buf twice;
        pawl_buf_init(&once, OUT_BYTES_MAX);
        pawl_buf_init(&twice, OUT_BYTES_MAX);
        check_elements(&request);
        check_pictures(&request);
        pawl_request_write(&request, &limits, &once);
        PAWL_ASSERT(!once.overflowed);
        struct pawl_model_request again = read_again(source, pawl_buf_slice(&once), &arena);
        check_limits(&again, &limits);
        PAWL_ASSERT(!pawl_request_changes(&again, &limits));
        pawl_request_write(&again, &limits, &twice);
        PAWL_ASSERT(pawl_slice_equal(pawl_buf_slice(&once), pawl_buf_slice(&twice)));
        pawl_buf_free(&once);
        pawl_buf_free(&twice);
    }
    pawl_arena_free(&arena);
}

static void
check_dialect(enum pawl_dialect dialect, struct pawl_slice body, struct pawl_request_limits limits)
{
    struct pawl_request_source source = {.dialect = dialect};
    check_body(&source, body, limits);
}

/* Every body is one of Google's too: what its path says comes from the limits. */
static void check_gemini(struct pawl_slice body, struct pawl_request_limits limits)
{
    static const char *const models[] = {"gemini-2.0-flash", "gemini-2.5-pro", "gemini-4-carbon"};
    struct pawl_request_source source = {
        .dialect = PAWL_DIALECT_GEMINI,
        .model = pawl_slice_str(models[limits.ceiling % 3]),
        .stream = limits.old_name,
    };
    limits.ceiling++; /* 0 is no ceiling there */
    check_body(&source, body, limits);
    source.dialect = PAWL_DIALECT_GEMINI_EMBED;
    check_body(&source, body, limits);
}

static void check_items(struct pawl_slice bytes, size_t cut)
{
    struct pawl_items items;
    struct pawl_sse_event event;
    size_t seen = 0;
    pawl_items_init(&items, 0);
    struct pawl_slice pieces[] = {pawl_slice_sub(bytes, 0, cut),
                                  pawl_slice_sub(bytes, cut, bytes.bytes)};
    for (size_t i = 0; i < 2; i++) {
        while (pawl_items_next(&items, &pieces[i], &event) == PAWL_SSE_EVENT) {
            PAWL_ASSERT(memcmp(event.raw.data, bytes.data + seen, event.raw.bytes) == 0);
            seen += event.raw.bytes;
        }
    }
    if (pawl_items_finish(&items, &event) == PAWL_SSE_EVENT) {
        seen += event.raw.bytes;
    }
    PAWL_ASSERT(seen == bytes.bytes);
    pawl_items_free(&items);
}

static void check_route(struct pawl_slice path)
{
    struct pawl_route_request request = {.method = PAWL_SLICE("POST"), .path = path};
    struct pawl_route route = pawl_route_of(&request, "secret");
    struct pawl_buf url;
    pawl_buf_init(&url, OUT_BYTES_MAX);
    if (route.kind == PAWL_ROUTE_MODEL_CALL || route.kind == PAWL_ROUTE_FREE) {
        PAWL_ASSERT(pawl_slice_find(route.rest, PAWL_SLICE("/../")) == SIZE_MAX);
        PAWL_ASSERT(pawl_slice_find_byte(route.rest, '%') == SIZE_MAX);
        pawl_route_append_url(&route, PAWL_SLICE("http://h"), PAWL_SLICE_NONE, &url);
        PAWL_ASSERT(!url.overflowed);
    }
    pawl_buf_free(&url);
}

static void check_decoder(enum pawl_coding coding, struct pawl_slice bytes)
{
    struct pawl_decoder *decoder = pawl_decoder_new(coding);
    struct pawl_buf out;
    pawl_buf_init(&out, DECODED_BYTES_MAX);
    if (decoder != NULL && pawl_decoder_feed(decoder, bytes, &out) == PAWL_DECODE_OK) {
        PAWL_ASSERT(out.bytes <= DECODED_BYTES_MAX);
    }
    pawl_decoder_free(decoder);
    pawl_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0) {
        return 0;
    }
    struct pawl_slice rest = pawl_slice_of((const char *)data + 1, bytes - 1);
    struct pawl_request_limits limits = {
        .ceiling = data[0] >> 2, .uses = 1 + (data[0] >> 6), .old_name = (data[0] & 2) != 0};
    if ((data[0] & 1) == 0) {
        check_dialect(PAWL_DIALECT_ANTHROPIC, rest, limits);
    } else {
        check_dialect(PAWL_DIALECT_OPENAI_CHAT, rest, limits);
        check_dialect(PAWL_DIALECT_OPENAI_RESPONSES, rest, limits);
        check_dialect(PAWL_DIALECT_OPENAI_LEGACY, rest, limits);
    }
    check_gemini(rest, limits);
    check_route(rest);
    check_items(rest, data[0]);
    check_decoder((enum pawl_coding)(data[0] % PAWL_CODING_UNKNOWN), rest);
    return 0;
}
