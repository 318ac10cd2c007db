/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_phases.c: see show_phases.h. The phase of a call stands in its metadata; a run from before
 * there were phases has none, and gets no lines.
 */
#include "cli/show_phases.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/cli.h"
#include "cli/open.h"

enum { JSON_BYTES_MAX = 4096, NODES_MAX = 4096, SCRATCH_BYTES_MAX = 1 << 20 };

/* NULL: it has none, or there are too many. */
static struct pawl_cli_phase_sum *row_of(struct pawl_cli_phase_sums *sums, struct pawl_slice name)
{
    for (int i = 0; i < sums->count; i++) {
        if (pawl_slice_equal_str(name, sums->rows[i].name)) {
            return &sums->rows[i];
        }
    }
    if (pawl_slice_empty(name) || sums->count == PAWL_PHASES_MAX) {
        return NULL;
    }
    struct pawl_cli_phase_sum *row = &sums->rows[sums->count++];
    (void)pawl_slice_copy_str(name, row->name, sizeof(row->name));
    return row;
}

static void
add(struct pawl_cli_phase_sums *sums, struct pawl_slice name, const struct pawl_history_call *call)
{
    struct pawl_cli_phase_sum *row = row_of(sums, name);
    if (row == NULL) {
        return;
    }
    if (pawl_slice_equal_str(call->state, "refused")) {
        row->refusals++;
        return;
    }
    row->calls++;
    row->microcents += call->spent[0];
    row->tokens += call->spent[1];
}

void pawl_cli_phases_add(struct pawl_cli_phase_sums *sums, const struct pawl_history_call *call)
{
    struct pawl_arena arena;
    struct pawl_json json;
    struct pawl_json_limits limits = {.depth_max = 16, .nodes_max = NODES_MAX};
    pawl_arena_init(&arena, SCRATCH_BYTES_MAX);
    if (pawl_json_parse(&arena, call->reserve_meta, PAWL_JSON_FORWARD, limits, &json) &&
        pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
        add(sums, pawl_json_string(&json, pawl_json_get(&json, 0, "phase"), &arena), call);
    }
    pawl_arena_free(&arena);
}

static void print_json(const struct pawl_cli_phase_sum *row)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "type", "phase");
    pawl_json_member_str(&json, "phase", row->name);
    pawl_json_member_i64(&json, "calls", (int64_t)row->calls);
    pawl_json_member_i64(&json, "refusals", (int64_t)row->refusals);
    pawl_cli_write_amount(&json, "spent", PAWL_UNIT_USD_MICROCENTS, row->microcents);
    pawl_json_member_i64(&json, "tokens", row->tokens);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

static void print_text(const struct pawl_cli_phase_sum *row)
{
    char money[PAWL_MONEY_TEXT_BYTES];
    char name[PAWL_CLI_TEXT_BYTES];
    printf("%s: %" PRIu64 " call%s, %s",
           pawl_cli_plain(pawl_slice_str(row->name), name, sizeof(name)), row->calls,
           row->calls == 1 ? "" : "s", pawl_money_format_usd(row->microcents, money));
    if (row->refusals > 0) {
        printf(", %" PRIu64 " refused", row->refusals);
    }
    fputc('\n', stdout);
}

void pawl_cli_phases_print(const struct pawl_cli_phase_sums *sums, bool json)
{
    if (!json && sums->count > 0) {
        fputc('\n', stdout);
    }
    for (int i = 0; i < sums->count; i++) {
        if (json) {
            print_json(&sums->rows[i]);
        } else {
            print_text(&sums->rows[i]);
        }
    }
}
