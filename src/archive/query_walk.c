/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_walk.c: walking the shelf of the order that is asked for, from behind a place, until there
 * is enough. By time of creation and by status the segments come one after the other; by a number
 * all of them are merged, since each has its own order; by scope one scope comes after the other in
 * the order of their paths.
 */
#include "archive/query.h"
#include "archive/reach.h"

#include <stdlib.h>

#include "archive/scopes.h"

/* Takes what is allowed until there is enough or the work's limit is met. */
static void
take(struct pawl_archive_search *search, struct pawl_archive_walk *walk, struct pawl_slice path)
{
    const struct pawl_archive_entry *entry = NULL;
    while (search->found_count <= search->query->limit && !search->stopped &&
           (entry = pawl_archive_walk_next(walk)) != NULL) {
        struct pawl_archive_found found = {
            .op = pawl_archive_entry_op(entry), .number = entry->number, .path = path};
        if (pawl_archive_allows_entry(search, entry)) {
            enum pawl_archive_sieved sieved = pawl_archive_sieve(search, found.op);
            if (sieved == PAWL_ARCHIVE_SIEVE_YES) {
                search->found[search->found_count++] = found;
            } else if (sieved == PAWL_ARCHIVE_SIEVE_NONE) {
                pawl_archive_walk_skip(walk, pawl_archive_segment(found.op));
            }
        }
        search->stand = found;
        search->stopped = search->db->work > search->work_max;
    }
}

/* The statuses that can be meant, each through all segments. */
static void walk_status(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_found *after = &search->after;
    bool by_op = query->sort == PAWL_ARCHIVE_BY_CREATED;
    struct pawl_archive_walk walk;
    pawl_archive_walk_begin(&walk, search, query->ascending, by_op);
    for (int status = PAWL_ARCHIVE_ACTIVE; status <= PAWL_ARCHIVE_RELEASED; status++) {
        uint64_t low = search->op_low;
        uint64_t high = search->op_high;
        bool passed = !by_op && after->op != 0 && status != after->number &&
                      (status < after->number) == query->ascending;
        if (!by_op && after->op != 0 && status == after->number) {
            low = query->ascending && after->op + 1 > low ? after->op + 1 : low;
            high = !query->ascending && after->op - 1 < high ? after->op - 1 : high;
        }
        if ((query->status != 0 && query->status != status) || passed || low > high) {
            continue;
        }
        struct pawl_archive_entry low_entry = pawl_archive_bound(search->tenant, status, low);
        struct pawl_archive_entry high_entry = pawl_archive_bound(search->tenant, status, high);
        pawl_archive_walk_add(&walk, PAWL_ARCHIVE_SHELF_STATUS, &low_entry, &high_entry,
                              pawl_archive_segment(low), pawl_archive_segment(high));
    }
    take(search, &walk, PAWL_SLICE_NONE);
}

static void walk_few_scopes(struct pawl_archive_search *search)
{
    struct pawl_archive_walk walk;
    pawl_archive_walk_begin(&walk, search, search->query->ascending, true);
    for (uint32_t i = 0; i < search->set.count; i++) {
        struct pawl_archive_entry low =
            pawl_archive_bound(search->set.scopes[i], 0, search->op_low);
        struct pawl_archive_entry high =
            pawl_archive_bound(search->set.scopes[i], 0, search->op_high);
        pawl_archive_walk_add(&walk, PAWL_ARCHIVE_SHELF_SCOPE, &low, &high,
                              pawl_archive_segment(search->op_low),
                              pawl_archive_segment(search->op_high));
    }
    take(search, &walk, PAWL_SLICE_NONE);
}

/* By a number: every segment has its own order, so all of them are merged. */
static void walk_number(struct pawl_archive_search *search,
                        enum pawl_archive_shelf shelf,
                        int64_t from,
                        int64_t to)
{
    const struct pawl_archive_found *after = &search->after;
    bool ascending = search->query->ascending;
    struct pawl_archive_entry low = pawl_archive_bound(search->tenant, from, 0);
    struct pawl_archive_entry high = pawl_archive_bound(search->tenant, to, PAWL_ARCHIVE_OP_MAX);
    if (after->op != 0 && ascending && after->number >= from) {
        low = pawl_archive_bound(search->tenant, after->number, after->op + 1);
    } else if (after->op != 0 && !ascending && after->number <= to) {
        high = pawl_archive_bound(search->tenant, after->number, after->op - 1);
    }
    struct pawl_archive_walk walk;
    pawl_archive_walk_begin(&walk, search, ascending, false);
    uint64_t last = pawl_archive_segment(search->op_high);
    for (uint64_t segment = pawl_archive_segment(search->op_low); segment <= last; segment++) {
        pawl_archive_walk_add(&walk, shelf, &low, &high, segment, segment);
    }
    take(search, &walk, PAWL_SLICE_NONE);
}

