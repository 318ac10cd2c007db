/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_walk.c: what a walk over budgets costs: with all levels given it goes straight to the
 * place, however many scopes the tenant has. What it finds is in the tables and the random walk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/state.h"
#include "core_memory.h"

enum { WORKSPACES = 200, AGENTS = 100 };

static uint64_t create(struct pawl_core *core, const char *workspace, const char *agent)
{
    struct pawl_command command = {
        .type = PAWL_COMMAND_BUDGET_CREATE,
        .u.budget_create = {.unit = PAWL_UNIT_TOKENS, .allocated = 1, .mode = PAWL_BUDGET_ENFORCE}};
    struct pawl_slice *levels = command.u.budget_create.scope.levels;
    levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    levels[PAWL_LEVEL_WORKSPACE] = pawl_slice_str(workspace);
    levels[PAWL_LEVEL_AGENT] = pawl_slice_str(agent);
    struct pawl_result result;
    memory_give(core, pawl_core_chunks_wanted(core, 1));
    pawl_core_apply(core, 2, &command, &result);
    assert_int_equal(result.code, PAWL_RESULT_OK);
    return result.id;
}

static struct pawl_core *crowded(uint64_t *ret_one)
{
    struct pawl_core *core = memory_configured(100000);
    for (int workspace = 0; workspace < WORKSPACES; workspace++) {
        for (int agent = 0; agent < AGENTS; agent++) {
            char names[2][16];
            (void)snprintf(names[0], sizeof(names[0]), "w%d", workspace);
            (void)snprintf(names[1], sizeof(names[1]), "a%d", agent);
            uint64_t id = create(core, names[0], names[1]);
            *ret_one = workspace == 77 && agent == 55 ? id : *ret_one;
        }
    }
    return core;
}

/* How many calls of one step each it takes; *ret_found is what was found, one after the other. */
static uint32_t calls_of(const struct pawl_core *core,
                         const struct pawl_scope_name *filter,
                         uint32_t *ret_found,
                         uint64_t *ret_last)
{
    struct pawl_budget_walk walk = {0};
    uint64_t budget = 0;
    uint32_t calls = 0;
    *ret_found = 0;
    for (; pawl_core_budget_walk(core, filter, 1, &walk, &budget); calls++) {
        *ret_found += budget != 0;
        *ret_last = budget != 0 ? budget : *ret_last;
    }
    return calls;
}

static void a_place_with_all_levels_given_is_found_at_once(void **state)
{
    (void)state;
    uint64_t wanted = 0;
    uint64_t last = 0;
    uint32_t found = 0;
    struct pawl_core *core = crowded(&wanted);
    struct pawl_scope_name filter = {.session = PAWL_SLICE_NONE};
    filter.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    filter.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("w77");
    filter.levels[PAWL_LEVEL_AGENT] = PAWL_SLICE("a55");
    /* The workspace's other agents are passed over; the other workspaces are never looked at. */
    assert_true(calls_of(core, &filter, &found, &last) < 2 * AGENTS);
    assert_int_equal(found, 1);
    assert_int_equal(last, wanted);
    filter.levels[PAWL_LEVEL_AGENT] = PAWL_SLICE_NONE;
    assert_true(calls_of(core, &filter, &found, &last) < 2 * AGENTS);
    assert_int_equal(found, AGENTS);
    filter.levels[PAWL_LEVEL_WORKSPACE] = PAWL_SLICE("nowhere");
    assert_true(calls_of(core, &filter, &found, &last) < 5);
    assert_int_equal(found, 0);
    memory_free(core);
}

static void every_budget_of_a_tenant_is_found_once(void **state)
{
    (void)state;
    uint64_t wanted = 0;
    uint64_t last = 0;
    uint32_t found = 0;
    struct pawl_core *core = crowded(&wanted);
    struct pawl_scope_name filter = {.session = PAWL_SLICE_NONE};
    filter.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme");
    (void)calls_of(core, &filter, &found, &last);
    assert_int_equal(found, WORKSPACES * AGENTS);
    filter.levels[PAWL_LEVEL_AGENT] = PAWL_SLICE("a55");
    (void)calls_of(core, &filter, &found, &last);
    assert_int_equal(found, WORKSPACES);
    memory_free(core);
}

/* From any budget a walk goes on as the one that came to it, also when others were made since. */
static void a_walk_goes_on_behind_any_budget(void **state)
{
    (void)state;
    enum { ALL = WORKSPACES * AGENTS };
    static uint64_t order[ALL];
    uint64_t wanted = 0;
    uint32_t count = 0;
    struct pawl_core *core = crowded(&wanted);
    struct pawl_scope_name filter = {.levels = {[PAWL_LEVEL_TENANT] = PAWL_SLICE("acme")}};
    struct pawl_budget_walk walk = {0};
    uint64_t budget = 0;
    while (pawl_core_budget_walk(core, &filter, 1, &walk, &budget)) {
        if (budget != 0) {
            assert_true(count < ALL);
            order[count++] = budget;
        }
    }
    assert_int_equal(count, ALL);
    uint64_t made_first = create(core, "w33", "new");
    (void)create(core, "a-new-one", "new");
    for (uint32_t i = 0; i + 1 < ALL; i += 997) {
        assert_true(pawl_core_budget_walk_at(core, order[i], &walk));
        budget = 0;
        while (budget == 0 || budget >= made_first) {
            assert_true(pawl_core_budget_walk(core, &filter, 1, &walk, &budget));
        }
        assert_int_equal(budget, order[i + 1]);
    }
    assert_false(pawl_core_budget_walk_at(core, made_first + 2, &walk));
    assert_false(pawl_core_budget_walk_at(core, 0, &walk));
    memory_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_with_all_levels_given_is_found_at_once),
        cmocka_unit_test(every_budget_of_a_tenant_is_found_once),
        cmocka_unit_test(a_walk_goes_on_behind_any_budget),
    };
    return cmocka_run_group_tests_name("core_walk", tests, NULL, NULL);
}
