/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_settle.c: what a call is booked at. The provider's own figures where they came; where
 * they did not, the bound that the hold was made of, with the output by what was seen of it.
 *
 * B1  A figure that the provider reported is never lowered.
 * B2  An estimate never exceeds the hold, except for a stream that was cut for being beyond it.
 * B3  Every hold is committed or released exactly once; one that expired meanwhile is corrected.
 */
#include "base/log.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"
#include "gateway/last_words.h"

enum { TOLD_US_MAX = 2 * 1000 * 1000 }; /* that a count of all so far is taken for all */

/* --- Estimating ----------------------------------------------------------------------------- */

static int64_t whole_hold(const struct pawl_model_call *call)
{
    return call->output_held * call->request.choices * call->request.passes;
}

/* The most that is booked for an answer that was read and did not tell. What the hold has for the
 * doubt whether a stream is beyond its ceiling counts where its text says that it may be. */
static int64_t held_output(struct pawl_model_call *call)
{
    int64_t parts = call->request.choices * call->request.passes;
    call->query.at_most = true;
    int64_t allowed = pawl_admission_output_bound(&call->query, call->admission.ceiling);
    call->query.at_most = false;
    int64_t held = whole_hold(call);
    int64_t sure = pawl_min_i64(allowed * parts, held);
    if (sure == held) {
        return held;
    }
    int64_t most = pawl_model_call_tokens_so_far(call, PAWL_ESTIMATE_MOST);
    return pawl_max_i64(sure, pawl_min_i64(held, most));
}

/* Whether the model may have thought out of sight, or said something that is no text. Where each
 * piece counts all until then, that is what came behind the last one, and takes its time. */
static bool may_hide(const struct pawl_model_call *call)
{
    const struct pawl_model_request *request = &call->request;
    const struct pawl_estimate_output *learned = &call->query.learned;
    bool told = pawl_meter_told_all(&call->answer.meter) &&
                pawl_alarm_now_us() - call->answer.last_event_us < TOLD_US_MAX;
    bool shown = told || (pawl_meter_shows_all(&call->answer.meter) && !learned->secret);
    return (request->hidden || request->audio_output || learned->hidden) && !shown;
}

/* What was produced and does not show has taken its time. */
static int64_t unseen_output(const struct pawl_model_call *call)
{
    int64_t tokens =
        pawl_estimate_tokens_within(&call->query.learned, pawl_alarm_now_us() - call->sent_us);
    return pawl_min_i64(tokens, call->output_held) * call->request.choices * call->request.passes;
}

/* Of a stream that was cut for what it may have had: that, and beyond its hold what is likely. */
static int64_t outrun_output(struct pawl_model_call *call, int64_t held)
{
    int64_t most = pawl_model_call_tokens_so_far(call, PAWL_ESTIMATE_MOST);
    int64_t likely = pawl_model_call_tokens_so_far(call, PAWL_ESTIMATE_LIKELY);
    return pawl_max_i64(likely, pawl_min_i64(most, held));
}

bool pawl_settle_no_content(const struct pawl_model_call *call)
{
    return call->answer.status == 204 || call->answer.status == 205;
}

int64_t pawl_model_call_output_seen(struct pawl_model_call *call)
{
    if (pawl_settle_no_content(call)) {
        return 0;
    }
    if (!call->answer.meter_made) {
        return whole_hold(call);
    }
    const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
    bool stream = call->answer.kind == PAWL_ANSWER_STREAM;
    bool understood = stream ? seen->started : seen->terminal;
    if (!understood) {
        return whole_hold(call); /* what was produced cannot be seen */
    }
    int64_t held = held_output(call);
    int64_t bytes = seen->visible_bytes + seen->hidden_bytes;
    int64_t estimate = pawl_estimate_visible_tokens(&call->query.learned, bytes);
    if (may_hide(call)) {
        estimate = stream ? pawl_max_i64(estimate, unseen_output(call)) : held;
    }
    estimate = pawl_min_i64(estimate, held);
    return call->outran ? pawl_max_i64(estimate, outrun_output(call, held)) : estimate;
}

