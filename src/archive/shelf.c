/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf.c: places and leaves in the file, and changes merged into them.
 *
 * A leaf's place is the lowest key that belongs into it, and the first of a segment is the lowest
 * that there can be, so that every key has a leaf. A leaf that got too full becomes several: by
 * halves, or full ones where everything new comes behind everything old, as with what is sorted by
 * time. One without entries goes.
 *
 * Failure: kept in the connection. A leaf that cannot be one is CORRUPT.
 */
#include "archive/shelf.h"

#include <string.h>

#include "base/alloc.h"

enum { LEAF_MAX = PAWL_ARCHIVE_LEAF_ENTRIES };

/* --- Places. ---------------------------------------------------------------------------------- */

static void put_big(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

void pawl_archive_place_key(enum pawl_archive_shelf shelf,
                            uint64_t segment,
                            const struct pawl_archive_entry *entry,
                            uint8_t ret_key[static PAWL_ARCHIVE_PLACE_BYTES])
{
    PAWL_ASSERT(shelf < PAWL_ARCHIVE_SHELF_COUNT && segment <= UINT32_MAX);
    ret_key[0] = (uint8_t)shelf;
    put_big(ret_key + 1, segment, 4);
    put_big(ret_key + 5, entry->group, 4);
    put_big(ret_key + 9, (uint64_t)entry->number ^ (UINT64_C(1) << 63), 8);
    put_big(ret_key + 17, pawl_archive_entry_op(entry), 8);
}

static uint64_t get_big(const uint8_t *data, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

/* What the key was made of; without scope and status. */
static struct pawl_archive_entry entry_of_key(const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES])
{
    return (struct pawl_archive_entry){
        .group = (uint32_t)get_big(key + 5, 4),
        .number = (int64_t)(get_big(key + 9, 8) ^ (UINT64_C(1) << 63)),
        .op_status = get_big(key + 17, 8) << 8,
    };
}

bool pawl_archive_place_is_of(const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES],
                              enum pawl_archive_shelf shelf,
                              uint64_t segment)
{
    uint8_t prefix[5] = {(uint8_t)shelf};
    put_big(prefix + 1, segment, 4);
    return memcmp(key, prefix, sizeof(prefix)) == 0;
}

bool pawl_archive_place_find(struct pawl_archive_db *db,
                             enum pawl_archive_sql which,
                             enum pawl_archive_shelf shelf,
                             uint64_t segment,
                             const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES],
                             struct pawl_archive_leaf_place *ret_place)
{
    sqlite3_stmt *find = pawl_archive_db_get(db, which);
    pawl_archive_bind_blob(find, 1, key, PAWL_ARCHIVE_PLACE_BYTES);
    bool found = false;
    if (pawl_archive_db_step(db, find)) {
        const void *data = sqlite3_column_blob(find, 0);
        if (data == NULL || sqlite3_column_bytes(find, 0) != PAWL_ARCHIVE_PLACE_BYTES) {
            pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "a place cannot be read");
        } else {
            memcpy(ret_place->key, data, PAWL_ARCHIVE_PLACE_BYTES);
            ret_place->leaf = sqlite3_column_int64(find, 1);
            found = pawl_archive_place_is_of(ret_place->key, shelf, segment);
        }
        pawl_archive_db_done(find);
    }
    return found;
}

uint32_t pawl_archive_entries_from(const struct pawl_archive_entry *entries,
                                   uint32_t from,
                                   uint32_t count,
                                   const struct pawl_archive_entry *key)
{
    uint32_t low = from;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pawl_archive_entry_compare(&entries[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t
pawl_archive_leaf_load(struct pawl_archive_db *db,
                       int64_t leaf,
                       struct pawl_archive_entry ret_entries[static PAWL_ARCHIVE_LEAF_ENTRIES])
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_LEAF_GET);
    size_t bytes = 0;
    pawl_archive_bind(get, 1, leaf);
    if (pawl_archive_db_step(db, get)) {
        const void *data = sqlite3_column_blob(get, 0);
        bytes = (size_t)sqlite3_column_bytes(get, 0);
        if (data != NULL && bytes % sizeof(ret_entries[0]) == 0 &&
            bytes <= LEAF_MAX * sizeof(ret_entries[0])) {
            memcpy(ret_entries, data, bytes);
        } else {
            bytes = 0;
        }
        pawl_archive_db_done(get);
    }
    if (bytes == 0) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "a leaf cannot be read");
    }
    return (uint32_t)(bytes / sizeof(ret_entries[0]));
}

