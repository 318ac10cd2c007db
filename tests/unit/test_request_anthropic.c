/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_request_anthropic.c: what the newer parts of a body of POST /v1/messages can make expensive:
 * tools of many kinds, threads, compaction, fallbacks; and that what is not known passes unchanged.
 */
#include "request_body.h"

enum { BODY_BYTES_MAX = 2048 };

/* `members` come behind a model, a ceiling and a message. */
static const struct pawl_model_request *must_read(struct fixture *fixture, const char *members)
{
    const struct pawl_request_source source = {.dialect = PAWL_DIALECT_ANTHROPIC};
    char body[BODY_BYTES_MAX];
    int length =
        snprintf(body, sizeof(body), "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64%s%s}",
                 members[0] != '\0' ? "," : "", members);
    assert_in_range(length, 1, sizeof(body) - 1);
    return must_read_body(fixture, &source, body);
}

static void tools_are_the_clients_or_bounded_or_named(void **state)
{
    (void)state;
    static const struct {
        const char *tool;
        uint32_t counted;
        bool bounded;
    } rows[] = {
        {"{\"name\":\"Bash\",\"input_schema\":{}}", 0, true},
        {"{\"type\":\"memory_20250818\",\"name\":\"memory\"}", 0, true},
        {"{\"type\":\"computer_toolset_20260801\"}", 0, true},
        {"{\"type\":\"browser_toolset_20260801\"}", 0, true},
        {"{\"type\":\"tool_search_tool_regex_20251119\",\"name\":\"s\"}", 0, true},
        {"{\"type\":\"web_search_20260318\",\"name\":\"w\"}", 1, true},
        {"{\"type\":\"web_fetch_20260318\",\"name\":\"f\"}", 1, true},
        {"{\"type\":\"code_execution_20260521\",\"name\":\"c\"}", 1, true},
        {"{\"type\":\"advisor_20260301\",\"name\":\"a\"}", 0, false},
        {"{\"type\":\"mcp_toolset\",\"mcp_server_name\":\"m\"}", 0, false},
        {"{\"type\":\"something_20270101\",\"name\":\"x\"}", 0, false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[512];
        (void)snprintf(members, sizeof(members), "\"tools\":[%s]", rows[i].tool);
        const struct pawl_model_request *request = must_read(&fixture, members);
        if ((request->unbounded == NULL) != rows[i].bounded) {
            fail_msg("%s", rows[i].tool);
        }
        assert_int_equal(request->tool_count, rows[i].counted);
        finish(&fixture);
    }
}

static void a_page_brings_in_what_it_may_at_most(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, "\"tools\":[{\"type\":\"web_fetch_20250910\",\"max_content_tokens\":30000},"
                  "{\"type\":\"web_fetch_20250910\"},{\"type\":\"web_search_20250305\"}]");
    assert_int_equal(request->tools[0].use_tokens, 30000);
    assert_int_equal(request->tools[1].use_tokens, 125000);
    assert_int_equal(request->tools[2].use_tokens, 0);
    finish(&fixture);
}

/* Code has no fee beside the searches and fetches that run it themselves. */
static void code_is_held_with_its_container(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int64_t gigabytes;
        bool files;
    } rows[] = {
        {"\"tools\":[{\"type\":\"code_execution_20250825\",\"name\":\"c\"}]", 1, false},
        {"\"tools\":[{\"type\":\"code_execution_20250825\",\"name\":\"c\"},"
         "{\"type\":\"web_search_20250305\",\"name\":\"w\"}]",
         1, false},
        {"\"tools\":[{\"type\":\"web_fetch_20260209\",\"name\":\"f\"},"
         "{\"type\":\"code_execution_20260521\",\"name\":\"c\"}]",
         0, false},
        {"\"tools\":[{\"type\":\"code_execution_20250825\",\"name\":\"c\"}],\"messages\":[{"
         "\"content\":[{\"type\":\"container_upload\",\"file_id\":\"f\"}]}]",
         1, true},
        {"\"tools\":[{\"type\":\"web_search_20260209\",\"name\":\"w\"}]", 0, false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        const struct pawl_model_request *request = must_read(&fixture, rows[i].members);
        assert_null(request->unbounded);
        assert_int_equal(request->container_gb, rows[i].gigabytes);
        assert_int_equal(request->container_files, rows[i].files);
        finish(&fixture);
    }
    struct fixture fixture;
    const struct pawl_request_tool *tool = &must_read(&fixture, rows[0].members)->tools[0];
    assert_int_equal(tool->uses_asked, 10);
    assert_true(tool->assumed && tool->counted);
    assert_int_equal(tool->inside, 0);
    finish(&fixture);
}

