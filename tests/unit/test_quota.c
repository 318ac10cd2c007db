/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_quota.c: windows between what a provider tells and what is booked: nothing counts twice,
 * what is told last holds up and down, and a clock that jumps does no lasting harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "base/money.h"
#include "gateway/quota.h"

#define SECOND_US INT64_C(1000000)
#define NOW_S     INT64_C(1795000000)
#define HOUR_S    INT64_C(3600)

/* Seconds after NOW_S. */
static int64_t at(int64_t seconds)
{
    return (NOW_S + seconds) * SECOND_US;
}

static struct pawl_vendor_window share(int64_t bp, int64_t resets_in_s)
{
    return (struct pawl_vendor_window){
        .name = "5h",
        .length_s = 5 * HOUR_S,
        .has_share = true,
        .used_bp = bp,
        .resets_at_s = NOW_S + resets_in_s,
    };
}

static void book(struct pawl_quota *quota, int64_t seconds, int64_t tokens)
{
    struct pawl_quota_news news = {.now_us = at(seconds),
                                   .booked = {.microcents = tokens * 100, .tokens = tokens}};
    pawl_quota_apply(quota, &news);
}

/* By an answer in one piece that cost so much: its head knows all of it. */
static void
answer(struct pawl_quota *quota, int64_t seconds, struct pawl_vendor_window told, int64_t tokens)
{
    struct pawl_quota_news news = {
        .now_us = at(seconds),
        .booked = {.microcents = tokens * 100, .tokens = tokens},
        .told = &told,
        .told_count = 1,
        .told_us = at(seconds),
        .told_all = true,
    };
    pawl_quota_apply(quota, &news);
}

/* By the head of a stream that went out at `asked`, when `before` was booked. */
static void head(struct pawl_quota *quota,
                 int64_t seconds,
                 int64_t asked,
                 struct pawl_vendor_window told,
                 struct pawl_quota_amount before)
{
    struct pawl_quota_news news = {
        .now_us = at(seconds),
        .told = &told,
        .told_count = 1,
        .told_us = at(asked),
        .booked_before = before,
    };
    pawl_quota_apply(quota, &news);
}

static int64_t used(const struct pawl_quota *quota)
{
    return pawl_quota_used_bp(quota, &quota->windows[0]);
}

/* 10 % told, and 100 tokens a basis point learned. */
static struct pawl_quota learned(void)
{
    struct pawl_quota quota = {.window_count = 0};
    answer(&quota, 0, share(900, HOUR_S), 5000);
    answer(&quota, 1, share(1000, HOUR_S), 10000);
    return quota;
}

static void what_is_booked_moves_the_window_between_answers(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    assert_int_equal(used(&quota), 1000);
    book(&quota, 2, 50000);
    assert_int_equal(used(&quota), 1500);
    book(&quota, 3, 1); /* rounded up */
    assert_int_equal(used(&quota), 1501);
    struct pawl_quota_amount worth = pawl_quota_worth(&quota.windows[0], 200);
    assert_int_equal(worth.tokens, 20000);
    assert_int_equal(worth.microcents, 2000000);
}

static void while_nothing_was_learned_nothing_is_added(void **state)
{
    (void)state;
    struct pawl_quota quota = {.window_count = 0};
    answer(&quota, 0, share(900, HOUR_S), 5000);
    book(&quota, 1, 50000);
    assert_int_equal(used(&quota), 900);
    assert_false(pawl_quota_has_rate(&quota.windows[0]));
    assert_int_equal(pawl_quota_worth(&quota.windows[0], 1).tokens, -1);
}

static void what_is_told_corrects_up_and_down(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    book(&quota, 2, 50000);
    answer(&quota, 3, share(4000, HOUR_S), 0); /* somebody else used it */
    assert_int_equal(used(&quota), 4000);
    book(&quota, 4, 10000);
    assert_true(used(&quota) > 4000);
    answer(&quota, 5, share(3000, HOUR_S), 0); /* given back */
    assert_int_equal(used(&quota), 3000);
}

static void a_head_counts_nothing_twice_and_loses_nothing(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    struct pawl_quota_amount before = quota.booked;
    book(&quota, 3, 20000); /* another call, while the stream's head is on its way */
    head(&quota, 4, 2, share(1000, HOUR_S), before);
    assert_int_equal(used(&quota), 1200);
    head(&quota, 5, 1, share(500, HOUR_S), before); /* an older one that comes later */
    assert_true(used(&quota) >= 1200);
}

