/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.c: the life of a ledger and the one door through which it changes.
 *
 * A command goes through: number and time; shape; idempotency key; plan; room for the key; apply;
 * remembering the key. Every refusal comes before apply, and apply cannot fail, so an operation
 * happens whole or not at all.
 *
 * Invariants:
 *   O1  op grows by one with every command, refused ones included
 *   O2  time never goes back (asserted: the engine hands it in)
 *   O3  nothing but this file calls a plan or an apply
 */
#include "core/core.h"

#include "core/index.h"
#include "core/ops.h"
#include "core/state.h"
#include "core/table.h"
#include "core/timer.h"
#include "core/window.h"

/* --- Life. ------------------------------------------------------------------------------------ */

size_t pawl_core_size(void)
{
    return (sizeof(struct pawl_core) + 63) / 64 * 64;
}

struct pawl_core *pawl_core_init(void *memory, size_t bytes)
{
    PAWL_ASSERT(memory != NULL);
    PAWL_ASSERT(bytes >= pawl_core_size());
    PAWL_ASSERT((uintptr_t)memory % 64 == 0);
    struct pawl_core *core = memory;
    memset(core, 0, sizeof(*core));
    core->state.magic = PAWL_STATE_MAGIC;
    core->state.layout = PAWL_STATE_LAYOUT;
    core->state.bytes = sizeof(core->state);
    PAWL_ASSERT(core->memory.free_count == 0);
    return core;
}

uint64_t pawl_core_op(const struct pawl_core *core)
{
    PAWL_ASSERT(core != NULL);
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    return core->state.op;
}

int64_t pawl_core_now_us(const struct pawl_core *core)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    PAWL_ASSERT(core->state.now_us >= 0);
    return core->state.now_us;
}

int64_t pawl_core_next_due_us(const struct pawl_core *core)
{
    struct pawl_timer timer;
    if (!pawl_timer_first(core, &timer)) {
        return INT64_MAX;
    }
    PAWL_ASSERT(timer.due_ms >= 0);
    PAWL_ASSERT(timer.due_ms <= PAWL_TIMER_DUE_MS_MAX);
    return timer.due_ms * 1000;
}

/* --- The two halves, by type. ----------------------------------------------------------------- */

static uint16_t plan_command(const struct pawl_core *core,
                             const struct pawl_command *command,
                             struct pawl_plan *plan)
{
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_CONFIG:
        return pawl_config_plan(core, &command->u.config);
    case PAWL_COMMAND_TZ_DEFINE:
        return pawl_zone_plan(core, &command->u.tz_define);
    case PAWL_COMMAND_BUDGET_CREATE:
        return pawl_budget_plan_create(core, &command->u.budget_create, plan);
    case PAWL_COMMAND_BUDGET_FUND:
        return pawl_budget_plan_fund(core, &command->u.budget_fund, plan);
    case PAWL_COMMAND_BUDGET_SET:
        return pawl_budget_plan_set(core, &command->u.budget_set, plan);
    case PAWL_COMMAND_RESERVE:
        return pawl_reserve_plan(core, &command->u.reserve, plan);
    case PAWL_COMMAND_DECIDE:
        return pawl_reserve_plan_decide(core, &command->u.reserve, plan);
    case PAWL_COMMAND_GROW:
        return pawl_reserve_plan_grow(core, &command->u.grow, plan);
    case PAWL_COMMAND_EXTEND:
        return pawl_reserve_plan_extend(core, &command->u.extend, plan);
    case PAWL_COMMAND_COMMIT:
        return pawl_settle_plan_commit(core, &command->u.settle, plan);
    case PAWL_COMMAND_RELEASE:
        return pawl_settle_plan_release(core, &command->u.release, plan);
    case PAWL_COMMAND_CORRECT:
        return pawl_settle_plan_correct(core, &command->u.settle, plan);
    case PAWL_COMMAND_EVENT:
        return pawl_event_plan(core, &command->u.event, plan);
    case PAWL_COMMAND_EXPIRE:
        return pawl_expire_plan(core, &command->u.expire);
    case PAWL_COMMAND_SESSION_OPEN:
        return pawl_session_plan_open(core, &command->u.session_open, plan);
    case PAWL_COMMAND_SESSION_SET:
        return pawl_session_plan_set(core, &command->u.session_set, plan);
    case PAWL_COMMAND_SESSION_PHASE:
        return pawl_session_plan_phase(core, &command->u.session_phase, plan);
    case PAWL_COMMAND_APPROVAL_OPEN:
        return pawl_approval_plan_open(core, &command->u.approval_open, plan);
    case PAWL_COMMAND_APPROVAL_ANSWER:
        return pawl_approval_plan_answer(core, &command->u.approval_answer, plan);
    case PAWL_COMMAND_NOTE:
        return PAWL_RESULT_OK;
    case PAWL_COMMAND_DOCUMENT_PUT:
        return pawl_document_plan_put(core, &command->u.document_put, plan);
    case PAWL_COMMAND_TENANT_DRAIN:
        return pawl_tenant_plan_drain(core, &command->u.tenant_drain, plan);
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    PAWL_UNREACHABLE();
}

