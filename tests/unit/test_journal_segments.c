/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_segments.c: one segment after the other, whatever happens while they change; and
 * what is missing, renamed, emptied, cut or altered is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_bench.h"
#include "seed.h"

static void a_full_segment_makes_room_for_the_next(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 13);
    bench.segment_bytes = BENCH_SEGMENT_BYTES;
    bench_must(&bench, bench_open_as(&bench, true, false));
    struct pawl_journal_hash hash = {{1}};
    while (!disk_exists(bench.disk, "/sim/journal-000004.db")) {
        bench_append(&bench, 60);
        struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
        if (head.last_op == 60) {
            struct pawl_journal_checkpoint checkpoint = {
                .op = 60, .hash = head.hash, .digest = 7, .file = "checkpoint-x.pawl"};
            bench_must(&bench,
                       bench.journal->ops->add_checkpoint(bench.journal, &checkpoint, &bench.msg));
        }
        hash = head.hash;
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    bench_assert_whole(&bench, last_op);
    bench_close_journal(&bench);
    bench_must(&bench, bench_open_as(&bench, false, true));
    bench_assert_whole(&bench, last_op);
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    assert_memory_equal(&head.hash, &hash, sizeof(hash));
    /* The names of checkpoints move along. */
    struct pawl_journal_checkpoint checkpoint;
    assert_true(bench.journal->ops->checkpoint(bench.journal, 0, &checkpoint));
    assert_int_equal(checkpoint.op, 60);
    assert_string_equal(checkpoint.file, "checkpoint-x.pawl");
    assert_false(bench.journal->ops->checkpoint(bench.journal, 1, &checkpoint));
    bench_free(&bench);
}

static void old_segments_may_be_moved_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 14);
    bench_make_segments(&bench, "/sim/journal-000004.db");
    disk_remove(bench.disk, BENCH_FIRST);
    bench_must(&bench, bench_open_as(&bench, false, false));
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    assert_true(head.first_op > 1);
    struct reading reading;
    assert_int_equal(bench_read_from(&bench, 1, &reading).code, PAWL_ERR_NOT_FOUND);
    bench_must(&bench, bench_read_from(&bench, head.first_op, &reading));
    assert_int_equal(reading.next_op, head.last_op + 1);
    bench_append(&bench, 5);
    bench_free(&bench);
}

static void a_missing_segment_in_the_middle_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 15);
    bench_make_segments(&bench, "/sim/journal-000004.db");
    disk_remove(bench.disk, "/sim/journal-000002.db");
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "segment 2"));
    bench.journal = NULL;
    bench_free(&bench);
}

static void an_emptied_segment_in_the_middle_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 15);
    bench_make_segments(&bench, "/sim/journal-000004.db");
    disk_cut(bench.disk, "/sim/journal-000002.db", 0);
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "segment 2"));
    bench.journal = NULL;
    bench_free(&bench);
}

/* In place of whatever `to` has there. */
static void copy_file(struct bench *from, struct bench *to, const char *path)
{
    const struct pawl_files *source = disk_files(from->disk);
    const struct pawl_files *target = disk_files(to->disk);
    struct pawl_file *file = NULL;
    uint64_t bytes = 0;
    bench_must(from, source->ops->open(source->arg, path, &file, &bytes, &from->msg));
    char *content = malloc(bytes);
    assert_non_null(content);
    bench_must(from, source->ops->read(file, 0, content, bytes, &from->msg));
    source->ops->close(file);
    bench_must(
        to, pawl_files_write(target, "/sim/x.tmp", path, pawl_slice_of(content, bytes), &to->msg));
    free(content);
}

/* Of two journals that were begun alike: one file of the other's, in the middle or at the end. */
static void a_segment_of_another_journal_is_refused(void **state)
{
    (void)state;
    static const char *const theirs[] = {"/sim/journal-000002.db", "/sim/journal-000003.db"};
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        struct bench bench;
        struct bench other;
        bench_init(&bench, 42);
        bench_init(&other, 43);
        bench_make_segments(&bench, "/sim/journal-000003.db");
        bench_make_segments(&other, "/sim/journal-000003.db");
        copy_file(&other, &bench, theirs[i]);
        assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
        assert_non_null(strstr(bench.msg.text, "does not continue the one before it"));
        bench.journal = NULL;
        bench_free(&bench);
        bench_free(&other);
    }
}

