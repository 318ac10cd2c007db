/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_page.h: one page of a sorted list. Whoever lists walks what there is, a piece a turn, and
 * offers each row that the filters let through; the page keeps the first so many of those behind
 * its cursor, in a heap with the last one on top. So a list over a million rows takes the memory of
 * one page, and nobody waits for it but who asked.
 *
 * A cursor names the last row of its page by the key that it was sorted by, and is bound to the
 * order and the filters: under others it is refused.
 */
#ifndef PAWL_CYCLES_ADMIN_PAGE_H
#define PAWL_CYCLES_ADMIN_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "cycles/body.h"
#include "cycles/call.h"

enum {
    PAWL_PAGE_ROWS_DEFAULT = 50,
    PAWL_PAGE_ROWS_MAX = 1000,      /* what asks for more gets so many */
    PAWL_PAGE_TEXT_BYTES_MAX = 1024 /* a name: 256 characters; a path of six levels is shorter */
};

/* Ordered by the ratio number/divisor (by number where the divisors are 1), then text, then id. */
struct pawl_page_key {
    int64_t number;
    int64_t divisor;        /* >= 0; 0: the ratio counts as 0 */
    struct pawl_slice text; /* at most PAWL_PAGE_TEXT_BYTES_MAX */
    uint64_t id;            /* unique */
};

struct pawl_page_row {
    struct pawl_page_key key; /* its text is the row's own */
    char *room;
    size_t room_bytes;
};

/* What a list is of. The handler's state (call->state) begins with its page. */
struct pawl_page_kind {
    const char *rows; /* "tenants": the array of the answer */
    /* Looks at the next one there is, and offers it where it is listed. false: there are no more,
     * or none that this page could show. */
    bool (*step)(struct pawl_call *call);
    /* Writes the one that was offered under this id, where it is still there. */
    void (*write)(struct pawl_call *call, struct pawl_json_writer *writer, uint64_t id);
};

struct pawl_page {
    struct pawl_call *call;
    struct pawl_arena *arena;
    uint32_t limit;
    bool descending;
    bool after; /* begins behind `last` */
    struct pawl_page_key last;
    uint64_t binding; /* of order and filters */
    const struct pawl_page_kind *kind;
    uint32_t count;
    struct pawl_page_row *rows; /* limit + 1 of them */
};

/* Where the parameters of paging stand among a query's. */
struct pawl_page_fields {
    uint32_t sort_by, sort_dir, cursor, limit;
    uint64_t free; /* others that may change from page to page, a bit each */
};
/* Fields of a query that has them. */
#define PAWL_PAGE_FIELD_CURSOR                                                                     \
    {                                                                                              \
        PAWL_FIELD("cursor"), .type = PAWL_FIELD_STRING, .max = 4096                               \
    }
#define PAWL_PAGE_FIELD_LIMIT                                                                      \
    {                                                                                              \
        PAWL_FIELD("limit"), .type = PAWL_FIELD_INTEGER, .min = 1, .max = INT32_MAX                \
    }
#define PAWL_PAGE_FIELD_SEARCH                                                                     \
    {                                                                                              \
        PAWL_FIELD("search"), .type = PAWL_FIELD_STRING, .max = 128                                \
    }
#define PAWL_PAGE_FIELD_DIRECTION                                                                  \
    {                                                                                              \
        PAWL_FIELD("sort_dir"), .type = PAWL_FIELD_WORD, .words = pawl_admin_directions            \
    }

/* The page that the query asks for; sorted without a direction is descending. false: refused. */
PAWL_MUST_CHECK bool pawl_page_begin(struct pawl_call *call,
                                     const struct pawl_shape *shape,
                                     const struct pawl_value *values,
                                     const struct pawl_page_fields *fields,
                                     bool descending,
                                     struct pawl_page *page);
/* The key is borrowed for the call. */
void pawl_page_offer(struct pawl_page *page, const struct pawl_page_key *key);
/* Walks what there is, a piece a turn, and answers. The kind is static. */
void pawl_page_walk(struct pawl_call *call, const struct pawl_page_kind *kind);

/* Whether `text` has `part` in it, whatever the case of ASCII letters; everything has an empty one.
 */
bool pawl_page_contains(struct pawl_slice text, struct pawl_slice part);

#endif
