/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_holds.c: POST /v1/reservations and /v1/decide: what is granted, what is refused and
 * how that is said, and that a repeat is the first answer again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/cycles_kit.h"

#define GLOBEX "X-Cycles-API-Key: " CYCLES_KIT_GLOBEX "\n"
#define ACTION "\"action\":{\"kind\":\"llm.completion\",\"name\":\"gpt\"}"

enum { BODY_BYTES = 4096 };

static int open_kit(void **state)
{
    static struct cycles_kit kit;
    cycles_kit_open(&kit, 2);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 1000);
    (void)cycles_kit_budget(&kit, "tenant:acme/agent:bot", PAWL_UNIT_USD_MICROCENTS, 600);
    *state = &kit;
    return 0;
}

static int close_kit(void **state)
{
    cycles_kit_free(*state);
    return 0;
}

/* "…" stands for key, amount, and what comes besides (beginning with a comma). */
static const char *body_of(const char *key, const char *agent, int amount, const char *besides)
{
    static char body[BODY_BYTES];
    (void)snprintf(
        body, sizeof(body),
        "{\"idempotency_key\":\"%s\",\"subject\":{\"tenant\":\"acme\",\"agent\":\"%s\"}," ACTION
        ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":%d}%s}",
        key, agent, amount, besides);
    return body;
}

static int reserve(struct cycles_kit *kit, const char *key, int amount, const char *besides)
{
    return cycles_kit_send(kit, "POST", "/v1/reservations", NULL,
                           body_of(key, "bot", amount, besides));
}

static void assert_error(struct cycles_kit *kit, int status, const char *code)
{
    assert_int_equal(kit->exchange.status, status);
    assert_string_equal(cycles_kit_text(kit, "error"), code);
}

/* The last answer's body, to compare with later ones. */
static void keep_body(struct cycles_kit *kit, char out[static BODY_BYTES])
{
    (void)snprintf(out, BODY_BYTES, "%s", cycles_kit_body(kit));
}

static void a_hold_is_granted_with_a_closed_body(void **state)
{
    struct cycles_kit *kit = *state;
    assert_int_equal(reserve(kit, "k1", 100, ",\"ttl_ms\":30000"), 200);
    assert_string_equal(cycles_kit_members(kit),
                        "decision reservation_id affected_scopes scope_path reserved expires_at_ms "
                        "remaining_ttl_ms");
    assert_string_equal(cycles_kit_text(kit, "decision"), "ALLOW");
    assert_int_equal(strncmp(cycles_kit_text(kit, "reservation_id"), "rsv_", 4), 0);
    assert_string_equal(cycles_kit_text(kit, "affected_scopes"),
                        "[\"tenant:acme\",\"tenant:acme/agent:bot\"]");
    assert_string_equal(cycles_kit_text(kit, "scope_path"), "tenant:acme/agent:bot");
    assert_string_equal(cycles_kit_text(kit, "reserved"),
                        "{\"unit\":\"USD_MICROCENTS\",\"amount\":100}");
    assert_int_equal(cycles_kit_number(kit, "expires_at_ms"), KIT_START_US / 1000 + 30000);
    assert_int_equal(cycles_kit_number(kit, "remaining_ttl_ms"), 30000);
    assert_true(cycles_kit_header_is(kit, "X-Cycles-Tenant: acme"));
    assert_true(cycles_kit_header_is(kit, "Content-Type: application/json"));
}

static void a_subject_without_a_tenant_is_the_keys(void **state)
{
    struct cycles_kit *kit = *state;
    static const char body[] =
        "{\"idempotency_key\":\"k1\",\"subject\":{\"agent\":\"BOT\",\"dimensions\":{\"user\":"
        "\"Ann\",\"empty\":\"\"}}," ACTION
        ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":1}}";
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
    assert_string_equal(cycles_kit_text(kit, "scope_path"), "tenant:acme/agent:bot");
}

