/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_keeper.c: the keeper with shells for agents. The test is pawl's side. Agents say that
 * they are ready through a pipe that they inherit; whether something still lives is seen at that
 * pipe too: its reader gets the end of file when the last writer has gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "run/keeper.h"

/* One digit each, as shells want it: what agents write to, and what they read from to wait. */
enum { PIPE_FD = 9, WAIT_FD = 8 };

struct fixture {
    struct pawl_keeper keeper;
    int pipe_read;
    int wait_write;
};

/* Forks a keeper for `sh -c script`. */
static void begin_argv(struct fixture *fixture, char *const *argv)
{
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    fixture->pipe_read = pair[0];
    assert_int_equal(fcntl(pair[0], F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(dup2(pair[1], PIPE_FD), PIPE_FD);
    close(pair[1]);
    assert_int_equal(pipe(pair), 0);
    fixture->wait_write = pair[1];
    assert_int_equal(fcntl(pair[1], F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(dup2(pair[0], WAIT_FD), WAIT_FD);
    close(pair[0]);
    struct pawl_errmsg msg;
    assert_true(pawl_ok(pawl_keeper_fork(argv, &fixture->keeper, &msg)));
    close(PIPE_FD);
    close(WAIT_FD);
}

static void begin(struct fixture *fixture, const char *script)
{
    static char text[1024];
    static char shell[] = "/bin/sh";
    static char option[] = "-c";
    static char *argv[] = {shell, option, text, NULL};
    assert_true(strlen(script) < sizeof(text));
    memcpy(text, script, strlen(script) + 1);
    begin_argv(fixture, argv);
}

static struct pawl_keeper_event next_event(struct fixture *fixture)
{
    struct pollfd polled = {.fd = fixture->keeper.fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 30000), 1);
    struct pawl_keeper_event event;
    assert_true(pawl_ok(pawl_keeper_read(&fixture->keeper, &event)));
    return event;
}

static void start(struct fixture *fixture)
{
    struct pawl_keeper_start nothing = {.settings = PAWL_SLICE_NONE};
    assert_true(pawl_ok(pawl_keeper_start(&fixture->keeper, &nothing)));
    assert_int_equal(next_event(fixture).kind, PAWL_KEEPER_STARTED);
}

static void await_ready(struct fixture *fixture, size_t count)
{
    char bytes[16];
    for (size_t got = 0; got < count;) {
        ssize_t n = read(fixture->pipe_read, bytes, count - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

/* Nobody below the keeper is left: all writers of the pipe are gone. */
static void await_nobody(struct fixture *fixture)
{
    struct pollfd polled = {.fd = fixture->pipe_read, .events = POLLIN};
    char byte;
    assert_int_equal(poll(&polled, 1, 30000), 1);
    assert_int_equal(read(fixture->pipe_read, &byte, 1), 0);
    close(fixture->pipe_read);
    close(fixture->wait_write);
}

static void expect_exit(struct fixture *fixture, int status)
{
    struct pawl_keeper_event event = next_event(fixture);
    assert_int_equal(event.kind, PAWL_KEEPER_EXITED);
    assert_true(WIFEXITED(event.wait_status));
    assert_int_equal(WEXITSTATUS(event.wait_status), status);
}

static void expect_signal(struct fixture *fixture, int number)
{
    struct pawl_keeper_event event = next_event(fixture);
    assert_int_equal(event.kind, PAWL_KEEPER_EXITED);
    assert_true(WIFSIGNALED(event.wait_status));
    assert_int_equal(WTERMSIG(event.wait_status), number);
}

static void keeper_starts_the_agent_with_the_settings(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "test \"$A\" = '1 2' && exit $B");
    static const char settings[] = "A=1 2\0B=7";
    struct pawl_keeper_start start = {.settings = pawl_slice_of(settings, sizeof(settings))};
    assert_true(pawl_ok(pawl_keeper_start(&fixture.keeper, &start)));
    assert_int_equal(next_event(&fixture).kind, PAWL_KEEPER_STARTED);
    expect_exit(&fixture, 7);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

/* The command that comes of the edits, its words behind each other with a "|". */
static const char *edited(char *const *argv, struct pawl_slice edits)
{
    static char text[256];
    char **words = pawl_keeper_edit(argv, edits);
    assert_non_null(words);
    size_t bytes = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s|", words[i]);
    }
    pawl_free(words);
    return text;
}

static void keeper_edits_come_before_and_in_place_of_arguments(void **state)
{
    (void)state;
    static char a[] = "a";
    static char b[] = "b";
    static char c[] = "c";
    char *argv[] = {a, b, c, NULL};
    static const char edits[] = "+1 x y\0+1 \0=2 z\0+3 end\0+3 of it";
    assert_string_equal(edited(argv, PAWL_SLICE_NONE), "a|b|c|");
    assert_string_equal(edited(argv, pawl_slice_of(edits, sizeof(edits))), "a|x y||b|z|end|of it|");
    static const char program[] = "=0 other";
    assert_string_equal(edited(argv, pawl_slice_of(program, sizeof(program))), "a|b|c|");
}

static void keeper_starts_the_agent_with_the_edits(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "exit 1");
    static const char edits[] = "=2 exit 9";
    struct pawl_keeper_start start = {.edits = pawl_slice_of(edits, sizeof(edits))};
    assert_true(pawl_ok(pawl_keeper_start(&fixture.keeper, &start)));
    assert_int_equal(next_event(&fixture).kind, PAWL_KEEPER_STARTED);
    expect_exit(&fixture, 9);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

static void keeper_tells_why_the_agent_could_not_start(void **state)
{
    (void)state;
    static char missing[] = "/nonexistent/agent";
    static char directory[] = "/";
    static char *const commands[] = {missing, directory};
    static const int errors[] = {ENOENT, EACCES};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        char *argv[] = {commands[i], NULL};
        begin_argv(&fixture, argv);
        struct pawl_keeper_start nothing = {.settings = PAWL_SLICE_NONE};
        assert_true(pawl_ok(pawl_keeper_start(&fixture.keeper, &nothing)));
        struct pawl_keeper_event event = next_event(&fixture);
        assert_int_equal(event.kind, PAWL_KEEPER_NOT_STARTED);
        assert_int_equal(event.error_number, errors[i]);
        pawl_keeper_end(&fixture.keeper);
        await_nobody(&fixture);
    }
}

static void keeper_passes_signals_to_the_agent(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "trap 'exit 3' USR1; printf r >&9; while :; do read x <&8; done");
    start(&fixture);
    await_ready(&fixture, 1);
    pawl_keeper_signal(&fixture.keeper, SIGUSR1);
    expect_exit(&fixture, 3);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

static void keeper_hands_on_ignored_signals_and_no_others(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    assert_int_equal(sigaction(SIGUSR2, &ignore, &before), 0);
    struct fixture fixture;
    begin(&fixture, "kill -USR2 $$; kill -INT $$; exit 1");
    assert_int_equal(sigaction(SIGUSR2, &before, NULL), 0);
    start(&fixture);
    expect_signal(&fixture, SIGINT);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

/* An agent, a tool in its own session, and a daemon that forked twice, all deaf to TERM. */
static const char stubborn[] =
    "trap '' TERM INT HUP; "
    "setsid sh -c 'printf r >&9; while :; do read x <&8; done' & "
    "(setsid sh -c '(printf r >&9; while :; do read x <&8; done) & exit 0' & ) ; "
    "printf r >&9; while :; do read x <&8; done";

static void keeper_clears_tools_and_daemons_that_ignore_term(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, stubborn);
    start(&fixture);
    await_ready(&fixture, 3);
    pawl_keeper_clear(&fixture.keeper, 1);
    expect_signal(&fixture, SIGKILL);
    struct pawl_keeper_event event = next_event(&fixture);
    assert_int_equal(event.kind, PAWL_KEEPER_CLEARED);
    assert_int_equal(event.left, 0);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

static void keeper_asks_before_it_kills(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "trap 'exit 5' TERM; printf r >&9; while :; do read x <&8; done");
    start(&fixture);
    await_ready(&fixture, 1);
    pawl_keeper_clear(&fixture.keeper, 30000);
    expect_exit(&fixture, 5);
    assert_int_equal(next_event(&fixture).kind, PAWL_KEEPER_CLEARED);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

/* Returns when the process is stopped. Nobody but its parent is told, so this looks until it is. */
static void await_stop(int pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (;;) {
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        ssize_t bytes = read(fd, text, sizeof(text) - 1);
        assert_true(bytes > 0);
        close(fd);
        text[bytes] = '\0';
        if (strstr(text, ") T ") != NULL) {
            return;
        }
        (void)poll(NULL, 0, 1);
    }
}

static void keeper_wakes_a_stopped_agent_to_end_it(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "trap 'exit 6' TERM; printf '%8d' $$ >&9; kill -STOP $$; exit 1");
    start(&fixture);
    char digits[9] = {0};
    assert_int_equal(read(fixture.pipe_read, digits, 8), 8);
    await_stop((int)strtol(digits, NULL, 10));
    pawl_keeper_clear(&fixture.keeper, 30000);
    expect_exit(&fixture, 6);
    assert_int_equal(next_event(&fixture).kind, PAWL_KEEPER_CLEARED);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

static void keeper_kills_everything_when_pawl_is_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, stubborn);
    start(&fixture);
    await_ready(&fixture, 3);
    pawl_keeper_end(&fixture.keeper); /* Closes the socket, as the end of the process would. */
    await_nobody(&fixture);
}

static void keeper_survives_signals_to_its_group(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "printf r >&9; while :; do read x <&8; done");
    start(&fixture);
    await_ready(&fixture, 1);
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGTSTP, SIGALRM};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(kill(fixture.keeper.pid, numbers[i]), 0);
    }
    pawl_keeper_signal(&fixture.keeper, SIGKILL);
    expect_signal(&fixture, SIGKILL);
    await_nobody(&fixture);
    pawl_keeper_end(&fixture.keeper);
}

