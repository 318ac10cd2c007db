/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter_golden.h: golden tests of the meters, one harness for all dialects.
 *
 * tests/fixtures/<dialect>/NAME.sse is a stream as a provider sent it, and NAME.expected says
 * what the meter knows, and what would be booked, when the stream is cut behind each of its
 * events: one line a cut, "0" being nothing at all. NAME.json and NAME.expected are the same
 * for a plain answer. A test that fails prints what it got in this form, so that a deliberate
 * change is a reviewed diff.
 *
 * Prices come from a small book of this file, so that a refresh of the real one changes no test.
 */
#ifndef PAWL_TESTS_UNIT_METER_GOLDEN_H
#define PAWL_TESTS_UNIT_METER_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/money.h"
#include "gateway/meter.h"
#include "gateway/sse.h"

static const char golden_prices[] =
    "{\"format\":1,\"as_of\":\"2026-01-01\",\"source\":\"test\",\"licence\":\"none\","
    "\"providers\":["
    "{\"id\":\"anthropic\",\"tools\":{\"as_of\":\"2026-01-01\",\"source\":\"test\",\"fees\":{"
    "\"per_1000_web_searches\":1000000000}},\"models\":["
    "{\"id\":\"golden-sonnet\",\"rows\":[{\"input\":300000000,\"cache_read\":30000000,"
    "\"cache_write\":375000000,\"cache_write_long\":600000000,\"output\":1500000000}]},"
    "{\"id\":\"golden-opus\",\"rows\":[{\"input\":500000000,\"cache_read\":50000000,"
    "\"cache_write\":625000000,\"cache_write_long\":1000000000,\"output\":2500000000}]}]},"
    "{\"id\":\"openai\",\"models\":["
    "{\"id\":\"golden-gpt\",\"match\":[\"=golden-gpt\",\"=golden-gpt-search-preview\"],"
    "\"rows\":[{\"input\":250000000,\"cache_read\":125000000,\"output\":1000000000,"
    "\"input_audio\":4000000000,\"cache_audio_read\":250000000,\"output_audio\":8000000000,"
    "\"per_1000_web_searches\":1000000000}]},"
    "{\"id\":\"gpt-image-1\",\"rows\":[{\"input\":500000000,\"output\":4000000000,"
    "\"input_image\":1000000000}]}]},"
    "{\"id\":\"google\",\"tools\":{\"as_of\":\"2026-11-28\",\"source\":\"a page\","
    "\"fees\":{\"per_1000_web_searches\":3500000000}},\"models\":["
    "{\"id\":\"gemini-golden\",\"rows\":[{\"input\":100000000,\"cache_read\":10000000,"
    "\"output\":1000000000,\"input_audio\":200000000,\"cache_audio_read\":20000000,"
    "\"output_image\":6000000000,\"per_1000_web_searches\":1400000000}]},"
    "{\"id\":\"gemini-2.5-golden\",\"rows\":[{\"input\":100000000,\"output\":1000000000}]}]}]}";

enum { GOLDEN_BYTES_MAX = 1 << 20 };

struct golden {
    enum pawl_dialect dialect;
    const char *folder; /* below the fixtures */
    const char *provider;
    const char *requested_model;
    bool long_cache_asked;
    struct pawl_price_book *book;
};

/* What the including file tests: it says so by initialising this. */
static struct golden golden;

/* The setup and teardown of the whole group. */
static int golden_setup(void **state)
{
    (void)state;
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_price_book_load(pawl_slice_str(golden_prices), &golden.book, &msg))) {
        print_error("%s\n", msg.text);
        return -1;
    }
    return 0;
}

static int golden_teardown(void **state)
{
    (void)state;
    pawl_price_book_free(golden.book);
    return 0;
}

static void golden_read(const char *name, const char *ending, struct pawl_buf *out)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s/%s%s", PAWL_FIXTURES, golden.folder, name, ending);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char piece[4096];
    size_t bytes = 0;
    pawl_buf_init(out, GOLDEN_BYTES_MAX);
    while ((bytes = fread(piece, 1, sizeof(piece), file)) > 0) {
        pawl_buf_append(out, piece, bytes);
    }
    assert_int_equal(fclose(file), 0);
    assert_false(out->overflowed);
}

/* --- What a meter knows, as a line of text. ----------------------------------------------- */

static void golden_describe_part(const struct pawl_meter_part *part, struct pawl_buf *out)
{
    pawl_buf_printf(out, " | %s", part->model[0] != '\0' ? part->model : "?");
    for (enum pawl_usage_field field = 0; field < PAWL_USAGE_FIELD_COUNT; ++field) {
        if (part->usage.count[field] != 0) {
            pawl_buf_printf(out, " %s %lld", pawl_usage_field_name(field),
                            (long long)part->usage.count[field]);
        }
    }
    if (part->usage.modifiers != 0) {
        pawl_buf_printf(out, " modifiers %u", part->usage.modifiers);
    }
    for (unsigned bit = 0; bit < PAWL_USAGE_ODD_BIT_COUNT; ++bit) {
        if ((part->usage.odd & (1u << bit)) != 0) {
            pawl_buf_printf(out, " odd:%s", pawl_usage_odd_name(bit));
        }
    }
}

