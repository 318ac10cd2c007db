/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest.h: the word that was probably meant, for whoever mistyped a command, an option or a
 * field. Only a slip of one or two letters counts: a wrong suggestion is worse than none.
 */
#ifndef PAWL_BASE_NEAREST_H
#define PAWL_BASE_NEAREST_H

#include <stddef.h>

/* Set `word`, offer the others one by one, read `found`: NULL when none is so near that it was
 * probably meant. Borrows all texts. */
struct pawl_nearest {
    const char *word;
    const char *found;
    size_t distance; /* of `found`, in letters to insert, delete or replace */
};

/* Of two that are equally near the one offered first stays. Words of more than 48 bytes are near to
 * none. */
void pawl_nearest_offer(struct pawl_nearest *nearest, const char *candidate);

#endif
