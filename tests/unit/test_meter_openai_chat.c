/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_meter_openai_chat.c: the meter of Chat Completions, by golden streams that are cut at
 * every event; usage hidden again from clients that did not ask; refusals in that dialect.
 */
#include "meter_golden.h"

#include "gateway/halt.h"
#include "gateway/usage_hide.h"

static struct golden golden = {
    .dialect = PAWL_DIALECT_OPENAI_CHAT,
    .folder = "openai_chat",
    .provider = "openai",
    .requested_model = "golden-gpt",
};

static void chat_streams_are_metered_at_every_cut(void **state)
{
    (void)state;
    static const char *const names[] = {
        "azure",         "basic",    "empty_report", "error",
        "function_call", "no_usage", "odd",          "reasoning_left_out",
        "search",        "tools",    "two_choices",  "usage_in_every_chunk",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); ++i) {
        golden_stream(names[i]);
    }
}

static void chat_bodies_are_metered(void **state)
{
    (void)state;
    golden_body("completion");
    golden_body("error_body");
}

/* --- Usage by itself. --------------------------------------------------------------------- */

/* Quotes in `usage` are single, to be read. */
static struct pawl_usage usage_of(const char *usage, bool long_cache_asked)
{
    struct pawl_meter meter;
    const struct pawl_meter_options options = {.dialect = PAWL_DIALECT_OPENAI_CHAT,
                                               .long_cache_asked = long_cache_asked};
    assert_true(pawl_meter_init(&meter, options));
    struct pawl_buf data;
    pawl_buf_init(&data, GOLDEN_BYTES_MAX);
    pawl_buf_printf(&data, "{'choices':[],'usage':%s}", usage);
    for (size_t i = 0; i < data.bytes; ++i) {
        data.data[i] = data.data[i] == '\'' ? '"' : data.data[i];
    }
    pawl_meter_on_event(&meter, PAWL_SLICE_NONE, pawl_buf_slice(&data));
    struct pawl_usage result = pawl_meter_result(&meter)->parts[0].usage;
    pawl_meter_free(&meter);
    pawl_buf_free(&data);
    return result;
}

