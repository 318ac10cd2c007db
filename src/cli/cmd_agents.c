/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_agents.c: `pawl agents [NAME]`: what `pawl run` would put into each agent that it knows, here
 * and with the environment of now. It is the plan that a run follows (run/agents.h), with words in
 * the place of the port, the secret and the run's id.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/commands.h"
#include "run/agents.h"
#include "run/datadir.h"
#include "run/environ.h"
#include "run/wrap.h"

enum { OPTION_JSON = 1, OPTION_DATA_DIR };

enum { JSON_BYTES_MAX = 16 << 20, SETTINGS_BYTES_MAX = 1 << 20 };

static const struct pawl_cli_option options[] = {
    {OPTION_JSON, 0, "json", NULL, "one object a line"},
    {OPTION_DATA_DIR, 0, "data-dir", "DIR", "where runs are kept"},
};

static const char address[] = "http://127.0.0.1:PORT/SECRET";
static const char run_id[] = "RUN";

struct page {
    bool json;
    struct pawl_datadir dir;
    char cwd[PAWL_PATH_BYTES];
    char run_dir[2 * PAWL_PATH_BYTES];
};

static const char *kind_name(enum pawl_agent_item_kind kind)
{
    switch (kind) {
    case PAWL_AGENT_ENV:
        return "variable";
    case PAWL_AGENT_ARGUMENT:
        return "argument";
    case PAWL_AGENT_FILE:
        return "file";
    case PAWL_AGENT_LINK:
        return "link";
    case PAWL_AGENT_OVERLAY:
        return "directory";
    }
    return "";
}

/* --- As text --------------------------------------------------------------------------------- */

static void print_item(const struct pawl_agent_item *item)
{
    if (item->why != NULL) {
        printf("  %s (%s)\n", kind_name(item->kind), item->why);
    }
    switch (item->kind) {
    case PAWL_AGENT_ENV:
        printf("      %s=%s\n", item->name, item->value);
        break;
    case PAWL_AGENT_ARGUMENT:
        printf("      %s\n", item->value);
        break;
    case PAWL_AGENT_FILE:
        printf("      %s\n      %s\n", item->name, item->value);
        break;
    case PAWL_AGENT_LINK:
    case PAWL_AGENT_OVERLAY:
        printf("      %s -> %s\n", item->name, item->value);
        break;
    }
}

static void print_plan(const struct page *page,
                       enum pawl_agent agent,
                       const struct pawl_agent_plan *plan,
                       const struct pawl_errmsg *refused)
{
    char program[PAWL_PATH_BYTES];
    printf("%s (%s)\n", pawl_agent_name(agent), pawl_agent_title(agent));
    if (pawl_wrap_program(agent, pawl_environ_get, program)) {
        printf("  started by a script it gets the same: as %s/" PAWL_WRAP_DIR "/%s, before %s\n",
               page->run_dir, pawl_agent_name(agent), program);
    } else if (agent != PAWL_AGENT_NONE) {
        printf("  not on PATH: a script that starts it by its path goes past pawl\n");
    }
    if (refused != NULL) {
        printf("  refused: %s\n", refused->text);
        return;
    }
    for (size_t i = 0; i < plan->item_count; i++) {
        print_item(&plan->items[i]);
    }
    for (size_t i = 0; i < plan->note_count; i++) {
        printf("  note: %s\n", plan->notes[i]);
    }
    if (plan->no_hooks != NULL) {
        printf("  no hooks: %s\n", plan->no_hooks);
    }
}

/* --- As JSON --------------------------------------------------------------------------------- */

static void json_item(struct pawl_json_writer *json, const struct pawl_agent_item *item)
{
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "kind", kind_name(item->kind));
    if (item->name[0] != '\0') {
        pawl_json_member_str(json, "name", item->name);
    }
    pawl_json_member_str(json, "value", item->value);
    if (item->kind == PAWL_AGENT_ARGUMENT) {
        pawl_json_member_i64(json, "before", (int64_t)item->at);
    }
    if (item->why != NULL) {
        pawl_json_member_str(json, "why", item->why);
    }
    pawl_json_object_end(json);
}

/* What a script's start of it meets; null: it is not on PATH. */
static void
json_wrapper(const struct page *page, enum pawl_agent agent, struct pawl_json_writer *json)
{
    char program[PAWL_PATH_BYTES];
    char path[sizeof(page->run_dir) + 32];
    pawl_json_key(json, "wrapper");
    if (!pawl_wrap_program(agent, pawl_environ_get, program)) {
        pawl_json_put_null(json);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/" PAWL_WRAP_DIR "/%s", page->run_dir,
                   pawl_agent_name(agent));
    pawl_json_object_begin(json);
    pawl_json_member_str(json, "path", path);
    pawl_json_member_str(json, "program", program);
    pawl_json_object_end(json);
}

static void json_plan(const struct page *page,
                      enum pawl_agent agent,
                      const struct pawl_agent_plan *plan,
                      const struct pawl_errmsg *refused)
{
    struct pawl_buf line;
    struct pawl_json_writer json;
    pawl_buf_init(&line, JSON_BYTES_MAX);
    pawl_json_writer_init(&json, &line);
    pawl_json_object_begin(&json);
    pawl_json_member_str(&json, "agent", pawl_agent_name(agent));
    pawl_json_member_str(&json, "title", pawl_agent_title(agent));
    if (refused != NULL) {
        pawl_json_member_str(&json, "refused", refused->text);
    }
    pawl_json_member_bool(&json, "hooks", plan->hooks);
    if (plan->no_hooks != NULL) {
        pawl_json_member_str(&json, "no_hooks", plan->no_hooks);
    }
    if (agent != PAWL_AGENT_NONE) {
        json_wrapper(page, agent, &json);
    }
    pawl_json_key(&json, "items");
    pawl_json_array_begin(&json);
    for (size_t i = 0; i < plan->item_count && refused == NULL; i++) {
        json_item(&json, &plan->items[i]);
    }
    pawl_json_array_end(&json);
    pawl_json_key(&json, "notes");
    pawl_json_array_begin(&json);
    for (size_t i = 0; i < plan->note_count; i++) {
        pawl_json_put_str(&json, plan->notes[i]);
    }
    pawl_json_array_end(&json);
    pawl_json_object_end(&json);
    pawl_cli_print_line(&line);
}

