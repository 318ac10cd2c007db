/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_settle_learn.c: what a settled call teaches for the holds of later ones: how many tokens its
 * input and output were, how fast it streamed, how dear it was beside what was asked for, what the
 * provider's tools used. Only what the provider itself has counted is a lesson; an estimate would
 * confirm itself.
 */
#include <string.h>

#include "base/attrs.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

enum {
    CEILING_TOKENS_NEAR = 16,
    TEXT_BYTES_MAX = 16 << 10 /* of an answer that has ended are counted at once */
};

/* How dear the call was beside what its usage costs for the model and at the tier that were asked
 * for, in thousandths; 0 where nobody knows. */
static int64_t rate_of(const struct pawl_model_call *call,
                       const struct pawl_usage *usage,
                       const struct pawl_meter_bill *bill)
{
    if (!call->priced || bill->part_count == 0) {
        return 0;
    }
    struct pawl_cost expected;
    struct pawl_usage asked = *usage;
    asked.modifiers = pawl_usage_dearest(call->request.modifiers | call->query.modifiers);
    pawl_usage_cost(&call->price, &asked, &expected);
    int64_t permille = 0;
    int64_t cost = bill->costs[0].total_microcents; /* of other parts the usage is another */
    if (expected.total_microcents == 0 ||
        !pawl_money_mul_div_ceil(cost, 1000, expected.total_microcents, &permille)) {
        return 0;
    }
    return permille;
}

/* Of tools whose uses nothing bounds. */
static void add_tools(const struct pawl_model_call *call,
                      const struct pawl_meter_result *result,
                      struct pawl_estimate_sample *sample)
{
    const struct pawl_model_request *request = &call->request;
    int64_t assumed = pawl_request_tool_tokens(request);
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const struct pawl_request_tool *tool = &request->tools[i];
        bool fee = tool->fee == PAWL_REQUEST_FEE_WEB_SEARCH;
        if (tool->counted) {
            sample->uses_assumed = true;
            sample->uses = fee ? result->parts[0].usage.count[PAWL_USAGE_WEB_SEARCHES]
                               : (int64_t)result->server_tool_calls;
        }
    }
    bool brought = assumed > 0 && pawl_money_mul_div_ceil(result->tool_tokens, 1000, assumed,
                                                          &sample->tool_permille);
    sample->tools_assumed = brought || sample->uses_assumed;
}

/* Of the text in the body. What the provider kept, or its tools brought in, is not in it; and where
 * they ran, most of it was read more than once. */
static int64_t input_read(const struct pawl_model_call *call,
                          const struct pawl_meter_result *result)
{
    bool again = result->server_tool_calls > 0 && !call->request.tools_read_once;
    int64_t input = pawl_usage_input_tokens(&result->parts[0].usage) - result->tool_tokens;
    return call->kept_tokens == 0 && !again ? pawl_max_i64(input, 0) : 0;
}

/* Tokens are counted a little differently here and there, but not by more than that. */
static bool ended_far_below(const struct pawl_model_call *call,
                            const struct pawl_meter_result *result)
{
    int64_t output = pawl_usage_output_tokens(&result->parts[0].usage);
    int64_t ceiling = call->admission.ceiling;
    return output > 0 && output < ceiling - ceiling / 8 - CEILING_TOKENS_NEAR;
}

bool pawl_settle_ended_at_ceiling(const struct pawl_model_call *call,
                                  const struct pawl_meter_result *result)
{
    static const char *const words[] = {"max_tokens", "length", "max_output_tokens", "MAX_TOKENS"};
    if (ended_far_below(call, result)) {
        return false;
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(words); i++) {
        if (strcmp(result->finish, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void pass_lesson_on(const struct pawl_model_call *call,
                           const struct pawl_estimate_sample *sample)
{
    const struct pawl_gateway_options *options = &call->gateway->options;
    if (options->on_lesson != NULL) {
        struct pawl_gateway_lesson lesson = {.upstream = call->route.upstream,
                                             .model = call->request.model,
                                             .lesson = pawl_estimate_lesson_of(sample)};
        options->on_lesson(options->arg, &lesson);
    }
}

/* Tokens of o200k_base in the text of a stream; 0: not all of it was kept, or it is so long that
 * counting it would keep others waiting. */
static int64_t counted_text(struct pawl_model_call *call, const struct pawl_meter_result *result)
{
    struct pawl_visible *visible = &call->answer.visible;
    bool all = visible->bytes == result->visible_bytes && result->hidden_bytes == 0;
    return all && visible->text.bytes <= TEXT_BYTES_MAX ? pawl_visible_count(visible) : 0;
}

void pawl_settle_learn(struct pawl_model_call *call,
                       const struct pawl_meter_result *result,
                       const struct pawl_meter_bill *bill)
{
    const struct pawl_usage *usage = &result->parts[0].usage;
    if ((usage->odd & ~(uint32_t)PAWL_USAGE_ODD_BELIEVABLE) != 0) {
        return;
    }
    const struct pawl_answer *answer = &call->answer;
    struct pawl_estimate_sample sample = {
        .estimate = &call->estimate,
        .mark = &call->mark,
        .input_tokens = input_read(call, result),
        .output_tokens = pawl_usage_output_tokens(usage),
        .output_ceiling = call->gateway->options.hard_cap && !call->request.no_ceiling
                              ? call->admission.ceiling * call->request.choices
                              : 0,
        .at_ceiling = pawl_settle_ended_at_ceiling(call, result),
        .reasoning_tokens = usage->count[PAWL_USAGE_REASONING],
        .shows_all = answer->meter_made && pawl_meter_shows_all(&answer->meter),
        .visible_bytes = result->visible_bytes,
        .visible_counted = counted_text(call, result),
        .rate_permille = rate_of(call, usage, bill),
    };
    add_tools(call, result, &sample);
    if (answer->kind == PAWL_ANSWER_STREAM) {
        sample.stream_us = pawl_max_i64(answer->last_event_us - answer->first_event_us, 1);
    }
    pawl_estimator_learn(call->gateway->estimator, call->request.model, &sample);
    pass_lesson_on(call, &sample);
    call->gateway->input_largest =
        pawl_max_i64(call->gateway->input_largest, pawl_usage_input_tokens(usage));
}
