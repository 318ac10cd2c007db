/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway.c: the gateway as a whole: its birth and end, where a request goes, the latch, and the
 * line of calls that wait for others to settle.
 *
 * The line is first come, first served: whoever stands first is asked again whenever something
 * was given back, and nobody behind is let in before. A call that arrives while others wait goes
 * to the end, even if it would fit.
 *
 * Ownership: the gateway owns its calls and passes; they free themselves when they are done.
 */
#include "gateway/gateway_priv.h"
#include "gateway/price_tier.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/prng.h"
#include "gateway/headers.h"
#include "gateway/vendor.h"

enum { GATEWAY_ARENA_BYTES = 256 * 1024, SCRATCH_BYTES_MAX = 512 << 20 };

/* Who is meant when an address says nothing. */
static const char *const vendor_names[] = {
    [PAWL_UPSTREAM_ANTHROPIC] = "anthropic",
    [PAWL_UPSTREAM_OPENAI] = "openai",
    [PAWL_UPSTREAM_GEMINI] = "google",
    [PAWL_UPSTREAM_CHATGPT] = "openai",
};

struct pawl_slice pawl_gateway_provider_of(const struct pawl_price_book *book,
                                           enum pawl_upstream upstream,
                                           struct pawl_slice base)
{
    struct pawl_slice provider = pawl_price_provider_of_host(book, pawl_route_host_of(base));
    return pawl_slice_empty(provider) ? pawl_slice_str(vendor_names[upstream]) : provider;
}

/* --- Birth and end -------------------------------------------------------------------------- */

static const char *copy_text(struct pawl_gateway *gateway, const char *text)
{
    return text != NULL ? pawl_arena_copy(&gateway->arena, pawl_slice_str(text)).data : NULL;
}

static void copy_subject(struct pawl_gateway *gateway, const struct pawl_subject *subject)
{
    gateway->subject = *subject;
    for (size_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        gateway->subject.levels[i] = pawl_arena_copy(&gateway->arena, subject->levels[i]);
    }
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        struct pawl_dimension *dimension = &gateway->subject.dimensions[i];
        dimension->name = pawl_arena_copy(&gateway->arena, dimension->name);
        dimension->value = pawl_arena_copy(&gateway->arena, dimension->value);
    }
    gateway->subject.session = pawl_arena_copy(&gateway->arena, subject->session);
}

static void
copy_upstream(struct pawl_gateway *gateway, enum pawl_upstream upstream, const char *given)
{
    const char *text = copy_text(gateway, given != NULL ? given : pawl_vendor_base(upstream));
    gateway->bases[upstream] = pawl_route_trim_base(upstream, pawl_slice_str(text));
    struct pawl_slice host = pawl_route_host_of(gateway->bases[upstream]);
    gateway->providers[upstream] =
        pawl_gateway_provider_of(gateway->options.prices, upstream, gateway->bases[upstream]);
    /* "eu.api.openai.com": data that stays in a region costs more. */
    bool regional = pawl_slice_ends_with(host, PAWL_SLICE(".api.openai.com"));
    gateway->modifiers[upstream] = regional ? PAWL_MODIFIER_REGIONAL : 0;
}

/* The model that the user declared, whatever provider it is of. */
static void set_baseline(struct pawl_gateway *gateway, const struct pawl_gateway_options *options)
{
    struct pawl_price price;
    struct pawl_price_query query = {.model = pawl_slice_str(options->declared_model),
                                     .at_us = pawl_gateway_now_us(gateway)};
    bool priced =
        options->declared_model != NULL && pawl_price_lookup(options->prices, query, &price);
    pawl_escalation_init(&gateway->escalation, options->escalation, query.model,
                         priced ? pawl_price_tier(&price) : 0);
    gateway->options.declared_model = NULL; /* borrowed for this call only */
}

