/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_limit.c: `pawl limit`: from options to a limit across runs that is made, changed or removed.
 * How the authority is asked, and what its answers look like, is in limits.c.
 */

#include "base/clock.h"
#include "base/money.h"
#include "base/percent.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/open.h"
#include "engine/limit_words.h"
#include "lending/wire.h"
#include "lending/zone.h"
#include "run/caps.h"
#include "run/place.h"

enum {
    OPTION_USD = 1,
    OPTION_TOKENS,
    OPTION_ITERATIONS,
    OPTION_TOOL_CALLS,
    OPTION_PER,
    OPTION_REPO,
    OPTION_DIR,
    OPTION_NAME,
    OPTION_TIMEZONE,
    OPTION_WEEK_START,
    OPTION_JSON,
    OPTION_DATA_DIR
};

#define LENGTH_MS_MAX (INT64_C(3660) * 86400 * 1000)

static const struct pawl_cli_option options[] = {
    {OPTION_USD, 0, "usd", "USD", "so many dollars at list prices: 20, $7.50"},
    {OPTION_TOKENS, 0, "tokens", "N", "so many tokens: 500K, 10M"},
    {OPTION_ITERATIONS, 0, "iterations", "N", "so many model calls"},
    {OPTION_TOOL_CALLS, 0, "tool-calls", "N", "so many tool calls"},
    {OPTION_PER, 'p', "per", "WINDOW",
     "hour, day, week, month, quarter or year; or a length, such as 5h"},
    {OPTION_REPO, 0, "repo", "[PATH]", "only runs in this repository, all its worktrees"},
    {OPTION_DIR, 0, "dir", "[PATH]", "only runs in this directory or below it"},
    {OPTION_NAME, 'n', "name", "NAME", "what the limit is called (else one is made up)"},
    {OPTION_TIMEZONE, 0, "timezone", "TZ", "where days begin, such as Europe/Berlin (else yours)"},
    {OPTION_WEEK_START, 0, "week-start", "DAY", "the first day of a week (default monday)"},
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs and limits are kept"},
};

static const struct pawl_cli_option remove_options[] = {
    {OPTION_JSON, 0, "json", NULL, "the limit that was removed, as an object"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs and limits are kept"},
};

/* The data directory; made only where something is to be kept in it. */
static int open_dir(const struct pawl_cli_call *call, bool make, struct pawl_datadir *ret_dir)
{
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), ret_dir, &msg);
    if (pawl_ok(err) && make) {
        err = pawl_datadir_create(ret_dir, &msg);
    }
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

static int list_limits(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    int status = open_dir(call, false, &dir);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    bool json = pawl_cli_has(call, OPTION_JSON);
    if (!pawl_cli_has_limits(&dir)) {
        if (!json) {
            puts("no limits across runs; 'pawl limit --usd 20 --per day' sets one");
        }
        return PAWL_EXIT_OK;
    }
    return pawl_cli_print_limits(call, &dir, "", json);
}

/* --- Setting ------------------------------------------------------------------------------- */

/* Exactly one of the amounts. */
static int take_amount(const struct pawl_cli_call *call, struct pawl_limit *limit)
{
    static const struct {
        int option;
        uint16_t unit;
    } rows[] = {{OPTION_USD, PAWL_UNIT_USD_MICROCENTS},
                {OPTION_TOKENS, PAWL_UNIT_TOKENS},
                {OPTION_ITERATIONS, PAWL_UNIT_ITERATIONS},
                {OPTION_TOOL_CALLS, PAWL_UNIT_TOOL_CALLS}};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(rows); i++) {
        const char *text = pawl_cli_value(call, rows[i].option);
        if (text == NULL) {
            continue;
        }
        if (limit->unit != PAWL_UNIT_NONE) {
            return pawl_cli_usage_error(call, "a limit counts one thing; set several limits, one "
                                              "after the other");
        }
        limit->unit = rows[i].unit;
        struct pawl_slice slice = pawl_slice_str(text);
        bool good = rows[i].option == OPTION_USD ? pawl_money_parse_usd(slice, &limit->amount)
                                                 : pawl_money_parse_count(slice, &limit->amount);
        if (!good) {
            return pawl_cli_usage_error(call, "%s, not '%s'",
                                        rows[i].option == OPTION_USD
                                            ? "--usd takes dollars, such as 20 or $7.50"
                                            : "a count is a whole number, such as 500 or 10M",
                                        text);
        }
    }
    return limit->unit != PAWL_UNIT_NONE
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "say how much: --usd, --tokens, --iterations or "
                                            "--tool-calls");
}

