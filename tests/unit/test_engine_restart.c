/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_restart.c: after a restart the ledger is the one it was, by replay, by checkpoint and
 * by both; repeats get their first answer; the clock and the witness hold it to its word.
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

#define USD PAWL_UNIT_USD_MICROCENTS

static uint64_t checkpoints_named(struct kit *kit)
{
    struct pawl_journal_sqlite_options options = {.dir = KIT_DIR,
                                                  .read_only = true,
                                                  .allow_any_filesystem = true,
                                                  .vfs = disk_vfs(kit->disk),
                                                  .files = disk_files(kit->disk)};
    struct pawl_journal *journal = NULL;
    assert_true(pawl_ok(pawl_journal_sqlite_open(&options, &journal, &kit->msg)));
    struct pawl_journal_checkpoint row;
    uint32_t count = 0;
    while (journal->ops->checkpoint(journal, count, &row)) {
        count++;
    }
    journal->ops->close(journal);
    return count;
}

/* --- The same ledger. ------------------------------------------------------------------------- */

static void replay_checkpoint_and_both_give_the_same_digest(void **state)
{
    (void)state;
    uint64_t seed = seed_for("test_engine_restart");
    uint64_t digests[3];
    static const uint64_t every[3] = {1000000, 70, 7};
    for (size_t i = 0; i < 3; i++) {
        struct kit kit;
        struct pawl_prng prng;
        pawl_prng_seed(&prng, seed);
        kit_begin(&kit, 1, every[i]);
        kit_work(&kit, &prng, 300);
        uint64_t before = kit_digest(&kit);
        kit_close(&kit);
        assert_int_equal(checkpoints_named(&kit), i == 0 ? 0 : 2);
        kit_open(&kit);
        digests[i] = kit_digest(&kit);
        assert_int_equal(digests[i], before);
        pawl_core_audit(pawl_engine_core(kit.engine));
        kit_work(&kit, &prng, 20);
        assert_int_equal(kit.fatals, 0);
        kit_free(&kit);
    }
    assert_int_equal(digests[0], digests[1]);
    assert_int_equal(digests[0], digests[2]);
}

static void a_checkpoint_on_request_is_at_the_last_operation(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct kit kit;
        struct pawl_prng prng;
        pawl_prng_seed(&prng, 2);
        kit_init(&kit, 2);
        kit.threads = threads == 1;
        kit.mode = threads == 1 ? PAWL_COMMIT_THREAD : PAWL_COMMIT_INLINE;
        kit_open(&kit);
        kit_work(&kit, &prng, 40);
        assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
        assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
        kit_work(&kit, &prng, 40);
        assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
        kit_work(&kit, &prng, 40);
        assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
        uint64_t digest = kit_digest(&kit);
        /* The third pushed the first out, its file too. */
        kit_close(&kit);
        assert_int_equal(checkpoints_named(&kit), 2);
        kit_open(&kit);
        assert_int_equal(kit_digest(&kit), digest);
        kit_free(&kit);
    }
}

/* Asks for something while a checkpoint runs and memory does not. */
struct hungry {
    struct pawl_op op;
    struct kit *kit;
    struct ask ask;
    uint32_t chunks; /* of the ledger, after the question */
};

static uint32_t chunks_of(const struct kit *kit)
{
    struct pawl_core_stats stats;
    pawl_core_stats(pawl_engine_core(kit->engine), &stats);
    return stats.chunks_used + stats.chunks_free;
}

static void ask_without_memory(struct pawl_op *op)
{
    struct hungry *hungry = op->arg;
    struct kit *kit = hungry->kit;
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    assert_true(pawl_core_snapshot_active(pawl_engine_core(kit->engine)));
    pawl_alloc_fail_at(1, UINT64_MAX);
    kit_submit(kit, &reserve, &hungry->ask);
    pawl_alloc_fail_at(0, 0);
    hungry->chunks = chunks_of(kit);
}

