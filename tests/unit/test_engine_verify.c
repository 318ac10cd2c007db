/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_verify.c: verification proves a directory without changing it, and what does not come
 * out as it was recorded is refused, by verification and by a start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/prng.h"
#include "journal/witness.h"
#include "seed.h"
#include "tests/lib/kit.h"
#include "tests/lib/kit_work.h"

static const char segment[] = KIT_DIR "/journal-000001.db";

/* --- Verification. ---------------------------------------------------------------------------- */

static void verification_proves_a_sound_directory_and_changes_nothing(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 11);
    kit_begin(&kit, 11, 60);
    kit.segment_bytes = 200 * 1024;
    kit_work(&kit, &prng, 200);
    kit_close(&kit);
    kit_open(&kit);
    kit_work(&kit, &prng, 200);
    uint64_t digest = kit_digest(&kit);
    uint64_t last_op = pawl_engine_durable_op(kit.engine);
    kit_close(&kit);
    uint64_t changes = disk_changes(kit.disk);
    uint64_t opens = disk_calls(kit.disk, DISK_OPEN);
    struct pawl_verify_report report;
    assert_true(pawl_ok(kit_verify(&kit, &report)));
    assert_int_equal(report.first_op, 1);
    assert_int_equal(report.last_op, last_op);
    assert_int_equal(report.digest, digest);
    assert_true(report.results_compared);
    assert_true(report.batches > 300);
    assert_int_equal(disk_changes(kit.disk) - changes, disk_calls(kit.disk, DISK_OPEN) - opens);

    struct pawl_verify_options options = {.dir = KIT_DIR,
                                          .expect_op = last_op,
                                          .expect_hash = report.hash,
                                          .allow_any_filesystem = true,
                                          .vfs = disk_vfs(kit.disk),
                                          .files = disk_files(kit.disk)};
    assert_true(pawl_ok(pawl_engine_verify(&options, &report, &kit.msg)));
    options.expect_hash.bytes[0] ^= 1;
    assert_int_equal(pawl_engine_verify(&options, &report, &kit.msg).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(kit.msg.text, "not the journal"));
    options.expect_op++;
    assert_int_equal(pawl_engine_verify(&options, &report, &kit.msg).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(kit.msg.text, "it ends at operation"));
    kit_free(&kit);
}

static void verification_starts_from_a_checkpoint_where_segments_are_gone(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 12);
    kit_begin(&kit, 12, 200);
    kit_close(&kit);
    kit.segment_bytes = 200 * 1024;
    kit_open(&kit);
    while (!disk_exists(kit.disk, KIT_DIR "/journal-000004.db")) {
        kit_work(&kit, &prng, 100);
    }
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    disk_remove(kit.disk, segment);
    disk_remove(kit.disk, KIT_DIR "/journal-000002.db");
    struct pawl_verify_report report;
    pawl_err err = kit_verify(&kit, &report);
    if (pawl_failed(err)) {
        fail_msg("%s", kit.msg.text);
    }
    assert_true(report.first_op > 1);
    assert_int_equal(report.digest, digest);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

/* Every byte of a small closed directory: refused, found by verification, or without meaning. */
static void no_flipped_bit_in_the_directory_goes_unseen(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, seed_for("test_engine_restart"));
    kit_begin(&kit, 13, 1000000);
    kit_work(&kit, &prng, 10);
    kit_close(&kit);
    struct pawl_verify_report truth;
    assert_true(pawl_ok(kit_verify(&kit, &truth)));
    size_t bytes = disk_file_bytes(kit.disk, segment);
    unsigned found = 0;
    for (size_t byte = 0; byte < bytes; byte += 1 + pawl_prng_below(&prng, 90)) {
        struct kit copy = {.disk = disk_copy(kit.disk, byte)};
        disk_flip_bit(copy.disk, segment, byte, (unsigned)pawl_prng_below(&prng, 8));
        struct pawl_verify_report report;
        if (pawl_failed(kit_verify(&copy, &report))) {
            found++;
        } else {
            assert_int_equal(report.last_op, truth.last_op);
            assert_int_equal(report.digest, truth.digest);
            assert_memory_equal(&report.hash, &truth.hash, sizeof(truth.hash));
        }
        disk_free(copy.disk);
    }
    assert_true(found > 20);
    kit_free(&kit);
}

/* --- Journals that were not written by this ledger. ------------------------------------------- */

