/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_journal_sqlite.c: what was appended is read back after reopening and after crashes, in one
 * unbroken chain; damage is found; a failure stops the journal for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "seed.h"
#include "tests/lib/batches.h"
#include "tests/lib/disk.h"

static const char dir[] = "/sim";
static const char first_segment[] = "/sim/journal-000001.db";

enum { SEGMENT_BYTES = 160 * 1024, SEGMENTS_SEEN = 32 };

struct bench {
    struct disk *disk;
    struct batches batches;
    struct pawl_journal *journal;
    struct pawl_errmsg msg;
    int64_t segment_bytes;
};

static void bench_open(struct bench *bench, uint64_t seed)
{
    *bench = (struct bench){.disk = disk_new(seed)};
    batches_init(&bench->batches, seed);
}

static pawl_err open_as(struct bench *bench, bool create, bool read_only)
{
    struct pawl_journal_sqlite_options options = {.dir = dir,
                                                  .create = create,
                                                  .read_only = read_only,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(bench->disk),
                                                  .files = disk_files(bench->disk),
                                                  .segment_bytes_max = bench->segment_bytes};
    return pawl_journal_sqlite_open(&options, &bench->journal, &bench->msg);
}

static void must(struct bench *bench, pawl_err err)
{
    if (pawl_failed(err)) {
        fail_msg("%s: %s", pawl_err_name(err), bench->msg.text);
    }
}

static void append(struct bench *bench, uint32_t count)
{
    must(bench, batches_append(&bench->batches, bench->journal, count, &bench->msg));
}

static void close_journal(struct bench *bench)
{
    bench->journal->ops->close(bench->journal);
    bench->journal = NULL;
}

static void bench_close(struct bench *bench)
{
    if (bench->journal != NULL) {
        close_journal(bench);
    }
    batches_free(&bench->batches);
    disk_free(bench->disk);
}

/* What reading gave: how far, and the last hash. */
struct reading {
    uint64_t next_op;
    uint64_t batches;
    struct pawl_journal_hash hash;
    uint64_t stop_at;
};

static bool note_batch(void *arg, const struct pawl_journal_batch *batch)
{
    struct reading *reading = arg;
    assert_true(reading->next_op == 0 || batch->first_op == reading->next_op);
    assert_true(batch->last_op >= batch->first_op);
    struct pawl_journal_hash hash = pawl_journal_chain(batch->previous, batch->blob);
    assert_memory_equal(&hash, &batch->hash, sizeof(hash));
    reading->next_op = batch->last_op + 1;
    reading->hash = batch->hash;
    reading->batches++;
    return reading->stop_at == 0 || batch->last_op < reading->stop_at;
}

static pawl_err read_from(struct bench *bench, uint64_t op, struct reading *ret_reading)
{
    *ret_reading = (struct reading){.next_op = 0};
    return bench->journal->ops->read(bench->journal, op, note_batch, ret_reading, &bench->msg);
}

static void assert_whole(struct bench *bench, uint64_t last_op)
{
    struct reading reading;
    must(bench, read_from(bench, 1, &reading));
    struct pawl_journal_head head = bench->journal->ops->head(bench->journal);
    assert_int_equal(head.last_op, last_op);
    assert_int_equal(head.first_op, last_op > 0 ? 1 : 0);
    assert_int_equal(reading.next_op, last_op > 0 ? last_op + 1 : 0);
    assert_memory_equal(&reading.hash, &head.hash, sizeof(head.hash));
}

static void a_new_journal_is_empty_and_comes_back_so(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 1);
    assert_int_equal(open_as(&bench, false, false).code, PAWL_ERR_NOT_FOUND);
    must(&bench, open_as(&bench, true, false));
    assert_whole(&bench, 0);
    close_journal(&bench);
    assert_int_equal(open_as(&bench, true, false).code, PAWL_ERR_EXISTS);
    must(&bench, open_as(&bench, false, false));
    assert_whole(&bench, 0);
    bench_close(&bench);
}

static void batches_are_read_back_in_order_after_reopening(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 2);
    must(&bench, open_as(&bench, true, false));
    for (uint32_t i = 1; i <= 30; i++) {
        append(&bench, i % 5 + 1);
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    assert_whole(&bench, last_op);
    close_journal(&bench);
    must(&bench, open_as(&bench, false, false));
    assert_whole(&bench, last_op);
    append(&bench, 3);
    assert_whole(&bench, last_op + 3);
    bench_close(&bench);
}

