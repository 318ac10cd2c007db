/* SPDX-License-Identifier: Apache-2.0 */
/* test_admission.c: the table of admissions, row by row. */
#include "admission_scene.h"

/* --- Rows ----------------------------------------------------------------------------------- */

static void what_fits_is_held_whole(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(1000, 4000));
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_ADMIT);
    assert_int_equal(got.mode, PAWL_ADMISSION_CEILING);
    assert_int_equal(got.ceiling, 4000);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, 4000));
    assert_int_equal(line(&got, PAWL_UNIT_TOKENS), 5000);
    assert_int_equal(line(&got, PAWL_UNIT_ITERATIONS), 1);
}

static void the_ceiling_is_lowered_to_what_is_left(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(1000, 3000) + 1499);
    assert_int_equal(decide(&scene).ceiling, 3000);
    scene_init(&scene, 4000, cost(1000, 256));
    assert_int_equal(decide(&scene).ceiling, 256);
    scene_init(&scene, 100, cost(1000, 100));
    assert_int_equal(decide(&scene).ceiling, 100);
}

static void below_a_useful_answer_it_is_spent(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(1000, 256) - 1);
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_SPENT);
    assert_int_equal(got.unit, PAWL_ADMISSION_USD);
    assert_int_equal(got.needed, cost(1000, 256));
    assert_int_equal(got.fits_output_tokens, 255);
    scene_init(&scene, 4000, -5000);
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
}

static void what_others_hold_is_waited_for(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(1000, 256) - 1);
    scene.query.left[PAWL_ADMISSION_USD].room = cost(1000, 256);
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
    scene.query.left[PAWL_ADMISSION_USD].room -= 1;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
}

static void an_unusual_input_is_too_big_a_usual_one_is_spent(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(20000, 256));
    scene.query.input_tokens = 50000;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_TOO_BIG);
    assert_int_equal(got.fits_input_tokens, 20000);
    /* The run has had inputs of that size: it has come to its end. */
    scene.query.input_usual = 45000;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    scene.query.input_usual = 15000;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_TOO_BIG);
}

static void a_ceiling_stays_above_the_thinking_budget(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 16000, cost(1000, 10001));
    scene.request.thinking_budget = 10000;
    assert_int_equal(decide(&scene).ceiling, 10001);
    scene.query.left[PAWL_ADMISSION_USD].free--;
    scene.query.left[PAWL_ADMISSION_USD].room--;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_TOO_BIG);
    assert_int_equal(got.fits_output_tokens, 10000);
}

/* The one of a request whose budget can be lowered leaves room for a useful answer. */
static void a_thinking_budget_gives_way(void **state)
{
    (void)state;
    enum { LEAST = PAWL_REQUEST_THINKING_LEAST + PAWL_ADMISSION_OUTPUT_USEFUL };
    struct scene scene;
    scene_init(&scene, 16000, cost(1000, 10000));
    scene.request.thinking_budget = 10000;
    scene.request.thinking_span = (struct pawl_request_span){10, 15};
    assert_int_equal(decide(&scene).ceiling, 10000);
    scene_init(&scene, 16000, cost(1000, LEAST));
    scene.request.thinking_budget = 10000;
    scene.request.thinking_span = (struct pawl_request_span){10, 15};
    assert_int_equal(decide(&scene).ceiling, LEAST);
    scene.query.left[PAWL_ADMISSION_USD].free--;
    scene.query.left[PAWL_ADMISSION_USD].room--;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_TOO_BIG);
}

static void where_no_ceiling_can_be_sent_a_whole_answer_must_fit(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 16000, cost(1000, PAWL_ADMISSION_OUTPUT_LIKELY));
    scene.request.no_ceiling = true;
    assert_int_equal(decide(&scene).ceiling, PAWL_ADMISSION_OUTPUT_LIKELY);
    scene.query.left[PAWL_ADMISSION_USD].free--;
    scene.query.left[PAWL_ADMISSION_USD].room--;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_TOO_BIG);
    scene_init(&scene, 16000, cost(1000, 9000));
    scene.request.no_ceiling = true;
    scene.query.learned.answers = 100;
    scene.query.learned.tokens_p99 = 9000;
    assert_int_equal(decide(&scene).ceiling, 9000);
    scene.query.left[PAWL_ADMISSION_USD].free--;
    scene.query.left[PAWL_ADMISSION_USD].room--;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_TOO_BIG);
}

