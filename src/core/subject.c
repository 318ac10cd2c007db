/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.c: from who spends to the scopes that exist for it, in one canonical order: the levels
 * from the tenant down, the dimensions by name, the session. The order decides which
 * budget a refusal names and how deltas are listed, so it must not depend on how a request
 * happened to be written.
 *
 * The levels are found from the deepest that exists: its path is hashed whole, so one look-up names
 * it, and its parents are named by it and only compared. Hashing, guessing and comparing are three
 * steps, with other work in between (core.c), because look-ups wait for memory and not for the
 * processor.
 */
#include "core/index.h"
#include "core/scope.h"
#include "core/table.h"

/* Insertion sort: at most sixteen, usually sorted already. */
static void dimensions_sort(const struct pawl_subject *subject,
                            const struct pawl_dimension *ret_sorted[static PAWL_DIMENSIONS_MAX])
{
    PAWL_ASSERT(subject->dimension_count <= PAWL_DIMENSIONS_MAX);
    PAWL_ASSERT(ret_sorted != NULL);
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        const struct pawl_dimension *dimension = &subject->dimensions[i];
        uint32_t place = i;
        while (place > 0 && pawl_slice_compare(dimension->name, ret_sorted[place - 1]->name) < 0) {
            ret_sorted[place] = ret_sorted[place - 1];
            place--;
        }
        ret_sorted[place] = dimension;
    }
}

/* Hashes the step that was just filled in, which comes after the others. */
static uint64_t
path_hash(const struct pawl_core *core, struct pawl_subject_path *path, uint64_t parent_hash)
{
    PAWL_ASSERT(path->step_count < PAWL_SUBJECT_SCOPES_MAX);
    struct pawl_path_step *step = &path->steps[path->step_count];
    step->hash = pawl_scope_hash(core, parent_hash, &step->key);
    path->step_count++;
    return step->hash;
}

void pawl_subject_path(const struct pawl_core *core,
                       const struct pawl_subject *subject,
                       struct pawl_subject_path *ret_path)
{
    uint64_t hash = 0;
    ret_path->step_count = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (!pawl_slice_empty(subject->levels[level])) {
            ret_path->steps[ret_path->step_count].key =
                (struct pawl_scope_key){.level = (uint8_t)level, .value = subject->levels[level]};
            hash = path_hash(core, ret_path, hash);
        }
    }
    ret_path->level_count = ret_path->step_count;
    PAWL_ASSERT(ret_path->level_count >= 1);
    pawl_index_prefetch(core, PAWL_INDEX_SCOPE, (uint32_t)hash);
    PAWL_ASSERT(ret_path->steps[0].key.level == PAWL_LEVEL_TENANT);
    uint64_t tenant_hash = ret_path->steps[0].hash;
    if (subject->dimension_count > 0) {
        const struct pawl_dimension *dimensions[PAWL_DIMENSIONS_MAX];
        dimensions_sort(subject, dimensions);
        for (uint32_t i = 0; i < subject->dimension_count; i++) {
            ret_path->steps[ret_path->step_count].key =
                (struct pawl_scope_key){.level = PAWL_LEVEL_DIMENSION,
                                        .name = dimensions[i]->name,
                                        .value = dimensions[i]->value};
            (void)path_hash(core, ret_path, tenant_hash);
        }
    }
    if (!pawl_slice_empty(subject->session)) {
        ret_path->steps[ret_path->step_count].key =
            (struct pawl_scope_key){.level = PAWL_LEVEL_SESSION, .value = subject->session};
        (void)path_hash(core, ret_path, tenant_hash);
    }
}

/* Looks for the deepest level that there is a scope for; what is above it follows from it. */
void pawl_subject_guess(const struct pawl_core *core, struct pawl_subject_path *path)
{
    PAWL_ASSERT(path->level_count >= 1);
    PAWL_ASSERT(path->step_count <= PAWL_SUBJECT_SCOPES_MAX);
    uint32_t guess = 0;
    uint32_t level = path->level_count;
    while (level > 0 && guess == 0) {
        level--;
        guess = pawl_index_guess(core, PAWL_INDEX_SCOPE, (uint32_t)path->steps[level].hash);
    }
    path->deepest = level;
    path->steps[level].guess = guess;
    if (guess != 0) {
        __builtin_prefetch(pawl_scope_at(core, guess));
    }
    for (uint32_t i = path->level_count; i < path->step_count; i++) {
        guess = pawl_index_guess(core, PAWL_INDEX_SCOPE, (uint32_t)path->steps[i].hash);
        path->steps[i].guess = guess;
        if (guess != 0) {
            __builtin_prefetch(pawl_scope_at(core, guess));
        }
    }
}

