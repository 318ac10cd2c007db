/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_agents.c: which commands are known, and what each agent is given, from commands and
 * environments that the tests make up.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/agent_world.h"

static void agents_are_known_by_their_command(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum pawl_agent agent;
        size_t first;
    } cases[] = {
        {"claude", PAWL_AGENT_CLAUDE, 1},
        {"/opt/bin/claude -p hi", PAWL_AGENT_CLAUDE, 1},
        {"./node_modules/.bin/codex exec hi", PAWL_AGENT_CODEX, 1},
        {"gemini -p hi", PAWL_AGENT_GEMINI, 1},
        {"node /usr/lib/node_modules/@google/gemini-cli/bundle/gemini.js -p x", PAWL_AGENT_GEMINI,
         2},
        {"node --max-old-space-size=4096 bin/codex.js exec", PAWL_AGENT_CODEX, 3},
        {"node /x/@anthropic-ai/claude-code/cli.js", PAWL_AGENT_CLAUDE, 2},
        {"bun run /x/claude.mjs -p", PAWL_AGENT_CLAUDE, 3},
        {"npx -y @google/gemini-cli -p x", PAWL_AGENT_GEMINI, 3},
        {"npx @openai/codex@0.169.0 exec x", PAWL_AGENT_CODEX, 2},
        {"npx -p @anthropic-ai/claude-code claude -p x", PAWL_AGENT_CLAUDE, 4},
        {"npm exec --yes @openai/codex -- exec x", PAWL_AGENT_CODEX, 5},
        {"pnpm dlx @anthropic-ai/claude-code -p", PAWL_AGENT_CLAUDE, 3},
        {"env A=1 B=2 claude -p x", PAWL_AGENT_CLAUDE, 4},
        {"env -u HOME -i /x/codex exec", PAWL_AGENT_CODEX, 5},
        {"nice -n 10 timeout -k 5 60 gemini", PAWL_AGENT_GEMINI, 8},
        {"nohup claude", PAWL_AGENT_CLAUDE, 2},
        {"timeout --signal=TERM 5m claude -p", PAWL_AGENT_CLAUDE, 4},
        {"python3 agent.py claude", PAWL_AGENT_NONE, 1},
        {"sh -c claude", PAWL_AGENT_NONE, 1},
        {"claudette -p", PAWL_AGENT_NONE, 1},
        {"node server.js claude", PAWL_AGENT_NONE, 2},
        {"npm run claude", PAWL_AGENT_NONE, 1},
        {"env", PAWL_AGENT_NONE, 1},
        {"node", PAWL_AGENT_NONE, 1},
        {"npx", PAWL_AGENT_NONE, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pawl_agent_command found = pawl_agent_of(agent_words(cases[i].line));
        if (found.agent != cases[i].agent ||
            (found.agent != PAWL_AGENT_NONE && found.first != cases[i].first)) {
            fail_msg("%s: agent %d, first %zu", cases[i].line, (int)found.agent, found.first);
        }
    }
}

static void agents_have_names(void **state)
{
    (void)state;
    enum pawl_agent agent = PAWL_AGENT_NONE;
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        assert_true(pawl_agent_by_name(pawl_agent_name((enum pawl_agent)i), &agent));
        assert_int_equal(agent, i);
    }
    assert_false(pawl_agent_by_name("Claude", &agent));
    assert_false(pawl_agent_by_name("", &agent));
}

/* --- Plans ------------------------------------------------------------------------------------ */

static void unknown_agents_are_given_nothing(void **state)
{
    struct world *world = *state;
    agent_plan(world, "python3 agent.py");
    assert_int_equal(world->plan.item_count, 0);
    assert_false(world->plan.hooks);
}

/* Also where a start that calls is refused. */
static void an_agent_that_tells_its_version_is_given_nothing(void **state)
{
    struct world *world = *state;
    static const char *const bedrock[] = {"CLAUDE_CODE_USE_BEDROCK", "1", NULL};
    agent_user = bedrock;
    static const char *const lines[] = {"claude --version", "codex -V", "env gemini --help"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); i++) {
        agent_plan(world, lines[i]);
        assert_int_equal(world->plan.item_count, 0);
    }
    agent_refused(world, "claude --version x", "CLAUDE_CODE_USE_BEDROCK");
}

