/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_support.h: a gateway between a fake ledger, a fake client, a fake provider and a
 * clock that stands still, for tests of single calls. The one model costs $3 in and $15 out a
 * million tokens, and there is one dollar.
 */
#ifndef PAWL_TESTS_UNIT_TEST_GATEWAY_SUPPORT_H
#define PAWL_TESTS_UNIT_TEST_GATEWAY_SUPPORT_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/gateway.h"
#include "tests/lib/fake_authority.h"
#include "tests/lib/fake_net.h"

#define SECRET  "secret-secret-secret"
#define PATH    "/" SECRET "/anthropic/v1/messages"
#define SSE     "text/event-stream"
#define USD     PAWL_MICROCENTS_PER_USD
#define TOOLS   PAWL_UNIT_TOOL_CALLS
#define DOLLARS PAWL_UNIT_USD_MICROCENTS

#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","        \
    "\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\n"
#define TEXT                                                                                       \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"  \
    "\"type\":\"text_delta\",\"text\":\"words \"}}\n\n"
#define TOOL(id)                                                                                   \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"             \
    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"" id                                        \
    "\",\"name\":\"Bash\",\"input\":{}}}\n\n"
#define STOP(output)                                                                               \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"          \
    "\"end_turn\"},\"usage\":{\"output_tokens\":" output "}}\n\nevent: message_stop\ndata: "       \
    "{\"type\":\"message_stop\"}\n\n"

struct world {
    struct fake_authority ledger;
    struct pawl_price_book *book;
    struct pawl_gateway *gateway;
    uint32_t latches;
    uint32_t settled;
    bool idle;
};

/* A test's own. The teardown fails where a hold was left. */
int gateway_setup(void **state);
int gateway_teardown(void **state);

/* The ledger answers what it was asked. */
void turn(struct world *world);
size_t count(const struct world *world, uint16_t type);
struct pawl_http_call *last_call(void);

extern const char whole_body[];
extern const char stream_body[];
void begin(struct world *world, struct pawl_http_exchange *exchange, const char *body);
/* Up to the first byte of a stream. */
struct pawl_http_call *begin_stream(struct world *world, struct pawl_http_exchange *exchange);

#endif
