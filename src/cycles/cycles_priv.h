/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles_priv.h: what the files of this folder share that is no handler's business: the server's
 * own state, and the steps of a call's life (cycles.c, call.c, auth.c, trace.c, refuse.c).
 */
#ifndef PAWL_CYCLES_CYCLES_PRIV_H
#define PAWL_CYCLES_CYCLES_PRIV_H

#include "base/buf.h"
#include "base/json.h"
#include "base/prng.h"
#include "core/codec.h"
#include "cycles/call.h"
#include "cycles/cycles.h"
#include "journal/record.h"

enum {
    PAWL_CYCLES_MAGIC = 0x6379636c,
    PAWL_CYCLES_CALL_MAGIC = 0x63796361,
    PAWL_CYCLES_SPARE_CALLS_MAX = 1024,
    PAWL_CYCLES_BODY_BYTES_MAX = 64 << 20, /* of an answer */
    PAWL_CYCLES_NODES_MAX = 65536,         /* of a request's JSON */
    PAWL_CYCLES_DEPTH_MAX = 64,            /* likewise */
    PAWL_CYCLES_ARCHIVE_WAIT_MS = 5000,
    PAWL_CYCLES_DATE_BYTES = 30,             /* "Sun, 22 Nov 2026 02:19:08 GMT", NUL */
    PAWL_CYCLES_CANON_BYTES_MAX = 128 << 20, /* a body has at most 64 MiB, see canon.c */
    PAWL_CYCLES_PARAMS_BYTES_MAX = 1 << 21,  /* a head has at most 1 MiB */
    PAWL_CYCLES_DOCUMENT_BYTES_MAX = 256 * 1024
};

struct pawl_cycles {
    uint32_t magic;
    struct pawl_cycles_options options;
    struct pawl_route_tree *routes;
    struct pawl_prng prng; /* of request and trace ids, which are no secrets */
    struct pawl_call *spare;
    uint32_t spare_count;
    uint32_t open_count;
    struct pawl_call *later_first;
    struct pawl_call *later_last;
    bool draining;
    struct pawl_buf out; /* the body of the answer that is being written */
    struct pawl_json_writer writer;
    int64_t date_s; /* the second that `date` says */
    char date[PAWL_CYCLES_DATE_BYTES];
    struct pawl_buf canon;    /* of canon.c */
    struct pawl_buf document; /* of document.c */
    struct pawl_json_writer document_writer;
    struct pawl_codec_scratch *scratch; /* for records that are read back */
    struct pawl_record record;          /* the last one that was */
};

/* --- trace.c -------------------------------------------------------------------------------- */

void pawl_trace_request_id(struct pawl_prng *prng, char out[static PAWL_CALL_REQUEST_ID_BYTES]);
/* From a valid traceparent, else a valid X-Cycles-Trace-Id, else drawn. */
void pawl_trace_id(struct pawl_prng *prng,
                   struct pawl_slice traceparent,
                   struct pawl_slice trace_id,
                   char out[static PAWL_CALL_TRACE_ID_BYTES]);

/* --- auth.c --------------------------------------------------------------------------------- */

/* Who asks, by what the route wants, and whether they may. false: refused. */
PAWL_MUST_CHECK bool pawl_call_authenticate(struct pawl_call *call);
struct pawl_auth_asked {
    struct pawl_slice key;       /* of X-Cycles-API-Key */
    struct pawl_slice admin_key; /* of X-Admin-API-Key */
    bool trusted;                /* came through the administrator's own door */
    int64_t now_us;
};
struct pawl_auth_verdict {
    enum pawl_error error; /* COUNT: may come in */
    const char *why;
    const char *lacks;               /* the permission that ends the sentence, or "" */
    struct pawl_principal principal; /* the registry's texts; zeroed where the key is no good */
};
/* The same, answering nobody. */
void pawl_auth_judge(struct pawl_cycles *cycles,
                     const struct pawl_cycles_route *route,
                     const struct pawl_auth_asked *asked,
                     struct pawl_auth_verdict *ret_verdict);

/* --- head.c --------------------------------------------------------------------------------- */

/* Whether a request whose body is not read is refused by its head: who asks, and what they may. */
PAWL_MUST_CHECK bool pawl_head_is_refused(struct pawl_cycles *cycles,
                                          const struct pawl_http_request *request,
                                          uint32_t door,
                                          struct pawl_auth_verdict *ret_verdict);

/* --- cycles.c ------------------------------------------------------------------------------- */

/* What a listener with that tag serves: a set of enum pawl_plane. */
uint32_t pawl_door_planes(uint32_t door);

/* --- kept.c --------------------------------------------------------------------------------- */

/* Whether all that was applied so far is on disk. */
bool pawl_ledger_is_durable(const struct pawl_cycles *cycles);

/* --- call.c --------------------------------------------------------------------------------- */

/* NULL: no memory; nothing was answered. */
struct pawl_call *pawl_call_open(struct pawl_cycles *cycles, struct pawl_http_exchange *exchange);
/* The Date header's text, of this second. */
struct pawl_slice pawl_cycles_date(struct pawl_cycles *cycles);
/* Sends bytes with the usual headers, tells the observer, and frees the call. `error` may be NULL.
 */
void pawl_call_send(struct pawl_call *call,
                    int status,
                    const char *error,
                    struct pawl_slice content_type,
                    struct pawl_slice body);

#endif
