/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_hold.c: the hold of a stream while its tokens come.
 *
 * S3  In `extend` mode a hold grows before it is used up; when it cannot, the stream is cut while
 *     what may be in flight is still covered.
 * S4  A stream that goes on where no text could have so few tokens as it was allowed is cut.
 * S5  A stream that comes to its ceiling grows its hold too, so that other calls are not let in on
 *     what is spent already. When it cannot, it is cut before the most tokens that it may have are
 *     more than its hold, which had room for the doubt (admission_need.c); where the model was seen
 *     to keep to its ceilings, not before it certainly is beyond it.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/gateway_priv.h"

enum {
    KIBI = 1024,
    OUTPUT_TOKENS_MAX = 1 << 24, /* tokens: no answer has so many */
    RUNAWAY_RATIO_COLD = 64,     /* tokens per 1,024 bytes that every text has, see runs_away */
    RUNAWAY_RATIO_MIN = 32,
    RUNAWAY_RATIO_MAX = 128,
    RATIO_SAMPLES_MIN = PAWL_ESTIMATE_SAMPLES_COLD,
    OUTGROWN_TOKENS_MIN = 1024, /* the piece by which a hold grows that is alone */
    PIECE_TOKENS_MIN = 64,      /* … and the least, where there is little left */
    SLACK_TOKENS = 256,
    REPORT_TOKENS_MIN = 64,       /* that say something about a tokenizer */
    UNCOUNTED_BYTES_PER_TOKEN = 4 /* of text that comes late and whole, behind its deltas */
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

/* What so many tokens more cost. Beyond its ceiling a stream is counted at its most. */
static uint32_t growth_of(struct pawl_model_call *call,
                          int64_t tokens,
                          struct pawl_amount ret_lines[PAWL_ADMISSION_UNIT_COUNT])
{
    uint32_t count = 0;
    call->query.at_most = !extends(call);
    pawl_admission_growth(&call->query, call->output_held, tokens, ret_lines, &count);
    call->query.at_most = false;
    return count;
}

static void ask_for_more(struct pawl_model_call *call, int64_t tokens)
{
    struct pawl_command command = {.type = PAWL_COMMAND_GROW,
                                   .u.grow = {.reservation = call->hold}};
    call->grow_asked = tokens;
    if (extends(call)) {
        call->grow_asked = pawl_min_i64(tokens, call->admission.ceiling - call->output_held);
    }
    call->grow_line_count = growth_of(call, call->grow_asked, call->grow_lines);
    command.u.grow.line_count = call->grow_line_count;
    for (uint32_t i = 0; i < call->grow_line_count; i++) {
        command.u.grow.lines[i] = call->grow_lines[i];
    }
    pawl_model_call_submit(call, &call->grow_op, &command, on_grown);
}

/* How much of such a piece would be granted now. */
static int64_t what_fits(struct pawl_model_call *call, int64_t tokens)
{
    struct pawl_admission_left left[PAWL_ADMISSION_UNIT_COUNT];
    struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
    struct pawl_denial denial;
    int64_t fits = tokens;
    uint32_t count = growth_of(call, tokens, lines);
    (void)pawl_gateway_left_in_phase(call, left, &denial);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        for (uint32_t i = 0; i < count; i++) {
            int64_t part = 0;
            if (lines[i].unit == pawl_admission_units[unit] && left[unit].bound &&
                lines[i].value > 0 &&
                pawl_money_mul_div_floor(pawl_max_i64(left[unit].free, 0), tokens, lines[i].value,
                                         &part)) {
                fits = pawl_min_i64(fits, part);
            }
        }
    }
    return fits;
}

/* What was held was all that there was, and this call did not need it all after all: nobody else
 * is in its way. */
