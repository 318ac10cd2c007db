/* SPDX-License-Identifier: Apache-2.0 */
/* test_lending_lender.c: limits and slices over an engine on a simulated disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lending/lender.h"
#include "tests/lib/kit.h"

#define USD     PAWL_UNIT_USD_MICROCENTS
#define HOUR_US (INT64_C(3600) * 1000000)

struct world {
    struct kit kit;
    struct pawl_lender *lender;
};

static void reopen(struct world *world)
{
    struct pawl_errmsg msg = {""};
    kit_open(&world->kit);
    struct pawl_lender_options options = {.engine = world->kit.engine, .reload_zones = true};
    if (pawl_failed(pawl_lender_new(&options, &world->lender, &msg))) {
        fail_msg("%s", msg.text);
    }
    pawl_engine_flush(world->kit.engine);
}

static void setup(struct world *world)
{
    *world = (struct world){.lender = NULL};
    kit_init(&world->kit, 1);
    world->kit.accept_clock = true;
    reopen(world);
}

static void teardown(struct world *world)
{
    pawl_engine_flush(world->kit.engine);
    pawl_lender_free(world->lender);
    kit_free(&world->kit);
}

static void crash(struct world *world)
{
    pawl_lender_free(world->lender);
    kit_crash(&world->kit, true);
    reopen(world);
}

static void on_changed(struct pawl_limit_change *change)
{
    change->arg = change;
}

static struct pawl_limit_change change(struct world *world, struct pawl_limit limit, bool remove)
{
    struct pawl_limit_change change = {.remove = remove, .limit = limit, .done = on_changed};
    pawl_lender_change(world->lender, &change);
    assert_null(change.arg); /* never inside the call */
    pawl_engine_flush(world->kit.engine);
    assert_non_null(change.arg);
    return change;
}

static struct pawl_limit per_day(int64_t amount)
{
    return (struct pawl_limit){
        .unit = USD,
        .amount = amount,
        .zone = "UTC",
        .window = {.kind = PAWL_WINDOW_CALENDAR, .period = PAWL_PERIOD_DAY},
    };
}

static struct pawl_limit in(struct pawl_limit limit, enum pawl_limit_place place, const char *path)
{
    limit.place = place;
    (void)snprintf(limit.path, sizeof(limit.path), "%s", path);
    return limit;
}

static void must_set(struct world *world, struct pawl_limit limit)
{
    struct pawl_limit_change done = change(world, limit, false);
    if (pawl_failed(done.err)) {
        fail_msg("%s", done.msg.text);
    }
}

static void on_answered(struct pawl_lend_ask *ask)
{
    ask->arg = ask;
}

static const struct pawl_lend_place nowhere = {.run = "run_a", .dir = "", .repo = ""};

static struct pawl_lend_answer
ask(struct world *world, const struct pawl_lend_place *place, struct pawl_lend_request request)
{
    struct pawl_lend_ask ask = {.request = request, .done = on_answered};
    pawl_lender_ask(world->lender, place, &ask);
    assert_null(ask.arg);
    pawl_engine_flush(world->kit.engine);
    assert_non_null(ask.arg);
    return ask.answer;
}

static struct pawl_lend_request draw(uint64_t number, int64_t at_least, int64_t want)
{
    return (struct pawl_lend_request){
        .kind = PAWL_LEND_DRAW, .unit = USD, .number = number, .at_least = at_least, .want = want};
}

static struct pawl_lend_request settle(const struct pawl_lend_answer *drawn, int64_t spent)
{
    struct pawl_lend_request request = {.kind = PAWL_LEND_SETTLE, .unit = USD, .spent = spent};
    memcpy(request.slice, drawn->slice, sizeof(request.slice));
    return request;
}

static struct pawl_limit only_limit(const struct world *world)
{
    struct pawl_limit limit;
    uint32_t cursor = 0;
    assert_true(pawl_lender_limit_next(world->lender, &cursor, &limit));
    return limit;
}

static void expect_stand(const struct world *world, int64_t spent, int64_t held)
{
    struct pawl_limit limit = only_limit(world);
    assert_int_equal(limit.spent, spent);
    assert_int_equal(limit.held, held);
}

