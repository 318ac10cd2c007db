/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_meter_anthropic.c: the meter of Anthropic's Messages, by golden streams that are cut at
 * every event, and the refusals in that dialect.
 */
#include "meter_golden.h"

#include "gateway/halt.h"

static struct golden golden = {
    .dialect = PAWL_DIALECT_ANTHROPIC,
    .folder = "anthropic",
    .provider = "anthropic",
    .requested_model = "golden-sonnet",
};

static void anthropic_stream_is_metered_at_every_cut(void **state)
{
    (void)state;
    golden_stream("basic");
}

static void anthropic_cache_tools_and_searches_are_metered(void **state)
{
    (void)state;
    golden_stream("tools_cache");
}

static void anthropic_code_and_fetches_are_told_apart(void **state)
{
    (void)state;
    golden_stream("code");
}

static void anthropic_requests_inside_the_request_are_parts_of_their_own(void **state)
{
    (void)state;
    golden_stream("iterations");
}

static void anthropic_repeated_zeros_do_not_take_input_back(void **state)
{
    (void)state;
    golden_stream("repeated_zeros");
}

static void anthropic_error_in_mid_stream_keeps_what_was_reported(void **state)
{
    (void)state;
    golden_stream("error");
}

static void anthropic_sealed_thinking_counts_as_hidden(void **state)
{
    (void)state;
    golden_stream("sealed_thinking");
}

static void anthropic_odd_reports_never_lower_the_cost(void **state)
{
    (void)state;
    golden_stream("odd");
}

static void anthropic_report_of_nothing_is_not_believed(void **state)
{
    (void)state;
    golden_stream("empty_report");
}

static void anthropic_stream_cut_before_anything_knows_nothing(void **state)
{
    (void)state;
    golden_stream("cut_before_anything");
}

static void anthropic_bodies_are_metered(void **state)
{
    (void)state;
    golden_body("message");
    golden_body("error_body");
    golden_body("fallback");
    golden_body("fallback_beside");
    golden_body("compaction_only");
}

/* --- What the golden files leave open. ---------------------------------------------------- */

static void feed(struct pawl_meter *meter, const char *data)
{
    pawl_meter_on_event(meter, PAWL_SLICE_NONE, pawl_slice_str(data));
}

/* 1,000 tokens were written, and nothing says for how long. */
static void assert_cache_write(bool long_cache_asked, enum pawl_usage_field expected)
{
    struct pawl_meter meter;
    const struct pawl_meter_options options = {.dialect = PAWL_DIALECT_ANTHROPIC,
                                               .long_cache_asked = long_cache_asked};
    assert_true(pawl_meter_init(&meter, options));
    feed(&meter, "{\"type\":\"message_start\",\"message\":{\"model\":\"golden-sonnet\",\"usage\":"
                 "{\"input_tokens\":1,\"cache_creation_input_tokens\":1000,\"output_tokens\":1}}}");
    assert_int_equal(pawl_meter_result(&meter)->parts[0].usage.count[expected], 1000);
    assert_int_equal(pawl_usage_input_tokens(&pawl_meter_result(&meter)->parts[0].usage), 1001);
    pawl_meter_free(&meter);
}

static void anthropic_cache_write_of_unknown_lifetime_follows_the_request(void **state)
{
    (void)state;
    assert_cache_write(false, PAWL_USAGE_CACHE_WRITE);
    assert_cache_write(true, PAWL_USAGE_CACHE_WRITE_LONG);
}

/* M3: the proxy feeds an event before it forwards it. */
static void anthropic_tool_call_is_counted_at_its_first_event(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    feed(&meter, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
                 "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}}");
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 1);
    feed(&meter, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                 "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}");
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 1);
    pawl_meter_free(&meter);
}

/* What a check on the provider's side says of tool calls comes in a delta of its own. */
static void anthropic_delta_without_a_reason_or_usage_ends_nothing(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    feed(&meter, "{\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":"
                 "{\"input_tokens\":7,\"output_tokens\":1}}}");
    feed(&meter, "{\"type\":\"message_delta\",\"delta\":{\"safeguard_results\":[{\"type\":"
                 "\"dangerous_tool_use\",\"status\":{\"type\":\"available\",\"tool_uses\":{}}}]}}");
    const struct pawl_meter_result *result = pawl_meter_result(&meter);
    assert_false(result->finished);
    assert_int_equal(result->knows, PAWL_METER_KNOWS_INPUT);
    feed(&meter, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},"
                 "\"usage\":{\"output_tokens\":30}}");
    assert_true(result->finished);
    assert_int_equal(result->knows, PAWL_METER_KNOWS_ALL);
    assert_int_equal(pawl_usage_tokens(&result->parts[0].usage), 37);
    assert_int_equal(result->parts[0].usage.odd, 0);
    pawl_meter_free(&meter);
}

