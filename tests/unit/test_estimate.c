/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_estimate.c: the bound on a body's tokens: cold, learned, and with a known beginning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/estimate.h"
#include "gateway/histogram.h"

enum { MESSAGES_MAX = 64 };

#define MODEL PAWL_SLICE("model-1")

/* A conversation of messages of equal length, each with a hash of its own. */
struct talk {
    struct pawl_estimate_element base[2];
    struct pawl_estimate_element messages[MESSAGES_MAX];
    uint32_t count;
    uint32_t bytes_each;
};

static struct talk talk_of(uint32_t count, uint32_t bytes_each)
{
    struct talk talk = {.count = count, .bytes_each = bytes_each};
    talk.base[0] = (struct pawl_estimate_element){.hash = 11, .text_bytes = 1000};
    talk.base[1] = (struct pawl_estimate_element){.hash = 12, .text_bytes = 500};
    for (uint32_t i = 0; i < count; i++) {
        talk.messages[i] =
            (struct pawl_estimate_element){.hash = 1000 + i, .text_bytes = bytes_each};
    }
    return talk;
}

static struct pawl_estimate_body body_of(const struct talk *talk)
{
    return (struct pawl_estimate_body){.base = talk->base,
                                       .base_count = 2,
                                       .messages = talk->messages,
                                       .message_count = talk->count};
}

static struct talk dense_talk_of(uint64_t hash, uint32_t plain_bytes, uint32_t dense_bytes)
{
    struct talk talk = talk_of(1, plain_bytes);
    talk.base[0].text_bytes = 0;
    talk.base[1].text_bytes = 0;
    talk.messages[0].hash = hash;
    talk.messages[0].dense_bytes = dense_bytes;
    return talk;
}

static void settle(struct pawl_estimator *estimator, const struct talk *talk, int64_t input_tokens)
{
    struct pawl_estimate_body body = body_of(talk);
    struct pawl_estimate estimate = pawl_estimate_input(estimator, MODEL, &body);
    struct pawl_estimate_mark mark = pawl_estimate_mark_of(&estimate, &body);
    struct pawl_estimate_sample sample = {.estimate = &estimate,
                                          .mark = &mark,
                                          .input_tokens = input_tokens,
                                          .output_tokens = 100,
                                          .visible_bytes = 400,
                                          .stream_us = 1000000};
    pawl_estimator_learn(estimator, MODEL, &sample);
    pawl_estimate_mark_free(&mark);
}

static int64_t estimate(struct pawl_estimator *estimator, const struct talk *talk)
{
    struct pawl_estimate_body body = body_of(talk);
    return pawl_estimate_input(estimator, MODEL, &body).tokens;
}

static void an_unknown_model_is_bounded_by_half_its_bytes(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(3, 1024);
    /* 3 * 1,024 + 1,500 bytes, five elements, the body itself. */
    assert_int_equal(estimate(estimator, &talk), (3 * 1024 + 1500) / 2 + 5 * 8 + 32);
    pawl_estimator_free(estimator);
}

static void what_was_counted_before_is_known_exactly(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(3, 1024);
    settle(estimator, &talk, 1234);
    assert_int_equal(estimate(estimator, &talk), 1234);
    struct talk longer = talk_of(5, 1024);
    int64_t expected = 1234 + 2 * 1024 / 2 + 2 * 8;
    assert_int_equal(estimate(estimator, &longer), expected);
    pawl_estimator_free(estimator);
}

static void another_beginning_is_not_known(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(3, 1024);
    settle(estimator, &talk, 1234);
    struct talk other = talk_of(3, 1024);
    int64_t afresh = (3 * 1024 + 1500) / 2 + 5 * 8 + 32;
    other.messages[0].hash = 77;
    assert_int_equal(estimate(estimator, &other), afresh);
    /* Another model counts in its own way. */
    struct pawl_estimate_body body = body_of(&talk);
    struct pawl_slice elsewhere = PAWL_SLICE("model-2");
    assert_int_equal(pawl_estimate_input(estimator, elsewhere, &body).tokens, afresh);
    /* A shorter conversation does not begin with a longer one. */
    struct talk shorter = talk_of(2, 1024);
    assert_int_equal(estimate(estimator, &shorter), (2 * 1024 + 1500) / 2 + 4 * 8 + 32);
    pawl_estimator_free(estimator);
}

static void a_changed_system_block_is_counted_on_top(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(8, 1024);
    settle(estimator, &talk, 2000);
    talk.base[1].hash = 99;
    assert_in_range(estimate(estimator, &talk), 2000 + 500 / 3 + 8, 2000 + 500 / 2 + 8);
    pawl_estimator_free(estimator);
}

