/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_claude.c: Claude Code.
 *
 * `env` in its settings files (the user's, the project's, the local one) comes before the process's
 * environment, so an ANTHROPIC_BASE_URL there would lead past the gateway. What --settings
 * names comes before all three; so pawl gives a settings file of its own, with what the user gave
 * by --settings in it. It is a file because of the secret in the address.
 *
 * The hook asks pawl before each tool call. It is the second lock: the gateway has counted the call
 * in the model's answer before the agent sees it, and goes on doing so where hooks are switched
 * off. It says no for calls that were under way when the run was stopped.
 */
#include <string.h>

#include "run/agents_priv.h"

enum { SETTINGS_BYTES_MAX = 2 << 20 };

/* Other ways to a model, each with a bill of its own. */
static const char *const other_providers[] = {
    "CLAUDE_CODE_USE_BEDROCK",       "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",       "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_GATEWAY",
};

/* What runs somewhere else, or in a service that outlives pawl. */
static const char *const elsewhere[] = {"--bg", "--background", "--cloud", "--environment",
                                        "--desktop"};

static const char base_url[] = "ANTHROPIC_BASE_URL";
static const char socket_path[] = "ANTHROPIC_UNIX_SOCKET";

static pawl_err refuse_ways_out(const struct pawl_agent_request *request, struct pawl_errmsg *msg)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(other_providers); i++) {
        if (pawl_agent_is_on(request, other_providers[i])) {
            pawl_errmsg_set(msg,
                            "%s is set: Claude Code would call a provider that pawl cannot meter. "
                            "Unset it, or leave the agent's calls unmetered with --agent none",
                            other_providers[i]);
            return PAWL_ERR(UNSUPPORTED);
        }
    }
    if (pawl_agent_is_on(request, socket_path)) {
        pawl_errmsg_set(msg,
                        "%s is set: Claude Code's calls would go there and not to pawl. Unset "
                        "it, or use --agent none",
                        socket_path);
        return PAWL_ERR(UNSUPPORTED);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(elsewhere); i++) {
        if (pawl_agent_has_flag(request, elsewhere[i])) {
            pawl_errmsg_set(msg,
                            "claude %s runs outside of this process, where pawl can neither "
                            "meter nor end it",
                            elsewhere[i]);
            return PAWL_ERR(UNSUPPORTED);
        }
    }
    return PAWL_OK;
}

/* --- What other settings would have done ----------------------------------------------------- */

static void
note_file(const struct pawl_agent_request *request, struct pawl_agent_plan *plan, const char *path)
{
    struct pawl_json json;
    if (pawl_failed(pawl_agent_read_json(plan, path, &json))) {
        return; /* It is not there, or Claude Code itself will complain. */
    }
    uint32_t env = pawl_json_get(&json, 0, "env");
    const char *own = request->get(base_url);
    uint32_t address = env != PAWL_JSON_NONE ? pawl_json_get(&json, env, base_url) : env;
    if (address != PAWL_JSON_NONE && !pawl_json_string_is(&json, address, own != NULL ? own : "")) {
        pawl_agent_note(plan,
                        "%s sets %s, which counts only as a variable here: export it, and "
                        "calls go there through pawl",
                        path, base_url);
    }
    for (size_t i = 0; env != PAWL_JSON_NONE && i < PAWL_ARRAY_LEN(other_providers); i++) {
        uint32_t on = pawl_json_get(&json, env, other_providers[i]);
        if (on != PAWL_JSON_NONE &&
            (pawl_json_string_is(&json, on, "1") || pawl_json_string_is(&json, on, "true"))) {
            pawl_agent_note(plan,
                            "%s switches %s on, which is off under pawl: nothing could meter "
                            "it",
                            path, other_providers[i]);
        }
    }
}

