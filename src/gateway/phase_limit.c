/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase_limit.c: a phase at its limit. It is closed then: tool calls that belong to it are refused,
 * at the agent's hook or in the answer; and the call that only reads what the last one of them said
 * is held in the base, since to refuse that would end the work as a whole. In a phase that was set
 * by hand, and in one that halts, the calls themselves are refused.
 *
 * A phase that asks is closed likewise, but what belongs to it waits (limit.c keeps the list) while
 * a person is asked for more: the hook's question, and the call itself. A tool call that an answer
 * shows is let through then, since the call that reads its output will wait. From a no on, and when
 * nobody answered in time, it is a phase that refuses, until it is given more.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/more.h"

enum { AMOUNT_BYTES = PAWL_WORDS_AMOUNT_BYTES, REMEDY_BYTES = 448, USEFUL_TOKENS = 2048 };
_Static_assert((int)AMOUNT_BYTES >= (int)PAWL_MONEY_TEXT_BYTES &&
                   (int)AMOUNT_BYTES >= (int)PAWL_CLOCK_TEXT_BYTES,
               "every amount's text fits");

/* What bounds a phase as such; tool calls are looked at when they are counted. */
static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_ITERATIONS,
                                 PAWL_UNIT_WALL_CLOCK_MS};
enum { UNIT_COUNT = PAWL_ARRAY_LEN(units) };

static bool halts(const struct pawl_gateway *gateway, int phase)
{
    return gateway->options.phases.phases[phase].mode == PAWL_PHASE_HALT;
}

/* --- Closing -------------------------------------------------------------------------------- */

void pawl_gateway_close_phase(struct pawl_gateway *gateway, int phase, uint16_t unit)
{
    PAWL_ASSERT(phase >= 0 && phase < gateway->options.phases.count);
    if (gateway->phases.closed[phase] != 0) {
        return;
    }
    gateway->phases.closed[phase] = unit;
    if (gateway->options.phases.on_closed != NULL) {
        gateway->options.phases.on_closed(gateway->options.arg, phase, unit);
    }
}

void pawl_gateway_open_phase(struct pawl_gateway *gateway, int phase)
{
    PAWL_ASSERT(phase >= 0 && phase < gateway->options.phases.count);
    gateway->phases.closed[phase] = 0;
    gateway->phases.questions[phase] = PAWL_PHASE_UNASKED;
    pawl_limit_phase_answered(gateway, phase);
    pawl_gateway_pump(gateway);
}

bool pawl_gateway_phase_closed(const struct pawl_gateway *gateway, int phase)
{
    return phase < gateway->options.phases.count && gateway->phases.closed[phase] != 0;
}

/* A quote in the phase, or over all phases, of one unit. */
static struct pawl_quote
quote_of(const struct pawl_gateway *gateway, struct pawl_slice phase, uint16_t unit)
{
    struct pawl_authority *authority = gateway->options.authority;
    struct pawl_quote quote;
    struct pawl_denial denial;
    (void)authority->ops->quote(authority, &gateway->subject, phase, &unit, 1, &quote, &denial);
    return quote;
}

/* Of the phase's own budget; false: it has none that is nearer than those of the run. */
static bool
own_quote(const struct pawl_gateway *gateway, int phase, uint16_t unit, struct pawl_quote *ret)
{
    *ret = quote_of(gateway, pawl_phase_name(gateway, phase), unit);
    struct pawl_quote whole = quote_of(gateway, pawl_phase_whole(gateway), unit);
    return ret->bound && (!whole.bound || ret->budget != whole.budget);
}

bool pawl_phase_is_over(struct pawl_model_call *call, int phase)
{
    struct pawl_gateway *gateway = call->gateway;
    for (size_t i = 0; i < UNIT_COUNT && gateway->phases.closed[phase] == 0; i++) {
        struct pawl_quote own;
        if (!own_quote(gateway, phase, units[i], &own)) {
            continue;
        }
        /* Of what is held most comes back, but for the calls themselves. */
        bool calls = units[i] == PAWL_UNIT_ITERATIONS;
        if ((calls ? own.remaining : own.headroom) <= 0) {
            pawl_gateway_close_phase(gateway, phase, units[i]);
        }
    }
    return gateway->phases.closed[phase] != 0;
}

/* --- Words ---------------------------------------------------------------------------------- */

static const char *noun_of(uint16_t unit, int64_t value)
{
    switch (unit) {
    case PAWL_UNIT_TOOL_CALLS:
        return value == 1 ? "tool call" : "tool calls";
    case PAWL_UNIT_ITERATIONS:
        return value == 1 ? "model call" : "model calls";
    default:
        return value == 1 ? "token" : "tokens";
    }
}

