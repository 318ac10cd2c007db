/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.h: the LLM reverse proxy of one run: estimate, reserve, forward, meter, settle. It
 * is a handler for an HTTP server (net/server.h), spends through an authority, and calls
 * providers through an HTTP client. It belongs to one subject and one secret path; a server with
 * many runs makes many of them. docs/GATEWAY.md has the rules.
 *
 * Paths: "/<secret>/anthropic/…", "/<secret>/openai/…", "/<secret>/gemini/…", each with and
 * without "/v1". The segment after the secret fixes dialect and upstream. Anything without the
 * secret is 404 and says nothing.
 *
 * Everything runs on the loop's thread. Credentials and bodies pass through and are neither
 * logged nor kept.
 */
#ifndef PAWL_GATEWAY_GATEWAY_H
#define PAWL_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/command.h"
#include "engine/authority.h"
#include "gateway/escalation.h"
#include "gateway/estimate.h"
#include "gateway/limit.h"
#include "gateway/phase.h"
#include "gateway/price.h"
#include "gateway/subscription.h"
#include "gateway/upstream.h"
#include "net/client.h"
#include "net/server.h"

/* Why a call was refused or cut. */
enum pawl_refusal {
    PAWL_REFUSAL_SPENT,   /* latches: nothing useful fits any more */
    PAWL_REFUSAL_HELD,    /* parallel calls hold the rest; waited in vain */
    PAWL_REFUSAL_TOO_BIG, /* this call does not fit, a smaller one would; twice running latches */
    PAWL_REFUSAL_TOOL_CALLS,  /* latches: the answer held more tool calls than are left */
    PAWL_REFUSAL_ITERATIONS,  /* latches */
    PAWL_REFUSAL_LIMIT,       /* a limit across runs is spent: latches until it resets */
    PAWL_REFUSAL_DEADLINE,    /* latches */
    PAWL_REFUSAL_LATCHED,     /* the run is latched already, or paused by somebody */
    PAWL_REFUSAL_NO_PRICE,    /* unknown model under a hard cap */
    PAWL_REFUSAL_UNMETERED,   /* a path or a body that spends and that cannot be bounded */
    PAWL_REFUSAL_MODEL,       /* a dearer class of model than the run was begun with */
    PAWL_REFUSAL_IDLE,        /* nobody was seen for a while; latches when somebody says no */
    PAWL_REFUSAL_FORBIDDEN,   /* the policy doesn't allow what the body asks for */
    PAWL_REFUSAL_WINDOW,      /* latches: a window of the subscription is used up */
    PAWL_REFUSAL_BODY,        /* a model call whose body cannot be read */
    PAWL_REFUSAL_UPGRADE,     /* a websocket: 426 */
    PAWL_REFUSAL_STOPPED,     /* the run is being ended */
    PAWL_REFUSAL_UNREACHABLE, /* the provider did not answer: 502 */
    PAWL_REFUSAL_RUNAWAY,     /* a stream went far past its ceiling and was cut */
    PAWL_REFUSAL_LEDGER,      /* the ledger said no for a reason of its own */
    PAWL_REFUSAL_DENIED,      /* latches: a person was asked for more, and said no */
    PAWL_REFUSAL_PHASE,       /* the phase has nothing left; latches where it halts */
    PAWL_REFUSAL_COUNT
};
/* "spent", "held", …, as docs/GATEWAY.md has them. */
const char *pawl_refusal_name(enum pawl_refusal refusal);

struct pawl_gateway_latch {
    enum pawl_refusal refusal;
    uint16_t unit;        /* of the cap that fired; 0: none */
    int64_t asked;        /* of it, by the call that was refused */
    int64_t more;         /* of it, what would help */
    int64_t resets_at_us; /* LIMIT, WINDOW: when its window ends; 0: not by itself */
    const char *name;     /* LIMIT: what the limit is called; valid during the callback; else "" */
    const char *phase;    /* whose limit it is; NULL: the run's */
    const char *message;  /* the words that the client got; valid during the callback */
};

/* What a dearer class of model is judged by from now on (escalation.h). */
struct pawl_gateway_baseline {
    const char *model; /* valid during the callback */
    unsigned tier;
    bool approved; /* somebody let the run move to it; else it is what the run was begun with */
};

struct pawl_gateway_counters {
    uint64_t received;            /* model calls, whatever became of them */
    uint64_t calls;               /* model calls forwarded */
    uint64_t refusals;            /* answered by pawl itself, streams that it cut included */
    uint64_t refused_tools;       /* of them, tool calls that hooks asked about */
    uint64_t repeats;             /* of them, those that only repeated why the run is stopped */
    uint64_t passed;              /* free paths forwarded */
    uint64_t batches;             /* let through unmetered */
    uint64_t in_flight;           /* model calls that are not done yet, waiting ones included */
    int64_t overshoot_microcents; /* booked beyond what was left, in sum; normally 0 */
};

