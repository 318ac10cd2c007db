/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_reads.c: lists, single reservations, balances: filters, pages, cursors, whose it is.
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

enum { BODY_BYTES = 4096, ID_BYTES = 40, HOLDS = 7 };

struct world {
    struct cycles_kit kit;
    char ids[HOLDS][ID_BYTES];
};

static struct world the_world;

static void reserve(struct world *world, int number)
{
    char body[BODY_BYTES];
    (void)snprintf(
        body, sizeof(body),
        "{\"idempotency_key\":\"r%d\",\"subject\":{\"tenant\":\"acme\",\"agent\":\"Bot%d\","
        "\"dimensions\":{\"run_id\":\"7\"}},\"action\":{\"kind\":\"k\",\"name\":\"n\","
        "\"tags\":[\"t\"]},\"estimate\":{\"unit\":\"TOKENS\",\"amount\":%d},"
        "\"metadata\":{\"n\":%d.5}}",
        number, number % 2, 10 + number, number);
    assert_int_equal(cycles_kit_send(&world->kit, "POST", "/v1/reservations", NULL, body), 200);
    (void)snprintf(world->ids[number], ID_BYTES, "%s",
                   cycles_kit_text(&world->kit, "reservation_id"));
}

static void commit(struct world *world, int number)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/v1/reservations/%s/commit", world->ids[number]);
    assert_int_equal(cycles_kit_send(&world->kit, "POST", path, NULL,
                                     "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\","
                                     "\"amount\":3},\"metadata\":{\"done\":true}}"),
                     200);
}

/* Seven holds, a second apart; number 1 is committed, number 2 released. */
static int open_world(void **state)
{
    struct world *world = &the_world;
    char path[256];
    cycles_kit_open(&world->kit, 4);
    (void)cycles_kit_budget(&world->kit, "tenant:acme", PAWL_UNIT_TOKENS, 1000);
    for (int i = 0; i < HOLDS; i++) {
        reserve(world, i);
        cycles_kit_advance(&world->kit, 1000);
    }
    commit(world, 1);
    (void)snprintf(path, sizeof(path), "/v1/reservations/%s/release", world->ids[2]);
    assert_int_equal(
        cycles_kit_send(&world->kit, "POST", path, NULL, "{\"idempotency_key\":\"l\"}"), 200);
    *state = world;
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    cycles_kit_free(&world->kit);
    return 0;
}

static int get(struct world *world, const char *target, const char *headers)
{
    return cycles_kit_send(&world->kit, "GET", target, headers, NULL);
}

static void assert_error(struct world *world, int status, const char *code)
{
    assert_int_equal(world->kit.exchange.status, status);
    assert_string_equal(cycles_kit_text(&world->kit, "error"), code);
}

/* The holds' numbers that the last list has, in its order: "6 5 4". */
static const char *numbers(struct world *world)
{
    static char text[256];
    text[0] = '\0';
    for (int row = 0; row < 200; row++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "reservations.%d.reservation_id", row);
        const char *id = cycles_kit_text(&world->kit, path);
        for (int i = 0; i < HOLDS; i++) {
            if (strcmp(id, world->ids[i]) == 0) {
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d",
                               text[0] != '\0' ? " " : "", i);
            }
        }
    }
    return text;
}

static const char *list(struct world *world, const char *query)
{
    char target[BODY_BYTES];
    (void)snprintf(target, sizeof(target), "/v1/reservations%s", query);
    assert_int_equal(get(world, target, NULL), 200);
    return numbers(world);
}

