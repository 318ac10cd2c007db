/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_agents.c: which commands are known, and what each agent is given, from commands and
 * environments that the tests make up.
 */
#define _GNU_SOURCE
#include <ftw.h>
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

#include "run/agents.h"

enum { WORDS_MAX = 16 };

/* A command of one line, split at blanks. */
static char **words_of(const char *line)
{
    static char text[512];
    static char *words[WORDS_MAX + 1];
    size_t count = 0;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *word = text; word != NULL && *word != '\0';) {
        char *blank = strchr(word, ' ');
        assert_true(count < WORDS_MAX);
        words[count++] = word;
        if (blank != NULL) {
            *blank = '\0';
        }
        word = blank != NULL ? blank + 1 : NULL;
    }
    words[count] = NULL;
    return words;
}

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
        struct pawl_agent_command found = pawl_agent_of(words_of(cases[i].line));
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

struct world {
    char home[64];
    struct pawl_agent_plan plan;
    struct pawl_errmsg msg;
};

/* "NAME", "value", …, NULL. */
static const char *const *user;
static const char *home;
static bool as_root;
static char cwd[128];

static const char *get(const char *name)
{
    for (size_t i = 0; user != NULL && user[i] != NULL; i += 2) {
        if (strcmp(user[i], name) == 0) {
            return user[i + 1];
        }
    }
    return strcmp(name, "HOME") == 0 ? home : NULL;
}

