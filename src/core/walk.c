/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c: the budgets below a place, for lists. Scopes of levels form a tree, each with a list of
 * its children; the walk goes over it in preorder without a stack, since a scope knows its parent.
 *
 * A filter gives some of the levels. With g the next one that it gives below a scope, a child of
 * that scope
 *   at g itself   can match only with the value that the filter gives: it is found by its hash
 *   before g      may lie on the way to one that matches: the list is gone through for those
 *   behind g      has left g out for good and is passed over
 * So where no level lies between, which is always so when all are given, the list is not touched;
 * and a scope below which no g is left matches with all that is below it.
 *
 * Of a dimension or a session there is one scope, with nothing below.
 */
#include "core/ops.h"
#include "core/scope.h"
#include "core/table.h"

struct walk {
    const struct pawl_core *core;
    const struct pawl_scope_name *filter;
    uint32_t root; /* where the walk begins */
    uint32_t steps_left;
};

/* The next level behind this one that the filter gives, or PAWL_LEVEL_COUNT. */
static uint32_t next_given(const struct walk *walk, uint32_t level)
{
    uint32_t given = level + 1;
    PAWL_ASSERT(level < PAWL_LEVEL_COUNT);
    while (given < PAWL_LEVEL_COUNT && pawl_slice_empty(walk->filter->levels[given])) {
        given++;
    }
    return given;
}

/* The child at the next given level, or 0. */
static uint32_t given_child(struct walk *walk, uint32_t scope, uint32_t given)
{
    struct pawl_scope_key key = {.level = (uint8_t)given, .value = walk->filter->levels[given]};
    uint64_t hash = pawl_scope_hash(walk->core, pawl_scope_hash_of(walk->core, scope), &key);
    PAWL_ASSERT(given < PAWL_LEVEL_COUNT);
    walk->steps_left -= walk->steps_left > 0;
    return pawl_scope_child(walk->core, scope, hash, &key);
}

/* The first in the rest of a list that comes before the next given level, or where the steps end:
 * then *ret_looked is the last that was passed over. 0: there is none. */
static uint32_t
listed_child(struct walk *walk, uint32_t scope, uint32_t given, uint32_t *ret_passed)
{
    *ret_passed = 0;
    while (scope != 0) {
        const struct pawl_scope_slot *slot = pawl_scope_at(walk->core, scope);
        PAWL_ASSERT(slot->level < PAWL_LEVEL_COUNT);
        if (slot->level < given || given == PAWL_LEVEL_COUNT) {
            return scope;
        }
        if (walk->steps_left == 0 && slot->level != given) {
            *ret_passed = scope;
            return 0;
        }
        walk->steps_left -= walk->steps_left > 0;
        scope = slot->next_sibling;
    }
    return 0;
}

/* What a step comes to: a scope on the way, one that was passed over because the steps ended, or
 * neither at the end. */
struct place {
    uint32_t scope;
    uint32_t passed;
};

static struct place first_below(struct walk *walk, uint32_t scope)
{
    const struct pawl_scope_slot *slot = pawl_scope_at(walk->core, scope);
    struct place place = {.scope = 0};
    if (slot->level >= PAWL_LEVEL_COUNT || slot->first_child == 0) {
        return place;
    }
    uint32_t given = next_given(walk, slot->level);
    if (given < PAWL_LEVEL_COUNT) {
        place.scope = given_child(walk, scope, given);
    }
    if (place.scope == 0 && given > (uint32_t)slot->level + 1) {
        place.scope = listed_child(walk, slot->first_child, given, &place.passed);
    }
    return place;
}

/* The next one beside or above. */
static struct place next_beside(struct walk *walk, uint32_t scope)
{
    struct place place = {.scope = 0};
    while (scope != walk->root && place.scope == 0 && place.passed == 0) {
        const struct pawl_scope_slot *slot = pawl_scope_at(walk->core, scope);
        const struct pawl_scope_slot *above = pawl_scope_at(walk->core, slot->parent);
        uint32_t given = next_given(walk, above->level);
        PAWL_ASSERT(slot->parent != 0);
        if (slot->level != given) {
            place.scope = listed_child(walk, slot->next_sibling, given, &place.passed);
        } else if (given > (uint32_t)above->level + 1) {
            /* It was found by its hash; the list comes after it. */
            place.scope = listed_child(walk, above->first_child, given, &place.passed);
        }
        scope = slot->parent;
    }
    return place;
}

