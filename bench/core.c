/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/core.c: the core alone. Lifecycles (reserve, commit) per second and bytes per reservation
 * while a million reservations are open, as DECISIONS' figure is defined: one unit, four budgets
 * on the way (tenant, workspace, app, agent), lifetime windows, 100,000 budgets, an idempotency
 * key on both commands, every result encoded; no journal. Then a million leases that fall due
 * together, in slices of 2,000.
 *
 * Which hold is committed: the one just taken, while the million others stay ("own"), which is a
 * short call among long ones; any of the million, drawn at random, the worst for caches; or the
 * oldest. Keys are kept for two million commands, so that every new one also makes an old one
 * go: the state is steady. Times are the processor's.
 *
 *   bench_core [open reservations] [lifecycles] [own|any|oldest]
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/prng.h"
#include "core/codec.h"
#include "core/core.h"

enum {
    TENANTS = 10,
    WORKSPACES = 10, /* of a tenant */
    APPS = 100,      /* of a workspace */
    BUDGETS = 100000,
    AGENTS = BUDGETS - TENANTS - TENANTS * WORKSPACES - TENANTS * WORKSPACES * APPS,
    NAME_BYTES = 16,
    KEY_BYTES = 32,
    GROUP_MAX = 32,
    ROUNDS = 101,
    BLOCK_BYTES = 1 << 21,
    BLOCKS_MAX = 8192
};

struct bench {
    struct pawl_core *core;
    struct pawl_prng prng;
    struct pawl_buf encoded;
    struct pawl_result result;
    int64_t now_us;
    uint64_t key;
    uint64_t result_bytes;
    uint64_t *open; /* ids */
    uint32_t open_count;
    uint32_t block_count;
    void *blocks[BLOCKS_MAX];
};

/* Time of the processor that the bench has used: the core waits for nothing else, and neighbours on
 * the machine do not count. */
static int64_t used_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        perror("bench_core: getrusage");
        exit(1);
    }
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Chunks are cut from larger blocks, for which the system can use large pages. */
static void give_chunks(struct bench *bench, uint32_t wanted)
{
    while (wanted > 0) {
        char *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
        PAWL_ASSERT(block != NULL && bench->block_count < BLOCKS_MAX);
        (void)madvise(block, BLOCK_BYTES, MADV_HUGEPAGE);
        bench->blocks[bench->block_count] = block;
        bench->block_count++;
        for (uint32_t i = 0; i < BLOCK_BYTES / PAWL_CHUNK_BYTES; i++) {
            pawl_core_give_chunk(bench->core, block + (size_t)i * PAWL_CHUNK_BYTES);
            wanted -= wanted > 0 ? 1 : 0;
        }
    }
}

static void apply(struct bench *bench, const struct pawl_command *command)
{
    if (bench->result.op % 256 == 0) { /* a batch */
        give_chunks(bench, pawl_core_chunks_wanted(bench->core, 256));
    }
    bench->now_us++;
    pawl_core_apply(bench->core, bench->now_us, command, &bench->result);
    if (bench->result.code != PAWL_RESULT_OK) {
        fprintf(stderr, "bench_core: %s: %s\n", pawl_command_type_name(command->type),
                pawl_result_name(bench->result.code));
        exit(1);
    }
    pawl_buf_reset(&bench->encoded);
    pawl_codec_encode_result(&bench->encoded, &bench->result);
    bench->result_bytes += bench->encoded.bytes;
}

/* --- The world. ------------------------------------------------------------------------------- */

static void configure(struct bench *bench, uint32_t open_max)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_CONFIG,
        .u.config =
            {
                .rules_version = PAWL_RULES_VERSION,
                .strings_max = 1000000,
                .scopes_max = 1000000,
                .budgets_max = 1000000,
                .reservations_max = open_max + GROUP_MAX,
                .idempotency_max = 8000000,
                .sessions_max = 1000,
                .approvals_max = 1000,
                .documents_max = 1000,
                .idempotency_ttl_us = 2000000,
                .idempotency_settle_ttl_us = 2000000,
                .correction_ttl_us = 1000000,
                .hash_key = {pawl_prng_next(&bench->prng), pawl_prng_next(&bench->prng)},
            },
    };
    apply(bench, &command);
}

