/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cycles.c: what happens to a request before its handler sees it, in the order that the protocol
 * gives its errors: the route, who asks, what they may, the body as JSON. The handler goes on with
 * the body's fields.
 */
#include "cycles/cycles.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cycles/body.h"
#include "cycles/cycles_priv.h"

/* --- Life ----------------------------------------------------------------------------------- */

pawl_err pawl_cycles_new(const struct pawl_cycles_options *options, struct pawl_cycles **ret_cycles)
{
    PAWL_ASSERT(options->engine != NULL && options->registry != NULL && options->archive != NULL);
    PAWL_ASSERT(options->turn_wanted != NULL);
    struct pawl_cycles *cycles = pawl_alloc_zeroed(1, sizeof(*cycles));
    if (cycles == NULL) {
        return PAWL_ERR(MEMORY);
    }
    uint64_t seed = 0;
    pawl_random_bytes(&seed, sizeof(seed));
    pawl_prng_seed(&cycles->prng, seed);
    cycles->magic = PAWL_CYCLES_MAGIC;
    cycles->options = *options;
    cycles->date_s = INT64_MIN;
    if (cycles->options.archive_wait_ms == 0) {
        cycles->options.archive_wait_ms = PAWL_CYCLES_ARCHIVE_WAIT_MS;
    }
    pawl_buf_init(&cycles->out, PAWL_CYCLES_BODY_BYTES_MAX);
    pawl_buf_init(&cycles->canon, PAWL_CYCLES_CANON_BYTES_MAX);
    pawl_buf_init(&cycles->document, PAWL_CYCLES_DOCUMENT_BYTES_MAX);
    cycles->routes = pawl_route_tree_new();
    cycles->scratch = pawl_alloc(sizeof(*cycles->scratch));
    if (cycles->routes == NULL || cycles->scratch == NULL) {
        pawl_cycles_free(cycles);
        return PAWL_ERR(MEMORY);
    }
    *ret_cycles = cycles;
    return PAWL_OK;
}

void pawl_cycles_free(struct pawl_cycles *cycles)
{
    PAWL_ASSERT(cycles->magic == PAWL_CYCLES_MAGIC && cycles->open_count == 0);
    while (cycles->spare != NULL) {
        struct pawl_call *call = cycles->spare;
        cycles->spare = call->next;
        pawl_free(call);
    }
    pawl_buf_free(&cycles->out);
    pawl_buf_free(&cycles->canon);
    pawl_buf_free(&cycles->document);
    pawl_route_tree_free(cycles->routes);
    pawl_free(cycles->scratch);
    cycles->magic = 0;
    pawl_free(cycles);
}

void pawl_cycles_drain(struct pawl_cycles *cycles)
{
    cycles->draining = true;
}

uint32_t pawl_cycles_open_count(const struct pawl_cycles *cycles)
{
    return cycles->open_count;
}

/* --- A request ------------------------------------------------------------------------------ */

/* Which of ours a header is, or COUNT. Lengths, of which no more than two are the same, come first:
 * hardly any other header is compared with a name. */
static enum pawl_call_header header_of(struct pawl_slice name)
{
    static const struct pawl_slice names[PAWL_CALL_HEADER_COUNT] = {
        [PAWL_CALL_HEADER_KEY] = {"x-cycles-api-key", 16},
        [PAWL_CALL_HEADER_ADMIN_KEY] = {"x-admin-api-key", 15},
        [PAWL_CALL_HEADER_IDEMPOTENCY] = {"x-idempotency-key", 17},
        [PAWL_CALL_HEADER_TRACEPARENT] = {"traceparent", 11},
        [PAWL_CALL_HEADER_TRACE_ID] = {"x-cycles-trace-id", 17},
        [PAWL_CALL_HEADER_TYPE] = {"content-type", 12}};
    for (size_t which = 0; which < PAWL_CALL_HEADER_COUNT; which++) {
        if (names[which].bytes == name.bytes && pawl_slice_equal_nocase(name, names[which])) {
            return (enum pawl_call_header)which;
        }
    }
    return PAWL_CALL_HEADER_COUNT;
}

/* One walk over the headers; of a name that comes twice the first counts, empty or not. */
static void find_headers(struct pawl_call *call)
{
    for (size_t i = 0; i < call->request->header_count; i++) {
        const struct pawl_http_header *header = &call->request->headers[i];
        enum pawl_call_header which = header_of(header->name);
        if (which < PAWL_CALL_HEADER_COUNT && call->headers[which].data == NULL) {
            call->headers[which] = header->value;
        }
    }
}

static void refuse_method(struct pawl_call *call, uint32_t methods)
{
    char allowed[64] = "";
    size_t bytes = 0;
    for (size_t i = 0; i < PAWL_METHOD_COUNT; i++) {
        if ((methods & 1U << i) != 0) {
            bytes += (size_t)snprintf(allowed + bytes, sizeof(allowed) - bytes, "%s%s",
                                      bytes > 0 ? ", " : "", pawl_method_name((enum pawl_method)i));
        }
    }
    pawl_call_header(call, PAWL_SLICE("Allow"),
                     pawl_arena_copy(call->arena, pawl_slice_of(allowed, bytes)));
    pawl_call_refuse(call, PAWL_ERROR_METHOD, "the path takes %s, not %.*s", allowed,
                     (int)pawl_min_i64((int64_t)call->request->method.bytes, 32),
                     call->request->method.data);
}

