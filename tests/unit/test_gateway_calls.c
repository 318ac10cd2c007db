/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gateway_calls.c: the life of a model call, step by step, between a fake ledger, a fake
 * client, a fake provider and a clock that stands still. What is tested here is order: nothing
 * is sent, told or shown before what it depends on is durable, and every hold ends once,
 * whoever leaves or fails at whatever moment.
 */
#include <stdio.h>
#include <string.h>

#include "test_gateway_support.h"

static const char whole_answer[] =
    "{\"type\":\"message\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"yes\"}],"
    "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,\"output_tokens\":20}}";

/* --- Order ---------------------------------------------------------------------------------- */

static void nothing_is_sent_before_the_hold_is_durable(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, whole_body);
    assert_int_equal(count(world, PAWL_COMMAND_RESERVE), 1);
    assert_int_equal(fake_call_count, 0);
    turn(world);
    assert_int_equal(fake_call_count, 1);
    assert_string_equal(pawl_buf_cstr(&last_call()->url), "http://up.example/v1/messages");
    assert_string_equal(pawl_buf_cstr(&last_call()->body), whole_body);
    fake_call_head(last_call(), 200, "application/json");
    fake_call_body(last_call(), whole_answer);
    fake_call_done(last_call());
    /* The answer goes out with the commit; the hold is on disk until that is. */
    assert_true(exchange.answered);
    assert_string_equal(pawl_buf_cstr(&exchange.body), whole_answer);
    assert_int_equal(world->settled, 0);
    turn(world);
    assert_int_equal(world->settled, 1);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 20 * 1500);
    fake_exchange_free(&exchange);
}

static void a_refusal_is_told_when_its_note_is_durable(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[DOLLARS].limit = 1000;
    begin(world, &exchange, whole_body);
    assert_int_equal(count(world, PAWL_COMMAND_NOTE), 1);
    assert_int_equal(count(world, PAWL_COMMAND_SESSION_SET), 1);
    assert_false(exchange.answered);
    assert_int_equal(world->latches, 0);
    turn(world);
    assert_int_equal(exchange.status, 402);
    assert_true(fake_exchange_says(&exchange, "billing_error"));
    assert_int_equal(world->latches, 1);
    assert_true(world->ledger.paused);
    fake_exchange_free(&exchange);
    /* Repeated at once, and not written down again. */
    begin(world, &exchange, whole_body);
    assert_true(exchange.answered);
    assert_int_equal(count(world, PAWL_COMMAND_NOTE), 1);
    fake_exchange_free(&exchange);
}

static void a_tool_call_is_shown_when_its_event_is_durable(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 2};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    /* Two tool calls in one read, text before, between and behind them. */
    assert_false(fake_call_body(call, TEXT TOOL("t1") TEXT TOOL("t2") TEXT));
    assert_true(fake_exchange_says(&exchange, "words"));
    assert_false(fake_exchange_says(&exchange, "\"t1\""));
    assert_int_equal(count(world, PAWL_COMMAND_EVENT), 1);
    turn(world);
    assert_true(fake_exchange_says(&exchange, "\"t1\""));
    assert_false(fake_exchange_says(&exchange, "\"t2\""));
    assert_int_equal(call->resumes, 0);
    turn(world);
    assert_true(fake_exchange_says(&exchange, "\"t2\""));
    assert_int_equal(call->resumes, 1);
    fake_call_body(call, STOP("30"));
    fake_call_done(call);
    turn(world);
    assert_string_equal(pawl_buf_cstr(&exchange.body),
                        START TEXT TOOL("t1") TEXT TOOL("t2") TEXT STOP("30"));
    assert_int_equal(world->ledger.budgets[TOOLS].spent, 2);
    fake_exchange_free(&exchange);
}

