/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate_text.c: how many tokens the text of an answer has, from least to most, while the
 * provider says nothing (docs/METERING.md, "Tokens of a stream").
 *
 * A stream that goes on beyond its ceiling must end before the most that it may have is more than
 * is held; one that is within it must not be cut. Both at once is possible where the hold has as
 * many times the ceiling as the most is times the least (pawl_estimate_doubt_permille), and costs
 * less the better a model's text is known. So this errs to neither side: it says how far from each
 * other the sides are.
 *
 * What answers had is the best evidence, then what inputs had: the same tokenizer, mostly, but
 * another text, and some who imitate a provider report any number for an input.
 */
#include "base/assert.h"
#include "base/money.h"
#include "gateway/estimate_priv.h"

enum {
    KIBI = 1024,
    LEARN_BYTES_MIN = 256, /* shorter answers say more about wrapping than about text */
    LEARN_TOKENS_MIN = 64,
    SAMPLES_SURE = 64,
    FACTOR_ONE = 1024,
    /* Of a tokenizer of which nothing is known: */
    FACTOR_LOW_COLD = 896,
    FACTOR_MIDDLE_COLD = 1280,
    FACTOR_HIGH_COLD = 1536,
    SPARSE_RATIO_COLD = 256,
    /* Of o200k_base by name: who serves it may count otherwise. */
    FACTOR_LOW_NAMED = 960,
    FACTOR_HIGH_NAMED = 1280,
    FACTOR_HIGH_AGREED = 1152,
    /* What an input says about text lies between: */
    FACTOR_PLAUSIBLE_MIN = 768,
    FACTOR_PLAUSIBLE_MAX = 2048,
    OTHER_PARTS = 8,      /* of an input, what is no text may be one in so many */
    OWN_TOKENS_MIN = 256, /* of a call's own input, to say how its output is counted */
    DOUBT_PERMILLE_MAX = 1750
};

struct pawl_estimate_output pawl_estimate_no_answers(struct pawl_slice model)
{
    bool o200k = pawl_estimate_is_o200k(model);
    return (struct pawl_estimate_output){
        .ratio_high = PAWL_ESTIMATE_RATIO_COLD,
        .text = {[PAWL_ESTIMATE_LEAST] = o200k ? FACTOR_LOW_NAMED : FACTOR_LOW_COLD,
                 [PAWL_ESTIMATE_LIKELY] = o200k ? FACTOR_ONE : FACTOR_MIDDLE_COLD,
                 [PAWL_ESTIMATE_MOST] = o200k ? FACTOR_HIGH_NAMED : FACTOR_HIGH_COLD},
        .text_known = o200k,
        .sparse_ratio = SPARSE_RATIO_COLD,
        .tokens_per_second = INT64_MAX,
        .pace_bound = INT64_MAX,
        .rate_permille = 1000,
    };
}

/* --- What settled calls told ---------------------------------------------------------------- */

void pawl_estimate_learn_output_text(struct estimate_model *model,
                                     const struct pawl_estimate_sample *sample)
{
    if (sample->visible_bytes >= LEARN_BYTES_MIN) {
        pawl_histogram_add(&model->output_ratio, PAWL_HISTOGRAM_LINEAR,
                           sample->output_tokens * KIBI / sample->visible_bytes);
    }
    if (sample->visible_counted >= LEARN_TOKENS_MIN) {
        pawl_histogram_add(&model->output_factor, PAWL_HISTOGRAM_FINE,
                           sample->output_tokens * FACTOR_ONE / sample->visible_counted);
    }
}

/* The sides of what was seen, with a reserve for what was not: half as far as it lies apart, and
 * never more than a part that shrinks as more is known. */
static void set_text(const struct pawl_histogram *seen,
                     enum pawl_histogram_scale scale,
                     struct pawl_estimate_output *output)
{
    int64_t lowest = pawl_histogram_lowest(seen, scale);
    int64_t high = pawl_histogram_quantile(seen, scale, 990);
    int64_t part = seen->total < PAWL_ESTIMATE_SAMPLES_COLD ? 4 : 8;
    part = seen->total < SAMPLES_SURE ? part : 16;
    int64_t reserve = pawl_min_i64((high - lowest) / 2 + high / 64, high / part);
    output->text[PAWL_ESTIMATE_LEAST] = pawl_max_i64(lowest - reserve, 1);
    output->text[PAWL_ESTIMATE_LIKELY] = pawl_histogram_quantile(seen, scale, 500);
    output->text[PAWL_ESTIMATE_MOST] = high + reserve;
    output->by_bytes = scale == PAWL_HISTOGRAM_LINEAR;
    output->text_known = true;
}