static void apply_command(struct pawl_core *core,
                          const struct pawl_command *command,
                          const struct pawl_plan *plan,
                          struct pawl_result *result)
{
    switch ((enum pawl_command_type)command->type) {
    case PAWL_COMMAND_CONFIG:
        pawl_config_apply(core, &command->u.config);
        return;
    case PAWL_COMMAND_TZ_DEFINE:
        pawl_zone_apply(core, &command->u.tz_define);
        return;
    case PAWL_COMMAND_BUDGET_CREATE:
        pawl_budget_apply_create(core, &command->u.budget_create, result);
        return;
    case PAWL_COMMAND_BUDGET_FUND:
        pawl_budget_apply_fund(core, &command->u.budget_fund, plan, result);
        return;
    case PAWL_COMMAND_BUDGET_SET:
        pawl_budget_apply_set(core, &command->u.budget_set, plan, result);
        return;
    case PAWL_COMMAND_RESERVE:
        pawl_reserve_apply(core, &command->u.reserve, plan, result);
        return;
    case PAWL_COMMAND_GROW:
        pawl_reserve_apply_grow(core, plan, result);
        return;
    case PAWL_COMMAND_EXTEND:
        pawl_reserve_apply_extend(core, plan, result);
        return;
    case PAWL_COMMAND_COMMIT:
    case PAWL_COMMAND_RELEASE:
    case PAWL_COMMAND_CORRECT:
        pawl_settle_apply(core, plan, result);
        return;
    case PAWL_COMMAND_EVENT:
        pawl_event_apply(core, plan, result);
        return;
    case PAWL_COMMAND_EXPIRE:
        pawl_expire_apply(core, &command->u.expire, result);
        return;
    case PAWL_COMMAND_SESSION_OPEN:
        pawl_session_apply_open(core, &command->u.session_open, plan, result);
        return;
    case PAWL_COMMAND_SESSION_SET:
        pawl_session_apply_set(core, &command->u.session_set, plan, result);
        return;
    case PAWL_COMMAND_SESSION_PHASE:
        pawl_session_apply_phase(core, &command->u.session_phase, plan, result);
        return;
    case PAWL_COMMAND_APPROVAL_OPEN:
        pawl_approval_apply_open(core, &command->u.approval_open, plan, result);
        return;
    case PAWL_COMMAND_APPROVAL_ANSWER:
        pawl_approval_apply_answer(core, &command->u.approval_answer, plan, result);
        return;
    case PAWL_COMMAND_DECIDE: /* Nothing is held, and a note is for history alone. */
    case PAWL_COMMAND_NOTE:
        return;
    case PAWL_COMMAND_DOCUMENT_PUT:
        pawl_document_apply_put(core, &command->u.document_put, plan, result);
        return;
    case PAWL_COMMAND_TENANT_DRAIN:
        pawl_tenant_apply_drain(core, &command->u.tenant_drain, plan, result);
        return;
    case PAWL_COMMAND_TYPE_END:
        break;
    }
    PAWL_UNREACHABLE();
}

