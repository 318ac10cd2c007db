/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c: the frame of a model call: its states as a table, its memory, its timer and its
 * operations. What happens in each state is in the call_*.c files.
 *
 *   RECEIVED ─► WAITING ─► RESERVING ─► FORWARDING ─► STREAMING ─► SETTLING ─► DONE
 *      │           │           │             └──────┬──────┘          ▲          ▲
 *      │ ASKING, from any of   │                    └─► DRAINING ─────┘          │
 *      └───────────┴───────────┴─► REFUSING ─────────────────────────────────────┘
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "gateway/gateway_priv.h"

enum { CALL_ARENA_BYTES_MAX = 1 << 20 };

#define TO(state) (1u << (unsigned)PAWL_MODEL_CALL_##state)

static const struct {
    const char *name;
    uint32_t next; /* where it may go */
    bool held;     /* G1 */
    bool upstream; /* G2: may have an upstream call */
} states[] = {
    [PAWL_MODEL_CALL_RECEIVED] = {"received",
                                  TO(WAITING) | TO(ASKING) | TO(RESERVING) | TO(REFUSING) |
                                      TO(DONE),
                                  false, false},
    [PAWL_MODEL_CALL_WAITING] = {"waiting", TO(ASKING) | TO(RESERVING) | TO(REFUSING) | TO(DONE),
                                 false, false},
    [PAWL_MODEL_CALL_ASKING] = {"asking",
                                TO(ASKING) | TO(RECEIVED) | TO(WAITING) | TO(RESERVING) |
                                    TO(REFUSING) | TO(DONE),
                                false, false},
    [PAWL_MODEL_CALL_RESERVING] = {"reserving",
                                   TO(FORWARDING) | TO(WAITING) | TO(ASKING) | TO(RESERVING) |
                                       TO(REFUSING) | TO(DONE),
                                   false, false},
    [PAWL_MODEL_CALL_FORWARDING] = {"forwarding", TO(STREAMING) | TO(DRAINING) | TO(SETTLING), true,
                                    true},
    [PAWL_MODEL_CALL_STREAMING] = {"streaming", TO(DRAINING) | TO(SETTLING), true, true},
    [PAWL_MODEL_CALL_DRAINING] = {"draining", TO(SETTLING), true, true},
    [PAWL_MODEL_CALL_SETTLING] = {"settling", TO(DONE), true, false},
    [PAWL_MODEL_CALL_REFUSING] = {"refusing", TO(DONE), false, false},
    [PAWL_MODEL_CALL_DONE] = {"done", 0, false, false},
};
_Static_assert(PAWL_ARRAY_LEN(states) == PAWL_MODEL_CALL_STATE_COUNT, "every state has a row");

/* Whether it has taken, or is about to take, what it will give back: whoever waits is let in then.
 */
static bool gives_back(enum pawl_model_call_state state)
{
    return states[state].upstream || state == PAWL_MODEL_CALL_RESERVING;
}

void pawl_model_call_move(struct pawl_model_call *call, enum pawl_model_call_state state)
{
    PAWL_ASSERT((states[call->state].next & (1u << (unsigned)state)) != 0);
    struct pawl_gateway *gateway = call->gateway;
    gateway->flowing_count += states[state].upstream ? 1 : 0;
    gateway->flowing_count -= states[call->state].upstream ? 1 : 0;
    gateway->under_way_count += gives_back(state) ? 1 : 0;
    gateway->under_way_count -= gives_back(call->state) ? 1 : 0;
    call->state = state;
    if (call->waits && (states[state].held || state == PAWL_MODEL_CALL_REFUSING ||
                        state == PAWL_MODEL_CALL_DONE)) {
        pawl_limit_wait_over(call);
    }
    if (!states[state].held || state == PAWL_MODEL_CALL_SETTLING) {
        pawl_gateway_promise(call, NULL); /* a reserve makes its own anew (G5) */
    }
    PAWL_ASSERT((call->hold != 0) == states[state].held);
    PAWL_ASSERT(call->upstream == NULL || states[state].upstream);
}

/* --- Birth and end -------------------------------------------------------------------------- */

