/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_governed.c: what the governance plane keeps, and what it does to who spends: a budget
 * that is made whole or not at all, policies that bind, and the longest that may be said.
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
    assert_true(cycles_kit_header_is(&kit, "Retry-After: 60"));
    expect(404, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme/agent:a"), ACME, NULL);
    /* Of one that nothing is said of nothing is kept. */
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme/agent:a\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") "}");
}

/* The ledger refuses the budget itself, and nothing is kept of what was said beside it. */
static void budget_that_the_ledger_refuses_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const beside[] = {"", ",\"metadata\":{\"a\":1}",
                                         ",\"rollover_policy\":\"CARRY_FORWARD\""};
    char body[512];
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"CLOSED\"}");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(beside); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"tenant_id\":\"acme\",\"scope\":\"tenant:acme/agent:a\",\"unit\":"
                       "\"USD_MICROCENTS\",\"allocated\":" USD("5") "%s}",
                       beside[i]);
        expect_error(409, "TENANT_CLOSED", "POST", "/v1/admin/budgets", ADMIN, body);
        expect(404, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme/agent:a"), ADMIN, NULL);
    }
}

/* Nor is a change taken that says nothing. */
static void what_a_closed_tenant_has_is_not_changed(void **state)
{
    (void)state;
    static const char *const changes[] = {"{}", "{\"metadata\":null}", "{\"metadata\":{\"a\":1}}",
                                          "{\"commit_overage_policy\":\"REJECT\"}"};
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme/agent:a\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") "}");
    expect(200, "PATCH", "/v1/admin/budgets" AT("tenant:acme/agent:a"), ADMIN, changes[0]);
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"CLOSED\"}");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(changes); i++) {
        expect_error(409, "TENANT_CLOSED", "PATCH", "/v1/admin/budgets" AT("tenant:acme/agent:a"),
                     ADMIN, changes[i]);
    }
    expect_error(409, "TENANT_CLOSED", "PATCH", "/v1/admin/tenants/acme", ADMIN, "{}");
}

static void budget_is_changed_in_all_that_is_said_or_in_nothing(void **state)
{
    (void)state;
    cycles_kit_free(&kit);
    cycles_kit_open_small(&kit, 1, 5);
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD("5") "}");
    expect_error(503, "LIMIT_EXCEEDED", "PATCH", "/v1/admin/budgets" AT("tenant:acme"), ADMIN,
                 "{\"overdraft_limit\":" USD("7") ",\"metadata\":{\"a\":1}}");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), ADMIN, NULL);
    expect_number("overdraft_limit.amount", 0);
    expect(200, "PATCH", "/v1/admin/budgets" AT("tenant:acme"), ADMIN,
           "{\"overdraft_limit\":" USD("7") "}");
    expect_number("overdraft_limit.amount", 7);
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

/* One of two names is mistaken, and nobody can say which. */
static void the_administrator_funds_the_tenant_that_it_names(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    (void)cycles_kit_budget(&kit, "tenant:globex", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect_error(400, "INVALID_REQUEST", "POST",
                 "/v1/admin/budgets/fund" AT("tenant:acme") "&tenant_id=globex", ADMIN,
                 "{\"operation\":\"CREDIT\",\"amount\":" USD("5") "}");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), ADMIN, NULL);
    expect_number("allocated.amount", 1000);
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:globex"), ADMIN, NULL);
    expect_number("allocated.amount", 1000);
}

/* --- Policies ------------------------------------------------------------------------------- */

static void make_policy(const char *body)
{
    expect(201, "POST", "/v1/admin/policies", ACME, body);
}

static void reserve(int status, const char *key, const char *amount, const char *more)
{
    char body[512];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"%s\",\"subject\":{\"agent\":\"bot\"},"
                   "\"action\":{\"kind\":\"llm\",\"name\":\"m\"},\"estimate\":"
                   "{\"unit\":\"USD_MICROCENTS\",\"amount\":%s}%s}",
                   key, amount, more);
    expect(status, "POST", "/v1/reservations", ACME, body);
}

/* Of the reservation that was answered last: /v1/reservations/{id}/WHAT. */
static const char *at_last(const char *what)
{
    static char id[64];
    static char target[128];
    if (cycles_kit_text(&kit, "reservation_id")[0] != '\0') {
        (void)snprintf(id, sizeof(id), "%s", cycles_kit_text(&kit, "reservation_id"));
    }
    (void)snprintf(target, sizeof(target), "/v1/reservations/%s/%s", id, what);
    return target;
}

