/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_gemini.c: what is read out of the body of a :generateContent, what of it is changed
 * on its way, and what its media are bounded by.
 */
#include "request_body.h"

#include <string.h>

#include "gateway/media.h"

enum { CONTEXT_TOKENS = 1048576 };

static struct pawl_request_source source_of(enum pawl_dialect dialect, const char *model)
{
    return (struct pawl_request_source){
        .dialect = dialect, .model = pawl_slice_str(model), .stream = true};
}

static bool
read_for(struct fixture *fixture, enum pawl_dialect dialect, const char *model, const char *text)
{
    const struct pawl_request_source source = source_of(dialect, model);
    return read_body(fixture, &source, text);
}

static const struct pawl_model_request *
must_read(struct fixture *fixture, const char *model, const char *text)
{
    const struct pawl_request_source source = source_of(PAWL_DIALECT_GEMINI, model);
    return must_read_body(fixture, &source, text);
}

/* --- Reading -------------------------------------------------------------------------------- */

static void model_and_stream_come_from_the_path(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "gemini-2.5-pro",
                  "{\"model\":\"models/gemini-2.5-pro\",\"stream\":false,\"contents\":[]}");
    assert_true(pawl_slice_equal_str(request->model, "gemini-2.5-pro"));
    assert_true(request->stream);
    finish(&fixture);
    assert_false(read_for(&fixture, PAWL_DIALECT_GEMINI, "gemini-2.5-pro",
                          "{\"model\":\"models/gemini-2.5-flash\"}"));
    finish(&fixture);
    assert_false(read_for(&fixture, PAWL_DIALECT_GEMINI, "gemini-2.5-pro",
                          "{\"model\":\"other-gemini-2.5-pro\"}"));
    finish(&fixture);
}

static void both_spellings_are_read(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"generationConfig\":{\"maxOutputTokens\":77,\"candidateCount\":2,\"thinkingConfig\":"
        "{\"thinkingBudget\":50}},\"serviceTier\":\"priority\"}",
        "{\"generation_config\":{\"max_output_tokens\":\"77\",\"candidate_count\":2.0,"
        "\"thinking_config\":{\"thinking_budget\":50}},\"service_tier\":\"SERVICE_TIER_PRIORITY\"}",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); i++) {
        struct fixture fixture;
        const struct pawl_model_request *request = must_read(&fixture, "gemini-2.5-pro", bodies[i]);
        assert_true(request->output_given);
        assert_int_equal(request->output_asked, 77);
        assert_int_equal(request->choices, 2);
        assert_int_equal(request->thinking_budget, 50);
        assert_true(request->hidden);
        assert_int_equal(request->modifiers, PAWL_MODIFIER_PRIORITY);
        finish(&fixture);
    }
}

static void what_has_two_meanings_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"generationConfig\":{},\"generation_config\":{}}",
        "{\"generationConfig\":{\"maxOutputTokens\":1,\"max_output_tokens\":2}}",
        "{\"generationConfig\":{\"maxOutputTokens\":1,\"max\\u004futputTokens\":2}}",
        "{\"systemInstruction\":{},\"system_instruction\":{}}",
        "{\"tools\":[{\"googleSearch\":{},\"google_search\":{}}]}",
        "{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"\"},\"inline_data\":{}}]}]}",
        "{\"contents\":[{\"parts\":[{\"fileData\":{\"mimeType\":\"a\",\"mime_type\":\"b\"}}]}]}",
        "{\"contents\":[],\"contents\":[]}",
        "{\"generationConfig\":[]}",
        "{\"generationConfig\":{\"maxOutputTokens\":-5}}",
        "{\"generationConfig\":{\"maxOutputTokens\":\"many\"}}",
        "{\"generationConfig\":{\"candidateCount\":1000}}",
        "{\"contents\":\"text\"}",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); i++) {
        struct fixture fixture;
        if (read_for(&fixture, PAWL_DIALECT_GEMINI, "gemini-2.5-pro", bodies[i])) {
            fail_msg("%s was read", bodies[i]);
        }
        finish(&fixture);
    }
}

