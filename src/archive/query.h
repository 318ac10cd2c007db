/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h: one query, from its filters to its rows. All of it runs on the reader's thread inside
 * one read transaction.
 *
 *   query.c         which ways are taken, and in which order
 *   query_walk.c    walking a shelf that is in the order that is asked for
 *   query_gather.c  the other way: collecting and sorting
 *   pick.c          entries in order, from one shelf or merged from several places
 *   query_scopes.c  filters on levels, as sets of scopes
 *   query_spots.c   where something lies, for lists by scope
 *   query_sieve.c   filters on times that no entry of the walked shelf has
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

/* What things cost, in some twenty nanoseconds. */
enum {
    PAWL_ARCHIVE_WORK_ENTRY = 1,
    PAWL_ARCHIVE_WORK_SEEK = 250,
    PAWL_ARCHIVE_WORK_LEAF = 150,
    PAWL_ARCHIVE_WORK_ROW = 200,
    PAWL_ARCHIVE_WORK_SCOPE = 20, /* in a list of them, … */
    PAWL_ARCHIVE_WORK_PATH = 40   /* … and in the order of their paths */
};

/* Where one way is given up for another. Whatever they are, the list is the same; a test draws
 * them. */
struct pawl_archive_limits {
    uint64_t work_first;  /* of the first walk, before anything is collected */
    uint64_t work_max;    /* of the last one; it does not end before it got on by one entry */
    uint64_t gather_work; /* of one try to collect */
    uint32_t gather_rows; /* 1 ..: what is fetched and sorted */
    uint32_t strands;     /* scopes that are merged */
    uint32_t paths;       /* scopes that are sorted by their path */
    uint32_t scopes_few;  /* scopes of a level that are listed at once, … */
    uint32_t scopes_many; /* … and those that are when so many were looked up: */
    uint32_t scopes_looks;
    uint32_t spots;      /* pairs of scope and segment that are kept, … */
    uint64_t spots_work; /* … and what it may take to find them */
    uint32_t rows_looks; /* rows of a segment that are looked at before a sieve is made */
};
extern const struct pawl_archive_limits pawl_archive_limits;

#define PAWL_ARCHIVE_OP_MAX (UINT64_MAX >> 8)

/* Scopes that the levels of a query allow. */
struct pawl_archive_scope_set {
    bool any;             /* no level is asked for */
    bool listed;          /* `scopes` are all of them; else each is looked up when it comes */
    bool many_tried;      /* scopes_many was tried */
    uint32_t looks;       /* scopes that were looked up */
    uint32_t levels_left; /* bits: what a scope in the memo that is MAYBE is still looked up for */
    bool others_are_not;  /* what is not in the memo is not allowed */
    uint32_t count;       /* of `scopes` */
    uint32_t *scopes;     /* the arena's, ascending */
    uint32_t *memo;       /* the arena's: scope << 2 | what is known, by hash; 0: free */
    uint32_t memo_count;
    uint32_t memo_slots;
};

/* query_sieve.c: what is known of one segment. */
struct pawl_archive_sieve;

struct pawl_archive_found {
    uint64_t op;
    int64_t number;         /* what it is sorted by */
    struct pawl_slice path; /* the same of BY_SCOPE */
};

struct pawl_archive_search {
    struct pawl_archive_db *db;
    const struct pawl_archive_query *query;
    const struct pawl_archive_limits *limits;
    struct pawl_arena *arena;
    struct pawl_hash_key hash_key;
    uint32_t tenant;
    uint64_t op_low; /* both inclusive */
    uint64_t op_high;
    struct pawl_archive_found after; /* op 0: from the beginning */
    struct pawl_archive_scope_set set;
    struct pawl_archive_sieve *sieves; /* the arena's, by segment; NULL: none yet */
    uint64_t first_sieve;              /* the segment of the first */
    uint64_t sieve_count;
    uint32_t sieves_made;
    uint64_t *spots; /* the arena's; NULL: anything may lie anywhere */
    uint32_t spot_slots;
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
                                            const struct pawl_archive_limits *limits,
                                            struct pawl_archive_request *request);

/* What both ways ask: whether an entry, or a row, is allowed; whether it lies behind the last page;
 * and the entry that is the bound of a range. */
bool pawl_archive_allows_entry(struct pawl_archive_search *search,
                               const struct pawl_archive_entry *entry);
bool pawl_archive_allows_row(struct pawl_archive_search *search,
                             uint64_t op,
                             const struct pawl_archive_image *row);
bool pawl_archive_is_behind(const struct pawl_archive_search *search,
                            const struct pawl_archive_found *found);
struct pawl_archive_entry pawl_archive_bound(uint32_t group, int64_t number, uint64_t op);
/* Whether a range of times bounds anything. */
bool pawl_archive_bounded(int64_t from, int64_t to);

/* --- query_walk.c ----------------------------------------------------------------------------- */

/* Adds what comes behind `after` to what was found, until there is enough, the list ends, or
 * `work_max` is met. */
void pawl_archive_walk(struct pawl_archive_search *search);

/* --- query_gather.c --------------------------------------------------------------------------- */

enum pawl_archive_gather_by {
    PAWL_ARCHIVE_GATHER_KEY, /* never gives up: there is no other way */
    PAWL_ARCHIVE_GATHER_SCOPES,
    PAWL_ARCHIVE_GATHER_OTHERS /* status, times, or the operations themselves */
};
/* Adds what comes behind `after` to what was found. false: it allows too many; then nothing was. */
bool pawl_archive_gather(struct pawl_archive_search *search, enum pawl_archive_gather_by by);

/* --- query_spots.c ---------------------------------------------------------------------------- */

/* Before a long walk by scope; does nothing where no filter has a shelf and allows few enough. */
void pawl_archive_spots_make(struct pawl_archive_search *search);
/* false: nothing of that scope in that segment is allowed. */
bool pawl_archive_spots_has(const struct pawl_archive_search *search,
                            uint32_t scope,
                            uint64_t segment);

/* --- query_sieve.c ---------------------------------------------------------------------------- */

enum pawl_archive_sieved {
    PAWL_ARCHIVE_SIEVE_NO,
    PAWL_ARCHIVE_SIEVE_YES,
    PAWL_ARCHIVE_SIEVE_NONE /* nothing of that segment is allowed */
};
/* What the ranges of times that the walked shelf knows nothing of say of a reservation. */
enum pawl_archive_sieved pawl_archive_sieve(struct pawl_archive_search *search, uint64_t op);

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
/* Passes over what is left of a segment. */
void pawl_archive_walk_skip(struct pawl_archive_walk *walk, uint64_t segment);

/* --- query_rows.c ----------------------------------------------------------------------------- */

/* A row without texts; false: there is none. */
bool pawl_archive_row_look(struct pawl_archive_db *db,
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
