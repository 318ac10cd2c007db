/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_key.c: `pawl key`: the keys with which a tenant's programs come to a server. A key's secret
 * is shown once, when it is made, and alone on its line, so that it can be sent into a file without
 * passing a screen. The protocol has no way to ask for one key; it is searched for.
 */
#include "cli/ask_list.h"
#include "cli/ask_read.h"
#include "cli/ask_values.h"
#include "cli/commands.h"
#include "registry/registry.h"

#define PATH "/v1/admin/api-keys"

enum {
    OPTION_NAME = 1,
    OPTION_DESCRIPTION,
    OPTION_PERMISSION,
    OPTION_SCOPE_FILTER,
    OPTION_EXPIRES,
    OPTION_STATUS,
    OPTION_SEARCH,
    OPTION_TENANT,
    OPTION_REASON
};

#define SETTING_OPTIONS                                                                            \
    {OPTION_NAME, 0, "name", "NAME", "what it is for"},                                            \
        {OPTION_DESCRIPTION, 0, "description", "TEXT", "more about it"},                           \
        {OPTION_PERMISSION, 'p', "permission", "PERMISSION",                                       \
         "what it may do (else the usual ten); may be repeated"},                                  \
    {                                                                                              \
        OPTION_SCOPE_FILTER, 0, "scope-filter", "FILTER",                                          \
            "only scopes with this in them: workspace:eng, agent:*; may be repeated"               \
    }

/* As registry/permission.def has them; tests/serve/commands.py has a key made with each. */
#define PERMISSIONS_TEXT                                                                           \
    "The usual permissions are reservations:create, reservations:commit,\n"                        \
    "reservations:release, reservations:extend, reservations:list, balances:read,\n"               \
    "budgets:read, budgets:write, policies:read and policies:write. Others are webhooks:read,\n"   \
    "webhooks:write, events:read, admin:read, admin:write, admin:tenants:read,\n"                  \
    "admin:tenants:write, admin:budgets:read, admin:budgets:write, admin:policies:read,\n"         \
    "admin:policies:write, admin:apikeys:read, admin:apikeys:write, admin:webhooks:read,\n"        \
    "admin:webhooks:write, admin:events:read, admin:audit:read, decide and events:create: the\n"   \
    "last two ask and book, and reservations:create has both."

static void print_card(struct pawl_ask *ask, uint32_t node)
{
    char text[PAWL_ASK_CELL_BYTES];
    printf("%s", pawl_ask_text(ask, node, "key_id", text));
    printf("  %s\n", pawl_ask_text(ask, node, "status", text));
    pawl_ask_print_field("name", pawl_ask_text(ask, node, "name", text));
    pawl_ask_print_field("about", pawl_ask_text(ask, node, "description", text));
    pawl_ask_print_field("tenant", pawl_ask_text(ask, node, "tenant_id", text));
    pawl_ask_print_field("begins with", pawl_ask_text(ask, node, "key_prefix", text));
    pawl_ask_print_field("may", pawl_ask_texts(ask, node, "permissions", text));
    pawl_ask_print_field("only in", pawl_ask_texts(ask, node, "scope_filter", text));
    pawl_ask_print_field("created", pawl_ask_time(ask, node, "created_at", text));
    pawl_ask_print_field("last used", pawl_ask_time(ask, node, "last_used_at", text));
    pawl_ask_print_field("expires", pawl_ask_time(ask, node, "expires_at", text));
    pawl_ask_print_field("revoked", pawl_ask_time(ask, node, "revoked_at", text));
    pawl_ask_print_field("reason", pawl_ask_text(ask, node, "revoked_reason", text));
    pawl_ask_print_field("metadata", pawl_ask_pairs(ask, node, "metadata", text));
}

static void print_key(struct pawl_ask *ask, uint32_t node, const char *what)
{
    char id[PAWL_ASK_CELL_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, node);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(pawl_ask_text(ask, node, "key_id", id));
    } else if (what == NULL) {
        print_card(ask, node);
    } else {
        printf("%s %s\n", pawl_ask_text(ask, node, "key_id", id), what);
    }
}

/* Searches for the key of the command and prints it. */
static int print_found(struct pawl_ask *ask, const char *what)
{
    const char *id = ask->call->operands[0];
    pawl_ask_path(ask, PATH);
    pawl_ask_query(ask, "search", id);
    pawl_ask_query(ask, "limit", "100");
    int status = pawl_ask_send(ask, PAWL_PLANE_ADMIN, "GET");
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    uint32_t node = pawl_json_first_element(&ask->json, pawl_json_get(&ask->json, 0, "keys"));
    while (node != PAWL_JSON_NONE &&
           !pawl_json_string_is(&ask->json, pawl_json_get(&ask->json, node, "key_id"), id)) {
        node = pawl_json_next(&ask->json, node);
    }
    if (node == PAWL_JSON_NONE) {
        return pawl_cli_error(ask->call, PAWL_EXIT_REFUSED,
                              "there is no key '%s'; 'pawl key list' has their ids", id);
    }
    print_key(ask, node, what);
    return PAWL_EXIT_OK;
}

