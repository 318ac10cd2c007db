/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_accounts.c: `pawl accounts`: whom calls go out on, and what the windows have left. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/accounts_edit.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/open.h"
#include "run/account_words.h"

enum { OPTION_JSON = 1, OPTION_DATA_DIR };
enum { LINE_BYTES_MAX = 16 * 1024 };

static const struct pawl_cli_option options[] = {
    {OPTION_JSON, 0, "json", NULL, "one JSON object an account"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept (default ~/.local/state/pawl)"},
};

struct listing {
    struct pawl_cli_table *table; /* NULL when it is JSON */
    int64_t now_us;
    bool all; /* those without windows, too */
    uint32_t count;
    uint32_t without_windows;
};

void pawl_cli_print_account(const struct pawl_account_record *record, int64_t now_us)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, LINE_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_account_write(record, now_us, &json);
    pawl_cli_print_line(&line);
}

static void add_account(const struct listing *listing, const struct pawl_account_record *record)
{
    char title[PAWL_ACCOUNT_NAME_BYTES];
    pawl_cli_table_cell(listing->table, pawl_account_title(record, title));
    pawl_cli_table_cell(listing->table, pawl_upstream_name(record->upstream));
    pawl_cli_table_cell(listing->table, pawl_billing_name(pawl_account_billing(record)));
}

static void add_window(const struct listing *listing,
                       const struct pawl_account_record *record,
                       const struct pawl_quota *quota,
                       const struct pawl_quota_window *window)
{
    char text[PAWL_WINDOW_TEXT_BYTES];
    char seen[PAWL_CLI_TEXT_BYTES];
    bool told = window->told_us > 0;
    add_account(listing, record);
    pawl_cli_table_cell(listing->table, window->name);
    pawl_cli_table_cell(listing->table, pawl_window_used(quota, window, text));
    pawl_cli_table_cell(listing->table, pawl_window_resets(window, listing->now_us, text));
    pawl_cli_table_cell(listing->table, pawl_window_left(quota, window, text));
    pawl_cli_table_cell(listing->table,
                        told ? pawl_cli_local_time(window->told_us, seen) : "set by hand");
}

static bool show(void *arg, const struct pawl_account_record *record)
{
    struct listing *listing = arg;
    struct pawl_quota quota = record->quota;
    if (listing->table == NULL) {
        listing->count++;
        pawl_cli_print_account(record, listing->now_us);
        return true;
    }
    (void)pawl_quota_roll(&quota, listing->now_us);
    for (uint32_t i = 0; i < quota.window_count; i++) {
        add_window(listing, record, &quota, &quota.windows[i]);
    }
    if (quota.window_count == 0 && listing->all) {
        add_account(listing, record);
        pawl_cli_table_cell(listing->table, "none known");
        for (int i = 0; i < 4; i++) {
            pawl_cli_table_cell(listing->table, "");
        }
    }
    bool shown = quota.window_count > 0 || listing->all;
    listing->count += shown ? 1 : 0;
    listing->without_windows += quota.window_count == 0 && listing->all ? 1 : 0;
    return true;
}

static const struct pawl_cli_column columns[] = {
    {"ACCOUNT", false, 0}, {"PROVIDER", false, 0}, {"BILLING", false, 0}, {"WINDOW", false, 0},
    {"USED", false, 0},    {"RESETS", false, 0},   {"LEFT", false, 0},    {"AS OF", false, 0},
};
static const char *const lackable[] = {"AS OF", "BILLING", "PROVIDER", NULL};

pawl_err
pawl_cli_print_windows(const struct pawl_datadir *dir, const char *before, struct pawl_errmsg *msg)
{
    struct pawl_clock clock = pawl_clock_os();
    struct listing listing = {
        .now_us = clock.real_us(clock.arg),
        .table = pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable),
    };
    pawl_err err = pawl_accounts_each(dir, show, &listing, msg);
    if (listing.count > 0) {
        fputs(before, stdout);
    }
    pawl_cli_table_print(listing.table, stdout);
    return err;
}

static int run_accounts(const struct pawl_cli_call *call)
{
    struct pawl_errmsg msg = {""};
    struct pawl_datadir dir;
    struct pawl_clock clock = pawl_clock_os();
    struct listing listing = {.now_us = clock.real_us(clock.arg), .all = true};
    if (!pawl_cli_has(call, OPTION_JSON)) {
        listing.table = pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable);
    }
    pawl_cli_settle_before(call, pawl_cli_value(call, OPTION_DATA_DIR));
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_accounts_each(&dir, show, &listing, &msg);
    }
    if (listing.table != NULL) {
        pawl_cli_table_print(listing.table, stdout);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (listing.count == 0 && listing.table != NULL) {
        puts("no account is known yet: a subscription is from its first call on,\n"
             "and 'pawl accounts add VARIABLE' adds the one whose credential a variable has");
    }
    if (listing.without_windows > 0) {
        puts("\nNo windows are known where the provider tells of none: nothing waits for one "
             "there.\n"
             "'pawl accounts set ACCOUNT --window 5h=20M' sets one by hand.");
    }
    return PAWL_EXIT_OK;
}

static const struct pawl_cli_command *const verbs[] = {&pawl_cli_command_accounts_add,
                                                       &pawl_cli_command_accounts_set,
                                                       &pawl_cli_command_accounts_forget, NULL};

const struct pawl_cli_command pawl_cli_command_accounts = {
    .name = "accounts",
    .operands = "",
    .summary = "accounts that runs go out on, and what their windows have left",
    .text = "Shows each account, its windows (so much in five hours, so much in a week), how much\n"
            "of them is used, when they begin anew and about how much is left. A subscription is\n"
            "known from its first call on; its provider's answers tell of its windows, and what\n"
            "runs use in between is counted on top, for all runs of this machine together.",
    .examples = "  pawl accounts\n"
                "  pawl accounts add CLAUDE_CODE_OAUTH_TOKEN --name work\n"
                "  pawl accounts set work --window 5h=20M --window '7d=$150'\n"
                "  pawl accounts forget work",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .verbs = verbs,
    .run = run_accounts,
};
