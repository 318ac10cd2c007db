/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_budget.h: budgets as this plane shows them: one row for a scope and a unit, the budget that
 * has no window and no phase. Its id is "bud_" and the ledger's number, which never changes.
 */
#ifndef PAWL_CYCLES_ADMIN_BUDGET_H
#define PAWL_CYCLES_ADMIN_BUDGET_H

#include "cycles/admin.h"

extern const char *const pawl_budget_states[];    /* enum pawl_budget_state, from 1 on */
extern const char *const pawl_budget_rollovers[]; /* enum pawl_rollover, likewise */

/* Whether the protocol shows it. */
bool pawl_budget_is_shown(const struct pawl_budget_view *view);
/* What state it has to the outside: a closed tenant's are closed. */
uint8_t pawl_budget_state(const struct pawl_core *core, const struct pawl_budget_view *view);
/* A BudgetLedger. */
void pawl_budget_write(struct pawl_call *call,
                       struct pawl_json_writer *writer,
                       const struct pawl_budget_view *view,
                       bool with_metadata);

/* The budget that the parameters scope and unit of the query name. */
struct pawl_budget_named {
    struct pawl_place place;
    uint16_t unit;
    struct pawl_value tenant_id; /* of the query */
    bool with_metadata;          /* likewise: include=metadata */
    uint64_t budget;             /* 0: there is none */
    struct pawl_budget_view view;
};
/* Reads the query and finds it; the caller may touch its scope. Its own is NULL without an answer
 * to give: then the call was refused, also where there is no budget. */
PAWL_MUST_CHECK struct pawl_budget_named *pawl_budget_named(struct pawl_call *call);

#endif
