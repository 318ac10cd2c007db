/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h: the terminal belongs to the agent. Pawl owns no pseudo-terminal, reads no key, and
 * writes to stderr only when that cannot disturb: stderr is no terminal, or the terminal is in
 * canonical mode (lines, not keys). What cannot be said now waits for the card.
 *
 * Lines that a terminal has no room for are folded (fold.h). Only after pawl has killed an agent
 * that had switched the terminal to keys does it put the modes back that it found at the start.
 * Where pawl itself is killed its keeper does that, which is not in the terminal's foreground.
 */
#ifndef PAWL_RUN_TERMINAL_H
#define PAWL_RUN_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "base/slice.h"

struct pawl_terminal {
    int fd;               /* of its own, on the terminal; -1: there is none */
    bool shows_stderr;    /* stderr goes to it */
    bool attended;        /* stdin comes from a terminal, and stdout or stderr goes to one */
    struct termios first; /* the modes at the start */
};

/* Looks at the three standard descriptors. Sends nothing. */
void pawl_terminal_open(struct pawl_terminal *terminal);
void pawl_terminal_close(struct pawl_terminal *terminal);
/* Whether a line may be printed now. */
bool pawl_terminal_may_print(const struct pawl_terminal *terminal);
/* Prints if it may, and if it need not wait for whoever reads. Returns whether it did. */
bool pawl_terminal_try_print(const struct pawl_terminal *terminal, struct pawl_slice text);
/* Prints, the agent being gone, on a line of its own, whatever the agent left unfinished. Waits for
 * the reader. */
void pawl_terminal_print(struct pawl_slice text);
/* The same for programs: long lines stay as they are. */
void pawl_terminal_print_as_is(struct pawl_slice text);
/* After a kill: modes, screen and cursor as they were, if the agent had changed the modes and the
 * terminal is still ours to change. */
void pawl_terminal_restore(const struct pawl_terminal *terminal);

/* For the keeper, which holds no descriptor of it. Whether there is a controlling terminal, and its
 * modes; */
bool pawl_terminal_controlling(struct termios *ret_first);
/* … and pawl_terminal_restore of that one, as long as `group` is its foreground: once a shell has
 * it, the screen is the shell's. Waits for nobody. The caller ignores SIGTTOU. */
void pawl_terminal_take_back(const struct termios *first, pid_t group);

#endif