static void lists_filter_and_sort(void **state)
{
    struct world *world = *state;
    assert_string_equal(list(world, ""), "6 5 4 3 2 1 0");
    assert_string_equal(cycles_kit_members(&world->kit), "reservations has_more");
    assert_string_equal(list(world, "?status=ACTIVE"), "6 5 4 3 0");
    assert_string_equal(list(world, "?status=COMMITTED"), "1");
    assert_string_equal(list(world, "?agent=BOT1"), "5 3 1");
    assert_string_equal(list(world, "?agent=bot1&workspace=w"), "");
    assert_string_equal(list(world, "?sort_by=created_at_ms&sort_dir=asc"), "0 1 2 3 4 5 6");
    assert_string_equal(list(world, "?sort_by=reserved"), "6 5 4 3 2 1 0");
    assert_string_equal(list(world, "?sort_by=scope_path&sort_dir=asc"), "0 2 4 6 1 3 5");
    assert_string_equal(list(world, "?tenant=acme&from=&to=&unheard=of&include="), "6 5 4 3 2 1 0");
    /* 1790000000 s is 2026-09-21T14:13:20Z. */
    assert_string_equal(list(world, "?from=2026-09-21T14:13:24Z"), "6 5 4");
    assert_string_equal(list(world, "?to=2026-09-21T16:13:21%2B02:00"), "1 0");
    assert_string_equal(list(world, "?finalized_from=2020-01-01T00:00:00Z"), "2 1");
    assert_string_equal(list(world, "?expires_to=2026-09-21T14:14:20Z"), "0");
}

static void lists_refuse_what_cannot_be_meant(void **state)
{
    struct world *world = *state;
    static const char *const queries[] = {
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?status=OPEN",
        "?sort_by=amount",
        "?sort_dir=up",
        "?from=yesterday",
        "?agent=a%20b",
        "?cursor=x",
        "?cursor=AAAAAAAAAAAAAAAAAAAA",
        "?from=2026-09-22T00:00:00Z&to=2026-09-21T00:00:00Z",
        "?expires_from=2026-09-22T00:00:00Z&expires_to=2026-09-21T00:00:00Z"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(queries); i++) {
        char target[BODY_BYTES];
        (void)snprintf(target, sizeof(target), "/v1/reservations%s", queries[i]);
        (void)get(world, target, NULL);
        assert_error(world, 400, "INVALID_REQUEST");
    }
    (void)get(world, "/v1/reservations?tenant=globex", NULL);
    assert_error(world, 403, "FORBIDDEN");
}

static void the_administrator_names_the_tenant(void **state)
{
    struct world *world = *state;
    (void)get(world, "/v1/reservations", ADMIN);
    assert_error(world, 400, "INVALID_REQUEST");
    assert_string_equal(cycles_kit_text(&world->kit, "message"),
                        "tenant query parameter is required when using admin key authentication");
    assert_int_equal(get(world, "/v1/reservations?tenant=acme", ADMIN), 200);
    assert_string_equal(numbers(world), "6 5 4 3 2 1 0");
    assert_int_equal(get(world, "/v1/reservations", GLOBEX), 200);
    assert_string_equal(numbers(world), "");
}

static void pages_follow_one_another_by_cursors(void **state)
{
    struct world *world = *state;
    static const char *const orders[] = {"", "&sort_by=reserved&sort_dir=asc",
                                         "&sort_by=scope_path", "&sort_by=expires_at_ms",
                                         "&sort_by=status&sort_dir=asc"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(orders); i++) {
        char query[BODY_BYTES];
        char whole[256];
        char pages[256] = "";
        (void)snprintf(query, sizeof(query), "?limit=200%s", orders[i]);
        (void)snprintf(whole, sizeof(whole), "%s", list(world, query));
        (void)snprintf(query, sizeof(query), "?limit=3%s", orders[i]);
        for (;;) {
            const char *page = list(world, query);
            (void)snprintf(pages + strlen(pages), sizeof(pages) - strlen(pages), "%s%s",
                           pages[0] != '\0' ? " " : "", page);
            const char *cursor = cycles_kit_text(&world->kit, "next_cursor");
            assert_int_equal(strcmp(cycles_kit_text(&world->kit, "has_more"), "true") == 0,
                             cursor[0] != '\0');
            if (cursor[0] == '\0') {
                break;
            }
            (void)snprintf(query, sizeof(query), "?limit=3%s&cursor=%s", orders[i], cursor);
        }
        assert_string_equal(pages, whole);
    }
}

