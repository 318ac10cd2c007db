/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c: see daemon.h. The process that stays begins as a child of one that exits at once, so it
 * leads no session and gets no terminal. One byte goes through the pipe, and behind it why it
 * failed; a pipe that ends without one is a process that died.
 */
#define _GNU_SOURCE
#include "lending/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum { LOG_BYTES_MAX = 1 << 20, READY = 'r', TAKEN = 'l', FAILED = 'f' };

/* --- Leaving the caller -------------------------------------------------------------------- */

static void open_log(const struct pawl_authority_options *options)
{
    char path[PAWL_AUTHORITY_PATH_BYTES];
    struct stat found;
    int bytes = snprintf(path, sizeof(path), "%s/%s", options->data_dir, PAWL_AUTHORITY_DIR);
    if (bytes < 0 || (size_t)bytes + sizeof("/log") > sizeof(path)) {
        return;
    }
    (void)memcpy(path + bytes, "/log", sizeof("/log"));
    bool too_long = stat(path, &found) == 0 && found.st_size > LOG_BYTES_MAX;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | (too_long ? O_TRUNC : 0), 0600);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO);
        (void)close(fd);
    }
}

static void let_go(int ready_fd)
{
    int null_fd = open("/dev/null", O_RDWR);
    if (null_fd >= 0) {
        (void)dup2(null_fd, STDIN_FILENO);
        (void)dup2(null_fd, STDOUT_FILENO);
        (void)dup2(null_fd, STDERR_FILENO);
    }
    for (int fd = STDERR_FILENO + 1; fd < ready_fd; fd++) {
        (void)close(fd);
    }
    (void)syscall(SYS_close_range, (unsigned int)ready_fd + 1, ~0u, 0);
    (void)umask(077);
    int moved = chdir("/"); /* so that no file system is held */
    (void)moved;
}

/* An end by a signal is the terminal's or the caller's business; this process is nobody's job. */
static void forget_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGQUIT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN); /* who waits for its word may be gone */
}

/* --- The word ------------------------------------------------------------------------------ */

void pawl_daemon_tell(int *ready_fd, pawl_err err, const char *why)
{
    char word = pawl_ok(err) ? READY : err.code == PAWL_ERR_LOCKED ? TAKEN : FAILED;
    if (*ready_fd < 0) {
        return;
    }
    struct iovec parts[] = {{&word, 1}, {(void *)(uintptr_t)why, word == FAILED ? strlen(why) : 0}};
    ssize_t written = writev(*ready_fd, parts, PAWL_ARRAY_LEN(parts));
    (void)written; /* Nobody may be left who waits. */
    (void)close(*ready_fd);
    *ready_fd = -1;
}

static pawl_err wait_for_word(int fd, pid_t child, struct pawl_errmsg *msg)
{
    char answer[sizeof(msg->text) + 2] = {FAILED};
    ssize_t bytes = 0;
    do {
        bytes = read(fd, answer, sizeof(answer) - 1);
    } while (bytes < 0 && errno == EINTR);
    answer[bytes > 0 ? bytes : 1] = '\0';
    (void)waitpid(child, NULL, 0);
    if (answer[0] == READY) {
        return PAWL_OK;
    }
    if (answer[0] == TAKEN) {
        pawl_errmsg_set(msg, "an authority is running");
        return PAWL_ERR(LOCKED);
    }
    pawl_errmsg_set(msg, "the authority did not start%s%.400s", answer[1] != '\0' ? ": " : "",
                    answer + 1);
    return PAWL_ERR(UNREACHABLE);
}

/* --- The process that stays ----------------------------------------------------------------- */

/* In the first child: leads a session, and lets the process that stays have no chance to. */
static void begin(const struct pawl_authority_options *options, pawl_daemon_fn *fn, int ready_fd)
{
    (void)setsid();
    pid_t pid = fork();
    if (pid != 0) {
        _exit(pid > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    let_go(ready_fd);
    open_log(options);
    forget_signals();
    struct pawl_errmsg msg = {""};
    pawl_err err = fn(options, ready_fd, &msg);
    if (pawl_failed(err) && err.code != PAWL_ERR_LOCKED) {
        pawl_log(PAWL_LOG_ERROR, "the authority did not start: %s", msg.text);
    }
    _exit(pawl_ok(err) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static pawl_err from_errno(const char *what, struct pawl_errmsg *msg)
{
    int error_number = errno;
    pawl_errmsg_set(msg, "%s cannot be made: %s", what, strerror(error_number));
    return pawl_err_from_errno(error_number);
}

pawl_err pawl_daemon_start(const struct pawl_authority_options *options,
                           pawl_daemon_fn *fn,
                           struct pawl_errmsg *msg)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return from_errno("a pipe", msg);
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        begin(options, fn, pair[1]);
    }
    (void)close(pair[1]);
    pawl_err err = pid > 0 ? wait_for_word(pair[0], pid, msg) : from_errno("a process", msg);
    (void)close(pair[0]);
    return err;
}
