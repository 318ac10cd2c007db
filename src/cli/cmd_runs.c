/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_runs.c: `pawl runs`: the history as a list, newest first.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/commands.h"
#include "cli/open.h"

enum { OPTION_LIMIT = 1, OPTION_ALL, OPTION_SINCE, OPTION_IDS, OPTION_JSON, OPTION_DATA_DIR };

static const struct pawl_cli_option options[] = {
    {OPTION_LIMIT, 'n', "limit", "N", "at most so many (default 20)"},
    {OPTION_ALL, 'a', "all", NULL, "all of them"},
    {OPTION_SINCE, 0, "since", "TIME", "only those of the last 24h, 7d or the like"},
    {OPTION_IDS, 0, "ids", NULL, "nothing but the ids"},
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static const struct pawl_cli_column columns[] = {
    {"RUN", false, 0},   {"STARTED", false, 0},  {"TOOK", true, 0},  {"STATE", false, 0},
    {"SPENT", true, 0},  {"OF", true, 0},        {"CALLS", true, 0}, {"REFUSED", true, 0},
    {"NAME", false, 24}, {"COMMAND", false, 60},
};

struct listing {
    struct pawl_cli_table *table; /* NULL for JSON and ids */
    bool ids;
    int64_t now_us;
    uint64_t count;
};

static void add_json(const struct pawl_history_run *run)
{
    struct pawl_buf line;
    pawl_buf_init(&line, 4 << 20);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_cli_write_run(&json, run);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void add_row(struct listing *listing, const struct pawl_history_run *run)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char took[PAWL_CLOCK_TEXT_BYTES];
    char plain[256];
    int64_t end_us = run->ended_us != 0 ? run->ended_us : listing->now_us;
    pawl_slice_copy_str(run->id, text, sizeof(text));
    pawl_cli_table_cell(listing->table, text);
    pawl_cli_table_cell(listing->table, pawl_cli_local_time(run->started_us, text));
    pawl_cli_table_cell(listing->table,
                        pawl_duration_format_ms((end_us - run->started_us) / PAWL_US_PER_MS, took));
    pawl_cli_table_cell(listing->table, pawl_cli_run_word(run, text));
    pawl_cli_table_cell(listing->table, pawl_money_format_usd_short(run->spent[0], money));
    pawl_cli_table_cell(listing->table,
                        run->limit[0] >= 0 ? pawl_money_format_usd(run->limit[0], money) : "");
    snprintf(text, sizeof(text), "%" PRIu64, run->calls);
    pawl_cli_table_cell(listing->table, text);
    snprintf(text, sizeof(text), "%" PRIu64, run->refusals);
    pawl_cli_table_cell(listing->table, text);
    pawl_cli_table_cell(listing->table, pawl_cli_plain(run->name, plain, sizeof(plain)));
    pawl_cli_table_cell(listing->table, pawl_cli_plain(run->command, plain, sizeof(plain)));
}

static bool add(void *arg, const struct pawl_history_run *run)
{
    struct listing *listing = arg;
    listing->count++;
    if (listing->ids) {
        printf("%.*s\n", (int)run->id.bytes, run->id.data);
    } else if (listing->table != NULL) {
        add_row(listing, run);
    } else {
        add_json(run);
    }
    return true;
}

/* Returns PAWL_CLI_GO_ON or an exit status. */
static int
take_filter(const struct pawl_cli_call *call, int64_t now_us, struct pawl_history_filter *filter)
{
    const char *limit = pawl_cli_value(call, OPTION_LIMIT);
    const char *since = pawl_cli_value(call, OPTION_SINCE);
    bool everything = pawl_cli_has(call, OPTION_ALL) || pawl_cli_has(call, OPTION_IDS);
    filter->limit = everything ? 0 : 20;
    uint64_t count = 0;
    if (limit != NULL) {
        if (!pawl_slice_to_u64(pawl_slice_str(limit), &count) || count == 0 || count > UINT32_MAX) {
            return pawl_cli_usage_error(call, "--limit takes a number above 0, not '%s'", limit);
        }
        filter->limit = (uint32_t)count;
    }
    int64_t span_ms = 0;
    if (since != NULL) {
        if (!pawl_duration_parse_ms(since, &span_ms) || span_ms > now_us / PAWL_US_PER_MS) {
            return pawl_cli_usage_error(call, "--since takes a time such as 24h or 7d, not '%s'",
                                        since);
        }
        filter->since_us = now_us - span_ms * PAWL_US_PER_MS;
    }
    return PAWL_CLI_GO_ON;
}

static int run_runs(const struct pawl_cli_call *call)
{
    struct pawl_clock clock = pawl_clock_os();
    struct listing listing = {.ids = pawl_cli_has(call, OPTION_IDS),
                              .now_us = clock.real_us(clock.arg)};
    struct pawl_history_filter filter = {.limit = 0};
    int status = take_filter(call, listing.now_us, &filter);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    bool json = pawl_cli_has(call, OPTION_JSON);
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    status = pawl_cli_open_history(call, pawl_cli_value(call, OPTION_DATA_DIR), &dir, &history);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = PAWL_OK;
    if (history != NULL) {
        listing.table =
            json || listing.ids ? NULL : pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
        err = pawl_cli_settle_all(call, &dir, history, &msg);
        if (pawl_ok(err)) {
            err = pawl_history_runs(history, &filter, add, &listing, &msg);
        }
        pawl_err closing = pawl_history_close(history, &msg);
        err = pawl_failed(err) ? err : closing;
    }
    if (listing.table != NULL) {
        pawl_cli_table_print(listing.table, stdout);
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (listing.count == 0 && !json && !listing.ids) {
        fprintf(stderr, "No runs%s in %s. Start one: pawl run -- COMMAND\n",
                filter.since_us != 0 ? " of that time" : "", dir.path);
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_runs = {
    .name = "runs",
    .operands = "",
    .summary = "the runs so far",
    .text =
        "Lists runs, newest first. A run whose pawl was killed is settled on the way: its open\n"
        "calls are booked at what was held for them.",
    .examples = "  pawl runs --since 24h\n"
                "  pawl runs --all --json | jq .spent.usd.amount",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_runs,
};
