/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.c: the invariants of the other files, checked over the whole ledger the slow way. What
 * budgets, instances and sessions claim is counted again from the reservations up, and every
 * object is looked up through its index.
 *
 * The core has no memory to add up holds in for each instance, so sums are compared as a
 * fingerprint: each instance has a random weight modulo 2^64, and the weighted sum over the
 * instances must equal the weighted sum over the holds. One pass over each table, and a wrong
 * instance slips through once in 2^64. A small ledger, which tests have, is also counted
 * exactly, so that the assertion that fails is the one of the wrong budget.
 */
#include "base/hash.h"

#include "core/book.h"
#include "core/document.h"
#include "core/hold.h"
#include "core/index.h"
#include "core/ops.h"
#include "core/scope.h"
#include "core/table.h"
#include "core/timer.h"

/* Budgets times reservations up to which every sum is made exactly. */
enum { EXACT_PAIRS_MAX = 200000 };

static uint64_t weight(uint32_t budget, uint32_t ordinal)
{
    return pawl_hash_mix(((uint64_t)budget << 32 | ordinal) + UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

/* Weighted sums; unsigned, so that they are taken modulo 2^64. */
struct sums {
    uint64_t reserved;
    uint64_t refs;
    uint64_t open_holds;
};

/* --- From the reservations. ------------------------------------------------------------------- */

static void audit_held(const struct pawl_core *core, const struct pawl_held *held)
{
    PAWL_ASSERT(held->line_count >= 1);
    PAWL_ASSERT(held->hold_count >= 1);
    for (uint32_t i = 0; i < held->line_count; i++) {
        PAWL_ASSERT(held->units[i] != PAWL_UNIT_NONE);
        PAWL_ASSERT(pawl_amount_valid(held->values[i]));
    }
    for (uint32_t i = 0; i < held->hold_count; i++) {
        PAWL_ASSERT(held->hold_line[i] < held->line_count);
        struct pawl_stand stand = pawl_stand_of(core, held->holds[i], core->state.now_us);
        PAWL_ASSERT(stand.unit == held->units[held->hold_line[i]]);
    }
}

static void audit_reservation(const struct pawl_core *core, uint32_t at, struct sums *sums)
{
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
    struct pawl_held held;
    PAWL_ASSERT(slot->id > 0);
    PAWL_ASSERT(slot->id <= core->state.op);
    PAWL_ASSERT(pawl_held_find(core, slot->id) == at);
    pawl_held_load(core, at, &held);
    audit_held(core, &held);
    bool open = slot->state == PAWL_RESERVATION_HELD;
    struct pawl_timer timer = pawl_timer_at(core, slot->timer);
    PAWL_ASSERT(timer.kind == PAWL_TIMER_RESERVATION);
    PAWL_ASSERT(timer.slot == at);
    PAWL_ASSERT(!open || timer.due_ms == pawl_held_due_ms(slot));
    for (uint32_t i = 0; i < held.hold_count; i++) {
        uint64_t by = weight(held.holds[i].budget, held.holds[i].ordinal);
        sums->reserved += open ? by * (uint64_t)held.values[held.hold_line[i]] : 0;
        sums->refs += by;
    }
    if (slot->session != 0 && open) {
        sums->open_holds += weight(slot->session, 0);
    }
}

/* The exact sums of one instance. */
static void audit_instance_exactly(const struct pawl_core *core,
                                   struct pawl_hold instance,
                                   int64_t reserved,
                                   uint32_t refs)
{
    int64_t held_sum = 0;
    uint32_t ref_count = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_RESERVATION].slot_count; at++) {
        const struct pawl_reservation_slot *slot = pawl_reservation_at(core, at);
        if (slot->state == 0) {
            continue;
        }
        struct pawl_held held;
        pawl_held_load(core, at, &held);
        for (uint32_t i = 0; i < held.hold_count; i++) {
            if (held.holds[i].budget == instance.budget &&
                held.holds[i].ordinal == instance.ordinal) {
                bool open = slot->state == PAWL_RESERVATION_HELD;
                held_sum += open ? held.values[held.hold_line[i]] : 0;
                ref_count++;
            }
        }
    }
    PAWL_ASSERT(held_sum == reserved);
    PAWL_ASSERT(ref_count == refs);
}

