/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_admin.c: the governance plane without a socket: tenants, budgets, funding, policies
 * and keys, each as clients see it, and what it does to who spends.
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

/* --- Tenants ---------------------------------------------------------------------------------- */

static void tenant_is_made_once_and_may_be_asked_for_twice(void **state)
{
    (void)state;
    const char *body = "{\"tenant_id\":\"new-co\",\"name\":\"New Co\",\"metadata\":{\"a\":\"b\"},"
                       "\"default_commit_overage_policy\":\"REJECT\","
                       "\"default_reservation_ttl_ms\":5000,\"max_reservation_extensions\":0,"
                       "\"reservation_expiry_policy\":\"AUTO_RELEASE\"}";
    expect(201, "POST", "/v1/admin/tenants", ADMIN, body);
    assert_string_equal(cycles_kit_members(&kit),
                        "tenant_id name status default_commit_overage_policy "
                        "default_reservation_ttl_ms max_reservation_extensions "
                        "reservation_expiry_policy metadata created_at updated_at");
    expect_text("created_at", "2026-09-21T14:13:20.000Z");
    expect(200, "POST", "/v1/admin/tenants", ADMIN, body);
    expect_text("status", "ACTIVE");
    expect_error(409, "DUPLICATE_RESOURCE", "POST", "/v1/admin/tenants", ADMIN,
                 "{\"tenant_id\":\"new-co\",\"name\":\"Another\"}");
    cycles_kit_restart(&kit);
    expect(200, "GET", "/v1/admin/tenants/new-co", ADMIN, NULL);
    expect_number("max_reservation_extensions", 0);
    expect_text("metadata", "{\"a\":\"b\"}");
    expect_error(404, "TENANT_NOT_FOUND", "GET", "/v1/admin/tenants/nobody", ADMIN, NULL);
}

static void tenant_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"tenant_id\":\"ab\",\"name\":\"x\"}",
        "{\"tenant_id\":\"Acme\",\"name\":\"x\"}",
        "{\"tenant_id\":\"a_b_c\",\"name\":\"x\"}",
        "{\"tenant_id\":\"-abc\",\"name\":\"x\"}",
        "{\"tenant_id\":\"abc\"}",
        "{\"tenant_id\":\"abc\",\"name\":\"x\",\"default_reservation_ttl_ms\":999}",
        "{\"tenant_id\":\"abc\",\"name\":\"x\",\"metadata\":{\"a\":1}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/tenants", ADMIN, bodies[i]);
    }
    expect_error(401, "UNAUTHORIZED", "POST", "/v1/admin/tenants", ACME, bodies[0]);
    expect_error(401, "UNAUTHORIZED", "GET", "/v1/admin/tenants", ACME, NULL);
}

static void reserve(int status, const char *key, const char *who)
{
    char body[400];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"%s\",\"subject\":{\"tenant\":\"acme\"},"
                   "\"action\":{\"kind\":\"llm\",\"name\":\"m\"},\"estimate\":" USD("10") "}",
                   key);
    expect(status, "POST", "/v1/reservations", who, body);
}

static void suspended_tenant_holds_nothing_new_until_it_is_active_again(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"SUSPENDED\"}");
    expect_text("status", "SUSPENDED");
    expect_text("suspended_at", "2026-09-21T14:13:20.000Z");
    reserve(403, "k1", ACME);
    expect_error(
        409, "TENANT_SUSPENDED", "POST", "/v1/admin/budgets", ACME,
        "{\"scope\":\"tenant:acme/agent:x\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
            "1") "}");
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"ACTIVE\",\"name\":\"A\"}");
    expect_text("status", "ACTIVE");
    expect_text("name", "A");
    reserve(200, "k2", ACME);
}

