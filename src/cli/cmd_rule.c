/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_rule.c: `pawl rule`: what a server applies to the holds of some scopes. The protocol calls
 * this a policy; here that word already means the file that a run is under (`pawl policy`), so the
 * two have names of their own.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ask_list.h"
#include "cli/ask_read.h"
#include "cli/ask_values.h"
#include "cli/commands.h"

#define PATH  "/v1/admin/policies"
#define PLANE PAWL_PLANE_ADMIN_OR_TENANT

enum {
    OPTION_NAME = 1,
    OPTION_DESCRIPTION,
    OPTION_PRIORITY,
    OPTION_OVERAGE,
    OPTION_MAX_TOKENS,
    OPTION_MAX_STEPS,
    OPTION_COOLDOWN,
    OPTION_ALLOW_TOOL,
    OPTION_DENY_TOOL,
    OPTION_TTL,
    OPTION_MAX_TTL,
    OPTION_MAX_EXTENSIONS,
    OPTION_HOLDS,
    OPTION_COMMITS,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_STATUS,
    OPTION_TENANT
};

/* --- Setting --------------------------------------------------------------------------------- */

/* The numbers of a rule, and the object in which the protocol has each. */
static const struct number {
    const char *object;
    const char *key;
    int option;
    bool is_time;
    const char *word; /* in the list; a time or a count goes in front of it or behind */
} numbers[] = {
    {"caps", "max_tokens", OPTION_MAX_TOKENS, false, "max tokens"},
    {"caps", "max_steps_remaining", OPTION_MAX_STEPS, false, "max steps"},
    {"caps", "cooldown_ms", OPTION_COOLDOWN, true, "cooldown"},
    {"reservation_ttl_override", "default_ttl_ms", OPTION_TTL, true, "ttl"},
    {"reservation_ttl_override", "max_ttl_ms", OPTION_MAX_TTL, true, "max ttl"},
    {"reservation_ttl_override", "max_extensions", OPTION_MAX_EXTENSIONS, false, "extensions"},
    {"rate_limits", "max_reservations_per_minute", OPTION_HOLDS, false, "holds a minute"},
    {"rate_limits", "max_commits_per_minute", OPTION_COMMITS, false, "commits a minute"},
};

/* One of the three objects, if anything of it was said. */
static int put_object(struct pawl_ask *ask, const char *object)
{
    const struct pawl_cli_call *call = ask->call;
    bool is_caps = strcmp(object, "caps") == 0;
    bool open = false;
    int status = PAWL_CLI_GO_ON;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(numbers) && status == PAWL_CLI_GO_ON; i++) {
        const struct number *number = &numbers[i];
        int64_t value = -1;
        if (strcmp(number->object, object) != 0 || !pawl_cli_has(call, number->option)) {
            continue;
        }
        status = number->is_time ? pawl_ask_take_ms(call, number->option, &value)
                                 : pawl_ask_take_count(call, number->option, &value);
        if (status == PAWL_CLI_GO_ON && !open) {
            pawl_json_key(pawl_ask_body(ask), object);
            pawl_json_object_begin(&ask->writer);
            open = true;
        }
        if (status == PAWL_CLI_GO_ON) {
            pawl_ask_put_number(ask, number->key, number->option, value);
        }
    }
    bool tools = pawl_cli_has(call, OPTION_ALLOW_TOOL) || pawl_cli_has(call, OPTION_DENY_TOOL);
    if (is_caps && tools && !open) {
        pawl_json_key(pawl_ask_body(ask), object);
        pawl_json_object_begin(&ask->writer);
        open = true;
    }
    if (is_caps && open) {
        pawl_ask_put_list(ask, "tool_allowlist", OPTION_ALLOW_TOOL);
        pawl_ask_put_list(ask, "tool_denylist", OPTION_DENY_TOOL);
    }
    if (open) {
        pawl_json_object_end(&ask->writer);
    }
    return status;
}

