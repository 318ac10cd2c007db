/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_bodies.c: what no route lets in, over all routes of the table: bodies that are not
 * quite JSON, numbers that are not quite integers, fields that nobody knows, cursors of another
 * list; which error comes first where several could; and what net refuses by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cycles/body.h"
#include "cycles/route.h"
#include "tests/lib/answers.h"
#include "tests/lib/cycles_kit.h"

#define ADMIN "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define ACME  "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n"

enum { TEXT_BYTES = 1 << 20, DEPTH_MAX = 64, NODES_MAX = 65536 };

static struct cycles_kit kit;

static int setup(void **state)
{
    (void)state;
    cycles_kit_open(&kit, 1);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_TOKENS, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cycles_kit_free(&kit);
    return 0;
}

static void send(const struct pawl_cycles_route *route, const char *headers, struct pawl_slice body)
{
    char target[256] = "";
    struct pawl_slice path = pawl_slice_str(route->path);
    size_t bytes = 0;
    while (path.bytes > 0) { /* {name} becomes "x" */
        struct pawl_slice part = pawl_slice_cut(&path, '{');
        bytes += (size_t)snprintf(target + bytes, sizeof(target) - bytes, "%.*s%s", (int)part.bytes,
                                  part.data, path.bytes > 0 ? "x" : "");
        (void)pawl_slice_cut(&path, '}');
    }
    struct pawl_http_header list[4];
    struct pawl_http_request request = {.method = pawl_slice_str(route->method_name),
                                        .target = pawl_slice_str(target),
                                        .path = pawl_slice_str(target),
                                        .headers = list,
                                        .body = body};
    struct pawl_slice lines = pawl_slice_str(headers);
    while (lines.bytes > 0) {
        struct pawl_slice value = pawl_slice_cut(&lines, '\n');
        struct pawl_slice name = pawl_slice_cut(&value, ':');
        list[request.header_count++] = (struct pawl_http_header){name, pawl_slice_trim(value)};
    }
    (void)cycles_kit_send_bytes(&kit, &request);
}

static const char *key_of(const struct pawl_cycles_route *route)
{
    return route->who == PAWL_WHO_ADMIN ? ADMIN : ACME;
}

static void expect_error(const struct pawl_cycles_route *route, int status, const char *code)
{
    if (kit.exchange.status != status || strcmp(cycles_kit_text(&kit, "error"), code) != 0) {
        fail_msg("%s: %d, not %d %s: %s", route->operation, kit.exchange.status, status, code,
                 cycles_kit_body(&kit));
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void what_is_not_quite_json_is_400_at_every_route_with_a_body(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *why; /* in the message */
    } rows[] = {{"", "there is no body"},
                {"{", "truncated"},
                {"{}}", "trailing"},
                {"{} {}", "trailing"},
                {"{},", "trailing"},
                {"[]", "not a JSON object"},
                {"null", "not a JSON object"},
                {"\"{}\"", "not a JSON object"},
                {"\xef\xbb\xbf{}", "syntax"},
                {"{\"a\":1,}", "syntax"},
                {"{'a':1}", "syntax"},
                {"{\"a\":NaN}", "syntax"},
                {"{\"a\":01}", "syntax"},
                {"{\"a\":+1}", "syntax"},
                {"{\"a\":.5}", "syntax"},
                {"{\"a\":1.}", "syntax"},
                {"{\"a\":0x1}", "syntax"},
                {"{\"a\":1/*x*/}", "syntax"},
                {"{\"a\":1,\"a\":1}", "duplicate_key"},
                {"{\"a\":1,\"\\u0061\":1}", "duplicate_key"},
                {"{\"a\":{\"b\":1,\"b\":2}}", "duplicate_key"},
                {"{\"a\":\"\xff\"}", "utf8"},
                {"{\"a\":\"\xc0\x80\"}", "utf8"},
                {"{\"a\":\"\xed\xa0\x80\"}", "utf8"},
                {"{\"a\":\"\t\"}", "control"},
                {"{\"a\":\"\\x41\"}", "escape"}};
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        for (size_t row = 0; route->body != PAWL_BODY_NONE && row < PAWL_ARRAY_LEN(rows); row++) {
            if (rows[row].body[0] == '\0' && route->body == PAWL_BODY_OPTIONAL) {
                continue;
            }
            send(route, key_of(route), pawl_slice_str(rows[row].body));
            expect_error(route, 400, "INVALID_REQUEST");
            if (strstr(cycles_kit_text(&kit, "message"), rows[row].why) == NULL) {
                fail_msg("%s: %s is not said of %s: %s", route->operation, rows[row].why,
                         rows[row].body, cycles_kit_body(&kit));
            }
            seen++;
        }
    }
    assert_true(seen > 400);
}