static void a_cursor_is_bound_to_its_list(void **state)
{
    struct world *world = *state;
    char cursor[512];
    char target[BODY_BYTES];
    (void)list(world, "?limit=2&status=ACTIVE&sort_by=reserved");
    (void)snprintf(cursor, sizeof(cursor), "%s", cycles_kit_text(&world->kit, "next_cursor"));
    /* Limit and projection may change. */
    (void)snprintf(target, sizeof(target),
                   "?limit=5&status=ACTIVE&sort_by=reserved&include=metadata&cursor=%s", cursor);
    assert_string_equal(list(world, target), "4 3 0");
    static const char *const others[] = {"status=ACTIVE&sort_by=reserved&sort_dir=asc",
                                         "status=ACTIVE", "sort_by=reserved",
                                         "status=ACTIVE&sort_by=reserved&from=2020-01-01T00:00:00Z",
                                         "status=ACTIVE&sort_by=reserved&agent=bot1"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(others); i++) {
        (void)snprintf(target, sizeof(target), "/v1/reservations?%s&cursor=%s", others[i], cursor);
        (void)get(world, target, NULL);
        assert_error(world, 400, "INVALID_REQUEST");
    }
    (void)snprintf(target, sizeof(target),
                   "/v1/reservations?status=ACTIVE&sort_by=reserved&cursor=%s", cursor);
    (void)get(world, target, GLOBEX);
    assert_error(world, 400, "INVALID_REQUEST");
    cursor[20] = cursor[20] == 'A' ? 'B' : 'A';
    (void)snprintf(target, sizeof(target),
                   "/v1/reservations?status=ACTIVE&sort_by=reserved&cursor=%s", cursor);
    (void)get(world, target, NULL);
    assert_error(world, 400, "INVALID_REQUEST");
}

static void a_row_has_what_was_sent(void **state)
{
    struct world *world = *state;
    (void)list(world, "?status=COMMITTED&include=metadata,%20committed_metadata,evidence,x,");
    assert_string_equal(
        cycles_kit_text(&world->kit, "reservations.0.subject"),
        "{\"tenant\":\"acme\",\"agent\":\"Bot1\",\"dimensions\":{\"run_id\":\"7\"}}");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.action"),
                        "{\"kind\":\"k\",\"name\":\"n\",\"tags\":[\"t\"]}");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.metadata"), "{\"n\":1.5}");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.committed_metadata"),
                        "{\"done\":true}");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.idempotency_key"), "r1");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.scope_path"),
                        "tenant:acme/agent:bot1");
    assert_int_equal(cycles_kit_number(&world->kit, "reservations.0.committed.amount"), 3);
    assert_int_equal(cycles_kit_number(&world->kit, "reservations.0.reserved.amount"), 11);
    assert_int_equal(cycles_kit_number(&world->kit, "reservations.0.finalized_at_ms"),
                     KIT_START_US / 1000 + HOLDS * 1000);
    (void)list(world, "?status=COMMITTED");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.metadata"), "");
    (void)list(world, "?status=ACTIVE&limit=1&include=metadata");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.finalized_at_ms"), "");
    assert_string_equal(cycles_kit_text(&world->kit, "reservations.0.committed"), "");
}

static void a_lost_id_is_found_by_its_key_without_the_archive(void **state)
{
    struct world *world = *state;
    world->kit.archive_behind = true;
    assert_string_equal(list(world, "?idempotency_key=r3"), "3");
    assert_string_equal(list(world, "?idempotency_key=r3&agent=bot1"), "3");
    /* The key may have made one that is over, before it was forgotten. */
    (void)get(world, "/v1/reservations?idempotency_key=r3&status=COMMITTED", NULL);
    assert_error(world, 503, "INTERNAL_ERROR");
    (void)get(world, "/v1/reservations?idempotency_key=r1", NULL); /* over: the archive's */
    assert_error(world, 503, "INTERNAL_ERROR");
    assert_true(cycles_kit_header_is(&world->kit, "Retry-After: 1"));
    (void)get(world, "/v1/reservations", NULL);
    assert_error(world, 503, "INTERNAL_ERROR");
    world->kit.archive_behind = false;
    assert_string_equal(list(world, "?idempotency_key=r1"), "1");
    assert_string_equal(list(world, "?idempotency_key=nobody"), "");
    assert_string_equal(list(world, "?idempotency_key=r3&status=COMMITTED"), "");
}

