/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random_walk.c: commands drawn at random in a world so small that they meet: few names, little
 * money, short leases, maxima that are reached, keys that come again. After every command the
 * ledger is audited and what was granted is looked at; after every walk it is run again in the
 * ways of table_world.c. Over the walks of the plain seed every answer that the ledger can give
 * must come up, or the walk has not been where it says.
 *
 *   random_walk [seed] [walks] [commands of a walk]
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "random_walk.h"
#include "walk_check.h"

static uint64_t codes_seen[PAWL_RESULT_COUNT];

/* --- One walk. -------------------------------------------------------------------------------- */

/* L5: what was granted fits what was there. */
static void
check_grant(struct walk *walk, const struct pawl_command *command, const struct pawl_result *result)
{
    bool grant = command->type == PAWL_COMMAND_RESERVE || command->type == PAWL_COMMAND_GROW;
    for (uint32_t i = 0; grant && i < result->delta_count; i++) {
        struct pawl_budget_view view;
        const struct pawl_delta *delta = &result->deltas[i];
        if (!pawl_core_budget(walk->world.core, delta->budget, walk->now_us, &view) ||
            (view.ordinal == delta->ordinal && view.remaining < 0) || delta->spent != 0 ||
            delta->debt != 0 || delta->reserved < 0) {
            printf("random_walk: operation %" PRIu64 " took budget %" PRIu64 " below zero\n",
                   result->op, delta->budget);
            walk->failures++;
        }
    }
}

/* Lists find what is there, under any filter and however few scopes one call looks at. */
static void check_walk(struct walk *walk)
{
    struct pawl_scope_name filter = {.session = PAWL_SLICE_NONE};
    draw_levels(walk, filter.levels);
    walk->failures += walk_check(walk->world.core, &filter, 1 + (uint32_t)below(walk, 4));
    filter.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE_NONE;
    walk->failures += walk_check(walk->world.core, &filter, 1 + (uint32_t)below(walk, 4));
}

static void run(struct walk *walk, const struct pawl_command *command)
{
    struct pawl_result result;
    table_world_apply(&walk->world, walk->now_us, command, &result);
    table_log_add(&walk->log, (int)result.op, walk->now_us, command, &result);
    codes_seen[result.code]++;
    if (result.code != PAWL_RESULT_OK || result.replayed) {
        return;
    }
    check_grant(walk, command, &result);
    if (command->type == PAWL_COMMAND_BUDGET_CREATE) {
        check_walk(walk);
    }
    if (command->type == PAWL_COMMAND_RESERVE && result.id != 0) {
        walk->reservations[walk->reservation_count % RECENT_MAX] = result.id;
        walk->reservation_count++;
    } else if (command->type == PAWL_COMMAND_APPROVAL_OPEN) {
        walk->approvals[walk->approval_count % RECENT_MAX] = result.id;
        walk->approval_count++;
    }
}

static int run_walk(uint64_t seed, uint32_t steps)
{
    static struct walk walk;
    memset(&walk, 0, sizeof(walk));
    pawl_prng_seed(&walk.prng, seed);
    memset(walk.body, 'x', sizeof(walk.body));
    walk.now_us = INT64_C(1767225600) * 1000000 + (int64_t)below(&walk, 100000000);
    table_world_init(&walk.world);
    struct pawl_command command = {
        .type = PAWL_COMMAND_CONFIG,
        .u.config = {.rules_version = PAWL_RULES_VERSION,
                     .strings_max = 20,
                     .scopes_max = 30,
                     .budgets_max = 40,
                     .reservations_max = 25,
                     .idempotency_max = 60,
                     .sessions_max = 4,
                     .approvals_max = 3,
                     .documents_max = 12,
                     .idempotency_ttl_us = 5000000,
                     .idempotency_settle_ttl_us = 20000000,
                     .correction_ttl_us = 10000000,
                     .hash_key = {seed, ~seed}},
    };
    run(&walk, &command);
    for (uint32_t step = 0; step < steps; step++) {
        static const int64_t paces_us[] = {0, 1, 1000, 100000, 1000000, 1000000, 600000000};
        walk.now_us += (int64_t)below(&walk, (uint64_t)paces_us[below(&walk, 7)] + 1);
        draw_command(&walk, &command);
        run(&walk, &command);
    }
    char file[64];
    (void)snprintf(file, sizeof(file), "random_walk %" PRIu64, seed);
    int failures = walk.failures + table_log_verify(&walk.log, &walk.world, file);
    table_log_free(&walk.log);
    table_world_free(&walk.world);
    return failures;
}

/* Every code but the two that no command of the ledger can end with here. */
static int check_codes(void)
{
    int missing = 0;
    for (uint32_t code = 0; code < PAWL_RESULT_COUNT; code++) {
        bool elsewhere = code == PAWL_RESULT_RESERVATION_FINALIZED || /* given from history */
                         code == PAWL_RESULT_PRIORITY_FLOOR;          /* no floors yet */
        if (codes_seen[code] == 0 && !elsewhere) {
            printf("random_walk: %s never came up\n", pawl_result_name((uint16_t)code));
            missing++;
        }
    }
    return missing;
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {20261122, 60, 600};
    for (int i = 1; i < argc && i <= 3; i++) {
        if (!pawl_slice_to_u64(pawl_slice_str(argv[i]), &numbers[i - 1])) {
            fprintf(stderr, "usage: random_walk [seed] [walks] [commands of a walk]\n");
            return 2;
        }
    }
    int passed = 0;
    int failed = 0;
    for (uint64_t i = 0; i < numbers[1]; i++) {
        if (run_walk(numbers[0] + i, (uint32_t)numbers[2]) == 0) {
            passed++;
        } else {
            printf("reproduce: random_walk %" PRIu64 " 1 %" PRIu64 "\n", numbers[0] + i,
                   numbers[2]);
            failed++;
        }
    }
    if (argc == 1) {
        if (check_codes() == 0) {
            passed++;
        } else {
            failed++;
        }
    }
    printf("reproduce: random_walk %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", numbers[0], numbers[1],
           numbers[2]);
    printf("%d passed, %d failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