/* "$0.40", "10m", "20 model calls", or "20" where the noun stands elsewhere. */
static const char *amount(uint16_t unit, int64_t value, bool noun, char out[static AMOUNT_BYTES])
{
    char number[PAWL_MONEY_TEXT_BYTES];
    value = value > 0 ? value : 0;
    switch (unit) {
    case PAWL_UNIT_USD_MICROCENTS:
        return pawl_money_format_usd_short(value, out);
    case PAWL_UNIT_WALL_CLOCK_MS:
        return pawl_duration_format_ms(value, out);
    default:
        (void)snprintf(out, AMOUNT_BYTES, "%s%s%s", pawl_money_format_count(value, number),
                       noun ? " " : "", noun ? noun_of(unit, value) : "");
        return out;
    }
}

int64_t pawl_phase_amount_to_ask(const struct pawl_refusal_words *words)
{
    return pawl_more_amount((struct pawl_more){
        .unit = words->unit, .limit = words->left.limit, .spent = words->left.spent});
}

/* What goes on, and how much is left for it: of the unit, or in dollars. */
static void add_rest(struct pawl_refusal_words *words, const struct pawl_gateway *gateway)
{
    char left[AMOUNT_BYTES];
    char text[PAWL_MESSAGE_BYTES];
    struct pawl_slice base = pawl_phase_name(gateway, PAWL_PHASE_BASE);
    uint16_t unit = words->unit;
    struct pawl_quote quote = quote_of(gateway, base, unit);
    if (!quote.bound) {
        unit = PAWL_UNIT_USD_MICROCENTS;
        quote = quote_of(gateway, base, unit);
    }
    (void)snprintf(text, sizeof(text), " %s has %s left: go on with the work without more of this,",
                   base.data, amount(unit, quote.remaining, true, left));
    pawl_words_add(words, quote.bound ? text : " Go on with the work without more of this,");
}

/* "verification has used $0.40 of its $0.40"; what became of a question stands behind it. */
static void set_stand(struct pawl_refusal_words *words,
                      const struct pawl_gateway *gateway,
                      int phase,
                      const struct pawl_quote *own)
{
    static const char *const answers[] = {
        [PAWL_PHASE_UNASKED] = "",
        [PAWL_PHASE_ASKED] = "",
        [PAWL_PHASE_UNHEARD] = ", and nobody has answered yet",
        [PAWL_PHASE_DENIED] = ", and more was denied",
        [PAWL_PHASE_UNMANNED] = "",
    };
    const char *name = gateway->options.phases.phases[phase].name;
    const char *answer = answers[gateway->phases.questions[phase]];
    char spent[AMOUNT_BYTES];
    char limit[AMOUNT_BYTES];
    if (own == NULL) {
        pawl_words_set(words, "pawl: %s has nothing useful left%s.", name, answer);
        return;
    }
    /* A model call that is under way is used up already. */
    int64_t used = own->spent + (words->unit == PAWL_UNIT_ITERATIONS ? own->held : 0);
    words->left = (struct pawl_admission_left){.bound = true,
                                               .free = own->remaining,
                                               .room = own->headroom,
                                               .limit = own->limit,
                                               .spent = own->spent,
                                               .held = own->held};
    pawl_words_set(words, "pawl: %s has used %s of its %s%s.", name,
                   amount(words->unit, used, false, spent),
                   amount(words->unit, own->limit, true, limit), answer);
}

/* The command that gives a phase more: where a question stands, its answer; where the run was
 * stopped and nobody is there, the one that goes on with it. */
static const char *remedy(const struct pawl_gateway *gateway,
                          int phase,
                          const struct pawl_refusal_words *words,
                          char out[static REMEDY_BYTES])
{
    const char *name = gateway->options.phases.phases[phase].name;
    const char *run = gateway->options.run_words;
    char more[AMOUNT_BYTES];
    int64_t amount = pawl_phase_amount_to_ask(words);
    enum pawl_phase_question question = gateway->phases.questions[phase];
    bool stands = question == PAWL_PHASE_UNHEARD || question == PAWL_PHASE_ASKED;
    if (words->latches && !gateway->options.limit.attended) {
        (void)snprintf(out, REMEDY_BYTES, "pawl run --resume %s --phase %s=%s", run, name,
                       pawl_more_ceiling(words->unit, amount, more));
    } else if (words->latches || stands) {
        (void)snprintf(out, REMEDY_BYTES, "pawl approve %s --phase %s %s", run, name,
                       pawl_more_option(words->unit, amount, more));
    } else {
        (void)snprintf(out, REMEDY_BYTES, "pawl phase %s %s %s", run, name,
                       pawl_more_option(words->unit, amount, more));
    }
    return out;
}

