/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h: long lines for a terminal. A terminal breaks a line in the middle of a word; this breaks
 * it between words, and puts what follows under the text it belongs to.
 *
 * A command of pawl's ("pawl run --resume …") is never broken, so that it can be copied: one that
 * is wider than the terminal gets a line of its own, which the terminal wraps.
 */
#ifndef PAWL_RUN_FOLD_H
#define PAWL_RUN_FOLD_H

#include "base/buf.h"
#include "base/slice.h"

/* Appends `text` in lines of at most `columns`, as far as its words allow; as it is where there
 * are too few columns to be worth it (0: nobody knows how many). */
void pawl_fold(struct pawl_slice text, unsigned columns, struct pawl_buf *out);

#endif