static void a_repeat_is_the_first_answer_but_for_the_time_left(void **state)
{
    struct cycles_kit *kit = *state;
    char first[BODY_BYTES];
    assert_int_equal(reserve(kit, "k1", 100, ",\"metadata\":{\"a\":1,\"b\":[true,null,\"x\"]}"),
                     200);
    keep_body(kit, first);
    assert_int_equal(reserve(kit, "k1", 100, ",\"metadata\":{\"a\":1,\"b\":[true,null,\"x\"]}"),
                     200);
    assert_string_equal(cycles_kit_body(kit), first);
    /* The same said in other words. */
    assert_int_equal(
        cycles_kit_send(kit, "POST", "/v1/reservations", NULL,
                        " {\"metadata\" : {\"\\u0062\":[true, null,\"\\u0078\"], \"a\":1},"
                        "\"estimate\":{\"amount\":100,\"unit\":\"USD_MICROCENTS\"},"
                        "\"grace_period_ms\":5000,\"dry_run\":false,\"ttl_ms\":null," ACTION ","
                        "\"subject\":{\"agent\":\"bot\",\"tenant\":\"acme\"},"
                        "\"idempotency_key\":\"k1\"}"),
        200);
    assert_string_equal(cycles_kit_body(kit), first);
    /* Later, and by another process. */
    cycles_kit_restart(kit);
    cycles_kit_advance(kit, 1500);
    assert_int_equal(reserve(kit, "k1", 100, ",\"metadata\":{\"b\":[true,null,\"x\"],\"a\":1}"),
                     200);
    assert_int_equal(cycles_kit_number(kit, "remaining_ttl_ms"), 60000 - 1500);
    assert_int_equal(cycles_kit_number(kit, "expires_at_ms"), KIT_START_US / 1000 + 60000);
    char *left = strstr(first, "\"remaining_ttl_ms\":60000");
    assert_non_null(left);
    memcpy(left, "\"remaining_ttl_ms\":58500", 24);
    assert_string_equal(cycles_kit_body(kit), first);
    /* When the hold is over there is nothing left. */
    cycles_kit_advance(kit, 70000);
    assert_int_equal(reserve(kit, "k1", 100, ",\"metadata\":{\"b\":[true,null,\"x\"],\"a\":1}"),
                     200);
    assert_int_equal(cycles_kit_number(kit, "remaining_ttl_ms"), 0);
}

/* Members that differ late, early, in length alone; with a text that is long; one spelt oddly. */
static const char *const members[] = {
    "\"a\":1",
    "\"b\":\"1\"",
    "\"ab\":{\"y\":1,\"x\":2}",
    "\"abab\":[\"x\",{\"y\":1}]",
    "\"tokens_input\":7",
    "\"tokens_output\":7",
    "\"tokens_in\":8",
    "\"tokens_i\":9",
    "\"tokens\":9",
    "\"\":null",
    "\"\xc3\xa9\":false",
    "\"\\u00e8\":true",
    "\"note\":\""
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "\"",
    "\"z\":-1.50e3",
};

/* So many of them, from the given one on; in the place of `other` a value that is not there. */
static const char *metadata_of(size_t count, size_t first, size_t other)
{
    static char text[BODY_BYTES];
    size_t bytes = (size_t)snprintf(text, sizeof(text), ",\"metadata\":{");
    for (size_t i = 0; i < count; i++) {
        size_t member = (first + i) % count;
        const char *value = strchr(members[member], ':') + 1;
        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s%.*s%s", i > 0 ? "," : "",
                                  (int)(value - members[member]), members[member],
                                  member == other ? "\"other\"" : value);
    }
    (void)snprintf(text + bytes, sizeof(text) - bytes, "}");
    return text;
}