/* {"metadata":[[…]]}: `depth` containers in all. */
static struct pawl_slice nested(char out[static 512], uint32_t depth)
{
    uint32_t lists = depth - 1;
    size_t bytes = (size_t)snprintf(out, 512, "{\"metadata\":");
    memset(out + bytes, '[', lists);
    memset(out + bytes + lists, ']', lists);
    out[bytes + 2UL * lists] = '}';
    return pawl_slice_of(out, bytes + 2UL * lists + 1);
}

static void a_body_is_so_deep_and_has_so_many_values(void **state)
{
    (void)state;
    const struct pawl_cycles_route *route = pawl_route_at(3);
    char text[512];
    static char many[TEXT_BYTES];
    assert_string_equal(route->operation, "createReservation");
    send(route, ACME, nested(text, DEPTH_MAX));
    assert_null(strstr(cycles_kit_text(&kit, "message"), "depth"));
    send(route, ACME, nested(text, DEPTH_MAX + 1));
    assert_non_null(strstr(cycles_kit_text(&kit, "message"), "depth"));
    /* The object, a key, a list: three are there already. */
    for (uint32_t elements = NODES_MAX - 3; elements <= NODES_MAX - 2; elements++) {
        size_t bytes = (size_t)snprintf(many, sizeof(many), "{\"metadata\":[0");
        for (uint32_t i = 1; i < elements; i++) {
            memcpy(many + bytes, ",0", 2);
            bytes += 2;
        }
        memcpy(many + bytes, "]}", 2);
        send(route, ACME, pawl_slice_of(many, bytes + 2));
        expect_error(route, 400, "INVALID_REQUEST");
        bool too_many = strstr(cycles_kit_text(&kit, "message"), "too_many") != NULL;
        assert_int_equal(too_many, elements == NODES_MAX - 2);
    }
}

#define RESERVE(amount, more)                                                                      \
    "{\"idempotency_key\":\"k\",\"subject\":{\"tenant\":\"acme\"},"                                \
    "\"action\":{\"kind\":\"a\",\"name\":\"b\"},"                                                  \
    "\"estimate\":{\"unit\":\"TOKENS\",\"amount\":" amount "}" more "}"

static void a_number_of_the_ledgers_is_a_plain_integer_in_its_range(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        RESERVE("1.0", ""),
        RESERVE("1e2", ""),
        RESERVE("1E0", ""),
        RESERVE("-0", ""),
        RESERVE("-1", ""),
        RESERVE("9007199254740992", ""),
        RESERVE("9223372036854775807", ""),
        RESERVE("9223372036854775808", ""),
        RESERVE("18446744073709551616", ""),
        RESERVE("100000000000000000000000000000000000000000", ""),
        RESERVE("1e400", ""),
        RESERVE("\"5\"", ""),
        RESERVE("true", ""),
        RESERVE("[5]", ""),
        RESERVE("{}", ""),
        RESERVE("null", ""),
        RESERVE("5", ",\"ttl_ms\":60000.0"),
        RESERVE("5", ",\"ttl_ms\":6e4"),
        RESERVE("5", ",\"ttl_ms\":86400001"),
        RESERVE("5", ",\"grace_period_ms\":60001"),
        RESERVE("5", ",\"grace_period_ms\":-1"),
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); i++) {
        send(pawl_route_at(3), ACME, pawl_slice_str(bodies[i]));
        expect_error(pawl_route_at(3), 400, "INVALID_REQUEST");
        assert_true(cycles_kit_text(&kit, "details.field")[0] != '\0');
    }
    /* What is the client's own business may be any number, and comes back as it was sent. */
    send(pawl_route_at(3), ACME,
         PAWL_SLICE(
             RESERVE("5", ",\"metadata\":{\"a\":[1e400,-0.0,123456789012345678901234567890]}")));
    assert_int_equal(kit.exchange.status, 200);
    (void)cycles_kit_send(&kit, "GET", "/v1/reservations?include=metadata", ACME, NULL);
    assert_string_equal(cycles_kit_text(&kit, "reservations.0.metadata"),
                        "{\"a\":[1e400,-0.0,123456789012345678901234567890]}");
}

