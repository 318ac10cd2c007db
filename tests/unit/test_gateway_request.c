/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_request.c: what is read out of a body, and what of it is changed on its way.
 */
#include "request_body.h"

#include <string.h>

static bool read_text(struct fixture *fixture, enum pawl_dialect dialect, const char *text)
{
    return read_body(fixture, &(struct pawl_request_source){.dialect = dialect}, text);
}

static const struct pawl_model_request *
must_read(struct fixture *fixture, enum pawl_dialect dialect, const char *text)
{
    return must_read_body(fixture, &(struct pawl_request_source){.dialect = dialect}, text);
}

/* --- Reading -------------------------------------------------------------------------------- */

static void the_plain_fields_are_read(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, PAWL_DIALECT_ANTHROPIC,
                  "{\"model\":\"m\\u0031\",\"max_tokens\":64.0,\"stream\":true,"
                  "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_true(pawl_slice_equal_str(request->model, "m1"));
    assert_true(request->output_given);
    assert_int_equal(request->output_asked, 64);
    assert_true(request->stream);
    assert_false(request->hidden);
    assert_false(request->cache_short);
    assert_int_equal(request->choices, 1);
    assert_int_equal(request->elements.message_count, 1);
    assert_null(request->unbounded);
    finish(&fixture);
    request = must_read(&fixture, PAWL_DIALECT_OPENAI_CHAT,
                        "{\"model\":\"m\",\"max_tokens\":10,\"max_completion_tokens\":30,\"n\":4,"
                        "\"reasoning_effort\":\"high\",\"messages\":[]}");
    assert_int_equal(request->output_asked, 30);
    assert_int_equal(request->choices, 4);
    assert_true(request->hidden);
    assert_false(request->usage_asked);
    finish(&fixture);
}

static void a_missing_ceiling_is_the_models_or_the_default(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int64_t expected;
    } rows[] = {
        {"gpt-4o-mini", 16384},
        {"gpt-4o-2024-05-13", 4096},
        {"ft:gpt-4o-2024-08-06:acme::a1", 16384},
        {"openai/ft:gpt-4.1-mini-2025-04-14:acme::a1", 32768},
        {"gpt-5-chat-latest", 16384},
        {"gpt-audio", 16384},
        {"computer-use-preview", 1024},
        {"gemini-pro-latest", 32768},
        {"openai/gpt-3.5-turbo", 4096},
        {"gpt-4.1", 32768},
        {"gpt-5", 32768},
        {"claude-3-5-sonnet-latest", 8192},
        {"claude-sonnet-4-5", 32768},
        {"claude-opus-4-1", 32000},
        {"something-else", 32768},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char text[128];
        (void)snprintf(text, sizeof(text), "{\"model\":\"%s\",\"max_tokens\":null}", rows[i].model);
        const struct pawl_model_request *request =
            must_read(&fixture, PAWL_DIALECT_OPENAI_CHAT, text);
        assert_false(request->output_given);
        assert_int_equal(request->output_asked, rows[i].expected);
        finish(&fixture);
    }
}

static void thinking_caching_and_compaction_are_seen(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, PAWL_DIALECT_ANTHROPIC,
        "{\"model\":\"m\",\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\","
        "\"budget_tokens\":8000},\"system\":[{\"type\":\"text\",\"text\":\"s\","
        "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
        "\"context_management\":{\"edits\":[{\"type\":\"compact_20260112\"}]},\"messages\":[]}");
    assert_int_equal(request->thinking_budget, 8000);
    assert_true(request->hidden);
    assert_true(request->cache_short);
    assert_true(request->cache_long);
    assert_int_equal(request->passes, 2);
    finish(&fixture);
    request = must_read(&fixture, PAWL_DIALECT_ANTHROPIC,
                        "{\"model\":\"m\",\"thinking\":{\"type\":\"disabled\"},\"messages\":"
                        "[{\"content\":[{\"type\":\"text\",\"text\":\"cache_control\"}]}]}");
    assert_false(request->hidden);
    assert_false(request->cache_short);
    finish(&fixture);
    /* A lifetime of next year costs no less than the longest of today. */
    static const char *const lifetimes[] = {"5m", "1h", "24h"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lifetimes); i++) {
        char text[160];
        (void)snprintf(
            text, sizeof(text),
            "{\"model\":\"m\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"%s\"}}",
            lifetimes[i]);
        request = must_read(&fixture, PAWL_DIALECT_ANTHROPIC, text);
        assert_true(request->cache_short);
        assert_int_equal(request->cache_long, i > 0);
        finish(&fixture);
    }
}

