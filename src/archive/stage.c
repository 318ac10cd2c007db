/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.c: see stage.h. Rows are written in two passes, changed ones first, so that new ones, which
 * are in the order of their numbers, go to the end of the table one behind the other. Then one
 * shelf after the other gets its changes.
 *
 * Failure: kept in the connection. Ownership: of its arrays, which stay as large as the largest
 * transaction wanted them.
 */
#include "archive/stage.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { ROWS_FIRST = 256, CHANGES_OF_ROW = 2 };

void pawl_archive_stage_init(struct pawl_archive_stage *stage, struct pawl_archive_db *db)
{
    *stage = (struct pawl_archive_stage){.db = db};
}

void pawl_archive_stage_free(struct pawl_archive_stage *stage)
{
    pawl_free(stage->rows);
    pawl_free(stage->slots);
    pawl_free(stage->changes);
    pawl_archive_merge_free(&stage->merge);
    *stage = (struct pawl_archive_stage){.db = NULL};
}

void pawl_archive_stage_reset(struct pawl_archive_stage *stage)
{
    stage->count = 0;
    if (stage->slot_count > 0) {
        memset(stage->slots, 0, stage->slot_count * sizeof(stage->slots[0]));
    }
}

/* --- Finding. --------------------------------------------------------------------------------- */