static void closed_tenant_is_closed_for_good_with_all_that_it_has(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"CLOSED\"}");
    expect_text("closed_at", "2026-09-21T14:13:20.000Z");
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"CLOSED\"}");
    expect_error(409, "TENANT_CLOSED", "PATCH", "/v1/admin/tenants/acme", ADMIN,
                 "{\"status\":\"ACTIVE\"}");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), ADMIN, NULL);
    expect_text("status", "CLOSED");
    expect(200, "GET", "/v1/admin/api-keys?tenant_id=acme&status=REVOKED", ADMIN, NULL);
    expect_text("keys.0.key_id", "key_acme");
    expect_text("keys.0.revoked_reason", "tenant_closed");
    static const struct {
        const char *method, *target, *body;
    } changes[] = {
        {"POST", "/v1/admin/budgets",
         "{\"tenant_id\":\"acme\",\"scope\":\"tenant:acme/agent:x\",\"unit\":\"USD_MICROCENTS\","
         "\"allocated\":" USD("1") "}"},
        {"POST", "/v1/admin/budgets/fund" AT("tenant:acme") "&tenant_id=acme",
         "{\"operation\":\"CREDIT\",\"amount\":" USD("1") "}"},
        {"POST", "/v1/admin/budgets/freeze" AT("tenant:acme"), "{}"},
        {"PATCH", "/v1/admin/budgets" AT("tenant:acme"), "{\"overdraft_limit\":" USD("1") "}"},
        {"PATCH", "/v1/admin/budgets" AT("tenant:acme"), "{\"metadata\":{\"a\":1}}"},
        {"POST", "/v1/admin/policies",
         "{\"tenant_id\":\"acme\",\"name\":\"p\",\"scope_pattern\":\"tenant:acme\"}"},
        {"POST", "/v1/admin/api-keys", "{\"tenant_id\":\"acme\",\"name\":\"k\"}"},
        {"PATCH", "/v1/admin/api-keys/key_acme", "{\"name\":\"k\"}"},
        {"DELETE", "/v1/admin/api-keys/key_acme", NULL},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        expect_error(409, "TENANT_CLOSED", changes[i].method, changes[i].target, ADMIN,
                     changes[i].body);
    }
}

/* --- Budgets ---------------------------------------------------------------------------------- */

#define LEDGER                                                                                     \
    "ledger_id tenant_id scope scope_path unit allocated remaining reserved spent debt "           \
    "overdraft_limit is_over_limit "

static void budget_is_made_once_and_shown_whole(void **state)
{
    (void)state;
    const char *body =
        "{\"scope\":\"tenant:acme/agent:Bot\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
            "1000") ",\"overdraft_limit\":" USD("50") ","
                                                      "\"commit_overage_policy\":\"ALLOW_WITH_"
                                                      "OVERDRAFT\",\"rollover_policy\":\"CARRY_"
                                                      "FORWARD\","
                                                      "\"period_start\":\"2026-10-01T00:00:00Z\","
                                                      "\"period_end\":\"2026-11-01T02:00:00+02:"
                                                      "00\","
                                                      "\"metadata\":{\"cost_centre\":7.5}}";
    expect(201, "POST", "/v1/admin/budgets", ACME, body);
    assert_string_equal(cycles_kit_members(&kit),
                        LEDGER "commit_overage_policy status rollover_policy period_start "
                               "period_end created_at updated_at");
    expect_text("scope", "tenant:acme/agent:bot");
    expect_text("period_end", "2026-11-01T00:00:00.000Z");
    expect_number("remaining.amount", 1000);
    expect_error(409, "DUPLICATE_RESOURCE", "POST", "/v1/admin/budgets", ACME, body);
    cycles_kit_restart(&kit);
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme%2Fagent:BOT"), ACME, NULL);
    expect_text("rollover_policy", "CARRY_FORWARD");
    expect_text("commit_overage_policy", "ALLOW_WITH_OVERDRAFT");
    expect_number("overdraft_limit.amount", 50);
    expect_error(404, "BUDGET_NOT_FOUND", "GET",
                 "/v1/admin/budgets/lookup?scope=tenant:acme/agent:bot&unit=TOKENS", ACME, NULL);
    expect_error(403, "FORBIDDEN", "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), GLOBEX,
                 NULL);
}

static void budget_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code, *who, *body;
    } rows[] = {
        {400, "INVALID_REQUEST", ACME,
         "{\"scope\":\"agent:x\",\"unit\":\"TOKENS\",\"allocated\":{\"unit\":\"TOKENS\","
         "\"amount\":1}}"},
        {400, "UNIT_MISMATCH", ACME,
         "{\"scope\":\"tenant:acme\",\"unit\":\"TOKENS\",\"allocated\":" USD("1") "}"},
        {400, "INVALID_REQUEST", ACME,
         "{\"tenant_id\":\"acme\",\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\","
         "\"allocated\":" USD("1") "}"},
        {400, "INVALID_REQUEST", ADMIN,
         "{\"tenant_id\":\"nobody\",\"scope\":\"tenant:nobody\",\"unit\":\"USD_MICROCENTS\","
         "\"allocated\":" USD("1") "}"},
        {400, "INVALID_REQUEST", ADMIN,
         "{\"tenant_id\":\"acme\",\"scope\":\"tenant:globex\",\"unit\":\"USD_MICROCENTS\","
         "\"allocated\":" USD("1") "}"},
        {403, "FORBIDDEN", ACME,
         "{\"scope\":\"tenant:globex\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD("1") "}"},
        {400, "INVALID_REQUEST", ACME,
         "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
             "9007199254740992") "}"},
        {400, "INVALID_REQUEST", ACME,
         "{\"scope\":\"tenant:acme\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
             "1") ",\"period_start\":\"2026-10-02T00:00:00Z\",\"period_end\":\"2026-10-01T00:00:"
                  "00Z\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_error(rows[i].status, rows[i].code, "POST", "/v1/admin/budgets", rows[i].who,
                     rows[i].body);
    }
}

