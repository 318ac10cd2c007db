/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budgets.h: what the verbs of `pawl budget` share. A budget is known by its scope and its unit;
 * where the unit is not said and the scope has one budget only, that one is meant.
 */
#ifndef PAWL_CLI_BUDGETS_H
#define PAWL_CLI_BUDGETS_H

#include "cli/ask.h"
#include "cli/ask_values.h"

#define PAWL_BUDGETS_PATH  "/v1/admin/budgets"
#define PAWL_BUDGETS_PLANE PAWL_PLANE_ADMIN_OR_TENANT

/* Where a command is: what it asks, and the budget that it is about. */
struct pawl_budget {
    struct pawl_ask ask;
    struct pawl_ask_subject subject;
    char scope[PAWL_ASK_CELL_BYTES];
    uint16_t unit; /* PAWL_UNIT_NONE: not said */
};

/* Opens, and reads the operand SCOPE and --unit. To be closed with pawl_ask_close in any case. */
int pawl_budget_open(const struct pawl_cli_call *call, struct pawl_budget *budget);
/* The only unit in which the scope has a budget, where none was said. */
int pawl_budget_find_unit(struct pawl_budget *budget);
/* Begins a request about it: the path, and behind it scope and unit. */
void pawl_budget_path(struct pawl_budget *budget, const char *path);
/* Asks for each budget of the scope, and hands it over. How many came; -1: a failure was told. */
typedef void pawl_budget_fn(struct pawl_budget *budget, void *arg);
int pawl_budget_each(struct pawl_budget *budget, pawl_budget_fn *fn, void *arg, int *ret_status);

/* "####==....  42%": spent of allocated, as --used and the sort by utilization have it; the bar
 * shows what is held behind what is spent. "" of a budget of nothing. */
const char *pawl_budget_used(struct pawl_ask *ask,
                             uint32_t node,
                             bool bar,
                             char out[static PAWL_ASK_CELL_BYTES]);
/* The answer as --json and --quiet have it, else a card below `what`, a line, or alone. */
void pawl_budget_print(struct pawl_ask *ask, const char *what);

extern const struct pawl_cli_command pawl_budget_freeze_command;
extern const struct pawl_cli_command pawl_budget_unfreeze_command;
extern const struct pawl_cli_command pawl_budget_fund_command;

#endif