static int take_window(const struct pawl_cli_call *call, struct pawl_limit *limit)
{
    const char *per = pawl_cli_value(call, OPTION_PER);
    const char *zone = pawl_cli_value(call, OPTION_TIMEZONE);
    const char *start = pawl_cli_value(call, OPTION_WEEK_START);
    int64_t length_ms = 0;
    if (per == NULL) {
        return pawl_cli_usage_error(call, "say for how long, such as --per day or --per 5h");
    }
    struct pawl_slice word = pawl_slice_str(per);
    limit->window.period = pawl_limit_period_of(word);
    if (limit->window.period != PAWL_PERIOD_NONE) {
        limit->window.kind = PAWL_WINDOW_CALENDAR;
        if (zone == NULL) {
            pawl_zone_user_name(limit->zone);
        } else if (!pawl_slice_copy_str(pawl_slice_str(zone), limit->zone, sizeof(limit->zone)) ||
                   zone[0] == '\0') {
            return pawl_cli_usage_error(call, "'%.60s' is no time zone", zone);
        }
    } else if (pawl_slice_equal_str(word, "run")) {
        return pawl_cli_usage_error(call, "what one run may spend is said with 'pawl run "
                                          "--max-usd' and its like");
    } else if (pawl_duration_parse_ms(per, &length_ms) && length_ms <= LENGTH_MS_MAX) {
        limit->window.kind = PAWL_WINDOW_FIXED;
        limit->window.length_us = length_ms * PAWL_US_PER_MS;
    } else {
        return pawl_cli_usage_error(call,
                                    "--per takes hour, day, week, month, quarter or year, or "
                                    "a length such as 5h, not '%s'",
                                    per);
    }
    if (zone != NULL && limit->window.kind != PAWL_WINDOW_CALENDAR) {
        return pawl_cli_usage_error(call,
                                    "--timezone says where a day begins; %s has no "
                                    "beginning of that kind",
                                    per);
    }
    if (start == NULL) {
        return PAWL_CLI_GO_ON;
    }
    if (limit->window.period != PAWL_PERIOD_WEEK) {
        return pawl_cli_usage_error(call, "--week-start goes with --per week");
    }
    return pawl_wire_weekday_of(pawl_slice_str(start), &limit->window.week_start)
               ? PAWL_CLI_GO_ON
               : pawl_cli_usage_error(call, "--week-start takes a day, monday to sunday");
}

static int take_place(const struct pawl_cli_call *call, struct pawl_limit *limit)
{
    bool repo = pawl_cli_has(call, OPTION_REPO);
    bool dir = pawl_cli_has(call, OPTION_DIR);
    if (repo && dir) {
        return pawl_cli_usage_error(call, "--repo and --dir exclude each other");
    }
    if (!repo && !dir) {
        limit->place = PAWL_LIMIT_MACHINE;
        return PAWL_CLI_GO_ON;
    }
    const char *path = pawl_cli_value(call, repo ? OPTION_REPO : OPTION_DIR);
    struct pawl_place found;
    path = path != NULL ? path : ".";
    if (!pawl_place_find(path, &found)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s is no directory", path);
    }
    if (repo && found.repo[0] == '\0') {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s is in no git repository", found.dir);
    }
    limit->place = repo ? PAWL_LIMIT_REPO : PAWL_LIMIT_DIR;
    return pawl_slice_copy_str(pawl_slice_str(repo ? found.repo : found.dir), limit->path,
                               sizeof(limit->path))
               ? PAWL_CLI_GO_ON
               : pawl_cli_error(call, PAWL_EXIT_REFUSED, "the path is too long for a limit");
}

static void tell_set(const struct pawl_limit *limit, int64_t before)
{
    char text[PAWL_LIMIT_WORDS_BYTES];
    char where[PAWL_LIMIT_WORDS_BYTES];
    char when[PAWL_LIMIT_WORDS_BYTES];
    char money[PAWL_CAP_TEXT_BYTES];
    printf("%s: %s per %s %s", limit->name,
           pawl_cap_phrase(pawl_cap_of_unit(limit->unit), limit->amount, money),
           pawl_limit_period(limit, text), pawl_limit_where(limit, where));
    if (before >= 0) {
        printf(", before %s", pawl_cli_limit_amount(limit->unit, before, money));
    }
    printf("; %s spent", pawl_cli_limit_amount(limit->unit, limit->spent, money));
    if (limit->spent >= limit->amount) {
        printf(", so nothing is left");
    } else if (pawl_limit_left(limit) <= 0) {
        printf(", the rest is lent to runs");
    }
    printf("; resets %s\n", pawl_cli_limit_resets(limit, when));
}