static void list_add(struct pawl_scope_list *list, uint32_t scope)
{
    PAWL_ASSERT(scope != 0);
    PAWL_ASSERT(list->count < PAWL_SUBJECT_SCOPES_MAX);
    list->scopes[list->count] = scope;
    list->count++;
}

/* The levels one after the other from the tenant down. */
static void walk_levels(const struct pawl_core *core,
                        const struct pawl_subject_path *path,
                        struct pawl_scope_list *list)
{
    uint32_t scope = 0;
    PAWL_ASSERT(list->count == 0);
    PAWL_ASSERT(path->level_count <= PAWL_LEVEL_COUNT);
    for (uint32_t i = 0; i < path->level_count; i++) {
        const struct pawl_path_step *step = &path->steps[i];
        scope = pawl_scope_child(core, scope, step->hash, &step->key);
        if (scope == 0) {
            break;
        }
        list_add(list, scope);
    }
}

/* From the guess up to the tenant: a scope exists only with all scopes above it, so where the texts
 * are right all the way there is no more to look up. The budget of the deepest is asked for first,
 * since it is the one that the fewest requests share. False: the guess was wrong, two paths have
 * the same hash. */
static bool climb_levels(const struct pawl_core *core,
                         const struct pawl_subject_path *path,
                         struct pawl_scope_list *list)
{
    uint32_t scope = path->steps[path->deepest].guess;
    PAWL_ASSERT(path->deepest < path->level_count);
    if (scope == 0) {
        return true; /* There is none at any level. */
    }
    for (uint32_t i = path->deepest + 1; i > 0; i--) {
        if (scope == 0 || !pawl_scope_has(core, scope, &path->steps[i - 1].key)) {
            return false;
        }
        const struct pawl_scope_slot *slot = pawl_scope_at(core, scope);
        if (slot->first_budget != 0) {
            __builtin_prefetch(pawl_budget_at(core, slot->first_budget), 1);
        }
        list->scopes[i - 1] = scope;
        scope = slot->parent;
    }
    list->count = path->deepest + 1;
    return scope == 0;
}

void pawl_subject_scopes(const struct pawl_core *core,
                         const struct pawl_subject_path *path,
                         struct pawl_scope_list *ret_list)
{
    PAWL_ASSERT(path->level_count >= 1);
    PAWL_ASSERT(path->step_count <= PAWL_SUBJECT_SCOPES_MAX);
    ret_list->count = 0;
    ret_list->session = 0;
    ret_list->session_unknown = path->steps[path->step_count - 1].key.level == PAWL_LEVEL_SESSION;
    if (!climb_levels(core, path, ret_list)) {
        ret_list->count = 0;
        walk_levels(core, path, ret_list);
    }
    for (uint32_t i = path->level_count; i < path->step_count && ret_list->count > 0; i++) {
        const struct pawl_path_step *step = &path->steps[i];
        uint32_t tenant = ret_list->scopes[0];
        uint32_t scope = step->guess;
        if (scope != 0 && (pawl_scope_at(core, scope)->parent != tenant ||
                           !pawl_scope_has(core, scope, &step->key))) {
            scope = pawl_scope_child(core, tenant, step->hash, &step->key);
        }
        if (scope != 0) {
            list_add(ret_list, scope);
        }
        if (scope != 0 && step->key.level == PAWL_LEVEL_SESSION) {
            ret_list->session = pawl_scope_at(core, scope)->session;
            ret_list->session_unknown = ret_list->session == 0;
        }
    }
}

uint32_t
pawl_subject_session(const struct pawl_core *core, struct pawl_slice tenant, struct pawl_slice name)
{
    struct pawl_scope_name place = pawl_scope_of_session(tenant, name);
    PAWL_ASSERT(place.dimension.name.bytes == 0);
    uint32_t scope = pawl_scope_find(core, &place);
    if (scope == 0) {
        return 0;
    }
    PAWL_ASSERT(pawl_scope_at(core, scope)->level == PAWL_LEVEL_SESSION);
    return pawl_scope_at(core, scope)->session;
}