/* Whether a scope that the steps left as passed over is on no way to a match. */
static bool passed_over(const struct walk *walk, uint32_t scope)
{
    const struct pawl_scope_slot *slot = pawl_scope_at(walk->core, scope);
    if (scope == walk->root) {
        return false;
    }
    PAWL_ASSERT(slot->level < PAWL_LEVEL_COUNT);
    return slot->level > next_given(walk, pawl_scope_at(walk->core, slot->parent)->level);
}

/* Whether every given level is on the scope's path, which is on the way. */
static bool matches(const struct walk *walk, uint32_t scope)
{
    const struct pawl_scope_slot *slot = pawl_scope_at(walk->core, scope);
    PAWL_ASSERT(!passed_over(walk, scope));
    return slot->level >= PAWL_LEVEL_COUNT || next_given(walk, slot->level) == PAWL_LEVEL_COUNT;
}

/* Where the walk begins: the tenant, or the one scope of a dimension or session. 0: nowhere. */
static uint32_t root_of(const struct pawl_core *core, const struct pawl_scope_name *filter)
{
    uint32_t deeper = 0;
    for (uint32_t level = 0; level < PAWL_LEVEL_COUNT; level++) {
        if (filter->levels[level].bytes > PAWL_NAME_BYTES_MAX) {
            return 0;
        }
        deeper += level > PAWL_LEVEL_TENANT && filter->levels[level].bytes > 0;
    }
    const struct pawl_dimension *dimension = &filter->dimension;
    bool of_dimension = dimension->name.bytes > 0 && dimension->value.bytes > 0;
    bool of_session = filter->session.bytes > 0;
    if (pawl_slice_empty(filter->levels[PAWL_LEVEL_TENANT])) {
        return 0;
    }
    if (!of_dimension && !of_session) {
        return pawl_scope_tenant(core, filter->levels[PAWL_LEVEL_TENANT]);
    }
    bool one = deeper == 0 && of_dimension != of_session &&
               dimension->name.bytes <= PAWL_NAME_BYTES_MAX &&
               dimension->value.bytes <= PAWL_VALUE_BYTES_MAX &&
               filter->session.bytes <= PAWL_NAME_BYTES_MAX;
    return one ? pawl_scope_find(core, filter) : 0;
}

bool pawl_core_budget_walk(const struct pawl_core *core,
                           const struct pawl_scope_name *filter,
                           uint32_t steps_max,
                           struct pawl_budget_walk *walk,
                           uint64_t *ret_budget)
{
    struct walk going = {.core = core, .filter = filter, .steps_left = steps_max};
    struct place place = {.scope = walk->scope};
    uint32_t budget = 0;
    PAWL_ASSERT(walk->budget == 0 || walk->scope != 0);
    PAWL_ASSERT(steps_max > 0);
    *ret_budget = 0;
    going.root = root_of(core, filter);
    if (going.root == 0) {
        return false;
    }
    if (walk->scope == 0) {
        place.scope = going.root;
        budget = matches(&going, place.scope) ? pawl_scope_at(core, place.scope)->first_budget : 0;
    } else if (walk->budget != 0) {
        budget = pawl_budget_at(core, walk->budget)->next;
    }
    while (budget == 0) {
        uint32_t at = place.scope;
        place = (struct place){.scope = 0};
        if (!passed_over(&going, at)) {
            place = first_below(&going, at);
        }
        if (place.scope == 0 && place.passed == 0) {
            place = next_beside(&going, at);
        }
        if (place.scope == 0 && place.passed == 0) {
            return false;
        }
        if (place.scope != 0 && matches(&going, place.scope)) {
            budget = pawl_scope_at(core, place.scope)->first_budget;
        }
        if (budget == 0 && (place.passed != 0 || going.steps_left == 0)) {
            walk->scope = place.scope != 0 ? place.scope : place.passed;
            walk->budget = 0;
            return true;
        }
        going.steps_left -= going.steps_left > 0;
    }
    walk->scope = place.scope;
    walk->budget = budget;
    *ret_budget = pawl_id_make(0, budget);
    return true;
}

bool pawl_core_budget_walk_at(const struct pawl_core *core,
                              uint64_t budget,
                              struct pawl_budget_walk *ret_walk)
{
    uint32_t at = pawl_budget_of_id(core, budget);
    if (at == 0) {
        return false;
    }
    *ret_walk = (struct pawl_budget_walk){.scope = pawl_budget_at(core, at)->scope, .budget = at};
    PAWL_ASSERT(ret_walk->scope != 0);
    return true;
}