/* --- Claude Code ------------------------------------------------------------------------------ */

static void claude_gets_settings_that_come_before_all_others(void **state)
{
    struct world *world = *state;
    agent_plan(world, "claude -p hi");
    char expected[256];
    (void)snprintf(expected, sizeof(expected), "claude --settings %s/claude-settings.json -p hi ",
                   agent_home);
    assert_string_equal(agent_command(world, "claude -p hi"), expected);
    const char *settings = agent_item(world, PAWL_AGENT_FILE, "claude-settings.json");
    agent_has(settings, "\"ANTHROPIC_BASE_URL\":\"http://127.0.0.1:1/s/anthropic\"");
    agent_has(settings, "\"CLAUDE_CODE_USE_BEDROCK\":\"0\"");
    agent_has(settings, "/bin/pawl hook claude --run run_1 --data-dir '/data dir'");
    agent_has(settings, "\"onFailure\":\"block\"");
    assert_true(world->plan.hooks);
}

static void claude_keeps_the_settings_that_the_user_gave(void **state)
{
    struct world *world = *state;
    static char program[] = "claude";
    static char print[] = "-p";
    static char given[] = "--settings={\"model\":\"opus\",\"env\":{\"A\":\"b\",\"ANTHROPIC_BASE_"
                          "URL\":\"http://evil\"},"
                          "\"hooks\":{\"Stop\":[1],\"PreToolUse\":[{\"mine\":2}]}}";
    char *argv[] = {program, given, print, NULL};
    assert_true(pawl_ok(agent_plan_words(world, argv)));
    const char *settings = agent_item(world, PAWL_AGENT_FILE, "claude-settings.json");
    agent_has(settings, "\"model\":\"opus\"");
    agent_has(settings, "\"A\":\"b\"");
    agent_has(settings, "\"Stop\":[1]");
    agent_has(settings, "{\"mine\":2}]");
    agent_lacks(settings, "evil");
    assert_int_equal(world->plan.items[world->plan.item_count - 1].at, 1);
    assert_true(world->plan.items[world->plan.item_count - 1].replaces);
    agent_put_file("mine.json", "// a comment\n{\"model\":\"haiku\" /* another */}");
    char path[128];
    (void)snprintf(path, sizeof(path), "claude --settings %s/mine.json", agent_home);
    agent_plan(world, path);
    agent_has(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "\"model\":\"haiku\"");
    agent_has(agent_command(world, path), "--settings");
    agent_lacks(agent_command(world, path), "mine.json");
}

/* Where the user has a status line, wherever that stands, it stays. */
static void claude_gets_a_status_line_where_the_user_has_none(void **state)
{
    struct world *world = *state;
    static const char *const files[] = {".claude/settings.json", "project/.claude/settings.json",
                                        "project/.claude/settings.local.json",
                                        "config/settings.json"};
    (void)snprintf(agent_cwd, sizeof(agent_cwd), "%s/project", agent_home);
    agent_plan(world, "claude");
    agent_has(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"),
              "\"statusLine\":{\"type\":\"command\","
              "\"command\":\"/bin/pawl statusline --data-dir '/data dir'\"}");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(files); i++) {
        char config[128];
        (void)snprintf(config, sizeof(config), "%s/config", agent_home);
        const char *const variables[] = {"CLAUDE_CONFIG_DIR", config, NULL};
        agent_user = i == 3 ? variables : NULL;
        agent_put_file(files[i], "{\"model\":\"opus\"}");
        agent_plan(world, "claude");
        agent_has(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "pawl statusline");
        agent_put_file(files[i], "{\"statusLine\":{\"type\":\"command\",\"command\":\"mine\"}}");
        agent_plan(world, "claude");
        agent_lacks(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "statusLine");
        agent_put_file(files[i], "{ this is no JSON");
        agent_plan(world, "claude");
        agent_lacks(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "statusLine");
        agent_put_file(files[i], "{}");
    }
    agent_user = NULL;
    static char program[] = "claude";
    static char given[] = "--settings={\"statusLine\":{\"command\":\"mine\"}}";
    char *argv[] = {program, given, NULL};
    assert_true(pawl_ok(agent_plan_words(world, argv)));
    agent_lacks(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "pawl statusline");
    agent_has(agent_item(world, PAWL_AGENT_FILE, "claude-settings.json"), "\"mine\"");
}

