/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_commit.c: nobody is answered before it is durable, everybody in order; a failure
 * stops everything for good.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/core.h"
#include "journal/witness.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

/* --- A disk whose syncs can be held back, and somebody to wait for. --------------------------- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held;
    unsigned entered; /* syncs that came to the gate */
    unsigned wakes;
};

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){.held = false};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

static void gate_on_sync(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    gate->entered++;
    pthread_cond_broadcast(&gate->changed);
    while (gate->held) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static void gate_on_wake(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->lock);
    gate->wakes++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_hold(struct gate *gate, bool held)
{
    pthread_mutex_lock(&gate->lock);
    gate->held = held;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Until so many syncs came to the gate, or wakes were made. */
static void gate_wait(struct gate *gate, const unsigned *counter, unsigned least)
{
    pthread_mutex_lock(&gate->lock);
    while (*counter < least) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static void kit_open_with(struct kit *kit,
                          struct gate *gate,
                          void (*durable_batch)(void *arg, const struct pawl_journal_batch *batch),
                          void *durable_batch_arg)
{
    gate_init(gate);
    kit_init(kit, 1);
    kit->mode = PAWL_COMMIT_THREAD;
    kit->threads = true;
    kit->wake = gate_on_wake;
    kit->wake_arg = gate;
    kit->durable_batch = durable_batch;
    kit->durable_batch_arg = durable_batch_arg;
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    kit_must(kit, &budget);
    disk_on_sync(kit->disk, gate_on_sync, gate);
}

static void kit_open_with_gate(struct kit *kit, struct gate *gate)
{
    kit_open_with(kit, gate, NULL, NULL);
}

/* --- Durable first. --------------------------------------------------------------------------- */

static void with_a_thread_nothing_is_answered_while_the_sync_hangs(void **state)
{
    (void)state;
    struct kit kit;
    struct gate gate;
    kit_open_with_gate(&kit, &gate);
    gate_hold(&gate, true);
    struct pawl_command grant = kit_reserve("acme", USD, 600);
    struct pawl_command denial = kit_reserve("acme", USD, 5000);
    struct ask granted;
    struct ask denied;
    struct ask barrier;
    struct ask later;
    unsigned entered = gate.entered;
    unsigned wakes = gate.wakes;
    kit_submit(&kit, &grant, &granted);
    kit_submit(&kit, &denial, &denied);
    kit_submit(&kit, NULL, &barrier);
    pawl_engine_turn(kit.engine);
    gate_wait(&gate, &gate.entered, entered + 1);
    /* The batch is on its way and not durable; the next one collects. */
    kit_submit(&kit, &grant, &later);
    pawl_engine_turn(kit.engine);
    pawl_engine_collect(kit.engine);
    assert_false(granted.done || denied.done || barrier.done || later.done);
    gate_hold(&gate, false);
    while (!granted.done) { /* The first wake may be a late one of the commit before. */
        wakes++;
        gate_wait(&gate, &gate.wakes, wakes);
        pawl_engine_collect(kit.engine);
    }
    assert_true(denied.done && barrier.done);
    assert_int_equal(granted.op.result.code, PAWL_RESULT_OK);
    assert_int_equal(denied.op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    assert_true(granted.order < denied.order && denied.order < barrier.order);
    pawl_engine_flush(kit.engine);
    assert_true(later.done);
    assert_int_equal(later.op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    kit_free(&kit);
}

static void a_large_batch_does_not_wait_for_the_end_of_the_turn(void **state)
{
    (void)state;
    struct kit kit;
    struct gate gate;
    kit_open_with_gate(&kit, &gate);
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    struct ask asks[40];
    unsigned entered = gate.entered;
    gate_hold(&gate, true);
    for (size_t i = 0; i < 40; i++) {
        kit_submit(&kit, &reserve, &asks[i]);
    }
    /* No turn so far, and a sync all the same; none of them is answered. */
    gate_wait(&gate, &gate.entered, entered + 1);
    assert_false(asks[0].done);
    gate_hold(&gate, false);
    pawl_engine_flush(kit.engine);
    for (size_t i = 0; i < 40; i++) {
        assert_true(asks[i].done);
    }
    assert_true(asks[0].order < asks[39].order);
    kit_free(&kit);
}

/* How many operations each batch had. */
struct sizes {
    uint64_t of[16];
    size_t count;
};

static void note_size(void *arg, const struct pawl_journal_batch *batch)
{
    struct sizes *sizes = arg;
    assert_true(sizes->count < PAWL_ARRAY_LEN(sizes->of));
    sizes->of[sizes->count++] = batch->last_op - batch->first_op + 1;
}

/* So many ask in one turn, and the disk does not get on meanwhile. */
static void ask_at_once(struct kit *kit, struct gate *gate, size_t count)
{
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    struct ask asks[64];
    assert_true(count <= PAWL_ARRAY_LEN(asks));
    gate_hold(gate, true);
    for (size_t i = 0; i < count; i++) {
        kit_submit(kit, &reserve, &asks[i]);
    }
    gate_hold(gate, false);
    pawl_engine_flush(kit->engine);
    for (size_t i = 0; i < count; i++) {
        assert_true(asks[i].done);
    }
}

/* Where many ask at once, an early batch is half of them: those are synced while the other half is
 * served. A few that came late between them do not make it small. */
static void an_early_batch_is_half_of_those_who_ask(void **state)
{
    (void)state;
    struct kit kit;
    struct gate gate;
    struct sizes sizes = {.count = 0};
    kit_open_with(&kit, &gate, note_size, &sizes);
    sizes.count = 0;
    ask_at_once(&kit, &gate, 64);
    ask_at_once(&kit, &gate, 64);
    ask_at_once(&kit, &gate, 1);
    ask_at_once(&kit, &gate, 64);
    assert_int_equal(sizes.count, 7);
    assert_int_equal(sizes.of[0] + sizes.of[1], 64); /* nothing is known yet */
    assert_int_equal(sizes.of[0], 16);
    assert_int_equal(sizes.of[2], 32);
    assert_int_equal(sizes.of[3], 32);
    assert_int_equal(sizes.of[4], 1);
    assert_in_range(sizes.of[5], 24, 40); /* of what the largest two had in a row */
    assert_int_equal(sizes.of[5] + sizes.of[6], 64);
    kit_free(&kit);
}

struct watcher {
    struct ask *asks;
    size_t count;
    unsigned syncs;
};

static void none_is_done(void *arg)
{
    struct watcher *watcher = arg;
    watcher->syncs++;
    for (size_t i = 0; i < watcher->count; i++) {
        assert_false(watcher->asks[i].done);
    }
}

static void inline_nothing_is_answered_before_the_sync(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 2);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    kit_must(&kit, &budget);
    struct ask asks[3];
    struct watcher watcher = {.asks = asks, .count = 3};
    struct pawl_command reserve = kit_reserve("acme", USD, 400);
    for (size_t i = 0; i < 3; i++) {
        kit_submit(&kit, &reserve, &asks[i]);
        assert_false(asks[i].done);
    }
    disk_on_sync(kit.disk, none_is_done, &watcher);
    pawl_engine_turn(kit.engine);
    disk_on_sync(kit.disk, NULL, NULL);
    assert_int_equal(watcher.syncs, 1);
    assert_true(asks[0].order < asks[1].order && asks[1].order < asks[2].order);
    assert_int_equal(asks[2].op.result.code, PAWL_RESULT_BUDGET_EXCEEDED);
    assert_null(asks[2].op.result.expired);
    kit_free(&kit);
}

static void one_sync_serves_everybody_who_waits(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 3);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000000);
    kit_must(&kit, &budget);
    struct ask asks[200];
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    uint64_t syncs = disk_calls(kit.disk, DISK_SYNC);
    for (size_t i = 0; i < 200; i++) {
        kit_submit(&kit, &reserve, &asks[i]);
    }
    pawl_engine_turn(kit.engine);
    assert_int_equal(disk_calls(kit.disk, DISK_SYNC), syncs + 1);
    for (size_t i = 0; i < 200; i++) {
        assert_true(asks[i].done);
        assert_int_equal(asks[i].op.result.op, asks[0].op.result.op + i);
    }
    kit_free(&kit);
}

static void a_read_waits_for_what_it_has_seen(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 4);
    kit_open(&kit);
    struct ask first;
    kit_submit(&kit, NULL, &first);
    assert_false(first.done);
    pawl_engine_turn(kit.engine);
    assert_true(first.done);
    /* Nothing is open any more, and still not inside the call. */
    struct ask second;
    uint64_t syncs = disk_calls(kit.disk, DISK_SYNC);
    kit_submit(&kit, NULL, &second);
    assert_false(second.done);
    pawl_engine_turn(kit.engine);
    assert_true(second.done);
    assert_int_equal(disk_calls(kit.disk, DISK_SYNC), syncs);
    kit_free(&kit);
}

struct chain {
    struct pawl_op op;
    struct kit *kit;
    int left;
};

static void ask_again(struct pawl_op *op)
{
    struct chain *chain = op->arg;
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    if (--chain->left > 0) {
        pawl_engine_submit(chain->kit->engine, &reserve, &chain->op);
        pawl_engine_turn(chain->kit->engine);
    }
}

static void an_answer_may_ask_again(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct kit kit;
        kit_init(&kit, 5);
        kit.mode = threads == 1 ? PAWL_COMMIT_THREAD : PAWL_COMMIT_INLINE;
        kit.threads = threads == 1;
        kit_open(&kit);
        struct pawl_command budget = kit_budget("acme", USD, 1000);
        kit_must(&kit, &budget);
        struct chain chain = {.op = {.done = ask_again, .arg = &chain}, .kit = &kit, .left = 50};
        struct pawl_command reserve = kit_reserve("acme", USD, 1);
        pawl_engine_submit(kit.engine, &reserve, &chain.op);
        pawl_engine_flush(kit.engine);
        assert_int_equal(chain.left, 0);
        assert_int_equal(pawl_core_op(pawl_engine_core(kit.engine)), 52);
        assert_int_equal(pawl_engine_durable_op(kit.engine), 52);
        kit_free(&kit);
    }
}

