/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h: all processes that descend from one, found in /proc, and signals to each of them. Process
 * groups and sessions do not help: agents start their tools in sessions of their own.
 *
 * A process is named by pid and start time together, since a pid alone may belong to somebody else
 * by the time a signal is sent.
 */
#ifndef PAWL_RUN_TREE_H
#define PAWL_RUN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attrs.h"
#include "base/err.h"

struct pawl_tree_process {
    pid_t pid;
    pid_t parent;
    uint64_t started; /* clock ticks since boot */
    bool alive;       /* no zombie */
    bool descends;    /* of the root that was asked for */
};

/* Zeroed at first; the memory is reused by later walks. */
struct pawl_tree {
    struct pawl_tree_process *processes; /* owned */
    size_t count;
    size_t capacity;
};

/* Finds the living descendants of `root`, which is not one of them itself. On return `processes`
 * holds those alone, by pid. */
PAWL_MUST_CHECK pawl_err pawl_tree_walk(struct pawl_tree *tree, pid_t root);
/* To each process of the last walk that is still the same one. */
void pawl_tree_signal(const struct pawl_tree *tree, int signal_number);
void pawl_tree_free(struct pawl_tree *tree);

/* One try at ending everything below `root`: stops what it finds until a walk finds no more of them
 * (a stopped process cannot fork away from us), then kills all of it. tree->count says how many
 * there were; the caller reaps and tries again until there is none. */
PAWL_MUST_CHECK pawl_err pawl_tree_kill(struct pawl_tree *tree, pid_t root);

#endif
