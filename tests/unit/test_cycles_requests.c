/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_requests.c: what happens to a request before the ledger sees it: paths, methods,
 * keys, trace ids, bodies; and in which order it is told what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cycles/times.h"
#include "tests/lib/cycles_kit.h"

#define KEY     "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n"
#define ADMIN   "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define SUBJECT "\"subject\":{\"tenant\":\"acme\"}"
#define ACTION  "\"action\":{\"kind\":\"llm\",\"name\":\"gpt\"}"
#define AMOUNT  "\"estimate\":{\"unit\":\"TOKENS\",\"amount\":5}"
#define BODY    "{\"idempotency_key\":\"k\"," SUBJECT "," ACTION "," AMOUNT "}"

static int open_kit(void **state)
{
    static struct cycles_kit kit;
    cycles_kit_open(&kit, 1);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_TOKENS, 1000);
    *state = &kit;
    return 0;
}

static int close_kit(void **state)
{
    cycles_kit_free(*state);
    return 0;
}

static void on_changed(struct pawl_op *op)
{
    (void)op;
}

static void assert_error(struct cycles_kit *kit, int status, const char *code)
{
    assert_int_equal(kit->exchange.status, status);
    assert_string_equal(cycles_kit_text(kit, "error"), code);
    assert_true(cycles_kit_text(kit, "message")[0] != '\0');
    assert_int_equal(strlen(cycles_kit_text(kit, "request_id")), 28);
    assert_int_equal(strlen(cycles_kit_text(kit, "trace_id")), 32);
}

/* A key's change that a crash would take back is told to nobody, by no refusal either. */
static void what_a_key_may_not_is_told_when_it_is_on_disk(void **state)
{
    static const char asked[] = "{\"idempotency_key\":\"d\"," SUBJECT "," ACTION "," AMOUNT "}";
    static const struct change {
        uint8_t state;
        uint64_t without; /* this permission */
        struct pawl_slice filter;
        int status;
        const char *error;
    } changes[] = {{PAWL_KEY_ACTIVE, 0, {"[\"workspace:w\"]", 15}, 403, "FORBIDDEN"},
                   {PAWL_KEY_ACTIVE,
                    UINT64_C(1) << PAWL_PERMISSION_RESERVATIONS_CREATE,
                    {NULL, 0},
                    403,
                    "FORBIDDEN"},
                   {PAWL_KEY_REVOKED, 0, {NULL, 0}, 401, "UNAUTHORIZED"}};
    struct cycles_kit *kit = *state;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(changes); i++) {
        struct pawl_op op = {.done = on_changed};
        struct pawl_key key;
        assert_true(pawl_registry_key(kit->registry, PAWL_SLICE("key_acme"), KIT_START_US, &key));
        key.state = changes[i].state;
        key.permissions = pawl_permission_defaults() & ~changes[i].without;
        key.scope_filter = changes[i].filter;
        pawl_registry_put_key(kit->registry, &key, PAWL_SLICE_NONE, &op);
        (void)cycles_kit_send(kit, "POST", "/v1/decide", KEY, asked);
        assert_error(kit, changes[i].status, changes[i].error);
        assert_false(kit->early);
        assert_int_equal(op.result.code, PAWL_RESULT_OK);
    }
}

static void a_path_that_is_not_there_is_404(void **state)
{
    struct cycles_kit *kit = *state;
    static const char *const paths[] = {"/",
                                        "/v1",
                                        "/v1/",
                                        "/v1/reservations/",
                                        "/v1/reservations//commit",
                                        "/v1/reservations/x/y",
                                        "/v1/reservations/x/commit/z",
                                        "/actuator/health/other",
                                        "*",
                                        "",
                                        "/V1/reservations"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(paths); i++) {
        (void)cycles_kit_send(kit, "GET", paths[i], NULL, NULL);
        assert_error(kit, 404, "NOT_FOUND");
    }
}

static void a_method_that_is_not_there_is_405_and_says_which_are(void **state)
{
    struct cycles_kit *kit = *state;
    (void)cycles_kit_send(kit, "DELETE", "/v1/reservations", NULL, NULL);
    assert_error(kit, 405, "INVALID_REQUEST");
    assert_true(cycles_kit_header_is(kit, "Allow: GET, POST"));
    (void)cycles_kit_send(kit, "GET", "/v1/decide", NULL, NULL);
    assert_error(kit, 405, "INVALID_REQUEST");
    assert_true(cycles_kit_header_is(kit, "Allow: POST"));
}