static void thinking_is_hidden_unless_it_is_switched_off(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *body;
        bool hidden;
    } rows[] = {
        {"gemini-2.0-flash", "{}", false},
        {"gemini-2.5-flash", "{}", true},
        {"a-newer-name", "{}", true},
        {"gemini-pro-latest", "{}", true}, /* the newest, whose name begins as the first's */
        {"gemini-pro", "{}", false},
        {"gemini-2.5-flash", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}",
         false},
        {"gemini-2.5-flash", "{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":-1}}}",
         true},
        {"gemini-3.8-flash",
         "{\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true,\"thinkingLevel\":"
         "\"LOW\"}}}",
         true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        assert_int_equal(must_read(&fixture, rows[i].model, rows[i].body)->hidden, rows[i].hidden);
        finish(&fixture);
    }
}

static void tools_are_bounded_or_named(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *body;
        uint32_t tools;
        bool bounded;
    } rows[] = {
        {"gemini-3.8-flash", "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}", 0,
         true},
        {"gemini-3.8-flash", "{\"tools\":{\"function_declarations\":{\"name\":\"f\"}}}", 0, true},
        {"gemini-3.8-flash", "{\"tools\":[{\"computerUse\":{}}]}", 0, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"googleSearch\":{}}]}", 1, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"google_search\":{}},{\"googleMaps\":{}}]}", 2, true},
        {"gemini-1.5-flash", "{\"tools\":[{\"googleSearchRetrieval\":{}}]}", 1, true},
        {"gemini-3.8-flash", "{\"tools\":[{\"googleSearch\":{}}]}", 1, true},
        {"gemini-3.8-flash", "{\"tools\":[{\"googleSearch\":null}]}", 0, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"urlContext\":{}}]}", 1, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"code_execution\":{}}]}", 1, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"fileSearch\":{}}]}", 1, true},
        {"gemini-2.5-flash", "{\"tools\":[{\"mcpServers\":[{}]}]}", 0, false},
        {"gemini-2.5-flash", "{\"tools\":[{\"retrieval\":{}}]}", 0, false},
        {"gemini-2.5-flash", "{\"tools\":[{\"somethingNew\":{}}]}", 0, false},
        {"gemini-2.5-flash", "{\"generationConfig\":{\"routingConfig\":{\"autoMode\":{}}}}", 0,
         false},
        {"gemini-2.5-flash", "{\"generationConfig\":{\"responseModalities\":[\"Text\",\"Image\"]}}",
         0, true},
        {"gemini-2.5-flash", "{\"generationConfig\":{\"responseModalities\":[\"VIDEO\"]}}", 0,
         false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        const struct pawl_model_request *request = must_read(&fixture, rows[i].model, rows[i].body);
        if ((request->unbounded == NULL) != rows[i].bounded) {
            fail_msg("%s %s", rows[i].model, rows[i].body);
        }
        assert_int_equal(request->tool_count, rows[i].tools);
        finish(&fixture);
    }
}

/* What a search of Gemini 3 looks for, how many pages are read and how often code is tried nothing
 * in the body bounds: a stated amount is held. */
static void what_nothing_bounds_is_assumed(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *body;
        int64_t fees;
        int64_t tokens;
    } rows[] = {
        {"gemini-3.8-flash", "{\"tools\":[{\"googleSearch\":{}}]}", 10, 50000},
        {"gemini-2.5-flash", "{\"tools\":[{\"googleSearch\":{}}]}", 1, 50000},
        {"gemini-3.8-flash", "{\"tools\":[{\"googleMaps\":{}}]}", 10, 50000},
        {"gemini-3.8-flash", "{\"tools\":[{\"codeExecution\":{}}]}", 0, 60000},
        {"gemini-3.8-flash", "{\"tools\":[{\"urlContext\":{}}]}", 0, 125000},
        {"gemini-3.8-flash",
         "{\"contents\":[{\"parts\":[{\"text\":\"compare https://a.test with "
         "http:\\/\\/b.test\"}]}],"
         "\"tools\":[{\"urlContext\":{}}]}",
         0, 2 * 125000},
        {"gemini-3.8-flash", "{\"tools\":[{\"urlContext\":{},\"googleSearch\":{}}]}", 10,
         50000 + 5 * 125000},
        {"gemini-3.8-flash", "{\"tools\":[{\"fileSearch\":{\"topK\":3}}]}", 0, 3 * 4096},
        {"gemini-3.8-flash", "{\"tools\":[{\"file_search\":{}}]}", 0, 20 * 4096},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        const struct pawl_model_request *request = must_read(&fixture, rows[i].model, rows[i].body);
        int64_t fees = 0;
        for (uint32_t t = 0; t < request->tool_count; t++) {
            fees += request->tools[t].fee == PAWL_REQUEST_FEE_WEB_SEARCH
                        ? request->tools[t].uses_asked
                        : 0;
            assert_int_equal(request->tools[t].inside, 0);
        }
        assert_int_equal(fees, rows[i].fees);
        assert_int_equal(pawl_request_tool_tokens(request), rows[i].tokens);
        finish(&fixture);
    }
}