static void budget_is_frozen_and_unfrozen_by_the_administrator(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect_error(401, "UNAUTHORIZED", "POST", "/v1/admin/budgets/freeze" AT("tenant:acme"), ACME,
                 NULL);
    expect_error(409, "INVALID_REQUEST", "POST", "/v1/admin/budgets/unfreeze" AT("tenant:acme"),
                 ADMIN, NULL);
    expect(200, "POST", "/v1/admin/budgets/freeze" AT("tenant:acme"), ADMIN, NULL);
    expect_text("status", "FROZEN");
    assert_string_equal(cycles_kit_members(&kit), LEDGER "status created_at updated_at");
    expect_error(409, "BUDGET_FROZEN", "POST", "/v1/admin/budgets/freeze" AT("tenant:acme"), ADMIN,
                 "{\"reason\":\"again\"}");
    reserve(409, "k1", ACME);
    expect_error(409, "BUDGET_FROZEN", "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ACME,
                 "{\"operation\":\"CREDIT\",\"amount\":" USD("1") "}");
    expect(200, "PATCH", "/v1/admin/budgets" AT("tenant:acme"), ADMIN,
           "{\"overdraft_limit\":" USD("7") ",\"metadata\":{\"a\":1},"
                                            "\"commit_overage_policy\":\"REJECT\"}");
    expect_number("overdraft_limit.amount", 7);
    expect_text("commit_overage_policy", "REJECT");
    expect_text("status", "FROZEN");
    expect(200, "POST", "/v1/admin/budgets/unfreeze" AT("tenant:acme"), ADMIN,
           "{\"reason\":\"fine again\"}");
    expect_text("status", "ACTIVE");
    reserve(200, "k2", ACME);
    expect_error(404, "BUDGET_NOT_FOUND", "POST", "/v1/admin/budgets/freeze" AT("tenant:none"),
                 ADMIN, NULL);
}

static void fund(const char *operation, const char *amount, int64_t before, int64_t after)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"operation\":\"%s\",\"amount\":{\"unit\":\"USD_MICROCENTS\",\"amount\":%s}}",
                   operation, amount);
    expect(200, "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ACME, body);
    assert_string_equal(cycles_kit_members(&kit),
                        "operation previous_allocated new_allocated previous_remaining "
                        "new_remaining previous_debt new_debt previous_spent new_spent timestamp");
    expect_text("operation", operation);
    expect_number("previous_remaining.amount", before);
    expect_number("new_remaining.amount", after);
}

static void spend(int64_t amount)
{
    struct pawl_command command = {.type = PAWL_COMMAND_EVENT};
    command.u.event.subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    command.u.event.line_count = 1;
    command.u.event.lines[0] = (struct pawl_amount){PAWL_UNIT_USD_MICROCENTS, amount};
    command.u.event.overage = PAWL_OVERAGE_ALLOW_WITH_OVERDRAFT;
    cycles_kit_must(&kit, &command);
}

static void each_funding_operation_moves_what_its_table_says(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect(200, "PATCH", "/v1/admin/budgets" AT("tenant:acme"), ADMIN,
           "{\"overdraft_limit\":" USD("500") "}");
    fund("CREDIT", "200", 1000, 1200);
    expect_number("previous_allocated.amount", 1000);
    expect_number("new_allocated.amount", 1200);
    fund("DEBIT", "100", 1200, 1100);
    expect_error(409, "BUDGET_EXCEEDED", "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ACME,
                 "{\"operation\":\"DEBIT\",\"amount\":" USD("1101") "}");
    spend(1300); /* 1100 are there; 200 are owed */
    fund("RESET", "1500", -200, 200);
    expect_number("previous_spent.amount", 1100);
    expect_number("new_debt.amount", 200);
    fund("REPAY_DEBT", "150", 200, 350);
    expect_number("previous_debt.amount", 200);
    expect_number("new_debt.amount", 50);
    fund("RESET_SPENT", "900", 350, 850);
    expect_number("previous_spent.amount", 1100);
    expect_number("new_spent.amount", 0);
    expect_number("new_allocated.amount", 900);
    expect(200, "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ACME,
           "{\"operation\":\"RESET_SPENT\",\"amount\":" USD("900") ",\"spent\":" USD("1000") "}");
    expect_number("new_spent.amount", 1000);
    expect_number("new_remaining.amount", -150);
    expect_error(400, "UNIT_MISMATCH", "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ACME,
                 "{\"operation\":\"CREDIT\",\"amount\":{\"unit\":\"TOKENS\",\"amount\":1}}");
}

