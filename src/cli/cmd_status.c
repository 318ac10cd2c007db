/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_status.c: `pawl status`: the live runs in a table, or one of them in full, and what holds
 * across runs: windows of subscriptions, limits of one's own.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/open.h"
#include "cli/statusline.h"
#include "run/accounts.h"
#include "run/caps.h"
#include "run/live.h"

enum { OPTION_JSON = 1, OPTION_DATA_DIR };

enum { ASK_MS = 2000, QUESTIONS_BYTES_MAX = 64 * 1024 };

static const struct pawl_cli_option options[] = {
    {OPTION_JSON, 0, "json", NULL, "one object a run"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static const struct pawl_cli_column columns[] = {
    {"RUN", false, 0},    {"STATE", false, 40},  {"SPENT", true, 0},  {"OF", true, 0},
    {"USED", true, 0},    {"A MINUTE", true, 0}, {"LEFT", true, 0},   {"CALLS", true, 0},
    {"PHASE", false, 16}, {"MODEL", false, 28},  {"NAME", false, 24}, {"COMMAND", false, 60},
};
static const char *const lackable[] = {"MODEL", "A MINUTE", "CALLS", "PHASE", "LEFT", "OF", NULL};

struct listing {
    const struct pawl_cli_call *call;
    const struct pawl_datadir *dir;
    struct pawl_cli_table *table; /* NULL: JSON */
    uint64_t count;
    struct pawl_buf questions; /* a line for each run that waits for an answer */
};

/* --- The table ------------------------------------------------------------------------------ */

static const char *state_word(const struct pawl_glance *glance,
                              char out[static PAWL_CLI_TEXT_BYTES])
{
    const char *word = pawl_cli_unit_word(glance->unit);
    switch (pawl_glance_state(glance)) {
    case PAWL_GLANCE_ENDING:
        return "ending";
    case PAWL_GLANCE_ASKS:
        return glance->question;
    case PAWL_GLANCE_STOPPED:
        snprintf(out, PAWL_CLI_TEXT_BYTES, "stopped%s%s", word[0] != '\0' ? ": " : "", word);
        return out;
    case PAWL_GLANCE_WAITS:
        return "waits";
    case PAWL_GLANCE_NO_ANSWER:
        return "no answer";
    case PAWL_GLANCE_RUNNING:
        break;
    }
    return "running";
}

/* The share of the cap that is nearest. */
static int64_t used_permille(const struct pawl_glance *glance)
{
    int64_t most = 0;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        most = pawl_max_i64(most, pawl_glance_permille(glance, (enum pawl_run_cap_index)i));
    }
    return most;
}

static void add_row(struct pawl_cli_table *table, const struct pawl_glance *glance)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char plain[PAWL_GLANCE_LINE_BYTES];
    char time[PAWL_STATUSLINE_LEFT_BYTES];
    enum pawl_run_cap_index cap;
    int64_t left_ms = 0;
    const struct pawl_glance_cap *usd = &glance->caps[PAWL_CAP_USD];
    bool known = !glance->latched && pawl_glance_next_cap(glance, &cap, &left_ms);
    pawl_cli_table_cell(table, glance->id);
    pawl_cli_table_cell(table, state_word(glance, text));
    pawl_cli_table_cell(table, pawl_money_format_usd_short(usd->spent, money));
    pawl_cli_table_cell(table,
                        usd->limit > 0 ? pawl_money_format_usd_short(usd->limit, money) : "");
    snprintf(text, sizeof(text), "%" PRId64 "%%", used_permille(glance) / 10);
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(
        table, usd->per_minute > 0 ? pawl_money_format_usd_short(usd->per_minute, money) : "");
    pawl_cli_table_cell(table, known ? pawl_statusline_time(left_ms, time) : "");
    snprintf(text, sizeof(text), "%" PRId64, glance->calls);
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(glance->phase), plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(glance->model), plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(glance->name), plain, sizeof(plain)));
    pawl_cli_table_cell(table,
                        pawl_cli_plain(pawl_slice_str(glance->command), plain, sizeof(plain)));
}

/* What waits for an answer, with the commands that give it; what waits for a window; and whose
 * provider gives no answer. */
static void add_question(struct listing *listing, const struct pawl_glance *glance)
{
    char plain[PAWL_GLANCE_LINE_BYTES];
    bool stands = glance->waits || glance->unreached;
    if ((glance->asks || (stands && !glance->latched)) && glance->message[0] != '\0') {
        pawl_buf_printf(&listing->questions, "%s: %s\n", pawl_glance_title(glance),
                        pawl_cli_plain(pawl_slice_str(glance->message), plain, sizeof(plain)));
    }
}

