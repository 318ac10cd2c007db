/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c: `pawl run`, its options turned into what run/run.h takes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/commands.h"
#include "run/run.h"

enum {
    OPTION_MAX_USD = 1,
    OPTION_MAX_TOKENS,
    OPTION_MAX_TOOL_CALLS,
    OPTION_MAX_ITERATIONS,
    OPTION_MAX_TIME,
    OPTION_POLICY,
    OPTION_MODEL,
    OPTION_AGENT,
    OPTION_NAME,
    OPTION_ATTENDED,
    OPTION_UNATTENDED,
    OPTION_PRICES,
    OPTION_ALLOW_BATCHES,
    OPTION_DATA_DIR,
    OPTION_QUIET,
    OPTION_NO_CARD,
    OPTION_JSON_CARD
};

static const struct pawl_cli_option options[] = {
    {OPTION_MAX_USD, 0, "max-usd", "USD", "stop at so many dollars: 1.50, $0.75 (default 1.50)"},
    {OPTION_MAX_TOKENS, 0, "max-tokens", "N", "stop at so many tokens: 60K, 10M (default 5M)"},
    {OPTION_MAX_TOOL_CALLS, 0, "max-tool-calls", "N", "stop at so many tool calls (default 300)"},
    {OPTION_MAX_ITERATIONS, 0, "max-iterations", "N", "stop at so many model calls (default 100)"},
    {OPTION_MAX_TIME, 0, "max-time", "TIME", "stop after so long: 90s, 30m, 1h30m (default 1h)"},
    {OPTION_POLICY, 'p', "policy", "POLICY",
     "a built-in policy or a file, see pawl policy (default individual)"},
    {OPTION_MODEL, 'm', "model", "MODEL", "the model that the agent will use, for the estimates"},
    {OPTION_AGENT, 0, "agent", "NAME", "claude, codex, gemini or none, where the command hides it"},
    {OPTION_NAME, 'n', "name", "NAME", "a name to find the run by: pawl show NAME"},
    {OPTION_ATTENDED, 0, "attended", NULL, "somebody is there: at a cap refuse, kill nothing"},
    {OPTION_UNATTENDED, 0, "unattended", NULL, "nobody is there: at a cap end the agent"},
    {OPTION_PRICES, 0, "prices", "FILE", "prices of your own, before the built-in ones"},
    {OPTION_ALLOW_BATCHES, 0, "allow-batches", NULL, "let batches through, outside of every cap"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept (default ~/.local/state/pawl)"},
    {OPTION_QUIET, 'q', "quiet", NULL, "nothing but the card"},
    {OPTION_NO_CARD, 0, "no-card", NULL, "no card at the end"},
    {OPTION_JSON_CARD, 0, "json-card", NULL, "the card as one line of JSON"},
};

/* No run lasts longer; it keeps every deadline within what the ledger can tell. */
#define TIME_MS_MAX (INT64_C(365) * 24 * 60 * 60 * 1000)

static bool parse_cap(enum pawl_run_cap_index index, const char *text, int64_t *ret_amount)
{
    struct pawl_slice slice = pawl_slice_str(text);
    bool parsed = false;
    switch (index) {
    case PAWL_CAP_USD:
        parsed = pawl_money_parse_usd(slice, ret_amount);
        break;
    case PAWL_CAP_TIME:
        parsed = pawl_duration_parse_ms(text, ret_amount) && *ret_amount <= TIME_MS_MAX;
        break;
    case PAWL_CAP_TOKENS:
    case PAWL_CAP_TOOL_CALLS:
    case PAWL_CAP_ITERATIONS:
        parsed = pawl_money_parse_count(slice, ret_amount);
        break;
    case PAWL_CAP_COUNT:
        break;
    }
    return parsed && *ret_amount > 0 && *ret_amount <= PAWL_AMOUNT_MAX;
}

/* The caps in the order given: the first one is the run's primary unit. Returns PAWL_CLI_GO_ON or
 * an exit status. */
static int take_caps(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    static const char *const forms[PAWL_CAP_COUNT] = {
        [PAWL_CAP_USD] = "dollars above 0, such as 1.50 or $0.75",
        [PAWL_CAP_TOKENS] = "a whole number above 0, such as 60K or 10M",
        [PAWL_CAP_TOOL_CALLS] = "a whole number above 0",
        [PAWL_CAP_ITERATIONS] = "a whole number above 0",
        [PAWL_CAP_TIME] = "a time such as 90s, 30m or 2h, a year at most",
    };
    bool any = false;
    for (size_t i = 0; i < call->given_count; i++) {
        int id = call->given[i].option->id;
        if (id < OPTION_MAX_USD || id > OPTION_MAX_TIME) {
            continue;
        }
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)(id - OPTION_MAX_USD);
        struct pawl_run_cap *cap = &run->caps[index];
        if (!parse_cap(index, call->given[i].value, &cap->amount)) {
            return pawl_cli_usage_error(call, "--%s takes %s, not '%s'",
                                        call->given[i].option->name, forms[index],
                                        call->given[i].value);
        }
        cap->set = true;
        cap->origin = PAWL_ORIGIN_FLAG;
        run->primary = any ? run->primary : index;
        any = true;
    }
    return PAWL_CLI_GO_ON;
}

