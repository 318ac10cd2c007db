/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_gather.c: the way of few reservations: all that one filter allows are collected from its
 * shelf, looked at, and sorted. Each filter that has a shelf is tried until it has too many; the
 * caller walks then (query.c).
 */
#include <stdlib.h>

#include "archive/apply.h"
#include "archive/query.h"

enum {
    GATHER_MAX = 10000,   /* reservations that are fetched and sorted */
    GATHER_WORK = 1000000 /* of one try */
};

struct gather {
    struct pawl_archive_search *search;
    struct pawl_archive_found *found; /* the arena's: GATHER_MAX */
    uint32_t count;
    uint64_t work_max;
    bool failed; /* too many */
    struct pawl_archive_cursor cursor;
};

/* What one shelf has between two keys. */
static void gather_between(struct gather *gather,
                           enum pawl_archive_shelf shelf,
                           const struct pawl_archive_entry *low,
                           const struct pawl_archive_entry *high)
{
    struct pawl_archive_search *search = gather->search;
    uint64_t last = pawl_archive_segment(search->op_high);
    for (uint64_t segment = pawl_archive_segment(search->op_low);
         segment <= last && !gather->failed && pawl_ok(search->db->err); segment++) {
        const struct pawl_archive_entry *entry = NULL;
        pawl_archive_cursor_open(&gather->cursor, search->db, shelf, segment, low, high, true);
        while (!gather->failed && (entry = pawl_archive_cursor_next(&gather->cursor)) != NULL) {
            bool allowed = pawl_archive_allows_entry(search, entry);
            if (allowed && gather->count < GATHER_MAX) {
                gather->found[gather->count] =
                    (struct pawl_archive_found){.op = pawl_archive_entry_op(entry)};
            }
            gather->count += allowed ? 1 : 0;
            gather->failed = gather->count > GATHER_MAX || search->db->work > gather->work_max;
        }
    }
}

static void gather_begin(struct gather *gather)
{
    gather->count = 0;
    gather->failed = false;
    gather->work_max = gather->search->db->work + GATHER_WORK;
}

static bool gather_range(struct gather *gather,
                         enum pawl_archive_shelf shelf,
                         int64_t number_from,
                         int64_t number_to)
{
    uint32_t group = gather->search->tenant;
    struct pawl_archive_entry low = pawl_archive_bound(group, number_from, 0);
    struct pawl_archive_entry high = pawl_archive_bound(group, number_to, PAWL_ARCHIVE_OP_MAX);
    gather_begin(gather);
    gather_between(gather, shelf, &low, &high);
    return !gather->failed;
}

static bool gather_scopes(struct gather *gather)
{
    const struct pawl_archive_scope_set *set = &gather->search->set;
    gather_begin(gather);
    for (uint32_t i = 0; i < set->count && !gather->failed; i++) {
        struct pawl_archive_entry low =
            pawl_archive_bound(set->scopes[i], 0, gather->search->op_low);
        struct pawl_archive_entry high =
            pawl_archive_bound(set->scopes[i], 0, gather->search->op_high);
        gather_between(gather, PAWL_ARCHIVE_SHELF_SCOPE, &low, &high);
        gather->failed = gather->failed || gather->search->db->work > gather->work_max;
    }
    return !gather->failed;
}