/* Somebody who relies on one of these settings would wonder. */
static void note_settings(const struct pawl_agent_request *request, struct pawl_agent_plan *plan)
{
    const char *own = request->get("CLAUDE_CONFIG_DIR");
    const char *home = request->get("HOME");
    note_file(request, plan,
              own != NULL && own[0] != '\0'
                  ? pawl_agent_text(plan, "%s/settings.json", own)
                  : pawl_agent_text(plan, "%s/.claude/settings.json", home != NULL ? home : ""));
    note_file(request, plan, pawl_agent_text(plan, "%s/.claude/settings.json", request->cwd));
    note_file(request, plan, pawl_agent_text(plan, "%s/.claude/settings.local.json", request->cwd));
}

/* --- Settings -------------------------------------------------------------------------------- */

/* What the user gave by --settings: JSON, or a file with it. NULL text where nothing. */
static pawl_err read_given(const struct pawl_agent_option *option,
                           struct pawl_agent_plan *plan,
                           struct pawl_json *ret_json,
                           struct pawl_errmsg *msg)
{
    struct pawl_slice text = pawl_slice_trim(pawl_slice_str(option->value));
    bool inlined = pawl_slice_starts_with(text, PAWL_SLICE("{"));
    pawl_err err = inlined ? pawl_agent_parse_json(plan, text, ret_json)
                           : pawl_agent_read_json(plan, option->value, ret_json);
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "--settings %.200s cannot be read as a JSON object (%s)",
                        inlined ? "{…}" : option->value, pawl_err_name(err));
    }
    return err;
}

static void put_env(const struct pawl_agent_request *request,
                    struct pawl_agent_plan *plan,
                    const struct pawl_json *given,
                    struct pawl_json_writer *writer)
{
    const char *ours[PAWL_ARRAY_LEN(other_providers) + 3] = {base_url, socket_path};
    memcpy(ours + 2, other_providers, sizeof(other_providers));
    pawl_json_key(writer, "env");
    pawl_json_object_begin(writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, pawl_json_get(given, 0, "env"), ours, writer);
    }
    pawl_json_member_str(writer, base_url, pawl_agent_text(plan, "%s/anthropic", request->address));
    pawl_json_member_str(writer, socket_path, "");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(other_providers); i++) {
        pawl_json_member_str(writer, other_providers[i], "0");
    }
    pawl_json_object_end(writer);
}

static void put_hook(const struct pawl_agent_request *request,
                     struct pawl_agent_plan *plan,
                     bool tools,
                     struct pawl_json_writer *writer)
{
    pawl_json_object_begin(writer);
    pawl_json_key(writer, "hooks");
    pawl_json_array_begin(writer);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "type", "command");
    pawl_json_member_str(writer, "command", pawl_agent_hook_command(request, plan));
    pawl_json_member_i64(writer, "timeout",
                         tools ? PAWL_AGENT_HOOK_TIMEOUT_S : PAWL_AGENT_PROMPT_TIMEOUT_S);
    if (tools) {
        pawl_json_member_str(writer, "onFailure", "block"); /* else the tool runs uncounted */
    }
    pawl_json_object_end(writer);
    pawl_json_array_end(writer);
    pawl_json_object_end(writer);
}

static void put_hooks(const struct pawl_agent_request *request,
                      struct pawl_agent_plan *plan,
                      const struct pawl_json *given,
                      struct pawl_json_writer *writer)
{
    static const char *const ours[] = {"PreToolUse", "UserPromptSubmit", NULL};
    pawl_agent_put_hooks(request, plan, given, ours, put_hook, writer);
}

/* A file that is there and cannot be read may have one: then it is left alone. */
static bool file_has_status_line(struct pawl_agent_plan *plan, const char *path)
{
    struct pawl_json json;
    pawl_err err = pawl_agent_read_json(plan, path, &json);
    return pawl_ok(err) ? pawl_json_get(&json, 0, "statusLine") != PAWL_JSON_NONE
                        : err.code != PAWL_ERR_NOT_FOUND;
}

