/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c: a checkpoint while the ledger goes on, and the way back. When a snapshot begins,
 * the root is copied and every chunk of that moment is owed. Chunks are handed out by table and
 * ordinal; one that a command is about to change before its turn is copied aside first
 * (chunk.c). What is added later belongs to no snapshot.
 *
 * A chunk's number is its place in that order, so root and chunks are all there is to restore.
 * The host protects the bytes (hashes, sync, rename); here only what would make us read
 * outside of a table is refused, and hashes that are not ours.
 *
 * Invariants:
 *   K1  root and chunks show the state between two commands, the same two for all of them
 *   K2  restore(snapshot(state)) has the digest of state
 */
#include "core/book.h"
#include "core/document.h"
#include "core/index.h"
#include "core/ops.h"
#include "core/table.h"

/* --- Out. ------------------------------------------------------------------------------------- */

bool pawl_core_snapshot_active(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    return core->memory.snapshot.active;
}

/* Moves on to the next chunk that is owed; false when there is none. */
static bool seek(struct pawl_snapshot *snapshot)
{
    PAWL_ASSERT(snapshot->active);
    PAWL_ASSERT(snapshot->table <= PAWL_TABLE_COUNT);
    while (snapshot->table < PAWL_TABLE_COUNT &&
           snapshot->ordinal >= snapshot->state.tables[snapshot->table].chunk_count) {
        snapshot->table++;
        snapshot->ordinal = 0;
    }
    return snapshot->table < PAWL_TABLE_COUNT;
}

void pawl_core_snapshot_begin(struct pawl_core *core)
{
    struct pawl_snapshot *snapshot = &core->memory.snapshot;
    PAWL_ASSERT(!snapshot->active);
    PAWL_ASSERT(!core->memory.restoring);
    PAWL_ASSERT(core->memory.aside_count == 0);
    snapshot->active = true;
    snapshot->table = 0;
    snapshot->ordinal = 0;
    snapshot->number = 0;
    memcpy(&snapshot->state, &core->state, sizeof(snapshot->state));
    PAWL_ASSERT(snapshot->state.op == core->state.op);
}

size_t pawl_core_snapshot_root(const struct pawl_core *core, void *out, size_t bytes)
{
    PAWL_ASSERT(core->memory.snapshot.active);
    if (bytes >= sizeof(core->memory.snapshot.state)) {
        PAWL_ASSERT(out != NULL);
        memcpy(out, &core->memory.snapshot.state, sizeof(core->memory.snapshot.state));
    }
    return sizeof(core->memory.snapshot.state);
}

bool pawl_core_snapshot_next(struct pawl_core *core, uint32_t *ret_number, void *out_chunk)
{
    struct pawl_snapshot *snapshot = &core->memory.snapshot;
    PAWL_ASSERT(snapshot->active);
    if (!seek(snapshot)) {
        PAWL_ASSERT(core->memory.aside_count == 0);
        snapshot->active = false;
        return false;
    }
    struct pawl_chunk_ref *ref = pawl_chunk_ref(core, snapshot->table, snapshot->ordinal);
    memcpy(out_chunk, ref->aside != NULL ? ref->aside : ref->live, PAWL_CHUNK_BYTES);
    PAWL_ASSERT(ref->live != NULL);
    if (ref->aside != NULL) {
        PAWL_ASSERT(core->memory.aside_count > 0);
        pawl_chunk_free(core, ref->aside);
        ref->aside = NULL;
        core->memory.aside_count--;
    }
    *ret_number = snapshot->number;
    snapshot->number++;
    snapshot->ordinal++;
    return true;
}

void pawl_core_snapshot_abort(struct pawl_core *core)
{
    struct pawl_snapshot *snapshot = &core->memory.snapshot;
    PAWL_ASSERT(snapshot->active);
    for (; seek(snapshot); snapshot->ordinal++) {
        struct pawl_chunk_ref *ref = pawl_chunk_ref(core, snapshot->table, snapshot->ordinal);
        if (ref->aside != NULL) {
            pawl_chunk_free(core, ref->aside);
            ref->aside = NULL;
            core->memory.aside_count--;
        }
    }
    PAWL_ASSERT(core->memory.aside_count == 0);
    snapshot->active = false;
}

/* --- Back. ------------------------------------------------------------------------------------ */

/* Every index into a table must stay inside its chunks. */
static bool tables_ok(const struct pawl_state *state)
{
    PAWL_ASSERT(state != NULL);
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        const struct pawl_table *counts = &state->tables[table];
        uint64_t room = (uint64_t)counts->chunk_count * pawl_chunk_slots(table);
        bool ok = counts->chunk_count <= PAWL_PAGES_MAX * PAWL_PAGE_REFS &&
                  counts->slot_count <= room && counts->live_count <= counts->slot_count &&
                  (counts->free_head == 0 || counts->free_head < counts->slot_count);
        if (!ok) {
            return false;
        }
    }
    for (uint32_t index = 0; index < PAWL_INDEX_COUNT; index++) {
        uint32_t buckets = state->indexes[index].bucket_count;
        uint32_t mask = state->indexes[index].base_mask;
        if (buckets != state->tables[PAWL_TABLE_BUCKET + index].slot_count ||
            (buckets > 0 && (buckets <= mask || (mask & (mask + 1)) != 0))) {
            return false;
        }
    }
    return true;
}