static void on_alarm(void *arg)
{
    struct pawl_model_call *call = arg;
    PAWL_ASSERT(call->magic == PAWL_MODEL_CALL_MAGIC);
    switch (call->state) {
    case PAWL_MODEL_CALL_WAITING:
        pawl_model_call_out_of_patience(call);
        return;
    case PAWL_MODEL_CALL_ASKING:
        pawl_limit_out_of_patience(call);
        return;
    case PAWL_MODEL_CALL_FORWARDING:
    case PAWL_MODEL_CALL_STREAMING:
        pawl_model_call_prolong(call);
        return;
    case PAWL_MODEL_CALL_DRAINING:
        if (call->words_due) {
            pawl_refuse_words_due(call);
        } else {
            pawl_model_call_drained(call);
        }
        return;
    case PAWL_MODEL_CALL_SETTLING:
    case PAWL_MODEL_CALL_REFUSING:
        if (call->words_due) {
            pawl_refuse_words_due(call);
        }
        return;
    case PAWL_MODEL_CALL_RECEIVED:
    case PAWL_MODEL_CALL_RESERVING:
    case PAWL_MODEL_CALL_DONE:
    case PAWL_MODEL_CALL_STATE_COUNT:
        return;
    }
}

static void on_gone(struct pawl_http_exchange *exchange)
{
    struct pawl_model_call *call = pawl_model_call_of(exchange);
    if (call == NULL) {
        return;
    }
    call->client_gone = true;
    if (call->state == PAWL_MODEL_CALL_WAITING) {
        pawl_gateway_leave(call->gateway, call);
        pawl_model_call_abort_exchange(call);
        pawl_model_call_done(call);
    } else if (call->state == PAWL_MODEL_CALL_ASKING) {
        pawl_limit_leave(call);
        pawl_model_call_abort_exchange(call);
        pawl_model_call_done(call);
    } else if (call->state == PAWL_MODEL_CALL_FORWARDING ||
               call->state == PAWL_MODEL_CALL_STREAMING) {
        call->had_all = pawl_model_call_has_all(call);
        pawl_model_call_drain(call);
    } else if (call->words_due) {
        pawl_refuse_words_due(call);
    }
}

static void on_drained(struct pawl_http_exchange *exchange)
{
    struct pawl_model_call *call = pawl_model_call_of(exchange);
    if (call != NULL) {
        call->answer.client_slow = false;
        pawl_model_call_resume(call);
    }
}

static void init_store(struct pawl_call_store *store)
{
    pawl_arena_init(&store->arena, CALL_ARENA_BYTES_MAX);
    pawl_buf_init(&store->body, PAWL_BODY_BYTES_MAX);
    /* A few values longer than what came. */
    pawl_buf_init(&store->forwarded, PAWL_BODY_BYTES_MAX + 4096);
    pawl_buf_init(&store->decoded, PAWL_ANSWER_BYTES_MAX);
    pawl_buf_init(&store->url, PAWL_URL_BYTES_MAX);
    pawl_buf_init(&store->note, PAWL_METADATA_BYTES_MAX);
    pawl_buf_init(&store->settle_note, PAWL_METADATA_BYTES_MAX);
}

static void recycle_buf(struct pawl_buf *buf)
{
    if (buf->capacity > PAWL_POOL_BYTES_MAX) {
        pawl_buf_free(buf);
    }
    pawl_buf_reset(buf);
}

static void recycle_arena(struct pawl_arena *arena)
{
    if (arena->used_bytes > PAWL_POOL_BYTES_MAX) {
        pawl_arena_free(arena);
    }
    pawl_arena_reset(arena);
}

void pawl_model_call_forget_scratch(struct pawl_model_call *call)
{
    recycle_arena(&call->gateway->scratch);
}

static void recycle_store(struct pawl_call_store *store)
{
    recycle_arena(&store->arena);
    recycle_buf(&store->body);
    recycle_buf(&store->forwarded);
    recycle_buf(&store->decoded);
    recycle_buf(&store->url);
    recycle_buf(&store->note);
    recycle_buf(&store->settle_note);
}

static void free_store(struct pawl_call_store *store)
{
    pawl_arena_free(&store->arena);
    pawl_buf_free(&store->body);
    pawl_buf_free(&store->forwarded);
    pawl_buf_free(&store->decoded);
    pawl_buf_free(&store->url);
    pawl_buf_free(&store->note);
    pawl_buf_free(&store->settle_note);
}

