/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf.h: what finds reservations: sorted entries of a fixed size in leaves of one page each.
 *
 * An index of SQLite's costs one search a row. Here the changes of a whole transaction are sorted
 * and merged into the leaves that they meet, so that a leaf is read and written once for many rows,
 * and a query reads a hundred entries with one look-up. An entry also carries the scope and the
 * status, so most filters need no row.
 *
 * Entries are divided into segments by the operation that made the reservation: what comes in meets
 * few leaves, however much there is, and queries go through the segments one after the other or
 * merge them.
 *
 * In the file: `leaf` has the entries as they are in memory (little-endian), `place` has the lowest
 * key that belongs into each leaf, as 25 bytes that compare as the key does.
 */
#ifndef PAWL_ARCHIVE_SHELF_H
#define PAWL_ARCHIVE_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/db.h"

/* What they are sorted by inside a group. Numbers are in the file. */
enum pawl_archive_shelf {
    PAWL_ARCHIVE_SHELF_STATUS = 0,    /* group: tenant; number: status */
    PAWL_ARCHIVE_SHELF_EXPIRES = 1,   /* tenant; ms */
    PAWL_ARCHIVE_SHELF_RESERVED = 2,  /* tenant; amount */
    PAWL_ARCHIVE_SHELF_SCOPE = 3,     /* scope; 0 */
    PAWL_ARCHIVE_SHELF_FINALIZED = 4, /* tenant; ms; what has no such time is not on it */
    PAWL_ARCHIVE_SHELF_KEY = 5,       /* tenant; hash of the idempotency key; likewise */
    PAWL_ARCHIVE_SHELF_COUNT = 6
};

enum {
    PAWL_ARCHIVE_SEGMENT_BITS = 18, /* operations of one segment */
    PAWL_ARCHIVE_LEAF_ENTRIES = 169,
    PAWL_ARCHIVE_PLACE_BYTES = 25
};

struct pawl_archive_entry {
    uint32_t group;
    uint32_t scope;
    int64_t number;
    uint64_t op_status; /* op << 8 | status */
};
_Static_assert(sizeof(struct pawl_archive_entry) == 24, "entries are in the file as they are");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "and little-endian");
/* A leaf's row fits a page of 4 KiB without overflow: SQLite keeps 35 bytes for itself. */
_Static_assert(PAWL_ARCHIVE_LEAF_ENTRIES * 24 <= 4096 - 35, "a leaf is a page");

static inline uint64_t pawl_archive_entry_op(const struct pawl_archive_entry *entry)
{
    return entry->op_status >> 8;
}

static inline uint8_t pawl_archive_entry_status(const struct pawl_archive_entry *entry)
{
    return (uint8_t)entry->op_status;
}

static inline uint64_t pawl_archive_segment(uint64_t op)
{
    return op >> PAWL_ARCHIVE_SEGMENT_BITS;
}

/* By group, number and operation; the rest is no part of the key. */
static inline int pawl_archive_entry_compare(const struct pawl_archive_entry *a,
                                             const struct pawl_archive_entry *b)
{
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    uint64_t a_op = pawl_archive_entry_op(a);
    uint64_t b_op = pawl_archive_entry_op(b);
    return a_op < b_op ? -1 : a_op > b_op;
}

/* The key of a place: shelf, segment and the entry's key, big-endian. */
void pawl_archive_place_key(enum pawl_archive_shelf shelf,
                            uint64_t segment,
                            const struct pawl_archive_entry *entry,
                            uint8_t ret_key[static PAWL_ARCHIVE_PLACE_BYTES]);
/* Whether it is one of this shelf and segment. */
bool pawl_archive_place_is_of(const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES],
                              enum pawl_archive_shelf shelf,
                              uint64_t segment);

/* A row of `place`. */
struct pawl_archive_leaf_place {
    uint8_t key[PAWL_ARCHIVE_PLACE_BYTES];
    int64_t leaf;
};
/* PLACE_AT, PLACE_BEFORE or PLACE_AFTER; false: there is none on this shelf and segment. */
bool pawl_archive_place_find(struct pawl_archive_db *db,
                             enum pawl_archive_sql which,
                             enum pawl_archive_shelf shelf,
                             uint64_t segment,
                             const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES],
                             struct pawl_archive_leaf_place *ret_place);
/* The first of sorted entries, from `from` on, that is not below `key`. */
uint32_t pawl_archive_entries_from(const struct pawl_archive_entry *entries,
                                   uint32_t from,
                                   uint32_t count,
                                   const struct pawl_archive_entry *key);
/* How many entries the leaf has; 0 after a failure. */
uint32_t
pawl_archive_leaf_load(struct pawl_archive_db *db,
                       int64_t leaf,
                       struct pawl_archive_entry ret_entries[static PAWL_ARCHIVE_LEAF_ENTRIES]);

/* --- Writing (shelf.c) ------------------------------------------------------------------------ */

struct pawl_archive_change {
    struct pawl_archive_entry entry;
    bool remove; /* else it is put there, or in the place of one with the same key */
};

/* Room that sorting and merging need; grows to what the largest wanted. */
struct pawl_archive_merge {
    struct pawl_archive_entry *entries; /* owned */
    size_t capacity;
    struct pawl_archive_change *changes; /* owned */
    size_t change_capacity;
};
void pawl_archive_merge_free(struct pawl_archive_merge *merge);

/* shelf_sort.c: by segment and key; there is at least one. */
void pawl_archive_changes_sort(struct pawl_archive_db *db,
                               struct pawl_archive_change *changes,
                               size_t count,
                               struct pawl_archive_merge *merge);

/* Sorts the changes and carries them out. No two may have the same key. Inside a transaction. */
void pawl_archive_shelf_write(struct pawl_archive_db *db,
                              enum pawl_archive_shelf shelf,
                              struct pawl_archive_change *changes,
                              size_t count,
                              struct pawl_archive_merge *merge);

/* --- Reading (shelf_read.c) ------------------------------------------------------------------- */

/* Entries of one segment between two keys, both inclusive, in either direction. */
struct pawl_archive_cursor {
    struct pawl_archive_db *db;
    enum pawl_archive_shelf shelf;
    bool ascending;
    uint64_t segment;
    struct pawl_archive_entry low;
    struct pawl_archive_entry high;
    struct pawl_archive_leaf_place place; /* of the leaf that is in `entries` */
    uint32_t count;
    uint32_t at; /* the next one that is handed out; descending: behind it */
    bool ended;
    struct pawl_archive_entry entries[PAWL_ARCHIVE_LEAF_ENTRIES];
};

void pawl_archive_cursor_open(struct pawl_archive_cursor *cursor,
                              struct pawl_archive_db *db,
                              enum pawl_archive_shelf shelf,
                              uint64_t segment,
                              const struct pawl_archive_entry *low,
                              const struct pawl_archive_entry *high,
                              bool ascending);
/* NULL at the end, and after a failure. Good until the next call. */
const struct pawl_archive_entry *pawl_archive_cursor_next(struct pawl_archive_cursor *cursor);

#endif
