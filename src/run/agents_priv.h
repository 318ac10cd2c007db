/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents_priv.h: what the planners of single agents share. One file an agent (agent_*.c), each
 * with one function in the table of agents.c; to add one, see docs/AGENTS.md.
 */
#ifndef PAWL_RUN_AGENTS_PRIV_H
#define PAWL_RUN_AGENTS_PRIV_H

#include "base/json.h"
#include "run/agents.h"

/* How the names of what is put in begin, by which it is found again at the run's end. */
#define PAWL_AGENT_CLAUDE_FILE "claude-settings"
#define PAWL_AGENT_GEMINI_FILE "gemini-settings"
#define PAWL_AGENT_GEMINI_HOME "gemini-home"
/* In such a home: the overlay, and a link to the directory for which it stands. */
#define PAWL_AGENT_GEMINI_OVERLAY ".gemini"
#define PAWL_AGENT_GEMINI_REAL    "real"
/* How long an agent waits for pawl's hook: longer than the hook waits for the run, which may hold a
 * tool call while a person is asked. */
enum { PAWL_AGENT_HOOK_TIMEOUT_S = PAWL_AGENT_HOOK_ANSWER_MS / 1000 + 5 };
/* The hook that tells of a prompt asks nothing. */
enum { PAWL_AGENT_PROMPT_TIMEOUT_S = 10 };
/* Where only root can write, for a run's directory that others could. */
#define PAWL_AGENT_ROOTS_DIR "/run/pawl"

typedef pawl_err pawl_agent_planner_fn(const struct pawl_agent_request *request,
                                       struct pawl_agent_plan *plan,
                                       struct pawl_errmsg *msg);
pawl_agent_planner_fn pawl_agent_plan_claude;
pawl_agent_planner_fn pawl_agent_plan_codex;
pawl_agent_planner_fn pawl_agent_plan_gemini;

/* --- agent_plan.c: what goes into a plan. Texts are copied; `why` is a literal. -------------- */

void pawl_agent_env(struct pawl_agent_plan *plan,
                    const char *name,
                    const char *value,
                    const char *why);
/* Unless the user has set it. */
void pawl_agent_env_default(struct pawl_agent_plan *plan,
                            const struct pawl_agent_request *request,
                            const char *name,
                            const char *value,
                            const char *why);
/* Before argument `at` of the command. */
void pawl_agent_argument(struct pawl_agent_plan *plan,
                         size_t at,
                         const char *value,
                         const char *why);
void pawl_agent_replace(struct pawl_agent_plan *plan,
                        size_t at,
                        const char *value,
                        const char *why);
void pawl_agent_file(struct pawl_agent_plan *plan,
                     const char *name,
                     struct pawl_slice content,
                     const char *why);
void pawl_agent_link(struct pawl_agent_plan *plan,
                     const char *name,
                     const char *target,
                     const char *why);
/* A directory of files and links that stands for another one. */
void pawl_agent_overlay(struct pawl_agent_plan *plan,
                        const char *name,
                        const char *instead_of,
                        const char *why);
void pawl_agent_note(struct pawl_agent_plan *plan, const char *format, ...) PAWL_PRINTF(2, 3);
/* A text that lives as long as the plan. */
const char *pawl_agent_text(struct pawl_agent_plan *plan, const char *format, ...)
    PAWL_PRINTF(2, 3);

/* The name of something that depends on `key`: "STEM" and `ending`; among the many starts of a
 * script "STEM-0123456789abcdef", so that equal ones share it and others have their own. */
const char *pawl_agent_file_name(const struct pawl_agent_request *request,
                                 struct pawl_agent_plan *plan,
                                 const char *stem,
                                 const char *ending,
                                 struct pawl_slice key);
/* Whether a path is that of something so named in this directory: it was given by an earlier start
 * in the same run. */
bool pawl_agent_is_given(const char *path, const char *dir, const char *stem);

/* A word for a shell: in single quotes, where it would see more in it than a word. */
void pawl_agent_put_word(struct pawl_buf *out, const char *word);