static void repeat_of_a_funding_key_gets_the_first_answer(void **state)
{
    (void)state;
    static char first[2000];
    const char *target = "/v1/admin/budgets/fund" AT("tenant:acme") "&tenant_id=acme";
    const char *body = "{\"operation\":\"CREDIT\",\"amount\":" USD(
        "5") ","
             "\"idempotency_key\":\"f1\",\"reason\":\"top-up\"}";
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), ADMIN,
                 body);
    expect(200, "POST", target, ADMIN, body);
    (void)snprintf(first, sizeof(first), "%s", cycles_kit_body(&kit));
    cycles_kit_advance(&kit, 5000);
    fund("CREDIT", "100", 1005, 1105);
    cycles_kit_restart(&kit);
    expect(200, "POST", target, ADMIN, body);
    assert_string_equal(cycles_kit_body(&kit), first);
    expect(200, "POST", target, ADMIN,
           "{\"reason\":\"top-up\", \"idempotency_key\":\"f1\",\"operation\":\"CREDIT\","
           "\"amount\":{\"amount\":5,\"unit\":\"USD_MICROCENTS\"}}");
    assert_string_equal(cycles_kit_body(&kit), first);
    expect_error(409, "IDEMPOTENCY_MISMATCH", "POST", target, ADMIN,
                 "{\"operation\":\"CREDIT\",\"amount\":" USD("6") ",\"idempotency_key\":\"f1\"}");
    expect(200, "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), ADMIN, NULL);
    expect_number("allocated.amount", 1105);
}

/* --- Lists ------------------------------------------------------------------------------------ */

enum { BUDGETS = 23 };

static void make_budgets(void)
{
    for (int i = 0; i < BUDGETS; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "tenant:%s/agent:a%02d", i % 3 == 0 ? "globex" : "acme",
                       i);
        uint64_t budget = cycles_kit_budget(
            &kit, path, i % 5 == 0 ? PAWL_UNIT_TOKENS : PAWL_UNIT_USD_MICROCENTS, 100 + i);
        struct pawl_command used = {.type = PAWL_COMMAND_BUDGET_FUND,
                                    .u.budget_fund = {.budget = budget,
                                                      .kind = PAWL_FUND_RESET_SPENT,
                                                      .amount = 100 + i,
                                                      .spent = (i * 37) % 100}};
        cycles_kit_must(&kit, &used);
    }
}

/* Walks all pages; returns how many rows there were. */
static int walk(const char *query, const char *who, const char *path, bool descending)
{
    char target[3000];
    char cursor[2500] = "";
    char before[300] = "";
    char seen[BUDGETS][300];
    int count = 0;
    do {
        (void)snprintf(target, sizeof(target), "/v1/admin/budgets?limit=4%s%s%s", query,
                       cursor[0] != '\0' ? "&cursor=" : "", cursor);
        expect(200, "GET", target, who, NULL);
        for (int i = 0; i < 4; i++) {
            char at[64];
            (void)snprintf(at, sizeof(at), "ledgers.%d.scope", i);
            char scope[300];
            (void)snprintf(scope, sizeof(scope), "%s", cycles_kit_text(&kit, at));
            if (scope[0] == '\0') {
                break;
            }
            for (int other = 0; other < count; other++) {
                assert_string_not_equal(seen[other], scope);
            }
            (void)snprintf(seen[count++], sizeof(seen[0]), "%s", scope);
            (void)snprintf(at, sizeof(at), "ledgers.%d.%s", i, path);
            int order = strcmp(before, cycles_kit_text(&kit, at));
            assert_true(before[0] == '\0' || (descending ? order >= 0 : order <= 0));
            (void)snprintf(before, sizeof(before), "%s", cycles_kit_text(&kit, at));
        }
        (void)snprintf(cursor, sizeof(cursor), "%s", cycles_kit_text(&kit, "next_cursor"));
        expect_text("has_more", cursor[0] != '\0' ? "true" : "false");
    } while (cursor[0] != '\0');
    return count;
}

