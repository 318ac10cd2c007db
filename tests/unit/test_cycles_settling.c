/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_settling.c: commit, release, extend and debits; what is said of a reservation that is
 * over, and to whom.
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
#define ADMIN  "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define ACTION "\"action\":{\"kind\":\"llm.completion\",\"name\":\"gpt\"}"

enum { BODY_BYTES = 4096, ID_BYTES = 64 };

static int open_kit(void **state)
{
    static struct cycles_kit kit;
    cycles_kit_open(&kit, 3);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_TOKENS, 1000);
    (void)cycles_kit_budget(&kit, "tenant:acme/agent:bot", PAWL_UNIT_TOKENS, 600);
    *state = &kit;
    return 0;
}

static int close_kit(void **state)
{
    cycles_kit_free(*state);
    return 0;
}

static void assert_error(struct cycles_kit *kit, int status, const char *code)
{
    assert_int_equal(kit->exchange.status, status);
    assert_string_equal(cycles_kit_text(kit, "error"), code);
}

static void
reserve(struct cycles_kit *kit, int amount, const char *besides, char id[static ID_BYTES])
{
    static int number;
    char body[BODY_BYTES];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"r%d\",\"subject\":{\"agent\":\"bot\"}," ACTION
                   ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":%d}%s}",
                   number++, amount, besides);
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
    (void)snprintf(id, ID_BYTES, "%s", cycles_kit_text(kit, "reservation_id"));
}

static int post(
    struct cycles_kit *kit, const char *id, const char *verb, const char *headers, const char *body)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/v1/reservations/%s/%s", id, verb);
    return cycles_kit_send(kit, "POST", path, headers, body);
}

static const char *commit_of(const char *key, int amount)
{
    static char body[BODY_BYTES];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"%s\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":%d}}",
                   key, amount);
    return body;
}

static const char release_body[] = "{\"idempotency_key\":\"l\",\"reason\":\"no need\"}";
static const char extend_body[] = "{\"idempotency_key\":\"x\",\"extend_by_ms\":1000}";

static void a_commit_charges_and_shows_how_the_budgets_stand(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    char first[BODY_BYTES];
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 40)), 200);
    assert_string_equal(
        cycles_kit_body(kit),
        "{\"status\":\"COMMITTED\",\"charged\":{\"unit\":\"TOKENS\",\"amount\":40},"
        "\"released\":{\"unit\":\"TOKENS\",\"amount\":60},\"balances\":["
        "{\"scope\":\"tenant:acme\",\"scope_path\":\"tenant:acme\","
        "\"remaining\":{\"unit\":\"TOKENS\",\"amount\":960},"
        "\"reserved\":{\"unit\":\"TOKENS\",\"amount\":0},"
        "\"spent\":{\"unit\":\"TOKENS\",\"amount\":40},"
        "\"allocated\":{\"unit\":\"TOKENS\",\"amount\":1000}},"
        "{\"scope\":\"tenant:acme/agent:bot\",\"scope_path\":\"tenant:acme/agent:bot\","
        "\"remaining\":{\"unit\":\"TOKENS\",\"amount\":560},"
        "\"reserved\":{\"unit\":\"TOKENS\",\"amount\":0},"
        "\"spent\":{\"unit\":\"TOKENS\",\"amount\":40},"
        "\"allocated\":{\"unit\":\"TOKENS\",\"amount\":600}}]}");
    (void)snprintf(first, sizeof(first), "%s", cycles_kit_body(kit));
    /* A repeat says the same, whatever happened since. */
    char other[ID_BYTES];
    cycles_kit_advance(kit, 5000);
    reserve(kit, 200, "", other);
    cycles_kit_restart(kit);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 40)), 200);
    assert_string_equal(cycles_kit_body(kit), first);
    /* Another amount under the key, another key, a release. */
    (void)post(kit, id, "commit", NULL, commit_of("c", 41));
    assert_error(kit, 409, "IDEMPOTENCY_MISMATCH");
    (void)post(kit, id, "commit", NULL, commit_of("d", 40));
    assert_error(kit, 409, "RESERVATION_FINALIZED");
    (void)post(kit, id, "release", NULL, release_body);
    assert_error(kit, 409, "RESERVATION_FINALIZED");
    (void)post(kit, id, "extend", NULL, extend_body);
    assert_error(kit, 409, "RESERVATION_FINALIZED");
}

static void a_commit_of_all_that_was_held_releases_nothing(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 100)), 200);
    assert_string_equal(cycles_kit_members(kit), "status charged balances");
}

static void a_commit_beyond_the_hold_follows_the_overage_policy(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, ",\"overage_policy\":\"REJECT\"", id);
    (void)post(kit, id, "commit", NULL, commit_of("c", 101));
    assert_error(kit, 409, "BUDGET_EXCEEDED");
    /* It stays open. */
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 100)), 200);
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 700)), 200);
    assert_string_equal(cycles_kit_text(kit, "charged"), "{\"unit\":\"TOKENS\",\"amount\":500}");
    assert_string_equal(cycles_kit_text(kit, "balances.1.is_over_limit"), "true");
}