/* "'/usr/bin/pawl' hook claude --run run_… --data-dir '/…'", for a shell. */
const char *pawl_agent_hook_command(const struct pawl_agent_request *request,
                                    struct pawl_agent_plan *plan);

/* "'/usr/bin/pawl' statusline --data-dir '/…'": of the run that the agent's environment names. */
const char *pawl_agent_statusline_command(const struct pawl_agent_request *request,
                                          struct pawl_agent_plan *plan);

/* --- Options in the agent's own arguments ---------------------------------------------------- */

struct pawl_agent_option {
    size_t at;         /* of its value: the next argument, or the same one ("--name=value") */
    bool joined;       /* the same one */
    const char *value; /* "" where it has none */
};
/* The last occurrence before "--" of an option with a value. */
bool pawl_agent_find_option(const struct pawl_agent_request *request,
                            const char *name,
                            struct pawl_agent_option *ret_option);
/* Whether one of the arguments before "--" is this, or begins so with a "=" behind it. */
bool pawl_agent_has_flag(const struct pawl_agent_request *request, const char *name);
/* The first argument that is no option, or NULL: a subcommand, or a prompt. */
const char *pawl_agent_subcommand(const struct pawl_agent_request *request);
/* The index of "--", else of the NULL behind the last argument. */
size_t pawl_agent_options_end(const struct pawl_agent_request *request);
/* A variable that is set to something that means yes. */
bool pawl_agent_is_on(const struct pawl_agent_request *request, const char *name);

/* --- agent_clean.c --------------------------------------------------------------------------- */

/* Where an item lies; false: the path is too long. */
bool pawl_agent_item_path(const char *run_dir, const char *name, char out[static PAWL_PATH_BYTES]);

/* --- agent_files.c --------------------------------------------------------------------------- */

/* A small file into the plan's arena. NOT_FOUND; IO; LIMIT. */
PAWL_MUST_CHECK pawl_err pawl_agent_read_file(struct pawl_agent_plan *plan,
                                              const char *path,
                                              struct pawl_slice *ret_text);
/* The same, read as one JSON object; comments, which some agents allow, are passed over. INVALID:
 * it is no such object. The document lives as long as the plan. */
PAWL_MUST_CHECK pawl_err pawl_agent_read_json(struct pawl_agent_plan *plan,
                                              const char *path,
                                              struct pawl_json *ret_json);
/* The same for a text. */
PAWL_MUST_CHECK pawl_err pawl_agent_parse_json(struct pawl_agent_plan *plan,
                                               struct pawl_slice text,
                                               struct pawl_json *ret_json);
/* The members of an object, but those in `without` (NULL at the end), into an open object. */
void pawl_agent_copy_members(struct pawl_agent_plan *plan,
                             const struct pawl_json *json,
                             uint32_t object,
                             const char *const *without,
                             struct pawl_json_writer *writer);
/* The elements of an array into an open array. */
void pawl_agent_copy_elements(const struct pawl_json *json,
                              uint32_t array,
                              struct pawl_json_writer *writer);
/* Writes one hook of pawl's: of the first event where `tools`. */
typedef void pawl_agent_put_hook_fn(const struct pawl_agent_request *request,
                                    struct pawl_agent_plan *plan,
                                    bool tools,
                                    struct pawl_json_writer *writer);
/* "hooks" as settings have them: those that were given, and in each of the events (ended by NULL;
 * the first is that of tools) pawl's before the others. */
void pawl_agent_put_hooks(const struct pawl_agent_request *request,
                          struct pawl_agent_plan *plan,
                          const struct pawl_json *given,
                          const char *const *events,
                          pawl_agent_put_hook_fn *put_hook,
                          struct pawl_json_writer *writer);
/* Whether nobody but root can change a file in this directory or put another in its place: the
 * directories up to the root are root's, and writable for nobody else; those that are not there yet
 * will be as pawl makes them. */
bool pawl_agent_is_roots_own(const char *dir);
/* Calls `visit` for each name in a directory but "." and "..". A directory that is not there has
 * none. */
void pawl_agent_each_entry(const char *dir, void (*visit)(void *arg, const char *name), void *arg);

#endif