static void a_turn_that_leaves_something_is_due_at_once(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct kit kit;
        kit_init(&kit, 6);
        kit.threads = threads == 1; /* of files beside the journal; commits are inline */
        kit_open(&kit);
        struct pawl_command budget = kit_budget("acme", USD, 1000);
        kit_must(&kit, &budget);
        struct chain chain = {.op = {.done = ask_again, .arg = &chain}, .kit = &kit, .left = 40};
        struct pawl_command reserve = kit_reserve("acme", USD, 1);
        pawl_engine_submit(kit.engine, &reserve, &chain.op);
        int turns = 0;
        while (chain.left > 0) {
            assert_true(pawl_engine_next_due_us(kit.engine) <= pawl_engine_now_us(kit.engine));
            pawl_engine_turn(kit.engine);
            turns++;
        }
        assert_true(turns > 1 && turns < 40);
        kit_free(&kit);
    }
}

/* --- The witness. ----------------------------------------------------------------------------- */

/* Files of which a checkpoint hangs in its sync. */
static struct gate checkpoint_gate;
static struct gate witness_gate;
static struct pawl_files_ops hanging_ops;
static pawl_err (*publish_at_once)(struct pawl_file *file,
                                   const char *path,
                                   struct pawl_errmsg *msg);

static pawl_err hanging_publish(struct pawl_file *file, const char *path, struct pawl_errmsg *msg)
{
    bool witness = strstr(path, "witness") != NULL;
    if (!witness) {
        gate_on_sync(&checkpoint_gate);
    }
    pawl_err err = publish_at_once(file, path, msg);
    if (witness) {
        gate_on_sync(&witness_gate);
    }
    return err;
}

