/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_admission_drawn.c: the invariants A1 to A3 of admissions over drawn queries: a hold covers
 * the dearest bill that the call can lead to.
 */
#include <stdio.h>

#include "admission_scene.h"
#include "base/prng.h"
#include "seed.h"

enum { DRAWS = 3000, BILLS_EACH = 20 };

enum { WINDOW = 150000 };

/* One bound for all tools of the provider: what each brings in, a window that each may fill, and
 * pictures of another model. */
static void draw_tools(struct pawl_prng *prng, struct scene *scene)
{
    static struct pawl_price windowed;
    windowed = *scene->query.price;
    windowed.context_tokens = WINDOW;
    scene->query.price = &windowed;
    scene->query.input_tokens = pawl_prng_between(prng, 1, 20000);
    scene->request.tools_fill = pawl_prng_one_in(prng, 3);
    scene->request.tool_count = 1;
    scene->request.tools[0] =
        (struct pawl_request_tool){.inside = 1,
                                   .uses_asked = pawl_prng_between(prng, 1, 6),
                                   .use_tokens = pawl_prng_between(prng, 100, 5000),
                                   .fee = PAWL_REQUEST_FEE_WEB_SEARCH,
                                   .pictures = pawl_prng_one_in(prng, 2)};
    scene->request.pictures =
        (struct pawl_request_pictures){.output_tokens = pawl_prng_between(prng, 100, 9000),
                                       .seen_tokens = pawl_prng_between(prng, 100, 9000),
                                       .masks = pawl_prng_between(prng, 0, 20)};
    scene->query.pictures_price = scene->request.tools[0].pictures ? &thinker : NULL;
}

/* What comes in over all readings of the context, of which there is one more than uses. */
static int64_t draw_input(struct pawl_prng *prng, const struct scene *scene, int64_t uses)
{
    int64_t context = scene->query.input_tokens;
    int64_t input = context;
    for (int64_t i = 0; i < uses; i++) {
        context = scene->request.tools_fill
                      ? pawl_prng_between(prng, context, WINDOW)
                      : context + pawl_prng_between(prng, 0, scene->request.tools[0].use_tokens);
        input += context;
    }
    return input;
}

/* Pictures beside the answer: each looks at what there is, and writes a prompt. */
static int64_t draw_pictures(struct pawl_prng *prng,
                             const struct scene *scene,
                             int64_t uses,
                             struct pawl_cost *ret_bill)
{
    const struct pawl_request_pictures *pictures = &scene->request.pictures;
    struct pawl_usage usage = {.modifiers = 0};
    int64_t seen = 0;
    for (int64_t i = 0; i < uses; i++) {
        int64_t there = pictures->masks + i < 16 ? pictures->masks + i : 16;
        seen += pawl_prng_between(prng, 0, there) * pictures->seen_tokens;
    }
    pawl_usage_set(&usage, PAWL_USAGE_INPUT, uses * pawl_prng_between(prng, 0, 8192));
    pawl_usage_set(&usage, PAWL_USAGE_INPUT_IMAGE, seen);
    pawl_usage_set(&usage, PAWL_USAGE_OUTPUT_IMAGE,
                   uses * pawl_prng_between(prng, 0, pictures->output_tokens));
    *ret_bill = (struct pawl_cost){.line_count = 0};
    if (scene->query.pictures_price != NULL && uses > 0) {
        pawl_usage_cost(scene->query.pictures_price, &usage, ret_bill);
        return pawl_usage_tokens(&usage);
    }
    return 0;
}

