/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_settle_tools.c: what tools that the provider runs add to a settlement, beyond what an
 * answer's usage tells: searches and readings of a stream that broke off, time in containers, and
 * pictures of another model.
 */
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/media.h"

/* The context is read again for each tool that ran, and what that used is reported at the end. */
static void complete_reading(const struct pawl_meter_result *result,
                             const struct pawl_usage *bound,
                             struct pawl_usage *usage)
{
    int64_t missing = pawl_usage_input_tokens(bound) - pawl_usage_input_tokens(usage);
    if (result->server_tool_calls > 0 && missing > 0) {
        pawl_usage_at_least(usage, PAWL_USAGE_INPUT, usage->count[PAWL_USAGE_INPUT] + missing);
    }
}

void pawl_settle_complete_tools(const struct pawl_model_call *call,
                                struct pawl_meter_result *result)
{
    if (call->request.tool_count == 0) {
        return;
    }
    struct pawl_usage bound;
    struct pawl_usage *usage = &result->parts[0].usage;
    pawl_admission_usage(&call->query, 0, call->admission.uses, &bound);
    if (!call->request.tools_read_once) {
        complete_reading(result, &bound, usage);
        return;
    }
    pawl_usage_at_least(usage, PAWL_USAGE_WEB_SEARCHES, bound.count[PAWL_USAGE_WEB_SEARCHES]);
    if (result->tool_tokens == 0) {
        int64_t input = usage->count[PAWL_USAGE_INPUT] + pawl_admission_tool_tokens(&call->query);
        pawl_usage_at_least(usage, PAWL_USAGE_INPUT, input);
    }
}

/* At Anthropic each call that ran code is billed for its time; a container that goes on has no
 * other price there. */
static int64_t minutes_of(struct pawl_model_call *call, const struct pawl_meter_result *result)
{
    const struct pawl_model_request *request = &call->request;
    int64_t now_us = pawl_alarm_now_us();
    bool unknown = result->knows == PAWL_METER_KNOWS_NOTHING;
    bool code = result->code_calls > 0 || request->container_files || unknown;
    if (request->dialect == PAWL_DIALECT_ANTHROPIC) {
        return code ? pawl_request_container_minutes(request, now_us - call->started_us) : 0;
    }
    struct pawl_container_use use = {
        .ran = result->containers,
        .before = request->containers_before,
        .gigabytes = request->container_gb,
        .started_us = call->started_us,
        .ended_us = now_us,
        .code = code,
    };
    return pawl_containers_bill(&call->gateway->containers, &use);
}

void pawl_settle_add_containers(struct pawl_model_call *call, struct pawl_meter_result *result)
{
    if (!pawl_settle_no_content(call)) {
        int64_t minutes = pawl_min_i64(minutes_of(call, result), PAWL_USAGE_COUNT_MAX);
        pawl_usage_at_least(&result->parts[0].usage, PAWL_USAGE_CONTAINER_MINUTES, minutes);
    }
}

int64_t pawl_settle_kept_tokens(const struct pawl_model_call *call,
                                const struct pawl_meter_result *result)
{
    const struct pawl_media picture = {
        .kind = PAWL_MEDIA_IMAGE, .dialect = call->request.dialect, .model = call->request.model};
    return pawl_usage_tokens(&result->parts[0].usage) +
           (int64_t)result->pictures * pawl_media_tokens_max(&picture);
}

bool pawl_settle_add_pictures(const struct pawl_model_call *call, struct pawl_meter_result *result)
{
    const struct pawl_model_request *request = &call->request;
    bool seen = result->started && (call->answer.kind == PAWL_ANSWER_STREAM || result->terminal);
    int64_t count = seen || pawl_settle_no_content(call)
                        ? (int64_t)result->pictures
                        : pawl_admission_pictures(&call->query, call->admission.uses);
    if (result->pictures_told || count == 0 || pawl_slice_empty(request->pictures.model)) {
        return false;
    }
    struct pawl_usage usage;
    pawl_request_picture_usage(request, count, &usage);
    pawl_usage_add(pawl_meter_part_for(result, request->pictures.model), &usage);
    return true;
}
