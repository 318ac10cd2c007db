/* SPDX-License-Identifier: Apache-2.0 */
/* top_screen.c: see top_screen.h. ncurses draws only what has changed. */
#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include "cli/top_screen.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include <ncurses.h>

#include "base/assert.h"
#include "cli/cli.h"

enum { ESCAPE = 27, ESCAPE_MS = 25, PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD };

static struct {
    SCREEN *screen; /* NULL: closed */
    bool utf8;
    bool colour;
    volatile sig_atomic_t signal; /* that wants the process to end */
} own;

/* --- Signals -------------------------------------------------------------------------------- */

static void on_end(int number)
{
    own.signal = number;
}

/* Nothing is safe in a crash, but a terminal in raw mode helps nobody either. */
static void on_crash(int number)
{
    (void)endwin();
    (void)raise(number); /* SA_RESETHAND: it ends the process. */
}

/* Before ncurses, which leaves alone what is not at its default. */
static void take_signals(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    static const int crashing[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction end = {.sa_handler = on_end};
    struct sigaction crash = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(ending); i++) {
        (void)sigaction(ending[i], &end, NULL);
    }
    for (size_t i = 0; i < PAWL_ARRAY_LEN(crashing); i++) {
        (void)sigaction(crashing[i], &crash, NULL);
    }
}

void pawl_screen_raise(void)
{
    if (own.signal != 0) {
        struct sigaction usual = {.sa_handler = SIG_DFL};
        (void)sigaction(own.signal, &usual, NULL);
        (void)raise(own.signal);
    }
}

/* --- The screen ----------------------------------------------------------------------------- */

/* The locale that the variables name may not be installed, as in small containers. */
static void choose_locale(void)
{
    bool wanted = pawl_cli_speaks_utf8();
    (void)setlocale(LC_CTYPE, "");
    if (wanted && strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
    own.utf8 = wanted && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void choose_colours(void)
{
    const char *none = getenv("NO_COLOR");
    own.colour = (none == NULL || none[0] == '\0') && has_colors() && start_color() == OK &&
                 use_default_colors() == OK;
    if (own.colour) {
        (void)init_pair(PAIR_GOOD, COLOR_GREEN, -1);
        (void)init_pair(PAIR_WARN, COLOR_YELLOW, -1);
        (void)init_pair(PAIR_BAD, COLOR_RED, -1);
    }
}

bool pawl_screen_open(void)
{
    PAWL_ASSERT(own.screen == NULL);
    choose_locale();
    take_signals();
    own.screen = newterm(NULL, stdout, stdin);
    if (own.screen == NULL) {
        return false;
    }
    if (tigetstr("cup") == NULL) { /* As a dumb one: nothing can be put anywhere. */
        pawl_screen_close();
        return false;
    }
    (void)set_escdelay(ESCAPE_MS);
    (void)cbreak();
    (void)noecho();
    (void)nonl();
    (void)intrflush(stdscr, FALSE);
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0);
    choose_colours();
    return true;
}

void pawl_screen_close(void)
{
    if (own.screen != NULL) {
        (void)endwin();
        delscreen(own.screen);
        own.screen = NULL;
    }
}

bool pawl_screen_speaks_utf8(void)
{
    return own.utf8;
}

void pawl_screen_size(int *ret_width, int *ret_height)
{
    getmaxyx(stdscr, *ret_height, *ret_width);
}

static attr_t attributes_of(const struct pawl_cell *cell, short *ret_pair)
{
    static const struct {
        attr_t attributes;
        short pair;
        attr_t plain; /* in place of a colour */
    } styles[] = {
        [PAWL_STYLE_PLAIN] = {A_NORMAL, 0, A_NORMAL},
        [PAWL_STYLE_DIM] = {A_DIM, 0, A_DIM},
        [PAWL_STYLE_BOLD] = {A_BOLD, 0, A_BOLD},
        [PAWL_STYLE_TITLE] = {A_REVERSE, 0, A_REVERSE},
        [PAWL_STYLE_GOOD] = {A_NORMAL, PAIR_GOOD, A_NORMAL},
        [PAWL_STYLE_WARN] = {A_NORMAL, PAIR_WARN, A_BOLD},
        [PAWL_STYLE_BAD] = {A_BOLD, PAIR_BAD, A_BOLD | A_UNDERLINE},
    };
    _Static_assert(PAWL_ARRAY_LEN(styles) == PAWL_STYLE_COUNT, "every style has attributes");
    attr_t attributes = own.colour ? styles[cell->style].attributes : styles[cell->style].plain;
    *ret_pair = own.colour ? styles[cell->style].pair : 0;
    return cell->selected ? (attributes & ~(attr_t)A_DIM) | A_REVERSE : attributes;
}

void pawl_screen_paint(const struct pawl_grid *grid)
{
    (void)erase();
    for (int row = 0; row < grid->height; row++) {
        for (int column = 0; column < grid->width; column++) {
            const struct pawl_cell *cell = pawl_grid_cell(grid, row, column);
            wchar_t text[2] = {(wchar_t)cell->code, L'\0'};
            cchar_t character;
            short pair = 0;
            attr_t attributes = attributes_of(cell, &pair);
            if (setcchar(&character, text, attributes, pair, NULL) == OK) {
                /* In the last cell of all it says ERR, since there is no place behind it. */
                (void)mvadd_wch(row, column, &character);
            }
        }
    }
    (void)refresh();
}

enum pawl_key pawl_screen_key(int timeout_ms, char *ret_char)
{
    if (own.signal != 0) {
        return PAWL_KEY_END;
    }
    timeout(timeout_ms);
    int key = getch();
    if (own.signal != 0 || (key == ERR && isatty(STDIN_FILENO) == 0)) {
        return PAWL_KEY_END;
    }
    switch (key) {
    case KEY_UP:
        return PAWL_KEY_UP;
    case KEY_DOWN:
        return PAWL_KEY_DOWN;
    case KEY_HOME:
        return PAWL_KEY_FIRST;
    case KEY_END:
        return PAWL_KEY_LAST;
    case KEY_ENTER:
    case '\r':
    case '\n':
        return PAWL_KEY_ENTER;
    case KEY_LEFT:
    case KEY_BACKSPACE:
    case ESCAPE:
        return PAWL_KEY_BACK;
    default:
        break;
    }
    if (key < ' ' || key > '~') {
        return PAWL_KEY_NONE;
    }
    *ret_char = (char)key;
    return PAWL_KEY_CHAR;
}
