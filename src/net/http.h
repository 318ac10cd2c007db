/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h: what the server and the client share: headers, and the names that a proxy must
 * not pass on.
 */
#ifndef PAWL_NET_HTTP_H
#define PAWL_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct pawl_http_header {
    struct pawl_slice name;  /* as it came; compares without case */
    struct pawl_slice value; /* without surrounding white space */
};

/* The first header of that name, or NULL. */
const struct pawl_http_header *
pawl_http_find_header(const struct pawl_http_header *headers, size_t count, const char *name);
/* Its value; PAWL_SLICE_NONE where it is absent. */
struct pawl_slice
pawl_http_header_value(const struct pawl_http_header *headers, size_t count, const char *name);

/* Headers that belong to one connection and are never forwarded (RFC 9110, 7.6.1):
 * Connection, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding, Upgrade. What the message's own
 * Connection header names is checked with the second form. */
bool pawl_http_is_hop_by_hop(struct pawl_slice name);
bool pawl_http_connection_names(const struct pawl_http_header *headers,
                                size_t count,
                                struct pawl_slice name);

/* "Payment Required" for 402; "Unknown" for what has no name. */
const char *pawl_http_reason(int status);

#endif