/* What one request alone had. */
static void free_rest(struct pawl_model_call *call)
{
    pawl_buf_free(&call->answer.gate);
    pawl_buf_free(&call->answer.seen);
    pawl_buf_free(&call->answer.pending);
    pawl_visible_free(&call->answer.visible);
    pawl_sse_free(&call->answer.sse);
    pawl_items_free(&call->answer.list);
    pawl_decoder_free(call->answer.decoder);
    pawl_estimate_mark_free(&call->mark);
    if (call->answer.meter_made) {
        pawl_meter_free(&call->answer.meter);
    }
    pawl_tool_reader_free(&call->answer.tools);
}

static void link_call(struct pawl_gateway *gateway, struct pawl_model_call *call)
{
    call->next = gateway->calls;
    if (gateway->calls != NULL) {
        gateway->calls->prev = call;
    }
    gateway->calls = call;
    gateway->counters.in_flight++;
}

static void unlink_call(struct pawl_model_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        call->gateway->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    call->gateway->counters.in_flight--;
}

/* A call that lies in the pool, or a new one. NULL without memory. */
static struct pawl_model_call *take_call(struct pawl_gateway *gateway)
{
    struct pawl_model_call *call = gateway->pool;
    if (call != NULL) {
        gateway->pool = call->next;
        gateway->pool_count--;
        memset(call, 0, offsetof(struct pawl_model_call, store));
        return call;
    }
    call = pawl_alloc_zeroed(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    init_store(&call->store);
    call->store.alarm = pawl_alarm_new(gateway->options.loop, on_alarm, call);
    if (call->store.alarm == NULL) {
        pawl_free(call);
        return NULL;
    }
    struct pawl_call_op *ops[] = {&call->main_op,  &call->note_op, &call->pause_op,
                                  &call->lease_op, &call->grow_op, &call->event_op};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(ops); i++) {
        ops[i]->call = call;
    }
    return call;
}

struct pawl_model_call *pawl_model_call_begin(struct pawl_gateway *gateway)
{
    struct pawl_model_call *call = take_call(gateway);
    if (call == NULL) {
        return NULL;
    }
    call->magic = PAWL_MODEL_CALL_MAGIC;
    call->gateway = gateway;
    call->started_us = pawl_alarm_now_us();
    pawl_buf_init(&call->answer.gate, PAWL_ANSWER_BYTES_MAX);
    pawl_buf_init(&call->answer.seen, PAWL_PARTIAL_BYTES_MAX);
    pawl_buf_init(&call->answer.pending, PAWL_ANSWER_BYTES_MAX);
    pawl_visible_init(&call->answer.visible);
    pawl_sse_init(&call->answer.sse, 0);
    pawl_items_init(&call->answer.list, 0);
    link_call(gateway, call);
    call->open_ops = 1;
    return call;
}

void pawl_model_call_begun(struct pawl_model_call *call)
{
    call->open_ops--;
    pawl_model_call_release(call);
}

/* A call with an exchange. NULL without memory: it is answered. */
static struct pawl_model_call *begin_call(struct pawl_gateway *gateway,
                                          struct pawl_http_exchange *exchange,
                                          const struct pawl_route *route)
{
    struct pawl_model_call *call = pawl_model_call_begin(gateway);
    if (call == NULL) {
        pawl_http_reply(exchange, 503, NULL, 0, PAWL_SLICE("pawl: no memory\n"));
        return NULL;
    }
    gateway->counters.received++;
    call->exchange = exchange;
    call->route = *route;
    call->provider = gateway->providers[route->upstream];
    call->query.modifiers = gateway->modifiers[route->upstream];
    pawl_http_exchange_set_owner(exchange, call);
    pawl_http_exchange_on_gone(exchange, on_gone);
    pawl_http_exchange_on_drained(exchange, on_drained);
    return call;
}

void pawl_model_call_start(struct pawl_gateway *gateway,
                           struct pawl_http_exchange *exchange,
                           const struct pawl_route *route)
{
    struct pawl_model_call *call = begin_call(gateway, exchange, route);
    if (call != NULL) {
        pawl_model_call_receive(call);
        pawl_model_call_begun(call);
    }
}

void pawl_model_call_refuse(struct pawl_gateway *gateway,
                            struct pawl_http_exchange *exchange,
                            enum pawl_dialect dialect,
                            const struct pawl_refusal_words *words)
{
    struct pawl_route route = {.dialect = dialect};
    struct pawl_model_call *call = begin_call(gateway, exchange, &route);
    if (call != NULL) {
        call->words = *words;
        pawl_refuse_call(call);
        pawl_model_call_begun(call);
    }
}

