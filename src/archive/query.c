/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c: which ways a query takes. There are two, and neither looks at a whole table:
 *
 *   walk    the shelf of the order that is asked for is followed from where the last page ended,
 *           until there are enough. What is looked at on the way are entries, some twenty
 *           nanoseconds each, which know status and scope; what they do not know is sieved.
 *   gather  where some filter allows few reservations, all that it allows are collected, looked at,
 *           and sorted. Each filter that has a shelf is tried until it has too many.
 *
 * A list whose filters let many through is found by a short walk, so that comes first. If it was
 * not enough, little is let through in that order, and maybe little at all: gathering is tried, and
 * given up soon. Then the walk goes on. Its work has a limit too: where what it looks for lies far
 * away, the page has what was found, maybe nothing, and the next one goes on from there.
 */
#include "archive/query.h"

#include <string.h>

#include "archive/apply.h"
#include "archive/scopes.h"

/* One or two milliseconds for each try; some 40 at the most for the last walk. */
const struct pawl_archive_limits pawl_archive_limits = {
    .work_first = 100000,
    .work_max = 2000000,
    .gather_work = 100000,
    .gather_rows = 1000,
    .strands = 64,
    .paths = 1000,
    .scopes_few = 128,
    .scopes_many = 20000,
    .scopes_looks = 256,
    .spots = 1 << 16,
    .spots_work = 300000,
    .rows_looks = 256,
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
    const struct pawl_archive_found *after = &search->after;
    if (after->op == 0) {
        return true;
    }
    int order = 0;
    if (search->query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        order = pawl_slice_compare(found->path, after->path);
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
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct pawl_archive_image row;
        search->db->work += PAWL_ARCHIVE_WORK_ROW;
        bool found = pawl_archive_row_from(search->db, middle, &row);
        if (!found || row.op >= high || row.created_ms >= ms) {
            high = middle;
        } else {
            low = row.op + 1;
        }
    }
    return low;
}

/* By creation `after` bounds the operations. false: there are none left. */
static bool narrow(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    uint64_t after = search->after.op;
    if (query->sort == PAWL_ARCHIVE_BY_CREATED && after != 0 && query->ascending) {
        search->op_low = after + 1 > search->op_low ? after + 1 : search->op_low;
    } else if (query->sort == PAWL_ARCHIVE_BY_CREATED && after != 0) {
        search->op_high = after - 1 < search->op_high ? after - 1 : search->op_high;
    }
    return search->op_low <= search->op_high;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The operations that can be meant; false: none. What is open or has expired was not finalized;
 * nothing expires or is finalized before it was made. */
static bool find_range(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    bool finalized = pawl_archive_bounded(query->finalized_from_ms, query->finalized_to_ms);
    bool never_final =
        query->status == PAWL_ARCHIVE_ACTIVE || query->status == PAWL_ARCHIVE_EXPIRED;
    int64_t created_to_ms =
        lesser(query->created_to_ms, lesser(query->expires_to_ms, query->finalized_to_ms));
    struct pawl_archive_image first;
    struct pawl_archive_image last;
    if ((finalized && never_final) || !pawl_archive_row_from(search->db, 0, &first) ||
        !pawl_archive_row_last(search->db, &last)) {
        return false;
    }
    search->op_low = first.op;
    search->op_high = last.op;
    if (created_to_ms != INT64_MAX) {
        search->op_high = first_since(search, created_to_ms + 1) - 1;
    }
    if (query->created_from_ms != INT64_MIN && search->op_low <= search->op_high) {
        search->op_low = first_since(search, query->created_from_ms);
    }
    return narrow(search);
}

struct pawl_archive_entry pawl_archive_bound(uint32_t group, int64_t number, uint64_t op)
{
    return (struct pawl_archive_entry){.group = group, .number = number, .op_status = op << 8};
}

/* --- The whole. ------------------------------------------------------------------------------- */

/* false: nobody of that name had a reservation. */
static bool find_tenant(struct pawl_archive_search *search)
{
    char text[PAWL_NAME_BYTES_MAX];
    if (search->query->tenant.bytes > sizeof(text)) {
        return false;
    }
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

/* From `after` on. true: it was given up, and there may be more. */
static bool walk(struct pawl_archive_search *search, uint64_t work)
{
    search->work_max = search->db->work + work;
    pawl_archive_walk(search);
    return search->stopped && search->found_count <= search->query->limit &&
           !search->arena->overflowed;
}

/* What is behind the place where a walk was given up comes next. false: there is nothing. */
static bool go_on(struct pawl_archive_search *search)
{
    search->after = search->stand;
    search->stopped = false;
    return narrow(search);
}

/* The ways, those first that are sure to be short. */
static void search_list(struct pawl_archive_search *search)
{
    const struct pawl_archive_query *query = search->query;
    const struct pawl_archive_limits *limits = search->limits;
    if (!find_tenant(search) || !find_range(search)) {
        return;
    }
    pawl_archive_scope_set_make(search);
    if ((search->set.listed && search->set.count == 0) || search->arena->overflowed) {
        return;
    }
    if (query->idempotency_key.bytes > 0) {
        (void)pawl_archive_gather(search, PAWL_ARCHIVE_GATHER_KEY);
        return;
    }
    if (search->set.listed && pawl_archive_gather(search, PAWL_ARCHIVE_GATHER_SCOPES)) {
        return;
    }
    bool more = walk(search, limits->work_first) && go_on(search);
    /* A quarter is there: what is left of the page is as near. */
    if (more && search->found_count >= query->limit / 4) {
        more = walk(search, 4 * limits->work_first) && go_on(search);
    }
    if (!more || pawl_archive_gather(search, PAWL_ARCHIVE_GATHER_OTHERS)) {
        return;
    }
    if (query->sort == PAWL_ARCHIVE_BY_SCOPE) {
        pawl_archive_spots_make(search);
    }
    (void)walk(search, limits->work_max);
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
                            const struct pawl_archive_limits *limits,
                            struct pawl_archive_request *request)
{
    struct pawl_arena arena;
    struct pawl_archive_search search = {
        .db = db,
        .query = query,
        .limits = limits,
        .arena = &arena,
        .after = {.op = query->after.op,
                  .number = query->after.number,
                  .path = pawl_slice_str(query->after.text)},
    };
    pawl_arena_init(&arena, (size_t)64 << 20);
    db->work = 0;
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
