/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patience.h: how long a client waits for the head of an answer before it gives up and asks
 * again. A call that waits for others to settle is refused a little earlier than that, since a
 * client that asks again would only stand in the line twice.
 */
#ifndef PAWL_GATEWAY_PATIENCE_H
#define PAWL_GATEWAY_PATIENCE_H

#include <stdint.h>

#include "net/http.h"

enum {
    PAWL_PATIENCE_UNKNOWN_MS = 50 * 1000,
    PAWL_PATIENCE_RESERVE_MS = 10 * 1000, /* before the client's own limit */
    PAWL_PATIENCE_MIN_MS = 1000,
    PAWL_PATIENCE_HOOK_MS = 330 * 1000 /* of the hooks that pawl gives an agent */
};

uint32_t pawl_patience_ms(const struct pawl_http_header *headers, size_t count);

#endif