/* Completes what the meter knows. true: with an estimate. */
static bool complete_usage(struct pawl_model_call *call, struct pawl_meter_result *result)
{
    switch (result->knows) {
    case PAWL_METER_KNOWS_ALL:
        return false;
    case PAWL_METER_KNOWS_INPUT:
        pawl_usage_at_least(&result->parts[0].usage, PAWL_USAGE_OUTPUT,
                            pawl_model_call_output_seen(call));
        pawl_settle_complete_tools(call, result);
        return true;
    case PAWL_METER_KNOWS_NOTHING:
        break;
    }
    struct pawl_usage bound;
    int64_t uses = pawl_settle_no_content(call) ? 0 : call->admission.uses;
    pawl_admission_usage(&call->query, pawl_model_call_output_seen(call), uses, &bound);
    struct pawl_usage *usage = &result->parts[0].usage;
    for (int field = 0; field < PAWL_USAGE_FIELD_COUNT; field++) {
        pawl_usage_at_least(usage, (enum pawl_usage_field)field, bound.count[field]);
    }
    usage->modifiers |= bound.modifiers;
    return true;
}

/* --- Amounts -------------------------------------------------------------------------------- */

static int64_t hold_of(const struct pawl_model_call *call, uint16_t unit)
{
    for (uint32_t i = 0; i < call->admission.line_count; i++) {
        if (call->admission.lines[i].unit == unit) {
            return call->admission.lines[i].value;
        }
    }
    return 0;
}

static void set_amounts(struct pawl_model_call *call,
                        const struct pawl_meter_result *result,
                        const struct pawl_meter_bill *bill)
{
    int64_t tokens = 0;
    for (size_t i = 0; i < result->part_count; i++) {
        tokens += pawl_usage_tokens(&result->parts[i].usage);
    }
    for (uint32_t i = 0; i < call->admission.line_count; i++) {
        struct pawl_amount *amount = &call->settled[i];
        amount->unit = call->admission.lines[i].unit;
        switch (amount->unit) {
        case PAWL_UNIT_USD_MICROCENTS:
            amount->value = pawl_min_i64(bill->microcents, PAWL_AMOUNT_MAX);
            break;
        case PAWL_UNIT_TOKENS:
            amount->value = pawl_min_i64(tokens, PAWL_AMOUNT_MAX);
            break;
        default:
            amount->value = 1; /* iterations */
            break;
        }
    }
}

/* What this booking takes beyond the limit, in dollars. Where a cost above its hold finds the rest
 * of the budget held by others, that shows when they have settled, and on the one that spends what
 * was no longer there. */
static int64_t overshoot_of(struct pawl_model_call *call, const struct pawl_meter_bill *bill)
{
    int64_t beyond = bill->microcents - hold_of(call, PAWL_UNIT_USD_MICROCENTS);
    struct pawl_gateway *gateway = call->gateway;
    gateway->exceeded = gateway->exceeded || beyond > 0;
    if (!gateway->exceeded) {
        return 0; /* as nearly always: then all that was spent was held before */
    }
    struct pawl_admission_left left = pawl_gateway_left_of(gateway, PAWL_UNIT_USD_MICROCENTS);
    int64_t room = pawl_max_i64(left.limit - left.spent, 0);
    return left.bound ? pawl_max_i64(bill->microcents - room, 0) : 0;
}

/* --- Cut short ------------------------------------------------------------------------------ */

/* Which unit did not buy the answer that was asked for. */
static uint16_t short_unit(const struct pawl_model_call *call)
{
    struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
    uint32_t count = 0;
    pawl_admission_growth(&call->query, 0, call->request.output_asked, lines, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i].unit == PAWL_UNIT_TOKENS &&
            lines[i].value > call->query.left[PAWL_ADMISSION_TOKENS].free / 2) {
            return PAWL_UNIT_TOKENS;
        }
    }
    return PAWL_UNIT_USD_MICROCENTS;
}

/* An answer that ended at a ceiling of pawl's is no refusal, but some agents end with it. */
static void look_whether_cut_short(struct pawl_model_call *call,
                                   const struct pawl_meter_result *result)
{
    struct pawl_gateway *gateway = call->gateway;
    bool lowered =
        !call->request.no_ceiling && call->admission.ceiling < call->request.output_asked;
    if (!gateway->options.hard_cap || call->summary || !lowered ||
        !pawl_settle_ended_at_ceiling(call, result)) {
        return;
    }
    struct pawl_refusal_words *words = &gateway->stuck_at;
    *words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_SPENT, .unit = short_unit(call)};
    words->left = pawl_gateway_left_of(gateway, words->unit);
    pawl_words_cut_short(words, gateway, call->admission.ceiling);
    gateway->stuck = true;
}