static int setup(void **state)
{
    static struct world world;
    world = (struct world){.home = "/tmp/pawl-agents-XXXXXX"};
    home = mkdtemp(world.home);
    user = NULL;
    as_root = false;
    (void)snprintf(cwd, sizeof(cwd), "%s", world.home);
    *state = &world;
    return home != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *ftw)
{
    (void)found;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *world = *state;
    pawl_agent_free_plan(&world->plan);
    return nftw(world->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    for (char *slash = strchr(path + strlen(home) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, S_IRWXU);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static pawl_err plan_words(struct world *world, char *const *argv)
{
    struct pawl_agent_request request = {
        .command = pawl_agent_of(argv),
        .argv = argv,
        .get = get,
        .as_root = as_root,
        .cwd = cwd,
        .run_id = "run_1",
        .run_dir = world->home,
        .data_dir = "/data dir",
        .pawl = "/bin/pawl",
        .address = "http://127.0.0.1:1/s",
    };
    pawl_agent_free_plan(&world->plan);
    return pawl_agent_make_plan(&request, &world->plan, &world->msg);
}

static void plan(struct world *world, const char *line)
{
    pawl_err err = plan_words(world, words_of(line));
    if (pawl_failed(err)) {
        fail_msg("%s: %s", line, world->msg.text);
    }
}

static void refused(struct world *world, const char *line, const char *because)
{
    assert_int_equal(plan_words(world, words_of(line)).code, PAWL_ERR_UNSUPPORTED);
    if (strstr(world->msg.text, because) == NULL) {
        fail_msg("%s: %s", line, world->msg.text);
    }
}

/* The command with its edits, its words behind each other with a blank. */
static const char *command_of(struct world *world, const char *line)
{
    static char text[8192];
    char **argv = words_of(line);
    size_t bytes = 0;
    for (size_t i = 0;; i++) {
        const char *argument = argv[i];
        for (size_t k = 0; k < world->plan.item_count; k++) {
            const struct pawl_agent_item *item = &world->plan.items[k];
            if (item->kind != PAWL_AGENT_ARGUMENT || item->at != i) {
                continue;
            }
            if (item->replaces) {
                argument = item->value;
            } else {
                bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s ", item->value);
            }
        }
        if (argument == NULL) {
            return text;
        }
        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s ", argument);
    }
}

static const char *item_of(struct world *world, enum pawl_agent_item_kind kind, const char *name)
{
    for (size_t i = 0; i < world->plan.item_count; i++) {
        const struct pawl_agent_item *item = &world->plan.items[i];
        const char *found = strstr(item->name, name);
        if (item->kind == kind && found != NULL && found[strlen(name)] == '\0') {
            return item->value;
        }
    }
    fail_msg("nothing is given under the name %s", name);
    return "";
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("%s is not in %s", part, text);
    }
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("%s is in %s", part, text);
    }
}

static void unknown_agents_are_given_nothing(void **state)
{
    struct world *world = *state;
    plan(world, "python3 agent.py");
    assert_int_equal(world->plan.item_count, 0);
    assert_false(world->plan.hooks);
}

/* --- Claude Code ------------------------------------------------------------------------------ */

static void claude_gets_settings_that_come_before_all_others(void **state)
{
    struct world *world = *state;
    plan(world, "claude -p hi");
    char expected[256];
    (void)snprintf(expected, sizeof(expected), "claude --settings %s/claude-settings.json -p hi ",
                   home);
    assert_string_equal(command_of(world, "claude -p hi"), expected);
    const char *settings = item_of(world, PAWL_AGENT_FILE, "claude-settings.json");
    has(settings, "\"ANTHROPIC_BASE_URL\":\"http://127.0.0.1:1/s/anthropic\"");
    has(settings, "\"CLAUDE_CODE_USE_BEDROCK\":\"0\"");
    has(settings, "/bin/pawl hook claude --run run_1 --data-dir '/data dir'");
    has(settings, "\"onFailure\":\"block\"");
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
    assert_true(pawl_ok(plan_words(world, argv)));
    const char *settings = item_of(world, PAWL_AGENT_FILE, "claude-settings.json");
    has(settings, "\"model\":\"opus\"");
    has(settings, "\"A\":\"b\"");
    has(settings, "\"Stop\":[1]");
    has(settings, "{\"mine\":2}]");
    lacks(settings, "evil");
    assert_int_equal(world->plan.items[world->plan.item_count - 1].at, 1);
    assert_true(world->plan.items[world->plan.item_count - 1].replaces);
    put_file("mine.json", "// a comment\n{\"model\":\"haiku\" /* another */}");
    char path[128];
    (void)snprintf(path, sizeof(path), "claude --settings %s/mine.json", home);
    plan(world, path);
    has(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "\"model\":\"haiku\"");
    has(command_of(world, path), "--settings");
    lacks(command_of(world, path), "mine.json");
}

/* Where the user has a status line, wherever that stands, it stays. */
static void claude_gets_a_status_line_where_the_user_has_none(void **state)
{
    struct world *world = *state;
    static const char *const files[] = {".claude/settings.json", "project/.claude/settings.json",
                                        "project/.claude/settings.local.json",
                                        "config/settings.json"};
    (void)snprintf(cwd, sizeof(cwd), "%s/project", home);
    plan(world, "claude");
    has(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"),
        "\"statusLine\":{\"type\":\"command\","
        "\"command\":\"/bin/pawl statusline --data-dir '/data dir'\"}");
    for (size_t i = 0; i < PAWL_ARRAY_LEN(files); i++) {
        char config[128];
        (void)snprintf(config, sizeof(config), "%s/config", home);
        const char *const variables[] = {"CLAUDE_CONFIG_DIR", config, NULL};
        user = i == 3 ? variables : NULL;
        put_file(files[i], "{\"model\":\"opus\"}");
        plan(world, "claude");
        has(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "pawl statusline");
        put_file(files[i], "{\"statusLine\":{\"type\":\"command\",\"command\":\"mine\"}}");
        plan(world, "claude");
        lacks(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "statusLine");
        put_file(files[i], "{ this is no JSON");
        plan(world, "claude");
        lacks(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "statusLine");
        put_file(files[i], "{}");
    }
    user = NULL;
    static char program[] = "claude";
    static char given[] = "--settings={\"statusLine\":{\"command\":\"mine\"}}";
    char *argv[] = {program, given, NULL};
    assert_true(pawl_ok(plan_words(world, argv)));
    lacks(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "pawl statusline");
    has(item_of(world, PAWL_AGENT_FILE, "claude-settings.json"), "\"mine\"");
}

static void claude_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    static const char *const bedrock[] = {"CLAUDE_CODE_USE_BEDROCK", "1", NULL};
    static const char *const off[] = {"CLAUDE_CODE_USE_BEDROCK", "0", NULL};
    static const char *const socket[] = {"ANTHROPIC_UNIX_SOCKET", "/x", NULL};
    user = bedrock;
    refused(world, "claude -p hi", "CLAUDE_CODE_USE_BEDROCK");
    user = socket;
    refused(world, "claude -p hi", "ANTHROPIC_UNIX_SOCKET");
    user = off;
    plan(world, "claude -p hi");
    refused(world, "claude --bg hi", "--bg");
    assert_int_equal(plan_words(world, words_of("claude --settings nothing.json")).code,
                     PAWL_ERR_NOT_FOUND);
    has(world->msg.text, "nothing.json");
}

