/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h: what a request's path and method mean, and where it goes upstream.
 *
 * The table errs on one side: only what is known to be free passes without a hold. A path that
 * merely looks like a free one (an encoded slash, a dot segment) is not in the table, and is
 * refused under a hard cap.
 */
#ifndef PAWL_GATEWAY_ROUTE_H
#define PAWL_GATEWAY_ROUTE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "gateway/dialect.h"
#include "gateway/upstream.h"

enum pawl_route_kind {
    PAWL_ROUTE_NOT_FOUND, /* not under the secret, or no such upstream: says nothing */
    PAWL_ROUTE_MODEL_CALL,
    PAWL_ROUTE_FREE,
    PAWL_ROUTE_BATCH,     /* calls that are made and billed later, where nobody here sees it */
    PAWL_ROUTE_UNMETERED, /* may spend, and cannot be metered */
    PAWL_ROUTE_UPGRADE    /* asks for another protocol */
};

struct pawl_route {
    enum pawl_route_kind kind;
    enum pawl_upstream upstream;
    enum pawl_dialect dialect; /* also of refusals on paths that are no model call */
    struct pawl_slice rest;    /* the path behind the upstream's name, with its slash */
    const char *words;         /* of a POST that routes.def has: about it; else NULL */
    /* Gemini, whose paths say what elsewhere stands in the body. */
    struct pawl_slice model; /* empty: the body names it */
    bool stream;
};

struct pawl_route_request {
    struct pawl_slice method;
    struct pawl_slice path; /* not decoded, without the query */
    bool upgrade;
    struct pawl_slice key; /* of the header x-pawl-key, for a path that begins with "/-/" */
    bool overridden;       /* a header asks the provider to take it for another method */
};

/* `secret` is compared in a time that does not depend on where the two differ. */
struct pawl_route pawl_route_of(const struct pawl_route_request *request, const char *secret);

/* Appends the address: `base` is the upstream's, without a trailing slash (Anthropic's also
 * without "/v1"). */
void pawl_route_append_url(const struct pawl_route *route,
                           struct pawl_slice base,
                           struct pawl_slice query,
                           struct pawl_buf *url);

/* The base as pawl_route_append_url wants it, cut from what a user gave. */
struct pawl_slice pawl_route_trim_base(enum pawl_upstream upstream, struct pawl_slice base);

/* "api.anthropic.com" of "https://api.anthropic.com:443/v1"; empty if it is no address. */
struct pawl_slice pawl_route_host_of(struct pawl_slice url);

#endif