struct place {
    char names[4][NAME_BYTES]; /* each with its length in the last byte */
};

static void place_write(struct place *place, uint32_t agent)
{
    uint32_t app = agent % (TENANTS * WORKSPACES * APPS);
    uint32_t workspace = app % (TENANTS * WORKSPACES);
    const char *const stems[4] = {"tenant-", "team-", "app-", "agent-"};
    const uint32_t numbers[4] = {workspace % TENANTS, workspace, app, agent};
    for (uint32_t i = 0; i < 4; i++) {
        int bytes = snprintf(place->names[i], NAME_BYTES - 1, "%s%u", stems[i], numbers[i]);
        place->names[i][NAME_BYTES - 1] = (char)bytes;
    }
}

static void place_levels(const struct place *place, uint32_t depth, struct pawl_slice *ret_levels)
{
    static const uint8_t levels[4] = {PAWL_LEVEL_TENANT, PAWL_LEVEL_WORKSPACE, PAWL_LEVEL_APP,
                                      PAWL_LEVEL_AGENT};
    for (uint32_t i = 0; i < depth; i++) {
        size_t bytes = (size_t)place->names[i][NAME_BYTES - 1];
        ret_levels[levels[i]] = pawl_slice_of(place->names[i], bytes);
    }
}

static void create_budgets(struct bench *bench)
{
    static const uint32_t counts[4] = {TENANTS, TENANTS * WORKSPACES, TENANTS * WORKSPACES * APPS,
                                       AGENTS};
    for (uint32_t depth = 1; depth <= 4; depth++) {
        for (uint32_t i = 0; i < counts[depth - 1]; i++) {
            struct place place;
            struct pawl_command command = {
                .type = PAWL_COMMAND_BUDGET_CREATE,
                .u.budget_create = {.unit = PAWL_UNIT_USD_MICROCENTS,
                                    .allocated = PAWL_AMOUNT_MAX / 2,
                                    .mode = PAWL_BUDGET_ENFORCE},
            };
            place_write(&place, i);
            place_levels(&place, depth, command.u.budget_create.scope.levels);
            apply(bench, &command);
        }
    }
}

/* --- Lifecycles. ------------------------------------------------------------------------------ */

/* A group of commands of one type with their keys, applied one after the other. They are written
 * over from group to group, as a program would that decodes requests. */
struct group {
    uint32_t count;
    uint32_t slots[GROUP_MAX]; /* of `open`, for reserves */
    struct pawl_command commands[GROUP_MAX];
    char keys[GROUP_MAX][KEY_BYTES];
};

static struct pawl_command *group_add(struct bench *bench, struct group *group, uint32_t slot)
{
    struct pawl_command *command = &group->commands[group->count];
    char *key = group->keys[group->count];
    PAWL_ASSERT(group->count < GROUP_MAX);
    bench->key++;
    memcpy(key, "request-of-client-", 18);
    memcpy(key + 18, &bench->key, sizeof(bench->key));
    group->slots[group->count] = slot;
    group->count++;
    command->idempotency_key = pawl_slice_of(key, 18 + sizeof(bench->key));
    command->payload_hash[0] = bench->key;
    return command;
}

static void group_apply(struct bench *bench, struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        apply(bench, &group->commands[i]);
        if (group->commands[i].type == PAWL_COMMAND_RESERVE) {
            PAWL_ASSERT(bench->result.delta_count == 4);
            bench->open[group->slots[i]] = bench->result.id;
        }
    }
    group->count = 0;
}

/* Reserves for an agent and keeps the id at `slot`. */
static void
add_reserve(struct bench *bench, struct group *group, const struct place *place, uint32_t slot)
{
    struct pawl_command *command = group_add(bench, group, slot);
    command->type = PAWL_COMMAND_RESERVE;
    command->u.reserve.line_count = 1;
    command->u.reserve.lines[0] =
        (struct pawl_amount){.unit = PAWL_UNIT_USD_MICROCENTS, .value = 1000};
    command->u.reserve.ttl_ms = 3600000;
    command->u.reserve.extensions_max = PAWL_EXTENSIONS_MAX;
    command->u.reserve.overage = PAWL_OVERAGE_ALLOW_IF_AVAILABLE;
    command->u.reserve.on_expiry = PAWL_ON_EXPIRY_RELEASE;
    place_levels(place, 4, command->u.reserve.subject.levels);
}

