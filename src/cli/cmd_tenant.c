/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tenant.c: `pawl tenant`: who shares a server. Each tenant has budgets and keys of its own;
 * only the administrator makes, changes and closes them.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/ask_list.h"
#include "cli/ask_read.h"
#include "cli/ask_values.h"
#include "cli/commands.h"

#define PATH "/v1/admin/tenants"

enum {
    OPTION_NAME = 1,
    OPTION_PARENT,
    OPTION_OVERAGE,
    OPTION_TTL,
    OPTION_MAX_TTL,
    OPTION_MAX_EXTENSIONS,
    OPTION_STATUS,
    OPTION_SEARCH
};

#define SETTING_OPTIONS                                                                            \
    {OPTION_NAME, 0, "name", "NAME", "what people call it"},                                       \
        {OPTION_OVERAGE, 0, "overage", "OVERAGE",                                                  \
         "what a commit above its hold does: reject, available, overdraft"},                       \
        {OPTION_TTL, 0, "ttl", "TIME", "how long a hold lasts where its request does not say"},    \
        {OPTION_MAX_TTL, 0, "max-ttl", "TIME", "how long a hold may last"},                        \
    {                                                                                              \
        OPTION_MAX_EXTENSIONS, 0, "max-extensions", "N", "how often a hold may be extended"        \
    }

/* --- Showing --------------------------------------------------------------------------------- */

static void print_card(struct pawl_ask *ask)
{
    char text[PAWL_ASK_CELL_BYTES];
    char span[PAWL_CLOCK_TEXT_BYTES];
    printf("%s", pawl_ask_text(ask, 0, "tenant_id", text));
    printf("  %s\n", pawl_ask_text(ask, 0, "status", text));
    pawl_ask_print_field("name", pawl_ask_text(ask, 0, "name", text));
    pawl_ask_print_field("parent", pawl_ask_text(ask, 0, "parent_tenant_id", text));
    pawl_ask_print_field("overage", pawl_ask_text(ask, 0, "default_commit_overage_policy", text));
    int64_t ttl_ms = pawl_ask_count(ask, 0, "default_reservation_ttl_ms", 0);
    int64_t ttl_ms_max = pawl_ask_count(ask, 0, "max_reservation_ttl_ms", 0);
    int64_t extensions = pawl_ask_count(ask, 0, "max_reservation_extensions", -1);
    pawl_ask_print_field("ttl", ttl_ms > 0 ? pawl_duration_format_ms(ttl_ms, span) : "");
    pawl_ask_print_field("max ttl",
                         ttl_ms_max > 0 ? pawl_duration_format_ms(ttl_ms_max, span) : "");
    if (extensions >= 0) {
        printf("  %-12s %lld\n", "extensions", (long long)extensions);
    }
    pawl_ask_print_field("created", pawl_ask_time(ask, 0, "created_at", text));
    pawl_ask_print_field("suspended", pawl_ask_time(ask, 0, "suspended_at", text));
    pawl_ask_print_field("closed", pawl_ask_time(ask, 0, "closed_at", text));
    pawl_ask_print_field("metadata", pawl_ask_pairs(ask, 0, "metadata", text));
}

static void print_tenant(struct pawl_ask *ask, const char *what)
{
    char id[PAWL_ASK_CELL_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(pawl_ask_text(ask, 0, "tenant_id", id));
    } else if (what == NULL) {
        print_card(ask);
    } else {
        printf("%s %s\n", pawl_ask_text(ask, 0, "tenant_id", id), what);
    }
}

/* --- Making and changing --------------------------------------------------------------------- */

/* What create and update have in common. */
static int put_settings(struct pawl_ask *ask)
{
    const struct pawl_cli_call *call = ask->call;
    const char *overage = NULL;
    static const struct {
        int option;
        const char *key;
        bool is_time;
    } rows[] = {{OPTION_TTL, "default_reservation_ttl_ms", true},
                {OPTION_MAX_TTL, "max_reservation_ttl_ms", true},
                {OPTION_MAX_EXTENSIONS, "max_reservation_extensions", false}};
    pawl_ask_put_text(ask, "name", pawl_cli_value(call, OPTION_NAME));
    int status = pawl_ask_take_overage(call, OPTION_OVERAGE, &overage);
    pawl_ask_put_text(ask, "default_commit_overage_policy", overage);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows) && status == PAWL_CLI_GO_ON; i++) {
        int64_t value = -1;
        status = rows[i].is_time ? pawl_ask_take_ms(call, rows[i].option, &value)
                                 : pawl_ask_take_count(call, rows[i].option, &value);
        pawl_ask_put_number(ask, rows[i].key, rows[i].option, value);
    }
    return status == PAWL_CLI_GO_ON ? pawl_ask_put_pairs(ask, "metadata", PAWL_ASK_METADATA)
                                    : status;
}