static void claude_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    static const char *const bedrock[] = {"CLAUDE_CODE_USE_BEDROCK", "1", NULL};
    static const char *const off[] = {"CLAUDE_CODE_USE_BEDROCK", "0", NULL};
    static const char *const socket[] = {"ANTHROPIC_UNIX_SOCKET", "/x", NULL};
    agent_user = bedrock;
    agent_refused(world, "claude -p hi", "CLAUDE_CODE_USE_BEDROCK");
    agent_user = socket;
    agent_refused(world, "claude -p hi", "ANTHROPIC_UNIX_SOCKET");
    agent_user = off;
    agent_plan(world, "claude -p hi");
    agent_refused(world, "claude --bg hi", "--bg");
    assert_int_equal(agent_plan_words(world, agent_words("claude --settings nothing.json")).code,
                     PAWL_ERR_NOT_FOUND);
    agent_has(world->msg.text, "nothing.json");
}

static void claude_says_which_settings_do_not_count(void **state)
{
    struct world *world = *state;
    static const char *const address[] = {"ANTHROPIC_BASE_URL", "http://proxy", NULL};
    agent_put_file(".claude/settings.json", "{\"env\":{\"ANTHROPIC_BASE_URL\":\"http://proxy\"}}");
    agent_plan(world, "claude");
    assert_int_equal(world->plan.note_count, 2); /* The project is the home here. */
    agent_has(world->plan.notes[0], ".claude/settings.json sets ANTHROPIC_BASE_URL");
    agent_user = address;
    agent_plan(world, "claude");
    assert_int_equal(world->plan.note_count, 0);
    agent_user = NULL;
    agent_put_file(".claude/settings.json", "{}");
    agent_put_file(".claude/settings.local.json", "{\"env\":{\"CLAUDE_CODE_USE_VERTEX\":\"1\"}}");
    agent_plan(world, "claude");
    assert_int_equal(world->plan.note_count, 1);
    agent_has(world->plan.notes[0], "switches CLAUDE_CODE_USE_VERTEX on");
}

/* --- Codex ------------------------------------------------------------------------------------ */

static void codex_gets_a_provider_behind_all_its_options(void **state)
{
    struct world *world = *state;
    static const char *const key[] = {"OPENAI_API_KEY", "k", NULL};
    agent_user = key;
    agent_plan(world, "codex exec -c model_provider=evil -- prompt");
    const char *command = agent_command(world, "codex exec -c model_provider=evil -- prompt");
    const char *ours = strstr(command, "model_provider=pawl");
    assert_non_null(ours);
    assert_true(strstr(command, "evil") < ours && ours < strstr(command, " -- prompt"));
    agent_has(command, "base_url=\"http://127.0.0.1:1/-/openai/v1\"");
    agent_has(command, "env_http_headers={\"x-pawl-key\"=\"PAWL_GATEWAY_KEY\"}");
    assert_string_equal(agent_item(world, PAWL_AGENT_ENV, "PAWL_GATEWAY_KEY"), "s");
    agent_lacks(command, "/s/");
    agent_has(command, "env_key=\"OPENAI_API_KEY\"");
    agent_lacks(command, "max_retries");
    assert_true(world->plan.hooks);
}

/* As Codex 0.169.0 said it for this hook (hooks/list of its app-server). */
/* What stands behind these two is a command of the user's, or words to look up. */
static void codex_is_left_alone_where_it_calls_no_model(void **state)
{
    struct world *world = *state;
    agent_plan(world, "codex sandbox ls -l");
    assert_int_equal(world->plan.item_count, 0);
    agent_plan(world, "codex help exec");
    assert_int_equal(world->plan.item_count, 0);
    agent_plan(world, "codex exec sandbox");
    assert_true(world->plan.item_count > 0);
}