static void a_conversation_that_shrank_is_not_bounded_by_its_past(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(4, 1024);
    talk.base[0].text_bytes = 400000;
    settle(estimator, &talk, 100000);
    /* The same messages, but most of what stood beside them is gone. */
    struct talk compacted = talk_of(4, 1024);
    compacted.base[0].hash = 13;
    assert_true(estimate(estimator, &compacted) < 4000);
    pawl_estimator_free(estimator);
}

/* Settles `count` conversations of their own with the ratio of tokens to bytes 1 : `divisor`. */
static void settle_many(struct pawl_estimator *estimator, uint32_t count, int64_t divisor)
{
    static uint64_t next_hash = 5000;
    for (uint32_t i = 0; i < count; i++) {
        struct talk talk = talk_of(2, 4096);
        talk.messages[0].hash = next_hash++;
        settle(estimator, &talk, (2 * 4096 + 1500) / divisor + 4 * 8 + 32);
    }
}

static void the_ratio_is_learned_with_a_reserve_on_top(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(2, 4096);
    int64_t cold = estimate(estimator, &talk);
    settle_many(estimator, 1, 4);
    int64_t actual = (2 * 4096 + 1500) / 4 + 4 * 8 + 32;
    assert_int_equal(estimate(estimator, &talk), cold); /* as much again */
    settle_many(estimator, PAWL_ESTIMATE_SAMPLES_COLD - 2, 4);
    int64_t few = estimate(estimator, &talk);
    assert_in_range(few, actual * 3 / 2 - 32, actual * 8 / 5);
    settle_many(estimator, 1, 4);
    int64_t warm = estimate(estimator, &talk);
    assert_true(warm < few && few < cold);
    assert_true(warm > actual);
    settle_many(estimator, 200, 4);
    int64_t sure = estimate(estimator, &talk);
    assert_true(sure < warm && sure > actual);
    pawl_estimator_free(estimator);
}

static void a_few_short_texts_teach_no_ratio(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    for (uint64_t i = 0; i < PAWL_ESTIMATE_SAMPLES_COLD - 1; i++) {
        struct talk talk = dense_talk_of(1 + i, 2000, 0);
        settle(estimator, &talk, 400);
    }
    struct talk other = talk_of(2, 4096);
    struct talk same = other;
    struct pawl_estimator *fresh = pawl_estimator_new();
    assert_int_equal(estimate(estimator, &other), estimate(fresh, &same));
    pawl_estimator_free(fresh);
    pawl_estimator_free(estimator);
}

static void what_no_byte_explains_is_added_the_next_time(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(1, 16);
    talk.base[0].text_bytes = 8;
    talk.base[1].text_bytes = 8;
    int64_t cold = estimate(estimator, &talk);
    settle(estimator, &talk, cold + 900);
    talk.messages[0].hash = 77; /* another conversation of the same kind */
    int64_t warm = estimate(estimator, &talk);
    assert_in_range(warm, cold + 900, cold + 1150);
    settle(estimator, &talk, cold + 900);
    talk.messages[0].hash = 78;
    assert_int_equal(estimate(estimator, &talk), warm);
    pawl_estimator_free(estimator);
}

static void one_dense_text_raises_the_bound_at_once(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(2, 4096);
    settle_many(estimator, 1, 1);
    int64_t bound = estimate(estimator, &talk);
    assert_true(bound >= 2 * 4096 + 1500);
    pawl_estimator_free(estimator);
}

static void figures_that_no_tokenizer_gives_teach_nothing(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(3, 4096);
    int64_t cold = estimate(estimator, &talk);
    settle(estimator, &talk, 1);
    settle(estimator, &talk, 0);
    settle(estimator, &talk, INT64_C(1) << 50);
    assert_int_equal(estimate(estimator, &talk), cold);
    pawl_estimator_free(estimator);
}

static void tokens_that_nothing_explains_are_expected_again(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    for (uint64_t i = 0; i < 10; i++) {
        struct talk talk = dense_talk_of(1 + i, 40, 0);
        settle(estimator, &talk, i == 4 ? 9000 : 500);
    }
    struct talk other = dense_talk_of(50, 40, 0);
    assert_true(estimate(estimator, &other) >= 9000);
    /* What is known as a whole was counted as it is. */
    struct talk known = dense_talk_of(1, 40, 0);
    assert_int_equal(estimate(estimator, &known), 500);
    /* Of the newest calls only. */
    for (uint64_t i = 0; i < 64; i++) {
        struct talk talk = dense_talk_of(100 + i, 40, 0);
        settle(estimator, &talk, 500);
    }
    assert_in_range(estimate(estimator, &other), 500, 600);
    pawl_estimator_free(estimator);
}

