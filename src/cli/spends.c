/* SPDX-License-Identifier: Apache-2.0 */
/* spends.c: see spends.h. */
#include "cli/spends.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask_read.h"

/* The protocol wants a kind and a name of every action; who tries something out has neither. */
static void put_action(struct pawl_ask *ask)
{
    const char *kind = pawl_cli_value(ask->call, PAWL_SPEND_ACTION);
    const char *name = pawl_cli_value(ask->call, PAWL_SPEND_NAME);
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, "action");
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "kind", kind != NULL ? kind : "manual");
    pawl_json_member_str(json, "name", name != NULL ? name : "pawl");
    pawl_ask_put_list(ask, "tags", PAWL_SPEND_TAG);
    pawl_json_object_end(json);
}

int pawl_spend_begin(struct pawl_ask *ask,
                     const char *path,
                     const char *amount_key,
                     struct pawl_ask_subject *ret_subject,
                     struct pawl_amount *ret_amount)
{
    const char *overage = NULL;
    int status = pawl_ask_take_subject(ask->call, ret_subject);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_amount(ask->call, ret_amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_overage(ask->call, PAWL_SPEND_OVERAGE, &overage);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_fill_tenant(ask, PAWL_PLANE_TENANT, ret_subject);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_ask_path(ask, path);
    pawl_ask_put_key(ask);
    status = pawl_ask_put_subject(ask, ret_subject);
    put_action(ask);
    pawl_ask_put_amount(ask, amount_key, *ret_amount);
    pawl_ask_put_text(ask, "overage_policy", overage);
    return status == PAWL_CLI_GO_ON ? pawl_ask_put_pairs(ask, "metadata", PAWL_ASK_METADATA)
                                    : status;
}

/* Numbers that are kept beside it. */
static const struct {
    const char *key;
    int option;
    int (*take)(const struct pawl_cli_call *call, int option, int64_t *ret_value);
} metrics[] = {{"tokens_input", PAWL_SPEND_TOKENS_IN, pawl_ask_take_count},
               {"tokens_output", PAWL_SPEND_TOKENS_OUT, pawl_ask_take_count},
               {"latency_ms", PAWL_SPEND_LATENCY, pawl_ask_take_ms}};

int pawl_spend_put_metrics(struct pawl_ask *ask)
{
    int64_t values[PAWL_ARRAY_LEN(metrics)];
    const char *model = pawl_cli_value(ask->call, PAWL_SPEND_MODEL);
    bool any = model != NULL;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(metrics); i++) {
        int status = metrics[i].take(ask->call, metrics[i].option, &values[i]);
        if (status != PAWL_CLI_GO_ON) {
            return status;
        }
        any = any || values[i] >= 0;
    }
    if (!any) {
        return PAWL_CLI_GO_ON;
    }
    struct pawl_json_writer *json = pawl_ask_body(ask);
    pawl_json_key(json, "metrics");
    pawl_json_object_begin(json);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(metrics); i++) {
        pawl_ask_put_number(ask, metrics[i].key, metrics[i].option, values[i]);
    }
    pawl_ask_put_text(ask, "model_version", model);
    pawl_json_object_end(json);
    return PAWL_CLI_GO_ON;
}

/* --- Telling --------------------------------------------------------------------------------- */

void pawl_spend_print_caps(struct pawl_ask *ask)
{
    static const struct {
        const char *key;
        const char *word;
    } numbers[] = {{"max_tokens", "max tokens"},
                   {"max_steps_remaining", "steps left"},
                   {"cooldown_ms", "cooldown ms"}};
    char text[PAWL_ASK_CELL_BYTES];
    char number[PAWL_MONEY_TEXT_BYTES];
    uint32_t caps = pawl_json_get(&ask->json, 0, "caps");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(numbers); i++) {
        int64_t value = pawl_ask_count(ask, caps, numbers[i].key, -1);
        if (value >= 0) {
            pawl_ask_print_field(numbers[i].word, pawl_money_format_count(value, number));
        }
    }
    pawl_ask_print_field("only tools", pawl_ask_texts(ask, caps, "tool_allowlist", text));
    pawl_ask_print_field("not tools", pawl_ask_texts(ask, caps, "tool_denylist", text));
}

void pawl_spend_print_balances(struct pawl_ask *ask)
{
    char scope[PAWL_ASK_CELL_BYTES];
    char left[PAWL_REMOTE_WORDS_BYTES];
    uint32_t node = pawl_json_first_element(&ask->json, pawl_json_get(&ask->json, 0, "balances"));
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&ask->json, node)) {
        (void)pawl_ask_text(ask, node, "scope_path", scope);
        if (scope[0] == '\0') {
            (void)pawl_ask_text(ask, node, "scope", scope);
        }
        printf("  %s left in %s\n", pawl_ask_amount(ask, node, "remaining", left), scope);
    }
}

