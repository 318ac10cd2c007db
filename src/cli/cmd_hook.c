/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_hook.c: `pawl hook AGENT`: what pawl has an agent call before it runs a tool. It reads the
 * hook's JSON, asks the live run, and answers in the words of that agent.
 *
 * Whatever goes wrong, the answer is no: a tool call that nobody counted must not run. Claude Code
 * and Gemini CLI stop at a no. Codex does not, and discards an answer that asks it to; but the run
 * is stopped by then, so its next model call is refused.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/commands.h"
#include "run/agents.h"
#include "run/live.h"

enum { OPTION_RUN = 1, OPTION_DATA_DIR };

enum {
    INPUT_BYTES_MAX = 64 << 20, /* a file to be written stands in it */
    ARENA_BYTES_MAX = 512 << 20,
    QUESTION_BYTES_MAX = 49152,
    ARGUMENTS_BYTES_MAX = 16384, /* as much of the tool's arguments as tells what it is for */
    TEXT_BYTES_MAX = 256,        /* of a tool's name and id: what is longer is cut */
    TELL_MS = 2000
};

static const struct pawl_cli_option options[] = {
    {OPTION_RUN, 0, "run", "RUN", "the run to ask (default $PAWL_RUN_ID)"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

struct hook {
    enum pawl_agent agent;
    struct pawl_arena arena;
    bool refused;
    bool goes_on;      /* only this tool call is */
    const char *tells; /* it asks nothing: what it posts to; NULL: it asks about a tool */
    char reason[1024];
    char context[1024]; /* what the agent should know, beside a yes */
};

PAWL_PRINTF(2, 3) static void refuse(struct hook *hook, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    hook->refused = true;
    (void)vsnprintf(hook->reason, sizeof(hook->reason), format, arguments);
    va_end(arguments);
}

/* --- The question ---------------------------------------------------------------------------- */

static bool read_input(struct pawl_buf *input)
{
    for (;;) {
        char *room = pawl_buf_reserve(input, 65536);
        ssize_t bytes = room != NULL ? read(STDIN_FILENO, room, 65536) : -1;
        if (bytes <= 0) {
            return bytes == 0;
        }
        pawl_buf_advance(input, (size_t)bytes);
    }
}

static void put_cut(struct pawl_json_writer *writer, const char *key, struct pawl_slice text)
{
    char plain[TEXT_BYTES_MAX + 1];
    if (!pawl_slice_empty(text)) {
        pawl_json_member_str(writer, key, pawl_cli_plain(text, plain, sizeof(plain)));
    }
}

/* JSON as it stands there, in one line: what is below a blank can only be white space between its
 * words. */
static void
put_arguments(struct hook *hook, struct pawl_json_writer *writer, struct pawl_slice arguments)
{
    struct pawl_slice cut = pawl_slice_sub(arguments, 0, ARGUMENTS_BYTES_MAX);
    char *line = pawl_arena_alloc(&hook->arena, cut.bytes + 1);
    if (line == NULL || cut.bytes == 0) {
        return;
    }
    for (size_t i = 0; i < cut.bytes; i++) {
        line[i] = (unsigned char)cut.data[i] < ' ' || cut.data[i] == 0x7f ? ' ' : cut.data[i];
    }
    pawl_json_member_string(writer, "input", pawl_slice_of(line, cut.bytes));
}

/* {"tool":…,"id":…,"input":…} of what the agent tells; false: it tells of no tool. */
static bool make_question(struct hook *hook, struct pawl_slice input, struct pawl_buf *question)
{
    struct pawl_json json;
    if (!pawl_json_parse(&hook->arena, input, PAWL_JSON_FORWARD, PAWL_JSON_LIMITS_DEFAULT, &json) ||
        !pawl_json_is(&json, 0, PAWL_JSON_OBJECT)) {
        return false;
    }
    uint32_t event = pawl_json_get(&json, 0, "hook_event_name");
    if (pawl_json_string_is(&json, event, "UserPromptSubmit") ||
        pawl_json_string_is(&json, event, "BeforeAgent")) {
        hook->tells = "/prompt";
    } else if (pawl_json_string_is(&json, event, "AfterTool")) {
        hook->tells = "/context";
    }
    if (hook->tells != NULL) {
        return true;
    }
    uint32_t tool = pawl_json_get(&json, 0, "tool_name");
    uint32_t id = pawl_json_get(&json, 0, "tool_use_id");
    if (!pawl_json_is(&json, tool, PAWL_JSON_STRING)) {
        return false;
    }
    struct pawl_json_writer writer;
    pawl_json_writer_init(&writer, question);
    pawl_json_object_begin(&writer);
    put_cut(&writer, "tool", pawl_json_string(&json, tool, &hook->arena));
    if (pawl_json_is(&json, id, PAWL_JSON_STRING)) {
        put_cut(&writer, "id", pawl_json_string(&json, id, &hook->arena));
    }
    if (hook->agent != PAWL_AGENT_GEMINI) {
        pawl_json_member_str(&writer, "context", "wanted"); /* Gemini CLI takes it behind a tool. */
    }
    put_arguments(hook, &writer, pawl_json_raw(&json, pawl_json_get(&json, 0, "tool_input")));
    pawl_json_object_end(&writer);
    return true;
}

static void take_answer(struct hook *hook, struct pawl_slice answer)
{
    struct pawl_json json;
    if (!pawl_json_parse(&hook->arena, answer, PAWL_JSON_LEDGER, PAWL_JSON_LIMITS_DEFAULT, &json)) {
        refuse(hook, "pawl: the run's answer cannot be read (%s)",
               pawl_json_error_name(json.error));
        return;
    }
    uint32_t context = pawl_json_get(&json, 0, "context");
    if (pawl_json_is(&json, context, PAWL_JSON_STRING)) {
        (void)pawl_slice_copy_str(pawl_json_string(&json, context, &hook->arena), hook->context,
                                  sizeof(hook->context));
    }
    if (hook->tells != NULL ||
        pawl_json_string_is(&json, pawl_json_get(&json, 0, "decision"), "allow")) {
        return;
    }
    uint32_t message = pawl_json_get(&json, 0, "message");
    struct pawl_slice words = PAWL_SLICE("pawl: the tool call is refused");
    if (pawl_json_is(&json, message, PAWL_JSON_STRING)) {
        words = pawl_json_string(&json, message, &hook->arena);
    }
    hook->refused = true;
    hook->goes_on = pawl_json_bool_or(&json, pawl_json_get(&json, 0, "goes_on"), false);
    (void)pawl_slice_copy_str(words, hook->reason, sizeof(hook->reason));
}

/* A prompt is a sign of a person, and the end of a tool a moment to tell the agent something.
 * Neither is ever held up: whatever goes wrong, nothing is said. */
static void tell(struct hook *hook, const struct pawl_cli_call *call)
{
    struct pawl_datadir dir;
    struct pawl_errmsg ignored = {""};
    const char *run = pawl_cli_value(call, OPTION_RUN);
    run = run != NULL ? run : getenv("PAWL_RUN_ID");
    if (run == NULL || !pawl_run_id_valid(run) ||
        pawl_failed(pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &ignored))) {
        return;
    }
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    if (pawl_ok(
            pawl_live_post(&dir, run, hook->tells, PAWL_SLICE("{}"), TELL_MS, &answer, &ignored))) {
        take_answer(hook, pawl_buf_slice(&answer));
        hook->refused = false;
    }
    pawl_buf_free(&answer);
}

static void ask(struct hook *hook, const struct pawl_cli_call *call, struct pawl_slice question)
{
    struct pawl_datadir dir;
    struct pawl_errmsg msg = {""};
    const char *run = pawl_cli_value(call, OPTION_RUN);
    run = run != NULL ? run : getenv("PAWL_RUN_ID");
    if (run == NULL || !pawl_run_id_valid(run)) {
        refuse(hook, "pawl: this tool call cannot be counted, so it is refused: neither --run nor "
                     "PAWL_RUN_ID names a run");
        return;
    }
    struct pawl_buf answer;
    pawl_buf_init(&answer, PAWL_LIVE_ANSWER_MAX);
    pawl_err err = pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &dir, &msg);
    if (pawl_ok(err)) {
        err = pawl_live_post(&dir, run, "/tool-call", question, PAWL_AGENT_HOOK_ANSWER_MS, &answer,
                             &msg);
    }
    if (pawl_ok(err)) {
        take_answer(hook, pawl_buf_slice(&answer));
    } else {
        refuse(hook, "pawl: this tool call cannot be counted, so it is refused: %s", msg.text);
    }
    pawl_buf_free(&answer);
}