static void say_alone(struct pawl_model_call *call)
{
    call->words = (struct pawl_refusal_words){.refusal = PAWL_REFUSAL_RUNAWAY};
    pawl_words_set(&call->words,
                   "pawl: the provider went beyond the ceiling of %lld output tokens that this "
                   "call was allowed, and the answer was cut where all that was held for it was "
                   "used. A call that is smaller fits",
                   (long long)call->admission.ceiling);
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
    if (call->outran && !spent && call->query.left[unit].held == 0) {
        say_alone(call);
        pawl_refuse_cut(call);
        return;
    }
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

/* Of a model that was seen to ignore ceilings, all beyond them is as likely as not; so it is where
 * none could be sent. */
enum obedience { IGNORES, UNTESTED, OBEYS };

static enum obedience obedience_of(const struct pawl_model_call *call)
{
    const struct pawl_estimate_output *learned = &call->query.learned;
    if (call->request.no_ceiling || learned->overrun_tokens > 0) {
        return IGNORES;
    }
    return learned->obeys ? OBEYS : UNTESTED;
}

/* What the provider itself has told so far: some do with each event. */
static int64_t reported_tokens(const struct pawl_model_call *call)
{
    return pawl_usage_output_tokens(&pawl_meter_result(&call->answer.meter)->parts[0].usage);
}

static void note_report(struct pawl_model_call *call)
{
    int64_t tokens = reported_tokens(call);
    if (tokens != call->told_tokens) {
        call->told_tokens = tokens;
        call->told_bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    }
}

/* A report counts for what came before it, thought included, unless it is less than any tokenizer
 * makes of that: a placeholder, or one that is put right later. */
static int64_t tokens_with_report(const struct pawl_model_call *call,
                                  enum pawl_estimate_side side,
                                  int64_t bytes,
                                  int64_t counted)
{
    const struct pawl_estimate_output *learned = &call->query.learned;
    int64_t rest = 0;
    bool fits =
        pawl_money_mul_div_ceil(counted, bytes - call->told_bytes, pawl_max_i64(bytes, 1), &rest);
    int64_t before = counted - rest;
    if (!fits || call->told_tokens < REPORT_TOKENS_MIN || 4 * call->told_tokens < 3 * before) {
        return pawl_estimate_text_tokens(learned, side, bytes, counted);
    }
    return call->told_tokens +
           pawl_estimate_text_tokens(learned, side, bytes - call->told_bytes, rest);
}

/* The text that came, by its tokens or by its bytes, or what the provider says. The model may have
 * thought beside it: then there is more than can be seen, and never less. */
int64_t pawl_model_call_tokens_so_far(struct pawl_model_call *call, enum pawl_estimate_side side)
{
    struct pawl_estimate_output *learned = &call->query.learned;
    const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
    if (seen->knows != PAWL_METER_KNOWS_NOTHING) {
        pawl_estimate_learn_factor_of(learned, &call->estimate,
                                      pawl_usage_input_tokens(&seen->parts[0].usage));
    }
    int64_t counted =
        pawl_visible_count(&call->answer.visible) +
        (seen->visible_bytes - call->answer.visible.bytes) / UNCOUNTED_BYTES_PER_TOKEN;
    return pawl_max_i64(tokens_with_report(call, side, seen->visible_bytes, counted),
                        reported_tokens(call));
}

/* Of all that is held of the output: it may be made of several answers. */
static int64_t each(const struct pawl_model_call *call, int64_t tokens)
{
    int64_t parts = call->request.choices * call->request.passes;
    return (tokens + parts - 1) / parts;
}

/* By which it is looked after. */
static int64_t counted_tokens(struct pawl_model_call *call)
{
    bool obeys = obedience_of(call) == OBEYS;
    return pawl_model_call_tokens_so_far(call, obeys ? PAWL_ESTIMATE_LIKELY : PAWL_ESTIMATE_MOST);
}

/* Whether there can be so many already. A byte has at most one token of the encoding, so between
 * two counts most events need none. */
static bool may_have(struct pawl_model_call *call, int64_t tokens)
{
    const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
    int64_t new_bytes = seen->visible_bytes - call->looked_bytes;
    int64_t bound =
        call->looked_tokens +
        pawl_estimate_text_tokens(&call->query.learned, PAWL_ESTIMATE_MOST, new_bytes, new_bytes);
    return pawl_max_i64(bound, reported_tokens(call)) > tokens;
}

/* What is held in a unit and not needed for what is known and the output that it covers. */
static int64_t slack_of(const struct pawl_model_call *call, const struct pawl_amount *line)
{
    struct pawl_usage usage = pawl_meter_result(&call->answer.meter)->parts[0].usage;
    usage.modifiers = pawl_usage_dearest(usage.modifiers | call->query.modifiers);
    pawl_usage_set(&usage, PAWL_USAGE_OUTPUT, call->output_held * call->request.choices);
    int64_t needed = pawl_usage_tokens(&usage);
    if (line->unit == PAWL_UNIT_USD_MICROCENTS) {
        struct pawl_cost cost;
        pawl_usage_cost(&call->price, &usage, &cost);
        needed = pawl_admission_at_learned_rate(&call->query, cost.total_microcents);
    }
    return pawl_max_i64(line->value - needed, 0);
}

/* Whether the provider has told of all the input. Some proxies send a small number first and the
 * true one in the end, and tools bring in more on the way. */
static bool input_told(const struct pawl_model_call *call)
{
    const struct pawl_meter_result *seen = pawl_meter_result(&call->answer.meter);
    int64_t counted = call->estimate.known_tokens + call->estimate.new_counted;
    return seen->knows == PAWL_METER_KNOWS_INPUT && call->request.tool_count == 0 &&
           call->request.passes == 1 &&
           2 * pawl_usage_input_tokens(&seen->parts[0].usage) >= counted;
}

/* What the bound of the input had too much pays for more output. */
static void cover_more(struct pawl_model_call *call)
{
    if (call->covered_more || !input_told(call)) {
        return;
    }
    struct pawl_amount lines[PAWL_ADMISSION_UNIT_COUNT];
    int64_t more = OUTPUT_TOKENS_MAX;
    uint32_t count = growth_of(call, KIBI, lines);
    call->covered_more = true;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < call->admission.line_count; k++) {
            const struct pawl_amount *held = &call->admission.lines[k];
            int64_t part = 0;
            if (held->unit == lines[i].unit && lines[i].value > 0 &&
                pawl_money_mul_div_floor(slack_of(call, held), KIBI, lines[i].value, &part)) {
                more = pawl_min_i64(more, part);
            }
        }
    }
    call->output_held += count > 0 ? more : 0;
}

