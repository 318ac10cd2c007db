/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget_fund.c: `pawl budget fund`, `freeze` and `unfreeze`: how much there is, and whether it may
 * be spent. Funding carries an idempotency key, so that a connection that breaks does not credit
 * twice.
 */
#include "cli/ask_read.h"
#include "cli/budgets.h"
#include "cli/commands.h"

enum {
    OPTION_CREDIT = 1,
    OPTION_DEBIT,
    OPTION_RESET,
    OPTION_RESET_SPENT,
    OPTION_REPAY_DEBT,
    OPTION_SPENT,
    OPTION_REASON
};

/* --- Funding --------------------------------------------------------------------------------- */

/* Exactly one of the five. */
static int take_operation(const struct pawl_cli_call *call, const char **ret_operation)
{
    static const char *const operations[] = {"CREDIT", "DEBIT", "RESET", "RESET_SPENT",
                                             "REPAY_DEBT"};
    *ret_operation = NULL;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(operations); i++) {
        if (!pawl_cli_has(call, OPTION_CREDIT + (int)i)) {
            continue;
        }
        if (*ret_operation != NULL) {
            return pawl_cli_usage_error(call, "one operation at a time");
        }
        *ret_operation = operations[i];
    }
    if (*ret_operation == NULL) {
        return pawl_cli_usage_error(call, "say what is to be done: --credit, --debit, --reset, "
                                          "--reset-spent or --repay-debt");
    }
    return pawl_cli_has(call, OPTION_SPENT) && !pawl_cli_has(call, OPTION_RESET_SPENT)
               ? pawl_cli_usage_error(call, "--spent goes with --reset-spent")
               : PAWL_CLI_GO_ON;
}

/* "left  $12.50 -> $37.50", for what has changed. */
static void print_change(struct pawl_ask *ask, const char *name, const char *from, const char *to)
{
    char before[PAWL_REMOTE_WORDS_BYTES];
    char after[PAWL_REMOTE_WORDS_BYTES];
    if (pawl_ask_count(ask, 0, from, 0) != pawl_ask_count(ask, 0, to, 0)) {
        printf("  %-12s %s -> %s\n", name, pawl_ask_amount(ask, 0, from, before),
               pawl_ask_amount(ask, 0, to, after));
    }
}

static void print_funded(struct pawl_budget *budget)
{
    struct pawl_ask *ask = &budget->ask;
    char text[PAWL_REMOTE_WORDS_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
        return;
    }
    printf("%s  %s left\n", budget->scope, pawl_ask_amount(ask, 0, "new_remaining", text));
    print_change(ask, "allocated", "previous_allocated", "new_allocated");
    print_change(ask, "left", "previous_remaining", "new_remaining");
    print_change(ask, "spent", "previous_spent", "new_spent");
    print_change(ask, "debt", "previous_debt", "new_debt");
}

static int put_funding(struct pawl_budget *budget, const char *operation, struct pawl_amount amount)
{
    struct pawl_ask *ask = &budget->ask;
    struct pawl_amount spent = {.unit = amount.unit};
    pawl_budget_path(budget, PAWL_BUDGETS_PATH "/fund");
    if (pawl_ask_is_admin(ask, PAWL_BUDGETS_PLANE)) {
        pawl_ask_query(ask, "tenant_id", budget->subject.levels[0]);
    }
    pawl_ask_put_text(ask, "operation", operation);
    pawl_ask_put_amount(ask, "amount", amount);
    int status = pawl_ask_take_amount_of(ask->call, OPTION_SPENT, amount.unit, &spent.value);
    if (status == PAWL_CLI_GO_ON && spent.value >= 0) {
        pawl_ask_put_amount(ask, "spent", spent);
    }
    pawl_ask_put_text(ask, "reason", pawl_cli_value(ask->call, OPTION_REASON));
    pawl_ask_put_key(ask);
    return status;
}

