/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_authority.c: the few rules of the ledger that a spender can see: a reserve takes all its
 * lines or none, a commit books the true amounts, a pause refuses what is new.
 */
#include "tests/lib/fake_authority.h"

#include <string.h>

#include "base/assert.h"

static struct fake_authority *fake_of(struct pawl_authority *authority)
{
    return (struct fake_authority *)authority;
}

static int64_t free_of(const struct fake_budget *budget)
{
    return budget->limit - budget->spent - budget->held;
}

static uint16_t gate(const struct fake_authority *fake)
{
    return fake->paused ? PAWL_RESULT_SESSION_PAUSED : PAWL_RESULT_OK;
}

static uint16_t
lack(const struct fake_authority *fake, const struct pawl_amount *lines, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct fake_budget *budget = &fake->budgets[lines[i].unit];
        if (budget->bound && lines[i].value > free_of(budget)) {
            bool cap =
                lines[i].unit == PAWL_UNIT_TOOL_CALLS || lines[i].unit == PAWL_UNIT_ITERATIONS;
            return cap ? PAWL_RESULT_CAP_EXCEEDED : PAWL_RESULT_BUDGET_EXCEEDED;
        }
    }
    return PAWL_RESULT_OK;
}

static struct fake_hold *find_hold(struct fake_authority *fake, uint64_t id)
{
    for (size_t i = 0; i < FAKE_HOLDS_MAX; i++) {
        if (fake->holds[i].id == id) {
            return &fake->holds[i];
        }
    }
    return NULL;
}

static void add_held(struct fake_authority *fake, const struct fake_hold *hold, int64_t sign)
{
    for (uint32_t i = 0; i < hold->line_count; i++) {
        fake->budgets[hold->lines[i].unit].held += sign * hold->lines[i].value;
    }
}

static uint16_t apply_reserve(struct fake_authority *fake,
                              const struct pawl_command_reserve *reserve,
                              struct pawl_result *result)
{
    uint16_t code = gate(fake);
    code = code == PAWL_RESULT_OK ? lack(fake, reserve->lines, reserve->line_count) : code;
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    struct fake_hold *hold = find_hold(fake, 0);
    PAWL_ASSERT(hold != NULL);
    hold->id = fake->last_op;
    hold->line_count = reserve->line_count;
    memcpy(hold->lines, reserve->lines, sizeof(hold->lines));
    add_held(fake, hold, 1);
    result->id = hold->id;
    return PAWL_RESULT_OK;
}

static uint16_t apply_grow(struct fake_authority *fake, const struct pawl_command_grow *grow)
{
    uint16_t code = gate(fake);
    code = code == PAWL_RESULT_OK ? lack(fake, grow->lines, grow->line_count) : code;
    struct fake_hold *hold = find_hold(fake, grow->reservation);
    if (code != PAWL_RESULT_OK || hold == NULL) {
        return code != PAWL_RESULT_OK ? code : PAWL_RESULT_NOT_FOUND;
    }
    add_held(fake, hold, -1);
    for (uint32_t i = 0; i < grow->line_count; i++) {
        for (uint32_t k = 0; k < hold->line_count; k++) {
            bool same = hold->lines[k].unit == grow->lines[i].unit;
            hold->lines[k].value += same ? grow->lines[i].value : 0;
        }
    }
    add_held(fake, hold, 1);
    return PAWL_RESULT_OK;
}

static uint16_t
apply_end(struct fake_authority *fake, uint64_t id, const struct pawl_command_settle *settle)
{
    struct fake_hold *hold = find_hold(fake, id);
    if (hold == NULL) {
        return PAWL_RESULT_GONE;
    }
    if (fake->leases_over) {
        return PAWL_RESULT_RESERVATION_EXPIRED;
    }
    add_held(fake, hold, -1);
    for (uint32_t i = 0; settle != NULL && i < settle->line_count; i++) {
        fake->budgets[settle->lines[i].unit].spent += settle->lines[i].value;
    }
    *hold = (struct fake_hold){.id = 0};
    return PAWL_RESULT_OK;
}

/* What was booked at the hold becomes what it was. */
static uint16_t apply_correct(struct fake_authority *fake, const struct pawl_command_settle *settle)
{
    struct fake_hold *hold = find_hold(fake, settle->reservation);
    if (hold == NULL) {
        return PAWL_RESULT_GONE;
    }
    if (settle->line_count != hold->line_count) {
        return PAWL_RESULT_UNIT_MISMATCH;
    }
    if (!hold->unconfirmed) {
        return PAWL_RESULT_STATE_CONFLICT;
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        fake->budgets[hold->lines[i].unit].spent -= hold->lines[i].value;
        fake->budgets[settle->lines[i].unit].spent += settle->lines[i].value;
    }
    *hold = (struct fake_hold){.id = 0};
    return PAWL_RESULT_OK;
}

