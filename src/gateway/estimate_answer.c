/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_answer.c: what is learned about each model's answers: how long, how fast and how
 * obedient they are, and whether they cost what was expected. Everything is of the newest calls
 * only, and everything is rounded to the side on which a hold is too large.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/estimate_priv.h"

enum {
    KIBI = 1024,
    LEARN_PACE_TOKENS_MIN = 64, /* shorter answers say nothing about a pace */
    OVERRUN_FEW = 16, /* some providers count what ends an answer, which their ceiling does not */
    PACE_TOKENS_MORE = 256, /* of a burst, which no pace tells */
    PACE_SAMPLES_MANY = 64,
    RATE_PERMILLE_MAX = 1000000,
    USES_MAX = 1000000,
    RATE_ONE = 1000,
    US_PER_SECOND = 1000000
};

/* --- Learning ------------------------------------------------------------------------------- */

void pawl_estimate_learn_answer(struct estimate_model *model,
                                const struct pawl_estimate_sample *sample)
{
    if (sample->rate_permille > 0) {
        model->rates[model->rate_count++ % ESTIMATE_RATES_MAX] =
            (uint32_t)pawl_min_i64(sample->rate_permille, RATE_PERMILLE_MAX);
    }
    if (sample->tools_assumed) {
        model->tools[model->tools_count++ % ESTIMATE_TOOL_CALLS_MAX] = (struct estimate_tools){
            .counted = sample->uses_assumed,
            .uses = (uint32_t)pawl_min_i64(sample->uses, USES_MAX),
            .permille = (uint32_t)pawl_min_i64(sample->tool_permille, RATE_PERMILLE_MAX)};
    }
    if (sample->reasoning_tokens > 0) {
        model->hidden = true;
        model->secret = model->secret || sample->shows_all;
    }
    if (sample->output_tokens <= 0 || sample->output_tokens > ESTIMATE_TOKENS_PLAUSIBLE) {
        return;
    }
    pawl_histogram_add(&model->output_tokens, PAWL_HISTOGRAM_LOG, sample->output_tokens);
    if (sample->output_ceiling > 0) {
        bool over = sample->output_tokens > sample->output_ceiling;
        model->overruns[model->overrun_count++ % ESTIMATE_OVERRUNS_MAX] = (struct estimate_overrun){
            .ceiling = sample->output_ceiling, .tokens = over ? sample->output_tokens : 0};
        bool far = sample->output_tokens > sample->output_ceiling + OVERRUN_FEW;
        model->obeys = (model->obeys || sample->at_ceiling) && !far;
    }
    if (sample->reasoning_tokens == 0) {
        pawl_estimate_learn_output_text(model, sample);
    }
    if (sample->stream_us > 0 && sample->output_tokens >= LEARN_PACE_TOKENS_MIN) {
        int64_t per_second = 0;
        if (pawl_money_mul_div_ceil(sample->output_tokens, US_PER_SECOND, sample->stream_us,
                                    &per_second)) {
            pawl_histogram_add(&model->pace, PAWL_HISTOGRAM_LOG, per_second);
        }
    }
}

/* --- Answers -------------------------------------------------------------------------------- */

/* Beyond twice its ceiling an answer has nothing to do with it: then only its own length says
 * something about the next one. */
static void add_overruns(const struct estimate_model *model, struct pawl_estimate_output *output)
{
    for (size_t i = 0; i < ESTIMATE_OVERRUNS_MAX; i++) {
        const struct estimate_overrun *entry = &model->overruns[i];
        int64_t beyond = entry->tokens - entry->ceiling;
        if (entry->tokens == 0) {
            continue;
        }
        if (beyond <= OVERRUN_FEW) {
            output->overrun_few = pawl_max_i64(output->overrun_few, beyond);
        } else if (beyond > entry->ceiling) {
            output->overrun_tokens = pawl_max_i64(output->overrun_tokens, entry->tokens);
        } else {
            int64_t permille = (entry->tokens * 1000 + entry->ceiling - 1) / entry->ceiling;
            output->overrun_permille = pawl_max_i64(output->overrun_permille, permille);
        }
    }
}

static int64_t dearest_rate(const struct estimate_model *model)
{
    int64_t most = RATE_ONE;
    for (size_t i = 0; i < ESTIMATE_RATES_MAX; i++) {
        most = pawl_max_i64(most, model->rates[i]);
    }
    return most;
}

static void add_tools(const struct estimate_model *model, struct pawl_estimate_output *output)
{
    for (size_t i = 0; i < ESTIMATE_TOOL_CALLS_MAX; i++) {
        output->use_calls += model->tools[i].counted ? 1 : 0;
        output->uses_most = pawl_max_i64(output->uses_most, model->tools[i].uses);
        int64_t permille = (int64_t)model->tools[i].permille * 5 / 4;
        output->tool_permille = pawl_max_i64(output->tool_permille, permille);
    }
}

/* The next answer may come faster than any so far: the fewer are known, the more so. */
static int64_t pace_bound(int64_t samples, int64_t fastest)
{
    if (samples < PAWL_ESTIMATE_SAMPLES_COLD) {
        return 4 * fastest;
    }
    return samples < PACE_SAMPLES_MANY ? 2 * fastest : fastest + fastest / 2;
}

struct pawl_estimate_output pawl_estimate_answers(const struct pawl_estimator *estimator,
                                                  struct pawl_slice model)
{
    struct pawl_estimate_output output = pawl_estimate_no_answers(model);
    const struct estimate_model *entry = pawl_estimate_find_model(estimator, model);
    if (entry == NULL) {
        return output;
    }
    output.answers = entry->output_tokens.total;
    add_overruns(entry, &output);
    output.rate_permille = dearest_rate(entry);
    add_tools(entry, &output);
    output.samples = entry->output_ratio.total;
    output.hidden = entry->hidden;
    output.secret = entry->secret;
    output.obeys = entry->obeys;
    pawl_estimate_add_text(entry, &output);
    output.tokens_p25 = pawl_histogram_quantile(&entry->output_tokens, PAWL_HISTOGRAM_LOG, 250);
    output.tokens_p95 = pawl_histogram_quantile(&entry->output_tokens, PAWL_HISTOGRAM_LOG, 950);
    output.tokens_p99 = pawl_histogram_quantile(&entry->output_tokens, PAWL_HISTOGRAM_LOG, 990);
    if (output.samples >= PAWL_ESTIMATE_SAMPLES_COLD) {
        output.ratio_high =
            pawl_histogram_quantile(&entry->output_ratio, PAWL_HISTOGRAM_LINEAR, 990);
        output.ratio_low = pawl_histogram_lowest(&entry->output_ratio, PAWL_HISTOGRAM_LINEAR);
    }
    if (entry->pace.total > 0) {
        int64_t fastest = pawl_histogram_quantile(&entry->pace, PAWL_HISTOGRAM_LOG, 1000);
        bool cold = entry->pace.total < PAWL_ESTIMATE_SAMPLES_COLD;
        output.tokens_per_second = cold ? INT64_MAX : fastest;
        output.pace_bound = pace_bound(entry->pace.total, fastest);
    }
    return output;
}

int64_t pawl_estimate_tokens_within(const struct pawl_estimate_output *output, int64_t elapsed_us)
{
    int64_t tokens = 0;
    int64_t pace = output->pace_bound;
    if (pace == INT64_MAX || !pawl_money_mul_div_ceil(pace, elapsed_us, US_PER_SECOND, &tokens)) {
        return INT64_MAX;
    }
    return pawl_min_i64(tokens, ESTIMATE_TOKENS_PLAUSIBLE) + PACE_TOKENS_MORE;
}
