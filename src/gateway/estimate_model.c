/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_model.c: what is learned about each model: how many tokens its provider counts for a
 * text, and how long, how fast and how obedient its answers are. Everything is of the newest calls
 * only, and everything is rounded to the side on which a hold is too large.
 *
 * Memory: a place in the estimator's table, which the model that was used longest ago gives up.
 */
#include "gateway/estimate_priv.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/money.h"

enum {
    KIBI = 1024,
    RATIO_MAX = 2048,           /* two tokens a byte: nothing has more */
    DENSE_MIN = 512,            /* one script's ratio says little about another's */
    DENSE_DOMINATES = 3,        /* times the ASCII bytes: such a text teaches the dense ratio */
    DENSE_NEGLIGIBLE = 16,      /* times in the ASCII bytes: such a one teaches the other */
    LEARN_BYTES_MIN = 256,      /* shorter texts say more about wrapping than about text */
    LONG_BYTES = 2048,          /* from here on wrapping hardly matters */
    LEARN_PACE_TOKENS_MIN = 64, /* shorter answers say nothing about a pace */
    SAMPLES_SURE = 64,
    OVERRUN_FEW = 16, /* some providers count what ends an answer, which their ceiling does not */
    RATE_PERMILLE_MAX = 1000000,
    RATE_ONE = 1000,
    FLAT_BYTES = 4096 /* up to here a surprise does not depend on the length of the text */
};

/* --- Models --------------------------------------------------------------------------------- */

/* Not keyed: model names come from the run's own agent, and a clash only mixes two histograms. */
uint64_t pawl_estimate_name_hash(struct pawl_slice model)
{
    uint64_t hash = pawl_hash_sip((struct pawl_hash_key){0, 0}, model);
    return hash != 0 ? hash : 1;
}

const struct estimate_model *pawl_estimate_find_model(const struct pawl_estimator *estimator,
                                                      struct pawl_slice model)
{
    uint64_t name_hash = pawl_estimate_name_hash(model);
    for (size_t i = 0; i < PAWL_ESTIMATE_MODELS; i++) {
        if (estimator->models[i].name_hash == name_hash) {
            return &estimator->models[i];
        }
    }
    return NULL;
}

/* The model's place; that of the one used longest ago where it has none yet. */
struct estimate_model *pawl_estimate_use_model(struct pawl_estimator *estimator,
                                               struct pawl_slice model)
{
    uint64_t name_hash = pawl_estimate_name_hash(model);
    struct estimate_model *oldest = &estimator->models[0];
    for (size_t i = 0; i < PAWL_ESTIMATE_MODELS; i++) {
        struct estimate_model *entry = &estimator->models[i];
        if (entry->name_hash == name_hash) {
            oldest = entry;
            break;
        }
        if (entry->used < oldest->used) {
            oldest = entry;
        }
    }
    if (oldest->name_hash != name_hash) {
        *oldest = (struct estimate_model){.name_hash = name_hash};
    }
    oldest->used = ++estimator->clock;
    return oldest;
}

/* Tokens per 1,024 bytes of input, from above. */
struct ratios {
    int64_t plain;
    int64_t dense;
};

static int64_t ratio_of(const struct pawl_histogram *seen, int64_t cold)
{
    if (seen->total == 0) {
        return cold;
    }
    int64_t ratio = pawl_histogram_quantile(seen, PAWL_HISTOGRAM_LINEAR, 990);
    /* The highest of few samples is no 99th percentile yet. */
    ratio += seen->total < SAMPLES_SURE ? ratio / 4 : ratio / 8;
    if (seen->total < PAWL_ESTIMATE_SAMPLES_COLD && ratio < cold) {
        return cold;
    }
    return ratio < RATIO_MAX ? ratio : RATIO_MAX;
}

/* While few texts were counted, at least one of them a long one: the highest ratio with half of it
 * on top, or as much again of a single one, where that is less than what holds for any text. Short
 * texts say little, since their wrapping may have been less than what is taken off for it. */
static int64_t few_samples_ratio(const struct estimate_model *model)
{
    int64_t highest = pawl_histogram_quantile(&model->input_ratio, PAWL_HISTOGRAM_LINEAR, 1000);
    int64_t ratio = model->long_texts > 1 ? highest + highest / 2 : 2 * highest;
    return model->long_texts > 0 ? ratio : INT64_MAX;
}