/* --- Limits -------------------------------------------------------------------------------- */

static void a_limit_survives_as_it_was_made(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_limit limit = in(per_day(500), PAWL_LIMIT_DIR, "/srv/a b:c%d/\xc3\xa4");
    (void)snprintf(limit.name, sizeof(limit.name), "day.1");
    (void)snprintf(limit.zone, sizeof(limit.zone), "Europe/Berlin");
    must_set(&world, limit);
    crash(&world);
    struct pawl_limit found = only_limit(&world);
    assert_int_equal(found.number, 1);
    assert_string_equal(found.name, "day.1");
    assert_string_equal(found.path, limit.path);
    assert_string_equal(found.zone, "Europe/Berlin");
    assert_int_equal(found.place, PAWL_LIMIT_DIR);
    assert_int_equal(found.amount, 500);
    /* Midnight in Berlin in September is at 22:00. */
    assert_int_equal(found.resets_at_us % (24 * HOUR_US), 22 * HOUR_US);
    teardown(&world);
}

static void the_same_thing_once_more_changes_the_amount(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(500));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 300, 300));
    assert_int_equal(drawn.code, PAWL_RESULT_OK);
    struct pawl_limit_change again = change(&world, per_day(200), false);
    assert_true(again.changed);
    assert_int_equal(again.amount_before, 500);
    expect_stand(&world, 0, 300); /* what is lent stays */
    assert_int_equal(ask(&world, &nowhere, draw(2, 1, 1)).code, PAWL_RESULT_BUDGET_EXCEEDED);
    teardown(&world);
}

static void a_name_is_for_one_thing(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_limit limit = per_day(500);
    (void)snprintf(limit.name, sizeof(limit.name), "day");
    must_set(&world, limit);
    limit.unit = PAWL_UNIT_TOKENS;
    assert_int_equal(change(&world, limit, false).err.code, PAWL_ERR_EXISTS);
    limit.unit = USD;
    (void)snprintf(limit.name, sizeof(limit.name), "other");
    assert_int_equal(change(&world, limit, false).err.code, PAWL_ERR_EXISTS);
    teardown(&world);
}

static void a_removed_limit_binds_nobody_and_may_come_again_at_zero(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(500));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 300, 300));
    (void)ask(&world, &nowhere, settle(&drawn, 300));
    struct pawl_limit named = {.name = "1"};
    assert_true(pawl_ok(change(&world, named, true).err));
    assert_int_equal(change(&world, named, true).err.code, PAWL_ERR_NOT_FOUND);
    assert_int_equal(ask(&world, &nowhere, draw(2, 1, 1)).code, PAWL_RESULT_NOT_FOUND);
    crash(&world);
    must_set(&world, per_day(500));
    struct pawl_limit found = only_limit(&world);
    assert_int_equal(found.number, 2);
    assert_int_equal(found.spent, 0);
    teardown(&world);
}

static void each_limit_binds_where_it_says(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, in(per_day(500), PAWL_LIMIT_DIR, "/srv/web"));
    must_set(&world, in(per_day(400), PAWL_LIMIT_DIR, "/"));
    must_set(&world, in(per_day(300), PAWL_LIMIT_REPO, "/srv/web"));
    static const struct {
        const char *dir;
        const char *repo;
        uint32_t count;
    } rows[] = {
        {"/srv/web", "/srv/web", 3}, {"/srv/web/sub", "", 2}, {"/srv/webber", "", 1},
        {"/srv", "/srv", 1},         {"", "/srv/web", 1},     {"", "", 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_lend_place place = {.run = "r", .dir = rows[i].dir, .repo = rows[i].repo};
        struct pawl_lend_answer looked =
            ask(&world, &place, (struct pawl_lend_request){.kind = PAWL_LEND_LOOK});
        assert_int_equal(looked.limit_count, rows[i].count);
    }
    teardown(&world);
}

