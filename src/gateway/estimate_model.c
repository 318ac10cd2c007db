/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_model.c: the models that are known, and how many tokens their providers count for a
 * text. Everything is of the newest calls only, and everything is rounded to the side on which a
 * hold is too large.
 *
 * There are two ways to bound a text: its tokens in o200k_base times a factor, and its bytes times
 * a ratio. Tokenizers resemble each other, so the factor of a model hardly moves from text to text
 * where the ratio does. But who counts for a provider need not be a tokenizer, and not all text is
 * counted here (estimate.c). So:
 *
 *   * A model that is known to use o200k_base has a factor of one, as long as what was counted
 *     agrees. Until something was, a third of the bytes is the least.
 *   * Of any other model nothing is known at first: half of the bytes. With the first samples the
 *     lower of the two bounds counts, each with a reserve for how little is known.
 *   * From eight samples on the steadier way counts, the one whose 99th percentile lies closer to
 *     its median.
 *   * What earlier runs have learned is believed with a quarter on top, until a first text of this
 *     run was counted: the provider may not be the same behind its name.
 *
 * Memory: a place in the estimator's table, which the model that was used longest ago gives up.
 */
#include "gateway/estimate_priv.h"

#include <string.h>

#include "base/assert.h"
#include "base/attrs.h"
#include "base/hash.h"
#include "base/money.h"
#include "gateway/usage.h"

enum {
    KIBI = 1024,
    RATIO_MAX = 2048,      /* two tokens a byte: nothing has more */
    DENSE_MIN = 512,       /* one script's ratio says little about another's */
    DENSE_DOMINATES = 3,   /* times the ASCII bytes: such a text teaches the dense ratio */
    DENSE_NEGLIGIBLE = 16, /* times in the ASCII bytes: such a one teaches the other */
    LEARN_BYTES_MIN = 256, /* shorter texts say more about wrapping than about text */
    LONG_BYTES = 2048,     /* from here on wrapping hardly matters */
    FACTOR_ONE = 1024,
    FACTOR_ALIKE_MAX = 1152, /* the median of a provider that counts with o200k_base */
    LEARN_TOKENS_MIN = 256,  /* fewer say more about wrapping than about a factor */
    RATIO_UNCONFIRMED = 342, /* a third */
    SAMPLES_SURE = 64,
    FLAT_BYTES = 4096, /* up to here a surprise does not depend on the length of the text */
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
        *oldest =
            (struct estimate_model){.name_hash = name_hash, .o200k = pawl_estimate_is_o200k(model)};
        size_t bytes = model.bytes < sizeof(oldest->name) ? model.bytes : sizeof(oldest->name) - 1;
        memcpy(oldest->name, model.data, bytes);
    }
    oldest->used = ++estimator->clock;
    return oldest;
}