static void policy_sets_the_lease_where_the_request_says_none_and_bounds_it(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    make_policy("{\"name\":\"p\",\"scope_pattern\":\"agent:bot\",\"reservation_ttl_override\":"
                "{\"default_ttl_ms\":5000,\"max_ttl_ms\":20000,\"max_extensions\":1}}");
    reserve(200, "k1", "1", "");
    expect_number("remaining_ttl_ms", 5000);
    reserve(200, "k2", "1", ",\"ttl_ms\":7000");
    expect_number("remaining_ttl_ms", 7000);
    reserve(200, "k3", "1", ",\"ttl_ms\":60000");
    expect_number("remaining_ttl_ms", 20000);
    const char *extend = at_last("extend");
    expect(200, "POST", extend, ACME, "{\"idempotency_key\":\"x1\",\"extend_by_ms\":1000}");
    expect_number("remaining_ttl_ms", 21000);
    expect_error(409, "MAX_EXTENSIONS_EXCEEDED", "POST", extend, ACME,
                 "{\"idempotency_key\":\"x2\",\"extend_by_ms\":1000}");
}

static void terms_of_a_hold_are_those_of_its_beginning(void **state)
{
    (void)state;
    char target[128];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    make_policy("{\"name\":\"p\",\"scope_pattern\":\"*\",\"commit_overage_policy\":\"REJECT\"}");
    (void)snprintf(target, sizeof(target), "/v1/admin/policies/%s",
                   cycles_kit_text(&kit, "policy_id"));
    reserve(200, "k1", "10", "");
    const char *commit = at_last("commit");
    expect(200, "PATCH", target, ACME, "{\"commit_overage_policy\":\"ALLOW_IF_AVAILABLE\"}");
    expect_error(409, "BUDGET_EXCEEDED", "POST", commit, ACME,
                 "{\"idempotency_key\":\"c\",\"actual\":" USD("11") "}");
    /* What the request says itself is stronger, and a hold after the change has the new terms. */
    expect(200, "POST", commit, ACME, "{\"idempotency_key\":\"c\",\"actual\":" USD("10") "}");
    reserve(200, "k2", "10", ",\"overage_policy\":\"REJECT\"");
    expect_error(409, "BUDGET_EXCEEDED", "POST", at_last("commit"), ACME,
                 "{\"idempotency_key\":\"c\",\"actual\":" USD("11") "}");
    reserve(200, "k3", "10", "");
    expect(200, "POST", at_last("commit"), ACME,
           "{\"idempotency_key\":\"c\",\"actual\":" USD("11") "}");
    expect_number("charged.amount", 11);
}

static void a_tenant_has_so_many_policies_and_others_have_their_own(void **state)
{
    (void)state;
    static const char one_more[] = "{\"name\":\"p\",\"scope_pattern\":\"*\"}";
    char body[128];
    for (int i = 0; i < PAWL_POLICIES_PER_TENANT_MAX; i++) {
        (void)snprintf(body, sizeof(body), "{\"name\":\"p%d\",\"scope_pattern\":\"*\"}", i);
        make_policy(body);
    }
    expect_error(503, "LIMIT_EXCEEDED", "POST", "/v1/admin/policies", ACME, one_more);
    expect(201, "POST", "/v1/admin/policies", GLOBEX, one_more);
    cycles_kit_restart(&kit);
    expect_error(503, "LIMIT_EXCEEDED", "POST", "/v1/admin/policies", ACME, one_more);
}

static void policys_overage_decides_debits_and_debts(void **state)
{
    (void)state;
    static const char debit[] = "{\"idempotency_key\":\"%s\",\"subject\":{\"agent\":\"bot\"},"
                                "\"action\":{\"kind\":\"a\",\"name\":\"b\"},\"actual\":"
                                "{\"unit\":\"USD_MICROCENTS\",\"amount\":%d}}";
    char body[512];
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "100") ",\"overdraft_limit\":" USD("50") "}");
    make_policy("{\"name\":\"p\",\"scope_pattern\":\"*\",\"commit_overage_policy\":"
                "\"ALLOW_WITH_OVERDRAFT\"}");
    (void)snprintf(body, sizeof(body), debit, "e1", 151);
    expect_error(409, "OVERDRAFT_LIMIT_EXCEEDED", "POST", "/v1/events", ACME, body);
    (void)snprintf(body, sizeof(body), debit, "e2", 150);
    expect(201, "POST", "/v1/events", ACME, body);
    expect_number("balances.0.debt.amount", 50);
    expect_number("balances.0.remaining.amount", -50);
    /* Without what is owed the numbers of a refusal would not add up. */
    (void)snprintf(body, sizeof(body), debit, "e3", 1);
    expect_error(409, "OVERDRAFT_LIMIT_EXCEEDED", "POST", "/v1/events", ACME, body);
    expect_text("message", "tenant:acme: the overdraft does not cover the amount: its limit is 100 "
                           "USD_MICROCENTS, 100 are spent, 0 held, 50 owed; 1 were asked for");
    expect_number("details.debt", 50);
}