/* A tool call that its agent asks about before it runs it. */
struct pawl_gateway_verdict {
    bool allowed;
    bool goes_on;              /* where it is not: only this call is refused, the agent works on */
    enum pawl_refusal refusal; /* where it is not */
    uint16_t unit;             /* of the cap that fired; 0: none */
    const char *message;       /* for the agent and the person; valid during the callback */
};
typedef void pawl_gateway_verdict_fn(void *arg, const struct pawl_gateway_verdict *verdict);

struct pawl_gateway_question {
    struct pawl_slice id;    /* the call's; empty: it has none */
    struct pawl_slice tool;  /* its name */
    struct pawl_slice input; /* its arguments, JSON; empty: not known */
    pawl_gateway_verdict_fn *done;
    void *arg;
};

/* A call that was booked. The texts are valid during the callback. */
struct pawl_gateway_settled {
    uint64_t call;           /* the operation's number of its reserve */
    struct pawl_slice model; /* the one that answered, else the one that was asked for */
    struct pawl_slice who;   /* the sub-agent or side call; empty: the main conversation */
    int64_t microcents;
    int64_t tokens;
    uint32_t tool_calls;
    int64_t duration_us;
};

/* What a settled call taught about the model that it asked for (estimate.h). The name is valid
 * during the callback. */
struct pawl_gateway_lesson {
    enum pawl_upstream upstream;
    struct pawl_slice model;
    struct pawl_estimate_lesson lesson;
};

/* Which of the two ways to hold money for an answer may be chosen (docs/GATEWAY.md, "Two modes").
 */
enum pawl_gateway_modes {
    PAWL_GATEWAY_MODES_BOTH,    /* for each call, whichever suits it */
    PAWL_GATEWAY_MODES_CEILING, /* the first alone */
    PAWL_GATEWAY_MODES_EXTEND   /* the second wherever it is possible: to measure what it costs */
};

struct pawl_gateway_options {
    struct uv_loop_s *loop; /* borrowed, as are client, authority and prices */
    struct pawl_http_client *client;
    struct pawl_authority *authority;
    const struct pawl_price_book *prices;
    const char *secret;                         /* at least 128 bits, URL-safe; copied */
    const char *upstreams[PAWL_UPSTREAM_COUNT]; /* base URLs; NULL: the vendor's own; copied */
    const struct pawl_subject *subject;         /* copied with its texts */
    const char *run_id;                         /* for messages and the x-pawl-run header; copied */
    const char *run_words; /* the run in a command that is offered; NULL: its id. Copied */
    const char
        *prices_path;   /* where prices of one's own go, for messages; NULL: not known; copied */
    bool hard_cap;      /* what cannot be metered is refused, */
    bool allow_batches; /* … except batches, which are counted and noted */
    const char *policy; /* its name, for messages; NULL: none; copied */
    enum pawl_at_window at_window;
    struct pawl_hash_key account_key; /* of accounts' ids (subscription.h) */
    struct pawl_phase_options phases;
    enum pawl_escalation_mode escalation;
    const char *declared_model; /* that the run was begun with; NULL: none */
    bool no_server_tools;       /* tools that the provider runs are refused */
    enum pawl_gateway_modes modes;
    uint32_t patience_ms; /* how long a held call waits; 0: as long as its client does */
    uint32_t idle_ms;     /* how long not a byte may come from upstream; 0: 30 min */
    uint32_t drain_ms;    /* how long a call without its client is read on; 0: 30 s */
    /* The run latched (once each time), durably; a call was settled, durably. May be NULL. */
    void (*on_latched)(void *arg, const struct pawl_gateway_latch *latch);
    void (*on_settled)(void *arg, const struct pawl_gateway_settled *settled);
    /* A model call's answer has begun (`why` NULL), or there is none, and why. May be NULL. */
    void (*on_reach)(void *arg, enum pawl_upstream upstream, const char *why);
    struct pawl_limit_options limit;
    /* For the modes that need them; may be NULL. on_ask is called once for several calls that wait
     * together. */
    enum pawl_limit_answer (*on_ask)(void *arg, const struct pawl_limit_question *question);
    /* Whether nobody was seen for so long that a call must not go out without a word. May be NULL.
     */
    bool (*is_idle)(void *arg);
    /* Calls are held for a window, or none is any more (`wait` NULL). May be NULL. */
    void (*on_wait)(void *arg,
                    enum pawl_limit_wait_event event,
                    const struct pawl_limit_wait *wait);
    void (*on_summary)(void *arg, const struct pawl_limit_summary *summary);
    /* What the answer had said that was cut at the limit. */
    void (*on_partial)(void *arg, const struct pawl_limit_summary *partial);
    void (*on_step)(void *arg, const struct pawl_limit_step *step);
    /* It is known, or has moved; at once where a model is declared. May be NULL. */
    void (*on_baseline)(void *arg, const struct pawl_gateway_baseline *baseline);
    /* Something happened on an account, or nothing (then it is about to be judged): brings its
     * quota up to date with that and with what others did on it. NULL: it is this gateway's alone.
     */
    void (*on_account)(void *arg,
                       struct pawl_subscription *subscription,
                       const struct pawl_quota_news *news);
    /* For whoever keeps it for another gateway. May be NULL. */
    void (*on_lesson)(void *arg, const struct pawl_gateway_lesson *lesson);
    void *arg;
};

