/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c: pawl_sim, the simulator's program.
 *
 *   pawl_sim [--seed=N] [--ops=M] [--seconds=S] [--seeds=FILE] [--tell]
 *
 * One seed draws everything. It is printed first, with the line that repeats the run. --seconds
 * goes on with the seeds that follow until the time is over; --seeds runs each number at the
 * beginning of a line of the file. --tell prints what happens to the process and its disk. Without
 * a seed one is taken from the system.
 *
 * A finding is a failed assertion or a sentence on stderr and the status 134 of abort(3).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "sim.h"
#include "tests/lib/program.h"

enum { OPS_DEFAULT = 4000, LINE_BYTES = 256 };

#define START_US (INT64_C(1790000000) * PAWL_US_PER_SECOND)

void sim_tell(const struct sim *sim, const char *format, ...)
{
    if (!sim->tells) {
        return;
    }
    va_list arguments;
    (void)printf("  [change %" PRIu64 "] ", disk_changes(sim->disk));
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* Of a source of its own, so that the seeds that were found before mean what they meant. Segments
 * of the default size never end here, and with them nothing is ever removed. */
static struct pawl_journal_retention draw_retention(uint64_t seed, int64_t segment_bytes)
{
    struct pawl_prng prng;
    pawl_prng_seed(&prng, ~seed);
    struct pawl_journal_retention retention = {.keep_all = pawl_prng_one_in(&prng, 3)};
    retention.bytes_max = pawl_prng_between(&prng, 1, 5) * segment_bytes;
    retention.age_us = pawl_prng_between(&prng, 1, 600) * PAWL_US_PER_SECOND;
    return retention;
}

static struct sim *sim_new(uint64_t seed, uint64_t ops)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    PAWL_ASSERT(sim != NULL);
    pawl_prng_seed(&sim->prng, seed);
    struct pawl_prng *prng = &sim->prng;
    sim->seed = seed;
    sim->ops = ops;
    sim->tenant_count = (uint32_t)pawl_prng_between(prng, 1, SIM_TENANTS_MAX);
    sim->client_count = (uint32_t)pawl_prng_between(prng, 1, SIM_CLIENTS_MAX);
    sim->checkpoint_every = (uint64_t)pawl_prng_between(prng, 5, 600);
    sim->segment_bytes = pawl_prng_one_in(prng, 2) ? pawl_prng_between(prng, 100, 400) * 1024 : 0;
    sim->retention = draw_retention(seed, sim->segment_bytes);
    sim->turn_one_in = (uint32_t)pawl_prng_between(prng, 1, 30);
    sim->fault_one_in = (uint32_t)pawl_prng_between(prng, 1, 6);
    sim->disk = disk_new(pawl_prng_next(prng));
    sim->time = (struct pawl_clock_manual){.real_us = START_US, .boot_us = 1};
    sim->audit = audit_new();
    clients_init(sim);
    return sim;
}

static void sim_free(struct sim *sim)
{
    audit_free(sim->audit);
    disk_free(sim->disk);
    free(sim);
}

static void maybe_checkpoint(struct sim *sim)
{
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_engine_checkpoint(sim->engine, &msg);
    sim->counts.checkpoints += pawl_ok(err) ? 1 : 0;
}

static void step(struct sim *sim)
{
    struct pawl_prng *prng = &sim->prng;
    clients_act(sim);
    if (pawl_prng_one_in(prng, sim->turn_one_in)) {
        pawl_engine_turn(sim->engine);
    }
    if (pawl_prng_one_in(prng, 3)) {
        world_pass_time(sim);
        pawl_engine_tick(sim->engine);
    }
    if (pawl_prng_one_in(prng, 400)) {
        maybe_checkpoint(sim);
    }
    world_bury(sim);
    if (pawl_prng_one_in(prng, 300)) {
        world_crash(sim, pawl_prng_one_in(prng, 2));
    } else if (pawl_prng_one_in(prng, 500)) {
        world_restart(sim);
    }
    world_bury(sim);
}