static void a_stream_that_ends_behind_a_tool_call_waits_for_it(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 2};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    assert_false(fake_call_body(call, TOOL("t1") STOP("30")));
    fake_call_done(call);
    assert_false(exchange.answered);
    turn(world);
    assert_true(exchange.answered && !exchange.aborted);
    turn(world);
    assert_string_equal(pawl_buf_cstr(&exchange.body), START TOOL("t1") STOP("30"));
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 30 * 1500);
    fake_exchange_free(&exchange);
}

/* --- Tool calls that are refused ------------------------------------------------------------ */

static void the_first_tool_call_too_many_ends_the_answer(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 1};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    fake_call_body(call, TOOL("t1") TEXT TOOL("t2") TEXT);
    turn(world);
    turn(world); /* the second EVENT is refused, */
    turn(world); /* … and its note durable */
    assert_true(exchange.answered);
    assert_true(fake_exchange_says(&exchange, "\"t1\""));
    assert_false(fake_exchange_says(&exchange, "\"t2\""));
    assert_true(fake_exchange_says(&exchange, "event: error"));
    assert_int_equal(world->latches, 1);
    /* The provider is read on, for the true bill. */
    assert_true(call->open && !call->paused);
    fake_call_body(call, TOOL("t3") STOP("77"));
    fake_call_done(call);
    turn(world);
    assert_int_equal(world->ledger.budgets[TOOLS].spent, 1);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 77 * 1500);
    fake_exchange_free(&exchange);
}

static void a_pause_in_mid_stream_stops_the_next_tool_call(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 9};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    world->ledger.paused = true;
    fake_call_body(call, TOOL("t1"));
    turn(world);
    assert_true(exchange.answered);
    assert_true(fake_exchange_says(&exchange, "run_stopped"));
    assert_false(fake_exchange_says(&exchange, "\"t1\""));
    assert_int_equal(world->latches, 0);
    fake_call_done(call);
    turn(world);
    fake_exchange_free(&exchange);
}

/* --- Hooks that ask before a tool runs ------------------------------------------------------ */

struct told {
    uint32_t times;
    bool allowed;
    enum pawl_refusal refusal;
    char message[512];
};

static void on_verdict(void *arg, const struct pawl_gateway_verdict *verdict)
{
    struct told *told = arg;
    told->times++;
    told->allowed = verdict->allowed;
    told->refusal = verdict->refusal;
    (void)snprintf(told->message, sizeof(told->message), "%s", verdict->message);
}

static void ask(struct world *world, const char *id, struct told *told)
{
    *told = (struct told){.times = 0};
    struct pawl_gateway_question question = {
        .id = pawl_slice_str(id), .tool = PAWL_SLICE("Bash"), .done = on_verdict, .arg = told};
    pawl_gateway_ask_tool(world->gateway, &question);
}

static void a_tool_call_of_an_answer_is_not_counted_again_at_its_hook(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct told told;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 9};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    fake_call_body(call, TOOL("t1") TOOL("t2") STOP("30"));
    turn(world);
    turn(world);
    fake_call_done(call);
    turn(world);
    assert_int_equal(world->ledger.budgets[TOOLS].spent, 2);
    ask(world, "t2", &told);
    assert_true(told.times == 1 && told.allowed);
    ask(world, "t1", &told);
    assert_true(told.times == 1 && told.allowed);
    assert_int_equal(count(world, PAWL_COMMAND_EVENT), 2);
    fake_exchange_free(&exchange);
}

static void a_tool_call_that_no_answer_showed_is_counted_at_its_hook(void **state)
{
    struct world *world = *state;
    struct told told;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 9};
    ask(world, "exec-1", &told);
    assert_int_equal(told.times, 0); /* Not before it is durable. */
    turn(world);
    assert_true(told.times == 1 && told.allowed);
    ask(world, "exec-1", &told); /* the same one, asked again */
    assert_true(told.times == 1 && told.allowed);
    assert_int_equal(world->ledger.budgets[TOOLS].spent, 1);
    ask(world, "", &told); /* Without an id each is a new one. */
    turn(world);
    ask(world, "", &told);
    turn(world);
    assert_int_equal(world->ledger.budgets[TOOLS].spent, 3);
}