static int get_one(struct world *world, int number, const char *headers)
{
    char target[256];
    (void)snprintf(target, sizeof(target), "/v1/reservations/%s", world->ids[number]);
    return get(world, target, headers);
}

static void one_reservation_is_read_in_every_state(void **state)
{
    struct world *world = *state;
    assert_int_equal(get_one(world, 0, NULL), 200);
    assert_string_equal(cycles_kit_text(&world->kit, "status"), "ACTIVE");
    assert_string_equal(cycles_kit_text(&world->kit, "metadata"), "{\"n\":0.5}");
    assert_int_equal(get_one(world, 1, NULL), 200);
    assert_string_equal(cycles_kit_text(&world->kit, "status"), "COMMITTED");
    assert_string_equal(cycles_kit_text(&world->kit, "committed_metadata"), "{\"done\":true}");
    assert_int_equal(get_one(world, 2, ADMIN), 200);
    assert_string_equal(cycles_kit_text(&world->kit, "status"), "RELEASED");
    (void)get_one(world, 0, GLOBEX);
    assert_error(world, 403, "FORBIDDEN");
    (void)get_one(world, 1, GLOBEX);
    assert_error(world, 403, "FORBIDDEN");
    (void)get(world, "/v1/reservations/rsv_nothing", NULL);
    assert_error(world, 404, "NOT_FOUND");
    cycles_kit_advance(&world->kit, 70000);
    (void)get_one(world, 0, NULL);
    assert_error(world, 410, "RESERVATION_EXPIRED");
    assert_string_equal(list(world, "?status=EXPIRED&sort_dir=asc"), "0 3 4 5 6");
}

/* From now on acme's key has this scope filter. */
static void filter_the_key(struct world *world, struct pawl_slice filter)
{
    struct pawl_key key;
    assert_true(pawl_registry_key(world->kit.registry, PAWL_SLICE("key_acme"),
                                  pawl_engine_now_us(world->kit.kit.engine), &key));
    key.scope_filter = filter;
    cycles_kit_put_key(&world->kit, &key);
}

static void a_scope_filter_hides_what_it_does_not_cover(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot0", PAWL_UNIT_TOKENS, 400);
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot1", PAWL_UNIT_TOKENS, 500);
    filter_the_key(world, PAWL_SLICE("[\"agent:bot1\"]"));
    assert_string_equal(list(world, ""), "5 3 1");
    assert_string_equal(list(world, "?agent=bot0"), "");
    assert_string_equal(list(world, "?idempotency_key=r3"), "3");
    assert_string_equal(list(world, "?idempotency_key=r4"), "");
    assert_string_equal(list(world, "?idempotency_key=r1"), "1");
    assert_string_equal(list(world, "?idempotency_key=r2"), "");
    for (int number = 0; number < HOLDS; number++) {
        assert_int_equal(get_one(world, number, NULL), number % 2 == 1 ? 200 : 403);
        assert_int_equal(get_one(world, number, ADMIN), 200);
    }
    static const char *const questions[] = {"?tenant=acme", "?unit=TOKENS"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(questions); i++) {
        char target[256];
        (void)snprintf(target, sizeof(target), "/v1/balances%s", questions[i]);
        assert_int_equal(get(world, target, NULL), 200);
        assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 500);
        assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    }
    cycles_kit_advance(kit, 70000);
    assert_int_equal(get_one(world, 3, NULL), 410);
    assert_int_equal(get_one(world, 4, NULL), 403);
}

/* --- Balances ------------------------------------------------------------------------------- */

