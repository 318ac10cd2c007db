/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c: which way a query takes. There are two, and neither looks at a whole table:
 *
 *   gather  where some filter allows few reservations, all that it allows are collected, looked at,
 *           and sorted. Each filter that has a shelf is tried until it has too many.
 *   walk    the shelf of the order that is asked for is followed from where the last page ended,
 *           until there are enough. What is looked at on the way are entries, some ten nanoseconds
 *           each, which know status and scope.
 *
 * Both are bounded: gathering by GATHER_MAX, walking by PAWL_ARCHIVE_WORK_MAX. A walk that comes
 * there, since what it looks for lies far away in that order, answers with what it has and goes on
 * from where it stands with the next page.
 */
#include "archive/query.h"

#include <stdlib.h>
#include <string.h>

#include "archive/apply.h"
#include "archive/scopes.h"

enum {
    PATHS_MAX = 2000 /* scopes that are sorted by their path */
};

/* --- What is allowed. ------------------------------------------------------------------------- */

static bool within(int64_t value, int64_t from, int64_t to)
{
    return value >= from && value <= to;
}

bool pawl_archive_bounded(int64_t from, int64_t to)
{
    return from != INT64_MIN || to != INT64_MAX;
}

/* By the entry alone. */
bool pawl_archive_allows_entry(struct pawl_archive_search *search,
                               const struct pawl_archive_entry *entry)
{
    uint64_t op = pawl_archive_entry_op(entry);
    uint8_t status = pawl_archive_entry_status(entry);
    const struct pawl_archive_query *query = search->query;
    return op >= search->op_low && op <= search->op_high &&
           (query->status == 0 || status == 0 || status == query->status) &&
           pawl_archive_scope_set_has(search, entry->scope);
}

/* Whether walking has to look at rows; the shelf of the order has its own bounds. */
bool pawl_archive_needs_row(const struct pawl_archive_query *query)
{
    return (pawl_archive_bounded(query->expires_from_ms, query->expires_to_ms) &&
            query->sort != PAWL_ARCHIVE_BY_EXPIRES) ||
           pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms) ||
           query->idempotency_key.bytes > 0;
}

bool pawl_archive_allows_row(struct pawl_archive_search *search,
                             uint64_t op,
                             const struct pawl_archive_image *row)
{
    const struct pawl_archive_query *query = search->query;
    bool finalized = pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms);
    return (query->status == 0 || row->status == query->status) &&
           within(row->expires_ms, query->expires_from_ms, query->expires_to_ms) &&
           (!finalized ||
            (row->finalized_ms != 0 &&
             within(row->finalized_ms, query->finalized_from_ms, query->finalized_to_ms))) &&
           (query->idempotency_key.bytes == 0 ||
            pawl_archive_row_has_key(search->db, op, query->idempotency_key));
}

/* --- Where it begins. ------------------------------------------------------------------------- */

bool pawl_archive_is_behind(const struct pawl_archive_search *search,
                            const struct pawl_archive_found *found)
{
    const struct pawl_archive_place *after = &search->query->after;
    if (after->op == 0) {
        return true;
    }
    int order = 0;
    if (search->query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        order = pawl_slice_compare(found->path, pawl_slice_str(after->text));
    } else if (search->query->sort != PAWL_ARCHIVE_BY_CREATED) {
        order = found->number < after->number ? -1 : found->number > after->number;
    }
    if (order == 0) {
        order = found->op < after->op ? -1 : found->op > after->op;
    }
    return search->query->ascending ? order > 0 : order < 0;
}

