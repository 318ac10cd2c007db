/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worktree.h: what changed in the git tree around the working directory while the agent ran. Git
 * itself is asked, twice: at the start, beside the agent's own start, and at the end. Both
 * answers go to anonymous files, so a git that takes its time holds nobody up; it is bounded in
 * time and output. Where it cannot say, nothing is known, which is an answer too.
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
    pid_t pid;     /* 0: not asked */
    int answer_fd; /* what git prints */
    int alive_fd;  /* at its end when git has ended */
};

struct pawl_worktree {
    char root[4096]; /* empty: no tree */
    int64_t started_us;
    struct pawl_worktree_question before;
    struct pawl_arena arena; /* of texts and names */
};

/* Starts the first look. Real time of the run's start, to compare files with. */
void pawl_worktree_begin(struct pawl_worktree *worktree, const char *cwd, int64_t started_us);
/* The second look, and the comparison. Blocks for at most about `patience_ms`. Names live as long as
 * the worktree. */
void pawl_worktree_compare(struct pawl_worktree *worktree,
                           uint32_t patience_ms,
                           struct pawl_worktree_changes *ret_changes);
void pawl_worktree_free(struct pawl_worktree *worktree);

/* As the member "files" of an object, if anything is known. */
void pawl_worktree_put(const struct pawl_worktree_changes *changes,
                       struct pawl_json_writer *writer);

/* --- Inside the layer: reading git's answers (worktree_diff.c). ----------------------------- */

struct pawl_worktree_answers {
    int root_fd; /* the tree, to look at files */
    int64_t started_us;
    struct pawl_slice before;  /* git status --porcelain=v2 --branch -z */
    struct pawl_slice after;   /* the same */
    struct pawl_slice commits; /* git diff --name-status -z, from the first head to the last */
};

void pawl_worktree_diff(const struct pawl_worktree_answers *answers,
                        struct pawl_arena *arena,
                        struct pawl_worktree_changes *ret_changes);
/* The commit in a status, or empty. */
struct pawl_slice pawl_worktree_head(struct pawl_slice status);

#endif
