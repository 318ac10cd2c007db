/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_budget.c: `pawl budget`: how much a scope of a tenant may spend at a server. Making, listing,
 * showing and changing them; what moves money is in budget_fund.c.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/ask_list.h"
#include "cli/ask_read.h"
#include "cli/budgets.h"
#include "cli/commands.h"

enum {
    OPTION_OVERDRAFT = 1,
    OPTION_OVERAGE,
    OPTION_ROLLOVER,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_STATUS,
    OPTION_OVER_LIMIT,
    OPTION_DEBT,
    OPTION_USED,
    OPTION_SEARCH
};

/* --- Making and changing --------------------------------------------------------------------- */

static int put_settings(struct pawl_budget *budget)
{
    struct pawl_ask *ask = &budget->ask;
    struct pawl_amount overdraft = {.unit = budget->unit};
    const char *overage = NULL;
    int status =
        pawl_ask_take_amount_of(ask->call, OPTION_OVERDRAFT, budget->unit, &overdraft.value);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_overage(ask->call, OPTION_OVERAGE, &overage);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (overdraft.value >= 0) {
        pawl_ask_put_amount(ask, "overdraft_limit", overdraft);
    }
    pawl_ask_put_text(ask, "commit_overage_policy", overage);
    return pawl_ask_put_pairs(ask, "metadata", PAWL_ASK_METADATA);
}

static int put_period(struct pawl_budget *budget)
{
    char word[PAWL_ASK_CELL_BYTES];
    char from[PAWL_ASK_CELL_BYTES];
    char until[PAWL_ASK_CELL_BYTES];
    const char *texts[3] = {NULL};
    struct pawl_ask *ask = &budget->ask;
    int status = pawl_ask_take_word(ask->call, OPTION_ROLLOVER,
                                    "NONE|CARRY_FORWARD|CAP_AT_ALLOCATED", word, &texts[0]);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(ask->call, OPTION_FROM, false, from, &texts[1]);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(ask->call, OPTION_UNTIL, false, until, &texts[2]);
    }
    if (status == PAWL_CLI_GO_ON) {
        pawl_ask_put_text(ask, "rollover_policy", texts[0]);
        pawl_ask_put_text(ask, "period_start", texts[1]);
        pawl_ask_put_text(ask, "period_end", texts[2]);
    }
    return status;
}

static int run_create(const struct pawl_cli_call *call)
{
    struct pawl_budget budget;
    struct pawl_amount allocated = {.unit = PAWL_UNIT_NONE};
    int status = pawl_budget_open(call, &budget);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_take_amount(call, &allocated);
    }
    if (status == PAWL_CLI_GO_ON) {
        budget.unit = allocated.unit;
        pawl_ask_path(&budget.ask, PAWL_BUDGETS_PATH);
        if (pawl_ask_is_admin(&budget.ask, PAWL_BUDGETS_PLANE)) {
            pawl_ask_put_text(&budget.ask, "tenant_id", budget.subject.levels[0]);
        }
        pawl_ask_put_text(&budget.ask, "scope", budget.scope);
        pawl_ask_put_text(&budget.ask, "unit", pawl_unit_name(allocated.unit));
        pawl_ask_put_amount(&budget.ask, "allocated", allocated);
        status = put_settings(&budget);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = put_period(&budget);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&budget.ask, PAWL_BUDGETS_PLANE, "POST");
        if (status == PAWL_EXIT_OK) {
            pawl_budget_print(&budget.ask, NULL);
        }
    }
    pawl_ask_close(&budget.ask);
    return status;
}