/* --- Why not ---------------------------------------------------------------------------------- */

enum { WHY_SCOPES_MAX = 16 }; /* a path has six levels, and a dimension each may add one */

/* GET /v1/balances of one scope, "tenant:acme/agent:bot". false: it is no such path. */
static bool ask_balances(struct pawl_ask *ask, const char *scope)
{
    char name[PAWL_ASK_CELL_BYTES];
    char value[PAWL_ASK_CELL_BYTES];
    struct pawl_slice rest = pawl_slice_str(scope);
    pawl_ask_path(ask, "/v1/balances");
    ask->is_aside = true;
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice level = pawl_slice_cut(&rest, '/');
        struct pawl_slice word = pawl_slice_cut(&level, ':');
        if (pawl_slice_empty(word) || pawl_slice_empty(level)) {
            return false;
        }
        pawl_ask_query(ask, pawl_cli_plain(word, name, sizeof(name)),
                       pawl_cli_plain(level, value, sizeof(value)));
    }
    return true;
}

static void print_balance_of(struct pawl_ask *ask, const char *scope, const char *unit)
{
    char text[PAWL_ASK_CELL_BYTES];
    char cells[5][PAWL_REMOTE_WORDS_BYTES];
    uint32_t node = pawl_json_first_element(&ask->json, pawl_json_get(&ask->json, 0, "balances"));
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(&ask->json, node)) {
        uint32_t left = pawl_json_get(&ask->json, node, "remaining");
        if (strcmp(pawl_ask_text(ask, node, "scope_path", text), scope) != 0 ||
            strcmp(pawl_ask_text(ask, left, "unit", text), unit) != 0) {
            continue;
        }
        bool owes = pawl_ask_amount(ask, node, "debt", cells[3])[0] != '\0';
        printf("  %s: %s in all, %s spent, %s held, %s%s%s left\n", scope,
               pawl_ask_amount(ask, node, "allocated", cells[0]),
               pawl_ask_amount(ask, node, "spent", cells[1]),
               pawl_ask_amount(ask, node, "reserved", cells[2]), cells[3], owes ? " of debt, " : "",
               pawl_ask_amount(ask, node, "remaining", cells[4]));
    }
}

/* A DENY names the scopes that were looked at, and has no numbers: they are asked for. */
static void explain_denial(struct pawl_ask *ask, uint16_t unit)
{
    char scopes[WHY_SCOPES_MAX][PAWL_ASK_CELL_BYTES];
    size_t count = 0;
    uint32_t node =
        pawl_json_first_element(&ask->json, pawl_json_get(&ask->json, 0, "affected_scopes"));
    for (; node != PAWL_JSON_NONE && count < WHY_SCOPES_MAX;
         node = pawl_json_next(&ask->json, node)) {
        (void)pawl_cli_plain(pawl_json_string(&ask->json, node, &ask->arena), scopes[count++],
                             PAWL_ASK_CELL_BYTES);
    }
    for (size_t i = 0; i < count; i++) {
        if (ask_balances(ask, scopes[i]) &&
            pawl_ask_send(ask, PAWL_PLANE_TENANT, "GET") == PAWL_EXIT_OK) {
            print_balance_of(ask, scopes[i], pawl_unit_name(unit));
        }
    }
}

int pawl_spend_print_decision(struct pawl_ask *ask, uint16_t unit)
{
    char text[PAWL_ASK_CELL_BYTES];
    char reason[PAWL_ASK_CELL_BYTES];
    char span[PAWL_CLOCK_TEXT_BYTES];
    bool denied = pawl_json_string_is(&ask->json, pawl_json_get(&ask->json, 0, "decision"), "DENY");
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(pawl_ask_text(ask, 0, "decision", text));
    } else {
        int64_t retry_ms = pawl_ask_count(ask, 0, "retry_after_ms", 0);
        (void)pawl_ask_text(ask, 0, "reason_code", reason);
        printf("%s%s%s\n", pawl_ask_text(ask, 0, "decision", text), reason[0] != '\0' ? ": " : "",
               reason);
        pawl_spend_print_caps(ask);
        pawl_spend_print_balances(ask);
        pawl_ask_print_field("again in",
                             retry_ms > 0 ? pawl_duration_format_ms(retry_ms, span) : "");
        if (denied) {
            explain_denial(ask, unit);
        }
    }
    return denied ? PAWL_EXIT_REFUSED : PAWL_EXIT_OK;
}