static struct ratios ratios_of(const struct estimate_model *model)
{
    if (model == NULL) {
        return (struct ratios){PAWL_ESTIMATE_RATIO_COLD, PAWL_ESTIMATE_DENSE_COLD};
    }
    int64_t dense = ratio_of(&model->dense_ratio, PAWL_ESTIMATE_DENSE_COLD);
    int64_t cold = pawl_min_i64(PAWL_ESTIMATE_RATIO_COLD, few_samples_ratio(model));
    return (struct ratios){.plain = ratio_of(&model->input_ratio, cold),
                           .dense = dense > DENSE_MIN ? dense : DENSE_MIN};
}

static int64_t tokens_at(int64_t bytes, int64_t ratio)
{
    int64_t tokens = 0;
    bool fits = pawl_money_mul_div_ceil(bytes, ratio, KIBI, &tokens);
    PAWL_ASSERT(fits); /* bodies are far below 2^50 bytes */
    return tokens;
}

/* What no byte explains, from above: the most that any of the newest calls had, and a reserve as
 * the ratios have. What a long text lacked was its own density: a shorter one lacks less. A body
 * that is known as a whole lacks something only if the like of it did. */
static int64_t surprise_of(const struct estimate_model *model, bool known, int64_t new_bytes)
{
    const struct estimate_surprises *seen = &model->surprises[known];
    int64_t most = 0;
    for (size_t i = 0; i < ESTIMATE_SURPRISES_MAX; i++) {
        const struct estimate_surprise *entry = &seen->list[i];
        int64_t tokens = entry->tokens;
        if (new_bytes == 0 && entry->new_bytes > 0) {
            continue;
        }
        if (entry->new_bytes > FLAT_BYTES && entry->new_bytes > new_bytes) {
            int64_t bytes = new_bytes > FLAT_BYTES ? new_bytes : FLAT_BYTES;
            bool fits = pawl_money_mul_div_ceil(tokens, bytes, entry->new_bytes, &tokens);
            PAWL_ASSERT(fits);
        }
        most = tokens > most ? tokens : most;
    }
    return most + (seen->count < ESTIMATE_SURPRISES_MAX ? most / 4 : most / 8);
}

/* What the ratios say, without what they don't explain. */
static int64_t tokens_by_ratio(const struct pawl_estimate *estimate,
                               const struct estimate_model *model)
{
    struct ratios ratios = ratios_of(model);
    return estimate->known_tokens + tokens_at(estimate->new_bytes, ratios.plain) +
           tokens_at(estimate->new_dense, ratios.dense) + estimate->other_tokens;
}

void pawl_estimate_sum_up(struct pawl_estimate *estimate, const struct estimate_model *model)
{
    estimate->tokens = tokens_by_ratio(estimate, model);
    if (model != NULL) {
        estimate->tokens += surprise_of(model, estimate->known_tokens > 0,
                                        estimate->new_bytes + estimate->new_dense);
    }
}

/* --- Learning ------------------------------------------------------------------------------- */

/* After the ratios have learned from the same call: they explain what they can. */
static void
learn_surprise(struct estimate_model *model, const struct pawl_estimate *estimate, int64_t actual)
{
    int64_t explained = tokens_by_ratio(estimate, model);
    struct estimate_surprises *seen = &model->surprises[estimate->known_tokens > 0];
    seen->list[seen->count % ESTIMATE_SURPRISES_MAX] = (struct estimate_surprise){
        .tokens = actual > explained ? actual - explained : 0,
        .new_bytes = estimate->new_bytes + estimate->new_dense,
    };
    seen->count++;
}

/* Texts of both kinds teach neither ratio: nobody knows whose the tokens were. */
static void
learn_ratio(struct estimate_model *model, const struct pawl_estimate *estimate, int64_t text_tokens)
{
    int64_t plain = estimate->new_bytes;
    int64_t dense = estimate->new_dense;
    if (plain >= LEARN_BYTES_MIN && dense * DENSE_NEGLIGIBLE <= plain) {
        pawl_histogram_add(&model->input_ratio, PAWL_HISTOGRAM_LINEAR, text_tokens * KIBI / plain);
        model->long_texts += plain >= LONG_BYTES ? 1 : 0;
    } else if (dense >= LEARN_BYTES_MIN && dense >= plain * DENSE_DOMINATES) {
        pawl_histogram_add(&model->dense_ratio, PAWL_HISTOGRAM_LINEAR, text_tokens * KIBI / dense);
    }
}