static void a_commit_in_another_unit_is_refused(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, "", id);
    (void)post(kit, id, "commit", NULL,
               "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"CREDITS\",\"amount\":1}}");
    assert_error(kit, 400, "UNIT_MISMATCH");
    assert_string_equal(cycles_kit_text(kit, "details.expected_units"), "[\"TOKENS\"]");
}

static void a_release_gives_all_of_it_back(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "release", NULL, release_body), 200);
    assert_string_equal(cycles_kit_members(kit), "status released balances");
    assert_string_equal(cycles_kit_text(kit, "status"), "RELEASED");
    assert_string_equal(cycles_kit_text(kit, "released"), "{\"unit\":\"TOKENS\",\"amount\":100}");
    assert_int_equal(cycles_kit_number(kit, "balances.0.remaining.amount"), 1000);
    assert_int_equal(post(kit, id, "release", NULL, release_body), 200);
    (void)post(kit, id, "commit", NULL, commit_of("c", 1));
    assert_error(kit, 409, "RESERVATION_FINALIZED");
    /* The administrator may release anybody's. */
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "release", ADMIN, release_body), 200);
    reserve(kit, 100, "", id);
    (void)post(kit, id, "commit", ADMIN, commit_of("c", 1));
    assert_error(kit, 401, "UNAUTHORIZED");
}

static void an_extension_moves_the_end_and_is_counted(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    char body[BODY_BYTES];
    int64_t end_ms = KIT_START_US / 1000 + 10000;
    reserve(kit, 100, ",\"ttl_ms\":10000", id);
    cycles_kit_advance(kit, 4000);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(body, sizeof(body), "{\"idempotency_key\":\"x%d\",\"extend_by_ms\":1000}",
                       i);
        assert_int_equal(post(kit, id, "extend", NULL, body), 200);
        assert_string_equal(cycles_kit_members(kit), "status expires_at_ms remaining_ttl_ms");
        assert_string_equal(cycles_kit_text(kit, "status"), "ACTIVE");
        end_ms += 1000;
        assert_int_equal(cycles_kit_number(kit, "expires_at_ms"), end_ms);
        assert_int_equal(cycles_kit_number(kit, "remaining_ttl_ms"), 7000 + i * 1000);
    }
    /* A repeat is not counted, and says what it said. */
    assert_int_equal(post(kit, id, "extend", NULL, body), 200);
    assert_int_equal(cycles_kit_number(kit, "expires_at_ms"), end_ms);
    (void)post(kit, id, "extend", NULL, extend_body);
    assert_error(kit, 409, "MAX_EXTENSIONS_EXCEEDED");
}

static void the_grace_is_for_settling_and_not_for_extending(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, ",\"ttl_ms\":10000,\"grace_period_ms\":500", id);
    cycles_kit_advance(kit, 10001);
    (void)post(kit, id, "extend", NULL, extend_body);
    assert_error(kit, 410, "RESERVATION_EXPIRED");
    cycles_kit_advance(kit, 499);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 1)), 200);
    reserve(kit, 100, ",\"ttl_ms\":10000,\"grace_period_ms\":500", id);
    cycles_kit_advance(kit, 10501);
    (void)post(kit, id, "commit", NULL, commit_of("c", 1));
    assert_error(kit, 410, "RESERVATION_EXPIRED");
}

static void what_expired_is_booked_as_a_debit_under_the_commits_key(void **state)
{
    struct cycles_kit *kit = *state;
    static const char event[] =
        "{\"idempotency_key\":\"c\",\"subject\":{\"tenant\":\"acme\",\"agent\":\"bot\"}," ACTION
        ",\"actual\":{\"unit\":\"TOKENS\",\"amount\":80},\"metrics\":{\"tokens_input\":1,"
        "\"custom\":{\"a\":0.5}},\"client_time_ms\":5,"
        "\"metadata\":{\"recovery_reason\":\"commit_after_reservation_expired\"}}";
    char id[ID_BYTES];
    char first[BODY_BYTES];
    reserve(kit, 100, "", id);
    cycles_kit_advance(kit, 70000);
    (void)post(kit, id, "commit", NULL, commit_of("c", 80));
    assert_error(kit, 410, "RESERVATION_EXPIRED");
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/events", NULL, event), 201);
    assert_string_equal(cycles_kit_members(kit), "status event_id balances");
    assert_string_equal(cycles_kit_text(kit, "status"), "APPLIED");
    assert_int_equal(strncmp(cycles_kit_text(kit, "event_id"), "evt_", 4), 0);
    assert_int_equal(cycles_kit_number(kit, "balances.0.spent.amount"), 80);
    (void)snprintf(first, sizeof(first), "%s", cycles_kit_body(kit));
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/events", NULL, event), 201);
    assert_string_equal(cycles_kit_body(kit), first);
}