static void balances_are_every_budget_below_the_subject(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    (void)cycles_kit_budget(kit, "tenant:acme", PAWL_UNIT_CREDITS, 5);
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot1", PAWL_UNIT_TOKENS, 500);
    (void)cycles_kit_budget(kit, "tenant:globex", PAWL_UNIT_TOKENS, 7);
    assert_int_equal(get(world, "/v1/balances?tenant=acme", NULL), 200);
    assert_string_equal(cycles_kit_members(kit), "balances has_more");
    assert_string_equal(cycles_kit_text(kit, "balances.2.scope"), "tenant:acme/agent:bot1");
    assert_string_equal(cycles_kit_text(kit, "balances.3"), "");
    assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 1000);
    assert_int_equal(cycles_kit_number(kit, "balances.0.spent.amount"), 3);
    assert_int_equal(cycles_kit_number(kit, "balances.0.reserved.amount"), 10 + 13 + 14 + 15 + 16);
    assert_string_equal(cycles_kit_text(kit, "balances.1.remaining.unit"), "CREDITS");
    assert_int_equal(get(world, "/v1/balances?agent=BOT1&include_children=true", NULL), 200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.scope_path"), "tenant:acme/agent:bot1");
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    assert_int_equal(get(world, "/v1/balances?tenant=globex", GLOBEX), 200);
    assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 7);
    (void)get(world, "/v1/balances", NULL);
    assert_error(world, 400, "INVALID_REQUEST");
    (void)get(world, "/v1/balances?tenant=globex", NULL);
    assert_error(world, 403, "FORBIDDEN");
    (void)get(world, "/v1/balances?tenant=acme&limit=201", NULL);
    assert_error(world, 400, "INVALID_REQUEST");
}

static void balances_of_many_budgets_come_in_pages(void **state)
{
    enum { BUDGETS = 1500, PAGE = 7 };
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    static bool seen[BUDGETS];
    char path[128];
    char target[BODY_BYTES] = "/v1/balances?workspace=w&limit=7";
    int count = 0;
    for (int i = 0; i < BUDGETS; i++) {
        (void)snprintf(path, sizeof(path), "tenant:acme/workspace:w/agent:a%d", i);
        (void)cycles_kit_budget(kit, path, i % 2 == 0 ? PAWL_UNIT_TOKENS : PAWL_UNIT_CREDITS, i);
    }
    for (;;) {
        assert_int_equal(get(world, target, NULL), 200);
        for (int row = 0; row < PAGE; row++) {
            (void)snprintf(path, sizeof(path), "balances.%d.allocated.amount", row);
            int64_t number = cycles_kit_number(kit, path);
            if (number >= 0) {
                assert_true(number < BUDGETS && !seen[number]);
                seen[number] = true;
                count++;
            }
        }
        const char *cursor = cycles_kit_text(kit, "next_cursor");
        if (cursor[0] == '\0') {
            break;
        }
        (void)snprintf(target, sizeof(target), "/v1/balances?workspace=w&limit=7&cursor=%s",
                       cursor);
    }
    assert_int_equal(count, BUDGETS);
}

static void one_row_stands_for_a_scopes_windows(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    struct pawl_command command = kit_budget("acme", PAWL_UNIT_CREDITS, 50);
    command.u.budget_create.scope.levels[PAWL_LEVEL_APP] = PAWL_SLICE("a");
    command.u.budget_create.window =
        (struct pawl_window){.kind = PAWL_WINDOW_CALENDAR, .period = PAWL_PERIOD_DAY};
    cycles_kit_must(kit, &command);
    command.u.budget_create.window.period = PAWL_PERIOD_HOUR;
    command.u.budget_create.allocated = 20;
    cycles_kit_must(kit, &command);
    assert_int_equal(get(world, "/v1/balances?app=a", NULL), 200);
    assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 20);
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    (void)cycles_kit_budget(kit, "tenant:acme/app:a", PAWL_UNIT_CREDITS, 70);
    assert_int_equal(get(world, "/v1/balances?app=a", NULL), 200);
    assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 70);
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    /* The rows of a debit say the same. */
    assert_int_equal(
        cycles_kit_send(
            kit, "POST", "/v1/events", NULL,
            "{\"idempotency_key\":\"e\",\"subject\":{\"app\":\"a\"},\"action\":{\"kind\":"
            "\"k\",\"name\":\"n\"},\"actual\":{\"unit\":\"CREDITS\",\"amount\":1}}"),
        201);
    assert_int_equal(cycles_kit_number(kit, "balances.0.allocated.amount"), 70);
    assert_int_equal(cycles_kit_number(kit, "balances.0.spent.amount"), 1);
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
}