static void claude_says_which_settings_do_not_count(void **state)
{
    struct world *world = *state;
    static const char *const address[] = {"ANTHROPIC_BASE_URL", "http://proxy", NULL};
    put_file(".claude/settings.json", "{\"env\":{\"ANTHROPIC_BASE_URL\":\"http://proxy\"}}");
    plan(world, "claude");
    assert_int_equal(world->plan.note_count, 2); /* The project is the home here. */
    has(world->plan.notes[0], ".claude/settings.json sets ANTHROPIC_BASE_URL");
    user = address;
    plan(world, "claude");
    assert_int_equal(world->plan.note_count, 0);
    user = NULL;
    put_file(".claude/settings.json", "{}");
    put_file(".claude/settings.local.json", "{\"env\":{\"CLAUDE_CODE_USE_VERTEX\":\"1\"}}");
    plan(world, "claude");
    assert_int_equal(world->plan.note_count, 1);
    has(world->plan.notes[0], "switches CLAUDE_CODE_USE_VERTEX on");
}

/* --- Codex ------------------------------------------------------------------------------------ */

static void codex_gets_a_provider_behind_all_its_options(void **state)
{
    struct world *world = *state;
    static const char *const key[] = {"OPENAI_API_KEY", "k", NULL};
    user = key;
    plan(world, "codex exec -c model_provider=evil -- prompt");
    const char *command = command_of(world, "codex exec -c model_provider=evil -- prompt");
    const char *ours = strstr(command, "model_provider=pawl");
    assert_non_null(ours);
    assert_true(strstr(command, "evil") < ours && ours < strstr(command, " -- prompt"));
    has(command, "base_url=\"http://127.0.0.1:1/-/openai/v1\"");
    has(command, "env_http_headers={\"x-pawl-key\"=\"PAWL_GATEWAY_KEY\"}");
    assert_string_equal(item_of(world, PAWL_AGENT_ENV, "PAWL_GATEWAY_KEY"), "s");
    lacks(command, "/s/");
    has(command, "env_key=\"OPENAI_API_KEY\"");
    lacks(command, "max_retries");
    assert_true(world->plan.hooks);
}

/* As Codex 0.169.0 said it for this hook (hooks/list of its app-server). */
static void codex_trusts_the_hook_by_its_hash(void **state)
{
    struct world *world = *state;
    char **argv = words_of("codex");
    struct pawl_agent_request request = {
        .command = {PAWL_AGENT_CODEX, 1},
        .argv = argv,
        .get = get,
        .cwd = world->home,
        .run_id = "run_1",
        .run_dir = world->home,
        .data_dir = "/d",
        .pawl = "/bin/pawl",
        .address = "http://127.0.0.1:1/s",
    };
    assert_true(pawl_ok(pawl_agent_make_plan(&request, &world->plan, &world->msg)));
    has(command_of(world, "codex"),
        "sha256:c539ede06711aadb27f0243a36cbb98299b7c9625e826acd41641ef20a2b9112");
    has(command_of(world, "codex"),
        "sha256:bf3e6e15d42db22b448bfe4abd6dddf5bab9cfd0062232bbd5ff7403cc464542");
}

static void codex_key_comes_from_where_the_user_has_it(void **state)
{
    struct world *world = *state;
    static const char *const both[] = {"OPENAI_API_KEY", "k", "CODEX_API_KEY", "c", NULL};
    user = both;
    plan(world, "codex");
    has(command_of(world, "codex"), "env_key=\"CODEX_API_KEY\"");
    user = NULL;
    plan(world, "codex");
    has(command_of(world, "codex"), "requires_openai_auth=true");
    put_file(".codex/auth.json", "{\"auth_mode\":\"apikey\",\"OPENAI_API_KEY\":\"k\"}");
    plan(world, "codex");
    has(command_of(world, "codex"), "requires_openai_auth=true");
    put_file(".codex/auth.json", "{\"OPENAI_API_KEY\":null,\"tokens\":{\"access_token\":\"t\"}}");
    plan(world, "codex");
    has(command_of(world, "codex"), "requires_openai_auth=true");
    has(command_of(world, "codex"), "/-/chatgpt\"");
    has(world->plan.notes[0], "ChatGPT plan");
}

/* As Codex itself decides without pawl. */
static void codex_takes_a_plan_before_a_key_of_the_api(void **state)
{
    struct world *world = *state;
    static const char *const api[] = {"OPENAI_API_KEY", "k", NULL};
    static const char *const own[] = {"CODEX_API_KEY", "c", NULL};
    put_file(".codex/auth.json", "{\"auth_mode\":\"chatgpt\",\"tokens\":{\"access_token\":\"t\"}}");
    put_file(".codex/config.toml", "chatgpt_base_url = 'https://proxy.example.com/api/' # ours\n");
    user = api;
    plan(world, "codex");
    has(command_of(world, "codex"), "/-/chatgpt\"");
    lacks(command_of(world, "codex"), "env_key");
    assert_string_equal(world->plan.chatgpt_url, "https://proxy.example.com/api/codex");
    user = own;
    plan(world, "codex");
    has(command_of(world, "codex"), "/-/openai/v1\"");
    has(command_of(world, "codex"), "env_key=\"CODEX_API_KEY\"");
    assert_int_equal(world->plan.note_count, 0);
}