/* --- From the budgets. ------------------------------------------------------------------------ */

static void audit_instance(const struct pawl_core *core,
                           struct pawl_hold instance,
                           int64_t spent,
                           int64_t reserved,
                           uint32_t refs,
                           struct sums *sums)
{
    PAWL_ASSERT(spent >= 0);
    PAWL_ASSERT(reserved >= 0);
    PAWL_ASSERT(refs > 0 || reserved == 0);
    uint64_t by = weight(instance.budget, instance.ordinal);
    sums->reserved += by * (uint64_t)reserved;
    sums->refs += by * refs;
    uint64_t pairs = (uint64_t)core->state.tables[PAWL_TABLE_BUDGET].live_count *
                     core->state.tables[PAWL_TABLE_RESERVATION].live_count;
    if (pairs <= EXACT_PAIRS_MAX) {
        audit_instance_exactly(core, instance, reserved, refs);
    }
}

static void audit_budgets(const struct pawl_core *core, struct sums *sums)
{
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_BUDGET].slot_count; at++) {
        const struct pawl_budget_slot *slot = pawl_budget_at(core, at);
        struct pawl_hold instance = {.budget = at, .ordinal = slot->ordinal};
        PAWL_ASSERT(slot->state >= PAWL_BUDGET_ACTIVE);
        PAWL_ASSERT(slot->state <= PAWL_BUDGET_CLOSED);
        PAWL_ASSERT(pawl_amount_valid(slot->allocated));
        PAWL_ASSERT(pawl_amount_valid(slot->debt));
        PAWL_ASSERT(slot->spent + slot->reserved <= PAWL_AMOUNT_MAX);
        PAWL_ASSERT(slot->over_limit <= 1);
        PAWL_ASSERT(slot->window_start_us <= slot->window_end_us);
        audit_instance(core, instance, slot->spent, slot->reserved, slot->refs, sums);
        PAWL_ASSERT(slot->tenant == pawl_scope_root(core, slot->scope));
        PAWL_ASSERT(slot->overage <= PAWL_OVERAGE_BOOK_FULL);
        PAWL_ASSERT(slot->created_us <= slot->updated_us);
        struct pawl_window window = pawl_budget_window(slot);
        PAWL_ASSERT(pawl_budget_lookup(core, slot->scope, slot->phase, slot->unit, &window) == at);
        struct pawl_stand stand = pawl_stand_now(core, at, core->state.now_us);
        PAWL_ASSERT(stand.spent + stand.reserved + stand.debt <= PAWL_AMOUNT_MAX);
    }
}

static void audit_windows(const struct pawl_core *core, struct sums *sums)
{
    uint32_t live = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_WINDOW].slot_count; at++) {
        const struct pawl_window_slot *slot = pawl_window_at(core, at);
        if (slot->refs == 0) {
            continue;
        }
        struct pawl_hold instance = {.budget = slot->budget, .ordinal = slot->ordinal};
        live++;
        PAWL_ASSERT(pawl_window_find(core, instance) == at);
        PAWL_ASSERT(slot->spent + slot->reserved <= PAWL_AMOUNT_MAX);
        PAWL_ASSERT(slot->ordinal < pawl_budget_at(core, slot->budget)->ordinal);
        audit_instance(core, instance, slot->spent, slot->reserved, slot->refs, sums);
    }
    PAWL_ASSERT(live == core->state.tables[PAWL_TABLE_WINDOW].live_count);
}

/* --- Names, sessions, questions, keys. -------------------------------------------------------- */

/* Every scope of a level below the tenant's is in one list, its parent's: the lists have as many
 * entries as there are such scopes, and each entry its parent. */
