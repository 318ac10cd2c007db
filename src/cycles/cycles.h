/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles.h: the Cycles protocol over a ledger. A request comes in as an exchange of net's, is found
 * in one table (route.def), checked, turned into a command of the engine's, and answered when that
 * is durable. What the protocol's texts leave open, and what is done here: docs/CYCLES.md.
 *
 * The host owns the loop, the listeners, the engine, the registry and the archive. It hands over
 * requests with the *door* that they came by. All calls are made on the loop's thread.
 */
#ifndef PAWL_CYCLES_CYCLES_H
#define PAWL_CYCLES_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/server.h"

struct pawl_archive;
struct pawl_call;
struct pawl_cycles;
struct pawl_engine;
struct pawl_registry;

/* What a listener serves; BASE is always among it. */
enum pawl_plane {
    PAWL_PLANE_BASE = 1,
    PAWL_PLANE_RUNTIME = 2,
    PAWL_PLANE_GOVERNANCE = 4,
    PAWL_PLANE_BOTH = 6,
    PAWL_PLANE_ALL = 7
};

/* One answered request, for metrics and the access log. Texts are borrowed for the call. */
struct pawl_cycles_seen {
    const char *operation;    /* of route.def; "none" where no route was found */
    struct pawl_slice method; /* empty where the request could not be read (net's refusals) */
    struct pawl_slice path;
    int status;
    const char *error;        /* the code on the wire; NULL: none */
    const char *refusal;      /* the name of net's refusal (net/refusal.h); NULL: none */
    int64_t us;               /* from the handler's beginning to the answer; 0 for net's refusals */
    struct pawl_slice tenant; /* whose key it was, or empty */
    struct pawl_slice key_id; /* likewise; "admin" of the administrator */
    const char *request_id;
    const char *trace_id;
    const struct pawl_http_exchange *exchange; /* it knows who asks; NULL of net's refusals */
    const char *peer;                          /* who asked, of those; else NULL */
    /* Of an operation that the ledger answered: what it was asked, and its answer. Else NULL. */
    const struct pawl_command *asked;
    const struct pawl_result *result;
};

struct pawl_cycles_options {
    struct pawl_engine *engine; /* these three are borrowed and outlive it */
    struct pawl_registry *registry;
    struct pawl_archive *archive;
    struct pawl_clock clock; /* for durations and the Date header */
    /* Something was submitted, or there is more to do: the host calls pawl_cycles_turn and then
     * pawl_engine_turn at the end of this turn of the loop. Never NULL. */
    void (*turn_wanted)(void *arg);
    void *turn_arg;
    /* Once for every answered request. NULL: nobody. */
    void (*observe)(void *arg, const struct pawl_cycles_seen *seen);
    void *observe_arg;
    /* A tenant was closed, or told to be once more: the host gives back what it holds. NULL:
     * nobody. */
    void (*tenant_closed)(void *arg);
    void *tenant_closed_arg;
    /* A path that is in no route: the host's own, like metrics. It answers through call.h and
     * returns true, or false for 404. NULL: none. */
    bool (*other)(void *arg, struct pawl_call *call);
    void *other_arg;
    uint64_t settlement_bytes_max; /* of a settlement's body, where that is more than of others */
    uint32_t archive_wait_ms;      /* how long a list waits for the archive; 0: 5,000 */
};

PAWL_MUST_CHECK pawl_err pawl_cycles_new(const struct pawl_cycles_options *options,
                                         struct pawl_cycles **ret_cycles);
/* Every exchange was answered before: the engine is flushed or closed, the archive shut. */
void pawl_cycles_free(struct pawl_cycles *cycles);

/* One request, by whatever door. It says what the listener serves: a set of enum pawl_plane
 * (0: everything), and PAWL_DOOR_TRUSTED where whoever comes that way is the administrator without
 * a key, like the local socket's user. */
enum { PAWL_DOOR_TRUSTED = 256 };
void pawl_cycles_serve(struct pawl_cycles *cycles,
                       struct pawl_http_exchange *exchange,
                       uint32_t door);
/* Of an HTTP server whose `arg` is the pawl_cycles and whose listeners' tags are doors: net's own
 * refusals in the protocol's form, with its headers. */
void pawl_cycles_refusal(void *arg,
                         const struct pawl_http_refused *refused,
                         struct pawl_http_refusal_answer *answer);
/* How much of a body is taken, and from whom: of a settlement, from whoever may settle, as the
 * options say. A 413 would make clients drop what was spent; and who has no key must not fill the
 * memory. */
struct pawl_http_body_max
pawl_cycles_body_max(void *arg, const struct pawl_http_request *request, uint32_t listener);

/* Goes on with what takes more than one turn. */
void pawl_cycles_turn(struct pawl_cycles *cycles);
/* Whether something is left for the next one. */
bool pawl_cycles_has_more(const struct pawl_cycles *cycles);
/* From now on the readiness probe says no. */
void pawl_cycles_drain(struct pawl_cycles *cycles);
/* Requests that are not answered yet. */
uint32_t pawl_cycles_open_count(const struct pawl_cycles *cycles);

/* The table of routes, for metrics, docs and tests: number 0 and on; false: no more. */
struct pawl_cycles_route_view {
    const char *method;
    const char *path;
    const char *operation;
    uint32_t plane;
    const char *who;
    const char *permission;
};
PAWL_MUST_CHECK bool pawl_cycles_route_at(uint32_t number, struct pawl_cycles_route_view *ret_view);

#endif