/* --- The end -------------------------------------------------------------------------------- */

void pawl_model_call_try_finish(struct pawl_model_call *call)
{
    if (call->state == PAWL_MODEL_CALL_SETTLING && call->booked && call->exchange == NULL &&
        !call->note_op.open && !call->words_due) {
        pawl_model_call_done(call);
    }
}

static void submit_settlement(struct pawl_model_call *call, uint16_t type);

static int64_t settled_amount(const struct pawl_model_call *call, uint16_t unit)
{
    for (uint32_t i = 0; i < call->settled_lines; i++) {
        if (call->settled[i].unit == unit) {
            return call->settled[i].value;
        }
    }
    return 0;
}

/* What people know a conversation by: its name, else its kind, else its id. */
static struct pawl_slice who_of(const struct pawl_attribution *who)
{
    if (pawl_slice_empty(who->thread) || !pawl_slice_empty(who->name)) {
        return who->name;
    }
    return pawl_slice_empty(who->kind) ? who->thread : who->kind;
}

/* A released hold has no lines: such a call cost nothing. */
static void tell_settled(const struct pawl_model_call *call)
{
    const struct pawl_gateway_options *options = &call->gateway->options;
    if (options->on_settled == NULL) {
        return;
    }
    struct pawl_gateway_settled settled = {
        .call = call->hold,
        .model = call->request.model,
        .who = who_of(&call->who),
        .microcents = settled_amount(call, PAWL_UNIT_USD_MICROCENTS),
        .tokens = settled_amount(call, PAWL_UNIT_TOKENS),
        .tool_calls = call->answer.tool_calls,
        .duration_us = pawl_alarm_now_us() - call->started_us,
    };
    if (call->answer.meter_made && pawl_meter_result(&call->answer.meter)->parts[0].model[0] != 0) {
        settled.model = pawl_slice_str(pawl_meter_result(&call->answer.meter)->parts[0].model);
    }
    options->on_settled(options->arg, &settled);
}

/* --- Too late ------------------------------------------------------------------------------- */

static void on_expired(struct pawl_model_call *call, const struct pawl_result *result);

/* A lease is over from its last moment on, and its hold is booked by EXPIRE, which the loop's
 * timers bring. Those sleep when the machine does, and the ledger's clock goes on: so this may come
 * first, and the correction has to find a booking. */
static void submit_expire(struct pawl_model_call *call)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_EXPIRE,
        .u.expire = {.until_us = pawl_gateway_now_us(call->gateway), .max = PAWL_EXPIRE_MAX},
    };
    pawl_model_call_submit(call, &call->main_op, &command, on_expired);
}

static void on_expired(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (result->code == PAWL_RESULT_OK && result->more_due) {
        submit_expire(call);
    } else {
        submit_settlement(call, PAWL_COMMAND_CORRECT);
    }
}

/* A hold that was to be given back was for nothing. */
static void correct(struct pawl_model_call *call)
{
    call->corrected = true;
    if (call->settled_lines == 0) {
        call->settled_lines = call->admission.line_count;
        for (uint32_t i = 0; i < call->settled_lines; i++) {
            call->settled[i] = (struct pawl_amount){.unit = call->admission.lines[i].unit};
        }
    }
    submit_expire(call);
}

/* --- Operations ----------------------------------------------------------------------------- */

static void on_settled(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (result->code == PAWL_RESULT_RESERVATION_EXPIRED && !call->corrected) {
        correct(call);
        return;
    }
    if (result->code != PAWL_RESULT_OK) {
        pawl_log(PAWL_LOG_ERROR, "gateway: a call was not settled: %s",
                 pawl_result_meaning(result->code));
    }
    call->booked = true;
    tell_settled(call);
    pawl_model_call_try_finish(call);
}

