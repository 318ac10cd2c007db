/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.c: the process's lives. A life begins with opening the directory, which may be where
 * the fault strikes; it ends in good order, by a kill, by a power failure, or by the engine
 * giving up. Between two lives the auditor reads the whole journal again and compares.
 */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

#define HOUR_US (INT64_C(3600) * PAWL_US_PER_SECOND)

enum { OPENS_MAX = 20, REPLAYS_VERIFIED_MAX = 6000 };

/* --- A life. ---------------------------------------------------------------------------------- */

static void on_fatal(void *arg, pawl_err err, const struct pawl_errmsg *msg)
{
    struct sim *sim = arg;
    (void)err;
    sim->died = true;
    sim->msg = *msg;
    sim_tell(sim, "the engine gives up: %s", msg->text);
}

static void on_durable(void *arg, const struct pawl_record *record)
{
    struct sim *sim = arg;
    audit_record(sim->audit, record);
    audit_learn_sessions(sim->audit, pawl_engine_core(sim->engine));
}

static struct pawl_config config_of(const struct sim *sim)
{
    struct pawl_config config = pawl_engine_default_config();
    config.hash_key = (struct pawl_hash_key){sim->seed, 1};
    config.id_key = (struct pawl_hash_key){sim->seed, 2};
    return config;
}

