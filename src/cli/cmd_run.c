/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c: `pawl run`, its options turned into what run/run.h takes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "cli/amounts.h"
#include "cli/commands.h"
#include "cli/policy_flags.h"
#include "cli/resume.h"
#include "policy/policy.h"
#include "run/limit_options.h"
#include "run/phases.h"
#include "run/run.h"

enum {
    OPTION_MODEL = 1,
    OPTION_AGENT,
    OPTION_NAME,
    OPTION_BILLING,
    OPTION_PRICES,
    OPTION_ALLOW_BATCHES,
    OPTION_DATA_DIR,
    OPTION_QUIET,
    OPTION_NO_CARD,
    OPTION_JSON_CARD,
    OPTION_RESUME,
    OPTION_ADD_FIRST,
    OPTION_ADD_LAST = OPTION_ADD_FIRST + PAWL_CAP_COUNT - 1
};

static const struct pawl_cli_option options[] = {
    PAWL_CLI_POLICY_FLAGS,
    {OPTION_RESUME, 0, "resume", "RUN", "go on with a run that was stopped"},
    PAWL_CLI_ADD_OPTIONS(OPTION_ADD_FIRST),
    {OPTION_MODEL, 'm', "model", "MODEL", "the model that the agent will use, for the estimates"},
    {OPTION_AGENT, 0, "agent", "AGENT",
     "the agent that the command hides: claude, codex, gemini; or none"},
    {OPTION_NAME, 'n', "name", "NAME", "a name to find the run by: pawl show NAME"},
    {OPTION_BILLING, 0, "billing", "BILLING",
     "api (by the call) or plan (a subscription), else as the credential looks"},
    {OPTION_PRICES, 0, "prices", "FILE", "prices of your own, before the built-in ones"},
    {OPTION_ALLOW_BATCHES, 0, "allow-batches", "[no]", "let batches through, outside of every cap"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept (default ~/.local/state/pawl)"},
    {OPTION_QUIET, 'q', "quiet", NULL, "nothing but questions and the card"},
    {OPTION_NO_CARD, 0, "no-card", NULL, "no card at the end"},
    {OPTION_JSON_CARD, 0, "json-card", NULL, "the card as one line of JSON"},
};

/* The caps in the order given: the first one is the run's primary unit. Returns PAWL_CLI_GO_ON or
 * an exit status. */
static int take_caps(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    bool any = false;
    for (size_t i = 0; i < call->given_count; i++) {
        int id = call->given[i].option->id;
        if (id < PAWL_CLI_FLAG_MAX_USD || id > PAWL_CLI_FLAG_MAX_TIME) {
            continue;
        }
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)(id - PAWL_CLI_FLAG_MAX_USD);
        struct pawl_run_cap *cap = &run->caps[index];
        int status = pawl_cli_take_amount(call, &call->given[i], index, &cap->amount);
        if (status != PAWL_CLI_GO_ON) {
            return status;
        }
        cap->set = true;
        cap->origin = PAWL_ORIGIN_FLAG;
        run->primary = any ? run->primary : index;
        any = true;
    }
    return PAWL_CLI_GO_ON;
}

/* "halt", "summary", …; "degrade" is a ladder with a halt at its end. */
static int take_mode(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    const char *name = pawl_cli_value(call, PAWL_CLI_FLAG_ON_LIMIT);
    if (name == NULL) {
        return PAWL_CLI_GO_ON;
    }
    if (!pawl_limit_take_mode(&run->limit, pawl_slice_str(name))) {
        return pawl_cli_usage_error(
            call, "--on-limit takes halt, summary, ask, pause or degrade, not '%s'", name);
    }
    run->on_limit = name;
    bool resumes = pawl_cli_has(call, OPTION_RESUME); /* with a ladder of its own, perhaps */
    if (strcmp(name, "degrade") == 0 && !resumes && !pawl_cli_has(call, PAWL_CLI_FLAG_DEGRADE)) {
        return pawl_cli_usage_error(call, "--on-limit degrade needs a model to change to: "
                                          "--degrade MODEL@75%%");
    }
    return PAWL_CLI_GO_ON;
}

