/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_recent.c: the last calls and the pace of a live run, and what another process reads of
 * it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/money.h"
#include "run/glance.h"
#include "run/recent.h"
#include "run/status.h"

#define START_US (INT64_C(1790000000) * PAWL_US_PER_SECOND)

static int64_t at(int64_t seconds)
{
    return START_US + seconds * PAWL_US_PER_SECOND;
}

static struct pawl_account spent(int64_t microcents)
{
    struct pawl_account account = {0};
    account.units[PAWL_CAP_USD].limit = 1000000;
    account.units[PAWL_CAP_USD].spent = microcents;
    account.units[PAWL_CAP_TIME].limit = 3600 * 1000;
    return account;
}

static struct pawl_pace
pace_at(const struct pawl_recent *recent, int64_t seconds, int64_t now_spent)
{
    struct pawl_pace pace;
    struct pawl_account account = spent(now_spent);
    account.units[PAWL_CAP_TIME].spent = seconds * 1000;
    pawl_recent_pace(recent, at(seconds), &account, &pace);
    return pace;
}

static void note(struct pawl_recent *recent, int64_t seconds, int64_t now_spent)
{
    struct pawl_account account = spent(now_spent);
    pawl_recent_note(recent, at(seconds), &account);
}

static void nothing_spent_has_no_pace(void **state)
{
    (void)state;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    struct pawl_pace pace = pace_at(&recent, 100, 0);
    assert_int_equal(pace.units[PAWL_CAP_USD].per_minute, 0);
    assert_int_equal(pace.units[PAWL_CAP_USD].left_ms, -1);
    assert_int_equal(pace.units[PAWL_CAP_TIME].left_ms, 3500 * 1000);
    assert_null(pawl_recent_call_at(&recent, 0));
}

static void the_first_minute_counts_whole(void **state)
{
    (void)state;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    note(&recent, 2, 60000);
    struct pawl_pace pace = pace_at(&recent, 2, 60000);
    assert_int_equal(pace.window_ms, 60 * 1000);
    assert_int_equal(pace.units[PAWL_CAP_USD].per_minute, 60000);
    assert_int_equal(pace.units[PAWL_CAP_USD].left_ms, 940000); /* 940,000 at 1 a millisecond */
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
    (void)state;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    note(&recent, 5, 500000);
    note(&recent, 400, 500000 + 30000);
    /* From 290 s on: 30,000 in 310 s, since windows begin on whole steps. */
    struct pawl_pace pace = pace_at(&recent, 600, 530000);
    assert_int_equal(pace.window_ms, 300 * 1000);
    assert_int_equal(pace.units[PAWL_CAP_USD].per_minute, 30000 / 5);
    assert_int_equal(pace.units[PAWL_CAP_USD].left_ms, 470000 * 10);
    pace = pace_at(&recent, 605, 530000);
    assert_int_equal(pace.window_ms, 305 * 1000);
    assert_int_equal(pace_at(&recent, 1000, 530000).units[PAWL_CAP_USD].per_minute, 0);
}

/* A note a second for an hour: the list never overflows, and a steady run has a steady pace. */
static void a_steady_run_has_a_steady_pace(void **state)
{
    (void)state;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    for (int64_t second = 0; second <= 3600; second++) {
        note(&recent, second, second * 100);
        if (second >= 60 && second % 10 == 0) {
            int64_t rate = pace_at(&recent, second, second * 100).units[PAWL_CAP_USD].per_minute;
            /* What was spent in the second on the border belongs to one side or the other. */
            assert_in_range(rate, 6000, 6100);
        }
    }
}

static void the_last_calls_come_newest_first(void **state)
{
    (void)state;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    for (uint64_t id = 1; id <= 20; id++) {
        struct pawl_recent_call call = {.id = id, .microcents = id == 7 ? 900 : (int64_t)id};
        pawl_recent_add(&recent, &call);
    }
    for (uint32_t i = 0; i < PAWL_RECENT_CALLS; i++) {
        assert_int_equal(pawl_recent_call_at(&recent, i)->id, 20 - i);
    }
    assert_null(pawl_recent_call_at(&recent, PAWL_RECENT_CALLS));
    assert_int_equal(recent.dearest.id, 7);
}

/* --- What a run tells is what another process reads ------------------------------------------ */

/* While it asks it waits, and uses nothing. */
static void expect_time_left_once_answered(struct pawl_glance *glance)
{
    enum pawl_run_cap_index cap = PAWL_CAP_COUNT;
    int64_t left_ms = 0;
    assert_false(pawl_glance_next_cap(glance, &cap, &left_ms));
    glance->asks = false;
    assert_true(pawl_glance_next_cap(glance, &cap, &left_ms));
    assert_int_equal(cap, PAWL_CAP_USD);
    assert_int_equal(left_ms, 180000);
}