static void a_field_that_nobody_knows_is_400_at_every_route_with_a_body(void **state)
{
    (void)state;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        if (route->fields->count > 0) {
            send(route, key_of(route), PAWL_SLICE("{\"nobody_knows\":1}"));
            expect_error(route, 400, "INVALID_REQUEST");
            assert_string_equal(cycles_kit_text(&kit, "details.field"), "nobody_knows");
            seen++;
        }
    }
    assert_int_equal(seen, 18);
}

/* A name of many characters of two bytes: where a message is cut, a character stays whole or is
 * replaced, and the answer is JSON. */
static void a_long_name_of_a_field_makes_no_broken_answer(void **state)
{
    (void)state;
    char body[4096];
    for (size_t characters = 100; characters < 600; characters += 33) {
        size_t bytes = 0;
        bytes += (size_t)snprintf(body, sizeof(body), "{\"x");
        for (size_t i = 0; i < characters; i++) {
            memcpy(body + bytes, "\xc3\xa9", 2);
            bytes += 2;
        }
        bytes += (size_t)snprintf(body + bytes, sizeof(body) - bytes, "\":1}");
        send(pawl_route_at(3), ACME, pawl_slice_of(body, bytes));
        expect_error(pawl_route_at(3), 400, "INVALID_REQUEST");
        assert_non_null(strstr(cycles_kit_text(&kit, "message"), "there is no such field"));
    }
}

/* --- Which error comes first ------------------------------------------------------------------ */

static void errors_come_in_one_order_at_every_route(void **state)
{
    (void)state;
    struct pawl_key key;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        if (route->who == PAWL_WHO_NOBODY) {
            continue;
        }
        /* Who asks goes before what is asked, and the kind of key before its permissions. */
        send(route, "", PAWL_SLICE("{"));
        expect_error(route, 401, "UNAUTHORIZED");
        send(route, "X-Cycles-API-Key: nonsense\nX-Admin-API-Key: nonsense\n", PAWL_SLICE("{"));
        expect_error(route, 401, "UNAUTHORIZED");
        send(route, route->who == PAWL_WHO_ADMIN ? ACME : "", PAWL_SLICE("{"));
        expect_error(route, 401, "UNAUTHORIZED");
    }
    assert_true(pawl_registry_key(kit.registry, PAWL_SLICE("key_acme"),
                                  pawl_engine_now_us(kit.kit.engine), &key));
    key.permissions = 0;
    cycles_kit_put_key(&kit, &key);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        if (route->permission == PAWL_PERMISSION_NONE) {
            continue;
        }
        send(route, ACME, PAWL_SLICE("{")); /* what it may not do goes before what it says */
        expect_error(route, 403,
                     route->plane == PAWL_PLANE_GOVERNANCE ? "INSUFFICIENT_PERMISSIONS"
                                                           : "FORBIDDEN");
        seen++;
    }
    assert_true(seen >= 15);
}

/* Each row has all faults of the rows below it. */
/* Half of a pair, where a client cut a text in two, and NUL, where it shows what a tool has said:
 * no reason to refuse to book what was spent. */