/* The least that is billed, in blocks, times the size. */
static void containers_are_held_and_billed_by_size_and_time(void **state)
{
    (void)state;
    static const int64_t minute_us = 60 * 1000000;
    static const struct {
        enum pawl_dialect dialect;
        int64_t gigabytes;
        int64_t duration_us;
        int64_t minutes;
    } rows[] = {
        {PAWL_DIALECT_ANTHROPIC, 1, 0, 5},
        {PAWL_DIALECT_ANTHROPIC, 1, 5 * minute_us - 1, 5},
        {PAWL_DIALECT_ANTHROPIC, 1, 5 * minute_us, 6},
        {PAWL_DIALECT_OPENAI_RESPONSES, 1, 0, 20},
        {PAWL_DIALECT_OPENAI_RESPONSES, 4, 20 * minute_us - 1, 80},
        {PAWL_DIALECT_OPENAI_RESPONSES, 64, 20 * minute_us, 2560},
        {PAWL_DIALECT_OPENAI_RESPONSES, 0, 90 * minute_us, 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_model_request request = {.dialect = rows[i].dialect,
                                             .container_gb = rows[i].gigabytes};
        assert_int_equal(pawl_request_container_minutes(&request, rows[i].duration_us),
                         rows[i].minutes);
    }
}

static void what_cannot_be_bounded_says_so(void **state)
{
    (void)state;
    static const struct {
        enum pawl_dialect dialect;
        const char *member;
        bool unbounded;
    } rows[] = {
        {PAWL_DIALECT_ANTHROPIC, "\"tools\":[{\"type\":\"code_execution_20250825\"}]", false},
        {PAWL_DIALECT_ANTHROPIC, "\"tools\":[{\"type\":\"advisor_20260301\"}]", true},
        {PAWL_DIALECT_ANTHROPIC, "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]",
         false},
        {PAWL_DIALECT_ANTHROPIC, "\"tools\":[{\"name\":\"mine\",\"input_schema\":{}}]", false},
        {PAWL_DIALECT_ANTHROPIC, "\"tools\":[{\"type\":\"web_search_20250305\"}]", false},
        {PAWL_DIALECT_ANTHROPIC, "\"mcp_servers\":[{\"url\":\"x\"}]", true},
        {PAWL_DIALECT_ANTHROPIC, "\"mcp_servers\":[]", false},
        {PAWL_DIALECT_ANTHROPIC, "\"fallbacks\":[\"other\"]", true},
        {PAWL_DIALECT_OPENAI_CHAT, "\"models\":[\"a\"]", true},
        {PAWL_DIALECT_OPENAI_CHAT, "\"plugins\":[{\"id\":\"web\"}]", true},
        {PAWL_DIALECT_OPENAI_CHAT, "\"prediction\":{\"type\":\"content\"}", true},
        {PAWL_DIALECT_OPENAI_CHAT, "\"tools\":[{\"type\":\"mcp\"}]", true},
        {PAWL_DIALECT_OPENAI_CHAT, "\"tools\":[{\"type\":\"function\"}]", false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char text[256];
        (void)snprintf(text, sizeof(text), "{\"model\":\"m\",\"max_tokens\":1,%s}", rows[i].member);
        const struct pawl_model_request *request = must_read(&fixture, rows[i].dialect, text);
        if ((request->unbounded != NULL) != rows[i].unbounded) {
            fail_msg("%s: %s", rows[i].member, request->unbounded);
        }
        finish(&fixture);
    }
}

static void a_search_model_searches_once_unasked(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request =
        must_read(&fixture, PAWL_DIALECT_OPENAI_CHAT,
                  "{\"model\":\"gpt-4o-search-preview\",\"messages\":[]}");
    assert_int_equal(request->tool_count, 1);
    assert_int_equal(request->tools[0].fee, PAWL_REQUEST_FEE_WEB_SEARCH);
    assert_int_equal(request->tools[0].uses_asked, 1);
    finish(&fixture);
}

static void bodies_with_two_meanings_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum pawl_dialect dialect;
        const char *text;
        const char *expected; /* in the message */
    } rows[] = {
        {PAWL_DIALECT_ANTHROPIC, "", "is empty"},
        {PAWL_DIALECT_ANTHROPIC, "[]", "not a JSON object"},
        {PAWL_DIALECT_ANTHROPIC, "{}", "\"model\" is missing"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":7}", "\"model\" is missing"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"model\":\"b\"}", "\"model\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"max_tokens\":1,\"max_token\\u0073\":2}",
         "\"max_tokens\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"max_tokens\":1.5}", "\"max_tokens\" is not"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"max_tokens\":1e30}", "\"max_tokens\" is not"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"messages\":{}}", "\"messages\" is not a list"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"tools\":[{\"type\":\"web_fetch_1\",\"max_uses\":1,\"max_uses\":9}]}",
         "\"max_uses\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"tools\":[{\"type\":\"custom\",\"type\":\"web_search_20250305\"}]}",
         "\"type\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024,"
         "\"budget\\u005ftokens\":7000}}",
         "\"budget_tokens\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC, "{\"model\":\"a\",\"speed\":\"slow\",\"speed\":\"fast\"}",
         "\"speed\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"context_management\":{\"edits\":[{\"type\":\"x\",\"type\":"
         "\"compact_1\"}]}}",
         "\"type\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"messages\":[{\"content\":[{\"cache_control\":{\"ttl\":\"5m\",\"ttl\":"
         "\"1h\"}}]}]}",
         "\"ttl\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"type\":\"image\"}]}]}",
         "\"type\" is there twice"},
        {PAWL_DIALECT_ANTHROPIC,
         "{\"model\":\"a\",\"messages\":[{\"content\":\"x\",\"content\":[]}]}",
         "\"content\" is there twice"},
        {PAWL_DIALECT_OPENAI_CHAT,
         "{\"model\":\"a\",\"service_tier\":\"default\",\"service_tier\":\"priority\"}",
         "\"service_tier\" is there twice"},
        {PAWL_DIALECT_OPENAI_CHAT,
         "{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
         "{\"url\":\"x\",\"detail\":\"low\",\"detail\":\"high\"}}]}]}",
         "\"detail\" is there twice"},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"model\":\"a\",\"n\":100000}", "\"n\" is not"},
        {PAWL_DIALECT_OPENAI_CHAT,
         "{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}",
         "\"include_usage\" is there twice"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        assert_false(read_text(&fixture, rows[i].dialect, rows[i].text));
        struct pawl_slice message = pawl_slice_str(fixture.msg.text);
        if (pawl_slice_find(message, pawl_slice_str(rows[i].expected)) == SIZE_MAX) {
            fail_msg("%s: %s", rows[i].text, fixture.msg.text);
        }
        finish(&fixture);
    }
}

static void a_body_that_is_nested_too_deeply_is_called_so(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[256] = "";
    for (size_t i = 0; i < 65; i++) {
        text[i] = '[';
    }
    assert_false(read_text(&fixture, PAWL_DIALECT_ANTHROPIC, text));
    assert_string_equal(fixture.msg.text, "the body is nested deeper than 64 levels at byte 64");
    finish(&fixture);
}

/* Whatever the provider's parser decodes is decoded before it is compared. */
static void escapes_hide_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, PAWL_DIALECT_ANTHROPIC,
        "{\"model\":\"m\",\"speed\":\"f\\u0061st\",\"system\":[{\"type\":\"text\",\"text\":\"s\","
        "\"cache\\u005fcontrol\":{\"type\":\"ephemeral\",\"t\\u0074l\":\"1\\u0068\"}}],"
        "\"tools\":[{\"t\\u0079pe\":\"web\\u005fsearch_1\"}],"
        "\"context_management\":{\"edits\":[{\"type\":\"comp\\u0061ct_1\"}]},\"messages\":[]}");
    assert_true(request->cache_short && request->cache_long);
    assert_int_equal(request->tool_count, 1);
    assert_int_equal(request->passes, 2);
    assert_int_equal(request->modifiers, PAWL_MODIFIER_FAST);
    finish(&fixture);
    request = must_read(&fixture, PAWL_DIALECT_OPENAI_CHAT,
                        "{\"model\":\"m\",\"service_tier\":\"pri\\u006frity\",\"messages\":[]}");
    assert_int_equal(request->modifiers, PAWL_MODIFIER_PRIORITY);
    finish(&fixture);
}