static void keeper_killed_leaves_its_tree_to_pawl(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, stubborn);
    start(&fixture);
    await_ready(&fixture, 3);
    assert_int_equal(kill(fixture.keeper.pid, SIGKILL), 0);
    struct pollfd polled = {.fd = fixture.keeper.fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 30000), 1);
    struct pawl_keeper_event event;
    assert_int_equal(pawl_keeper_read(&fixture.keeper, &event).code, PAWL_ERR_UNREACHABLE);
    pawl_keeper_clear_orphans(&fixture.keeper);
    await_nobody(&fixture);
}

static void keeper_has_no_event_when_nothing_happened(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "exit 0");
    struct pawl_keeper_event event;
    assert_int_equal(pawl_keeper_read(&fixture.keeper, &event).code, PAWL_ERR_NOT_FOUND);
    pawl_keeper_end(&fixture.keeper);
    await_nobody(&fixture);
}

static void keeper_refuses_settings_beyond_its_maximum(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, "exit 0");
    static char settings[PAWL_KEEPER_START_MAX + 1];
    struct pawl_keeper_start too_long = {.settings = pawl_slice_of(settings, sizeof(settings))};
    assert_int_equal(pawl_keeper_start(&fixture.keeper, &too_long).code, PAWL_ERR_LIMIT);
    memset(settings, 'x', sizeof(settings));
    settings[1] = '=';
    settings[PAWL_KEEPER_START_MAX - 1] = '\0';
    struct pawl_keeper_start longest = {.settings = pawl_slice_of(settings, PAWL_KEEPER_START_MAX)};
    assert_true(pawl_ok(pawl_keeper_start(&fixture.keeper, &longest)));
    assert_int_equal(next_event(&fixture).kind, PAWL_KEEPER_STARTED);
    expect_exit(&fixture, 0);
    pawl_keeper_end(&fixture.keeper);
    await_nobody(&fixture);
}

