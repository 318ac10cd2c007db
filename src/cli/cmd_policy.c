/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_policy.c: `pawl policy check`, `show`, `list`: what a policy file gets wrong, what is in
 * force and where each value comes from, which policies there are.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "cli/policy_flags.h"
#include "run/caps.h"
#include "run/limit_options.h"
#include "run/model.h"
#include "run/policy.h"
#include "run/sizing.h"

enum { LINE_BYTES_MAX = 64 * 1024, SOURCE_BYTES = PAWL_PATH_BYTES + 32 };

/* --- check ----------------------------------------------------------------------------------- */

enum { OPTION_CHECK_JSON = 1 };

static const struct pawl_cli_option check_options[] = {
    {OPTION_CHECK_JSON, 0, "json", NULL, "one JSON object a problem"},
};

struct check {
    const char *path;
    bool json;
};

static void print_problem(void *arg, const struct pawl_policy_problem *problem)
{
    const struct check *check = arg;
    const char *severity = problem->warning ? "warning" : "error";
    if (!check->json) {
        printf("%s:%u: %s: %s%s%s\n", check->path, (unsigned)problem->line, severity, problem->path,
               problem->path[0] != '\0' ? ": " : "", problem->message);
        return;
    }
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, LINE_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "severity", severity);
    pawl_json_member_str(&json, "file", check->path);
    pawl_json_member_i64(&json, "line", problem->line);
    pawl_json_member_str(&json, "field", problem->path);
    pawl_json_member_str(&json, "message", problem->message);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* A run whose ladder has a model without a price does not begin. It is no error of the file, since
 * a price of one's own may be put in beside it. */
static void check_ladder(const struct pawl_cli_call *call,
                         const struct pawl_policy *policy,
                         struct check *check,
                         struct pawl_policy_reporter *reporter)
{
    struct pawl_limit_options limit = {.step_count = 0};
    struct pawl_errmsg msg = {""};
    struct pawl_price_book *book = NULL;
    char prices_path[PAWL_PATH_BYTES];
    const struct pawl_policy_value *ladder =
        pawl_policy_get(policy, PAWL_POLICY_ON_LIMIT_DEGRADE, "");
    if (ladder == NULL || pawl_failed(pawl_limit_take_policy(&limit, false, policy, &msg)) ||
        pawl_cli_open_prices(call, NULL, NULL, prices_path, &book) != PAWL_EXIT_OK) {
        return;
    }
    struct pawl_clock clock = pawl_clock_os();
    for (uint32_t i = 0; i < limit.step_count; i++) {
        struct pawl_price price;
        char text[2 * PAWL_DEGRADE_MODEL_BYTES];
        struct pawl_policy_problem problem = {
            .warning = true, .line = ladder->line, .path = "on_limit.degrade", .message = text};
        if (!pawl_model_price(book, pawl_slice_str(limit.steps[i].model), pawl_environ_get,
                              clock.real_us(clock.arg), &price)) {
            (void)snprintf(text, sizeof(text),
                           "no price is known for %.64s, so no run begins with it: see 'pawl "
                           "prices', or put its price into prices.json",
                           limit.steps[i].model);
            reporter->warnings++;
            print_problem(check, &problem);
        }
    }
    pawl_price_book_free(book);
}