pawl_err pawl_gateway_new(const struct pawl_gateway_options *options,
                          struct pawl_gateway **ret_gateway)
{
    PAWL_ASSERT(options->loop != NULL && options->client != NULL && options->authority != NULL);
    PAWL_ASSERT(options->prices != NULL && options->subject != NULL);
    PAWL_ASSERT(options->secret != NULL && options->run_id != NULL);
    struct pawl_gateway *gateway = pawl_alloc_zeroed(1, sizeof(*gateway));
    struct pawl_estimator *estimator = pawl_estimator_new();
    if (gateway == NULL || estimator == NULL) {
        pawl_free(gateway);
        pawl_estimator_free(estimator);
        return PAWL_ERR(MEMORY);
    }
    gateway->options = *options;
    gateway->estimator = estimator;
    pawl_random_bytes(&gateway->element_key, sizeof(gateway->element_key));
    gateway->subscriptions.key = options->account_key;
    set_baseline(gateway, options);
    pawl_arena_init(&gateway->arena, GATEWAY_ARENA_BYTES);
    pawl_arena_init(&gateway->scratch, SCRATCH_BYTES_MAX);
    gateway->options.secret = copy_text(gateway, options->secret);
    gateway->options.run_id = copy_text(gateway, options->run_id);
    gateway->options.run_words =
        copy_text(gateway, options->run_words != NULL ? options->run_words : options->run_id);
    gateway->options.prices_path = copy_text(gateway, options->prices_path);
    gateway->options.policy = copy_text(gateway, options->policy);
    pawl_buf_init(&gateway->summary_text, PAWL_SUMMARY_TEXT_MAX);
    copy_subject(gateway, options->subject);
    for (int i = 0; i < options->phases.count; i++) {
        gateway->options.phases.phases[i].name = copy_text(gateway, options->phases.phases[i].name);
    }
    gateway->phases.pinned = PAWL_PHASE_NONE;
    gateway->phases.hooked = PAWL_PHASE_NONE;
    gateway->options.subject = &gateway->subject;
    for (int i = 0; i < PAWL_UPSTREAM_COUNT; i++) {
        copy_upstream(gateway, (enum pawl_upstream)i, options->upstreams[i]);
    }
    struct pawl_slice tenant = gateway->subject.levels[PAWL_LEVEL_TENANT];
    (void)snprintf(gateway->scope, sizeof(gateway->scope), "tenant:%.*s/session:%.*s",
                   (int)tenant.bytes, tenant.data, (int)gateway->subject.session.bytes,
                   gateway->subject.session.data);
    if (gateway->arena.overflowed) {
        pawl_gateway_free(gateway);
        return PAWL_ERR(MEMORY);
    }
    pawl_gate_tell_baseline(gateway, false);
    *ret_gateway = gateway;
    return PAWL_OK;
}

void pawl_gateway_free(struct pawl_gateway *gateway)
{
    if (gateway == NULL) {
        return;
    }
    PAWL_ASSERT(gateway->calls == NULL && gateway->passes == NULL);
    PAWL_ASSERT(gateway->pool == NULL && gateway->closing_count == 0);
    pawl_estimator_free(gateway->estimator);
    pawl_buf_free(&gateway->summary_text);
    pawl_arena_free(&gateway->arena);
    pawl_arena_free(&gateway->scratch);
    pawl_free(gateway);
}

struct pawl_gateway_counters pawl_gateway_counters(const struct pawl_gateway *gateway)
{
    return gateway->counters;
}

void pawl_gateway_teach(struct pawl_gateway *gateway,
                        struct pawl_slice model,
                        const struct pawl_estimate_lesson *lesson)
{
    pawl_estimator_teach(gateway->estimator, model, lesson);
}

uint32_t pawl_gateway_estimates(const struct pawl_gateway *gateway,
                                struct pawl_estimate_error ret_errors[PAWL_ESTIMATE_MODELS])
{
    return pawl_estimate_errors(gateway->estimator, ret_errors);
}

bool pawl_gateway_flowing(const struct pawl_gateway *gateway)
{
    return gateway->flowing_count > 0 || gateway->passes != NULL;
}

/* --- The ledger ----------------------------------------------------------------------------- */

