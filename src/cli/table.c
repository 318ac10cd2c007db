/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c: columns for people. Cells are collected first, since the widest one decides. Width
 * counts code points, which is right for everything that pawl prints itself.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cli/cli.h"

enum { TABLE_BYTES_MAX = 64 << 20 };

struct pawl_cli_table {
    struct pawl_cli_column columns[PAWL_CLI_COLUMNS_MAX];
    size_t column_count;
    size_t cell_count;
    struct pawl_buf cells; /* NUL-terminated texts, one after the other */
};

bool pawl_cli_colour(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(fileno(out)) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

const char *pawl_cli_plain(struct pawl_slice text, char *out, size_t out_bytes)
{
    pawl_slice_copy_str(text, out, out_bytes);
    for (unsigned char *c = (unsigned char *)out; *c != '\0'; c++) {
        /* C0, DEL, and the second byte of C1 as UTF-8 has it. */
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        } else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            c[0] = '?';
            c[1] = '?';
        }
    }
    return out;
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

struct pawl_cli_table *pawl_cli_table_new(const struct pawl_cli_column *columns, size_t count)
{
    PAWL_ASSERT(count > 0 && count <= PAWL_CLI_COLUMNS_MAX);
    struct pawl_cli_table *table = pawl_alloc_zeroed(1, sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    memcpy(table->columns, columns, count * sizeof(columns[0]));
    table->column_count = count;
    pawl_buf_init(&table->cells, TABLE_BYTES_MAX);
    return table;
}

void pawl_cli_table_cell(struct pawl_cli_table *table, const char *text)
{
    if (table == NULL) {
        return;
    }
    pawl_buf_append(&table->cells, text, strlen(text) + 1);
    table->cell_count++;
}

static size_t column_limit(const struct pawl_cli_column *column, size_t width)
{
    return column->width_max != 0 && width > column->width_max ? column->width_max : width;
}

static void measure(const struct pawl_cli_table *table, size_t *widths)
{
    PAWL_ASSERT(table->column_count > 0);
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = text_width(table->columns[i].title);
    }
    const char *cell = table->cells.data;
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        size_t width = column_limit(&table->columns[column], text_width(cell));
        if (width > widths[column]) {
            widths[column] = width;
        }
        cell += strlen(cell) + 1;
    }
}

/* At most `width` code points, the last an ellipsis if something was cut, padded on the side. */
static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
    size_t have = text_width(text);
    size_t pad = have < width ? width - have : 0;
    if (right) {
        fprintf(out, "%*s", (int)pad, "");
    }
    if (have <= width) {
        fputs(text, out);
    } else {
        size_t shown = 0;
        for (; *text != '\0'; text++) {
            bool starts = ((unsigned char)*text & 0xC0) != 0x80;
            if (starts && ++shown == width) {
                break;
            }
            fputc(*text, out);
        }
        fputs("…", out);
    }
    if (!last) {
        fprintf(out, "%*s", right ? 2 : (int)pad + 2, "");
    }
}

bool pawl_cli_table_print(struct pawl_cli_table *table, FILE *out)
{
    if (table == NULL) {
        return false;
    }
    PAWL_ASSERT(table->column_count > 0);
    bool complete = !table->cells.overflowed;
    if (complete && table->cell_count > 0) {
        size_t widths[PAWL_CLI_COLUMNS_MAX];
        measure(table, widths);
        for (size_t i = 0; i < table->column_count; i++) {
            print_cell(out, table->columns[i].title, widths[i], table->columns[i].right,
                       i + 1 == table->column_count);
        }
        fputc('\n', out);
        const char *cell = table->cells.data;
        for (size_t i = 0; i < table->cell_count; i++) {
            size_t column = i % table->column_count;
            bool last = column + 1 == table->column_count;
            print_cell(out, cell, widths[column], table->columns[column].right, last);
            if (last) {
                fputc('\n', out);
            }
            cell += strlen(cell) + 1;
        }
    }
    pawl_buf_free(&table->cells);
    pawl_free(table);
    return complete;
}
