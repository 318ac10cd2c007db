/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c: a direct debit, of what was used without a reservation. It is a settlement of nothing
 * held, so the overage policies decide about funds (overage.c); of the gates only the states of
 * budgets and session count. With BOOK_FULL it is a record of what has happened already, and no
 * gate but a closed tenant keeps the books from the truth.
 */
#include "core/ops.h"

uint16_t pawl_event_plan(const struct pawl_core *core,
                         const struct pawl_command_event *event,
                         struct pawl_plan *plan)
{
    int64_t now_us = core->state.now_us;
    PAWL_ASSERT(event->line_count >= 1);
    PAWL_ASSERT(event->line_count <= PAWL_LINES_MAX);
    enum pawl_overage policy = (enum pawl_overage)event->overage;
    uint32_t gates =
        policy == PAWL_OVERAGE_BOOK_FULL ? PAWL_GATES_BOOK_FULL : (uint32_t)PAWL_GATES_EVENT;
    uint16_t code = pawl_admit_gather(core, now_us, &plan->path, event->phase, event->lines,
                                      event->line_count, gates, &plan->admission);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    code = pawl_admit_check(core, now_us, &plan->admission, event->lines, gates, &plan->denial);
    if (code != PAWL_RESULT_OK) {
        return code;
    }
    plan->slot = 0; /* no reservation */
    plan->held.line_count = event->line_count;
    for (uint32_t line = 0; line < event->line_count; line++) {
        plan->held.units[line] = event->lines[line].unit;
        plan->held.values[line] = 0;
        plan->lines[line] = event->lines[line];
    }
    PAWL_ASSERT(plan->admission.row_count > 0);
    return pawl_overage_plan(core, policy, plan);
}

void pawl_event_apply(struct pawl_core *core,
                      const struct pawl_plan *plan,
                      struct pawl_result *result)
{
    pawl_plan_settle(core, plan, result);
    PAWL_ASSERT(plan->held.line_count >= 1);
    result->id = core->state.op;
    result->line_count = plan->held.line_count;
    for (uint32_t line = 0; line < plan->held.line_count; line++) {
        PAWL_ASSERT(plan->released[line].value == 0);
        result->charged[line] = plan->charged[line];
        result->released[line] = plan->released[line];
    }
}
