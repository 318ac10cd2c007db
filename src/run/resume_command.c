/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume_command.c: each known agent's own way to go on with a conversation:
 *
 *   claude [options] --resume ID [-p WORDS]       --continue without an id
 *   codex [exec] [options] resume ID [WORDS]      --last without an id
 *   gemini [options] --resume latest [-p WORDS]   its calls say no id
 *
 * Of the options that the agent was started with those of the tables below are kept: they say what
 * it may do, and with which model. What is not in a table is left out, the first prompt above all.
 */
#include <string.h>

#include "base/assert.h"
#include "run/resume.h"

enum takes {
    TAKES_NOTHING,
    TAKES_ONE,
    TAKES_MANY /* words up to the next option */
};

struct option {
    const char *name;
    const char *letter; /* or NULL */
    enum takes takes;
};

static const struct option claude_options[] = {
    {"--model", NULL, TAKES_ONE},
    {"--fallback-model", NULL, TAKES_ONE},
    {"--permission-mode", NULL, TAKES_ONE},
    {"--permission-prompt-tool", NULL, TAKES_ONE},
    {"--dangerously-skip-permissions", NULL, TAKES_NOTHING},
    {"--allowedTools", NULL, TAKES_MANY},
    {"--allowed-tools", NULL, TAKES_MANY},
    {"--disallowedTools", NULL, TAKES_MANY},
    {"--disallowed-tools", NULL, TAKES_MANY},
    {"--tools", NULL, TAKES_MANY},
    {"--add-dir", NULL, TAKES_MANY},
    {"--mcp-config", NULL, TAKES_MANY},
    {"--strict-mcp-config", NULL, TAKES_NOTHING},
    {"--append-system-prompt", NULL, TAKES_ONE},
    {"--system-prompt", NULL, TAKES_ONE},
    {"--output-format", NULL, TAKES_ONE},
    {"--include-partial-messages", NULL, TAKES_NOTHING},
    {"--verbose", NULL, TAKES_NOTHING},
    {"--settings", NULL, TAKES_ONE},
    {"--setting-sources", NULL, TAKES_ONE},
    {"--agents", NULL, TAKES_ONE},
    {"--agent", NULL, TAKES_ONE},
    {"--effort", NULL, TAKES_ONE},
    {"--max-turns", NULL, TAKES_ONE},
    {"--bare", NULL, TAKES_NOTHING},
};

static const struct option codex_options[] = {
    {"--model", "-m", TAKES_ONE},
    {"--config", "-c", TAKES_ONE},
    {"--profile", "-p", TAKES_ONE},
    {"--sandbox", "-s", TAKES_ONE},
    {"--ask-for-approval", "-a", TAKES_ONE},
    {"--cd", "-C", TAKES_ONE},
    {"--add-dir", NULL, TAKES_ONE},
    {"--enable", NULL, TAKES_ONE},
    {"--disable", NULL, TAKES_ONE},
    {"--full-auto", NULL, TAKES_NOTHING},
    {"--dangerously-bypass-approvals-and-sandbox", NULL, TAKES_NOTHING},
    {"--skip-git-repo-check", NULL, TAKES_NOTHING},
    {"--json", NULL, TAKES_NOTHING},
};

static const struct option gemini_options[] = {
    {"--model", "-m", TAKES_ONE},         {"--yolo", "-y", TAKES_NOTHING},
    {"--approval-mode", NULL, TAKES_ONE}, {"--sandbox", "-s", TAKES_NOTHING},
    {"--allowed-tools", NULL, TAKES_ONE}, {"--allowed-mcp-server-names", NULL, TAKES_ONE},
    {"--extensions", "-e", TAKES_ONE},    {"--include-directories", NULL, TAKES_ONE},
    {"--output-format", "-o", TAKES_ONE}, {"--skip-trust", NULL, TAKES_NOTHING},
};

/* --- A list of words ------------------------------------------------------------------------ */

struct words {
    struct pawl_arena *arena;
    char **list;
    size_t count;
    size_t max;
};

static void add_slice(struct words *words, struct pawl_slice word)
{
    PAWL_ASSERT(words->count < words->max);
    char *copy = pawl_arena_alloc(words->arena, word.bytes + 1);
    if (copy != NULL) {
        memcpy(copy, word.data, word.bytes);
        copy[word.bytes] = '\0';
        words->list[words->count++] = copy;
    }
}

static void add(struct words *words, const char *word)
{
    add_slice(words, pawl_slice_str(word));
}

static void add_all(struct words *words, char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        add(words, list[i]);
    }
}

/* --- What the agent was started with -------------------------------------------------------- */

static bool is_named(const char *word, const char *name)
{
    size_t bytes = name != NULL ? strlen(name) : 0;
    return bytes > 0 && strncmp(word, name, bytes) == 0 &&
           (word[bytes] == '\0' || word[bytes] == '=');
}

