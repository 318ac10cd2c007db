/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_hold.c: the hold of a stream while its tokens come.
 *
 * S3  In `extend` mode a hold grows before it is used up; when it cannot, the stream is cut while
 *     what may be in flight is still covered.
 * S4  A stream that goes on where no text could have so few tokens as it was allowed is cut.
 * S5  A stream that has probably more tokens than its ceiling grows its hold too, so that other
 *     calls are not let in on what is spent already. When it cannot, it goes on as long as it may
 *     be within its hold after all, and is cut when it certainly is not.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

enum {
    KIBI = 1024,
    RUNAWAY_RATIO_COLD = 64, /* tokens per 1,024 bytes that every text has, see runs_away */
    RUNAWAY_RATIO_MIN = 32,
    RUNAWAY_RATIO_MAX = 128,
    RATIO_SAMPLES_MIN = PAWL_ESTIMATE_SAMPLES_COLD,
    CERTAIN_RATIO_COLD = 170, /* one in 6 bytes, while nothing is known: prose has one in 4 to 5 */
    LIKELY_BYTES_PER_TOKEN = 4,
    OUTGROWN_TOKENS_MIN = 1024, /* the piece by which a hold grows at least */
    SLACK_TOKENS = 256
};

static void on_grown(struct pawl_model_call *call, const struct pawl_result *result);

static int64_t seen_tokens(const struct pawl_model_call *call)
{
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    return pawl_estimate_visible_tokens(&call->query.learned, bytes);
}

/* Whether what the hold grows by was promised to this call. */
static bool extends(const struct pawl_model_call *call)
{
    return call->admission.mode == PAWL_ADMISSION_EXTEND &&
           call->output_held < call->admission.ceiling;
}

static void ask_for_more(struct pawl_model_call *call, int64_t tokens)
{
    struct pawl_command command = {.type = PAWL_COMMAND_GROW,
                                   .u.grow = {.reservation = call->hold}};
    call->grow_asked = tokens;
    if (extends(call)) {
        call->grow_asked = pawl_min_i64(tokens, call->admission.ceiling - call->output_held);
    }
    pawl_admission_growth(&call->query, call->output_held, call->grow_asked, call->grow_lines,
                          &call->grow_line_count);
    command.u.grow.line_count = call->grow_line_count;
    for (uint32_t i = 0; i < call->grow_line_count; i++) {
        command.u.grow.lines[i] = call->grow_lines[i];
    }
    pawl_model_call_submit(call, &call->grow_op, &command, on_grown);
}

/* The refusal latches when, with this call booked, not even a useful call like it would fit.
 * Otherwise others hold the rest for now. */
static void cut_for_funds(struct pawl_model_call *call)
{
    struct pawl_denial denial;
    struct pawl_admission next;
    call->cut = true;
    pawl_model_call_let_go(call);
    pawl_model_call_settle(call, PAWL_END_CUT);
    (void)pawl_gateway_left(call->gateway, call->query.left, &denial);
    pawl_limit_keep(call);
    pawl_admission_decide(&call->query, &next);
    enum pawl_admission_unit unit =
        next.verdict == PAWL_ADMISSION_ADMIT ? PAWL_ADMISSION_USD : next.unit;
    bool spent = next.verdict == PAWL_ADMISSION_SPENT;
    call->words = (struct pawl_refusal_words){
        .refusal = spent ? PAWL_REFUSAL_SPENT : PAWL_REFUSAL_HELD,
        .unit = pawl_admission_units[unit],
        .left = call->query.left[unit],
        .latches = spent,
    };
    struct pawl_shared_limit shared;
    if (pawl_gateway_shared(call->gateway, call->words.unit, spent, &shared)) {
        pawl_words_limit(&call->words, call->gateway, &shared, !spent);
    } else {
        pawl_words_admission(&call->words, call->gateway, NULL);
    }
    pawl_refuse_cut(call);
}

static void extend(struct pawl_model_call *call)
{
    int64_t seen = seen_tokens(call);
    if (seen < call->grow_at) {
        return;
    }
    if (call->grow_asked >= 0) {
        ask_for_more(call, call->output_held);
    } else if (seen + call->admission.margin > call->output_held) {
        cut_for_funds(call);
    }
}

/* --- Ceilings that are ignored (S5) --------------------------------------------------------- */

/* Whether what comes is one answer of the model's. It may have thought beside it: then there is
 * more than can be seen, and never less. */
static bool shows(const struct pawl_model_call *call)
{
    const struct pawl_model_request *request = &call->request;
    return request->choices == 1 && request->passes == 1 && request->tool_count == 0;
}

/* What the provider itself has told so far: some do with each event. */
static int64_t reported_tokens(const struct pawl_model_call *call)
{
    return pawl_usage_output_tokens(&pawl_meter_result(&call->answer.meter)->parts[0].usage);
}

/* By the bytes, or by what the provider says. */
int64_t pawl_model_call_likely_tokens(const struct pawl_model_call *call)
{
    bool known = call->query.learned.samples >= RATIO_SAMPLES_MIN;
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    return pawl_max_i64(known ? seen_tokens(call) : bytes / LIKELY_BYTES_PER_TOKEN,
                        reported_tokens(call));
}

/* Of a model that is known for it, all beyond the ceiling is as likely as not; so it is where no
 * ceiling could be sent. */
static bool ignores_ceilings(const struct pawl_model_call *call)
{
    return call->request.no_ceiling || call->query.learned.overrun_tokens > 0;
}