int64_t pawl_gateway_now_us(const struct pawl_gateway *gateway)
{
    return gateway->options.authority->ops->now_us(gateway->options.authority);
}

void pawl_gateway_submit(struct pawl_gateway *gateway,
                         const struct pawl_command *command,
                         struct pawl_op *op)
{
    gateway->options.authority->ops->submit(gateway->options.authority, command, op);
}

/* What is promised stays in the room: it comes back, as a hold does. */
static struct pawl_admission_left
left_of_quote(const struct pawl_gateway *gateway, uint16_t unit, const struct pawl_quote *quote)
{
    int64_t promised = 0;
    for (size_t i = 0; i < PAWL_ADMISSION_UNIT_COUNT; i++) {
        promised += pawl_admission_units[i] == unit ? gateway->promised[i] : 0;
    }
    promised = quote->bound ? promised : 0;
    return (struct pawl_admission_left){
        .bound = quote->bound,
        .free = quote->remaining - promised,
        .promised = promised,
        .room = quote->headroom,
        .limit = quote->limit,
        .spent = quote->spent,
        .held = quote->held + promised,
        .resets_at_us = quote->resets_at_us,
    };
}

static uint16_t left_in(struct pawl_gateway *gateway,
                        struct pawl_slice phase,
                        struct pawl_admission_left ret_left[PAWL_ADMISSION_UNIT_COUNT],
                        struct pawl_denial *ret_denial)
{
    struct pawl_authority *authority = gateway->options.authority;
    struct pawl_quote quotes[PAWL_ADMISSION_UNIT_COUNT];
    *ret_denial = (struct pawl_denial){.budget = 0};
    uint16_t code = authority->ops->quote(authority, &gateway->subject, phase, pawl_admission_units,
                                          PAWL_ADMISSION_UNIT_COUNT, quotes, ret_denial);
    for (size_t i = 0; i < PAWL_ADMISSION_UNIT_COUNT; i++) {
        ret_left[i] = left_of_quote(gateway, pawl_admission_units[i], &quotes[i]);
    }
    return code;
}

uint16_t pawl_gateway_left(struct pawl_gateway *gateway,
                           struct pawl_admission_left ret_left[PAWL_ADMISSION_UNIT_COUNT],
                           struct pawl_denial *ret_denial)
{
    return left_in(gateway, pawl_phase_whole(gateway), ret_left, ret_denial);
}

uint16_t pawl_gateway_left_in_phase(struct pawl_model_call *call,
                                    struct pawl_admission_left ret_left[PAWL_ADMISSION_UNIT_COUNT],
                                    struct pawl_denial *ret_denial)
{
    struct pawl_gateway *gateway = call->gateway;
    return left_in(gateway, pawl_phase_name(gateway, call->phase), ret_left, ret_denial);
}

struct pawl_admission_left pawl_gateway_left_of(struct pawl_gateway *gateway, uint16_t unit)
{
    struct pawl_authority *authority = gateway->options.authority;
    struct pawl_quote quote;
    struct pawl_denial denial;
    (void)authority->ops->quote(authority, &gateway->subject, pawl_phase_whole(gateway), &unit, 1,
                                &quote, &denial);
    return left_of_quote(gateway, unit, &quote);
}

bool pawl_gateway_shared(struct pawl_gateway *gateway,
                         uint16_t unit,
                         bool at_best,
                         struct pawl_shared_limit *ret_shared)
{
    struct pawl_authority *authority = gateway->options.authority;
    return authority->ops->shared != NULL &&
           authority->ops->shared(authority, &gateway->subject, unit, at_best, ret_shared);
}

bool pawl_gateway_keep(struct pawl_gateway *gateway, int unit, int64_t *ret_free, int64_t *ret_room)
{
    struct pawl_authority *authority = gateway->options.authority;
    return authority->ops->keep != NULL &&
           authority->ops->keep(authority, pawl_admission_units[unit], &gateway->kept[unit],
                                ret_free, ret_room);
}

