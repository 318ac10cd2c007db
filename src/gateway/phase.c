/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase.c: which phase a call is in. Phases belong to conversations: an answer's tool calls decide
 * where its conversation goes on, so that sub-agents side by side, and calls for a title in
 * between, do not push each other about.
 *
 * A conversation is known by what it began with. Of each answer the messages that it had are
 * remembered as a hash; a later call belongs to the longest of them that its own messages begin
 * with, or to the answer that it names (previous_response_id). One that has a past but is not known
 * goes on where the run is; one that begins is in the base.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "gateway/gateway_priv.h"

enum { FRESH_MESSAGES_MAX = 2 };

struct pawl_slice pawl_phase_name(const struct pawl_gateway *gateway, int phase)
{
    const struct pawl_phase_options *options = &gateway->options.phases;
    return phase < options->count ? pawl_slice_str(options->phases[phase].name) : PAWL_SLICE_NONE;
}

struct pawl_slice pawl_phase_whole(const struct pawl_gateway *gateway)
{
    /* A name that no phase has: the budgets of all phases together. */
    return gateway->options.phases.count > 0 ? PAWL_SLICE("*") : PAWL_SLICE_NONE;
}

/* --- Conversations -------------------------------------------------------------------------- */

static uint64_t chain_on(uint64_t chain, uint64_t hash)
{
    return pawl_hash_mix(chain * 31 + hash);
}

static const struct pawl_thread *
find_thread(const struct pawl_phases *phases, uint64_t chain, uint32_t messages)
{
    for (size_t i = 0; i < PAWL_THREADS_MAX; i++) {
        const struct pawl_thread *thread = &phases->threads[i];
        if (thread->chain == chain && thread->messages == messages && messages > 0) {
            return thread;
        }
    }
    return NULL;
}

static struct pawl_thread *
keep_thread(struct pawl_phases *phases, uint64_t chain, uint32_t messages)
{
    for (size_t i = 0; i < PAWL_THREADS_MAX; i++) {
        if (phases->threads[i].chain == chain && phases->threads[i].messages == messages) {
            return &phases->threads[i];
        }
    }
    struct pawl_thread *thread = &phases->threads[phases->next];
    phases->next = (phases->next + 1) % PAWL_THREADS_MAX;
    *thread = (struct pawl_thread){.chain = chain, .messages = messages};
    return thread;
}

/* An answer's own name takes the place of a hash over its messages. */
enum { NAMED = UINT16_MAX };

static uint64_t hash_of_id(struct pawl_slice id)
{
    return pawl_hash_sip((struct pawl_hash_key){0, 0}, id);
}

/* The conversation that the call goes on with, or NULL. */
static const struct pawl_thread *thread_of(struct pawl_model_call *call)
{
    const struct pawl_phases *phases = &call->gateway->phases;
    const struct pawl_estimate_body *body = &call->request.elements;
    const struct pawl_thread *longest = NULL;
    call->thread = 0;
    for (uint32_t i = 0; i < body->message_count; i++) {
        call->thread = chain_on(call->thread, body->messages[i].hash);
        const struct pawl_thread *thread = find_thread(phases, call->thread, i + 1);
        longest = thread != NULL ? thread : longest;
    }
    call->thread_messages = body->message_count;
    if (!pawl_slice_empty(call->request.previous_response)) {
        return find_thread(phases, hash_of_id(call->request.previous_response), NAMED);
    }
    return longest;
}

void pawl_phase_find(struct pawl_model_call *call)
{
    struct pawl_phases *phases = &call->gateway->phases;
    if (call->gateway->options.phases.count == 0) {
        return;
    }
    const struct pawl_thread *thread = thread_of(call);
    bool fresh = thread == NULL && call->request.elements.message_count <= FRESH_MESSAGES_MAX &&
                 pawl_slice_empty(call->request.previous_response);
    call->tool_phase = PAWL_PHASE_NONE;
    call->phase = fresh ? PAWL_PHASE_BASE : phases->current;
    call->phase = thread != NULL ? thread->phase : call->phase;
    if (phases->hooked != PAWL_PHASE_NONE && !fresh) {
        call->phase = phases->hooked;
        phases->hooked = PAWL_PHASE_NONE;
    }
    call->by_hand = phases->pinned != PAWL_PHASE_NONE;
    call->phase = call->by_hand ? phases->pinned : call->phase;
}

/* --- Where the run is ----------------------------------------------------------------------- */

static void set_current(struct pawl_gateway *gateway, int phase)
{
    struct pawl_phases *phases = &gateway->phases;
    phase = phases->pinned != PAWL_PHASE_NONE ? phases->pinned : phase;
    if (phases->current != phase) {
        phases->current = phase;
        if (gateway->options.phases.on_phase != NULL) {
            gateway->options.phases.on_phase(gateway->options.arg, phase);
        }
    }
}

int pawl_gateway_phase(const struct pawl_gateway *gateway)
{
    return gateway->phases.current;
}

int pawl_gateway_pinned_phase(const struct pawl_gateway *gateway)
{
    return gateway->phases.pinned;
}