static int run_update(const struct pawl_cli_call *call)
{
    struct pawl_budget budget;
    int status = pawl_budget_open(call, &budget);
    if (status == PAWL_EXIT_OK) {
        status = pawl_budget_find_unit(&budget);
    }
    if (status == PAWL_EXIT_OK) {
        pawl_budget_path(&budget, PAWL_BUDGETS_PATH);
        status = put_settings(&budget);
        if (status == PAWL_CLI_GO_ON) {
            status = pawl_ask_send_change(&budget.ask, PAWL_PLANE_ADMIN,
                                          ": --overdraft, --overage or --metadata; 'pawl budget "
                                          "fund' changes how much there is");
        }
        if (status == PAWL_EXIT_OK) {
            pawl_budget_print(&budget.ask, NULL);
        }
    }
    pawl_ask_close(&budget.ask);
    return status;
}

/* --- Showing --------------------------------------------------------------------------------- */

static void show_one(struct pawl_budget *budget, void *arg)
{
    (void)arg;
    pawl_budget_print(&budget->ask, NULL);
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_budget budget;
    int status = pawl_budget_open(call, &budget);
    if (status == PAWL_EXIT_OK) {
        (void)pawl_budget_each(&budget, show_one, NULL, &status);
    }
    pawl_ask_close(&budget.ask);
    return status;
}

static const struct pawl_cli_column columns[] = {
    {"SCOPE", false, 64},   {"UNIT", false, 0},   {"ALLOCATED", true, 0}, {"SPENT", true, 0},
    {"HELD", true, 0},      {"LEFT", true, 0},    {"USED", false, 0},     {"DEBT", true, 0},
    {"OVERDRAFT", true, 0}, {"STATUS", false, 0},
};
static const char *const lackable[] = {"OVERDRAFT", "HELD", "SPENT", "DEBT", NULL};

/* Numbers alone, since the unit has its column; nothing for a 0 of what is seldom there. */
static void
put_number(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node, const char *key)
{
    char text[PAWL_REMOTE_WORDS_BYTES] = "";
    bool seldom = strcmp(key, "reserved") == 0 || strcmp(key, "debt") == 0 ||
                  strcmp(key, "overdraft_limit") == 0;
    int64_t value = pawl_ask_count(ask, node, key, 0);
    struct pawl_slice unit =
        pawl_json_string(&ask->json, pawl_json_get(&ask->json, node, "unit"), &ask->arena);
    if (value != 0 || !seldom) {
        (void)pawl_remote_number(unit, value, text);
    }
    pawl_cli_table_cell(table, text);
}

static void put_row(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node)
{
    static const char *const numbers[] = {"allocated", "spent", "reserved", "remaining"};
    char text[PAWL_ASK_CELL_BYTES];
    char word[PAWL_REMOTE_WORDS_BYTES];
    struct pawl_slice unit =
        pawl_json_string(&ask->json, pawl_json_get(&ask->json, node, "unit"), &ask->arena);
    bool over =
        pawl_json_bool_or(&ask->json, pawl_json_get(&ask->json, node, "is_over_limit"), false);
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "scope", text));
    pawl_cli_table_cell(table, pawl_remote_unit_word(unit, word));
    for (size_t i = 0; i < PAWL_ARRAY_LEN(numbers); i++) {
        put_number(ask, table, node, numbers[i]);
    }
    pawl_cli_table_cell(table, pawl_budget_used(ask, node, true, text));
    put_number(ask, table, node, "debt");
    put_number(ask, table, node, "overdraft_limit");
    (void)pawl_ask_text(ask, node, "status", text);
    pawl_cli_table_cell(table, over ? "OVER LIMIT" : text);
}

/* "80%" or "80" as the share that the protocol has: "0.80". */
static int take_used(const struct pawl_cli_call *call, char out[static PAWL_ASK_CELL_BYTES])
{
    const char *text = pawl_cli_value(call, OPTION_USED);
    uint64_t percent = 0;
    out[0] = '\0';
    if (text == NULL) {
        return PAWL_CLI_GO_ON;
    }
    struct pawl_slice slice = pawl_slice_sub(pawl_slice_str(text), 0, strcspn(text, "%"));
    if (!pawl_slice_to_u64(slice, &percent) || percent > 100) {
        return pawl_cli_usage_error(call, "--used takes a percentage of 0 to 100, not '%s'", text);
    }
    (void)snprintf(out, PAWL_ASK_CELL_BYTES, "%" PRIu64 ".%02" PRIu64, percent / 100,
                   percent % 100);
    return PAWL_CLI_GO_ON;
}

