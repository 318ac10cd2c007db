/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c: columns for people. Cells are collected first, since the widest one decides.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "cli/cli.h"
#include "cli/width.h"

enum {
    TABLE_BYTES_MAX = 64 << 20,
    GAP = 2,           /* between two columns */
    CUT_WIDTH_MIN = 12 /* no column is cut below it to fit a terminal */
};

struct pawl_cli_table {
    struct pawl_cli_column columns[PAWL_CLI_COLUMNS_MAX];
    size_t column_count;
    const char *const *lackable; /* titles, up to a NULL; NULL: none */
    size_t cell_count;
    struct pawl_buf cells; /* NUL-terminated texts, one after the other */
};

void pawl_cli_no_memory(void)
{
    fputs("pawl: no memory for the output\n", stderr);
    exit(PAWL_EXIT_REFUSED);
}

/* The first of them that is set decides, as in setlocale. */
bool pawl_cli_speaks_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < PAWL_ARRAY_LEN(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && value[0] != '\0') {
            return strcasestr(value, "UTF-8") != NULL || strcasestr(value, "UTF8") != NULL;
        }
    }
    return false;
}

void pawl_cli_print_line(struct pawl_buf *line)
{
    if (line->overflowed) {
        pawl_cli_no_memory();
    }
    puts(pawl_buf_cstr(line));
    pawl_buf_free(line);
}

/* Bytes of a control character at the beginning of the text, as UTF-8 has it: C0, DEL, C1, and what
 * changes the direction of a line, by which one column could pass for another. 0: it is none. */
static size_t control_bytes(const unsigned char *c)
{
    if (c[0] < 0x20 || c[0] == 0x7f) {
        return 1;
    }
    if ((c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) || (c[0] == 0xd8 && c[1] == 0x9c)) {
        return 2;
    }
    bool marks = c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f);
    bool embeds = c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae;
    bool isolates = c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
    return marks || embeds || isolates ? 3 : 0;
}

const char *pawl_cli_plain(struct pawl_slice text, char *out, size_t out_bytes)
{
    pawl_slice_copy_str(text, out, out_bytes);
    for (unsigned char *c = (unsigned char *)out; *c != '\0'; c++) {
        size_t bytes = control_bytes(c);
        if (*c == '\n' || *c == '\t') {
            *c = ' ';
        } else if (bytes > 0) {
            memset(c, '?', bytes);
            c += bytes - 1;
        }
    }
    return out;
}

struct pawl_cli_table *pawl_cli_table_new(const struct pawl_cli_column *columns, size_t count)
{
    PAWL_ASSERT(count > 0 && count <= PAWL_CLI_COLUMNS_MAX);
    struct pawl_cli_table *table = pawl_alloc_zeroed(1, sizeof(*table));
    if (table == NULL) {
        pawl_cli_no_memory();
    }
    memcpy(table->columns, columns, count * sizeof(columns[0]));
    table->column_count = count;
    pawl_buf_init(&table->cells, TABLE_BYTES_MAX);
    return table;
}

struct pawl_cli_table *pawl_cli_table_new_fitting(const struct pawl_cli_column *columns,
                                                  size_t count,
                                                  const char *const *lackable)
{
    struct pawl_cli_table *table = pawl_cli_table_new(columns, count);
    table->lackable = lackable;
    return table;
}

void pawl_cli_table_cell(struct pawl_cli_table *table, const char *text)
{
    pawl_buf_append(&table->cells, text, strlen(text) + 1);
    table->cell_count++;
}

/* Where the cells go. A column in which no row has anything is not shown. */
struct layout {
    size_t widths[PAWL_CLI_COLUMNS_MAX]; /* 0: not shown */
    size_t last;                         /* the last column that is shown */
};

static void measure(const struct pawl_cli_table *table, struct layout *layout)
{
    *layout = (struct layout){.last = 0};
    const char *cell = table->cells.data;
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        size_t width = pawl_width_text(cell);
        size_t width_max = table->columns[column].width_max;
        width = width_max != 0 && width > width_max ? width_max : width;
        if (width > layout->widths[column]) {
            layout->widths[column] = width;
        }
        cell += strlen(cell) + 1;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        size_t title = pawl_width_text(table->columns[i].title);
        if (layout->widths[i] > 0) {
            layout->widths[i] = title > layout->widths[i] ? title : layout->widths[i];
            layout->last = i;
        }
    }
}