/* --- By scope. -------------------------------------------------------------------------------- */

struct path {
    struct pawl_slice text;
    uint32_t scope;
    uint64_t first_segment;
    uint64_t last_segment;
};

static bool enough(const struct pawl_archive_search *search)
{
    return search->found_count > search->query->limit || search->stopped ||
           search->arena->overflowed || pawl_failed(search->db->err);
}

static void walk_segments(struct pawl_archive_search *search,
                          const struct path *path,
                          const struct pawl_archive_entry bounds[static 2],
                          uint64_t first,
                          uint64_t last)
{
    struct pawl_archive_walk walk;
    pawl_archive_walk_begin(&walk, search, search->query->ascending, true);
    pawl_archive_walk_add(&walk, PAWL_ARCHIVE_SHELF_SCOPE, &bounds[0], &bounds[1], first, last);
    take(search, &walk, path->text);
}

/* Whether anything of the scope can be on the list. */
static bool is_worth(struct pawl_archive_search *search, uint32_t scope)
{
    bool spot = search->spots == NULL;
    uint64_t last = pawl_archive_segment(search->op_high);
    for (uint64_t segment = pawl_archive_segment(search->op_low); segment <= last && !spot;
         segment++) {
        spot = pawl_archive_spots_has(search, scope, segment);
        search->db->work += PAWL_ARCHIVE_WORK_ENTRY;
    }
    return spot && pawl_archive_scope_set_has(search, scope);
}

static void find_segments(struct pawl_archive_search *search, struct path *path)
{
    struct pawl_archive_reach reach = pawl_archive_reach_get(search->db, path->scope);
    search->db->work += PAWL_ARCHIVE_WORK_ROW;
    if (reach.end_segment != 0) {
        path->first_segment = reach.first_segment;
        path->last_segment = reach.end_segment - 1;
    }
}

static void walk_path(struct pawl_archive_search *search, const struct path *path)
{
    const struct pawl_archive_found *after = &search->after;
    bool ascending = search->query->ascending;
    uint64_t low = search->op_low;
    uint64_t high = search->op_high;
    if (after->op != 0 && pawl_slice_equal(path->text, after->path)) {
        low = ascending && after->op + 1 > low ? after->op + 1 : low;
        high = !ascending && after->op - 1 < high ? after->op - 1 : high;
    }
    uint64_t first = pawl_archive_segment(low);
    uint64_t last = pawl_archive_segment(high);
    first = path->first_segment > first ? path->first_segment : first;
    last = path->last_segment < last ? path->last_segment : last;
    struct pawl_archive_entry bounds[2] = {pawl_archive_bound(path->scope, 0, low),
                                           pawl_archive_bound(path->scope, 0, high)};
    if (low <= high && first <= last && search->spots == NULL) {
        walk_segments(search, path, bounds, first, last);
    } else if (low <= high && first <= last) {
        for (uint64_t i = 0; i <= last - first && !enough(search); i++) {
            uint64_t segment = ascending ? first + i : last - i;
            if (pawl_archive_spots_has(search, path->scope, segment)) {
                walk_segments(search, path, bounds, segment, segment);
            }
        }
    }
    if (!search->stopped && search->db->work > search->work_max) {
        /* Behind all of this scope. */
        search->stand = (struct pawl_archive_found){.op = ascending ? PAWL_ARCHIVE_OP_MAX : 1,
                                                    .path = path->text};
        search->stopped = true;
    }
}

static int compare_paths(const void *a, const void *b)
{
    return pawl_slice_compare(((const struct path *)a)->text, ((const struct path *)b)->text);
}

