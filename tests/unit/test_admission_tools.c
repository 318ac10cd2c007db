/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_admission_tools.c: what is held for tools that the provider runs: fees, the text that they
 * bring in, pictures of another model.
 */
#include "admission_scene.h"

static void searches_are_held_with_fee_and_text(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 256, 100 * PAWL_MICROCENTS_PER_USD);
    scene.request.tool_count = 1;
    scene.request.tools[0] = (struct pawl_request_tool){.inside = 9, .fee = true};
    struct pawl_admission got = decide(&scene);
    assert_int_equal(got.uses, PAWL_REQUEST_USES_DEFAULT);
    int64_t input = 6 * 1000 + 15 * PAWL_REQUEST_USE_TOKENS;
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(input, 256) + 5 * 1000000);
    /* As many as are worth it, at least one. */
    scene_init(&scene, 256, 2 * (cost(2 * 1000 + PAWL_REQUEST_USE_TOKENS, 256) + 1000000));
    scene.request.tool_count = 1;
    scene.request.tools[0] = (struct pawl_request_tool){.inside = 9, .fee = true};
    assert_int_equal(decide(&scene).uses, 1);
    /* What cannot be lowered is held as it is. */
    scene.request.tools[0] = (struct pawl_request_tool){.uses_asked = 3, .fee = true};
    assert_int_equal(decide(&scene).verdict, PAWL_ADMISSION_TOO_BIG);
}

/* Ten queries until calls were seen; twice the most that one had while they are few; then half
 * more than the most. What they bring in is read once. */
static void searches_that_nothing_bounds_follow_what_was_seen(void **state)
{
    (void)state;
    static const struct {
        uint32_t calls;
        int64_t most;
        int64_t permille;
        int64_t queries;
        int64_t brought;
    } rows[] = {
        {0, 0, 0, 10, 50000},       {1, 4, 900, 10, 50000}, {7, 9, 1500, 18, 75000},
        {8, 0, 0, 3, 50000},        {64, 4, 900, 6, 50000}, {64, 41, 4000, 62, 200000},
        {64, 1, 90000, 3, 1048576},
    };
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct scene scene;
        scene_init(&scene, 256, 100 * PAWL_MICROCENTS_PER_USD);
        scene.request.tools_read_once = true;
        scene.request.tool_count = 1;
        scene.request.tools[0] = (struct pawl_request_tool){.uses_asked = 10,
                                                            .use_tokens = 5000,
                                                            .fee = PAWL_REQUEST_FEE_WEB_SEARCH,
                                                            .assumed = true,
                                                            .counted = true};
        scene.query.learned.use_calls = rows[i].calls;
        scene.query.learned.uses_most = rows[i].most;
        scene.query.learned.tool_permille = rows[i].permille;
        struct pawl_admission got = decide(&scene);
        assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS),
                         cost(1000 + rows[i].brought, 256) + rows[i].queries * 1000000);
        /* A call without its tools would not need them. */
        scene.query.left[PAWL_ADMISSION_USD].room = cost(1000, 256);
        scene.query.left[PAWL_ADMISSION_USD].free = cost(1000, 256);
        got = decide(&scene);
        assert_int_equal(got.verdict, PAWL_ADMISSION_TOO_BIG);
        assert_true(got.fits_without_tools);
    }
}

/* Code at Anthropic reads the context again at each run: ten times while nothing is known. */
static void code_without_a_bound_follows_what_was_seen(void **state)
{
    (void)state;
    static const struct {
        uint32_t calls;
        int64_t most;
        int64_t runs;
    } rows[] = {{0, 0, 10}, {7, 8, 16}, {8, 0, 3}, {64, 4, 6}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        struct scene scene;
        scene_init(&scene, 256, 100 * PAWL_MICROCENTS_PER_USD);
        scene.request.dialect = PAWL_DIALECT_ANTHROPIC;
        scene.request.container_gb = 1;
        scene.request.tool_count = 1;
        scene.request.tools[0] = (struct pawl_request_tool){
            .uses_asked = 10, .use_tokens = 2000, .assumed = true, .counted = true};
        scene.query.learned.use_calls = rows[i].calls;
        scene.query.learned.uses_most = rows[i].most;
        int64_t runs = rows[i].runs;
        struct pawl_admission got = decide(&scene);
        assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS),
                         cost(1000 * (runs + 1) + 2000 * runs * (runs + 1) / 2, 256) +
                             5 * 150000); /* what is taken where a book has no fee */
    }
}

/* At their own price beside the answer's, as many as may be made; and the tokens of both. */
static void pictures_are_held_at_the_price_of_their_model(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 256, 100 * PAWL_MICROCENTS_PER_USD);
    scene.request.pictures = (struct pawl_request_pictures){
        .model = PAWL_SLICE("thinker"), .output_tokens = 5000, .seen_tokens = 1000};
    scene.request.tool_count = 1;
    scene.request.tools[0] = (struct pawl_request_tool){
        .inside = 1, .uses_asked = 2, .use_tokens = 10000, .pictures = true};
    scene.query.pictures_price = &thinker;
    struct pawl_admission got = decide(&scene);
    struct pawl_usage pictures;
    struct pawl_cost drawn;
    pawl_request_picture_usage(&scene.request, 2, &pictures);
    pawl_usage_cost(&thinker, &pictures, &drawn);
    int64_t dollars = line(&got, PAWL_UNIT_USD_MICROCENTS);
    int64_t text = cost(1000 * 3 + 10000 * 3, 256);
    assert_in_range(dollars, text + drawn.total_microcents,
                    text + drawn.total_microcents + PAWL_COST_LINE_COUNT_MAX);
    assert_int_equal(line(&got, PAWL_UNIT_TOKENS),
                     1000 * 3 + 10000 * 3 + 256 + pawl_usage_tokens(&pictures));
    /* Where two do not fit, one may. */
    scene.query.left[PAWL_ADMISSION_USD].free = dollars * 6 / 10;
    scene.query.left[PAWL_ADMISSION_USD].room = dollars * 6 / 10;
    got = decide(&scene);
    assert_int_equal(got.verdict, PAWL_ADMISSION_ADMIT);
    assert_int_equal(got.uses, 1);
}

/* Each time as much is read as the window has room for; without a known one, as much as any has. */
static void a_server_is_held_at_the_window(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, 256, 100 * PAWL_MICROCENTS_PER_USD);
    struct pawl_price windowed = flat;
    windowed.context_tokens = 128000;
    scene.query.price = &windowed;
    scene.request.tools_fill = true;
    scene.request.tool_count = 1;
    scene.request.tools[0] = (struct pawl_request_tool){.inside = 1, .uses_asked = 2};
    struct pawl_admission got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(128000 * 3, 256));
    scene.query.price = &flat;
    got = decide(&scene);
    assert_int_equal(line(&got, PAWL_UNIT_USD_MICROCENTS), cost(1048576 * 3, 256));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_are_held_with_fee_and_text),
        cmocka_unit_test(searches_that_nothing_bounds_follow_what_was_seen),
        cmocka_unit_test(code_without_a_bound_follows_what_was_seen),
        cmocka_unit_test(pictures_are_held_at_the_price_of_their_model),
        cmocka_unit_test(a_server_is_held_at_the_window),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
