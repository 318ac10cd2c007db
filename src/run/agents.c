/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents.c: the table of agents, and how a command is told to be one of them.
 *
 * A command names its agent in four ways: by its program, through a program that starts another
 * one (env, nice), through an interpreter with the agent's script, through a runner of packages.
 * Who hides it any deeper, in a script of his own, meets its wrapper there (wrap.h).
 */
#include "run/agents.h"

#include <string.h>

#include "base/assert.h"
#include "run/agents_priv.h"

static const struct {
    const char *name;  /* the program's, the script's, and --agent's */
    const char *title; /* for people */
    const char *package;
    pawl_agent_planner_fn *plan;
} agents[] = {
    [PAWL_AGENT_NONE] = {"none", "any other agent", NULL, NULL},
    [PAWL_AGENT_CLAUDE] = {"claude", "Claude Code", "@anthropic-ai/claude-code",
                           pawl_agent_plan_claude},
    [PAWL_AGENT_CODEX] = {"codex", "Codex", "@openai/codex", pawl_agent_plan_codex},
    [PAWL_AGENT_GEMINI] = {"gemini", "Gemini CLI", "@google/gemini-cli", pawl_agent_plan_gemini},
};
_Static_assert(PAWL_ARRAY_LEN(agents) == PAWL_AGENT_COUNT, "every agent has a row");

const char *pawl_agent_name(enum pawl_agent agent)
{
    PAWL_ASSERT(agent < PAWL_AGENT_COUNT);
    return agents[agent].name;
}

const char *pawl_agent_title(enum pawl_agent agent)
{
    PAWL_ASSERT(agent < PAWL_AGENT_COUNT);
    return agents[agent].title;
}

bool pawl_agent_by_name(const char *name, enum pawl_agent *ret_agent)
{
    for (int i = 0; i < PAWL_AGENT_COUNT; i++) {
        if (strcmp(agents[i].name, name) == 0) {
            *ret_agent = (enum pawl_agent)i;
            return true;
        }
    }
    return false;
}

/* Its version or its help, and nothing else: there is no call to keep in, and it has to work where
 * nothing can be written, and where a start that calls would be refused. */
static bool only_tells_of_itself(const struct pawl_agent_request *request)
{
    static const char *const words[] = {"--version", "-v", "-V", "--help", "-h"};
    char *const *own = request->argv + request->command.first;
    bool one = request->argv[0] != NULL && own[0] != NULL && own[1] == NULL;
    for (size_t i = 0; one && i < PAWL_ARRAY_LEN(words); i++) {
        if (strcmp(own[0], words[i]) == 0) {
            return true;
        }
    }
    return false;
}

pawl_err pawl_agent_make_plan(const struct pawl_agent_request *request,
                              struct pawl_agent_plan *ret_plan,
                              struct pawl_errmsg *msg)
{
    enum { TEXTS_BYTES_MAX = 8 << 20 };
    *ret_plan = (struct pawl_agent_plan){.item_count = 0};
    pawl_arena_init(&ret_plan->arena, TEXTS_BYTES_MAX);
    pawl_agent_planner_fn *planner = agents[request->command.agent].plan;
    if (planner != NULL && only_tells_of_itself(request)) {
        ret_plan->calls_nothing = true;
        return PAWL_OK;
    }
    pawl_err err = planner != NULL ? planner(request, ret_plan, msg) : PAWL_OK;
    if (pawl_ok(err) && (ret_plan->full || ret_plan->arena.overflowed)) {
        pawl_errmsg_set(msg, "the settings of %s are too large",
                        pawl_agent_title(request->command.agent));
        err = PAWL_ERR(LIMIT);
    }
    return err;
}

pawl_err pawl_agent_check_hooks(enum pawl_agent agent,
                                const struct pawl_agent_plan *plan,
                                struct pawl_errmsg *msg)
{
    if (agent != PAWL_AGENT_CODEX || plan->hooks || plan->calls_nothing) {
        return PAWL_OK;
    }
    pawl_errmsg_set(msg,
                    "--max-tool-calls cannot be kept: Codex runs tools from scripts, so only its "
                    "hooks see each of them, and %s",
                    plan->no_hooks);
    return PAWL_ERR(UNSUPPORTED);
}

void pawl_agent_free_plan(struct pawl_agent_plan *plan)
{
    pawl_arena_free(&plan->arena);
    plan->item_count = 0;
    plan->note_count = 0;
}

/* --- Recognising a command ------------------------------------------------------------------- */

/* Programs that start another one. */
static const struct {
    const char *name;
    const char *with_value; /* letters of options that take a value */
    size_t operands;        /* before the command */
} wrappers[] = {
    {"env", "uCS", 0}, {"nohup", "", 0}, {"nice", "n", 0}, {"timeout", "ks", 1}, {"setsid", "", 0},
};

static const char *const interpreters[] = {"node", "nodejs", "bun", "deno"};