static void metadata_may_hold_what_is_no_text(void **state)
{
    (void)state;
    static const char *const odd = "{\"cut\":\"a\\ud83d\",\"\\u0000\":[\"\\u0000\\udc00\"]}";
    static const char *const none[][2] = {
        {"\"tenant\":\"acme\",\"dimensions\":{\"a\\u0000\":\"b\"}", "\"name\":\"b\""},
        {"\"tenant\":\"acme\",\"dimensions\":{\"a\":\"\\u0000\"}", "\"name\":\"b\""},
        {"\"tenant\":\"acme\"", "\"name\":\"b\\u0000\""},
        {"\"tenant\":\"acme\"", "\"name\":\"\\udfff\\ud800\""},
        {"\"tenant\":\"acme\"", "\"name\":\"b\",\"tags\":[\"a\",\"\\u0000\"]"}};
    char target[128];
    char body[512];
    (void)snprintf(body, sizeof(body), RESERVE("5", ",\"metadata\":%s"), odd);
    send(pawl_route_at(3), ACME, pawl_slice_str(body));
    assert_int_equal(kit.exchange.status, 200);
    (void)snprintf(target, sizeof(target), "/v1/reservations/%s/commit",
                   cycles_kit_text(&kit, "reservation_id"));
    (void)snprintf(body, sizeof(body),
                   "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":1},"
                   "\"metadata\":%s,\"metrics\":{\"custom\":%s}}",
                   odd, odd);
    for (int repeat = 0; repeat < 2; repeat++) {
        assert_int_equal(cycles_kit_send(&kit, "POST", target, ACME, body), 200);
    }
    *strrchr(target, '/') = '\0';
    assert_int_equal(cycles_kit_send(&kit, "GET", target, ACME, NULL), 200);
    (void)snprintf(body, sizeof(body), "\"metadata\":%s,\"committed_metadata\":%s", odd, odd);
    assert_non_null(strstr(cycles_kit_body(&kit), body));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(none); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"idempotency_key\":\"n\",\"subject\":{%s},"
                       "\"action\":{\"kind\":\"a\",%s},"
                       "\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1}}",
                       none[i][0], none[i][1]);
        send(pawl_route_at(3), ACME, pawl_slice_str(body));
        expect_error(pawl_route_at(3), 400, "INVALID_REQUEST");
        assert_non_null(strstr(cycles_kit_text(&kit, "message"), "NUL"));
    }
}

static int send_large(const char *target, const char *before, int bytes, const char *after)
{
    static char body[40000];
    (void)snprintf(body, sizeof(body), "%s{\"a\":\"%0*d\"}%s", before, bytes, 0, after);
    return cycles_kit_send(&kit, "POST", target, ACME, body);
}

/* Nothing is spent yet at a reserve, which is refused. Of what is booked the metadata is left out
 * where it does not fit: a client takes a refused commit for a reason to give the hold back. */
static void a_settlement_is_booked_without_metadata_that_does_not_fit(void **state)
{
    (void)state;
    static const char *const end = "}";
    static const char *const more = ",\"metrics\":{\"tokens_input\":7}}";
    char event[] = "{\"idempotency_key\":\"e\",\"subject\":{\"tenant\":\"acme\"},"
                   "\"action\":{\"kind\":\"a\",\"name\":\"b\"},"
                   "\"actual\":{\"unit\":\"TOKENS\",\"amount\":1},\"metadata\":";
    char target[128];
    const struct pawl_cycles_route *route = pawl_route_at(3);
    for (int large = 0; large < 2; large++) {
        int bytes = large != 0 ? 16384 : 15000;
        char reserve[256];
        (void)snprintf(reserve, sizeof(reserve),
                       "%.*s,\"metadata\":", (int)strlen(RESERVE("5", "")) - 1, RESERVE("5", ""));
        reserve[20] = event[20] = (char)('k' + large); /* of the idempotency key */
        if (large != 0) {
            (void)send_large("/v1/reservations", reserve, bytes, end);
            expect_error(route, 400, "INVALID_REQUEST");
        }
        assert_int_equal(send_large("/v1/reservations", reserve, 15000, end), 200);
        (void)snprintf(target, sizeof(target), "/v1/reservations/%s/extend",
                       cycles_kit_text(&kit, "reservation_id"));
        assert_int_equal(
            send_large(target, "{\"idempotency_key\":\"x\",\"extend_by_ms\":1,\"metadata\":", bytes,
                       end),
            200);
        (void)snprintf(strrchr(target, '/'), 8, "/commit");
        for (int repeat = 0; repeat < 2; repeat++) {
            assert_int_equal(
                send_large(target,
                           "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\","
                           "\"amount\":4},\"metadata\":",
                           bytes, more),
                200);
        }
        *strrchr(target, '/') = '\0';
        assert_int_equal(cycles_kit_send(&kit, "GET", target, ACME, NULL), 200);
        assert_string_equal(cycles_kit_text(&kit, "status"), "COMMITTED");
        assert_true((strstr(cycles_kit_body(&kit), "\"committed_metadata\"") == NULL) ==
                    (large != 0));
        assert_int_equal(send_large("/v1/events", event, bytes, more), 201);
    }
    /* Another payload is another payload, also in what was left out. */
    (void)snprintf(target + strlen(target), 8, "/commit");
    (void)send_large(target,
                     "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":4},"
                     "\"metadata\":",
                     16385, more);
    expect_error(pawl_route_at(4), 409, "IDEMPOTENCY_MISMATCH");
}

