/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.h: which headers go along, in each direction.
 */
#ifndef PAWL_GATEWAY_HEADERS_H
#define PAWL_GATEWAY_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "net/http.h"

struct pawl_headers_options {
    bool drop_accept_encoding;  /* and ask for identity */
    bool drop_content_encoding; /* the body was decoded */
    bool drop_addresses;        /* that a client would go to by itself, past pawl */
    bool drop_attribution;      /* x-pawl-…: for pawl alone */
    size_t extra;               /* room for so many more at the end */
};

/* A copy in the arena without what belongs to one connection only, Host, Content-Length and
 * Expect. NULL when the arena is full. */
PAWL_MUST_CHECK struct pawl_http_header *
pawl_headers_forward(const struct pawl_http_header *headers,
                     size_t count,
                     const struct pawl_headers_options *options,
                     struct pawl_arena *arena,
                     size_t *ret_count);

/* Whether the request asks the provider to take it for one with another method. */
bool pawl_headers_overridden(const struct pawl_http_header *headers, size_t count);

/* An address without what may be secret in it (user, query, fragment), cut to fit. */
void pawl_headers_show_address(struct pawl_slice address, char *out, size_t out_bytes);

#endif
