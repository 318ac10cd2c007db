/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worktree.c: running git. It is a child of pawl, not of the keeper, since it is not the agent's.
 * It runs with no locks, no hooks of a file watcher and no GIT_ variables of the surroundings, with
 * at most OUTPUT_BYTES_MAX of output; PR_SET_PDEATHSIG ends it with pawl.
 *
 * That it has ended is seen at a pipe whose writing end only it holds: poll(2) waits for that with
 * a limit, which waitpid(2) could not.
 */
#define _GNU_SOURCE
#include "run/worktree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"

enum {
    OUTPUT_BYTES_MAX = 8 << 20,
    ARENA_BYTES_MAX = 64 << 20,
    OBJECT_ID_BYTES_MAX = 64,
    EXIT_NO_GIT = 127
};

/* The tree's root: the nearest directory upwards with a ".git". */
static bool find_root(const char *cwd, char out[static sizeof(((struct pawl_worktree *)0)->root)])
{
    size_t bytes = strlen(cwd);
    const size_t capacity = sizeof(((struct pawl_worktree *)0)->root);
    if (bytes == 0 || cwd[0] != '/' || bytes + sizeof("/.git") > capacity) {
        return false;
    }
    memcpy(out, cwd, bytes + 1);
    for (;;) {
        size_t end = strlen(out);
        struct stat found;
        memcpy(out + end, "/.git", sizeof("/.git"));
        bool here = stat(out, &found) == 0;
        out[end] = '\0';
        if (here) {
            return end > 0;
        }
        char *slash = strrchr(out, '/');
        if (slash == NULL || end == 0) {
            return false;
        }
        *slash = '\0';
    }
}

/* In the child. */
PAWL_NORETURN static void
become_git(const char *root, char *const *arguments, const struct pawl_worktree_question *question)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    struct rlimit limit = {.rlim_cur = OUTPUT_BYTES_MAX, .rlim_max = OUTPUT_BYTES_MAX};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDERR_FILENO);
    (void)dup2(question->answer_fd, STDOUT_FILENO);
    (void)fcntl(question->alive_fd, F_SETFD, 0);
    (void)unsetenv("GIT_DIR");
    (void)unsetenv("GIT_WORK_TREE");
    (void)unsetenv("GIT_INDEX_FILE");
    (void)setenv("GIT_OPTIONAL_LOCKS", "0", 1);
    if (chdir(root) == 0) {
        (void)execvp(arguments[0], arguments);
    }
    _exit(EXIT_NO_GIT);
}

static bool
ask(const char *root, char *const *arguments, struct pawl_worktree_question *ret_question)
{
    int alive[2];
    int answer_fd = memfd_create("pawl-git", MFD_CLOEXEC);
    if (answer_fd < 0 || pipe2(alive, O_CLOEXEC) != 0) {
        if (answer_fd >= 0) {
            (void)close(answer_fd);
        }
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct pawl_worktree_question mine = {.answer_fd = answer_fd, .alive_fd = alive[1]};
        become_git(root, arguments, &mine);
    }
    (void)close(alive[1]);
    *ret_question =
        (struct pawl_worktree_question){.pid = pid, .answer_fd = answer_fd, .alive_fd = alive[0]};
    if (pid < 0) {
        (void)close(answer_fd);
        (void)close(alive[0]);
        *ret_question = (struct pawl_worktree_question){0};
    }
    return pid > 0;
}

static bool ask_status(const char *root, struct pawl_worktree_question *ret_question)
{
    static char words[][32] = {"git",
                               "-c",
                               "core.fsmonitor=false",
                               "status",
                               "-z",
                               "--porcelain=v2",
                               "--branch",
                               "--no-renames",
                               "--untracked-files=all",
                               "--ignore-submodules=dirty"};
    char *arguments[PAWL_ARRAY_LEN(words) + 1] = {0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(words); i++) {
        arguments[i] = words[i];
    }
    return ask(root, arguments, ret_question);
}

static bool ask_commits(const char *root,
                        struct pawl_slice from,
                        struct pawl_slice to,
                        struct pawl_worktree_question *ret_question)
{
    static char words[][32] = {"git",           "-c",          "core.fsmonitor=false", "diff", "-z",
                               "--name-status", "--no-renames"};
    char ends[2][OBJECT_ID_BYTES_MAX + 1];
    if (!pawl_slice_copy_str(from, ends[0], sizeof(ends[0])) ||
        !pawl_slice_copy_str(to, ends[1], sizeof(ends[1]))) {
        return false;
    }
    char *arguments[PAWL_ARRAY_LEN(words) + 3] = {0};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(words); i++) {
        arguments[i] = words[i];
    }
    arguments[PAWL_ARRAY_LEN(words)] = ends[0];
    arguments[PAWL_ARRAY_LEN(words) + 1] = ends[1];
    return ask(root, arguments, ret_question);
}

static int64_t boot_ms(void)
{
    struct pawl_clock clock = pawl_clock_os();
    return clock.boot_us(clock.arg) / PAWL_US_PER_MS;
}

