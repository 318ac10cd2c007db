/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_sweep.c: one scenario, again and again, with the first, second, third, … call failing,
 * until it passes untouched: writes, syncs, opens, renames of the disk, our allocations, SQLite's
 * allocations. Once for the one call and once for it and all that follow.
 *
 * After each run the process "dies", the directory is opened on a healthy disk, and what was
 * acknowledged must be there: the operations in the journal, the ledger's sums sound, a repeat of
 * the last acknowledged request answered as before. A fault may cost the answer, never the truth.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "tests/lib/kit.h"

#define USD PAWL_UNIT_USD_MICROCENTS

enum { REQUESTS = 24, RUNS_MAX = 20000 };

/* --- SQLite's memory. ------------------------------------------------------------------------- */

static sqlite3_mem_methods real_memory;
static uint64_t memory_calls;
static uint64_t memory_fail_at; /* 0: never */
static uint64_t memory_times;
static uint64_t memory_failures;

static bool memory_fails(void)
{
    if (memory_fail_at == 0) {
        return false;
    }
    memory_calls++;
    bool fails = memory_calls >= memory_fail_at && memory_calls - memory_fail_at < memory_times;
    memory_failures += fails ? 1 : 0;
    return fails;
}

static void *failing_malloc(int bytes)
{
    return memory_fails() ? NULL : real_memory.xMalloc(bytes);
}

static void *failing_realloc(void *memory, int bytes)
{
    return memory_fails() ? NULL : real_memory.xRealloc(memory, bytes);
}

static void arm_sqlite_memory(uint64_t nth, uint64_t times)
{
    memory_calls = 0;
    memory_fail_at = nth;
    memory_times = times;
    memory_failures = 0;
}

static void install_sqlite_memory(void)
{
    int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    PAWL_ASSERT(code == SQLITE_OK);
    sqlite3_mem_methods failing = real_memory;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    code = sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
    PAWL_ASSERT(code == SQLITE_OK);
    /* Without look-aside every allocation comes by here. */
    code = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    PAWL_ASSERT(code == SQLITE_OK);
}

/* --- The scenario. ---------------------------------------------------------------------------- */

struct run {
    struct kit kit;
    struct ask asks[REQUESTS];
    struct pawl_command commands[REQUESTS];
    char keys[REQUESTS][16];
    uint32_t submitted;
    uint64_t acknowledged_op; /* the newest operation that somebody was told about */
    uint32_t last;            /* the request that was told it */
};

static struct pawl_command command_of(const struct run *run, uint32_t i)
{
    const struct pawl_result *before = i > 0 ? &run->asks[i - 1].op.result : NULL;
    if (i == 0) {
        return kit_budget("acme", USD, 100000);
    }
    if (i % 2 == 0 && run->asks[i - 1].done && before->code == PAWL_RESULT_OK) {
        return kit_commit(before->id, USD, 40);
    }
    return kit_reserve("acme", USD, i % 7 == 0 ? 1000000 : 50);
}

static void note_answers(struct run *run)
{
    for (uint32_t i = 0; i < run->submitted; i++) {
        if (run->asks[i].done && run->asks[i].op.result.op > run->acknowledged_op) {
            run->acknowledged_op = run->asks[i].op.result.op;
            run->last = i;
        }
    }
}

/* Asks everything that was not asked yet, up to `until`. */
static void ask(struct run *run, uint32_t until)
{
    for (; run->submitted < until && !pawl_engine_poisoned(run->kit.engine); run->submitted++) {
        uint32_t i = run->submitted;
        (void)snprintf(run->keys[i], sizeof(run->keys[i]), "key-%u", (unsigned)i);
        run->commands[i] = kit_with_key(command_of(run, i), run->keys[i]);
        kit_submit(&run->kit, &run->commands[i], &run->asks[i]);
        if (i % 3 == 0) {
            pawl_engine_flush(run->kit.engine);
        }
    }
    pawl_engine_flush(run->kit.engine);
    note_answers(run);
}

/* Two lives with a checkpoint, a roll-over of segments, the end of the oldest, and an orderly end.
 * Stops where a fault stops it. */
static void scenario(struct run *run)
{
    struct kit *kit = &run->kit;
    for (uint32_t life = 0; life < 2; life++) {
        if (pawl_failed(kit_try_open(kit))) {
            return;
        }
        ask(run, (life + 1) * REQUESTS / 2);
        if (!pawl_engine_poisoned(kit->engine) &&
            pawl_failed(pawl_engine_checkpoint(kit->engine, &kit->msg)) && kit->fatals > 0) {
            kit_close(kit);
            return;
        }
        pawl_clock_manual_advance(&kit->time, 2 * PAWL_US_PER_SECOND);
        pawl_engine_tick(kit->engine);
        pawl_engine_turn(kit->engine);
        bool died = kit->fatals > 0;
        kit_close(kit);
        if (died || kit->fatals > 0) {
            return;
        }
    }
}

static void fail(const char *what, uint64_t nth, const struct run *run, const char *words)
{
    (void)fprintf(stderr, "fault_sweep: %s %" PRIu64 ": %s: %s\n", what, nth, words,
                  run->kit.msg.text);
    abort();
}

