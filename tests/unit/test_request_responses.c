/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_request_responses.c: what is read out of a body for OpenAI's Responses, and what of it is
 * changed on its way.
 */
#include "request_body.h"

#include <string.h>

enum { BODY_BYTES_MAX = 2048 };

/* Reads a body with the members behind its model. */
static const struct pawl_model_request *
must_read(struct fixture *fixture, const char *model, const char *members)
{
    const struct pawl_request_source source = {.dialect = PAWL_DIALECT_OPENAI_RESPONSES};
    char body[BODY_BYTES_MAX];
    int length = snprintf(body, sizeof(body), "{\"model\":\"%s\"%s%s}", model,
                          members[0] != '\0' ? "," : "", members);
    assert_in_range(length, 1, sizeof(body) - 1);
    return must_read_body(fixture, &source, body);
}

static void the_ceiling_and_the_stream_are_read(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "gpt-4o", "\"stream\":true,\"max_output_tokens\":64,\"input\":\"hi\"");
    assert_true(request->output_given && request->stream && request->usage_asked);
    assert_int_equal(request->output_asked, 64);
    assert_int_equal(request->elements.message_count, 1);
    assert_false(request->hidden);
    finish(&fixture);
    request = must_read(&fixture, "gpt-4o-mini", "\"max_output_tokens\":null,\"input\":null");
    assert_false(request->output_given);
    assert_int_equal(request->output_asked, 16384);
    assert_int_equal(request->elements.message_count, 0);
    finish(&fixture);
}

/* Some models think unless they are told not to. */
static void reasoning_is_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *members;
        bool hidden;
    } rows[] = {
        {"gpt-4o", "\"input\":[]", false},
        {"gpt-6.1-sol", "\"input\":[]", true},
        {"openai/o3-mini", "\"input\":[]", true},
        {"ft:o4-mini-2025-04-16:acme::a1", "\"input\":[]", true},
        {"gpt-5-chat-latest", "\"input\":[]", false},
        {"gpt-6.1-sol", "\"reasoning\":{\"effort\":\"none\"}", false},
        {"mystery", "\"reasoning\":{\"effort\":\"low\"}", true},
        {"mystery", "\"reasoning\":null", false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        if (must_read(&fixture, rows[i].model, rows[i].members)->hidden != rows[i].hidden) {
            fail_msg("%s %s", rows[i].model, rows[i].members);
        }
        finish(&fixture);
    }
}

static void tools_are_the_clients_or_bounded_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *tool;
        bool unbounded;
        uint32_t server_tools;
        enum pawl_request_fee fee;
    } rows[] = {
        {"{\"type\":\"function\",\"name\":\"f\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"custom\",\"name\":\"exec\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"namespace\",\"tools\":[]}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"local_shell\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"apply_patch\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"computer_use_preview\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"shell\",\"environment\":{\"type\":\"local\"}}", false, 0,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"shell\",\"environment\":{\"type\":\"container_auto\"}}", false, 1,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"shell\",\"environment\":{\"type\":\"container_reference\","
         "\"container_id\":\"c\"}}",
         false, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"shell\",\"environment\":{\"type\":\"container_reference\"}}", true, 1,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"shell\"}", true, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"tool_search\",\"execution\":\"client\"}", false, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"tool_search\"}", false, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"web_search\"}", false, 1, PAWL_REQUEST_FEE_WEB_SEARCH},
        {"{\"type\":\"file_search\",\"vector_store_ids\":[\"v\"]}", false, 1,
         PAWL_REQUEST_FEE_FILE_SEARCH},
        {"{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}", false, 1,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"code_interpreter\",\"container\":\"cntr_1\"}", false, 1,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"code_interpreter\",\"container\":5}", true, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"image_generation\"}", false, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"image_generation\",\"model\":\"gpt-image-7\"}", true, 0,
         PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"mcp\",\"server_label\":\"x\"}", false, 1, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"programmatic_tool_calling\"}", true, 0, PAWL_REQUEST_FEE_NONE},
        {"{\"type\":\"of_next_year\"}", true, 0, PAWL_REQUEST_FEE_NONE},
        {"{}", true, 0, PAWL_REQUEST_FEE_NONE},
    };
    /* In their place, and as Codex sends them. */
    static const char *const before[] = {"\"tools\":[",
                                         "\"input\":[{\"type\":\"additional_tools\",\"tools\":["};
    static const char *const behind[] = {"]", "]}]"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows) * 2; i++) {
        struct fixture fixture;
        char members[256];
        (void)snprintf(members, sizeof(members), "%s%s%s", before[i % 2], rows[i / 2].tool,
                       behind[i % 2]);
        const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", members);
        assert_int_equal(request->unbounded != NULL, rows[i / 2].unbounded);
        assert_int_equal(request->tool_count, rows[i / 2].server_tools);
        assert_int_equal(request->tools[0].fee, rows[i / 2].fee);
        finish(&fixture);
    }
}

