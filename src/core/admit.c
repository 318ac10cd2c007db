/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.c: who binds, and the gates. Nothing here changes anything: stands are copies with ended
 * windows rolled, so a refusal leaves no trace, and a quote is the same computation.
 *
 * Each row collects the gates that it fails as bits; the lowest bit over all rows is the refusal.
 * That is "each gate over all budgets before the next" in one pass.
 */
#include "core/admit.h"

#include "core/document.h"
#include "core/scope.h"
#include "core/table.h"

uint16_t pawl_admit_funds_code(uint16_t unit)
{
    PAWL_ASSERT(unit != PAWL_UNIT_NONE);
    bool cap = unit == PAWL_UNIT_TOOL_CALLS || unit == PAWL_UNIT_ITERATIONS;
    return cap ? PAWL_RESULT_CAP_EXCEEDED : PAWL_RESULT_BUDGET_EXCEEDED;
}

static uint16_t gate_code(uint32_t gate)
{
    switch ((enum pawl_gate)gate) {
    case PAWL_GATE_TENANT_CLOSED:
        return PAWL_RESULT_TENANT_CLOSED;
    case PAWL_GATE_TENANT_SUSPENDED:
        return PAWL_RESULT_TENANT_SUSPENDED;
    case PAWL_GATE_FROZEN:
        return PAWL_RESULT_BUDGET_FROZEN;
    case PAWL_GATE_CLOSED:
        return PAWL_RESULT_BUDGET_CLOSED;
    case PAWL_GATE_OVER_LIMIT:
        return PAWL_RESULT_OVER_LIMIT;
    case PAWL_GATE_DEBT:
        return PAWL_RESULT_DEBT_OUTSTANDING;
    case PAWL_GATE_ENDED:
        return PAWL_RESULT_SESSION_ENDED;
    case PAWL_GATE_PAUSED:
        return PAWL_RESULT_SESSION_PAUSED;
    case PAWL_GATE_DEADLINE:
        return PAWL_RESULT_DEADLINE_PASSED;
    case PAWL_GATE_THROTTLE:
        return PAWL_RESULT_RATE_LIMITED;
    case PAWL_GATE_CAP:
        return PAWL_RESULT_CAP_EXCEEDED;
    case PAWL_GATE_FUNDS:
        return PAWL_RESULT_BUDGET_EXCEEDED;
    }
    PAWL_UNREACHABLE();
}

/* --- Tenants. --------------------------------------------------------------------------------- */

static uint32_t tenant_failures(const struct pawl_core *core, uint32_t tenant)
{
    if (tenant == 0) {
        return 0;
    }
    const struct pawl_scope_slot *slot = pawl_scope_at(core, tenant);
    PAWL_ASSERT(slot->level == PAWL_LEVEL_TENANT);
    PAWL_ASSERT(slot->tenant_state <= PAWL_TENANT_CLOSED);
    if (slot->tenant_state == PAWL_TENANT_CLOSED) {
        return PAWL_GATE_TENANT_CLOSED;
    }
    return slot->tenant_state == PAWL_TENANT_SUSPENDED ? PAWL_GATE_TENANT_SUSPENDED : 0;
}

uint16_t pawl_admit_tenant(const struct pawl_core *core, uint32_t tenant, uint32_t gates)
{
    uint32_t failed = tenant_failures(core, tenant) & gates;
    PAWL_ASSERT((gates & ~(uint32_t)PAWL_GATES_ALL) == 0);
    PAWL_ASSERT((failed & ~(uint32_t)PAWL_GATES_TENANT) == 0);
    return failed != 0 ? gate_code(failed) : PAWL_RESULT_OK;
}

/* The tenant's refusal where there is one: what budgets it has is then no matter. */
static uint16_t tenant_first(const struct pawl_core *core,
                             const struct pawl_admission *admission,
                             uint32_t gates,
                             uint16_t code)
{
    uint16_t of_tenant = pawl_admit_tenant(core, admission->tenant, gates);
    PAWL_ASSERT(code != PAWL_RESULT_OK);
    return of_tenant != PAWL_RESULT_OK ? of_tenant : code;
}

