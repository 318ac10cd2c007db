/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate.c: known prefix, learned ratio, and the memory of both.
 *
 * Why the known part is an upper bound too: the provider has counted exactly these elements, in
 * this order, before. An element that changed beside the messages (a system block with the
 * date, a tool) is estimated as new on top of it, and what it replaced is not taken off. A
 * conversation that shrank would be bounded too high, so the smaller of this and "everything
 * by ratio" is used.
 *
 * Memory: one block for a gateway's life, with the models and conversations that were used last;
 * the base hashes of each conversation are a block of their own. Look-ups are linear over 64
 * entries and once over the messages.
 */
#include "gateway/estimate.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/money.h"
#include "gateway/histogram.h"

enum {
    KIBI = 1024,
    BODY_TOKENS = 32,           /* wrapping of a whole body */
    RATIO_MAX = 2048,           /* two tokens a byte: nothing has more */
    DENSE_MIN = 512,            /* one script's ratio says little about another's */
    DENSE_DOMINATES = 3,        /* times the ASCII bytes: such a text teaches the dense ratio */
    DENSE_NEGLIGIBLE = 16,      /* times in the ASCII bytes: such a one teaches the other */
    LEARN_BYTES_MIN = 256,      /* shorter texts say more about wrapping than about text */
    LEARN_PACE_TOKENS_MIN = 64, /* shorter answers say nothing about a pace */
    PLAUSIBLE_BYTES_PER_TOKEN = 64,
    PLAUSIBLE_TOKENS_MAX = 100000000,
    SAMPLES_SURE = 64,
    SURPRISES_MAX = 64,
    OVERRUNS_MAX = 64,
    OVERRUN_FEW = 16, /* some providers count what ends an answer, which their ceiling does not */
    OVERRUN_PERMILLE_MAX = 1000000,
    FLAT_BYTES = 4096 /* up to here a surprise does not depend on the length of the text */
};

/* Tokens that the provider counted and that nothing in the body explains. */
struct surprise {
    int64_t tokens; /* 0: as many as the bound had, or fewer */
    int64_t new_bytes;
};

struct surprises {
    struct surprise list[SURPRISES_MAX]; /* the newest, as a ring */
    uint64_t count;                      /* all that there were */
};

/* An answer that was longer than it was allowed to be; 0 tokens: it was not. */
struct overrun {
    int64_t ceiling;
    int64_t tokens;
};

struct model {
    uint64_t name_hash;                  /* 0: free */
    uint64_t used;                       /* for replacing the one that was used longest ago */
    struct pawl_histogram input_ratio;   /* LINEAR, of ASCII text */
    struct pawl_histogram dense_ratio;   /* LINEAR, of text beyond ASCII */
    struct pawl_histogram output_tokens; /* LOG */
    struct pawl_histogram output_ratio;  /* LINEAR */
    struct pawl_histogram pace;          /* LOG, tokens per second */
    struct pawl_histogram error;         /* LOG, permille */
    /* Of bounds that were made afresh, and of those with a known part: what providers add of their
     * own is known with the rest of a conversation. */
    struct surprises surprises[2];
    bool hidden;
    struct overrun overruns[OVERRUNS_MAX]; /* of the newest calls, as a ring */
    uint64_t overrun_count;                /* of calls whose ceiling is known */
};

struct conversation {
    uint64_t chain;
    uint32_t message_count; /* 0: free */
    uint32_t base_count;
    uint64_t *base;
    int64_t tokens;
    uint64_t used;
};

struct pawl_estimator {
    uint64_t clock; /* counts uses */
    struct model models[PAWL_ESTIMATE_MODELS];
    struct conversation conversations[PAWL_ESTIMATE_CONVERSATIONS];
};

struct pawl_estimator *pawl_estimator_new(void)
{
    return pawl_alloc_zeroed(1, sizeof(struct pawl_estimator));
}

void pawl_estimator_free(struct pawl_estimator *estimator)
{
    if (estimator == NULL) {
        return;
    }
    for (size_t i = 0; i < PAWL_ESTIMATE_CONVERSATIONS; i++) {
        pawl_free(estimator->conversations[i].base);
    }
    pawl_free(estimator);
}

