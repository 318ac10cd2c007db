/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf_read.c: a cursor over one segment of a shelf, a leaf at a time.
 *
 * Failure: kept in the connection; the cursor has ended then.
 */
#include <string.h>

#include "archive/query.h"
#include "archive/shelf.h"

static void load(struct pawl_archive_cursor *cursor)
{
    cursor->count = pawl_archive_leaf_load(cursor->db, cursor->place.leaf, cursor->entries);
    cursor->db->work += PAWL_ARCHIVE_WORK_LEAF;
    cursor->ended = cursor->count == 0; /* a failure */
}

/* The first entry that is not below `key`. */
static uint32_t first_from(const struct pawl_archive_cursor *cursor,
                           const struct pawl_archive_entry *key)
{
    return pawl_archive_entries_from(cursor->entries, 0, cursor->count, key);
}

/* The first entry above `key`. */
static uint32_t first_above(const struct pawl_archive_cursor *cursor,
                            const struct pawl_archive_entry *key)
{
    uint32_t at = first_from(cursor, key);
    bool equal = at < cursor->count && pawl_archive_entry_compare(&cursor->entries[at], key) == 0;
    return equal ? at + 1 : at;
}

void pawl_archive_cursor_open(struct pawl_archive_cursor *cursor,
                              struct pawl_archive_db *db,
                              enum pawl_archive_shelf shelf,
                              uint64_t segment,
                              const struct pawl_archive_entry *low,
                              const struct pawl_archive_entry *high,
                              bool ascending)
{
    cursor->db = db;
    cursor->shelf = shelf;
    cursor->ascending = ascending;
    cursor->segment = segment;
    cursor->low = *low;
    cursor->high = *high;
    cursor->count = 0;
    cursor->at = 0;
    uint8_t key[PAWL_ARCHIVE_PLACE_BYTES];
    pawl_archive_place_key(shelf, segment, ascending ? low : high, key);
    db->work += PAWL_ARCHIVE_WORK_SEEK;
    bool found =
        pawl_archive_place_find(db, PAWL_ARCHIVE_SQL_PLACE_AT, shelf, segment, key, &cursor->place);
    if (!found && ascending) {
        found = pawl_archive_place_find(db, PAWL_ARCHIVE_SQL_PLACE_AFTER, shelf, segment, key,
                                        &cursor->place);
    }
    cursor->ended = !found;
    if (found) {
        load(cursor);
        cursor->at = ascending ? first_from(cursor, low) : first_above(cursor, high);
    }
}

static void load_neighbour(struct pawl_archive_cursor *cursor)
{
    enum pawl_archive_sql which =
        cursor->ascending ? PAWL_ARCHIVE_SQL_PLACE_AFTER : PAWL_ARCHIVE_SQL_PLACE_BEFORE;
    uint8_t key[PAWL_ARCHIVE_PLACE_BYTES];
    memcpy(key, cursor->place.key, sizeof(key));
    if (!pawl_archive_place_find(cursor->db, which, cursor->shelf, cursor->segment, key,
                                 &cursor->place)) {
        cursor->ended = true;
        return;
    }
    load(cursor);
    cursor->at = cursor->ascending ? 0 : cursor->count;
}

const struct pawl_archive_entry *pawl_archive_cursor_next(struct pawl_archive_cursor *cursor)
{
    while (!cursor->ended && cursor->at == (cursor->ascending ? cursor->count : 0)) {
        load_neighbour(cursor);
    }
    if (cursor->ended) {
        return NULL;
    }
    cursor->db->work += PAWL_ARCHIVE_WORK_ENTRY;
    const struct pawl_archive_entry *entry =
        cursor->ascending ? &cursor->entries[cursor->at++] : &cursor->entries[--cursor->at];
    bool inside = cursor->ascending ? pawl_archive_entry_compare(entry, &cursor->high) <= 0
                                    : pawl_archive_entry_compare(entry, &cursor->low) >= 0;
    cursor->ended = !inside;
    return inside ? entry : NULL;
}