static void no_run_is_bound_by_more_limits_than_a_subject_can_name(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    char path[64] = "";
    for (int i = 0; i < PAWL_LEND_LIMITS_MAX; i++) {
        (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
        must_set(&world, in(per_day(500 + i), PAWL_LIMIT_DIR, path));
    }
    struct pawl_lend_place place = {.run = "r", .dir = path, .repo = ""};
    assert_int_equal(ask(&world, &place, draw(1, 10, 10)).code, PAWL_RESULT_OK);
    (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
    struct pawl_limit_change one_more = change(&world, in(per_day(1), PAWL_LIMIT_DIR, path), false);
    assert_int_equal(one_more.err.code, PAWL_ERR_LIMIT);
    teardown(&world);
}

/* The order in which they are made is of no account. */
static void a_limit_above_others_counts_for_the_runs_below_it(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    static const uint16_t units[] = {USD, PAWL_UNIT_TOKENS, PAWL_UNIT_ITERATIONS,
                                     PAWL_UNIT_TOOL_CALLS};
    static const char *const dirs[] = {"/a/b/c/d", "/a/b/c", "/a/b"};
    uint32_t count = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(dirs) * PAWL_ARRAY_LEN(units); i++) {
        struct pawl_limit limit = in(per_day(500), PAWL_LIMIT_DIR, dirs[i / PAWL_ARRAY_LEN(units)]);
        limit.unit = units[i % PAWL_ARRAY_LEN(units)];
        must_set(&world, limit);
        count++;
    }
    must_set(&world, in(per_day(500), PAWL_LIMIT_REPO, "/a"));
    must_set(&world, in(per_day(500), PAWL_LIMIT_REPO, "/b"));
    must_set(&world, per_day(500));
    must_set(&world, in(per_day(500), PAWL_LIMIT_DIR, "/a"));
    assert_int_equal(count + 3, PAWL_LEND_LIMITS_MAX);
    assert_int_equal(change(&world, in(per_day(1), PAWL_LIMIT_DIR, "/"), false).err.code,
                     PAWL_ERR_LIMIT);
    must_set(&world, in(per_day(1), PAWL_LIMIT_DIR, "/b"));
    struct pawl_lend_place deep = {.run = "r", .dir = "/a/b/c/d/e", .repo = "/a"};
    struct pawl_lend_answer looked =
        ask(&world, &deep, (struct pawl_lend_request){.kind = PAWL_LEND_LOOK});
    assert_int_equal(looked.limit_count, PAWL_LEND_LIMITS_MAX);
    teardown(&world);
}

static void two_who_make_the_same_limit_at_once_make_one(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    struct pawl_limit_change first = {.limit = per_day(500), .done = on_changed};
    struct pawl_limit_change second = {.limit = per_day(400), .done = on_changed};
    pawl_lender_change(world.lender, &first);
    pawl_lender_change(world.lender, &second);
    pawl_engine_flush(world.kit.engine);
    assert_true(first.arg != NULL && pawl_ok(first.err) && !first.changed);
    assert_true(second.arg != NULL && pawl_ok(second.err) && second.changed);
    struct pawl_limit found;
    uint32_t cursor = 0;
    assert_true(pawl_lender_limit_next(world.lender, &cursor, &found));
    assert_int_equal(found.amount, 400);
    assert_false(pawl_lender_limit_next(world.lender, &cursor, &found));
    teardown(&world);
}

/* --- Windows ------------------------------------------------------------------------------- */

static void go_to(struct world *world, int64_t at_s)
{
    int64_t at_us = at_s * INT64_C(1000000);
    pawl_clock_manual_advance(&world->kit.time, at_us - world->kit.time.real_us);
    pawl_engine_tick(world->kit.engine);
    pawl_engine_flush(world->kit.engine);
}

/* Berlin leaves summer time on 25 October 2026 and enters it on 28 March 2027: one day has 25
 * hours, the other 23, and weeks and months end an hour later or earlier by UTC. */
static void days_weeks_and_months_end_by_the_clock_on_the_wall(void **state)
{
    (void)state;
    static const struct {
        enum pawl_period period;
        int64_t at_s;
        int64_t starts_s;
        int64_t ends_s;
    } rows[] = {
        {PAWL_PERIOD_DAY, 1792880000, 1792879200, 1792969200},
        {PAWL_PERIOD_WEEK, 1792880000, 1792360800, 1792969200},
        {PAWL_PERIOD_MONTH, 1792880000, 1790805600, 1793487600},
        {PAWL_PERIOD_DAY, 1806192000, 1806188400, 1806271200},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct world world;
        setup(&world);
        struct pawl_limit limit = per_day(1000);
        (void)snprintf(limit.zone, sizeof(limit.zone), "Europe/Berlin");
        limit.window.period = (uint8_t)rows[i].period;
        must_set(&world, limit);
        go_to(&world, rows[i].at_s);
        struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 600, 600));
        assert_int_equal(drawn.limits[0].starts_at_us, rows[i].starts_s * 1000000);
        assert_int_equal(drawn.limits[0].resets_at_us, rows[i].ends_s * 1000000);
        go_to(&world, rows[i].ends_s - 1);
        assert_int_equal(ask(&world, &nowhere, draw(2, 600, 600)).code,
                         PAWL_RESULT_BUDGET_EXCEEDED);
        go_to(&world, rows[i].ends_s);
        assert_int_equal(ask(&world, &nowhere, draw(2, 600, 600)).code, PAWL_RESULT_OK);
        teardown(&world);
    }
}