/* --- Making and changing --------------------------------------------------------------------- */

static bool is_permission(const char *word)
{
    enum pawl_permission found;
    return pawl_permission_from_name(pawl_slice_str(word), &found);
}

static int check_permissions(const struct pawl_cli_call *call)
{
    for (size_t i = 0; i < call->given_count; i++) {
        const struct pawl_cli_given *given = &call->given[i];
        if (given->option->id == OPTION_PERMISSION && given->value[0] != '\0' &&
            !is_permission(given->value)) {
            return pawl_cli_usage_error(call, "'%s' is no permission. %s", given->value,
                                        PERMISSIONS_TEXT);
        }
    }
    return PAWL_CLI_GO_ON;
}

static int put_settings(struct pawl_ask *ask)
{
    int status = check_permissions(ask->call);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    pawl_ask_put_text(ask, "name", pawl_cli_value(ask->call, OPTION_NAME));
    pawl_ask_put_text(ask, "description", pawl_cli_value(ask->call, OPTION_DESCRIPTION));
    pawl_ask_put_list(ask, "permissions", OPTION_PERMISSION);
    pawl_ask_put_list(ask, "scope_filter", OPTION_SCOPE_FILTER);
    return pawl_ask_put_pairs(ask, "metadata", PAWL_ASK_METADATA);
}

/* On stdout the secret, on stderr what it is. */
static void print_secret(struct pawl_ask *ask)
{
    char id[PAWL_ASK_CELL_BYTES];
    char tenant[PAWL_ASK_CELL_BYTES];
    char until[PAWL_ASK_CELL_BYTES];
    char secret[PAWL_ASK_CELL_BYTES];
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
        return;
    }
    (void)pawl_ask_time(ask, 0, "expires_at", until);
    fprintf(stderr, "%s, a key of %s%s%s. This is its secret, shown this once:\n",
            pawl_ask_text(ask, 0, "key_id", id), pawl_ask_text(ask, 0, "tenant_id", tenant),
            until[0] != '\0' ? " until " : "", until);
    puts(pawl_ask_text(ask, 0, "key_secret", secret));
}