/* Runners of packages; `word` is the one that must follow. */
static const struct {
    const char *name;
    const char *word; /* NULL: none */
} runners[] = {
    {"npx", NULL},   {"bunx", NULL},   {"npm", "exec"}, {"npm", "x"},
    {"pnpm", "dlx"}, {"pnpm", "exec"}, {"yarn", "dlx"},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* A program or a script: by its name without an ending, or by the package that it lies in. */
static enum pawl_agent agent_of_path(const char *path)
{
    struct pawl_slice name = pawl_slice_str(base_name(path));
    struct pawl_slice stem = pawl_slice_sub(name, 0, pawl_slice_find_byte(name, '.'));
    for (int i = PAWL_AGENT_NONE + 1; i < PAWL_AGENT_COUNT; i++) {
        if (pawl_slice_equal_str(stem, agents[i].name) ||
            (strchr(path, '/') != NULL && strstr(path, agents[i].package) != NULL)) {
            return (enum pawl_agent)i;
        }
    }
    return PAWL_AGENT_NONE;
}

/* "@openai/codex", "@openai/codex@0.169.0" */
static enum pawl_agent agent_of_package(const char *word)
{
    for (int i = PAWL_AGENT_NONE + 1; i < PAWL_AGENT_COUNT; i++) {
        size_t bytes = strlen(agents[i].package);
        if (strncmp(word, agents[i].package, bytes) == 0 &&
            (word[bytes] == '\0' || word[bytes] == '@')) {
            return (enum pawl_agent)i;
        }
    }
    return PAWL_AGENT_NONE;
}

/* Behind a wrapper's options and operands; false: it is none. */
static bool skip_wrapper(char *const *argv, size_t *at)
{
    for (size_t i = 0; i < PAWL_ARRAY_LEN(wrappers); i++) {
        if (strcmp(base_name(argv[*at]), wrappers[i].name) != 0) {
            continue;
        }
        size_t next = *at + 1;
        while (argv[next] != NULL && argv[next][0] == '-') {
            const char *option = argv[next++];
            bool value_apart = option[1] != '-' && option[1] != '\0' && option[2] == '\0' &&
                               strchr(wrappers[i].with_value, option[1]) != NULL;
            next += value_apart && argv[next] != NULL ? 1 : 0;
            if (strcmp(option, "--") == 0) {
                break;
            }
        }
        while (wrappers[i].name[0] == 'e' && argv[next] != NULL &&
               strchr(argv[next], '=') != NULL) {
            next++; /* env's assignments */
        }
        for (size_t k = 0; k < wrappers[i].operands && argv[next] != NULL; k++) {
            next++;
        }
        *at = next;
        return true;
    }
    return false;
}

/* The first argument from `at` on that is no option. */
static size_t skip_options(char *const *argv, size_t at)
{
    while (argv[at] != NULL && argv[at][0] == '-') {
        at++;
    }
    return at;
}

static struct pawl_agent_command of_script(char *const *argv, size_t at)
{
    size_t script = skip_options(argv, at + 1);
    if (argv[script] != NULL && strcmp(argv[script], "run") == 0) {
        script = skip_options(argv, script + 1); /* deno run, bun run */
    }
    if (argv[script] == NULL) {
        return (struct pawl_agent_command){PAWL_AGENT_NONE, 1};
    }
    return (struct pawl_agent_command){agent_of_path(argv[script]), script + 1};
}

/* npx and its like: the package may also be the value of an option, with the program behind it. */
static struct pawl_agent_command of_runner(char *const *argv, size_t at)
{
    for (; argv[at] != NULL && argv[at][0] == '-' && strcmp(argv[at], "--") != 0; at++) {
        bool value_apart = strcmp(argv[at], "-p") == 0 || strcmp(argv[at], "--package") == 0;
        at += value_apart && argv[at + 1] != NULL ? 1 : 0;
    }
    at += argv[at] != NULL && strcmp(argv[at], "--") == 0 ? 1 : 0;
    if (argv[at] == NULL) {
        return (struct pawl_agent_command){PAWL_AGENT_NONE, 1};
    }
    enum pawl_agent agent = agent_of_package(argv[at]);
    agent = agent != PAWL_AGENT_NONE ? agent : agent_of_path(argv[at]);
    at++;
    at += argv[at] != NULL && strcmp(argv[at], "--") == 0 ? 1 : 0;
    return (struct pawl_agent_command){agent, at};
}

struct pawl_agent_command pawl_agent_of(char *const *argv)
{
    const struct pawl_agent_command none = {PAWL_AGENT_NONE, 1};
    size_t at = 0;
    while (argv[at] != NULL && skip_wrapper(argv, &at)) {
    }
    if (argv[at] == NULL) {
        return none;
    }
    const char *program = base_name(argv[at]);
    for (size_t i = 0; i < PAWL_ARRAY_LEN(interpreters); i++) {
        if (strcmp(program, interpreters[i]) == 0) {
            return of_script(argv, at);
        }
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(runners); i++) {
        if (strcmp(program, runners[i].name) == 0 && runners[i].word == NULL) {
            return of_runner(argv, at + 1);
        }
        if (strcmp(program, runners[i].name) == 0 && argv[at + 1] != NULL &&
            strcmp(argv[at + 1], runners[i].word) == 0) {
            return of_runner(argv, at + 2);
        }
    }
    enum pawl_agent agent = agent_of_path(argv[at]);
    return agent != PAWL_AGENT_NONE ? (struct pawl_agent_command){agent, at + 1} : none;
}
