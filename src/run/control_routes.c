/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_routes.c: what a live run answers on its socket (docs/RUN.md). A new row is a new member
 * of the table below and its handler above it; what a handler changes is durable before it answers.
 */
#define _GNU_SOURCE
#include "run/control.h"

#include "base/json.h"
#include "journal/copy.h"
#include "run/run_priv.h"
#include "run/status.h"

/* GET …/run: where it stands. */
static void
show_status(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    (void)values;
    struct pawl_status status = {0};
    struct pawl_buf body;
    pawl_run_fill_status(arg, &status);
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_status_write(&status, &body);
    pawl_control_reply(exchange, &body);
}

/* POST …/run/stop: everything below the keeper is ended at once. It is acknowledged when it has
 * begun; the run answers until its tree is gone and its calls are booked. */
static void
stop(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    (void)values;
    struct pawl_run *run = arg;
    pawl_run_stop(run);
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", run->rundir.id);
    pawl_json_member_str(&writer, "state", "ending");
    pawl_json_object_end(&writer);
    pawl_control_reply(exchange, &body);
}

/* What the agent should know of its phase, if there is something to tell now. */
static void put_context(struct pawl_run *run, struct pawl_json_writer *writer)
{
    struct pawl_buf context;
    pawl_buf_init(&context, PAWL_CONTROL_ANSWER_MAX);
    if (pawl_run_phase_context(run, &context)) {
        pawl_json_member_string(writer, "context", pawl_buf_slice(&context));
    }
    pawl_buf_free(&context);
}

/* POST …/run/tool-call: an agent's hook asks before it runs a tool (docs/AGENTS.md). */
struct tool_call {
    struct pawl_run *run; /* NULL: nothing is to be told beside a yes */
    struct pawl_http_exchange *exchange;
};

static void answer_tool_call(void *arg, const struct pawl_gateway_verdict *verdict)
{
    const struct tool_call *call = arg;
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "decision", verdict->allowed ? "allow" : "refuse");
    if (!verdict->allowed) {
        pawl_json_member_str(&writer, "reason", pawl_refusal_name(verdict->refusal));
        if (pawl_unit_name(verdict->unit) != NULL) {
            pawl_json_member_str(&writer, "unit", pawl_unit_name(verdict->unit));
        }
        pawl_json_member_str(&writer, "message", verdict->message);
        pawl_json_member_bool(&writer, "goes_on", verdict->goes_on);
    } else if (call->run != NULL) {
        put_context(call->run, &writer);
    }
    pawl_json_object_end(&writer);
    pawl_control_reply(call->exchange, &body);
}

enum tool_call_field { TOOL_CALL_TOOL, TOOL_CALL_ID, TOOL_CALL_INPUT, TOOL_CALL_CONTEXT };

static const struct pawl_control_field tool_call_fields[] = {
    [TOOL_CALL_TOOL] = {"tool", PAWL_CONTROL_TEXT, true},
    [TOOL_CALL_ID] = {"id", PAWL_CONTROL_TEXT, false},
    [TOOL_CALL_INPUT] = {"input", PAWL_CONTROL_TEXT, false},
    [TOOL_CALL_CONTEXT] = {"context", PAWL_CONTROL_TEXT, false},
};

static void
ask_tool(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    struct pawl_run *run = arg;
    struct tool_call *call = pawl_arena_alloc(pawl_http_exchange_arena(exchange), sizeof(*call));
    if (call == NULL) {
        pawl_control_refuse(exchange, PAWL_RESULT_LIMIT_REACHED, "no memory");
        return;
    }
    bool told = pawl_slice_equal_str(values[TOOL_CALL_CONTEXT].text, "wanted");
    *call = (struct tool_call){.run = told ? run : NULL, .exchange = exchange};
    struct pawl_gateway_question question = {
        .id = values[TOOL_CALL_ID].text,
        .tool = values[TOOL_CALL_TOOL].text,
        .input = values[TOOL_CALL_INPUT].text,
        .done = answer_tool_call,
        .arg = call,
    };
    pawl_gateway_ask_tool(run->gateway, &question);
}

/* POST …/run/approve: more of what it names, or of what is asked for. */
enum { APPROVE_ADD, APPROVE_BY, APPROVE_PHASE, APPROVE_FIELDS };
static const struct pawl_control_field approve_fields[APPROVE_FIELDS] = {
    [APPROVE_ADD] = {"add", PAWL_CONTROL_AMOUNTS, false},
    [APPROVE_BY] = {"by", PAWL_CONTROL_TEXT, false},
    [APPROVE_PHASE] = {"phase", PAWL_CONTROL_TEXT, false},
};

static void
approve(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    const struct pawl_control_value *add = &values[APPROVE_ADD];
    struct pawl_run *run = arg;
    if (pawl_control_is_inside(exchange, run->keeper.pid, "more for a run")) {
        return;
    }
    if (values[APPROVE_PHASE].given) {
        pawl_run_approve_phase(arg, exchange, values[APPROVE_PHASE].text, add->amounts,
                               add->amount_count, values[APPROVE_BY].text);
    } else {
        pawl_run_approve(arg, exchange, add->amounts, add->amount_count, values[APPROVE_BY].text);
    }
}

/* POST …/run/deny */
enum { DENY_BY, DENY_PHASE, DENY_FIELDS };
static const struct pawl_control_field deny_fields[DENY_FIELDS] = {
    [DENY_BY] = {"by", PAWL_CONTROL_TEXT, false},
    [DENY_PHASE] = {"phase", PAWL_CONTROL_TEXT, false},
};