static void codex_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    refused(world, "codex --oss exec hi", "--oss");
    refused(world, "codex cloud exec hi", "cloud");
    refused(world, "codex --remote ws://h:1", "--remote");
    plan(world, "codex exec -- --oss");
}

static void codex_says_that_another_provider_does_not_count(void **state)
{
    struct world *world = *state;
    put_file(".codex/config.toml", "model = \"m\"\nmodel_provider = \"azure\"\n[x]\ny = 1\n");
    plan(world, "codex");
    assert_int_equal(world->plan.note_count, 1);
    has(world->plan.notes[0], "\"azure\"");
    put_file(".codex/config.toml", "model_provider = \"openai\"\n[x]\nmodel_provider = \"z\"\n");
    plan(world, "codex");
    assert_int_equal(world->plan.note_count, 0);
}

static void codex_without_room_for_a_hook_says_why(void **state)
{
    struct world *world = *state;
    plan(world, "codex -c hooks.PreToolUse=[] exec");
    assert_false(world->plan.hooks);
    has(world->plan.no_hooks, "-c hooks");
    lacks(command_of(world, "codex"), "hooks.state");
    plan(world, "codex --disable hooks exec");
    has(world->plan.no_hooks, "--disable");
    put_file(".codex/config.toml", "[features]\nhooks = false # none\n");
    plan(world, "codex");
    has(world->plan.no_hooks, "config.toml");
    put_file(".codex/config.toml", "[features]\nhooks = true\n[x]\nhooks_too = false\n");
    plan(world, "codex");
    assert_true(world->plan.hooks);
}

/* --- Gemini CLI ------------------------------------------------------------------------------- */

static void gemini_gets_the_login_by_key_and_keeps_its_settings(void **state)
{
    struct world *world = *state;
    as_root = false;
    put_file(".gemini/settings.json",
             "{\"theme\":\"x\", // mine\n\"security\":{\"auth\":{\"selectedType\":"
             "\"oauth-personal\",\"x\":1},\"folderTrust\":{\"enabled\":false}},"
             "\"hooks\":{\"BeforeTool\":[{\"mine\":1}]}}");
    put_file(".gemini/GEMINI.md", "be kind");
    plan(world, "gemini -p hi");
    const char *settings = item_of(world, PAWL_AGENT_FILE, "settings.json");
    has(settings, "\"theme\":\"x\"");
    has(settings, "\"x\":1");
    has(settings, "\"folderTrust\":{\"enabled\":false}");
    has(settings, "{\"mine\":1}]");
    has(settings, "\"selectedType\":\"gemini-api-key\"");
    lacks(settings, "oauth-personal");
    has(item_of(world, PAWL_AGENT_LINK, "GEMINI.md"), "/.gemini/GEMINI.md");
    has(item_of(world, PAWL_AGENT_ENV, "GEMINI_CLI_HOME"), home);
}

static void gemini_of_root_gets_system_settings(void **state)
{
    struct world *world = *state;
    char given[128];
    (void)snprintf(given, sizeof(given), "%s/system.json", home);
    put_file("system.json", "{\"x\":1,\"security\":{\"auth\":{\"selectedType\":\"vertex-ai\"}}}");
    put_file("policies/p.toml", "");
    const char *const variables[] = {"GEMINI_CLI_SYSTEM_SETTINGS_PATH", given, NULL};
    user = variables;
    as_root = true;
    plan(world, "gemini -p hi");
    /* The test's directory lies where others may write. */
    assert_string_equal(item_of(world, PAWL_AGENT_ENV, "GEMINI_CLI_SYSTEM_SETTINGS_PATH"),
                        "/run/pawl/run_1/gemini-settings.json");
    const char *settings = item_of(world, PAWL_AGENT_FILE, "gemini-settings.json");
    has(settings, "\"x\":1");
    has(settings, "\"selectedType\":\"gemini-api-key\"");
    has(settings, "/bin/pawl hook gemini");
    has(item_of(world, PAWL_AGENT_ENV, "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"), home);
    has(item_of(world, PAWL_AGENT_LINK, "policies"), home);
    user = NULL;
}