static bool plausible(int64_t factor)
{
    return factor >= FACTOR_PLAUSIBLE_MIN && factor <= FACTOR_PLAUSIBLE_MAX;
}

static void add_from_inputs(const struct estimate_model *model, struct pawl_estimate_output *output)
{
    int64_t lowest = pawl_histogram_lowest(&model->factor, PAWL_HISTOGRAM_FINE);
    int64_t highest = pawl_histogram_quantile(&model->factor, PAWL_HISTOGRAM_FINE, 990);
    if (model->o200k && pawl_estimate_agrees(model)) {
        output->text[PAWL_ESTIMATE_MOST] = FACTOR_HIGH_AGREED;
    } else if (plausible(lowest) && plausible(highest)) {
        set_text(&model->factor, PAWL_HISTOGRAM_FINE, output);
    }
}

void pawl_estimate_add_text(const struct estimate_model *model, struct pawl_estimate_output *output)
{
    const struct pawl_histogram *factor = &model->output_factor;
    const struct pawl_histogram *ratio = &model->output_ratio;
    bool steady = ratio->total >= PAWL_ESTIMATE_SAMPLES_COLD;
    output->sparse_ratio = ratio->total > 0 ? 0 : output->sparse_ratio;
    if (steady &&
        (factor->total == 0 || pawl_estimate_spread_of(ratio, PAWL_HISTOGRAM_LINEAR) <
                                   pawl_estimate_spread_of(factor, PAWL_HISTOGRAM_FINE))) {
        set_text(ratio, PAWL_HISTOGRAM_LINEAR, output);
    } else if (factor->total > 0) {
        set_text(factor, PAWL_HISTOGRAM_FINE, output);
    } else if (model->factor.total > 0) {
        add_from_inputs(model, output);
    }
}

/* What may have been wrapping or a picture counts as text: it is little, and errs upwards. */
void pawl_estimate_learn_factor_of(struct pawl_estimate_output *output,
                                   const struct pawl_estimate *estimate,
                                   int64_t input_tokens)
{
    int64_t text = input_tokens - estimate->known_tokens;
    bool all = estimate->rest_bytes + estimate->rest_dense == 0;
    bool much =
        estimate->new_counted >= OWN_TOKENS_MIN && text > OTHER_PARTS * estimate->other_tokens;
    if (output->text_known || !all || !much) {
        return;
    }
    int64_t factor = text * FACTOR_ONE / estimate->new_counted;
    if (plausible(factor)) {
        output->text[PAWL_ESTIMATE_LEAST] = factor - factor / 8;
        output->text[PAWL_ESTIMATE_LIKELY] = factor;
        output->text[PAWL_ESTIMATE_MOST] = factor + factor / 8;
        output->text_known = true;
    }
}

/* --- Tokens --------------------------------------------------------------------------------- */

static int64_t tokens_at(int64_t amount, int64_t ratio)
{
    int64_t tokens = 0;
    bool fits = pawl_money_mul_div_ceil(amount, ratio, KIBI, &tokens);
    PAWL_ASSERT(fits); /* answers are far below 2^50 bytes */
    return tokens;
}

int64_t pawl_estimate_text_tokens(const struct pawl_estimate_output *output,
                                  enum pawl_estimate_side side,
                                  int64_t bytes,
                                  int64_t counted)
{
    int64_t tokens = tokens_at(output->by_bytes ? bytes : counted, output->text[side]);
    bool most = side == PAWL_ESTIMATE_MOST;
    return most ? pawl_max_i64(tokens, tokens_at(bytes, output->sparse_ratio)) : tokens;
}

int64_t pawl_estimate_visible_tokens(const struct pawl_estimate_output *output,
                                     int64_t visible_bytes)
{
    return tokens_at(visible_bytes, output->ratio_high);
}

int64_t pawl_estimate_doubt_permille(const struct pawl_estimate_output *output)
{
    int64_t permille = 0;
    if (output->obeys || output->text[PAWL_ESTIMATE_LEAST] <= 0 ||
        !pawl_money_mul_div_ceil(output->text[PAWL_ESTIMATE_MOST], 1000,
                                 output->text[PAWL_ESTIMATE_LEAST], &permille)) {
        return 1000;
    }
    return pawl_min_i64(permille, DOUBT_PERMILLE_MAX);
}
