/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brakes_priv.h: what slows a call down or turns it away before and beside the budget: phases,
 * limits that are reached, questions to a person, windows of an account, the last summary, cheaper
 * models.
 */
#ifndef PAWL_GATEWAY_BRAKES_PRIV_H
#define PAWL_GATEWAY_BRAKES_PRIV_H

#include "gateway/call_priv.h"

/* What an answer's conversation is known by, and where it goes on. */
struct pawl_thread {
    uint64_t chain;
    uint32_t messages; /* 0: free */
    int phase;
};

enum { PAWL_THREADS_MAX = 256 };

/* A phase that asks: what became of its question. */
enum pawl_phase_question {
    PAWL_PHASE_UNASKED,
    PAWL_PHASE_ASKED,   /* it is open, and calls wait for it */
    PAWL_PHASE_UNHEARD, /* it is open; nobody could be told, or answered in time: calls don't wait
                         */
    PAWL_PHASE_DENIED,
    PAWL_PHASE_UNMANNED /* there is nobody to ask */
};

struct pawl_phases {
    struct pawl_thread threads[PAWL_THREADS_MAX]; /* the oldest overwritten */
    uint32_t next;
    int current;                      /* where the run is */
    int pinned;                       /* by hand; PHASE_NONE: it is not */
    int hooked;                       /* what a hook alone has shown, for the next call */
    bool hooks;                       /* there are some: they refuse tools, and not the answers */
    uint16_t closed[PAWL_PHASES_MAX]; /* the unit that is used up; 0: open */
    enum pawl_phase_question questions[PAWL_PHASES_MAX];
};

/* --- phase.c --------------------------------------------------------------------------------- */

struct pawl_slice pawl_phase_name(const struct pawl_gateway *gateway, int phase);
/* For what is not of one phase alone. */
struct pawl_slice pawl_phase_whole(const struct pawl_gateway *gateway);
/* Before the body's elements are forgotten: which phase the call is in. */
void pawl_phase_find(struct pawl_model_call *call);
/* What is to see the answer's tool calls; NULL: there are no phases. */
struct pawl_tool_reader *pawl_phase_reader(struct pawl_model_call *call);
/* The answer is whole. */
void pawl_phase_answered(struct pawl_model_call *call);
/* What comes of a tool that a hook asks about, as far as its phase goes. */
enum pawl_phase_verdict {
    PAWL_PHASE_GO,
    PAWL_PHASE_NO,  /* it may not run; the words are set */
    PAWL_PHASE_WAIT /* a person is asked; the call waits */
};
enum pawl_phase_verdict pawl_phase_judge_asked(struct pawl_model_call *call);
/* A hook asks about a tool that no answer has shown. */
void pawl_phase_hooked(struct pawl_model_call *call);

/* --- phase_limit.c --------------------------------------------------------------------------- */

/* Whether nothing is left in it; it is closed then. */
bool pawl_phase_is_over(struct pawl_model_call *call, int phase);
/* The words for a closed phase. */
void pawl_phase_words(struct pawl_model_call *call, int phase);
/* Whether the call may be held in the base instead. */
bool pawl_phase_may_leave(const struct pawl_model_call *call);
/* The call was judged in its phase, by what was left there, and then in the base: takes it there
 * where the phase has nothing useful for it. false: it stays. */
bool pawl_phase_leave(struct pawl_model_call *call,
                      const struct pawl_admission *inside,
                      const struct pawl_admission_left *left);
/* How much more of a phase helps: what is asked for, and what the words name. */
int64_t pawl_phase_amount_to_ask(const struct pawl_refusal_words *words);
/* Asks a person for more for a closed phase, where that is to be done and was not done yet. true:
 * an answer may come, and what belongs to the phase waits for it. */
bool pawl_phase_ask(struct pawl_model_call *call, int phase);
/* The same; and holds the call until then. */
bool pawl_phase_wait(struct pawl_model_call *call, int phase);
/* The call has waited as long as its client does. */
void pawl_phase_unheard(struct pawl_model_call *call);
/* Whether it is the phase and not the run that has nothing left for a call that is not admitted. */
bool pawl_phase_binds(struct pawl_model_call *call);
/* The phase in which tool calls are counted. */
struct pawl_slice pawl_phase_of_event(struct pawl_model_call *call, int64_t count);
/* Whether it was the phase that had none left; the words are set then. */
bool pawl_phase_refuses_event(struct pawl_model_call *call);
/* The phase and what it has left; at most two headers. */
void pawl_phase_add_headers(struct pawl_model_call *call,
                            struct pawl_http_header *headers,
                            size_t *count);

/* --- limit.c -------------------------------------------------------------------------------- */

/* The limit is reached: the call's words say so, and would latch. true: the call goes on or waits;
 * false: it is to be refused, and the words say all there is to say. */
