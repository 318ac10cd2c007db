/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_admit.c: from a call that was read to a hold on disk. What is left is asked anew each time
 * the call gets a chance.
 *
 * Quote and reserve happen in one turn of the loop, so between them nobody else of this process
 * can take anything. Where the ledger is shared with others and says no all the same, the call
 * is judged again by what is left then.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/headers.h"
#include "gateway/patience.h"

enum { RESERVE_ATTEMPTS_MAX = 3, GRACE_MS = 60 * 1000, SUMMARY_WAIT_MS = 60 * 1000 };

/* --- Latched, or in line -------------------------------------------------------------------- */

static bool is_closed(const struct pawl_gateway *gateway)
{
    return gateway->stopped || gateway->latched;
}

static void refuse_as_latched(struct pawl_model_call *call)
{
    const struct pawl_gateway *gateway = call->gateway;
    call->words = gateway->latch;
    call->words.latches = false;
    if (!gateway->stopped) {
        call->words.refusal = PAWL_REFUSAL_LATCHED;
    }
    pawl_refuse_call(call);
}

/* Before its body is read, unless it may be the one that sums up. */
bool pawl_model_call_refuse_when_latched(struct pawl_model_call *call)
{
    const struct pawl_gateway *gateway = call->gateway;
    if (!is_closed(gateway) || (!gateway->stopped && pawl_summary_available(gateway))) {
        return false;
    }
    refuse_as_latched(call);
    return true;
}

uint32_t pawl_model_call_patience_ms(const struct pawl_model_call *call)
{
    uint32_t patience_ms = call->gateway->options.patience_ms;
    if (patience_ms != 0 || call->asked.done != NULL) {
        return patience_ms != 0 ? patience_ms : PAWL_PATIENCE_HOOK_MS;
    }
    const struct pawl_http_request *request = pawl_http_exchange_request(call->exchange);
    return pawl_patience_ms(request->headers, request->header_count);
}

/* Of several runs that each keep something for a summary none gets what the others keep, and their
 * people see nothing meanwhile: so not as long as the client waits. */
static uint32_t waiting_ms(const struct pawl_model_call *call)
{
    uint32_t patience_ms = pawl_model_call_patience_ms(call);
    struct pawl_shared_limit shared;
    bool briefly = pawl_summary_available(call->gateway) &&
                   pawl_gateway_shared(call->gateway, pawl_admission_units[call->admission.unit],
                                       false, &shared);
    return briefly && patience_ms > SUMMARY_WAIT_MS ? SUMMARY_WAIT_MS : patience_ms;
}

void pawl_model_call_wait(struct pawl_model_call *call)
{
    pawl_model_call_move(call, PAWL_MODEL_CALL_WAITING);
    pawl_gateway_wait(call->gateway, call);
    pawl_model_call_set_timer(call, waiting_ms(call));
}

/* --- Admission ------------------------------------------------------------------------------ */

static void words_of_denial(struct pawl_refusal_words *words, const struct pawl_denial *denial)
{
    words->unit = denial->unit;
    words->left = (struct pawl_admission_left){
        .bound = true,
        .free = denial->limit - denial->spent - denial->held - denial->debt,
        .limit = denial->limit,
        .spent = denial->spent,
        .held = denial->held,
    };
    words->asked = denial->asked;
    words->fits = denial->fits;
}

static const char *paused_by(uint8_t reason)
{
    switch ((enum pawl_session_reason)reason) {
    case PAWL_REASON_CAP:
        return "it reached a cap";
    case PAWL_REASON_IDLE:
        return "nobody is at the keyboard";
    case PAWL_REASON_APPROVAL:
        return "it waits for an approval";
    case PAWL_REASON_BREAKER:
        return "a breaker is open";
    case PAWL_REASON_NONE:
    case PAWL_REASON_COMPLETED:
    case PAWL_REASON_CAPPED:
    case PAWL_REASON_KILLED:
    case PAWL_REASON_FAILED:
        break;
    }
    return "somebody paused it";
}

