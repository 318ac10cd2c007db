/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c: sessions. A session is a scope under its tenant with a state, and its caps are
 * budgets of that scope with lifetime windows; a cap with a phase binds only what is reserved in
 * that phase. The wall clock is no budget but a deadline with a timer.
 *
 *      SESSION_OPEN          SET paused                SET ended, or the wall clock
 *   ─────────────▶ ACTIVE ◀─────────────▶ PAUSED ─────────────────────────────▶ ENDED
 *                     │      SET active,     │                                    ▲
 *                     │      an approval     └── SET paused (another reason)      │
 *                     └───────────────────────────────────────────────────────────┘
 *
 * An ended session stays ended, and its name stays taken. What it holds settles or expires.
 *
 * Invariants:
 *   N1  a session has a timer exactly while it has a deadline and has not ended
 *   N2  open_holds is the number of its reservations that are held
 */
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"
#include "core/window.h"

bool pawl_session_deadline(int64_t from_us, int64_t ms, int64_t *ret_deadline_us)
{
    int64_t from_ms = from_us / PAWL_TIMER_US_PER_MS;
    PAWL_ASSERT(from_ms >= 0);
    PAWL_ASSERT(from_ms <= PAWL_TIMER_DUE_MS_MAX);
    PAWL_ASSERT(ms >= 0);
    if (ms > PAWL_TIMER_DUE_MS_MAX - from_ms) {
        return false;
    }
    *ret_deadline_us = (from_ms + ms) * PAWL_TIMER_US_PER_MS;
    return true;
}

void pawl_session_set_deadline(struct pawl_core *core, uint32_t session, int64_t deadline_us)
{
    struct pawl_session_slot *slot = pawl_session_edit(core, session);
    PAWL_ASSERT(slot->state != PAWL_SESSION_ENDED);
    PAWL_ASSERT(deadline_us % PAWL_TIMER_US_PER_MS == 0);
    if (slot->timer != 0) {
        pawl_timer_cancel(core, slot->timer);
    }
    slot->deadline_us = deadline_us;
    slot->timer =
        pawl_timer_add(core, deadline_us / PAWL_TIMER_US_PER_MS, PAWL_TIMER_SESSION, session);
    PAWL_ASSERT(slot->timer != 0);
}

void pawl_session_move(struct pawl_core *core,
                       uint32_t session,
                       enum pawl_session_state state,
                       enum pawl_session_reason reason,
                       uint16_t unit)
{
    struct pawl_session_slot *slot = pawl_session_edit(core, session);
    PAWL_ASSERT(slot->state != PAWL_SESSION_ENDED);
    PAWL_ASSERT(state != 0);
    PAWL_ASSERT(state <= PAWL_SESSION_ENDED);
    slot->state = (uint8_t)state;
    slot->reason = (uint8_t)reason;
    slot->unit = unit;
    if (state == PAWL_SESSION_ENDED && slot->timer != 0) {
        pawl_timer_cancel(core, slot->timer);
        slot->timer = 0;
    }
}

static uint16_t admit_tenant(const struct pawl_core *core, struct pawl_slice tenant)
{
    return pawl_admit_tenant(core, pawl_scope_tenant(core, tenant), PAWL_GATE_TENANT_CLOSED);
}

/* --- SESSION_OPEN. ---------------------------------------------------------------------------- */

/* Whether one of the caps' budgets was made before, by BUDGET_CREATE. */
static bool a_cap_exists(const struct pawl_core *core,
                         uint32_t scope,
                         const struct pawl_command_session_open *open)
{
    PAWL_ASSERT(scope != 0);
    PAWL_ASSERT(open->cap_count <= PAWL_SESSION_CAPS_MAX);
    for (uint32_t i = 0; i < open->cap_count; i++) {
        const struct pawl_session_cap *cap = &open->caps[i];
        uint32_t phase = pawl_string_find(core, cap->phase);
        bool phase_known = phase != 0 || pawl_slice_empty(cap->phase);
        if (phase_known &&
            pawl_budget_lookup(core, scope, phase, cap->unit, &pawl_window_lifetime) != 0) {
            return true;
        }
    }
    return false;
}

uint16_t pawl_session_plan_open(const struct pawl_core *core,
                                const struct pawl_command_session_open *open,
                                struct pawl_plan *plan)
{
    const struct pawl_limits *limits = &core->state.limits;
    PAWL_ASSERT(open->cap_count <= PAWL_SESSION_CAPS_MAX);
    uint16_t code = admit_tenant(core, open->tenant);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    struct pawl_scope_name place = pawl_scope_of_session(open->tenant, open->name);
    struct pawl_additions additions = {.string_count = 0};
    uint32_t scope = pawl_additions_scope(core, &additions, &place);
    if (scope != 0 &&
        (pawl_scope_at(core, scope)->session != 0 || a_cap_exists(core, scope, open))) {
        return PAWL_RESULT_ALREADY_EXISTS;
    }
    uint32_t budget_count = 0;
    bool overflows = false;
    plan->expires_us = INT64_MAX;
    pawl_additions_string(core, &additions, open->phase);
    for (uint32_t i = 0; i < open->cap_count; i++) {
        const struct pawl_session_cap *cap = &open->caps[i];
        pawl_additions_string(core, &additions, cap->phase);
        if (cap->unit == PAWL_UNIT_WALL_CLOCK_MS) {
            overflows = !pawl_session_deadline(core->state.now_us, cap->amount, &plan->expires_us);
        } else {
            budget_count++;
        }
    }
    uint32_t sessions = core->state.tables[PAWL_TABLE_SESSION].live_count;
    uint32_t budgets = core->state.tables[PAWL_TABLE_BUDGET].live_count;
    PAWL_ASSERT(sessions <= limits->sessions_max);
    PAWL_ASSERT(budgets <= limits->budgets_max);
    if (sessions == limits->sessions_max || budget_count > limits->budgets_max - budgets ||
        pawl_additions_fit(core, &additions) != PAWL_RESULT_OK) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    return overflows ? PAWL_RESULT_AMOUNT_OVERFLOW : PAWL_RESULT_OK;
}