static bool has_option(char *const *argv, size_t first, const char *name, const char *letter)
{
    for (size_t i = first; argv[i] != NULL; i++) {
        if (is_named(argv[i], name) || (letter != NULL && strcmp(argv[i], letter) == 0)) {
            return true;
        }
    }
    return false;
}

/* Adds argv[at] and its values where it is an option of the table. */
static void
keep_option(struct words *words, char *const *argv, size_t at, const struct option *option)
{
    add(words, argv[at]);
    if (option->takes == TAKES_NOTHING || strchr(argv[at], '=') != NULL) {
        return;
    }
    size_t most = option->takes == TAKES_ONE ? at + 1 : SIZE_MAX;
    for (size_t i = at + 1; argv[i] != NULL && i <= most; i++) {
        if (option->takes == TAKES_MANY && argv[i][0] == '-') {
            break;
        }
        add(words, argv[i]);
    }
}

static void keep_options(struct words *words,
                         char *const *argv,
                         size_t first,
                         const struct option *options,
                         size_t option_count)
{
    for (size_t i = first; argv[i] != NULL; i++) {
        for (size_t k = 0; k < option_count; k++) {
            const char *letter = options[k].letter;
            if (is_named(argv[i], options[k].name) ||
                (letter != NULL && strcmp(argv[i], letter) == 0)) {
                keep_option(words, argv, i, &options[k]);
                break;
            }
        }
    }
}

/* --- By agent ------------------------------------------------------------------------------- */

struct going_on {
    char *const *argv;
    size_t first;
    struct pawl_slice session;
    struct pawl_slice said;
    char *const *extra;
};

static void add_prompt(struct words *words, const struct going_on *on)
{
    if (on->extra[0] != NULL) {
        add_all(words, on->extra);
    } else {
        add_slice(words, on->said);
    }
}

static void claude(struct words *words, const struct going_on *on)
{
    bool prints = has_option(on->argv, on->first, "--print", "-p");
    keep_options(words, on->argv, on->first, claude_options, PAWL_ARRAY_LEN(claude_options));
    if (pawl_slice_empty(on->session)) {
        add(words, "--continue");
    } else {
        add(words, "--resume");
        add_slice(words, on->session);
    }
    if (prints) {
        add(words, "-p");
        add_prompt(words, on);
    } else {
        add_all(words, on->extra);
    }
}

/* Its own words up to the first that is no option, which may be a verb. */
static bool codex_executes(const struct going_on *on)
{
    for (size_t i = on->first; on->argv[i] != NULL; i++) {
        if (strcmp(on->argv[i], "exec") == 0 || strcmp(on->argv[i], "e") == 0) {
            return true;
        }
    }
    return false;
}

static void codex(struct words *words, const struct going_on *on)
{
    bool executes = codex_executes(on);
    if (executes) {
        add(words, "exec");
    }
    keep_options(words, on->argv, on->first, codex_options, PAWL_ARRAY_LEN(codex_options));
    add(words, "resume");
    if (pawl_slice_empty(on->session)) {
        add(words, "--last");
    } else {
        add_slice(words, on->session);
    }
    if (executes) {
        add_prompt(words, on);
    } else {
        add_all(words, on->extra);
    }
}

static void gemini(struct words *words, const struct going_on *on)
{
    bool prompted = has_option(on->argv, on->first, "--prompt", "-p");
    keep_options(words, on->argv, on->first, gemini_options, PAWL_ARRAY_LEN(gemini_options));
    add(words, "--resume");
    add(words, "latest");
    if (prompted) {
        add(words, "-p");
        add_prompt(words, on);
    } else {
        add_all(words, on->extra);
    }
}

char **pawl_resume_command(struct pawl_arena *arena,
                           struct pawl_agent_command command,
                           char *const *argv,
                           struct pawl_slice session,
                           struct pawl_slice said,
                           char *const *extra)
{
    size_t count = 0;
    size_t extra_count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    while (extra[extra_count] != NULL) {
        extra_count++;
    }
    /* An option may be kept with all that follows it. */
    struct words words = {.arena = arena, .max = count * (count + 1) + extra_count + 8};
    words.list = pawl_arena_alloc(arena, (words.max + 1) * sizeof(*words.list));
    if (words.list == NULL) {
        return NULL;
    }
    struct going_on on = {
        .argv = argv, .first = command.first, .session = session, .said = said, .extra = extra};
    if (command.agent == PAWL_AGENT_NONE) {
        add_all(&words, extra_count > 0 ? extra : argv);
    } else {
        for (size_t i = 0; i < command.first && i < count; i++) {
            add(&words, argv[i]);
        }
    }
    if (command.agent == PAWL_AGENT_CLAUDE) {
        claude(&words, &on);
    } else if (command.agent == PAWL_AGENT_CODEX) {
        codex(&words, &on);
    } else if (command.agent == PAWL_AGENT_GEMINI) {
        gemini(&words, &on);
    }
    words.list[words.count] = NULL;
    return arena->overflowed ? NULL : words.list;
}
