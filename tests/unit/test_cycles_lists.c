/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_lists.c: where lists go on: a tenant's budgets without looking at all of them, and
 * reservations by cursors that fit the list alone that they are of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "archive/archive.h"
#include "base/attrs.h"
#include "cycles/call.h"
#include "cycles/cursor.h"
#include "cycles/route.h"
#include "tests/lib/cycles_kit.h"

#define ADMIN  "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define ACME   "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n"
#define GLOBEX "X-Cycles-API-Key: " CYCLES_KIT_GLOBEX "\n"
#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum { CURSOR_BYTES = 2500, TARGET_BYTES = 4000 };

static struct cycles_kit kit;

static void
expect(int status, const char *method, const char *target, const char *who, const char *body)
{
    int is = cycles_kit_send(&kit, method, target, who, body);
    if (is != status) {
        fail_msg("%s %s: %d, not %d: %s", method, target, is, status, cycles_kit_body(&kit));
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

/* --- Budgets ---------------------------------------------------------------------------------- */

static int number_in(const char *text)
{
    uint64_t value = 0;
    assert_true(pawl_slice_to_u64(pawl_slice_str(text), &value));
    return (int)value;
}

/* Each budget that was there throughout is on the pages once, and no page looks at all of them. */
static void list_of_a_tenants_budgets_goes_on_where_it_was(void **state)
{
    (void)state;
    enum { MANY = 3000, PAGES = MANY / 100 };
    static uint8_t seen[2 * MANY];
    char cursor[2500] = "";
    int made = 0;
    int count = 0;
    memset(seen, 0, sizeof(seen));
    for (; made < MANY; made++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "tenant:acme/workspace:w%d/agent:a%d", made % 7, made);
        (void)cycles_kit_budget(&kit, path, PAWL_UNIT_TOKENS, 1);
    }
    do {
        char target[3000];
        (void)snprintf(target, sizeof(target), "/v1/admin/budgets?limit=100%s%s",
                       cursor[0] != '\0' ? "&cursor=" : "", cursor);
        expect(200, "GET", target, ACME, NULL);
        assert_true(kit.turns <= 2);
        for (int i = 0; i < 100; i++) {
            char at[64];
            (void)snprintf(at, sizeof(at), "ledgers.%d.scope", i);
            const char *scope = cycles_kit_text(&kit, at);
            const char *number = strstr(scope, "agent:a");
            if (number != NULL) {
                int agent = number_in(number + strlen("agent:a"));
                assert_in_range(agent, 0, made - 1);
                assert_int_equal(seen[agent]++, 0);
                count += agent < MANY ? 1 : 0;
            }
        }
        (void)snprintf(cursor, sizeof(cursor), "%s", cycles_kit_text(&kit, "next_cursor"));
        char path[64];
        (void)snprintf(path, sizeof(path), "tenant:acme/workspace:w%d/agent:a%d", made % 9, made);
        (void)cycles_kit_budget(&kit, path, PAWL_UNIT_TOKENS, 1);
        made++;
        if (made % 10 == 0) {
            cycles_kit_restart(&kit);
        }
    } while (cursor[0] != '\0');
    assert_int_equal(count, MANY);
}

/* --- Reservations ----------------------------------------------------------------------------- */

static void reserve(const char *key, const char *agent, bool commits)
{
    char body[600];
    char target[200];
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"%s\",\"subject\":{\"tenant\":\"acme\",\"agent\":\"%s\"},"
                   "\"action\":{\"kind\":\"llm\",\"name\":\"a\"},"
                   "\"estimate\":{\"unit\":\"USD_MICROCENTS\",\"amount\":5}}",
                   key, agent);
    expect(200, "POST", "/v1/reservations", ACME, body);
    if (commits) {
        (void)snprintf(target, sizeof(target), "/v1/reservations/%s/commit",
                       cycles_kit_text(&kit, "reservation_id"));
        (void)snprintf(body, sizeof(body),
                       "{\"idempotency_key\":\"of-%s-%u\","
                       "\"actual\":{\"unit\":\"USD_MICROCENTS\",\"amount\":4}}",
                       key, kit.observed);
        expect(200, "POST", target, ACME, body);
    }
}

