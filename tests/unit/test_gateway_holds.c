/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_holds.c: what a stream holds while it flows, and what is booked where it broke off
 * before anybody said what it cost. A hold grows before it is used up or the stream is cut; what
 * was thought out of sight is bounded by the time that it took.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test_gateway_support.h"

/* --- Growing holds -------------------------------------------------------------------------- */

static const char large_body[] =
    "{\"model\":\"m\",\"max_tokens\":60000,\"stream\":true,\"messages\":[{\"content\":\"hi\"}]}";

/* 1,200 visible bytes in one event. */
static void speak(struct pawl_http_call *call)
{
    char text[2048];
    (void)snprintf(text, sizeof(text),
                   "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                   "\"text_delta\",\"text\":\"%0*d\"}}\n\n",
                   1200, 0);
    fake_call_body(call, text);
}

/* Forty answers of 300 tokens in three seconds each: enough to know the model. */
static void teach(struct world *world)
{
    for (int i = 0; i < 40; i++) {
        struct pawl_http_exchange exchange;
        struct pawl_http_call *call = begin_stream(world, &exchange);
        speak(call);
        fake_now_us += 3000000;
        fake_call_body(call, STOP("300"));
        fake_call_done(call);
        turn(world);
        fake_exchange_free(&exchange);
    }
}

static void a_hold_grows_at_half_use_and_the_stream_is_cut_when_it_cannot(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    teach(world);
    world->ledger.budgets[DOLLARS].limit = world->ledger.budgets[DOLLARS].spent + 10000000;
    begin(world, &exchange, large_body);
    turn(world);
    int64_t first_hold = world->ledger.budgets[DOLLARS].held;
    assert_true(first_hold < 1200000); /* far from the 6,600 tokens of the ceiling */
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START);
    assert_int_equal(count(world, PAWL_COMMAND_GROW), 0);
    speak(call);
    assert_int_equal(count(world, PAWL_COMMAND_GROW), 1);
    turn(world);
    assert_true(world->ledger.budgets[DOLLARS].held > first_hold);
    /* Somebody else takes the rest. */
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    dollars->spent += dollars->limit - dollars->spent - dollars->held;
    int64_t held = dollars->held;
    int64_t spent = dollars->spent;
    for (int i = 0; i < 8 && call->open; i++) {
        speak(call);
        turn(world);
        turn(world);
    }
    assert_true(call->aborted);
    turn(world);
    assert_true(exchange.answered);
    assert_true(fake_exchange_says(&exchange, "event: error"));
    /* What was seen is booked, within the hold; not a microcent beyond the limit. */
    assert_true(dollars->spent - spent > 0 && dollars->spent - spent <= held);
    assert_true(dollars->spent <= dollars->limit);
    fake_exchange_free(&exchange);
}

static void a_hold_that_never_needs_to_grow_does_not(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    teach(world);
    world->ledger.budgets[DOLLARS].limit = world->ledger.budgets[DOLLARS].spent + 10000000;
    begin(world, &exchange, large_body);
    turn(world);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START TEXT TEXT STOP("4"));
    fake_call_done(call);
    turn(world);
    assert_int_equal(count(world, PAWL_COMMAND_GROW), 0);
    fake_exchange_free(&exchange);
}

/* --- What does not show --------------------------------------------------------------------- */

static const char thinking_body[] =
    "{\"model\":\"m\",\"max_tokens\":60000,\"stream\":true,\"thinking\":{\"type\":\"enabled\","
    "\"budget_tokens\":30000},\"messages\":[{\"content\":\"hi\"}]}";

/* A model that thinks out of sight for ten seconds, and then the line breaks. What is booked. */
static int64_t break_off(struct world *world)
{
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    int64_t before = dollars->spent;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, thinking_body);
    turn(world);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START);
    fake_now_us += 10000000;
    fake_call_fail(call, PAWL_HTTP_PHASE_HEAD);
    turn(world);
    fake_exchange_free(&exchange);
    return dollars->spent - before;
}

static void what_was_thought_out_of_sight_is_bounded_by_its_time(void **state)
{
    struct world *world = *state;
    teach(world); /* 100 tokens a second, so that a thousand were thought */
    int64_t booked = break_off(world);
    assert_true(booked >= 1000 * 1500);
    assert_true(booked <= 2600 * 1500); /* twice the pace and a burst, not 30,000 tokens and more */
}

static void what_an_unknown_model_thought_is_booked_in_full(void **state)
{
    struct world *world = *state;
    assert_true(break_off(world) >= 30000 * 1500);
}

#define THINK                                                                                      \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"             \
    "\"content_block\":{\"type\":\"redacted_thinking\"}}\n\n"

/* Text of a model that may think, after an opening, and then the line breaks. What is booked. */
static int64_t break_off_behind(struct world *world, const char *opening)
{
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    int64_t before = dollars->spent;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, thinking_body);
    turn(world);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, opening);
    speak(call);
    fake_now_us += 10000000;
    fake_call_fail(call, PAWL_HTTP_PHASE_HEAD);
    turn(world);
    fake_exchange_free(&exchange);
    return dollars->spent - before;
}

