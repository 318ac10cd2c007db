/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_priv.h: what the files of the gateway proper share: the gateway, a model call, and who
 * does what with it.
 *
 *   gateway.c       life of the gateway, dispatch, latch, line of waiting calls
 *   call.c          a call's states and its memory
 *   call_admit.c    RECEIVED … RESERVING: read, price, estimate, admit, wait, reserve
 *   call_forward.c  FORWARDING … DRAINING: the request upstream, and how long it is waited for
 *   call_answer.c   the answer's head, what it is, and its end
 *   call_stream.c   events one by one: hide, count, gate tool calls
 *   call_tools.c    tool calls, in answers and at hooks
 *   phase.c         which phase a call is in, and where its conversation goes on
 *   phase_limit.c   a phase at its limit
 *   call_hold.c     what a stream holds while it flows: grow or cut
 *   call_settle.c   SETTLING: what is booked
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

#include "base/arena.h"
#include "base/buf.h"
#include "gateway/admission.h"
#include "gateway/alarm.h"
#include "gateway/attribution.h"
#include "gateway/coding.h"
#include "gateway/estimate.h"
#include "gateway/gateway.h"
#include "gateway/items.h"
#include "gateway/meter.h"
#include "gateway/previous.h"
#include "gateway/request.h"
#include "gateway/route.h"
#include "gateway/sse.h"
#include "gateway/tool_reader.h"

enum {
    PAWL_MODEL_CALL_MAGIC = 0x6d63616c,
    PAWL_PASS_MAGIC = 0x70617373,
    PAWL_LEASE_MS = 10 * 60 * 1000, /* of a hold; prolonged by half at each half */
    PAWL_DRAIN_MS = 30 * 1000,
    PAWL_WORDS_MS = 200, /* before last words that must be read alone */
    PAWL_ANSWER_BYTES_MAX = 64 << 20,
    PAWL_BODY_BYTES_MAX = 64 << 20,
    PAWL_URL_BYTES_MAX = 64 << 10,
    PAWL_POOL_CALLS_MAX = 64,
    PAWL_POOL_BYTES_MAX = 256 << 10, /* of each buffer and arena that a call keeps */
    PAWL_MESSAGE_BYTES = 512,
    PAWL_PARTIAL_BYTES_MAX = 512 << 10, /* of events that are kept until an answer has ended */
    PAWL_TOOL_IDS_MAX = 512             /* of calls in answers that wait for their hooks */
};

enum pawl_model_call_state {
    PAWL_MODEL_CALL_RECEIVED,
    PAWL_MODEL_CALL_WAITING,
    PAWL_MODEL_CALL_ASKING,
    PAWL_MODEL_CALL_RESERVING,
    PAWL_MODEL_CALL_FORWARDING,
    PAWL_MODEL_CALL_STREAMING,
    PAWL_MODEL_CALL_DRAINING,
    PAWL_MODEL_CALL_SETTLING,
    PAWL_MODEL_CALL_REFUSING,
    PAWL_MODEL_CALL_DONE,
    PAWL_MODEL_CALL_STATE_COUNT
};

/* How a call ended; names in note.c and docs/CONTRACTS.md. */
enum pawl_call_end {
    PAWL_END_COMPLETE,
    PAWL_END_CLIENT_GONE,
    PAWL_END_UPSTREAM_GONE,
    PAWL_END_CUT,
    PAWL_END_ERROR,
    PAWL_END_UNKNOWN,
    PAWL_END_COUNT
};

/* What a refusal says. */
struct pawl_refusal_words {
    enum pawl_refusal refusal;
    uint16_t unit; /* 0: none */
    struct pawl_admission_left left;
    int64_t asked; /* of the unit */
    int64_t fits;  /* of it, what is free */
    /* A limit across runs, where that is what there is too little of. */
    const char *window; /* "calendar", "fixed"; NULL: it is the run's own */
    char limit_name[PAWL_LIMIT_NAME_BYTES];
    bool latches;
    const char *phase; /* NULL: it is not about one */
    bool final; /* asking again leads to the same, where the kind of refusal does not say so */
    char message[PAWL_MESSAGE_BYTES];
};