static void probes_need_no_key_and_readiness_ends_with_the_drain(void **state)
{
    struct cycles_kit *kit = *state;
    assert_int_equal(cycles_kit_send(kit, "GET", "/actuator/health", "", NULL), 200);
    assert_string_equal(cycles_kit_body(kit), "{\"status\":\"UP\"}");
    assert_int_equal(cycles_kit_send(kit, "GET", "/actuator/health/readiness", "", NULL), 200);
    pawl_cycles_drain(kit->cycles);
    assert_int_equal(cycles_kit_send(kit, "GET", "/actuator/health/liveness", "", NULL), 200);
    assert_int_equal(cycles_kit_send(kit, "GET", "/actuator/health/readiness", "", NULL), 503);
    assert_string_equal(cycles_kit_body(kit), "{\"status\":\"OUT_OF_SERVICE\"}");
}

static void a_listener_serves_its_planes_only(void **state)
{
    struct cycles_kit *kit = *state;
    kit->door = PAWL_PLANE_GOVERNANCE;
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/decide", NULL, BODY), 404);
    assert_int_equal(cycles_kit_send(kit, "GET", "/actuator/health", "", NULL), 200);
    kit->door = PAWL_PLANE_RUNTIME;
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/decide", NULL, BODY), 200);
}

static void the_trace_id_is_the_clients_where_it_is_valid(void **state)
{
    struct cycles_kit *kit = *state;
    static const char own[] = "0af7651916cd43dd8448eb211c80319c";
    static const char *const good[] = {
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\n"
        "X-Cycles-Trace-Id: ffffffffffffffffffffffffffffffff\n",
        "x-cycles-trace-id: 0af7651916cd43dd8448eb211c80319c\n",
        "traceparent: 01-ffffffffffffffffffffffffffffffff-b7ad6b7169203331-01\n"
        "X-Cycles-Trace-Id: 0af7651916cd43dd8448eb211c80319c\n"};
    static const char *const bad[] = {
        "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01\n",
        "traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x\n",
        "X-Cycles-Trace-Id: 0af7651916cd43dd8448eb211c80319\n",
        "X-Cycles-Trace-Id: 00000000000000000000000000000000\n"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(good); i++) {
        assert_int_equal(cycles_kit_send(kit, "GET", "/nowhere", good[i], NULL), 404);
        assert_string_equal(cycles_kit_text(kit, "trace_id"), own);
        assert_true(
            cycles_kit_header_is(kit, "X-Cycles-Trace-Id: 0af7651916cd43dd8448eb211c80319c"));
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bad); i++) {
        assert_int_equal(cycles_kit_send(kit, "GET", "/nowhere", bad[i], NULL), 404);
        assert_string_not_equal(cycles_kit_text(kit, "trace_id"), own);
        assert_int_equal(strlen(cycles_kit_text(kit, "trace_id")), 32);
    }
}

static void without_a_valid_key_it_is_401(void **state)
{
    struct cycles_kit *kit = *state;
    static const char *const headers[] = {"", "X-Cycles-API-Key: \n",
                                          "X-Cycles-API-Key: nonsense\n",
                                          "X-Cycles-API-Key: \n" KEY, /* the first counts */
                                          ADMIN /* which reserves nothing */};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(headers); i++) {
        (void)cycles_kit_send(kit, "POST", "/v1/reservations", headers[i], BODY);
        assert_error(kit, 401, "UNAUTHORIZED");
    }
    (void)cycles_kit_send(kit, "GET", "/v1/reservations?tenant=acme", "X-Admin-API-Key: no\n",
                          NULL);
    assert_error(kit, 401, "UNAUTHORIZED");
}

static void the_administrators_door_needs_no_key(void **state)
{
    struct cycles_kit *kit = *state;
    kit->door = PAWL_DOOR_TRUSTED;
    assert_int_equal(cycles_kit_send(kit, "GET", "/v1/reservations?tenant=acme", "", NULL), 200);
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", "", BODY), 401);
}