static int put_times(struct pawl_ask *ask)
{
    char from[PAWL_ASK_CELL_BYTES];
    char until[PAWL_ASK_CELL_BYTES];
    const char *texts[2] = {NULL};
    int status = pawl_ask_take_time(ask->call, OPTION_FROM, false, from, &texts[0]);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(ask->call, OPTION_UNTIL, false, until, &texts[1]);
    }
    pawl_ask_put_text(ask, "effective_from", texts[0]);
    pawl_ask_put_text(ask, "effective_until", texts[1]);
    return status;
}

static int put_settings(struct pawl_ask *ask)
{
    static const char *const objects[] = {"caps", "reservation_ttl_override", "rate_limits"};
    const struct pawl_cli_call *call = ask->call;
    const char *overage = NULL;
    int64_t priority = -1;
    pawl_ask_put_text(ask, "description", pawl_cli_value(call, OPTION_DESCRIPTION));
    int status = pawl_ask_take_count(call, OPTION_PRIORITY, &priority);
    pawl_ask_put_number(ask, "priority", OPTION_PRIORITY, priority);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_overage(call, OPTION_OVERAGE, &overage);
    }
    pawl_ask_put_text(ask, "commit_overage_policy", overage);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(objects) && status == PAWL_CLI_GO_ON; i++) {
        status = put_object(ask, objects[i]);
    }
    return status == PAWL_CLI_GO_ON ? put_times(ask) : status;
}

/* --- Telling --------------------------------------------------------------------------------- */

PAWL_PRINTF(2, 3)
static void add(char *out, const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && used < PAWL_ASK_CELL_BYTES - 2) {
        used += (size_t)snprintf(out + used, PAWL_ASK_CELL_BYTES - used, ", ");
    }
    (void)vsnprintf(out + used, PAWL_ASK_CELL_BYTES - used, format, arguments);
    va_end(arguments);
}

/* "max tokens 4,096, holds a minute 60, overage REJECT". */
static const char *
settings(struct pawl_ask *ask, uint32_t node, char out[static PAWL_ASK_CELL_BYTES])
{
    char span[PAWL_CLOCK_TEXT_BYTES];
    char count[PAWL_MONEY_TEXT_BYTES];
    char text[PAWL_ASK_CELL_BYTES];
    uint32_t caps = pawl_json_get(&ask->json, node, "caps");
    out[0] = '\0';
    for (size_t i = 0; i < PAWL_ARRAY_LEN(numbers); i++) {
        uint32_t object = pawl_json_get(&ask->json, node, numbers[i].object);
        int64_t value = pawl_ask_count(ask, object, numbers[i].key, -1);
        if (value >= 0) {
            add(out, "%s %s", numbers[i].word,
                numbers[i].is_time ? pawl_duration_format_ms(value, span)
                                   : pawl_money_format_count(value, count));
        }
    }
    if (pawl_ask_texts(ask, caps, "tool_allowlist", text)[0] != '\0') {
        add(out, "only tools %.300s", text);
    }
    if (pawl_ask_texts(ask, caps, "tool_denylist", text)[0] != '\0') {
        add(out, "not tools %.300s", text);
    }
    if (pawl_ask_text(ask, node, "commit_overage_policy", text)[0] != '\0') {
        add(out, "overage %.100s", text);
    }
    return out;
}

static void print_rule(struct pawl_ask *ask)
{
    char text[PAWL_ASK_CELL_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
        return;
    }
    (void)pawl_ask_text(ask, 0, "policy_id", text);
    if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(text);
        return;
    }
    printf("%s", text);
    printf("  %s\n", pawl_ask_text(ask, 0, "status", text));
    pawl_ask_print_field("name", pawl_ask_text(ask, 0, "name", text));
    pawl_ask_print_field("about", pawl_ask_text(ask, 0, "description", text));
    pawl_ask_print_field("scopes", pawl_ask_text(ask, 0, "scope_pattern", text));
    pawl_ask_print_field("sets", settings(ask, 0, text));
    pawl_ask_print_field("from", pawl_ask_time(ask, 0, "effective_from", text));
    pawl_ask_print_field("until", pawl_ask_time(ask, 0, "effective_until", text));
}

