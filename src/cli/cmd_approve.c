/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_approve.c: `pawl approve RUN` and `pawl deny RUN`: a person's answer to a run that waits for
 * more, from another terminal or another program.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/amounts.h"
#include "cli/commands.h"
#include "cli/open.h"
#include "run/caps.h"
#include "run/go_on.h"
#include "run/live.h"

enum {
    OPTION_ADD_FIRST = 1,
    OPTION_PHASE = OPTION_ADD_FIRST + PAWL_CAP_COUNT,
    OPTION_JSON,
    OPTION_DATA_DIR
};
enum { ASK_MS = 20000, BODY_BYTES_MAX = 8192, ARENA_BYTES = 1 << 20 };

static const struct pawl_cli_option approve_options[] = {
    PAWL_CLI_ADD_OPTIONS(OPTION_ADD_FIRST),
    {OPTION_PHASE, 0, "phase", "PHASE", "for this phase of the run, and not for the run itself"},
    {OPTION_JSON, 0, "json", NULL, "what was given and where the run stands, as one object"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static const struct pawl_cli_option deny_options[] = {
    {OPTION_PHASE, 0, "phase", "PHASE", "to what this phase of the run asks for"},
    {OPTION_JSON, 0, "json", NULL, "where the run stands, as one object"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static void write_request(const char *phase, const int64_t *added, struct pawl_buf *out)
{
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, out);
    pawl_json_object_begin(&writer);
    pawl_cli_write_by(&writer);
    if (phase != NULL) {
        pawl_json_member_str(&writer, "phase", phase);
    }
    if (added != NULL) {
        pawl_cli_write_added(&writer, added);
    }
    pawl_json_object_end(&writer);
}

/* Where what was given counts: the run's caps, or the units of the phase. */
static uint32_t stand_of(const struct pawl_json *json, const char *phase)
{
    if (phase[0] == '\0') {
        return pawl_json_path(json, 0, "status.caps");
    }
    uint32_t node = pawl_json_first(json, pawl_json_path(json, 0, "status.phases"));
    while (node != PAWL_JSON_NONE &&
           !pawl_json_string_is(json, pawl_json_get(json, node, "phase"), phase)) {
        node = pawl_json_next(json, node);
    }
    return node != PAWL_JSON_NONE ? pawl_json_get(json, node, "units") : node;
}

/* " with B, about $0.04 for this call in place of $0.01 with A": a dearer class of model. */
static void print_switch(const struct pawl_json *json, struct pawl_arena *arena)
{
    uint32_t node = pawl_json_get(json, 0, "switch");
    char plain[PAWL_CLI_TEXT_BYTES];
    char money[PAWL_MONEY_TEXT_BYTES];
    if (node == PAWL_JSON_NONE) {
        return;
    }
    int64_t from = pawl_json_count_or(json, pawl_json_get(json, node, "microcents_from"), 0);
    int64_t to = pawl_json_count_or(json, pawl_json_get(json, node, "microcents_to"), 0);
    printf(" with %s, about %s for this call",
           pawl_cli_plain(pawl_json_string(json, pawl_json_get(json, node, "to"), arena), plain,
                          sizeof(plain)),
           pawl_money_format_usd_short(to, money));
    if (from > 0) {
        printf(" in place of %s with %s", pawl_money_format_usd_short(from, money),
               pawl_cli_plain(pawl_json_string(json, pawl_json_get(json, node, "from"), arena),
                              plain, sizeof(plain)));
    }
}

/* " with $1.00 more: $2.50 in all, $1.40 spent", for each amount of a list. */
static void print_given(const struct pawl_json *json, const char *phase, struct pawl_arena *arena)
{
    const char *before = pawl_json_get(json, 0, "switch") == PAWL_JSON_NONE ? " with" : "; with";
    uint32_t caps = stand_of(json, phase);
    uint32_t node = pawl_json_first(json, pawl_json_get(json, 0, "given"));
    for (; node != PAWL_JSON_NONE; node = pawl_json_next(json, node)) {
        char text[PAWL_CAP_TEXT_BYTES];
        struct pawl_slice unit = pawl_json_string(json, pawl_json_get(json, node, "unit"), arena);
        int64_t amount = pawl_json_count_or(json, pawl_json_get(json, node, "amount"), 0);
        enum pawl_run_cap_index index = pawl_cap_of_unit(pawl_unit_from_name(unit));
        if (index == PAWL_CAP_COUNT) {
            continue;
        }
        printf("%s %s more", before, pawl_cap_phrase(index, amount, text));
        before = "; with";
        uint32_t cap = caps != PAWL_JSON_NONE ? pawl_json_first(json, caps) : caps;
        for (; cap != PAWL_JSON_NONE; cap = pawl_json_next(json, cap)) {
            if (pawl_slice_equal(pawl_json_string(json, pawl_json_get(json, cap, "unit"), arena),
                                 unit)) {
                int64_t limit = pawl_json_count_or(json, pawl_json_get(json, cap, "limit"), 0);
                int64_t spent = pawl_json_count_or(json, pawl_json_get(json, cap, "spent"), 0);
                printf(": %s in all", pawl_cap_format(index, limit, text));
                printf(", %s spent", pawl_cap_format(index, spent, text));
            }
        }
    }
    puts("");
}

static void print_answer(const struct pawl_cli_call *call,
                         const char *id,
                         bool approved,
                         struct pawl_slice answer)
{
    if (pawl_cli_has(call, OPTION_JSON)) {
        printf("%.*s\n", (int)answer.bytes, answer.data);
        return;
    }
    struct pawl_arena arena;
    struct pawl_json json;
    char phase[PAWL_CLI_TEXT_BYTES] = "";
    pawl_arena_init(&arena, ARENA_BYTES);
    bool read = pawl_json_parse(&arena, answer, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json);
    if (read && pawl_json_get(&json, 0, "phase") != PAWL_JSON_NONE) {
        (void)pawl_cli_plain(pawl_json_string_raw(&json, pawl_json_get(&json, 0, "phase")), phase,
                             sizeof(phase));
    }
    const char *of = phase[0] != '\0' ? " of " : "";
    if (!read) {
        printf("%s: done\n", id);
    } else if (approved) {
        printf("%s%s%s goes on", phase, of, id);
        print_switch(&json, &arena);
        print_given(&json, phase, &arena);
    } else {
        printf("%s%s%s is told no\n", phase, of, id);
    }
    pawl_arena_free(&arena);
}

/* --- Too late -------------------------------------------------------------------------------- */

struct ended {
    bool found;
    bool completed;
    struct pawl_go_on go_on;
    char successor[PAWL_RUN_ID_BYTES];
};

static bool take_run(void *arg, const struct pawl_history_run *run)
{
    struct ended *ended = arg;
    ended->found = true;
    ended->completed = pawl_slice_equal_str(run->reason, "completed");
    pawl_go_on_read(run, &ended->go_on);
    return false;
}

static bool take_successor(void *arg, const struct pawl_history_run *run)
{
    struct ended *ended = arg;
    (void)pawl_slice_copy_str(run->id, ended->successor, sizeof(ended->successor));
    return false;
}

static int read_ended(const struct pawl_cli_call *call, const char *id, struct ended *ended)
{
    struct pawl_datadir dir;
    struct pawl_history *history = NULL;
    struct pawl_errmsg msg = {""};
    const char *data_dir = pawl_cli_value(call, OPTION_DATA_DIR);
    int status = pawl_cli_open_history(call, data_dir, &dir, &history);
    if (status != PAWL_EXIT_OK || history == NULL) {
        return status;
    }
    (void)pawl_cli_settle_run(call, &dir, history, id);
    struct pawl_history_filter itself = {.limit = 1, .id_prefix = pawl_slice_str(id)};
    struct pawl_history_filter after = {.limit = 1, .resumed_from = pawl_slice_str(id)};
    pawl_err err = pawl_history_runs(history, &itself, take_run, ended, &msg);
    if (pawl_ok(err)) {
        err = pawl_history_runs(history, &after, take_successor, ended, &msg);
    }
    (void)pawl_failed(pawl_history_close(history, &msg)); /* It was only read. */
    return pawl_ok(err) ? PAWL_EXIT_OK : pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
}

/* A run that is over cannot be given more, but may go on: with more of the cap that ended it. */
static int tell_how_to_go_on(const struct pawl_cli_call *call, const char *id)
{
    struct ended ended = {.found = false};
    int status = read_ended(call, id, &ended);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    if (ended.completed) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED,
                              "%s was completed: it needs nothing any more", id);
    }
    if (ended.successor[0] != '\0') {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s has ended, and went on in %s", id,
                              ended.successor);
    }
    struct pawl_buf command;
    char limit[PAWL_CLI_TEXT_BYTES];
    pawl_buf_init(&command, BODY_BYTES_MAX);
    pawl_go_on_put_command(&ended.go_on, id, pawl_cli_value(call, OPTION_DATA_DIR), false,
                           &command);
    bool shared = ended.go_on.limit[0] != '\0';
    status = pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s has ended. To go on: %s%s%s%s", id,
                            pawl_buf_cstr(&command), shared ? ", when " : "",
                            pawl_cli_plain(pawl_slice_str(ended.go_on.limit), limit, sizeof(limit)),
                            shared ? " has reset or is raised: see pawl limit" : "");
    pawl_buf_free(&command);
    return status;
}