static void without_a_subject_balances_are_ledgers(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot1", PAWL_UNIT_CREDITS, 500);
    assert_int_equal(get(world, "/v1/balances?scope_prefix=tenant:acme/agent&limit=1000", NULL),
                     200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.tenant_id"), "acme");
    assert_string_equal(cycles_kit_text(kit, "balances.0.status"), "ACTIVE");
    assert_int_equal(strncmp(cycles_kit_text(kit, "balances.0.ledger_id"), "bud_", 4), 0);
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    assert_int_equal(get(world, "/v1/balances?unit=TOKENS", NULL), 200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.scope"), "tenant:acme");
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    (void)get(world, "/v1/balances?tenant_id=globex", NULL);
    assert_error(world, 403, "FORBIDDEN");
}

/* Where the planes have addresses of their own, the address says which form is meant. */
static void at_the_governance_address_balances_are_ledgers(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot1", PAWL_UNIT_CREDITS, 500);
    kit->door = PAWL_PLANE_BASE | PAWL_PLANE_GOVERNANCE;
    assert_int_equal(get(world, "/v1/balances", NULL), 200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.ledger_id"), "bud_1");
    assert_string_equal(cycles_kit_text(kit, "balances.1.scope"), "tenant:acme/agent:bot1");
    assert_string_equal(cycles_kit_text(kit, "balances.2"), "");
    assert_int_equal(get(world, "/v1/balances?agent=bot1&limit=2000", NULL), 200);
    assert_int_equal(strncmp(cycles_kit_text(kit, "balances.0.ledger_id"), "bud_", 4), 0);
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    (void)get(world, "/v1/balances?tenant=globex", NULL);
    assert_error(world, 403, "FORBIDDEN");
    kit->door = PAWL_PLANE_BASE | PAWL_PLANE_RUNTIME;
    (void)get(world, "/v1/balances", NULL);
    assert_error(world, 400, "INVALID_REQUEST");
}

static void a_unit_and_a_prefix_narrow_down_a_subject_too(void **state)
{
    struct world *world = *state;
    struct cycles_kit *kit = &world->kit;
    (void)cycles_kit_budget(kit, "tenant:acme/agent:bot1", PAWL_UNIT_CREDITS, 500);
    assert_int_equal(get(world, "/v1/balances?tenant=acme&unit=TOKENS", NULL), 200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.remaining.unit"), "TOKENS");
    assert_string_equal(cycles_kit_text(kit, "balances.0.ledger_id"), "");
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    assert_int_equal(get(world, "/v1/balances?tenant=acme&scope_prefix=tenant:acme/AGENT:", NULL),
                     200);
    assert_string_equal(cycles_kit_text(kit, "balances.0.scope"), "tenant:acme/agent:bot1");
    assert_string_equal(cycles_kit_text(kit, "balances.1"), "");
    (void)get(world, "/v1/balances?tenant=acme&tenant_id=globex", NULL);
    assert_error(world, 403, "FORBIDDEN");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lists_filter_and_sort),
        CASE(lists_refuse_what_cannot_be_meant),
        CASE(the_administrator_names_the_tenant),
        CASE(pages_follow_one_another_by_cursors),
        CASE(a_cursor_is_bound_to_its_list),
        CASE(a_row_has_what_was_sent),
        CASE(a_lost_id_is_found_by_its_key_without_the_archive),
        CASE(one_reservation_is_read_in_every_state),
        CASE(a_scope_filter_hides_what_it_does_not_cover),
        CASE(balances_are_every_budget_below_the_subject),
        CASE(balances_of_many_budgets_come_in_pages),
        CASE(one_row_stands_for_a_scopes_windows),
        CASE(without_a_subject_balances_are_ledgers),
        CASE(at_the_governance_address_balances_are_ledgers),
        CASE(a_unit_and_a_prefix_narrow_down_a_subject_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