/* Whatever order is asked for, some ways are in it already and need no collecting. */
static bool try_to_gather(struct gather *gather)
{
    struct pawl_archive_search *search = gather->search;
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_scope_set *set = &search->set;
    bool by_time = query->sort == PAWL_ARCHIVE_BY_CREATED || query->sort == PAWL_ARCHIVE_BY_STATUS;
    if (query->idempotency_key.bytes > 0) {
        int64_t hash =
            pawl_archive_key_hash(search->hash_key, search->tenant, query->idempotency_key);
        /* The rest of a page is not looked for elsewhere: this is all there is. */
        (void)gather_range(gather, PAWL_ARCHIVE_SHELF_KEY, hash, hash);
        return true;
    }
    bool merged = query->sort == PAWL_ARCHIVE_BY_CREATED &&
                  set->count <= PAWL_ARCHIVE_STRANDS_MAX && !pawl_archive_needs_row(query);
    if (set->listed && !merged && query->sort != PAWL_ARCHIVE_BY_SCOPE && gather_scopes(gather)) {
        return true;
    }
    if (query->status != 0 && !by_time &&
        gather_range(gather, PAWL_ARCHIVE_SHELF_STATUS, query->status, query->status)) {
        return true;
    }
    if (pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms) &&
        gather_range(gather, PAWL_ARCHIVE_SHELF_FINALIZED, query->finalized_from_ms,
                     query->finalized_to_ms)) {
        return true;
    }
    if (pawl_archive_bounded(query->expires_from_ms, query->expires_to_ms) &&
        query->sort != PAWL_ARCHIVE_BY_EXPIRES &&
        gather_range(gather, PAWL_ARCHIVE_SHELF_EXPIRES, query->expires_from_ms,
                     query->expires_to_ms)) {
        return true;
    }
    bool few_operations = search->op_high - search->op_low < GATHER_MAX;
    return few_operations && !by_time &&
           gather_range(gather, PAWL_ARCHIVE_SHELF_STATUS, 0, INT64_MAX);
}

static void set_order(struct pawl_archive_search *search,
                      const struct pawl_archive_image *row,
                      struct pawl_archive_found *found)
{
    switch ((enum pawl_archive_sort)search->query->sort) {
    case PAWL_ARCHIVE_BY_CREATED:
        return;
    case PAWL_ARCHIVE_BY_EXPIRES:
        found->number = row->expires_ms;
        return;
    case PAWL_ARCHIVE_BY_RESERVED:
        found->number = row->reserved;
        return;
    case PAWL_ARCHIVE_BY_SCOPE:
        found->path = pawl_archive_scope_path(search->db, search->arena, row->scope);
        return;
    case PAWL_ARCHIVE_BY_STATUS:
        found->number = row->status;
        return;
    }
    PAWL_UNREACHABLE();
}

static int compare_found(const void *a, const void *b)
{
    const struct pawl_archive_found *one = a;
    const struct pawl_archive_found *other = b;
    int order = one->number < other->number ? -1 : one->number > other->number;
    if (order == 0) {
        order = pawl_slice_compare(one->path, other->path);
    }
    return order != 0 ? order : one->op < other->op ? -1 : one->op > other->op;
}

/* Leaves in `found` what is allowed and lies behind the last page, in order. */
static void sort_gathered(struct gather *gather)
{
    struct pawl_archive_search *search = gather->search;
    uint32_t wanted = search->query->limit + 1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < gather->count && pawl_ok(search->db->err); i++) {
        struct pawl_archive_found found = gather->found[i];
        struct pawl_archive_image row;
        if (!pawl_archive_row_get(search->db, found.op, &row) ||
            !pawl_archive_allows_row(search, found.op, &row)) {
            continue;
        }
        set_order(search, &row, &found);
        if (pawl_archive_is_behind(search, &found)) {
            gather->found[kept++] = found;
        }
    }
    if (kept > 1) {
        qsort(gather->found, kept, sizeof(gather->found[0]), compare_found);
    }
    for (uint32_t i = 0; i < kept && search->found_count < wanted; i++) {
        search->found[search->found_count++] =
            gather->found[search->query->ascending ? i : kept - 1 - i];
    }
}

bool pawl_archive_gather(struct pawl_archive_search *search)
{
    struct gather *gather = pawl_arena_alloc(search->arena, sizeof(*gather));
    struct pawl_archive_found *found =
        pawl_arena_alloc(search->arena, GATHER_MAX * sizeof(found[0]));
    if (gather == NULL || found == NULL) {
        return true; /* the arena's flag says it */
    }
    gather->search = search;
    gather->found = found;
    if (!try_to_gather(gather)) {
        return false;
    }
    /* Of one key there may be more than can be sorted; nobody makes that by using keys. */
    gather->count = gather->count > GATHER_MAX ? GATHER_MAX : gather->count;
    sort_gathered(gather);
    return true;
}
