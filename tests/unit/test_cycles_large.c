/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cycles_large.c: bodies of settlements that are deeper or have more values than is read: what
 * was spent is booked, without what is told beside it. And who may send a longer body than others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/lib/cycles_kit.h"

#define ADMIN  "X-Admin-API-Key: " CYCLES_KIT_ADMIN "\n"
#define ACME   "X-Cycles-API-Key: " CYCLES_KIT_ACME "\n"
#define ACTION "\"action\":{\"kind\":\"a\",\"name\":\"b\"}"

enum { BODY_BYTES_MAX = 1 << 20, DEPTH_MAX = 64, NODES_MAX = 65536 };

static struct cycles_kit kit;
static struct pawl_buf body;
static struct pawl_buf beside;

static int setup(void **state)
{
    (void)state;
    cycles_kit_open(&kit, 1);
    (void)cycles_kit_budget(&kit, "tenant:acme", PAWL_UNIT_TOKENS, 1000);
    pawl_buf_init(&body, BODY_BYTES_MAX);
    pawl_buf_init(&beside, BODY_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pawl_buf_free(&body);
    pawl_buf_free(&beside);
    cycles_kit_free(&kit);
    return 0;
}

/* {"a":{"a": … {} }}: `depth` containers. */
static const char *deep(uint32_t depth)
{
    pawl_buf_reset(&beside);
    for (uint32_t i = 1; i < depth; i++) {
        pawl_buf_append_str(&beside, "{\"a\":");
    }
    pawl_buf_append_str(&beside, "{}");
    for (uint32_t i = 1; i < depth; i++) {
        pawl_buf_append_byte(&beside, '}');
    }
    return pawl_buf_cstr(&beside);
}

/* {"a":[0,0, … ]} */
static const char *wide(uint32_t elements)
{
    pawl_buf_reset(&beside);
    pawl_buf_append_str(&beside, "{\"a\":[0");
    for (uint32_t i = 1; i < elements; i++) {
        pawl_buf_append_str(&beside, ",0");
    }
    pawl_buf_append_str(&beside, "]}");
    return pawl_buf_cstr(&beside);
}

static const char *too_much(int which)
{
    return which == 0 ? deep(DEPTH_MAX) : wide(NODES_MAX);
}

static void write_body(const char *fields, const char *metadata, const char *metrics)
{
    pawl_buf_reset(&body);
    pawl_buf_printf(&body, "{\"metadata\":%s,%s", metadata, fields);
    if (metrics != NULL) {
        pawl_buf_printf(&body, ",\"metrics\":%s", metrics);
    }
    pawl_buf_append_byte(&body, '}');
}

static int post(const char *path)
{
    return cycles_kit_send(&kit, "POST", path, ACME, pawl_buf_cstr(&body));
}

/* The path of a new hold's. */
static const char *hold(const char *key, const char *verb)
{
    static char path[256];
    char fields[256];
    (void)snprintf(fields, sizeof(fields),
                   "\"idempotency_key\":\"%s\",\"subject\":{\"tenant\":\"acme\"}," ACTION
                   ",\"estimate\":{\"unit\":\"TOKENS\",\"amount\":5}",
                   key);
    write_body(fields, "{}", NULL);
    assert_int_equal(post("/v1/reservations"), 200);
    (void)snprintf(path, sizeof(path), "/v1/reservations/%s/%s",
                   cycles_kit_text(&kit, "reservation_id"), verb);
    return path;
}

#define ACTUAL(amount) "\"actual\":{\"unit\":\"TOKENS\",\"amount\":" #amount "}"
#define COMMIT         "\"idempotency_key\":\"c\"," ACTUAL(4)
#define EXTEND         "\"idempotency_key\":\"x\",\"extend_by_ms\":1000"
#define SUBJECT        "\"subject\":{\"tenant\":\"acme\"}"
#define EVENT          "\"idempotency_key\":\"e\"," SUBJECT "," ACTION "," ACTUAL(4)

static void what_is_spent_is_booked_without_what_is_too_much(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        const char *path = hold(which == 0 ? "r0" : "r1", "extend");
        write_body(EXTEND, too_much(which), NULL);
        assert_int_equal(post(path), 200);
        path = hold(which == 0 ? "r2" : "r3", "commit");
        write_body(COMMIT, too_much(which), "{\"tokens_input\":7}");
        for (int repeat = 0; repeat < 2; repeat++) {
            assert_int_equal(post(path), 200);
            assert_int_equal(cycles_kit_number(&kit, "charged.amount"), 4);
        }
        /* The same under other bytes of what was left out is another payload. */
        char *digit = strstr(body.data, which == 0 ? "{}" : "0]");
        *digit = which == 0 ? '[' : '1';
        digit[1] = ']';
        assert_int_equal(post(path), 409);
        assert_string_equal(cycles_kit_text(&kit, "error"), "IDEMPOTENCY_MISMATCH");
    }
    write_body(EVENT, too_much(1), "{\"tokens_input\":7}");
    assert_int_equal(post("/v1/events"), 201);
}

