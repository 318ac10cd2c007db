/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_gemini.c: Gemini CLI.
 *
 * With an address in its environment and no login chosen, it chooses one that it then refuses
 * to start with; with another login chosen (oauth-personal, vertex-ai) its calls go elsewhere. So
 * the login has to be set in settings that come before the user's:
 *
 *   system settings  come before all others, but are read only from a file that is root's, in
 *                    directories that are root's: where pawl runs as root;
 *   another home     else: a directory with settings made of the user's and pawl's, and links to
 *                    everything else in ~/.gemini. A project's settings come before these, so one
 *                    that chooses another login is refused.
 *
 * Its tool calls stand in the model's answers and are counted there; the hook is the second lock.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "run/agents_priv.h"
#include "run/datadir.h"

enum { SETTINGS_BYTES_MAX = 2 << 20, MS_PER_S = 1000 };

static const char key_login[] = "gemini-api-key";
static const char system_path[] = "/etc/gemini-cli/settings.json";
static const char system_variable[] = "GEMINI_CLI_SYSTEM_SETTINGS_PATH";
static const char defaults_variable[] = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH";

static const char *
value_or(const struct pawl_agent_request *request, const char *name, const char *fallback)
{
    const char *value = request->get(name);
    return value != NULL && value[0] != '\0' ? value : fallback;
}

static const char *directory_of(struct pawl_agent_plan *plan, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? "." : pawl_agent_text(plan, "%.*s", (int)(slash - path), path);
}

/* --- Ways out -------------------------------------------------------------------------------- */

static pawl_err refuse_ways_out(const struct pawl_agent_request *request, struct pawl_errmsg *msg)
{
    static const char *const others[] = {"GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA",
                                         "GEMINI_CLI_USE_COMPUTE_ADC"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(others); i++) {
        if (pawl_agent_is_on(request, others[i])) {
            pawl_errmsg_set(msg,
                            "%s is set: Gemini CLI would call a service that pawl cannot meter. "
                            "Unset it and set GEMINI_API_KEY, or leave the agent's calls "
                            "unmetered with --agent none",
                            others[i]);
            return PAWL_ERR(UNSUPPORTED);
        }
    }
    return PAWL_OK;
}

/* The login that a settings file chooses, or an empty text. */
static struct pawl_slice login_of(const struct pawl_json *json, struct pawl_agent_plan *plan)
{
    uint32_t chosen = pawl_json_path(json, 0, "security.auth.selectedType");
    if (chosen == PAWL_JSON_NONE) {
        chosen = pawl_json_get(json, 0, "selectedAuthType"); /* as older versions wrote it */
    }
    return chosen != PAWL_JSON_NONE && pawl_json_is(json, chosen, PAWL_JSON_STRING)
               ? pawl_json_string(json, chosen, &plan->arena)
               : PAWL_SLICE_NONE;
}

/* A file that comes before what pawl can write must not choose another login. */
static pawl_err
refuse_other_login(struct pawl_agent_plan *plan, const char *path, struct pawl_errmsg *msg)
{
    struct pawl_json json;
    pawl_err err = pawl_agent_read_json(plan, path, &json);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        return PAWL_OK;
    }
    if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%.300s cannot be read as a JSON object (%s)", path,
                        pawl_err_name(err));
        return err;
    }
    struct pawl_slice login = login_of(&json, plan);
    if (pawl_slice_empty(login) || pawl_slice_equal_str(login, key_login)) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "%.300s chooses the login \"%.*s\" and comes before pawl's settings: Gemini "
                    "CLI would call past pawl. Take security.auth.selectedType out of it, or "
                    "set it to \"%s\"",
                    path, (int)pawl_slice_sub(login, 0, 64).bytes, login.data, key_login);
    return PAWL_ERR(UNSUPPORTED);
}

/* --- Settings -------------------------------------------------------------------------------- */

