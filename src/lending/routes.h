/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h: the native API as a handler for an HTTP server (net/server.h). It is the same for every
 * listener; who may come in is the listener's business.
 */
#ifndef PAWL_LENDING_ROUTES_H
#define PAWL_LENDING_ROUTES_H

#include <stdint.h>

#include "lending/lender.h"
#include "net/server.h"

struct pawl_routes {
    struct pawl_lender *lender; /* borrowed */
    const char *dir;            /* borrowed: the authority's directory */
    uint64_t request_count;     /* so far */
    uint32_t open_count;        /* not answered yet */
};

/* For pawl_http_server_options.handler, with a struct pawl_routes as its arg. */
void pawl_routes_handle(void *arg, struct pawl_http_exchange *exchange);

#endif
