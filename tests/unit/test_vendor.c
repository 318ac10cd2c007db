/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vendor.c: heads of answers, as lines, and the windows that are read from them; credentials
 * and how they are billed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/vendor.h"

enum { HEADERS_MAX = 16, NOW_S = 1795000000 };

static struct pawl_http_header headers[HEADERS_MAX];

/* "name: value\n" lines. */
static size_t parse(const char *head)
{
    struct pawl_slice rest = pawl_slice_str(head);
    size_t count = 0;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice value = pawl_slice_cut(&rest, '\n');
        headers[count].name = pawl_slice_cut(&value, ':');
        headers[count].value = pawl_slice_trim(value);
        count++;
    }
    return count;
}

/* "5h 6340 +3600 refused; 7d …": each window as text. */
static void expect_windows(const char *head, const char *expected)
{
    struct pawl_vendor_window windows[PAWL_VENDOR_WINDOWS_MAX];
    char told[256] = "";
    uint32_t count = pawl_vendor_windows(headers, parse(head), NOW_S, windows);
    for (uint32_t i = 0; i < count; i++) {
        size_t used = strlen(told);
        long long from_now =
            windows[i].resets_at_s > 0 ? (long long)(windows[i].resets_at_s - NOW_S) : -1;
        (void)snprintf(told + used, sizeof(told) - used, "%s%s %lld %lld%s", i > 0 ? "; " : "",
                       windows[i].name, (long long)windows[i].used_bp, from_now,
                       windows[i].refused ? " refused" : "");
    }
    assert_string_equal(told, expected);
}

static void a_plan_of_anthropic_tells_both_windows(void **state)
{
    (void)state;
    expect_windows("anthropic-ratelimit-unified-status: allowed\n"
                   "anthropic-ratelimit-unified-5h-status: allowed\n"
                   "anthropic-ratelimit-unified-5h-utilization: 0.634\n"
                   "anthropic-ratelimit-unified-5h-reset: 1795003600\n"
                   "anthropic-ratelimit-unified-7d-status: rejected\n"
                   "anthropic-ratelimit-unified-7d-utilization: 1.0\n"
                   "anthropic-ratelimit-unified-7d-reset: 1795086400\n",
                   "5h 6340 3600; 7d 10000 86400 refused");
}

static void a_plan_of_openai_tells_lengths_and_percent(void **state)
{
    (void)state;
    expect_windows("X-Codex-Primary-Used-Percent: 42.5\n"
                   "X-Codex-Primary-Window-Minutes: 300\n"
                   "X-Codex-Primary-Reset-At: 1795000060\n"
                   "x-codex-secondary-used-percent: 13\n"
                   "x-codex-secondary-window-minutes: 10080\n"
                   "x-codex-secondary-reset-after-seconds: 500\n",
                   "5h 4250 60; 7d 1300 500");
    expect_windows("x-codex-primary-used-percent: 3\nx-codex-primary-window-minutes: 15\n",
                   "15m 300 -1");
}

static void shares_round_up_to_a_basis_point(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"0", "5h 0 -1"},
        {"0.0", "5h 0 -1"},
        {"0.00001", "5h 1 -1"},
        {"0.12340", "5h 1234 -1"},
        {"0.12341", "5h 1235 -1"},
        {"1", "5h 10000 -1"},
        {"1.5", "5h 15000 -1"},
        {"999999999", "5h 1000000 -1"},
        {"0.99999999999999999999999999", "5h 10000 -1"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char head[128];
        (void)snprintf(head, sizeof(head), "anthropic-ratelimit-unified-5h-utilization: %s\n",
                       rows[i].text);
        expect_windows(head, rows[i].expected);
    }
}

static void what_is_no_number_is_no_window(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "x", "-0.5", "0.5e1", "0,5", "1 2", "0.5%", ".5", "99999999999999999999"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        char head[128];
        (void)snprintf(head, sizeof(head), "anthropic-ratelimit-unified-5h-utilization: %s\n",
                       texts[i]);
        expect_windows(head, "");
    }
    expect_windows("content-type: text/plain\n", "");
    expect_windows("anthropic-ratelimit-unified-5h-reset: 1795003600\n", "");
    expect_windows("x-codex-secondary-used-percent: 0\nx-codex-secondary-window-minutes: 0\n", "");
    expect_windows("anthropic-ratelimit-unified-5h-utilization: 0.5\n"
                   "anthropic-ratelimit-unified-5h-reset: soon\n",
                   "5h 5000 -1");
}

static void a_refusal_names_its_window_and_no_share(void **state)
{
    (void)state;
    expect_windows("anthropic-ratelimit-unified-status: rejected\n"
                   "anthropic-ratelimit-unified-representative-claim: five_hour\n"
                   "anthropic-ratelimit-unified-reset: 1795003600\n",
                   "5h 10000 3600 refused");
    expect_windows("anthropic-ratelimit-unified-status: rejected\n"
                   "anthropic-ratelimit-unified-representative-claim: seven_day\n"
                   "retry-after: 120\n",
                   "7d 10000 120 refused");
    /* One that is served beyond its end at a price is not refused. */
    expect_windows("anthropic-ratelimit-unified-status: allowed\n"
                   "anthropic-ratelimit-unified-overage-status: allowed\n"
                   "anthropic-ratelimit-unified-5h-status: rejected\n"
                   "anthropic-ratelimit-unified-5h-utilization: 1.02\n",
                   "5h 10200 -1");
}

