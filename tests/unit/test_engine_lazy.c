/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_lazy.c: operations that nobody waits for (J16), and commits without the thread while
 * nothing flows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/core.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

/* A ledger with a budget and a hold of 600 on it. */
static uint64_t open_with_hold(struct kit *kit, uint64_t seed)
{
    kit_init(kit, seed);
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    struct pawl_command reserve = kit_reserve("acme", USD, 600);
    kit_must(kit, &budget);
    return kit_must(kit, &reserve);
}

static uint64_t applied_op(const struct kit *kit)
{
    return pawl_core_op(pawl_engine_core(kit->engine));
}

static void a_lazy_operation_starts_no_sync(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 1);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct ask settled;
    uint64_t syncs = disk_calls(kit.disk, DISK_SYNC);
    int64_t due_us = pawl_engine_now_us(kit.engine) + PAWL_LAZY_US;
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_engine_turn(kit.engine);
    assert_int_equal(disk_calls(kit.disk, DISK_SYNC), syncs);
    assert_int_equal(pawl_engine_next_due_us(kit.engine), due_us);
    /* It is applied all the same: 500 are left now. */
    struct pawl_command reserve = kit_reserve("acme", USD, 500);
    struct pawl_result result = kit_run(&kit, &reserve);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    kit_free(&kit);
}

static void a_lazy_operation_is_durable_with_the_next_one(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 2);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct pawl_command reserve = kit_reserve("acme", USD, 500);
    struct ask settled;
    struct ask reserved;
    uint64_t syncs = disk_calls(kit.disk, DISK_SYNC);
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_engine_turn(kit.engine);
    assert_false(settled.done);
    kit_submit(&kit, &reserve, &reserved);
    pawl_engine_turn(kit.engine);
    assert_int_equal(disk_calls(kit.disk, DISK_SYNC), syncs + 1);
    assert_true(settled.done && reserved.done && settled.order < reserved.order);
    assert_int_equal(pawl_engine_durable_op(kit.engine), applied_op(&kit));
    kit_free(&kit);
}

static void a_lazy_operation_is_written_when_its_time_is_up(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 3);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct ask settled;
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_clock_manual_advance(&kit.time, PAWL_LAZY_US - 1);
    pawl_engine_turn(kit.engine);
    assert_false(settled.done);
    pawl_clock_manual_advance(&kit.time, 1);
    pawl_engine_turn(kit.engine);
    assert_true(settled.done);
    assert_int_equal(pawl_engine_durable_op(kit.engine), applied_op(&kit));
    kit_free(&kit);
}

static void a_lazy_operation_does_not_wait_for_those_behind_it(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 4);
    struct pawl_command reserve = kit_reserve("acme", USD, 100);
    uint64_t second = kit_must(&kit, &reserve);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct pawl_command release = kit_release(second);
    struct ask settled;
    struct ask released;
    int64_t due_us = pawl_engine_now_us(kit.engine) + PAWL_LAZY_US;
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_clock_manual_advance(&kit.time, PAWL_LAZY_US / 2);
    kit_submit_lazy(&kit, &release, &released);
    assert_int_equal(pawl_engine_next_due_us(kit.engine), due_us);
    kit_free(&kit);
}

static void a_barrier_and_a_flush_take_it_along(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 5);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct pawl_command reserve = kit_reserve("acme", USD, 100);
    struct ask settled;
    struct ask barrier;
    kit_submit_lazy(&kit, &commit, &settled);
    kit_submit(&kit, NULL, &barrier);
    pawl_engine_turn(kit.engine);
    assert_true(settled.done && barrier.done);
    struct ask reserved;
    kit_submit_lazy(&kit, &reserve, &reserved);
    pawl_engine_flush(kit.engine);
    assert_true(reserved.done);
    kit_free(&kit);
}

static void a_look_up_takes_it_along(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 6);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct ask settled;
    kit_submit_lazy(&kit, &commit, &settled);
    struct pawl_record record;
    static struct pawl_codec_scratch scratch;
    uint64_t op = settled.op.result.op;
    assert_true(pawl_ok(pawl_engine_original(kit.engine, op, &scratch, &record, &kit.msg)));
    assert_int_equal(record.op, op);
    pawl_engine_turn(kit.engine);
    assert_true(settled.done);
    kit_free(&kit);
}

static void an_orderly_end_writes_it(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 7);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct ask settled;
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_engine_turn(kit.engine);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    assert_true(settled.done);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

static void a_crash_before_it_leaves_the_hold(void **state)
{
    (void)state;
    struct kit kit;
    uint64_t hold = open_with_hold(&kit, 8);
    uint64_t digest = kit_digest(&kit);
    struct pawl_command commit = kit_commit(hold, USD, 500);
    struct ask settled;
    kit_submit_lazy(&kit, &commit, &settled);
    pawl_engine_turn(kit.engine);
    kit_crash(&kit, true);
    assert_false(settled.done);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    /* Nobody got richer: of 1,000 the 600 are still held. */
    struct pawl_command reserve = kit_reserve("acme", USD, 401);
    struct pawl_result result = kit_run(&kit, &reserve);
    assert_int_equal(result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    kit_free(&kit);
}

/* --- Where a commit is done. ------------------------------------------------------------------ */

struct stream {
    bool flows;
    unsigned asked;
};

static bool flows(void *arg)
{
    struct stream *stream = arg;
    stream->asked++;
    return stream->flows;
}

static void while_nothing_flows_a_commit_needs_no_thread(void **state)
{
    (void)state;
    struct kit kit;
    struct stream stream = {.flows = false};
    kit_init(&kit, 9);
    kit.mode = PAWL_COMMIT_THREAD;
    kit.threads = true;
    kit.flowing = flows;
    kit.flowing_arg = &stream;
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    struct pawl_command reserve = kit_reserve("acme", USD, 100);
    kit_must(&kit, &budget);
    for (int i = 0; i < 3; i++) {
        /* By turns on the spot and on the thread: what one wrote the other goes on from. */
        struct ask ask;
        stream.flows = false;
        kit_submit(&kit, &reserve, &ask);
        pawl_engine_turn(kit.engine);
        assert_true(ask.done);
        stream.flows = true;
        assert_int_equal(kit_run(&kit, &reserve).code, PAWL_RESULT_OK);
    }
    assert_true(stream.asked >= 6);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lazy_operation_starts_no_sync),
        cmocka_unit_test(a_lazy_operation_is_durable_with_the_next_one),
        cmocka_unit_test(a_lazy_operation_is_written_when_its_time_is_up),
        cmocka_unit_test(a_lazy_operation_does_not_wait_for_those_behind_it),
        cmocka_unit_test(a_barrier_and_a_flush_take_it_along),
        cmocka_unit_test(a_look_up_takes_it_along),
        cmocka_unit_test(an_orderly_end_writes_it),
        cmocka_unit_test(a_crash_before_it_leaves_the_hold),
        cmocka_unit_test(while_nothing_flows_a_commit_needs_no_thread),
    };
    return cmocka_run_group_tests_name("engine_lazy", tests, NULL, NULL);
}