/* --- Slices -------------------------------------------------------------------------------- */

static void a_slice_is_a_tenth_of_what_is_left_or_what_is_needed(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    assert_int_equal(ask(&world, &nowhere, draw(1, 1, 900)).granted, 100);
    assert_int_equal(ask(&world, &nowhere, draw(2, 1, 20)).granted, 20);
    assert_int_equal(ask(&world, &nowhere, draw(3, 700, 700)).granted, 700);
    struct pawl_lend_answer refused = ask(&world, &nowhere, draw(4, 181, 181));
    assert_int_equal(refused.code, PAWL_RESULT_BUDGET_EXCEEDED);
    assert_int_equal(refused.refused_by, 1);
    assert_int_equal(refused.limit_count, 1);
    assert_int_equal(pawl_limit_left(&refused.limits[0]), 180);
    struct pawl_lend_answer looked =
        ask(&world, &nowhere, (struct pawl_lend_request){.kind = PAWL_LEND_LOOK});
    assert_true(looked.wanted);
    teardown(&world);
}

static void a_draw_whose_answer_was_lost_is_found_again(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    struct pawl_lend_answer first = ask(&world, &nowhere, draw(1, 50, 50));
    crash(&world);
    struct pawl_lend_answer again = ask(&world, &nowhere, draw(1, 80, 90));
    assert_int_equal(again.code, PAWL_RESULT_OK);
    assert_string_equal(again.slice, first.slice);
    assert_int_equal(again.granted, 50);
    expect_stand(&world, 0, 50);
    (void)ask(&world, &nowhere, settle(&first, 20));
    assert_int_equal(ask(&world, &nowhere, draw(1, 80, 90)).code, PAWL_RESULT_GONE);
    /* Another run's numbers are its own. */
    struct pawl_lend_place other = {.run = "run_b", .dir = "", .repo = ""};
    assert_int_equal(ask(&world, &other, draw(1, 30, 30)).granted, 30);
    expect_stand(&world, 20, 30);
    teardown(&world);
}

static void a_settlement_that_is_repeated_counts_once(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 50, 50));
    assert_int_equal(ask(&world, &nowhere, settle(&drawn, 20)).code, PAWL_RESULT_OK);
    crash(&world);
    assert_int_equal(ask(&world, &nowhere, settle(&drawn, 20)).code, PAWL_RESULT_OK);
    expect_stand(&world, 20, 0);
    struct pawl_lend_request forged = settle(&drawn, 20);
    forged.slice[8] = forged.slice[8] == 'a' ? 'b' : 'a';
    assert_int_equal(ask(&world, &nowhere, forged).code, PAWL_RESULT_NOT_FOUND);
    teardown(&world);
}