static int set_limit(const struct pawl_cli_call *call)
{
    struct pawl_limit limit = {.number = 0};
    struct pawl_datadir dir;
    const char *name = pawl_cli_value(call, OPTION_NAME);
    int status = take_amount(call, &limit);
    if (status == PAWL_CLI_GO_ON) {
        status = take_window(call, &limit);
    }
    if (status == PAWL_CLI_GO_ON) {
        status = take_place(call, &limit);
    }
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    if (name != NULL &&
        (name[0] == '\0' || !pawl_wire_limit_name_ok(name) ||
         !pawl_slice_copy_str(pawl_slice_str(name), limit.name, sizeof(limit.name)))) {
        return pawl_cli_usage_error(
            call, "--name takes up to %d letters, digits and . _ -, not digits alone, not '%s'",
            PAWL_LIMIT_NAME_BYTES - 1, name);
    }
    status = open_dir(call, true, &dir);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_buf request;
    struct pawl_json_writer writer;
    pawl_buf_init(&request, PAWL_WIRE_BYTES_MAX);
    pawl_json_writer_init(&writer, &request);
    pawl_json_object_begin(&writer);
    pawl_wire_write_limit(&writer, &limit);
    pawl_json_object_end(&writer);
    int64_t before = -1;
    status = pawl_cli_change_limit(call, &dir, "POST", PAWL_SLICE(PAWL_WIRE_LIMITS),
                                   pawl_buf_slice(&request), &limit, &before);
    if (status == PAWL_EXIT_OK && pawl_cli_has(call, OPTION_JSON)) {
        pawl_cli_print_limit_json(&limit);
    } else if (status == PAWL_EXIT_OK) {
        tell_set(&limit, before);
    }
    pawl_buf_free(&request);
    return status;
}

static int run_limit(const struct pawl_cli_call *call)
{
    const char *verb =
        call->operand_count > 0 ? pawl_cli_guess_verb(call->command, call->operands[0]) : NULL;
    if (verb != NULL) {
        return pawl_cli_usage_error(call, "there is no '%s'; did you mean '%s'?", call->operands[0],
                                    verb);
    }
    if (call->operand_count > 0) {
        return pawl_cli_usage_error(call,
                                    "unexpected argument '%s'; a path is given as --repo=PATH or "
                                    "--dir=PATH",
                                    call->operands[0]);
    }
    for (size_t i = 0; i < call->given_count; i++) {
        if (call->given[i].option->id < OPTION_JSON) {
            return set_limit(call);
        }
    }
    return list_limits(call);
}

/* --- Removing ------------------------------------------------------------------------------ */

static int run_remove(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    int status = open_dir(call, false, &dir);
    if (status == PAWL_EXIT_OK && (call->operands[0][0] == '\0' || !pawl_cli_has_limits(&dir))) {
        status =
            pawl_cli_error(call, PAWL_EXIT_REFUSED, "there is no limit '%s'", call->operands[0]);
    }
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_limit limit;
    int64_t before = -1;
    struct pawl_buf target;
    pawl_buf_init(&target, PAWL_WIRE_BYTES_MAX);
    pawl_buf_append_str(&target, PAWL_WIRE_LIMITS "/");
    pawl_percent_append(&target, call->operands[0]);
    status = pawl_cli_change_limit(call, &dir, "DELETE", pawl_buf_slice(&target), PAWL_SLICE_NONE,
                                   &limit, &before);
    if (status == PAWL_EXIT_OK && pawl_cli_has(call, OPTION_JSON)) {
        pawl_cli_print_limit_json(&limit);
    } else if (status == PAWL_EXIT_OK) {
        printf("%s is removed\n", limit.name);
    }
    pawl_buf_free(&target);
    return status;
}

static const struct pawl_cli_command remove_command = {
    .name = "limit remove",
    .operands = "LIMIT",
    .summary = "remove a limit, by its name or number",
    .text = "What was spent under it is forgotten with it. Runs under way go on without it.",
    .examples = "  pawl limit remove usd-per-day",
    .options = remove_options,
    .option_count = PAWL_ARRAY_LEN(remove_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_remove,
};

static const struct pawl_cli_command *const verbs[] = {&remove_command, NULL};

const struct pawl_cli_command pawl_cli_command_limit = {
    .name = "limit",
    .operands = "",
    .summary = "limits across runs: so much a day, whatever runs",
    .text =
        "Without options: the limits and where they stand. With an amount and a window: sets a\n"
        "limit that all runs on this machine share, those in a repository, or those in a\n"
        "directory, beside their own caps; runs under way are bound from their next call on. The\n"
        "same window and place once more changes the amount. A new limit begins at 0.",
    .examples = "  pawl limit --usd 20 --per day\n"
                "  pawl limit --usd 200 --per month --name month\n"
                "  pawl limit --usd 5 --per 5h --repo\n"
                "  pawl limit --tokens 10M --per week --week-start sunday --dir=projects/web\n"
                "  pawl limit remove month",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = SIZE_MAX,
    .verbs = verbs,
    .run = run_limit,
};