static void tools_defined_in_mid_conversation_are_looked_at(void **state)
{
    (void)state;
    static const struct {
        const char *blocks;
        bool bounded;
    } rows[] = {
        {"{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_reference\",\"name\":\"web\"}}",
         true},
        {"{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_definition\",\"definition\":"
         "{\"name\":\"f\",\"input_schema\":{}}}}",
         true},
        {"{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_definition\",\"definition\":"
         "{\"type\":\"web_search_20260318\",\"name\":\"w\",\"max_uses\":1}}}",
         false},
        {"{\"type\":\"compaction\",\"content\":\"\",\"tool_changes\":[{\"type\":\"tool_addition\","
         "\"tool\":{\"type\":\"tool_definition\",\"definition\":{\"type\":\"mcp_toolset\"}}}]}",
         false},
        {"{\"type\":\"text\",\"text\":\"tool_addition of a web_search_20260318\"}", true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[1024];
        (void)snprintf(members, sizeof(members),
                       "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\","
                       "\"content\":[%s]}]",
                       rows[i].blocks);
        const struct pawl_model_request *request = must_read(&fixture, members);
        if ((request->unbounded == NULL) != rows[i].bounded) {
            fail_msg("%s", rows[i].blocks);
        }
        assert_int_equal(request->elements.message_count, 2);
        finish(&fixture);
    }
}

static void other_models_and_servers_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        bool bounded;
    } rows[] = {
        {"\"fallbacks\":[{\"model\":\"claude-opus-4-8\"}]", false},
        {"\"fallbacks\":\"default\"", false},
        {"\"fallbacks\":[]", true},
        {"\"fallbacks\":null", true},
        {"\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://x\",\"name\":\"m\"}]", false},
        {"\"mcp_servers\":[]", true},
        {"\"fallback_credit_token\":\"t\"", true},
        {"\"container\":\"c\",\"diagnostics\":{\"previous_message_id\":\"m\"}", true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        if ((must_read(&fixture, rows[i].members)->unbounded == NULL) != rows[i].bounded) {
            fail_msg("%s", rows[i].members);
        }
        finish(&fixture);
    }
}

static void a_thread_is_input_that_the_provider_keeps(void **state)
{
    (void)state;
    static const struct {
        const char *thread;
        const char *previous;
        bool elsewhere;
    } rows[] = {
        {"null", "", false},
        {"{\"type\":\"create\"}", "", false},
        {"{\"type\":\"continue\",\"previous_message_id\":\"msg_1\"}", "msg_1", false},
        {"{\"type\":\"continue\"}", "", true},
        {"{\"type\":\"something\"}", "", true},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char members[256];
        (void)snprintf(members, sizeof(members), "\"thread\":%s", rows[i].thread);
        const struct pawl_model_request *request = must_read(&fixture, members);
        assert_true(pawl_slice_equal_str(request->previous_response, rows[i].previous));
        assert_int_equal(request->input_elsewhere, rows[i].elsewhere);
        finish(&fixture);
    }
}

static void what_is_not_read_changes_nothing(void **state)
{
    (void)state;
    static const char members[] =
        "\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_version=2\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":"
        "\"b\"}],"
        "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"},"
        "\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]},"
        "\"speed\":\"fast\",\"inference_geo\":\"us\",\"service_tier\":\"standard_only\","
        "\"a_field_to_come\": {\"b\" :[1 , 2.50e1]}";
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(&fixture, members);
    assert_int_equal(request->modifiers, PAWL_MODIFIER_FAST | PAWL_MODIFIER_US_ONLY);
    assert_true(request->hidden);
    assert_int_equal(request->passes, 1);
    struct pawl_request_limits limits = {.ceiling = 64, .uses = 1};
    assert_false(pawl_request_changes(request, &limits));
    finish(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_the_clients_or_bounded_or_named),
        cmocka_unit_test(a_page_brings_in_what_it_may_at_most),
        cmocka_unit_test(code_is_held_with_its_container),
        cmocka_unit_test(tools_defined_in_mid_conversation_are_looked_at),
        cmocka_unit_test(other_models_and_servers_are_named),
        cmocka_unit_test(a_thread_is_input_that_the_provider_keeps),
        cmocka_unit_test(what_is_not_read_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
