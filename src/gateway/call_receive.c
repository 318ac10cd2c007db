/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_receive.c: a request becomes a call. Its body is undone of its coding, read, priced and
 * bounded once; then everything has its say that may hold it or turn it away before the budget is
 * asked (call_admit.c).
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "net/http.h"

enum { AGENT_BYTES_MAX = 96 };

static void refuse(struct pawl_model_call *call, enum pawl_refusal refusal, const char *message)
{
    call->words = (struct pawl_refusal_words){.refusal = refusal};
    pawl_words_set(&call->words, "pawl: %s", message);
    pawl_refuse_call(call);
}

/* --- Reading -------------------------------------------------------------------------------- */

/* The request's body without its content coding, or a refusal. */
static bool decode_body(struct pawl_model_call *call, struct pawl_slice *ret_body)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(call->exchange);
    enum pawl_coding coding = pawl_coding_of(
        pawl_http_header_value(request->headers, request->header_count, "content-encoding"));
    if (coding == PAWL_CODING_IDENTITY) {
        *ret_body = request->body;
        return true;
    }
    struct pawl_decoder *decoder = pawl_decoder_new(coding);
    if (decoder == NULL) {
        char words[160];
        (void)snprintf(words, sizeof(words),
                       "the body's content coding is not served; %s are, one at a time",
                       pawl_codings_served());
        refuse(call, PAWL_REFUSAL_BODY, words);
        return false;
    }
    enum pawl_decode_status status = pawl_decoder_feed(decoder, request->body, &call->store.body);
    bool whole = status == PAWL_DECODE_OK && pawl_decoder_complete(decoder);
    pawl_decoder_free(decoder);
    if (!whole) {
        refuse(call, PAWL_REFUSAL_BODY,
               status == PAWL_DECODE_TOO_BIG ? "the body is too large when decoded"
                                             : "the body is not coded as its header says");
        return false;
    }
    *ret_body = pawl_buf_slice(&call->store.body);
    return true;
}

/* Under a plan the provider refuses what is put in ("Unsupported parameter: max_output_tokens"):
 * nothing is, and a bound that the body has is lowered all the same. */
static void put_nothing_in(struct pawl_model_request *request)
{
    request->no_ceiling = true;
    for (uint32_t i = 0; i < request->tool_count; i++) {
        struct pawl_request_tool *tool = &request->tools[i];
        tool->inside = tool->max_uses.end != 0 ? tool->inside : 0;
    }
}

static bool read_body(struct pawl_model_call *call, struct pawl_slice body)
{
    struct pawl_errmsg msg = {.text = ""};
    pawl_model_call_forget_scratch(call); /* of a call that was refused before it was read */
    struct pawl_request_source source = {.dialect = call->route.dialect,
                                         .model = call->route.model,
                                         .stream = call->route.stream,
                                         .key = call->gateway->element_key};
    pawl_err err = pawl_request_read(&source, body, &call->gateway->scratch, &call->request, &msg);
    if (pawl_failed(err)) {
        bool memory = err.code == PAWL_ERR_MEMORY;
        refuse(call, PAWL_REFUSAL_BODY, memory ? "no memory to read the body" : msg.text);
        return false;
    }
    call->request.model = pawl_arena_copy(&call->store.arena, call->request.model);
    call->request.pictures.model =
        pawl_arena_copy(&call->store.arena, call->request.pictures.model);
    if (call->route.upstream == PAWL_UPSTREAM_CHATGPT) {
        put_nothing_in(&call->request);
    }
    return true;
}

/* --- Pricing and estimating ----------------------------------------------------------------- */

/* Tokens that the provider has for the client and that are not in the body; -1: nobody knows. */
static int64_t kept_tokens(const struct pawl_model_call *call)
{
    if (call->request.input_elsewhere) {
        return -1;
    }
    struct pawl_slice previous = call->request.previous_response;
    return pawl_slice_empty(previous) ? 0
                                      : pawl_previous_tokens(&call->gateway->previous, previous);
}

/* The bound of all that goes in. No prompt is larger than its model's window. */
int64_t pawl_model_call_input_bound(const struct pawl_model_call *call)
{
    int64_t known = call->estimate.tokens;
    int64_t window = call->priced ? call->price.context_tokens : 0;
    int64_t kept = call->kept_tokens >= 0 ? call->kept_tokens : window;
    return window > 0 ? pawl_min_i64(known + kept, pawl_max_i64(known, window)) : known + kept;
}

/* A model that the book lacks is priced as the dearest of its kind, as in a bill (meter.c). */
static void price_pictures(struct pawl_model_call *call, struct pawl_price_query query)
{
    const struct pawl_price_book *book = call->gateway->options.prices;
    query.model = call->request.pictures.model;
    call->pictures_priced = pawl_price_lookup(book, query, &call->pictures_price);
    if (!call->pictures_priced) {
        query.model = PAWL_SLICE(PAWL_USAGE_PICTURES_MODEL);
        call->pictures_priced = pawl_price_lookup(book, query, &call->pictures_price);
    }
    if (!call->pictures_priced && call->request.unbounded == NULL) {
        call->request.unbounded = "pictures by a model that no price is known for";
    }
}

