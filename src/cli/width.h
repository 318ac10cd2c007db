/* SPDX-License-Identifier: Apache-2.0 */
/*
 * width.h: how many columns of a terminal a text takes. The C library's wcwidth answers by the
 * locale, and under "C" not at all; this one is the same everywhere (width.def).
 *
 * Terminals do not agree about emoji that are joined or told to be ones by a character behind them;
 * here each counts by itself, as in most.
 */
#ifndef PAWL_CLI_WIDTH_H
#define PAWL_CLI_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* 0, 1 or 2 columns. */
size_t pawl_width_of(uint32_t code);
size_t pawl_width_text(const char *text);
/* How many bytes at the front take at most so many columns, with all that stands on the last one;
 * and how many they take. */
size_t pawl_width_cut(const char *text, size_t columns, size_t *ret_columns);

#endif