/* A tenant that is there already is no mistake: whoever sets a server up does it twice. */
static int run_create(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        const char *id = call->operands[0];
        pawl_ask_path(&ask, PATH);
        ask.is_repeatable = true;
        pawl_ask_put_text(&ask, "tenant_id", id);
        if (!pawl_cli_has(call, OPTION_NAME)) {
            pawl_ask_put_text(&ask, "name", id);
        }
        pawl_ask_put_text(&ask, "parent_tenant_id", pawl_cli_value(call, OPTION_PARENT));
        status = put_settings(&ask);
        status = status == PAWL_CLI_GO_ON ? pawl_ask_send(&ask, PAWL_PLANE_ADMIN, "POST") : status;
        if (status == PAWL_EXIT_OK) {
            print_tenant(&ask,
                         ask.answer.status == 201 ? "is made" : "is there already, as it was");
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        status = pawl_ask_send(&ask, PAWL_PLANE_ADMIN, "GET");
        if (status == PAWL_EXIT_OK) {
            print_tenant(&ask, NULL);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static int run_update(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        status = put_settings(&ask);
        if (status == PAWL_CLI_GO_ON) {
            status = pawl_ask_send_change(&ask, PAWL_PLANE_ADMIN, ", such as --max-ttl 2h");
        }
        if (status == PAWL_EXIT_OK) {
            print_tenant(&ask, "is changed");
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* The state that a verb leads to. */
static int set_status(const struct pawl_cli_call *call, const char *state, const char *what)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK && strcmp(state, "CLOSED") == 0) {
        status = pawl_ask_confirm(&ask,
                                  "Closing the tenant %s ends its budgets and keys, and gives back "
                                  "what is held.",
                                  call->operands[0]);
        status = status == PAWL_CLI_GO_ON ? PAWL_EXIT_OK : status;
    }
    if (status == PAWL_EXIT_OK) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        pawl_ask_put_text(&ask, "status", state);
        status = pawl_ask_send(&ask, PAWL_PLANE_ADMIN, "PATCH");
        if (status == PAWL_EXIT_OK) {
            print_tenant(&ask, what);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

static int run_suspend(const struct pawl_cli_call *call)
{
    return set_status(call, "SUSPENDED", "is suspended: nothing new is let through");
}

static int run_resume(const struct pawl_cli_call *call)
{
    return set_status(call, "ACTIVE", "is active");
}

static int run_close(const struct pawl_cli_call *call)
{
    return set_status(call, "CLOSED", "is closed");
}

/* --- The list -------------------------------------------------------------------------------- */

static const struct pawl_cli_column columns[] = {
    {"TENANT", false, 64}, {"STATUS", false, 0},   {"NAME", false, 40},
    {"PARENT", false, 32}, {"OVERAGE", false, 24}, {"CREATED", false, 0},
};
static const char *const lackable[] = {"OVERAGE", "PARENT", "CREATED", NULL};

static void put_row(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node)
{
    static const char *const keys[] = {"tenant_id", "status", "name", "parent_tenant_id",
                                       "default_commit_overage_policy"};
    char text[PAWL_ASK_CELL_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(keys); i++) {
        pawl_cli_table_cell(table, pawl_ask_text(ask, node, keys[i], text));
    }
    pawl_cli_table_cell(table, pawl_ask_time(ask, node, "created_at", text));
}

static int put_filters(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    (void)list;
    const char *search = pawl_cli_value(ask->call, OPTION_SEARCH);
    const char *parent = pawl_cli_value(ask->call, OPTION_PARENT);
    char word[PAWL_ASK_CELL_BYTES];
    const char *state = NULL;
    int status =
        pawl_ask_take_word(ask->call, OPTION_STATUS, "ACTIVE|SUSPENDED|CLOSED", word, &state);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_ask_query(ask, "status", state);
    pawl_ask_query(ask, "search", search);
    pawl_ask_query(ask, "parent_tenant_id", parent);
    return PAWL_CLI_GO_ON;
}

static int run_list(const struct pawl_cli_call *call)
{
    struct pawl_ask_list list = {
        .plane = PAWL_PLANE_ADMIN,
        .path = PATH,
        .sorts = "tenant_id|name|status|created_at",
        .filters = put_filters,
        .rows = "tenants",
        .id = "tenant_id",
        .page = 100,
        .columns = columns,
        .column_count = PAWL_ARRAY_LEN(columns),
        .lackable = lackable,
        .none = "No tenants; 'pawl tenant create acme' makes one.",
        .none_like = "No tenant is like that.",
        .row = put_row,
    };
    return pawl_ask_list(call, &list);
}

/* --- The commands ---------------------------------------------------------------------------- */

static const struct pawl_cli_option create_options[] = {
    SETTING_OPTIONS,
    {OPTION_PARENT, 0, "parent", "TENANT", "the tenant that it belongs to"},
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command create_command = {
    .name = "tenant create",
    .operands = "TENANT",
    .summary = "make a tenant",
    .text =
        "TENANT is its id for good: 3 to 64 small letters, digits and dashes. One that is there\n"
        "already, under the same name, stays as it is, so a script may say it each time.",
    .examples = "  pawl tenant create acme --name \"Acme Corp\"\n"
                "  pawl tenant create acme --overage overdraft --max-ttl 2h",
    .options = create_options,
    .option_count = PAWL_ARRAY_LEN(create_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_create,
};

static const struct pawl_cli_option list_options[] = {
    {OPTION_STATUS, 0, "status", "STATE", "only those: active, suspended, closed"},
    {OPTION_SEARCH, 0, "search", "TEXT", "only those with this in the id or the name"},
    {OPTION_PARENT, 0, "parent", "TENANT", "only those that belong to this one"},
    PAWL_ASK_LIST_OPTIONS("by tenant_id, name, status or created_at"),
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command list_command = {
    .name = "tenant list",
    .operands = "",
    .summary = "the tenants there are",
    .text = "Lists all of them, or those that the options leave.",
    .examples = "  pawl tenant list\n"
                "  pawl tenant list --status active --sort created_at --desc\n"
                "  for t in $(pawl tenant list -q); do pawl budget list --tenant $t; done",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .run = run_list,
};

static const struct pawl_cli_option show_options[] = {PAWL_ASK_OPTIONS};

static const struct pawl_cli_command show_command = {
    .name = "tenant show",
    .operands = "TENANT",
    .summary = "a tenant and what applies to its holds",
    .text = "Shows its state and its defaults.",
    .examples = "  pawl tenant show acme\n"
                "  pawl tenant show acme --json | jq .status",
    .options = show_options,
    .option_count = PAWL_ARRAY_LEN(show_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};

static const struct pawl_cli_option update_options[] = {
    SETTING_OPTIONS,
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command update_command = {
    .name = "tenant update",
    .operands = "TENANT",
    .summary = "change what applies to a tenant",
    .text = "What is not named stays; --metadata replaces all of it. Holds that are there keep\n"
            "what they were granted.",
    .examples = "  pawl tenant update acme --max-extensions 20\n"
                "  pawl tenant update acme --ttl 5m --metadata owner=platform",
    .options = update_options,
    .option_count = PAWL_ARRAY_LEN(update_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_update,
};

static const struct pawl_cli_option state_options[] = {PAWL_ASK_QUIET_OPTION, PAWL_ASK_OPTIONS};

static const struct pawl_cli_command suspend_command = {
    .name = "tenant suspend",
    .operands = "TENANT",
    .summary = "let nothing new of a tenant through",
    .text = "New holds are refused; what is under way may still be settled.",
    .examples = "  pawl tenant suspend acme\n"
                "  pawl tenant resume acme",
    .options = state_options,
    .option_count = PAWL_ARRAY_LEN(state_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_suspend,
};

static const struct pawl_cli_command resume_command = {
    .name = "tenant resume",
    .operands = "TENANT",
    .summary = "let a suspended tenant go on",
    .text = "The tenant may spend again, from the budgets that it has.",
    .examples = "  pawl tenant resume acme",
    .options = state_options,
    .option_count = PAWL_ARRAY_LEN(state_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_resume,
};

static const struct pawl_cli_option close_options[] = {
    PAWL_ASK_YES_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command close_command = {
    .name = "tenant close",
    .operands = "TENANT",
    .summary = "end a tenant for good",
    .text = "Its budgets are closed, its keys revoked, and what is held is given back. Nothing\n"
            "opens it again; what was spent stays on record. On a terminal it asks first.",
    .examples = "  pawl tenant close acme\n"
                "  pawl tenant close acme --yes",
    .options = close_options,
    .option_count = PAWL_ARRAY_LEN(close_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_close,
};

static const struct pawl_cli_command *const verbs[] = {
    &create_command,  &list_command,   &show_command,  &update_command,
    &suspend_command, &resume_command, &close_command, NULL};

const struct pawl_cli_command pawl_cli_command_tenant = {
    .name = "tenant",
    .operands = "",
    .summary = "who shares a server, each with budgets and keys of its own",
    .text =
        "Tenants of a running 'pawl serve'. The administrator manages them: on the server's own\n"
        "machine without a key, from elsewhere with $PAWL_ADMIN_KEY or --key-file.",
    .examples = "  pawl tenant create acme\n"
                "  pawl budget create acme --usd 100\n"
                "  pawl key create acme --name ci > acme.key",
    .verbs = verbs,
};