static void draw_scene(struct pawl_prng *prng, struct scene *scene)
{
    scene_init(scene, pawl_prng_between(prng, 0, 100000), 0);
    scene->query.input_tokens = pawl_prng_between(prng, 1, 400000);
    scene->query.input_usual = pawl_prng_between(prng, 0, 100000);
    scene->query.price = pawl_prng_one_in(prng, 2) ? &flat : &tiered;
    scene->request.stream = pawl_prng_one_in(prng, 2);
    scene->request.cache_short = pawl_prng_one_in(prng, 2);
    scene->request.cache_long = pawl_prng_one_in(prng, 4);
    scene->request.choices = pawl_prng_one_in(prng, 8) ? pawl_prng_between(prng, 2, 8) : 1;
    scene->request.passes = pawl_prng_one_in(prng, 16) ? 2 : 1;
    scene->request.thinking_budget =
        pawl_prng_one_in(prng, 4) ? pawl_prng_between(prng, 1, 20000) : 0;
    scene->request.thinking_span.end = pawl_prng_one_in(prng, 2) ? 1 : 0;
    if (pawl_prng_one_in(prng, 4)) {
        draw_tools(prng, scene);
    }
    scene->query.learned.samples = (uint32_t)pawl_prng_below(prng, 64);
    scene->query.learned.answers = scene->query.learned.samples;
    scene->query.under_way = (uint32_t)pawl_prng_below(prng, 3);
    scene->query.waiting = (uint32_t)pawl_prng_below(prng, 5);
    scene->query.last_chance = pawl_prng_one_in(prng, 8);
    scene->query.learned.tokens_p25 = pawl_prng_between(prng, 1, 1000);
    scene->query.learned.tokens_p95 = pawl_prng_between(prng, 10, 10000);
    scene->query.learned.tokens_p99 = scene->query.learned.tokens_p95 * 2;
    scene->query.learned.tokens_per_second = pawl_prng_between(prng, 10, 5000);
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        static const int64_t most[] = {2 * PAWL_MICROCENTS_PER_USD, 1000000, 3};
        struct pawl_admission_left *left = &scene->query.left[unit];
        left->bound = unit == 0 || pawl_prng_one_in(prng, 2);
        left->free = pawl_prng_between(prng, -100, most[unit]);
        left->room = left->free + pawl_prng_between(prng, 0, most[unit]);
        left->held = pawl_prng_one_in(prng, 2) ? left->room - left->free : 0;
        left->limit = most[unit];
    }
}

/* A bill that the provider may send for an admitted call: the input split in any way over the
 * buckets that the request allows, any output up to what is held. */
static void check_bill(struct pawl_prng *prng,
                       const struct scene *scene,
                       const struct pawl_admission *admission)
{
    const struct pawl_model_request *request = &scene->request;
    struct pawl_usage usage = {.modifiers = 0};
    int64_t uses = pawl_prng_between(prng, 0, request->tool_count > 0 ? admission->uses : 0);
    int64_t input = draw_input(prng, scene, uses) * request->passes;
    int64_t long_write = request->cache_long ? pawl_prng_between(prng, 0, input) : 0;
    int64_t rest = input - long_write;
    int64_t write =
        request->cache_short || request->cache_long ? pawl_prng_between(prng, 0, rest) : 0;
    int64_t read = pawl_prng_between(prng, 0, rest - write);
    int64_t output = admission->output_held * request->choices * request->passes;
    pawl_usage_set(&usage, PAWL_USAGE_CACHE_WRITE_LONG, long_write);
    pawl_usage_set(&usage, PAWL_USAGE_CACHE_WRITE, write);
    pawl_usage_set(&usage, PAWL_USAGE_CACHE_READ, read);
    pawl_usage_set(&usage, PAWL_USAGE_INPUT, rest - write - read);
    pawl_usage_set(&usage, PAWL_USAGE_OUTPUT, pawl_prng_between(prng, 0, output));
    pawl_usage_set(&usage, PAWL_USAGE_WEB_SEARCHES, uses);
    struct pawl_cost bill;
    struct pawl_cost pictures;
    pawl_usage_cost(scene->query.price, &usage, &bill);
    int64_t drawn = draw_pictures(prng, scene, uses, &pictures);
    assert_true(bill.total_microcents + pictures.total_microcents <=
                line(admission, PAWL_UNIT_USD_MICROCENTS));
    assert_true(pawl_usage_tokens(&usage) + drawn <= line(admission, PAWL_UNIT_TOKENS));
}

