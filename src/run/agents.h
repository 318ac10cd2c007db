/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents.h: agents that pawl knows, and what each needs besides an address in its environment so
 * that none of its model calls goes elsewhere (docs/AGENTS.md).
 *
 * What is put in is planned first, as a list of items with a reason each, and then applied: so
 * `pawl agents` shows what `pawl run` does, and a test can look at it. A plan holds for one run:
 * it has the gateway's address in it.
 */
#ifndef PAWL_RUN_AGENTS_H
#define PAWL_RUN_AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attrs.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/datadir.h"
#include "run/environ.h"

enum pawl_agent {
    PAWL_AGENT_NONE, /* any other: it gets the variables of environ.h */
    PAWL_AGENT_CLAUDE,
    PAWL_AGENT_CODEX,
    PAWL_AGENT_GEMINI,
    PAWL_AGENT_COUNT
};

/* How long `pawl hook` waits for the run's answer: longer than the run holds a tool call while a
 * person is asked (gateway/patience.h). */
enum { PAWL_AGENT_HOOK_ANSWER_MS = 340 * 1000 };

/* "none", "claude", "codex", "gemini". */
const char *pawl_agent_name(enum pawl_agent agent);
/* "Claude Code". */
const char *pawl_agent_title(enum pawl_agent agent);
bool pawl_agent_by_name(const char *name, enum pawl_agent *ret_agent);

struct pawl_agent_command {
    enum pawl_agent agent;
    size_t first; /* of the agent's own arguments, where it is known by its command; else 1 */
};
/* By the command's name: directly, through env, nohup, nice or timeout, through node, bun or deno
 * with its script, through npx and its like. */
struct pawl_agent_command pawl_agent_of(char *const *argv);

enum pawl_agent_item_kind {
    PAWL_AGENT_ENV,      /* name = value */
    PAWL_AGENT_ARGUMENT, /* value; before argument `at`, or in its place */
    PAWL_AGENT_FILE,     /* name: below the run's directory unless it begins with "/" */
    PAWL_AGENT_LINK,     /* name: the same; value: what it points at */
    PAWL_AGENT_OVERLAY   /* name: a directory of such; value: the one that it stands for */
};

struct pawl_agent_item {
    enum pawl_agent_item_kind kind;
    const char *name;
    const char *value;
    size_t at;
    bool replaces;
    const char *why; /* one sentence without a full stop; NULL: belongs to the item before */
};

enum { PAWL_AGENT_ITEMS_MAX = 128, PAWL_AGENT_NOTES_MAX = 4 };

struct pawl_agent_plan {
    struct pawl_arena arena; /* owns all texts */
    struct pawl_agent_item items[PAWL_AGENT_ITEMS_MAX];
    size_t item_count;
    bool calls_nothing;                      /* this command asks no model: nothing is given */
    bool hooks;                              /* the agent asks before each tool call */
    const char *no_hooks;                    /* why not, where it could; NULL */
    const char *notes[PAWL_AGENT_NOTES_MAX]; /* sentences for the person who starts it */
    size_t note_count;
    /* Where the user's settings say that ChatGPT is; NULL: at its vendor's. */
    const char *chatgpt_url;
    bool full; /* an item or a text had no room */
};

struct pawl_agent_request {
    struct pawl_agent_command command;
    char *const *argv;
    pawl_environ_get_fn *get;
    bool as_root;
    const char *cwd;
    const char *run_id;
    const char *run_dir; /* absolute */
    const char *data_dir;
    const char *pawl;    /* its own program, for hooks */
    const char *address; /* of the gateway, with the secret: "http://127.0.0.1:1234/<secret>" */
    /* It is started by a script, perhaps as one of many (wrap.h): files that differ from start to
     * start have names of their own. */
    bool wrapped;
};

/* This program's own path, for pawl_agent_request.pawl: hooks start it again. */
const char *pawl_agent_hook_program(char out[static PAWL_PATH_BYTES]);
/* Makes the plan, empty for an agent that needs nothing; it is to be freed in any case.
 * UNSUPPORTED: with this command or these settings calls would go past the gateway, or be paid
 * elsewhere; the message says what to do. INVALID, IO: something that the user named cannot be
 * read. */
PAWL_MUST_CHECK pawl_err pawl_agent_make_plan(const struct pawl_agent_request *request,
                                              struct pawl_agent_plan *ret_plan,
                                              struct pawl_errmsg *msg);
void pawl_agent_free_plan(struct pawl_agent_plan *plan);

/* That its hooks see each tool call, where that is the only way to keep a cap on them that somebody
 * has set. UNSUPPORTED; the message says why not. */
PAWL_MUST_CHECK pawl_err pawl_agent_check_hooks(enum pawl_agent agent,
                                                const struct pawl_agent_plan *plan,
                                                struct pawl_errmsg *msg);

/* Writes the files, and appends to what the keeper takes (keeper.h). What is there already, of an
 * earlier start in the same run, is brought up to date. */
PAWL_MUST_CHECK pawl_err pawl_agent_apply(const struct pawl_agent_plan *plan,
                                          const char *run_dir,
                                          struct pawl_buf *settings,
                                          struct pawl_buf *edits,
                                          struct pawl_errmsg *msg);
/* Removes what any agent of the run was given. What one made in an overlay goes into the directory
 * for which that stands; what cannot be moved there stays with the run, and so does all of it
 * where the run was killed. */
void pawl_agent_clean(const char *run_dir, const char *run_id, bool killed);

#endif
