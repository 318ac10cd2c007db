/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c: reads. They show what the next command would find: a window that has ended is shown
 * rolled, in a copy. Nothing is changed, so a read needs no place in the journal.
 */
#include "core/admit.h"
#include "core/book.h"
#include "core/ops.h"
#include "core/scope.h"
#include "core/table.h"

/* --- Budgets. --------------------------------------------------------------------------------- */

bool pawl_core_budget(const struct pawl_core *core,
                      uint64_t budget,
                      int64_t now_us,
                      struct pawl_budget_view *ret_view)
{
    uint32_t at = pawl_budget_of_id(core, budget);
    if (at == 0) {
        return false;
    }
    PAWL_ASSERT(now_us >= core->state.now_us);
    const struct pawl_budget_slot *slot = pawl_budget_at(core, at);
    struct pawl_stand stand = pawl_stand_now(core, at, now_us);
    const struct pawl_scope_slot *tenant = pawl_scope_at(core, slot->tenant);
    PAWL_ASSERT(stand.current);
    PAWL_ASSERT(tenant->level == PAWL_LEVEL_TENANT);
    bool closed = tenant->tenant_state == PAWL_TENANT_CLOSED;
    *ret_view = (struct pawl_budget_view){
        .id = budget,
        .scope = slot->scope,
        .unit = slot->unit,
        .mode = slot->mode,
        .state = closed ? (uint8_t)PAWL_BUDGET_CLOSED : slot->state,
        .window = pawl_budget_window(slot),
        .phase = pawl_string_text(core, slot->phase),
        .ordinal = stand.ordinal,
        .allocated = stand.allocated,
        .reserved = stand.reserved,
        .spent = stand.spent,
        .debt = stand.debt,
        .overdraft_limit = slot->overdraft_limit,
        .remaining = pawl_stand_remaining(&stand),
        .over_limit = stand.over_limit,
        .overage = slot->overage,
        .created_us = slot->created_us,
        .updated_us = slot->updated_us,
        .tenant = pawl_string_text(core, tenant->value),
    };
    pawl_stand_bounds(core, &stand, now_us, &ret_view->window_start_us, &ret_view->window_end_us);
    PAWL_ASSERT(now_us < ret_view->window_end_us);
    return true;
}

bool pawl_core_budget_place(const struct pawl_core *core,
                            uint64_t budget,
                            struct pawl_budget_place *ret_place)
{
    uint32_t at = pawl_budget_of_id(core, budget);
    if (at == 0) {
        return false;
    }
    const struct pawl_budget_slot *slot = pawl_budget_at(core, at);
    PAWL_ASSERT(slot->scope != 0);
    *ret_place = (struct pawl_budget_place){
        .scope = slot->scope,
        .unit = slot->unit,
        .window = slot->window_kind,
        .has_phase = slot->phase != 0,
        .of_levels = pawl_scope_at(core, slot->scope)->level < PAWL_LEVEL_COUNT,
    };
    return true;
}

bool pawl_core_budget_find(const struct pawl_core *core,
                           const struct pawl_scope_name *scope,
                           struct pawl_slice phase,
                           uint16_t unit,
                           const struct pawl_window *window,
                           uint64_t *ret_budget)
{
    uint32_t place = pawl_scope_find(core, scope);
    PAWL_ASSERT(unit != PAWL_UNIT_NONE);
    uint32_t phase_string = pawl_string_find(core, phase);
    if (place == 0 || (phase_string == 0 && !pawl_slice_empty(phase))) {
        return false;
    }
    uint32_t budget = pawl_budget_lookup(core, place, phase_string, unit, window);
    if (budget == 0) {
        return false;
    }
    PAWL_ASSERT(pawl_budget_at(core, budget)->unit == unit);
    *ret_budget = pawl_id_make(0, budget);
    return true;
}

bool pawl_core_budget_next(const struct pawl_core *core, uint32_t *cursor, uint64_t *ret_budget)
{
    uint32_t at = *cursor + 1; /* Index 0 is nobody. */
    PAWL_ASSERT(at != 0);
    if (at >= core->state.tables[PAWL_TABLE_BUDGET].slot_count) {
        return false;
    }
    PAWL_ASSERT(pawl_budget_at(core, at)->state != 0);
    *cursor = at;
    *ret_budget = pawl_id_make(0, at);
    return true;
}

/* --- Reservations. ---------------------------------------------------------------------------- */