/* Those that were made for other calls of this run; of others nobody knows size and price. */
static void find_containers(struct pawl_model_call *call)
{
    struct pawl_model_request *request = &call->request;
    for (uint32_t i = 0; i < request->containers_named.count; i++) {
        int64_t gigabytes = pawl_containers_gigabytes(&call->gateway->containers,
                                                      request->containers_named.name[i]);
        request->container_gb_named += pawl_max_i64(gigabytes, 0);
        if (gigabytes < 0 && request->unbounded == NULL) {
            request->unbounded = "a container by its id that was not made for an answer of this "
                                 "run, so that its size and price are not known; a container of "
                                 "type auto is let through";
        }
    }
}

static void price_and_estimate(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_price_query query = {.provider = call->provider,
                                     .model = call->request.model,
                                     .at_us = pawl_gateway_now_us(gateway)};
    call->priced = pawl_price_lookup(gateway->options.prices, query, &call->price);
    if (!pawl_slice_empty(call->request.pictures.model)) {
        price_pictures(call, query);
    }
    int64_t context = call->priced ? call->price.context_tokens : 0;
    /* A ceiling that fills the window leaves no room for the prompt. */
    bool ours = !call->request.output_given || call->request.output_fixed;
    if (ours && context > 0 && call->request.output_asked > context / 2) {
        call->request.output_asked = context / 2;
    }
    const struct pawl_estimate_body *elements = &call->request.elements;
    call->estimate = pawl_estimate_input(gateway->estimator, call->request.model, elements);
    call->mark = pawl_estimate_mark_of(&call->estimate, elements);
    call->kept_tokens = kept_tokens(call);
    if (call->kept_tokens < 0 && context == 0 && call->request.unbounded == NULL) {
        call->request.unbounded = "earlier input that the provider keeps, and the context window "
                                  "of its model is not known";
    }
    find_containers(call);
    pawl_phase_find(call);
    call->request.previous_response = PAWL_SLICE_NONE;
    /* From here on only the body's bytes and its figures are needed. */
    call->request.elements = (struct pawl_estimate_body){.base = NULL};
    pawl_model_call_forget_scratch(call);
}

/* Whether the policy allows what the body asks for. */
static bool may_be_asked(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (!gateway->options.no_server_tools || call->request.tool_count == 0) {
        return true;
    }
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_FORBIDDEN};
    pawl_words_set(&call->words,
                   "pawl: the policy %s forbids tools that the provider runs and bills, such as "
                   "web searches (tools.expensive: forbid), and this request has one. Ask again "
                   "without it",
                   gateway->options.policy);
    pawl_refuse_call(call);
    return false;
}

static bool may_be_bounded(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (!gateway->options.hard_cap) {
        return true;
    }
    if (call->request.unbounded != NULL) {
        call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_UNMETERED};
        pawl_words_set(&call->words,
                       "pawl: the request asks for %s. It is refused while run %s has a cap; ask "
                       "again without it",
                       call->request.unbounded, gateway->options.run_id);
        pawl_refuse_call(call);
        return false;
    }
    if (!call->priced && pawl_gateway_left_of(gateway, PAWL_UNIT_USD_MICROCENTS).bound) {
        call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_NO_PRICE};
        pawl_words_no_price(&call->words, gateway, call->request.model);
        pawl_refuse_call(call);
        return false;
    }
    return true;
}

static void tell_who(struct pawl_model_call *call)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(call->exchange);
    struct pawl_arena *arena = &call->store.arena;
    struct pawl_slice agent =
        pawl_http_header_value(request->headers, request->header_count, "user-agent");
    call->agent = pawl_arena_copy(arena, pawl_slice_sub(agent, 0, AGENT_BYTES_MAX));
    call->who = pawl_attribution_of(request->headers, request->header_count, arena);
}

/* Before what the body says of its user is forgotten. */
static void tell_account(struct pawl_model_call *call)
{
    const struct pawl_http_request *request = pawl_http_exchange_request(call->exchange);
    call->subscription =
        pawl_subscription_of(&call->gateway->subscriptions, call->route.upstream, request->headers,
                             request->header_count, call->request.user);
    call->request.user = PAWL_SLICE_NONE;
}

void pawl_model_call_receive(struct pawl_model_call *call)
{
    struct pawl_slice body = PAWL_SLICE_NONE;
    tell_who(call);
    if (pawl_model_call_refuse_when_latched(call) || !decode_body(call, &body) ||
        !read_body(call, body)) {
        return;
    }
    tell_account(call);
    pawl_degrade(call);
    price_and_estimate(call);
    if (!may_be_asked(call) || !may_be_bounded(call) || !pawl_quota_gate_pass(call)) {
        return;
    }
    if (!pawl_gate_pass(call)) {
        return;
    }
    if (call->gateway->wait_head != NULL) {
        pawl_model_call_wait(call); /* behind those who came before */
    } else {
        (void)pawl_model_call_admit(call);
    }
}

void pawl_model_call_judge_again(struct pawl_model_call *call)
{
    PAWL_ASSERT(call->state == PAWL_MODEL_CALL_ASKING);
    call->resumes = false;
    if (call->asked.done != NULL) {
        pawl_tools_judge_again(call);
    } else if (!pawl_model_call_refuse_when_latched(call) && pawl_quota_gate_pass(call) &&
               pawl_gate_pass(call)) {
        (void)pawl_model_call_admit(call);
    }
}
