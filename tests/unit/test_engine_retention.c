/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_retention.c: the oldest segments go by age and by size, only behind both checkpoints
 * (J15), and wherever the process dies while they go the ledger is the one it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/kit.h"
#include "tests/lib/kit_work.h"

#define USD PAWL_UNIT_USD_MICROCENTS

enum { SEGMENT_BYTES = 100 * 1024, NEVER = 1000000000, SEGMENTS_SEEN_MAX = 99, PATH_BYTES = 128 };

static const struct pawl_journal_retention keep_all = {.keep_all = true};
static const struct pawl_journal_retention keep_two_or_so = {.bytes_max = 2 * SEGMENT_BYTES};

static bool has_segment(struct kit *kit, unsigned number)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), KIT_DIR "/journal-%06u.db", number);
    return disk_exists(kit->disk, path);
}

/* The numbers of the oldest and of the newest segment that lie there. */
static unsigned oldest(struct kit *kit)
{
    unsigned number = 1;
    while (!has_segment(kit, number)) {
        assert_in_range(++number, 1, SEGMENTS_SEEN_MAX);
    }
    return number;
}

static unsigned newest(struct kit *kit)
{
    unsigned number = oldest(kit);
    while (has_segment(kit, number + 1)) {
        number++;
    }
    return number;
}

static void begin(struct kit *kit, struct pawl_journal_retention retention)
{
    kit_init(kit, 1);
    kit->segment_bytes = SEGMENT_BYTES;
    kit->checkpoint_every = NEVER;
    kit->retention = retention;
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000000);
    kit_must(kit, &budget);
}

/* Works until segment `number` is the one that is written. */
static void fill(struct kit *kit, unsigned number)
{
    while (!has_segment(kit, number)) {
        struct pawl_command reserve = kit_reserve("acme", USD, 5);
        struct pawl_command release = kit_release(kit_must(kit, &reserve));
        kit_must(kit, &release);
    }
}

static void checkpoint(struct kit *kit)
{
    struct pawl_command reserve = kit_reserve("acme", USD, 5);
    kit_must(kit, &reserve);
    if (pawl_failed(pawl_engine_checkpoint(kit->engine, &kit->msg))) {
        fail_msg("%s", kit->msg.text);
    }
}

/* What a host's loop does when nothing is asked for. */
static void be_idle(struct kit *kit)
{
    for (int turn = 0; turn < 20; turn++) {
        pawl_engine_turn(kit->engine);
    }
}

/* The digest comes back after a restart, and all that is there is proved. */
static void assert_sound(struct kit *kit)
{
    uint64_t digest = kit_digest(kit);
    uint64_t first_op = pawl_engine_first_op(kit->engine);
    kit_close(kit);
    struct pawl_verify_report report;
    if (pawl_failed(kit_verify(kit, &report))) {
        fail_msg("%s", kit->msg.text);
    }
    assert_int_equal(report.digest, digest);
    assert_int_equal(report.first_op, first_op);
    kit_open(kit);
    assert_int_equal(kit_digest(kit), digest);
}

static void segments_go_by_size_behind_two_checkpoints(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_two_or_so);
    fill(&kit, 5);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    checkpoint(&kit);
    be_idle(&kit);
    /* One would do, if nothing could ever happen to its file. */
    assert_int_equal(oldest(&kit), 1);
    checkpoint(&kit);
    be_idle(&kit);
    assert_in_range(oldest(&kit), 3, 5);
    assert_int_equal(newest(&kit), 5);
    assert_true(pawl_engine_first_op(kit.engine) > 1);
    assert_sound(&kit);
    kit_free(&kit);
}

static void only_what_both_checkpoints_cover_goes(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_all);
    fill(&kit, 3);
    checkpoint(&kit);
    fill(&kit, 6);
    checkpoint(&kit);
    kit_close(&kit);
    kit.retention = (struct pawl_journal_retention){.bytes_max = 1};
    kit_open(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 3);
    assert_sound(&kit);
    kit_free(&kit);
}