static void take_cursor(char cursor[static CURSOR_BYTES])
{
    (void)snprintf(cursor, CURSOR_BYTES, "%s", cycles_kit_text(&kit, "next_cursor"));
    assert_true(cursor[0] != '\0');
}

static int list(const char *query, const char *cursor, const char *who)
{
    char target[TARGET_BYTES];
    (void)snprintf(target, sizeof(target), "/v1/reservations?limit=1%s%s%s", query,
                   cursor[0] != '\0' ? "&cursor=" : "", cursor);
    return cycles_kit_send(&kit, "GET", target, who, NULL);
}

#define FAR_RANGE(name) "&" name "_from=2020-01-01T00:00:00Z&" name "_to=2100-01-01T00:00:00Z"

/* With another order, another filter, one more or one less it is refused, each with each. */
static void a_cursor_fits_its_own_order_and_filters_alone(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "",
        "&sort_by=created_at_ms",
        "&sort_by=created_at_ms&sort_dir=asc",
        "&sort_by=reservation_id",
        "&sort_by=tenant",
        "&sort_by=expires_at_ms",
        "&sort_by=expires_at_ms&sort_dir=asc",
        "&sort_by=reserved",
        "&sort_by=scope_path",
        "&sort_by=scope_path&sort_dir=asc",
        "&sort_by=status",
        "&status=COMMITTED",
        "&agent=one",
        "&agent=one&status=COMMITTED",
        "&tenant=acme",
        "&from=2020-01-01T00:00:00Z",
        "&from=2020-01-01T00:00:01Z",
        "&to=2100-01-01T00:00:00Z",
        FAR_RANGE("expires"),
        FAR_RANGE("finalized"),
    };
    char cursor[CURSOR_BYTES];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    for (int i = 0; i < 4; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        reserve(key, "one", true);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(queries); i++) {
        assert_int_equal(list(queries[i], "", ACME), 200);
        take_cursor(cursor);
        for (size_t j = 0; j < PAWL_ARRAY_LEN(queries); j++) {
            int status = list(queries[j], cursor, ACME);
            if (status != (i == j ? 200 : 400)) {
                fail_msg("a cursor of \"%s\" with \"%s\": %d", queries[i], queries[j], status);
            }
        }
        /* Of a list of somebody else's with the same words. */
        assert_int_equal(list(queries[i], cursor, GLOBEX), i == 14 ? 403 : 400);
    }
}

/* The order is the same where its direction is said and where it is the default. */
static void a_cursor_knows_the_default_direction(void **state)
{
    (void)state;
    static const char *const queries[] = {"", "&sort_by=reserved", "&agent=one"};
    char cursor[CURSOR_BYTES];
    char said[64];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    reserve("k0", "one", true);
    reserve("k1", "one", true);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(queries); i++) {
        (void)snprintf(said, sizeof(said), "%s&sort_dir=desc", queries[i]);
        assert_int_equal(list(queries[i], "", ACME), 200);
        take_cursor(cursor);
        assert_int_equal(list(said, cursor, ACME), 200);
        assert_int_equal(list(said, "", ACME), 200);
        take_cursor(cursor);
        assert_int_equal(list(queries[i], cursor, ACME), 200);
        (void)snprintf(said, sizeof(said), "%s&sort_dir=asc", queries[i]);
        assert_int_equal(list(said, cursor, ACME), 400);
    }
}

