/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_scopes.c: filters on levels, as sets of scopes. A scope is one way through the levels, so
 * whether a reservation fits follows from its scope alone, whichever levels are asked for.
 *
 * Where a level has few scopes they are listed at once. Else each scope is looked up when it is
 * met, and remembered. When that was done often, little is let through, and the scopes of each
 * level are listed after all, if they are not too many: what is not on every list is not allowed,
 * and what is on all is looked up for those levels that have no list.
 */
#include "archive/query.h"
#include "archive/scopes.h"

enum { MEMO_FIRST = 1024 };

/* What is known of a scope, in the two lowest bits of a memo. */
enum known { UNKNOWN = 0, NOT = 1, MAYBE = 2, ALLOWED = 3 };

/* --- Remembering. ----------------------------------------------------------------------------- */

static uint32_t *memo_slot(const struct pawl_archive_scope_set *set, uint32_t scope)
{
    uint32_t mask = set->memo_slots - 1;
    uint32_t at = (uint32_t)pawl_hash_mix(scope) & mask;
    while (set->memo[at] != 0 && set->memo[at] >> 2 != scope) {
        at = (at + 1) & mask;
    }
    return &set->memo[at];
}

/* Without memory it is looked up again each time. */
static void memo_grow(struct pawl_archive_search *search)
{
    struct pawl_archive_scope_set *set = &search->set;
    struct pawl_archive_scope_set old = *set;
    uint32_t slots = set->memo_slots == 0 ? MEMO_FIRST : 2 * set->memo_slots;
    uint32_t *memo = pawl_arena_alloc(search->arena, slots * sizeof(memo[0]));
    if (memo == NULL) {
        return;
    }
    set->memo = memo;
    set->memo_slots = slots;
    for (uint32_t i = 0; i < old.memo_slots; i++) {
        if (old.memo[i] != 0) {
            *memo_slot(set, old.memo[i] >> 2) = old.memo[i];
        }
    }
}

static void remember(struct pawl_archive_search *search, uint32_t scope, enum known known)
{
    struct pawl_archive_scope_set *set = &search->set;
    if (2 * (set->memo_count + 1) > set->memo_slots) {
        memo_grow(search);
    }
    if (2 * (set->memo_count + 1) <= set->memo_slots) {
        uint32_t *slot = memo_slot(set, scope);
        set->memo_count += *slot == 0 ? 1 : 0;
        *slot = scope << 2 | known;
    }
}

static enum known what_is_known(const struct pawl_archive_scope_set *set, uint32_t scope)
{
    return set->memo_slots > 0 ? (enum known)(*memo_slot(set, scope) & 3) : UNKNOWN;
}

/* --- Looking up. ------------------------------------------------------------------------------ */

static bool
level_has(struct pawl_archive_search *search, int level, struct pawl_slice value, uint32_t scope)
{
    sqlite3_stmt *has = pawl_archive_db_get(search->db, PAWL_ARCHIVE_SQL_LEVEL_HAS);
    pawl_archive_bind(has, 1, search->tenant);
    pawl_archive_bind(has, 2, level);
    pawl_archive_bind_text(has, 3, value);
    pawl_archive_bind(has, 4, scope);
    search->db->work += PAWL_ARCHIVE_WORK_SEEK;
    bool found = pawl_archive_db_step(search->db, has);
    pawl_archive_db_done(has);
    return found;
}

/* The levels of these bits. */
static bool fits(struct pawl_archive_search *search, uint32_t scope, uint32_t levels)
{
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        char text[PAWL_NAME_BYTES_MAX];
        if ((levels >> i & 1) != 0 &&
            !level_has(search, i, pawl_archive_lower(search->query->levels[i], text), scope)) {
            return false;
        }
    }
    return true;
}

/* Those that are asked for. */
static uint32_t levels_of(const struct pawl_archive_query *query)
{
    uint32_t levels = 0;
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        levels |= pawl_slice_empty(query->levels[i]) ? 0 : UINT32_C(1) << i;
    }
    return levels;
}

static void list_many(struct pawl_archive_search *search);

bool pawl_archive_scope_set_has(struct pawl_archive_search *search, uint32_t scope)
{
    struct pawl_archive_scope_set *set = &search->set;
    if (set->any) {
        return true;
    }
    enum known known = what_is_known(set, scope);
    if (known == UNKNOWN && !set->many_tried && set->looks >= search->limits->scopes_looks) {
        list_many(search);
        known = what_is_known(set, scope);
    }
    if (known == NOT || known == ALLOWED) {
        return known == ALLOWED;
    }
    if (known == UNKNOWN && set->others_are_not) {
        return false;
    }
    bool allowed = fits(search, scope, set->levels_left);
    set->looks++;
    remember(search, scope, allowed ? ALLOWED : NOT);
    return allowed;
}

