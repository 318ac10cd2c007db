/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tool_reader.c: tool calls out of answers of every dialect, event by event and whole: each is
 * told once, with all of its arguments, no later than at the event that lets a client run it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "gateway/tool_reader.h"

enum { TOLD_BYTES = 4096, ARENA_BYTES = 1 << 20 };

static char told[TOLD_BYTES]; /* "+name" opened, "name(arguments)" whole */

static void tell(const char *text, struct pawl_slice slice, const char *end)
{
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof(told) - used, "%s%.*s%s", text, (int)slice.bytes, slice.data,
                   end);
}

static void on_open(void *arg, struct pawl_slice name)
{
    (void)arg;
    tell("+", name, " ");
}

static void on_whole(void *arg, struct pawl_slice name, struct pawl_slice arguments)
{
    (void)arg;
    tell("", name, "(");
    tell("", arguments, ") ");
}

/* Feeds the texts; `after` is how many were fed when the last whole call was told. */
static size_t read_all(enum pawl_dialect dialect, const char *const *texts)
{
    struct pawl_tool_reader reader = {.on_open = on_open, .on_whole = on_whole};
    struct pawl_arena arena;
    size_t after = 0;
    size_t before = 0;
    told[0] = '\0';
    pawl_arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; texts[i] != NULL; i++) {
        struct pawl_json json;
        pawl_arena_reset(&arena);
        assert_true(pawl_json_parse(&arena, pawl_slice_str(texts[i]), PAWL_JSON_FORWARD,
                                    PAWL_JSON_LIMITS_DEFAULT, &json));
        pawl_tool_reader_see(&reader, dialect, &json, &arena);
        size_t bytes = strlen(told);
        after = bytes > before && told[bytes - 2] == ')' ? i + 1 : after;
        before = bytes;
    }
    pawl_tool_reader_free(&reader);
    pawl_arena_free(&arena);
    return after;
}

