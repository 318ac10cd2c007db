/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_sqlite.c: what was appended is read back after reopening and after crashes, in one
 * unbroken chain; a failure stops the journal for good; the log stays small and goes at the end.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "journal_bench.h"

static void a_new_journal_is_empty_and_comes_back_so(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_NOT_FOUND);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_assert_whole(&bench, 0);
    bench_close_journal(&bench);
    assert_int_equal(bench_open_as(&bench, true, false).code, PAWL_ERR_EXISTS);
    bench_must(&bench, bench_open_as(&bench, false, false));
    bench_assert_whole(&bench, 0);
    bench_free(&bench);
}

static void batches_are_read_back_in_order_after_reopening(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 2);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (uint32_t i = 1; i <= 30; i++) {
        bench_append(&bench, i % 5 + 1);
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    bench_assert_whole(&bench, last_op);
    bench_close_journal(&bench);
    bench_must(&bench, bench_open_as(&bench, false, false));
    bench_assert_whole(&bench, last_op);
    bench_append(&bench, 3);
    bench_assert_whole(&bench, last_op + 3);
    bench_free(&bench);
}

static void reading_begins_with_the_batch_that_holds_the_operation(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 3);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 10; i++) {
        bench_append(&bench, 4);
    }
    for (uint64_t op = 1; op <= 40; op++) {
        struct reading reading;
        bench_must(&bench, bench_read_from(&bench, op, &reading));
        assert_int_equal(reading.batches, 10 - (op - 1) / 4);
        assert_int_equal(reading.next_op, 41);
    }
    struct reading reading;
    bench_must(&bench, bench_read_from(&bench, 41, &reading));
    assert_int_equal(reading.batches, 0);
    reading = (struct reading){.stop_at = 8};
    bench_must(&bench,
               bench.journal->ops->read(bench.journal, 1, bench_note_batch, &reading, &bench.msg));
    assert_int_equal(reading.batches, 2);
    bench_free(&bench);
}

static void one_process_has_it_at_a_time(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 4);
    bench_must(&bench, bench_open_as(&bench, true, false));
    struct pawl_journal *first = bench.journal;
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_LOCKED);
    assert_int_equal(bench_open_as(&bench, false, true).code, PAWL_ERR_LOCKED);
    bench.journal = first;
    bench_close_journal(&bench);
    bench_must(&bench, bench_open_as(&bench, false, true));
    bench_free(&bench);
}

/* J4 for a killed process and for a dead machine, by killing at every change that a scenario makes.
 */
static bool append_until_death(struct bench *bench, uint64_t *acknowledged)
{
    pawl_err err = bench_open_as(bench, true, false);
    for (uint32_t i = 1; pawl_ok(err) && i <= 6; i++) {
        err = batches_append(&bench->batches, bench->journal, i, &bench->msg);
        if (pawl_ok(err)) {
            *acknowledged = bench->journal->ops->head(bench->journal).last_op;
        }
    }
    if (bench->journal != NULL) {
        bench_close_journal(bench);
    }
    return pawl_ok(err) && !disk_dead(bench->disk);
}

static void death_at(uint64_t change, bool power, bool *ret_survived)
{
    struct bench bench;
    bench_init(&bench, change * 2 + power);
    bench.segment_bytes = BENCH_SEGMENT_BYTES;
    disk_die_at(bench.disk, change);
    uint64_t acknowledged = 0;
    *ret_survived = append_until_death(&bench, &acknowledged);
    disk_crash(bench.disk, power);
    pawl_err err = bench_open_as(&bench, false, false);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        assert_int_equal(acknowledged, 0);
        bench_must(&bench, bench_open_as(&bench, true, false));
    } else {
        bench_must(&bench, err);
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    assert_in_range(last_op, acknowledged, acknowledged + 6);
    bench_assert_whole(&bench, last_op);
    bench_append(&bench, 2);
    bench_assert_whole(&bench, last_op + 2);
    bench_free(&bench);
}