/* --- The door. -------------------------------------------------------------------------------- */

/* The subject that a command names, or NULL. */
static const struct pawl_subject *subject_of(const struct pawl_command *command)
{
    if (command->type == PAWL_COMMAND_RESERVE || command->type == PAWL_COMMAND_DECIDE) {
        return &command->u.reserve.subject;
    }
    return command->type == PAWL_COMMAND_EVENT ? &command->u.event.subject : NULL;
}

/* Nearly everything that a command touches lies outside of the processor's caches when a million
 * reservations are open: buckets first, then the slots that they name. So both are asked for as
 * soon as they are known: the buckets before the key is hashed, … */
static void ask_buckets(const struct pawl_core *core,
                        const struct pawl_command *command,
                        struct pawl_plan *plan)
{
    const struct pawl_subject *subject = subject_of(command);
    uint64_t id = core->state.op; /* of the reservation that may be made */
    if (subject != NULL) {
        pawl_subject_path(core, subject, &plan->path);
    } else {
        id = pawl_command_reservation(command);
    }
    pawl_index_prefetch(core, PAWL_INDEX_RESERVATION, pawl_held_hash(id));
}

/* … and the slots before it is looked up. */
static void
ask_slots(const struct pawl_core *core, const struct pawl_command *command, struct pawl_plan *plan)
{
    if (subject_of(command) != NULL) {
        pawl_subject_guess(core, &plan->path);
    } else if (pawl_command_reservation(command) != 0) {
        pawl_held_prefetch(core, pawl_command_reservation(command));
    }
}

/* Whether the answer is kept under the command's key. A refusal is not, because the same request
 * may be granted later; but a decision is an answer to a question, and what it says of funds and
 * states is its answer, whichever way it went. */
static bool answer_is_kept(const struct pawl_command *command, uint16_t code)
{
    PAWL_ASSERT(code < PAWL_RESULT_COUNT);
    if (pawl_result_remembered(code) || !pawl_command_decides(command)) {
        return pawl_result_remembered(code);
    }
    switch ((enum pawl_result_code)code) {
    case PAWL_RESULT_NOT_FOUND:
    case PAWL_RESULT_TENANT_CLOSED:
    case PAWL_RESULT_TENANT_SUSPENDED:
    case PAWL_RESULT_BUDGET_FROZEN:
    case PAWL_RESULT_BUDGET_CLOSED:
    case PAWL_RESULT_OVER_LIMIT:
    case PAWL_RESULT_DEBT_OUTSTANDING:
    case PAWL_RESULT_SESSION_ENDED:
    case PAWL_RESULT_SESSION_PAUSED:
    case PAWL_RESULT_DEADLINE_PASSED:
    case PAWL_RESULT_RATE_LIMITED:
    case PAWL_RESULT_CAP_EXCEEDED:
    case PAWL_RESULT_PRIORITY_FLOOR:
    case PAWL_RESULT_BUDGET_EXCEEDED:
        return true;
    case PAWL_RESULT_OK:
    case PAWL_RESULT_INVALID_REQUEST:
    case PAWL_RESULT_IDEMPOTENCY_MISMATCH:
    case PAWL_RESULT_GONE:
    case PAWL_RESULT_RESERVATION_EXPIRED:
    case PAWL_RESULT_RESERVATION_FINALIZED:
    case PAWL_RESULT_UNIT_MISMATCH:
    case PAWL_RESULT_MAX_EXTENSIONS_EXCEEDED:
    case PAWL_RESULT_ALREADY_EXISTS:
    case PAWL_RESULT_OVERDRAFT_LIMIT_EXCEEDED:
    case PAWL_RESULT_LIMIT_REACHED:
    case PAWL_RESULT_AMOUNT_OVERFLOW:
    case PAWL_RESULT_STATE_CONFLICT:
    case PAWL_RESULT_COUNT:
        break;
    }
    return false;
}