static void the_first_tool_call_too_many_is_refused_at_its_hook_and_latches(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct told told;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 1};
    ask(world, "exec-1", &told);
    turn(world);
    ask(world, "exec-2", &told);
    turn(world); /* the EVENT is refused, */
    assert_int_equal(told.times, 0);
    turn(world); /* … and its note durable */
    assert_true(told.times == 1 && !told.allowed);
    assert_int_equal(told.refusal, PAWL_REFUSAL_TOOL_CALLS);
    assert_non_null(strstr(told.message, "Bash"));
    assert_int_equal(world->latches, 1);
    assert_true(world->ledger.paused);
    /* Whatever comes next gets the same words: other tools, and model calls. */
    char message[512];
    (void)snprintf(message, sizeof(message), "%s", told.message);
    ask(world, "exec-3", &told);
    assert_true(told.times == 1 && !told.allowed);
    assert_string_equal(told.message, message);
    begin(world, &exchange, whole_body);
    assert_int_equal(exchange.status, 402);
    assert_int_equal(pawl_gateway_counters(world->gateway).refusals, 3);
    assert_int_equal(pawl_gateway_counters(world->gateway).repeats, 2);
    fake_exchange_free(&exchange);
}

static void a_tool_call_without_a_cap_is_allowed_and_not_counted(void **state)
{
    struct world *world = *state;
    struct told told;
    ask(world, "exec-1", &told);
    assert_true(told.times == 1 && told.allowed);
    assert_int_equal(count(world, PAWL_COMMAND_EVENT), 0);
}

/* --- Clients that leave --------------------------------------------------------------------- */

static void a_client_that_leaves_before_anything_is_sent_costs_nothing(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, whole_body);
    fake_exchange_leave(&exchange);
    turn(world);
    assert_int_equal(fake_call_count, 0);
    assert_int_equal(count(world, PAWL_COMMAND_RELEASE), 1);
    turn(world);
    assert_true(exchange.aborted);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 0);
    fake_exchange_free(&exchange);
}

static void a_drain_that_takes_too_long_is_given_up(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct pawl_http_call *call = begin_stream(world, &exchange);
    fake_exchange_leave(&exchange);
    assert_true(fake_call_body(call, TEXT TEXT));
    assert_int_equal(fake_alarms_ring(29999), 0);
    assert_int_equal(fake_alarms_ring(1), 1);
    assert_true(call->aborted && exchange.aborted);
    turn(world);
    /* The input is known; the output is twelve visible bytes, at half a token each. */
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 6 * 1500);
    fake_exchange_free(&exchange);
}

static void a_client_that_leaves_behind_a_gate_is_booked_in_full(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.budgets[TOOLS] = (struct fake_budget){.bound = true, .limit = 9};
    struct pawl_http_call *call = begin_stream(world, &exchange);
    assert_false(fake_call_body(call, TOOL("t1") TEXT));
    fake_exchange_leave(&exchange);
    turn(world);
    assert_true(call->resumes > 0);
    fake_call_body(call, STOP("40"));
    fake_call_done(call);
    turn(world);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 40 * 1500);
    fake_exchange_free(&exchange);
}

static void a_slow_client_pauses_the_provider(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct pawl_http_call *call = begin_stream(world, &exchange);
    exchange.full = true;
    assert_false(fake_call_body(call, TEXT));
    exchange.full = false;
    exchange.drained(&exchange);
    assert_int_equal(call->resumes, 1);
    assert_true(fake_call_body(call, STOP("5")));
    fake_call_done(call);
    turn(world);
    fake_exchange_free(&exchange);
}

/* --- The line ------------------------------------------------------------------------------- */