static void the_tightest_unit_sets_the_ceiling(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, PAWL_MICROCENTS_PER_USD);
    scene.query.left[PAWL_ADMISSION_TOKENS] =
        (struct pawl_admission_left){.bound = true, .free = 1700, .room = 1700};
    assert_int_equal(decide(&scene).ceiling, 700);
    scene.query.left[PAWL_ADMISSION_TOKENS].free = 1200;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
    scene.query.left[PAWL_ADMISSION_TOKENS].room = 1200;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_SPENT);
    assert_int_equal(got.unit, PAWL_ADMISSION_TOKENS);
    scene.query.left[PAWL_ADMISSION_TOKENS].bound = false;
    scene.query.left[PAWL_ADMISSION_ITERATIONS] = (struct pawl_admission_left){.bound = true};
    assert_int_equal(decide(&scene).unit, PAWL_ADMISSION_ITERATIONS);
}

static void one_call_leaves_half_to_the_others(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 128000, cost(1000, 100000));
    int64_t ceiling = decide(&scene).ceiling;
    assert_in_range(ceiling, 49000, 51000);
    /* Not below an answer that is long enough for nearly everything. */
    scene_init(&scene, 128000, cost(1000, 10000));
    assert_int_equal(decide(&scene).ceiling, PAWL_ADMISSION_OUTPUT_SHARE);
    scene_init(&scene, 128000, cost(1000, 6000));
    assert_int_equal(decide(&scene).ceiling, 6000);
    scene_init(&scene, 128000, cost(1000, 40000));
    scene.query.learned.tokens_p99 = 15000;
    assert_int_equal(decide(&scene).ceiling, 30000);
}

static void a_cushion_stays_free_while_others_are_under_way(void **state)
{
    (void)state;
    struct scene scene;
    int64_t limit = PAWL_MICROCENTS_PER_USD;
    scene_init(&scene, 1000, cost(1000, 1000));
    struct pawl_admission_left *left = &scene.query.left[PAWL_ADMISSION_USD];
    left->limit = limit;
    left->held = 1;
    left->room = limit;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
    left->free = cost(1000, 1000) + limit / 10;
    assert_int_equal(decide(&scene).ceiling, 1000);
    /* Less of it, once the model's way of counting is known; none, for who is alone. */
    scene.query.learned.answers = 1;
    left->free = cost(1000, 1000) + limit / 50;
    assert_int_equal(decide(&scene).ceiling, 1000);
    left->free -= 1;
    assert_int_equal(decide(&scene).ceiling, 999);
    left->held = 0;
    left->free = cost(1000, 1000);
    assert_int_equal(decide(&scene).ceiling, 1000);
}

/* Others hold so much that most answers would not fit in what is free, but they will give back. */
static void an_answer_is_not_cut_short_by_what_others_hold(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 8000, cost(1000, 1500));
    struct pawl_admission_left *left = &scene.query.left[PAWL_ADMISSION_USD];
    left->room = cost(1000, 20000);
    assert_int_equal(decide(&scene).ceiling, 1500); /* nobody of this run: nobody to wait for */
    scene.query.under_way = 1;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_HELD);
    assert_int_equal(got.needed, cost(1000, PAWL_ADMISSION_OUTPUT_LIKELY));
    left->free = cost(1000, PAWL_ADMISSION_OUTPUT_LIKELY);
    assert_int_equal(decide(&scene).ceiling, PAWL_ADMISSION_OUTPUT_LIKELY);
    /* Once lengths are known, it is for what most answers have. */
    left->free = cost(1000, 1500);
    scene.query.learned.answers = 40;
    scene.query.learned.tokens_p95 = 1400;
    scene.query.learned.tokens_p99 = 3000;
    assert_int_equal(decide(&scene).ceiling, 1500);
    scene.query.learned.tokens_p95 = 1600;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
    /* Its client waits no longer: a short answer is better than none. */
    scene.query.last_chance = true;
    assert_int_equal(decide(&scene).ceiling, 1500);
}

