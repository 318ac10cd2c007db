/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c: the limit is reached, and a call is about to be refused in a way that latches. Unless
 * the run simply halts, something else comes first:
 *
 *   SUMMARY  one call, the first that gets here, is let through once more in another form
 *            (summary.c). What it needs was kept out of every judgement before (L1).
 *   ASK      the call is held without a byte, as long as its client is known to wait, while a
 *            person is asked for more. One question for all that wait (L2).
 *   PAUSE    the call is held until the window that ran out begins anew, where that is soon and
 *            wanted. A cap that never resets is asked about instead.
 *
 *   L1  While the summary is free, no other call is granted what is kept for it.
 *   L2  A call is in the list of asking ones exactly while it is ASKING. Each answer judges all of
 *       them again, as if they had just come; a no refuses all.
 */
#include <string.h>

#include "base/assert.h"
#include "gateway/gateway_priv.h"

enum {
    SUMMARY_MORE_TOKENS = 1024, /* that a conversation may have grown by until then */
    SUMMARY_OUTPUT_KEPT = 512,
    PAUSE_MS_MIN = 250,
    KEPT_DIVISOR_MIN = 2 /* never more than half of a cap is kept */
};

/* --- Keeping (L1) --------------------------------------------------------------------------- */

static int64_t share_kept(const struct pawl_limit_options *limit, int unit, int64_t cap)
{
    if (unit == PAWL_ADMISSION_USD && limit->summary_microcents > 0) {
        return limit->summary_microcents;
    }
    int64_t kept = 0;
    return pawl_money_mul_div_ceil(cap, limit->summary_permille, 1000, &kept) ? kept : 0;
}

/* The share, or what the summary of this conversation would need, whichever is more. */
static int64_t kept_of(const struct pawl_model_call *call, int unit, const int64_t *needed)
{
    int64_t cap = call->query.left[unit].limit;
    if (unit == PAWL_ADMISSION_ITERATIONS) {
        return cap >= KEPT_DIVISOR_MIN ? 1 : 0;
    }
    int64_t kept = share_kept(&call->gateway->options.limit, unit, cap);
    return pawl_min_i64(pawl_max_i64(kept, needed[unit]), cap / KEPT_DIVISOR_MIN);
}

/* Of the run's own caps the share is kept, and of limits that others spend on too no more than the
 * summary needs: the lender sets it aside, since it is not this gateway alone that must leave it
 * alone. Free and room came as the least of both sides. */
static void keep_unit(struct pawl_model_call *call, int unit, const int64_t *needed)
{
    struct pawl_admission_left *left = &call->query.left[unit];
    int64_t free = 0;
    int64_t room = 0;
    if (!left->bound) {
        return;
    }
    int64_t kept = kept_of(call, unit, needed);
    struct pawl_keep *keep = &call->gateway->kept[unit];
    keep->own = kept;
    keep->shared = pawl_max_i64(keep->shared, needed[unit]); /* of the longest conversation */
    left->kept = kept;
    if (!pawl_gateway_keep(call->gateway, unit, &free, &room)) {
        left->free -= kept;
        left->room -= kept;
        return;
    }
    if (left->limit > 0) { /* it has a cap of its own in this unit */
        left->free = pawl_min_i64(left->free, left->limit - left->spent - left->held - kept);
        left->room = pawl_min_i64(left->room, left->limit - left->spent - kept);
    }
    left->free = pawl_min_i64(left->free, free - left->promised);
    left->room = pawl_min_i64(left->room, room);
}

void pawl_limit_keep(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (call->summary || !pawl_summary_available(gateway)) {
        pawl_limit_let_go(gateway);
        return;
    }
    int64_t needed[PAWL_ADMISSION_UNIT_COUNT];
    pawl_admission_need(&call->query, call->query.input_tokens + SUMMARY_MORE_TOKENS,
                        SUMMARY_OUTPUT_KEPT, needed);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        keep_unit(call, unit, needed);
    }
}

static void keep_all(struct pawl_gateway *gateway)
{
    int64_t free = 0;
    int64_t room = 0;
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        (void)pawl_gateway_keep(gateway, unit, &free, &room);
    }
}