/* Answers a command whose key is not known yet. */
static void apply_fresh(struct pawl_core *core,
                        const struct pawl_command *command,
                        const struct pawl_idem_key *key,
                        struct pawl_plan *plan,
                        struct pawl_result *result)
{
    uint16_t code = plan_command(core, command, plan);
    bool kept = key != NULL && answer_is_kept(command, code);
    if (kept && pawl_core_keys_full(core, command)) {
        code = PAWL_RESULT_LIMIT_REACHED;
        plan->denial = (struct pawl_denial){.budget = 0};
        kept = false;
    }
    PAWL_ASSERT(code < PAWL_RESULT_COUNT);
    result->code = code;
    if (code == PAWL_RESULT_OK) {
        PAWL_ASSERT(core->state.limits.configured == 1 || command->type == PAWL_COMMAND_CONFIG);
        apply_command(core, command, plan, result);
        PAWL_ASSERT(result->code == PAWL_RESULT_OK);
    } else {
        result->denial = plan->denial;
    }
    if (kept) {
        pawl_idem_remember(core, command->type, key, result->id);
    }
}

/* The answer to a key that was used before. */
static void answer_repeat(const struct pawl_core *core,
                          uint32_t record,
                          const struct pawl_idem_key *key,
                          struct pawl_result *result)
{
    const struct pawl_idem_slot *slot = pawl_idem_at(core, record);
    PAWL_ASSERT(slot->op < core->state.op);
    PAWL_ASSERT(core->state.now_us < slot->expires_us);
    if (slot->payload_hash[0] != key->payload_hash[0] ||
        slot->payload_hash[1] != key->payload_hash[1]) {
        result->code = PAWL_RESULT_IDEMPOTENCY_MISMATCH;
        return;
    }
    result->code = PAWL_RESULT_OK;
    result->replayed = true;
    result->original_op = slot->op;
    result->id = slot->id;
}

void pawl_core_apply(struct pawl_core *core,
                     int64_t now_us,
                     const struct pawl_command *command,
                     struct pawl_result *ret_result)
{
    PAWL_ASSERT(core->state.magic == PAWL_STATE_MAGIC);
    PAWL_ASSERT(!core->memory.restoring);
    PAWL_ASSERT(now_us >= core->state.now_us);
    PAWL_ASSERT(now_us <= PAWL_NOW_US_MAX);
    core->state.op++;
    core->state.now_us = now_us;
    pawl_result_clear(ret_result);
    ret_result->op = core->state.op;
    ret_result->now_us = now_us;
    ret_result->code = pawl_shape_check(command);
    if (ret_result->code != PAWL_RESULT_OK) {
        return;
    }
    if (core->state.limits.configured == 0 && command->type != PAWL_COMMAND_CONFIG) {
        ret_result->code = PAWL_RESULT_STATE_CONFLICT;
        return;
    }
    struct pawl_plan plan;
    plan.denial = (struct pawl_denial){.budget = 0};
    plan.slot = 0;
    plan.session = 0;
    plan.booking_count = 0;
    ask_buckets(core, command, &plan);
    if (pawl_slice_empty(command->idempotency_key)) {
        ask_slots(core, command, &plan);
        apply_fresh(core, command, NULL, &plan, ret_result);
        return;
    }
    struct pawl_idem_key key = pawl_idem_key(core, command);
    pawl_idem_drain(core);
    ask_slots(core, command, &plan);
    uint32_t record = pawl_idem_find(core, &key);
    if (record != 0) {
        answer_repeat(core, record, &key, ret_result);
    } else {
        apply_fresh(core, command, &key, &plan, ret_result);
    }
}