static void a_window_begins_anew_while_nobody_looks(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    book(&quota, 2, 50000);
    assert_false(pawl_quota_roll(&quota, at(HOUR_S) - 1));
    assert_true(pawl_quota_roll(&quota, at(HOUR_S)));
    assert_int_equal(used(&quota), 0);
    assert_int_equal(quota.windows[0].resets_at_s, 0);
    assert_false(pawl_quota_roll(&quota, at(100 * HOUR_S)));

    book(&quota, 200 * HOUR_S, 10000); /* It begins with its next use. */
    assert_int_equal(used(&quota), 100);
    assert_int_equal(quota.windows[0].resets_at_s, NOW_S + 205 * HOUR_S);
    assert_true(quota.windows[0].resets_guessed);
    /* The provider knows better when that was. */
    answer(&quota, 200 * HOUR_S + 5, share(150, 203 * HOUR_S), 0);
    assert_int_equal(quota.windows[0].resets_at_s, NOW_S + 203 * HOUR_S);
    assert_false(quota.windows[0].resets_guessed);
    assert_int_equal(used(&quota), 150);
}

static void a_clock_that_jumps_does_no_lasting_harm(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    answer(&quota, 100 * HOUR_S, share(7000, 101 * HOUR_S), 0); /* put forward, … */
    assert_int_equal(used(&quota), 7000);
    answer(&quota, 60, share(2000, HOUR_S), 0); /* … and back */
    assert_int_equal(used(&quota), 2000);
    assert_int_equal(quota.windows[0].resets_at_s, NOW_S + HOUR_S);

    struct pawl_quota guessed = {.window_count = 0};
    assert_true(pawl_quota_set(&guessed, 5 * HOUR_S, PAWL_UNIT_TOKENS, 1000));
    book(&guessed, 1000 * HOUR_S, 1000);
    assert_int_equal(guessed.windows[0].resets_at_s, NOW_S + 1005 * HOUR_S);
    (void)pawl_quota_roll(&guessed, at(0));
    assert_int_equal(guessed.windows[0].resets_at_s, NOW_S + 5 * HOUR_S);
    assert_int_equal(used(&guessed), PAWL_VENDOR_WHOLE_BP);
}

static void an_account_that_was_forgotten_counts_from_0(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    struct pawl_quota_amount before = quota.booked;
    quota = (struct pawl_quota){.window_count = 0};
    head(&quota, 2, 1, share(1000, HOUR_S), before);
    quota.windows[0].learned = (struct pawl_quota_amount){.microcents = 10000, .tokens = 100};
    quota.windows[0].learned_bp = 1;
    book(&quota, 3, 10000);
    assert_int_equal(used(&quota), 1100);
}

static enum pawl_quota_verdict verdict(const struct pawl_quota *quota)
{
    const struct pawl_quota_window *window = NULL;
    return pawl_quota_judge(quota, &window);
}

static void what_its_provider_refuses_is_out_until_the_reset(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    struct pawl_vendor_window told = share(10000, HOUR_S);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    told.has_status = true;
    answer(&quota, 2, told, 0); /* All of it is used, and it serves on: at a price. */
    book(&quota, 3, 50000);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    told.refused = true;
    answer(&quota, 4, told, 0);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OUT);
    (void)pawl_quota_roll(&quota, at(HOUR_S));
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    /* One that says no such thing is out when all of it is used. */
    answer(&quota, HOUR_S, share(10000, 2 * HOUR_S), 0);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OUT);
}

static void what_pawl_counted_full_is_asked_about(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    book(&quota, 2, 900000);
    assert_int_equal(used(&quota), PAWL_VENDOR_WHOLE_BP);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_DOUBTFUL);
    answer(&quota, 3, share(9000, HOUR_S), 0);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
}