/* --- The verbs ------------------------------------------------------------------------------- */

/* Whose it is: said, or the pattern's own beginning, "tenant:acme/...". */
static const char *
tenant_of(const struct pawl_cli_call *call, const char *whole, char out[static PAWL_ASK_CELL_BYTES])
{
    const char *said = pawl_cli_value(call, OPTION_TENANT);
    struct pawl_slice pattern = pawl_slice_str(whole);
    struct pawl_slice first = pawl_slice_cut(&pattern, '/');
    if (said == NULL && pawl_slice_starts_with(first, PAWL_SLICE("tenant:"))) {
        first = pawl_slice_sub(first, sizeof("tenant:") - 1, first.bytes);
        (void)pawl_slice_copy_str(first, out, PAWL_ASK_CELL_BYTES);
        return out;
    }
    return said;
}

/* "acme" alone, or in front of a slash, is tenant:acme, as in a scope; "*" is all of a tenant. */
static const char *pattern_of(const struct pawl_cli_call *call,
                              char out[static PAWL_ASK_CELL_BYTES])
{
    const char *said = call->operands[0];
    size_t first = strcspn(said, "/");
    bool bare = first > 0 && memchr(said, ':', first) == NULL && memchr(said, '*', first) == NULL;
    (void)snprintf(out, PAWL_ASK_CELL_BYTES, "%s%s", bare ? "tenant:" : "", said);
    return out;
}

static int run_create(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    char text[PAWL_ASK_CELL_BYTES];
    char typed[PAWL_ASK_CELL_BYTES];
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_want_texts(call, OPTION_ALLOW_TOOL);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_want_texts(call, OPTION_DENY_TOOL);
    }
    if (status == PAWL_CLI_GO_ON) {
        const char *pattern = pattern_of(call, typed);
        const char *name = pawl_cli_value(call, OPTION_NAME);
        pawl_ask_path(&ask, PATH);
        if (pawl_ask_is_admin(&ask, PLANE)) {
            const char *tenant = tenant_of(call, pattern, text);
            pawl_ask_put_text(&ask, "tenant_id", tenant);
            status = tenant != NULL ? status
                                    : pawl_cli_usage_error(call, "say whose: --tenant, or a "
                                                                 "pattern that begins with one");
        }
        pawl_ask_put_text(&ask, "name", name != NULL ? name : pattern);
        pawl_ask_put_text(&ask, "scope_pattern", pattern);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = put_settings(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&ask, PLANE, "POST");
        if (status == PAWL_EXIT_OK) {
            print_rule(&ask);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* `state` NULL: what the options say. */
static int change(const struct pawl_cli_call *call, const char *state)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        pawl_ask_put_text(&ask, "name", pawl_cli_value(call, OPTION_NAME));
        pawl_ask_put_text(&ask, "status", state);
        status = put_settings(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send_change(&ask, PLANE, ", such as --priority 10");
        if (status == PAWL_EXIT_OK) {
            print_rule(&ask);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static int run_update(const struct pawl_cli_call *call)
{
    return change(call, NULL);
}

static int run_disable(const struct pawl_cli_call *call)
{
    return change(call, "DISABLED");
}

static int run_enable(const struct pawl_cli_call *call)
{
    return change(call, "ACTIVE");
}

static const struct pawl_cli_column columns[] = {
    {"RULE", false, 0},    {"STATUS", false, 0}, {"PRIORITY", true, 0},
    {"SCOPES", false, 48}, {"NAME", false, 32},  {"SETS", false, 80},
};
static const char *const lackable[] = {"NAME", "STATUS", NULL};

static void put_row(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node)
{
    char text[PAWL_ASK_CELL_BYTES];
    char name[PAWL_ASK_CELL_BYTES];
    char priority[24];
    (void)snprintf(priority, sizeof(priority), "%" PRId64,
                   pawl_ask_count(ask, node, "priority", 0));
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "policy_id", text));
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "status", text));
    pawl_cli_table_cell(table, priority);
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "scope_pattern", text));
    (void)pawl_ask_text(ask, node, "name", name);
    pawl_cli_table_cell(table, strcmp(name, text) != 0 ? name : "");
    pawl_cli_table_cell(table, settings(ask, node, text));
}

