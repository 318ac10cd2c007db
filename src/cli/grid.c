/* SPDX-License-Identifier: Apache-2.0 */
/* grid.c: see grid.h. Coordinates may be anything; only what lies inside is written. */
#include "cli/grid.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/money.h"
#include "base/utf8.h"
#include "cli/cli.h"

enum { FULL = 0x2588, SHADE = 0x2592, EMPTY = 0x2591, ELLIPSIS = 0x2026 };

static int within(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

void pawl_grid_init(struct pawl_grid *grid, int width, int height, bool utf8)
{
    *grid = (struct pawl_grid){
        .width = within(width, 1, PAWL_GRID_WIDTH_MAX),
        .height = within(height, 1, PAWL_GRID_HEIGHT_MAX),
        .utf8 = utf8,
    };
    size_t count = (size_t)grid->width * (size_t)grid->height;
    grid->cells = pawl_alloc_zeroed(count, sizeof(grid->cells[0]));
    if (grid->cells == NULL) {
        pawl_cli_no_memory();
    }
    for (size_t i = 0; i < count; i++) {
        grid->cells[i].code = ' ';
    }
}

void pawl_grid_free(struct pawl_grid *grid)
{
    pawl_free(grid->cells);
    grid->cells = NULL;
}

static void put(struct pawl_grid *grid, int row, int column, uint32_t code, enum pawl_style style)
{
    if (row < 0 || row >= grid->height || column < 0 || column >= grid->width) {
        return;
    }
    struct pawl_cell *cell = pawl_grid_cell(grid, row, column);
    cell->code = code;
    cell->style = (uint8_t)style;
}

/* Scripts whose letters are one column wide, with dashes, dots and the symbols of gauges. */
static bool is_narrow(uint32_t code)
{
    return (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code < 0x300 && code != 0xad) ||
           (code >= 0x370 && code < 0x483) || (code >= 0x48a && code < 0x530) ||
           (code >= 0x2010 && code < 0x2028) || (code >= 0x20a0 && code < 0x20c0) ||
           (code >= 0x2190 && code < 0x2300) || (code >= 0x2500 && code < 0x25fd);
}

/* The next character of a text, and its length. */
static uint32_t next_code(const struct pawl_grid *grid, const char *text, size_t *ret_bytes)
{
    uint32_t code = pawl_utf8_decode(pawl_slice_str(text), ret_bytes);
    return is_narrow(code) && (grid->utf8 || code < 0x7f) ? code : '?';
}

static int text_columns(const struct pawl_grid *grid, const char *text)
{
    int columns = 0;
    size_t bytes = 0;
    for (; *text != '\0'; text += bytes) {
        (void)next_code(grid, text, &bytes);
        columns++;
    }
    return columns;
}

void pawl_grid_text(struct pawl_grid *grid, struct pawl_field field, const char *text)
{
    int columns = text_columns(grid, text);
    int column = field.column;
    size_t bytes = 0;
    if (field.right && columns < field.width) {
        column += field.width - columns;
    }
    for (int i = 0; i < field.width && *text != '\0'; i++, text += bytes) {
        uint32_t code = next_code(grid, text, &bytes);
        if (i == field.width - 1 && columns > field.width) {
            code = grid->utf8 ? ELLIPSIS : '>';
        }
        put(grid, field.row, column + i, code, field.style);
    }
}

void pawl_grid_gauge(struct pawl_grid *grid, struct pawl_field field, int64_t used, int64_t held)
{
    used = pawl_min_i64(pawl_max_i64(used, 0), 1000);
    held = pawl_min_i64(pawl_max_i64(held, 0), 1000 - used);
    int64_t full = (used * field.width + 500) / 1000;
    full = used >= 10 ? pawl_max_i64(full, 1) : full;
    int64_t shade = ((used + held) * field.width + 500) / 1000;
    for (int i = 0; i < field.width; i++) {
        uint32_t code = grid->utf8 ? EMPTY : '.';
        if (i < full) {
            code = grid->utf8 ? FULL : '#';
        } else if (i < shade) {
            code = grid->utf8 ? SHADE : '+';
        }
        put(grid, field.row, field.column + i, code, i < shade ? field.style : PAWL_STYLE_DIM);
    }
}

void pawl_grid_line(struct pawl_grid *grid, int row, enum pawl_style style, bool selected)
{
    if (row < 0 || row >= grid->height) {
        return;
    }
    for (int i = 0; i < grid->width; i++) {
        pawl_grid_cell(grid, row, i)->style = (uint8_t)style;
        pawl_grid_cell(grid, row, i)->selected = selected;
    }
}

void pawl_grid_print(const struct pawl_grid *grid, FILE *out)
{
    for (int row = 0; row < grid->height; row++) {
        const struct pawl_cell *line = pawl_grid_cell(grid, row, 0);
        int end = grid->width;
        while (end > 0 && line[end - 1].code == ' ') {
            end--;
        }
        for (int i = 0; i < end; i++) {
            char text[PAWL_UTF8_BYTES_MAX];
            (void)fwrite(text, 1, pawl_utf8_encode(line[i].code, text), out);
        }
        (void)fputc('\n', out);
    }
}
