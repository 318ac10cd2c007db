/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_lesson.c: what a settled call taught, as numbers, and a model taught by them. The rules
 * of learning are not repeated: a lesson becomes a sample again.
 */
#include "base/assert.h"
#include "base/attrs.h"
#include "gateway/estimate_priv.h"

const char *const pawl_lesson_names[PAWL_LESSON_COUNT] = {
#define LESSON_NAME(value, name) [PAWL_LESSON_##value] = (name),
    PAWL_LESSON_VALUES(LESSON_NAME)
#undef LESSON_NAME
};

struct pawl_estimate_lesson pawl_estimate_lesson_of(const struct pawl_estimate_sample *sample)
{
    const struct pawl_estimate *estimate = sample->estimate;
    return (struct pawl_estimate_lesson){
        .values = {
            [PAWL_LESSON_KNOWN_TOKENS] = estimate->known_tokens,
            [PAWL_LESSON_NEW_BYTES] = estimate->new_bytes,
            [PAWL_LESSON_NEW_DENSE] = estimate->new_dense,
            [PAWL_LESSON_NEW_COUNTED] = estimate->new_counted,
            [PAWL_LESSON_REST_BYTES] = estimate->rest_bytes,
            [PAWL_LESSON_REST_DENSE] = estimate->rest_dense,
            [PAWL_LESSON_OTHER_TOKENS] = estimate->other_tokens,
            [PAWL_LESSON_TOTAL_BYTES] = estimate->total_bytes,
            [PAWL_LESSON_INPUT_TOKENS] = sample->input_tokens,
            [PAWL_LESSON_OUTPUT_TOKENS] = sample->output_tokens,
            [PAWL_LESSON_OUTPUT_CEILING] = sample->output_ceiling,
            [PAWL_LESSON_REASONING_TOKENS] = sample->reasoning_tokens,
            [PAWL_LESSON_SHOWS_ALL] = sample->shows_all,
            [PAWL_LESSON_VISIBLE_BYTES] = sample->visible_bytes,
            [PAWL_LESSON_VISIBLE_COUNTED] = sample->visible_counted,
            [PAWL_LESSON_STREAM_US] = sample->stream_us,
            [PAWL_LESSON_TOOLS_ASSUMED] = sample->tools_assumed,
            [PAWL_LESSON_USES_ASSUMED] = sample->uses_assumed,
            [PAWL_LESSON_USES] = sample->uses,
            [PAWL_LESSON_TOOL_PERMILLE] = sample->tool_permille,
            [PAWL_LESSON_RATE_PERMILLE] = sample->rate_permille,
        }};
}

/* A file may say anything. What no call has is no lesson: sums of a few of these stay in range. */
static bool is_possible(const struct pawl_estimate_lesson *lesson)
{
    for (size_t i = 0; i < PAWL_LESSON_COUNT; i++) {
        bool is_time = i == PAWL_LESSON_STREAM_US;
        int64_t most = is_time ? INT64_C(86400) * 1000000 : INT64_C(1) << 34;
        if (lesson->values[i] < 0 || lesson->values[i] > most) {
            return false;
        }
    }
    return true;
}

void pawl_estimator_teach(struct pawl_estimator *estimator,
                          struct pawl_slice model,
                          const struct pawl_estimate_lesson *lesson)
{
    const int64_t *values = lesson->values;
    if (!is_possible(lesson)) {
        return;
    }
    struct pawl_estimate estimate = {
        .known_tokens = values[PAWL_LESSON_KNOWN_TOKENS],
        .new_bytes = values[PAWL_LESSON_NEW_BYTES],
        .new_dense = values[PAWL_LESSON_NEW_DENSE],
        .new_counted = values[PAWL_LESSON_NEW_COUNTED],
        .rest_bytes = values[PAWL_LESSON_REST_BYTES],
        .rest_dense = values[PAWL_LESSON_REST_DENSE],
        .other_tokens = values[PAWL_LESSON_OTHER_TOKENS],
        .total_bytes = values[PAWL_LESSON_TOTAL_BYTES],
    };
    struct pawl_estimate_mark nothing = {.message_count = 0}; /* no conversation to remember */
    struct pawl_estimate_sample sample = {
        .estimate = &estimate,
        .mark = &nothing,
        .input_tokens = values[PAWL_LESSON_INPUT_TOKENS],
        .output_tokens = values[PAWL_LESSON_OUTPUT_TOKENS],
        .output_ceiling = values[PAWL_LESSON_OUTPUT_CEILING],
        .reasoning_tokens = values[PAWL_LESSON_REASONING_TOKENS],
        .shows_all = values[PAWL_LESSON_SHOWS_ALL] != 0,
        .visible_bytes = values[PAWL_LESSON_VISIBLE_BYTES],
        .visible_counted = values[PAWL_LESSON_VISIBLE_COUNTED],
        .stream_us = values[PAWL_LESSON_STREAM_US],
        .tools_assumed = values[PAWL_LESSON_TOOLS_ASSUMED] != 0,
        .uses_assumed = values[PAWL_LESSON_USES_ASSUMED] != 0,
        .uses = values[PAWL_LESSON_USES],
        .tool_permille = values[PAWL_LESSON_TOOL_PERMILLE],
        .rate_permille = values[PAWL_LESSON_RATE_PERMILLE],
    };
    struct estimate_model *entry = pawl_estimate_use_model(estimator, model);
    (void)pawl_estimate_learn(estimator, entry, &sample);
}