/* The first operation of a reservation that was made at `ms` or later, by halving. */
static uint64_t first_since(struct pawl_archive_search *search, int64_t ms)
{
    uint64_t low = search->op_low;
    uint64_t high = search->op_high + 1;
    sqlite3_stmt *from = pawl_archive_db_get(search->db, PAWL_ARCHIVE_SQL_ROW_FROM);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        pawl_archive_bind(from, 1, (int64_t)middle);
        pawl_archive_bind(from, 2, 1);
        search->db->work += PAWL_ARCHIVE_WORK_ROW;
        bool found = pawl_archive_db_step(search->db, from);
        struct pawl_archive_image row = {.created_ms = INT64_MAX};
        uint64_t op = found ? pawl_archive_image_load(from, &row) : high;
        pawl_archive_db_done(from);
        if (op >= high || row.created_ms >= ms) {
            high = middle;
        } else {
            low = op + 1;
        }
    }
    return low;
}

static uint64_t
edge_op(struct pawl_archive_search *search, enum pawl_archive_sql which, int64_t from)
{
    uint64_t op = 0;
    sqlite3_stmt *row = pawl_archive_db_get(search->db, which);
    pawl_archive_bind(row, 1, from);
    if (which == PAWL_ARCHIVE_SQL_ROW_FROM) {
        pawl_archive_bind(row, 2, 1);
    }
    if (pawl_archive_db_step(search->db, row)) {
        op = (uint64_t)sqlite3_column_int64(row, 0);
        pawl_archive_db_done(row);
    }
    return op;
}

/* The operations that can be meant; false: none. */
static bool find_range(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    search->op_low = edge_op(search, PAWL_ARCHIVE_SQL_ROW_FROM, 0);
    search->op_high = edge_op(search, PAWL_ARCHIVE_SQL_ROW_LAST, INT64_MAX);
    if (search->op_low == 0) {
        return false;
    }
    if (query->created_to_ms != INT64_MAX) {
        search->op_high = first_since(search, query->created_to_ms + 1) - 1;
    }
    if (query->created_from_ms != INT64_MIN && search->op_low <= search->op_high) {
        search->op_low = first_since(search, query->created_from_ms);
    }
    uint64_t after = query->after.op;
    if (query->sort == PAWL_ARCHIVE_BY_CREATED && after != 0 && query->ascending) {
        search->op_low = after + 1 > search->op_low ? after + 1 : search->op_low;
    } else if (query->sort == PAWL_ARCHIVE_BY_CREATED && after != 0) {
        search->op_high = after - 1 < search->op_high ? after - 1 : search->op_high;
    }
    return search->op_low <= search->op_high;
}

struct pawl_archive_entry pawl_archive_bound(uint32_t group, int64_t number, uint64_t op)
{
    return (struct pawl_archive_entry){.group = group, .number = number, .op_status = op << 8};
}

/* --- Walking. --------------------------------------------------------------------------------- */

/* Takes what is allowed until there is enough or the work's limit is met. */
static void
take(struct pawl_archive_search *search, struct pawl_archive_walk *walk, struct pawl_slice path)
{
    bool by_row = pawl_archive_needs_row(search->query);
    const struct pawl_archive_entry *entry = NULL;
    while (search->found_count <= search->query->limit && !search->stopped &&
           (entry = pawl_archive_walk_next(walk)) != NULL) {
        struct pawl_archive_found found = {
            .op = pawl_archive_entry_op(entry), .number = entry->number, .path = path};
        bool allowed = pawl_archive_allows_entry(search, entry);
        if (allowed && by_row) {
            struct pawl_archive_image row;
            allowed = pawl_archive_row_get(search->db, found.op, &row) &&
                      pawl_archive_allows_row(search, found.op, &row);
        }
        if (allowed) {
            search->found[search->found_count++] = found;
        }
        search->stand = found;
        search->stopped = search->db->work > search->work_max;
    }
}

