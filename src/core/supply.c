/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supply.c: how many chunks a number of commands can need at worst. A table never allocates by
 * itself, so this is the promise that makes `apply` unable to run dry: for every table the most
 * slots that one command can add, times the commands, but no more than the configured maxima
 * allow in all.
 *
 * The worst of one command:
 *   SESSION_OPEN     tenant, name, first phase and sixteen phases of caps: 19 texts; 2 scopes;
 *                    16 budgets; a session; a timer
 *   BUDGET_CREATE    6 levels and a phase: 7 texts; 6 scopes; a budget
 *   RESERVE          a reservation with 60 holds in blocks; 64 windows that end; a timer
 *   DOCUMENT_PUT     tenant and name: 2 texts; a scope; a document; a body in 67 slots
 * Every entry of an index can take one overflow bucket and split one bucket (index.c).
 *
 * While a snapshot runs, chunks that it has not handed out are copied before they change. What
 * one command can change at worst (EXPIRE: thousands of chunks) would be the whole ledger at
 * once, so a fair number for each command is asked for, and if that is ever too few the snapshot
 * is dropped (chunk.c), never the command.
 */
#include "core/index.h"
#include "core/table.h"

enum {
    STRING_SLOTS = 5, /* of the longest text */
    STRINGS_EACH = 3 + PAWL_SESSION_CAPS_MAX,
    SCOPES_EACH = PAWL_LEVEL_COUNT,
    BUDGETS_EACH = PAWL_SESSION_CAPS_MAX,
    BLOCKS_EACH = (PAWL_HOLDS_MAX - PAWL_HOLDS_INLINE + PAWL_HOLDS_BLOCK - 1) / PAWL_HOLDS_BLOCK,
    BODY_SLOTS_EACH = (PAWL_DOCUMENT_BYTES_MAX + PAWL_BODY_BYTES - 1) / PAWL_BODY_BYTES,
    UNUSED_SLOTS = 4, /* index 0 of a table, the gap before the heap */
    COPIES_EACH = 128 /* of chunks, while a snapshot runs; 8 MiB */
};
_Static_assert(PAWL_STRING_HEAD_BYTES + 64 * (STRING_SLOTS - 1) >= PAWL_VALUE_BYTES_MAX,
               "the longest text fits its slots");

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What a table with `used` of `most` can still take. */
static uint64_t growth(uint64_t commands, uint64_t each, uint64_t used, uint64_t most)
{
    PAWL_ASSERT(each >= 1);
    PAWL_ASSERT(used <= most);
    return least(commands * each, most - used);
}

struct demand {
    uint64_t slots[PAWL_TABLE_COUNT];
};

static void demand_index(struct demand *demand, enum pawl_index_id index, uint64_t entries)
{
    PAWL_ASSERT(demand->slots[PAWL_TABLE_BUCKET + (uint32_t)index] == 0);
    PAWL_ASSERT(index < PAWL_INDEX_COUNT);
    demand->slots[PAWL_TABLE_BUCKET + (uint32_t)index] = entries + (entries > 0 ? 1 : 0);
    demand->slots[PAWL_TABLE_OVERFLOW] += entries;
}

/* The maxima; before CONFIG has set them, the largest that it can set. */
static struct pawl_limits limits_of(const struct pawl_core *core)
{
    if (core->state.limits.configured != 0) {
        return core->state.limits;
    }
    PAWL_ASSERT(core->state.tables[PAWL_TABLE_SCOPE].live_count == 0);
    return (struct pawl_limits){
        .strings_max = UINT32_MAX,
        .scopes_max = UINT32_MAX,
        .budgets_max = UINT32_MAX,
        .reservations_max = UINT32_MAX,
        .idempotency_max = UINT32_MAX,
        .sessions_max = UINT32_MAX,
        .approvals_max = UINT32_MAX,
        .documents_max = UINT32_MAX,
    };
}