static void codex_trusts_the_hook_by_its_hash(void **state)
{
    struct world *world = *state;
    char **argv = agent_words("codex");
    struct pawl_agent_request request = {
        .command = {PAWL_AGENT_CODEX, 1},
        .argv = argv,
        .get = agent_get,
        .cwd = world->home,
        .run_id = "run_1",
        .run_dir = world->home,
        .data_dir = "/d",
        .pawl = "/bin/pawl",
        .address = "http://127.0.0.1:1/s",
    };
    assert_true(pawl_ok(pawl_agent_make_plan(&request, &world->plan, &world->msg)));
    agent_has(agent_command(world, "codex"),
              "sha256:c539ede06711aadb27f0243a36cbb98299b7c9625e826acd41641ef20a2b9112");
    agent_has(agent_command(world, "codex"),
              "sha256:bf3e6e15d42db22b448bfe4abd6dddf5bab9cfd0062232bbd5ff7403cc464542");
}

static void codex_key_comes_from_where_the_user_has_it(void **state)
{
    struct world *world = *state;
    static const char *const both[] = {"OPENAI_API_KEY", "k", "CODEX_API_KEY", "c", NULL};
    agent_user = both;
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "env_key=\"CODEX_API_KEY\"");
    agent_user = NULL;
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "requires_openai_auth=true");
    agent_put_file(".codex/auth.json", "{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"k\"}");
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "requires_openai_auth=true");
    agent_put_file(".codex/auth.json",
                   "{\"OPENAI_API_KEY\":null,\"tokens\":{\"access_token\":\"t\"}}");
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "requires_openai_auth=true");
    agent_has(agent_command(world, "codex"), "/-/chatgpt\"");
    agent_has(world->plan.notes[0], "ChatGPT plan");
}

/* As Codex itself decides without pawl. */
static void codex_takes_a_plan_before_a_key_of_the_api(void **state)
{
    struct world *world = *state;
    static const char *const api[] = {"OPENAI_API_KEY", "k", NULL};
    static const char *const own[] = {"CODEX_API_KEY", "c", NULL};
    agent_put_file(".codex/auth.json",
                   "{\"auth_mode\":\"chatgpt\",\"tokens\":{\"access_token\":\"t\"}}");
    agent_put_file(".codex/config.toml",
                   "chatgpt_base_url = 'https://proxy.example.com/api/' # ours\n");
    agent_user = api;
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "/-/chatgpt\"");
    agent_lacks(agent_command(world, "codex"), "env_key");
    assert_string_equal(world->plan.chatgpt_url, "https://proxy.example.com/api/codex");
    agent_user = own;
    agent_plan(world, "codex");
    agent_has(agent_command(world, "codex"), "/-/openai/v1\"");
    agent_has(agent_command(world, "codex"), "env_key=\"CODEX_API_KEY\"");
    assert_int_equal(world->plan.note_count, 0);
}

static void codex_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    agent_refused(world, "codex --oss exec hi", "--oss");
    agent_refused(world, "codex cloud exec hi", "cloud");
    agent_refused(world, "codex --remote ws://h:1", "--remote");
    agent_plan(world, "codex exec -- --oss");
}

static void codex_says_that_another_provider_does_not_count(void **state)
{
    struct world *world = *state;
    agent_put_file(".codex/config.toml", "model = \"m\"\nmodel_provider = \"azure\"\n[x]\ny = 1\n");
    agent_plan(world, "codex");
    assert_int_equal(world->plan.note_count, 1);
    agent_has(world->plan.notes[0], "\"azure\"");
    agent_put_file(".codex/config.toml",
                   "model_provider = \"openai\"\n[x]\nmodel_provider = \"z\"\n");
    agent_plan(world, "codex");
    assert_int_equal(world->plan.note_count, 0);
}

static void codex_without_room_for_a_hook_says_why(void **state)
{
    struct world *world = *state;
    agent_plan(world, "codex -c hooks.PreToolUse=[] exec");
    assert_false(world->plan.hooks);
    agent_has(world->plan.no_hooks, "-c hooks");
    agent_lacks(agent_command(world, "codex"), "hooks.state");
    agent_plan(world, "codex --disable hooks exec");
    agent_has(world->plan.no_hooks, "--disable");
    agent_put_file(".codex/config.toml", "[features]\nhooks = false # none\n");
    agent_plan(world, "codex");
    agent_has(world->plan.no_hooks, "config.toml");
    agent_put_file(".codex/config.toml", "[features]\nhooks = true\n[x]\nhooks_too = false\n");
    agent_plan(world, "codex");
    assert_true(world->plan.hooks);
}