static void what_the_provider_keeps_is_input_too(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool elsewhere;
    } rows[] = {
        {"{\"cachedContent\":\"cachedContents/c\"}", true},
        {"{\"cached_content\":\"cachedContents/c\"}", true},
        {"{\"continuationToken\":\"t\"}", true},
        {"{\"cachedContent\":\"\"}", false},
        {"{\"cachedContent\":null}", false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        assert_int_equal(must_read(&fixture, "gemini-2.5-pro", rows[i].body)->input_elsewhere,
                         rows[i].elsewhere);
        finish(&fixture);
    }
}

static void contents_are_counted_with_and_without_brackets(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "gemini-2.5-flash",
                  "{\"contents\":{\"parts\":{\"text\":\"hello\"}},\"systemInstruction\":{\"parts\":"
                  "[{\"text\":"
                  "\"be brief\"}]},\"safetySettings\":[{\"category\":\"C\"}]}");
    assert_int_equal(request->elements.message_count, 1);
    assert_int_equal(request->elements.base_count, 1);
    finish(&fixture);
    request =
        must_read(&fixture, "gemini-2.5-flash",
                  "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]},{\"parts\":[{\"text\":\"b\"}]"
                  "}],\"generationConfig\":{\"responseSchema\":{\"type\":\"OBJECT\"}}}");
    assert_int_equal(request->elements.message_count, 2);
    assert_int_equal(request->elements.base_count, 1);
    finish(&fixture);
}

static void what_is_embedded_is_counted_and_writes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t messages;
        uint32_t base;
    } rows[] = {
        {"{\"content\":{\"parts\":[{\"text\":\"a\"}]}}", 1, 0},
        {"{\"requests\":[{\"model\":\"models/e\",\"content\":{\"parts\":[{\"text\":\"a\"}]}},{}]}",
         0, 2},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        assert_true(read_for(&fixture, PAWL_DIALECT_GEMINI_EMBED, "e", rows[i].body));
        assert_int_equal(fixture.request.elements.message_count, rows[i].messages);
        assert_int_equal(fixture.request.elements.base_count, rows[i].base);
        assert_int_equal(fixture.request.output_asked, 0);
        struct pawl_request_limits limits = {.ceiling = 0, .uses = -1};
        assert_false(pawl_request_changes(&fixture.request, &limits));
        finish(&fixture);
    }
}

/* --- Writing -------------------------------------------------------------------------------- */

static void the_ceiling_is_put_where_it_belongs(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"contents\":[]}", "{\"generationConfig\":{\"maxOutputTokens\":9},\"contents\":[]}"},
        {"{\"generationConfig\":{}}", "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"generation_config\": {\"topK\":1}}",
         "{\"generation_config\": {\"maxOutputTokens\":9,\"topK\":1}}"},
        {"{\"generationConfig\":null,\"contents\":[]}",
         "{\"generationConfig\":{\"maxOutputTokens\":9},\"contents\":[]}"},
        {"{\"generationConfig\":{\"maxOutputTokens\":null}}",
         "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"generationConfig\":{\"max_output_tokens\":\"8192\"}}",
         "{\"generationConfig\":{\"max_output_tokens\":9}}"},
        {"{\"generationConfig\":{\"maxOutputTokens\":0}}",
         "{\"generationConfig\":{\"maxOutputTokens\":9}}"},
        {"{\"generationConfig\":{\"maxOutputTokens\":8}}",
         "{\"generationConfig\":{\"maxOutputTokens\":8}}"},
        {"{\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":4000}}}",
         "{\"generationConfig\":{\"maxOutputTokens\":9,\"thinkingConfig\":"
         "{\"thinkingBudget\":1024}}}"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        struct pawl_buf out;
        pawl_buf_init(&out, 4096);
        struct pawl_request_limits limits = {.ceiling = 9, .uses = 1};
        pawl_request_write(must_read(&fixture, "gemini-2.5-flash", rows[i][0]), &limits, &out);
        assert_string_equal(pawl_buf_cstr(&out), rows[i][1]);
        pawl_buf_free(&out);
        finish(&fixture);
    }
}

