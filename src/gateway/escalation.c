/* SPDX-License-Identifier: Apache-2.0 */
/* escalation.c: see escalation.h. */
#include "gateway/escalation.h"

#include "base/assert.h"

static void set_model(char out[static PAWL_ESCALATION_MODEL_BYTES], struct pawl_slice model)
{
    (void)pawl_slice_copy_str(model, out, PAWL_ESCALATION_MODEL_BYTES);
}

static bool is_main(const struct pawl_escalation_call *call)
{
    return call->tools && !call->beside;
}

static void raise_to(struct pawl_escalation *escalation, struct pawl_slice model, unsigned tier)
{
    if (tier > escalation->tier) {
        escalation->tier = tier;
        set_model(escalation->model, model);
    }
}

void pawl_escalation_init(struct pawl_escalation *escalation,
                          enum pawl_escalation_mode mode,
                          struct pawl_slice declared,
                          unsigned declared_tier)
{
    *escalation = (struct pawl_escalation){.mode = mode};
    if (!pawl_slice_empty(declared) && declared_tier > 0) {
        raise_to(escalation, declared, declared_tier);
        escalation->fixed = true;
    }
}

/* The run has no main loop so far: its first calls may have to stand for one. */
static void learn_toolless(struct pawl_escalation *escalation,
                           const struct pawl_escalation_call *call)
{
    escalation->toolless++;
    if (call->tier > escalation->toolless_tier) {
        escalation->toolless_tier = call->tier;
        set_model(escalation->toolless_model, call->model);
    }
    if (escalation->toolless == PAWL_ESCALATION_TOOLLESS_CALLS) {
        raise_to(escalation, pawl_slice_str(escalation->toolless_model), escalation->toolless_tier);
        escalation->fixed = true;
        escalation->stands_in = true;
    }
}

static void learn(struct pawl_escalation *escalation, const struct pawl_escalation_call *call)
{
    if (is_main(call)) {
        raise_to(escalation, call->model, call->tier);
    } else if (!call->tools && !call->beside && escalation->tier == 0) {
        learn_toolless(escalation, call);
    }
}

enum pawl_escalation_verdict pawl_escalation_judge(struct pawl_escalation *escalation,
                                                   const struct pawl_escalation_call *call)
{
    PAWL_ASSERT(call->tier > 0);
    if (escalation->stands_in && is_main(call)) {
        escalation->stands_in = false;
        escalation->fixed = false;
        escalation->tier = 0;
    }
    if (!escalation->fixed) {
        learn(escalation, call); /* E1 */
        return PAWL_ESCALATION_GO;
    }
    if (call->tier <= escalation->tier || escalation->mode == PAWL_ESCALATION_ALLOW) {
        return PAWL_ESCALATION_GO; /* E3 */
    }
    return escalation->mode == PAWL_ESCALATION_ASK ? PAWL_ESCALATION_QUESTION
                                                   : PAWL_ESCALATION_REFUSE;
}

void pawl_escalation_answered(struct pawl_escalation *escalation,
                              const struct pawl_escalation_call *call)
{
    escalation->fixed = escalation->fixed || (is_main(call) && escalation->tier > 0);
}

void pawl_escalation_allow(struct pawl_escalation *escalation,
                           struct pawl_slice model,
                           unsigned tier)
{
    raise_to(escalation, model, tier);
    escalation->fixed = true;
    escalation->stands_in = false;
}