/* --- Elements ------------------------------------------------------------------------------- */

static struct pawl_estimate_element message_of(const char *message)
{
    struct fixture fixture;
    char text[4096];
    (void)snprintf(text, sizeof(text), "{\"model\":\"m\",\"messages\":[%s]}", message);
    const struct pawl_model_request *request = must_read(&fixture, PAWL_DIALECT_ANTHROPIC, text);
    struct pawl_estimate_element element = request->elements.messages[0];
    finish(&fixture);
    return element;
}

static void a_moved_cache_mark_is_the_same_message(void **state)
{
    (void)state;
    struct pawl_estimate_element plain =
        message_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}");
    struct pawl_estimate_element marked =
        message_of("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hello\","
                   "\"cache_control\":{\"type\":\"ephemeral\"}}]}");
    struct pawl_estimate_element first =
        message_of("{\"role\":\"user\",\"content\":[{\"cache_control\":{\"type\":\"ephemeral\"},"
                   "\"type\":\"text\",\"text\":\"hello\"}]}");
    assert_true(plain.hash == marked.hash && plain.hash == first.hash);
    static const char *const others[] = {
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hello \"}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\"},{\"text\":\"hello\"}]}",
        "{\"role\":\"user\",\"content\":[[{\"type\":\"text\",\"text\":\"hello\"}]]}",
        "{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"hello\"}}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hello\",\"x\":1}]}",
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(others); i++) {
        assert_true(message_of(others[i]).hash != plain.hash);
    }
}

