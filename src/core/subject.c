/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subject.c: from who spends to the scopes that exist for it, in one canonical order: the levels
 * from the tenant down, the dimensions by name, the session. The order decides which
 * budget a refusal names and how deltas are listed, so it must not depend on how a request
 * happened to be written.
 *
 * All hashes are computed first and their buckets asked for ahead, because the look-ups wait for
 * memory and not for the processor.
 */
#include "core/index.h"
#include "core/scope.h"
#include "core/table.h"

struct path_step {
    struct pawl_scope_key key;
    uint64_t hash;
};

static struct path_step
path_step(const struct pawl_core *core, uint64_t parent_hash, struct pawl_scope_key key)
{
    struct path_step step = {.key = key, .hash = pawl_scope_hash(core, parent_hash, &key)};
    pawl_index_prefetch(core, PAWL_INDEX_SCOPE, (uint32_t)step.hash);
    PAWL_ASSERT(!pawl_slice_empty(key.value));
    return step;
}

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

static void list_add(struct pawl_scope_list *list, uint32_t scope)
{
    PAWL_ASSERT(scope != 0);
    PAWL_ASSERT(list->count < PAWL_SUBJECT_SCOPES_MAX);
    list->scopes[list->count] = scope;
    list->count++;
}

/* The levels below the tenant; a scope exists only with all scopes above it. */
static void list_add_levels(const struct pawl_core *core,
                            const struct path_step *steps,
                            uint32_t step_count,
                            struct pawl_scope_list *list)
{
    PAWL_ASSERT(step_count <= PAWL_LEVEL_COUNT);
    PAWL_ASSERT(list->count == 0);
    uint32_t scope = 0;
    for (uint32_t i = 0; i < step_count; i++) {
        scope = pawl_scope_child(core, scope, steps[i].hash, &steps[i].key);
        if (scope == 0) {
            return;
        }
        list_add(list, scope);
    }
}

void pawl_subject_scopes(const struct pawl_core *core,
                         const struct pawl_subject *subject,
                         struct pawl_scope_list *ret_list)
{
    struct path_step steps[PAWL_SUBJECT_SCOPES_MAX];
    uint32_t level_count = 0;
    uint64_t hash = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (!pawl_slice_empty(subject->levels[level])) {
            struct pawl_scope_key key = {.level = (uint8_t)level, .value = subject->levels[level]};
            steps[level_count] = path_step(core, hash, key);
            hash = steps[level_count].hash;
            level_count++;
        }
    }
    PAWL_ASSERT(level_count >= 1);
    PAWL_ASSERT(steps[0].key.level == PAWL_LEVEL_TENANT);
    uint32_t step_count = level_count;
    PAWL_ASSERT(step_count + subject->dimension_count < PAWL_SUBJECT_SCOPES_MAX);
    const struct pawl_dimension *dimensions[PAWL_DIMENSIONS_MAX];
    dimensions_sort(subject, dimensions);
    for (uint32_t i = 0; i < subject->dimension_count; i++) {
        struct pawl_scope_key key = {.level = PAWL_LEVEL_DIMENSION,
                                     .name = dimensions[i]->name,
                                     .value = dimensions[i]->value};
        steps[step_count] = path_step(core, steps[0].hash, key);
        step_count++;
    }
    if (!pawl_slice_empty(subject->session)) {
        struct pawl_scope_key key = {.level = PAWL_LEVEL_SESSION, .value = subject->session};
        steps[step_count] = path_step(core, steps[0].hash, key);
        step_count++;
    }

    *ret_list = (struct pawl_scope_list){.session_unknown = !pawl_slice_empty(subject->session)};
    list_add_levels(core, steps, level_count, ret_list);
    for (uint32_t i = level_count; i < step_count && ret_list->count > 0; i++) {
        uint32_t scope = pawl_scope_child(core, ret_list->scopes[0], steps[i].hash, &steps[i].key);
        if (scope != 0) {
            list_add(ret_list, scope);
        }
        if (scope != 0 && steps[i].key.level == PAWL_LEVEL_SESSION) {
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