static void a_slice_that_expired_is_booked_in_full_and_corrected_once(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 50, 50));
    pawl_clock_manual_advance(&world.kit.time, HOUR_US / 4);
    pawl_engine_tick(world.kit.engine);
    pawl_engine_flush(world.kit.engine);
    expect_stand(&world, 50, 0);
    assert_int_equal(pawl_lender_open_slices(world.lender), 0);
    struct pawl_lend_request extend = settle(&drawn, 0);
    extend.kind = PAWL_LEND_EXTEND;
    assert_int_equal(ask(&world, &nowhere, extend).code, PAWL_RESULT_RESERVATION_EXPIRED);
    assert_int_equal(ask(&world, &nowhere, settle(&drawn, 20)).code, PAWL_RESULT_OK);
    assert_int_equal(ask(&world, &nowhere, settle(&drawn, 20)).code, PAWL_RESULT_OK);
    expect_stand(&world, 20, 0);
    teardown(&world);
}

/* The machine slept: the settlement comes before the timer that books what has expired. */
static void a_settlement_may_come_before_the_expiry_that_is_due(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 50, 50));
    pawl_clock_manual_advance(&world.kit.time, HOUR_US);
    assert_int_equal(ask(&world, &nowhere, settle(&drawn, 20)).code, PAWL_RESULT_OK);
    expect_stand(&world, 20, 0);
    teardown(&world);
}

static void a_slice_settles_in_the_day_in_which_it_was_lent(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(1000));
    int64_t to_midnight = 24 * HOUR_US - KIT_START_US % (24 * HOUR_US);
    pawl_clock_manual_advance(&world.kit.time, to_midnight - HOUR_US / 60);
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 800, 800));
    assert_int_equal(ask(&world, &nowhere, draw(2, 300, 300)).code, PAWL_RESULT_BUDGET_EXCEEDED);
    pawl_clock_manual_advance(&world.kit.time, HOUR_US / 30);
    assert_int_equal(ask(&world, &nowhere, draw(3, 300, 300)).code, PAWL_RESULT_OK);
    (void)ask(&world, &nowhere, settle(&drawn, 700));
    expect_stand(&world, 0, 300);
    teardown(&world);
}

static void what_was_billed_beyond_the_slice_is_booked(void **state)
{
    (void)state;
    struct world world;
    setup(&world);
    must_set(&world, per_day(100));
    struct pawl_lend_answer drawn = ask(&world, &nowhere, draw(1, 100, 100));
    (void)ask(&world, &nowhere, settle(&drawn, 130));
    expect_stand(&world, 130, 0);
    assert_int_equal(ask(&world, &nowhere, draw(2, 1, 1)).code, PAWL_RESULT_BUDGET_EXCEEDED);
    teardown(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_survives_as_it_was_made),
        cmocka_unit_test(the_same_thing_once_more_changes_the_amount),
        cmocka_unit_test(a_name_is_for_one_thing),
        cmocka_unit_test(a_removed_limit_binds_nobody_and_may_come_again_at_zero),
        cmocka_unit_test(each_limit_binds_where_it_says),
        cmocka_unit_test(no_run_is_bound_by_more_limits_than_a_subject_can_name),
        cmocka_unit_test(a_limit_above_others_counts_for_the_runs_below_it),
        cmocka_unit_test(two_who_make_the_same_limit_at_once_make_one),
        cmocka_unit_test(days_weeks_and_months_end_by_the_clock_on_the_wall),
        cmocka_unit_test(a_slice_is_a_tenth_of_what_is_left_or_what_is_needed),
        cmocka_unit_test(a_draw_whose_answer_was_lost_is_found_again),
        cmocka_unit_test(a_settlement_that_is_repeated_counts_once),
        cmocka_unit_test(a_slice_that_expired_is_booked_in_full_and_corrected_once),
        cmocka_unit_test(a_settlement_may_come_before_the_expiry_that_is_due),
        cmocka_unit_test(a_slice_settles_in_the_day_in_which_it_was_lent),
        cmocka_unit_test(what_was_billed_beyond_the_slice_is_booked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