void pawl_session_apply_open(struct pawl_core *core,
                             const struct pawl_command_session_open *open,
                             const struct pawl_plan *plan,
                             struct pawl_result *result)
{
    struct pawl_scope_name place = pawl_scope_of_session(open->tenant, open->name);
    uint32_t scope = pawl_scope_intern(core, &place);
    uint32_t phase = pawl_string_intern(core, open->phase);
    uint32_t session = pawl_table_take(core, PAWL_TABLE_SESSION);
    struct pawl_session_slot *slot = pawl_session_edit(core, session);
    PAWL_ASSERT(pawl_scope_at(core, scope)->session == 0);
    pawl_scope_edit(core, scope)->session = session;
    slot->opened_us = core->state.now_us;
    slot->deadline_us = INT64_MAX;
    slot->scope = scope;
    slot->name = pawl_scope_at(core, scope)->value;
    slot->phase = phase;
    slot->state = PAWL_SESSION_ACTIVE;
    for (uint32_t i = 0; i < open->cap_count; i++) {
        const struct pawl_session_cap *cap = &open->caps[i];
        if (cap->unit == PAWL_UNIT_WALL_CLOCK_MS) {
            PAWL_ASSERT(plan->expires_us != INT64_MAX);
            pawl_session_set_deadline(core, session, plan->expires_us);
            continue;
        }
        struct pawl_command_budget_create create = {
            .phase = cap->phase,
            .unit = cap->unit,
            .window = pawl_window_lifetime,
            .allocated = cap->amount,
            .mode = PAWL_BUDGET_ENFORCE,
        };
        (void)pawl_budget_add(core, scope, &create);
    }
    result->id = pawl_id_make(0, session);
}

/* --- SESSION_SET and SESSION_PHASE. ----------------------------------------------------------- */

uint16_t pawl_session_plan_set(const struct pawl_core *core,
                               const struct pawl_command_session_set *set,
                               struct pawl_plan *plan)
{
    plan->session = pawl_subject_session(core, set->tenant, set->name);
    if (plan->session == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    uint16_t code = admit_tenant(core, set->tenant);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    uint8_t state = pawl_session_at(core, plan->session)->state;
    PAWL_ASSERT(set->state != 0);
    PAWL_ASSERT(state != 0);
    bool allowed = state != PAWL_SESSION_ENDED &&
                   !(state == PAWL_SESSION_ACTIVE && set->state == PAWL_SESSION_ACTIVE);
    return allowed ? PAWL_RESULT_OK : PAWL_RESULT_STATE_CONFLICT;
}

void pawl_session_apply_set(struct pawl_core *core,
                            const struct pawl_command_session_set *set,
                            const struct pawl_plan *plan,
                            struct pawl_result *result)
{
    PAWL_ASSERT(plan->session != 0);
    PAWL_ASSERT(pawl_session_at(core, plan->session)->state != PAWL_SESSION_ENDED);
    pawl_session_move(core, plan->session, (enum pawl_session_state)set->state,
                      (enum pawl_session_reason)set->reason, set->unit);
    result->id = pawl_id_make(0, plan->session);
}

uint16_t pawl_session_plan_phase(const struct pawl_core *core,
                                 const struct pawl_command_session_phase *phase,
                                 struct pawl_plan *plan)
{
    plan->session = pawl_subject_session(core, phase->tenant, phase->name);
    if (plan->session == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    uint16_t code = admit_tenant(core, phase->tenant);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    struct pawl_additions additions = {.string_count = 0};
    pawl_additions_string(core, &additions, phase->phase);
    PAWL_ASSERT(additions.scope_count == 0);
    if (pawl_session_at(core, plan->session)->state == PAWL_SESSION_ENDED) {
        return PAWL_RESULT_SESSION_ENDED;
    }
    return pawl_additions_fit(core, &additions);
}

void pawl_session_apply_phase(struct pawl_core *core,
                              const struct pawl_command_session_phase *phase,
                              const struct pawl_plan *plan,
                              struct pawl_result *result)
{
    uint32_t string = pawl_string_intern(core, phase->phase);
    PAWL_ASSERT((string == 0) == pawl_slice_empty(phase->phase));
    struct pawl_session_slot *slot = pawl_session_edit(core, plan->session);
    PAWL_ASSERT(slot->state != PAWL_SESSION_ENDED);
    slot->phase = string;
    result->id = pawl_id_make(0, plan->session);
}