void pawl_gateway_promise(struct pawl_model_call *call, const int64_t *promised)
{
    struct pawl_gateway *gateway = call->gateway;
    for (size_t i = 0; i < PAWL_ADMISSION_UNIT_COUNT; i++) {
        int64_t now = promised != NULL ? promised[i] : 0;
        gateway->promised[i] += now - call->promised[i];
        call->promised[i] = now;
        PAWL_ASSERT(now >= 0 && gateway->promised[i] >= 0);
    }
}

/* --- Dispatch ------------------------------------------------------------------------------- */

static void reply_not_found(struct pawl_http_exchange *exchange)
{
    struct pawl_http_header header = {PAWL_SLICE("content-type"), PAWL_SLICE("text/plain")};
    pawl_http_reply(exchange, 404, &header, 1, PAWL_SLICE("not found\n"));
}

static void refuse_path(struct pawl_gateway *gateway,
                        struct pawl_http_exchange *exchange,
                        const struct pawl_route *route)
{
    struct pawl_refusal_words words = {.refusal = PAWL_REFUSAL_UPGRADE};
    if (route->kind == PAWL_ROUTE_UPGRADE) {
        pawl_words_set(&words, "pawl: no websockets here, since what goes through them cannot be "
                               "metered; use plain HTTP, where this provider has it");
    } else if (route->kind == PAWL_ROUTE_BATCH) {
        words.refusal = PAWL_REFUSAL_UNMETERED;
        pawl_words_set(&words,
                       "pawl: a batch is answered and billed later, where no cap can hold it; it "
                       "is refused while run %s has one. pawl run --allow-batches lets batches "
                       "through and keeps them out of its books",
                       gateway->options.run_id);
    } else {
        const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
        words.refusal = PAWL_REFUSAL_UNMETERED;
        pawl_words_set(&words,
                       "pawl: %.*s %.*s may spend, and this version cannot meter it%s%s. It is "
                       "refused while run %s has a cap; what must be called all the same is called "
                       "from outside of pawl run",
                       (int)pawl_slice_sub(request->method, 0, 16).bytes, request->method.data,
                       (int)pawl_slice_sub(route->rest, 0, 128).bytes, route->rest.data,
                       route->words != NULL ? ": " : "", route->words != NULL ? route->words : "",
                       gateway->options.run_id);
    }
    pawl_refuse_exchange(exchange, gateway, route->dialect, &words);
}

void pawl_gateway_handle(void *arg, struct pawl_http_exchange *exchange)
{
    struct pawl_gateway *gateway = arg;
    const struct pawl_http_request *request = pawl_http_exchange_request(exchange);
    struct pawl_route_request wanted = {
        .method = request->method,
        .path = request->path,
        .upgrade = request->upgrade,
        .key = pawl_http_header_value(request->headers, request->header_count, "x-pawl-key"),
        .overridden = pawl_headers_overridden(request->headers, request->header_count)};
    struct pawl_route route = pawl_route_of(&wanted, gateway->options.secret);
    switch (route.kind) {
    case PAWL_ROUTE_NOT_FOUND:
        reply_not_found(exchange);
        return;
    case PAWL_ROUTE_MODEL_CALL:
        pawl_model_call_start(gateway, exchange, &route);
        return;
    case PAWL_ROUTE_FREE:
        pawl_pass_start(gateway, exchange, &route);
        return;
    case PAWL_ROUTE_BATCH:
        if (gateway->options.hard_cap && !gateway->options.allow_batches) {
            refuse_path(gateway, exchange, &route);
        } else {
            pawl_pass_start_batch(gateway, exchange, &route);
        }
        return;
    case PAWL_ROUTE_UNMETERED:
        if (gateway->options.hard_cap) {
            refuse_path(gateway, exchange, &route);
        } else {
            pawl_pass_start(gateway, exchange, &route);
        }
        return;
    case PAWL_ROUTE_UPGRADE:
        refuse_path(gateway, exchange, &route);
        return;
    }
    PAWL_UNREACHABLE();
}

/* --- The line ------------------------------------------------------------------------------- */

