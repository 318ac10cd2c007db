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
#include "archive/rows.h"
#include "archive/shelf.h"

struct pawl_archive_staged {
    bool existed; /* before this transaction */
    bool removed;
    struct pawl_archive_image before;
    struct pawl_archive_image now;
};

struct pawl_archive_stage {
    struct pawl_archive_db *db;
    struct pawl_archive_staged *rows; /* owned */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* owned: number in `rows` + 1, found by operation; 0: free */
    uint32_t slot_count;
    struct pawl_archive_text *texts; /* owned; new ones by operation, borrowed from the batches */
    size_t text_count;
    size_t text_capacity;
    struct pawl_archive_pack pack;
    struct pawl_archive_block block;     /* the one that was looked into last; no rows: none */
    struct pawl_archive_change *changes; /* owned: of one shelf */
    size_t change_capacity;
    uint64_t *gone; /* owned: operations whose texts go, while they are written */
    size_t gone_capacity;
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
/* A new row behind all others, and its texts; NULL: no memory. */
struct pawl_archive_staged *pawl_archive_stage_add(struct pawl_archive_stage *stage,
                                                   const struct pawl_archive_text *text);
/* The text that a later operation brought, in the place of one that came before it. */
void pawl_archive_stage_settle(struct pawl_archive_stage *stage,
                               struct pawl_archive_staged *row,
                               const struct pawl_archive_text *text);
/* Writes the difference and forgets it. Inside a transaction. */
void pawl_archive_stage_write(struct pawl_archive_stage *stage);

#endif
