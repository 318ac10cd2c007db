/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grid.h: a screen as a rectangle of cells, each with a character and a style. Layouts write into
 * it and know no terminal; whoever has one paints it (top_screen.h), or it is printed as text.
 *
 * A cell is one column wide, so nothing on a screen moves because of a name: what may be wider or
 * has no width (East Asian scripts, emoji, combining marks, control characters, bytes that are no
 * UTF-8) becomes '?'.
 */
#ifndef PAWL_CLI_GRID_H
#define PAWL_CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum pawl_style {
    PAWL_STYLE_PLAIN,
    PAWL_STYLE_DIM,
    PAWL_STYLE_BOLD,
    PAWL_STYLE_TITLE, /* the bars at the top and the bottom */
    PAWL_STYLE_GOOD,
    PAWL_STYLE_WARN,
    PAWL_STYLE_BAD,
    PAWL_STYLE_COUNT
};

struct pawl_cell {
    uint32_t code;
    uint8_t style;
    bool selected;
};

enum { PAWL_GRID_WIDTH_MAX = 500, PAWL_GRID_HEIGHT_MAX = 300 };

struct pawl_grid {
    int width;
    int height;
    bool utf8; /* else only ASCII is put into it by the functions below */
    struct pawl_cell *cells;
};

/* Blank. Sizes are brought within the bounds above. To be freed; exits when there is no memory. */
void pawl_grid_init(struct pawl_grid *grid, int width, int height, bool utf8);
void pawl_grid_free(struct pawl_grid *grid);

/* A cell inside the grid. */
static inline struct pawl_cell *pawl_grid_cell(const struct pawl_grid *grid, int row, int column)
{
    return &grid->cells[(size_t)row * (size_t)grid->width + (size_t)column];
}

/* A field of a line: what is outside of the grid is left out. */
struct pawl_field {
    int row;
    int column;
    int width;
    bool right; /* aligned to the right end */
    enum pawl_style style;
};
/* Puts a text into the field; where it is too long, it is cut, with an ellipsis. */
void pawl_grid_text(struct pawl_grid *grid, struct pawl_field field, const char *text);
/* A bar: `used` and `held` thousandths of it, the first in the field's style. More than the whole
 * is the whole; a hundredth shows. */
void pawl_grid_gauge(struct pawl_grid *grid, struct pawl_field field, int64_t used, int64_t held);
/* The style, and whether it counts as selected, for a whole line. */
void pawl_grid_line(struct pawl_grid *grid, int row, enum pawl_style style, bool selected);
/* As text: lines without blanks at their ends. */
void pawl_grid_print(const struct pawl_grid *grid, FILE *out);

#endif
