/* SPDX-License-Identifier: Apache-2.0 */
/*
 * death.h: runs code that must abort, in a child process, and gives what it said on stderr.
 * Sanitizers leave SIGABRT alone, so this works the same in every build.
 */
#ifndef PAWL_TESTS_UNIT_DEATH_H
#define PAWL_TESTS_UNIT_DEATH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attrs.h"

struct death {
    bool aborted;
    char text[2048]; /* stderr, cut */
};

static void death_child(void (*body)(void), int stderr_fd)
{
    struct rlimit no_core = {0, 0};
    if (setrlimit(RLIMIT_CORE, &no_core) != 0 || dup2(stderr_fd, STDERR_FILENO) < 0) {
        _exit(3);
    }
    body();
    _exit(0);
}

PAWL_UNUSED static struct death death_of(void (*body)(void))
{
    struct death death = {.aborted = false};
    int ends[2];
    if (pipe(ends) != 0) {
        return death;
    }
    pid_t child = fork();
    if (child == 0) {
        death_child(body, ends[1]);
    }
    close(ends[1]);
    size_t used = 0;
    ssize_t got = 1;
    while (child > 0 && got > 0 && used < sizeof(death.text) - 1) {
        got = read(ends[0], death.text + used, sizeof(death.text) - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) == child) {
        death.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    }
    return death;
}

#endif
