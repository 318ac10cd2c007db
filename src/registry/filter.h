/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h: a key's scope filter, read when the key is and asked with each request. Entries are
 * "LEVEL:VALUE" and "LEVEL:*". Those of one level are alternatives; of every level that has
 * entries one must hold. No entries: no filter.
 */
#ifndef PAWL_REGISTRY_FILTER_H
#define PAWL_REGISTRY_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/command.h"

enum { PAWL_FILTER_ENTRIES_MAX = 64 };

struct pawl_filter_entry {
    uint8_t level;           /* enum pawl_level */
    struct pawl_slice value; /* lower case; empty: any */
};

struct pawl_scope_filter {
    uint32_t count; /* 1 .. PAWL_FILTER_ENTRIES_MAX, by level */
    struct pawl_filter_entry entries[];
};

/* One entry; the value is as it was given, in whatever case. false: it is none, and why. */
PAWL_MUST_CHECK bool pawl_filter_entry_read(struct pawl_slice text,
                                            struct pawl_filter_entry *ret_entry,
                                            struct pawl_errmsg *msg);
/* From a JSON array of strings. *ret_filter is the caller's (pawl_free), NULL where the array is
 * empty. false: not an array of entries. */
PAWL_MUST_CHECK bool pawl_filter_read(struct pawl_slice array,
                                      struct pawl_scope_filter **ret_filter);
/* A copy that lives as long as the arena; NULL of NULL, and without memory (see the arena's flag).
 */
const struct pawl_scope_filter *pawl_filter_copy(const struct pawl_scope_filter *filter,
                                                 struct pawl_arena *arena);
bool pawl_filter_covers(const struct pawl_scope_filter *filter,
                        const struct pawl_slice levels[static PAWL_LEVEL_COUNT]);

#endif
