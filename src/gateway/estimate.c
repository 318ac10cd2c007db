/* SPDX-License-Identifier: Apache-2.0 */
/*
 * estimate.c: which elements of a body a provider has counted before, and the memory of that. What
 * its new text may have at most, the model's own figures say (estimate_model.c).
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
#include "base/json.h"
#include "gateway/estimate_priv.h"

enum {
    BODY_TOKENS = 32, /* wrapping of a whole body */
    PLAUSIBLE_BYTES_PER_TOKEN = 64,
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
        } else if (dense == 0) {
            /* The bytes that mark a text's ends are counted with it. */
            step += pawl_json_plain_bytes(pawl_slice_sub(json, at + 1, json.bytes));
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

static bool has_base(const struct estimate_conversation *conversation, uint64_t hash)
{
    for (uint32_t i = 0; i < conversation->base_count; i++) {
        if (conversation->base[i] == hash) {
            return true;
        }
    }
    return false;
}

/* Whether something that was counted is not in the body any more. */
static bool lost_base(const struct estimate_conversation *known,
                      const struct pawl_estimate_body *body)
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

static struct estimate_conversation *
find_conversation(struct pawl_estimator *estimator, uint64_t chain, uint32_t message_count)
{
    for (size_t i = 0; i < PAWL_ESTIMATE_CONVERSATIONS; i++) {
        struct estimate_conversation *entry = &estimator->conversations[i];
        if (entry->message_count == message_count && entry->chain == chain) {
            return entry;
        }
    }
    return NULL;
}

/* Who counts, and how many more bytes are worth it: a prompt of megabytes would keep everybody else
 * waiting, so what is beyond is left to the ratios. */
struct counting {
    struct pawl_estimator *estimator;
    const struct pawl_estimate_body *body;
    uint64_t bytes_left;
};

/* false: nobody can say, or it would take too long. */
static bool count_element(struct counting *counting,
                          const struct pawl_estimate_element *element,
                          uint32_t *ret_tokens)
{
    const struct pawl_estimate_body *body = counting->body;
    struct estimate_counted *place =
        &counting->estimator->counted[element->hash % PAWL_ESTIMATE_COUNTED_MAX];
    if (body->count_tokens == NULL || element->node == 0) {
        return false;
    }
    if (place->hash != element->hash || element->hash == 0) {
        uint64_t bytes = (uint64_t)element->text_bytes + element->dense_bytes;
        if (bytes > counting->bytes_left) {
            return false;
        }
        counting->bytes_left -= bytes;
        *place = (struct estimate_counted){.hash = element->hash,
                                           .tokens = body->count_tokens(body->arg, element->node)};
    }
    *ret_tokens = place->tokens;
    return true;
}

/* Adds an element that no provider has counted. */
static void add_new(struct counting *counting,
                    struct pawl_estimate *estimate,
                    const struct pawl_estimate_element *element)
{
    uint32_t tokens = 0;
    estimate->new_bytes += element->text_bytes;
    estimate->new_dense += element->dense_bytes;
    estimate->other_tokens += element->media_tokens + PAWL_ESTIMATE_MESSAGE_TOKENS;
    if (count_element(counting, element, &tokens)) {
        estimate->new_counted += tokens;
    } else {
        estimate->rest_bytes += element->text_bytes;
        estimate->rest_dense += element->dense_bytes;
    }
}

/* Everything as new; also sets the sums that do not depend on what is known. A conversation is
 * one with one model, since each counts in its own way: its name begins the chain. */
static struct pawl_estimate estimate_afresh(struct counting counting,
                                            struct pawl_slice name,
                                            const struct estimate_model *model)
{
    const struct pawl_estimate_body *body = counting.body;
    struct pawl_estimate estimate = {.other_tokens = BODY_TOKENS,
                                     .chain = pawl_estimate_name_hash(name)};
    for (uint32_t i = 0; i < body->base_count; i++) {
        add_new(&counting, &estimate, &body->base[i]);
    }
    for (uint32_t i = 0; i < body->message_count; i++) {
        add_new(&counting, &estimate, &body->messages[i]);
        estimate.chain = chain_on(estimate.chain, body->messages[i].hash);
    }
    estimate.total_bytes = estimate.new_bytes + estimate.new_dense;
    pawl_estimate_sum_up(&estimate, model, pawl_estimate_is_o200k(name));
    return estimate;
}

static struct pawl_estimate estimate_onwards(struct counting counting,
                                             const struct estimate_conversation *known,
                                             struct pawl_slice name,
                                             const struct estimate_model *model)
{
    const struct pawl_estimate_body *body = counting.body;
    struct pawl_estimate estimate = {.known_tokens = known->tokens};
    for (uint32_t i = 0; i < body->base_count; i++) {
        if (!has_base(known, body->base[i].hash)) {
            add_new(&counting, &estimate, &body->base[i]);
        }
    }
    for (uint32_t i = known->message_count; i < body->message_count; i++) {
        add_new(&counting, &estimate, &body->messages[i]);
    }
    pawl_estimate_sum_up(&estimate, model, pawl_estimate_is_o200k(name));
    return estimate;
}

/* The remembered conversation with the most messages that this body begins with, or NULL. */
static struct estimate_conversation *longest_known(struct pawl_estimator *estimator,
                                                   struct pawl_slice model,
                                                   const struct pawl_estimate_body *body)
{
    struct estimate_conversation *longest = NULL;
    uint64_t chain = pawl_estimate_name_hash(model);
    for (uint32_t i = 0; i < body->message_count; i++) {
        chain = chain_on(chain, body->messages[i].hash);
        struct estimate_conversation *found = find_conversation(estimator, chain, i + 1);
        longest = found != NULL ? found : longest;
    }
    return longest;
}

struct pawl_estimate pawl_estimate_input(struct pawl_estimator *estimator,
                                         struct pawl_slice model,
                                         const struct pawl_estimate_body *body)
{
    const struct estimate_model *learned = pawl_estimate_find_model(estimator, model);
    struct estimate_conversation *known = longest_known(estimator, model, body);
    struct counting counting = {estimator, body, PAWL_ESTIMATE_COUNTED_BYTES_MAX};
    struct counting uncounted = {estimator, body, 0};
    if (known == NULL) {
        return estimate_afresh(counting, model, learned);
    }
    known->used = ++estimator->clock;
    struct pawl_estimate onwards = estimate_onwards(counting, known, model, learned);
    struct pawl_estimate afresh = estimate_afresh(uncounted, model, learned);
    /* Where nothing that was counted has gone, the count is better than any ratio. */
    if (onwards.tokens >= afresh.tokens && lost_base(known, body)) {
        return estimate_afresh(counting, model, learned);
    }
    onwards.total_bytes = afresh.total_bytes;
    onwards.chain = afresh.chain;
    return onwards;
}

void pawl_estimate_refresh(const struct pawl_estimator *estimator,
                           struct pawl_slice model,
                           struct pawl_estimate *estimate)
{
    const struct estimate_model *learned = pawl_estimate_find_model(estimator, model);
    pawl_estimate_sum_up(estimate, learned, pawl_estimate_is_o200k(model));
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

static struct estimate_conversation *used_longest_ago(struct pawl_estimator *estimator)
{
    struct estimate_conversation *oldest = &estimator->conversations[0];
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
    struct estimate_conversation *place =
        find_conversation(estimator, mark->chain, mark->message_count);
    if (place == NULL) {
        place = used_longest_ago(estimator);
    }
    pawl_free(place->base);
    *place = (struct estimate_conversation){
        .chain = mark->chain,
        .message_count = mark->message_count,
        .base_count = mark->base_count,
        .base = mark->base,
        .tokens = tokens,
        .used = ++estimator->clock,
    };
    *mark = (struct pawl_estimate_mark){0};
}

/* false: a figure that no tokenizer gives. */
static bool learn_input(struct pawl_estimator *estimator,
                        struct estimate_model *model,
                        const struct pawl_estimate_sample *sample)
{
    const struct pawl_estimate *estimate = sample->estimate;
    int64_t actual = sample->input_tokens;
    if (actual <= 0 || actual > ESTIMATE_TOKENS_PLAUSIBLE ||
        actual < estimate->total_bytes / PLAUSIBLE_BYTES_PER_TOKEN) {
        return false;
    }
    if (sample->mark->message_count > 0) {
        remember(estimator, sample->mark, actual);
    }
    pawl_estimate_learn_text(model, estimate, actual);
    return true;
}

bool pawl_estimate_learn(struct pawl_estimator *estimator,
                         struct estimate_model *model,
                         const struct pawl_estimate_sample *sample)
{
    bool plausible = learn_input(estimator, model, sample);
    pawl_estimate_learn_answer(model, sample);
    return plausible;
}

void pawl_estimator_learn(struct pawl_estimator *estimator,
                          struct pawl_slice model,
                          const struct pawl_estimate_sample *sample)
{
    PAWL_ASSERT(sample->estimate != NULL && sample->mark != NULL);
    struct estimate_model *entry = pawl_estimate_use_model(estimator, model);
    if (pawl_estimate_learn(estimator, entry, sample)) {
        entry->own_texts++;
        pawl_histogram_add(&entry->error, PAWL_HISTOGRAM_FINE,
                           sample->estimate->tokens * 1000 / sample->input_tokens);
    }
}