void pawl_gateway_pin_phase(struct pawl_gateway *gateway, int phase)
{
    PAWL_ASSERT(phase < gateway->options.phases.count);
    gateway->phases.pinned = phase;
    set_current(gateway, phase == PAWL_PHASE_NONE ? PAWL_PHASE_BASE : phase);
}

/* --- What an answer says -------------------------------------------------------------------- */

/* Where the conversation goes on. */
static void decide(struct pawl_model_call *call, int phase)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_phases *phases = &gateway->phases;
    struct pawl_slice id = pawl_slice_str(pawl_meter_result(&call->answer.meter)->id);
    if (call->thread_messages > 0) {
        keep_thread(phases, call->thread, call->thread_messages)->phase = phase;
    }
    if (!pawl_slice_empty(id)) {
        keep_thread(phases, hash_of_id(id), NAMED)->phase = phase;
    }
    if (phase != call->phase || call->phase == phases->current) {
        set_current(gateway, phase);
    }
}

static int phase_of_tool(const struct pawl_gateway *gateway,
                         struct pawl_slice name,
                         struct pawl_slice arguments)
{
    const struct pawl_phase_options *options = &gateway->options.phases;
    return options->of_tool != NULL ? options->of_tool(gateway->options.arg, name, arguments)
                                    : PAWL_PHASE_NONE;
}

static void on_open(void *arg, struct pawl_slice name)
{
    struct pawl_model_call *call = arg;
    int phase = phase_of_tool(call->gateway, name, PAWL_SLICE_NONE);
    call->event_phase = phase != PAWL_PHASE_NONE ? phase : call->phase;
}

/* Of several tools in one answer the one that verifies counts: its output comes back as well. */
static void on_whole(void *arg, struct pawl_slice name, struct pawl_slice arguments)
{
    struct pawl_model_call *call = arg;
    struct pawl_gateway *gateway = call->gateway;
    int phase = phase_of_tool(gateway, name, arguments);
    if (phase == PAWL_PHASE_NONE) {
        return;
    }
    call->event_phase = phase;
    /* Where a person is asked the tool may run, and the call that would read its output waits. */
    if (phase != PAWL_PHASE_BASE && !gateway->phases.hooks && !call->client_gone &&
        pawl_phase_is_over(call, phase) && !pawl_phase_ask(call, phase)) {
        call->refused_phase = phase;
        decide(call, PAWL_PHASE_BASE); /* It does not run. */
        return;
    }
    if (phase != PAWL_PHASE_BASE || call->tool_phase == PAWL_PHASE_NONE) {
        call->tool_phase = phase;
        decide(call, phase);
    }
}

struct pawl_tool_reader *pawl_phase_reader(struct pawl_model_call *call)
{
    if (call->gateway->options.phases.count == 0) {
        return NULL;
    }
    call->answer.tools =
        (struct pawl_tool_reader){.on_open = on_open, .on_whole = on_whole, .arg = call};
    call->event_phase = call->phase;
    return &call->answer.tools;
}

/* An answer without a tool call is the end of a turn, and of what was done in it. */
void pawl_phase_answered(struct pawl_model_call *call)
{
    const struct pawl_meter_result *result = pawl_meter_result(&call->answer.meter);
    if (call->gateway->options.phases.count == 0 || call->tool_phase != PAWL_PHASE_NONE ||
        call->refused_phase != PAWL_PHASE_BASE || result->error) {
        return;
    }
    decide(call, result->tool_calls > 0 ? call->phase : PAWL_PHASE_BASE);
}

/* --- Hooks ---------------------------------------------------------------------------------- */

enum pawl_phase_verdict pawl_phase_judge_asked(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_phases *phases = &gateway->phases;
    if (gateway->options.phases.count == 0) {
        return PAWL_PHASE_GO;
    }
    phases->hooks = true;
    int phase = phase_of_tool(gateway, call->asked.tool, call->asked.input);
    call->phase = phases->current;
    call->event_phase = phase != PAWL_PHASE_NONE ? phase : phases->current;
    if (phase <= PAWL_PHASE_BASE || !pawl_phase_is_over(call, phase)) {
        return PAWL_PHASE_GO;
    }
    if (pawl_phase_wait(call, phase)) {
        return PAWL_PHASE_WAIT;
    }
    /* It does not run, so nobody goes on in its phase. */
    for (size_t i = 0; i < PAWL_THREADS_MAX; i++) {
        struct pawl_thread *thread = &phases->threads[i];
        thread->phase = thread->phase == phase ? PAWL_PHASE_BASE : thread->phase;
    }
    if (phases->current == phase) {
        set_current(gateway, PAWL_PHASE_BASE);
    }
    pawl_phase_words(call, phase);
    return PAWL_PHASE_NO;
}

void pawl_phase_hooked(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->options.phases.count == 0) {
        return;
    }
    int phase = phase_of_tool(gateway, call->asked.tool, call->asked.input);
    if (phase != PAWL_PHASE_NONE) {
        gateway->phases.hooked = phase;
        set_current(gateway, phase);
    }
}