/* Waits for the answer until `deadline_ms` and reads it. false: git failed, or took too long. */
static bool take(struct pawl_worktree_question *question,
                 int64_t deadline_ms,
                 struct pawl_arena *arena,
                 struct pawl_slice *ret_answer)
{
    if (question->pid <= 0) {
        return false;
    }
    struct pollfd polled = {.fd = question->alive_fd, .events = POLLIN};
    int64_t left_ms = deadline_ms - boot_ms();
    if (poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0) != 1) {
        (void)kill(question->pid, SIGKILL);
    }
    int status = -1;
    while (waitpid(question->pid, &status, 0) < 0 && errno == EINTR) {
    }
    struct stat found;
    bool good =
        WIFEXITED(status) && WEXITSTATUS(status) == 0 && fstat(question->answer_fd, &found) == 0;
    char *text = good ? pawl_arena_alloc(arena, (size_t)found.st_size + 1) : NULL;
    good = text != NULL &&
           pread(question->answer_fd, text, (size_t)found.st_size, 0) == (ssize_t)found.st_size;
    if (good) {
        *ret_answer = pawl_slice_of(text, (size_t)found.st_size);
    }
    (void)close(question->answer_fd);
    (void)close(question->alive_fd);
    *question = (struct pawl_worktree_question){0};
    return good;
}

/* --- The two looks ------------------------------------------------------------------------- */

void pawl_worktree_begin(struct pawl_worktree *worktree, const char *cwd, int64_t real_us)
{
    *worktree = (struct pawl_worktree){.start.at_us = real_us};
    pawl_arena_init(&worktree->arena, ARENA_BYTES_MAX);
    if (!find_root(cwd, worktree->root) || !ask_status(worktree->root, &worktree->question)) {
        worktree->root[0] = '\0';
    }
}

static int open_root(const struct pawl_worktree *worktree)
{
    return open(worktree->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Takes the answer to the first question. */
static bool read_start(struct pawl_worktree *worktree, int root_fd, int64_t deadline_ms)
{
    struct pawl_slice status;
    return take(&worktree->question, deadline_ms, &worktree->arena, &status) &&
           pawl_worktree_read_start(status, root_fd, &worktree->arena, &worktree->start);
}

void pawl_worktree_await(struct pawl_worktree *worktree, uint32_t patience_ms)
{
    if (worktree->question.pid <= 0) {
        return;
    }
    struct pollfd polled = {.fd = worktree->question.alive_fd, .events = POLLIN};
    if (poll(&polled, 1, (int)patience_ms) != 1) {
        return;
    }
    int root_fd = open_root(worktree);
    if (root_fd < 0 || !read_start(worktree, root_fd, boot_ms())) {
        worktree->root[0] = '\0';
    }
    if (root_fd >= 0) {
        (void)close(root_fd);
    }
}

void pawl_worktree_look_again(struct pawl_worktree *worktree)
{
    if (worktree->root[0] != '\0' && worktree->again.pid <= 0) {
        (void)ask_status(worktree->root, &worktree->again); /* If it fails, nothing is known. */
    }
}

/* The second answer, and a third one where commits were made. */
static bool
read_end(struct pawl_worktree *worktree, int64_t deadline_ms, struct pawl_worktree_end *end)
{
    struct pawl_worktree_question question = {0};
    pawl_worktree_look_again(worktree);
    if (!take(&worktree->again, deadline_ms, &worktree->arena, &end->status)) {
        return false;
    }
    struct pawl_slice from = worktree->start.head;
    struct pawl_slice to = pawl_worktree_head(end->status);
    if (pawl_slice_equal(from, to) || from.bytes == 0 || to.bytes == 0) {
        return true;
    }
    return ask_commits(worktree->root, from, to, &question) &&
           take(&question, deadline_ms, &worktree->arena, &end->commits);
}

void pawl_worktree_compare(struct pawl_worktree *worktree,
                           uint32_t patience_ms,
                           struct pawl_worktree_changes *ret_changes)
{
    *ret_changes = (struct pawl_worktree_changes){0};
    int64_t deadline_ms = boot_ms() + patience_ms;
    if (worktree->root[0] == '\0' ||
        (!worktree->start.known && !read_start(worktree, -1, deadline_ms))) {
        return;
    }
    struct pawl_worktree_end end = {.root_fd = open_root(worktree)};
    if (end.root_fd >= 0) {
        if (read_end(worktree, deadline_ms, &end)) {
            pawl_worktree_diff(&worktree->start, &end, &worktree->arena, ret_changes);
        }
        (void)close(end.root_fd);
    }
}

void pawl_worktree_free(struct pawl_worktree *worktree)
{
    struct pawl_slice unread;
    (void)take(&worktree->question, 0, &worktree->arena, &unread);
    (void)take(&worktree->again, 0, &worktree->arena, &unread);
    pawl_arena_free(&worktree->arena);
}
