/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_show.c: `pawl show RUN`: one run with every call, as text for people or, with --json, first
 * the run and then each call as an object of its own line.
 */
#include <inttypes.h>
#include <poll.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/commands.h"
#include "cli/estimates.h"
#include "cli/open.h"
#include "cli/show_more.h"
#include "cli/show_phases.h"
#include "cli/show_run.h"
#include "cli/threads.h"
#include "run/failure.h"

enum { OPTION_JSON = 1, OPTION_FULL, OPTION_DATA_DIR };

enum { LINE_BYTES = 4096, JSON_BYTES_MAX = 4 << 20, ARENA_BYTES_MAX = 1 << 20 };
/* Of a call: how it ended. */
enum { STATE_BYTES = PAWL_FAILURE_BYTES + 32 };
enum { LOOK_MS = 20, LOOKS_MAX = 100 };

static const struct pawl_cli_option options[] = {
    {OPTION_JSON, 0, "json", NULL, "the run, then each call: one object a line"},
    {OPTION_FULL, 0, "full", NULL, "a summary or a cut answer as long as it is"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

struct page {
    bool json;
    bool found;
    int64_t now_us;
    int64_t started_us;
    struct pawl_cli_table *table;
    struct pawl_arena arena;
    struct pawl_cli_phase_sums phases;
    struct pawl_cli_threads *threads;
    uint64_t number;
    uint64_t models;
    struct pawl_cli_estimates estimates;
};

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_run(const struct pawl_history_run *run)
{
    struct pawl_buf line;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "run");
    pawl_cli_write_run(&json, run);
    if (!pawl_slice_empty(run->end_note)) {
        pawl_json_key(&json, "end");
        pawl_json_put_raw(&json, run->end_note);
    }
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void json_amounts(struct pawl_json_writer *json, const char *key, const int64_t *amounts)
{
    pawl_json_key(json, key);
    pawl_json_object_begin(json);
    for (size_t i = 0; i < PAWL_HISTORY_UNITS - 1; i++) {
        pawl_cli_write_amount(json, pawl_cli_history_key(i), pawl_cli_history_unit(i), amounts[i]);
    }
    pawl_json_object_end(json);
}

static void json_raw(struct pawl_json_writer *json, const char *key, struct pawl_slice raw)
{
    if (!pawl_slice_empty(raw)) {
        pawl_json_key(json, key);
        pawl_json_put_raw(json, raw);
    }
}

/* What it was held for, and what it turned out to be. */
static void json_usage(struct pawl_json_writer *json, const struct pawl_history_call *call)
{
    pawl_cli_write_text(json, "end", call->end);
    if (call->status != 0) {
        pawl_json_member_i64(json, "status", call->status);
    }
    json_amounts(json, "held", call->hold);
    json_amounts(json, "spent", call->spent);
    pawl_json_member_i64(json, "input_tokens", call->input);
    pawl_json_member_i64(json, "cache_read_tokens", call->cache_read);
    pawl_json_member_i64(json, "cache_write_tokens", call->cache_write);
    pawl_json_member_i64(json, "output_tokens", call->output);
    pawl_json_member_i64(json, "reasoning_tokens", call->reasoning);
    pawl_json_member_i64(json, "tool_calls", call->tool_calls);
    pawl_json_member_i64(json, "duration_us", call->duration_us);
    pawl_json_member_bool(json, "estimated", call->estimated);
    pawl_cli_write_text(json, "phase", call->phase);
    json_raw(json, "reserve", call->reserve_meta);
    json_raw(json, "settle", call->settle_meta);
}

static void json_call(const struct pawl_history_call *call)
{
    struct pawl_buf line;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "call");
    pawl_json_member_i64(&json, "call", (int64_t)call->id);
    pawl_json_member_string(&json, "state", call->state);
    pawl_json_member_i64(&json, "at_ms", call->at_us / PAWL_US_PER_MS);
    if (call->settled_us != 0) {
        pawl_json_member_i64(&json, "settled_ms", call->settled_us / PAWL_US_PER_MS);
    }
    pawl_cli_write_text(&json, "dialect", call->dialect);
    pawl_cli_write_text(&json, "model", call->model);
    pawl_cli_write_text(&json, "model_asked", call->model_asked);
    if (pawl_slice_equal_str(call->state, "refused")) {
        pawl_cli_write_text(&json, "reason", call->reason);
        json_raw(&json, "refusal", call->reserve_meta);
    } else {
        json_usage(&json, call);
    }
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* --- Text ------------------------------------------------------------------------------------- */

static bool show_model(void *arg, const struct pawl_history_model *model)
{
    struct page *page = arg;
    char money[PAWL_MONEY_TEXT_BYTES];
    char plain[PAWL_CLI_TEXT_BYTES];
    printf("%s%s: %" PRIu64 " call%s, %s\n", page->models++ == 0 ? "\n" : "",
           pawl_cli_plain(model->model, plain, sizeof(plain)), model->calls,
           model->calls == 1 ? "" : "s", pawl_money_format_usd(model->microcents, money));
    return true;
}

static const struct pawl_cli_column call_columns[] = {
    {"#", true, 0},      {"AT", true, 0},     {"MODEL", false, 36}, {"INPUT", true, 0},
    {"CACHED", true, 0}, {"OUTPUT", true, 0}, {"COST", true, 0},    {"HELD", true, 0},
    {"TOOLS", true, 0},  {"TOOK", true, 0},   {"STATE", false, 90},
};
static const char *const call_lackable[] = {"HELD", "TOOK", "CACHED", "TOOLS", "AT", NULL};

static void count_cell(struct pawl_cli_table *table, int64_t count)
{
    char text[PAWL_MONEY_TEXT_BYTES];
    pawl_cli_table_cell(table, count == 0 ? "" : pawl_money_format_count(count, text));
}

/* "settled", "settled (client_gone, estimated)", "refused: spent". */
static const char *call_word(const struct pawl_history_call *call, char out[static STATE_BYTES])
{
    char failure[PAWL_FAILURE_BYTES];
    bool plain = pawl_slice_empty(call->end) || pawl_slice_equal_str(call->end, "complete");
    if (pawl_slice_equal_str(call->state, "refused")) {
        snprintf(out, STATE_BYTES, "refused: %.*s", (int)call->reason.bytes, call->reason.data);
    } else if (pawl_failure_words(call, failure)[0] != '\0') {
        snprintf(out, STATE_BYTES, "not billed: %s", failure);
    } else {
        snprintf(out, STATE_BYTES, "%.*s%s%.*s%s%s%s", (int)call->state.bytes, call->state.data,
                 plain && !call->estimated ? "" : " (", plain ? 0 : (int)call->end.bytes,
                 plain ? "" : call->end.data, !plain && call->estimated ? ", " : "",
                 call->estimated ? "estimated" : "", plain && !call->estimated ? "" : ")");
    }
    return out;
}

static void text_call(struct page *page, const struct pawl_history_call *call)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char state[STATE_BYTES];
    char took[PAWL_CLOCK_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    bool refused = pawl_slice_equal_str(call->state, "refused");
    struct pawl_slice model = pawl_slice_empty(call->model) ? call->model_asked : call->model;
    page->number++;
    snprintf(text, sizeof(text), "%" PRIu64, call->id); /* as `pawl status` and JSON call it */
    pawl_cli_table_cell(page->table, text);
    pawl_cli_table_cell(page->table, pawl_duration_format_about(
                                         (call->at_us - page->started_us) / PAWL_US_PER_MS, took));
    pawl_cli_table_cell(page->table, pawl_cli_plain(model, text, sizeof(text)));
    count_cell(page->table, call->input);
    count_cell(page->table, call->cache_read + call->cache_write);
    count_cell(page->table, call->output);
    pawl_cli_table_cell(page->table, refused ? "" : pawl_money_format_usd(call->spent[0], money));
    pawl_cli_table_cell(page->table,
                        refused ? "" : pawl_money_format_usd_short(call->hold[0], money));
    count_cell(page->table, call->tool_calls);
    pawl_cli_table_cell(page->table,
                        call->duration_us == 0
                            ? ""
                            : pawl_duration_format_about(call->duration_us / PAWL_US_PER_MS, took));
    pawl_cli_table_cell(page->table, call_word(call, state));
}

/* --- Estimates -------------------------------------------------------------------------------- */

static bool add_estimate(void *arg, const struct pawl_history_call *call)
{
    struct page *page = arg;
    pawl_cli_estimates_add(&page->estimates, call);
    return true;
}

static void json_estimate(const struct pawl_estimate_error *error)
{
    struct pawl_buf line;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    struct pawl_json_writer json;
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "estimate");
    pawl_json_member_str(&json, "model", error->model);
    pawl_json_member_i64(&json, "calls", error->samples);
    pawl_json_member_i64(&json, "permille_p50", error->permille_p50);
    pawl_json_member_i64(&json, "permille_p99", error->permille_p99);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void text_estimate(const struct pawl_estimate_error *error)
{
    char plain[PAWL_CLI_TEXT_BYTES];
    printf("%s: input was estimated at %" PRId64 ".%02" PRId64 " x what was counted, at most "
           "%" PRId64 ".%02" PRId64 " x in 99 of 100 calls\n",
           pawl_cli_plain(pawl_slice_str(error->model), plain, sizeof(plain)),
           error->permille_p50 / 1000, error->permille_p50 % 1000 / 10, error->permille_p99 / 1000,
           error->permille_p99 % 1000 / 10);
}

static void show_estimates(const struct page *page)
{
    for (uint32_t i = 0; i < page->estimates.count; i++) {
        struct pawl_estimate_error error = pawl_cli_estimates_at(&page->estimates, i);
        if (page->json) {
            json_estimate(&error);
        } else {
            text_estimate(&error);
        }
    }
}

/* --- The command ------------------------------------------------------------------------------ */

static bool show_run(void *arg, const struct pawl_history_run *run)
{
    struct page *page = arg;
    page->found = true;
    page->started_us = run->started_us;
    if (page->json) {
        json_run(run);
    } else {
        pawl_cli_show_run(run, page->now_us);
    }
    return false;
}

static bool show_call(void *arg, const struct pawl_history_call *call)
{
    struct page *page = arg;
    pawl_cli_threads_add(page->threads, call);
    pawl_cli_phases_add(&page->phases, call);
    if (page->json) {
        json_call(call);
    } else {
        text_call(page, call);
    }
    return true;
}

/* The run's own lines. A run that has just begun is in the history a moment later than on its own
 * socket: that moment is waited for. */
static pawl_err
show_first(struct page *page, struct pawl_history *history, const char *id, struct pawl_errmsg *msg)
{
    struct pawl_history_filter filter = {.limit = 1, .id_prefix = pawl_slice_str(id)};
    pawl_err err = pawl_history_runs(history, &filter, show_run, page, msg);
    for (int looks = 0; pawl_ok(err) && !page->found && looks < LOOKS_MAX; looks++) {
        (void)poll(NULL, 0, LOOK_MS);
        err = pawl_history_runs(history, &filter, show_run, page, msg);
    }
    if (pawl_ok(err) && !page->found) {
        pawl_errmsg_set(msg, "%s has not recorded anything yet", id);
        err = PAWL_ERR(NOT_FOUND);
    }
    return err;
}

static pawl_err
show(struct page *page, struct pawl_history *history, const char *id, struct pawl_errmsg *msg)
{
    struct pawl_slice run = pawl_slice_str(id);
    pawl_arena_init(&page->arena, ARENA_BYTES_MAX);
    page->threads = pawl_cli_threads_new(&page->arena);
    pawl_err err = show_first(page, history, id, msg);
    if (pawl_ok(err) && !page->json) {
        err = pawl_history_models(history, run, show_model, page, msg);
    }
    if (pawl_ok(err)) {
        err = pawl_history_calls(history, run, add_estimate, page, msg);
    }
    if (pawl_ok(err) && !page->json) {
        show_estimates(page);
        page->table =
            pawl_cli_table_new_fitting(call_columns, PAWL_ARRAY_LEN(call_columns), call_lackable);
    }
    if (pawl_ok(err)) {
        err = pawl_history_calls(history, run, show_call, page, msg);
    }
    if (pawl_ok(err)) {
        pawl_cli_phases_print(&page->phases, page->json);
        pawl_cli_threads_print(page->threads, page->json);
    }
    if (page->table != NULL) {
        if (page->number > 0) {
            fputc('\n', stdout);
        }
        pawl_cli_table_print(page->table, stdout);
    }
    if (pawl_ok(err) && page->json) {
        show_estimates(page);
    }
    pawl_arena_free(&page->arena);
    return err;
}

static int run_show(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    int status = pawl_cli_open_history(call, pawl_cli_value(call, OPTION_DATA_DIR), &dir, &history);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    if (history == NULL) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "no run was ever made in %s", dir.path);
    }
    struct pawl_errmsg msg = {""};
    struct pawl_clock clock = pawl_clock_os();
    struct page page = {.json = pawl_cli_has(call, OPTION_JSON),
                        .now_us = clock.real_us(clock.arg)};
    char id[PAWL_RUN_ID_BYTES];
    bool told_already = false; /* why there is nothing to show */
    pawl_err err = pawl_cli_find_run(&dir, history, call->operands[0], id, &msg);
    if (pawl_ok(err)) {
        bool told = !pawl_cli_settle_run(call, &dir, history, id);
        err = show(&page, history, id, &msg);
        told_already = told && err.code == PAWL_ERR_NOT_FOUND;
        if (pawl_ok(err)) {
            struct pawl_cli_more more = {.dir = &dir,
                                         .data_dir = pawl_cli_value(call, OPTION_DATA_DIR),
                                         .run_id = pawl_slice_str(id),
                                         .started_us = page.started_us,
                                         .json = page.json,
                                         .full = pawl_cli_has(call, OPTION_FULL)};
            err = pawl_cli_show_more(&more, history, &msg);
        }
    }
    struct pawl_errmsg closing_msg = {""};
    pawl_err closing = pawl_history_close(history, &closing_msg);
    if (told_already) {
        return PAWL_EXIT_REFUSED;
    }
    if (pawl_failed(err) || pawl_failed(closing)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s",
                              pawl_failed(err) ? msg.text : closing_msg.text);
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_show = {
    .name = "show",
    .operands = "RUN",
    .summary = "one run, with every call",
    .text = "RUN is an id or the beginning of one, the name that --name gave a run, or 'last'.",
    .examples = "  pawl show last\n"
                "  pawl show last --json | jq 'select(.type==\"call\")'",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_show,
};
