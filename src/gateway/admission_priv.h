/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission_priv.h: what the rules of an admission (admission.c) ask about a call's needs
 * (admission_need.c).
 */
#ifndef PAWL_GATEWAY_ADMISSION_PRIV_H
#define PAWL_GATEWAY_ADMISSION_PRIV_H

#include "gateway/admission.h"
#include "gateway/usage.h"

/* A form of the call: how much goes in, comes out, and is looked up. */
struct pawl_admission_form {
    int64_t input;
    int64_t output; /* of one choice */
    int64_t uses;   /* of each server tool */
};

struct pawl_admission_need {
    int64_t amount[PAWL_ADMISSION_UNIT_COUNT];
};

struct pawl_admission_decider {
    const struct pawl_admission_query *query;
    enum pawl_usage_field input_field; /* the dearest that the input can land in */
    enum pawl_usage_field output_field;
    bool reasoning_dearer; /* so that all output counts as reasoning */
};

struct pawl_admission_decider pawl_admission_decider_of(const struct pawl_admission_query *query);
struct pawl_admission_need pawl_admission_need_of(const struct pawl_admission_decider *decider,
                                                  struct pawl_admission_form form);
/* The dearest usage that the form can lead to. */
void pawl_admission_usage_of(const struct pawl_admission_decider *decider,
                             struct pawl_admission_form form,
                             struct pawl_usage *ret_usage);
/* How often a tool of the provider runs in a form with so many uses of each. */
int64_t pawl_admission_uses_of(const struct pawl_request_tool *tool,
                               const struct pawl_estimate_output *learned,
                               int64_t uses);

#endif