static int run_group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeper_starts_the_agent_with_the_settings),
        cmocka_unit_test(keeper_edits_come_before_and_in_place_of_arguments),
        cmocka_unit_test(keeper_starts_the_agent_with_the_edits),
        cmocka_unit_test(keeper_tells_why_the_agent_could_not_start),
        cmocka_unit_test(keeper_passes_signals_to_the_agent),
        cmocka_unit_test(keeper_hands_on_ignored_signals_and_no_others),
        cmocka_unit_test(keeper_clears_tools_and_daemons_that_ignore_term),
        cmocka_unit_test(keeper_asks_before_it_kills),
        cmocka_unit_test(keeper_wakes_a_stopped_agent_to_end_it),
        cmocka_unit_test(keeper_kills_everything_when_pawl_is_gone),
        cmocka_unit_test(keeper_survives_signals_to_its_group),
        cmocka_unit_test(keeper_killed_leaves_its_tree_to_pawl),
        cmocka_unit_test(keeper_has_no_event_when_nothing_happened),
        cmocka_unit_test(keeper_refuses_settings_beyond_its_maximum),
    };
    return cmocka_run_group_tests_name("run_keeper", tests, NULL, NULL);
}

/* Without a controlling terminal, else the keeper would stop this process together with an agent
 * that stops. */
int main(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)signal(SIGINT, SIG_DFL); /* a shell in the background had it ignored */
        _exit(run_group());
    }
    int status = 1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
