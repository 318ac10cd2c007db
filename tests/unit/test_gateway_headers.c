/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_headers.c: which headers go along, and how long a client is taken to wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/headers.h"
#include "gateway/patience.h"

static struct pawl_http_header header(const char *name, const char *value)
{
    return (struct pawl_http_header){pawl_slice_str(name), pawl_slice_str(value)};
}

static void what_belongs_to_one_connection_stays_there(void **state)
{
    (void)state;
    struct pawl_http_header list[] = {
        header("Host", "127.0.0.1"),
        header("X-Api-Key", "sk-1"),
        header("Connection", "keep-alive, X-Hop"),
        header("x-hop", "1"),
        header("Keep-Alive", "timeout=5"),
        header("Transfer-Encoding", "chunked"),
        header("Content-Length", "5"),
        header("Expect", "100-continue"),
        header("Accept-Encoding", "gzip"),
        header("Content-Encoding", "gzip"),
        header("anthropic-beta", "a"),
        header("anthropic-beta", "b"),
    };
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 16);
    struct pawl_headers_options options = {.extra = 1};
    size_t count = 0;
    struct pawl_http_header *kept =
        pawl_headers_forward(list, PAWL_ARRAY_LEN(list), &options, &arena, &count);
    static const char *const names[] = {"X-Api-Key", "Accept-Encoding", "Content-Encoding",
                                        "anthropic-beta", "anthropic-beta"};
    assert_int_equal(count, PAWL_ARRAY_LEN(names));
    for (size_t i = 0; i < count; i++) {
        assert_true(pawl_slice_equal_str(kept[i].name, names[i]));
    }
    assert_true(pawl_slice_equal_str(kept[4].value, "b"));
    options =
        (struct pawl_headers_options){.drop_accept_encoding = true, .drop_content_encoding = true};
    kept = pawl_headers_forward(list, PAWL_ARRAY_LEN(list), &options, &arena, &count);
    assert_int_equal(count, 4);
    assert_true(pawl_slice_equal_str(kept[3].name, "accept-encoding"));
    assert_true(pawl_slice_equal_str(kept[3].value, "identity"));
    pawl_arena_free(&arena);
}

static void a_full_arena_is_no_memory(void **state)
{
    (void)state;
    struct pawl_http_header list[] = {header("a", "0123456789012345678901234567890123456789")};
    struct pawl_headers_options options = {.extra = 0};
    struct pawl_arena arena;
    size_t count = 0;
    pawl_arena_init(&arena, 64);
    assert_null(pawl_headers_forward(list, 1, &options, &arena, &count));
    pawl_arena_free(&arena);
}

static void known_clients_are_known_to_wait(void **state)
{
    (void)state;
    static const struct {
        const char *agent;
        const char *timeout; /* x-stainless-timeout */
        uint32_t expected_s;
    } rows[] = {
        {"curl/8", "", 50},
        {"claude-cli/2.1.330 (external, sdk-cli)", "600", 330},
        {"claude-cli/2.1.330 (external, sdk-cli)", "60", 50},
        {"codex_exec/0.169.0", "", 330},
        {"GeminiCLI-tui/0.61.0/x", "", 50},
        {"Anthropic/JS 1.12.0", "600", 290},
        {"OpenAI/JS 7.57.0", "", 290},
        {"ai-sdk-anthropic/4.0.105 node.js/22", "", 290},
        {"OpenAI/Python 2.0", "600", 590},
        {"OpenAI/Python 2.0", "20.5", 10},
        {"x", "5", 1},
        {"x", "nonsense", 50},
        {"x", "999999999", 3590},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_http_header list[] = {header("User-Agent", rows[i].agent),
                                          header("X-Stainless-Timeout", rows[i].timeout)};
        size_t count = rows[i].timeout[0] != '\0' ? 2 : 1;
        if (pawl_patience_ms(list, count) != rows[i].expected_s * 1000) {
            fail_msg("%s, %s: %u ms", rows[i].agent, rows[i].timeout,
                     pawl_patience_ms(list, count));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_one_connection_stays_there),
        cmocka_unit_test(a_full_arena_is_no_memory),
        cmocka_unit_test(known_clients_are_known_to_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