static int put_filters(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    char word[PAWL_ASK_CELL_BYTES];
    const char *state = NULL;
    const char *tenant = pawl_ask_tenant(ask->call, OPTION_TENANT);
    int status = pawl_ask_take_word(ask->call, OPTION_STATUS, "ACTIVE|DISABLED", word, &state);
    if (status == PAWL_CLI_GO_ON && tenant == NULL && pawl_ask_is_admin(ask, list->plane)) {
        status = pawl_cli_usage_error(ask->call,
                                      "the administrator has to say whose: pawl rule list acme");
    }
    if (status == PAWL_CLI_GO_ON) {
        list->tenant = tenant;
        pawl_ask_query(ask, "tenant_id", tenant);
        pawl_ask_query(ask, "status", state);
    }
    return status;
}

static int run_list(const struct pawl_cli_call *call)
{
    struct pawl_ask_list list = {
        .plane = PLANE,
        .path = PATH,
        .filters = put_filters,
        .rows = "policies",
        .id = "policy_id",
        .page = 100,
        .columns = columns,
        .column_count = PAWL_ARRAY_LEN(columns),
        .lackable = lackable,
        .none = "No rules; 'pawl rule create tenant:acme --max-tokens 4096' makes one.",
        .none_like = "No rule is like that.",
        .row = put_row,
    };
    return pawl_ask_list(call, &list);
}

/* --- The commands ---------------------------------------------------------------------------- */

#define SETTING_OPTIONS                                                                            \
    {OPTION_NAME, 0, "name", "NAME", "what people call it (else its pattern)"},                    \
        {OPTION_DESCRIPTION, 0, "description", "TEXT", "more about it"},                           \
        {OPTION_PRIORITY, 0, "priority", "N", "of several that fit, the highest counts"},          \
        {OPTION_OVERAGE, 0, "overage", "OVERAGE",                                                  \
         "what a commit above its hold does: reject, available, overdraft"},                       \
        {OPTION_MAX_TOKENS, 0, "max-tokens", "N", "told with a yes: at most so many tokens"},      \
        {OPTION_MAX_STEPS, 0, "max-steps", "N", "told with a yes: at most so many steps more"},    \
        {OPTION_COOLDOWN, 0, "cooldown", "TIME", "told with a yes: so long between two"},          \
        {OPTION_ALLOW_TOOL, 0, "allow-tool", "NAME",                                               \
         "told with a yes: only these; may be repeated"},                                          \
        {OPTION_DENY_TOOL, 0, "deny-tool", "NAME", "told with a yes: not these; may be repeated"}, \
        {OPTION_TTL, 0, "ttl", "TIME", "how long a hold lasts where its request does not say"},    \
        {OPTION_MAX_TTL, 0, "max-ttl", "TIME", "how long a hold may last"},                        \
        {OPTION_MAX_EXTENSIONS, 0, "max-extensions", "N", "how often a hold may be extended"},     \
        {OPTION_HOLDS, 0, "holds-per-minute", "N", "more new holds than that are refused (429)"},  \
        {OPTION_COMMITS, 0, "commits-per-minute", "N",                                             \
         "bounds new holds as well: the smaller counts"},                                          \
        {OPTION_FROM, 0, "from", "TIME", "when it begins to count: 2h, or a date"},                \
    {                                                                                              \
        OPTION_UNTIL, 0, "until", "TIME", "when it ends"                                           \
    }

