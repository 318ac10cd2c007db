/* SPDX-License-Identifier: Apache-2.0 */
/* test_lending_wire.c: limits and slices as text, written by one side and read by the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "lending/wire.h"

static struct pawl_limit a_limit(void)
{
    return (struct pawl_limit){
        .number = 7,
        .name = "week",
        .place = PAWL_LIMIT_DIR,
        .path = "/srv/a b&c\"d%41/\xc3\xa4",
        .zone = "Europe/Berlin",
        .unit = PAWL_UNIT_USD_MICROCENTS,
        .window = {.kind = PAWL_WINDOW_CALENDAR, .period = PAWL_PERIOD_WEEK, .week_start = 6},
        .amount = PAWL_AMOUNT_MAX,
        .spent = 12,
        .held = 3,
        .starts_at_us = 1000,
        .resets_at_us = INT64_C(1795910400000000),
    };
}

static void an_answer_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct pawl_buf body;
    pawl_buf_init(&body, PAWL_WIRE_BYTES_MAX);
    struct pawl_lend_request request = {.kind = PAWL_LEND_DRAW};
    struct pawl_lend_answer given = {
        .code = PAWL_RESULT_BUDGET_EXCEEDED,
        .refused_by = 7,
        .wanted = true,
        .limit_count = 2,
        .limits = {a_limit(),
                   {.number = 8,
                    .name = "x",
                    .unit = PAWL_UNIT_TOKENS,
                    .window = {.kind = PAWL_WINDOW_FIXED, .length_us = 5000000}}},
    };
    pawl_wire_write_answer(&request, &given, &body);
    struct pawl_lend_answer got;
    assert_true(pawl_wire_read_answer(pawl_buf_slice(&body), &got));
    assert_int_equal(got.code, given.code);
    assert_int_equal(got.refused_by, 7);
    assert_true(got.wanted);
    assert_int_equal(got.limit_count, 2);
    const struct pawl_limit *limit = &got.limits[0];
    assert_string_equal(limit->path, given.limits[0].path);
    assert_string_equal(limit->zone, given.limits[0].zone);
    assert_int_equal(limit->amount, PAWL_AMOUNT_MAX);
    assert_int_equal(limit->spent, 12);
    assert_int_equal(limit->held, 3);
    assert_int_equal(limit->window.week_start, 6);
    assert_int_equal(limit->starts_at_us, 1000);
    assert_int_equal(limit->resets_at_us, given.limits[0].resets_at_us);
    assert_int_equal(got.limits[1].window.length_us, 5000000);
    pawl_buf_free(&body);
}

static void a_look_carries_any_path(void **state)
{
    (void)state;
    struct pawl_wire_request request;
    struct pawl_lend_request look = {.kind = PAWL_LEND_LOOK};
    struct pawl_lend_place place = {.run = "", .dir = "/a b/&=%?\xff+", .repo = ""};
    pawl_wire_request_init(&request);
    pawl_wire_write_ask(&place, &look, &request);
    struct pawl_slice target = pawl_buf_slice(&request.target);
    struct pawl_slice query = target;
    (void)pawl_slice_cut(&query, '?');
    struct pawl_arena arena;
    struct pawl_wire_asked asked;
    struct pawl_errmsg msg;
    pawl_arena_init(&arena, 65536);
    assert_true(pawl_wire_read_look(query, &arena, &asked, &msg));
    assert_string_equal(asked.place.dir, place.dir);
    assert_string_equal(asked.place.repo, "");
    pawl_arena_free(&arena);
    pawl_wire_request_free(&request);
}

static void bodies_that_say_nothing_are_refused_with_the_field(void **state)
{
    (void)state;
    static const struct {
        enum pawl_lend_kind kind;
        const char *body;
        const char *word;
    } rows[] = {
        {PAWL_LEND_DRAW, "", "JSON"},
        {PAWL_LEND_DRAW, "[]", "JSON"},
        {PAWL_LEND_DRAW, "{}", "run"},
        {PAWL_LEND_DRAW, "{\"run\":\"r\"}", "unit"},
        {PAWL_LEND_DRAW, "{\"run\":\"r\",\"unit\":\"TOKENS\"}", "number"},
        {PAWL_LEND_DRAW,
         "{\"run\":\"r\",\"unit\":\"TOKENS\",\"number\":1,\"at_least\":5,\"want\":4}", "want"},
        {PAWL_LEND_DRAW, "{\"run\":\"r\",\"unit\":\"TOKENS\",\"number\":1,\"at_least\":1.5}",
         "JSON"},
        {PAWL_LEND_SETTLE, "{\"run\":\"r\",\"unit\":\"TOKENS\"}", "spent"},
        {PAWL_LEND_SETTLE, "{\"run\":\"r\",\"unit\":\"TOKENS\",\"spent\":-1}", "spent"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_arena arena;
        struct pawl_errmsg msg = {""};
        struct pawl_wire_asked asked = {.lend.kind = rows[i].kind};
        pawl_arena_init(&arena, 65536);
        assert_false(pawl_wire_read_slice(pawl_slice_str(rows[i].body), &arena, &asked, &msg));
        if (strstr(msg.text, rows[i].word) == NULL) {
            fail_msg("%s: '%s' has no '%s'", rows[i].body, msg.text, rows[i].word);
        }
        pawl_arena_free(&arena);
    }
}

static void a_limit_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
#define DAY "\"window\":\"calendar\",\"period\":\"day\",\"time_zone\":\"UTC\""
    static const struct {
        const char *body;
        const char *word; /* NULL: it is taken */
    } rows[] = {
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"machine\"," DAY "}", NULL},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"moon\"," DAY "}", "place"},
        {"{\"unit\":\"WALL_CLOCK_MS\",\"limit\":5,\"place\":\"machine\"," DAY "}", "unit"},
        {"{\"unit\":\"TOKENS\",\"limit\":-5,\"place\":\"machine\"," DAY "}", "limit"},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"dir\"," DAY "}", "path"},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"dir\",\"path\":\"x\"," DAY "}", "path"},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"machine\",\"name\":\"a/b\"," DAY "}",
         "name"},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"machine\",\"name\":\"12\"," DAY "}", "name"},
        {"{\"unit\":\"TOKENS\",\"limit\":5,\"place\":\"machine\",\"window\":\"fixed\"}", "window"},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_arena arena;
        struct pawl_errmsg msg = {""};
        struct pawl_limit limit;
        pawl_arena_init(&arena, 65536);
        bool taken = pawl_wire_read_change(pawl_slice_str(rows[i].body), &arena, &limit, &msg);
        if (taken != (rows[i].word == NULL) || (!taken && strstr(msg.text, rows[i].word) == NULL)) {
            fail_msg("%s: '%s'", rows[i].body, msg.text);
        }
        pawl_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_read_as_it_was_written),
        cmocka_unit_test(a_look_carries_any_path),
        cmocka_unit_test(bodies_that_say_nothing_are_refused_with_the_field),
        cmocka_unit_test(a_limit_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
