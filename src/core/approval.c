/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approval.c: questions to a person and their answers. The ledger keeps the question until it is
 * answered or its time is over, and does what an answer means for money and state:
 *
 *   RAISE_CAP approved   the session-wide budget of each line's unit is credited, the deadline for
 *                        a line in WALL_CLOCK_MS moves; a session paused at a cap or for a
 *                        question goes on
 *   MODEL approved       a session paused for a question goes on
 *   RESUME approved      a paused session goes on, whatever paused it
 *   PHASE approved       nothing: whoever answers funds the budgets of the phase
 *   denied, or no answer nothing else changes
 *
 * approvals_max bounds the open questions. Settled ones are kept to be read, the latest of them:
 * beyond the same number the one that was settled first is forgotten.
 *
 *   PENDING ──▶ APPROVED | DENIED | EXPIRED ──▶ forgotten
 */
#include "core/ops.h"
#include "core/table.h"
#include "core/timer.h"
#include "core/window.h"

/* The session's own budget of that unit, or 0. */
static uint32_t session_budget(const struct pawl_core *core, uint32_t session, uint16_t unit)
{
    PAWL_ASSERT(unit != PAWL_UNIT_WALL_CLOCK_MS);
    uint32_t scope = pawl_session_at(core, session)->scope;
    PAWL_ASSERT(scope != 0);
    return pawl_budget_lookup(core, scope, 0, unit, &pawl_window_lifetime);
}

/* Whether the session has what the lines would raise, and each could take it: OK, UNIT_MISMATCH,
 * BUDGET_FROZEN, BUDGET_CLOSED or AMOUNT_OVERFLOW. */
static uint16_t check_raise(const struct pawl_core *core,
                            uint32_t session,
                            const struct pawl_amount *lines,
                            uint32_t line_count)
{
    uint16_t code = PAWL_RESULT_OK;
    uint16_t frozen = PAWL_RESULT_OK;
    const struct pawl_session_slot *slot = pawl_session_at(core, session);
    PAWL_ASSERT(line_count <= PAWL_LINES_MAX);
    for (uint32_t i = 0; i < line_count; i++) {
        int64_t value = lines[i].value;
        PAWL_ASSERT(pawl_amount_valid(value));
        if (lines[i].unit == PAWL_UNIT_WALL_CLOCK_MS) {
            int64_t deadline_us = 0;
            if (slot->deadline_us == INT64_MAX) {
                return PAWL_RESULT_UNIT_MISMATCH;
            }
            if (!pawl_session_deadline(slot->deadline_us, value, &deadline_us)) {
                code = PAWL_RESULT_AMOUNT_OVERFLOW;
            }
            continue;
        }
        uint32_t budget = session_budget(core, session, lines[i].unit);
        if (budget == 0) {
            return PAWL_RESULT_UNIT_MISMATCH;
        }
        uint8_t state = pawl_budget_at(core, budget)->state;
        if (state != PAWL_BUDGET_ACTIVE) {
            frozen =
                state == PAWL_BUDGET_FROZEN ? PAWL_RESULT_BUDGET_FROZEN : PAWL_RESULT_BUDGET_CLOSED;
        }
        if (value > PAWL_AMOUNT_MAX - pawl_budget_at(core, budget)->allocated) {
            code = PAWL_RESULT_AMOUNT_OVERFLOW;
        }
    }
    return frozen != PAWL_RESULT_OK ? frozen : code;
}

/* What the tenant of the session says. */
static uint16_t admit_session(const struct pawl_core *core, uint32_t session)
{
    uint32_t scope = pawl_session_at(core, session)->scope;
    PAWL_ASSERT(scope != 0);
    return pawl_admit_tenant(core, pawl_scope_root(core, scope), PAWL_GATE_TENANT_CLOSED);
}

/* Whether the refusal stands before those of the question's and the session's states. */
static bool comes_first(uint16_t code)
{
    PAWL_ASSERT(code < PAWL_RESULT_COUNT);
    return code != PAWL_RESULT_OK &&
           pawl_result_precedence(code) < pawl_result_precedence(PAWL_RESULT_SESSION_ENDED);
}

/* --- Opening. --------------------------------------------------------------------------------- */