static const struct pawl_cli_option create_options[] = {
    SETTING_OPTIONS,
    {OPTION_TENANT, 0, "tenant", "TENANT", "whose (else the pattern's)"},
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command create_command = {
    .name = "rule create",
    .operands = "PATTERN",
    .summary = "apply something to the scopes that fit a pattern",
    .text =
        "PATTERN is a scope (tenant:acme, or acme alone), all below one (tenant:acme/*), or ends\n"
        "in any of a kind (tenant:acme/agent:*). Quote it: shells know '*' as well.",
    .examples = "  pawl rule create 'tenant:acme/*' --holds-per-minute 60\n"
                "  pawl rule create 'tenant:acme/agent:*' --max-tokens 4096 --deny-tool shell\n"
                "  pawl rule create tenant:acme --overage reject --max-ttl 5m --priority 10",
    .options = create_options,
    .option_count = PAWL_ARRAY_LEN(create_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_create,
};

static const struct pawl_cli_option list_options[] = {
    {OPTION_TENANT, 0, "tenant", "TENANT", "whose; the administrator has to say"},
    {OPTION_STATUS, 0, "status", "STATE", "only those: active, disabled"},
    {PAWL_ASK_LIMIT, 'n', "limit", "N", "at most so many"},
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command list_command = {
    .name = "rule list",
    .operands = "[TENANT]",
    .summary = "the rules of a tenant, and what they set",
    .text = "Lists all of a tenant, or those that the options leave.",
    .examples = "  pawl rule list acme\n"
                "  pawl rule list acme --status active --json",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .operands_max = 1,
    .run = run_list,
};

static const struct pawl_cli_option update_options[] = {
    SETTING_OPTIONS,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command update_command = {
    .name = "rule update",
    .operands = "RULE",
    .summary = "change what a rule sets",
    .text = "What is not named stays, but of what is told with a yes, of the lengths of holds and\n"
            "of the numbers a minute each group is replaced as a whole.",
    .examples = "  pawl rule update pol_0001 --priority 20\n"
                "  pawl rule update pol_0001 --max-tokens 8192 --deny-tool shell",
    .options = update_options,
    .option_count = PAWL_ARRAY_LEN(update_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_update,
};

static const struct pawl_cli_option state_options[] = {PAWL_ASK_QUIET_OPTION, PAWL_ASK_OPTIONS};

static const struct pawl_cli_command disable_command = {
    .name = "rule disable",
    .operands = "RULE",
    .summary = "let a rule no longer count",
    .text = "It stays, and can be enabled again; a rule cannot be removed.",
    .examples = "  pawl rule disable pol_0001",
    .options = state_options,
    .option_count = PAWL_ARRAY_LEN(state_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_disable,
};

static const struct pawl_cli_command enable_command = {
    .name = "rule enable",
    .operands = "RULE",
    .summary = "let a disabled rule count again",
    .text = "It counts from the next hold on.",
    .examples = "  pawl rule enable pol_0001",
    .options = state_options,
    .option_count = PAWL_ARRAY_LEN(state_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_enable,
};

static const struct pawl_cli_command *const verbs[] = {
    &create_command, &list_command, &update_command, &disable_command, &enable_command, NULL};

const struct pawl_cli_command pawl_cli_command_rule = {
    .name = "rule",
    .operands = "",
    .summary = "what a server applies to the holds of some scopes",
    .text =
        "Rules at a running 'pawl serve', which the Cycles protocol calls policies: caps that\n"
        "are told with a yes, how long holds last, what a commit above its hold does, how many\n"
        "holds a minute. What applies to a 'pawl run' on this machine is a file, which\n"
        "'pawl policy' shows and checks; the two know nothing of each other.",
    .examples = "  pawl rule create 'tenant:acme/*' --holds-per-minute 60\n"
                "  pawl rule list --tenant acme\n"
                "  pawl rule disable pol_0001",
    .verbs = verbs,
};