static void add_commit(struct bench *bench, struct group *group, uint32_t slot)
{
    struct pawl_command *command = group_add(bench, group, slot);
    command->type = PAWL_COMMAND_COMMIT;
    command->u.settle.reservation = bench->open[slot];
    command->u.settle.line_count = 1;
    command->u.settle.lines[0] =
        (struct pawl_amount){.unit = PAWL_UNIT_USD_MICROCENTS, .value = 900};
}

/* Which hold a lifecycle commits. */
enum victim { VICTIM_OWN, VICTIM_ANY, VICTIM_OLDEST, VICTIM_COUNT };
static const char *const victim_names[VICTIM_COUNT] = {"own", "any", "oldest"};

struct plan {
    uint32_t count;
    enum victim victim;
};

/* What the next group is about, drawn ahead, so that the bench does not wait for its own memory
 * while it measures the ledger's. */
struct draw {
    uint32_t slots[GROUP_MAX];
    const struct place *places[GROUP_MAX];
};

static void draw_group(struct bench *bench,
                       const struct place *places,
                       struct plan plan,
                       uint32_t from,
                       struct draw *ret_draw)
{
    for (uint32_t i = 0; i < GROUP_MAX; i++) {
        uint32_t slot = (from + i) % bench->open_count;
        if (plan.victim == VICTIM_ANY) { /* a stretch of its own for each, so that none meet */
            uint32_t stretch = bench->open_count / (GROUP_MAX);
            slot = i * stretch + (uint32_t)pawl_prng_below(&bench->prng, stretch);
        }
        ret_draw->slots[i] = slot;
        ret_draw->places[i] = &places[pawl_prng_below(&bench->prng, AGENTS)];
        __builtin_prefetch(&bench->open[slot]);
        __builtin_prefetch(ret_draw->places[i]);
    }
}

/* Holds are committed and as many taken. With "own" it is those that were just taken. */
static void run_group(struct bench *bench, const struct draw *draw, struct plan plan)
{
    static struct group commits;
    static struct group reserves;
    uint64_t kept[GROUP_MAX];
    for (uint32_t i = 0; i < GROUP_MAX; i++) {
        kept[i] = bench->open[draw->slots[i]];
        add_reserve(bench, &reserves, draw->places[i], draw->slots[i]);
        if (plan.victim != VICTIM_OWN) {
            add_commit(bench, &commits, draw->slots[i]);
        }
    }
    group_apply(bench, &commits);
    group_apply(bench, &reserves);
    for (uint32_t i = 0; i < GROUP_MAX && plan.victim == VICTIM_OWN; i++) {
        add_commit(bench, &commits, draw->slots[i]);
        bench->open[draw->slots[i]] = kept[i];
    }
    group_apply(bench, &commits);
}

/* One round; returns how long it took. */
static int64_t lifecycles_round(struct bench *bench, const struct place *places, struct plan plan)
{
    static struct draw draws[2];
    int64_t start_us = used_us();
    draw_group(bench, places, plan, 0, &draws[0]);
    for (uint32_t i = 0; i < plan.count; i += GROUP_MAX) {
        uint32_t turn = i / GROUP_MAX % 2;
        draw_group(bench, places, plan, i + GROUP_MAX, &draws[1 - turn]);
        run_group(bench, &draws[turn], plan);
    }
    return used_us() - start_us;
}

static int time_compare(const void *a, const void *b)
{
    int64_t first = 0;
    int64_t second = 0;
    memcpy(&first, a, sizeof(first));
    memcpy(&second, b, sizeof(second));
    return (first > second) - (first < second);
}

/* The best and the middle of the rounds: neighbours on the machine only ever make it slower. */
static void lifecycles(struct bench *bench, const struct place *places, struct plan plan)
{
    int64_t took_us[ROUNDS];
    plan.count /= ROUNDS;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        took_us[round] = lifecycles_round(bench, places, plan);
    }
    qsort(took_us, ROUNDS, sizeof(took_us[0]), time_compare);
    printf("lifecycles_per_second{commit=\"%s\"} best %.0f   middle %.0f\n",
           victim_names[plan.victim], plan.count * 1e6 / (double)took_us[0],
           plan.count * 1e6 / (double)took_us[ROUNDS / 2]);
}