static void gemini_of_anybody_else_refuses_what_comes_before_its_home(void **state)
{
    struct world *world = *state;
    char given[128];
    static const char other[] = "{\"security\":{\"auth\":{\"selectedType\":\"vertex-ai\"}}}";
    (void)snprintf(given, sizeof(given), "%s/system.json", home);
    put_file("system.json", other);
    const char *const variables[] = {"GEMINI_CLI_SYSTEM_SETTINGS_PATH", given, NULL};
    user = variables;
    as_root = false;
    refused(world, "gemini -p hi", "system.json");
    put_file("system.json", "{\"security\":{\"auth\":{\"selectedType\":\"gemini-api-key\"}}}");
    plan(world, "gemini -p hi");
    put_file("project/.gemini/settings.json", other);
    (void)snprintf(cwd, sizeof(cwd), "%s/project", home);
    refused(world, "gemini -p hi", "project/.gemini/settings.json");
    put_file("project/.gemini/settings.json", "{ not JSON");
    assert_int_equal(plan_words(world, words_of("gemini")).code, PAWL_ERR_INVALID);
    user = NULL;
}

static void gemini_is_refused_where_it_would_call_somebody_else(void **state)
{
    struct world *world = *state;
    static const char *const vertex[] = {"GOOGLE_GENAI_USE_VERTEXAI", "true", NULL};
    user = vertex;
    refused(world, "gemini -p hi", "GOOGLE_GENAI_USE_VERTEXAI");
}

/* --- Applying --------------------------------------------------------------------------------- */

static void a_plan_is_applied_and_cleaned_up(void **state)
{
    struct world *world = *state;
    struct pawl_buf settings;
    struct pawl_buf edits;
    struct stat found;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/claude-settings.json", home);
    pawl_buf_init(&settings, 65536);
    pawl_buf_init(&edits, 65536);
    plan(world, "claude -p hi");
    assert_true(pawl_ok(pawl_agent_apply(&world->plan, home, &settings, &edits, &world->msg)));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_string_equal(settings.data, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1");
    assert_string_equal(edits.data, "+1 --settings");
    pawl_agent_clean(&world->plan, home);
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
    put_file(".gemini/GEMINI.md", "be kind");
    pawl_buf_init(&settings, 65536);
    pawl_buf_init(&edits, 65536);
    plan(world, "gemini -p hi");
    assert_true(pawl_ok(pawl_agent_apply(&world->plan, home, &settings, &edits, &world->msg)));
    put_file("gemini-home/.gemini/tmp/chat", "hello");
    put_file("gemini-home/.gemini/GEMINI.md", "be very kind"); /* through the link */
    pawl_agent_clean(&world->plan, home);
    (void)snprintf(path, sizeof(path), "%s/.gemini/tmp/chat", home);
    assert_int_equal(stat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/.gemini/GEMINI.md", home);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, 12);
    (void)snprintf(path, sizeof(path), "%s/gemini-home", home);
    assert_int_not_equal(lstat(path, &found), 0);
    pawl_buf_free(&settings);
    pawl_buf_free(&edits);
}

static void a_killed_run_is_cleaned_up_without_its_plan(void **state)
{
    struct world *world = *state;
    struct stat found;
    char path[192];
    put_file("claude-settings.json", "{}");
    put_file("meta.json", "{}");
    put_file("gemini-home/.gemini/settings.json", "{}");
    put_file("gemini-home/.gemini/made", "");
    pawl_agent_clean_killed(world->home, "run_1");
    (void)snprintf(path, sizeof(path), "%s/claude-settings.json", home);
    assert_int_not_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/meta.json", home);
    assert_int_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/gemini-home/.gemini/settings.json", home);
    assert_int_not_equal(lstat(path, &found), 0);
    (void)snprintf(path, sizeof(path), "%s/gemini-home/.gemini/made", home);
    assert_int_equal(lstat(path, &found), 0);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_are_known_by_their_command),
        cmocka_unit_test(agents_have_names),
        WITH_WORLD(unknown_agents_are_given_nothing),
        WITH_WORLD(claude_gets_settings_that_come_before_all_others),
        WITH_WORLD(claude_keeps_the_settings_that_the_user_gave),
        WITH_WORLD(claude_gets_a_status_line_where_the_user_has_none),
        WITH_WORLD(claude_is_refused_where_it_would_call_somebody_else),
        WITH_WORLD(claude_says_which_settings_do_not_count),
        WITH_WORLD(codex_says_that_another_provider_does_not_count),
        WITH_WORLD(codex_gets_a_provider_behind_all_its_options),
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
        WITH_WORLD(a_killed_run_is_cleaned_up_without_its_plan),
    };
    return cmocka_run_group_tests_name("run_agents", tests, NULL, NULL);
}
