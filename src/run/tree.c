/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c: reads pid, parent, state and start time of every process from /proc/PID/stat, then
 * marks by parent from the root down. One walk is no snapshot: what forks while it is
 * under way may be missed. That is why ending a tree works in rounds (pawl_tree_kill), and why
 * the caller repeats it until a walk finds nobody.
 *
 * Everything below a subreaper stays below it: an orphan's new parent is the nearest subreaper, so
 * a daemon that forked twice is still found. What leaves the tree is only what another process
 * started on request (a service manager, a container engine).
 *
 * Signals go through a pidfd: open it, look whether the start time is still the one of the walk,
 * and send. A pid that was reused in between is left alone. Kernels without pidfds (before 5.3) get
 * the signal by pid after the same look.
 */
#define _GNU_SOURCE
#include "run/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/slice.h"

enum { PROCESSES_MAX = 1 << 22, STAT_BYTES = 1024, ROUNDS_MAX = 64 };

/* Fields of /proc/PID/stat behind the name, counted from the state. */
enum { FIELD_STATE = 0, FIELD_PARENT = 1, FIELD_THREADS = 17, FIELD_STARTED = 19 };

/* false: no such process any more. */
static bool read_stat(pid_t pid, struct pawl_tree_process *ret_process)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    char text[STAT_BYTES];
    ssize_t bytes = read(fd, text, sizeof(text));
    (void)close(fd);
    /* The name may hold anything, blanks and brackets too; behind its last bracket all is plain. */
    const char *name_end = bytes > 0 ? memrchr(text, ')', (size_t)bytes) : NULL;
    if (name_end == NULL) {
        return false;
    }
    size_t rest_bytes = (size_t)(text + bytes - name_end);
    struct pawl_slice rest = pawl_slice_sub(pawl_slice_of(name_end, rest_bytes), 2, rest_bytes);
    uint64_t numbers[FIELD_STARTED + 1] = {0};
    char state = '?';
    for (int field = 0; field <= FIELD_STARTED; field++) {
        struct pawl_slice word = pawl_slice_cut(&rest, ' ');
        if (field == FIELD_STATE) {
            state = word.bytes == 1 ? word.data[0] : '?';
        } else if (!pawl_slice_to_u64(word, &numbers[field])) {
            numbers[field] = 0; /* Some fields may be negative; none that is used here. */
        }
    }
    *ret_process = (struct pawl_tree_process){
        .pid = pid,
        .parent = (pid_t)numbers[FIELD_PARENT],
        .started = numbers[FIELD_STARTED],
        /* A leader that ended before its other threads looks like a zombie, and is none. */
        .alive = (state != 'Z' && state != 'X') || numbers[FIELD_THREADS] > 1,
    };
    return true;
}

static bool tree_add(struct pawl_tree *tree, const struct pawl_tree_process *process)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity == 0 ? 256 : tree->capacity * 2;
        if (capacity > PROCESSES_MAX) {
            return false;
        }
        void *grown = pawl_realloc(tree->processes, capacity * sizeof(*process));
        if (grown == NULL) {
            return false;
        }
        tree->processes = grown;
        tree->capacity = capacity;
    }
    tree->processes[tree->count++] = *process;
    return true;
}

static pawl_err read_all(struct pawl_tree *tree)
{
    tree->count = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        return pawl_err_from_errno(errno);
    }
    pawl_err err = PAWL_OK;
    for (const struct dirent *entry = readdir(proc); entry != NULL; entry = readdir(proc)) {
        uint64_t pid = 0;
        struct pawl_tree_process process;
        if (pawl_slice_to_u64(pawl_slice_str(entry->d_name), &pid) && pid <= INT32_MAX &&
            read_stat((pid_t)pid, &process) && !tree_add(tree, &process)) {
            err = PAWL_ERR(MEMORY);
            break;
        }
    }
    (void)closedir(proc);
    return err;
}

static int compare_pid(const void *left, const void *right)
{
    const struct pawl_tree_process *a = left;
    const struct pawl_tree_process *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static bool parent_descends(const struct pawl_tree *tree, pid_t parent, pid_t root)
{
    if (parent == root) {
        return true;
    }
    const struct pawl_tree_process key = {.pid = parent};
    const struct pawl_tree_process *found =
        bsearch(&key, tree->processes, tree->count, sizeof(key), compare_pid);
    return found != NULL && found->descends;
}

/* Whoever has no child, not even a dead one, has nobody below. The system knows that at once, and
 * exactly, while a walk reads a file for each process of the machine. */
static bool has_no_child(pid_t root)
{
    siginfo_t info;
    return root == getpid() && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 &&
           errno == ECHILD;
}

pawl_err pawl_tree_walk(struct pawl_tree *tree, pid_t root)
{
    if (has_no_child(root)) {
        tree->count = 0;
        return PAWL_OK;
    }
    pawl_err err = read_all(tree);
    if (pawl_failed(err)) {
        tree->count = 0;
        return err;
    }
    qsort(tree->processes, tree->count, sizeof(tree->processes[0]), compare_pid);
    /* Each pass marks at least one more generation, so it ends. Children usually have higher pids
     * than their parents, so one or two passes do. */
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < tree->count; i++) {
            struct pawl_tree_process *process = &tree->processes[i];
            if (!process->descends && process->pid != root &&
                parent_descends(tree, process->parent, root)) {
                process->descends = true;
                changed = true;
            }
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->processes[i].descends && tree->processes[i].alive) {
            tree->processes[kept++] = tree->processes[i];
        }
    }
    tree->count = kept;
    return PAWL_OK;
}

static bool is_same(const struct pawl_tree_process *process)
{
    struct pawl_tree_process now;
    return read_stat(process->pid, &now) && now.started == process->started;
}

static void signal_process(const struct pawl_tree_process *process, int signal_number)
{
    long fd = syscall(SYS_pidfd_open, process->pid, 0);
    bool has_pidfd = fd >= 0 || errno != ENOSYS;
    if (!is_same(process)) {
        signal_number = 0;
    }
    if (signal_number != 0 && fd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0);
    } else if (signal_number != 0 && !has_pidfd) {
        (void)kill(process->pid, signal_number);
    }
    if (fd >= 0) {
        (void)close((int)fd);
    }
}

void pawl_tree_signal(const struct pawl_tree *tree, int signal_number)
{
    for (size_t i = 0; i < tree->count; i++) {
        signal_process(&tree->processes[i], signal_number);
    }
}

void pawl_tree_free(struct pawl_tree *tree)
{
    pawl_free(tree->processes);
    *tree = (struct pawl_tree){0};
}

pawl_err pawl_tree_kill(struct pawl_tree *tree, pid_t root)
{
    size_t stopped = SIZE_MAX;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        pawl_err err = pawl_tree_walk(tree, root);
        if (pawl_failed(err) || tree->count == 0) {
            return err;
        }
        if (tree->count == stopped) {
            break;
        }
        pawl_tree_signal(tree, SIGSTOP);
        stopped = tree->count;
    }
    pawl_tree_signal(tree, SIGKILL);
    return PAWL_OK;
}
