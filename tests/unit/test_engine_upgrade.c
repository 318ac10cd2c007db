/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_upgrade.c: a newer pawl goes on from what an older one wrote, from its last
 * checkpoint on and with every answer that it gave, or says what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "tests/lib/kit.h"
#include "tests/lib/kit_work.h"
#include "tests/lib/older.h"

struct old {
    struct kit kit;
    struct pawl_prng prng;
    uint64_t checkpoint_op;
    uint64_t last_op;
};

/* Some operations, a checkpoint, and as many as `behind` after it. */
static void old_make(struct old *old, uint64_t seed, int behind)
{
    pawl_prng_seed(&old->prng, seed);
    kit_begin(&old->kit, seed, 1000000);
    kit_work(&old->kit, &old->prng, 100);
    assert_true(pawl_ok(pawl_engine_checkpoint(old->kit.engine, &old->kit.msg)));
    old->checkpoint_op = pawl_core_op(pawl_engine_core(old->kit.engine));
    if (behind > 0) {
        kit_work(&old->kit, &old->prng, behind);
    }
    old->last_op = pawl_core_op(pawl_engine_core(old->kit.engine));
    kit_close(&old->kit);
}

static struct pawl_verify_report must_verify(struct kit *kit)
{
    struct pawl_verify_report report;
    pawl_err err = kit_verify(kit, &report);
    if (pawl_failed(err)) {
        fail_msg("%s", kit->msg.text);
    }
    return report;
}

/* --- Going on. -------------------------------------------------------------------------------- */

static void what_older_rules_recorded_goes_on_where_it_gives_the_same(void **state)
{
    (void)state;
    struct old old;
    old_make(&old, 31, 50);
    older_rewrite(&old.kit, (struct older){.other_op = 0});
    kit_open(&old.kit);
    assert_int_equal(pawl_core_op(pawl_engine_core(old.kit.engine)), old.last_op);
    kit_work(&old.kit, &old.prng, 100);
    assert_true(pawl_ok(pawl_engine_checkpoint(old.kit.engine, &old.kit.msg)));
    kit_work(&old.kit, &old.prng, 20);
    uint64_t digest = kit_digest(&old.kit);
    kit_close(&old.kit);
    struct pawl_verify_report report = must_verify(&old.kit);
    assert_true(report.results_compared);
    assert_int_equal(report.replayed_from_op, 1);
    assert_int_equal(report.digest, digest);
    kit_open(&old.kit);
    assert_int_equal(kit_digest(&old.kit), digest);
    kit_free(&old.kit);
}

static void a_checkpoint_of_older_rules_stands_for_what_was_before(void **state)
{
    (void)state;
    struct old old;
    old_make(&old, 32, 0);
    older_rewrite(&old.kit, (struct older){.other_op = old.checkpoint_op - 3});
    struct pawl_verify_report report = must_verify(&old.kit);
    assert_false(report.results_compared); /* nothing is behind it */
    kit_open(&old.kit);
    assert_int_equal(pawl_core_op(pawl_engine_core(old.kit.engine)), old.last_op);
    kit_work(&old.kit, &old.prng, 50);
    uint64_t digest = kit_digest(&old.kit);
    kit_close(&old.kit);
    report = must_verify(&old.kit);
    assert_true(report.results_compared);
    assert_int_equal(report.first_op, 1);
    assert_int_equal(report.replayed_from_op, old.checkpoint_op + 1);
    assert_int_equal(report.digest, digest);
    kit_free(&old.kit);
}

/* Both rules came to it by the same results; it is the older one's that a start goes on from. */
static void verification_takes_the_state_that_older_rules_left(void **state)
{
    (void)state;
    struct old old;
    old_make(&old, 33, 30);
    older_rewrite(&old.kit, (struct older){.other_state = true});
    kit_open(&old.kit);
    kit_work(&old.kit, &old.prng, 50);
    uint64_t digest = kit_digest(&old.kit);
    kit_close(&old.kit);
    struct pawl_verify_report report = must_verify(&old.kit);
    assert_true(report.results_compared);
    assert_int_equal(report.replayed_from_op, 1);
    assert_int_equal(report.digest, digest);
    kit_free(&old.kit);
}

/* --- Long after it. --------------------------------------------------------------------------- */

/* `until_op` operations of older rules, whose checkpoints are gone, and then those of ours: some
 * operations behind each of `checkpoints`. They have a state that ours do not come to from the
 * beginning: its rules were never said. */