/* The scopes are known: those behind the last page, in the order of their paths. */
static void walk_listed_paths(struct pawl_archive_search *search)
{
    const struct pawl_archive_scope_set *set = &search->set;
    const struct pawl_archive_query *query = search->query;
    struct path *paths =
        pawl_arena_alloc(search->arena, (set->count > 0 ? set->count : 1) * sizeof(paths[0]));
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count && !search->arena->overflowed; i++) {
        struct path path = {
            .text = pawl_archive_scope_path(search->db, search->arena, set->scopes[i]),
            .scope = set->scopes[i],
            .last_segment = UINT64_MAX,
        };
        int order = search->after.op == 0 ? 0 : pawl_slice_compare(path.text, search->after.path);
        if (order == 0 || (order > 0) == query->ascending) {
            paths[count++] = path;
        }
    }
    if (count > 1) {
        qsort(paths, count, sizeof(paths[0]), compare_paths);
    }
    for (uint32_t i = 0; i < count && !enough(search); i++) {
        walk_path(search, &paths[query->ascending ? i : count - 1 - i]);
    }
}

/* The beginning that all paths have which the levels allow: those that are given without a gap from
 * the tenant on. */
static struct pawl_slice common_beginning(const struct pawl_archive_search *search)
{
    struct pawl_slice levels[PAWL_LEVEL_COUNT] = {[PAWL_LEVEL_TENANT] = search->query->tenant};
    char text[PAWL_ARCHIVE_PATH_BYTES];
    for (int level = PAWL_LEVEL_TENANT + 1;
         level < PAWL_LEVEL_COUNT && search->query->levels[level].bytes > 0; level++) {
        levels[level] = search->query->levels[level];
    }
    return pawl_arena_copy(search->arena, pawl_archive_path(levels, text));
}

static void walk_all_paths(struct pawl_archive_search *search)
{
    bool ascending = search->query->ascending;
    sqlite3_stmt *scopes = pawl_archive_db_get(search->db, ascending ? PAWL_ARCHIVE_SQL_SCOPE_UP
                                                                     : PAWL_ARCHIVE_SQL_SCOPE_DOWN);
    struct pawl_slice beginning = common_beginning(search);
    struct pawl_slice from = search->after.path;
    if (search->after.op == 0 && ascending) {
        from = beginning;
    } else if (search->after.op == 0) { /* in UTF-8 no byte is 0xff */
        from = pawl_arena_printf(search->arena, "%.*s\xff", (int)beginning.bytes, beginning.data);
    }
    bool inside = true;
    pawl_archive_bind(scopes, 1, search->tenant);
    pawl_archive_bind_text(scopes, 2, from);
    while (!enough(search) && inside && pawl_archive_db_step(search->db, scopes)) {
        struct pawl_slice text = pawl_archive_column_text(scopes, 1);
        struct path path = {.scope = (uint32_t)sqlite3_column_int64(scopes, 0),
                            .first_segment = UINT64_MAX}; /* nothing of it */
        search->db->work += PAWL_ARCHIVE_WORK_PATH;
        inside = pawl_slice_starts_with(text, beginning);
        bool allowed = inside && is_worth(search, path.scope);
        if (allowed) {
            find_segments(search, &path);
        }
        if (allowed || (inside && search->db->work > search->work_max)) {
            path.text = pawl_arena_copy(search->arena, text);
            walk_path(search, &path);
        }
    }
    pawl_archive_db_done(scopes);
}

void pawl_archive_walk(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_scope_set *set = &search->set;
    switch ((enum pawl_archive_sort)query->sort) {
    case PAWL_ARCHIVE_BY_CREATED:
        if (set->listed && set->count <= search->limits->strands) {
            walk_few_scopes(search);
        } else {
            walk_status(search);
        }
        return;
    case PAWL_ARCHIVE_BY_STATUS:
        walk_status(search);
        return;
    case PAWL_ARCHIVE_BY_EXPIRES:
        walk_number(search, PAWL_ARCHIVE_SHELF_EXPIRES, query->expires_from_ms,
                    query->expires_to_ms);
        return;
    case PAWL_ARCHIVE_BY_RESERVED:
        walk_number(search, PAWL_ARCHIVE_SHELF_RESERVED, INT64_MIN, INT64_MAX);
        return;
    case PAWL_ARCHIVE_BY_SCOPE:
        if (set->listed && set->count <= search->limits->paths) {
            walk_listed_paths(search);
        } else {
            walk_all_paths(search);
        }
        return;
    }
    PAWL_UNREACHABLE();
}