/* The statuses that can be meant, each through all segments. */
static void walk_status(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_place *after = &query->after;
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
    const struct pawl_archive_place *after = &search->query->after;
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

static void walk_path(struct pawl_archive_search *search, const struct path *path)
{
    const struct pawl_archive_place *after = &search->query->after;
    bool ascending = search->query->ascending;
    uint64_t low = search->op_low;
    uint64_t high = search->op_high;
    if (after->op != 0 && pawl_slice_equal_str(path->text, after->text)) {
        low = ascending && after->op + 1 > low ? after->op + 1 : low;
        high = !ascending && after->op - 1 < high ? after->op - 1 : high;
    }
    uint64_t first = pawl_archive_segment(low);
    uint64_t last = pawl_archive_segment(high);
    first = path->first_segment > first ? path->first_segment : first;
    last = path->last_segment < last ? path->last_segment : last;
    if (low <= high && first <= last) {
        struct pawl_archive_entry low_entry = pawl_archive_bound(path->scope, 0, low);
        struct pawl_archive_entry high_entry = pawl_archive_bound(path->scope, 0, high);
        struct pawl_archive_walk walk;
        pawl_archive_walk_begin(&walk, search, ascending, true);
        pawl_archive_walk_add(&walk, PAWL_ARCHIVE_SHELF_SCOPE, &low_entry, &high_entry, first,
                              last);
        take(search, &walk, path->text);
    }
    if (!search->stopped && search->db->work > search->work_max) {
        /* Behind all of this scope. */
        search->stand = (struct pawl_archive_found){.op = ascending ? PAWL_ARCHIVE_OP_MAX : 1,
                                                    .path = path->text};
        search->stopped = true;
    }
}

static bool enough(const struct pawl_archive_search *search)
{
    return search->found_count > search->query->limit || search->stopped ||
           search->arena->overflowed || pawl_failed(search->db->err);
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
    struct pawl_slice after = pawl_slice_str(query->after.text);
    struct path *paths =
        pawl_arena_alloc(search->arena, (set->count > 0 ? set->count : 1) * sizeof(paths[0]));
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count && !search->arena->overflowed; i++) {
        struct path path = {
            .text = pawl_archive_scope_path(search->db, search->arena, set->scopes[i]),
            .scope = set->scopes[i],
            .last_segment = UINT64_MAX,
        };
        int order = query->after.op == 0 ? 0 : pawl_slice_compare(path.text, after);
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

static void walk_all_paths(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    bool ascending = query->ascending;
    sqlite3_stmt *scopes = pawl_archive_db_get(search->db, ascending ? PAWL_ARCHIVE_SQL_SCOPE_UP
                                                                     : PAWL_ARCHIVE_SQL_SCOPE_DOWN);
    /* In UTF-8 no byte is 0xff. */
    struct pawl_slice from = query->after.op != 0 ? pawl_slice_str(query->after.text)
                             : ascending          ? PAWL_SLICE("t")
                                                  : PAWL_SLICE("\xff");
    pawl_archive_bind(scopes, 1, search->tenant);
    pawl_archive_bind_text(scopes, 2, from);
    while (!enough(search) && pawl_archive_db_step(search->db, scopes)) {
        struct path path = {
            .scope = (uint32_t)sqlite3_column_int64(scopes, 0),
            .first_segment = (uint64_t)sqlite3_column_int64(scopes, 2),
            .last_segment = (uint64_t)sqlite3_column_int64(scopes, 3),
        };
        search->db->work += PAWL_ARCHIVE_WORK_ROW;
        bool allowed = pawl_archive_scope_set_has(search, path.scope);
        if (allowed || search->db->work > search->work_max) {
            path.text = pawl_arena_copy(search->arena, pawl_archive_column_text(scopes, 1));
            path.first_segment = allowed ? path.first_segment : UINT64_MAX; /* nothing of it */
            walk_path(search, &path);
        }
    }
    pawl_archive_db_done(scopes);
}

static void walk_shelves(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_scope_set *set = &search->set;
    switch ((enum pawl_archive_sort)query->sort) {
    case PAWL_ARCHIVE_BY_CREATED:
        if (set->listed && set->count <= PAWL_ARCHIVE_STRANDS_MAX) {
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
        if (set->listed && set->count <= PATHS_MAX) {
            walk_listed_paths(search);
        } else {
            walk_all_paths(search);
        }
        return;
    }
    PAWL_UNREACHABLE();
}

/* --- The whole. ------------------------------------------------------------------------------- */

/* false: nobody of that name had a reservation. */
static bool find_tenant(struct pawl_archive_search *search)
{
    char text[PAWL_NAME_BYTES_MAX];
    sqlite3_stmt *find = pawl_archive_db_get(search->db, PAWL_ARCHIVE_SQL_TENANT_FIND);
    pawl_archive_bind_text(find, 1, pawl_archive_lower(search->query->tenant, text));
    bool found = pawl_archive_db_step(search->db, find);
    if (found) {
        search->tenant = (uint32_t)sqlite3_column_int64(find, 0);
    }
    pawl_archive_db_done(find);
    sqlite3_stmt *state = pawl_archive_db_get(search->db, PAWL_ARCHIVE_SQL_STATE_GET);
    if (pawl_archive_db_step(search->db, state)) {
        const void *key = sqlite3_column_blob(state, 3);
        if (key != NULL && sqlite3_column_bytes(state, 3) == sizeof(search->hash_key)) {
            memcpy(&search->hash_key, key, sizeof(search->hash_key));
        }
        pawl_archive_db_done(state);
    }
    return found;
}

static void search_list(struct pawl_archive_search *search)
{
    if (!find_tenant(search) || !find_range(search)) {
        return;
    }
    pawl_archive_scope_set_make(search);
    if ((search->set.listed && search->set.count == 0) || search->arena->overflowed) {
        return;
    }
    if (!pawl_archive_gather(search)) {
        walk_shelves(search);
    }
}

/* Where the next page goes on. */
static void set_last(const struct pawl_archive_search *search, struct pawl_archive_request *request)
{
    uint32_t limit = search->query->limit;
    bool page_is_full = search->found_count > limit;
    const struct pawl_archive_found *last = NULL;
    if (page_is_full || !search->stopped) {
        uint32_t count = page_is_full ? limit : search->found_count;
        last = count > 0 ? &search->found[count - 1] : NULL;
    } else {
        last = &search->stand;
    }
    request->more = page_is_full || search->stopped;
    request->last = (struct pawl_archive_place){.op = 0};
    if (last != NULL) {
        request->last.op = last->op;
        request->last.number = last->number;
        bool fits = pawl_slice_copy_str(last->path, request->last.text, sizeof(request->last.text));
        PAWL_ASSERT(fits);
    }
}

static void run(struct pawl_archive_search *search, struct pawl_archive_request *request)
{
    const struct pawl_archive_query *query = search->query;
    search->found =
        pawl_arena_alloc(search->arena, ((size_t)query->limit + 1) * sizeof(search->found[0]));
    if (search->found == NULL) {
        return;
    }
    if (query->op != 0) {
        search->found[0] = (struct pawl_archive_found){.op = query->op};
        search->found_count = query->op <= INT64_MAX ? 1 : 0;
    } else {
        search_list(search);
    }
    set_last(search, request);
    uint32_t count = search->found_count < query->limit ? search->found_count : query->limit;
    if (!pawl_archive_rows_answer(search->db, search->found, count, request)) {
        pawl_archive_release(request);
    }
}

bool pawl_archive_query_run(struct pawl_archive_db *db,
                            const struct pawl_archive_query *query,
                            struct pawl_archive_request *request)
{
    struct pawl_arena arena;
    struct pawl_archive_search search = {.db = db, .query = query, .arena = &arena};
    pawl_arena_init(&arena, (size_t)64 << 20);
    db->work = 0;
    search.work_max = PAWL_ARCHIVE_WORK_MAX;
    pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_BEGIN_READ));
    if (pawl_ok(db->err)) {
        run(&search, request);
        pawl_archive_db_run(db, pawl_archive_db_get(db, PAWL_ARCHIVE_SQL_COMMIT));
    }
    if (arena.overflowed) {
        pawl_archive_db_fail(db, PAWL_ERR(MEMORY), "no memory for a query");
    }
    pawl_arena_free(&arena);
    pawl_archive_db_rollback(db);
    return pawl_ok(db->err);
}
