/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worktree.h: what changed in the git tree around the working directory while the agent ran. Git
 * itself is asked, twice: at the start, while the ledger is made, and at the end. Both answers go
 * to anonymous files, so a git that takes its time holds nobody up; it is bounded in time and
 * output. Where it cannot say, nothing is known, which is an answer too.
 */
#ifndef PAWL_RUN_WORKTREE_H
#define PAWL_RUN_WORKTREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"

enum { PAWL_WORKTREE_NAMES_MAX = 20 };

struct pawl_worktree_changes {
    bool known;
    uint32_t created;
    uint32_t changed;
    uint32_t deleted;
    uint32_t name_count; /* of the first names, in order */
    struct pawl_slice names[PAWL_WORKTREE_NAMES_MAX];
};

struct pawl_worktree_question {
    pid_t pid;     /* 0: not asked, or taken */
    int answer_fd; /* what git prints */
    int alive_fd;  /* at its end when git has ended */
};

/* One file that differs from the last commit. */
struct pawl_worktree_entry {
    struct pawl_slice path; /* NUL-terminated in the text it comes from */
    bool fresh;             /* not in the last commit: untracked or added */
    bool absent;            /* deleted */
    bool committed;         /* by the run itself */
    int64_t changed_us;     /* the file's last change, where it was looked at; else 0 */
};

struct pawl_worktree_entries {
    struct pawl_worktree_entry *list; /* by path */
    size_t count;
};

/* How the tree was at the start. */
struct pawl_worktree_start {
    bool known; /* git's answer was taken */
    bool exact; /* before the agent did anything, files and all */
    int64_t at_us;
    struct pawl_slice head; /* the last commit; empty: none */
    struct pawl_worktree_entries entries;
};

struct pawl_worktree {
    char root[4096]; /* empty: no tree */
    struct pawl_worktree_question question;
    struct pawl_worktree_question again; /* the second look */
    struct pawl_worktree_start start;
    struct pawl_arena arena; /* of texts and names */
};

/* Starts the first look. */
void pawl_worktree_begin(struct pawl_worktree *worktree, const char *cwd, int64_t real_us);
/* Waits until the first look is over, but not longer than that. If it is, the comparison will be
 * exact; else the tree is looked at while the agent runs already, files tell by their times whether
 * they changed, and what is new in the first moments may pass for changed. */
void pawl_worktree_await(struct pawl_worktree *worktree, uint32_t patience_ms);
/* Starts the second look: the agent and all that it started have gone. */
void pawl_worktree_look_again(struct pawl_worktree *worktree);
/* Takes the second look, which it starts if need be, and compares. Blocks for at most about
 * `patience_ms`. Names live as long as the worktree. */
void pawl_worktree_compare(struct pawl_worktree *worktree,
                           uint32_t patience_ms,
                           struct pawl_worktree_changes *ret_changes);
void pawl_worktree_free(struct pawl_worktree *worktree);

/* As the member "files" of an object, if anything is known. */
void pawl_worktree_put(const struct pawl_worktree_changes *changes,
                       struct pawl_json_writer *writer);

/* --- Inside the layer: reading git's answers (worktree_diff.c). ----------------------------- */

/* Reads `git status --porcelain=v2 --branch -z`. With `root_fd` >= 0 it looks at the files too, and
 * the start is exact. false: no memory, or too much of it. */
PAWL_MUST_CHECK bool pawl_worktree_read_start(struct pawl_slice status,
                                              int root_fd,
                                              struct pawl_arena *arena,
                                              struct pawl_worktree_start *start);

struct pawl_worktree_end {
    int root_fd;               /* the tree, to look at files */
    struct pawl_slice status;  /* as above */
    struct pawl_slice commits; /* git diff --name-status -z, from the first head to the last */
};

void pawl_worktree_diff(const struct pawl_worktree_start *start,
                        const struct pawl_worktree_end *end,
                        struct pawl_arena *arena,
                        struct pawl_worktree_changes *ret_changes);
/* The commit in a status, or empty. */
struct pawl_slice pawl_worktree_head(struct pawl_slice status);

#endif
