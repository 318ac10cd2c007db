/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_batches.c: durable batches as bytes: told as they become durable, inline and on the
 * thread, and read back from the journal a piece at a time while the engine goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

enum { SEEN_MAX = 256 };

struct seen {
    uint32_t count;
    uint32_t stop_after; /* 0: never */
    uint64_t last_op;
    uint64_t records;
    struct pawl_journal_hash hashes[SEEN_MAX];
};

static void see(struct seen *seen, const struct pawl_journal_batch *batch)
{
    struct pawl_record_cursor cursor;
    assert_true(pawl_record_batch_open(batch->blob, &cursor));
    assert_int_equal(cursor.left, batch->last_op - batch->first_op + 1);
    if (seen->last_op != 0) {
        assert_int_equal(batch->first_op, seen->last_op + 1);
        assert_memory_equal(batch->previous.bytes, seen->hashes[seen->count - 1].bytes,
                            PAWL_JOURNAL_HASH_BYTES);
    }
    assert_true(seen->count < SEEN_MAX);
    seen->hashes[seen->count++] = batch->hash;
    seen->records += cursor.left;
    seen->last_op = batch->last_op;
}

static void on_batch(void *arg, const struct pawl_journal_batch *batch)
{
    see(arg, batch);
}

static bool on_read(void *arg, const struct pawl_journal_batch *batch)
{
    struct seen *seen = arg;
    see(seen, batch);
    return seen->stop_after == 0 || seen->count < seen->stop_after;
}

static void open_kit(struct kit *kit, struct seen *seen, enum pawl_commit_mode mode)
{
    kit_init(kit, 1);
    kit->mode = mode;
    kit->threads = mode == PAWL_COMMIT_THREAD;
    kit->durable_batch = on_batch;
    kit->durable_batch_arg = seen;
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000000);
    kit_must(kit, &budget);
}

static void hold_some(struct kit *kit, uint32_t count)
{
    struct pawl_command reserve = kit_reserve("acme", USD, 10);
    for (uint32_t i = 0; i < count; i++) {
        kit_must(kit, &reserve);
    }
}

static void each_batch_is_told_once_and_in_order(void **state)
{
    (void)state;
    static const enum pawl_commit_mode modes[] = {PAWL_COMMIT_INLINE, PAWL_COMMIT_THREAD};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(modes); i++) {
        struct kit kit;
        struct seen told = {.count = 0};
        open_kit(&kit, &told, modes[i]);
        hold_some(&kit, 20);
        assert_int_equal(told.last_op, pawl_engine_durable_op(kit.engine));
        assert_int_equal(told.records, kit.durable_records);
        kit_free(&kit);
    }
}

static void what_is_read_back_is_what_was_told(void **state)
{
    (void)state;
    struct kit kit;
    struct seen told = {.count = 0};
    struct seen read = {.count = 0};
    open_kit(&kit, &told, PAWL_COMMIT_THREAD);
    hold_some(&kit, 20);
    assert_true(pawl_ok(pawl_engine_batches(kit.engine, 1, on_read, &read, &kit.msg)));
    assert_int_equal(read.count, told.count);
    assert_memory_equal(read.hashes, told.hashes, told.count * sizeof(told.hashes[0]));
    kit_free(&kit);
}

static void it_is_read_a_piece_at_a_time_while_more_comes(void **state)
{
    (void)state;
    struct kit kit;
    struct seen told = {.count = 0};
    struct seen read = {.count = 0};
    open_kit(&kit, &told, PAWL_COMMIT_THREAD);
    hold_some(&kit, 20);
    for (uint32_t turn = 1; read.last_op < pawl_engine_durable_op(kit.engine); turn++) {
        read.stop_after = 3 * turn;
        assert_true(
            pawl_ok(pawl_engine_batches(kit.engine, read.last_op + 1, on_read, &read, &kit.msg)));
        hold_some(&kit, turn < 5 ? 1 : 0);
    }
    assert_int_equal(read.count, told.count);
    assert_int_equal(read.last_op, told.last_op);
    assert_memory_equal(read.hashes, told.hashes, told.count * sizeof(told.hashes[0]));
    kit_free(&kit);
}

static void what_is_not_durable_yet_is_not_waited_for(void **state)
{
    (void)state;
    struct kit kit;
    struct seen told = {.count = 0};
    struct seen read = {.count = 0};
    struct ask ask;
    open_kit(&kit, &told, PAWL_COMMIT_INLINE);
    struct pawl_command reserve = kit_reserve("acme", USD, 10);
    kit_submit(&kit, &reserve, &ask);
    uint64_t next = pawl_engine_durable_op(kit.engine) + 1;
    assert_true(pawl_ok(pawl_engine_batches(kit.engine, next, on_read, &read, &kit.msg)));
    assert_int_equal(read.count, 0);
    assert_false(ask.done);
    pawl_engine_flush(kit.engine);
    assert_true(pawl_ok(pawl_engine_batches(kit.engine, next, on_read, &read, &kit.msg)));
    assert_int_equal(read.count, 1);
    kit_free(&kit);
}

/* Under the thread sanitizer: what the thread writes is nobody else's. */
static void numbers_may_be_asked_for_while_a_batch_is_written(void **state)
{
    (void)state;
    struct kit kit;
    struct seen told = {.count = 0};
    struct pawl_command reserve = kit_reserve("acme", USD, 10);
    open_kit(&kit, &told, PAWL_COMMIT_THREAD);
    for (int i = 0; i < 50; i++) {
        struct ask ask;
        struct pawl_engine_stats stats;
        kit_submit(&kit, &reserve, &ask);
        while (!ask.done) {
            pawl_engine_turn(kit.engine);
            pawl_engine_stats(kit.engine, &stats);
            assert_true(stats.durable_op <= stats.op);
            assert_int_equal(stats.waiting, ask.done ? 0 : 1);
        }
    }
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_batch_is_told_once_and_in_order),
        cmocka_unit_test(what_is_read_back_is_what_was_told),
        cmocka_unit_test(it_is_read_a_piece_at_a_time_while_more_comes),
        cmocka_unit_test(what_is_not_durable_yet_is_not_waited_for),
        cmocka_unit_test(numbers_may_be_asked_for_while_a_batch_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
