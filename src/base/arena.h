/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h: bump allocation for one request. Memory comes in blocks from malloc up to a
 * maximum that is given at birth; running out sets a sticky flag which the owner checks
 * once, when it replies: until a reset every further allocation fails too. Everything goes at
 * once with reset. No pointer into an arena may be kept past it. Freed space is poisoned
 * under the address sanitizer.
 *
 * The maximum counts what was handed out, each allocation rounded up to 16 bytes. Blocks
 * double up to 1 MiB, so the memory held may be about twice that.
 *
 * The arena owns all it hands out. Not for use by two threads at once.
 */
#ifndef PAWL_BASE_ARENA_H
#define PAWL_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"
#include "base/slice.h"

struct pawl_arena_block;

struct pawl_arena {
    struct pawl_arena_block *head; /* owned; NULL until the first allocation */
    size_t used_bytes;             /* over all blocks */
    size_t max_bytes;
    bool overflowed;
};

/* Allocates nothing yet. */
void pawl_arena_init(struct pawl_arena *arena, size_t max_bytes);
/* Zeroed, aligned to 16. NULL, and overflowed set, when the maximum or memory is reached. 0
 * bytes give a pointer that may not be read through. */
void *pawl_arena_alloc(struct pawl_arena *arena, size_t bytes);
/* The same, but what is in it is anything: for what is written before it is read. */
void *pawl_arena_alloc_bare(struct pawl_arena *arena, size_t bytes);
/* Makes sure that `bytes` more are there for the allocations that come, each rounded up. false, and
 * overflowed set, when the maximum or memory is reached. */
PAWL_MUST_CHECK bool pawl_arena_reserve(struct pawl_arena *arena, size_t bytes);
/* Changes an allocation's size, keeping its content; what is new is zero. In place where it is
 * the latest one of its block, so that an array grown by doubling does not leave its earlier
 * selves behind; else a new allocation with a copy. The old pointer is dead unless NULL is
 * returned (on overflow; never when shrinking). old_bytes is what it was allocated with. */
void *pawl_arena_resize(struct pawl_arena *arena, void *memory, size_t old_bytes, size_t new_bytes);
/* A copy with a NUL behind it, which the slice does not count. Empty on overflow. */
struct pawl_slice pawl_arena_copy(struct pawl_arena *arena, struct pawl_slice slice);
/* The same for formatted text. */
struct pawl_slice pawl_arena_printf(struct pawl_arena *arena, const char *format, ...)
    PAWL_PRINTF(2, 3);
/* Everything handed out is gone; the first block is kept for reuse; the flag is cleared. */
void pawl_arena_reset(struct pawl_arena *arena);
/* The same without keeping a block. The arena may be used again, under the same maximum. */
void pawl_arena_free(struct pawl_arena *arena);

#endif