static void a_checkpoint_gives_way_to_a_command_that_needs_its_memory(void **state)
{
    (void)state;
    enum { RESERVES = 40000 };
    struct kit kit;
    kit_begin(&kit, 19, RESERVES + 5); /* CONFIG, three budgets, and the one below */
    struct pawl_command reserve = kit_reserve("acme", USD, 0);
    static struct ask asks[1000];
    while (pawl_core_op(pawl_engine_core(kit.engine)) < RESERVES) {
        for (size_t i = 0; i < PAWL_ARRAY_LEN(asks); i++) {
            kit_submit(&kit, &reserve, &asks[i]);
        }
        pawl_engine_flush(kit.engine);
    }
    uint32_t chunks = chunks_of(&kit);
    struct hungry hungry = {.op = {.done = ask_without_memory, .arg = &hungry}, .kit = &kit};
    pawl_engine_submit(kit.engine, &reserve, &hungry.op); /* ends the batch of the checkpoint */
    pawl_engine_turn(kit.engine);
    pawl_engine_flush(kit.engine);
    assert_true(hungry.ask.done);
    assert_int_equal(hungry.ask.op.result.code, PAWL_RESULT_OK);
    assert_true(hungry.chunks - chunks < 100); /* it did not get what the copies need */
    assert_false(pawl_core_snapshot_active(pawl_engine_core(kit.engine)));
    struct pawl_engine_stats stats;
    pawl_engine_stats(kit.engine, &stats);
    assert_int_equal(stats.checkpoint_op, 0); /* what was given up is none */
    /* The next one is complete. */
    struct pawl_errmsg msg = {""};
    assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &msg)));
    pawl_engine_stats(kit.engine, &stats);
    assert_int_equal(stats.checkpoint_op, pawl_core_op(pawl_engine_core(kit.engine)));
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

struct impatient {
    int asked;
    int at_most;
};

static bool is_impatient(void *arg)
{
    struct impatient *who = arg;
    return ++who->asked > who->at_most;
}

static void a_checkpoint_that_is_cut_is_none(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 29);
    kit_begin(&kit, 29, 1000000);
    kit_work(&kit, &prng, 50);
    uint64_t digest = kit_digest(&kit);
    bool whole = false;
    for (int at_most = 0; !whole; at_most++) {
        struct impatient who = {.at_most = at_most};
        struct pawl_engine_stats stats;
        pawl_err err = pawl_engine_checkpoint_last(kit.engine, is_impatient, &who, &kit.msg);
        whole = pawl_ok(err);
        assert_int_equal(err.code, whole ? PAWL_ERR_NONE : PAWL_ERR_TIMEOUT);
        assert_true(whole || who.asked == at_most + 1);
        kit_close(&kit);
        kit_open(&kit);
        pawl_engine_stats(kit.engine, &stats);
        assert_int_equal(stats.checkpoint_op, whole ? stats.op : 0);
        assert_int_equal(kit_digest(&kit), digest);
    }
    kit_free(&kit);
}

/* Its time goes on without it, and what was answered is there. */
static void a_last_checkpoint_without_room_is_none(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 30);
    kit_begin(&kit, 30, 1000000);
    kit_work(&kit, &prng, 50);
    uint64_t digest = kit_digest(&kit);
    for (uint64_t room = 3000; room < 9 * PAWL_CHUNK_BYTES; room += PAWL_CHUNK_BYTES) {
        struct pawl_verify_report report;
        pawl_engine_flush(kit.engine);
        disk_limit(kit.disk, disk_bytes(kit.disk) + room);
        pawl_err err = pawl_engine_checkpoint_last(kit.engine, NULL, NULL, &kit.msg);
        assert_int_equal(err.code, PAWL_ERR_MEMORY);
        assert_int_equal(kit.fatals, 0);
        kit_close(&kit);
        disk_limit(kit.disk, 0);
        assert_true(pawl_ok(kit_verify(&kit, &report)));
        kit_open(&kit);
        assert_int_equal(kit_digest(&kit), digest);
    }
    kit_free(&kit);
}

static void count_checkpoint_files(void *arg, const char *path)
{
    unsigned *count = arg;
    *count += strstr(path, "checkpoint-") != NULL ? 1 : 0;
}

static void files_of_forgotten_checkpoints_go(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 3);
    kit_begin(&kit, 3, 20);
    kit_work(&kit, &prng, 300);
    kit_crash(&kit, false);
    /* What a crash leaves without a name is cleared away by the next start. */
    const struct pawl_files *files = disk_files(kit.disk);
    struct pawl_file *file = NULL;
    assert_true(pawl_ok(files->ops->create(files->arg, KIT_DIR "/x.tmp", &file, &kit.msg)));
    assert_true(pawl_ok(
        files->ops->publish(file, KIT_DIR "/checkpoint-000000000000999999.pawl", &kit.msg)));
    kit_open(&kit);
    unsigned count = 0;
    disk_each(kit.disk, count_checkpoint_files, &count);
    assert_in_range(count, 1, 2);
    kit_free(&kit);
}