static void text_without_a_block_of_thinking_is_all_there_is(void **state)
{
    int64_t booked = break_off_behind(*state, START);
    assert_true(booked >= 300 * 1500 && booked <= 700 * 1500);
}

static void text_behind_a_block_of_thinking_is_not_all_there_is(void **state)
{
    assert_true(break_off_behind(*state, START THINK) >= 30000 * 1500);
}

/* … but a provider that reports thinking without one is not believed again. */
static void a_provider_that_thinks_without_a_block_is_not_believed_again(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct pawl_http_call *call = begin_stream(world, &exchange);
    speak(call);
    fake_now_us += 10000000;
    fake_call_body(call, STOP("900,\"output_tokens_details\":{\"thinking_tokens\":600}"));
    fake_call_done(call);
    turn(world);
    fake_exchange_free(&exchange);
    assert_true(break_off_behind(world, START) >= 900 * 1500);
}

static void a_model_that_thinks_and_outgrows_its_hold_is_cut_at_its_end(void **state)
{
    struct world *world = *state;
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    struct pawl_http_exchange exchange;
    teach(world);
    dollars->limit = dollars->spent + 40000 * 1500;
    begin(world, &exchange, thinking_body);
    turn(world);
    int64_t held = dollars->held;
    dollars->spent = dollars->limit - held; /* somebody else takes the rest */
    int64_t spent = dollars->spent;
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START);
    int64_t tokens = 0;
    for (; call->open && tokens < 400000; tokens += 300) {
        speak(call);
        turn(world);
        turn(world);
    }
    assert_true(call->aborted);
    assert_true(count(world, PAWL_COMMAND_GROW) > 0);
    turn(world);
    assert_true(dollars->spent - spent >= tokens * 1500);
    assert_true(dollars->spent - spent <= held + 300 * 1500);
    fake_exchange_free(&exchange);
}

/* --- Ceilings that are ignored ---------------------------------------------------------------- */

/* A hundred tokens of o200k_base in one event. */
static void say_words(struct pawl_http_call *call)
{
    char text[1024];
    char words[601];
    for (size_t i = 0; i < 100; i++) {
        memcpy(words + 6 * i, " words", 6);
    }
    words[600] = '\0';
    (void)snprintf(text, sizeof(text),
                   "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                   "\"text_delta\",\"text\":\"%s\"}}\n\n",
                   words);
    fake_call_body(call, text);
}

/* Tokens of o200k_base until a stream is cut for which nothing more is to be had, and as how many
 * it held. */
static int64_t words_until_cut(struct world *world, int64_t *ret_held)
{
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    struct pawl_http_exchange exchange;
    begin(world, &exchange, large_body);
    turn(world);
    *ret_held = dollars->held / 1500;
    dollars->spent = dollars->limit - dollars->held; /* somebody else takes the rest */
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START);
    int64_t tokens = 0;
    for (; call->open && tokens < 3 * *ret_held; tokens += 100) {
        say_words(call);
        turn(world);
        turn(world);
    }
    assert_true(call->aborted);
    fake_exchange_free(&exchange);
    return tokens;
}

/* Its tokenizer is not known, so it may have half more than are counted. */
static void a_stream_of_which_nothing_is_known_is_cut_at_the_end_of_its_hold(void **state)
{
    struct world *world = *state;
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    int64_t held = 0;
    dollars->limit = dollars->spent + 8000 * 1500;
    int64_t tokens = words_until_cut(world, &held);
    assert_in_range(tokens * 3 / 2, held - 300, held + 250);
    /* It is not certain that it had more than was held for it, so no more is booked. */
    assert_in_range(dollars->spent, dollars->limit - 300 * 1500, dollars->limit);
}

/* So many answers of 500 tokens, none of them at its ceiling; one in two is counted as `more`. */
static void teach_words(struct world *world, int answers, const char *more)
{
    for (int i = 0; i < answers; i++) {
        struct pawl_http_exchange exchange;
        struct pawl_http_call *call = begin_stream(world, &exchange);
        for (int k = 0; k < 5; k++) {
            say_words(call);
        }
        char stop[512];
        (void)snprintf(stop, sizeof(stop),
                       "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                       "\"usage\":{\"output_tokens\":%s}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
                       i % 2 == 0 ? more : "500");
        fake_call_body(call, stop);
        fake_call_done(call);
        turn(world);
        fake_exchange_free(&exchange);
    }
}

/* At a cap's end an answer has just the tokens that it was allowed. Its usage comes in
 * a read of its own behind them; by the text it may be longer, and nothing more is to be had. */