/* A repeated key is answered from the journal: what it needs stays, however much that is. */
static void what_repeats_are_answered_from_stays_whatever_its_size(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, (struct pawl_journal_retention){.bytes_max = SEGMENT_BYTES,
                                                .needed_us = 60 * PAWL_US_PER_SECOND});
    fill(&kit, 3);
    pawl_clock_manual_advance(&kit.time, 50 * PAWL_US_PER_SECOND);
    fill(&kit, 5);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    pawl_clock_manual_advance(&kit.time, 11 * PAWL_US_PER_SECOND);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 3); /* its last operation is 11 seconds old */
    assert_sound(&kit);
    kit_free(&kit);
}

/* A ledger whose keys are remembered for so long, where any segment may go that nobody needs. */
static void begin_needy(struct kit *kit, int64_t key_us)
{
    kit_init(kit, 1);
    kit->segment_bytes = SEGMENT_BYTES;
    kit->checkpoint_every = NEVER;
    kit->idempotency_ttl_us = key_us;
    kit->keep_answers = true;
    kit->retention = (struct pawl_journal_retention){.bytes_max = 1};
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000000);
    kit_must(kit, &budget);
}

static bool can_read(struct kit *kit, uint64_t op)
{
    static struct pawl_codec_scratch scratch;
    struct pawl_record record;
    return pawl_ok(pawl_engine_original(kit->engine, op, &scratch, &record, &kit->msg));
}

/* What a hold is for is read from its record when it is shown, and settled with a filtered key. */
static void the_record_of_an_open_hold_stays_however_old_it_is(void **state)
{
    (void)state;
    struct kit kit;
    begin_needy(&kit, 60 * PAWL_US_PER_SECOND);
    struct pawl_command reserve = kit_reserve("acme", USD, 5);
    reserve.u.reserve.ttl_ms = 3600000;
    uint64_t held = kit_must(&kit, &reserve);
    fill(&kit, 3);
    pawl_clock_manual_advance(&kit.time, 600 * PAWL_US_PER_SECOND);
    fill(&kit, 5);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    assert_true(can_read(&kit, held));
    struct pawl_command release = kit_release(held);
    kit_must(&kit, &release);
    checkpoint(&kit);
    be_idle(&kit);
    assert_in_range(oldest(&kit), 3, 5);
    assert_false(can_read(&kit, held));
    assert_sound(&kit);
    kit_free(&kit);
}

/* Shorter times are for keys to come. Those from before keep theirs, over a restart too. */
static void the_record_of_a_remembered_key_stays_when_times_get_shorter(void **state)
{
    (void)state;
    struct kit kit;
    begin_needy(&kit, 180 * PAWL_US_PER_SECOND);
    struct pawl_command reserve = kit_reserve("acme", USD, 5);
    reserve.idempotency_key = PAWL_SLICE("once");
    uint64_t op = kit_must(&kit, &reserve);
    struct pawl_command release = kit_release(op);
    kit_must(&kit, &release);
    fill(&kit, 3);
    pawl_clock_manual_advance(&kit.time, 127 * PAWL_US_PER_SECOND);
    struct pawl_config config = *pawl_core_config(pawl_engine_core(kit.engine));
    config.idempotency_ttl_us = config.idempotency_settle_ttl_us = 60 * PAWL_US_PER_SECOND;
    assert_true(pawl_engine_configure(kit.engine, &config));
    kit_close(&kit);
    kit_open(&kit);
    fill(&kit, 5);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    assert_true(kit_run(&kit, &reserve).replayed);
    assert_true(can_read(&kit, op));
    pawl_clock_manual_advance(&kit.time, 60 * PAWL_US_PER_SECOND);
    reserve.idempotency_key = PAWL_SLICE("another");
    kit_must(&kit, &reserve); /* forgets what is over */
    checkpoint(&kit);
    be_idle(&kit);
    assert_in_range(oldest(&kit), 3, 5);
    assert_sound(&kit);
    kit_free(&kit);
}

static void segments_go_by_age(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, (struct pawl_journal_retention){.age_us = 60 * PAWL_US_PER_SECOND});
    fill(&kit, 2);
    /* The first one ended before this, the second one after it. */
    pawl_clock_manual_advance(&kit.time, 50 * PAWL_US_PER_SECOND);
    fill(&kit, 3);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    pawl_clock_manual_advance(&kit.time, 11 * PAWL_US_PER_SECOND);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 2);
    /* A start looks as well. */
    kit_close(&kit);
    pawl_clock_manual_advance(&kit.time, 50 * PAWL_US_PER_SECOND);
    kit_open(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 3);
    assert_sound(&kit);
    kit_free(&kit);
}