/* An answer that did not arrive: what to do instead. */
static int tell_why_not(const struct pawl_cli_call *call,
                        const char *id,
                        bool approved,
                        pawl_err err,
                        const struct pawl_errmsg *msg)
{
    bool gone = err.code == PAWL_ERR_UNREACHABLE || err.code == PAWL_ERR_NOT_FOUND;
    return gone && approved ? tell_how_to_go_on(call, id) : pawl_cli_no_answer(call, id, err, msg);
}

static int answer(const struct pawl_cli_call *call, bool approved, const int64_t *added)
{
    struct pawl_datadir dir;
    char id[PAWL_RUN_ID_BYTES];
    int status =
        pawl_cli_open_run(call, pawl_cli_value(call, OPTION_DATA_DIR), call->operands[0], &dir, id);
    if (status != PAWL_EXIT_OK) {
        return status;
    }
    struct pawl_errmsg msg = {""};
    struct pawl_buf request;
    struct pawl_buf reply;
    pawl_buf_init(&request, BODY_BYTES_MAX);
    pawl_buf_init(&reply, PAWL_LIVE_ANSWER_MAX);
    write_request(pawl_cli_value(call, OPTION_PHASE), added, &request);
    pawl_err err = pawl_live_post(&dir, id, approved ? "/approve" : "/deny",
                                  pawl_buf_slice(&request), ASK_MS, &reply, &msg);
    if (pawl_ok(err)) {
        print_answer(call, id, approved, pawl_buf_slice(&reply));
        status = PAWL_EXIT_OK;
    } else {
        status = tell_why_not(call, id, approved, err, &msg);
    }
    pawl_buf_free(&request);
    pawl_buf_free(&reply);
    return status;
}

