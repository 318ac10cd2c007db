/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit_work.c: see kit_work.h. Reservations are kept in a few places and taken from there to be
 * committed or released, so that some are always open.
 */
#include "tests/lib/kit_work.h"

void kit_work(struct kit *kit, struct pawl_prng *prng, int count)
{
    static const char *const tenants[] = {"acme", "globex", "initech"};
    uint64_t open[16] = {0};
    for (int i = 0; i < count; i++) {
        const char *tenant = tenants[pawl_prng_below(prng, 3)];
        uint64_t *slot = &open[pawl_prng_below(prng, 16)];
        pawl_clock_manual_advance(&kit->time, pawl_prng_between(prng, 0, 3000000));
        pawl_engine_tick(kit->engine);
        struct pawl_command command;
        if (*slot == 0) {
            command =
                kit_reserve(tenant, PAWL_UNIT_USD_MICROCENTS, pawl_prng_between(prng, 1, 400));
        } else if (pawl_prng_one_in(prng, 3)) {
            command = kit_release(*slot);
        } else {
            command = kit_commit(*slot, PAWL_UNIT_USD_MICROCENTS, pawl_prng_between(prng, 0, 300));
        }
        struct ask ask;
        kit_submit(kit, &command, &ask);
        *slot = *slot == 0 && ask.op.result.code == PAWL_RESULT_OK ? ask.op.result.id : 0;
        if (pawl_prng_one_in(prng, 3)) {
            pawl_engine_turn(kit->engine);
        }
        pawl_engine_flush(kit->engine);
    }
}

void kit_begin(struct kit *kit, uint64_t seed, uint64_t checkpoint_every)
{
    kit_init(kit, seed);
    kit->checkpoint_every = checkpoint_every;
    kit_open(kit);
    struct pawl_command budget = kit_budget("acme", PAWL_UNIT_USD_MICROCENTS, 20000);
    kit_must(kit, &budget);
    budget = kit_budget("globex", PAWL_UNIT_USD_MICROCENTS, 3000);
    kit_must(kit, &budget);
    budget = kit_budget("initech", PAWL_UNIT_USD_MICROCENTS, 500);
    kit_must(kit, &budget);
}

pawl_err kit_verify(struct kit *kit, struct pawl_verify_report *ret_report)
{
    struct pawl_verify_options options = {.dir = KIT_DIR,
                                          .allow_any_filesystem = true,
                                          .vfs = disk_vfs(kit->disk),
                                          .files = disk_files(kit->disk)};
    return pawl_engine_verify(&options, ret_report, &kit->msg);
}