static void what_a_long_text_lacked_a_short_one_does_not(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    settle_many(estimator, 200, 4);
    struct talk brief = dense_talk_of(2, 1024, 0);
    int64_t before = estimate(estimator, &brief);
    /* Of 200 samples one is not the 99th percentile. */
    struct talk large = dense_talk_of(1, 400000, 0);
    settle(estimator, &large, 200000);
    assert_in_range(estimate(estimator, &brief), before + 500, before + 2000);
    struct talk another = dense_talk_of(3, 400000, 0);
    assert_true(estimate(estimator, &another) >= 200000);
    pawl_estimator_free(estimator);
}

/* A provider whose count follows a script, not the bytes. */
static void a_count_that_grows_without_text_is_followed(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    for (uint32_t i = 1; i <= 20; i++) {
        struct talk talk = talk_of(i, 150);
        talk.base[0].text_bytes = 0;
        talk.base[1].text_bytes = 0;
        int64_t actual = 1000 + 700 * (int64_t)i;
        assert_true(i <= 2 || estimate(estimator, &talk) >= actual);
        settle(estimator, &talk, actual);
    }
    pawl_estimator_free(estimator);
}

static void a_call_that_waits_is_bounded_by_what_was_learned_meanwhile(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk waiting = dense_talk_of(1, 40, 0);
    struct pawl_estimate_body body = body_of(&waiting);
    struct pawl_estimate bound = pawl_estimate_input(estimator, MODEL, &body);
    int64_t before = bound.tokens;
    pawl_estimate_refresh(estimator, MODEL, &bound);
    assert_int_equal(bound.tokens, before);
    struct talk other = dense_talk_of(2, 40, 0);
    settle(estimator, &other, 3000);
    pawl_estimate_refresh(estimator, MODEL, &bound);
    assert_true(bound.tokens >= 3000);
    assert_int_equal(bound.tokens, estimate(estimator, &waiting));
    pawl_estimator_free(estimator);
}

static void characters_beyond_ascii_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        uint64_t plain;
        uint64_t dense;
    } rows[] = {
        {"\"plain\"", 7, 0},
        {"\"\xe6\xbc\xa2\"", 2, 3},
        {"\"\\u6f22\\u00e9\"", 2, 3 + 2},
        {"\"\\ud83d\\uDE00\"", 2, 4},
        {"\"\\u0041\\n\"", 2 + 6 + 2, 0},
        /* A backslash of its own, and what only looks like an escape behind it. */
        {"\"\\\\u6f22\"", 2 + 2 + 5, 0},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct pawl_estimate_text text = pawl_estimate_text_of(pawl_slice_str(rows[i].json));
        assert_int_equal(text.plain_bytes, rows[i].plain);
        assert_int_equal(text.dense_bytes, rows[i].dense);
    }
}

static void dense_text_has_a_ratio_of_its_own(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    const int64_t wrapping = 3 * 8 + 32;
    struct talk dense = dense_talk_of(1, 40, 8192);
    assert_int_equal(estimate(estimator, &dense), 20 + 8192 * 3 / 4 + wrapping);
    /* English teaches nothing about it, */
    settle_many(estimator, 100, 4);
    assert_true(estimate(estimator, &dense) >= 8192 * 3 / 4 + wrapping);
    /* … nor it about English, */
    struct talk plain = dense_talk_of(2, 8192, 0);
    int64_t before = estimate(estimator, &plain);
    for (uint64_t i = 0; i < 100; i++) {
        struct talk talk = dense_talk_of(100 + i, 40, 8192);
        settle(estimator, &talk, 8192 * 2 / 3 + wrapping);
    }
    assert_int_equal(estimate(estimator, &plain), before);
    int64_t learned = estimate(estimator, &dense);
    assert_in_range(learned, 8192 * 2 / 3 + wrapping, 8192 * 4 / 5 + wrapping);
    /* … nor a text of both kinds about either. */
    for (uint64_t i = 0; i < 100; i++) {
        struct talk talk = dense_talk_of(300 + i, 4096, 4096);
        settle(estimator, &talk, 200);
    }
    assert_int_equal(estimate(estimator, &plain), before);
    assert_int_equal(estimate(estimator, &dense), learned);
    pawl_estimator_free(estimator);
}