/* Where the planes have addresses of their own, whoever took the wrong one is told. */
static void refuse_path(struct pawl_call *call, uint32_t planes)
{
    struct pawl_route_found elsewhere;
    pawl_route_find(call->cycles->routes, PAWL_PLANE_ALL, call->request->method,
                    call->request->path, call->arena, &elsewhere);
    if (elsewhere.methods == 0) {
        pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND, "there is nothing at this path");
        return;
    }
    pawl_call_refuse(call, PAWL_ERROR_NOT_FOUND,
                     "this address has the %s plane alone; the path is the other's",
                     (planes & PAWL_PLANE_RUNTIME) != 0 ? "runtime" : "governance");
}

/* false: the call was answered, or the host has it. */
static bool find_route(struct pawl_call *call, uint32_t planes)
{
    const struct pawl_cycles_options *options = &call->cycles->options;
    struct pawl_route_found found;
    pawl_route_find(call->cycles->routes, planes, call->request->method, call->request->path,
                    call->arena, &found);
    if (found.route != NULL) {
        call->route = found.route;
        memcpy(call->params, found.params, sizeof(found.params));
        return true;
    }
    if (found.methods != 0) {
        refuse_method(call, found.methods);
    } else if (options->other == NULL || !options->other(options->other_arg, call)) {
        refuse_path(call, planes);
    }
    return false;
}

/* None, JSON's, and the one that curl -d says where it is not told another: what counts then is
 * whether the body is JSON. Whoever says any other type means something else. */
static bool may_be_json(struct pawl_slice type)
{
    struct pawl_slice name = pawl_slice_trim(pawl_slice_cut(&type, ';'));
    return pawl_slice_empty(name) ||
           pawl_slice_equal_nocase(name, PAWL_SLICE("application/json")) ||
           pawl_slice_equal_nocase(name, PAWL_SLICE("application/x-www-form-urlencoded"));
}

static void refuse_json(struct pawl_call *call)
{
    char limit[64] = "";
    if (!pawl_call_has_memory(call)) {
        return; /* no fault of the body's */
    }
    if (pawl_slice_empty(call->request->body)) {
        pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                         "there is no body; this takes one JSON object");
        return;
    }
    if (call->body.error == PAWL_JSON_DEPTH) {
        (void)snprintf(limit, sizeof(limit), " (at most %d levels)", PAWL_CYCLES_DEPTH_MAX);
    } else if (call->body.error == PAWL_JSON_TOO_MANY_NODES) {
        (void)snprintf(limit, sizeof(limit), " (at most %d values and keys)",
                       PAWL_CYCLES_NODES_MAX);
    }
    pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                     "the body is not JSON that is taken here: %s at byte %llu%s",
                     pawl_json_error_name(call->body.error),
                     (unsigned long long)call->body.error_offset, limit);
}

/* As JSON. Of a settlement that is too much what it can do without is passed over. */
static bool parse(struct pawl_call *call)
{
    const struct pawl_json_limits limits = {.depth_max = PAWL_CYCLES_DEPTH_MAX,
                                            .nodes_max = PAWL_CYCLES_NODES_MAX};
    if (pawl_json_parse(call->arena, call->request->body, PAWL_JSON_BODY, limits, &call->body)) {
        return true;
    }
    bool is_too_much =
        call->body.error == PAWL_JSON_DEPTH || call->body.error == PAWL_JSON_TOO_MANY_NODES;
    return is_too_much && call->route->body == PAWL_BODY_SETTLEMENT &&
           pawl_body_parse_without(call, limits);
}

/* false: refused. */
static bool read_body(struct pawl_call *call)
{
    struct pawl_slice text = call->request->body;
    if (call->route->body == PAWL_BODY_NONE ||
        (call->route->body == PAWL_BODY_OPTIONAL && pawl_slice_empty(text))) {
        return true;
    }
    if (!may_be_json(call->headers[PAWL_CALL_HEADER_TYPE])) {
        pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST,
                         "Content-Type is not application/json, which is what this takes");
        return false;
    }
    if (!parse(call)) {
        refuse_json(call);
        return false;
    }
    if (!pawl_json_is(&call->body, 0, PAWL_JSON_OBJECT)) {
        pawl_call_refuse(call, PAWL_ERROR_INVALID_REQUEST, "the body is not a JSON object");
        return false;
    }
    call->has_body = true;
    return true;
}

uint32_t pawl_door_planes(uint32_t door)
{
    uint32_t planes = door & PAWL_PLANE_ALL;
    return planes == 0 ? PAWL_PLANE_ALL : planes;
}

void pawl_cycles_serve(struct pawl_cycles *cycles,
                       struct pawl_http_exchange *exchange,
                       uint32_t door)
{
    PAWL_ASSERT(cycles->magic == PAWL_CYCLES_MAGIC);
    struct pawl_call *call = pawl_call_open(cycles, exchange);
    if (call == NULL) {
        pawl_http_reply(exchange, 503, NULL, 0, PAWL_SLICE_NONE);
        return;
    }
    call->trusted = (door & PAWL_DOOR_TRUSTED) != 0;
    call->planes = (uint8_t)pawl_door_planes(door);
    find_headers(call);
    pawl_trace_request_id(&cycles->prng, call->request_id);
    pawl_trace_id(&cycles->prng, call->headers[PAWL_CALL_HEADER_TRACEPARENT],
                  call->headers[PAWL_CALL_HEADER_TRACE_ID], call->trace_id);
    if (find_route(call, call->planes) && pawl_call_authenticate(call) && read_body(call)) {
        call->route->handler(call);
    }
}