/* --- The answer ------------------------------------------------------------------------------ */

/* Claude Code and Codex: {"hookSpecificOutput":{…deny…}}; Claude Code is told to stop as well. */
static void put_deny(const struct hook *hook, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "hookSpecificOutput");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "hookEventName", "PreToolUse");
    pawl_json_member_str(writer, "permissionDecision", "deny");
    pawl_json_member_str(writer, "permissionDecisionReason", hook->reason);
    pawl_json_object_end(writer);
}

/* Beside a yes. Each of the three puts it into the conversation. */
static void put_context(const struct hook *hook, struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "hookSpecificOutput");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "hookEventName",
                         hook->agent == PAWL_AGENT_GEMINI ? "AfterTool" : "PreToolUse");
    pawl_json_member_str(writer, "additionalContext", hook->context);
    pawl_json_object_end(writer);
}

static void put_stop(const struct hook *hook, struct pawl_json_writer *writer)
{
    if (hook->goes_on) {
        return; /* A phase is at its limit, and the rest of the work is not. */
    }
    pawl_json_member_bool(writer, "continue", false);
    pawl_json_member_str(writer, "stopReason", hook->reason);
}

static void put_refusal(const struct hook *hook, struct pawl_json_writer *writer)
{
    switch (hook->agent) {
    case PAWL_AGENT_CLAUDE:
        put_deny(hook, writer);
        put_stop(hook, writer);
        break;
    case PAWL_AGENT_CODEX:
        put_deny(hook, writer);
        break;
    case PAWL_AGENT_GEMINI:
        pawl_json_member_str(writer, "decision", "deny");
        pawl_json_member_str(writer, "reason", hook->reason);
        put_stop(hook, writer);
        break;
    case PAWL_AGENT_NONE:
    case PAWL_AGENT_COUNT:
        break;
    }
}

