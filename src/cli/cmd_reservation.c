/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_reservation.c: `pawl reservation`: budget that is held at a server while something is under
 * way. Making, listing and showing; how a hold ends is in reservation_settle.c.
 */
#include <string.h>

#include "base/clock.h"
#include "cli/ask_list.h"
#include "cli/ask_read.h"
#include "cli/commands.h"
#include "cli/reservations.h"
#include "cli/spends.h"

enum {
    OPTION_TTL = 1,
    OPTION_GRACE,
    OPTION_DRY_RUN,
    OPTION_STATUS,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_KEY_WORD
};

/* --- create ---------------------------------------------------------------------------------- */

/* "rsv_… holds $0.50 for tenant:acme until 2026-11-29 03:00 (1m)". */
static void print_held(struct pawl_ask *ask)
{
    char id[PAWL_ASK_CELL_BYTES];
    char scope[PAWL_ASK_CELL_BYTES];
    char until[PAWL_ASK_CELL_BYTES];
    char held[PAWL_REMOTE_WORDS_BYTES];
    char span[PAWL_CLOCK_TEXT_BYTES];
    (void)pawl_ask_text(ask, 0, "reservation_id", id);
    if (pawl_cli_has(ask->call, PAWL_ASK_JSON)) {
        pawl_ask_print_json(ask, 0);
    } else if (pawl_cli_has(ask->call, PAWL_ASK_QUIET)) {
        puts(id);
    } else {
        int64_t left_ms = pawl_ask_count(ask, 0, "remaining_ttl_ms", 0);
        printf("%s holds %s for %s until %s%s%s%s\n", id, pawl_ask_amount(ask, 0, "reserved", held),
               pawl_ask_text(ask, 0, "scope_path", scope),
               pawl_ask_time(ask, 0, "expires_at_ms", until), left_ms > 0 ? " (" : "",
               left_ms > 0 ? pawl_duration_format_ms(left_ms, span) : "", left_ms > 0 ? ")" : "");
        pawl_spend_print_caps(ask);
        pawl_spend_print_balances(ask);
    }
}

/* Unlike other times it may be none: "0", "0s". */
static int take_grace(const struct pawl_cli_call *call, int64_t *ret_ms)
{
    const char *text = pawl_cli_value(call, OPTION_GRACE);
    size_t zeros = text != NULL ? strspn(text, "0") : 0;
    if (zeros > 0 && (text[zeros] == '\0' || strcmp(text + zeros, "ms") == 0 ||
                      (strchr("smhd", text[zeros]) != NULL && text[zeros + 1] == '\0'))) {
        *ret_ms = 0;
        return PAWL_CLI_GO_ON;
    }
    return pawl_ask_take_ms(call, OPTION_GRACE, ret_ms);
}

static int put_lease(struct pawl_ask *ask)
{
    int64_t ttl_ms = -1;
    int64_t grace_ms = -1;
    int status = pawl_ask_take_ms(ask->call, OPTION_TTL, &ttl_ms);
    if (status == PAWL_CLI_GO_ON) {
        status = take_grace(ask->call, &grace_ms);
    }
    pawl_ask_put_number(ask, "ttl_ms", OPTION_TTL, ttl_ms);
    pawl_ask_put_number(ask, "grace_period_ms", OPTION_GRACE, grace_ms);
    if (pawl_cli_has(ask->call, OPTION_DRY_RUN)) {
        pawl_json_member_bool(pawl_ask_body(ask), "dry_run", true);
    }
    return status;
}