static void a_key_without_the_permission_is_403(void **state)
{
    struct cycles_kit *kit = *state;
    struct pawl_key key;
    assert_true(pawl_registry_key(kit->registry, PAWL_SLICE("key_acme"),
                                  pawl_engine_now_us(kit->kit.engine), &key));
    key.permissions &= ~(UINT64_C(1) << PAWL_PERMISSION_RESERVATIONS_CREATE);
    cycles_kit_put_key(kit, &key);
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, BODY);
    assert_error(kit, 403, "FORBIDDEN");
    assert_int_equal(cycles_kit_send(kit, "GET", "/v1/balances?tenant=acme", NULL, NULL), 200);
}

/* --- Bodies --------------------------------------------------------------------------------- */

static void an_error_of_a_body_names_field_limit_and_value(void **state)
{
    struct cycles_kit *kit = *state;
    static const struct {
        const char *body;
        const char *field;
        const char *message;
    } rows[] = {
        {"{}", "idempotency_key", "idempotency_key is missing"},
        {"{\"idempotency_key\":\"\"}", "idempotency_key", "of 1 to 256 characters"},
        {"{\"idempotency_key\":7}", "idempotency_key", "idempotency_key is 7; it must be a string"},
        {"{\"idempotency_key\":null}", "idempotency_key", "is null; it must be"},
        {"{\"idempotency_keys\":\"k\"}", "idempotency_keys", "did you mean idempotency_key?"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION
         ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":1.5}}",
         "estimate.amount",
         "estimate.amount is 1.5; it must be an integer from 0 to 9007199254740991"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION
         ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":-1}}",
         "estimate.amount", "estimate.amount is -1"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION
         ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":9007199254740992}}",
         "estimate.amount", "9007199254740992; it must be"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION
         ",\"estimate\":{\"unit\":\"EUR\",\"amount\":1}}",
         "estimate.unit", "one of USD_MICROCENTS, TOKENS, CREDITS, RISK_POINTS"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION ",\"estimate\":{\"unit\":\"TOKENS\"}}",
         "estimate.amount", "estimate.amount is missing"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION "," AMOUNT ",\"ttl_ms\":999}", "ttl_ms",
         "ttl_ms is 999; it must be an integer from 1000 to 86400000"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION "," AMOUNT ",\"dry_run\":1}", "dry_run",
         "true or false"},
        {"{\"idempotency_key\":\"k\"," SUBJECT "," ACTION "," AMOUNT ",\"metadata\":[]}",
         "metadata", "an object"},
        {"{\"idempotency_key\":\"k\",\"subject\":{\"dimensions\":{\"a\":\"b\"}}," ACTION "," AMOUNT
         "}",
         "subject", "one of tenant, workspace"},
        {"{\"idempotency_key\":\"k\",\"subject\":{\"agent\":\"a b\"}," ACTION "," AMOUNT "}",
         "subject.agent", "letters, digits"},
        {"{\"idempotency_key\":\"k\",\"subject\":{\"agent\":\"a\",\"dimensions\":{\"a\":1}}," ACTION
         "," AMOUNT "}",
         "subject.dimensions", "all strings"},
        {"{\"idempotency_key\":\"k\",\"subject\":{\"agent\":\"a\",\"x\":1}," ACTION "," AMOUNT "}",
         "subject.x", "there is no such field"},
        {"{\"idempotency_key\":\"k\"," SUBJECT
         ",\"action\":{\"kind\":\"k\",\"name\":\"n\",\"tags\":[1]}," AMOUNT "}",
         "action.tags", "a list of at most 10 strings"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, rows[i].body);
        assert_error(kit, 400, "INVALID_REQUEST");
        assert_string_equal(cycles_kit_text(kit, "details.field"), rows[i].field);
        assert_non_null(strstr(cycles_kit_text(kit, "message"), rows[i].message));
    }
}