/* --- Listing. --------------------------------------------------------------------------------- */

/* The scopes of one level, ascending, if there are at most `max`. */
static bool list_level(struct pawl_archive_search *search,
                       int level,
                       uint32_t max,
                       uint32_t *ret_scopes,
                       uint32_t *ret_count)
{
    char text[PAWL_NAME_BYTES_MAX];
    uint32_t count = 0;
    sqlite3_stmt *list = pawl_archive_db_get(search->db, PAWL_ARCHIVE_SQL_LEVEL_SCOPES);
    pawl_archive_bind(list, 1, search->tenant);
    pawl_archive_bind(list, 2, level);
    pawl_archive_bind_text(list, 3, pawl_archive_lower(search->query->levels[level], text));
    pawl_archive_bind(list, 4, max + 1);
    while (count <= max && pawl_archive_db_step(search->db, list)) {
        if (count < max) {
            ret_scopes[count] = (uint32_t)sqlite3_column_int64(list, 0);
        }
        count++;
    }
    pawl_archive_db_done(list);
    search->db->work += PAWL_ARCHIVE_WORK_SEEK + PAWL_ARCHIVE_WORK_SCOPE * (uint64_t)count;
    *ret_count = count < max ? count : max;
    return count <= max;
}

/* Leaves in the first what is in both; returns how many. */
static uint32_t
keep_common(uint32_t *scopes, uint32_t count, const uint32_t *others, uint32_t other_count)
{
    uint32_t kept = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        while (at < other_count && others[at] < scopes[i]) {
            at++;
        }
        if (at < other_count && others[at] == scopes[i]) {
            scopes[kept++] = scopes[i];
        }
    }
    return kept;
}

static void remember_all(struct pawl_archive_search *search, enum known known)
{
    struct pawl_archive_scope_set *set = &search->set;
    for (uint32_t i = 0; i < set->count; i++) {
        if (what_is_known(set, set->scopes[i]) == UNKNOWN) {
            remember(search, set->scopes[i], known);
        }
    }
}

/* The first level that has at most so many, narrowed by the others. */
static void list_few(struct pawl_archive_search *search)
{
    struct pawl_archive_scope_set *set = &search->set;
    uint32_t levels = levels_of(search->query);
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT && !set->listed; i++) {
        uint32_t count = 0;
        if ((levels >> i & 1) == 0 ||
            !list_level(search, i, search->limits->scopes_few, set->scopes, &count)) {
            continue;
        }
        for (uint32_t j = 0; j < count; j++) {
            if (fits(search, set->scopes[j], levels & ~(UINT32_C(1) << i))) {
                set->scopes[set->count++] = set->scopes[j];
            }
        }
        set->listed = true;
    }
    if (set->listed) {
        remember_all(search, ALLOWED);
        set->others_are_not = true;
    }
}

/* Every level that has a list. */
static void list_many(struct pawl_archive_search *search)
{
    struct pawl_archive_scope_set *set = &search->set;
    uint32_t max = search->limits->scopes_many;
    uint32_t *scopes = pawl_arena_alloc(search->arena, (size_t)max * sizeof(scopes[0]));
    uint32_t *others = pawl_arena_alloc(search->arena, (size_t)max * sizeof(others[0]));
    set->many_tried = true;
    if (scopes == NULL || others == NULL) {
        return; /* the arena's flag says it */
    }
    uint32_t levels = levels_of(search->query);
    bool first = true;
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        uint32_t count = 0;
        if ((levels >> i & 1) == 0 || !list_level(search, i, max, others, &count)) {
            continue;
        }
        set->levels_left &= ~(UINT32_C(1) << i);
        if (first) {
            uint32_t *list = scopes;
            scopes = others;
            others = list;
            set->count = count;
        } else {
            set->count = keep_common(scopes, set->count, others, count);
        }
        first = false;
    }
    if (!first) {
        set->scopes = scopes;
        set->listed = set->levels_left == 0;
        set->others_are_not = true;
        remember_all(search, set->listed ? ALLOWED : MAYBE);
    }
}

void pawl_archive_scope_set_make(struct pawl_archive_search *search)
{
    struct pawl_archive_scope_set *set = &search->set;
    *set = (struct pawl_archive_scope_set){.levels_left = levels_of(search->query)};
    set->any = set->levels_left == 0;
    if (set->any) {
        return;
    }
    set->scopes =
        pawl_arena_alloc(search->arena, search->limits->scopes_few * sizeof(set->scopes[0]));
    if (set->scopes != NULL) { /* else the arena's flag says it */
        list_few(search);
    }
}