static void near_the_end_half_of_what_is_left_is_enough(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 8000, cost(1000, 500));
    struct pawl_admission_left *left = &scene.query.left[PAWL_ADMISSION_USD];
    scene.query.under_way = 1;
    left->room = cost(1000, 1000);
    assert_int_equal(decide(&scene).ceiling, 500);
    left->free -= 1;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
    /* Never for less than a useful one. */
    left->room = cost(1000, 400);
    left->free = cost(1000, 256);
    assert_int_equal(decide(&scene).ceiling, 256);
}

static void while_others_wait_each_gets_its_part(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 32000, 10 * cost(1000, 10000));
    assert_int_equal(decide(&scene).ceiling, 32000);
    scene.query.waiting = 9;
    assert_in_range(decide(&scene).ceiling, 9900, 10100);
    /* But not less than most answers need. */
    scene.query.waiting = 99;
    assert_int_equal(decide(&scene).ceiling, PAWL_ADMISSION_OUTPUT_LIKELY);
    scene.query.learned.answers = 40;
    scene.query.learned.tokens_p95 = 700;
    scene.query.learned.tokens_p99 = 900;
    assert_in_range(decide(&scene).ceiling, 700, 900);
}

static void short_answers_make_smaller_calls_useful(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, cost(1000, 60));
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    scene.query.learned.answers = 40;
    scene.query.learned.tokens_p25 = 60;
    assert_int_equal(decide(&scene).ceiling, 60);
    scene.query.left[PAWL_ADMISSION_USD].free -= 1;
    scene.query.left[PAWL_ADMISSION_USD].room -= 1;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    /* However short they are, and however long. */
    scene.query.learned.tokens_p25 = 1;
    scene.query.left[PAWL_ADMISSION_USD].room = cost(1000, PAWL_ADMISSION_OUTPUT_LEAST) - 1;
    scene.query.left[PAWL_ADMISSION_USD].free = cost(1000, PAWL_ADMISSION_OUTPUT_LEAST) - 1;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    scene.query.learned.tokens_p25 = 1000;
    scene.query.left[PAWL_ADMISSION_USD].room = cost(1000, 256);
    scene.query.left[PAWL_ADMISSION_USD].free = cost(1000, 256);
    assert_int_equal(decide(&scene).ceiling, 256);
}

static void a_ceiling_that_is_ignored_does_not_bound_a_hold(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 500, PAWL_MICROCENTS_PER_USD);
    scene.request.stream = true;
    scene.query.learned.tokens_per_second = INT64_MAX;
    scene.query.learned.overrun_permille = 1500;
    scene.query.learned.overrun_tokens = 3000;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.ceiling, 500);
    assert_int_equal(got.output_held, 3000);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, 3000));
    /* In proportion, too. */
    scene.request.output_asked = 4000;
    got = decide(&scene);
    assert_int_equal(got.output_held, 6000);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, 6000));
    /* The ceiling is lowered to what fits with all that it may become. */
    scene.query.left[PAWL_ADMISSION_USD].free = cost(1000, 4500);
    got = decide(&scene);
    assert_int_equal(got.ceiling, 3000);
    /* It is waited for where others hold so much, … */
    scene.query.left[PAWL_ADMISSION_USD].free = cost(1000, 3000) - 1;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_HELD);
}

static void a_stream_that_ignores_ceilings_is_let_in_for_less_than_the_longest(void **state)
{
    (void)state;
    struct scene scene;
    int64_t left = cost(1000, 3000) - 1;
    scene_init(&scene, 500, left);
    scene.request.output_asked = 4000;
    scene.request.stream = true;
    scene.query.learned.overrun_tokens = 3000;
    scene.query.learned.tokens_per_second = 1024;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_ADMIT);
    assert_int_equal(got.ceiling, 2999);
    assert_int_equal(got.output_held, 2999);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, 2999));
    /* What it has beyond that is paid for as it comes. */
    struct pawl_amount growth[PAWL_ADMISSION_UNIT_COUNT];
    uint32_t count = 0;
    scene.query.at_most = true;
    pawl_admission_growth(&scene.query, 1000, 100, growth, &count);
    assert_int_equal(growth[0].value, cost(1000, 1100) - cost(1000, 1000));
    scene.query.at_most = false;
    /* Not where they come in bursts, do not show, or in one piece: nothing could end it. */
    scene.query.learned.tokens_per_second = 1025;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    scene.query.learned.tokens_per_second = 1024;
    scene.query.learned.hidden = true;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
    scene.query.learned.hidden = false;
    scene.request.stream = false;
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_SPENT);
}

