/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_estimate_lesson.c: an estimator that was taught by another's lessons knows what that knows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "gateway/estimate.h"

#define MODEL PAWL_SLICE("model-1")

enum { TEXT_BYTES = 4096, TEXT_TOKENS = 1000, CALLS = 20 };

static uint32_t count_tokens(void *arg, uint32_t node)
{
    (void)arg;
    (void)node;
    return TEXT_TOKENS;
}

/* A message that nobody has sent before. */
static struct pawl_estimate_body body_of(struct pawl_estimate_element *message, uint64_t hash)
{
    *message = (struct pawl_estimate_element){.hash = hash, .text_bytes = TEXT_BYTES, .node = 1};
    return (struct pawl_estimate_body){
        .messages = message, .message_count = 1, .count_tokens = count_tokens};
}

static int64_t bound(struct pawl_estimator *estimator, uint64_t hash)
{
    struct pawl_estimate_element message;
    struct pawl_estimate_body body = body_of(&message, hash);
    return pawl_estimate_input(estimator, MODEL, &body).tokens;
}

/* Settles a call of a longer conversation each time, and returns what it taught. */
static struct pawl_estimate_lesson settle(struct pawl_estimator *estimator, uint64_t hash)
{
    struct pawl_estimate_element message;
    struct pawl_estimate_body body = body_of(&message, hash);
    struct pawl_estimate estimate = pawl_estimate_input(estimator, MODEL, &body);
    struct pawl_estimate_mark mark = pawl_estimate_mark_of(&estimate, &body);
    int64_t n = (int64_t)hash;
    struct pawl_estimate_sample sample = {.estimate = &estimate,
                                          .mark = &mark,
                                          .input_tokens = 1200 + n,
                                          .output_tokens = 300 + 10 * n,
                                          .output_ceiling = n == 7 ? 100 : 1000,
                                          .reasoning_tokens = n == 3 ? 50 : 0,
                                          .shows_all = n == 3,
                                          .visible_bytes = 900 + 20 * n,
                                          .stream_us = 1000000 + n,
                                          .tools_assumed = n == 5,
                                          .uses_assumed = n == 5,
                                          .uses = 4,
                                          .tool_permille = 700,
                                          .rate_permille = n == 9 ? 1500 : 1000};
    struct pawl_estimate_lesson lesson = pawl_estimate_lesson_of(&sample);
    pawl_estimator_learn(estimator, MODEL, &sample);
    pawl_estimate_mark_free(&mark);
    return lesson;
}

static void assert_same_answers(struct pawl_estimate_output a, struct pawl_estimate_output b)
{
    assert_int_equal(a.answers, b.answers);
    assert_int_equal(a.samples, b.samples);
    assert_int_equal(a.hidden, b.hidden);
    assert_int_equal(a.secret, b.secret);
    assert_int_equal(a.tokens_p25, b.tokens_p25);
    assert_int_equal(a.tokens_p95, b.tokens_p95);
    assert_int_equal(a.tokens_p99, b.tokens_p99);
    assert_int_equal(a.ratio_high, b.ratio_high);
    assert_int_equal(a.ratio_low, b.ratio_low);
    assert_int_equal(a.tokens_per_second, b.tokens_per_second);
    assert_int_equal(a.pace_bound, b.pace_bound);
    assert_int_equal(a.overrun_few, b.overrun_few);
    assert_int_equal(a.overrun_permille, b.overrun_permille);
    assert_int_equal(a.overrun_tokens, b.overrun_tokens);
    assert_int_equal(a.rate_permille, b.rate_permille);
    assert_int_equal(a.use_calls, b.use_calls);
    assert_int_equal(a.uses_most, b.uses_most);
    assert_int_equal(a.tool_permille, b.tool_permille);
}