uint16_t pawl_approval_plan_open(const struct pawl_core *core,
                                 const struct pawl_command_approval_open *open,
                                 struct pawl_plan *plan)
{
    plan->session = pawl_subject_session(core, open->tenant, open->session);
    if (plan->session == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    uint16_t code = admit_session(core, plan->session);
    if (code == PAWL_RESULT_OK) {
        code = check_raise(core, plan->session, open->lines, open->line_count);
    }
    if (comes_first(code)) {
        return code;
    }
    if (pawl_session_at(core, plan->session)->state == PAWL_SESSION_ENDED) {
        return PAWL_RESULT_SESSION_ENDED;
    }
    PAWL_ASSERT(core->state.pending_approvals <= core->state.limits.approvals_max);
    if (core->state.pending_approvals == core->state.limits.approvals_max) {
        return PAWL_RESULT_LIMIT_REACHED;
    }
    plan->expires_us = INT64_MAX;
    PAWL_ASSERT(open->ttl_ms >= 0);
    if (open->ttl_ms > 0) {
        plan->expires_us =
            (core->state.now_us / PAWL_TIMER_US_PER_MS + open->ttl_ms) * PAWL_TIMER_US_PER_MS;
    }
    return code;
}

void pawl_approval_apply_open(struct pawl_core *core,
                              const struct pawl_command_approval_open *open,
                              const struct pawl_plan *plan,
                              struct pawl_result *result)
{
    uint32_t approval = pawl_table_take(core, PAWL_TABLE_APPROVAL);
    struct pawl_approval_slot *slot = pawl_approval_edit(core, approval);
    PAWL_ASSERT(slot->state == 0);
    PAWL_ASSERT(plan->session != 0);
    slot->opened_us = core->state.now_us;
    slot->expires_us = plan->expires_us;
    slot->session = plan->session;
    slot->kind = open->kind;
    slot->state = PAWL_APPROVAL_PENDING;
    slot->line_count = (uint8_t)open->line_count;
    for (uint32_t i = 0; i < open->line_count; i++) {
        slot->units[i] = open->lines[i].unit;
        slot->values[i] = open->lines[i].value;
    }
    /* An index is used again when a settled question is forgotten; the number of the operation
     * makes the id new. */
    slot->generation = (uint32_t)core->state.op;
    if (plan->expires_us != INT64_MAX) {
        slot->timer = pawl_timer_add(core, plan->expires_us / PAWL_TIMER_US_PER_MS,
                                     PAWL_TIMER_APPROVAL, approval);
    }
    core->state.pending_approvals++;
    result->id = pawl_id_make(slot->generation, approval);
    result->expires_us = plan->expires_us != INT64_MAX ? plan->expires_us : 0;
}

/* --- Settling. -------------------------------------------------------------------------------- */

/* Moves it to its final state and into the queue of the settled, which stays bounded. */
static void settle(struct pawl_core *core, uint32_t approval, enum pawl_approval_state state)
{
    struct pawl_queue *queue = &core->state.settled_approvals;
    struct pawl_approval_slot *slot = pawl_approval_edit(core, approval);
    PAWL_ASSERT(slot->state == PAWL_APPROVAL_PENDING);
    PAWL_ASSERT(core->state.pending_approvals > 0);
    slot->state = (uint8_t)state;
    if (slot->timer != 0) {
        pawl_timer_cancel(core, slot->timer);
        slot->timer = 0;
    }
    core->state.pending_approvals--;
    if (queue->tail != 0) {
        pawl_approval_edit(core, queue->tail)->next = approval;
    } else {
        queue->head = approval;
    }
    queue->tail = approval;
    PAWL_ASSERT(slot->next == 0);
    uint32_t settled =
        core->state.tables[PAWL_TABLE_APPROVAL].live_count - core->state.pending_approvals;
    if (settled > core->state.limits.approvals_max) {
        uint32_t oldest = queue->head;
        queue->head = pawl_approval_at(core, oldest)->next;
        PAWL_ASSERT(queue->head != 0);
        pawl_table_free(core, PAWL_TABLE_APPROVAL, oldest);
    }
}

void pawl_approval_expire(struct pawl_core *core, uint32_t approval)
{
    PAWL_ASSERT(approval != 0);
    PAWL_ASSERT(pawl_approval_at(core, approval)->expires_us <= core->state.now_us);
    settle(core, approval, PAWL_APPROVAL_EXPIRED);
}

/* What is given: the answer's own lines, or what was asked for. */
static uint32_t given_lines(const struct pawl_approval_slot *slot,
                            const struct pawl_command_approval_answer *answer,
                            struct pawl_amount ret_lines[static PAWL_LINES_MAX])
{
    PAWL_ASSERT(slot->line_count <= PAWL_LINES_MAX);
    PAWL_ASSERT(answer->line_count <= PAWL_LINES_MAX);
    if (answer->line_count > 0) {
        memcpy(ret_lines, answer->lines, answer->line_count * sizeof(answer->lines[0]));
        return answer->line_count;
    }
    for (uint32_t i = 0; i < slot->line_count; i++) {
        ret_lines[i] = (struct pawl_amount){.unit = slot->units[i], .value = slot->values[i]};
    }
    return slot->line_count;
}

uint32_t pawl_approval_of_id(const struct pawl_core *core, uint64_t id)
{
    uint32_t approval = (uint32_t)id;
    if (approval == 0 || approval >= core->state.tables[PAWL_TABLE_APPROVAL].slot_count) {
        return 0;
    }
    const struct pawl_approval_slot *slot = pawl_approval_at(core, approval);
    bool same = slot->state != 0 && slot->generation == (uint32_t)(id >> 32);
    return same ? approval : 0;
}

uint16_t pawl_approval_plan_answer(const struct pawl_core *core,
                                   const struct pawl_command_approval_answer *answer,
                                   struct pawl_plan *plan)
{
    plan->slot = pawl_approval_of_id(core, answer->approval);
    if (plan->slot == 0) {
        return PAWL_RESULT_NOT_FOUND;
    }
    const struct pawl_approval_slot *slot = pawl_approval_at(core, plan->slot);
    PAWL_ASSERT(slot->session != 0);
    if (answer->line_count > 0 && (slot->kind != PAWL_APPROVAL_RAISE_CAP || !answer->approved)) {
        return PAWL_RESULT_INVALID_REQUEST;
    }
    struct pawl_amount lines[PAWL_LINES_MAX];
    uint32_t line_count = given_lines(slot, answer, lines);
    uint16_t code = admit_session(core, slot->session);
    if (code == PAWL_RESULT_OK && answer->approved) {
        code = check_raise(core, slot->session, lines, line_count);
    }
    if (comes_first(code)) {
        return code;
    }
    bool pending = slot->state == PAWL_APPROVAL_PENDING && core->state.now_us < slot->expires_us;
    if (answer->approved && pending &&
        pawl_session_at(core, slot->session)->state == PAWL_SESSION_ENDED) {
        return PAWL_RESULT_SESSION_ENDED;
    }
    if (!pending) {
        return PAWL_RESULT_STATE_CONFLICT;
    }
    return code;
}

/* Whether an approval of this kind lifts a pause of that reason. */
static bool lifts(uint8_t kind, uint8_t reason)
{
    PAWL_ASSERT(kind >= PAWL_APPROVAL_RAISE_CAP);
    PAWL_ASSERT(kind <= PAWL_APPROVAL_PHASE);
    PAWL_ASSERT(reason <= PAWL_REASON_FAILED);
    switch ((enum pawl_approval_kind)kind) {
    case PAWL_APPROVAL_RAISE_CAP:
        return reason == PAWL_REASON_CAP || reason == PAWL_REASON_APPROVAL;
    case PAWL_APPROVAL_MODEL:
        return reason == PAWL_REASON_APPROVAL;
    case PAWL_APPROVAL_RESUME:
        return true;
    case PAWL_APPROVAL_PHASE:
        return false;
    }
    PAWL_UNREACHABLE();
}

void pawl_approval_apply_answer(struct pawl_core *core,
                                const struct pawl_command_approval_answer *answer,
                                const struct pawl_plan *plan,
                                struct pawl_result *result)
{
    struct pawl_approval_slot slot = *pawl_approval_at(core, plan->slot);
    PAWL_ASSERT(slot.state == PAWL_APPROVAL_PENDING);
    PAWL_ASSERT(core->state.now_us < slot.expires_us);
    result->id = answer->approval;
    settle(core, plan->slot, answer->approved ? PAWL_APPROVAL_APPROVED : PAWL_APPROVAL_DENIED);
    if (!answer->approved) {
        return;
    }
    struct pawl_amount lines[PAWL_LINES_MAX];
    uint32_t line_count = given_lines(&slot, answer, lines);
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].unit == PAWL_UNIT_WALL_CLOCK_MS) {
            int64_t deadline_us = pawl_session_at(core, slot.session)->deadline_us;
            bool in_range = pawl_session_deadline(deadline_us, lines[i].value, &deadline_us);
            PAWL_ASSERT(in_range);
            pawl_session_set_deadline(core, slot.session, deadline_us);
        } else {
            uint32_t budget = session_budget(core, slot.session, lines[i].unit);
            PAWL_ASSERT(budget != 0);
            pawl_budget_credit(core, budget, lines[i].value);
        }
    }
    const struct pawl_session_slot *session = pawl_session_at(core, slot.session);
    PAWL_ASSERT(session->state != PAWL_SESSION_ENDED);
    if (session->state == PAWL_SESSION_PAUSED && lifts(slot.kind, session->reason)) {
        pawl_session_move(core, slot.session, PAWL_SESSION_ACTIVE, PAWL_REASON_NONE, 0);
    }
}