static int64_t outgrown_at(const struct pawl_model_call *call)
{
    int64_t held = call->output_held;
    switch (obedience_of(call)) {
    case IGNORES:
        return held - held / 4;
    case UNTESTED:
        return held - held / 16;
    case OBEYS:
        break;
    }
    return held + held / 16;
}

/* As long as it may be within its hold after all. */
static bool beyond_hold(struct pawl_model_call *call)
{
    int64_t held = call->output_held;
    if (obedience_of(call) == OBEYS && each(call, reported_tokens(call)) <= held) {
        return each(call, pawl_model_call_tokens_so_far(call, PAWL_ESTIMATE_LEAST)) > held;
    }
    return each(call, call->looked_tokens) > held;
}

static void cut_outrun(struct pawl_model_call *call)
{
    call->outran = true;
    cut_for_funds(call);
}

/* A piece that lasts for a while; a small one beside others, who may need what is left as much. */
static int64_t outgrown_piece(const struct pawl_model_call *call, int64_t tokens)
{
    int64_t held = call->output_held;
    int64_t piece = call->gateway->flowing_count > 1 ? pawl_max_i64(held / 16, SLACK_TOKENS)
                                                     : pawl_max_i64(held / 8, OUTGROWN_TOKENS_MIN);
    return pawl_max_i64(tokens - held, 0) + piece;
}

/* Where nothing was to be had a moment ago, the end of the hold is the end. */
static void outgrow(struct pawl_model_call *call)
{
    int64_t parts = call->request.choices * call->request.passes;
    call->grow_at = pawl_max_i64(call->grow_at, outgrown_at(call));
    if (!call->gateway->options.hard_cap || !may_have(call, call->grow_at * parts)) {
        return;
    }
    cover_more(call);
    call->looked_tokens = counted_tokens(call);
    call->looked_bytes = pawl_meter_result(&call->answer.meter)->visible_bytes;
    int64_t tokens = each(call, call->looked_tokens);
    call->grow_at = pawl_max_i64(call->grow_at, outgrown_at(call));
    if (tokens <= call->grow_at) {
        return;
    }
    bool denied = call->denied_at > 0 && tokens <= call->denied_at + SLACK_TOKENS;
    if (denied && beyond_hold(call)) {
        cut_outrun(call);
    } else {
        ask_for_more(call, outgrown_piece(call, tokens));
    }
}

/* It is asked again when more has come, since others give back meanwhile, and shortly before the
 * hold is used up. */
static void outgrowing_failed(struct pawl_model_call *call)
{
    if (beyond_hold(call)) {
        cut_outrun(call);
        return;
    }
    int64_t tokens = each(call, call->looked_tokens);
    int64_t last = call->output_held - PIECE_TOKENS_MIN;
    call->denied_at = tokens;
    call->grow_at = tokens + SLACK_TOKENS;
    if (obedience_of(call) != OBEYS) {
        call->grow_at = pawl_min_i64(call->grow_at, tokens < last ? last : call->output_held);
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
    if (call->admission.mode == PAWL_ADMISSION_EXTEND &&
        call->output_held == call->admission.ceiling) {
        call->output_held = pawl_admission_output_bound(&call->query, call->admission.ceiling);
    }
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
    if (result->code == PAWL_RESULT_OK) {
        if (extends(call)) {
            keep_promise(call);
        }
        add_to_hold(call);
        call->grow_at = extends(call) ? call->output_held / 2 : outgrown_at(call);
        pawl_model_call_look_after_hold(call);
        return;
    }
    int64_t piece = extends(call) ? call->admission.margin : what_fits(call, call->grow_asked - 1);
    if (call->grow_asked > piece && piece >= PIECE_TOKENS_MIN) {
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
    note_report(call);
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