static void waiting_calls_are_let_in_in_their_order(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange first;
    struct pawl_http_exchange second;
    struct pawl_http_exchange third;
    world->ledger.budgets[DOLLARS].limit = 1600000; /* one hold of a thousand tokens out */
    begin(world, &first, whole_body);
    turn(world);
    begin(world, &second, whole_body);
    begin(world, &third, whole_body);
    turn(world);
    assert_int_equal(fake_call_count, 1);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, "application/json");
    fake_call_body(call, whole_answer);
    fake_call_done(call);
    /* The commit is applied: the second has its hold, and what is left does not do for a third. */
    assert_int_equal(count(world, PAWL_COMMAND_RESERVE), 2);
    fake_exchange_leave(&second);
    turn(world);
    assert_int_equal(count(world, PAWL_COMMAND_RESERVE), 3);
    turn(world);
    assert_int_equal(fake_call_count, 2);
    call = last_call();
    fake_call_head(call, 529, "application/json");
    fake_call_done(call);
    turn(world);
    assert_int_equal(third.status, 529);
    fake_exchange_free(&first);
    fake_exchange_free(&second);
    fake_exchange_free(&third);
}

static void patience_ends_in_a_refusal_that_does_not_latch(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange first;
    struct pawl_http_exchange second;
    world->ledger.budgets[DOLLARS].limit = 1600000;
    begin(world, &first, whole_body);
    turn(world);
    begin(world, &second, whole_body);
    assert_int_equal(fake_alarms_ring(49999), 0);
    assert_int_equal(fake_alarms_ring(1), 1);
    turn(world);
    assert_int_equal(second.status, 402);
    assert_true(fake_exchange_says(&second, "budget_held"));
    assert_int_equal(world->latches, 0);
    fake_call_fail(last_call(), PAWL_HTTP_PHASE_CONNECT);
    turn(world);
    assert_int_equal(first.status, 502);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 0);
    fake_exchange_free(&first);
    fake_exchange_free(&second);
}

static void a_stop_refuses_those_who_wait_and_those_who_reserve(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange first;
    struct pawl_http_exchange second;
    world->ledger.budgets[DOLLARS].limit = 1600000;
    begin(world, &first, whole_body);
    begin(world, &second, whole_body);
    pawl_gateway_stop(world->gateway, PAWL_REFUSAL_STOPPED, "pawl: enough");
    assert_int_equal(second.status, 402);
    assert_true(fake_exchange_says(&second, "pawl: enough"));
    turn(world);
    turn(world);
    assert_int_equal(first.status, 402);
    assert_int_equal(fake_call_count, 0);
    assert_int_equal(count(world, PAWL_COMMAND_RELEASE), 1);
    fake_exchange_free(&first);
    fake_exchange_free(&second);
}

/* --- A ledger that says no ------------------------------------------------------------------ */

static void a_reserve_that_is_refused_is_judged_again(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    world->ledger.fail_type = PAWL_COMMAND_RESERVE;
    world->ledger.fail_code = PAWL_RESULT_BUDGET_EXCEEDED;
    world->ledger.fail_count = 2;
    begin(world, &exchange, whole_body);
    turn(world);
    turn(world);
    turn(world);
    assert_int_equal(count(world, PAWL_COMMAND_RESERVE), 3);
    assert_int_equal(fake_call_count, 1);
    fake_call_fail(last_call(), PAWL_HTTP_PHASE_CONNECT);
    turn(world);
    fake_exchange_free(&exchange);
    /* Three times is enough. */
    world->ledger.fail_count = 3;
    begin(world, &exchange, whole_body);
    for (int i = 0; i < 5; i++) {
        turn(world);
    }
    assert_int_equal(exchange.status, 402);
    assert_true(fake_exchange_says(&exchange, "ledger_refused"));
    fake_exchange_free(&exchange);
}

/* A machine that slept wakes up with its leases over, and nobody has booked them yet: the timers of
 * the loop slept as well. */