static const struct {
    const char *usage;
    bool long_cache_asked;
    const char *buckets;
} splits[] = {
    {"{'prompt_tokens':10,'completion_tokens':5}", false, "input 10 output 5"},
    {"{'prompt_tokens':10,'server_tool_use':{'web_search_requests':2}}", false,
     "input 10 web_searches 2"},
    /* Cached and written tokens are parts of the prompt. */
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cached_tokens':60,'cache_write_tokens':30}}",
     false, "input 10 cache_read 60 cache_write 30"},
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cache_write_tokens':30}}", true,
     "input 70 cache_write_long 30"},
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cache_write_tokens':30,"
     "'cache_write_tokens_details':{'ttl_30m_tokens':10,'ttl_12h_tokens':20}}}",
     true, "input 70 cache_write 10 cache_write_long 20"},
    /* Cached tokens are text as far as there is text, then audio. */
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cached_tokens':50,'audio_tokens':70}}", false,
     "cache_read 30 input_audio 50 cache_audio_read 20"},
    /* Everything cached, and one token more than everything. */
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cached_tokens':100}}", false,
     "cache_read 100"},
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cached_tokens':101}}", false,
     "input 100 cache_read 101 odd:parts"},
    /* Written and read overlap. */
    {"{'prompt_tokens':100,'prompt_tokens_details':{'cached_tokens':60,'cache_write_tokens':70}}",
     false, "input 30 cache_read 60 cache_write 70 odd:parts"},
    /* Output: audio is a part, reasoning is inside or, if it cannot be, beside. */
    {"{'prompt_tokens':1,'completion_tokens':50,'completion_tokens_details':{'audio_tokens':20,"
     "'reasoning_tokens':5}}",
     false, "input 1 output 30 output_audio 20 reasoning 5"},
    {"{'prompt_tokens':1,'completion_tokens':50,'completion_tokens_details':"
     "{'reasoning_tokens':51}}",
     false, "input 1 output 101 reasoning 51 odd:parts"},
    {"{'prompt_tokens':1,'completion_tokens':50,'completion_tokens_details':{'audio_tokens':51}}",
     false, "input 1 output 50 output_audio 51 odd:parts"},
    /* The total helps where a part is missing. Alone, it leaves the input unknown. */
    {"{'prompt_tokens':40,'total_tokens':100}", false, "input 40 output 60"},
    {"{'completion_tokens':40,'total_tokens':100}", false, "input 60 output 40"},
    {"{'total_tokens':100}", false, "output 100 odd:empty"},
    {"{'prompt_tokens':40,'completion_tokens':50,'total_tokens':100}", false,
     "input 40 output 60 odd:total"},
    {"{'prompt_tokens':40,'completion_tokens':50,'total_tokens':7}", false, "input 40 output 50"},
    /* Numbers in strange clothes. */
    {"{'prompt_tokens':'40','completion_tokens':true}", false, "input 40 odd:type"},
    {"{'prompt_tokens':4.0e1,'completion_tokens':0.05e3}", false, "input 40 output 50"},
    {"{'prompt_tokens':4e1000,'completion_tokens':50e-2}", false,
     "input 10000000000 output 1 odd:huge odd:fraction"},
    {"{'prompt_tokens':99999999999999999999999,'completion_tokens':-1}", false,
     "input 10000000000 odd:negative odd:huge"},
    {"{'prompt_tokens':10000000001,'completion_tokens':10000000000}", false,
     "input 10000000000 output 10000000000 odd:huge"},
    {"{'prompt_tokens':5,'prompt_tokens':9,'prompt_tokens':7}", false, "input 9 odd:duplicate"},
    {"{'prompt_tokens':5,'completion_tokens':[3],'prompt_tokens_details':7}", false,
     "input 5 odd:type"},
};

static void chat_usage_is_split_into_buckets(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(splits); ++i) {
        struct pawl_meter_part part = {
            .model = "m",
            .usage = usage_of(splits[i].usage, splits[i].long_cache_asked),
        };
        struct pawl_buf got;
        pawl_buf_init(&got, GOLDEN_BYTES_MAX);
        golden_describe_part(&part, &got);
        struct pawl_slice buckets =
            pawl_slice_sub(pawl_buf_slice(&got), strlen(" | m "), got.bytes);
        if (!pawl_slice_equal_str(buckets, splits[i].buckets)) {
            fail_msg("%s: %s", splits[i].usage, pawl_buf_cstr(&got));
        }
        pawl_buf_free(&got);
    }
}

static void chat_later_report_without_a_field_keeps_the_earlier_one(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    pawl_meter_on_event(&meter, PAWL_SLICE_NONE,
                        PAWL_SLICE("{\"choices\":[{\"index\":0,\"usage\":{\"prompt_tokens\":8,"
                                   "\"completion_tokens\":1}}]}"));
    pawl_meter_on_event(&meter, PAWL_SLICE_NONE,
                        PAWL_SLICE("{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":null,"
                                   "\"completion_tokens\":6}}}"));
    const struct pawl_usage *usage = &pawl_meter_result(&meter)->parts[0].usage;
    assert_int_equal(usage->count[PAWL_USAGE_INPUT], 8);
    assert_int_equal(usage->count[PAWL_USAGE_OUTPUT], 6);
    pawl_meter_free(&meter);
}

static void chat_more_tool_calls_than_are_tracked_are_counted(void **state)
{
    (void)state;
    struct pawl_meter meter;
    golden_meter_init(&meter);
    for (int i = 0; i < 40; ++i) {
        char data[256];
        (void)snprintf(data, sizeof(data),
                       "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%d,"
                       "\"id\":\"call_%d\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}",
                       i, i);
        pawl_meter_on_event(&meter, PAWL_SLICE_NONE, pawl_slice_str(data));
        (void)snprintf(data, sizeof(data),
                       "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%d,"
                       "\"function\":{\"arguments\":\"{}\"}}]}}]}",
                       i);
        pawl_meter_on_event(&meter, PAWL_SLICE_NONE, pawl_slice_str(data));
    }
    assert_int_equal(pawl_meter_result(&meter)->tool_calls, 40);
    pawl_meter_free(&meter);
}

