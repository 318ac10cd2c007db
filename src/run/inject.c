/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.c: what one run puts into its agent (agents.h). The plan is made twice: once before
 * anything of the run exists, so that a command which would call past the gateway leaves no trace;
 * and once with the gateway's port, the secret and the run's directory in it.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/run_priv.h"
#include "run/wrap.h"

enum { LINE_BYTES = 1024 };

/* Before there is a gateway. */
static const char no_address[] = "http://127.0.0.1:0/-";

static void set_request(const struct pawl_run *run,
                        const char *address,
                        const char *run_dir,
                        char pawl[static PAWL_PATH_BYTES],
                        struct pawl_agent_request *ret_request)
{
    *ret_request = (struct pawl_agent_request){
        .command = pawl_agent_of(run->options->argv),
        .argv = run->options->argv,
        .get = pawl_environ_get,
        .as_root = geteuid() == 0,
        .cwd = run->cwd,
        .run_id = run->rundir.id,
        .run_dir = run_dir,
        .data_dir = run->dir.path,
        .pawl = pawl_agent_hook_program(pawl),
        .address = address,
    };
}

static pawl_err
make_plan(struct pawl_run *run, const char *address, const char *run_dir, struct pawl_errmsg *msg)
{
    char pawl[PAWL_PATH_BYTES];
    struct pawl_agent_request request;
    set_request(run, address, run_dir, pawl, &request);
    if (run->options->agent_given) {
        request.command.agent = run->options->agent;
    }
    run->agent = request.command.agent;
    return pawl_agent_make_plan(&request, &run->agent_plan, msg);
}

/* Known only from the agent's own settings. */
static pawl_err take_upstream(struct pawl_run *run, struct pawl_errmsg *msg)
{
    const char *url = run->agent_plan.chatgpt_url;
    if (url == NULL ||
        pawl_environ_set_upstream(&run->upstreams, PAWL_UPSTREAM_CHATGPT, pawl_slice_str(url))) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg, "chatgpt_base_url of Codex's config.toml must be an address such as "
                         "https://host/path");
    return PAWL_ERR(INVALID);
}

/* Whether somebody has set a cap on tool calls, which is not a default's then. */
static bool caps_tool_calls(const struct pawl_run *run)
{
    return run->options->caps[PAWL_CAP_TOOL_CALLS].origin == PAWL_ORIGIN_FLAG;
}

/* Whether agents that the command starts are to be met. */
static bool wraps(const struct pawl_run *run)
{
    return !run->options->agent_given || run->options->agent != PAWL_AGENT_NONE;
}

/* One that a script may start could call where its own settings say. What is wrong with them is
 * said when it is started. */
static void look_at_hidden_codex(struct pawl_run *run)
{
    static char name[] = "codex";
    char *const argv[] = {name, NULL};
    char program[PAWL_PATH_BYTES];
    struct pawl_errmsg ignored = {""};
    if (!pawl_wrap_program(PAWL_AGENT_CODEX, pawl_environ_get, program)) {
        return;
    }
    struct pawl_agent_request request;
    char pawl[PAWL_PATH_BYTES];
    set_request(run, no_address, run->dir.path, pawl, &request);
    request.argv = argv;
    request.command = (struct pawl_agent_command){PAWL_AGENT_CODEX, 1};
    if (pawl_ok(pawl_agent_make_plan(&request, &run->agent_plan, &ignored))) {
        (void)pawl_failed(take_upstream(run, &ignored));
    }
    pawl_agent_free_plan(&run->agent_plan);
}

pawl_err pawl_run_check_agent(struct pawl_run *run, struct pawl_errmsg *msg)
{
    pawl_err err = make_plan(run, no_address, run->dir.path, msg);
    if (pawl_ok(err)) {
        err = take_upstream(run, msg);
    }
    if (pawl_ok(err) && caps_tool_calls(run)) {
        err = pawl_agent_check_hooks(run->agent, &run->agent_plan, msg);
    }
    pawl_agent_free_plan(&run->agent_plan);
    if (pawl_ok(err) && run->agent != PAWL_AGENT_CODEX && wraps(run)) {
        look_at_hidden_codex(run);
    }
    return err;
}

PAWL_PRINTF(2, 3) static void say(struct pawl_run *run, const char *format, ...)
{
    char words[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    struct pawl_buf line;
    pawl_buf_init(&line, LINE_BYTES + sizeof("pawl: \n"));
    pawl_buf_printf(&line, "pawl: %s\n", words);
    (void)pawl_run_say(run, &line);
    pawl_buf_free(&line);
}

static void say_notes(struct pawl_run *run)
{
    for (size_t i = 0; i < run->agent_plan.note_count; i++) {
        say(run, "%s", run->agent_plan.notes[i]);
    }
}

/* A run without them is bounded as far as its agents take addresses from their environment. */
static void wrap(struct pawl_run *run, const char *address, struct pawl_buf *settings)
{
    struct pawl_errmsg msg = {""};
    struct pawl_wrap facts = {
        .data_dir = run->dir.path,
        .address = address,
        .tool_calls_capped = caps_tool_calls(run),
        .quiet = run->options->quiet,
    };
    if (pawl_failed(pawl_wrap_make(&run->rundir, &facts, pawl_environ_get, settings, &msg))) {
        say(run, "an agent that a script starts may go past pawl: %s", msg.text);
    }
}

pawl_err pawl_run_inject(struct pawl_run *run,
                         const char *address,
                         struct pawl_buf *settings,
                         struct pawl_buf *edits,
                         struct pawl_errmsg *msg)
{
    pawl_err err = make_plan(run, address, run->rundir.path, msg);
    if (pawl_ok(err)) {
        say_notes(run);
        err = pawl_agent_apply(&run->agent_plan, run->rundir.path, settings, edits, msg);
    }
    pawl_agent_free_plan(&run->agent_plan);
    if (pawl_ok(err) && wraps(run)) {
        wrap(run, address, settings);
    }
    return err;
}

void pawl_run_clean_agent(struct pawl_run *run)
{
    if (run->rundir.path[0] != '\0') {
        pawl_agent_clean(run->rundir.path, run->rundir.id, false);
    }
}
