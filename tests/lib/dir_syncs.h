/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_syncs.h: which names of directories a power failure could still take. A program that has
 * dir_syncs.c in it makes, renames and syncs directories through it.
 */
#ifndef PAWL_TESTS_LIB_DIR_SYNCS_H
#define PAWL_TESTS_LIB_DIR_SYNCS_H

#include <stdbool.h>
#include <stddef.h>

/* What was made so far is not looked at. */
void dir_syncs_forget(void);
/* Syncs of directories fail from now on, or no longer. */
void dir_syncs_fail(bool fail);
/* How many directories were made or renamed since it was asked last, and that all of those names
 * are durable. */
size_t dir_syncs_made(void);

#endif