static void old_make_past(struct old *old, uint64_t seed, uint64_t ops[], int checkpoints)
{
    pawl_prng_seed(&old->prng, seed);
    kit_begin(&old->kit, seed, 1000000);
    kit_work(&old->kit, &old->prng, 100);
    for (int i = 0; i < checkpoints; i++) {
        kit_work(&old->kit, &old->prng, 60);
        assert_true(pawl_ok(pawl_engine_checkpoint(old->kit.engine, &old->kit.msg)));
        ops[i] = pawl_core_op(pawl_engine_core(old->kit.engine));
    }
    kit_work(&old->kit, &old->prng, 30);
    old->last_op = pawl_core_op(pawl_engine_core(old->kit.engine));
    kit_close(&old->kit);
}

enum { PAST_OP = 70 };

static void what_followed_an_older_state_is_compared_from_a_checkpoint_on(void **state)
{
    (void)state;
    for (int differs = 0; differs < 2; differs++) {
        struct old old;
        uint64_t ops[2];
        old_make_past(&old, 36, ops, 2);
        older_rewrite(&old.kit,
                      (struct older){.until_op = PAST_OP, .other_op = differs ? PAST_OP + 20 : 0});
        struct pawl_verify_report report = must_verify(&old.kit);
        assert_true(report.results_compared);
        assert_int_equal(report.replayed_from_op, ops[0] + 1);
        assert_int_equal(report.last_op, old.last_op);
        kit_open(&old.kit);
        assert_int_equal(kit_digest(&old.kit), report.digest);
        kit_free(&old.kit);
    }
}

static void what_does_not_come_out_behind_that_checkpoint_is_refused(void **state)
{
    (void)state;
    struct old old;
    uint64_t ops[2];
    struct pawl_verify_report report;
    old_make_past(&old, 37, ops, 2);
    older_rewrite(&old.kit, (struct older){.until_op = PAST_OP, .other_op = ops[0] + 20});
    assert_int_equal(kit_verify(&old.kit, &report).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(old.kit.msg.text, "faulty memory or a bug"));
    kit_free(&old.kit);
}

/* No checkpoint went before the only one, so these rules began where the journal does. */
static void the_first_checkpoint_has_to_be_what_these_rules_come_to(void **state)
{
    (void)state;
    for (int differs = 0; differs < 2; differs++) {
        struct old old;
        uint64_t ops[1];
        struct pawl_verify_report report;
        old_make_past(&old, 38, ops, 1);
        older_rewrite(&old.kit,
                      (struct older){.until_op = PAST_OP, .other_op = differs ? PAST_OP + 20 : 0});
        assert_int_equal(kit_verify(&old.kit, &report).code, PAWL_ERR_CORRUPT);
        assert_non_null(
            strstr(old.kit.msg.text, differs ? "faulty memory or a bug" : "is not the state at"));
        kit_free(&old.kit);
    }
}

/* --- Refused. --------------------------------------------------------------------------------- */

static void another_answer_behind_the_checkpoint_is_refused_with_what_to_do(void **state)
{
    (void)state;
    struct old old;
    old_make(&old, 34, 50);
    older_rewrite(&old.kit, (struct older){.other_op = old.checkpoint_op + 20});
    pawl_err err = kit_try_open(&old.kit);
    assert_int_equal(err.code, PAWL_ERR_VERSION);
    assert_non_null(strstr(old.kit.msg.text, "gave STATE_CONFLICT"));
    assert_non_null(strstr(old.kit.msg.text, "start that one once more and end it with SIGTERM"));
    struct pawl_verify_report report = must_verify(&old.kit);
    assert_false(report.results_compared);
    assert_int_equal(report.last_op, old.last_op);
    kit_free(&old.kit);
}

static void a_checkpoint_in_other_bytes_is_refused_by_name(void **state)
{
    (void)state;
    struct old old;
    old_make(&old, 35, 10);
    older_rewrite(&old.kit, (struct older){.other_layout = true});
    pawl_err err = kit_try_open(&old.kit);
    assert_int_equal(err.code, PAWL_ERR_VERSION);
    assert_non_null(strstr(old.kit.msg.text, "as another version of pawl has it in memory"));
    kit_free(&old.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_older_rules_recorded_goes_on_where_it_gives_the_same),
        cmocka_unit_test(a_checkpoint_of_older_rules_stands_for_what_was_before),
        cmocka_unit_test(verification_takes_the_state_that_older_rules_left),
        cmocka_unit_test(what_followed_an_older_state_is_compared_from_a_checkpoint_on),
        cmocka_unit_test(what_does_not_come_out_behind_that_checkpoint_is_refused),
        cmocka_unit_test(the_first_checkpoint_has_to_be_what_these_rules_come_to),
        cmocka_unit_test(another_answer_behind_the_checkpoint_is_refused_with_what_to_do),
        cmocka_unit_test(a_checkpoint_in_other_bytes_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("engine_upgrade", tests, NULL, NULL);
}