void pawl_gateway_wait(struct pawl_gateway *gateway, struct pawl_model_call *call)
{
    PAWL_ASSERT(call->wait_next == NULL && gateway->wait_tail != call);
    if (gateway->wait_tail != NULL) {
        gateway->wait_tail->wait_next = call;
    } else {
        gateway->wait_head = call;
    }
    gateway->wait_tail = call;
    gateway->wait_count++;
}

void pawl_gateway_leave(struct pawl_gateway *gateway, struct pawl_model_call *call)
{
    struct pawl_model_call *before = NULL;
    for (struct pawl_model_call *at = gateway->wait_head; at != NULL; at = at->wait_next) {
        if (at != call) {
            before = at;
            continue;
        }
        if (before != NULL) {
            before->wait_next = call->wait_next;
        } else {
            gateway->wait_head = call->wait_next;
        }
        if (gateway->wait_tail == call) {
            gateway->wait_tail = before;
        }
        call->wait_next = NULL;
        gateway->wait_count--;
        return;
    }
    PAWL_UNREACHABLE();
}

void pawl_gateway_pump(struct pawl_gateway *gateway)
{
    if (gateway->pumping) {
        return;
    }
    gateway->pumping = true;
    while (gateway->wait_head != NULL) {
        if (!pawl_model_call_admit(gateway->wait_head)) {
            break;
        }
    }
    gateway->pumping = false;
}

void pawl_gateway_retry(struct pawl_gateway *gateway)
{
    pawl_limit_retry(gateway);
    pawl_gateway_pump(gateway);
}

/* --- Latch and end -------------------------------------------------------------------------- */

void pawl_gateway_stop(struct pawl_gateway *gateway, enum pawl_refusal refusal, const char *message)
{
    gateway->stopped = true;
    gateway->latch = (struct pawl_refusal_words){.refusal = refusal};
    pawl_words_set(&gateway->latch, "%s", message);
    pawl_gateway_pump(gateway);
    pawl_limit_ask_again(gateway);
}

void pawl_gateway_unlatch(struct pawl_gateway *gateway)
{
    gateway->stopped = false;
    gateway->latched = false;
    gateway->too_big_running = 0;
    gateway->stuck = false;
    gateway->asked = false;
    pawl_limit_ask_again(gateway);
    pawl_gateway_pump(gateway);
}

void pawl_gateway_go_on(struct pawl_gateway *gateway)
{
    bool latched = gateway->latched;
    if (latched) {
        gateway->stuck_at = gateway->latch;
    }
    pawl_gateway_unlatch(gateway);
    gateway->stuck = latched;
}

void pawl_gateway_check_idle(struct pawl_gateway *gateway)
{
    if (gateway->idle == NULL || gateway->calls != NULL || gateway->passes != NULL) {
        return;
    }
    /* Their alarms hang on the loop, which the caller will close. */
    pawl_model_call_empty_pool(gateway);
    if (gateway->closing_count > 0) {
        return;
    }
    void (*idle)(void *arg) = gateway->idle;
    gateway->idle = NULL;
    gateway->settle_drain_ms = 0;
    idle(gateway->idle_arg);
}

void pawl_gateway_settle_all(struct pawl_gateway *gateway,
                             uint32_t drain_ms,
                             void (*idle)(void *arg),
                             void *arg)
{
    PAWL_ASSERT(gateway->idle == NULL && idle != NULL);
    gateway->idle = idle;
    gateway->idle_arg = arg;
    gateway->settle_drain_ms = drain_ms > 0 ? drain_ms : 1;
    pawl_pass_abort_all(gateway);
    for (struct pawl_model_call *call = gateway->calls; call != NULL; call = call->next) {
        if (call->state == PAWL_MODEL_CALL_FORWARDING || call->state == PAWL_MODEL_CALL_STREAMING) {
            pawl_model_call_drain(call);
        } else if (call->state == PAWL_MODEL_CALL_DRAINING) {
            pawl_model_call_set_timer(call, gateway->settle_drain_ms);
        }
    }
    pawl_gateway_check_idle(gateway);
}