static void faults_of_a_commit_are_told_one_after_the_other(void **state)
{
    (void)state;
    char target[128];
    char repeat[512];
    const char *good = "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":1}}";
    const char *wrong_unit =
        "{\"idempotency_key\":\"c2\",\"actual\":{\"unit\":\"CREDITS\",\"amount\":1}}";
    send(pawl_route_at(3), ACME, PAWL_SLICE(RESERVE("5", ",\"overage_policy\":\"REJECT\"")));
    (void)snprintf(target, sizeof(target), "/v1/reservations/%s/commit",
                   cycles_kit_text(&kit, "reservation_id"));
    const struct pawl_cycles_route *route = pawl_route_at(4);
    /* Malformed, before the keys' clash, before the id, before whose it is. */
    (void)cycles_kit_send(&kit, "POST", target,
                          "X-Cycles-API-Key: " CYCLES_KIT_GLOBEX "\nX-Idempotency-Key: x\n", "{");
    expect_error(route, 400, "INVALID_REQUEST");
    (void)cycles_kit_send(&kit, "POST", "/v1/reservations/none/commit",
                          ACME "X-Idempotency-Key: x\n", good);
    expect_error(route, 400, "INVALID_REQUEST");
    (void)cycles_kit_send(&kit, "POST", "/v1/reservations/none/commit", ACME, good);
    expect_error(route, 404, "NOT_FOUND");
    (void)cycles_kit_send(&kit, "POST", target, "X-Cycles-API-Key: " CYCLES_KIT_GLOBEX "\n",
                          wrong_unit);
    expect_error(route, 403, "FORBIDDEN");
    /* The unit before the amount. */
    (void)cycles_kit_send(&kit, "POST", target, ACME, wrong_unit);
    expect_error(route, 400, "UNIT_MISMATCH");
    (void)cycles_kit_send(
        &kit, "POST", target, ACME,
        "{\"idempotency_key\":\"c2\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":6}}");
    expect_error(route, 409, "BUDGET_EXCEEDED");
    assert_int_equal(cycles_kit_send(&kit, "POST", target, ACME, good), 200);
    (void)snprintf(repeat, sizeof(repeat), "%s", cycles_kit_body(&kit));
    /* What is over says so before the unit; a repeat goes before all, a closed tenant too. */
    (void)cycles_kit_send(&kit, "POST", target, ACME, wrong_unit);
    expect_error(route, 409, "RESERVATION_FINALIZED");
    assert_int_equal(
        cycles_kit_send(&kit, "PATCH", "/v1/admin/tenants/acme", ADMIN, "{\"status\":\"CLOSED\"}"),
        200);
    assert_int_equal(cycles_kit_send(&kit, "POST", target, ACME, good), 200);
    assert_string_equal(cycles_kit_body(&kit), repeat);
    /* The end of the tenant goes before what had become of the reservation. */
    (void)cycles_kit_send(&kit, "POST", target, ACME, wrong_unit);
    expect_error(route, 409, "TENANT_CLOSED");
    /* Another payload under a used key goes before the tenant's end. */
    send(pawl_route_at(3), ACME, PAWL_SLICE(RESERVE("6", "")));
    expect_error(pawl_route_at(3), 409, "IDEMPOTENCY_MISMATCH");
    send(pawl_route_at(3), ACME,
         PAWL_SLICE("{\"idempotency_key\":\"k9\",\"subject\":{\"tenant\":\"acme\"},"
                    "\"action\":{\"kind\":\"a\",\"name\":\"b\"},"
                    "\"estimate\":{\"unit\":\"CREDITS\",\"amount\":1}}"));
    expect_error(pawl_route_at(3), 409, "TENANT_CLOSED");
}

