/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_meter_gemini.c: the meter of Google's generateContent and embedContent, by golden streams
 * that are cut at every answer; refusals in that dialect.
 */
#include "meter_golden.h"

#include "gateway/halt.h"

static struct golden golden = {
    .dialect = PAWL_DIALECT_GEMINI,
    .folder = "gemini",
    .provider = "google",
    .requested_model = "gemini-golden",
};

static void gemini_streams_are_metered_at_every_cut(void **state)
{
    (void)state;
    static const char *const names[] = {
        "basic",           "blocked",
        "cached",          "code_pages_files",
        "error",           "maps",
        "no_usage",        "odd",
        "search",          "search_by_prompt",
        "search_repeated", "thoughts",
        "tools",           "two_candidates",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(names); ++i) {
        golden_stream(names[i]);
    }
}

static void gemini_bodies_are_metered(void **state)
{
    (void)state;
    golden_body("answer");
    golden_body("error_body");
}

/* --- Usage by itself. --------------------------------------------------------------------- */

static struct pawl_usage usage_of(enum pawl_dialect dialect, uint32_t modifiers, const char *body)
{
    struct pawl_meter meter;
    const struct pawl_meter_options options = {.dialect = dialect, .modifiers_asked = modifiers};
    struct pawl_buf data;
    assert_true(pawl_meter_init(&meter, options));
    pawl_buf_init(&data, GOLDEN_BYTES_MAX);
    pawl_buf_append_str(&data, body);
    for (size_t i = 0; i < data.bytes; ++i) {
        data.data[i] = data.data[i] == '\'' ? '"' : data.data[i];
    }
    pawl_meter_on_body(&meter, pawl_buf_slice(&data));
    struct pawl_usage result = pawl_meter_result(&meter)->parts[0].usage;
    pawl_meter_free(&meter);
    pawl_buf_free(&data);
    return result;
}

/* What a later event says of the rate counts, a discount that it takes back included. */
static void the_last_word_on_the_rate_counts(void **state)
{
    (void)state;
    static const struct {
        const char *first;
        const char *last;
        uint32_t modifiers;
    } rows[] = {
        {"'serviceTier':'flex'", "'trafficType':'ON_DEMAND'", 0},
        {"'serviceTier':'flex'", "'totalTokenCount':9", PAWL_MODIFIER_DISCOUNT},
        {"'serviceTier':'priority'", "'serviceTier':'standard'", 0},
        {"'totalTokenCount':9", "'serviceTier':'flex','trafficType':'ON_DEMAND'",
         PAWL_MODIFIER_DISCOUNT},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        struct pawl_meter meter;
        assert_true(
            pawl_meter_init(&meter, (struct pawl_meter_options){.dialect = PAWL_DIALECT_GEMINI}));
        for (int last = 0; last < 2; ++last) {
            char event[128];
            (void)snprintf(event, sizeof(event), "{'usageMetadata':{'promptTokenCount':5,%s}}",
                           last == 1 ? rows[i].last : rows[i].first);
            for (char *at = event; *at != '\0'; ++at) {
                *at = *at == '\'' ? '"' : *at;
            }
            pawl_meter_on_event(&meter, PAWL_SLICE_NONE, pawl_slice_str(event));
        }
        assert_int_equal(pawl_meter_result(&meter)->parts[0].usage.modifiers, rows[i].modifiers);
        pawl_meter_free(&meter);
    }
}