static void media_counts_by_its_own_bound(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk talk = talk_of(1, 1024);
    int64_t without = estimate(estimator, &talk);
    talk.messages[0].media_tokens = 1600;
    assert_int_equal(estimate(estimator, &talk), without + 1600);
    pawl_estimator_free(estimator);
}

static void conversations_used_longest_ago_are_forgotten(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct talk first = talk_of(1, 4096);
    settle(estimator, &first, 900);
    assert_int_equal(estimate(estimator, &first), 900);
    for (uint32_t i = 0; i < PAWL_ESTIMATE_CONVERSATIONS; i++) {
        struct talk other = talk_of(1, 4096);
        other.messages[0].hash = 7000 + i;
        settle(estimator, &other, 900);
    }
    assert_true(estimate(estimator, &first) > 900);
    pawl_estimator_free(estimator);
}

static void answers_are_learned_per_model(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct pawl_estimate_output cold = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(cold.samples, 0);
    assert_int_equal(cold.tokens_per_second, INT64_MAX);
    assert_int_equal(pawl_estimate_visible_tokens(&cold, 1000), 500);
    settle_many(estimator, 40, 4);
    struct pawl_estimate_output warm = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(warm.samples, 40);
    assert_false(warm.hidden);
    assert_in_range(warm.tokens_p95, 100, 125);
    assert_in_range(warm.tokens_per_second, 100, 125);
    assert_in_range(pawl_estimate_visible_tokens(&warm, 4000), 1000, 1100);
    struct pawl_estimate_output other = pawl_estimate_answers(estimator, PAWL_SLICE("model-2"));
    assert_int_equal(other.samples, 0);
    struct pawl_estimate_error errors[PAWL_ESTIMATE_MODELS];
    assert_int_equal(pawl_estimate_errors(estimator, errors), 1);
    assert_string_equal(errors[0].model, "model-1");
    assert_int_equal(errors[0].samples, 40);
    assert_true(errors[0].permille_p50 >= 1000);
    assert_true(errors[0].permille_p99 >= errors[0].permille_p50);
    pawl_estimator_free(estimator);
}

static void settle_answer(struct pawl_estimator *estimator, int64_t ceiling, int64_t tokens)
{
    struct pawl_estimate none = {.tokens = 100};
    struct pawl_estimate_mark mark = {.chain = 0};
    struct pawl_estimate_sample sample = {.estimate = &none,
                                          .mark = &mark,
                                          .input_tokens = 100,
                                          .output_tokens = tokens,
                                          .output_ceiling = ceiling};
    pawl_estimator_learn(estimator, MODEL, &sample);
}

static void answers_beyond_their_ceilings_are_remembered(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    settle_answer(estimator, 1000, 1000);
    struct pawl_estimate_output output = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(output.overrun_few, 0);
    assert_int_equal(output.overrun_permille, 0);
    settle_answer(estimator, 1, 3);
    output = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(output.overrun_few, 2);
    assert_int_equal(output.overrun_permille, 0);
    settle_answer(estimator, 5000, 6000);
    output = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(output.overrun_permille, 1200);
    assert_int_equal(output.overrun_tokens, 0);
    /* Where it has nothing to do with the ceiling, its length counts. */
    settle_answer(estimator, 100, 3000);
    output = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(output.overrun_permille, 1200);
    assert_int_equal(output.overrun_tokens, 3000);
    /* Nothing is known of what nobody bounded, and old ones are forgotten. */
    for (int i = 0; i < 64; i++) {
        settle_answer(estimator, 0, 9000);
    }
    assert_int_equal(pawl_estimate_answers(estimator, MODEL).overrun_tokens, 3000);
    for (int i = 0; i < 64; i++) {
        settle_answer(estimator, 1000, 100);
    }
    output = pawl_estimate_answers(estimator, MODEL);
    assert_int_equal(output.overrun_permille, 0);
    assert_int_equal(output.overrun_tokens, 0);
    pawl_estimator_free(estimator);
}

static void settle_rate(struct pawl_estimator *estimator, int64_t permille)
{
    struct pawl_estimate none = {.tokens = 100};
    struct pawl_estimate_mark mark = {.chain = 0};
    struct pawl_estimate_sample sample = {
        .estimate = &none, .mark = &mark, .input_tokens = 100, .rate_permille = permille};
    pawl_estimator_learn(estimator, MODEL, &sample);
}