static void words_of_deadline(struct pawl_refusal_words *words, const char *run)
{
    words->refusal = PAWL_REFUSAL_DEADLINE;
    words->unit = PAWL_UNIT_WALL_CLOCK_MS;
    words->latches = true;
    pawl_words_set(words, "pawl: the time of run %s is up", run);
}

/* Says no for a code that is about the session or a budget as a whole. false: it is about funds,
 * which the admission judges. */
static bool
refuse_by_code(struct pawl_model_call *call, uint16_t code, const struct pawl_denial *denial)
{
    const char *run = call->gateway->options.run_id;
    struct pawl_refusal_words *words = &call->words;
    *words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_LEDGER};
    words_of_denial(words, denial);
    switch (code) {
    case PAWL_RESULT_OK:
    case PAWL_RESULT_CAP_EXCEEDED:
    case PAWL_RESULT_BUDGET_EXCEEDED:
        return false;
    case PAWL_RESULT_DEADLINE_PASSED:
        words_of_deadline(words, run);
        break;
    case PAWL_RESULT_SESSION_PAUSED:
        words->refusal = PAWL_REFUSAL_LATCHED;
        pawl_words_set(words, "pawl: run %s is paused: %s", run, paused_by(denial->reason));
        break;
    case PAWL_RESULT_SESSION_ENDED:
        if (denial->unit == PAWL_UNIT_WALL_CLOCK_MS) {
            words_of_deadline(words, run);
        } else {
            words->refusal = PAWL_REFUSAL_STOPPED;
            pawl_words_set(words, "pawl: run %s has ended", run);
        }
        break;
    case PAWL_RESULT_OVER_LIMIT:
    case PAWL_RESULT_DEBT_OUTSTANDING:
        words->refusal = PAWL_REFUSAL_SPENT;
        words->latches = true;
        pawl_words_admission(words, call->gateway, NULL);
        if (pawl_limit_reached(call)) {
            return true;
        }
        break;
    default:
        pawl_words_set(words, "pawl: run %s: %s", run, pawl_result_meaning(code));
        break;
    }
    pawl_refuse_call(call);
    return true;
}

static void on_reserved(struct pawl_model_call *call, const struct pawl_result *result);

static void reserve(struct pawl_model_call *call)
{
    struct pawl_buf *note = &call->store.note;
    pawl_buf_reset(note);
    call->on_record =
        call->subscription != NULL && pawl_subscription_has_windows(call->subscription);
    pawl_note_reserve(call, note);
    struct pawl_command command = {
        .type = PAWL_COMMAND_RESERVE,
        .metadata = pawl_buf_slice(note),
        .u.reserve =
            {
                .subject = call->gateway->subject,
                .phase = pawl_phase_name(call->gateway, call->phase),
                .line_count = call->admission.line_count,
                .ttl_ms = PAWL_LEASE_MS,
                .grace_ms = GRACE_MS,
                .overage = PAWL_OVERAGE_BOOK_FULL,
                .extensions_max = PAWL_EXTENSIONS_MAX,
                .on_expiry = PAWL_ON_EXPIRY_SETTLE_AT_HOLD,
                .priority = PAWL_PRIORITY_NORMAL,
            },
    };
    for (uint32_t i = 0; i < call->admission.line_count; i++) {
        command.u.reserve.lines[i] = call->admission.lines[i];
    }
    call->gateway->too_big_running = 0;
    call->gateway->stuck = false;
    pawl_model_call_move(call, PAWL_MODEL_CALL_RESERVING);
    pawl_gateway_promise(call, call->admission.promised);
    pawl_model_call_submit(call, &call->main_op, &command, on_reserved);
}