/* Opens as many as shall stay open. */
static void fill(struct bench *bench, const struct place *places)
{
    static struct group group;
    for (uint32_t slot = 0; slot < bench->open_count; slot++) {
        add_reserve(bench, &group, &places[pawl_prng_below(&bench->prng, AGENTS)], slot);
        if (group.count == GROUP_MAX) {
            group_apply(bench, &group);
        }
    }
    group_apply(bench, &group);
}

/* All leases fall due together. */
static void expire_all(struct bench *bench)
{
    int64_t start_us = used_us();
    int64_t longest_us = 0;
    uint32_t expired = 0;
    bench->now_us += INT64_C(2) * 3600 * 1000000;
    do {
        struct pawl_command command = {
            .type = PAWL_COMMAND_EXPIRE,
            .u.expire = {.until_us = bench->now_us, .max = PAWL_EXPIRE_MAX}};
        int64_t slice_us = used_us();
        apply(bench, &command);
        slice_us = used_us() - slice_us;
        longest_us = slice_us > longest_us ? slice_us : longest_us;
        expired += bench->result.expired_count;
    } while (bench->result.more_due);
    int64_t took_us = used_us() - start_us;
    printf("expired_together %" PRIu32 " in %.3f s, longest slice %.2f ms\n", expired,
           (double)took_us / 1e6, (double)longest_us / 1e3);
}

static void print_memory(const struct bench *bench)
{
    struct pawl_core_stats stats;
    pawl_core_stats(bench->core, &stats);
    printf("open_reservations %" PRIu32 "\nbudgets %" PRIu32 "\nidempotency_records %" PRIu32 "\n",
           stats.reservations, stats.budgets, stats.idempotency);
    printf("bytes_per_reservation %" PRIu64
           "   (slot, two records, shares of indexes and timers)\n",
           stats.reservation_bytes);
    printf("chunks_used %" PRIu32 "   (%.1f MiB)\n", stats.chunks_used,
           stats.chunks_used * (double)PAWL_CHUNK_BYTES / (1 << 20));
}

int main(int argc, char **argv)
{
    uint64_t open = 1000000;
    uint64_t count = 2000000;
    if ((argc > 1 && !pawl_slice_to_u64(pawl_slice_str(argv[1]), &open)) ||
        (argc > 2 && !pawl_slice_to_u64(pawl_slice_str(argv[2]), &count)) || open < GROUP_MAX ||
        open > 10000000 || count > UINT32_MAX || count < ROUNDS) {
        fprintf(stderr, "usage: bench_core [open reservations] [lifecycles] [own|any|oldest]\n");
        return 2;
    }
    struct bench *bench = calloc(1, sizeof(*bench));
    struct place *places = calloc(AGENTS, sizeof(*places));
    void *memory = aligned_alloc(64, pawl_core_size());
    PAWL_ASSERT(bench != NULL && places != NULL && memory != NULL);
    bench->core = pawl_core_init(memory, pawl_core_size());
    bench->now_us = INT64_C(1767225600) * 1000000;
    bench->open = calloc(open, sizeof(bench->open[0]));
    bench->open_count = (uint32_t)open;
    PAWL_ASSERT(bench->open != NULL);
    pawl_prng_seed(&bench->prng, 1);
    pawl_buf_init(&bench->encoded, 1 << 20);
    for (uint32_t agent = 0; agent < AGENTS; agent++) {
        place_write(&places[agent], agent);
    }
    configure(bench, bench->open_count);
    create_budgets(bench);
    fill(bench, places);
    for (enum victim victim = 0; victim < VICTIM_COUNT; victim++) {
        if (argc <= 3 || strcmp(argv[3], victim_names[victim]) == 0) {
            lifecycles(bench, places, (struct plan){.count = (uint32_t)count, .victim = victim});
        }
    }
    print_memory(bench);
    expire_all(bench);
    while (bench->block_count > 0) {
        bench->block_count--;
        free(bench->blocks[bench->block_count]);
    }
    pawl_buf_free(&bench->encoded);
    free(bench->open);
    free(bench);
    free(places);
    free(memory);
    return 0;
}