static struct demand demand_of(const struct pawl_core *core, uint64_t commands)
{
    const struct pawl_limits most = limits_of(core);
    const struct pawl_limits *limits = &most;
    const struct pawl_table *tables = core->state.tables;
    struct demand demand = {.slots = {0}};
    PAWL_ASSERT(tables[PAWL_TABLE_RESERVATION].live_count <= limits->reservations_max);
    PAWL_ASSERT(core->state.pending_approvals <= limits->approvals_max);
    uint64_t strings =
        growth(commands, STRINGS_EACH, core->state.string_count, limits->strings_max);
    uint64_t scopes =
        growth(commands, SCOPES_EACH, tables[PAWL_TABLE_SCOPE].live_count, limits->scopes_max);
    uint64_t reservations =
        growth(commands, 1, tables[PAWL_TABLE_RESERVATION].live_count, limits->reservations_max);
    uint64_t records =
        growth(commands, 1, tables[PAWL_TABLE_IDEM].live_count, limits->idempotency_max);
    uint64_t sessions =
        growth(commands, 1, tables[PAWL_TABLE_SESSION].live_count, limits->sessions_max);
    /* Settled questions stay, as many as there may be open ones. */
    uint64_t approvals = growth(commands, 1, tables[PAWL_TABLE_APPROVAL].live_count,
                                2 * (uint64_t)limits->approvals_max + 1);
    uint64_t documents =
        growth(commands, 1, tables[PAWL_TABLE_DOCUMENT].live_count, limits->documents_max);
    uint64_t windows = commands * PAWL_HOLDS_MAX;
    uint64_t timers = reservations + sessions + approvals;
    demand.slots[PAWL_TABLE_STRING] = strings * 2 * STRING_SLOTS; /* half a chunk may be skipped */
    demand.slots[PAWL_TABLE_SCOPE] = scopes;
    demand.slots[PAWL_TABLE_BUDGET] =
        growth(commands, BUDGETS_EACH, tables[PAWL_TABLE_BUDGET].live_count, limits->budgets_max);
    demand.slots[PAWL_TABLE_WINDOW] = windows;
    demand.slots[PAWL_TABLE_RESERVATION] = reservations;
    demand.slots[PAWL_TABLE_HOLDS] = reservations * BLOCKS_EACH;
    demand.slots[PAWL_TABLE_IDEM] = records;
    demand.slots[PAWL_TABLE_SESSION] = sessions;
    demand.slots[PAWL_TABLE_APPROVAL] = approvals;
    demand.slots[PAWL_TABLE_DOCUMENT] = documents;
    demand.slots[PAWL_TABLE_BODY] =
        growth(commands, BODY_SLOTS_EACH, tables[PAWL_TABLE_BODY].live_count,
               (uint64_t)limits->documents_max * BODY_SLOTS_EACH);
    demand.slots[PAWL_TABLE_ZONE] =
        growth(commands, 1, tables[PAWL_TABLE_ZONE].live_count, PAWL_TZ_MAX);
    demand.slots[PAWL_TABLE_TIMER] = timers;
    demand.slots[PAWL_TABLE_TIMER_RUN] = timers;
    demand.slots[PAWL_TABLE_TIMER_NODE] = timers;
    demand_index(&demand, PAWL_INDEX_STRING, strings);
    demand_index(&demand, PAWL_INDEX_SCOPE, scopes);
    demand_index(&demand, PAWL_INDEX_WINDOW, windows);
    demand_index(&demand, PAWL_INDEX_RESERVATION, reservations);
    demand_index(&demand, PAWL_INDEX_IDEM, records);
    demand_index(&demand, PAWL_INDEX_DOCUMENT, documents);
    return demand;
}

/* Chunks for the running snapshot: no more than it may still have to copy. */
static uint64_t snapshot_demand(const struct pawl_core *core, uint64_t commands)
{
    const struct pawl_snapshot *snapshot = &core->memory.snapshot;
    if (!snapshot->active) {
        return 0;
    }
    uint64_t pending = 0;
    PAWL_ASSERT(snapshot->table <= PAWL_TABLE_COUNT);
    for (uint32_t table = snapshot->table; table < PAWL_TABLE_COUNT; table++) {
        pending += snapshot->state.tables[table].chunk_count;
    }
    PAWL_ASSERT(pending >= snapshot->ordinal);
    pending -= snapshot->ordinal;
    PAWL_ASSERT(pending >= core->memory.aside_count);
    return least(pending - core->memory.aside_count, commands * COPIES_EACH);
}

/* What is missing to take the chunks of the checkpoint that is being restored. */
static uint64_t restore_demand(const struct pawl_core *core)
{
    PAWL_ASSERT(core->memory.restoring);
    uint64_t chunks = 0;
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        uint64_t all = core->state.tables[table].chunk_count;
        uint64_t pages = (all + PAWL_PAGE_REFS - 1) / PAWL_PAGE_REFS;
        PAWL_ASSERT(all >= core->memory.ref_count[table]);
        chunks += all - core->memory.ref_count[table] + pages - core->memory.page_count[table];
    }
    return chunks;
}

uint32_t pawl_core_chunks_wanted(const struct pawl_core *core, uint32_t command_count)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    uint64_t chunks = 0;
    if (core->memory.restoring) {
        chunks = restore_demand(core);
    } else {
        /* CONFIG itself, which comes first, needs nothing. */
        bool first = core->state.limits.configured == 0 && command_count > 0;
        struct demand demand = demand_of(core, first ? command_count - 1 : command_count);
        chunks = snapshot_demand(core, command_count);
        for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
            uint64_t slots = demand.slots[table];
            if (slots > 0) {
                chunks += pawl_chunk_shortage(core, table, slots + UNUSED_SLOTS);
            }
        }
    }
    uint64_t missing = chunks > core->memory.free_count ? chunks - core->memory.free_count : 0;
    PAWL_ASSERT(missing <= UINT32_MAX);
    return (uint32_t)missing;
}