/* --- Merging. --------------------------------------------------------------------------------- */

void pawl_archive_merge_free(struct pawl_archive_merge *merge)
{
    pawl_free(merge->entries);
    pawl_free(merge->changes);
    *merge = (struct pawl_archive_merge){.entries = NULL};
}

/* Old entries and changes, both sorted, into `merge`. Returns how many are there then. What lies
 * between two changes is copied at once. */
static size_t merge_into(struct pawl_archive_merge *merge,
                         const struct pawl_archive_entry *old,
                         uint32_t old_count,
                         const struct pawl_archive_change *changes,
                         size_t change_count)
{
    size_t count = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < change_count; i++) {
        uint32_t upto = pawl_archive_entries_from(old, at, old_count, &changes[i].entry);
        memcpy(merge->entries + count, old + at, (upto - at) * sizeof(old[0]));
        count += upto - at;
        at = upto;
        if (at < old_count && pawl_archive_entry_compare(&old[at], &changes[i].entry) == 0) {
            at++;
        }
        if (!changes[i].remove) {
            merge->entries[count++] = changes[i].entry;
        }
    }
    memcpy(merge->entries + count, old + at, (old_count - at) * sizeof(old[0]));
    count += old_count - at;
    PAWL_ASSERT(count <= merge->capacity);
    return count;
}

/* --- Leaves. ---------------------------------------------------------------------------------- */

/* A leaf that the changes meet, with what it had. */
struct target {
    enum pawl_archive_shelf shelf;
    uint64_t segment;
    bool exists;
    struct pawl_archive_leaf_place place;
    bool is_last; /* of its segment */
    struct pawl_archive_leaf_place next;
    uint32_t old_count;
    struct pawl_archive_entry old[LEAF_MAX];
};

static void find_target(struct pawl_archive_db *db,
                        enum pawl_archive_shelf shelf,
                        const struct pawl_archive_entry *entry,
                        struct target *ret_target)
{
    static const struct pawl_archive_entry lowest = {.number = INT64_MIN};
    uint8_t key[PAWL_ARCHIVE_PLACE_BYTES];
    uint64_t segment = pawl_archive_segment(pawl_archive_entry_op(entry));
    pawl_archive_place_key(shelf, segment, entry, key);
    ret_target->shelf = shelf;
    ret_target->segment = segment;
    ret_target->exists = pawl_archive_place_find(db, PAWL_ARCHIVE_SQL_PLACE_AT, shelf, segment, key,
                                                 &ret_target->place);
    ret_target->is_last = !pawl_archive_place_find(db, PAWL_ARCHIVE_SQL_PLACE_AFTER, shelf, segment,
                                                   key, &ret_target->next);
    ret_target->old_count = 0;
    if (ret_target->exists) {
        ret_target->old_count = pawl_archive_leaf_load(db, ret_target->place.leaf, ret_target->old);
    } else {
        pawl_archive_place_key(shelf, segment, &lowest, ret_target->place.key);
    }
}

/* How many of the sorted changes belong into it. */
static size_t
count_for(const struct target *target, const struct pawl_archive_change *changes, size_t count)
{
    struct pawl_archive_entry next = {.number = 0};
    size_t mine = 0;
    if (!target->is_last) {
        next = entry_of_key(target->next.key);
    }
    while (mine < count &&
           pawl_archive_segment(pawl_archive_entry_op(&changes[mine].entry)) == target->segment &&
           (target->is_last || pawl_archive_entry_compare(&changes[mine].entry, &next) < 0)) {
        mine++;
    }
    return mine;
}