static void golden_describe(const struct pawl_meter_result *result, struct pawl_buf *out)
{
    static const char *const knows[] = {"nothing", "input", "all"};
    pawl_buf_printf(out, "%s", knows[result->knows]);
    pawl_buf_printf(out, " finish=%s", result->finish[0] != '\0' ? result->finish : "-");
    pawl_buf_printf(out, " %s%s%s%s", result->started ? "s" : "-", result->finished ? "f" : "-",
                    result->terminal ? "t" : "-", result->error ? "e" : "-");
    if (result->error) {
        pawl_buf_printf(out, " error=%s", result->error_type);
    }
    pawl_buf_printf(out, " tools=%u+%u bytes=%lld+%lld", result->tool_calls,
                    result->server_tool_calls, (long long)result->visible_bytes,
                    (long long)result->hidden_bytes);
    if (result->code_calls > 0) {
        pawl_buf_printf(out, " code=%u", result->code_calls);
    }
    for (size_t i = 0; i < result->part_count; ++i) {
        golden_describe_part(&result->parts[i], out);
    }
    const struct pawl_meter_bill_query query = {
        .book = golden.book,
        .provider = pawl_slice_str(golden.provider),
        .requested_model = pawl_slice_str(golden.requested_model),
        .at_us = INT64_C(1795000000000000),
    };
    struct pawl_meter_bill bill;
    assert_true(pawl_meter_bill(result, &query, &bill));
    char text[PAWL_MONEY_TEXT_BYTES];
    pawl_buf_printf(out, " | %lld tokens %s\n", (long long)bill.tokens,
                    pawl_money_format_usd(bill.microcents, text));
}

/* --- Running. ----------------------------------------------------------------------------- */

static void golden_meter_init(struct pawl_meter *meter)
{
    const struct pawl_meter_options options = {.dialect = golden.dialect,
                                               .long_cache_asked = golden.long_cache_asked};
    assert_true(pawl_meter_init(meter, options));
}

/* Feeds the stream in pieces of `piece_bytes` and stops behind `event_max` events that have data.
 * Returns how many there were. */
static size_t golden_feed(struct pawl_meter *meter,
                          struct pawl_slice stream,
                          size_t piece_bytes,
                          size_t event_max)
{
    struct pawl_sse sse;
    pawl_sse_init(&sse, 0);
    size_t count = 0;
    struct pawl_sse_event event;
    for (size_t at = 0; at < stream.bytes && count < event_max; at += piece_bytes) {
        struct pawl_slice piece = pawl_slice_sub(stream, at, piece_bytes);
        while (count < event_max && pawl_sse_next(&sse, &piece, &event) == PAWL_SSE_EVENT) {
            if (event.has_data) {
                pawl_meter_on_event(meter, event.name, event.data);
                ++count;
            }
        }
    }
    if (count < event_max && pawl_sse_finish(&sse, &event) == PAWL_SSE_EVENT && event.has_data) {
        pawl_meter_on_event(meter, event.name, event.data);
        ++count;
    }
    pawl_sse_free(&sse);
    return count;
}

/* Every cut, the stream fed in pieces of one size. */
static void golden_describe_cuts(struct pawl_slice stream, size_t piece_bytes, struct pawl_buf *out)
{
    bool more = true;
    for (size_t cut = 0; more; ++cut) {
        struct pawl_meter meter;
        golden_meter_init(&meter);
        more = golden_feed(&meter, stream, piece_bytes, cut) == cut;
        if (more) {
            pawl_buf_printf(out, "%zu ", cut);
            golden_describe(pawl_meter_result(&meter), out);
        }
        pawl_meter_free(&meter);
    }
}

static void golden_compare(const char *name, struct pawl_buf *got, struct pawl_buf *expected)
{
    if (!pawl_slice_equal(pawl_buf_slice(got), pawl_buf_slice(expected))) {
        /* By itself, since cmocka cuts what it prints at 1,024 bytes. */
        (void)fprintf(stderr, "%s: got\n%s\n", name, pawl_buf_cstr(got));
        (void)fprintf(stderr, "expected\n%s\n", pawl_buf_cstr(expected));
        fail();
    }
}

PAWL_UNUSED static void golden_stream(const char *name)
{
    struct pawl_buf stream;
    struct pawl_buf expected;
    golden_read(name, ".sse", &stream);
    golden_read(name, ".expected", &expected);
    const size_t pieces[] = {SIZE_MAX / 2, 1, 7, 64};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(pieces); ++i) {
        struct pawl_buf got;
        pawl_buf_init(&got, GOLDEN_BYTES_MAX);
        golden_describe_cuts(pawl_buf_slice(&stream), pieces[i], &got);
        golden_compare(name, &got, &expected);
        pawl_buf_free(&got);
    }
    pawl_buf_free(&stream);
    pawl_buf_free(&expected);
}

PAWL_UNUSED static void golden_body(const char *name)
{
    struct pawl_buf body;
    struct pawl_buf expected;
    struct pawl_buf got;
    golden_read(name, ".json", &body);
    golden_read(name, ".expected", &expected);
    pawl_buf_init(&got, GOLDEN_BYTES_MAX);
    struct pawl_meter meter;
    golden_meter_init(&meter);
    pawl_meter_on_body(&meter, pawl_buf_slice(&body));
    golden_describe(pawl_meter_result(&meter), &got);
    golden_compare(name, &got, &expected);
    pawl_meter_free(&meter);
    pawl_buf_free(&body);
    pawl_buf_free(&expected);
    pawl_buf_free(&got);
}

#endif