/* Sizes add up; one that is not known is the largest. */
static void containers_have_a_size(void **state)
{
    (void)state;
    static const struct {
        const char *container;
        int64_t gigabytes;
        bool files;
    } rows[] = {
        {"{\"type\":\"auto\"}", 1, false},
        {"{\"type\":\"auto\",\"memory_limit\":null,\"file_ids\":[]}", 1, false},
        {"{\"type\":\"auto\",\"memory_limit\":\"4g\",\"file_ids\":[\"file_1\"]}", 4, true},
        {"{\"type\":\"auto\",\"memory_limit\":\"16g\"}", 16, false},
        {"{\"type\":\"auto\",\"memory_limit\":\"64g\"}", 64, false},
        {"{\"type\":\"auto\",\"memory_limit\":\"256g\"}", 64, false},
        {"{\"type\":\"auto\"}},{\"type\":\"shell\",\"environment\":{\"type\":\"container_auto\","
         "\"memory_limit\":\"4g\"}",
         5, false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[256];
        (void)snprintf(members, sizeof(members),
                       "\"tools\":[{\"type\":\"code_interpreter\",\"container\":%s}]",
                       rows[i].container);
        const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", members);
        assert_null(request->unbounded);
        assert_int_equal(request->tool_count, 1);
        assert_int_equal(request->container_gb, rows[i].gigabytes);
        assert_int_equal(request->container_files, rows[i].files);
        finish(&fixture);
    }
}

static void the_bound_of_tools_is_shared(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "gpt-4o",
                  "\"max_tool_calls\":7,\"tools\":[{\"type\":\"file_search\","
                  "\"max_num_results\":2},{\"type\":\"web_search_preview\"}]");
    assert_int_equal(request->tool_count, 1);
    assert_int_equal(request->tools[0].uses_asked, 7);
    assert_int_equal(request->tools[0].use_tokens, 10000); /* of the search; 2 * 4096 are fewer */
    assert_int_equal(request->tools[0].fee, PAWL_REQUEST_FEE_WEB_SEARCH);
    assert_int_equal(request->modifiers, PAWL_MODIFIER_SEARCH_PREVIEW);
    finish(&fixture);
    request =
        must_read(&fixture, "gpt-4o", "\"max_tool_calls\":0,\"tools\":[{\"type\":\"web_search\"}]");
    assert_int_equal(request->tool_count, 0);
    assert_null(request->unbounded);
    finish(&fixture);
}

static void what_the_provider_keeps_is_seen(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "m", "\"previous_response_id\":\"resp_\\u0031\",\"input\":\"go on\"");
    assert_true(pawl_slice_equal_str(request->previous_response, "resp_1"));
    assert_false(request->input_elsewhere);
    finish(&fixture);
    static const char *const elsewhere[] = {
        "\"conversation\":\"conv_1\"",
        "\"conversation\":{\"id\":\"conv_1\"}",
        "\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(elsewhere); i++) {
        assert_true(must_read(&fixture, "m", elsewhere[i])->input_elsewhere);
        finish(&fixture);
    }
    request = must_read(&fixture, "m", "\"conversation\":null,\"previous_response_id\":null");
    assert_false(request->input_elsewhere);
    assert_true(pawl_slice_empty(request->previous_response));
    finish(&fixture);
}

static void what_cannot_be_bounded_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        const char *what; /* NULL: it can */
    } rows[] = {
        {"\"background\":true", "background"},
        {"\"background\":false", NULL},
        {"\"prompt\":{\"id\":\"pmpt_1\"}", "prompt template"},
        {"\"prompt\":null", NULL},
        {"\"store\":true,\"truncation\":\"auto\",\"metadata\":{\"a\":\"b\"}", NULL},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        const char *unbounded = must_read(&fixture, "m", rows[i].members)->unbounded;
        assert_int_equal(unbounded != NULL, rows[i].what != NULL);
        assert_true(unbounded == NULL || strstr(unbounded, rows[i].what) != NULL);
        finish(&fixture);
    }
}

static void compaction_tiers_and_caches_are_seen(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "m",
                  "\"service_tier\":\"priority\",\"prompt_cache_options\":{\"ttl\":\"12h\"},"
                  "\"context_management\":[{\"type\":\"compaction\"}]");
    assert_int_equal(request->modifiers, PAWL_MODIFIER_PRIORITY);
    assert_true(request->cache_short && request->cache_long);
    assert_int_equal(request->passes, 2);
    finish(&fixture);
    request = must_read(&fixture, "m", "\"prompt_cache_options\":{\"ttl\":\"48h\"}");
    assert_true(request->cache_long);
    finish(&fixture);
    request = must_read(&fixture, "m", "\"prompt_cache_options\":{\"ttl\":\"30m\"}");
    assert_false(request->cache_long);
    finish(&fixture);
    request = must_read(&fixture, "m", "\"input\":[{\"type\":\"compaction_trigger\"}]");
    assert_int_equal(request->passes, 2);
    assert_false(request->cache_long);
    finish(&fixture);
}