static void reading_begins_with_the_batch_that_holds_the_operation(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 3);
    must(&bench, open_as(&bench, true, false));
    for (int i = 0; i < 10; i++) {
        append(&bench, 4);
    }
    for (uint64_t op = 1; op <= 40; op++) {
        struct reading reading;
        must(&bench, read_from(&bench, op, &reading));
        assert_int_equal(reading.batches, 10 - (op - 1) / 4);
        assert_int_equal(reading.next_op, 41);
    }
    struct reading reading;
    must(&bench, read_from(&bench, 41, &reading));
    assert_int_equal(reading.batches, 0);
    reading = (struct reading){.stop_at = 8};
    must(&bench, bench.journal->ops->read(bench.journal, 1, note_batch, &reading, &bench.msg));
    assert_int_equal(reading.batches, 2);
    bench_close(&bench);
}

static void one_process_has_it_at_a_time(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 4);
    must(&bench, open_as(&bench, true, false));
    struct pawl_journal *first = bench.journal;
    assert_int_equal(open_as(&bench, false, false).code, PAWL_ERR_LOCKED);
    assert_int_equal(open_as(&bench, false, true).code, PAWL_ERR_LOCKED);
    bench.journal = first;
    close_journal(&bench);
    must(&bench, open_as(&bench, false, true));
    bench_close(&bench);
}

/* J4 for a killed process and for a dead machine, by killing at every change that a scenario makes.
 */
static bool append_until_death(struct bench *bench, uint64_t *acknowledged)
{
    pawl_err err = open_as(bench, true, false);
    for (uint32_t i = 1; pawl_ok(err) && i <= 6; i++) {
        err = batches_append(&bench->batches, bench->journal, i, &bench->msg);
        if (pawl_ok(err)) {
            *acknowledged = bench->journal->ops->head(bench->journal).last_op;
        }
    }
    if (bench->journal != NULL) {
        close_journal(bench);
    }
    return pawl_ok(err) && !disk_dead(bench->disk);
}

static void death_at(uint64_t change, bool power, bool *ret_survived)
{
    struct bench bench;
    bench_open(&bench, change * 2 + power);
    bench.segment_bytes = SEGMENT_BYTES;
    disk_die_at(bench.disk, change);
    uint64_t acknowledged = 0;
    *ret_survived = append_until_death(&bench, &acknowledged);
    disk_crash(bench.disk, power);
    pawl_err err = open_as(&bench, false, false);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        assert_int_equal(acknowledged, 0);
        must(&bench, open_as(&bench, true, false));
    } else {
        must(&bench, err);
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    assert_in_range(last_op, acknowledged, acknowledged + 6);
    assert_whole(&bench, last_op);
    append(&bench, 2);
    assert_whole(&bench, last_op + 2);
    bench_close(&bench);
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
        bench_open(&bench, 10 + i);
        must(&bench, open_as(&bench, true, false));
        append(&bench, 3);
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
        close_journal(&bench);
        assert_int_equal(disk_changes(bench.disk), changes);
        must(&bench, open_as(&bench, false, false));
        assert_true(bench.journal->ops->head(bench.journal).last_op >= 3);
        bench_close(&bench);
    }
}

/* A failed sync loses the pages although reads still show them. The next life must not build on
 * what it reads before it is really on the disk. */
static void commits_after_a_failed_sync_and_a_restart_survive_a_power_failure(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct bench bench;
        bench_open(&bench, seed);
        must(&bench, open_as(&bench, true, false));
        append(&bench, 3);
        disk_fail(bench.disk, DISK_SYNC, 1, 1);
        assert_true(pawl_failed(batches_append(&bench.batches, bench.journal, 40, &bench.msg)));
        disk_crash(bench.disk, false);
        close_journal(&bench);
        must(&bench, open_as(&bench, false, false));
        uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
        assert_int_equal(last_op, 43);
        if (seed % 2 == 0) {
            append(&bench, 2);
            last_op += 2;
        }
        if (seed % 3 == 0) {
            close_journal(&bench);
            must(&bench, open_as(&bench, false, false));
        }
        disk_crash(bench.disk, true);
        close_journal(&bench);
        must(&bench, open_as(&bench, false, false));
        assert_whole(&bench, last_op);
        bench_close(&bench);
    }
}