static void an_answer_that_ends_at_its_ceiling_is_not_cut_before_its_usage(void **state)
{
    static const struct {
        int answers;
        const char *more;
    } taught[] = {{0, ""}, {1, "500"}, {9, "508"}, {70, "515"}};
    for (size_t i = 0; i < sizeof(taught) / sizeof(taught[0]); i++) {
        struct world *world = *state;
        struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
        teach_words(world, taught[i].answers, taught[i].more);
        dollars->limit = dollars->spent + 3000 * 1500;
        struct pawl_http_exchange exchange;
        begin(world, &exchange, large_body);
        turn(world);
        dollars->spent = dollars->limit - dollars->held; /* somebody else takes the rest */
        int64_t spent = dollars->spent;
        struct pawl_http_call *call = last_call();
        const char *ceiling = strstr(pawl_buf_cstr(&call->body), "\"max_tokens\":");
        assert_non_null(ceiling);
        int64_t allowed = strtoll(ceiling + strlen("\"max_tokens\":"), NULL, 10);
        fake_call_head(call, 200, SSE);
        fake_call_body(call, START);
        for (int64_t tokens = 100; tokens <= allowed; tokens += 100) {
            assert_false(call->aborted);
            say_words(call);
            turn(world);
            turn(world);
        }
        assert_false(call->aborted);
        char stop[512];
        (void)snprintf(
            stop, sizeof(stop),
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
            "\"usage\":{\"output_tokens\":%lld}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
            (long long)allowed);
        fake_call_body(call, stop);
        fake_call_done(call);
        turn(world);
        assert_false(fake_exchange_says(&exchange, "event: error"));
        assert_in_range(dollars->spent - spent, allowed * 1500, allowed * 1500 + 10000);
        dollars->limit = 1000000000;
        fake_exchange_free(&exchange);
        if (i + 1 < sizeof(taught) / sizeof(taught[0])) {
            assert_int_equal(gateway_teardown(state), 0);
            assert_int_equal(gateway_setup(state), 0);
        }
    }
}

/* The bound of the input was more than the provider says that it was: what is left of it pays for
 * output, before anything is cut. */
static void what_the_input_did_not_need_pays_for_output(void **state)
{
    enum { PROMPT_BYTES = 12000 }; /* 6,000 tokens at most, 2,500 by the provider's word */
    struct world *world = *state;
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    static char body[PROMPT_BYTES + 200];
    char prompt[PROMPT_BYTES + 1];
    memset(prompt, 'x', PROMPT_BYTES);
    prompt[PROMPT_BYTES] = '\0';
    (void)snprintf(body, sizeof(body),
                   "{\"model\":\"m\",\"max_tokens\":60000,\"stream\":true,\"messages\":["
                   "{\"content\":\"%s\"}]}",
                   prompt);
    dollars->limit = dollars->spent + 8000 * 1500;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, body);
    turn(world);
    dollars->limit = dollars->spent + dollars->held;
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
                         "\"model\":\"m\",\"usage\":{\"input_tokens\":2500}}}\n\n");
    for (int i = 0; call->open && i < 1000; i++) {
        say_words(call);
        turn(world);
        turn(world);
    }
    assert_true(call->aborted);
    assert_in_range(dollars->spent, dollars->limit - 300 * 1500, dollars->limit + 250 * 1500);
    fake_exchange_free(&exchange);
}

/* An answer ended at its ceiling, so the model keeps to them: a doubt is not enough for a cut. */
static void a_model_that_keeps_to_its_ceilings_is_believed(void **state)
{
    struct world *world = *state;
    struct fake_budget *dollars = &world->ledger.budgets[DOLLARS];
    struct pawl_http_exchange exchange;
    begin(
        world, &exchange,
        "{\"model\":\"m\",\"max_tokens\":400,\"stream\":true,\"messages\":[{\"content\":\"hi\"}]}");
    turn(world);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    fake_call_body(call, START);
    for (int i = 0; i < 4; i++) {
        say_words(call);
    }
    fake_call_body(call, "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                         "\"max_tokens\"},\"usage\":{\"output_tokens\":400}}\n\n"
                         "data: {\"type\":\"message_stop\"}\n\n");
    fake_call_done(call);
    turn(world);
    fake_exchange_free(&exchange);
    int64_t held = 0;
    dollars->limit = dollars->spent + 8000 * 1500;
    assert_true(words_until_cut(world, &held) > held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_hold_grows_at_half_use_and_the_stream_is_cut_when_it_cannot, gateway_setup,
            gateway_teardown),
        cmocka_unit_test_setup_teardown(a_hold_that_never_needs_to_grow_does_not, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(what_was_thought_out_of_sight_is_bounded_by_its_time,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(what_an_unknown_model_thought_is_booked_in_full,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(text_without_a_block_of_thinking_is_all_there_is,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(text_behind_a_block_of_thinking_is_not_all_there_is,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(
            a_provider_that_thinks_without_a_block_is_not_believed_again, gateway_setup,
            gateway_teardown),
        cmocka_unit_test_setup_teardown(a_model_that_thinks_and_outgrows_its_hold_is_cut_at_its_end,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(
            a_stream_of_which_nothing_is_known_is_cut_at_the_end_of_its_hold, gateway_setup,
            gateway_teardown),
        cmocka_unit_test_setup_teardown(what_the_input_did_not_need_pays_for_output, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(
            an_answer_that_ends_at_its_ceiling_is_not_cut_before_its_usage, gateway_setup,
            gateway_teardown),
        cmocka_unit_test_setup_teardown(a_model_that_keeps_to_its_ceilings_is_believed,
                                        gateway_setup, gateway_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