/* --- What binds. ------------------------------------------------------------------------------ */

/* The line of that unit, or line_count. */
static uint32_t line_of(const struct pawl_amount *lines, uint32_t line_count, uint16_t unit)
{
    uint32_t line = 0;
    while (line < line_count && lines[line].unit != unit) {
        line++;
    }
    PAWL_ASSERT(line_count <= PAWL_LINES_MAX);
    PAWL_ASSERT(line == line_count || lines[line].unit == unit);
    return line;
}

/* The phase that counts: the one given, else the session's. */
static uint32_t phase_of(const struct pawl_core *core, uint32_t session, struct pawl_slice phase)
{
    PAWL_ASSERT(phase.bytes <= PAWL_NAME_BYTES_MAX);
    if (!pawl_slice_empty(phase)) {
        return pawl_string_find(core, phase);
    }
    return session != 0 ? pawl_session_at(core, session)->phase : 0;
}

uint16_t pawl_admit_gather(const struct pawl_core *core,
                           int64_t now_us,
                           const struct pawl_subject_path *path,
                           struct pawl_slice phase,
                           const struct pawl_amount *lines,
                           uint32_t line_count,
                           uint32_t gates,
                           struct pawl_admission *ret_admission)
{
    struct pawl_scope_list list;
    pawl_subject_scopes(core, path, &list);
    PAWL_ASSERT(line_count >= 1);
    PAWL_ASSERT(list.count <= PAWL_SUBJECT_SCOPES_MAX);
    ret_admission->session = list.session;
    ret_admission->tenant = list.count > 0 ? list.scopes[0] : 0;
    ret_admission->throttle = 0;
    ret_admission->throttle_per_minute = 0;
    ret_admission->row_count = 0;
    if (list.session_unknown) {
        return PAWL_RESULT_NOT_FOUND;
    }
    uint32_t phase_now = phase_of(core, list.session, phase);
    bool other_unit = false;
    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t at = pawl_scope_at(core, list.scopes[i])->first_budget;
        while (at != 0) {
            const struct pawl_budget_slot *slot = pawl_budget_at(core, at);
            uint32_t line = line_of(lines, line_count, slot->unit);
            bool phase_binds = slot->phase == 0 || slot->phase == phase_now;
            if (phase_binds && line == line_count) {
                other_unit = true;
            } else if (phase_binds) {
                if (ret_admission->row_count == PAWL_HOLDS_MAX) {
                    return tenant_first(core, ret_admission, gates, PAWL_RESULT_LIMIT_REACHED);
                }
                struct pawl_admission_row *row = &ret_admission->rows[ret_admission->row_count];
                row->stand = pawl_stand_now(core, at, now_us);
                row->line = line;
                ret_admission->row_count++;
            }
            at = slot->next;
        }
    }
    if (ret_admission->row_count == 0) {
        return tenant_first(core, ret_admission, gates,
                            other_unit ? PAWL_RESULT_UNIT_MISMATCH : PAWL_RESULT_NOT_FOUND);
    }
    return PAWL_RESULT_OK;
}

void pawl_admit_gather_held(const struct pawl_core *core,
                            int64_t now_us,
                            const struct pawl_held *held,
                            const struct pawl_amount *asked,
                            struct pawl_admission *ret_admission)
{
    PAWL_ASSERT(held->hold_count <= PAWL_HOLDS_MAX);
    const struct pawl_reservation_slot *slot = pawl_reservation_at(core, held->slot);
    ret_admission->session = slot->session;
    ret_admission->tenant = pawl_held_tenant(core, slot);
    ret_admission->throttle = 0;
    ret_admission->throttle_per_minute = 0;
    ret_admission->row_count = 0;
    for (uint32_t i = 0; i < held->hold_count; i++) {
        uint32_t line = held->hold_line[i];
        PAWL_ASSERT(line < held->line_count);
        if (asked[line].unit != PAWL_UNIT_NONE) {
            struct pawl_admission_row *row = &ret_admission->rows[ret_admission->row_count];
            row->stand = pawl_stand_of(core, held->holds[i], now_us);
            row->line = line;
            ret_admission->row_count++;
        }
    }
}

