/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission.c: the rules, over one function: need(input, output, uses) in every unit
 * (admission_need.c). It never falls when any of the three grows, so the largest output that fits
 * is found by halving.
 */
#include "base/assert.h"
#include "gateway/admission_priv.h"

const uint16_t pawl_admission_units[PAWL_ADMISSION_UNIT_COUNT] = {
    [PAWL_ADMISSION_USD] = PAWL_UNIT_USD_MICROCENTS,
    [PAWL_ADMISSION_TOKENS] = PAWL_UNIT_TOKENS,
    [PAWL_ADMISSION_ITERATIONS] = PAWL_UNIT_ITERATIONS,
};

enum {
    SHARE_DIVISOR = 2,
    SHARE_DIVISOR_CROWDED = 8,
    LEARNED_SAMPLES_MIN = 32, /* fewer answers say nothing about how long they are */
    PLENTY_DIVISOR = 8,
    MARGIN_PER_SECOND = 4,
    USUAL_PERCENT = 125,
    PACE_CUT_MAX = 1024,      /* tokens a second: few are on their way when a stream is cut */
    CUSHION_DIVISOR = 50,     /* of the limit stays free while others are under way, */
    CUSHION_DIVISOR_COLD = 10 /* … more while a model's counting is not known */
};

/* --- Fits ----------------------------------------------------------------------------------- */

enum purse { PURSE_FREE, PURSE_ROOM };

/* While other calls are under way a part of what is free is left alone, for inputs that turn out
 * larger than anybody could know: a budget that is all held is taken below zero by a few tokens. */
static int64_t
purse_amount(const struct pawl_admission_decider *decider, int unit, enum purse purse)
{
    const struct pawl_admission_left *left = &decider->query->left[unit];
    if (purse == PURSE_ROOM) {
        return left->room;
    }
    bool alone = left->held == 0 || unit == PAWL_ADMISSION_ITERATIONS;
    bool cold = decider->query->learned.answers == 0;
    int64_t cushion = left->limit / (cold ? CUSHION_DIVISOR_COLD : CUSHION_DIVISOR);
    return alone ? left->free : left->free - cushion;
}

/* The first unit of which a `divisor`th does not cover the form, or UNIT_COUNT. Iterations are
 * never divided. */
static enum pawl_admission_unit first_short(const struct pawl_admission_decider *decider,
                                            struct pawl_admission_form form,
                                            enum purse purse,
                                            int64_t divisor)
{
    struct pawl_admission_need need = pawl_admission_need_of(decider, form);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        const struct pawl_admission_left *left = &decider->query->left[unit];
        int64_t amount = purse_amount(decider, unit, purse);
        if (unit != PAWL_ADMISSION_ITERATIONS) {
            amount /= divisor;
        }
        if (left->bound && need.amount[unit] > amount) {
            return (enum pawl_admission_unit)unit;
        }
    }
    return PAWL_ADMISSION_UNIT_COUNT;
}

static bool fits(const struct pawl_admission_decider *decider,
                 struct pawl_admission_form form,
                 enum purse purse,
                 int64_t divisor)
{
    return first_short(decider, form, purse, divisor) == PAWL_ADMISSION_UNIT_COUNT;
}