static void nothing_acknowledged_is_lost_wherever_it_dies(void **state)
{
    (void)state;
    uint64_t deaths = 0;
    bool survived = false;
    for (uint64_t change = 1; !survived; change++) {
        death_at(change, false, &survived);
        for (int repeat = 0; repeat < 3; repeat++) {
            death_at(change, true, &survived);
        }
        deaths++;
    }
    assert_true(deaths > 20);
}

static void a_failed_call_poisons_the_journal(void **state)
{
    (void)state;
    static const enum disk_call kinds[] = {DISK_WRITE, DISK_SYNC};
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        bench_init(&bench, 10 + i);
        bench_must(&bench, bench_open_as(&bench, true, false));
        bench_append(&bench, 3);
        disk_fail(bench.disk, kinds[i], 1, 1);
        pawl_err err = batches_append(&bench.batches, bench.journal, 2, &bench.msg);
        assert_true(pawl_failed(err));
        assert_int_equal(disk_failures(bench.disk), 1);
        assert_true(strlen(bench.msg.text) > 0);
        uint64_t changes = disk_changes(bench.disk);
        /* The disk is well again; the journal does not try (J2). */
        err = batches_append(&bench.batches, bench.journal, 2, &bench.msg);
        assert_int_equal(err.code, PAWL_ERR_POISONED);
        assert_int_equal(bench.journal->ops->idle(bench.journal, &bench.msg).code,
                         PAWL_ERR_POISONED);
        bench_close_journal(&bench);
        assert_int_equal(disk_changes(bench.disk), changes);
        bench_must(&bench, bench_open_as(&bench, false, false));
        assert_true(bench.journal->ops->head(bench.journal).last_op >= 3);
        bench_free(&bench);
    }
}

/* A failed sync loses the pages although reads still show them. The next life must not build on
 * what it reads before it is really on the disk. */
static void commits_after_a_failed_sync_and_a_restart_survive_a_power_failure(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bench bench;
        bench_init(&bench, seed);
        bench_must(&bench, bench_open_as(&bench, true, false));
        bench_append(&bench, 3);
        disk_fail(bench.disk, DISK_SYNC, 1, 1);
        assert_true(pawl_failed(batches_append(&bench.batches, bench.journal, 40, &bench.msg)));
        disk_crash(bench.disk, false);
        bench_close_journal(&bench);
        bench_must(&bench, bench_open_as(&bench, false, false));
        uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
        assert_int_equal(last_op, 43);
        if (seed % 2 == 0) {
            bench_append(&bench, 2);
            last_op += 2;
        }
        if (seed % 3 == 0) {
            bench_close_journal(&bench);
            bench_must(&bench, bench_open_as(&bench, false, false));
        }
        disk_crash(bench.disk, true);
        bench_close_journal(&bench);
        bench_must(&bench, bench_open_as(&bench, false, false));
        bench_assert_whole(&bench, last_op);
        bench_free(&bench);
    }
}

static void a_full_disk_is_named(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 12);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 3);
    disk_limit(bench.disk, disk_bytes(bench.disk) + 1000);
    pawl_err err = batches_append(&bench.batches, bench.journal, 200, &bench.msg);
    assert_int_equal(err.code, PAWL_ERR_FULL);
    bench_free(&bench);
}

static void the_log_does_not_grow_for_ever(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 20);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 1500; i++) {
        bench_append(&bench, 1);
        bench_must(&bench, bench.journal->ops->idle(bench.journal, &bench.msg));
    }
    size_t bytes = disk_file_bytes(bench.disk, "/sim/journal-000001.db-wal");
    assert_in_range(bytes, 1, 6 << 20);
    bench_assert_whole(&bench, 1500);
    bench_free(&bench);
}

static void a_clean_end_leaves_no_log(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 21);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 3);
    bench_close_journal(&bench);
    assert_false(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    bench_free(&bench);
}

