/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h: one request under way. A handler gets it with its route, who asks, the path's parameters
 * and the body as JSON; it answers once, by reply or by refuse, at once or from a continuation.
 * With the answer the call is gone, and its memory too.
 *
 *   handler ─► reads the body ─► submit(command, then) … then ─► reply
 *
 * Whatever an answer tells of the ledger waits until it is durable: of a change through submit (or
 * pawl_call_op for the registry's), of a read through barrier. An error waits by itself for all
 * that it could tell of, what a key may included, unless the call has waited already.
 *
 * Texts of the request and of the arena live until the answer. The continuation runs on the loop,
 * never inside submit or barrier.
 */
#ifndef PAWL_CYCLES_CALL_H
#define PAWL_CYCLES_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/json.h"
#include "base/slice.h"
#include "core/command.h"
#include "cycles/route.h"
#include "engine/authority.h"
#include "net/server.h"
#include "registry/registry.h"

struct pawl_call;
struct pawl_cycles;

typedef void pawl_call_fn(struct pawl_call *call);

enum pawl_error {
#define PAWL_ERROR(NAME, status, wire, meaning) PAWL_ERROR_##NAME,
#include "cycles/error.def"
#undef PAWL_ERROR
    PAWL_ERROR_COUNT
};
int pawl_error_status(enum pawl_error error);
const char *pawl_error_wire(enum pawl_error error);

/* The request's headers that mean something here; empty where one is not there. */
enum pawl_call_header {
    PAWL_CALL_HEADER_KEY,         /* X-Cycles-API-Key */
    PAWL_CALL_HEADER_ADMIN_KEY,   /* X-Admin-API-Key */
    PAWL_CALL_HEADER_IDEMPOTENCY, /* X-Idempotency-Key */
    PAWL_CALL_HEADER_TRACEPARENT,
    PAWL_CALL_HEADER_TRACE_ID, /* X-Cycles-Trace-Id */
    PAWL_CALL_HEADER_TYPE,     /* Content-Type */
    PAWL_CALL_HEADER_COUNT
};

enum {
    PAWL_CALL_REQUEST_ID_BYTES = 29, /* "req_" and 24 hexadecimal digits, NUL */
    PAWL_CALL_TRACE_ID_BYTES = 33,   /* 32 hexadecimal digits, NUL */
    PAWL_CALL_EXTRA_HEADERS_MAX = 4,
    PAWL_CALL_LEFT_OUT_MAX = 2
};

struct pawl_call {
    uint32_t magic;
    bool trusted;   /* it came through the administrator's own door */
    bool waited;    /* what it looked at is on disk: its operation was answered */
    uint8_t planes; /* that its listener serves: a set of enum pawl_plane */
    struct pawl_cycles *cycles;
    struct pawl_http_exchange *exchange;
    const struct pawl_http_request *request;
    struct pawl_arena *arena;
    const struct pawl_cycles_route *route; /* NULL: the host's own path */
    struct pawl_slice params[PAWL_ROUTE_PARAMS_MAX];
    struct pawl_slice headers[PAWL_CALL_HEADER_COUNT];
    struct pawl_principal principal; /* its texts are the call's own */
    bool has_body;
    struct pawl_json body; /* an object, with has_body */
    /* Values of free fields that are not in it, by their number among the shape's (leave_out.c). */
    struct pawl_slice left_out[PAWL_CALL_LEFT_OUT_MAX];
    int64_t now_us;   /* the ledger's time when the request came */
    int64_t began_us; /* since boot */
    char request_id[PAWL_CALL_REQUEST_ID_BYTES];
    char trace_id[PAWL_CALL_TRACE_ID_BYTES];
    struct pawl_http_header extra[PAWL_CALL_EXTRA_HEADERS_MAX]; /* of the answer */
    uint32_t extra_count;
    pawl_call_fn *then;
    void *state; /* the handler's, for its continuation */
    /* What the ledger was asked, with its result in op: for whoever counts. NULL: nothing that
     * spends, or not yet. */
    const struct pawl_command *asked;
    struct pawl_call *next;
    struct pawl_op op; /* op.result is the command's, in the continuation; not zeroed before */
};

/* Memory of the arena, zeroed; NULL when the request has used up its share: then the call was
 * answered already, and the handler returns. */
void *pawl_call_alloc(struct pawl_call *call, size_t bytes);
/* Whether all that was asked of the arena was there. What is put together in it (levels, texts,
 * the form that is hashed) is short otherwise, so this is asked before anything is done with it.
 * false: refused. */
PAWL_MUST_CHECK bool pawl_call_has_memory(struct pawl_call *call);

/* --- The ledger ----------------------------------------------------------------------------- */

struct pawl_engine *pawl_call_engine(const struct pawl_call *call);
struct pawl_registry *pawl_call_registry(const struct pawl_call *call);
struct pawl_archive *pawl_call_archive(const struct pawl_call *call);

/* Applies the command now; `then` runs when its result is durable. */
void pawl_call_submit(struct pawl_call *call,
                      const struct pawl_command *command,
                      pawl_call_fn *then);
/* `then` runs when all that was applied so far is durable. */
void pawl_call_barrier(struct pawl_call *call, pawl_call_fn *then);
/* The operation for whoever submits by himself (pawl_registry_put_…), prepared to run `then`. */
struct pawl_op *pawl_call_op(struct pawl_call *call, pawl_call_fn *then);
/* `then` runs in the next turn of the loop: for work that is done in pieces. */
void pawl_call_later(struct pawl_call *call, pawl_call_fn *then);

/* --- Answers -------------------------------------------------------------------------------- */

/* A header of the answer besides the usual ones. The texts are borrowed until the answer. */
void pawl_call_header(struct pawl_call *call, struct pawl_slice name, struct pawl_slice value);
/* Retry-After, and of a rate limit X-RateLimit-Reset. `seconds` >= 1. */
void pawl_call_retry_after(struct pawl_call *call, int64_t seconds);
/* The writer of the answer's body, empty. It is the server's one and only: nothing else may be
 * answered between this and reply. */
struct pawl_json_writer *pawl_call_json(struct pawl_call *call);
/* Sends what was written there. */
void pawl_call_reply(struct pawl_call *call, int status);
/* Sends other bytes, or none. */
void pawl_call_reply_bytes(struct pawl_call *call,
                           int status,
                           struct pawl_slice content_type,
                           struct pawl_slice body);
/* {error, message, request_id, trace_id}, and `details` where that is not empty: a JSON object. */
void pawl_call_refuse(struct pawl_call *call, enum pawl_error error, const char *format, ...)
    PAWL_PRINTF(3, 4);
void pawl_call_refuse_with(struct pawl_call *call,
                           enum pawl_error error,
                           struct pawl_slice details,
                           const char *format,
                           ...) PAWL_PRINTF(4, 5);
/* What the ledger refused, with the numbers behind it (docs/CYCLES.md). result->code is not OK. */
void pawl_call_refuse_result(struct pawl_call *call, const struct pawl_result *result);

/* --- Answers that wait for the disk (kept.c) -------------------------------------------------- */

/* Whether a call that has not waited yet could tell of something that is not on disk. */
PAWL_MUST_CHECK bool pawl_call_must_wait(const struct pawl_call *call);
/* Keeps an error and sends it when all that was applied so far is durable. */
void pawl_call_keep_error(struct pawl_call *call,
                          enum pawl_error error,
                          const char *message,
                          struct pawl_slice details);
/* Keeps what was written to pawl_call_json, for a continuation. Without memory for it, that will
 * say so. */
void pawl_call_keep(struct pawl_call *call, int status);
/* Keeps it and sends it when all that was applied so far is durable. */
void pawl_call_reply_read(struct pawl_call *call, int status);
/* Sends what was kept: a continuation. */
void pawl_call_send_kept(struct pawl_call *call);

/* Whether the caller is the administrator, by key or by door; else it was refused. For the host's
 * own paths; routes are checked before their handlers run. */
PAWL_MUST_CHECK bool pawl_call_admin_only(struct pawl_call *call);

#endif