static int run_run(const struct pawl_cli_call *call)
{
    struct pawl_run_options run = {
        .argv = call->operands,
        .data_dir = pawl_cli_value(call, OPTION_DATA_DIR),
        .primary = PAWL_CAP_USD,
        .policy = pawl_cli_value(call, OPTION_POLICY),
        .model = pawl_cli_value(call, OPTION_MODEL),
        .prices = pawl_cli_value(call, OPTION_PRICES),
        .name = pawl_cli_value(call, OPTION_NAME),
        .allow_batches = pawl_cli_has(call, OPTION_ALLOW_BATCHES),
        .quiet = pawl_cli_has(call, OPTION_QUIET),
        .no_card = pawl_cli_has(call, OPTION_NO_CARD),
        .json_card = pawl_cli_has(call, OPTION_JSON_CARD),
    };
    int status = take_caps(call, &run);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    const char *agent = pawl_cli_value(call, OPTION_AGENT);
    run.agent_given = agent != NULL;
    if (agent != NULL && !pawl_agent_by_name(agent, &run.agent)) {
        return pawl_cli_usage_error(call, "--agent takes claude, codex, gemini or none, not '%s'",
                                    agent);
    }
    if (pawl_cli_has(call, OPTION_ATTENDED) && pawl_cli_has(call, OPTION_UNATTENDED)) {
        return pawl_cli_usage_error(call, "--attended and --unattended exclude each other");
    }
    if (run.no_card && run.json_card) {
        return pawl_cli_usage_error(call, "--no-card and --json-card exclude each other");
    }
    if (pawl_cli_has(call, OPTION_ATTENDED)) {
        run.attendance = PAWL_ATTENDED;
    } else if (pawl_cli_has(call, OPTION_UNATTENDED)) {
        run.attendance = PAWL_UNATTENDED;
    }
    return pawl_run_main(&run);
}

const struct pawl_cli_command pawl_cli_command_run = {
    .name = "run",
    .operands = "-- COMMAND [ARG...]",
    .summary = "run an agent under hard caps",
    .text =
        "Runs COMMAND with its model calls going through a gateway on this machine, and refuses\n"
        "each call that what is left does not cover. The agent needs no change: it gets the\n"
        "gateway's address in ANTHROPIC_BASE_URL, OPENAI_BASE_URL and their like, keeps its own\n"
        "credentials and its terminal, and its exit status is returned (124 when a cap ended it).\n"
        "Any one cap ends the run; a cap that is not given keeps its default.",
    .examples = "  pawl run --max-usd 1.50 -- claude -p \"fix the failing test\"\n"
                "  pawl run --max-usd 0.25 --max-time 10m -- python agent.py\n"
                "  pawl run --max-tokens 200K -- npm run agent",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .stops_at_operand = true,
    .run = run_run,
};