/* --- Cursors ---------------------------------------------------------------------------------- */

static void make_rows(void)
{
    for (int i = 0; i < 3; i++) {
        char body[512];
        (void)snprintf(body, sizeof(body), "{\"tenant_id\":\"row-%d\",\"name\":\"row\"}", i);
        (void)cycles_kit_send(&kit, "POST", "/v1/admin/tenants", ADMIN, body);
        (void)snprintf(body, sizeof(body), "{\"tenant_id\":\"acme\",\"name\":\"row %d\"}", i);
        (void)cycles_kit_send(&kit, "POST", "/v1/admin/api-keys", ADMIN, body);
        (void)snprintf(body, sizeof(body), "{\"name\":\"row %d\",\"scope_pattern\":\"*\"}", i);
        (void)cycles_kit_send(&kit, "POST", "/v1/admin/policies", ACME, body);
        (void)snprintf(body, sizeof(body),
                       "{\"scope\":\"tenant:acme/agent:row-%d\",\"unit\":\"TOKENS\","
                       "\"allocated\":{\"unit\":\"TOKENS\",\"amount\":5}}",
                       i);
        (void)cycles_kit_send(&kit, "POST", "/v1/admin/budgets", ACME, body);
        (void)snprintf(body, sizeof(body),
                       "{\"idempotency_key\":\"r%d\",\"subject\":{\"tenant\":\"acme\"},\"action\":{"
                       "\"kind\":\"a\",\"name\":\"b\"},\"estimate\":{\"unit\":\"TOKENS\","
                       "\"amount\":1}}",
                       i);
        (void)cycles_kit_send(&kit, "POST", "/v1/reservations", ACME, body);
        assert_int_equal(kit.exchange.status, 200);
    }
}