/* A hook's question (call_tools.c); `done` is NULL for every other call. */
struct pawl_asked {
    struct pawl_slice id;
    struct pawl_slice tool;
    struct pawl_slice input;
    pawl_gateway_verdict_fn *done;
    void *arg;
};

/* Tool calls that were counted in answers. */
struct pawl_tools {
    uint64_t ids[PAWL_TOOL_IDS_MAX]; /* hashes, the oldest overwritten; 0: none */
    uint32_t next;
    int64_t unclaimed; /* without an id, that no hook has asked for */
    bool scripts;      /* … and may be scripts, so that only a hook tells what they run */
};

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

/* One operation in the ledger on behalf of a call. */
struct pawl_call_op {
    struct pawl_op op;
    struct pawl_model_call *call;
    void (*done)(struct pawl_model_call *call, const struct pawl_result *result);
    bool open;
};

/* What happens to the bytes of an answer. */
enum pawl_answer_kind {
    PAWL_ANSWER_NONE,   /* no head yet */
    PAWL_ANSWER_UNREAD, /* metered; its first bytes will say which of the next two it is */
    PAWL_ANSWER_WHOLE,  /* metered, in one piece */
    PAWL_ANSWER_STREAM, /* metered, event by event */
    PAWL_ANSWER_ERROR,  /* not 2xx: passed on unchanged in one piece */
    PAWL_ANSWER_OPAQUE  /* in a coding that is not known: passed on unread */
};

/* What a call keeps when it is used again for another request: memory, and its timer. */
struct pawl_call_store {
    struct pawl_alarm *alarm;  /* patience, then the lease, then last words and the drain */
    struct pawl_arena arena;   /* as long as the call */
    struct pawl_buf body;      /* decoded, where the request was coded */
    struct pawl_buf forwarded; /* the body as it goes upstream */
    struct pawl_buf decoded;   /* of the answer: what came last; in one piece: all of it */
    struct pawl_buf url;
    struct pawl_buf note; /* metadata of the operation that is being made */
    struct pawl_buf settle_note;
};

struct pawl_answer {
    enum pawl_answer_kind kind;
    int status;
    struct pawl_http_header *headers; /* what goes to the client; in the call's arena */
    size_t header_count;
    struct pawl_decoder *decoder; /* NULL: identity */
    struct pawl_sse sse;
    struct pawl_meter meter;
    bool meter_made;
    struct pawl_tool_reader tools;
    uint32_t rate;           /* enum pawl_usage_modifier, as its head says or as it was asked for */
    bool items;              /* a stream of the items of a JSON list, not of events */
    bool any_item;           /* one went to the client */
    struct pawl_items list;  /* their reader */
    bool labelled_stream;    /* its head calls it one */
    bool begun;              /* the head was sent to the client */
    bool hide_usage;         /* usage was asked for on the client's behalf */
    bool line_open;          /* what was forwarded last ended inside a line */
    bool client_slow;        /* the client's queue is full */
    bool gated;              /* an EVENT is open: nothing is forwarded until it is durable */
    struct pawl_buf gate;    /* the event that waits for it */
    struct pawl_buf seen;    /* the first events, for the case that it is cut (summary.c) */
    struct pawl_buf pending; /* bytes that came behind it, not read yet */
    bool ended;              /* upstream is done, and the rest waits behind the gate */
    bool ended_well;
    uint32_t tool_calls;    /* counted in the ledger */
    int64_t first_event_us; /* monotonic; 0: none yet */
    int64_t last_event_us;
};