static void a_full_disk_is_named(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 12);
    must(&bench, open_as(&bench, true, false));
    append(&bench, 3);
    disk_limit(bench.disk, disk_bytes(bench.disk) + 1000);
    pawl_err err = batches_append(&bench.batches, bench.journal, 200, &bench.msg);
    assert_int_equal(err.code, PAWL_ERR_FULL);
    bench_close(&bench);
}

static void a_full_segment_makes_room_for_the_next(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 13);
    bench.segment_bytes = SEGMENT_BYTES;
    must(&bench, open_as(&bench, true, false));
    struct pawl_journal_hash hash = {{1}};
    while (!disk_exists(bench.disk, "/sim/journal-000004.db")) {
        append(&bench, 60);
        struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
        if (head.last_op == 60) {
            struct pawl_journal_checkpoint checkpoint = {
                .op = 60, .hash = head.hash, .digest = 7, .file = "checkpoint-x.pawl"};
            must(&bench,
                 bench.journal->ops->add_checkpoint(bench.journal, &checkpoint, &bench.msg));
        }
        hash = head.hash;
    }
    uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
    assert_whole(&bench, last_op);
    close_journal(&bench);
    must(&bench, open_as(&bench, false, true));
    assert_whole(&bench, last_op);
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    assert_memory_equal(&head.hash, &hash, sizeof(hash));
    /* The names of checkpoints move along. */
    struct pawl_journal_checkpoint checkpoint;
    assert_true(bench.journal->ops->checkpoint(bench.journal, 0, &checkpoint));
    assert_int_equal(checkpoint.op, 60);
    assert_string_equal(checkpoint.file, "checkpoint-x.pawl");
    assert_false(bench.journal->ops->checkpoint(bench.journal, 1, &checkpoint));
    bench_close(&bench);
}

static void make_segments(struct bench *bench, const char *until)
{
    bench->segment_bytes = SEGMENT_BYTES;
    must(bench, open_as(bench, true, false));
    while (!disk_exists(bench->disk, until)) {
        append(bench, 60);
    }
    close_journal(bench);
}

static void old_segments_may_be_moved_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 14);
    make_segments(&bench, "/sim/journal-000004.db");
    disk_remove(bench.disk, first_segment);
    must(&bench, open_as(&bench, false, false));
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    assert_true(head.first_op > 1);
    struct reading reading;
    assert_int_equal(read_from(&bench, 1, &reading).code, PAWL_ERR_NOT_FOUND);
    must(&bench, read_from(&bench, head.first_op, &reading));
    assert_int_equal(reading.next_op, head.last_op + 1);
    append(&bench, 5);
    bench_close(&bench);
}

static void a_missing_segment_in_the_middle_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 15);
    make_segments(&bench, "/sim/journal-000004.db");
    disk_remove(bench.disk, "/sim/journal-000002.db");
    assert_int_equal(open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "segment 2"));
    bench.journal = NULL;
    bench_close(&bench);
}

/* The one that would be written to, and one that is only read. */
static void a_segment_under_another_number_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 41);
    must(&bench, open_as(&bench, true, false));
    append(&bench, 3);
    close_journal(&bench);
    disk_rename(bench.disk, first_segment, "/sim/journal-000002.db");
    assert_int_equal(open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(bench.msg.text, "renamed"));
    assert_int_equal(open_as(&bench, false, true).code, PAWL_ERR_CORRUPT);
    disk_rename(bench.disk, "/sim/journal-000002.db", first_segment);
    must(&bench, open_as(&bench, false, false));
    assert_whole(&bench, 3);
    bench_close(&bench);
}

static void a_newest_segment_that_was_never_begun_is_cleared_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 16);
    make_segments(&bench, "/sim/journal-000002.db");
    /* No crash of ours leaves such a file, but somebody else may. */
    const struct pawl_files *files = disk_files(bench.disk);
    struct pawl_file *file = NULL;
    must(&bench, files->ops->create(files->arg, "/sim/x.tmp", &file, &bench.msg));
    must(&bench, files->ops->publish(file, "/sim/journal-000003.db", &bench.msg));
    must(&bench, open_as(&bench, false, false));
    assert_false(disk_exists(bench.disk, "/sim/journal-000003.db"));
    append(&bench, 2);
    bench_close(&bench);
}

static void making_a_segment_takes_two_syncs(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 27);
    uint64_t syncs = disk_calls(bench.disk, DISK_SYNC);
    must(&bench, open_as(&bench, true, false));
    assert_int_equal(disk_calls(bench.disk, DISK_SYNC), syncs + 1 + 1); /* the file, its name */
    append(&bench, 1);
    assert_true(disk_calls(bench.disk, DISK_SYNC) <= syncs + 2 + 3);
    bench_close(&bench);
}