/* --- Gemini CLI ------------------------------------------------------------------------------- */

static void gemini_gets_the_login_by_key_and_keeps_its_settings(void **state)
{
    struct world *world = *state;
    agent_as_root = false;
    agent_put_file(".gemini/settings.json",
                   "{\"theme\":\"x\", // mine\n\"security\":{\"auth\":{\"selectedType\":"
                   "\"oauth-personal\",\"x\":1},\"folderTrust\":{\"enabled\":false}},"
                   "\"hooks\":{\"BeforeTool\":[{\"mine\":1}]}}");
    agent_put_file(".gemini/GEMINI.md", "be kind");
    agent_plan(world, "gemini -p hi");
    const char *settings = agent_item(world, PAWL_AGENT_FILE, "settings.json");
    agent_has(settings, "\"theme\":\"x\"");
    agent_has(settings, "\"x\":1");
    agent_has(settings, "\"folderTrust\":{\"enabled\":false}");
    agent_has(settings, "{\"mine\":1}]");
    agent_has(settings, "\"selectedType\":\"gemini-api-key\"");
    agent_lacks(settings, "oauth-personal");
    agent_has(agent_item(world, PAWL_AGENT_LINK, "GEMINI.md"), "/.gemini/GEMINI.md");
    agent_has(agent_item(world, PAWL_AGENT_ENV, "GEMINI_CLI_HOME"), agent_home);
}

static void gemini_of_root_gets_system_settings(void **state)
{
    struct world *world = *state;
    char given[128];
    (void)snprintf(given, sizeof(given), "%s/system.json", agent_home);
    agent_put_file("system.json",
                   "{\"x\":1,\"security\":{\"auth\":{\"selectedType\":\"vertex-ai\"}}}");
    agent_put_file("policies/p.toml", "");
    const char *const variables[] = {"GEMINI_CLI_SYSTEM_SETTINGS_PATH", given, NULL};
    agent_user = variables;
    agent_as_root = true;
    agent_plan(world, "gemini -p hi");
    /* The test's directory lies where others may write. */
    assert_string_equal(agent_item(world, PAWL_AGENT_ENV, "GEMINI_CLI_SYSTEM_SETTINGS_PATH"),
                        "/run/pawl/run_1/gemini-settings.json");
    const char *settings = agent_item(world, PAWL_AGENT_FILE, "gemini-settings.json");
    agent_has(settings, "\"x\":1");
    agent_has(settings, "\"selectedType\":\"gemini-api-key\"");
    agent_has(settings, "/bin/pawl hook gemini");
    agent_has(agent_item(world, PAWL_AGENT_ENV, "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"), agent_home);
    agent_has(agent_item(world, PAWL_AGENT_LINK, "policies"), agent_home);
    agent_user = NULL;
}

static void gemini_of_anybody_else_refuses_what_comes_before_its_home(void **state)
{
    struct world *world = *state;
    char given[128];
    static const char other[] = "{\"security\":{\"auth\":{\"selectedType\":\"vertex-ai\"}}}";
    (void)snprintf(given, sizeof(given), "%s/system.json", agent_home);
    agent_put_file("system.json", other);
    const char *const variables[] = {"GEMINI_CLI_SYSTEM_SETTINGS_PATH", given, NULL};
    agent_user = variables;
    agent_as_root = false;
    agent_refused(world, "gemini -p hi", "system.json");
    agent_put_file("system.json",
                   "{\"security\":{\"auth\":{\"selectedType\":\"gemini-api-key\"}}}");
    agent_plan(world, "gemini -p hi");
    agent_put_file("project/.gemini/settings.json", other);
    (void)snprintf(agent_cwd, sizeof(agent_cwd), "%s/project", agent_home);
    agent_refused(world, "gemini -p hi", "project/.gemini/settings.json");
    agent_put_file("project/.gemini/settings.json", "{ not JSON");
    assert_int_equal(agent_plan_words(world, agent_words("gemini")).code, PAWL_ERR_INVALID);
    agent_user = NULL;
}