/* A client that asks again as soon as it is answered. */
struct restless {
    struct pawl_op op;
    struct kit *kit;
    unsigned left;
};

static void ask_on(struct pawl_op *op)
{
    struct restless *client = op->arg;
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    if (client->left > 0) {
        client->left--;
        pawl_engine_submit(client->kit->engine, &reserve, &client->op);
    }
}

/* Where so much happens while a checkpoint is written that the next one is due when it gets its
 * name. */
static void files_of_forgotten_checkpoints_go_under_load(void **state)
{
    (void)state;
    enum { EVERY = 20, CLIENTS = 10, ASKS = 400 };
    struct kit kit;
    struct restless clients[CLIENTS];
    kit_begin(&kit, 3, EVERY);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct restless){
            .op = {.done = ask_on, .arg = &clients[i]}, .kit = &kit, .left = ASKS};
        ask_on(&clients[i].op);
    }
    while (pawl_core_op(pawl_engine_core(kit.engine)) < CLIENTS * ASKS) {
        unsigned count = 0;
        pawl_engine_turn(kit.engine);
        disk_each(kit.disk, count_checkpoint_files, &count);
        /* Two that have names, and one that is about to get its own or has lost it. */
        assert_in_range(count, 0, 3);
    }
    assert_int_equal(kit.fatals, 0);
    kit_free(&kit);
}

static void damaged_checkpoints_are_passed_over(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 4);
    kit_begin(&kit, 4, 50);
    kit_work(&kit, &prng, 200);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    kit_flip_bit_of_checkpoints(&kit);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_close(&kit);
    struct pawl_verify_report report;
    assert_int_equal(kit_verify(&kit, &report).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(kit.msg.text, "checkpoint-"));
    kit_free(&kit);
}

/* The first two by their names. */
struct checkpoint_files {
    char older[128];
    char newer[128];
};

static void note_checkpoint(void *arg, const char *path)
{
    struct checkpoint_files *files = arg;
    if (strstr(path, "checkpoint-") == NULL) {
        return;
    }
    bool later = strcmp(path, files->newer) > 0;
    (void)snprintf(files->older, sizeof(files->older), "%s", later ? files->newer : path);
    if (later) {
        (void)snprintf(files->newer, sizeof(files->newer), "%s", path);
    }
}

/* What was spent between the two must not come back. */
static void an_older_checkpoint_under_the_newer_ones_name_is_not_taken(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    struct pawl_verify_report report;
    struct checkpoint_files files = {"", ""};
    pawl_prng_seed(&prng, 5);
    kit_begin(&kit, 5, 50);
    kit_work(&kit, &prng, 200);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    disk_each(kit.disk, note_checkpoint, &files);
    assert_true(files.older[0] != '\0');
    disk_remove(kit.disk, files.newer);
    assert_int_equal(kit_verify(&kit, &report).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(kit.msg.text, "is missing"));
    disk_rename(kit.disk, files.older, files.newer);
    assert_int_equal(kit_verify(&kit, &report).code, PAWL_ERR_CORRUPT);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

/* --- Repeats. --------------------------------------------------------------------------------- */

static void repeats_get_their_first_answer_after_restart_and_checkpoint(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 5, 1000000);
    struct pawl_command reserve = kit_with_key(kit_reserve("acme", USD, 100), "r-1");
    struct pawl_result first = kit_run(&kit, &reserve);
    struct pawl_command commit = kit_with_key(kit_commit(first.id, USD, 60), "c-1");
    struct pawl_result settled = kit_run(&kit, &commit);
    for (int round = 0; round < 3; round++) {
        if (round == 1) {
            kit_crash(&kit, true);
            kit_open(&kit);
        } else if (round == 2) {
            assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
            kit_close(&kit);
            kit_open(&kit);
        }
        struct pawl_result again = kit_run(&kit, &reserve);
        assert_true(again.replayed);
        assert_int_equal(again.original_op, first.op);
        assert_int_equal(again.id, first.id);
        again = kit_run(&kit, &commit);
        assert_true(again.replayed);
        assert_int_equal(again.original_op, settled.op);
        struct pawl_record record;
        static struct pawl_codec_scratch scratch;
        assert_true(pawl_ok(
            pawl_engine_original(kit.engine, again.original_op, &scratch, &record, &kit.msg)));
        assert_int_equal(record.op, settled.op);
        assert_int_equal(record.result.charged[0].value, 60);
        assert_int_equal(record.result.released[0].value, 40);
        struct pawl_command other = kit_with_key(kit_reserve("acme", USD, 101), "r-1");
        assert_int_equal(kit_run(&kit, &other).code, PAWL_RESULT_IDEMPOTENCY_MISMATCH);
    }
    kit_free(&kit);
}

