/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_gather.c: the way of few reservations: all that one filter allows are collected from its
 * shelf, looked at, and sorted. Each filter that has a shelf is tried until it has too many
 * (query.c says when).
 */
#include <stdlib.h>

#include "archive/apply.h"
#include "archive/query.h"

struct gather {
    struct pawl_archive_search *search;
    struct pawl_archive_found *found; /* the arena's: rows_max */
    uint32_t count;
    uint32_t rows_max;
    bool by_key; /* there is no other way to the rest */
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
            if (allowed && gather->count < gather->rows_max) {
                gather->found[gather->count] =
                    (struct pawl_archive_found){.op = pawl_archive_entry_op(entry)};
            }
            gather->count += allowed ? 1 : 0;
            gather->failed =
                gather->count > gather->rows_max || search->db->work > gather->work_max;
        }
    }
}

static void gather_begin(struct gather *gather)
{
    gather->count = 0;
    gather->failed = false;
    gather->work_max = gather->by_key
                           ? UINT64_MAX
                           : gather->search->db->work + gather->search->limits->gather_work;
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

static void gather_key(struct gather *gather)
{
    const struct pawl_archive_search *search = gather->search;
    int64_t hash =
        pawl_archive_key_hash(search->hash_key, search->tenant, search->query->idempotency_key);
    (void)gather_range(gather, PAWL_ARCHIVE_SHELF_KEY, hash, hash);
    /* Of one key there may be more than can be sorted; nobody makes that by using keys. */
    gather->count = gather->count > gather->rows_max ? gather->rows_max : gather->count;
}

/* What is merged by operation, or walked by scope, needs no collecting. */
static bool try_scopes(struct gather *gather)
{
    const struct pawl_archive_search *search = gather->search;
    bool merged = search->query->sort == PAWL_ARCHIVE_BY_CREATED &&
                  search->set.count <= search->limits->strands;
    return !merged && search->query->sort != PAWL_ARCHIVE_BY_SCOPE && gather_scopes(gather);
}

static bool try_others(struct gather *gather)
{
    const struct pawl_archive_search *search = gather->search;
    const struct pawl_archive_query *query = search->query;
    bool by_time = query->sort == PAWL_ARCHIVE_BY_CREATED || query->sort == PAWL_ARCHIVE_BY_STATUS;
    bool few_operations = search->op_high - search->op_low < gather->rows_max;
    return (query->status != 0 && !by_time &&
            gather_range(gather, PAWL_ARCHIVE_SHELF_STATUS, query->status, query->status)) ||
           (pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms) &&
            gather_range(gather, PAWL_ARCHIVE_SHELF_FINALIZED, query->finalized_from_ms,
                         query->finalized_to_ms)) ||
           (pawl_archive_bounded(query->expires_from_ms, query->expires_to_ms) &&
            query->sort != PAWL_ARCHIVE_BY_EXPIRES &&
            gather_range(gather, PAWL_ARCHIVE_SHELF_EXPIRES, query->expires_from_ms,
                         query->expires_to_ms)) ||
           (few_operations && !by_time &&
            gather_range(gather, PAWL_ARCHIVE_SHELF_STATUS, 0, INT64_MAX));
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
        if (!pawl_archive_row_look(search->db, found.op, &row) ||
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

bool pawl_archive_gather(struct pawl_archive_search *search, enum pawl_archive_gather_by by)
{
    enum { KEY_ROWS_MAX = 10000 };
    uint32_t rows_max =
        by == PAWL_ARCHIVE_GATHER_KEY ? (uint32_t)KEY_ROWS_MAX : search->limits->gather_rows;
    struct gather *gather = pawl_arena_alloc(search->arena, sizeof(*gather));
    struct pawl_archive_found *found =
        pawl_arena_alloc(search->arena, (size_t)rows_max * sizeof(found[0]));
    bool done = true;
    if (gather == NULL || found == NULL) {
        return true; /* the arena's flag says it */
    }
    gather->search = search;
    gather->found = found;
    gather->rows_max = rows_max;
    gather->by_key = by == PAWL_ARCHIVE_GATHER_KEY;
    switch (by) {
    case PAWL_ARCHIVE_GATHER_KEY:
        gather_key(gather);
        break;
    case PAWL_ARCHIVE_GATHER_SCOPES:
        done = try_scopes(gather);
        break;
    case PAWL_ARCHIVE_GATHER_OTHERS:
        done = try_others(gather);
        break;
    }
    if (done) {
        sort_gathered(gather);
    }
    return done;
}