static void what_was_taught_is_known(void **state)
{
    (void)state;
    struct pawl_estimator *teacher = pawl_estimator_new();
    struct pawl_estimator *pupil = pawl_estimator_new();
    int64_t cold = bound(pupil, 1000);
    for (uint64_t i = 1; i <= CALLS; i++) {
        struct pawl_estimate_lesson lesson = settle(teacher, i);
        pawl_estimator_teach(pupil, MODEL, &lesson);
        assert_same_answers(pawl_estimate_answers(pupil, MODEL),
                            pawl_estimate_answers(teacher, MODEL));
    }
    /* With a reserve, until it has seen for itself. */
    int64_t taught = bound(pupil, 2000);
    int64_t known = bound(teacher, 2000);
    assert_true(taught > known && taught < known + known / 3 && taught < cold);
    (void)settle(teacher, CALLS + 1);
    (void)settle(pupil, CALLS + 1);
    assert_int_equal(bound(pupil, 3000), bound(teacher, 3000));
    pawl_estimator_free(teacher);
    pawl_estimator_free(pupil);
}

/* How good its own bounds were is another question; and no conversation is known by hearsay. */
static void lessons_are_no_calls_of_its_own(void **state)
{
    (void)state;
    struct pawl_estimate_error errors[PAWL_ESTIMATE_MODELS];
    struct pawl_estimator *teacher = pawl_estimator_new();
    struct pawl_estimator *pupil = pawl_estimator_new();
    struct pawl_estimate_lesson lesson = settle(teacher, 1);
    pawl_estimator_teach(pupil, MODEL, &lesson);
    assert_int_equal(pawl_estimate_errors(teacher, errors), 1);
    assert_int_equal(pawl_estimate_errors(pupil, errors), 0);
    assert_int_equal(bound(teacher, 1), 1201);
    assert_true(bound(pupil, 1) > 1201);
    pawl_estimator_free(teacher);
    pawl_estimator_free(pupil);
}

static void what_no_call_has_teaches_nothing(void **state)
{
    (void)state;
    struct pawl_estimator *teacher = pawl_estimator_new();
    struct pawl_estimator *pupil = pawl_estimator_new();
    struct pawl_estimate_lesson lesson = settle(teacher, 1);
    int64_t cold = bound(pupil, 1000);
    for (int i = 0; i < PAWL_LESSON_COUNT; i++) {
        static const int64_t values[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 53};
        for (size_t k = 0; k < PAWL_ARRAY_LEN(values); k++) {
            struct pawl_estimate_lesson wrong = lesson;
            wrong.values[i] = values[k];
            pawl_estimator_teach(pupil, MODEL, &wrong);
        }
    }
    assert_int_equal(bound(pupil, 1001), cold);
    assert_int_equal(pawl_estimate_answers(pupil, MODEL).answers, 0);
    pawl_estimator_free(teacher);
    pawl_estimator_free(pupil);
}

/* Of a model that is known to count with o200k_base the name is not believed before a text was
 * counted in this run. */
static void a_name_is_confirmed_anew(void **state)
{
    (void)state;
    struct pawl_slice model = PAWL_SLICE("gpt-4o");
    struct pawl_estimator *pupil = pawl_estimator_new();
    struct pawl_estimate_element message;
    struct pawl_estimate_body body = body_of(&message, 1);
    message.text_bytes = 3 * 2 * TEXT_TOKENS;
    struct pawl_estimate_lesson lesson = {.values = {[PAWL_LESSON_NEW_BYTES] = message.text_bytes,
                                                     [PAWL_LESSON_NEW_COUNTED] = TEXT_TOKENS,
                                                     [PAWL_LESSON_TOTAL_BYTES] = message.text_bytes,
                                                     [PAWL_LESSON_INPUT_TOKENS] = TEXT_TOKENS,
                                                     [PAWL_LESSON_OUTPUT_TOKENS] = 10}};
    pawl_estimator_teach(pupil, model, &lesson);
    assert_in_range(pawl_estimate_input(pupil, model, &body).tokens, 2 * TEXT_TOKENS,
                    2 * TEXT_TOKENS + 100);
    pawl_estimator_free(pupil);
}

static void every_value_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < PAWL_LESSON_COUNT; i++) {
        assert_non_null(pawl_lesson_names[i]);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(pawl_lesson_names[i], pawl_lesson_names[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taught_is_known),
        cmocka_unit_test(lessons_are_no_calls_of_its_own),
        cmocka_unit_test(what_no_call_has_teaches_nothing),
        cmocka_unit_test(a_name_is_confirmed_anew),
        cmocka_unit_test(every_value_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