/* One that begins behind the next one, in the middle, where no border is looked at in opening. */
static void a_segment_that_begins_behind_the_next_one_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    struct bench other;
    bench_init(&bench, 44);
    bench_init(&other, 45);
    bench_make_segments(&bench, "/sim/journal-000004.db");
    other.segment_bytes = INT64_C(4) * BENCH_SEGMENT_BYTES;
    bench_must(&other, bench_open_as(&other, true, false));
    while (!disk_exists(other.disk, "/sim/journal-000002.db")) {
        bench_append(&other, 60);
    }
    bench_close_journal(&other);
    copy_file(&other, &bench, "/sim/journal-000002.db");
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "segment 3 of /sim does not continue"));
    bench.journal = NULL;
    bench_free(&bench);
    bench_free(&other);
}

/* The one that would be written to, and one that is only read. */
static void a_segment_under_another_number_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 41);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 3);
    bench_close_journal(&bench);
    disk_rename(bench.disk, BENCH_FIRST, "/sim/journal-000002.db");
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "renamed"));
    assert_int_equal(bench_open_as(&bench, false, true).code, PAWL_ERR_CORRUPT);
    disk_rename(bench.disk, "/sim/journal-000002.db", BENCH_FIRST);
    bench_must(&bench, bench_open_as(&bench, false, false));
    bench_assert_whole(&bench, 3);
    bench_free(&bench);
}

static void a_newest_segment_that_was_never_begun_is_cleared_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 16);
    bench_make_segments(&bench, "/sim/journal-000002.db");
    /* No crash of ours leaves such a file, but somebody else may. */
    const struct pawl_files *files = disk_files(bench.disk);
    struct pawl_file *file = NULL;
    bench_must(&bench, files->ops->create(files->arg, "/sim/x.tmp", &file, &bench.msg));
    bench_must(&bench, files->ops->publish(file, "/sim/journal-000003.db", &bench.msg));
    bench_must(&bench, bench_open_as(&bench, false, false));
    assert_false(disk_exists(bench.disk, "/sim/journal-000003.db"));
    bench_append(&bench, 2);
    bench_free(&bench);
}

static void making_a_segment_takes_two_syncs(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 27);
    uint64_t syncs = disk_calls(bench.disk, DISK_SYNC);
    bench_must(&bench, bench_open_as(&bench, true, false));
    assert_int_equal(disk_calls(bench.disk, DISK_SYNC), syncs + 1 + 1); /* the file, its name */
    bench_append(&bench, 1);
    assert_true(disk_calls(bench.disk, DISK_SYNC) <= syncs + 2 + 3);
    bench_free(&bench);
}

static void a_log_that_lies_about_is_not_taken_for_that_of_a_new_segment(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 28);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 5);
    disk_crash(bench.disk, false);
    bench_close_journal(&bench);
    disk_remove(bench.disk, BENCH_FIRST);
    assert_true(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    bench_must(&bench, bench_open_as(&bench, true, false));
    assert_int_equal(bench.journal->ops->head(bench.journal).last_op, 0);
    bench_free(&bench);
}

/* The new segment is there whole or not at all, and the journal goes on, wherever the power
 * fails while one follows the other. */
static void a_power_failure_while_a_segment_is_made_leaves_it_whole_or_not_at_all(void **state)
{
    (void)state;
    unsigned whole = 0;
    unsigned none = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        bool died = true;
        for (uint64_t change = 1; died; change++) {
            struct bench bench;
            bench_init(&bench, 100 + seed);
            bench.segment_bytes = 1; /* every batch wants a segment of its own */
            bench_must(&bench, bench_open_as(&bench, true, false));
            bench_append(&bench, 2);
            disk_die_at(bench.disk, change);
            died = pawl_failed(batches_append(&bench.batches, bench.journal, 1, &bench.msg));
            disk_crash(bench.disk, true);
            bench_close_journal(&bench);
            bool second = disk_exists(bench.disk, "/sim/journal-000002.db");
            bench_must(&bench, bench_open_as(&bench, false, false));
            uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
            assert_true(last_op == 2 || (last_op == 3 && second));
            assert_true(died || last_op == 3);
            whole += second ? 1 : 0;
            none += second ? 0 : 1;
            bench_free(&bench);
        }
    }
    assert_true(whole > 8 && none > 8);
}

