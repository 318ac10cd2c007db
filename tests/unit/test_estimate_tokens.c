/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_estimate_tokens.c: bounds that are made of tokens: which way counts when, and that the
 * bound of a model that uses o200k_base never falls below what such a provider counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/prng.h"
#include "gateway/request.h"
#include "gateway/tokenizer.h"
#include "seed.h"

enum { ARENA_BYTES = 8 << 20, BODY_BYTES_MAX = 4 << 20, DRAWS = 150, WORDS_MAX = 2000 };

#define KNOWN PAWL_SLICE("gpt-4o-2024-08-06")
#define OTHER PAWL_SLICE("claude-sonnet-4-5")

/* A body of one message, whose tokens the test says itself. */
struct scene {
    struct pawl_estimate_element message;
    struct pawl_estimate_body body;
    uint32_t tokens;
    uint32_t asked; /* how often somebody had them counted */
};

static uint32_t count_tokens(void *arg, uint32_t node)
{
    struct scene *scene = arg;
    assert_int_equal(node, 7);
    scene->asked++;
    return scene->tokens;
}

static void scene_init(struct scene *scene, uint64_t hash, uint32_t bytes, uint32_t tokens)
{
    *scene =
        (struct scene){.tokens = tokens, .message = {.hash = hash, .text_bytes = bytes, .node = 7}};
    scene->body = (struct pawl_estimate_body){.messages = &scene->message,
                                              .message_count = 1,
                                              .count_tokens = count_tokens,
                                              .arg = scene};
}

/* The bound for the text alone. */
static int64_t bound(struct pawl_estimator *estimator, struct pawl_slice model, struct scene *scene)
{
    struct pawl_estimate estimate = pawl_estimate_input(estimator, model, &scene->body);
    return estimate.tokens - estimate.other_tokens;
}

/* The provider counts so many for the text, and what the bound has for the wrapping. */
static void
settle(struct pawl_estimator *estimator, struct pawl_slice model, struct scene *scene, int64_t text)
{
    struct pawl_estimate estimate = pawl_estimate_input(estimator, model, &scene->body);
    struct pawl_estimate_mark mark = pawl_estimate_mark_of(&estimate, &scene->body);
    struct pawl_estimate_sample sample = {.estimate = &estimate,
                                          .mark = &mark,
                                          .input_tokens = text + estimate.other_tokens,
                                          .output_tokens = 10,
                                          .visible_bytes = 40};
    pawl_estimator_learn(estimator, model, &sample);
    pawl_estimate_mark_free(&mark);
}

static void models_of_o200k_are_known_by_name(void **state)
{
    (void)state;
    static const char *const yes[] = {"gpt-4o",       "gpt-4o-mini",      "openai/gpt-5.1-codex",
                                      "o3-mini",      "gpt-4.1-nano",     "o4-mini",
                                      "gpt-oss-120b", "chatgpt-4o-latest"};
    static const char *const no[] = {
        "gpt-4",          "gpt-4-turbo",   "gpt-3.5-turbo", "claude-opus-4-1",
        "gemini-2.5-pro", "deepseek-chat", "gpt-6.2-sol",   ""};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(pawl_estimate_is_o200k(pawl_slice_str(yes[i])));
        assert_false(pawl_estimate_is_o200k(pawl_slice_str(no[i])));
    }
}

static void a_known_tokenizer_is_believed_when_one_count_agrees(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    scene_init(&scene, 1, 9000, 2000);
    assert_in_range(bound(estimator, KNOWN, &scene), 3000, 3010); /* a third of the bytes */
    scene_init(&scene, 2, 9000, 4000);
    assert_int_equal(bound(estimator, KNOWN, &scene), 4000); /* its tokens are more */
    settle(estimator, KNOWN, &scene, 4000);
    scene_init(&scene, 3, 9000, 2000);
    assert_in_range(bound(estimator, KNOWN, &scene), 2000, 2070);
    pawl_estimator_free(estimator);
}

