/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_decide.c: `pawl decide` asks a server whether something could be spent, and `pawl debit` says
 * that it was. Neither holds anything: what asks and spends afterwards is `pawl reservation`.
 */
#include "cli/ask_read.h"
#include "cli/commands.h"
#include "cli/spends.h"

/* --- decide ---------------------------------------------------------------------------------- */

static int run_decide(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    struct pawl_ask_subject subject;
    struct pawl_amount amount = {.unit = PAWL_UNIT_NONE};
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_spend_begin(&ask, "/v1/decide", "estimate", &subject, &amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&ask, PAWL_PLANE_TENANT, "POST");
        if (status == PAWL_EXIT_OK) {
            status = pawl_spend_print_decision(&ask, amount.unit);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static const struct pawl_cli_option decide_options[] = {
    PAWL_ASK_AMOUNT_OPTIONS,
    PAWL_ASK_LEVEL_OPTIONS,
    PAWL_ASK_DIMENSION_OPTION,
    PAWL_SPEND_ACTION_OPTIONS,
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_IDEMPOTENCY_OPTION,
    {PAWL_ASK_QUIET, 'q', "quiet", NULL, "print ALLOW, ALLOW_WITH_CAPS or DENY alone"},
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_cli_command_decide = {
    .name = "decide",
    .operands = "",
    .summary = "ask a server whether so much could be spent now",
    .text = "Holds nothing, so the answer is true for that moment only. The status is 0 of ALLOW\n"
            "and ALLOW_WITH_CAPS, 1 of DENY. It is asked with a tenant's key.",
    .examples =
        "  pawl decide --usd 0.50 --scope tenant:acme/agent:bot\n"
        "  pawl decide --tokens 20K --agent bot --action llm.completion --name gpt-5 && ...",
    .options = decide_options,
    .option_count = PAWL_ARRAY_LEN(decide_options),
    .run = run_decide,
};

/* --- debit ----------------------------------------------------------------------------------- */

static void
print_debit(struct pawl_ask *ask, const struct pawl_ask_subject *subject, struct pawl_amount amount)
{
    char id[PAWL_ASK_CELL_BYTES];
    char scope[PAWL_ASK_CELL_BYTES];
    char wanted[PAWL_REMOTE_WORDS_BYTES];
    char charged[PAWL_REMOTE_WORDS_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
        return;
    }
    (void)pawl_ask_text(ask, 0, "event_id", id);
    if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(id);
        return;
    }
    (void)pawl_remote_amount(pawl_slice_str(pawl_unit_name(amount.unit)), amount.value, wanted);
    /* It is named only where less than the whole was charged. */
    if (pawl_ask_amount(ask, 0, "charged", charged)[0] != '\0' &&
        pawl_ask_count(ask, 0, "charged", amount.value) != amount.value) {
        printf("%s: %s of %s is charged to %s, all that was left\n", id, charged, wanted,
               pawl_ask_scope_path(subject, scope));
    } else {
        printf("%s: %s is charged to %s\n", id, wanted, pawl_ask_scope_path(subject, scope));
    }
    pawl_spend_print_balances(ask);
}

static int run_debit(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    struct pawl_ask_subject subject;
    struct pawl_amount amount = {.unit = PAWL_UNIT_NONE};
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_spend_begin(&ask, "/v1/events", "actual", &subject, &amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_spend_put_metrics(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&ask, PAWL_PLANE_TENANT, "POST");
        if (status == PAWL_EXIT_OK) {
            print_debit(&ask, &subject, amount);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static const struct pawl_cli_option debit_options[] = {
    PAWL_ASK_AMOUNT_OPTIONS,   PAWL_ASK_LEVEL_OPTIONS,      PAWL_ASK_DIMENSION_OPTION,
    PAWL_SPEND_ACTION_OPTIONS, PAWL_SPEND_OVERAGE_OPTION,   PAWL_SPEND_METRIC_OPTIONS,
    PAWL_ASK_METADATA_OPTION,  PAWL_ASK_IDEMPOTENCY_OPTION, PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

const struct pawl_cli_command pawl_cli_command_debit = {
    .name = "debit",
    .operands = "",
    .summary = "tell a server what was spent, without a hold before it",
    .text = "For what is known only afterwards. With the same --idempotency-key it is charged\n"
            "once, however often it is said. It is told with a tenant's key.",
    .examples = "  pawl debit --usd 0.42 --scope tenant:acme/agent:bot\n"
                "  pawl debit --usd 1.30 --tenant acme --action llm.batch --name gpt-5 "
                "--idempotency-key batch-17",
    .options = debit_options,
    .option_count = PAWL_ARRAY_LEN(debit_options),
    .run = run_debit,
};
