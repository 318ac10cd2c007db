/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escalation.h: whether a call asks for a dearer class of model than the run was begun with
 * (price_tier.h has the classes). Pure: what a question looks like and who answers it is the
 * caller's business.
 *
 * The baseline is the model that the user declared. Without one it is the dearest of the first turn
 * of the agent's main loop: of all calls of the main loop until the first of them is answered. A
 * call belongs to the main loop when it offers the model tools and its client does not say that it
 * is something beside it; titles, summaries and sub-agents never set the baseline. An agent that
 * never offers tools has no main loop that could be told apart: then the dearest of its first three
 * calls counts, until a main loop begins after all.
 *
 *   E1  Until the baseline is fixed nothing escalates.
 *   E2  Once it is fixed it rises only by pawl_escalation_allow.
 *   E3  A call of the baseline's class or below always goes.
 */
#ifndef PAWL_GATEWAY_ESCALATION_H
#define PAWL_GATEWAY_ESCALATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum pawl_escalation_mode {
    PAWL_ESCALATION_ALLOW,
    PAWL_ESCALATION_ASK,   /* a person may let it */
    PAWL_ESCALATION_FORBID /* nobody may, for this run */
};

enum { PAWL_ESCALATION_MODEL_BYTES = 128, PAWL_ESCALATION_TOOLLESS_CALLS = 3 };

struct pawl_escalation {
    enum pawl_escalation_mode mode;
    unsigned tier;                           /* of the baseline so far; 0: none */
    char model[PAWL_ESCALATION_MODEL_BYTES]; /* that set it, or "" */
    bool fixed;
    bool stands_in;    /* what fixed it were calls without tools */
    uint32_t toolless; /* of those before any with */
    unsigned toolless_tier;
    char toolless_model[PAWL_ESCALATION_MODEL_BYTES];
};

/* What is known of a call. */
struct pawl_escalation_call {
    struct pawl_slice model;
    unsigned tier;
    bool tools;  /* it offers the model tools */
    bool beside; /* its client says that it is no call of the main loop */
};

enum pawl_escalation_verdict {
    PAWL_ESCALATION_GO,
    PAWL_ESCALATION_QUESTION, /* only when a person says so */
    PAWL_ESCALATION_REFUSE
};

/* `declared` empty: the user named no model, or one without a price. */
void pawl_escalation_init(struct pawl_escalation *escalation,
                          enum pawl_escalation_mode mode,
                          struct pawl_slice declared,
                          unsigned declared_tier);
/* Judges a call before it is admitted, and learns from it. */
enum pawl_escalation_verdict pawl_escalation_judge(struct pawl_escalation *escalation,
                                                   const struct pawl_escalation_call *call);
/* A call of the run was answered: if it was one of the main loop, the first turn is over. */
void pawl_escalation_answered(struct pawl_escalation *escalation,
                              const struct pawl_escalation_call *call);
/* A person allowed this class: it is the baseline now. */
void pawl_escalation_allow(struct pawl_escalation *escalation,
                           struct pawl_slice model,
                           unsigned tier);

#endif