struct pawl_model_call {
    uint32_t magic; /* 0 in the pool */
    enum pawl_model_call_state state;
    struct pawl_gateway *gateway;
    struct pawl_model_call *next; /* in the list of all calls */
    struct pawl_model_call *prev;
    struct pawl_model_call *wait_next; /* in the line of waiting ones, or of asking ones */
    struct pawl_http_exchange *exchange;
    bool client_gone;
    struct pawl_route route;
    struct pawl_model_request request;
    struct pawl_slice agent; /* the client's name for itself */
    struct pawl_attribution who;
    struct pawl_asked asked;
    struct pawl_slice degraded_from; /* the model that was asked for, where another one is called */
    bool summary;                    /* this is the one more call at the limit */
    bool resumes;                    /* ASKING: until its window begins anew */
    enum pawl_question_kind gate;    /* ASKING: what about, where it is not for more */
    struct pawl_subscription *subscription; /* it goes out on; NULL: not known */
    struct pawl_quota_amount quota_before;  /* booked on that account when it went out, … */
    int64_t quota_us;                       /* … and when that was */
    uint32_t told_count;                    /* windows that its head told of, taken at its end */
    struct pawl_vendor_window told[PAWL_VENDOR_WINDOWS_MAX];
    struct pawl_slice provider;
    bool priced;
    struct pawl_price price;
    struct pawl_estimate estimate;
    struct pawl_estimate_mark mark;
    int phase;
    bool by_hand;      /* in that phase */
    int tool_phase;    /* of the tools that its answer asks for; PHASE_NONE: they say nothing */
    int event_phase;   /* of those that are counted next */
    int refused_phase; /* of a tool that may not run; BASE: none */
    int asked_phase;   /* ASKING: which phase it waits for, where `gate` is PHASE */
    uint64_t thread;   /* over all its messages, */
    uint32_t thread_messages; /* … of which there are so many */
    int64_t kept_tokens; /* of input that the provider keeps, beside the body's; -1: nobody knows */
    struct pawl_admission_query query;
    struct pawl_admission admission;
    uint32_t reserve_attempts;
    uint64_t hold;
    /* Upstream */
    struct pawl_http_call *upstream;
    struct pawl_answer answer;
    /* Growing (extend mode) */
    int64_t promised[PAWL_ADMISSION_UNIT_COUNT]; /* G5 */
    int64_t output_held;
    bool outran;        /* cut, for being beyond what is held */
    int64_t grow_at;    /* visible tokens at which more is asked for */
    int64_t grow_asked; /* by the operation under way; -1: nothing more is to be had */
    struct pawl_amount grow_lines[PAWL_ADMISSION_UNIT_COUNT];
    uint32_t grow_line_count;
    /* End */
    enum pawl_call_end end;
    char why[128];
    struct pawl_refusal_words words; /* of the refusal under way, or of a cut */
    bool words_due;                  /* they are written down, and told when the alarm rings */
    bool cut; /* the client gets the refusal and nothing more; upstream may be read on */
    int64_t overshoot;
    bool booked;    /* the settlement is durable */
    bool corrected; /* … as a correction, since the lease had ended */
    uint32_t settled_lines;
    struct pawl_amount settled[PAWL_ADMISSION_UNIT_COUNT];
    int64_t started_us; /* monotonic */
    int64_t sent_us;
    int64_t head_us;
    uint32_t open_ops;
    /* From here on nothing is cleared between two requests. */
    struct pawl_call_store store;
    struct pawl_call_op main_op;  /* RESERVE, then COMMIT, CORRECT or RELEASE */
    struct pawl_call_op note_op;  /* NOTE */
    struct pawl_call_op pause_op; /* SESSION_SET, when the refusal latches */
    struct pawl_call_op lease_op; /* EXTEND */
    struct pawl_call_op grow_op;  /* GROW */
    struct pawl_call_op event_op; /* EVENT */
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

/* --- call.c --------------------------------------------------------------------------------- */

void pawl_model_call_start(struct pawl_gateway *gateway,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_route *route);
/* A request that is no model call and is refused: as a call that ends at once, since its note is to
 * be durable before it is answered. */
void pawl_model_call_refuse(struct pawl_gateway *gateway,
                            struct pawl_http_exchange *exchange,
                            enum pawl_dialect dialect,
                            const struct pawl_refusal_words *words);
/* A call without an exchange, which stays until it is let go. NULL: no memory. */
struct pawl_model_call *pawl_model_call_begin(struct pawl_gateway *gateway);
void pawl_model_call_begun(struct pawl_model_call *call);
struct pawl_model_call *pawl_model_call_of(struct pawl_http_exchange *exchange);
void pawl_model_call_move(struct pawl_model_call *call, enum pawl_model_call_state state);
/* Moves to DONE, and lets the call go as soon as G4 allows. The exchange must be answered. */
void pawl_model_call_done(struct pawl_model_call *call);
/* After the last use of a call that may be DONE by now. */
void pawl_model_call_release(struct pawl_model_call *call);
/* The body was read, and nothing in the scratch arena is needed any more. */
void pawl_model_call_forget_scratch(struct pawl_model_call *call);
/* Frees what is in the pool; the alarms close in a later turn. */
void pawl_model_call_empty_pool(struct pawl_gateway *gateway);
void pawl_model_call_submit(struct pawl_model_call *call,
                            struct pawl_call_op *op,
                            const struct pawl_command *command,
                            void (*done)(struct pawl_model_call *, const struct pawl_result *));
void pawl_model_call_set_timer(struct pawl_model_call *call, uint64_t ms);
/* Breaks off the upstream call, if there is one; nothing more is heard of it. */
void pawl_model_call_let_go(struct pawl_model_call *call);
/* Ends the exchange, if it is still open, as a connection that broke. */
void pawl_model_call_abort_exchange(struct pawl_model_call *call);

/* --- call_admit.c --------------------------------------------------------------------------- */

void pawl_model_call_receive(struct pawl_model_call *call);
/* Out of the line, whatever comes next. */
void pawl_model_call_step_out(struct pawl_model_call *call);
/* Admits, waits or refuses. true unless it waits. */
bool pawl_model_call_admit(struct pawl_model_call *call);
void pawl_model_call_out_of_patience(struct pawl_model_call *call);
/* How long its client waits for the head of an answer. */
uint32_t pawl_model_call_patience_ms(const struct pawl_model_call *call);
/* A call that was held for a person or for a window is judged as if it had just come. */
void pawl_model_call_judge_again(struct pawl_model_call *call);
/* Judges the one more call at the limit; false: not even it fits. */
bool pawl_model_call_admit_summary(struct pawl_model_call *call);

/* --- call_forward.c ------------------------------------------------------------------------- */

void pawl_model_call_forward(struct pawl_model_call *call);
/* The client has gone: read on for the bill. */
void pawl_model_call_drain(struct pawl_model_call *call);
void pawl_model_call_drained(struct pawl_model_call *call);
/* From now on anew. */
void pawl_model_call_time_drain(struct pawl_model_call *call);
void pawl_model_call_prolong(struct pawl_model_call *call);
/* Reads on where nothing holds it back. */
void pawl_model_call_resume(struct pawl_model_call *call);

/* --- call_answer.c -------------------------------------------------------------------------- */

/* What hears of the answer. */
struct pawl_http_call_events pawl_model_call_answer_events(struct pawl_model_call *call);
/* Words for a 502: what went wrong, and why. */
void pawl_model_call_unreachable(struct pawl_model_call *call, const char *what, const char *why);
/* Sends the head of the answer, with a body whose length is not known. */
void pawl_model_call_begin_answer(struct pawl_model_call *call);
/* A whole answer with the upstream's head. */
void pawl_model_call_reply(struct pawl_model_call *call, struct pawl_slice body);

/* --- call_stream.c -------------------------------------------------------------------------- */

/* Bytes of a stream. false: stop reading for now. */
bool pawl_model_call_stream(struct pawl_model_call *call, struct pawl_slice bytes);
/* The stream has ended upstream, well or not. */
void pawl_model_call_stream_ended(struct pawl_model_call *call, bool well);
/* Whether its events are read. */
bool pawl_model_call_flowing(const struct pawl_model_call *call);
/* Ends the answer here, upstream too, and books what was seen. The words are set. */
void pawl_model_call_cut(struct pawl_model_call *call);
/* Asks the ledger for `count` tool calls of an answer in one piece, then goes on with the reply. */
void pawl_model_call_count_tools(struct pawl_model_call *call, uint32_t count);

/* --- call_tools.c ---------------------------------------------------------------------------- */

/* An event or a whole answer with `count` tool calls in it is about to be counted. */
void pawl_tools_seen(struct pawl_model_call *call, struct pawl_slice json_text, uint32_t count);
void pawl_tools_submit(struct pawl_model_call *call,
                       uint32_t count,
                       void (*done)(struct pawl_model_call *, const struct pawl_result *));
/* Whether there is a cap on them. */
bool pawl_tools_bound(const struct pawl_model_call *call);
/* Words for a result that is not OK. */
void pawl_tools_refuse(struct pawl_model_call *call, const struct pawl_result *result);
/* Judges a hook's question again that has waited. */
void pawl_tools_judge_again(struct pawl_model_call *call);
/* Tells the hook the words. */
void pawl_tools_answer(struct pawl_model_call *call);

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
/* What to ask for: half of the ceiling again, in whole cents, minutes, or what there is one of. */
int64_t pawl_phase_amount_to_ask(uint16_t unit, int64_t limit);
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

/* --- call_hold.c ---------------------------------------------------------------------------- */

/* After each event: grows the hold, or cuts the stream. */
void pawl_model_call_look_after_hold(struct pawl_model_call *call);
/* What was seen has probably so many tokens, be it beyond what is held. */
int64_t pawl_model_call_likely_tokens(const struct pawl_model_call *call);

/* --- call_settle.c -------------------------------------------------------------------------- */

/* Books what the call cost, or releases its hold where nothing was used. */
void pawl_model_call_settle(struct pawl_model_call *call, enum pawl_call_end end);
void pawl_model_call_release_hold(struct pawl_model_call *call, enum pawl_call_end end);
/* Output from above, for what was seen and the time that it took; at most what is held, but for a
 * stream that was cut for being beyond that. */
int64_t pawl_model_call_output_seen(const struct pawl_model_call *call);
/* DONE, once it is booked and answered. */
void pawl_model_call_try_finish(struct pawl_model_call *call);

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

/* --- words.c -------------------------------------------------------------------------------- */

/* Fill in the message from what the words hold already. */
void pawl_words_admission(struct pawl_refusal_words *words,
                          const struct pawl_gateway *gateway,
                          const struct pawl_admission *admission);
/* Where a limit across runs is what binds: its words and numbers in place of the run's own. `held`:
 * others hold the rest, for now. */
void pawl_words_limit(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      const struct pawl_shared_limit *shared,
                      bool held);
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
/* "--add-usd 0.75": so much more, as an option. */
enum { PAWL_WORDS_AMOUNT_BYTES = 64 };
const char *
pawl_words_more_of(uint16_t unit, int64_t value, char out[static PAWL_WORDS_AMOUNT_BYTES]);
/* How much more would help: what is asked for, and what the words name. */
int64_t pawl_words_amount_to_ask(const struct pawl_refusal_words *words);
/* Nobody answered in time (0: nobody could be asked): how to say yes, and go on. */
void pawl_words_asked(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      uint32_t waited_ms);
/* After the one more call. */
void pawl_words_summed_up(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
void pawl_words_denied(struct pawl_refusal_words *words, const struct pawl_gateway *gateway);
void pawl_words_set(struct pawl_refusal_words *words, const char *format, ...) PAWL_PRINTF(2, 3);
/* Appends to the message. */
void pawl_words_add(struct pawl_refusal_words *words, const char *text);

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