static void a_log_that_lies_about_is_not_taken_for_that_of_a_new_segment(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 28);
    must(&bench, open_as(&bench, true, false));
    append(&bench, 5);
    disk_crash(bench.disk, false);
    close_journal(&bench);
    disk_remove(bench.disk, first_segment);
    assert_true(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    must(&bench, open_as(&bench, true, false));
    assert_int_equal(bench.journal->ops->head(bench.journal).last_op, 0);
    bench_close(&bench);
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
            bench_open(&bench, 100 + seed);
            bench.segment_bytes = 1; /* every batch wants a segment of its own */
            must(&bench, open_as(&bench, true, false));
            append(&bench, 2);
            disk_die_at(bench.disk, change);
            died = pawl_failed(batches_append(&bench.batches, bench.journal, 1, &bench.msg));
            disk_crash(bench.disk, true);
            close_journal(&bench);
            bool second = disk_exists(bench.disk, "/sim/journal-000002.db");
            must(&bench, open_as(&bench, false, false));
            uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
            assert_true(last_op == 2 || (last_op == 3 && second));
            assert_true(died || last_op == 3);
            whole += second ? 1 : 0;
            none += second ? 0 : 1;
            bench_close(&bench);
        }
    }
    assert_true(whole > 8 && none > 8);
}

static void an_emptied_segment_with_a_log_is_not_thrown_away(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 17);
    must(&bench, open_as(&bench, true, false));
    append(&bench, 5);
    disk_crash(bench.disk, false);
    close_journal(&bench);
    disk_cut(bench.disk, first_segment, 0);
    assert_int_equal(open_as(&bench, false, false).code, PAWL_ERR_CORRUPT);
    assert_true(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    bench.journal = NULL;
    bench_close(&bench);
}

static void a_cut_log_loses_whole_batches_from_the_end_only(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 18);
    must(&bench, open_as(&bench, true, false));
    for (int i = 0; i < 5; i++) {
        append(&bench, 2);
    }
    disk_crash(bench.disk, false);
    close_journal(&bench);
    static const char log[] = "/sim/journal-000001.db-wal";
    uint64_t least = 10;
    for (size_t bytes = disk_file_bytes(bench.disk, log); bytes > 3000; bytes -= 3000) {
        struct bench cut = {.disk = disk_copy(bench.disk, bytes)};
        disk_cut(cut.disk, log, bytes);
        batches_init(&cut.batches, 1);
        pawl_err err = open_as(&cut, false, false);
        if (pawl_ok(err)) {
            uint64_t last_op = cut.journal->ops->head(cut.journal).last_op;
            assert_true(last_op <= least && last_op % 2 == 0);
            least = last_op;
            assert_whole(&cut, last_op);
        } else {
            /* Not even the row of the segment is left. */
            assert_int_equal(err.code, PAWL_ERR_NOT_FOUND);
            assert_int_equal(least, 0);
            cut.journal = NULL;
        }
        bench_close(&cut);
    }
    assert_int_equal(least, 0);
    bench_close(&bench);
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
    disk_flip_bit(copy.disk, first_segment, byte, bit);
    pawl_err err = open_as(&copy, false, true);
    struct reading reading = {.next_op = 0};
    if (pawl_ok(err)) {
        err = read_from(&copy, 1, &reading);
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
    bench_close(&copy);
}

static void no_flipped_bit_changes_what_the_journal_says_unseen(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 19);
    must(&bench, open_as(&bench, true, false));
    for (int i = 0; i < 6; i++) {
        append(&bench, 3);
    }
    struct pawl_journal_head head = bench.journal->ops->head(bench.journal);
    close_journal(&bench);
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_journal_sqlite"));
    size_t bytes = disk_file_bytes(bench.disk, first_segment);
    unsigned found = 0;
    /* All that is not zero, and a share of the zeros. */
    for (size_t byte = 0; byte < bytes; byte += 1 + pawl_prng_below(&prng, 40)) {
        damaged_copy(&bench, byte, (unsigned)pawl_prng_below(&prng, 8), &head, &found);
    }
    assert_true(found > 50);
    bench_close(&bench);
}