/* COMMIT, CORRECT or RELEASE, with the metadata that is there. */
static void submit_settlement(struct pawl_model_call *call, uint16_t type)
{
    struct pawl_command command = {.type = type,
                                   .metadata = pawl_buf_slice(&call->store.settle_note)};
    if (type == PAWL_COMMAND_RELEASE) {
        command.u.release.reservation = call->hold;
    } else {
        command.u.settle.reservation = call->hold;
        command.u.settle.line_count = call->settled_lines;
        for (uint32_t i = 0; i < call->settled_lines; i++) {
            command.u.settle.lines[i] = call->settled[i];
        }
    }
    pawl_model_call_submit(call, &call->main_op, &command, on_settled);
}

static void begin_settling(struct pawl_model_call *call, enum pawl_call_end end)
{
    call->end = end;
    pawl_alarm_stop(call->store.alarm);
    if (call->words_due) {
        pawl_model_call_set_timer(call, pawl_last_words_ms(call));
    }
    pawl_model_call_move(call, PAWL_MODEL_CALL_SETTLING);
    if (call->client_gone) {
        pawl_model_call_abort_exchange(call);
    }
}

void pawl_model_call_release_hold(struct pawl_model_call *call, enum pawl_call_end end)
{
    begin_settling(call, end);
    pawl_note_release(call, &call->store.settle_note);
    submit_settlement(call, PAWL_COMMAND_RELEASE);
    if (call->summary) {
        pawl_summary_unused(call);
    }
    pawl_quota_gate_booked(call, 0, 0);
    pawl_gateway_pump(call->gateway);
}

/* An error event in place of an answer: nothing was used. */
static bool failed_before_use(const struct pawl_model_call *call)
{
    if (!call->answer.meter_made) {
        return false;
    }
    const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
    return seen->error && seen->knows == PAWL_METER_KNOWS_NOTHING &&
           seen->visible_bytes + seen->hidden_bytes == 0 && seen->tool_calls == 0;
}

void pawl_model_call_settle(struct pawl_model_call *call, enum pawl_call_end end)
{
    if (failed_before_use(call)) {
        pawl_model_call_release_hold(call, PAWL_END_ERROR);
        return;
    }
    begin_settling(call, end);
    pawl_gate_answered(call);
    struct pawl_gateway *gateway = call->gateway;
    struct pawl_meter_result result = {.part_count = 1};
    if (call->answer.meter_made) {
        result = *pawl_meter_result(&call->answer.meter);
    }
    bool estimated = complete_usage(call, &result);
    if (estimated) {
        struct pawl_usage *usage = &result.parts[0].usage;
        usage->modifiers = pawl_usage_dearest(usage->modifiers);
    }
    pawl_settle_add_containers(call, &result);
    estimated = pawl_settle_add_pictures(call, &result) || estimated;
    struct pawl_meter_bill_query query = {
        .book = gateway->options.prices,
        .provider = call->provider,
        .requested_model = call->request.model,
        .at_us = pawl_gateway_now_us(gateway),
        .modifiers = call->query.modifiers |
                     (call->request.modifiers & (uint32_t)PAWL_MODIFIER_SEARCH_PREVIEW),
    };
    struct pawl_meter_bill bill;
    if (!pawl_meter_bill(&result, &query, &bill)) {
        bill = (struct pawl_meter_bill){.part_count = 0};
    }
    if (estimated && result.parts[0].model[0] == '\0') {
        /* Nobody said which rate it was: the one that was held for. */
        bill.microcents = pawl_admission_at_learned_rate(&call->query, bill.microcents);
    }
    call->settled_lines = call->admission.line_count;
    set_amounts(call, &result, &bill);
    call->overshoot = overshoot_of(call, &bill);
    gateway->counters.overshoot_microcents += call->overshoot;
    pawl_previous_remember(&gateway->previous, pawl_slice_str(result.id),
                           pawl_settle_kept_tokens(call, &result));
    pawl_note_settle(call, &result, &bill, estimated, &call->store.settle_note);
    if (!estimated && !call->summary) {
        pawl_settle_learn(call, &result, &bill);
    }
    submit_settlement(call, PAWL_COMMAND_COMMIT);
    look_whether_cut_short(call, &result);
    if (call->summary) {
        pawl_summary_over(call);
    }
    pawl_quota_gate_booked(call, bill.microcents, bill.tokens);
    pawl_gateway_pump(gateway);
}