void pawl_limit_let_go(struct pawl_gateway *gateway)
{
    static const struct pawl_keep nothing[PAWL_ADMISSION_UNIT_COUNT];
    if (memcmp(gateway->kept, nothing, sizeof(nothing)) != 0) {
        memcpy(gateway->kept_last, gateway->kept, sizeof(gateway->kept));
        memcpy(gateway->kept, nothing, sizeof(gateway->kept));
        keep_all(gateway);
    }
}

void pawl_limit_keep_again(struct pawl_gateway *gateway)
{
    memcpy(gateway->kept, gateway->kept_last, sizeof(gateway->kept));
    keep_all(gateway);
}

bool pawl_limit_without_tools(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (!pawl_summary_available(gateway) || !call->request.has_tools) {
        return false;
    }
    struct pawl_admission_left left = pawl_gateway_left_of(gateway, PAWL_UNIT_TOOL_CALLS);
    if (!left.bound || left.free > 0) {
        return false;
    }
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_TOOL_CALLS,
                                              .unit = PAWL_UNIT_TOOL_CALLS,
                                              .left = left,
                                              .latches = true};
    pawl_words_tools_used_up(&call->words, gateway);
    return true;
}

/* --- SUMMARY -------------------------------------------------------------------------------- */

static bool take_summary(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (!pawl_summary_available(gateway) || call->request.turns.end == 0) {
        return false;
    }
    struct pawl_refusal_words words = call->words;
    gateway->summary = PAWL_SUMMARY_TAKEN;
    call->summary = true;
    pawl_summary_shape(call);
    if (!pawl_model_call_admit_summary(call)) {
        call->summary = false;
        gateway->summary = PAWL_SUMMARY_OVER;
        call->words = words;
        return false;
    }
    words.latches = true;
    if (words.refusal != PAWL_REFUSAL_LIMIT) {
        pawl_words_summed_up(&words, gateway);
    }
    gateway->latched = true;
    gateway->latch = words;
    gateway->summed_up = words; /* The latch is overwritten when the run is ended meanwhile. */
    pawl_gateway_pump(gateway);
    pawl_limit_release(gateway);
    return true;
}

/* --- ASK (L2) ------------------------------------------------------------------------------- */

static void append(struct pawl_gateway *gateway, struct pawl_model_call *call)
{
    struct pawl_model_call **end = &gateway->asking;
    while (*end != NULL) {
        end = &(*end)->wait_next;
    }
    *end = call;
}

void pawl_limit_leave(struct pawl_model_call *call)
{
    struct pawl_model_call **at = &call->gateway->asking;
    while (*at != call) {
        PAWL_ASSERT(*at != NULL);
        at = &(*at)->wait_next;
    }
    *at = call->wait_next;
    call->wait_next = NULL;
    pawl_alarm_stop(call->store.alarm);
}

bool pawl_limit_someone_asks(const struct pawl_gateway *gateway)
{
    const struct pawl_model_call *call = gateway->asking;
    while (call != NULL && (call->resumes || call->gate == PAWL_QUESTION_PHASE)) {
        call = call->wait_next;
    }
    return call != NULL;
}

static enum pawl_limit_answer ask(struct pawl_gateway *gateway,
                                  const struct pawl_refusal_words *words)
{
    const struct pawl_gateway_options *options = &gateway->options;
    if (options->on_ask == NULL || pawl_unit_name(words->unit) == NULL) {
        return PAWL_LIMIT_NOBODY;
    }
    struct pawl_limit_question question = {
        .asked = {.unit = words->unit, .value = pawl_words_amount_to_ask(words)},
        .limit = words->left.limit,
        .spent = words->left.spent,
        .resets_at_us = words->left.resets_at_us,
    };
    enum pawl_limit_answer answer = options->on_ask(options->arg, &question);
    gateway->asked = answer != PAWL_LIMIT_NOBODY;
    gateway->about = PAWL_QUESTION_MORE;
    return answer;
}

void pawl_limit_hold(struct pawl_model_call *call, uint64_t ms)
{
    pawl_model_call_move(call, PAWL_MODEL_CALL_ASKING);
    append(call->gateway, call);
    pawl_model_call_set_timer(call, ms);
}

static bool hold(struct pawl_model_call *call, uint64_t ms)
{
    call->gate = PAWL_QUESTION_MORE;
    pawl_limit_hold(call, ms);
    return true;
}