static int run_create(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    char time[PAWL_ASK_CELL_BYTES];
    const char *expires = NULL;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK && !pawl_cli_has(call, OPTION_NAME)) {
        status = pawl_cli_usage_error(call, "say what the key is for: --name ci");
    }
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_want_texts(call, OPTION_SCOPE_FILTER);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(call, OPTION_EXPIRES, false, time, &expires);
    }
    if (status == PAWL_CLI_GO_ON) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_put_text(&ask, "tenant_id", call->operands[0]);
        pawl_ask_put_text(&ask, "expires_at", expires);
        status = put_settings(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&ask, PAWL_PLANE_ADMIN, "POST");
        if (status == PAWL_EXIT_OK) {
            print_secret(&ask);
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
            status =
                pawl_ask_send_change(&ask, PAWL_PLANE_ADMIN, ", such as --permission budgets:read");
        }
        if (status == PAWL_EXIT_OK) {
            print_key(&ask, 0, "is changed");
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* One that is revoked already is no mistake: the answer that said so may have been lost. */
static int run_revoke(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_ask_confirm(&ask, "Whoever uses the key %s is refused from now on.",
                                  call->operands[0]);
    }
    if (status == PAWL_CLI_GO_ON) {
        pawl_ask_path(&ask, PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        pawl_ask_query(&ask, "reason", pawl_cli_value(call, OPTION_REASON));
        ask.may_be = "KEY_REVOKED";
        status = pawl_ask_send(&ask, PAWL_PLANE_ADMIN, "DELETE");
        if (status == PAWL_EXIT_OK) {
            print_key(&ask, 0, "is revoked");
        } else if (ask.was) {
            status = print_found(&ask, "was revoked already");
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* --- Lists ----------------------------------------------------------------------------------- */

static const struct pawl_cli_column columns[] = {
    {"KEY", false, 0},    {"TENANT", false, 32},   {"STATUS", false, 0},  {"NAME", false, 32},
    {"BEGINS", false, 0}, {"LAST USED", false, 0}, {"EXPIRES", false, 0}, {"ONLY IN", false, 24},
};
static const char *const lackable[] = {"BEGINS", "LAST USED", "ONLY IN", NULL};

static void put_row(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node)
{
    static const char *const keys[] = {"key_id", "tenant_id", "status", "name", "key_prefix"};
    char text[PAWL_ASK_CELL_BYTES];
    for (size_t i = 0; i < PAWL_ARRAY_LEN(keys); i++) {
        pawl_cli_table_cell(table, pawl_ask_text(ask, node, keys[i], text));
    }
    pawl_cli_table_cell(table, pawl_ask_time(ask, node, "last_used_at", text));
    pawl_cli_table_cell(table, pawl_ask_time(ask, node, "expires_at", text));
    pawl_cli_table_cell(table, pawl_ask_texts(ask, node, "scope_filter", text));
}

static int put_filters(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    char word[PAWL_ASK_CELL_BYTES];
    const char *state = NULL;
    const char *tenant = pawl_ask_tenant(ask->call, OPTION_TENANT);
    (void)list;
    int status =
        pawl_ask_take_word(ask->call, OPTION_STATUS, "ACTIVE|REVOKED|EXPIRED", word, &state);
    if (status == PAWL_CLI_GO_ON) {
        pawl_ask_query(ask, "tenant_id", tenant);
        pawl_ask_query(ask, "status", state);
        pawl_ask_query(ask, "search", pawl_cli_value(ask->call, OPTION_SEARCH));
    }
    return status;
}

static int run_list(const struct pawl_cli_call *call)
{
    struct pawl_ask_list list = {
        .plane = PAWL_PLANE_ADMIN,
        .path = PATH,
        .sorts = "key_id|name|tenant_id|status|created_at|expires_at",
        .filters = put_filters,
        .rows = "keys",
        .id = "key_id",
        .page = 100,
        .columns = columns,
        .column_count = PAWL_ARRAY_LEN(columns),
        .lackable = lackable,
        .none = "No keys; 'pawl key create TENANT --name ci' makes one.",
        .none_like = "No key is like that.",
        .row = put_row,
    };
    return pawl_ask_list(call, &list);
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = print_found(&ask, NULL);
    }
    pawl_ask_close(&ask);
    return status;
}

/* --- The commands ---------------------------------------------------------------------------- */

static const struct pawl_cli_option create_options[] = {
    SETTING_OPTIONS,
    {OPTION_EXPIRES, 0, "expires", "TIME", "when it ends: 90d, or a date (else the server's way)"},
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command create_command = {
    .name = "key create",
    .operands = "TENANT",
    .summary = "make a key; its secret is printed once",
    .text =
        "The secret stands alone on stdout, everything else goes to stderr. The server keeps no\n"
        "copy: who loses it makes another key.\n\n" PERMISSIONS_TEXT,
    .examples = "  pawl key create acme --name ci > acme.key\n"
                "  pawl key create acme --name reader -p balances:read -p reservations:list\n"
                "  pawl key create acme --name eng --scope-filter workspace:eng --expires 90d",
    .options = create_options,
    .option_count = PAWL_ARRAY_LEN(create_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_create,
};

static const struct pawl_cli_option list_options[] = {
    {OPTION_TENANT, 0, "tenant", "TENANT", "only this tenant's"},
    {OPTION_STATUS, 0, "status", "STATE", "only those: active, revoked, expired"},
    {OPTION_SEARCH, 0, "search", "TEXT", "only those with this in the id or the name"},
    PAWL_ASK_LIST_OPTIONS("by key_id, name, tenant_id, status, created_at or expires_at"),
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command list_command = {
    .name = "key list",
    .operands = "[TENANT]",
    .summary = "the keys there are, without their secrets",
    .text = "Lists all of them, or those that the options leave.",
    .examples = "  pawl key list acme\n"
                "  pawl key list --status active --sort expires_at",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .operands_max = 1,
    .run = run_list,
};

static const struct pawl_cli_option show_options[] = {PAWL_ASK_OPTIONS};

static const struct pawl_cli_command show_command = {
    .name = "key show",
    .operands = "KEY",
    .summary = "what a key may do",
    .text = "KEY is its id, not its secret.",
    .examples = "  pawl key show key_0001",
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
    .name = "key update",
    .operands = "KEY",
    .summary = "change what a key may do",
    .text = "What is not named stays; permissions and filters that are named replace all of those\n"
            "it had. --scope-filter '' takes the filters away. Its end cannot be "
            "moved.\n\n" PERMISSIONS_TEXT,
    .examples = "  pawl key update key_0001 -p reservations:list -p balances:read\n"
                "  pawl key update key_0001 --scope-filter ''",
    .options = update_options,
    .option_count = PAWL_ARRAY_LEN(update_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_update,
};

static const struct pawl_cli_option revoke_options[] = {
    {OPTION_REASON, 0, "reason", "TEXT", "kept beside it"},
    PAWL_ASK_YES_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command revoke_command = {
    .name = "key revoke",
    .operands = "KEY",
    .summary = "end a key for good",
    .text = "Whoever shows it is refused from then on. On a terminal it asks first. One that is\n"
            "revoked already stays as it is, so a script may say it again.",
    .examples = "  pawl key revoke key_0001 --reason \"left in a log\"\n"
                "  pawl key revoke key_0001 --yes",
    .options = revoke_options,
    .option_count = PAWL_ARRAY_LEN(revoke_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_revoke,
};

static const struct pawl_cli_command *const verbs[] = {
    &create_command, &list_command, &show_command, &update_command, &revoke_command, NULL};

const struct pawl_cli_command pawl_cli_command_key = {
    .name = "key",
    .operands = "",
    .summary = "the keys with which a tenant's programs come to a server",
    .text =
        "Keys at a running 'pawl serve'. A key speaks for one tenant, with the permissions that\n"
        "it was given; the administrator makes and revokes them.",
    .examples = "  pawl key create acme --name ci > acme.key\n"
                "  PAWL_KEY=$(cat acme.key) pawl reservation list",
    .verbs = verbs,
};