static void list_of_budgets_has_each_once_in_every_order(void **state)
{
    (void)state;
    make_budgets();
    static const struct {
        const char *query, *who, *path;
        bool descending;
        int count;
    } rows[] = {
        {"", ADMIN, "x", false, BUDGETS},
        {"&sort_by=scope&sort_dir=asc", ADMIN, "scope", false, BUDGETS},
        {"&sort_by=scope", ADMIN, "scope", true, BUDGETS},
        {"&sort_by=tenant_id&sort_dir=asc", ADMIN, "tenant_id", false, BUDGETS},
        {"&sort_by=unit", ADMIN, "unit", true, BUDGETS},
        {"&sort_by=status", ADMIN, "status", true, BUDGETS},
        {"&sort_by=commit_overage_policy", ADMIN, "x", true, BUDGETS},
        {"&sort_by=debt", ADMIN, "debt.amount", true, BUDGETS},
        {"&sort_by=utilization&sort_dir=asc", ADMIN, "x", false, BUDGETS},
        {"&tenant_id=globex&sort_by=scope", ADMIN, "scope", true, 8},
        {"", ACME, "x", false, 15},
        {"&tenant_id=globex", ACME, "x", false, 15}, /* a key's own, whatever it says */
        {"&unit=TOKENS", ADMIN, "x", false, 5},
        {"&search=A1", ADMIN, "x", false, 10},
        {"&search=globex&unit=TOKENS", ADMIN, "x", false, 2},
        {"&scope_prefix=tenant:acme/agent:a2", ADMIN, "x", false, 2},
        {"&over_limit=true", ADMIN, "x", false, 0},
        {"&has_debt=false&status=ACTIVE", ADMIN, "x", false, BUDGETS},
        {"&tenant_id=nobody", ADMIN, "x", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int count = walk(rows[i].query, rows[i].who, rows[i].path, rows[i].descending);
        if (count != rows[i].count) {
            fail_msg("%s: %d rows, not %d", rows[i].query, count, rows[i].count);
        }
    }
}

static void list_of_budgets_is_sorted_by_use_as_a_fraction(void **state)
{
    (void)state;
    make_budgets();
    expect(200, "GET", "/v1/admin/budgets?sort_by=utilization&limit=5000", ADMIN, NULL);
    for (int i = 0; i + 1 < BUDGETS; i++) {
        int64_t numbers[4];
        for (int k = 0; k < 4; k++) {
            char at[64];
            (void)snprintf(at, sizeof(at), "ledgers.%d.%s.amount", i + k / 2,
                           k % 2 == 0 ? "spent" : "allocated");
            numbers[k] = cycles_kit_number(&kit, at);
        }
        assert_true(numbers[0] * numbers[3] >= numbers[2] * numbers[1]);
    }
    int wanted = 0;
    for (int i = 0; i < BUDGETS; i++) {
        int64_t spent = (i * 37) % 100;
        wanted += spent * 100 >= 25 * (100 + i) && spent * 1000 <= 500 * (100 + i);
    }
    assert_int_equal(walk("&utilization_min=0.25&utilization_max=5e-1", ADMIN, "x", false), wanted);
}

static void list_is_refused_what_it_cannot_mean(void **state)
{
    (void)state;
    char target[3000];
    static const char *const queries[] = {
        "sort_by=nothing",
        "sort_dir=up",
        "limit=0",
        "limit=x",
        "unit=EUR",
        "status=OPEN",
        "utilization_min=1.1",
        "utilization_max=-0.1",
        "utilization_min=x",
        "utilization_min=0.5&utilization_max=0.4",
        "cursor=AAAA",
        "over_limit=yes",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        (void)snprintf(target, sizeof(target), "/v1/admin/budgets?%s", queries[i]);
        expect_error(400, "INVALID_REQUEST", "GET", target, ADMIN, NULL);
    }
    for (int bytes = 128; bytes <= 129; bytes++) {
        (void)snprintf(target, sizeof(target), "/v1/admin/budgets?search=%0*d", bytes, 7);
        expect(bytes == 128 ? 200 : 400, "GET", target, ADMIN, NULL);
    }
    make_budgets();
    expect(200, "GET", "/v1/admin/budgets?limit=2&sort_by=scope", ADMIN, NULL);
    char cursor[2500];
    (void)snprintf(cursor, sizeof(cursor), "%s", cycles_kit_text(&kit, "next_cursor"));
    (void)snprintf(target, sizeof(target), "/v1/admin/budgets?limit=3&sort_by=scope&cursor=%s",
                   cursor);
    expect(200, "GET", target, ADMIN, NULL);
    (void)snprintf(target, sizeof(target), "/v1/admin/budgets?sort_by=unit&cursor=%s", cursor);
    expect_error(400, "INVALID_REQUEST", "GET", target, ADMIN, NULL);
    (void)snprintf(target, sizeof(target), "/v1/admin/budgets?sort_by=scope&unit=TOKENS&cursor=%s",
                   cursor);
    expect_error(400, "INVALID_REQUEST", "GET", target, ADMIN, NULL);
    (void)snprintf(target, sizeof(target), "/v1/admin/tenants?cursor=%s", cursor);
    expect_error(400, "INVALID_REQUEST", "GET", target, ADMIN, NULL);
}

static void lists_of_tenants_and_keys_are_filtered_and_sorted(void **state)
{
    (void)state;
    expect(200, "GET", "/v1/admin/tenants", ADMIN, NULL);
    expect_text("tenants.0.tenant_id", "globex"); /* the newest first */
    expect(200, "GET", "/v1/admin/tenants?sort_by=name&sort_dir=asc&limit=1", ADMIN, NULL);
    expect_text("tenants.0.tenant_id", "acme");
    expect_text("has_more", "true");
    expect(200, "GET", "/v1/admin/tenants?search=LOB", ADMIN, NULL);
    expect_text("tenants.0.tenant_id", "globex");
    expect_text("tenants.1", "");
    expect(200, "GET", "/v1/admin/api-keys?sort_by=tenant_id&sort_dir=asc", ADMIN, NULL);
    expect_text("keys.0.key_id", "key_acme");
    expect_text("keys.1.key_id", "key_globex");
    expect(200, "GET", "/v1/admin/api-keys?search=glob&sort_by=expires_at", ADMIN, NULL);
    expect_text("keys.0.tenant_id", "globex");
    expect_text("keys.1", "");
}

/* --- Keys ------------------------------------------------------------------------------------- */

static void make_key(const char *more, char secret[static 64], char id[static 64])
{
    char body[600];
    (void)snprintf(body, sizeof(body), "{\"tenant_id\":\"acme\",\"name\":\"k\"%s}", more);
    expect(201, "POST", "/v1/admin/api-keys", ADMIN, body);
    assert_string_equal(cycles_kit_members(&kit),
                        "key_id key_secret key_prefix tenant_id permissions created_at expires_at");
    (void)snprintf(id, 64, "%s", cycles_kit_text(&kit, "key_id"));
    (void)snprintf(secret, 64, "%s", cycles_kit_text(&kit, "key_secret"));
    assert_int_equal(strlen(secret), strlen("cyc_live_") + 32);
    assert_int_equal(strncmp(secret, cycles_kit_text(&kit, "key_prefix"), 14), 0);
}

static const char *as(const char *secret)
{
    static char header[128];
    (void)snprintf(header, sizeof(header), "X-Cycles-API-Key: %s\n", secret);
    return header;
}

static void key_works_until_it_is_revoked_and_is_never_shown_again(void **state)
{
    (void)state;
    char secret[64];
    char id[64];
    char target[128];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    make_key("", secret, id);
    expect_text("expires_at", "2026-12-20T14:13:20.000Z"); /* 90 days */
    reserve(200, "k1", as(secret));
    (void)snprintf(target, sizeof(target), "/v1/admin/api-keys/%s", id);
    expect(200, "PATCH", target, ADMIN,
           "{\"name\":\"renamed\",\"description\":\"d\",\"metadata\":{\"a\":[1.5]},"
           "\"permissions\":[\"balances:read\"]}");
    assert_string_equal(cycles_kit_members(&kit),
                        "key_id tenant_id key_prefix name description permissions status "
                        "created_at expires_at metadata");
    assert_null(strstr(cycles_kit_body(&kit), secret));
    reserve(403, "k2", as(secret));
    expect(200, "GET", "/v1/balances?tenant=acme", as(secret), NULL);
    char with_reason[200];
    (void)snprintf(with_reason, sizeof(with_reason), "%s?reason=lost%%20it", target);
    expect(200, "DELETE", with_reason, ADMIN, NULL);
    expect_text("status", "REVOKED");
    expect_text("revoked_reason", "lost it");
    expect(401, "GET", "/v1/balances?tenant=acme", as(secret), NULL);
    cycles_kit_restart(&kit);
    expect(401, "GET", "/v1/balances?tenant=acme", as(secret), NULL);
    expect_error(409, "KEY_REVOKED", "DELETE", target, ADMIN, NULL);
    expect_error(409, "KEY_REVOKED", "PATCH", target, ADMIN, "{\"name\":\"x\"}");
    expect_error(404, "NOT_FOUND", "DELETE", "/v1/admin/api-keys/key_none", ADMIN, NULL);
}

static void key_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"name\":\"k\"}",
        "{\"tenant_id\":\"nobody\",\"name\":\"k\"}",
        "{\"tenant_id\":\"acme\",\"name\":\"k\",\"permissions\":[\"budgets:eat\"]}",
        "{\"tenant_id\":\"acme\",\"name\":\"k\",\"permissions\":\"budgets:read\"}",
        "{\"tenant_id\":\"acme\",\"name\":\"k\",\"scope_filter\":[\"team:x\"]}",
        "{\"tenant_id\":\"acme\",\"name\":\"k\",\"expires_at\":\"2026-09-21T14:13:19Z\"}",
        "{\"tenant_id\":\"acme\",\"name\":\"k\",\"expires_at\":\"tomorrow\"}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/api-keys", ADMIN, bodies[i]);
    }
}