/* Where a limit across runs is what there is too little of: its words and numbers. */
static void put_limit(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_shared_limit shared;
    bool held = call->admission.verdict == PAWL_ADMISSION_HELD;
    bool once = call->words.refusal == PAWL_REFUSAL_TOO_BIG && !call->words.latches;
    if (!pawl_gateway_shared(gateway, call->words.unit, !held, &shared)) {
        return;
    }
    if (once && !shared.unreachable) {
        pawl_words_too_big_for_limit(&call->words, gateway, &call->admission, &shared.limit);
    } else {
        pawl_words_limit(&call->words, gateway, &shared, held);
    }
}

/* What makes a small request need much. */
static void explain_needs(struct pawl_model_call *call)
{
    struct pawl_refusal_words *words = &call->words;
    if (call->kept_tokens < 0) {
        pawl_words_add(words,
                       ". It goes on from what the provider keeps (an answer, a conversation or a "
                       "cached content) from outside this run, so a whole context window "
                       "counts as its input; send the history itself instead");
    }
    if (call->request.tool_count > 0) {
        pawl_words_tools(call);
    }
}

/* Whether what the run does at its limit is to be done: a call that is too big for the rest is that
 * only where somebody can be asked for more, since a smaller one would still fit; and where a limit
 * across runs is what it does not fit into, only a wait until that begins anew helps. */
static bool is_limit(const struct pawl_model_call *call)
{
    const struct pawl_limit_options *limit = &call->gateway->options.limit;
    bool pauses = limit->on_limit == PAWL_ON_LIMIT_PAUSE;
    bool asks = limit->on_limit == PAWL_ON_LIMIT_ASK || pauses;
    bool waits = pauses && limit->auto_resume && call->words.left.resets_at_us != 0;
    bool helps = call->words.limit_name[0] == '\0' || waits;
    return call->words.latches || (asks && helps && call->words.refusal == PAWL_REFUSAL_TOO_BIG);
}

/* What the admission says, in words; at the limit something else may come of it. */
static void refuse_by_admission(struct pawl_model_call *call)
{
    const struct pawl_admission *admission = &call->admission;
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_refusal_words *words = &call->words;
    *words = (struct pawl_refusal_words){
        .unit = pawl_admission_units[admission->unit],
        .left = call->query.left[admission->unit],
        .asked = admission->needed,
    };
    words->fits = words->left.free > 0 ? words->left.free : 0;
    switch (admission->verdict) {
    case PAWL_ADMISSION_HELD:
        words->refusal = PAWL_REFUSAL_HELD;
        break;
    case PAWL_ADMISSION_TOO_BIG:
        words->refusal = PAWL_REFUSAL_TOO_BIG;
        gateway->too_big_running++;
        words->latches = gateway->too_big_running >= 2;
        break;
    case PAWL_ADMISSION_SPENT:
        words->refusal = admission->unit == PAWL_ADMISSION_ITERATIONS ? PAWL_REFUSAL_ITERATIONS
                                                                      : PAWL_REFUSAL_SPENT;
        words->latches = true;
        break;
    case PAWL_ADMISSION_ADMIT:
        PAWL_UNREACHABLE();
    }
    pawl_words_admission(words, gateway, admission);
    explain_needs(call);
    put_limit(call);
    bool too_big = words->refusal == PAWL_REFUSAL_TOO_BIG;
    if (is_limit(call) && pawl_limit_reached(call)) {
        gateway->too_big_running -= too_big && call->resumes ? 1 : 0; /* It will fit. */
        return;
    }
    if (too_big) {
        gateway->stuck_at = *words;
        gateway->stuck = true;
    }
    pawl_refuse_call(call);
}