static void check_admitted(struct pawl_prng *prng,
                           const struct scene *scene,
                           const struct pawl_admission *admission)
{
    for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
        const struct pawl_admission_left *left = &scene->query.left[unit];
        int64_t held = line(admission, pawl_admission_units[unit]);
        assert_true(!left->bound || held + admission->promised[unit] <= left->free);
    }
    assert_true(admission->ceiling <= scene->request.output_asked);
    assert_true(admission->output_held <= admission->ceiling);
    assert_true(admission->mode == PAWL_ADMISSION_EXTEND ||
                admission->output_held == admission->ceiling);
    for (int i = 0; i < BILLS_EACH; i++) {
        check_bill(prng, scene, admission);
    }
}

static void holds_cover_every_bill_within_them(void **state)
{
    (void)state;
    struct pawl_prng prng;
    uint32_t seen[4] = {0};
    uint32_t extended = 0;
    pawl_prng_seed(&prng, seed_for("test_admission_drawn"));
    for (int i = 0; i < DRAWS; i++) {
        struct scene scene;
        draw_scene(&prng, &scene);
        struct pawl_admission admission = decide(&scene);
        seen[admission.verdict]++;
        if (admission.verdict == PAWL_ADMISSION_ADMIT) {
            extended += admission.mode == PAWL_ADMISSION_EXTEND;
            check_admitted(&prng, &scene, &admission);
            continue;
        }
        const struct pawl_admission_left *left = &scene.query.left[admission.unit];
        int64_t part = scene.query.learned.answers == 0 ? 10 : 50;
        int64_t cushion = left->held > 0 ? left->limit / part : 0;
        assert_true(left->bound && admission.needed > left->free - cushion);
        /* A3 */
        struct scene later = scene;
        later.query.request = &later.request;
        for (int unit = 0; unit < PAWL_ADMISSION_UNIT_COUNT; unit++) {
            later.query.left[unit].free = later.query.left[unit].room;
            later.query.left[unit].held = 0;
        }
        later.query.under_way = 0;
        bool fits_later = decide(&later).verdict == PAWL_ADMISSION_ADMIT;
        assert_int_equal(fits_later, admission.verdict == PAWL_ADMISSION_HELD);
    }
    /* The draws reach every row. */
    for (size_t i = 0; i < PAWL_ARRAY_LEN(seen); i++) {
        assert_true(seen[i] > DRAWS / 100);
    }
    assert_true(extended > 0);
}

/* One more budget, or less in one, never lets in what would have waited or been refused, and never
 * leads to a higher ceiling. */
static void another_budget_never_loosens(void **state)
{
    (void)state;
    struct pawl_prng prng;
    uint32_t tightened = 0;
    pawl_prng_seed(&prng, seed_for("test_admission_drawn"));
    for (int i = 0; i < DRAWS; i++) {
        struct scene scene;
        draw_scene(&prng, &scene);
        struct scene tighter = scene;
        tighter.query.request = &tighter.request;
        struct pawl_admission_left *left =
            &tighter.query.left[pawl_prng_below(&prng, PAWL_ADMISSION_UNIT_COUNT)];
        int64_t less = pawl_prng_between(&prng, 0, 20000000);
        left->bound = true;
        left->free -= less;
        left->room -= less;
        struct pawl_admission before = decide(&scene);
        struct pawl_admission after = decide(&tighter);
        if (after.verdict == PAWL_ADMISSION_ADMIT) {
            assert_int_equal(before.verdict, PAWL_ADMISSION_ADMIT);
            assert_true(after.uses > 0 || after.ceiling <= before.ceiling);
        }
        tightened += before.verdict == PAWL_ADMISSION_ADMIT && after.verdict != before.verdict;
    }
    assert_true(tightened > DRAWS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_cover_every_bill_within_them),
        cmocka_unit_test(another_budget_never_loosens),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
