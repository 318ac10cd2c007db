/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admission_scene.h: a query in the making, and prices for it, for the tests of admissions.
 */
#ifndef PAWL_TESTS_UNIT_ADMISSION_SCENE_H
#define PAWL_TESTS_UNIT_ADMISSION_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/admission.h"

/* $3 and $15 a million tokens, in cache 3.75 and 6; dearer above 200,000; searches 1 cent each. */
static const char prices[] =
    "{\"format\":1,\"as_of\":\"2026-01-02\",\"source\":\"test\",\"licence\":\"none\","
    "\"providers\":[{\"id\":\"anthropic\",\"models\":["
    "{\"id\":\"flat\",\"rows\":[{\"input\":300000000,\"cache_read\":30000000,"
    "\"cache_write\":375000000,\"cache_write_long\":600000000,\"output\":1500000000,"
    "\"per_1000_web_searches\":1000000000}]},"
    "{\"id\":\"tiered\",\"rows\":[{\"input\":300000000,\"output\":1500000000},"
    "{\"over\":200000,\"input\":600000000,\"output\":2250000000}]},"
    "{\"id\":\"thinker\",\"rows\":[{\"input\":100000000,\"output\":100000000,"
    "\"reasoning\":300000000,\"per_1000_requests\":1200000000}]}]}]}";

static struct pawl_price_book *book;
static struct pawl_price flat;
static struct pawl_price tiered;
static struct pawl_price thinker;

static inline int setup(void **state)
{
    (void)state;
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_price_book_load(pawl_slice_str(prices), &book, &msg))) {
        print_error("%s\n", msg.text);
        return -1;
    }
    struct pawl_price_query query = {PAWL_SLICE("anthropic"), PAWL_SLICE("flat"), 0};
    bool found = pawl_price_lookup(book, query, &flat);
    query.model = PAWL_SLICE("tiered");
    found = found && pawl_price_lookup(book, query, &tiered);
    query.model = PAWL_SLICE("thinker");
    return found && pawl_price_lookup(book, query, &thinker) ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    pawl_price_book_free(book);
    return 0;
}

/* A plain call of 1,000 tokens in that asks for `output`, with `microcents` left and free. */
struct scene {
    struct pawl_model_request request;
    struct pawl_admission_query query;
};

static inline void scene_init(struct scene *scene, int64_t output, int64_t microcents)
{
    *scene = (struct scene){
        .request = {.dialect = PAWL_DIALECT_ANTHROPIC,
                    .output_given = true,
                    .output_asked = output,
                    .choices = 1,
                    .passes = 1},
        .query = {.price = &flat,
                  .input_tokens = 1000,
                  .learned = {.ratio_high = 512, .tokens_per_second = INT64_MAX}},
    };
    scene->query.request = &scene->request;
    scene->query.left[PAWL_ADMISSION_USD] = (struct pawl_admission_left){
        .bound = true, .free = microcents, .room = microcents, .limit = microcents};
}

static inline struct pawl_admission decide(const struct scene *scene)
{
    struct pawl_admission admission;
    pawl_admission_decide(&scene->query, &admission);
    return admission;
}

/* What `input` and `output` tokens cost at the flat price, with the slack of a hold. */
static inline int64_t cost(int64_t input, int64_t output)
{
    return input * 300 + output * 1500 + PAWL_COST_LINE_COUNT_MAX;
}

static inline int64_t line(const struct pawl_admission *admission, uint16_t unit)
{
    for (uint32_t i = 0; i < admission->line_count; i++) {
        if (admission->lines[i].unit == unit) {
            return admission->lines[i].value;
        }
    }
    return -1;
}

#endif