/* A run that has just ended, or was killed, is none of the live ones; one that is alive and does
 * not answer is named. */
static bool add(void *arg, const char *id)
{
    struct listing *listing = arg;
    struct pawl_errmsg msg = {""};
    struct pawl_buf raw;
    static struct pawl_glance glance;
    pawl_buf_init(&raw, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_glance_ask(listing->dir, id, ASK_MS, &raw, &glance, &msg);
    if (pawl_ok(err)) {
        listing->count++;
        if (listing->table != NULL) {
            add_row(listing->table, &glance);
            add_question(listing, &glance);
        } else {
            pawl_cli_print_line(&raw);
        }
    } else if (err.code != PAWL_ERR_UNREACHABLE && err.code != PAWL_ERR_NOT_FOUND) {
        fprintf(stderr, "pawl status: %s\n", msg.text);
    }
    pawl_buf_free(&raw);
    return true;
}

static int list(const struct pawl_cli_call *call, const struct pawl_datadir *dir)
{
    struct pawl_errmsg msg = {""};
    bool json = pawl_cli_has(call, OPTION_JSON);
    struct listing listing = {
        .call = call,
        .dir = dir,
        .table =
            json ? NULL : pawl_cli_table_new_fitting(columns, PAWL_ARRAY_LEN(columns), lackable),
    };
    pawl_buf_init(&listing.questions, QUESTIONS_BYTES_MAX);
    pawl_err err = pawl_glance_candidates(dir, add, &listing, &msg);
    if (listing.table != NULL) {
        pawl_cli_table_print(listing.table, stdout);
    }
    if (listing.questions.bytes > 0) {
        printf("\n%.*s", (int)listing.questions.bytes, listing.questions.data);
    }
    pawl_buf_free(&listing.questions);
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (json) {
        return PAWL_EXIT_OK;
    }
    if (listing.count == 0) {
        puts("no run is live");
    }
    bool limits = pawl_cli_has_limits(dir);
    if (limits || pawl_accounts_any(dir)) {
        pawl_cli_settle_before(call, pawl_cli_value(call, OPTION_DATA_DIR));
    }
    err = pawl_cli_print_windows(dir, "\n", &msg);
    if (pawl_failed(err)) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    return limits ? pawl_cli_print_limits(call, dir, "\n", false) : PAWL_EXIT_OK;
}

/* --- One run -------------------------------------------------------------------------------- */

static void print_caps(const struct pawl_glance *glance)
{
    static const struct pawl_cli_column cap_columns[] = {
        {"CAP", false, 0}, {"SPENT", true, 0},    {"OF", true, 0},   {"USED", true, 0},
        {"HELD", true, 0}, {"A MINUTE", true, 0}, {"LEFT", true, 0},
    };
    struct pawl_cli_table *table = pawl_cli_table_new(cap_columns, PAWL_ARRAY_LEN(cap_columns));
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        enum pawl_run_cap_index index = (enum pawl_run_cap_index)i;
        const struct pawl_glance_cap *cap = &glance->caps[i];
        char text[PAWL_CAP_TEXT_BYTES];
        char time[PAWL_STATUSLINE_LEFT_BYTES];
        pawl_cli_table_cell(table, pawl_cap_noun(index));
        pawl_cli_table_cell(table, pawl_cap_short(index, cap->spent, text));
        pawl_cli_table_cell(table, cap->limit > 0 ? pawl_cap_short(index, cap->limit, text) : "");
        snprintf(text, sizeof(text), "%" PRId64 "%%", pawl_glance_permille(glance, index) / 10);
        pawl_cli_table_cell(table, cap->limit > 0 ? text : "");
        pawl_cli_table_cell(table, cap->held > 0 ? pawl_cap_short(index, cap->held, text) : "");
        pawl_cli_table_cell(
            table, cap->per_minute > 0 ? pawl_cap_short(index, cap->per_minute, text) : "");
        pawl_cli_table_cell(table,
                            cap->left_ms >= 0 ? pawl_statusline_time(cap->left_ms, time) : "");
    }
    pawl_cli_table_print(table, stdout);
}

static void add_call(struct pawl_cli_table *table,
                     const char *what,
                     const struct pawl_glance *glance,
                     const struct pawl_recent_call *call)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char plain[PAWL_GLANCE_TEXT_BYTES];
    char time[PAWL_STATUSLINE_LEFT_BYTES];
    int64_t age_ms = glance->now_ms - call->at_us / PAWL_US_PER_MS;
    pawl_cli_table_cell(table, what);
    snprintf(text, sizeof(text), "#%" PRIu64, call->id);
    pawl_cli_table_cell(table, text);
    snprintf(text, sizeof(text), "%s ago", pawl_statusline_time(pawl_max_i64(age_ms, 0), time));
    pawl_cli_table_cell(table, text);
    pawl_cli_table_cell(table, pawl_money_format_usd_short(call->microcents, money));
    pawl_cli_table_cell(table, pawl_money_format_count(call->tokens, money));
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(call->model), plain, sizeof(plain)));
    pawl_cli_table_cell(table, pawl_cli_plain(pawl_slice_str(call->who), plain, sizeof(plain)));
}