/* Whose prices count at an address: the provider that answers there, or, where that is nobody whom
 * the book knows, the vendor whose API it is. */
struct pawl_slice pawl_gateway_provider_of(const struct pawl_price_book *book,
                                           enum pawl_upstream upstream,
                                           struct pawl_slice base);

struct pawl_gateway;

PAWL_MUST_CHECK pawl_err pawl_gateway_new(const struct pawl_gateway_options *options,
                                          struct pawl_gateway **ret_gateway);
/* For pawl_http_server_options.handler, with the gateway as its arg. */
void pawl_gateway_handle(void *arg, struct pawl_http_exchange *exchange);
/* The last thing that a client was told is that its call is too big, or that a limit is reached,
 * which has more again by now; or its last answer ended at a ceiling that was lowered for the
 * budget; and nothing was let through since: an agent that fails then was stopped by its cap. The
 * message lives as long as the gateway. false: something else. */
PAWL_MUST_CHECK bool pawl_gateway_stuck(const struct pawl_gateway *gateway,
                                        struct pawl_gateway_latch *ret_latch);
/* From now on every model call is refused with the words, waiting ones first; what is under way
 * goes on. */
void pawl_gateway_stop(struct pawl_gateway *gateway,
                       enum pawl_refusal refusal,
                       const char *message);
/* Lifts the latch (and a stop) after an approval gave more. The session is the caller's to
 * resume. */
void pawl_gateway_unlatch(struct pawl_gateway *gateway);
/* The same where nobody gave more and there is some again by itself. Whether the agent heeds that
 * shows when it calls again: until then it is stuck at what it was told. */
void pawl_gateway_go_on(struct pawl_gateway *gateway);
/* Whether a tool may run: refused when the run is stopped; else allowed, and counted unless the
 * answer that asked for it was counted already. `done` is called once, at once or when it is
 * durable. */
void pawl_gateway_ask_tool(struct pawl_gateway *gateway,
                           const struct pawl_gateway_question *question);
/* The question was about a model, and answered with yes: its class is the run's from here on. An
 * unlatch has to follow. */
void pawl_gateway_allow_model(struct pawl_gateway *gateway);
/* The question was answered with no: whoever waits for it is refused, and the run latches. */
void pawl_gateway_deny(struct pawl_gateway *gateway);
/* The question stands, but nobody could be told of it: whoever waits is refused with words that do.
 */
void pawl_gateway_untold(struct pawl_gateway *gateway);
/* The run was stopped by a window that is used up, and that is over. An unlatch should follow. */
bool pawl_gateway_window_is_over(struct pawl_gateway *gateway);
/* Calls that are held for a window are judged again. true: some still are. */
bool pawl_gateway_look_at_windows(struct pawl_gateway *gateway);
/* The one more call that sums up is under way. */
bool pawl_gateway_summarizing(const struct pawl_gateway *gateway);
/* Something may fit that did not before: calls that wait are judged again. */
void pawl_gateway_retry(struct pawl_gateway *gateway);
/* Calls `idle` when nothing is in flight any more: calls whose client has gone are drained for at
 * most `drain_ms` from now, then booked by estimate. */
void pawl_gateway_settle_all(struct pawl_gateway *gateway,
                             uint32_t drain_ms,
                             void (*idle)(void *arg),
                             void *arg);
struct pawl_gateway_counters pawl_gateway_counters(const struct pawl_gateway *gateway);
/* How good the bounds for the input of each model's newest calls were; returns how many models. */
uint32_t pawl_gateway_estimates(const struct pawl_gateway *gateway,
                                struct pawl_estimate_error ret_errors[PAWL_ESTIMATE_MODELS]);
/* What another gateway learned, before the first call: oldest first. */
void pawl_gateway_teach(struct pawl_gateway *gateway,
                        struct pawl_slice model,
                        const struct pawl_estimate_lesson *lesson);
/* Whether anything is under way to or from an upstream: for pawl_engine_options.flowing. */
bool pawl_gateway_flowing(const struct pawl_gateway *gateway);
/* After settle_all has said `idle`, or when no request ever came. NULL is allowed. */
void pawl_gateway_free(struct pawl_gateway *gateway);

#endif
