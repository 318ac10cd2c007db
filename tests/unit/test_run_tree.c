/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_tree.c: real processes, made here. Each waits on a pipe until it is killed, and reports
 * through another one when it is there, so nothing depends on time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/tree.h"

/* Reports itself and waits for ever. */
static void wait_to_be_killed(int report_fd)
{
    pid_t self = getpid();
    if (write(report_fd, &self, sizeof(self)) != (ssize_t)sizeof(self)) {
        _exit(1);
    }
    for (;;) {
        pause();
    }
}

/* A chain of `depth` processes, each the child of the one before. */
static void spawn_chain(int depth, int report_fd)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (depth > 1) {
            (void)setsid();
            spawn_chain(depth - 1, report_fd);
        }
        wait_to_be_killed(report_fd);
    }
}

static pid_t read_pid(int fd)
{
    pid_t pid = 0;
    assert_int_equal(read(fd, &pid, sizeof(pid)), sizeof(pid));
    return pid;
}

static bool contains(const struct pawl_tree *tree, pid_t pid)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->processes[i].pid == pid) {
            return true;
        }
    }
    return false;
}

static void kill_all(struct pawl_tree *tree)
{
    do {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        assert_true(pawl_ok(pawl_tree_kill(tree, getpid())));
    } while (tree->count > 0);
    while (waitpid(-1, NULL, 0) > 0) { /* All of them are ours by now, and dead. */
    }
}

static void tree_without_children_is_empty(void **state)
{
    (void)state;
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_int_equal(tree.count, 0);
    pawl_tree_free(&tree);
}

static void tree_finds_every_generation_across_sessions(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    spawn_chain(4, report[1]);
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        pids[i] = read_pid(report[0]);
    }
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_int_equal(tree.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_true(contains(&tree, pids[i]));
    }
    assert_false(contains(&tree, getpid()));
    kill_all(&tree);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kill(pids[i], 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    pawl_tree_free(&tree);
    close(report[0]);
    close(report[1]);
}

/* Not every child tells its parent of its end, and wait(2) sees such a one only when asked to. */
static void tree_finds_a_child_that_would_end_without_a_signal(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        wait_to_be_killed(report[1]);
    }
    assert_int_equal(read_pid(report[0]), pid);
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_true(contains(&tree, pid));
    assert_true(pawl_ok(pawl_tree_kill(&tree, getpid())));
    assert_int_equal(waitpid(pid, NULL, __WALL), pid);
    pawl_tree_free(&tree);
    close(report[0]);
    close(report[1]);
}

static void tree_finds_orphans_below_a_subreaper(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t middle = fork();
    assert_true(middle >= 0);
    if (middle == 0) {
        spawn_chain(1, report[1]);
        _exit(0);
    }
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    pid_t orphan = read_pid(report[0]);
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_true(contains(&tree, orphan));
    kill_all(&tree);
    pawl_tree_free(&tree);
    close(report[0]);
    close(report[1]);
}

static void tree_counts_no_zombie(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(0);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_int_equal(tree.count, 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    pawl_tree_free(&tree);
}

static void tree_does_not_signal_another_process_of_the_same_number(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    spawn_chain(1, report[1]);
    pid_t pid = read_pid(report[0]);
    struct pawl_tree tree = {0};
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_int_equal(tree.count, 1);
    tree.processes[0].started--; /* As if the pid had been reused since. */
    pawl_tree_signal(&tree, SIGKILL);
    tree.processes[0].started++;
    pawl_tree_signal(&tree, SIGTERM);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    pawl_tree_free(&tree);
    close(report[0]);
    close(report[1]);
}

/* A process that forks as fast as it can, its children doing the same: at most 200 of them. */
static void breed(int budget_fd, int report_fd)
{
    char token;
    while (read(budget_fd, &token, 1) == 1) {
        if (fork() == 0) {
            (void)setsid();
        }
    }
    wait_to_be_killed(report_fd);
}

static void tree_ends_processes_that_keep_forking(void **state)
{
    (void)state;
    enum { CHILDREN = 200 };
    int report[2];
    int budget[2];
    assert_int_equal(pipe(report), 0);
    assert_int_equal(pipe(budget), 0);
    char tokens[CHILDREN] = {0};
    assert_int_equal(write(budget[1], tokens, sizeof(tokens)), sizeof(tokens));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(budget[1]);
        breed(budget[0], report[1]);
    }
    struct pawl_tree tree = {0};
    kill_all(&tree);
    assert_true(pawl_ok(pawl_tree_walk(&tree, getpid())));
    assert_int_equal(tree.count, 0);
    pawl_tree_free(&tree);
    close(report[0]);
    close(report[1]);
    close(budget[0]);
    close(budget[1]);
}

int main(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_without_children_is_empty),
        cmocka_unit_test(tree_finds_every_generation_across_sessions),
        cmocka_unit_test(tree_finds_a_child_that_would_end_without_a_signal),
        cmocka_unit_test(tree_finds_orphans_below_a_subreaper),
        cmocka_unit_test(tree_counts_no_zombie),
        cmocka_unit_test(tree_does_not_signal_another_process_of_the_same_number),
        cmocka_unit_test(tree_ends_processes_that_keep_forking),
    };
    return cmocka_run_group_tests_name("run_tree", tests, NULL, NULL);
}