static int run_create(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    struct pawl_ask_subject subject;
    struct pawl_amount amount = {.unit = PAWL_UNIT_NONE};
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        status = pawl_spend_begin(&ask, PAWL_RESERVATIONS_PATH, "estimate", &subject, &amount);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = put_lease(&ask);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_send(&ask, PAWL_PLANE_TENANT, "POST");
        if (status == PAWL_EXIT_OK && pawl_cli_has(call, OPTION_DRY_RUN)) {
            status = pawl_spend_print_decision(&ask, amount.unit);
        } else if (status == PAWL_EXIT_OK) {
            print_held(&ask);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* --- show ------------------------------------------------------------------------------------ */

static void print_card(struct pawl_ask *ask)
{
    char text[PAWL_ASK_CELL_BYTES];
    char words[PAWL_REMOTE_WORDS_BYTES];
    uint32_t action = pawl_json_get(&ask->json, 0, "action");
    char kind[PAWL_ASK_CELL_BYTES];
    printf("%s", pawl_ask_text(ask, 0, "reservation_id", text));
    printf("  %s\n", pawl_ask_text(ask, 0, "status", text));
    pawl_ask_print_field("scope", pawl_ask_text(ask, 0, "scope_path", text));
    printf("  %-12s %s %s\n", "action", pawl_ask_text(ask, action, "kind", kind),
           pawl_ask_text(ask, action, "name", text));
    pawl_ask_print_field("held", pawl_ask_amount(ask, 0, "reserved", words));
    pawl_ask_print_field("charged", pawl_ask_amount(ask, 0, "committed", words));
    pawl_ask_print_field("created", pawl_ask_time(ask, 0, "created_at_ms", text));
    pawl_ask_print_field("expires", pawl_ask_time(ask, 0, "expires_at_ms", text));
    pawl_ask_print_field("ended", pawl_ask_time(ask, 0, "finalized_at_ms", text));
    pawl_ask_print_field("its key", pawl_ask_text(ask, 0, "idempotency_key", text));
    pawl_ask_print_field("metadata", pawl_ask_pairs(ask, 0, "metadata", text));
    pawl_ask_print_field("at commit", pawl_ask_pairs(ask, 0, "committed_metadata", text));
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_ask ask;
    int status = pawl_ask_open(call, &ask);
    if (status == PAWL_EXIT_OK) {
        pawl_ask_path(&ask, PAWL_RESERVATIONS_PATH);
        pawl_ask_segment(&ask, call->operands[0]);
        status = pawl_ask_send(&ask, PAWL_PLANE_TENANT_OR_ADMIN, "GET");
        if (status == PAWL_EXIT_OK && pawl_cli_has(call, PAWL_ASK_JSON)) {
            pawl_ask_print_json(&ask, 0);
        } else if (status == PAWL_EXIT_OK) {
            print_card(&ask);
        }
    }
    pawl_ask_close(&ask);
    return status;
}

/* --- list ------------------------------------------------------------------------------------ */

static const struct pawl_cli_column columns[] = {
    {"RESERVATION", false, 0}, {"CREATED", false, 0}, {"STATUS", false, 0}, {"HELD", true, 0},
    {"CHARGED", true, 0},      {"EXPIRES", false, 0}, {"SCOPE", false, 64}, {"ACTION", false, 40},
};
static const char *const lackable[] = {"EXPIRES", "ACTION", "CREATED", NULL};

static void put_row(struct pawl_ask *ask, struct pawl_cli_table *table, uint32_t node)
{
    char text[PAWL_ASK_CELL_BYTES];
    char kind[PAWL_ASK_CELL_BYTES / 2];
    char name[PAWL_ASK_CELL_BYTES];
    char words[PAWL_REMOTE_WORDS_BYTES];
    uint32_t action = pawl_json_get(&ask->json, node, "action");
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "reservation_id", text));
    pawl_cli_table_cell(table, pawl_ask_time(ask, node, "created_at_ms", text));
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "status", text));
    pawl_cli_table_cell(table, pawl_ask_amount(ask, node, "reserved", words));
    pawl_cli_table_cell(table, pawl_ask_amount(ask, node, "committed", words));
    pawl_cli_table_cell(table, pawl_ask_time(ask, node, "expires_at_ms", text));
    pawl_cli_table_cell(table, pawl_ask_text(ask, node, "scope_path", text));
    (void)pawl_slice_copy_str(pawl_slice_str(pawl_ask_text(ask, action, "kind", text)), kind,
                              sizeof(kind));
    (void)snprintf(text, sizeof(text), "%s %.*s", kind, (int)(sizeof(text) - sizeof(kind) - 2),
                   pawl_ask_text(ask, action, "name", name));
    pawl_cli_table_cell(table, text);
}

/* The administrator has to name the tenant; a tenant's key is one. */
static int put_filters(struct pawl_ask *ask, struct pawl_ask_list *list)
{
    const struct pawl_cli_call *call = ask->call;
    (void)list;
    char word[PAWL_ASK_CELL_BYTES];
    char since[PAWL_ASK_CELL_BYTES];
    char until[PAWL_ASK_CELL_BYTES];
    const char *texts[3] = {NULL};
    struct pawl_ask_subject subject;
    int status = pawl_ask_take_subject(call, &subject);
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_word(call, OPTION_STATUS, "ACTIVE|COMMITTED|RELEASED|EXPIRED", word,
                                    &texts[0]);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(call, OPTION_SINCE, true, since, &texts[1]);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = pawl_ask_take_time(call, OPTION_UNTIL, true, until, &texts[2]);
    }
    if (status == PAWL_CLI_GO_ON && subject.levels[0] == NULL &&
        pawl_ask_is_admin(ask, PAWL_PLANE_TENANT_OR_ADMIN)) {
        status = pawl_cli_usage_error(call, "the administrator has to say whose: --tenant acme");
    }
    if (status == PAWL_CLI_GO_ON) {
        pawl_ask_query_subject(ask, &subject);
        pawl_ask_query(ask, "status", texts[0]);
        pawl_ask_query(ask, "from", texts[1]);
        pawl_ask_query(ask, "to", texts[2]);
        pawl_ask_query(ask, "idempotency_key", pawl_cli_value(call, OPTION_KEY_WORD));
    }
    return status;
}