static void an_emptied_segment_with_a_log_is_not_thrown_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 17);
    bench_must(&bench, bench_open_as(&bench, true, false));
    bench_append(&bench, 5);
    disk_crash(bench.disk, false);
    bench_close_journal(&bench);
    disk_cut(bench.disk, BENCH_FIRST, 0);
    assert_int_equal(bench_open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_true(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    bench.journal = NULL;
    bench_free(&bench);
}

static void a_cut_log_loses_whole_batches_from_the_end_only(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 18);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 5; i++) {
        bench_append(&bench, 2);
    }
    disk_crash(bench.disk, false);
    bench_close_journal(&bench);
    static const char log[] = "/sim/journal-000001.db-wal";
    uint64_t least = 10;
    for (size_t bytes = disk_file_bytes(bench.disk, log); bytes > 3000; bytes -= 3000) {
        struct bench cut = {.disk = disk_copy(bench.disk, bytes)};
        disk_cut(cut.disk, log, bytes);
        batches_init(&cut.batches, 1);
        pawl_err err = bench_open_as(&cut, false, false);
        if (pawl_ok(err)) {
            uint64_t last_op = cut.journal->ops->head(cut.journal).last_op;
            assert_true(last_op <= least && last_op % 2 == 0);
            least = last_op;
            bench_assert_whole(&cut, last_op);
        } else {
            /* Not even the row of the segment is left. */
            assert_int_equal(err.code, PAWL_ERR_NOT_FOUND);
            assert_int_equal(least, 0);
            cut.journal = NULL;
        }
        bench_free(&cut);
    }
    assert_int_equal(least, 0);
    bench_free(&bench);
}

/* Whatever byte of the file is changed: opening or reading it finds it, or nothing that the
 * journal says has changed. */
static void damaged_copy(const struct bench *bench,
                         size_t byte,
                         unsigned bit,
                         const struct pawl_journal_head *truth,
                         unsigned *found)
{
    struct bench copy = {.disk = disk_copy(bench->disk, byte)};
    batches_init(&copy.batches, 1);
    disk_flip_bit(copy.disk, BENCH_FIRST, byte, bit);
    pawl_err err = bench_open_as(&copy, false, true);
    struct reading reading = {.next_op = 0};
    if (pawl_ok(err)) {
        err = bench_read_from(&copy, 1, &reading);
    } else {
        copy.journal = NULL;
    }
    if (pawl_ok(err)) {
        struct pawl_journal_head head = copy.journal->ops->head(copy.journal);
        assert_int_equal(head.last_op, truth->last_op);
        assert_memory_equal(&head.hash, &truth->hash, sizeof(head.hash));
        assert_memory_equal(&reading.hash, &truth->hash, sizeof(head.hash));
    } else {
        assert_true(err.code == PAWL_ERR_CORRUPT || err.code == PAWL_ERR_VERSION ||
                    err.code == PAWL_ERR_NOT_FOUND);
        (*found)++;
    }
    bench_free(&copy);
}

static void no_flipped_bit_changes_what_the_journal_says_unseen(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 19);
    bench_must(&bench, bench_open_as(&bench, true, false));
    for (int i = 0; i < 6; i++) {
        bench_append(&bench, 3);
    }
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    bench_close_journal(&bench);
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_journal_sqlite"));
    size_t bytes = disk_file_bytes(bench.disk, BENCH_FIRST);
    unsigned found = 0;
    /* All that is not zero, and a share of the zeros. */
    for (size_t byte = 0; byte < bytes; byte += 1 + pawl_prng_below(&prng, 40)) {
        damaged_copy(&bench, byte, (unsigned)pawl_prng_below(&prng, 8), &head, &found);
    }
    assert_true(found > 50);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_segment_makes_room_for_the_next),
        cmocka_unit_test(old_segments_may_be_moved_away),
        cmocka_unit_test(a_missing_segment_in_the_middle_is_refused),
        cmocka_unit_test(an_emptied_segment_in_the_middle_is_refused),
        cmocka_unit_test(a_segment_of_another_journal_is_refused),
        cmocka_unit_test(a_segment_that_begins_behind_the_next_one_is_refused),
        cmocka_unit_test(a_segment_under_another_number_is_refused),
        cmocka_unit_test(a_newest_segment_that_was_never_begun_is_cleared_away),
        cmocka_unit_test(making_a_segment_takes_two_syncs),
        cmocka_unit_test(a_log_that_lies_about_is_not_taken_for_that_of_a_new_segment),
        cmocka_unit_test(a_power_failure_while_a_segment_is_made_leaves_it_whole_or_not_at_all),
        cmocka_unit_test(an_emptied_segment_with_a_log_is_not_thrown_away),
        cmocka_unit_test(a_cut_log_loses_whole_batches_from_the_end_only),
        cmocka_unit_test(no_flipped_bit_changes_what_the_journal_says_unseen),
    };
    return cmocka_run_group_tests_name("journal_segments", tests, NULL, NULL);
}