bool pawl_limit_reached(struct pawl_model_call *call);
/* Takes off what is left what is kept for the one more call. */
void pawl_limit_keep(struct pawl_model_call *call);
/* The summary's call may have it now; or it was not used after all. */
void pawl_limit_let_go(struct pawl_gateway *gateway);
void pawl_limit_keep_again(struct pawl_gateway *gateway);
/* Whether a call is the limit although it would fit: no tool call is left to go on with. */
bool pawl_limit_without_tools(struct pawl_model_call *call);
/* The client of a call that waits for an answer has gone, or its patience has. */
void pawl_limit_leave(struct pawl_model_call *call);
void pawl_limit_out_of_patience(struct pawl_model_call *call);
/* Whether a call waits for a person; others may wait beside it for a window to begin anew. */
bool pawl_limit_someone_asks(const struct pawl_gateway *gateway);
/* Puts it among those that wait for an answer. */
void pawl_limit_hold(struct pawl_model_call *call, uint64_t ms);
/* It is held until a window begins anew, as whoever looks at the run is told. */
void pawl_limit_wait_for(struct pawl_model_call *call, const struct pawl_limit_wait *wait);
/* It has gone out, or never will. */
void pawl_limit_wait_over(struct pawl_model_call *call);
/* Judges the calls again that wait for a phase. */
void pawl_limit_phase_answered(struct pawl_gateway *gateway, int phase);
/* Judges every call again that waits for an answer. */
void pawl_limit_ask_again(struct pawl_gateway *gateway);
/* What is known of limits across runs or of an account's windows has changed: whoever waits for one
 * is judged again. */
void pawl_limit_retry(struct pawl_gateway *gateway);
/* The run is stopped: calls that wait for something else than more are refused with it. */
void pawl_limit_release(struct pawl_gateway *gateway);
/* A latch that no held call asked about: the question is opened all the same. */
void pawl_limit_latched(struct pawl_gateway *gateway, const struct pawl_refusal_words *words);

/* --- gate.c --------------------------------------------------------------------------------- */

/* Why a call that needs a person's word does not get it. */
enum pawl_gate_answer {
    PAWL_GATE_FORBIDDEN,  /* the policy lets nobody say it */
    PAWL_GATE_NOBODY,     /* nobody can be asked */
    PAWL_GATE_TELL,       /* the question stands; the client is to tell it */
    PAWL_GATE_UNANSWERED, /* nobody answered in time */
    PAWL_GATE_DENIED
};

/* Whether the call may be judged; else it waits or was refused. */
bool pawl_gate_pass(struct pawl_model_call *call);
/* A person said no to the model that was asked about, whether or not its call still waits. */
void pawl_gate_deny_model(struct pawl_gateway *gateway);
/* Refuses a call that asked for a word. */
void pawl_gate_refuse(struct pawl_model_call *call, enum pawl_gate_answer why, uint32_t waited_ms);
/* The call has its answer. */
void pawl_gate_tell_baseline(struct pawl_gateway *gateway, bool approved);
void pawl_gate_answered(struct pawl_model_call *call);

/* --- quota_gate.c --------------------------------------------------------------------------- */

/* Whether the windows of its account let the call go on; else it waits or was refused. */
bool pawl_quota_gate_pass(struct pawl_model_call *call);
/* The head of its answer, whatever that is. */
void pawl_quota_gate_told(struct pawl_model_call *call,
                          const struct pawl_http_header *headers,
                          size_t count);
/* The call is over, and cost so much. */
void pawl_quota_gate_booked(struct pawl_model_call *call, int64_t microcents, int64_t tokens);

/* --- words_gate.c --------------------------------------------------------------------------- */

void pawl_words_model(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      const struct pawl_limit_question *question,
                      enum pawl_gate_answer why,
                      uint32_t waited_ms);
void pawl_words_idle(struct pawl_refusal_words *words,
                     const struct pawl_gateway *gateway,
                     enum pawl_gate_answer why,
                     uint32_t waited_ms);

/* --- summary.c ------------------------------------------------------------------------------ */

/* A latched run may still let it through. */
bool pawl_summary_available(const struct pawl_gateway *gateway);
/* Makes the call what it will be: a small answer, and no tools. */
void pawl_summary_shape(struct pawl_model_call *call);
/* Reads the text of its answer. */
void pawl_summary_on_event(struct pawl_model_call *call, struct pawl_slice data);
void pawl_summary_on_body(struct pawl_model_call *call, struct pawl_slice body);
/* Keeps what an answer has said so far, and hands it on when the answer is cut at the limit. */
void pawl_partial_on_event(struct pawl_model_call *call, struct pawl_slice data);
void pawl_partial_keep(struct pawl_model_call *call);
/* It is settled: the run latches for good; or nothing was used, and the next call may try. */
void pawl_summary_over(struct pawl_model_call *call);
void pawl_summary_unused(struct pawl_model_call *call);

/* --- degrade.c ------------------------------------------------------------------------------ */

/* Puts another model in the place of the one that was asked for, where the ladder says so. */
void pawl_degrade(struct pawl_model_call *call);

#endif
