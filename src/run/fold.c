/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.c: see fold.h. Spaces inside of a line are kept, since cards are aligned by them; those at
 * a break go. A character counts for one column, whatever its bytes.
 */
#include "run/fold.h"

#include <stdbool.h>
#include <stdint.h>

#include "run/card.h"

enum {
    COLUMNS_MIN = 24,   /* below that nothing is readable either way */
    INDENT_OF_LINE = 6, /* under what stands behind "pawl: " */
    INDENT_SHARE = 3    /* at most this part of the columns */
};

static size_t width_of(struct pawl_slice text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.bytes; i++) {
        width += ((unsigned char)text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

static size_t spaces_at(struct pawl_slice line, size_t at)
{
    size_t end = at;
    while (end < line.bytes && line.data[end] == ' ') {
        end++;
    }
    return end - at;
}

static size_t word_at(struct pawl_slice line, size_t at)
{
    size_t end = at;
    while (end < line.bytes && line.data[end] != ' ') {
        end++;
    }
    return end - at;
}

/* A word, or a command as a whole: it ends with the line, before more than one space, and with a
 * word that ends a sentence or a part of one. */
static size_t piece_at(struct pawl_slice line, size_t at)
{
    size_t bytes = word_at(line, at);
    if (!pawl_slice_equal_str(pawl_slice_sub(line, at, bytes), "pawl")) {
        return bytes;
    }
    while (spaces_at(line, at + bytes) == 1) {
        char last = line.data[at + bytes - 1];
        if (last == '.' || last == ',' || last == ';' || last == ':' || last == ')') {
            break;
        }
        bytes += 1 + word_at(line, at + bytes + 1);
    }
    return bytes;
}

/* Under the text behind the label of a card's line, or behind "pawl: ". */
static size_t indent_of(struct pawl_slice line, unsigned columns)
{
    size_t indent = line.bytes > 0 && line.data[0] == ' ' ? PAWL_CARD_TEXT_COLUMN : INDENT_OF_LINE;
    size_t most = columns / INDENT_SHARE;
    return indent < most ? indent : most;
}

static void fold_line(struct pawl_slice line, unsigned columns, struct pawl_buf *out)
{
    size_t indent = indent_of(line, columns);
    size_t at = spaces_at(line, 0);
    size_t column = at;
    pawl_buf_append_slice(out, pawl_slice_sub(line, 0, at));
    while (at < line.bytes) {
        struct pawl_slice piece = pawl_slice_sub(line, at, piece_at(line, at));
        pawl_buf_append_slice(out, piece);
        at += piece.bytes;
        column += width_of(piece);
        size_t spaces = spaces_at(line, at);
        struct pawl_slice next = pawl_slice_sub(line, at + spaces, piece_at(line, at + spaces));
        if (next.bytes > 0 && column + spaces + width_of(next) > columns) {
            pawl_buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else {
            pawl_buf_append_slice(out, pawl_slice_sub(line, at, spaces));
            column += spaces;
        }
        at += spaces;
    }
}

void pawl_fold(struct pawl_slice text, unsigned columns, struct pawl_buf *out)
{
    if (columns < COLUMNS_MIN) {
        pawl_buf_append_slice(out, text);
        return;
    }
    while (text.bytes > 0) {
        bool ends = pawl_slice_find_byte(text, '\n') != SIZE_MAX;
        fold_line(pawl_slice_cut(&text, '\n'), columns, out);
        if (ends) {
            pawl_buf_append_byte(out, '\n');
        }
    }
}