static void the_original_of_this_very_turn_is_found(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct kit kit;
        kit_init(&kit, 6);
        kit.threads = threads == 1;
        kit.mode = threads == 1 ? PAWL_COMMIT_THREAD : PAWL_COMMIT_INLINE;
        kit_open(&kit);
        struct pawl_command budget = kit_budget("acme", USD, 1000);
        struct pawl_command reserve = kit_with_key(kit_reserve("acme", USD, 100), "r-1");
        struct ask asks[3];
        kit_submit(&kit, &budget, &asks[0]);
        kit_submit(&kit, &reserve, &asks[1]);
        kit_submit(&kit, &reserve, &asks[2]);
        struct pawl_record record;
        static struct pawl_codec_scratch scratch;
        assert_true(asks[2].op.result.replayed);
        assert_true(pawl_ok(pawl_engine_original(kit.engine, asks[2].op.result.original_op,
                                                 &scratch, &record, &kit.msg)));
        assert_int_equal(record.op, asks[1].op.result.op);
        assert_false(asks[0].done);
        pawl_engine_flush(kit.engine);
        assert_true(asks[0].done && asks[1].done && asks[2].done);
        assert_int_equal(pawl_engine_original(kit.engine, 99, &scratch, &record, &kit.msg).code,
                         PAWL_ERR_NOT_FOUND);
        kit_free(&kit);
    }
}

struct counted {
    uint64_t next;
    uint64_t stop_after;
};

static bool count_record(void *arg, const struct pawl_record *record)
{
    struct counted *counted = arg;
    assert_int_equal(record->op, counted->next);
    counted->next++;
    return record->op != counted->stop_after;
}

static void history_can_catch_up_from_any_operation(void **state)
{
    (void)state;
    struct kit kit;
    struct pawl_prng prng;
    pawl_prng_seed(&prng, 7);
    kit_begin(&kit, 7, 1000000);
    kit_work(&kit, &prng, 50);
    uint64_t last_op = pawl_engine_durable_op(kit.engine);
    assert_int_equal(kit.durable_records, last_op);
    for (uint64_t from = 1; from <= last_op + 1; from += 7) {
        struct counted counted = {.next = from};
        assert_true(
            pawl_ok(pawl_engine_records(kit.engine, from, count_record, &counted, &kit.msg)));
        assert_int_equal(counted.next, last_op + 1);
    }
    struct counted counted = {.next = 3, .stop_after = 5};
    assert_true(pawl_ok(pawl_engine_records(kit.engine, 3, count_record, &counted, &kit.msg)));
    assert_int_equal(counted.next, 6);
    kit_free(&kit);
}

/* --- Leases. ---------------------------------------------------------------------------------- */

static void a_lease_that_ran_out_while_nobody_was_there_expires_at_the_next_tick(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 8, 1000000);
    struct pawl_command reserve = kit_reserve("acme", USD, 100);
    uint64_t id = kit_must(&kit, &reserve);
    kit_crash(&kit, true);
    pawl_clock_manual_advance(&kit.time, INT64_C(3600) * PAWL_US_PER_SECOND);
    kit_open(&kit);
    struct pawl_reservation_view view;
    assert_true(pawl_core_reservation(pawl_engine_core(kit.engine), id, &view));
    assert_true(pawl_engine_next_due_us(kit.engine) <= pawl_engine_now_us(kit.engine));
    pawl_engine_tick(kit.engine);
    pawl_engine_turn(kit.engine);
    assert_false(pawl_core_reservation(pawl_engine_core(kit.engine), id, &view));
    struct pawl_command commit = kit_commit(id, USD, 1);
    assert_int_not_equal(kit_run(&kit, &commit).code, PAWL_RESULT_OK);
    kit_free(&kit);
}