static void put_security(struct pawl_agent_plan *plan,
                         const struct pawl_json *given,
                         struct pawl_json_writer *writer)
{
    static const char *const auth_key[] = {"auth", NULL};
    static const char *const ours[] = {"selectedType", "useExternal", NULL};
    pawl_json_key(writer, "security");
    pawl_json_object_begin(writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, pawl_json_get(given, 0, "security"), auth_key, writer);
    }
    pawl_json_key(writer, "auth");
    pawl_json_object_begin(writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, pawl_json_path(given, 0, "security.auth"), ours,
                                writer);
    }
    pawl_json_member_str(writer, "selectedType", key_login);
    pawl_json_member_bool(writer, "useExternal", false);
    pawl_json_object_end(writer);
    pawl_json_object_end(writer);
}

static void put_hook(const struct pawl_agent_request *request,
                     struct pawl_agent_plan *plan,
                     bool tools,
                     struct pawl_json_writer *writer)
{
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "matcher", "*");
    pawl_json_key(writer, "hooks");
    pawl_json_array_begin(writer);
    pawl_json_object_begin(writer);
    pawl_json_member_str(writer, "name", "pawl");
    pawl_json_member_str(writer, "type", "command");
    pawl_json_member_str(writer, "command", pawl_agent_hook_command(request, plan));
    int64_t timeout_s = tools ? PAWL_AGENT_HOOK_TIMEOUT_S : PAWL_AGENT_PROMPT_TIMEOUT_S;
    pawl_json_member_i64(writer, "timeout", timeout_s * MS_PER_S);
    pawl_json_object_end(writer);
    pawl_json_array_end(writer);
    pawl_json_object_end(writer);
}

static void put_hooks(const struct pawl_agent_request *request,
                      struct pawl_agent_plan *plan,
                      const struct pawl_json *given,
                      struct pawl_json_writer *writer)
{
    static const char *const ours[] = {"BeforeTool", "AfterTool", "BeforeAgent", NULL};
    pawl_agent_put_hooks(request, plan, given, ours, put_hook, writer);
}

/* Settings made of those in `path`, if it is there, and pawl's. */
static pawl_err put_settings(const struct pawl_agent_request *request,
                             struct pawl_agent_plan *plan,
                             const char *path,
                             const char *name,
                             struct pawl_errmsg *msg)
{
    static const char *const ours[] = {"security", "hooks", "selectedAuthType", NULL};
    struct pawl_json json;
    const struct pawl_json *given = &json;
    pawl_err err = pawl_agent_read_json(plan, path, &json);
    if (err.code == PAWL_ERR_NOT_FOUND) {
        given = NULL;
    } else if (pawl_failed(err)) {
        pawl_errmsg_set(msg, "%.300s cannot be read as a JSON object (%s)", path,
                        pawl_err_name(err));
        return err;
    }
    struct pawl_buf text;
    struct pawl_json_writer writer;
    pawl_buf_init(&text, SETTINGS_BYTES_MAX);
    pawl_json_writer_init(&writer, &text);
    pawl_json_object_begin(&writer);
    if (given != NULL) {
        pawl_agent_copy_members(plan, given, 0, ours, &writer);
    }
    put_security(plan, given, &writer);
    put_hooks(request, plan, given, &writer);
    pawl_json_object_end(&writer);
    plan->full = plan->full || text.overflowed;
    pawl_agent_file(plan, name, pawl_buf_slice(&text),
                    "the settings that were there, with the login by API key, whose calls go to "
                    "the gateway, and a hook that asks before each tool call");
    pawl_buf_free(&text);
    return PAWL_OK;
}

/* --- As root: system settings ---------------------------------------------------------------- */

static pawl_err plan_system(const struct pawl_agent_request *request,
                            struct pawl_agent_plan *plan,
                            const char *dir,
                            struct pawl_errmsg *msg)
{
    const char *given = value_or(request, system_variable, system_path);
    const char *given_dir = directory_of(plan, given);
    if (pawl_agent_is_given(given, dir, PAWL_AGENT_GEMINI_FILE)) {
        return PAWL_OK;
    }
    const char *name =
        pawl_agent_file_name(request, plan, PAWL_AGENT_GEMINI_FILE, ".json", pawl_slice_str(given));
    const char *path = pawl_agent_text(plan, "%s/%s", dir, name);
    const char *policies = pawl_agent_text(plan, "%s/policies", given_dir);
    pawl_err err = put_settings(request, plan, given, path, msg);
    if (pawl_failed(err)) {
        return err;
    }
    pawl_agent_env(plan, system_variable, path,
                   "system settings come before the user's and the project's");
    /* Both are looked for beside the settings. */
    pawl_agent_env_default(plan, request, defaults_variable,
                           pawl_agent_text(plan, "%s/system-defaults.json", given_dir),
                           "the system's defaults stay where they are");
    if (access(policies, F_OK) == 0) {
        pawl_agent_link(plan, pawl_agent_text(plan, "%s/policies", dir), policies,
                        "the system's policies stay in force");
    }
    return PAWL_OK;
}

