/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_governed.c: what the governance plane keeps, and what it does to who spends: a budget
 * that is made whole or not at all, policies that bind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/cycles_kit.h"

#define ADMIN       "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define ACME        "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n"
#define GLOBEX      "X-Cycles-API-Key: " CYCLES_KIT_GLOBEX "\n"
#define AT(scope)   "?scope=" scope "&unit=USD_MICROCENTS"
#define USD(amount) "{\"unit\":\"USD_MICROCENTS\",\"amount\":" amount "}"

static struct cycles_kit kit;

static void
expect(int status, const char *method, const char *target, const char *who, const char *body)
{
    int is = cycles_kit_send(&kit, method, target, who, body);
    if (is != status) {
        fail_msg("%s %s: %d, not %d: %s", method, target, is, status, cycles_kit_body(&kit));
    }
}

static void expect_error(int status,
                         const char *code,
                         const char *method,
                         const char *target,
                         const char *who,
                         const char *body)
{
    expect(status, method, target, who, body);
    assert_string_equal(cycles_kit_text(&kit, "error"), code);
    assert_true(cycles_kit_text(&kit, "message")[0] != '\0');
    assert_int_equal(strlen(cycles_kit_text(&kit, "trace_id")), 32);
}

static void expect_text(const char *path, const char *text)
{
    if (strcmp(cycles_kit_text(&kit, path), text) != 0) {
        fail_msg("%s is \"%s\", not \"%s\": %s", path, cycles_kit_text(&kit, path), text,
                 cycles_kit_body(&kit));
    }
}

static void expect_number(const char *path, int64_t number)
{
    if (cycles_kit_number(&kit, path) != number) {
        fail_msg("%s is %lld, not %lld: %s", path, (long long)cycles_kit_number(&kit, path),
                 (long long)number, cycles_kit_body(&kit));
    }
}

static int setup(void **state)
{
    (void)state;
    cycles_kit_open(&kit, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cycles_kit_free(&kit);
    return 0;
}

static void budget_is_made_with_all_that_is_said_of_it_or_not_at_all(void **state)
{
    (void)state;
    cycles_kit_free(&kit);
    cycles_kit_open_small(&kit, 1, 6);
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") ",\"metadata\":{\"a\":1}}");
    expect_error(
        503, "LIMIT_EXCEEDED", "POST", "/v1/admin/budgets", ACME,
        "{\"scope\":\"tenant:acme/agent:a\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
            "5") ",\"metadata\":{\"a\":1}}");
    assert_true(cycles_kit_header_is(&kit, "Retry-After: 1"));
    expect(404, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme/agent:a"), ACME, NULL);
    /* Of one that nothing is said of nothing is kept. */
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme/agent:a\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") "}");
}

static void metadata_of_a_budget_is_shown_to_who_asks_for_it(void **state)
{
    (void)state;
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") ",\"metadata\":{\"a\":1}}");
    expect_text("metadata", "");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), ACME, NULL);
    expect_text("metadata", "");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme") "&include=metadata", ACME,
           NULL);
    expect_text("metadata", "{\"a\":1}");
    expect(200, "PATCH", "/v1/admin/budgets" AT("tenant:acme") "&include=x,metadata", ADMIN,
           "{\"metadata\":{\"b\":2}}");
    expect_text("metadata", "{\"b\":2}");
    expect(200, "GET", "/v1/admin/budgets?include=metadata", ACME, NULL);
    expect_text("ledgers.0.metadata", "{\"b\":2}");
    expect(200, "GET", "/v1/admin/budgets?include=other", ACME, NULL);
    expect_text("ledgers.0.metadata", "");
    expect_number("ledgers.0.allocated.amount", 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(budget_is_made_with_all_that_is_said_of_it_or_not_at_all),
        TEST(metadata_of_a_budget_is_shown_to_who_asks_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
