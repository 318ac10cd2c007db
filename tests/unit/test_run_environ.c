/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_environ.c: the agent's environment, from tables of variables that each test makes up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/environ.h"

/* "NAME", "value", …, NULL: what the user has set. */
static const char *const *user;

static const char *get(const char *name)
{
    for (size_t i = 0; user[i] != NULL; i += 2) {
        if (strcmp(user[i], name) == 0) {
            return user[i + 1];
        }
    }
    return NULL;
}

static struct pawl_environ_upstreams upstreams(const char *const *variables)
{
    user = variables;
    struct pawl_environ_upstreams result;
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_environ_upstreams(get, &result, &msg)));
    return result;
}

static void environ_defaults_are_the_vendors(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    struct pawl_environ_upstreams result = upstreams(none);
    assert_string_equal(result.urls[PAWL_UPSTREAM_ANTHROPIC], "https://api.anthropic.com");
    assert_string_equal(result.urls[PAWL_UPSTREAM_OPENAI], "https://api.openai.com/v1");
    assert_string_equal(result.urls[PAWL_UPSTREAM_GEMINI],
                        "https://generativelanguage.googleapis.com");
    for (size_t i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        assert_false(result.from_user[i]);
    }
}

static void environ_address_of_the_user_becomes_the_upstream(void **state)
{
    (void)state;
    static const char *const variables[] = {"ANTHROPIC_BASE_URL",
                                            "http://127.0.0.1:1234/secret/anthropic//",
                                            "OPENAI_BASE_URL",
                                            "https://eu.example.com/openai/v1",
                                            "OPENAI_API_BASE",
                                            "https://older.example.com",
                                            NULL};
    struct pawl_environ_upstreams result = upstreams(variables);
    assert_string_equal(result.urls[PAWL_UPSTREAM_ANTHROPIC],
                        "http://127.0.0.1:1234/secret/anthropic");
    assert_string_equal(result.urls[PAWL_UPSTREAM_OPENAI], "https://eu.example.com/openai/v1");
    assert_true(result.from_user[PAWL_UPSTREAM_ANTHROPIC]);
    assert_true(result.from_user[PAWL_UPSTREAM_OPENAI]);
    assert_false(result.from_user[PAWL_UPSTREAM_GEMINI]);
}

static void environ_older_variable_counts_where_the_newer_is_empty(void **state)
{
    (void)state;
    static const char *const variables[] = {"OPENAI_BASE_URL", "", "OPENAI_API_BASE",
                                            "https://older.example.com", NULL};
    assert_string_equal(upstreams(variables).urls[PAWL_UPSTREAM_OPENAI],
                        "https://older.example.com");
}

static void environ_address_that_is_none_is_refused_without_showing_it(void **state)
{
    (void)state;
    static const char *const wrong[] = {"localhost:8080", "ftp://host",       "https://",
                                        "http:///path",   "https://a b.c",    "///",
                                        "https://h/?k=1", "https://h/#token", "HTTP//x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *const variables[] = {"OPENAI_BASE_URL", wrong[i], NULL};
        user = variables;
        struct pawl_environ_upstreams result;
        struct pawl_errmsg msg;
        assert_int_equal(pawl_environ_upstreams(get, &result, &msg).code, PAWL_ERR_INVALID);
        assert_non_null(strstr(msg.text, "OPENAI_BASE_URL"));
        assert_null(strstr(msg.text, "#token"));
    }
}

static void environ_address_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char url[PAWL_UPSTREAM_URL_BYTES + 8];
    memset(url, 'a', sizeof(url));
    memcpy(url, "http://", 7);
    url[sizeof(url) - 1] = '\0';
    const char *const variables[] = {"ANTHROPIC_BASE_URL", url, NULL};
    user = variables;
    struct pawl_environ_upstreams result;
    struct pawl_errmsg msg;
    assert_int_equal(pawl_environ_upstreams(get, &result, &msg).code, PAWL_ERR_INVALID);
}

