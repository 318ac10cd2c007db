/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runs_top.c: the dearest runs with what their cards say of them: for a look once a week at where
 * the money goes.
 */
#include "cli/runs_top.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/cli.h"
#include "cli/open.h"

enum { LINE_BYTES = 4 << 20, ARENA_BYTES = 256 << 10 };

static const struct pawl_cli_column columns[] = {
    {"RUN", false, 0},    {"STARTED", false, 0}, {"STATE", false, 0}, {"SPENT", true, 0},
    {"SHARE", true, 0},   {"OF", true, 0},       {"CALLS", true, 0},  {"FILES", true, 0},
    {"MODEL", false, 28}, {"POLICY", false, 16}, {"NAME", false, 24}, {"COMMAND", false, 48},
};
static const char *const lackable[] = {"POLICY", "MODEL", "CALLS", "FILES", "OF", "STARTED", NULL};

struct top {
    struct pawl_history *history;
    struct pawl_cli_table *table; /* NULL: JSON */
    int64_t all_microcents;
    pawl_err err;
    struct pawl_errmsg *msg;
};

static bool add_up(void *arg, const struct pawl_history_run *run)
{
    int64_t *sum = arg;
    int64_t spent = run->spent[PAWL_HISTORY_MICROCENTS];
    *sum = spent > INT64_MAX - *sum ? INT64_MAX : *sum + spent;
    return true;
}

/* The dearest model comes first. */
static bool take_model(void *arg, const struct pawl_history_model *model)
{
    char *out = arg;
    (void)pawl_cli_plain(model->model, out, PAWL_CLI_TEXT_BYTES);
    return false;
}

/* -1: not known. */
static int64_t files_of(const struct pawl_history_run *run)
{
    static const char *const counts[] = {"files.changed", "files.created", "files.deleted"};
    struct pawl_arena arena;
    struct pawl_json json;
    int64_t files = -1;
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, run->end_note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT,
                        &json) &&
        pawl_json_get(&json, 0, "files") != PAWL_JSON_NONE) {
        files = 0;
        for (size_t i = 0; i < PAWL_ARRAY_LEN(counts); i++) {
            files += pawl_json_count_or(&json, pawl_json_path(&json, 0, counts[i]), 0);
        }
    }
    pawl_arena_free(&arena);
    return files;
}

static int64_t share_permille(const struct top *top, const struct pawl_history_run *run)
{
    int64_t permille = 0;
    if (top->all_microcents <= 0 ||
        !pawl_money_mul_div_floor(run->spent[PAWL_HISTORY_MICROCENTS], 1000, top->all_microcents,
                                  &permille)) {
        return 0;
    }
    return permille;
}

static void add_row(const struct top *top, const struct pawl_history_run *run, const char *model)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char plain[256];
    int64_t files = files_of(run);
    struct pawl_cli_table *table = top->table;
    (void)pawl_slice_copy_str(run->id, text, sizeof(text));
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(table, pawl_cli_local_time(run->started_us, text));
    pawl_cli_table_cell(table, pawl_cli_run_word(run, text));
    pawl_cli_table_cell(table, pawl_money_format_usd_short(run->spent[0], money));
    (void)snprintf(text, sizeof(text), "%" PRId64 "%%", share_permille(top, run) / 10);
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(
        table, run->limit[0] >= 0 ? pawl_money_format_usd_short(run->limit[0], money) : "");
    (void)snprintf(text, sizeof(text), "%" PRIu64, run->calls);
    pawl_cli_table_cell(table, text);
    (void)snprintf(text, sizeof(text), "%" PRId64, files);
    pawl_cli_table_cell(table, files >= 0 ? text : "");
    pawl_cli_table_cell(table, model);
    pawl_cli_table_cell(table, pawl_cli_plain(run->policy, plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(run->name, plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(run->command, plain, sizeof(plain)));
}

static void print_json(const struct top *top, const struct pawl_history_run *run, const char *model)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    int64_t files = files_of(run);
    pawl_buf_init(&line, LINE_BYTES);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_cli_write_run(&json, run);
    pawl_json_member_i64(&json, "share_permille", share_permille(top, run));
    pawl_cli_write_text(&json, "dearest_model", pawl_slice_str(model));
    if (files >= 0) {
        pawl_json_member_i64(&json, "files", files);
    }
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static bool add(void *arg, const struct pawl_history_run *run)
{
    struct top *top = arg;
    char model[PAWL_CLI_TEXT_BYTES] = "";
    top->err = pawl_history_models(top->history, run->id, take_model, model, top->msg);
    if (pawl_failed(top->err)) {
        return false;
    }
    if (top->table != NULL) {
        add_row(top, run, model);
    } else {
        print_json(top, run, model);
    }
    return true;
}

pawl_err pawl_runs_top_print(struct pawl_history *history,
                             const struct pawl_history_filter *filter,
                             bool json,
                             struct pawl_errmsg *msg)
{
    struct pawl_history_filter all = {.since_us = filter->since_us};
    struct top top = {.history = history, .err = PAWL_OK, .msg = msg};
    pawl_err err = pawl_history_runs(history, &all, add_up, &top.all_microcents, msg);
    if (pawl_failed(err)) {
        return err;
    }
    top.table =
        json ? NULL : pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable);
    err = pawl_history_runs(history, filter, add, &top, msg);
    if (top.table != NULL) {
        pawl_cli_table_print(top.table, stdout);
    }
    return pawl_failed(err) ? err : top.err;
}