static void scope_filter_bounds_what_a_key_may_govern(void **state)
{
    (void)state;
    char secret[64];
    char id[64];
    make_key(",\"scope_filter\":[\"workspace:Eng\"]", secret, id);
    expect(
        201, "POST", "/v1/admin/budgets", as(secret),
        "{\"scope\":\"tenant:acme/workspace:eng\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
            "10") "}");
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    expect_error(
        403, "FORBIDDEN", "POST", "/v1/admin/budgets", as(secret),
        "{\"scope\":\"tenant:acme/agent:x\",\"unit\":\"USD_MICROCENTS\",\"allocated\":" USD(
            "10") "}");
    expect_error(403, "FORBIDDEN", "GET", "/v1/admin/budgets/lookup" AT("tenant:acme"), as(secret),
                 NULL);
    expect_error(403, "FORBIDDEN", "POST", "/v1/admin/budgets/fund" AT("tenant:acme"), as(secret),
                 "{\"operation\":\"CREDIT\",\"amount\":" USD("1") "}");
    expect(200, "GET", "/v1/admin/budgets", as(secret), NULL);
    expect_text("ledgers.0.scope", "tenant:acme/workspace:eng");
    expect_text("ledgers.1", "");
    expect(201, "POST", "/v1/admin/policies", as(secret),
           "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme/workspace:eng/agent:*\"}");
    expect_error(403, "FORBIDDEN", "POST", "/v1/admin/policies", as(secret),
                 "{\"name\":\"q\",\"scope_pattern\":\"tenant:acme/workspace:*\"}");
    expect_error(403, "FORBIDDEN", "POST", "/v1/admin/policies", as(secret),
                 "{\"name\":\"q\",\"scope_pattern\":\"*\"}");
    expect(200, "GET", "/v1/auth/introspect", as(secret), NULL);
    expect_text("scope_filter", "[\"workspace:Eng\"]");
}

