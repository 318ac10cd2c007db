/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run_terminal.c: on a pseudo-terminal of its own. Each test runs in a child that has the
 * terminal for its standard descriptors, and for its controlling terminal; what it prints is read
 * at the other end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/terminal.h"

static int master = -1;

/* Runs `body` on the terminal's other side; what it returns is the result. */
static int on_terminal(int (*body)(void))
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)setsid();
        int fd = open(ptsname(master), O_RDWR);
        (void)ioctl(fd, TIOCSCTTY, 0);
        (void)dup2(fd, 0);
        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        _exit(body());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* What was printed; the other end is closed by now, so reading ends. */
static const char *printed(void)
{
    static char text[4096];
    size_t bytes = 0;
    ssize_t got = 0;
    do {
        got = read(master, text + bytes, sizeof(text) - 1 - bytes);
        bytes += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    text[bytes] = '\0';
    close(master);
    return text;
}

static void set_raw(bool with_output)
{
    struct termios modes;
    (void)tcgetattr(0, &modes);
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (with_output) {
        modes.c_oflag &= ~(tcflag_t)OPOST;
    }
    (void)tcsetattr(0, TCSANOW, &modes);
}

static bool is_canonical(void)
{
    struct termios modes;
    return tcgetattr(0, &modes) == 0 && (modes.c_lflag & ICANON) != 0;
}

static int lines_go_out_in_canonical_mode(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    return terminal.attended && terminal.shows_stderr &&
                   pawl_terminal_try_print(&terminal, PAWL_SLICE("one\n"))
               ? 0
               : 1;
}

static int lines_wait_while_the_agent_reads_keys(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    set_raw(false);
    return pawl_terminal_try_print(&terminal, PAWL_SLICE("one\n")) ? 1 : 0;
}

static int lines_end_fully_without_output_processing(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    set_raw(true);
    pawl_terminal_print(PAWL_SLICE("one\ntwo\n"));
    return 0;
}

static int last_words_begin_a_line(void)
{
    pawl_terminal_print(PAWL_SLICE("one\n"));
    (void)!write(2, "half", 4);
    pawl_terminal_print(PAWL_SLICE("two\n"));
    struct termios modes;
    (void)tcgetattr(2, &modes);
    return (modes.c_oflag & (ONOCR | OCRNL)) == 0 && (modes.c_oflag & ONLCR) != 0 ? 0 : 1;
}

static int long_lines_are_folded(void)
{
    struct winsize size = {.ws_row = 24, .ws_col = 30};
    (void)ioctl(2, TIOCSWINSZ, &size);
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    bool said =
        pawl_terminal_try_print(&terminal, PAWL_SLICE("pawl: a line of forty or so columns\n"));
    pawl_terminal_print_as_is(PAWL_SLICE("{\"a line\": \"of forty or so columns\"}\n"));
    return said ? 0 : 1;
}

static int modes_come_back(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    set_raw(true);
    pawl_terminal_restore(&terminal);
    return is_canonical() ? 0 : 1;
}

static int modes_of_a_terminal_in_lines_are_put_back_silently(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    struct termios modes;
    (void)tcgetattr(0, &modes);
    modes.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(0, TCSANOW, &modes);
    pawl_terminal_restore(&terminal);
    (void)tcgetattr(0, &modes);
    return (modes.c_lflag & ECHO) != 0 ? 0 : 1;
}

static int modes_belong_to_the_foreground(void)
{
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    set_raw(false);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        (void)sigaction(SIGTTOU, &ignore, NULL);
        pawl_terminal_restore(&terminal);
        _exit(is_canonical() ? 1 : 0);
    }
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void terminal_prints_lines_in_canonical_mode(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(lines_go_out_in_canonical_mode), 0);
    assert_string_equal(printed(), "one\r\n");
}

static void terminal_prints_nothing_while_the_agent_reads_keys(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(lines_wait_while_the_agent_reads_keys), 0);
    assert_string_equal(printed(), "");
}

static void terminal_ends_lines_itself_without_output_processing(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(lines_end_fully_without_output_processing), 0);
    assert_string_equal(printed(), "one\r\ntwo\r\n");
}

static void terminal_gets_the_last_words_on_a_line_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(last_words_begin_a_line), 0);
    assert_string_equal(printed(), "\rone\r\nhalf\n\rtwo\r\n");
}

static void terminal_gets_lines_that_fit_but_for_programs(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(long_lines_are_folded), 0);
    assert_string_equal(printed(), "pawl: a line of forty or so\r\n      columns\r\n"
                                   "\r{\"a line\": \"of forty or so columns\"}\r\n");
}

static void terminal_restores_modes_and_screen_after_a_kill(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(modes_come_back), 0);
    assert_non_null(strstr(printed(), "\033[?1049l"));
}

static void terminal_that_stayed_in_lines_gets_no_escape_sequences(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(modes_of_a_terminal_in_lines_are_put_back_silently), 0);
    assert_string_equal(printed(), "");
}

static void terminal_of_another_foreground_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(on_terminal(modes_belong_to_the_foreground), 0);
    (void)printed();
}

/* --- Without a terminal -------------------------------------------------------------------- */

static void terminal_that_is_none_takes_lines_while_there_is_room(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        assert_int_equal(dup2(pair[1], fd), fd);
    }
    struct pawl_terminal terminal;
    pawl_terminal_open(&terminal);
    bool first = pawl_terminal_try_print(&terminal, PAWL_SLICE("one\n"));
    int flags = fcntl(pair[1], F_GETFL);
    (void)fcntl(pair[1], F_SETFL, flags | O_NONBLOCK);
    static const char filler[65536];
    while (write(pair[1], filler, sizeof(filler)) > 0) {
    }
    (void)fcntl(pair[1], F_SETFL, flags);
    bool full = pawl_terminal_try_print(&terminal, PAWL_SLICE("two\n"));
    pawl_terminal_restore(&terminal);
    bool attended = terminal.attended;
    int fd_of_terminal = terminal.fd;
    pawl_terminal_close(&terminal);
    for (int fd = 0; fd < 3; fd++) {
        (void)dup2(saved[fd], fd);
        (void)close(saved[fd]);
    }
    close(pair[0]);
    close(pair[1]);
    assert_true(first);
    assert_false(full);
    assert_false(attended);
    assert_int_equal(fd_of_terminal, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminal_prints_lines_in_canonical_mode),
        cmocka_unit_test(terminal_prints_nothing_while_the_agent_reads_keys),
        cmocka_unit_test(terminal_ends_lines_itself_without_output_processing),
        cmocka_unit_test(terminal_gets_the_last_words_on_a_line_of_their_own),
        cmocka_unit_test(terminal_gets_lines_that_fit_but_for_programs),
        cmocka_unit_test(terminal_restores_modes_and_screen_after_a_kill),
        cmocka_unit_test(terminal_that_stayed_in_lines_gets_no_escape_sequences),
        cmocka_unit_test(terminal_of_another_foreground_is_left_alone),
        cmocka_unit_test(terminal_that_is_none_takes_lines_while_there_is_room),
    };
    return cmocka_run_group_tests_name("run_terminal", tests, NULL, NULL);
}
