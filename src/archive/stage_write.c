/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage_write.c: what a transaction touched, into the file. Texts come first, as they came, then
 * the rows, block by block, then one shelf after the other gets its changes.
 *
 * Failure: kept in the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/stage.h"

enum { CHANGES_OF_ROW = 2 };

/* --- Texts. ----------------------------------------------------------------------------------- */

static void write_texts(struct pawl_archive_stage *stage)
{
    for (size_t i = 0; i < stage->text_count; i++) {
        pawl_archive_pack_add(&stage->pack, stage->db, &stage->texts[i]);
    }
    pawl_archive_pack_finish(&stage->pack, stage->db);
}

static int compare_ops(const void *a, const void *b)
{
    const uint64_t *one = a;
    const uint64_t *other = b;
    return *one < *other ? -1 : *one > *other;
}

/* The operations whose texts no row names any more, into `gone` unless it is NULL. */
static size_t list_gone(const struct pawl_archive_stage *stage, uint64_t *gone)
{
    size_t count = 0;
    for (uint32_t i = 0; i < stage->count; i++) {
        const struct pawl_archive_staged *row = &stage->rows[i];
        uint64_t before = row->before.settlement_op;
        uint64_t now = row->now.settlement_op;
        uint64_t ops[3];
        size_t of_row = 0;
        if (row->removed) {
            ops[of_row++] = row->now.op;
        }
        if (before != 0 && (row->removed || now != before)) {
            ops[of_row++] = before;
        }
        if (row->removed && now != before) {
            ops[of_row++] = now; /* it came in this transaction */
        }
        if (gone != NULL && of_row > 0) {
            memcpy(gone + count, ops, of_row * sizeof(ops[0]));
        }
        count += of_row;
    }
    return count;
}

static void remove_texts(struct pawl_archive_stage *stage)
{
    size_t count = list_gone(stage, NULL);
    if (count == 0) {
        return;
    }
    uint64_t *gone =
        pawl_archive_db_room(stage->db, stage->gone, &stage->gone_capacity, count, sizeof(gone[0]));
    if (gone != NULL) {
        stage->gone = gone;
        (void)list_gone(stage, gone); /* as many as before */
        qsort(gone, count, sizeof(gone[0]), compare_ops);
        pawl_archive_texts_remove(stage->db, gone, count);
    }
}

/* --- Rows. ------------------------------------------------------------------------------------ */

/* The staged rows in the order of their operations, as changes with their numbers for scopes. */
static void sort_rows(struct pawl_archive_stage *stage)
{
    for (uint32_t i = 0; i < stage->count; i++) {
        stage->changes[i] = (struct pawl_archive_change){
            .entry = {.scope = i, .op_status = stage->rows[i].now.op << 8}};
    }
    pawl_archive_changes_sort(stage->db, stage->changes, stage->count, &stage->merge);
}

/* What a block was and what is staged for it, both in order, into one that is not longer than its
 * operations are many. Returns how many staged rows were of it. */
static uint32_t merge_block(struct pawl_archive_stage *stage,
                            uint32_t from,
                            const struct pawl_archive_block *old,
                            struct pawl_archive_block *ret_block)
{
    uint32_t at = 0;
    uint32_t i = from;
    ret_block->number = old->number;
    ret_block->count = 0;
    for (; i < stage->count; i++) {
        const struct pawl_archive_staged *row = &stage->rows[stage->changes[i].entry.scope];
        if (pawl_archive_block_of(row->now.op) != old->number) {
            break;
        }
        while (at < old->count && old->rows[at].op < row->now.op) {
            ret_block->rows[ret_block->count++] = old->rows[at++];
        }
        at += at < old->count && old->rows[at].op == row->now.op ? 1 : 0;
        if (!row->removed) {
            ret_block->rows[ret_block->count++] = row->now;
        }
        stage->row_count += row->existed ? 0 : 1;
        stage->row_count -= row->removed ? 1 : 0;
    }
    while (at < old->count) {
        ret_block->rows[ret_block->count++] = old->rows[at++];
    }
    return i - from;
}

static void write_rows(struct pawl_archive_stage *stage)
{
    struct pawl_archive_block old;
    struct pawl_archive_block block;
    uint32_t at = 0;
    sort_rows(stage);
    while (at < stage->count && pawl_ok(stage->db->err)) {
        uint64_t op = pawl_archive_entry_op(&stage->changes[at].entry);
        (void)pawl_archive_block_get(stage->db, pawl_archive_block_of(op), &old);
        at += merge_block(stage, at, &old, &block);
        pawl_archive_block_put(stage->db, &block);
    }
}

/* --- Entries. --------------------------------------------------------------------------------- */

/* What the row is on a shelf; false: it is not on it. */
static bool entry_on(enum pawl_archive_shelf shelf,
                     const struct pawl_archive_image *image,
                     struct pawl_archive_entry *ret_entry)
{
    *ret_entry = (struct pawl_archive_entry){
        .group = image->tenant, .scope = image->scope, .op_status = image->op << 8 | image->status};
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
        ret_entry->op_status = image->op << 8; /* it is looked at with its row in any case */
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
    bool was = row->existed && entry_on(shelf, &row->before, &before);
    bool is = !row->removed && entry_on(shelf, &row->now, &now);
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

void pawl_archive_stage_write(struct pawl_archive_stage *stage)
{
    if (stage->count == 0) {
        return;
    }
    struct pawl_archive_change *changes =
        pawl_archive_db_room(stage->db, stage->changes, &stage->change_capacity,
                             (size_t)stage->count * CHANGES_OF_ROW, sizeof(changes[0]));
    if (changes != NULL) {
        stage->changes = changes;
        write_texts(stage);
        remove_texts(stage);
        write_rows(stage);
    }
    for (int shelf = 0; changes != NULL && shelf < PAWL_ARCHIVE_SHELF_COUNT; shelf++) {
        size_t count = 0;
        for (uint32_t i = 0; i < stage->count; i++) {
            count += changes_of((enum pawl_archive_shelf)shelf, &stage->rows[i], &changes[count]);
        }
        pawl_archive_shelf_write(stage->db, (enum pawl_archive_shelf)shelf, changes, count,
                                 &stage->merge);
    }
    pawl_archive_stage_reset(stage);
}