static void print_calls(const struct pawl_glance *glance)
{
    static const struct pawl_cli_column call_columns[] = {
        {"CALLS", false, 0}, {"CALL", true, 0},    {"WHEN", true, 0}, {"COST", true, 0},
        {"TOKENS", true, 0}, {"MODEL", false, 32}, {"BY", false, 24},
    };
    if (glance->last_count == 0) {
        return;
    }
    struct pawl_cli_table *table = pawl_cli_table_new(call_columns, PAWL_ARRAY_LEN(call_columns));
    if (glance->dearest.id != 0) {
        add_call(table, "dearest", glance, &glance->dearest);
    }
    for (uint32_t i = 0; i < glance->last_count; i++) {
        add_call(table, i == 0 ? "last" : "", glance, &glance->last[i]);
    }
    puts("");
    pawl_cli_table_print(table, stdout);
}

static void print_one(const struct pawl_glance *glance)
{
    char text[PAWL_CLI_TEXT_BYTES];
    char plain[PAWL_PATH_BYTES];
    printf("%s  %s", glance->id, state_word(glance, text));
    if (glance->name[0] != '\0') {
        printf("  %s", pawl_cli_plain(pawl_slice_str(glance->name), plain, sizeof(plain)));
    }
    printf("\n%s\n", pawl_cli_plain(pawl_slice_str(glance->command), plain, sizeof(plain)));
    printf("in %s\n", pawl_cli_plain(pawl_slice_str(glance->cwd), plain, sizeof(plain)));
    printf("policy %s, %s, pid %" PRId64 ", %" PRId64 " call%s, %" PRId64 " under way, %" PRId64
           " refused\n",
           pawl_cli_plain(pawl_slice_str(glance->policy), plain, sizeof(plain)),
           glance->attended ? "attended" : "unattended", glance->pid, glance->calls,
           glance->calls == 1 ? "" : "s", glance->in_flight, glance->refusals);
    if (glance->model[0] != '\0') {
        printf("model %s\n", pawl_cli_plain(pawl_slice_str(glance->model), plain, sizeof(plain)));
    }
    if (glance->phase[0] != '\0') {
        printf("phase %s\n", pawl_cli_plain(pawl_slice_str(glance->phase), plain, sizeof(plain)));
    }
    if (glance->message[0] != '\0') {
        puts(pawl_cli_plain(pawl_slice_str(glance->message), plain, sizeof(plain)));
    }
    puts("");
    print_caps(glance);
    print_calls(glance);
}

static int show_one(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    char id[PAWL_RUN_ID_BYTES];
    static struct pawl_glance glance;
    int status =
        pawl_cli_open_run(call, pawl_cli_value(call, OPTION_DATA_DIR), call->operands[0], &dir, id);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_buf raw;
    pawl_buf_init(&raw, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_glance_ask(&dir, id, ASK_MS, &raw, &glance, &msg);
    if (err.code == PAWL_ERR_UNREACHABLE || err.code == PAWL_ERR_NOT_FOUND) {
        status = pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s is not running: see 'pawl show %s'",
                                id, id);
    } else if (pawl_failed(err)) {
        status = pawl_cli_error(call, PAWL_EXIT_UNREACHABLE, "%s", msg.text);
    } else if (pawl_cli_has(call, OPTION_JSON)) {
        pawl_cli_print_line(&raw);
    } else {
        print_one(&glance);
    }
    pawl_buf_free(&raw);
    return status;
}

static int run_status(const struct pawl_cli_call *call)
{
    if (call->operand_count > 0) {
        return show_one(call);
    }
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &msg);
    return pawl_ok(err) ? list(call, &dir)
                        : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

const struct pawl_cli_command pawl_cli_command_status = {
    .name = "status",
    .operands = "[RUN]",
    .summary = "where the live runs stand",
    .text =
        "A line for each live run, the windows of subscriptions and the limits across runs; with\n"
        "RUN that one in full: every cap with what is spent and held, how fast it is used up\n"
        "(over the last five minutes) and how long it lasts at this rate, the dearest call and\n"
        "the last ones.",
    .examples = "  pawl status\n"
                "  pawl status last\n"
                "  pawl status --json | jq '.caps[0]'",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = 1,
    .run = run_status,
};
