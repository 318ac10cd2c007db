/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_phase.c: `pawl phase`: which phase a live run is in and what each has left; setting it by
 * hand; more for one. An agent may call it as well as a person: the run's own variable names the
 * run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/amounts.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "run/caps.h"
#include "run/live.h"

enum { OPTION_ADD_FIRST = 1, OPTION_JSON = OPTION_ADD_FIRST + PAWL_CAP_COUNT, OPTION_DATA_DIR };
enum { ASK_MS = 20000, BODY_BYTES_MAX = 4096, ARENA_BYTES = 1 << 20, CELL_BYTES = 160 };

static const struct pawl_cli_option options[] = {
    PAWL_CLI_ADD_OPTIONS(OPTION_ADD_FIRST),
    {OPTION_JSON, 0, "json", NULL, "where the run's phases stand, as one object"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

/* --- What stands there ----------------------------------------------------------------------- */

static void put_cell(struct pawl_cli_table *table, const struct pawl_json *json, uint32_t unit)
{
    char spent[PAWL_CAP_TEXT_BYTES];
    char limit[PAWL_CAP_TEXT_BYTES];
    char cell[CELL_BYTES];
    struct pawl_slice name = pawl_json_string_raw(json, pawl_json_get(json, unit, "unit"));
    enum pawl_run_cap_index index = pawl_cap_of_unit(pawl_unit_from_name(name));
    if (index == PAWL_CAP_COUNT) {
        return;
    }
    int64_t used = pawl_json_count_or(json, pawl_json_get(json, unit, "spent"), 0);
    int64_t most = pawl_json_count_or(json, pawl_json_get(json, unit, "limit"), -1);
    if (most >= 0) {
        (void)snprintf(cell, sizeof(cell), "%s of %s", pawl_cap_format(index, used, spent),
                       pawl_cap_format(index, most, limit));
    } else {
        (void)snprintf(cell, sizeof(cell), "%s", pawl_cap_format(index, used, spent));
    }
    pawl_cli_table_cell(table, cell);
}

static void print_phases(const struct pawl_json *json, const char *current, bool by_hand)
{
    static const struct pawl_cli_column columns[] = {
        {"PHASE", false, 0},     {"SPENT", true, 0}, {"TOKENS", true, 0}, {"TOOL CALLS", true, 0},
        {"ITERATIONS", true, 0}, {"TIME", true, 0},  {"", false, 0},
    };
    struct pawl_cli_table *table = pawl_cli_table_new(columns, PAWL_ARRAY_LEN(columns));
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "phases"));
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        char name[CELL_BYTES];
        bool here = pawl_json_string_is(json, pawl_json_get(json, node, "phase"), current);
        bool closed = pawl_json_bool_or(json, pawl_json_get(json, node, "closed"), false);
        struct pawl_slice text = pawl_json_string_raw(json, pawl_json_get(json, node, "phase"));
        pawl_cli_table_cell(table, pawl_cli_plain(text, name, sizeof(name)));
        uint32_t unit = pawl_json_first(json, pawl_json_get(json, node, "units"));
        for (; unit != PAWL_JSON_NONE; unit = pawl_json_next(json, unit)) {
            put_cell(table, json, unit);
        }
        pawl_cli_table_cell(table, closed ? "at its limit"
                                   : here ? (by_hand ? "now, by hand" : "now")
                                          : "");
    }
    pawl_cli_table_print(table, stdout);
}