static bool ask_or_refuse(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (gateway->latched || call->words.limit_name[0] != '\0' ||
        call->words.refusal == PAWL_REFUSAL_LIMIT) {
        return false; /* It was asked, and nobody answered in time; or more would not help. */
    }
    enum pawl_limit_answer answer =
        pawl_limit_someone_asks(gateway) ? PAWL_LIMIT_HOLD : ask(gateway, &call->words);
    switch (answer) {
    case PAWL_LIMIT_HOLD:
        return hold(call, pawl_model_call_patience_ms(call));
    case PAWL_LIMIT_TELL:
        pawl_words_asked(&call->words, gateway, 0);
        return false;
    case PAWL_LIMIT_NOBODY:
        return false;
    }
    PAWL_UNREACHABLE();
}

void pawl_limit_latched(struct pawl_gateway *gateway, const struct pawl_refusal_words *words)
{
    bool asks = gateway->options.limit.on_limit == PAWL_ON_LIMIT_ASK ||
                gateway->options.limit.on_limit == PAWL_ON_LIMIT_PAUSE;
    bool answerable = words->refusal != PAWL_REFUSAL_DENIED &&
                      words->refusal != PAWL_REFUSAL_LIMIT &&
                      words->refusal != PAWL_REFUSAL_DEADLINE;
    if (asks && !gateway->asked && answerable) {
        (void)ask(gateway, words);
    }
}

void pawl_limit_out_of_patience(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    pawl_limit_leave(call);
    if (call->resumes) {
        pawl_model_call_judge_again(call); /* The window has begun anew. */
        return;
    }
    if (call->gate == PAWL_QUESTION_PHASE) {
        pawl_phase_unheard(call);
        pawl_model_call_judge_again(call);
        return;
    }
    uint32_t waited_ms = pawl_model_call_patience_ms(call);
    if (call->gate != PAWL_QUESTION_MORE) {
        pawl_gate_refuse(call, PAWL_GATE_UNANSWERED, waited_ms);
        return;
    }
    pawl_words_asked(&call->words, gateway, waited_ms);
    pawl_refuse_call(call);
}

void pawl_limit_ask_again(struct pawl_gateway *gateway)
{
    struct pawl_model_call *call = gateway->asking;
    gateway->asking = NULL;
    while (call != NULL) {
        struct pawl_model_call *next = call->wait_next;
        call->wait_next = NULL;
        pawl_alarm_stop(call->store.alarm);
        pawl_model_call_judge_again(call);
        call = next;
    }
}

static void refuse_asking_one(struct pawl_model_call *call, bool denied)
{
    struct pawl_gateway *gateway = call->gateway;
    if (call->resumes || call->gate != gateway->about) {
        pawl_model_call_judge_again(call); /* It waits for something else. */
        return;
    }
    if (call->gate != PAWL_QUESTION_MORE) {
        pawl_gate_refuse(call, denied ? PAWL_GATE_DENIED : PAWL_GATE_TELL, 0);
        return;
    }
    if (denied) {
        call->words.refusal = PAWL_REFUSAL_DENIED;
        call->words.latches = true;
        pawl_words_denied(&call->words, gateway);
    } else {
        pawl_words_asked(&call->words, gateway, 0);
    }
    pawl_refuse_call(call);
}

/* Refuses whoever waits; the first of them latches. */
static void refuse_asking(struct pawl_gateway *gateway, bool denied)
{
    struct pawl_model_call *call = gateway->asking;
    gateway->asking = NULL;
    while (call != NULL) {
        struct pawl_model_call *next = call->wait_next;
        call->wait_next = NULL;
        pawl_alarm_stop(call->store.alarm);
        refuse_asking_one(call, denied);
        call = next;
    }
}

void pawl_gateway_deny(struct pawl_gateway *gateway)
{
    gateway->asked = false;
    if (gateway->about == PAWL_QUESTION_MODEL) {
        pawl_gate_deny_model(gateway);
    }
    refuse_asking(gateway, true);
}

void pawl_gateway_untold(struct pawl_gateway *gateway)
{
    refuse_asking(gateway, false);
}

/* --- PAUSE ---------------------------------------------------------------------------------- */

static void tell_wait(struct pawl_gateway *gateway, enum pawl_limit_wait_event event)
{
    const struct pawl_gateway_options *options = &gateway->options;
    if (options->on_wait != NULL) {
        options->on_wait(options->arg, event,
                         event == PAWL_LIMIT_WAIT_BEGINS ? &gateway->wait : NULL);
    }
}

