/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.c: see terminal.h. The descriptor is a duplicate, since pawl lets go of stdin and
 * stdout.
 *
 * A terminal whose output is stopped (Ctrl-S) or a pipe that nobody empties must not stop the
 * gateway with a line that is nice to have, so the lines before the end are written only when
 * there is room, which poll(2) tells.
 */
#define _GNU_SOURCE
#include "run/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "run/fold.h"

enum { FOLDED_BYTES_MAX = 131072 };

/* Written whole and in this order. Leaving the alternate screen puts the cursor where it was
 * last saved, so it is saved first: where there was no other screen it stays. The rest comes after
 * that, since some terminals keep the keyboard's state for each screen. */
static const char leave_screen[] =
    "\033[?2026l"                    /* show what is held back */
    "\0337\033[?1049l"               /* the normal screen */
    "\0337\033[r\0338"               /* no scroll region */
    "\033[0m\033(B\033[?25h\033[?7h" /* attributes, letters, cursor, wrap */
    "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1004l" /* no mouse, no focus reports */
    "\033[?2004l\033[?2031l"                                  /* no bracketed paste, no themes */
    "\033[<u\033[>4;0m\033[?1l\033>"                          /* keys as they were */
    "\r\n";

void pawl_terminal_open(struct pawl_terminal *terminal)
{
    *terminal = (struct pawl_terminal){.fd = -1};
    bool in = isatty(STDIN_FILENO) == 1;
    bool out = isatty(STDOUT_FILENO) == 1;
    terminal->shows_stderr = isatty(STDERR_FILENO) == 1;
    terminal->attended = in && (out || terminal->shows_stderr);
    int from = terminal->shows_stderr ? STDERR_FILENO : out ? STDOUT_FILENO : STDIN_FILENO;
    if (in || out || terminal->shows_stderr) {
        terminal->fd = fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    if (terminal->fd >= 0 && tcgetattr(terminal->fd, &terminal->first) != 0) {
        pawl_terminal_close(terminal);
    }
}

void pawl_terminal_close(struct pawl_terminal *terminal)
{
    if (terminal->fd >= 0) {
        (void)close(terminal->fd);
        terminal->fd = -1;
    }
}

bool pawl_terminal_may_print(const struct pawl_terminal *terminal)
{
    struct termios now;
    return !terminal->shows_stderr ||
           (tcgetattr(STDERR_FILENO, &now) == 0 && (now.c_lflag & ICANON) != 0);
}

static bool write_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);
        if (written < 0 && errno == EAGAIN) {
            /* The agent may have made the shared description non-blocking. */
            struct pollfd polled = {.fd = fd, .events = POLLOUT};
            (void)poll(&polled, 1, -1);
        } else if (written <= 0 && errno != EINTR) {
            return false;
        } else if (written > 0) {
            data += written;
            bytes -= (size_t)written;
        }
    }
    return true;
}

static unsigned columns_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* A terminal without output processing wants both halves of a new line. */
static void write_lines(struct pawl_slice text)
{
    struct termios now;
    bool raw = tcgetattr(STDERR_FILENO, &now) == 0 && (now.c_oflag & OPOST) == 0;
    while (raw && text.bytes > 0) {
        bool ends = pawl_slice_find_byte(text, '\n') != SIZE_MAX;
        struct pawl_slice line = pawl_slice_cut(&text, '\n');
        if (!write_all(STDERR_FILENO, line.data, line.bytes) ||
            (ends && !write_all(STDERR_FILENO, "\r\n", 2))) {
            return;
        }
    }
    (void)write_all(STDERR_FILENO, text.data, text.bytes);
}

static void write_folded(struct pawl_slice text)
{
    struct pawl_buf folded;
    pawl_buf_init(&folded, FOLDED_BYTES_MAX);
    pawl_fold(text, columns_of(STDERR_FILENO), &folded);
    write_lines(folded.overflowed ? text : pawl_buf_slice(&folded));
    pawl_buf_free(&folded);
}

/* The kernel knows in which column a terminal's output is, and has no call that tells. But with
 * these two flags it drops a carriage return in the first column, and makes a line feed of one in
 * any other: so there is a new line only where it is needed. */
static void begin_line(void)
{
    struct termios now;
    if (tcgetattr(STDERR_FILENO, &now) != 0 || (now.c_oflag & OPOST) == 0 ||
        tcgetpgrp(STDERR_FILENO) != getpgrp()) {
        return;
    }
    struct termios telling = now;
    telling.c_oflag = OPOST | ONOCR | OCRNL;
    if (tcsetattr(STDERR_FILENO, TCSANOW, &telling) != 0) {
        return;
    }
    (void)write_all(STDERR_FILENO, "\r", 1);
    (void)tcsetattr(STDERR_FILENO, TCSANOW, &now);
    (void)write_all(STDERR_FILENO, "\r", 1);
}

bool pawl_terminal_try_print(const struct pawl_terminal *terminal, struct pawl_slice text)
{
    struct pollfd polled = {.fd = STDERR_FILENO, .events = POLLOUT};
    /* What fits a pipe in one piece is written when there is room for it, or not at all. */
    if (text.bytes > PIPE_BUF || !pawl_terminal_may_print(terminal) || poll(&polled, 1, 0) != 1 ||
        (polled.revents & POLLOUT) == 0) {
        return false;
    }
    write_folded(text);
    return true;
}

void pawl_terminal_print(struct pawl_slice text)
{
    begin_line();
    write_folded(text);
}

void pawl_terminal_print_as_is(struct pawl_slice text)
{
    begin_line();
    write_lines(text);
}

/* Puts the modes back where the terminal is in the hands of `group` and somebody has changed them.
 * true: it was switched to keys, so that what else full-screen programs ask of it goes too. */
static bool modes_put_back(int fd, const struct termios *first, pid_t group)
{
    struct termios now;
    if (tcgetattr(fd, &now) != 0 || tcgetpgrp(fd) != group) {
        return false;
    }
    if (now.c_lflag == first->c_lflag && now.c_iflag == first->c_iflag &&
        now.c_oflag == first->c_oflag) {
        return false;
    }
    (void)tcsetattr(fd, TCSANOW, first);
    return (now.c_lflag & ICANON) == 0;
}

void pawl_terminal_restore(const struct pawl_terminal *terminal)
{
    if (terminal->fd >= 0 && modes_put_back(terminal->fd, &terminal->first, getpgrp())) {
        (void)write_all(terminal->fd, leave_screen, sizeof(leave_screen) - 1);
    }
}

/* --- From outside of its foreground --------------------------------------------------------- */

/* A description of one's own, so that not to wait for it changes it for nobody else. */
static int open_controlling(void)
{
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

bool pawl_terminal_controlling(struct termios *ret_first)
{
    int fd = open_controlling();
    if (fd < 0) {
        return false;
    }
    bool known = tcgetattr(fd, ret_first) == 0;
    (void)close(fd);
    return known;
}

void pawl_terminal_take_back(const struct termios *first, pid_t group)
{
    int fd = open_controlling();
    if (fd < 0) {
        return;
    }
    if (modes_put_back(fd, first, group)) {
        ssize_t written = write(fd, leave_screen, sizeof(leave_screen) - 1);
        (void)written; /* Output that is stopped (Ctrl-S) is not waited for. */
    }
    (void)close(fd);
}
