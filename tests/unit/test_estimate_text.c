/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_estimate_text.c: how many tokens the text of a stream may have, from least to most, and how
 * much is held for the doubt between the two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/estimate.h"

#define NAMED PAWL_SLICE("gpt-4o-2024-08-06")
#define OTHER PAWL_SLICE("claude-sonnet-4-5")

static int64_t
text_of(const struct pawl_estimate_output *output, enum pawl_estimate_side side, int64_t counted)
{
    return pawl_estimate_text_tokens(output, side, 4 * counted, counted);
}

/* A settled call: what its input and its answer had in o200k_base, and what the provider counted.
 */
struct settled {
    int64_t input_counted;
    int64_t input_tokens;
    int64_t counted;
    int64_t tokens;
    int64_t reasoning;
    bool at_ceiling;
};

static void settle(struct pawl_estimator *estimator, struct pawl_slice model, struct settled call)
{
    struct pawl_estimate estimate = {.new_bytes = call.input_counted * 4,
                                     .new_counted = call.input_counted,
                                     .total_bytes = call.input_counted * 4};
    struct pawl_estimate_mark mark = {.message_count = 0};
    struct pawl_estimate_sample sample = {.estimate = &estimate,
                                          .mark = &mark,
                                          .input_tokens = call.input_tokens,
                                          .output_tokens = call.tokens,
                                          .output_ceiling = 4000,
                                          .at_ceiling = call.at_ceiling,
                                          .reasoning_tokens = call.reasoning,
                                          .visible_bytes = 4 * call.counted,
                                          .visible_counted = call.counted};
    pawl_estimator_learn(estimator, model, &sample);
}

static void of_an_unknown_tokenizer_the_sides_lie_far_apart(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct pawl_estimate_output output = pawl_estimate_answers(estimator, OTHER);
    assert_int_equal(text_of(&output, PAWL_ESTIMATE_LEAST, 1024), 896);
    assert_int_equal(text_of(&output, PAWL_ESTIMATE_LIKELY, 1024), 1280);
    assert_int_equal(text_of(&output, PAWL_ESTIMATE_MOST, 1024), 1536);
    assert_int_equal(pawl_estimate_doubt_permille(&output), 1715);
    /* Text that o200k_base packs closely: a token in four bytes. */
    assert_int_equal(pawl_estimate_text_tokens(&output, PAWL_ESTIMATE_MOST, 16384, 1024), 4096);
    assert_int_equal(pawl_estimate_text_tokens(&output, PAWL_ESTIMATE_LIKELY, 16384, 1024), 1280);
    output = pawl_estimate_answers(estimator, NAMED);
    assert_int_equal(text_of(&output, PAWL_ESTIMATE_LIKELY, 1024), 1024);
    assert_in_range(pawl_estimate_doubt_permille(&output), 1300, 1340);
    pawl_estimator_free(estimator);
}

static void one_answer_tells_how_its_text_is_counted(void **state)
{
    (void)state;
    static const int64_t permille[] = {400, 1000, 1400, 2500};
    for (size_t i = 0; i < sizeof(permille) / sizeof(permille[0]); i++) {
        struct pawl_estimator *estimator = pawl_estimator_new();
        int64_t tokens = 500 * permille[i] / 1000;
        settle(estimator, NAMED, (struct settled){.counted = 500, .tokens = tokens});
        struct pawl_estimate_output output = pawl_estimate_answers(estimator, NAMED);
        int64_t least = text_of(&output, PAWL_ESTIMATE_LEAST, 500);
        int64_t most = text_of(&output, PAWL_ESTIMATE_MOST, 500);
        assert_true(least <= tokens && most >= tokens);
        assert_true(most <= tokens * 108 / 100 && least >= tokens * 92 / 100);
        assert_true(pawl_estimate_doubt_permille(&output) <= 1120);
        pawl_estimator_free(estimator);
    }
}

/* Two kinds of text lie apart: the sides go beyond both. */
static void what_differs_from_answer_to_answer_has_a_reserve(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    for (int i = 0; i < 6; i++) {
        settle(estimator, OTHER,
               (struct settled){.counted = 1000, .tokens = i % 2 == 0 ? 1000 : 1300});
    }
    struct pawl_estimate_output output = pawl_estimate_answers(estimator, OTHER);
    assert_in_range(text_of(&output, PAWL_ESTIMATE_LEAST, 1000), 780, 860);
    assert_in_range(text_of(&output, PAWL_ESTIMATE_MOST, 1000), 1440, 1540);
    assert_int_equal(pawl_estimate_doubt_permille(&output), 1750);
    pawl_estimator_free(estimator);
}

static void what_an_input_says_is_believed_where_it_can_be_true(void **state)
{
    (void)state;
    static const struct {
        int64_t input; /* of a text of 4,000 */
        int64_t most_min;
        int64_t most_max;
    } cases[] = {{100, 1536, 1536}, {4800, 1229, 1350}, {40000, 1536, 1536}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pawl_estimator *estimator = pawl_estimator_new();
        settle(
            estimator, OTHER,
            (struct settled){.input_counted = 4000, .input_tokens = cases[i].input, .tokens = 10});
        struct pawl_estimate_output output = pawl_estimate_answers(estimator, OTHER);
        assert_in_range(text_of(&output, PAWL_ESTIMATE_MOST, 1024), cases[i].most_min,
                        cases[i].most_max);
        struct pawl_estimate own = {.new_counted = 4000, .new_bytes = 16000};
        output = pawl_estimate_answers(estimator, PAWL_SLICE("another"));
        pawl_estimate_learn_factor_of(&output, &own, cases[i].input);
        assert_in_range(text_of(&output, PAWL_ESTIMATE_MOST, 1024), cases[i].most_min,
                        cases[i].most_max + 40);
        pawl_estimator_free(estimator);
    }
}

static void answers_with_thought_out_of_sight_say_nothing_about_text(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    settle(estimator, OTHER, (struct settled){.counted = 500, .tokens = 5000, .reasoning = 4500});
    struct pawl_estimate_output output = pawl_estimate_answers(estimator, OTHER);
    assert_int_equal(text_of(&output, PAWL_ESTIMATE_MOST, 1024), 1536);
    pawl_estimator_free(estimator);
}

static void who_was_seen_to_keep_to_a_ceiling_is_not_doubted(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    settle(estimator, OTHER, (struct settled){.counted = 3600, .tokens = 4000, .at_ceiling = true});
    struct pawl_estimate_output output = pawl_estimate_answers(estimator, OTHER);
    assert_true(output.obeys);
    assert_int_equal(pawl_estimate_doubt_permille(&output), 1000);
    pawl_estimator_free(estimator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_an_unknown_tokenizer_the_sides_lie_far_apart),
        cmocka_unit_test(one_answer_tells_how_its_text_is_counted),
        cmocka_unit_test(what_differs_from_answer_to_answer_has_a_reserve),
        cmocka_unit_test(what_an_input_says_is_believed_where_it_can_be_true),
        cmocka_unit_test(answers_with_thought_out_of_sight_say_nothing_about_text),
        cmocka_unit_test(who_was_seen_to_keep_to_a_ceiling_is_not_doubted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