/* On a healthy machine again. */
static void look_at_it(struct run *run, const char *what, uint64_t nth)
{
    struct kit *kit = &run->kit;
    if (kit->engine != NULL) {
        kit_close(kit);
    }
    kit->accept_clock = true;
    kit->fatals = 0;
    if (pawl_failed(kit_try_open(kit))) {
        fail(what, nth, run, "it does not open again");
    }
    if (pawl_engine_durable_op(kit->engine) < run->acknowledged_op) {
        fail(what, nth, run, "an acknowledged operation is gone");
    }
    pawl_core_audit(pawl_engine_core(kit->engine));
    if (run->acknowledged_op > 0) {
        const struct pawl_result *told = &run->asks[run->last].op.result;
        struct pawl_result again = kit_run(kit, &run->commands[run->last]);
        bool same = told->code != PAWL_RESULT_OK ||
                    (again.replayed &&
                     again.original_op == (told->replayed ? told->original_op : told->op));
        if (again.code != told->code || !same) {
            fail(what, nth, run, "a repeat is answered otherwise");
        }
    }
    uint64_t digest = kit_digest(kit);
    kit_close(kit);
    kit_open(kit);
    if (kit_digest(kit) != digest) {
        fail(what, nth, run, "the digest changes with a restart");
    }
}

static struct run *run_new(uint64_t seed)
{
    struct run *run = calloc(1, sizeof(*run));
    PAWL_ASSERT(run != NULL);
    kit_init(&run->kit, seed);
    run->kit.checkpoint_every = 9;
    run->kit.segment_bytes = 90 * 1024;
    run->kit.retention.bytes_max = 1;
    return run;
}

static void run_free(struct run *run)
{
    kit_free(&run->kit);
    free(run);
}

/* --- The sweeps. ------------------------------------------------------------------------------ */

struct sweep {
    const char *name;
    enum { SWEEP_DISK, SWEEP_MEMORY, SWEEP_SQLITE } kind;
    enum disk_call call;
};

static void arm(struct run *run, const struct sweep *sweep, uint64_t nth, uint64_t times)
{
    switch (sweep->kind) {
    case SWEEP_DISK:
        disk_fail(run->kit.disk, sweep->call, nth, times);
        return;
    case SWEEP_MEMORY:
        pawl_alloc_fail_at(nth, times);
        return;
    case SWEEP_SQLITE:
        arm_sqlite_memory(nth, times);
        return;
    }
}

static uint64_t failures(const struct run *run, const struct sweep *sweep)
{
    switch (sweep->kind) {
    case SWEEP_DISK:
        return disk_failures(run->kit.disk);
    case SWEEP_MEMORY:
        return pawl_alloc_failures();
    case SWEEP_SQLITE:
        return memory_failures;
    }
    return 0;
}

/* Returns the number of the last place that was met. */
static uint64_t sweep_all(const struct sweep *sweep, uint64_t times, uint64_t stride)
{
    for (uint64_t nth = 1; nth < RUNS_MAX; nth += stride) {
        struct run *run = run_new(nth);
        arm(run, sweep, nth, times);
        scenario(run);
        bool hit = failures(run, sweep) > 0;
        arm(run, sweep, 0, 0);
        if (!hit && run->acknowledged_op == 0) {
            fail(sweep->name, nth, run, "nothing happens at all");
        }
        disk_crash(run->kit.disk, sweep->kind == SWEEP_DISK && nth % 2 == 0);
        look_at_it(run, sweep->name, nth);
        run_free(run);
        if (!hit) {
            return nth == 1 ? 0 : nth - stride;
        }
    }
    (void)fprintf(stderr, "fault_sweep: %s does not end\n", sweep->name);
    abort();
}

int main(int argc, char **argv)
{
    uint64_t stride = 1;
    if (argc > 2 || (argc == 2 && (!pawl_slice_to_u64(pawl_slice_str(argv[1]), &stride) ||
                                   stride == 0 || stride > RUNS_MAX))) {
        (void)fprintf(stderr, "usage: fault_sweep [STRIDE]\n");
        return 2;
    }
    static const struct sweep sweeps[] = {{"write", SWEEP_DISK, DISK_WRITE},
                                          {"truncate", SWEEP_DISK, DISK_TRUNCATE},
                                          {"sync", SWEEP_DISK, DISK_SYNC},
                                          {"open", SWEEP_DISK, DISK_OPEN},
                                          {"read", SWEEP_DISK, DISK_READ},
                                          {"remove", SWEEP_DISK, DISK_REMOVE},
                                          {"rename", SWEEP_DISK, DISK_RENAME},
                                          {"allocation", SWEEP_MEMORY, DISK_ANY},
                                          {"SQLite allocation", SWEEP_SQLITE, DISK_ANY}};
    pawl_log_set(-1, PAWL_LOG_ERROR);
    install_sqlite_memory();
    unsigned passed = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(sweeps); i++) {
        uint64_t each = sweeps[i].kind == SWEEP_SQLITE ? stride : 1;
        uint64_t once = sweep_all(&sweeps[i], 1, each);
        uint64_t for_good = sweep_all(&sweeps[i], UINT64_MAX, stride > 1 ? each * 3 : each);
        (void)printf("%s: %" PRIu64 " places once, %" PRIu64 " for good\n", sweeps[i].name, once,
                     for_good);
        if (once == 0 || for_good == 0) {
            (void)fprintf(stderr, "fault_sweep: no %s was ever met\n", sweeps[i].name);
            return 1;
        }
        passed += 2;
    }
    (void)printf("%u sweeps passed, 0 failed\n", passed);
    return 0;
}
