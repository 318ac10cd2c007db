/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk_check.c: every budget is looked at, its path taken apart as text, and compared with the
 * filter; the walk must find the same ones, each once, however few scopes it may look at in a call.
 */
#include "walk_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

enum { BUDGETS_MAX = 512, PATH_BYTES = 2048 };

static const char *const levels[PAWL_LEVEL_COUNT] = {"tenant",   "workspace", "app",
                                                     "workflow", "agent",     "toolset"};

/* Whether the path is of levels only and has every one that the filter gives. */
static bool path_matches(const char *path, const struct pawl_scope_name *filter)
{
    struct pawl_slice rest = pawl_slice_str(path);
    uint32_t wanted = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < PAWL_LEVEL_COUNT; i++) {
        wanted += filter->levels[i].bytes > 0;
    }
    while (!pawl_slice_empty(rest)) {
        struct pawl_slice value = pawl_slice_cut(&rest, '/');
        struct pawl_slice key = pawl_slice_cut(&value, ':');
        uint32_t level = 0;
        while (level < PAWL_LEVEL_COUNT && !pawl_slice_equal_str(key, levels[level])) {
            level++;
        }
        if (level == PAWL_LEVEL_COUNT) {
            return false;
        }
        found += filter->levels[level].bytes > 0 && pawl_slice_equal(filter->levels[level], value);
    }
    return found == wanted;
}

static uint32_t walk_all(const struct pawl_core *core,
                         const struct pawl_scope_name *filter,
                         uint32_t steps_max,
                         uint32_t *ret_seen)
{
    struct pawl_budget_walk walk = {0};
    uint64_t budget = 0;
    uint32_t count = 0;
    uint32_t calls = 0;
    while (pawl_core_budget_walk(core, filter, steps_max, &walk, &budget)) {
        PAWL_ASSERT(++calls < 100000);
        if (budget != 0) {
            PAWL_ASSERT(budget < BUDGETS_MAX);
            ret_seen[budget]++;
            count++;
        }
    }
    return count;
}

int walk_check(const struct pawl_core *core,
               const struct pawl_scope_name *filter,
               uint32_t steps_max)
{
    uint32_t seen[BUDGETS_MAX] = {0};
    uint32_t count = walk_all(core, filter, steps_max, seen);
    uint32_t cursor = 0;
    uint64_t budget = 0;
    int failures = 0;
    while (pawl_core_budget_next(core, &cursor, &budget)) {
        struct pawl_budget_view view;
        char path[PATH_BYTES];
        bool there = pawl_core_budget(core, budget, pawl_core_now_us(core), &view);
        PAWL_ASSERT(there);
        (void)pawl_core_scope_path(core, view.scope, path, sizeof(path));
        uint32_t wanted = path_matches(path, filter) ? 1 : 0;
        if (seen[budget] != wanted) {
            printf("walk of %u steps: budget %" PRIu64 " at %s is found %u times\n", steps_max,
                   budget, path, seen[budget]);
            failures++;
        }
        count -= wanted;
    }
    return failures + (count != 0 ? 1 : 0);
}