/* --- Gates. ----------------------------------------------------------------------------------- */

static uint32_t
row_failures(const struct pawl_core *core, const struct pawl_stand *stand, int64_t asked)
{
    uint32_t failed = 0;
    PAWL_ASSERT(pawl_amount_valid(asked));
    PAWL_ASSERT(stand->debt >= 0);
    if (stand->state != PAWL_BUDGET_ACTIVE) {
        failed |= stand->state == PAWL_BUDGET_FROZEN ? PAWL_GATE_FROZEN : PAWL_GATE_CLOSED;
    }
    if (stand->over_limit) {
        failed |= PAWL_GATE_OVER_LIMIT;
    }
    if (stand->debt > 0 && pawl_budget_at(core, stand->budget)->overdraft_limit == 0) {
        failed |= PAWL_GATE_DEBT;
    }
    if (asked > pawl_stand_remaining(stand)) {
        bool cap = pawl_admit_funds_code(stand->unit) == PAWL_RESULT_CAP_EXCEEDED;
        failed |= cap ? PAWL_GATE_CAP : PAWL_GATE_FUNDS;
    }
    return failed;
}

static uint32_t session_failures(const struct pawl_session_slot *session, int64_t now_us)
{
    uint32_t failed = 0;
    PAWL_ASSERT(session->state != 0);
    PAWL_ASSERT(session->opened_us <= now_us);
    if (session->state == PAWL_SESSION_ENDED) {
        failed |= PAWL_GATE_ENDED;
    } else if (session->state == PAWL_SESSION_PAUSED) {
        failed |= PAWL_GATE_PAUSED;
    }
    if (now_us >= session->deadline_us) {
        failed |= PAWL_GATE_DEADLINE;
    }
    return failed;
}

/* --- Refusals. -------------------------------------------------------------------------------- */

/* The largest amount of the row's line that every budget of that line would grant. */
static int64_t fits_now(const struct pawl_admission *admission, uint32_t line)
{
    int64_t fits = PAWL_AMOUNT_MAX;
    PAWL_ASSERT(line < PAWL_LINES_MAX);
    PAWL_ASSERT(admission->row_count > 0);
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        if (row->line == line && pawl_stand_remaining(&row->stand) < fits) {
            fits = pawl_stand_remaining(&row->stand);
        }
    }
    return fits > 0 ? fits : 0;
}

void pawl_admit_denial(const struct pawl_core *core,
                       int64_t now_us,
                       const struct pawl_admission *admission,
                       const struct pawl_admission_row *row,
                       int64_t asked,
                       struct pawl_denial *ret_denial)
{
    const struct pawl_stand *stand = &row->stand;
    const struct pawl_budget_slot *slot = pawl_budget_at(core, stand->budget);
    *ret_denial = (struct pawl_denial){
        .budget = pawl_id_make(0, stand->budget),
        .session = admission->session != 0 ? pawl_id_make(0, admission->session) : 0,
        .unit = stand->unit,
        .window_kind = slot->window_kind,
        .limit = stand->allocated,
        .spent = stand->spent,
        .held = stand->reserved,
        .debt = stand->debt,
        .asked = asked,
    };
    PAWL_ASSERT(ret_denial->budget != 0);
    PAWL_ASSERT(slot->unit == stand->unit);
    if (stand->current) {
        int64_t start_us = 0;
        int64_t end_us = 0;
        pawl_stand_bounds(core, stand, now_us, &start_us, &end_us);
        ret_denial->resets_at_us = end_us != INT64_MAX ? end_us : 0;
    }
}