static struct pawl_slice session_name(const struct pawl_core *core, uint32_t session)
{
    if (session == 0) {
        return PAWL_SLICE_NONE;
    }
    PAWL_ASSERT(pawl_session_at(core, session)->state != 0);
    return pawl_string_text(core, pawl_session_at(core, session)->name);
}

bool pawl_core_reservation(const struct pawl_core *core,
                           uint64_t reservation,
                           struct pawl_reservation_view *ret_view)
{
    uint32_t at = pawl_held_find(core, reservation);
    if (at == 0) {
        return false;
    }
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
    struct pawl_held held;
    pawl_held_load(core, at, &held);
    PAWL_ASSERT(held.line_count == slot->line_count);
    PAWL_ASSERT(slot->id == reservation);
    *ret_view = (struct pawl_reservation_view){
        .id = slot->id,
        .state = slot->state,
        .overage = slot->overage,
        .on_expiry = slot->on_expiry,
        .created_us = slot->created_us,
        .expires_us = slot->expires_us,
        .extensions = slot->extensions,
        .line_count = slot->line_count,
        .session = session_name(core, slot->session),
        .tenant = pawl_string_text(core, pawl_scope_at(core, pawl_held_tenant(core, slot))->value),
        .grace_ms = slot->grace_ms,
        .extensions_max = slot->extensions_max,
    };
    for (uint32_t line = 0; line < held.line_count; line++) {
        ret_view->lines[line] =
            (struct pawl_amount){.unit = held.units[line], .value = held.values[line]};
    }
    return true;
}

bool pawl_core_lease(const struct pawl_core *core, uint64_t reservation, int64_t *ret_expires_us)
{
    uint32_t at = pawl_held_find(core, reservation);
    if (at == 0 || pawl_reservation_at(core, at)->state != PAWL_RESERVATION_HELD) {
        return false;
    }
    PAWL_ASSERT(pawl_reservation_at(core, at)->id == reservation);
    *ret_expires_us = pawl_reservation_at(core, at)->expires_us;
    return true;
}

bool pawl_core_reservation_next(const struct pawl_core *core,
                                uint32_t *cursor,
                                uint64_t *ret_reservation)
{
    uint32_t slot_count = core->state.tables[PAWL_TABLE_RESERVATION].slot_count;
    PAWL_ASSERT(*cursor < UINT32_MAX);
    for (uint32_t at = *cursor + 1; at < slot_count; at++) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        if (slot->state != 0) {
            PAWL_ASSERT(slot->id > 0);
            PAWL_ASSERT(slot->id <= core->state.op);
            *cursor = at;
            *ret_reservation = slot->id;
            return true;
        }
    }
    return false;
}

/* --- Sessions and approvals. ------------------------------------------------------------------ */

bool pawl_core_session(const struct pawl_core *core,
                       struct pawl_slice tenant,
                       struct pawl_slice name,
                       struct pawl_session_view *ret_view)
{
    if (pawl_slice_empty(tenant) || pawl_slice_empty(name) || tenant.bytes > PAWL_NAME_BYTES_MAX ||
        name.bytes > PAWL_NAME_BYTES_MAX) {
        return false;
    }
    uint32_t session = pawl_subject_session(core, tenant, name);
    if (session == 0) {
        return false;
    }
    const struct pawl_session_slot *slot = pawl_session_at(core, session);
    PAWL_ASSERT(slot->name != 0);
    PAWL_ASSERT(slot->state != 0);
    *ret_view = (struct pawl_session_view){
        .id = pawl_id_make(0, session),
        .scope = slot->scope,
        .state = slot->state,
        .reason = slot->reason,
        .unit = slot->unit,
        .opened_us = slot->opened_us,
        .deadline_us = slot->deadline_us,
        .name = pawl_string_text(core, slot->name),
        .phase = pawl_string_text(core, slot->phase),
        .open_holds = slot->open_holds,
    };
    return true;
}

bool pawl_core_approval(const struct pawl_core *core,
                        uint64_t approval,
                        struct pawl_approval_view *ret_view)
{
    uint32_t at = pawl_approval_of_id(core, approval);
    if (at == 0) {
        return false;
    }
    const struct pawl_approval_slot *slot = pawl_approval_at(core, at);
    PAWL_ASSERT(slot->state != 0);
    PAWL_ASSERT(slot->line_count <= PAWL_LINES_MAX);
    *ret_view = (struct pawl_approval_view){
        .id = approval,
        .kind = slot->kind,
        .state = slot->state,
        .opened_us = slot->opened_us,
        .expires_us = slot->expires_us,
        .line_count = slot->line_count,
        .session = session_name(core, slot->session),
    };
    for (uint32_t line = 0; line < slot->line_count; line++) {
        ret_view->lines[line] =
            (struct pawl_amount){.unit = slot->units[line], .value = slot->values[line]};
    }
    return true;
}