static void messages_are_told_at_the_end_of_their_block(void **state)
{
    (void)state;
    static const char *const stream[] = {
        "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}}",
        "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"{\\\"command\\\":\"}}",
        "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"\\\"pytest\\\"}\"}}",
        "{\"type\":\"content_block_stop\",\"index\":1}",
        "{\"type\":\"message_stop\"}",
        NULL};
    assert_int_equal(read_all(PAWL_DIALECT_ANTHROPIC, stream), 4);
    assert_string_equal(told, "+Bash Bash({\"command\":\"pytest\"}) ");
    static const char *const whole[] = {
        "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
        "\"tool_use\",\"name\":\"Edit\",\"input\":{\"a\":1}},{\"type\":\"server_tool_use\","
        "\"name\":\"web_search\",\"input\":{}}]}",
        NULL};
    (void)read_all(PAWL_DIALECT_ANTHROPIC, whole);
    assert_string_equal(told, "+Edit Edit({\"a\":1}) ");
}

static void a_block_that_never_ends_is_told_with_the_message(void **state)
{
    (void)state;
    static const char *const stream[] = {
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
        "\"name\":\"Bash\",\"input\":{\"command\":\"ls\"}}}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}", NULL};
    assert_int_equal(read_all(PAWL_DIALECT_ANTHROPIC, stream), 2);
    assert_string_equal(told, "+Bash Bash({\"command\":\"ls\"}) ");
}

static void chat_tells_at_the_finish_however_the_pieces_come(void **state)
{
    (void)state;
    static const char *const stream[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
        "\"function\":{\"name\":\"shell\",\"arguments\":\"\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
        "\"arguments\":\"{\\\"cmd\\\":\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"b\","
        "\"function\":{\"name\":\"edit\",\"arguments\":\"{}\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
        "\"arguments\":\"1}\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}",
        NULL};
    assert_int_equal(read_all(PAWL_DIALECT_OPENAI_CHAT, stream), 5);
    assert_string_equal(told, "+shell +edit shell({\"cmd\":1}) edit({}) ");
    static const char *const same_place[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{"
        "\"name\":\"one\",\"arguments\":\"1\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"id\":\"b\",\"function\":{"
        "\"name\":\"two\",\"arguments\":\"2\"}}]},\"finish_reason\":\"tool_calls\"}]}",
        NULL};
    assert_int_equal(read_all(PAWL_DIALECT_OPENAI_CHAT, same_place), 2);
    assert_string_equal(told, "+one one(1) +two two(2) ");
    static const char *const whole[] = {
        "{\"choices\":[{\"index\":0,\"message\":{\"tool_calls\":[{\"id\":\"c\",\"type\":"
        "\"custom\",\"custom\":{\"name\":\"apply_patch\",\"input\":\"*** Begin\"}}],"
        "\"function_call\":{\"name\":\"old\",\"arguments\":\"{}\"}},\"finish_reason\":\"stop\"}]}",
        NULL};
    (void)read_all(PAWL_DIALECT_OPENAI_CHAT, whole);
    assert_string_equal(told, "+apply_patch +old apply_patch(*** Begin) old({}) ");
}

static void responses_tell_each_item_once(void **state)
{
    (void)state;
    static const char *const stream[] = {
        "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\","
        "\"name\":\"shell\",\"arguments\":\"\"}}",
        "{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\","
        "\"name\":\"shell\",\"arguments\":\"{\\\"command\\\":[\\\"tox\\\"]}\"}}",
        "{\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"message\"},"
        "{\"type\":\"function_call\",\"name\":\"shell\",\"arguments\":\"{}\"},{\"type\":"
        "\"custom_tool_call\",\"name\":\"apply_patch\",\"input\":\"x\"}]}}",
        NULL};
    (void)read_all(PAWL_DIALECT_OPENAI_RESPONSES, stream);
    assert_string_equal(told, "+shell shell({\"command\":[\"tox\"]}) +apply_patch apply_patch(x) ");
    static const char *const whole[] = {
        "{\"output\":[{\"type\":\"local_shell_call\",\"action\":{\"command\":[\"ls\"]}},{\"type\":"
        "\"web_search_call\"}]}",
        NULL};
    (void)read_all(PAWL_DIALECT_OPENAI_RESPONSES, whole);
    assert_string_equal(told, "+local_shell local_shell({\"command\":[\"ls\"]}) ");
}

static void gemini_tells_whole_calls_and_calls_in_pieces(void **state)
{
    (void)state;
    static const char *const stream[] = {
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"},{\"functionCall\":{\"name\":"
        "\"run_shell_command\",\"args\":{\"command\":\"make\"}}}]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"run\","
        "\"willContinue\":true}}]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{"
        "\"jsonPath\":\"$.command\",\"stringValue\":\"py\"}],\"willContinue\":true}}]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{"
        "\"jsonPath\":\"$.command\",\"stringValue\":\"test\"}]}}]}}]}",
        NULL};
    assert_int_equal(read_all(PAWL_DIALECT_GEMINI, stream), 4);
    assert_string_equal(told, "+run_shell_command run_shell_command({\"command\":\"make\"}) +run "
                              "run({\"command\":\"pytest) ");
}

static void more_open_calls_than_there_is_room_for_are_told_by_name(void **state)
{
    (void)state;
    struct pawl_tool_reader reader = {.on_open = on_open, .on_whole = on_whole};
    struct pawl_arena arena;
    told[0] = '\0';
    pawl_arena_init(&arena, ARENA_BYTES);
    for (int i = 0; i <= PAWL_TOOL_OPEN_MAX; i++) {
        char text[256];
        struct pawl_json json;
        (void)snprintf(text, sizeof(text),
                       "{\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":"
                       "\"tool_use\",\"name\":\"t\",\"input\":{}}}",
                       i);
        pawl_arena_reset(&arena);
        assert_true(pawl_json_parse(&arena, pawl_slice_str(text), PAWL_JSON_FORWARD,
                                    PAWL_JSON_LIMITS_DEFAULT, &json));
        pawl_tool_reader_see(&reader, PAWL_DIALECT_ANTHROPIC, &json, &arena);
    }
    assert_non_null(strstr(told, "+t t() "));
    pawl_tool_reader_free(&reader);
    pawl_arena_free(&arena);
}

static void long_arguments_are_cut(void **state)
{
    (void)state;
    static char text[64 * 1024];
    struct pawl_tool_reader reader = {.on_whole = on_whole};
    struct pawl_arena arena;
    struct pawl_json json;
    int head = snprintf(text, sizeof(text),
                        "{\"output\":[{\"type\":\"function_call\",\"name\":\"w\",\"arguments\":\"");
    size_t bytes = (size_t)head;
    memset(text + bytes, 'a', 40000);
    memcpy(text + bytes + 40000, "\"}]}", 5);
    pawl_arena_init(&arena, ARENA_BYTES);
    told[0] = '\0';
    assert_true(pawl_json_parse(&arena, pawl_slice_str(text), PAWL_JSON_FORWARD,
                                PAWL_JSON_LIMITS_DEFAULT, &json));
    pawl_tool_reader_see(&reader, PAWL_DIALECT_OPENAI_RESPONSES, &json, &arena);
    assert_memory_equal(told, "w(aaa", 5);
    pawl_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_at_the_end_of_their_block),
        cmocka_unit_test(a_block_that_never_ends_is_told_with_the_message),
        cmocka_unit_test(chat_tells_at_the_finish_however_the_pieces_come),
        cmocka_unit_test(responses_tell_each_item_once),
        cmocka_unit_test(gemini_tells_whole_calls_and_calls_in_pieces),
        cmocka_unit_test(more_open_calls_than_there_is_room_for_are_told_by_name),
        cmocka_unit_test(long_arguments_are_cut),
    };
    return cmocka_run_group_tests_name("tool_reader", tests, NULL, NULL);
}