static int run_list(const struct pawl_cli_call *call)
{
    struct pawl_ask_list list = {
        .plane = PAWL_PLANE_TENANT_OR_ADMIN,
        .path = PAWL_RESERVATIONS_PATH,
        .sorts = "reservation_id|tenant|scope_path|status|reserved|created_at_ms|expires_at_ms",
        .filters = put_filters,
        .rows = "reservations",
        .id = "reservation_id",
        .page = 200,
        .columns = columns,
        .column_count = PAWL_ARRAY_LEN(columns),
        .lackable = lackable,
        .none = "No reservations are like that.",
        .row = put_row,
    };
    return pawl_ask_list(call, &list);
}

/* --- The commands ---------------------------------------------------------------------------- */

static const struct pawl_cli_option create_options[] = {
    PAWL_ASK_AMOUNT_OPTIONS,
    PAWL_ASK_LEVEL_OPTIONS,
    PAWL_ASK_DIMENSION_OPTION,
    PAWL_SPEND_ACTION_OPTIONS,
    {OPTION_TTL, 0, "ttl", "TIME", "how long it is held without a word (default the tenant's)"},
    {OPTION_GRACE, 0, "grace", "TIME", "how long behind that it may still be settled"},
    PAWL_SPEND_OVERAGE_OPTION,
    {OPTION_DRY_RUN, 0, "dry-run", NULL, "hold nothing: would it be let through?"},
    PAWL_ASK_METADATA_OPTION,
    PAWL_ASK_IDEMPOTENCY_OPTION,
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command create_command = {
    .name = "reservation create",
    .operands = "",
    .summary = "hold so much of the budgets of a scope",
    .text = "It is held in every budget on the way from the tenant to the scope, or in none. The\n"
            "status is 1 where one of them has too little left.",
    .examples = "  pawl reservation create --usd 0.50 --scope tenant:acme/agent:bot\n"
                "  id=$(pawl reservation create -q --tokens 20K --agent bot --ttl 5m)\n"
                "  pawl reservation create --usd 40 --tenant acme --dry-run",
    .options = create_options,
    .option_count = PAWL_ARRAY_LEN(create_options),
    .run = run_create,
};

static const struct pawl_cli_option list_options[] = {
    PAWL_ASK_LEVEL_OPTIONS,
    {OPTION_STATUS, 0, "status", "STATE", "only those: active, committed, released, expired"},
    {OPTION_SINCE, 0, "since", "TIME", "made since then: 2h, or a date"},
    {OPTION_UNTIL, 0, "until", "TIME", "made until then"},
    {OPTION_KEY_WORD, 0, "idempotency-key", "WORD", "the one that was made with this key"},
    PAWL_ASK_LIST_OPTIONS("by reservation_id, scope_path, status, reserved, created_at_ms, ..."),
    PAWL_ASK_QUIET_OPTION,
    PAWL_ASK_OPTIONS,
};

static const struct pawl_cli_command list_command = {
    .name = "reservation list",
    .operands = "",
    .summary = "what is held, and what became of it",
    .text = "Lists a tenant's, also those that are over. The administrator names the tenant.",
    .examples = "  pawl reservation list --status active\n"
                "  pawl reservation list --tenant acme --since 2h --sort reserved --desc\n"
                "  pawl reservation list --agent bot --json",
    .options = list_options,
    .option_count = PAWL_ARRAY_LEN(list_options),
    .run = run_list,
};

static const struct pawl_cli_option show_options[] = {PAWL_ASK_OPTIONS};

static const struct pawl_cli_command show_command = {
    .name = "reservation show",
    .operands = "RESERVATION",
    .summary = "one of them",
    .text = "One that has expired is gone (status 1); the list still has it.",
    .examples = "  pawl reservation show rsv_0001",
    .options = show_options,
    .option_count = PAWL_ARRAY_LEN(show_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};

static const struct pawl_cli_command *const verbs[] = {&create_command,
                                                       &pawl_reservation_commit_command,
                                                       &pawl_reservation_release_command,
                                                       &pawl_reservation_extend_command,
                                                       &list_command,
                                                       &show_command,
                                                       NULL};

const struct pawl_cli_command pawl_cli_command_reservation = {
    .name = "reservation",
    .operands = "",
    .summary = "hold budget at a server, and settle what was held",
    .text =
        "A hold at a running 'pawl serve': made before something is spent, committed with what\n"
        "it cost, or released. What nobody settles in time goes back by itself.",
    .examples = "  id=$(pawl reservation create -q --usd 0.50 --agent bot)\n"
                "  pawl reservation commit $id --usd 0.42",
    .verbs = verbs,
};