static void first_policy_that_says_something_of_a_term_counts_for_it(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    make_policy("{\"name\":\"wide\",\"scope_pattern\":\"*\",\"priority\":9,\"caps\":"
                "{\"max_tokens\":9},\"effective_until\":\"2026-09-21T14:14:20Z\"}");
    make_policy("{\"name\":\"narrow\",\"scope_pattern\":\"agent:bot\",\"priority\":1,\"caps\":"
                "{\"max_tokens\":1},\"reservation_ttl_override\":{\"default_ttl_ms\":3000}}");
    reserve(200, "k1", "1", "");
    expect_number("caps.max_tokens", 9);
    expect_number("remaining_ttl_ms", 3000); /* of which the first says nothing */
    cycles_kit_advance(&kit, 60000);
    reserve(200, "k2", "1", "");
    expect_number("caps.max_tokens", 1); /* the first is no longer in force */
}

/* The minute is full; only new holds are told so. */
static void rate_limit_never_holds_up_what_is_settled(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    make_policy("{\"name\":\"p\",\"scope_pattern\":\"*\",\"rate_limits\":"
                "{\"max_reservations_per_minute\":2,\"max_commits_per_minute\":2}}");
    reserve(200, "k1", "1", "");
    (void)at_last("");
    reserve(200, "k2", "1", "");
    char commit[128];
    (void)snprintf(commit, sizeof(commit), "%s", at_last("commit"));
    reserve(429, "k3", "1", "");
    reserve(200, "k2", "1", ""); /* a repeat is no new one */
    expect(200, "POST", at_last("extend"), ACME,
           "{\"idempotency_key\":\"x\",\"extend_by_ms\":1000}");
    for (int i = 0; i < 5; i++) { /* more than the policy's commits of a minute */
        char body[300];
        (void)snprintf(body, sizeof(body),
                       "{\"idempotency_key\":\"e%d\",\"subject\":{\"agent\":\"bot\"},\"action\":"
                       "{\"kind\":\"a\",\"name\":\"b\"},\"actual\":" USD("1") "}",
                       i);
        expect(201, "POST", "/v1/events", ACME, body);
    }
    expect(200, "POST", commit, ACME, "{\"idempotency_key\":\"c\",\"actual\":" USD("1") "}");
    reserve(429, "k4", "1", "");
    reserve(200, "k5", "1", ",\"dry_run\":true");
    expect_text("decision", "DENY");
    expect_text("reason_code", "LIMIT_EXCEEDED");
    cycles_kit_advance(&kit, 60000);
    reserve(200, "k6", "1", "");
}

/* A usual lease is never longer than the largest one, whichever of the two is changed; and what a
 * tenant is under must be there. */
static void what_does_not_fit_together_is_refused(void **state)
{
    (void)state;
    static const char *const tenants[] = {
        "{\"tenant_id\":\"abc\",\"name\":\"x\",\"parent_tenant_id\":\"nobody\"}",
        "{\"tenant_id\":\"abc\",\"name\":\"x\",\"parent_tenant_id\":\"abc\"}",
        ("{\"tenant_id\":\"abc\",\"name\":\"x\",\"default_reservation_ttl_ms\":2001,"
         "\"max_reservation_ttl_ms\":2000}"),
    };
    const char *tenant = "/v1/admin/tenants/abc";
    for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
        expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/tenants", ADMIN, tenants[i]);
    }
    expect_error(404, "TENANT_NOT_FOUND", "GET", tenant, ADMIN, NULL);
    expect(201, "POST", "/v1/admin/tenants", ADMIN,
           "{\"tenant_id\":\"abc\",\"name\":\"x\",\"parent_tenant_id\":\"acme\","
           "\"default_reservation_ttl_ms\":2000,\"max_reservation_ttl_ms\":2000}");
    expect_error(400, "INVALID_REQUEST", "PATCH", tenant, ADMIN,
                 "{\"default_reservation_ttl_ms\":2001}");
    expect_error(400, "INVALID_REQUEST", "PATCH", tenant, ADMIN,
                 "{\"max_reservation_ttl_ms\":1999}");
    expect(200, "PATCH", tenant, ADMIN,
           "{\"default_reservation_ttl_ms\":3000,\"max_reservation_ttl_ms\":3000}");
    expect_number("default_reservation_ttl_ms", 3000);
    expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/policies", ACME,
                 "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\","
                 "\"reservation_ttl_override\":{\"default_ttl_ms\":2001,\"max_ttl_ms\":2000}}");
}