static void a_cursor_goes_on_in_its_own_list_alone(void **state)
{
    (void)state;
    static const struct {
        const char *list; /* with its filters */
        const char *who;
        const char *other; /* the same list with one filter or its order changed */
    } rows[] = {
        {"/v1/admin/tenants?search=row", ADMIN, "/v1/admin/tenants?search=ro"},
        {"/v1/admin/tenants?sort_by=name", ADMIN, "/v1/admin/tenants?sort_by=tenant_id"},
        {"/v1/admin/tenants?status=ACTIVE", ADMIN, "/v1/admin/tenants?status=SUSPENDED"},
        {"/v1/admin/api-keys?tenant_id=acme", ADMIN, "/v1/admin/api-keys?tenant_id=globex"},
        {"/v1/admin/api-keys?sort_dir=asc", ADMIN, "/v1/admin/api-keys?sort_dir=desc"},
        {"/v1/admin/policies?status=ACTIVE", ACME, "/v1/admin/policies?status=DISABLED"},
        {"/v1/admin/budgets?unit=TOKENS", ACME, "/v1/admin/budgets?unit=CREDITS"},
        {"/v1/admin/budgets?utilization_max=0.9", ACME, "/v1/admin/budgets?utilization_max=0.8"},
        {"/v1/balances?tenant=acme", ACME, "/v1/balances?tenant=acme&agent=row-1"},
        {"/v1/balances?unit=TOKENS", ACME, "/v1/balances?unit=TOKENS&scope_prefix=t"},
        {"/v1/reservations?status=ACTIVE", ACME, "/v1/reservations?status=RELEASED"},
        {"/v1/reservations?sort_by=reserved", ACME, "/v1/reservations?sort_by=status"},
    };
    char cursors[PAWL_ARRAY_LEN(rows)][512];
    char target[1024];
    make_rows();
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        (void)snprintf(target, sizeof(target), "%s&limit=1", rows[i].list);
        assert_int_equal(cycles_kit_send(&kit, "GET", target, rows[i].who, NULL), 200);
        (void)snprintf(cursors[i], sizeof(cursors[i]), "%s", cycles_kit_text(&kit, "next_cursor"));
        if (cursors[i][0] == '\0') {
            fail_msg("%s: %s", target, cycles_kit_body(&kit));
        }
        (void)snprintf(target, sizeof(target), "%s&limit=1&cursor=%.400s", rows[i].list,
                       cursors[i]);
        assert_int_equal(cycles_kit_send(&kit, "GET", target, rows[i].who, NULL), 200);
        (void)snprintf(target, sizeof(target), "%s&limit=1&cursor=%.400s", rows[i].other,
                       cursors[i]);
        (void)cycles_kit_send(&kit, "GET", target, rows[i].who, NULL);
        assert_int_equal(kit.exchange.status, 400);
        /* A digit of it changed. */
        cursors[i][3] = cursors[i][3] == 'A' ? 'B' : 'A';
        (void)snprintf(target, sizeof(target), "%s&limit=1&cursor=%.400s", rows[i].list,
                       cursors[i]);
        assert_int_equal(cycles_kit_send(&kit, "GET", target, rows[i].who, NULL), 400);
        cursors[i][3] = '\0';
        (void)snprintf(target, sizeof(target), "%s&limit=1&cursor=%.400s", rows[i].list,
                       cursors[i]);
        assert_int_equal(cycles_kit_send(&kit, "GET", target, rows[i].who, NULL), 400);
    }
}

/* --- Traces ----------------------------------------------------------------------------------- */

static void every_answer_has_its_ids_in_headers_and_body(void **state)
{
    (void)state;
    static const char trace[] = "0af7651916cd43dd8448eb211c80319c";
    char headers[512];
    char ids[64][40];
    uint32_t count = 0;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const struct pawl_cycles_route *route = pawl_route_at(i);
        (void)snprintf(headers, sizeof(headers),
                       "%sX-Request-Id: mine\ntraceparent: 00-%s-b7ad6b7169203331-01\n",
                       key_of(route), trace);
        send(route, headers, PAWL_SLICE("{}"));
        struct pawl_slice head = pawl_buf_slice(&kit.exchange.head);
        assert_true(
            cycles_kit_header_is(&kit, "X-Cycles-Trace-Id: 0af7651916cd43dd8448eb211c80319c"));
        size_t at = pawl_slice_find(head, PAWL_SLICE("X-Request-Id: req_"));
        assert_true(at != SIZE_MAX); /* never the client's own */
        struct pawl_slice id = pawl_slice_sub(head, at + 14, 28);
        for (uint32_t other = 0; other < count; other++) {
            assert_false(pawl_slice_equal_str(id, ids[other]));
        }
        assert_true(pawl_slice_copy_str(id, ids[count++], sizeof(ids[0])));
        if (kit.exchange.status >= 400) {
            assert_string_equal(cycles_kit_text(&kit, "trace_id"), trace);
            assert_string_equal(cycles_kit_text(&kit, "request_id"), ids[count - 1]);
        }
    }
    assert_int_equal(count, pawl_route_count());
}

/* --- What net refuses ------------------------------------------------------------------------- */

static void refuse(const struct pawl_http_refused *refused, struct pawl_http_refusal_answer *answer)
{
    uint32_t observed = kit.observed;
    *answer = (struct pawl_http_refusal_answer){.status = refused->status, .arena = &kit.arena};
    pawl_arena_reset(&kit.arena);
    pawl_cycles_refusal(kit.cycles, refused, answer);
    assert_int_equal(kit.observed, observed + 1);
    assert_int_equal(kit.observed_status, refused->status);
    assert_int_equal(answer->status, refused->status);
    assert_true(pawl_json_parse(&kit.arena, answer->body, PAWL_JSON_BODY, PAWL_JSON_LIMITS_DEFAULT,
                                &kit.json));
}