/* --- Hiding. ------------------------------------------------------------------------------ */

static const struct {
    const char *event;
    enum pawl_usage_hiding hiding;
    const char *rewritten;
} hidings[] = {
    {"data: {\"id\":1,\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n", PAWL_USAGE_HIDE_DROP,
     ""},
    {"data: {\"choices\":[{}],\"usage\":null}\n\n", PAWL_USAGE_HIDE_REWRITE,
     "data: {\"choices\":[{}]}\n\n"},
    {"data: {\"usage\":null,\"choices\":[{}]}\r\n\r\n", PAWL_USAGE_HIDE_REWRITE,
     "data: {\"choices\":[{}]}\r\n\r\n"},
    {"data: {\"usage\":null}\n\n", PAWL_USAGE_HIDE_REWRITE, "data: {}\n\n"},
    {": note\ndata:{ \"a\" : 1 , \"usage\" : null , \"b\" : 2 }\nid: 5\n\n",
     PAWL_USAGE_HIDE_REWRITE, ": note\ndata:{ \"a\" : 1  , \"b\" : 2 }\nid: 5\n\n"},
    /* Not because we asked: usage beside choices, Azure's first chunk, an error. */
    {"data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {"data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {"data: {\"error\":{\"message\":\"\\\"usage\\\"\"}}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    /* Elsewhere, in text, twice, broken, or no data at all. */
    {"data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
     PAWL_USAGE_HIDE_KEEP, ""},
    {"data: {\"x\":{\"usage\":null},\"choices\":[{}]}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {"data: {\"usage\":null,\"usage\":null}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {"data: {\"usage\":null\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {"data: [DONE]\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    {": \"usage\":null\n\n", PAWL_USAGE_HIDE_KEEP, ""},
    /* Several data lines: dropped as a whole, but not rewritten. */
    {"data: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":1}}\n\n", PAWL_USAGE_HIDE_DROP,
     ""},
    {"data: {\"choices\":[{}],\ndata: \"usage\":null}\n\n", PAWL_USAGE_HIDE_KEEP, ""},
};

static void usage_that_was_not_asked_for_is_hidden(void **state)
{
    (void)state;
    struct pawl_arena scratch;
    pawl_arena_init(&scratch, GOLDEN_BYTES_MAX);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(hidings); ++i) {
        struct pawl_sse sse;
        struct pawl_sse_event event;
        struct pawl_slice text = pawl_slice_str(hidings[i].event);
        struct pawl_buf out;
        pawl_sse_init(&sse, 0);
        pawl_buf_init(&out, GOLDEN_BYTES_MAX);
        assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
        enum pawl_usage_hiding hiding = pawl_usage_hide(&event, &scratch, &out);
        if (hiding != hidings[i].hiding) {
            fail_msg("%s: got %d", hidings[i].event, (int)hiding);
        }
        assert_string_equal(pawl_buf_cstr(&out), hidings[i].rewritten);
        pawl_buf_free(&out);
        pawl_sse_free(&sse);
    }
    pawl_arena_free(&scratch);
}

static void event_is_kept_when_there_is_no_room_to_rewrite_it(void **state)
{
    (void)state;
    struct pawl_arena scratch;
    struct pawl_buf out;
    struct pawl_sse sse;
    struct pawl_sse_event event;
    struct pawl_slice text = PAWL_SLICE("data: {\"choices\":[{}],\"usage\":null}\n\n");
    pawl_arena_init(&scratch, GOLDEN_BYTES_MAX);
    pawl_buf_init(&out, 20);
    pawl_sse_init(&sse, 0);
    assert_int_equal(pawl_sse_next(&sse, &text, &event), PAWL_SSE_EVENT);
    assert_int_equal(pawl_usage_hide(&event, &scratch, &out), PAWL_USAGE_HIDE_KEEP);
    assert_int_equal(out.bytes, 0);
    pawl_sse_free(&sse);
    pawl_buf_free(&out);
    pawl_arena_free(&scratch);
}

/* --- Refusals. ---------------------------------------------------------------------------- */

static void assert_body(const struct pawl_halt *halt, const char *type, const char *expected)
{
    struct pawl_buf out;
    const char *content_type = NULL;
    pawl_buf_init(&out, GOLDEN_BYTES_MAX);
    pawl_halt_body(halt, &out, &content_type);
    assert_string_equal(content_type, type);
    assert_string_equal(pawl_buf_cstr(&out), expected);
    pawl_buf_free(&out);
}

static void refusals_have_the_form_of_their_dialect(void **state)
{
    (void)state;
    struct pawl_halt halt = {
        .dialect = PAWL_DIALECT_OPENAI_CHAT,
        .message = PAWL_SLICE("over the cap"),
        .code = "budget_exceeded",
    };
    assert_body(&halt, "application/json",
                "{\"error\":{\"message\":\"over the cap\",\"type\":\"insufficient_quota\","
                "\"param\":null,\"code\":\"budget_exceeded\"}}");
    halt.status = 400;
    assert_body(&halt, "application/json",
                "{\"error\":{\"message\":\"over the cap\",\"type\":\"invalid_request_error\","
                "\"param\":null,\"code\":\"budget_exceeded\"}}");
    halt = (struct pawl_halt){
        .dialect = PAWL_DIALECT_GEMINI,
        .message = PAWL_SLICE("over the cap"),
        .code = "budget_exceeded",
        .details = PAWL_SLICE("{}"),
    };
    assert_body(&halt, "application/json",
                "{\"error\":{\"code\":402,\"message\":\"over the cap\","
                "\"status\":\"FAILED_PRECONDITION\",\"reason\":\"budget_exceeded\","
                "\"details\":{}}}");
}

static void chat_refusal_in_mid_stream_reads_as_an_error_event(void **state)
{
    (void)state;
    const struct pawl_halt halt = {
        .dialect = PAWL_DIALECT_OPENAI_CHAT,
        .message = PAWL_SLICE("over the cap"),
        .code = "budget_exceeded",
    };
    struct pawl_buf stream;
    pawl_buf_init(&stream, GOLDEN_BYTES_MAX);
    pawl_halt_event(&halt, false, &stream);
    assert_string_equal(pawl_buf_cstr(&stream),
                        "data: {\"error\":{\"message\":\"over the cap\",\"type\":"
                        "\"insufficient_quota\",\"param\":null,\"code\":\"budget_exceeded\"}}\n\n");
    struct pawl_meter meter;
    golden_meter_init(&meter);
    assert_int_equal(golden_feed(&meter, pawl_buf_slice(&stream), 1, SIZE_MAX), 1);
    assert_true(pawl_meter_result(&meter)->error);
    assert_string_equal(pawl_meter_result(&meter)->error_type, "insufficient_quota");
    pawl_meter_free(&meter);
    pawl_buf_free(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_streams_are_metered_at_every_cut),
        cmocka_unit_test(chat_bodies_are_metered),
        cmocka_unit_test(chat_usage_is_split_into_buckets),
        cmocka_unit_test(chat_later_report_without_a_field_keeps_the_earlier_one),
        cmocka_unit_test(chat_more_tool_calls_than_are_tracked_are_counted),
        cmocka_unit_test(usage_that_was_not_asked_for_is_hidden),
        cmocka_unit_test(event_is_kept_when_there_is_no_room_to_rewrite_it),
        cmocka_unit_test(refusals_have_the_form_of_their_dialect),
        cmocka_unit_test(chat_refusal_in_mid_stream_reads_as_an_error_event),
    };
    return cmocka_run_group_tests_name("meter_openai_chat", tests, golden_setup, golden_teardown);
}