static void a_provider_that_counts_otherwise_is_learned(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    for (uint64_t i = 0; i < 20; i++) {
        scene_init(&scene, 100 + i, 8000, (uint32_t)(1000 + 50 * i));
        settle(estimator, KNOWN, &scene, 2000 + 100 * (int64_t)i);
    }
    scene_init(&scene, 3, 8000, 1000);
    assert_in_range(bound(estimator, KNOWN, &scene), 2000, 2400);
    pawl_estimator_free(estimator);
}

static void another_model_is_bounded_by_bytes_until_something_is_known(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    scene_init(&scene, 1, 9000, 2000);
    assert_int_equal(bound(estimator, OTHER, &scene), 4500);
    settle(estimator, OTHER, &scene, 2600);
    /* One sample: as much again on top, where that is less than the bytes say. */
    scene_init(&scene, 2, 9000, 1000);
    assert_in_range(bound(estimator, OTHER, &scene), 2 * 1300, 2 * 1340);
    pawl_estimator_free(estimator);
}

/* The factor holds where the ratio of bytes goes from one in three to one in six. */
static void the_factor_counts_where_it_is_steadier(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    for (uint64_t i = 0; i < 40; i++) {
        uint32_t tokens = (uint32_t)(1000 + 25 * i);
        scene_init(&scene, 100 + i, 6000, tokens);
        settle(estimator, OTHER, &scene, tokens * 13 / 10);
    }
    scene_init(&scene, 1, 6000, 1000);
    assert_in_range(bound(estimator, OTHER, &scene), 1300, 1300 * 9 / 8 + 50);
    /* A text of another kind, which the ratio would bound far too low. */
    scene_init(&scene, 2, 6000, 4000);
    assert_true(bound(estimator, OTHER, &scene) >= 5200);
    pawl_estimator_free(estimator);
}

static void the_ratio_counts_where_a_provider_counts_bytes(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    for (uint64_t i = 0; i < 40; i++) {
        scene_init(&scene, 100 + i, 6000, (uint32_t)(500 + 25 * i));
        settle(estimator, OTHER, &scene, 1500);
    }
    scene_init(&scene, 1, 6000, 1500);
    assert_in_range(bound(estimator, OTHER, &scene), 1500, 2000); /* surprises of the first ones */
    scene_init(&scene, 2, 6000, 500);
    assert_true(bound(estimator, OTHER, &scene) >= 1500);
    pawl_estimator_free(estimator);
}

static void an_element_is_counted_once(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    scene_init(&scene, 1, 9000, 2000);
    int64_t first = bound(estimator, OTHER, &scene);
    assert_int_equal(bound(estimator, OTHER, &scene), first);
    assert_int_equal(bound(estimator, KNOWN, &scene), first * 2 / 3 + 6); /* for any model */
    assert_int_equal(scene.asked, 1);
    pawl_estimator_free(estimator);
}

static void what_would_take_too_long_is_left_to_the_ratio(void **state)
{
    (void)state;
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct scene scene;
    scene_init(&scene, 1, PAWL_ESTIMATE_COUNTED_BYTES_MAX + 1, 2000);
    assert_true(bound(estimator, OTHER, &scene) >= PAWL_ESTIMATE_COUNTED_BYTES_MAX / 2);
    assert_int_equal(scene.asked, 0);
    scene_init(&scene, 2, PAWL_ESTIMATE_COUNTED_BYTES_MAX, 2000);
    (void)bound(estimator, OTHER, &scene);
    assert_int_equal(scene.asked, 1);
    pawl_estimator_free(estimator);
}

/* --- Real texts ----------------------------------------------------------------------------- */

static const char *const words[] = {"the ",      "test ",    "fails",   "\n",
                                    "    ",      "return ",  "x",       "{\"a\": [1, 2]}",
                                    "12345",     "你好世界", "สวัสดี",    "👩‍👩‍👧",
                                    "naïve ",    "\\\\",     "\"",      "don't ",
                                    "=====",     "0xdead",   "\t",      "Привет ",
                                    "getURLFor", "/usr/",    "e\u0301", "const "};