static void a_damaged_cursor_is_refused(void **state)
{
    (void)state;
    char cursor[CURSOR_BYTES];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    reserve("a", "one", true);
    reserve("b", "two", true);
    static const char *const queries[] = {"", "&sort_by=scope_path"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(queries); i++) {
        assert_int_equal(list(queries[i], "", ACME), 200);
        take_cursor(cursor);
        size_t bytes = strlen(cursor);
        for (size_t at = 0; at < bytes; at++) {
            char kept = cursor[at];
            /* The bit is one of the five or six that a letter says, but in the last one. */
            cursor[at] = kept == 'A' ? 'Q' : 'A';
            assert_int_equal(list(queries[i], cursor, ACME), 400);
            cursor[at] = '\0';
            assert_int_equal(list(queries[i], cursor, ACME), at == 0 ? 200 : 400);
            cursor[at] = kept;
        }
        assert_int_equal(list(queries[i], cursor, ACME), 200);
        cursor[bytes] = 'A';
        cursor[bytes + 1] = '\0';
        assert_int_equal(list(queries[i], cursor, ACME), 400);
    }
}

/* Base64url, as far as whole groups go. */
static size_t decode(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t bytes = 0;
    for (; strlen(text) >= 4; text += 4) {
        unsigned group = 0;
        for (int i = 0; i < 4; i++) {
            group = group << 6 | (unsigned)(strchr(digits, text[i]) - digits);
        }
        out[bytes++] = (char)(group >> 16);
        out[bytes++] = (char)(group >> 8);
        out[bytes++] = (char)group;
    }
    return bytes;
}