static void permission_is_needed_for_each_operation(void **state)
{
    (void)state;
    char secret[64];
    char id[64];
    make_key(",\"permissions\":[\"budgets:read\"]", secret, id);
    expect(200, "GET", "/v1/admin/budgets", as(secret), NULL);
    expect_error(403, "INSUFFICIENT_PERMISSIONS", "POST", "/v1/admin/budgets", as(secret), "{}");
    expect_error(403, "INSUFFICIENT_PERMISSIONS", "GET", "/v1/admin/policies", as(secret), NULL);
    expect_error(403, "INSUFFICIENT_PERMISSIONS", "POST",
                 "/v1/admin/budgets/fund" AT("tenant:acme"), as(secret), "{}");
    make_key(",\"permissions\":[\"admin:read\"]", secret, id);
    expect(200, "GET", "/v1/admin/policies", as(secret), NULL);
    expect_error(403, "INSUFFICIENT_PERMISSIONS", "POST", "/v1/admin/policies", as(secret), "{}");
}

static void key_is_validated_without_being_used(void **state)
{
    (void)state;
    expect(200, "POST", "/v1/auth/validate", ADMIN, "{\"key_secret\":\"" CYCLES_KIT_ACME "\"}");
    assert_string_equal(cycles_kit_members(&kit), "valid tenant_id key_id permissions expires_at");
    expect_text("valid", "true");
    expect_text("tenant_id", "acme");
    expect(200, "POST", "/v1/auth/validate", ADMIN, "{\"key_secret\":\"nothing\"}");
    assert_string_equal(cycles_kit_members(&kit), "valid tenant_id reason");
    expect_text("valid", "false");
    expect(200, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"SUSPENDED\"}");
    expect(200, "POST", "/v1/auth/validate", ADMIN, "{\"key_secret\":\"" CYCLES_KIT_ACME "\"}");
    expect_text("reason", "TENANT_SUSPENDED");
}

static void introspection_tells_who_asks_and_what_he_may(void **state)
{
    (void)state;
    expect(200, "GET", "/v1/auth/introspect", ADMIN, NULL);
    assert_string_equal(cycles_kit_members(&kit),
                        "authenticated auth_type permissions capabilities");
    expect_text("permissions", "[\"*\"]");
    expect_text("capabilities.manage_tenants", "true");
    expect(200, "GET", "/v1/auth/introspect", ACME, NULL);
    assert_string_equal(cycles_kit_members(&kit),
                        "authenticated auth_type permissions capabilities tenant_id");
    expect_text("auth_type", "tenant");
    expect_text("capabilities.view_budgets", "true");
    expect_text("capabilities.view_events", "false");
    expect_text("capabilities.view_tenants", "false");
    expect_text("capabilities.manage_reservations", "true");
    expect_error(401, "UNAUTHORIZED", "GET", "/v1/auth/introspect", "", NULL);
}

/* --- Policies --------------------------------------------------------------------------------- */