void pawl_phase_words(struct pawl_model_call *call, int phase)
{
    const struct pawl_gateway *gateway = call->gateway;
    struct pawl_refusal_words *words = &call->words;
    const char *run = gateway->options.run_id;
    struct pawl_quote own;
    char text[PAWL_MESSAGE_BYTES];
    char more[REMEDY_BYTES];
    *words = (struct pawl_refusal_words){
        .refusal = PAWL_REFUSAL_PHASE,
        .unit = gateway->phases.closed[phase],
        .latches = halts(gateway, phase) && !gateway->latched,
        .phase = gateway->options.phases.phases[phase].name,
    };
    bool known = own_quote(gateway, phase, words->unit, &own);
    set_stand(words, gateway, phase, known ? &own : NULL);
    (void)remedy(gateway, phase, words, more);
    if (words->latches) {
        (void)snprintf(text, sizeof(text), " Run %s is stopped; to go on: %s", run, more);
    } else if (phase != PAWL_PHASE_BASE && !call->by_hand) {
        add_rest(words, gateway);
        (void)snprintf(text, sizeof(text), " or give it more: %s", more);
    } else if (phase == PAWL_PHASE_BASE) {
        (void)snprintf(text, sizeof(text), " Give it more to go on: %s", more);
    } else {
        (void)snprintf(text, sizeof(text), " Leave it (pawl phase %s auto), or give it more: %s",
                       gateway->options.run_words, more);
    }
    pawl_words_add(words, text);
}

/* --- Asking --------------------------------------------------------------------------------- */

/* Asks; what came of it is in the phase's question. */
static void ask(struct pawl_gateway *gateway, int phase)
{
    const struct pawl_gateway_options *options = &gateway->options;
    enum pawl_phase_question *question = &gateway->phases.questions[phase];
    uint16_t unit = gateway->phases.closed[phase];
    struct pawl_quote own;
    *question = PAWL_PHASE_UNMANNED;
    if (options->on_ask == NULL || !own_quote(gateway, phase, unit, &own)) {
        return; /* Nothing that could be raised. */
    }
    struct pawl_more more = {.unit = unit, .limit = own.limit, .spent = own.spent};
    struct pawl_limit_question asked = {
        .kind = PAWL_QUESTION_PHASE,
        .phase = phase,
        .asked = {.unit = unit, .value = pawl_more_amount(more)},
        .limit = own.limit,
        .spent = own.spent + (unit == PAWL_UNIT_ITERATIONS ? own.held : 0),
    };
    switch (options->on_ask(options->arg, &asked)) {
    case PAWL_LIMIT_HOLD:
        *question = PAWL_PHASE_ASKED;
        break;
    case PAWL_LIMIT_TELL:
        *question = PAWL_PHASE_UNHEARD;
        break;
    case PAWL_LIMIT_NOBODY:
        break;
    }
}

bool pawl_phase_ask(struct pawl_model_call *call, int phase)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->options.phases.phases[phase].mode != PAWL_PHASE_ASK) {
        return false;
    }
    PAWL_ASSERT(gateway->phases.closed[phase] != 0);
    if (gateway->phases.questions[phase] == PAWL_PHASE_UNASKED) {
        ask(gateway, phase);
    }
    return gateway->phases.questions[phase] == PAWL_PHASE_ASKED;
}

bool pawl_phase_wait(struct pawl_model_call *call, int phase)
{
    if (!pawl_phase_ask(call, phase)) {
        return false;
    }
    call->gate = PAWL_QUESTION_PHASE;
    call->asked_phase = phase;
    pawl_limit_hold(call, pawl_model_call_patience_ms(call));
    return true;
}

/* The question stands, and its answer counts whenever it comes; but nobody waits for it. */
static void settle_question(struct pawl_gateway *gateway, int phase, enum pawl_phase_question as)
{
    PAWL_ASSERT(phase >= 0 && phase < gateway->options.phases.count);
    gateway->phases.questions[phase] = as;
    pawl_limit_phase_answered(gateway, phase);
}

void pawl_phase_unheard(struct pawl_model_call *call)
{
    call->gateway->phases.questions[call->asked_phase] = PAWL_PHASE_UNHEARD;
}

void pawl_gateway_untold_phase(struct pawl_gateway *gateway, int phase)
{
    settle_question(gateway, phase, PAWL_PHASE_UNHEARD);
}

