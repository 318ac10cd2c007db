/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refused.c: what net refuses by itself (bytes that are not HTTP, limits, times), in the protocol's
 * form and with its headers. The trace id is the client's where the head could be read. Where it is
 * the body that is not read, who asks goes before it (head.c).
 */
#include <string.h>

#include "base/assert.h"
#include "cycles/cycles_priv.h"

static const char *refusal_wire(int status)
{
    if (status == 403) {
        return pawl_error_wire(PAWL_ERROR_FORBIDDEN);
    }
    return pawl_error_wire(status == 503 ? PAWL_ERROR_LEDGER_FULL : PAWL_ERROR_INVALID_REQUEST);
}

/* In place of a sentence that leaves whoever reads it alone. */
static const char *message_of(const struct pawl_http_refused *refused)
{
    if (strcmp(refused->name, "body_too_large") == 0) {
        return "The request body is too large. Leave out metadata, or raise the server's "
               "max-settlement-bytes (of commits, releases, extensions and events with a valid "
               "key) or max-body-bytes.";
    }
    return refused->message;
}

/* What is told, and under which status. */
struct words {
    int status;
    const char *wire;
    const char *message;
    const char *message_end;
};

/* One whose body is too large, or comes while there is no place for it. */
static bool has_unread_body(const struct pawl_http_refused *refused)
{
    static const char *const names[] = {"body_too_large", "too_many_large_bodies",
                                        "too_many_large_bodies_of_one"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(refused->name, names[i]) == 0) {
            return refused->request != NULL;
        }
    }
    return false;
}

static struct words words_of(struct pawl_cycles *cycles, const struct pawl_http_refused *refused)
{
    struct pawl_auth_verdict verdict;
    if (has_unread_body(refused) &&
        pawl_head_is_refused(cycles, refused->request, refused->listener, &verdict)) {
        return (struct words){pawl_error_status(verdict.error), pawl_error_wire(verdict.error),
                              verdict.why, verdict.lacks};
    }
    return (struct words){refused->status, refusal_wire(refused->status), message_of(refused), ""};
}

static void tell_refused(struct pawl_cycles *cycles,
                         const struct pawl_http_refused *refused,
                         const struct words *words,
                         const char *request_id,
                         const char *trace_id)
{
    if (cycles->options.observe == NULL) {
        return;
    }
    struct pawl_cycles_seen seen = {.operation = "none",
                                    .status = words->status,
                                    .error = words->wire,
                                    .refusal = refused->name,
                                    .request_id = request_id,
                                    .peer = refused->peer,
                                    .trace_id = trace_id};
    if (refused->request != NULL) {
        seen.method = refused->request->method;
        seen.path = refused->request->path;
    }
    cycles->options.observe(cycles->options.observe_arg, &seen);
}

static struct pawl_slice find_header(const struct pawl_http_refused *refused, const char *name)
{
    const struct pawl_http_request *request = refused->request;
    return request != NULL ? pawl_http_header_value(request->headers, request->header_count, name)
                           : PAWL_SLICE_NONE;
}

void pawl_cycles_refusal(void *arg,
                         const struct pawl_http_refused *refused,
                         struct pawl_http_refusal_answer *answer)
{
    struct pawl_cycles *cycles = arg;
    enum { HEADERS_MAX = 5 };
    char request_id[PAWL_CALL_REQUEST_ID_BYTES];
    char trace_id[PAWL_CALL_TRACE_ID_BYTES];
    PAWL_ASSERT(cycles->magic == PAWL_CYCLES_MAGIC);
    pawl_trace_request_id(&cycles->prng, request_id);
    pawl_trace_id(&cycles->prng, find_header(refused, "traceparent"),
                  find_header(refused, "x-cycles-trace-id"), trace_id);
    struct words words = words_of(cycles, refused);
    tell_refused(cycles, refused, &words, request_id, trace_id);
    struct pawl_http_header *headers =
        pawl_arena_alloc(answer->arena, HEADERS_MAX * sizeof(*headers));
    struct pawl_slice body = pawl_arena_printf(
        answer->arena,
        "{\"error\":\"%s\",\"message\":\"%s%s\",\"request_id\":\"%s\",\"trace_id\":\"%s\","
        "\"details\":{\"refusal\":\"%s\",\"limit\":%llu}}",
        words.wire, words.message, words.message_end, request_id, trace_id, refused->name,
        (unsigned long long)refused->limit);
    if (headers == NULL || answer->arena->overflowed) {
        return; /* as net says it */
    }
    headers[0] =
        (struct pawl_http_header){PAWL_SLICE("Content-Type"), PAWL_SLICE("application/json")};
    headers[1] = (struct pawl_http_header){
        PAWL_SLICE("X-Request-Id"), pawl_arena_copy(answer->arena, pawl_slice_str(request_id))};
    headers[2] = (struct pawl_http_header){
        PAWL_SLICE("X-Cycles-Trace-Id"), pawl_arena_copy(answer->arena, pawl_slice_str(trace_id))};
    headers[3] = (struct pawl_http_header){PAWL_SLICE("Date"), pawl_cycles_date(cycles)};
    headers[4] = (struct pawl_http_header){PAWL_SLICE("Retry-After"), PAWL_SLICE("1")};
    answer->status = words.status;
    answer->headers = headers;
    answer->header_count = words.status == 503 ? HEADERS_MAX : HEADERS_MAX - 1;
    answer->body = body;
}
