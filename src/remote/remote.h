/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote.h: one server, asked from a command: a request, and the wait for its answer. Connections
 * are kept from one request to the next.
 *
 * A request that broke on its way may have been done all the same. So one that is safe to repeat,
 * because it carries its idempotency key or sets what it sets, is sent a second time, as it was;
 * of any other the caller is told how far it came.
 *
 * Errors: UNREACHABLE (nobody listens there), TIMEOUT, IO (the connection broke), PROTOCOL (what
 * came is not HTTP, or a certificate is not good), INVALID (the address), LIMIT (the answer is too
 * long), MEMORY, NOT_FOUND (libcurl, the file of authorities). Messages name the server.
 */
#ifndef PAWL_REMOTE_REMOTE_H
#define PAWL_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "remote/keys.h"
#include "remote/target.h"

struct pawl_remote;

struct pawl_remote_options {
    const struct pawl_target *target; /* borrowed */
    const char *ca_file;              /* authorities for https; NULL: the system's */
    uint32_t timeout_ms;              /* without a byte either way, of each try */
};

struct pawl_remote_request {
    const char *method;
    struct pawl_slice path;            /* "/v1/decide", with its query */
    struct pawl_slice body;            /* JSON; empty: none */
    const struct pawl_credential *key; /* NULL: none is shown */
    struct pawl_slice idempotency;     /* also goes into a header; empty: there is none */
    bool repeatable;                   /* doing it twice does no more than doing it once */
};

enum {
    PAWL_REMOTE_ID_BYTES = 80,
    PAWL_REMOTE_TENANT_BYTES = 129,
    PAWL_REMOTE_ANSWER_MAX = 32 << 20
};

struct pawl_remote_answer {
    int status;
    struct pawl_buf body;                  /* owned; freed by pawl_remote_answer_free */
    char request_id[PAWL_REMOTE_ID_BYTES]; /* of X-Request-Id; "": none came */
    char tenant[PAWL_REMOTE_TENANT_BYTES]; /* of X-Cycles-Tenant: whose key it was; "": not said */
    uint32_t retry_after_s;                /* 0: nothing was said */
};

PAWL_MUST_CHECK pawl_err pawl_remote_open(const struct pawl_remote_options *options,
                                          struct pawl_remote **ret_remote,
                                          struct pawl_errmsg *msg);
/* NULL is allowed. */
void pawl_remote_close(struct pawl_remote *remote);

void pawl_remote_answer_init(struct pawl_remote_answer *answer);
void pawl_remote_answer_free(struct pawl_remote_answer *answer);
/* Replaces what the answer held. PAWL_OK for a complete answer of any status. */
PAWL_MUST_CHECK pawl_err pawl_remote_send(struct pawl_remote *remote,
                                          const struct pawl_remote_request *request,
                                          struct pawl_remote_answer *answer,
                                          struct pawl_errmsg *msg);

#endif