static int put_filters(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    const struct pawl_cli_call *call = ask->call;
    char word[PAWL_ASK_CELL_BYTES];
    char used[PAWL_ASK_CELL_BYTES];
    char path[PAWL_ASK_CELL_BYTES];
    const char *state = NULL;
    uint16_t unit = PAWL_UNIT_NONE;
    struct pawl_ask_subject prefix = {.text = ""};
    const char *scope = pawl_cli_value(call, PAWL_ASK_SCOPE);
    int status = pawl_ask_take_word(call, OPTION_STATUS, "ACTIVE|FROZEN|CLOSED", word, &state);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_unit(call, &unit);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = take_used(call, used);
    }
    if (status == PAWL_CLI_GO_ON && scope != NULL) {
        status = pawl_ask_take_scope(call, scope, &prefix);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    list->tenant = pawl_cli_value(call, PAWL_ASK_TENANT);
    pawl_ask_query(ask, "tenant_id", list->tenant);
    pawl_ask_query(ask, "scope_prefix", pawl_ask_scope_path(&prefix, path));
    pawl_ask_query(ask, "status", state);
    pawl_ask_query(ask, "unit", pawl_unit_name(unit));
    pawl_ask_query(ask, "utilization_min", used);
    pawl_ask_query(ask, "over_limit", pawl_cli_has(call, OPTION_OVER_LIMIT) ? "true" : NULL);
    pawl_ask_query(ask, "has_debt", pawl_cli_has(call, OPTION_DEBT) ? "true" : NULL);
    pawl_ask_query(ask, "search", pawl_cli_value(call, OPTION_SEARCH));
    return PAWL_CLI_GO_ON;
}

static int run_list(const struct pawl_cli_call *call)
{
    struct pawl_ask_list list = {
        .plane = PAWL_BUDGETS_PLANE,
        .path = PAWL_BUDGETS_PATH,
        .sorts = "tenant_id|scope|unit|status|commit_overage_policy|utilization|debt",
        .filters = put_filters,
        .rows = "ledgers",
        .id = "scope",
        .page = 100,
        .columns = columns,
        .column_count = PAWL_ARRAY_LEN(columns),
        .lackable = lackable,
        .none = "No budgets; 'pawl budget create TENANT --usd 100' makes one.",
        .none_like = "No budget is like that.",
        .row = put_row,
    };
    return pawl_ask_list(call, &list);
}

/* --- The commands ---------------------------------------------------------------------------- */

#define SETTING_OPTIONS                                                                            \
    {OPTION_OVERDRAFT, 0, "overdraft", "AMOUNT", "how much debt it may run up, in its unit"},      \
    {                                                                                              \
        OPTION_OVERAGE, 0, "overage", "OVERAGE",                                                   \
            "what a commit above its hold does: reject, available, overdraft"                      \
    }