void pawl_estimate_learn_text(struct estimate_model *model,
                              const struct pawl_estimate *estimate,
                              int64_t actual)
{
    pawl_histogram_add(&model->error, PAWL_HISTOGRAM_LOG, estimate->tokens * 1000 / actual);
    int64_t text_tokens = actual - estimate->known_tokens - estimate->other_tokens;
    if (actual >= estimate->known_tokens) {
        learn_ratio(model, estimate, pawl_max_i64(text_tokens, 0));
    }
    learn_surprise(model, estimate, actual);
}

void pawl_estimate_learn_answer(struct estimate_model *model,
                                const struct pawl_estimate_sample *sample)
{
    if (sample->rate_permille > 0) {
        model->rates[model->rate_count++ % ESTIMATE_RATES_MAX] =
            (uint32_t)pawl_min_i64(sample->rate_permille, RATE_PERMILLE_MAX);
    }
    if (sample->reasoning_tokens > 0) {
        model->hidden = true;
    }
    if (sample->output_tokens <= 0 || sample->output_tokens > ESTIMATE_TOKENS_PLAUSIBLE) {
        return;
    }
    pawl_histogram_add(&model->output_tokens, PAWL_HISTOGRAM_LOG, sample->output_tokens);
    if (sample->output_ceiling > 0) {
        bool over = sample->output_tokens > sample->output_ceiling;
        model->overruns[model->overrun_count++ % ESTIMATE_OVERRUNS_MAX] = (struct estimate_overrun){
            .ceiling = sample->output_ceiling, .tokens = over ? sample->output_tokens : 0};
    }
    if (sample->reasoning_tokens == 0 && sample->visible_bytes >= LEARN_BYTES_MIN) {
        pawl_histogram_add(&model->output_ratio, PAWL_HISTOGRAM_LINEAR,
                           sample->output_tokens * KIBI / sample->visible_bytes);
    }
    if (sample->stream_us > 0 && sample->output_tokens >= LEARN_PACE_TOKENS_MIN) {
        int64_t per_second = 0;
        if (pawl_money_mul_div_ceil(sample->output_tokens, 1000000, sample->stream_us,
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

struct pawl_estimate_output pawl_estimate_answers(const struct pawl_estimator *estimator,
                                                  struct pawl_slice model)
{
    struct pawl_estimate_output output = {
        .ratio_high = PAWL_ESTIMATE_RATIO_COLD,
        .ratio_low = 0,
        .tokens_per_second = INT64_MAX,
        .rate_permille = RATE_ONE,
    };
    const struct estimate_model *entry = pawl_estimate_find_model(estimator, model);
    if (entry == NULL) {
        return output;
    }
    output.answers = entry->output_tokens.total;
    add_overruns(entry, &output);
    output.rate_permille = dearest_rate(entry);
    output.samples = entry->output_ratio.total;
    output.hidden = entry->hidden;
    output.tokens_p95 = pawl_histogram_quantile(&entry->output_tokens, PAWL_HISTOGRAM_LOG, 950);
    output.tokens_p99 = pawl_histogram_quantile(&entry->output_tokens, PAWL_HISTOGRAM_LOG, 990);
    if (output.samples >= PAWL_ESTIMATE_SAMPLES_COLD) {
        output.ratio_high =
            pawl_histogram_quantile(&entry->output_ratio, PAWL_HISTOGRAM_LINEAR, 990);
        output.ratio_low = pawl_histogram_lowest(&entry->output_ratio, PAWL_HISTOGRAM_LINEAR);
    }
    if (entry->pace.total >= PAWL_ESTIMATE_SAMPLES_COLD) {
        output.tokens_per_second = pawl_histogram_quantile(&entry->pace, PAWL_HISTOGRAM_LOG, 1000);
    }
    return output;
}

int64_t pawl_estimate_visible_tokens(const struct pawl_estimate_output *output,
                                     int64_t visible_bytes)
{
    return tokens_at(visible_bytes, output->ratio_high);
}

struct pawl_estimate_error pawl_estimate_error_of(const struct pawl_estimator *estimator,
                                                  struct pawl_slice model)
{
    const struct estimate_model *entry = pawl_estimate_find_model(estimator, model);
    if (entry == NULL) {
        return (struct pawl_estimate_error){0};
    }
    return (struct pawl_estimate_error){
        .samples = entry->error.total,
        .permille_p50 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_LOG, 500),
        .permille_p99 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_LOG, 990),
    };
}