static void members_of_metadata_may_come_in_any_order(void **state)
{
    struct cycles_kit *kit = *state;
    char key[] = "k0";
    char first[BODY_BYTES];
    for (size_t count = 1; count <= PAWL_ARRAY_LEN(members); count++) {
        key[1]++;
        assert_int_equal(reserve(kit, key, 1, metadata_of(count, 0, SIZE_MAX)), 200);
        keep_body(kit, first);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(reserve(kit, key, 1, metadata_of(count, i, SIZE_MAX)), 200);
            assert_string_equal(cycles_kit_body(kit), first);
            (void)reserve(kit, key, 1, metadata_of(count, 0, i));
            assert_error(kit, 409, "IDEMPOTENCY_MISMATCH");
        }
    }
}

static void another_payload_under_the_same_key_is_a_mismatch(void **state)
{
    struct cycles_kit *kit = *state;
    static const char *const others[] = {",\"ttl_ms\":61000",
                                         ",\"dry_run\":true",
                                         ",\"metadata\":{}",
                                         ",\"metadata\":{\"a\":\"1\"}",
                                         ",\"overage_policy\":\"REJECT\"",
                                         ",\"grace_period_ms\":0"};
    assert_int_equal(reserve(kit, "k1", 100, ""), 200);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(others); i++) {
        (void)reserve(kit, "k1", 100, others[i]);
        assert_error(kit, 409, "IDEMPOTENCY_MISMATCH");
    }
    (void)reserve(kit, "k1", 101, "");
    assert_error(kit, 409, "IDEMPOTENCY_MISMATCH");
    /* Keys of decisions are their own. */
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("k1", "bot", 1, "")),
                     200);
}

static void a_request_that_failed_does_not_use_up_its_key(void **state)
{
    struct cycles_kit *kit = *state;
    (void)reserve(kit, "k1", 601, "");
    assert_error(kit, 409, "BUDGET_EXCEEDED");
    assert_int_equal(reserve(kit, "k1", 600, ""), 200);
}

static void keys_of_tenants_are_their_own(void **state)
{
    struct cycles_kit *kit = *state;
    static const char body[] = "{\"idempotency_key\":\"k1\",\"subject\":{\"agent\":\"bot\"}," ACTION
                               ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":100}}";
    (void)cycles_kit_budget(kit, "tenant:globex", PAWL_UNIT_USD_MICROCENTS, 1000);
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", GLOBEX, body), 200);
    assert_string_equal(cycles_kit_text(kit, "scope_path"), "tenant:globex/agent:bot");
}

static void a_denial_says_which_budget_and_what_would_fit(void **state)
{
    struct cycles_kit *kit = *state;
    assert_int_equal(reserve(kit, "k1", 400, ""), 200);
    (void)reserve(kit, "k2", 201, "");
    assert_error(kit, 409, "BUDGET_EXCEEDED");
    assert_string_equal(cycles_kit_text(kit, "details.scope"), "tenant:acme/agent:bot");
    assert_string_equal(cycles_kit_text(kit, "details.unit"), "USD_MICROCENTS");
    assert_string_equal(cycles_kit_text(kit, "details.window"), "lifetime");
    assert_string_equal(cycles_kit_text(kit, "details.limit_kind"), "held");
    assert_int_equal(cycles_kit_number(kit, "details.limit"), 600);
    assert_int_equal(cycles_kit_number(kit, "details.held"), 400);
    assert_int_equal(cycles_kit_number(kit, "details.spent"), 0);
    assert_int_equal(cycles_kit_number(kit, "details.asked"), 201);
    assert_int_equal(cycles_kit_number(kit, "details.fits"), 200);
    assert_int_equal(cycles_kit_number(kit, "details.resets_at_ms"), 0);
    (void)reserve(kit, "k3", 1001, "");
    assert_string_equal(cycles_kit_text(kit, "details.limit_kind"), "spent");
}

static void a_scope_without_a_budget_is_404_and_a_wrong_unit_400(void **state)
{
    struct cycles_kit *kit = *state;
    static const char tokens[] =
        "{\"idempotency_key\":\"k1\",\"subject\":{\"agent\":\"bot\"}," ACTION
        ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}";
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, tokens);
    assert_error(kit, 400, "UNIT_MISMATCH");
    assert_string_equal(cycles_kit_text(kit, "details.requested_unit"), "TOKENS");
    assert_string_equal(cycles_kit_text(kit, "details.expected_units"), "[\"USD_MICROCENTS\"]");
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", GLOBEX, tokens);
    assert_error(kit, 404, "NOT_FOUND");
    assert_non_null(strstr(cycles_kit_text(kit, "message"),
                           "Budget not found for provided scope: tenant:globex/agent:bot"));
}

