/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_priv.h: a model call, from its request to what is booked for it; gateway_priv.h says which
 * file does what, and what holds of every call.
 */
#ifndef PAWL_GATEWAY_CALL_PRIV_H
#define PAWL_GATEWAY_CALL_PRIV_H

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
#include "gateway/visible.h"

struct pawl_gateway;

enum {
    PAWL_MODEL_CALL_MAGIC = 0x6d63616c,
    PAWL_PASS_MAGIC = 0x70617373,
    PAWL_LEASE_MS = 10 * 60 * 1000, /* of a hold; prolonged by half at each half */
    PAWL_DRAIN_MS = 30 * 1000,
    PAWL_LINGER_MS = 2000, /* between a stream's last event and its end */
    PAWL_ANSWER_BYTES_MAX = 64 << 20,
    PAWL_BODY_BYTES_MAX = 64 << 20,
    PAWL_URL_BYTES_MAX = 64 << 10,
    PAWL_POOL_CALLS_MAX = 64,
    PAWL_POOL_BYTES_MAX = 256 << 10, /* of each buffer and arena that a call keeps */
    PAWL_MESSAGE_BYTES = 1024,
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
    struct pawl_visible visible; /* of a stream under a hard cap: what it says */
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
    bool had_all; /* it went behind the stream's last event, as Codex does */
    struct pawl_route route;
    struct pawl_model_request request;
    struct pawl_slice agent; /* the client's name for itself */
    struct pawl_attribution who;
    struct pawl_asked asked;
    struct pawl_slice degraded_from; /* the model that was asked for, where another one is called */
    bool summary;                    /* this is the one more call at the limit */
    bool resumes;                    /* ASKING: until its window begins anew */
    bool waits;                      /* … or it did, and has neither gone out nor been refused */
    enum pawl_question_kind gate;    /* ASKING: what about, where it is not for more */
    struct pawl_subscription *subscription; /* it goes out on; NULL: not known */
    bool on_record;                         /* its hold says so, and counts on its windows */
    struct pawl_quota_amount quota_before;  /* booked on that account when it went out, … */
    int64_t quota_us;                       /* … and when that was */
    uint32_t told_count;                    /* windows that its head told of, taken at its end */
    struct pawl_vendor_window told[PAWL_VENDOR_WINDOWS_MAX];
    struct pawl_slice provider;
    bool priced;
    struct pawl_price price;
    bool pictures_priced;
    struct pawl_price pictures_price; /* of what a tool of the provider's draws with */
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
    bool covered_more;     /* output, by what the input did not need of the hold */
    bool outran;           /* cut, for being beyond what is held */
    int64_t grow_at;       /* visible tokens at which more is asked for */
    int64_t denied_at;     /* the same when nothing more was to be had; 0: it always was */
    int64_t looked_tokens; /* when they were counted last, */
    int64_t looked_bytes;  /* … and of how much text that was */
    int64_t told_tokens;   /* by the provider's last report in the stream, */
    int64_t told_bytes;    /* … and of how much text */
    int64_t grow_asked;    /* by the operation under way; -1: nothing more is to be had */
    struct pawl_amount grow_lines[PAWL_ADMISSION_UNIT_COUNT];
    uint32_t grow_line_count;
    /* End */
    enum pawl_call_end end;
    char why[128];
    struct pawl_refusal_words words; /* of the refusal under way, or of a cut */
    bool words_due;                  /* they are written down, and told when the alarm rings, */
    uint32_t words_said;             /* … not for the first time, if this is above 0 */
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

/* --- call_receive.c ------------------------------------------------------------------------- */

void pawl_model_call_receive(struct pawl_model_call *call);
/* A call that was held for a person or for a window is judged as if it had just come. */
void pawl_model_call_judge_again(struct pawl_model_call *call);
/* The bound of all that goes in. */
int64_t pawl_model_call_input_bound(const struct pawl_model_call *call);

/* --- call_admit.c --------------------------------------------------------------------------- */

/* Out of the line, whatever comes next. */
void pawl_model_call_step_out(struct pawl_model_call *call);
/* Whether it was refused since the run is stopped, and it cannot be the call that sums up. */
bool pawl_model_call_refuse_when_latched(struct pawl_model_call *call);
/* In line, behind those who came before. */
void pawl_model_call_wait(struct pawl_model_call *call);
/* Admits, waits or refuses. true unless it waits. */
bool pawl_model_call_admit(struct pawl_model_call *call);
void pawl_model_call_out_of_patience(struct pawl_model_call *call);
/* How long its client waits for the head of an answer. */
uint32_t pawl_model_call_patience_ms(const struct pawl_model_call *call);
/* Judges the one more call at the limit; false: not even it fits. */
bool pawl_model_call_admit_summary(struct pawl_model_call *call);

/* --- call_forward.c ------------------------------------------------------------------------- */

void pawl_model_call_forward(struct pawl_model_call *call);
/* The client has gone: read on for the bill. */
void pawl_model_call_drain(struct pawl_model_call *call);
void pawl_model_call_drained(struct pawl_model_call *call);
/* A stream's last event is here, and with the client; nothing is missing but its end. */
bool pawl_model_call_has_all(const struct pawl_model_call *call);
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

/* --- call_hold.c ---------------------------------------------------------------------------- */

/* After each event: grows the hold, or cuts the stream. */
void pawl_model_call_look_after_hold(struct pawl_model_call *call);
/* Tokens of what was seen, be it beyond what is held. */
int64_t pawl_model_call_tokens_so_far(struct pawl_model_call *call, enum pawl_estimate_side side);

/* --- call_settle.c -------------------------------------------------------------------------- */

/* Books what the call cost, or releases its hold where nothing was used. */
void pawl_model_call_settle(struct pawl_model_call *call, enum pawl_call_end end);
void pawl_model_call_release_hold(struct pawl_model_call *call, enum pawl_call_end end);
/* Output from above, for what was seen and the time that it took; at most what is held, but for a
 * stream that was cut for being beyond that. */
int64_t pawl_model_call_output_seen(struct pawl_model_call *call);
/* DONE, once it is booked and answered. */
void pawl_model_call_try_finish(struct pawl_model_call *call);
/* A status that says there is no content: the prompt may have been read, nothing was written. */
bool pawl_settle_no_content(const struct pawl_model_call *call);

/* --- call_settle_learn.c -------------------------------------------------------------------- */

/* For later calls: of one that the provider has counted, which is no summary. */
void pawl_settle_learn(struct pawl_model_call *call,
                       const struct pawl_meter_result *result,
                       const struct pawl_meter_bill *bill);
/* Whether the answer ended at the ceiling that went out: a provider may have a lower one. */
bool pawl_settle_ended_at_ceiling(const struct pawl_model_call *call,
                                  const struct pawl_meter_result *result);

/* --- call_settle_tools.c -------------------------------------------------------------------- */

/* What tools used is reported at the end of an answer: what was held for them. */
void pawl_settle_complete_tools(const struct pawl_model_call *call,
                                struct pawl_meter_result *result);
/* The time in containers stands in no answer; which there were, its items show. */
void pawl_settle_add_containers(struct pawl_model_call *call, struct pawl_meter_result *result);
/* What a later call reads that goes on from this answer: all of it, and its pictures, which are
 * not in its usage. */
int64_t pawl_settle_kept_tokens(const struct pawl_model_call *call,
                                const struct pawl_meter_result *result);
/* Pictures are billed beside the usage. Where they are not told, as many as show are booked at the
 * most that one may cost; of an answer that was not understood, as many as were held. true: with
 * an estimate. */
bool pawl_settle_add_pictures(const struct pawl_model_call *call, struct pawl_meter_result *result);

#endif
