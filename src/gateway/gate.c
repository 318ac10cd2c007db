/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c: what a person must say before a call is judged at all: that the run may go on though
 * nobody was seen for a while, that it may move to a dearer class of model. A call that needs such
 * a word is held like one at the limit (limit.c), in the same list and under the same rules: one
 * question at a time, and each answer judges all that wait again.
 *
 *   A1  A call of a class that was refused by a person is refused at once from then on.
 *   A2  Neither question latches by itself: the run goes on with what needs no word.
 */
#include <string.h>

#include "base/assert.h"
#include "gateway/gateway_priv.h"
#include "gateway/price_tier.h"

enum { TYPICAL_OUTPUT_TOKENS = 1000 };

/* --- Facts ----------------------------------------------------------------------------------- */

static bool is_beside(const struct pawl_model_call *call)
{
    struct pawl_slice kind = call->who.kind;
    return !pawl_slice_empty(kind) && !pawl_slice_equal_str(kind, "main");
}

static struct pawl_escalation_call facts_of(const struct pawl_model_call *call)
{
    return (struct pawl_escalation_call){
        .model = call->request.model,
        .tier = pawl_price_tier(&call->price),
        .tools = call->request.has_tools,
        .beside = is_beside(call),
    };
}

/* What this call costs at a price, with an answer of the usual length. */
static int64_t cost_at(const struct pawl_model_call *call, const struct pawl_price *price)
{
    struct pawl_usage usage = {.modifiers = 0};
    struct pawl_cost cost;
    pawl_usage_set(&usage, PAWL_USAGE_INPUT, call->estimate.tokens);
    pawl_usage_set(&usage, PAWL_USAGE_OUTPUT, TYPICAL_OUTPUT_TOKENS);
    pawl_usage_cost(price, &usage, &cost);
    return pawl_min_i64(cost.total_microcents, PAWL_AMOUNT_MAX);
}

/* What the cap lacks if what is left is to do as much work at the dearer price; 0: not known. */
static int64_t missing(struct pawl_gateway *gateway, int64_t cost_from, int64_t cost_to)
{
    struct pawl_admission_left left = pawl_gateway_left_of(gateway, PAWL_UNIT_USD_MICROCENTS);
    int64_t wanted = 0;
    if (!left.bound || left.free <= 0 || cost_from <= 0 ||
        !pawl_money_mul_div_ceil(left.free, cost_to, cost_from, &wanted)) {
        return 0;
    }
    int64_t cents = PAWL_MICROCENTS_PER_USD / 100;
    int64_t more = pawl_max_i64(wanted - left.free, 0);
    return pawl_min_i64((more + cents - 1) / cents * cents, PAWL_AMOUNT_MAX - left.limit);
}

static struct pawl_limit_question model_question(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    const struct pawl_escalation *escalation = &gateway->escalation;
    struct pawl_limit_question question = {
        .kind = PAWL_QUESTION_MODEL,
        .from = pawl_slice_str(escalation->model),
        .to = call->request.model,
        .cost_to = cost_at(call, &call->price),
    };
    struct pawl_admission_left left = pawl_gateway_left_of(gateway, PAWL_UNIT_USD_MICROCENTS);
    question.limit = left.limit;
    question.spent = left.spent;
    struct pawl_price from;
    struct pawl_price_query query = {
        .provider = call->provider, .model = question.from, .at_us = pawl_gateway_now_us(gateway)};
    if (pawl_price_lookup(gateway->options.prices, query, &from)) {
        question.cost_from = cost_at(call, &from);
        question.asked = (struct pawl_amount){
            .unit = PAWL_UNIT_USD_MICROCENTS,
            .value = missing(gateway, question.cost_from, question.cost_to),
        };
    }
    return question;
}

/* --- Refusing -------------------------------------------------------------------------------- */

static bool
refuse_model(struct pawl_model_call *call, enum pawl_gate_answer why, uint32_t waited_ms)
{
    struct pawl_limit_question question = model_question(call);
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_MODEL};
    pawl_words_model(&call->words, call->gateway, &question, why, waited_ms);
    pawl_refuse_call(call);
    return false;
}

static bool refuse_idle(struct pawl_model_call *call, enum pawl_gate_answer why, uint32_t waited_ms)
{
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_IDLE};
    call->words.latches = why == PAWL_GATE_DENIED;
    pawl_words_idle(&call->words, call->gateway, why, waited_ms);
    pawl_refuse_call(call);
    return false;
}

void pawl_gate_refuse(struct pawl_model_call *call, enum pawl_gate_answer why, uint32_t waited_ms)
{
    PAWL_ASSERT(call->gate != PAWL_QUESTION_MORE);
    if (call->gate == PAWL_QUESTION_MODEL) {
        (void)refuse_model(call, why, waited_ms);
    } else {
        (void)refuse_idle(call, why, waited_ms);
    }
}