static uint16_t apply_expire(struct fake_authority *fake, struct pawl_result *result)
{
    if (fake->expire_rounds > 0) {
        fake->expire_rounds--;
        result->more_due = true;
        return PAWL_RESULT_OK;
    }
    for (size_t i = 0; fake->leases_over && i < FAKE_HOLDS_MAX; i++) {
        struct fake_hold *hold = &fake->holds[i];
        if (hold->id == 0 || hold->unconfirmed) {
            continue;
        }
        add_held(fake, hold, -1);
        hold->unconfirmed = true;
        for (uint32_t k = 0; k < hold->line_count; k++) {
            fake->budgets[hold->lines[k].unit].spent += hold->lines[k].value;
        }
    }
    return PAWL_RESULT_OK;
}

static uint16_t apply_event(struct fake_authority *fake,
                            const struct pawl_command_event *event,
                            struct pawl_result *result)
{
    uint16_t code = gate(fake);
    code = code == PAWL_RESULT_OK ? lack(fake, event->lines, event->line_count) : code;
    if (code != PAWL_RESULT_OK) {
        const struct fake_budget *budget = &fake->budgets[event->lines[0].unit];
        result->denial.limit = budget->limit;
        result->denial.spent = budget->spent;
        result->denial.asked = event->lines[0].value;
        return code;
    }
    fake->budgets[event->lines[0].unit].spent += event->lines[0].value;
    result->charged[0] = event->lines[0];
    result->line_count = 1;
    return PAWL_RESULT_OK;
}

static uint16_t
apply(struct fake_authority *fake, const struct pawl_command *command, struct pawl_result *result)
{
    if (fake->fail_count > 0 && fake->fail_type == command->type) {
        fake->fail_count--;
        return fake->fail_code;
    }
    switch (command->type) {
    case PAWL_COMMAND_RESERVE:
        return apply_reserve(fake, &command->u.reserve, result);
    case PAWL_COMMAND_GROW:
        return apply_grow(fake, &command->u.grow);
    case PAWL_COMMAND_EXPIRE:
        return apply_expire(fake, result);
    case PAWL_COMMAND_CORRECT:
        return apply_correct(fake, &command->u.settle);
    case PAWL_COMMAND_COMMIT:
        return apply_end(fake, command->u.settle.reservation, &command->u.settle);
    case PAWL_COMMAND_RELEASE:
        return apply_end(fake, command->u.release.reservation, NULL);
    case PAWL_COMMAND_EVENT:
        return apply_event(fake, &command->u.event, result);
    case PAWL_COMMAND_SESSION_SET:
        fake->paused = command->u.session_set.state == PAWL_SESSION_PAUSED;
        return PAWL_RESULT_OK;
    default:
        return PAWL_RESULT_OK;
    }
}

static void
submit(struct pawl_authority *authority, const struct pawl_command *command, struct pawl_op *op)
{
    struct fake_authority *fake = fake_of(authority);
    PAWL_ASSERT(fake->queue_count < FAKE_QUEUE_MAX && fake->type_count < FAKE_LOG_MAX);
    fake->types[fake->type_count++] = command->type;
    fake->last = *command;
    (void)pawl_slice_copy_str(command->metadata, fake->last_metadata, sizeof(fake->last_metadata));
    fake->last_op++;
    op->result = (struct pawl_result){.op = fake->last_op, .now_us = fake->now_us};
    op->result.code = apply(fake, command, &op->result);
    fake->queue[fake->queue_count++] = op;
}

static uint16_t quote(struct pawl_authority *authority,
                      const struct pawl_subject *subject,
                      struct pawl_slice phase,
                      const uint16_t *units,
                      uint32_t unit_count,
                      struct pawl_quote *ret_quotes,
                      struct pawl_denial *ret_denial)
{
    struct fake_authority *fake = fake_of(authority);
    (void)subject;
    (void)phase;
    for (uint32_t i = 0; i < unit_count; i++) {
        const struct fake_budget *budget = &fake->budgets[units[i]];
        ret_quotes[i] = (struct pawl_quote){
            .bound = budget->bound,
            .remaining = free_of(budget),
            .headroom = budget->limit - budget->spent,
            .held = budget->held,
            .limit = budget->limit,
            .spent = budget->spent,
        };
    }
    if (ret_denial != NULL) {
        *ret_denial = (struct pawl_denial){.reason = fake->paused ? PAWL_REASON_CAP : 0};
    }
    return gate(fake);
}

static int64_t now_us(struct pawl_authority *authority)
{
    return fake_of(authority)->now_us;
}

static const struct pawl_authority_ops ops = {.submit = submit, .quote = quote, .now_us = now_us};

void fake_authority_init(struct fake_authority *authority)
{
    *authority =
        (struct fake_authority){.base = {.ops = &ops}, .now_us = INT64_C(1800000000000000)};
}

void fake_authority_turn(struct fake_authority *authority)
{
    struct pawl_op *durable[FAKE_QUEUE_MAX];
    size_t count = authority->queue_count;
    memcpy(durable, authority->queue, count * sizeof(durable[0]));
    authority->queue_count = 0;
    for (size_t i = 0; i < count; i++) {
        durable[i]->done(durable[i]);
    }
}

size_t fake_authority_count(const struct fake_authority *authority, uint16_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < authority->type_count; i++) {
        count += authority->types[i] == type ? 1 : 0;
    }
    return count;
}
