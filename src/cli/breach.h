/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breach.h: runs that reached their first envelope, and why, by the rule of docs/BREACHES.md. A
 * judgement is a function of facts that stand in the history, and says which ones it went by.
 */
#ifndef PAWL_CLI_BREACH_H
#define PAWL_CLI_BREACH_H

#include <stdbool.h>
#include <stdint.h>

#include "history/history.h"

enum pawl_breach_how {
    PAWL_BREACH_NONE,
    PAWL_BREACH_STOPPED, /* it ended there */
    PAWL_BREACH_APPROVED /* a person let it go past */
};

/* In the order in which they are tried. */
enum pawl_breach_cause {
    PAWL_CAUSE_ESCALATION,
    PAWL_CAUSE_VERIFICATION,
    PAWL_CAUSE_SCOPE,
    PAWL_CAUSE_DEFAULT,
    PAWL_CAUSE_COUNT
};
/* "escalation", "verification too broad", "scope too wide", "default too low". */
const char *pawl_breach_cause_name(enum pawl_breach_cause cause);

/* The rule's numbers. */
enum {
    PAWL_BREACH_DEARER_PERCENT = 20,       /* of the dollars, for models of a dearer class */
    PAWL_BREACH_VERIFICATION_PERCENT = 40, /* of the dollars, in the phase of that name */
    PAWL_BREACH_FILES = 20,                /* changed, created and deleted */
    PAWL_BREACH_THREADS = 4,               /* sub-agents */
    PAWL_BREACH_TOOLS_PER_CALL = 3         /* with the cap on tool calls reached */
};

struct pawl_breach_facts {
    enum pawl_breach_how how;
    uint16_t unit; /* of the envelope that was reached */
    int64_t microcents;
    int64_t dearer_microcents; /* spent on models of a dearer class than the first one */
    bool model_approved;       /* a switch to a dearer model was approved */
    bool dearer_refused;       /* the last call that was refused asked for one */
    char baseline[64];         /* what dearer ones were judged by (gateway/escalation.h) */
    char dearer[64];           /* the dearest of the others */
    int64_t verification_microcents;
    int64_t files; /* -1: not known */
    int64_t threads;
    int64_t calls;
    int64_t tool_calls;
    char origin[16]; /* of the cap that was reached: "default", "flag", …; "": not known */
};

enum { PAWL_BREACH_WORDS_BYTES = 256 };
struct pawl_breach {
    enum pawl_breach_cause cause;
    char words[PAWL_BREACH_WORDS_BYTES]; /* the facts that decided */
};

/* Of facts whose `how` is not NONE. */
void pawl_breach_judge(const struct pawl_breach_facts *facts, struct pawl_breach *ret_breach);

struct pawl_price_book;
/* Reads the facts of a run. */
PAWL_MUST_CHECK pawl_err pawl_breach_look(struct pawl_history *history,
                                          const struct pawl_price_book *prices,
                                          const struct pawl_history_run *run,
                                          struct pawl_breach_facts *ret_facts,
                                          struct pawl_errmsg *msg);

#endif