static void a_dry_run_holds_nothing_and_denies_with_200(void **state)
{
    struct cycles_kit *kit = *state;
    assert_int_equal(reserve(kit, "k1", 600, ",\"dry_run\":true"), 200);
    assert_string_equal(cycles_kit_members(kit), "decision affected_scopes scope_path reserved");
    assert_string_equal(cycles_kit_text(kit, "decision"), "ALLOW");
    assert_int_equal(reserve(kit, "k2", 601, ",\"dry_run\":true"), 200);
    assert_string_equal(cycles_kit_members(kit), "decision affected_scopes scope_path reason_code");
    assert_string_equal(cycles_kit_text(kit, "decision"), "DENY");
    assert_string_equal(cycles_kit_text(kit, "reason_code"), "BUDGET_EXCEEDED");
    assert_int_equal(reserve(kit, "k3", 600, ""), 200);
}

static void decide_answers_every_state_of_a_budget_with_200(void **state)
{
    struct cycles_kit *kit = *state;
    assert_int_equal(
        cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d1", "bot", 600, "")), 200);
    assert_string_equal(cycles_kit_members(kit), "decision affected_scopes");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d2", "bot", 601, ""));
    assert_string_equal(cycles_kit_members(kit), "decision reason_code affected_scopes");
    assert_string_equal(cycles_kit_text(kit, "reason_code"), "BUDGET_EXCEEDED");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", GLOBEX,
                          "{\"idempotency_key\":\"d\",\"subject\":{\"app\":\"a\"}," ACTION
                          ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}");
    assert_int_equal(kit->exchange.status, 200);
    assert_string_equal(cycles_kit_text(kit, "reason_code"), "BUDGET_NOT_FOUND");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL,
                          "{\"idempotency_key\":\"d3\",\"subject\":{\"app\":\"a\"}," ACTION
                          ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}");
    assert_error(kit, 400, "UNIT_MISMATCH");
    /* Nothing is held by any of it. */
    assert_int_equal(reserve(kit, "k1", 600, ""), 200);
}

static void a_decision_is_remembered_whichever_way_it_went(void **state)
{
    struct cycles_kit *kit = *state;
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d1", "bot", 601, ""));
    assert_string_equal(cycles_kit_text(kit, "decision"), "DENY");
    assert_int_equal(reserve(kit, "k1", 601, ",\"dry_run\":true"), 200);
    assert_string_equal(cycles_kit_text(kit, "decision"), "DENY");
    (void)cycles_kit_send(
        kit, "POST",
        "/v1/admin/budgets/fund?tenant_id=acme&unit=USD_MICROCENTS&"
        "scope=tenant:acme/agent:bot",
        "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n",
        "{\"operation\":\"CREDIT\",\"amount\":{\"unit\":\"USD_MICROCENTS\",\"amount\":1000}}");
    assert_int_equal(kit->exchange.status, 200);
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d1", "bot", 601, ""));
    assert_string_equal(cycles_kit_text(kit, "decision"), "DENY");
    assert_int_equal(reserve(kit, "k1", 601, ",\"dry_run\":true"), 200);
    assert_string_equal(cycles_kit_text(kit, "decision"), "DENY");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d2", "bot", 601, ""));
    assert_string_equal(cycles_kit_text(kit, "decision"), "ALLOW");
}