/* --- Models --------------------------------------------------------------------------------- */

/* Not keyed: model names come from the run's own agent, and a clash only mixes two histograms. */
static uint64_t name_hash_of(struct pawl_slice model)
{
    uint64_t hash = pawl_hash_sip((struct pawl_hash_key){0, 0}, model);
    return hash != 0 ? hash : 1;
}

static const struct model *find_model(const struct pawl_estimator *estimator,
                                      struct pawl_slice model)
{
    uint64_t name_hash = name_hash_of(model);
    for (size_t i = 0; i < PAWL_ESTIMATE_MODELS; i++) {
        if (estimator->models[i].name_hash == name_hash) {
            return &estimator->models[i];
        }
    }
    return NULL;
}

/* The model's place; that of the one used longest ago where it has none yet. */
static struct model *use_model(struct pawl_estimator *estimator, struct pawl_slice model)
{
    uint64_t name_hash = name_hash_of(model);
    struct model *oldest = &estimator->models[0];
    for (size_t i = 0; i < PAWL_ESTIMATE_MODELS; i++) {
        struct model *entry = &estimator->models[i];
        if (entry->name_hash == name_hash) {
            oldest = entry;
            break;
        }
        if (entry->used < oldest->used) {
            oldest = entry;
        }
    }
    if (oldest->name_hash != name_hash) {
        *oldest = (struct model){.name_hash = name_hash};
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

static struct ratios ratios_of(const struct model *model)
{
    if (model == NULL) {
        return (struct ratios){PAWL_ESTIMATE_RATIO_COLD, PAWL_ESTIMATE_DENSE_COLD};
    }
    int64_t dense = ratio_of(&model->dense_ratio, PAWL_ESTIMATE_DENSE_COLD);
    return (struct ratios){.plain = ratio_of(&model->input_ratio, PAWL_ESTIMATE_RATIO_COLD),
                           .dense = dense > DENSE_MIN ? dense : DENSE_MIN};
}

/* --- Text ----------------------------------------------------------------------------------- */

/* The value of the four digits of \uXXXX, or -1. */
static int32_t escape_value(struct pawl_slice digits)
{
    int32_t value = 0;
    for (size_t i = 0; i < digits.bytes; i++) {
        char c = digits.data[i];
        int32_t digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digit < 0 || digit > 15) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return digits.bytes == 4 ? value : -1;
}

/* UTF-8 bytes of what the escape stands for; 0 for ASCII. Each half of a pair is two of four. */
static uint64_t escape_bytes(int32_t value)
{
    bool half = value >= 0xd800 && value <= 0xdfff;
    if (value < 0x80) {
        return 0;
    }
    return value < 0x800 || half ? 2 : 3;
}

struct pawl_estimate_text pawl_estimate_text_of(struct pawl_slice json)
{
    struct pawl_estimate_text text = {.plain_bytes = 0};
    size_t at = 0;
    while (at < json.bytes) {
        unsigned char c = (unsigned char)json.data[at];
        size_t step = 1;
        uint64_t dense = c >= 0x80;
        if (c == '\\') {
            bool unicode = at + 1 < json.bytes && json.data[at + 1] == 'u';
            step = unicode ? 6 : 2;
            dense = unicode ? escape_bytes(escape_value(pawl_slice_sub(json, at + 2, 4))) : 0;
        }
        text.dense_bytes += dense;
        text.plain_bytes += dense > 0 ? 0 : step;
        at += step;
    }
    return text;
}

/* --- Input ---------------------------------------------------------------------------------- */

static uint64_t chain_on(uint64_t chain, uint64_t hash)
{
    return pawl_hash_mix(chain * 31 + hash);
}

static bool has_base(const struct conversation *conversation, uint64_t hash)
{
    for (uint32_t i = 0; i < conversation->base_count; i++) {
        if (conversation->base[i] == hash) {
            return true;
        }
    }
    return false;
}

/* Whether something that was counted is not in the body any more. */
static bool lost_base(const struct conversation *known, const struct pawl_estimate_body *body)
{
    for (uint32_t i = 0; i < known->base_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < body->base_count && !found; k++) {
            found = body->base[k].hash == known->base[i];
        }
        if (!found) {
            return true;
        }
    }
    return false;
}

static struct conversation *
find_conversation(struct pawl_estimator *estimator, uint64_t chain, uint32_t message_count)
{
    for (size_t i = 0; i < PAWL_ESTIMATE_CONVERSATIONS; i++) {
        struct conversation *entry = &estimator->conversations[i];
        if (entry->message_count == message_count && entry->chain == chain) {
            return entry;
        }
    }
    return NULL;
}

/* Adds an element that nobody has counted. */
static void add_new(struct pawl_estimate *estimate, const struct pawl_estimate_element *element)
{
    estimate->new_bytes += element->text_bytes;
    estimate->new_dense += element->dense_bytes;
    estimate->other_tokens += element->media_tokens + PAWL_ESTIMATE_MESSAGE_TOKENS;
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
static int64_t surprise_of(const struct model *model, bool known, int64_t new_bytes)
{
    const struct surprises *seen = &model->surprises[known];
    int64_t most = 0;
    for (size_t i = 0; i < SURPRISES_MAX; i++) {
        const struct surprise *entry = &seen->list[i];
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
    return most + (seen->count < SURPRISES_MAX ? most / 4 : most / 8);
}

static void sum_up(struct pawl_estimate *estimate, const struct model *model)
{
    struct ratios ratios = ratios_of(model);
    estimate->tokens = estimate->known_tokens + tokens_at(estimate->new_bytes, ratios.plain) +
                       tokens_at(estimate->new_dense, ratios.dense) + estimate->other_tokens;
}

static void add_surprise(struct pawl_estimate *estimate, const struct model *model)
{
    if (model != NULL) {
        estimate->tokens += surprise_of(model, estimate->known_tokens > 0,
                                        estimate->new_bytes + estimate->new_dense);
    }
}

/* Everything by ratio; also sets the sums that do not depend on what is known. A conversation is
 * one with one model, since each counts in its own way: its name begins the chain. */
static struct pawl_estimate estimate_afresh(const struct pawl_estimate_body *body,
                                            struct pawl_slice name,
                                            const struct model *model)
{
    struct pawl_estimate estimate = {.other_tokens = BODY_TOKENS, .chain = name_hash_of(name)};
    for (uint32_t i = 0; i < body->base_count; i++) {
        add_new(&estimate, &body->base[i]);
    }
    for (uint32_t i = 0; i < body->message_count; i++) {
        add_new(&estimate, &body->messages[i]);
        estimate.chain = chain_on(estimate.chain, body->messages[i].hash);
    }
    estimate.total_bytes = estimate.new_bytes + estimate.new_dense;
    sum_up(&estimate, model);
    add_surprise(&estimate, model);
    return estimate;
}

static struct pawl_estimate estimate_onwards(const struct pawl_estimate_body *body,
                                             const struct conversation *known,
                                             const struct model *model)
{
    struct pawl_estimate estimate = {.known_tokens = known->tokens};
    for (uint32_t i = 0; i < body->base_count; i++) {
        if (!has_base(known, body->base[i].hash)) {
            add_new(&estimate, &body->base[i]);
        }
    }
    for (uint32_t i = known->message_count; i < body->message_count; i++) {
        add_new(&estimate, &body->messages[i]);
    }
    sum_up(&estimate, model);
    add_surprise(&estimate, model);
    return estimate;
}

/* The remembered conversation with the most messages that this body begins with, or NULL. */
static struct conversation *longest_known(struct pawl_estimator *estimator,
                                          struct pawl_slice model,
                                          const struct pawl_estimate_body *body)
{
    struct conversation *longest = NULL;
    uint64_t chain = name_hash_of(model);
    for (uint32_t i = 0; i < body->message_count; i++) {
        chain = chain_on(chain, body->messages[i].hash);
        struct conversation *found = find_conversation(estimator, chain, i + 1);
        longest = found != NULL ? found : longest;
    }
    return longest;
}

struct pawl_estimate pawl_estimate_input(struct pawl_estimator *estimator,
                                         struct pawl_slice model,
                                         const struct pawl_estimate_body *body)
{
    const struct model *learned = find_model(estimator, model);
    struct pawl_estimate afresh = estimate_afresh(body, model, learned);
    struct conversation *known = longest_known(estimator, model, body);
    if (known == NULL) {
        return afresh;
    }
    known->used = ++estimator->clock;
    struct pawl_estimate onwards = estimate_onwards(body, known, learned);
    /* Where nothing that was counted has gone, the count is better than any ratio. */
    if (onwards.tokens >= afresh.tokens && lost_base(known, body)) {
        return afresh;
    }
    onwards.total_bytes = afresh.total_bytes;
    onwards.chain = afresh.chain;
    return onwards;
}

void pawl_estimate_refresh(const struct pawl_estimator *estimator,
                           struct pawl_slice model,
                           struct pawl_estimate *estimate)
{
    const struct model *learned = find_model(estimator, model);
    sum_up(estimate, learned);
    add_surprise(estimate, learned);
}

/* --- Learning ------------------------------------------------------------------------------- */

struct pawl_estimate_mark pawl_estimate_mark_of(const struct pawl_estimate *estimate,
                                                const struct pawl_estimate_body *body)
{
    struct pawl_estimate_mark mark = {.chain = estimate->chain};
    if (body->message_count == 0 || body->base_count > PAWL_ESTIMATE_BASE_MAX) {
        return mark;
    }
    mark.base = pawl_alloc_zeroed(body->base_count + 1, sizeof(uint64_t));
    if (mark.base == NULL) {
        return mark;
    }
    for (uint32_t i = 0; i < body->base_count; i++) {
        mark.base[i] = body->base[i].hash;
    }
    mark.base_count = body->base_count;
    mark.message_count = body->message_count;
    return mark;
}

void pawl_estimate_mark_free(struct pawl_estimate_mark *mark)
{
    pawl_free(mark->base);
    *mark = (struct pawl_estimate_mark){0};
}

static struct conversation *used_longest_ago(struct pawl_estimator *estimator)
{
    struct conversation *oldest = &estimator->conversations[0];
    for (size_t i = 1; i < PAWL_ESTIMATE_CONVERSATIONS; i++) {
        if (estimator->conversations[i].used < oldest->used) {
            oldest = &estimator->conversations[i];
        }
    }
    return oldest;
}

/* Takes the mark's base. */
static void
remember(struct pawl_estimator *estimator, struct pawl_estimate_mark *mark, int64_t tokens)
{
    struct conversation *place = find_conversation(estimator, mark->chain, mark->message_count);
    if (place == NULL) {
        place = used_longest_ago(estimator);
    }
    pawl_free(place->base);
    *place = (struct conversation){
        .chain = mark->chain,
        .message_count = mark->message_count,
        .base_count = mark->base_count,
        .base = mark->base,
        .tokens = tokens,
        .used = ++estimator->clock,
    };
    *mark = (struct pawl_estimate_mark){0};
}

/* After the ratios have learned from the same call: they explain what they can. */
static void
learn_surprise(struct model *model, const struct pawl_estimate *estimate, int64_t actual)
{
    struct pawl_estimate again = *estimate;
    sum_up(&again, model);
    struct surprises *seen = &model->surprises[estimate->known_tokens > 0];
    seen->list[seen->count % SURPRISES_MAX] = (struct surprise){
        .tokens = actual > again.tokens ? actual - again.tokens : 0,
        .new_bytes = estimate->new_bytes + estimate->new_dense,
    };
    seen->count++;
}

/* Texts of both kinds teach neither ratio: nobody knows whose the tokens were. */
static void
learn_ratio(struct model *model, const struct pawl_estimate *estimate, int64_t text_tokens)
{
    int64_t plain = estimate->new_bytes;
    int64_t dense = estimate->new_dense;
    if (plain >= LEARN_BYTES_MIN && dense * DENSE_NEGLIGIBLE <= plain) {
        pawl_histogram_add(&model->input_ratio, PAWL_HISTOGRAM_LINEAR, text_tokens * KIBI / plain);
    } else if (dense >= LEARN_BYTES_MIN && dense >= plain * DENSE_DOMINATES) {
        pawl_histogram_add(&model->dense_ratio, PAWL_HISTOGRAM_LINEAR, text_tokens * KIBI / dense);
    }
}

static void learn_input(struct pawl_estimator *estimator,
                        struct model *model,
                        const struct pawl_estimate_sample *sample)
{
    const struct pawl_estimate *estimate = sample->estimate;
    int64_t actual = sample->input_tokens;
    if (actual <= 0 || actual > PLAUSIBLE_TOKENS_MAX ||
        actual < estimate->total_bytes / PLAUSIBLE_BYTES_PER_TOKEN) {
        return; /* a figure that no tokenizer gives teaches nothing */
    }
    pawl_histogram_add(&model->error, PAWL_HISTOGRAM_LOG, estimate->tokens * 1000 / actual);
    if (sample->mark->message_count > 0) {
        remember(estimator, sample->mark, actual);
    }
    int64_t text_tokens = actual - estimate->known_tokens - estimate->other_tokens;
    if (actual >= estimate->known_tokens) {
        learn_ratio(model, estimate, text_tokens > 0 ? text_tokens : 0);
    }
    learn_surprise(model, estimate, actual);
}

static void learn_output(struct model *model, const struct pawl_estimate_sample *sample)
{
    if (sample->reasoning_tokens > 0) {
        model->hidden = true;
    }
    if (sample->output_tokens <= 0 || sample->output_tokens > PLAUSIBLE_TOKENS_MAX) {
        return;
    }
    pawl_histogram_add(&model->output_tokens, PAWL_HISTOGRAM_LOG, sample->output_tokens);
    if (sample->output_ceiling > 0) {
        bool over = sample->output_tokens > sample->output_ceiling;
        model->overruns[model->overrun_count++ % OVERRUNS_MAX] = (struct overrun){
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

void pawl_estimator_learn(struct pawl_estimator *estimator,
                          struct pawl_slice model,
                          const struct pawl_estimate_sample *sample)
{
    PAWL_ASSERT(sample->estimate != NULL && sample->mark != NULL);
    struct model *entry = use_model(estimator, model);
    learn_input(estimator, entry, sample);
    learn_output(entry, sample);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void add_overruns(const struct model *model, struct pawl_estimate_output *output)
{
    for (size_t i = 0; i < OVERRUNS_MAX; i++) {
        const struct overrun *entry = &model->overruns[i];
        int64_t beyond = entry->tokens - entry->ceiling;
        if (entry->tokens == 0) {
            continue;
        }
        if (beyond <= OVERRUN_FEW) {
            output->overrun_few = pawl_max_i64(output->overrun_few, beyond);
            continue;
        }
        int64_t permille = OVERRUN_PERMILLE_MAX;
        bool fits = pawl_money_mul_div_ceil(entry->tokens, 1000, entry->ceiling, &permille);
        permille = fits && permille < OVERRUN_PERMILLE_MAX ? permille : OVERRUN_PERMILLE_MAX;
        output->overrun_permille = pawl_max_i64(output->overrun_permille, permille);
        output->overrun_tokens = pawl_max_i64(output->overrun_tokens, entry->tokens);
    }
}

struct pawl_estimate_output pawl_estimate_answers(const struct pawl_estimator *estimator,
                                                  struct pawl_slice model)
{
    struct pawl_estimate_output output = {
        .ratio_high = PAWL_ESTIMATE_RATIO_COLD,
        .ratio_low = 0,
        .tokens_per_second = INT64_MAX,
    };
    const struct model *entry = find_model(estimator, model);
    if (entry == NULL) {
        return output;
    }
    output.answers = entry->output_tokens.total;
    add_overruns(entry, &output);
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
    const struct model *entry = find_model(estimator, model);
    if (entry == NULL) {
        return (struct pawl_estimate_error){0};
    }
    return (struct pawl_estimate_error){
        .samples = entry->error.total,
        .permille_p50 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_LOG, 500),
        .permille_p99 = pawl_histogram_quantile(&entry->error, PAWL_HISTOGRAM_LOG, 990),
    };
}