/* Nothing at all means: go on as usual. */
static void answer(const struct hook *hook)
{
    if (!hook->refused && hook->context[0] == '\0') {
        return;
    }
    struct pawl_buf out;
    struct pawl_json_writer writer;
    pawl_buf_init(&out, QUESTION_BYTES_MAX);
    pawl_json_writer_init(&writer, &out);
    pawl_json_object_begin(&writer);
    if (!hook->refused) {
        put_context(hook, &writer);
    } else {
        put_refusal(hook, &writer);
    }
    pawl_json_object_end(&writer);
    pawl_cli_print_line(&out);
}

static int run_hook(const struct pawl_cli_call *call)
{
    struct hook hook = {.refused = false};
    struct pawl_buf input;
    struct pawl_buf question;
    if (!pawl_agent_by_name(call->operands[0], &hook.agent) || hook.agent == PAWL_AGENT_NONE) {
        return pawl_cli_usage_error(call, "AGENT is claude, codex or gemini, not '%s'",
                                    call->operands[0]);
    }
    pawl_arena_init(&hook.arena, ARENA_BYTES_MAX);
    pawl_buf_init(&input, INPUT_BYTES_MAX);
    pawl_buf_init(&question, QUESTION_BYTES_MAX);
    if (!read_input(&input) || !make_question(&hook, pawl_buf_slice(&input), &question)) {
        refuse(&hook, "pawl: this tool call cannot be counted, so it is refused: the hook was not "
                      "told which tool is meant");
    } else if (hook.tells != NULL) {
        tell(&hook, call);
    } else {
        ask(&hook, call, pawl_buf_slice(&question));
    }
    answer(&hook);
    pawl_buf_free(&question);
    pawl_buf_free(&input);
    pawl_arena_free(&hook.arena);
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_hook = {
    .name = "hook",
    .operands = "AGENT",
    .summary = "count a tool call before it runs; for the agents' hooks",
    .text =
        "Reads what AGENT (claude, codex, gemini) tells its hooks before a tool call, asks the "
        "run,\n"
        "and answers in that agent's form: nothing, or that the call is refused. 'pawl run' has\n"
        "these agents call it; nobody needs to set it up.",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_min = 1,
    .operands_max = 1,
    .hidden = true,
    .run = run_hook,
};