/* As many as they have at the very least. */
static int64_t certain_tokens(const struct pawl_model_call *call)
{
    const struct pawl_estimate_output *learned = &call->query.learned;
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    int64_t ratio = learned->samples >= RATIO_SAMPLES_MIN ? learned->ratio_low : CERTAIN_RATIO_COLD;
    return pawl_max_i64(bytes / KIBI * ratio, reported_tokens(call));
}

static int64_t outgrown_at(const struct pawl_model_call *call)
{
    int64_t held = call->output_held;
    return ignores_ceilings(call) ? held - held / 4 : held + held / 4 + SLACK_TOKENS;
}

static void outgrow(struct pawl_model_call *call)
{
    if (!call->gateway->options.hard_cap || !shows(call)) {
        return;
    }
    call->grow_at = pawl_max_i64(call->grow_at, outgrown_at(call));
    if (pawl_model_call_likely_tokens(call) > call->grow_at) {
        ask_for_more(call, pawl_max_i64(call->output_held, OUTGROWN_TOKENS_MIN));
    }
}

/* It is asked again when more has come: others give back meanwhile. */
static void outgrowing_failed(struct pawl_model_call *call)
{
    int64_t likely = pawl_model_call_likely_tokens(call);
    bool beyond = ignores_ceilings(call) || reported_tokens(call) > call->output_held
                      ? likely > call->output_held
                      : certain_tokens(call) > call->output_held + SLACK_TOKENS;
    if (beyond) {
        call->outran = true;
        cut_for_funds(call);
    } else {
        call->grow_at = likely + SLACK_TOKENS;
    }
}

/* --- Growing -------------------------------------------------------------------------------- */

/* What is held is not promised any more. */
static void keep_promise(struct pawl_model_call *call)
{
    int64_t promised[PAWL_ADMISSION_UNIT_COUNT];
    for (size_t i = 0; i < PAWL_ADMISSION_UNIT_COUNT; i++) {
        promised[i] = call->promised[i];
        for (uint32_t k = 0; k < call->grow_line_count; k++) {
            bool same = call->grow_lines[k].unit == pawl_admission_units[i];
            promised[i] -= same ? call->grow_lines[k].value : 0;
        }
    }
    pawl_gateway_promise(call, promised);
}

/* What was held is what the settlement is compared with. */
static void add_to_hold(struct pawl_model_call *call)
{
    for (uint32_t i = 0; i < call->grow_line_count; i++) {
        for (uint32_t k = 0; k < call->admission.line_count; k++) {
            if (call->admission.lines[k].unit == call->grow_lines[i].unit) {
                call->admission.lines[k].value += call->grow_lines[i].value;
            }
        }
    }
    call->output_held += call->grow_asked;
}

/* Nothing more is to be had, not even a small piece. */
static void growing_failed(struct pawl_model_call *call)
{
    if (!extends(call)) {
        outgrowing_failed(call);
        return;
    }
    call->grow_asked = -1;
    call->grow_at = 0;
    extend(call);
}

static void on_grown(struct pawl_model_call *call, const struct pawl_result *result)
{
    if (!pawl_model_call_flowing(call)) {
        return;
    }
    int64_t piece = extends(call) ? call->admission.margin : OUTGROWN_TOKENS_MIN;
    if (result->code == PAWL_RESULT_OK) {
        if (extends(call)) {
            keep_promise(call);
        }
        add_to_hold(call);
        call->grow_at = extends(call) ? call->output_held / 2 : outgrown_at(call);
        pawl_model_call_look_after_hold(call);
    } else if (call->grow_asked > piece) {
        ask_for_more(call, piece);
    } else {
        growing_failed(call);
    }
}

/* --- Streams without end (S4) --------------------------------------------------------------- */

/* A provider that does not keep to the ceiling is stopped when no text could have so few tokens.
 * Prose and code have one in 3 to 6 bytes; only long runs of one character have fewer than one in
 * 16, and an answer does not consist of them. Where the model's answers are known, one that has
 * less than half the tokens a byte of the sparsest of them counts as impossible; but one in 8 bytes
 * is always possible, since what came before may all have been Chinese. For a wrong cut an answer
 * would have to be that odd, and to come to the very end of its ceiling, which few answers do. */
static bool runs_away(const struct pawl_model_call *call)
{
    const struct pawl_estimate_output *learned = &call->query.learned;
    if (!call->gateway->options.hard_cap || call->request.no_ceiling) {
        return false; /* Where nobody was told of a ceiling only the hold counts (S5). */
    }
    int64_t bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    int64_t ratio =
        learned->samples >= RATIO_SAMPLES_MIN ? learned->ratio_low / 2 : RUNAWAY_RATIO_COLD;
    ratio = ratio > RUNAWAY_RATIO_MIN ? pawl_min_i64(ratio, RUNAWAY_RATIO_MAX) : RUNAWAY_RATIO_MIN;
    int64_t allowed = pawl_max_i64(call->admission.ceiling, call->admission.output_held) *
                      call->request.choices * call->request.passes;
    return bytes / KIBI * ratio > allowed + SLACK_TOKENS;
}

static void cut_runaway(struct pawl_model_call *call)
{
    call->outran = true;
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_RUNAWAY};
    pawl_words_set(&call->words,
                   "pawl: the provider went far beyond the ceiling of %lld output tokens that this "
                   "call was allowed",
                   (long long)call->admission.ceiling);
    pawl_model_call_cut(call);
}

void pawl_model_call_look_after_hold(struct pawl_model_call *call)
{
    if (runs_away(call)) {
        cut_runaway(call);
    } else if (call->grow_op.open) {
        /* What it got is known soon. */
    } else if (extends(call)) {
        extend(call);
    } else {
        outgrow(call);
    }
}
