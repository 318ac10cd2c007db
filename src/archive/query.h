/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h: one query, from its filters to its rows. All of it runs on the reader's thread inside
 * one read transaction.
 *
 *   query.c         which way is taken, and walking
 *   query_gather.c  the other one: collecting and sorting
 *   pick.c          entries in order, from one shelf or merged from several places
 *   query_scopes.c  filters on levels, as sets of scopes
 *   query_rows.c    the rows of what was found
 */
#ifndef PAWL_ARCHIVE_QUERY_H
#define PAWL_ARCHIVE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/db.h"
#include "archive/shelf.h"
#include "archive/stage.h"
#include "base/arena.h"
#include "base/hash.h"

/* What things cost, in about ten nanoseconds, and how much one query may do: some 200 ms. */
enum {
    PAWL_ARCHIVE_WORK_ENTRY = 1,
    PAWL_ARCHIVE_WORK_SEEK = 250,
    PAWL_ARCHIVE_WORK_LEAF = 150,
    PAWL_ARCHIVE_WORK_ROW = 200,
    PAWL_ARCHIVE_WORK_MAX = 20000000
};
enum { PAWL_ARCHIVE_STRANDS_MAX = 64 }; /* scopes that are merged */

#define PAWL_ARCHIVE_OP_MAX (UINT64_MAX >> 8)

/* Scopes that the levels of a query allow. */
struct pawl_archive_scope_memo; /* scopes that were looked at */
struct pawl_archive_scope_set {
    bool any;         /* no level is asked for */
    bool listed;      /* `scopes` are all of them; else each is looked up when it comes */
    uint32_t count;   /* of `scopes` */
    uint32_t *scopes; /* the arena's */
    uint32_t *memo;   /* the arena's: scope << 1 | allowed, by hash; 0: free */
    uint32_t memo_count;
    uint32_t memo_slots;
};

struct pawl_archive_found {
    uint64_t op;
    int64_t number;         /* what it is sorted by */
    struct pawl_slice path; /* the same of BY_SCOPE */
};

struct pawl_archive_search {
    struct pawl_archive_db *db;
    const struct pawl_archive_query *query;
    struct pawl_arena *arena;
    struct pawl_hash_key hash_key;
    uint32_t tenant;
    uint64_t op_low; /* both inclusive */
    uint64_t op_high;
    struct pawl_archive_scope_set set;
    uint64_t work_max; /* of what is being tried */
    /* What was found, in order; one more than the limit says that there is more. */
    struct pawl_archive_found *found;
    uint32_t found_count;
    /* The work's limit was met: it goes on behind this. */
    bool stopped;
    struct pawl_archive_found stand;
};

/* Answers the request: rows, more, last. false: kept in the connection. `request->memory` is the
 * caller's in any case. */
PAWL_MUST_CHECK bool pawl_archive_query_run(struct pawl_archive_db *db,
                                            const struct pawl_archive_query *query,
                                            struct pawl_archive_request *request);

/* What both ways ask: whether an entry, or a row, is allowed; whether rows have to be looked at at
 * all; whether it lies behind the last page; and the entry that is the bound of a range. */
bool pawl_archive_allows_entry(struct pawl_archive_search *search,
                               const struct pawl_archive_entry *entry);
bool pawl_archive_allows_row(struct pawl_archive_search *search,
                             uint64_t op,
                             const struct pawl_archive_image *row);
bool pawl_archive_needs_row(const struct pawl_archive_query *query);
bool pawl_archive_is_behind(const struct pawl_archive_search *search,
                            const struct pawl_archive_found *found);
struct pawl_archive_entry pawl_archive_bound(uint32_t group, int64_t number, uint64_t op);
/* Whether a range of times bounds anything. */
bool pawl_archive_bounded(int64_t from, int64_t to);

/* --- query_gather.c --------------------------------------------------------------------------- */

/* false: no filter allows few enough; nothing was found then. */
bool pawl_archive_gather(struct pawl_archive_search *search);

/* --- query_scopes.c --------------------------------------------------------------------------- */

void pawl_archive_scope_set_make(struct pawl_archive_search *search);
bool pawl_archive_scope_set_has(struct pawl_archive_search *search, uint32_t scope);

/* --- pick.c ----------------------------------------------------------------------------------- */

struct pawl_archive_strand;

/* Entries of several strands, merged by operation or by number and operation. */
struct pawl_archive_walk {
    struct pawl_archive_search *search;
    bool ascending;
    bool by_op;
    struct pawl_archive_strand **heap; /* the arena's: those that have an entry, the next first */
    uint32_t count;
    uint32_t capacity;
    struct pawl_archive_entry entry; /* handed out */
};

void pawl_archive_walk_begin(struct pawl_archive_walk *walk,
                             struct pawl_archive_search *search,
                             bool ascending,
                             bool by_op);
/* Everything between two keys in these segments, one after the other: the merge is in order only if
 * a strand of several segments has one number. */
void pawl_archive_walk_add(struct pawl_archive_walk *walk,
                           enum pawl_archive_shelf shelf,
                           const struct pawl_archive_entry *low,
                           const struct pawl_archive_entry *high,
                           uint64_t first_segment,
                           uint64_t last_segment);
/* NULL at the end, and after a failure. Good until the next call. */
const struct pawl_archive_entry *pawl_archive_walk_next(struct pawl_archive_walk *walk);

/* --- query_rows.c ----------------------------------------------------------------------------- */

/* A row without texts; false: there is none. */
bool pawl_archive_row_get(struct pawl_archive_db *db,
                          uint64_t op,
                          struct pawl_archive_image *ret_image);
/* Whether the row's idempotency key is this one. */
bool pawl_archive_row_has_key(struct pawl_archive_db *db, uint64_t op, struct pawl_slice key);
/* The path of a scope, in the arena. Empty after a failure. */
struct pawl_slice
pawl_archive_scope_path(struct pawl_archive_db *db, struct pawl_arena *arena, uint32_t scope);
/* The rows of `ops` that are there, in that order, into the request's memory. */
bool pawl_archive_rows_answer(struct pawl_archive_db *db,
                              const struct pawl_archive_found *found,
                              uint32_t count,
                              struct pawl_archive_request *request);

#endif