static void anthropic_more_models_than_parts_are_still_added_up(void **state)
{
    (void)state;
    struct pawl_buf data;
    pawl_buf_init(&data, GOLDEN_BYTES_MAX);
    pawl_buf_append_str(&data,
                        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                        "\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"iterations\":[");
    const int models = PAWL_METER_PART_COUNT_MAX + 4;
    for (int i = 0; i < models; ++i) {
        pawl_buf_printf(&data,
                        "%s{\"type\":\"advisor_message\",\"model\":\"m%d\",\"input_tokens\":10,"
                        "\"output_tokens\":5}",
                        i > 0 ? "," : "", i);
    }
    pawl_buf_append_str(&data, "]}}");
    struct pawl_meter meter;
    golden_meter_init(&meter);
    feed(&meter, pawl_buf_cstr(&data));
    const struct pawl_meter_result *result = pawl_meter_result(&meter);
    int64_t tokens = 0;
    for (size_t i = 0; i < result->part_count; ++i) {
        tokens += pawl_usage_tokens(&result->parts[i].usage);
    }
    assert_int_equal(result->part_count, PAWL_METER_PART_COUNT_MAX);
    assert_int_equal(tokens, 2 + models * 15);
    assert_true((result->parts[0].usage.odd & PAWL_USAGE_ODD_CROWDED) != 0);
    pawl_meter_free(&meter);
    pawl_buf_free(&data);
}

static void anthropic_body_that_is_not_json_is_noted(void **state)
{
    (void)state;
    const char *const bodies[] = {"", "<html>", "[]", "{\"usage\":", "null"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); ++i) {
        struct pawl_meter meter;
        golden_meter_init(&meter);
        pawl_meter_on_body(&meter, pawl_slice_str(bodies[i]));
        const struct pawl_meter_result *result = pawl_meter_result(&meter);
        assert_int_equal(result->knows, PAWL_METER_KNOWS_NOTHING);
        assert_int_equal(result->parts[0].usage.odd, PAWL_USAGE_ODD_UNREADABLE);
        assert_false(result->terminal);
        pawl_meter_free(&meter);
    }
}

/* --- Refusals. ---------------------------------------------------------------------------- */

static void assert_text(struct pawl_buf *got, const char *expected)
{
    assert_string_equal(pawl_buf_cstr(got), expected);
    pawl_buf_free(got);
}

static void anthropic_refusal_is_an_error_of_the_dialect(void **state)
{
    (void)state;
    const struct pawl_halt halt = {
        .dialect = PAWL_DIALECT_ANTHROPIC,
        .message = PAWL_SLICE("spent \"$1.50\"\nof $1.50"),
        .code = "budget_exceeded",
        .details = PAWL_SLICE("{\"spent\":150000000}"),
    };
    struct pawl_buf out;
    const char *content_type = NULL;
    pawl_buf_init(&out, GOLDEN_BYTES_MAX);
    pawl_halt_body(&halt, &out, &content_type);
    assert_string_equal(content_type, "application/json");
    assert_text(&out, "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":"
                      "\"spent \\\"$1.50\\\"\\nof $1.50\",\"code\":\"budget_exceeded\","
                      "\"details\":{\"spent\":150000000}}}");
}

/* Read back by our own parser and meter, as a client would. */
static void anthropic_refusal_in_mid_stream_reads_as_an_error_event(void **state)
{
    (void)state;
    const struct pawl_halt halt = {
        .dialect = PAWL_DIALECT_ANTHROPIC,
        .message = PAWL_SLICE("over the cap"),
        .code = "budget_exceeded",
    };
    struct pawl_buf stream;
    pawl_buf_init(&stream, GOLDEN_BYTES_MAX);
    pawl_buf_append_str(&stream, "event: ping\ndata: {\"type\":\"ping\"");
    pawl_halt_event(&halt, true, &stream);
    struct pawl_meter meter;
    golden_meter_init(&meter);
    assert_int_equal(golden_feed(&meter, pawl_buf_slice(&stream), 3, SIZE_MAX), 2);
    assert_true(pawl_meter_result(&meter)->error);
    assert_string_equal(pawl_meter_result(&meter)->error_type, "billing_error");
    pawl_meter_free(&meter);
    pawl_buf_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anthropic_stream_is_metered_at_every_cut),
        cmocka_unit_test(anthropic_cache_tools_and_searches_are_metered),
        cmocka_unit_test(anthropic_code_and_fetches_are_told_apart),
        cmocka_unit_test(anthropic_requests_inside_the_request_are_parts_of_their_own),
        cmocka_unit_test(anthropic_repeated_zeros_do_not_take_input_back),
        cmocka_unit_test(anthropic_error_in_mid_stream_keeps_what_was_reported),
        cmocka_unit_test(anthropic_sealed_thinking_counts_as_hidden),
        cmocka_unit_test(anthropic_odd_reports_never_lower_the_cost),
        cmocka_unit_test(anthropic_report_of_nothing_is_not_believed),
        cmocka_unit_test(anthropic_stream_cut_before_anything_knows_nothing),
        cmocka_unit_test(anthropic_bodies_are_metered),
        cmocka_unit_test(anthropic_cache_write_of_unknown_lifetime_follows_the_request),
        cmocka_unit_test(anthropic_tool_call_is_counted_at_its_first_event),
        cmocka_unit_test(anthropic_delta_without_a_reason_or_usage_ends_nothing),
        cmocka_unit_test(anthropic_more_models_than_parts_are_still_added_up),
        cmocka_unit_test(anthropic_body_that_is_not_json_is_noted),
        cmocka_unit_test(anthropic_refusal_is_an_error_of_the_dialect),
        cmocka_unit_test(anthropic_refusal_in_mid_stream_reads_as_an_error_event),
    };
    return cmocka_run_group_tests_name("meter_anthropic", tests, golden_setup, golden_teardown);
}
