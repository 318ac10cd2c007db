/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.c: what one run puts into its agent (agents.h). The plan is made twice: once before
 * anything of the run exists, so that a command which would call past the gateway leaves no trace;
 * and once with the gateway's port, the secret and the run's directory in it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/run_priv.h"

enum { LINE_BYTES = 1024 };

static pawl_err
make_plan(struct pawl_run *run, const char *address, const char *run_dir, struct pawl_errmsg *msg)
{
    char program[PAWL_PATH_BYTES];
    struct pawl_agent_request request = {
        .command = pawl_agent_of(run->options->argv),
        .argv = run->options->argv,
        .get = pawl_environ_get,
        .as_root = geteuid() == 0,
        .cwd = run->cwd,
        .run_id = run->rundir.id,
        .run_dir = run_dir,
        .data_dir = run->dir.path,
        .pawl = pawl_agent_hook_program(program),
        .address = address,
    };
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

pawl_err pawl_run_check_agent(struct pawl_run *run, struct pawl_errmsg *msg)
{
    pawl_err err = make_plan(run, "http://127.0.0.1:0/-", run->dir.path, msg);
    if (pawl_ok(err)) {
        err = take_upstream(run, msg);
    }
    const struct pawl_run_cap *tools = &run->options->caps[PAWL_CAP_TOOL_CALLS];
    if (pawl_ok(err) && run->agent == PAWL_AGENT_CODEX && !run->agent_plan.hooks &&
        tools->origin == PAWL_ORIGIN_FLAG) {
        pawl_errmsg_set(msg,
                        "--max-tool-calls cannot be kept: Codex runs tools from scripts, so "
                        "only its hooks see each of them, and %s",
                        run->agent_plan.no_hooks);
        err = PAWL_ERR(UNSUPPORTED);
    }
    pawl_agent_free_plan(&run->agent_plan);
    return err;
}

static void say_notes(struct pawl_run *run)
{
    for (size_t i = 0; i < run->agent_plan.note_count; i++) {
        struct pawl_buf line;
        pawl_buf_init(&line, LINE_BYTES);
        pawl_buf_printf(&line, "pawl: %s\n", run->agent_plan.notes[i]);
        pawl_run_say(run, &line);
        pawl_buf_free(&line);
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
    return err;
}

void pawl_run_clean_agent(struct pawl_run *run)
{
    if (run->rundir.path[0] != '\0') {
        pawl_agent_clean(&run->agent_plan, run->rundir.path);
    }
    pawl_agent_free_plan(&run->agent_plan);
}