static void a_reset_may_be_a_time_in_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"2026-11-18T14:26:41Z", "5h 5000 12001"},   {"2026-11-18T14:26:41.250Z", "5h 5000 12001"},
        {"2026-11-18T14:26:41+01:00", "5h 5000 -1"}, {"2026-13-18T14:26:41Z", "5h 5000 -1"},
        {"2026-11-18 14:26:41Z", "5h 5000 -1"},      {"2026-11-18T14:26Z", "5h 5000 -1"},
        {"20x6-11-18T14:26:41Z", "5h 5000 -1"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        char head[192];
        (void)snprintf(head, sizeof(head),
                       "anthropic-ratelimit-unified-5h-utilization: 0.5\n"
                       "anthropic-ratelimit-unified-5h-reset: %s\n",
                       rows[i].text);
        expect_windows(head, rows[i].expected);
    }
}

static void a_request_may_name_its_account(void **state)
{
    (void)state;
    static const struct {
        enum pawl_upstream upstream;
        const char *head;
        const char *user;
        const char *account;
    } rows[] = {
        {PAWL_UPSTREAM_ANTHROPIC, "", "user_ab_account_12-34_session_56", "12-34"},
        {PAWL_UPSTREAM_ANTHROPIC, "", "{\"device_id\":\"x\",\"account_uuid\":\"12-34\"}", "12-34"},
        {PAWL_UPSTREAM_ANTHROPIC, "", "user_ab_account__session_56", ""},
        {PAWL_UPSTREAM_ANTHROPIC, "", "user_ab_account_12", ""},
        {PAWL_UPSTREAM_ANTHROPIC, "chatgpt-account-id: 9\n", "", ""},
        {PAWL_UPSTREAM_OPENAI, "ChatGPT-Account-ID: 9\n", "user_account_1_session_2", "9"},
        {PAWL_UPSTREAM_CHATGPT, "chatgpt-account-id: 9\n", "", "9"},
        {PAWL_UPSTREAM_GEMINI, "chatgpt-account-id: 9\n", "", ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_slice account = pawl_vendor_account(
            rows[i].upstream, headers, parse(rows[i].head), pawl_slice_str(rows[i].user));
        assert_true(pawl_slice_equal_str(account, rows[i].account));
    }
}

static void a_credential_tells_how_it_is_billed(void **state)
{
    (void)state;
    static const struct {
        enum pawl_upstream upstream;
        const char *head;
        enum pawl_billing billing;
        const char *credential;
    } rows[] = {
        {PAWL_UPSTREAM_ANTHROPIC, "x-api-key: sk-ant-api03-x\n", PAWL_BILLING_API,
         "sk-ant-api03-x"},
        {PAWL_UPSTREAM_ANTHROPIC, "authorization: Bearer sk-ant-api03-x\n", PAWL_BILLING_API,
         "sk-ant-api03-x"},
        {PAWL_UPSTREAM_ANTHROPIC, "Authorization: bearer sk-ant-oat01-x\n", PAWL_BILLING_PLAN,
         "sk-ant-oat01-x"},
        {PAWL_UPSTREAM_OPENAI, "authorization: Bearer sk-proj-x\n", PAWL_BILLING_API, "sk-proj-x"},
        {PAWL_UPSTREAM_OPENAI, "authorization: Bearer eyJhbG.eyJz.c2ln\n", PAWL_BILLING_PLAN,
         "eyJhbG.eyJz.c2ln"},
        {PAWL_UPSTREAM_OPENAI, "authorization: Bearer eyJhbG\n", PAWL_BILLING_API, "eyJhbG"},
        {PAWL_UPSTREAM_CHATGPT,
         "authorization: Bearer eyJhbG.eyJz.c2ln\nchatgpt-account-id: account-1\n",
         PAWL_BILLING_PLAN, "eyJhbG.eyJz.c2ln"},
        {PAWL_UPSTREAM_OPENAI, "authorization: Bearer sk-x\nchatgpt-account-id: account-1\n",
         PAWL_BILLING_API, "sk-x"},
        {PAWL_UPSTREAM_GEMINI, "x-goog-api-key: AIzaX\n", PAWL_BILLING_API, "AIzaX"},
        {PAWL_UPSTREAM_GEMINI, "authorization: Bearer ya29.x\n", PAWL_BILLING_PLAN, "ya29.x"},
        {PAWL_UPSTREAM_GEMINI, "authorization: Basic eA==\n", PAWL_BILLING_API, ""},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        size_t count = parse(rows[i].head);
        assert_int_equal(pawl_vendor_billing(rows[i].upstream, headers, count), rows[i].billing);
        assert_true(
            pawl_slice_equal_str(pawl_vendor_credential(headers, count), rows[i].credential));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_of_anthropic_tells_both_windows),
        cmocka_unit_test(a_plan_of_openai_tells_lengths_and_percent),
        cmocka_unit_test(shares_round_up_to_a_basis_point),
        cmocka_unit_test(what_is_no_number_is_no_window),
        cmocka_unit_test(a_refusal_names_its_window_and_no_share),
        cmocka_unit_test(a_reset_may_be_a_time_in_text),
        cmocka_unit_test(a_request_may_name_its_account),
        cmocka_unit_test(a_credential_tells_how_it_is_billed),
    };
    return cmocka_run_group_tests_name("vendor", tests, NULL, NULL);
}