static bool note_step(void *arg, const struct pawl_record *record)
{
    struct pawl_record *last = arg;
    last->op = record->op;
    last->command.type = record->command.type;
    last->command.u.note.kind = record->command.u.note.kind;
    last->result.code = record->result.code;
    assert_true(record->command.type != PAWL_COMMAND_NOTE ||
                pawl_slice_equal_str(record->command.metadata, "{\"step_us\":120000000}"));
    return true;
}

static void a_step_of_the_clock_is_a_record(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 16, 1000000);
    int64_t before_us = pawl_engine_now_us(kit.engine);
    kit.time.real_us += 120 * PAWL_US_PER_SECOND;
    pawl_clock_manual_advance(&kit.time, PAWL_US_PER_SECOND);
    pawl_engine_tick(kit.engine);
    pawl_engine_turn(kit.engine);
    /* The ledger's time goes on as if nothing had happened, half a millisecond faster. */
    assert_int_equal(pawl_engine_now_us(kit.engine), before_us + PAWL_US_PER_SECOND + 500);
    struct pawl_record last = {.op = 0};
    assert_true(pawl_ok(pawl_engine_records(kit.engine, 1, note_step, &last, &kit.msg)));
    assert_int_equal(last.command.type, PAWL_COMMAND_NOTE);
    assert_int_equal(last.command.u.note.kind, PAWL_ENGINE_NOTE_CLOCK_STEP);
    assert_int_equal(last.result.code, PAWL_RESULT_OK);
    kit_free(&kit);
}

static void a_clock_far_from_the_journal_needs_a_word(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 17, 1000000);
    kit_close(&kit);
    kit.time.real_us += INT64_C(25) * 3600 * PAWL_US_PER_SECOND;
    assert_int_equal(kit_try_open(&kit).code, PAWL_ERR_CLOCK);
    assert_non_null(strstr(kit.msg.text, "--accept-clock"));
    kit.accept_clock = true;
    kit_open(&kit);
    assert_int_equal(pawl_engine_now_us(kit.engine), kit.time.real_us);
    kit_free(&kit);
}

/* The journal's end says when somebody last asked for something, unless it also says that the
 * process was there: an idle one would not come back after a day, and one that was started with
 * the word would need it again. */
static void an_idle_ledger_keeps_up_with_the_clock(void **state)
{
    (void)state;
    const int64_t hour_us = INT64_C(3600) * PAWL_US_PER_SECOND;
    struct kit kit;
    kit_begin(&kit, 18, 1000000);
    kit_close(&kit);
    kit.alive_every_us = hour_us;
    kit.accept_clock = true;
    kit.time.real_us += 100 * hour_us;
    kit_open(&kit);
    pawl_engine_tick(kit.engine);
    pawl_engine_turn(kit.engine);
    kit.accept_clock = false;
    kit_crash(&kit, true);
    kit_open(&kit);
    uint64_t op = pawl_engine_durable_op(kit.engine);
    for (int64_t passed_us = 0; passed_us < 30 * hour_us;) {
        int64_t wait_us = pawl_engine_next_due_us(kit.engine) - pawl_engine_now_us(kit.engine);
        assert_in_range(wait_us, 1, hour_us);
        pawl_clock_manual_advance(&kit.time, wait_us);
        passed_us += wait_us;
        pawl_engine_tick(kit.engine);
        pawl_engine_turn(kit.engine);
    }
    /* As many as there were hours, and no more. */
    assert_in_range(pawl_engine_durable_op(kit.engine) - op, 29, 31);
    kit_crash(&kit, true);
    kit_open(&kit);
    kit_free(&kit);
}

/* --- The witness. ----------------------------------------------------------------------------- */

static uint64_t witness_op(struct kit *kit)
{
    struct pawl_witness witness;
    assert_true(pawl_ok(pawl_witness_read(disk_files(kit->disk), KIT_DIR, &witness, &kit->msg)));
    return witness.op;
}

static void the_witness_is_a_second_behind_at_most_and_exact_at_the_end(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 9, 1000000);
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    assert_int_equal(witness_op(&kit), 0);
    int64_t due_us = pawl_engine_next_due_us(kit.engine);
    assert_in_range(due_us - pawl_engine_now_us(kit.engine), 1, PAWL_US_PER_SECOND);
    pawl_clock_manual_advance(&kit.time, due_us - pawl_engine_now_us(kit.engine));
    pawl_engine_tick(kit.engine);
    pawl_engine_turn(kit.engine);
    uint64_t seen = pawl_engine_durable_op(kit.engine);
    assert_int_equal(witness_op(&kit), seen);
    assert_int_equal(pawl_engine_next_due_us(kit.engine), INT64_MAX);
    kit_must(&kit, &reserve);
    assert_int_equal(witness_op(&kit), seen);
    kit_close(&kit);
    assert_int_equal(witness_op(&kit), seen + 1);
    kit_free(&kit);
}