/* Where the operation is, or where it would go. */
static uint32_t slot_of(const struct pawl_archive_stage *stage, uint64_t op)
{
    uint32_t mask = stage->slot_count - 1;
    uint32_t slot = (uint32_t)pawl_hash_mix(op) & mask;
    while (stage->slots[slot] != 0 && stage->rows[stage->slots[slot] - 1].op != op) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Room for one more row, at most half of the slots taken. */
static bool grow(struct pawl_archive_stage *stage)
{
    if (stage->count < stage->capacity) {
        return true;
    }
    uint32_t capacity = stage->capacity == 0 ? ROWS_FIRST : 2 * stage->capacity;
    struct pawl_archive_staged *rows = pawl_realloc(stage->rows, capacity * sizeof(rows[0]));
    if (rows != NULL) {
        stage->rows = rows;
    }
    uint32_t *slots =
        rows != NULL ? pawl_alloc_zeroed(2 * (size_t)capacity, sizeof(slots[0])) : NULL;
    if (slots == NULL) {
        pawl_archive_db_fail(stage->db, PAWL_ERR(MEMORY), "no memory for a transaction");
        return false;
    }
    pawl_free(stage->slots);
    stage->slots = slots;
    stage->slot_count = 2 * capacity;
    stage->capacity = capacity;
    for (uint32_t i = 0; i < stage->count; i++) {
        stage->slots[slot_of(stage, stage->rows[i].op)] = i + 1;
    }
    return true;
}

static struct pawl_archive_staged *append(struct pawl_archive_stage *stage, uint64_t op)
{
    if (!grow(stage)) {
        return NULL;
    }
    uint32_t slot = slot_of(stage, op);
    PAWL_ASSERT(stage->slots[slot] == 0);
    struct pawl_archive_staged *row = &stage->rows[stage->count];
    *row = (struct pawl_archive_staged){.op = op};
    stage->count++;
    stage->slots[slot] = stage->count;
    return row;
}

struct pawl_archive_staged *pawl_archive_stage_add(struct pawl_archive_stage *stage, uint64_t op)
{
    return append(stage, op);
}

uint64_t pawl_archive_image_load(sqlite3_stmt *row, struct pawl_archive_image *ret_image)
{
    *ret_image = (struct pawl_archive_image){
        .tenant = (uint32_t)sqlite3_column_int64(row, 1),
        .scope = (uint32_t)sqlite3_column_int64(row, 2),
        .status = (uint8_t)sqlite3_column_int(row, 3),
        .unit = (uint16_t)sqlite3_column_int(row, 4),
        .reserved = sqlite3_column_int64(row, 5),
        .committed = sqlite3_column_int64(row, 6),
        .created_ms = sqlite3_column_int64(row, 7),
        .expires_ms = sqlite3_column_int64(row, 8),
        .finalized_ms = sqlite3_column_int64(row, 9),
        .extensions = (uint32_t)sqlite3_column_int64(row, 10),
        .key_hash = sqlite3_column_int64(row, 11),
    };
    return (uint64_t)sqlite3_column_int64(row, 0);
}

struct pawl_archive_staged *pawl_archive_stage_find(struct pawl_archive_stage *stage, uint64_t op)
{
    uint32_t slot = stage->count > 0 ? slot_of(stage, op) : 0;
    if (stage->count > 0 && stage->slots[slot] != 0) {
        return &stage->rows[stage->slots[slot] - 1];
    }
    if (op > INT64_MAX) {
        return NULL;
    }
    struct pawl_archive_image image;
    sqlite3_stmt *get = pawl_archive_db_get(stage->db, PAWL_ARCHIVE_SQL_ROW_GET);
    pawl_archive_bind(get, 1, (int64_t)op);
    if (!pawl_archive_db_step(stage->db, get)) {
        return NULL;
    }
    (void)pawl_archive_image_load(get, &image);
    pawl_archive_db_done(get);
    struct pawl_archive_staged *row = append(stage, op);
    if (row != NULL) {
        row->existed = true;
        row->before = image;
        row->now = image;
    }
    return row;
}

/* --- Rows. ------------------------------------------------------------------------------------ */

static void insert_row(struct pawl_archive_stage *stage, const struct pawl_archive_staged *row)
{
    const struct pawl_archive_image *now = &row->now;
    sqlite3_stmt *insert = pawl_archive_db_get(stage->db, PAWL_ARCHIVE_SQL_ROW_INSERT);
    pawl_archive_bind(insert, 1, (int64_t)row->op);
    pawl_archive_bind(insert, 2, now->tenant);
    pawl_archive_bind(insert, 3, now->scope);
    pawl_archive_bind(insert, 4, now->status);
    pawl_archive_bind(insert, 5, now->unit);
    pawl_archive_bind(insert, 6, now->reserved);
    pawl_archive_bind(insert, 7, now->committed);
    pawl_archive_bind(insert, 8, now->created_ms);
    pawl_archive_bind(insert, 9, now->expires_ms);
    pawl_archive_bind(insert, 10, now->finalized_ms);
    pawl_archive_bind(insert, 11, now->extensions);
    pawl_archive_bind(insert, 12, now->key_hash);
    pawl_archive_bind_text(insert, 13, row->key);
    pawl_archive_bind_text(insert, 14, row->document);
    pawl_archive_bind_text(insert, 15, row->settlement);
    pawl_archive_db_run(stage->db, insert);
}

static void update_row(struct pawl_archive_stage *stage, const struct pawl_archive_staged *row)
{
    const struct pawl_archive_image *now = &row->now;
    sqlite3_stmt *update = pawl_archive_db_get(
        stage->db, row->settled ? PAWL_ARCHIVE_SQL_ROW_SETTLE : PAWL_ARCHIVE_SQL_ROW_UPDATE);
    pawl_archive_bind(update, 1, (int64_t)row->op);
    pawl_archive_bind(update, 2, now->status);
    pawl_archive_bind(update, 3, now->reserved);
    pawl_archive_bind(update, 4, now->committed);
    pawl_archive_bind(update, 5, now->expires_ms);
    pawl_archive_bind(update, 6, now->finalized_ms);
    pawl_archive_bind(update, 7, now->extensions);
    if (row->settled) {
        pawl_archive_bind_text(update, 8, row->settlement);
    }
    pawl_archive_db_run(stage->db, update);
}

static void delete_row(struct pawl_archive_stage *stage, const struct pawl_archive_staged *row)
{
    sqlite3_stmt *remove = pawl_archive_db_get(stage->db, PAWL_ARCHIVE_SQL_ROW_DELETE);
    pawl_archive_bind(remove, 1, (int64_t)row->op);
    pawl_archive_db_run(stage->db, remove);
}

static void write_rows(struct pawl_archive_stage *stage)
{
    for (uint32_t i = 0; i < stage->count; i++) {
        const struct pawl_archive_staged *row = &stage->rows[i];
        if (row->existed && row->removed) {
            delete_row(stage, row);
            stage->row_count--;
        } else if (row->existed) {
            update_row(stage, row);
        }
    }
    for (uint32_t i = 0; i < stage->count; i++) {
        const struct pawl_archive_staged *row = &stage->rows[i];
        if (!row->existed && !row->removed) {
            insert_row(stage, row);
            stage->row_count++;
        }
    }
}

/* --- Entries. --------------------------------------------------------------------------------- */

/* What the row is on a shelf; false: it is not on it. */
static bool entry_on(enum pawl_archive_shelf shelf,
                     uint64_t op,
                     const struct pawl_archive_image *image,
                     struct pawl_archive_entry *ret_entry)
{
    *ret_entry = (struct pawl_archive_entry){
        .group = image->tenant, .scope = image->scope, .op_status = op << 8 | image->status};
    switch (shelf) {
    case PAWL_ARCHIVE_SHELF_STATUS:
        ret_entry->number = image->status;
        return true;
    case PAWL_ARCHIVE_SHELF_EXPIRES:
        ret_entry->number = image->expires_ms;
        return true;
    case PAWL_ARCHIVE_SHELF_RESERVED:
        ret_entry->number = image->reserved;
        return true;
    case PAWL_ARCHIVE_SHELF_SCOPE:
        ret_entry->group = image->scope;
        return true;
    case PAWL_ARCHIVE_SHELF_FINALIZED:
        ret_entry->number = image->finalized_ms;
        return image->finalized_ms != 0;
    case PAWL_ARCHIVE_SHELF_KEY:
        ret_entry->number = image->key_hash;
        ret_entry->op_status = op << 8; /* it is looked at with its row in any case */
        return image->key_hash != 0;
    case PAWL_ARCHIVE_SHELF_COUNT:
        break;
    }
    PAWL_UNREACHABLE();
}

/* The changes that one row means for one shelf: at most two. */
static size_t changes_of(enum pawl_archive_shelf shelf,
                         const struct pawl_archive_staged *row,
                         struct pawl_archive_change *ret_changes)
{
    struct pawl_archive_entry before;
    struct pawl_archive_entry now;
    bool was = entry_on(shelf, row->op, &row->before, &before) && row->existed;
    bool is = entry_on(shelf, row->op, &row->now, &now) && !row->removed;
    size_t count = 0;
    if (was && is && memcmp(&before, &now, sizeof(now)) == 0) {
        return 0;
    }
    if (was && (!is || pawl_archive_entry_compare(&before, &now) != 0)) {
        ret_changes[count++] = (struct pawl_archive_change){.entry = before, .remove = true};
    }
    if (is) {
        ret_changes[count++] = (struct pawl_archive_change){.entry = now};
    }
    return count;
}

static bool reserve_changes(struct pawl_archive_stage *stage)
{
    size_t wanted = (size_t)stage->count * CHANGES_OF_ROW;
    if (wanted > stage->change_capacity) {
        struct pawl_archive_change *changes =
            pawl_realloc(stage->changes, 2 * wanted * sizeof(changes[0]));
        if (changes == NULL) {
            pawl_archive_db_fail(stage->db, PAWL_ERR(MEMORY), "no memory for a transaction");
            return false;
        }
        stage->changes = changes;
        stage->change_capacity = 2 * wanted;
    }
    return true;
}

void pawl_archive_stage_write(struct pawl_archive_stage *stage)
{
    write_rows(stage);
    bool room = reserve_changes(stage);
    for (int shelf = 0; room && shelf < PAWL_ARCHIVE_SHELF_COUNT; shelf++) {
        size_t count = 0;
        for (uint32_t i = 0; i < stage->count; i++) {
            count +=
                changes_of((enum pawl_archive_shelf)shelf, &stage->rows[i], &stage->changes[count]);
        }
        pawl_archive_shelf_write(stage->db, (enum pawl_archive_shelf)shelf, stage->changes, count,
                                 &stage->merge);
    }
    pawl_archive_stage_reset(stage);
}