static void reading_only_changes_nothing(void **state)
{
    (void)state;
    for (int crashed = 0; crashed < 2; crashed++) {
        struct bench bench;
        bench_init(&bench, 22);
        bench_make_segments(&bench, "/sim/journal-000002.db");
        bench_must(&bench, bench_open_as(&bench, false, false));
        bench_append(&bench, 3);
        uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
        if (crashed == 1) {
            disk_crash(bench.disk, false);
        }
        bench_close_journal(&bench);
        uint64_t changes = disk_calls(bench.disk, DISK_WRITE) +
                           disk_calls(bench.disk, DISK_TRUNCATE) +
                           disk_calls(bench.disk, DISK_REMOVE) + disk_calls(bench.disk, DISK_SYNC);
        bench_must(&bench, bench_open_as(&bench, false, true));
        bench_assert_whole(&bench, last_op);
        bench_close_journal(&bench);
        assert_int_equal(
            changes, disk_calls(bench.disk, DISK_WRITE) + disk_calls(bench.disk, DISK_TRUNCATE) +
                         disk_calls(bench.disk, DISK_REMOVE) + disk_calls(bench.disk, DISK_SYNC));
        bench_free(&bench);
    }
}

static void two_checkpoints_are_kept_the_newest_first(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 23);
    bench_must(&bench, bench_open_as(&bench, true, false));
    struct pawl_journal_checkpoint row;
    for (uint64_t i = 1; i <= 4; i++) {
        bench_append(&bench, 5);
        row = (struct pawl_journal_checkpoint){.op = i * 5,
                                               .hash = bench.journal->ops->head(bench.journal).hash,
                                               .digest = UINT64_MAX - i};
        (void)snprintf(row.file, sizeof(row.file), "checkpoint-%u.pawl", (unsigned)i);
        bench_must(&bench, bench.journal->ops->add_checkpoint(bench.journal, &row, &bench.msg));
    }
    bench_close_journal(&bench);
    bench_must(&bench, bench_open_as(&bench, false, false));
    assert_true(bench.journal->ops->checkpoint(bench.journal, 0, &row));
    assert_int_equal(row.op, 20);
    assert_int_equal(row.digest, UINT64_MAX - 4);
    assert_true(bench.journal->ops->checkpoint(bench.journal, 1, &row));
    assert_int_equal(row.op, 15);
    assert_false(bench.journal->ops->checkpoint(bench.journal, 2, &row));
    bench_free(&bench);
}

/* The answer to a question about the first segment, which nobody has open; and what it changes. */
static int64_t ask_segment(struct bench *bench, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int flags = SQLITE_OPEN_READWRITE;
    assert_int_equal(sqlite3_open_v2(BENCH_FIRST, &db, flags, disk_vfs(bench->disk)), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int code = sqlite3_step(statement);
    assert_true(code == SQLITE_ROW || code == SQLITE_DONE);
    int64_t answer = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

#define PACKED "SELECT count(*) FROM batch WHERE substr(blob, 1, 4) = x'50575A31'"

static void large_batches_are_packed_in_their_rows(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 24);
    bench_must(&bench, bench_open_as(&bench, true, false));
    int64_t blob_bytes = 0;
    for (int i = 0; i < 20; i++) {
        bench_append(&bench, 200);
        blob_bytes += (int64_t)bench.batches.blob.bytes;
    }
    bench_assert_whole(&bench, 4000);
    bench_close_journal(&bench);
    int64_t packed = ask_segment(&bench, PACKED);
    assert_in_range(packed, 1, 19);
    int64_t stored_bytes = ask_segment(&bench, "SELECT sum(length(blob)) FROM batch");
    assert_true(stored_bytes < blob_bytes);
    bench_must(&bench, bench_open_as(&bench, false, false));
    bench_assert_whole(&bench, 4000);
    bench_free(&bench);
}

/* The version of a file says what a reader must know; so what is added to one of before is as it
 * was before. */
static void a_segment_of_version_1_goes_on_without_packing(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 25);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 1);
    bench_close_journal(&bench);
    assert_int_equal(ask_segment(&bench, "PRAGMA user_version"), 2);
    (void)ask_segment(&bench, "PRAGMA user_version = 1");
    bench_must(&bench, bench_open_as(&bench, false, false));
    for (int i = 0; i < 20; i++) {
        bench_append(&bench, 200);
    }
    bench_assert_whole(&bench, 4001);
    bench_close_journal(&bench);
    assert_int_equal(ask_segment(&bench, PACKED), 0);
    (void)ask_segment(&bench, "PRAGMA user_version = 3");
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_VERSION);
    bench_free(&bench);
}