static void gemini_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    static const char *const vertex[] = {"GOOGLE_GENAI_USE_VERTEXAI", "true", NULL};
    agent_user = vertex;
    agent_refused(world, "gemini -p hi", "GOOGLE_GENAI_USE_VERTEXAI");
}

/* --- Applying --------------------------------------------------------------------------------- */

static void a_plan_is_applied_and_cleaned_up(void **state)
{
    struct world *world = *state;
    struct pawl_buf settings;
    struct pawl_buf edits;
    struct stat found;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/claude-settings.json", agent_home);
    pawl_buf_init(&settings, 65536);
    pawl_buf_init(&edits, 65536);
    agent_plan(world, "claude -p hi");
    assert_true(
        pawl_ok(pawl_agent_apply(&world->plan, agent_home, &settings, &edits, &world->msg)));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_string_equal(settings.data, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1");
    assert_string_equal(edits.data, "+1 --settings");
    pawl_agent_clean(agent_home, "run_1", false);
    assert_int_not_equal(stat(path, &found), 0);
    pawl_buf_free(&settings);
    pawl_buf_free(&edits);
}

static void an_overlay_brings_home_what_was_made_in_it(void **state)
{
    struct world *world = *state;
    struct pawl_buf settings;
    struct pawl_buf edits;
    struct stat found;
    char path[192];
    agent_put_file(".gemini/GEMINI.md", "be kind");
    pawl_buf_init(&settings, 65536);
    pawl_buf_init(&edits, 65536);
    agent_plan(world, "gemini -p hi");
    assert_true(
        pawl_ok(pawl_agent_apply(&world->plan, agent_home, &settings, &edits, &world->msg)));
    agent_put_file("gemini-home/.gemini/tmp/chat", "hello");
    agent_put_file("gemini-home/.gemini/GEMINI.md", "be very kind"); /* through the link */
    pawl_agent_clean(agent_home, "run_1", false);
    (void)snprintf(path, sizeof(path), "%s/.gemini/tmp/chat", agent_home);
    assert_int_equal(stat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/.gemini/GEMINI.md", agent_home);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 12);
    (void)snprintf(path, sizeof(path), "%s/gemini-home", agent_home);
    assert_int_not_equal(lstat(path, &found), 0);
    pawl_buf_free(&settings);
    pawl_buf_free(&edits);
}

/* The only file that a plan has. */
static void copy_file_name(struct world *world, char out[static 64])
{
    size_t count = 0;
    for (size_t i = 0; i < world->plan.item_count; i++) {
        if (world->plan.items[i].kind == PAWL_AGENT_FILE) {
            (void)snprintf(out, 64, "%s", world->plan.items[i].name);
            count++;
        }
    }
    assert_int_equal(count, 1);
}

/* Many starts of a script, here and there: equal ones share what they are given, what lies there
 * already is as good, and all of it goes at the end. */
static void starts_of_a_script_do_not_get_in_each_others_way(void **state)
{
    struct world *world = *state;
    struct pawl_buf settings;
    struct pawl_buf edits;
    struct stat found;
    char path[512];
    static const char *const lines[] = {"claude -p hi", "claude --settings={\"a\":1}",
                                        "gemini -p x", "gemini -p y", "claude -p again"};
    char names[PAWL_ARRAY_LEN(lines)][64];
    pawl_buf_init(&settings, 65536);
    pawl_buf_init(&edits, 65536);
    agent_wrapped = true;
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); i++) {
        agent_plan(world, lines[i]);
        copy_file_name(world, names[i]);
        assert_true(
            pawl_ok(pawl_agent_apply(&world->plan, agent_home, &settings, &edits, &world->msg)));
    }
    assert_string_equal(names[0], names[4]);
    assert_string_not_equal(names[0], names[1]);
    assert_string_equal(names[2], names[3]);
    pawl_agent_clean(agent_home, "run_1", false);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(lines); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", agent_home, names[i]);
        assert_int_not_equal(lstat(path, &found), 0);
    }
    pawl_buf_free(&settings);
    pawl_buf_free(&edits);
}