/* What OpenAI counts for one message, and for a body. */
enum { COUNTED_MESSAGE = 3, COUNTED_BODY = 3 };

static int64_t write_body(struct pawl_prng *prng, struct pawl_buf *out, uint32_t message_count)
{
    struct pawl_json_writer writer;
    struct pawl_buf text;
    int64_t tokens = COUNTED_BODY;
    pawl_buf_init(&text, BODY_BYTES_MAX);
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_string(&writer, "model", KNOWN);
    pawl_json_key(&writer, "messages");
    pawl_json_array_begin(&writer);
    for (uint32_t i = 0; i < message_count; i++) {
        pawl_buf_reset(&text);
        for (uint64_t left = pawl_prng_below(prng, WORDS_MAX); left > 0; left--) {
            const char *word = words[pawl_prng_below(prng, sizeof(words) / sizeof(words[0]))];
            pawl_buf_append_slice(&text, pawl_slice_str(word));
        }
        pawl_json_object_begin(&writer);
        pawl_json_member_str(&writer, "role", i % 2 == 0 ? "user" : "assistant");
        pawl_json_member_string(&writer, "content", pawl_buf_slice(&text));
        pawl_json_object_end(&writer);
        tokens += COUNTED_MESSAGE + 1 + (int64_t)pawl_tokenizer_count(pawl_buf_slice(&text));
    }
    pawl_json_array_end(&writer);
    pawl_json_object_end(&writer);
    assert_false(out->overflowed || text.overflowed);
    pawl_buf_free(&text);
    return tokens;
}

static void a_known_tokenizer_never_bounds_a_text_too_low(void **state)
{
    (void)state;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_estimate_tokens"));
    struct pawl_estimator *estimator = pawl_estimator_new();
    struct pawl_arena arena;
    struct pawl_buf out;
    pawl_arena_init(&arena, ARENA_BYTES);
    pawl_buf_init(&out, BODY_BYTES_MAX);
    int64_t sum_permille = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
        struct pawl_model_request request;
        struct pawl_errmsg msg = {""};
        pawl_buf_reset(&out);
        int64_t actual = write_body(&prng, &out, (uint32_t)pawl_prng_between(&prng, 1, 4));
        struct pawl_request_source source = {.dialect = PAWL_DIALECT_OPENAI_CHAT};
        pawl_err err = pawl_request_read(&source, pawl_buf_slice(&out), &arena, &request, &msg);
        assert_true(pawl_ok(err));
        struct pawl_estimate estimate = pawl_estimate_input(estimator, KNOWN, &request.elements);
        assert_true(estimate.tokens >= actual);
        sum_permille += draw > 0 ? estimate.tokens * 1000 / actual : 0;
        struct pawl_estimate_mark mark = pawl_estimate_mark_of(&estimate, &request.elements);
        struct pawl_estimate_sample sample = {
            .estimate = &estimate, .mark = &mark, .input_tokens = actual};
        pawl_estimator_learn(estimator, KNOWN, &sample);
        pawl_estimate_mark_free(&mark);
        pawl_arena_reset(&arena);
    }
    /* And hardly too high: wrapping, and a step of the histogram. */
    assert_in_range(sum_permille / (DRAWS - 1), 1000, 1060);
    pawl_buf_free(&out);
    pawl_arena_free(&arena);
    pawl_estimator_free(estimator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_of_o200k_are_known_by_name),
        cmocka_unit_test(a_known_tokenizer_is_believed_when_one_count_agrees),
        cmocka_unit_test(a_provider_that_counts_otherwise_is_learned),
        cmocka_unit_test(another_model_is_bounded_by_bytes_until_something_is_known),
        cmocka_unit_test(the_factor_counts_where_it_is_steadier),
        cmocka_unit_test(the_ratio_counts_where_a_provider_counts_bytes),
        cmocka_unit_test(an_element_is_counted_once),
        cmocka_unit_test(what_would_take_too_long_is_left_to_the_ratio),
        cmocka_unit_test(a_known_tokenizer_never_bounds_a_text_too_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
