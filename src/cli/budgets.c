/* SPDX-License-Identifier: Apache-2.0 */
/* budgets.c: see budgets.h. */
#include "cli/budgets.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "cli/ask_read.h"

enum { BAR = 10, PERCENT_MAX = 999 };

int pawl_budget_open(const struct pawl_cli_call *call, struct pawl_budget *budget)
{
    *budget = (struct pawl_budget){.unit = PAWL_UNIT_NONE};
    int status = pawl_ask_open(call, &budget->ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_take_scope(call, call->operands[0], &budget->subject);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_unit(call, &budget->unit);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_fill_tenant(&budget->ask, PAWL_BUDGETS_PLANE, &budget->subject);
    }
    (void)pawl_ask_scope_path(&budget->subject, budget->scope);
    return status == PAWL_CLI_GO_ON ? PAWL_EXIT_OK : status;
}

void pawl_budget_path(struct pawl_budget *budget, const char *path)
{
    pawl_ask_path(&budget->ask, path);
    pawl_ask_query(&budget->ask, "scope", budget->scope);
    pawl_ask_query(&budget->ask, "unit", pawl_unit_name(budget->unit));
}

int pawl_budget_each(struct pawl_budget *budget, pawl_budget_fn *fn, void *arg, int *ret_status)
{
    static const uint16_t units[] = {PAWL_UNIT_USD_MICROCENTS, PAWL_UNIT_TOKENS, PAWL_UNIT_CREDITS,
                                     PAWL_UNIT_RISK_POINTS};
    uint16_t said = budget->unit;
    int count = 0;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(units); i++) {
        if (said != PAWL_UNIT_NONE && said != units[i]) {
            continue;
        }
        budget->unit = units[i];
        pawl_budget_path(budget, PAWL_BUDGETS_PATH "/lookup");
        pawl_ask_query(&budget->ask, "include", "metadata");
        budget->ask.may_miss = true;
        *ret_status = pawl_ask_send(&budget->ask, PAWL_BUDGETS_PLANE, "GET");
        if (*ret_status == PAWL_EXIT_OK) {
            fn(budget, arg);
            count++;
        } else if (budget->ask.answer.status != 404) {
            return -1;
        }
    }
    budget->unit = said;
    *ret_status = PAWL_EXIT_OK;
    if (count == 0) {
        *ret_status = pawl_cli_error(
            budget->ask.call, PAWL_EXIT_REFUSED, "%s has no budget%s%s; 'pawl budget list' has all",
            budget->scope, said != PAWL_UNIT_NONE ? " of " : "",
            said != PAWL_UNIT_NONE ? pawl_cli_value(budget->ask.call, PAWL_ASK_UNIT) : "");
    }
    return count;
}

static void note_unit(struct pawl_budget *budget, void *arg)
{
    uint16_t *unit = arg;
    *unit = budget->unit;
}

int pawl_budget_find_unit(struct pawl_budget *budget)
{
    uint16_t unit = PAWL_UNIT_NONE;
    int status = PAWL_EXIT_OK;
    if (budget->unit != PAWL_UNIT_NONE) {
        return PAWL_EXIT_OK;
    }
    int count = pawl_budget_each(budget, note_unit, &unit, &status);
    if (count > 1) {
        return pawl_cli_usage_error(budget->ask.call,
                                    "%s has %d budgets: say which one with --unit usd, tokens, "
                                    "credits or risk-points",
                                    budget->scope, count);
    }
    budget->unit = unit;
    return status;
}

/* --- Printing -------------------------------------------------------------------------------- */

/* value / whole in parts of `of`, PERCENT_MAX at most. */
static int64_t share(int64_t value, int64_t whole, int64_t of, bool ceil)
{
    int64_t parts = 0;
    value = pawl_max_i64(value, 0);
    bool fits = ceil ? pawl_money_mul_div_ceil(value, of, whole, &parts)
                     : pawl_money_mul_div_floor(value, of, whole, &parts);
    return fits ? pawl_min_i64(parts, PERCENT_MAX) : PERCENT_MAX;
}

const char *pawl_budget_used(struct pawl_ask *ask,
                             uint32_t node,
                             bool bar,
                             char out[static PAWL_ASK_CELL_BYTES])
{
    int64_t allocated = pawl_ask_count(ask, node, "allocated", 0);
    int64_t spent = pawl_ask_count(ask, node, "spent", 0);
    int64_t gone = 0;
    size_t used = 0;
    out[0] = '\0';
    if (allocated <= 0) {
        return out;
    }
    if (!pawl_money_add(spent, pawl_ask_count(ask, node, "reserved", 0), &gone)) {
        gone = INT64_MAX;
    }
    if (bar) {
        static const char *const cells[2][3] = {{"#", "=", "."}, {"█", "▒", "░"}};
        int64_t full = share(spent, allocated, BAR, false);
        int64_t held = gone > spent ? share(gone, allocated, BAR, true) : full;
        for (int i = 0; i < BAR; i++) {
            const char *cell = cells[pawl_cli_speaks_utf8()][i < full ? 0 : i < held ? 1 : 2];
            used += (size_t)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, "%s", cell);
        }
        out[used++] = ' ';
    }
    /* Rounded down: at least P is shown of just those that --used P lists. */
    (void)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, "%*" PRId64 "%%", bar ? 3 : 0,
                   share(spent, allocated, 100, false));
    return out;
}

static void print_amount(struct pawl_ask *ask, const char *name, const char *key, bool always)
{
    char text[PAWL_REMOTE_WORDS_BYTES];
    if (always || pawl_ask_count(ask, 0, key, 0) != 0) {
        pawl_ask_print_field(name, pawl_ask_amount(ask, 0, key, text));
    }
}

static void print_card(struct pawl_ask *ask)
{
    char text[PAWL_ASK_CELL_BYTES];
    char unit[PAWL_REMOTE_WORDS_BYTES];
    struct pawl_slice name =
        pawl_json_string(&ask->json, pawl_json_get(&ask->json, 0, "unit"), &ask->arena);
    printf("%s", pawl_ask_text(ask, 0, "scope", text));
    printf("  %s", pawl_remote_unit_word(name, unit));
    printf("  %s%s\n", pawl_ask_text(ask, 0, "status", text),
           pawl_json_bool_or(&ask->json, pawl_json_get(&ask->json, 0, "is_over_limit"), false)
               ? ", over its limit"
               : "");
    print_amount(ask, "allocated", "allocated", true);
    print_amount(ask, "spent", "spent", true);
    print_amount(ask, "held", "reserved", false);
    print_amount(ask, "left", "remaining", true);
    pawl_ask_print_field("used", pawl_budget_used(ask, 0, true, text));
    print_amount(ask, "debt", "debt", false);
    print_amount(ask, "overdraft", "overdraft_limit", false);
    pawl_ask_print_field("overage", pawl_ask_text(ask, 0, "commit_overage_policy", text));
    pawl_ask_print_field("begins", pawl_ask_time(ask, 0, "period_start", text));
    pawl_ask_print_field("ends", pawl_ask_time(ask, 0, "period_end", text));
    pawl_ask_print_field("metadata", pawl_ask_pairs(ask, 0, "metadata", text));
}

void pawl_budget_print(struct pawl_ask *ask, const char *what)
{
    char text[PAWL_ASK_CELL_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(pawl_ask_text(ask, 0, "scope", text));
    } else {
        if (what != NULL) {
            printf("%s ", what);
        }
        print_card(ask);
    }
}