static void session_denial(const struct pawl_core *core,
                           int64_t now_us,
                           const struct pawl_admission *admission,
                           uint32_t gate,
                           struct pawl_denial *ret_denial)
{
    PAWL_ASSERT(admission->session != 0);
    const struct pawl_session_slot *session = pawl_session_at(core, admission->session);
    *ret_denial = (struct pawl_denial){
        .session = pawl_id_make(0, admission->session),
        .unit = session->unit,
        .reason = session->reason,
    };
    if (gate == PAWL_GATE_DEADLINE) {
        PAWL_ASSERT(session->deadline_us <= now_us);
        ret_denial->unit = PAWL_UNIT_WALL_CLOCK_MS;
        ret_denial->limit = session->deadline_us / 1000 - session->opened_us / 1000;
        ret_denial->spent = now_us / 1000 - session->opened_us / 1000;
    }
}

/* In holds of this minute. */
static void throttle_denial(const struct pawl_core *core,
                            int64_t now_us,
                            const struct pawl_admission *admission,
                            struct pawl_denial *ret_denial)
{
    PAWL_ASSERT(admission->throttle != 0);
    *ret_denial = (struct pawl_denial){
        .limit = admission->throttle_per_minute,
        .spent = pawl_document_taken(core, admission->throttle, now_us),
        .asked = 1,
        .resets_at_us = (now_us / PAWL_THROTTLE_US + 1) * PAWL_THROTTLE_US,
    };
    PAWL_ASSERT(ret_denial->spent >= ret_denial->limit);
}

uint16_t pawl_admit_check(const struct pawl_core *core,
                          int64_t now_us,
                          const struct pawl_admission *admission,
                          const struct pawl_amount *lines,
                          uint32_t gates,
                          struct pawl_denial *ret_denial)
{
    uint32_t of_session = 0;
    uint32_t of_others = tenant_failures(core, admission->tenant);
    PAWL_ASSERT(admission->row_count <= PAWL_HOLDS_MAX);
    PAWL_ASSERT((gates & ~(uint32_t)PAWL_GATES_ALL) == 0);
    if (admission->session != 0) {
        of_session = session_failures(pawl_session_at(core, admission->session), now_us);
    }
    if (admission->throttle != 0 &&
        pawl_document_taken(core, admission->throttle, now_us) >= admission->throttle_per_minute) {
        of_others |= PAWL_GATE_THROTTLE;
    }
    uint32_t failed = of_session | of_others;
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        PAWL_ASSERT(lines[row->line].unit == row->stand.unit);
        failed |= row_failures(core, &row->stand, lines[row->line].value);
    }
    failed &= gates;
    *ret_denial = (struct pawl_denial){.budget = 0};
    if (failed == 0) {
        return PAWL_RESULT_OK;
    }
    uint32_t gate = failed & (~failed + 1); /* the lowest bit */
    if ((gate & of_others) != 0) {
        if (gate == PAWL_GATE_THROTTLE) {
            throttle_denial(core, now_us, admission, ret_denial);
        }
        return gate_code(gate);
    }
    if ((gate & PAWL_GATES_SESSION) != 0) {
        PAWL_ASSERT((gate & of_session) != 0);
        session_denial(core, now_us, admission, gate, ret_denial);
        return gate_code(gate);
    }
    for (uint32_t i = 0; i < admission->row_count; i++) {
        const struct pawl_admission_row *row = &admission->rows[i];
        int64_t asked = lines[row->line].value;
        if ((row_failures(core, &row->stand, asked) & gate) != 0) {
            pawl_admit_denial(core, now_us, admission, row, asked, ret_denial);
            if (gate == PAWL_GATE_CAP || gate == PAWL_GATE_FUNDS) {
                ret_denial->fits = fits_now(admission, row->line);
            }
            return gate_code(gate);
        }
    }
    PAWL_UNREACHABLE();
}