static int64_t insert_leaf(struct pawl_archive_db *db,
                           const uint8_t key[static PAWL_ARCHIVE_PLACE_BYTES],
                           const struct pawl_archive_entry *entries,
                           size_t count)
{
    sqlite3_stmt *leaf = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_LEAF_INSERT);
    pawl_archive_bind_blob(leaf, 1, entries, count * sizeof(entries[0]));
    pawl_archive_db_run(db, leaf);
    int64_t id = sqlite3_last_insert_rowid(db->sqlite);
    sqlite3_stmt *place = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_PLACE_INSERT);
    pawl_archive_bind_blob(place, 1, key, PAWL_ARCHIVE_PLACE_BYTES);
    pawl_archive_bind(place, 2, id);
    pawl_archive_db_run(db, place);
    return id;
}

static void remove_leaf(struct pawl_archive_db *db, const struct pawl_archive_leaf_place *place)
{
    sqlite3_stmt *leaf = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_LEAF_DELETE);
    pawl_archive_bind(leaf, 1, place->leaf);
    pawl_archive_db_run(db, leaf);
    sqlite3_stmt *row = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_PLACE_DELETE);
    pawl_archive_bind_blob(row, 1, place->key, PAWL_ARCHIVE_PLACE_BYTES);
    pawl_archive_db_run(db, row);
}

/* The first piece stays in the leaf that was there. */
static void write_first(struct pawl_archive_db *db,
                        const struct target *target,
                        const struct pawl_archive_entry *entries,
                        size_t count)
{
    if (!target->exists) {
        (void)insert_leaf(db, target->place.key, entries, count);
        return;
    }
    sqlite3_stmt *update = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_LEAF_UPDATE);
    pawl_archive_bind(update, 1, target->place.leaf);
    pawl_archive_bind_blob(update, 2, entries, count * sizeof(entries[0]));
    pawl_archive_db_run(db, update);
}

static void write_pieces(struct pawl_archive_db *db,
                         const struct target *target,
                         const struct pawl_archive_entry *entries,
                         size_t count,
                         bool grows_at_end)
{
    if (count == 0) {
        if (target->exists) {
            remove_leaf(db, &target->place);
        }
        return;
    }
    size_t pieces = (count + LEAF_MAX - 1) / LEAF_MAX;
    size_t each = grows_at_end ? LEAF_MAX : (count + pieces - 1) / pieces;
    size_t first = count < each ? count : each;
    write_first(db, target, entries, first);
    for (size_t at = first; at < count && pawl_ok(db->err); at += each) {
        uint8_t key[PAWL_ARCHIVE_PLACE_BYTES];
        pawl_archive_place_key(target->shelf, target->segment, &entries[at], key);
        (void)insert_leaf(db, key, &entries[at], count - at < each ? count - at : each);
    }
}

static bool comes_behind(const struct target *target, const struct pawl_archive_change *first)
{
    return target->is_last &&
           (target->old_count == 0 ||
            pawl_archive_entry_compare(&first->entry, &target->old[target->old_count - 1]) > 0);
}

void pawl_archive_shelf_write(struct pawl_archive_db *db,
                              enum pawl_archive_shelf shelf,
                              struct pawl_archive_change *changes,
                              size_t count,
                              struct pawl_archive_merge *merge)
{
    struct target target;
    size_t at = 0;
    if (count == 0) {
        return;
    }
    pawl_archive_changes_sort(db, changes, count, merge);
    while (at < count && pawl_ok(db->err)) {
        find_target(db, shelf, &changes[at].entry, &target);
        size_t mine = count_for(&target, &changes[at], count - at);
        PAWL_ASSERT(mine > 0 || pawl_failed(db->err));
        struct pawl_archive_entry *entries =
            pawl_archive_db_room(db, merge->entries, &merge->capacity, target.old_count + mine,
                                 sizeof(merge->entries[0]));
        merge->entries = entries != NULL ? entries : merge->entries;
        if (pawl_ok(db->err)) {
            size_t merged = merge_into(merge, target.old, target.old_count, &changes[at], mine);
            write_pieces(db, &target, merge->entries, merged, comes_behind(&target, &changes[at]));
        }
        at += mine;
    }
}