/* Collects with every wake until so many came to the gate. */
static void collect_until(struct kit *kit, struct gate *gate, unsigned least)
{
    for (;;) {
        pthread_mutex_lock(&gate->lock);
        unsigned wakes = gate->wakes;
        bool there = gate->entered >= least;
        pthread_mutex_unlock(&gate->lock);
        if (there) {
            return;
        }
        pawl_engine_collect(kit->engine);
        pthread_mutex_lock(&gate->lock);
        while (gate->entered < least && gate->wakes == wakes) {
            pthread_cond_wait(&gate->changed, &gate->lock);
        }
        pthread_mutex_unlock(&gate->lock);
    }
}

static void wake_both(void *arg)
{
    (void)arg;
    gate_on_wake(&checkpoint_gate);
    gate_on_wake(&witness_gate);
}

static void the_witness_does_not_wait_for_a_checkpoint(void **state)
{
    (void)state;
    struct kit kit;
    gate_init(&checkpoint_gate);
    gate_init(&witness_gate);
    kit_init(&kit, 8);
    struct pawl_files files = *disk_files(kit.disk);
    hanging_ops = *files.ops;
    publish_at_once = hanging_ops.publish;
    hanging_ops.publish = hanging_publish;
    files.ops = &hanging_ops;
    kit.files = &files;
    kit.mode = PAWL_COMMIT_THREAD;
    kit.threads = true;
    kit.wake = wake_both;
    kit.checkpoint_every = 2;
    kit_open(&kit);
    gate_hold(&checkpoint_gate, true);
    struct pawl_command budget = kit_budget("acme", USD, 1000);
    kit_must(&kit, &budget);
    collect_until(&kit, &checkpoint_gate, 1);
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    kit_must(&kit, &reserve);
    uint64_t op = pawl_engine_durable_op(kit.engine);
    pawl_clock_manual_advance(&kit.time, PAWL_US_PER_SECOND);
    unsigned witnesses = witness_gate.entered;
    pawl_engine_turn(kit.engine);
    collect_until(&kit, &witness_gate, witnesses + 1);
    struct pawl_witness witness;
    assert_true(pawl_ok(pawl_witness_read(&files, KIT_DIR, &witness, &kit.msg)));
    assert_int_equal(witness.op, op);
    assert_int_equal(checkpoint_gate.entered, 1);
    gate_hold(&checkpoint_gate, false);
    kit_free(&kit);
}

