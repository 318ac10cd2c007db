/* SPDX-License-Identifier: Apache-2.0 */
/*
 * degrade.c: from a share of the budget on, calls go to a cheaper model. The share is of the
 * dollars or of the tokens, whichever is further; an approval that raises a cap takes steps back. A
 * run that goes on with another one counts what that one had spent.
 *
 * A call keeps its model where the step's is not cheaper than it, so that a client's own small
 * calls stay where they are, and where the provider does not have it. Its body changes in that one
 * value: what only the dearer model takes (a beta's field, an effort) stays in it.
 */
#include "base/assert.h"
#include "gateway/gateway_priv.h"

enum { SAMPLE_INPUT = 10000 };

static int64_t permille_used(struct pawl_gateway *gateway, uint16_t unit)
{
    struct pawl_admission_left left = pawl_gateway_left_of(gateway, unit);
    const struct pawl_limit_options *options = &gateway->options.limit;
    int64_t before = unit == PAWL_UNIT_TOKENS ? options->before_tokens : options->before_microcents;
    int64_t spent = 0;
    int64_t limit = 0;
    int64_t permille = 0;
    if (!left.bound || left.limit <= 0 || !pawl_money_add(left.spent, before, &spent) ||
        !pawl_money_add(left.limit, before, &limit) ||
        !pawl_money_mul_div_floor(spent, 1000, limit, &permille)) {
        return 0;
    }
    return permille;
}

static int64_t rates_of(const struct pawl_price *price)
{
    return pawl_price_rate(price, PAWL_PRICE_INPUT, SAMPLE_INPUT) +
           pawl_price_rate(price, PAWL_PRICE_OUTPUT, SAMPLE_INPUT);
}

static bool find_price(const struct pawl_model_call *call,
                       struct pawl_slice model,
                       struct pawl_price *ret_price)
{
    struct pawl_price_query query = {
        .provider = call->provider, .model = model, .at_us = pawl_gateway_now_us(call->gateway)};
    /* A price of another provider says that this one does not have the model. */
    return pawl_price_lookup(call->gateway->options.prices, query, ret_price) &&
           ret_price->match != PAWL_PRICE_MATCH_ELSEWHERE;
}

static void tell(struct pawl_model_call *call, uint32_t index, uint32_t *told, bool fits)
{
    struct pawl_gateway *gateway = call->gateway;
    uint32_t bit = 1u << index;
    if ((*told & bit) != 0 || gateway->options.on_step == NULL) {
        return;
    }
    *told |= bit;
    struct pawl_limit_step step = {
        .step = &gateway->options.limit.steps[index],
        .from = call->request.model,
        .provider = call->provider,
        .fits = fits,
    };
    gateway->options.on_step(gateway->options.arg, &step);
}

/* Where the path names the model, the path changes, whatever the body says beside it. */
static bool name_in_path(struct pawl_model_call *call, struct pawl_slice model)
{
    struct pawl_route *route = &call->route;
    const char *end = route->rest.data + route->rest.bytes;
    bool inside = route->model.data >= route->rest.data && route->model.data <= end;
    if (pawl_slice_empty(route->model) || !inside) {
        return false;
    }
    size_t before = (size_t)(route->model.data - route->rest.data);
    struct pawl_slice tail =
        pawl_slice_sub(route->rest, before + route->model.bytes, route->rest.bytes);
    struct pawl_slice path =
        pawl_arena_printf(&call->store.arena, "%.*s%.*s%.*s", (int)before, route->rest.data,
                          (int)model.bytes, model.data, (int)tail.bytes, tail.data);
    if (pawl_slice_empty(path)) {
        return false;
    }
    route->rest = path;
    route->model = pawl_slice_sub(path, before, model.bytes);
    return true;
}

/* Whether a call of this kind can go to another model. */
static bool may_switch(const struct pawl_model_call *call)
{
    return call->request.model_span.end != 0 || call->route.dialect == PAWL_DIALECT_GEMINI;
}

static void switch_to(struct pawl_model_call *call, uint32_t index)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_slice model = pawl_slice_str(gateway->options.limit.steps[index].model);
    struct pawl_price asked;
    struct pawl_price cheaper;
    struct pawl_price_query query = {.provider = call->provider,
                                     .model = call->request.model,
                                     .at_us = pawl_gateway_now_us(gateway)};
    if (!find_price(call, model, &cheaper)) {
        tell(call, index, &gateway->steps_missed, false);
        return;
    }
    if (pawl_price_lookup(gateway->options.prices, query, &asked) &&
        rates_of(&cheaper) >= rates_of(&asked)) {
        return;
    }
    bool in_path = !pawl_slice_empty(call->route.model);
    if (in_path ? !name_in_path(call, model) : call->request.model_span.end == 0) {
        return;
    }
    tell(call, index, &gateway->steps_told, true);
    call->degraded_from = call->request.model;
    call->request.model = pawl_arena_copy(&call->store.arena, model);
    /* An answer of its own length, where that is known to be below what was asked for. */
    int64_t most = pawl_request_output_default(model);
    if (most < PAWL_REQUEST_OUTPUT_DEFAULT && call->request.output_asked > most) {
        call->request.output_asked = most;
    }
}

void pawl_degrade(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    const struct pawl_limit_options *limit = &gateway->options.limit;
    if (limit->step_count == 0 || !may_switch(call)) {
        return;
    }
    int64_t used = pawl_max_i64(permille_used(gateway, PAWL_UNIT_USD_MICROCENTS),
                                permille_used(gateway, PAWL_UNIT_TOKENS));
    for (uint32_t i = limit->step_count; i > 0; i--) {
        if (used >= (int64_t)limit->steps[i - 1].percent * 10) {
            switch_to(call, i - 1);
            return;
        }
    }
}