/* Whoever waits is judged again now and then, and goes on waiting: that is told once. */
void pawl_limit_wait_for(struct pawl_model_call *call, const struct pawl_limit_wait *wait)
{
    struct pawl_gateway *gateway = call->gateway;
    call->waits = true;
    if (gateway->wait.resets_at_us != wait->resets_at_us) {
        gateway->wait = *wait;
        tell_wait(gateway, PAWL_LIMIT_WAIT_BEGINS);
    }
}

void pawl_limit_wait_over(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    call->waits = false;
    bool went_out = call->state == PAWL_MODEL_CALL_FORWARDING;
    const struct pawl_model_call *other = gateway->calls;
    while (other != NULL && !other->waits) {
        other = other->next;
    }
    if (gateway->wait.resets_at_us != 0 && (went_out || other == NULL)) {
        gateway->wait.resets_at_us = 0;
        tell_wait(gateway, went_out ? PAWL_LIMIT_WAIT_GOES_ON : PAWL_LIMIT_WAIT_ENDS);
    }
}

/* Until the window begins anew, where the client waits so long; else as a question. */
static bool pause(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    int64_t resets_at_us = call->words.left.resets_at_us;
    if (resets_at_us == 0 || !gateway->options.limit.auto_resume || gateway->latched) {
        return ask_or_refuse(call);
    }
    int64_t wait_ms = (resets_at_us - pawl_gateway_now_us(gateway)) / 1000 + 1;
    if (wait_ms > (int64_t)pawl_model_call_patience_ms(call)) {
        return ask_or_refuse(call);
    }
    call->resumes = true;
    struct pawl_limit_wait wait;
    pawl_words_wait_limit(&call->words, &wait);
    pawl_limit_wait_for(call, &wait);
    /* A limit across runs may have begun anew without this run having heard of it yet. */
    return hold(call, wait_ms > 0 ? (uint64_t)wait_ms : PAUSE_MS_MIN);
}

/* --- Whoever waits is judged again ----------------------------------------------------------- */

/* An answer to what it waits for does not help while the run is stopped. */
static bool waits_for_something_else(const struct pawl_model_call *call, int phase)
{
    (void)phase;
    return call->resumes || call->gate != PAWL_QUESTION_MORE;
}

typedef bool wanted_fn(const struct pawl_model_call *call, int phase);

static void judge_again(struct pawl_gateway *gateway, wanted_fn *wanted, int phase)
{
    struct pawl_model_call *call = gateway->asking;
    gateway->asking = NULL;
    while (call != NULL) {
        struct pawl_model_call *next = call->wait_next;
        call->wait_next = NULL;
        if (wanted(call, phase) || (gateway->latched && waits_for_something_else(call, phase))) {
            pawl_alarm_stop(call->store.alarm);
            pawl_model_call_judge_again(call);
        } else {
            append(gateway, call);
        }
        call = next;
    }
}

static bool waits_for_a_reset(const struct pawl_model_call *call, int phase)
{
    (void)phase;
    return call->resumes;
}

static bool waits_for_a_phase(const struct pawl_model_call *call, int phase)
{
    return call->gate == PAWL_QUESTION_PHASE && call->asked_phase == phase;
}

void pawl_limit_retry(struct pawl_gateway *gateway)
{
    judge_again(gateway, waits_for_a_reset, PAWL_PHASE_NONE);
}

void pawl_limit_phase_answered(struct pawl_gateway *gateway, int phase)
{
    judge_again(gateway, waits_for_a_phase, phase);
}

void pawl_limit_release(struct pawl_gateway *gateway)
{
    judge_again(gateway, waits_for_something_else, PAWL_PHASE_NONE);
}

bool pawl_limit_reached(struct pawl_model_call *call)
{
    switch (call->gateway->options.limit.on_limit) {
    case PAWL_ON_LIMIT_SUMMARY:
        return take_summary(call);
    case PAWL_ON_LIMIT_ASK:
        return ask_or_refuse(call);
    case PAWL_ON_LIMIT_PAUSE:
        return pause(call);
    case PAWL_ON_LIMIT_HALT:
        break;
    }
    return false;
}