static void caps_of_a_policy_are_said_and_said_again(void **state)
{
    struct cycles_kit *kit = *state;
    char first[BODY_BYTES];
    const struct pawl_policy_rule policy = {.id = PAWL_SLICE("pol_1"),
                                            .tenant = PAWL_SLICE("acme"),
                                            .name = PAWL_SLICE("small"),
                                            .pattern = PAWL_SLICE("tenant:acme/*"),
                                            .enabled = true,
                                            .caps = PAWL_SLICE("{\"max_tokens\":256}"),
                                            .ttl_max_ms = 20000,
                                            .extensions_max = 1,
                                            .created_us = KIT_START_US,
                                            .updated_us = KIT_START_US};
    cycles_kit_put_policy(kit, &policy);
    assert_int_equal(reserve(kit, "k1", 100, ",\"ttl_ms\":60000"), 200);
    assert_string_equal(cycles_kit_text(kit, "decision"), "ALLOW_WITH_CAPS");
    assert_string_equal(cycles_kit_text(kit, "caps"), "{\"max_tokens\":256}");
    assert_int_equal(cycles_kit_number(kit, "remaining_ttl_ms"), 20000);
    keep_body(kit, first);
    cycles_kit_restart(kit);
    assert_int_equal(reserve(kit, "k1", 100, ",\"ttl_ms\":60000"), 200);
    assert_string_equal(cycles_kit_body(kit), first);
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d1", "bot", 1, ""));
    assert_string_equal(cycles_kit_members(kit), "decision caps affected_scopes");
}

static void a_policys_rate_limit_is_429_with_the_time_to_wait(void **state)
{
    struct cycles_kit *kit = *state;
    const struct pawl_policy_rule policy = {.id = PAWL_SLICE("pol_1"),
                                            .tenant = PAWL_SLICE("acme"),
                                            .name = PAWL_SLICE("slow"),
                                            .pattern = PAWL_SLICE("tenant:acme/*"),
                                            .enabled = true,
                                            .extensions_max = -1,
                                            .reservations_per_minute = 1,
                                            .created_us = KIT_START_US,
                                            .updated_us = KIT_START_US};
    cycles_kit_put_policy(kit, &policy);
    assert_int_equal(reserve(kit, "k1", 1, ""), 200);
    (void)reserve(kit, "k2", 1, "");
    assert_error(kit, 429, "LIMIT_EXCEEDED");
    int64_t left_s = 60 - KIT_START_US / PAWL_US_PER_SECOND % 60;
    char line[64];
    (void)snprintf(line, sizeof(line), "Retry-After: %lld", (long long)left_s);
    assert_true(cycles_kit_header_is(kit, line));
    (void)snprintf(line, sizeof(line), "X-RateLimit-Reset: %lld",
                   (long long)(KIT_START_US / PAWL_US_PER_SECOND + left_s));
    assert_true(cycles_kit_header_is(kit, line));
    cycles_kit_advance(kit, left_s * 1000);
    assert_int_equal(reserve(kit, "k2", 1, ""), 200);
}

static void a_closed_tenant_takes_nothing_and_says_so(void **state)
{
    struct cycles_kit *kit = *state;
    struct pawl_tenant tenant;
    char first[BODY_BYTES];
    assert_int_equal(reserve(kit, "k1", 1, ""), 200);
    keep_body(kit, first);
    assert_true(pawl_registry_tenant(kit->registry, PAWL_SLICE("acme"), &tenant));
    tenant.state = PAWL_TENANT_SUSPENDED;
    cycles_kit_put_tenant(kit, &tenant);
    (void)reserve(kit, "k2", 1, "");
    assert_error(kit, 403, "FORBIDDEN");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d1", "bot", 1, ""));
    assert_string_equal(cycles_kit_text(kit, "reason_code"), "TENANT_SUSPENDED");
    assert_true(pawl_registry_tenant(kit->registry, PAWL_SLICE("acme"), &tenant));
    tenant.state = PAWL_TENANT_CLOSED;
    tenant.closed_us = KIT_START_US;
    cycles_kit_put_tenant(kit, &tenant);
    (void)reserve(kit, "k2", 1, "");
    assert_error(kit, 409, "TENANT_CLOSED");
    (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body_of("d2", "bot", 1, ""));
    assert_int_equal(kit->exchange.status, 200);
    assert_string_equal(cycles_kit_text(kit, "reason_code"), "TENANT_CLOSED");
    /* What was answered before is answered again. */
    assert_int_equal(reserve(kit, "k1", 1, ""), 200);
    assert_string_equal(cycles_kit_body(kit), first);
}