/* --- Failures. -------------------------------------------------------------------------------- */

static void a_failed_commit_stops_everything_for_good(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct kit kit;
        kit_init(&kit, 6);
        kit.mode = threads == 1 ? PAWL_COMMIT_THREAD : PAWL_COMMIT_INLINE;
        kit.threads = threads == 1;
        kit_open(&kit);
        struct pawl_command budget = kit_budget("acme", USD, 1000);
        kit_must(&kit, &budget);
        struct pawl_command reserve = kit_reserve("acme", USD, 10);
        struct ask first;
        struct ask second;
        disk_fail(kit.disk, DISK_SYNC, 1, 1);
        kit_submit(&kit, &reserve, &first);
        pawl_engine_flush(kit.engine);
        assert_int_equal(kit.fatals, 1);
        assert_int_equal(kit.fatal.code, PAWL_ERR_IO);
        assert_true(strlen(kit.msg.text) > 0);
        assert_true(pawl_engine_poisoned(kit.engine));
        /* The disk is well again. Nobody asks it. */
        uint64_t changes = disk_changes(kit.disk);
        kit_submit(&kit, &reserve, &second);
        pawl_engine_turn(kit.engine);
        pawl_engine_tick(kit.engine);
        pawl_engine_flush(kit.engine);
        kit_close(&kit);
        assert_false(first.done || second.done);
        assert_int_equal(disk_changes(kit.disk), changes);
        assert_int_equal(kit.fatals, 1);
        kit_free(&kit);
    }
}

/* Asks until an allocation fails, 2,000 times at most. The one that met the failure goes to
 * *ret_ask. */
static bool ask_until_memory_fails(struct kit *kit, uint64_t nth, struct ask *ret_ask)
{
    struct pawl_command reserve = kit_reserve("acme", USD, 1);
    bool failed = false;
    pawl_alloc_fail_at(nth, 1);
    for (int i = 0; i < 2000 && !failed; i++) {
        uint64_t op = pawl_core_op(pawl_engine_core(kit->engine));
        kit_submit(kit, &reserve, ret_ask);
        failed = pawl_alloc_failures() > 0;
        bool refused = ret_ask->op.result.code == PAWL_RESULT_LIMIT_REACHED;
        assert_int_equal(pawl_core_op(pawl_engine_core(kit->engine)), refused ? op : op + 1);
        assert_true(failed || !refused);
        pawl_engine_flush(kit->engine);
        assert_true(ret_ask->done);
    }
    pawl_alloc_fail_at(0, 0);
    return failed;
}