static void audit_children(const struct pawl_core *core)
{
    uint32_t below = 0;
    uint32_t listed = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_SCOPE].slot_count; at++) {
        const struct pawl_scope_slot *slot = pawl_scope_at(core, at);
        below += slot->parent != 0 && slot->level < PAWL_LEVEL_COUNT;
        for (uint32_t child = slot->first_child; child != 0; listed++) {
            const struct pawl_scope_slot *its_slot = pawl_scope_at(core, child);
            PAWL_ASSERT(its_slot->parent == at);
            PAWL_ASSERT(its_slot->level > slot->level && its_slot->level < PAWL_LEVEL_COUNT);
            PAWL_ASSERT(listed < below + core->state.tables[PAWL_TABLE_SCOPE].slot_count);
            child = its_slot->next_sibling;
        }
        PAWL_ASSERT(slot->level == PAWL_LEVEL_TENANT || slot->tenant_state == PAWL_TENANT_NONE);
    }
    PAWL_ASSERT(below == listed);
}

static void audit_scopes(const struct pawl_core *core)
{
    uint32_t budgets = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_SCOPE].slot_count; at++) {
        const struct pawl_scope_slot *slot = pawl_scope_at(core, at);
        struct pawl_scope_key key = {
            .level = slot->level,
            .name = pawl_string_text(core, slot->name),
            .value = pawl_string_text(core, slot->value),
        };
        PAWL_ASSERT(pawl_scope_child(core, slot->parent, pawl_scope_hash_of(core, at), &key) == at);
        PAWL_ASSERT(pawl_string_find(core, key.value) == slot->value);
        uint32_t last = 0;
        for (uint32_t budget = slot->first_budget; budget != 0;) {
            PAWL_ASSERT(pawl_budget_at(core, budget)->scope == at);
            last = budget;
            budget = pawl_budget_at(core, budget)->next;
            budgets++;
        }
        PAWL_ASSERT(slot->last_budget == last);
    }
    PAWL_ASSERT(budgets == core->state.tables[PAWL_TABLE_BUDGET].live_count);
}

static void audit_sessions(const struct pawl_core *core, struct sums *sums)
{
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_SESSION].slot_count; at++) {
        const struct pawl_session_slot *slot = pawl_session_at(core, at);
        PAWL_ASSERT(slot->state >= PAWL_SESSION_ACTIVE);
        PAWL_ASSERT(slot->state <= PAWL_SESSION_ENDED);
        PAWL_ASSERT(pawl_scope_at(core, slot->scope)->session == at);
        bool timed = slot->state != PAWL_SESSION_ENDED && slot->deadline_us != INT64_MAX;
        PAWL_ASSERT(timed == (slot->timer != 0));
        if (timed) {
            struct pawl_timer timer = pawl_timer_at(core, slot->timer);
            PAWL_ASSERT(timer.kind == PAWL_TIMER_SESSION);
            PAWL_ASSERT(timer.slot == at);
        }
        sums->open_holds += weight(at, 0) * slot->open_holds;
    }
}

static void audit_approvals(const struct pawl_core *core)
{
    uint32_t pending = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_APPROVAL].slot_count; at++) {
        const struct pawl_approval_slot *slot = pawl_approval_at(core, at);
        if (slot->state == PAWL_APPROVAL_PENDING) {
            pending++;
            PAWL_ASSERT((slot->timer != 0) == (slot->expires_us != INT64_MAX));
        }
    }
    PAWL_ASSERT(pending == core->state.pending_approvals);
    uint32_t settled = 0;
    for (uint32_t at = core->state.settled_approvals.head; at != 0; settled++) {
        PAWL_ASSERT(pawl_approval_at(core, at)->state > PAWL_APPROVAL_PENDING);
        at = pawl_approval_at(core, at)->next;
    }
    PAWL_ASSERT(settled + pending == core->state.tables[PAWL_TABLE_APPROVAL].live_count);
}