static void an_answer_in_one_piece_may_be_longer_than_the_longest(void **state)
{
    (void)state;
    static const struct {
        uint32_t answers;
        int64_t held;
    } rows[] = {{7, 12000}, {8, 6000}, {63, 6000}, {64, 3750}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene;
        scene_init(&scene, 500, PAWL_MICROCENTS_PER_USD);
        scene.query.learned.overrun_tokens = 3000;
        scene.query.learned.answers = rows[i].answers;
        struct pawl_admission got = decide(&scene);
        assert_int_equal(got.ceiling, 500);
        assert_int_equal(got.output_held, rows[i].held);
    }
}

static void a_dearer_rate_that_was_seen_is_held_for(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1000, 2 * cost(1000, 700));
    scene.query.learned.rate_permille = 2000;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_ADMIT);
    assert_int_equal(got.ceiling, 700);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), 2 * cost(1000, 700));
    assert_int_equal(line(&got, PAWL_UNIT_TOKENS), 1700);
}

static void a_handful_too_many_is_no_other_ceiling(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 500, PAWL_MICROCENTS_PER_USD);
    scene.query.learned.overrun_few = 3;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.ceiling, 500);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, 503));
}

static void several_choices_and_passes_multiply(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 1000, PAWL_MICROCENTS_PER_USD);
    scene.request.choices = 4;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_TOKENS), 1000 + 4 * 1000);
    scene.request.passes = 2;
    got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_TOKENS), 2 * (1000 + 4 * 1000));
}

static void cache_writes_tiers_and_thinking_count_at_their_dearest(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 0, PAWL_MICROCENTS_PER_USD);
    scene.request.cache_short = true;
    struct pawl_admission got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), 375000 + PAWL_COST_LINE_COUNT_MAX);
    scene.request.cache_long = true;
    got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), 600000 + PAWL_COST_LINE_COUNT_MAX);
    scene_init(&scene, 100, 10 * PAWL_MICROCENTS_PER_USD);
    scene.query.price = &tiered;
    scene.query.input_tokens = 200001;
    got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS),
                     200001 * 600 + 100 * 2250 + PAWL_COST_LINE_COUNT_MAX);
    scene_init(&scene, 1000, PAWL_MICROCENTS_PER_USD);
    scene.query.price = &thinker;
    got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS),
                     1000 * 100 + 1000 * 300 + 1200000 + PAWL_COST_LINE_COUNT_MAX);
}

static void extend_needs_knowledge_plenty_and_a_stream(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 128000, 4 * PAWL_MICROCENTS_PER_USD);
    scene.request.stream = true;
    scene.query.learned = (struct pawl_estimate_output){.samples = PAWL_ADMISSION_EXTEND_SAMPLES,
                                                        .tokens_p95 = 2000,
                                                        .tokens_p99 = 3000,
                                                        .ratio_high = 300,
                                                        .tokens_per_second = 200};
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.mode, PAWL_ADMISSION_EXTEND);
    assert_int_equal(got.output_held, 2000 + PAWL_ADMISSION_MARGIN_TOKENS);
    assert_int_equal(got.ceiling, 128000);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1000, got.output_held));
    struct scene other = scene;
    other.query.request = &other.request;
    other.request.stream = false;
    assert_int_equal(decide(&other).mode, PAWL_ADMISSION_CEILING);
    other.request = scene.request;
    other.request.hidden = true;
    assert_int_equal(decide(&other).mode, PAWL_ADMISSION_CEILING);
    other.request = scene.request;
    other.query.learned.samples--;
    assert_int_equal(decide(&other).mode, PAWL_ADMISSION_CEILING);
    other.query.learned = scene.query.learned;
    /* A provider that answers in a burst has no pace to rely on. */
    other.query.learned.tokens_per_second = 1000000;
    assert_int_equal(decide(&other).mode, PAWL_ADMISSION_CEILING);
    other.query.learned = scene.query.learned;
    other.query.left[PAWL_ADMISSION_USD].free = cost(1000, 8000);
    assert_int_equal(decide(&other).mode, PAWL_ADMISSION_CEILING);
}

/* A2: streams that are admitted one after another, each from what those before were not promised,
 * then grow in turn until each has all that it was promised. */