static void what_is_told_is_read_again(void **state)
{
    (void)state;
    static struct pawl_glance glance;
    struct pawl_recent recent;
    pawl_recent_init(&recent, START_US);
    struct pawl_recent_call call = {.id = 3,
                                    .at_us = at(9),
                                    .microcents = 5,
                                    .tokens = 7,
                                    .tool_calls = 2,
                                    .model = "m-1",
                                    .who = "Explore"};
    pawl_recent_add(&recent, &call);
    char first[] = "agent";
    char second[] = "a b";
    char *argv[] = {first, second, NULL};
    struct pawl_gateway_latch latch = {
        .refusal = PAWL_REFUSAL_SPENT, .unit = PAWL_UNIT_TOKENS, .message = "no more"};
    struct pawl_status status = {
        .run_id = "run_0123456789abcdef",
        .name = "\"quoted\"",
        .argv = argv,
        .cwd = "/here",
        .repo = "/",
        .policy = "team",
        .phase = PAWL_SLICE("verification"),
        .attended = true,
        .pid = 77,
        .started_us = START_US,
        .now_us = at(10),
        .recent = &recent,
        .latch = &latch,
        .counters = {.calls = 4, .refusals = 1, .in_flight = 2},
    };
    status.asks = true;
    (void)pawl_slice_copy_str(PAWL_SLICE("shall it?"), status.asked_text,
                              sizeof(status.asked_text));
    status.about = PAWL_QUESTION_MODEL;
    status.account = spent(250000);
    pawl_recent_note(&recent, at(10), &status.account);
    pawl_recent_pace(&recent, at(10), &status.account, &status.pace);
    struct pawl_buf json;
    pawl_buf_init(&json, 65536);
    pawl_status_write(&status, &json);
    assert_true(pawl_glance_read(pawl_buf_slice(&json), &glance));
    pawl_buf_free(&json);
    assert_string_equal(glance.id, status.run_id);
    assert_string_equal(pawl_glance_title(&glance), "\"quoted\"");
    assert_string_equal(glance.command, "agent 'a b'");
    assert_string_equal(glance.cwd, "/here");
    assert_string_equal(glance.repo, "/");
    assert_string_equal(glance.policy, "team");
    assert_string_equal(glance.phase, "verification");
    assert_string_equal(glance.model, "m-1"); /* of the last call */
    assert_true(glance.attended && glance.latched && !glance.ending);
    assert_int_equal(glance.unit, PAWL_UNIT_TOKENS);
    assert_string_equal(glance.message, "shall it?"); /* before what it was stopped by */
    assert_true(glance.asks);
    assert_string_equal(glance.question, "asks to switch");
    assert_int_equal(glance.calls, 4);
    assert_int_equal(glance.in_flight, 2);
    assert_int_equal(pawl_glance_permille(&glance, PAWL_CAP_USD), 250);
    assert_int_equal(glance.caps[PAWL_CAP_USD].per_minute, 250000);
    assert_int_equal(glance.last_count, 1);
    assert_string_equal(glance.last[0].who, "Explore");
    assert_int_equal(glance.dearest.tokens, 7);
    expect_time_left_once_answered(&glance);
}

static void an_outage_is_told_and_read_again(void **state)
{
    (void)state;
    static struct pawl_glance glance;
    char name[] = "agent";
    char *argv[] = {name, NULL};
    struct pawl_outage outage = {
        .calls = 3, .since_us = at(10), .why = "Could not resolve host: \"x\""};
    struct pawl_recent recent = {0};
    struct pawl_status status = {.run_id = "run_0123456789abcdef",
                                 .argv = argv,
                                 .cwd = "",
                                 .repo = "",
                                 .policy = "team",
                                 .started_us = START_US,
                                 .now_us = at(35),
                                 .recent = &recent,
                                 .outage = &outage};
    struct pawl_buf json;
    pawl_buf_init(&json, 65536);
    pawl_status_write(&status, &json);
    assert_true(pawl_glance_read(pawl_buf_slice(&json), &glance));
    assert_true(glance.unreached);
    assert_string_equal(glance.message, "no answer from the provider for 25s, 3 calls: Could not "
                                        "resolve host: \"x\"");
    status.outage = NULL;
    pawl_buf_reset(&json);
    pawl_status_write(&status, &json);
    assert_true(pawl_glance_read(pawl_buf_slice(&json), &glance));
    assert_false(glance.unreached);
    assert_string_equal(glance.message, "");
    pawl_buf_free(&json);
}

static void what_is_no_status_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"run\":\"run_x\"}", "{\"run\":5}"};
    static struct pawl_glance glance;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(texts); i++) {
        assert_false(pawl_glance_read(pawl_slice_str(texts[i]), &glance));
    }
    /* Of an older pawl: what it does not tell is not known. */
    assert_true(pawl_glance_read(
        PAWL_SLICE("{\"run\":\"run_0123456789abcdef\",\"caps\":[{\"unit\":\"TOKENS\",\"limit\":9}],"
                   "\"latched\":null}"),
        &glance));
    assert_int_equal(glance.caps[PAWL_CAP_TOKENS].left_ms, -1);
    assert_false(glance.latched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_spent_has_no_pace),
        cmocka_unit_test(the_first_minute_counts_whole),
        cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
        cmocka_unit_test(a_steady_run_has_a_steady_pace),
        cmocka_unit_test(the_last_calls_come_newest_first),
        cmocka_unit_test(what_is_told_is_read_again),
        cmocka_unit_test(an_outage_is_told_and_read_again),
        cmocka_unit_test(what_is_no_status_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