static void a_settlement_that_comes_too_late_is_a_correction(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct pawl_http_call *call = begin_stream(world, &exchange);
    world->ledger.leases_over = true;
    world->ledger.expire_rounds = 2;
    fake_call_body(call, STOP("9"));
    fake_call_done(call);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(world->settled, 0);
        turn(world);
    }
    assert_int_equal(world->settled, 1);
    assert_int_equal(count(world, PAWL_COMMAND_CORRECT), 1);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 9 * 1500);
    assert_int_equal(world->ledger.budgets[DOLLARS].held, 0);
    fake_exchange_free(&exchange);
}

/* Nothing was used, and the hold was booked in full meanwhile. */
static void a_hold_that_is_given_back_too_late_is_corrected_to_nothing(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    begin(world, &exchange, whole_body);
    turn(world);
    world->ledger.leases_over = true;
    fake_call_fail(last_call(), PAWL_HTTP_PHASE_CONNECT);
    for (int i = 0; i < 4; i++) {
        turn(world);
    }
    assert_int_equal(exchange.status, 502);
    assert_int_equal(count(world, PAWL_COMMAND_CORRECT), 1);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 0);
    assert_int_equal(world->ledger.budgets[DOLLARS].held, 0);
    fake_exchange_free(&exchange);
}

static void a_long_call_keeps_its_lease(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    struct pawl_http_call *call = begin_stream(world, &exchange);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fake_alarms_ring(5 * 60 * 1000), 1);
        turn(world);
        fake_call_body(call, TEXT);
    }
    assert_int_equal(count(world, PAWL_COMMAND_EXTEND), 3);
    fake_call_body(call, STOP("9"));
    /* Everything has come but the end of the connection. */
    assert_int_equal(fake_alarms_ring(2000), 1);
    assert_true(call->aborted && exchange.answered && !exchange.aborted);
    turn(world);
    assert_int_equal(world->ledger.budgets[DOLLARS].spent, 10 * 300 + 9 * 1500);
    fake_exchange_free(&exchange);
}

static void an_address_that_cannot_be_called_gives_the_hold_back(void **state)
{
    struct world *world = *state;
    struct pawl_http_exchange exchange;
    fake_start_fails = true;
    begin(world, &exchange, whole_body);
    turn(world);
    turn(world);
    assert_int_equal(exchange.status, 502);
    assert_true(fake_exchange_says(&exchange, "no such address"));
    assert_int_equal(count(world, PAWL_COMMAND_RELEASE), 1);
    fake_exchange_free(&exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_sent_before_the_hold_is_durable, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_when_its_note_is_durable, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_tool_call_is_shown_when_its_event_is_durable,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_ends_behind_a_tool_call_waits_for_it,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(the_first_tool_call_too_many_ends_the_answer, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_tool_call_of_an_answer_is_not_counted_again_at_its_hook,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_tool_call_that_no_answer_showed_is_counted_at_its_hook,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(
            the_first_tool_call_too_many_is_refused_at_its_hook_and_latches, gateway_setup,
            gateway_teardown),
        cmocka_unit_test_setup_teardown(a_tool_call_without_a_cap_is_allowed_and_not_counted,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_pause_in_mid_stream_stops_the_next_tool_call,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_before_anything_is_sent_costs_nothing,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_drain_that_takes_too_long_is_given_up, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_behind_a_gate_is_booked_in_full,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_slow_client_pauses_the_provider, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(waiting_calls_are_let_in_in_their_order, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(patience_ends_in_a_refusal_that_does_not_latch,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_stop_refuses_those_who_wait_and_those_who_reserve,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_reserve_that_is_refused_is_judged_again, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(a_hold_that_is_given_back_too_late_is_corrected_to_nothing,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_settlement_that_comes_too_late_is_a_correction,
                                        gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_long_call_keeps_its_lease, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(an_address_that_cannot_be_called_gives_the_hold_back,
                                        gateway_setup, gateway_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