static void a_damaged_packed_batch_is_told_as_altered(void **state)
{
    (void)state;
    struct bench bench;
    struct reading reading;
    bench_init(&bench, 26);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 20; i++) {
        bench_append(&bench, 200);
    }
    bench_close_journal(&bench);
    int64_t op = ask_segment(&bench, "UPDATE batch SET blob = substr(blob, 1, length(blob) - 1) "
                                     "WHERE first_op = (SELECT min(first_op) FROM batch WHERE "
                                     "substr(blob, 1, 4) = x'50575A31') RETURNING first_op");
    char words[64];
    (void)snprintf(words, sizeof(words), "the batch at operation %d was altered", (int)op);
    bench_must(&bench, bench_open_as(&bench, false, false));
    assert_int_equal(bench_read_from(&bench, 1, &reading).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, words));
    bench_must(&bench, bench_read_from(&bench, (uint64_t)op + 200, &reading));
    assert_int_equal(reading.next_op, 4001);
    bench_free(&bench);
}

static void a_missing_batch_is_told_and_what_is_behind_it_is_read(void **state)
{
    (void)state;
    struct bench bench;
    struct reading reading;
    bench_init(&bench, 27);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 4; i++) {
        bench_append(&bench, 10);
    }
    bench_close_journal(&bench);
    (void)ask_segment(&bench, "DELETE FROM batch WHERE first_op = 11");
    bench_must(&bench, bench_open_as(&bench, false, false));
    assert_int_equal(bench_read_from(&bench, 1, &reading).code, PAWL_ERR_CORRUPT);
    assert_int_equal(reading.next_op, 11);
    assert_non_null(strstr(bench.msg.text, "operation 11 is missing (the next one is 21)"));
    assert_int_equal(bench_read_from(&bench, 15, &reading).code, PAWL_ERR_CORRUPT);
    bench_must(&bench, bench_read_from(&bench, 31, &reading));
    assert_int_equal(reading.next_op, 41);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_journal_is_empty_and_comes_back_so),
        cmocka_unit_test(batches_are_read_back_in_order_after_reopening),
        cmocka_unit_test(reading_begins_with_the_batch_that_holds_the_operation),
        cmocka_unit_test(one_process_has_it_at_a_time),
        cmocka_unit_test(nothing_acknowledged_is_lost_wherever_it_dies),
        cmocka_unit_test(a_failed_call_poisons_the_journal),
        cmocka_unit_test(commits_after_a_failed_sync_and_a_restart_survive_a_power_failure),
        cmocka_unit_test(a_full_disk_is_named),
        cmocka_unit_test(the_log_does_not_grow_for_ever),
        cmocka_unit_test(a_clean_end_leaves_no_log),
        cmocka_unit_test(reading_only_changes_nothing),
        cmocka_unit_test(two_checkpoints_are_kept_the_newest_first),
        cmocka_unit_test(large_batches_are_packed_in_their_rows),
        cmocka_unit_test(a_segment_of_version_1_goes_on_without_packing),
        cmocka_unit_test(a_damaged_packed_batch_is_told_as_altered),
        cmocka_unit_test(a_missing_batch_is_told_and_what_is_behind_it_is_read),
    };
    return cmocka_run_group_tests_name("journal_sqlite", tests, NULL, NULL);
}