static void the_defaults_are_thirty_days_and_more_than_a_few_segments(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, (struct pawl_journal_retention){.keep_all = false});
    fill(&kit, 4);
    checkpoint(&kit);
    checkpoint(&kit);
    kit_close(&kit);
    const int64_t day_us = INT64_C(24) * 3600 * PAWL_US_PER_SECOND;
    kit.accept_clock = true;
    pawl_clock_manual_advance(&kit.time, 30 * day_us - PAWL_US_PER_SECOND);
    kit_open(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    kit_close(&kit);
    pawl_clock_manual_advance(&kit.time, 2 * PAWL_US_PER_SECOND);
    kit_open(&kit);
    be_idle(&kit);
    assert_in_range(oldest(&kit), 2, 4);
    kit_free(&kit);
}

static void the_newest_segment_stays_and_so_does_everything_on_request(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_all);
    fill(&kit, 3);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    kit_close(&kit);
    kit.retention = (struct pawl_journal_retention){.bytes_max = 1, .age_us = 1};
    kit_open(&kit);
    pawl_clock_manual_advance(&kit.time, PAWL_US_PER_SECOND);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 3);
    assert_int_equal(newest(&kit), 3);
    fill(&kit, 4);
    assert_sound(&kit);
    kit_free(&kit);
}

static void verification_says_from_where_results_were_compared(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_verify_report report;
    begin(&kit, keep_two_or_so);
    fill(&kit, 4);
    kit_close(&kit);
    assert_true(pawl_ok(kit_verify(&kit, &report)));
    assert_int_equal(report.first_op, 1);
    assert_int_equal(report.replayed_from_op, 1);
    kit_open(&kit);
    checkpoint(&kit);
    uint64_t checkpoint_op = pawl_engine_durable_op(kit.engine);
    checkpoint(&kit);
    be_idle(&kit);
    kit_close(&kit);
    assert_true(pawl_ok(kit_verify(&kit, &report)));
    assert_in_range(report.first_op, 2, checkpoint_op);
    assert_int_equal(report.replayed_from_op, checkpoint_op + 1);
    kit_free(&kit);
}

static void what_was_removed_is_not_found_and_what_is_left_is(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_two_or_so);
    fill(&kit, 5);
    checkpoint(&kit);
    checkpoint(&kit);
    be_idle(&kit);
    static struct pawl_codec_scratch scratch;
    struct pawl_record record;
    uint64_t first_op = pawl_engine_first_op(kit.engine);
    pawl_err err = pawl_engine_original(kit.engine, first_op - 1, &scratch, &record, &kit.msg);
    assert_int_equal(err.code, PAWL_ERR_NOT_FOUND);
    err = pawl_engine_original(kit.engine, first_op, &scratch, &record, &kit.msg);
    assert_true(pawl_ok(err));
    assert_int_equal(record.op, first_op);
    kit_free(&kit);
}

static void note_newest_checkpoint(void *arg, const char *path)
{
    char *newest_path = arg;
    if (strstr(path, "checkpoint-") != NULL && strcmp(path, newest_path) > 0) {
        (void)snprintf(newest_path, PATH_BYTES, "%s", path);
    }
}

static void a_damaged_checkpoint_leaves_another_start(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_two_or_so);
    fill(&kit, 5);
    checkpoint(&kit);
    fill(&kit, 6);
    checkpoint(&kit);
    be_idle(&kit);
    assert_true(oldest(&kit) > 1);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    char path[PATH_BYTES] = "";
    disk_each(kit.disk, note_newest_checkpoint, path);
    disk_flip_bit(kit.disk, path, 100, 0);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

/* What was spent before is in the checkpoints alone: without them there is nothing to begin with,
 * and an empty ledger would give all of it out again. */