/* The largest output up to `max` that a part of the purse buys, or -1 when not even none. */
static int64_t largest_output_of(const struct pawl_admission_decider *decider,
                                 struct pawl_admission_form form,
                                 int64_t max,
                                 enum purse purse,
                                 int64_t divisor)
{
    form.output = max;
    if (fits(decider, form, purse, divisor)) {
        return max; /* as nearly always */
    }
    int64_t low = -1;
    int64_t high = max - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        form.output = middle;
        if (fits(decider, form, purse, divisor)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static int64_t largest_output(const struct pawl_admission_decider *decider,
                              struct pawl_admission_form form,
                              int64_t max,
                              int64_t divisor)
{
    return largest_output_of(decider, form, max, PURSE_FREE, divisor);
}

static int64_t largest_input(const struct pawl_admission_decider *decider,
                             struct pawl_admission_form form)
{
    int64_t low = 0;
    int64_t high = form.input;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        form.input = middle;
        if (fits(decider, form, PURSE_FREE, 1)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/* --- Admission ------------------------------------------------------------------------------ */

static bool knows_lengths(const struct pawl_admission_query *query)
{
    return query->learned.answers >= LEARNED_SAMPLES_MIN;
}

/* The least that is worth a call: one answer in four of this model fits into it. */
static int64_t useful_output(const struct pawl_admission_query *query)
{
    int64_t useful = PAWL_ADMISSION_OUTPUT_USEFUL;
    if (query->learned.answers >= PAWL_ESTIMATE_SAMPLES_COLD) {
        int64_t short_one = pawl_max_i64(query->learned.tokens_p25, PAWL_ADMISSION_OUTPUT_LEAST);
        useful = pawl_min_i64(useful, short_one);
    }
    return pawl_min_i64(query->request->output_asked, useful);
}

/* The least above the thinking budget, which gives way down to what providers take; what it leaves
 * then is for the answer. 0: there is none. */
static int64_t with_thinking(const struct pawl_admission_query *query)
{
    const struct pawl_model_request *request = query->request;
    bool lowers =
        request->thinking_span.end != 0 && request->thinking_budget > PAWL_REQUEST_THINKING_LEAST;
    if (lowers) {
        return PAWL_REQUEST_THINKING_LEAST + useful_output(query);
    }
    return request->thinking_budget > 0 ? request->thinking_budget + 1 : 0;
}

/* The smallest answer that is useful and that the provider accepts; where it takes no ceiling, the
 * one that hardly any answer exceeds, since it comes whole. */
static int64_t smallest_output(const struct pawl_admission_query *query)
{
    const struct pawl_model_request *request = query->request;
    if (request->output_fixed) {
        return request->output_asked;
    }
    int64_t least = with_thinking(query);
    if (request->no_ceiling) {
        least = pawl_max_i64(query->learned.tokens_p99, PAWL_ADMISSION_OUTPUT_LIKELY);
    }
    return pawl_max_i64(useful_output(query), pawl_min_i64(request->output_asked, least));
}

/* An answer that sharing does not cut. */
static int64_t shared_output(const struct pawl_admission_query *query)
{
    int64_t enough = pawl_max_i64(PAWL_ADMISSION_OUTPUT_SHARE, 2 * query->learned.tokens_p99);
    enough += query->request->thinking_budget;
    return pawl_min_i64(query->request->output_asked, enough);
}

/* What most answers fit into. */
static int64_t likely_output(const struct pawl_admission_query *query)
{
    int64_t likely = PAWL_ADMISSION_OUTPUT_LIKELY;
    if (knows_lengths(query)) {
        likely = pawl_max_i64(query->learned.tokens_p95, PAWL_ADMISSION_OUTPUT_USEFUL);
    }
    likely += query->request->thinking_budget;
    return pawl_min_i64(query->request->output_asked, likely);
}

/* How often each server tool may be used: as often as asked, as long as an answer that is worth it
 * still fits; at least once. */
static int64_t choose_uses(const struct pawl_admission_decider *decider)
{
    const struct pawl_model_request *request = decider->query->request;
    int64_t most = 0;
    for (uint32_t i = 0; i < request->tool_count; i++) {
        most = pawl_max_i64(
            most, pawl_admission_uses_of(&request->tools[i], &decider->query->learned, INT32_MAX));
    }
    struct pawl_admission_form form = {decider->query->input_tokens, shared_output(decider->query),
                                       most};
    while (form.uses > 1 && !fits(decider, form, PURSE_FREE, SHARE_DIVISOR)) {
        form.uses = form.uses / 2 > PAWL_REQUEST_USES_DEFAULT ? form.uses / 2 : form.uses - 1;
    }
    return form.uses;
}

static int64_t margin_of(const struct pawl_estimate_output *learned)
{
    return pawl_max_i64(PAWL_ADMISSION_MARGIN_TOKENS,
                        learned->tokens_per_second / MARGIN_PER_SECOND);
}

static bool may_extend(const struct pawl_admission_query *query)
{
    const struct pawl_model_request *request = query->request;
    return request->stream && !request->hidden && !query->learned.hidden && request->choices == 1 &&
           request->passes == 1 && request->tool_count == 0 && !request->audio_output &&
           query->learned.overrun_permille == 0 && query->learned.overrun_tokens == 0 &&
           query->learned.samples >= PAWL_ADMISSION_EXTEND_SAMPLES &&
           query->learned.tokens_per_second != INT64_MAX && !query->never_extend &&
           !request->no_ceiling;
}

/* EXTEND where it is allowed, where it helps (the whole ceiling would take a good part of what is
 * free), and where plenty is left. */
static bool choose_extend(const struct pawl_admission_decider *decider,
                          struct pawl_admission_form form,
                          int64_t *ret_held)
{
    const struct pawl_admission_query *query = decider->query;
    if (!may_extend(query)) {
        return false;
    }
    struct pawl_admission_form whole = form;
    whole.output = query->request->output_asked;
    form.output = query->learned.tokens_p95 + margin_of(&query->learned);
    bool suits = !fits(decider, whole, PURSE_FREE, PLENTY_DIVISOR) &&
                 fits(decider, form, PURSE_FREE, PLENTY_DIVISOR);
    if (form.output >= whole.output || (!suits && !query->always_extend)) {
        return false;
    }
    *ret_held = form.output;
    return true;
}

static void set_lines(const struct pawl_admission_decider *decider,
                      struct pawl_admission_form form,
                      struct pawl_admission *result)
{
    struct pawl_admission_need need = pawl_admission_need_of(decider, form);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        if (unit == PAWL_ADMISSION_USD && decider->query->price == NULL) {
            continue;
        }
        result->lines[result->line_count++] =
            (struct pawl_amount){pawl_admission_units[unit], need.amount[unit]};
    }
}

/* What the ceiling may cost beyond the hold. */
static void set_promise(const struct pawl_admission_decider *decider,
                        struct pawl_admission_form form,
                        struct pawl_admission *result)
{
    form.output = result->output_held;
    struct pawl_admission_need held = pawl_admission_need_of(decider, form);
    form.output = result->ceiling;
    struct pawl_admission_need whole = pawl_admission_need_of(decider, form);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        result->promised[unit] = whole.amount[unit] - held.amount[unit];
    }
}

static bool others_hold(const struct pawl_admission_query *query)
{
    return query->left[PAWL_ADMISSION_USD].held > 0 || query->left[PAWL_ADMISSION_TOKENS].held > 0;
}

/* The most that fits; but of what an answer hardly ever needs, only what a part of the purse buys;
 * and while others wait, of what most answers do not need, only the part that everybody gets. */
static int64_t choose_ceiling(const struct pawl_admission_decider *decider,
                              struct pawl_admission_form form)
{
    const struct pawl_admission_query *query = decider->query;
    int64_t most = largest_output(decider, form, query->request->output_asked, 1);
    int64_t ceiling = shared_output(query);
    if (query->request->output_fixed) {
        return most;
    }
    if (ceiling < most) {
        int64_t divisor = others_hold(query) ? SHARE_DIVISOR_CROWDED : SHARE_DIVISOR;
        ceiling = pawl_max_i64(ceiling, largest_output(decider, form, most, divisor));
    }
    ceiling = pawl_min_i64(ceiling, most);
    int64_t likely = pawl_max_i64(likely_output(query), smallest_output(query));
    if (query->waiting > 0 && likely < ceiling) {
        int64_t fair = largest_output(decider, form, ceiling, (int64_t)query->waiting + 1);
        ceiling = pawl_max_i64(likely, fair);
    }
    return ceiling;
}

/* Where a useful answer fits, most answers may still be cut short only because others hold so much:
 * what they give back is waited for. Near the end, where not even all that is left buys what most
 * answers need, half of what it buys is enough. Returns what is waited for in *ret_form, and the
 * unit that does not buy it yet, or UNIT_COUNT. */
static enum pawl_admission_unit cut_short(const struct pawl_admission_decider *decider,
                                          int64_t uses,
                                          struct pawl_admission_form *ret_form)
{
    const struct pawl_admission_query *query = decider->query;
    if (query->last_chance || query->under_way == 0) {
        return PAWL_ADMISSION_UNIT_COUNT;
    }
    int64_t smallest = smallest_output(query);
    int64_t likely = pawl_max_i64(likely_output(query), smallest);
    struct pawl_admission_form form = {query->input_tokens, likely, uses};
    if (fits(decider, form, PURSE_FREE, 1)) {
        return PAWL_ADMISSION_UNIT_COUNT; /* as nearly always */
    }
    int64_t later = largest_output_of(decider, form, 2 * likely, PURSE_ROOM, 1) / 2;
    form.output = pawl_max_i64(pawl_min_i64(likely, later), smallest);
    *ret_form = form;
    return first_short(decider, form, PURSE_FREE, 1);
}

static void
admit(const struct pawl_admission_decider *decider, int64_t uses, struct pawl_admission *result)
{
    const struct pawl_admission_query *query = decider->query;
    struct pawl_admission_form form = {query->input_tokens, 0, uses};
    result->verdict = PAWL_ADMISSION_ADMIT;
    result->uses = uses;
    result->ceiling = choose_ceiling(decider, form);
    PAWL_ASSERT(result->ceiling >= smallest_output(query));
    int64_t held = 0;
    if (choose_extend(decider, form, &held) && held < result->ceiling) {
        result->mode = PAWL_ADMISSION_EXTEND;
        result->output_held = held;
        result->margin = margin_of(&query->learned);
        set_promise(decider, form, result);
    } else {
        result->mode = PAWL_ADMISSION_CEILING;
        result->output_held = pawl_admission_output_bound(query, result->ceiling);
    }
    form.output = pawl_min_i64(result->output_held, result->ceiling);
    set_lines(decider, form, result);
}

static enum pawl_admission_verdict refuse(const struct pawl_admission_decider *decider,
                                          struct pawl_admission_form smallest)
{
    const struct pawl_admission_query *query = decider->query;
    if (fits(decider, smallest, PURSE_ROOM, 1)) {
        return PAWL_ADMISSION_HELD;
    }
    /* What an ordinary call of this run would be: no larger than those before it. */
    int64_t usual =
        pawl_max_i64(PAWL_ADMISSION_INPUT_USUAL, query->input_usual * USUAL_PERCENT / 100);
    struct pawl_admission_form ordinary = {pawl_min_i64(query->input_tokens, usual),
                                           useful_output(query), 0};
    return fits(decider, ordinary, PURSE_ROOM, 1) ? PAWL_ADMISSION_TOO_BIG : PAWL_ADMISSION_SPENT;
}

static void decide(const struct pawl_admission_query *query, struct pawl_admission *ret_admission)
{
    struct pawl_admission_decider decider = pawl_admission_decider_of(query);
    struct pawl_admission result = {.line_count = 0};
    int64_t uses = choose_uses(&decider);
    struct pawl_admission_form smallest = {query->input_tokens, smallest_output(query), uses};
    enum pawl_admission_unit unit = first_short(&decider, smallest, PURSE_FREE, 1);
    bool fits_now = unit == PAWL_ADMISSION_UNIT_COUNT;
    if (fits_now) {
        unit = cut_short(&decider, uses, &smallest);
    }
    if (unit == PAWL_ADMISSION_UNIT_COUNT) {
        admit(&decider, uses, &result);
        *ret_admission = result;
        return;
    }
    result.verdict = fits_now ? PAWL_ADMISSION_HELD : refuse(&decider, smallest);
    result.unit = unit;
    result.needed = pawl_admission_need_of(&decider, smallest).amount[unit];
    bool fixed = query->request->output_fixed;
    struct pawl_admission_form useful = {
        query->input_tokens, fixed ? query->request->output_asked : useful_output(query), 0};
    result.fits_input_tokens = largest_input(&decider, useful);
    result.fits_without_tools =
        query->request->tool_count > 0 && result.fits_input_tokens == query->input_tokens;
    result.fits_output_tokens =
        fixed
            ? 0
            : pawl_max_i64(0, largest_output(&decider, smallest, query->request->output_asked, 1));
    *ret_admission = result;
}

/* Whether a stream of that kind ends at its hold, however long its model would go on: no ceiling
 * was kept to lately, its tokens show, and they come so slowly that a cut is in time. */
static bool ends_at_hold(const struct pawl_admission_query *query)
{
    const struct pawl_model_request *request = query->request;
    return query->learned.overrun_tokens > 0 && request->stream && !request->no_ceiling &&
           !request->hidden && !query->learned.hidden && !request->output_fixed &&
           query->learned.tokens_per_second <= PACE_CUT_MAX;
}

/* Where the longest answer seen of a model that ignores ceilings is not to be had any more, a
 * useful one still may be. */
void pawl_admission_decide(const struct pawl_admission_query *query,
                           struct pawl_admission *ret_admission)
{
    struct pawl_admission result;
    decide(query, &result);
    bool over = result.verdict == PAWL_ADMISSION_SPENT || result.verdict == PAWL_ADMISSION_TOO_BIG;
    if (over && ends_at_hold(query)) {
        struct pawl_admission_query again = *query;
        again.learned.overrun_tokens = 0;
        decide(&again, &result);
    }
    *ret_admission = result;
}

void pawl_admission_usage(const struct pawl_admission_query *query,
                          int64_t output_tokens,
                          int64_t uses,
                          struct pawl_usage *ret_usage)
{
    struct pawl_admission_decider decider = pawl_admission_decider_of(query);
    int64_t each = query->request->choices * query->request->passes;
    struct pawl_admission_form form = {query->input_tokens, (output_tokens + each - 1) / each,
                                       uses};
    pawl_admission_usage_of(&decider, form, ret_usage);
}

void pawl_admission_need(const struct pawl_admission_query *query,
                         int64_t input_tokens,
                         int64_t output_tokens,
                         int64_t ret_need[PAWL_ADMISSION_UNIT_COUNT])
{
    struct pawl_admission_decider decider = pawl_admission_decider_of(query);
    struct pawl_admission_need need = pawl_admission_need_of(
        &decider, (struct pawl_admission_form){input_tokens, output_tokens, 0});
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        ret_need[unit] = need.amount[unit];
    }
}

void pawl_admission_growth(const struct pawl_admission_query *query,
                           int64_t held_tokens,
                           int64_t output_tokens,
                           struct pawl_amount ret_lines[PAWL_ADMISSION_UNIT_COUNT],
                           uint32_t *ret_line_count)
{
    struct pawl_admission_decider decider = pawl_admission_decider_of(query);
    struct pawl_admission_form form = {query->input_tokens, held_tokens, 0};
    struct pawl_admission_need before = pawl_admission_need_of(&decider, form);
    form.output += output_tokens;
    struct pawl_admission_need after = pawl_admission_need_of(&decider, form);
    uint32_t count = 0;
    for (int unit = 0; unit < PAWL_ADMISSION_ITERATIONS; unit++) {
        if (unit == PAWL_ADMISSION_USD && query->price == NULL) {
            continue;
        }
        ret_lines[count++] = (struct pawl_amount){pawl_admission_units[unit],
                                                  after.amount[unit] - before.amount[unit]};
    }
    *ret_line_count = count;
}