/* --- Both ------------------------------------------------------------------------------------ */

static void show(const struct page *page,
                 enum pawl_agent agent,
                 const struct pawl_agent_plan *plan,
                 const struct pawl_errmsg *refused)
{
    if (page->json) {
        json_plan(page, agent, plan, refused);
    } else {
        print_plan(page, agent, plan, refused);
    }
}

/* The variables that every command gets. */
static void show_any(const struct page *page)
{
    struct pawl_agent_plan plan = {.item_count = 0};
    struct pawl_environ_gateway gateway = {.address = address, .run_id = run_id};
    struct pawl_buf settings;
    pawl_buf_init(&settings, SETTINGS_BYTES_MAX);
    pawl_environ_settings(pawl_environ_get, &gateway, &settings);
    size_t at = 0;
    size_t common = settings.bytes;
    pawl_wrap_settings(page->run_dir, pawl_environ_get, &settings);
    while (at < settings.bytes && plan.item_count < PAWL_AGENT_ITEMS_MAX) {
        char *name = settings.data + at;
        char *value = strchr(name, '=');
        const char *why = at == 0        ? "every command gets these"
                          : at == common ? "what gives the agents that a script starts the same"
                                         : NULL;
        at += strlen(name) + 1;
        *value = '\0';
        plan.items[plan.item_count++] = (struct pawl_agent_item){
            .kind = PAWL_AGENT_ENV,
            .name = name,
            .value = value + 1,
            .why = why,
        };
    }
    show(page, PAWL_AGENT_NONE, &plan, NULL);
    pawl_buf_free(&settings);
}

static void show_agent(const struct page *page, enum pawl_agent agent)
{
    char name[16];
    char program[PAWL_PATH_BYTES];
    (void)pawl_slice_copy_str(pawl_slice_str(pawl_agent_name(agent)), name, sizeof(name));
    char *const argv[] = {name, NULL};
    struct pawl_agent_plan plan;
    struct pawl_errmsg msg = {""};
    struct pawl_agent_request request = {
        .command = {agent, 1},
        .argv = argv,
        .get = pawl_environ_get,
        .as_root = geteuid() == 0,
        .cwd = page->cwd,
        .run_id = run_id,
        .run_dir = page->run_dir,
        .data_dir = page->dir.path,
        .pawl = pawl_agent_hook_program(program),
        .address = address,
    };
    pawl_err err = pawl_agent_make_plan(&request, &plan, &msg);
    show(page, agent, &plan, pawl_failed(err) ? &msg : NULL);
    pawl_agent_free_plan(&plan);
}

static int run_agents(const struct pawl_cli_call *call)
{
    struct page page = {.json = pawl_cli_has(call, OPTION_JSON)};
    struct pawl_errmsg msg = {""};
    enum pawl_agent only = PAWL_AGENT_COUNT;
    if (call->operand_count > 0 && !pawl_agent_by_name(call->operands[0], &only)) {
        return pawl_cli_usage_error(call, "AGENT is claude, codex, gemini or none, not '%s'",
                                    call->operands[0]);
    }
    if (pawl_failed(pawl_datadir_resolve(pawl_cli_value(call, OPTION_DATA_DIR), &page.dir, &msg))) {
        return pawl_cli_error(call, PAWL_EXIT_REFUSED, "%s", msg.text);
    }
    if (getcwd(page.cwd, sizeof(page.cwd)) == NULL) {
        page.cwd[0] = '\0';
    }
    (void)snprintf(page.run_dir, sizeof(page.run_dir), "%s/runs/%s", page.dir.path, run_id);
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        enum pawl_agent agent = (enum pawl_agent)i;
        if (only != PAWL_AGENT_COUNT && only != agent) {
            continue;
        }
        if (!page.json && i > 0 && only == PAWL_AGENT_COUNT) {
            fputc('\n', stdout);
        }
        if (agent == PAWL_AGENT_NONE) {
            show_any(&page);
        } else {
            show_agent(&page, agent);
        }
    }
    return PAWL_EXIT_OK;
}

const struct pawl_cli_command pawl_cli_command_agents = {
    .name = "agents",
    .operands = "[AGENT]",
    .summary = "what 'pawl run' puts into the agents that it knows",
    .text =
        "Shows for AGENT (claude, codex, gemini; none: any other), or for all of them, the "
        "variables,\n"
        "arguments and files that 'pawl run' would give it here so that no model call goes past\n"
        "the gateway, with the reason for each, and whether one that a script starts by its name\n"
        "gets the same. An agent whose calls would be paid elsewhere (CLAUDE_CODE_USE_BEDROCK) is\n"
        "shown as refused.",
    .examples = "  pawl agents claude\n"
                "  pawl agents --json | jq -r '.agent + \": \" + (.refused // \"fine\")'",
    .options = options,
    .option_count = PAWL_ARRAY_LEN(options),
    .operands_max = 1,
    .run = run_agents,
};