static void judge(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    call->query.request = &call->request;
    call->query.price = call->priced ? &call->price : NULL;
    call->query.pictures_price =
        call->priced && call->pictures_priced ? &call->pictures_price : NULL;
    pawl_estimate_refresh(gateway->estimator, call->request.model, &call->estimate);
    call->query.input_tokens =
        pawl_model_call_input_bound(call) + (call->summary ? PAWL_SUMMARY_QUESTION_TOKENS : 0);
    call->query.input_usual = gateway->input_largest;
    call->query.under_way =
        gateway->under_way_count - (call->state == PAWL_MODEL_CALL_RESERVING ? 1 : 0);
    call->query.waiting = gateway->wait_count - (call->state == PAWL_MODEL_CALL_WAITING ? 1 : 0);
    call->query.never_extend = gateway->options.modes == PAWL_GATEWAY_MODES_CEILING;
    call->query.always_extend = gateway->options.modes == PAWL_GATEWAY_MODES_EXTEND;
    call->query.learned = pawl_estimate_answers(gateway->estimator, call->request.model);
    pawl_limit_keep(call);
    pawl_admission_decide(&call->query, &call->admission);
}

bool pawl_model_call_admit_summary(struct pawl_model_call *call)
{
    struct pawl_denial denial;
    call->phase = PAWL_PHASE_BASE; /* It is about the work as a whole. */
    pawl_limit_let_go(call->gateway);
    uint16_t code = pawl_gateway_left_in_phase(call, call->query.left, &denial);
    judge(call);
    bool fits = call->admission.verdict == PAWL_ADMISSION_ADMIT &&
                (code == PAWL_RESULT_OK || code == PAWL_RESULT_CAP_EXCEEDED);
    if (fits) {
        reserve(call);
    }
    return fits;
}

/* In its phase first; where that has nothing useful left for it, in the base. */
static uint16_t judge_in_phase(struct pawl_model_call *call, struct pawl_denial *ret_denial)
{
    uint16_t code = pawl_gateway_left_in_phase(call, call->query.left, ret_denial);
    judge(call);
    if (!pawl_phase_may_leave(call)) {
        return code;
    }
    struct pawl_admission_left left[PAWL_ADMISSION_UNIT_COUNT];
    memcpy(left, call->query.left, sizeof(left));
    struct pawl_admission inside = call->admission;
    struct pawl_denial denial;
    int phase = call->phase;
    call->phase = PAWL_PHASE_BASE;
    uint16_t outside = pawl_gateway_left_in_phase(call, call->query.left, &denial);
    judge(call);
    call->phase = phase;
    if (pawl_phase_leave(call, &inside, left)) {
        *ret_denial = denial;
        return outside;
    }
    memcpy(call->query.left, left, sizeof(left));
    call->admission = inside;
    return code;
}

/* The phase, and not the run, has nothing left for it. */
static void refuse_by_phase(struct pawl_model_call *call)
{
    if (pawl_phase_wait(call, call->phase)) {
        return;
    }
    pawl_phase_words(call, call->phase);
    pawl_refuse_call(call);
}

void pawl_model_call_step_out(struct pawl_model_call *call)
{
    if (call->state == PAWL_MODEL_CALL_WAITING) {
        pawl_gateway_leave(call->gateway, call);
        pawl_alarm_stop(call->store.alarm);
    }
}

