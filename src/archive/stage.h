/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stage.h: the rows that a transaction touches, as they were and as they will be. What is written
 * follows from the difference, once, at the end: a reservation that was made, extended and
 * committed in one transaction is one row and one entry on each shelf.
 */
#ifndef PAWL_ARCHIVE_STAGE_H
#define PAWL_ARCHIVE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/db.h"
#include "archive/shelf.h"

/* A row without its texts. */
struct pawl_archive_image {
    uint32_t tenant;
    uint32_t scope;
    uint8_t status; /* enum pawl_archive_status */
    uint16_t unit;
    uint32_t extensions;
    int64_t reserved;
    int64_t committed;
    int64_t created_ms;
    int64_t expires_ms;
    int64_t finalized_ms;
    int64_t key_hash; /* 0: no key */
};

/* From a statement's columns, which begin with those of ROW_GET; returns the operation. */
uint64_t pawl_archive_image_load(sqlite3_stmt *row, struct pawl_archive_image *ret_image);

struct pawl_archive_staged {
    uint64_t op;
    bool existed; /* before this transaction */
    bool removed;
    bool settled; /* `settlement` is to be written */
    struct pawl_archive_image before;
    struct pawl_archive_image now;
    struct pawl_slice key; /* texts are borrowed from the batch; of new rows only, … */
    struct pawl_slice document;
    struct pawl_slice settlement; /* … but this one */
};

struct pawl_archive_stage {
    struct pawl_archive_db *db;
    struct pawl_archive_staged *rows; /* owned */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* owned: number in `rows` + 1, found by operation; 0: free */
    uint32_t slot_count;
    struct pawl_archive_change *changes; /* owned: of one shelf */
    size_t change_capacity;
    struct pawl_archive_merge merge;
    uint64_t row_count; /* in the file, with what is staged */
};

void pawl_archive_stage_init(struct pawl_archive_stage *stage, struct pawl_archive_db *db);
void pawl_archive_stage_free(struct pawl_archive_stage *stage);
/* Forgets everything staged. */
void pawl_archive_stage_reset(struct pawl_archive_stage *stage);
/* The row of a reservation, or NULL: there is none, or a failure (kept in the connection). Good
 * until the next find or add. */
struct pawl_archive_staged *pawl_archive_stage_find(struct pawl_archive_stage *stage, uint64_t op);
/* A new row; NULL: no memory. */
struct pawl_archive_staged *pawl_archive_stage_add(struct pawl_archive_stage *stage, uint64_t op);
/* Writes the difference and forgets it. Inside a transaction. */
void pawl_archive_stage_write(struct pawl_archive_stage *stage);

#endif