/* --- As anybody else: another home ----------------------------------------------------------- */

struct linking {
    struct pawl_agent_plan *plan;
    const char *dir;
    const char *overlay;
};

static void link_entry(void *arg, const char *name)
{
    struct linking *linking = arg;
    if (strcmp(name, "settings.json") != 0) {
        pawl_agent_link(linking->plan,
                        pawl_agent_text(linking->plan, "%s/%s", linking->overlay, name),
                        pawl_agent_text(linking->plan, "%s/%s", linking->dir, name), NULL);
    }
}

static pawl_err plan_home(const struct pawl_agent_request *request,
                          struct pawl_agent_plan *plan,
                          struct pawl_errmsg *msg)
{
    const char *home = value_or(request, "GEMINI_CLI_HOME", value_or(request, "HOME", "/"));
    struct linking linking = {.plan = plan, .dir = pawl_agent_text(plan, "%s/.gemini", home)};
    const char *ours = pawl_agent_file_name(request, plan, PAWL_AGENT_GEMINI_HOME, "",
                                            pawl_slice_str(linking.dir));
    linking.overlay = pawl_agent_text(plan, "%s/" PAWL_AGENT_GEMINI_OVERLAY, ours);
    pawl_err err = refuse_other_login(plan, value_or(request, system_variable, system_path), msg);
    if (pawl_ok(err) && strcmp(request->cwd, home) != 0) {
        err = refuse_other_login(
            plan, pawl_agent_text(plan, "%s/.gemini/settings.json", request->cwd), msg);
    }
    if (pawl_failed(err) || pawl_agent_is_given(home, request->run_dir, PAWL_AGENT_GEMINI_HOME)) {
        return err;
    }
    err = put_settings(request, plan, pawl_agent_text(plan, "%s/settings.json", linking.dir),
                       pawl_agent_text(plan, "%s/settings.json", linking.overlay), msg);
    if (pawl_failed(err)) {
        return err;
    }
    pawl_agent_env(plan, "GEMINI_CLI_HOME", pawl_agent_text(plan, "%s/%s", request->run_dir, ours),
                   "where it looks for ~/.gemini");
    pawl_agent_link(plan, pawl_agent_text(plan, "%s/" PAWL_AGENT_GEMINI_REAL, ours), linking.dir,
                    "the directory for which the one there stands");
    pawl_agent_overlay(plan, linking.overlay, linking.dir,
                       "everything else in ~/.gemini, by links; what is made there comes back");
    pawl_agent_each_entry(linking.dir, link_entry, &linking);
    return PAWL_OK;
}

pawl_err pawl_agent_plan_gemini(const struct pawl_agent_request *request,
                                struct pawl_agent_plan *plan,
                                struct pawl_errmsg *msg)
{
    pawl_err err = refuse_ways_out(request, msg);
    if (pawl_failed(err)) {
        return err;
    }
    if (request->as_root && pawl_agent_is_roots_own(request->run_dir)) {
        err = plan_system(request, plan, request->run_dir, msg);
    } else if (request->as_root && pawl_agent_is_roots_own(PAWL_AGENT_ROOTS_DIR)) {
        err = plan_system(request, plan,
                          pawl_agent_text(plan, PAWL_AGENT_ROOTS_DIR "/%s", request->run_id), msg);
    } else {
        err = plan_home(request, plan, msg);
    }
    if (pawl_ok(err) && value_or(request, "GEMINI_API_KEY", NULL) == NULL) {
        pawl_agent_note(plan, "Gemini CLI needs GEMINI_API_KEY here: a login with Google, or one "
                              "for Vertex, is not used under pawl");
    }
    plan->hooks = true;
    return err;
}