/* A picture costs many times what text does; who has made one need not say how large it was. */
static void a_picture_that_nobody_tells_of_is_all_there_is(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *details;
        int64_t output;
        int64_t image;
    } rows[] = {
        {"image/png", "", 7, 1300},
        {"image/png", ",'candidatesTokensDetails':[{'modality':'IMAGE','tokenCount':1290}]", 17,
         1290},
        {"image/png", ",'candidatesTokensDetails':[{'modality':'TEXT','tokenCount':10}]", 7, 1300},
        {"video/mp4", "", 7, 1300},
        {"audio/wav", "", 1307, 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        char body[512];
        (void)snprintf(body, sizeof(body),
                       "{'candidates':[{'content':{'parts':[{'inlineData':{'mimeType':'%s',"
                       "'data':'AAAA'}}]},'finishReason':'STOP'}],'usageMetadata':{"
                       "'promptTokenCount':12,'candidatesTokenCount':1300,'thoughtsTokenCount':7,"
                       "'totalTokenCount':1319%s}}",
                       rows[i].type, rows[i].details);
        struct pawl_usage usage = usage_of(PAWL_DIALECT_GEMINI, 0, body);
        assert_int_equal(usage.count[PAWL_USAGE_OUTPUT], rows[i].output);
        assert_int_equal(usage.count[PAWL_USAGE_OUTPUT_IMAGE], rows[i].image);
    }
}

static void gemini_usage_is_split_into_buckets(void **state)
{
    (void)state;
    static const struct {
        const char *usage;
        int64_t input;
        int64_t cache_read;
        int64_t output;
        uint32_t odd;
    } rows[] = {
        /* What is cached is part of the prompt; what thinks is not part of the answer. */
        {"'promptTokenCount':100,'cachedContentTokenCount':60,'candidatesTokenCount':5,"
         "'thoughtsTokenCount':7,'totalTokenCount':112",
         40, 60, 12, 0},
        /* What a tool brought in is beside the prompt. */
        {"'promptTokenCount':10,'toolUsePromptTokenCount':30,'candidatesTokenCount':5,"
         "'totalTokenCount':45",
         40, 0, 5, 0},
        /* Counts of 0 are left out. */
        {"'promptTokenCount':10,'totalTokenCount':10", 10, 0, 0, 0},
        {"'candidatesTokenCount':4,'totalTokenCount':14", 10, 0, 4, 0},
        {"'promptTokenCount':10,'candidatesTokenCount':4,'totalTokenCount':20", 10, 0, 10,
         PAWL_USAGE_ODD_TOTAL},
        {"'promptTokenCount':10,'cachedContentTokenCount':11,'candidatesTokenCount':1", 10, 11, 1,
         PAWL_USAGE_ODD_PARTS},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        char body[512];
        (void)snprintf(body, sizeof(body), "{'usageMetadata':{%s}}", rows[i].usage);
        struct pawl_usage usage = usage_of(PAWL_DIALECT_GEMINI, 0, body);
        assert_int_equal(usage.count[PAWL_USAGE_INPUT], rows[i].input);
        assert_int_equal(usage.count[PAWL_USAGE_CACHE_READ], rows[i].cache_read);
        assert_int_equal(usage.count[PAWL_USAGE_OUTPUT], rows[i].output);
        assert_int_equal(usage.odd, rows[i].odd);
    }
}

static void gemini_rate_is_the_one_asked_for_unless_the_answer_says_another(void **state)
{
    (void)state;
    const uint32_t asked = PAWL_MODIFIER_PRIORITY;
    assert_int_equal(usage_of(PAWL_DIALECT_GEMINI, asked, "{}").modifiers, asked);
    assert_int_equal(usage_of(PAWL_DIALECT_GEMINI, asked,
                              "{'usageMetadata':{'trafficType':'ON_DEMAND','totalTokenCount':1}}")
                         .modifiers,
                     0);
    assert_int_equal(usage_of(PAWL_DIALECT_GEMINI, 0,
                              "{'usageMetadata':{'serviceTier':'priority','totalTokenCount':1}}")
                         .modifiers,
                     asked);
}