static void media_is_found_where_it_belongs_and_nowhere_else(void **state)
{
    (void)state;
    const char *source =
        "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    char text[1024];
    (void)snprintf(text, sizeof(text), "{\"content\":[{\"type\":\"image\",\"source\":%s}]}",
                   source);
    struct pawl_estimate_element shown = message_of(text);
    assert_int_equal(shown.media_tokens, 4784); /* a header that says nothing */
    assert_true(shown.text_bytes < 110);
    (void)snprintf(text, sizeof(text),
                   "{\"content\":[{\"type\":\"tool_result\",\"content\":[{\"type\":\"image\","
                   "\"source\":%s}]}]}",
                   source);
    assert_int_equal(message_of(text).media_tokens, 4784);
    /* What a tool was given is text, whatever it calls itself. */
    (void)snprintf(
        text, sizeof(text),
        "{\"content\":[{\"type\":\"tool_use\",\"input\":{\"type\":\"image\",\"source\":%s,"
        "\"content\":{\"type\":\"image\",\"source\":%s}}}]}",
        source, source);
    struct pawl_estimate_element given = message_of(text);
    assert_int_equal(given.media_tokens, 0);
    assert_true(given.text_bytes > 300);
}

static void openai_media_is_found(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(
        &fixture, PAWL_DIALECT_OPENAI_CHAT,
        "{\"model\":\"gpt-4o\",\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":"
        "{\"url\":\"https://example.com/x.png\",\"detail\":\"low\"}},{\"type\":\"input_audio\","
        "\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}]}]}");
    assert_true(request->image && request->audio);
    assert_int_equal(request->elements.messages[0].media_tokens, 630 + 1);
    finish(&fixture);
}