static void what_is_not_json_is_refused(void **state)
{
    struct cycles_kit *kit = *state;
    static const char *const bodies[] = {
        "",
        "[]",
        "null",
        "{",
        BODY "x",
        "\xef\xbb\xbf" BODY,
        "{\"idempotency_key\":\"k\",\"idempotency_key\":\"k\"," SUBJECT "," ACTION "," AMOUNT "}",
        "{\"idempotency_key\":\"\\ud800\"," SUBJECT "," ACTION "," AMOUNT "}",
        "{\"idempotency_key\":\"\\u0000\"," SUBJECT "," ACTION "," AMOUNT "}",
        "{\"idempotency_key\":\"\xff\"," SUBJECT "," ACTION "," AMOUNT "}"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); i++) {
        (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, bodies[i]);
        assert_error(kit, 400, "INVALID_REQUEST");
    }
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", KEY "Content-Type: text/plain\n", BODY);
    assert_error(kit, 400, "INVALID_REQUEST");
    (void)cycles_kit_send(kit, "POST", "/v1/reservations",
                          KEY "Content-Type: application/x-www-form-urlencoded\n", "a=b&c=d");
    assert_error(kit, 400, "INVALID_REQUEST");
}

static void what_a_client_may_send_besides_is_taken(void **state)
{
    struct cycles_kit *kit = *state;
    static const char *const bodies[] = {
        BODY,
        "{\"idempotency_key\":\"k1\"," SUBJECT "," ACTION "," AMOUNT ",\"observe_mode\":{\"a\":1}}",
        "{\"idempotency_key\":\"k2\"," SUBJECT
        ",\"action\":{\"kind\":\"k\",\"name\":\"n\",\"policy_keys\":{\"x\":[1]}}," AMOUNT "}",
        "{\"idempotency_key\":\"k3\"," SUBJECT "," ACTION "," AMOUNT ",\"ttl_ms\":null,"
        "\"metadata\":null,\"overage_policy\":null,\"dry_run\":null}",
        "{\"idempotency_key\":\"k4\"," SUBJECT "," ACTION "," AMOUNT
        ",\"metadata\":{\"ratio\":0.25,\"big\":1e300,\"none\":null}}"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(bodies); i++) {
        assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations", NULL, bodies[i]), 200);
    }
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations",
                                     KEY "content-type: application/json; charset=utf-8\n", BODY),
                     200);
    /* As curl -d says it. */
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/reservations",
                                     KEY "Content-Type: application/x-www-form-urlencoded\n", BODY),
                     200);
}

static void the_key_of_header_and_body_must_agree(void **state)
{
    struct cycles_kit *kit = *state;
    (void)cycles_kit_send(kit, "POST", "/v1/decide", KEY "X-Idempotency-Key: other\n", BODY);
    assert_error(kit, 400, "INVALID_REQUEST");
    assert_int_equal(cycles_kit_send(kit, "POST", "/v1/decide", KEY "x-idempotency-key: k\n", BODY),
                     200);
    /* Also where the body may leave it out: passed over, a repeat would fund twice. */
    (void)cycles_kit_send(
        kit, "POST", "/v1/admin/budgets/fund?scope=tenant:acme&unit=TOKENS",
        KEY "X-Idempotency-Key: f\n",
        "{\"operation\":\"CREDIT\",\"amount\":{\"unit\":\"TOKENS\",\"amount\":1}}");
    assert_error(kit, 400, "INVALID_REQUEST");
    assert_non_null(strstr(cycles_kit_text(kit, "message"), "X-Idempotency-Key"));
}

/* Of 256 characters, however many bytes each has. */
static void a_key_is_as_long_as_the_protocol_says(void **state)
{
    struct cycles_kit *kit = *state;
    char body[2048];
    char key[257 * 4 + 1] = "";
    for (size_t i = 0; i < 257; i++) {
        memcpy(key + i * 4, "\xf0\x9f\x98\x80", 4);
    }
    for (size_t more = 0; more < 2; more++) {
        (void)snprintf(body, sizeof(body),
                       "{\"idempotency_key\":\"%s\"," SUBJECT "," ACTION "," AMOUNT "}",
                       key + (1 - more) * 4);
        (void)cycles_kit_send(kit, "POST", "/v1/decide", NULL, body);
        if (more == 0) {
            assert_int_equal(kit->exchange.status, 200);
        } else {
            assert_error(kit, 400, "INVALID_REQUEST");
            assert_non_null(strstr(cycles_kit_text(kit, "message"), "256 characters"));
        }
    }
}

/* --- Order ---------------------------------------------------------------------------------- */