/* --- Elements ------------------------------------------------------------------------------- */

static struct pawl_estimate_element item_of(const char *item)
{
    struct fixture fixture;
    char members[2048];
    (void)snprintf(members, sizeof(members), "\"input\":[%s]", item);
    const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", members);
    assert_int_equal(request->elements.message_count, 1);
    struct pawl_estimate_element element = request->elements.messages[0];
    finish(&fixture);
    return element;
}

static void media_is_found_in_items(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        uint32_t tokens;
    } rows[] = {
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"detail\":\"low\","
         "\"image_url\":\"https://example.com/x.png\"}]}",
         630},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"file_1\"}]}",
         3779},
        {"{\"type\":\"function_call_output\",\"output\":[{\"type\":\"input_image\","
         "\"detail\":\"low\",\"image_url\":\"x\"},{\"type\":\"input_text\",\"text\":\"x\"}]}",
         630},
        {"{\"type\":\"computer_call_output\",\"output\":{\"type\":\"computer_screenshot\","
         "\"image_url\":\"data:image/png;base64,AAAA\"}}",
         3779},
        {"{\"type\":\"image_generation_call\",\"result\":\"AAAA\"}", 3779},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"file_1\"}]}",
         460000},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_data\":"
         "\"data:text/plain;base64,bG9y\"}]}",
         0},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":"
         "{\"data\":\"AAAA\"}}]}",
         1},
        /* What a tool gave as a text is text. */
        {"{\"type\":\"function_call_output\",\"output\":\"[{\\\"type\\\":\\\"input_image\\\"}]\"}",
         0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        uint32_t tokens = item_of(rows[i].item).media_tokens;
        if (tokens != rows[i].tokens) {
            fail_msg("%s: %u", rows[i].item, tokens);
        }
    }
}

static void instructions_tools_and_formats_are_input(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, "m",
                  "\"instructions\":\"Be brief.\",\"tools\":[{\"type\":\"custom\"},"
                  "{\"type\":\"custom\"}],\"text\":{\"format\":{\"type\":\"text\"}},"
                  "\"client_metadata\":{\"a\":\"b\"},\"metadata\":{\"c\":\"d\"},"
                  "\"include\":[\"reasoning.encrypted_content\"],\"input\":\"Hi\"");
    assert_int_equal(request->elements.base_count, 4);
    assert_int_equal(request->elements.message_count, 1);
    finish(&fixture);
}

/* --- Writing -------------------------------------------------------------------------------- */

static void check_written(const char *members, int64_t uses, const char *expected)
{
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(&fixture, "m", members);
    struct pawl_request_limits limits = {.ceiling = 50, .uses = uses, .old_name = true};
    struct pawl_buf out;
    pawl_buf_init(&out, 1 << 20);
    pawl_request_write(request, &limits, &out);
    assert_string_equal(pawl_buf_cstr(&out), expected);
    pawl_buf_free(&out);
    finish(&fixture);
}

static void bounds_are_put_in_and_lowered_in_place(void **state)
{
    (void)state;
    check_written("\"input\":\"x\"", -1,
                  "{\"max_output_tokens\":50,\"model\":\"m\",\"input\":\"x\"}");
    check_written("\"max_output_tokens\": 99 ,\"stream\":true", -1,
                  "{\"model\":\"m\",\"max_output_tokens\": 50 ,\"stream\":true}");
    check_written("\"max_output_tokens\":null", -1, "{\"model\":\"m\",\"max_output_tokens\":50}");
    check_written("\"max_output_tokens\":20", -1, "{\"model\":\"m\",\"max_output_tokens\":20}");
    check_written("\"max_output_tokens\":20,\"tools\":[{\"type\":\"web_search\"}]", 3,
                  "{\"max_tool_calls\":3,\"model\":\"m\",\"max_output_tokens\":20,"
                  "\"tools\":[{\"type\":\"web_search\"}]}");
    check_written("\"max_output_tokens\":20,\"max_tool_calls\":9,"
                  "\"tools\":[{\"type\":\"web_search\"}]",
                  3,
                  "{\"model\":\"m\",\"max_output_tokens\":20,\"max_tool_calls\":3,"
                  "\"tools\":[{\"type\":\"web_search\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_and_the_stream_are_read),
        cmocka_unit_test(reasoning_is_hidden),
        cmocka_unit_test(tools_are_the_clients_or_bounded_or_refused),
        cmocka_unit_test(containers_have_a_size),
        cmocka_unit_test(the_bound_of_tools_is_shared),
        cmocka_unit_test(what_the_provider_keeps_is_seen),
        cmocka_unit_test(what_cannot_be_bounded_says_so),
        cmocka_unit_test(compaction_tiers_and_caches_are_seen),
        cmocka_unit_test(media_is_found_in_items),
        cmocka_unit_test(instructions_tools_and_formats_are_input),
        cmocka_unit_test(bounds_are_put_in_and_lowered_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