/* --- Settings ------------------------------------------------------------------------------ */

static char settings_text[8192];

/* The value that the agent gets, or NULL. */
static const char *setting(const char *const *variables, const char *name)
{
    user = variables;
    struct pawl_environ_gateway gateway = {.address = "http://127.0.0.1:4711/s3",
                                           .run_id = "run_x"};
    struct pawl_buf out;
    pawl_buf_init(&out, sizeof(settings_text));
    pawl_environ_settings(get, &gateway, &out);
    assert_false(out.overflowed);
    memcpy(settings_text, out.data, out.bytes);
    size_t bytes = out.bytes;
    pawl_buf_free(&out);
    assert_int_equal(settings_text[bytes - 1], '\0');
    const char *found = NULL;
    for (const char *at = settings_text; at < settings_text + bytes; at += strlen(at) + 1) {
        size_t length = strlen(name);
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            assert_null(found); /* No variable twice. */
            found = at + length + 1;
        }
    }
    return found;
}

static void environ_points_every_address_at_the_gateway(void **state)
{
    (void)state;
    static const char *const mine[] = {"OPENAI_BASE_URL", "https://mine.example.com", NULL};
    assert_string_equal(setting(mine, "ANTHROPIC_BASE_URL"), "http://127.0.0.1:4711/s3/anthropic");
    assert_string_equal(setting(mine, "OPENAI_BASE_URL"), "http://127.0.0.1:4711/s3/openai/v1");
    assert_string_equal(setting(mine, "OPENAI_API_BASE"), "http://127.0.0.1:4711/s3/openai/v1");
    assert_string_equal(setting(mine, "GOOGLE_GEMINI_BASE_URL"), "http://127.0.0.1:4711/s3/gemini");
    assert_string_equal(setting(mine, "PAWL_RUN_ID"), "run_x");
}

static void environ_switches_leave_the_users_values_alone(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    static const char *const own[] = {"GEMINI_CLI_NO_RELAUNCH", "false", NULL};
    assert_string_equal(setting(none, "GEMINI_CLI_NO_RELAUNCH"), "true");
    assert_string_equal(setting(none, "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK"), "1");
    assert_null(setting(own, "GEMINI_CLI_NO_RELAUNCH"));
}

static void environ_takes_loopback_out_of_a_proxy(void **state)
{
    (void)state;
    static const char *const none[] = {"NO_PROXY", "x", NULL};
    assert_null(setting(none, "NO_PROXY"));
    static const char *const plain[] = {"https_proxy", "http://p:1", NULL};
    assert_string_equal(setting(plain, "NO_PROXY"), "127.0.0.1,localhost");
    assert_string_equal(setting(plain, "no_proxy"), "127.0.0.1,localhost");
    static const char *const some[] = {"ALL_PROXY", "socks5://p", "no_proxy", "a.b,.c", NULL};
    assert_string_equal(setting(some, "NO_PROXY"), "a.b,.c,127.0.0.1,localhost");
    assert_string_equal(setting(some, "no_proxy"), "a.b,.c,127.0.0.1,localhost");
    static const char *const all[] = {"HTTP_PROXY", "http://p", "NO_PROXY", "*", NULL};
    assert_string_equal(setting(all, "NO_PROXY"), "*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environ_defaults_are_the_vendors),
        cmocka_unit_test(environ_address_of_the_user_becomes_the_upstream),
        cmocka_unit_test(environ_older_variable_counts_where_the_newer_is_empty),
        cmocka_unit_test(environ_address_that_is_none_is_refused_without_showing_it),
        cmocka_unit_test(environ_address_that_is_too_long_is_refused),
        cmocka_unit_test(environ_points_every_address_at_the_gateway),
        cmocka_unit_test(environ_switches_leave_the_users_values_alone),
        cmocka_unit_test(environ_takes_loopback_out_of_a_proxy),
    };
    return cmocka_run_group_tests_name("run_environ", tests, NULL, NULL);
}