/* A name has up to 256 characters, and a character up to four bytes. */
static void lists_go_on_behind_the_longest_name(void **state)
{
    (void)state;
    static const char *const lists[][2] = {{"tenants", "tenants"}, {"api-keys", "keys"}};
    char name[1025] = "";
    for (size_t at = 0; at < 1024; at += 4) {
        memcpy(name + at, "\xf0\x9f\x98\x80", 4);
    }
    char body[1200];
    (void)snprintf(body, sizeof(body), "{\"tenant_id\":\"long\",\"name\":\"%s\"}", name);
    expect(201, "POST", "/v1/admin/tenants", ADMIN, body);
    expect(201, "POST", "/v1/admin/api-keys", ADMIN, body);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char target[3000];
        char first[32];
        (void)snprintf(target, sizeof(target), "/v1/admin/%s?limit=1&sort_by=name", lists[i][0]);
        (void)snprintf(first, sizeof(first), "%s.0.name", lists[i][1]);
        expect(200, "GET", target, ADMIN, NULL);
        expect_text(first, name);
        size_t bytes = strlen(target);
        (void)snprintf(target + bytes, sizeof(target) - bytes, "&cursor=%s",
                       cycles_kit_text(&kit, "next_cursor"));
        expect(200, "GET", target, ADMIN, NULL);
        assert_string_not_equal(cycles_kit_text(&kit, first), "");
        assert_string_not_equal(cycles_kit_text(&kit, first), name);
    }
}

/* Around what a document may have, and what a body may. */
static void policy_with_more_caps_than_are_kept_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 15000, 16384, 17000, 65000, 66000, 500000};
    static char tools[500000 + 1];
    static char body[sizeof(tools) + 200];
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(tools, ' ', sizes[i]);
        tools[sizes[i]] = '\0';
        (void)snprintf(body, sizeof(body),
                       "{\"name\":\"p%zu\",\"scope_pattern\":\"tenant:acme\","
                       "\"caps\":{\"tool_allowlist\":[\"a\"%s]}}",
                       i, tools);
        expect(sizes[i] <= 15000 ? 201 : 400, "POST", "/v1/admin/policies", ACME, body);
    }
    expect(200, "GET", "/v1/admin/policies", ACME, NULL);
    expect_text("policies.1.name", "p1");
    expect_text("policies.2", "");
}

/* --- Without memory --------------------------------------------------------------------------- */

enum { LONG_COUNT = 30, LONG_BYTES = 128, BODY_BYTES = 8192 };

/* `begin`, so many long strings that begin with `prefix` and have an escape, and `end`. */
static void
write_long(char body[static BODY_BYTES], const char *begin, const char *prefix, const char *end)
{
    size_t at = (size_t)snprintf(body, BODY_BYTES, "%s", begin);
    for (int i = 0; i < LONG_COUNT; i++) {
        at += (size_t)snprintf(body + at, BODY_BYTES - at, "%s\"%s\\u0061%0*d\"", i > 0 ? "," : "",
                               prefix, LONG_BYTES - 10, i);
    }
    at += (size_t)snprintf(body + at, BODY_BYTES - at, "%s", end);
    assert_true(at < BODY_BYTES);
}

/* Sends it with so much memory. Whether it was done; what is 500 was not. */
static bool sent_with(size_t bytes, const char *method, const char *target, const char *body)
{
    kit.request_bytes_max = bytes;
    int status = cycles_kit_send(&kit, method, target, ADMIN, body);
    kit.request_bytes_max = 0;
    if (status >= 300 && status != 500) {
        fail_msg("%s %s with %zu bytes: %s", method, target, bytes, cycles_kit_body(&kit));
    }
    return status < 300;
}

/* Caps that are lost on the way would set free what they hold down. */
static void without_memory_a_policy_keeps_its_caps(void **state)
{
    (void)state;
    static char body[BODY_BYTES];
    char target[200];
    bool done = false;
    write_long(body, "{\"caps\":{\"max_tokens\":7,\"tool_denylist\":[", "", "]}}");
    expect(201, "POST", "/v1/admin/policies", ACME,
           "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\",\"caps\":{\"max_tokens\":5}}");
    (void)snprintf(target, sizeof(target), "/v1/admin/policies/%s",
                   cycles_kit_text(&kit, "policy_id"));
    for (size_t bytes = 16; !done; bytes += 16) {
        done = sent_with(bytes, "PATCH", target, body);
        expect(200, "GET", "/v1/admin/policies", ACME, NULL);
        expect_number("policies.0.caps.max_tokens", done ? 7 : 5);
    }
    expect_text("policies.0.caps.tool_denylist.30", "");
    assert_true(cycles_kit_text(&kit, "policies.0.caps.tool_denylist.29")[0] == 'a');
}

