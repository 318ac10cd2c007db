/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_priv.h: what the files of the gateway proper share: the gateway, a model call, and who
 * does what with it.
 *
 *   gateway.c       life of the gateway, dispatch, latch, line of waiting calls
 *   call.c          a call's states and its memory
 *   call_receive.c  RECEIVED: read, price, estimate, and what may turn it away before the budget
 *   call_admit.c    WAITING … RESERVING: admit, wait, reserve
 *   call_forward.c  FORWARDING … DRAINING: the request upstream, and how long it is waited for
 *   call_answer.c   the answer's head, what it is, and its end
 *   call_stream.c   events one by one: hide, count, gate tool calls
 *   call_tools.c    tool calls, in answers and at hooks
 *   phase.c         which phase a call is in, and where its conversation goes on
 *   phase_limit.c   a phase at its limit
 *   call_hold.c     what a stream holds while it flows: grow or cut
 *   call_settle.c   SETTLING: what is booked
 *   call_settle_tools.c  … for tools that the provider runs
 *   call_settle_learn.c  … and what that teaches
 *   refuse.c        every kind of no: words, notes, latch
 *   limit.c         the limit is reached: hold and ask, or let one more call through
 *   summary.c       that call: its form, and the text of its answer
 *   degrade.c       cheaper models from a share of the budget on
 *   note.c          metadata of commands
 *   pass.c          free paths
 *
 *   G1  A hold exists exactly in FORWARDING, STREAMING, DRAINING and SETTLING.
 *   G2  An upstream call exists only in FORWARDING, STREAMING and DRAINING.
 *   G3  Every exchange is answered exactly once; `exchange` is NULL from then on.
 *   G4  A call goes to the pool when it is DONE and no operation of it is open.
 *   G5  What the ceilings of all open calls can cost beyond their holds is `promised`, and nobody
 *       else gets it: it is not in what is left (gateway.c). A promise exists from RESERVING to
 *       DRAINING; it shrinks as the hold grows.
 */
#ifndef PAWL_GATEWAY_GATEWAY_PRIV_H
#define PAWL_GATEWAY_GATEWAY_PRIV_H
#include "gateway/brakes_priv.h"
#include "gateway/call_priv.h"

/* Tool calls that were counted in answers. */
struct pawl_tools {
    uint64_t ids[PAWL_TOOL_IDS_MAX]; /* hashes, the oldest overwritten; 0: none */
    uint32_t next;
    int64_t unclaimed; /* without an id, that no hook has asked for */
    bool scripts;      /* … and may be scripts, so that only a hook tells what they run */
};

struct pawl_pass;

/* The one more call: free, under way, or used up. */
enum pawl_summary_state { PAWL_SUMMARY_FREE, PAWL_SUMMARY_TAKEN, PAWL_SUMMARY_OVER };

struct pawl_gateway {
    struct pawl_gateway_options options; /* its texts are in the arena */
    struct pawl_arena arena;
    struct pawl_arena scratch; /* the JSON of what is being read; nothing stays in it */
    struct pawl_subject subject;
    char scope[512]; /* the session's, for messages */
    struct pawl_slice bases[PAWL_UPSTREAM_COUNT];
    struct pawl_slice providers[PAWL_UPSTREAM_COUNT]; /* as the price book names them */
    uint32_t modifiers[PAWL_UPSTREAM_COUNT];          /* what its host alone makes dearer */
    struct pawl_subscriptions subscriptions;
    struct pawl_subscription *used_up; /* WINDOW latched: whose window it was */
    struct pawl_escalation escalation;
    char baseline_told[PAWL_ESCALATION_MODEL_BYTES]; /* "": none yet */
    unsigned denied_tier; /* a person said no to this class; 0: to none */
    unsigned tier_asked;  /* of the question about a model; 0: there is none */
    char model_asked[PAWL_ESCALATION_MODEL_BYTES];
    struct pawl_estimator *estimator;
    struct pawl_fingerprint_key element_key; /* drawn for this gateway, and secret */
    struct pawl_previous previous;
    struct pawl_containers containers;
    struct pawl_tools tools;
    struct pawl_phases phases;
    int64_t input_largest;                       /* settled so far */
    int64_t promised[PAWL_ADMISSION_UNIT_COUNT]; /* G5: the sum over all calls */
    struct pawl_model_call *calls;
    struct pawl_model_call *pool; /* done, and kept for the next request */
    uint32_t pool_count;
    uint32_t flowing_count;   /* calls that have something to do with an upstream */
    uint32_t under_way_count; /* … and those that are about to: all that will give something back */
    uint32_t closing_count;   /* calls whose alarm is being closed */
    struct pawl_model_call *wait_head;
    struct pawl_model_call *wait_tail;
    uint32_t wait_count;
    bool pumping;
    struct pawl_pass *passes;
    bool latched;
    bool stopped;
    struct pawl_refusal_words latch;
    struct pawl_model_call *asking; /* held until somebody answers; first come first */
    bool asked;                     /* the question is open, … */
    enum pawl_question_kind about;  /* … and what it is about */
    enum pawl_summary_state summary;
    struct pawl_keep kept[PAWL_ADMISSION_UNIT_COUNT];      /* for it, while it is free */
    struct pawl_keep kept_last[PAWL_ADMISSION_UNIT_COUNT]; /* … before it was taken */
    struct pawl_buf summary_text;
    bool summary_cut;
    struct pawl_refusal_words summed_up; /* the latch that it stands before */
    struct pawl_limit_wait wait;         /* of calls that wait for a window; resets at 0: none do */
    uint32_t steps_told;                 /* of the ladder: a bit each that was taken, */
    uint32_t steps_missed;               /* … or was not to be had */
    bool exceeded;                       /* a call cost more than its hold */
    uint32_t too_big_running;            /* calls too big since the last admission, */
    bool stuck;                          /* … or its answer was cut short by its ceiling: */
    struct pawl_refusal_words stuck_at;  /* what to tell where nothing comes after that */
    struct pawl_gateway_counters counters;
    void (*idle)(void *arg);
    void *idle_arg;
    uint32_t settle_drain_ms; /* while settle_all is under way; 0: it is not */
};

