/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_accounts.c: `pawl accounts`: subscriptions, and what their windows have left. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/open.h"
#include "run/windows.h"

enum { OPTION_JSON = 1, OPTION_DATA_DIR };
enum { LINE_BYTES_MAX = 16 * 1024 };

static const struct pawl_cli_option options[] = {
    {OPTION_JSON, 0, "json", NULL, "one JSON object an account"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept (default ~/.local/state/pawl)"},
};

struct listing {
    struct pawl_cli_table *table; /* NULL when it is JSON */
    int64_t now_us;
    uint32_t count;
};

static void write_window(struct pawl_json_writer *json,
                         const struct pawl_account_window *window,
                         int64_t now_us)
{
    int64_t left = pawl_account_tokens_left(window, now_us);
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "window", window->seen.name);
    pawl_json_member_i64(json, "length_s", window->seen.length_s);
    pawl_json_member_i64(json, "used_bp", window->seen.used_bp);
    pawl_json_member_i64(json, "resets_at_ms", window->seen.resets_at_s * 1000);
    pawl_json_member_bool(json, "refused", window->seen.refused);
    if (left >= 0) {
        pawl_json_member_i64(json, "tokens_left", left);
    }
    pawl_json_object_end(json);
}

static void print_json(const struct pawl_account_record *record, int64_t now_us)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, LINE_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "account", record->id);
    pawl_json_member_str(&json, "upstream", pawl_upstream_name(record->upstream));
    pawl_json_member_str(&json, "billing", record->billing == PAWL_BILLING_PLAN ? "plan" : "api");
    pawl_json_member_i64(&json, "seen_ms", record->seen_us / PAWL_US_PER_MS);
    pawl_json_key(&json, "windows");
    pawl_json_array_begin(&json);
    for (uint32_t i = 0; i < record->window_count; i++) {
        write_window(&json, &record->windows[i], now_us);
    }
    pawl_json_array_end(&json);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void add_row(const struct listing *listing,
                    const struct pawl_account_record *record,
                    const struct pawl_account_window *window)
{
    char text[PAWL_WINDOW_TEXT_BYTES];
    char count[PAWL_MONEY_TEXT_BYTES] = "";
    char seen[PAWL_CLI_TEXT_BYTES];
    int64_t left = pawl_account_tokens_left(window, listing->now_us);
    pawl_cli_table_cell(listing->table, record->id);
    pawl_cli_table_cell(listing->table, pawl_upstream_name(record->upstream));
    pawl_cli_table_cell(listing->table, window->seen.name);
    pawl_cli_table_cell(listing->table, pawl_window_text(window, listing->now_us, text));
    pawl_cli_table_cell(listing->table, left >= 0 ? pawl_money_format_count(left, count) : "");
    pawl_cli_table_cell(listing->table, pawl_cli_local_time(record->seen_us, seen));
}

static bool show(void *arg, const struct pawl_account_record *record)
{
    struct listing *listing = arg;
    listing->count++;
    if (listing->table == NULL) {
        print_json(record, listing->now_us);
        return true;
    }
    for (uint32_t i = 0; i < record->window_count; i++) {
        add_row(listing, record, &record->windows[i]);
    }
    return true;
}

static const struct pawl_cli_column columns[] = {
    {"ACCOUNT", false, 0}, {"PROVIDER", false, 0},   {"WINDOW", false, 0},
    {"USED", false, 0},    {"TOKENS LEFT", true, 0}, {"AS OF", false, 0},
};

pawl_err
pawl_cli_print_windows(const struct pawl_datadir *dir, const char *before, struct pawl_errmsg *msg)
{
    struct pawl_clock clock = pawl_clock_os();
    struct listing listing = {
        .now_us = clock.real_us(clock.arg),
        .table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns)),
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
    struct listing listing = {.now_us = clock.real_us(clock.arg)};
    if (!pawl_cli_has(call, OPTION_JSON)) {
        listing.table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    }
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
        puts("no provider has told of a subscription's windows yet");
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_accounts = {
    .name = "accounts",
    .operands = "",
    .summary = "subscriptions, and what their windows have left",
    .text =
        "Shows each account whose provider told of its windows (so much in five hours, so much\n"
        "in a week): how much is used, when it begins anew, and about how many tokens are\n"
        "left. Accounts that pay by the call have no windows.",
    .examples = "  pawl accounts\n"
                "  pawl accounts --json",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_accounts,
};