static void the_log_does_not_grow_for_ever(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 20);
    must(&bench, open_as(&bench, true, false));
    for (int i = 0; i < 1500; i++) {
        append(&bench, 1);
        must(&bench, bench.journal->ops->idle(bench.journal, &bench.msg));
    }
    size_t bytes = disk_file_bytes(bench.disk, "/sim/journal-000001.db-wal");
    assert_in_range(bytes, 1, 6 << 20);
    assert_whole(&bench, 1500);
    bench_close(&bench);
}

static void a_clean_end_leaves_no_log(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 21);
    must(&bench, open_as(&bench, true, false));
    append(&bench, 3);
    close_journal(&bench);
    assert_false(disk_exists(bench.disk, "/sim/journal-000001.db-wal"));
    bench_close(&bench);
}

static void reading_only_changes_nothing(void **state)
{
    (void)state;
    for (int crashed = 0; crashed < 2; crashed++) {
        struct bench bench;
        bench_open(&bench, 22);
        make_segments(&bench, "/sim/journal-000002.db");
        must(&bench, open_as(&bench, false, false));
        append(&bench, 3);
        uint64_t last_op = bench.journal->ops->head(bench.journal).last_op;
        if (crashed == 1) {
            disk_crash(bench.disk, false);
        }
        close_journal(&bench);
        uint64_t changes = disk_calls(bench.disk, DISK_WRITE) +
                           disk_calls(bench.disk, DISK_TRUNCATE) +
                           disk_calls(bench.disk, DISK_REMOVE) + disk_calls(bench.disk, DISK_SYNC);
        must(&bench, open_as(&bench, false, true));
        assert_whole(&bench, last_op);
        close_journal(&bench);
        assert_int_equal(
            changes, disk_calls(bench.disk, DISK_WRITE) + disk_calls(bench.disk, DISK_TRUNCATE) +
                         disk_calls(bench.disk, DISK_REMOVE) + disk_calls(bench.disk, DISK_SYNC));
        bench_close(&bench);
    }
}

static void two_checkpoints_are_kept_the_newest_first(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, 23);
    must(&bench, open_as(&bench, true, false));
    struct pawl_journal_checkpoint row;
    for (uint64_t i = 1; i <= 4; i++) {
        append(&bench, 5);
        row = (struct pawl_journal_checkpoint){.op = i * 5,
                                               .hash = bench.journal->ops->head(bench.journal).hash,
                                               .digest = UINT64_MAX - i};
        (void)snprintf(row.file, sizeof(row.file), "checkpoint-%u.pawl", (unsigned)i);
        must(&bench, bench.journal->ops->add_checkpoint(bench.journal, &row, &bench.msg));
    }
    close_journal(&bench);
    must(&bench, open_as(&bench, false, false));
    assert_true(bench.journal->ops->checkpoint(bench.journal, 0, &row));
    assert_int_equal(row.op, 20);
    assert_int_equal(row.digest, UINT64_MAX - 4);
    assert_true(bench.journal->ops->checkpoint(bench.journal, 1, &row));
    assert_int_equal(row.op, 15);
    assert_false(bench.journal->ops->checkpoint(bench.journal, 2, &row));
    bench_close(&bench);
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
        cmocka_unit_test(a_full_segment_makes_room_for_the_next),
        cmocka_unit_test(old_segments_may_be_moved_away),
        cmocka_unit_test(a_missing_segment_in_the_middle_is_refused),
        cmocka_unit_test(a_segment_under_another_number_is_refused),
        cmocka_unit_test(a_newest_segment_that_was_never_begun_is_cleared_away),
        cmocka_unit_test(making_a_segment_takes_two_syncs),
        cmocka_unit_test(a_log_that_lies_about_is_not_taken_for_that_of_a_new_segment),
        cmocka_unit_test(a_power_failure_while_a_segment_is_made_leaves_it_whole_or_not_at_all),
        cmocka_unit_test(an_emptied_segment_with_a_log_is_not_thrown_away),
        cmocka_unit_test(a_cut_log_loses_whole_batches_from_the_end_only),
        cmocka_unit_test(no_flipped_bit_changes_what_the_journal_says_unseen),
        cmocka_unit_test(the_log_does_not_grow_for_ever),
        cmocka_unit_test(a_clean_end_leaves_no_log),
        cmocka_unit_test(reading_only_changes_nothing),
        cmocka_unit_test(two_checkpoints_are_kept_the_newest_first),
    };
    return cmocka_run_group_tests_name("journal_sqlite", tests, NULL, NULL);
}