/* --- Asking ---------------------------------------------------------------------------------- */

/* Holds the call, or refuses it where nobody can answer. */
static bool ask(struct pawl_model_call *call, const struct pawl_limit_question *question)
{
    struct pawl_gateway *gateway = call->gateway;
    const struct pawl_gateway_options *options = &gateway->options;
    enum pawl_limit_answer answer = PAWL_LIMIT_NOBODY;
    call->gate = question->kind;
    if (pawl_limit_someone_asks(gateway)) {
        answer = PAWL_LIMIT_HOLD; /* One question at a time; this one comes after it. */
    } else if (options->on_ask != NULL) {
        answer = options->on_ask(options->arg, question);
        gateway->asked = answer != PAWL_LIMIT_NOBODY;
        gateway->about = question->kind;
        if (answer != PAWL_LIMIT_NOBODY && question->kind == PAWL_QUESTION_MODEL) {
            (void)pawl_slice_copy_str(question->to, gateway->model_asked,
                                      sizeof(gateway->model_asked));
            gateway->tier_asked = pawl_price_tier(&call->price);
        }
    }
    switch (answer) {
    case PAWL_LIMIT_HOLD:
        pawl_limit_hold(call, pawl_model_call_patience_ms(call));
        break;
    case PAWL_LIMIT_TELL:
        pawl_gate_refuse(call, PAWL_GATE_TELL, 0);
        break;
    case PAWL_LIMIT_NOBODY:
        pawl_gate_refuse(call, PAWL_GATE_NOBODY, 0);
        break;
    }
    return false;
}

static bool pass_idle(struct pawl_model_call *call)
{
    const struct pawl_gateway_options *options = &call->gateway->options;
    if (options->is_idle == NULL || !options->is_idle(options->arg)) {
        return true;
    }
    struct pawl_limit_question question = {.kind = PAWL_QUESTION_RESUME};
    return ask(call, &question);
}

void pawl_gate_tell_baseline(struct pawl_gateway *gateway, bool approved)
{
    const struct pawl_escalation *escalation = &gateway->escalation;
    struct pawl_gateway_baseline baseline = {
        .model = escalation->model, .tier = escalation->tier, .approved = approved};
    if (!escalation->fixed || gateway->options.on_baseline == NULL ||
        strcmp(escalation->model, gateway->baseline_told) == 0) {
        return;
    }
    (void)pawl_slice_copy_str(pawl_slice_str(escalation->model), gateway->baseline_told,
                              sizeof(gateway->baseline_told));
    gateway->options.on_baseline(gateway->options.arg, &baseline);
}

static bool pass_model(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (!call->priced) {
        return true; /* Without a cap on dollars nothing is dear. */
    }
    struct pawl_escalation_call facts = facts_of(call);
    enum pawl_escalation_verdict verdict = pawl_escalation_judge(&gateway->escalation, &facts);
    pawl_gate_tell_baseline(gateway, false);
    switch (verdict) {
    case PAWL_ESCALATION_GO:
        return true;
    case PAWL_ESCALATION_REFUSE:
        return refuse_model(call, PAWL_GATE_FORBIDDEN, 0);
    case PAWL_ESCALATION_QUESTION:
        break;
    }
    if (gateway->denied_tier != 0 && facts.tier >= gateway->denied_tier) {
        return refuse_model(call, PAWL_GATE_DENIED, 0); /* A1 */
    }
    struct pawl_limit_question question = model_question(call);
    return ask(call, &question);
}

bool pawl_gate_pass(struct pawl_model_call *call)
{
    call->gate = PAWL_QUESTION_MORE;
    return pass_idle(call) && pass_model(call);
}

void pawl_gate_answered(struct pawl_model_call *call)
{
    if (call->priced) {
        struct pawl_escalation_call facts = facts_of(call);
        pawl_escalation_answered(&call->gateway->escalation, &facts);
        pawl_gate_tell_baseline(call->gateway, false);
    }
}

void pawl_gate_deny_model(struct pawl_gateway *gateway)
{
    if (gateway->tier_asked != 0) {
        gateway->denied_tier = gateway->tier_asked; /* A1 */
        gateway->tier_asked = 0;
    }
}

void pawl_gateway_allow_model(struct pawl_gateway *gateway)
{
    if (gateway->tier_asked != 0) {
        pawl_escalation_allow(&gateway->escalation, pawl_slice_str(gateway->model_asked),
                              gateway->tier_asked);
        gateway->tier_asked = 0;
        pawl_gate_tell_baseline(gateway, true);
    }
}