static void embeddings_cost_their_input(void **state)
{
    (void)state;
    struct pawl_meter meter;
    const struct pawl_meter_options options = {.dialect = PAWL_DIALECT_GEMINI_EMBED};
    assert_true(pawl_meter_init(&meter, options));
    pawl_meter_on_body(&meter, PAWL_SLICE("{\"embedding\":{\"values\":[0.5]},"
                                          "\"usageMetadata\":{\"promptTokenCount\":7}}"));
    const struct pawl_meter_result *result = pawl_meter_result(&meter);
    assert_int_equal(result->knows, PAWL_METER_KNOWS_ALL);
    assert_int_equal(pawl_usage_tokens(&result->parts[0].usage), 7);
    pawl_meter_free(&meter);
    assert_true(pawl_meter_init(&meter, options));
    pawl_meter_on_body(&meter, PAWL_SLICE("{\"embedding\":{\"values\":[0.5]}}"));
    assert_int_equal(pawl_meter_result(&meter)->knows, PAWL_METER_KNOWS_NOTHING);
    pawl_meter_free(&meter);
}

/* --- Refusals. ---------------------------------------------------------------------------- */

#define REFUSED                                                                                    \
    "{\"error\":{\"code\":402,\"message\":\"over the cap\",\"status\":\"FAILED_PRECONDITION\","    \
    "\"reason\":\"budget_exceeded\"}}"

static void gemini_refusal_in_mid_stream_has_the_form_that_ends_its_reader(void **state)
{
    (void)state;
    static const struct {
        enum pawl_halt_form form;
        bool line_open;
        const char *expected;
    } rows[] = {
        {PAWL_HALT_EVENT, false, "data: " REFUSED "\n\n"},
        {PAWL_HALT_EVENT, true, "\n\ndata: " REFUSED "\n\n"},
        {PAWL_HALT_BARE, false, REFUSED "\n"},
        {PAWL_HALT_FIRST_ITEM, false, "[" REFUSED "]\n"},
        {PAWL_HALT_LAST_ITEM, true, ",\n" REFUSED "]\n"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        const struct pawl_halt halt = {
            .dialect = PAWL_DIALECT_GEMINI,
            .message = PAWL_SLICE("over the cap"),
            .code = "budget_exceeded",
            .form = rows[i].form,
        };
        struct pawl_buf out;
        pawl_buf_init(&out, GOLDEN_BYTES_MAX);
        pawl_halt_event(&halt, rows[i].line_open, &out);
        assert_string_equal(pawl_buf_cstr(&out), rows[i].expected);
        pawl_buf_free(&out);
    }
}

static void gemini_statuses_have_googles_names(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *name;
    } rows[] = {{400, "INVALID_ARGUMENT"}, {426, "FAILED_PRECONDITION"}, {502, "UNAVAILABLE"}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); ++i) {
        const struct pawl_halt halt = {.dialect = PAWL_DIALECT_GEMINI_EMBED,
                                       .status = rows[i].status,
                                       .message = PAWL_SLICE("no"),
                                       .code = "x"};
        struct pawl_buf out;
        const char *content_type = NULL;
        pawl_buf_init(&out, GOLDEN_BYTES_MAX);
        pawl_halt_body(&halt, &out, &content_type);
        assert_non_null(strstr(pawl_buf_cstr(&out), rows[i].name));
        pawl_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemini_streams_are_metered_at_every_cut),
        cmocka_unit_test(gemini_bodies_are_metered),
        cmocka_unit_test(the_last_word_on_the_rate_counts),
        cmocka_unit_test(a_picture_that_nobody_tells_of_is_all_there_is),
        cmocka_unit_test(gemini_usage_is_split_into_buckets),
        cmocka_unit_test(gemini_rate_is_the_one_asked_for_unless_the_answer_says_another),
        cmocka_unit_test(embeddings_cost_their_input),
        cmocka_unit_test(gemini_refusal_in_mid_stream_has_the_form_that_ends_its_reader),
        cmocka_unit_test(gemini_statuses_have_googles_names),
    };
    return cmocka_run_group_tests_name("meter_gemini", tests, golden_setup, golden_teardown);
}
