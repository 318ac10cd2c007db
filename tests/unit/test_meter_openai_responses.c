/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_meter_openai_responses.c: the meter of OpenAI's Responses, by golden streams that are cut
 * at every event, and the refusals in that dialect.
 */
#include "meter_golden.h"

#include "gateway/halt.h"

static struct golden golden = {
    .dialect = PAWL_DIALECT_OPENAI_RESPONSES,
    .folder = "openai_responses",
    .provider = "openai",
    .requested_model = "golden-gpt",
};

static void responses_streams_are_metered_at_every_cut(void **state)
{
    (void)state;
    static const char *const names[] = {
        "basic", "reasoning_tools", "searches", "incomplete",   "failed", "failed_with_usage",
        "error", "only_the_end",    "odd",      "empty_report",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); ++i) {
        golden_stream(names[i]);
    }
}

static void responses_bodies_are_metered(void **state)
{
    (void)state;
    golden_body("response");
    golden_body("code_pictures");
    golden_body("compaction");
    golden_body("error_body");
}

/* --- What the golden files leave open. ---------------------------------------------------- */

static void feed(struct pawl_meter *meter, const char *data)
{
    pawl_meter_on_event(meter, PAWL_SLICE_NONE, pawl_slice_str(data));
}

/* M3: the proxy feeds an event before it forwards it. */
static void responses_tool_call_is_counted_at_its_first_event(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    feed(&meter, "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":"
                 "{\"type\":\"custom_tool_call\",\"name\":\"exec\",\"input\":\"\"}}");
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 1);
    feed(&meter, "{\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":"
                 "{\"type\":\"custom_tool_call\",\"name\":\"exec\",\"input\":\"ls\"}}");
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 1);
    assert_int_equal(pawl_meter_result(&meter)->visible_bytes, 6);
    pawl_meter_free(&meter);
}

/* More of them at once than are told apart: none is lost. */
static void responses_many_open_items_are_all_counted(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    for (int i = 0; i < 40; ++i) {
        char text[160];
        (void)snprintf(text, sizeof(text),
                       "{\"type\":\"response.output_item.added\",\"output_index\":%d,\"item\":"
                       "{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}}",
                       i);
        feed(&meter, text);
    }
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 40);
    assert_int_equal(pawl_meter_result(&meter)->visible_bytes, 40);
    pawl_meter_free(&meter);
}

static void responses_events_are_numbered_onwards(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    assert_int_equal(pawl_meter_result(&meter)->next_sequence, 0);
    feed(&meter, "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":"
                 "{\"id\":\"resp_7\",\"model\":\"golden-gpt\"}}");
    feed(&meter, "{\"type\":\"response.output_text.delta\",\"sequence_number\":41,"
                 "\"delta\":\"x\"}");
    assert_int_equal(pawl_meter_result(&meter)->next_sequence, 42);
    assert_string_equal(pawl_meter_result(&meter)->id, "resp_7");
    pawl_meter_free(&meter);
}

/* --- Refusals. ---------------------------------------------------------------------------- */

static struct pawl_halt halt_of(bool codex)
{
    return (struct pawl_halt){
        .dialect = PAWL_DIALECT_OPENAI_RESPONSES,
        .message = PAWL_SLICE("over the cap"),
        .code = "budget_exceeded",
        .codex = codex,
        .response_id = PAWL_SLICE("resp_7"),
        .model = PAWL_SLICE("golden-gpt"),
        .sequence = 42,
    };
}

static void assert_whole(const struct pawl_halt *halt, int status, const char *expected)
{
    struct pawl_buf out;
    const char *content_type = "";
    pawl_buf_init(&out, GOLDEN_BYTES_MAX);
    pawl_halt_body(halt, &out, &content_type);
    assert_int_equal(pawl_halt_status(halt), status);
    assert_string_equal(pawl_buf_cstr(&out), expected);
    pawl_buf_free(&out);
}

static void refusals_are_words_for_codex_and_json_for_the_rest(void **state)
{
    (void)state;
    struct pawl_halt halt = halt_of(true);
    assert_whole(&halt, 400, "over the cap");
    halt.status = 502; /* worth another try, and no stop */
    assert_whole(&halt, 502,
                 "{\"error\":{\"message\":\"over the cap\",\"type\":\"api_error\","
                 "\"param\":null,\"code\":\"budget_exceeded\"}}");
    halt = halt_of(false);
    assert_whole(&halt, 402,
                 "{\"error\":{\"message\":\"over the cap\",\"type\":\"insufficient_quota\","
                 "\"param\":null,\"code\":\"budget_exceeded\"}}");
}

#define FAILED_RESPONSE                                                                            \
    "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":42,"          \
    "\"response\":{\"id\":\"resp_7\",\"object\":\"response\",\"created_at\":0,"                    \
    "\"status\":\"failed\",\"model\":\"golden-gpt\",\"error\":{\"code\":\"invalid_prompt\","       \
    "\"message\":\"over the cap\"},\"output\":[],\"usage\":null}"

/* One event for all: the error at its top makes OpenAI's SDKs throw, and Codex does not get it. */
static void a_stream_ends_with_a_failed_response(void **state)
{
    (void)state;
    struct pawl_buf out;
    struct pawl_halt halt = halt_of(true);
    pawl_buf_init(&out, GOLDEN_BYTES_MAX);
    pawl_halt_event(&halt, false, &out);
    assert_string_equal(pawl_buf_cstr(&out), FAILED_RESPONSE "}\n\n");
    pawl_buf_reset(&out);
    halt = halt_of(false);
    pawl_halt_event(&halt, true, &out);
    assert_string_equal(pawl_buf_cstr(&out),
                        "\n\n" FAILED_RESPONSE
                        ",\"error\":{\"message\":\"over the cap\",\"type\":\"insufficient_quota\","
                        "\"param\":null,\"code\":\"budget_exceeded\"}}\n\n");
    pawl_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_streams_are_metered_at_every_cut),
        cmocka_unit_test(responses_bodies_are_metered),
        cmocka_unit_test(responses_tool_call_is_counted_at_its_first_event),
        cmocka_unit_test(responses_many_open_items_are_all_counted),
        cmocka_unit_test(responses_events_are_numbered_onwards),
        cmocka_unit_test(refusals_are_words_for_codex_and_json_for_the_rest),
        cmocka_unit_test(a_stream_ends_with_a_failed_response),
    };
    return cmocka_run_group_tests(tests, golden_setup, golden_teardown);
}