static pawl_err try_open(struct sim *sim, bool accept_clock)
{
    struct pawl_journal_sqlite_options files = {.dir = SIM_DIR,
                                                .allow_any_filesystem = true,
                                                .vfs = disk_vfs(sim->disk),
                                                .files = disk_files(sim->disk),
                                                .segment_bytes_max = sim->segment_bytes};
    struct pawl_journal *journal = NULL;
    pawl_err err = pawl_journal_sqlite_open(&files, &journal, &sim->msg);
    if (err.code == PAWL_ERR_NOT_FOUND && audit_last_op(sim->audit) == 0) {
        files.create = true;
        err = pawl_journal_sqlite_open(&files, &journal, &sim->msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_config config = config_of(sim);
    struct pawl_engine_options options = {.journal = journal,
                                          .dir = SIM_DIR,
                                          .clock = pawl_clock_from_manual(&sim->time),
                                          .accept_clock = accept_clock,
                                          .commit_mode = PAWL_COMMIT_INLINE,
                                          .durable = on_durable,
                                          .durable_arg = sim,
                                          .fatal = on_fatal,
                                          .fatal_arg = sim,
                                          .config = &config,
                                          .checkpoint_every_ops = sim->checkpoint_every,
                                          .retention = sim->retention,
                                          .files = disk_files(sim->disk),
                                          .single_threaded = true};
    return pawl_engine_open(&options, &sim->engine, &sim->msg);
}

static bool recheck(void *arg, const struct pawl_record *record)
{
    struct sim *sim = arg;
    audit_recheck(sim->audit, record);
    audit_learn_sessions(sim->audit, pawl_engine_core(sim->engine));
    return true;
}

/* A replay of everything that is there, beside the engine's checkpoint and tail. */
static uint64_t verified_digest(struct sim *sim)
{
    struct pawl_verify_options options = {.dir = SIM_DIR,
                                          .allow_any_filesystem = true,
                                          .vfs = disk_vfs(sim->disk),
                                          .files = disk_files(sim->disk)};
    struct pawl_verify_report report;
    pawl_err err = pawl_engine_verify(&options, &report, &sim->msg);
    if (err.code == PAWL_ERR_NOT_FOUND && audit_last_op(sim->audit) == 0) {
        return 0;
    }
    if (pawl_failed(err)) {
        program_fail("verification says %s: %s", pawl_err_name(err), sim->msg.text);
    }
    sim->counts.verified++;
    return report.digest;
}

static bool worth_verifying(struct sim *sim)
{
    return audit_last_op(sim->audit) < REPLAYS_VERIFIED_MAX || pawl_prng_one_in(&sim->prng, 10);
}

/* Opens until it succeeds; faults that strike here end that attempt like any other life. Returns
 * the digest of a full replay of what was there just before, or 0. */
static uint64_t open_again(struct sim *sim)
{
    for (int attempt = 0;; attempt++) {
        uint64_t digest = worth_verifying(sim) ? verified_digest(sim) : 0;
        if (pawl_prng_one_in(&sim->prng, 4)) {
            world_arm_fault(sim);
        }
        sim->died = false;
        pawl_err err = try_open(sim, false);
        if (err.code == PAWL_ERR_CLOCK) {
            err = try_open(sim, true);
        }
        if (pawl_ok(err)) {
            sim_tell(sim, "opened at operation %" PRIu64, pawl_engine_durable_op(sim->engine));
            return digest;
        }
        sim_tell(sim, "does not open: %s", sim->msg.text);
        bool excused = disk_failures(sim->disk) > 0 || disk_dead(sim->disk);
        if (!excused || attempt == OPENS_MAX) {
            program_fail("it does not open: %s: %s", pawl_err_name(err), sim->msg.text);
        }
        sim->counts.failed_opens++;
        /* With the power the tail may go that nobody was told about, and that was read before. */
        bool power = pawl_prng_one_in(&sim->prng, 2);
        sim_tell(sim, "%s", power ? "power failure" : "kill");
        disk_crash(sim->disk, power);
    }
}

static void look_at_it(struct sim *sim, uint64_t digest)
{
    uint64_t known = audit_last_op(sim->audit);
    uint64_t durable = pawl_engine_durable_op(sim->engine);
    if (durable < known) {
        program_fail("operation %" PRIu64 " was told and the journal ends at %" PRIu64, known,
                     durable);
    }
    uint64_t first = pawl_engine_first_op(sim->engine);
    if (first > 1 && (sim->retention.keep_all || first > known + 1)) {
        program_fail("the journal begins at operation %" PRIu64 ", %" PRIu64 " were told", first,
                     known);
    }
    if (durable > 0) {
        sim->counts.removed = first - 1;
        pawl_err err = pawl_engine_records(sim->engine, first, recheck, sim, &sim->msg);
        if (pawl_failed(err)) {
            program_fail("the journal cannot be read: %s", sim->msg.text);
        }
    }
    if (audit_last_op(sim->audit) != durable) {
        program_fail("the journal has %" PRIu64 " records of %" PRIu64, audit_last_op(sim->audit),
                     durable);
    }
    const struct pawl_core *core = pawl_engine_core(sim->engine);
    pawl_core_audit(core);
    audit_totals(sim->audit, core, pawl_engine_now_us(sim->engine));
    if (digest != 0 && durable > 0 && digest != pawl_core_digest(core)) {
        program_fail("full replay gives digest %016" PRIx64 ", checkpoint and tail %016" PRIx64,
                     digest, pawl_core_digest(core));
    }
}

static void next_life(struct sim *sim)
{
    if (pawl_prng_one_in(&sim->prng, 20)) {
        pawl_clock_manual_advance(&sim->time, pawl_prng_between(&sim->prng, 0, 40 * HOUR_US));
    }
    uint64_t digest = open_again(sim);
    if (disk_dead(sim->disk)) {
        return; /* it died with its last call, and will be buried after this step */
    }
    disk_fail(sim->disk, DISK_ANY, 0, 0);
    disk_die_at(sim->disk, 0);
    disk_limit(sim->disk, 0);
    look_at_it(sim, digest);
    world_arm_fault(sim);
}

void world_open_first(struct sim *sim)
{
    next_life(sim);
}

/* The process is gone: its memory goes, and nothing that its engine still tries reaches the disk.
 */
static void bury(struct sim *sim, bool power)
{
    sim_tell(sim, "%s after operation %" PRIu64, power ? "power failure" : "kill",
             audit_last_op(sim->audit));
    disk_crash(sim->disk, power);
    pawl_engine_close(sim->engine);
    sim->engine = NULL;
    clients_lose(sim);
    next_life(sim);
}

void world_crash(struct sim *sim, bool power)
{
    sim->counts.kills += power ? 0 : 1;
    sim->counts.power_failures += power ? 1 : 0;
    bury(sim, power);
}

void world_bury(struct sim *sim)
{
    if (sim->died || disk_dead(sim->disk)) {
        sim->counts.faults++;
        bury(sim, pawl_prng_one_in(&sim->prng, 2));
    }
}

void world_restart(struct sim *sim)
{
    pawl_engine_flush(sim->engine);
    if (sim->died || disk_dead(sim->disk)) {
        return; /* a fault was faster */
    }
    pawl_engine_close(sim->engine);
    sim->engine = NULL;
    sim->counts.orderly++;
    sim_tell(sim, "orderly end after operation %" PRIu64, audit_last_op(sim->audit));
    if (sim->died || disk_dead(sim->disk)) {
        disk_crash(sim->disk, pawl_prng_one_in(&sim->prng, 2));
    }
    disk_crash(sim->disk, false);
    clients_lose(sim);
    next_life(sim);
}

/* --- Faults and time. ------------------------------------------------------------------------- */

void world_arm_fault(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    if (!pawl_prng_one_in(prng, sim->fault_one_in)) {
        return;
    }
    uint64_t nth = pawl_prng_below(prng, pawl_prng_one_in(prng, 2) ? 20 : 400) + 1;
    uint64_t times = pawl_prng_one_in(prng, 2) ? 1 : UINT64_MAX;
    sim_tell(sim, "a fault is armed, %" PRIu64 " calls ahead", nth);
    switch (pawl_prng_below(prng, 6)) {
    case 0:
        disk_fail(sim->disk, DISK_WRITE, nth, times);
        return;
    case 1:
        disk_fail(sim->disk, DISK_SYNC, nth, times);
        return;
    case 2:
        disk_fail(sim->disk, DISK_ANY, nth, times);
        return;
    case 3:
        disk_limit(sim->disk, disk_bytes(sim->disk) + pawl_prng_below(prng, 200000));
        return;
    default:
        disk_die_at(sim->disk, nth);
        return;
    }
}

void world_pass_time(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    int64_t most_us = 200 * PAWL_US_PER_MS;
    if (pawl_prng_one_in(prng, 20)) {
        most_us = pawl_prng_one_in(prng, 20) ? HOUR_US : 20 * PAWL_US_PER_SECOND;
    }
    pawl_clock_manual_advance(&sim->time, pawl_prng_between(prng, 0, most_us));
    if (pawl_prng_one_in(prng, 500)) {
        /* Somebody sets the clock. */
        sim->time.real_us += pawl_prng_between(prng, -200 * PAWL_US_PER_SECOND, HOUR_US);
    }
}

/* --- The end. --------------------------------------------------------------------------------- */

/* Heal everything; then everybody must get an answer, and the books must agree. */
void world_end(struct sim *sim)
{
    world_bury(sim);
    sim->fault_one_in = UINT32_MAX;
    disk_fail(sim->disk, DISK_ANY, 0, 0);
    disk_die_at(sim->disk, 0);
    disk_limit(sim->disk, 0);
    for (int round = 0; !clients_quiet(sim) && round < 1000; round++) {
        clients_retry_one(sim);
        pawl_engine_flush(sim->engine);
    }
    if (!clients_quiet(sim) || sim->died) {
        program_fail("somebody still waits on a healthy disk");
    }
    uint64_t digest = pawl_core_digest(pawl_engine_core(sim->engine));
    pawl_engine_close(sim->engine);
    sim->engine = NULL;
    if (verified_digest(sim) != digest) {
        program_fail("the last state and its replay differ");
    }
    (void)open_again(sim);
    look_at_it(sim, digest);
    pawl_engine_close(sim->engine);
    sim->engine = NULL;
}