bool pawl_estimate_is_o200k(struct pawl_slice model)
{
    static const char *const prefixes[] = {"gpt-4o",  "chatgpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5",
                                           "gpt-oss", "o1",         "o3",      "o4-",     "codex-"};
    model = pawl_usage_bare_model(model);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(prefixes); i++) {
        if (pawl_slice_starts_with(model, pawl_slice_str(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

uint32_t pawl_estimate_errors(const struct pawl_estimator *estimator,
                              struct pawl_estimate_error ret_errors[PAWL_ESTIMATE_MODELS])
{
    uint32_t count = 0;
    for (size_t i = 0; i < PAWL_ESTIMATE_MODELS; i++) {
        const struct estimate_model *entry = &estimator->models[i];
        if (entry->error.total == 0) {
            continue;
        }
        struct pawl_estimate_error *error = &ret_errors[count++];
        error->samples = entry->error.total;
        error->permille_p50 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_FINE, 500);
        error->permille_p99 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_FINE, 990);
        memcpy(error->model, entry->name, sizeof(error->model));
    }
    return count;
}

/* --- Text ----------------------------------------------------------------------------------- */

/* Tokens per 1,024 bytes of input, from above. */
struct ratios {
    int64_t plain;
    int64_t dense;
};

static int64_t
ratio_of(const struct estimate_model *model, const struct pawl_histogram *seen, int64_t cold)
{
    if (seen->total == 0) {
        return cold;
    }
    int64_t ratio = pawl_histogram_quantile(seen, PAWL_HISTOGRAM_LINEAR, 990);
    /* The highest of few samples is no 99th percentile yet. */
    ratio += seen->total < SAMPLES_SURE ? ratio / 4 : ratio / 8;
    ratio += model->own_texts == 0 ? ratio / 4 : 0;
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
    int64_t dense = ratio_of(model, &model->dense_ratio, PAWL_ESTIMATE_DENSE_COLD);
    int64_t cold = pawl_min_i64(PAWL_ESTIMATE_RATIO_COLD, few_samples_ratio(model));
    return (struct ratios){.plain = ratio_of(model, &model->input_ratio, cold),
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

/* Tokens per 1,024 of o200k_base, from above. There is at least one sample. */
static int64_t factor_of(const struct estimate_model *model)
{
    const struct pawl_histogram *seen = &model->factor;
    int64_t factor = pawl_histogram_quantile(seen, PAWL_HISTOGRAM_FINE, 990);
    if (seen->total < PAWL_ESTIMATE_SAMPLES_COLD) {
        factor += seen->total > 1 ? factor / 2 : factor;
    } else {
        factor += seen->total < SAMPLES_SURE ? factor / 8 : factor / 16;
        factor += model->own_texts == 0 ? factor / 4 : 0;
    }
    return pawl_max_i64(factor, FACTOR_ONE);
}

/* Whether what was counted agrees with o200k_base; also where nothing was. */
bool pawl_estimate_agrees(const struct estimate_model *model)
{
    return model == NULL ||
           pawl_histogram_quantile(&model->factor, PAWL_HISTOGRAM_FINE, 500) <= FACTOR_ALIKE_MAX;
}

/* How far the 99th percentile is from the median, in thousandths of that. */
int64_t pawl_estimate_spread_of(const struct pawl_histogram *seen, enum pawl_histogram_scale scale)
{
    int64_t median = pawl_histogram_quantile(seen, scale, 500);
    return pawl_histogram_quantile(seen, scale, 990) * 1000 / pawl_max_i64(median, 1);
}

static int64_t by_ratio(const struct estimate_model *model, int64_t bytes, int64_t dense)
{
    struct ratios ratios = ratios_of(model);
    return tokens_at(bytes, ratios.plain) + tokens_at(dense, ratios.dense);
}

static int64_t
by_factor(const struct pawl_estimate *estimate, const struct estimate_model *model, int64_t factor)
{
    return tokens_at(estimate->new_counted, factor) +
           by_ratio(model, estimate->rest_bytes, estimate->rest_dense);
}

/* The bound for new text. */
static int64_t
text_tokens(const struct pawl_estimate *estimate, const struct estimate_model *model, bool o200k)
{
    int64_t bytes = estimate->new_bytes + estimate->new_dense;
    int64_t ratio_bound = by_ratio(model, estimate->new_bytes, estimate->new_dense);
    uint32_t samples = model != NULL ? model->factor.total : 0;
    if (o200k && pawl_estimate_agrees(model)) {
        int64_t highest =
            samples > 0 ? pawl_histogram_quantile(&model->factor, PAWL_HISTOGRAM_FINE, 990) : 0;
        int64_t bound = by_factor(estimate, model, pawl_max_i64(FACTOR_ONE, highest));
        bool confirmed = samples > 0 && model->own_texts > 0;
        return confirmed ? bound : pawl_max_i64(bound, tokens_at(bytes, RATIO_UNCONFIRMED));
    }
    if (samples == 0) {
        return ratio_bound;
    }
    int64_t factor_bound = by_factor(estimate, model, factor_of(model));
    if (samples < PAWL_ESTIMATE_SAMPLES_COLD) {
        return pawl_min_i64(ratio_bound, factor_bound);
    }
    bool mixed = estimate->new_dense * DENSE_NEGLIGIBLE > estimate->new_bytes;
    bool ratio_steadier = model->input_ratio.total >= PAWL_ESTIMATE_SAMPLES_COLD && !mixed &&
                          pawl_estimate_spread_of(&model->input_ratio, PAWL_HISTOGRAM_LINEAR) <
                              pawl_estimate_spread_of(&model->factor, PAWL_HISTOGRAM_FINE);
    return ratio_steadier ? ratio_bound : factor_bound;
}

/* What the rules say, without what they don't explain. */
static int64_t explained_tokens(const struct pawl_estimate *estimate,
                                const struct estimate_model *model,
                                bool o200k)
{
    return estimate->known_tokens + text_tokens(estimate, model, o200k) + estimate->other_tokens;
}

void pawl_estimate_sum_up(struct pawl_estimate *estimate,
                          const struct estimate_model *model,
                          bool o200k)
{
    estimate->tokens = explained_tokens(estimate, model, o200k);
    if (model != NULL) {
        estimate->tokens += surprise_of(model, estimate->known_tokens > 0,
                                        estimate->new_bytes + estimate->new_dense);
    }
}

/* --- Learning ------------------------------------------------------------------------------- */

/* After ratio and factor have learned from the same call: they explain what they can. */
static void
learn_surprise(struct estimate_model *model, const struct pawl_estimate *estimate, int64_t actual)
{
    int64_t explained = explained_tokens(estimate, model, model->o200k);
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

static void learn_factor(struct estimate_model *model,
                         const struct pawl_estimate *estimate,
                         int64_t text_tokens)
{
    bool all = estimate->rest_bytes + estimate->rest_dense == 0;
    if (all && estimate->new_counted >= LEARN_TOKENS_MIN) {
        pawl_histogram_add(&model->factor, PAWL_HISTOGRAM_FINE,
                           text_tokens * FACTOR_ONE / estimate->new_counted);
    }
}

void pawl_estimate_learn_text(struct estimate_model *model,
                              const struct pawl_estimate *estimate,
                              int64_t actual)
{
    int64_t tokens = pawl_max_i64(actual - estimate->known_tokens - estimate->other_tokens, 0);
    if (actual >= estimate->known_tokens) {
        learn_ratio(model, estimate, tokens);
        learn_factor(model, estimate, tokens);
    }
    learn_surprise(model, estimate, actual);
}
