/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top_screen.h: a terminal that shows a grid and reads keys: all of `pawl top` that knows ncurses.
 * However the process ends, the terminal is put back: on signals that end it, on failed asserts
 * and crashes too; only SIGKILL leaves it as it is.
 */
#ifndef PAWL_CLI_TOP_SCREEN_H
#define PAWL_CLI_TOP_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "cli/grid.h"

enum pawl_key {
    PAWL_KEY_NONE, /* the time is over, or the size has changed */
    PAWL_KEY_UP,
    PAWL_KEY_DOWN,
    PAWL_KEY_FIRST,
    PAWL_KEY_LAST,
    PAWL_KEY_ENTER,
    PAWL_KEY_BACK, /* Escape, Backspace, Left */
    PAWL_KEY_END,  /* a signal that ends the process came, or the terminal has gone */
    PAWL_KEY_CHAR  /* see ret_char */
};

/* Takes the terminal over. false: its type is not known, and nothing has changed. Colours only
 * where the terminal has some and NO_COLOR is not set. */
PAWL_MUST_CHECK bool pawl_screen_open(void);
void pawl_screen_close(void);
/* Whether it takes more than ASCII, and its size now. */
bool pawl_screen_speaks_utf8(void);
void pawl_screen_size(int *ret_width, int *ret_height);
void pawl_screen_paint(const struct pawl_grid *grid);
/* The next key, at most so long. */
enum pawl_key pawl_screen_key(int timeout_ms, char *ret_char);
/* After the close: ends the process by the signal that came, if one did. */
void pawl_screen_raise(void);

#endif