bool pawl_model_call_admit(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    if (is_closed(gateway)) {
        pawl_model_call_step_out(call);
        call->words = gateway->latch;
        if (gateway->stopped || !pawl_limit_reached(call)) {
            refuse_as_latched(call);
        }
        return true;
    }
    if (!pawl_quota_gate_pass(call)) {
        return true; /* W1 */
    }
    struct pawl_denial denial;
    uint16_t code = judge_in_phase(call, &denial);
    if (code == PAWL_RESULT_OK && pawl_limit_without_tools(call)) {
        pawl_model_call_step_out(call);
        if (pawl_limit_reached(call)) {
            return true;
        }
    }
    /* Over its limit, too: what others give back may bring it in order again. */
    bool about_funds = code == PAWL_RESULT_OK || code == PAWL_RESULT_CAP_EXCEEDED ||
                       code == PAWL_RESULT_BUDGET_EXCEEDED || code == PAWL_RESULT_OVER_LIMIT;
    if (about_funds && call->admission.verdict == PAWL_ADMISSION_HELD) {
        struct pawl_shared_limit shared;
        (void)pawl_gateway_shared(gateway, pawl_admission_units[call->admission.unit], false,
                                  &shared); /* so that other runs hear of it */
        if (call->state != PAWL_MODEL_CALL_WAITING) {
            pawl_model_call_wait(call);
        }
        return false;
    }
    pawl_model_call_step_out(call);
    bool admitted = call->admission.verdict == PAWL_ADMISSION_ADMIT;
    bool closed = pawl_gateway_phase_closed(gateway, call->phase);
    if (about_funds && (closed || (!admitted && pawl_phase_binds(call)))) {
        refuse_by_phase(call);
    } else if (about_funds && !admitted) {
        refuse_by_admission(call);
    } else if (!refuse_by_code(call, code, &denial)) {
        reserve(call);
    }
    return true;
}

/* What other runs hold was waited for in vain, and this one has its summary's part: that is the
 * limit, as far as it goes. */
static bool sums_up_instead(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_shared_limit shared;
    enum pawl_admission_unit unit = call->admission.unit;
    if (!pawl_summary_available(gateway) || gateway->under_way_count > 0 ||
        !pawl_gateway_shared(gateway, pawl_admission_units[unit], false, &shared) ||
        shared.unreachable) {
        return false;
    }
    call->words = (struct pawl_refusal_words){
        .unit = pawl_admission_units[unit],
        .left = call->query.left[unit],
        .asked = call->admission.needed,
    };
    pawl_words_limit(&call->words, gateway, &shared, false);
    return pawl_limit_reached(call);
}

void pawl_model_call_out_of_patience(struct pawl_model_call *call)
{
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_denial denial;
    /* A short answer is better than none, if it is its turn. */
    call->query.last_chance = true;
    if (gateway->wait_head == call && pawl_model_call_admit(call)) {
        pawl_gateway_pump(gateway);
        return;
    }
    (void)pawl_gateway_left_in_phase(call, call->query.left, &denial);
    judge(call);
    /* It may fit by now and only stand behind others; their turn came first. */
    call->admission.verdict = PAWL_ADMISSION_HELD;
    pawl_model_call_step_out(call);
    if (!sums_up_instead(call)) {
        refuse_by_admission(call);
    }
    pawl_gateway_pump(gateway);
}

/* --- The reserve's answer ------------------------------------------------------------------- */

static void on_reserved(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (result->code == PAWL_RESULT_OK) {
        call->hold = result->id;
        call->output_held = call->admission.output_held;
        call->grow_at = call->output_held / 2;
        pawl_model_call_forward(call);
        return;
    }
    if (call->client_gone) {
        struct pawl_gateway *gateway = call->gateway;
        pawl_model_call_abort_exchange(call);
        pawl_model_call_done(call);
        pawl_gateway_pump(gateway);
        return;
    }
    struct pawl_denial denial = result->denial;
    struct pawl_shared_limit shared;
    pawl_gateway_promise(call, NULL);
    if (call->summary) {
        pawl_summary_unused(call); /* The ledger, or who shares it, knew better. */
        refuse_as_latched(call);
        return;
    }
    call->reserve_attempts++;
    if (refuse_by_code(call, result->code, &denial)) {
        /* It is refused. */
    } else if (call->reserve_attempts < RESERVE_ATTEMPTS_MAX ||
               pawl_gateway_shared(call->gateway, denial.unit, false, &shared)) {
        /* What others leave of a limit was known too late; each time more is known. */
        (void)pawl_model_call_admit(call);
    } else {
        call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_LEDGER};
        pawl_words_set(&call->words, "pawl: the ledger refused a hold that it had quoted");
        pawl_refuse_call(call);
    }
    pawl_gateway_pump(call->gateway); /* others may have waited for its promise */
}