static void what_a_stream_was_promised_nobody_else_gets(void **state)
{
    (void)state;
    const int64_t cap = PAWL_MICROCENTS_PER_USD;
    struct scene scene;
    int64_t held = 0;
    int64_t promised = 0;
    int64_t whole = 0;
    uint32_t admitted = 0;
    for (;;) {
        scene_init(&scene, 60000, cap);
        scene.request.stream = true;
        scene.query.learned =
            (struct pawl_estimate_output){.samples = PAWL_ADMISSION_EXTEND_SAMPLES,
                                          .tokens_p95 = 300,
                                          .tokens_p99 = 400,
                                          .ratio_high = 300,
                                          .tokens_per_second = 200};
        scene.query.left[PAWL_ADMISSION_USD].free = cap - held - promised;
        struct pawl_admission got = decide(&scene);
        if (got.verdict != PAWL_ADMISSION_ADMIT) {
            assert_int_equal(got.verdict, PAWL_ADMISSION_HELD);
            break;
        }
        struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
        uint32_t count = 0;
        pawl_admission_growth(&scene.query, got.output_held, got.ceiling - got.output_held, lines,
                              &count);
        assert_int_equal(lines[0].value, got.promised[PAWL_ADMISSION_USD]);
        assert_int_equal(lines[1].value, got.promised[PAWL_ADMISSION_TOKENS]);
        assert_int_equal(got.promised[PAWL_ADMISSION_ITERATIONS], 0);
        assert_true(admitted > 0 || got.mode == PAWL_ADMISSION_EXTEND);
        held += line(&got, PAWL_UNIT_USD_MICROCENTS);
        promised += got.promised[PAWL_ADMISSION_USD];
        whole += cost(1000, got.ceiling);
        admitted++;
    }
    assert_true(admitted >= 4);
    assert_true(held + promised <= cap);
    assert_int_equal(held + promised, whole);
}

static void growth_is_what_more_output_costs(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 4000, PAWL_MICROCENTS_PER_USD);
    struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
    uint32_t count = 0;
    pawl_admission_growth(&scene.query, 1000, 500, lines, &count);
    assert_int_equal(count, 2);
    assert_int_equal(lines[0].unit, PAWL_UNIT_USD_MICROCENTS);
    assert_int_equal(lines[0].value, 500 * 1500);
    assert_int_equal(lines[1].value, 500);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_held_whole),
        cmocka_unit_test(the_ceiling_is_lowered_to_what_is_left),
        cmocka_unit_test(below_a_useful_answer_it_is_spent),
        cmocka_unit_test(what_others_hold_is_waited_for),
        cmocka_unit_test(an_unusual_input_is_too_big_a_usual_one_is_spent),
        cmocka_unit_test(a_ceiling_stays_above_the_thinking_budget),
        cmocka_unit_test(a_thinking_budget_gives_way),
        cmocka_unit_test(where_no_ceiling_can_be_sent_a_whole_answer_must_fit),
        cmocka_unit_test(the_tightest_unit_sets_the_ceiling),
        cmocka_unit_test(one_call_leaves_half_to_the_others),
        cmocka_unit_test(a_cushion_stays_free_while_others_are_under_way),
        cmocka_unit_test(an_answer_is_not_cut_short_by_what_others_hold),
        cmocka_unit_test(near_the_end_half_of_what_is_left_is_enough),
        cmocka_unit_test(while_others_wait_each_gets_its_part),
        cmocka_unit_test(short_answers_make_smaller_calls_useful),
        cmocka_unit_test(a_ceiling_that_is_ignored_does_not_bound_a_hold),
        cmocka_unit_test(a_stream_that_ignores_ceilings_is_let_in_for_less_than_the_longest),
        cmocka_unit_test(an_answer_in_one_piece_may_be_longer_than_the_longest),
        cmocka_unit_test(a_dearer_rate_that_was_seen_is_held_for),
        cmocka_unit_test(a_handful_too_many_is_no_other_ceiling),
        cmocka_unit_test(several_choices_and_passes_multiply),
        cmocka_unit_test(cache_writes_tiers_and_thinking_count_at_their_dearest),
        cmocka_unit_test(extend_needs_knowledge_plenty_and_a_stream),
        cmocka_unit_test(what_a_stream_was_promised_nobody_else_gets),
        cmocka_unit_test(growth_is_what_more_output_costs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
