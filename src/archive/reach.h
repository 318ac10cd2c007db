/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h: in which segments (shelf.h) a scope has reservations, for 64 scopes in one row of the
 * file: with many scopes nearly every reservation brings its scope to another segment, and a
 * statement for each of them would cost a quarter of all that is written.
 */
#ifndef PAWL_ARCHIVE_REACH_H
#define PAWL_ARCHIVE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/db.h"

/* From the first one to before the end; at least those of its reservations. No end: it has none. */
struct pawl_archive_reach {
    uint32_t first_segment;
    uint32_t end_segment;
};
_Static_assert(sizeof(struct pawl_archive_reach) == 8, "they are in the file as they are");

enum { PAWL_ARCHIVE_REACH_SCOPES = 64 };

struct pawl_archive_reaches {
    uint64_t number; /* the scopes' number / 64 */
    struct pawl_archive_reach of[PAWL_ARCHIVE_REACH_SCOPES];
};

/* That of one scope. */
struct pawl_archive_reach pawl_archive_reach_get(struct pawl_archive_db *db, uint32_t scope);
/* The first ones of that number or a higher one; false: there are none. */
bool pawl_archive_reaches_from(struct pawl_archive_db *db,
                               uint64_t number,
                               struct pawl_archive_reaches *ret_reaches);
/* Writes them; where no scope has any they go. */
void pawl_archive_reaches_put(struct pawl_archive_db *db,
                              const struct pawl_archive_reaches *reaches);

/* What a transaction reached, until it is written. */
struct pawl_archive_reached {
    uint64_t *scopes; /* owned: scope << 32 | segment */
    size_t count;
    size_t capacity;
};
void pawl_archive_reached_add(struct pawl_archive_reached *reached,
                              struct pawl_archive_db *db,
                              uint32_t scope,
                              uint64_t segment);
/* Writes it and forgets it. */
void pawl_archive_reached_write(struct pawl_archive_reached *reached, struct pawl_archive_db *db);

#endif