/* --- gateway.c ------------------------------------------------------------------------------ */

int64_t pawl_gateway_now_us(const struct pawl_gateway *gateway);
void pawl_gateway_submit(struct pawl_gateway *gateway,
                         const struct pawl_command *command,
                         struct pawl_op *op);
/* What is left in each unit of a call, whatever its phase; returns the code that a reserve would
 * get now. */
uint16_t pawl_gateway_left(struct pawl_gateway *gateway,
                           struct pawl_admission_left ret_left[PAWL_ADMISSION_UNIT_COUNT],
                           struct pawl_denial *ret_denial);
/* The same in the call's phase. */
uint16_t pawl_gateway_left_in_phase(struct pawl_model_call *call,
                                    struct pawl_admission_left ret_left[PAWL_ADMISSION_UNIT_COUNT],
                                    struct pawl_denial *ret_denial);
/* The same for one unit, whatever the phase. */
struct pawl_admission_left pawl_gateway_left_of(struct pawl_gateway *gateway, uint16_t unit);
/* Whether a limit across runs is what binds: now, or at best. */
bool pawl_gateway_shared(struct pawl_gateway *gateway,
                         uint16_t unit,
                         bool at_best,
                         struct pawl_shared_limit *ret_shared);
/* Tells the authority what is kept of a unit. false: no limit across runs counts it; else what they
 * leave beside it. */
bool pawl_gateway_keep(struct pawl_gateway *gateway,
                       int unit,
                       int64_t *ret_free,
                       int64_t *ret_room);
/* Replaces what the call was promised beyond its hold; NULL: nothing any more. */
void pawl_gateway_promise(struct pawl_model_call *call, const int64_t *promised);
void pawl_gateway_wait(struct pawl_gateway *gateway, struct pawl_model_call *call);
void pawl_gateway_leave(struct pawl_gateway *gateway, struct pawl_model_call *call);
/* Something was given back, or the run was latched: lets in, or refuses, whoever stands first. */
void pawl_gateway_pump(struct pawl_gateway *gateway);
/* A call or a pass has ended. */
void pawl_gateway_check_idle(struct pawl_gateway *gateway);

/* --- refuse.c ------------------------------------------------------------------------------- */

/* Answers with a refusal once it is durable, and latches where the words say so. The call has
 * no hold. */
void pawl_refuse_call(struct pawl_model_call *call);
/* The same in mid-answer: the stream's last event, or the whole answer's replacement. The call
 * settles beside it. */
void pawl_refuse_cut(struct pawl_model_call *call);
/* The time has come for words that were kept back. The call may be gone then. */
void pawl_refuse_words_due(struct pawl_model_call *call);
/* A request that is no model call. */
void pawl_refuse_exchange(struct pawl_http_exchange *exchange,
                          struct pawl_gateway *gateway,
                          enum pawl_dialect dialect,
                          const struct pawl_refusal_words *words);