/* The row that a page ends with may be one that the key's scope filter leaves out. */
static void a_cursor_does_not_tell_of_the_row_that_it_names(void **state)
{
    (void)state;
    struct pawl_key key;
    char cursor[CURSOR_BYTES];
    char plain[CURSOR_BYTES];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    reserve("a", "secret-project", true);
    reserve("b", "two", true);
    assert_true(pawl_registry_key(kit.registry, PAWL_SLICE("key_acme"),
                                  pawl_engine_now_us(kit.kit.engine), &key));
    key.scope_filter = PAWL_SLICE("[\"agent:two\"]");
    cycles_kit_put_key(&kit, &key);
    assert_int_equal(list("&sort_by=scope_path&sort_dir=asc", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0"), "");
    take_cursor(cursor);
    size_t bytes = decode(cursor, plain);
    assert_true(pawl_slice_find(pawl_slice_of(plain, bytes), PAWL_SLICE("secret")) == SIZE_MAX);
    assert_int_equal(list("&sort_by=scope_path&sort_dir=asc", cursor, ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.scope_path"),
                        "tenant:acme/agent:two");
}

/* What a release whose places have another size would have written for the list of this query: the
 * check holds. `free_count` fields, the last ones, may change from page to page. */
static void make_cursor(const char *operation,
                        bool by_admin,
                        bool descending,
                        uint32_t free_count,
                        const struct pawl_shape *shape,
                        size_t place_bytes,
                        char cursor[static CURSOR_BYTES])
{
    static const char place[PAWL_CURSOR_BYTES_MAX];
    const struct pawl_cycles_route route = {.operation = operation};
    struct pawl_value values[32] = {{.present = false}};
    struct pawl_arena arena;
    pawl_arena_init(&arena, 1 << 16);
    struct pawl_call call = {.cycles = kit.cycles, .route = &route, .arena = &arena};
    call.principal.kind = by_admin ? PAWL_PRINCIPAL_ADMIN : PAWL_PRINCIPAL_TENANT;
    call.principal.tenant = by_admin ? PAWL_SLICE_NONE : PAWL_SLICE("acme");
    if (!by_admin) {
        values[0] = (struct pawl_value){.present = true, .text = PAWL_SLICE("acme")};
    }
    assert_in_range(shape->count, free_count, PAWL_ARRAY_LEN(values));
    uint64_t free = ((UINT64_C(1) << free_count) - 1) << (shape->count - free_count);
    uint64_t binding = pawl_cursor_binding(&call, shape, values, free, descending);
    struct pawl_slice text = pawl_cursor_make(&call, binding, pawl_slice_of(place, place_bytes));
    assert_true(pawl_slice_copy_str(text, cursor, CURSOR_BYTES));
    pawl_arena_free(&arena);
}

static void a_cursor_of_another_size_is_refused_though_its_check_holds(void **state)
{
    (void)state;
    static const struct {
        const char *operation;
        const char *target;
        const struct pawl_shape *shape;
        bool by_admin;
        bool descending;
        uint32_t free_count;
        size_t least, most; /* bytes of a place */
    } rows[] = {
        {"listTenants", "/v1/admin/tenants?cursor=", &pawl_tenants_shape, true, true, 3, 24, 1048},
        {"getBalances", "/v1/balances?tenant=acme&cursor=", &pawl_balances_shape, false, false, 2,
         12, 12},
        {"listReservations", "/v1/reservations?tenant=acme&cursor=", &pawl_reservations_shape,
         false, true, 4, 16, 15 + PAWL_ARCHIVE_PATH_BYTES},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        const size_t sizes[] = {1,
                                rows[i].least - 1,
                                rows[i].least,
                                rows[i].most,
                                rows[i].most + 1,
                                PAWL_CURSOR_BYTES_MAX};
        for (size_t j = 0; j < PAWL_ARRAY_LEN(sizes); j++) {
            char cursor[CURSOR_BYTES];
            char target[TARGET_BYTES];
            bool fits = sizes[j] >= rows[i].least && sizes[j] <= rows[i].most;
            make_cursor(rows[i].operation, rows[i].by_admin, rows[i].descending, rows[i].free_count,
                        rows[i].shape, sizes[j], cursor);
            (void)snprintf(target, sizeof(target), "%s%s", rows[i].target, cursor);
            expect(fits ? 200 : 400, "GET", target, rows[i].by_admin ? ADMIN : ACME, NULL);
            if (!fits) {
                assert_non_null(strstr(cycles_kit_body(&kit), "cursor: it is none of this list"));
            }
        }
    }
}

/* The open reservation of a key is found without the archive; on a later page it would stand in the
 * place of those that the archive has. */
static void a_page_of_a_key_goes_on_behind_the_last_one(void **state)
{
    (void)state;
    char cursor[CURSOR_BYTES];
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    reserve("again", "first", true);
    cycles_kit_advance(&kit, 2 * DAY_MS);
    reserve("again", "second", true);
    assert_int_equal(list("&idempotency_key=again", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.subject.agent"), "second");
    take_cursor(cursor);
    cycles_kit_advance(&kit, 2 * DAY_MS);
    reserve("again", "third", false);
    assert_int_equal(list("&idempotency_key=again", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.subject.agent"), "third");
    assert_int_equal(list("&idempotency_key=again", cursor, ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.subject.agent"), "first");
}

static void what_a_key_made_earlier_is_found_by_its_status(void **state)
{
    (void)state;
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_USD_MICROCENTS, 100000);
    reserve("again", "first", true);
    cycles_kit_advance(&kit, 2 * DAY_MS);
    reserve("again", "second", false);
    assert_int_equal(list("&idempotency_key=again&status=COMMITTED", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.subject.agent"), "first");
    assert_int_equal(list("&idempotency_key=again&status=RELEASED", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0"), "");
    assert_int_equal(list("&idempotency_key=again&agent=first", "", ACME), 200);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.status"), "COMMITTED");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(list_of_a_tenants_budgets_goes_on_where_it_was),
        CASE(a_cursor_fits_its_own_order_and_filters_alone),
        CASE(a_cursor_knows_the_default_direction),
        CASE(a_damaged_cursor_is_refused),
        CASE(a_cursor_does_not_tell_of_the_row_that_it_names),
        CASE(a_cursor_of_another_size_is_refused_though_its_check_holds),
        CASE(a_page_of_a_key_goes_on_behind_the_last_one),
        CASE(what_a_key_made_earlier_is_found_by_its_status),
    };
    return cmocka_run_group_tests_name("cycles_lists", tests, NULL, NULL);
}