static int take_steps(const struct pawl_cli_call *call, struct pawl_limit_options *limit)
{
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id != PAWL_CLI_FLAG_DEGRADE) {
            continue;
        }
        if (limit->step_count == PAWL_DEGRADE_STEPS_MAX) {
            return pawl_cli_usage_error(call, "at most %d --degrade steps",
                                        (int)PAWL_DEGRADE_STEPS_MAX);
        }
        if (!pawl_limit_take_step(limit, pawl_slice_str(call->given[i].value))) {
            return pawl_cli_usage_error(
                call,
                "--degrade takes a model and a share of the budget, such as "
                "claude-haiku-4-5@75%%, not '%s'",
                call->given[i].value);
        }
    }
    return PAWL_CLI_GO_ON;
}

static int take_limit(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    run->limit.summary_permille = PAWL_SUMMARY_PERMILLE_DEFAULT;
    run->auto_resume = pawl_cli_switch(call, PAWL_CLI_FLAG_AUTO_RESUME);
    int status = take_mode(call, run);
    if (status == PAWL_CLI_GO_ON) {
        status = take_steps(call, &run->limit);
    }
    const char *kept = pawl_cli_value(call, PAWL_CLI_FLAG_SUMMARY_USD);
    run->summary_given = kept != NULL;
    if (status == PAWL_CLI_GO_ON && kept != NULL &&
        !pawl_limit_take_summary(&run->limit, pawl_slice_str(kept))) {
        return pawl_cli_usage_error(
            call, "--summary-usd takes dollars above 0, or a share of 1%% to 50%%, not '%s'", kept);
    }
    return status;
}

/* A command, or a run to go on with. */
static int start(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    const char *resumed = pawl_cli_value(call, OPTION_RESUME);
    int64_t added[PAWL_CAP_COUNT];
    int status = pawl_cli_take_added(call, OPTION_ADD_FIRST, added);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    for (size_t i = 0; i < call->given_count; i++) {
        int id = call->given[i].option->id;
        if (resumed != NULL && id >= PAWL_CLI_FLAG_MAX_USD && id <= PAWL_CLI_FLAG_MAX_TIME) {
            return pawl_cli_usage_error(call,
                                        "--resume keeps the caps of the run: add to them, as with "
                                        "--add-usd 1.00");
        }
        if (resumed == NULL && id >= OPTION_ADD_FIRST && id <= OPTION_ADD_LAST) {
            return pawl_cli_usage_error(call, "--%s is for --resume RUN",
                                        call->given[i].option->name);
        }
    }
    if (resumed == NULL && call->operand_count == 0) {
        return pawl_cli_usage_error(
            call, "an argument is missing. Usage: pawl run [options] -- COMMAND [ARG...]");
    }
    if (resumed == NULL) {
        return pawl_run_main(run);
    }
    struct pawl_resume resume = {.argv = NULL};
    status = pawl_cli_resume(call, resumed, added, run, &resume);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_run_main(run);
    }
    pawl_resume_free(&resume);
    return status;
}

/* Returns PAWL_CLI_GO_ON or an exit status. */
static int take_phases(const struct pawl_cli_call *call, struct pawl_run_options *run)
{
    struct pawl_run_phases phases;
    struct pawl_errmsg msg = {""};
    size_t count = 0;
    pawl_phases_init(&phases);
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id != PAWL_CLI_FLAG_PHASE) {
            continue;
        }
        if (count == PAWL_RUN_PHASE_FLAGS_MAX) {
            return pawl_cli_usage_error(call, "--phase is given too often");
        }
        if (pawl_failed(pawl_phases_parse(&phases, call->given[i].value, &msg))) {
            return pawl_cli_usage_error(call, "--phase: %s", msg.text);
        }
        run->phases[count++] = call->given[i].value;
    }
    return PAWL_CLI_GO_ON;
}