static void what_is_kept_of_a_request_has_a_limit(void **state)
{
    struct cycles_kit *kit = *state;
    static char metadata[20000];
    static char body[24000];
    memset(metadata, 'x', sizeof(metadata) - 1);
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"k\",\"subject\":{\"agent\":\"bot\"}," ACTION
                   ",\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":1},"
                   "\"metadata\":{\"text\":\"%s\"}}",
                   metadata);
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body);
    assert_error(kit, 400, "INVALID_REQUEST");
    assert_string_equal(cycles_kit_text(kit, "details.field"), "metadata");
}

static int64_t reserved(struct cycles_kit *kit, const char *path)
{
    uint64_t budget = 0;
    struct pawl_budget_view view;
    const struct pawl_core *core = pawl_engine_core(kit->kit.engine);
    for (uint32_t cursor = 0; pawl_core_budget_next(core, &cursor, &budget);) {
        char is[PAWL_KEY_BYTES_MAX] = "";
        assert_true(pawl_core_budget(core, budget, pawl_core_now_us(core), &view));
        (void)pawl_core_scope_path(core, view.scope, is, sizeof(is));
        if (strcmp(is, path) == 0) {
            return view.reserved;
        }
    }
    fail_msg("there is no budget of %s", path);
    return -1;
}

/* Whatever it is that does not fit any more: a level, the form that is hashed, the answer. */
static void a_request_without_memory_holds_on_every_budget_or_on_none(void **state)
{
    struct cycles_kit *kit = *state;
    char metadata[2000];
    int at = snprintf(metadata, sizeof(metadata), ",\"metadata\":{\"\\u0061\":\"\\u0062\"");
    for (int i = 0; i < 40; i++) {
        at += snprintf(metadata + at, sizeof(metadata) - (size_t)at, ",\"m%d\":\"\\u0063\"%s", i,
                       i == 39 ? "}" : "");
    }
    for (int bytes = 16, done = 0, tries = 0; done < 3; bytes += 16, tries++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "k%d", bytes);
        const char *body = body_of(key, "BOT", 1, metadata);
        kit->request_bytes_max = (size_t)bytes;
        int status = cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body);
        done += status == 200;
        kit->request_bytes_max = 0;
        assert_true(tries < 10000);
        assert_int_equal(reserved(kit, "tenant:acme"), reserved(kit, "tenant:acme/agent:bot"));
        assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
        assert_int_equal(reserved(kit, "tenant:acme"), reserved(kit, "tenant:acme/agent:bot"));
        assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_hold_is_granted_with_a_closed_body),
        CASE(a_subject_without_a_tenant_is_the_keys),
        CASE(a_repeat_is_the_first_answer_but_for_the_time_left),
        CASE(members_of_metadata_may_come_in_any_order),
        CASE(another_payload_under_the_same_key_is_a_mismatch),
        CASE(a_request_that_failed_does_not_use_up_its_key),
        CASE(keys_of_tenants_are_their_own),
        CASE(a_denial_says_which_budget_and_what_would_fit),
        CASE(a_scope_without_a_budget_is_404_and_a_wrong_unit_400),
        CASE(a_dry_run_holds_nothing_and_denies_with_200),
        CASE(decide_answers_every_state_of_a_budget_with_200),
        CASE(a_decision_is_remembered_whichever_way_it_went),
        CASE(caps_of_a_policy_are_said_and_said_again),
        CASE(a_policys_rate_limit_is_429_with_the_time_to_wait),
        CASE(a_closed_tenant_takes_nothing_and_says_so),
        CASE(what_is_kept_of_a_request_has_a_limit),
        CASE(a_request_without_memory_holds_on_every_budget_or_on_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