static void a_dearer_rate_is_expected_again_for_a_while(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    assert_int_equal(pawl_estimate_answers(estimator, MODEL).rate_permille, 1000);
    settle_rate(estimator, 500);
    assert_int_equal(pawl_estimate_answers(estimator, MODEL).rate_permille, 1000);
    settle_rate(estimator, 2500);
    settle_rate(estimator, 2000);
    for (int i = 0; i < 62; i++) {
        settle_rate(estimator, 0); /* nobody knows */
        settle_rate(estimator, 1000);
        assert_int_equal(pawl_estimate_answers(estimator, MODEL).rate_permille, 2500);
    }
    settle_rate(estimator, 1000);
    assert_int_equal(pawl_estimate_answers(estimator, MODEL).rate_permille, 2000);
    pawl_estimator_free(estimator);
}

static void histograms_err_upwards_by_at_most_a_step(void **state)
{
    (void)state;
    struct pawl_histogram linear = {.total = 0};
    struct pawl_histogram log = {.total = 0};
    assert_int_equal(pawl_histogram_quantile(&log, PAWL_HISTOGRAM_LOG, 500), 0);
    for (int64_t value = 1; value <= 100; value++) {
        pawl_histogram_add(&linear, PAWL_HISTOGRAM_LINEAR, value * 10);
        pawl_histogram_add(&log, PAWL_HISTOGRAM_LOG, value * 10);
    }
    assert_in_range(pawl_histogram_quantile(&linear, PAWL_HISTOGRAM_LINEAR, 990), 990, 1002);
    assert_in_range(pawl_histogram_quantile(&log, PAWL_HISTOGRAM_LOG, 990), 990, 1238);
    assert_in_range(pawl_histogram_quantile(&log, PAWL_HISTOGRAM_LOG, 500), 500, 640);
    assert_int_equal(pawl_histogram_lowest(&log, PAWL_HISTOGRAM_LOG), 10);
    /* Values beyond the scale stay in its last step. */
    pawl_histogram_add(&linear, PAWL_HISTOGRAM_LINEAR, INT64_MAX);
    pawl_histogram_add(&log, PAWL_HISTOGRAM_LOG, INT64_MAX);
    assert_int_equal(pawl_histogram_quantile(&linear, PAWL_HISTOGRAM_LINEAR, 1000), 128 * 12);
}

static void old_samples_fade(void **state)
{
    (void)state;
    struct pawl_histogram histogram = {.total = 0};
    for (int i = 0; i < 400; i++) {
        pawl_histogram_add(&histogram, PAWL_HISTOGRAM_LOG, 10000);
    }
    for (int i = 0; i < 4000; i++) {
        pawl_histogram_add(&histogram, PAWL_HISTOGRAM_LOG, 10);
    }
    assert_true(histogram.total <= PAWL_HISTOGRAM_SAMPLES_MAX);
    assert_in_range(pawl_histogram_quantile(&histogram, PAWL_HISTOGRAM_LOG, 990), 10, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_model_is_bounded_by_half_its_bytes),
        cmocka_unit_test(what_was_counted_before_is_known_exactly),
        cmocka_unit_test(another_beginning_is_not_known),
        cmocka_unit_test(a_changed_system_block_is_counted_on_top),
        cmocka_unit_test(a_conversation_that_shrank_is_not_bounded_by_its_past),
        cmocka_unit_test(the_ratio_is_learned_with_a_reserve_on_top),
        cmocka_unit_test(a_few_short_texts_teach_no_ratio),
        cmocka_unit_test(what_no_byte_explains_is_added_the_next_time),
        cmocka_unit_test(one_dense_text_raises_the_bound_at_once),
        cmocka_unit_test(figures_that_no_tokenizer_gives_teach_nothing),
        cmocka_unit_test(tokens_that_nothing_explains_are_expected_again),
        cmocka_unit_test(what_a_long_text_lacked_a_short_one_does_not),
        cmocka_unit_test(a_count_that_grows_without_text_is_followed),
        cmocka_unit_test(a_call_that_waits_is_bounded_by_what_was_learned_meanwhile),
        cmocka_unit_test(characters_beyond_ascii_are_told_apart),
        cmocka_unit_test(dense_text_has_a_ratio_of_its_own),
        cmocka_unit_test(media_counts_by_its_own_bound),
        cmocka_unit_test(conversations_used_longest_ago_are_forgotten),
        cmocka_unit_test(answers_are_learned_per_model),
        cmocka_unit_test(answers_beyond_their_ceilings_are_remembered),
        cmocka_unit_test(a_dearer_rate_is_expected_again_for_a_while),
        cmocka_unit_test(histograms_err_upwards_by_at_most_a_step),
        cmocka_unit_test(old_samples_fade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