static void without_memory_no_key_is_made(void **state)
{
    (void)state;
    static char body[BODY_BYTES];
    bool done = false;
    write_long(body, "{\"tenant_id\":\"acme\",\"name\":\"k\",\"scope_filter\":[", "agent:", "]}");
    for (size_t bytes = 16; !done; bytes += 16) {
        done = sent_with(bytes, "POST", "/v1/admin/api-keys", body);
        expect(200, "GET", "/v1/admin/api-keys", ADMIN, NULL);
        assert_true((cycles_kit_text(&kit, "keys.2.key_id")[0] != '\0') == done);
    }
}

#define LOOK_UP "/v1/admin/budgets/lookup" AT("tenant:acme")

/* Of what a 500 is told of nothing was done. */
static void without_memory_nothing_of_a_budget_changes(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *target;
        const char *look;
        const char *body;
    } rows[] = {
        {"PATCH", "/v1/admin/budgets" AT("tenant:acme") "&include=metadata", LOOK_UP,
         "{\"overdraft_limit\":" USD("7") "}"},
        {"POST", "/v1/admin/budgets/fund" AT("tenant:acme") "&tenant_id=acme", LOOK_UP,
         "{\"operation\":\"CREDIT\",\"amount\":" USD("7") "}"},
        {"POST", "/v1/admin/budgets/freeze" AT("tenant:acme") "&include=metadata", LOOK_UP,
         "{\"reason\":\"r\"}"},
        {"PATCH", "/v1/admin/tenants/acme", "/v1/admin/tenants/acme", "{\"name\":\"another\"}"},
    };
    expect(201, "POST", "/v1/admin/budgets", ACME,
           "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
               "5") ",\"metadata\":{\"a\":\"0123456789012345678901234567890123456789\"}}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static char before[16384];
        bool done = false;
        expect(200, "GET", rows[i].look, ADMIN, NULL);
        (void)snprintf(before, sizeof(before), "%s", cycles_kit_body(&kit));
        for (size_t bytes = 16; !done; bytes += 64) {
            done = sent_with(bytes, rows[i].method, rows[i].target, rows[i].body);
            expect(200, "GET", rows[i].look, ADMIN, NULL);
            assert_true((strcmp(cycles_kit_body(&kit), before) != 0) == done);
        }
    }
}

/* Who was refused is answered, and its call is gone. */
static void without_memory_no_end_of_a_tenant_is_told(void **state)
{
    (void)state;
    bool done = false;
    for (size_t bytes = 16; !done; bytes += bytes / 2) {
        done = sent_with(bytes, "PATCH", "/v1/admin/tenants/acme", "{\"status\":\"CLOSED\"}");
        assert_int_equal(kit.closed_told, done ? 1 : 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(budget_is_made_with_all_that_is_said_of_it_or_not_at_all),
        TEST(budget_that_the_ledger_refuses_leaves_nothing_behind),
        TEST(what_a_closed_tenant_has_is_not_changed),
        TEST(budget_is_changed_in_all_that_is_said_or_in_nothing),
        TEST(metadata_of_a_budget_is_shown_to_who_asks_for_it),
        TEST(policy_sets_the_lease_where_the_request_says_none_and_bounds_it),
        TEST(terms_of_a_hold_are_those_of_its_beginning),
        TEST(the_administrator_funds_the_tenant_that_it_names),
        TEST(a_tenant_has_so_many_policies_and_others_have_their_own),
        TEST(policys_overage_decides_debits_and_debts),
        TEST(first_policy_that_says_something_of_a_term_counts_for_it),
        TEST(what_does_not_fit_together_is_refused),
        TEST(rate_limit_never_holds_up_what_is_settled),
        TEST(lists_go_on_behind_the_longest_name),
        TEST(policy_with_more_caps_than_are_kept_is_refused),
        TEST(without_memory_a_policy_keeps_its_caps),
        TEST(without_memory_no_key_is_made),
        TEST(without_memory_nothing_of_a_budget_changes),
        TEST(without_memory_no_end_of_a_tenant_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