/* Appends a batch with one record, sound in all but what `spoil` does to it. */
static void append_spoilt(struct kit *kit, void (*spoil)(struct pawl_buf *blob))
{
    struct pawl_journal_sqlite_options options = {.dir = KIT_DIR,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(kit->disk),
                                                  .files = disk_files(kit->disk)};
    struct pawl_journal *journal = NULL;
    assert_true(pawl_ok(pawl_journal_sqlite_open(&options, &journal, &kit->msg)));
    struct pawl_journal_head head = journal->ops->head(journal);
    struct pawl_command command = kit_release(1);
    struct pawl_result result = {
        .code = PAWL_RESULT_OK, .op = head.last_op + 1, .now_us = kit->time.real_us};
    struct pawl_buf blob;
    pawl_buf_init(&blob, 1000);
    pawl_record_batch_begin(&blob);
    pawl_record_batch_put(&blob, &command, &result, 0);
    spoil(&blob);
    pawl_record_batch_end(&blob);
    struct pawl_journal_batch batch = {.first_op = head.last_op + 1,
                                       .last_op = head.last_op + 1,
                                       .blob = pawl_buf_slice(&blob),
                                       .previous = head.hash};
    batch.hash = pawl_journal_chain(batch.previous, batch.blob);
    assert_true(pawl_ok(journal->ops->append(journal, &batch, &kit->msg)));
    pawl_buf_free(&blob);
    journal->ops->close(journal);
}

static void spoil_nothing(struct pawl_buf *blob)
{
    (void)blob;
}

static void spoil_rules(struct pawl_buf *blob)
{
    blob->data[8] = (char)(PAWL_RULES_VERSION + 1);
}

static void spoil_time(struct pawl_buf *blob)
{
    /* now_us of the record, and of its result behind the command. */
    memset(blob->data + 16 + 4 + 8, 0, 8);
    memset(blob->data + blob->bytes - 8, 0, 8);
}

static void spoil_time_ahead(struct pawl_buf *blob)
{
    int64_t now_us = PAWL_NOW_US_MAX + 1;
    memcpy(blob->data + 16 + 4 + 8, &now_us, 8);
    memcpy(blob->data + blob->bytes - 8, &now_us, 8);
}

static void expect_refusal(void (*spoil)(struct pawl_buf *blob), uint16_t code, const char *words)
{
    struct kit kit;
    kit_begin(&kit, 14, 1000000);
    kit_close(&kit);
    append_spoilt(&kit, spoil);
    pawl_err err = kit_try_open(&kit);
    if (err.code != code || strstr(kit.msg.text, words) == NULL) {
        fail_msg("%s: %s", pawl_err_name(err), kit.msg.text);
    }
    kit_free(&kit);
}

static void a_result_that_replay_does_not_give_is_refused(void **state)
{
    (void)state;
    expect_refusal(spoil_nothing, PAWL_ERR_CORRUPT, "gives GONE now");
}

static void records_of_newer_rules_are_refused(void **state)
{
    (void)state;
    expect_refusal(spoil_rules, PAWL_ERR_VERSION, "written by a newer pawl");
}

static void time_that_goes_back_is_refused(void **state)
{
    (void)state;
    expect_refusal(spoil_time, PAWL_ERR_CORRUPT, "cannot follow");
}

static void time_beyond_what_the_ledger_counts_is_refused(void **state)
{
    (void)state;
    expect_refusal(spoil_time_ahead, PAWL_ERR_CORRUPT, "cannot follow");
}

static void verification_of_newer_rules_proves_the_chain_only(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 15, 1000000);
    kit_close(&kit);
    append_spoilt(&kit, spoil_rules);
    struct pawl_verify_report report;
    assert_true(pawl_ok(kit_verify(&kit, &report)));
    assert_false(report.results_compared);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verification_proves_a_sound_directory_and_changes_nothing),
        cmocka_unit_test(verification_starts_from_a_checkpoint_where_segments_are_gone),
        cmocka_unit_test(no_flipped_bit_in_the_directory_goes_unseen),
        cmocka_unit_test(a_result_that_replay_does_not_give_is_refused),
        cmocka_unit_test(records_of_newer_rules_are_refused),
        cmocka_unit_test(time_that_goes_back_is_refused),
        cmocka_unit_test(time_beyond_what_the_ledger_counts_is_refused),
        cmocka_unit_test(verification_of_newer_rules_proves_the_chain_only),
    };
    return cmocka_run_group_tests_name("engine_verify", tests, NULL, NULL);
}