bool pawl_core_root_is_foreign(struct pawl_slice root)
{
    struct pawl_state state;
    size_t begin = offsetof(struct pawl_state, bytes) + sizeof(state.bytes);
    if (root.bytes < begin) {
        return false;
    }
    memcpy(&state, root.data, begin);
    return state.magic == PAWL_STATE_MAGIC && state.layout != PAWL_STATE_LAYOUT;
}

bool pawl_core_restore_root(struct pawl_core *core, struct pawl_slice root)
{
    struct pawl_state state;
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    PAWL_ASSERT(core->state.op == 0);
    PAWL_ASSERT(core->state.limits.configured == 0);
    if (root.bytes != sizeof(state)) {
        return false;
    }
    memcpy(&state, root.data, sizeof(state));
    if (state.magic != PAWL_STATE_MAGIC || state.layout != PAWL_STATE_LAYOUT ||
        state.bytes != sizeof(state) || state.limits.configured > 1 ||
        state.limits.shard > UINT16_MAX || state.now_us < 0 || state.now_us > PAWL_NOW_US_MAX ||
        !tables_ok(&state)) {
        return false;
    }
    memcpy(&core->state, &state, sizeof(state));
    PAWL_ASSERT(core->memory.snapshot.active == false);
    core->memory.restoring = true;
    return true;
}

bool pawl_core_restore_chunk(struct pawl_core *core, uint32_t number, struct pawl_slice chunk)
{
    PAWL_ASSERT(core->memory.restoring);
    uint64_t first = 0;
    if (chunk.bytes != PAWL_CHUNK_BYTES) {
        return false;
    }
    for (enum pawl_table_id table = 0; table < PAWL_TABLE_COUNT; table++) {
        uint64_t behind = first + core->state.tables[table].chunk_count;
        if (number < behind) {
            /* In order within a table, which is how a snapshot hands them out. */
            if (number - first != core->memory.ref_count[table]) {
                return false;
            }
            pawl_chunk_install(core, table, chunk.data);
            return true;
        }
        first = behind;
    }
    return false;
}

static bool scopes_found(const struct pawl_core *core)
{
    if (core->state.tables[PAWL_TABLE_SCOPE].slot_count < 2) {
        return true;
    }
    const struct pawl_scope_slot *slot = pawl_scope_at(core, 1);
    struct pawl_scope_key key = {.level = slot->level,
                                 .name = pawl_string_text(core, slot->name),
                                 .value = pawl_string_text(core, slot->value)};
    return pawl_string_find(core, key.value) == slot->value &&
           pawl_scope_child(core, slot->parent, pawl_scope_hash_of(core, 1), &key) == 1;
}

static bool windows_found(const struct pawl_core *core)
{
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_WINDOW].slot_count; at++) {
        const struct pawl_window_slot *slot = pawl_window_at(core, at);
        if (slot->refs > 0) {
            struct pawl_hold instance = {.budget = slot->budget, .ordinal = slot->ordinal};
            return pawl_window_find(core, instance) == at;
        }
    }
    return true;
}

static bool reservations_found(const struct pawl_core *core)
{
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_RESERVATION].slot_count; at++) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        if (slot->state != 0) {
            return pawl_held_find(core, slot->id) == at;
        }
    }
    return true;
}

/* Of a key only its hash is stored, so it is looked for under that. */
static bool keys_found(const struct pawl_core *core)
{
    uint32_t head = core->state.idem_queues[PAWL_RETENTION_PLAIN].head;
    if (head == 0) {
        return true;
    }
    uint32_t hash = (uint32_t)pawl_idem_at(core, head)->key_hash[0];
    struct pawl_index_cursor cursor = pawl_index_find(core, PAWL_INDEX_IDEM, hash);
    uint32_t at = pawl_index_next(core, &cursor);
    while (at != 0 && at != head) {
        at = pawl_index_next(core, &cursor);
    }
    return at == head;
}

static bool documents_found(const struct pawl_core *core)
{
    if (core->state.tables[PAWL_TABLE_DOCUMENT].slot_count < 2) {
        return true;
    }
    const struct pawl_document_slot *slot = pawl_document_at(core, 1);
    return slot->kind > 0 && slot->kind < PAWL_DOCUMENT_KIND_END && slot->name != 0 &&
           pawl_document_find(core, slot->kind, pawl_string_text(core, slot->name)) == 1;
}

bool pawl_core_restore_end(struct pawl_core *core)
{
    PAWL_ASSERT(core->memory.restoring);
    for (uint32_t table = 0; table < PAWL_TABLE_COUNT; table++) {
        PAWL_ASSERT(core->memory.ref_count[table] <= core->state.tables[table].chunk_count);
        if (core->memory.ref_count[table] != core->state.tables[table].chunk_count) {
            return false;
        }
    }
    /* One look-up in each index: a state whose hashes were computed in another way looks sound and
     * would lose everything that is in it. */
    if (!scopes_found(core) || !windows_found(core) || !reservations_found(core) ||
        !keys_found(core) || !documents_found(core)) {
        return false;
    }
    core->memory.restoring = false;
    PAWL_ASSERT(pawl_core_chunks_wanted(core, 0) == 0);
    if (core->state.limits.configured != 0) {
        pawl_core_config_from_limits(core);
    }
    return true;
}
