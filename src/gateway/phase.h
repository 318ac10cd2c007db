/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase.h: phases of a run, as the gateway knows them: names, the first of which is the base where
 * every run begins, and what is to happen when the budgets of one are used up. The owner says which
 * tool calls belong to which, and makes the budgets. docs/PHASES.md has the rules.
 *
 *   F1  A call is held in the phase in which it was admitted, and settles there.
 *   F2  What is spent in a phase never exceeds its ceiling by anything that could have been held
 *       elsewhere or refused.
 *   F3  A phase at its limit stops nothing but itself, unless it halts.
 *   F4  What a person is asked about a phase holds only what belongs to it.
 */
#ifndef PAWL_GATEWAY_PHASE_H
#define PAWL_GATEWAY_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { PAWL_PHASES_MAX = 8, PAWL_PHASE_NONE = -1, PAWL_PHASE_BASE = 0 };

/* What happens at a phase's limit. */
enum pawl_phase_mode {
    PAWL_PHASE_REFUSE, /* no more of it, and the rest goes on */
    PAWL_PHASE_HALT,   /* the run stops */
    PAWL_PHASE_ASK     /* a person is asked for more, and what belongs to it waits; where nobody can
                          answer, does, or says yes, it is as with REFUSE */
};

struct pawl_phase {
    const char *name;
    enum pawl_phase_mode mode;
};

struct pawl_phase_options {
    struct pawl_phase phases[PAWL_PHASES_MAX]; /* names are copied */
    int count;                                 /* 0: there are no phases */
    /* The phase of a tool call; PHASE_NONE: it says nothing. */
    int (*of_tool)(void *arg, struct pawl_slice name, struct pawl_slice arguments);
    /* The run is in another phase now. */
    void (*on_phase)(void *arg, int phase);
    /* A phase is at its limit; told once, until it is opened again. */
    void (*on_closed)(void *arg, int phase, uint16_t unit);
};

struct pawl_gateway;

/* Where the run is. */
int pawl_gateway_phase(const struct pawl_gateway *gateway);
bool pawl_gateway_phase_closed(const struct pawl_gateway *gateway, int phase);
/* By hand: from now on every call is in that phase; PHASE_NONE: the tool calls decide again. */
void pawl_gateway_pin_phase(struct pawl_gateway *gateway, int phase);
int pawl_gateway_pinned_phase(const struct pawl_gateway *gateway);
/* Nothing more of it: its time is up. */
void pawl_gateway_close_phase(struct pawl_gateway *gateway, int phase, uint16_t unit);
/* It was given more: what waits for it is judged again. */
void pawl_gateway_open_phase(struct pawl_gateway *gateway, int phase);
/* The question about it was answered with no; or it stands, and nobody could be told. What waits
 * goes on without it. */
void pawl_gateway_deny_phase(struct pawl_gateway *gateway, int phase);
void pawl_gateway_untold_phase(struct pawl_gateway *gateway, int phase);

#endif