/* What was put in once is left as it is, whoever passes it on. */
static void what_was_given_is_not_given_again(void **state)
{
    struct world *world = *state;
    static const char *const commands[] = {"claude -p hi", "codex exec -- hi"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(commands); i++) {
        agent_plan(world, commands[i]);
        char *words[32];
        size_t count = agent_edited(world, commands[i], words, PAWL_ARRAY_LEN(words));
        assert_true(count > 2);
        assert_true(pawl_ok(agent_plan_words(world, words)));
        assert_true(world->plan.hooks);
        for (size_t k = 0; k < world->plan.item_count; k++) {
            assert_int_equal(world->plan.items[k].kind, PAWL_AGENT_ENV);
        }
    }
    char given[160];
    (void)snprintf(given, sizeof(given), "%s/gemini-home-1", agent_home);
    const char *const home[] = {"GEMINI_CLI_HOME", given, "GEMINI_API_KEY", "x", NULL};
    agent_user = home;
    agent_plan(world, "gemini -p hi");
    assert_int_equal(world->plan.item_count, 0);
}

static void a_killed_run_is_cleaned_up_without_its_plan(void **state)
{
    struct world *world = *state;
    struct stat found;
    char path[192];
    agent_put_file("claude-settings.json", "{}");
    agent_put_file("meta.json", "{}");
    agent_put_file("gemini-home/.gemini/settings.json", "{}");
    agent_put_file("gemini-home/.gemini/made", "");
    pawl_agent_clean(world->home, "run_1", true);
    (void)snprintf(path, sizeof(path), "%s/claude-settings.json", agent_home);
    assert_int_not_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/meta.json", agent_home);
    assert_int_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/gemini-home/.gemini/settings.json", agent_home);
    assert_int_not_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/gemini-home/.gemini/made", agent_home);
    assert_int_equal(lstat(path, &found), 0);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, agent_setup, agent_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_are_known_by_their_command),
        cmocka_unit_test(agents_have_names),
        WITH_WORLD(unknown_agents_are_given_nothing),
        WITH_WORLD(an_agent_that_tells_its_version_is_given_nothing),
        WITH_WORLD(claude_gets_settings_that_come_before_all_others),
        WITH_WORLD(claude_keeps_the_settings_that_the_user_gave),
        WITH_WORLD(claude_gets_a_status_line_where_the_user_has_none),
        WITH_WORLD(claude_is_refused_where_it_would_call_somebody_else),
        WITH_WORLD(claude_says_which_settings_do_not_count),
        WITH_WORLD(codex_says_that_another_provider_does_not_count),
        WITH_WORLD(codex_gets_a_provider_behind_all_its_options),
        WITH_WORLD(codex_is_left_alone_where_it_calls_no_model),
        WITH_WORLD(codex_trusts_the_hook_by_its_hash),
        WITH_WORLD(codex_key_comes_from_where_the_user_has_it),
        WITH_WORLD(codex_takes_a_plan_before_a_key_of_the_api),
        WITH_WORLD(codex_is_refused_where_it_would_call_somebody_else),
        WITH_WORLD(codex_without_room_for_a_hook_says_why),
        WITH_WORLD(gemini_gets_the_login_by_key_and_keeps_its_settings),
        WITH_WORLD(gemini_of_root_gets_system_settings),
        WITH_WORLD(gemini_of_anybody_else_refuses_what_comes_before_its_home),
        WITH_WORLD(gemini_is_refused_where_it_would_call_somebody_else),
        WITH_WORLD(a_plan_is_applied_and_cleaned_up),
        WITH_WORLD(an_overlay_brings_home_what_was_made_in_it),
        WITH_WORLD(starts_of_a_script_do_not_get_in_each_others_way),
        WITH_WORLD(what_was_given_is_not_given_again),
        WITH_WORLD(a_killed_run_is_cleaned_up_without_its_plan),
    };
    return cmocka_run_group_tests_name("run_agents", tests, NULL, NULL);
}