static void print_summary(const struct sim *sim)
{
    const struct sim_counts *counts = &sim->counts;
    struct audit_counts audit = audit_counts(sim->audit);
    (void)printf("  %" PRIu64 " operations: %" PRIu64 " grants, %" PRIu64 " settled, %" PRIu64
                 " expired, %" PRIu64 " drained, %" PRIu64 " refused (%" PRIu64 " folded), %" PRIu64
                 " repeats, %" PRIu64 " overshoots booked\n",
                 audit_last_op(sim->audit), audit.grants, audit.settled, audit.expired,
                 audit.drained, audit.denials, audit.folded, audit.replayed, audit.overshoots);
    (void)printf("  %" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost, %" PRIu64
                 " sent again, %" PRIu64 " sent twice; %" PRIu64 " kills, %" PRIu64
                 " power failures, %" PRIu64 " faults, %" PRIu64 " failed starts, %" PRIu64
                 " orderly ends, %" PRIu64 " verifications, %" PRIu64 " operations let go\n",
                 counts->submitted, counts->answered, counts->lost, counts->retried,
                 counts->duplicates, counts->kills, counts->power_failures, counts->faults,
                 counts->failed_opens, counts->orderly, counts->verified, counts->removed);
    for (uint16_t code = 0; code < PAWL_RESULT_COUNT; code++) {
        if (audit.by_code[code] > 0) {
            (void)printf("  %s %" PRIu64, pawl_result_name(code), audit.by_code[code]);
        }
    }
    (void)printf("\n");
}

static void run(uint64_t seed, uint64_t ops, bool tells)
{
    program_repeat_by("pawl_sim --seed=%" PRIu64 " --ops=%" PRIu64, seed, ops);
    struct sim *sim = sim_new(seed, ops);
    sim->tells = tells;
    (void)printf("pawl_sim --seed=%" PRIu64 " --ops=%" PRIu64
                 ": %u tenants, %u clients, checkpoint "
                 "every %" PRIu64 ", segments of %" PRId64 ", %s of %" PRId64
                 " kept, a turn in %u, a fault in %u lives\n",
                 seed, ops, sim->tenant_count, sim->client_count, sim->checkpoint_every,
                 sim->segment_bytes, sim->retention.keep_all ? "all, not" : "at most",
                 sim->retention.bytes_max, sim->turn_one_in, sim->fault_one_in);
    (void)fflush(stdout);
    world_open_first(sim);
    while (sim->counts.submitted < ops) {
        step(sim);
    }
    world_end(sim);
    print_summary(sim);
    sim_free(sim);
}

/* --- The command line. ------------------------------------------------------------------------ */

struct choice {
    uint64_t seed;
    uint64_t ops;
    uint64_t seconds;
    const char *file;
    bool tells;
};

static struct choice parse(int argc, char **argv)
{
    struct choice choice = {.seed = program_fresh_seed(), .ops = OPS_DEFAULT};
    const struct program_option places[] = {{.name = "seed", .number = &choice.seed},
                                            {.name = "ops", .number = &choice.ops},
                                            {.name = "seconds", .number = &choice.seconds},
                                            {.name = "seeds", .text = &choice.file},
                                            {.name = "tell", .flag = &choice.tells}};
    program_options(argc, argv, places, PAWL_ARRAY_LEN(places));
    return choice;
}

static unsigned run_file(const char *path, uint64_t ops, bool tells)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "pawl_sim: %s cannot be opened\n", path);
        exit(2);
    }
    char line[LINE_BYTES];
    unsigned runs = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        struct pawl_slice rest = pawl_slice_str(line);
        uint64_t seed = 0;
        if (pawl_slice_to_u64(pawl_slice_cut(&rest, ' '), &seed)) {
            run(seed, ops, tells);
            runs++;
        }
    }
    (void)fclose(file);
    return runs;
}

int main(int argc, char **argv)
{
    struct choice choice = parse(argc, argv);
    struct pawl_clock clock = pawl_clock_os();
    int64_t until_us = clock.boot_us(clock.arg) + (int64_t)choice.seconds * PAWL_US_PER_SECOND;
    unsigned runs = 0;
    /* Damage is what it is here for; only findings are worth a line. */
    pawl_log_set(-1, PAWL_LOG_ERROR);
    if (choice.file != NULL) {
        runs = run_file(choice.file, choice.ops, choice.tells);
    } else {
        do {
            run(choice.seed++, choice.ops, choice.tells);
            runs++;
        } while (clock.boot_us(clock.arg) < until_us);
    }
    (void)printf("%u runs passed, 0 failed\n", runs);
    return runs > 0 ? 0 : 1;
}