/* A checkpoint that is named when the witness knows all that is durable asks nothing of it. A due
 * time that nobody keeps would have the host's loop turn without end. */
static void a_checkpoint_of_what_the_witness_knows_leaves_nothing_due(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 19, 1000000);
    int64_t due_us = pawl_engine_next_due_us(kit.engine);
    pawl_clock_manual_advance(&kit.time, due_us - pawl_engine_now_us(kit.engine));
    pawl_engine_tick(kit.engine);
    pawl_engine_turn(kit.engine);
    assert_int_equal(witness_op(&kit), pawl_engine_durable_op(kit.engine));
    assert_true(pawl_ok(pawl_engine_checkpoint(kit.engine, &kit.msg)));
    pawl_engine_turn(kit.engine);
    assert_int_equal(witness_op(&kit), pawl_engine_durable_op(kit.engine));
    assert_int_equal(pawl_engine_next_due_us(kit.engine), INT64_MAX);
    kit_free(&kit);
}

static void a_journal_that_ends_before_its_witness_is_refused(void **state)
{
    (void)state;
    struct kit kit;
    kit_begin(&kit, 10, 1000000);
    struct disk *older = NULL;
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    kit_must(&kit, &reserve);
    kit_close(&kit);
    older = disk_copy(kit.disk, 1);
    kit_open(&kit);
    kit_must(&kit, &reserve);
    kit_close(&kit);
    /* The older journal with the newer witness: a restored file. */
    struct pawl_witness witness;
    assert_true(pawl_ok(pawl_witness_read(disk_files(kit.disk), KIT_DIR, &witness, &kit.msg)));
    assert_true(pawl_ok(pawl_witness_write(disk_files(older), KIT_DIR, &witness, &kit.msg)));
    disk_free(kit.disk);
    kit.disk = older;
    assert_int_equal(kit_try_open(&kit).code, PAWL_ERR_CORRUPT);
    assert_non_null(strstr(kit.msg.text, "older copy"));
    struct pawl_verify_report report;
    assert_int_equal(kit_verify(&kit, &report).code, PAWL_ERR_CORRUPT);
    disk_remove(kit.disk, KIT_DIR "/witness");
    kit_open(&kit);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_checkpoint_and_both_give_the_same_digest),
        cmocka_unit_test(a_checkpoint_on_request_is_at_the_last_operation),
        cmocka_unit_test(a_checkpoint_gives_way_to_a_command_that_needs_its_memory),
        cmocka_unit_test(a_checkpoint_that_is_cut_is_none),
        cmocka_unit_test(a_last_checkpoint_without_room_is_none),
        cmocka_unit_test(files_of_forgotten_checkpoints_go),
        cmocka_unit_test(files_of_forgotten_checkpoints_go_under_load),
        cmocka_unit_test(damaged_checkpoints_are_passed_over),
        cmocka_unit_test(an_older_checkpoint_under_the_newer_ones_name_is_not_taken),
        cmocka_unit_test(repeats_get_their_first_answer_after_restart_and_checkpoint),
        cmocka_unit_test(the_original_of_this_very_turn_is_found),
        cmocka_unit_test(history_can_catch_up_from_any_operation),
        cmocka_unit_test(a_lease_that_ran_out_while_nobody_was_there_expires_at_the_next_tick),
        cmocka_unit_test(a_step_of_the_clock_is_a_record),
        cmocka_unit_test(a_clock_far_from_the_journal_needs_a_word),
        cmocka_unit_test(an_idle_ledger_keeps_up_with_the_clock),
        cmocka_unit_test(the_witness_is_a_second_behind_at_most_and_exact_at_the_end),
        cmocka_unit_test(a_checkpoint_of_what_the_witness_knows_leaves_nothing_due),
        cmocka_unit_test(a_journal_that_ends_before_its_witness_is_refused),
    };
    return cmocka_run_group_tests_name("engine_restart", tests, NULL, NULL);
}
