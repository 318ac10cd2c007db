/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environ.h: what the agent's environment gets so that its model calls come to the gateway, and
 * what it held before: an address that the user had set becomes the upstream. A table of
 * variables (environ.c), nothing by agent: what a single agent needs beyond its environment is in
 * agents.h.
 */
#ifndef PAWL_RUN_ENVIRON_H
#define PAWL_RUN_ENVIRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "gateway/gateway.h"

enum { PAWL_UPSTREAM_URL_BYTES = 2048 };

/* Base URLs without a slash at the end, and whether the user had set them. */
struct pawl_environ_upstreams {
    char urls[PAWL_UPSTREAM_COUNT][PAWL_UPSTREAM_URL_BYTES];
    bool from_user[PAWL_UPSTREAM_COUNT];
};

/* Reads a variable, as getenv(3) does. Tests pass their own. */
typedef const char *pawl_environ_get_fn(const char *name);
/* The process's own environment. */
const char *pawl_environ_get(const char *name);

/* INVALID: the user's address is no http(s) URL; the message names the variable. */
/* An address of the user's for an upstream; false: it is none, or too long. */
bool pawl_environ_set_upstream(struct pawl_environ_upstreams *upstreams,
                               enum pawl_upstream which,
                               struct pawl_slice url);
PAWL_MUST_CHECK pawl_err pawl_environ_upstreams(pawl_environ_get_fn *get,
                                                struct pawl_environ_upstreams *ret_upstreams,
                                                struct pawl_errmsg *msg);

struct pawl_environ_gateway {
    const char *address; /* "http://127.0.0.1:1234/<secret>" */
    const char *run_id;
};

/* Appends "NAME=value" with a NUL each (keeper.h). */
void pawl_environ_settings(pawl_environ_get_fn *get,
                           const struct pawl_environ_gateway *gateway,
                           struct pawl_buf *out);

#endif