static const struct pawl_cli_option create_options[] = {
    PAWL_ASK_AMOUNT_OPTIONS,
    SETTING_OPTIONS,
    {OPTION_ROLLOVER, 0, "rollover", "ROLLOVER",
     "kept beside it: none, carry-forward, cap-at-allocated"},
    {OPTION_FROM, 0, "from", "TIME", "when its period begins, kept beside it"},
    {OPTION_UNTIL, 0, "until", "TIME", "when its period ends, kept beside it"},
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command create_command = {
    .name = "budget create",
    .operands = "SCOPE",
    .summary = "give a scope a budget",
    .text =
        "SCOPE is a tenant, or something within one: tenant:acme/workspace:web/agent:bot, with\n"
        "the levels workspace, app, workflow, agent and toolset in that order. A spend counts\n"
        "in every budget on its way, and the smallest rest decides. A scope may have a budget\n"
        "in each unit.",
    .examples = "  pawl budget create acme --usd 100\n"
                "  pawl budget create tenant:acme/workspace:web --usd 25 --overdraft 5 "
                "--overage overdraft\n"
                "  pawl budget create tenant:acme/agent:bot --tokens 10M",
    .options = create_options,
    .option_count = PAWL_ARRAY_LEN(create_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_create,
};

static const struct pawl_cli_option list_options[] = {
    {PAWL_ASK_TENANT, 0, "tenant", "TENANT", "only this tenant's"},
    {PAWL_ASK_SCOPE, 's', "scope", "SCOPE", "only those that begin so"},
    PAWL_ASK_UNIT_OPTION,
    {OPTION_STATUS, 0, "status", "STATE", "only those: active, frozen, closed"},
    {OPTION_USED, 0, "used", "PERCENT",
     "only those of which so much or more is spent; what is held is not"},
    {OPTION_OVER_LIMIT, 0, "over-limit", NULL, "only those over their limit"},
    {OPTION_DEBT, 0, "debt", NULL, "only those with a debt"},
    {OPTION_SEARCH, 0, "search", "TEXT", "only those with this in the tenant or the scope"},
    PAWL_ASK_LIST_OPTIONS("by tenant_id, scope, unit, status, utilization or debt"),
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command list_command = {
    .name = "budget list",
    .operands = "",
    .summary = "budgets, and what is left of each",
    .text = "Lists all of them, or those that the options leave. USED is what is spent of what is\n"
            "allocated, full in its bar; what is held is shaded, and not in the percentage.\n"
            "--quiet prints scopes, as all commands take them.",
    .examples = "  pawl budget list --tenant acme\n"
                "  pawl budget list --used 80% --sort utilization --desc\n"
                "  pawl budget list --scope tenant:acme/workspace:web --json",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .run = run_list,
};

static const struct pawl_cli_option show_options[] = {PAWL_ASK_UNIT_OPTION, PAWL_ASK_OPTIONS};

static const struct pawl_cli_command show_command = {
    .name = "budget show",
    .operands = "SCOPE",
    .summary = "the budgets of a scope",
    .text = "Shows those of each unit, or the one that --unit names.",
    .examples = "  pawl budget show acme\n"
                "  pawl budget show tenant:acme/agent:bot --unit tokens",
    .options = show_options,
    .option_count = PAWL_ARRAY_LEN(show_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};

static const struct pawl_cli_option update_options[] = {
    SETTING_OPTIONS,       PAWL_ASK_UNIT_OPTION, PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_QUIET_OPTION, PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command update_command = {
    .name = "budget update",
    .operands = "SCOPE",
    .summary = "change what applies to a budget",
    .text = "What is not named stays; --metadata replaces all of it. How much there is changes\n"
            "with 'pawl budget fund'. --unit is needed where the scope has several budgets.",
    .examples = "  pawl budget update acme --overdraft 10 --overage overdraft\n"
                "  pawl budget update acme --unit tokens --overage reject",
    .options = update_options,
    .option_count = PAWL_ARRAY_LEN(update_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_update,
};

static const struct pawl_cli_command *const verbs[] = {&create_command,
                                                       &list_command,
                                                       &show_command,
                                                       &update_command,
                                                       &pawl_budget_fund_command,
                                                       &pawl_budget_freeze_command,
                                                       &pawl_budget_unfreeze_command,
                                                       NULL};

const struct pawl_cli_command pawl_cli_command_budget = {
    .name = "budget",
    .operands = "",
    .summary = "how much a tenant, or a part of one, may spend at a server",
    .text = "Budgets at a running 'pawl serve'. What all runs on one machine may spend together,\n"
            "without a server, is 'pawl limit'.",
    .examples = "  pawl budget create acme --usd 100\n"
                "  pawl budget fund acme --credit --usd 25\n"
                "  pawl budget list --used 80%",
    .verbs = verbs,
};
