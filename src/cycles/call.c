/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c: the life of a call between its handler's steps: its memory, its way to the ledger and
 * back, and its answer.
 *
 *   C1  a call is answered exactly once; then it goes back to the spare ones, and nothing of it
 *       may be used. Its memory is not the arena's, since the result of an operation is large and
 *       need not be zeroed for each request.
 *   C2  every answer carries X-Request-Id and X-Cycles-Trace-Id, whatever it is.
 *   C3  the buffer that answers are written in is one for all: net copies it at once.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cycles/cycles_priv.h"
#include "engine/engine.h"

enum {
    CONTENT_TYPE_BYTES_MAX = 128,
    USUAL_BYTES_MAX = 256 + CONTENT_TYPE_BYTES_MAX + PAWL_NAME_BYTES_MAX
};

static struct pawl_call *call_checked(void *data)
{
    struct pawl_call *call = data;
    PAWL_ASSERT(call != NULL && call->magic == PAWL_CYCLES_CALL_MAGIC);
    PAWL_ASSERT(call->cycles->magic == PAWL_CYCLES_MAGIC);
    return call;
}

/* --- Memory --------------------------------------------------------------------------------- */

struct pawl_call *pawl_call_open(struct pawl_cycles *cycles, struct pawl_http_exchange *exchange)
{
    struct pawl_call *call = cycles->spare;
    if (call != NULL) {
        cycles->spare = call->next;
        cycles->spare_count--;
    } else {
        call = pawl_alloc(sizeof(*call));
        if (call == NULL) {
            return NULL;
        }
    }
    memset(call, 0, offsetof(struct pawl_call, op));
    call->magic = PAWL_CYCLES_CALL_MAGIC;
    call->cycles = cycles;
    call->exchange = exchange;
    call->request = pawl_http_exchange_request(exchange);
    call->arena = pawl_http_exchange_arena(exchange);
    call->began_us = cycles->options.clock.boot_us(cycles->options.clock.arg);
    call->now_us = pawl_engine_now_us(cycles->options.engine);
    cycles->open_count++;
    return call;
}

static void close_call(struct pawl_call *call)
{
    struct pawl_cycles *cycles = call->cycles;
    call->magic = 0;
    PAWL_ASSERT(cycles->open_count > 0);
    cycles->open_count--;
    if (cycles->spare_count == PAWL_CYCLES_SPARE_CALLS_MAX) {
        pawl_free(call);
        return;
    }
    call->next = cycles->spare;
    cycles->spare = call;
    cycles->spare_count++;
}

void *pawl_call_alloc(struct pawl_call *call, size_t bytes)
{
    void *memory = pawl_arena_alloc(call->arena, bytes);
    return pawl_call_has_memory(call) ? memory : NULL;
}

bool pawl_call_has_memory(struct pawl_call *call)
{
    if (!call->arena->overflowed) {
        return true;
    }
    pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "the request takes too much memory");
    return false;
}

/* --- The ledger ----------------------------------------------------------------------------- */

struct pawl_engine *pawl_call_engine(const struct pawl_call *call)
{
    return call->cycles->options.engine;
}

struct pawl_registry *pawl_call_registry(const struct pawl_call *call)
{
    return call->cycles->options.registry;
}

struct pawl_archive *pawl_call_archive(const struct pawl_call *call)
{
    return call->cycles->options.archive;
}

static void want_turn(struct pawl_cycles *cycles)
{
    cycles->options.turn_wanted(cycles->options.turn_arg);
}

static void on_answered(struct pawl_op *op)
{
    struct pawl_call *call = call_checked(op->arg);
    call->waited = true;
    call->then(call);
}

struct pawl_op *pawl_call_op(struct pawl_call *call, pawl_call_fn *then)
{
    call_checked(call)->then = then;
    call->op.done = on_answered;
    call->op.arg = call;
    call->op.lazy = false;
    want_turn(call->cycles);
    return &call->op;
}

void pawl_call_submit(struct pawl_call *call,
                      const struct pawl_command *command,
                      pawl_call_fn *then)
{
    pawl_engine_submit(pawl_call_engine(call), command, pawl_call_op(call, then));
}

void pawl_call_barrier(struct pawl_call *call, pawl_call_fn *then)
{
    pawl_engine_barrier(pawl_call_engine(call), pawl_call_op(call, then));
}

void pawl_call_later(struct pawl_call *call, pawl_call_fn *then)
{
    struct pawl_cycles *cycles = call_checked(call)->cycles;
    call->then = then;
    call->next = NULL;
    if (cycles->later_last != NULL) {
        cycles->later_last->next = call;
    } else {
        cycles->later_first = call;
    }
    cycles->later_last = call;
    want_turn(cycles);
}

void pawl_cycles_turn(struct pawl_cycles *cycles)
{
    struct pawl_call *call = cycles->later_first;
    cycles->later_first = NULL; /* what is put off meanwhile waits for the next turn */
    cycles->later_last = NULL;
    while (call != NULL) {
        struct pawl_call *next = call->next;
        call_checked(call)->then(call);
        call = next;
    }
}

bool pawl_cycles_has_more(const struct pawl_cycles *cycles)
{
    return cycles->later_first != NULL;
}

/* --- Answers -------------------------------------------------------------------------------- */

