/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_request_tools.c: what is read out of tools that OpenAI runs for Responses: containers by
 * their ids, pictures, and MCP servers.
 */
#include "request_body.h"

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

/* By name in a tool, and in what ran before; looked up by whoever knows what this run has made. */
static void containers_are_known_by_name(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, "gpt-4o",
        "\"tools\":[{\"type\":\"code_interpreter\",\"container\":\"cntr_\\u0031\"}],\"input\":["
        "{\"type\":\"code_interpreter_call\",\"container_id\":\"cntr_1\",\"code\":\"1\"},"
        "{\"type\":\"shell_call\",\"environment\":{\"type\":\"container_reference\","
        "\"container_id\":\"cntr_2\"}},{\"type\":\"shell_call\"}]");
    struct pawl_container_names expected = {.count = 0};
    (void)pawl_container_names_add(&expected, PAWL_SLICE("cntr_1"));
    assert_int_equal(request->containers_named.count, 1);
    assert_int_equal(request->containers_named.name[0], expected.name[0]);
    (void)pawl_container_names_add(&expected, PAWL_SLICE("cntr_2"));
    assert_int_equal(request->containers_before.count, 2);
    assert_memory_equal(request->containers_before.name, expected.name, 16);
    assert_int_equal(request->container_gb, 0);
    finish(&fixture);
}

/* Two tools may go on in one container. */
static void a_container_may_be_named_twice(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, "gpt-4o",
        "\"tools\":[{\"type\":\"code_interpreter\",\"container\":\"c\"},{\"type\":\"shell\","
        "\"environment\":{\"type\":\"container_reference\",\"container_id\":\"c\"}}]");
    assert_null(request->unbounded);
    assert_int_equal(request->containers_named.count, 1);
    finish(&fixture);
}

/* By the vendor's tables and the formula of its calculator; what is left to it is the most. */
static void a_picture_has_as_many_tokens_as_its_model_may_use(void **state)
{
    (void)state;
    static const struct {
        const char *tool; /* members behind its type */
        const char *model;
        int64_t tokens;
    } rows[] = {
        {"", "gpt-image-1", 6240},
        {",\"quality\":\"auto\",\"size\":\"auto\"", "gpt-image-1", 6240},
        {",\"quality\":\"low\",\"size\":\"1024x1024\"", "gpt-image-1", 272},
        {",\"quality\":\"medium\",\"size\":\"1536x1024\"", "gpt-image-1", 1568},
        {",\"quality\":\"high\",\"size\":\"1024x1536\",\"partial_images\":3", "gpt-image-1", 6540},
        {",\"model\":\"gpt-image-1-mini\",\"quality\":\"low\"", "gpt-image-1-mini", 408},
        {",\"model\":\"chatgpt-image-latest\",\"quality\":\"odd\"", "chatgpt-image-latest", 6240},
        {",\"model\":\"gpt-image-2\",\"quality\":\"low\",\"size\":\"1024x1024\"", "gpt-image-2",
         196},
        {",\"model\":\"gpt-image-2\",\"quality\":\"medium\",\"size\":\"1536x1024\"", "gpt-image-2",
         1372},
        {",\"model\":\"gpt-image-2\",\"quality\":\"high\",\"size\":\"1024x1024\"", "gpt-image-2",
         7024},
        {",\"model\":\"gpt-image-2\",\"quality\":\"high\",\"size\":\"3840x2160\"", "gpt-image-2",
         13342},
        {",\"model\":\"gpt-image-2\"", "gpt-image-2", 23719},
        /* What is beyond the largest is left to the vendor, too. */
        {",\"model\":\"gpt-image-2\",\"size\":\"99999x99999\"", "gpt-image-2", 23719},
        {",\"model\":\"gpt-image-2.5-flare\",\"quality\":\"medium\",\"size\":\"1024x1024\"",
         "gpt-image-2.5-flare", 439},
        {",\"model\":\"gpt-image-2.5-sunburst-2026-09-08\",\"quality\":\"low\",\"size\":"
         "\"2560x1440\"",
         "gpt-image-2.5-sunburst-2026-09-08", 205},
        {",\"model\":\"gpt-image-2.5-sunburst\",\"quality\":\"max\",\"size\":\"1024x1024\"",
         "gpt-image-2.5-sunburst", 7024},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[512];
        (void)snprintf(members, sizeof(members), "\"tools\":[{\"type\":\"image_generation\"%s}]",
                       rows[i].tool);
        const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", members);
        if (request->pictures.output_tokens != rows[i].tokens ||
            !pawl_slice_equal_str(request->pictures.model, rows[i].model)) {
            fail_msg("%s: %lld", rows[i].tool, (long long)request->pictures.output_tokens);
        }
        assert_true(request->tools[0].pictures);
        finish(&fixture);
    }
}

/* It looks at those of the conversation, and at those that it has made before. */
static void a_picture_is_made_of_those_before_it(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int64_t count;
        int64_t looks;
        int64_t tokens; /* a look */
    } rows[] = {
        {"\"input\":\"x\"", 1, 0, 1600},
        {"\"input\":\"x\"", 3, 3, 1600},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"f\"},"
         "{\"type\":\"input_image\",\"file_id\":\"g\"}]}]",
         2, 5, 1600},
        {"\"previous_response_id\":\"resp_1\"", 2, 32, 1600},
        {"\"input\":\"x\"", 20, 16 * 15 / 2 + 4 * 16, 1600},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[512];
        (void)snprintf(members, sizeof(members), "\"tools\":[{\"type\":\"image_generation\"}],%s",
                       rows[i].members);
        const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", members);
        struct pawl_usage usage;
        pawl_request_picture_usage(request, rows[i].count, &usage);
        assert_int_equal(usage.count[PAWL_USAGE_INPUT_IMAGE], rows[i].looks * rows[i].tokens);
        assert_int_equal(usage.count[PAWL_USAGE_OUTPUT_IMAGE], rows[i].count * 6240);
        assert_true(usage.count[PAWL_USAGE_INPUT] > 0);
        finish(&fixture);
    }
}

/* Its list of tools is read where none of them may be called, and nobody knows its size. */
static void a_server_may_fill_the_window(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *tools = "\"tools\":[{\"type\":\"mcp\",\"server_label\":\"x\"}]";
    const struct pawl_model_request *request = must_read(&fixture, "gpt-4o", tools);
    assert_true(request->tools_fill && !request->input_elsewhere);
    finish(&fixture);
    char members[256];
    (void)snprintf(members, sizeof(members), "\"max_tool_calls\":0,%s", tools);
    request = must_read(&fixture, "gpt-4o", members);
    assert_int_equal(request->tool_count, 0);
    assert_true(request->input_elsewhere);
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_are_known_by_name),
        cmocka_unit_test(a_container_may_be_named_twice),
        cmocka_unit_test(a_picture_has_as_many_tokens_as_its_model_may_use),
        cmocka_unit_test(a_picture_is_made_of_those_before_it),
        cmocka_unit_test(a_server_may_fill_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
