/* SPDX-License-Identifier: Apache-2.0 */
/* show_run.c: see show_run.h. */
#include "cli/show_run.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/open.h"
#include "cli/show_more.h"
#include "run/caps.h"

enum { LINE_BYTES = 4096, NOTE_BYTES_MAX = 4 << 20 };

/* A live run's time is written down at its end only. */
static int64_t spent_so_far(const struct pawl_history_run *run, size_t index, int64_t took_ms)
{
    bool is_time = pawl_cli_history_unit(index) == PAWL_UNIT_WALL_CLOCK_MS;
    return is_time && run->ended_us == 0 ? took_ms : run->spent[index];
}

static void text_caps(const struct pawl_history_run *run, int64_t took_ms)
{
    static const struct pawl_cli_column columns[] = {
        {"", false, 0}, {"SPENT", true, 0}, {"OF", true, 0}};
    struct pawl_cli_table *table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    for (size_t i = 0; i < PAWL_HISTORY_UNITS; i++) {
        char text[PAWL_CAP_TEXT_BYTES];
        char money[PAWL_MONEY_TEXT_BYTES];
        enum pawl_run_cap_index cap = pawl_cap_of_unit(pawl_cli_history_unit(i));
        int64_t spent = spent_so_far(run, i, took_ms);
        if (run->limit[i] < 0 && spent == 0) {
            continue;
        }
        pawl_cli_table_cell(table, pawl_cli_unit_word(pawl_cli_history_unit(i)));
        pawl_cli_table_cell(table, cap == PAWL_CAP_TOKENS ? pawl_money_format_count(spent, money)
                                                          : pawl_cap_format(cap, spent, text));
        pawl_cli_table_cell(table,
                            run->limit[i] < 0 ? "" : pawl_cap_format(cap, run->limit[i], text));
    }
    pawl_cli_table_print(table, stdout);
}

/* What it goes on with, and what that had cost. */
static void text_before(const struct pawl_history_run *run)
{
    struct pawl_arena arena;
    struct pawl_json json;
    char money[PAWL_MONEY_TEXT_BYTES];
    char sum[PAWL_MONEY_TEXT_BYTES];
    if (pawl_slice_empty(run->resumed_from)) {
        return;
    }
    pawl_arena_init(&arena, NOTE_BYTES_MAX);
    int64_t before = 0;
    if (pawl_json_parse(&arena, run->before, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        before = pawl_json_count_or(
            &json, pawl_json_get(&json, 0, pawl_unit_name(PAWL_UNIT_USD_MICROCENTS)), 0);
    }
    pawl_arena_free(&arena);
    printf("goes on with %.*s; %s were spent before, %s in all\n", (int)run->resumed_from.bytes,
           run->resumed_from.data, pawl_money_format_usd(before, money),
           pawl_money_format_usd(before + run->spent[PAWL_HISTORY_MICROCENTS], sum));
}

/* What bound it beside its own caps, as the note of its end has it. */
static void text_limits(const struct pawl_history_run *run)
{
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, NOTE_BYTES_MAX);
    bool good =
        pawl_json_parse(&arena, run->end_note, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json);
    uint32_t node =
        good ? pawl_json_first(&json, pawl_json_get(&json, 0, "shared_limits")) : PAWL_JSON_NONE;
    for (bool first = true; node != PAWL_JSON_NONE; node = pawl_json_next(&json, node)) {
        char plain[PAWL_CLI_TEXT_BYTES];
        char text[PAWL_CAP_TEXT_BYTES];
        struct pawl_slice name =
            pawl_json_string(&json, pawl_json_get(&json, node, "name"), &arena);
        uint16_t unit = pawl_unit_from_name(
            pawl_json_string(&json, pawl_json_get(&json, node, "unit"), &arena));
        enum pawl_run_cap_index cap = pawl_cap_of_unit(unit);
        int64_t amount = pawl_json_count_or(&json, pawl_json_get(&json, node, "limit"), 0);
        printf("%s%s (%s)", first ? "limits across runs: " : ", ",
               pawl_cli_plain(name, plain, sizeof(plain)),
               cap == PAWL_CAP_COUNT ? "" : pawl_cap_phrase(cap, amount, text));
        fputs(pawl_json_next(&json, node) == PAWL_JSON_NONE ? "\n" : "", stdout);
        first = false;
    }
    pawl_arena_free(&arena);
}

void pawl_cli_show_run(const struct pawl_history_run *run, int64_t now_us)
{
    int64_t took_ms =
        ((run->ended_us != 0 ? run->ended_us : now_us) - run->started_us) / PAWL_US_PER_MS;
    char text[PAWL_CLI_TEXT_BYTES];
    char took[PAWL_CLOCK_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    char plain[LINE_BYTES];
    printf("%.*s  %s\n", (int)run->id.bytes, run->id.data, pawl_cli_run_word(run, text));
    if (!pawl_slice_empty(run->name)) {
        printf("%s: ", pawl_cli_plain(run->name, plain, sizeof(plain)));
    }
    printf("%s\n", pawl_cli_plain(run->command, plain, sizeof(plain)));
    printf("in %s, %s", pawl_cli_plain(run->cwd, plain, sizeof(plain)),
           pawl_cli_local_time(run->started_us, text));
    bool pawl_killed = pawl_slice_equal_str(run->reason, "killed") && run->status < 0;
    printf(", %s %s",
           run->ended_us == 0 ? "running for"
           : pawl_killed      ? "last heard of after"
                              : "took",
           pawl_duration_format_about(took_ms, took));
    if (run->status >= 0) {
        printf(", exit status %d", run->status);
        if (run->status != run->agent_status && run->agent_status >= 0) {
            printf(" (the agent's own: %d)", run->agent_status);
        }
    }
    fputs("\n", stdout);
    if (pawl_killed) {
        puts("pawl itself was killed: calls that were open then are booked at what was held for "
             "them");
    }
    text_before(run);
    fputs("\n", stdout);
    text_caps(run, took_ms);
    printf("\nhard stop: %s; ", run->hard_stop ? "yes" : "no");
    if (run->approvals_asked > 0 || run->approvals_given > 0) {
        printf("approvals: %" PRIu64 " asked, %" PRIu64 " given; ", run->approvals_asked,
               run->approvals_given);
    }
    printf("overshoot: %s", pawl_money_format_usd(run->overshoot_microcents, money));
    if (run->unconfirmed_microcents > 0) {
        printf("; unconfirmed: %s", pawl_money_format_usd(run->unconfirmed_microcents, money));
    }
    fputc('\n', stdout);
    if (run->batches > 0) {
        printf("%" PRIu64 " batch%s went to the provider: what they cost is not in these figures\n",
               run->batches, run->batches == 1 ? "" : "es");
    }
    text_limits(run);
    pawl_cli_show_files(run->end_note);
}