void pawl_gateway_deny_phase(struct pawl_gateway *gateway, int phase)
{
    settle_question(gateway, phase, PAWL_PHASE_DENIED);
}

/* --- Admission ------------------------------------------------------------------------------ */

bool pawl_phase_may_leave(const struct pawl_model_call *call)
{
    return call->gateway->options.phases.count > 0 && call->phase != PAWL_PHASE_BASE &&
           !call->by_hand && !halts(call->gateway, call->phase);
}

/* Whether what the phase has left is worth the call, beside what it would get elsewhere. */
static bool suffices(const struct pawl_model_call *call,
                     const struct pawl_admission *inside,
                     const struct pawl_admission *outside)
{
    if (inside->verdict == PAWL_ADMISSION_HELD || outside->verdict != PAWL_ADMISSION_ADMIT) {
        return true; /* Others give back; or nobody would get anything. */
    }
    int64_t useful = pawl_max_i64(USEFUL_TOKENS, call->query.learned.tokens_p95);
    return inside->verdict == PAWL_ADMISSION_ADMIT &&
           inside->ceiling >= pawl_min_i64(outside->ceiling, useful);
}

bool pawl_phase_leave(struct pawl_model_call *call,
                      const struct pawl_admission *inside,
                      const struct pawl_admission_left *left)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->phases.closed[call->phase] == 0) {
        if (suffices(call, inside, &call->admission)) {
            return false;
        }
        enum pawl_admission_unit unit =
            inside->verdict == PAWL_ADMISSION_ADMIT ? PAWL_ADMISSION_USD : inside->unit;
        if (left[unit].held == 0) {
            pawl_gateway_close_phase(gateway, call->phase, pawl_admission_units[unit]);
        }
    }
    if (gateway->phases.closed[call->phase] != 0 && pawl_phase_ask(call, call->phase)) {
        return false; /* It waits for the answer. */
    }
    call->phase = PAWL_PHASE_BASE;
    return true;
}

/* Whether it is the phase and not the run that has nothing left for the call. */
bool pawl_phase_binds(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->options.phases.count == 0) {
        return false;
    }
    uint16_t unit = pawl_admission_units[call->admission.unit];
    struct pawl_quote own;
    if (call->admission.verdict != PAWL_ADMISSION_SPENT ||
        !own_quote(gateway, call->phase, unit, &own)) {
        return false; /* It is the run's. */
    }
    pawl_gateway_close_phase(gateway, call->phase, unit);
    return true;
}

/* --- Tool calls ----------------------------------------------------------------------------- */

struct pawl_slice pawl_phase_of_event(struct pawl_model_call *call, int64_t count)
{
    struct pawl_gateway *gateway = call->gateway;
    int phase = call->event_phase;
    if (gateway->options.phases.count == 0) {
        return PAWL_SLICE_NONE;
    }
    struct pawl_quote own;
    if (own_quote(gateway, phase, PAWL_UNIT_TOOL_CALLS, &own) && own.remaining < count) {
        pawl_gateway_close_phase(gateway, phase, PAWL_UNIT_TOOL_CALLS);
        if (phase != PAWL_PHASE_BASE && !halts(gateway, phase)) {
            phase = PAWL_PHASE_BASE;
        }
    }
    call->event_phase = phase;
    return pawl_phase_name(gateway, phase);
}

bool pawl_phase_refuses_event(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    int phase = call->event_phase;
    if (gateway->options.phases.count == 0 ||
        gateway->phases.closed[phase] != PAWL_UNIT_TOOL_CALLS ||
        pawl_gateway_left_of(gateway, PAWL_UNIT_TOOL_CALLS).free <= 0) {
        return false;
    }
    (void)pawl_phase_ask(call, phase); /* A yes is for the next one: an answer is not held. */
    pawl_phase_words(call, phase);
    return true;
}

void pawl_phase_add_headers(struct pawl_model_call *call,
                            struct pawl_http_header *headers,
                            size_t *count)
{
    const struct pawl_gateway *gateway = call->gateway;
    struct pawl_slice name = pawl_phase_name(gateway, call->phase);
    if (pawl_slice_empty(name)) {
        return;
    }
    headers[(*count)++] = (struct pawl_http_header){PAWL_SLICE("x-pawl-phase"), name};
    struct pawl_quote quote = quote_of(gateway, name, PAWL_UNIT_USD_MICROCENTS);
    if (quote.bound) {
        headers[(*count)++] = (struct pawl_http_header){
            PAWL_SLICE("x-pawl-phase-remaining-usd-microcents"),
            pawl_arena_printf(&call->store.arena, "%lld",
                              (long long)pawl_max_i64(quote.remaining, 0))};
    }
}
