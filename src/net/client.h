/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h: HTTP calls to other servers, on libcurl's multi interface driven by a libuv loop.
 * The interface is narrow on purpose, so that another client could stand behind it. HTTP/1.1,
 * verification on, pooled connections, no redirects followed, no decoding of content codings,
 * proxies from the environment (http_proxy, https_proxy, all_proxy, no_proxy, in small letters or
 * capitals; never for loopback hosts).
 *
 * A call's callbacks run on the loop's thread, never inside a function of this header. on_done
 * runs exactly once unless the call was aborted; after on_done or abort the handle is gone. If
 * start returns an error, no callback will ever run. A callback may start, resume and abort
 * calls, and close the client.
 *
 * A request of which any byte went out is not sent again, unless it is a GET, HEAD or OPTIONS: the
 * call ends with IO in phase SENT, since a model call that went out twice may cost twice. There is
 * one exception. Servers close idle connections, and now and then just when a request is on its
 * way; nobody has taken it up then. So a request under which a used connection ended at once (see
 * resend_ms) and without a line of answer is sent a second time, on a new connection. What fails
 * there, or breaks later, or breaks on a connection of its own, is final.
 *
 * Errors: UNREACHABLE (no such host, refused), TIMEOUT, IO (the connection broke), PROTOCOL
 * (what came is not HTTP, or a certificate is not good), INVALID (the URL), MEMORY, NOT_FOUND
 * (the file of authorities, libcurl).
 */
#ifndef PAWL_NET_CLIENT_H
#define PAWL_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/http.h"

struct uv_loop_s;
struct pawl_http_client;
struct pawl_http_call;

/* How far a call came when it failed; a caller needs it to know what may have been billed. */
enum pawl_http_phase {
    PAWL_HTTP_PHASE_CONNECT, /* nothing was sent */
    PAWL_HTTP_PHASE_SENT,    /* the request went out, at least in part; no answer yet */
    PAWL_HTTP_PHASE_HEAD,    /* the answer's head came */
    PAWL_HTTP_PHASE_DONE     /* the answer is complete */
};

struct pawl_http_call_events {
    /* The head of the final answer (1xx are swallowed). Headers are borrowed for the call. */
    void (*on_head)(void *arg, int status, const struct pawl_http_header *headers, size_t count);
    /* Bytes of the body. false = no more for now: delivery stops until pawl_http_call_resume
     * (these bytes are taken all the same). on_done may come meanwhile, when nothing was left. */
    bool (*on_body)(void *arg, struct pawl_slice bytes);
    /* The end. `err` is PAWL_OK for a complete answer of any status. */
    void (*on_done)(void *arg, pawl_err err, enum pawl_http_phase phase, const char *why);
    void *arg;
};

struct pawl_http_call_options {
    struct pawl_slice method;
    struct pawl_slice url;                  /* absolute */
    const struct pawl_http_header *headers; /* copied; Host, Content-Length, Expect and hop-by-hop
                                               ones are ours and left out */
    size_t header_count;
    struct pawl_slice body;      /* borrowed until on_done or abort */
    bool has_body;               /* POST with an empty body differs from none */
    uint32_t connect_timeout_ms; /* 0: 30 s */
    uint32_t idle_timeout_ms;    /* no byte either way for so long: TIMEOUT; 0: none */
    struct pawl_http_call_events events;
};

struct pawl_http_client_options {
    struct uv_loop_s *loop;  /* borrowed */
    const char *ca_file;     /* NULL: the system's */
    const char *unix_socket; /* a path that all calls go to, whatever their URLs name; NULL: none */
    bool use_proxy_environment;
    uint32_t connection_count_max; /* kept for reuse; 0: 256 */
    uint32_t resend_ms; /* a used connection that ends so soon was closed for idling; 0: 2 s */
};

/* From here on the process ignores SIGPIPE (net/loop.h). */
PAWL_MUST_CHECK pawl_err pawl_http_client_new(const struct pawl_http_client_options *options,
                                              struct pawl_http_client **ret_client);
/* Calls are to be expected: begins to load, beside the loop, what the first one needs. Without it
 * that one waits some milliseconds longer. Asking again changes nothing. */
void pawl_http_client_prepare(struct pawl_http_client *client);
/* Aborts what is under way. The client is freed once the loop has run its close callbacks. */
void pawl_http_client_close(struct pawl_http_client *client);

PAWL_MUST_CHECK pawl_err pawl_http_call_start(struct pawl_http_client *client,
                                              const struct pawl_http_call_options *options,
                                              struct pawl_http_call **ret_call,
                                              struct pawl_errmsg *msg);
void pawl_http_call_resume(struct pawl_http_call *call);
/* Closes the connection at once; no callback follows. */
void pawl_http_call_abort(struct pawl_http_call *call);

#endif