static int run_approve(const struct pawl_cli_call *call)
{
    int64_t added[PAWL_CAP_COUNT];
    int status = pawl_cli_take_added(call, OPTION_ADD_FIRST, added);
    return status == PAWL_CLI_GO_ON ? answer(call, true, added) : status;
}

static int run_deny(const struct pawl_cli_call *call)
{
    return answer(call, false, NULL);
}

const struct pawl_cli_command pawl_cli_command_approve = {
    .name = "approve",
    .operands = "RUN",
    .summary = "give a run more, or what it asks for",
    .text =
        "Raises the caps of a live run by what is named, lifts the stop at its cap, and lets the\n"
        "call go on that waits for it. Without an amount the run gets what it asks for. With\n"
        "--phase a phase of it gets more, and the run's own caps stay as they are. RUN is an\n"
        "id or the beginning of one, a name, or 'last'. A run that has ended goes on with\n"
        "'pawl run --resume RUN'.",
    .examples = "  pawl approve last\n"
                "  pawl approve last --add-usd 1.00 --add-time 30m\n"
                "  pawl approve last --phase verification --add-usd 0.20",
    .options = approve_options,
    .option_count = PAWL_ARRAY_LEN(approve_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_approve,
};

const struct pawl_cli_command pawl_cli_command_deny = {
    .name = "deny",
    .operands = "RUN",
    .summary = "say no to a run that asks for more",
    .text =
        "Answers the open question of a live run with no: the call that waits for it is refused,\n"
        "and the run is stopped at its cap. A no to a phase stops nothing: no more of it is run,\n"
        "and the rest goes on.",
    .examples = "  pawl deny last",
    .options = deny_options,
    .option_count = PAWL_ARRAY_LEN(deny_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_deny,
};