/* --- Occupation. ------------------------------------------------------------------------------ */

/* Bytes of an index that come to one of its entries. */
static uint64_t index_share(const struct pawl_core *core, enum pawl_index_id id)
{
    const struct pawl_index *index = &core->state.indexes[id];
    uint64_t bytes = (uint64_t)index->bucket_count * sizeof(struct pawl_bucket_slot);
    PAWL_ASSERT(index->bucket_count <=
                core->state.tables[PAWL_TABLE_BUCKET + (uint32_t)id].slot_count);
    PAWL_ASSERT(index->entry_count == 0 || bytes > 0);
    return index->entry_count > 0 ? (bytes + index->entry_count - 1) / index->entry_count : 0;
}

/* Bytes that come to one timer: its node, and its share of runs and heap. */
static uint64_t timer_share(const struct pawl_core *core)
{
    uint64_t timers = core->state.tables[PAWL_TABLE_TIMER_NODE].live_count;
    uint64_t runs = core->state.tables[PAWL_TABLE_TIMER_RUN].live_count;
    uint64_t bytes =
        runs * (sizeof(struct pawl_timer_run_slot) + sizeof(struct pawl_timer_entry_slot));
    PAWL_ASSERT(runs <= timers);
    uint64_t share = timers > 0 ? (bytes + timers - 1) / timers : 0;
    return sizeof(struct pawl_timer_node_slot) + share;
}

uint64_t pawl_core_needed_op(const struct pawl_core *core)
{
    uint64_t needed = core->state.op + 1;
    uint32_t slots = core->state.tables[PAWL_TABLE_RESERVATION].slot_count;
    for (uint32_t at = 1; at < slots; at++) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        if (slot->state != 0 && slot->id < needed) {
            needed = slot->id;
        }
    }
    for (uint32_t i = 0; i < PAWL_RETENTION_COUNT; i++) {
        /* Each queue is in the order of its operations. */
        uint32_t head = core->state.idem_queues[i].head;
        if (head != 0 && pawl_idem_at(core, head)->op < needed) {
            needed = pawl_idem_at(core, head)->op;
        }
    }
    PAWL_ASSERT(needed > 0);
    return needed;
}

void pawl_core_stats(const struct pawl_core *core, struct pawl_core_stats *ret_stats)
{
    const struct pawl_table *tables = core->state.tables;
    *ret_stats = (struct pawl_core_stats){
        .strings = core->state.string_count,
        .scopes = tables[PAWL_TABLE_SCOPE].live_count,
        .budgets = tables[PAWL_TABLE_BUDGET].live_count,
        .reservations = tables[PAWL_TABLE_RESERVATION].live_count,
        .idempotency = tables[PAWL_TABLE_IDEM].live_count,
        .sessions = tables[PAWL_TABLE_SESSION].live_count,
        .approvals = tables[PAWL_TABLE_APPROVAL].live_count,
        .documents = tables[PAWL_TABLE_DOCUMENT].live_count,
        .chunks_free = core->memory.free_count,
    };
    for (uint32_t table = 0; table < PAWL_TABLE_COUNT; table++) {
        ret_stats->chunks_used += tables[table].chunk_count + core->memory.page_count[table];
    }
    ret_stats->chunks_used += core->memory.aside_count;
    uint64_t overflow =
        (uint64_t)tables[PAWL_TABLE_OVERFLOW].live_count * sizeof(struct pawl_bucket_slot);
    uint64_t entries = 0;
    for (uint32_t index = 0; index < PAWL_INDEX_COUNT; index++) {
        entries += core->state.indexes[index].entry_count;
    }
    uint64_t overflow_share = entries > 0 ? (overflow + entries - 1) / entries : 0;
    PAWL_ASSERT(entries > 0 || overflow == 0);
    ret_stats->reservation_bytes =
        sizeof(struct pawl_reservation_slot) + index_share(core, PAWL_INDEX_RESERVATION) +
        timer_share(core) +
        2 * (sizeof(struct pawl_idem_slot) + index_share(core, PAWL_INDEX_IDEM)) +
        3 * overflow_share;
}