static size_t total_width(const struct layout *layout)
{
    size_t total = 0;
    for (size_t i = 0; i <= layout->last; i++) {
        total += layout->widths[i] > 0 ? layout->widths[i] + GAP : 0;
    }
    return total > 0 ? total - GAP : 0;
}

/* How wide it is when all is cut that may be, but for the first column, which names the row. */
static size_t least_width(const struct pawl_cli_table *table, const struct layout *layout)
{
    struct layout least = *layout;
    for (size_t i = 1; i < table->column_count; i++) {
        if (table->columns[i].width_max != 0 && least.widths[i] > CUT_WIDTH_MIN) {
            least.widths[i] = CUT_WIDTH_MIN;
        }
    }
    return total_width(&least);
}

static void leave_out(const struct pawl_cli_table *table, struct layout *layout, const char *title)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].title, title) == 0) {
            layout->widths[i] = 0;
        }
        layout->last = layout->widths[i] > 0 ? i : layout->last;
    }
    while (layout->last > 0 && layout->widths[layout->last] == 0) {
        layout->last--;
    }
}

/* On a terminal that is too narrow, columns that may be lacked go, and then columns that may be cut
 * are, the last one first. */
static void fit(const struct pawl_cli_table *table, struct layout *layout, FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return;
    }
    const char *const *lack = table->lackable;
    while (lack != NULL && *lack != NULL && least_width(table, layout) > size.ws_col) {
        leave_out(table, layout, *lack++);
    }
    for (size_t i = table->column_count; i > 0; i--) {
        size_t total = total_width(layout);
        size_t *width = &layout->widths[i - 1];
        if (total > size.ws_col && table->columns[i - 1].width_max != 0 && *width > CUT_WIDTH_MIN) {
            size_t over = total - size.ws_col;
            *width = *width > over + CUT_WIDTH_MIN ? *width - over : CUT_WIDTH_MIN;
        }
    }
}

/* At most `width` columns, the last an ellipsis if something was cut, and padded to `width`. */
static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
    size_t have = 0;
    size_t bytes = pawl_width_cut(text, width, &have);
    bool is_cut = text[bytes] != '\0';
    if (is_cut) {
        bytes = pawl_width_cut(text, width - 1, &have);
        have += 1; /* the ellipsis */
    }
    size_t pad = width - have;
    if (right) {
        fprintf(out, "%*s", (int)pad, "");
    }
    fprintf(out, "%.*s%s", (int)bytes, text, is_cut ? "…" : "");
    if (!last) {
        fprintf(out, "%*s", right ? GAP : (int)pad + GAP, "");
    }
}

static void print_row(FILE *out,
                      const struct pawl_cli_table *table,
                      const struct layout *layout,
                      const char *cell)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *text = cell != NULL ? cell : table->columns[i].title;
        if (layout->widths[i] > 0) {
            print_cell(out, text, layout->widths[i], table->columns[i].right, i == layout->last);
        }
        cell = cell != NULL ? cell + strlen(cell) + 1 : NULL;
    }
    fputc('\n', out);
}

void pawl_cli_table_print(struct pawl_cli_table *table, FILE *out)
{
    if (table->cells.overflowed) {
        pawl_cli_no_memory();
    }
    PAWL_ASSERT(table->cell_count % table->column_count == 0);
    if (table->cell_count > 0) {
        struct layout layout;
        measure(table, &layout);
        fit(table, &layout, out);
        print_row(out, table, &layout, NULL);
        const char *cell = table->cells.data;
        for (size_t i = 0; i < table->cell_count; i++) {
            if (i % table->column_count == 0) {
                print_row(out, table, &layout, cell);
            }
            cell += strlen(cell) + 1;
        }
    }
    pawl_buf_free(&table->cells);
    pawl_free(table);
}