static int check_file(const struct pawl_cli_call *call, struct check *check)
{
    struct pawl_policy policy;
    struct pawl_policy_reporter reporter = {.report = print_problem, .arg = check};
    struct pawl_errmsg msg = {""};
    pawl_policy_init(&policy);
    pawl_err err = pawl_run_policy_load(&policy, check->path, &reporter, &msg);
    if (reporter.errors == 0 && pawl_ok(err)) {
        check_ladder(call, &policy, check, &reporter);
    }
    pawl_policy_free(&policy);
    if (reporter.errors == 0 && pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (!check->json && reporter.errors == 0) {
        printf("%s: fine%s\n", check->path, reporter.warnings > 0 ? ", with warnings" : "");
    }
    return reporter.errors == 0 ? PAWL_EXIT_OK : PAWL_EXIT_REFUSED;
}

static int run_check(const struct pawl_cli_call *call)
{
    int status = PAWL_EXIT_OK;
    for (size_t i = 0; i < call->operand_count; i++) {
        struct check check = {.path = call->operands[i],
                              .json = pawl_cli_has(call, OPTION_CHECK_JSON)};
        int one = check_file(call, &check);
        status = one != PAWL_EXIT_OK ? one : status;
    }
    return status;
}

static const struct pawl_cli_command check_command = {
    .name = "policy check",
    .operands = "FILE...",
    .summary = "what a policy file gets wrong",
    .text = "Reads each FILE as a policy and prints every problem with its file, line and field.\n"
            "Errors end with status 1; a warning (a value far outside of what runs usually need)\n"
            "does not.",
    .examples = "  pawl policy check team.yaml",
    .options = check_options,
    .option_count = PAWL_ARRAY_LEN(check_options),
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .run = run_check,
};

/* --- show ------------------------------------------------------------------------------------ */

enum {
    OPTION_SHOW_JSON = 1,
    OPTION_SHOW_YAML,
    OPTION_SHOW_MODEL,
    OPTION_SHOW_PRICES,
    OPTION_SHOW_DATA_DIR
};

static const struct pawl_cli_option show_options[] = {
    {OPTION_SHOW_JSON, 0, "json", NULL, "one JSON object a field"},
    {OPTION_SHOW_YAML, 0, "yaml", NULL, "as a policy file, to begin one of your own with"},
    PAWL_CLI_POLICY_FLAGS,
    {OPTION_SHOW_MODEL, 'm', "model", "MODEL", "the model that the agent will use"},
    {OPTION_SHOW_PRICES, 0, "prices", "FILE", "prices of your own, before the built-in ones"},
    {OPTION_SHOW_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept, for a computed cap"},
};

/* The dollars that follow from something else. */
struct computed {
    int64_t microcents; /* 0: nothing was computed */
    char reason[PAWL_SIZING_REASON_BYTES];
    bool derived; /* from --max-tokens */
};

/* What `auto` comes to here and now. */
static void compute_auto(const struct pawl_run_policy *policy,
                         const struct pawl_sizing_place *place,
                         struct computed *computed)
{
    struct pawl_run_cap usd = {.set = false};
    struct pawl_sizing sizing = {.microcents = 0};
    pawl_run_policy_size(policy, place, &usd, &sizing);
    computed->microcents = sizing.microcents;
    memcpy(computed->reason, sizing.reason, sizeof(computed->reason));
}

/* As in a run: where tokens are given and dollars are not, what the tokens cost at most. */
static void derive(const struct pawl_run_policy *policy,
                   const struct pawl_model_guess *model,
                   struct computed *computed)
{
    struct pawl_run_cap caps[PAWL_CAP_COUNT] = {{.set = false}};
    char tokens[PAWL_CAP_TEXT_BYTES];
    caps[PAWL_CAP_TOKENS].set = true;
    caps[PAWL_CAP_TOKENS].amount = pawl_policy_number(&policy->policy, PAWL_POLICY_CAPS_TOKENS);
    pawl_caps_derive(caps, model->priced ? &model->price : NULL);
    if (caps[PAWL_CAP_USD].set) {
        computed->microcents = caps[PAWL_CAP_USD].amount;
        computed->derived = true;
        (void)snprintf(computed->reason, sizeof(computed->reason), "%s of %.64s cost that at most",
                       pawl_cap_phrase(PAWL_CAP_TOKENS, caps[PAWL_CAP_TOKENS].amount, tokens),
                       model->name);
    }
}

static bool is_flag(const struct pawl_policy *policy, enum pawl_policy_field_id field)
{
    return pawl_policy_get(policy, field, "")->origin == PAWL_POLICY_FROM_FLAG;
}

/* Returns PAWL_CLI_GO_ON or an exit status. */
static int compute(const struct pawl_cli_call *call,
                   const struct pawl_run_policy *policy,
                   struct computed *computed)
{
    bool derives = is_flag(&policy->policy, PAWL_POLICY_CAPS_TOKENS) &&
                   !is_flag(&policy->policy, PAWL_POLICY_CAPS_USD);
    if (!derives && !pawl_policy_is(&policy->policy, PAWL_POLICY_CAPS_USD, "auto")) {
        return PAWL_CLI_GO_ON;
    }
    const char *data_dir = pawl_cli_value(call, OPTION_SHOW_DATA_DIR);
    char prices_path[PAWL_PATH_BYTES];
    struct pawl_price_book *book = NULL;
    int status = pawl_cli_open_prices(call, pawl_cli_value(call, OPTION_SHOW_PRICES), data_dir,
                                      prices_path, &book);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_datadir dir;
    struct pawl_model_guess model;
    struct pawl_clock clock = pawl_clock_os();
    char cwd[PAWL_PATH_BYTES] = "";
    char *no_command[] = {NULL};
    int64_t now_us = clock.real_us(clock.arg);
    pawl_model_guess(book, pawl_cli_value(call, OPTION_SHOW_MODEL), no_command, pawl_environ_get,
                     now_us, &model);
    if (derives) {
        derive(policy, &model, computed);
    }
    if (computed->microcents == 0 &&
        pawl_policy_is(&policy->policy, PAWL_POLICY_CAPS_USD, "auto") &&
        pawl_ok(pawl_datadir_resolve(data_dir, &dir, &msg)) && getcwd(cwd, sizeof(cwd)) != NULL) {
        struct pawl_sizing_place place = {
            .dir = &dir, .cwd = cwd, .book = book, .model = &model, .now_us = now_us};
        compute_auto(policy, &place, computed);
    }
    pawl_price_book_free(book);
    return PAWL_CLI_GO_ON;
}

/* "default", "policy team", "team.yaml:4", "--max-usd". */
static const char *source_of(const struct pawl_run_policy *policy,
                             const struct pawl_policy_value *value,
                             const struct computed *computed,
                             char out[static SOURCE_BYTES])
{
    if (value->field == PAWL_POLICY_CAPS_USD && computed->derived) {
        (void)snprintf(out, SOURCE_BYTES, "--max-tokens");
        return out;
    }
    switch (value->origin) {
    case PAWL_POLICY_FROM_BUILTIN:
        if (policy->chosen) {
            (void)snprintf(out, SOURCE_BYTES, "built-in %s", value->source);
        } else {
            (void)snprintf(out, SOURCE_BYTES, "default");
        }
        break;
    case PAWL_POLICY_FROM_FILE:
        if (value->line > 0) {
            (void)snprintf(out, SOURCE_BYTES, "%s:%u", value->source, (unsigned)value->line);
        } else {
            (void)snprintf(out, SOURCE_BYTES, "%s", value->source);
        }
        break;
    case PAWL_POLICY_FROM_ENVIRONMENT:
        (void)snprintf(out, SOURCE_BYTES, "%s", value->source);
        break;
    case PAWL_POLICY_FROM_FLAG:
        (void)snprintf(out, SOURCE_BYTES, "--%s", value->source);
        break;
    }
    return out;
}

enum { TEXT_BYTES = 320 };

/* "auto: $2.00 (1,648 tracked files, …)" where it was computed. */
static void text_of(const struct pawl_policy_value *value,
                    const struct computed *computed,
                    char *out,
                    size_t bytes)
{
    char usd[PAWL_MONEY_TEXT_BYTES];
    if (value->field == PAWL_POLICY_CAPS_USD && computed->microcents > 0) {
        (void)snprintf(out, bytes, "%s%s (%s)", computed->derived ? "" : "auto: ",
                       pawl_money_format_usd_short(computed->microcents, usd), computed->reason);
    } else {
        (void)snprintf(out, bytes, "%.*s", (int)value->text.bytes, value->text.data);
    }
}

static void print_table(const struct pawl_run_policy *policy, const struct computed *computed)
{
    static const struct pawl_cli_column columns[] = {
        {"FIELD", false, 0}, {"VALUE", false, 100}, {"FROM", false, 0}};
    struct pawl_cli_table *table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    for (int field = 0; field < PAWL_POLICY_FIELD_COUNT; field++) {
        for (uint32_t i = 0; i < policy->policy.value_count; i++) {
            const struct pawl_policy_value *value = &policy->policy.values[i];
            if ((int)value->field != field) {
                continue;
            }
            char path[PAWL_POLICY_PATH_BYTES];
            char text[TEXT_BYTES];
            char source[SOURCE_BYTES];
            pawl_policy_value_path(value, path);
            text_of(value, computed, text, sizeof(text));
            pawl_cli_table_cell(table, path);
            pawl_cli_table_cell(table, text);
            pawl_cli_table_cell(table, source_of(policy, value, computed, source));
        }
    }
    pawl_cli_table_print(table, stdout);
}

static void print_json(const struct pawl_run_policy *policy, const struct computed *computed)
{
    for (uint32_t i = 0; i < policy->policy.value_count; i++) {
        const struct pawl_policy_value *value = &policy->policy.values[i];
        char path[PAWL_POLICY_PATH_BYTES];
        char source[SOURCE_BYTES];
        struct pawl_buf line;
        struct pawl_json_writer json;
        pawl_policy_value_path(value, path);
        pawl_buf_init(&line, LINE_BYTES_MAX);
        pawl_json_writer_init(&json, &line);
        pawl_json_object_begin(&json);
        pawl_json_member_str(&json, "field", path);
        pawl_json_member_string(&json, "value", value->text);
        pawl_json_member_str(&json, "from", source_of(policy, value, computed, source));
        if (value->field == PAWL_POLICY_CAPS_USD && computed->microcents > 0) {
            pawl_json_member_i64(&json, "computed_microcents", computed->microcents);
            pawl_json_member_str(&json, "reason", computed->reason);
        }
        pawl_json_object_end(&json);
        pawl_cli_print_line(&line);
    }
}

static void print_yaml(const struct pawl_run_policy *policy)
{
    struct pawl_buf text;
    pawl_buf_init(&text, LINE_BYTES_MAX);
    pawl_policy_write(&policy->policy, &text);
    (void)fwrite(text.data, 1, text.bytes, stdout);
    pawl_buf_free(&text);
}

/* What a run would find wrong with them together. */
static int check_together(const struct pawl_cli_call *call, const struct pawl_policy *policy)
{
    struct pawl_limit_options limit = {.step_count = 0};
    struct pawl_errmsg msg = {""};
    return pawl_ok(pawl_limit_take_policy(&limit, false, policy, &msg))
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "%s", msg.text);
}

static int show_policy(const struct pawl_cli_call *call, struct pawl_run_policy *policy)
{
    struct computed computed = {.microcents = 0};
    int status = pawl_cli_take_policy_flags(call, &policy->policy);
    if (status == PAWL_CLI_GO_ON) {
        status = check_together(call, &policy->policy);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = compute(call, policy, &computed);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (pawl_cli_has(call, OPTION_SHOW_JSON)) {
        print_json(policy, &computed);
    } else if (pawl_cli_has(call, OPTION_SHOW_YAML)) {
        print_yaml(policy);
    } else {
        print_table(policy, &computed);
    }
    return PAWL_EXIT_OK;
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_run_policy policy;
    struct pawl_errmsg msg = {""};
    const char *flag = pawl_cli_value(call, PAWL_CLI_FLAG_POLICY);
    if (pawl_cli_has(call, OPTION_SHOW_JSON) && pawl_cli_has(call, OPTION_SHOW_YAML)) {
        return pawl_cli_usage_error(call, "--json and --yaml exclude each other");
    }
    if (flag != NULL && call->operand_count > 0) {
        return pawl_cli_usage_error(call, "--policy %s and '%s' are two policies: name one", flag,
                                    call->operands[0]);
    }
    const char *name = call->operand_count > 0 ? call->operands[0] : flag;
    int status = pawl_ok(pawl_run_policy_open(name, pawl_environ_get, &policy, &msg))
                     ? show_policy(call, &policy)
                     : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    pawl_run_policy_close(&policy);
    return status;
}

static const struct pawl_cli_command show_command = {
    .name = "policy show",
    .operands = "[POLICY]",
    .summary = "what is in force, and where each value comes from",
    .text =
        "Shows POLICY, a built-in one or a file; without it the one that `pawl run` would take\n"
        "here: $PAWL_POLICY, else ~/.config/pawl/policy.yaml, else the built-in `individual`.\n"
        "All flags of `pawl run` that stand above a policy may be added to see what they change.",
    .examples = "  pawl policy show\n"
                "  pawl policy show team --max-usd 3\n"
                "  pawl policy show team --yaml > ours.yaml",
    .options = show_options,
    .option_count = PAWL_ARRAY_LEN(show_options),
    .operands_max = 1,
    .run = run_show,
};

/* --- list ------------------------------------------------------------------------------------ */

enum { OPTION_LIST_JSON = 1 };

static const struct pawl_cli_option list_options[] = {
    {OPTION_LIST_JSON, 0, "json", NULL, "one JSON object a policy"},
};

/* A row of the table; without one a line of JSON. */
static void list_one(struct pawl_cli_table *table, const char *policy, const char *purpose)
{
    if (table != NULL) {
        pawl_cli_table_cell(table, policy);
        pawl_cli_table_cell(table, purpose);
        return;
    }
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, LINE_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "policy", policy);
    pawl_json_member_str(&json, "for", purpose);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static int run_list(const struct pawl_cli_call *call)
{
    static const struct pawl_cli_column columns[] = {{"POLICY", false, 0}, {"FOR", false, 0}};
    struct pawl_cli_table *table = pawl_cli_has(call, OPTION_LIST_JSON)
                                       ? NULL
                                       : pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    for (uint32_t i = 0; pawl_policy_builtin_name(i) != NULL; i++) {
        list_one(table, pawl_policy_builtin_name(i), pawl_policy_builtin_purpose(i));
    }
    char path[PAWL_PATH_BYTES];
    if (pawl_run_policy_user_file(pawl_environ_get, path) && access(path, F_OK) == 0) {
        list_one(table, path, "your own: applies where no other is named");
    }
    if (table != NULL) {
        pawl_cli_table_print(table, stdout);
    }
    return PAWL_EXIT_OK;
}

static const struct pawl_cli_command list_command = {
    .name = "policy list",
    .operands = "",
    .summary = "the policies there are",
    .text = "Lists the built-in policies, and your own file where there is one.",
    .examples = "  pawl policy list\n"
                "  pawl run --policy team -- claude -p \"fix the failing test\"",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .run = run_list,
};

/* --- The noun -------------------------------------------------------------------------------- */

static const struct pawl_cli_command *const verbs[] = {&show_command, &check_command, &list_command,
                                                       NULL};

const struct pawl_cli_command pawl_cli_command_policy = {
    .name = "policy",
    .operands = "",
    .summary = "what applies to a run, and where it comes from",
    .text =
        "A policy sets what applies to a run beside the flags: caps, who must be there, what may\n"
        "be used. `pawl run --policy` takes one; docs/POLICY.md has every field. What a server\n"
        "applies to its tenants is `pawl rule`.",
    .examples = "  pawl policy show\n"
                "  pawl policy check team.yaml\n"
                "  pawl policy list",
    .verbs = verbs,
};