/* Pauses the session for the cap of that unit. */
void pawl_refuse_pause(struct pawl_model_call *call,
                       uint16_t unit,
                       void (*done)(struct pawl_model_call *, const struct pawl_result *));
/* Tells the owner of the gateway, where the words latch. */
void pawl_refuse_tell_latched(const struct pawl_gateway *gateway,
                              const struct pawl_refusal_words *words);

/* --- words.c -------------------------------------------------------------------------------- */

/* Fill in the message from what the words hold already. */
void pawl_words_admission(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          const struct pawl_admission *admission);
/* ". Run … is stopped; to go on: …": the command that helps, whole. */
void pawl_words_remedy(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
/* Where a limit across runs is what binds: its words and numbers in place of the run's own. `held`:
 * others hold the rest, for now. */
void pawl_words_limit(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      const struct pawl_shared_limit *shared,
                      bool held);
/* A smaller call would still fit into what the limit has left. */
void pawl_words_too_big_for_limit(struct pawl_refusal_words *words,
                                  const struct pawl_gateway *gateway,
                                  const struct pawl_admission *admission,
                                  const struct pawl_limit *limit);
/* With the line that adds a price, and the file that it belongs into. */
void pawl_words_window(struct pawl_refusal_words *words,
                       const struct pawl_gateway *gateway,
                       const struct pawl_subscription *subscription,
                       const struct pawl_quota_window *window);
void pawl_words_no_price(struct pawl_refusal_words *words,
                         const struct pawl_gateway *gateway,
                         struct pawl_slice model);
/* An answer that ended at its lowered ceiling. Unit and what is left are set. */
void pawl_words_cut_short(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          int64_t ceiling);
void pawl_words_tools_used_up(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
/* Of an amount in words. */
enum { PAWL_WORDS_AMOUNT_BYTES = 64 };
/* How much more would help: what is asked for, and what the words name. */
int64_t pawl_words_amount_to_ask(const struct pawl_refusal_words *words);
/* Nobody answered in time (0: nobody could be asked): how to say yes, and go on. */
void pawl_words_asked(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      uint32_t waited_ms);
/* What is used up, for calls that wait until it begins anew. */
void pawl_words_wait_limit(const struct pawl_refusal_words *words, struct pawl_limit_wait *out);
void pawl_words_wait_window(const struct pawl_subscription *subscription,
                            const struct pawl_quota_window *window,
                            struct pawl_limit_wait *out);
/* After the one more call. */
void pawl_words_summed_up(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
void pawl_words_denied(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
void pawl_words_set(struct pawl_refusal_words *words, const char *format, ...) PAWL_PRINTF(2, 3);
/* Appends to the message. */
void pawl_words_add(struct pawl_refusal_words *words, const char *text);

/* --- words_tools.c -------------------------------------------------------------------------- */

/* What tools of the provider have to do with it. */
void pawl_words_tools(struct pawl_model_call *call);

/* --- note.c --------------------------------------------------------------------------------- */

void pawl_note_reserve(const struct pawl_model_call *call, struct pawl_buf *out);
void pawl_note_settle(const struct pawl_model_call *call,
                      const struct pawl_meter_result *result,
                      const struct pawl_meter_bill *bill,
                      bool estimated,
                      struct pawl_buf *out);
void pawl_note_release(const struct pawl_model_call *call, struct pawl_buf *out);
void pawl_note_event(const struct pawl_model_call *call, uint32_t count, struct pawl_buf *out);
void pawl_note_refusal(const struct pawl_model_call *call,
                       const struct pawl_refusal_words *words,
                       struct pawl_buf *out);
/* A batch that is let through. */
void pawl_note_batch(const struct pawl_route *route, struct pawl_buf *out);
/* The numbers of a refusal, as the error body carries them. */
void pawl_note_details(const struct pawl_gateway *gateway,
                       const struct pawl_refusal_words *words,
                       struct pawl_buf *out);

/* --- pass.c --------------------------------------------------------------------------------- */

void pawl_pass_start(struct pawl_gateway *gateway,
                     struct pawl_http_exchange *exchange,
                     const struct pawl_route *route);
/* The same for a batch, which is counted and written down before it goes out. A run that was
 * stopped lets none through. */
void pawl_pass_start_batch(struct pawl_gateway *gateway,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_route *route);
/* Breaks off whatever is under way. */
void pawl_pass_abort_all(struct pawl_gateway *gateway);

#endif
