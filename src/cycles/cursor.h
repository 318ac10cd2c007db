/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor.h: where a list goes on, as opaque text. A cursor holds some bytes of its maker's and a
 * keyed check over them and over what the list was asked for: the operation, whose it is, every
 * filter and the order. So it fits that list only, on this ledger since it was last restored,
 * cannot be made up, and tells nothing.
 */
#ifndef PAWL_CYCLES_CURSOR_H
#define PAWL_CYCLES_CURSOR_H

#include "cycles/body.h"

enum { PAWL_CURSOR_BYTES_MAX = 1280 }; /* the longest text that is sorted by, and numbers */

/* What a list was asked for, from its query's values. `free` has a bit for each field that may
 * change from page to page (cursor, limit, projections) and for the direction's: what counts is
 * where the list goes, be it said or the default. */
uint64_t pawl_cursor_binding(struct pawl_call *call,
                             const struct pawl_shape *shape,
                             const struct pawl_value *values,
                             uint64_t free,
                             bool descending);
/* `place` has at most PAWL_CURSOR_BYTES_MAX bytes. The text is the arena's; empty without
 * memory. */
struct pawl_slice
pawl_cursor_make(struct pawl_call *call, uint64_t binding, struct pawl_slice place);
/* false: it is none of ours, or of another list, or its place has not bytes_min to bytes_max bytes,
 * as one of another release may; the call was refused. The bytes are the arena's. */
PAWL_MUST_CHECK bool pawl_cursor_take(struct pawl_call *call,
                                      uint64_t binding,
                                      struct pawl_slice text,
                                      size_t bytes_min,
                                      size_t bytes_max,
                                      struct pawl_slice *ret_place);

/* The end of a page: next_cursor, where it is not empty, and has_more. */
void pawl_cursor_write(struct pawl_json_writer *writer, struct pawl_slice cursor);

#endif
