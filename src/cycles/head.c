/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.c: what can be said of a request of which there is but the head: how much of a body is read,
 * and, where that is less than comes, what the request would have been refused for anyway. Who asks
 * stands before the body in the order of errors.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

/* The route; NULL where there is none, or it is the host's own. */
static const struct pawl_cycles_route *judge_head(struct pawl_cycles *cycles,
                                                  const struct pawl_http_request *request,
                                                  uint32_t door,
                                                  struct pawl_auth_verdict *ret_verdict)
{
    struct pawl_route_found found;
    struct pawl_arena arena; /* of parameters that have an escape */
    pawl_arena_init(&arena, PAWL_CYCLES_PARAMS_BYTES_MAX);
    pawl_route_find(cycles->routes, pawl_door_planes(door), request->method, request->path, &arena,
                    &found);
    pawl_arena_free(&arena);
    if (found.route == NULL) {
        return NULL;
    }
    const struct pawl_auth_asked asked = {
        .key = pawl_http_header_value(request->headers, request->header_count, "x-cycles-api-key"),
        .admin_key =
            pawl_http_header_value(request->headers, request->header_count, "x-admin-api-key"),
        .trusted = (door & PAWL_DOOR_TRUSTED) != 0,
        .now_us = pawl_engine_now_us(cycles->options.engine)};
    pawl_auth_judge(cycles, found.route, &asked, ret_verdict);
    return found.route;
}

struct pawl_http_body_max
pawl_cycles_body_max(void *arg, const struct pawl_http_request *request, uint32_t listener)
{
    struct pawl_cycles *cycles = arg;
    PAWL_ASSERT(cycles->magic == PAWL_CYCLES_MAGIC);
    struct pawl_auth_verdict verdict;
    const struct pawl_cycles_route *route = judge_head(cycles, request, listener, &verdict);
    if (route == NULL || route->body != PAWL_BODY_SETTLEMENT || verdict.error != PAWL_ERROR_COUNT) {
        return (struct pawl_http_body_max){0};
    }
    /* A tenant's keys are one sender: it makes as many as it likes. The administrator is another,
     * without a name. */
    return (struct pawl_http_body_max){
        .bytes = cycles->options.settlement_bytes_max,
        .whose = pawl_hash_sip((struct pawl_hash_key){0, 0}, verdict.principal.tenant)};
}

bool pawl_head_is_refused(struct pawl_cycles *cycles,
                          const struct pawl_http_request *request,
                          uint32_t door,
                          struct pawl_auth_verdict *ret_verdict)
{
    /* What a key may is told when it is on disk (J7), and the refusal does not wait. */
    return pawl_ledger_is_durable(cycles) &&
           judge_head(cycles, request, door, ret_verdict) != NULL &&
           ret_verdict->error != PAWL_ERROR_COUNT;
}
