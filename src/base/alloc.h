/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.h: the one door to malloc. Arena blocks, growing buffers and whatever else makes whole
 * objects come through here, for a single reason: a test can then make the Nth allocation
 * fail and see that the caller says "no memory" instead of falling over.
 *
 * The hook is part of every build, since a fault sweep should drive the binary that ships;
 * unarmed it costs one relaxed load a call. All functions may be called from any thread.
 */
#ifndef PAWL_BASE_ALLOC_H
#define PAWL_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

/* Uninitialised memory, aligned for any type and owned by the caller until `pawl_free`. NULL
 * when there is none. 0 bytes count as 1, so that NULL always means failure. */
PAWL_MUST_CHECK void *pawl_alloc(size_t bytes);
/* The same for count * bytes_each, all zero. NULL as well when the product overflows. */
PAWL_MUST_CHECK void *pawl_alloc_zeroed(size_t count, size_t bytes_each);
/* As realloc(3): NULL leaves the old memory as it was, and with its owner. `memory` may be
 * NULL; 0 bytes count as 1. */
PAWL_MUST_CHECK void *pawl_realloc(void *memory, size_t bytes);
/* Takes what the functions above gave. NULL is allowed. */
void pawl_free(void *memory);

/* --- For tests. --------------------------------------------------------------------------- */

/* From now on the `nth` call that asks for memory fails (1 is the next one), and so do the
 * `times` - 1 calls after it; then all is well again. nth == 0 disarms. Resets both counts
 * below. Call it while no other thread allocates. */
void pawl_alloc_fail_at(uint64_t nth, uint64_t times);
/* How many calls failed by the hook since it was armed: 0 says that a sweep is over, for its
 * Nth allocation never came. */
uint64_t pawl_alloc_failures(void);
/* How many calls asked for memory since the hook was armed; not counted while disarmed. */
uint64_t pawl_alloc_calls(void);

#endif
