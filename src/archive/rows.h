/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h: reservations as they lie in the file: what a row is in *blocks*, what was written to it
 * in *packs*.
 *
 * A statement costs more than what it carries, and a page that changes is written twice. So rows
 * have a fixed size, and a block has those of 32 operations, found by its number: a row that is
 * settled changes a few dozen bytes of one. Texts never change: a pack is a page of them, in the
 * order of the operations that brought them (a settlement's text lies under the settlement's
 * operation, which the row names), so all that comes in is written at the end, once.
 *
 * Failure: kept in the connection. What cannot be a block or a pack is CORRUPT.
 */
#ifndef PAWL_ARCHIVE_ROWS_H
#define PAWL_ARCHIVE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/db.h"
#include "base/buf.h"

/* --- Rows (rows.c) ---------------------------------------------------------------------------- */

/* A row without its texts, in the file as it is in memory. */
struct pawl_archive_image {
    uint64_t op;
    uint64_t settlement_op; /* whose text is the COMMIT's or RELEASE's; 0: it has none */
    int64_t reserved;
    int64_t committed;
    int64_t created_ms;
    int64_t expires_ms;
    int64_t finalized_ms;
    int64_t key_hash; /* 0: no key */
    uint32_t tenant;
    uint32_t scope;
    uint32_t extensions;
    uint16_t unit;
    uint8_t status; /* enum pawl_archive_status */
    uint8_t zero;
};

enum { PAWL_ARCHIVE_BLOCK_BITS = 5, PAWL_ARCHIVE_BLOCK_ROWS = 1 << PAWL_ARCHIVE_BLOCK_BITS };
_Static_assert(sizeof(struct pawl_archive_image) == 80, "rows are in the file as they are");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "and little-endian");
_Static_assert(PAWL_ARCHIVE_BLOCK_ROWS * 80 <= 4096 - 35, "a block fits a page without overflow");

struct pawl_archive_block {
    uint64_t number; /* the operations' number >> PAWL_ARCHIVE_BLOCK_BITS */
    uint32_t count;
    struct pawl_archive_image rows[PAWL_ARCHIVE_BLOCK_ROWS]; /* by operation, ascending */
};

static inline uint64_t pawl_archive_block_of(uint64_t op)
{
    return op >> PAWL_ARCHIVE_BLOCK_BITS;
}

/* The block of that number; false: there is none, and it is empty. */
bool pawl_archive_block_get(struct pawl_archive_db *db,
                            uint64_t number,
                            struct pawl_archive_block *ret_block);
/* The first block of that number or a higher one. */
bool pawl_archive_block_from(struct pawl_archive_db *db,
                             uint64_t number,
                             struct pawl_archive_block *ret_block);
/* Writes it; one without rows goes. */
void pawl_archive_block_put(struct pawl_archive_db *db, const struct pawl_archive_block *block);
/* Its row of an operation, or NULL. */
const struct pawl_archive_image *pawl_archive_block_row(const struct pawl_archive_block *block,
                                                        uint64_t op);

/* The row of an operation, the first from it on, and the last of all; false: there is none. */
bool pawl_archive_row_get(struct pawl_archive_db *db,
                          uint64_t op,
                          struct pawl_archive_image *ret_image);
bool pawl_archive_row_from(struct pawl_archive_db *db,
                           uint64_t op,
                           struct pawl_archive_image *ret_image);
bool pawl_archive_row_last(struct pawl_archive_db *db, struct pawl_archive_image *ret_image);

/* --- Texts (texts.c) -------------------------------------------------------------------------- */

struct pawl_archive_text {
    uint64_t op;
    struct pawl_slice key; /* of idempotency; a reservation's only */
    struct pawl_slice document;
};

/* A pack that is being filled. */
struct pawl_archive_pack {
    uint64_t first_op;
    struct pawl_buf bytes;
};

void pawl_archive_pack_init(struct pawl_archive_pack *pack);
/* Adds texts whose operation lies behind all that the file has; an empty one is left out. What is
 * full is written. */
void pawl_archive_pack_add(struct pawl_archive_pack *pack,
                           struct pawl_archive_db *db,
                           const struct pawl_archive_text *text);
/* Writes what is left. */
void pawl_archive_pack_finish(struct pawl_archive_pack *pack, struct pawl_archive_db *db);

/* The texts of an operation, borrowed until pawl_archive_text_done; empty where there are none. */
void pawl_archive_text_get(struct pawl_archive_db *db,
                           uint64_t op,
                           struct pawl_archive_text *ret_text);
void pawl_archive_text_done(struct pawl_archive_db *db);
/* Removes the texts of these operations, which are sorted. */
void pawl_archive_texts_remove(struct pawl_archive_db *db, const uint64_t *ops, size_t count);

#endif