static void a_shortened_journal_does_not_start_without_a_checkpoint(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_verify_report report;
    begin(&kit, keep_two_or_so);
    fill(&kit, 5);
    checkpoint(&kit);
    fill(&kit, 6);
    checkpoint(&kit);
    be_idle(&kit);
    assert_true(oldest(&kit) > 1);
    kit_close(&kit);
    kit_flip_bit_of_checkpoints(&kit);
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(kit_try_open(&kit).code, PAWL_ERR_CORRUPT);
        assert_non_null(strstr(kit.msg.text, "no checkpoint before that is usable"));
    }
    assert_int_equal(kit_verify(&kit, &report).code, PAWL_ERR_CORRUPT);
    kit_flip_bit_of_checkpoints(&kit); /* back */
    assert_true(pawl_ok(kit_verify(&kit, &report)));
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), report.digest);
    kit_free(&kit);
}

static void a_segment_that_cannot_be_read_stays_whatever_its_age(void **state)
{
    (void)state;
    struct kit kit;
    begin(&kit, keep_all);
    fill(&kit, 3);
    checkpoint(&kit);
    checkpoint(&kit);
    kit_close(&kit);
    static const char first[] = KIT_DIR "/journal-000001.db";
    for (size_t at = 3 * 16384; at < disk_file_bytes(kit.disk, first); at += 512) {
        disk_flip_bit(kit.disk, first, at, 1);
    }
    kit.retention = (struct pawl_journal_retention){.age_us = 1};
    kit_open(&kit);
    pawl_clock_manual_advance(&kit.time, PAWL_US_PER_SECOND);
    be_idle(&kit);
    assert_int_equal(oldest(&kit), 1);
    assert_int_equal(kit.fatals, 0);
    kit_free(&kit);
}

/* Everything up to the moment at which segments may go. */
static void prepare(struct kit *kit)
{
    begin(kit, keep_all);
    fill(kit, 6);
    checkpoint(kit);
    checkpoint(kit);
    kit_close(kit);
    kit->retention = keep_two_or_so;
}

static void wherever_it_dies_no_gap_is_left(void **state)
{
    (void)state;
    struct kit prepared;
    prepare(&prepared);
    bool died = true;
    for (uint64_t change = 1; died; change++) {
        for (unsigned power = 0; power < 2; power++) {
            struct kit kit = prepared;
            kit.disk = disk_copy(prepared.disk, change);
            kit_open(&kit);
            uint64_t digest = kit_digest(&kit);
            disk_die_at(kit.disk, disk_changes(kit.disk) + change);
            be_idle(&kit);
            died = disk_dead(kit.disk);
            kit_crash(&kit, power == 1);
            kit_open(&kit);
            assert_int_equal(kit_digest(&kit), digest);
            be_idle(&kit);
            assert_true(oldest(&kit) >= 4);
            assert_sound(&kit);
            kit_free(&kit);
        }
    }
    kit_free(&prepared);
}

static void a_removal_that_fails_stops_the_engine(void **state)
{
    (void)state;
    struct kit kit;
    prepare(&kit);
    kit_open(&kit);
    disk_fail(kit.disk, DISK_REMOVE, 1, 1);
    be_idle(&kit);
    assert_int_equal(kit.fatals, 1);
    assert_true(pawl_engine_poisoned(kit.engine));
    disk_fail(kit.disk, DISK_ANY, 0, 0);
    kit_crash(&kit, false);
    kit_open(&kit);
    assert_sound(&kit);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_go_by_size_behind_two_checkpoints),
        cmocka_unit_test(only_what_both_checkpoints_cover_goes),
        cmocka_unit_test(what_repeats_are_answered_from_stays_whatever_its_size),
        cmocka_unit_test(the_record_of_an_open_hold_stays_however_old_it_is),
        cmocka_unit_test(the_record_of_a_remembered_key_stays_when_times_get_shorter),
        cmocka_unit_test(segments_go_by_age),
        cmocka_unit_test(the_defaults_are_thirty_days_and_more_than_a_few_segments),
        cmocka_unit_test(the_newest_segment_stays_and_so_does_everything_on_request),
        cmocka_unit_test(verification_says_from_where_results_were_compared),
        cmocka_unit_test(what_was_removed_is_not_found_and_what_is_left_is),
        cmocka_unit_test(a_damaged_checkpoint_leaves_another_start),
        cmocka_unit_test(a_shortened_journal_does_not_start_without_a_checkpoint),
        cmocka_unit_test(a_segment_that_cannot_be_read_stays_whatever_its_age),
        cmocka_unit_test(wherever_it_dies_no_gap_is_left),
        cmocka_unit_test(a_removal_that_fails_stops_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