/* The run puts them into its policy; here a wrong one is a wrong command line. */
static int check_policy_flags(const struct pawl_cli_call *call)
{
    struct pawl_policy scratch;
    pawl_policy_init(&scratch);
    int status = pawl_cli_take_policy_flags(call, &scratch);
    pawl_policy_free(&scratch);
    return status;
}

static int run_run(const struct pawl_cli_call *call)
{
    struct pawl_run_options run = {
        .argv = call->operands,
        .data_dir = pawl_cli_value(call, OPTION_DATA_DIR),
        .primary = PAWL_CAP_USD,
        .policy = pawl_cli_value(call, PAWL_CLI_FLAG_POLICY),
        .escalation = pawl_cli_value(call, PAWL_CLI_FLAG_ESCALATION),
        .idle_pause = pawl_cli_value(call, PAWL_CLI_FLAG_IDLE_PAUSE),
        .approver = pawl_cli_value(call, PAWL_CLI_FLAG_APPROVER),
        .at_window = pawl_cli_value(call, PAWL_CLI_FLAG_AT_WINDOW),
        .model = pawl_cli_value(call, OPTION_MODEL),
        .prices = pawl_cli_value(call, OPTION_PRICES),
        .name = pawl_cli_value(call, OPTION_NAME),
        .quiet = pawl_cli_has(call, OPTION_QUIET),
        .no_card = pawl_cli_has(call, OPTION_NO_CARD),
        .json_card = pawl_cli_has(call, OPTION_JSON_CARD),
    };
    int status = take_caps(call, &run);
    status = status == PAWL_CLI_GO_ON ? take_phases(call, &run) : status;
    if (status == PAWL_CLI_GO_ON) {
        status = take_limit(call, &run);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    const char *agent = pawl_cli_value(call, OPTION_AGENT);
    run.agent_given = agent != NULL;
    if (agent != NULL && !pawl_agent_by_name(agent, &run.agent)) {
        return pawl_cli_usage_error(call, "--agent takes claude, codex, gemini or none, not '%s'",
                                    agent);
    }
    const char *billing = pawl_cli_value(call, OPTION_BILLING);
    run.billing = billing != NULL ? pawl_billing_mode_of(billing) : PAWL_BILLING_MODE_AUTO;
    if (run.billing == PAWL_BILLING_MODE_COUNT) {
        return pawl_cli_usage_error(call, "--billing takes api, plan or auto, not '%s'", billing);
    }
    const char *batches = pawl_cli_switch(call, OPTION_ALLOW_BATCHES);
    run.allow_batches = batches != NULL && strcmp(batches, "yes") == 0;
    if (batches != NULL && !run.allow_batches && strcmp(batches, "no") != 0) {
        return pawl_cli_usage_error(call, "--allow-batches takes yes or no, not '%s'", batches);
    }
    status = check_policy_flags(call);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (run.no_card && run.json_card) {
        return pawl_cli_usage_error(call, "--no-card and --json-card exclude each other");
    }
    if (pawl_cli_has(call, PAWL_CLI_FLAG_ATTENDED)) {
        run.attendance = PAWL_ATTENDED;
    } else if (pawl_cli_has(call, PAWL_CLI_FLAG_UNATTENDED)) {
        run.attendance = PAWL_UNATTENDED;
    }
    return start(call, &run);
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
        "Any one cap ends the run; a cap that is not given keeps its default.\n"
        "With --resume a run that was stopped goes on as a run of its own, with what the other\n"
        "had left and what is added: claude, codex and gemini with their own way of resuming "
        "(words\n"
        "behind -- are told to them), any other command from its start (or COMMAND in its place).",
    .examples = "  pawl run --max-usd 1.50 -- claude -p \"fix the failing test\"\n"
                "  pawl run --max-usd 0.25 --max-time 10m -- python3 agent.py\n"
                "  pawl run --max-tokens 200K -- npm run agent\n"
                "  pawl run --resume last --add-usd 1.00",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = SIZE_MAX,
    .stops_at_operand = true,
    .run = run_run,
};