static void errors_come_in_the_protocols_order(void **state)
{
    struct cycles_kit *kit = *state;
    static const char foreign[] =
        "{\"idempotency_key\":\"k\",\"subject\":{\"tenant\":\"globex\"}," ACTION "," AMOUNT "}";
    static const char commit[] =
        "{\"idempotency_key\":\"c\",\"actual\":{\"unit\":\"TOKENS\",\"amount\":1}}";
    /* Who asks goes before what. */
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", "", "not JSON");
    assert_error(kit, 401, "UNAUTHORIZED");
    /* A malformed body before the tenant; the keys' clash too. */
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", KEY "X-Idempotency-Key: x\n", foreign);
    assert_error(kit, 400, "INVALID_REQUEST");
    (void)cycles_kit_send(kit, "POST", "/v1/reservations", NULL, foreign);
    assert_error(kit, 403, "FORBIDDEN");
    /* By id: a body before the id, a forged id is 404. */
    (void)cycles_kit_send(kit, "POST", "/v1/reservations/rsv_x/commit", NULL, "{}");
    assert_error(kit, 400, "INVALID_REQUEST");
    (void)cycles_kit_send(kit, "POST", "/v1/reservations/rsv_x/commit", NULL, commit);
    assert_error(kit, 404, "NOT_FOUND");
}

static void times_are_read_as_rfc_3339_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } rows[] = {{"1970-01-01T00:00:00Z", 0},
                {"1969-12-31T23:59:59Z", INT64_C(-1000000)},
                {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
                {"2026-11-22T02:19:08Z", INT64_C(1795313948000000)},
                {"2026-11-22T02:19:08.5Z", INT64_C(1795313948500000)},
                {"2026-11-22T04:19:08+02:00", INT64_C(1795313948000000)},
                {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
                {"2026-11-22T02:19:08.1234567Z", INT64_C(1795313948123456)},
                {"9999-12-31T23:59:59+00:01", INT64_C(253402300739000000)},
                {"9999-12-31T23:59:59-00:01", -1},
                {"2001-02-29T00:00:00Z", -1},
                {"2026-13-01T00:00:00Z", -1},
                {"2026-11-22T24:00:00Z", -1},
                {"2026-11-22", -1},
                {"2026-11-22T02:19:08", -1},
                {"2026-11-22T02:19:08.Z", -1},
                {"2026-11-22T02:19:08+0200", -1},
                {"2026-11-22T02:19:08Zx", -1},
                {"0000-12-31T23:59:59Z", -1},
                {"", -1}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        int64_t us = -1;
        assert_int_equal(pawl_time_parse_us(pawl_slice_str(rows[i].text), &us), rows[i].us != -1);
        assert_int_equal(us, rows[i].us);
    }
}

static void the_table_of_routes_names_each_operation_once(void **state)
{
    (void)state;
    struct pawl_cycles_route_view view;
    struct pawl_cycles_route_view other;
    for (uint32_t i = 0; pawl_cycles_route_at(i, &view); i++) {
        assert_int_equal(view.path[0], '/');
        for (uint32_t j = 0; j < i; j++) {
            assert_true(pawl_cycles_route_at(j, &other));
            assert_true(strcmp(view.method, other.method) != 0 ||
                        strcmp(view.path, other.path) != 0);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_kit, close_kit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_path_that_is_not_there_is_404),
        CASE(what_a_key_may_not_is_told_when_it_is_on_disk),
        CASE(a_method_that_is_not_there_is_405_and_says_which_are),
        CASE(probes_need_no_key_and_readiness_ends_with_the_drain),
        CASE(a_listener_serves_its_planes_only),
        CASE(the_trace_id_is_the_clients_where_it_is_valid),
        CASE(without_a_valid_key_it_is_401),
        CASE(the_administrators_door_needs_no_key),
        CASE(a_key_without_the_permission_is_403),
        CASE(an_error_of_a_body_names_field_limit_and_value),
        CASE(what_is_not_json_is_refused),
        CASE(what_a_client_may_send_besides_is_taken),
        CASE(the_key_of_header_and_body_must_agree),
        CASE(a_key_is_as_long_as_the_protocol_says),
        CASE(errors_come_in_the_protocols_order),
        cmocka_unit_test(times_are_read_as_rfc_3339_has_them),
        cmocka_unit_test(the_table_of_routes_names_each_operation_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