static void what_is_not_too_much_is_kept(void **state)
{
    (void)state;
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", hold("r", "commit"));
    pawl_buf_reset(&body);
    pawl_buf_printf(&body, "{" COMMIT ",\"metrics\":{\"custom\":%s},\"metadata\":{\"b\":1}}",
                    too_much(1));
    assert_int_equal(post(path), 200);
    *strrchr(path, '/') = '\0';
    assert_int_equal(cycles_kit_send(&kit, "GET", path, ACME, NULL), 200);
    assert_non_null(strstr(cycles_kit_body(&kit), "\"committed_metadata\":{\"b\":1}"));
    /* As deep as may be. */
    (void)snprintf(path, sizeof(path), "%s", hold("s", "commit"));
    write_body(COMMIT, deep(DEPTH_MAX - 1), NULL);
    assert_int_equal(post(path), 200);
    *strrchr(path, '/') = '\0';
    assert_int_equal(cycles_kit_send(&kit, "GET", path, ACME, NULL), 200);
    assert_non_null(strstr(cycles_kit_body(&kit), "\"committed_metadata\":{\"a\":{\"a\""));
}

/* Nothing is spent yet at a reserve; and nobody guesses an amount. */
static void what_is_needed_is_refused_by_its_limit(void **state)
{
    (void)state;
    static const char *const limits[] = {"(at most 64 levels)", "(at most 65536 values and keys)"};
    char path[256];
    (void)snprintf(path, sizeof(path), "%s", hold("r", "commit"));
    for (int which = 0; which < 2; which++) {
        write_body("\"idempotency_key\":\"k\"", too_much(which), NULL);
        assert_int_equal(post("/v1/reservations"), 400);
        assert_non_null(strstr(cycles_kit_text(&kit, "message"), limits[which]));
        pawl_buf_reset(&body);
        pawl_buf_printf(&body, "{" COMMIT ",\"nobody_knows\":%s}", too_much(which));
        assert_int_equal(post(path), 400);
        assert_non_null(strstr(cycles_kit_text(&kit, "message"), limits[which]));
        pawl_buf_reset(&body);
        pawl_buf_printf(&body, "{\"idempotency_key\":\"c\",\"actual\":%s}", too_much(which));
        assert_int_equal(post(path), 400);
        /* No object, which the field does not take either. */
        pawl_buf_reset(&body);
        pawl_buf_printf(&body, "{" COMMIT ",\"metadata\":[%s]}", too_much(which));
        assert_int_equal(post(path), 400);
    }
    write_body(COMMIT, "{}", NULL);
    assert_int_equal(post(path), 200);
}

/* A client comes again upon a 500. */
static void without_memory_it_is_no_fault_of_the_bodys(void **state)
{
    (void)state;
    uint32_t refused = 0;
    for (int which = 0; which < 2; which++) {
        const char *path = hold(which == 0 ? "r0" : "r1", "commit");
        write_body(COMMIT, too_much(which), NULL);
        int status = 0;
        for (size_t bytes = 1000; status != 200; bytes += bytes / 8) {
            kit.request_bytes_max = bytes;
            status = post(path);
            kit.request_bytes_max = 0;
            assert_true(status == 200 || status == 500);
            refused += status == 500;
        }
    }
    assert_true(refused > 20);
}