struct pawl_model_call *pawl_model_call_of(struct pawl_http_exchange *exchange)
{
    struct pawl_model_call *call = pawl_http_exchange_owner(exchange);
    PAWL_ASSERT(call == NULL || call->magic == PAWL_MODEL_CALL_MAGIC);
    return call;
}

static void on_alarm_closed(void *arg)
{
    struct pawl_model_call *call = arg;
    struct pawl_gateway *gateway = call->gateway;
    free_store(&call->store);
    pawl_free(call);
    PAWL_ASSERT(gateway->closing_count > 0);
    gateway->closing_count--;
    pawl_gateway_check_idle(gateway);
}

static void close_call(struct pawl_gateway *gateway, struct pawl_model_call *call)
{
    gateway->closing_count++;
    pawl_alarm_close(call->store.alarm, on_alarm_closed);
}

void pawl_model_call_empty_pool(struct pawl_gateway *gateway)
{
    while (gateway->pool != NULL) {
        struct pawl_model_call *call = gateway->pool;
        gateway->pool = call->next;
        gateway->pool_count--;
        close_call(gateway, call);
    }
}

/* The request is over: the call waits for the next one, or goes. */
static void retire(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    PAWL_ASSERT(call->state == PAWL_MODEL_CALL_DONE && call->open_ops == 0);
    unlink_call(call);
    free_rest(call);
    pawl_alarm_stop(call->store.alarm);
    call->magic = 0;
    if (gateway->pool_count < PAWL_POOL_CALLS_MAX) {
        recycle_store(&call->store);
        call->next = gateway->pool;
        gateway->pool = call;
        gateway->pool_count++;
    } else {
        close_call(gateway, call);
    }
    pawl_gateway_check_idle(gateway);
}

void pawl_model_call_done(struct pawl_model_call *call)
{
    PAWL_ASSERT(call->exchange == NULL);
    call->hold = 0;
    pawl_model_call_move(call, PAWL_MODEL_CALL_DONE);
    pawl_model_call_release(call);
}

void pawl_model_call_release(struct pawl_model_call *call)
{
    if (call->state == PAWL_MODEL_CALL_DONE && call->open_ops == 0 && call->magic != 0) {
        retire(call);
    }
}

/* --- What the other files use --------------------------------------------------------------- */

static void on_op_done(struct pawl_op *op)
{
    struct pawl_call_op *call_op = op->arg;
    struct pawl_model_call *call = call_op->call;
    PAWL_ASSERT(call->magic == PAWL_MODEL_CALL_MAGIC && call_op->open);
    PAWL_ASSERT(call->open_ops > 0);
    /* The call stays until its function has run. */
    call_op->open = false;
    call_op->done(call, &op->result);
    call->open_ops--;
    pawl_model_call_release(call);
}

void pawl_model_call_submit(struct pawl_model_call *call,
                            struct pawl_call_op *op,
                            const struct pawl_command *command,
                            void (*done)(struct pawl_model_call *, const struct pawl_result *))
{
    PAWL_ASSERT(!op->open);
    /* Nobody's answer depends on a settlement's being durable, since the hold is on disk; but the
     * end of the gateway does. */
    bool settles = command->type == PAWL_COMMAND_COMMIT || command->type == PAWL_COMMAND_CORRECT ||
                   command->type == PAWL_COMMAND_RELEASE;
    op->open = true;
    op->done = done;
    op->op.done = on_op_done;
    op->op.arg = op;
    op->op.lazy = settles && call->gateway->idle == NULL;
    call->open_ops++;
    pawl_gateway_submit(call->gateway, command, &op->op);
}

void pawl_model_call_set_timer(struct pawl_model_call *call, uint64_t ms)
{
    pawl_alarm_start(call->store.alarm, ms);
}

void pawl_model_call_let_go(struct pawl_model_call *call)
{
    struct pawl_http_call *upstream = call->upstream;
    call->upstream = NULL;
    if (upstream != NULL) {
        pawl_http_call_abort(upstream);
    }
}

void pawl_model_call_abort_exchange(struct pawl_model_call *call)
{
    if (call->exchange != NULL) {
        struct pawl_http_exchange *exchange = call->exchange;
        call->exchange = NULL;
        pawl_http_exchange_set_owner(exchange, NULL);
        pawl_http_reply_abort(exchange);
    }
}