/* Whether the user has a status line already, in what was given or in a file. */
static bool has_status_line(const struct pawl_agent_request *request,
                            struct pawl_agent_plan *plan,
                            const struct pawl_json *given)
{
    static const char *const files[] = {".claude/settings.json", ".claude/settings.local.json"};
    const char *config = request->get("CLAUDE_CONFIG_DIR");
    const char *home = request->get("HOME");
    bool found = given != NULL && pawl_json_get(given, 0, "statusLine") != PAWL_JSON_NONE;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(files) && !found; i++) {
        found = file_has_status_line(plan, pawl_agent_text(plan, "%s/%s", request->cwd, files[i]));
    }
    if (!found && config != NULL && config[0] != '\0') {
        found = file_has_status_line(plan, pawl_agent_text(plan, "%s/settings.json", config));
    } else if (!found && home != NULL) {
        found = file_has_status_line(plan, pawl_agent_text(plan, "%s/%s", home, files[0]));
    }
    return found;
}

static void put_status_line(const struct pawl_agent_request *request,
                            struct pawl_agent_plan *plan,
                            struct pawl_json_writer *writer)
{
    pawl_json_key(writer, "statusLine");
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "type", "command");
    pawl_json_member_str(writer, "command", pawl_agent_statusline_command(request, plan));
    pawl_json_object_end(writer);
}

/* Returns the path of the file. */
static const char *put_settings(const struct pawl_agent_request *request,
                                struct pawl_agent_plan *plan,
                                const struct pawl_json *given)
{
    static const char *const ours[] = {"env", "hooks", NULL};
    struct pawl_buf text;
    struct pawl_json_writer writer;
    pawl_buf_init(&text, SETTINGS_BYTES_MAX);
    pawl_json_writer_init(&writer, &text);
    pawl_json_object_begin(&writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, 0, ours, &writer);
    }
    put_env(request, plan, given, &writer);
    put_hooks(request, plan, given, &writer);
    if (!has_status_line(request, plan, given)) {
        put_status_line(request, plan, &writer);
    }
    pawl_json_object_end(&writer);
    plan->full = plan->full || text.overflowed;
    const char *name =
        pawl_agent_file_name(request, plan, PAWL_AGENT_CLAUDE_FILE, ".json", pawl_buf_slice(&text));
    pawl_agent_file(plan, name, pawl_buf_slice(&text),
                    "settings that come before the user's, the project's and the local ones: the "
                    "gateway's address, no other provider, a hook that asks before each tool call");
    pawl_buf_free(&text);
    return pawl_agent_text(plan, "%s/%s", request->run_dir, name);
}

static bool skips_hooks(const struct pawl_agent_request *request)
{
    return pawl_agent_has_flag(request, "--bare") ||
           pawl_agent_is_on(request, "CLAUDE_CODE_SIMPLE");
}

pawl_err pawl_agent_plan_claude(const struct pawl_agent_request *request,
                                struct pawl_agent_plan *plan,
                                struct pawl_errmsg *msg)
{
    struct pawl_json json;
    struct pawl_agent_option option = {.at = 0};
    bool given = pawl_agent_find_option(request, "--settings", &option);
    bool done =
        given && pawl_agent_is_given(option.value, request->run_dir, PAWL_AGENT_CLAUDE_FILE);
    pawl_err err = refuse_ways_out(request, msg);
    plan->hooks = !skips_hooks(request);
    plan->no_hooks = plan->hooks ? NULL : "it is asked to skip hooks (--bare)";
    if (pawl_ok(err) && given && !done) {
        err = read_given(&option, plan, &json, msg);
    }
    if (pawl_failed(err)) {
        return err;
    }
    pawl_agent_env_default(plan, request, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1",
                           "no side traffic past the gateway");
    if (done) {
        return PAWL_OK;
    }
    note_settings(request, plan);
    const char *path = put_settings(request, plan, given ? &json : NULL);
    if (!given) {
        pawl_agent_argument(plan, request->command.first, "--settings", "names that file");
        pawl_agent_argument(plan, request->command.first, path, NULL);
    } else if (option.joined) {
        pawl_agent_replace(plan, option.at, pawl_agent_text(plan, "--settings=%s", path),
                           "in the place of yours, which is in it");
    } else {
        pawl_agent_replace(plan, option.at, path, "in the place of yours, which is in it");
    }
    return PAWL_OK;
}