/* --- Media ---------------------------------------------------------------------------------- */

/* A PNG of 960 by 540 pixels, as far as its size is told. */
#define PNG_960 "iVBORw0KGgoAAAANSUhEUgAAA8AAAAIc"

static uint32_t media_tokens(const char *part)
{
    struct fixture fixture;
    char body[1024];
    (void)snprintf(body, sizeof(body), "{\"contents\":[{\"parts\":[%s]}]}", part);
    const struct pawl_model_request *request = must_read(&fixture, "gemini-2.5-flash", body);
    uint32_t tokens = request->elements.messages[0].media_tokens;
    finish(&fixture);
    return tokens;
}

static void media_has_googles_formulas(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        uint32_t tokens;
    } rows[] = {
        /* 3 by 2 squares of 360 pixels. */
        {"{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" PNG_960 "\"}}", 6 * 258},
        {"{\"inline_data\":{\"mime_type\":\"image/png\",\"data\":\"AAAA\"}}", 24 * 258},
        {"{\"functionResponse\":{\"name\":\"f\",\"parts\":[{\"inlineData\":{\"mimeType\":"
         "\"image/png\",\"data\":\"" PNG_960 "\"}}]}}",
         6 * 258},
        {"{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"files/1\"}}", 24 * 258},
        {"{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":\"files/1\"}}", CONTEXT_TOKENS},
        {"{\"file_data\":{\"file_uri\":\"https://www.youtube.com/watch?v=1\"}}", CONTEXT_TOKENS},
        {"{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"AAAAAAAA\"}}", 1},
        /* A second of the lowest bit rate has 280 and 32; with two and a half frames, three. */
        {"{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":\"AAAA\"}}", 312},
        {"{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":\"AAAA\"},\"videoMetadata\":"
         "{\"fps\":2.5}}",
         3 * 280 + 32},
        {"{\"text\":\"no media\"}", 0},
        {"{\"inlineData\":{\"mimeType\":\"text/csv\",\"data\":\"YSxiCg==\"}}", 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        uint32_t tokens = media_tokens(rows[i].part);
        if (tokens != rows[i].tokens) {
            fail_msg("%s: %u, expected %u", rows[i].part, tokens, rows[i].tokens);
        }
    }
}

/* "mvhd", version 0, a scale of 1,000 and a length of 61,000, in base64. */
static void the_header_of_a_movie_says_how_long_it_is(void **state)
{
    (void)state;
    static const char part[] = "{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":"
                               "\"bXZoZAAAAAAAAAAAAAAAAAAAA+gAAO5IAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}";
    assert_int_equal(media_tokens(part), 62 * 312);
}

static void what_is_heard_and_seen_is_priced_so(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "gemini-2.5-flash",
                  "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":"
                  "\"AAAA\"}}]}],\"generationConfig\":{\"responseModalities\":[\"AUDIO\"]}}");
    assert_true(request->audio && request->image && request->video && request->audio_output);
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_and_stream_come_from_the_path),
        cmocka_unit_test(both_spellings_are_read),
        cmocka_unit_test(what_has_two_meanings_is_refused),
        cmocka_unit_test(thinking_is_hidden_unless_it_is_switched_off),
        cmocka_unit_test(tools_are_bounded_or_named),
        cmocka_unit_test(what_nothing_bounds_is_assumed),
        cmocka_unit_test(what_the_provider_keeps_is_input_too),
        cmocka_unit_test(contents_are_counted_with_and_without_brackets),
        cmocka_unit_test(what_is_embedded_is_counted_and_writes_nothing),
        cmocka_unit_test(the_ceiling_is_put_where_it_belongs),
        cmocka_unit_test(media_has_googles_formulas),
        cmocka_unit_test(the_header_of_a_movie_says_how_long_it_is),
        cmocka_unit_test(what_is_heard_and_seen_is_priced_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
