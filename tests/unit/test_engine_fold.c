/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_fold.c: equal denials in a row share one record, with a count that is never wrong,
 * and never an answer that could be another one (J14).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/core.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

static void equal_denials_in_a_row_are_one_record_with_a_count(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 9);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    kit_must(&kit, &budget);
    struct pawl_command denied = kit_reserve("acme", USD, 5000);
    struct pawl_command other = kit_reserve("acme", USD, 5001);
    struct ask asks[20];
    uint64_t op = pawl_core_op(pawl_engine_core(kit.engine));
    uint64_t records = kit.durable_records;
    for (size_t i = 0; i < 10; i++) {
        kit_submit(&kit, &denied, &asks[i]);
    }
    for (size_t i = 10; i < 20; i++) {
        kit_submit(&kit, i % 2 == 0 ? &denied : &other, &asks[i]);
    }
    assert_int_equal(pawl_core_op(pawl_engine_core(kit.engine)), op + 10);
    pawl_engine_flush(kit.engine);
    for (size_t i = 0; i < 20; i++) {
        assert_true(asks[i].done);
        assert_int_equal(asks[i].op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
        assert_int_equal(asks[i].op.result.denial.asked, i < 11 || i % 2 == 0 ? 5000 : 5001);
        assert_int_equal(asks[i].op.result.denial.fits, 1000);
    }
    assert_int_equal(asks[9].op.result.op, op + 1);
    assert_int_equal(kit.durable_records, records + 10);
    assert_int_equal(kit.durable_repeats, 10);
    /* The count is in the journal, and replay is none the wiser. */
    uint64_t digest = kit_digest(&kit);
    struct pawl_record record;
    struct pawl_codec_scratch scratch;
    assert_true(pawl_ok(pawl_engine_original(kit.engine, op + 1, &scratch, &record, &kit.msg)));
    assert_int_equal(record.repeats, 10);
    kit_close(&kit);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

static void a_fold_ends_with_a_second_with_another_operation_and_with_the_batch(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 10);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    uint64_t id = kit_must(&kit, &budget);
    struct pawl_command denied = kit_reserve("acme", USD, 5000);
    struct pawl_command fund = {
        .type = PAWL_COMMAND_BUDGET_FUND,
        .u.budget_fund = {.budget = id, .kind = PAWL_FUND_CREDIT, .amount = 9000}};
    struct ask asks[6];
    kit_submit(&kit, &denied, &asks[0]);
    pawl_clock_manual_advance(&kit.time, 999999);
    kit_submit(&kit, &denied, &asks[1]);
    assert_int_equal(asks[1].op.result.op, asks[0].op.result.op);
    pawl_clock_manual_advance(&kit.time, 1);
    kit_submit(&kit, &denied, &asks[2]);
    assert_int_equal(asks[2].op.result.op, asks[0].op.result.op + 1);
    kit_submit(&kit, &fund, &asks[3]);
    kit_submit(&kit, &denied, &asks[4]);
    assert_int_equal(asks[4].op.result.code, PAWL_RESULT_OK);
    pawl_engine_flush(kit.engine);
    denied = kit_reserve("acme", USD, 50000);
    struct pawl_result before = kit_run(&kit, &denied);
    struct pawl_result after = kit_run(&kit, &denied);
    assert_int_equal(after.op, before.op + 1);
    kit_free(&kit);
}

/* A repeat under a key that was used before must get what it got then, whatever stands beside it.
 */
static void a_fold_never_answers_for_another_key(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 11);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    kit_must(&kit, &budget);
    struct pawl_command reserve = kit_reserve("acme", USD, 700);
    struct pawl_command first = kit_with_key(reserve, "one");
    struct pawl_command second = kit_with_key(reserve, "two");
    struct ask asks[4];
    kit_submit(&kit, &first, &asks[0]);
    kit_submit(&kit, &second, &asks[1]);
    kit_submit(&kit, &first, &asks[2]);
    kit_submit(&kit, &second, &asks[3]);
    pawl_engine_flush(kit.engine);
    assert_int_equal(asks[0].op.result.code, PAWL_RESULT_OK);
    assert_int_equal(asks[1].op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    assert_true(asks[2].op.result.replayed);
    assert_int_equal(asks[2].op.result.original_op, asks[0].op.result.op);
    assert_int_equal(asks[3].op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_denials_in_a_row_are_one_record_with_a_count),
        cmocka_unit_test(a_fold_ends_with_a_second_with_another_operation_and_with_the_batch),
        cmocka_unit_test(a_fold_never_answers_for_another_key),
    };
    return cmocka_run_group_tests_name("engine_fold", tests, NULL, NULL);
}