/* "lorem ipsum /Type /Page " as a file: text, whatever its bytes look like to a reader of PDFs. */
static void files_that_are_no_pdf_are_text(void **state)
{
    (void)state;
    static const char data[] = "bG9yZW0gaXBzdW0gL1R5cGUgL1BhZ2Ug"; /* 24 bytes */
    static const struct {
        enum pawl_dialect dialect;
        const char *before;
        uint32_t prefix_bytes; /* of the string, before the data */
    } rows[] = {
        {PAWL_DIALECT_ANTHROPIC,
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"text/plain\","
         "\"data\":\"",
         0},
        {PAWL_DIALECT_OPENAI_CHAT,
         "{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/plain;base64,", 23},
        {PAWL_DIALECT_OPENAI_CHAT, "{\"type\":\"file\",\"file\":{\"file_data\":\"", 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct fixture fixture;
        char text[1024];
        int bytes = snprintf(text, sizeof(text),
                             "{\"model\":\"m\",\"messages\":[{\"content\":[%s%s\"}}]}]}",
                             rows[i].before, data);
        const struct pawl_model_request *request = must_read(&fixture, rows[i].dialect, text);
        const struct pawl_estimate_element *element = &request->elements.messages[0];
        assert_int_equal(element->media_tokens, 0);
        size_t around = (size_t)bytes - strlen("{\"model\":\"m\",\"messages\":[]}") - 32;
        assert_int_equal(element->text_bytes, around - rows[i].prefix_bytes + 24);
        finish(&fixture);
    }
}

/* --- Writing -------------------------------------------------------------------------------- */

static void check_written(enum pawl_dialect dialect,
                          const char *text,
                          struct pawl_request_limits limits,
                          const char *expected)
{
    struct fixture fixture;
    const struct pawl_model_request *request = must_read(&fixture, dialect, text);
    struct pawl_buf out;
    pawl_buf_init(&out, 1 << 20);
    pawl_request_write(request, &limits, &out);
    assert_string_equal(pawl_buf_cstr(&out), expected);
    pawl_buf_free(&out);
    finish(&fixture);
}

static void ceilings_are_lowered_in_place(void **state)
{
    (void)state;
    struct pawl_request_limits limits = {.ceiling = 50, .uses = -1};
    check_written(PAWL_DIALECT_ANTHROPIC, " { \"max_tokens\" : 100.0 , \"model\":\"m\"} ", limits,
                  " { \"max_tokens\" : 50 , \"model\":\"m\"} ");
    check_written(PAWL_DIALECT_ANTHROPIC, "{\"max_tokens\":50,\"model\":\"m\"}", limits,
                  "{\"max_tokens\":50,\"model\":\"m\"}");
    check_written(PAWL_DIALECT_OPENAI_CHAT,
                  "{\"max_tokens\":40,\"model\":\"m\",\"max_completion_tokens\":60}", limits,
                  "{\"max_tokens\":40,\"model\":\"m\",\"max_completion_tokens\":50}");
    check_written(PAWL_DIALECT_OPENAI_CHAT, "{\"model\":\"m\"}", limits,
                  "{\"max_completion_tokens\":50,\"model\":\"m\"}");
    limits.old_name = true;
    check_written(PAWL_DIALECT_OPENAI_CHAT, "{\"model\":\"m\"}", limits,
                  "{\"max_tokens\":50,\"model\":\"m\"}");
    limits.ceiling = -1;
    check_written(PAWL_DIALECT_ANTHROPIC, "{\"model\":\"m\"}", limits, "{\"model\":\"m\"}");
}

/* Only where the ceiling was lowered below it: what the client itself asks for stays as it is. */
static void a_thinking_budget_follows_the_ceiling(void **state)
{
    (void)state;
    const char *asked = "{\"max_tokens\":32000,\"model\":\"m\",\"thinking\":{\"type\":"
                        "\"enabled\",\"budget_tokens\":31999}}";
    struct pawl_request_limits limits = {.ceiling = 8000, .uses = -1};
    check_written(PAWL_DIALECT_ANTHROPIC, asked, limits,
                  "{\"max_tokens\":8000,\"model\":\"m\",\"thinking\":{\"type\":\"enabled\","
                  "\"budget_tokens\":4096}}");
    limits.ceiling = 1280;
    check_written(PAWL_DIALECT_ANTHROPIC, asked, limits,
                  "{\"max_tokens\":1280,\"model\":\"m\",\"thinking\":{\"type\":\"enabled\","
                  "\"budget_tokens\":1024}}");
    limits.ceiling = 32000;
    check_written(PAWL_DIALECT_ANTHROPIC, asked, limits, asked);
    limits.ceiling = 9000;
    asked = "{\"max_tokens\":9000,\"model\":\"m\",\"thinking\":{\"type\":\"enabled\","
            "\"budget_tokens\":16000}}";
    check_written(PAWL_DIALECT_ANTHROPIC, asked, limits, asked);
}

static void several_edits_keep_their_places(void **state)
{
    (void)state;
    struct pawl_request_limits limits = {.ceiling = 50, .uses = 3};
    check_written(PAWL_DIALECT_ANTHROPIC,
                  "{\"tools\":[{\"type\":\"web_search_1\",\"max_uses\":9},{\"name\":\"x\"},"
                  "{\"type\":\"web_fetch_1\"},{\"max_uses\":2,\"type\":\"web_fetch_1\"}],"
                  "\"model\":\"m\",\"max_tokens\":70}",
                  limits,
                  "{\"tools\":[{\"type\":\"web_search_1\",\"max_uses\":3},{\"name\":\"x\"},"
                  "{\"max_uses\":3,\"type\":\"web_fetch_1\"},{\"max_uses\":2,\"type\":"
                  "\"web_fetch_1\"}],\"model\":\"m\",\"max_tokens\":50}");
    check_written(PAWL_DIALECT_OPENAI_CHAT,
                  "{\"stream\":true,\"model\":\"m\",\"stream_options\":{ },\"n\":1}", limits,
                  "{\"max_completion_tokens\":50,\"stream\":true,\"model\":\"m\","
                  "\"stream_options\":{\"include_usage\":true },\"n\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_fields_are_read),
        cmocka_unit_test(a_missing_ceiling_is_the_models_or_the_default),
        cmocka_unit_test(thinking_caching_and_compaction_are_seen),
        cmocka_unit_test(containers_are_held_and_billed_by_size_and_time),
        cmocka_unit_test(what_cannot_be_bounded_says_so),
        cmocka_unit_test(a_search_model_searches_once_unasked),
        cmocka_unit_test(bodies_with_two_meanings_are_refused),
        cmocka_unit_test(a_body_that_is_nested_too_deeply_is_called_so),
        cmocka_unit_test(escapes_hide_nothing),
        cmocka_unit_test(a_moved_cache_mark_is_the_same_message),
        cmocka_unit_test(media_is_found_where_it_belongs_and_nowhere_else),
        cmocka_unit_test(openai_media_is_found),
        cmocka_unit_test(files_that_are_no_pdf_are_text),
        cmocka_unit_test(ceilings_are_lowered_in_place),
        cmocka_unit_test(a_thinking_budget_follows_the_ceiling),
        cmocka_unit_test(several_edits_keep_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