/* D1 to D3 (document.c). */
static void audit_documents(const struct pawl_core *core)
{
    uint32_t parts = 0;
    uint32_t states = 0;
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_DOCUMENT].slot_count; at++) {
        const struct pawl_document_slot *slot = pawl_document_at(core, at);
        struct pawl_slice tenant = pawl_string_text(core, slot->tenant);
        PAWL_ASSERT(slot->version > 0 && slot->version <= core->state.op);
        PAWL_ASSERT(pawl_document_find(core, slot->kind, pawl_string_text(core, slot->name)) == at);
        size_t left = slot->body_bytes;
        for (uint32_t part = slot->body; part != 0; parts++) {
            const struct pawl_body_slot *body = pawl_body_at(core, part);
            size_t here = left < PAWL_BODY_BYTES ? left : PAWL_BODY_BYTES;
            PAWL_ASSERT(body->live == 1);
            PAWL_ASSERT(here > 0);
            for (size_t i = here; i < PAWL_BODY_BYTES; i++) {
                PAWL_ASSERT(body->text[i] == 0);
            }
            left -= here;
            part = body->next;
        }
        PAWL_ASSERT(left == 0);
        if (slot->kind == PAWL_DOCUMENT_TENANT) {
            PAWL_ASSERT(pawl_core_tenant_state(core, tenant) == slot->state);
            states++;
        }
    }
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_SCOPE].slot_count; at++) {
        states -= pawl_scope_at(core, at)->tenant_state != PAWL_TENANT_NONE;
    }
    PAWL_ASSERT(states == 0);
    PAWL_ASSERT(parts == core->state.tables[PAWL_TABLE_BODY].live_count);
}

static void audit_keys(const struct pawl_core *core)
{
    uint32_t live = 0;
    for (uint32_t retention = 0; retention < PAWL_RETENTION_COUNT; retention++) {
        int64_t before_us = INT64_MIN;
        for (uint32_t at = core->state.idem_queues[retention].head; at != 0;) {
            const struct pawl_idem_slot *slot = pawl_idem_at(core, at);
            PAWL_ASSERT(slot->live == 1);
            PAWL_ASSERT(slot->expires_us >= before_us);
            struct pawl_index_cursor cursor =
                pawl_index_find(core, PAWL_INDEX_IDEM, (uint32_t)slot->key_hash[0]);
            uint32_t found = pawl_index_next(core, &cursor);
            while (found != 0 && found != at) {
                found = pawl_index_next(core, &cursor);
            }
            PAWL_ASSERT(found == at);
            before_us = slot->expires_us;
            at = slot->next;
            live++;
        }
    }
    PAWL_ASSERT(live == core->state.tables[PAWL_TABLE_IDEM].live_count);
}

static void audit_counts(const struct pawl_core *core)
{
    const struct pawl_index *indexes = core->state.indexes;
    const struct pawl_table *tables = core->state.tables;
    for (enum pawl_index_id index = 0; index < PAWL_INDEX_COUNT; index++) {
        pawl_index_audit(core, index);
    }
    pawl_timer_audit(core);
    PAWL_ASSERT(indexes[PAWL_INDEX_STRING].entry_count == core->state.string_count);
    PAWL_ASSERT(indexes[PAWL_INDEX_SCOPE].entry_count == tables[PAWL_TABLE_SCOPE].live_count);
    PAWL_ASSERT(indexes[PAWL_INDEX_WINDOW].entry_count == tables[PAWL_TABLE_WINDOW].live_count);
    PAWL_ASSERT(indexes[PAWL_INDEX_RESERVATION].entry_count ==
                tables[PAWL_TABLE_RESERVATION].live_count);
    PAWL_ASSERT(indexes[PAWL_INDEX_IDEM].entry_count == tables[PAWL_TABLE_IDEM].live_count);
    PAWL_ASSERT(indexes[PAWL_INDEX_DOCUMENT].entry_count == tables[PAWL_TABLE_DOCUMENT].live_count);
}

void pawl_core_audit(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    struct sums claimed = {.reserved = 0};
    struct sums counted = {.reserved = 0};
    audit_counts(core);
    audit_budgets(core, &claimed);
    audit_windows(core, &claimed);
    audit_sessions(core, &claimed);
    for (uint32_t at = 1; at < core->state.tables[PAWL_TABLE_RESERVATION].slot_count; at++) {
        if (pawl_reservation_at(core, at)->state != 0) {
            audit_reservation(core, at, &counted);
        }
    }
    PAWL_ASSERT(claimed.reserved == counted.reserved);
    PAWL_ASSERT(claimed.refs == counted.refs);
    PAWL_ASSERT(claimed.open_holds == counted.open_holds);
    audit_scopes(core);
    audit_children(core);
    audit_documents(core);
    audit_approvals(core);
    audit_keys(core);
}