struct pawl_slice pawl_cycles_date(struct pawl_cycles *cycles)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began with a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t us = cycles->options.clock.real_us(cycles->options.clock.arg);
    int64_t second = us / PAWL_US_PER_SECOND;
    if (second != cycles->date_s) {
        char utc[PAWL_CLOCK_TEXT_BYTES]; /* 2026-11-22T02:19:08Z */
        (void)pawl_clock_format_utc(us, utc);
        int month = (utc[5] - '0') * 10 + (utc[6] - '0');
        (void)snprintf(cycles->date, sizeof(cycles->date), "%.3s, %.2s %.3s %.4s %.8s GMT",
                       days + 3 * (second / 86400 % 7), utc + 8,
                       months + (size_t)3 * (size_t)(month - 1), utc, utc + 11);
        cycles->date_s = second;
    }
    return pawl_slice_of(cycles->date, sizeof(cycles->date) - 1);
}

void pawl_call_header(struct pawl_call *call, struct pawl_slice name, struct pawl_slice value)
{
    PAWL_ASSERT(call_checked(call)->extra_count < PAWL_CALL_EXTRA_HEADERS_MAX);
    call->extra[call->extra_count++] = (struct pawl_http_header){name, value};
}

void pawl_call_retry_after(struct pawl_call *call, int64_t seconds)
{
    PAWL_ASSERT(seconds >= 1);
    struct pawl_slice text = pawl_arena_printf(call->arena, "%lld", (long long)seconds);
    if (text.bytes > 0) {
        pawl_call_header(call, PAWL_SLICE("Retry-After"), text);
    }
}

static void tell_observer(const struct pawl_call *call, int status, const char *error)
{
    const struct pawl_cycles_options *options = &call->cycles->options;
    if (options->observe == NULL) {
        return;
    }
    const struct pawl_cycles_seen seen = {
        .operation = call->route != NULL ? call->route->operation : "none",
        .method = call->request->method,
        .path = call->request->path,
        .status = status,
        .error = error,
        .us = options->clock.boot_us(options->clock.arg) - call->began_us,
        .tenant = call->principal.tenant,
        .key_id = call->principal.key_id,
        .request_id = call->request_id,
        .trace_id = call->trace_id,
        .exchange = call->exchange,
        .asked = call->asked,
        .result = call->asked != NULL ? &call->op.result : NULL};
    options->observe(options->observe_arg, &seen);
}

static char *put(char *at, struct pawl_slice text)
{
    memcpy(at, text.data, text.bytes);
    return at + text.bytes;
}

/* The headers of every answer as they are sent; returns their length. Nothing in them is a
 * client's but the trace id, which was checked. */
static size_t
put_usual(struct pawl_call *call, struct pawl_slice content_type, char out[static USUAL_BYTES_MAX])
{
    struct pawl_slice tenant = call->principal.tenant;
    PAWL_ASSERT(content_type.bytes <= CONTENT_TYPE_BYTES_MAX &&
                tenant.bytes <= PAWL_NAME_BYTES_MAX);
    char *at = put(out, PAWL_SLICE("Date: "));
    at = put(at, pawl_cycles_date(call->cycles));
    at = put(at, PAWL_SLICE("\r\nX-Request-Id: "));
    at = put(at, pawl_slice_of(call->request_id, PAWL_CALL_REQUEST_ID_BYTES - 1));
    at = put(at, PAWL_SLICE("\r\nX-Cycles-Trace-Id: "));
    at = put(at, pawl_slice_of(call->trace_id, PAWL_CALL_TRACE_ID_BYTES - 1));
    if (content_type.bytes > 0) {
        at = put(at, PAWL_SLICE("\r\nContent-Type: "));
        at = put(at, content_type);
    }
    if (tenant.bytes > 0) {
        at = put(at, PAWL_SLICE("\r\nX-Cycles-Tenant: "));
        at = put(at, tenant);
    }
    at = put(at, PAWL_SLICE("\r\n"));
    PAWL_ASSERT(at <= out + USUAL_BYTES_MAX);
    return (size_t)(at - out);
}

void pawl_call_send(struct pawl_call *call,
                    int status,
                    const char *error,
                    struct pawl_slice content_type,
                    struct pawl_slice body)
{
    char usual[USUAL_BYTES_MAX];
    size_t bytes =
        put_usual(call_checked(call), body.bytes > 0 ? content_type : PAWL_SLICE_NONE, usual);
    tell_observer(call, status, error);
    pawl_http_reply_lines(call->exchange, status, pawl_slice_of(usual, bytes), call->extra,
                          call->extra_count, body);
    close_call(call);
}

struct pawl_json_writer *pawl_call_json(struct pawl_call *call)
{
    struct pawl_cycles *cycles = call_checked(call)->cycles;
    pawl_buf_reset(&cycles->out);
    pawl_json_writer_init(&cycles->writer, &cycles->out);
    return &cycles->writer;
}

void pawl_call_reply(struct pawl_call *call, int status)
{
    struct pawl_cycles *cycles = call_checked(call)->cycles;
    PAWL_ASSERT(cycles->writer.depth == 0 && status >= 200 && status < 300);
    if (cycles->out.overflowed) {
        pawl_call_refuse(call, PAWL_ERROR_INTERNAL_ERROR, "the answer takes too much memory");
        return;
    }
    pawl_call_send(call, status, NULL, PAWL_SLICE("application/json"),
                   pawl_buf_slice(&cycles->out));
}

void pawl_call_reply_bytes(struct pawl_call *call,
                           int status,
                           struct pawl_slice content_type,
                           struct pawl_slice body)
{
    pawl_call_send(call_checked(call), status, NULL, content_type, body);
}