static void policy_is_made_changed_listed_and_obeyed(void **state)
{
    (void)state;
    char target[128];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    const char *body =
        "{\"name\":\"p\",\"description\":\"d\",\"scope_pattern\":\"tenant:acme\",\"priority\":5,"
        "\"caps\":{\"max_tokens\":100,\"tool_allowlist\":[],\"tool_denylist\":[\"rm\"],"
        "\"cooldown_ms\":null},\"commit_overage_policy\":\"REJECT\","
        "\"reservation_ttl_override\":{\"default_ttl_ms\":2000,\"max_extensions\":0},"
        "\"rate_limits\":{\"max_commits_per_minute\":2},"
        "\"effective_from\":\"2026-01-01T00:00:00Z\"}";
    expect(201, "POST", "/v1/admin/policies", ACME, body);
    assert_string_equal(cycles_kit_members(&kit),
                        "policy_id name description scope_pattern priority caps "
                        "commit_overage_policy reservation_ttl_override rate_limits status "
                        "effective_from created_at updated_at");
    expect_text("caps", "{\"max_tokens\":100,\"tool_denylist\":[\"rm\"]}");
    (void)snprintf(target, sizeof(target), "/v1/admin/policies/%s",
                   cycles_kit_text(&kit, "policy_id"));
    expect_error(409, "DUPLICATE_RESOURCE", "POST", "/v1/admin/policies", ACME, body);
    reserve(200, "k1", ACME);
    expect_text("decision", "ALLOW_WITH_CAPS");
    expect_number("caps.max_tokens", 100);
    expect_number("remaining_ttl_ms", 2000);
    reserve(200, "k2", ACME);
    reserve(429, "k3", ACME);
    expect_text("error", "LIMIT_EXCEEDED");
    expect(200, "PATCH", target, ADMIN,
           "{\"rate_limits\":{\"max_commits_per_minute\":3},\"caps\":{}}");
    reserve(200, "k4", ACME);
    expect_text("decision", "ALLOW");
    reserve(429, "k5", ACME);
    expect(200, "PATCH", target, ACME, "{\"status\":\"DISABLED\"}");
    expect_text("status", "DISABLED");
    reserve(200, "k6", ACME);
    expect_error(403, "FORBIDDEN", "PATCH", target, GLOBEX, "{\"name\":\"x\"}");
    expect_error(404, "NOT_FOUND", "PATCH", "/v1/admin/policies/pol_none", ADMIN, "{}");
    expect_error(400, "INVALID_REQUEST", "GET", "/v1/admin/policies", ADMIN, NULL);
    expect(200, "GET", "/v1/admin/policies?tenant_id=acme&status=DISABLED", ADMIN, NULL);
    expect(200, "GET", "/v1/admin/policies?status=ACTIVE", ACME, NULL);
    assert_string_equal(cycles_kit_body(&kit), "{\"policies\":[],\"has_more\":false}");
}

static void policy_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"name\":\"p\"}",
        "{\"name\":\"p\",\"scope_pattern\":\"team:x\"}",
        "{\"name\":\"p\",\"scope_pattern\":\"tenant:globex\"}",
        "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\",\"priority\":-1}",
        "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\",\"caps\":{\"max_steps\":1}}",
        "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\",\"rate_limits\":"
        "{\"max_commits_per_minute\":0}}",
        "{\"name\":\"p\",\"scope_pattern\":\"tenant:acme\",\"effective_from\":"
        "\"2026-02-01T00:00:00Z\",\"effective_until\":\"2026-02-01T00:00:00Z\"}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        expect_error(400, "INVALID_REQUEST", "POST", "/v1/admin/policies", ACME, bodies[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tenant_is_made_once_and_may_be_asked_for_twice),
        TEST(tenant_that_is_none_is_refused),
        TEST(suspended_tenant_holds_nothing_new_until_it_is_active_again),
        TEST(closed_tenant_is_closed_for_good_with_all_that_it_has),
        TEST(budget_is_made_once_and_shown_whole),
        TEST(budget_that_is_none_is_refused),
        TEST(budget_is_frozen_and_unfrozen_by_the_administrator),
        TEST(each_funding_operation_moves_what_its_table_says),
        TEST(repeat_of_a_funding_key_gets_the_first_answer),
        TEST(list_of_budgets_has_each_once_in_every_order),
        TEST(list_of_budgets_is_sorted_by_use_as_a_fraction),
        TEST(list_is_refused_what_it_cannot_mean),
        TEST(lists_of_tenants_and_keys_are_filtered_and_sorted),
        TEST(key_works_until_it_is_revoked_and_is_never_shown_again),
        TEST(key_that_is_none_is_refused),
        TEST(scope_filter_bounds_what_a_key_may_govern),
        TEST(permission_is_needed_for_each_operation),
        TEST(key_is_validated_without_being_used),
        TEST(introspection_tells_who_asks_and_what_he_may),
        TEST(policy_is_made_changed_listed_and_obeyed),
        TEST(policy_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