static void without_memory_the_answer_is_no_and_nothing_has_changed(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 7);
    kit_open(&kit);
    struct pawl_command budget = kit_budget("acme", USD, 1000000);
    kit_must(&kit, &budget);
    unsigned refused = 0;
    struct ask ask;
    for (uint64_t nth = 1; ask_until_memory_fails(&kit, nth, &ask); nth++) {
        refused += ask.op.result.code == PAWL_RESULT_LIMIT_REACHED ? 1 : 0;
    }
    assert_true(refused > 0);
    assert_int_equal(kit.fatals, 0);
    uint64_t digest = kit_digest(&kit);
    kit_close(&kit);
    kit_open(&kit);
    assert_int_equal(kit_digest(&kit), digest);
    kit_free(&kit);
}

static void what_does_not_fit_the_journal_is_answered_without_it(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 8);
    kit_open(&kit);
    char name[PAWL_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    struct pawl_command reserve = kit_reserve(name, USD, 1);
    uint64_t op = pawl_core_op(pawl_engine_core(kit.engine));
    struct pawl_result result = kit_run(&kit, &reserve);
    assert_int_equal(result.code, PAWL_RESULT_INVALID_REQUEST);
    assert_int_equal(result.op, 0);
    assert_int_equal(pawl_core_op(pawl_engine_core(kit.engine)), op);
    /* What fits and makes no sense is the ledger's to refuse, and recorded. */
    reserve = kit_reserve("acme", USD, -1);
    result = kit_run(&kit, &reserve);
    assert_int_equal(result.code, PAWL_RESULT_INVALID_REQUEST);
    assert_int_equal(result.op, op + 1);
    kit_free(&kit);
}

/* --- Size. ------------------------------------------------------------------------------------ */

static void a_batch_that_is_full_is_committed_before_it_takes_more(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 12);
    kit_open(&kit);
    char metadata[PAWL_METADATA_BYTES_MAX];
    memset(metadata, 'm', sizeof(metadata));
    struct pawl_command note = {.type = PAWL_COMMAND_NOTE,
                                .metadata = pawl_slice_of(metadata, sizeof(metadata)),
                                .u.note.tenant = PAWL_SLICE("acme")};
    static struct ask asks[4200];
    for (size_t i = 0; i < 4200; i++) {
        kit_submit(&kit, &note, &asks[i]);
    }
    /* 4,200 notes have more than 16 MiB: the first of them are durable, nobody is answered yet. */
    assert_true(pawl_engine_durable_op(kit.engine) > 3000);
    assert_false(asks[0].done);
    pawl_engine_turn(kit.engine);
    pawl_engine_flush(kit.engine);
    for (size_t i = 0; i < 4200; i++) {
        assert_true(asks[i].done);
    }
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_thread_nothing_is_answered_while_the_sync_hangs),
        cmocka_unit_test(a_large_batch_does_not_wait_for_the_end_of_the_turn),
        cmocka_unit_test(an_early_batch_is_half_of_those_who_ask),
        cmocka_unit_test(inline_nothing_is_answered_before_the_sync),
        cmocka_unit_test(one_sync_serves_everybody_who_waits),
        cmocka_unit_test(a_read_waits_for_what_it_has_seen),
        cmocka_unit_test(an_answer_may_ask_again),
        cmocka_unit_test(a_turn_that_leaves_something_is_due_at_once),
        cmocka_unit_test(the_witness_does_not_wait_for_a_checkpoint),
        cmocka_unit_test(a_failed_commit_stops_everything_for_good),
        cmocka_unit_test(without_memory_the_answer_is_no_and_nothing_has_changed),
        cmocka_unit_test(what_does_not_fit_the_journal_is_answered_without_it),
        cmocka_unit_test(a_batch_that_is_full_is_committed_before_it_takes_more),
    };
    return cmocka_run_group_tests_name("engine_commit", tests, NULL, NULL);
}