static void print_answer(const struct pawl_cli_call *call, struct pawl_slice answer)
{
    if (pawl_cli_has(call, OPTION_JSON)) {
        printf("%.*s\n", (int)answer.bytes, answer.data);
        return;
    }
    struct pawl_arena arena;
    struct pawl_json json;
    pawl_arena_init(&arena, ARENA_BYTES);
    if (pawl_json_parse(&arena, answer, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        char current[CELL_BYTES];
        uint32_t by_hand = pawl_json_get(&json, 0, "by_hand");
        by_hand = by_hand != PAWL_JSON_NONE ? by_hand : pawl_json_get(&json, 0, "phase_by_hand");
        (void)pawl_cli_plain(pawl_json_string_raw(&json, pawl_json_get(&json, 0, "phase")), current,
                             sizeof(current));
        print_phases(&json, current, pawl_json_bool_or(&json, by_hand, false));
    }
    pawl_arena_free(&arena);
}

/* --- What is asked ---------------------------------------------------------------------------- */

static void write_request(const char *name, const int64_t *added, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "name", name);
    pawl_cli_write_by(&writer);
    pawl_cli_write_added(&writer, added);
    pawl_json_object_end(&writer);
}

/* One operand is a run where it looks like one; else it is a phase of the run that is meant. */
static void
tell_apart(const struct pawl_cli_call *call, const char **ret_run, const char **ret_name)
{
    const char *own = getenv("PAWL_RUN_ID");
    const char *first = call->operand_count > 0 ? call->operands[0] : NULL;
    bool is_run = first != NULL && (strncmp(first, "run_", 4) == 0 || strcmp(first, "last") == 0);
    *ret_run = own != NULL && own[0] != '\0' ? own : "last";
    *ret_name = NULL;
    if (call->operand_count == 2) {
        *ret_run = first;
        *ret_name = call->operands[1];
    } else if (is_run) {
        *ret_run = first;
    } else {
        *ret_name = first;
    }
}

static int run_phase(const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    char id[PAWL_RUN_ID_BYTES];
    const char *run = NULL;
    const char *name = NULL;
    int64_t added[PAWL_CAP_COUNT];
    int status = pawl_cli_take_added(call, OPTION_ADD_FIRST, added);
    if (status != PAWL_CLI_GO_ON) {
        return status;
    }
    tell_apart(call, &run, &name);
    bool adds = false;
    for (int i = 0; i < PAWL_CAP_COUNT; i++) {
        adds = adds || added[i] > 0;
    }
    if (adds && name == NULL) {
        return pawl_cli_usage_error(call,
                                    "which phase is to get more? pawl phase %s verification "
                                    "--add-usd 0.50",
                                    run);
    }
    status = pawl_cli_open_run(call, pawl_cli_value(call, OPTION_DATA_DIR), run, &dir, id);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_buf request;
    struct pawl_buf answer;
    pawl_buf_init(&request, BODY_BYTES_MAX);
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err;
    if (name == NULL) {
        err = pawl_live_ask(&dir, id, ASK_MS, &answer, &msg);
    } else {
        write_request(name, added, &request);
        err = pawl_live_post(&dir, id, "/phase", pawl_buf_slice(&request), ASK_MS, &answer, &msg);
    }
    if (pawl_ok(err)) {
        print_answer(call, pawl_buf_slice(&answer));
    } else {
        status = pawl_cli_no_answer(call, id, err, &msg);
    }
    pawl_buf_free(&request);
    pawl_buf_free(&answer);
    return status;
}

const struct pawl_cli_command pawl_cli_command_phase = {
    .name = "phase",
    .operands = "[RUN] [PHASE]",
    .summary = "see, set or extend the phases of a live run",
    .text =
        "Without PHASE it shows the run's phases: what each has used, of how much, and which one\n"
        "it is in. With PHASE (verification, implementation, one of your own) the run is in that\n"
        "one from now on, whatever its tool calls say; 'auto' lets them decide again. With "
        "--add-...\n"
        "PHASE gets so much more, and nothing else changes; where it asks for more, that is the\n"
        "answer. RUN is an id or the beginning of one,\n"
        "a name, or 'last'; without it $PAWL_RUN_ID, else the last run.",
    .examples = "  pawl phase\n"
                "  pawl phase verification\n"
                "  pawl phase last auto\n"
                "  pawl phase last verification --add-usd 0.50",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 0,
    .operands_max = 2,
    .run = run_phase,
};