static void a_debit_beyond_what_is_left_says_what_was_charged(void **state)
{
    struct cycles_kit *kit = *state;
    static const char event[] =
        "{\"idempotency_key\":\"%s\",\"subject\":{\"agent\":\"bot\"}," ACTION
        ",\"actual\":{\"unit\":\"TOKENS\",\"amount\":700}%s}";
    char body[BODY_BYTES];
    (void)snprintf(body, sizeof(body), event, "e1", ",\"overage_policy\":\"REJECT\"");
    (void)cycles_kit_send(kit, "POST", "/v1/events", NULL, body);
    assert_error(kit, 409, "BUDGET_EXCEEDED");
    (void)snprintf(body, sizeof(body), event, "e1", "");
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/events", NULL, body), 201);
    assert_string_equal(cycles_kit_members(kit), "status event_id charged balances");
    assert_string_equal(cycles_kit_text(kit, "charged"), "{\"unit\":\"TOKENS\",\"amount\":600}");
}

static void another_tenant_is_told_403_and_never_a_repeat(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, "", id);
    (void)post(kit, id, "commit", GLOBEX, commit_of("c", 1));
    assert_error(kit, 403, "FORBIDDEN");
    (void)post(kit, id, "extend", GLOBEX, extend_body);
    assert_error(kit, 403, "FORBIDDEN");
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 1)), 200);
    (void)post(kit, id, "commit", GLOBEX, commit_of("c", 1));
    assert_error(kit, 403, "FORBIDDEN");
    (void)post(kit, id, "release", GLOBEX, release_body);
    assert_error(kit, 403, "FORBIDDEN");
}

static void while_the_archive_is_behind_a_gone_one_is_410(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    reserve(kit, 100, "", id);
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 1)), 200);
    kit->archive_behind = true;
    (void)post(kit, id, "commit", NULL, commit_of("d", 1));
    assert_error(kit, 410, "RESERVATION_EXPIRED");
    /* A repeat needs no archive. */
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 1)), 200);
}

static void ids_may_be_percent_encoded_and_not_made_up(void **state)
{
    struct cycles_kit *kit = *state;
    char id[ID_BYTES];
    char path[256];
    reserve(kit, 100, "", id);
    (void)snprintf(path, sizeof(path), "/v1/reservations/%%72%%73v%%5f%s/commit", id + 4);
    assert_int_equal(cycles_kit_send(kit, "POST", path, NULL, commit_of("c", 1)), 200);
    id[20] = id[20] == '0' ? '1' : '0';
    (void)post(kit, id, "commit", NULL, commit_of("c", 1));
    assert_error(kit, 404, "NOT_FOUND");
}

static void a_key_with_a_scope_filter_touches_what_it_covers(void **state)
{
    struct cycles_kit *kit = *state;
    struct pawl_key key;
    char id[ID_BYTES];
    char other[ID_BYTES];
    char settled[ID_BYTES];
    static const char body[] =
        "{\"idempotency_key\":\"o\",\"subject\":{\"agent\":\"other\"}," ACTION
        ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}";
    static const char another[] =
        "{\"idempotency_key\":\"s\",\"subject\":{\"agent\":\"other\"}," ACTION
        ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}";
    reserve(kit, 100, "", id);
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body), 200);
    (void)snprintf(other, sizeof(other), "%s", cycles_kit_text(kit, "reservation_id"));
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, another), 200);
    (void)snprintf(settled, sizeof(settled), "%s", cycles_kit_text(kit, "reservation_id"));
    assert_int_equal(post(kit, settled, "commit", NULL, commit_of("s", 1)), 200);
    assert_true(pawl_registry_key(kit->registry, PAWL_SLICE("key_acme"),
                                  pawl_engine_now_us(kit->kit.engine), &key));
    key.scope_filter = PAWL_SLICE("[\"agent:bot\"]");
    cycles_kit_put_key(kit, &key);
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, body);
    assert_error(kit, 403, "FORBIDDEN");
    (void)post(kit, other, "commit", NULL, commit_of("c", 1));
    assert_error(kit, 403, "FORBIDDEN");
    (void)post(kit, settled, "commit", NULL, commit_of("t", 1));
    assert_error(kit, 403, "FORBIDDEN");
    (void)post(kit, settled, "release", NULL, release_body);
    assert_error(kit, 403, "FORBIDDEN");
    assert_int_equal(post(kit, id, "commit", NULL, commit_of("c", 1)), 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_commit_charges_and_shows_how_the_budgets_stand),
        CASE(a_commit_of_all_that_was_held_releases_nothing),
        CASE(a_commit_beyond_the_hold_follows_the_overage_policy),
        CASE(a_commit_in_another_unit_is_refused),
        CASE(a_release_gives_all_of_it_back),
        CASE(an_extension_moves_the_end_and_is_counted),
        CASE(the_grace_is_for_settling_and_not_for_extending),
        CASE(what_expired_is_booked_as_a_debit_under_the_commits_key),
        CASE(a_debit_beyond_what_is_left_says_what_was_charged),
        CASE(another_tenant_is_told_403_and_never_a_repeat),
        CASE(while_the_archive_is_behind_a_gone_one_is_410),
        CASE(ids_may_be_percent_encoded_and_not_made_up),
        CASE(a_key_with_a_scope_filter_touches_what_it_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