/* --- Who may send how much ------------------------------------------------------------------- */

static struct pawl_http_body_max
taken_of(const char *path, const char *name, const char *value, uint32_t door)
{
    const struct pawl_http_header header = {pawl_slice_str(name), pawl_slice_str(value)};
    const struct pawl_http_request request = {.method = PAWL_SLICE("POST"),
                                              .path = pawl_slice_str(path),
                                              .headers = &header,
                                              .header_count = 1};
    return pawl_cycles_body_max(kit.cycles, &request, door);
}

static void a_long_body_is_for_settlements_with_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *name;
        const char *value;
        uint32_t door;
        bool is_taken;
    } rows[] = {
        {"/v1/events", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0, true},
        {"/v1/reservations/x/commit", "x-cycles-api-key", CYCLES_KIT_ACME, 0, true},
        {"/v1/reservations/%78/extend", "X-Cycles-API-Key", CYCLES_KIT_GLOBEX, 0, true},
        {"/v1/reservations/x/release", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0, true},
        {"/v1/reservations/x/release", "X-Admin-API-Key", CYCLES_KIT_ADMIN, 0, true},
        {"/v1/reservations/x/release", "X-Admin-API-Key", "another", 0, false},
        {"/v1/reservations/x/release", "X-Admin-API-Key", "another", PAWL_DOOR_TRUSTED, false},
        {"/v1/reservations/x/release", "X-Other", "", PAWL_DOOR_TRUSTED, true},
        {"/v1/reservations/x/release", "X-Other", "", 0, false},
        {"/v1/reservations/x/commit", "X-Admin-API-Key", CYCLES_KIT_ADMIN, 0, false},
        {"/v1/events", "X-Cycles-API-Key", "cyc_live_00000000000000000000000000000000", 0, false},
        {"/v1/events", "X-Cycles-API-Key", "", 0, false},
        {"/v1/events", "X-Cycles-API-Key", CYCLES_KIT_ACME, PAWL_PLANE_GOVERNANCE, false},
        {"/v1/reservations", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0, false},
        {"/v1/decide", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0, false},
        {"/nowhere", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0, false},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        uint64_t bytes = taken_of(rows[i].path, rows[i].name, rows[i].value, rows[i].door).bytes;
        if (bytes != (rows[i].is_taken ? CYCLES_KIT_SETTLEMENT_BYTES_MAX : 0)) {
            fail_msg("%s with %s: %llu", rows[i].path, rows[i].name, (unsigned long long)bytes);
        }
    }
}

/* So that one of them does not take all the places (net/places.h). */
static void a_tenant_is_one_sender_whatever_is_settled(void **state)
{
    (void)state;
    struct pawl_http_body_max acme = taken_of("/v1/events", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0);
    struct pawl_http_body_max again =
        taken_of("/v1/reservations/x/commit", "X-Cycles-API-Key", CYCLES_KIT_ACME, 0);
    struct pawl_http_body_max globex =
        taken_of("/v1/events", "X-Cycles-API-Key", CYCLES_KIT_GLOBEX, 0);
    struct pawl_http_body_max admin =
        taken_of("/v1/reservations/x/release", "X-Admin-API-Key", CYCLES_KIT_ADMIN, 0);
    assert_true(acme.whose == again.whose);
    assert_true(acme.whose != globex.whose && acme.whose != admin.whose);
    assert_true(globex.whose != admin.whose);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_spent_is_booked_without_what_is_too_much),
        TEST(what_is_not_too_much_is_kept),
        TEST(what_is_needed_is_refused_by_its_limit),
        TEST(without_memory_it_is_no_fault_of_the_bodys),
        TEST(a_long_body_is_for_settlements_with_a_key),
        TEST(a_tenant_is_one_sender_whatever_is_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
