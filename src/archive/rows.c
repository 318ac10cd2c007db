/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c: blocks of rows; see rows.h.
 */
#include "archive/rows.h"

#include <string.h>

/* Whether what was read are rows of this block, in order. */
static bool is_sound(const struct pawl_archive_block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        if (pawl_archive_block_of(block->rows[i].op) != block->number ||
            (i > 0 && block->rows[i].op <= block->rows[i - 1].op)) {
            return false;
        }
    }
    return block->count > 0;
}

/* Steps a statement that has a block's number and rows. */
static bool
load(struct pawl_archive_db *db, sqlite3_stmt *get, struct pawl_archive_block *ret_block)
{
    ret_block->count = 0;
    if (!pawl_archive_db_step(db, get)) {
        return false;
    }
    const void *data = sqlite3_column_blob(get, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(get, 1);
    ret_block->number = (uint64_t)sqlite3_column_int64(get, 0);
    if (data != NULL && bytes % sizeof(ret_block->rows[0]) == 0 &&
        bytes <= sizeof(ret_block->rows)) {
        memcpy(ret_block->rows, data, bytes);
        ret_block->count = (uint32_t)(bytes / sizeof(ret_block->rows[0]));
    }
    pawl_archive_db_done(get);
    if (!is_sound(ret_block)) {
        pawl_archive_db_fail(db, PAWL_ERR(CORRUPT), "a block of rows cannot be read");
        ret_block->count = 0;
    }
    return ret_block->count > 0;
}

bool pawl_archive_block_get(struct pawl_archive_db *db,
                            uint64_t number,
                            struct pawl_archive_block *ret_block)
{
    sqlite3_stmt *get = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BLOCK_GET);
    pawl_archive_bind(get, 1, (int64_t)number);
    bool found = load(db, get, ret_block);
    ret_block->number = number;
    return found;
}

bool pawl_archive_block_from(struct pawl_archive_db *db,
                             uint64_t number,
                             struct pawl_archive_block *ret_block)
{
    sqlite3_stmt *from = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BLOCK_FROM);
    pawl_archive_bind(from, 1, (int64_t)number);
    return load(db, from, ret_block);
}

void pawl_archive_block_put(struct pawl_archive_db *db, const struct pawl_archive_block *block)
{
    enum pawl_archive_sql which =
        block->count > 0 ? PAWL_ARCHIVE_SQL_BLOCK_PUT : PAWL_ARCHIVE_SQL_BLOCK_DELETE;
    sqlite3_stmt *put = pawl_archive_db_get(db, which);
    pawl_archive_bind(put, 1, (int64_t)block->number);
    if (block->count > 0) {
        pawl_archive_bind_blob(put, 2, block->rows, block->count * sizeof(block->rows[0]));
    }
    pawl_archive_db_run(db, put);
}

const struct pawl_archive_image *pawl_archive_block_row(const struct pawl_archive_block *block,
                                                        uint64_t op)
{
    for (uint32_t i = 0; i < block->count; i++) {
        if (block->rows[i].op >= op) {
            return block->rows[i].op == op ? &block->rows[i] : NULL;
        }
    }
    return NULL;
}

bool pawl_archive_row_get(struct pawl_archive_db *db,
                          uint64_t op,
                          struct pawl_archive_image *ret_image)
{
    struct pawl_archive_block block;
    const struct pawl_archive_image *row = NULL;
    if (pawl_archive_block_get(db, pawl_archive_block_of(op), &block)) {
        row = pawl_archive_block_row(&block, op);
    }
    if (row != NULL) {
        *ret_image = *row;
    }
    return row != NULL;
}

bool pawl_archive_row_from(struct pawl_archive_db *db,
                           uint64_t op,
                           struct pawl_archive_image *ret_image)
{
    struct pawl_archive_block block;
    uint64_t number = pawl_archive_block_of(op);
    while (pawl_archive_block_from(db, number, &block)) {
        for (uint32_t i = 0; i < block.count; i++) {
            if (block.rows[i].op >= op) {
                *ret_image = block.rows[i];
                return true;
            }
        }
        number = block.number + 1; /* all of this one lie before */
    }
    return false;
}

bool pawl_archive_row_last(struct pawl_archive_db *db, struct pawl_archive_image *ret_image)
{
    struct pawl_archive_block block;
    sqlite3_stmt *last = pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BLOCK_LAST);
    pawl_archive_bind(last, 1, INT64_MAX);
    bool found = load(db, last, &block);
    if (found) {
        *ret_image = block.rows[block.count - 1];
    }
    return found;
}