static int run_fund(const struct pawl_cli_call *call)
{
    struct pawl_budget budget;
    struct pawl_amount amount;
    const char *operation = NULL;
    int status = pawl_budget_open(call, &budget);
    if (status == PAWL_EXIT_OK) {
        status = take_operation(call, &operation);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_amount(call, &amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        budget.unit = amount.unit;
        status = put_funding(&budget, operation, amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&budget.ask, PAWL_BUDGETS_PLANE, "POST");
        if (status == PAWL_EXIT_OK) {
            print_funded(&budget);
        }
    }
    pawl_ask_close(&budget.ask);
    return status;
}

static const struct pawl_cli_option fund_options[] = {
    {OPTION_CREDIT, 0, "credit", NULL, "so much more"},
    {OPTION_DEBIT, 0, "debit", NULL, "so much less; never below nothing left"},
    {OPTION_RESET, 0, "reset", NULL, "so much in all; what was spent stays spent"},
    {OPTION_RESET_SPENT, 0, "reset-spent", NULL, "so much in all, and nothing spent: a new period"},
    {OPTION_REPAY_DEBT, 0, "repay-debt", NULL, "so much of its debt is paid"},
    PAWL_ASK_AMOUNT_OPTIONS,
    {OPTION_SPENT, 0, "spent", "AMOUNT", "with --reset-spent: what counts as spent already"},
    {OPTION_REASON, 0, "reason", "TEXT", "kept in the journal"},
    PAWL_ASK_IDEMPOTENCY_OPTION,
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_budget_fund_command = {
    .name = "budget fund",
    .operands = "SCOPE",
    .summary = "more, less, or a new period",
    .text = "Changes how much the budget of that unit has. What is held stays held. The budgets\n"
            "above and below it are not touched.",
    .examples = "  pawl budget fund acme --credit --usd 25\n"
                "  pawl budget fund acme --reset-spent --usd 100 --reason \"December\"\n"
                "  pawl budget fund tenant:acme/agent:bot --repay-debt --tokens 50K",
    .options = fund_options,
    .option_count = PAWL_ARRAY_LEN(fund_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_fund,
};

/* --- Freezing -------------------------------------------------------------------------------- */

static int freeze(const struct pawl_cli_call *call, const char *path)
{
    struct pawl_budget budget;
    int status = pawl_budget_open(call, &budget);
    if (status == PAWL_EXIT_OK) {
        status = pawl_budget_find_unit(&budget);
    }
    if (status == PAWL_EXIT_OK) {
        pawl_budget_path(&budget, path);
        (void)pawl_ask_body(&budget.ask);
        pawl_ask_put_text(&budget.ask, "reason", pawl_cli_value(call, OPTION_REASON));
        status = pawl_ask_send(&budget.ask, PAWL_PLANE_ADMIN, "POST");
        if (status == PAWL_EXIT_OK) {
            pawl_budget_print(&budget.ask, NULL);
        }
    }
    pawl_ask_close(&budget.ask);
    return status;
}

static int run_freeze(const struct pawl_cli_call *call)
{
    return freeze(call, PAWL_BUDGETS_PATH "/freeze");
}

static int run_unfreeze(const struct pawl_cli_call *call)
{
    return freeze(call, PAWL_BUDGETS_PATH "/unfreeze");
}

static const struct pawl_cli_option freeze_options[] = {
    PAWL_ASK_UNIT_OPTION,
    {OPTION_REASON, 0, "reason", "TEXT", "kept in the journal"},
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_budget_freeze_command = {
    .name = "budget freeze",
    .operands = "SCOPE",
    .summary = "let nothing new through, at once",
    .text = "Holds that are there may still be settled. --unit is needed where the scope has\n"
            "several budgets.",
    .examples = "  pawl budget freeze tenant:acme/agent:bot --reason \"runs in circles\"\n"
                "  pawl budget unfreeze tenant:acme/agent:bot",
    .options = freeze_options,
    .option_count = PAWL_ARRAY_LEN(freeze_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_freeze,
};

const struct pawl_cli_command pawl_budget_unfreeze_command = {
    .name = "budget unfreeze",
    .operands = "SCOPE",
    .summary = "let a frozen budget be spent again",
    .text = "It goes on with what it had.",
    .examples = "  pawl budget unfreeze tenant:acme/agent:bot",
    .options = freeze_options,
    .option_count = PAWL_ARRAY_LEN(freeze_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_unfreeze,
};
