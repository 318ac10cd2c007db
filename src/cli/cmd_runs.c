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
#include "cli/runs_breaches.h"
#include "cli/runs_top.h"
#include "run/environ.h"
#include "run/keep.h"
#include "run/policy.h"
#include "run/prices.h"
#include "run/review.h"

enum {
    OPTION_LIMIT = 1,
    OPTION_ALL,
    OPTION_SINCE,
    OPTION_TOP,
    OPTION_BREACHES,
    OPTION_BY,
    OPTION_IDS,
    OPTION_JSON,
    OPTION_DATA_DIR
};

static const struct pawl_cli_option options[] = {
    {OPTION_LIMIT, 'n', "limit", "N", "at most so many (default 20)"},
    {OPTION_ALL, 'a', "all", NULL, "all of them"},
    {OPTION_SINCE, 0, "since", "TIME", "only those of the last 24h, 7d or the like"},
    {OPTION_TOP, 0, "top", "N", "the N dearest, with what made them so"},
    {OPTION_BREACHES, 0, "breaches", NULL, "those that reached their first envelope, and why"},
    {OPTION_BY, 0, "by", "GROUP", "breaches counted by policy, repo, week or cause"},
    {OPTION_IDS, 0, "ids", NULL, "nothing but the ids"},
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static const struct pawl_cli_column columns[] = {
    {"RUN", false, 0},   {"STARTED", false, 0},  {"TOOK", true, 0},  {"STATE", false, 40},
    {"SPENT", true, 0},  {"OF", true, 0},        {"CALLS", true, 0}, {"REFUSED", true, 0},
    {"NAME", false, 24}, {"COMMAND", false, 60},
};
static const char *const lackable[] = {"REFUSED", "CALLS", "TOOK", "OF", "STARTED", NULL};

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
    pawl_cli_table_cell(listing->table, pawl_duration_format_about(
                                            (end_us - run->started_us) / PAWL_US_PER_MS, took));
    pawl_cli_table_cell(listing->table, pawl_cli_run_word(run, text));
    pawl_cli_table_cell(listing->table, pawl_money_format_usd_short(run->spent[0], money));
    pawl_cli_table_cell(listing->table, run->limit[0] >= 0
                                            ? pawl_money_format_usd_short(run->limit[0], money)
                                            : "");
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

static bool is_list(const struct pawl_cli_call *call)
{
    return !pawl_cli_has(call, OPTION_TOP) && !pawl_cli_has(call, OPTION_BREACHES);
}

/* Which of the views is wanted; the options of one mean nothing in another. */
static int check_view(const struct pawl_cli_call *call)
{
    if (pawl_cli_has(call, OPTION_TOP) && pawl_cli_has(call, OPTION_BREACHES)) {
        return pawl_cli_usage_error(call, "--top and --breaches exclude each other");
    }
    if (pawl_cli_has(call, OPTION_BY) && !pawl_cli_has(call, OPTION_BREACHES)) {
        return pawl_cli_usage_error(call, "--by goes with --breaches");
    }
    if (pawl_cli_has(call, OPTION_IDS) && !is_list(call)) {
        return pawl_cli_usage_error(call, "--ids goes with neither --top nor --breaches");
    }
    const char *by = pawl_cli_value(call, OPTION_BY);
    if (by != NULL && pawl_breaches_by_of(by) == PAWL_BREACHES_BY_COUNT) {
        return pawl_cli_usage_error(call, "--by takes policy, repo, week or cause, not '%s'", by);
    }
    return PAWL_CLI_GO_ON;
}

/* Returns PAWL_CLI_GO_ON or an exit status. */
static int
take_filter(const struct pawl_cli_call *call, int64_t now_us, struct pawl_history_filter *filter)
{
    const char *limit = pawl_cli_value(call, OPTION_LIMIT);
    const char *since = pawl_cli_value(call, OPTION_SINCE);
    const char *top = pawl_cli_value(call, OPTION_TOP);
    bool everything = pawl_cli_has(call, OPTION_ALL) || pawl_cli_has(call, OPTION_IDS) ||
                      pawl_cli_has(call, OPTION_BREACHES);
    filter->limit = everything ? 0 : 20;
    uint64_t count = 0;
    if (limit != NULL) {
        if (!pawl_slice_to_u64(pawl_slice_str(limit), &count) || count == 0 || count > UINT32_MAX) {
            return pawl_cli_usage_error(call, "--limit takes a number above 0, not '%s'", limit);
        }
        filter->limit = (uint32_t)count;
    }
    if (top != NULL) {
        if (!pawl_slice_to_u64(pawl_slice_str(top), &count) || count == 0 || count > 1000) {
            return pawl_cli_usage_error(call, "--top takes a number from 1 to 1000, not '%s'", top);
        }
        filter->limit = (uint32_t)count;
        filter->dearest_first = true;
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

static pawl_err print_breaches(const struct pawl_cli_call *call,
                               const struct pawl_datadir *dir,
                               struct pawl_history *history,
                               const struct pawl_history_filter *filter,
                               struct pawl_errmsg *msg)
{
    const char *by = pawl_cli_value(call, OPTION_BY);
    char path[PAWL_PATH_BYTES];
    struct pawl_price_book *prices = NULL;
    pawl_err err = pawl_prices_open(dir, NULL, path, &prices, msg);
    if (pawl_failed(err)) {
        return err;
    }
    struct pawl_breaches_query query = {
        .filter = filter,
        .prices = prices,
        .by = by != NULL ? pawl_breaches_by_of(by) : PAWL_BREACHES_EACH,
        .json = pawl_cli_has(call, OPTION_JSON),
    };
    err = pawl_breaches_print(history, &query, msg);
    pawl_price_book_free(prices);
    return err;
}

static pawl_err print_list(const struct pawl_cli_call *call,
                           struct pawl_history *history,
                           const struct pawl_history_filter *filter,
                           struct listing *listing,
                           struct pawl_errmsg *msg)
{
    bool json = pawl_cli_has(call, OPTION_JSON);
    listing->table = json || listing->ids
                         ? NULL
                         : pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable);
    pawl_err err = pawl_history_runs(history, filter, add, listing, msg);
    if (listing->table != NULL) {
        pawl_cli_table_print(listing->table, stdout);
    }
    return err;
}

/* Settles what was abandoned, removes what is kept no longer, shows what is wanted. */
static pawl_err show(const struct pawl_cli_call *call,
                     const struct pawl_datadir *dir,
                     struct pawl_history *history,
                     const struct pawl_history_filter *filter,
                     struct listing *listing,
                     struct pawl_errmsg *msg)
{
    uint32_t removed = 0;
    pawl_err err = pawl_cli_settle_all(call, dir, history, msg);
    if (pawl_ok(err) && !pawl_history_is_read_only(history)) {
        err = pawl_keep_sweep(dir, history, listing->now_us, PAWL_KEEP_BY_READER, &removed, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    if (pawl_cli_has(call, OPTION_BREACHES)) {
        return print_breaches(call, dir, history, filter, msg);
    }
    if (pawl_cli_has(call, OPTION_TOP)) {
        return pawl_runs_top_print(history, filter, pawl_cli_has(call, OPTION_JSON), msg);
    }
    return print_list(call, history, filter, listing, msg);
}

/* Once a week, to a person who looks at the list. */
static void
point_to_review(const struct pawl_cli_call *call, const struct pawl_datadir *dir, int64_t now_us)
{
    struct pawl_run_policy policy;
    struct pawl_errmsg msg;
    if (!is_list(call) || pawl_cli_has(call, OPTION_JSON) || pawl_cli_has(call, OPTION_IDS)) {
        return;
    }
    if (pawl_ok(pawl_run_policy_open(NULL, pawl_environ_get, &policy, &msg))) {
        uint32_t count = pawl_run_policy_weekly_top(&policy);
        if (count > 0 && pawl_review_is_due(dir, now_us)) {
            fprintf(stderr, PAWL_REVIEW_LINE, (unsigned)count);
        }
    }
    pawl_run_policy_close(&policy);
}

static int run_runs(const struct pawl_cli_call *call)
{
    struct pawl_clock clock = pawl_clock_os();
    struct listing listing = {.ids = pawl_cli_has(call, OPTION_IDS),
                              .now_us = clock.real_us(clock.arg)};
    struct pawl_history_filter filter = {.limit = 0};
    int status = check_view(call);
    if (status == PAWL_CLI_GO_ON) {
        status = take_filter(call, listing.now_us, &filter);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    status = pawl_cli_open_history(call, pawl_cli_value(call, OPTION_DATA_DIR), &dir, &history);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    pawl_err err = PAWL_OK;
    if (history != NULL) {
        err = show(call, &dir, history, &filter, &listing, &msg);
        pawl_err closing = pawl_history_close(history, &msg);
        err = pawl_failed(err) ? err : closing;
    }
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    point_to_review(call, &dir, listing.now_us);
    if (listing.count == 0 && is_list(call) && !pawl_cli_has(call, OPTION_JSON) && !listing.ids) {
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
        "calls are booked at what was held for them; a run that its policy keeps no longer is\n"
        "removed.\n"
        "--top has the dearest runs, for a weekly look. --breaches has those that reached the\n"
        "caps that they began with, stopped there or let past by an approval, each with a cause\n"
        "(escalation, verification too broad, scope too wide, default too low) and the facts for\n"
        "it, and counts them by week; --by counts them by something else.",
    .examples = "  pawl runs --since 24h\n"
                "  pawl runs --top 10 --since 7d\n"
                "  pawl runs --breaches --by policy\n"
                "  pawl runs --all --json | jq .spent.usd.amount",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .run = run_runs,
};