static void a_refusal_of_nets_has_the_protocols_form(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code;
    } rows[] = {{400, "INVALID_REQUEST"}, {403, "FORBIDDEN"},       {408, "INVALID_REQUEST"},
                {413, "INVALID_REQUEST"}, {417, "INVALID_REQUEST"}, {431, "INVALID_REQUEST"},
                {501, "INVALID_REQUEST"}, {503, "LIMIT_EXCEEDED"},  {505, "INVALID_REQUEST"}};
    const struct pawl_http_header header = {
        PAWL_SLICE("TraceParent"),
        PAWL_SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};
    const struct pawl_http_request request = {.method = PAWL_SLICE("POST"),
                                              .path = PAWL_SLICE("/v1/decide"),
                                              .headers = &header,
                                              .header_count = 1};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_http_refusal_answer answer;
        struct pawl_http_refused refused = {
            .status = rows[i].status, .name = "some_name", .message = "A sentence.", .limit = 17};
        refuse(&refused, &answer); /* bytes that made no head */
        assert_string_equal(cycles_kit_members(&kit), "error message request_id trace_id details");
        assert_string_equal(cycles_kit_text(&kit, "error"), rows[i].code);
        assert_string_equal(cycles_kit_text(&kit, "message"), "A sentence.");
        assert_string_equal(cycles_kit_text(&kit, "details.refusal"), "some_name");
        assert_int_equal(cycles_kit_number(&kit, "details.limit"), 17);
        assert_int_equal(strlen(cycles_kit_text(&kit, "trace_id")), 32);
        refused.request = &request; /* a head that could be read */
        refuse(&refused, &answer);
        assert_string_equal(cycles_kit_text(&kit, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
        const struct pawl_http_header *id =
            pawl_http_find_header(answer.headers, answer.header_count, "x-request-id");
        assert_non_null(id);
        assert_true(pawl_slice_equal_str(id->value, cycles_kit_text(&kit, "request_id")));
        assert_non_null(pawl_http_find_header(answer.headers, answer.header_count, "date"));
        assert_non_null(pawl_http_find_header(answer.headers, answer.header_count, "content-type"));
    }
}

/* --- The table -------------------------------------------------------------------------------- */

static void every_error_of_the_answers_table_is_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < pawl_route_count(); i++) {
        const char *errors = answers_errors(pawl_route_at(i)->operation);
        assert_non_null(errors);
        struct pawl_slice rest = pawl_slice_str(errors);
        while (rest.bytes > 0) {
            struct pawl_slice code = pawl_slice_trim(pawl_slice_cut(&rest, ','));
            uint64_t status = 0;
            assert_true(pawl_slice_to_u64(pawl_slice_cut(&code, ' '), &status));
            if (!answers_error_exists((int)status, code)) {
                fail_msg("%s: %d %.*s is no error", pawl_route_at(i)->operation, (int)status,
                         (int)code.bytes, code.data);
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_quite_json_is_400_at_every_route_with_a_body),
        TEST(a_body_is_so_deep_and_has_so_many_values),
        TEST(a_number_of_the_ledgers_is_a_plain_integer_in_its_range),
        TEST(a_field_that_nobody_knows_is_400_at_every_route_with_a_body),
        TEST(a_long_name_of_a_field_makes_no_broken_answer),
        TEST(errors_come_in_one_order_at_every_route),
        TEST(metadata_may_hold_what_is_no_text),
        TEST(a_settlement_is_booked_without_metadata_that_does_not_fit),
        TEST(faults_of_a_commit_are_told_one_after_the_other),
        TEST(a_cursor_goes_on_in_its_own_list_alone),
        TEST(every_answer_has_its_ids_in_headers_and_body),
        TEST(a_refusal_of_nets_has_the_protocols_form),
        TEST(every_error_of_the_answers_table_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
