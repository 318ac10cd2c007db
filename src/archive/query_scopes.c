/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_scopes.c: filters on levels, as sets of scopes. A scope is one way through the levels, so
 * whether a reservation fits follows from its scope alone, whichever levels are asked for.
 *
 * The scopes of the level that has the fewest are listed and looked at for the other levels. Where
 * even these are too many, each scope is looked up when it is met, and remembered.
 */
#include "archive/query.h"
#include "archive/scopes.h"

enum { LIST_FEW = 128, LIST_MAX = 20000, MEMO_FIRST = 1024 };

/* --- Remembering. ----------------------------------------------------------------------------- */

static uint32_t *memo_slot(const struct pawl_archive_scope_set *set, uint32_t scope)
{
    uint32_t mask = set->memo_slots - 1;
    uint32_t at = (uint32_t)pawl_hash_mix(scope) & mask;
    while (set->memo[at] != 0 && set->memo[at] >> 1 != scope) {
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
            *memo_slot(set, old.memo[i] >> 1) = old.memo[i];
        }
    }
}

static void remember(struct pawl_archive_search *search, uint32_t scope, bool allowed)
{
    struct pawl_archive_scope_set *set = &search->set;
    if (2 * (set->memo_count + 1) > set->memo_slots) {
        memo_grow(search);
    }
    if (2 * (set->memo_count + 1) <= set->memo_slots) {
        *memo_slot(set, scope) = scope << 1 | allowed;
        set->memo_count++;
    }
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

/* All levels but `except`. */
static bool fits(struct pawl_archive_search *search, uint32_t scope, int except)
{
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        char text[PAWL_NAME_BYTES_MAX];
        struct pawl_slice value = pawl_archive_lower(search->query->levels[i], text);
        if (i != except && value.bytes > 0 && !level_has(search, i, value, scope)) {
            return false;
        }
    }
    return true;
}

bool pawl_archive_scope_set_has(struct pawl_archive_search *search, uint32_t scope)
{
    struct pawl_archive_scope_set *set = &search->set;
    if (set->any) {
        return true;
    }
    if (set->memo_slots > 0) {
        uint32_t known = *memo_slot(set, scope);
        if (known != 0) {
            return (known & 1) != 0;
        }
    }
    if (set->listed) {
        return false;
    }
    bool allowed = fits(search, scope, -1);
    remember(search, scope, allowed);
    return allowed;
}

/* --- Listing. --------------------------------------------------------------------------------- */

/* The scopes of one level, if there are at most `max`. */
static bool
list_level(struct pawl_archive_search *search, int level, uint32_t max, uint32_t *ret_count)
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
            search->set.scopes[count] = (uint32_t)sqlite3_column_int64(list, 0);
        }
        count++;
    }
    pawl_archive_db_done(list);
    search->db->work += PAWL_ARCHIVE_WORK_SEEK + 20 * (uint64_t)count;
    *ret_count = count < max ? count : max;
    return count <= max;
}

/* The first level that has at most `max`, narrowed by the others. */
static bool list_up_to(struct pawl_archive_search *search, uint32_t max)
{
    struct pawl_archive_scope_set *set = &search->set;
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        uint32_t count = 0;
        if (pawl_slice_empty(search->query->levels[i]) || !list_level(search, i, max, &count)) {
            continue;
        }
        for (uint32_t j = 0; j < count; j++) {
            if (fits(search, set->scopes[j], i)) {
                set->scopes[set->count++] = set->scopes[j];
                remember(search, set->scopes[set->count - 1], true);
            }
        }
        return true;
    }
    return false;
}

void pawl_archive_scope_set_make(struct pawl_archive_search *search)
{
    struct pawl_archive_scope_set *set = &search->set;
    *set = (struct pawl_archive_scope_set){.any = true};
    for (int i = PAWL_LEVEL_TENANT + 1; i < PAWL_LEVEL_COUNT; i++) {
        set->any = set->any && pawl_slice_empty(search->query->levels[i]);
    }
    if (set->any) {
        return;
    }
    set->scopes = pawl_arena_alloc(search->arena, LIST_MAX * sizeof(set->scopes[0]));
    if (set->scopes == NULL) {
        return; /* the arena's flag says it */
    }
    set->listed = list_up_to(search, LIST_FEW) || list_up_to(search, LIST_MAX);
}