static void
deny(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    if (values[DENY_PHASE].given) {
        pawl_run_deny_phase(arg, exchange, values[DENY_PHASE].text, values[DENY_BY].text);
    } else {
        pawl_run_deny(arg, exchange, values[DENY_BY].text);
    }
}

/* POST …/run/presence: somebody is there. */
static void
take_sign(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    (void)values;
    struct pawl_run *run = arg;
    pawl_presence_sign(&run->presence, run->clock.real_us(run->clock.arg));
    show_status(arg, exchange, NULL);
}

/* POST …/run/context: what the agent should know, for hooks that tell it behind a tool. */
static void tell_context(void *arg,
                         struct pawl_http_exchange *exchange,
                         const struct pawl_control_value *values)
{
    (void)values;
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    put_context(arg, &writer);
    pawl_json_object_end(&writer);
    pawl_control_reply(exchange, &body);
}

/* POST …/run/prompt: the agent was told something, as its hook says. */
static void
take_prompt(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    (void)values;
    pawl_run_prompted(arg);
    show_status(arg, exchange, NULL);
}

/* POST …/run/phase: which phase it is in from now on, or more for one. */
enum phase_field { PHASE_NAME, PHASE_ADD, PHASE_BY };

static const struct pawl_control_field phase_fields[] = {
    [PHASE_NAME] = {"name", PAWL_CONTROL_TEXT, true},
    [PHASE_ADD] = {"add", PAWL_CONTROL_AMOUNTS, false},
    [PHASE_BY] = {"by", PAWL_CONTROL_TEXT, false},
};

static void
set_phase(void *arg, struct pawl_http_exchange *exchange, const struct pawl_control_value *values)
{
    struct pawl_run *run = arg;
    const struct pawl_control_value *add = &values[PHASE_ADD];
    if (add->amount_count > 0 &&
        pawl_control_is_inside(exchange, run->keeper.pid, "more for a phase")) {
        return;
    }
    bool is_auto = pawl_slice_equal_str(values[PHASE_NAME].text, "auto");
    bool asked = false;
    int phase = PAWL_PHASE_NONE;
    if (!is_auto || add->amount_count > 0) {
        phase = pawl_run_phase_of(run, exchange, values[PHASE_NAME].text);
        if (phase == PAWL_PHASE_NONE) {
            return;
        }
    }
    if (add->amount_count == 0) {
        pawl_gateway_pin_phase(run->gateway, phase);
    } else if (!pawl_run_give_phase(run, exchange, phase, add->amounts, add->amount_count,
                                    values[PHASE_BY].text, &asked)) {
        return;
    }
    pawl_run_phases_reply(run, exchange);
}

/* POST …/run/journal/copy: the journal as it is now, for `pawl verify`. All that was acknowledged
 * is in it: nothing is being written while it is made. */
static void copy_journal(void *arg,
                         struct pawl_http_exchange *exchange,
                         const struct pawl_control_value *values)
{
    (void)values;
    struct pawl_run *run = arg;
    char name[PAWL_COPY_NAME_BYTES];
    struct pawl_errmsg msg = {""};
    if (pawl_control_is_inside(exchange, run->keeper.pid, "a copy of the journal")) {
        return;
    }
    pawl_engine_flush(run->engine);
    if (pawl_failed(pawl_copy_make(run->rundir.path, name, &msg))) {
        pawl_control_refuse(exchange, PAWL_RESULT_LIMIT_REACHED, "%s", msg.text);
        return;
    }
    struct pawl_buf body;
    struct pawl_json_writer writer;
    pawl_buf_init(&body, PAWL_CONTROL_ANSWER_MAX);
    pawl_json_writer_init(&writer, &body);
    pawl_json_object_begin(&writer);
    pawl_json_member_str(&writer, "run", run->rundir.id);
    pawl_json_member_str(&writer, "copy", name);
    pawl_json_object_end(&writer);
    pawl_control_reply(exchange, &body);
}

const struct pawl_control_route pawl_control_routes[] = {
    {"GET", PAWL_CONTROL_PATH, NULL, 0, show_status},
    {"POST", PAWL_CONTROL_PATH "/stop", NULL, 0, stop},
    {"POST", PAWL_CONTROL_PATH "/tool-call", tool_call_fields, PAWL_ARRAY_LEN(tool_call_fields),
     ask_tool},
    {"POST", PAWL_CONTROL_PATH "/phase", phase_fields, PAWL_ARRAY_LEN(phase_fields), set_phase},
    {"POST", PAWL_CONTROL_PATH "/approve", approve_fields, APPROVE_FIELDS, approve},
    {"POST", PAWL_CONTROL_PATH "/deny", deny_fields, DENY_FIELDS, deny},
    {"POST", PAWL_CONTROL_PATH "/presence", NULL, 0, take_sign},
    {"POST", PAWL_CONTROL_PATH "/context", NULL, 0, tell_context},
    {"POST", PAWL_CONTROL_PATH "/prompt", NULL, 0, take_prompt},
    {"POST", PAWL_CONTROL_PATH PAWL_CONTROL_COPY, NULL, 0, copy_journal},
};
const size_t pawl_control_route_count = PAWL_ARRAY_LEN(pawl_control_routes);