static void a_window_by_hand_is_counted_alone(void **state)
{
    (void)state;
    struct pawl_quota quota = {.window_count = 0};
    assert_true(pawl_quota_set(&quota, 5 * HOUR_S, PAWL_UNIT_TOKENS, 1000));
    assert_string_equal(quota.windows[0].name, "5h");
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    book(&quota, 0, 999);
    assert_int_equal(used(&quota), 9990);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    book(&quota, 1, 1);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OUT);
    /* What is told goes before it. */
    answer(&quota, 2, share(2000, HOUR_S), 0);
    assert_int_equal(used(&quota), 2000);
    assert_int_equal(verdict(&quota), PAWL_QUOTA_OPEN);
    /* Dollars weigh what has a price; a call without one weighs nothing there. */
    struct pawl_quota dollars = {.window_count = 0};
    assert_true(pawl_quota_set(&dollars, 24 * HOUR_S, PAWL_UNIT_USD_MICROCENTS, 1000000));
    book(&dollars, 0, 1000);
    assert_int_equal(used(&dollars), 1000);
    assert_true(pawl_quota_set(&dollars, 24 * HOUR_S, 0, 0));
    assert_int_equal(dollars.window_count, 0);
    assert_true(pawl_quota_set(&dollars, 24 * HOUR_S, 0, 0)); /* once more */
    for (int i = 1; i <= PAWL_VENDOR_WINDOWS_MAX; i++) {
        assert_true(pawl_quota_set(&dollars, i * HOUR_S, PAWL_UNIT_TOKENS, 5));
    }
    assert_false(pawl_quota_set(&dollars, 24 * HOUR_S, PAWL_UNIT_TOKENS, 5));
}

static void book_late(struct pawl_quota *quota, int64_t used_at, int64_t seconds, int64_t tokens)
{
    pawl_quota_book_late(quota,
                         (struct pawl_quota_amount){.microcents = tokens * 100, .tokens = tokens},
                         at(used_at), at(seconds));
}

static void what_comes_late_counts_where_it_was_used(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    book_late(&quota, 2, 60, 50000);
    assert_int_equal(used(&quota), 1500); /* after what was told last */
    quota = learned();
    book_late(&quota, 0, 60, 50000);
    assert_int_equal(used(&quota), 1000); /* before it: its provider knew */
    quota = learned();
    book_late(&quota, 2, HOUR_S + 1, 50000);
    assert_int_equal(used(&quota), 0); /* that window is over … */
    book(&quota, HOUR_S + 2, 1);
    book_late(&quota, 2, HOUR_S + 3, 50000);
    assert_int_equal(quota.booked.tokens, 5000 + 10000 + 50000 + 1 + 50000);
    assert_true(quota.windows[0].resets_guessed);
}

static void what_comes_late_may_have_begun_a_window(void **state)
{
    (void)state;
    struct pawl_quota quota = {.window_count = 0};
    assert_true(pawl_quota_set(&quota, 5 * HOUR_S, PAWL_UNIT_TOKENS, 1000));
    book_late(&quota, 0, 60, 500);
    assert_int_equal(used(&quota), 5000);
    assert_int_equal(quota.windows[0].resets_at_s, NOW_S + 5 * HOUR_S);
    assert_true(quota.windows[0].resets_guessed);
    struct pawl_quota later = {.window_count = 0};
    assert_true(pawl_quota_set(&later, 5 * HOUR_S, PAWL_UNIT_TOKENS, 1000));
    book_late(&later, 0, 5 * HOUR_S, 500); /* which is over by now */
    assert_int_equal(used(&later), 0);
    assert_int_equal(later.windows[0].resets_at_s, 0);
}

static void nothing_is_learned_from_what_nobody_confirmed(void **state)
{
    (void)state;
    struct pawl_quota quota = learned();
    struct pawl_quota_window before = quota.windows[0];
    book_late(&quota, 2, 3, 1000000);
    answer(&quota, 4, share(1100, HOUR_S), 0);
    assert_int_equal(quota.windows[0].learned_bp, before.learned_bp);
    assert_int_equal(quota.windows[0].learned.tokens, before.learned.tokens);
    answer(&quota, 5, share(1200, HOUR_S), 10000);
    assert_int_equal(quota.windows[0].learned_bp, before.learned_bp + 100);
    assert_int_equal(used(&quota), 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_booked_moves_the_window_between_answers),
        cmocka_unit_test(while_nothing_was_learned_nothing_is_added),
        cmocka_unit_test(what_is_told_corrects_up_and_down),
        cmocka_unit_test(a_head_counts_nothing_twice_and_loses_nothing),
        cmocka_unit_test(a_window_begins_anew_while_nobody_looks),
        cmocka_unit_test(a_clock_that_jumps_does_no_lasting_harm),
        cmocka_unit_test(an_account_that_was_forgotten_counts_from_0),
        cmocka_unit_test(what_its_provider_refuses_is_out_until_the_reset),
        cmocka_unit_test(what_pawl_counted_full_is_asked_about),
        cmocka_unit_test(a_window_by_hand_is_counted_alone),
        cmocka_unit_test(what_comes_late_counts_where_it_was_used),
        cmocka_unit_test(what_comes_late_may_have_begun_a_window),
        cmocka_unit_test(nothing_is_learned_from_what_nobody_confirmed),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
